/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit; commit.h says what for.
 *
 * Submitting is a push onto a lock-free stack. Only who finds it empty wakes the committer, so a busy committer costs a
 * submitter one compare-and-swap. The committer takes the whole stack with one exchange, turns it round (that is the
 * order of submission), and cuts groups from the front of the resulting list.
 *
 * Clients that were answered together come back together. When the disk is quick, they find the next group under way
 * and make up the one after: two groups in turn keep disk and processors busy, and waiting would only cost (a tenth of
 * the rate, measured with syncs of half a millisecond). When a commit takes longer than it takes them to come back,
 * that is two commits where one would do. So after a slow commit of several batches the committer waits for the next
 * ones: a fraction of what the commit took, no longer than they keep coming, and never behind a group of fewer than
 * GATHER_BATCHES. With syncs of 6 ms and 64 clients that is a fifth more of them a second, each answered sooner.
 *
 * A group ends before a batch whose request id is already in it: when that batch's turn comes, its fate is known.
 *
 * Invariants: `backlog`, the ids and the group belong to the committer's thread; a batch is not touched after its
 * `done` was called; what was submitted before commit_stop is answered before commit_stop returns.
 */
#include "storage/commit.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

#define ID_BUCKETS (2 * COMMIT_IDS)

#define GATHER_FROM_NS  (UINT64_C(5) * 1000 * 1000) /* a commit that took less is quick */
#define GATHER_MAX_NS   (UINT64_C(5) * 1000 * 1000) /* the longest wait ... */
#define GATHER_FRACTION 4                           /* ... which is this part of what the last commit took */
#define GATHER_STEPS    4                           /* looks at who came */
#define GATHER_BATCHES  4                           /* a smaller group is followed at once */

enum id_state { ID_FREE, ID_PENDING, ID_SETTLED };

struct id_entry {
    unsigned char id[16];
    uint32_t next; /* in its bucket: position + 1; 0 ends the chain */
    int8_t state;
    int8_t rc; /* of a settled one: INDEX_OK or INDEX_UNKNOWN */
};

/* The ids of the last batches: a ring, with a hash chain through it. */
struct id_ring {
    uint32_t bucket[ID_BUCKETS]; /* position + 1 */
    struct id_entry entry[COMMIT_IDS];
    uint32_t next;
};

struct committer {
    commit_run_f *run;
    void *ctx;
    _Atomic(struct index_batch *) submitted; /* a stack */
    pthread_mutex_t lock;                    /* for sleeping only */
    pthread_cond_t wake;
    bool stop; /* under the lock */
    pthread_t thread;
    struct index_batch *backlog, **backlog_end; /* drained, in order */
    struct index_batch *group[COMMIT_GROUP_BATCHES];
    struct id_entry *group_id[COMMIT_GROUP_BATCHES]; /* NULL: without id */
    int rcs[COMMIT_GROUP_BATCHES];
    struct id_ring ids;
    uint64_t last_took_ns, last_answered_ns; /* of the last group */
    uint64_t last_expected;                  /* batches that wait when those it answered have come back */
    size_t last_n;
    _Atomic uint64_t n_submitted, n_answered, n_groups, busy_since_ms;
    struct histogram took; /* written by the committer's thread alone, as the next */
    _Atomic uint64_t group_sizes[INDEX_GROUP_SIZES];
    atomic_uint submitting; /* threads inside commit_submit: their batch may be answered before they are out */
};

/* --- request ids --- */

static uint32_t id_bucket(const unsigned char id[16])
{
    uint64_t h; /* ids are random: any part of them is a hash */
    memcpy(&h, id + 4, 8);
    return (uint32_t)(h % ID_BUCKETS);
}

static bool id_given(const unsigned char id[16])
{
    static const unsigned char none[16];
    return memcmp(id, none, 16) != 0;
}

static struct id_entry *id_find(struct id_ring *r, const unsigned char id[16])
{
    for (uint32_t at = r->bucket[id_bucket(id)]; at != 0; at = r->entry[at - 1].next) {
        struct id_entry *e = &r->entry[at - 1];
        if (e->state != ID_FREE && memcmp(e->id, id, 16) == 0)
            return e;
    }
    return NULL;
}

static void id_unlink(struct id_ring *r, uint32_t position)
{
    uint32_t *at = &r->bucket[id_bucket(r->entry[position].id)];
    while (*at != 0 && *at != position + 1)
        at = &r->entry[*at - 1].next;
    if (*at != 0)
        *at = r->entry[position].next;
}

static struct id_entry *id_add(struct id_ring *r, const unsigned char id[16])
{
    struct id_entry *e = &r->entry[r->next];
    uint32_t *bucket = &r->bucket[id_bucket(id)];
    id_unlink(r, r->next);
    memcpy(e->id, id, 16);
    e->state = ID_PENDING;
    e->next = *bucket;
    *bucket = r->next + 1;
    r->next = (r->next + 1) % COMMIT_IDS;
    return e;
}

/* --- groups --- */

size_t commit_batch_ops(const struct index_batch *b)
{
    return 1 + b->n_puts + b->n_deletes;
}

size_t commit_batch_bytes(const struct index_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_puts; i++)
        n += b->puts[i].key.n + b->puts[i].value.n;
    for (size_t i = 0; i < b->n_deletes; i++)
        n += b->deletes[i].n;
    return n;
}

static void answer(struct committer *c, struct index_batch *b, int rc)
{
    atomic_fetch_add_explicit(&c->n_answered, 1, memory_order_relaxed);
    b->done(b, rc); /* b is its owner's again */
}

static struct index_batch *backlog_pop(struct committer *c)
{
    struct index_batch *b = c->backlog;
    c->backlog = b->queue_next;
    if (c->backlog == NULL)
        c->backlog_end = &c->backlog;
    return b;
}

/* Cuts a group from the backlog; 0 when its first batch was answered right away. */
static size_t group_fill(struct committer *c)
{
    size_t n = 0, ops = 0, bytes = 0;
    while (c->backlog != NULL && n < COMMIT_GROUP_BATCHES) {
        struct index_batch *b = c->backlog;
        struct id_entry *known = id_given(b->request_id) ? id_find(&c->ids, b->request_id) : NULL;
        if (known && n > 0)
            break; /* settle the group first: answers keep the order of submission */
        if (known) {
            CHECK(known->state == ID_SETTLED);
            answer(c, backlog_pop(c), known->rc);
            break;
        }
        ops += commit_batch_ops(b);
        bytes += commit_batch_bytes(b);
        if (n > 0 && (ops > COMMIT_GROUP_OPS || bytes > COMMIT_GROUP_BYTES))
            break;
        c->group_id[n] = id_given(b->request_id) ? id_add(&c->ids, b->request_id) : NULL;
        c->group[n++] = backlog_pop(c);
    }
    return n;
}

static uint64_t queued(const struct committer *c)
{
    uint64_t answered = atomic_load_explicit(&c->n_answered, memory_order_relaxed);
    uint64_t submitted = atomic_load_explicit(&c->n_submitted, memory_order_relaxed);
    return submitted > answered ? submitted - answered : 0;
}

static size_t size_place(size_t n)
{
    size_t i = 0;
    while (i + 1 < INDEX_GROUP_SIZES && n > (size_t)1 << i)
        i++;
    return i;
}

static void group_run(struct committer *c, size_t n)
{
    uint64_t begun_ns = clock_mono_ns();
    atomic_store_explicit(&c->busy_since_ms, (uint64_t)clock_mono_ms(), memory_order_relaxed);
    c->run(c->ctx, c->group, n, c->rcs);
    atomic_fetch_add_explicit(&c->n_groups, 1, memory_order_relaxed);
    atomic_store_explicit(&c->busy_since_ms, 0, memory_order_relaxed);
    for (size_t i = 0; i < n; i++) {
        struct id_entry *e = c->group_id[i];
        bool settled = c->rcs[i] == INDEX_OK || c->rcs[i] == INDEX_UNKNOWN;
        if (e) {
            e->state = settled ? ID_SETTLED : ID_FREE;
            e->rc = (int8_t)c->rcs[i];
        }
    }
    c->last_n = n;
    c->last_took_ns = clock_mono_ns() - begun_ns;
    histogram_add(&c->took, c->last_took_ns);
    counter_add(&c->group_sizes[size_place(n)], 1);
    c->last_expected = queued(c); /* those answered below come back, the others wait already */
    for (size_t i = 0; i < n; i++)
        answer(c, c->group[i], c->rcs[i]);
    c->last_answered_ns = clock_mono_ns();
}

/* Waits for those whom a slow commit has just answered, while they keep coming. */
static void gather(struct committer *c)
{
    uint64_t most = c->last_took_ns / GATHER_FRACTION, end_ns;
    uint64_t had, have = queued(c);
    if (c->last_took_ns < GATHER_FROM_NS || c->last_n < GATHER_BATCHES)
        return;
    most = most < GATHER_MAX_NS ? most : GATHER_MAX_NS;
    end_ns = c->last_answered_ns + most;
    struct timespec step = {0, (long)(most / GATHER_STEPS)};
    do {
        if (have >= c->last_expected || have >= COMMIT_GROUP_BATCHES || clock_mono_ns() >= end_ns)
            return;
        nanosleep(&step, NULL);
        had = have;
        have = queued(c);
    } while (have > had);
}

/* --- the thread --- */

/* Moves what was submitted to the end of the backlog. */
static void drain(struct committer *c)
{
    struct index_batch *b = atomic_exchange_explicit(&c->submitted, NULL, memory_order_acquire);
    struct index_batch *first = NULL, **end = c->backlog_end;
    if (b == NULL)
        return;
    c->backlog_end = &b->queue_next; /* the last one submitted */
    while (b != NULL) {
        struct index_batch *next = b->queue_next;
        b->queue_next = first;
        first = b;
        b = next;
    }
    *end = first;
}

/* Sleeps until there is something. False when told to stop and nothing is left. */
static bool wait_for_work(struct committer *c)
{
    bool work;
    pthread_mutex_lock(&c->lock);
    while (!(work = atomic_load(&c->submitted) != NULL) && !c->stop)
        pthread_cond_wait(&c->wake, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return work;
}

static void *commit_main(void *arg)
{
    struct committer *c = arg;
    for (;;) {
        drain(c);
        if (c->backlog == NULL) {
            if (!wait_for_work(c))
                return NULL;
            continue;
        }
        gather(c);
        drain(c);
        size_t n = group_fill(c);
        if (n > 0)
            group_run(c, n);
    }
}

struct committer *commit_start(commit_run_f *run, void *ctx)
{
    struct committer *c = xcalloc(1, sizeof(*c));
    sigset_t all, old;
    c->run = run;
    c->ctx = ctx;
    c->backlog_end = &c->backlog;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&c->thread, NULL, commit_main, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return c;
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

void commit_submit(struct committer *c, struct index_batch *b)
{
    struct index_batch *head = atomic_load_explicit(&c->submitted, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->submitting, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->n_submitted, 1, memory_order_relaxed);
    do
        b->queue_next = head;
    while (!atomic_compare_exchange_weak(&c->submitted, &head, b));
    if (head == NULL) { /* else: whoever came first wakes the committer */
        pthread_mutex_lock(&c->lock);
        pthread_cond_signal(&c->wake);
        pthread_mutex_unlock(&c->lock);
    }
    atomic_fetch_sub_explicit(&c->submitting, 1, memory_order_release);
}

struct waiter {
    sem_t finished;
    int rc;
};

static void on_applied(struct index_batch *b, int rc)
{
    struct waiter *w = b->arg;
    w->rc = rc;
    sem_post(&w->finished);
}

int commit_apply(struct committer *c, struct index_batch *b)
{
    struct waiter w = {.rc = INDEX_UNKNOWN};
    void (*done)(struct index_batch *, int) = b->done;
    void *arg = b->arg;
    bool (*revise)(struct index_batch *, size_t, struct bytes) = b->revise;
    sem_init(&w.finished, 0, 0);
    b->done = on_applied;
    b->arg = &w;
    b->revise = NULL; /* it would look for its owner in `arg` */
    commit_submit(c, b);
    while (sem_wait(&w.finished) != 0)
        ; /* EINTR */
    sem_destroy(&w.finished);
    b->done = done;
    b->arg = arg;
    b->revise = revise;
    return w.rc;
}

void commit_stop(struct committer **cp)
{
    struct committer *c = *cp;
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    *cp = NULL; /* not before: what `done` submits goes through it */
    while (atomic_load_explicit(&c->submitting, memory_order_acquire) > 0)
        sched_yield();
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void commit_stats_get(const struct committer *c, struct commit_stats *ret)
{
    ret->groups = atomic_load_explicit(&c->n_groups, memory_order_relaxed);
    ret->batches = atomic_load_explicit(&c->n_answered, memory_order_relaxed);
    ret->queued = queued(c);
    ret->busy_since_ms = atomic_load_explicit(&c->busy_since_ms, memory_order_relaxed);
    ret->took = (struct histogram_sum){0};
    histogram_collect(&c->took, &ret->took);
    for (size_t i = 0; i < INDEX_GROUP_SIZES; i++)
        ret->group_sizes[i] = counter_get(&c->group_sizes[i]);
}
