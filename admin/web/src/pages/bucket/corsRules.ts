// SPDX-License-Identifier: Apache-2.0
/* CORS rules: lines of text to lists, what is wrong, and what a rule allows in words. */
import type { CorsRule } from '../../api/s3';
import { t } from '../../strings';
import { formatDuration } from '../../ui';

export const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'] as const;

export const emptyCors = (): CorsRule => ({ origins: ['*'], methods: ['GET', 'HEAD'], headers: ['*'], exposeHeaders: ['ETag'], maxAgeSeconds: 3600 });

export const toLines = (list: readonly string[]): string => list.join('\n');
export const fromLines = (text: string): string[] => text.split(/[\n,]/).map((l) => l.trim()).filter(Boolean);

export function corsProblem(r: CorsRule): string | null {
  if (r.origins.length === 0) return t('bucket.corsNoOrigin');
  if (r.methods.length === 0) return t('bucket.corsNoMethod');
  const star = r.origins.find((o) => o.split('*').length > 2);
  if (star) return t('bucket.corsStars', { text: star });
  const header = r.headers.find((h) => h.split('*').length > 2);
  if (header) return t('bucket.corsStars', { text: header });
  const path = r.origins.find((o) => o !== '*' && /^[a-z*]+:\/\/[^/]+\/./i.test(o));
  if (path) return t('bucket.corsPath', { text: path });
  const slash = r.origins.find((o) => o !== '*' && o.endsWith('/'));
  if (slash) return t('bucket.corsSlash', { text: slash });
  if (r.exposeHeaders.some((h) => h.includes('*'))) return t('bucket.corsExposeStar');
  return null;
}

export function corsInWords(r: CorsRule): string {
  const origins = r.origins.includes('*') ? t('bucket.corsAnyOrigin') : r.origins.join(', ');
  const cached = r.maxAgeSeconds !== undefined ? ` ${t('bucket.corsCached', { time: formatDuration(r.maxAgeSeconds) })}` : '';
  return t('bucket.corsWords', { origins, methods: r.methods.join(', ') }) + cached;
}
