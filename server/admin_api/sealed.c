/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encrypted bodies of MinIO's admin API, read in all three forms and written in the one that is asked for.
 *
 * Invariants: nothing of a fragment is handed out before its tag was verified, and nothing at all unless the last one
 * was marked as the last. A key and a nonce are used once: nonces are random, keys have a salt of the client's or ours.
 * Threads: any; the gate before derivations is the only thing shared.
 */
#include "server/admin_api/sealed.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/rand.h"

#define FRAGMENT      16384u
#define TAG           16u
#define AEAD_NONCE    12
#define FLAG_LAST     0x80
#define ARGON_PASSES  1
#define ARGON_KIB     65536
#define ARGON_LANES   4
#define PBKDF2_ROUNDS 8192

/* ---- the gate ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_open = PTHREAD_COND_INITIALIZER;
static unsigned running, waiting;

static bool enter(void)
{
    pthread_mutex_lock(&gate);
    bool in = running < SEALED_DERIVATIONS || waiting < SEALED_WAITING;
    if (in) {
        waiting++;
        while (running >= SEALED_DERIVATIONS)
            pthread_cond_wait(&gate_open, &gate);
        waiting--;
        running++;
    }
    pthread_mutex_unlock(&gate);
    return in;
}

static void leave(void)
{
    pthread_mutex_lock(&gate);
    running--;
    pthread_cond_signal(&gate_open);
    pthread_mutex_unlock(&gate);
}

/* ---- keys ---- */

/* Four lanes, one after another on this thread: the result is the same, and no threads are made for it. */
static bool argon2id(struct bytes secret, struct sealed_key *k)
{
    argon2_context c = {.out = k->key,
                        .outlen = sizeof k->key,
                        .pwd = (uint8_t *)secret.p,
                        .pwdlen = (uint32_t)secret.n,
                        .salt = k->salt,
                        .saltlen = sizeof k->salt,
                        .t_cost = ARGON_PASSES,
                        .m_cost = ARGON_KIB,
                        .lanes = ARGON_LANES,
                        .threads = 1,
                        .version = ARGON2_VERSION_13,
                        .flags = ARGON2_DEFAULT_FLAGS};
    return argon2_ctx(&c, Argon2_id) == ARGON2_OK;
}

static bool pbkdf2(struct bytes secret, struct sealed_key *k)
{
    return PKCS5_PBKDF2_HMAC(secret.n ? secret.p : "", (int)secret.n, k->salt, sizeof k->salt, PBKDF2_ROUNDS,
                             EVP_sha256(), sizeof k->key, k->key) == 1;
}

enum sealed_rc sealed_derive(struct bytes secret, enum sealed_id id, const unsigned char salt[SEALED_SALT],
                             struct sealed_key *ret)
{
    if (!enter())
        return SEALED_BUSY;
    ret->id = id;
    memmove(ret->salt, salt, SEALED_SALT);
    bool good = id == SEALED_PBKDF2_AES ? pbkdf2(secret, ret) : argon2id(secret, ret);
    leave();
    return good ? SEALED_OK : SEALED_BUSY;
}

enum sealed_rc sealed_new_key(struct bytes secret, enum sealed_id id, struct sealed_key *ret)
{
    unsigned char salt[SEALED_SALT];
    rand_bytes(salt, sizeof salt);
    return sealed_derive(secret, id, salt, ret);
}

/* ---- fragments ---- */

struct stream {
    EVP_CIPHER_CTX *ctx;
    unsigned char nonce[AEAD_NONCE]; /* with the number of the fragment at its end, little-endian */
    unsigned char ad[1 + TAG];
    uint32_t number;
};

static void set_number(struct stream *s, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        s->nonce[SEALED_NONCE + i] = (unsigned char)(number >> 8 * i);
}

/* One AEAD call; `tag` is written when sealing and compared when opening. */
static bool crypt_fragment(struct stream *s, bool seal, const unsigned char *ad, size_t n_ad, const char *in, size_t n,
                           char *out, unsigned char tag[TAG])
{
    int len = 0;
    bool good =
        EVP_CipherInit_ex(s->ctx, NULL, NULL, NULL, s->nonce, seal) == 1 &&
        (n_ad == 0 || EVP_CipherUpdate(s->ctx, NULL, &len, ad, (int)n_ad) == 1) &&
        (n == 0 || EVP_CipherUpdate(s->ctx, (unsigned char *)out, &len, (const unsigned char *)in, (int)n) == 1);
    if (good && !seal)
        good = EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1;
    unsigned char rest[TAG];
    good = good && EVP_CipherFinal_ex(s->ctx, rest, &len) == 1;
    if (good && seal)
        good = EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1;
    return good;
}

/* What binds all fragments to the stream: the tag of nothing under number 0. */
static void stream_begin(struct stream *s, const struct sealed_key *k, const char *nonce)
{
    const EVP_CIPHER *cipher = k->id == SEALED_ARGON2ID_CHACHA ? EVP_chacha20_poly1305() : EVP_aes_256_gcm();
    s->ctx = EVP_CIPHER_CTX_new();
    CHECK(s->ctx && EVP_CipherInit_ex(s->ctx, cipher, NULL, k->key, NULL, 1) == 1);
    memcpy(s->nonce, nonce, SEALED_NONCE);
    set_number(s, 0);
    s->ad[0] = 0;
    CHECK(crypt_fragment(s, true, NULL, 0, NULL, 0, NULL, s->ad + 1));
    s->number = 0;
}

static bool stream_next(struct stream *s, bool seal, bool last, const char *in, size_t n, char *out,
                        unsigned char tag[TAG])
{
    set_number(s, ++s->number);
    s->ad[0] = last ? FLAG_LAST : 0;
    return crypt_fragment(s, seal, s->ad, sizeof s->ad, in, n, out, tag);
}

static void stream_end(struct stream *s)
{
    EVP_CIPHER_CTX_free(s->ctx);
}

/* ---- bodies ---- */

struct plaintext {
    char *p;
    size_t n;
};

static void wipe(void *arg)
{
    struct plaintext *t = arg;
    OPENSSL_cleanse(t->p, t->n);
}

static bool open_fragments(struct stream *s, struct bytes in, char *out, size_t *ret_n)
{
    size_t n = 0;
    for (bool last = false; !last;) {
        last = in.n <= FRAGMENT + TAG;
        size_t piece = (last ? in.n : FRAGMENT + TAG) - TAG;
        unsigned char tag[TAG];
        memcpy(tag, in.p + piece, TAG);
        if (!stream_next(s, false, last, in.p, piece, out + n, tag))
            return false;
        n += piece;
        in = bytes_cut(in, piece + TAG, in.n);
        if (!last && in.n < TAG)
            return false;
    }
    *ret_n = n;
    return true;
}

/* Long enough, and of a form that is known. */
static bool well_formed(struct bytes body)
{
    return body.n >= SEALED_HEAD + TAG && (unsigned char)body.p[SEALED_SALT] <= SEALED_PBKDF2_AES;
}

enum sealed_rc sealed_open_with(const struct sealed_key *k, struct bytes body, struct arena *a, struct bytes *ret)
{
    struct stream s;
    size_t n = 0;
    if (!well_formed(body))
        return SEALED_MALFORMED;
    struct plaintext *t = arena_new(a, struct plaintext);
    t->n = body.n - SEALED_HEAD;
    t->p = arena_zalloc(a, t->n + 1);
    arena_defer(a, wipe, t);
    stream_begin(&s, k, body.p + SEALED_SALT + 1);
    bool good = open_fragments(&s, bytes_cut(body, SEALED_HEAD, body.n), t->p, &n);
    stream_end(&s);
    *ret = bytes_of(t->p, n);
    return good ? SEALED_OK : SEALED_WRONG;
}

enum sealed_rc sealed_open(struct bytes secret, struct bytes body, struct arena *a, struct sealed_key *ret_key,
                           struct bytes *ret)
{
    if (!well_formed(body))
        return SEALED_MALFORMED;
    enum sealed_rc rc =
        sealed_derive(secret, (enum sealed_id)body.p[SEALED_SALT], (const unsigned char *)body.p, ret_key);
    return rc == SEALED_OK ? sealed_open_with(ret_key, body, a, ret) : rc;
}

void sealed_seal(const struct sealed_key *k, struct bytes plain, struct buf *out)
{
    char nonce[SEALED_NONCE], id = (char)k->id;
    struct stream s;
    rand_bytes(nonce, sizeof nonce);
    buf_put(out, k->salt, sizeof k->salt);
    buf_put(out, &id, 1);
    buf_put(out, nonce, sizeof nonce);
    stream_begin(&s, k, nonce);
    for (bool last = false; !last;) {
        last = plain.n <= FRAGMENT;
        size_t n = last ? plain.n : FRAGMENT;
        char *to = buf_reserve(out, n + TAG);
        if (!to)
            break;
        CHECK(stream_next(&s, true, last, plain.p, n, to, (unsigned char *)to + n));
        out->n += n + TAG;
        plain = bytes_cut(plain, n, plain.n);
    }
    stream_end(&s);
}
