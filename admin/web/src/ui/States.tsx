// SPDX-License-Identifier: Apache-2.0
// What is shown instead of content, and small marks of state.
import { CircleAlert, CircleCheck, Info, RotateCw, ShieldAlert, TriangleAlert, Unplug, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { ProgressBar } from 'react-aria-components';
import { t } from '../strings';
import { Button } from './Button';
import { cx } from './cx';
import { describeError } from './errors';
import css from './States.module.css';

/** Nothing is there: says why and what to do. */
export function EmptyState({ icon: Icon, title, children, actions, page }: { icon?: LucideIcon; title: string; children?: ReactNode; actions?: ReactNode; /** It is all there is on the page. */ page?: boolean }) {
  const Heading = page ? 'h1' : 'h2';
  return (
    <div className={css.state}>
      {Icon && (
        <div className={css.mark}>
          <Icon size={20} aria-hidden />
        </div>
      )}
      <Heading>{title}</Heading>
      {children && <p>{children}</p>}
      {actions && <div className={css.actions}>{actions}</div>}
    </div>
  );
}

/** Something failed: what, what to do about it, and the id by which the server's log knows the request. */
export function ErrorState({ error, onRetry, compact }: { error: unknown; onRetry?: () => void; compact?: boolean }) {
  const e = describeError(error);
  if (compact) {
    return (
      <div className={cx(css.callout, css.danger)} role="alert">
        <CircleAlert size={16} aria-hidden />
        <div className="grow">
          <strong>{e.title}</strong>
          {e.advice}
          {e.requestId && <div className={css.id}>{t('errors.requestId', { id: e.requestId })}</div>}
        </div>
        {onRetry && (
          <Button size="sm" onPress={onRetry}>
            {t('ui.retry')}
          </Button>
        )}
      </div>
    );
  }
  const Icon = e.kind === 'unreachable' ? Unplug : e.kind === 'denied' ? ShieldAlert : CircleAlert;
  return (
    <div className={css.state} role="alert">
      <div className={css.mark}>
        <Icon size={20} aria-hidden />
      </div>
      <h2>{e.title}</h2>
      <p>{e.advice}</p>
      {e.requestId && <code className={css.id}>{t('errors.requestId', { id: e.requestId })}</code>}
      {onRetry && (
        <div className={css.actions}>
          <Button icon={RotateCw} onPress={onRetry}>
            {t('ui.retry')}
          </Button>
        </div>
      )}
    </div>
  );
}

export type Tone = 'info' | 'warning' | 'danger' | 'success';
const toneIcon: Record<Tone, LucideIcon> = { info: Info, warning: TriangleAlert, danger: CircleAlert, success: CircleCheck };

export function Callout({ tone = 'info', title, children, actions }: { tone?: Tone; title?: string; children?: ReactNode; actions?: ReactNode }) {
  const Icon = toneIcon[tone];
  return (
    <div className={cx(css.callout, css[tone])} role={tone === 'danger' ? 'alert' : 'note'}>
      <Icon size={16} aria-hidden />
      <div className="grow">
        {title && <strong>{title}</strong>}
        {children}
      </div>
      {actions}
    </div>
  );
}

export function Skeleton({ width = '100%', height }: { width?: number | string; height?: number | string }) {
  return <span className={css.skeleton} style={{ width, ...(height === undefined ? {} : { height }) }} aria-hidden />;
}

/** A few lines of skeleton while something loads; assistive technology hears that it loads. */
export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div className="stack" role="status">
      <span className="visually-hidden">{t('ui.loading')}</span>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} width={`${92 - ((i * 17) % 40)}%`} height="1.1rem" />
      ))}
    </div>
  );
}

export function Badge({ tone, dot, children }: { tone?: Tone | 'accent' | 'neutral'; dot?: boolean; children: ReactNode }) {
  return <span className={cx(css.badge, tone && tone !== 'neutral' && css[tone], dot && css.dot)}>{children}</span>;
}

/** value of max; without value it is not known how far it is. */
export function Progress({ label, value, max = 100, text, tone, hideLabel }: { label: string; value?: number | undefined; max?: number; text?: ReactNode; tone?: Exclude<Tone, 'info'>; hideLabel?: boolean }) {
  const part = value === undefined || max <= 0 ? 0 : Math.min(1, Math.max(0, value / max));
  return (
    <ProgressBar className={css.progress} aria-label={label} isIndeterminate={value === undefined} value={part * 100}>
      {(!hideLabel || text) && (
        <div className={css.progressText}>
          <span>{hideLabel ? '' : label}</span>
          <span className="num muted">{text}</span>
        </div>
      )}
      <div className={css.bar}>
        <div className={cx(css.fill, value === undefined && css.unknown)} data-tone={tone} style={value === undefined ? {} : { width: `${part * 100}%` }} />
      </div>
    </ProgressBar>
  );
}
