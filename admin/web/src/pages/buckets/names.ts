// SPDX-License-Identifier: Apache-2.0
/* What a bucket may be called: S3's rules, in the order in which somebody who types meets them. */

export type NameProblem = 'short' | 'long' | 'upper' | 'characters' | 'start' | 'end' | 'dots' | 'address' | 'prefix' | 'suffix' | 'reserved';

const MIN = 3;
const MAX = 63;
const PREFIXES = ['xn--', 'sthree-', 'amzn-s3-demo-'];
const SUFFIXES = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'];
/* First parts of the server's own paths. */
const RESERVED = ['minio', 'pail'];

/** What is wrong with a name; null: nothing. */
export function nameProblem(name: string): NameProblem | null {
  if (/[A-Z]/.test(name)) return 'upper';
  if (!/^[a-z0-9.-]*$/.test(name)) return 'characters';
  if (/^[.-]/.test(name)) return 'start';
  if (name.includes('..')) return 'dots';
  if (name.length > MAX) return 'long';
  if (name.length < MIN) return 'short';
  if (/[.-]$/.test(name)) return 'end';
  if (/^[0-9]*\.[0-9]*\.[0-9]*\.[0-9]*$/.test(name)) return 'address';
  if (PREFIXES.some((p) => name.startsWith(p))) return 'prefix';
  if (SUFFIXES.some((s) => name.endsWith(s))) return 'suffix';
  if (RESERVED.includes(name)) return 'reserved';
  return null;
}

/** While it is typed: only what more letters will not mend. */
export function typedProblem(name: string): NameProblem | null {
  const problem = nameProblem(name);
  return problem === 'short' || problem === 'end' ? null : problem;
}
