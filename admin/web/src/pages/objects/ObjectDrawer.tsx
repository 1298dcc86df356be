// SPDX-License-Identifier: Apache-2.0
/* All about one object, or one version of it, beside its list. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Download, FileQuestion, MoreHorizontal, Pencil, Share2, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { isApiError } from '../../api/http';
import { getObjectAcl, getObjectTagging, headObject, isArchived, putObjectLegalHold, readRestore, type ObjectHead, type ObjectRef } from '../../api/s3';
import { hasDotSegments } from '../../api/sign';
import { api } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Bytes, Callout, Copyable, Drawer, EmptyState, ErrorState, formatDate, IconButton, KeyValue, KeyValues, Loading, Menu, Switch, Tabs, Time, toast, type TabItem } from '../../ui';
import { toRows } from '../acl/grants';
import { Grants } from '../acl/Grants';
import { downloadOne, type Item } from './actions';
import { EditAcl, EditMetadata, EditRetention, EditTags, RestoreArchived } from './edit';
import { KindIcon, lastName, Name, visible } from './names';
import css from './objects.module.css';
import { Preview } from './Preview';
import { useRights, type Rights } from './rights';
import { Versions } from './Versions';

/** How often an object is looked at that is on its way from the archive. */
const COMING_MS = 3000;

function encryptionText(head: ObjectHead): string {
  if (!head.encryption) return t('objects.encryptionNone');
  if (head.encryption === 'SSE-C') return t('objects.encryptionOwn');
  if (head.encryption === 'AES256') return t('objects.encryptionServer');
  return t('objects.encryptionKms', { key: head.encryptionKey ?? head.encryption });
}

type Edit = 'metadata' | 'tags' | 'retention' | 'restore' | 'acl' | null;

function Details({ bucket, objectKey, version, head, rights, locks, onEdit }: { bucket: string; objectKey: string; version: string | undefined; head: ObjectHead; rights: Rights; locks: boolean; onEdit: (edit: Edit) => void }) {
  const queries = useQueryClient();
  const refTo = { bucket, key: objectKey, ...(version && { versionId: version }) };
  const tags = useQuery({
    queryKey: ['objects', bucket, 'tags', objectKey, version],
    queryFn: ({ signal }) => getObjectTagging(api(), refTo, { signal }),
    enabled: rights.getTags,
  });
  const hold = (on: boolean) =>
    void putObjectLegalHold(api(), refTo, on).then(
      () => queries.invalidateQueries({ queryKey: ['objects', bucket, 'head', objectKey] }),
      (error: unknown) => toast.error(error),
    );
  const checksums = Object.entries(head.checksums);
  return (
    <>
      {hasDotSegments(`/${objectKey}`) && (
        <Callout tone="warning" title={t('objects.oddPath')}>
          {t('objects.oddPathAdvice')}
        </Callout>
      )}
      <KeyValues>
        <KeyValue label={t('objects.key')}>
          <Copyable value={objectKey} />
        </KeyValue>
        <KeyValue label={t('objects.uri')}>
          <Copyable value={`s3://${bucket}/${objectKey}`} />
        </KeyValue>
        <KeyValue label={t('objects.colSize')}>
          <Bytes value={head.size} />
        </KeyValue>
        <KeyValue label={t('objects.colModified')}>
          <Time value={head.modified} full />
        </KeyValue>
        <KeyValue label={t('objects.type')}>{visible(head.contentType) || '–'}</KeyValue>
        <KeyValue label={t('objects.etag')}>
          <Copyable value={head.etag} />
        </KeyValue>
        {head.versionId && (
          <KeyValue label={t('objects.versionId')}>
            <Copyable value={head.versionId} />
          </KeyValue>
        )}
        <KeyValue label={t('objects.colClass')}>{head.storageClass}</KeyValue>
        <KeyValue label={t('objects.encryption')}>{encryptionText(head)}</KeyValue>
        {checksums.map(([name, value]) => (
          <KeyValue key={name} label={head.checksumType === 'COMPOSITE' ? t('objects.checksumComposite', { name }) : name}>
            <Copyable value={value} />
          </KeyValue>
        ))}
        {head.parts !== undefined && <KeyValue label={t('objects.parts')}>{head.parts}</KeyValue>}
        {head.expiration && <KeyValue label={t('objects.expiration')}>{head.expiration}</KeyValue>}
      </KeyValues>

      <div className={css.section}>
        <h3>{t('objects.metadata')}</h3>
        {rights.put && rights.get && !version && head.encryption !== 'SSE-C' && (
          <Button size="sm" variant="ghost" icon={Pencil} onPress={() => onEdit('metadata')} aria-label={t('objects.editMetadata')}>
            {t('ui.edit')}
          </Button>
        )}
      </div>
      {Object.keys(head.metadata).length + Object.keys(head.headers).length === 0 ? (
        <span className="muted">{t('objects.noMetadata')}</span>
      ) : (
        <KeyValues>
          {[...Object.entries(head.headers), ...Object.entries(head.metadata)].map(([name, value]) => (
            <KeyValue key={name} label={visible(name)}>
              {visible(value)}
            </KeyValue>
          ))}
        </KeyValues>
      )}

      {rights.getAcl && <AclSection refTo={refTo} may={rights.putAcl} onEdit={() => onEdit('acl')} />}

      {rights.getTags && (
        <>
          <div className={css.section}>
            <h3>{t('objects.tags')}</h3>
            {rights.putTags && tags.data && (
              <Button size="sm" variant="ghost" icon={Pencil} onPress={() => onEdit('tags')} aria-label={t('objects.editTags')}>
                {t('ui.edit')}
              </Button>
            )}
          </div>
          {tags.error ? (
            <ErrorState error={tags.error} compact />
          ) : Object.keys(tags.data ?? {}).length === 0 ? (
            <span className="muted">{t('objects.noTags')}</span>
          ) : (
            <div className={css.tags}>
              {Object.entries(tags.data ?? {}).map(([name, value]) => (
                <span key={name} className={`${css.tag} hostile`}>
                  {visible(name)}
                  {value && ` = ${visible(value)}`}
                </span>
              ))}
            </div>
          )}
        </>
      )}

      {(locks || head.lockMode || head.legalHold !== undefined) && (
        <>
          <div className={css.section}>
            <h3>{t('objects.lock')}</h3>
            {rights.putRetention && (
              <Button size="sm" variant="ghost" icon={Pencil} onPress={() => onEdit('retention')} aria-label={t('objects.editRetention')}>
                {t('ui.edit')}
              </Button>
            )}
          </div>
          <KeyValues>
            <KeyValue label={t('objects.retention')}>
              {head.lockMode ? t('objects.retentionUntil', { mode: t(head.lockMode === 'COMPLIANCE' ? 'objects.compliance' : 'objects.governance'), time: formatDate(head.retainUntil) }) : t('objects.retentionNone')}
            </KeyValue>
            <KeyValue label={t('objects.legalHold')}>
              {rights.putLegalHold ? (
                <Switch label={t('objects.legalHold')} description={t('objects.legalHoldHelp')} isSelected={head.legalHold ?? false} onChange={hold} />
              ) : (
                t(head.legalHold ? 'objects.legalHoldOn' : 'objects.legalHoldOff')
              )}
            </KeyValue>
          </KeyValues>
        </>
      )}
    </>
  );
}

/** Who the object itself grants something; those who may not change that see it only where it is more than the owner's. */
function AclSection({ refTo, may, onEdit }: { refTo: ObjectRef; may: boolean; onEdit: () => void }) {
  const acl = useQuery({ queryKey: ['objects', refTo.bucket, 'acl', refTo.key, refTo.versionId], queryFn: ({ signal }) => getObjectAcl(api(), refTo, { signal }), retry: false });
  if (!acl.data) return null;
  const rows = toRows(acl.data, 'object');
  const shared = rows.some((r, i) => i > 0 && r.has.length > 0);
  if (!shared && !may) return null;
  return (
    <>
      <div className={css.section}>
        <h3>{t('objects.acl')}</h3>
        {may && (
          <Button size="sm" variant="ghost" icon={Pencil} onPress={onEdit} aria-label={t('objects.editAcl')}>
            {t('ui.edit')}
          </Button>
        )}
      </div>
      <span className="muted">{t(shared ? 'objects.aclHelp' : 'objects.aclOwnerOnly')}</span>
      {shared && <Grants kind="object" owner={acl.data.owner} rows={rows} />}
    </>
  );
}

export function ObjectDrawer(p: {
  bucket: string;
  objectKey: string;
  version: string | undefined;
  tab: string | undefined;
  keepsVersions: boolean;
  locks: boolean;
  onTab: (tab: string) => void;
  onVersion: (version: string | undefined) => void;
  onShare: (version: string | undefined) => void;
  onAct: (kind: 'rename' | 'copy' | 'move' | 'delete', item: Item) => void;
  onClose: () => void;
}) {
  const { bucket, objectKey, version } = p;
  const queries = useQueryClient();
  const rights = useRights(bucket, objectKey, true);
  const [edit, setEdit] = useState<Edit>(null);
  const refTo = { bucket, key: objectKey, ...(version && { versionId: version }) };
  const head = useQuery({
    queryKey: ['objects', bucket, 'head', objectKey, version],
    queryFn: ({ signal }) => headObject(api(), refTo, { signal }),
    refetchInterval: (q) => (readRestore(q.state.data?.restore)?.ongoing ? COMING_MS : false),
  });
  const tagsNow = queries.getQueryData<Record<string, string>>(['objects', bucket, 'tags', objectKey, version]) ?? {};
  const refresh = () => void queries.invalidateQueries({ queryKey: ['objects', bucket] });
  const item: Item = { key: objectKey, folder: false, size: head.data?.size ?? 0, ...(version && { versionId: version }) };
  const archived = isArchived(head.data?.storageClass);
  const restore = readRestore(head.data?.restore);
  const away = archived && !restore?.until;
  const mayRead = (version ? rights.getVersion : rights.get) && !away;
  const closeEdit = () => setEdit(null);

  const missing = isApiError(head.error) && head.error.isMissing;
  const marker = isApiError(head.error) && head.error.status === 405;
  const instead = head.error ? (
    missing || marker ? (
      <EmptyState icon={FileQuestion} title={t(marker ? 'objects.isMarker' : 'objects.notThere')}>
        {t(marker ? 'objects.isMarkerAdvice' : 'objects.notThereAdvice')}
      </EmptyState>
    ) : (
      <ErrorState error={head.error} onRetry={() => void head.refetch()} />
    )
  ) : head.data ? null : (
    <Loading rows={6} />
  );
  const tabs: TabItem[] = [
    {
      id: 'details',
      label: t('objects.tabDetails'),
      content: <div className="stack">{instead ?? (head.data && <Details bucket={bucket} objectKey={objectKey} version={version} head={head.data} rights={rights} locks={p.locks} onEdit={setEdit} />)}</div>,
    },
  ];
  if (mayRead) tabs.push({ id: 'preview', label: t('objects.tabPreview'), content: instead ?? (head.data && <Preview key={`${objectKey}\0${version ?? ''}`} refTo={refTo} head={head.data} />) });
  if (p.keepsVersions && rights.listVersions)
    tabs.push({
      id: 'versions',
      label: t('objects.tabVersions'),
      content: <Versions bucket={bucket} objectKey={objectKey} shown={version} rights={rights} onShow={p.onVersion} onShare={p.onShare} onDelete={(i) => p.onAct('delete', i)} />,
    });
  return (
    <Drawer
      isOpen
      onClose={p.onClose}
      title={
        <span className={css.drawerTitle}>
          <KindIcon name={objectKey} />
          <Name text={lastName(objectKey)} wrap />
        </span>
      }
    >
      {version && (
        <Callout tone="info" actions={<Button size="sm" onPress={() => p.onVersion(undefined)}>{t('objects.latest')}</Button>}>
          {t('objects.versionOf', { time: formatDate(head.data?.modified) })} <Badge>{version}</Badge>
        </Callout>
      )}
      {archived && (
        <Callout
          tone={away && !restore ? 'warning' : 'info'}
          actions={
            rights.restore &&
            !restore?.ongoing && (
              <Button size="sm" onPress={() => setEdit('restore')}>
                {t(away ? 'objects.restoreArchived' : 'objects.restoreLonger')}
              </Button>
            )
          }
        >
          {restore?.until ? t('objects.archiveHere', { time: formatDate(restore.until) }) : t(restore?.ongoing ? 'objects.archiveComing' : 'objects.archiveAway')}
        </Callout>
      )}
      {head.data && (
        <div className={css.actions}>
          {mayRead && (
            <Button variant="primary" icon={Download} onPress={() => downloadOne(api(), refTo, lastName(objectKey))}>
              {t('objects.download')}
            </Button>
          )}
          {mayRead && (
            <Button icon={Share2} onPress={() => p.onShare(version)}>
              {t('objects.share')}
            </Button>
          )}
          {(version ? rights.deleteVersion : rights.delete) && (
            <Button icon={Trash2} variant="dangerGhost" onPress={() => p.onAct('delete', item)}>
              {t(version ? 'objects.deleteForever' : 'objects.delete')}
            </Button>
          )}
          {!version && rights.copy && !away && (
            <Menu
              label={t('ui.more')}
              trigger={<IconButton icon={MoreHorizontal} label={t('ui.more')} />}
              items={[
                rights.put && rights.copy && rights.delete && { id: 'rename', label: t('objects.rename'), onAction: () => p.onAct('rename', item) },
                rights.copy && { id: 'copy', label: t('objects.copy'), onAction: () => p.onAct('copy', item) },
                rights.copy && rights.delete && { id: 'move', label: t('objects.move'), onAction: () => p.onAct('move', item) },
              ]}
            />
          )}
        </div>
      )}
      <Tabs label={t('objects.details')} items={tabs} selected={tabs.some((tab) => tab.id === p.tab) ? (p.tab as string) : 'details'} onSelect={p.onTab} />
      {edit === 'tags' && <EditTags refTo={refTo} tags={tagsNow} onClose={closeEdit} onSaved={refresh} />}
      {edit === 'metadata' && head.data && <EditMetadata refTo={refTo} head={head.data} onClose={closeEdit} onSaved={refresh} />}
      {edit === 'retention' && head.data && <EditRetention refTo={refTo} head={head.data} mayBypass={rights.bypass} onClose={closeEdit} onSaved={refresh} />}
      {edit === 'acl' && <EditAcl refTo={refTo} onClose={closeEdit} onSaved={refresh} />}
      {edit === 'restore' && head.data && <RestoreArchived head={head.data} refTo={refTo} onClose={closeEdit} onSaved={refresh} />}
    </Drawer>
  );
}
