/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker pool: one bounded queue, N threads with small stacks. Idea: everything that may wait for the disk or hash
 * more than a buffer happens here, as plain blocking code.
 * Invariant: a job is in the queue at most once; `run` is its last use by the pool.
 */
#include "server/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"

#define WORKER_STACK_BYTES (512 * 1024)

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct pool_job *head, **tail;
    size_t queued, max_queued, idle;
    uint64_t run, refused, longest_queue, busy_ns;
    bool stopping;
    size_t n_threads;
    pthread_t threads[];
};

static void *worker(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->head && !p->stopping) {
            p->idle++;
            pthread_cond_wait(&p->wake, &p->lock);
            p->idle--;
        }
        if (!p->head)
            break;
        struct pool_job *j = p->head;
        p->head = j->next;
        if (!p->head)
            p->tail = &p->head;
        p->queued--;
        p->run++;
        pthread_mutex_unlock(&p->lock);
        uint64_t begun_ns = clock_mono_ns();
        j->run(j);
        uint64_t took_ns = clock_mono_ns() - begun_ns;
        pthread_mutex_lock(&p->lock);
        p->busy_ns += took_ns;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct pool *pool_create(size_t threads, size_t max_queued)
{
    struct pool *p = xcalloc(1, sizeof *p + threads * sizeof p->threads[0]);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->tail = &p->head;
    p->max_queued = max_queued;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WORKER_STACK_BYTES);
    for (size_t i = 0; i < threads; i++) {
        CHECK(pthread_create(&p->threads[i], &attr, worker, p) == 0);
        p->n_threads++;
    }
    pthread_attr_destroy(&attr);
    return p;
}

bool pool_submit(struct pool *p, struct pool_job *j, bool must)
{
    pthread_mutex_lock(&p->lock);
    bool room = must || p->queued < p->max_queued;
    if (room) {
        j->next = NULL;
        *p->tail = j;
        p->tail = &j->next;
        p->queued++;
        p->longest_queue = p->queued > p->longest_queue ? p->queued : p->longest_queue;
        if (p->idle)
            pthread_cond_signal(&p->wake);
    }
    p->refused += !room;
    pthread_mutex_unlock(&p->lock);
    return room;
}

void pool_stats(struct pool *p, struct pool_stats *ret)
{
    pthread_mutex_lock(&p->lock);
    *ret = (struct pool_stats){.threads = p->n_threads,
                               .busy = p->n_threads - p->idle,
                               .queued = p->queued,
                               .run = p->run,
                               .refused = p->refused,
                               .longest_queue = p->longest_queue,
                               .busy_ns = p->busy_ns};
    pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool **pp)
{
    struct pool *p = *pp;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pp = NULL;
}
