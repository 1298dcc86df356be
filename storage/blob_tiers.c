/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several blob stores behind one handle. Each call goes to the store that the first byte of the id names; the store
 * itself sees that byte as zero. Writers and readers remember their store.
 * Threads: as the stores' own; nothing here changes after it was opened.
 */
#include "blob_tiers.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const char *const names[BLOB_TIERS_MAX] = {
    NULL,         "STANDARD_IA", "ONEZONE_IA",   "INTELLIGENT_TIERING",
    "GLACIER_IR", "GLACIER",     "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"}; /* the position is on disk: append only */

struct tiers {
    struct blob_store base;
    struct blob_store *stores[BLOB_TIERS_MAX]; /* NULL: not given */
};

struct blob_writer {
    struct blob_store *store;
    struct blob_writer *inner;
    unsigned tier;
};

struct blob_reader {
    struct blob_store *store;
    struct blob_reader *inner;
};

unsigned blob_tier_number(struct bytes storage_class)
{
    for (unsigned i = 1; i < BLOB_TIERS_MAX; i++)
        if (bytes_eq_str(storage_class, names[i]))
            return i;
    return 0;
}

const char *blob_tier_name(unsigned number)
{
    return number < BLOB_TIERS_MAX ? names[number] : NULL;
}

static struct tiers *self(struct blob_store *st)
{
    return (struct tiers *)st;
}

/* The store and the id as it knows it. NULL: that tier is not here. */
static struct blob_store *inner_of(struct blob_store *st, const struct blob_id *id, struct blob_id *ret)
{
    unsigned tier = id->b[0];
    *ret = *id;
    ret->b[0] = 0;
    return tier < BLOB_TIERS_MAX ? self(st)->stores[tier] : NULL;
}

static unsigned tiers_tier(struct blob_store *st, struct bytes name)
{
    unsigned tier = blob_tier_number(name);
    return self(st)->stores[tier] ? tier : 0;
}

static int tiers_create_in(struct blob_store *st, unsigned tier, struct bytes desc, uint64_t expected,
                           struct blob_writer **ret)
{
    struct blob_store *store = tier < BLOB_TIERS_MAX ? self(st)->stores[tier] : NULL;
    struct blob_writer *inner;
    if (!store)
        return BLOB_IO;
    int rc = store->ops->create(store, desc, expected, &inner);
    if (rc != BLOB_OK)
        return rc;
    struct blob_writer *w = xmalloc(sizeof *w);
    *w = (struct blob_writer){store, inner, tier};
    *ret = w;
    return BLOB_OK;
}

static int tiers_create(struct blob_store *st, struct bytes desc, uint64_t expected, struct blob_writer **ret)
{
    return tiers_create_in(st, 0, desc, expected, ret);
}

static int tiers_append(struct blob_writer *w, const void *p, size_t n)
{
    return w->store->ops->append(w->inner, p, n);
}

static int tiers_finish(struct blob_writer **pw, struct bytes trailer, struct blob_id *ret_id)
{
    struct blob_writer *w = *pw;
    *pw = NULL;
    int rc = w->store->ops->finish(&w->inner, trailer, ret_id);
    if (rc == BLOB_OK) {
        CHECK(ret_id->b[0] == 0);
        ret_id->b[0] = (unsigned char)w->tier;
    }
    free(w);
    return rc;
}

static void tiers_abandon(struct blob_writer **pw)
{
    struct blob_writer *w = *pw;
    *pw = NULL;
    if (!w)
        return;
    w->store->ops->abandon(&w->inner);
    free(w);
}

static int tiers_open_reader(struct blob_store *st, const struct blob_id *id, struct blob_reader **ret)
{
    struct blob_id mine;
    struct blob_store *store = inner_of(st, id, &mine);
    struct blob_reader *inner;
    int rc = store ? store->ops->open(store, &mine, &inner) : BLOB_IO;
    if (rc != BLOB_OK)
        return rc;
    struct blob_reader *r = xmalloc(sizeof *r);
    *r = (struct blob_reader){store, inner};
    *ret = r;
    return BLOB_OK;
}

static uint64_t tiers_length(const struct blob_reader *r)
{
    return r->store->ops->length(r->inner);
}

static int tiers_read(struct blob_reader *r, uint64_t offset, void *p, size_t n, bool nowait)
{
    return r->store->ops->read(r->inner, offset, p, n, nowait);
}

static void tiers_compare(struct blob_reader *r, bool compare)
{
    if (r->store->ops->compare)
        r->store->ops->compare(r->inner, compare);
}

static int tiers_describe(struct blob_reader *r, struct arena *a, struct bytes *ret_desc, struct bytes *ret_trailer)
{
    return r->store->ops->describe(r->inner, a, ret_desc, ret_trailer);
}

static void tiers_close_reader(struct blob_reader **pr)
{
    struct blob_reader *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    r->store->ops->close_reader(&r->inner);
    free(r);
}

static int tiers_remove(struct blob_store *st, const struct blob_id *id)
{
    struct blob_id mine;
    struct blob_store *store = inner_of(st, id, &mine);
    return store ? store->ops->remove(store, &mine) : BLOB_IO;
}

/* Ids come in order, so those of a tier stand together. */
static int tiers_sync_removals(struct blob_store *st, const struct blob_id *ids, size_t n)
{
    int first = BLOB_OK;
    struct blob_id *mine = xcalloc(n ? n : 1, sizeof *mine);
    for (size_t i = 0; i < n;) {
        unsigned tier = ids[i].b[0];
        size_t k = 0;
        struct blob_store *store = NULL;
        for (; i < n && ids[i].b[0] == tier; i++)
            store = inner_of(st, &ids[i], &mine[k++]);
        int rc = store ? store->ops->sync_removals(store, mine, k) : BLOB_IO;
        first = first == BLOB_OK ? rc : first;
    }
    free(mine);
    return first;
}

struct keeper {
    int (*keep)(void *arg, const struct blob_id *, struct bytes desc);
    void *arg;
    unsigned tier;
};

static int keep_of_tier(void *arg, const struct blob_id *id, struct bytes desc)
{
    struct keeper *k = arg;
    struct blob_id outer = *id;
    outer.b[0] = (unsigned char)k->tier;
    return k->keep(k->arg, &outer, desc);
}

static int tiers_recover(struct blob_store *st, int (*keep)(void *arg, const struct blob_id *, struct bytes desc),
                         void *arg)
{
    int first = BLOB_OK;
    for (unsigned i = 0; i < BLOB_TIERS_MAX; i++) {
        struct blob_store *store = self(st)->stores[i];
        struct keeper k = {keep, arg, i};
        int rc = store ? store->ops->recover(store, keep_of_tier, &k) : BLOB_OK;
        first = first == BLOB_OK ? rc : first;
    }
    return first;
}

static void tiers_settled(struct blob_store *st, const struct blob_id *id)
{
    struct blob_id mine;
    struct blob_store *store = inner_of(st, id, &mine);
    if (store)
        store->ops->settled(store, &mine);
}

static void tiers_space(struct blob_store *st, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    self(st)->stores[0]->ops->space(self(st)->stores[0], ret_free_bytes, ret_total_bytes);
}

static void tiers_close(struct blob_store **pst)
{
    struct tiers *t = self(*pst);
    *pst = NULL;
    for (unsigned i = 0; i < BLOB_TIERS_MAX; i++)
        if (t->stores[i])
            t->stores[i]->ops->close(&t->stores[i]);
    free(t);
}

/* Tier after tier, which is the order of the ids. */
static int tiers_list(struct blob_store *st, const struct blob_id *after, size_t max, struct blob_id *ret,
                      size_t *ret_n)
{
    unsigned first = after ? after->b[0] : 0;
    *ret_n = 0;
    for (unsigned i = first; i < BLOB_TIERS_MAX && *ret_n < max; i++) {
        struct blob_store *store = self(st)->stores[i];
        struct blob_id mine = after ? *after : (struct blob_id){{0}};
        size_t n = 0;
        mine.b[0] = 0;
        int rc = store ? store->ops->list(store, after && i == first ? &mine : NULL, max - *ret_n, ret + *ret_n, &n)
                       : BLOB_OK;
        if (rc != BLOB_OK)
            return rc;
        for (size_t k = 0; k < n; k++)
            ret[(*ret_n)++].b[0] = (unsigned char)i;
    }
    return BLOB_OK;
}

static bool tiers_held(struct blob_store *st)
{
    for (unsigned i = 0; i < BLOB_TIERS_MAX; i++)
        if (self(st)->stores[i] && blob_held(self(st)->stores[i]))
            return true;
    return false;
}

static size_t tiers_suspects(struct blob_store *st, struct blob_id *ret, size_t max)
{
    size_t n = 0;
    for (unsigned i = 0; i < BLOB_TIERS_MAX; i++) {
        struct blob_store *store = self(st)->stores[i];
        size_t more = store && store->ops->suspects ? store->ops->suspects(store, ret + n, max - n) : 0;
        for (; more; more--)
            ret[n++].b[0] = (unsigned char)i;
    }
    return n;
}

static int tiers_verify(struct blob_store *st, const struct blob_id *id, const struct blob_pace *pace,
                        struct blob_findings *ret)
{
    struct blob_id mine;
    struct blob_store *store = inner_of(st, id, &mine);
    return store ? blob_verify(store, &mine, pace, ret) : BLOB_IO;
}

static const struct blob_ops ops = {
    .name = "tiers",
    .tier = tiers_tier,
    .create = tiers_create,
    .create_in = tiers_create_in,
    .append = tiers_append,
    .finish = tiers_finish,
    .abandon = tiers_abandon,
    .open = tiers_open_reader,
    .length = tiers_length,
    .read = tiers_read,
    .compare = tiers_compare,
    .describe = tiers_describe,
    .close_reader = tiers_close_reader,
    .remove = tiers_remove,
    .sync_removals = tiers_sync_removals,
    .recover = tiers_recover,
    .settled = tiers_settled,
    .space = tiers_space,
    .close = tiers_close,
    .list = tiers_list,
    .verify = tiers_verify,
    .held = tiers_held,
    .suspects = tiers_suspects,
};

struct blob_store *blob_tiers_open(struct blob_store *standard, const struct blob_tier *tiers, size_t n)
{
    struct tiers *t = xcalloc(1, sizeof *t);
    t->base.ops = &ops;
    t->stores[0] = standard;
    for (size_t i = 0; i < n; i++) {
        unsigned number = blob_tier_number(bytes_str(tiers[i].name));
        CHECK(number > 0 && !t->stores[number]);
        t->stores[number] = tiers[i].store;
    }
    return &t->base;
}
