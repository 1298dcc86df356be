// SPDX-License-Identifier: Apache-2.0
import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';
const STORED = 'pail.theme';
const listeners = new Set<() => void>();
let theme: Theme = read();

function read(): Theme {
  try {
    const saved = localStorage.getItem(STORED);
    return saved === 'light' || saved === 'dark' ? saved : 'system';
  } catch {
    return 'system';
  }
}

function atOnce(change: () => void): void {
  const { dataset } = document.documentElement;
  dataset.switching = '';
  change();
  // All styles are reckoned now, while nothing fades.
  void document.body.offsetHeight;
  delete dataset.switching;
}

export function applyTheme(): void {
  atOnce(() => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  });
}

/** The system's own switch comes before the styles of the frame. */
export function followSystem(): void {
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => atOnce(() => {}));
}

export function setTheme(next: Theme): void {
  theme = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // Then it holds for this page only.
  }
  applyTheme();
  listeners.forEach((l) => l());
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => theme,
  );
}
