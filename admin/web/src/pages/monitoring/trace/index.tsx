// SPDX-License-Identifier: Apache-2.0
// Requests as they end, over one long reply of the server. The newest TRACE_MAX are kept; what arrives is drawn a few times a second.
import { Activity, Eraser, Pause, Play } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { isAbort } from '../../../api/http';
import { traceStream, type TraceEntry } from '../../../api/admin';
import { api, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Button, Checkbox, Drawer, EmptyState, ErrorState, formatBytes, formatDate, formatDuration, formatNumber, KeyValue, KeyValues, PageHeader, SearchField, Select, Table, type Column } from '../../../ui';
import css from '../monitoring.module.css';
import { inClass, StatusBadge, type StatusClass } from '../parts';

const TRACE_MAX = 2000;
const DRAW_MS = 250;
const AGAIN_MS = 2000;
const SECRET_HEADERS = /^(authorization|x-amz-security-token|x-amz-server-side-encryption-customer-key|cookie)$/i;

export type Line = { id: number; entry: TraceEntry; method: string; status: number; name: string; path: string; client: string; ms: number; text: string };

export function readEntry(entry: TraceEntry, id: number): Line {
  const request = entry.http?.request;
  const path = entry.path || request?.path || '';
  const name = (entry.funcname || '').replace(/^(s3|internal|admin)\./, '');
  const client = (request?.client ?? '').replace(/:\d+$/, '');
  const method = request?.method ?? '';
  const status = entry.http?.response.statuscode ?? 0;
  return { id, entry, method, status, name, path, client, ms: entry.dur / 1e6, text: `${method} ${name} ${path} ${client} ${status}`.toLowerCase() };
}

function useTrace(running: boolean, internal: boolean) {
  const [lines, setLines] = useState<Line[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [connected, setConnected] = useState(false);
  const arrived = useRef<Line[]>([]);
  const next = useRef(1);

  useEffect(() => {
    if (!running) return;
    const stop = new AbortController();
    const draw = setInterval(() => {
      if (arrived.current.length === 0) return;
      const fresh = arrived.current.reverse();
      arrived.current = [];
      setLines((old) => [...fresh, ...old].slice(0, TRACE_MAX));
    }, DRAW_MS);
    const run = async () => {
      while (!stop.signal.aborted) {
        try {
          setConnected(true);
          for await (const entry of traceStream(api(), { s3: true, internal }, stop.signal)) {
            setError(null);
            arrived.current.push(readEntry(entry, next.current++));
            if (arrived.current.length > TRACE_MAX) arrived.current.shift();
          }
        } catch (failure) {
          if (isAbort(failure) || stop.signal.aborted) return;
          setError(failure);
        }
        setConnected(false);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    };
    void run();
    return () => {
      stop.abort();
      clearInterval(draw);
      setConnected(false);
    };
  }, [running, internal]);
  return { lines, error, connected, clear: () => setLines([]) };
}

export default function Page(_: PageProps) {
  const [running, setRunning] = useState(true);
  const [internal, setInternal] = useState(false);
  const [text, setText] = useState('');
  const [status, setStatus] = useState<StatusClass>('all');
  const [slower, setSlower] = useState<'0' | '10' | '100' | '1000'>('0');
  const [method, setMethod] = useState('all');
  const [chosen, setChosen] = useState<Line | null>(null);
  const { lines, error, connected, clear } = useTrace(running, internal);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = useMemo(
    () => lines.filter((l) => inClass(l.status, status) && l.ms >= Number(slower) && (method === 'all' || l.method === method) && words.every((w) => l.text.includes(w))),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [lines, status, slower, method, text],
  );
  const columns: Column<Line>[] = [
    { id: 'time', header: t('monitoring.time'), width: '6rem', cell: (l) => <span className="num muted">{formatDate(l.entry.time, { timeStyle: 'medium' })}</span> },
    { id: 'status', header: t('monitoring.status'), width: '3.5rem', cell: (l) => <StatusBadge status={l.status} /> },
    { id: 'method', header: t('monitoring.method'), width: '4.5rem', minTable: 700, cell: (l) => <span className="mono">{l.method}</span> },
    { id: 'name', header: t('monitoring.operation'), width: 'minmax(6rem, 2fr)', cell: (l) => l.name },
    { id: 'path', header: t('monitoring.path'), width: 'minmax(0, 6fr)', minTable: 500, cell: (l) => <span className="mono">{l.path}</span> },
    { id: 'client', header: t('monitoring.client'), width: '8rem', minTable: 1000, cell: (l) => <span className="mono">{l.client}</span> },
    { id: 'bytes', header: t('monitoring.bytes'), width: '5.5rem', align: 'end', minTable: 820, cell: (l) => formatBytes((l.entry.http?.stats.inputbytes ?? 0) + (l.entry.http?.stats.outputbytes ?? 0)) },
    { id: 'ms', header: t('monitoring.duration'), width: '5rem', align: 'end', minTable: 440, cell: (l) => formatDuration(l.ms / 1000) },
  ];
  return (
    <>
      <PageHeader
        title={t('app.monitoringTrace')}
        description={t('monitoring.traceDescription')}
        actions={
          <>
            <Button icon={Eraser} onPress={clear} isDisabled={lines.length === 0}>
              {t('monitoring.clear')}
            </Button>
            <Button variant={running ? 'secondary' : 'primary'} icon={running ? Pause : Play} onPress={() => setRunning(!running)}>
              {running ? t('monitoring.pause') : t('monitoring.resume')}
            </Button>
          </>
        }
      />
      <div className={css.filters}>
        <SearchField className={css.search} label={t('monitoring.filterText')} value={text} onChange={setText} />
        <Select
          className={css.narrow}
          label={t('monitoring.status')}
          hideLabel
          value={status}
          onChange={setStatus}
          options={[
            { id: 'all', label: t('monitoring.anyStatus') },
            { id: 'ok', label: t('monitoring.succeeded') },
            { id: 'errors', label: t('monitoring.failed') },
            { id: '4xx', label: '4xx' },
            { id: '5xx', label: '5xx' },
          ]}
        />
        <Select
          className={css.narrow}
          label={t('monitoring.method')}
          hideLabel
          value={method}
          onChange={setMethod}
          options={[{ id: 'all', label: t('monitoring.anyMethod') }, ...['GET', 'HEAD', 'PUT', 'POST', 'DELETE'].map((id) => ({ id, label: id }))]}
        />
        <Select
          className={css.narrow}
          label={t('monitoring.duration')}
          hideLabel
          value={slower}
          onChange={setSlower}
          options={[
            { id: '0', label: t('monitoring.anyDuration') },
            { id: '10', label: t('monitoring.slowerThan', { time: '10 ms' }) },
            { id: '100', label: t('monitoring.slowerThan', { time: '100 ms' }) },
            { id: '1000', label: t('monitoring.slowerThan', { time: '1 s' }) },
          ]}
        />
      </div>
      <div className={css.status}>
        <span className={css.live} data-on={running && connected}>
          {!running ? t('monitoring.paused') : connected ? t('monitoring.live') : t('monitoring.connecting')}
        </span>
        <span className="num">{t('monitoring.shownOf', { shown: formatNumber(shown.length), all: formatNumber(lines.length) })}</span>
        <Checkbox label={t('monitoring.withInternal')} isSelected={internal} onChange={setInternal} />
      </div>
      {error !== null && <ErrorState error={error} compact />}
      <Table
        label={t('app.monitoringTrace')}
        rows={shown}
        rowKey={(l) => String(l.id)}
        columns={columns}
        rowHeight={36}
        onOpen={setChosen}
        empty={
          <EmptyState icon={Activity} title={lines.length ? t('monitoring.nothingMatches') : running ? t('monitoring.waiting') : t('monitoring.paused')}>
            {lines.length ? t('monitoring.loosenFilters') : t('monitoring.waitingAdvice')}
          </EmptyState>
        }
      />
      <Detail line={chosen} onClose={() => setChosen(null)} />
    </>
  );
}

function Headers({ title, headers }: { title: string; headers: Record<string, string[]> | undefined }) {
  const rows = Object.entries(headers ?? {});
  if (rows.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <KeyValues>
        {rows.map(([name, values]) => (
          <KeyValue key={name} label={name}>
            <span className="mono hostile">{SECRET_HEADERS.test(name) ? t('monitoring.hidden') : values.join(', ')}</span>
          </KeyValue>
        ))}
      </KeyValues>
    </section>
  );
}

function Detail({ line, onClose }: { line: Line | null; onClose: () => void }) {
  const http = line?.entry.http;
  return (
    <Drawer isOpen={line !== null} onClose={onClose} title={line?.name || t('monitoring.request')}>
      {line && (
        <>
          <KeyValues>
            <KeyValue label={t('monitoring.status')}>
              <span className="row">
                <StatusBadge status={line.status} />
                {line.entry.error && <Badge tone="danger">{line.entry.error}</Badge>}
              </span>
            </KeyValue>
            <KeyValue label={t('monitoring.time')}>{formatDate(line.entry.time, { dateStyle: 'medium', timeStyle: 'medium' })}</KeyValue>
            <KeyValue label={t('monitoring.duration')}>{formatDuration(line.ms / 1000)}</KeyValue>
            <KeyValue label={t('monitoring.firstByte')}>{formatDuration((http?.stats.timetofirstbyte ?? 0) / 1e9)}</KeyValue>
            <KeyValue label={t('monitoring.path')}>
              <span className="mono hostile">
                {line.method} {line.path}
              </span>
            </KeyValue>
            <KeyValue label={t('monitoring.query')}>
              <span className="mono hostile">{http?.request.rawquery || '–'}</span>
            </KeyValue>
            <KeyValue label={t('monitoring.client')}>
              <span className="mono hostile">{http?.request.client}</span>
            </KeyValue>
            <KeyValue label={t('monitoring.received')}>{formatBytes(http?.stats.inputbytes)}</KeyValue>
            <KeyValue label={t('monitoring.sent')}>{formatBytes(http?.stats.outputbytes)}</KeyValue>
          </KeyValues>
          <Headers title={t('monitoring.requestHeaders')} headers={http?.request.headers} />
          <Headers title={t('monitoring.responseHeaders')} headers={http?.response.headers} />
        </>
      )}
    </Drawer>
  );
}
