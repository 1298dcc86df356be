/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker pool: threads that may block. A job is a struct embedded in its owner; nothing is allocated.
 * Threads: pool_submit from any thread.
 */
#ifndef PAIL_SERVER_POOL_H
#define PAIL_SERVER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

struct pool_job {
    void (*run)(struct pool_job *); /* on a worker; posts its own completion */
    struct pool_job *next;          /* the pool's own */
};

struct pool *pool_create(size_t threads, size_t max_queued);
/* False when the queue is full: answer SlowDown. `must` jobs (the later halves of admitted requests) always go in. */
bool pool_submit(struct pool *, struct pool_job *, bool must);
struct pool_stats {
    size_t threads, busy, queued;
    uint64_t run, refused, longest_queue; /* since the start */
    uint64_t busy_ns;                     /* of jobs that ended, all together */
};
void pool_stats(struct pool *, struct pool_stats *ret);
void pool_free(struct pool **); /* runs what is queued, then ends the threads */

#endif
