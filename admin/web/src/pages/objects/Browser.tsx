// SPDX-License-Identifier: Apache-2.0
/* A bucket's objects as folders: the list, what can be done with its rows, and dropping files onto it. */
import { useQueryClient } from '@tanstack/react-query';
import { Copy, Download, FileArchive, FilePlus2, FolderInput, FolderOpen, FolderPlus, FolderUp, Info, Link2, MoreHorizontal, PackageOpen, Pencil, RefreshCw, RotateCcw, SearchX, Settings, Share2, Tags, Trash2, Upload, UploadCloud, X } from 'lucide-react';
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState, type DragEvent } from 'react';
import { useLocation } from 'wouter';
import { isArchived } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Callout, ConfirmDialog, EmptyState, ErrorState, formatBytes, IconButton, Loading, Menu, PageHeader, SearchField, Switch, Table, copyText, toast, type Column, type MenuEntry, type Sort } from '../../ui';
import { downloadOne, downloadZip, droppedFiles, pickedFrom, pickZipTarget, type Item, type Picked } from './actions';
import { RowMenu, RowMenuButton, SizeCell, TimeCell, useRowMenu } from './cells';
import { checkKey, CopyMove, Delete, ItemList, NewFolder, Rename, UploadDialog } from './dialogs';
import { TagMany } from './edit';
import { isFolder, rowId, useListing, type Row } from './listing';
import { KindIcon, lastName, Name, visible } from './names';
import { ObjectDrawer } from './ObjectDrawer';
import css from './objects.module.css';
import { addressOf, useWhere } from './place';
import { useBucketKeeps, useRights } from './rights';
import { ShareDialog, UploadLinkDialog } from './Share';
import { folderOf, onChange, startUploads } from './transfers';
import { mountTransfers } from './TransfersPanel';
import { restoreVersion } from './Versions';

const REFRESH_MS = 400;
const SORT_AT_ONCE = 20_000;
const MEMORY_ZIP_ASK = 512 * 1024 ** 2;

type Dialogs =
  | { kind: 'folder' }
  | { kind: 'link' }
  | { kind: 'share'; key: string; versionId?: string }
  | { kind: 'rename'; items: Item[] }
  | { kind: 'copy' | 'move' | 'delete' | 'tag'; items: Item[] }
  | { kind: 'replace'; files: { file: File; key: string }[]; taken: Item[] }
  | { kind: 'memory'; items: Item[]; size: number }
  | null;

function compare(a: Row, b: Row, sort: Sort): number {
  // Folders stay above, in either direction.
  if (isFolder(a) !== isFolder(b)) return isFolder(a) ? -1 : 1;
  const by = sort.column === 'size' ? a.size - b.size : sort.column === 'modified' ? a.modified - b.modified : sort.column === 'class' ? a.storageClass.localeCompare(b.storageClass) : 0;
  const order = by || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return sort.descending ? -order : order;
}

export function Browser({ bucket }: { bucket: string }) {
  const [where, setWhere] = useWhere(bucket);
  const [, go] = useLocation();
  const queries = useQueryClient();
  const { prefix, versions } = where;
  const rights = useRights(bucket, prefix);
  const keeps = useBucketKeeps(bucket);
  const keepsVersions = keeps.versioning === 'Enabled' || keeps.versioning === 'Suspended';
  const [text, setText] = useState('');
  const [deep, setDeep] = useState(false);
  const [sort, setSort] = useState<Sort | null>(null);
  const [round, setRound] = useState(0);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<Dialogs>(null);
  const [dragging, setDragging] = useState(false);
  const dragDepth = useRef(0);
  const filesInput = useRef<HTMLInputElement>(null);
  const folderInput = useRef<HTMLInputElement>(null);
  const contains = useDeferredValue(text.trim().toLowerCase());
  const listing = useListing(api(), { bucket, prefix, versions, deep: deep && contains !== '', startsWith: '', contains }, round);
  const count = listing.rows.length;
  const close = () => setDialog(null);
  const rowMenu = useRowMenu<Row>();

  /* Another folder begins without search and selection. */
  useEffect(() => {
    setText('');
    setSelected(new Set());
    setSort(null);
  }, [bucket, prefix, versions]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const off = onChange((changed, place) => {
      if (changed !== bucket || !(place.startsWith(prefix) || prefix.startsWith(place))) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        setRound((n) => n + 1);
        void queries.invalidateQueries({ queryKey: ['objects', bucket] });
      }, REFRESH_MS);
    });
    return () => {
      off();
      clearTimeout(timer);
    };
  }, [bucket, prefix, queries]);

  // The list grows in place: its length tells that there is more. A long one that still grows is not sorted with each page.
  const stage = sort && listing.loading && count > SORT_AT_ONCE ? Math.floor(4 * Math.log2(count)) : count;
  const rows = useMemo(
    () => (sort ? [...listing.rows].sort((a, b) => compare(a, b, sort)) : listing.rows),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [listing, stage, sort],
  );
  const toItem = useCallback(
    (row: Row): Item => ({ key: prefix + row.name, folder: isFolder(row), size: Math.max(0, row.size), ...(row.version && { versionId: row.version.id }) }),
    [prefix],
  );
  const chosen = useMemo(() => (selected.size === 0 ? [] : rows.filter((r) => selected.has(rowId(r)))), [rows, selected]);
  const items = useMemo(() => chosen.map(toItem), [chosen, toItem]);
  const chosenBytes = chosen.reduce((sum, r) => sum + Math.max(0, r.size), 0);
  const [selectingAll, setSelectingAll] = useState(false);
  const selectAll = async () => {
    setSelectingAll(true);
    await listing.all();
    setSelectingAll(false);
    if (listing.closed || listing.error !== undefined) return;
    // Who chose something else meanwhile wants that.
    setSelected((now) => (now === selected ? new Set(listing.rows.map(rowId)) : now));
  };
  const markers = chosen.some((r) => r.version?.isMarker);
  const mayGet = versions ? rights.getVersion : rights.get;
  const mayDelete = (some: readonly Item[]) => (some.some((i) => i.versionId) ? rights.deleteVersion : rights.delete);

  const open = (row: Row) => {
    if (isFolder(row)) setWhere({ prefix: prefix + row.name, key: undefined, version: undefined, tab: undefined });
    else if (row.version?.isMarker) setWhere({ key: prefix + row.name, version: undefined, tab: 'versions' });
    else setWhere({ key: prefix + row.name, version: row.version && !row.version.isLatest ? row.version.id : undefined, tab: where.tab });
  };

  /* ---- uploads ---- */

  const upload = (files: { file: File; key: string }[]) => {
    mountTransfers();
    void startUploads(api(), bucket, files);
  };
  const take = (picked: Picked[]) => {
    if (where.upload && picked.length > 0) setWhere({ upload: undefined }, true);
    const files = picked.map(({ file, path }) => ({ file, key: prefix + path }));
    const long = files.find((f) => checkKey(f.key));
    if (long) return toast.error(`${visible(lastName(long.key))}: ${checkKey(long.key)}`);
    if (files.length === 0) return;
    const present = new Set(listing.rows.map((r) => prefix + r.name));
    const taken = files.filter((f) => present.has(f.key)).map((f) => ({ key: f.key, folder: false, size: f.file.size }));
    if (taken.length > 0 && keeps.versioning !== 'Enabled') setDialog({ kind: 'replace', files, taken });
    else upload(files);
  };
  const isFiles = (e: DragEvent) => rights.put && Array.from(e.dataTransfer.types).includes('Files');
  const dropProps = {
    onDragEnter: (e: DragEvent) => {
      if (!isFiles(e)) return;
      e.preventDefault();
      dragDepth.current++;
      setDragging(true);
    },
    onDragOver: (e: DragEvent) => {
      if (!isFiles(e)) return;
      e.preventDefault();
      e.dataTransfer.dropEffect = 'copy';
    },
    onDragLeave: (e: DragEvent) => {
      if (!isFiles(e)) return;
      dragDepth.current = Math.max(0, dragDepth.current - 1);
      if (dragDepth.current === 0) setDragging(false);
    },
    onDrop: (e: DragEvent) => {
      if (!isFiles(e)) return;
      e.preventDefault();
      dragDepth.current = 0;
      setDragging(false);
      void droppedFiles(e.dataTransfer).then(take, (error: unknown) => toast.error(error));
    },
  };

  /* ---- downloads ---- */

  const zipNow = async (some: readonly Item[]) => {
    const only = some.length === 1 ? some[0] : undefined;
    const name = (only ? lastName(only.key) : lastName(prefix) || bucket).replace(/\/$/, '') || bucket;
    const target = await pickZipTarget(name);
    if (!target) return;
    mountTransfers();
    void downloadZip(api(), bucket, prefix, some, name, target);
  };
  const download = (some: readonly Item[]) => {
    const only = some.length === 1 ? some[0] : undefined;
    if (only && !only.folder) return downloadOne(api(), { bucket, key: only.key, ...(only.versionId && { versionId: only.versionId }) }, lastName(only.key));
    const size = some.reduce((sum, i) => sum + i.size, 0);
    if (!('showSaveFilePicker' in window) && size > MEMORY_ZIP_ASK) return setDialog({ kind: 'memory', items: [...some], size });
    void zipNow(some);
  };

  const undelete = (row: Row) =>
    void restoreVersion(bucket, { key: prefix + row.name, versionId: row.version?.id ?? '', size: Math.max(0, row.size), isDeleteMarker: row.version?.isMarker ?? false }).then(
      () => toast.success(t(row.version?.isMarker ? 'objects.undeleted' : 'objects.restored')),
      (error: unknown) => toast.error(error),
    );

  /* One from the archive may have to be restored before: its details know, and say how. */
  const get = (some: readonly Row[]) => {
    const [only] = some;
    if (only && some.length === 1 && isArchived(only.storageClass)) open(only);
    else download(some.map(toItem));
  };

  const menuOf = (row: Row): MenuEntry[] => {
    const item = toItem(row);
    const folder = isFolder(row);
    const marker = row.version?.isMarker ?? false;
    const plain = !row.version;
    return [
      { id: 'open', label: t(folder ? 'objects.open' : 'objects.details'), icon: folder ? FolderOpen : Info, onAction: () => open(row) },
      mayGet && !marker && { id: 'get', label: t(folder ? 'objects.downloadZip' : 'objects.download'), icon: folder ? FileArchive : Download, onAction: () => get([row]) },
      mayGet && !folder && !marker && { id: 'share', label: t('objects.share'), icon: Share2, onAction: () => setDialog({ kind: 'share', key: item.key, ...(row.version && { versionId: row.version.id }) }) },
      { id: 'uri', label: t('objects.copyPath'), icon: Link2, onAction: () => void copyText(`s3://${bucket}/${item.key}`).then((ok) => (ok ? toast.success(t('ui.copied')) : toast.error(t('ui.copyFailed')))) },
      plain && rights.copy && 'separator',
      plain && rights.get && rights.put && rights.delete && { id: 'rename', label: t('objects.rename'), icon: Pencil, onAction: () => setDialog({ kind: 'rename', items: [item] }) },
      plain && rights.copy && { id: 'copy', label: t('objects.copy'), icon: Copy, onAction: () => setDialog({ kind: 'copy', items: [item] }) },
      plain && rights.copy && rights.delete && { id: 'move', label: t('objects.move'), icon: FolderInput, onAction: () => setDialog({ kind: 'move', items: [item] }) },
      marker && row.version?.isLatest && rights.deleteVersion && { id: 'undelete', label: t('objects.undelete'), icon: RotateCcw, onAction: () => undelete(row) },
      row.version && !marker && !row.version.isLatest && rights.put && rights.getVersion && { id: 'restore', label: t('objects.restoreVersion'), icon: RotateCcw, onAction: () => undelete(row) },
      mayDelete([item]) && 'separator',
      mayDelete([item]) && { id: 'delete', label: t(row.version ? 'objects.deleteForever' : 'objects.delete'), icon: Trash2, danger: true, onAction: () => setDialog({ kind: 'delete', items: [item] }) },
    ];
  };

  // The same while pages come in: rows that are in sight are drawn once.
  const openMenu = rowMenu.open;
  const columns = useMemo<Column<Row>[]>(
    () => [
      {
        id: 'name',
        header: t('objects.colName'),
        width: 'minmax(10rem, 1fr)',
        sortable: true,
        cell: (row) => (
          <span className={css.nameCell}>
            <KindIcon name={row.name} folder={isFolder(row)} />
            <Name text={row.name} className={row.version?.isMarker ? (css.gone ?? '') : ''} />
            {row.version?.isMarker ? <Badge tone="warning">{t('objects.deleteMarker')}</Badge> : row.version?.isLatest ? <Badge tone="accent">{t('objects.latest')}</Badge> : null}
          </span>
        ),
      },
      ...(versions ? [{ id: 'version', header: t('objects.colVersion'), width: '9rem', minTable: 760, cell: (row: Row) => <span className={`${css.versionId} ellipsis`}>{row.version?.id}</span> }] : []),
      { id: 'size', header: t('objects.colSize'), width: '5.5rem', align: 'end', sortable: true, minTable: 420, cell: (row) => (isFolder(row) || row.version?.isMarker ? <span className="muted">–</span> : <SizeCell bytes={row.size} />) },
      { id: 'modified', header: t('objects.colModified'), width: '8rem', sortable: true, minTable: 600, cell: (row) => (isFolder(row) ? <span className="muted">–</span> : <TimeCell ms={row.modified} />) },
      { id: 'class', header: t('objects.colClass'), width: '7.5rem', sortable: true, minTable: 900, cell: (row) => (isFolder(row) || row.version?.isMarker ? <span className="muted">–</span> : row.storageClass) },
      {
        id: 'actions',
        header: t('objects.colActions'),
        hideHeader: true,
        width: '2rem',
        overflow: true,
        cell: (row) => <RowMenuButton label={t('objects.actionsFor', { name: visible(row.name) })} onOpen={(element) => openMenu(row, element)} />,
      },
    ],
    [versions, openMenu],
  );

  const parts = prefix.split('/').slice(0, -1);
  const crumbs = [
    { label: t('objects.title'), href: '/objects' },
    { label: bucket, href: addressOf(bucket, { versions }) },
    ...parts.map((part, i) => ({ label: visible(part) || '∅', href: addressOf(bucket, { prefix: parts.slice(0, i + 1).join('/') + '/', versions }) })),
  ];
  const title = parts.length ? visible(parts.at(-1) ?? '') || '∅' : bucket;
  const place = visible(`${bucket}/${prefix}`);
  const searching = contains !== '';
  const tell = searching
    ? t(listing.complete ? 'objects.foundAll' : 'objects.foundSome', { found: count, scanned: listing.scanned })
    : t(listing.complete ? 'objects.loadedAll' : 'objects.loadedSome', { count });

  const uploadMenu = rights.put && (
    <Menu
      label={t('objects.upload')}
      trigger={
        <Button variant="primary" icon={Upload}>
          {t('objects.upload')}
        </Button>
      }
      items={[
        { id: 'files', label: t('objects.uploadFiles'), icon: FilePlus2, onAction: () => filesInput.current?.click() },
        { id: 'folder', label: t('objects.uploadFolder'), icon: FolderUp, onAction: () => folderInput.current?.click() },
      ]}
    />
  );

  const empty = listing.error ? (
    <ErrorState error={listing.error} onRetry={() => void listing.more()} />
  ) : listing.loading || !listing.complete ? (
    <div style={{ padding: 'var(--s5)' }}>
      <Loading rows={6} />
    </div>
  ) : searching ? (
    <EmptyState
      icon={SearchX}
      title={t('objects.nothingFound')}
      actions={
        !deep && (
          <Button onPress={() => setDeep(true)}>{t('objects.deep')}</Button>
        )
      }
    >
      {t(deep ? 'objects.noMatchDeep' : 'objects.nothingFoundAdvice', { text: visible(text.trim()) })}
    </EmptyState>
  ) : (
    <EmptyState icon={rights.put ? UploadCloud : PackageOpen} title={t(prefix ? 'objects.emptyFolder' : 'objects.emptyBucket')} actions={uploadMenu}>
      {t(rights.put ? 'objects.emptyAdvice' : 'objects.emptyAdviceRead')}
    </EmptyState>
  );

  return (
    <div className={css.drop} {...dropProps}>
      <PageHeader
        title={title}
        crumbs={crumbs}
        actions={
          <>
            {rights.put && (
              <Button icon={FolderPlus} onPress={() => setDialog({ kind: 'folder' })}>
                {t('objects.newFolder')}
              </Button>
            )}
            {uploadMenu}
            <Menu
              label={t('ui.more')}
              trigger={<IconButton icon={MoreHorizontal} label={t('ui.more')} variant="secondary" />}
              items={[
                { id: 'refresh', label: t('objects.refresh'), icon: RefreshCw, onAction: () => setRound(round + 1) },
                rights.put && { id: 'link', label: t('objects.uploadLink'), icon: Link2, onAction: () => setDialog({ kind: 'link' }) },
                { id: 'settings', label: t('objects.openSettings'), icon: Settings, onAction: () => go(`/buckets/${encodeURIComponent(bucket)}`) },
              ]}
            />
          </>
        }
      />
      <input
        ref={filesInput}
        className={css.hiddenInput}
        type="file"
        multiple
        aria-hidden
        tabIndex={-1}
        onChange={(e) => {
          take(pickedFrom(e.currentTarget.files ?? []));
          e.currentTarget.value = '';
        }}
      />
      <input
        ref={(el) => {
          folderInput.current = el;
          el?.setAttribute('webkitdirectory', '');
        }}
        className={css.hiddenInput}
        type="file"
        multiple
        aria-hidden
        tabIndex={-1}
        onChange={(e) => {
          take(pickedFrom(e.currentTarget.files ?? []));
          e.currentTarget.value = '';
        }}
      />
      <div className={css.toolbar}>
        {chosen.length > 0 ? (
          <div className={css.selection} role="toolbar" aria-label={t('objects.selected', { count: chosen.length })}>
            <strong aria-live="polite">
              {t('objects.selected', { count: chosen.length })}
              {chosenBytes > 0 && ` · ${formatBytes(chosenBytes)}`}
            </strong>
            {!searching && (selectingAll || (!listing.complete && chosen.length === count)) && (
              <Button size="sm" isPending={selectingAll} onPress={() => void selectAll()}>
                {t('objects.selectAllHere')}
              </Button>
            )}
            {mayGet && !markers && (
              <Button size="sm" variant="ghost" icon={chosen.length === 1 && !items[0]?.folder ? Download : FileArchive} onPress={() => get(chosen)}>
                {t(chosen.length === 1 && !items[0]?.folder ? 'objects.download' : 'objects.downloadZip')}
              </Button>
            )}
            {!versions && rights.copy && (
              <Button size="sm" variant="ghost" icon={Copy} onPress={() => setDialog({ kind: 'copy', items })}>
                {t('objects.copy')}
              </Button>
            )}
            {!versions && rights.copy && rights.delete && (
              <Button size="sm" variant="ghost" icon={FolderInput} onPress={() => setDialog({ kind: 'move', items })}>
                {t('objects.move')}
              </Button>
            )}
            {rights.putTags && !markers && (
              <Button size="sm" variant="ghost" icon={Tags} onPress={() => setDialog({ kind: 'tag', items })}>
                {t('objects.tag')}
              </Button>
            )}
            {mayDelete(items) && (
              <Button size="sm" variant="dangerGhost" icon={Trash2} onPress={() => setDialog({ kind: 'delete', items })}>
                {t(versions ? 'objects.deleteForever' : 'objects.delete')}
              </Button>
            )}
            <IconButton size="sm" icon={X} label={t('objects.clearSelection')} onPress={() => setSelected(new Set())} />
          </div>
        ) : (
          <>
            {!(count === 0 && listing.complete && !searching) && <SearchField label={t('objects.searchPlaceholder')} value={text} onChange={setText} className={css.search ?? ''} />}
            {searching && <Switch label={t('objects.deep')} isSelected={deep} onChange={setDeep} />}
            {keepsVersions && rights.listVersions && <Switch label={t('objects.versions')} isSelected={versions} onChange={(on) => setWhere({ versions: on })} />}
            <span className={css.toolbarEnd} role="status">
              {(count > 0 || searching) && tell}
              {sort && !listing.complete && ` · ${t('objects.sortedLoaded')}`}
            </span>
          </>
        )}
      </div>
      {count > 0 && listing.error !== undefined && <ErrorState error={listing.error} compact onRetry={() => void listing.more()} />}
      <Table
        label={t('objects.listLabel', { place })}
        columns={columns}
        rows={rows}
        rowKey={rowId}
        rowLabel={(row) => visible(row.name)}
        rowHeight={44}
        maxHeight="calc(100vh - 17rem)"
        selected={selected}
        onSelect={setSelected}
        onOpen={open}
        sort={sort}
        onSort={setSort}
        onNearEnd={() => void (searching ? undefined : listing.more(3))}
        empty={empty}
        footer={
          listing.complete || count === 0 ? undefined : listing.loading ? (
            t('objects.loadingMore')
          ) : (
            <Button size="sm" variant="ghost" onPress={() => void (searching ? listing.more() : listing.all())}>
              {t(searching ? 'objects.searchOn' : 'objects.loadAll')}
            </Button>
          )
        }
        onRowKey={(e, row) => {
          const some = items.length > 0 ? items : [toItem(row)];
          const only = some.length === 1 ? some[0] : undefined;
          if (e.key === 'Delete' && mayDelete(some)) setDialog({ kind: 'delete', items: some });
          else if (e.key === 'F2' && only && !versions && rights.put && rights.get && rights.delete) setDialog({ kind: 'rename', items: [only] });
          else if (e.key === 'Backspace' && prefix) setWhere({ prefix: folderOf(prefix), key: undefined });
          else return;
          e.preventDefault();
        }}
      />
      {rowMenu.row && <RowMenu items={menuOf(rowMenu.row)} anchor={rowMenu.anchor} onClose={rowMenu.close} />}
      {dragging && (
        <div className={css.dropHint}>
          <UploadCloud size={36} aria-hidden />
          <span>{t('objects.dropHere', { place })}</span>
        </div>
      )}

      {where.key !== undefined && (
        <ObjectDrawer
          key={where.key}
          bucket={bucket}
          objectKey={where.key}
          version={where.version}
          tab={where.tab}
          keepsVersions={keepsVersions}
          locks={keeps.lock?.enabled ?? false}
          onTab={(tab) => tab !== (where.tab ?? 'details') && setWhere({ tab }, true)}
          onVersion={(version) => setWhere({ version, tab: 'details' })}
          onShare={(versionId) => setDialog({ kind: 'share', key: where.key ?? '', ...(versionId && { versionId }) })}
          onAct={(kind, item) => setDialog({ kind, items: [item] })}
          onClose={() => setWhere({ key: undefined, version: undefined, tab: undefined })}
        />
      )}
      {dialog?.kind === 'folder' && <NewFolder bucket={bucket} prefix={prefix} onClose={close} onMade={(made) => setWhere({ prefix: made, key: undefined })} />}
      {dialog?.kind === 'link' && <UploadLinkDialog bucket={bucket} prefix={prefix} onClose={close} />}
      {dialog?.kind === 'share' && <ShareDialog bucket={bucket} objectKey={dialog.key} {...(dialog.versionId && { versionId: dialog.versionId })} onClose={close} />}
      {dialog?.kind === 'tag' && <TagMany bucket={bucket} place={prefix} items={dialog.items} onClose={close} />}
      {where.upload && !rights.isLoading && rights.put && (
        <UploadDialog place={place} onFiles={() => filesInput.current?.click()} onFolder={() => folderInput.current?.click()} onClose={() => setWhere({ upload: undefined }, true)} />
      )}
      {dialog?.kind === 'rename' && dialog.items[0] && <Rename bucket={bucket} item={dialog.items[0]} onClose={close} />}
      {(dialog?.kind === 'copy' || dialog?.kind === 'move') && <CopyMove kind={dialog.kind} bucket={bucket} base={prefix} items={dialog.items} onClose={close} />}
      {dialog?.kind === 'delete' && (
        <Delete
          bucket={bucket}
          base={prefix}
          items={dialog.items}
          versioned={keeps.versioning === 'Enabled'}
          locked={keeps.lock?.enabled ?? false}
          rights={rights}
          onClose={close}
          onDeleted={() => {
            setSelected(new Set());
            const gone = dialog.items.find((i) => i.key === where.key);
            if (gone) setWhere(gone.versionId ? { version: undefined } : { key: undefined, version: undefined, tab: undefined });
          }}
        />
      )}
      {dialog?.kind === 'replace' && (
        <ConfirmDialog
          isOpen
          danger
          onClose={close}
          title={t('objects.replaceTitle', { count: dialog.taken.length })}
          confirmLabel={t('objects.replace')}
          onConfirm={() => upload(dialog.files)}
        >
          <ItemList items={dialog.taken} base={prefix} />
          <p>{t('objects.replaceText')}</p>
        </ConfirmDialog>
      )}
      {dialog?.kind === 'memory' && (
        <ConfirmDialog isOpen onClose={close} title={t('objects.zipMemoryTitle')} confirmLabel={t('objects.download')} onConfirm={() => void zipNow(dialog.items)}>
          <Callout tone="warning">{t('objects.zipMemory', { size: formatBytes(dialog.size) })}</Callout>
        </ConfirmDialog>
      )}
    </div>
  );
}
