// SPDX-License-Identifier: Apache-2.0
// Figures and times in the reader's own way of writing.
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A formatter costs a hundred times what it formats, so each is made once. */
function kept<O, F>(make: (options: O | undefined) => F): (options?: O) => F {
  const made = new Map<string | undefined, F>();
  return (options) => {
    const key = JSON.stringify(options);
    const format = made.get(key) ?? make(options);
    made.set(key, format);
    return format;
  };
}
const numbers = kept((options: Intl.NumberFormatOptions | undefined) => new Intl.NumberFormat(undefined, options));
const dates = kept((options: Intl.DateTimeFormatOptions | undefined) => new Intl.DateTimeFormat(undefined, options));
const relative = kept(() => new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' }));

export function formatBytes(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  let v = Math.abs(value);
  let unit = 0;
  while (v >= 1023.95 && unit < UNITS.length - 1) {
    v /= 1024;
    unit++;
  }
  const text = numbers({ maximumFractionDigits: unit === 0 ? 0 : digits }).format(v);
  return `${value < 0 ? '−' : ''}${text} ${UNITS[unit]}`;
}

export function formatNumber(value: number | null | undefined, options?: Intl.NumberFormatOptions): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return numbers(options).format(value);
}

export function formatPercent(part: number, digits = 1): string {
  return numbers({ style: 'percent', maximumFractionDigits: digits }).format(part);
}

type When = Date | string | number | null | undefined;

function toDate(value: When): Date | null {
  if (value === null || value === undefined || value === '') return null;
  const date = value instanceof Date ? value : new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}

export function formatDate(value: When, options: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'short' }): string {
  const date = toDate(value);
  return date ? dates(options).format(date) : '–';
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** As fields of date and time have it: here, to the minute. */
export const localDate = (date: Date): string => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** "3 hours ago", "in 2 days". */
export function formatRelative(value: When, now = Date.now()): string {
  const date = toDate(value);
  if (!date) return '–';
  const seconds = (date.getTime() - now) / 1000;
  const format = relative();
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  }
  return format.format(Math.round(seconds), 'second');
}

/** Two units at most: "3 d 4 h", "12 s", "850 ms". */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  if (seconds > 0 && seconds < 1) {
    const ms = seconds * 1000;
    return `${formatNumber(ms, { maximumFractionDigits: ms < 10 ? 1 : 0 })} ms`;
  }
  const parts: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  let rest = Math.round(seconds);
  const out: string[] = [];
  for (const [size, name] of parts) {
    const n = Math.floor(rest / size);
    if (n > 0) out.push(`${formatNumber(n)} ${name}`);
    rest -= n * size;
    if (out.length === 2) break;
  }
  return out.length ? out.join(' ') : '0 s';
}

export function Bytes({ value }: { value: number | null | undefined }) {
  return (
    <span className="num" title={value === null || value === undefined ? undefined : `${formatNumber(value)} B`}>
      {formatBytes(value)}
    </span>
  );
}

/** Relative with the full date as its title, or the other way round with full. */
export function Time({ value, full }: { value: When; full?: boolean }) {
  const date = toDate(value);
  if (!date) return <span className="muted">–</span>;
  const long = formatDate(date, { dateStyle: 'medium', timeStyle: 'medium' });
  return (
    <time className="num" dateTime={date.toISOString()} title={full ? formatRelative(date) : long}>
      {full ? formatDate(date) : formatRelative(date)}
    </time>
  );
}
