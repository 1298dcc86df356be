/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob store in memory. Blobs are counted references: a reader keeps what it reads, whatever is removed meanwhile.
 * Rot is a list of damaged blocks in each blob; there are no checksums to compute.
 * Threads: one lock for everything.
 */
#include "tests/double/blob_double.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"
#include "base/rand.h"

struct blob {
    struct blob *next;
    struct blob_id id;
    unsigned refs; /* the store's own, and one for each reader */
    unsigned run;  /* in which it was finished */
    bool settled;
    char *data, *desc, *trailer;
    size_t n, cap, desc_n, trailer_n;
    uint64_t *rotten; /* numbers of blocks */
    size_t rotten_n;
};

struct double_store {
    struct blob_store base; /* first */
    pthread_mutex_t lock;
    struct blob *blobs;
    struct blob *removed; /* not for good yet */
    unsigned run;
    size_t users;
    bool armed, fired, forever, cold;
    enum blob_double_call call;
    int left, rc;
};

struct blob_writer {
    struct double_store *store;
    struct blob *blob;
    int failed;
};

struct blob_reader {
    struct double_store *store;
    struct blob *blob;
};

static struct double_store *of(struct blob_store *base)
{
    return (struct double_store *)base;
}

static void blob_free(struct blob *b)
{
    free(b->data);
    free(b->desc);
    free(b->trailer);
    free(b->rotten);
    free(b);
}

static void blob_unref(struct blob *b)
{
    if (--b->refs == 0)
        blob_free(b);
}

static struct blob **find_in(struct blob **at, const struct blob_id *id)
{
    while (*at != NULL && memcmp((*at)->id.b, id->b, sizeof(id->b)) != 0)
        at = &(*at)->next;
    return at;
}

static struct blob **find(struct double_store *st, const struct blob_id *id)
{
    return find_in(&st->blobs, id);
}

/* Called with the lock; BLOB_OK: go on. */
static int fault(struct double_store *st, enum blob_double_call call)
{
    if (!st->armed || (st->call != BLOB_DOUBLE_ANY && st->call != call))
        return BLOB_OK;
    bool fail = st->left-- == 0 || (st->forever && st->left < 0);
    st->fired = st->fired || fail;
    return fail ? st->rc : BLOB_OK;
}

static char *copy(const void *p, size_t n)
{
    char *to = xmalloc(n > 0 ? n : 1);

    if (n > 0)
        memcpy(to, p, n);
    return to;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------------------ */

static int create(struct blob_store *base, struct bytes desc, uint64_t expected, struct blob_writer **ret_writer)
{
    struct double_store *st = of(base);

    (void)expected;
    CHECK(desc.n <= BLOB_DESC_MAX);
    pthread_mutex_lock(&st->lock);
    int rc = fault(st, BLOB_DOUBLE_CREATE);
    if (rc == BLOB_OK) {
        struct blob_writer *w = xcalloc(1, sizeof(*w));
        w->store = st;
        w->blob = xcalloc(1, sizeof(*w->blob));
        w->blob->refs = 1;
        w->blob->desc = copy(desc.p, desc.n);
        w->blob->desc_n = desc.n;
        rand_bytes(w->blob->id.b, sizeof(w->blob->id.b));
        st->users++;
        *ret_writer = w;
    }
    pthread_mutex_unlock(&st->lock);
    return rc;
}

static int append(struct blob_writer *w, const void *p, size_t n)
{
    struct blob *b = w->blob;

    pthread_mutex_lock(&w->store->lock);
    if (w->failed == BLOB_OK && n > 0)
        w->failed = fault(w->store, BLOB_DOUBLE_APPEND);
    pthread_mutex_unlock(&w->store->lock);
    if (w->failed != BLOB_OK || n == 0)
        return w->failed;
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n);
        b->data = xrealloc(b->data, b->cap);
    }
    memcpy(b->data + b->n, p, n);
    b->n += n;
    return BLOB_OK;
}

static int finish(struct blob_writer **writer, struct bytes trailer, struct blob_id *ret_id)
{
    struct blob_writer *w = *writer;
    struct double_store *st = w->store;
    struct blob *b = w->blob;

    CHECK(trailer.n <= BLOB_DESC_MAX);
    *writer = NULL;
    pthread_mutex_lock(&st->lock);
    int rc = w->failed != BLOB_OK ? w->failed : fault(st, BLOB_DOUBLE_FINISH);
    if (rc == BLOB_OK) {
        b->trailer = copy(trailer.p, trailer.n);
        b->trailer_n = trailer.n;
        b->run = st->run;
        b->next = st->blobs;
        st->blobs = b;
        *ret_id = b->id;
    } else {
        blob_unref(b);
    }
    st->users--;
    pthread_mutex_unlock(&st->lock);
    free(w);
    return rc;
}

static void abandon(struct blob_writer **writer)
{
    struct blob_writer *w = *writer;

    if (w == NULL)
        return;
    *writer = NULL;
    pthread_mutex_lock(&w->store->lock);
    w->store->users--;
    pthread_mutex_unlock(&w->store->lock);
    blob_unref(w->blob);
    free(w);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------------ */

static int open_reader(struct blob_store *base, const struct blob_id *id, struct blob_reader **ret_reader)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    int rc = fault(st, BLOB_DOUBLE_OPEN);
    struct blob *b = *find(st, id);
    if (rc == BLOB_OK && b == NULL)
        rc = BLOB_NOT_FOUND;
    if (rc == BLOB_OK) {
        struct blob_reader *r = xcalloc(1, sizeof(*r));
        r->store = st;
        r->blob = b;
        b->refs++;
        st->users++;
        *ret_reader = r;
    }
    pthread_mutex_unlock(&st->lock);
    return rc;
}

static uint64_t length(const struct blob_reader *r)
{
    return r->blob->n;
}

static bool touches_rot(const struct blob *b, uint64_t offset, size_t n)
{
    for (size_t i = 0; n > 0 && i < b->rotten_n; i++)
        if (b->rotten[i] >= offset / BLOB_BLOCK && b->rotten[i] <= (offset + n - 1) / BLOB_BLOCK)
            return true;
    return false;
}

static int read_at(struct blob_reader *r, uint64_t offset, void *p, size_t n, bool nowait)
{
    struct blob *b = r->blob;

    pthread_mutex_lock(&r->store->lock);
    int rc = fault(r->store, BLOB_DOUBLE_READ);
    if (rc == BLOB_OK && nowait && r->store->cold)
        rc = BLOB_WOULD_BLOCK;
    if (rc == BLOB_OK && (offset > b->n || n > b->n - offset || touches_rot(b, offset, n)))
        rc = BLOB_CORRUPT;
    pthread_mutex_unlock(&r->store->lock);
    if (rc == BLOB_OK && n > 0)
        memcpy(p, b->data + offset, n);
    return rc;
}

static int describe(struct blob_reader *r, struct arena *arena, struct bytes *ret_desc, struct bytes *ret_trailer)
{
    pthread_mutex_lock(&r->store->lock);
    int rc = fault(r->store, BLOB_DOUBLE_READ);
    pthread_mutex_unlock(&r->store->lock);
    if (rc != BLOB_OK)
        return rc;
    *ret_desc = bytes_dup(arena, bytes_of(r->blob->desc, r->blob->desc_n));
    *ret_trailer = bytes_dup(arena, bytes_of(r->blob->trailer, r->blob->trailer_n));
    return BLOB_OK;
}

static void close_reader(struct blob_reader **reader)
{
    struct blob_reader *r = *reader;

    if (r == NULL)
        return;
    *reader = NULL;
    pthread_mutex_lock(&r->store->lock);
    r->store->users--;
    blob_unref(r->blob);
    pthread_mutex_unlock(&r->store->lock);
    free(r);
}

/* --- the rest
 * ----------------------------------------------------------------------------------------------------------- */

static struct blob *unhook(struct blob **at)
{
    struct blob *b = *at;

    if (b != NULL) {
        *at = b->next;
        b->next = NULL;
    }
    return b;
}

static void hook(struct blob **list, struct blob *b)
{
    b->next = *list;
    *list = b;
}

static void drop(struct blob **at)
{
    struct blob *b = unhook(at);

    if (b != NULL)
        blob_unref(b);
}

static int remove_blob(struct blob_store *base, const struct blob_id *id)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    int rc = fault(st, BLOB_DOUBLE_REMOVE);
    struct blob *b = rc == BLOB_OK ? unhook(find(st, id)) : NULL;
    if (b != NULL)
        hook(&st->removed, b);
    pthread_mutex_unlock(&st->lock);
    return rc;
}

static int sync_removals(struct blob_store *base, const struct blob_id *ids, size_t n)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    int rc = fault(st, BLOB_DOUBLE_SYNC_REMOVALS);
    for (size_t i = 0; rc == BLOB_OK && i < n; i++)
        drop(find_in(&st->removed, &ids[i]));
    pthread_mutex_unlock(&st->lock);
    return rc;
}

static struct blob *next_open(struct double_store *st, const struct blob *after)
{
    struct blob *b = after == NULL ? st->blobs : after->next;

    while (b != NULL && (b->settled || b->run == st->run))
        b = b->next;
    return b;
}

/* The ids are gathered first: keep() may use the store. */
static int recover(struct blob_store *base, int (*keep)(void *arg, const struct blob_id *, struct bytes desc),
                   void *arg)
{
    struct double_store *st = of(base);
    size_t n = 0;

    pthread_mutex_lock(&st->lock);
    for (struct blob *b = next_open(st, NULL); b != NULL; b = next_open(st, b))
        n++;
    struct blob **open = xcalloc(n, sizeof(struct blob *));
    n = 0;
    for (struct blob *b = next_open(st, NULL); b != NULL; b = next_open(st, b)) {
        b->refs++;
        open[n++] = b;
    }
    pthread_mutex_unlock(&st->lock);
    for (size_t i = 0; i < n; i++) {
        int answer = keep(arg, &open[i]->id, bytes_of(open[i]->desc, open[i]->desc_n));
        pthread_mutex_lock(&st->lock);
        if (answer == 0)
            drop(find(st, &open[i]->id));
        else if (answer > 0)
            open[i]->settled = true;
        blob_unref(open[i]);
        pthread_mutex_unlock(&st->lock);
    }
    free(open);
    return BLOB_OK;
}

static void settled(struct blob_store *base, const struct blob_id *id)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    struct blob *b = *find(st, id);
    if (b != NULL)
        b->settled = true;
    pthread_mutex_unlock(&st->lock);
}

static void space(struct blob_store *base, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    *ret_total_bytes = UINT64_C(1) << 40;
    *ret_free_bytes = *ret_total_bytes - blob_double_bytes(base);
}

static void store_close(struct blob_store **base)
{
    struct double_store *st = (struct double_store *)*base;

    if (st == NULL)
        return;
    *base = NULL;
    CHECK(st->users == 0);
    while (st->blobs != NULL)
        drop(&st->blobs);
    while (st->removed != NULL)
        drop(&st->removed);
    pthread_mutex_destroy(&st->lock);
    free(st);
}

static const struct blob_ops ops = {
    .name = "double",
    .create = create,
    .append = append,
    .finish = finish,
    .abandon = abandon,
    .open = open_reader,
    .length = length,
    .read = read_at,
    .describe = describe,
    .close_reader = close_reader,
    .remove = remove_blob,
    .sync_removals = sync_removals,
    .recover = recover,
    .settled = settled,
    .space = space,
    .close = store_close,
};

struct blob_store *blob_double_new(void)
{
    struct double_store *st = xcalloc(1, sizeof(*st));

    st->base.ops = &ops;
    pthread_mutex_init(&st->lock, NULL);
    return &st->base;
}

/* --- settings
 * ----------------------------------------------------------------------------------------------------------- */

static void arm(struct blob_store *base, enum blob_double_call call, int nth, int rc, bool forever)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    st->armed = true;
    st->fired = false;
    st->forever = forever;
    st->call = call;
    st->left = nth;
    st->rc = rc;
    pthread_mutex_unlock(&st->lock);
}

void blob_double_fail(struct blob_store *base, enum blob_double_call call, int nth, int rc)
{
    arm(base, call, nth, rc, false);
}

void blob_double_fail_from(struct blob_store *base, enum blob_double_call call, int nth, int rc)
{
    arm(base, call, nth, rc, true);
}

bool blob_double_calm(struct blob_store *base)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    bool fired = st->fired;
    st->armed = st->fired = false;
    pthread_mutex_unlock(&st->lock);
    return fired;
}

void blob_double_cold(struct blob_store *base, bool cold)
{
    pthread_mutex_lock(&of(base)->lock);
    of(base)->cold = cold;
    pthread_mutex_unlock(&of(base)->lock);
}

void blob_double_rot(struct blob_store *base, const struct blob_id *id, uint64_t offset)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    struct blob *b = *find(st, id);
    CHECK(b != NULL && offset < b->n);
    b->rotten = xrealloc(b->rotten, (b->rotten_n + 1) * sizeof(*b->rotten));
    b->rotten[b->rotten_n++] = offset / BLOB_BLOCK;
    pthread_mutex_unlock(&st->lock);
}

void blob_double_restart(struct blob_store *base)
{
    struct double_store *st = of(base);

    pthread_mutex_lock(&st->lock);
    CHECK(st->users == 0);
    st->run++;
    pthread_mutex_unlock(&st->lock);
}

void blob_double_power_cut(struct blob_store *base)
{
    struct double_store *st = of(base);

    blob_double_restart(base);
    pthread_mutex_lock(&st->lock);
    while (st->removed != NULL)
        hook(&st->blobs, unhook(&st->removed));
    pthread_mutex_unlock(&st->lock);
}

bool blob_double_has(struct blob_store *base, const struct blob_id *id)
{
    pthread_mutex_lock(&of(base)->lock);
    bool has = *find(of(base), id) != NULL;
    pthread_mutex_unlock(&of(base)->lock);
    return has;
}

static size_t sum(struct blob_store *base, size_t (*of_blob)(const struct blob *))
{
    size_t n = 0;

    pthread_mutex_lock(&of(base)->lock);
    for (const struct blob *b = of(base)->blobs; b != NULL; b = b->next)
        n += of_blob(b);
    pthread_mutex_unlock(&of(base)->lock);
    return n;
}

static size_t one(const struct blob *b)
{
    (void)b;
    return 1;
}

static size_t bytes(const struct blob *b)
{
    return b->n;
}

static size_t unsettled(const struct blob *b)
{
    return !b->settled;
}

size_t blob_double_count(struct blob_store *base)
{
    return sum(base, one);
}

size_t blob_double_bytes(struct blob_store *base)
{
    return sum(base, bytes);
}

size_t blob_double_unsettled(struct blob_store *base)
{
    return sum(base, unsettled);
}

size_t blob_double_users(struct blob_store *base)
{
    pthread_mutex_lock(&of(base)->lock);
    size_t n = of(base)->users;
    pthread_mutex_unlock(&of(base)->lock);
    return n;
}
