// SPDX-License-Identifier: Apache-2.0
// All users. What each has (groups, policies, keys) is asked for the rows in sight alone.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { MoreHorizontal, ShieldQuestion, Trash2, User as UserIcon } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import * as iam from '../../../api/iam';
import { api, useCan, useSession } from '../../../app';
import { t } from '../../../strings';
import { EmptyState, formatNumber, IconButton, Menu, Skeleton, Table, Time, toast, type Column, type Sort } from '../../../ui';
import { isApiError } from '../../../api/http';
import css from '../identity.module.css';
import { ListPage, RemoveDialog } from '../parts';
import { found, place, simulatorFor } from '../places';
import { userSteps } from '../removal';
import { CreateUser } from './Create';

type Facts = { groups: string[]; policies: number; keys: number; active: number; used: Date | undefined; denied: boolean };

/** What may not be seen counts as unknown rather than as an error of the whole row. */
async function factsOf(name: string, signal: AbortSignal): Promise<Facts> {
  let denied = false;
  const orNone = <T,>(list: Promise<T[]>) =>
    list.catch((error: unknown) => {
      if (!isApiError(error) || !error.isDenied) throw error;
      denied = true;
      return [] as T[];
    });
  const e = { kind: 'user', name } as const;
  const o = { signal };
  const [groups, attached, inline, keys] = await Promise.all([
    orNone(iam.listGroupsForUser(api(), name, o)),
    orNone(iam.listAttachedPolicies(api(), e, o)),
    orNone(iam.listInlinePolicies(api(), e, o)),
    orNone(iam.listAccessKeys(api(), name, o)),
  ]);
  const uses = await Promise.all(keys.map((k) => iam.getAccessKeyLastUsed(api(), k.id, o).catch(() => undefined)));
  const used = uses.map((u) => u?.at?.getTime() ?? 0).reduce((a, b) => Math.max(a, b), 0);
  return { groups: groups.map((g) => g.name), policies: attached.length + inline.length, keys: keys.length, active: keys.filter((k) => k.active).length, used: used ? new Date(used) : undefined, denied };
}

function Fact({ name, show }: { name: string; show: (f: Facts) => React.ReactNode }) {
  const facts = useQuery({ queryKey: ['user', name, 'facts'], queryFn: ({ signal }) => factsOf(name, signal), staleTime: 30_000 });
  if (facts.isPending) return <Skeleton width="3rem" />;
  if (facts.error) return <span className="muted">–</span>;
  return <>{show(facts.data)}</>;
}

export function UserList() {
  const client = useQueryClient();
  const [, go] = useLocation();
  const { who } = useSession();
  const users = useQuery({ queryKey: ['users'], queryFn: ({ signal }) => iam.listUsers(api(), { signal }) });
  const anyone = `arn:aws:iam::${who?.account ?? '*'}:user/*`;
  const can = useCan([{ action: 'iam:CreateUser', resource: anyone }, { action: 'iam:DeleteUser', resource: anyone }, { action: 'iam:SimulatePrincipalPolicy', resource: anyone }]);
  const [mayCreate, mayDelete, maySimulate] = can.allowed;
  const [filter, setFilter] = useState('');
  const [sort, setSort] = useState<Sort>({ column: 'name', descending: false });
  const [removing, setRemoving] = useState<iam.User | null>(null);
  const rows = (users.data ?? [])
    .filter((u) => found(filter, u.name, u.path, ...Object.values(u.tags)))
    .sort((a, b) => (sort.column === 'created' ? (a.created?.getTime() ?? 0) - (b.created?.getTime() ?? 0) : a.name.localeCompare(b.name)) * (sort.descending ? -1 : 1));

  const columns: Column<iam.User>[] = [
    {
      id: 'name',
      header: t('identity.name'),
      sortable: true,
      width: 'minmax(0, 2fr)',
      cell: (u) => (
        <span className={css.two}>
          <strong className="ellipsis">{u.name}</strong>
          {u.path !== '/' && <small className="ellipsis">{u.path}</small>}
        </span>
      ),
    },
    { id: 'groups', header: t('identity.groups'), width: 'minmax(0, 1.5fr)', minTable: 560, cell: (u) => <Fact name={u.name} show={(f) => (f.groups.length ? <span className="ellipsis">{f.groups.join(', ')}</span> : <span className="muted">–</span>)} /> },
    { id: 'policies', header: t('identity.policies'), width: '5.5rem', align: 'end', minTable: 760, cell: (u) => <Fact name={u.name} show={(f) => <span className="num">{formatNumber(f.policies)}</span>} /> },
    { id: 'keys', header: t('identity.keys'), width: '6.5rem', align: 'end', minTable: 330, cell: (u) => <Fact name={u.name} show={(f) => <span className="num">{f.keys === f.active ? formatNumber(f.keys) : t('identity.keysActive', { n: f.active, count: f.keys })}</span>} /> },
    { id: 'used', header: t('identity.lastUsed'), width: '8.5rem', minTable: 640, cell: (u) => <Fact name={u.name} show={(f) => (f.used ? <Time value={f.used} /> : <span className="muted">{t('identity.never')}</span>)} /> },
    { id: 'created', header: t('identity.created'), width: '8.5rem', minTable: 900, sortable: true, cell: (u) => <Time value={u.created ?? null} /> },
    {
      id: 'more',
      header: t('ui.more'),
      hideHeader: true,
      width: '2.25rem',
      overflow: true,
      cell: (u) =>
        mayDelete || maySimulate ? (
          <Menu
            label={t('ui.more')}
            trigger={<IconButton size="sm" label={t('identity.actionsFor', { name: u.name })} icon={MoreHorizontal} />}
            items={[
              maySimulate && { id: 'simulate', label: t('identity.simulate'), icon: ShieldQuestion, onAction: () => go(simulatorFor(u.arn)) },
              maySimulate && mayDelete && 'separator',
              mayDelete && { id: 'delete', label: t('ui.delete'), icon: Trash2, danger: true, onAction: () => setRemoving(u) },
            ]}
          />
        ) : null,
    },
  ];
  return (
    <>
      <ListPage
        title={t('app.identityUsers')}
        help={t('identity.usersHelp')}
        query={users}
        icon={UserIcon}
        none={t('identity.noUsers')}
        noneHelp={t('identity.noUsersHelp')}
        create={mayCreate && { label: t('identity.createUser'), dialog: (close) => <CreateUser onClose={close} /> }}
        search={{ label: t('identity.searchUsers'), value: filter, onChange: setFilter, more: <span className="muted">{t('identity.countUsers', { count: rows.length })}</span> }}
      >
        <Table label={t('app.identityUsers')} rows={rows} rowKey={(u) => u.name} columns={columns} sort={sort} onSort={setSort} rowHeight={50} onOpen={(u) => go(place('users', u.name))} empty={<EmptyState title={t('ui.noMatch')} />} />
      </ListPage>
      {removing && (
        <RemoveDialog
          title={t('identity.deleteUser', { name: removing.name })}
          id={removing.arn}
          typed={removing.name}
          plan={() => userSteps(removing.name)}
          onClose={() => setRemoving(null)}
          onDone={() => {
            toast.success(t('identity.deleted', { name: removing.name }));
            setRemoving(null);
            void client.invalidateQueries({ queryKey: ['users'] });
            void client.invalidateQueries({ queryKey: ['group'] });
          }}
        />
      )}
    </>
  );
}
