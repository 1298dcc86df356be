// SPDX-License-Identifier: Apache-2.0
// The texts that have been loaded. An area's file puts itself in here when it comes with the code that uses it (see vite.config.ts).
type Texts = Record<string, string | { readonly one: string; readonly other: string }>;

export const loaded: Record<string, Texts> = {};

export function area<const T extends Texts>(name: string, texts: T): T {
  loaded[name] = texts;
  return texts;
}
