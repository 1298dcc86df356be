// SPDX-License-Identifier: Apache-2.0
/* So many at a time; those whose signal ends while they wait never begin. */
import { abortError } from '../../api/http';

export type Limit = <T>(action: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

export function limitTo(width: number): Limit {
  let running = 0;
  const waiting: Array<() => void> = [];
  const next = () => {
    running--;
    waiting.shift()?.();
  };
  return (action, signal) =>
    new Promise((resolve, reject) => {
      const begin = () => {
        running++;
        if (signal?.aborted) {
          next();
          return reject(abortError());
        }
        action().finally(next).then(resolve, reject);
      };
      if (running < width) begin();
      else waiting.push(begin);
    });
}
