/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way to a blob and back.
 *
 * Writing: whole chunks are encrypted from where the caller's bytes lie; what is left waits in `pending`, a chunk that
 * is whole too, since only the end tells which chunk is the last. One block of memory serves both. Before that, what is
 * to be compressed is gathered into frames. The first frame decides: if it does not shrink, nothing is compressed, and
 * the blob is as if nobody had asked.
 *
 * Reading: cipher blocks come into a buffer of the thread, which never holds clear text, and are opened into the
 * caller's memory. Of a chunk or frame that is wanted in part, the reader keeps the clear text, for the next read wants
 * the rest of it. What held clear text is wiped before it is freed. A tag proves more than a block's checksum, so only
 * blocks that do not open are compared with theirs. Threads: see the header.
 */
#include "storage/coded.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "storage/frames.h"

static void free_wiped(unsigned char **p, size_t n, bool wipe)
{
    if (*p && wipe)
        OPENSSL_cleanse(*p, n);
    free(*p);
    *p = NULL;
}

/* ---- writing ---- */

struct coded_write {
    const struct blob_ops *ops;
    struct seal *seal;      /* NULL: not encrypted */
    unsigned char *pending; /* BLOB_BLOCK bytes, of which the first pending_n are clear text */
    size_t pending_n;
    bool framing;          /* bytes go through frames, or it is not decided yet */
    unsigned char *frame;  /* FRAME_BYTES, of which frame_n are taken */
    unsigned char *packed; /* room for what becomes of a frame */
    size_t frame_n;
    uint64_t framed;   /* bytes in the frames before */
    uint32_t *entries; /* of the table */
    uint32_t entries_n, entries_cap;
};

struct coded_write *coded_write_new(struct blob_store *st, const unsigned char *key, bool compress)
{
    struct coded_write *w = xcalloc(1, sizeof *w);
    w->ops = st->ops;
    if (key) {
        w->seal = seal_new(key, true);
        w->pending = xmalloc(BLOB_BLOCK);
    }
    if (compress) {
        w->framing = true;
        w->frame = xmalloc(FRAME_BYTES);
        w->packed = xmalloc(FRAME_BYTES);
    }
    return w;
}

void coded_write_free(struct coded_write **pw)
{
    struct coded_write *w = *pw;
    *pw = NULL;
    if (!w)
        return;
    free_wiped(&w->pending, BLOB_BLOCK, true);
    free_wiped(&w->frame, FRAME_BYTES, w->seal);
    free_wiped(&w->packed, FRAME_BYTES, w->seal);
    free(w->entries);
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

/* What is stored, in the order in which it is. */
static int put(struct coded_write *w, struct blob_writer *to, const void *p, size_t n)
{
    return w->seal ? put_sealed(w, to, p, n) : w->ops->append(to, p, n);
}

static void note_entry(struct coded_write *w, uint32_t entry)
{
    if (w->entries_n == w->entries_cap) {
        w->entries_cap = w->entries_cap ? 2 * w->entries_cap : 16;
        w->entries = xrealloc(w->entries, w->entries_cap * sizeof *w->entries);
    }
    w->entries[w->entries_n++] = entry;
}

static int put_frame(struct coded_write *w, struct blob_writer *to, const unsigned char *p, size_t n)
{
    size_t packed = frame_pack(p, n, w->packed, w->seal != NULL);
    if (packed == 0 && w->entries_n == 0) {
        w->framing = false;
        return put(w, to, p, n);
    }
    note_entry(w, packed ? (uint32_t)packed : (uint32_t)n | FRAME_ENTRY_KEPT);
    w->framed += n;
    return put(w, to, packed ? w->packed : p, packed ? packed : n);
}

static int put_framed(struct coded_write *w, struct blob_writer *to, const unsigned char *p, size_t n)
{
    int rc = BLOB_OK;
    while (rc == BLOB_OK && n > 0 && w->framing) {
        size_t room = FRAME_BYTES - w->frame_n, take = n < room ? n : room;
        if (w->frame_n == 0 && n >= FRAME_BYTES) {
            rc = put_frame(w, to, p, FRAME_BYTES);
        } else {
            memcpy(w->frame + w->frame_n, p, take);
            w->frame_n += take;
            if (w->frame_n == FRAME_BYTES) {
                rc = put_frame(w, to, w->frame, FRAME_BYTES);
                w->frame_n = 0;
            }
        }
        p += take;
        n -= take;
    }
    return rc == BLOB_OK && n > 0 ? put(w, to, p, n) : rc;
}

int coded_append(struct coded_write *w, struct blob_writer *to, const void *p, size_t n)
{
    return w->framing ? put_framed(w, to, p, n) : put(w, to, p, n);
}

static int end_frames(struct coded_write *w, struct blob_writer *to)
{
    int rc = w->frame_n ? put_frame(w, to, w->frame, w->frame_n) : BLOB_OK;
    w->framing = w->framing && w->entries_n;
    if (rc != BLOB_OK || !w->framing)
        return rc;
    size_t n = (size_t)w->entries_n * FRAMES_ENTRY_BYTES + FRAMES_FOOTER_BYTES;
    unsigned char *end = xmalloc(n);
    frames_end(w->entries, w->entries_n, w->framed, end);
    rc = put(w, to, end, n);
    free(end);
    return rc;
}

int coded_end(struct coded_write *w, struct blob_writer *to)
{
    int rc = w->framing ? end_frames(w, to) : BLOB_OK;
    if (rc == BLOB_OK && w->seal && w->pending_n)
        rc = put_chunk(w, to, true, w->pending, w->pending_n);
    return rc;
}

enum store_codec coded_codec(const struct coded_write *w)
{
    return w->framing ? CODEC_ZSTD : CODEC_RAW;
}

/* ---- memory of the thread ---- */

#define CIPHER_BYTES (2 * BLOB_BLOCK) /* read at once */

struct bench {
    unsigned char cipher[CIPHER_BYTES]; /* chunks as they are stored */
    unsigned char packed[FRAME_BYTES];  /* a frame, wiped after use when it is a secret */
};

static pthread_key_t bench_key;
static pthread_once_t bench_once = PTHREAD_ONCE_INIT;
static __thread struct bench *bench;

static void bench_free(void *p)
{
    free(p);
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
        bench = xmalloc(sizeof *bench);
        CHECK(pthread_setspecific(bench_key, bench) == 0);
    }
    return bench;
}

/* ---- reading ---- */

struct coded_read {
    const struct blob_ops *ops;
    struct blob_reader *blob;
    struct seal *seal;    /* NULL: not encrypted */
    uint64_t stream;      /* bytes in the blob, without what encryption adds */
    unsigned char *kept;  /* SEAL_CHUNK bytes of the stream: those of `kept_chunk`; or NULL */
    uint64_t kept_chunk;  /* UINT64_MAX: none */
    struct frames frames; /* n 0: the stream is the object's bytes */
    unsigned char *frame; /* FRAME_BYTES: those of `kept_frame`; or NULL */
    uint64_t kept_frame;  /* UINT64_MAX: none */
};

static void compare(struct coded_read *r, bool whether)
{
    if (r->ops->compare)
        r->ops->compare(r->blob, whether);
}

static int read_stream(struct coded_read *r, uint64_t at, void *p, size_t n, bool nowait);

static int open_frames(struct coded_read *r, bool nowait)
{
    unsigned char footer[FRAMES_FOOTER_BYTES];
    if (r->stream < sizeof footer)
        return BLOB_CORRUPT;
    int rc = read_stream(r, r->stream - sizeof footer, footer, sizeof footer, nowait);
    if (rc != BLOB_OK)
        return rc;
    size_t n = frames_end_bytes(footer, r->stream);
    if (n == 0)
        return BLOB_CORRUPT;
    unsigned char *end = xmalloc(n);
    rc = read_stream(r, r->stream - n, end, n, nowait);
    if (rc == BLOB_OK && !frames_read(end, n, r->stream, &r->frames))
        rc = BLOB_CORRUPT;
    free(end);
    return rc;
}

int coded_open(struct blob_store *st, const struct blob_id *id, const unsigned char *key, enum store_codec codec,
               bool nowait, struct coded_read **ret)
{
    struct blob_reader *blob = NULL;
    if (codec > CODEC_ZSTD)
        return BLOB_CORRUPT;
    int rc = st->ops->open(st, id, &blob);
    if (rc != BLOB_OK)
        return rc;
    struct coded_read *r = xcalloc(1, sizeof *r);
    r->ops = st->ops;
    r->blob = blob;
    r->stream = st->ops->length(blob);
    r->kept_chunk = r->kept_frame = UINT64_MAX;
    if (key && !seal_stream_clear(r->stream, &r->stream))
        rc = BLOB_CORRUPT;
    if (key) {
        r->seal = seal_new(key, false);
        compare(r, false);
    }
    if (rc == BLOB_OK && codec == CODEC_ZSTD)
        rc = open_frames(r, nowait);
    if (rc == BLOB_OK)
        *ret = r;
    else
        coded_close(&r);
    return rc;
}

void coded_close(struct coded_read **pr)
{
    struct coded_read *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    free_wiped(&r->kept, SEAL_CHUNK, true);
    free_wiped(&r->frame, FRAME_BYTES, r->seal);
    frames_free(&r->frames);
    seal_free(&r->seal);
    r->ops->close_reader(&r->blob);
    free(r);
}

uint64_t coded_bytes(const struct coded_read *r)
{
    return r->frames.n ? r->frames.clear : r->stream;
}

size_t coded_step(const struct coded_read *r, uint64_t at, uint64_t left, size_t max)
{
    uint64_t n = left < max ? left : max;
    uint64_t over = (at + n) % (r->frames.n ? FRAME_BYTES : r->seal ? SEAL_CHUNK : BLOB_BLOCK);
    if (n < left && over < n)
        n -= over;
    return (size_t)n;
}

/* ---- chunks ---- */

static size_t chunk_bytes(const struct coded_read *r, uint64_t chunk) /* of clear text */
{
    uint64_t left = r->stream - chunk * SEAL_CHUNK;
    return left < SEAL_CHUNK ? (size_t)left : SEAL_CHUNK;
}

static int open_read(struct coded_read *r, uint64_t chunk, unsigned char *p, size_t n, bool nowait)
{
    unsigned char *in = bench_get()->cipher;
    uint64_t at = chunk * BLOB_BLOCK, chunks = (n + SEAL_CHUNK - 1) / SEAL_CHUNK;
    int rc = r->ops->read(r->blob, at, in, n + (size_t)chunks * SEAL_TAG_BYTES, nowait);
    for (uint64_t i = 0; rc == BLOB_OK && i < chunks; i++) {
        size_t bytes = chunk_bytes(r, chunk + i);
        bool last = (chunk + i) * SEAL_CHUNK + bytes == r->stream;
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
    return at + n == r->stream ? n : n - n % SEAL_CHUNK;
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

static int read_stream(struct coded_read *r, uint64_t at, void *p, size_t n, bool nowait)
{
    return r->seal ? read_sealed(r, at, p, n, nowait) : r->ops->read(r->blob, at, p, n, nowait);
}

/* ---- frames ---- */

static size_t frame_bytes(const struct coded_read *r, uint64_t i)
{
    uint64_t left = r->frames.clear - i * FRAME_BYTES;
    return left < FRAME_BYTES ? (size_t)left : FRAME_BYTES;
}

static int load_frame(struct coded_read *r, uint64_t i, unsigned char *p, bool nowait)
{
    uint64_t at = r->frames.at[i] & ~FRAME_KEPT;
    size_t n = (size_t)((r->frames.at[i + 1] & ~FRAME_KEPT) - at);
    unsigned char *packed = bench_get()->packed;
    if (r->frames.at[i] & FRAME_KEPT)
        return read_stream(r, at, p, n, nowait);
    int rc = read_stream(r, at, packed, n, nowait);
    if (rc == BLOB_OK && !frame_unpack(packed, n, p, frame_bytes(r, i), r->seal != NULL))
        rc = BLOB_CORRUPT;
    if (r->seal)
        OPENSSL_cleanse(packed, n);
    return rc;
}

static int read_framed(struct coded_read *r, uint64_t at, unsigned char *p, size_t n, bool nowait)
{
    int rc = BLOB_OK;
    for (size_t run; rc == BLOB_OK && n > 0; at += run, p += run, n -= run) {
        uint64_t i = at / FRAME_BYTES;
        size_t skip = (size_t)(at % FRAME_BYTES), there = frame_bytes(r, i) - skip;
        run = there < n ? there : n;
        if (skip == 0 && run == there && i != r->kept_frame) {
            rc = load_frame(r, i, p, nowait);
            continue;
        }
        if (i != r->kept_frame) {
            if (!r->frame)
                r->frame = xmalloc(FRAME_BYTES);
            r->kept_frame = UINT64_MAX;
            rc = load_frame(r, i, r->frame, nowait);
            if (rc == BLOB_OK)
                r->kept_frame = i;
        }
        if (rc == BLOB_OK)
            memcpy(p, r->frame + skip, run);
    }
    return rc;
}

int coded_read(struct coded_read *r, uint64_t at, void *p, size_t n, bool nowait)
{
    uint64_t bytes = coded_bytes(r);
    if (at > bytes || n > bytes - at)
        return BLOB_CORRUPT;
    int rc = r->frames.n ? read_framed(r, at, p, n, nowait) : read_stream(r, at, p, n, nowait);
    if (rc != BLOB_OK && n > 0)
        OPENSSL_cleanse(p, n); /* of pieces before the one that failed; nothing is handed out by halves */
    return rc;
}
