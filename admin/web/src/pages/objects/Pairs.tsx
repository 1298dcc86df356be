// SPDX-License-Identifier: Apache-2.0
/* Names with values, in rows that can be added and taken away: metadata and tags. */
import { Plus, Trash2 } from 'lucide-react';
import { t } from '../../strings';
import { Button, IconButton, TextField } from '../../ui';
import { visible } from './names';
import css from './objects.module.css';

export type Pair = { id: number; name: string; value: string };

let next = 1;

export const toPairs = (record: Record<string, string>): Pair[] => Object.entries(record).map(([name, value]) => ({ id: next++, name, value }));

export const fromPairs = (pairs: readonly Pair[]): Record<string, string> =>
  Object.fromEntries(pairs.filter((p) => p.name.trim() !== '').map((p) => [p.name.trim(), p.value]));

export function PairsEditor({ pairs, onChange, nameLength, valueLength }: { pairs: Pair[]; onChange: (pairs: Pair[]) => void; nameLength?: number; valueLength?: number }) {
  const set = (id: number, change: Partial<Pair>) => onChange(pairs.map((p) => (p.id === id ? { ...p, ...change } : p)));
  return (
    <div className={css.pairs}>
      {pairs.map((p, i) => (
        <div key={p.id} className={css.pair}>
          <TextField label={t('objects.name')} hideLabel={i > 0} value={p.name} onChange={(name) => set(p.id, { name })} {...(nameLength && { maxLength: nameLength })} />
          <TextField label={t('objects.value')} hideLabel={i > 0} value={p.value} onChange={(value) => set(p.id, { value })} {...(valueLength && { maxLength: valueLength })} />
          <IconButton icon={Trash2} label={t('objects.removeRow', { name: visible(p.name) })} onPress={() => onChange(pairs.filter((o) => o.id !== p.id))} />
        </div>
      ))}
      <div>
        <Button size="sm" icon={Plus} onPress={() => onChange([...pairs, { id: next++, name: '', value: '' }])}>
          {t('objects.addRow')}
        </Button>
      </div>
    </div>
  );
}
