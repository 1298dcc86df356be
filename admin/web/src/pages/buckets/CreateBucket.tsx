// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { useLocation } from 'wouter';
import { setBucketQuota } from '../../api/admin';
import { createBucket, putBucketEncryption, putBucketVersioning, putObjectLockConfiguration } from '../../api/s3';
import { api, useCan } from '../../app';
import { t } from '../../strings';
import { Button, Dialog, ErrorState, Select, Switch, TextField, toast } from '../../ui';
import css from './buckets.module.css';
import { AmountField, isRetention, isTooMuch, KeyField, RetentionFields, toBytes, type Amount, type Retention } from './fields';
import { nameProblem, typedProblem, type NameProblem } from './names';

type Encryption = 'default' | 'AES256' | 'aws:kms';

const words: Record<NameProblem, () => string> = {
  short: () => t('buckets.nameShort'),
  long: () => t('buckets.nameLong'),
  upper: () => t('buckets.badUpper'),
  characters: () => t('buckets.badCharacters'),
  start: () => t('buckets.badStart'),
  end: () => t('buckets.badEnd'),
  dots: () => t('buckets.badDots'),
  address: () => t('buckets.addressName'),
  prefix: () => t('buckets.badPrefix'),
  suffix: () => t('buckets.badSuffix'),
  reserved: () => t('buckets.nameReserved'),
};

export function CreateBucket({ taken, onClose, onDone }: { taken: ReadonlySet<string>; onClose: () => void; onDone: () => Promise<unknown> }) {
  const [, go] = useLocation();
  const [name, setName] = useState('');
  const [tried, setTried] = useState(false);
  const [versioning, setVersioning] = useState(false);
  const [lock, setLock] = useState(false);
  const [retention, setRetention] = useState<Retention>({ mode: 'none', count: 30, unit: 'days' });
  const [encryption, setEncryption] = useState<Encryption>('default');
  const [key, setKey] = useState('');
  const [quota, setQuota] = useState<Amount>({ value: null, unit: 'GiB' });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const can = useCan([
    { action: 's3:PutBucketVersioning', resource: 'arn:aws:s3:::*' },
    { action: 's3:PutBucketObjectLockConfiguration', resource: 'arn:aws:s3:::*' },
    { action: 's3:PutEncryptionConfiguration', resource: 'arn:aws:s3:::*' },
    { action: 'admin:SetBucketQuota' },
  ]);
  const [mayVersion, mayLock, mayEncrypt, mayQuota] = can.allowed;
  const problem = tried ? nameProblem(name) : typedProblem(name);
  const wrong = problem && (name !== '' || tried) ? words[problem]() : taken.has(name) ? t('buckets.nameTaken') : null;

  const settle = async () => {
    const c = api();
    if (versioning && !lock) await putBucketVersioning(c, name, 'Enabled');
    if (lock && retention.mode !== 'none') await putObjectLockConfiguration(c, name, { enabled: true, mode: retention.mode, [retention.unit]: retention.count ?? 1 });
    if (encryption !== 'default') await putBucketEncryption(c, name, { algorithm: encryption, bucketKey: encryption === 'aws:kms', ...(encryption === 'aws:kms' && key && { keyId: key }) });
    if (quota.value) await setBucketQuota(c, name, toBytes(quota));
  };
  const submit = async () => {
    setTried(true);
    if (busy || nameProblem(name) || taken.has(name) || isTooMuch(quota) || (lock && !isRetention(retention))) return;
    setBusy(true);
    setError(null);
    try {
      await createBucket(api(), name, { objectLock: lock });
    } catch (e) {
      setError(e);
      setBusy(false);
      return;
    }
    try {
      await settle();
      toast.success(t('buckets.createdToast', { name }));
    } catch (e) {
      toast.error(t('buckets.createdPartly', { name }));
      toast.error(e);
    }
    await onDone();
    onClose();
    go(`/buckets/${encodeURIComponent(name)}`);
  };
  return (
    <Dialog
      isOpen
      size="lg"
      onClose={onClose}
      isModal={busy}
      title={t('buckets.createTitle')}
      onSubmit={() => void submit()}
      footer={
        <>
          <Button onPress={onClose} isDisabled={busy}>
            {t('ui.cancel')}
          </Button>
          <Button type="submit" variant="primary" isPending={busy} isDisabled={name === ''}>
            {t('ui.create')}
          </Button>
        </>
      }
    >
      <TextField label={t('buckets.name')} description={t('buckets.nameHelp')} value={name} onChange={setName} error={wrong} mono autoFocus isRequired maxLength={255} />
      {(mayVersion || mayLock) && (
        <div className={css.group}>
          {mayVersion && (
            <Switch label={t('buckets.versioning')} description={lock ? t('buckets.versioningNeeded') : t('buckets.versioningHelp')} isSelected={versioning || lock} isDisabled={lock} onChange={setVersioning} />
          )}
          {mayVersion && mayLock && <Switch label={t('buckets.lock')} description={t('buckets.lockHelp')} isSelected={lock} onChange={setLock} />}
          {lock && <RetentionFields value={retention} onChange={setRetention} />}
        </div>
      )}
      {mayEncrypt && (
        <div className="grid2">
          <Select
            label={t('buckets.encryption')}
            value={encryption}
            onChange={setEncryption}
            options={[
              { id: 'default', label: t('buckets.encryptionDefault') },
              { id: 'AES256', label: t('buckets.encryptionS3') },
              { id: 'aws:kms', label: t('buckets.encryptionKms') },
            ]}
          />
          {encryption === 'aws:kms' && <KeyField value={key} onChange={setKey} />}
        </div>
      )}
      {mayQuota && <AmountField label={`${t('buckets.quota')} (${t('buckets.optional').toLowerCase()})`} description={t('buckets.quotaHelp')} value={quota} onChange={setQuota} />}
      {error !== null && <ErrorState error={error} compact />}
    </Dialog>
  );
}
