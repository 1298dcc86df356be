// SPDX-License-Identifier: Apache-2.0
// From whatever was thrown to words: what failed and what to do about it.
import { t, type Key } from '../strings';

export type ErrorKind = 'unreachable' | 'denied' | 'expired' | 'missing' | 'busy' | 'other';
export type Described = { kind: ErrorKind; title: string; advice: string; code: string; requestId: string };

type Shape = { name?: unknown; code?: unknown; status?: unknown; message?: unknown; requestId?: unknown };

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 2000) : '');

const known: Record<string, [ErrorKind, Key]> = {
  AccessDenied: ['denied', 'errors.denied'],
  NoSuchBucket: ['missing', 'errors.noBucket'],
  NoSuchKey: ['missing', 'errors.noKey'],
  NoSuchEntity: ['missing', 'errors.noEntity'],
  SlowDown: ['busy', 'errors.slowDown'],
  ServiceUnavailable: ['busy', 'errors.busy'],
  ExpiredToken: ['expired', 'errors.expired'],
  InvalidAccessKeyId: ['expired', 'errors.keyUnknown'],
  InvalidClientTokenId: ['expired', 'errors.keyUnknown'],
  SignatureDoesNotMatch: ['denied', 'errors.signature'],
  RequestTimeTooSkewed: ['other', 'errors.clock'],
  QuotaExceeded: ['other', 'errors.quota'],
  BucketNotEmpty: ['other', 'errors.notEmpty'],
  BucketAlreadyExists: ['other', 'errors.bucketTaken'],
  BucketAlreadyOwnedByYou: ['other', 'errors.bucketYours'],
  InsufficientStorage: ['other', 'errors.diskFull'],
};

export function describeError(error: unknown): Described {
  const e: Shape = typeof error === 'object' && error !== null ? (error as Shape) : { message: String(error) };
  const code = text(e.code) || text(e.name);
  const status = typeof e.status === 'number' ? e.status : undefined;
  const message = text(e.message);
  const base = { code, requestId: text(e.requestId) };
  if (code === 'NetworkError' || code === 'TimeoutError' || (error instanceof TypeError && status === undefined && /fetch|network|load/i.test(message))) {
    return { ...base, kind: 'unreachable', title: t('errors.unreachable'), advice: t('errors.unreachableAdvice') };
  }
  const row = known[code];
  if (row) {
    const advice = row[1] as Key;
    return { ...base, kind: row[0], title: message || t('errors.failed'), advice: t(advice as 'errors.denied') };
  }
  if (status === 403) return { ...base, kind: 'denied', title: message || t('errors.failed'), advice: t('errors.denied') };
  if (status === 404) return { ...base, kind: 'missing', title: message || t('errors.notFound'), advice: t('errors.notFoundAdvice') };
  if (status === 429 || status === 503) return { ...base, kind: 'busy', title: message || t('errors.failed'), advice: t('errors.busy') };
  if (status !== undefined && status >= 500) return { ...base, kind: 'other', title: message || t('errors.failed'), advice: t('errors.server') };
  return { ...base, kind: 'other', title: message || t('errors.failed'), advice: code && code !== 'Error' && code !== message ? t('errors.code', { code }) : '' };
}
