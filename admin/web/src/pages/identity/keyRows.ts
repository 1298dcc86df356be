// SPDX-License-Identifier: Apache-2.0
import type { AccessKey, KeyUse } from '../../api/iam';

export type KeyRow = AccessKey & { use: KeyUse | undefined };

const DAY_MS = 86_400_000;
/** As long as most rules let a key live, and be idle. */
export const OLD_DAYS = 90;

export const isOld = (k: Pick<KeyRow, 'created'>, now: number): boolean => k.created !== undefined && now - k.created.getTime() > OLD_DAYS * DAY_MS;

/** Active though nobody has used it for so long, or ever. A key that was made today is not idle yet. */
export function isUnused(k: Pick<KeyRow, 'active' | 'created' | 'use'>, now: number): boolean {
  const last = k.use?.at?.getTime();
  const made = k.created?.getTime() ?? now;
  return k.active && (last === undefined ? now - made > DAY_MS : now - last > OLD_DAYS * DAY_MS);
}

/** All of a list, a few at a time; in the list's order. */
export async function inTurn<A, B>(list: readonly A[], atOnce: number, work: (a: A) => Promise<B>): Promise<B[]> {
  const results = new Array<B>(list.length);
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const i = next++;
      results[i] = await work(list[i] as A);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, list.length) }, worker));
  return results;
}
