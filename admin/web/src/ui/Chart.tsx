// SPDX-License-Identifier: Apache-2.0
// Lines over time, drawn as SVG. Arrow keys move along it as the pointer does, and its figures can be shown as a table.
import { useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { t } from '../strings';
import { Button } from './Button';
import css from './Chart.module.css';
import { formatDate, formatNumber } from './format';

export type Series = { label: string; values: readonly (number | null)[]; color?: string };
export type ChartProps = {
  label: string;
  /** Milliseconds, one for each value. */
  times: readonly number[];
  series: Series[];
  format?: (value: number) => string;
  height?: number;
  /** Filled down to the base line. */
  area?: boolean;
  /** The axis reaches at least to here. */
  atLeast?: number;
  /** Steps of the axis in powers of 1024 instead of 1000. */
  binary?: boolean;
};

const EDGE = { right: 8, top: 10, bottom: 20 };
const LABEL_PX = 6.3;
const COLORS = ['var(--chart-1)', 'var(--chart-2)', 'var(--chart-3)', 'var(--chart-4)'];
const TABLE_ROWS = 60;

/** The end of an axis from 0 and its step: round numbers, three or four lines. */
export function axisOf(max: number, binary = false): { top: number; step: number } {
  if (!(max > 0)) return { top: 1, step: 0.5 };
  const base = binary && max >= 1024 ? 1024 ** Math.floor(Math.log(max) / Math.log(1024)) : 1;
  const scaled = max / base / 3;
  const power = 10 ** Math.floor(Math.log10(scaled));
  const step = ([1, 2, 2.5, 5, 10].find((s) => s * power >= scaled) ?? 10) * power * base;
  return { top: step * Math.ceil(max / step - 1e-9), step };
}

/** A path with a gap where values are missing; with base also closed for filling. */
export function pathOf(values: readonly (number | null)[], x: (i: number) => number, y: (v: number) => number, base?: number): string {
  let out = '';
  let start = -1;
  const close = (end: number) => {
    if (base !== undefined && start >= 0) out += `L${x(end).toFixed(1)} ${base}L${x(start).toFixed(1)} ${base}Z`;
    start = -1;
  };
  values.forEach((v, i) => {
    if (v === null || !Number.isFinite(v)) {
      close(i - 1);
      return;
    }
    const alone = start < 0 && (values[i + 1] ?? null) === null;
    out += `${start < 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    if (alone && base === undefined) out += 'h0.01';
    if (start < 0) start = i;
  });
  close(values.length - 1);
  return out;
}

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 180, 360, 720, 1440, 2880].map((minutes) => minutes * MINUTE);

/** Round times of the reader's clock between two moments, at most so many. */
export function ticksOf(from: number, to: number, most: number): number[] {
  const step = STEPS.find((s) => (to - from) / s <= most) ?? (to - from) / most;
  const zone = new Date(from).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((from - zone) / step) * step + zone;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, i) => first + i * step);
}

function timeLabel(ms: number, span: number): string {
  return formatDate(ms, span > 2 * 86_400_000 ? { weekday: 'short', day: 'numeric' } : { hour: '2-digit', minute: '2-digit' });
}

export function Chart({ label, times, series, format = (v) => formatNumber(v, { maximumSignificantDigits: 3 }), height = 180, area, atLeast = 0, binary }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  const [at, setAt] = useState<number | null>(null);
  const [table, setTable] = useState(false);
  const id = useId();
  useLayoutEffect(() => {
    const el = box.current;
    if (!el || typeof ResizeObserver === 'undefined') return;
    const observer = new ResizeObserver(() => setWidth(Math.max(200, el.clientWidth)));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);

  const n = times.length;
  const known = series.some((s) => s.values.some((v) => v !== null));
  const max = Math.max(atLeast, ...series.flatMap((s) => s.values.map((v) => v ?? 0)));
  const { top, step } = axisOf(max, binary);
  const lines = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  const PAD = { ...EDGE, left: Math.max(28, ...lines.map((v) => format(v).length * LABEL_PX + 12)) };
  const inner = { w: width - PAD.left - PAD.right, h: height - PAD.top - PAD.bottom };
  const x = (i: number) => PAD.left + (n < 2 ? inner.w : (i / (n - 1)) * inner.w);
  const y = (v: number) => PAD.top + inner.h - (Math.max(0, v) / top) * inner.h;
  const from = times[0] ?? 0;
  const span = n > 1 ? (times[n - 1] as number) - from : 0;
  const ticks = span > 0 ? ticksOf(from, from + span, Math.max(2, Math.min(7, Math.floor(inner.w / 72)))) : [];
  /** Labels at the edges stay within the picture. */
  const tickX = (ms: number) => Math.min(PAD.left + ((ms - from) / span) * inner.w, width - LABEL_PX * 3);

  const onMove = (e: PointerEvent<SVGSVGElement>) => {
    const r = e.currentTarget.getBoundingClientRect();
    setAt(Math.max(0, Math.min(n - 1, Math.round(((e.clientX - r.left - PAD.left) / inner.w) * (n - 1)))));
  };
  const onKey = (e: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowLeft: (at ?? n) - 1, ArrowRight: (at ?? -1) + 1, Home: 0, End: n - 1 };
    const to = moves[e.key];
    if (to !== undefined) {
      e.preventDefault();
      setAt(Math.max(0, Math.min(n - 1, to)));
    } else if (e.key === 'Escape') setAt(null);
  };
  const value = (s: Series, i: number) => {
    const v = s.values[i];
    return v === null || v === undefined ? '–' : format(v);
  };
  const colour = (s: Series, i: number) => s.color ?? COLORS[i % COLORS.length];
  const said = at === null || at >= n ? '' : `${formatDate(times[at])}: ${series.map((s) => `${s.label} ${value(s, at)}`).join(', ')}`;
  const every = Math.max(1, Math.ceil(n / TABLE_ROWS));

  return (
    <div ref={box} className={css.chart}>
      {table ? (
        <div className={css.table} tabIndex={0} role="region" aria-label={label} style={{ height }}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t('ui.time')}</th>
                {series.map((s) => (
                  <th key={s.label} scope="col">
                    {s.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, i) =>
                (n - 1 - i) % every ? null : (
                  <tr key={time}>
                    <th scope="row">{formatDate(time)}</th>
                    {series.map((s) => (
                      <td key={s.label}>{value(s, i)}</td>
                    ))}
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </div>
      ) : !known ? (
        <div className={css.empty} style={{ height }}>
          {t('ui.noData')}
        </div>
      ) : (
        <svg
          className={css.svg}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          role="img"
          aria-label={t('ui.chartLabel', { label })}
          aria-describedby={id}
          tabIndex={0}
          onPointerMove={onMove}
          onPointerLeave={() => setAt(null)}
          onBlur={() => setAt(null)}
          onKeyDown={onKey}
        >
          {lines.map((v) => (
            <g key={v}>
              <line className={css.grid} x1={PAD.left} x2={width - PAD.right} y1={y(v)} y2={y(v)} />
              <text className={css.axis} x={PAD.left - 8} y={y(v) + 4} textAnchor="end">
                {format(v)}
              </text>
            </g>
          ))}
          {ticks.map((ms) => (
            <text key={ms} className={css.axis} x={tickX(ms)} y={height - 4} textAnchor="middle">
              {timeLabel(ms, span)}
            </text>
          ))}
          {area && series.map((s, i) => <path key={s.label} className={css.area} style={{ fill: colour(s, i) }} d={pathOf(s.values, x, y, PAD.top + inner.h)} />)}
          {series.map((s, i) => (
            <path key={s.label} className={css.line} style={{ stroke: colour(s, i) }} d={pathOf(s.values, x, y)} />
          ))}
          {at !== null && at < n && (
            <>
              <line className={css.cursor} x1={x(at)} x2={x(at)} y1={PAD.top} y2={PAD.top + inner.h} />
              {series.map((s, i) => {
                const v = s.values[at];
                return v === null || v === undefined ? null : <circle key={s.label} r={3} cx={x(at)} cy={y(v)} style={{ fill: colour(s, i) }} />;
              })}
            </>
          )}
        </svg>
      )}
      {!table && at !== null && at < n && (
        <div className={css.tip} aria-hidden style={x(at) > width / 2 ? { right: width - x(at) + 10 } : { left: x(at) + 10 }}>
          <strong>{formatDate(times[at], { dateStyle: 'medium', timeStyle: 'medium' })}</strong>
          {series.map((s, i) => (
            <div key={s.label}>
              <span className={css.swatch} style={{ background: colour(s, i) }} />
              <span>{s.label}</span>
              <span>{value(s, at)}</span>
            </div>
          ))}
        </div>
      )}
      <span id={id} className="visually-hidden" aria-live="polite">
        {said}
      </span>
      <div className={css.legend}>
        {series.map((s, i) => (
          <span key={s.label} className={css.key}>
            <span className={css.swatch} style={{ background: colour(s, i) }} />
            {s.label}
          </span>
        ))}
        <span className={css.asTable}>
          <Button size="sm" variant="ghost" onPress={() => setTable(!table)}>
            {table ? t('ui.asChart') : t('ui.asTable')}
          </Button>
        </span>
      </div>
    </div>
  );
}
