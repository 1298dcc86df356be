// SPDX-License-Identifier: Apache-2.0
// What the server holds and does. Figures from /pail/v1/status every few seconds, charts from the history that the server keeps.
import { useQuery } from '@tanstack/react-query';
import { ArrowDownUp, Boxes, Database, Gauge, HardDrive, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { getHistory, getStatus, listBucketStatus, type History, type HistoryRange, type ServerStatus } from '../../api/pail';
import { api, useCan, useSession, type PageProps } from '../../app';
import { whenNeeded } from '../../app/lazily';
import { t } from '../../strings';
import { Badge, Bytes, Callout, Card, Chart, EmptyState, ErrorState, formatBytes, formatDuration, formatNumber, formatPercent, LinkButton, Loading, PageHeader, Progress, Select, Stat, Table, Time, type Column } from '../../ui';
import css from './overview.module.css';
import { timesOf } from './times';

const LIVE_MS = 5000;
const BUCKETS_SHOWN = 6;
const ALMOST_FULL = 0.9;

export default function Page(_: PageProps) {
  const can = useCan([{ action: 'admin:ServerInfo' }]);
  if (can.isLoading) return <Loading rows={6} />;
  return can.all ? <ServerOverview /> : <OwnOverview />;
}

/** The S3 client is large, and those who see the server's figures do without it. */
const s3 = whenNeeded(() => import('../../api/s3'));

/** For those who may not see the server: their own buckets. */
function OwnOverview() {
  const { who } = useSession();
  const can = useCan([{ action: 's3:ListAllMyBuckets' }]);
  const buckets = useQuery({ queryKey: ['buckets', 'names'], queryFn: async ({ signal }) => (await s3()).listBuckets(api(), { signal }), enabled: can.all });
  return (
    <>
      <PageHeader title={t('overview.title')} description={t('overview.welcome', { name: who?.name ?? '' })} />
      {!can.isLoading && !can.all ? (
        <EmptyState icon={Database} title={t('overview.noList')}>
          {t('overview.noListAdvice')}
        </EmptyState>
      ) : buckets.isPending ? (
        <Loading />
      ) : buckets.error ? (
        <ErrorState error={buckets.error} onRetry={() => void buckets.refetch()} />
      ) : buckets.data.length === 0 ? (
        <EmptyState icon={Database} title={t('overview.noBuckets')}>
          {t('overview.noBucketsForYou')}
        </EmptyState>
      ) : (
        <Table
          label={t('overview.buckets')}
          rows={buckets.data}
          rowKey={(b) => b.name}
          columns={[
            { id: 'name', header: t('overview.name'), width: 'minmax(0, 2fr)', cell: (b) => <Link href={`/objects/${b.name}`}>{b.name}</Link> },
            { id: 'created', header: t('overview.created'), cell: (b) => <Time value={b.created ?? null} /> },
          ]}
        />
      )}
    </>
  );
}

function ServerOverview() {
  const [range, setRange] = useState<HistoryRange>('1h');
  const status = useQuery({ queryKey: ['status'], queryFn: ({ signal }) => getStatus(api(), { signal }), refetchInterval: LIVE_MS });
  const history = useQuery({ queryKey: ['history', range], queryFn: ({ signal }) => getHistory(api(), range, { signal }), refetchInterval: range === '1h' ? 2 * LIVE_MS : 12 * LIVE_MS, placeholderData: (previous) => previous });
  const s = status.data;
  return (
    <>
      <PageHeader
        title={t('overview.title')}
        description={s ? t('overview.serverLine', { version: s.version, uptime: formatDuration(s.uptimeSeconds) }) : t('overview.description')}
        badge={s && <Health status={s} />}
        actions={
          <Select
            label={t('overview.range')}
            hideLabel
            size="sm"
            className={css.range}
            value={range}
            onChange={setRange}
            options={[
              { id: '1h', label: t('overview.range1h') },
              { id: '6h', label: t('overview.range6h') },
              { id: '24h', label: t('overview.range24h') },
              { id: '7d', label: t('overview.range7d') },
            ]}
          />
        }
      />
      {status.error && !s ? <ErrorState error={status.error} onRetry={() => void status.refetch()} /> : !s ? <Loading rows={6} /> : <Figures status={s} />}
      {s && (history.error && !history.data ? <ErrorState error={history.error} onRetry={() => void history.refetch()} /> : <Charts history={history.data} loading={history.isPending} />)}
      {s && <Bottom status={s} />}
    </>
  );
}

function Health({ status: s }: { status: ServerStatus }) {
  if (!s.reads) return <Badge tone="danger" dot>{t('overview.down')}</Badge>;
  if (!s.writes || s.index.full || s.index.failed) return <Badge tone="warning" dot>{t('overview.readOnly')}</Badge>;
  return <Badge tone="success" dot>{t('overview.healthy')}</Badge>;
}

function Figures({ status: s }: { status: ServerStatus }) {
  const { totalBytes, freeBytes } = s.space;
  const used = totalBytes - freeBytes;
  const part = totalBytes > 0 ? used / totalBytes : 0;
  const errors = s.traffic.errors4xx + s.traffic.errors5xx;
  return (
    <div className={css.figures}>
      <Stat icon={HardDrive} label={t('overview.stored')} value={formatBytes(s.usage.bytes)} note={t('overview.free', { free: formatBytes(freeBytes), total: formatBytes(totalBytes) })} />
      <Stat icon={Boxes} label={t('overview.objects')} value={formatNumber(s.usage.objects)} note={t('overview.inBuckets', { count: s.buckets })} />
      <Stat icon={ArrowDownUp} label={t('overview.requests')} value={t('overview.perSecond', { n: formatNumber(s.traffic.requestsPerSecond, { maximumFractionDigits: 1 }) })} note={t('overview.inOut', { in: formatBytes(s.traffic.receivedBytesPerSecond), out: formatBytes(s.traffic.sentBytesPerSecond) })} />
      <Stat icon={Gauge} label={t('overview.latency')} value={s.traffic.latency.requests ? formatDuration(s.traffic.latency.p50Seconds) : '–'} note={t('overview.p99', { p99: s.traffic.latency.requests ? formatDuration(s.traffic.latency.p99Seconds) : '–' })} />
      <Stat icon={TriangleAlert} label={t('overview.errors')} value={s.traffic.requests ? formatPercent(errors / s.traffic.requests) : '–'} note={t('overview.errorsNote', { client: formatNumber(s.traffic.errors4xx), server: formatNumber(s.traffic.errors5xx) })} />
      {part >= ALMOST_FULL && (
        <div className={css.whole}>
          <Callout tone={part >= 0.97 ? 'danger' : 'warning'} title={t('overview.almostFull', { part: formatPercent(part, 0) })}>
            {t('overview.almostFullAdvice')}
          </Callout>
        </div>
      )}
    </div>
  );
}

const rate = (values: (number | null)[] | undefined, step: number) => (values ?? []).map((v) => (v === null ? null : v / step));

function Charts({ history: h, loading }: { history: History | undefined; loading: boolean }) {
  if (!h) return loading ? <Loading rows={6} /> : null;
  const times = timesOf(h);
  const of = (name: string) => h.series[name] ?? [];
  const perSecond = (name: string) => rate(h.series[name], h.step_seconds);
  const rateText = (v: number) => t('overview.perSecond', { n: formatNumber(v, { maximumFractionDigits: v < 10 ? 2 : 0 }) });
  const bytesText = (v: number) => t('overview.perSecond', { n: formatBytes(v) });
  return (
    <div className={css.charts}>
      <Card title={t('overview.requestsChart')}>
        <Chart label={t('overview.requestsChart')} times={times} series={[{ label: t('overview.requests'), values: perSecond('requests') }]} format={rateText} area />
      </Card>
      <Card title={t('overview.trafficChart')}>
        <Chart
          label={t('overview.trafficChart')}
          times={times}
          series={[
            { label: t('overview.in'), values: perSecond('bytes_in') },
            { label: t('overview.out'), values: perSecond('bytes_out') },
          ]}
          format={bytesText}
          binary
        />
      </Card>
      <Card title={t('overview.latencyChart')}>
        <Chart
          label={t('overview.latencyChart')}
          times={times}
          series={[
            { label: 'p50', values: of('latency_p50_ms') },
            { label: 'p90', values: of('latency_p90_ms') },
            { label: 'p99', values: of('latency_p99_ms'), color: 'var(--chart-3)' },
          ]}
          format={(v) => (v === 0 ? '0' : formatDuration(v / 1000))}
        />
      </Card>
      <Card title={t('overview.errorsChart')}>
        <Chart
          label={t('overview.errorsChart')}
          times={times}
          series={[
            { label: t('overview.clientErrors'), values: perSecond('errors_4xx'), color: 'var(--chart-3)' },
            { label: t('overview.serverErrors'), values: perSecond('errors_5xx'), color: 'var(--chart-4)' },
          ]}
          format={rateText}
        />
      </Card>
      <Card title={t('overview.capacityChart')}>
        <Chart label={t('overview.capacityChart')} times={times} series={[{ label: t('overview.stored'), values: of('bytes_stored'), color: 'var(--chart-2)' }]} format={(v) => formatBytes(v)} binary area />
      </Card>
      <Card title={t('overview.objectsChart')}>
        <Chart label={t('overview.objectsChart')} times={times} series={[{ label: t('overview.objects'), values: of('objects') }]} format={(v) => formatNumber(v, { notation: 'compact' })} area />
      </Card>
    </div>
  );
}

type Row = { name: string; objects: number; bytes: number };

function Bottom({ status: s }: { status: ServerStatus }) {
  const can = useCan([{ action: 'admin:DataUsageInfo' }]);
  const buckets = useQuery({ queryKey: ['buckets', 'status'], queryFn: ({ signal }) => listBucketStatus(api(), { signal }), staleTime: 30_000, enabled: can.all });
  const largest: Row[] = [...(buckets.data ?? [])]
    .sort((a, b) => b.usage.bytes - a.usage.bytes)
    .slice(0, BUCKETS_SHOWN)
    .map((b) => ({ name: b.name, objects: b.usage.objects, bytes: b.usage.bytes }));
  const columns: Column<Row>[] = [
    { id: 'name', header: t('overview.name'), width: 'minmax(0, 2fr)', cell: (b) => <Link href={`/objects/${b.name}`}>{b.name}</Link> },
    { id: 'objects', header: t('overview.objects'), align: 'end', cell: (b) => formatNumber(b.objects) },
    { id: 'bytes', header: t('overview.stored'), align: 'end', cell: (b) => <Bytes value={b.bytes} /> },
  ];
  const used = s.space.totalBytes - s.space.freeBytes;
  const part = s.space.totalBytes > 0 ? used / s.space.totalBytes : 0;
  return (
    <div className={css.charts}>
      <Card title={t('overview.largest')} flush actions={<LinkButton size="sm" variant="ghost" href="/buckets">{t('overview.allBuckets')}</LinkButton>}>
        {!can.all && !can.isLoading ? (
          <p className={`${css.pad} muted`}>{t('app.noRightAdvice', { action: 'admin:DataUsageInfo' })}</p>
        ) : buckets.isPending ? (
          <div className={css.pad}>
            <Loading rows={3} />
          </div>
        ) : (
          <Table
            bare
            label={t('overview.largest')}
            rows={largest}
            rowKey={(b) => b.name}
            columns={columns}
            rowHeight={40}
            empty={
              <EmptyState icon={Database} title={t('overview.noBuckets')} actions={<LinkButton variant="primary" href="/buckets?new">{t('overview.createBucket')}</LinkButton>}>
                {t('overview.noBucketsAdvice')}
              </EmptyState>
            }
          />
        )}
      </Card>
      <div className="stack">
        <Card title={t('overview.disk')}>
          <Progress label={t('overview.diskUsed')} value={part} max={1} text={t('overview.of', { part: formatBytes(used), whole: formatBytes(s.space.totalBytes) })} {...(part >= ALMOST_FULL ? { tone: 'danger' as const } : {})} />
        </Card>
        <Card title={t('overview.lastErrors')} description={t('overview.window', { time: formatDuration(s.traffic.windowSeconds) })}>
          {s.traffic.errors.length === 0 ? (
            <p className="muted">{t('overview.noErrors')}</p>
          ) : (
            <ul className={css.errors}>
              {s.traffic.errors.slice(0, BUCKETS_SHOWN).map((e) => (
                <li key={e.code}>
                  <code className="hostile">{e.code}</code>
                  <span className="num">{formatNumber(e.count)}</span>
                </li>
              ))}
            </ul>
          )}
        </Card>
      </div>
    </div>
  );
}
