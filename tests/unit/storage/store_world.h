/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for the store's tests: an index double and blobs in memory that outlive the store, as disks do. The process
 * can be killed before or after any index batch or blob operation, and started again on what is there. Also short ways
 * to write, read and list.
 */
#ifndef PAIL_TESTS_STORE_WORLD_H
#define PAIL_TESTS_STORE_WORLD_H

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/check.h"
#include "blob.h"
#include "index.h"
#include "storage/store_internal.h"
#include "store.h"

/* What the short ways below do of their own accord when they write; they read whatever is there. */
enum world_sealing { WORLD_PLAIN, WORLD_SEALED, WORLD_MIXED /* now this, now that; opaque ETags too */ };

struct world {
    struct index *disk_index; /* the double */
    struct world_index *index;
    struct world_blobs *blobs;
    struct store *store;
    struct arena *arena;
    struct store_bucket bucket; /* "bucket", made by world_open */
    bool background;
    enum world_sealing sealing;
    bool compress; /* ask for it, when sealing is mixed now and then */
    unsigned turn; /* for what is mixed */
};

struct world world_open(void);
void world_close(struct world *);
/* Ends the store and starts another on the same disks. What was killed comes back to life. */
void world_restart(struct world *);
/* The same by a power cut: blobs whose removal was not synced are back. */
void world_power_cut(struct world *);

/* The process dies at the nth index batch or blob operation from now (1: the next), before or after it takes effect. */
void world_kill_at(struct world *, unsigned nth, bool after);
bool world_killed(struct world *);
/* The nth blob operation from now answers rc; 0 ends it. */
void world_fail_blob(struct world *, unsigned nth, int rc);
bool world_blob_failed(struct world *);
/*
 * Keys of encrypted objects: the envelope tells the key, as no real one would. NULL for the empty envelope. Valid until
 * the fourth call after it.
 */
const unsigned char *world_key(struct bytes envelope);
struct store_seal world_seal(struct world *, unsigned n); /* that of a number, in the world's arena */
size_t world_blobs_count(struct world *);
/* The bytes of the nth finished blob that is still there, to be looked at and changed; none: NULL. */
char *world_blob(struct world *, size_t nth, size_t *ret_n);
void world_blob_resize(struct world *, size_t nth, size_t n); /* cut, or lengthened by zeros */
void world_rot_blobs(struct world *);
/* Everything that may be collected is collected, whatever its age. */
void world_collect(struct world *);

/* Values: `size` bytes made from a seed. */
char *world_bytes(struct arena *, unsigned seed, size_t size);
int world_put(struct world *, const struct store_bucket *, const char *key, unsigned seed, size_t size,
              const struct store_condition *);
int world_put_part(struct world *, const struct store_bucket *, const char *key, struct bytes id, unsigned number,
                   unsigned seed, size_t size, struct store_etag *ret_etag);
/* Reads [offset, +length) of an object; STORE_*. *ret in the world's arena. */
int world_read(struct world *, const struct store_object *, uint64_t offset, uint64_t length, struct bytes *ret);
int world_get(struct world *, const struct store_bucket *, const char *key, struct bytes *ret);
/* The key holds exactly these bytes, and its ETag matches when it is a plain one. */
bool world_holds(struct world *, const struct store_bucket *, const char *key, unsigned seed, size_t size);
struct store_upload world_upload(struct world *, const struct store_bucket *, const char *key);
/* Completes with the parts given; etags as text. */
int world_complete(struct world *, const struct store_bucket *, const char *key, struct bytes id, size_t n,
                   const unsigned *numbers, const struct store_etag *etags, const struct store_condition *);
int world_copy(struct world *, const struct store_bucket *from, const char *key, const struct store_bucket *to,
               const char *to_key);
/* Deletes one key, without a version. */
int world_delete(struct store *, const struct store_bucket *, struct bytes key, const struct store_condition *,
                 bool *ret_existed);
struct store_bucket world_bucket(struct world *, const char *name); /* makes it */
/* Records of one kind in a partition. */
size_t world_records(struct world *, uint64_t partition, enum key_kind);
/*
 * Nothing refers to a missing blob, every blob has a reference, every reference has a record that needs it; after
 * world_collect also: nothing is left of what was dropped.
 */
void world_check(struct world *, bool collected);

#define WORLD_BIG (200 * 1024) /* bytes that go to a blob */

#endif
