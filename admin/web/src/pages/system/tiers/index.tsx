// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query';
import { Layers } from 'lucide-react';
import { getStatus } from '../../../api/pail';
import { api, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Card, CodeBlock, EmptyState, ErrorState, formatBytes, formatNumber, KeyValue, KeyValues, Loading, PageHeader, Progress } from '../../../ui';
import { useWork } from '../work';

const EVERY_MS = 10_000;
const ALMOST_FULL = 0.9;

export default function Page(_: PageProps) {
  const work = useWork(EVERY_MS);
  const status = useQuery({ queryKey: ['status'], queryFn: ({ signal }) => getStatus(api(), { signal }) });
  const use = (name: string) => status.data?.usage.classes.find((c) => c.name === name);
  const others = (status.data?.usage.classes ?? []).filter((c) => !work.data?.tiers.some((tier) => tier.class === c.name));
  return (
    <>
      <PageHeader title={t('app.systemTiers')} description={t('system.tiersDescription')} />
      {!work.data ? (
        work.error ? (
          <ErrorState error={work.error} onRetry={() => void work.refetch()} />
        ) : (
          <Loading />
        )
      ) : (
        <div className="stack">
          {work.data.tiers.length === 0 ? (
            <Card>
              <EmptyState icon={Layers} title={t('system.noTiers')}>
                {t('system.noTiersAdvice')}
              </EmptyState>
              <CodeBlock label={t('system.tierExample')} code="pail server --tier STANDARD_IA=/mnt/large/tier /srv/data" />
            </Card>
          ) : (
            <div className="grid2">
              {work.data.tiers.map((tier) => {
                const { total, free } = tier.disk;
                const used = total === null || free === null ? undefined : total - free;
                const part = used === undefined || !total ? 0 : used / total;
                return (
                  <Card key={tier.class} title={<span className="mono">{tier.class}</span>} actions={used === undefined ? <Badge tone="danger" dot>{t('system.unavailable')}</Badge> : <Badge tone="success" dot>{t('system.available')}</Badge>}>
                    <div className="stack">
                      {used !== undefined && total !== null && (
                        <Progress label={t('system.diskUse')} value={used} max={total} text={t('system.bytesOf', { done: formatBytes(used), all: formatBytes(total) })} {...(part >= ALMOST_FULL ? { tone: 'danger' as const } : {})} />
                      )}
                      <KeyValues>
                        <KeyValue label={t('system.folder')}>
                          <code>{tier.path}</code>
                        </KeyValue>
                        <KeyValue label={t('system.objectsIn')}>{formatNumber(use(tier.class)?.objects ?? 0)}</KeyValue>
                        <KeyValue label={t('system.stored')}>{formatBytes(use(tier.class)?.bytes ?? 0)}</KeyValue>
                      </KeyValues>
                    </div>
                  </Card>
                );
              })}
            </div>
          )}
          {others.length > 0 && (
            <Card title={t('system.inDataFolder')} description={t('system.inDataFolderHelp')}>
              <KeyValues>
                {others.map((c) => (
                  <KeyValue key={c.name} label={c.name}>
                    {t('system.classLine', { objects: formatNumber(c.objects), bytes: formatBytes(c.bytes) })}
                  </KeyValue>
                ))}
              </KeyValues>
            </Card>
          )}
        </div>
      )}
    </>
  );
}
