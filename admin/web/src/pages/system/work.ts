// SPDX-License-Identifier: Apache-2.0
// The reply of GET /pail/v1/work.
import { useQuery } from '@tanstack/react-query';
import { getWork } from '../../api/pail';
import { api } from '../../app';

export type Disk = { total: number | null; free: number | null };
export type Work = {
  disk: Disk;
  index: { used: number; file: number; commits: number; changes: number; waiting: number; full: boolean; failed: boolean };
  loops: { connections: number; cpu_seconds: number }[];
  workers: { threads: number; busy: number; waiting: number; refused: number };
  scrub: { enabled: boolean; running: boolean; done: number; done_blobs: number; total: number; bad: number; last_begin: string | null; last_end: string | null; snapshot: string | null; snapshot_failed: boolean };
  lifecycle: { examined: number; expired: number; moved: number; aborted: number; failed: number };
  garbage: { removed: number; passes: number; places: number };
  audit: { enabled: boolean; lines: number; dropped: number; waiting: number };
  tiers: { class: string; path: string; disk: Disk }[];
};

export const useWork = (everyMs: number) => useQuery({ queryKey: ['work'], queryFn: ({ signal }) => getWork(api(), { signal }) as unknown as Promise<Work>, refetchInterval: everyMs });
