// SPDX-License-Identifier: Apache-2.0
/*
 * What is wrong with a policy while it is typed, in words and with its place. Errors are what the server refuses; warnings what it
 * takes but what does not do what it looks like. Syntax of JSON itself is left to the editor.
 *   identity  of users, groups and roles    bucket  of a bucket    trust  who may assume a role
 */
import { t } from '../strings';
import { ACTIONS, BUCKET_ACTIONS, expand, matches, TRUST_ACTIONS, type Action } from './actions';
import { listOf, member, parseJson, type JsonMember, type JsonNode } from './json';
import { fits, KEYS, keyOf, operatorOf, OPERATORS } from './keys';

export type PolicyKind = 'identity' | 'bucket' | 'trust';
export type PolicyContext = { kind: PolicyKind; bucket?: string };
export type Finding = { from: number; to: number; severity: 'error' | 'warning' | 'info'; message: string };

const TOP = ['Version', 'Id', 'Statement'];
const FIELDS: Record<PolicyKind, readonly string[]> = {
  identity: ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'],
  bucket: ['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'],
  trust: ['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Condition'],
};
const PRINCIPAL_TYPES = ['AWS', 'Federated', 'Service', 'CanonicalUser'];
/** Bytes of a bucket's policy; characters of others, blanks not counted. */
const SIZE_MAX: Record<PolicyKind, number> = { bucket: 20480, identity: 6144, trust: 2048 };
const FINDINGS_MAX = 200;

export const statementFields = (kind: PolicyKind) => FIELDS[kind];
export const topFields: readonly string[] = TOP;
export const principalTypes: readonly string[] = PRINCIPAL_TYPES;

/** The nearest of the names, when it is near enough to be a slip. */
export function nearest(text: string, names: readonly string[]): string | undefined {
  const lower = text.toLowerCase().slice(0, 64);
  let best: string | undefined;
  let least = Math.max(1, Math.floor(lower.length / 4)) + 1;
  for (const name of names) {
    const d = distance(lower, name.toLowerCase(), least);
    if (d < least) {
      least = d;
      best = name;
    }
  }
  return best;
}

function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let k = 1; k <= b.length; k++) next[k] = Math.min((row[k] ?? 0) + 1, (next[k - 1] ?? 0) + 1, (row[k - 1] ?? 0) + (a[i - 1] === b[k - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] ?? limit;
}

const shown = (text: string) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);
const suggest = (text: string, names: readonly string[]) => {
  const near = nearest(text, names);
  return near ? ` ${t('identity.vMeant', { name: near })}` : '';
};

class Checker {
  readonly found: Finding[] = [];
  constructor(readonly c: PolicyContext) {}

  say(severity: Finding['severity'], at: { from: number; to: number }, message: string) {
    if (this.found.length < FINDINGS_MAX) this.found.push({ from: at.from, to: at.to, severity, message });
  }
  error(at: { from: number; to: number }, message: string) {
    this.say('error', at, message);
  }

  members(node: JsonNode, known: readonly string[]) {
    const seen = new Set<string>();
    for (const m of node.members) {
      if (seen.has(m.name)) this.error(m, t('identity.vTwice', { name: shown(m.name) }));
      else if (!known.includes(m.name)) this.unknownField(m, known);
      seen.add(m.name);
    }
  }

  private unknownField(m: JsonMember, known: readonly string[]) {
    if (this.c.kind === 'identity' && /^(Not)?Principal$/.test(m.name)) return this.error(m, t('identity.vNoPrincipalHere'));
    if (this.c.kind === 'trust' && /^(Not)?Resource$/.test(m.name)) return this.error(m, t('identity.vNoResourceHere'));
    this.error(m, t('identity.vUnknownField', { name: shown(m.name) }) + suggest(m.name, known));
  }

  document(root: JsonNode) {
    if (root.kind !== 'object') return this.error(root, t('identity.vNotObject'));
    this.members(root, TOP);
    const version = member(root, 'Version');
    if (!version) this.say('warning', { from: root.from, to: root.from + 1 }, t('identity.vNoVersion'));
    else if (version.value.text === '2008-10-17') this.say('warning', version.value, t('identity.vOldVersion'));
    else if (version.value.text !== '2012-10-17') this.error(version.value, t('identity.vBadVersion'));
    const list = member(root, 'Statement');
    if (!list) return this.error({ from: root.from, to: root.from + 1 }, t('identity.vNoStatement'));
    const statements = listOf(list.value);
    if (statements.length === 0) this.error(list.value, t('identity.vEmptyStatement'));
    const sids = new Set<string>();
    for (const s of statements) this.statement(s, sids);
  }

  statement(s: JsonNode, sids: Set<string>) {
    if (s.kind !== 'object') return this.error(s, t('identity.vStatementObject'));
    this.members(s, FIELDS[this.c.kind]);
    const start = { from: s.from, to: s.from + 1 };
    this.sid(member(s, 'Sid'), sids);
    const effect = member(s, 'Effect');
    if (!effect) this.error(start, t('identity.vNoEffect'));
    else if (effect.value.text !== 'Allow' && effect.value.text !== 'Deny') this.error(effect.value, t('identity.vBadEffect'));
    const allow = effect?.value.text === 'Allow';
    const actions = this.actions(s, start);
    if (this.c.kind !== 'identity') this.principals(s, start, allow);
    const levels = this.resources(s, start, actions);
    this.conditions(member(s, 'Condition')?.value, actions, levels);
    if (allow && member(s, 'NotAction')) this.say('warning', member(s, 'NotAction') as JsonMember, t('identity.vNotActionAllow'));
    if (allow && member(s, 'NotResource')) this.say('warning', member(s, 'NotResource') as JsonMember, t('identity.vNotResourceAllow'));
  }

  sid(m: JsonMember | undefined, sids: Set<string>) {
    if (!m) return;
    if (m.value.kind !== 'string') return this.error(m.value, t('identity.vString'));
    if (this.c.kind !== 'bucket' && !/^[0-9A-Za-z]*$/.test(m.value.text)) this.error(m.value, t('identity.vBadSid'));
    if (m.value.text !== '' && sids.has(m.value.text)) this.error(m.value, t('identity.vSidTwice'));
    sids.add(m.value.text);
  }

  /** Either of two members with texts in it. Undefined: neither. */
  either(s: JsonNode, name: string, start: { from: number; to: number }, missing: string): { not: boolean; list: JsonNode[] } | undefined {
    const yes = member(s, name);
    const no = member(s, `Not${name}`);
    if (yes && no) this.error(no, t('identity.vBoth', { name, other: `Not${name}` }));
    const chosen = yes ?? no;
    if (!chosen) {
      this.error(start, missing);
      return undefined;
    }
    const list = listOf(chosen.value);
    if (list.length === 0) this.error(chosen.value, missing);
    const texts = list.filter((n) => n.kind === 'string');
    for (const n of list) if (n.kind !== 'string') this.error(n, t('identity.vString'));
    return { not: !yes, list: texts };
  }

  /** The known actions that a statement is about. */
  actions(s: JsonNode, start: { from: number; to: number }): Action[] {
    const found = this.either(s, 'Action', start, t('identity.vNoAction'));
    const { kind } = this.c;
    const among = kind === 'bucket' ? BUCKET_ACTIONS : ACTIONS;
    const known = new Set<Action>();
    for (const n of found?.list ?? []) {
      const meant = expand(n.text, among);
      meant.forEach((a) => known.add(a));
      if (!/^(\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?-]+)$/.test(n.text)) this.error(n, t('identity.vActionForm', { name: shown(n.text) }));
      else if (kind === 'trust') {
        if (n.text === '*' || !TRUST_ACTIONS.some((a) => matches(n.text, a))) this.error(n, t('identity.vTrustAction') + suggest(n.text, TRUST_ACTIONS));
      } else if (meant.length === 0) this.unknownAction(n, among);
    }
    return found?.not ? among.filter((a) => !known.has(a)) : [...known];
  }

  private unknownAction(n: JsonNode, among: readonly Action[]) {
    const names = among.map((a) => a.name);
    if (this.c.kind === 'bucket') return this.error(n, t('identity.vBucketAction', { name: shown(n.text) }) + suggest(n.text, names));
    this.say('warning', n, t('identity.vUnknownAction', { name: shown(n.text) }) + suggest(n.text, names));
  }

  principals(s: JsonNode, start: { from: number; to: number }, allow: boolean) {
    const yes = member(s, 'Principal');
    const no = member(s, 'NotPrincipal');
    const m = yes ?? no;
    if (!m) return this.error(start, t('identity.vNoPrincipal'));
    if (yes && no) this.error(no, t('identity.vBoth', { name: 'Principal', other: 'NotPrincipal' }));
    if (no && allow) this.error(no, t('identity.vNotPrincipalAllow'));
    const all = (at: JsonNode) => allow && this.c.kind === 'bucket' && !member(s, 'Condition') && this.say('warning', at, t('identity.vPublic'));
    if (m.value.kind === 'string') {
      if (m.value.text !== '*') this.error(m.value, t('identity.vPrincipalForm'));
      else if (this.c.kind === 'trust' && allow) this.say('warning', m.value, t('identity.vTrustAnyone'));
      else all(m.value);
      return;
    }
    if (m.value.kind !== 'object' || m.value.members.length === 0) return this.error(m.value, t('identity.vPrincipalForm'));
    for (const type of m.value.members) {
      if (!PRINCIPAL_TYPES.includes(type.name)) this.error(type, t('identity.vPrincipalType', { name: shown(type.name) }) + suggest(type.name, PRINCIPAL_TYPES));
      for (const n of listOf(type.value)) {
        if (n.kind !== 'string') this.error(n, t('identity.vString'));
        else if (type.name === 'AWS' && n.text === '*') all(n);
        else if (type.name === 'AWS') this.principal(n);
        else if (type.name === 'CanonicalUser' && !/^[0-9a-f]{64}$/.test(n.text)) this.error(n, t('identity.vCanonical'));
      }
    }
  }

  private principal(n: JsonNode) {
    const good = /^(\d{12}|(AIDA|AROA)[A-Z0-9]{17}|arn:aws:iam::\d{12}:(root|(user|role)\/.+)|arn:aws:sts::\d{12}:(assumed-role\/[^/]+\/[^/]+|federated-user\/[^/]+))$/;
    if (/^arn:aws:iam::\d{12}:group\//.test(n.text)) this.error(n, t('identity.vGroupPrincipal'));
    else if (/[*?]/.test(n.text)) this.error(n, t('identity.vPrincipalWildcard'));
    else if (/:(user|role)\/NAME$|::ACCOUNT:/.test(n.text)) this.error(n, t('identity.vPlaceholder', { text: n.text.endsWith('NAME') ? 'NAME' : 'ACCOUNT' }));
    else if (!good.test(n.text)) this.error(n, t('identity.vPrincipalArn', { name: shown(n.text) }));
  }

  /** Are buckets or objects meant? Empty: neither can be told. */
  resources(s: JsonNode, start: { from: number; to: number }, actions: Action[]): Set<string> {
    const levels = new Set<string>();
    if (this.c.kind === 'trust') return levels;
    const found = this.either(s, 'Resource', start, t('identity.vNoResource'));
    for (const n of found?.list ?? []) {
      if (n.text === '*') {
        if (this.c.kind === 'bucket') this.error(n, t('identity.vBucketResource', { arn: `arn:aws:s3:::${this.c.bucket ?? 'bucket'}` }));
        levels.add('b').add('o').add('*');
      } else if (!/^arn:[^:]*:[^:]*:[^:]*:[^:]*:./s.test(n.text)) this.error(n, t('identity.vResourceForm', { name: shown(n.text) }));
      else if (this.c.kind === 'bucket') this.bucketResource(n, levels);
      else if (/^arn:aws:s3:::\//.test(n.text)) this.say('warning', n, t('identity.vResourceForm', { name: shown(n.text) }));
      else levels.add(/^arn:[^:]*:s3:/.test(n.text) ? (n.text.includes('/') ? 'o' : n.text.endsWith('*') ? 'bo' : 'b') : '*');
    }
    if (levels.has('bo')) levels.add('b').add('o');
    if (found?.not) return new Set(['b', 'o', '*']);
    this.actionsWithoutResource(s, levels, actions);
    return levels;
  }

  private bucketResource(n: JsonNode, levels: Set<string>) {
    const bucket = this.c.bucket;
    const resource = n.text.split(':').slice(5).join(':');
    const slash = resource.indexOf('/');
    const name = slash < 0 ? resource : resource.slice(0, slash);
    const mine = bucket === undefined || matches(name, bucket) || (slash < 0 && name.includes('*') && matches(name, `${bucket}/x`));
    if (!/^arn:aws:s3:::/.test(n.text) || !mine) return this.error(n, t('identity.vOtherBucket', { arn: `arn:aws:s3:::${bucket ?? 'bucket'}` }));
    if (slash >= 0) levels.add('o');
    else levels.add('b');
    if (slash < 0 && name.endsWith('*')) levels.add('o');
  }

  /** Actions on buckets with objects only, and the other way round: the most common slip of all. */
  private actionsWithoutResource(s: JsonNode, levels: Set<string>, actions: Action[]) {
    const m = member(s, 'Action');
    if (!m || levels.size === 0 || actions.length === 0) return;
    for (const n of listOf(m.value)) {
      const meant = expand(n.text, this.c.kind === 'bucket' ? BUCKET_ACTIONS : ACTIONS);
      if (meant.length === 0 || meant.some((a) => levels.has(a.resource) || (a.resource === '*' ? levels.has('*') || a.service !== 's3' : a.service !== 's3' && levels.has('*')))) continue;
      const need = meant[0]?.resource;
      const text = need === 'o' ? t('identity.vNeedsObjects', { name: shown(n.text) }) : need === 'b' ? t('identity.vNeedsBucket', { name: shown(n.text) }) : t('identity.vNeedsAll', { name: shown(n.text) });
      this.say(this.c.kind === 'bucket' ? 'error' : 'warning', n, text);
    }
  }

  conditions(node: JsonNode | undefined, actions: Action[], levels: Set<string>) {
    if (!node) return;
    if (node.kind !== 'object') return this.error(node, t('identity.vConditionForm'));
    this.members(
      node,
      node.members.map((m) => m.name),
    );
    const groups = new Set(actions.filter((a) => this.c.kind !== 'bucket' || levels.size === 0 || levels.has(a.resource)).flatMap((a) => [...a.groups]));
    for (const m of node.members) {
      const operator = operatorOf(m.name);
      if (!operator) this.error(m, t('identity.vOperator', { name: shown(m.name) }) + suggest(m.name, Object.keys(OPERATORS)));
      if (m.value.kind !== 'object') {
        this.error(m.value, t('identity.vConditionForm'));
        continue;
      }
      for (const key of m.value.members) {
        this.key(key, groups);
        const values = listOf(key.value);
        if (values.length === 0) this.error(key.value, t('identity.vNoValues'));
        for (const v of values) {
          if (v.kind === 'object' || v.kind === 'array' || v.kind === 'null') this.error(v, t('identity.vString'));
          else if (operator && !fits(operator.type, v.text) && !v.text.includes('${')) this.error(v, t('identity.vValue', { value: shown(v.text), operator: operator.name, form: t(FORMS[operator.type] ?? 'identity.formText') }));
        }
      }
    }
  }

  private key(m: JsonMember, groups: Set<string>) {
    const key = keyOf(m.name);
    const bucket = this.c.kind === 'bucket';
    if (!m.name.includes(':') && this.c.kind !== 'trust') return this.error(m, t('identity.vKeyForm', { name: shown(m.name) }));
    if (!key || (bucket && key.group === '-')) {
      // Claims of an identity provider: accounts.example.com:aud.
      if (!bucket && /^[^:]*\.[^:]*:/.test(m.name)) return;
      return this.say(bucket ? 'error' : 'warning', m, t('identity.vKey', { name: shown(m.name) }) + suggest(m.name, KEY_NAMES()));
    }
    if (bucket && key.group !== '*' && key.group !== 's' && !groups.has(key.group)) this.error(m, t('identity.vKeyUnfit', { name: shown(m.name) }));
  }
}

const FORMS = {
  numeric: 'identity.formNumber',
  date: 'identity.formDate',
  bool: 'identity.formBool',
  null: 'identity.formBool',
  ip: 'identity.formIp',
  binary: 'identity.formBinary',
  string: 'identity.formText',
  arn: 'identity.formText',
} as const;

const KEY_NAMES = () => KEYS.map((k) => k.name);

/** Characters as IAM counts them: white space is free. */
export const sizeOf = (text: string, kind: PolicyKind) => (kind === 'bucket' ? new TextEncoder().encode(text).length : [...text.replace(/[ \t\r\n]/g, '')].length);

/** Everything that is wrong or odd, in the text's order. A text that is no JSON has one finding at most: what JSON.parse says. */
export function validate(text: string, c: PolicyContext): Finding[] {
  const whole = { from: 0, to: text.length };
  if (text.trim() === '') return [];
  const root = parseJson(text);
  if (!root) return [];
  const checker = new Checker(c);
  checker.document(root);
  const size = sizeOf(text, c.kind);
  if (size > SIZE_MAX[c.kind]) checker.error(whole, t('identity.vTooLong', { size, max: SIZE_MAX[c.kind] }));
  const strange = c.kind === 'bucket' ? -1 : text.search(/[^\t\r\n\u0020-\u00ff]/);
  if (strange >= 0) checker.error({ from: strange, to: strange + 1 }, t('identity.vCharacter'));
  return checker.found.sort((a, b) => a.from - b.from);
}

/** Why a text cannot be saved; null: it can. */
export function refusal(text: string, c: PolicyContext): string | null {
  if (text.trim() === '') return t('identity.vEmpty');
  if (!parseJson(text)) return t('identity.vJson');
  return validate(text, c).find((f) => f.severity === 'error')?.message ?? null;
}
