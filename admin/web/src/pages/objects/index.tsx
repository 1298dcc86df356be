// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query';
import { Database } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { listBuckets, type Bucket } from '../../api/s3';
import { api, bucketArn, useCan, type PageProps } from '../../app';
import { t } from '../../strings';
import { EmptyState, ErrorState, LinkButton, Loading, PageHeader, SearchField, Table, Time, type Sort } from '../../ui';
import { Browser } from './Browser';
import { Name } from './names';
import css from './objects.module.css';
import { addressOf } from './place';

function ChooseBucket() {
  const [, go] = useLocation();
  const [text, setText] = useState('');
  const [sort, setSort] = useState<Sort>({ column: 'name', descending: false });
  const buckets = useQuery({ queryKey: ['objects', 'buckets'], queryFn: ({ signal }) => listBuckets(api(), { signal }) });
  const can = useCan([{ action: 's3:CreateBucket', resource: bucketArn('*') }]);
  const rows = useMemo(() => {
    const found = (buckets.data ?? []).filter((b) => b.name.includes(text.trim().toLowerCase()));
    const by = (a: Bucket, b: Bucket) => (sort.column === 'created' ? (a.created?.getTime() ?? 0) - (b.created?.getTime() ?? 0) : a.name < b.name ? -1 : 1);
    return found.sort((a, b) => (sort.descending ? -by(a, b) : by(a, b)));
  }, [buckets.data, text, sort]);
  return (
    <>
      <PageHeader title={t('objects.title')} description={t('objects.chooseBucket')} />
      {buckets.isPending ? (
        <Loading rows={6} />
      ) : buckets.error ? (
        <ErrorState error={buckets.error} onRetry={() => void buckets.refetch()} />
      ) : buckets.data.length === 0 ? (
        <EmptyState icon={Database} title={t('objects.noBuckets')} actions={can.all && <LinkButton variant="primary" href="/buckets?new">{t('objects.createBucket')}</LinkButton>}>
          {t('objects.noBucketsAdvice')}
        </EmptyState>
      ) : (
        <>
          <div className={css.toolbar}>
            <SearchField label={t('objects.bucketSearch')} value={text} onChange={setText} className={css.search ?? ''} />
          </div>
          <Table
            label={t('objects.title')}
            rows={rows}
            rowKey={(b) => b.name}
            sort={sort}
            onSort={setSort}
            onOpen={(b) => go(addressOf(b.name))}
            maxHeight="calc(100vh - 17rem)"
            empty={<EmptyState title={t('objects.nothingFound')} />}
            columns={[
              {
                id: 'name',
                header: t('objects.bucketName'),
                sortable: true,
                cell: (b) => (
                  <span className={css.nameCell}>
                    <Database size={16} aria-hidden className={css.kind} />
                    <Name text={b.name} />
                  </span>
                ),
              },
              { id: 'created', header: t('objects.created'), width: '10rem', sortable: true, minTable: 480, cell: (b) => <Time value={b.created} /> },
            ]}
          />
        </>
      )}
    </>
  );
}

export default function Page({ params }: PageProps) {
  return params.bucket ? <Browser key={params.bucket} bucket={params.bucket} /> : <ChooseBucket />;
}
