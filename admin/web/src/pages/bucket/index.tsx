// SPDX-License-Identifier: Apache-2.0
// The settings of one bucket, a section at a time. Sections stand here for what the user may see and the server answers.
import { useQueries, useQuery } from '@tanstack/react-query';
import { Bell, Copy, FolderOpen, Gauge, Globe, HandCoins, History, KeyRound, Lock, Network, Recycle, ScrollText, Share2, ShieldBan, ShieldCheck, Tags, TriangleAlert, Unplug, UploadCloud, Weight, type LucideIcon } from 'lucide-react';
import { useEffect, type ComponentType } from 'react';
import { Link, useLocation } from 'wouter';
import { isApiError } from '../../api/http';
import { getSettingDocument, headBucket } from '../../api/s3';
import { api, consoleInfo, type PageProps } from '../../app';
import { t } from '../../strings';
import { EmptyState, ErrorState, LinkButton, Loading, PageHeader, Select } from '../../ui';
import { Access } from './Access';
import css from './bucket.module.css';
import { Cors } from './Cors';
import { Danger } from './Danger';
import { DocumentSection } from './DocumentSection';
import { Lifecycle } from './Lifecycle';
import { Overview } from './Overview';
import { Ownership } from './Ownership';
import type { SectionProps } from './parts';
import { Policy } from './Policy';
import { EncryptionSection, LockSection, VersioningSection } from './Protection';
import { PublicAccess } from './PublicAccess';
import { useRights, type Rights } from './rights';
import { PaymentSection, QuotaSection, TagsSection } from './Small';
import { Uploads } from './Uploads';

type Group = 'data' | 'access' | 'more';
interface Section {
  id: string;
  label: () => string;
  icon: LucideIcon;
  group: Group | 'top' | 'bottom';
  may: (r: Rights) => boolean;
  /** The setting that this server may not have. */
  feature?: string;
  content: ComponentType<SectionProps>;
}

const feature = (query: string, right: 'Notification' | 'Replication' | 'Logging' | 'Website', icon: LucideIcon, label: () => string): Section => ({
  id: query,
  label,
  icon,
  group: 'more',
  feature: query,
  may: (r) => r[`get${right}`],
  content: (p) => <DocumentSection {...p} query={query} title={label()} may={p.rights[`put${right}`]} />,
});

const sections: Section[] = [
  { id: 'overview', label: () => t('bucket.overview'), icon: Gauge, group: 'top', may: () => true, content: Overview },
  { id: 'versioning', label: () => t('bucket.versioning'), icon: History, group: 'data', may: (r) => r.getVersioning, content: VersioningSection },
  { id: 'object-lock', label: () => t('bucket.lock'), icon: Lock, group: 'data', may: (r) => r.getLock, content: LockSection },
  { id: 'encryption', label: () => t('bucket.encryption'), icon: KeyRound, group: 'data', may: (r) => r.getEncryption, content: EncryptionSection },
  { id: 'lifecycle', label: () => t('bucket.lifecycle'), icon: Recycle, group: 'data', may: (r) => r.getLifecycle, content: Lifecycle },
  { id: 'policy', label: () => t('bucket.policy'), icon: ShieldCheck, group: 'access', may: (r) => r.getPolicy, content: Policy },
  { id: 'access', label: () => t('bucket.who'), icon: Share2, group: 'access', may: (r) => r.getPolicyStatus || r.simulate, content: Access },
  { id: 'public-access', label: () => t('bucket.publicAccess'), icon: ShieldBan, group: 'access', may: (r) => r.getBlock, content: PublicAccess },
  { id: 'ownership', label: () => t('bucket.ownership'), icon: Unplug, group: 'access', may: (r) => r.getOwnership || r.getAcl, content: Ownership },
  { id: 'cors', label: () => t('bucket.cors'), icon: Network, group: 'access', may: (r) => r.getCors, content: Cors },
  { id: 'tags', label: () => t('bucket.tags'), icon: Tags, group: 'more', may: (r) => r.getTags, content: TagsSection },
  { id: 'quota', label: () => t('bucket.quota'), icon: Weight, group: 'more', may: (r) => r.getQuota, content: QuotaSection },
  { id: 'payment', label: () => t('bucket.payment'), icon: HandCoins, group: 'more', may: (r) => r.getPayment, content: PaymentSection },
  { id: 'uploads', label: () => t('bucket.uploads'), icon: UploadCloud, group: 'more', may: (r) => r.listUploads, content: Uploads },
  feature('notification', 'Notification', Bell, () => t('bucket.notification')),
  feature('replication', 'Replication', Copy, () => t('bucket.replication')),
  feature('logging', 'Logging', ScrollText, () => t('bucket.logging')),
  feature('website', 'Website', Globe, () => t('bucket.website')),
  { id: 'danger', label: () => t('bucket.danger'), icon: TriangleAlert, group: 'bottom', may: (r) => r.delete || (r.listVersions && r.deleteVersion), content: Danger },
];

const groupNames: Record<Group, () => string> = { data: () => t('bucket.groupData'), access: () => t('bucket.groupAccess'), more: () => t('bucket.groupMore') };

const ANSWERED = 'pail.bucketSettings';

/* What the server answered since the page was opened, so that it is asked once for a setting that it does not have. */
function remembered(): Record<string, boolean> {
  try {
    const saved = JSON.parse(sessionStorage.getItem(ANSWERED) ?? 'null') as { version?: string; answers?: Record<string, boolean> } | null;
    return saved?.version === consoleInfo().version ? (saved.answers ?? {}) : {};
  } catch {
    return {};
  }
}

function remember(setting: string, answers: boolean): boolean {
  try {
    sessionStorage.setItem(ANSWERED, JSON.stringify({ version: consoleInfo().version, answers: { ...remembered(), [setting]: answers } }));
  } catch {
    // Asked again then.
  }
  return answers;
}

async function isAnswered(bucket: string, setting: string, signal: AbortSignal): Promise<boolean> {
  const known = remembered()[setting];
  if (known !== undefined) return known;
  try {
    await getSettingDocument(api(), bucket, setting, { signal });
    return remember(setting, true);
  } catch (error) {
    if (isApiError(error, 'NotImplemented', 'MethodNotAllowed')) return remember(setting, false);
    throw error;
  }
}

/** Which of the settings that not every server has are answered. */
function useFeatures(bucket: string, rights: Rights): Set<string> {
  const optional = sections.filter((s) => s.feature);
  return useQueries({
    queries: optional.map((s) => ({
      queryKey: ['serverAnswers', s.feature],
      queryFn: ({ signal }: { signal: AbortSignal }) => isAnswered(bucket, s.feature as string, signal),
      staleTime: Infinity,
      gcTime: Infinity,
      retry: false,
      enabled: s.may(rights),
    })),
    combine: (results) => new Set(results.flatMap((r, i) => (r.data ? [optional[i]?.feature as string] : []))),
  });
}

export default function Page({ params }: PageProps) {
  return <BucketPage key={params.bucket} bucket={params.bucket ?? ''} at={params.section ?? 'overview'} />;
}

function BucketPage({ bucket, at }: { bucket: string; at: string }) {
  const [, go] = useLocation();
  const there = useQuery({ queryKey: ['bucket', bucket, 'exists'], queryFn: ({ signal }) => headBucket(api(), bucket, { signal }), retry: false });
  const { rights, isLoading } = useRights(bucket);
  const features = useFeatures(bucket, rights);
  const shown = sections.filter((s) => s.may(rights) && (!s.feature || features.has(s.feature)));
  const section = shown.find((s) => s.id === at);
  const base = `/buckets/${encodeURIComponent(bucket)}`;
  const placeOf = (id: string) => (id === 'overview' ? base : `${base}/${id}`);
  const known = sections.some((s) => s.id === at);
  useEffect(() => {
    if (section && at !== 'overview') document.title = `${section.label()} · ${bucket} · Pail`;
  }, [section, at, bucket]);

  const header = (
    <PageHeader
      title={bucket}
      crumbs={[{ label: t('app.buckets'), href: '/buckets' }, { label: bucket, href: base }, ...(section && at !== 'overview' ? [{ label: section.label() }] : [])]}
      actions={
        there.data && (
          <LinkButton href={`/objects/${encodeURIComponent(bucket)}`} icon={FolderOpen}>
            {t('buckets.browse')}
          </LinkButton>
        )
      }
    />
  );
  // HEAD of a bucket that the user may not list is refused, though its settings may be open to him.
  const missing = there.data === false;
  if (missing || (there.error && !isApiError(there.error, 'AccessDenied'))) {
    return (
      <>
        {header}
        {missing ? (
          <EmptyState icon={Unplug} title={t('bucket.missing')} actions={<LinkButton href="/buckets">{t('bucket.toBuckets')}</LinkButton>}>
            {t('errors.noBucket')}
          </EmptyState>
        ) : (
          <ErrorState error={there.error} onRetry={() => void there.refetch()} />
        )}
      </>
    );
  }
  if (isLoading || there.isPending) {
    return (
      <>
        {header}
        <Loading rows={8} />
      </>
    );
  }
  const link = (s: Section) => {
    const Icon = s.icon;
    return (
      <li key={s.id}>
        <Link href={placeOf(s.id)} aria-current={s.id === at ? 'page' : undefined}>
          <Icon size={15} aria-hidden />
          {s.label()}
        </Link>
      </li>
    );
  };
  const Content = section?.content;
  return (
    <>
      {header}
      <div className={css.page}>
        <nav className={css.nav} aria-label={t('bucket.sections')}>
          <ul>{shown.filter((s) => s.group === 'top').map(link)}</ul>
          {(['data', 'access', 'more'] as const).map((group) => {
            const inside = shown.filter((s) => s.group === group);
            return inside.length === 0 ? null : (
              <div key={group}>
                <h2>{groupNames[group]()}</h2>
                <ul>{inside.map(link)}</ul>
              </div>
            );
          })}
          <ul>{shown.filter((s) => s.group === 'bottom').map(link)}</ul>
        </nav>
        <div className={css.narrow}>
          <Select label={t('bucket.sections')} hideLabel value={section ? at : null} onChange={(id) => go(placeOf(id))} options={shown.map((s) => ({ id: s.id, label: s.label() }))} />
        </div>
        <div className={css.section}>
          {Content ? (
            <Content bucket={bucket} rights={rights} />
          ) : (
            <EmptyState icon={Unplug} title={t(known ? 'bucket.sectionClosed' : 'app.notFound')} actions={<LinkButton href={base}>{t('bucket.toOverview')}</LinkButton>}>
              {t(known ? 'bucket.sectionClosedAdvice' : 'app.notFoundAdvice')}
            </EmptyState>
          )}
        </div>
      </div>
    </>
  );
}
