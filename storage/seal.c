/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption of streams and boxes with OpenSSL. The cipher is fetched once for the process; a stream keeps one context,
 * whose key is expanded once and which gets another nonce for each chunk. OpenSSL wipes a context when it is freed.
 *
 * Tags are checked by OpenSSL before a chunk counts as open; the clear text that was written meanwhile is wiped when it
 * does not match. Threads: see the header.
 */
#include "storage/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/rand.h"

struct seal {
    EVP_CIPHER_CTX *ctx;
    uint64_t next; /* chunk to be written */
    bool encrypt, ended;
};

static EVP_CIPHER *cipher;
static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;

static void cipher_fetch(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static EVP_CIPHER_CTX *context_new(const unsigned char *key, const unsigned char *nonce, bool encrypt)
{
    pthread_once(&cipher_once, cipher_fetch);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    CHECK(cipher && ctx && EVP_CipherInit_ex2(ctx, cipher, key, nonce, encrypt, NULL) == 1);
    return ctx;
}

/* Of what was announced to the context: n bytes and the tag behind them. */
static void finish_seal(EVP_CIPHER_CTX *ctx, const void *clear, size_t n, unsigned char *out)
{
    int done = 0, last = 0;
    if (n)
        CHECK(EVP_EncryptUpdate(ctx, out, &done, clear, (int)n) == 1);
    CHECK(EVP_EncryptFinal_ex(ctx, out + done, &last) == 1 && (size_t)done + (size_t)last == n);
    CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)SEAL_TAG_BYTES, out + n) == 1);
}

static bool finish_open(EVP_CIPHER_CTX *ctx, const unsigned char *sealed, size_t n, unsigned char *out)
{
    unsigned char tag[SEAL_TAG_BYTES];
    int done = 0, last = 0;
    memcpy(tag, sealed + n, sizeof tag);
    bool good = (!n || EVP_DecryptUpdate(ctx, out, &done, sealed, (int)n) == 1) &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)sizeof tag, tag) == 1 &&
                EVP_DecryptFinal_ex(ctx, out + done, &last) == 1;
    if (!good && n)
        OPENSSL_cleanse(out, n);
    return good;
}

/* ---- streams ---- */

struct seal *seal_new(const unsigned char key[SEAL_KEY_BYTES], bool encrypt)
{
    struct seal *s = xcalloc(1, sizeof *s);
    s->ctx = context_new(key, NULL, encrypt);
    s->encrypt = encrypt;
    return s;
}

void seal_free(struct seal **ps)
{
    struct seal *s = *ps;
    *ps = NULL;
    if (!s)
        return;
    EVP_CIPHER_CTX_free(s->ctx);
    free(s);
}

/* Number (8 bytes, big-endian) | zeros | 1 for the last chunk. */
static void set_chunk(struct seal *s, uint64_t number, bool last)
{
    unsigned char nonce[SEAL_NONCE_BYTES] = {0};
    for (int i = 0; i < 8; i++)
        nonce[i] = (unsigned char)(number >> (56 - 8 * i));
    nonce[SEAL_NONCE_BYTES - 1] = last;
    CHECK(EVP_CipherInit_ex2(s->ctx, NULL, NULL, nonce, s->encrypt, NULL) == 1);
}

void seal_next(struct seal *s, bool last, const void *clear, size_t n, unsigned char *out)
{
    CHECK(s->encrypt && !s->ended && n > 0 && (last ? n <= SEAL_CHUNK : n == SEAL_CHUNK));
    set_chunk(s, s->next++, last);
    s->ended = last;
    finish_seal(s->ctx, clear, n, out);
}

bool seal_open(struct seal *s, uint64_t number, bool last, const void *sealed, size_t n, void *out)
{
    CHECK(!s->encrypt);
    if (n <= SEAL_TAG_BYTES || n > BLOB_BLOCK)
        return false;
    set_chunk(s, number, last);
    return finish_open(s->ctx, sealed, n - SEAL_TAG_BYTES, out);
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

static void belongs(EVP_CIPHER_CTX *ctx, struct bytes to)
{
    int n;
    if (to.n)
        CHECK(EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)to.p, (int)to.n) == 1);
}

void seal_box(const unsigned char key[SEAL_KEY_BYTES], struct bytes belongs_to, const void *clear, size_t n,
              unsigned char *out)
{
    rand_bytes(out, SEAL_NONCE_BYTES);
    EVP_CIPHER_CTX *ctx = context_new(key, out, true);
    belongs(ctx, belongs_to);
    finish_seal(ctx, clear, n, out + SEAL_NONCE_BYTES);
    EVP_CIPHER_CTX_free(ctx);
}

bool seal_box_open(const unsigned char key[SEAL_KEY_BYTES], struct bytes belongs_to, struct bytes box, void *out)
{
    const unsigned char *p = (const unsigned char *)box.p;
    if (box.n < SEAL_BOX_BYTES)
        return false;
    EVP_CIPHER_CTX *ctx = context_new(key, p, false);
    belongs(ctx, belongs_to);
    bool good = finish_open(ctx, p + SEAL_NONCE_BYTES, box.n - SEAL_BOX_BYTES, out);
    EVP_CIPHER_CTX_free(ctx);
    return good;
}
