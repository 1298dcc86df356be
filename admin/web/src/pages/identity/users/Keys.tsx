// SPDX-License-Identifier: Apache-2.0
// The access keys of a user.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, MoreHorizontal, Pencil, Plus, Power, PowerOff, Trash2 } from 'lucide-react';
import { useState } from 'react';
import * as iam from '../../../api/iam';
import type { ServiceKey } from '../../../api/pail';
import { api, useCan } from '../../../app';
import { t } from '../../../strings';
import { Button, Card, ConfirmDialog, EmptyState, ErrorState, IconButton, Loading, Menu, Table, Time, toast, type Column } from '../../../ui';
import { CreateKeyDialog, EditKeyDialog, Ends, KeyId, useKeyRights, useServiceKeys } from '../../profile/KeyDialogs';
import { NewKeyDialog } from '../../profile/NewKeyDialog';
import { ActiveBadge, LastUsed } from '../parts';

const KEYS_MAX = 2;

export function UserKeys({ name, arn }: { name: string; arn: string }) {
  const client = useQueryClient();
  const keys = useQuery({ queryKey: ['user', name, 'keys'], queryFn: ({ signal }) => iam.listAccessKeys(api(), name, { signal }) });
  const can = useCan(['iam:CreateAccessKey', 'iam:UpdateAccessKey', 'iam:DeleteAccessKey'].map((action) => ({ action, resource: arn })));
  const [mayPlain, mayUpdate, mayDelete] = can.allowed;
  const service = useKeyRights();
  const known = useServiceKeys(name, service.list);
  const mayCreate = mayPlain || service.create;
  const [editing, setEditing] = useState<ServiceKey | null>(null);
  const [made, setMade] = useState<iam.NewAccessKey | null>(null);
  const [ask, setAsk] = useState<{ what: 'create' | 'delete'; id: string } | null>(null);
  const changed = () => {
    void client.invalidateQueries({ queryKey: ['user', name] });
    void client.invalidateQueries({ queryKey: ['keys'] });
    void client.invalidateQueries({ queryKey: ['serviceKeys'] });
  };
  const list = keys.data ?? [];
  const toggle = async (k: iam.AccessKey) => {
    try {
      await iam.setAccessKeyActive(api(), k.id, !k.active, name);
      toast.success(t(k.active ? 'profile.deactivated' : 'profile.activated', { id: k.id }));
      changed();
    } catch (error) {
      toast.error(error);
    }
  };
  const columns: Column<iam.AccessKey>[] = [
    { id: 'id', header: t('profile.keyId'), width: 'minmax(0, 2fr)', cell: (k) => <KeyId of={k} known={known.data?.get(k.id)} /> },
    { id: 'state', header: t('profile.state'), width: '7rem', cell: (k) => <ActiveBadge active={k.active} /> },
    { id: 'used', header: t('identity.lastUsed'), width: '9rem', minTable: 520, cell: (k) => <LastUsed id={k.id} /> },
    ...(service.list ? [{ id: 'ends', header: t('profile.ends'), width: '8rem', minTable: 600, cell: (k: iam.AccessKey) => <Ends of={known.data?.get(k.id)} /> }] : []),
    { id: 'created', header: t('identity.created'), width: '9rem', minTable: 680, cell: (k) => <Time value={k.created ?? null} /> },
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
              mayDelete && { id: 'delete', label: t('ui.delete'), icon: Trash2, danger: true, onAction: () => setAsk({ what: 'delete', id: k.id }) },
            ]}
          />
        ) : null,
    },
  ];
  return (
    <Card
      flush
      title={t('identity.accessKeys')}
      description={t('identity.accessKeysHelp')}
      actions={
        mayCreate &&
        (service.create || list.length < KEYS_MAX) && (
          <Button size="sm" icon={Plus} onPress={() => setAsk({ what: 'create', id: '' })}>
            {t('profile.createKey')}
          </Button>
        )
      }
      footer={mayCreate && !service.create && list.length >= KEYS_MAX && t('profile.keysFull', { count: KEYS_MAX })}
    >
      {keys.isPending ? (
        <div style={{ padding: 'var(--s5)' }}>
          <Loading rows={2} />
        </div>
      ) : keys.error ? (
        <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
      ) : (
        <Table
          bare
          label={t('identity.accessKeys')}
          rows={list}
          rowKey={(k) => k.id}
          columns={columns}
          rowHeight={46}
          empty={
            <EmptyState icon={KeyRound} title={t('profile.noKeys')}>
              {mayCreate ? t('identity.noKeysHelp') : null}
            </EmptyState>
          }
        />
      )}
      <ConfirmDialog
        isOpen={ask?.what === 'delete'}
        onClose={() => setAsk(null)}
        danger
        title={t('profile.deleteTitle', { id: ask?.id ?? '' })}
        confirmLabel={t('ui.delete')}
        onConfirm={async () => {
          await iam.deleteAccessKey(api(), ask?.id ?? '', name);
          changed();
        }}
      >
        <p>{t('profile.deleteBody')}</p>
      </ConfirmDialog>
      {ask?.what === 'create' && (
        <CreateKeyDialog
          title={t('identity.createKeyFor', { name })}
          body={t('identity.createKeyBody')}
          user={name}
          mayEnd={service.create}
          onMade={(key) => {
            setMade(key);
            changed();
          }}
          onClose={() => setAsk(null)}
        />
      )}
      {editing && <EditKeyDialog of={editing} onSaved={changed} onClose={() => setEditing(null)} />}
      {made && <NewKeyDialog accessKey={made} onClose={() => setMade(null)} />}
    </Card>
  );
}
