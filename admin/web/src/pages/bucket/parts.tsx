// SPDX-License-Identifier: Apache-2.0
/* What all sections of a bucket's page are made of: a setting that is read, and one that is saved. */
import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { isApiError } from '../../api/http';
import { t } from '../../strings';
import { Button, Card, EmptyState, ErrorState, Loading, toast } from '../../ui';
import { Puzzle } from 'lucide-react';
import type { Rights } from './rights';

export interface SectionProps {
  bucket: string;
  rights: Rights;
}

/** A setting of the bucket; null: it has none. */
export function useSetting<T>(bucket: string, name: string, load: (signal: AbortSignal) => Promise<T | undefined>, enabled = true, everyMs?: number): UseQueryResult<T | null> {
  return useQuery<T | null>({
    queryKey: ['bucket', bucket, name],
    queryFn: async ({ signal }) => (await load(signal)) ?? null,
    enabled,
    refetchInterval: everyMs ?? false,
    retry: (count, error) => count < 1 && !isApiError(error),
  });
}

export interface Action {
  busy: boolean;
  error: unknown;
  clear: () => void;
  /** Resolves to whether it went well; what it throws is kept in `error`. */
  run: (action: () => Promise<unknown>, done?: string) => Promise<boolean>;
}

/** One change at a time; after it everything that is known of the bucket is asked anew. */
export function useAction(bucket: string): Action {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (action: () => Promise<unknown>, done = t('bucket.saved')) => {
    if (busy) return false;
    setBusy(true);
    setError(null);
    try {
      await action();
      await client.invalidateQueries({ queryKey: ['bucket', bucket] });
      void client.invalidateQueries({ queryKey: ['bucketStatus'] });
      toast.success(done);
      return true;
    } catch (e) {
      setError(e);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, clear: () => setError(null), run };
}

export function Loaded<T>({ query, children }: { query: UseQueryResult<T | null>; children: (data: T | null) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error && isApiError(query.error, 'NotImplemented')) {
    return (
      <EmptyState icon={Puzzle} title={t('bucket.notHere')}>
        {t('bucket.notHereAdvice')}
      </EmptyState>
    );
  }
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <Card>
      <Loading rows={4} />
    </Card>
  );
}

/** A card whose form is saved by the button in its foot; for those who may only look there is none. */
/** What somebody sees who may not change it. */
export function ReadOnlyCard({ title, description, children }: { title: string; description: ReactNode; children: ReactNode }) {
  return (
    <Card title={title} description={description} footer={<span>{t('bucket.readOnly')}</span>}>
      {children}
    </Card>
  );
}

export function FormCard({
  title,
  description,
  children,
  action,
  may,
  changed,
  valid = true,
  onSave,
  onReset,
  extra,
}: {
  title: string;
  description?: ReactNode;
  children: ReactNode;
  action: Action;
  may: boolean;
  changed: boolean;
  valid?: boolean;
  onSave: () => void;
  onReset?: () => void;
  extra?: ReactNode;
}) {
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        if (may && changed && valid && !action.busy) onSave();
      }}
    >
      <Card
        title={title}
        description={description}
        footer={
          may ? (
            <>
              {extra}
              {changed && onReset && (
                <Button variant="ghost" onPress={onReset} isDisabled={action.busy}>
                  {t('bucket.discard')}
                </Button>
              )}
              <Button type="submit" variant="primary" isPending={action.busy} isDisabled={!changed || !valid}>
                {t('ui.save')}
              </Button>
            </>
          ) : (
            <span>{t('bucket.readOnly')}</span>
          )
        }
      >
        <div className="stack">
          {children}
          {action.error !== null && <ErrorState error={action.error} compact />}
        </div>
      </Card>
    </form>
  );
}
