// SPDX-License-Identifier: Apache-2.0
import { render } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { Bytes, formatBytes, formatDate, formatDuration, formatNumber, formatPercent, formatRelative, Time } from './format';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1,023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1 MiB'],
    [5 * 1024 ** 3, '5 GiB'],
    [1024 ** 6, '1 EiB'],
    [2 ** 70, '1,024 EiB'],
  ])('%d is %s', (value, text) => expect(formatBytes(value)).toBe(text));
  it.each([null, undefined, NaN, Infinity])('%s is a dash', (value) => expect(formatBytes(value)).toBe('–'));
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [0.00042, '0.4 ms'],
    [0.25, '250 ms'],
    [12, '12 s'],
    [61, '1 min 1 s'],
    [3600, '1 h'],
    [90_061, '1 d 1 h'],
  ])('%d is %s', (value, text) => expect(formatDuration(value)).toBe(text));
});

describe('times', () => {
  const now = Date.parse('2026-01-10T12:00:00Z');
  it('are relative', () => {
    expect(formatRelative('2026-01-10T09:00:00Z', now)).toBe('3 hours ago');
    expect(formatRelative('2026-01-12T12:00:00Z', now)).toBe('in 2 days');
    expect(formatRelative('2026-01-10T12:00:00Z', now)).toBe('now');
  });
  it.each(['', 'soon', null, undefined, '9999999-99-99'])('%s is no date', (value) => {
    expect(formatDate(value)).toBe('–');
    expect(formatRelative(value)).toBe('–');
    expect(render(<Time value={value} />).container.textContent).toBe('–');
  });
});

it('numbers', () => {
  expect(formatNumber(1234567)).toBe('1,234,567');
  expect(formatNumber(null)).toBe('–');
  expect(formatPercent(0.256)).toBe('25.6%');
  expect(render(<Bytes value={2048} />).container.querySelector('[title="2,048 B"]')).not.toBeNull();
});
