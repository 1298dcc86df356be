// SPDX-License-Identifier: Apache-2.0
/*
 * Cells of rows that come and go by the dozen while a long list is scrolled: plain elements, and formatters that are
 * made once. The menu of a row is one for the whole list, put beside the button that asked for it.
 */
import { MoreHorizontal } from 'lucide-react';
import { useCallback, useRef, useState, type RefObject } from 'react';
import { Menu as AriaMenu, MenuItem, Popover, Separator } from 'react-aria-components';
import { t } from '../../strings';
import { cx, formatBytes, type MenuEntry } from '../../ui';
import button from '../../ui/Button.module.css';
import field from '../../ui/Field.module.css';
import menu from '../../ui/Menu.module.css';

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const small = new Intl.NumberFormat();
const DAY_S = 86_400;

/** "5 minutes ago" within a day, the date before that; the whole time as its title. */
export function TimeCell({ ms }: { ms: number }) {
  const ago = (Date.now() - ms) / 1000;
  const text =
    ago >= DAY_S || ago < -60
      ? day.format(ms)
      : ago >= 3600
        ? relative.format(-Math.round(ago / 3600), 'hour')
        : ago >= 60
          ? relative.format(-Math.round(ago / 60), 'minute')
          : relative.format(-Math.max(0, Math.round(ago)), 'second');
  return (
    <span className="num" title={whole.format(ms)}>
      {text}
    </span>
  );
}

export function SizeCell({ bytes }: { bytes: number }) {
  return <span className="num">{bytes < 1024 ? `${small.format(bytes)} B` : formatBytes(bytes)}</span>;
}

/** `open` is for a row's button; the menu stands at `anchor` while there is a `row`. */
export function useRowMenu<T>() {
  const anchor = useRef<HTMLElement | null>(null);
  const [row, setRow] = useState<T | null>(null);
  const open = useCallback((next: T, element: HTMLElement) => {
    anchor.current = element;
    setRow(next);
  }, []);
  return {
    open,
    close: () => setRow(null),
    row,
    anchor,
  };
}

/** One element for all rows: nothing of it is looked at again when a row changes. */
const dots = <MoreHorizontal size={15} aria-hidden />;

export function RowMenuButton({ label, onOpen }: { label: string; onOpen: (element: HTMLElement) => void }) {
  return (
    <button type="button" className={cx(button.button, button.ghost, button.icon, button.sm)} aria-label={label} aria-haspopup="menu" title={t('objects.colActions')} onClick={(e) => onOpen(e.currentTarget)}>
      {dots}
    </button>
  );
}

export function RowMenu({ items, anchor, onClose }: { items: MenuEntry[]; anchor: RefObject<HTMLElement | null>; onClose: () => void }) {
  return (
    <Popover className={field.popover ?? ''} placement="bottom end" offset={4} triggerRef={anchor} isOpen onOpenChange={(open) => !open && onClose()}>
      <AriaMenu className={menu.menu ?? ''} aria-label={t('objects.colActions')} autoFocus="first" onClose={onClose}>
        {items.map((item, i) => {
          if (!item) return null;
          if (item === 'separator') return <Separator key={i} className={menu.separator ?? ''} />;
          const Icon = item.icon;
          return (
            <MenuItem
              key={item.id}
              id={item.id}
              textValue={item.label}
              className={cx(menu.item, item.danger && menu.danger)}
              onAction={() => {
                onClose();
                item.onAction();
              }}
            >
              {Icon && <Icon size={15} aria-hidden />}
              <span className="ellipsis">{item.label}</span>
            </MenuItem>
          );
        })}
      </AriaMenu>
    </Popover>
  );
}
