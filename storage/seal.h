/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the store: how bytes are encrypted. Nothing here knows of blobs, records or the disk.
 *
 * Two forms, both AES-256-GCM:
 *
 * A stream of chunks, for a blob: SEAL_CHUNK bytes of clear text and a tag fill exactly one checked block of a blob;
 * the last chunk may be shorter, never empty. The nonce is the chunk's number and whether it is the last one, so a
 * chunk in another place, and a stream that ends early or goes on, do not open. A stream's key is random, made for this
 * one stream and written with once from its beginning to its end (struct seal goes forward only), so no nonce comes
 * twice under a key.
 *
 * A box, for something small under a key that seals many: nonce (12 random bytes) | cipher text | tag (16). An object
 * key seals one box for each extent of its object, and one more each time a part is written again: millions at the very
 * most, far below the 2^32 for which random nonces of 96 bits are good. What the box belongs to is said beside it and
 * not kept in it; it opens only there.
 *
 * Threads: a struct seal belongs to one thread at a time; the rest is pure.
 */
#ifndef PAIL_STORAGE_SEAL_H
#define PAIL_STORAGE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "blob.h"

#define SEAL_KEY_BYTES   32u
#define SEAL_NONCE_BYTES 12u
#define SEAL_TAG_BYTES   16u
#define SEAL_CHUNK       (BLOB_BLOCK - SEAL_TAG_BYTES) /* bytes of clear text in a whole chunk */

/* ---- streams ---- */

struct seal; /* a stream's key, in one direction; wiped when freed */

struct seal *seal_new(const unsigned char key[SEAL_KEY_BYTES], bool encrypt);
void seal_free(struct seal **); /* accepts NULL inside */

/* The next chunk: n bytes (1 to SEAL_CHUNK; only the last has fewer) become n + SEAL_TAG_BYTES at `out`, which may be
 * `clear`. */
void seal_next(struct seal *, bool last, const void *clear, size_t n, unsigned char *out);
/*
 * Opens chunk `number` of n bytes, tag included; `out` takes n - SEAL_TAG_BYTES and may be `sealed`. False: it is not
 * this chunk, and `out` was wiped.
 */
bool seal_open(struct seal *, uint64_t number, bool last, const void *sealed, size_t n, void *out);

uint64_t seal_stream_bytes(uint64_t clear);                   /* how long a stream is of so many bytes */
bool seal_stream_clear(uint64_t stream, uint64_t *ret_clear); /* the reverse; false: no stream is so long */

/* ---- boxes ---- */

#define SEAL_BOX_BYTES (SEAL_NONCE_BYTES + SEAL_TAG_BYTES) /* that a box adds */

/* `out`: n + SEAL_BOX_BYTES; clear text may lie at out + SEAL_NONCE_BYTES already. */
void seal_box(const unsigned char key[SEAL_KEY_BYTES], struct bytes belongs_to, const void *clear, size_t n,
              unsigned char *out);
/* `out`: box.n - SEAL_BOX_BYTES. False: not sealed with this key for this; `out` was wiped. */
bool seal_box_open(const unsigned char key[SEAL_KEY_BYTES], struct bytes belongs_to, struct bytes box, void *out);

#endif
