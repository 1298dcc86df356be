// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { useLocation } from 'wouter';
import { getBucketStatus } from '../../api/pail';
import { getObjectLockConfiguration } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Card } from '../../ui';
import { DeleteBucket, EmptyBucket } from '../buckets/Remove';
import css from './bucket.module.css';
import { useSetting, type SectionProps } from './parts';

export function Danger({ bucket, rights }: SectionProps) {
  const [, go] = useLocation();
  const [ask, setAsk] = useState<'empty' | 'delete' | null>(null);
  const status = useSetting(bucket, 'status', (signal) => getBucketStatus(api(), bucket, { signal }), rights.status);
  const lock = useSetting(bucket, 'lock', (signal) => getObjectLockConfiguration(api(), bucket, { signal }), rights.getLock);
  const mayEmpty = rights.listVersions && rights.deleteVersion;
  return (
    <Card title={t('bucket.danger')} className={css.danger ?? ''}>
      {mayEmpty && (
        <div className={css.dangerRow}>
          <div>
            <h3>{t('buckets.emptyAction')}</h3>
            <p>{t('buckets.emptyBody')}</p>
          </div>
          <Button variant="danger" onPress={() => setAsk('empty')}>
            {t('buckets.emptyAction')}
          </Button>
        </div>
      )}
      {rights.delete && (
        <div className={css.dangerRow}>
          <div>
            <h3>{t('buckets.deleteAction')}</h3>
            <p>{t('buckets.deleteBody')}</p>
          </div>
          <Button variant="danger" onPress={() => setAsk('delete')}>
            {t('buckets.deleteAction')}
          </Button>
        </div>
      )}
      {ask === 'empty' && <EmptyBucket name={bucket} status={status.data ?? undefined} locked={lock.data?.enabled} onClose={() => setAsk(null)} />}
      {ask === 'delete' && <DeleteBucket name={bucket} mayEmpty={mayEmpty} onClose={() => setAsk(null)} onDone={() => go('/buckets')} onEmpty={() => setAsk('empty')} />}
    </Card>
  );
}
