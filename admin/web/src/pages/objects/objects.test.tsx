// SPDX-License-Identifier: Apache-2.0
import { render, screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { isArchived, readRestore } from '../../api/s3';
import { attachmentHeader, targetKey, zipName } from './actions';
import { foldLines } from './Compare';
import { crc32, crc32OfBlob, crc32Text } from './crc32';
import { parseCsv, separatorOf } from './csv';
import Markdown from './Markdown';
import { kindOf, lastName, Name, previewType, visible } from './names';
import { addressOf, readWhere } from './place';
import { prettyJson } from './Preview';
import { folderOf, partSizeOf, PART_SIZE } from './transfers';

describe('crc32', () => {
  it('is that of zip', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array())).toBe(0);
    expect(crc32Text(0xcbf43926)).toBe('y/Q5Jg==');
  });

  it('is the same in pieces of any length', () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7919) & 255);
    const whole = crc32(bytes);
    for (const cut of [1, 7, 8, 9, 500, 999]) expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(whole);
  });

  it('reads blobs as streams', async () => {
    const blob = { stream: () => new ReadableStream({ start: (c) => (c.enqueue(new TextEncoder().encode('12345')), c.enqueue(new TextEncoder().encode('6789')), c.close()) }) };
    expect(await crc32OfBlob(blob as Blob)).toBe(0xcbf43926);
  });
});

describe('parts of uploads', () => {
  it('are at most ten thousand', () => {
    expect(partSizeOf(1)).toBe(PART_SIZE);
    for (const size of [5 * 2 ** 30, 5 * 2 ** 40, 200 * 2 ** 30 + 1]) expect(Math.ceil(size / partSizeOf(size))).toBeLessThanOrEqual(10_000);
  });
});

describe('names', () => {
  it('show what can’t be seen', () => {
    expect(visible('a\nb\t')).toBe('a⟨0A⟩b⟨09⟩');
    expect(visible('\u202Egnp.exe')).toBe('⟨202E⟩gnp.exe');
    expect(visible('  x ')).toBe('␣␣x␣');
  });

  it('are text, whatever they look like', () => {
    const { container } = render(<Name text={'<img src=x onerror=alert(1)>\u202E'} />);
    expect(container.querySelector('img')).toBeNull();
    expect(screen.getByText('<img src=x onerror=alert(1)>⟨202E⟩')).toBeTruthy();
  });

  it('end with their last segment', () => {
    expect([lastName('a/b'), lastName('a/b/'), lastName('a'), lastName('/'), lastName('a//')]).toEqual(['b', 'b/', 'a', '/', '/']);
    expect([folderOf('a/b'), folderOf('a/b/'), folderOf('a'), folderOf('/'), folderOf('')]).toEqual(['a/', 'a/', '', '', '']);
  });

  it('tell kinds, the type before the extension', () => {
    expect(kindOf('a.png')).toBe('image');
    expect(kindOf('a.png', 'image/svg+xml')).toBe('svg');
    expect(kindOf('Makefile')).toBe('text');
    expect(kindOf('x.html', 'text/html')).toBe('text');
    expect(kindOf('x')).toBe('other');
    expect(previewType('a.svg', 'svg', 'text/html')).toBe('image/svg+xml');
  });
});

describe('files that leave', () => {
  it('zip names stay in their folder', () => {
    expect(zipName('../../etc/passwd')).toBe('__/__/etc/passwd');
    expect(zipName('/a//b/./c')).toBe('a/b/_/c');
    expect(zipName('c:\\x')).toBe('c__x');
    expect(zipName('//')).toBe('_');
  });

  it('a header can’t be broken out of', () => {
    expect(attachmentHeader('a"b\r\nX: y;é.txt')).toBe(`attachment; filename="a_b__X: y;_.txt"; filename*=UTF-8''a%22b__X%3A%20y%3B%C3%A9.txt`);
    expect(() => attachmentHeader('\uD800')).not.toThrow();
  });

  it('copies keep what follows the folder', () => {
    expect(targetKey('a/b/c', 'a/', 'z/')).toBe('z/b/c');
  });
});

describe('addresses', () => {
  it.each(['a/../b', 'ü &?#', '%2e', '+'])('%j comes back', (key) => {
    const address = addressOf('bucket', { prefix: 'p/', key, versions: true, version: 'v+/=' });
    expect(readWhere(address.split('?')[1] ?? '')).toEqual({ prefix: 'p/', key, version: 'v+/=', tab: undefined, versions: true });
  });

  it('a key alone is shown in its folder, a prefix is a folder', () => {
    expect(readWhere('key=a%2Fb').prefix).toBe('a/');
    expect(readWhere('prefix=a').prefix).toBe('a/');
  });
});

describe('previews', () => {
  it('CSV with quotes, and broken', () => {
    expect(parseCsv('a,"b ""x"", c"\r\n1,\n"open', ',', 10)).toEqual([['a', 'b "x", c'], ['1', ''], ['open']]);
    expect(parseCsv('a\nb\nc', ',', 2)).toEqual([['a'], ['b']]);
    expect(separatorOf('a;b;c,d\n')).toBe(';');
  });

  it('JSON is indented and coloured as text; what is none, or too much, stays as it is', () => {
    const { container } = render(<pre>{prettyJson('{"<b>":["\\"x",-1.5e3,true,null]}')}</pre>);
    expect(container.textContent).toBe('{\n  "<b>": [\n    "\\"x",\n    -1500,\n    true,\n    null\n  ]\n}');
    expect(container.querySelectorAll('b')).toHaveLength(0);
    expect(container.querySelectorAll('span')).toHaveLength(5);
    // The search for parts would look from each of these quotes to the end.
    const quotes = '\\"'.repeat(32 * 1024);
    const begun = performance.now();
    expect(prettyJson(quotes)).toBe(quotes);
    expect(performance.now() - begun).toBeLessThan(500);
    const deep = '['.repeat(3000) + ']'.repeat(3000);
    expect(prettyJson(deep)).toBe(deep);
  });

  it('Markdown runs nothing and asks nobody', () => {
    const { container } = render(
      <Markdown text={'# T\n\n<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[a](javascript:alert(1)) [b](data:text/html,x) [c](https://example.com) ![i](https://example.com/i.png)'} />,
    );
    expect(container.querySelectorAll('script,img,iframe,input')).toHaveLength(0);
    const links = Array.from(container.querySelectorAll('a'));
    expect(links.map((l) => l.getAttribute('href'))).toEqual(['https://example.com']);
    expect(links[0]?.rel).toContain('noopener');
  });

  it('what is the same is left out of a comparison', () => {
    const same = Array.from({ length: 20 }, (_, i) => `l${i}`).join('\n') + '\n';
    const lines = foldLines([{ value: same }, { value: 'x\n', removed: true }, { value: 'y\n', added: true }, { value: same }]);
    expect(lines.filter((l) => l.sign === '…')).toHaveLength(2);
    expect(lines.map((l) => l.sign).join('')).toBe('…   -+   …');
  });
});

describe('the archive', () => {
  it('says when an object can be read', () => {
    expect(readRestore(undefined)).toBeUndefined();
    expect(readRestore('nonsense')).toBeUndefined();
    expect(readRestore('ongoing-request="true"')).toEqual({ ongoing: true });
    expect(readRestore('ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"')).toEqual({ ongoing: false, until: new Date(Date.UTC(2029, 11, 21)) });
    expect(readRestore('ongoing-request="false", expiry-date="soon"')).toEqual({ ongoing: false });
    expect(['GLACIER', 'DEEP_ARCHIVE', 'GLACIER_IR', 'STANDARD', undefined].map(isArchived)).toEqual([true, true, false, false, false]);
  });
});
