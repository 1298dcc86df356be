// SPDX-License-Identifier: Apache-2.0
// Is the server there? Told by requests that fail for want of a reply; asked again until it is.
import { useSyncExternalStore } from 'react';
import { loadConsole } from './console';

const AGAIN_MS = 3000;
const listeners = new Set<() => void>();
let reachable = true;
let onBack = () => {};

function set(value: boolean) {
  reachable = value;
  listeners.forEach((l) => l());
}

function probe() {
  loadConsole().then(
    () => {
      set(true);
      onBack();
    },
    () => setTimeout(probe, AGAIN_MS),
  );
}

export function noteUnreachable(): void {
  if (!reachable) return;
  set(false);
  setTimeout(probe, AGAIN_MS);
}

export function whenBack(action: () => void): void {
  onBack = action;
}

/** When the server is there again; at once when nobody has missed it. */
export function untilReachable(): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!reachable) return;
      listeners.delete(look);
      resolve();
    };
    listeners.add(look);
    look();
  });
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
