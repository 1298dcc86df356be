// SPDX-License-Identifier: Apache-2.0
// The access keys of all users that the caller may see, to find those that are old or that nobody uses.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, MoreHorizontal, Pencil, Plus, Power, PowerOff, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { isApiError } from '../../../api/http';
import * as iam from '../../../api/iam';
import type { ServiceKey } from '../../../api/pail';
import { api, useCan, useSession, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Button, Callout, ConfirmDialog, EmptyState, ErrorState, IconButton, Loading, Menu, PageHeader, SearchField, Select, Stat, Table, Time, toast, type Column, type Sort } from '../../../ui';
import { CreateKeyDialog, EditKeyDialog, Ends, KeyId, ROOT, useKeyRights, useServiceKeys } from '../../profile/KeyDialogs';
import { NewKeyDialog } from '../../profile/NewKeyDialog';
import css from '../identity.module.css';
import { ActiveBadge } from '../parts';
import { inTurn, isOld, isUnused, type KeyRow } from '../keyRows';
import { found, place } from '../places';

const AT_ONCE = 6;

async function allKeys(root: boolean, signal: AbortSignal): Promise<{ rows: KeyRow[]; users: string[]; hidden: number }> {
  const o = { signal };
  const users = await iam.listUsers(api(), o).catch((error: unknown) => {
    if (isApiError(error) && error.isDenied) return [];
    throw error;
  });
  let hidden = 0;
  const of = async (user: string | undefined) =>
    iam.listAccessKeys(api(), user, o).catch((error: unknown) => {
      if (!isApiError(error) || !(error.isDenied || error.isMissing)) throw error;
      hidden++;
      return [];
    });
  const lists = await inTurn([...(root || users.length === 0 ? [undefined] : []), ...users.map((u) => u.name)], AT_ONCE, async (user) => (await of(user)).map((k) => ({ ...k, user: user ?? k.user })));
  const rows = await inTurn(lists.flat(), AT_ONCE, async (k): Promise<KeyRow> => ({ ...k, use: await iam.getAccessKeyLastUsed(api(), k.id, o).catch(() => undefined) }));
  return { rows, users: users.map((u) => u.name), hidden };
}

export default function Page(_: PageProps) {
  const client = useQueryClient();
  const { who } = useSession();
  const root = who?.kind === 'root';
  const keys = useQuery({ queryKey: ['keys', 'all', who?.arn], queryFn: ({ signal }) => allKeys(root, signal) });
  const anyone = `arn:aws:iam::${who?.account ?? '*'}:user/*`;
  const can = useCan([{ action: 'iam:UpdateAccessKey', resource: anyone }, { action: 'iam:DeleteAccessKey', resource: anyone }, { action: 'iam:CreateAccessKey', resource: anyone }]);
  const [mayUpdate, mayDelete, mayPlain] = can.allowed;
  const service = useKeyRights();
  const known = useServiceKeys(undefined, service.list);
  const [creating, setCreating] = useState(() => new URLSearchParams(location.search).has('new'));
  const [made, setMade] = useState<iam.NewAccessKey | null>(null);
  const [editing, setEditing] = useState<ServiceKey | null>(null);
  const [filter, setFilter] = useState('');
  const [only, setOnly] = useState<'all' | 'active' | 'inactive' | 'old' | 'unused' | 'expired'>('all');
  const [sort, setSort] = useState<Sort>({ column: 'created', descending: false });
  const [removing, setRemoving] = useState<KeyRow | null>(null);
  const changed = () => {
    void client.invalidateQueries({ queryKey: ['keys'] });
    void client.invalidateQueries({ queryKey: ['serviceKeys'] });
    void client.invalidateQueries({ queryKey: ['user'] });
  };
  const mayCreate = service.create || mayPlain;
  const all = keys.data?.rows ?? [];
  const now = Date.now();
  const value = (k: KeyRow) => (sort.column === 'used' ? (k.use?.at?.getTime() ?? 0) : (k.created?.getTime() ?? 0));
  const rows = all
    .filter((k) => found(filter, k.id, k.user, known.data?.get(k.id)?.name ?? ''))
    .filter((k) => only === 'all' || (only === 'active' ? k.active : only === 'inactive' ? !k.active : only === 'expired' ? known.data?.get(k.id)?.expired === true : only === 'old' ? isOld(k, now) : isUnused(k, now)))
    .sort((a, b) => (sort.column === 'user' ? a.user.localeCompare(b.user) : value(a) - value(b)) * (sort.descending ? -1 : 1));
  const toggle = async (k: KeyRow) => {
    try {
      await iam.setAccessKeyActive(api(), k.id, !k.active, k.user || undefined);
      toast.success(t(k.active ? 'profile.deactivated' : 'profile.activated', { id: k.id }));
      changed();
    } catch (error) {
      toast.error(error);
    }
  };
  const columns: Column<KeyRow>[] = [
    {
      id: 'id',
      header: t('profile.keyId'),
      width: 'minmax(0, 2fr)',
      overflow: true,
      cell: (k) => <KeyId of={k} known={known.data?.get(k.id)} />,
    },
    { id: 'user', header: t('identity.user'), width: 'minmax(0, 1.2fr)', sortable: true, cell: (k) => (k.user ? <Link className="ellipsis" href={place('users', k.user, { tab: 'keys' })}>{k.user}</Link> : <Badge tone="accent">{t('profile.root')}</Badge>) },
    { id: 'state', header: t('profile.state'), width: '6.5rem', minTable: 520, cell: (k) => <ActiveBadge active={k.active} /> },
    {
      id: 'created',
      header: t('identity.created'),
      width: '10rem',
      minTable: 640,
      sortable: true,
      cell: (k) => (
        <span className="row">
          <Time value={k.created ?? null} />
          {isOld(k, now) && <Badge tone="warning">{t('identity.old')}</Badge>}
        </span>
      ),
    },
    ...(service.list ? [{ id: 'ends', header: t('profile.ends'), width: '7rem', minTable: 560, cell: (k: KeyRow) => <Ends of={known.data?.get(k.id)} /> }] : []),
    { id: 'used', header: t('identity.lastUsed'), width: '8.5rem', minTable: 760, sortable: true, cell: (k) => (k.use?.at ? <Time value={k.use.at} /> : <span className="muted">{t('identity.never')}</span>) },
    {
      id: 'more',
      header: t('ui.more'),
      hideHeader: true,
      width: '2.25rem',
      overflow: true,
      cell: (k) =>
        mayUpdate || mayDelete || service.update ? (
          <Menu
            label={t('ui.more')}
            trigger={<IconButton size="sm" label={t('profile.keyActions', { id: k.id })} icon={MoreHorizontal} />}
            items={[
              service.update && known.data?.has(k.id) && { id: 'edit', label: t('profile.edit'), icon: Pencil, onAction: () => setEditing(known.data?.get(k.id) ?? null) },
              mayUpdate && { id: 'toggle', label: k.active ? t('profile.deactivate') : t('profile.activate'), icon: k.active ? PowerOff : Power, onAction: () => void toggle(k) },
              mayDelete && { id: 'delete', label: t('ui.delete'), icon: Trash2, danger: true, onAction: () => setRemoving(k) },
            ]}
          />
        ) : null,
    },
  ];
  return (
    <>
      <PageHeader
        title={t('app.identityKeys')}
        description={t('identity.keysHelp')}
        actions={
          mayCreate && (
            <Button variant="primary" icon={Plus} onPress={() => setCreating(true)} isDisabled={!keys.data}>
              {t('profile.createKey')}
            </Button>
          )
        }
      />
      {keys.isPending ? (
        <Loading rows={6} />
      ) : keys.error ? (
        <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
      ) : (
        <div className="stack">
          <div className="grid4">
            <Stat label={t('identity.accessKeys')} value={all.length} />
            <Stat label={t('identity.keysOn')} value={all.filter((k) => k.active).length} />
            <Stat label={t('identity.keysOld')} value={all.filter((k) => isOld(k, now)).length} note={t('identity.keysOldNote')} />
            <Stat label={t('identity.keysUnused')} value={all.filter((k) => isUnused(k, now)).length} note={t('identity.keysUnusedNote')} />
          </div>
          {keys.data.hidden > 0 && <Callout>{t('identity.keysHidden', { count: keys.data.hidden })}</Callout>}
          <div>
            <div className={css.toolbar}>
              <SearchField label={t('identity.searchKeys')} value={filter} onChange={setFilter} />
              <Select
                label={t('profile.state')}
                hideLabel
                options={[
                  { id: 'all' as const, label: t('identity.onlyAll') },
                  { id: 'active', label: t('identity.keysOn') },
                  { id: 'inactive', label: t('identity.keysOff') },
                  { id: 'old', label: t('identity.keysOld') },
                  { id: 'unused', label: t('identity.keysUnused') },
                  ...(service.list ? [{ id: 'expired' as const, label: t('profile.expired') }] : []),
                ]}
                value={only}
                onChange={setOnly}
              />
            </div>
            <Table
              label={t('app.identityKeys')}
              rows={rows}
              rowKey={(k) => k.id}
              columns={columns}
              sort={sort}
              onSort={setSort}
              rowHeight={46}
              empty={
                <EmptyState icon={KeyRound} title={all.length ? t('ui.noMatch') : t('profile.noKeys')}>
                  {all.length ? null : t('identity.noKeysAnywhere')}
                </EmptyState>
              }
            />
          </div>
        </div>
      )}
      {creating && mayCreate && keys.data && (
        <CreateKeyDialog
          title={t('profile.createKey')}
          body={t('identity.createKeyBody')}
          user={root ? ROOT : undefined}
          users={[...(root ? [ROOT] : []), ...keys.data.users]}
          mayEnd={service.create}
          onMade={(key) => {
            setMade(key);
            changed();
          }}
          onClose={() => setCreating(false)}
        />
      )}
      {made && <NewKeyDialog accessKey={made} onClose={() => setMade(null)} />}
      {editing && <EditKeyDialog of={editing} onSaved={changed} onClose={() => setEditing(null)} />}
      <ConfirmDialog
        isOpen={removing !== null}
        onClose={() => setRemoving(null)}
        danger
        title={t('profile.deleteTitle', { id: removing?.id ?? '' })}
        confirmLabel={t('ui.delete')}
        onConfirm={async () => {
          if (!removing) return;
          await iam.deleteAccessKey(api(), removing.id, removing.user || undefined);
          changed();
        }}
      >
        <p>{t('profile.deleteBody')}</p>
      </ConfirmDialog>
    </>
  );
}
