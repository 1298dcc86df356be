/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit with an engine that only takes notes. */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/commit.h"

#define GROUPS_MAX 4096

struct engine {
    sem_t entered, go;
    bool blocks; /* each group waits for `go` */
    int answer;
    size_t n_groups, size[GROUPS_MAX];
    size_t n_seen;
};

static void engine_run(void *ctx, struct index_batch *const *batches, size_t n, int *rcs)
{
    struct engine *e = ctx;
    (void)batches;
    if (e->blocks) {
        sem_post(&e->entered);
        sem_wait(&e->go);
    }
    cr_assert(e->n_groups < GROUPS_MAX);
    e->size[e->n_groups++] = n;
    e->n_seen += n;
    for (size_t i = 0; i < n; i++)
        rcs[i] = e->answer;
}

static void engine_init(struct engine *e, bool blocks)
{
    memset(e, 0, sizeof(*e));
    sem_init(&e->entered, 0, 0);
    sem_init(&e->go, 0, 0);
    e->blocks = blocks;
}

static atomic_int n_done;
static int done_arg[20000], done_rc[20000];

static void on_done(struct index_batch *b, int rc)
{
    int at = atomic_load(&n_done);
    done_arg[at] = (int)(intptr_t)b->arg;
    done_rc[at] = rc;
    atomic_store(&n_done, at + 1);
}

static void batches_init(struct index_batch *b, size_t n)
{
    memset(b, 0, n * sizeof(*b));
    for (size_t i = 0; i < n; i++) {
        b[i].done = on_done;
        b[i].arg = (void *)(intptr_t)i;
    }
}

/* The committer is inside the engine with batch 0; the rest is queued; then it may go on, `groups` times. */
static void submit_behind_first(struct committer *c, struct engine *e, struct index_batch *b, size_t n)
{
    commit_submit(c, &b[0]);
    sem_wait(&e->entered);
    for (size_t i = 1; i < n; i++)
        commit_submit(c, &b[i]);
    e->blocks = false;
    sem_post(&e->go);
}

Test(commit, waiting_batches_share_one_group_in_order)
{
    struct engine e;
    static struct index_batch b[100];
    engine_init(&e, true);
    batches_init(b, 100);
    struct committer *c = commit_start(engine_run, &e);
    submit_behind_first(c, &e, b, 100);
    commit_stop(&c);
    cr_assert_null(c);
    cr_assert_eq(e.n_groups, 2);
    cr_assert(e.size[0] == 1 && e.size[1] == 99);
    cr_assert_eq(atomic_load(&n_done), 100, "stopping answers everything first");
    for (int i = 0; i < 100; i++)
        cr_assert_eq(done_arg[i], i);
}

Test(commit, groups_are_bounded_by_count_operations_and_bytes)
{
    struct engine e;
    static struct index_batch b[COMMIT_GROUP_BATCHES + 100];
    engine_init(&e, true);
    batches_init(b, COMMIT_GROUP_BATCHES + 100);
    struct committer *c = commit_start(engine_run, &e);
    submit_behind_first(c, &e, b, COMMIT_GROUP_BATCHES + 100);
    commit_stop(&c);
    cr_assert(e.size[1] == COMMIT_GROUP_BATCHES && e.size[2] == 99);

    static struct bytes deletes[COMMIT_GROUP_OPS];
    engine_init(&e, true);
    batches_init(b, 5);
    b[1].deletes = b[3].deletes = deletes;
    b[1].n_deletes = COMMIT_GROUP_OPS / 2;
    b[3].n_deletes = COMMIT_GROUP_OPS / 2;
    c = commit_start(engine_run, &e);
    atomic_store(&n_done, 0);
    submit_behind_first(c, &e, b, 5);
    commit_stop(&c);
    cr_assert(e.n_groups == 3 && e.size[1] == 2 && e.size[2] == 2);

    struct index_put big = {.key = {"k", 1}, .value = {"", COMMIT_GROUP_BYTES + 1}};
    engine_init(&e, true);
    batches_init(b, 4);
    b[2].puts = &big;
    b[2].n_puts = 1;
    c = commit_start(engine_run, &e);
    atomic_store(&n_done, 0);
    submit_behind_first(c, &e, b, 4);
    commit_stop(&c);
    cr_assert(e.n_groups == 4 && e.size[1] == 1 && e.size[2] == 1, "one that is too large for any group goes alone");
}

Test(commit, an_id_takes_effect_once)
{
    struct engine e;
    struct index_batch b[6];
    engine_init(&e, true);
    batches_init(b, 6);
    for (int i = 0; i < 6; i++)
        b[i].request_id[0] = (unsigned char)(1 + i % 2);
    struct committer *c = commit_start(engine_run, &e);
    submit_behind_first(c, &e, b, 6);
    commit_stop(&c);
    cr_assert_eq(e.n_seen, 2);
    cr_assert_eq(atomic_load(&n_done), 6);
    for (int i = 0; i < 6; i++)
        cr_assert(done_arg[i] == i && done_rc[i] == INDEX_OK);
}

Test(commit, no_id_takes_effect_each_time)
{
    struct engine e;
    struct index_batch b = {.partition = 1};
    engine_init(&e, false);
    struct committer *c = commit_start(engine_run, &e);
    cr_assert_eq(commit_apply(c, &b), INDEX_OK);
    cr_assert_eq(commit_apply(c, &b), INDEX_OK);
    commit_stop(&c);
    cr_assert_eq(e.n_seen, 2);
}

Test(commit, a_refused_id_may_come_again_and_an_open_one_stays_open)
{
    struct engine e;
    struct index_batch b = {.request_id = "0123456789abcde"};
    engine_init(&e, false);
    struct committer *c = commit_start(engine_run, &e);
    e.answer = INDEX_CONFLICT;
    cr_assert_eq(commit_apply(c, &b), INDEX_CONFLICT);
    e.answer = INDEX_FULL;
    cr_assert_eq(commit_apply(c, &b), INDEX_FULL);
    e.answer = INDEX_UNKNOWN;
    cr_assert_eq(commit_apply(c, &b), INDEX_UNKNOWN);
    cr_assert_eq(e.n_seen, 3);
    e.answer = INDEX_UNAVAILABLE;
    cr_assert_eq(commit_apply(c, &b), INDEX_UNKNOWN, "never `nothing was done` about what may have been done");
    cr_assert_eq(e.n_seen, 3);
    commit_stop(&c);
}

Test(commit, ids_are_remembered_in_a_bounded_ring)
{
    struct engine e;
    struct index_batch b = {.partition = 1};
    engine_init(&e, false);
    e.n_groups = 0;
    struct committer *c = commit_start(engine_run, &e);
    for (uint32_t i = 1; i <= COMMIT_IDS + 10; i++) {
        memcpy(b.request_id, &i, 4);
        b.request_id[4] = (unsigned char)(i % 3); /* long chains too */
        cr_assert_eq(commit_apply(c, &b), INDEX_OK);
        e.n_groups = 0;
    }
    size_t seen = e.n_seen;
    for (uint32_t i = COMMIT_IDS + 10; i > 10; i--) {
        memcpy(b.request_id, &i, 4);
        b.request_id[4] = (unsigned char)(i % 3);
        cr_assert_eq(commit_apply(c, &b), INDEX_OK);
    }
    cr_assert_eq(e.n_seen, seen, "the last ones are known");
    uint32_t first = 1;
    memcpy(b.request_id, &first, 4);
    b.request_id[4] = 1;
    cr_assert_eq(commit_apply(c, &b), INDEX_OK);
    cr_assert_eq(e.n_seen, seen + 1, "the first ones are forgotten");
    commit_stop(&c);
}

Test(commit, apply_leaves_the_callers_fields)
{
    struct engine e;
    struct index_batch b = {.done = on_done, .arg = &e};
    engine_init(&e, false);
    struct committer *c = commit_start(engine_run, &e);
    cr_assert_eq(commit_apply(c, &b), INDEX_OK);
    cr_assert(b.done == on_done && b.arg == &e);
    cr_assert_eq(atomic_load(&n_done), 0);
    struct commit_stats s;
    commit_stats_get(c, &s);
    cr_assert(s.groups == 1 && s.batches == 1 && s.queued == 0);
    commit_stop(&c);
    commit_stop(&c);
}

/* --- a slow engine and clients that come back --- */

#define CLIENTS     16
#define SLOW_NS     20000000
#define RETURN_NS   300000
#define SLOW_GROUPS 100

static void nap(long ns)
{
    struct timespec t = {0, ns};
    nanosleep(&t, NULL);
}

static void slow_run(void *ctx, struct index_batch *const *batches, size_t n, int *rcs)
{
    nap(SLOW_NS);
    engine_run(ctx, batches, n, rcs);
}

static atomic_bool came_back[CLIENTS];

static void on_return(struct index_batch *b, int rc)
{
    cr_assert_eq(rc, INDEX_OK);
    atomic_store(&came_back[(intptr_t)b->arg], true);
}

static bool one_group_of_all(const struct engine *e)
{
    for (size_t i = 0; i < e->n_groups; i++)
        if (e->size[i] == CLIENTS)
            return true;
    return false;
}

/* Half of them come while the other half is being written, and each again soon after its answer. */
Test(commit, a_slow_commit_gathers_those_who_come_back)
{
    struct engine e;
    static struct index_batch b[CLIENTS];
    struct commit_stats stats = {0};
    engine_init(&e, false);
    batches_init(b, CLIENTS);
    struct committer *c = commit_start(slow_run, &e);
    for (size_t i = 0; i < CLIENTS; i++) {
        b[i].done = on_return;
        if (i == CLIENTS / 2)
            nap(SLOW_NS / 2);
        commit_submit(c, &b[i]);
    }
    while (stats.groups < SLOW_GROUPS) {
        nap(RETURN_NS);
        for (size_t i = 0; i < CLIENTS; i++)
            if (atomic_exchange(&came_back[i], false))
                commit_submit(c, &b[i]);
        commit_stats_get(c, &stats);
    }
    commit_stop(&c);
    cr_assert(one_group_of_all(&e), "two halves in turn would never share a commit");
}
