// SPDX-License-Identifier: Apache-2.0
import { expect, it, vi } from 'vitest';
import { ApiError, type Client } from '../../api/http';
import * as s3 from '../../api/s3';
import { deleteItems, type DeleteResult } from './actions';
import { getTasks, resumeTask, stopTask } from './transfers';

vi.mock('../../api/s3', async (original) => ({ ...(await original<typeof s3>()), deleteObjects: vi.fn() }));

const client = {} as Client;
const items = Array.from({ length: 600 }, (_, i) => ({ key: `k${i}`, folder: false, size: 1 }));
const marked = (keys: ReadonlyArray<{ key: string }>) => ({ deleted: keys.map(({ key }) => ({ key, versionId: undefined, marker: `m-${key}` })), failed: [] });

it('a deletion that broke goes on where it was, and its undo knows every marker', async () => {
  const sent: string[] = [];
  const ends: DeleteResult[] = [];
  let fail = true;
  vi.mocked(s3.deleteObjects).mockImplementation((_c, _b, batch) => {
    if (batch.some((i) => i.key === 'k250') && fail) return Promise.reject(new ApiError('NetworkError', 'gone', 0, ''));
    sent.push(...batch.map((i) => i.key));
    const refused = fail ? batch.filter((i) => i.key === 'k3') : [];
    const { deleted } = marked(batch.filter((i) => !refused.includes(i)));
    return Promise.resolve({ deleted, failed: refused.map((i) => ({ key: i.key, versionId: undefined, code: 'AccessDenied', message: 'no' })) });
  });
  expect(await deleteItems(client, 'b', '', 'some', items, { onEnd: (r) => ends.push(r) })).toBe(false);
  expect(ends[0]?.count).toBe(249);
  expect(ends[0]?.undo).toHaveLength(249);
  fail = false;
  sent.length = 0;
  resumeTask(getTasks().at(-1)?.id ?? -1);
  await vi.waitFor(() => expect(ends).toHaveLength(2));
  expect(sent).toHaveLength(351);
  expect(sent).toContain('k3');
  expect(sent).not.toContain('k0');
  expect(ends[1]?.count).toBe(600);
  expect(new Set(ends[1]?.undo?.map((d) => d.key)).size).toBe(600);
});

it('a deletion that is stopped can be undone as far as it came', async () => {
  const ends: DeleteResult[] = [];
  vi.mocked(s3.deleteObjects).mockImplementation((_c, _b, batch) => {
    stopTask(getTasks().at(-1)?.id ?? -1);
    return Promise.resolve(marked(batch));
  });
  expect(await deleteItems(client, 'b', '', 'some', items, { onEnd: (r) => ends.push(r) })).toBe(false);
  expect(ends).toHaveLength(1);
  expect(ends[0]?.undo).toHaveLength(250);
});

it('what is gone, since versioning is suspended, is not offered back', async () => {
  const ends: DeleteResult[] = [];
  vi.mocked(s3.deleteObjects).mockImplementation((_c, _b, batch) => Promise.resolve({ deleted: batch.map(({ key }) => ({ key, versionId: undefined, marker: 'null' })), failed: [] }));
  expect(await deleteItems(client, 'b', '', 'some', items, { onEnd: (r) => ends.push(r) })).toBe(true);
  expect(ends).toEqual([{ undo: undefined, count: 600 }]);
});
