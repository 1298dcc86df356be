/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lifecycle worker and the cache of decoded rules, as the store opens and closes them; tests may look.
 * See include/lifecycle.h for what others use.
 */
#ifndef PAIL_STORAGE_LIFECYCLE_WORKER_H
#define PAIL_STORAGE_LIFECYCLE_WORKER_H

#include "lifecycle.h"

/* ---- the worker, lifecycle.c ---- */

struct lifecycle_worker;
/* day_seconds: 0 is a real day. Without background there is no thread, see store_lifecycle_run. */
int lifecycle_open(struct store *, uint64_t day_seconds, bool no_background);
void lifecycle_stop(struct store *); /* ends within a moment; the pass goes on where it was after the next start */
bool lifecycle_stopped(const struct store *); /* then long moves end too */
void lifecycle_free(struct store *);
void lifecycle_stats(struct store *, struct store_stats *ret);

/* Tests: how many records are looked at in one go, and after how many such slices a pass stops (0: never). */
void lifecycle_test_slices(struct store *, size_t rows, unsigned slices);
uint64_t lifecycle_test_examined(struct store *); /* records looked at since the store was opened */

/* ---- the cache, lifecycle_cache.c ---- */

struct parsed_cache;
struct parsed_cache *lifecycle_cache_create(void);

#endif
