// SPDX-License-Identifier: Apache-2.0
/* CRC-32 as zip and S3 have it, eight bytes at a step. */
const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  (TABLES[0] as Uint32Array)[n] = c >>> 0;
}
for (let n = 0; n < 256; n++)
  for (let i = 1; i < 8; i++) {
    const before = (TABLES[i - 1] as Uint32Array)[n] as number;
    (TABLES[i] as Uint32Array)[n] = (before >>> 8) ^ ((TABLES[0] as Uint32Array)[before & 255] as number);
  }
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** Goes on from `crc`, which is 0 at the beginning. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let c = ~crc;
  let i = 0;
  const b = bytes as unknown as { readonly [index: number]: number };
  for (const end = bytes.length - 8; i <= end; i += 8) {
    c ^= b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24);
    c =
      T7[c & 255]! ^
      T6[(c >>> 8) & 255]! ^
      T5[(c >>> 16) & 255]! ^
      T4[c >>> 24]! ^
      T3[b[i + 4]!]! ^
      T2[b[i + 5]!]! ^
      T1[b[i + 6]!]! ^
      T0[b[i + 7]!]!;
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ T0[(c ^ b[i]!) & 255]!;
  return ~c >>> 0;
}

export async function crc32OfBlob(blob: Blob): Promise<number> {
  const reader = blob.stream().getReader();
  let crc = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return crc;
    crc = crc32(value, crc);
  }
}

/** As S3 writes it: base64 of four bytes, the highest first. */
export function crc32Text(crc: number): string {
  return btoa(String.fromCharCode((crc >>> 24) & 255, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255));
}
