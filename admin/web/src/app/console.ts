// SPDX-License-Identifier: Apache-2.0
// What the server says of itself to everybody.
import { publicEndpoint, type ConsoleInfo as Given } from '../api/pail';
import { basePath } from './base';

export type ConsoleInfo = Given;

let info: ConsoleInfo | null = null;
/** When the page had it for the first time; of performance.now(). */
export let begunAt = -Infinity;

export async function loadConsole(signal?: AbortSignal): Promise<ConsoleInfo> {
  const reply = await fetch(`${basePath}/console.json`, { cache: 'no-store', credentials: 'omit', signal: signal ?? null });
  if (!reply.ok) throw Object.assign(new Error(reply.statusText), { status: reply.status });
  if (!info) begunAt = performance.now();
  setConsoleInfo((await reply.json()) as ConsoleInfo);
  return consoleInfo();
}

export function setConsoleInfo(value: ConsoleInfo): void {
  info = value;
}

export function consoleInfo(): ConsoleInfo {
  if (!info) throw new Error('console.json has not been loaded');
  return info;
}

/** The address of S3 for other programs: the server's public one, or this page's host with S3's port. */
export const s3Endpoint = (): string => publicEndpoint(consoleInfo(), location);
