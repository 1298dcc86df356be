// SPDX-License-Identifier: Apache-2.0
/* Emptying and deleting, both with the bucket's name typed. Mounted while they are open. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { isAbort, isApiError } from '../../api/http';
import type { BucketStatus } from '../../api/pail';
import { deleteBucket } from '../../api/s3';
import { api, objectArn, useCan } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Checkbox, ConfirmDialog, Dialog, ErrorState, formatBytes, formatNumber, Progress, TextField, toast } from '../../ui';
import css from './buckets.module.css';
import { emptyBucket, type Emptied } from './empty';

type Phase = 'ask' | 'running' | 'done' | 'stopped' | 'failed';

export function EmptyBucket({ name, status, locked, onClose }: { name: string; status?: BucketStatus | undefined; locked?: boolean | undefined; onClose: () => void }) {
  const client = useQueryClient();
  const can = useCan([{ action: 's3:BypassGovernanceRetention', resource: objectArn(name) }]);
  const [text, setText] = useState('');
  const [bypass, setBypass] = useState(false);
  const [phase, setPhase] = useState<Phase>('ask');
  const [state, setState] = useState<Emptied>({ uploads: 0, versions: 0, failed: 0, failures: [] });
  const [error, setError] = useState<unknown>(null);
  const controller = useRef<AbortController | null>(null);
  useEffect(() => () => controller.current?.abort(), []);
  const total = status ? status.usage.objects + status.usage.noncurrentVersions + status.usage.deleteMarkers : undefined;

  const run = async () => {
    if (phase !== 'ask' || text !== name) return;
    const own = new AbortController();
    controller.current = own;
    setPhase('running');
    try {
      setState(await emptyBucket(api(), name, { signal: own.signal, bypass, onProgress: setState }));
      setPhase('done');
    } catch (e) {
      if (!isAbort(e)) setError(e);
      setPhase(isAbort(e) ? 'stopped' : 'failed');
    }
    void client.invalidateQueries({ queryKey: ['bucket', name] });
    void client.invalidateQueries({ queryKey: ['buckets'] });
    void client.invalidateQueries({ queryKey: ['bucketStatus'] });
    void client.invalidateQueries({ queryKey: ['objects', name] });
  };
  const running = phase === 'running';
  const ended = phase === 'done' || phase === 'stopped' || phase === 'failed';
  return (
    <Dialog
      isOpen
      role="alertdialog"
      isModal={running}
      onClose={onClose}
      title={t('buckets.emptyTitle', { name })}
      onSubmit={() => void run()}
      footer={
        ended ? (
          <Button variant="primary" onPress={onClose}>
            {t('ui.close')}
          </Button>
        ) : running ? (
          <Button onPress={() => controller.current?.abort()}>{t('buckets.stop')}</Button>
        ) : (
          <>
            <Button onPress={onClose}>{t('ui.cancel')}</Button>
            <Button type="submit" variant="danger" isDisabled={text !== name}>
              {t('buckets.emptyAction')}
            </Button>
          </>
        )
      }
    >
      {phase === 'ask' && (
        <>
          <p>{t('buckets.emptyBody')}</p>
          {status && (
            <p>
              <strong>{t('buckets.emptyCounts', { objects: formatNumber(status.usage.objects), versions: formatNumber(status.usage.noncurrentVersions), size: formatBytes(status.usage.bytes) })}</strong>
            </p>
          )}
          {locked && can.all && <Checkbox label={t('buckets.bypass')} description={t('buckets.bypassHelp')} isSelected={bypass} onChange={setBypass} />}
          <TextField label={t('ui.typeToConfirm', { name })} value={text} onChange={setText} mono autoFocus />
        </>
      )}
      {running && (
        <Progress
          label={t('buckets.emptyRunning')}
          {...(total ? { value: state.versions + state.failed, max: total } : {})}
          text={total ? `${formatNumber(state.versions + state.failed)} / ${formatNumber(total)}` : formatNumber(state.versions)}
        />
      )}
      {phase === 'done' && state.failed === 0 && (
        <Callout tone="success" title={t('buckets.emptyDone')}>
          {t('buckets.emptyDoneCounts', { versions: state.versions, uploads: state.uploads })}
        </Callout>
      )}
      {phase === 'stopped' && <Callout tone="warning">{t('buckets.emptyStopped')}</Callout>}
      {error !== null && <ErrorState error={error} compact />}
      {ended && state.failed > 0 && (
        <Callout tone="danger" title={t('buckets.emptyFailed', { count: state.failed })}>
          <ul className={css.failures} tabIndex={0} aria-label={t('buckets.emptyFailed', { count: state.failed })}>
            {state.failures.map((f) => (
              <li key={`${f.key}\0${f.versionId ?? ''}`} className="hostile">
                <code>{f.key}</code>: {f.message}
              </li>
            ))}
          </ul>
        </Callout>
      )}
    </Dialog>
  );
}

export function DeleteBucket({ name, mayEmpty, onClose, onDone, onEmpty }: { name: string; mayEmpty: boolean; onClose: () => void; onDone: () => void; onEmpty: () => void }) {
  const client = useQueryClient();
  const [full, setFull] = useState(false);
  const run = async () => {
    try {
      await deleteBucket(api(), name);
    } catch (e) {
      if (isApiError(e, 'BucketNotEmpty')) setFull(true);
      throw e;
    }
    toast.success(t('buckets.deletedToast', { name }));
    client.removeQueries({ queryKey: ['bucket', name] });
    await client.invalidateQueries({ queryKey: ['buckets'] });
    await client.invalidateQueries({ queryKey: ['bucketStatus'] });
    onDone();
  };
  return (
    <ConfirmDialog isOpen danger typed={name} title={t('buckets.deleteTitle', { name })} confirmLabel={t('buckets.deleteAction')} onClose={onClose} onConfirm={run}>
      <p>{t('buckets.deleteBody')}</p>
      {full && (
        <Callout
          tone="warning"
          actions={
            mayEmpty && (
              <Button size="sm" onPress={onEmpty}>
                {t('buckets.deleteEmptyFirst')}
              </Button>
            )
          }
        >
          {t('buckets.deleteNotEmpty')}
        </Callout>
      )}
    </ConfirmDialog>
  );
}
