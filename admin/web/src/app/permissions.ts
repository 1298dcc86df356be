// SPDX-License-Identifier: Apache-2.0
// What the user may do, asked of the server in batches and remembered for a minute, so that nobody sees dead buttons. This is for
// looks only: the server decides each request anew.
import { useEffect, useReducer } from 'react';
import { can } from '../api/pail';
import { api, getSession } from './session';

export type Check = { action: string; resource?: string };
export type Can = {
  /** One for each check; false until it is known. */
  allowed: boolean[];
  all: boolean;
  any: boolean;
  isLoading: boolean;
};

const REMEMBERED_MS = 60_000;
const GATHER_MS = 15;

type Entry = { allowed: boolean; until: number };
const cache = new Map<string, Entry>();
const wanted = new Map<string, Required<Check>>();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | null = null;
let owner: string | undefined;

const keyOf = (c: Check) => `${c.action} ${c.resource ?? '*'}`;

function notify() {
  listeners.forEach((l) => l());
}

async function ask(checks: Required<Check>[]): Promise<void> {
  // When it is not known the button is shown: the server will say no.
  const allowed = await can(api(), checks).catch(() => checks.map(() => true));
  const until = Date.now() + REMEMBERED_MS;
  checks.forEach((c, i) => cache.set(keyOf(c), { allowed: allowed[i] ?? false, until }));
}

async function flush() {
  timer = null;
  const all = [...wanted.values()];
  wanted.clear();
  await ask(all);
  notify();
}

function want(check: Check) {
  const now = getSession().credentials?.accessKeyId;
  if (owner !== now) {
    cache.clear();
    owner = now;
  }
  const key = keyOf(check);
  const known = cache.get(key);
  if (known && known.until > Date.now()) return;
  wanted.set(key, { action: check.action, resource: check.resource ?? '*' });
  timer ??= setTimeout(() => void flush(), GATHER_MS);
}

/** After a change of policies: ask anew. What was known stays until then, so that pages keep what they show. */
export function forgetPermissions(): void {
  for (const entry of cache.values()) entry.until = 0;
  notify();
}

/**
 * useCan([{ action: 's3:PutObject', resource: objectArn('b', '*') }]).all
 * An S3 resource is "arn:aws:s3:::bucket" or "arn:aws:s3:::bucket/key"; others are "*".
 */
export function useCan(checks: readonly Check[]): Can {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const keys = checks.map(keyOf).join('\n');
  useEffect(() => {
    listeners.add(again);
    return () => void listeners.delete(again);
  }, []);
  useEffect(() => {
    checks.forEach(want);
    // What was remembered for another user is gone now.
    again();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [keys]);
  // What is out of date is asked anew when it is drawn again; the rest costs a look into the cache.
  useEffect(() => checks.forEach(want));
  const entries = checks.map((c) => cache.get(keyOf(c)));
  const allowed = entries.map((e) => e?.allowed ?? false);
  return { allowed, all: allowed.every(Boolean), any: allowed.some(Boolean) || checks.length === 0, isLoading: entries.some((e) => e === undefined) };
}

export const bucketArn = (bucket: string) => `arn:aws:s3:::${bucket}`;
export const objectArn = (bucket: string, key = '*') => `arn:aws:s3:::${bucket}/${key}`;
