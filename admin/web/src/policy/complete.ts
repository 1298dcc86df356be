// SPDX-License-Identifier: Apache-2.0
/* What may stand at a place of a policy: for CodeEditor's `complete`. The word before the place is replaced; outside of quotes they are put in as well. */
import { t } from '../strings';
import { ACTIONS, BUCKET_ACTIONS, SERVICES, TRUST_ACTIONS } from './actions';
import { cursorIn } from './json';
import { KEYS, keyOf, operatorOf, OPERATORS, VALUES, VARIABLES } from './keys';
import { principalTypes, statementFields, topFields, type PolicyContext } from './validate';

export type Suggestion = { label: string; detail?: string; type?: string; apply?: string };
/** Names that the editor's user may want to refer to; all may be empty. */
export type Names = { buckets?: readonly string[]; principals?: readonly string[]; providers?: readonly string[] };

const SUGGESTIONS_MAX = 400;
const plain = (labels: readonly string[], detail?: string): Suggestion[] => labels.map((label) => ({ label, ...(detail ? { detail } : {}) }));

function actions(c: PolicyContext): Suggestion[] {
  if (c.kind === 'trust') return plain(TRUST_ACTIONS);
  const all = (c.kind === 'bucket' ? BUCKET_ACTIONS : ACTIONS).map((a) => ({ label: a.name, detail: t(`identity.level_${a.level}`) }));
  const services = c.kind === 'bucket' ? ['s3'] : SERVICES;
  return [...services.map((s) => ({ label: `${s}:*`, detail: t('identity.allActions') })), ...all];
}

function resources(c: PolicyContext, names: Names): Suggestion[] {
  const buckets = c.kind === 'bucket' ? [c.bucket ?? 'bucket'] : (names.buckets ?? []);
  const of = buckets.flatMap((b) => [
    { label: `arn:aws:s3:::${b}`, detail: t('identity.theBucket') },
    { label: `arn:aws:s3:::${b}/*`, detail: t('identity.itsObjects') },
  ]);
  if (c.kind === 'bucket') return of;
  return [{ label: '*', detail: t('identity.everything') }, { label: 'arn:aws:s3:::*', detail: t('identity.allBuckets') }, ...of];
}

function conditionKeys(c: PolicyContext, operator: string): Suggestion[] {
  const type = operatorOf(operator)?.type;
  return KEYS.filter((k) => c.kind !== 'bucket' || k.group !== '-').map((k) => ({
    label: k.name,
    detail: k.family ? t('identity.tagKey') : k.type,
    // What goes with the operator comes first.
    type: !type || type === 'null' || k.type === type || (type === 'string' && !['ip', 'bool', 'numeric', 'date'].includes(k.type)) ? 'property' : 'text',
  }));
}

function values(path: string[]): Suggestion[] {
  const operator = operatorOf(path[path.length - 2] ?? '');
  const key = keyOf(path[path.length - 1] ?? '');
  if (operator?.type === 'bool' || operator?.type === 'null') return plain(['true', 'false']);
  const known = key && Object.hasOwn(VALUES, key.name) ? (VALUES[key.name] ?? []) : [];
  return [...plain(known), ...(operator?.type === 'string' || operator?.type === 'arn' ? plain(VARIABLES, t('identity.variable')) : [])];
}

function principals(path: string[], names: Names): Suggestion[] {
  const type = path[path.length - 1];
  if (type === 'Principal' || type === 'NotPrincipal') return [{ label: '*', detail: t('identity.anyone') }];
  if (type === 'AWS') return [{ label: '*', detail: t('identity.anyone') }, ...plain(names.principals ?? [])];
  return type === 'Federated' ? plain(names.providers ?? []) : [];
}

function keysAt(path: string[], c: PolicyContext): Suggestion[] {
  const last = path[path.length - 1];
  if (path.length === 0) return plain(topFields);
  if (last === 'Statement') return plain(statementFields(c.kind));
  if (last === 'Principal' || last === 'NotPrincipal') return plain(principalTypes);
  if (last === 'Condition') return plain(Object.keys(OPERATORS));
  return path[path.length - 2] === 'Condition' ? conditionKeys(c, last ?? '') : [];
}

function valuesAt(path: string[], c: PolicyContext, names: Names): Suggestion[] {
  const last = path[path.length - 1];
  if (path.includes('Condition') && path.length >= 4) return values(path);
  if (path.includes('Principal') || path.includes('NotPrincipal')) return principals(path, names);
  switch (last) {
    case 'Version':
      return plain(['2012-10-17']);
    case 'Effect':
      return plain(['Allow', 'Deny']);
    case 'Action':
    case 'NotAction':
      return actions(c);
    case 'Resource':
    case 'NotResource':
      return resources(c, names);
    default:
      return [];
  }
}

export function complete(text: string, at: number, c: PolicyContext, names: Names = {}): Suggestion[] {
  const cursor = cursorIn(text, at);
  const isKey = cursor.place === 'key';
  const found = (isKey ? keysAt(cursor.path, c).filter((s) => !cursor.siblings.includes(s.label)) : valuesAt(cursor.path, c, names)).slice(0, SUGGESTIONS_MAX);
  const after = text.slice(at);
  return found.map((s) => {
    const type = s.type ?? (isKey ? 'property' : 'constant');
    if (!cursor.inString) return { ...s, type, apply: isKey ? `${JSON.stringify(s.label)}: ` : JSON.stringify(s.label) };
    // A name that has no colon yet gets one, past the quote that the editor has put in already.
    return { ...s, type, ...(isKey && !/^[^"\n]*"/.test(after) ? { apply: `${s.label}": ` } : {}) };
  });
}
