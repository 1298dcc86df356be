// SPDX-License-Identifier: Apache-2.0
/* Lifecycle rules: in words, what is wrong with them, and as the JSON that command line tools take. No React here. */
import type { LifecycleRule } from '../../api/s3';
import { t } from '../../strings';
import { formatBytes, formatDate, formatNumber } from '../../ui';

export const CLASSES = ['STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE'] as const;

export const emptyRule = (id: string): LifecycleRule => ({ id, enabled: true, prefix: '', tags: {}, transitions: [], noncurrentTransitions: [] });

/** "rule-1", the first that is free. */
export function freeId(rules: readonly LifecycleRule[]): string {
  const taken = new Set(rules.map((r) => r.id));
  for (let i = 1; ; i++) if (!taken.has(`rule-${i}`)) return `rule-${i}`;
}

const days = (n: number): string => t('bucket.dayCount', { count: n });
const day = (text: string): string => formatDate(text, { dateStyle: 'long', timeZone: 'UTC' });

/** What a rule is about: "all objects", "objects whose names begin with “logs/”, that have the tag a = b". */
export function scopeInWords(r: LifecycleRule): string {
  const parts: string[] = [];
  if (r.prefix) parts.push(t('bucket.scopePrefix', { prefix: r.prefix }));
  for (const [key, value] of Object.entries(r.tags)) parts.push(t('bucket.scopeTag', { key, value }));
  if (r.sizeGreaterThan !== undefined) parts.push(t('bucket.scopeLarger', { size: formatBytes(r.sizeGreaterThan) }));
  if (r.sizeLessThan !== undefined) parts.push(t('bucket.scopeSmaller', { size: formatBytes(r.sizeLessThan) }));
  if (parts.length === 0) return t('bucket.scopeAll');
  const and = t('bucket.scopeAnd');
  return t('bucket.scopeSome', { conditions: parts.join(` ${and} `) });
}

/** What it does, one sentence each. What deleting means depends on whether the bucket keeps versions. */
export function actionsInWords(r: LifecycleRule, versioned: boolean): string[] {
  const out: string[] = [];
  for (const m of r.transitions) {
    const storage = m.storageClass;
    out.push(m.date ? t('bucket.doesMoveOn', { storage, date: day(m.date) }) : m.days ? t('bucket.doesMove', { storage, days: days(m.days) }) : t('bucket.doesMoveAtOnce', { storage }));
  }
  if (r.expireDays !== undefined) out.push(t(versioned ? 'bucket.doesExpireVersioned' : 'bucket.doesExpire', { days: days(r.expireDays) }));
  if (r.expireDate) out.push(t(versioned ? 'bucket.doesExpireOnVersioned' : 'bucket.doesExpireOn', { date: day(r.expireDate) }));
  for (const m of r.noncurrentTransitions) {
    out.push(t(m.keep ? 'bucket.doesMoveOldKeep' : 'bucket.doesMoveOld', { storage: m.storageClass, days: days(m.days ?? 0), keep: formatNumber(m.keep ?? 0) }));
  }
  if (r.noncurrentDays !== undefined) {
    out.push(t(r.noncurrentKeep ? 'bucket.doesExpireOldKeep' : 'bucket.doesExpireOld', { days: days(r.noncurrentDays), keep: formatNumber(r.noncurrentKeep ?? 0) }));
  }
  if (r.expireDeleteMarkers) out.push(t('bucket.doesMarkers'));
  if (r.abortUploadsDays !== undefined) out.push(t('bucket.doesAbort', { days: days(r.abortUploadsDays) }));
  return out;
}

/** For where there is one line. */
export function ruleInWords(r: LifecycleRule, versioned: boolean): string {
  return `${scopeInWords(r)}: ${actionsInWords(r, versioned).join(' ')}`;
}

const ID_MAX = 255;
const KEEP_MAX = 100;
const IA_DAYS = 30;

/** What the server would refuse, in the words of who fills in the form. */
export function ruleProblems(r: LifecycleRule, others: readonly LifecycleRule[]): string[] {
  const out: string[] = [];
  const filtered = Object.keys(r.tags).length > 0 || r.sizeGreaterThan !== undefined || r.sizeLessThan !== undefined;
  if ([...r.id].length > ID_MAX) out.push(t('bucket.badIdLong'));
  if (r.id && others.some((o) => o.id === r.id)) out.push(t('bucket.badIdTaken'));
  if (Object.keys(r.tags).some((k) => k === '')) out.push(t('bucket.badTagKey'));
  if (r.sizeGreaterThan !== undefined && r.sizeLessThan !== undefined && r.sizeGreaterThan >= r.sizeLessThan) out.push(t('bucket.badSizes'));
  if (actionsInWords(r, true).length === 0) out.push(t('bucket.badNothing'));
  if (r.expireDays === 0 || r.noncurrentDays === 0 || r.abortUploadsDays === 0) out.push(t('bucket.badZeroDays'));
  if (r.noncurrentKeep !== undefined && (r.noncurrentKeep < 1 || r.noncurrentKeep > KEEP_MAX)) out.push(t('bucket.badKeep'));
  if (filtered && r.abortUploadsDays !== undefined) out.push(t('bucket.badAbortFilter'));
  if (filtered && r.expireDeleteMarkers) out.push(t('bucket.badMarkerFilter'));
  if (r.expireDeleteMarkers && (r.expireDays !== undefined || r.expireDate)) out.push(t('bucket.badMarkerExpire'));
  const dates = Boolean(r.expireDate) || r.transitions.some((m) => m.date);
  const inDays = r.expireDays !== undefined || r.transitions.some((m) => !m.date);
  if (dates && inDays) out.push(t('bucket.badMixed'));
  for (const list of [r.transitions, r.noncurrentTransitions]) {
    const classes = list.map((m) => m.storageClass);
    if (new Set(classes).size < classes.length) out.push(t('bucket.badClassTwice'));
    for (const m of list) {
      const isDate = 'date' in m && Boolean(m.date);
      if (!isDate && /_IA$/.test(m.storageClass) && (m.days ?? 0) < IA_DAYS) out.push(t('bucket.badInfrequent', { storage: m.storageClass }));
    }
  }
  const last = Math.max(-1, ...r.transitions.filter((m) => !m.date).map((m) => m.days ?? 0));
  if (r.expireDays !== undefined && r.expireDays > 0 && r.expireDays <= last) out.push(t('bucket.badExpireBefore'));
  const lastOld = Math.max(-1, ...r.noncurrentTransitions.map((m) => m.days ?? 0));
  if (r.noncurrentDays !== undefined && r.noncurrentDays > 0 && r.noncurrentDays <= lastOld) out.push(t('bucket.badExpireBefore'));
  return [...new Set(out)];
}

/** As `aws s3api put-bucket-lifecycle-configuration` takes it. */
export function toJson(rules: readonly LifecycleRule[]): string {
  const filter = (r: LifecycleRule) => {
    const Tags = Object.entries(r.tags).map(([Key, Value]) => ({ Key, Value }));
    const parts = {
      ...(r.prefix && { Prefix: r.prefix }),
      ...(r.sizeGreaterThan !== undefined && { ObjectSizeGreaterThan: r.sizeGreaterThan }),
      ...(r.sizeLessThan !== undefined && { ObjectSizeLessThan: r.sizeLessThan }),
    };
    const count = Object.keys(parts).length + Tags.length;
    if (count === 0) return { Prefix: '' };
    if (count > 1) return { And: { ...parts, ...(Tags.length && { Tags }) } };
    return Tags[0] ? { Tag: Tags[0] } : parts;
  };
  const expiration = (r: LifecycleRule) =>
    r.expireDays !== undefined ? { Days: r.expireDays } : r.expireDate ? { Date: r.expireDate } : r.expireDeleteMarkers ? { ExpiredObjectDeleteMarker: true } : undefined;
  const out = rules.map((r) => ({
    ...(r.id && { ID: r.id }),
    Status: r.enabled ? 'Enabled' : 'Disabled',
    Filter: filter(r),
    Expiration: expiration(r),
    Transitions: r.transitions.length ? r.transitions.map((m) => ({ Days: m.days, Date: m.date, StorageClass: m.storageClass })) : undefined,
    NoncurrentVersionExpiration: r.noncurrentDays !== undefined ? { NoncurrentDays: r.noncurrentDays, NewerNoncurrentVersions: r.noncurrentKeep } : undefined,
    NoncurrentVersionTransitions: r.noncurrentTransitions.length
      ? r.noncurrentTransitions.map((m) => ({ NoncurrentDays: m.days, NewerNoncurrentVersions: m.keep, StorageClass: m.storageClass }))
      : undefined,
    AbortIncompleteMultipartUpload: r.abortUploadsDays !== undefined ? { DaysAfterInitiation: r.abortUploadsDays } : undefined,
  }));
  return JSON.stringify({ Rules: out }, null, 2);
}

/** XML with a line for each element; what is no well-formed XML stays as it is. */
export function prettyXml(text: string): string {
  const tokens = text.replace(/>\s+</g, '><').match(/<[^>]*>|[^<]+/g);
  if (!tokens) return text;
  let depth = 0;
  let out = '';
  tokens.forEach((token, i) => {
    const before = tokens[i - 1] ?? '';
    const opens = /^<[^/?!]/.test(token) && !token.endsWith('/>');
    const closes = token.startsWith('</');
    if (closes) depth = Math.max(0, depth - 1);
    const textBefore = before !== '' && !before.startsWith('<');
    const closesAtOnce = closes && (textBefore || (/^<[^/?!]/.test(before) && !before.endsWith('/>')));
    if (token.startsWith('<') && !closesAtOnce && out !== '') out += `\n${'  '.repeat(depth)}`;
    out += token;
    if (opens) depth++;
  });
  return `${out}\n`;
}
