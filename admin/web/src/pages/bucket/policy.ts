// SPDX-License-Identifier: Apache-2.0
/* Bucket policies: what may stand at a place, what is wrong and why, ready-made ones, and whom a policy names. No React here. */
import { t } from '../../strings';
import type { Completion, Diagnostic } from '../../ui';
import { placeAt, readTree, type Member, type Node } from './jsonTree';
import { BUCKET_ACTIONS, CONDITION_KEYS, OBJECT_ACTIONS, OPERATORS } from './vocabulary';

const ALL_ACTIONS = [...BUCKET_ACTIONS, ...OBJECT_ACTIONS];
const STATEMENT_KEYS = ['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];
const TOP_KEYS = ['Version', 'Id', 'Statement'];
const PRINCIPAL_TYPES = ['AWS', 'Federated', 'Service', 'CanonicalUser'];
const VERSION = '2012-10-17';
const VERSIONS = [VERSION, '2008-10-17'];
const SIZE_MAX = 20 * 1024;
const PRINCIPAL_EXAMPLE = '{"AWS": "arn:aws:iam::123456789012:user/anna"}';
const CONDITION_EXAMPLE = '{"StringEquals": {"aws:username": "anna"}}';
const MODIFIERS = ['', 'ForAllValues:', 'ForAnyValue:'];

/* ---- completion ---- */

const plain = (labels: readonly string[], detail?: (label: string) => string | undefined): Completion[] =>
  labels.map((label) => {
    const text = detail?.(label);
    return text ? { label, detail: text } : { label };
  });

const actionDetail = (label: string): string => t(OBJECT_ACTIONS.includes(label.slice(3)) ? 'bucket.aboutObjects' : 'bucket.aboutBucket');

function words(text: string, at: number, bucket: string): { list: Completion[]; isKey: boolean } {
  const place = placeAt(text, at);
  const path = place.path.join('.');
  const isKey = place.expects === 'key';
  const fresh = (keys: readonly string[]) => plain(keys.filter((k) => !place.siblings.includes(k)));
  if (isKey) {
    if (path === '') return { list: fresh(TOP_KEYS), isKey };
    if (path === 'Statement') return { list: fresh(STATEMENT_KEYS), isKey };
    if (/^Statement\.(Not)?Principal$/.test(path)) return { list: fresh(PRINCIPAL_TYPES), isKey };
    if (path === 'Statement.Condition') return { list: plain(OPERATORS), isKey };
    if (/^Statement\.Condition\.[^.]+$/.test(path)) return { list: plain([...CONDITION_KEYS.keys()], (k) => CONDITION_KEYS.get(k)?.toLowerCase()), isKey };
    return { list: [], isKey };
  }
  const arn = `arn:aws:s3:::${bucket}`;
  if (path === 'Version') return { list: plain([VERSION]), isKey };
  if (path === 'Statement.Effect') return { list: plain(['Allow', 'Deny']), isKey };
  if (/^Statement\.(Not)?Action$/.test(path)) return { list: plain(['s3:*', ...ALL_ACTIONS.map((a) => `s3:${a}`)], (l) => (l === 's3:*' ? undefined : actionDetail(l))), isKey };
  if (/^Statement\.(Not)?Resource$/.test(path)) return { list: [{ label: arn, detail: t('bucket.aboutBucket') }, { label: `${arn}/*`, detail: t('bucket.aboutObjects') }], isKey };
  if (/^Statement\.(Not)?Principal$/.test(path)) return { list: [{ label: '*', detail: t('bucket.everyone') }], isKey };
  if (/^Statement\.(Not)?Principal\.AWS$/.test(path)) return { list: [{ label: '*', detail: t('bucket.everyone') }, { label: 'arn:aws:iam::ACCOUNT:user/NAME' }, { label: 'arn:aws:iam::ACCOUNT:role/NAME' }, { label: 'arn:aws:iam::ACCOUNT:root' }], isKey };
  if (/^Statement\.Condition\.(\w+:)?(Bool|Null)[^.]*\./.test(path)) return { list: plain(['true', 'false']), isKey };
  return { list: [], isKey };
}

/** What may stand at a place; outside of quotes it comes with them. */
export function completePolicy(text: string, at: number, bucket: string): Completion[] {
  const { list, isKey } = words(text, at, bucket);
  if (placeAt(text, at).inString) return list;
  return list.map((c) => ({ ...c, apply: isKey ? `"${c.label}": ` : `"${c.label}"` }));
}

/* ---- validation ---- */

/** "*" and "?", without regard to case. No regular expression: somebody else's pattern could keep one busy for hours. */
export function wild(pattern: string, text: string): boolean {
  const p = pattern.toLowerCase();
  const s = text.toLowerCase();
  let [at, i] = [0, 0];
  let [star, mark] = [-1, 0];
  while (i < s.length) {
    if (p[at] === '*') {
      star = at++;
      mark = i;
    } else if (at < p.length && (p[at] === '?' || p[at] === s[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++mark;
    } else return false;
  }
  while (p[at] === '*') at++;
  return at === p.length;
}

type Text = Extract<Node, { type: 'string' }>;
const typesOf = (pattern: string): { bucket: boolean; object: boolean } => ({
  bucket: BUCKET_ACTIONS.some((a) => wild(pattern, `s3:${a}`)),
  object: OBJECT_ACTIONS.some((a) => wild(pattern, `s3:${a}`)),
});

class Checker {
  found: Diagnostic[] = [];
  constructor(readonly bucket: string) {}

  say(node: { from: number; to: number }, message: string, severity: Diagnostic['severity'] = 'error') {
    this.found.push({ from: node.from, to: node.to, severity, message });
  }

  /** A text, or a list of texts. */
  texts(node: Node, name: string): Text[] {
    if (node.type === 'string') return [node];
    if (node.type !== 'array') {
      this.say(node, t('bucket.pWantsTexts', { name }));
      return [];
    }
    if (node.items.length === 0) this.say(node, t('bucket.pEmptyList', { name }));
    return node.items.flatMap((item) => {
      if (item.type === 'string') return [item];
      this.say(item, t('bucket.pWantsTexts', { name }));
      return [];
    });
  }

  members(node: Extract<Node, { type: 'object' }>, allowed: readonly string[]): Map<string, Member> {
    const map = new Map<string, Member>();
    for (const m of node.members) {
      if (map.has(m.key)) this.say(m, t('bucket.pTwice', { name: m.key }));
      else if (!allowed.includes(m.key)) {
        const near = allowed.find((a) => a.toLowerCase() === m.key.toLowerCase());
        this.say(m, near ? t('bucket.pSpelling', { name: m.key, right: near }) : t('bucket.pUnknownField', { name: m.key, allowed: allowed.join(', ') }));
      }
      map.set(m.key, m);
    }
    return map;
  }

  document(root: Node) {
    if (root.type !== 'object') return this.say(root, t('bucket.pNotObject'));
    const top = this.members(root, TOP_KEYS);
    const version = top.get('Version')?.value;
    const at = { from: root.from, to: root.from + 1 };
    if (!version) this.say(at, t('bucket.pNoVersion', { version: VERSION }), 'warning');
    else if (version.type !== 'string' || !VERSIONS.includes(version.value)) this.say(version, t('bucket.pVersion', { version: VERSION }));
    const list = top.get('Statement')?.value;
    if (!list) return this.say(at, t('bucket.pNoStatement'));
    const statements = list.type === 'array' ? list.items : [list];
    if (statements.length === 0) this.say(list, t('bucket.pNoStatement'));
    const sids = new Set<string>();
    for (const s of statements) {
      if (s.type !== 'object') {
        this.say(s, t('bucket.pStatementObject'));
        continue;
      }
      this.statement(s, sids);
    }
  }

  statement(node: Extract<Node, { type: 'object' }>, sids: Set<string>) {
    const parts = this.members(node, STATEMENT_KEYS);
    const head = { from: node.from, to: node.from + 1 };
    const sid = parts.get('Sid')?.value;
    if (sid && (sid.type !== 'string' || !/^[A-Za-z0-9]*$/.test(sid.value))) this.say(sid, t('bucket.pSid'));
    else if (sid?.type === 'string' && sid.value) {
      if (sids.has(sid.value)) this.say(sid, t('bucket.pSidTwice', { sid: sid.value }));
      sids.add(sid.value);
    }
    const effect = parts.get('Effect')?.value;
    if (!effect) this.say(head, t('bucket.pMissing', { name: 'Effect' }));
    else if (effect.type !== 'string' || (effect.value !== 'Allow' && effect.value !== 'Deny')) this.say(effect, t('bucket.pEffect'));
    const allows = effect?.type === 'string' && effect.value === 'Allow';
    this.either(parts, 'Principal', head);
    this.either(parts, 'Action', head);
    this.either(parts, 'Resource', head);
    if (allows && parts.get('NotPrincipal')) this.say(parts.get('NotPrincipal') as Member, t('bucket.pNotPrincipalAllow'));
    const principal = parts.get('Principal') ?? parts.get('NotPrincipal');
    if (principal) this.principal(principal.value, allows && !parts.has('Condition'));
    const actions = this.actions(parts.get('Action') ?? parts.get('NotAction'));
    const resources = this.resources(parts.get('Resource') ?? parts.get('NotResource'));
    if (parts.has('Action') && parts.has('Resource')) this.fit(actions, resources);
    const condition = parts.get('Condition')?.value;
    if (condition) this.condition(condition);
  }

  either(parts: Map<string, Member>, name: string, head: { from: number; to: number }) {
    const no = `Not${name}`;
    if (parts.has(name) && parts.has(no)) this.say(parts.get(no) as Member, t('bucket.pBoth', { name, other: no }));
    else if (!parts.has(name) && !parts.has(no)) this.say(head, t('bucket.pMissing', { name }));
  }

  principal(node: Node, opens: boolean) {
    if (node.type === 'string') {
      if (node.value !== '*') this.say(node, t('bucket.pPrincipalText', { example: PRINCIPAL_EXAMPLE }));
      else if (opens) this.say(node, t('bucket.pOpen'), 'warning');
      return;
    }
    if (node.type !== 'object' || node.members.length === 0) return this.say(node, t('bucket.pPrincipalText', { example: PRINCIPAL_EXAMPLE }));
    for (const m of this.members(node, PRINCIPAL_TYPES).values()) {
      for (const text of this.texts(m.value, m.key)) {
        if (m.key !== 'AWS') continue;
        if (text.value === '*') {
          if (opens) this.say(text, t('bucket.pOpen'), 'warning');
        } else if (/\/NAME$|:ACCOUNT:/.test(text.value)) {
          this.say(text, t('bucket.pPrincipalName', { text: /\/NAME$/.test(text.value) ? 'NAME' : 'ACCOUNT' }));
        } else if (!/^\d{12}$/.test(text.value) && !/^arn:aws:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)\/.+)$/.test(text.value) && !/^AIDA|^AROA/.test(text.value)) {
          this.say(text, t('bucket.pPrincipalArn', { text: text.value }));
        }
      }
    }
  }

  actions(member: Member | undefined): Text[] {
    const list = member ? this.texts(member.value, member.key) : [];
    for (const a of list) {
      if (a.value === '*') continue;
      if (!a.value.toLowerCase().startsWith('s3:')) this.say(a, t('bucket.pActionPrefix', { text: a.value }));
      else if (!ALL_ACTIONS.some((known) => wild(a.value, `s3:${known}`))) {
        const near = nearest(a.value.slice(3), ALL_ACTIONS);
        this.say(a, near ? t('bucket.pActionNear', { text: a.value, near: `s3:${near}` }) : t('bucket.pActionUnknown', { text: a.value }));
      }
    }
    return list;
  }

  resources(member: Member | undefined): Text[] {
    const list = member ? this.texts(member.value, member.key) : [];
    for (const r of list) {
      if (r.value === '*') continue;
      const arn = /^arn:[^:]*:s3:::([^/]*)(\/.*)?$/s.exec(r.value);
      if (!arn) this.say(r, t('bucket.pResourceArn', { bucket: this.bucket }));
      else if (!wild(arn[1] as string, this.bucket)) this.say(r, t('bucket.pResourceOther', { bucket: this.bucket }));
    }
    return list;
  }

  /** Actions about objects need a resource of objects, those about the bucket the bucket's. */
  fit(actions: readonly Text[], resources: readonly Text[]) {
    if (resources.some((r) => r.value === '*') || resources.length === 0) return;
    const arns = resources.map((r) => r.value);
    const ofObjects = arns.some((r) => r.includes('/') || /^arn:[^:]*:s3:::.*\*/.test(r));
    const ofBucket = arns.some((r) => !r.includes('/') || /^arn:[^:]*:s3:::[^/]*\*\//.test(r));
    for (const a of actions) {
      const kinds = a.value === '*' ? { bucket: true, object: true } : typesOf(a.value);
      if (kinds.object && !kinds.bucket && !ofObjects) this.say(a, t('bucket.pNeedsObjects', { action: a.value, bucket: this.bucket }));
      if (kinds.bucket && !kinds.object && !ofBucket) this.say(a, t('bucket.pNeedsBucket', { action: a.value, bucket: this.bucket }));
    }
  }

  condition(node: Node) {
    if (node.type !== 'object') return this.say(node, t('bucket.pCondition', { example: CONDITION_EXAMPLE }));
    for (const operator of node.members) {
      const bare = MODIFIERS.reduce((name, m) => (m && name.startsWith(m) ? name.slice(m.length) : name), operator.key).replace(/IfExists$/, '');
      if (!OPERATORS.includes(bare)) {
        const near = nearest(bare, OPERATORS);
        this.say(operator, near ? t('bucket.pOperatorNear', { name: operator.key, near }) : t('bucket.pOperator', { name: operator.key }));
      }
      if (operator.value.type !== 'object') {
        this.say(operator.value, t('bucket.pConditionKeys'));
        continue;
      }
      for (const key of operator.value.members) {
        if (!knownKey(key.key)) {
          const near = nearest(key.key, [...CONDITION_KEYS.keys()]);
          this.say(key, near ? t('bucket.pKeyNear', { name: key.key, near }) : t('bucket.pKey', { name: key.key }));
        }
        const values = key.value.type === 'array' ? key.value.items : [key.value];
        if (values.some((v) => v.type === 'object' || v.type === 'array')) this.say(key.value, t('bucket.pWantsTexts', { name: key.key }));
        if (/^(Not)?IpAddress$/.test(bare)) for (const v of values) if (v.type === 'string' && !isAddress(v.value)) this.say(v, t('bucket.pAddress', { text: v.value }));
      }
    }
  }
}

function knownKey(key: string): boolean {
  const lower = key.toLowerCase();
  for (const known of CONDITION_KEYS.keys()) {
    const k = known.toLowerCase();
    if (k === lower || (k.endsWith('/') && lower.startsWith(k) && lower.length > k.length)) return true;
  }
  return lower.startsWith('s3:existingobjecttag/') || lower.startsWith('s3:requestobjecttag/') || lower.startsWith('jwt:') || lower.startsWith('svc:');
}

function isAddress(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  if (more !== undefined || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return false;
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address)) return address.split('.').every((n) => Number(n) <= 255) && Number(bits ?? 0) <= 32;
  return /^[0-9a-f:.]+$/i.test(address) && address.includes(':') && Number(bits ?? 0) <= 128;
}

/** How many letters have to change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let k = 1; k <= b.length; k++) next.push(Math.min((row[k] ?? 0) + 1, (next[k - 1] ?? 0) + 1, (row[k - 1] ?? 0) + (a[i - 1] === b[k - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}

const NEAR_MAX = 3;
const NAME_MAX = 100;

function nearest(text: string, known: readonly string[]): string | undefined {
  if (text.length > NAME_MAX || text.includes('*')) return undefined;
  let best: string | undefined;
  let least = NEAR_MAX + 1;
  for (const k of known) {
    const d = distance(text.toLowerCase(), k.toLowerCase());
    if (d < least) [best, least] = [k, d];
  }
  return best;
}

/** What is wrong beyond the syntax of JSON, in the order of the text. */
export function lintPolicy(text: string, bucket: string): Diagnostic[] {
  const root = readTree(text);
  if (!root) return [];
  const checker = new Checker(bucket);
  checker.document(root);
  const size = new TextEncoder().encode(JSON.stringify(JSON.parse(text))).length;
  if (size > SIZE_MAX) checker.say({ from: 0, to: 1 }, t('bucket.pSize', { bytes: size, most: SIZE_MAX }));
  return checker.found.sort((a, b) => a.from - b.from);
}

/** The line (from 1) of a place. */
export const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/* ---- ready-made ones ---- */

export interface Template {
  id: string;
  label: string;
  statement: (bucket: string, account: string) => Record<string, unknown>[];
}

const arn = (bucket: string) => `arn:aws:s3:::${bucket}`;

export const templates = (): Template[] => [
  {
    id: 'public',
    label: t('bucket.tPublic'),
    statement: (b) => [{ Sid: 'PublicRead', Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `${arn(b)}/*` }],
  },
  {
    id: 'folder',
    label: t('bucket.tPublicFolder'),
    statement: (b) => [{ Sid: 'PublicFolder', Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `${arn(b)}/public/*` }],
  },
  {
    id: 'read',
    label: t('bucket.tRead'),
    statement: (b, a) => [
      { Sid: 'ListIt', Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${a}:user/NAME` }, Action: ['s3:ListBucket', 's3:GetBucketLocation'], Resource: arn(b) },
      { Sid: 'ReadIt', Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${a}:user/NAME` }, Action: 's3:GetObject', Resource: `${arn(b)}/*` },
    ],
  },
  {
    id: 'write',
    label: t('bucket.tWrite'),
    statement: (b, a) => [
      { Sid: 'ListAll', Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${a}:user/NAME` }, Action: ['s3:ListBucket', 's3:GetBucketLocation', 's3:ListBucketMultipartUploads'], Resource: arn(b) },
      {
        Sid: 'ReadWrite',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${a}:user/NAME` },
        Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
        Resource: `${arn(b)}/*`,
      },
    ],
  },
  {
    id: 'tls',
    label: t('bucket.tTls'),
    statement: (b) => [{ Sid: 'OnlyTls', Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: [arn(b), `${arn(b)}/*`], Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
  },
  {
    id: 'address',
    label: t('bucket.tAddress'),
    statement: (b) => [
      { Sid: 'OnlyFromHere', Effect: 'Deny', Principal: '*', Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], Resource: `${arn(b)}/*`, Condition: { NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } },
    ],
  },
  {
    id: 'encrypted',
    label: t('bucket.tEncrypted'),
    statement: (b) => [
      { Sid: 'OnlyKms', Effect: 'Deny', Principal: '*', Action: 's3:PutObject', Resource: `${arn(b)}/*`, Condition: { StringNotEqualsIfExists: { 's3:x-amz-server-side-encryption': 'aws:kms' } } },
    ],
  },
];

/** The policy with more statements; one that can't be read is replaced. */
export function addStatements(text: string, more: Record<string, unknown>[]): string {
  let old: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) old = parsed as Record<string, unknown>;
  } catch {
    // Begins anew.
  }
  const list = Array.isArray(old.Statement) ? (old.Statement as unknown[]) : old.Statement ? [old.Statement] : [];
  const sids = new Set(list.map((s) => (s as { Sid?: unknown } | null)?.Sid));
  const fresh = more.map((s) => {
    let sid = String(s.Sid);
    for (let i = 2; sids.has(sid); i++) sid = `${String(s.Sid)}${i}`;
    return { ...s, Sid: sid };
  });
  return JSON.stringify({ Version: VERSION, ...old, Statement: [...list, ...fresh] }, null, 2);
}

/* ---- whom it names ---- */

export interface Named {
  /** An ARN, an account, "*"… */
  principal: string;
  allow: boolean;
  actions: string[];
  conditional: boolean;
}

const asList = (v: unknown): string[] => (Array.isArray(v) ? v : v === undefined ? [] : [v]).filter((x): x is string => typeof x === 'string');

/** Principals of the statements, in their order; statements of one principal with the same effect are put together. */
export function namedPrincipals(text: string): Named[] {
  let parsed: { Statement?: unknown };
  try {
    parsed = (JSON.parse(text) ?? {}) as { Statement?: unknown };
  } catch {
    return [];
  }
  const statements = (Array.isArray(parsed.Statement) ? parsed.Statement : [parsed.Statement]) as Array<Record<string, unknown> | undefined>;
  const found = new Map<string, Named>();
  for (const s of statements) {
    if (typeof s !== 'object' || s === null) continue;
    const not = s.NotPrincipal !== undefined;
    const p = not ? s.NotPrincipal : s.Principal;
    const names = typeof p === 'object' && p !== null ? Object.values(p).flatMap(asList) : asList(p);
    const actions = s.NotAction === undefined ? asList(s.Action) : asList(s.NotAction).map((a) => t('bucket.allBut', { what: a }));
    for (const name of names) {
      const principal = not ? t('bucket.allBut', { what: name }) : name;
      const key = `${String(s.Effect)}\0${principal}`;
      const old = found.get(key);
      if (old) {
        old.actions = [...new Set([...old.actions, ...actions])];
        old.conditional &&= s.Condition !== undefined;
      } else found.set(key, { principal, allow: s.Effect === 'Allow', actions, conditional: s.Condition !== undefined });
    }
  }
  return [...found.values()];
}
