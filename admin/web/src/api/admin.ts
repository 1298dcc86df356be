// SPDX-License-Identifier: Apache-2.0
/* What the console needs of MinIO's admin API: quotas, and the live trace. */
import { Client } from './http';

const at = (path: string) => `/minio/admin/v3/${path}`;

/** Bytes; 0: none. */
export async function getBucketQuota(c: Client, bucket: string, o: { signal?: AbortSignal } = {}): Promise<number> {
  const q = await c.json<{ quota?: number; size?: number }>({ path: at('get-bucket-quota'), query: { bucket }, ...o });
  return q.size ?? q.quota ?? 0;
}

/** Bytes; 0 takes the quota off. */
export async function setBucketQuota(c: Client, bucket: string, bytes: number): Promise<void> {
  await c.request({
    method: 'PUT',
    path: at('set-bucket-quota'),
    query: { bucket },
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(bytes > 0 ? { quota: bytes, size: bytes, quotatype: 'hard' } : { quota: 0, size: 0 }),
  });
}

export interface TraceEntry {
  type: number;
  nodename: string;
  funcname: string;
  time: string;
  path: string;
  /** Nanoseconds. */
  dur: number;
  bytes: number;
  error?: string;
  http?: {
    request: { time: string; proto: string; method: string; path: string; rawquery: string; headers: Record<string, string[]>; client: string };
    response: { time: string; headers: Record<string, string[]>; statuscode: number };
    stats: { inputbytes: number; outputbytes: number; latency: number; timetofirstbyte: number };
  };
}

export interface TraceFilter {
  s3?: boolean;
  /** The server's own operations. */
  internal?: boolean;
  /** Only what failed. */
  errors?: boolean;
  /** "100ms": no faster ones. */
  threshold?: string;
}

/* A line that never ends is not kept. */
const LINE_MAX = 1 << 20;

/** Requests as they end, until the signal. Throws when the stream breaks. */
export async function* traceStream(c: Client, filter: TraceFilter, signal: AbortSignal): AsyncGenerator<TraceEntry> {
  const reply = await c.request({
    path: at('trace'),
    query: {
      s3: filter.s3 ?? true,
      internal: filter.internal ?? false,
      err: filter.errors ?? false,
      threshold: filter.threshold || undefined,
    },
    signal,
  });
  if (!reply.body) return;
  for await (const line of lines(reply.body)) {
    let entry: TraceEntry;
    try {
      entry = JSON.parse(line) as TraceEntry;
    } catch {
      continue;
    }
    yield entry;
  }
}

/** Lines of a stream that are not empty; blanks between them only show that both ends are there. */
export async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const parts = rest.split('\n');
      rest = done ? '' : (parts.pop() ?? '');
      for (const part of parts) if (part.trim()) yield part.trim();
      if (rest.length > LINE_MAX) rest = '';
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
