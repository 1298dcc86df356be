// SPDX-License-Identifier: Apache-2.0
/* Checksums away from the page's thread; a Blob crosses as a handle, its bytes are read here, piece by piece. */
import { crc32OfBlob } from './crc32';

type Asked = { id: number; blob: Blob };

self.onmessage = (event: MessageEvent<Asked>) => {
  const { id, blob } = event.data;
  crc32OfBlob(blob).then(
    (crc) => self.postMessage({ id, crc }),
    (error: unknown) => self.postMessage({ id, error: String(error) }),
  );
};
