// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, ShieldQuestion, Trash2, User as UserIcon, Users as UsersIcon, X } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import * as iam from '../../../api/iam';
import { api, forgetPermissions, useCan, useSession, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Button, Card, Copyable, EmptyState, ErrorState, FormDialog, formatNumber, IconButton, KeyValue, KeyValues, LinkButton, Loading, PageHeader, Skeleton, Table, Tabs, TextField, Time, toast, type Column } from '../../../ui';
import css from '../identity.module.css';
import { AddDialog, ListPage, Missing, PoliciesCard, RemoveDialog, Row, Rows } from '../parts';
import { found, nameFits, place, simulatorFor } from '../places';
import { groupSteps } from '../removal';
import { useNamed, useQueryParameter } from '../useNamed';

export default function Page({ params }: PageProps) {
  const name = useNamed(params);
  return name === undefined ? <List /> : <GroupPage key={name} name={name} />;
}

const useGroups = () => useQuery({ queryKey: ['groups'], queryFn: ({ signal }) => iam.listGroups(api(), { signal }) });

function Count({ name, what }: { name: string; what: 'members' | 'policies' }) {
  const n = useQuery({
    queryKey: ['group', name, 'count', what],
    staleTime: 30_000,
    queryFn: async ({ signal }) => {
      if (what === 'members') return (await iam.getGroup(api(), name, { signal })).length;
      const e = { kind: 'group', name } as const;
      const [a, b] = await Promise.all([iam.listAttachedPolicies(api(), e, { signal }), iam.listInlinePolicies(api(), e, { signal })]);
      return a.length + b.length;
    },
  });
  return n.isPending ? <Skeleton width="2rem" /> : n.error ? <span className="muted">–</span> : <span className="num">{formatNumber(n.data)}</span>;
}

function List() {
  const [, go] = useLocation();
  const { who } = useSession();
  const groups = useGroups();
  const can = useCan([{ action: 'iam:CreateGroup', resource: `arn:aws:iam::${who?.account ?? '*'}:group/*` }]);
  const [filter, setFilter] = useState('');
  const rows = (groups.data ?? []).filter((g) => found(filter, g.name, g.path)).sort((a, b) => a.name.localeCompare(b.name));
  const columns: Column<iam.Group>[] = [
    { id: 'name', header: t('identity.name'), width: 'minmax(0, 2fr)', cell: (g) => <strong className="ellipsis">{g.name}</strong> },
    { id: 'members', header: t('identity.members'), width: '6rem', align: 'end', cell: (g) => <Count name={g.name} what="members" /> },
    { id: 'policies', header: t('identity.policies'), width: '6rem', align: 'end', minTable: 460, cell: (g) => <Count name={g.name} what="policies" /> },
    { id: 'created', header: t('identity.created'), width: '9rem', minTable: 600, cell: (g) => <Time value={g.created ?? null} /> },
  ];
  return (
    <ListPage
      title={t('app.identityGroups')}
      help={t('identity.groupsHelp')}
      query={groups}
      icon={UsersIcon}
      none={t('identity.noGroups')}
      noneHelp={t('identity.noGroupsHelp')}
      create={can.all && { label: t('identity.createGroup'), dialog: (close) => <CreateGroup onClose={close} /> }}
      search={{ label: t('identity.searchGroups'), value: filter, onChange: setFilter }}
    >
      <Table label={t('app.identityGroups')} rows={rows} rowKey={(g) => g.name} columns={columns} onOpen={(g) => go(place('groups', g.name))} empty={<EmptyState title={t('ui.noMatch')} />} />
    </ListPage>
  );
}

function CreateGroup({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [name, setName] = useState('');
  const bad = !nameFits(name, 'groups');
  const send = async () => {
    await iam.createGroup(api(), name);
    await client.invalidateQueries({ queryKey: ['groups'] });
    toast.success(t('identity.created_', { name }));
    go(place('groups', name), { replace: true });
  };
  return (
    <FormDialog title={t('identity.createGroup')} action={t('identity.createGroup')} isWrong={bad} onClose={onClose} onSend={send}>
      {(tried) => <TextField label={t('identity.name')} value={name} onChange={setName} isRequired autoFocus error={tried && bad ? t('identity.badName') : null} description={t('identity.nameHelp')} />}
    </FormDialog>
  );
}

function GroupPage({ name }: { name: string }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [tab, setTab] = useQueryParameter('tab', 'members');
  const groups = useGroups();
  const group = groups.data?.find((g) => g.name.toLowerCase() === name.toLowerCase());
  const resource = group?.arn ?? '*';
  const can = useCan(['iam:DeleteGroup', 'iam:SimulatePrincipalPolicy', 'iam:GetGroup', 'iam:AddUserToGroup', 'iam:RemoveUserFromGroup', 'iam:ListUsers'].map((action) => ({ action, resource: action === 'iam:ListUsers' ? '*' : resource })));
  const [mayDelete, maySimulate, mayGet, mayAdd, mayRemove, mayUsers] = can.allowed;
  const members = useQuery({ queryKey: ['group', name, 'members'], queryFn: ({ signal }) => iam.getGroup(api(), name, { signal }), enabled: Boolean(mayGet) });
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState(false);
  const users = useQuery({ queryKey: ['users'], queryFn: ({ signal }) => iam.listUsers(api(), { signal }), enabled: adding });
  const changed = () => {
    void client.invalidateQueries({ queryKey: ['group', name] });
    void client.invalidateQueries({ queryKey: ['user'] });
    forgetPermissions();
  };
  if (groups.isPending) return <Loading rows={6} />;
  if (groups.error) return <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />;
  if (!group) return <Missing title={t('identity.noSuchGroup', { name })} back={<LinkButton href="/identity/groups">{t('app.identityGroups')}</LinkButton>} />;
  const remove = async (user: string) => {
    try {
      await iam.removeUserFromGroup(api(), name, user);
      changed();
    } catch (error) {
      toast.error(error);
    }
  };
  const inside = new Set(members.data?.map((u) => u.name));
  const membersTab = {
    id: 'members',
    label: t('identity.members'),
    count: members.data?.length,
    content: (
      <Card
        flush
        title={t('identity.members')}
        actions={
          mayAdd &&
          mayUsers && (
            <Button size="sm" icon={Plus} onPress={() => setAdding(true)}>
              {t('identity.addMembers')}
            </Button>
          )
        }
      >
        {members.isPending ? (
          <div className={css.none}>
            <Loading rows={2} />
          </div>
        ) : members.error ? (
          <ErrorState error={members.error} onRetry={() => void members.refetch()} />
        ) : (
          <Rows empty={t('identity.noMembers')}>
            {members.data.map((u) => (
              <Row key={u.name} icon={<UserIcon size={16} aria-hidden className="muted" />} actions={mayRemove && <IconButton size="sm" variant="dangerGhost" label={t('identity.takeOut', { name: u.name })} icon={X} onPress={() => void remove(u.name)} />}>
                <Link href={place('users', u.name)}>{u.name}</Link>
              </Row>
            ))}
          </Rows>
        )}
      </Card>
    ),
  };
  const items = [
    ...(mayGet ? [membersTab] : []),
    {
      id: 'permissions',
      label: t('identity.permissions'),
      content: (
        <div className="stack">
          <PoliciesCard entity={{ kind: 'group', name }} arn={group.arn} />
        </div>
      ),
    },
  ];
  return (
    <>
      <PageHeader
        title={group.name}
        crumbs={[{ label: t('app.identityGroups'), href: '/identity/groups' }, { label: group.name }]}
        actions={
          <>
            {maySimulate && (
              <LinkButton href={simulatorFor(group.arn)} icon={ShieldQuestion}>
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
              <Copyable value={group.arn} />
            </KeyValue>
            <KeyValue label={t('identity.created')}>
              <Time value={group.created ?? null} full />
            </KeyValue>
          </KeyValues>
        </Card>
        <Tabs label={group.name} items={items} selected={items.some((i) => i.id === tab) ? tab : (items[0]?.id ?? '')} onSelect={setTab} />
      </div>
      {adding && (
        <AddDialog
          title={t('identity.addMembers')}
          label={t('app.identityUsers')}
          action={t('identity.add')}
          options={users.data?.filter((u) => !inside.has(u.name)).map((u) => ({ id: u.name, label: u.name }))}
          empty={t('identity.nothingLeft')}
          add={(user) => iam.addUserToGroup(api(), name, user)}
          onClose={() => setAdding(false)}
          onDone={changed}
        />
      )}
      {removing && (
        <RemoveDialog
          title={t('identity.deleteGroup', { name })}
          id={group.arn}
          plan={() => groupSteps(name)}
          onClose={() => setRemoving(false)}
          onDone={() => {
            toast.success(t('identity.deleted', { name }));
            void client.invalidateQueries({ queryKey: ['groups'] });
            void client.invalidateQueries({ queryKey: ['user'] });
            go('/identity/groups');
          }}
        />
      )}
    </>
  );
}
