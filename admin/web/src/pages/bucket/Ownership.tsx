// SPDX-License-Identifier: Apache-2.0
/* Who owns what others upload, and the access control list where lists count. */
import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { deleteBucketOwnership, getBucketAcl, getBucketOwnership, putBucketAcl, putBucketOwnership, type Acl, type Grant, type ObjectOwnership } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Badge, Button, Callout, Card, IconButton, RadioGroup, Select, TextField } from '../../ui';
import { isPublicAcl, isToEveryone } from '../buckets/facts';
import css from './bucket.module.css';
import { FormCard, Loaded, useAction, useSetting, type SectionProps } from './parts';

const ownershipOptions = () =>
  [
    { id: 'BucketOwnerEnforced', label: t('bucket.ownerEnforced'), description: t('bucket.ownerEnforcedHelp') },
    { id: 'BucketOwnerPreferred', label: t('bucket.ownerPreferred'), description: t('bucket.ownerPreferredHelp') },
    { id: 'ObjectWriter', label: t('bucket.ownerWriter'), description: t('bucket.ownerWriterHelp') },
  ] as const;

const groups = {
  'http://acs.amazonaws.com/groups/global/AllUsers': 'bucket.groupEveryone',
  'http://acs.amazonaws.com/groups/global/AuthenticatedUsers': 'bucket.groupSignedIn',
  'http://acs.amazonaws.com/groups/s3/LogDelivery': 'bucket.groupLogs',
} as const;

const PERMISSIONS = ['FULL_CONTROL', 'READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'] as const;
const permissionWords = { FULL_CONTROL: 'bucket.aclFull', READ: 'bucket.aclRead', WRITE: 'bucket.aclWrite', READ_ACP: 'bucket.aclReadAcp', WRITE_ACP: 'bucket.aclWriteAcp' } as const;

export function Ownership({ bucket, rights }: SectionProps) {
  const ownership = useSetting(bucket, 'ownership', (signal) => getBucketOwnership(api(), bucket, { signal }), rights.getOwnership);
  const acl = useSetting(bucket, 'acl', (signal) => getBucketAcl(api(), bucket, { signal }), rights.getAcl);
  return (
    <>
      {rights.getOwnership && <Loaded query={ownership}>{(now) => <OwnershipForm key={now} bucket={bucket} may={rights.putOwnership} now={now} />}</Loaded>}
      {rights.getAcl && <Loaded query={acl}>{(now) => now && <AclForm key={JSON.stringify(now)} bucket={bucket} may={rights.putAcl && ownership.data !== 'BucketOwnerEnforced'} enforced={ownership.data === 'BucketOwnerEnforced'} acl={now} />}</Loaded>}
    </>
  );
}

function OwnershipForm({ bucket, may, now }: { bucket: string; may: boolean; now: ObjectOwnership | null }) {
  const action = useAction(bucket);
  const [wanted, setWanted] = useState<ObjectOwnership | 'none'>(now ?? 'none');
  const chosen = ownershipOptions().find((o) => o.id === now);
  if (!may) {
    return (
      <Card title={t('bucket.ownership')} description={t('bucket.ownershipHelp')} footer={<span>{t('bucket.readOnly')}</span>}>
        <p>{chosen?.label ?? t('bucket.ownerNone')}</p>
        {chosen && <p className="muted">{chosen.description}</p>}
      </Card>
    );
  }
  return (
    <FormCard
      title={t('bucket.ownership')}
      description={t('bucket.ownershipHelp')}
      may={may}
      action={action}
      changed={wanted !== (now ?? 'none')}
      onReset={() => setWanted(now ?? 'none')}
      onSave={() => void action.run(() => (wanted === 'none' ? deleteBucketOwnership(api(), bucket) : putBucketOwnership(api(), bucket, wanted)))}
    >
      <RadioGroup label={t('bucket.ownershipOf')} value={wanted} onChange={setWanted} options={[...ownershipOptions(), ...(now === null ? [{ id: 'none' as const, label: t('bucket.ownerNone') }] : [])]} />
    </FormCard>
  );
}

export function granteeName(grant: Grant, ownerId: string): string {
  if (grant.type === 'Group') {
    const known = (groups as Record<string, (typeof groups)[keyof typeof groups]>)[grant.grantee];
    return known ? t(known) : grant.grantee;
  }
  if (grant.grantee === ownerId) return t('bucket.aclOwner', { name: grant.displayName || `${grant.grantee.slice(0, 12)}…` });
  return grant.displayName || grant.grantee;
}

const permissionName = (p: string): string => {
  const key = (permissionWords as Record<string, (typeof permissionWords)[keyof typeof permissionWords]>)[p];
  return key ? t(key) : p;
};

function AclForm({ bucket, may, enforced, acl }: { bucket: string; may: boolean; enforced: boolean; acl: Acl }) {
  const action = useAction(bucket);
  const [grants, setGrants] = useState(acl.grants);
  const [who, setWho] = useState<string>('http://acs.amazonaws.com/groups/global/AllUsers');
  const [id, setId] = useState('');
  const [permission, setPermission] = useState<string>('READ');
  const grantee = who === 'id' ? id.trim() : who;
  const add = () => {
    if (!grantee) return;
    const fresh: Grant = { type: who === 'id' ? 'CanonicalUser' : 'Group', grantee, permission };
    if (!grants.some((g) => g.grantee === fresh.grantee && g.permission === fresh.permission)) setGrants([...grants, fresh]);
    setId('');
  };
  const list = (
    <ul className={css.plainList}>
      {grants.map((g, i) => (
        <li key={`${g.type}\0${g.grantee}\0${g.permission}`}>
          <span className="row wrap">
            <span className="hostile" title={g.grantee}>
              {granteeName(g, acl.owner.id)}
            </span>
            {isToEveryone(g) && <Badge tone="danger">{t('bucket.public')}</Badge>}
          </span>
          <span className="row">
            <span className="muted">{permissionName(g.permission)}</span>
            {may && <IconButton size="sm" icon={X} label={t('bucket.removeGrant', { name: granteeName(g, acl.owner.id) })} onPress={() => setGrants(grants.filter((_, k) => k !== i))} />}
          </span>
        </li>
      ))}
    </ul>
  );
  if (!may) {
    return (
      <Card title={t('bucket.acl')} description={t('bucket.aclHelp')} footer={<span>{enforced ? t('bucket.aclEnforced') : t('bucket.readOnly')}</span>}>
        {list}
      </Card>
    );
  }
  return (
    <FormCard
      title={t('bucket.acl')}
      description={t('bucket.aclHelp')}
      may={may}
      action={action}
      changed={JSON.stringify(grants) !== JSON.stringify(acl.grants)}
      onReset={() => setGrants(acl.grants)}
      onSave={() => void action.run(() => putBucketAcl(api(), bucket, { ...acl, grants }))}
    >
      {isPublicAcl({ ...acl, grants }) && <Callout tone="warning">{t('bucket.aclPublic')}</Callout>}
      {list}
      <fieldset className={css.fieldset}>
        <legend>{t('bucket.addGrant')}</legend>
        <div className="grid3">
          <Select label={t('bucket.grantee')} value={who} onChange={setWho} options={[...Object.entries(groups).map(([uri, label]) => ({ id: uri, label: t(label) })), { id: 'id', label: t('bucket.aclAccount') }]} />
          {who === 'id' && <TextField label={t('bucket.canonicalId')} value={id} onChange={setId} mono />}
          <Select label={t('bucket.permission')} value={permission} onChange={setPermission} options={PERMISSIONS.map((p) => ({ id: p as string, label: permissionName(p) }))} />
        </div>
        <div>
          <Button size="sm" icon={Plus} onPress={add} isDisabled={!grantee}>
            {t('bucket.addGrant')}
          </Button>
        </div>
      </fieldset>
    </FormCard>
  );
}
