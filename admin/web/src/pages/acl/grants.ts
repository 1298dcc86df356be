// SPDX-License-Identifier: Apache-2.0
/* Access control lists as a table: one row for each who is granted something, one column for each permission. */
import type { Acl, Grant } from '../../api/s3';

export type Permission = 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP';
export type Kind = 'bucket' | 'object';

const group = (path: string) => `http://acs.amazonaws.com/groups/${path}`;
export const EVERYONE = group('global/AllUsers');
export const SIGNED_IN = group('global/AuthenticatedUsers');
export const LOG_DELIVERY = group('s3/LogDelivery');

/** To write an object is a right on its bucket: for objects there is no such permission. */
export const permissionsOf = (kind: Kind): readonly Permission[] => (kind === 'bucket' ? ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'] : ['READ', 'READ_ACP', 'WRITE_ACP']);
export const groupsOf = (kind: Kind): readonly string[] => (kind === 'bucket' ? [EVERYONE, SIGNED_IN, LOG_DELIVERY] : [EVERYONE, SIGNED_IN]);

export interface GrantRow {
  type: Grant['type'];
  grantee: string;
  displayName?: string;
  has: readonly Permission[];
}

const isSame = (a: Pick<GrantRow, 'type' | 'grantee'>, b: Pick<GrantRow, 'type' | 'grantee'>) => a.type === b.type && a.grantee === b.grantee;

/** The owner first, then the groups, then the others that the list names. */
export function toRows(acl: Acl, kind: Kind): GrantRow[] {
  const all = permissionsOf(kind);
  const rows: GrantRow[] = [{ type: 'CanonicalUser', grantee: acl.owner.id, displayName: acl.owner.displayName, has: [] }, ...groupsOf(kind).map((g) => ({ type: 'Group' as const, grantee: g, has: [] }))];
  for (const g of acl.grants) {
    let row = rows.find((r) => isSame(r, g));
    if (!row) rows.push((row = { type: g.type, grantee: g.grantee, displayName: g.displayName, has: [] }));
    const had = row.has;
    row.has = g.permission === 'FULL_CONTROL' ? all : all.filter((p) => had.includes(p) || p === g.permission);
  }
  return rows;
}

export function toGrants(rows: readonly GrantRow[], kind: Kind): Grant[] {
  const whole = permissionsOf(kind).length;
  return rows.flatMap(({ has, type, grantee }) => (has.length === whole ? [{ type, grantee, permission: 'FULL_CONTROL' }] : has.map((permission) => ({ type, grantee, permission }))));
}

export type Canned = 'private' | 'public-read' | 'public-read-write' | 'authenticated-read' | 'log-delivery-write';
const canned: Record<Canned, ReadonlyArray<readonly [string, readonly Permission[]]>> = {
  private: [],
  'public-read': [[EVERYONE, ['READ']]],
  'public-read-write': [[EVERYONE, ['READ', 'WRITE']]],
  'authenticated-read': [[SIGNED_IN, ['READ']]],
  'log-delivery-write': [[LOG_DELIVERY, ['WRITE', 'READ_ACP']]],
};
export const cannedOf = (kind: Kind): Canned[] => (kind === 'bucket' ? ['private', 'public-read', 'public-read-write', 'authenticated-read', 'log-delivery-write'] : ['private', 'public-read', 'authenticated-read']);

/** The table that one of S3's ready-made lists makes. */
export function fromCanned(choice: Canned, owner: Acl['owner'], kind: Kind): GrantRow[] {
  const grants = canned[choice].flatMap(([grantee, has]) => has.map((permission) => ({ type: 'Group' as const, grantee, permission })));
  return toRows({ owner, grants: [{ type: 'CanonicalUser', grantee: owner.id, permission: 'FULL_CONTROL' }, ...grants] }, kind);
}

const text = (rows: readonly GrantRow[], kind: Kind) =>
  toGrants(rows, kind)
    .map((g) => `${g.type}\0${g.grantee}\0${g.permission}`)
    .sort()
    .join('\n');
export const isEqual = (a: readonly GrantRow[], b: readonly GrantRow[], kind: Kind): boolean => text(a, kind) === text(b, kind);

/** Which of the ready-made lists it is, if it is one. */
export const cannedName = (rows: readonly GrantRow[], owner: Acl['owner'], kind: Kind): Canned | null => cannedOf(kind).find((c) => isEqual(rows, fromCanned(c, owner, kind), kind)) ?? null;

export const isPublic = (rows: readonly GrantRow[]): boolean => rows.some((r) => r.type === 'Group' && (r.grantee === EVERYONE || r.grantee === SIGNED_IN) && r.has.length > 0);

/** 64 hexadecimal digits, as canonical ids are. */
export const isCanonicalId = (id: string): boolean => /^[0-9a-f]{64}$/.test(id);
