// SPDX-License-Identifier: Apache-2.0
/* What may be changed of an object: metadata, tags, its access list, retention, and asking for it from the archive. */
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { getBucketOwnership, getObjectAcl, putObjectAcl, putObjectRetention, putObjectTagging, readRestore, restoreObject, type LockMode, type ObjectHead, type ObjectRef, type RestoreTier, type Tags } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Checkbox, Dialog, ErrorState, FormDialog, LinkButton, Loading, localDate, NumberField, RadioGroup, Select, TextField, toast } from '../../ui';
import { isEqual, toGrants, toRows, type GrantRow } from '../acl/grants';
import { Grants } from '../acl/Grants';
import { copyAny, COPY_MAX, tagItems, type Item } from './actions';
import { fromPairs, PairsEditor, toPairs } from './Pairs';
import { announce, folderOf } from './transfers';
import { mountTransfers } from './TransfersPanel';

const TAGS_MAX = 10;

function EditDialog({ title, onClose, onSave, isValid = true, label, children }: { title: string; onClose: () => void; onSave: () => Promise<unknown>; isValid?: boolean; label?: string; children: ReactNode }) {
  const send = async () => {
    await onSave();
    toast.success(t('objects.saved'));
    onClose();
  };
  return (
    <FormDialog size="lg" title={title} action={label ?? t('ui.save')} isDisabled={!isValid} onClose={onClose} onSend={send}>
      {children}
    </FormDialog>
  );
}

type Props = { refTo: ObjectRef; onClose: () => void; onSaved: () => void };

export function EditTags({ refTo, tags, onClose, onSaved }: Props & { tags: Tags }) {
  const [pairs, setPairs] = useState(() => toPairs(tags));
  const few = pairs.length <= TAGS_MAX;
  return (
    <EditDialog title={t('objects.editTags')} onClose={onClose} isValid={few} onSave={() => putObjectTagging(api(), refTo, fromPairs(pairs)).then(onSaved)}>
      <PairsEditor pairs={pairs} onChange={setPairs} nameLength={128} valueLength={256} />
      {!few && <span className="muted">{t('objects.tooManyTags', { count: TAGS_MAX })}</span>}
    </EditDialog>
  );
}

/** Of many objects at once, and of all below folders. */
export function TagMany({ bucket, place, items, onClose }: { bucket: string; place: string; items: readonly Item[]; onClose: () => void }) {
  const [pairs, setPairs] = useState(() => toPairs({ '': '' }));
  const [alone, setAlone] = useState(false);
  const tags = fromPairs(pairs);
  const count = Object.keys(tags).length;
  const few = count <= TAGS_MAX;
  const start = () => {
    mountTransfers();
    void tagItems(api(), bucket, place, t('objects.tagTask', { count: items.length }), items, tags, alone);
    onClose();
  };
  return (
    <Dialog
      isOpen
      size="lg"
      title={t('objects.tagTitle', { count: items.length })}
      onClose={onClose}
      onSubmit={() => few && (count > 0 || alone) && start()}
      footer={
        <>
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isDisabled={!few || (count === 0 && !alone)}>
            {t('ui.save')}
          </Button>
        </>
      }
    >
      <p className="muted">{t(items.some((i) => i.folder) ? 'objects.tagHelpFolders' : 'objects.tagHelp')}</p>
      <PairsEditor pairs={pairs} onChange={setPairs} nameLength={128} valueLength={256} />
      <Checkbox label={t('objects.tagAlone')} isSelected={alone} onChange={setAlone} />
      {!few && <span className="muted">{t('objects.tooManyTags', { count: TAGS_MAX })}</span>}
    </Dialog>
  );
}

export function EditMetadata({ refTo, head, onClose, onSaved }: Props & { head: ObjectHead }) {
  const [type, setType] = useState(head.contentType);
  const [headers, setHeaders] = useState(() => toPairs({ 'cache-control': '', 'content-disposition': '', ...head.headers }));
  const [pairs, setPairs] = useState(() => toPairs(head.metadata));
  const save = async () => {
    const set = headers.filter((h) => h.value !== '');
    await copyAny(api(), refTo, { bucket: refTo.bucket, key: refTo.key }, head.size, new AbortController().signal, {
      contentType: type,
      headers: fromPairs(set),
      metadata: fromPairs(pairs),
      storageClass: head.storageClass === 'STANDARD' ? undefined : head.storageClass,
      ifMatch: head.etag,
    });
    announce(refTo.bucket, folderOf(refTo.key));
    onSaved();
  };
  return (
    <EditDialog title={t('objects.editMetadata')} onClose={onClose} onSave={save}>
      <p className="muted">{t(head.size > COPY_MAX ? 'objects.metadataHelpLarge' : 'objects.metadataHelp')}</p>
      <TextField label={t('objects.contentType')} value={type} onChange={setType} mono />
      {headers.map((h) => (
        <TextField key={h.id} label={h.name} value={h.value} onChange={(value) => setHeaders(headers.map((o) => (o.id === h.id ? { ...o, value } : o)))} mono />
      ))}
      <h3>{t('objects.metadata')}</h3>
      <PairsEditor pairs={pairs} onChange={setPairs} />
    </EditDialog>
  );
}

export function EditAcl({ refTo, onClose, onSaved }: Props) {
  const acl = useQuery({ queryKey: ['objects', refTo.bucket, 'acl', refTo.key, refTo.versionId], queryFn: ({ signal }) => getObjectAcl(api(), refTo, { signal }), retry: false });
  // Who may not ask finds out when he saves.
  const ownership = useQuery({ queryKey: ['objects', refTo.bucket, 'ownership'], queryFn: async ({ signal }) => (await getBucketOwnership(api(), refTo.bucket, { signal })) ?? null, retry: false });
  const [edited, setEdited] = useState<GrantRow[] | null>(null);
  const now = acl.data ? toRows(acl.data, 'object') : [];
  const rows = edited ?? now;
  const enforced = ownership.data === 'BucketOwnerEnforced';
  const save = async () => {
    if (!acl.data) return;
    await putObjectAcl(api(), refTo, { ...acl.data, grants: toGrants(rows, 'object') });
    onSaved();
  };
  return (
    <EditDialog title={t('objects.editAcl')} onClose={onClose} onSave={save} isValid={!enforced && acl.data !== undefined && !isEqual(rows, now, 'object')}>
      {acl.error ? (
        <ErrorState error={acl.error} compact />
      ) : !acl.data || ownership.isPending ? (
        <Loading rows={4} />
      ) : (
        <>
          {enforced && (
            <Callout title={t('bucket.aclEnforced')} actions={<LinkButton size="sm" href={`/buckets/${encodeURIComponent(refTo.bucket)}/ownership`}>{t('bucket.aclAllow')}</LinkButton>}>
              {t('bucket.aclEnforcedWhy')}
            </Callout>
          )}
          <Grants kind="object" owner={acl.data.owner} rows={rows} {...(enforced ? {} : { onChange: setEdited })} />
        </>
      )}
    </EditDialog>
  );
}

export function EditRetention({ refTo, head, mayBypass, onClose, onSaved }: Props & { head: ObjectHead; mayBypass: boolean }) {
  const [mode, setMode] = useState<LockMode>((head.lockMode as LockMode | undefined) ?? 'GOVERNANCE');
  const [until, setUntil] = useState(localDate(head.retainUntil ?? new Date(Date.now() + 30 * 86_400_000)));
  const [lift, setLift] = useState(false);
  const [bypass, setBypass] = useState(false);
  const date = new Date(until);
  const future = date.getTime() > Date.now();
  return (
    <EditDialog
      title={t('objects.editRetention')}
      onClose={onClose}
      isValid={lift || future}
      onSave={() => putObjectRetention(api(), refTo, lift ? undefined : { mode, until: date }, { bypass: bypass || lift }).then(onSaved)}
    >
      {!lift && (
        <>
          <RadioGroup
            label={t('objects.retentionMode')}
            cards
            value={mode}
            onChange={setMode}
            options={[
              { id: 'GOVERNANCE', label: t('objects.governance'), description: t('objects.governanceHelp') },
              { id: 'COMPLIANCE', label: t('objects.compliance'), description: t('objects.complianceHelp') },
            ]}
          />
          <TextField label={t('objects.retentionDate')} type="datetime-local" value={until} onChange={setUntil} error={future ? null : t('objects.retentionPast')} />
        </>
      )}
      {head.lockMode === 'GOVERNANCE' && mayBypass && (
        <>
          <Checkbox label={t('objects.retentionLift')} isSelected={lift} onChange={setLift} />
          {!lift && <Checkbox label={t('objects.bypass')} isSelected={bypass} onChange={setBypass} />}
        </>
      )}
    </EditDialog>
  );
}

export function RestoreArchived({ refTo, head, onClose, onSaved }: Props & { head: ObjectHead }) {
  const [days, setDays] = useState<number | null>(7);
  const [tier, setTier] = useState<RestoreTier>('Standard');
  const here = readRestore(head.restore)?.until !== undefined;
  return (
    <EditDialog title={t('objects.restoreTitle')} label={t('objects.restoreNow')} onClose={onClose} isValid={days !== null && days > 0} onSave={() => restoreObject(api(), refTo, days ?? 1, here ? undefined : tier).then(onSaved)}>
      <p className="muted">{t(here ? 'objects.restoreAgainHelp' : 'objects.restoreHelp')}</p>
      <NumberField label={t('objects.restoreDays')} value={days} onChange={setDays} min={1} max={3650} />
      {!here && (
        <Select
          label={t('objects.restoreTier')}
          value={tier}
          onChange={setTier}
          options={[
            { id: 'Standard', label: t('objects.tierStandard') },
            // S3 has it for the one archive only.
            ...(head.storageClass === 'DEEP_ARCHIVE' ? [] : [{ id: 'Expedited' as const, label: t('objects.tierExpedited') }]),
            { id: 'Bulk', label: t('objects.tierBulk') },
          ]}
        />
      )}
    </EditDialog>
  );
}
