// SPDX-License-Identifier: Apache-2.0
// Sign-in through an identity provider. The browser goes there, and comes back with a code or, where the provider has none for
// public clients, an id token; which of them it is, the server chooses. The server also exchanges the code: no request of a script
// leaves this host (the content policy would refuse it).
import { exchangeOidcCode } from '../api/pail';
import { sha256Base64 } from '../api/sign';
import { assumeRoleWithWebIdentity } from '../api/sts';
import { apiBase, basePath } from './base';
import { t } from '../strings';
import { api, signInWith } from './session';
import type { ConsoleInfo } from './console';

type Provider = ConsoleInfo['providers'][number];
type Pending = { state: string; nonce: string; verifier: string; id: string; url: string; roleArn: string; back: string };
const STORED = 'pail.oidc';

/** What people read as the same. */
const seen = (name: string) => name.normalize('NFKC').replace(/[\s\p{Cf}]+/gu, ' ').trim().toLowerCase();
const hostOf = (p: Provider) => p.id.split('/')[0] ?? p.id;

/** What stands beside the name on its button: nothing, or as much of the address as tells it from others with that name. */
export function providerPlace(p: Provider, all: readonly Provider[]): string | null {
  const same = all.filter((o) => o.id !== p.id && seen(o.name) === seen(p.name));
  if (same.length === 0) return null;
  return same.some((o) => hostOf(o) === hostOf(p)) ? p.id : hostOf(p);
}

const random = (bytes: number) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, '0')).join('');
const redirectUri = () => `${location.origin}${basePath}/`;
const challengeOf = (verifier: string) => sha256Base64(verifier).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

export function startProvider(p: Provider): void {
  const pending: Pending = { state: random(16), nonce: random(16), verifier: random(32), id: p.id, url: p.url, back: location.href, roleArn: p.roleArn };
  sessionStorage.setItem(STORED, JSON.stringify(pending));
  const url = new URL(`${apiBase}/pail/v1/oidc/${encodeURIComponent(p.id)}`);
  const params: Record<string, string> = {
    redirect_uri: redirectUri(),
    scope: 'openid profile email',
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: challengeOf(pending.verifier),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  location.assign(url);
}

function claimsOf(token: string): { nonce?: string } {
  const part = token.split('.')[1] ?? '';
  try {
    return (JSON.parse(atob(part.replace(/-/g, '+').replace(/_/g, '/'))) ?? {}) as { nonce?: string };
  } catch {
    return {};
  }
}

const withoutSlash = (url: string) => url.replace(/\/+$/, '');

/** What a provider sent along: in the fragment, or in the query, for those that know no better. */
function arrived(): URLSearchParams | null {
  const isAnswer = (q: URLSearchParams) => q.has('id_token') || q.has('error') || (q.has('code') && q.has('state'));
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (isAnswer(fragment)) return fragment;
  const query = new URLSearchParams(location.search);
  // Tokens come in fragments alone: an address is kept by more than this page.
  query.delete('id_token');
  return location.pathname === `${basePath}/` && query.has('state') && isAnswer(query) ? query : null;
}

/** On start: is this the way back from a provider? What it gave is taken out of the address before anything else happens. */
export async function finishProvider(): Promise<void> {
  const got = arrived();
  if (!got) return;
  const failure = got.get('error');
  const pending = JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as Pending | null;
  sessionStorage.removeItem(STORED);
  const sameSite = pending && pending.back.startsWith(redirectUri());
  history.replaceState(null, '', sameSite ? pending.back : `${basePath}/`);
  // Words of an address that somebody else made up are not shown either. A provider that names itself is the one that was asked.
  const issuer = got.get('iss');
  if (!pending || got.get('state') !== pending.state || (issuer !== null && withoutSlash(issuer) !== withoutSlash(pending.url))) throw new Error(t('app.providerState'));
  if (failure) throw new Error(got.get('error_description') ?? failure);
  const code = got.get('code');
  const token = got.get('id_token') ?? (code ? await exchangeOidcCode(api(), { provider: pending.id, code, codeVerifier: pending.verifier, redirectUri: redirectUri() }) : null);
  if (!token || claimsOf(token).nonce !== pending.nonce) throw new Error(t('app.providerState'));
  const { credentials } = await assumeRoleWithWebIdentity(api(), { token, sessionName: 'console', roleArn: pending.roleArn });
  await signInWith(credentials);
}
