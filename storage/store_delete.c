/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting: what a delete means for a key's versions (store_version.c has their invariants), and how many keys at once
 * become few batches.
 *
 * Without a version, in a bucket that has or had versioning, a delete puts a marker on top. With one, that version goes
 * for good; was it the newest, the next one behind it is promoted: an object becomes the current one, a marker the
 * newest version. Each change requires what it was planned on, so of two that meet one is planned again.
 *
 * Threads: blocks.
 */
#include "storage/store_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/rand.h"

/* ---- one key ---- */

static int plan_marker(struct store *st, struct txn *t, const struct store_bucket *b, struct bytes owner,
                       struct store_current *cur, struct store_delete *item)
{
    struct rec_history h = cur->h;
    bool enabled = b->versioning == VERSIONING_ENABLED;
    struct bytes index_key = key_object(t->arena, item->key);
    struct rec_object m = {.versioned = enabled, .o = {.marker = true, .owner = owner, .mtime_ms = clock_wall_ms()}};
    rand_bytes(m.o.uid, sizeof m.o.uid);
    txn_expect(t, index_key, cur->exists ? cur->value : BYTES_NONE);
    int rc = store__make_way(st, t, b, item->key, cur, !enabled, m.o.mtime_ms, &h, &m.o.version.seq);
    if (rc != STORE_OK)
        return rc;
    if (cur->exists)
        txn_delete(t, index_key);
    store__settle_version(&m);
    store__put_again(t, store__version_key(t->arena, item->key, &m.o.version), &m);
    h.marker_seq = m.o.version.seq;
    memcpy(h.marker_uid, enabled ? m.o.uid : store__no_uid, sizeof h.marker_uid);
    if (!enabled)
        h.null_seq = h.marker_seq;
    store__put_history(t, item->key, cur, &h);
    item->marker = item->has_version = true;
    item->ret_version = m.o.version;
    return STORE_OK;
}

/* After the newest version has gone: the next one behind `after` (none: the first) takes its place. */
static int promote(struct store *st, struct txn *t, const struct store_bucket *b, struct bytes key, struct bytes after,
                   struct rec_history *h)
{
    struct index_scan scan = {.partition = b->partition, .prefix = key_versions(t->arena, key), .max_rows = 1};
    struct index_page page;
    struct rec_object *next = arena_alloc(t->arena, sizeof *next);
    scan.from = after.n ? after : scan.prefix;
    scan.after = after.n > 0;
    int rc = index_page(st->index, &scan, t->arena, &page);
    if (rc != INDEX_OK || page.n_rows == 0)
        return rc == INDEX_OK || rc == INDEX_NOT_FOUND ? STORE_OK : store__index_rc(rc);
    const struct index_row *row = &page.rows[0];
    if (!record_decode(&rec_object, row->value, t->arena, next))
        return STORE_CORRUPT;
    store__settle_version(next);
    next->noncurrent_ms = 0;
    txn_expect(t, row->key, row->value);
    if (next->o.marker) {
        store__put_again(t, row->key, next);
        h->marker_seq = next->o.version.seq;
        memcpy(h->marker_uid, next->versioned ? next->o.uid : store__no_uid, sizeof h->marker_uid);
        return STORE_OK;
    }
    txn_delete(t, row->key);
    store__put_again(t, key_object(t->arena, key), next);
    if (!next->versioned)
        h->null_seq = 0;
    return STORE_OK;
}

/* An older version goes. *ret_simple: nothing else of the key is touched. */
static int plan_remove_older(struct store *st, struct txn *t, const struct store_bucket *b, struct store_delete *item,
                             struct store_current *cur, bool *ret_simple)
{
    struct rec_history h = cur->h;
    struct store_version v = *item->version;
    struct rec_object *r = arena_alloc(t->arena, sizeof *r);
    struct bytes value;
    if (v.null)
        v.seq = cur->h.null_seq;
    if (v.seq == 0)
        return STORE_NO_SUCH_VERSION;
    bool newest =
        !cur->exists && v.seq == h.marker_seq && memcmp(v.null ? store__no_uid : v.uid, h.marker_uid, 16) == 0;
    struct bytes index_key = store__version_key(t->arena, item->key, &v);
    int rc = store__load_object(st, b->partition, index_key, &rec_object, t->arena, r, &value);
    if (rc != STORE_OK)
        return rc == STORE_NO_SUCH_KEY ? STORE_NO_SUCH_VERSION : rc;
    if (!store__as_expected(r, item->expect_uid, item->expect_noncurrent_ms))
        return STORE_PRECONDITION_FAILED;
    if (!r->o.marker && store__protected(st, &r->o.lock, item->bypass_governance))
        return STORE_LOCKED;
    item->marker = r->o.marker;
    item->existed = item->has_version = true;
    item->ret_version = r->o.version;
    txn_expect(t, index_key, value);
    txn_delete(t, index_key);
    txn_drop_object(t, r);
    *ret_simple = !newest && !v.null;
    if (*ret_simple)
        return STORE_OK;
    if (v.null)
        h.null_seq = 0;
    if (newest) {
        store__forget_marker(&h);
        txn_expect(t, key_object(t->arena, item->key), BYTES_NONE);
        rc = promote(st, t, b, item->key, index_key, &h);
    }
    if (rc == STORE_OK)
        store__put_history(t, item->key, cur, &h);
    return rc;
}

static int plan_remove_current(struct store *st, struct txn *t, const struct store_bucket *b, struct store_delete *item,
                               struct store_current *cur)
{
    struct rec_history h = cur->h;
    struct bytes index_key = key_object(t->arena, item->key);
    if (!store__as_expected(&cur->o, item->expect_uid, item->expect_noncurrent_ms))
        return STORE_PRECONDITION_FAILED;
    if (store__protected(st, &cur->o.o.lock, item->bypass_governance))
        return STORE_LOCKED;
    item->existed = true;
    item->has_version = b->versioning != VERSIONING_NEVER;
    item->ret_version = cur->o.o.version;
    txn_expect(t, index_key, cur->value);
    txn_delete(t, index_key);
    txn_drop_object(t, &cur->o);
    if (b->versioning == VERSIONING_NEVER)
        return STORE_OK;
    int rc = promote(st, t, b, item->key, BYTES_NONE, &h);
    if (rc == STORE_OK)
        store__put_history(t, item->key, cur, &h);
    return rc;
}

/* Adds one item to the batch. Nothing was added when it answers something else than STORE_OK. */
static int plan_delete(struct store *st, struct txn *t, const struct store_bucket *b, struct bytes owner,
                       struct store_delete *item, bool *ret_simple)
{
    struct store_current *cur = arena_alloc(t->arena, sizeof *cur);
    *ret_simple = false;
    item->existed = item->marker = item->has_version = false;
    if (item->key.n == 0 || item->key.n > STORE_KEY_MAX)
        return STORE_NO_SUCH_KEY;
    int rc = store__load_current(st, b, item->key, true, t->arena, cur);
    if (rc != STORE_OK)
        return rc;
    if (item->version) {
        if (cur->exists && store__is_version(&cur->o, item->version))
            return plan_remove_current(st, t, b, item, cur);
        if (b->versioning == VERSIONING_NEVER)
            return item->version->null ? STORE_OK : STORE_NO_SUCH_VERSION;
        return plan_remove_older(st, t, b, item, cur, ret_simple);
    }
    rc = store__check_condition(&item->condition, cur->exists ? &cur->o.o : NULL);
    if (rc != STORE_OK)
        return rc;
    if (item->expect_uid && (!cur->exists || !store__as_expected(&cur->o, item->expect_uid, NULL)))
        return STORE_PRECONDITION_FAILED;
    if (b->versioning != VERSIONING_NEVER) {
        item->existed = cur->exists;
        return plan_marker(st, t, b, owner, cur, item);
    }
    return cur->exists ? plan_remove_current(st, t, b, item, cur) : STORE_OK;
}

/* ---- deleting many ---- */

#define DELETE_BATCH       250        /* items of one batch: bounds how long a writer holds the index */
#define DELETE_BATCH_BYTES (2u << 20) /* of plans for it; with more, items wait for the next: bounds the memory */

enum item_state { ITEM_WAITS, ITEM_PLANNED, ITEM_PLANNED_SIMPLE, ITEM_DONE };

/* A key is changed once in a batch, but any number of its older versions may go in one. */
static bool key_is_taken(const struct store_delete *items, const enum item_state *states, size_t n, size_t i,
                         bool *ret_simple_only)
{
    *ret_simple_only = false;
    for (size_t k = 0; k < n; k++) {
        if (states[k] != ITEM_PLANNED && states[k] != ITEM_PLANNED_SIMPLE)
            continue;
        if (!bytes_eq(items[k].key, items[i].key))
            continue;
        if (states[k] == ITEM_PLANNED)
            return true;
        *ret_simple_only = true;
    }
    return false;
}

static void plan_item(struct store *st, const struct store_bucket *b, struct bytes owner, struct store_delete *items,
                      enum item_state *states, size_t n, size_t i, struct txn *t)
{
    bool simple_only, simple;
    bool full = t->batch.n_expects && arena_used(t->arena) > DELETE_BATCH_BYTES;
    if (states[i] == ITEM_DONE || full || key_is_taken(items, states, n, i, &simple_only))
        return;
    struct txn before = *t;
    items[i].rc = plan_delete(st, t, b, owner, &items[i], &simple);
    bool nothing = t->batch.n_expects == before.batch.n_expects;
    if (items[i].rc == STORE_OK && (!simple_only || simple)) {
        states[i] = nothing ? ITEM_DONE : simple ? ITEM_PLANNED_SIMPLE : ITEM_PLANNED;
        return;
    }
    t->batch.n_expects = before.batch.n_expects;
    t->batch.n_puts = before.batch.n_puts;
    t->batch.n_deletes = before.batch.n_deletes;
    t->garbage = before.garbage;
    if (items[i].rc != STORE_OK && items[i].rc != STORE_AGAIN)
        states[i] = ITEM_DONE;
}

/*
 * Plans as many items as one batch can take. Versions from the last to the first: clients name them as lists show them,
 * newest first, and with the older ones gone first they all fit into one batch.
 */
static void plan_round(struct store *st, const struct store_bucket *b, struct bytes owner, struct store_delete *items,
                       enum item_state *states, size_t n, struct txn *t)
{
    for (size_t i = 0; i < n; i++)
        if (!items[i].version)
            plan_item(st, b, owner, items, states, n, i, t);
    for (size_t i = n; i-- > 0;)
        if (items[i].version)
            plan_item(st, b, owner, items, states, n, i, t);
}

static void settle_round(enum item_state *states, size_t n, bool done, bool *ret_left)
{
    *ret_left = false;
    for (size_t i = 0; i < n; i++) {
        if (states[i] == ITEM_PLANNED || states[i] == ITEM_PLANNED_SIMPLE)
            states[i] = done ? ITEM_DONE : ITEM_WAITS;
        *ret_left = *ret_left || states[i] == ITEM_WAITS;
    }
}

static void delete_batch(struct store *st, const struct store_bucket *bucket, struct bytes owner,
                         struct store_delete *items, size_t n)
{
    struct store_bucket b = *bucket;
    struct attempt at = {0};
    struct arena *a = arena_create(0);
    enum item_state states[DELETE_BATCH] = {0};
    int rc = STORE_OK;
    for (bool left = true; left && rc == STORE_OK;) {
        struct txn t;
        arena_reset(a);
        txn_init(&t, a, b.partition, b.generation);
        plan_round(st, &b, owner, items, states, n, &t);
        /* Nothing planned and still something waiting: a conflict that was seen while planning. */
        int applied = t.batch.n_expects ? txn_apply(st, &t) : INDEX_CONFLICT;
        settle_round(states, n, applied == INDEX_OK, &left);
        if (applied == INDEX_OK)
            at = (struct attempt){0};
        else if (left)
            rc = store__retry(st, &at, applied, &b);
    }
    arena_free(a);
    for (size_t i = 0; i < n; i++)
        if (states[i] == ITEM_WAITS)
            items[i].rc = rc;
}

void store_objects_delete(struct store *st, const struct store_bucket *b, struct bytes owner,
                          struct store_delete *items, size_t n)
{
    for (size_t i = 0; i < n; i += DELETE_BATCH)
        delete_batch(st, b, owner, items + i, n - i < DELETE_BATCH ? n - i : DELETE_BATCH);
}
