/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunk signatures: a chain of HMACs, each over the previous signature and the SHA-256 of the chunk's data. A small
 * state machine enforces the order (chunks, the empty one, trailers, their signature, the end), so that a body cut
 * short or continued past its end never finishes well.
 *
 * Invariants: `previous` holds a verified signature, always; once `error` is set nothing verifies any more; the SHA-256
 * covers exactly the bytes between begin and end.
 * Threads: one at a time; hashing happens in sigv4_chunk_data, on the caller's thread, at most what the caller hands
 * over.
 */
#include "server/auth/sigv4_chunked.h"
#include "server/auth/internal.h"
#include "base/check.h"
#include "checksum.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define TEXT_MAX         384 /* the longest string to sign: 26 + 16 + scope of 103 + two or three hashes of 64, line ends */
#define TRAILER_NAME_MAX 256
#define CHUNK_WORD       "AWS4-HMAC-SHA256-PAYLOAD"
#define TRAILER_WORD     "AWS4-HMAC-SHA256-TRAILER"
#define EMPTY_SHA256     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum state { BETWEEN, IN_CHUNK, AFTER_LAST, DONE };

struct sigv4_chunked {
    struct sigv4_seed seed;
    char previous[64];
    bool signed_trailer;
    enum state state;
    uint64_t number, size, left; /* of the current chunk; numbers count from 1 */
    uint64_t small, small_size;  /* number and size of a chunk that may only be the last; 0: none */
    char claimed[64];            /* its signature as sent */
    EVP_MD_CTX *sha;             /* over the chunk's data; then over the trailers */
    struct arena *arena;
    struct auth_error error;
};

/* Fetched once: an implicit fetch at every chunk would take a lock. */
static EVP_MD *sha256_md(void)
{
    static EVP_MD *md;
    EVP_MD *known = __atomic_load_n(&md, __ATOMIC_ACQUIRE);
    if (known != NULL)
        return known;
    EVP_MD *fresh = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(fresh != NULL);
    if (!__atomic_compare_exchange_n(&md, &known, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        EVP_MD_free(fresh);
        return known;
    }
    return fresh;
}

static void sha_restart(struct sigv4_chunked *c)
{
    CHECK(EVP_DigestInit_ex(c->sha, sha256_md(), NULL) == 1);
}

static void sha_put(struct sigv4_chunked *c, const void *p, size_t n)
{
    if (n > 0)
        CHECK(EVP_DigestUpdate(c->sha, p, n) == 1);
}

static void chunked_fini(void *p)
{
    struct sigv4_chunked *c = p;
    EVP_MD_CTX_free(c->sha);
    OPENSSL_cleanse(c, sizeof(*c));
}

struct sigv4_chunked *sigv4_chunked_new(const struct sigv4_seed *seed, bool signed_trailer, struct arena *arena)
{
    struct sigv4_chunked *c = arena_new(arena, struct sigv4_chunked);
    c->seed = *seed;
    c->signed_trailer = signed_trailer;
    c->arena = arena;
    memcpy(c->previous, seed->signature, sizeof(c->previous));
    c->sha = EVP_MD_CTX_new();
    CHECK(c->sha != NULL);
    arena_defer(arena, chunked_fini, c);
    sha_restart(c);
    return c;
}

const struct auth_error *sigv4_chunked_error(const struct sigv4_chunked *c)
{
    return &c->error;
}

static bool refuse(struct sigv4_chunked *c, const char *code, const char *message)
{
    if (c->error.code == NULL)
        auth__error_set(&c->error, code, bytes_str(message));
    return false;
}

static bool refuse_signature(struct sigv4_chunked *c)
{
    return refuse(c, "SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided. Check your key and "
                  "signing method.");
}

static bool refuse_order(struct sigv4_chunked *c)
{
    return refuse(c, "IncompleteBody", "The request body terminated unexpectedly");
}

static char *put(char *w, const char *p, size_t n)
{
    memcpy(w, p, n);
    return w + n;
}

/* word \n date \n scope \n previous [\n extra] \n hash: signed, compared with `claimed`, and then the new `previous`.
 */
static bool verify_link(struct sigv4_chunked *c, const char *word, const char *extra, const char *claimed)
{
    char text[TEXT_MAX], hex[64], *w = text;
    unsigned char digest[32];
    CHECK(c->seed.scope.n <= TEXT_MAX - 26 - 17 - 3 * 65);
    w = put(w, word, strlen(word));
    *w++ = '\n';
    w = put(w, c->seed.date, sizeof(c->seed.date));
    *w++ = '\n';
    w = put(w, c->seed.scope.p, c->seed.scope.n);
    *w++ = '\n';
    w = put(w, c->previous, sizeof(c->previous));
    *w++ = '\n';
    if (extra != NULL) {
        w = put(w, extra, 64);
        *w++ = '\n';
    }
    CHECK(EVP_DigestFinal_ex(c->sha, digest, NULL) == 1);
    hex_encode(digest, sizeof(digest), w);
    hmac_sha256(c->seed.signing_key, sizeof(c->seed.signing_key), text, (size_t)(w + 64 - text), digest);
    hex_encode(digest, sizeof(digest), hex);
    bool same = CRYPTO_memcmp(hex, claimed, sizeof(hex)) == 0;
    if (same)
        memcpy(c->previous, claimed, sizeof(c->previous));
    OPENSSL_cleanse(digest, sizeof(digest));
    OPENSSL_cleanse(hex, sizeof(hex));
    sha_restart(c);
    return same || refuse_signature(c);
}

static bool refuse_small(struct sigv4_chunked *c)
{
    if (!refuse(c, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes") &&
        c->error.extra_count == 0) {
        auth__error_add(&c->error, "Chunk", arena_bytesf(c->arena, "%llu", (unsigned long long)c->small));
        auth__error_add(&c->error, "BadChunkSize", arena_bytesf(c->arena, "%llu", (unsigned long long)c->small_size));
    }
    return false;
}

bool sigv4_chunk_begin(struct sigv4_chunked *c, uint64_t size, struct bytes signature)
{
    if (c->error.code != NULL)
        return false;
    if (c->state != BETWEEN)
        return refuse_order(c);
    if (size > 0 && c->small > 0)
        return refuse_small(c);
    if (signature.n != sizeof(c->claimed))
        return refuse_signature(c);
    memcpy(c->claimed, signature.p, sizeof(c->claimed));
    c->number++;
    c->size = c->left = size;
    c->state = IN_CHUNK;
    if (size > 0 && size < SIGV4_CHUNK_MIN) {
        c->small = c->number;
        c->small_size = size;
    }
    return true;
}

void sigv4_chunk_data(struct sigv4_chunked *c, const void *p, size_t n)
{
    if (c->error.code != NULL)
        return;
    if (c->state != IN_CHUNK || n > c->left) {
        refuse_order(c);
        return;
    }
    c->left -= n;
    sha_put(c, p, n);
}

bool sigv4_chunk_end(struct sigv4_chunked *c)
{
    if (c->error.code != NULL)
        return false;
    if (c->state != IN_CHUNK || c->left > 0)
        return refuse_order(c);
    if (!verify_link(c, CHUNK_WORD, EMPTY_SHA256, c->claimed))
        return false;
    c->state = c->size > 0 ? BETWEEN : c->signed_trailer ? AFTER_LAST : DONE;
    return true;
}

bool sigv4_chunked_trailer(struct sigv4_chunked *c, struct bytes name, struct bytes value)
{
    if (c->error.code != NULL)
        return false;
    if (c->state != AFTER_LAST || name.n == 0 || name.n > TRAILER_NAME_MAX)
        return refuse(
            c, "MalformedTrailerError",
            "The request contained trailing data that was not well-formed or did not conform to our published "
            "schema.");
    char lower[TRAILER_NAME_MAX];
    for (size_t i = 0; i < name.n; i++)
        lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] | 0x20) : name.p[i];
    value = bytes_trim(value);
    sha_put(c, lower, name.n);
    sha_put(c, ":", 1);
    sha_put(c, value.p, value.n);
    sha_put(c, "\n", 1);
    return true;
}

bool sigv4_chunked_trailer_signature(struct sigv4_chunked *c, struct bytes signature)
{
    if (c->error.code != NULL)
        return false;
    if (c->state != AFTER_LAST)
        return refuse_order(c);
    if (signature.n != sizeof(c->previous))
        return refuse_signature(c);
    if (!verify_link(c, TRAILER_WORD, NULL, signature.p))
        return false;
    c->state = DONE;
    return true;
}

bool sigv4_chunked_finish(struct sigv4_chunked *c)
{
    if (c->error.code != NULL)
        return false;
    if (c->state == AFTER_LAST)
        return refuse_signature(c); /* CHK-07: the trailers' signature is missing */
    return c->state == DONE || refuse_order(c);
}
