// SPDX-License-Identifier: Apache-2.0
// Who is signed in. Only temporary credentials are kept, in sessionStorage (this tab, until it is closed); the secret that was
// typed signs one request to STS and is forgotten. When they end, requests wait while a dialog asks again (see Expired.tsx).
import { useSyncExternalStore } from 'react';
import { Client, isApiError } from '../api/http';
import { getSession as whoAmI, type SessionInfo } from '../api/pail';
import type { Credentials } from '../api/sign';
import { assumeRole } from '../api/sts';
import { apiBase } from './base';
import { consoleInfo } from './console';
import { askServer } from './reachable';

export type Identity = SessionInfo;
export type SessionState = { status: 'out' | 'in' | 'expired'; credentials?: Credentials; who?: Identity };

const STORED = 'pail.session';
/** The longest that STS gives. The server may shorten it. */
const SESSION_SECONDS = 12 * 3600;
const listeners = new Set<() => void>();
let state: SessionState = restore();
let waiting: ((credentials: Credentials | undefined) => void) | null = null;
let client: Client | null = null;

function restore(): SessionState {
  try {
    const saved = JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as SessionState | null;
    if (saved?.credentials?.sessionToken && (saved.credentials.expiration ?? 0) > Date.now()) return { ...saved, status: 'in' };
  } catch {
    // What is there is not ours, or storage is off: sign in anew.
  }
  return { status: 'out' };
}

function set(next: SessionState) {
  state = next;
  try {
    if (next.credentials) sessionStorage.setItem(STORED, JSON.stringify(next));
    else sessionStorage.removeItem(STORED);
  } catch {
    // Without storage the session lasts as long as the page.
  }
  listeners.forEach((l) => l());
}

/** The client of all requests. */
export function api(): Client {
  client ??= new Client({
    base: apiBase,
    region: consoleInfo().region,
    onNoReply: askServer,
    store: {
      getCredentials: () => state.credentials,
      onExpired: () =>
        new Promise((resolve) => {
          if (state.status === 'out') return resolve(undefined);
          waiting = resolve;
          set({ ...state, status: 'expired' });
        }),
    },
  });
  return client;
}

/** Someone else than before answered the dialog: the page in front of them is not theirs. */
export class WrongUser extends Error {
  override name = 'WrongUser';
}

async function begin(credentials: Credentials): Promise<void> {
  const config = { base: apiBase, region: consoleInfo().region, store: { getCredentials: () => credentials, onExpired: () => Promise.resolve(undefined) } };
  const who = await whoAmI(new Client(config)).catch((error: unknown) => {
    if (isApiError(error) && error.isMissing) return undefined;
    throw error;
  });
  if (state.status === 'expired' && who && state.who && who.arn !== state.who.arn) throw new WrongUser();
  set({ status: 'in', credentials, ...(who ? { who } : {}) });
  waiting?.(credentials);
  waiting = null;
}

/** With a long-lived key: exchanged for temporary credentials at once. */
export async function signIn(accessKeyId: string, secretAccessKey: string): Promise<void> {
  const { credentials } = await assumeRole(api(), { accessKeyId, secretAccessKey }, { durationSeconds: SESSION_SECONDS });
  return begin(credentials);
}

/** With temporary credentials that were got in another way (an identity provider). */
export const signInWith = begin;

export function signOut(): void {
  waiting?.(undefined);
  waiting = null;
  set({ status: 'out' });
}

/** By the user's wish: who comes next begins at the front, not where this one was. */
export function leave(go: (path: string) => void): void {
  go('/');
  signOut();
}

export function getSession(): SessionState {
  return state;
}

export function useSession(): SessionState {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => state,
  );
}
