// SPDX-License-Identifier: Apache-2.0
import { render, screen } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import { lifecycleDocument, readLifecycle, type LifecycleRule } from '../../api/s3';
import { parseXml } from '../../api/xml';
import { hostile } from '../../test/hostile';
import { corsInWords, corsProblem, emptyCors, fromLines } from './corsRules';
import { actionsInWords, emptyRule, freeId, prettyXml, ruleInWords, ruleProblems, scopeInWords, toJson } from './lifecycle';
import { RuleRow } from './Lifecycle';
import { complete, matches, parseJson, cursorIn, validate } from '../../policy';
import { addStatements, lineOf, namedPrincipals, templates } from './policy';
import { fromPairs, tagProblem, toPairs } from './Small';

const rule = (part: Partial<LifecycleRule>): LifecycleRule => ({ ...emptyRule('r'), ...part });

describe('rules in words', () => {
  it('says what a rule is about', () => {
    expect(scopeInWords(rule({}))).toBe('All objects');
    expect(scopeInWords(rule({ prefix: 'logs/' }))).toBe('Objects that have names beginning with “logs/”');
    expect(scopeInWords(rule({ prefix: 'a', tags: { k: 'v' }, sizeGreaterThan: 1024, sizeLessThan: 2048 }))).toBe(
      'Objects that have names beginning with “a” and have the tag k = v and are larger than 1 KiB and are smaller than 2 KiB',
    );
  });
  it('says what it does, by whether versions are kept', () => {
    expect(actionsInWords(rule({ expireDays: 1 }), false)).toEqual(['They are deleted permanently 1 day after they were written.']);
    expect(actionsInWords(rule({ expireDays: 30 }), true)[0]).toContain('stays as an older version');
    expect(actionsInWords(rule({ noncurrentDays: 30, noncurrentKeep: 3 }), true)[0]).toContain('except the newest 3');
    expect(actionsInWords(rule({ expireDate: '2027-01-01T00:00:00Z' }), false)[0]).toContain('2027');
    expect(actionsInWords(rule({ transitions: [{ days: 0, storageClass: 'GLACIER' }] }), false)[0]).toContain('as soon as');
    expect(actionsInWords(rule({ transitions: [{ days: 90, storageClass: 'GLACIER' }], abortUploadsDays: 7, expireDeleteMarkers: true }), true)).toHaveLength(3);
    expect(actionsInWords(rule({}), true)).toEqual([]);
  });
  it.each(hostile.map((h) => [h]))('keeps %j as it is', (name) => {
    const words = ruleInWords(rule({ prefix: name, tags: { [name]: name }, expireDays: 1 }), true);
    expect(words).toContain(`“${name}”`);
    expect(words).toContain(`${name} = ${name}`);
  });
  it.each(hostile.map((h) => [h]))('shows %j as text', (name) => {
    const { container } = render(<RuleRow rule={rule({ id: name, prefix: name, expireDays: 3 })} n={1} versioned may={false} onEdit={vi.fn()} onRemove={vi.fn()} />);
    expect(container.querySelector('img,script,svg[onload]')).toBeNull();
    expect(screen.getByRole('heading', { level: 3 }).textContent).toBe(name);
  });
});

describe('what is wrong with a rule', () => {
  const problems = (part: Partial<LifecycleRule>, others: LifecycleRule[] = []) => ruleProblems(rule(part), others);
  it.each<[string, Partial<LifecycleRule>, RegExp | null]>([
    ['nothing chosen', {}, /does nothing/],
    ['good', { expireDays: 30 }, null],
    ['zero days', { expireDays: 0 }, /at least 1/],
    ['sizes', { expireDays: 1, sizeGreaterThan: 10, sizeLessThan: 10 }, /larger than the first/],
    ['abort with tags', { abortUploadsDays: 7, tags: { a: 'b' } }, /Uploads have neither/],
    ['markers with size', { expireDeleteMarkers: true, sizeGreaterThan: 1 }, /Delete markers have/],
    ['markers and age', { expireDeleteMarkers: true, expireDays: 2 }, /cannot be combined/],
    ['mixed', { expireDate: '2030-01-01T00:00:00Z', transitions: [{ days: 30, storageClass: 'GLACIER' }] }, /all use days/],
    ['early', { transitions: [{ days: 7, storageClass: 'STANDARD_IA' }] }, /30 days at the earliest/],
    ['twice', { transitions: [{ days: 30, storageClass: 'GLACIER' }, { days: 40, storageClass: 'GLACIER' }] }, /one move only/],
    ['expires first', { expireDays: 30, transitions: [{ days: 30, storageClass: 'GLACIER' }] }, /after the last move/],
    ['too many kept', { noncurrentDays: 3, noncurrentKeep: 101 }, /1 to 100/],
    ['long name', { id: 'é'.repeat(256), expireDays: 1 }, /255/],
  ])('%s', (_, part, wrong) => {
    const found = problems(part);
    if (wrong) expect(found.join('\n')).toMatch(wrong);
    else expect(found).toEqual([]);
  });
  it('knows names that are taken', () => {
    expect(problems({ expireDays: 1 }, [rule({})]).join()).toMatch(/has this name/);
    expect(freeId([rule({ id: 'rule-1' }), rule({ id: 'rule-3' })])).toBe('rule-2');
  });
});

describe('documents of lifecycle', () => {
  const full = rule({ prefix: 'a/', tags: { t: 'v' }, expireDays: 100, transitions: [{ days: 30, storageClass: 'GLACIER' }], noncurrentDays: 9, noncurrentKeep: 2 });
  it('XML survives being made pretty', () => {
    const text = prettyXml(lifecycleDocument([full]));
    expect(text.split('\n').length).toBeGreaterThan(10);
    expect(readLifecycle(parseXml(text))).toEqual(readLifecycle(parseXml(lifecycleDocument([full]))));
    expect(text).toContain('      <Days>100</Days>');
  });
  it('JSON is what command line tools take', () => {
    const json = JSON.parse(toJson([full, rule({ id: 'x', tags: { k: 'v' }, abortUploadsDays: 1 })])) as { Rules: Array<Record<string, unknown>> };
    expect(json.Rules[0]?.Filter).toEqual({ And: { Prefix: 'a/', Tags: [{ Key: 't', Value: 'v' }] } });
    expect(json.Rules[0]?.Expiration).toEqual({ Days: 100 });
    expect(json.Rules[1]?.Filter).toEqual({ Tag: { Key: 'k', Value: 'v' } });
  });
});

const completePolicy = (text: string, at: number, bucket: string) => complete(text, at, { kind: 'bucket', bucket });
const lintPolicy = (text: string, bucket: string) => validate(text, { kind: 'bucket', bucket });

describe('places in JSON', () => {
  it('reads with places, or not at all', () => {
    expect(parseJson('{"a": [1, "x", {"b": null}]}')?.kind).toBe('object');
    expect(parseJson('{"a": }')).toBeUndefined();
    expect(parseJson('[1,]')).toBeUndefined();
    expect(parseJson(`${'['.repeat(500)}${']'.repeat(500)}`)).toBeUndefined();
  });
  it('knows where the cursor is, though the rest is missing', () => {
    expect(cursorIn('{"Statement": [{"Eff', 20)).toMatchObject({ path: ['Statement'], place: 'key', inString: true });
    expect(cursorIn('{"Statement": [{"Effect": "', 27)).toMatchObject({ path: ['Statement', 'Effect'], place: 'value', inString: true });
    expect(cursorIn('{"Statement": [{"Sid": "x", ', 28)).toMatchObject({ path: ['Statement'], place: 'key', siblings: ['Sid'] });
    expect(cursorIn('{"A{": ["}', 10)).toMatchObject({ path: ['A{'] });
  });
});

const labels = (text: string) => completePolicy(text, text.length, 'b').map((c) => c.label);

describe('completion', () => {
  it('offers what may stand there', () => {
    expect(labels('{"')).toEqual(['Version', 'Id', 'Statement']);
    expect(labels('{"Statement":[{"Effect":"Allow","')).not.toContain('Effect');
    expect(labels('{"Statement":[{"Effect":"')).toEqual(['Allow', 'Deny']);
    expect(labels('{"Statement":[{"Action":["s3:')).toContain('s3:GetObject');
    expect(labels('{"Statement":[{"Resource":"')).toEqual(['arn:aws:s3:::b', 'arn:aws:s3:::b/*']);
    expect(labels('{"Statement":[{"Principal":{"')).toContain('AWS');
    expect(labels('{"Statement":[{"Condition":{"')).toContain('StringEquals');
    expect(labels('{"Statement":[{"Condition":{"StringLike":{"')).toContain('aws:SourceIp');
    expect(labels('{"Statement":[{"Condition":{"Bool":{"aws:SecureTransport":"')).toEqual(['true', 'false']);
  });
  it('brings quotes where there are none', () => {
    expect(completePolicy('{', 1, 'b')[0]?.apply).toBe('"Version": ');
    expect(completePolicy('{"Version": ', 12, 'b')[0]?.apply).toBe('"2012-10-17"');
  });
});

const policy = (statement: object, more: object = {}) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'S', Effect: 'Allow', Principal: { AWS: '123456789012' }, Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*', ...statement }], ...more });
const errors = (text: string) => lintPolicy(text, 'b').filter((d) => d.severity === 'error').map((d) => d.message).join('\n');

describe('validation of policies', () => {
  it('finds nothing wrong with good ones', () => {
    expect(lintPolicy(policy({}), 'b')).toEqual([]);
    for (const x of templates()) {
      const text = addStatements('', x.statement('b', '123456789012'));
      expect(errors(text).replace(/^Put a real name.*$/gm, '').trim(), x.id).toBe('');
    }
    expect(errors(policy({ Action: 's3:*', Resource: ['arn:aws:s3:::b', 'arn:aws:s3:::b/*'] }))).toBe('');
    expect(errors(policy({ Condition: { 'ForAnyValue:StringLikeIfExists': { 'aws:PrincipalTag/team': ['a', 'b'] }, IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '2001:db8::/32'] } } }))).toBe('');
  });
  it.each<[string, object, RegExp]>([
    ['effect', { Effect: 'allow' }, /Allow or Deny/],
    ['action of nothing', { Action: 's3:GetObjects' }, /mean s3:GetObject/],
    ['action without service', { Action: 'GetObject' }, /is not an action/],
    ['unknown', { Action: 's3:Frobnicate' }, /has no action/],
    ['resource', { Resource: 'b/*' }, /arn:aws:s3:::b/],
    ['another bucket', { Resource: 'arn:aws:s3:::c/*' }, /about its own bucket/],
    ['objects need a key', { Resource: 'arn:aws:s3:::b' }, /acts on objects/],
    ['buckets need none', { Action: 's3:ListBucket' }, /acts on buckets/],
    ['principal', { Principal: 'anna' }, /Principal is/],
    ['principal ARN', { Principal: { AWS: 'arn:aws:iam::1:user/x' } }, /not a user, role or account/],
    ['both', { NotAction: 's3:PutObject' }, /exclude each other/],
    ['not principal', { Principal: undefined, NotPrincipal: { AWS: '123456789012' } }, /everyone else/],
    ['missing', { Resource: undefined }, /Resource is missing/],
    ['sid', { Sid: 1 }, /./],
    ['spelling', { effect: 'Allow' }, /mean Effect/],
    ['operator', { Condition: { StringEqual: { 'aws:username': 'x' } } }, /mean StringEquals/],
    ['key', { Condition: { StringEquals: { 'aws:usrname': 'x' } } }, /mean aws:username/],
    ['address', { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.300' } } }, /never matches/],
    ['empty list', { Action: [] }, /Action is missing/],
  ])('%s', (_, part, wrong) => expect(errors(policy(part))).toMatch(wrong));
  it('warns of everybody, and marks the place', () => {
    const text = policy({ Principal: '*' });
    const [d] = lintPolicy(text, 'b');
    expect(d).toMatchObject({ severity: 'warning' });
    expect(text.slice(d?.from, d?.to)).toBe('"*"');
    expect(lintPolicy(policy({ Principal: '*', Effect: 'Deny' }), 'b')).toEqual([]);
    expect(lineOf('a\nb', 2)).toBe(2);
  });
  it('says it of whole documents', () => {
    expect(errors('[]')).toMatch(/is an object/);
    expect(errors('{"Version":"2012-10-17"}')).toMatch(/Statement is missing/);
    expect(errors('{"Version":"2020","Statement":[]}')).toMatch(/Version is/);
    expect(lintPolicy('{"a', 'b')).toEqual([]);
    expect(errors(policy({}, { Id: 'x'.repeat(30_000) }))).toMatch(/are allowed/);
  });
  it.each(hostile.map((h) => [h]))('stays calm at %j', (name) => {
    expect(() => lintPolicy(policy({ Action: name, Resource: name, Principal: { AWS: name }, Condition: { [name]: { [name]: name } } }), 'b')).not.toThrow();
    expect(() => lintPolicy(name, 'b')).not.toThrow();
    expect(() => completePolicy(`{"Statement":[{"${name}`, 18, 'b')).not.toThrow();
  });
  it('matches as policies do', () => {
    expect(matches('s3:Get*', 's3:getobject')).toBe(true);
    expect(matches('s3:*Object', 's3:GetObjectAcl')).toBe(false);
    expect(matches('?b*', 'ab')).toBe(true);
    expect(matches('a*b*c', 'axxbxc')).toBe(true);
    expect(matches('**', '')).toBe(true);
    expect(matches('', 'a')).toBe(false);
  });
  it('is not slow with a nasty pattern', () => {
    const begin = Date.now();
    lintPolicy(policy({ Action: `s3:${'*a'.repeat(40)}`, Resource: `arn:aws:s3:::${'*a'.repeat(30)}b/x` }), 'a'.repeat(63));
    expect(Date.now() - begin).toBeLessThan(2000);
  });
});

describe('templates and who is named', () => {
  it('adds statements with names of their own', () => {
    const [one] = templates();
    const twice = addStatements(addStatements('', one!.statement('b', '1')), one!.statement('b', '1'));
    expect((JSON.parse(twice) as { Statement: Array<{ Sid: string }> }).Statement.map((s) => s.Sid)).toEqual(['PublicRead', 'PublicRead2']);
    expect(() => addStatements('{"Statement": null}', [])).not.toThrow();
  });
  it('names principals', () => {
    const named = namedPrincipals(
      JSON.stringify({
        Statement: [
          { Effect: 'Allow', Principal: '*', Action: 's3:GetObject' },
          { Effect: 'Allow', Principal: { AWS: ['*', 'x'] }, Action: ['s3:PutObject'], Condition: {} },
          { Effect: 'Deny', NotPrincipal: { AWS: 'y' }, NotAction: 's3:Get*' },
        ],
      }),
    );
    expect(named.map((n) => [n.principal, n.allow, n.actions.join(), n.conditional])).toEqual([
      ['*', true, 's3:GetObject,s3:PutObject', false],
      ['x', true, 's3:PutObject', true],
      ['all but y', false, 'all but s3:Get*', false],
    ]);
    expect(namedPrincipals('nothing')).toEqual([]);
    expect(namedPrincipals('null')).toEqual([]);
  });
});

describe('CORS', () => {
  it('reads lines and finds what is wrong', () => {
    expect(fromLines(' a \n\nb, c')).toEqual(['a', 'b', 'c']);
    expect(corsProblem(emptyCors())).toBeNull();
    expect(corsProblem({ ...emptyCors(), origins: [] })).toMatch(/at least one/);
    expect(corsProblem({ ...emptyCors(), origins: ['https://*.a.*'] })).toMatch(/Only one/);
    expect(corsProblem({ ...emptyCors(), origins: ['https://a.example/'] })).toMatch(/slash/);
    expect(corsProblem({ ...emptyCors(), origins: ['https://a.example/x'] })).toMatch(/without a path/);
    expect(corsProblem({ ...emptyCors(), exposeHeaders: ['*'] })).toMatch(/one by one/);
    expect(corsInWords(emptyCors())).toContain('any website');
  });
});

describe('tags', () => {
  it('come back, also __proto__', () => {
    const tags = fromPairs([
      { key: '__proto__', value: '1' },
      { key: 'constructor', value: '2' },
    ]);
    expect(toPairs(tags)).toEqual([
      { key: '__proto__', value: '1' },
      { key: 'constructor', value: '2' },
    ]);
  });
  it('are checked as the server does', () => {
    expect(tagProblem([{ key: '', value: '' }], 0)).toBeNull();
    expect(tagProblem([{ key: '', value: 'x' }], 0)).toMatch(/needs a key/);
    expect(tagProblem([{ key: 'aws:x', value: '' }], 0)).toMatch(/reserved/);
    expect(tagProblem([{ key: '<img>', value: '' }], 0)).toMatch(/only/);
    expect(tagProblem([{ key: 'a', value: '' }, { key: 'a', value: '' }], 1)).toMatch(/already/);
  });
});
