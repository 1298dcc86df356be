// SPDX-License-Identifier: Apache-2.0
// Addresses of identities. A name may be ".." for browsers to resolve: such ones go into the query.
export type Kind = 'users' | 'groups' | 'roles' | 'policies';

export function place(kind: Kind, name: string, query: Record<string, string> = {}): string {
  const dots = /^\.+$/.test(name);
  const search = new URLSearchParams({ ...(dots ? { name } : {}), ...query }).toString();
  return `/identity/${kind}${dots ? '' : `/${encodeURIComponent(name)}`}${search ? `?${search}` : ''}`;
}

export const namedIn = (params: Record<string, string | undefined>, search: string): string | undefined => params.name ?? new URLSearchParams(search).get('name') ?? undefined;

export const simulatorFor = (arn: string, o: { action?: string; resource?: string } = {}): string => `/identity/simulator?${new URLSearchParams({ principal: arn, ...o }).toString()}`;

/** IAM's names: letters, digits and + = , . @ - _. Null: a good one. */
export const NAME_MAX = { users: 64, groups: 128, roles: 64, policies: 128 } as const;
export const nameFits = (name: string, kind: Kind): boolean => name.length <= NAME_MAX[kind] && /^[\w+=,.@-]+$/.test(name);
export const pathFits = (path: string): boolean => path === '' || path === '/' || (path.length <= 512 && /^\/[\u0021-\u007e]*\/$/.test(path));

/** What has all words of the search somewhere. */
export function found(search: string, ...texts: string[]): boolean {
  const all = texts.join('\n').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
