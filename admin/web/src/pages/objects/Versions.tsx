// SPDX-License-Identifier: Apache-2.0
/* All versions of one object: look, compare, make one the latest, delete for good. */
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Download, Eye, MoreHorizontal, RotateCcw, Share2, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { deleteObject, listObjectVersions, type ListedVersion } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Bytes, Checkbox, ErrorState, formatDate, IconButton, Loading, Menu, toast } from '../../ui';
import { copyAny, downloadOne, type Item } from './actions';
import { Compare } from './Compare';
import { lastName } from './names';
import css from './objects.module.css';
import type { Rights } from './rights';
import { announce, folderOf } from './transfers';

type Props = {
  bucket: string;
  objectKey: string;
  shown: string | undefined;
  rights: Rights;
  onShow: (versionId: string) => void;
  onShare: (versionId: string) => void;
  onDelete: (item: Item) => void;
};

/** Copies an older version over the latest one; takes a delete marker away when that is all that hides it. */
export async function restoreVersion(bucket: string, v: { key: string; versionId: string; size: number; isDeleteMarker: boolean }): Promise<void> {
  const client = api();
  if (v.isDeleteMarker) await deleteObject(client, { bucket, key: v.key, versionId: v.versionId });
  else await copyAny(client, { bucket, key: v.key, versionId: v.versionId }, { bucket, key: v.key }, v.size, new AbortController().signal);
  announce(bucket, folderOf(v.key));
}

export function Versions({ bucket, objectKey, shown, rights, onShow, onShare, onDelete }: Props) {
  const queries = useQueryClient();
  const [ticked, setTicked] = useState<string[]>([]);
  const [comparing, setComparing] = useState(false);
  const list = useInfiniteQuery({
    queryKey: ['objects', bucket, 'versions', objectKey],
    initialPageParam: undefined as { keyMarker: string; versionIdMarker?: string } | undefined,
    queryFn: ({ pageParam, signal }) => listObjectVersions(api(), bucket, { prefix: objectKey, delimiter: undefined, marker: pageParam, maxKeys: 100, signal }),
    // Keys that only begin like this one come behind all of its versions.
    getNextPageParam: (page) => (page.next && page.versions.every((v) => v.key === objectKey) ? page.next : undefined),
  });
  if (list.isPending) return <Loading rows={4} />;
  if (list.error) return <ErrorState error={list.error} compact onRetry={() => void list.refetch()} />;
  const versions = list.data.pages.flatMap((p) => p.versions).filter((v) => v.key === objectKey);
  const pair = ticked.map((id) => versions.find((v) => v.versionId === id)).filter((v): v is ListedVersion => v !== undefined);
  const [newer, older] = pair.sort((a, b) => versions.indexOf(a) - versions.indexOf(b));
  const restore = (v: ListedVersion) =>
    void restoreVersion(bucket, v).then(
      () => {
        toast.success(t(v.isDeleteMarker ? 'objects.undeleted' : 'objects.restored'));
        void queries.invalidateQueries({ queryKey: ['objects', bucket] });
      },
      (error: unknown) => toast.error(error),
    );
  return (
    <div className="stack">
      <div className={css.compare}>
        <span className="muted">{t('objects.compareHint')}</span>
        <Button size="sm" isDisabled={!older} onPress={() => setComparing(true)}>
          {t('objects.compare')}
        </Button>
      </div>
      <ul className={css.versions}>
        {versions.map((v) => {
          const time = formatDate(v.modified, { dateStyle: 'medium', timeStyle: 'medium' });
          const label = t('objects.versionOf', { time });
          const ref = { bucket, key: v.key, versionId: v.versionId };
          return (
            <li key={v.versionId} className={css.version} data-shown={(shown ?? (v.isLatest ? v.versionId : '')) === v.versionId}>
              <Checkbox
                hideLabel
                label={t('objects.selectVersion', { time })}
                isDisabled={v.isDeleteMarker}
                isSelected={ticked.includes(v.versionId)}
                onChange={(on) => setTicked(on ? [...ticked, v.versionId].slice(-2) : ticked.filter((id) => id !== v.versionId))}
              />
              <div>
                <div className="row wrap">
                  <span className="num">{time}</span>
                  {!v.isDeleteMarker && <Bytes value={v.size} />}
                  {v.isLatest && <Badge tone="accent">{t('objects.latest')}</Badge>}
                  {v.isDeleteMarker && <Badge tone="warning">{t('objects.deleteMarker')}</Badge>}
                </div>
                <div className={`${css.versionId} hostile`}>{v.versionId}</div>
              </div>
              <Menu
                label={label}
                trigger={<IconButton size="sm" icon={MoreHorizontal} label={t('objects.actionsFor', { name: label })} />}
                items={[
                  !v.isDeleteMarker && rights.getVersion && { id: 'show', label: t('objects.open'), icon: Eye, onAction: () => onShow(v.versionId) },
                  !v.isDeleteMarker && rights.getVersion && { id: 'get', label: t('objects.download'), icon: Download, onAction: () => downloadOne(api(), ref, lastName(v.key)) },
                  !v.isDeleteMarker && rights.getVersion && { id: 'share', label: t('objects.share'), icon: Share2, onAction: () => onShare(v.versionId) },
                  !v.isLatest && !v.isDeleteMarker && rights.put && rights.getVersion && { id: 'restore', label: t('objects.restoreVersion'), icon: RotateCcw, onAction: () => restore(v) },
                  v.isLatest && v.isDeleteMarker && rights.deleteVersion && { id: 'undelete', label: t('objects.undelete'), icon: RotateCcw, onAction: () => restore(v) },
                  rights.deleteVersion && { id: 'delete', label: t('objects.deleteForever'), icon: Trash2, danger: true, onAction: () => onDelete({ key: v.key, folder: false, size: v.size, versionId: v.versionId }) },
                ]}
              />
            </li>
          );
        })}
      </ul>
      {list.hasNextPage && (
        <Button size="sm" isPending={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
          {t('objects.moreVersions')}
        </Button>
      )}
      {comparing && older && newer && <Compare bucket={bucket} older={older} newer={newer} onClose={() => setComparing(false)} />}
    </div>
  );
}
