/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob store: immutable byte strings under ids of its own choice. Create, append, finish (durable) or abandon;
 * read; delete. No rename, no overwrite. Contract for every backend (files here; RADOS objects later).
 *
 * A blob describes itself: it begins with the description that the creator gave (whom it was written for) and ends with
 * the trailer given at finish; both can be read back without the index.
 * Each block of BLOB_BLOCK bytes of data has a CRC32C, kept with the blob and checked whenever the block is read; bytes
 * that do not match are never handed out: BLOB_CORRUPT.
 *
 * Threads: a store handle may be used from any thread. A writer or reader belongs to one thread at a time. Everything
 * may block on the disk, except calls with `nowait`, which answer BLOB_WOULD_BLOCK instead of waiting for it.
 */
#ifndef PAIL_BLOB_H
#define PAIL_BLOB_H

#include "base/arena.h"
#include "base/bytes.h"

#define BLOB_BLOCK    (64u * 1024) /* bytes covered by one checksum */
#define BLOB_DESC_MAX (16u * 1024) /* bytes of description, and of trailer */

enum blob_rc {
    BLOB_OK = 0,
    BLOB_NOT_FOUND = -1,
    BLOB_CORRUPT = -2,     /* checksum, length, id or format does not match */
    BLOB_IO = -3,          /* the system call failed: EIO and the like */
    BLOB_FULL = -4,        /* ENOSPC, EDQUOT, no inodes */
    BLOB_BUSY = -5,        /* EMFILE, ENFILE: try later */
    BLOB_WOULD_BLOCK = -6, /* with nowait only */
};

const char *blob_rc_name(int rc);

/* 16 bytes, unique for ever; the file backend puts the number of its folder into the first four (big-endian). The first
 * byte is the tier in a store of several, see blob_tiers.h. */
struct blob_id {
    unsigned char b[16];
};

struct blob_store;
struct blob_writer;
struct blob_reader;
struct blob_pace;
struct blob_findings;

struct blob_ops {
    const char *name;
    /* `expected` is the length if known, for placement only; 0 if not. */
    int (*create)(struct blob_store *, struct bytes desc, uint64_t expected, struct blob_writer **ret_writer);
    /* Both NULL in stores that are one place: see blob_tier() and blob_create() below. */
    unsigned (*tier)(struct blob_store *, struct bytes storage_class);
    int (*create_in)(struct blob_store *, unsigned tier, struct bytes desc, uint64_t expected,
                     struct blob_writer **ret_writer);
    int (*append)(struct blob_writer *, const void *p, size_t n);
    /* Everything on stable storage, with its name. Consumes the writer whatever it answers; on failure nothing stays.
     */
    int (*finish)(struct blob_writer **, struct bytes trailer, struct blob_id *ret_id);
    void (*abandon)(struct blob_writer **); /* accepts NULL inside */

    int (*open)(struct blob_store *, const struct blob_id *, struct blob_reader **ret_reader);
    uint64_t (*length)(const struct blob_reader *);
    /*
     * Reads and verifies exactly n bytes at offset (they must exist). Whole blocks are the fastest: they go straight to
     * p. After a failure p holds nothing that was not verified.
     */
    int (*read)(struct blob_reader *, uint64_t offset, void *p, size_t n, bool nowait);
    /*
     * From now on read() compares (as at first) or not: for bytes that prove themselves, which are read in whole
     * blocks. NULL: it always does.
     */
    void (*compare)(struct blob_reader *, bool);
    /* What the creator wrote; both in the arena. */
    int (*describe)(struct blob_reader *, struct arena *, struct bytes *ret_desc, struct bytes *ret_trailer);
    void (*close_reader)(struct blob_reader **); /* accepts NULL inside */

    /* BLOB_OK also when it is not there. Not durable yet: after a power cut the blob may be back. */
    int (*remove)(struct blob_store *, const struct blob_id *);
    /*
     * After remove() answered BLOB_OK for each of these, in this run: waits until none of them can come back. Cheaper
     * for many at once, in the order of their ids. On failure some may come back; asking again is allowed, but may fail
     * until the next start.
     */
    int (*sync_removals)(struct blob_store *, const struct blob_id *ids, size_t n);
    /*
     * After a restart: calls `keep` for every blob whose fate may be open (finished shortly before the last stop), and
     * removes those for which it answers 0; 1 keeps it, a negative answer leaves it for the next time. Never walks all
     * blobs. May run while the store is in use: blobs finished since the start are not touched.
     */
    int (*recover)(struct blob_store *, int (*keep)(void *arg, const struct blob_id *, struct bytes desc), void *arg);
    /* Told by the store when a finished blob's fate is settled: the index refers to it durably, or it was removed. */
    void (*settled)(struct blob_store *, const struct blob_id *);
    void (*space)(struct blob_store *, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes);
    void (*close)(struct blob_store **);
    /*
     * Ids of finished blobs in rising order, those greater than `after` (NULL: from the first), at most max; fewer only
     * at the end. What is made or removed meanwhile may be there or not. NULL: this backend cannot.
     */
    int (*list)(struct blob_store *, const struct blob_id *after, size_t max, struct blob_id *ret, size_t *ret_n);
    /*
     * Somebody outside holds all blobs, for he copies them: what an earlier state of the index refers to must stay. Who
     * takes away a blob that was once referred to, asks after its last reference has gone and before he removes it.
     * NULL: never.
     */
    bool (*held)(struct blob_store *);
    /* Takes out ids of blobs that reads have found damaged since, up to max; a few are remembered. NULL: none are. */
    size_t (*suspects)(struct blob_store *, struct blob_id *ret, size_t max);
    /*
     * Verifies every byte of a blob as it lies on the disk, past the caches where possible. BLOB_OK and BLOB_CORRUPT
     * fill in *ret. NULL: blob_verify() reads it like anybody.
     */
    int (*verify)(struct blob_store *, const struct blob_id *, const struct blob_pace *, struct blob_findings *ret);
};

struct blob_pace {
    bool (*go_on)(void *arg, size_t bytes); /* after each read of so many; false: stop. May sleep */
    void *arg;
};

struct blob_findings {
    uint64_t length;    /* bytes of data */
    uint64_t bad_bytes; /* in blocks that do not match; 0 with BLOB_CORRUPT: header, footer or texts are damaged */
    uint64_t first_bad; /* offset */
    bool stopped;
};

/* As ops->verify. */
int blob_verify(struct blob_store *, const struct blob_id *, const struct blob_pace *, struct blob_findings *ret);

struct blob_store {
    const struct blob_ops *ops;
};

static inline bool blob_held(struct blob_store *st)
{
    return st->ops->held && st->ops->held(st);
}

/* Where a blob lies. */
static inline unsigned blob_tier_of(const struct blob_store *st, const struct blob_id *id)
{
    return st->ops->tier ? id->b[0] : 0;
}
/* The tier whose blobs are those of a storage class; 0: the default place. */
static inline unsigned blob_tier(struct blob_store *st, struct bytes storage_class)
{
    return st->ops->tier ? st->ops->tier(st, storage_class) : 0;
}
static inline int blob_create(struct blob_store *st, unsigned tier, struct bytes desc, uint64_t expected,
                              struct blob_writer **ret_writer)
{
    return st->ops->create_in ? st->ops->create_in(st, tier, desc, expected, ret_writer)
                              : st->ops->create(st, desc, expected, ret_writer);
}

#endif
