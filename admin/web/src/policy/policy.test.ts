// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { hostile } from '../test/hostile';
import { ACTIONS, BUCKET_ACTIONS, complete, cursorIn, examples, expand, fits, KEYS, keyOf, levelOf, matches, nearest, operatorOf, parseJson, readDocument, readS3Resource, refusal, sentence, sentences, validate, writeDocument, writeS3Resource, type PolicyKind } from '.';

const doc = (...statements: unknown[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const read = { Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::photos/*'] };
const messages = (text: string, kind: PolicyKind = 'identity', bucket?: string) => validate(text, { kind, ...(bucket ? { bucket } : {}) }).map((f) => `${f.severity}: ${f.message}`);

describe('actions', () => {
  test('patterns match as policies mean them', () => {
    expect(matches('s3:Get*', 's3:GetObject')).toBe(true);
    expect(matches('S3:getobject', 's3:GetObject')).toBe(true);
    expect(matches('s3:Get?bject', 's3:GetObject')).toBe(true);
    expect(matches('s3:*Version', 's3:GetObjectVersionAcl')).toBe(false);
    expect(matches('*', '')).toBe(true);
    expect(expand('s3:*').length).toBeGreaterThan(80);
  });
  test('a pattern of many stars takes no time', () => {
    const begin = Date.now();
    expect(matches(`${'*a'.repeat(60)}b`, 'a'.repeat(2000))).toBe(false);
    expect(Date.now() - begin).toBeLessThan(500);
  });
  test('levels', () => {
    expect(levelOf('ListBucket')).toBe('list');
    expect(levelOf('GetObject')).toBe('read');
    expect(levelOf('PutObject')).toBe('write');
    expect(levelOf('PutObjectTagging')).toBe('tagging');
    expect(levelOf('PutBucketPolicy')).toBe('permissions');
    expect(levelOf('AttachUserPolicy')).toBe('permissions');
  });
  test('names are unique', () => {
    expect(new Set(ACTIONS.map((a) => a.name)).size).toBe(ACTIONS.length);
    expect(new Set(KEYS.map((k) => k.name)).size).toBe(KEYS.length);
    expect(BUCKET_ACTIONS.every((a) => a.resource === 'b' || a.resource === 'o')).toBe(true);
  });
});

describe('operators and values', () => {
  test('names', () => {
    expect(operatorOf('ForAllValues:StringLikeIfExists')).toMatchObject({ name: 'StringLike', quantifier: 'ForAllValues', ifExists: true });
    expect(operatorOf('Null')).toBeTruthy();
    expect(operatorOf('NullIfExists')).toBeUndefined();
    for (const name of hostile) expect(operatorOf(name)).toBeUndefined();
  });
  test('keys', () => {
    expect(keyOf('AWS:sourceip')?.name).toBe('aws:SourceIp');
    expect(keyOf('aws:PrincipalTag/team')?.family).toBe(true);
    expect(keyOf('aws:PrincipalTag/')).toBeUndefined();
    for (const name of hostile) expect(keyOf(name)).toBeUndefined();
  });
  test('values', () => {
    expect(fits('ip', '10.0.0.0/8')).toBe(true);
    expect(fits('ip', '10.0.0.0/33')).toBe(false);
    expect(fits('ip', '300.0.0.1')).toBe(false);
    expect(fits('ip', '2001:db8::/32')).toBe(true);
    expect(fits('date', '2030-01-31T00:00:00Z')).toBe(true);
    expect(fits('date', 'tomorrow')).toBe(false);
    expect(fits('numeric', '-1.5')).toBe(true);
    expect(fits('bool', 'TRUE')).toBe(true);
  });
});

describe('findings', () => {
  test('a good policy has none', () => {
    expect(messages(doc(read))).toEqual([]);
    for (const kind of ['identity', 'trust', 'bucket'] as const)
      for (const e of examples({ kind, bucket: 'b' }, { account: '123456789012' })) expect([e.id, validate(e.text, { kind, bucket: 'b' }).filter((f) => f.severity === 'error')]).toEqual([e.id, []]);
  });
  test('what is missing', () => {
    expect(messages(doc({}))).toHaveLength(3);
    expect(messages('{"Version":"2012-10-17"}')[0]).toContain('Statement is missing');
    expect(messages('[]')).toHaveLength(1);
    expect(messages(doc())).toHaveLength(1);
  });
  test('slips are named', () => {
    expect(messages(doc({ ...read, Action: 's3:GetObjct' }))[0]).toContain('Did you mean s3:GetObject?');
    expect(messages(doc({ ...read, Efect: 'Allow' }))[0]).toContain('Effect');
    expect(messages(doc({ ...read, Condition: { StringEqual: { 'aws:username': 'a' } } }))[0]).toContain('StringEquals');
    expect(messages(doc({ ...read, Condition: { IpAddress: { 'aws:SourceIp': 'here' } } }))[0]).toContain('never matches');
    expect(nearest('xyz', ['abc'])).toBeUndefined();
  });
  test('where it is', () => {
    const text = doc({ ...read, Effect: 'allow' });
    const [f] = validate(text, { kind: 'identity' });
    expect(text.slice(f?.from, f?.to)).toBe('"allow"');
  });
  test('bucket and objects confused', () => {
    expect(messages(doc({ ...read, Action: 's3:ListBucket' }))[0]).toMatch(/^warning: .*acts on buckets/);
    expect(messages(doc({ ...read, Resource: 'arn:aws:s3:::photos' }))[0]).toMatch(/^warning: .*acts on objects/);
    expect(messages(doc({ ...read, Principal: '*', Action: 's3:ListBucket' }), 'bucket', 'photos')).toContainEqual(expect.stringMatching(/^error: .*acts on buckets/));
  });
  test('kinds differ', () => {
    expect(messages(doc({ ...read, Principal: '*' }))[0]).toMatch(/^error/);
    expect(messages(doc(read), 'bucket', 'photos')[0]).toContain('Principal is missing');
    expect(messages(doc({ ...read, Principal: '*' }), 'bucket', 'photos')[0]).toMatch(/^warning: This lets anyone in/);
    expect(messages(doc({ ...read, Principal: '*' }), 'bucket', 'other')[0]).toContain('about its own bucket');
    expect(messages(doc({ Effect: 'Allow', Principal: { AWS: '123456789012' }, Action: 's3:GetObject' }), 'trust')[0]).toContain('sts:AssumeRole');
    expect(messages(doc({ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::123456789012:group/g' }, Action: 'sts:AssumeRole' }), 'trust')[0]).toContain('group');
  });
  test('conditions that a bucket policy cannot ask', () => {
    const with_ = (key: string) => messages(doc({ ...read, Principal: { AWS: '123456789012' }, Condition: { StringEquals: { [key]: 'x' } } }), 'bucket', 'photos');
    expect(with_('s3:prefix')[0]).toContain('not part of requests');
    expect(with_('sts:ExternalId')[0]).toMatch(/^error/);
    expect(with_('s3:ExistingObjectTag/team')).toEqual([]);
  });
  test('too long, and odd characters', () => {
    expect(messages(doc(...Array.from({ length: 120 }, () => read))).join()).toContain('6,144');
    expect(messages(doc({ ...read, Resource: 'arn:aws:s3:::🪣/*' })).join()).toContain('U+00FF');
  });
  test('hostile texts and names do no harm', () => {
    for (const name of hostile) {
      expect(() => validate(name, { kind: 'identity' })).not.toThrow();
      const text = doc({ ...read, Sid: name, Action: [name], Resource: [name], Condition: { [name]: { [name]: name } } });
      expect(validate(text, { kind: 'identity' }).length).toBeGreaterThan(0);
      expect(typeof refusal(text, { kind: 'identity' })).toBe('string');
    }
    expect(validate('['.repeat(5000) + ']'.repeat(5000), { kind: 'identity' })).toEqual([]);
    expect(refusal('{', { kind: 'identity' })).toContain('JSON');
  });
});

describe('forms and JSON', () => {
  const same = (text: string) => {
    const first = readDocument(text);
    expect(first).toBeDefined();
    expect(readDocument(writeDocument(first as NonNullable<typeof first>))).toEqual(first);
  };
  test('what is read and written again means the same', () => {
    same(doc(read));
    same(doc({ Sid: 'A', Effect: 'Deny', NotAction: 's3:*', NotResource: '*', Condition: { Bool: { 'aws:SecureTransport': false }, StringLike: { 's3:prefix': ['a/*', 'b/*'], 'aws:username': 'x' } } }));
    same(doc({ Effect: 'Allow', Principal: { AWS: ['a', 'b'], Federated: 'c' }, Action: 'sts:AssumeRole' }));
    same(doc({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' }));
    for (const kind of ['identity', 'trust', 'bucket'] as const) for (const e of examples({ kind })) same(e.text);
  });
  test('names that are special to JavaScript stay names', () => {
    const text = '{"Statement":[{"Effect":"Allow","Action":["a:b"],"Resource":["*"],"Condition":{"StringEquals":{"__proto__":"x","constructor":"y"}}}]}';
    same(text);
    expect(writeDocument(readDocument(text) as never)).toContain('__proto__');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
  test('hostile names survive', () => {
    for (const name of hostile) same(doc({ Sid: name, Effect: 'Allow', Action: [name], Resource: [name], Condition: { StringEquals: { [name]: [name, name] } } }));
  });
  test('what forms have no place for is not shown in them', () => {
    for (const text of ['', '[]', '{', '{"Statement":[1]}', doc({ ...read, Other: 1 }), doc({ ...read, NotAction: 'x' }), doc({ ...read, Effect: 'Maybe' }), '{"Statement":[],"Statement":[]}', doc({ ...read, Action: [1] })]) expect(readDocument(text)).toBeUndefined();
  });
  test('resources', () => {
    for (const arn of ['arn:aws:s3:::b', 'arn:aws:s3:::b/*', 'arn:aws:s3:::b/a/b*', 'arn:aws:s3:::*', 'arn:aws:s3:::b/${aws:username}/*']) expect(writeS3Resource(readS3Resource(arn) as never)).toBe(arn);
    for (const arn of ['*', 'arn:aws:s3:::b/key', 'arn:aws:s3:::b/*/x*', 'arn:aws:iam::1:user/a']) expect(readS3Resource(arn)).toBeUndefined();
  });
});

describe('completion', () => {
  const at = (text: string, kind: PolicyKind = 'identity') => complete(text.replace('|', ''), text.indexOf('|'), { kind, bucket: 'b' }, { buckets: ['photos'] });
  const labels = (text: string, kind?: PolicyKind) => at(text, kind).map((s) => s.label);
  test('follows the grammar', () => {
    expect(labels('{"|')).toContain('Statement');
    expect(labels('{"Statement":[{"|')).toContain('Effect');
    expect(labels('{"Statement":[{"|')).not.toContain('Principal');
    expect(labels('{"Statement":[{"|', 'bucket')).toContain('Principal');
    expect(labels('{"Statement":[{"Effect":"Allow","|')).not.toContain('Effect');
    expect(labels('{"Statement":[{"Effect":"|')).toEqual(['Allow', 'Deny']);
    expect(labels('{"Statement":[{"Action":["s3:Get|')).toContain('s3:GetObject');
    expect(labels('{"Statement":[{"Action":"|', 'trust')).toContain('sts:AssumeRole');
    expect(labels('{"Statement":[{"Resource":["|')).toContain('arn:aws:s3:::photos/*');
    expect(labels('{"Statement":[{"Condition":{"|')).toContain('IpAddress');
    expect(labels('{"Statement":[{"Condition":{"IpAddress":{"|')).toContain('aws:SourceIp');
    expect(labels('{"Statement":[{"Condition":{"Bool":{"aws:SecureTransport":"|')).toEqual(['true', 'false']);
    expect(labels('{"Statement":[{"Principal":{"|', 'trust')).toContain('Federated');
  });
  test('puts quotes and colons where there are none', () => {
    expect(at('{|')[0]?.apply).toBe('"Version": ');
    expect(at('{"|"')[0]?.apply).toBeUndefined();
    expect(at('{"Statement":[{"Effect":|')[0]?.apply).toBe('"Allow"');
  });
  test('any text has a place', () => {
    for (const name of hostile) expect(() => cursorIn(name, name.length)).not.toThrow();
    expect(cursorIn('{"a\\"b":{"c":[{"d":"', 20)).toMatchObject({ path: ['a\\"b', 'c', 'd'], place: 'value', inString: true });
  });
});

describe('words', () => {
  const say = (s: unknown) => sentences(readDocument(doc(s)) as never)[0];
  test('sentences', () => {
    expect(say(read)).toBe('Allows s3:GetObject on the objects of photos.');
    expect(say({ Effect: 'Allow', Action: '*', Resource: '*' })).toBe('Allows everything on everything.');
    expect(say({ Effect: 'Deny', Action: 's3:*', Resource: ['arn:aws:s3:::b', 'arn:aws:s3:::b/a/*'], Condition: { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.168.0.0/16'] } } })).toBe(
      'Denies all S3 actions on the bucket b and objects below a/ in b when aws:SourceIp is not in 10.0.0.0/8 or 192.168.0.0/16.',
    );
    expect(say({ Effect: 'Allow', Principal: { AWS: ['arn:aws:iam::123456789012:root', 'arn:aws:iam::123456789012:user/al'] }, Action: 'sts:AssumeRole' })).toBe('Allows the account 123456789012 and user al: sts:AssumeRole.');
    expect(say({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' })).toBe('Allows anyone: sts:AssumeRole.');
    expect(say({ ...read, Condition: { Null: { 's3:prefix': 'true' }, StringLikeIfExists: { 'aws:Referer': 'x' } } })).toContain('is not part of the request and aws:Referer is like x (or is not there)');
  });
  test('hostile names are quoted as they are', () => {
    for (const name of hostile) {
      const s = readDocument(doc({ ...read, Action: [name], Resource: [`arn:aws:s3:::b/${name}`] }))?.statements[0];
      expect(typeof sentence(s as never)).toBe('string');
    }
  });
});

test('JSON keeps its places', () => {
  const text = '{ "a": [1, true, null, "x\\u0041"] }';
  const root = parseJson(text);
  const list = root?.members[0]?.value;
  expect(list?.items.map((n) => n.kind)).toEqual(['number', 'boolean', 'null', 'string']);
  expect(list?.items[3]?.text).toBe('xA');
  expect(text.slice(list?.from, list?.to)).toBe('[1, true, null, "x\\u0041"]');
});
