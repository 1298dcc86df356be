// SPDX-License-Identifier: Apache-2.0
/* Pail's own JSON paths below /pail/v1, as docs/openapi.yaml has them. */
import { ApiError, sendUnsigned, type Client } from './http';

type Abortable = { signal?: AbortSignal };

const at = (path: string) => `/pail/v1/${path}`;

function get<T>(c: Client, path: string, query: Record<string, string | number | undefined> = {}, o: Abortable = {}) {
  return c.json<T>({ path: at(path), query, ...o });
}

function send<T>(c: Client, method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, o: Abortable & { idempotent?: boolean } = {}) {
  return c.json<T>({
    method,
    path: at(path),
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    ...o,
  });
}

/* ---- the console's own start, unsigned ---- */

export interface ConsoleInfo {
  version: string;
  /** The public URL of S3; null: this host, at `port`. */
  endpoint: string | null;
  port?: number | null;
  region: string;
  providers: SignInProvider[];
  prefix: string;
}

export interface SignInProvider {
  /** Host and path: by it the server finds the provider. */
  id: string;
  /** Several may have the same. */
  name: string;
  url: string;
  clientId: string;
  roleArn: string;
}

/** The id token for the code that somebody brought back from an identity provider. */
export async function exchangeOidcCode(c: Client, o: { provider: string; code: string; codeVerifier: string; redirectUri: string }): Promise<string> {
  const body = JSON.stringify({ provider: o.provider, code: o.code, code_verifier: o.codeVerifier, redirect_uri: o.redirectUri });
  const reply = await sendUnsigned(c, at('oidc-token'), 'application/json', body);
  const { id_token: token } = (await reply.json()) as { id_token?: unknown };
  if (typeof token !== 'string') throw new ApiError('BadReply', 'The server sent no token.', reply.status, '');
  return token;
}

/** Where others reach S3: what share links point to. */
export function publicEndpoint(info: Pick<ConsoleInfo, 'endpoint' | 'port'>, location: Pick<Location, 'protocol' | 'hostname' | 'origin'>): string {
  if (info.endpoint) return info.endpoint.replace(/\/+$/, '');
  if (!info.port) return location.origin;
  return `${location.protocol}//${location.hostname}:${info.port}`;
}

/* ---- who am I, what may I do ---- */

export interface SessionInfo {
  arn: string;
  user_id: string;
  account: string;
  name: string;
  kind: 'root' | 'user' | 'role' | 'service-account';
  expires?: string;
}

export const getSession = (c: Client, o: Abortable = {}) => get<SessionInfo>(c, 'session', {}, o);

export interface Check {
  action: string;
  resource: string;
}

export const CHECKS_MAX = 200;

/** Any number of checks; asked in blocks. */
export async function can(c: Client, checks: ReadonlyArray<Check>, o: Abortable = {}): Promise<boolean[]> {
  const allowed: boolean[] = [];
  for (let i = 0; i < checks.length; i += CHECKS_MAX) {
    const some = checks.slice(i, i + CHECKS_MAX);
    const reply = await send<{ allowed: boolean[] }>(c, 'POST', 'can', { checks: some }, { ...o, idempotent: true });
    some.forEach((_, k) => allowed.push(reply.allowed[k] === true));
  }
  return allowed;
}

/* ---- state ---- */

export interface ClassUsage {
  name: string;
  objects: number;
  bytes: number;
}

export interface Usage {
  bytes: number;
  objects: number;
  objectBytes: number;
  noncurrentVersions: number;
  noncurrentVersionBytes: number;
  deleteMarkers: number;
  uploads: number;
  parts: number;
  partBytes: number;
  classes: ClassUsage[];
  sizes: Array<{ belowBytes: number | null; objects: number }>;
}

export interface Latency {
  requests: number;
  p50Seconds: number;
  p90Seconds: number;
  p99Seconds: number;
}

export interface Direction {
  succeeded: number;
  failed: number;
  perSecond: number;
  successRate: number | null;
  latency: Latency;
}

export interface Traffic {
  windowSeconds: number;
  requests: number;
  requestsPerSecond: number;
  successRate: number | null;
  errors4xx: number;
  errors5xx: number;
  canceled: number;
  receivedBytesPerSecond: number;
  sentBytesPerSecond: number;
  uploads: Direction;
  downloads: Direction;
  latency: Latency;
  errors: Array<{ code: string; count: number }>;
}

export interface BucketStatus {
  name: string;
  created: string;
  owner: string;
  versioning: 'off' | 'enabled' | 'suspended';
  objectLock: boolean;
  quotaBytes: number | null;
  usage: Usage;
  traffic?: Traffic;
}

export interface ServerStatus {
  version: string;
  started: string;
  uptimeSeconds: number;
  reads: boolean;
  writes: boolean;
  space: { totalBytes: number; freeBytes: number };
  buckets: number;
  usage: Usage;
  traffic: Traffic;
  connections: { open: number; accepted: number; refused: number };
  workers: { threads: number; busy: number; waiting: number; refused: number };
  index: { usedBytes: number; commits: number; changes: number; waiting: number; full: boolean; failed: boolean };
}

export const getStatus = (c: Client, o: Abortable = {}) => get<ServerStatus>(c, 'status', {}, o);

/** All of them, page by page. */
export async function listBucketStatus(c: Client, o: Abortable & { prefix?: string } = {}): Promise<BucketStatus[]> {
  const all: BucketStatus[] = [];
  let after: string | null = null;
  do {
    const page: { buckets: BucketStatus[]; next: string | null } = await get(
      c,
      'buckets',
      { prefix: o.prefix, after: after ?? undefined },
      o.signal ? { signal: o.signal } : {},
    );
    all.push(...page.buckets);
    after = page.next;
  } while (after);
  return all;
}

export const getBucketStatus = (c: Client, name: string, o: Abortable = {}) =>
  get<BucketStatus>(c, `buckets/${name}`, {}, o);

export type HistoryRange = '1h' | '6h' | '24h' | '7d';

export interface History {
  step_seconds: number;
  /** As the server tells time: seconds or a date. */
  from: number | string;
  to: number | string;
  series: Record<string, Array<number | null>>;
}

export const getHistory = (c: Client, range: HistoryRange, o: Abortable = {}) => get<History>(c, 'history', { range }, o);

export interface Work {
  disk: Record<string, unknown>;
  index: Record<string, unknown>;
  loops: Array<Record<string, unknown>>;
  workers: Record<string, unknown>;
  scrub: { running: boolean; done: number; total: number; bad: number; last_end?: string | null } & Record<string, unknown>;
  lifecycle: Record<string, unknown>;
  garbage: Record<string, unknown>;
  tiers: Array<Record<string, unknown>>;
}

export const getWork = (c: Client, o: Abortable = {}) => get<Work>(c, 'work', {}, o);

/* ---- settings ---- */

export interface Setting {
  name: string;
  value: string;
  default: string;
  source: 'default' | 'flag' | 'environment' | 'admin';
  changeable: boolean;
  help: string;
}

export const listSettings = (c: Client, o: Abortable = {}) => get<Setting[]>(c, 'settings', {}, o);
export const putSetting = (c: Client, name: string, value: string) => send<void>(c, 'PUT', `settings/${name}`, { value });
export const resetSetting = (c: Client, name: string) => send<void>(c, 'DELETE', `settings/${name}`);

/* ---- logs ---- */

export type LogEntry = Record<string, unknown> & { time?: string; level?: string; message?: string };
export type AuditEntry = Record<string, unknown>;

export const getLogs = (
  c: Client,
  query: { limit?: number; level?: string; before?: string | number } = {},
  o: Abortable = {},
) => get<unknown>(c, 'logs', query, o);

export const getAudit = (
  c: Client,
  query: { limit?: number; bucket?: string; user?: string; api?: string; status?: string } = {},
  o: Abortable = {},
) => get<unknown>(c, 'audit', query, o);

/* ---- lifecycle preview ---- */

export interface LifecyclePreview {
  rules: Array<{
    id: string;
    matches_now: number;
    bytes: number;
    /** What the rule, enabled, would act on now. */
    due_now: number;
    due_bytes: number;
    scanned: number;
    complete: boolean;
  }>;
}

export const previewLifecycle = (c: Client, bucket: string, document: string, o: Abortable = {}) =>
  c.json<LifecyclePreview>({
    method: 'POST',
    path: at(`buckets/${bucket}/lifecycle-preview`),
    headers: { 'content-type': 'application/xml' },
    body: document,
    idempotent: true,
    ...o,
  });

/* ---- access keys, beyond what IAM knows of them ---- */

export interface ServiceKey {
  id: string;
  /** Empty: the root. */
  user: string;
  active: boolean;
  bounded: boolean;
  expired: boolean;
  expires: string | null;
  created: string | null;
  name: string;
  description: string;
}

/** Of a user, of the root (''), or of all. */
export const listServiceKeys = async (c: Client, user?: string, o: Abortable = {}) => (await get<{ keys: ServiceKey[] }>(c, 'access-keys', { user }, o)).keys;
export const createServiceKey = (c: Client, key: { user?: string; name?: string; description?: string; expires?: string }) => send<ServiceKey & { secret: string }>(c, 'POST', 'access-keys', key);
export const updateServiceKey = (c: Client, id: string, change: { name?: string; description?: string; expires?: string | null; active?: boolean }) =>
  send<ServiceKey>(c, 'PUT', `access-keys/${encodeURIComponent(id)}`, change);

/* ---- accounts ---- */

export interface Account {
  id: string;
  name: string;
  canonicalId?: string;
  created?: string;
  [more: string]: unknown;
}

export const listAccounts = (c: Client, o: Abortable = {}) => get<unknown>(c, 'accounts', {}, o);
export const getAccount = (c: Client, id: string, o: Abortable = {}) => get<Account>(c, `accounts/${id}`, {}, o);
export const createAccount = (c: Client, account: Record<string, unknown>) => send<Record<string, unknown>>(c, 'POST', 'accounts', account);
export const deleteAccount = (c: Client, id: string) => send<void>(c, 'DELETE', `accounts/${id}`);

/* ---- encryption keys ---- */

export interface KeyVersion {
  version: number;
  created: string;
  [more: string]: unknown;
}

export interface EncryptionKey {
  name: string;
  [more: string]: unknown;
}

export const listKeys = (c: Client, o: Abortable = {}) => get<unknown>(c, 'keys', {}, o);
export const getKey = (c: Client, name: string, o: Abortable = {}) => get<EncryptionKey>(c, `keys/${name}`, {}, o);
export const createKey = (c: Client, name: string) => send<unknown>(c, 'POST', 'keys', { name });
export const rotateKey = (c: Client, name: string) => send<unknown>(c, 'POST', `keys/${name}/rotate`);
export const disableKey = (c: Client, name: string) => send<unknown>(c, 'POST', `keys/${name}/disable`);
export const enableKey = (c: Client, name: string) => send<unknown>(c, 'POST', `keys/${name}/enable`);
export const deleteKey = (c: Client, name: string) => send<void>(c, 'DELETE', `keys/${name}`);
