// SPDX-License-Identifier: Apache-2.0
/* Bucket policies: ready-made ones, and whom a policy names. What may stand in one and what is wrong with it is in src/policy. No React here. */
import { t } from '../../strings';

const VERSION = '2012-10-17';

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
