// SPDX-License-Identifier: Apache-2.0
import { Boxes, HardDrive, History, UploadCloud } from 'lucide-react';
import { getBucketStatus, type BucketStatus, type Traffic } from '../../api/pail';
import { getBucketEncryption, getBucketPolicyStatus, getBucketVersioning, getObjectLockConfiguration, getPublicAccessBlock, type LockConfiguration } from '../../api/s3';
import { api, s3Endpoint } from '../../app';
import { t } from '../../strings';
import { Badge, Card, Copyable, formatBytes, formatDuration, formatNumber, formatPercent, KeyValue, KeyValues, Progress, Stat, Time } from '../../ui';
import css from './bucket.module.css';
import { Loaded, useSetting, type SectionProps } from './parts';

const LIVE_MS = 5000;

export const versioningWords = { off: 'bucket.versioningOff', Enabled: 'bucket.versioningOn', enabled: 'bucket.versioningOn', Suspended: 'bucket.versioningSuspended', suspended: 'bucket.versioningSuspended' } as const;

export function lockInWords(lock: LockConfiguration | null | undefined): string {
  if (!lock?.enabled) return t('bucket.lockOff');
  if (!lock.mode) return t('bucket.lockOn');
  const period = lock.years !== undefined ? t('bucket.yearCount', { count: lock.years }) : t('bucket.dayCount', { count: lock.days ?? 0 });
  return t(lock.mode === 'COMPLIANCE' ? 'bucket.lockCompliance' : 'bucket.lockGovernance', { period });
}

export function Overview({ bucket, rights }: SectionProps) {
  const status = useSetting(bucket, 'status', (signal) => getBucketStatus(api(), bucket, { signal }), rights.status, LIVE_MS);
  return (
    <>
      {rights.status && (
        <Loaded query={status}>
          {(s) =>
            s && (
              <>
                <Figures status={s} />
                {s.quotaBytes && (
                  <Card title={t('bucket.quota')}>
                    <Progress
                      label={t('bucket.quotaUsed')}
                      value={s.usage.bytes}
                      max={s.quotaBytes}
                      text={t('bucket.ofWhole', { part: formatBytes(s.usage.bytes), whole: formatBytes(s.quotaBytes) })}
                      {...(s.usage.bytes >= s.quotaBytes ? { tone: 'danger' as const } : s.usage.bytes > 0.9 * s.quotaBytes ? { tone: 'warning' as const } : {})}
                    />
                  </Card>
                )}
              </>
            )
          }
        </Loaded>
      )}
      <Settings bucket={bucket} rights={rights} status={status.data ?? undefined} />
      {status.data && (
        <>
          {status.data.usage.objects > 0 && <Distribution status={status.data} />}
          {status.data.traffic && <TrafficCard traffic={status.data.traffic} />}
        </>
      )}
    </>
  );
}

function Figures({ status: s }: { status: BucketStatus }) {
  return (
    <div className="grid4">
      <Stat icon={HardDrive} label={t('bucket.stored')} value={formatBytes(s.usage.bytes)} note={t('bucket.storedNote', { size: formatBytes(s.usage.objectBytes) })} />
      <Stat icon={Boxes} label={t('bucket.objects')} value={formatNumber(s.usage.objects)} note={t('bucket.markers', { count: s.usage.deleteMarkers })} />
      <Stat icon={History} label={t('bucket.oldVersions')} value={formatNumber(s.usage.noncurrentVersions)} note={formatBytes(s.usage.noncurrentVersionBytes)} />
      <Stat icon={UploadCloud} label={t('bucket.uploads')} value={formatNumber(s.usage.uploads)} note={t('bucket.partsNote', { count: s.usage.parts, size: formatBytes(s.usage.partBytes) })} />
    </div>
  );
}

function Settings({ bucket, rights, status }: SectionProps & { status?: BucketStatus | undefined }) {
  const versioning = useSetting(bucket, 'versioning', (signal) => getBucketVersioning(api(), bucket, { signal }), rights.getVersioning);
  const lock = useSetting(bucket, 'lock', (signal) => getObjectLockConfiguration(api(), bucket, { signal }), rights.getLock && (rights.status ? status?.objectLock === true : versioning.data === 'Enabled'));
  const encryption = useSetting(bucket, 'encryption', (signal) => getBucketEncryption(api(), bucket, { signal }), rights.getEncryption);
  const block = useSetting(bucket, 'block', (signal) => getPublicAccessBlock(api(), bucket, { signal }), rights.getBlock);
  const shut = block.data?.restrictPublicBuckets === true;
  const open = useSetting(bucket, 'policyStatus', (signal) => getBucketPolicyStatus(api(), bucket, { signal }), rights.getPolicyStatus && !shut && !(rights.getBlock && block.isPending));
  return (
    <Card title={t('bucket.properties')}>
      <KeyValues>
        <KeyValue label={t('bucket.address')}>
          <Copyable value={`${s3Endpoint()}/${bucket}`} />
        </KeyValue>
        <KeyValue label={t('bucket.arn')}>
          <Copyable value={`arn:aws:s3:::${bucket}`} />
        </KeyValue>
        {status && (
          <KeyValue label={t('bucket.created')}>
            <Time value={status.created} full />
          </KeyValue>
        )}
        {status && (
          <KeyValue label={t('bucket.owner')}>
            <code>{status.owner}</code>
          </KeyValue>
        )}
        {versioning.data && <KeyValue label={t('bucket.versioning')}>{t(versioningWords[versioning.data])}</KeyValue>}
        {rights.getLock && (status || versioning.data) && <KeyValue label={t('bucket.lock')}>{lockInWords(lock.data)}</KeyValue>}
        {encryption.data !== undefined && (
          <KeyValue label={t('bucket.encryption')}>
            {encryption.data ? (encryption.data.algorithm === 'AES256' ? 'SSE-S3' : `SSE-KMS${encryption.data.keyId ? `, ${encryption.data.keyId}` : ''}`) : t('bucket.encryptionNone')}
          </KeyValue>
        )}
        {(shut || open.data !== undefined) && <KeyValue label={t('bucket.publicByPolicy')}>{open.data && !shut ? <Badge tone="danger">{t('bucket.public')}</Badge> : t('bucket.no')}</KeyValue>}
      </KeyValues>
    </Card>
  );
}

function Distribution({ status: { usage } }: { status: BucketStatus }) {
  const bytes = Math.max(1, ...usage.classes.map((c) => c.bytes));
  const most = Math.max(1, ...usage.sizes.map((s) => s.objects));
  const range = (i: number) => {
    const from = i === 0 ? 0 : (usage.sizes[i - 1]?.belowBytes ?? 0);
    const to = usage.sizes[i]?.belowBytes ?? null;
    return to === null ? t('bucket.from', { size: formatBytes(from) }) : i === 0 ? t('bucket.below', { size: formatBytes(to) }) : t('bucket.range', { from: formatBytes(from), to: formatBytes(to) });
  };
  return (
    <div className="grid2">
      <Card title={t('bucket.byClass')}>
        <ul className={css.bars}>
          {usage.classes.map((c) => (
            <li key={c.name} className={css.bar}>
              <span className="ellipsis">{c.name}</span>
              <span className={css.track} aria-hidden>
                <span className={css.fill} style={{ width: `${(c.bytes / bytes) * 100}%`, display: 'block' }} />
              </span>
              <span className="num" title={t('bucket.objectCount', { count: c.objects })}>
                {formatBytes(c.bytes)}
              </span>
            </li>
          ))}
        </ul>
      </Card>
      <Card title={t('bucket.bySize')}>
        <ul className={css.bars}>
          {usage.sizes.map((s, i) => (
            <li key={i} className={css.bar}>
              <span className="num">{range(i)}</span>
              <span className={css.track} aria-hidden>
                {s.objects > 0 && <span className={css.fill} style={{ width: `${(s.objects / most) * 100}%`, display: 'block' }} />}
              </span>
              <span className="num">{formatNumber(s.objects)}</span>
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}

function TrafficCard({ traffic: x }: { traffic: Traffic }) {
  const rate = (n: number) => t('bucket.perSecond', { n: formatNumber(n, { maximumFractionDigits: 2 }) });
  const row = (label: string, d: Traffic['uploads']) => (
    <KeyValue label={label}>
      {rate(d.perSecond)}
      {d.successRate !== null && ` · ${t('bucket.succeeded', { part: formatPercent(d.successRate) })}`}
      {d.latency.requests > 0 && ` · ${t('bucket.latency', { p50: formatDuration(d.latency.p50Seconds), p99: formatDuration(d.latency.p99Seconds) })}`}
    </KeyValue>
  );
  return (
    <div className="grid2">
      <Card title={t('bucket.traffic')} description={t('bucket.window', { time: formatDuration(x.windowSeconds) })}>
        <KeyValues>
          <KeyValue label={t('bucket.requests')}>{rate(x.requestsPerSecond)}</KeyValue>
          <KeyValue label={t('bucket.received')}>{t('bucket.perSecond', { n: formatBytes(x.receivedBytesPerSecond) })}</KeyValue>
          <KeyValue label={t('bucket.sent')}>{t('bucket.perSecond', { n: formatBytes(x.sentBytesPerSecond) })}</KeyValue>
          {row(t('bucket.writes'), x.uploads)}
          {row(t('bucket.reads'), x.downloads)}
        </KeyValues>
      </Card>
      <Card title={t('bucket.errors')} description={t('bucket.errorCounts', { client: formatNumber(x.errors4xx), server: formatNumber(x.errors5xx) })}>
        {x.errors.length === 0 ? (
          <p className="muted">{t('bucket.noErrors')}</p>
        ) : (
          <ul className={css.plainList}>
            {x.errors.map((e) => (
              <li key={e.code}>
                <code className="hostile">{e.code}</code>
                <span className="num">{formatNumber(e.count)}</span>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </div>
  );
}
