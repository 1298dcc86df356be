// SPDX-License-Identifier: Apache-2.0
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaProps } from 'react-aria-components';
import { Link } from 'wouter';
import css from './Button.module.css';
import { cx } from './cx';
import { Tooltip } from './Tooltip';

export type ButtonVariant = 'primary' | 'secondary' | 'ghost' | 'danger' | 'dangerGhost';
type Look = { variant?: ButtonVariant; size?: 'sm' | 'md'; icon?: LucideIcon };
export type ButtonProps = Omit<AriaProps, 'className' | 'style' | 'children'> & Look & { children?: ReactNode; className?: string };

export function Button({ variant = 'secondary', size = 'md', icon: Icon, children, className, isPending, ...rest }: ButtonProps) {
  return (
    <AriaButton {...rest} isPending={isPending ?? false} className={cx(css.button, css[variant], size === 'sm' && css.sm, className)}>
      {isPending ? <span className={css.spinner} aria-hidden /> : Icon && <Icon size={size === 'sm' ? 14 : 16} aria-hidden />}
      {children}
    </AriaButton>
  );
}

/** A place to go to that looks like a button. */
export function LinkButton({ href, variant = 'secondary', size = 'md', icon: Icon, children, className }: Look & { href: string; children: ReactNode; className?: string }) {
  return (
    <Link href={href} className={cx(css.button, css[variant], size === 'sm' && css.sm, className)}>
      {Icon && <Icon size={size === 'sm' ? 14 : 16} aria-hidden />}
      {children}
    </Link>
  );
}

export type IconButtonProps = Omit<AriaProps, 'className' | 'style' | 'children' | 'aria-label'> & {
  /** What it does: its name for everybody, shown as a tooltip. */
  label: string;
  icon: LucideIcon;
  size?: 'sm' | 'md';
  variant?: ButtonVariant;
  className?: string;
};

export function IconButton({ label, icon: Icon, size = 'md', variant = 'ghost', className, ...rest }: IconButtonProps) {
  return (
    <Tooltip text={label}>
      <AriaButton {...rest} aria-label={label} className={cx(css.button, css[variant], css.icon, size === 'sm' && css.sm, className)}>
        <Icon size={size === 'sm' ? 15 : 17} aria-hidden />
      </AriaButton>
    </Tooltip>
  );
}
