// SPDX-License-Identifier: Apache-2.0
// How the server is, from the inside: what could be wrong first, then figures.
import { useQuery } from '@tanstack/react-query';
import { Cpu, HardDrive, Layers2, ListChecks } from 'lucide-react';
import { getHistory, getStatus } from '../../../api/pail';
import { api, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Callout, Card, Chart, ErrorState, formatBytes, formatDuration, formatNumber, formatPercent, KeyValue, KeyValues, Loading, PageHeader, Progress, Stat, Time } from '../../../ui';
import { timesOf } from '../../overview/times';
import { useWork, type Work } from '../work';
import css from './health.module.css';

const LIVE_MS = 3000;
const HISTORY_MS = 10_000;
const ALMOST_FULL = 0.9;

type Problem = { tone: 'danger' | 'warning'; title: string; advice: string };

export function problemsOf(w: Work): Problem[] {
  const out: Problem[] = [];
  const add = (when: boolean, tone: Problem['tone'], title: string, advice: string) => when && out.push({ tone, title, advice });
  const used = w.disk.total ? 1 - (w.disk.free ?? 0) / w.disk.total : 0;
  add(w.index.failed, 'danger', t('system.indexFailed'), t('system.indexFailedAdvice'));
  add(w.index.full, 'danger', t('system.indexFull'), t('system.indexFullAdvice'));
  add(used >= ALMOST_FULL, used >= 0.97 ? 'danger' : 'warning', t('system.diskAlmostFull', { part: formatPercent(used, 0) }), t('system.diskAlmostFullAdvice'));
  add(w.scrub.bad > 0, 'danger', t('system.damaged', { count: w.scrub.bad }), t('system.damagedAdvice'));
  add(w.scrub.snapshot_failed, 'warning', t('system.snapshotFailed'), t('system.snapshotFailedAdvice'));
  add(!w.scrub.enabled, 'warning', t('system.scrubOff'), t('system.scrubOffAdvice'));
  add(w.audit.dropped > 0, 'warning', t('system.auditDropped', { count: w.audit.dropped }), t('system.auditDroppedAdvice'));
  add(w.workers.threads > 0 && w.workers.busy >= w.workers.threads && w.workers.waiting > w.workers.threads, 'warning', t('system.workersBusy'), t('system.workersBusyAdvice'));
  return out;
}

export default function Page(_: PageProps) {
  const work = useWork(LIVE_MS);
  const status = useQuery({ queryKey: ['status'], queryFn: ({ signal }) => getStatus(api(), { signal }), refetchInterval: LIVE_MS });
  const w = work.data;
  const problems = w ? problemsOf(w) : [];
  const worst = problems.some((p) => p.tone === 'danger') ? 'danger' : problems.length ? 'warning' : 'success';
  return (
    <>
      <PageHeader
        title={t('app.systemHealth')}
        description={t('system.healthDescription')}
        badge={
          w && (
            <Badge tone={worst} dot>
              {worst === 'success' ? t('system.allWell') : worst === 'warning' ? t('system.needsAttention') : t('system.inTrouble')}
            </Badge>
          )
        }
      />
      {!w ? (
        work.error ? (
          <ErrorState error={work.error} onRetry={() => void work.refetch()} />
        ) : (
          <Loading rows={8} />
        )
      ) : (
        <div className="stack">
          {problems.map((p) => (
            <Callout key={p.title} tone={p.tone} title={p.title}>
              {p.advice}
            </Callout>
          ))}
          <div className="grid4">
            <Stat icon={HardDrive} label={t('system.diskFree')} value={formatBytes(w.disk.free)} note={t('system.ofTotal', { total: formatBytes(w.disk.total) })} />
            <Stat icon={Layers2} label={t('system.index')} value={formatBytes(w.index.used)} note={w.index.failed ? t('system.failed') : t('system.commits', { n: formatNumber(w.index.commits, { notation: 'compact' }) })} />
            <Stat icon={ListChecks} label={t('system.workers')} value={t('system.busyOf', { busy: w.workers.busy, all: w.workers.threads })} note={t('system.waiting', { count: w.workers.waiting })} />
            <Stat icon={Cpu} label={t('system.connections')} value={formatNumber(w.loops.reduce((n, l) => n + l.connections, 0))} note={status.data ? t('system.accepted', { n: formatNumber(status.data.connections.accepted, { notation: 'compact' }) }) : ''} />
          </div>
          <History />
          <div className="grid2">
            <Scrub work={w} />
            <Background work={w} />
            <Loops work={w} />
            <Index work={w} />
          </div>
        </div>
      )}
    </>
  );
}

function History() {
  const history = useQuery({ queryKey: ['history', '1h'], queryFn: ({ signal }) => getHistory(api(), '1h', { signal }), refetchInterval: HISTORY_MS });
  const h = history.data;
  if (!h) return null;
  const times = timesOf(h);
  return (
    <div className="grid2">
      <Card title={t('system.cpu')}>
        <Chart label={t('system.cpu')} times={times} series={[{ label: t('system.cpuCores'), values: h.series.cpu ?? [] }]} height={140} area format={(v) => formatNumber(v, { maximumSignificantDigits: 2 })} />
      </Card>
      <Card title={t('system.memory')}>
        <Chart label={t('system.memory')} times={times} series={[{ label: t('system.memoryUsed'), values: h.series.memory ?? [], color: 'var(--chart-2)' }]} height={140} area binary format={(v) => formatBytes(v)} />
      </Card>
    </div>
  );
}

function Scrub({ work: { scrub: s } }: { work: Work }) {
  return (
    <Card
      title={t('system.scrub')}
      description={t('system.scrubHelp')}
      actions={s.enabled ? <Badge tone={s.running ? 'info' : 'success'} dot>{s.running ? t('system.running') : t('system.idle')}</Badge> : <Badge tone="warning" dot>{t('system.off')}</Badge>}
    >
      <div className="stack">
        {s.running && <Progress label={t('system.thisPass')} value={Math.min(s.done, s.total)} max={s.total} text={t('system.bytesOf', { done: formatBytes(s.done), all: formatBytes(s.total) })} />}
        <KeyValues>
          <KeyValue label={t('system.damagedBlobs')}>{s.bad > 0 ? <Badge tone="danger">{formatNumber(s.bad)}</Badge> : t('system.none')}</KeyValue>
          <KeyValue label={t('system.readSoFar')}>{t('system.filesRead', { n: formatNumber(s.done_blobs), bytes: formatBytes(s.done) })}</KeyValue>
          <KeyValue label={t('system.lastEnd')}>
            <Time value={s.last_end} />
          </KeyValue>
          <KeyValue label={t('system.snapshot')}>
            <span className="row">
              <Time value={s.snapshot} />
              {s.snapshot_failed && <Badge tone="danger">{t('system.failed')}</Badge>}
            </span>
          </KeyValue>
        </KeyValues>
      </div>
    </Card>
  );
}

function Background({ work: w }: { work: Work }) {
  const l = w.lifecycle;
  return (
    <Card title={t('system.background')} description={t('system.sinceStart')}>
      <KeyValues>
        <KeyValue label={t('system.lifecycle')}>{t('system.lifecycleLine', { examined: formatNumber(l.examined), expired: formatNumber(l.expired), moved: formatNumber(l.moved) })}</KeyValue>
        <KeyValue label={t('system.lifecycleUploads')}>{formatNumber(l.aborted)}</KeyValue>
        <KeyValue label={t('system.lifecycleFailed')}>{l.failed > 0 ? <Badge tone="warning">{formatNumber(l.failed)}</Badge> : t('system.none')}</KeyValue>
        <KeyValue label={t('system.garbage')}>{t('system.garbageLine', { removed: formatNumber(w.garbage.removed), passes: formatNumber(w.garbage.passes) })}</KeyValue>
        <KeyValue label={t('system.auditLines')}>{w.audit.enabled ? t('system.auditLine', { lines: formatNumber(w.audit.lines), waiting: formatBytes(w.audit.waiting) }) : <span className="muted">{t('system.auditOff')}</span>}</KeyValue>
      </KeyValues>
    </Card>
  );
}

function Loops({ work: w }: { work: Work }) {
  return (
    <Card title={t('system.loops')} description={t('system.loopsHelp')}>
      <div className={css.scroll}>
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">{t('system.loop')}</th>
              <th scope="col">{t('system.connections')}</th>
              <th scope="col">{t('system.cpuTime')}</th>
            </tr>
          </thead>
          <tbody>
            {w.loops.map((l, i) => (
              <tr key={i}>
                <th scope="row">{i + 1}</th>
                <td>{formatNumber(l.connections)}</td>
                <td>{formatDuration(l.cpu_seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Index({ work: { index: i, workers } }: { work: Work }) {
  return (
    <Card title={t('system.index')} description={t('system.indexHelp')}>
      <KeyValues>
        <KeyValue label={t('system.state')}>{i.failed || i.full ? <Badge tone="danger" dot>{i.full ? t('system.full') : t('system.failed')}</Badge> : <Badge tone="success" dot>{t('system.ok')}</Badge>}</KeyValue>
        <KeyValue label={t('system.size')}>{t('system.indexSize', { used: formatBytes(i.used), file: formatBytes(i.file) })}</KeyValue>
        <KeyValue label={t('system.changes')}>{t('system.changesLine', { changes: formatNumber(i.changes), commits: formatNumber(i.commits) })}</KeyValue>
        <KeyValue label={t('system.changesWaiting')}>{formatNumber(i.waiting)}</KeyValue>
        <KeyValue label={t('system.refused')}>{formatNumber(workers.refused)}</KeyValue>
      </KeyValues>
    </Card>
  );
}
