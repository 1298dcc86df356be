/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of batches as LMDB transactions. Runs on the committer's thread only.
 *
 * The usual way: see that there is room, one transaction for the group, batch after batch (all its preconditions, then
 * its writes), one commit with full sync. Whatever goes wrong after the first write of a batch spoils the whole
 * transaction, so it is aborted, and then
 *   - the map was too small: it grows, and the same batches are tried again;
 *   - one batch cannot be done (its pages are damaged, it is too large): each is tried alone, that one gets the error;
 *   - there is no room: runs of batches of one kind, in order, each with as much of the reserve as the kind may use;
 *   - the commit failed: nothing is written any more. Was it the header page that could not be written, then nobody
 * knows which state a restart will find: the group's answer is INDEX_UNKNOWN, and reads stop too.
 *
 * Invariant: an answer is given only after the commit it rests on; `known` and next_child are what the last commit
 * left, or have been forgotten.
 */
#include "storage/lmdb_write.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/commit.h"
#include "storage/lmdb_record.h"

#define REVISE_TRIES     4  /* once is enough, unless several preconditions fail */
#define NEED_SPARE_PAGES 64 /* of LMDB's own free list, and for what the estimate forgets */

const struct index_put lmdb_drop_step = {.head = 0};

static bool is_drop(const struct index_batch *b)
{
    return b->puts == &lmdb_drop_step;
}

/* --- generations --- */

static void generation_remember(struct lmdb_writer *w, uint64_t partition, uint64_t generation)
{
    size_t at = partition % LMDB_GENERATIONS;
    w->known[at].partition = partition;
    w->known[at].generation = generation;
}

/* 0 as generation: no such partition. LMDB's code. */
static int generation_get(struct lmdb_writer *w, MDB_txn *txn, uint64_t partition, uint64_t *ret)
{
    size_t at = partition % LMDB_GENERATIONS;
    if (w->known[at].partition == partition) {
        *ret = w->known[at].generation;
        return 0;
    }
    uint64_t generation = 0;
    int rc = lmdb_number_get(txn, w->e->dbi, partition, BYTES_NONE, &generation);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    generation_remember(w, partition, generation);
    *ret = generation;
    return 0;
}

/* --- one batch --- */

static bool key_fits(struct bytes key)
{
    return key.n >= 1 && key.n <= INDEX_KEY_MAX;
}

static bool batch_valid(const struct index_batch *b)
{
    if (b->partition == 0 || b->partition > INDEX_PARTITION_MAX)
        return false;
    for (size_t i = 0; i < b->n_expects; i++)
        if (!key_fits(b->expects[i].key) || b->expects[i].value.n > INDEX_VALUE_MAX)
            return false;
    for (size_t i = 0; i < b->n_puts; i++)
        if (!key_fits(b->puts[i].key) || b->puts[i].value.n < 1 || b->puts[i].value.n > INDEX_VALUE_MAX)
            return false;
    for (size_t i = 0; i < b->n_deletes; i++)
        if (!key_fits(b->deletes[i]))
            return false;
    return true;
}

/* INDEX_OK, INDEX_CONFLICT or what went wrong. */
static int expect_check(struct lmdb_env *e, MDB_txn *txn, uint64_t partition, const struct index_expect *expect)
{
    struct longkey_name name;
    MDB_val record;
    struct bytes value;
    int rc = longkey_get(txn, e->dbi, partition, expect->key, &name, &record);
    if (rc == MDB_NOTFOUND)
        return expect->value.n == 0 ? INDEX_OK : INDEX_CONFLICT;
    if (rc != 0)
        return lmdb_read_error(rc);
    if (expect->value.n == 0)
        return INDEX_CONFLICT;
    MDB_val k = {name.n, name.b};
    if (!lmdb_record_read(&k, &record, false, &value))
        return INDEX_CORRUPT;
    return bytes_eq(value, expect->value) ? INDEX_OK : INDEX_CONFLICT;
}

/* Shows the owner of the batch what is there now; true: it has changed its batch to suit. */
static bool batch_revise(struct lmdb_writer *w, MDB_txn *txn, struct index_batch *b)
{
    struct longkey_name name;
    MDB_val record;
    struct bytes value = BYTES_NONE;
    if (!b->revise)
        return false;
    int rc = longkey_get(txn, w->e->dbi, b->partition, b->expects[b->ret_conflict].key, &name, &record);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return false;
    MDB_val k = {name.n, name.b};
    if (rc == 0 && !lmdb_record_read(&k, &record, false, &value))
        return false;
    return b->revise(b, b->ret_conflict, value) && batch_valid(b);
}

static int batch_check_once(struct lmdb_writer *w, MDB_txn *txn, struct index_batch *b)
{
    uint64_t generation = 0;
    int rc = generation_get(w, txn, b->partition, &generation);
    if (rc != 0)
        return lmdb_read_error(rc);
    if (b->generation != generation || (generation == 0 && b->next_generation == 0))
        return INDEX_STALE;
    for (size_t i = 0; i < b->n_expects; i++) {
        rc = expect_check(w->e, txn, b->partition, &b->expects[i]);
        if (rc == INDEX_CONFLICT)
            b->ret_conflict = i;
        if (rc != INDEX_OK)
            return rc;
    }
    return INDEX_OK;
}

static int batch_check(struct lmdb_writer *w, MDB_txn *txn, struct index_batch *b)
{
    int rc = batch_check_once(w, txn, b);
    for (int tries = 0; rc == INDEX_CONFLICT && tries < REVISE_TRIES && batch_revise(w, txn, b); tries++)
        rc = batch_check_once(w, txn, b);
    return rc;
}

/* LMDB's code. */
static int batch_write(struct lmdb_writer *w, struct longkey_writer *lw, const struct index_batch *b)
{
    for (size_t i = 0; i < b->n_deletes; i++) {
        int rc = longkey_del(lw, b->partition, b->deletes[i]);
        if (rc != 0 && rc != MDB_NOTFOUND)
            return rc;
    }
    for (size_t i = 0; i < b->n_puts; i++) {
        const struct index_put *p = &b->puts[i];
        struct longkey_name name;
        void *room;
        int rc = longkey_put(lw, b->partition, p->key, lmdb_record_size(p->value.n, p->head), &name, &room);
        if (rc != 0)
            return rc;
        MDB_val k = {name.n, name.b};
        lmdb_record_write(room, &k, p->value, p->head);
    }
    if (b->next_generation == 0 || b->next_generation == b->generation)
        return 0;
    int rc = lmdb_number_put(lw, b->partition, BYTES_NONE, b->next_generation);
    if (rc == 0)
        generation_remember(w, b->partition, b->next_generation);
    return rc;
}

/* Deletes a bounded number of records; the generation goes last, so that a drop cut short can be repeated. */
static int drop_write(struct lmdb_writer *w, struct longkey_writer *lw, struct index_batch *b)
{
    lmdb_sums_forget(&w->sums, b->partition);
    size_t budget = LMDB_DROP_STEP;
    int rc = longkey_del_some(lw, b->partition, &budget);
    b->ret_conflict = budget == 0;
    if (rc != 0 || budget == 0)
        return rc;
    rc = longkey_del(lw, b->partition, BYTES_NONE);
    generation_remember(w, b->partition, 0);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* --- one transaction --- */

enum outcome {
    DONE,
    NO_MAP,  /* the map is too small */
    NO_ROOM, /* the disk is full */
    SPOILT,  /* something in the group cannot be done */
    FAILED,  /* the disk does not do what it should */
};

static enum outcome outcome_of(struct lmdb_env *e, int rc)
{
    if (rc == EIO && lmdb_env_disk_full(e)) /* so LMDB calls a short write */
        rc = ENOSPC;
    switch (rc) {
    case 0:
        return DONE;
    case MDB_MAP_FULL:
        return NO_MAP;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return NO_ROOM;
    case ENOMEM:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_TXN_FULL:
    case MDB_BAD_TXN:
        return SPOILT;
    default:
        return FAILED;
    }
}

static bool env_panics(struct lmdb_env *e)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(e->env, NULL, 0, &txn);
    if (rc == 0)
        mdb_txn_abort(txn);
    return rc == MDB_PANIC;
}

/* Tells what LMDB said and forgets what the transaction had changed in memory. */
static enum outcome txn_failed(struct lmdb_writer *w, int rc, bool in_commit)
{
    enum outcome outcome = outcome_of(w->e, rc);
    memset(w->known, 0, sizeof(w->known));
    if (in_commit && outcome != NO_MAP && outcome != SPOILT && env_panics(w->e)) {
        w->uncertain = true;
        outcome = FAILED;
    }
    if (outcome == FAILED)
        log_error("index", "a commit failed, nothing is written any more: %s%s", mdb_strerror(rc),
                  w->uncertain ? " (header page: the outcome is open until the restart)" : "");
    return outcome;
}

/* Answers only with DONE; with SPOILT, *ret_rc is LMDB's code. */
static enum outcome transact(struct lmdb_writer *w, struct index_batch *const *batches, size_t n, int *rcs, int *ret_rc)
{
    struct longkey_writer lw = {.dbi = w->e->dbi, .next_child = w->e->next_child};
    *ret_rc = mdb_txn_begin(w->e->env, NULL, 0, &lw.txn);
    if (*ret_rc != 0)
        return txn_failed(w, *ret_rc, false);
    lmdb_sums_begin(&w->sums);
    for (size_t i = 0; i < n && *ret_rc == 0; i++) {
        struct index_batch *b = batches[i];
        rcs[i] = !batch_valid(b) ? INDEX_INVALID : is_drop(b) ? INDEX_OK : batch_check(w, lw.txn, b);
        bool over = false;
        if (rcs[i] == INDEX_OK && !is_drop(b))
            *ret_rc = lmdb_sums_batch(&w->sums, &lw, b, &over);
        if (over)
            rcs[i] = INDEX_LIMIT;
        if (rcs[i] == INDEX_OK && *ret_rc == 0)
            *ret_rc = is_drop(b) ? drop_write(w, &lw, b) : batch_write(w, &lw, b);
    }
    if (*ret_rc == 0)
        *ret_rc = lmdb_sums_end(&w->sums, &lw);
    if (*ret_rc == 0 && lw.next_child != w->e->next_child)
        *ret_rc = lmdb_number_put(&lw, LMDB_META_ROOT, LMDB_KEY_CHILD, lw.next_child);
    if (*ret_rc != 0) {
        mdb_txn_abort(lw.txn);
        return txn_failed(w, *ret_rc, false);
    }
    atomic_fetch_add(&w->e->commits_begun, 1);
    *ret_rc = mdb_txn_commit(lw.txn);
    if (*ret_rc != 0)
        return txn_failed(w, *ret_rc, true);
    w->e->next_child = lw.next_child;
    return DONE;
}

/* --- groups --- */

/* Bytes by which the file may grow: pages copied on write, pages split, long values, the free list. */
static uint64_t group_need(struct lmdb_writer *w, struct index_batch *const *batches, size_t n)
{
    MDB_stat stat;
    uint64_t page = w->e->page, ops = 0, fresh = 0;
    mdb_env_stat(w->e->env, &stat);
    for (size_t i = 0; i < n; i++) {
        const struct index_batch *b = batches[i];
        ops += commit_batch_ops(b) + 1 + (is_drop(b) ? LMDB_DROP_STEP : 0);
        for (size_t j = 0; j < b->n_puts; j++) {
            uint64_t bytes = b->puts[j].key.n + b->puts[j].value.n + 64;
            fresh += bytes > page / 2 ? bytes / page + 2 : 0;
        }
        fresh += commit_batch_bytes(b) * 2 / page + b->n_puts / 8 + 1;
    }
    uint64_t tree = stat.ms_branch_pages + stat.ms_leaf_pages + fresh + stat.ms_depth;
    uint64_t copied = ops * (stat.ms_depth + 1);
    copied = copied < tree ? copied : tree;
    return (copied + fresh + copied / 128 + NEED_SPARE_PAGES) * page;
}

static void answer_all(int *rcs, size_t n, int rc)
{
    for (size_t i = 0; i < n; i++)
        rcs[i] = rc;
}

static void group_failed(struct lmdb_writer *w, int *rcs, size_t n)
{
    atomic_store(&w->failed, true);
    atomic_store(&w->full, false);
    if (w->uncertain)
        atomic_store(&w->e->blind, true);
    answer_all(rcs, n, w->uncertain ? INDEX_UNKNOWN : INDEX_UNAVAILABLE);
    w->uncertain = false; /* said of this group; later ones were never begun */
}

static void group_run(struct lmdb_writer *w, struct index_batch *const *batches, size_t n, int *rcs);

static void run_each_alone(struct lmdb_writer *w, struct index_batch *const *batches, size_t n, int *rcs)
{
    for (size_t i = 0; i < n; i++)
        group_run(w, batches + i, 1, rcs + i);
}

static int spoilt_answer(int rc)
{
    int answer = lmdb_read_error(rc);
    log_error("index", "a batch could not be applied: %s", mdb_strerror(rc));
    return answer == INDEX_CORRUPT ? answer : INDEX_UNAVAILABLE;
}

/* --- on a full disk --- */

/* Bytes of what a key holds now; 0 when it holds nothing. */
static size_t held_bytes(struct lmdb_env *e, MDB_txn *txn, uint64_t partition, struct bytes key)
{
    struct longkey_name name;
    MDB_val record;
    if (longkey_get(txn, e->dbi, partition, key, &name, &record) != 0)
        return 0;
    return key.n + lmdb_record_value_size(&record);
}

/* How much of the reserve a batch may use: as much as it will give back. */
static enum lmdb_limit batch_limit(struct lmdb_env *e, MDB_txn *txn, const struct index_batch *b)
{
    size_t put = 0, freed = 0;
    if (is_drop(b) || b->n_puts == 0 || !batch_valid(b))
        return LMDB_LIMIT_SHRINKING;
    for (size_t i = 0; i < b->n_puts; i++) {
        put += b->puts[i].key.n + b->puts[i].value.n;
        freed += held_bytes(e, txn, b->partition, b->puts[i].key);
    }
    for (size_t i = 0; i < b->n_deletes; i++)
        freed += held_bytes(e, txn, b->partition, b->deletes[i]);
    if (put > e->reserve / 8) /* it would need room for both, old and new, for a while */
        return LMDB_LIMIT_GROWING;
    if (put <= freed)
        return LMDB_LIMIT_SHRINKING;
    return b->n_deletes > 0 && put <= freed + LMDB_TRIM_GROWTH ? LMDB_LIMIT_TRIMMING : LMDB_LIMIT_GROWING;
}

/* The length of the run of batches with one limit at the start. */
static size_t run_of_one_limit(struct lmdb_writer *w, struct index_batch *const *batches, size_t n,
                               enum lmdb_limit *ret_limit)
{
    MDB_txn *txn = NULL;
    size_t run = 1;
    *ret_limit = LMDB_LIMIT_GROWING;
    if (mdb_txn_begin(w->e->env, NULL, MDB_RDONLY, &txn) != 0)
        return run;
    *ret_limit = batch_limit(w->e, txn, batches[0]);
    while (run < n && batch_limit(w->e, txn, batches[run]) == *ret_limit)
        run++;
    mdb_txn_abort(txn);
    return run;
}

static uint64_t last_txn(struct lmdb_env *e)
{
    MDB_envinfo info;
    mdb_env_info(e->env, &info);
    return info.me_last_txnid;
}

/* Replacing the map again and again has a price: what was refused is refused again until a commit has changed
 * something. */
static bool refused_before(struct lmdb_writer *w, struct index_batch *b)
{
    return w->refused > 0 && commit_batch_bytes(b) >= w->refused && last_txn(w->e) == w->refused_txn;
}

static void run_limited(struct lmdb_writer *w, struct index_batch *const *batches, size_t n, enum lmdb_limit limit,
                        int *rcs)
{
    int rc = 0;
    bool growing = limit == LMDB_LIMIT_GROWING;
    enum outcome outcome = NO_ROOM;
    if (atomic_load(&w->failed)) {
        group_failed(w, rcs, n);
        return;
    }
    if (n > 1 || !growing || !refused_before(w, batches[0]))
        outcome = lmdb_env_limit(w->e, limit) ? transact(w, batches, n, rcs, &rc) : FAILED;
    if (outcome == DONE)
        return;
    if (outcome == FAILED) {
        group_failed(w, rcs, n);
    } else if (n > 1) {
        for (size_t i = 0; i < n; i++)
            run_limited(w, batches + i, 1, limit, rcs + i);
    } else if (outcome == SPOILT) {
        rcs[0] = spoilt_answer(rc);
    } else {
        rcs[0] = INDEX_FULL;
        if (growing) {
            w->refused = commit_batch_bytes(batches[0]);
            w->refused_txn = last_txn(w->e);
            atomic_store(&w->full, true);
        }
    }
}

static void run_tight(struct lmdb_writer *w, struct index_batch *const *batches, size_t n, int *rcs)
{
    while (n > 0) {
        enum lmdb_limit limit;
        if (w->e->no_map || atomic_load(&w->failed)) {
            group_failed(w, rcs, n);
            return;
        }
        size_t run = run_of_one_limit(w, batches, n, &limit);
        run_limited(w, batches, run, limit, rcs);
        batches += run;
        rcs += run;
        n -= run;
    }
}

/* --- the usual way --- */

static void group_run(struct lmdb_writer *w, struct index_batch *const *batches, size_t n, int *rcs)
{
    if (atomic_load(&w->failed)) {
        answer_all(rcs, n, INDEX_UNAVAILABLE);
        return;
    }
    for (uint64_t need = group_need(w, batches, n);; need *= 2) {
        int rc = 0;
        if (!lmdb_env_make_room(w->e, need)) {
            run_tight(w, batches, n, rcs);
            return;
        }
        enum outcome outcome = transact(w, batches, n, rcs, &rc);
        if (outcome == DONE) {
            atomic_store_explicit(&w->full, false, memory_order_relaxed);
            return;
        }
        if (outcome == NO_MAP)
            continue; /* with a larger one: `need` doubles */
        if (outcome == NO_ROOM)
            run_tight(w, batches, n, rcs);
        else if (outcome == FAILED)
            group_failed(w, rcs, n);
        else if (n > 1)
            run_each_alone(w, batches, n, rcs);
        else
            rcs[0] = spoilt_answer(rc);
        return;
    }
}

void lmdb_write_group(void *ctx, struct index_batch *const *batches, size_t n, int *ret_rcs)
{
    group_run(ctx, batches, n, ret_rcs);
}
