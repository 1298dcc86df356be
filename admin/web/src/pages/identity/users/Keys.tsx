// SPDX-License-Identifier: Apache-2.0
// The access keys of a user.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, MoreHorizontal, Plus, Power, PowerOff, Trash2 } from 'lucide-react';
import { useState } from 'react';
import * as iam from '../../../api/iam';
import { api, useCan } from '../../../app';
import { t } from '../../../strings';
import { Button, Card, ConfirmDialog, Copyable, EmptyState, ErrorState, IconButton, Loading, Menu, Table, Time, toast, type Column } from '../../../ui';
import { NewKeyDialog } from '../../profile/NewKeyDialog';
import { ActiveBadge, LastUsed } from '../parts';

const KEYS_MAX = 2;

export function UserKeys({ name, arn }: { name: string; arn: string }) {
  const client = useQueryClient();
  const keys = useQuery({ queryKey: ['user', name, 'keys'], queryFn: ({ signal }) => iam.listAccessKeys(api(), name, { signal }) });
  const can = useCan(['iam:CreateAccessKey', 'iam:UpdateAccessKey', 'iam:DeleteAccessKey'].map((action) => ({ action, resource: arn })));
  const [mayCreate, mayUpdate, mayDelete] = can.allowed;
  const [made, setMade] = useState<iam.NewAccessKey | null>(null);
  const [ask, setAsk] = useState<{ what: 'create' | 'delete'; id: string } | null>(null);
  const changed = () => {
    void client.invalidateQueries({ queryKey: ['user', name] });
    void client.invalidateQueries({ queryKey: ['keys'] });
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
    { id: 'id', header: t('profile.keyId'), width: 'minmax(0, 2fr)', cell: (k) => <Copyable value={k.id} label={t('profile.copyKeyId')} /> },
    { id: 'state', header: t('profile.state'), width: '7rem', cell: (k) => <ActiveBadge active={k.active} /> },
    { id: 'used', header: t('identity.lastUsed'), width: '9rem', minTable: 520, cell: (k) => <LastUsed id={k.id} /> },
    { id: 'created', header: t('identity.created'), width: '9rem', minTable: 680, cell: (k) => <Time value={k.created ?? null} /> },
    {
      id: 'more',
      header: t('ui.more'),
      hideHeader: true,
      width: '2.25rem',
      overflow: true,
      cell: (k) =>
        mayUpdate || mayDelete ? (
          <Menu
            label={t('ui.more')}
            trigger={<IconButton size="sm" label={t('profile.keyActions', { id: k.id })} icon={MoreHorizontal} />}
            items={[
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
        list.length < KEYS_MAX && (
          <Button size="sm" icon={Plus} onPress={() => setAsk({ what: 'create', id: '' })}>
            {t('profile.createKey')}
          </Button>
        )
      }
      footer={mayCreate && list.length >= KEYS_MAX && t('profile.keysFull', { count: KEYS_MAX })}
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
        isOpen={ask !== null}
        onClose={() => setAsk(null)}
        danger={ask?.what === 'delete'}
        title={ask?.what === 'delete' ? t('profile.deleteTitle', { id: ask.id }) : t('identity.createKeyFor', { name })}
        confirmLabel={ask?.what === 'delete' ? t('ui.delete') : t('profile.createKey')}
        onConfirm={async () => {
          if (ask?.what === 'delete') await iam.deleteAccessKey(api(), ask.id, name);
          else setMade(await iam.createAccessKey(api(), name));
          changed();
        }}
      >
        <p>{ask?.what === 'delete' ? t('profile.deleteBody') : t('identity.createKeyBody')}</p>
      </ConfirmDialog>
      {made && <NewKeyDialog accessKey={made} onClose={() => setMade(null)} />}
    </Card>
  );
}
