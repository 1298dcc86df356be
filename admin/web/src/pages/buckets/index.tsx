// SPDX-License-Identifier: Apache-2.0
// All buckets. Names come from S3 (what the user may see), figures from the server's own list where the user may ask for it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Database, Eraser, FolderOpen, MoreHorizontal, Plus, Settings2, Trash2 } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { listBucketStatus } from '../../api/pail';
import { listBuckets } from '../../api/s3';
import { api, bucketArn, objectArn, useCan, type PageProps } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Bytes, Callout, EmptyState, ErrorState, formatBytes, formatNumber, formatPercent, IconButton, Loading, Menu, PageHeader, SearchField, Table, Time, type Column, type Sort } from '../../ui';
import css from './buckets.module.css';
import { CreateBucket } from './CreateBucket';
import { arrange, join, useFacts, type Row, type SortColumn } from './facts';
import { DeleteBucket, EmptyBucket } from './Remove';

const FRESH_MS = 15_000;
const ALMOST_FULL = 0.9;

export default function Page(_: PageProps) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const query = useSearch();
  const can = useCan([{ action: 's3:CreateBucket', resource: 'arn:aws:s3:::*' }, { action: 'admin:DataUsageInfo' }]);
  const [mayCreate, mayFigures] = can.allowed;
  const buckets = useQuery({ queryKey: ['buckets'], queryFn: ({ signal }) => listBuckets(api(), { signal }), staleTime: FRESH_MS });
  const figures = useQuery({ queryKey: ['bucketStatus'], queryFn: ({ signal }) => listBucketStatus(api(), { signal }), staleTime: FRESH_MS, enabled: mayFigures ?? false });
  const [search, setSearch] = useState('');
  const [sort, setSort] = useState<Sort>({ column: 'name', descending: false });
  const [creating, setCreating] = useState(false);
  const [ask, setAsk] = useState<{ what: 'empty' | 'delete'; row: Row } | null>(null);

  // "/buckets?new" opens the dialog, also when the page is there already.
  useEffect(() => {
    if (!new URLSearchParams(query).has('new')) return;
    setCreating(true);
    go('/buckets', { replace: true });
  }, [query, go]);

  const all = useMemo(() => join(buckets.data ?? [], figures.data), [buckets.data, figures.data]);
  const rows = useMemo(() => arrange(all, search, sort.column as SortColumn, sort.descending), [all, search, sort]);
  const names = useMemo(() => new Set(all.map((r) => r.name)), [all]);
  const hasFigures = figures.data !== undefined;
  const total = useMemo(() => all.reduce((sum, r) => ({ bytes: sum.bytes + (r.status?.usage.bytes ?? 0), objects: sum.objects + (r.status?.usage.objects ?? 0) }), { bytes: 0, objects: 0 }), [all]);

  const columns: Column<Row>[] = [
    {
      id: 'name',
      header: t('buckets.name'),
      width: 'minmax(0, 2fr)',
      sortable: true,
      cell: (r) => (
        <span className={css.name}>
          <Database size={15} aria-hidden />
          <Link href={`/buckets/${encodeURIComponent(r.name)}`} className="ellipsis" title={r.name}>
            {r.name}
          </Link>
        </span>
      ),
    },
    { id: 'properties', header: t('buckets.properties'), width: 'minmax(0, 2.2fr)', minTable: 760, cell: (r) => <Badges row={r} hasStatus={hasFigures} /> },
    ...(hasFigures
      ? ([
          { id: 'bytes', header: t('buckets.size'), width: '6.5rem', align: 'end', sortable: true, cell: (r: Row) => <Bytes value={r.status?.usage.bytes} /> },
          { id: 'objects', header: t('buckets.objects'), width: '6.5rem', align: 'end', sortable: true, minTable: 540, cell: (r: Row) => <span className="num">{formatNumber(r.status?.usage.objects)}</span> },
          { id: 'versions', header: t('buckets.versions'), width: '7.5rem', align: 'end', sortable: true, minTable: 980, cell: (r: Row) => <span className="num">{formatNumber(r.status?.usage.noncurrentVersions)}</span> },
        ] as Column<Row>[])
      : []),
    { id: 'region', header: t('buckets.region'), width: '7rem', sortable: true, minTable: 1080, cell: (r) => <span className="ellipsis">{r.region ?? '–'}</span> },
    { id: 'created', header: t('buckets.created'), width: '8rem', sortable: true, minTable: 860, cell: (r) => <Time value={r.created ?? null} /> },
    {
      id: 'actions',
      header: t('ui.more'),
      hideHeader: true,
      width: '4.5rem',
      align: 'end',
      overflow: true,
      cell: (r) => (
        <>
          <IconButton size="sm" icon={FolderOpen} label={t('buckets.browseNamed', { name: r.name })} onPress={() => go(`/objects/${encodeURIComponent(r.name)}`)} />
          <RowMenu row={r} onAsk={(what) => setAsk({ what, row: r })} />
        </>
      ),
    },
  ];
  const create = mayCreate && (
    <Button variant="primary" icon={Plus} onPress={() => setCreating(true)}>
      {t('buckets.create')}
    </Button>
  );
  const refresh = async () => {
    await client.invalidateQueries({ queryKey: ['buckets'] });
    await client.invalidateQueries({ queryKey: ['bucketStatus'] });
  };
  return (
    <>
      <PageHeader title={t('buckets.title')} description={t('buckets.description')} actions={create} />
      {buckets.isPending || can.isLoading ? (
        <Loading rows={8} />
      ) : buckets.error && !buckets.data ? (
        <ErrorState error={buckets.error} onRetry={() => void buckets.refetch()} />
      ) : all.length === 0 ? (
        <EmptyState icon={Database} title={t('buckets.empty')} actions={create}>
          {mayCreate ? t('buckets.emptyAdvice') : t('buckets.emptyAdviceReader')}
        </EmptyState>
      ) : (
        <>
          <div className={css.tools}>
            <SearchField className={css.search} label={t('buckets.search')} value={search} onChange={setSearch} />
            <span className="muted num" role="status">
              {t('buckets.summary', { count: rows.length })}
              {hasFigures && search === '' && ` · ${t('buckets.summaryBytes', { size: formatBytes(total.bytes), objects: formatNumber(total.objects) })}`}
            </span>
          </div>
          {figures.error && (
            <div className={css.tools}>
              <Callout tone="warning">{t('buckets.figuresMissing')}</Callout>
            </div>
          )}
          <Table
            label={t('buckets.title')}
            rows={rows}
            rowKey={(r) => r.name}
            columns={columns}
            rowHeight={46}
            sort={sort}
            onSort={setSort}
            onOpen={(r) => go(`/buckets/${encodeURIComponent(r.name)}`)}
            empty={
              <EmptyState icon={Database} title={t('buckets.noneFound')}>
                {t('buckets.noMatch', { text: search })}
              </EmptyState>
            }
          />
        </>
      )}
      {creating && mayCreate && <CreateBucket taken={names} onClose={() => setCreating(false)} onDone={refresh} />}
      {ask?.what === 'empty' && <EmptyBucket name={ask.row.name} status={ask.row.status} locked={ask.row.status?.objectLock ?? true} onClose={() => setAsk(null)} />}
      {ask?.what === 'delete' && (
        <DeleteBucket name={ask.row.name} mayEmpty onClose={() => setAsk(null)} onDone={() => setAsk(null)} onEmpty={() => setAsk({ what: 'empty', row: ask.row })} />
      )}
    </>
  );
}

/* What is out of the ordinary: that a bucket is encrypted with AES256 is not. */
function Badges({ row, hasStatus }: { row: Row; hasStatus: boolean }) {
  const facts = useFacts(row.name, hasStatus);
  const s = row.status;
  const versioning = s?.versioning ?? (facts?.versioning === 'Enabled' ? 'enabled' : facts?.versioning === 'Suspended' ? 'suspended' : 'off');
  const used = s?.quotaBytes ? s.usage.bytes / s.quotaBytes : 0;
  return (
    <span className={css.badges}>
      {facts?.public && <Badge tone="danger">{t('buckets.public')}</Badge>}
      {versioning === 'enabled' && <Badge>{t('buckets.versioned')}</Badge>}
      {versioning === 'suspended' && <Badge tone="warning">{t('buckets.suspended')}</Badge>}
      {(s?.objectLock ?? facts?.locked) && <Badge tone="info">{t('buckets.locked')}</Badge>}
      {facts?.encryption?.startsWith('aws:kms') && <Badge>{t('buckets.encryptedKms')}</Badge>}
      {s?.quotaBytes && (
        <span title={t('buckets.quotaOf', { part: formatPercent(used) })}>
          <Badge tone={used >= 1 ? 'danger' : used >= ALMOST_FULL ? 'warning' : 'neutral'}>
            {t('buckets.quota')} {formatPercent(used, 0)}
          </Badge>
        </span>
      )}
    </span>
  );
}

function RowMenu({ row, onAsk }: { row: Row; onAsk: (what: 'empty' | 'delete') => void }) {
  const [, go] = useLocation();
  const name = encodeURIComponent(row.name);
  const can = useCan([
    { action: 's3:DeleteBucket', resource: bucketArn(row.name) },
    { action: 's3:ListBucketVersions', resource: bucketArn(row.name) },
    { action: 's3:DeleteObjectVersion', resource: objectArn(row.name) },
  ]);
  const [mayDelete, mayList, mayDeleteAll] = can.allowed;
  return (
    <Menu
      label={t('ui.more')}
      trigger={<IconButton size="sm" icon={MoreHorizontal} label={t('buckets.rowActions', { name: row.name })} />}
      items={[
        { id: 'objects', label: t('buckets.browse'), icon: FolderOpen, onAction: () => go(`/objects/${name}`) },
        { id: 'settings', label: t('buckets.settings'), icon: Settings2, onAction: () => go(`/buckets/${name}`) },
        (mayDelete || (mayList && mayDeleteAll)) && 'separator',
        mayList && mayDeleteAll && { id: 'empty', label: t('buckets.emptyAction'), icon: Eraser, danger: true, onAction: () => onAsk('empty') },
        mayDelete && { id: 'delete', label: t('buckets.deleteAction'), icon: Trash2, danger: true, onAction: () => onAsk('delete') },
      ]}
    />
  );
}
