/* SPDX-License-Identifier: Apache-2.0 */
/* How groups of batches become LMDB transactions. Everything here runs on the committer's thread. */
#ifndef PAIL_STORAGE_LMDB_WRITE_H
#define PAIL_STORAGE_LMDB_WRITE_H

#include <stdatomic.h>
#include "index.h"
#include "storage/lmdb_env.h"
#include "storage/lmdb_sums.h"

#define LMDB_GENERATIONS 256  /* remembered for the committer; a power of two */
#define LMDB_DROP_STEP   2000 /* records deleted in one transaction of a drop */
#define LMDB_TRIM_GROWTH 1024 /* bytes by which a batch with deletes may grow the index on a full disk */

struct lmdb_writer {
    struct lmdb_env *e;
    struct {
        uint64_t partition, generation; /* partition 0: empty */
    } known[LMDB_GENERATIONS];
    struct lmdb_sums sums;
    bool uncertain;           /* the last failed commit may have reached its header page */
    size_t refused;           /* a growing batch of this many bytes found no room ... */
    uint64_t refused_txn;     /* ... after this transaction */
    atomic_bool full, failed; /* for index_lmdb_stats */
};

/* commit_run_f; ctx is the struct lmdb_writer. */
void lmdb_write_group(void *ctx, struct index_batch *const *batches, size_t n, int *ret_rcs);

/*
 * A step of index_drop is a batch whose `puts` is this (and n_puts is 0); it answers in ret_conflict: 1 when there is
 * more to do.
 */
extern const struct index_put lmdb_drop_step;

#endif
