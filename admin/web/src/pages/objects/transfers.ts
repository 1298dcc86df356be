// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that takes its time: uploads, and copying, moving, deleting and zipping many objects. Tasks live outside of
 * React, so they go on while the user is elsewhere in the console. A task's object changes in place; whoever shows tasks
 * is told at most a few times a second.
 *
 * Uploads: small files are one request, larger ones parts of 16 MiB, at most SLOTS requests at a time for all of them,
 * so memory stays what a few requests take, however large the file. Each part is sent with its CRC-32. What was
 * uploaded before a pause, a lost connection or the end of the page lies on the server as an open multipart upload: it
 * is found by its key, and goes on when all its parts have the size and the checksum that this file's parts have.
 */
import { ApiError, isAbort, isApiError, sleep, type Client } from '../../api/http';
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  putObject,
  uploadPart,
  type ObjectRef,
  type UploadedPart,
} from '../../api/s3';
import { checksumOf, FileUnreadable } from './checksums';

export type TaskKind = 'upload' | 'zip' | 'copy' | 'move' | 'delete' | 'tag';
export type TaskState = 'waiting' | 'checking' | 'running' | 'offline' | 'paused' | 'done' | 'failed' | 'stopped';

export interface Task {
  id: number;
  kind: TaskKind;
  name: string;
  bucket: string;
  /** Where its result lies: a folder's prefix. */
  place: string;
  state: TaskState;
  /** Of bytes for uploads and zips, of objects for the others. */
  done: number;
  total: number | undefined;
  /** Bytes that were there already when an upload went on. */
  resumed: number;
  error?: unknown;
  /** Bytes a second, lately. */
  speed: number;
  canPause: boolean;
}

const MIB = 1 << 20;
export const PART_SIZE = 16 * MIB;
const PARTS_MAX = 10_000;
const SLOTS = 4;
const FILES_AT_ONCE = 4;
const NOTIFY_MS = 150;
/** How long a server that is away is waited for. */
const PATIENCE_MS = 15 * 60_000;
const CANDIDATES = 3;
const SHOWN_DONE_MS = 6000;

/** The same for every try of a file, so that parts of an earlier try fit. */
export function partSizeOf(size: number): number {
  return Math.max(PART_SIZE, Math.ceil(size / PARTS_MAX / MIB) * MIB);
}

/* ---- the list of tasks ---- */

let tasks: readonly Task[] = [];
let nextId = 1;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const getTasks = (): readonly Task[] => tasks;

function changed(now = false): void {
  if (now && timer) {
    clearTimeout(timer);
    timer = undefined;
  }
  timer ??= setTimeout(
    () => {
      timer = undefined;
      tasks = [...tasks];
      listeners.forEach((l) => l());
    },
    now ? 0 : NOTIFY_MS,
  );
}

const ENDED: readonly TaskState[] = ['done', 'failed', 'stopped'];
export const isEnded = (task: Task): boolean => ENDED.includes(task.state);
export const isActive = (task: Task): boolean => !isEnded(task) && task.state !== 'paused';

function add(task: Omit<Task, 'id' | 'done' | 'resumed' | 'speed'>): Task {
  const whole: Task = { ...task, id: nextId++, done: 0, resumed: 0, speed: 0 };
  tasks = [...tasks, whole];
  changed(true);
  return whole;
}

function setState(task: Task, state: TaskState, error?: unknown): void {
  task.state = state;
  task.error = error;
  changed(true);
}

/** Called whenever something in a folder has become different: lists read it anew. */
const watchers = new Set<(bucket: string, prefix: string) => void>();

export function onChange(watcher: (bucket: string, prefix: string) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function announce(bucket: string, prefix: string): void {
  watchers.forEach((w) => w(bucket, prefix));
}

/** The prefix in which a key, or a folder, lies. */
export const folderOf = (key: string): string => (key.length < 2 ? '' : key.slice(0, key.lastIndexOf('/', key.length - 2) + 1));

/* ---- uploads ---- */

class Slots {
  private free = SLOTS;
  private readonly queue: Array<() => void> = [];

  async take(signal: AbortSignal): Promise<() => void> {
    if (this.free > 0) this.free--;
    else
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener('abort', stop);
          resolve();
        };
        const stop = () => {
          const i = this.queue.indexOf(go);
          if (i >= 0) this.queue.splice(i, 1);
          reject(new DOMException('', 'AbortError'));
        };
        signal.addEventListener('abort', stop, { once: true });
        this.queue.push(go);
      });
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.queue.shift();
      if (next) next();
      else this.free++;
    };
  }
}

const slots = new Slots();

interface Upload {
  task: Task;
  client: Client;
  file: File;
  ref: ObjectRef;
  uploadId?: string;
  /** Checksums that are known, by part. */
  checksums: Map<number, string>;
  controller: AbortController;
  startedAnew: boolean;
  finished: (ok: boolean) => void;
}

const uploads = new Map<number, Upload>();
const queue: Upload[] = [];
let running = 0;

export interface NewUpload {
  file: File;
  key: string;
}

/** Puts files into the queue; what they make is announced. */
export function startUploads(client: Client, bucket: string, files: readonly NewUpload[]): Promise<boolean[]> {
  const ends: Array<Promise<boolean>> = [];
  for (const { file, key } of files) {
    const task = add({
      kind: 'upload',
      name: key,
      bucket,
      place: folderOf(key),
      state: 'waiting',
      total: file.size,
      canPause: file.size > PART_SIZE,
    });
    ends.push(
      new Promise<boolean>((finished) => {
        const upload: Upload = {
          task,
          client,
          file,
          ref: { bucket, key },
          checksums: new Map(),
          controller: new AbortController(),
          startedAnew: false,
          finished,
        };
        uploads.set(task.id, upload);
        queue.push(upload);
      }),
    );
  }
  pump();
  return Promise.all(ends);
}

function pump(): void {
  while (running < FILES_AT_ONCE) {
    const upload = queue.shift();
    if (!upload) return;
    if (upload.task.state !== 'waiting') continue;
    running++;
    void run(upload).finally(() => {
      running--;
      pump();
    });
  }
}

async function run(u: Upload): Promise<void> {
  const { task } = u;
  const controller = new AbortController();
  u.controller = controller;
  const meter = startMeter(task);
  try {
    if (u.file.size > PART_SIZE) await uploadInParts(u, controller);
    else await uploadWhole(u, controller.signal);
    task.done = u.file.size;
    setState(task, 'done');
    uploads.delete(task.id);
    announce(u.ref.bucket, task.place);
    u.finished(true);
  } catch (error) {
    if (isAbort(error)) return;
    setState(task, 'failed', error);
    u.finished(false);
  } finally {
    meter();
  }
}

/* Speed over the last seconds, so that it neither jumps nor lags. */
function startMeter(task: Task): () => void {
  const moved = () => task.done - task.resumed;
  let last = moved();
  const every = setInterval(() => {
    const now = Math.max(0, moved() - last);
    last = moved();
    task.speed = task.speed === 0 ? now : task.speed * 0.7 + now * 0.3;
    if (task.state === 'running') changed();
  }, 1000);
  return () => {
    clearInterval(every);
    task.speed = 0;
    changed();
  };
}

/* What cannot be stopped, such as a checksum, may end when its run is over and the next one has begun. */
function stillWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new DOMException('', 'AbortError');
}

/* Tries until the server is back, within reason. What the server refuses is final. The signal is that of the run: a paused run never goes on beside the next one. */
async function persist<T>(u: Upload, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  const until = Date.now() + PATIENCE_MS;
  for (let n = 0; ; n++) {
    stillWanted(signal);
    try {
      const result = await attempt();
      stillWanted(signal);
      if (u.task.state === 'offline') setState(u.task, 'running');
      return result;
    } catch (error) {
      stillWanted(signal);
      const away = error instanceof ApiError && (error.code === 'NetworkError' || error.status >= 500);
      if (!away || error.status === 501 || Date.now() > until) throw error;
      setState(u.task, 'offline');
      await sleep(Math.min(10_000, 500 * 2 ** Math.min(n, 5)), signal);
    }
  }
}

async function uploadWhole(u: Upload, signal: AbortSignal): Promise<void> {
  const { task, file, client, ref } = u;
  const crc32 = await checksumOf(file);
  await persist(u, signal, async () => {
    const release = await slots.take(signal);
    try {
      setState(task, 'running');
      task.done = 0;
      await putObject(client, ref, file, {
        contentType: typeOf(file),
        crc32,
        signal,
        onProgress: (sent) => {
          task.done = Math.min(sent, file.size);
          changed();
        },
      });
    } finally {
      release();
    }
  });
}

export function typeOf(file: File): string {
  return /^[\x21-\x7e]+\/[\x20-\x7e]+$/.test(file.type) ? file.type : 'application/octet-stream';
}

async function uploadInParts(u: Upload, controller: AbortController): Promise<void> {
  const { task, file, client, ref } = u;
  const { signal } = controller;
  const partSize = partSizeOf(file.size);
  const count = Math.ceil(file.size / partSize);
  const slice = (n: number) => file.slice((n - 1) * partSize, Math.min(file.size, n * partSize));
  const checksum = async (n: number): Promise<string> => {
    const known = u.checksums.get(n);
    if (known !== undefined) return known;
    const crc = await checksumOf(slice(n));
    u.checksums.set(n, crc);
    return crc;
  };

  setState(task, 'checking');
  const parts = new Map<number, UploadedPart>();
  const found = await persist(u, signal, () => findEarlier(u, signal, count, partSize, checksum));
  if (found) {
    u.uploadId = found.uploadId;
    for (const part of found.parts) parts.set(part.number, part);
  } else {
    u.uploadId = await persist(u, signal, () =>
      createMultipartUpload(client, ref, { contentType: typeOf(file), checksum: 'CRC32', signal }),
    );
  }
  const uploadId = u.uploadId;
  setState(task, 'running');

  /* Bytes of finished parts, and of those under way. */
  let stored = [...parts.values()].reduce((sum, p) => sum + p.size, 0);
  const flying = new Map<number, number>();
  task.resumed = stored;
  const show = () => {
    let sum = stored;
    for (const n of flying.values()) sum += n;
    task.done = sum;
    changed();
  };
  show();

  let next = 1;
  const one = async (): Promise<void> => {
    for (;;) {
      while (parts.has(next)) next++;
      if (next > count) return;
      const n = next++;
      const body = slice(n);
      const crc = await checksum(n);
      const etag = await persist(u, signal, async () => {
        const release = await slots.take(signal);
        try {
          return await uploadPart(client, ref, uploadId, n, body, {
            crc32: crc,
            signal,
            onProgress: (sent) => {
              flying.set(n, Math.min(sent, body.size));
              show();
            },
          });
        } finally {
          release();
          flying.delete(n);
        }
      });
      parts.set(n, { number: n, size: body.size, etag, crc32: crc });
      stored += body.size;
      show();
    }
  };
  try {
    await Promise.all(Array.from({ length: SLOTS }, one));
    await persist(u, signal, () => completeMultipartUpload(client, ref, uploadId, [...parts.values()], { signal }));
  } catch (error) {
    if (isApiError(error, 'NoSuchUpload') && !u.startedAnew && !signal.aborted) {
      // Somebody has ended it meanwhile: a lifecycle rule, or another window. Once more from the beginning.
      u.startedAnew = true;
      u.uploadId = undefined;
      controller.abort();
      u.controller = new AbortController();
      return uploadInParts(u, u.controller);
    }
    // The others would upload what can't be completed.
    controller.abort();
    throw error;
  }
}

interface Earlier {
  uploadId: string;
  parts: UploadedPart[];
}

/* An open upload of this key whose parts are this file's. */
async function findEarlier(
  u: Upload,
  signal: AbortSignal,
  count: number,
  partSize: number,
  checksum: (n: number) => Promise<string>,
): Promise<Earlier | undefined> {
  const { client, ref, file } = u;
  let candidates: string[];
  try {
    const page = await listMultipartUploads(client, ref.bucket, { prefix: ref.key, maxUploads: 100, signal });
    candidates = page.uploads
      .filter((e) => e.key === ref.key && (e.checksumAlgorithm ?? 'CRC32') === 'CRC32')
      .sort((a, b) => (b.initiated?.getTime() ?? 0) - (a.initiated?.getTime() ?? 0))
      .map((e) => e.uploadId);
  } catch (error) {
    if (!(error instanceof ApiError) || !error.isDenied) throw error;
    candidates = [];
  }
  if (u.uploadId) candidates = [u.uploadId, ...candidates.filter((id) => id !== u.uploadId)];
  for (const uploadId of candidates.slice(0, CANDIDATES)) {
    const parts = await listParts(client, ref, uploadId, { signal }).catch((error: unknown) => {
      if (error instanceof ApiError && error.isDenied) return undefined;
      throw error;
    });
    if (!parts) continue;
    const fits = parts.every(
      (p) =>
        p.number <= count &&
        p.crc32 !== undefined &&
        p.size === Math.min(partSize, file.size - (p.number - 1) * partSize),
    );
    if (!fits || (parts.length === 0 && uploadId !== u.uploadId)) continue;
    let same = true;
    for (const part of parts) {
      stillWanted(signal);
      if ((await checksum(part.number)) !== part.crc32) {
        same = false;
        break;
      }
    }
    if (same) return { uploadId, parts };
  }
  return undefined;
}

/* ---- what a user does with tasks ---- */

export function pauseTask(id: number): void {
  const u = uploads.get(id);
  if (!u || !isActive(u.task)) return;
  setState(u.task, 'paused');
  u.controller.abort();
}

/** After a pause or a failure. */
export function resumeTask(id: number): void {
  const u = uploads.get(id);
  if (u && (u.task.state === 'paused' || u.task.state === 'failed')) {
    if (u.task.error instanceof FileUnreadable) u.checksums.clear();
    setState(u.task, 'waiting');
    queue.push(u);
    pump();
    return;
  }
  const job = jobs.get(id);
  if (job && job.task.state === 'failed') void runJob(job);
}

export function canResume(task: Task): boolean {
  return (task.state === 'paused' || task.state === 'failed') && (uploads.has(task.id) || jobs.has(task.id));
}

export function stopTask(id: number): void {
  const u = uploads.get(id);
  if (u) {
    uploads.delete(id);
    setState(u.task, 'stopped');
    u.controller.abort();
    u.finished(false);
    if (u.uploadId) void abortMultipartUpload(u.client, u.ref, u.uploadId).catch(() => undefined);
  }
  const job = jobs.get(id);
  if (job && !isEnded(job.task)) {
    setState(job.task, 'stopped');
    job.controller.abort();
  }
}

export function clearEnded(): void {
  for (const task of tasks) if (isEnded(task)) forget(task.id);
  tasks = tasks.filter((task) => !isEnded(task));
  changed(true);
}

/* What went well and can be seen in the list anyway leaves by itself. */
function drop(id: number): void {
  tasks = tasks.filter((task) => task.id !== id);
  changed(true);
}

function forget(id: number): void {
  uploads.delete(id);
  jobs.delete(id);
}

/* ---- other work ---- */

export interface Progress {
  signal: AbortSignal;
  total: (n: number | undefined) => void;
  done: (n: number) => void;
}

interface Job {
  task: Task;
  work: (progress: Progress) => Promise<void>;
  controller: AbortController;
  finished: (ok: boolean) => void;
}

const jobs = new Map<number, Job>();

/** True when it went well. Failures are shown with the task, which may be tried again. */
export function startJob(
  kind: Exclude<TaskKind, 'upload'>,
  about: { name: string; bucket: string; place: string; total?: number },
  work: (progress: Progress) => Promise<void>,
): Promise<boolean> {
  const task = add({ kind, ...about, total: about.total, state: 'running', canPause: false });
  return new Promise((finished) => {
    const job = { task, work, controller: new AbortController(), finished };
    jobs.set(task.id, job);
    void runJob(job);
  });
}

async function runJob(job: Job): Promise<void> {
  const { task } = job;
  job.controller = new AbortController();
  task.done = 0;
  setState(task, 'running');
  const meter = task.kind === 'zip' ? startMeter(task) : () => undefined;
  try {
    await job.work({
      signal: job.controller.signal,
      total: (n) => {
        task.total = n;
        changed();
      },
      done: (n) => {
        task.done = n;
        changed();
      },
    });
    setState(task, 'done');
    jobs.delete(task.id);
    if (task.kind !== 'zip') setTimeout(() => drop(task.id), SHOWN_DONE_MS);
    job.finished(true);
  } catch (error) {
    if (isAbort(error) || job.controller.signal.aborted) setState(task, 'stopped');
    else setState(task, 'failed', error);
    job.finished(false);
  } finally {
    meter();
    announce(task.bucket, task.place);
  }
}

/** Leaving the page would end these. */
if (typeof window !== 'undefined')
  window.addEventListener('beforeunload', (event) => {
    if (tasks.some(isActive)) event.preventDefault();
  });
