// SPDX-License-Identifier: Apache-2.0
/* Fields that creating a bucket and its settings have in common. */
import { useQuery } from '@tanstack/react-query';
import { listKeys } from '../../api/pail';
import type { LockMode } from '../../api/s3';
import { api, useCan } from '../../app';
import { t } from '../../strings';
import { ComboBox, NumberField, RadioGroup, Select } from '../../ui';
import css from './buckets.module.css';

const UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;
export type Unit = keyof typeof UNITS;
export interface Amount {
  value: number | null;
  unit: Unit;
}

const LARGE: readonly Unit[] = ['MiB', 'GiB', 'TiB'];
export const ALL_UNITS = Object.keys(UNITS) as Unit[];

/** The largest unit that says it in whole numbers; what has none is rounded up in the smallest. */
export function toAmount(bytes: number | null | undefined, units: readonly Unit[] = LARGE, unset: Unit = 'GiB'): Amount {
  if (bytes === null || bytes === undefined || bytes === 0) return { value: bytes === 0 && units !== LARGE ? 0 : null, unit: unset };
  const unit = [...units].reverse().find((u) => bytes % UNITS[u] === 0) ?? (units[0] as Unit);
  return { value: Math.ceil(bytes / UNITS[unit]), unit };
}

/** 0: none. */
export const toBytes = (a: Amount): number => (a.value ?? 0) * UNITS[a.unit];
export const isTooMuch = (a: Amount): boolean => toBytes(a) > Number.MAX_SAFE_INTEGER;

export function AmountField({ label, description, value, onChange, units = LARGE }: { label: string; description?: string; value: Amount; onChange: (value: Amount) => void; units?: readonly Unit[] }) {
  return (
    <div className={css.amount}>
      <NumberField label={label} {...(description && { description })} value={value.value} onChange={(v) => onChange({ ...value, value: v })} max={Math.floor(Number.MAX_SAFE_INTEGER / UNITS[value.unit])} />
      <Select label={t('buckets.unit')} value={value.unit} onChange={(unit) => onChange({ ...value, unit })} options={units.map((id) => ({ id, label: id }))} />
    </div>
  );
}

/** The names of the server's keys; empty for those who may not see them. */
export function useKeyNames(): string[] {
  const can = useCan([{ action: 'pail:ListKeys' }]);
  const keys = useQuery({
    queryKey: ['keys'],
    queryFn: ({ signal }) => listKeys(api(), { signal }),
    enabled: can.all,
  });
  const list = (keys.data as { keys?: Array<{ name: string; disabled?: boolean }> } | undefined)?.keys ?? [];
  return list.filter((k) => !k.disabled).map((k) => k.name);
}

export function KeyField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const names = useKeyNames();
  return <ComboBox key={names.length} label={t('buckets.kmsKey')} description={t('buckets.kmsKeyHelp')} value={value} onChange={onChange} allowsCustom mono options={names.map((id) => ({ id, label: id }))} />;
}

export interface Retention {
  mode: LockMode | 'none';
  count: number | null;
  unit: 'days' | 'years';
}

export const DAYS_MAX = 36_500;
export const YEARS_MAX = 100;
export const isRetention = (r: Retention): boolean => r.mode === 'none' || (r.count !== null && r.count >= 1 && r.count <= (r.unit === 'days' ? DAYS_MAX : YEARS_MAX));

export function RetentionFields({ value, onChange }: { value: Retention; onChange: (value: Retention) => void }) {
  return (
    <div className="stack">
      <RadioGroup
        label={t('buckets.defaultRetention')}
        description={t('buckets.defaultRetentionHelp')}
        value={value.mode}
        onChange={(mode) => onChange({ ...value, mode })}
        options={[
          { id: 'none', label: t('buckets.noRetention') },
          { id: 'GOVERNANCE', label: t('buckets.modeGovernance') },
          { id: 'COMPLIANCE', label: t('buckets.modeCompliance') },
        ]}
      />
      {value.mode !== 'none' && (
        <div className={css.amount}>
          <NumberField label={t('buckets.period')} value={value.count} onChange={(count) => onChange({ ...value, count })} min={1} max={value.unit === 'days' ? DAYS_MAX : YEARS_MAX} />
          <Select
            label={t('buckets.unit')}
            value={value.unit}
            onChange={(unit) => onChange({ ...value, unit })}
            options={[
              { id: 'days', label: t('buckets.days') },
              { id: 'years', label: t('buckets.years') },
            ]}
          />
        </div>
      )}
    </div>
  );
}
