// SPDX-License-Identifier: Apache-2.0
// One user: what it may do and why, its groups, keys and tags.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, ShieldCheck, ShieldQuestion, Trash2, Users as UsersIcon, X } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { isApiError } from '../../../api/http';
import * as iam from '../../../api/iam';
import { api, forgetPermissions, useCan } from '../../../app';
import { t } from '../../../strings';
import { Button, Card, Copyable, ErrorState, IconButton, KeyValue, KeyValues, LinkButton, Loading, PageHeader, Tabs, Time, toast } from '../../../ui';
import css from '../identity.module.css';
import { AddDialog, BoundaryCard, Missing, PoliciesCard, RemoveDialog, Row, Rows, TagsCard } from '../parts';
import { place, simulatorFor } from '../places';
import { userSteps } from '../removal';
import { useQueryParameter } from '../useNamed';
import { UserKeys } from './Keys';

export function UserPage({ name }: { name: string }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [tab, setTab] = useQueryParameter('tab', 'permissions');
  const user = useQuery({ queryKey: ['user', name], queryFn: ({ signal }) => iam.getUser(api(), name, { signal }) });
  const resource = user.data?.arn ?? '*';
  const can = useCan(['iam:DeleteUser', 'iam:SimulatePrincipalPolicy', 'iam:TagUser', 'iam:UntagUser', 'iam:ListAccessKeys', 'iam:ListGroupsForUser'].map((action) => ({ action, resource })));
  const [mayDelete, maySimulate, mayTag, mayUntag, mayKeys, mayGroups] = can.allowed;
  const [removing, setRemoving] = useState(false);
  const crumbs = [{ label: t('app.identityUsers'), href: '/identity/users' }, { label: name }];
  if (user.isPending) return <Loading rows={6} />;
  if (isApiError(user.error) && user.error.isMissing) return <Missing title={t('identity.noSuchUser', { name })} back={<LinkButton href="/identity/users">{t('app.identityUsers')}</LinkButton>} />;
  if (user.error) return <ErrorState error={user.error} onRetry={() => void user.refetch()} />;
  const u = user.data;
  const items = [
    {
      id: 'permissions',
      label: t('identity.permissions'),
      content: (
        <div className="stack">
          <PoliciesCard entity={{ kind: 'user', name }} arn={u.arn} />
          {mayGroups && <FromGroups name={name} />}
          <BoundaryCard entity={{ kind: 'user', name }} arn={u.arn} boundary={u.boundary} />
        </div>
      ),
    },
    mayGroups && { id: 'groups', label: t('identity.groups'), content: <Groups name={name} /> },
    mayKeys && { id: 'keys', label: t('identity.accessKeys'), content: <UserKeys name={name} arn={u.arn} /> },
    {
      id: 'tags',
      label: t('identity.tags'),
      count: Object.keys(u.tags).length || undefined,
      content: (
        <TagsCard
          tags={u.tags}
          mayEdit={Boolean(mayTag && mayUntag)}
          save={async (tags, gone) => {
            if (gone.length) await iam.untagUser(api(), name, gone);
            if (Object.keys(tags).length) await iam.tagUser(api(), name, tags);
            await client.invalidateQueries({ queryKey: ['user', name] });
            forgetPermissions();
          }}
        />
      ),
    },
  ].filter((i) => i !== false && i !== undefined);
  return (
    <>
      <PageHeader
        title={name}
        crumbs={crumbs}
        actions={
          <>
            {maySimulate && (
              <LinkButton href={simulatorFor(u.arn)} icon={ShieldQuestion}>
                {t('identity.simulate')}
              </LinkButton>
            )}
            {mayDelete && (
              <Button variant="dangerGhost" icon={Trash2} onPress={() => setRemoving(true)}>
                {t('ui.delete')}
              </Button>
            )}
          </>
        }
      />
      <div className="stack">
        <Card>
          <KeyValues>
            <KeyValue label={t('profile.arn')}>
              <Copyable value={u.arn} />
            </KeyValue>
            <KeyValue label={t('profile.id')}>
              <code>{u.id}</code>
            </KeyValue>
            <KeyValue label={t('identity.created')}>
              <Time value={u.created ?? null} full />
            </KeyValue>
          </KeyValues>
        </Card>
        <Tabs label={name} items={items} selected={items.some((i) => i.id === tab) ? tab : 'permissions'} onSelect={setTab} />
      </div>
      {removing && (
        <RemoveDialog
          title={t('identity.deleteUser', { name })}
          id={u.arn}
          typed={name}
          plan={() => userSteps(name)}
          onClose={() => setRemoving(false)}
          onDone={() => {
            toast.success(t('identity.deleted', { name }));
            void client.invalidateQueries({ queryKey: ['users'] });
            void client.invalidateQueries({ queryKey: ['group'] });
            go('/identity/users');
          }}
        />
      )}
    </>
  );
}

const useGroups = (name: string) => useQuery({ queryKey: ['user', name, 'groups'], queryFn: ({ signal }) => iam.listGroupsForUser(api(), name, { signal }) });

/** Policies that come with the groups. */
function FromGroups({ name }: { name: string }) {
  const groups = useGroups(name);
  const list = groups.data ?? [];
  const policies = useQuery({
    queryKey: ['user', name, 'fromGroups', list.map((g) => g.name)],
    enabled: groups.isSuccess,
    queryFn: async ({ signal }) =>
      Promise.all(
        list.map(async (g) => {
          const e = { kind: 'group', name: g.name } as const;
          const [attached, inline] = await Promise.all([iam.listAttachedPolicies(api(), e, { signal }), iam.listInlinePolicies(api(), e, { signal })]);
          return { group: g.name, attached, inline };
        }),
      ),
  });
  return (
    <Card flush title={t('identity.fromGroups')} description={t('identity.fromGroupsHelp')}>
      {groups.isPending || policies.isPending ? (
        <div className={css.none}>
          <Loading rows={2} />
        </div>
      ) : groups.error || policies.error ? (
        <ErrorState error={groups.error ?? policies.error} onRetry={() => void policies.refetch()} />
      ) : (
        <Rows empty={t('identity.noFromGroups')}>
          {policies.data.flatMap(({ group, attached, inline }) => [
            ...attached.map((p) => (
              <Row key={`${group}/${p.arn}`} icon={<ShieldCheck size={16} aria-hidden className="muted" />} note={t('identity.fromGroup', { name: group })}>
                <Link href={place('policies', p.name, { arn: p.arn })}>{p.name}</Link>
              </Row>
            )),
            ...inline.map((i) => (
              <Row key={`${group}/inline/${i}`} icon={<ShieldCheck size={16} aria-hidden className="muted" />} note={t('identity.inlineOf', { name: group })}>
                <Link href={place('groups', group)}>{i}</Link>
              </Row>
            )),
          ])}
        </Rows>
      )}
    </Card>
  );
}

function Groups({ name }: { name: string }) {
  const client = useQueryClient();
  const groups = useGroups(name);
  const can = useCan([{ action: 'iam:AddUserToGroup' }, { action: 'iam:RemoveUserFromGroup' }, { action: 'iam:ListGroups' }]);
  const [mayAdd, mayRemove, mayList] = can.allowed;
  const [adding, setAdding] = useState(false);
  const all = useQuery({ queryKey: ['groups'], queryFn: ({ signal }) => iam.listGroups(api(), { signal }), enabled: adding });
  const changed = () => {
    void client.invalidateQueries({ queryKey: ['user', name] });
    void client.invalidateQueries({ queryKey: ['group'] });
    forgetPermissions();
  };
  const remove = async (group: string) => {
    try {
      await iam.removeUserFromGroup(api(), group, name);
      changed();
    } catch (error) {
      toast.error(error);
    }
  };
  const mine = new Set(groups.data?.map((g) => g.name));
  return (
    <Card
      flush
      title={t('identity.groups')}
      description={t('identity.groupsOfHelp')}
      actions={
        mayAdd &&
        mayList && (
          <Button size="sm" icon={Plus} onPress={() => setAdding(true)}>
            {t('identity.addToGroup')}
          </Button>
        )
      }
    >
      {groups.isPending ? (
        <div className={css.none}>
          <Loading rows={2} />
        </div>
      ) : groups.error ? (
        <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />
      ) : (
        <Rows empty={t('identity.inNoGroup')}>
          {groups.data.map((g) => (
            <Row key={g.name} icon={<UsersIcon size={16} aria-hidden className="muted" />} actions={mayRemove && <IconButton size="sm" variant="dangerGhost" label={t('identity.leave', { name: g.name })} icon={X} onPress={() => void remove(g.name)} />}>
              <Link href={place('groups', g.name)}>{g.name}</Link>
            </Row>
          ))}
        </Rows>
      )}
      {adding && (
        <AddDialog
          title={t('identity.addToGroup')}
          label={t('identity.groups')}
          action={t('identity.add')}
          options={all.data?.filter((g) => !mine.has(g.name)).map((g) => ({ id: g.name, label: g.name }))}
          empty={t('identity.noGroups')}
          add={(group) => iam.addUserToGroup(api(), group, name)}
          onClose={() => setAdding(false)}
          onDone={changed}
        />
      )}
    </Card>
  );
}
