// SPDX-License-Identifier: Apache-2.0
/* What a policy says, in sentences. */
import { t } from '../strings';
import { ACTIONS, expand } from './actions';
import { operatorOf } from './keys';
import { readS3Resource, type Condition, type Document, type Statement } from './model';

const NAMED_MAX = 4;

/** "a", "a and b", "a, b and 3 more" — as the reader's language joins them. */
export function joined(list: readonly string[], type: 'conjunction' | 'disjunction' = 'conjunction', max = NAMED_MAX): string {
  const some = list.length > max ? [...list.slice(0, max - 1), t('identity.wMore', { count: list.length - max + 1 })] : list;
  return new Intl.ListFormat('en', { type, style: 'long' }).format(some);
}

export function actionsInWords(s: Pick<Statement, 'actions' | 'notAction'>): string {
  if (s.actions.length === 0) return t('identity.wNothing');
  const names = s.actions.map((a) => (a === '*' ? t('identity.wEverything') : /^[\w-]+:\*$/.test(a) ? t('identity.wService', { service: serviceName(a.split(':')[0] ?? '') }) : a));
  return s.notAction ? t('identity.wNotActions', { actions: joined(names) }) : joined(names);
}

const NAMES: Readonly<Record<string, string>> = { s3: 'S3', iam: 'IAM', sts: 'STS', admin: 'admin', pail: 'Pail', kms: 'KMS' };
export const serviceName = (id: string): string => (Object.hasOwn(NAMES, id) ? (NAMES[id] as string) : id);

export function resourceInWords(arn: string): string {
  if (arn === '*') return t('identity.wEverything');
  if (arn === 'arn:aws:s3:::*' || arn === 'arn:aws:s3:::*/*') return t(arn.endsWith('/*') ? 'identity.wAllObjects' : 'identity.wAllBuckets');
  const s3 = readS3Resource(arn);
  if (s3?.what === 'bucket') return t(s3.bucket.includes('*') ? 'identity.wBuckets' : 'identity.wBucket', { name: s3.bucket });
  if (s3) return s3.prefix ? t('identity.wBelow', { prefix: s3.prefix, name: s3.bucket }) : t('identity.wObjects', { name: s3.bucket });
  const iam = /^arn:aws:iam::[^:]*:(user|group|role|policy)\/(.+)$/s.exec(arn);
  return iam ? t(`identity.w_${iam[1] as 'user' | 'group' | 'role' | 'policy'}`, { name: iam[2] ?? '' }) : arn;
}

export function principalInWords(value: string): string {
  const account = /^(?:arn:aws:iam::)?(\d{12})(?::root)?$/.exec(value);
  if (account) return t('identity.wAccount', { id: account[1] ?? '' });
  const provider = /^arn:aws:iam::\d{12}:oidc-provider\/(.+)$/s.exec(value);
  if (provider) return t('identity.wProvider', { name: provider[1] ?? '' });
  return resourceInWords(value);
}

type Relation = 'identity.wIs' | 'identity.wIsNot' | 'identity.wLike' | 'identity.wNotLike' | 'identity.wLess' | 'identity.wAtMost' | 'identity.wMoreThan' | 'identity.wAtLeast' | 'identity.wIn' | 'identity.wNotIn';
const RELATIONS: Readonly<Record<string, Relation>> = {
  StringLike: 'identity.wLike',
  ArnLike: 'identity.wLike',
  ArnEquals: 'identity.wLike',
  StringNotLike: 'identity.wNotLike',
  ArnNotLike: 'identity.wNotLike',
  ArnNotEquals: 'identity.wNotLike',
  StringNotEquals: 'identity.wIsNot',
  StringNotEqualsIgnoreCase: 'identity.wIsNot',
  NumericNotEquals: 'identity.wIsNot',
  DateNotEquals: 'identity.wIsNot',
  NumericLessThan: 'identity.wLess',
  DateLessThan: 'identity.wLess',
  NumericLessThanEquals: 'identity.wAtMost',
  DateLessThanEquals: 'identity.wAtMost',
  NumericGreaterThan: 'identity.wMoreThan',
  DateGreaterThan: 'identity.wMoreThan',
  NumericGreaterThanEquals: 'identity.wAtLeast',
  DateGreaterThanEquals: 'identity.wAtLeast',
  IpAddress: 'identity.wIn',
  NotIpAddress: 'identity.wNotIn',
};

export function conditionInWords(c: Condition): string {
  const operator = operatorOf(c.operator);
  const values = joined(c.values, 'disjunction');
  if (!operator) return `${c.operator} ${c.key} ${values}`;
  if (operator.type === 'null') return t(c.values[0] === 'true' ? 'identity.wAbsent' : 'identity.wPresent', { key: c.key });
  const text = t(RELATIONS[operator.name] ?? 'identity.wIs', { key: c.key, values });
  const whole = operator.quantifier === 'ForAllValues' ? t('identity.wAllValues', { text }) : operator.quantifier === 'ForAnyValue' ? t('identity.wAnyValue', { text }) : text;
  return operator.ifExists ? t('identity.wIfExists', { text: whole }) : whole;
}

/** One sentence: who may (not) do what, on what, and when. */
export function sentence(s: Statement): string {
  const resources = s.resources.map(resourceInWords);
  const who = s.principals.length === 0 ? '' : s.principals.some((p) => p.value === '*') ? t('identity.wAnyone') : joined(s.principals.map((p) => principalInWords(p.value)));
  const what = { actions: actionsInWords(s) };
  const head = who
    ? t(s.effect === 'Allow' ? (s.notPrincipal ? 'identity.wAllowAllBut' : 'identity.wAllowWho') : s.notPrincipal ? 'identity.wDenyAllBut' : 'identity.wDenyWho', { ...what, who })
    : t(s.effect === 'Allow' ? 'identity.wAllow' : 'identity.wDeny', what);
  const on = resources.length === 0 ? '' : ` ${t(s.notResource ? 'identity.wOnAllBut' : 'identity.wOn', { resources: joined(resources) })}`;
  const when = s.conditions.length === 0 ? '' : ` ${t('identity.wWhen', { conditions: joined(s.conditions.map(conditionInWords), 'conjunction', 8) })}`;
  return `${head}${on}${when}.`;
}

export const sentences = (d: Document): string[] => d.statements.map(sentence);

/** How many of a service's actions the patterns stand for. */
export const countActions = (patterns: readonly string[]): number => new Set(patterns.flatMap((p) => expand(p, ACTIONS)).map((a) => a.name)).size;
