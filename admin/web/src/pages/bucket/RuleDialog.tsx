// SPDX-License-Identifier: Apache-2.0
/* The form of one lifecycle rule. Beside it: what the rule will do in words, and what it covers now, as the server counts it. */
import { useQuery } from '@tanstack/react-query';
import { CircleAlert, Plus, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { isApiError } from '../../api/http';
import { previewLifecycle } from '../../api/pail';
import { lifecycleDocument, type LifecycleRule, type LifecycleTransition } from '../../api/s3';
import { api } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Checkbox, cx, Dialog, ErrorState, formatBytes, formatNumber, IconButton, NumberField, RadioGroup, Select, Skeleton, Switch, TextField } from '../../ui';
import { ALL_UNITS, AmountField, toAmount, toBytes, type Amount } from '../buckets/fields';
import css from './bucket.module.css';
import { actionsInWords, CLASSES, ruleProblems, scopeInWords } from './lifecycle';
import type { Action } from './parts';
import { fromPairs, PairsEditor, tagProblem, toPairs, type Pair } from './Small';

const WAIT_MS = 500;
const TAGS_MAX = 10;

function useDelayed(value: string): string {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), WAIT_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return late;
}

export interface RuleDialogProps {
  bucket: string;
  rule: LifecycleRule;
  isNew: boolean;
  others: readonly LifecycleRule[];
  versioned: boolean;
  mayPreview: boolean;
  action: Action;
  onClose: () => void;
  onSave: (rule: LifecycleRule) => Promise<boolean>;
}

type When = 'never' | 'days' | 'date';

export function RuleDialog({ bucket, rule: first, isNew, others, versioned, mayPreview, action, onClose, onSave }: RuleDialogProps) {
  const [r, setRule] = useState(first);
  const [pairs, setPairs] = useState<Pair[]>(toPairs(first.tags));
  const [larger, setLarger] = useState<Amount>(toAmount(first.sizeGreaterThan, ALL_UNITS, 'KiB'));
  const [smaller, setSmaller] = useState<Amount>(toAmount(first.sizeLessThan, ALL_UNITS, 'MiB'));
  const change = (part: Partial<LifecycleRule>) => setRule({ ...r, ...part });
  const made: LifecycleRule = {
    ...r,
    tags: fromPairs(pairs.filter((p) => p.key !== '' || p.value !== '')),
    sizeGreaterThan: larger.value === null ? undefined : toBytes(larger),
    sizeLessThan: smaller.value === null ? undefined : toBytes(smaller),
  };
  const problems = ruleProblems(made, others);
  const valid = problems.length === 0 && pairs.every((_, i) => tagProblem(pairs, i) === null);
  const expires: When = r.expireDays !== undefined ? 'days' : r.expireDate !== undefined ? 'date' : 'never';
  const dated = Boolean(r.expireDate) || r.transitions.some((m) => m.date);
  return (
    <Dialog
      isOpen
      size="xl"
      onClose={onClose}
      title={t(isNew ? 'bucket.addRule' : 'bucket.editRuleTitle')}
      onSubmit={() => {
        if (valid) void onSave(made).then((ok) => ok && onClose());
      }}
      footer={
        <>
          {problems[0] && <span className={cx('grow', css.footNote)}>{problems[0]}</span>}
          <Button onPress={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" isPending={action.busy} isDisabled={!valid}>
            {t('ui.save')}
          </Button>
        </>
      }
    >
      <div className={css.top}>
        <TextField label={t('bucket.ruleName')} value={r.id} onChange={(id) => change({ id })} maxLength={255} />
        <Switch label={t('bucket.enabled')} isSelected={r.enabled} onChange={(enabled) => change({ enabled })} />
      </div>
      <fieldset className={css.fieldset}>
        <legend>{t('bucket.whichObjects')}</legend>
        <TextField label={t('bucket.prefix')} description={t('bucket.prefixHelp')} value={r.prefix} onChange={(prefix) => change({ prefix })} mono />
        <div className="grid3">
          <AmountField label={t('bucket.largerThan')} value={larger} onChange={setLarger} units={ALL_UNITS} />
          <AmountField label={t('bucket.smallerThan')} value={smaller} onChange={setSmaller} units={ALL_UNITS} />
        </div>
        <div role="group" aria-label={t('bucket.withTags')}>
          <PairsEditor pairs={pairs} onChange={setPairs} most={TAGS_MAX} />
        </div>
      </fieldset>
      <fieldset className={css.fieldset}>
        <legend>{t(versioned ? 'bucket.currentVersions' : 'bucket.theObjects')}</legend>
        <Transitions list={r.transitions} dated={dated && expires !== 'days'} onChange={(transitions) => change({ transitions })} />
        <RadioGroup
          label={t(versioned ? 'bucket.expireVersioned' : 'bucket.expire')}
          value={expires}
          onChange={(when) => change({ expireDays: when === 'days' ? Math.max(0, ...r.transitions.map((m) => m.days ?? 0)) + 30 : undefined, expireDate: when === 'date' ? `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T00:00:00Z` : undefined })}
          options={[
            { id: 'never', label: t('bucket.never') },
            { id: 'days', label: t('bucket.afterDays') },
            { id: 'date', label: t('bucket.onDate') },
          ]}
        />
        {expires === 'days' && <NumberField label={t('bucket.daysAfterWrite')} value={r.expireDays ?? null} onChange={(n) => change({ expireDays: n ?? 0 })} min={1} max={2147483647} />}
        {expires === 'date' && (
          <TextField label={t('bucket.date')} type="date" description={t('bucket.dateHelp')} value={(r.expireDate ?? '').slice(0, 10)} onChange={(d) => change({ expireDate: d ? `${d}T00:00:00Z` : '' })} />
        )}
      </fieldset>
      {(versioned || r.noncurrentDays !== undefined || r.noncurrentTransitions.length > 0) && (
        <fieldset className={css.fieldset}>
          <legend>{t('bucket.olderVersions')}</legend>
          <OldTransitions list={r.noncurrentTransitions} onChange={(noncurrentTransitions) => change({ noncurrentTransitions })} />
          <Checkbox
            label={t('bucket.expireOld')}
            isSelected={r.noncurrentDays !== undefined}
            onChange={(on) => change({ noncurrentDays: on ? 30 : undefined, noncurrentKeep: on ? r.noncurrentKeep : undefined })}
          />
          {r.noncurrentDays !== undefined && (
            <div className="grid3">
              <NumberField label={t('bucket.daysAfterReplaced')} value={r.noncurrentDays || null} onChange={(n) => change({ noncurrentDays: n ?? 0 })} min={1} max={2147483647} />
              <NumberField label={t('bucket.keepNewest')} description={t('bucket.keepNewestHelp')} value={r.noncurrentKeep ?? null} onChange={(n) => change({ noncurrentKeep: n ?? undefined })} min={1} max={100} />
            </div>
          )}
        </fieldset>
      )}
      <fieldset className={css.fieldset}>
        <legend>{t('bucket.tidying')}</legend>
        {(versioned || r.expireDeleteMarkers) && (
          <Checkbox label={t('bucket.expireMarkers')} description={t('bucket.expireMarkersHelp')} isSelected={r.expireDeleteMarkers ?? false} onChange={(on) => change({ expireDeleteMarkers: on || undefined })} />
        )}
        <Checkbox label={t('bucket.abortUploads')} isSelected={r.abortUploadsDays !== undefined} onChange={(on) => change({ abortUploadsDays: on ? 7 : undefined })} />
        {r.abortUploadsDays !== undefined && <NumberField label={t('bucket.daysAfterBegun')} value={r.abortUploadsDays || null} onChange={(n) => change({ abortUploadsDays: n ?? 0 })} min={1} max={2147483647} />}
      </fieldset>
      <InWords bucket={bucket} rule={made} versioned={versioned} problems={problems} mayPreview={mayPreview && valid} />
      {action.error !== null && <ErrorState error={action.error} compact />}
    </Dialog>
  );
}

function Transitions({ list, dated, onChange }: { list: readonly LifecycleTransition[]; dated: boolean; onChange: (list: LifecycleTransition[]) => void }) {
  const set = (at: number, part: Partial<LifecycleTransition>) => onChange(list.map((m, i) => (i === at ? { ...m, ...part } : m)));
  const free = CLASSES.find((c) => !list.some((m) => m.storageClass === c));
  return (
    <div className={css.pairs}>
      {list.map((m, i) => (
        <div key={i} className={css.move}>
          <Select label={t('bucket.moveTo')} value={m.storageClass} onChange={(storageClass) => set(i, { storageClass })} options={CLASSES.map((id) => ({ id: id as string, label: id }))} />
          {m.date !== undefined ? (
            <TextField label={t('bucket.date')} type="date" value={m.date.slice(0, 10)} onChange={(d) => set(i, { date: `${d}T00:00:00Z` })} />
          ) : (
            <NumberField label={t('bucket.daysAfterWrite')} value={m.days ?? null} onChange={(n) => set(i, { days: n ?? 0 })} max={2147483647} />
          )}
          <IconButton icon={X} label={t('bucket.removeMove', { storage: m.storageClass })} onPress={() => onChange(list.filter((_, k) => k !== i))} />
        </div>
      ))}
      {free && (
        <div>
          <Button
            size="sm"
            icon={Plus}
            onPress={() => onChange([...list, dated ? { storageClass: free, date: `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T00:00:00Z` } : { storageClass: free, days: list.length ? (list[list.length - 1]?.days ?? 30) + 30 : 30 }])}
          >
            {t('bucket.addMove')}
          </Button>
        </div>
      )}
    </div>
  );
}

type OldMove = LifecycleRule['noncurrentTransitions'][number];

function OldTransitions({ list, onChange }: { list: readonly OldMove[]; onChange: (list: OldMove[]) => void }) {
  const set = (at: number, part: Partial<OldMove>) => onChange(list.map((m, i) => (i === at ? { ...m, ...part } : m)));
  const free = CLASSES.find((c) => !list.some((m) => m.storageClass === c));
  return (
    <div className={css.pairs}>
      {list.map((m, i) => (
        <div key={i} className={css.moveOld}>
          <Select label={t('bucket.moveTo')} value={m.storageClass} onChange={(storageClass) => set(i, { storageClass })} options={CLASSES.map((id) => ({ id: id as string, label: id }))} />
          <NumberField label={t('bucket.daysAfterReplaced')} value={m.days ?? null} onChange={(n) => set(i, { days: n ?? 0 })} max={2147483647} />
          <NumberField label={t('bucket.keepNewest')} value={m.keep ?? null} onChange={(n) => set(i, { keep: n ?? undefined })} min={1} max={100} />
          <IconButton icon={X} label={t('bucket.removeMove', { storage: m.storageClass })} onPress={() => onChange(list.filter((_, k) => k !== i))} />
        </div>
      ))}
      {free && (
        <div>
          <Button size="sm" icon={Plus} onPress={() => onChange([...list, { storageClass: free, days: 30 + 30 * list.length }])}>
            {t('bucket.addMoveOld')}
          </Button>
        </div>
      )}
    </div>
  );
}

/* ---- in words, and counted ---- */

function documentOf(rule: LifecycleRule): string {
  try {
    return lifecycleDocument([{ ...rule, id: rule.id || 'preview' }]);
  } catch {
    // A prefix or a tag with characters that XML can't say: the server could not be told of it.
    return '';
  }
}

function InWords({ bucket, rule, versioned, problems, mayPreview }: { bucket: string; rule: LifecycleRule; versioned: boolean; problems: readonly string[]; mayPreview: boolean }) {
  const text = documentOf(rule);
  const late = useDelayed(text);
  const preview = useQuery({
    queryKey: ['lifecyclePreview', bucket, late],
    queryFn: ({ signal }) => previewLifecycle(api(), bucket, late, { signal }),
    enabled: mayPreview && late !== '' && late === text,
    retry: false,
    staleTime: 30_000,
  });
  const lines = actionsInWords(rule, versioned);
  const counted = preview.data?.rules[0];
  return (
    <div className={css.words} aria-live="polite">
      <strong>{t('bucket.inWords')}</strong>
      {lines.length > 0 && (
        <>
          <p className="hostile">{scopeInWords(rule)}:</p>
          <ul>
            {lines.map((line, i) => (
              <li key={i} className="hostile">
                {line}
              </li>
            ))}
          </ul>
        </>
      )}
      {problems.length > 0 && (
        <ul className={css.problems} style={{ listStyle: 'none', paddingLeft: 0 }}>
          {problems.map((p) => (
            <li key={p} className={css.isError}>
              <CircleAlert size={14} aria-hidden />
              {p}
            </li>
          ))}
        </ul>
      )}
      {text === '' && <Callout tone="warning">{t('bucket.notXml')}</Callout>}
      {mayPreview &&
        text !== '' &&
        (preview.error ? (
          isApiError(preview.error) && preview.error.status === 400 ? (
            <p className={css.isError}>{preview.error.message}</p>
          ) : (
            <p className="muted">{t('bucket.previewFailed')}</p>
          )
        ) : !counted || late !== text ? (
          <Skeleton width="60%" height="1.1rem" />
        ) : (
          <p>
            <strong>{t('bucket.coversNow', { count: counted.matches_now, size: formatBytes(counted.bytes) })}</strong>{' '}
            {counted.due_now > 0 ? t('bucket.dueNow', { count: counted.due_now, size: formatBytes(counted.due_bytes) }) : t('bucket.dueNothing')}
            {!counted.complete && ` ${t('bucket.notComplete', { scanned: formatNumber(counted.scanned) })}`}
          </p>
        ))}
    </div>
  );
}
