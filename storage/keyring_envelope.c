/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes: what is on disk beside an encrypted object.
 *
 *     version 1 | method 1 | flags 1 | key version 4 | n 1, key's name n | n 2, context n | SSE-C: MD5 of its key 16
 *     nonce 24 | sealed object key 32 | tag 16
 *
 * Numbers are big-endian. The first line is public; it is associated data of the second, and so is the place (partition
 * in 8 bytes, then the key of the object): lengths make the one end where the other begins.
 *
 * Never a nonce twice under one key. A key-encryption key seals as many envelopes as there are objects, and a
 * customer's key perhaps as many as his whole company writes. Random 96-bit nonces of AES-GCM are good for 2^32
 * sealings, which a large server reaches in months; a counter would have to be durable and could be set back by a
 * restored backup. So the nonce has 192 random bits (XAES-256-GCM as C2SP has it): the first half derives a key of
 * AES-256-GCM (a KDF of NIST SP 800-108 over CMAC, three blocks of AES), the second is its nonce. 2^80 sealings with
 * one key leave a chance of 2^-32 that any two meet, so no use is counted and no key wears out.
 *
 * Threads: pure.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/bigendian.h"
#include "base/check.h"
#include "base/rand.h"
#include "storage/keyring_in.h"

#define VERSION         1
#define FLAG_BUCKET_KEY 1
#define MD5_SIZE        16
#define SEALED_SIZE     (XAES_NONCE + OBJECT_KEY + XAES_TAG)
#define GCM_NONCE       12

/* ---- XAES-256-GCM ---- */

static EVP_CIPHER *aes_ecb, *aes_gcm;

/* Looking an algorithm up costs more than using it once. */
static void fetch_ciphers(void)
{
    aes_ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
    aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    CHECK(aes_ecb && aes_gcm);
}

static EVP_CIPHER_CTX *new_context(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_ciphers);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    CHECK(c);
    return c;
}

static void encrypt_blocks(EVP_CIPHER_CTX *c, const unsigned char *key, const unsigned char *in, int n,
                           unsigned char *out)
{
    int done;
    CHECK(EVP_EncryptInit_ex2(c, aes_ecb, key, NULL, NULL) == 1 && EVP_CIPHER_CTX_set_padding(c, 0) == 1);
    CHECK(EVP_EncryptUpdate(c, out, &done, in, n) == 1 && done == n);
}

void kek_key_set(struct kek_key *k, const unsigned char key[KEK_BYTES])
{
    static const unsigned char zero[KEK_HALF];
    unsigned char l[KEK_HALF];
    EVP_CIPHER_CTX *c = new_context();
    memcpy(k->key, key, KEK_BYTES);
    encrypt_blocks(c, key, zero, KEK_HALF, l);
    for (size_t i = 0; i < KEK_HALF; i++) /* doubled in GF(2^128), as CMAC does */
        k->half[i] = (unsigned char)(l[i] << 1 | (i + 1 < KEK_HALF ? l[i + 1] >> 7 : 0));
    k->half[KEK_HALF - 1] ^= (unsigned char)(0x87 & -(l[0] >> 7));
    OPENSSL_cleanse(l, sizeof l);
    EVP_CIPHER_CTX_free(c);
}

void kek_key_wipe(struct kek_key *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

/* A context of AES-256-GCM with the key derived for this nonce and the associated data in it. */
static EVP_CIPHER_CTX *begin(const struct kek_key *k, const unsigned char *nonce, struct bytes one, struct bytes two,
                             int encrypt)
{
    unsigned char in[2 * KEK_HALF], derived[KEK_BYTES];
    EVP_CIPHER_CTX *c = new_context();
    int n;
    for (size_t i = 0; i < 2; i++) {
        unsigned char *block = in + i * KEK_HALF;
        memcpy(block, (unsigned char[]){0, (unsigned char)(i + 1), 'X', 0}, 4);
        memcpy(block + 4, nonce, GCM_NONCE);
        for (size_t at = 0; at < KEK_HALF; at++)
            block[at] ^= k->half[at];
    }
    encrypt_blocks(c, k->key, in, sizeof in, derived);
    CHECK(EVP_CIPHER_CTX_reset(c) == 1);
    CHECK(EVP_CipherInit_ex2(c, aes_gcm, derived, nonce + GCM_NONCE, encrypt, NULL) == 1);
    OPENSSL_cleanse(derived, sizeof derived);
    OPENSSL_cleanse(in, sizeof in);
    if (one.n)
        CHECK(EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)one.p, (int)one.n) == 1);
    if (two.n)
        CHECK(EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)two.p, (int)two.n) == 1);
    return c;
}

void xaes_seal(const struct kek_key *k, const unsigned char nonce[XAES_NONCE], struct bytes one, struct bytes two,
               struct bytes in, unsigned char *out)
{
    EVP_CIPHER_CTX *c = begin(k, nonce, one, two, 1);
    int n = 0, last = 0;
    CHECK(EVP_EncryptUpdate(c, out, &n, (const unsigned char *)in.p, (int)in.n) == 1);
    CHECK(EVP_EncryptFinal_ex(c, out + n, &last) == 1 && (size_t)(n + last) == in.n);
    CHECK(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, XAES_TAG, out + in.n) == 1);
    EVP_CIPHER_CTX_free(c);
}

bool xaes_open(const struct kek_key *k, const unsigned char nonce[XAES_NONCE], struct bytes one, struct bytes two,
               struct bytes in, unsigned char *out)
{
    unsigned char tag[XAES_TAG];
    int n = 0, last = 0;
    if (in.n < XAES_TAG)
        return false;
    size_t size = in.n - XAES_TAG;
    EVP_CIPHER_CTX *c = begin(k, nonce, one, two, 0);
    memcpy(tag, in.p + size, XAES_TAG);
    bool good = EVP_DecryptUpdate(c, out, &n, (const unsigned char *)in.p, (int)size) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, XAES_TAG, tag) == 1 &&
                EVP_DecryptFinal_ex(c, out + n, &last) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!good)
        OPENSSL_cleanse(out, size);
    return good;
}

/* ---- the format ---- */

/* What may stand where: an envelope that says anything else is none. */
static bool is_sound(const struct sse_info *i)
{
    if (i->method == SSE_C)
        return !i->key_id.n && !i->key_version && !i->context.n && !i->bucket_key;
    return keyring_name_good(i->key_id) && i->key_version >= 1 && i->key_version <= KEYRING_VERSIONS_MAX &&
           (i->method != SSE_S3 || (!i->context.n && !i->bucket_key));
}

/* The public part's length; 0: it is none. */
static size_t read_public(struct bytes e, struct sse_info *ret)
{
    const unsigned char *p = (const unsigned char *)e.p;
    size_t at = 7;
    *ret = (struct sse_info){0};
    if (e.n < at + 3 || p[0] != VERSION || p[1] < SSE_S3 || p[1] > SSE_C || p[2] > FLAG_BUCKET_KEY)
        return 0;
    ret->method = (enum sse_method)p[1];
    ret->bucket_key = p[2] & FLAG_BUCKET_KEY;
    ret->key_version = get32(p + 3);
    ret->key_id = bytes_cut(e, at + 1, p[at]);
    at += 1u + p[at];
    if (at + 2 > e.n)
        return 0;
    size_t context = (size_t)p[at] << 8 | p[at + 1];
    ret->context = bytes_cut(e, at + 2, context);
    at += 2 + context;
    if (context > KEYRING_CONTEXT_MAX || at > e.n)
        return 0;
    if (ret->method == SSE_C) {
        if (at + MD5_SIZE > e.n)
            return 0;
        memcpy(ret->customer_md5, p + at, MD5_SIZE);
        at += MD5_SIZE;
    }
    return is_sound(ret) ? at : 0;
}

bool sse_info_read(struct bytes envelope, struct sse_info *ret)
{
    size_t n = read_public(envelope, ret);
    return n > 0 && envelope.n == n + SEALED_SIZE;
}

static size_t write_public(const struct sse_info *i, unsigned char *out)
{
    unsigned char *p = out;
    *p++ = VERSION;
    *p++ = (unsigned char)i->method;
    *p++ = i->bucket_key ? FLAG_BUCKET_KEY : 0;
    put32(p, i->key_version);
    p += 4;
    *p++ = (unsigned char)i->key_id.n;
    if (i->key_id.n)
        memcpy(p, i->key_id.p, i->key_id.n);
    p += i->key_id.n;
    *p++ = (unsigned char)(i->context.n >> 8);
    *p++ = (unsigned char)i->context.n;
    if (i->context.n)
        memcpy(p, i->context.p, i->context.n);
    p += i->context.n;
    if (i->method == SSE_C) {
        memcpy(p, i->customer_md5, MD5_SIZE);
        p += MD5_SIZE;
    }
    return (size_t)(p - out);
}

/* Keys of objects have up to 1024 bytes, so this goes on the stack. */
struct place_text {
    unsigned char text[8 + 1024];
    size_t n;
};

static struct bytes place_bytes(const struct sse_place *place, struct place_text *t)
{
    CHECK(place->key.n <= sizeof t->text - 8);
    put64(t->text, place->partition);
    if (place->key.n)
        memcpy(t->text + 8, place->key.p, place->key.n);
    t->n = 8 + place->key.n;
    return bytes_of(t->text, t->n);
}

struct bytes envelope_seal(struct arena *a, const struct sse_info *i, const struct kek_key *k,
                           const struct sse_place *place, const unsigned char object_key[OBJECT_KEY])
{
    CHECK(is_sound(i) && i->context.n <= KEYRING_CONTEXT_MAX);
    unsigned char *out = arena_alloc(a, ENVELOPE_MOST - KEYRING_CONTEXT_MAX + i->context.n);
    struct place_text t;
    size_t n = write_public(i, out);
    rand_bytes(out + n, XAES_NONCE);
    xaes_seal(k, out + n, bytes_of(out, n), place_bytes(place, &t), bytes_of(object_key, OBJECT_KEY),
              out + n + XAES_NONCE);
    return bytes_of(out, n + SEALED_SIZE);
}

bool envelope_open(struct bytes envelope, const struct kek_key *k, const struct sse_place *place,
                   unsigned char ret_object_key[OBJECT_KEY])
{
    struct sse_info info;
    struct place_text t;
    size_t n = read_public(envelope, &info);
    if (!n || envelope.n != n + SEALED_SIZE || place->key.n > sizeof t.text - 8)
        return false;
    return xaes_open(k, (const unsigned char *)envelope.p + n, bytes_cut(envelope, 0, n), place_bytes(place, &t),
                     bytes_cut(envelope, n + XAES_NONCE, OBJECT_KEY + XAES_TAG), ret_object_key);
}
