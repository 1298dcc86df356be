// SPDX-License-Identifier: Apache-2.0
/*
 * S3 as the console needs it: one function an operation, named as S3 names it, with plain typed values. Listings ask
 * for url encoding, since XML can't say every key. What S3 answers with "there is no such setting" is undefined here.
 */
import { ApiError, Client, decodeHeader, isApiError, type RequestOptions } from './http';
import { encode, objectPath } from './sign';
import { el, elWith, isXmlText, optional, parseXml, s3Document, type Xml, type XmlNode } from './xml';

interface Abortable {
  signal?: AbortSignal;
}

function decodeListed(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

async function put(c: Client, bucket: string, query: string, body: string, key?: string, extra?: RequestOptions['query']) {
  await c.request({
    method: 'PUT',
    path: objectPath(bucket, key),
    query: { [query]: '', ...(extra as Record<string, string> | undefined) },
    headers: { 'content-type': 'application/xml' },
    body,
    digest: true,
  });
}

/* The setting's document; undefined for the codes that say that there is none. */
async function setting(c: Client, bucket: string, query: string, none: string[], signal?: AbortSignal) {
  try {
    return await c.xml({ path: objectPath(bucket), query: { [query]: '' }, ...(signal && { signal }) });
  } catch (error) {
    if (isApiError(error, ...none)) return undefined;
    throw error;
  }
}

const drop = (c: Client, bucket: string, query: string) =>
  c.request({ method: 'DELETE', path: objectPath(bucket), query: { [query]: '' } }).then(() => undefined);

/* ---- buckets ---- */

export interface Bucket {
  name: string;
  created?: Date;
  region?: string;
}

export async function listBuckets(c: Client, options: Abortable & { prefix?: string } = {}): Promise<Bucket[]> {
  const buckets: Bucket[] = [];
  let token: string | undefined;
  do {
    const x: XmlNode = await c.xml({
      path: '/',
      query: { 'max-buckets': 1000, prefix: options.prefix, 'continuation-token': token },
      ...options,
    });
    for (const b of x.list('Buckets', 'Bucket'))
      buckets.push({ name: b.str('Name'), created: b.date('CreationDate'), region: b.get('BucketRegion') });
    token = x.get('ContinuationToken') || undefined;
  } while (token);
  return buckets;
}

export async function createBucket(
  c: Client,
  bucket: string,
  options: { objectLock?: boolean; ownership?: ObjectOwnership } = {},
): Promise<void> {
  await c.request({
    method: 'PUT',
    path: objectPath(bucket),
    headers: {
      'x-amz-bucket-object-lock-enabled': options.objectLock ? 'true' : undefined,
      'x-amz-object-ownership': options.ownership,
    },
  });
}

export async function deleteBucket(c: Client, bucket: string): Promise<void> {
  await c.request({ method: 'DELETE', path: objectPath(bucket) });
}

export async function headBucket(c: Client, bucket: string, options: Abortable = {}): Promise<boolean> {
  try {
    await c.request({ method: 'HEAD', path: objectPath(bucket), ...options });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.isMissing) return false;
    throw error;
  }
}

/* ---- listings ---- */

export interface ListedObject {
  key: string;
  size: number;
  modified?: Date;
  etag: string;
  storageClass: string;
  checksumAlgorithm?: string;
  restored?: boolean;
}

export interface ObjectPage {
  objects: ListedObject[];
  /** Common prefixes, whole. */
  prefixes: string[];
  next?: string;
}

export async function listObjectsV2(
  c: Client,
  bucket: string,
  o: Abortable & { prefix?: string; delimiter?: string; token?: string; startAfter?: string; maxKeys?: number } = {},
): Promise<ObjectPage> {
  const x = await c.xml({
    path: objectPath(bucket),
    query: {
      'list-type': 2,
      'encoding-type': 'url',
      prefix: o.prefix || undefined,
      delimiter: o.delimiter,
      'continuation-token': o.token,
      'start-after': o.startAfter,
      'max-keys': o.maxKeys,
    },
    ...(o.signal && { signal: o.signal }),
  });
  return {
    objects: x.children('Contents').map((n) => ({
      key: decodeListed(n.str('Key')),
      size: n.num('Size') ?? 0,
      modified: n.date('LastModified'),
      etag: unquote(n.str('ETag')),
      storageClass: n.get('StorageClass') ?? 'STANDARD',
      checksumAlgorithm: n.get('ChecksumAlgorithm'),
    })),
    prefixes: x.children('CommonPrefixes').map((n) => decodeListed(n.str('Prefix'))),
    next: x.bool('IsTruncated') ? x.get('NextContinuationToken') : undefined,
  };
}

export interface ListedVersion {
  key: string;
  versionId: string;
  isLatest: boolean;
  isDeleteMarker: boolean;
  size: number;
  modified?: Date;
  etag: string;
  storageClass: string;
  owner?: string;
}

export interface VersionPage {
  versions: ListedVersion[];
  prefixes: string[];
  next?: { keyMarker: string; versionIdMarker?: string };
}

export async function listObjectVersions(
  c: Client,
  bucket: string,
  o: Abortable & {
    prefix?: string;
    delimiter?: string;
    marker?: { keyMarker: string; versionIdMarker?: string };
    maxKeys?: number;
  } = {},
): Promise<VersionPage> {
  const x = await c.xml({
    path: objectPath(bucket),
    query: {
      versions: '',
      'encoding-type': 'url',
      prefix: o.prefix || undefined,
      delimiter: o.delimiter,
      'key-marker': o.marker?.keyMarker,
      'version-id-marker': o.marker?.versionIdMarker,
      'max-keys': o.maxKeys,
    },
    ...(o.signal && { signal: o.signal }),
  });
  const versions = x
    .children()
    .filter((n) => n.name === 'Version' || n.name === 'DeleteMarker')
    .map((n) => ({
      key: decodeListed(n.str('Key')),
      versionId: n.str('VersionId'),
      isLatest: n.bool('IsLatest'),
      isDeleteMarker: n.name === 'DeleteMarker',
      size: n.num('Size') ?? 0,
      modified: n.date('LastModified'),
      etag: unquote(n.str('ETag')),
      storageClass: n.get('StorageClass') ?? 'STANDARD',
      owner: n.child('Owner')?.get('DisplayName') ?? n.child('Owner')?.get('ID'),
    }));
  return {
    versions,
    prefixes: x.children('CommonPrefixes').map((n) => decodeListed(n.str('Prefix'))),
    next: x.bool('IsTruncated')
      ? { keyMarker: decodeListed(x.str('NextKeyMarker')), versionIdMarker: x.get('NextVersionIdMarker') || undefined }
      : undefined,
  };
}

export interface ListedUpload {
  key: string;
  uploadId: string;
  initiated?: Date;
  storageClass?: string;
  initiator?: string;
  checksumAlgorithm?: string;
  checksumType?: string;
}

export interface UploadPage {
  uploads: ListedUpload[];
  next?: { keyMarker: string; uploadIdMarker: string };
}

export async function listMultipartUploads(
  c: Client,
  bucket: string,
  o: Abortable & { prefix?: string; marker?: { keyMarker: string; uploadIdMarker: string }; maxUploads?: number } = {},
): Promise<UploadPage> {
  const x = await c.xml({
    path: objectPath(bucket),
    query: {
      uploads: '',
      'encoding-type': 'url',
      prefix: o.prefix || undefined,
      'key-marker': o.marker?.keyMarker,
      'upload-id-marker': o.marker?.uploadIdMarker,
      'max-uploads': o.maxUploads,
    },
    ...(o.signal && { signal: o.signal }),
  });
  return {
    uploads: x.children('Upload').map((n) => ({
      key: decodeListed(n.str('Key')),
      uploadId: n.str('UploadId'),
      initiated: n.date('Initiated'),
      storageClass: n.get('StorageClass'),
      initiator: n.child('Initiator')?.get('ID'),
      checksumAlgorithm: n.get('ChecksumAlgorithm'),
      checksumType: n.get('ChecksumType'),
    })),
    next: x.bool('IsTruncated')
      ? { keyMarker: decodeListed(x.str('NextKeyMarker')), uploadIdMarker: x.str('NextUploadIdMarker') }
      : undefined,
  };
}

/* ---- objects ---- */

export function unquote(etag: string): string {
  return etag.replace(/^"|"$/g, '');
}

export interface ObjectHead {
  size: number;
  etag: string;
  modified?: Date;
  contentType: string;
  versionId?: string;
  storageClass: string;
  isDeleteMarker: boolean;
  /** content-disposition, -encoding, -language, cache-control, expires; those that are set. */
  headers: Record<string, string>;
  metadata: Record<string, string>;
  encryption?: string;
  encryptionKey?: string;
  bucketKey?: boolean;
  lockMode?: string;
  retainUntil?: Date;
  legalHold?: boolean;
  tagCount: number;
  parts?: number;
  restore?: string;
  expiration?: string;
  replication?: string;
  checksums: Record<string, string>;
  checksumType?: string;
  websiteRedirect?: string;
}

const CONTENT_HEADERS = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires'];

function date(text: string | null): Date | undefined {
  const ms = text ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

export function readHead(reply: Response): ObjectHead {
  const h = reply.headers;
  const metadata: Record<string, string> = {};
  const headers: Record<string, string> = {};
  const checksums: Record<string, string> = {};
  h.forEach((value, name) => {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice(11)] = decodeHeader(value);
    else if (/^x-amz-checksum-(?!type|algorithm|mode)/.test(name)) checksums[name.slice(15).toUpperCase()] = value;
    else if (CONTENT_HEADERS.includes(name)) headers[name] = decodeHeader(value);
  });
  const range = /\/(\d+)$/.exec(h.get('content-range') ?? '');
  return {
    size: Number(range?.[1] ?? h.get('content-length') ?? 0),
    etag: unquote(h.get('etag') ?? ''),
    modified: date(h.get('last-modified')),
    contentType: h.get('content-type') ?? '',
    versionId: h.get('x-amz-version-id') ?? undefined,
    storageClass: h.get('x-amz-storage-class') ?? 'STANDARD',
    isDeleteMarker: h.get('x-amz-delete-marker') === 'true',
    headers,
    metadata,
    encryption: h.get('x-amz-server-side-encryption') ?? (h.get('x-amz-server-side-encryption-customer-algorithm') ? 'SSE-C' : undefined),
    encryptionKey: h.get('x-amz-server-side-encryption-aws-kms-key-id') ?? undefined,
    bucketKey: h.get('x-amz-server-side-encryption-bucket-key-enabled') === 'true',
    lockMode: h.get('x-amz-object-lock-mode') ?? undefined,
    retainUntil: date(h.get('x-amz-object-lock-retain-until-date')),
    legalHold: h.has('x-amz-object-lock-legal-hold') ? h.get('x-amz-object-lock-legal-hold') === 'ON' : undefined,
    tagCount: Number(h.get('x-amz-tagging-count') ?? 0),
    parts: h.has('x-amz-mp-parts-count') ? Number(h.get('x-amz-mp-parts-count')) : undefined,
    restore: h.get('x-amz-restore') ?? undefined,
    expiration: h.get('x-amz-expiration') ?? undefined,
    replication: h.get('x-amz-replication-status') ?? undefined,
    checksums,
    checksumType: h.get('x-amz-checksum-type') ?? undefined,
    websiteRedirect: h.get('x-amz-website-redirect-location') ?? undefined,
  };
}

export interface ObjectRef {
  bucket: string;
  key: string;
  versionId?: string;
}

export async function headObject(c: Client, ref: ObjectRef, o: Abortable = {}): Promise<ObjectHead> {
  const reply = await c.request({
    method: 'HEAD',
    path: objectPath(ref.bucket, ref.key),
    query: { versionId: ref.versionId },
    headers: { 'x-amz-checksum-mode': 'ENABLED' },
    ...o,
  });
  return readHead(reply);
}

/** The reply, its body still to be read. `range` as in HTTP: [first, last]. */
export function getObject(
  c: Client,
  ref: ObjectRef,
  o: Abortable & { range?: readonly [number, number]; ifMatch?: string } = {},
): Promise<Response> {
  return c.request({
    path: objectPath(ref.bucket, ref.key),
    query: { versionId: ref.versionId },
    headers: {
      range: o.range && `bytes=${o.range[0]}-${o.range[1]}`,
      'if-match': o.ifMatch && `"${o.ifMatch}"`,
    },
    ...(o.signal && { signal: o.signal }),
  });
}

export interface WriteOptions extends Abortable {
  contentType?: string;
  headers?: Record<string, string>;
  metadata?: Record<string, string>;
  storageClass?: string;
  tags?: Record<string, string>;
  onProgress?: (sent: number) => void;
  /** Base64. */
  crc32?: string;
  /** Only when there is nothing under this key yet. */
  ifNoneMatch?: boolean;
}

function writeHeaders(o: WriteOptions): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {
    ...o.headers,
    'content-type': o.contentType || undefined,
    'x-amz-storage-class': o.storageClass,
    'x-amz-tagging': o.tags && encodeTags(o.tags),
    'if-none-match': o.ifNoneMatch ? '*' : undefined,
  };
  for (const [name, value] of Object.entries(o.metadata ?? {})) headers[`x-amz-meta-${name.toLowerCase()}`] = value;
  return headers;
}

export function encodeTags(tags: Record<string, string>): string {
  return Object.entries(tags)
    .map(([key, value]) => `${encode(key)}=${encode(value)}`)
    .join('&');
}

export interface Written {
  etag: string;
  versionId?: string;
}

const written = (reply: Response): Written => ({
  etag: unquote(reply.headers.get('etag') ?? ''),
  versionId: reply.headers.get('x-amz-version-id') ?? undefined,
});

export async function putObject(
  c: Client,
  ref: ObjectRef,
  body: Blob | string | Uint8Array,
  o: WriteOptions = {},
): Promise<Written> {
  const reply = await c.request({
    method: 'PUT',
    path: objectPath(ref.bucket, ref.key),
    headers: { ...writeHeaders(o), 'x-amz-checksum-crc32': o.crc32 },
    body,
    ...(o.onProgress && { onProgress: o.onProgress }),
    ...(o.signal && { signal: o.signal }),
  });
  return written(reply);
}

export function copySource(ref: ObjectRef): string {
  const path = encode(`${ref.bucket}/${ref.key}`).replaceAll('%2F', '/');
  return ref.versionId === undefined ? path : `${path}?versionId=${encode(ref.versionId)}`;
}

/* Copies may answer 200 and then an error in the body, as S3 does for long ones. */
function checkCopied(x: XmlNode): XmlNode {
  if (x.name === 'Error') throw new ApiError(x.str('Code') || 'InternalError', x.str('Message'), 500, x.str('RequestId'));
  return x;
}

export interface CopyOptions extends WriteOptions {
  /** Metadata and headers are those given here, instead of the source's. */
  replace?: boolean;
  replaceTags?: boolean;
  ifMatch?: string;
}

export async function copyObject(c: Client, from: ObjectRef, to: ObjectRef, o: CopyOptions = {}): Promise<Written> {
  const reply = await c.request({
    method: 'PUT',
    path: objectPath(to.bucket, to.key),
    headers: {
      ...writeHeaders(o),
      'x-amz-copy-source': copySource(from),
      'x-amz-metadata-directive': o.replace ? 'REPLACE' : undefined,
      'x-amz-tagging-directive': o.replaceTags ? 'REPLACE' : undefined,
      'x-amz-copy-source-if-match': o.ifMatch && `"${o.ifMatch}"`,
    },
    ...(o.signal && { signal: o.signal }),
  });
  const x = checkCopied(parseXml(await reply.text()));
  return { etag: unquote(x.str('ETag')), versionId: reply.headers.get('x-amz-version-id') ?? undefined };
}

export interface Deleted {
  key: string;
  versionId?: string;
  /** The version id of the delete marker that was made. */
  marker?: string;
}

export interface DeleteFailure {
  key: string;
  versionId?: string;
  code: string;
  message: string;
}

export async function deleteObject(c: Client, ref: ObjectRef, o: Abortable & { bypass?: boolean } = {}): Promise<Deleted> {
  const reply = await c.request({
    method: 'DELETE',
    path: objectPath(ref.bucket, ref.key),
    query: { versionId: ref.versionId },
    headers: { 'x-amz-bypass-governance-retention': o.bypass ? 'true' : undefined },
    ...(o.signal && { signal: o.signal }),
  });
  const marker = reply.headers.get('x-amz-delete-marker') === 'true';
  return {
    key: ref.key,
    versionId: ref.versionId,
    marker: marker && ref.versionId === undefined ? (reply.headers.get('x-amz-version-id') ?? undefined) : undefined,
  };
}

export const DELETE_OBJECTS_MAX = 1000;

/** Any number of them. Keys that XML can't say are deleted one by one. */
export async function deleteObjects(
  c: Client,
  bucket: string,
  items: ReadonlyArray<{ key: string; versionId?: string }>,
  o: Abortable & { bypass?: boolean; onProgress?: (done: number) => void } = {},
): Promise<{ deleted: Deleted[]; failed: DeleteFailure[] }> {
  const deleted: Deleted[] = [];
  const failed: DeleteFailure[] = [];
  const plain = items.filter((i) => isXmlText(i.key));
  for (let i = 0; i < plain.length; i += DELETE_OBJECTS_MAX) {
    const some = plain.slice(i, i + DELETE_OBJECTS_MAX);
    const x = await c.xml({
      method: 'POST',
      path: objectPath(bucket),
      query: { delete: '' },
      headers: { 'content-type': 'application/xml', 'x-amz-bypass-governance-retention': o.bypass ? 'true' : undefined },
      body: s3Document(
        'Delete',
        some.map((item) => el('Object', el('Key', item.key), optional('VersionId', item.versionId))),
      ),
      digest: true,
      idempotent: true,
      ...(o.signal && { signal: o.signal }),
    });
    for (const n of x.children('Deleted'))
      deleted.push({
        key: n.str('Key'),
        versionId: n.get('VersionId'),
        marker: n.bool('DeleteMarker') && !n.get('VersionId') ? n.get('DeleteMarkerVersionId') : undefined,
      });
    for (const n of x.children('Error'))
      failed.push({ key: n.str('Key'), versionId: n.get('VersionId'), code: n.str('Code'), message: n.str('Message') });
    o.onProgress?.(deleted.length + failed.length);
  }
  for (const item of items) {
    if (isXmlText(item.key)) continue;
    try {
      deleted.push(await deleteObject(c, { bucket, ...item }, o));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failed.push({ ...item, code: error.code, message: error.message });
    }
    o.onProgress?.(deleted.length + failed.length);
  }
  return { deleted, failed };
}

export interface ObjectAttributes {
  checksums: Record<string, string>;
  checksumType?: string;
  size?: number;
  storageClass?: string;
  partCount?: number;
  parts: Array<{ number: number; size: number; checksums: Record<string, string> }>;
}

function checksumsOf(x: XmlNode | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const n of x?.children() ?? [])
    if (n.name.startsWith('Checksum') && n.name !== 'ChecksumType') found[n.name.slice(8)] = n.text;
  return found;
}

export async function getObjectAttributes(c: Client, ref: ObjectRef, o: Abortable = {}): Promise<ObjectAttributes> {
  const x = await c.xml({
    path: objectPath(ref.bucket, ref.key),
    query: { attributes: '', versionId: ref.versionId },
    headers: { 'x-amz-object-attributes': 'ETag,Checksum,ObjectParts,StorageClass,ObjectSize' },
    ...o,
  });
  const parts = x.child('ObjectParts');
  return {
    checksums: checksumsOf(x.child('Checksum')),
    checksumType: x.child('Checksum')?.get('ChecksumType'),
    size: x.num('ObjectSize'),
    storageClass: x.get('StorageClass'),
    partCount: parts?.num('PartsCount') ?? parts?.num('TotalPartsCount'),
    parts: (parts?.children('Part') ?? []).map((n) => ({
      number: n.num('PartNumber') ?? 0,
      size: n.num('Size') ?? 0,
      checksums: checksumsOf(n),
    })),
  };
}

export type RestoreTier = 'Standard' | 'Expedited' | 'Bulk';

/** Not to be read before it is restored. */
export const isArchived = (storageClass: string | undefined): boolean => storageClass === 'GLACIER' || storageClass === 'DEEP_ARCHIVE';

/** What x-amz-restore says: on its way, or here until then. */
export function readRestore(header: string | undefined): { ongoing: boolean; until?: Date } | undefined {
  const found = /ongoing-request="(true|false)"(?:.*expiry-date="([^"]+)")?/.exec(header ?? '');
  if (!found) return undefined;
  const until = new Date(found[2] ?? NaN);
  return { ongoing: found[1] === 'true', ...(Number.isNaN(until.getTime()) ? {} : { until }) };
}

/** Without a tier: for one that is here already, which stays longer or less long. */
export async function restoreObject(c: Client, ref: ObjectRef, days: number, tier?: RestoreTier): Promise<void> {
  await c.request({
    method: 'POST',
    path: objectPath(ref.bucket, ref.key),
    query: { restore: '', versionId: ref.versionId },
    headers: { 'content-type': 'application/xml' },
    body: s3Document('RestoreRequest', el('Days', days), tier && el('GlacierJobParameters', el('Tier', tier))),
    digest: true,
  });
}

/* ---- multipart uploads ---- */

export async function createMultipartUpload(
  c: Client,
  ref: ObjectRef,
  o: WriteOptions & { checksum?: 'CRC32' } = {},
): Promise<string> {
  const x = await c.xml({
    method: 'POST',
    path: objectPath(ref.bucket, ref.key),
    query: { uploads: '' },
    headers: { ...writeHeaders(o), 'x-amz-checksum-algorithm': o.checksum },
    ...(o.signal && { signal: o.signal }),
  });
  return x.str('UploadId');
}

export async function uploadPart(
  c: Client,
  ref: ObjectRef,
  uploadId: string,
  partNumber: number,
  body: Blob,
  o: Abortable & { crc32?: string; onProgress?: (sent: number) => void; attempts?: number } = {},
): Promise<string> {
  const reply = await c.request({
    method: 'PUT',
    path: objectPath(ref.bucket, ref.key),
    query: { partNumber, uploadId },
    headers: { 'x-amz-checksum-crc32': o.crc32 },
    body,
    ...(o.onProgress && { onProgress: o.onProgress }),
    ...(o.signal && { signal: o.signal }),
    ...(o.attempts && { attempts: o.attempts }),
  });
  return unquote(reply.headers.get('etag') ?? '');
}

export async function uploadPartCopy(
  c: Client,
  from: ObjectRef,
  to: ObjectRef,
  uploadId: string,
  partNumber: number,
  range: readonly [number, number],
  o: Abortable & { ifMatch?: string } = {},
): Promise<UploadedPart> {
  const x = checkCopied(
    await c.xml({
      method: 'PUT',
      path: objectPath(to.bucket, to.key),
      query: { partNumber, uploadId },
      headers: {
        'x-amz-copy-source': copySource(from),
        'x-amz-copy-source-range': `bytes=${range[0]}-${range[1]}`,
        'x-amz-copy-source-if-match': o.ifMatch && `"${o.ifMatch}"`,
      },
      ...(o.signal && { signal: o.signal }),
    }),
  );
  return { number: partNumber, size: range[1] - range[0] + 1, etag: unquote(x.str('ETag')), crc32: x.get('ChecksumCRC32') };
}

export interface UploadedPart {
  number: number;
  size: number;
  etag: string;
  crc32?: string;
}

/** All of them; undefined when there is no such upload. */
export async function listParts(c: Client, ref: ObjectRef, uploadId: string, o: Abortable = {}): Promise<UploadedPart[] | undefined> {
  const parts: UploadedPart[] = [];
  let marker: string | undefined;
  try {
    do {
      const x: XmlNode = await c.xml({
        path: objectPath(ref.bucket, ref.key),
        query: { uploadId, 'part-number-marker': marker },
        ...o,
      });
      for (const n of x.children('Part'))
        parts.push({
          number: n.num('PartNumber') ?? 0,
          size: n.num('Size') ?? 0,
          etag: unquote(n.str('ETag')),
          crc32: n.get('ChecksumCRC32'),
        });
      marker = x.bool('IsTruncated') ? x.get('NextPartNumberMarker') : undefined;
    } while (marker);
  } catch (error) {
    if (isApiError(error, 'NoSuchUpload')) return undefined;
    throw error;
  }
  return parts;
}

export async function completeMultipartUpload(
  c: Client,
  ref: ObjectRef,
  uploadId: string,
  parts: ReadonlyArray<UploadedPart>,
  o: Abortable = {},
): Promise<Written> {
  const reply = await c.request({
    method: 'POST',
    path: objectPath(ref.bucket, ref.key),
    query: { uploadId },
    headers: { 'content-type': 'application/xml' },
    body: s3Document(
      'CompleteMultipartUpload',
      [...parts]
        .sort((a, b) => a.number - b.number)
        .map((p) =>
          el('Part', el('PartNumber', p.number), el('ETag', `"${p.etag}"`), optional('ChecksumCRC32', p.crc32)),
        ),
    ),
    idempotent: true,
    ...o,
  });
  const x = checkCopied(parseXml(await reply.text()));
  return { etag: unquote(x.str('ETag')), versionId: reply.headers.get('x-amz-version-id') ?? undefined };
}

export async function abortMultipartUpload(c: Client, ref: ObjectRef, uploadId: string, o: Abortable = {}): Promise<void> {
  try {
    await c.request({ method: 'DELETE', path: objectPath(ref.bucket, ref.key), query: { uploadId }, ...o });
  } catch (error) {
    if (!isApiError(error, 'NoSuchUpload')) throw error;
  }
}

/* ---- tags ---- */

export type Tags = Record<string, string>;

function readTags(x: XmlNode | undefined): Tags {
  return Object.fromEntries((x?.list('TagSet', 'Tag') ?? []).map((n) => [n.str('Key'), n.str('Value')]));
}

const tagging = (tags: Tags): string =>
  s3Document(
    'Tagging',
    el(
      'TagSet',
      Object.entries(tags).map(([key, value]) => el('Tag', el('Key', key), el('Value', value))),
    ),
  );

export async function getObjectTagging(c: Client, ref: ObjectRef, o: Abortable = {}): Promise<Tags> {
  return readTags(
    await c.xml({ path: objectPath(ref.bucket, ref.key), query: { tagging: '', versionId: ref.versionId }, ...o }),
  );
}

export const putObjectTagging = (c: Client, ref: ObjectRef, tags: Tags): Promise<void> =>
  put(c, ref.bucket, 'tagging', tagging(tags), ref.key, ref.versionId ? { versionId: ref.versionId } : {});

export const getBucketTagging = async (c: Client, bucket: string, o: Abortable = {}): Promise<Tags> =>
  readTags(await setting(c, bucket, 'tagging', ['NoSuchTagSet'], o.signal));

export const putBucketTagging = (c: Client, bucket: string, tags: Tags): Promise<void> =>
  Object.keys(tags).length ? put(c, bucket, 'tagging', tagging(tags)) : drop(c, bucket, 'tagging');

/* ---- access control lists ---- */

export interface Grant {
  type: 'CanonicalUser' | 'Group' | 'AmazonCustomerByEmail';
  /** Id, URI or address. */
  grantee: string;
  displayName?: string;
  permission: string;
}

export interface Acl {
  owner: { id: string; displayName?: string };
  grants: Grant[];
}

function readAcl(x: XmlNode): Acl {
  const owner = x.child('Owner');
  return {
    owner: { id: owner?.str('ID') ?? '', displayName: owner?.get('DisplayName') },
    grants: x.list('AccessControlList', 'Grant').map((n) => {
      const g = n.child('Grantee');
      return {
        type: (g?.attribute('type') ?? 'CanonicalUser') as Grant['type'],
        grantee: g?.get('ID') ?? g?.get('URI') ?? g?.get('EmailAddress') ?? '',
        displayName: g?.get('DisplayName'),
        permission: n.str('Permission'),
      };
    }),
  };
}

function aclDocument(acl: Acl): string {
  const field = { CanonicalUser: 'ID', Group: 'URI', AmazonCustomerByEmail: 'EmailAddress' } as const;
  const grantee = (g: Grant): Xml =>
    elWith(
      'Grantee',
      { 'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance', 'xsi:type': g.type },
      el(field[g.type], g.grantee),
    );
  return s3Document(
    'AccessControlPolicy',
    el('Owner', el('ID', acl.owner.id)),
    el(
      'AccessControlList',
      acl.grants.map((g) => el('Grant', grantee(g), el('Permission', g.permission))),
    ),
  );
}

export const getBucketAcl = async (c: Client, bucket: string, o: Abortable = {}): Promise<Acl> =>
  readAcl(await c.xml({ path: objectPath(bucket), query: { acl: '' }, ...o }));

export const putBucketAcl = (c: Client, bucket: string, acl: Acl): Promise<void> =>
  put(c, bucket, 'acl', aclDocument(acl));

export const getObjectAcl = async (c: Client, ref: ObjectRef, o: Abortable = {}): Promise<Acl> =>
  readAcl(await c.xml({ path: objectPath(ref.bucket, ref.key), query: { acl: '', versionId: ref.versionId }, ...o }));

export const putObjectAcl = (c: Client, ref: ObjectRef, acl: Acl): Promise<void> =>
  put(c, ref.bucket, 'acl', aclDocument(acl), ref.key, ref.versionId ? { versionId: ref.versionId } : {});

/* ---- who pays for requests ---- */

export type Payer = 'BucketOwner' | 'Requester';

export const getBucketPayer = async (c: Client, bucket: string, o: Abortable = {}): Promise<Payer> =>
  (await c.xml({ path: objectPath(bucket), query: { requestPayment: '' }, ...o })).str('Payer') === 'Requester' ? 'Requester' : 'BucketOwner';

export const putBucketPayer = (c: Client, bucket: string, payer: Payer): Promise<void> =>
  put(c, bucket, 'requestPayment', s3Document('RequestPaymentConfiguration', el('Payer', payer)));

/* ---- locks ---- */

export type LockMode = 'GOVERNANCE' | 'COMPLIANCE';

export interface Retention {
  mode: LockMode;
  until: Date;
}

const NO_LOCK = ['NoSuchObjectLockConfiguration', 'ObjectLockConfigurationNotFoundError', 'InvalidRequest'];

export async function getObjectRetention(c: Client, ref: ObjectRef, o: Abortable = {}): Promise<Retention | undefined> {
  try {
    const x = await c.xml({
      path: objectPath(ref.bucket, ref.key),
      query: { retention: '', versionId: ref.versionId },
      ...o,
    });
    const until = x.date('RetainUntilDate');
    return until && { mode: x.str('Mode') as LockMode, until };
  } catch (error) {
    if (isApiError(error, ...NO_LOCK)) return undefined;
    throw error;
  }
}

export async function putObjectRetention(
  c: Client,
  ref: ObjectRef,
  retention: Retention | undefined,
  o: { bypass?: boolean } = {},
): Promise<void> {
  await c.request({
    method: 'PUT',
    path: objectPath(ref.bucket, ref.key),
    query: { retention: '', versionId: ref.versionId },
    headers: { 'content-type': 'application/xml', 'x-amz-bypass-governance-retention': o.bypass ? 'true' : undefined },
    body: s3Document(
      'Retention',
      retention && [
        el('Mode', retention.mode),
        el('RetainUntilDate', retention.until.toISOString().replace(/\.\d+Z$/, 'Z')),
      ],
    ),
    digest: true,
  });
}

export async function getObjectLegalHold(c: Client, ref: ObjectRef, o: Abortable = {}): Promise<boolean | undefined> {
  try {
    const x = await c.xml({
      path: objectPath(ref.bucket, ref.key),
      query: { 'legal-hold': '', versionId: ref.versionId },
      ...o,
    });
    return x.str('Status') === 'ON';
  } catch (error) {
    if (isApiError(error, ...NO_LOCK)) return undefined;
    throw error;
  }
}

export const putObjectLegalHold = (c: Client, ref: ObjectRef, on: boolean): Promise<void> =>
  put(
    c,
    ref.bucket,
    'legal-hold',
    s3Document('LegalHold', el('Status', on ? 'ON' : 'OFF')),
    ref.key,
    ref.versionId ? { versionId: ref.versionId } : {},
  );

export interface LockConfiguration {
  enabled: boolean;
  mode?: LockMode;
  days?: number;
  years?: number;
}

export async function getObjectLockConfiguration(
  c: Client,
  bucket: string,
  o: Abortable = {},
): Promise<LockConfiguration | undefined> {
  const x = await setting(c, bucket, 'object-lock', ['ObjectLockConfigurationNotFoundError'], o.signal);
  const rule = x?.at('Rule', 'DefaultRetention');
  return (
    x && {
      enabled: x.str('ObjectLockEnabled') === 'Enabled',
      mode: rule?.get('Mode') as LockMode | undefined,
      days: rule?.num('Days'),
      years: rule?.num('Years'),
    }
  );
}

export const putObjectLockConfiguration = (c: Client, bucket: string, lock: LockConfiguration): Promise<void> =>
  put(
    c,
    bucket,
    'object-lock',
    s3Document(
      'ObjectLockConfiguration',
      el('ObjectLockEnabled', 'Enabled'),
      lock.mode &&
        el(
          'Rule',
          el('DefaultRetention', el('Mode', lock.mode), optional('Days', lock.days), optional('Years', lock.years)),
        ),
    ),
  );

/* ---- settings of buckets ---- */

export type Versioning = 'off' | 'Enabled' | 'Suspended';

export async function getBucketVersioning(c: Client, bucket: string, o: Abortable = {}): Promise<Versioning> {
  const x = await c.xml({ path: objectPath(bucket), query: { versioning: '' }, ...o });
  return (x.get('Status') as Versioning | undefined) ?? 'off';
}

export const putBucketVersioning = (c: Client, bucket: string, status: 'Enabled' | 'Suspended'): Promise<void> =>
  put(c, bucket, 'versioning', s3Document('VersioningConfiguration', el('Status', status)));

export interface BucketEncryption {
  algorithm: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  keyId?: string;
  bucketKey: boolean;
  /** Objects under keys that clients bring (SSE-C) are refused. */
  blockCustomerKeys?: boolean;
}

export async function getBucketEncryption(c: Client, bucket: string, o: Abortable = {}): Promise<BucketEncryption | undefined> {
  const x = await setting(c, bucket, 'encryption', ['ServerSideEncryptionConfigurationNotFoundError'], o.signal);
  const rule = x?.child('Rule');
  const by = rule?.child('ApplyServerSideEncryptionByDefault');
  return (
    by && {
      algorithm: by.str('SSEAlgorithm') as BucketEncryption['algorithm'],
      keyId: by.get('KMSMasterKeyID'),
      bucketKey: rule?.bool('BucketKeyEnabled') ?? false,
      blockCustomerKeys: rule?.list('BlockedEncryptionTypes', 'EncryptionType').some((n) => n.text.trim() === 'SSE-C') ?? false,
    }
  );
}

export const putBucketEncryption = (c: Client, bucket: string, e: BucketEncryption): Promise<void> =>
  put(
    c,
    bucket,
    'encryption',
    s3Document(
      'ServerSideEncryptionConfiguration',
      el(
        'Rule',
        el(
          'ApplyServerSideEncryptionByDefault',
          el('SSEAlgorithm', e.algorithm),
          optional('KMSMasterKeyID', e.algorithm === 'AES256' ? undefined : e.keyId),
        ),
        el('BucketKeyEnabled', e.bucketKey),
        e.blockCustomerKeys ? el('BlockedEncryptionTypes', el('EncryptionType', 'SSE-C')) : undefined,
      ),
    ),
  );

export const deleteBucketEncryption = (c: Client, bucket: string): Promise<void> => drop(c, bucket, 'encryption');

export interface LifecycleTransition {
  days?: number;
  date?: string;
  storageClass: string;
}

export interface LifecycleRule {
  id: string;
  enabled: boolean;
  prefix: string;
  tags: Tags;
  sizeGreaterThan?: number;
  sizeLessThan?: number;
  expireDays?: number;
  expireDate?: string;
  expireDeleteMarkers?: boolean;
  transitions: LifecycleTransition[];
  noncurrentDays?: number;
  noncurrentKeep?: number;
  noncurrentTransitions: Array<{ days?: number; keep?: number; storageClass: string }>;
  abortUploadsDays?: number;
}

function readRule(n: XmlNode): LifecycleRule {
  const filter = n.child('Filter');
  const scope = filter?.child('And') ?? filter;
  const expiration = n.child('Expiration');
  const noncurrent = n.child('NoncurrentVersionExpiration');
  return {
    id: n.str('ID'),
    enabled: n.str('Status') === 'Enabled',
    prefix: scope?.get('Prefix') ?? n.str('Prefix'),
    tags: Object.fromEntries((scope?.children('Tag') ?? []).map((t) => [t.str('Key'), t.str('Value')])),
    sizeGreaterThan: scope?.num('ObjectSizeGreaterThan'),
    sizeLessThan: scope?.num('ObjectSizeLessThan'),
    expireDays: expiration?.num('Days'),
    expireDate: expiration?.get('Date'),
    expireDeleteMarkers: expiration?.bool('ExpiredObjectDeleteMarker') || undefined,
    transitions: n.children('Transition').map((t) => ({
      days: t.num('Days'),
      date: t.get('Date'),
      storageClass: t.str('StorageClass'),
    })),
    noncurrentDays: noncurrent?.num('NoncurrentDays'),
    noncurrentKeep: noncurrent?.num('NewerNoncurrentVersions'),
    noncurrentTransitions: n.children('NoncurrentVersionTransition').map((t) => ({
      days: t.num('NoncurrentDays'),
      keep: t.num('NewerNoncurrentVersions'),
      storageClass: t.str('StorageClass'),
    })),
    abortUploadsDays: n.child('AbortIncompleteMultipartUpload')?.num('DaysAfterInitiation'),
  };
}

function ruleElement(r: LifecycleRule): Xml {
  const conditions: Xml[] = [];
  for (const [key, value] of Object.entries(r.tags)) conditions.push(el('Tag', el('Key', key), el('Value', value)));
  if (r.sizeGreaterThan !== undefined) conditions.push(el('ObjectSizeGreaterThan', r.sizeGreaterThan));
  if (r.sizeLessThan !== undefined) conditions.push(el('ObjectSizeLessThan', r.sizeLessThan));
  if (r.prefix || conditions.length === 0) conditions.unshift(el('Prefix', r.prefix));
  const expiration = [
    optional('Days', r.expireDays),
    optional('Date', r.expireDate),
    r.expireDeleteMarkers && r.expireDays === undefined && !r.expireDate
      ? el('ExpiredObjectDeleteMarker', true)
      : undefined,
  ].filter((e) => e !== undefined);
  return el(
    'Rule',
    optional('ID', r.id),
    el('Status', r.enabled ? 'Enabled' : 'Disabled'),
    el('Filter', conditions.length > 1 ? el('And', conditions) : conditions),
    expiration.length ? el('Expiration', expiration) : undefined,
    r.transitions.map((t) =>
      el('Transition', optional('Days', t.days), optional('Date', t.date), el('StorageClass', t.storageClass)),
    ),
    r.noncurrentDays !== undefined
      ? el(
          'NoncurrentVersionExpiration',
          el('NoncurrentDays', r.noncurrentDays),
          optional('NewerNoncurrentVersions', r.noncurrentKeep),
        )
      : undefined,
    r.noncurrentTransitions.map((t) =>
      el(
        'NoncurrentVersionTransition',
        optional('NoncurrentDays', t.days),
        optional('NewerNoncurrentVersions', t.keep),
        el('StorageClass', t.storageClass),
      ),
    ),
    r.abortUploadsDays !== undefined
      ? el('AbortIncompleteMultipartUpload', el('DaysAfterInitiation', r.abortUploadsDays))
      : undefined,
  );
}

export const lifecycleDocument = (rules: ReadonlyArray<LifecycleRule>): string =>
  s3Document('LifecycleConfiguration', rules.map(ruleElement));

export const readLifecycle = (x: XmlNode): LifecycleRule[] => x.children('Rule').map(readRule);

export async function getBucketLifecycle(c: Client, bucket: string, o: Abortable = {}): Promise<LifecycleRule[]> {
  const x = await setting(c, bucket, 'lifecycle', ['NoSuchLifecycleConfiguration'], o.signal);
  return x ? readLifecycle(x) : [];
}

const LIFECYCLE_MINIMUM = 'x-amz-transition-default-minimum-object-size';

/** The document as it is, and what it says beside itself: the size from which objects are moved. */
export async function getLifecycleDocument(
  c: Client,
  bucket: string,
  o: Abortable = {},
): Promise<{ text: string; minimum?: string } | undefined> {
  try {
    const reply = await c.request({ path: objectPath(bucket), query: { lifecycle: '' }, ...o });
    return { text: await reply.text(), minimum: reply.headers.get(LIFECYCLE_MINIMUM) ?? undefined };
  } catch (error) {
    if (isApiError(error, 'NoSuchLifecycleConfiguration')) return undefined;
    throw error;
  }
}

/** An empty text takes it away. */
export async function putLifecycleDocument(c: Client, bucket: string, text: string, minimum?: string): Promise<void> {
  if (text === '') return drop(c, bucket, 'lifecycle');
  await c.request({
    method: 'PUT',
    path: objectPath(bucket),
    query: { lifecycle: '' },
    headers: { 'content-type': 'application/xml', [LIFECYCLE_MINIMUM]: minimum },
    body: text,
    digest: true,
  });
}

/** Any setting of a bucket as the document that it is; undefined when there is none. */
export async function getSettingDocument(c: Client, bucket: string, query: string, o: Abortable = {}): Promise<string | undefined> {
  try {
    const reply = await c.request({ path: objectPath(bucket), query: { [query]: '' }, ...o });
    return await reply.text();
  } catch (error) {
    if (error instanceof ApiError && error.isMissing && error.code !== 'NoSuchBucket') return undefined;
    throw error;
  }
}

export const putSettingDocument = (c: Client, bucket: string, query: string, text: string): Promise<void> =>
  put(c, bucket, query, text);

export const deleteSettingDocument = (c: Client, bucket: string, query: string): Promise<void> => drop(c, bucket, query);

export const putBucketLifecycle = (c: Client, bucket: string, rules: ReadonlyArray<LifecycleRule>): Promise<void> =>
  rules.length ? put(c, bucket, 'lifecycle', lifecycleDocument(rules)) : drop(c, bucket, 'lifecycle');

/** The document as it is kept; undefined: there is none. */
export async function getBucketPolicy(c: Client, bucket: string, o: Abortable = {}): Promise<string | undefined> {
  try {
    const reply = await c.request({ path: objectPath(bucket), query: { policy: '' }, ...o });
    return await reply.text();
  } catch (error) {
    if (isApiError(error, 'NoSuchBucketPolicy')) return undefined;
    throw error;
  }
}

export async function putBucketPolicy(c: Client, bucket: string, policy: string): Promise<void> {
  await c.request({
    method: 'PUT',
    path: objectPath(bucket),
    query: { policy: '' },
    headers: { 'content-type': 'application/json' },
    body: policy,
    digest: true,
  });
}

export const deleteBucketPolicy = (c: Client, bucket: string): Promise<void> => drop(c, bucket, 'policy');

export async function getBucketPolicyStatus(c: Client, bucket: string, o: Abortable = {}): Promise<boolean | undefined> {
  const x = await setting(c, bucket, 'policyStatus', ['NoSuchBucketPolicy'], o.signal);
  return x?.str('IsPublic').toLowerCase() === 'true';
}

export interface PublicAccessBlock {
  blockPublicAcls: boolean;
  ignorePublicAcls: boolean;
  blockPublicPolicy: boolean;
  restrictPublicBuckets: boolean;
}

export async function getPublicAccessBlock(c: Client, bucket: string, o: Abortable = {}): Promise<PublicAccessBlock | undefined> {
  const x = await setting(c, bucket, 'publicAccessBlock', ['NoSuchPublicAccessBlockConfiguration'], o.signal);
  const on = (name: string) => x?.str(name).toLowerCase() === 'true';
  return (
    x && {
      blockPublicAcls: on('BlockPublicAcls'),
      ignorePublicAcls: on('IgnorePublicAcls'),
      blockPublicPolicy: on('BlockPublicPolicy'),
      restrictPublicBuckets: on('RestrictPublicBuckets'),
    }
  );
}

export const putPublicAccessBlock = (c: Client, bucket: string, b: PublicAccessBlock): Promise<void> =>
  put(
    c,
    bucket,
    'publicAccessBlock',
    s3Document(
      'PublicAccessBlockConfiguration',
      el('BlockPublicAcls', b.blockPublicAcls),
      el('IgnorePublicAcls', b.ignorePublicAcls),
      el('BlockPublicPolicy', b.blockPublicPolicy),
      el('RestrictPublicBuckets', b.restrictPublicBuckets),
    ),
  );

export const deletePublicAccessBlock = (c: Client, bucket: string): Promise<void> => drop(c, bucket, 'publicAccessBlock');

export interface CorsRule {
  id?: string;
  origins: string[];
  methods: string[];
  headers: string[];
  exposeHeaders: string[];
  maxAgeSeconds?: number;
}

export async function getBucketCors(c: Client, bucket: string, o: Abortable = {}): Promise<CorsRule[]> {
  const x = await setting(c, bucket, 'cors', ['NoSuchCORSConfiguration'], o.signal);
  const texts = (n: XmlNode, name: string) => n.children(name).map((t) => t.text);
  return (
    x?.children('CORSRule').map((n) => ({
      id: n.get('ID'),
      origins: texts(n, 'AllowedOrigin'),
      methods: texts(n, 'AllowedMethod'),
      headers: texts(n, 'AllowedHeader'),
      exposeHeaders: texts(n, 'ExposeHeader'),
      maxAgeSeconds: n.num('MaxAgeSeconds'),
    })) ?? []
  );
}

export const putBucketCors = (c: Client, bucket: string, rules: ReadonlyArray<CorsRule>): Promise<void> =>
  rules.length === 0
    ? drop(c, bucket, 'cors')
    : put(
        c,
        bucket,
        'cors',
        s3Document(
          'CORSConfiguration',
          rules.map((r) =>
            el(
              'CORSRule',
              optional('ID', r.id),
              r.origins.map((v) => el('AllowedOrigin', v)),
              r.methods.map((v) => el('AllowedMethod', v)),
              r.headers.map((v) => el('AllowedHeader', v)),
              r.exposeHeaders.map((v) => el('ExposeHeader', v)),
              optional('MaxAgeSeconds', r.maxAgeSeconds),
            ),
          ),
        ),
      );

export type ObjectOwnership = 'BucketOwnerEnforced' | 'BucketOwnerPreferred' | 'ObjectWriter';

export async function getBucketOwnership(c: Client, bucket: string, o: Abortable = {}): Promise<ObjectOwnership | undefined> {
  const x = await setting(c, bucket, 'ownershipControls', ['OwnershipControlsNotFoundError'], o.signal);
  return x?.child('Rule')?.get('ObjectOwnership') as ObjectOwnership | undefined;
}

export const putBucketOwnership = (c: Client, bucket: string, ownership: ObjectOwnership): Promise<void> =>
  put(
    c,
    bucket,
    'ownershipControls',
    s3Document('OwnershipControls', el('Rule', el('ObjectOwnership', ownership))),
  );

export const deleteBucketOwnership = (c: Client, bucket: string): Promise<void> => drop(c, bucket, 'ownershipControls');
