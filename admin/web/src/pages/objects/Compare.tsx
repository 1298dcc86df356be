// SPDX-License-Identifier: Apache-2.0
/* Two versions of a text, line by line. */
import { useQuery } from '@tanstack/react-query';
import { getObject, type ListedVersion } from '../../api/s3';
import { api } from '../../app';
import { whenNeeded } from '../../app/lazily';
import { t } from '../../strings';
import { Button, Callout, cx, Dialog, ErrorState, formatDate, Loading } from '../../ui';
import css from './objects.module.css';

const SIZE_MAX = 1 << 20;
const CONTEXT = 3;
const differ = whenNeeded(() => import('diff'));

async function read(bucket: string, v: ListedVersion, signal: AbortSignal): Promise<string | null> {
  if (v.size > SIZE_MAX) return null;
  const reply = await getObject(api(), { bucket, key: v.key, versionId: v.versionId }, { signal });
  const bytes = await reply.arrayBuffer();
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

type Line = { sign: '+' | '-' | ' ' | '…'; text: string };

/** Lines that are the same are left out, but for a few around each change. */
export function foldLines(changes: ReadonlyArray<{ value: string; added?: boolean; removed?: boolean }>): Line[] {
  const lines: Line[] = [];
  changes.forEach((change, i) => {
    const parts = change.value.replace(/\n$/, '').split('\n');
    const sign = change.added ? '+' : change.removed ? '-' : ' ';
    const before = i > 0 ? CONTEXT : 0;
    const after = i < changes.length - 1 ? CONTEXT : 0;
    if (sign === ' ' && parts.length > before + after + 1) {
      const skipped = parts.length - before - after;
      lines.push(...parts.slice(0, before).map((text) => ({ sign, text }) as Line));
      lines.push({ sign: '…', text: t('objects.unchanged', { count: skipped }) });
      lines.push(...parts.slice(parts.length - after).map((text) => ({ sign, text }) as Line));
    } else lines.push(...parts.map((text) => ({ sign, text }) as Line));
  });
  return lines;
}

export function Compare({ bucket, older, newer, onClose }: { bucket: string; older: ListedVersion; newer: ListedVersion; onClose: () => void }) {
  const result = useQuery({
    queryKey: ['objects', bucket, 'compare', older.key, older.versionId, newer.versionId],
    queryFn: async ({ signal }) => {
      const [a, b] = await Promise.all([read(bucket, older, signal), read(bucket, newer, signal)]);
      if (a === null || b === null) return older.etag === newer.etag ? 'same' : 'binary';
      if (a === b) return 'same';
      const { diffLines } = await differ();
      return foldLines(diffLines(a, b, { timeout: 4000 }) ?? [
        { value: a, removed: true, added: false, count: 1 },
        { value: b, removed: false, added: true, count: 1 },
      ]);
    },
    gcTime: 0,
  });
  return (
    <Dialog isOpen onClose={onClose} size="xl" title={t('objects.compareTitle')} footer={<Button onPress={onClose}>{t('ui.close')}</Button>}>
      <div className="row wrap muted">
        <span>
          − {t('objects.older')}: {formatDate(older.modified, { dateStyle: 'medium', timeStyle: 'medium' })}
        </span>
        <span>
          + {t('objects.newer')}: {formatDate(newer.modified, { dateStyle: 'medium', timeStyle: 'medium' })}
        </span>
      </div>
      {result.isPending ? (
        <Loading rows={6} />
      ) : result.error ? (
        <ErrorState error={result.error} compact />
      ) : result.data === 'same' ? (
        <Callout tone="success">{t('objects.compareSame')}</Callout>
      ) : result.data === 'binary' ? (
        <Callout tone="info">{t('objects.compareBinary')}</Callout>
      ) : (
        <div className={css.diff} tabIndex={0} role="region" aria-label={t('objects.compareTitle')}>
          {result.data.map((line, i) => (
            <div key={i} className={cx(line.sign === '+' && css.added, line.sign === '-' && css.removed, line.sign === '…' && css.skipped)}>
              <span>{line.sign}</span>
              <span>{line.text}</span>
            </div>
          ))}
        </div>
      )}
    </Dialog>
  );
}
