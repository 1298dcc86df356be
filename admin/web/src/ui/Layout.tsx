// SPDX-License-Identifier: Apache-2.0
import { Check, ChevronRight, Copy, type LucideIcon } from 'lucide-react';
import { Children, useEffect, useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { t } from '../strings';
import { IconButton } from './Button';
import { cx } from './cx';
import css from './Layout.module.css';
import { toast } from './Toast';

export type Crumb = { label: string; href?: string };

export function Breadcrumbs({ items }: { items: Crumb[] }) {
  return (
    <nav aria-label={t('ui.breadcrumbs')}>
      <ol className={css.crumbs}>
        {items.map((item, i) => (
          <li key={i}>
            {i > 0 && <ChevronRight size={13} aria-hidden />}
            {item.href !== undefined && i < items.length - 1 ? (
              <Link href={item.href} className="ellipsis">
                {item.label}
              </Link>
            ) : (
              <span className="ellipsis" aria-current={i === items.length - 1 ? 'page' : undefined}>
                {item.label}
              </span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** The top of every page: its one h1, and the document's title. */
export function PageHeader({ title, description, crumbs, actions, badge }: { title: string; description?: ReactNode; crumbs?: Crumb[]; actions?: ReactNode; badge?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Pail`;
  }, [title]);
  return (
    <header>
      {crumbs && <Breadcrumbs items={crumbs} />}
      <div className={css.header}>
        <div className={css.headings}>
          <div className="row wrap">
            <h1 tabIndex={-1} className="hostile">
              {title}
            </h1>
            {badge}
          </div>
          {description && <p>{description}</p>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </div>
    </header>
  );
}

export function Card({ title, description, actions, footer, flush, children, className }: { title?: ReactNode; description?: ReactNode; actions?: ReactNode; footer?: ReactNode; flush?: boolean; children?: ReactNode; className?: string }) {
  return (
    <section className={cx(css.card, className)}>
      {(title || actions) && (
        <div className={css.cardHead}>
          <div>
            {title && <h2>{title}</h2>}
            {description && <p>{description}</p>}
          </div>
          {actions && <div className={css.actions}>{actions}</div>}
        </div>
      )}
      {children && <div className={cx(flush ? css.flush : css.cardBody)}>{children}</div>}
      {footer && <div className={css.cardFoot}>{footer}</div>}
    </section>
  );
}

/** One figure with its name. */
export function Stat({ label, value, note, icon: Icon }: { label: string; value: ReactNode; note?: ReactNode; icon?: LucideIcon }) {
  return (
    <div className={cx(css.card, css.stat)}>
      <span className={css.statLabel}>
        {Icon && <Icon size={14} aria-hidden />}
        {label}
      </span>
      <span className={css.statValue}>{value}</span>
      {note && <span className={css.statNote}>{note}</span>}
    </div>
  );
}

/** Children are pairs made by KeyValue. */
export function KeyValues({ children }: { children: ReactNode }) {
  return <dl className={css.kv}>{Children.toArray(children)}</dl>;
}

export function KeyValue({ label, children }: { label: string; children: ReactNode }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** The clipboard's API is missing on plain http hosts, hence the way over a selection. */
export async function copyText(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = value;
    area.setAttribute('readonly', '');
    area.className = 'visually-hidden';
    const host = document.querySelector('[role="dialog"],[role="alertdialog"]') ?? document.body;
    host.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function CopyButton({ value, label, size = 'sm', className }: { value: string; label?: string; size?: 'sm' | 'md'; className?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1600);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <IconButton
      size={size}
      className={className ?? ''}
      icon={done ? Check : Copy}
      label={done ? t('ui.copied') : (label ?? t('ui.copy'))}
      onPress={() => void copyText(value).then((ok) => (ok ? setDone(true) : toast.error(t('ui.copyFailed'))))}
    />
  );
}

/** A value in code type with a button that copies it. */
export function Copyable({ value, label }: { value: string; label?: string }) {
  return (
    <span className={css.copy}>
      <code>{value}</code>
      <CopyButton value={value} {...(label ? { label } : {})} />
    </span>
  );
}

export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className={css.code}>
      <pre tabIndex={0} aria-label={label} role="region">
        <code>{code}</code>
      </pre>
      <CopyButton value={code} label={t('ui.copyNamed', { name: label })} />
    </div>
  );
}
