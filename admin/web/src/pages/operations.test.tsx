// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { hostile } from '../test/hostile';
import { snippets } from './connect/snippets';
import { readAudit } from './monitoring/audit';
import { readLines } from './monitoring/logs';
import { inClass } from './monitoring/parts';
import { readEntry } from './monitoring/trace';
import { timesOf } from './overview/times';
import { problemsOf } from './system/health';
import { readSettings } from './system/settings';
import type { Work } from './system/work';

const work: Work = {
  disk: { total: 100, free: 60 },
  index: { used: 1, file: 2, commits: 0, changes: 0, waiting: 0, full: false, failed: false },
  loops: [],
  workers: { threads: 4, busy: 0, waiting: 0, refused: 0 },
  scrub: { enabled: true, running: false, done: 0, done_blobs: 0, total: 0, bad: 0, last_begin: null, last_end: null, snapshot: null, snapshot_failed: false },
  lifecycle: { examined: 0, expired: 0, moved: 0, aborted: 0, failed: 0 },
  garbage: { removed: 0, passes: 0, places: 0 },
  audit: { enabled: false, lines: 0, dropped: 0, waiting: 0 },
  tiers: [],
};

describe('replies', () => {
  it('that are not what they should be break nothing', () => {
    for (const reply of [null, undefined, 'text', 7, {}, { entries: null }, { lines: 'x' }]) {
      expect(readAudit(reply)).toEqual([]);
      expect(readLines(reply)).toEqual([]);
      expect(readSettings(reply)).toEqual([]);
    }
    expect(readAudit([{}])[0]?.status).toBe(0);
    expect(readLines([{ level: 3 }])[0]?.text).toBe('');
  });
  it('of the audit log are read', () => {
    const [line] = readAudit({ entries: [{ time: '2026-01-01T00:00:00Z', id: 'R', api: 'GetObject', bucket: 'b', object: hostile[0], status: 404, error: 'NoSuchKey', user: 'u', milliseconds: 1.5, bytes_in: 1, bytes_out: 2, console: true }] });
    expect(line).toMatchObject({ api: 'GetObject', object: hostile[0], status: 404, seconds: 0.0015, rx: 1, tx: 2, console: true });
  });
  it('of the trace are read, without their port', () => {
    const line = readEntry({ type: 0, nodename: '', funcname: 's3.GetObject', time: '', path: '/b/k', dur: 2e6, bytes: 0, http: { request: { time: '', proto: '', method: 'GET', path: '/b/k', rawquery: '', headers: {}, client: '10.0.0.1:123' }, response: { time: '', headers: {}, statuscode: 200 }, stats: { inputbytes: 0, outputbytes: 0, latency: 0, timetofirstbyte: 0 } } }, 1);
    expect(line).toMatchObject({ name: 'GetObject', client: '10.0.0.1', ms: 2, status: 200 });
  });
  it('of the history have a time for each value', () => {
    const times = timesOf({ step_seconds: 10, from: '2026-01-01T00:00:00Z', to: '', series: { requests: [1, null, 3] } });
    expect(times.map((v) => v - (times[0] ?? 0))).toEqual([0, 10_000, 20_000]);
    expect(timesOf({ step_seconds: 10, from: 0, to: 0, series: {} })).toEqual([]);
  });
});

it('statuses fall into classes', () => {
  expect([200, 304, 404, 500].map((s) => inClass(s, 'errors'))).toEqual([false, false, true, true]);
  expect([200, 404, 500].map((s) => inClass(s, '4xx'))).toEqual([false, true, false]);
  expect([200, 404].map((s) => inClass(s, 'ok'))).toEqual([true, false]);
});

describe('health', () => {
  it('is well when nothing is wrong', () => expect(problemsOf(work)).toEqual([]));
  it('names what is wrong', () => {
    const bad: Work = { ...work, disk: { total: 100, free: 2 }, index: { ...work.index, failed: true, full: true }, scrub: { ...work.scrub, enabled: false, bad: 3, snapshot_failed: true }, audit: { ...work.audit, dropped: 9 }, workers: { threads: 2, busy: 2, waiting: 9, refused: 0 } };
    expect(problemsOf(bad)).toHaveLength(8);
    expect(problemsOf({ ...work, disk: { total: null, free: null } })).toEqual([]);
  });
});

describe('snippets', () => {
  const all = snippets({ endpoint: 'https://s3.example.org', region: 'eu-1', bucket: 'photos' });
  it('are filled in, and have no secret', () => {
    expect(all.map((s) => s.id)).toEqual(expect.arrayContaining(['aws', 'boto3', 'js', 'go', 'java', 'rclone', 'mc', 'terraform']));
    for (const s of all) {
      const text = s.parts.map((p) => p.code).join('\n');
      expect(text).toContain('photos');
      expect(text).toContain('s3.example.org');
      expect(text).not.toContain('undefined');
    }
  });
});
