// SPDX-License-Identifier: Apache-2.0
import type { History } from '../../api/pail';

/** The moments of a history's values, in milliseconds. */
export function timesOf(h: History): number[] {
  const n = Math.max(0, ...Object.values(h.series).map((v) => v.length));
  const ms = (v: number | string) => (typeof v === 'string' ? Date.parse(v) : v > 1e11 ? v : v * 1000);
  const from = ms(h.from);
  return Array.from({ length: n }, (_, i) => from + i * h.step_seconds * 1000);
}
