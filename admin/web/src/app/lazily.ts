// SPDX-License-Identifier: Apache-2.0
// Code that is loaded when it is needed, once the server is there: most browsers remember that a module did not come and never
// ask for it again until the page is loaded anew.
import { lazy, type ComponentType, type LazyExoticComponent } from 'react';
import { wasAway, whenThere } from './reachable';

/** Style sheets that did not come. Nothing of an element tells them from those that are on their way: neither have a sheet. */
const lost = new Set<HTMLLinkElement>();
document.addEventListener('error', (e) => e.target instanceof HTMLLinkElement && e.target.rel === 'stylesheet' && lost.add(e.target), true);
let restyled: Promise<unknown> = Promise.resolve();

/** They are asked for again: the bundler's loader asks for each of them once only. Who comes meanwhile waits for the same. */
function restyle(): Promise<unknown> {
  const links = [...lost];
  lost.clear();
  const asked = links.map(
    (link) =>
      new Promise<void>((resolve) => {
        const again = link.cloneNode() as HTMLLinkElement;
        again.onload = again.onerror = () => resolve();
        link.replaceWith(again);
      }),
  );
  restyled = Promise.all([restyled, ...asked]);
  return restyled;
}

/** Waits for the server as often as it goes away. What fails though the server is there (another version has other files) is an error. */
export async function patiently<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    await whenThere();
    try {
      return await load();
    } catch (error) {
      const away = await wasAway();
      await restyle();
      if (!away) return await load().catch(() => Promise.reject(error));
    }
  }
}

/** Loads it with the first call. */
export function whenNeeded<T>(load: () => Promise<T>): () => Promise<T> {
  let coming: Promise<T> | undefined;
  return () =>
    (coming ??= patiently(load).catch((error: unknown) => {
      coming = undefined;
      throw error;
    }));
}

export function lazily<P>(load: () => Promise<{ default: ComponentType<P> }>): LazyExoticComponent<ComponentType<P>> {
  return lazy(whenNeeded(load));
}
