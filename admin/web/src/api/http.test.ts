// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest';
import { lines } from './admin';
import { ApiError, Client, decodeHeader, encodeHeader, readError, type ClientConfig } from './http';
import { publicEndpoint } from './pail';
import { formBody } from './query';
import { copySource, encodeTags, lifecycleDocument } from './s3';
import type { Credentials } from './sign';
import { parseXml } from './xml';

const key: Credentials = { accessKeyId: 'A', secretAccessKey: 'S' };

function client(replies: Array<Response | Error>, store: Partial<ClientConfig['store']> = {}) {
  const sent: Array<{ url: string; init: RequestInit }> = [];
  const c = new Client({
    base: 'http://h:9001/p/api',
    region: 'us-east-1',
    store: { getCredentials: () => key, onExpired: () => Promise.resolve(undefined), ...store },
    sleep: () => Promise.resolve(),
    fetch: ((url: string, init: RequestInit) => {
      sent.push({ url, init });
      const reply = replies.shift() ?? new Response('');
      return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
    }) as typeof fetch,
  });
  return { c, sent };
}

const error = (status: number, code: string, headers: Record<string, string> = {}) =>
  new Response(`<Error><Code>${code}</Code><Message>m</Message><RequestId>R</RequestId></Error>`, { status, headers });

describe('requests', () => {
  it('sign the path without /api and send it with', async () => {
    const { c, sent } = client([new Response('ok')]);
    await c.request({ path: '/b/a/../k', query: { x: 1, y: undefined } });
    expect(sent[0]?.url).toBe('http://h:9001/p/api/b%2Fa%2F..%2Fk?x=1');
    const headers = sent[0]?.init.headers as Record<string, string>;
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-content-sha256;x-amz-date');
    expect(headers.host).toBeUndefined();
  });

  it('that write let the browser add no cache header, which S3 would keep', async () => {
    const { c, sent } = client([]);
    await c.request({ path: '/b/k' });
    await c.request({ method: 'PUT', path: '/b/k', body: 'x' });
    expect(sent.map((s) => s.init.cache)).toEqual(['no-store', 'default']);
  });

  it('are tried again after SlowDown and lost connections', async () => {
    const { c, sent } = client([error(503, 'SlowDown'), new TypeError('net'), new Response('ok')]);
    expect(await (await c.request({ path: '/' })).text()).toBe('ok');
    expect(sent).toHaveLength(3);
  });

  it('that change something are not sent twice when the connection is lost', async () => {
    const { c, sent } = client([new TypeError('net')]);
    await expect(c.request({ method: 'POST', path: '/' })).rejects.toMatchObject({ code: 'NetworkError' });
    expect(sent).toHaveLength(1);
  });

  it('are not tried again after errors of their own', async () => {
    const { c, sent } = client([error(404, 'NoSuchKey')]);
    await expect(c.request({ path: '/' })).rejects.toMatchObject({ code: 'NoSuchKey', status: 404, requestId: 'R' });
    expect(sent).toHaveLength(1);
  });

  it('follow the server’s clock', async () => {
    const there = Date.now() + 3_600_000;
    const { c, sent } = client([
      error(403, 'RequestTimeTooSkewed', { date: new Date(there).toUTCString() }),
      new Response('ok'),
    ]);
    await c.request({ path: '/' });
    expect(sent).toHaveLength(2);
    expect(Math.abs(c.now() - there)).toBeLessThan(5000);
  });

  it('ask for credentials once, for many', async () => {
    let current: Credentials | undefined = { ...key, expiration: Date.now() - 1 };
    const onExpired = vi.fn(async () => {
      await Promise.resolve();
      current = key;
      return current;
    });
    const { c } = client([], { getCredentials: () => current, onExpired });
    await Promise.all([c.request({ path: '/' }), c.request({ path: '/x' }), c.request({ path: '/y' })]);
    expect(onExpired).toHaveBeenCalledTimes(1);
  });

  it('end when nobody signs in', async () => {
    const { c } = client([error(400, 'ExpiredToken')]);
    await expect(c.request({ path: '/' })).rejects.toMatchObject({ code: 'SignedOut' });
  });

  it('can be given up while they wait', async () => {
    const controller = new AbortController();
    const { c } = client([error(503, 'SlowDown')]);
    c.config.sleep = undefined;
    const done = c.request({ path: '/', signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(done).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('errors', () => {
  it.each([
    [403, '<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>I</RequestId></ErrorResponse>', 'AccessDenied', 'I'],
    [400, '{"code":"Bad","message":"b","requestId":"J"}', 'Bad', 'J'],
    [502, '<html>proxy', 'InternalError', ''],
    [404, '', 'NotFound', ''],
    [429, 'x', 'SlowDown', ''],
  ])('%i %j', async (status, body, code, requestId) => {
    const e = await readError(new Response(body, { status }));
    expect(e).toBeInstanceOf(ApiError);
    expect(e).toMatchObject({ code, requestId, status });
  });
});

describe('headers', () => {
  it.each(['plain', 'ünïcödé', '日本 🎉', '=?not?='])('%j comes back as it was', (text) => {
    const sent = encodeHeader(text);
    expect(sent).toMatch(/^[\x20-\x7e]*$/);
    expect(decodeHeader(sent)).toBe(text);
  });

  it('that hold UTF-8 are read as such', () => {
    expect(decodeHeader('\u00c3\u00bc')).toBe('ü');
    expect(decodeHeader('=?UTF-8?Q?a=C3=BC_b?=')).toBe('aü b');
  });
});

describe('documents and forms', () => {
  it('lists are numbered', () => {
    expect(formBody('X', 'v', { A: ['x y', 'z'], Tags: [{ Key: 'k', Value: 'é' }], N: undefined })).toBe(
      'Action=X&Version=v&A.member.1=x%20y&A.member.2=z&Tags.member.1.Key=k&Tags.member.1.Value=%C3%A9',
    );
  });

  it('copy sources and tags are encoded', () => {
    expect(copySource({ bucket: 'b', key: 'a/ü?+', versionId: 'v&' })).toBe('b/a/%C3%BC%3F%2B?versionId=v%26');
    expect(encodeTags({ 'a b': '&=' })).toBe('a%20b=%26%3D');
  });

  it('filters of lifecycle rules', () => {
    const base = { id: 'r', enabled: true, tags: {}, transitions: [], noncurrentTransitions: [] };
    const filter = (rule: object) =>
      parseXml(lifecycleDocument([{ ...base, prefix: '', ...rule }])).at('Rule', 'Filter');
    expect(filter({})?.children().map((n) => n.name)).toEqual(['Prefix']);
    expect(filter({ tags: { a: 'b' } })?.children().map((n) => n.name)).toEqual(['Tag']);
    expect(filter({ prefix: 'p', sizeLessThan: 5 })?.child('And')?.children().map((n) => n.name)).toEqual([
      'Prefix',
      'ObjectSizeLessThan',
    ]);
  });

  it('where others reach the server', () => {
    const location = { protocol: 'http:', hostname: 'h', origin: 'http://h:9001' };
    expect(publicEndpoint({ endpoint: null, port: 9000 }, location)).toBe('http://h:9000');
    expect(publicEndpoint({ endpoint: 'https://s3.example.com/', port: 1 }, location)).toBe('https://s3.example.com');
  });
});

it('lines of a stream', async () => {
  const parts = ['{"a":', '1}\n \n{"b"', ':2}\n', '{"c":3}'];
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
  const found: string[] = [];
  for await (const line of lines(stream)) found.push(line);
  expect(found).toEqual(['{"a":1}', '{"b":2}', '{"c":3}']);
});
