// SPDX-License-Identifier: Apache-2.0
// What the server runs with. The server says what each setting is, where its value comes from, and whether it can change now.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Pencil, RotateCcw, SlidersHorizontal } from 'lucide-react';
import { useMemo, useState } from 'react';
import { listSettings, putSetting, resetSetting, type Setting } from '../../../api/pail';
import { api, useCan, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Button, ConfirmDialog, cx, Dialog, EmptyState, ErrorState, IconButton, KeyValue, KeyValues, Loading, PageHeader, RadioGroup, SearchField, Select, Table, TextField, toast, type Column, type Tone } from '../../../ui';
import css from './settings.module.css';

const sourceTone: Record<Setting['source'], Tone | 'accent' | 'neutral'> = { default: 'neutral', flag: 'info', environment: 'info', admin: 'accent' };
const sourceName = { default: 'system.fromDefault', flag: 'system.fromFlag', environment: 'system.fromEnvironment', admin: 'system.fromAdmin' } as const;
type Shown = 'all' | 'changed' | 'changeable';

const asText = (value: unknown): string => (typeof value === 'string' ? value : value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));

export function readSettings(reply: unknown): Setting[] {
  const list = Array.isArray(reply) ? reply : ((reply as { settings?: unknown } | null)?.settings ?? []);
  if (!Array.isArray(list)) return [];
  return list.map((s: Setting) => ({ ...s, value: asText(s.value), default: asText(s.default), help: asText(s.help) }));
}

export default function Page(_: PageProps) {
  const client = useQueryClient();
  const settings = useQuery({ queryKey: ['settings'], queryFn: ({ signal }) => listSettings(api(), { signal }).then(readSettings) });
  const can = useCan([{ action: 'admin:ConfigUpdate' }]);
  const [text, setText] = useState('');
  const [shown, setShown] = useState<Shown>('all');
  const [editing, setEditing] = useState<Setting | null>(null);
  const [resetting, setResetting] = useState<Setting | null>(null);
  const rows = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return (settings.data ?? []).filter((s) => (shown === 'all' || (shown === 'changed' ? s.source !== 'default' : s.changeable)) && words.every((w) => `${s.name} ${s.help} ${s.value}`.toLowerCase().includes(w)));
  }, [settings.data, text, shown]);
  const changed = () => client.invalidateQueries({ queryKey: ['settings'] });
  const columns: Column<Setting>[] = [
    {
      id: 'name',
      header: t('system.setting'),
      width: 'minmax(0, 2.2fr)',
      cell: (s) => (
        <span className={css.name}>
          <span className="row">
            <code>{s.name}</code>
            <code className={cx(css.aside, 'ellipsis', s.value === '' && 'muted')}>{s.value || t('system.unset')}</code>
          </span>
          <span className="muted ellipsis" title={s.help}>
            {s.help}
          </span>
        </span>
      ),
    },
    { id: 'value', header: t('system.value'), width: 'minmax(0, 1.3fr)', minTable: 560, cell: (s) => (s.value === '' ? <span className="muted">{t('system.unset')}</span> : <code title={s.value}>{s.value}</code>) },
    { id: 'source', header: t('system.source'), width: '7.5rem', minTable: 600, cell: (s) => <Badge tone={sourceTone[s.source] ?? 'neutral'}>{t(sourceName[s.source] ?? 'system.fromDefault')}</Badge> },
    {
      id: 'edit',
      header: t('ui.edit'),
      hideHeader: true,
      width: '4.25rem',
      align: 'end',
      overflow: true,
      cell: (s) =>
        s.changeable && can.all ? (
          <span className="row">
            {s.source === 'admin' && <IconButton size="sm" label={t('system.reset', { name: s.name })} icon={RotateCcw} onPress={() => setResetting(s)} />}
            <IconButton size="sm" label={t('system.change', { name: s.name })} icon={Pencil} onPress={() => setEditing(s)} />
          </span>
        ) : null,
    },
  ];
  return (
    <>
      <PageHeader title={t('app.systemSettings')} description={t('system.settingsDescription')} />
      <div className={css.filters}>
        <SearchField className={css.search} label={t('system.findSetting')} value={text} onChange={setText} />
        <Select
          label={t('system.show')}
          hideLabel
          value={shown}
          onChange={setShown}
          options={[
            { id: 'all', label: t('system.showAll') },
            { id: 'changed', label: t('system.showChanged') },
            { id: 'changeable', label: t('system.showChangeable') },
          ]}
        />
      </div>
      {settings.isPending ? (
        <Loading rows={8} />
      ) : settings.error ? (
        <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />
      ) : (
        <Table
          label={t('app.systemSettings')}
          rows={rows}
          rowKey={(s) => s.name}
          columns={columns}
          rowHeight={56}
          maxHeight="calc(100vh - 16rem)"
          empty={<EmptyState icon={SlidersHorizontal} title={t('system.noSetting')} />}
        />
      )}
      {editing && <Edit setting={editing} onClose={() => setEditing(null)} onDone={changed} />}
      <ConfirmDialog
        isOpen={resetting !== null}
        onClose={() => setResetting(null)}
        title={t('system.resetTitle', { name: resetting?.name ?? '' })}
        confirmLabel={t('system.resetButton')}
        onConfirm={async () => {
          if (!resetting) return;
          await resetSetting(api(), resetting.name);
          toast.success(t('system.wasReset', { name: resetting.name }));
          await changed();
        }}
      >
        <p>{t('system.resetBody', { value: resetting?.default || t('system.unset') })}</p>
      </ConfirmDialog>
    </>
  );
}

function Edit({ setting: s, onClose, onDone }: { setting: Setting; onClose: () => void; onDone: () => Promise<unknown> }) {
  const [value, setValue] = useState(s.value);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const isSwitch = /^(on|off)$/.test(s.value) || (s.value === '' && /^(on|off)$/.test(s.default));
  const submit = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await putSetting(api(), s.name, value);
      toast.success(t('system.saved', { name: s.name }));
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
      title={t('system.change', { name: s.name })}
      onSubmit={() => void submit()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy} isDisabled={value === s.value}>
            {t('ui.save')}
          </Button>
        </>
      }
    >
      <p className="muted">{s.help}</p>
      {isSwitch ? (
        <RadioGroup
          label={t('system.value')}
          value={value === 'on' ? 'on' : 'off'}
          onChange={setValue}
          cards
          options={[
            { id: 'on', label: t('system.on') },
            { id: 'off', label: t('system.off') },
          ]}
        />
      ) : (
        <TextField label={t('system.value')} value={value} onChange={setValue} mono autoFocus />
      )}
      <KeyValues>
        <KeyValue label={t('system.default')}>
          <code>{s.default || t('system.unset')}</code>
        </KeyValue>
        <KeyValue label={t('system.source')}>{t(sourceName[s.source] ?? 'system.fromDefault')}</KeyValue>
      </KeyValues>
      {error !== null && <ErrorState error={error} compact />}
    </Dialog>
  );
}
