// SPDX-License-Identifier: Apache-2.0
/* Multipart uploads that were begun and neither finished nor given up. */
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { CircleX, UploadCloud } from 'lucide-react';
import { useCallback, useMemo, useState } from 'react';
import { abortMultipartUpload, listMultipartUploads, type ListedUpload, type UploadPage } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, ConfirmDialog, EmptyState, ErrorState, Loading, Table, Time, toast, type Column } from '../../ui';
import { limitTo } from '../buckets/limit';
import { Name } from '../objects/names';
import type { SectionProps } from './parts';

const ABORTS_AT_ONCE = 4;
const idOf = (u: ListedUpload) => `${u.key}\0${u.uploadId}`;

export function Uploads({ bucket, rights }: SectionProps) {
  const client = useQueryClient();
  const [selected, setSelected] = useState<Set<string>>(new Set());
  const [asking, setAsking] = useState(false);
  const list = useInfiniteQuery({
    queryKey: ['bucket', bucket, 'uploads'],
    queryFn: ({ pageParam, signal }) => listMultipartUploads(api(), bucket, { signal, ...(pageParam && { marker: pageParam }) }),
    initialPageParam: undefined as UploadPage['next'],
    getNextPageParam: (page) => page.next,
  });
  const rows = useMemo(() => list.data?.pages.flatMap((p) => p.uploads) ?? [], [list.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const abort = async () => {
    const chosen = rows.filter((u) => selected.has(idOf(u)));
    const limit = limitTo(ABORTS_AT_ONCE);
    const results = await Promise.allSettled(chosen.map((u) => limit(() => abortMultipartUpload(api(), { bucket, key: u.key }, u.uploadId))));
    setSelected(new Set());
    await client.invalidateQueries({ queryKey: ['bucket', bucket] });
    const bad = results.find((r) => r.status === 'rejected');
    if (bad) throw (bad as PromiseRejectedResult).reason;
    toast.success(t('bucket.uploadsAborted', { count: chosen.length }));
  };
  const columns: Column<ListedUpload>[] = [
    { id: 'key', header: t('bucket.uploadKey'), width: 'minmax(0, 2fr)', cell: (u) => <Name text={u.key} /> },
    { id: 'initiated', header: t('bucket.uploadBegun'), width: '9rem', cell: (u) => <Time value={u.initiated ?? null} /> },
    { id: 'class', header: t('bucket.storageClass'), width: '9rem', minTable: 720, cell: (u) => u.storageClass ?? 'STANDARD' },
    { id: 'checksum', header: t('bucket.checksum'), width: '8rem', minTable: 860, cell: (u) => u.checksumAlgorithm ?? '–' },
    {
      id: 'id',
      header: t('bucket.uploadId'),
      minTable: 620,
      cell: (u) => (
        <span className="mono ellipsis" title={u.uploadId}>
          {u.uploadId}
        </span>
      ),
    },
  ];
  if (list.isPending) return <Loading rows={5} />;
  if (list.error && rows.length === 0) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />;
  if (rows.length === 0) {
    return (
      <EmptyState icon={UploadCloud} title={t('bucket.noUploads')}>
        {t('bucket.noUploadsAdvice')}
      </EmptyState>
    );
  }
  return (
    <>
      <Callout
        actions={
          rights.abort &&
          selected.size > 0 && (
            <Button size="sm" variant="danger" icon={CircleX} onPress={() => setAsking(true)}>
              {t('bucket.abortSome', { count: selected.size })}
            </Button>
          )
        }
      >
        {t('bucket.uploadsHelp')}
      </Callout>
      <Table
        label={t('bucket.uploads')}
        rows={rows}
        rowKey={idOf}
        rowLabel={(u) => u.key}
        columns={columns}
        onNearEnd={more}
        {...(rights.abort ? { selected, onSelect: setSelected } : {})}
      />
      <ConfirmDialog isOpen={asking} onClose={() => setAsking(false)} danger title={t('bucket.abortTitle', { count: selected.size })} confirmLabel={t('bucket.abortConfirm')} onConfirm={abort}>
        <p>{t('bucket.abortBody')}</p>
      </ConfirmDialog>
    </>
  );
}
