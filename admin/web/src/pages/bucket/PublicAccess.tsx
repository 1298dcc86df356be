// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { deletePublicAccessBlock, getPublicAccessBlock, putPublicAccessBlock, type PublicAccessBlock } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, KeyValue, KeyValues, Switch } from '../../ui';
import { FormCard, Loaded, ReadOnlyCard, useAction, useSetting, type SectionProps } from './parts';

const NONE: PublicAccessBlock = { blockPublicAcls: false, ignorePublicAcls: false, blockPublicPolicy: false, restrictPublicBuckets: false };
const ALL: PublicAccessBlock = { blockPublicAcls: true, ignorePublicAcls: true, blockPublicPolicy: true, restrictPublicBuckets: true };

const rows = [
  ['blockPublicAcls', 'bucket.blockAcls', 'bucket.blockAclsHelp'],
  ['ignorePublicAcls', 'bucket.ignoreAcls', 'bucket.ignoreAclsHelp'],
  ['blockPublicPolicy', 'bucket.blockPolicy', 'bucket.blockPolicyHelp'],
  ['restrictPublicBuckets', 'bucket.restrict', 'bucket.restrictHelp'],
] as const;

const same = (a: PublicAccessBlock, b: PublicAccessBlock) => rows.every(([id]) => a[id] === b[id]);

export function PublicAccess({ bucket, rights }: SectionProps) {
  const query = useSetting(bucket, 'block', (signal) => getPublicAccessBlock(api(), bucket, { signal }));
  return <Loaded query={query}>{(now) => <Form key={JSON.stringify(now)} bucket={bucket} may={rights.putBlock} now={now} />}</Loaded>;
}

function Form({ bucket, may, now }: { bucket: string; may: boolean; now: PublicAccessBlock | null }) {
  const action = useAction(bucket);
  const [wanted, setWanted] = useState(now ?? NONE);
  if (!may) {
    return (
      <ReadOnlyCard title={t('bucket.publicAccess')} description={t('bucket.publicAccessHelp')}>
        <KeyValues>
          {rows.map(([id, label]) => (
            <KeyValue key={id} label={t(label)}>
              {t(wanted[id] ? 'bucket.yes' : 'bucket.no')}
            </KeyValue>
          ))}
        </KeyValues>
      </ReadOnlyCard>
    );
  }
  return (
    <FormCard
      title={t('bucket.publicAccess')}
      description={t('bucket.publicAccessHelp')}
      may={may}
      action={action}
      changed={!same(wanted, now ?? NONE)}
      onReset={() => setWanted(now ?? NONE)}
      onSave={() => void action.run(() => (same(wanted, NONE) ? deletePublicAccessBlock(api(), bucket) : putPublicAccessBlock(api(), bucket, wanted)))}
      extra={
        !same(wanted, ALL) && (
          <Button variant="ghost" onPress={() => setWanted(ALL)}>
            {t('bucket.blockAll')}
          </Button>
        )
      }
    >
      {rows.map(([id, label, help]) => (
        <Switch key={id} label={t(label)} description={t(help)} isSelected={wanted[id]} onChange={(on) => setWanted({ ...wanted, [id]: on })} />
      ))}
      {now && !same(now, NONE) && same(wanted, NONE) && <Callout tone="warning">{t('bucket.blockOffWarning')}</Callout>}
    </FormCard>
  );
}
