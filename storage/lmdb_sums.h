/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sums that index.h promises, within a group of batches: they are read when a partition is first touched, changed
 * in memory batch by batch, and written once at the group's end. Everything here runs on the committer's thread.
 */
#ifndef PAIL_STORAGE_LMDB_SUMS_H
#define PAIL_STORAGE_LMDB_SUMS_H

#include "index.h"
#include "storage/longkey.h"

#define LMDB_SUMS_PARTITIONS 64 /* held at once; more are written early */

struct lmdb_sums {
    const struct index_sums *kept; /* NULL: none are */
    struct lmdb_sums_slot {
        uint64_t partition;
        bool changed;
        int64_t sums[INDEX_SUMS_MAX];
    } slots[LMDB_SUMS_PARTITIONS];
    size_t n_slots;
};

void lmdb_sums_begin(struct lmdb_sums *); /* of a transaction: what an aborted one held is forgotten */
/*
 * What the batch (whose preconditions hold, and which is not written yet) changes. *ret_over: it would exceed a limit,
 * and nothing was changed. LMDB's code.
 */
int lmdb_sums_batch(struct lmdb_sums *, struct longkey_writer *, const struct index_batch *, bool *ret_over);
void lmdb_sums_forget(struct lmdb_sums *, uint64_t partition);  /* its records are being dropped */
int lmdb_sums_end(struct lmdb_sums *, struct longkey_writer *); /* writes what has changed. LMDB's code */

#endif
