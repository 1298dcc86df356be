// SPDX-License-Identifier: Apache-2.0
/*
 * AWS Signature Version 4, in a browser: headers of a request, and URLs that carry their signature. crypto.subtle is
 * absent from pages that came over plain http, so the hashes are @noble/hashes. What is signed is the path that the
 * server sees (the console's "/api" is taken off before it checks), with the host that the browser will send.
 *
 * The path of a key is the delicate part. The server decodes a path once, then cuts it into bucket and key; a browser
 * resolves `.` and `..` segments of a path before it sends it, also when their dots are written %2e, and no header can
 * bring them back. Segments end at a slash, not at %2F, so in a name with such a segment every slash is sent as %2F:
 * then there is nothing to resolve, the server decodes to the same key, and the signature covers the decoded form.
 */
import { hmac } from '@noble/hashes/hmac';
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils';

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** Milliseconds since 1970. */
  expiration?: number;
}

export type Query = ReadonlyArray<readonly [name: string, value: string]>;

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** S3's limit of a presigned URL: seven days. */
export const PRESIGN_SECONDS_MAX = 604800;

/** Percent-encodes the UTF-8 bytes of all but RFC 3986's unreserved characters. A lone surrogate becomes U+FFFD. */
export function encode(text: string): string {
  return encodeURIComponent(wellFormed(text)).replace(
    /[!'()*]/g,
    (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase(),
  );
}

function wellFormed(text: string): string {
  return text.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g, (c) => (c.length === 2 ? c : '\uFFFD'));
}

/** Would a URL parser drop or join segments of this path? */
export function hasDotSegments(path: string): boolean {
  return path.split('/').some((segment) => segment === '.' || segment === '..');
}

/** The signed form: slashes stay. */
export function canonicalPath(path: string): string {
  return encode(path).replaceAll('%2F', '/');
}

/** The sent form, which survives URL parsing; `path` begins with a slash that stays. */
export function sendablePath(path: string): string {
  if (!hasDotSegments(path)) return canonicalPath(path);
  return '/' + encode(path.slice(1));
}

export function objectPath(bucket: string, key?: string): string {
  return key === undefined ? `/${bucket}` : `/${bucket}/${key}`;
}

export function canonicalQuery(query: Query): string {
  return query
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sha256Hex(data: string | Uint8Array): string {
  return bytesToHex(sha256(typeof data === 'string' ? utf8ToBytes(data) : data));
}

/** 20260102T030405Z */
export function amzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

export function signingKey(secret: string, date: string, region: string, service: string): Uint8Array {
  let key: Uint8Array = utf8ToBytes('AWS4' + secret);
  for (const part of [date, region, service, 'aws4_request']) key = hmac(sha256, key, part);
  return key;
}

/* One key serves a day; deriving it costs four hashes, asked for with every part of an upload. */
const lastKey: { name: string; key: Uint8Array } = { name: '', key: new Uint8Array() };

function cachedKey(secret: string, date: string, region: string, service: string): Uint8Array {
  const name = [secret, date, region, service].join('\n');
  if (lastKey.name !== name) {
    lastKey.key = signingKey(secret, date, region, service);
    lastKey.name = name;
  }
  return lastKey.key;
}

export interface SignInput {
  method: string;
  /** Decoded, as the server sees it. */
  path: string;
  query: Query;
  /** What is signed besides; names in lower case. `host` must be among them. */
  headers: Record<string, string>;
  payloadHash: string;
  region: string;
  service: string;
  /** The time that the server believes in. */
  now: number;
}

export function canonicalRequest(input: SignInput): { text: string; signedHeaders: string } {
  const names = Object.keys(input.headers).sort(compare);
  const lines = names.map((name) => `${name}:${(input.headers[name] ?? '').trim().replace(/[ \t]+/g, ' ')}\n`);
  const signedHeaders = names.join(';');
  const path = input.service === 's3' ? canonicalPath(input.path) : canonicalPath(canonicalPath(input.path));
  const text = [input.method, path, canonicalQuery(input.query), lines.join(''), signedHeaders, input.payloadHash].join(
    '\n',
  );
  return { text, signedHeaders };
}

function signatureOf(input: SignInput, request: string, secret: string): { scope: string; signature: string } {
  const time = amzDate(input.now);
  const date = time.slice(0, 8);
  const scope = `${date}/${input.region}/${input.service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256Hex(request)].join('\n');
  const key = cachedKey(secret, date, input.region, input.service);
  return { scope, signature: bytesToHex(hmac(sha256, key, text)) };
}

/** The headers to send, `host` left out: the browser sets it. All that are given become part of the signature. */
export function signHeaders(input: SignInput, credentials: Credentials): Record<string, string> {
  const headers: Record<string, string> = { ...input.headers, 'x-amz-date': amzDate(input.now) };
  if (input.service === 's3') headers['x-amz-content-sha256'] = input.payloadHash;
  if (credentials.sessionToken) headers['x-amz-security-token'] = credentials.sessionToken;
  const { text, signedHeaders } = canonicalRequest({ ...input, headers });
  const { scope, signature } = signatureOf(input, text, credentials.secretAccessKey);
  const { host: _, ...sent } = headers;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  };
}

export interface PresignInput {
  method: string;
  /** "https://s3.example.com", without a path. */
  endpoint: string;
  path: string;
  query?: Query;
  /** Headers that the bearer must send. */
  headers?: Record<string, string>;
  region: string;
  now: number;
  expiresSeconds: number;
}

/** A URL that carries its signature. */
export function presign(input: PresignInput, credentials: Credentials): string {
  const url = new URL(input.endpoint);
  const time = amzDate(input.now);
  const headers: Record<string, string> = { ...input.headers, host: url.host };
  const query: Array<readonly [string, string]> = [
    ...(input.query ?? []),
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${time.slice(0, 8)}/${input.region}/s3/aws4_request`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(Math.min(Math.max(1, Math.floor(input.expiresSeconds)), PRESIGN_SECONDS_MAX))],
    ['X-Amz-SignedHeaders', Object.keys(headers).sort(compare).join(';')],
  ];
  if (credentials.sessionToken) query.push(['X-Amz-Security-Token', credentials.sessionToken]);
  const signInput: SignInput = {
    method: input.method,
    path: input.path,
    query,
    headers,
    payloadHash: UNSIGNED_PAYLOAD,
    region: input.region,
    service: 's3',
    now: input.now,
  };
  const { text } = canonicalRequest(signInput);
  const { signature } = signatureOf(signInput, text, credentials.secretAccessKey);
  return `${url.protocol}//${url.host}${sendablePath(input.path)}?${canonicalQuery(query)}&X-Amz-Signature=${signature}`;
}

export interface FormPolicy {
  url: string;
  fields: Record<string, string>;
}

/** A form by which others may upload below a prefix, up to a size. */
export function signForm(
  input: {
    endpoint: string;
    bucket: string;
    prefix: string;
    maxBytes: number;
    region: string;
    now: number;
    expiresSeconds: number;
  },
  credentials: Credentials,
): FormPolicy {
  const time = amzDate(input.now);
  const date = time.slice(0, 8);
  const credential = `${credentials.accessKeyId}/${date}/${input.region}/s3/aws4_request`;
  const fields: Record<string, string> = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': credential,
    'x-amz-date': time,
  };
  if (credentials.sessionToken) fields['x-amz-security-token'] = credentials.sessionToken;
  const policy = {
    expiration: new Date(input.now + input.expiresSeconds * 1000).toISOString(),
    conditions: [
      { bucket: input.bucket },
      ['starts-with', '$key', input.prefix],
      ['content-length-range', 0, input.maxBytes],
      ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
    ],
  };
  const encoded = base64(utf8ToBytes(JSON.stringify(policy)));
  const key = signingKey(credentials.secretAccessKey, date, input.region, 's3');
  const signature = bytesToHex(hmac(sha256, key, encoded));
  return {
    url: new URL(input.endpoint).origin + canonicalPath(objectPath(input.bucket)),
    fields: { key: input.prefix + '${filename}', ...fields, policy: encoded, 'x-amz-signature': signature },
  };
}

export function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

export function unbase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

export function sha256Base64(data: string | Uint8Array): string {
  return base64(sha256(typeof data === 'string' ? utf8ToBytes(data) : data));
}
