// SPDX-License-Identifier: Apache-2.0
// All words of the console. A key is "area.name"; {name} in a text is a parameter; {one, other} is chosen by the parameter count.
// Another language is a file like en.ts with the same keys (missing ones fall back to English).
// An area's texts come with the first module that names one of its keys: vite.config.ts adds the import, so no page loads another's words.
import { Fragment, createElement, type ReactNode } from 'react';
import { loaded } from './area';
import type { en } from './en';

type Plural = { readonly one: string; readonly other: string };
type Areas = typeof en;
export type Key = { [A in keyof Areas & string]: `${A}.${keyof Areas[A] & string}` }[keyof Areas & string];

type TextOf<K extends string> = K extends `${infer A}.${infer N}`
  ? A extends keyof Areas
    ? N extends keyof Areas[A]
      ? Areas[A][N] extends Plural
        ? Areas[A][N]['other'] | '{count}'
        : Areas[A][N]
      : never
    : never
  : never;
type NamesIn<S> = S extends `${string}{${infer P}}${infer Rest}` ? P | NamesIn<Rest> : never;
type Params<K extends string, V> = [NamesIn<TextOf<K>>] extends [never] ? [] : [params: { [P in NamesIn<TextOf<K>>]: V }];

export type Language = { [A in keyof Areas]?: { [N in keyof Areas[A]]?: string | Plural } };
let chosen: Language = {};
let plurals = new Intl.PluralRules('en');
const numbers = new Intl.NumberFormat();

export function setLanguage(tag: string, language: Language): void {
  chosen = language;
  plurals = new Intl.PluralRules(tag);
  document.documentElement.lang = tag;
}

function find(key: string, params: Record<string, unknown> | undefined): string {
  const dot = key.indexOf('.');
  const area = key.slice(0, dot);
  const name = key.slice(dot + 1);
  const text = (chosen as typeof loaded)[area]?.[name] ?? loaded[area]?.[name] ?? key;
  if (typeof text === 'string') return text;
  return plurals.select(Number(params?.count ?? 0)) === 'one' ? text.one : text.other;
}

/** The text of a key. Parameters are put in as they are; numbers are written as the reader writes them. */
export function t<K extends Key>(key: K, ...rest: Params<K, string | number>): string {
  const params = rest[0] as Record<string, string | number> | undefined;
  return find(key, params).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params?.[name];
    return value === undefined ? whole : typeof value === 'number' ? numbers.format(value) : value;
  });
}

/** The same with elements as parameters: tx('objects.in', { name: <code>b</code> }). */
export function tx<K extends Key>(key: K, ...rest: Params<K, ReactNode>): ReactNode {
  const params = rest[0] as Record<string, ReactNode> | undefined;
  const parts = find(key, params as Record<string, unknown>).split(/\{(\w+)\}/);
  return parts.map((part, i) => createElement(Fragment, { key: i }, i % 2 ? params?.[part] : part));
}
