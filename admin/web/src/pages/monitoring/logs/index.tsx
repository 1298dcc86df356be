// SPDX-License-Identifier: Apache-2.0
import { useInfiniteQuery } from '@tanstack/react-query';
import { RefreshCw, ScrollText } from 'lucide-react';
import { useMemo, useState } from 'react';
import { getLogs } from '../../../api/pail';
import { api, type PageProps } from '../../../app';
import { t } from '../../../strings';
import { Badge, Button, EmptyState, ErrorState, formatDate, IconButton, Loading, PageHeader, SearchField, Select, Switch, type Tone } from '../../../ui';
import css from '../monitoring.module.css';
import { numberOf, textOf } from '../parts';

const PAGE = 200;
const AGAIN_MS = 3000;
type Level = 'all' | 'info' | 'warn' | 'error';
export type LogLine = { id: number; time: string; level: string; event: string; text: string };

/** One page of the reply: the newest first. */
export function readLines(reply: unknown): LogLine[] {
  const list = Array.isArray(reply) ? reply : ((reply as { lines?: unknown; logs?: unknown; entries?: unknown } | null)?.lines ?? (reply as { entries?: unknown } | null)?.entries ?? []);
  if (!Array.isArray(list)) return [];
  return list.map((one: Record<string, unknown>) => ({ id: numberOf(one.id), time: textOf(one.time), level: textOf(one.level).toLowerCase(), event: textOf(one.event), text: textOf(one.text ?? one.message) }));
}

const tones: Record<string, Tone | 'neutral'> = { error: 'danger', fatal: 'danger', warn: 'warning', warning: 'warning', info: 'info' };

export default function Page(_: PageProps) {
  const [level, setLevel] = useState<Level>('all');
  const [text, setText] = useState('');
  const [follow, setFollow] = useState(true);
  const logs = useInfiniteQuery({
    queryKey: ['logs', level],
    queryFn: ({ pageParam, signal }) => getLogs(api(), { limit: PAGE, ...(level === 'all' ? {} : { level }), ...(pageParam ? { before: pageParam } : {}) }, { signal }).then(readLines),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last[last.length - 1]?.id || undefined),
    refetchInterval: follow ? AGAIN_MS : false,
  });
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const lines = useMemo(
    () => (logs.data?.pages.flat() ?? []).filter((l) => words.every((w) => `${l.event} ${l.text}`.toLowerCase().includes(w))),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [logs.data, text],
  );
  return (
    <>
      <PageHeader title={t('app.monitoringLogs')} description={t('monitoring.logsDescription')} actions={<IconButton label={t('ui.refresh')} icon={RefreshCw} variant="secondary" onPress={() => void logs.refetch()} />} />
      <div className={css.filters}>
        <SearchField className={css.search} label={t('monitoring.filterText')} value={text} onChange={setText} />
        <Select
          className={css.narrow}
          label={t('monitoring.level')}
          hideLabel
          value={level}
          onChange={setLevel}
          options={[
            { id: 'all', label: t('monitoring.anyLevel') },
            { id: 'info', label: t('monitoring.levelInfo') },
            { id: 'warn', label: t('monitoring.levelWarn') },
            { id: 'error', label: t('monitoring.levelError') },
          ]}
        />
        <Switch className={css.center ?? ''} label={t('monitoring.follow')} isSelected={follow} onChange={setFollow} />
      </div>
      {logs.isPending ? (
        <Loading rows={8} />
      ) : logs.error && lines.length === 0 ? (
        <ErrorState error={logs.error} onRetry={() => void logs.refetch()} />
      ) : lines.length === 0 ? (
        <EmptyState icon={ScrollText} title={t('monitoring.nothingMatches')}>
          {t('monitoring.loosenFilters')}
        </EmptyState>
      ) : (
        <div className={css.lines} role="log" aria-label={t('app.monitoringLogs')} aria-live="off" tabIndex={0}>
          {lines.map((l) => (
            <div key={l.id || `${l.time}${l.text}`} className={css.line}>
              <time dateTime={l.time}>{formatDate(l.time, { dateStyle: 'short', timeStyle: 'medium' })}</time>
              <span>
                <Badge tone={tones[l.level] ?? 'neutral'}>{l.level}</Badge>
              </span>
              <span className={css.event}>{l.event}</span>
              <span className={css.text}>{l.text}</span>
            </div>
          ))}
          {logs.hasNextPage && (
            <div className={css.more}>
              <Button size="sm" isPending={logs.isFetchingNextPage} onPress={() => void logs.fetchNextPage()}>
                {t('monitoring.older')}
              </Button>
            </div>
          )}
        </div>
      )}
    </>
  );
}
