// SPDX-License-Identifier: Apache-2.0
// Is the server there? Told by requests that get no reply, and by asking now and then, since many a page fetches rarely.
import { useSyncExternalStore } from 'react';
import { begunAt, loadConsole } from './console';

/** A server that takes connections and says nothing counts as away. */
export const PROBE_MS = 5000;
const AGAIN_MS = 3000;
/** The first load does not ask twice. */
const FIRST_LOAD_MS = 1000;
export const EVERY_MS = 10_000;
const listeners = new Set<() => void>();
let reachable = true;
let probing: Promise<void> | undefined;
let onBack = () => {};

function set(value: boolean) {
  if (value === reachable) return;
  reachable = value;
  listeners.forEach((l) => l());
}

async function answers(): Promise<boolean> {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), PROBE_MS);
  const there = await loadConsole(control.signal).then(() => true, () => false);
  clearTimeout(timer);
  return there;
}

async function probe(): Promise<void> {
  while (!(await answers())) {
    set(false);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** For a request that got no reply: one of many may get lost, so the server is asked before anybody is told. */
export function askServer(): void {
  probing ??= probe().then(() => {
    probing = undefined;
    if (reachable) return;
    set(true);
    onBack();
  });
}

/** Asks while somebody looks at the page. Returns what ends it. */
export function keepAsking(): () => void {
  const timer = setInterval(() => {
    if (!document.hidden) askServer();
  }, EVERY_MS);
  return () => clearInterval(timer);
}

export function whenBack(action: () => void): void {
  onBack = action;
}

/** When the server is there again; at once when nobody has missed it. */
export function untilReachable(): Promise<void> {
  return probing ?? Promise.resolve();
}

/** Of something that did not come: was it that the server is away? Then true, as soon as it is back. */
export async function wasAway(): Promise<boolean> {
  if (await answers()) return false;
  askServer();
  await untilReachable();
  return true;
}

/** Asks, and waits while the server is away. */
export async function whenThere(): Promise<void> {
  while (performance.now() - begunAt > FIRST_LOAD_MS && (await wasAway()));
}

export function useReachable(): boolean {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => reachable,
  );
}
