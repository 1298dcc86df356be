// SPDX-License-Identifier: Apache-2.0
// Sign-in through an identity provider. The browser goes there and comes back with an id token in the address' fragment; no
// request of a script leaves this host (the content policy would refuse it), and no code has to be exchanged.
import { assumeRoleWithWebIdentity } from '../api/sts';
import { apiBase, basePath } from './base';
import { t } from '../strings';
import { api, signInWith } from './session';
import type { ConsoleInfo } from './console';

type Provider = ConsoleInfo['providers'][number];
type Pending = { state: string; nonce: string; roleArn: string; back: string };
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

const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

export function startProvider(p: Provider): void {
  const pending: Pending = { state: random(), nonce: random(), back: location.href, roleArn: p.roleArn };
  sessionStorage.setItem(STORED, JSON.stringify(pending));
  const url = new URL(`${apiBase}/pail/v1/oidc/${encodeURIComponent(p.id)}`);
  const params: Record<string, string> = {
    response_type: 'id_token',
    response_mode: 'fragment',
    redirect_uri: `${location.origin}${basePath}/`,
    scope: 'openid profile email',
    state: pending.state,
    nonce: pending.nonce,
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

/** On start: is this the way back from a provider? The token is taken out of the address before anything else happens. */
export async function finishProvider(): Promise<void> {
  const got = new URLSearchParams(location.hash.slice(1));
  const token = got.get('id_token');
  const failure = got.get('error');
  if (!token && !failure) return;
  const pending = JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as Pending | null;
  sessionStorage.removeItem(STORED);
  const sameSite = pending && pending.back.startsWith(`${location.origin}${basePath}/`);
  history.replaceState(null, '', sameSite ? pending.back : `${basePath}/`);
  // Words of an address that somebody else made up are not shown either.
  if (!pending || got.get('state') !== pending.state) throw new Error(t('app.providerState'));
  if (failure) throw new Error(got.get('error_description') ?? failure);
  if (!token || claimsOf(token).nonce !== pending.nonce) throw new Error(t('app.providerState'));
  const { credentials } = await assumeRoleWithWebIdentity(api(), { token, sessionName: 'console', roleArn: pending.roleArn });
  await signInWith(credentials);
}
