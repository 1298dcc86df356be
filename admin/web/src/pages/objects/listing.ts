// SPDX-License-Identifier: Apache-2.0
/*
 * A folder's content, read page by page as the list is scrolled. Rows are kept small: a folder may have a million of
 * them. A row's key is its list's prefix and its name.
 */
import { useEffect, useMemo, useReducer, useRef } from 'react';
import { isAbort, type Client } from '../../api/http';
import { listObjectsV2, listObjectVersions } from '../../api/s3';

export interface Row {
  /** What follows the prefix; of a folder it ends with a slash. */
  name: string;
  /** -1: a folder. */
  size: number;
  /** Milliseconds; 0: a folder. */
  modified: number;
  storageClass: string;
  /** Only where versions are listed. */
  version?: { id: string; isLatest: boolean; isMarker: boolean };
}

export const isFolder = (row: Row): boolean => row.size < 0;

/** Unique in a list; no name has a NUL. */
export const rowId = (row: Row): string => (row.version ? `${row.name}\0${row.version.id}` : row.name);

export interface Place {
  bucket: string;
  prefix: string;
  /** All versions and delete markers. */
  versions: boolean;
  /** Also what lies in folders below. */
  deep: boolean;
  /** Only names that begin so, as the server finds them. */
  startsWith: string;
  /** Only names that have this in them, among what is read. */
  contains: string;
}

const PAGE = 1000;
const REFRESH_PAGES = 20;
const LOOK_AGAIN_MS = 50;
/** How far a search reads on by itself before it asks. */
const SEARCH_PAGES = 100;
const SEARCH_FOUND = 2000;

export class Listing {
  rows: Row[] = [];
  /** Read so far, whether they matched or not. */
  scanned = 0;
  complete = false;
  loading = false;
  error: unknown = undefined;
  private next: unknown = undefined;
  private readonly controller = new AbortController();
  pages = 0;

  constructor(
    private readonly client: Client,
    readonly place: Place,
    private readonly changed: () => void,
    /** The same place read to its end, without a search: it is not read again. */
    whole?: Listing,
  ) {
    if (!whole) return;
    for (const row of whole.rows) this.take(row);
    this.pages = whole.pages;
    this.complete = true;
  }

  close(): void {
    this.controller.abort();
  }

  /** Reads a page, or until something is found. Does nothing while it reads already. */
  async more(pages = 1): Promise<void> {
    if (this.loading || this.complete || this.controller.signal.aborted) return;
    this.loading = true;
    this.error = undefined;
    this.changed();
    const search = this.place.contains !== '';
    const until = this.pages + (search ? SEARCH_PAGES : pages);
    const enough = this.rows.length + SEARCH_FOUND;
    try {
      while (!this.complete && this.pages < until && !(search && this.rows.length >= enough)) {
        await this.readPage();
        this.changed();
      }
    } catch (error) {
      if (isAbort(error)) return;
      this.error = error;
    } finally {
      this.loading = false;
      this.changed();
    }
  }

  get closed(): boolean {
    return this.controller.signal.aborted;
  }

  async all(): Promise<void> {
    while (!this.complete && this.error === undefined && !this.controller.signal.aborted) {
      // Somebody else is reading just now: more() would come back at once.
      if (this.loading) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      else await this.more(20);
    }
  }

  private take(row: Row): void {
    this.scanned++;
    const { contains } = this.place;
    if (contains === '' || row.name.toLowerCase().includes(contains)) this.rows.push(row);
  }

  private async readPage(): Promise<void> {
    const { bucket, prefix, versions, deep, startsWith } = this.place;
    const { signal } = this.controller;
    const whole = prefix + startsWith;
    const delimiter = deep ? undefined : '/';
    const at = prefix.length;
    if (versions) {
      const marker = this.next as { keyMarker: string; versionIdMarker?: string } | undefined;
      const page = await listObjectVersions(this.client, bucket, { prefix: whole, delimiter, marker, maxKeys: PAGE, signal });
      for (const p of page.prefixes) this.takeFolder(p.slice(at));
      for (const v of page.versions)
        if (v.key !== prefix)
          this.take({
            name: v.key.slice(at),
            size: v.size,
            modified: v.modified?.getTime() ?? 0,
            storageClass: v.storageClass,
            version: { id: v.versionId, isLatest: v.isLatest, isMarker: v.isDeleteMarker },
          });
      this.next = page.next;
      this.complete = !page.next;
    } else {
      const token = this.next as string | undefined;
      const page = await listObjectsV2(this.client, bucket, { prefix: whole, delimiter, token, maxKeys: PAGE, signal });
      for (const p of page.prefixes) this.takeFolder(p.slice(at));
      for (const o of page.objects)
        if (o.key !== prefix)
          this.take({
            name: o.key.slice(at),
            size: o.size,
            modified: o.modified?.getTime() ?? 0,
            storageClass: o.storageClass === 'STANDARD' ? 'STANDARD' : o.storageClass,
          });
      this.next = page.next;
      this.complete = !page.next;
    }
    this.pages++;
  }

  private takeFolder(name: string): void {
    this.take({ name, size: -1, modified: 0, storageClass: '' });
  }
}

const same = (a: Place, b: Place, names: Array<keyof Place>) => names.every((name) => a[name] === b[name]);

/**
 * A listing that is begun anew whenever the place or `round` changes. The old one stays in sight until the new one has
 * something to show; when only `round` has changed, until it has as much as the old one had, so nothing jumps.
 */
export function useListing(client: Client, place: Place, round: number): Listing {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const { bucket, prefix, versions, deep, startsWith, contains } = place;
  const whole = useRef<{ listing: Listing; round: number }>(undefined);
  const listing = useMemo(
    () => {
      const wanted = { bucket, prefix, versions, deep, startsWith, contains };
      const there = whole.current?.round === round && same(whole.current.listing.place, wanted, ['bucket', 'prefix', 'versions', 'deep', 'startsWith']) ? whole.current.listing : undefined;
      return there && contains === '' ? there : new Listing(client, wanted, again, there);
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [client, bucket, prefix, versions, deep, startsWith, contains, round],
  );
  if (listing.complete && contains === '') whole.current = { listing, round };
  // A million rows of another folder are not kept.
  else if (whole.current && !same(whole.current.listing.place, listing.place, ['bucket', 'prefix', 'versions'])) whole.current = undefined;
  const before = useRef<Listing>(listing);
  const old = before.current;
  const refresh = old !== listing && same(old.place, listing.place, ['bucket', 'prefix', 'versions', 'deep', 'startsWith', 'contains']);
  const near = old !== listing && same(old.place, listing.place, ['bucket', 'prefix', 'versions']);
  const wanted = refresh ? Math.min(REFRESH_PAGES, Math.max(1, old.pages)) : 1;
  useEffect(() => {
    void listing.more(wanted);
    return () => listing.close();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [listing]);
  const starting = listing.pages === 0 || (refresh && listing.loading);
  if (near && starting && listing.error === undefined) return old;
  before.current = listing;
  return listing;
}

/** Everything below some folders and keys: for deleting, copying and zipping whole folders. */
export async function* walk(
  client: Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<Array<{ key: string; size: number; modified?: Date }>> {
  let token: string | undefined;
  do {
    const page = await listObjectsV2(client, bucket, { prefix, token, signal });
    yield page.objects;
    token = page.next;
  } while (token);
}

export async function* walkVersions(
  client: Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<Array<{ key: string; versionId: string }>> {
  let marker: { keyMarker: string; versionIdMarker?: string } | undefined;
  do {
    const page = await listObjectVersions(client, bucket, { prefix, marker, signal });
    yield page.versions;
    marker = page.next;
  } while (marker);
}
