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
