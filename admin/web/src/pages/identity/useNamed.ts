// SPDX-License-Identifier: Apache-2.0
import { useLocation, useSearch } from 'wouter';
import { namedIn } from './places';

/** Whose page it is; undefined: the list. */
export function useNamed(params: Record<string, string | undefined>): string | undefined {
  const search = useSearch();
  return namedIn(params, search);
}

/** A parameter of the address, kept there so that a link leads to the same tab. */
export function useQueryParameter(key: string, otherwise: string): [string, (value: string) => void] {
  const search = useSearch();
  const [path, go] = useLocation();
  const all = new URLSearchParams(search);
  return [
    all.get(key) ?? otherwise,
    (value) => {
      const next = new URLSearchParams(search);
      if (value === otherwise) next.delete(key);
      else next.set(key, value);
      const text = next.toString();
      go(text ? `${path}?${text}` : path, { replace: true });
    },
  ];
}
