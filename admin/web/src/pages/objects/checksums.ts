// SPDX-License-Identifier: Apache-2.0
/* The page's side of crc.worker.ts. Where there are no workers, the page computes by itself. */
import { crc32OfBlob, crc32Text } from './crc32';

type Waiting = { resolve: (text: string) => void; reject: (error: Error) => void };
type Answer = { id: number; crc?: number; error?: string };

/** What a worker has read waits for its collector, which comes late: after so much another takes its place, and its memory is free at once. */
const READS = 256 * 2 ** 20;

let worker: { post: (blob: Blob) => Promise<string> } | null | undefined;

function start() {
  if (worker !== undefined) return worker;
  let made: Worker;
  try {
    made = new Worker(new URL('./crc.worker.ts', import.meta.url), { type: 'module' });
  } catch {
    return (worker = null);
  }
  const waiting = new Map<number, Waiting>();
  let next = 1;
  let left = READS;
  const self = {
    post: (blob: Blob) =>
      new Promise<string>((resolve, reject) => {
        left -= blob.size;
        if (left < 0 && worker === self) worker = undefined;
        const id = next++;
        waiting.set(id, { resolve, reject });
        made.postMessage({ id, blob });
      }),
  };
  made.onmessage = (event: MessageEvent<Answer>) => {
    const { id, crc, error } = event.data;
    const w = waiting.get(id);
    waiting.delete(id);
    if (crc === undefined) w?.reject(new FileUnreadable(error ?? ''));
    else w?.resolve(crc32Text(crc));
    if (left < 0 && waiting.size === 0) made.terminate();
  };
  made.onerror = () => {
    // It could not be loaded. What waits is asked for again, here.
    worker = null;
    for (const w of waiting.values()) w.reject(new WorkerGone());
    waiting.clear();
  };
  return (worker = self);
}

class WorkerGone extends Error {}

/** The file was changed, moved or taken away since it was chosen. */
export class FileUnreadable extends Error {
  override name = 'FileUnreadable';
}

const here = async (blob: Blob): Promise<string> => {
  try {
    return crc32Text(await crc32OfBlob(blob));
  } catch (error) {
    throw new FileUnreadable(String(error));
  }
};

export async function checksumOf(blob: Blob): Promise<string> {
  const w = start();
  if (!w) return here(blob);
  try {
    return await w.post(blob);
  } catch (error) {
    if (error instanceof WorkerGone) return here(blob);
    throw error;
  }
}
