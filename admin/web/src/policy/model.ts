// SPDX-License-Identifier: Apache-2.0
/* A policy as forms edit it, and the way to its JSON and back. What is read here and written again means the same. */
import { listOf, member, parseJson, type JsonNode } from './json';

export type Condition = { operator: string; key: string; values: string[] };
export type Principal = { type: 'AWS' | 'Federated' | 'Service' | 'CanonicalUser' | '*'; value: string };
export type Statement = {
  sid: string;
  effect: 'Allow' | 'Deny';
  notAction: boolean;
  actions: string[];
  notResource: boolean;
  resources: string[];
  notPrincipal: boolean;
  principals: Principal[];
  conditions: Condition[];
};
export type Document = { version: string; id: string; statements: Statement[] };

export const VERSION = '2012-10-17';

export const emptyStatement = (): Statement => ({ sid: '', effect: 'Allow', notAction: false, actions: [], notResource: false, resources: [], notPrincipal: false, principals: [], conditions: [] });

const KNOWN = ['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];
const TYPES = ['AWS', 'Federated', 'Service', 'CanonicalUser'];

class Unreadable extends Error {}

function texts(node: JsonNode | undefined, scalars = false): string[] {
  return listOf(node).map((n) => {
    if (n.kind !== 'string' && !(scalars && (n.kind === 'number' || n.kind === 'boolean'))) throw new Unreadable();
    return n.text;
  });
}

function only(node: JsonNode, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const m of node.members) {
    if (!names.includes(m.name) || seen.has(m.name)) throw new Unreadable();
    seen.add(m.name);
  }
}

function readPrincipals(node: JsonNode | undefined): Principal[] {
  if (!node) return [];
  if (node.kind === 'string' && node.text === '*') return [{ type: '*', value: '*' }];
  if (node.kind !== 'object') throw new Unreadable();
  only(node, TYPES);
  return node.members.flatMap((m) => texts(m.value).map((value) => ({ type: m.name as Principal['type'], value })));
}

function readConditions(node: JsonNode | undefined): Condition[] {
  if (!node) return [];
  if (node.kind !== 'object') throw new Unreadable();
  const seen = new Set<string>();
  return node.members.flatMap((operator) => {
    if (operator.value.kind !== 'object' || seen.has(operator.name)) throw new Unreadable();
    seen.add(operator.name);
    only(
      operator.value,
      operator.value.members.map((m) => m.name),
    );
    return operator.value.members.map((key) => ({ operator: operator.name, key: key.name, values: texts(key.value, true) }));
  });
}

function readStatement(node: JsonNode): Statement {
  if (node.kind !== 'object') throw new Unreadable();
  only(node, KNOWN);
  const has = (name: string) => member(node, name) !== undefined;
  if ((has('Action') && has('NotAction')) || (has('Resource') && has('NotResource')) || (has('Principal') && has('NotPrincipal'))) throw new Unreadable();
  const effect = texts(member(node, 'Effect')?.value)[0] ?? 'Allow';
  if (effect !== 'Allow' && effect !== 'Deny') throw new Unreadable();
  return {
    sid: texts(member(node, 'Sid')?.value)[0] ?? '',
    effect,
    notAction: has('NotAction'),
    actions: texts((member(node, 'Action') ?? member(node, 'NotAction'))?.value),
    notResource: has('NotResource'),
    resources: texts((member(node, 'Resource') ?? member(node, 'NotResource'))?.value),
    notPrincipal: has('NotPrincipal'),
    principals: readPrincipals((member(node, 'Principal') ?? member(node, 'NotPrincipal'))?.value),
    conditions: readConditions(member(node, 'Condition')?.value),
  };
}

/** Undefined: not JSON, or something that forms have no place for. */
export function readDocument(text: string): Document | undefined {
  const root = parseJson(text);
  if (root?.kind !== 'object') return undefined;
  try {
    only(root, ['Version', 'Id', 'Statement']);
    return {
      version: texts(member(root, 'Version')?.value)[0] ?? '',
      id: texts(member(root, 'Id')?.value)[0] ?? '',
      statements: listOf(member(root, 'Statement')?.value).map(readStatement),
    };
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** Pairs to an object whatever their names are; the values of equal names are put together. */
function grouped<T>(pairs: ReadonlyArray<readonly [string, T]>): Array<[string, T[]]> {
  const found = new Map<string, T[]>();
  for (const [name, value] of pairs) found.set(name, [...(found.get(name) ?? []), value]);
  return [...found];
}

const oneOrMany = (list: string[]): string | string[] => (list.length === 1 ? (list[0] as string) : list);
const object = (entries: ReadonlyArray<readonly [string, unknown]>): Record<string, unknown> => Object.fromEntries(entries);

function writeStatement(s: Statement): Record<string, unknown> {
  const out: Array<[string, unknown]> = [];
  if (s.sid) out.push(['Sid', s.sid]);
  out.push(['Effect', s.effect]);
  if (s.principals.length > 0) {
    const everyone = s.principals.some((p) => p.type === '*');
    out.push([s.notPrincipal ? 'NotPrincipal' : 'Principal', everyone ? '*' : object(grouped(s.principals.map((p) => [p.type, p.value] as const)).map(([type, list]) => [type, oneOrMany(list)]))]);
  }
  if (s.actions.length > 0 || s.notAction) out.push([s.notAction ? 'NotAction' : 'Action', s.actions]);
  if (s.resources.length > 0 || s.notResource) out.push([s.notResource ? 'NotResource' : 'Resource', s.resources]);
  if (s.conditions.length > 0) {
    const operators = grouped(s.conditions.map((c) => [c.operator, c] as const)).map(
      ([operator, list]) => [operator, object(grouped(list.map((c) => [c.key, c.values] as const)).map(([key, values]) => [key, oneOrMany(values.flat())]))] as const,
    );
    out.push(['Condition', object(operators)]);
  }
  return object(out);
}

export function writeDocument(d: Document): string {
  const out: Array<[string, unknown]> = [];
  if (d.version) out.push(['Version', d.version]);
  if (d.id) out.push(['Id', d.id]);
  out.push(['Statement', d.statements.map(writeStatement)]);
  return JSON.stringify(object(out), null, 2);
}

/** As people like to read it; a text that is no JSON stays as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/* ---- resources of S3, as pickers have them ---- */

export type S3Resource = { bucket: string; what: 'bucket' | 'objects'; prefix: string };

/** Undefined: not a bucket or what lies below a prefix in one. */
export function readS3Resource(arn: string): S3Resource | undefined {
  const m = /^arn:aws:s3:::([^/]*)(?:\/(.*))?$/s.exec(arn);
  if (m?.[1] === undefined) return undefined;
  if (m[2] === undefined) return { bucket: m[1], what: 'bucket', prefix: '' };
  if (!m[2].endsWith('*') || m[2].slice(0, -1).includes('*')) return undefined;
  return { bucket: m[1], what: 'objects', prefix: m[2].slice(0, -1) };
}

export const writeS3Resource = (r: S3Resource): string => (r.what === 'bucket' ? `arn:aws:s3:::${r.bucket}` : `arn:aws:s3:::${r.bucket}/${r.prefix}*`);
