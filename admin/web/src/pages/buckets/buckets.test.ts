// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest';
import { hostile } from '../../test/hostile';
import { emptyBucket } from './empty';
import { arrange, join, type Row } from './facts';
import { ALL_UNITS, toAmount, toBytes } from './fields';
import { limitTo } from './limit';
import { nameProblem, typedProblem } from './names';

describe('names', () => {
  it.each([
    ['photos', null],
    ['my.bucket-1', null],
    ['1.2.3', null],
    ['a'.repeat(63), null],
    ['', 'short'],
    ['ab', 'short'],
    ['a'.repeat(64), 'long'],
    ['Photos', 'upper'],
    ['my_bucket', 'characters'],
    ['naïve', 'characters'],
    ['my bucket', 'characters'],
    ['-abc', 'start'],
    ['.abc', 'start'],
    ['abc-', 'end'],
    ['abc.', 'end'],
    ['a..b', 'dots'],
    ['192.168.5.4', 'address'],
    ['1234.5.6.7', 'address'],
    ['xn--abc', 'prefix'],
    ['sthree-x', 'prefix'],
    ['amzn-s3-demo-x', 'prefix'],
    ['abc-s3alias', 'suffix'],
    ['abc--ol-s3', 'suffix'],
    ['abc.mrap', 'suffix'],
    ['abc--x-s3', 'suffix'],
    ['abc--table-s3', 'suffix'],
    ['minio', 'reserved'],
    ['pail', 'reserved'],
  ])('%j: %s', (name, problem) => expect(nameProblem(name)).toBe(problem));

  it('says nothing while more letters may mend it', () => {
    expect(typedProblem('a')).toBeNull();
    expect(typedProblem('abc-')).toBeNull();
    expect(typedProblem('abC')).toBe('upper');
  });
  it.each(hostile.map((h) => [h]))('refuses %j', (name) => {
    expect(nameProblem(name) === null).toBe(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name));
  });
});

describe('amounts', () => {
  it('chooses the largest unit that fits', () => {
    expect(toAmount(3 * 1024 ** 4)).toEqual({ value: 3, unit: 'TiB' });
    expect(toAmount(1536 * 1024 ** 2)).toEqual({ value: 1536, unit: 'MiB' });
    expect(toAmount(null)).toEqual({ value: null, unit: 'GiB' });
    expect(toAmount(1000)).toEqual({ value: 1, unit: 'MiB' });
    expect(toAmount(1000, ALL_UNITS)).toEqual({ value: 1000, unit: 'B' });
    expect(toAmount(0, ALL_UNITS).value).toBe(0);
  });
  it('comes back', () => expect(toBytes(toAmount(128 * 1024, ALL_UNITS))).toBe(131072));
});

const usage = (bytes: number) => ({ usage: { bytes, objects: bytes, noncurrentVersions: 0 } }) as unknown as Row['status'];

describe('the list', () => {
  const rows: Row[] = [{ name: 'b', status: usage(5) }, { name: 'a', status: usage(5) }, { name: 'abc', status: usage(9) }, { name: 'none' }];
  it('is sorted; ties by name', () => {
    expect(arrange(rows, '', 'bytes', false).map((r) => r.name)).toEqual(['none', 'a', 'b', 'abc']);
    expect(arrange(rows, '', 'bytes', true).map((r) => r.name)).toEqual(['abc', 'a', 'b', 'none']);
    expect(arrange(rows, '', 'name', true)[0]?.name).toBe('none');
  });
  it('is searched by words, which are no patterns', () => {
    expect(arrange(rows, ' A b ', 'name', false).map((r) => r.name)).toEqual(['abc']);
    expect(arrange(rows, '.*', 'name', false)).toEqual([]);
  });
  it('joins figures, also of names that objects have', () => {
    expect(join([{ name: 'constructor' }], [])[0]?.status).toBeUndefined();
  });
  it('takes ten thousand at once', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => ({ name: `bucket-${i}` }));
    expect(arrange(many, '99', 'name', false).length).toBeGreaterThan(100);
  });
});

describe('so many at a time', () => {
  it('never runs more', async () => {
    const limit = limitTo(3);
    let running = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        limit(async () => {
          most = Math.max(most, ++running);
          await Promise.resolve();
          running--;
        }),
      ),
    );
    expect(most).toBe(3);
  });
  it('goes on after a failure, and leaves out what was given up', async () => {
    const limit = limitTo(1);
    const over = new AbortController();
    const late = vi.fn(() => Promise.resolve(1));
    const bad = limit(() => Promise.reject(new Error('no')));
    const given = limit(late, over.signal);
    over.abort();
    await expect(bad).rejects.toThrow('no');
    await expect(given).rejects.toMatchObject({ name: 'AbortError' });
    expect(late).not.toHaveBeenCalled();
    await expect(limit(() => Promise.resolve(2))).resolves.toBe(2);
  });
});

const s3 = vi.hoisted(() => ({ listObjectVersions: vi.fn(), listMultipartUploads: vi.fn(), deleteObjects: vi.fn(), abortMultipartUpload: vi.fn() }));
vi.mock('../../api/s3', async (original) => ({ ...(await original<object>()), ...s3 }));

describe('emptying', () => {
  it('takes uploads, all versions and markers, page by page, and tells what stays', async () => {
    s3.listMultipartUploads.mockResolvedValue({ uploads: [{ key: 'u', uploadId: '1' }] });
    s3.listObjectVersions
      .mockResolvedValueOnce({ versions: [{ key: 'a', versionId: '1' }, { key: 'a', versionId: '2', isDeleteMarker: true }], next: { keyMarker: 'a', versionIdMarker: '2' } })
      .mockResolvedValueOnce({ versions: [{ key: hostile[0], versionId: 'null' }] });
    s3.deleteObjects
      .mockResolvedValueOnce({ deleted: [{ key: 'a' }], failed: [{ key: 'a', versionId: '2', code: 'AccessDenied', message: 'locked' }] })
      .mockResolvedValueOnce({ deleted: [{ key: hostile[0] }], failed: [] });
    const seen = vi.fn();
    const end = await emptyBucket({} as never, 'b', { signal: new AbortController().signal, bypass: true, onProgress: seen });
    expect(end).toMatchObject({ uploads: 1, versions: 2, failed: 1, failures: [{ key: 'a', message: 'locked' }] });
    expect(s3.abortMultipartUpload).toHaveBeenCalledTimes(1);
    expect(s3.deleteObjects.mock.calls[1]?.[2]).toEqual([{ key: hostile[0], versionId: 'null' }]);
    expect(s3.deleteObjects.mock.calls[0]?.[3]).toMatchObject({ bypass: true });
    expect(s3.listObjectVersions.mock.calls[1]?.[2]).toMatchObject({ marker: { keyMarker: 'a' } });
    expect(seen).toHaveBeenCalled();
  });
});
