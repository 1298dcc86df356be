// SPDX-License-Identifier: Apache-2.0
import type { LucideIcon } from 'lucide-react';
import { Check } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { Menu as AriaMenu, MenuItem, MenuTrigger, Popover, Separator } from 'react-aria-components';
import { cx } from './cx';
import field from './Field.module.css';
import css from './Menu.module.css';

export type MenuEntry =
  | { id: string; label: string; icon?: LucideIcon; onAction: () => void; danger?: boolean; isDisabled?: boolean; isSelected?: boolean }
  | 'separator'
  | null
  | false
  | undefined;

/** A button and what opens below it. Entries that a user may not use are left out (null) rather than shown dead. */
export function Menu({ trigger, items, label, header, placement = 'bottom end' }: { trigger: ReactElement; items: MenuEntry[]; label: string; header?: ReactNode; placement?: 'bottom end' | 'bottom start' | 'top start' }) {
  return (
    <MenuTrigger>
      {trigger}
      <Popover className={field.popover} placement={placement} offset={4}>
        {header && <div className={css.head}>{header}</div>}
        <AriaMenu className={css.menu} aria-label={label}>
          {items.map((item, i) => {
            if (!item) return null;
            if (item === 'separator') return <Separator key={i} className={css.separator} />;
            const Icon = item.icon;
            return (
              <MenuItem key={item.id} id={item.id} textValue={item.label} onAction={item.onAction} isDisabled={item.isDisabled ?? false} className={cx(css.item, item.danger && css.danger)}>
                {Icon && <Icon size={15} aria-hidden />}
                <span className="ellipsis">{item.label}</span>
                {item.isSelected && <Check className={css.end} size={15} aria-hidden />}
              </MenuItem>
            );
          })}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
