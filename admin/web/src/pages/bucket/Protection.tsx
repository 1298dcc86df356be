// SPDX-License-Identifier: Apache-2.0
/* Versioning, object lock and encryption. */
import { useState } from 'react';
import { deleteBucketEncryption, getBucketEncryption, getBucketVersioning, getObjectLockConfiguration, putBucketEncryption, putBucketVersioning, putObjectLockConfiguration, type BucketEncryption, type LockConfiguration, type Versioning } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Card, Checkbox, ConfirmDialog, KeyValue, KeyValues, RadioGroup } from '../../ui';
import { isRetention, KeyField, RetentionFields, type Retention } from '../buckets/fields';
import { lockInWords, versioningWords } from './Overview';
import { FormCard, Loaded, ReadOnlyCard, useAction, useSetting, type SectionProps } from './parts';

/* ---- versioning ---- */

export function VersioningSection({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'versioning', (signal) => getBucketVersioning(api(), bucket, { signal }));
  const lock = useSetting(bucket, 'lock', (signal) => getObjectLockConfiguration(api(), bucket, { signal }), rights.getLock && query.data === 'Enabled');
  return <Loaded query={query}>{(now) => <VersioningForm key={now} bucket={bucket} may={rights.putVersioning} now={now ?? 'off'} locked={lock.data?.enabled ?? false} />}</Loaded>;
}

function VersioningForm({ bucket, may, now, locked }: { bucket: string; may: boolean; now: Versioning; locked: boolean }) {
  const action = useAction(bucket);
  const [wanted, setWanted] = useState(now);
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.versioning')} description={t('bucket.versioningHelp')}>
        <p>{t(versioningWords[now])}</p>
      </ReadOnlyCard>
    );
  }
  return (
    <FormCard
      title={t('bucket.versioning')}
      description={t('bucket.versioningHelp')}
      may={may}
      action={action}
      changed={wanted !== now}
      onReset={() => setWanted(now)}
      onSave={() => void action.run(() => putBucketVersioning(api(), bucket, wanted === 'Enabled' ? 'Enabled' : 'Suspended'))}
    >
      <RadioGroup
        label={t('bucket.state')}
        value={wanted}
        onChange={setWanted}
        isDisabled={locked}
        options={[
          ...(now === 'off' ? [{ id: 'off' as const, label: t('bucket.versioningOff'), description: t('bucket.versioningOffHelp') }] : []),
          { id: 'Enabled', label: t('bucket.versioningOn'), description: t('bucket.versioningOnHelp') },
          { id: 'Suspended', label: t('bucket.versioningSuspended'), description: t('bucket.versioningSuspendedHelp') },
        ]}
      />
      {locked && <Callout>{t('bucket.versioningLocked')}</Callout>}
      {wanted === 'Enabled' && now === 'off' && <Callout tone="warning">{t('bucket.versioningForever')}</Callout>}
    </FormCard>
  );
}

/* ---- object lock ---- */

const toRetention = (lock: LockConfiguration | null): Retention => ({ mode: lock?.mode ?? 'none', count: lock?.years ?? lock?.days ?? 30, unit: lock?.years !== undefined ? 'years' : 'days' });

export function LockSection({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'lock', (signal) => getObjectLockConfiguration(api(), bucket, { signal }));
  const versioning = useSetting(bucket, 'versioning', (signal) => getBucketVersioning(api(), bucket, { signal }), rights.getVersioning);
  return <Loaded query={query}>{(lock) => <LockForm key={JSON.stringify(lock)} bucket={bucket} may={rights.putLock} lock={lock} versioned={versioning.data === undefined || versioning.data === 'Enabled'} />}</Loaded>;
}

function LockForm({ bucket, may, lock, versioned }: { bucket: string; may: boolean; lock: LockConfiguration | null; versioned: boolean }) {
  const action = useAction(bucket);
  const [wanted, setWanted] = useState(toRetention(lock));
  const [asking, setAsking] = useState(false);
  const now = toRetention(lock);
  const changed = wanted.mode !== now.mode || (wanted.mode !== 'none' && (wanted.count !== now.count || wanted.unit !== now.unit));
  if (!lock?.enabled) {
    return (
      <Card title={t('bucket.lock')} description={t('bucket.lockHelp')} {...(may ? {} : { footer: <span>{t('bucket.readOnly')}</span> })}>
        <div className="stack">
          <p>{t('bucket.lockOff')}</p>
          {may && !versioned && <Callout>{t('bucket.lockNeedsVersioning')}</Callout>}
          {may && versioned && (
            <div>
              <Button onPress={() => setAsking(true)}>{t('bucket.lockEnable')}</Button>
            </div>
          )}
          <ConfirmDialog
            isOpen={asking}
            onClose={() => setAsking(false)}
            title={t('bucket.lockEnableTitle')}
            confirmLabel={t('bucket.lockEnable')}
            typed={bucket}
            onConfirm={async () => {
              await putObjectLockConfiguration(api(), bucket, { enabled: true });
              await action.run(() => Promise.resolve());
            }}
          >
            <p>{t('bucket.lockEnableBody')}</p>
          </ConfirmDialog>
        </div>
      </Card>
    );
  }
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.lock')} description={t('bucket.lockHelp')}>
        <p>{lockInWords(lock)}</p>
      </ReadOnlyCard>
    );
  }
  return (
    <FormCard
      title={t('bucket.lock')}
      description={t('bucket.lockHelp')}
      may={may}
      action={action}
      changed={changed}
      valid={isRetention(wanted)}
      onReset={() => setWanted(now)}
      onSave={() =>
        void action.run(() => putObjectLockConfiguration(api(), bucket, wanted.mode === 'none' ? { enabled: true } : { enabled: true, mode: wanted.mode, [wanted.unit]: wanted.count ?? 1 }))
      }
    >
      <p>{t('bucket.lockOn')}</p>
      <RetentionFields value={wanted} onChange={setWanted} />
      {wanted.mode === 'COMPLIANCE' && <Callout tone="warning">{t('bucket.lockComplianceWarning')}</Callout>}
    </FormCard>
  );
}

/* ---- encryption ---- */

export function EncryptionSection({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'encryption', (signal) => getBucketEncryption(api(), bucket, { signal }));
  return <Loaded query={query}>{(now) => <EncryptionForm key={JSON.stringify(now)} bucket={bucket} may={rights.putEncryption} now={now} />}</Loaded>;
}

const algorithmWords = { AES256: 'buckets.encryptionS3', 'aws:kms': 'buckets.encryptionKms', 'aws:kms:dsse': 'bucket.encryptionDsse' } as const;

function EncryptionForm({ bucket, may, now }: { bucket: string; may: boolean; now: BucketEncryption | null }) {
  const action = useAction(bucket);
  const [algorithm, setAlgorithm] = useState<BucketEncryption['algorithm'] | 'default'>(now?.algorithm ?? 'default');
  const [key, setKey] = useState(now?.keyId ?? '');
  const [bucketKey, setBucketKey] = useState(now?.bucketKey ?? false);
  const [block, setBlock] = useState(now?.blockCustomerKeys ?? false);
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.encryption')} description={t('bucket.encryptionHelp')}>
        <KeyValues>
          <KeyValue label={t('bucket.encryptionNew')}>{now ? t(algorithmWords[now.algorithm]) : t('bucket.encryptionNone')}</KeyValue>
          {now?.keyId && (
            <KeyValue label={t('buckets.kmsKey')}>
              <code className="hostile">{now.keyId}</code>
            </KeyValue>
          )}
          <KeyValue label={t('bucket.blockCustomer')}>{t(now?.blockCustomerKeys ? 'bucket.yes' : 'bucket.no')}</KeyValue>
        </KeyValues>
      </ReadOnlyCard>
    );
  }
  const kms = algorithm === 'aws:kms' || algorithm === 'aws:kms:dsse';
  const changed =
    algorithm !== (now?.algorithm ?? 'default') || (algorithm !== 'default' && ((kms && key !== (now?.keyId ?? '')) || (algorithm === 'aws:kms' && bucketKey !== (now?.bucketKey ?? false)) || block !== (now?.blockCustomerKeys ?? false)));
  const save = () =>
    algorithm === 'default'
      ? deleteBucketEncryption(api(), bucket)
      : putBucketEncryption(api(), bucket, { algorithm, bucketKey: algorithm === 'aws:kms' && bucketKey, blockCustomerKeys: block, ...(kms && key && { keyId: key }) });
  return (
    <FormCard
      title={t('bucket.encryption')}
      description={t('bucket.encryptionHelp')}
      may={may}
      action={action}
      changed={changed}
      onSave={() => void action.run(save)}
      onReset={() => {
        setAlgorithm(now?.algorithm ?? 'default');
        setKey(now?.keyId ?? '');
        setBucketKey(now?.bucketKey ?? false);
        setBlock(now?.blockCustomerKeys ?? false);
      }}
    >
      <RadioGroup
        label={t('bucket.encryptionNew')}
        value={algorithm}
        onChange={setAlgorithm}
        options={[
          { id: 'default', label: t('buckets.encryptionDefault'), description: t('bucket.encryptionDefaultHelp') },
          { id: 'AES256', label: t('buckets.encryptionS3'), description: t('bucket.encryptionS3Help') },
          { id: 'aws:kms', label: t('buckets.encryptionKms'), description: t('bucket.encryptionKmsHelp') },
          { id: 'aws:kms:dsse', label: t('bucket.encryptionDsse'), description: t('bucket.encryptionDsseHelp') },
        ]}
      />
      {kms && <KeyField value={key} onChange={setKey} />}
      {algorithm === 'aws:kms' && <Checkbox label={t('bucket.bucketKey')} description={t('bucket.bucketKeyHelp')} isSelected={bucketKey} onChange={setBucketKey} />}
      {algorithm !== 'default' && <Checkbox label={t('bucket.blockCustomer')} description={t('bucket.blockCustomerHelp')} isSelected={block} onChange={setBlock} />}
    </FormCard>
  );
}
