/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksums of S3 behind one streaming interface: CRCs from crc.c, SHA and MD5 from OpenSSL, XXHASH from libxxhash
 * (seed 0, canonical big-endian form).
 *
 * OpenSSL 3 looks an algorithm up by name on every EVP_md5() or EVP_sha256() use, which costs more than hashing a short
 * input; so the EVP_MDs are fetched once per process, and the one-shot functions keep one EVP_MD_CTX per thread and
 * digest, which re-initialises without allocating; between calls it is always ready for the next.
 *
 * HMAC is written out over SHA-256 (RFC 2104), because EVP_MAC allocates and looks up parameters by name on each call.
 * Its key blocks are wiped; making the thread's context ready again overwrites its chaining value.
 *
 * Threads: any; a context belongs to one thread at a time.
 */
#include "base/bigendian.h"
#include "checksum.h"
#include "storage/crc.h"
#include "base/arena.h"
#include "base/check.h"
#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SHA256_BLOCK_BYTES 64
#define SHA256_BYTES       32

static const struct checksum_info infos[CHECKSUM_ALG_COUNT] = {
    [CHECKSUM_CRC32] = {"CRC32", "crc32", "ChecksumCRC32", "x-amz-checksum-crc32", 4, true, true, CHECKSUM_COMPOSITE},
    [CHECKSUM_CRC32C] = {"CRC32C", "crc32c", "ChecksumCRC32C", "x-amz-checksum-crc32c", 4, true, true,
                         CHECKSUM_COMPOSITE},
    [CHECKSUM_CRC64NVME] = {"CRC64NVME", "crc64nvme", "ChecksumCRC64NVME", "x-amz-checksum-crc64nvme", 8, false, true,
                            CHECKSUM_FULL_OBJECT},
    [CHECKSUM_SHA1] = {"SHA1", "sha1", "ChecksumSHA1", "x-amz-checksum-sha1", 20, true, false, CHECKSUM_COMPOSITE},
    [CHECKSUM_SHA256] = {"SHA256", "sha256", "ChecksumSHA256", "x-amz-checksum-sha256", 32, true, false,
                         CHECKSUM_COMPOSITE},
    [CHECKSUM_SHA512] = {"SHA512", "sha512", "ChecksumSHA512", "x-amz-checksum-sha512", 64, true, false,
                         CHECKSUM_COMPOSITE},
    [CHECKSUM_MD5] = {"MD5", "md5", "ChecksumMD5", "x-amz-checksum-md5", 16, true, false, CHECKSUM_COMPOSITE},
    [CHECKSUM_XXHASH64] = {"XXHASH64", "xxhash64", "ChecksumXXHASH64", "x-amz-checksum-xxhash64", 8, true, false,
                           CHECKSUM_COMPOSITE},
    [CHECKSUM_XXHASH3] = {"XXHASH3", "xxhash3", "ChecksumXXHASH3", "x-amz-checksum-xxhash3", 8, true, false,
                          CHECKSUM_COMPOSITE},
    [CHECKSUM_XXHASH128] = {"XXHASH128", "xxhash128", "ChecksumXXHASH128", "x-amz-checksum-xxhash128", 16, true, false,
                            CHECKSUM_COMPOSITE},
};

const struct checksum_info *checksum_info(enum checksum_alg alg)
{
    return (unsigned)alg > CHECKSUM_NONE && (unsigned)alg < CHECKSUM_ALG_COUNT ? &infos[alg] : NULL;
}

enum checksum_alg checksum_by_name(struct bytes name)
{
    for (int alg = CHECKSUM_NONE + 1; alg < CHECKSUM_ALG_COUNT; alg++)
        if (bytes_eq_str_nocase(name, infos[alg].name))
            return (enum checksum_alg)alg;
    return CHECKSUM_NONE;
}

const char *checksum_type_name(enum checksum_type type)
{
    switch (type) {
    case CHECKSUM_FULL_OBJECT:
        return "FULL_OBJECT";
    case CHECKSUM_COMPOSITE:
        return "COMPOSITE";
    case CHECKSUM_TYPE_NONE:
        break;
    }
    return "";
}

/* --- OpenSSL's digests -------------------------------------------------------------------------------------------- */

static const EVP_MD *digests[CHECKSUM_ALG_COUNT]; /* filled once, kept until the process ends */
static pthread_once_t digests_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_ctx_key; /* only for its destructor */

struct thread_ctx {
    EVP_MD_CTX *md5, *sha256;
};

static __thread struct thread_ctx *thread_ctx;

static void thread_ctx_free(void *arg)
{
    struct thread_ctx *t = arg;

    EVP_MD_CTX_free(t->md5);
    EVP_MD_CTX_free(t->sha256);
    free(t);
    thread_ctx = NULL;
}

static void digests_fetch(void)
{
    digests[CHECKSUM_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
    digests[CHECKSUM_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
    digests[CHECKSUM_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
    digests[CHECKSUM_SHA512] = EVP_MD_fetch(NULL, "SHA512", NULL);
    CHECK(pthread_key_create(&thread_ctx_key, thread_ctx_free) == 0);
}

static const EVP_MD *digest_of(enum checksum_alg alg)
{
    pthread_once(&digests_once, digests_fetch);
    CHECK(digests[alg] != NULL); /* checksum_self_test has refused to start without it */
    return digests[alg];
}

static EVP_MD_CTX *digest_start(const EVP_MD *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    CHECK(ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1);
    return ctx;
}

static struct thread_ctx *thread_ctx_get(void)
{
    if (__builtin_expect(thread_ctx == NULL, 0)) {
        struct thread_ctx *t = xcalloc(1, sizeof(*t));
        t->md5 = digest_start(digest_of(CHECKSUM_MD5));
        t->sha256 = digest_start(digest_of(CHECKSUM_SHA256));
        CHECK(pthread_setspecific(thread_ctx_key, t) == 0);
        thread_ctx = t;
    }
    return thread_ctx;
}

/* A NULL digest re-initialises with the one that the context has. */
static void ctx_restart(EVP_MD_CTX *ctx)
{
    CHECK(EVP_DigestInit_ex(ctx, NULL, NULL) == 1);
}

static void ctx_put(EVP_MD_CTX *ctx, const void *p, size_t n)
{
    if (n > 0)
        CHECK(EVP_DigestUpdate(ctx, p, n) == 1);
}

static void ctx_end(EVP_MD_CTX *ctx, unsigned char *ret)
{
    CHECK(EVP_DigestFinal_ex(ctx, ret, NULL) == 1);
}

/* One message through a thread's context, which is left ready for the next. */
static void ctx_digest(EVP_MD_CTX *ctx, const void *p, size_t n, unsigned char *ret)
{
    ctx_put(ctx, p, n);
    ctx_end(ctx, ret);
    ctx_restart(ctx);
}

void md5_of(const void *p, size_t n, unsigned char ret[16])
{
    ctx_digest(thread_ctx_get()->md5, p, n, ret);
}

void sha256_of(const void *p, size_t n, unsigned char ret[32])
{
    ctx_digest(thread_ctx_get()->sha256, p, n, ret);
}

void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, unsigned char ret[32])
{
    EVP_MD_CTX *ctx = thread_ctx_get()->sha256;
    unsigned char block[SHA256_BLOCK_BYTES + SHA256_BYTES] = {0}; /* the key's, and behind it the inner digest */

    if (key_n > SHA256_BLOCK_BYTES)
        sha256_of(key, key_n, block);
    else if (key_n > 0)
        memcpy(block, key, key_n);
    for (size_t i = 0; i < SHA256_BLOCK_BYTES; i++)
        block[i] ^= 0x36;
    ctx_put(ctx, block, SHA256_BLOCK_BYTES);
    ctx_digest(ctx, p, n, block + SHA256_BLOCK_BYTES);
    for (size_t i = 0; i < SHA256_BLOCK_BYTES; i++)
        block[i] ^= 0x36 ^ 0x5c;
    ctx_digest(ctx, block, sizeof(block), ret);
    OPENSSL_cleanse(block, sizeof(block));
}

/* --- streaming ------------------------------------------------------------------------------------------------------
 */

struct checksum_ctx {
    enum checksum_alg alg;
    union {
        uint32_t crc32;
        uint64_t crc64;
        EVP_MD_CTX *md;
        XXH64_state_t *xxh64;
        XXH3_state_t *xxh3;
    };
};

struct checksum_ctx *checksum_new(enum checksum_alg alg)
{
    CHECK(checksum_info(alg) != NULL);
    struct checksum_ctx *c = xcalloc(1, sizeof(*c));

    c->alg = alg;
    switch (alg) {
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256:
    case CHECKSUM_SHA512:
    case CHECKSUM_MD5:
        c->md = digest_start(digest_of(alg));
        break;
    case CHECKSUM_XXHASH64:
        c->xxh64 = XXH64_createState();
        CHECK(c->xxh64 != NULL && XXH64_reset(c->xxh64, 0) == XXH_OK);
        break;
    case CHECKSUM_XXHASH3:
        c->xxh3 = XXH3_createState();
        CHECK(c->xxh3 != NULL && XXH3_64bits_reset(c->xxh3) == XXH_OK);
        break;
    case CHECKSUM_XXHASH128:
        c->xxh3 = XXH3_createState();
        CHECK(c->xxh3 != NULL && XXH3_128bits_reset(c->xxh3) == XXH_OK);
        break;
    default: /* the CRCs start with 0 */
        break;
    }
    return c;
}

void checksum_free(struct checksum_ctx *c)
{
    if (c == NULL)
        return;
    switch (c->alg) {
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256:
    case CHECKSUM_SHA512:
    case CHECKSUM_MD5:
        EVP_MD_CTX_free(c->md);
        break;
    case CHECKSUM_XXHASH64:
        XXH64_freeState(c->xxh64);
        break;
    case CHECKSUM_XXHASH3:
    case CHECKSUM_XXHASH128:
        XXH3_freeState(c->xxh3);
        break;
    default:
        break;
    }
    free(c);
}

void checksum_update(struct checksum_ctx *c, const void *p, size_t n)
{
    if (n == 0)
        return;
    switch (c->alg) {
    case CHECKSUM_CRC32:
        c->crc32 = crc32_iso(c->crc32, p, n);
        break;
    case CHECKSUM_CRC32C:
        c->crc32 = crc32c(c->crc32, p, n);
        break;
    case CHECKSUM_CRC64NVME:
        c->crc64 = crc64nvme(c->crc64, p, n);
        break;
    case CHECKSUM_XXHASH64:
        CHECK(XXH64_update(c->xxh64, p, n) == XXH_OK);
        break;
    case CHECKSUM_XXHASH3:
        CHECK(XXH3_64bits_update(c->xxh3, p, n) == XXH_OK);
        break;
    case CHECKSUM_XXHASH128:
        CHECK(XXH3_128bits_update(c->xxh3, p, n) == XXH_OK);
        break;
    default:
        ctx_put(c->md, p, n);
        break;
    }
}

static void put_xxh128(unsigned char *out, XXH128_hash_t v)
{
    put64(out, v.high64);
    put64(out + 8, v.low64);
}

void checksum_final(struct checksum_ctx *c, struct checksum_value *ret)
{
    *ret = (struct checksum_value){.alg = c->alg};
    switch (c->alg) {
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C:
        put32(ret->b, c->crc32);
        break;
    case CHECKSUM_CRC64NVME:
        put64(ret->b, c->crc64);
        break;
    case CHECKSUM_XXHASH64:
        put64(ret->b, XXH64_digest(c->xxh64));
        break;
    case CHECKSUM_XXHASH3:
        put64(ret->b, XXH3_64bits_digest(c->xxh3));
        break;
    case CHECKSUM_XXHASH128:
        put_xxh128(ret->b, XXH3_128bits_digest(c->xxh3));
        break;
    default:
        ctx_end(c->md, ret->b);
        break;
    }
}

void checksum_of(enum checksum_alg alg, const void *p, size_t n, struct checksum_value *ret)
{
    struct checksum_value v = {.alg = alg};

    if (n == 0)
        p = ""; /* libxxhash wants a pointer */
    switch (alg) {
    case CHECKSUM_CRC32:
        put32(v.b, crc32_iso(0, p, n));
        break;
    case CHECKSUM_CRC32C:
        put32(v.b, crc32c(0, p, n));
        break;
    case CHECKSUM_CRC64NVME:
        put64(v.b, crc64nvme(0, p, n));
        break;
    case CHECKSUM_XXHASH64:
        put64(v.b, XXH64(p, n, 0));
        break;
    case CHECKSUM_XXHASH3:
        put64(v.b, XXH3_64bits(p, n));
        break;
    case CHECKSUM_XXHASH128:
        put_xxh128(v.b, XXH3_128bits(p, n));
        break;
    case CHECKSUM_MD5:
        md5_of(p, n, v.b);
        break;
    case CHECKSUM_SHA256:
        sha256_of(p, n, v.b);
        break;
    default:
        CHECK(alg == CHECKSUM_SHA1 || alg == CHECKSUM_SHA512);
        CHECK(EVP_Digest(p, n, v.b, NULL, digest_of(alg), NULL) == 1);
        break;
    }
    *ret = v;
}

bool checksum_equal(const struct checksum_value *a, const struct checksum_value *b)
{
    const struct checksum_info *info = checksum_info(a->alg);

    return info != NULL && a->alg == b->alg && CRYPTO_memcmp(a->b, b->b, info->bytes) == 0;
}

bool checksum_combine(const struct checksum_value *a, const struct checksum_value *b, uint64_t b_len,
                      struct checksum_value *ret)
{
    struct checksum_value v = {.alg = a->alg};

    if (a->alg != b->alg)
        return false;
    switch (a->alg) {
    case CHECKSUM_CRC32:
        put32(v.b, crc32_iso_combine(get32(a->b), get32(b->b), b_len));
        break;
    case CHECKSUM_CRC32C:
        put32(v.b, crc32c_combine(get32(a->b), get32(b->b), b_len));
        break;
    case CHECKSUM_CRC64NVME:
        put64(v.b, crc64nvme_combine(get64(a->b), get64(b->b), b_len));
        break;
    default:
        return false;
    }
    *ret = v;
    return true;
}

/* --- self test ------------------------------------------------------------------------------------------------------
 */

/* Of "abc", except where the algorithm's own check value is of "123456789". */
static const struct {
    enum checksum_alg alg;
    const char *input, *hex;
} vectors[] = {
    {CHECKSUM_CRC32, "123456789", "cbf43926"},
    {CHECKSUM_CRC32C, "123456789", "e3069283"},
    {CHECKSUM_CRC64NVME, "123456789", "ae8b14860a799888"},
    {CHECKSUM_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {CHECKSUM_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {CHECKSUM_SHA512, "abc",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {CHECKSUM_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
    {CHECKSUM_XXHASH64, "abc", "44bc2cf5ad770999"},
    {CHECKSUM_XXHASH3, "abc", "78af5f94892f3950"},
    {CHECKSUM_XXHASH128, "abc", "06b05ab6733a618578af5f94892f3950"},
};

static bool digests_present(void)
{
    pthread_once(&digests_once, digests_fetch);
    return digests[CHECKSUM_MD5] != NULL && digests[CHECKSUM_SHA1] != NULL && digests[CHECKSUM_SHA256] != NULL &&
           digests[CHECKSUM_SHA512] != NULL;
}

static bool vector_holds(enum checksum_alg alg, const char *input, const char *hex)
{
    struct checksum_value expected = {.alg = alg}, whole, streamed;
    size_t n = strlen(input);

    if (!hex_decode(bytes_str(hex), expected.b, infos[alg].bytes))
        return false;
    checksum_of(alg, input, n, &whole);
    struct checksum_ctx *c = checksum_new(alg);
    checksum_update(c, input, 1);
    checksum_update(c, input + 1, n - 1);
    checksum_final(c, &streamed);
    checksum_free(c);
    return checksum_equal(&whole, &expected) && checksum_equal(&streamed, &expected);
}

static bool hmac_holds(void)
{
    static const char expected[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"; /* RFC 4231, 2 */
    unsigned char mac[SHA256_BYTES];
    char hex[2 * SHA256_BYTES];

    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    hex_encode(mac, sizeof(mac), hex);
    return memcmp(hex, expected, sizeof(hex)) == 0;
}

bool checksum_self_test(void)
{
    if (!digests_present() || !crc_self_test() || !hmac_holds())
        return false;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        if (!vector_holds(vectors[i].alg, vectors[i].input, vectors[i].hex))
            return false;
    return true;
}
