// SPDX-License-Identifier: Apache-2.0
// Short messages in the corner. toast.* may be called from anywhere; errors stay until they are dismissed.
import { CircleAlert, CircleCheck, Info, X } from 'lucide-react';
import { useEffect, useSyncExternalStore } from 'react';
import { t } from '../strings';
import { Button, IconButton } from './Button';
import { cx } from './cx';
import { describeError } from './errors';
import css from './Toast.module.css';

type Action = { label: string; onAction: () => void };
type Item = { id: number; kind: 'success' | 'error' | 'info'; title: string; detail?: string | undefined; action?: Action | undefined };

const SHOWN_MS = 5000;
const WITH_ACTION_MS = 9000;
const MOST = 4;
let items: Item[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(value: Item[]) {
  items = value;
  listeners.forEach((l) => l());
}

function add(item: Omit<Item, 'id'>) {
  set([...items.filter((i) => i.title !== item.title || i.detail !== item.detail), { ...item, id: next++ }].slice(-MOST));
}

export const toast = {
  success: (title: string, action?: Action) => add({ kind: 'success', title, action }),
  info: (title: string, action?: Action) => add({ kind: 'info', title, action }),
  /** A text, or anything that was thrown. */
  error: (error: unknown, action?: Action) => {
    if (typeof error === 'string') return add({ kind: 'error', title: error, action });
    const e = describeError(error);
    add({ kind: 'error', title: e.title, detail: e.advice, action });
  },
  clear: () => set([]),
};

const icons = { success: CircleCheck, error: CircleAlert, info: Info };

function ToastItem({ item }: { item: Item }) {
  const dismiss = () => set(items.filter((i) => i.id !== item.id));
  useEffect(() => {
    if (item.kind === 'error') return;
    const timer = setTimeout(() => set(items.filter((i) => i.id !== item.id)), item.action ? WITH_ACTION_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [item]);
  const Icon = icons[item.kind];
  return (
    <div className={cx(css.toast, css[item.kind])} role={item.kind === 'error' ? 'alert' : 'status'}>
      <Icon size={16} aria-hidden />
      <div className="grow">
        <div>{item.title}</div>
        {item.detail && <div className={css.detail}>{item.detail}</div>}
      </div>
      {item.action && (
        <Button
          size="sm"
          onPress={() => {
            dismiss();
            item.action?.onAction();
          }}
        >
          {item.action.label}
        </Button>
      )}
      <IconButton size="sm" label={t('ui.dismiss')} icon={X} onPress={dismiss} />
    </div>
  );
}

export function ToastRegion() {
  const list = useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => items,
  );
  return (
    <section className={css.region} aria-label={t('ui.notifications')} data-react-aria-top-layer="true">
      {list.map((item) => (
        <ToastItem key={item.id} item={item} />
      ))}
    </section>
  );
}
