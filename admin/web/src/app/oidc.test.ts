// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setConsoleInfo } from './console';
import { finishProvider } from './oidc';
import { getSession, signOut } from './session';

const token = (claims: object) => `h.${btoa(JSON.stringify(claims)).replace(/=/g, '')}.s`;
const arrive = (hash: string) => history.replaceState(null, '', `/#${hash}`);
const pend = (more: object = {}) => sessionStorage.setItem('pail.oidc', JSON.stringify({ state: 'S', nonce: 'N', back: `${location.origin}/objects/photos`, roleArn: 'arn:aws:iam::000000000000:role/people', ...more }));
let bodies: string[] = [];

beforeEach(() => {
  bodies = [];
  sessionStorage.clear();
  setConsoleInfo({ version: '1', endpoint: null, port: 9000, region: 'us-east-1', providers: [], prefix: '/' });
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    if (url.endsWith('/session')) return Promise.resolve(new Response(JSON.stringify({ arn: 'a', user_id: 'u', account: '0', name: 'people', kind: 'role' })));
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
