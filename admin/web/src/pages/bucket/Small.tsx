// SPDX-License-Identifier: Apache-2.0
/* Tags, the quota, and who pays for requests. */
import { Plus, Tags as TagsIcon, X } from 'lucide-react';
import { useState } from 'react';
import { getBucketQuota, setBucketQuota } from '../../api/admin';
import { getBucketStatus } from '../../api/pail';
import { getBucketPayer, getBucketTagging, putBucketPayer, putBucketTagging, type Payer, type Tags } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, EmptyState, formatBytes, IconButton, KeyValue, KeyValues, Progress, RadioGroup, TextField } from '../../ui';
import { AmountField, isTooMuch, toAmount, toBytes } from '../buckets/fields';
import css from './bucket.module.css';
import { FormCard, Loaded, ReadOnlyCard, useAction, useSetting, type SectionProps } from './parts';

/* ---- tags ---- */

export type Pair = { key: string; value: string };
export const toPairs = (tags: Tags): Pair[] => Object.entries(tags).map(([key, value]) => ({ key, value }));
/** Without a prototype: a tag may be called __proto__. */
export const fromPairs = (pairs: readonly Pair[]): Tags => Object.assign(Object.create(null) as Tags, Object.fromEntries(pairs.map((p) => [p.key, p.value])));

const BUCKET_TAGS_MAX = 50;
const KEY_MAX = 128;
const VALUE_MAX = 256;

export function tagProblem(pairs: readonly Pair[], at: number): string | null {
  const p = pairs[at];
  if (!p) return null;
  if (p.key === '') return p.value === '' ? null : t('bucket.badTagKey');
  if ([...p.key].length > KEY_MAX) return t('bucket.badTagLong', { most: KEY_MAX });
  if ([...p.value].length > VALUE_MAX) return t('bucket.badTagLong', { most: VALUE_MAX });
  if (/^aws:/i.test(p.key)) return t('bucket.badTagReserved');
  if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(p.key + p.value)) return t('bucket.badTagChars');
  return pairs.some((o, i) => i < at && o.key === p.key) ? t('bucket.badTagTwice') : null;
}

export function PairsEditor({ pairs, onChange, most }: { pairs: readonly Pair[]; onChange: (pairs: Pair[]) => void; most: number }) {
  const set = (at: number, change: Partial<Pair>) => onChange(pairs.map((p, i) => (i === at ? { ...p, ...change } : p)));
  return (
    <div className={css.pairs}>
      {pairs.map((p, i) => (
        <div key={i} className={css.pair}>
          <TextField label={t('bucket.tagKey', { n: i + 1 })} hideLabel placeholder={t('bucket.key')} value={p.key} onChange={(key) => set(i, { key })} error={tagProblem(pairs, i)} />
          <TextField label={t('bucket.tagValue', { n: i + 1 })} hideLabel placeholder={t('bucket.value')} value={p.value} onChange={(value) => set(i, { value })} />
          <IconButton icon={X} label={t('bucket.removeTag', { n: i + 1 })} onPress={() => onChange(pairs.filter((_, k) => k !== i))} />
        </div>
      ))}
      {pairs.length < most && (
        <div>
          <Button size="sm" icon={Plus} onPress={() => onChange([...pairs, { key: '', value: '' }])}>
            {t('bucket.addTag')}
          </Button>
        </div>
      )}
    </div>
  );
}

export function TagsSection({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'tags', (signal) => getBucketTagging(api(), bucket, { signal }));
  return <Loaded query={query}>{(tags) => <TagsForm key={JSON.stringify(tags)} bucket={bucket} may={rights.putTags} tags={tags ?? {}} />}</Loaded>;
}

function TagsForm({ bucket, may, tags }: { bucket: string; may: boolean; tags: Tags }) {
  const action = useAction(bucket);
  const [pairs, setPairs] = useState(toPairs(tags));
  const used = pairs.filter((p) => p.key !== '' || p.value !== '');
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.tags')} description={t('bucket.tagsHelp')}>
        {pairs.length === 0 ? (
          <EmptyState icon={TagsIcon} title={t('bucket.noTags')} />
        ) : (
          <KeyValues>
            {pairs.map((p) => (
              <KeyValue key={p.key} label={p.key}>
                {p.value}
              </KeyValue>
            ))}
          </KeyValues>
        )}
      </ReadOnlyCard>
    );
  }
  return (
    <FormCard
      title={t('bucket.tags')}
      description={t('bucket.tagsHelp')}
      may={may}
      action={action}
      changed={JSON.stringify(used) !== JSON.stringify(toPairs(tags))}
      valid={pairs.every((_, i) => tagProblem(pairs, i) === null)}
      onReset={() => setPairs(toPairs(tags))}
      onSave={() => void action.run(() => putBucketTagging(api(), bucket, fromPairs(used)))}
    >
      {pairs.length === 0 && <p className="muted">{t('bucket.noTags')}</p>}
      <PairsEditor pairs={pairs} onChange={setPairs} most={BUCKET_TAGS_MAX} />
    </FormCard>
  );
}

/* ---- quota ---- */

export function QuotaSection({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'quota', (signal) => getBucketQuota(api(), bucket, { signal }));
  const status = useSetting(bucket, 'status', (signal) => getBucketStatus(api(), bucket, { signal }), rights.status);
  return <Loaded query={query}>{(bytes) => <QuotaForm key={bytes} bucket={bucket} may={rights.putQuota} bytes={bytes ?? 0} used={status.data?.usage.bytes} />}</Loaded>;
}

function QuotaForm({ bucket, may, bytes, used }: { bucket: string; may: boolean; bytes: number; used: number | undefined }) {
  const action = useAction(bucket);
  const [amount, setAmount] = useState(toAmount(bytes));
  const shown = (
    <>
      {bytes > 0 && used !== undefined ? (
        <Progress label={t('bucket.quotaUsed')} value={used} max={bytes} text={t('bucket.ofWhole', { part: formatBytes(used), whole: formatBytes(bytes) })} {...(used >= bytes ? { tone: 'danger' as const } : {})} />
      ) : (
        <p className="muted">{bytes > 0 ? formatBytes(bytes) : t('bucket.noQuota')}</p>
      )}
    </>
  );
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.quota')} description={t('bucket.quotaHelp')}>
        {shown}
      </ReadOnlyCard>
    );
  }
  const wanted = toBytes(amount);
  return (
    <FormCard
      title={t('bucket.quota')}
      description={t('bucket.quotaHelp')}
      may={may}
      action={action}
      changed={wanted !== bytes && !(bytes > 0 && amount.value === toAmount(bytes).value && amount.unit === toAmount(bytes).unit)}
      valid={!isTooMuch(amount)}
      onReset={() => setAmount(toAmount(bytes))}
      onSave={() => void action.run(() => setBucketQuota(api(), bucket, wanted))}
    >
      {shown}
      <AmountField label={t('buckets.quota')} description={t('buckets.quotaHelp')} value={amount} onChange={setAmount} />
    </FormCard>
  );
}

/* ---- who pays ---- */

export function PaymentSection({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'payment', (signal) => getBucketPayer(api(), bucket, { signal }));
  return <Loaded query={query}>{(payer) => <PaymentForm key={payer} bucket={bucket} may={rights.putPayment} now={payer ?? 'BucketOwner'} />}</Loaded>;
}

function PaymentForm({ bucket, may, now }: { bucket: string; may: boolean; now: Payer }) {
  const action = useAction(bucket);
  const [wanted, setWanted] = useState(now);
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.payment')} description={t('bucket.paymentHelp')}>
        <p>{t(now === 'Requester' ? 'bucket.payerRequester' : 'bucket.payerOwner')}</p>
      </ReadOnlyCard>
    );
  }
  return (
    <FormCard
      title={t('bucket.payment')}
      description={t('bucket.paymentHelp')}
      may={may}
      action={action}
      changed={wanted !== now}
      onReset={() => setWanted(now)}
      onSave={() => void action.run(() => putBucketPayer(api(), bucket, wanted))}
    >
      <RadioGroup
        label={t('bucket.payer')}
        value={wanted}
        onChange={setWanted}
        options={[
          { id: 'BucketOwner', label: t('bucket.payerOwner'), description: t('bucket.payerOwnerHelp') },
          { id: 'Requester', label: t('bucket.payerRequester'), description: t('bucket.payerRequesterHelp') },
        ]}
      />
    </FormCard>
  );
}
