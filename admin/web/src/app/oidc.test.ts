// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setConsoleInfo } from './console';
import { finishProvider, startProvider } from './oidc';
import { getSession, signOut } from './session';

const token = (claims: object) => `h.${btoa(JSON.stringify(claims)).replace(/=/g, '')}.s`;
const arrive = (hash: string) => history.replaceState(null, '', `/#${hash}`);
const pend = (more: object = {}) => sessionStorage.setItem('pail.oidc', JSON.stringify({ state: 'S', nonce: 'N', verifier: 'V', id: 'id.test/one', url: 'https://id.test/one', back: `${location.origin}/objects/photos`, roleArn: 'arn:aws:iam::000000000000:role/people', ...more }));
let bodies: string[] = [];
let codes: string[] = [];
let exchanged: () => Response;
const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

beforeEach(() => {
  bodies = [];
  codes = [];
  exchanged = () => json({ id_token: token({ nonce: 'N' }) });
  sessionStorage.clear();
  setConsoleInfo({ version: '1', endpoint: null, port: 9000, region: 'us-east-1', providers: [], prefix: '/' });
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    if (url.endsWith('/session')) return Promise.resolve(new Response(JSON.stringify({ arn: 'a', user_id: 'u', account: '0', name: 'people', kind: 'role' })));
    if (url.endsWith('/api/pail/v1/oidc-token')) {
      codes.push(String(init.body));
      return Promise.resolve(exchanged());
    }
    bodies.push(String(init.body));
    const until = new Date(Date.now() + 3_600_000).toISOString();
    return Promise.resolve(new Response(`<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`));
  });
});
afterEach(() => {
  signOut();
  vi.unstubAllGlobals();
  history.replaceState(null, '', '/');
});

describe('the way back from an identity provider', () => {
  it('signs in, takes the token out of the address, and goes where one was', async () => {
    pend();
    arrive(`id_token=${token({ nonce: 'N' })}&state=S`);
    await finishProvider();
    expect(getSession().who?.kind).toBe('role');
    expect(location.pathname + location.hash).toBe('/objects/photos');
    expect(bodies[0]).toContain('AssumeRoleWithWebIdentity');
    expect(sessionStorage.getItem('pail.oidc')).toBeNull();
  });
  it.each([
    ['another state', { }, `id_token=${token({ nonce: 'N' })}&state=X`],
    ['another nonce', { }, `id_token=${token({ nonce: 'X' })}&state=S`],
    ['no nonce', { }, `id_token=${token({})}&state=S`],
    ['what is no token', { }, 'id_token=x&state=S'],
    ['a token without claims', { }, `id_token=h.${btoa('null')}.s&state=S`],
  ])('refuses %s', async (_what, more, hash) => {
    pend(more);
    arrive(hash);
    await expect(finishProvider()).rejects.toThrow('This sign-in was not begun here');
    expect(bodies).toEqual([]);
    expect(getSession().status).toBe('out');
    expect(location.hash).toBe('');
  });
  it.each([['the fragment', '/#code=C&state=S&iss=https%3A%2F%2Fid.test%2Fone'], ['the query', '/?code=C&state=S&session_state=x']])('exchanges a code of %s, which is taken out of the address first', async (_what, address) => {
    pend();
    history.replaceState(null, '', address);
    exchanged = () => {
      expect(location.href).not.toContain('code=');
      return json({ id_token: token({ nonce: 'N' }) });
    };
    await finishProvider();
    expect(codes.map((c) => JSON.parse(c) as unknown)).toEqual([{ provider: 'id.test/one', code: 'C', code_verifier: 'V', redirect_uri: `${location.origin}/` }]);
    expect(getSession().who?.kind).toBe('role');
    expect(location.pathname + location.search + location.hash).toBe('/objects/photos');
  });
  it.each([
    ['nobody asked for', false, '/#code=C&state=S'],
    ['another state', true, '/#code=C&state=X'],
    ['another issuer', true, '/#code=C&state=S&iss=https%3A%2F%2Fevil.test'],
    ['another issuer, in a query', true, '/?code=C&state=S&iss=https%3A%2F%2Fid.test%2Ftwo'],
    ['an id token in the query', true, `/?id_token=${token({ nonce: 'N' })}&error=x&state=X`],
  ])('does not even send a code: %s', async (_what, asked, address) => {
    if (asked) pend();
    history.replaceState(null, '', address);
    await expect(finishProvider()).rejects.toThrow('This sign-in was not begun here');
    expect([codes, bodies, location.search + location.hash]).toEqual([[], [], '']);
  });
  it('takes no code with the token of another sign-in', async () => {
    pend();
    arrive('code=C&state=S');
    exchanged = () => json({ id_token: token({ nonce: 'X' }) });
    await expect(finishProvider()).rejects.toThrow('This sign-in was not begun here');
    expect(bodies).toEqual([]);
  });
  it.each([
    ['a refusal', () => json({ code: 'AccessDenied', message: 'The identity provider refused the sign-in: invalid_grant', requestId: 'R' }, 403), 'invalid_grant'],
    ['no token', () => json({}), 'The server sent no token.'],
  ])('says why a code was not exchanged: %s', async (_what, reply, text) => {
    pend();
    arrive('code=C&state=S');
    exchanged = reply;
    await expect(finishProvider()).rejects.toThrow(text);
    expect([codes.length, bodies.length, getSession().status]).toEqual([1, 0, 'out']);
  });
  it('leaves queries of other pages alone', async () => {
    for (const address of ['/objects/b?code=C&state=S', '/?code=C', '/?state=S', '/?id_token=x&state=S']) {
      pend();
      history.replaceState(null, '', address);
      await finishProvider();
      expect(location.pathname + location.search).toBe(address);
      expect(codes).toEqual([]);
    }
  });
  it('refuses a token that nobody asked for', async () => {
    arrive(`id_token=${token({ nonce: 'N' })}&state=S`);
    await expect(finishProvider()).rejects.toThrow();
    expect(bodies).toEqual([]);
    expect(location.hash).toBe('');
  });
  it('never leads to another site', async () => {
    pend({ back: 'https://evil.example/' });
    arrive(`id_token=${token({ nonce: 'N' })}&state=S`);
    await finishProvider();
    expect(location.pathname).toBe('/');
  });
  it('says what the provider refused', async () => {
    pend();
    arrive('error=access_denied&error_description=Not%20you&state=S');
    await expect(finishProvider()).rejects.toThrow('Not you');
  });
  it.each([['nobody asked', false], ['another state', true]])('does not show what a made-up address says: %s', async (_what, asked) => {
    if (asked) pend();
    arrive('error=access_denied&error_description=Call%20555&state=X');
    await expect(finishProvider()).rejects.not.toThrow('Call 555');
    expect(location.hash).toBe('');
  });
  it('leaves other fragments alone', async () => {
    arrive('section');
    await finishProvider();
    expect(location.hash).toBe('#section');
  });
});

it('the way there has a challenge, of which the verifier stays here', () => {
  const assign = vi.fn<(url: URL) => void>();
  vi.stubGlobal('location', { origin: 'https://console.test', href: 'https://console.test/buckets', assign });
  const provider = { id: 'id.test/one', name: 'Staff', url: 'https://id.test/one', clientId: 'c', roleArn: 'r' };
  startProvider(provider);
  startProvider(provider);
  const urls = assign.mock.calls.map(([url]) => url);
  const pending = JSON.parse(sessionStorage.getItem('pail.oidc') ?? '') as { verifier: string; state: string };
  const sha = createHash('sha256').update(pending.verifier).digest('base64url');
  expect(urls[1]?.searchParams.get('code_challenge')).toBe(sha);
  expect(urls[1]?.searchParams.get('state')).toBe(pending.state);
  expect(urls[1]?.href).not.toContain(pending.verifier);
  expect(pending.verifier).toMatch(/^[0-9a-f]{64}$/);
  for (const name of ['state', 'nonce', 'code_challenge']) expect(urls[0]?.searchParams.get(name)).not.toBe(urls[1]?.searchParams.get(name));
});
