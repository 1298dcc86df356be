// SPDX-License-Identifier: Apache-2.0
import { render } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { hostile } from '../test/hostile';
import { en } from './en';
import { setLanguage, t, tx } from './index';

afterEach(() => setLanguage('en', {}));

describe('t', () => {
  it('puts parameters in', () => {
    expect(t('app.noMatches', { text: 'x' })).toBe('Nothing matches “x”');
    expect(t('ui.between', { min: 1, max: 1000 })).toContain('1,000');
  });
  it('takes parameters as text, whatever is in them', () => {
    for (const name of hostile) expect(t('app.noMatches', { text: name })).toBe(`Nothing matches “${name}”`);
  });
  it('chooses the plural', () => {
    expect(t('overview.inBuckets', { count: 1 })).toBe('in 1 bucket');
    expect(t('overview.inBuckets', { count: 2 })).toBe('in 2 buckets');
    expect(t('overview.inBuckets', { count: 0 })).toBe('in 0 buckets');
  });
  it('takes another language where it has the text', () => {
    setLanguage('de', { ui: { cancel: 'Abbrechen' }, overview: { inBuckets: { one: 'in {count} Eimer', other: 'in {count} Eimern' } } });
    expect(t('ui.cancel')).toBe('Abbrechen');
    expect(t('ui.close')).toBe('Close');
    expect(t('overview.inBuckets', { count: 3 })).toBe('in 3 Eimern');
  });
  it('has elements as parameters', () => {
    const { container } = render(<p>{tx('app.noMatches', { text: <code>{'<b>'}</code> })}</p>);
    expect(container.textContent).toBe('Nothing matches “<b>”');
    expect(container.querySelector('b')).toBeNull();
  });
});

/** Keys whose ends are put together at run time. */
const BUILT = ['identity.attachedHelp_', 'identity.kind_', 'identity.level_', 'identity.severity_', 'identity.stepFrom_', 'identity.w_'];
const sources = import.meta.glob<string>(['../**/*.{ts,tsx}', '!../**/*.test.*', '!./*'], { query: '?raw', import: 'default', eager: true });

describe('the texts', () => {
  it('are all used', () => {
    const named = new Set(Object.values(sources).flatMap((code) => [...code.matchAll(/['"`](\w+\.\w+)['"`]/g)].map((m) => m[1])));
    const keys = Object.entries(en).flatMap(([area, texts]) => Object.keys(texts).map((name) => `${area}.${name}`));
    expect(keys.filter((key) => !named.has(key) && !BUILT.some((prefix) => key.startsWith(prefix)))).toEqual([]);
    expect(BUILT.filter((prefix) => !Object.values(sources).some((code) => code.includes(`\`${prefix}\${`)))).toEqual([]);
  });
  it('are not empty, and have no markup', () => {
    for (const area of Object.values(en)) {
      for (const text of Object.values(area) as (string | { one: string; other: string })[]) {
        for (const one of typeof text === 'string' ? [text] : [text.one, text.other]) {
          expect(one.trim()).not.toBe('');
          expect(one).not.toMatch(/<\/?[a-z][^>]*>/);
        }
      }
    }
  });
});
