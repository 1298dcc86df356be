// SPDX-License-Identifier: Apache-2.0
/* New folder, rename, copy and move, delete. Each is mounted while it is open, so its state begins anew. */
import { useQuery } from '@tanstack/react-query';
import { CornerLeftUp, Folder } from 'lucide-react';
import { useState } from 'react';
import { listBuckets, listObjectsV2, putObject } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Checkbox, ConfirmDialog, Dialog, ErrorState, formatNumber, Loading, Select, TextField, toast } from '../../ui';
import { copyItems, countBelow, COUNTED_MAX, deleteItems, exists, targetKey, undoDelete, type Item } from './actions';
import { KindIcon, lastName, Name, visible } from './names';
import css from './objects.module.css';
import type { Rights } from './rights';
import { announce, folderOf } from './transfers';
import { mountTransfers } from './TransfersPanel';

const KEY_BYTES_MAX = 1024;
const NAMES_SHOWN = 50;
/** Of more than these, that nothing brings back, the number has to be typed. */
export const UNTYPED_MAX = 1000;

export function checkKey(key: string): string | null {
  const bytes = new TextEncoder().encode(key).length;
  return bytes > KEY_BYTES_MAX ? t('objects.nameTooLong', { bytes: formatNumber(bytes) }) : null;
}

export function ItemList({ items, base }: { items: readonly Item[]; base: string }) {
  return (
    <ul className={css.names} tabIndex={0} aria-label={t('objects.colName')}>
      {items.slice(0, NAMES_SHOWN).map((item) => (
        <li key={`${item.key}\0${item.versionId ?? ''}`}>
          <KindIcon name={item.key} folder={item.folder} />
          <Name text={item.key.slice(base.length) || item.key} />
          {item.versionId && <span className={css.versionId}>{item.versionId}</span>}
        </li>
      ))}
      {items.length > NAMES_SHOWN && <li className="muted">{t('objects.andMore', { count: items.length - NAMES_SHOWN })}</li>}
    </ul>
  );
}

/* ---- new folder ---- */

export function NewFolder({ bucket, prefix, onClose, onMade }: { bucket: string; prefix: string; onClose: () => void; onMade: (prefix: string) => void }) {
  const [name, setName] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const clean = name.replace(/^\/+|\/+$/g, '');
  const wrong = clean.split('/').some((part) => part === '.' || part === '..' || (part === '' && clean !== '')) ? t('objects.badName') : checkKey(`${prefix}${clean}/`);
  const make = async () => {
    if (busy || clean === '' || wrong) return;
    setBusy(true);
    setError(null);
    const key = `${prefix}${clean}/`;
    try {
      const there = await listObjectsV2(api(), bucket, { prefix: key, maxKeys: 1 });
      if (there.objects.length > 0) throw new Error(t('objects.folderTaken'));
      await putObject(api(), { bucket, key }, '', { contentType: 'application/x-directory' });
      announce(bucket, prefix);
      onMade(key);
      onClose();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={t('objects.newFolder')}
      onSubmit={() => void make()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy} isDisabled={clean === '' || Boolean(wrong)}>
            {t('ui.create')}
          </Button>
        </>
      }
    >
      <TextField label={t('objects.folderName')} description={t('objects.folderHelp')} value={name} onChange={setName} error={wrong} autoFocus />
      {error !== null && <ErrorState error={error} compact />}
    </Dialog>
  );
}

/* ---- rename ---- */

export function Rename({ bucket, item, onClose }: { bucket: string; item: Item; onClose: () => void }) {
  const place = folderOf(item.key);
  const old = lastName(item.key).replace(/\/$/, '');
  const [name, setName] = useState(old);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const target = place + name + (item.folder ? '/' : '');
  const wrong = name === '.' || name === '..' || name.startsWith('/') || (item.folder && name.endsWith('/')) ? t('objects.badName') : checkKey(target);
  const rename = async () => {
    if (busy || name === '' || name === old || wrong) return;
    setBusy(true);
    setError(null);
    try {
      const taken = item.folder ? (await listObjectsV2(api(), bucket, { prefix: target, maxKeys: 1 })).objects.length > 0 : await exists(api(), { bucket, key: target });
      if (taken) throw new Error(t('objects.renameExists'));
      mountTransfers();
      void copyItems(api(), 'move', { bucket, items: [item] }, { bucket, place, rename: (key) => target + key.slice(item.key.length) }, `${visible(old)} → ${visible(name)}`);
      onClose();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={t('objects.renameTitle')}
      onSubmit={() => void rename()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={busy} isDisabled={name === '' || name === old || Boolean(wrong)}>
            {t('objects.renameNow')}
          </Button>
        </>
      }
    >
      <TextField label={t('objects.newName')} description={t('objects.renameHelp')} value={name} onChange={setName} error={wrong} autoFocus />
      {error !== null && <ErrorState error={error} compact />}
    </Dialog>
  );
}

/* ---- copy and move ---- */

export function CopyMove({ kind, bucket, base, items, onClose }: { kind: 'copy' | 'move'; bucket: string; base: string; items: readonly Item[]; onClose: () => void }) {
  const [toBucket, setToBucket] = useState(bucket);
  const [folder, setFolder] = useState(base);
  const buckets = useQuery({ queryKey: ['objects', 'buckets'], queryFn: ({ signal }) => listBuckets(api(), { signal }) });
  const place = folder.replace(/^\/+/, '').replace(/([^/])$/, '$1/');
  const folders = useQuery({
    queryKey: ['objects', toBucket, 'folders', place],
    queryFn: ({ signal }) => listObjectsV2(api(), toBucket, { prefix: place, delimiter: '/', signal }),
  });
  const inside = toBucket === bucket && items.some((i) => i.folder && place.startsWith(i.key));
  const same = toBucket === bucket && place === base;
  const options = (buckets.data ?? [{ name: bucket }]).map((b) => ({ id: b.name, label: b.name }));
  const wrong = inside && kind === 'move' ? t('objects.intoItself') : same ? t('objects.samePlace') : null;
  const run = () => {
    if (wrong) return;
    mountTransfers();
    const name = items.length === 1 && items[0] ? lastName(items[0].key) : t('objects.selected', { count: items.length });
    void copyItems(api(), kind, { bucket, items }, { bucket: toBucket, place, rename: (key) => targetKey(key, base, place) }, name).then(() => {
      if (kind === 'move') announce(bucket, base);
    });
    onClose();
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      size="lg"
      title={t(kind === 'copy' ? 'objects.copyTitle' : 'objects.moveTitle', { count: items.length })}
      onSubmit={run}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isDisabled={Boolean(wrong)}>
            {t(kind === 'copy' ? 'objects.copyNow' : 'objects.moveNow')}
          </Button>
        </>
      }
    >
      <ItemList items={items} base={base} />
      <div className="grid2">
        <Select
          label={t('objects.destinationBucket')}
          options={options}
          value={toBucket}
          onChange={(b) => {
            setToBucket(b);
            setFolder('');
          }}
        />
        <TextField label={t('objects.destination')} value={folder} onChange={setFolder} mono placeholder="/" />
      </div>
      <div className={css.folders} role="group" aria-label={t('objects.destination')}>
        {place !== '' && (
          <button type="button" onClick={() => setFolder(folderOf(place))}>
            <CornerLeftUp size={15} aria-hidden />
            {t('objects.up')}
          </button>
        )}
        {folders.data?.prefixes.map((p) => (
          <button type="button" key={p} onClick={() => setFolder(p)}>
            <Folder size={15} aria-hidden className={css.folder} />
            <Name text={p.slice(place.length)} />
          </button>
        ))}
        {folders.data?.prefixes.length === 0 && place === '' && <p className={`${css.moreTasks}`}>{t('objects.noFolders')}</p>}
      </div>
      <span className="muted">{t('objects.destinationHelp')}</span>
      {wrong ? <Callout tone="warning">{wrong}</Callout> : <Callout tone="info">{t('objects.replacesNames')}</Callout>}
    </Dialog>
  );
}

/* ---- delete ---- */

export function Delete({
  bucket,
  base,
  items,
  versioned,
  locked,
  rights,
  onClose,
  onDeleted,
}: {
  bucket: string;
  base: string;
  items: readonly Item[];
  versioned: boolean;
  locked: boolean;
  rights: Rights;
  onClose: () => void;
  onDeleted: () => void;
}) {
  const chosen = items.some((i) => i.versionId !== undefined);
  const folders = items.some((i) => i.folder);
  const mayForever = versioned && rights.deleteVersion && rights.listVersions && folders && !chosen;
  const [forever, setForever] = useState(false);
  const [bypass, setBypass] = useState(false);
  const final = chosen || forever || !versioned;
  const single = items.length === 1 ? items[0] : undefined;
  const versions = forever || (chosen && folders);
  const below = useQuery({
    queryKey: ['deleting', bucket, versions, ...items.filter((i) => i.folder).map((i) => i.key)],
    queryFn: ({ signal }) => countBelow(api(), bucket, items.filter((i) => i.folder).map((i) => i.key), versions, signal),
    enabled: final && folders,
    // Counted anew for each dialog, and only then.
    gcTime: 0,
    staleTime: Infinity,
  });
  const counted = !folders || below.data !== undefined;
  const more = (below.data ?? 0) > COUNTED_MAX;
  const count = items.filter((i) => !i.folder).length + Math.min(below.data ?? 0, COUNTED_MAX);
  const typed = count > UNTYPED_MAX ? String(count) : folders && single ? lastName(single.key).replace(/\/$/, '') : undefined;
  const run = () => {
    mountTransfers();
    const name = single ? lastName(single.key) : t('objects.selected', { count: items.length });
    void deleteItems(api(), bucket, base, name, items, {
      forever: forever || (chosen && folders),
      bypass,
      onEnd: ({ undo, count }) => {
        if (count === 0) return;
        const text = t('objects.deleted', { count });
        if (!undo || !rights.deleteVersion) return toast.success(text);
        toast.success(text, {
          label: t('objects.undo'),
          onAction: () =>
            void undoDelete(api(), bucket, undo).then(
              () => {
                toast.success(t('objects.undone', { count: undo.length }));
                announce(bucket, base);
              },
              (error: unknown) => toast.error(error),
            ),
        });
      },
    });
    onDeleted();
  };
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t(chosen || forever ? 'objects.deleteForeverTitle' : 'objects.deleteTitle', { count: items.length })}
      confirmLabel={t('objects.deleteNow')}
      danger
      isDisabled={final && !counted}
      {...(final && counted && typed !== undefined ? { typed } : {})}
      onConfirm={run}
    >
      <ItemList items={items} base={base} />
      <p>{t(chosen || forever ? 'objects.deleteForeverText' : versioned ? 'objects.deleteVersioned' : 'objects.deletePlain')}</p>
      {folders && <p>{t('objects.deleteFolders')}</p>}
      {final && !counted && (below.error ? <ErrorState error={below.error} compact onRetry={() => void below.refetch()} /> : <Loading rows={1} />)}
      {final && counted && (folders || count > UNTYPED_MAX) && (
        <p>
          <strong>{t(more ? 'objects.deleteCountMore' : versions || chosen ? 'objects.deleteVersionCount' : 'objects.deleteCount', { count })}</strong>
        </p>
      )}
      {mayForever && <Checkbox label={t('objects.foreverToo')} isSelected={forever} onChange={setForever} />}
      {locked && (chosen || forever) && rights.bypass && <Checkbox label={t('objects.bypass')} isSelected={bypass} onChange={setBypass} />}
    </ConfirmDialog>
  );
}

/** For links that lead here to upload: browsers open the choice of files only for a click on the page itself. */
export function UploadDialog({ place, onFiles, onFolder, onClose }: { place: string; onFiles: () => void; onFolder: () => void; onClose: () => void }) {
  return (
    <Dialog
      isOpen
      title={t('objects.upload')}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button onPress={onFolder}>{t('objects.uploadFolder')}</Button>
          <Button variant="primary" onPress={onFiles}>
            {t('objects.uploadFiles')}
          </Button>
        </>
      }
    >
      <p>{t('objects.uploadTo', { place })}</p>
    </Dialog>
  );
}
