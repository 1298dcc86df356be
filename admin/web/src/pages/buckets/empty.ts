// SPDX-License-Identifier: Apache-2.0
/* Emptying a bucket: its uploads in progress, then every version and delete marker, page by page from the front. */
import type { Client } from '../../api/http';
import { abortMultipartUpload, deleteObjects, listMultipartUploads, listObjectVersions, type DeleteFailure } from '../../api/s3';

export interface Emptied {
  uploads: number;
  versions: number;
  failed: number;
  /** The first few. */
  failures: DeleteFailure[];
}

const FAILURES_KEPT = 20;
const ABORTS_AT_ONCE = 4;

async function abortUploads(c: Client, bucket: string, signal: AbortSignal, count: (n: number) => void): Promise<void> {
  let marker: { keyMarker: string; uploadIdMarker: string } | undefined;
  do {
    const page = await listMultipartUploads(c, bucket, { signal, ...(marker && { marker }) });
    for (let i = 0; i < page.uploads.length; i += ABORTS_AT_ONCE) {
      const some = page.uploads.slice(i, i + ABORTS_AT_ONCE);
      await Promise.all(some.map((u) => abortMultipartUpload(c, { bucket, key: u.key }, u.uploadId, { signal })));
      count(some.length);
    }
    marker = page.next;
  } while (marker);
}

/** Goes on past what can't be deleted (locked versions) and tells of it. */
export async function emptyBucket(
  c: Client,
  bucket: string,
  o: { signal: AbortSignal; bypass?: boolean; onProgress: (state: Emptied) => void },
): Promise<Emptied> {
  const state: Emptied = { uploads: 0, versions: 0, failed: 0, failures: [] };
  const tell = () => o.onProgress({ ...state, failures: [...state.failures] });
  await abortUploads(c, bucket, o.signal, (n) => {
    state.uploads += n;
    tell();
  });
  let marker: { keyMarker: string; versionIdMarker?: string } | undefined;
  do {
    const page = await listObjectVersions(c, bucket, { signal: o.signal, ...(marker && { marker }) });
    if (page.versions.length > 0) {
      const { deleted, failed } = await deleteObjects(
        c,
        bucket,
        page.versions.map(({ key, versionId }) => ({ key, versionId })),
        { signal: o.signal, ...(o.bypass && { bypass: true }) },
      );
      state.versions += deleted.length;
      state.failed += failed.length;
      state.failures.push(...failed.slice(0, FAILURES_KEPT - state.failures.length));
      tell();
    }
    marker = page.next;
  } while (marker);
  return state;
}
