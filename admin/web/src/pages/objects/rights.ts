// SPDX-License-Identifier: Apache-2.0
/* What the user may do in a folder; and what the bucket keeps. */
import { useQuery } from '@tanstack/react-query';
import { getBucketVersioning, getObjectLockConfiguration, type LockConfiguration, type Versioning } from '../../api/s3';
import { api, bucketArn, objectArn, useCan } from '../../app';

export interface Rights {
  list: boolean;
  listVersions: boolean;
  get: boolean;
  getVersion: boolean;
  put: boolean;
  /** To read here, and to write somewhere. */
  copy: boolean;
  delete: boolean;
  deleteVersion: boolean;
  getTags: boolean;
  putTags: boolean;
  putRetention: boolean;
  putLegalHold: boolean;
  bypass: boolean;
  restore: boolean;
  getAcl: boolean;
  putAcl: boolean;
  isLoading: boolean;
}

/** Of all keys that begin with `prefix`; of one key when `exact`. */
export function useRights(bucket: string, prefix: string, exact = false): Rights {
  const keys = objectArn(bucket, exact ? prefix : `${prefix}*`);
  const on = (action: string) => ({ action, resource: keys });
  const { allowed, isLoading } = useCan([
    { action: 's3:ListBucket', resource: bucketArn(bucket) },
    { action: 's3:ListBucketVersions', resource: bucketArn(bucket) },
    on('s3:GetObject'),
    on('s3:GetObjectVersion'),
    on('s3:PutObject'),
    on('s3:DeleteObject'),
    on('s3:DeleteObjectVersion'),
    on('s3:GetObjectTagging'),
    on('s3:PutObjectTagging'),
    on('s3:PutObjectRetention'),
    on('s3:PutObjectLegalHold'),
    on('s3:BypassGovernanceRetention'),
    on('s3:RestoreObject'),
    { action: 's3:PutObject', resource: objectArn(bucket) },
    { action: 's3:PutObject', resource: 'arn:aws:s3:::*' },
    on('s3:GetObjectAcl'),
    on('s3:PutObjectAcl'),
  ]);
  const is = (i: number) => allowed[i] ?? false;
  return {
    list: is(0),
    listVersions: is(1),
    get: is(2),
    getVersion: is(3),
    put: is(4),
    copy: is(2) && (is(4) || is(13) || is(14)),
    delete: is(5),
    deleteVersion: is(6),
    getTags: is(7),
    putTags: is(8),
    putRetention: is(9),
    putLegalHold: is(10),
    bypass: is(11),
    restore: is(12),
    getAcl: is(15),
    putAcl: is(16),
    isLoading,
  };
}

/** Undefined: not known (yet), or not to be known by this user. */
export function useBucketKeeps(bucket: string): { versioning: Versioning | undefined; lock: LockConfiguration | undefined } {
  const versioning = useQuery({
    queryKey: ['objects', bucket, 'versioning'],
    queryFn: ({ signal }) => getBucketVersioning(api(), bucket, { signal }),
  });
  const lock = useQuery({
    queryKey: ['objects', bucket, 'lock'],
    queryFn: async ({ signal }) => (await getObjectLockConfiguration(api(), bucket, { signal })) ?? null,
    // Locks need versions.
    enabled: versioning.data === 'Enabled',
  });
  return { versioning: versioning.data, lock: lock.data ?? undefined };
}
