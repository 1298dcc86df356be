// SPDX-License-Identifier: Apache-2.0
import { act, renderHook, waitFor } from '@testing-library/react';
import { Plus } from 'lucide-react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { en } from '../strings/en';
import { rank } from './CommandPalette';
import { s3Endpoint, setConsoleInfo } from './console';
import { forgetPermissions, objectArn, useCan } from './permissions';
import { placeOf, redirects, routes } from './routes';
import { getSession, signIn, signOut } from './session';

const info = { version: '1', endpoint: null, port: 9000, region: 'us-east-1', providers: [], prefix: '/' };
const xml = (name: string, inside: string) => `<${name}Response><${name}Result>${inside}</${name}Result></${name}Response>`;
const session = { arn: 'arn:aws:iam::000000000000:user/ann', user_id: 'U', account: '000000000000', name: 'ann', kind: 'user' };
let asked: { url: string; body: string; headers: Record<string, string> }[] = [];
let allowed: (action: string) => boolean = () => true;
let who = session;

beforeEach(() => {
  asked = [];
  allowed = () => true;
  who = session;
  setConsoleInfo(info);
  sessionStorage.clear();
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const body = typeof init.body === 'string' ? init.body : '';
    asked.push({ url, body, headers: init.headers as Record<string, string> });
    const json = (value: unknown) => Promise.resolve(new Response(JSON.stringify(value)));
    if (url.endsWith('/pail/v1/can')) return json({ allowed: (JSON.parse(body) as { checks: { action: string }[] }).checks.map((c) => allowed(c.action)) });
    if (url.endsWith('/pail/v1/session')) return json(who);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    return Promise.resolve(new Response(xml('AssumeRole', `<Credentials><AccessKeyId>ASIATEMP</AccessKeyId><SecretAccessKey>temporary</SecretAccessKey><SessionToken>token</SessionToken><Expiration>${until}</Expiration></Credentials>`)));
  });
});
afterEach(() => {
  act(signOut);
  vi.unstubAllGlobals();
});

describe('session', () => {
  it('keeps temporary credentials only', async () => {
    await act(() => signIn('AKIALONG', 'the-long-lived-secret'));
    expect(getSession().status).toBe('in');
    expect(getSession().who?.name).toBe('ann');
    const stored = JSON.stringify({ ...sessionStorage }) + JSON.stringify({ ...localStorage });
    expect(stored).toContain('ASIATEMP');
    expect(stored).not.toContain('the-long-lived-secret');
    expect(stored).not.toContain('AKIALONG');
    expect(JSON.stringify(asked)).not.toContain('the-long-lived-secret');
  });
  it('leaves nothing behind', async () => {
    await act(() => signIn('AKIALONG', 'secret'));
    act(signOut);
    expect(getSession().status).toBe('out');
    expect({ ...sessionStorage }).toEqual({});
  });
});

describe('useCan', () => {
  it('asks once for many, and remembers', async () => {
    await act(() => signIn('a', 'b'));
    forgetPermissions();
    asked = [];
    allowed = (action) => action !== 's3:DeleteObject';
    const first = renderHook(() => useCan([{ action: 's3:PutObject', resource: objectArn('b') }, { action: 's3:DeleteObject', resource: objectArn('b') }]));
    const second = renderHook(() => useCan([{ action: 's3:GetObject', resource: objectArn('b') }]));
    expect(first.result.current.isLoading).toBe(true);
    expect(first.result.current.all).toBe(false);
    await waitFor(() => expect(second.result.current.all).toBe(true));
    expect(first.result.current.allowed).toEqual([true, false]);
    expect(asked.filter((a) => a.url.endsWith('/can'))).toHaveLength(1);
    renderHook(() => useCan([{ action: 's3:PutObject', resource: objectArn('b') }]));
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(asked.filter((a) => a.url.endsWith('/can'))).toHaveLength(1);
  });
});

describe('places', () => {
  it('have one address each, and a title', () => {
    const seen = routes.map((r) => r.path);
    expect(new Set(seen).size).toBe(seen.length);
    for (const r of routes) {
      const [area, name] = r.title.split('.') as [keyof typeof en, string];
      expect((en[area] as Record<string, unknown>)[name]).toBeTypeOf('string');
    }
  });
  it('are where redirects lead to', () => {
    for (const to of Object.values(redirects)) expect(routes.map(placeOf)).toContain(to);
  });
});

describe('command palette', () => {
  const command = (id: string, label: string, words = '') => ({ id, label, words, icon: Plus, run: () => {} });
  it('finds all words, best first', () => {
    const list = [command('1', 'Access keys'), command('2', 'Encryption keys', 'kms'), command('3', 'Keys of mine')];
    expect(rank(list, 'keys').map((c) => c.id)).toEqual(['3', '1', '2']);
    expect(rank(list, 'kms keys').map((c) => c.id)).toEqual(['2']);
    expect(rank(list, 'nothing')).toEqual([]);
    expect(rank(list, '  ')).toHaveLength(3);
  });
});

it('tells programs where S3 is', () => {
  expect(s3Endpoint()).toBe('http://localhost:9000');
  setConsoleInfo({ ...info, endpoint: 'https://s3.example.org/' });
  expect(s3Endpoint()).toBe('https://s3.example.org');
});
