// SPDX-License-Identifier: Apache-2.0
/* Who owns what others upload, and the access control list where lists count. */
import { useState } from 'react';
import { deleteBucketOwnership, getBucketAcl, getBucketOwnership, getPublicAccessBlock, putBucketAcl, putBucketOwnership, type Acl, type ObjectOwnership } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Card, ConfirmDialog, LinkButton, RadioGroup } from '../../ui';
import { isEqual, isPublic, toGrants, toRows } from '../acl/grants';
import { Grants } from '../acl/Grants';
import { FormCard, Loaded, ReadOnlyCard, useAction, useSetting, type SectionProps } from './parts';
import type { Rights } from './rights';

const ownershipOptions = () =>
  [
    { id: 'BucketOwnerEnforced', label: t('bucket.ownerEnforced'), description: t('bucket.ownerEnforcedHelp') },
    { id: 'BucketOwnerPreferred', label: t('bucket.ownerPreferred'), description: t('bucket.ownerPreferredHelp') },
    { id: 'ObjectWriter', label: t('bucket.ownerWriter'), description: t('bucket.ownerWriterHelp') },
  ] as const;

export function Ownership({ bucket, rights }: SectionProps) {
  const ownership = useSetting(bucket, 'ownership', (signal) => getBucketOwnership(api(), bucket, { signal }), rights.getOwnership);
  const acl = useSetting(bucket, 'acl', (signal) => getBucketAcl(api(), bucket, { signal }), rights.getAcl);
  return (
    <>
      {rights.getOwnership && <Loaded query={ownership}>{(now) => <OwnershipForm key={now} bucket={bucket} may={rights.putOwnership} now={now} />}</Loaded>}
      {rights.getAcl && <Loaded query={acl}>{(now) => now && <AclForm key={JSON.stringify(now)} bucket={bucket} rights={rights} enforced={ownership.data === 'BucketOwnerEnforced'} acl={now} />}</Loaded>}
    </>
  );
}

function OwnershipForm({ bucket, may, now }: { bucket: string; may: boolean; now: ObjectOwnership | null }) {
  const action = useAction(bucket);
  const [wanted, setWanted] = useState<ObjectOwnership | 'none'>(now ?? 'none');
  const chosen = ownershipOptions().find((o) => o.id === now);
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.ownership')} description={t('bucket.ownershipHelp')}>
        <p>{chosen?.label ?? t('bucket.ownerNone')}</p>
        {chosen && <p className="muted">{chosen.description}</p>}
      </ReadOnlyCard>
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

function AclForm({ bucket, rights, enforced, acl }: { bucket: string; rights: Rights; enforced: boolean; acl: Acl }) {
  const action = useAction(bucket);
  const block = useSetting(bucket, 'block', (signal) => getPublicAccessBlock(api(), bucket, { signal }), rights.getBlock);
  const now = toRows(acl, 'bucket');
  const [rows, setRows] = useState(now);
  const [asking, setAsking] = useState(false);
  const may = rights.putAcl && !enforced;
  if (!may) {
    return (
      <>
        <Card title={t('bucket.acl')} description={t('bucket.aclHelp')} footer={rights.putAcl ? undefined : <span>{t('bucket.readOnly')}</span>}>
          <div className="stack">
            {enforced && (
              <Callout
                title={t('bucket.aclEnforced')}
                actions={
                  rights.putAcl &&
                  rights.putOwnership && (
                    <Button size="sm" onPress={() => setAsking(true)}>
                      {t('bucket.aclAllow')}
                    </Button>
                  )
                }
              >
                {t('bucket.aclEnforcedWhy')}
              </Callout>
            )}
            <Grants kind="bucket" owner={acl.owner} rows={now} />
          </div>
        </Card>
        <ConfirmDialog
          isOpen={asking}
          onClose={() => setAsking(false)}
          title={t('bucket.aclAllowTitle')}
          confirmLabel={t('bucket.aclAllowConfirm')}
          onConfirm={async () => {
            await putBucketOwnership(api(), bucket, 'BucketOwnerPreferred');
            await action.run(() => Promise.resolve());
          }}
        >
          <p>{t('bucket.aclAllowBody')}</p>
        </ConfirmDialog>
      </>
    );
  }
  const refused = isPublic(rows) && block.data?.blockPublicAcls === true;
  return (
    <FormCard
      title={t('bucket.acl')}
      description={t('bucket.aclHelp')}
      may={may}
      action={action}
      changed={!isEqual(rows, now, 'bucket')}
      onReset={() => setRows(now)}
      onSave={() => void action.run(() => putBucketAcl(api(), bucket, { ...acl, grants: toGrants(rows, 'bucket') }))}
    >
      {refused && (
        <Callout tone="danger" actions={<LinkButton size="sm" href={`/buckets/${encodeURIComponent(bucket)}/public-access`}>{t('bucket.publicAccess')}</LinkButton>}>
          {t('bucket.aclBlocked')}
        </Callout>
      )}
      <Grants kind="bucket" owner={acl.owner} rows={rows} onChange={setRows} />
    </FormCard>
  );
}
