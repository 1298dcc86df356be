// SPDX-License-Identifier: Apache-2.0
/* What a list says of a bucket beyond its name. Figures come for all buckets at once; the rest is asked for the rows in sight. */
import { useQuery } from '@tanstack/react-query';
import { isApiError } from '../../api/http';
import type { BucketStatus } from '../../api/pail';
import { getBucketAcl, getBucketEncryption, getBucketPolicyStatus, getBucketVersioning, getObjectLockConfiguration, getPublicAccessBlock, type Acl, type Bucket, type Versioning } from '../../api/s3';
import { api } from '../../app';
import { isPublic, toRows } from '../acl/grants';
import { limitTo } from './limit';

export interface Row extends Bucket {
  status?: BucketStatus;
}

export interface Facts {
  public: boolean;
  encryption?: string;
  versioning?: Versioning;
  locked?: boolean;
}

const AT_ONCE = 4;
const FRESH_MS = 60_000;
const limit = limitTo(AT_ONCE);

export const isPublicAcl = (acl: Acl): boolean => isPublic(toRows(acl, 'bucket'));

/* What may not be seen is not known, and says nothing. */
async function known<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isApiError(error)) return undefined;
    throw error;
  }
}

/* The block comes first: where it shuts out everybody, nothing else has to be asked, and new buckets have it. */
async function isOpen(name: string, o: { signal: AbortSignal }): Promise<boolean> {
  const block = await known(getPublicAccessBlock(api(), name, o));
  const [policy, acl] = await Promise.all([
    block?.restrictPublicBuckets ? undefined : known(getBucketPolicyStatus(api(), name, o)),
    block?.ignorePublicAcls ? undefined : known(getBucketAcl(api(), name, o)),
  ]);
  return policy === true || (acl !== undefined && isPublicAcl(acl));
}

async function load(name: string, hasStatus: boolean, signal: AbortSignal): Promise<Facts> {
  const o = { signal };
  const [open, encryption, versioning] = await Promise.all([
    isOpen(name, o),
    known(getBucketEncryption(api(), name, o)),
    hasStatus ? undefined : known(getBucketVersioning(api(), name, o)),
  ]);
  // Without versions nothing is locked.
  const lock = versioning === 'Enabled' ? await known(getObjectLockConfiguration(api(), name, o)) : undefined;
  return { public: open, encryption: encryption?.algorithm, versioning, locked: lock?.enabled };
}

export function useFacts(name: string, hasStatus: boolean): Facts | undefined {
  const facts = useQuery({
    queryKey: ['bucket', name, 'facts', hasStatus],
    queryFn: ({ signal }) => limit(() => load(name, hasStatus, signal), signal),
    staleTime: FRESH_MS,
    retry: false,
  });
  return facts.data;
}

export type SortColumn = 'name' | 'bytes' | 'objects' | 'versions' | 'created' | 'region';

const value: Record<SortColumn, (row: Row) => number | string> = {
  name: (r) => r.name,
  bytes: (r) => r.status?.usage.bytes ?? -1,
  objects: (r) => r.status?.usage.objects ?? -1,
  versions: (r) => r.status?.usage.noncurrentVersions ?? -1,
  created: (r) => r.created?.getTime() ?? 0,
  region: (r) => r.region ?? '',
};

/** Those whose name has all words; ties in the order of names. */
export function arrange(rows: readonly Row[], search: string, column: SortColumn, descending: boolean): Row[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const of = value[column];
  const sign = descending ? -1 : 1;
  return rows
    .filter((r) => words.every((w) => r.name.includes(w)))
    .sort((a, b) => {
      const [x, y] = [of(a), of(b)];
      if (x !== y) return (x < y ? -1 : 1) * sign;
      return a.name < b.name ? -1 : 1;
    });
}

/** The names that S3 gives, with the figures that the server's own list has of them. */
export function join(buckets: readonly Bucket[], status: readonly BucketStatus[] | undefined): Row[] {
  const by = new Map(status?.map((s) => [s.name, s]));
  return buckets.map((b) => {
    const s = by.get(b.name);
    return s ? { ...b, status: s } : b;
  });
}
