/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM with OpenSSL, and the choice between it and another library.
 *
 * The cipher is fetched once for the process; a key is a context, expanded once, which gets another nonce for each
 * message. OpenSSL wipes a context when it is freed. It compares tags itself, in constant time; the clear text that was
 * written meanwhile is wiped when they differ.
 *
 * Another library is taken only where it is known to be faster, and only after both gave the same bytes for a sample.
 *
 * Threads: what is made once is made under pthread_once and only read after that.
 */
#include "storage/gcm.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* ---- OpenSSL ---- */

static EVP_CIPHER *cipher;
static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;

static void cipher_fetch(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static EVP_CIPHER_CTX *context(struct gcm_key *key)
{
    return (EVP_CIPHER_CTX *)key;
}

static struct gcm_key *openssl_key_new(const unsigned char key[GCM_KEY_BYTES])
{
    pthread_once(&cipher_once, cipher_fetch);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    CHECK(cipher && ctx && EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL) == 1);
    return (struct gcm_key *)ctx;
}

static void openssl_key_free(struct gcm_key *key)
{
    EVP_CIPHER_CTX_free(context(key));
}

static void begin(EVP_CIPHER_CTX *ctx, const unsigned char *nonce, bool encrypt, struct bytes also)
{
    int n;
    CHECK(EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, encrypt, NULL) == 1);
    if (also.n)
        CHECK(also.n <= GCM_BYTES_MAX &&
              EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)also.p, (int)also.n) == 1);
}

static void openssl_seal(struct gcm_key *key, const unsigned char *nonce, struct bytes also, const void *clear,
                         size_t n, unsigned char *out)
{
    EVP_CIPHER_CTX *ctx = context(key);
    int done = 0, last = 0;
    CHECK(n <= GCM_BYTES_MAX);
    begin(ctx, nonce, true, also);
    if (n)
        CHECK(EVP_EncryptUpdate(ctx, out, &done, clear, (int)n) == 1);
    CHECK(EVP_EncryptFinal_ex(ctx, out + done, &last) == 1 && (size_t)done + (size_t)last == n);
    CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)GCM_TAG_BYTES, out + n) == 1);
}

static bool openssl_open(struct gcm_key *key, const unsigned char *nonce, struct bytes also, const void *sealed,
                         size_t n, void *out)
{
    EVP_CIPHER_CTX *ctx = context(key);
    const unsigned char *in = sealed;
    unsigned char tag[GCM_TAG_BYTES], *to = out;
    int done = 0, last = 0;
    CHECK(n <= GCM_BYTES_MAX);
    memcpy(tag, in + n, sizeof tag);
    begin(ctx, nonce, false, also);
    bool good = (!n || EVP_DecryptUpdate(ctx, to, &done, in, (int)n) == 1) &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)sizeof tag, tag) == 1 &&
                EVP_DecryptFinal_ex(ctx, to + done, &last) == 1;
    if (!good && n)
        OPENSSL_cleanse(out, n);
    return good;
}

const struct gcm *gcm_openssl(void)
{
    static const struct gcm it = {"openssl", openssl_key_new, openssl_key_free, openssl_seal, openssl_open};
    return &it;
}

/* ---- choice ---- */

#define SAMPLE_BYTES 4099u /* some rounds of the widest loop, and a rest */

static void seal_sample(const struct gcm *g, unsigned char *out)
{
    static const unsigned char key[GCM_KEY_BYTES] = "of a sample, and of nothing else", nonce[GCM_NONCE_BYTES] = {1};
    unsigned char clear[SAMPLE_BYTES];
    for (size_t i = 0; i < sizeof clear; i++)
        clear[i] = (unsigned char)(i * 7 + i / 251);
    struct gcm_key *k = g->key_new(key);
    g->seal(k, nonce, BYTES_LIT("also"), clear, sizeof clear, out);
    g->key_free(k);
}

static bool agree(const struct gcm *a, const struct gcm *b)
{
    unsigned char one[SAMPLE_BYTES + GCM_TAG_BYTES], other[sizeof one];
    seal_sample(a, one);
    seal_sample(b, other);
    return memcmp(one, other, sizeof one) == 0;
}

static const struct gcm *best;
static pthread_once_t best_once = PTHREAD_ONCE_INIT;

static void best_choose(void)
{
    const char *wanted = secure_getenv(GCM_VARIABLE);
    const struct gcm *other = wanted && strcmp(wanted, gcm_openssl()->name) == 0 ? NULL : gcm_ipsec_mb();
    best = other && agree(other, gcm_openssl()) ? other : gcm_openssl();
}

const struct gcm *gcm_best(void)
{
    pthread_once(&best_once, best_choose);
    return best;
}
