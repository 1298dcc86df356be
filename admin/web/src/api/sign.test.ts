// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  canonicalPath,
  canonicalQuery,
  encode,
  EMPTY_SHA256,
  objectPath,
  presign,
  sendablePath,
  sha256Hex,
  signForm,
  signHeaders,
  type SignInput,
} from './sign';

// The examples of Amazon's documentation of Signature Version 4 for S3, and of the general one.
const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const now = Date.UTC(2013, 4, 24);
const host = 'examplebucket.s3.amazonaws.com';

function signature(input: Partial<SignInput>): string {
  const headers = signHeaders(
    {
      method: 'GET',
      path: '/',
      query: [],
      headers: { host, ...input.headers },
      payloadHash: input.payloadHash ?? EMPTY_SHA256,
      region: 'us-east-1',
      service: 's3',
      now,
      ...(({ headers: _, ...rest }) => rest)(input),
    },
    credentials,
  );
  return /Signature=([0-9a-f]+)/.exec(headers.authorization ?? '')?.[1] ?? '';
}

describe('signatures of the documentation', () => {
  it('GET Object', () => {
    expect(signature({ path: '/test.txt', headers: { host, range: 'bytes=0-9' } })).toBe(
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it('PUT Object', () => {
    expect(
      signature({
        method: 'PUT',
        path: '/test$file.text',
        headers: { host, date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
        payloadHash: sha256Hex('Welcome to Amazon S3.'),
      }),
    ).toBe('98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
  });

  it('GET Bucket Lifecycle', () => {
    expect(signature({ query: [['lifecycle', '']] })).toBe(
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    );
  });

  it('Get Bucket (List Objects)', () => {
    expect(
      signature({
        query: [
          ['prefix', 'J'],
          ['max-keys', '2'],
        ],
      }),
    ).toBe('34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7');
  });

  it('a presigned URL', () => {
    const url = presign(
      {
        method: 'GET',
        endpoint: 'https://examplebucket.s3.amazonaws.com',
        path: '/test.txt',
        region: 'us-east-1',
        now,
        expiresSeconds: 86400,
      },
      credentials,
    );
    expect(new URL(url).searchParams.get('X-Amz-Signature')).toBe(
      'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });

  it('IAM ListUsers', () => {
    const headers = signHeaders(
      {
        method: 'GET',
        path: '/',
        query: [
          ['Action', 'ListUsers'],
          ['Version', '2010-05-08'],
        ],
        headers: { host: 'iam.amazonaws.com', 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        payloadHash: EMPTY_SHA256,
        region: 'us-east-1',
        service: 'iam',
        now: Date.UTC(2015, 7, 30, 12, 36),
      },
      { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    );
    expect(headers.authorization).toContain(
      'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });
});

describe('paths', () => {
  const keys = [
    'plain',
    'a/b/c.txt',
    '.',
    '..',
    'a/../b',
    '../b',
    'a/..',
    './a',
    'a/./b',
    'a//b',
    '/',
    '//',
    '/a',
    'a/',
    'a b+c%20d%2Fe',
    '%2e%2e/x',
    '..%2F',
    'q?x=1#y&z',
    'back\\slash',
    'tab\tnew\nline\r\u0001\u007f',
    'ünïcödé/日本/🎉',
    '<script>alert(1)</script>',
    "!'()*~-_.",
    ' ',
  ];

  it.each(keys)('%j comes through a URL parser as it is', (key) => {
    for (const base of ['http://h/api', 'https://h:9001/some/prefix/api']) {
      const url = new URL(base + sendablePath(objectPath('bucket', key)));
      expect(url.pathname.startsWith(new URL(base).pathname + '/')).toBe(true);
      const path = decodeURIComponent(url.pathname.slice(new URL(base).pathname.length));
      expect(path).toBe(`/bucket/${key}`);
      expect(url.search + url.hash).toBe('');
    }
  });

  it('what is signed is the server’s form of what is sent', () => {
    for (const key of keys) {
      const path = objectPath('bucket', key);
      expect(canonicalPath(decodeURIComponent(sendablePath(path)))).toBe(canonicalPath(path));
    }
  });

  it('lone surrogates do not throw', () => {
    expect(encode('a\uD800b')).toBe('a%EF%BF%BDb');
  });

  it('parameters are sorted by their encoded form', () => {
    expect(
      canonicalQuery([
        ['prefix', 'a b+c/é'],
        ['list-type', '2'],
        ['a~', ''],
        ['a', 'z'],
      ]),
    ).toBe('a=z&a~=&list-type=2&prefix=a%20b%2Bc%2F%C3%A9');
  });
});

describe('presigned URLs', () => {
  it('carry the session token, signed, and live a week at most', () => {
    const url = new URL(
      presign(
        {
          method: 'GET',
          endpoint: 'http://127.0.0.1:9000',
          path: '/b/k',
          query: [['response-content-disposition', 'attachment']],
          region: 'us-east-1',
          now,
          expiresSeconds: 1e9,
        },
        { ...credentials, sessionToken: 'to/ken+=' },
      ),
    );
    expect(url.searchParams.get('X-Amz-Security-Token')).toBe('to/ken+=');
    expect(url.searchParams.get('X-Amz-Expires')).toBe('604800');
  });

  it('forms carry their policy', () => {
    const form = signForm(
      { endpoint: 'http://h', bucket: 'b', prefix: 'in/', maxBytes: 10, region: 'r', now, expiresSeconds: 60 },
      credentials,
    );
    const policy = JSON.parse(atob(form.fields.policy ?? '')) as { expiration: string; conditions: unknown[] };
    expect(policy.expiration).toBe('2013-05-24T00:01:00.000Z');
    expect(policy.conditions).toContainEqual(['starts-with', '$key', 'in/']);
    expect(form.fields.key).toBe('in/${filename}');
  });
});
