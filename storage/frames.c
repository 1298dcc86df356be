/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames with zstd. Level 1: uploads wait for it, and it is the level whose speed is near that of MD5.
 *
 * zstd works in memory that we give it, a piece for each thread and direction, because it keeps bytes of what it worked
 * on there, and those of encrypted objects are wiped. Should a library want more memory than it said, frames are kept
 * as they are (or cannot be read, which tests would show).
 *
 * What is read comes from a disk: every length is checked against the stream's before it is used. Threads: any.
 */
#define ZSTD_STATIC_LINKING_ONLY /* for contexts in memory of the caller's */
#include "storage/frames.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/check.h"
#include "checksum.h"

#define LEVEL    1
#define SAVES(n) ((n) - (n) / 8) /* no longer than that, or it is not worth it */

/* ---- the thread's working memory ---- */

struct bench {
    void *pack, *unpack;
    size_t pack_n, unpack_n;
};

static pthread_key_t bench_key;
static pthread_once_t bench_once = PTHREAD_ONCE_INIT;
static __thread struct bench *bench;

static void bench_free(void *p)
{
    struct bench *b = p;
    free(b->pack);
    free(b->unpack);
    free(b);
    bench = NULL;
}

static void bench_make(void)
{
    CHECK(pthread_key_create(&bench_key, bench_free) == 0);
}

static struct bench *bench_get(void)
{
    if (!bench) {
        pthread_once(&bench_once, bench_make);
        bench = xcalloc(1, sizeof *bench);
        CHECK(pthread_setspecific(bench_key, bench) == 0);
    }
    return bench;
}

/* zstd chooses by the size of what it gets; the last frame is a short one. */
static size_t pack_bytes(void)
{
    size_t most = 0;
    for (size_t n = 1024; n <= FRAME_BYTES; n *= 2) {
        size_t needs = ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(LEVEL, n, 0));
        if (!ZSTD_isError(needs) && needs > most)
            most = needs;
    }
    return most + most / 4;
}

static void *memory(void **p, size_t *n, size_t needs)
{
    if (!*p) {
        *p = xmalloc(needs);
        *n = needs;
    }
    return *p;
}

/* ---- one frame ---- */

size_t frame_pack(const void *clear, size_t n, void *out, bool secret)
{
    struct bench *b = bench_get();
    CHECK(n <= FRAME_BYTES);
    memory(&b->pack, &b->pack_n, b->pack ? 0 : pack_bytes());
    ZSTD_CCtx *ctx = ZSTD_initStaticCCtx(b->pack, b->pack_n);
    size_t packed = ctx ? ZSTD_compressCCtx(ctx, out, SAVES(n), clear, n, LEVEL) : 0;
    if (secret)
        OPENSSL_cleanse(b->pack, b->pack_n);
    return ZSTD_isError(packed) ? 0 : packed; /* also when it did not fit */
}

bool frame_unpack(const void *in, size_t n, void *out, size_t out_n, bool secret)
{
    struct bench *b = bench_get();
    memory(&b->unpack, &b->unpack_n, ZSTD_estimateDCtxSize());
    ZSTD_DCtx *ctx = ZSTD_initStaticDCtx(b->unpack, b->unpack_n);
    bool good = ctx && ZSTD_decompressDCtx(ctx, out, out_n, in, n) == out_n;
    if (secret)
        OPENSSL_cleanse(b->unpack, b->unpack_n);
    return good;
}

/* ---- table and footer ---- */

static const char magic[8] = {'P', 'a', 'i', 'l', 'Z', 's', 't', '1'};

enum { AT_FRAME = 8, AT_COUNT = 12, AT_CLEAR = 16, AT_CRC = 24 }; /* of the footer */

static void put32(unsigned char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static uint32_t get32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static uint64_t get64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

void frames_end(const uint32_t *entries, uint32_t n, uint64_t clear, unsigned char *out)
{
    unsigned char *footer = out + (size_t)n * FRAMES_ENTRY_BYTES;
    for (uint32_t i = 0; i < n; i++)
        put32(out + (size_t)i * FRAMES_ENTRY_BYTES, entries[i]);
    memset(footer, 0, FRAMES_FOOTER_BYTES);
    memcpy(footer, magic, sizeof magic);
    put32(footer + AT_FRAME, FRAME_BYTES);
    put32(footer + AT_COUNT, n);
    clear = htole64(clear);
    memcpy(footer + AT_CLEAR, &clear, sizeof clear);
    put32(footer + AT_CRC, crc32c(0, out, (size_t)n * FRAMES_ENTRY_BYTES + AT_CRC));
}

size_t frames_end_bytes(const unsigned char footer[FRAMES_FOOTER_BYTES], uint64_t stream)
{
    uint32_t n = get32(footer + AT_COUNT);
    uint64_t clear = get64(footer + AT_CLEAR);
    size_t bytes = (size_t)n * FRAMES_ENTRY_BYTES + FRAMES_FOOTER_BYTES;
    if (memcmp(footer, magic, sizeof magic) != 0 || get32(footer + AT_FRAME) != FRAME_BYTES)
        return 0;
    if (n == 0 || n > FRAMES_MAX || bytes > stream)
        return 0;
    return clear > (uint64_t)(n - 1) * FRAME_BYTES && clear <= (uint64_t)n * FRAME_BYTES ? bytes : 0;
}

bool frames_read(const unsigned char *end, size_t n, uint64_t stream, struct frames *ret)
{
    const unsigned char *footer = end + n - FRAMES_FOOTER_BYTES;
    if (n < FRAMES_FOOTER_BYTES || frames_end_bytes(footer, stream) != n ||
        crc32c(0, end, n - FRAMES_FOOTER_BYTES + AT_CRC) != get32(footer + AT_CRC))
        return false;
    struct frames f = {.clear = get64(footer + AT_CLEAR), .n = get32(footer + AT_COUNT)};
    uint64_t at = 0;
    bool good = true;
    f.at = xmalloc((f.n + 1) * sizeof *f.at);
    for (uint32_t i = 0; i < f.n; i++) {
        uint32_t entry = get32(end + (size_t)i * FRAMES_ENTRY_BYTES), length = entry & ~FRAME_ENTRY_KEPT;
        uint64_t left = f.clear - (uint64_t)i * FRAME_BYTES, whole = left < FRAME_BYTES ? left : FRAME_BYTES;
        bool kept = entry & FRAME_ENTRY_KEPT;
        good = good && length > 0 && (kept ? length == whole : length < whole);
        f.at[i] = at | (kept ? FRAME_KEPT : 0);
        at += length;
    }
    f.at[f.n] = at;
    if (!good || at != stream - n) {
        frames_free(&f);
        return false;
    }
    *ret = f;
    return true;
}

void frames_free(struct frames *f)
{
    free(f->at);
    f->at = NULL;
}
