/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob store in memory, for tests of what lies above: it keeps the contract of blob.h, and fails on demand.
 * Threads: any, as the contract wants; settings from one thread.
 */
#ifndef PAIL_TESTS_BLOB_DOUBLE_H
#define PAIL_TESTS_BLOB_DOUBLE_H

#include "blob.h"

struct blob_store *blob_double_new(void); /* closed by ops->close */

enum blob_double_call {
    BLOB_DOUBLE_CREATE,
    BLOB_DOUBLE_APPEND,
    BLOB_DOUBLE_FINISH,
    BLOB_DOUBLE_OPEN,
    BLOB_DOUBLE_READ, /* and describe */
    BLOB_DOUBLE_REMOVE,
    BLOB_DOUBLE_SYNC_REMOVALS,
    BLOB_DOUBLE_ANY /* all of them, counted together */
};

/* The nth such call from now on (0: the next) answers rc and does nothing; a failed finish drops the blob. */
void blob_double_fail(struct blob_store *, enum blob_double_call call, int nth, int rc);
void blob_double_fail_from(struct blob_store *, enum blob_double_call call, int nth, int rc); /* and all after it */
bool blob_double_calm(struct blob_store *);            /* ends that; answers whether it came to it */
void blob_double_cold(struct blob_store *, bool cold); /* nowait reads answer BLOB_WOULD_BLOCK */
/* One bit of the byte at offset flips, so that reads which touch its block answer BLOB_CORRUPT. */
void blob_double_rot(struct blob_store *, const struct blob_id *, uint64_t offset);

/*
 * The process dies and a new one opens the store: unfinished blobs are gone, unsettled ones are up to recover().
 * Readers and writers must be closed by then. Call it also for an ordinary restart.
 */
void blob_double_restart(struct blob_store *);
/* The same by a power cut: blobs whose removal was not synced are back. */
void blob_double_power_cut(struct blob_store *);

bool blob_double_has(struct blob_store *, const struct blob_id *);
size_t blob_double_count(struct blob_store *);     /* finished blobs */
size_t blob_double_bytes(struct blob_store *);     /* of data in them */
size_t blob_double_unsettled(struct blob_store *); /* finished, fate not told */
size_t blob_double_users(struct blob_store *);     /* open readers and writers: 0 at the end of a test */

#endif
