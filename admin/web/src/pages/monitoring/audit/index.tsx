// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query';
import { FileClock, RefreshCw } from 'lucide-react';
import { useDeferredValue, useMemo, useState } from 'react';
import { getAudit } from '../../../api/pail';
import { api, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Checkbox, CopyButton, Drawer, EmptyState, ErrorState, formatBytes, formatDate, formatDuration, IconButton, KeyValue, KeyValues, Loading, PageHeader, Select, Table, TextField, type Column } from '../../../ui';
import css from '../monitoring.module.css';
import { numberOf, StatusBadge, textOf } from '../parts';

const MOST = 1000;
const AGAIN_MS = 10_000;

export type AuditLine = { key: string; time: string; who: string; accessKey: string; api: string; bucket: string; object: string; status: number; error: string; address: string; agent: string; seconds: number; rx: number; tx: number; requestId: string; console: boolean; raw: unknown };

/** The members as the audit log has them (api.name …), or flat. */
export function readAudit(reply: unknown): AuditLine[] {
  const list = Array.isArray(reply) ? reply : ((reply as { entries?: unknown } | null)?.entries ?? []);
  if (!Array.isArray(list)) return [];
  return list.map((one: Record<string, unknown>, i) => {
    const call = (typeof one.api === 'object' && one.api !== null ? one.api : {}) as Record<string, unknown>;
    const pick = (...names: string[]) => names.map((n) => call[n] ?? one[n]).find((v) => v !== undefined && v !== null);
    const ms = pick('milliseconds');
    const requestId = textOf(pick('request_id', 'requestID', 'id'));
    return {
      key: `${requestId}:${textOf(one.time)}:${i}`,
      time: textOf(pick('time')),
      who: textOf(pick('user', 'who', 'parentUser', 'accessKey')),
      accessKey: textOf(pick('access_key', 'accessKey')),
      api: typeof one.api === 'string' ? one.api : textOf(pick('name')),
      bucket: textOf(pick('bucket')),
      object: textOf(pick('key', 'object')),
      status: numberOf(pick('status', 'statusCode')),
      error: textOf(pick('error', 'code')),
      address: textOf(pick('address', 'remotehost', 'client')),
      agent: textOf(pick('agent', 'user_agent', 'userAgent')),
      seconds: ms === undefined ? numberOf(pick('ns', 'timeToResponseInNS')) / 1e9 : numberOf(ms) / 1000,
      rx: numberOf(pick('bytes_in', 'in', 'rx')),
      tx: numberOf(pick('bytes_out', 'out', 'tx')),
      requestId,
      console: pick('console') === true,
      raw: one,
    };
  });
}

const shortWho = (arn: string) => arn.replace(/^arn:aws:(iam|sts)::\d*:/, '');

export default function Page(_: PageProps) {
  const [filter, setFilter] = useState({ bucket: '', user: '', api: '', status: 'all' });
  const [withConsole, setWithConsole] = useState(false);
  const [chosen, setChosen] = useState<AuditLine | null>(null);
  const asked = useDeferredValue(filter);
  const audit = useQuery({
    queryKey: ['audit', asked.bucket, asked.user, asked.status],
    queryFn: ({ signal }) => getAudit(api(), { limit: MOST, ...(asked.bucket && { bucket: asked.bucket }), ...(asked.user && { user: asked.user }), ...(asked.status !== 'all' && { status: asked.status }) }, { signal }).then(readAudit),
    refetchInterval: AGAIN_MS,
    placeholderData: (previous) => previous,
  });
  // The server takes whole names of operations only; parts of them are found here.
  const wanted = asked.api.toLowerCase();
  const rows = useMemo(() => (audit.data ?? []).filter((l) => (withConsole || !l.console) && l.api.toLowerCase().includes(wanted)), [audit.data, wanted, withConsole]);
  const set = (part: Partial<typeof filter>) => setFilter({ ...filter, ...part });
  const columns: Column<AuditLine>[] = [
    { id: 'time', header: t('monitoring.time'), width: '9.5rem', minTable: 500, cell: (l) => <span className="num muted">{formatDate(l.time, { dateStyle: 'short', timeStyle: 'medium' })}</span> },
    { id: 'status', header: t('monitoring.status'), width: '3.5rem', cell: (l) => <StatusBadge status={l.status} /> },
    { id: 'api', header: t('monitoring.operation'), width: 'minmax(7rem, 2fr)', cell: (l) => l.api },
    { id: 'who', header: t('monitoring.who'), width: 'minmax(5rem, 2fr)', minTable: 640, cell: (l) => shortWho(l.who) || <span className="muted">{t('monitoring.anonymous')}</span> },
    { id: 'what', header: t('monitoring.resource'), width: 'minmax(0, 5fr)', minTable: 460, cell: (l) => <span className="mono">{l.bucket ? (l.object ? `${l.bucket}/${l.object}` : l.bucket) : '–'}</span> },
    { id: 'from', header: t('monitoring.client'), width: '8rem', minTable: 980, cell: (l) => <span className="mono">{l.address}</span> },
    { id: 'time2', header: t('monitoring.duration'), width: '5rem', align: 'end', cell: (l) => formatDuration(l.seconds) },
  ];
  const filtered = filter.bucket || filter.user || filter.api || filter.status !== 'all';
  return (
    <>
      <PageHeader title={t('app.monitoringAudit')} description={t('monitoring.auditDescription')} actions={<IconButton label={t('ui.refresh')} icon={RefreshCw} variant="secondary" onPress={() => void audit.refetch()} />} />
      <div className={css.filters}>
        <TextField className={css.field ?? ''} label={t('monitoring.byUser')} value={filter.user} onChange={(user) => set({ user })} />
        <TextField className={css.field ?? ''} label={t('monitoring.byBucket')} value={filter.bucket} onChange={(bucket) => set({ bucket })} />
        <TextField className={css.field ?? ''} label={t('monitoring.byOperation')} value={filter.api} onChange={(name) => set({ api: name })} />
        <Select
          className={css.narrow}
          label={t('monitoring.status')}
          value={filter.status}
          onChange={(status) => set({ status })}
          options={[
            { id: 'all', label: t('monitoring.anyStatus') },
            { id: '2xx', label: '2xx' },
            { id: '3xx', label: '3xx' },
            { id: '4xx', label: '4xx' },
            { id: '5xx', label: '5xx' },
          ]}
        />
      </div>
      <div className={css.status}>
        <Checkbox label={t('monitoring.withConsole')} isSelected={withConsole} onChange={setWithConsole} />
      </div>
      {audit.isPending ? (
        <Loading rows={8} />
      ) : audit.error && !audit.data ? (
        <ErrorState error={audit.error} onRetry={() => void audit.refetch()} />
      ) : (
        <Table
          label={t('app.monitoringAudit')}
          rows={rows}
          rowKey={(l) => l.key}
          columns={columns}
          rowHeight={38}
          onOpen={setChosen}
          empty={
            <EmptyState icon={FileClock} title={filtered ? t('monitoring.nothingMatches') : t('monitoring.auditEmpty')}>
              {filtered ? t('monitoring.loosenFilters') : t('monitoring.auditEmptyAdvice')}
            </EmptyState>
          }
        />
      )}
      <Drawer isOpen={chosen !== null} onClose={() => setChosen(null)} title={chosen?.api || t('monitoring.request')}>
        {chosen && (
          <>
            <KeyValues>
              <KeyValue label={t('monitoring.status')}>
                <span className="row">
                  <StatusBadge status={chosen.status} />
                  {chosen.error && <Badge tone="danger">{chosen.error}</Badge>}
                </span>
              </KeyValue>
              <KeyValue label={t('monitoring.time')}>{formatDate(chosen.time, { dateStyle: 'medium', timeStyle: 'medium' })}</KeyValue>
              <KeyValue label={t('monitoring.who')}>{chosen.who || t('monitoring.anonymous')}</KeyValue>
              <KeyValue label={t('monitoring.accessKey')}>
                <span className="mono">{chosen.accessKey || '–'}</span>
              </KeyValue>
              <KeyValue label={t('monitoring.resource')}>
                <span className="mono hostile">{chosen.bucket ? `${chosen.bucket}/${chosen.object}` : '–'}</span>
              </KeyValue>
              <KeyValue label={t('monitoring.client')}>
                <span className="mono hostile">{chosen.address}</span>
              </KeyValue>
              <KeyValue label={t('monitoring.agent')}>
                <span className="hostile">{chosen.agent || '–'}</span>
              </KeyValue>
              <KeyValue label={t('monitoring.duration')}>{formatDuration(chosen.seconds)}</KeyValue>
              <KeyValue label={t('monitoring.received')}>{formatBytes(chosen.rx)}</KeyValue>
              <KeyValue label={t('monitoring.sent')}>{formatBytes(chosen.tx)}</KeyValue>
            </KeyValues>
            <div className="row">
              <h3 className="grow">{t('monitoring.asJson')}</h3>
              <CopyButton value={JSON.stringify(chosen.raw, null, 2)} />
            </div>
            <pre className={css.raw} tabIndex={0}>
              {JSON.stringify(chosen.raw, null, 2)}
            </pre>
          </>
        )}
      </Drawer>
    </>
  );
}
