// SPDX-License-Identifier: Apache-2.0
/* What can be done with objects, beyond one request: whole folders, large copies, zips. No React here. */
import { ApiError, type Client } from '../../api/http';
import {
  completeMultipartUpload,
  copyObject,
  createMultipartUpload,
  abortMultipartUpload,
  deleteObjects,
  getObject,
  getObjectTagging,
  headObject,
  putObjectTagging,
  uploadPartCopy,
  type CopyOptions,
  type Deleted,
  type DeleteFailure,
  type ObjectRef,
  type Tags,
  type UploadedPart,
} from '../../api/s3';
import { objectPath, presign } from '../../api/sign';
import { whenNeeded } from '../../app/lazily';
import { walk, walkVersions } from './listing';
import { startJob, type Progress } from './transfers';

export interface Item {
  /** Of a folder it ends with a slash and names all below it. */
  key: string;
  folder: boolean;
  size: number;
  versionId?: string;
}

/** A single request copies no more. */
export const COPY_MAX = 5 * 1024 ** 3;
const COPY_PART = 512 * 1024 ** 2;
const COPIES_AT_ONCE = 6;
const UNDO_MAX = 20_000;
const zipper = whenNeeded(() => import('client-zip'));
/** Keys a request: few enough that a long deletion moves, and can be stopped. */
const DELETE_BATCH = 250;

/** What some of many failed with; shown as one error. */
export class SomeFailed extends Error {
  override name = 'SomeFailed';
  constructor(
    readonly failures: DeleteFailure[],
    count: number,
  ) {
    super(`${failures[0]?.message ?? ''}${count > 1 ? ` (${count})` : ''}`);
  }
}

/* ---- deleting ---- */

export interface DeleteResult {
  /** Delete markers that were made: taking them away brings all back. Undefined when that can't be done. */
  undo?: Deleted[];
  count: number;
}

export function deleteItems(
  client: Client,
  bucket: string,
  place: string,
  name: string,
  items: readonly Item[],
  o: { forever?: boolean; bypass?: boolean; onEnd: (result: DeleteResult) => void },
): Promise<boolean> {
  // What is deleted is kept through another try: to delete it again would put a second marker above the first, which no undo takes away.
  let done = 0;
  let undo: Deleted[] | undefined = [];
  let files = items.filter((i) => !i.folder).map(({ key, versionId }) => ({ key, versionId }));
  const folders = items.filter((i) => i.folder);
  return startJob('delete', { name, bucket, place }, async (p) => {
    p.done(done);
    if (folders.length === 0) p.total(items.length);
    const failures: DeleteFailure[] = [];
    const some = async (batch: Array<{ key: string; versionId?: string }>) => {
      if (batch.length === 0) return;
      p.signal.throwIfAborted();
      const base = done;
      // A batch that is on its way is waited for: what the server has deleted is to be known, to be told and undone.
      const { deleted, failed } = await deleteObjects(client, bucket, batch, {
        ...(o.bypass && { bypass: true }),
        onProgress: (n) => p.done(base + n),
      });
      done += deleted.length;
      failures.push(...failed);
      p.done(done);
      // A marker called null, where versioning is suspended, took the place of what it hides.
      if (undo && deleted.every((d) => d.marker && d.marker !== 'null') && undo.length + deleted.length <= UNDO_MAX) undo.push(...deleted);
      else if (deleted.length > 0) undo = undefined;
    };
    let at = 0;
    try {
      // What is stopped or breaks keeps what was done until then, so that it can be undone.
      for (; at < files.length; at += DELETE_BATCH) await some(files.slice(at, at + DELETE_BATCH));
      for (const folder of folders) {
        const pages = o.forever ? walkVersions(client, bucket, folder.key, p.signal) : walk(client, bucket, folder.key, p.signal);
        for await (const page of pages) await some(page.map((e) => ({ key: e.key, versionId: 'versionId' in e ? e.versionId : undefined })));
      }
    } finally {
      const refused = new Set(failures.map((f) => `${f.key}\0${f.versionId ?? ''}`));
      files = files.filter((f, i) => i >= at || refused.has(`${f.key}\0${f.versionId ?? ''}`));
      o.onEnd({ undo: undo?.length ? undo : undefined, count: done });
    }
    if (failures.length > 0) throw new SomeFailed(failures, failures.length);
  });
}

/** With folders that hold more, it is not counted on: it would take longer than anybody waits. */
export const COUNTED_MAX = 100_000;

/** How many objects, or versions, lie in these folders; more than COUNTED_MAX: there are more than that. */
export async function countBelow(client: Client, bucket: string, folders: readonly string[], versions: boolean, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (const folder of folders)
    for await (const page of versions ? walkVersions(client, bucket, folder, signal) : walk(client, bucket, folder, signal)) {
      count += page.length;
      if (count > COUNTED_MAX) return count;
    }
  return count;
}

export async function undoDelete(client: Client, bucket: string, undo: readonly Deleted[]): Promise<void> {
  const { failed } = await deleteObjects(
    client,
    bucket,
    undo.map((d) => ({ key: d.key, versionId: d.marker ?? '' })),
  );
  if (failed.length > 0) throw new SomeFailed(failed, failed.length);
}

/* ---- copying and moving ---- */

/** With other metadata: what is given stands for all that the object had, but its tags. */
export type NewHead = Pick<CopyOptions, 'contentType' | 'headers' | 'metadata' | 'storageClass'> & { ifMatch: string };

/** Server-side, of any size. What was copied is what was looked at: a change meanwhile is an error. */
export async function copyAny(
  client: Client,
  from: ObjectRef,
  to: ObjectRef,
  size: number | undefined,
  signal: AbortSignal,
  fresh?: NewHead,
): Promise<void> {
  const options = { signal, ...(fresh && { ...fresh, replace: true }) };
  if (size !== undefined && size <= COPY_MAX) {
    await copyObject(client, from, to, options);
    return;
  }
  const head = await headObject(client, from, { signal });
  if (head.size <= COPY_MAX) {
    await copyObject(client, from, to, options);
    return;
  }
  const tags = head.tagCount > 0 ? await getObjectTagging(client, from, { signal }) : undefined;
  const uploadId = await createMultipartUpload(client, to, {
    contentType: head.contentType,
    headers: head.headers,
    metadata: head.metadata,
    storageClass: head.storageClass === 'STANDARD' ? undefined : head.storageClass,
    ...fresh,
    tags,
    signal,
  });
  try {
    const count = Math.ceil(head.size / COPY_PART);
    const parts: UploadedPart[] = [];
    await inParallel(
      Array.from({ length: count }, (_, i) => i + 1),
      3,
      async (n) => {
        const range = [(n - 1) * COPY_PART, Math.min(head.size, n * COPY_PART) - 1] as const;
        parts.push(await uploadPartCopy(client, from, to, uploadId, n, range, { ifMatch: fresh?.ifMatch ?? head.etag, signal }));
      },
    );
    await completeMultipartUpload(client, to, uploadId, parts, { signal });
  } catch (error) {
    await abortMultipartUpload(client, to, uploadId).catch(() => undefined);
    throw error;
  }
}

export async function inParallel<T>(items: readonly T[], width: number, action: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const one = async () => {
    while (next < items.length && !failed) {
      const item = items[next++] as T;
      try {
        await action(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, one));
  const bad = results.find((r) => r.status === 'rejected');
  if (bad) throw (bad as PromiseRejectedResult).reason;
}

/** Where an item of a folder lands: `target` is a prefix, the item keeps its last name. */
export function targetKey(key: string, base: string, target: string): string {
  return target + key.slice(base.length);
}

/**
 * Copies or moves items to below a prefix, or one item to another name. `rename` maps a source's key to its new one.
 * A move deletes what it has copied, page by page, and nothing else.
 */
export function copyItems(
  client: Client,
  kind: 'copy' | 'move',
  from: { bucket: string; items: readonly Item[] },
  to: { bucket: string; place: string; rename: (key: string) => string },
  name: string,
): Promise<boolean> {
  return startJob(kind, { name, bucket: to.bucket, place: to.place }, async (p: Progress) => {
    let done = 0;
    const batch = async (objects: Array<{ key: string; size?: number; versionId?: string }>) => {
      await inParallel(objects, COPIES_AT_ONCE, async (o) => {
        const source = { bucket: from.bucket, key: o.key, ...(o.versionId && { versionId: o.versionId }) };
        await copyAny(client, source, { bucket: to.bucket, key: to.rename(o.key) }, o.size, p.signal);
        p.done(++done);
      });
      if (kind !== 'move') return;
      const { failed } = await deleteObjects(
        client,
        from.bucket,
        objects.map(({ key }) => ({ key })),
        { signal: p.signal },
      );
      if (failed.length > 0) throw new SomeFailed(failed, failed.length);
    };
    const single = from.items.filter((i) => !i.folder);
    if (single.length > 0) await batch(single.map((i) => ({ key: i.key, size: i.size, versionId: i.versionId })));
    for (const folder of from.items.filter((i) => i.folder)) {
      // What is written below the folder itself must not be walked again.
      for await (const page of walk(client, from.bucket, folder.key, p.signal)) {
        const fresh = page.filter((o) => !(from.bucket === to.bucket && to.place.startsWith(folder.key) && o.key.startsWith(to.place)));
        await batch(fresh);
      }
    }
  });
}

/** What becomes of an object's tags: those that are named get new values; the others stay, or go. */
export function mergedTags(now: Tags, set: Tags, alone: boolean): Tags {
  return alone ? set : { ...now, ...set };
}

export function tagItems(client: Client, bucket: string, place: string, name: string, items: readonly Item[], set: Tags, alone: boolean): Promise<boolean> {
  return startJob('tag', { name, bucket, place }, async (p) => {
    let done = 0;
    const failures: DeleteFailure[] = [];
    const one = async (o: { key: string; versionId?: string }) => {
      const ref = { bucket, ...o };
      try {
        const now = alone ? {} : await getObjectTagging(client, ref, { signal: p.signal });
        await putObjectTagging(client, ref, mergedTags(now, set, alone));
        p.done(++done);
      } catch (error) {
        // One that has too many tags now, or is gone, does not keep the others from theirs.
        if (!(error instanceof ApiError) || error.status >= 500 || p.signal.aborted) throw error;
        failures.push({ key: o.key, code: error.code, message: error.message });
      }
    };
    await inParallel(items.filter((i) => !i.folder), COPIES_AT_ONCE, (i) => one({ key: i.key, ...(i.versionId && { versionId: i.versionId }) }));
    for (const folder of items.filter((i) => i.folder))
      for await (const page of walk(client, bucket, folder.key, p.signal)) await inParallel(page, COPIES_AT_ONCE, (e) => one({ key: e.key }));
    if (failures.length > 0) throw new SomeFailed(failures, failures.length);
  });
}

/** Is there an object, or a folder with something in it? */
export async function exists(client: Client, ref: ObjectRef): Promise<boolean> {
  try {
    await headObject(client, ref);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.isMissing) return false;
    throw error;
  }
}

/* ---- downloading ---- */

const LINK_SECONDS = 900;

/** A URL of this very origin that the browser itself may load: media of previews, and downloads. */
export function ownUrl(client: Client, ref: ObjectRef, extra: ReadonlyArray<readonly [string, string]> = [], seconds = LINK_SECONDS): string | undefined {
  const { credentials } = client;
  if (!credentials) return undefined;
  const base = new URL(client.config.base);
  const path = objectPath(ref.bucket, ref.key);
  const query = [...extra, ...(ref.versionId === undefined ? [] : [['versionId', ref.versionId] as const])];
  const url = presign(
    { method: 'GET', endpoint: base.origin, path, query, region: client.config.region, now: client.now(), expiresSeconds: seconds },
    credentials,
  );
  return client.config.base + url.slice(base.origin.length);
}

/** filename for those that know no better, filename* for all others; neither can end the header or the quotes. */
export function attachmentHeader(name: string): string {
  // eslint-disable-next-line no-control-regex
  const safe = name.replace(/[\u0000-\u001F\u007F/\\]/g, '_') || 'download';
  const ascii = safe.replace(/[^\x20-\x7E]/g, '_').replace(/["%]/g, '_');
  const full = encodeURIComponent(safe.replace(/[\uD800-\uDFFF](?<![\uD800-\uDBFF][\uDC00-\uDFFF])(?![\uDC00-\uDFFF])/g, '_')).replace(/['()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
  return `attachment; filename="${ascii}"; filename*=UTF-8''${full}`;
}

/** The browser downloads by itself, straight to the disk. */
export function downloadOne(client: Client, ref: ObjectRef, name: string): void {
  const url = ownUrl(client, ref, [['response-content-disposition', attachmentHeader(name)]]);
  if (!url) return;
  const link = document.createElement('a');
  link.href = url;
  link.download = name.replace(/[/\\]/g, '_');
  link.rel = 'noopener';
  document.body.append(link);
  link.click();
  link.remove();
}

/** A name within a zip that can't leave the folder into which it is unpacked. */
export function zipName(path: string): string {
  const parts = path
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001F\u007F\\:*?"<>|]/g, '_')
    .split('/')
    .map((part) => (part === '.' || part === '..' ? part.replaceAll('.', '_') : part))
    .filter((part) => part !== '');
  return parts.join('/') || '_';
}

interface SavePicker {
  showSaveFilePicker(o: { suggestedName: string }): Promise<{ createWritable(): Promise<WritableStream<Uint8Array>> }>;
}

export function canStreamToDisk(): boolean {
  return 'showSaveFilePicker' in window;
}

/** Undefined: the user gave up. Must be called while a click is handled, for the picker. */
export async function pickZipTarget(name: string): Promise<WritableStream<Uint8Array> | 'memory' | undefined> {
  if (!canStreamToDisk()) return 'memory';
  try {
    const handle = await (window as unknown as SavePicker).showSaveFilePicker({ suggestedName: `${name}.zip` });
    return await handle.createWritable();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    return 'memory';
  }
}

export function downloadZip(
  client: Client,
  bucket: string,
  base: string,
  items: readonly Item[],
  name: string,
  target: WritableStream<Uint8Array> | 'memory',
): Promise<boolean> {
  let used = false;
  return startJob('zip', { name: `${name}.zip`, bucket, place: base }, async (p) => {
    // A stream to a file can be written once.
    if (used && target !== 'memory') throw new Error('The file was begun already; start the download again.');
    used = true;
    const { downloadZip: zip } = await zipper();
    let done = 0;
    const taken = new Set<string>();
    const unique = (path: string) => {
      let result = zipName(path);
      for (let n = 2; taken.has(result); n++) result = zipName(path).replace(/(\.[^./]*)?$/, ` (${n})$1`);
      taken.add(result);
      return result;
    };
    const entry = async (key: string, modified?: Date, versionId?: string) => {
      const reply = await getObject(client, { bucket, key, ...(versionId && { versionId }) }, { signal: p.signal });
      const counter = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          done += chunk.length;
          p.done(done);
          controller.enqueue(chunk);
        },
      });
      const input = reply.body ? reply.body.pipeThrough(counter) : new Uint8Array();
      return { name: unique(key.slice(base.length)), input, lastModified: modified ?? new Date(reply.headers.get('last-modified') ?? Date.now()) };
    };
    async function* entries() {
      for (const item of items) {
        if (!item.folder) {
          yield await entry(item.key, undefined, item.versionId);
          continue;
        }
        for await (const page of walk(client, bucket, item.key, p.signal))
          for (const o of page) if (!o.key.endsWith('/')) yield await entry(o.key, o.modified);
      }
    }
    const stream = zip(entries());
    if (target !== 'memory') {
      await (stream.body as ReadableStream<Uint8Array>).pipeTo(target, { signal: p.signal });
      return;
    }
    const blob = await stream.blob();
    if (p.signal.aborted) return;
    const url = URL.createObjectURL(blob);
    const link = document.createElement('a');
    link.href = url;
    link.download = `${name}.zip`;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  });
}

/* ---- files that are dropped or picked ---- */

export interface Picked {
  file: File;
  /** With folders, as they were. */
  path: string;
}

export function pickedFrom(files: Iterable<File>): Picked[] {
  return Array.from(files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Folders are walked. Must be called while the drop is handled: afterwards the browser forgets what was dropped. */
export async function droppedFiles(data: DataTransfer): Promise<Picked[]> {
  const entries = Array.from(data.items, (item) => (item.kind === 'file' ? item.webkitGetAsEntry() : null));
  const plain = Array.from(data.files);
  if (!entries.some((e) => e !== null)) return pickedFrom(plain);
  const found: Picked[] = [];
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      found.push({ file, path: entry.fullPath.replace(/^\//, '') });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const e of some) await visit(e);
    }
  };
  for (const entry of entries) if (entry) await visit(entry);
  return found;
}
