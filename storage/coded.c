/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way to a blob and back.
 *
 * Writing: whole chunks are encrypted from where the caller's bytes lie; what is left waits in `pending`, a chunk that
 * is whole too, since only the end tells which chunk is the last. One block of memory serves both.
 *
 * Reading: cipher blocks come into a buffer of the thread, which never holds clear text, and are opened into the
 * caller's memory. Of a chunk that is wanted in part, the reader keeps the clear text, for the next read wants the rest
 * of it. What held clear text is wiped before it is freed. A tag proves more than a block's checksum, so only blocks
 * that do not open are compared with theirs. Threads: see the header.
 */
#include "storage/coded.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

/* ---- writing ---- */

struct coded_write {
    const struct blob_ops *ops;
    struct seal *seal;      /* NULL: not encrypted */
    unsigned char *pending; /* BLOB_BLOCK bytes, of which the first pending_n are clear text */
    size_t pending_n;
};

struct coded_write *coded_write_new(struct blob_store *st, const unsigned char *key)
{
    struct coded_write *w = xcalloc(1, sizeof *w);
    w->ops = st->ops;
    if (key) {
        w->seal = seal_new(key, true);
        w->pending = xmalloc(BLOB_BLOCK);
    }
    return w;
}

void coded_write_free(struct coded_write **pw)
{
    struct coded_write *w = *pw;
    *pw = NULL;
    if (!w)
        return;
    if (w->pending)
        OPENSSL_cleanse(w->pending, BLOB_BLOCK);
    free(w->pending);
    seal_free(&w->seal);
    free(w);
}

static int put_chunk(struct coded_write *w, struct blob_writer *to, bool last, const void *clear, size_t n)
{
    seal_next(w->seal, last, clear, n, w->pending);
    w->pending_n = 0;
    return w->ops->append(to, w->pending, n + SEAL_TAG_BYTES);
}

static int put_sealed(struct coded_write *w, struct blob_writer *to, const unsigned char *p, size_t n)
{
    int rc = BLOB_OK;
    while (rc == BLOB_OK && n > 0) {
        size_t room = SEAL_CHUNK - w->pending_n, take = n < room ? n : room;
        if (room == 0) {
            rc = put_chunk(w, to, false, w->pending, SEAL_CHUNK);
            continue;
        }
        if (w->pending_n == 0 && n > SEAL_CHUNK) { /* more follows, so it is not the last */
            rc = put_chunk(w, to, false, p, SEAL_CHUNK);
        } else {
            memcpy(w->pending + w->pending_n, p, take);
            w->pending_n += take;
        }
        p += take;
        n -= take;
    }
    return rc;
}

int coded_append(struct coded_write *w, struct blob_writer *to, const void *p, size_t n)
{
    return w->seal ? put_sealed(w, to, p, n) : w->ops->append(to, p, n);
}

int coded_end(struct coded_write *w, struct blob_writer *to)
{
    return w->seal && w->pending_n ? put_chunk(w, to, true, w->pending, w->pending_n) : BLOB_OK;
}

/* ---- the thread's cipher blocks ---- */

#define CIPHER_BYTES (4 * BLOB_BLOCK) /* read at once */

static pthread_key_t cipher_key;
static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;
static __thread unsigned char *cipher_blocks;

static void cipher_free(void *p)
{
    free(p);
    cipher_blocks = NULL;
}

static void cipher_make(void)
{
    CHECK(pthread_key_create(&cipher_key, cipher_free) == 0);
}

static unsigned char *cipher_get(void)
{
    if (!cipher_blocks) {
        pthread_once(&cipher_once, cipher_make);
        cipher_blocks = xmalloc(CIPHER_BYTES);
        CHECK(pthread_setspecific(cipher_key, cipher_blocks) == 0);
    }
    return cipher_blocks;
}

/* ---- reading ---- */

struct coded_read {
    const struct blob_ops *ops;
    struct blob_reader *blob;
    struct seal *seal;   /* NULL: not encrypted */
    uint64_t stored;     /* bytes of the blob */
    uint64_t clear;      /* bytes of the object in it */
    unsigned char *kept; /* SEAL_CHUNK bytes for the clear text of `kept_chunk`, or NULL */
    uint64_t kept_chunk; /* UINT64_MAX: none */
};

static void compare(struct coded_read *r, bool whether)
{
    if (r->ops->compare)
        r->ops->compare(r->blob, whether);
}

int coded_open(struct blob_store *st, const struct blob_id *id, const unsigned char *key, enum store_codec codec,
               struct coded_read **ret)
{
    struct blob_reader *blob = NULL;
    if (codec != CODEC_RAW && codec != CODEC_BOX)
        return BLOB_CORRUPT;
    int rc = st->ops->open(st, id, &blob);
    if (rc != BLOB_OK)
        return rc;
    struct coded_read *r = xcalloc(1, sizeof *r);
    r->ops = st->ops;
    r->blob = blob;
    r->stored = r->clear = st->ops->length(blob);
    r->kept_chunk = UINT64_MAX;
    if (key && !seal_stream_clear(r->stored, &r->clear)) {
        coded_close(&r);
        return BLOB_CORRUPT;
    }
    if (key) {
        r->seal = seal_new(key, false);
        compare(r, false);
    }
    *ret = r;
    return BLOB_OK;
}

void coded_close(struct coded_read **pr)
{
    struct coded_read *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    if (r->kept)
        OPENSSL_cleanse(r->kept, SEAL_CHUNK);
    free(r->kept);
    seal_free(&r->seal);
    r->ops->close_reader(&r->blob);
    free(r);
}

uint64_t coded_bytes(const struct coded_read *r)
{
    return r->clear;
}

size_t coded_step(const struct coded_read *r, uint64_t at, uint64_t left, size_t max)
{
    uint64_t n = left < max ? left : max;
    uint64_t over = (at + n) % (r->seal ? SEAL_CHUNK : BLOB_BLOCK);
    if (n < left && over < n)
        n -= over;
    return (size_t)n;
}

static size_t chunk_bytes(const struct coded_read *r, uint64_t chunk) /* of clear text */
{
    uint64_t left = r->clear - chunk * SEAL_CHUNK;
    return left < SEAL_CHUNK ? (size_t)left : SEAL_CHUNK;
}

static int open_read(struct coded_read *r, uint64_t chunk, unsigned char *p, size_t n, bool nowait)
{
    unsigned char *in = cipher_get();
    uint64_t at = chunk * BLOB_BLOCK, chunks = (n + SEAL_CHUNK - 1) / SEAL_CHUNK;
    int rc = r->ops->read(r->blob, at, in, n + (size_t)chunks * SEAL_TAG_BYTES, nowait);
    for (uint64_t i = 0; rc == BLOB_OK && i < chunks; i++) {
        size_t bytes = chunk_bytes(r, chunk + i);
        bool last = (chunk + i) * SEAL_CHUNK + bytes == r->clear;
        if (!seal_open(r->seal, chunk + i, last, in + i * BLOB_BLOCK, bytes + SEAL_TAG_BYTES, p + i * SEAL_CHUNK))
            rc = BLOB_CORRUPT;
    }
    return rc;
}

/* Whole chunks from `chunk` on, n bytes of clear text, no more than the thread's blocks hold. */
static int open_chunks(struct coded_read *r, uint64_t chunk, unsigned char *p, size_t n, bool nowait)
{
    int rc = open_read(r, chunk, p, n, nowait);
    if (rc != BLOB_CORRUPT)
        return rc;
    compare(r, true); /* with the checksums: a block that rotted is the blob store's to count and tell */
    rc = open_read(r, chunk, p, n, nowait);
    compare(r, false);
    return rc;
}

static int keep_chunk(struct coded_read *r, uint64_t chunk, bool nowait)
{
    if (chunk == r->kept_chunk)
        return BLOB_OK;
    if (!r->kept)
        r->kept = xmalloc(SEAL_CHUNK);
    r->kept_chunk = UINT64_MAX;
    int rc = open_chunks(r, chunk, r->kept, chunk_bytes(r, chunk), nowait);
    if (rc == BLOB_OK)
        r->kept_chunk = chunk;
    return rc;
}

/* How many of n bytes at the beginning of a chunk are whole chunks that can be opened at once. */
static size_t whole_chunks(const struct coded_read *r, uint64_t at, size_t n)
{
    const size_t most = CIPHER_BYTES / BLOB_BLOCK * SEAL_CHUNK;
    if (n > most)
        return most;
    return at + n == r->clear ? n : n - n % SEAL_CHUNK;
}

static int read_sealed(struct coded_read *r, uint64_t at, unsigned char *p, size_t n, bool nowait)
{
    int rc = BLOB_OK;
    for (size_t run; rc == BLOB_OK && n > 0; at += run, p += run, n -= run) {
        uint64_t chunk = at / SEAL_CHUNK;
        size_t skip = (size_t)(at % SEAL_CHUNK);
        run = skip || chunk == r->kept_chunk ? 0 : whole_chunks(r, at, n);
        if (run) {
            rc = open_chunks(r, chunk, p, run, nowait);
            continue;
        }
        rc = keep_chunk(r, chunk, nowait);
        run = chunk_bytes(r, chunk) - skip;
        run = run < n ? run : n;
        if (rc == BLOB_OK)
            memcpy(p, r->kept + skip, run);
    }
    return rc;
}

int coded_read(struct coded_read *r, uint64_t at, void *p, size_t n, bool nowait)
{
    if (at > r->clear || n > r->clear - at)
        return BLOB_CORRUPT;
    if (!r->seal)
        return r->ops->read(r->blob, at, p, n, nowait);
    int rc = read_sealed(r, at, p, n, nowait);
    if (rc != BLOB_OK && n > 0)
        OPENSSL_cleanse(p, n); /* of chunks before the one that failed; nothing is handed out by halves */
    return rc;
}
