/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption of streams and boxes: which key and nonce seal what. The cipher is storage/gcm.h's; a stream keeps one
 * expanded key and gives it another nonce for each chunk.
 *
 * Threads: see the header.
 */
#include "storage/seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/rand.h"
#include "storage/gcm.h"

struct seal {
    const struct gcm *gcm;
    struct gcm_key *key;
    uint64_t next; /* chunk to be written */
    bool encrypt, ended;
};

/* ---- streams ---- */

struct seal *seal_new(const unsigned char key[SEAL_KEY_BYTES], bool encrypt)
{
    struct seal *s = xcalloc(1, sizeof *s);
    s->gcm = gcm_best();
    s->key = s->gcm->key_new(key);
    s->encrypt = encrypt;
    return s;
}

void seal_free(struct seal **ps)
{
    struct seal *s = *ps;
    *ps = NULL;
    if (!s)
        return;
    s->gcm->key_free(s->key);
    free(s);
}

/* Number (8 bytes, big-endian) | zeros | 1 for the last chunk. */
static void chunk_nonce(uint64_t number, bool last, unsigned char nonce[SEAL_NONCE_BYTES])
{
    memset(nonce, 0, SEAL_NONCE_BYTES);
    for (int i = 0; i < 8; i++)
        nonce[i] = (unsigned char)(number >> (56 - 8 * i));
    nonce[SEAL_NONCE_BYTES - 1] = last;
}

void seal_next(struct seal *s, bool last, const void *clear, size_t n, unsigned char *out)
{
    unsigned char nonce[SEAL_NONCE_BYTES];
    CHECK(s->encrypt && !s->ended && n > 0 && (last ? n <= SEAL_CHUNK : n == SEAL_CHUNK));
    chunk_nonce(s->next++, last, nonce);
    s->ended = last;
    s->gcm->seal(s->key, nonce, (struct bytes){0}, clear, n, out);
}

bool seal_open(struct seal *s, uint64_t number, bool last, const void *sealed, size_t n, void *out)
{
    unsigned char nonce[SEAL_NONCE_BYTES];
    CHECK(!s->encrypt);
    if (n <= SEAL_TAG_BYTES || n > BLOB_BLOCK)
        return false;
    chunk_nonce(number, last, nonce);
    return s->gcm->open(s->key, nonce, (struct bytes){0}, sealed, n - SEAL_TAG_BYTES, out);
}

uint64_t seal_stream_bytes(uint64_t clear)
{
    return clear + (clear + SEAL_CHUNK - 1) / SEAL_CHUNK * SEAL_TAG_BYTES;
}

bool seal_stream_clear(uint64_t stream, uint64_t *ret_clear)
{
    uint64_t rest = stream % BLOB_BLOCK;
    if (stream == 0 || (rest > 0 && rest <= SEAL_TAG_BYTES))
        return false;
    *ret_clear = stream - (stream / BLOB_BLOCK + (rest > 0)) * SEAL_TAG_BYTES;
    return true;
}

/* ---- boxes ---- */

/* Of a few bytes under a key that is used once: with OpenSSL, which needs less time to expand it. */

void seal_box(const unsigned char key[SEAL_KEY_BYTES], struct bytes belongs_to, const void *clear, size_t n,
              unsigned char *out)
{
    const struct gcm *gcm = gcm_openssl();
    struct gcm_key *k = gcm->key_new(key);
    rand_bytes(out, SEAL_NONCE_BYTES);
    gcm->seal(k, out, belongs_to, clear, n, out + SEAL_NONCE_BYTES);
    gcm->key_free(k);
}

bool seal_box_open(const unsigned char key[SEAL_KEY_BYTES], struct bytes belongs_to, struct bytes box, void *out)
{
    const unsigned char *p = (const unsigned char *)box.p;
    if (box.n < SEAL_BOX_BYTES)
        return false;
    const struct gcm *gcm = gcm_openssl();
    struct gcm_key *k = gcm->key_new(key);
    bool good = gcm->open(k, p, belongs_to, p + SEAL_NONCE_BYTES, box.n - SEAL_BOX_BYTES, out);
    gcm->key_free(k);
    return good;
}
