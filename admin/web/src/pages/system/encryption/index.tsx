// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, MoreHorizontal, Plus, Power, PowerOff, RotateCw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { createKey, deleteKey, disableKey, enableKey, listKeys, rotateKey } from '../../../api/pail';
import { api, useCan, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Button, Callout, Card, ConfirmDialog, Dialog, EmptyState, ErrorState, formatNumber, IconButton, KeyValue, KeyValues, Loading, Menu, PageHeader, Table, TextField, Time, toast, type Column } from '../../../ui';

type SealKey = { name: string; versions: number; current: number; disabled: boolean; available: boolean; created: string; rotated: string; resealing: boolean; resealed: number };
type Keys = { masterKey: { available: boolean; from: string; place: string; problem?: string }; keyService: string | null; keys: SealKey[] };

const sources = { setting: 'system.masterSetting', credential: 'system.masterCredential', environment: 'system.masterEnvironment', folder: 'system.masterFolder' } as const;

export default function Page(_: PageProps) {
  const client = useQueryClient();
  const keys = useQuery({
    queryKey: ['encryptionKeys'],
    queryFn: ({ signal }) => listKeys(api(), { signal }) as Promise<Keys>,
    refetchInterval: (q) => (q.state.data?.keys.some((k) => k.resealing) ? 3000 : false),
  });
  const can = useCan(['pail:CreateKey', 'pail:RotateKey', 'pail:DisableKey', 'pail:EnableKey', 'pail:DeleteKey'].map((action) => ({ action })));
  const [mayCreate, mayRotate, mayDisable, mayEnable, mayDelete] = can.allowed;
  const [creating, setCreating] = useState(new URLSearchParams(location.search).has('new'));
  const [ask, setAsk] = useState<{ what: 'rotate' | 'disable' | 'delete'; key: SealKey } | null>(null);
  const changed = () => client.invalidateQueries({ queryKey: ['encryptionKeys'] });

  const enable = async (key: SealKey) => {
    try {
      await enableKey(api(), key.name);
      toast.success(t('system.keyEnabled', { name: key.name }));
      await changed();
    } catch (error) {
      toast.error(error);
    }
  };
  const state = (k: SealKey) =>
    k.disabled ? (
      <Badge tone="warning" dot>{t('system.keyDisabled')}</Badge>
    ) : !k.available ? (
      <Badge tone="danger" dot>{t('system.keyUnavailable')}</Badge>
    ) : k.resealing ? (
      <Badge tone="info" dot>{t('system.keyResealing', { n: formatNumber(k.resealed) })}</Badge>
    ) : (
      <Badge tone="success" dot>{t('system.keyReady')}</Badge>
    );
  const columns: Column<SealKey>[] = [
    { id: 'name', header: t('system.keyName'), width: 'minmax(0, 2fr)', cell: (k) => <span className="mono">{k.name}</span> },
    { id: 'state', header: t('system.state'), width: 'minmax(7rem, 1fr)', cell: state },
    { id: 'version', header: t('system.keyVersion'), width: '6rem', minTable: 560, cell: (k) => t('system.keyVersionOf', { current: k.current, all: k.versions }) },
    { id: 'rotated', header: t('system.keyRotated'), width: '9rem', minTable: 640, cell: (k) => <Time value={k.rotated} /> },
    { id: 'created', header: t('system.created'), width: '9rem', minTable: 820, cell: (k) => <Time value={k.created} /> },
    {
      id: 'more',
      header: t('ui.more'),
      hideHeader: true,
      width: '2.25rem',
      overflow: true,
      cell: (k) => (
        <Menu
          label={t('ui.more')}
          trigger={<IconButton size="sm" label={t('system.keyActions', { name: k.name })} icon={MoreHorizontal} />}
          items={[
            mayRotate && !k.disabled && { id: 'rotate', label: t('system.rotate'), icon: RotateCw, onAction: () => setAsk({ what: 'rotate', key: k }) },
            k.disabled ? mayEnable && { id: 'enable', label: t('system.enable'), icon: Power, onAction: () => void enable(k) } : mayDisable && { id: 'disable', label: t('system.disable'), icon: PowerOff, onAction: () => setAsk({ what: 'disable', key: k }) },
            mayDelete && k.disabled && 'separator',
            mayDelete && k.disabled && { id: 'delete', label: t('ui.delete'), icon: Trash2, danger: true, onAction: () => setAsk({ what: 'delete', key: k }) },
          ]}
        />
      ),
    },
  ];
  const run = async () => {
    if (!ask) return;
    const call = { rotate: rotateKey, disable: disableKey, delete: deleteKey }[ask.what];
    await call(api(), ask.key.name);
    toast.success(t(ask.what === 'rotate' ? 'system.rotated' : ask.what === 'disable' ? 'system.disabled' : 'system.keyDeleted', { name: ask.key.name }));
    await changed();
  };
  const m = keys.data?.masterKey;
  return (
    <>
      <PageHeader
        title={t('app.systemEncryption')}
        description={t('system.encryptionDescription')}
        actions={
          mayCreate && (
            <Button variant="primary" icon={Plus} onPress={() => setCreating(true)}>
              {t('system.createKey')}
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
          <Card title={t('system.masterKey')} description={t('system.masterKeyHelp')}>
            <div className="stack">
              {m?.problem && (
                <Callout tone="danger" title={t('system.masterProblem')}>
                  {m.problem}
                </Callout>
              )}
              {m?.from === 'folder' && !m.problem && <Callout tone="warning">{t('system.masterInFolder')}</Callout>}
              <KeyValues>
                <KeyValue label={t('system.state')}>{m?.available ? <Badge tone="success" dot>{t('system.available')}</Badge> : <Badge tone="danger" dot>{t('system.unavailable')}</Badge>}</KeyValue>
                <KeyValue label={t('system.masterFrom')}>{m ? t(sources[m.from as keyof typeof sources] ?? 'system.masterSetting') : '–'}</KeyValue>
                {m?.place && (
                  <KeyValue label={t('system.masterPlace')}>
                    <code>{m.place}</code>
                  </KeyValue>
                )}
                <KeyValue label={t('system.keyService')}>{keys.data.keyService ?? <span className="muted">{t('system.noKeyService')}</span>}</KeyValue>
              </KeyValues>
            </div>
          </Card>
          <Table
            label={t('app.systemEncryption')}
            rows={keys.data.keys}
            rowKey={(k) => k.name}
            columns={columns}
            rowHeight={46}
            empty={
              <EmptyState icon={KeyRound} title={t('system.noKeys')}>
                {t('system.noKeysAdvice')}
              </EmptyState>
            }
          />
        </div>
      )}
      {creating && <CreateKey onClose={() => setCreating(false)} onDone={changed} />}
      <ConfirmDialog
        isOpen={ask !== null}
        onClose={() => setAsk(null)}
        onConfirm={run}
        title={ask ? t(ask.what === 'rotate' ? 'system.rotateTitle' : ask.what === 'disable' ? 'system.disableTitle' : 'system.deleteKeyTitle', { name: ask.key.name }) : ''}
        confirmLabel={ask?.what === 'rotate' ? t('system.rotate') : ask?.what === 'disable' ? t('system.disable') : t('ui.delete')}
        danger={ask?.what !== 'rotate'}
        {...(ask?.what === 'delete' || ask?.what === 'disable' ? { typed: ask.key.name } : {})}
      >
        <p>{ask?.what === 'rotate' ? t('system.rotateBody') : ask?.what === 'disable' ? t('system.disableBody') : t('system.deleteKeyBody')}</p>
      </ConfirmDialog>
    </>
  );
}

function CreateKey({ onClose, onDone }: { onClose: () => void; onDone: () => Promise<unknown> }) {
  const [name, setName] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async () => {
    if (!name || busy) return;
    setBusy(true);
    setError(null);
    try {
      await createKey(api(), name);
      toast.success(t('system.keyCreated', { name }));
      await onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={t('system.createKey')}
      onSubmit={() => void submit()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy} isDisabled={!name}>
            {t('ui.create')}
          </Button>
        </>
      }
    >
      <TextField label={t('system.keyName')} description={t('system.keyNameHelp')} value={name} onChange={setName} mono autoFocus isRequired />
      {error !== null && <ErrorState error={error} compact />}
    </Dialog>
  );
}
