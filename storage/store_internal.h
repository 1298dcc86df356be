/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files store_*.c and gc.c share: the store itself, transactions, pins, errors. Not for others; tests may
 * look.
 *
 * Locks, none held while another is taken or while the index or the blobs are called: store.pins_lock,
 * store.running_lock, gc.lock (which wakes the collector). gc.pass_lock is held through a collector's pass, outermost.
 */
#ifndef PAIL_STORAGE_STORE_INTERNAL_H
#define PAIL_STORAGE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "blob.h"
#include "index.h"
#include "storage/md5_lanes.h"
#include "storage/record.h"
#include "storage/seal.h"
#include "store.h"

#define STORE_TRIES             100 /* of a read-modify-write that others keep overtaking */
#define STORE_STALE_TRIES       500 /* of one whose bucket is being deleted, STORE_STALE_PAUSE_MS apart */
#define STORE_STALE_PAUSE_MS    2
#define STORE_UNKNOWN_TRIES     10   /* of a batch whose outcome the index does not know */
#define STORE_RECORD_EXTENTS    16   /* extents or parts in an object's own record; with more there is a manifest */
#define STORE_PART_EXTENTS      1024 /* extents of one part; a copy that would have more moves bytes instead */
#define STORE_PIECES_MAX        (64u * 1024) /* inline bytes in a manifest; beyond, a blob takes them */
#define STORE_RECORD_MAX        (60u << 20)  /* bytes of a manifest, below INDEX_VALUE_MAX */
#define STORE_BLOB_DESC_HEADERS (8u * 1024)  /* headers that find room in a blob's description */
#define STORE_FORMAT            1
#define STORE_PIN_SLOTS         1024 /* a power of two */

/* ---- the store ---- */

/* A pin keeps the collector's hands off what an object or part refers to, while it is read or being copied. */
struct store_pin {
    struct store_pin *next, **link;
    unsigned char uid[KEY_UID_BYTES];
};

struct gc;
struct lifecycle_worker;
struct parsed_cache;

struct store {
    struct index *index;
    struct blob_store *blobs;
    struct md5_lanes *md5;
    struct gc *gc;
    struct lifecycle_worker *lifecycle;
    struct parsed_cache *lifecycle_cache;
    uint64_t part_min;      /* STORE_PART_MIN; tests lower it */
    atomic_bool locks_used; /* some bucket has object lock: the clock is saved now and then */
    atomic_bool lock_jump_told;
    _Atomic int64_t lock_offset_ms; /* the lock clock is clock_boot_ms plus this; it only grows */

    pthread_mutex_t pins_lock;
    struct store_pin *pins[STORE_PIN_SLOTS];

    pthread_mutex_t running_lock; /* writes between commit and completion; store_close waits for none */
    pthread_cond_t running_none;
    size_t running;
};

void store__pin(struct store *, struct store_pin *, const unsigned char uid[KEY_UID_BYTES]);
void store__unpin(struct store *, struct store_pin *); /* a zeroed pin is fine */
bool store__pinned(struct store *, const unsigned char uid[KEY_UID_BYTES]);

int store__index_rc(
    int index_rc); /* STORE_NO_SUCH_KEY for NOT_FOUND, STORE_CONFLICT for CONFLICT, STORE_ABORTED for STALE */
int store__blob_rc(int blob_rc); /* STORE_NO_SUCH_KEY for NOT_FOUND */
void store__pause_ms(int ms);

/* ---- transactions: a batch that grows in an arena ---- */

#define TXN_FEW 6

struct txn {
    struct arena *arena;
    struct index_batch batch;
    size_t cap_expects, cap_puts, cap_deletes;
    struct index_expect few_expects[TXN_FEW];
    struct index_put few_puts[TXN_FEW];
    struct bytes few_deletes[TXN_FEW];
    bool garbage; /* it leaves something for the collector */
    struct index_limit quota;
};

/* Keys and values are borrowed until the batch is over. The txn must not move. */
void txn_init(struct txn *, struct arena *, uint64_t partition, uint64_t generation);
void txn_expect(struct txn *, struct bytes key, struct bytes value); /* the empty value: absent */
void txn_put(struct txn *, struct bytes key, struct bytes value, size_t head);
void txn_delete(struct txn *, struct bytes key);
/* Puts references for all extents at home in the txn's partition. */
void txn_put_refs(struct txn *, const struct store_extent *, size_t n);
/* The batch may not make the bucket larger than its quota. */
void txn_limit(struct txn *, const struct store_bucket *);
/* A garbage entry for what `old` refers to, if it refers to anything. */
void txn_drop_object(struct txn *, const struct rec_object *old);
/* A garbage entry that takes away all parts of an upload. */
void txn_purge_parts(struct txn *, const unsigned char upload[KEY_UPLOAD_BYTES]);
/* Applies and settles INDEX_UNKNOWN by asking again; answers INDEX_*. Tells the collector about garbage. Blocks. */
int txn_apply(struct store *, struct txn *);

/* Counts the tries of one read-modify-write and says whether there shall be another. */
struct attempt {
    unsigned conflicts, stales, unknowns;
};
/*
 * After a batch answered `index_rc` (not OK): 0 when the caller is to read everything again and retry, with the
 * bucket's generation brought up to date; else the STORE_* to give up with. May pause; blocks.
 */
int store__retry(struct store *, struct attempt *, int index_rc, struct store_bucket *);
/* The same without pausing, for completions: *ret_later tells that the retry should wait STORE_STALE_PAUSE_MS. */
int store__retry_nowait(struct store *, struct attempt *, int index_rc, struct store_bucket *, bool *ret_later);

/* ---- what buckets hold, counts.c ---- */

extern const struct index_sums store__sums;
int counts_open(struct store *); /* before anything is written */
/* Weighs everything in a partition that nobody else writes to, and sets its sums right. INDEX_*. Blocks. */
int counts_recount(struct index *, uint64_t partition);

/* ---- versions, store_version.c ---- */

/* Of plans, never told to callers of the store: what was read does not fit together, others are at work; read again. */
#define STORE_AGAIN (-1000)

/* What lies under a key when something new is to come there: the newest version, and its history where it matters. */
struct store_current {
    bool exists; /* an object is the newest version */
    struct rec_object o;
    struct bytes value;   /* its record, for preconditions */
    bool history_known;   /* the rest was read */
    struct rec_history h; /* zeros: there is none */
    struct bytes h_value;
};
/* `history`: read it in any case, not only where a write needs it. */
int store__load_current(struct store *, const struct store_bucket *, struct bytes key, bool history, struct arena *,
                        struct store_current *ret);
/*
 * Adds to the batch what a new version of the key means for what is there: preconditions, the old version to its place
 * or to the garbage. Fills in version and time of `fresh`, whose record the caller then puts under key_object.
 */
int store__plan_write(struct store *, struct txn *, const struct store_bucket *, struct bytes key,
                      struct store_current *, struct rec_object *fresh);

/* A version's record, wherever it lies. */
struct store_located {
    struct bytes index_key, value;
    struct rec_object r;
};
/* NULL: the newest. NO_SUCH_KEY, NO_SUCH_VERSION; DELETE_MARKER with *ret filled in. */
int store__find_version(struct store *, const struct store_bucket *, struct bytes key, const struct store_version *,
                        struct arena *, struct store_located *ret);
void store__settle_version(struct rec_object *); /* after decoding: o.version complete */
/* A record as it was read (its manifest, if any, stays as it is). */
struct bytes store__encode_again(struct rec_object *, struct arena *, size_t *ret_head);
int store__save_clock(struct store *); /* the lock clock's time, for the next start. Blocks */
/* The tier that a storage class's blobs belong to. */
unsigned store__tier(struct store *, struct bytes storage_class);
bool store__lies_elsewhere(struct store *, const struct store_object *, unsigned tier);
/* For those who plan changes of a key's versions (store_version.c, store_delete.c): */
extern const unsigned char store__no_uid[KEY_UID_BYTES]; /* in the index key of a null version */
bool store__is_version(const struct rec_object *, const struct store_version *); /* NULL: any will do */
/* Where a version lies that is not the current object. */
struct bytes store__version_key(struct arena *, struct bytes key, const struct store_version *);
/* Puts a record as it was read, or changed, under an index key. */
void store__put_again(struct txn *, struct bytes index_key, struct rec_object *);
/* `h` becomes the key's history, if it is another one than before; it must be as it was read in any case. */
void store__put_history(struct txn *, struct bytes key, const struct store_current *, const struct rec_history *h);
void store__forget_marker(struct rec_history *);
/*
 * What is the newest version becomes an older one, or goes when it is the null version and that is to be replaced.
 * *h, a copy of the history as read, is brought up to date. *ret_seq: for the version that comes.
 */
int store__make_way(struct store *, struct txn *, const struct store_bucket *, struct bytes key, struct store_current *,
                    bool replace_null, int64_t now_ms, struct rec_history *h, uint64_t *ret_seq);
/* Is it the object that was seen, in the place where it was seen? NULL: whatever. */
bool store__as_expected(const struct rec_object *, const unsigned char *uid, const int64_t *noncurrent_ms);
bool store__protected(struct store *, const struct object_lock *, bool bypass_governance);
/* The lock of a new version: what was asked for, or the bucket's default. NO_LOCK. */
int store__new_lock(struct store *, const struct store_bucket *, const struct object_lock *asked,
                    struct object_lock *ret);
/* Brings the partition's generation to that of its bucket's record, which a change has raised. Blocks. */
int store__raise_generation(struct store *, uint64_t partition, uint64_t generation);

/* ---- encryption, store_seal.c ---- */

/* Of an extent among those of its object; never 0. `part` 0: an object that has no parts. */
uint64_t store__seal_number(unsigned part, size_t index, bool last);
/* The box that goes into e->sealed, when all else of *e is final. */
struct bytes store__seal_data_key(const unsigned char *object_key, const struct store_extent *e,
                                  const unsigned char data_key[SEAL_KEY_BYTES], struct arena *);
bool store__open_data_key(const unsigned char *object_key, const struct store_extent *,
                          unsigned char ret[SEAL_KEY_BYTES]);
/* What lies in a record: `out` takes n + SEAL_BOX_BYTES, `clear` may lie at out + SEAL_NONCE_BYTES. */
void store__seal_bytes(const unsigned char *object_key, uint64_t number, const void *clear, size_t n,
                       unsigned char *out);
bool store__open_bytes(const unsigned char *object_key, uint64_t number, struct bytes box, void *out);
bool store__seals_whole(const struct store_object *); /* the extents' numbers: none is missing or out of place */
bool store__extent_fits(const struct store_extent *, bool encrypted); /* its fields go together */

/* ---- by noun ---- */

/* A record with what it leaves out filled in. */
bool store__decode_object(const struct rec_type *, struct bytes value, uint64_t partition, struct arena *,
                          struct rec_object *ret);
/* Reads and decodes; NO_SUCH_KEY when absent. *ret_value: the whole record, for preconditions; may be NULL. */
int store__load_object(struct store *, uint64_t partition, struct bytes index_key, const struct rec_type *,
                       struct arena *, struct rec_object *ret, struct bytes *ret_value);
/* Adds extents and parts from the manifest when they are there; NO_SUCH_KEY when it is gone. */
int store__load_manifest(struct store *, uint64_t partition, struct rec_object *, struct arena *);
int store__load_upload(struct store *, uint64_t partition, struct bytes s3_key,
                       const unsigned char id[KEY_UPLOAD_BYTES], struct arena *, struct rec_upload *ret,
                       struct bytes *ret_value);
/* The current object (NULL: none) against the conditions of a write. */
int store__check_condition(const struct store_condition *, const struct store_object *current);
/* Encodes an object or part; extents and parts that are too many go to a manifest record put into the txn. */
int store__put_object(struct txn *, const struct rec_type *, struct bytes index_key, struct rec_object *);
bool store__bytes_zero(const unsigned char *, size_t);

/* The group that a key belongs to: up to and with the first delimiter after the prefix; empty for none. */
struct bytes store__group_of(struct bytes key, struct bytes prefix, struct bytes delimiter);
/* A visit that goes on where one ends early, until the visitor stops it or there are no more keys. */
int store__visit(struct store *, const struct index_scan *, index_visit_f *, void *arg);

/* The value of a setting or document by its index key; NO_SUCH_SETTING. */
int store__get_setting(struct store *, struct bytes index_key, struct arena *, struct bytes *ret);
/* Bucket record as it is; NO_SUCH_BUCKET. */
int store__load_bucket(struct store *, struct bytes name, struct arena *, struct rec_bucket *ret,
                       struct bytes *ret_value);
/* Finishes or takes back a deletion that was begun. STORE_OK: it is gone; STORE_BUCKET_NOT_EMPTY: it is back. */
int store__bucket_settle(struct store *, struct bytes name);

/* Writes `n_pieces` runs of bytes as one new blob for the object; *ret_id. Its fate is open until settled. */
int store__write_blob(struct store *, const struct rec_blob_desc *, const struct rec_blob_trailer *,
                      const struct bytes *pieces, size_t n_pieces, struct blob_id *ret_id);
/* After the batch that was to refer to a new blob: it did, or certainly did not (then the blob is removed). */
void store__blob_fate(struct store *, const struct blob_id *, bool used);
void store__describe(const struct store_put *, const unsigned char uid[KEY_UID_BYTES],
                     const unsigned char upload[KEY_UPLOAD_BYTES], struct rec_blob_desc *ret);
/* The description encoded, cut to what a blob takes. */
struct bytes store__encode_desc(const struct rec_blob_desc *, struct arena *);

/* Takes away the intents `uid` may have in the homes of these extents, other than `own_partition`. */
int store__remove_intents(struct store *, const struct store_extent *, size_t n, uint64_t own_partition,
                          const unsigned char uid[KEY_UID_BYTES], struct arena *);
/* What callers learn of an object just made: a copy in their arena, without headers, parts and data. */
struct store_object *store__summary(const struct store_object *, struct bytes key, struct arena *);

void store__running_begin(struct store *);
void store__running_end(struct store *);

/* ---- the collector, gc.c ---- */

int gc_open(struct store *, bool no_background);
void gc_stop(struct store *); /* before the index is closed */
void gc_free(struct store *);
/* There is something to collect in this partition. Cheap, any thread. */
void gc_hint(struct store *, uint64_t partition);
int gc_collect(struct store *);
/* Runs fn(arg) after the time, on the collector's thread (at once when there is none). */
struct gc_later {
    struct gc_later *next;
    int64_t due_ms;
    void (*fn)(void *arg);
    void *arg;
};
void gc_later(struct store *, struct gc_later *, int64_t delay_ms);
void gc_stats(struct store *, struct store_stats *ret);
/* Tests: how long garbage and intents rest before they are looked at. */
void gc_set_ages(struct store *, int64_t garbage_ms, int64_t intent_ms, int64_t tombstone_ms);

#endif
