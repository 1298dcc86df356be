// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, type Client } from '../../api/http';
import * as s3 from '../../api/s3';
import { clearEnded, getTasks, isEnded, PART_SIZE, pauseTask, resumeTask, startJob, startUploads, stopTask } from './transfers';

vi.mock('../../api/s3', () => ({
  abortMultipartUpload: vi.fn(),
  completeMultipartUpload: vi.fn(),
  createMultipartUpload: vi.fn(),
  listMultipartUploads: vi.fn(),
  listParts: vi.fn(),
  putObject: vi.fn(),
  uploadPart: vi.fn(),
}));
vi.mock('./checksums', () => ({
  FileUnreadable: class extends Error {},
  checksumOf: (blob: { crc: string }) => held.until.then(() => blob.crc),
}));
const held = vi.hoisted(() => ({ until: Promise.resolve() }));

const client = {} as Client;
const file = (parts: number, salt = ''): File =>
  ({ size: parts * PART_SIZE, type: '', name: 'f', crc: `whole${salt}`, slice: (from: number, to: number) => ({ size: to - from, crc: `${from / PART_SIZE + 1}${salt}` }) }) as unknown as File;
const settled = () => vi.waitFor(() => expect(getTasks().every(isEnded)).toBe(true));

describe('uploads', () => {
  const sent: number[] = [];
  beforeEach(() => {
    sent.length = 0;
    clearEnded();
    vi.mocked(s3.listMultipartUploads).mockResolvedValue({ uploads: [] });
    vi.mocked(s3.listParts).mockResolvedValue([]);
    vi.mocked(s3.createMultipartUpload).mockResolvedValue('new');
    vi.mocked(s3.completeMultipartUpload).mockResolvedValue({ etag: 'e' });
    vi.mocked(s3.abortMultipartUpload).mockResolvedValue();
    vi.mocked(s3.putObject).mockResolvedValue({ etag: 'e' });
    vi.mocked(s3.uploadPart).mockImplementation((_c, _r, _id, n) => (sent.push(n), Promise.resolve(`etag${n}`)));
  });

  const earlier = (crcs: string[]) => {
    vi.mocked(s3.listMultipartUploads).mockResolvedValue({ uploads: [{ key: 'k', uploadId: 'old', checksumAlgorithm: 'CRC32' }, { key: 'k2', uploadId: 'other' }] });
    vi.mocked(s3.listParts).mockResolvedValue(crcs.map((crc32, i) => ({ number: i + 1, size: PART_SIZE, etag: `e${i + 1}`, crc32 })));
  };

  it('small files are one request', async () => {
    expect(await startUploads(client, 'b', [{ file: file(1), key: 'k' }])).toEqual([true]);
    expect(s3.putObject).toHaveBeenCalled();
    expect(s3.createMultipartUpload).not.toHaveBeenCalled();
  });

  it('go on with parts that are this file’s', async () => {
    earlier(['1', '2']);
    expect(await startUploads(client, 'b', [{ file: file(4), key: 'k' }])).toEqual([true]);
    expect(sent.sort()).toEqual([3, 4]);
    expect(s3.createMultipartUpload).not.toHaveBeenCalled();
    const parts = vi.mocked(s3.completeMultipartUpload).mock.lastCall?.[3];
    expect(parts?.map((p) => p.number).sort()).toEqual([1, 2, 3, 4]);
    expect(getTasks()[0]?.resumed).toBe(2 * PART_SIZE);
  });

  it('begin anew when another file’s parts lie there', async () => {
    earlier(['1', 'different']);
    expect(await startUploads(client, 'b', [{ file: file(3), key: 'k' }])).toEqual([true]);
    expect(sent.sort()).toEqual([1, 2, 3]);
    expect(s3.abortMultipartUpload).not.toHaveBeenCalled();
  });

  it('begin anew, once, when the upload was ended by somebody', async () => {
    const gone = new ApiError('NoSuchUpload', 'gone', 404, '');
    vi.mocked(s3.uploadPart).mockRejectedValueOnce(gone);
    expect(await startUploads(client, 'b', [{ file: file(2), key: 'k' }])).toEqual([true]);
    expect(s3.createMultipartUpload).toHaveBeenCalledTimes(2);
  });

  it('what the server refuses is final, and may be tried again', async () => {
    vi.mocked(s3.uploadPart).mockRejectedValueOnce(new ApiError('AccessDenied', 'no', 403, ''));
    expect(await startUploads(client, 'b', [{ file: file(2), key: 'k' }])).toEqual([false]);
    const id = getTasks()[0]?.id ?? 0;
    expect(getTasks()[0]?.state).toBe('failed');
    resumeTask(id);
    await vi.waitFor(() => expect(getTasks()[0]?.state).toBe('done'));
  });

  it('what is paused while checksums are computed does not go on beside the resumed run', async () => {
    vi.mocked(s3.completeMultipartUpload).mockClear();
    let go = () => {};
    held.until = new Promise((resolve) => (go = resolve));
    const end = startUploads(client, 'b', [{ file: file(3), key: 'k' }]);
    const state = (want: string) => vi.waitFor(() => expect(getTasks()[0]?.state).toBe(want));
    await state('running');
    pauseTask(getTasks()[0]?.id ?? 0);
    resumeTask(getTasks()[0]?.id ?? 0);
    await state('running');
    go();
    expect(await end).toEqual([true]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sent.sort()).toEqual([1, 2, 3]);
    expect(s3.completeMultipartUpload).toHaveBeenCalledTimes(1);
    expect(getTasks()[0]?.state).toBe('done');
  });

  it('pause, go on, stop', async () => {
    let release: () => void = () => {};
    vi.mocked(s3.uploadPart).mockImplementation((_c, _r, _id, n, _b, o) =>
      new Promise((resolve, reject) => {
        o?.signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
        release = () => resolve(`etag${n}`);
      }),
    );
    const end = startUploads(client, 'b', [{ file: file(2), key: 'k' }]);
    await vi.waitFor(() => expect(s3.uploadPart).toHaveBeenCalled());
    const id = getTasks()[0]?.id ?? 0;
    pauseTask(id);
    expect(getTasks()[0]?.state).toBe('paused');
    resumeTask(id);
    await vi.waitFor(() => expect(getTasks()[0]?.state).toBe('running'));
    stopTask(id);
    expect(await end).toEqual([false]);
    expect(s3.abortMultipartUpload).toHaveBeenCalledWith(client, { bucket: 'b', key: 'k' }, 'new');
    release();
    await settled();
  });
});

describe('jobs', () => {
  it('tell how far they are, fail and are tried again', async () => {
    clearEnded();
    let first = true;
    const end = startJob('copy', { name: 'x', bucket: 'b', place: '' }, (p) => {
      p.done(3);
      if (!first) return Promise.resolve();
      first = false;
      return Promise.reject(new Error('no'));
    });
    expect(await end).toBe(false);
    const [task] = getTasks();
    resumeTask(task?.id ?? 0);
    await vi.waitFor(() => expect(getTasks()[0]?.state).toBe('done'));
    expect(getTasks()[0]?.done).toBe(3);
  });
});
