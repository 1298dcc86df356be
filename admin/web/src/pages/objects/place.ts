// SPDX-License-Identifier: Apache-2.0
/* Addresses: /objects/BUCKET?prefix=&key=&version=&tab=&versions&upload. Keys never stand in a path: browsers resolve `..`. */
import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';

export interface Where {
  prefix: string;
  key?: string;
  version?: string;
  tab?: string;
  versions: boolean;
  /** The dialog that asks for files is open. */
  upload?: boolean | undefined;
}

export function addressOf(bucket: string, where: Partial<Where> = {}): string {
  const q = new URLSearchParams();
  if (where.prefix) q.set('prefix', where.prefix);
  if (where.key !== undefined) q.set('key', where.key);
  if (where.version) q.set('version', where.version);
  if (where.tab && where.tab !== 'details') q.set('tab', where.tab);
  if (where.versions) q.set('versions', '');
  if (where.upload) q.set('upload', '');
  const text = q.toString().replace(/=(?=&|$)/g, '');
  return `/objects/${encodeURIComponent(bucket)}${text ? `?${text}` : ''}`;
}

/** A prefix ends with a slash, or is empty; a link to an object alone shows it in its folder. */
export function readWhere(search: string): Where {
  const q = new URLSearchParams(search);
  const key = q.get('key') ?? undefined;
  let prefix = q.get('prefix') ?? (key === undefined ? '' : key.slice(0, key.lastIndexOf('/') + 1));
  if (prefix !== '' && !prefix.endsWith('/')) prefix += '/';
  return { prefix, key, version: q.get('version') || undefined, tab: q.get('tab') ?? undefined, versions: q.has('versions'), ...(q.has('upload') && { upload: true }) };
}

export function useWhere(bucket: string): [Where, (change: Partial<Where>, replace?: boolean) => void] {
  const search = useSearch();
  const [, go] = useLocation();
  const where = useMemo(() => readWhere(search), [search]);
  const change = useCallback(
    (next: Partial<Where>, replace = false) => go(addressOf(bucket, { ...where, ...next }), { replace }),
    [bucket, where, go],
  );
  return [where, change];
}
