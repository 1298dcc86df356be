/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: one thread that takes whatever batches are queued, hands them as one group to an engine (which makes
 * them durable with one sync), and then answers them all, in the order in which they were submitted.
 *
 * It remembers the ids of the last COMMIT_IDS batches that took effect: a batch that comes again with one of them is
 * answered without a second effect. All zeros is no id.
 *
 * Threads: commit_submit and commit_apply from any thread. `run` and `done` are called on the committer's own thread.
 */
#ifndef PAIL_STORAGE_COMMIT_H
#define PAIL_STORAGE_COMMIT_H

#include "index.h"

#define COMMIT_GROUP_BATCHES 1024                /* in one group */
#define COMMIT_GROUP_OPS     8192                /* puts and deletes in one group; one batch may have more */
#define COMMIT_GROUP_BYTES   (16u * 1024 * 1024) /* of keys and values in one group; one batch may have more */
#define COMMIT_IDS           8192                /* request ids remembered */

struct committer;

/*
 * Applies n batches in order, each entirely or not at all, durably, and writes n answers. A batch's answer may rest on
 * what an earlier one of the group did, so a group that fails as a whole must say so for all of it.
 */
typedef void commit_run_f(void *ctx, struct index_batch *const *batches, size_t n, int *ret_rcs);

struct committer *commit_start(commit_run_f *run, void *ctx); /* NULL when there can be no thread */
void commit_submit(struct committer *c, struct index_batch *b);
int commit_apply(struct committer *c, struct index_batch *b); /* leaves b->done and b->arg as they were */
void commit_stop(struct committer **c); /* answers what was submitted first; accepts NULL inside */

/* What a batch weighs in a group. */
size_t commit_batch_ops(const struct index_batch *b);
size_t commit_batch_bytes(const struct index_batch *b);

struct commit_stats {
    uint64_t groups, batches;  /* since the start */
    uint64_t queued;           /* submitted and not answered yet */
    uint64_t busy_since_ms;    /* clock_mono_ms when the present group was begun; 0 when idle */
    struct histogram_sum took; /* of a group, from its begin to the end of its sync */
    uint64_t group_sizes[INDEX_GROUP_SIZES];
};
void commit_stats_get(const struct committer *c, struct commit_stats *ret);

#endif
