/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index: an ordered map from byte keys to records, cut into partitions. This header is the contract that every
 * backend keeps (LMDB here; omap of RADOS for many machines) and promises no more than the weaker one can.
 *
 * Keys are 1 to INDEX_KEY_MAX bytes of any value, ordered as memcmp orders them; values are 1 byte or more. A partition
 * is a number (1 to INDEX_PARTITION_MAX) with a generation; INDEX_PARTITION_SYSTEM exists from the start, with
 * generation
 * 1. Any other partition comes into being with the first batch that names it with generation 0 and `next_generation` !=
 * 0.
 *
 * Reading: get, get_head, page. Each call is consistent in itself; two calls see two moments. Rows are copied out into
 * the caller's arena. Every record carries a checksum; one that is read back wrong answers INDEX_CORRUPT.
 *
 * Writing: one batch changes one partition: all preconditions hold and everything happens, durably, or nothing does.
 * Preconditions are checked against what earlier batches left, in the order in which batches are committed.
 *
 * Threads: every function may be called from any thread. get and page do not wait for writers (they may run on an event
 * loop when the index is in memory); apply blocks until the batch is durable; submit returns at once and calls `done`
 * later on the index's own thread, which must not wait.
 */
#ifndef PAIL_INDEX_H
#define PAIL_INDEX_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/histogram.h"

#define INDEX_KEY_MAX          1200                /* bytes: an S3 key of 1,024 and what the store puts around it */
#define INDEX_VALUE_MAX        (64u * 1024 * 1024) /* bytes */
#define INDEX_RANGES_MAX       4                   /* of one visit */
#define INDEX_PARTITION_SYSTEM 1
#define INDEX_PARTITION_MAX    ((UINT64_C(1) << 63) - 1)

enum index_rc {
    INDEX_OK = 0,
    INDEX_NOT_FOUND = -1,
    INDEX_CONFLICT = -2,    /* a precondition did not hold; nothing was done */
    INDEX_STALE = -3,       /* the partition's generation is another one; look it up again; nothing was done */
    INDEX_UNAVAILABLE = -4, /* nothing was done; the engine is down or broken */
    INDEX_UNKNOWN = -5,     /* it may or may not have happened; the same batch with the same request id settles it */
    INDEX_FULL = -6,        /* no space left; nothing was done */
    INDEX_CORRUPT = -7,     /* a record's checksum does not match */
    INDEX_INVALID = -8,     /* the batch breaks a limit named above (a bug of its maker); nothing was done */
    INDEX_LIMIT = -9,       /* a sum would exceed what the batch allows; nothing was done */
};

const char *index_rc_name(int rc);

struct index_expect {
    struct bytes key;
    struct bytes value; /* must be the record's whole value; the empty value means: the key must be absent */
};

struct index_put {
    struct bytes key;
    struct bytes value;
    size_t
        head; /* a page that asks for heads returns this many bytes of the value; 0 or more than value.n: all of it */
};

/*
 * Sums over the records of a partition (how many objects, how many bytes), kept exactly: they change in the same commit
 * as the records. For keys that are `counted`, `weigh` says what a record adds to each of the n sums. It sees a
 * record's head only, where it has one, must answer the same for the same bytes for ever, and is called on the index's
 * thread: pure and quick. The sums lie in the partition itself, under `key`, as n little-endian int64; without that
 * record all are zero. Batches name `key` only to set it right.
 */
#define INDEX_SUMS_MAX 64
struct index_sums {
    size_t n;
    struct bytes key;
    bool (*counted)(struct bytes key); /* whether records under it weigh anything */
    void (*weigh)(struct bytes key, struct bytes head, int64_t *add);
};
struct index_limit { /* of a batch: a sum that it raises may not become greater than this */
    size_t sum;
    int64_t max;
};

/*
 * A batch is borrowed: the caller keeps it and all it points to alive until apply returns or `done` is called.
 * Order of effect: deletes, then puts. Deleting an absent key is no error. A batch puts a key at most once.
 */
struct index_batch {
    uint64_t partition;
    uint64_t generation;          /* must be the partition's; 0 only for a partition that does not exist yet */
    uint64_t next_generation;     /* 0 leaves it alone; else the partition's generation from this batch on */
    unsigned char request_id[16]; /* random; a batch applied twice with one id takes effect once (until a restart); all
                                     zeros: no id, each time takes effect */
    const struct index_expect *expects;
    size_t n_expects;
    const struct index_put *puts;
    size_t n_puts;
    const struct bytes *deletes;
    size_t n_deletes;
    const struct index_limit *limits;
    size_t n_limits;
    size_t ret_conflict; /* out, with INDEX_CONFLICT: position in `expects` of the first that failed */
    /*
     * Optional. A backend that checks preconditions where it commits may call this with the present value (empty:
     * absent) of the record whose precondition failed: the owner changes the batch to suit and answers true, and it is
     * checked again at once; false means INDEX_CONFLICT. It saves writers to one record a round each. The value may be
     * one that earlier batches of the same commit left. Runs on the index's thread: quick, no calls of the index. With
     * submit only; apply does not call it.
     */
    bool (*revise)(struct index_batch *, size_t expect, struct bytes current);
    /* Used by submit: */
    void (*done)(struct index_batch *, int rc);
    void *arg;
    struct index_batch *queue_next; /* the index's own */
};

struct index_row {
    struct bytes key;
    struct bytes value; /* its head only, when the scan asked for heads */
};

struct index_scan {
    uint64_t partition;
    struct bytes from;   /* first key wanted ... */
    bool after;          /* ... or the first one greater than it */
    struct bytes prefix; /* only keys that start with this; may be empty */
    size_t max_rows;     /* at least 1; a page may hold fewer, see `more` */
    size_t max_bytes;    /* soft ceiling of what is copied; 0 means 1 MiB */
    bool heads;          /* values: only the part that the writer marked as head */
};

struct index_page {
    struct index_row *rows; /* in key order, in the arena given */
    size_t n_rows;
    bool more; /* the page ended for its limits, not for lack of keys; go on with from = last key, after = true */
};

/*
 * Visitor for scans that skip: called for each row in order with pointers that are valid during the call only.
 * Answers what to do next. Used where copying each row would cost more than using it.
 */
enum index_visit { INDEX_VISIT_NEXT, INDEX_VISIT_SEEK, INDEX_VISIT_STOP };
typedef enum index_visit index_visit_f(void *arg, struct bytes key, struct bytes value, struct buf *seek);

struct index;

#define INDEX_GROUP_SIZES 12 /* groups of 1, 2, up to 4, 8, ... 1,024 batches; the last: more */
struct index_stats {
    uint64_t groups, batches;  /* commits and batches answered since the start */
    uint64_t queued;           /* batches submitted and not answered */
    uint64_t busy_since_ms;    /* clock_mono_ms when the present commit began; 0 when idle */
    struct histogram_sum took; /* commits, with their syncs */
    uint64_t group_sizes[INDEX_GROUP_SIZES];
    uint64_t used_bytes, file_bytes;
    bool full, failed; /* growing batches find no room; writes are refused since a commit failed */
};

struct index_ops {
    const char *name;
    /* The value into *ret_value, in the arena. INDEX_NOT_FOUND when there is none. */
    int (*get)(struct index *, uint64_t partition, struct bytes key, struct arena *, struct bytes *ret_value);
    int (*page)(struct index *, const struct index_scan *, struct arena *, struct index_page *ret_page);
    /*
     * Like page, without copies (with scan->heads the value is the head only): rows from scan->from on (max_rows and
     * max_bytes count; the visit is over when they are used up: *ret_more = true if there are more; false after STOP).
     * Several ranges of one partition may be visited, one after the other: what is shown of all of them is one moment's
     * state, as in a page. Each has an argument and a *ret_more of its own; STOP ends its range only.
     * To skip ahead the visitor writes the key to go on at (inclusive, greater than the present one) into `seek` and
     * answers INDEX_VISIT_SEEK. The visitor must be quick and must not call the index.
     */
    int (*visit)(struct index *, const struct index_scan *scans, size_t n, index_visit_f *, void *const *args,
                 bool *ret_more);
    int (*apply)(struct index *, struct index_batch *);
    void (*submit)(struct index *, struct index_batch *);
    /* The partition's present generation; INDEX_NOT_FOUND when there is no such partition. */
    int (*generation)(struct index *, uint64_t partition, uint64_t *ret_generation);
    /* Removes a partition and all its records, in bounded steps. It must not be in use. INDEX_OK too if there is none.
     */
    int (*drop)(struct index *, uint64_t partition);
    /* Which sums are kept. Once, before the first batch; what it points to must live as long as the index. */
    /* How it fares; NULL: it does not tell. */
    void (*stats)(struct index *, struct index_stats *ret);
    void (*keep_sums)(struct index *, const struct index_sums *);
    void (*close)(struct index **); /* waits for what was submitted */
    /*
     * Writes the whole index as of one moment, durably, to a new file that the same backend can open; damage that is
     * met on the way is INDEX_CORRUPT. While others read and write. `stop` may be NULL; another thread sets it to end
     * the copy early: INDEX_UNAVAILABLE. NULL: this backend has no such files.
     */
    int (*copy)(struct index *, const char *file, const atomic_bool *stop);
    /* Small chores, to be called every few seconds by whoever has time. NULL: there are none. */
    void (*tend)(struct index *);
};

/* Every backend's handle begins with this. */
struct index {
    const struct index_ops *ops;
};

static inline int index_get(struct index *ix, uint64_t partition, struct bytes key, struct arena *a, struct bytes *ret)
{
    return ix->ops->get(ix, partition, key, a, ret);
}
static inline int index_page(struct index *ix, const struct index_scan *scan, struct arena *a, struct index_page *ret)
{
    return ix->ops->page(ix, scan, a, ret);
}
static inline int index_visit(struct index *ix, const struct index_scan *scan, index_visit_f *f, void *arg, bool *more)
{
    return ix->ops->visit(ix, scan, 1, f, &arg, more);
}
/* n ranges of one partition, INDEX_RANGES_MAX at most, consistent with each other. */
static inline int index_visit_ranges(struct index *ix, const struct index_scan *scans, size_t n, index_visit_f *f,
                                     void *const *args, bool *more)
{
    return ix->ops->visit(ix, scans, n, f, args, more);
}
static inline int index_apply(struct index *ix, struct index_batch *b)
{
    return ix->ops->apply(ix, b);
}
static inline void index_submit(struct index *ix, struct index_batch *b)
{
    ix->ops->submit(ix, b);
}
static inline int index_generation(struct index *ix, uint64_t partition, uint64_t *ret)
{
    return ix->ops->generation(ix, partition, ret);
}
static inline void index_keep_sums(struct index *ix, const struct index_sums *sums)
{
    ix->ops->keep_sums(ix, sums);
}
/* All n sums of a partition, zeros when it has none. */
int index_sums_get(struct index *, uint64_t partition, const struct index_sums *, struct arena *, int64_t *ret);
struct bytes index_sums_encode(struct arena *, const int64_t *sums, size_t n);
bool index_sums_decode(struct bytes value, int64_t *ret, size_t n); /* sums that came later than the record are zero */
static inline int index_drop(struct index *ix, uint64_t partition)
{
    return ix->ops->drop(ix, partition);
}

#endif
