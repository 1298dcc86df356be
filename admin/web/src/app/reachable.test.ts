// SPDX-License-Identifier: Apache-2.0
import { act, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EVERY_MS, keepAsking, PROBE_MS, useReachable, wasAway } from './reachable';

let hangs = false;
let given: AbortSignal[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  given = [];
  vi.stubGlobal('fetch', (_url: string, { signal }: RequestInit) => {
    if (!hangs) return Promise.resolve(new Response('{}'));
    if (signal) given.push(signal);
    // Nothing but the page's own patience ends it.
    return new Promise((_, fail) => signal?.addEventListener('abort', () => fail(new DOMException('gone', 'AbortError'))));
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('a server that takes requests and never answers is told of in time, and so is its return', async () => {
  const { result } = renderHook(useReachable);
  const end = keepAsking();
  hangs = true;
  await act(() => vi.advanceTimersByTimeAsync(EVERY_MS + PROBE_MS - 1));
  expect(result.current).toBe(true);
  await act(() => vi.advanceTimersByTimeAsync(1));
  expect(result.current).toBe(false);
  await act(() => vi.advanceTimersByTimeAsync(4 * PROBE_MS));
  expect(given.filter((s) => !s.aborted).length).toBeLessThanOrEqual(1);
  hangs = false;
  await act(() => vi.advanceTimersByTimeAsync(2 * PROBE_MS));
  expect(result.current).toBe(true);
  end();
  expect(vi.getTimerCount()).toBe(0);
});

it('who asks why something did not come is not left waiting by it', async () => {
  hangs = true;
  let away: boolean | undefined;
  void wasAway().then((value) => (away = value));
  await vi.advanceTimersByTimeAsync(PROBE_MS);
  hangs = false;
  await vi.advanceTimersByTimeAsync(2 * PROBE_MS);
  expect(away).toBe(true);
});
