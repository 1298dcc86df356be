// SPDX-License-Identifier: Apache-2.0
import { Badge, type Tone } from '../../ui';

export function toneOf(status: number): Tone | 'neutral' {
  return status >= 500 ? 'danger' : status >= 400 ? 'warning' : status >= 200 && status < 300 ? 'success' : 'neutral';
}

export function StatusBadge({ status }: { status: number }) {
  return <Badge tone={toneOf(status)}>{status || '–'}</Badge>;
}

export type StatusClass = 'all' | 'ok' | '4xx' | '5xx' | 'errors';

export function inClass(status: number, wanted: StatusClass): boolean {
  switch (wanted) {
    case 'ok':
      return status < 400;
    case '4xx':
      return status >= 400 && status < 500;
    case '5xx':
      return status >= 500;
    case 'errors':
      return status >= 400;
    default:
      return true;
  }
}

/** A value that came as JSON from the server, whatever its type. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '');
export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : typeof value === 'string' ? Number(value) || 0 : 0);
