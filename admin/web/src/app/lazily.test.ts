// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { whenNeeded } from './lazily';

const info = { version: '0', endpoint: null, port: 9000, region: 'us-east-1', providers: [] };
let away = false;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', () => (away ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(new Response(JSON.stringify(info)))));
});
afterEach(() => {
  away = false;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('whenNeeded', () => {
  it('does not ask for code while the server is away: a browser would remember that it did not come', async () => {
    await vi.advanceTimersByTimeAsync(60_000); // the first load is over
    away = true;
    const load = vi.fn(() => Promise.resolve('code'));
    const got = whenNeeded(load)();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(load).not.toHaveBeenCalled();
    away = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await got).toBe('code');
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('loads once', async () => {
    const load = vi.fn(() => Promise.resolve('code'));
    const code = whenNeeded(load);
    expect(await Promise.all([code(), code()])).toEqual(['code', 'code']);
    expect(await code()).toBe('code');
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('tries again with the next call after code that is not there', async () => {
    const load = vi.fn(() => Promise.resolve('code'));
    load.mockRejectedValueOnce(new TypeError('404')).mockRejectedValueOnce(new TypeError('404'));
    const code = whenNeeded(load);
    await expect(code()).rejects.toThrow('404');
    expect(await code()).toBe('code');
  });
});

describe('style sheets', () => {
  const links = () => [...document.querySelectorAll('link')];
  const sheet = (href: string) => document.head.appendChild(Object.assign(document.createElement('link'), { rel: 'stylesheet', href }));
  afterEach(() => links().forEach((link) => link.remove()));

  /** Code whose style sheet does not come the first time, as the bundler's loader tells of it. */
  const styled = (href: string) => {
    let tries = 0;
    return whenNeeded(() => {
      if (tries++) return Promise.resolve(href);
      sheet(href).dispatchEvent(new Event('error'));
      return Promise.reject(new Error(href));
    });
  };

  it('that did not come are asked for again, and nobody waits for one that another has asked for', async () => {
    const got = Promise.all([styled('/a.css')(), styled('/b.css')()]);
    await vi.advanceTimersByTimeAsync(10);
    expect(links().map((link) => link.getAttribute('href'))).toEqual(['/a.css', '/b.css']);
    links().forEach((link) => link.dispatchEvent(new Event('load')));
    const late = new Promise((resolve) => setTimeout(() => resolve('still waiting'), 1000));
    const first = Promise.race([got, late]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await first).toEqual(['/a.css', '/b.css']);
  });

  it('that are still on their way are left alone: somebody else waits for them', async () => {
    const coming = sheet('/coming.css');
    const got = styled('/lost.css')();
    await vi.advanceTimersByTimeAsync(10);
    expect(coming.isConnected).toBe(true);
    document.querySelector('link[href="/lost.css"]')?.dispatchEvent(new Event('load'));
    expect(await got).toBe('/lost.css');
  });
});
