// SPDX-License-Identifier: Apache-2.0
/* The page's side of crc.worker.ts. Where there are no workers, the page computes by itself. */
import { crc32OfBlob, crc32Text } from './crc32';

type Waiting = { resolve: (text: string) => void; reject: (error: Error) => void };
type Answer = { id: number; crc?: number; error?: string };

let worker: Worker | null | undefined;
let next = 1;
const waiting = new Map<number, Waiting>();

function start(): Worker | null {
  if (worker !== undefined) return worker;
  try {
    worker = new Worker(new URL('./crc.worker.ts', import.meta.url), { type: 'module' });
  } catch {
    return (worker = null);
  }
  worker.onmessage = (event: MessageEvent<Answer>) => {
    const { id, crc, error } = event.data;
    const w = waiting.get(id);
    waiting.delete(id);
    if (crc === undefined) w?.reject(new FileUnreadable(error ?? ''));
    else w?.resolve(crc32Text(crc));
  };
  worker.onerror = () => {
    // It could not be loaded. What waits is asked for again, here.
    worker = null;
    for (const w of waiting.values()) w.reject(new WorkerGone());
    waiting.clear();
  };
  return worker;
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
    return await new Promise<string>((resolve, reject) => {
      const id = next++;
      waiting.set(id, { resolve, reject });
      w.postMessage({ id, blob });
    });
  } catch (error) {
    if (error instanceof WorkerGone) return here(blob);
    throw error;
  }
}
