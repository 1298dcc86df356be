// SPDX-License-Identifier: Apache-2.0
// Who one is here, and one's own access keys. A secret is changed by replacing its key: the new one is shown once, then the old one ends.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, MoreHorizontal, Pencil, Plus, Power, PowerOff, RefreshCw, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { createAccessKey, deleteAccessKey, getAccessKeyLastUsed, listAccessKeys, setAccessKeyActive, type AccessKey, type NewAccessKey } from '../../api/iam';
import { isApiError } from '../../api/http';
import type { ServiceKey } from '../../api/pail';
import { api, useCan, useSession, type PageProps } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Callout, Card, ConfirmDialog, Copyable, EmptyState, ErrorState, IconButton, KeyValue, KeyValues, Loading, Menu, PageHeader, Table, Time, toast, type Column } from '../../ui';
import { CreateKeyDialog, EditKeyDialog, Ends, KeyId, ROOT, useKeyRights, useServiceKeys } from './KeyDialogs';
import { NewKeyDialog } from './NewKeyDialog';

const kinds = { root: 'profile.root', user: 'profile.user', role: 'profile.role', 'service-account': 'profile.serviceAccount' } as const;
const KEYS_MAX = 2;

export default function Page(_: PageProps) {
  const { who, credentials } = useSession();
  const ownsKeys = who?.kind === 'user' || who?.kind === 'root';
  return (
    <>
      <PageHeader title={who?.name || t('profile.title')} description={t('profile.description')} badge={who && <Badge tone="accent">{t(kinds[who.kind] ?? 'profile.user')}</Badge>} />
      <div className="stack">
        <Card title={t('profile.identity')}>
          <KeyValues>
            <KeyValue label={t('profile.arn')}>{who ? <Copyable value={who.arn} /> : '–'}</KeyValue>
            <KeyValue label={t('profile.account')}>{who ? <Copyable value={who.account} /> : '–'}</KeyValue>
            <KeyValue label={t('profile.id')}>
              <code>{who?.user_id ?? '–'}</code>
            </KeyValue>
            <KeyValue label={t('profile.expires')}>
              <Time value={credentials?.expiration ?? null} full />
            </KeyValue>
          </KeyValues>
        </Card>
        {ownsKeys ? <Keys user={who.kind === 'user' ? who.name : undefined} arn={who.arn} /> : <Callout title={t('profile.noKeysHere')}>{t('profile.noKeysHereWhy')}</Callout>}
      </div>
    </>
  );
}

function Keys({ user, arn }: { user: string | undefined; arn: string }) {
  const client = useQueryClient();
  const can = useCan(['iam:CreateAccessKey', 'iam:UpdateAccessKey', 'iam:DeleteAccessKey', 'iam:ListAccessKeys'].map((action) => ({ action, resource: arn })));
  const [mayPlain, mayUpdate, mayDelete, mayList] = can.allowed;
  const service = useKeyRights();
  const known = useServiceKeys(user ?? '', service.list);
  const mayCreate = mayPlain || service.create;
  const [editing, setEditing] = useState<ServiceKey | null>(null);
  const keys = useQuery({ queryKey: ['accessKeys', 'own', arn], queryFn: ({ signal }) => listAccessKeys(api(), user, { signal }), enabled: mayList ?? false });
  const denied = (!can.isLoading && !mayList) || (isApiError(keys.error) && keys.error.isDenied);
  const [made, setMade] = useState<NewAccessKey | null>(null);
  const [ask, setAsk] = useState<{ what: 'create' | 'replace' | 'delete'; key?: AccessKey } | null>(null);
  const changed = () => Promise.all([client.invalidateQueries({ queryKey: ['accessKeys', 'own'] }), client.invalidateQueries({ queryKey: ['serviceKeys'] })]);
  const list = keys.data ?? [];
  const full = list.length >= KEYS_MAX && user !== undefined;
  const noMore = full && !service.create;

  useEffect(() => {
    if (new URLSearchParams(location.search).has('new') && mayCreate) setAsk({ what: 'create' });
  }, [mayCreate]);

  const toggle = async (key: AccessKey) => {
    try {
      await setAccessKeyActive(api(), key.id, !key.active, user);
      await changed();
      toast.success(t(key.active ? 'profile.deactivated' : 'profile.activated', { id: key.id }));
    } catch (error) {
      toast.error(error);
    }
  };
  const run = async () => {
    if (ask?.what === 'delete' && ask.key) {
      await deleteAccessKey(api(), ask.key.id, user);
      toast.success(t('profile.deleted', { id: ask.key.id }));
    } else {
      const key = await createAccessKey(api(), user);
      setMade(key);
      // The old one still works until somebody says that the new one is in place.
      if (ask?.what === 'replace' && ask.key && ask.key.active && mayUpdate) setReplaced(ask.key);
    }
    await changed();
  };
  const [replaced, setReplaced] = useState<AccessKey | null>(null);
  const columns: Column<AccessKey>[] = [
    { id: 'id', header: t('profile.keyId'), width: 'minmax(0, 2fr)', cell: (k) => <KeyId of={k} known={known.data?.get(k.id)} /> },
    { id: 'state', header: t('profile.state'), width: '7rem', cell: (k) => (k.active ? <Badge tone="success" dot>{t('profile.active')}</Badge> : <Badge dot>{t('profile.inactive')}</Badge>) },
    { id: 'used', header: t('profile.lastUsed'), width: '9rem', minTable: 520, cell: (k) => <LastUsed id={k.id} /> },
    ...(service.list ? [{ id: 'ends', header: t('profile.ends'), width: '8rem', minTable: 600, cell: (k: AccessKey) => <Ends of={known.data?.get(k.id)} /> }] : []),
    { id: 'created', header: t('profile.created'), width: '9rem', minTable: 680, cell: (k) => <Time value={k.created ?? null} /> },
    {
      id: 'more',
      header: t('ui.more'),
      hideHeader: true,
      width: '2.25rem',
      overflow: true,
      cell: (k) =>
        mayCreate || mayUpdate || mayDelete ? (
          <Menu
            label={t('ui.more')}
            trigger={<IconButton size="sm" label={t('profile.keyActions', { id: k.id })} icon={MoreHorizontal} />}
            items={[
              service.update && known.data?.has(k.id) && { id: 'edit', label: t('profile.edit'), icon: Pencil, onAction: () => setEditing(known.data?.get(k.id) ?? null) },
              mayPlain && mayUpdate && !full && { id: 'replace', label: t('profile.replace'), icon: RefreshCw, onAction: () => setAsk({ what: 'replace', key: k }) },
              mayUpdate && { id: 'toggle', label: k.active ? t('profile.deactivate') : t('profile.activate'), icon: k.active ? PowerOff : Power, onAction: () => void toggle(k) },
              mayDelete && 'separator',
              mayDelete && { id: 'delete', label: t('ui.delete'), icon: Trash2, danger: true, onAction: () => setAsk({ what: 'delete', key: k }) },
            ]}
          />
        ) : null,
    },
  ];
  return (
    <Card
      title={t('profile.keys')}
      description={t('profile.keysHelp')}
      flush
      actions={
        mayCreate && (
          <Button size="sm" icon={Plus} onPress={() => setAsk({ what: 'create' })} isDisabled={noMore}>
            {t('profile.createKey')}
          </Button>
        )
      }
      footer={noMore && t('profile.keysFull', { count: KEYS_MAX })}
    >
      {denied ? (
        <EmptyState icon={KeyRound} title={t('profile.keysDenied')}>
          {t('profile.keysDeniedWhy')}
        </EmptyState>
      ) : keys.isPending ? (
        <Loading rows={3} />
      ) : keys.error ? (
        <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
      ) : (
        <Table
          bare
          label={t('profile.keys')}
          rows={list}
          rowKey={(k) => k.id}
          columns={columns}
          rowHeight={46}
          empty={
            <EmptyState icon={KeyRound} title={t('profile.noKeys')}>
              {user === undefined ? t('profile.rootKeyNote') : t('profile.noKeysAdvice')}
            </EmptyState>
          }
        />
      )}
      <ConfirmDialog
        isOpen={ask !== null && ask.what !== 'create'}
        onClose={() => setAsk(null)}
        onConfirm={run}
        danger={ask?.what === 'delete'}
        title={ask?.what === 'delete' ? t('profile.deleteTitle', { id: ask.key?.id ?? '' }) : t('profile.replaceTitle', { id: ask?.key?.id ?? '' })}
        confirmLabel={ask?.what === 'delete' ? t('ui.delete') : t('profile.replace')}
      >
        <p>{ask?.what === 'delete' ? t('profile.deleteBody') : t('profile.replaceBody')}</p>
      </ConfirmDialog>
      {ask?.what === 'create' && (
        <CreateKeyDialog
          title={t('profile.createTitle')}
          body={t('profile.createBody')}
          user={user ?? ROOT}
          mayEnd={service.create}
          onMade={(key) => {
            setMade(key);
            void changed();
          }}
          onClose={() => setAsk(null)}
        />
      )}
      {editing && <EditKeyDialog of={editing} onSaved={() => void changed()} onClose={() => setEditing(null)} />}
      {made && (
        <NewKeyDialog
          accessKey={made}
          old={replaced}
          onClose={() => {
            setMade(null);
            setReplaced(null);
          }}
          onRetire={async () => {
            if (!replaced) return;
            await setAccessKeyActive(api(), replaced.id, false, user);
            await changed();
            toast.success(t('profile.deactivated', { id: replaced.id }));
          }}
        />
      )}
    </Card>
  );
}

function LastUsed({ id }: { id: string }) {
  const used = useQuery({ queryKey: ['keyUse', id], queryFn: ({ signal }) => getAccessKeyLastUsed(api(), id, { signal }), staleTime: 60_000 });
  if (used.isPending || used.error) return <span className="muted">–</span>;
  return used.data.at ? <Time value={used.data.at} /> : <span className="muted">{t('profile.never')}</span>;
}
