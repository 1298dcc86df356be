// SPDX-License-Identifier: Apache-2.0
/*
 * Signed requests: signing, sending, trying again, errors. A Client knows where the API lies and who is asking; it keeps
 * no secrets, it asks the store that the application gives it. Retries are for what may be repeated (reads, and writes
 * that replace) and for SlowDown and the like, which the server says before it does anything.
 */
import {
  canonicalQuery,
  EMPTY_SHA256,
  sendablePath,
  sha256Base64,
  sha256Hex,
  signHeaders,
  UNSIGNED_PAYLOAD,
  type Credentials,
  type Query,
} from './sign';
import { parseXml, type XmlNode } from './xml';

export interface CredentialStore {
  /** undefined: nobody is signed in. */
  getCredentials(): Credentials | undefined;
  /** The credentials are over: asks the user; undefined when the user gives up. Called once for many requests. */
  onExpired(): Promise<Credentials | undefined>;
}

export interface ClientConfig {
  /** Where "/api" lies, without a slash at its end: "https://host:9001/prefix/api". */
  base: string;
  /** What the signature says of the host; that of `base` unless given. */
  host?: string;
  region: string;
  store: CredentialStore;
  /** A request got no reply. It may be tried again yet. */
  onNoReply?: () => void;
  /** Tests give their own. */
  fetch?: typeof fetch;
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export class ApiError extends Error {
  override name = 'ApiError';
  constructor(
    /** S3's or IAM's code; "NetworkError" when no reply came, "BadReply" when it was not understood. */
    readonly code: string,
    message: string,
    readonly status: number,
    readonly requestId: string,
    /** Seconds, from Retry-After. */
    readonly retryAfter?: number,
    /** The whole document of the error, when it is XML. */
    readonly detail?: XmlNode,
  ) {
    super(message);
  }

  get isDenied(): boolean {
    return this.status === 403 && this.code !== 'RequestTimeTooSkewed';
  }

  /** The thing itself, or the setting that was asked for, is not there. */
  get isMissing(): boolean {
    return this.status === 404;
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export function isApiError(error: unknown, ...codes: string[]): error is ApiError {
  return error instanceof ApiError && (codes.length === 0 || codes.includes(error.code));
}

export interface RequestOptions {
  method?: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Decoded; begins with a slash. */
  path: string;
  query?: Query | Record<string, string | number | boolean | undefined>;
  /** Names in lower case. */
  headers?: Record<string, string | undefined>;
  /** Strings and bytes are hashed and signed; a Blob goes out unsigned, in a stream. */
  body?: string | Uint8Array | Blob;
  service?: 's3' | 'iam' | 'sts';
  signal?: AbortSignal;
  /** May it be sent again when it is not known whether it came through? GET, HEAD, PUT and DELETE are, unless said. */
  idempotent?: boolean;
  /** S3 wants a checksum with this body. */
  digest?: boolean;
  /** Bytes of the body that went out; such requests use XMLHttpRequest, fetch can't tell. */
  onProgress?: (sent: number) => void;
  /** Other credentials than the store's: for signing in. */
  credentials?: Credentials;
  /** How often it is tried at most. */
  attempts?: number;
}

const ATTEMPTS = 4;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 8000;
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'InvalidToken', 'InvalidClientTokenId', 'InvalidAccessKeyId'];
const PAUSES = ['SlowDown', 'ServiceUnavailable', 'Throttling', 'TooManyRequests', 'RequestTimeout', 'InternalError'];

export function backoff(attempt: number, retryAfter?: number): number {
  const ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** attempt);
  return Math.max(ms * (0.5 + Math.random() / 2), Math.min(retryAfter ?? 0, 30) * 1000);
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError());
    const timer = setTimeout(done, ms);
    function done() {
      signal?.removeEventListener('abort', stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(abortError());
    }
    signal?.addEventListener('abort', stop, { once: true });
  });
}

export function abortError(): DOMException {
  return new DOMException('The request was given up.', 'AbortError');
}

function toPairs(query: RequestOptions['query']): Query {
  if (!query) return [];
  if (Array.isArray(query)) return query;
  return Object.entries(query as Record<string, string | number | boolean | undefined>)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)] as const);
}

/* A header is sent by fetch as one byte a character: what is not ASCII goes as RFC 2047 has it, which S3 does too. */
export function encodeHeader(value: string): string {
  if (/^[\x20-\x7E\t]*$/.test(value)) return value;
  const bytes = new TextEncoder().encode(value);
  let text = '';
  for (const b of bytes) text += String.fromCharCode(b);
  return `=?UTF-8?B?${btoa(text)}?=`;
}

/** The text that a header of a reply means: RFC 2047 words, or UTF-8 that was read byte by byte. */
export function decodeHeader(value: string): string {
  const words = value.replace(/\?=[ \t]+=\?/g, '?==?');
  const decoded = words.replace(/=\?([^?\s]+)\?([BbQq])\?([^?]*)\?=/g, (all, charset: string, how: string, text: string) => {
    try {
      const raw =
        how.toUpperCase() === 'B'
          ? atob(text)
          : text.replace(/_/g, ' ').replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
      return new TextDecoder(charset).decode(Uint8Array.from(raw, (c) => c.charCodeAt(0)));
    } catch {
      return all;
    }
  });
  if (!/[\x80-\xFF]/.test(decoded) || /[^\x00-\xFF]/.test(decoded)) return decoded;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(decoded, (c) => c.charCodeAt(0)));
  } catch {
    return decoded;
  }
}

export class Client {
  readonly config: ClientConfig;
  readonly host: string;
  /** What has to be added to this machine's clock to be the server's. */
  skewMs = 0;
  private asking: Promise<Credentials | undefined> | undefined;

  constructor(config: ClientConfig) {
    this.config = config;
    this.host = config.host ?? new URL(config.base).host;
  }

  /** The time that the server believes in. */
  now(): number {
    return Date.now() + this.skewMs;
  }

  get credentials(): Credentials | undefined {
    return this.config.store.getCredentials();
  }

  /** The URL of a path of the API; unsigned. */
  url(path: string, query: Query = []): string {
    const text = canonicalQuery(query);
    return this.config.base + sendablePath(path) + (text ? '?' + text : '');
  }

  /** Resolves to a reply with a good status, throws ApiError for others, AbortError when given up. */
  async request(options: RequestOptions): Promise<Response> {
    const method = options.method ?? 'GET';
    const idempotent = options.idempotent ?? method !== 'POST';
    const attempts = options.attempts ?? ATTEMPTS;
    let credentials = options.credentials ?? this.config.store.getCredentials();
    let renewed = false;
    let skewed = false;
    for (let attempt = 0; ; attempt++) {
      if (!credentials || (!options.credentials && (credentials.expiration ?? Infinity) <= this.now())) {
        credentials = await this.renew();
        renewed = true;
      }
      try {
        const reply = await this.send(method, options, credentials);
        if (reply.ok || (reply.status === 304 && method !== 'POST')) return reply;
        throw await readError(reply, method);
      } catch (error) {
        if (isAbort(error) || !(error instanceof ApiError)) throw error;
        if (error.code === 'RequestTimeTooSkewed' && !skewed) {
          skewed = true;
          continue;
        }
        if (EXPIRED.includes(error.code) && !options.credentials && !renewed) {
          renewed = true;
          credentials = await this.renew();
          continue;
        }
        const again =
          error.code === 'NetworkError'
            ? idempotent
            : (error.status === 503 || error.status === 429 || (idempotent && error.status >= 500)) &&
              error.status !== 501 &&
              (error.status !== 500 || PAUSES.includes(error.code));
        if (!again || attempt + 1 >= attempts) throw error;
        await (this.config.sleep ?? sleep)(backoff(attempt, error.retryAfter), options.signal);
      }
    }
  }

  async xml(options: RequestOptions): Promise<XmlNode> {
    const reply = await this.request(options);
    const text = await reply.text();
    try {
      return parseXml(text);
    } catch {
      throw new ApiError('BadReply', 'The server sent a reply that is not XML.', reply.status, requestIdOf(reply));
    }
  }

  async json<T>(options: RequestOptions): Promise<T> {
    const reply = await this.request(options);
    const text = await reply.text();
    try {
      return (text ? JSON.parse(text) : undefined) as T;
    } catch {
      throw new ApiError('BadReply', 'The server sent a reply that is not JSON.', reply.status, requestIdOf(reply));
    }
  }

  /* Many requests find out at the same time; the user is asked once. */
  private async renew(): Promise<Credentials> {
    this.asking ??= this.config.store.onExpired().finally(() => {
      this.asking = undefined;
    });
    const credentials = await this.asking;
    if (!credentials) throw new ApiError('SignedOut', 'You are signed out.', 401, '');
    return credentials;
  }

  private async send(method: string, options: RequestOptions, credentials: Credentials): Promise<Response> {
    const query = toPairs(options.query);
    const { body } = options;
    const headers: Record<string, string> = { host: this.host };
    for (const [name, value] of Object.entries(options.headers ?? {}))
      if (value !== undefined) headers[name.toLowerCase()] = encodeHeader(value);
    if (options.digest && body !== undefined && !(body instanceof Blob))
      headers['x-amz-checksum-sha256'] = sha256Base64(body);
    const payloadHash =
      body === undefined ? EMPTY_SHA256 : body instanceof Blob ? UNSIGNED_PAYLOAD : sha256Hex(body);
    const service = options.service ?? 's3';
    const signed = signHeaders(
      { method, path: options.path, query, headers, payloadHash, region: this.config.region, service, now: this.now() },
      credentials,
    );
    const url = this.url(options.path, query);
    let reply: Response;
    try {
      reply =
        options.onProgress && typeof XMLHttpRequest !== 'undefined'
          ? await sendXhr(method, url, signed, body, options)
          : await (this.config.fetch ?? fetch)(url, {
              method,
              headers: signed,
              body: body as BodyInit | undefined,
              signal: options.signal ?? null,
              credentials: 'omit',
              // "no-store" adds a Cache-Control header, which S3 would keep with what is written.
              cache: method === 'GET' || method === 'HEAD' ? 'no-store' : 'default',
              redirect: 'error',
              referrerPolicy: 'no-referrer',
            });
    } catch (error) {
      if (options.signal?.aborted || isAbort(error)) throw abortError();
      this.config.onNoReply?.();
      throw new ApiError('NetworkError', 'The server can’t be reached.', 0, '');
    }
    this.noteClock(reply);
    return reply;
  }

  private noteClock(reply: Response): void {
    if (reply.status !== 403) return;
    const server = Date.parse(reply.headers.get('date') ?? '');
    if (!Number.isNaN(server) && Math.abs(server - this.now()) > 60_000) this.skewMs = server - Date.now();
  }
}

/* As fetch, but it tells how much of the body went out. The browser reads a Blob as it sends it. */
function sendXhr(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: RequestOptions['body'],
  options: RequestOptions,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    const settle = (action: () => void) => {
      options.signal?.removeEventListener('abort', stop);
      action();
    };
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.responseType = 'arraybuffer';
    xhr.upload.onprogress = (event) => options.onProgress?.(event.loaded);
    xhr.onload = () =>
      settle(() => {
        const got = new Headers();
        for (const line of xhr.getAllResponseHeaders().trim().split('\r\n')) {
          const colon = line.indexOf(':');
          if (colon > 0) got.append(line.slice(0, colon), line.slice(colon + 1).trim());
        }
        const empty = xhr.status === 204 || xhr.status === 304;
        resolve(
          new Response(empty ? null : (xhr.response as ArrayBuffer), { status: xhr.status, headers: got }),
        );
      });
    xhr.onerror = () => settle(() => reject(new TypeError('network')));
    xhr.onabort = () => settle(() => reject(abortError()));
    if (options.signal?.aborted) return reject(abortError());
    options.signal?.addEventListener('abort', stop, { once: true });
    xhr.send((body as XMLHttpRequestBodyInit | undefined) ?? null);
  });
}

function requestIdOf(reply: Response): string {
  return reply.headers.get('x-amz-request-id') ?? reply.headers.get('x-amzn-requestid') ?? '';
}

const BY_STATUS: Record<number, [code: string, message: string]> = {
  301: ['PermanentRedirect', 'It lies elsewhere.'],
  400: ['BadRequest', 'The server did not understand the request.'],
  403: ['AccessDenied', 'Access denied.'],
  404: ['NotFound', 'It is not there.'],
  405: ['MethodNotAllowed', 'That can’t be done here.'],
  409: ['Conflict', 'It conflicts with what is there.'],
  412: ['PreconditionFailed', 'It has changed in the meantime.'],
  413: ['EntityTooLarge', 'It is too large.'],
  416: ['InvalidRange', 'There is nothing at that place.'],
  429: ['SlowDown', 'Too many requests; wait a little.'],
  503: ['ServiceUnavailable', 'The server is busy; wait a little.'],
};

/** Before anybody has signed in; sent once, as what it says may be good for one time only. */
export async function sendUnsigned(c: Client, path: string, contentType: string, body: string, signal?: AbortSignal): Promise<Response> {
  let reply: Response;
  try {
    reply = await (c.config.fetch ?? fetch)(c.url(path), {
      method: 'POST',
      headers: { 'content-type': contentType },
      body,
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: signal ?? null,
    });
  } catch {
    throw new ApiError('NetworkError', 'The server can’t be reached.', 0, '');
  }
  if (!reply.ok) throw await readError(reply, 'POST');
  return reply;
}

/** Errors come as S3's XML, IAM's XML (<ErrorResponse><Error>), JSON, or, of HEAD, as a status alone. */
export async function readError(reply: Response, method = 'GET'): Promise<ApiError> {
  const [statusCode, statusText] = BY_STATUS[reply.status] ?? [
    reply.status >= 500 ? 'InternalError' : 'BadRequest',
    `The server answered with status ${reply.status}.`,
  ];
  const after = Number(reply.headers.get('retry-after') ?? NaN);
  const retryAfter = Number.isFinite(after) ? after : undefined;
  const make = (code?: string, message?: string, id?: string, detail?: XmlNode) =>
    new ApiError(code || statusCode, message || statusText, reply.status, id || requestIdOf(reply), retryAfter, detail);
  const text = method === 'HEAD' ? '' : await reply.text().catch(() => '');
  if (!text) return make();
  if (text.trimStart().startsWith('{')) {
    try {
      const o = JSON.parse(text) as Record<string, unknown>;
      const part = (...names: string[]) => names.map((n) => o[n]).find((v): v is string => typeof v === 'string');
      return make(part('code', 'Code'), part('message', 'Message'), part('requestId', 'RequestId'));
    } catch {
      return make();
    }
  }
  try {
    const root = parseXml(text);
    const error = root.name === 'Error' ? root : (root.child('Error') ?? root.at('Errors', 'Error') ?? root);
    return make(error.get('Code'), error.get('Message'), error.get('RequestId') ?? root.get('RequestId'), error);
  } catch {
    return make();
  }
}
