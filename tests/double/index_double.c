/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index double: a sorted array a partition, one lock around everything, one thread that applies what was submitted.
 *
 * apply goes through the same queue as submit, so the order of effect is the order of submission. Pages are cut at
 * random while the lock is held; a visitor is called with copies, under the lock, as it must not call the index anyway.
 */
#include "tests/double/index_double.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CUT_ONE_IN 4 /* rows after which a page may be cut, on average */
#define PAGE_BYTES (1024u * 1024)

struct item {
    char *key, *value;
    size_t key_n, value_n, head;
    bool rotten;
};

struct partition {
    uint64_t number, generation;
    struct item *items;
    size_t n, room;
    struct partition *next;
};

struct seen_id {
    unsigned char id[16];
    struct seen_id *next;
};

struct index_double {
    struct index index;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool stop, cut;
    int read_rc;
    uint64_t random, batches;
    struct partition *partitions;
    struct seen_id *seen;
    struct index_batch *queue, **queue_end;
    unsigned fail_nth; /* 0: no order */
    enum index_double_fault fault;
    bool fired;
    const struct index_sums *sums;
};

static struct index_double *self(struct index *index)
{
    return (struct index_double *)index;
}

static uint64_t roll(struct index_double *d)
{
    d->random ^= d->random << 13;
    d->random ^= d->random >> 7;
    d->random ^= d->random << 17;
    return d->random;
}

static char *copy_of(struct bytes b)
{
    char *p = xmalloc(b.n ? b.n : 1);
    if (b.n)
        memcpy(p, b.p, b.n);
    return p;
}

/* --- the map --- */

static struct partition *partition_find(struct index_double *d, uint64_t number)
{
    for (struct partition *p = d->partitions; p; p = p->next)
        if (p->number == number)
            return p;
    return NULL;
}

static struct bytes item_key(const struct item *it)
{
    return bytes_of(it->key, it->key_n);
}

/* The position of the first key >= `key`. */
static size_t item_at(const struct partition *p, struct bytes key, bool *ret_exact)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (bytes_cmp(item_key(&p->items[mid]), key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_exact = low < p->n && bytes_eq(item_key(&p->items[low]), key);
    return low;
}

static struct item *item_find(struct partition *p, struct bytes key)
{
    bool exact;
    size_t at = p ? item_at(p, key, &exact) : 0;
    return p && exact ? &p->items[at] : NULL;
}

static void item_delete(struct partition *p, struct bytes key)
{
    bool exact;
    size_t at = item_at(p, key, &exact);
    if (!exact)
        return;
    free(p->items[at].key);
    free(p->items[at].value);
    memmove(&p->items[at], &p->items[at + 1], (p->n - at - 1) * sizeof(*p->items));
    p->n--;
}

static void item_put(struct partition *p, const struct index_put *put)
{
    bool exact;
    item_delete(p, put->key);
    size_t at = item_at(p, put->key, &exact);
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 16;
        p->items = xrealloc(p->items, p->room * sizeof(*p->items));
    }
    memmove(&p->items[at + 1], &p->items[at], (p->n - at) * sizeof(*p->items));
    p->items[at] = (struct item){
        .key = copy_of(put->key),
        .key_n = put->key.n,
        .value = copy_of(put->value),
        .value_n = put->value.n,
        .head = put->head && put->head < put->value.n ? put->head : put->value.n,
    };
    p->n++;
}

static void partition_free(struct partition *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->items[i].key);
        free(p->items[i].value);
    }
    free(p->items);
    free(p);
}

static struct partition *partition_add(struct index_double *d, uint64_t number)
{
    struct partition *p = xcalloc(1, sizeof(*p));
    p->number = number;
    p->next = d->partitions;
    d->partitions = p;
    return p;
}

/* --- batches --- */

static bool key_fits(struct bytes key)
{
    return key.n >= 1 && key.n <= INDEX_KEY_MAX;
}

static bool batch_valid(const struct index_batch *b)
{
    bool ok = b->partition >= 1 && b->partition <= INDEX_PARTITION_MAX;
    for (size_t i = 0; i < b->n_expects; i++)
        ok = ok && key_fits(b->expects[i].key) && b->expects[i].value.n <= INDEX_VALUE_MAX;
    for (size_t i = 0; i < b->n_puts; i++)
        ok = ok && key_fits(b->puts[i].key) && b->puts[i].value.n >= 1 && b->puts[i].value.n <= INDEX_VALUE_MAX;
    for (size_t i = 0; i < b->n_deletes; i++)
        ok = ok && key_fits(b->deletes[i]);
    return ok;
}

/* Nothing forbids it, but whoever writes one key twice in one batch has not thought about which of the two he means. */
static void check_for_slips(const struct index_batch *b)
{
    for (size_t i = 0; i < b->n_puts && b->n_puts <= 64; i++)
        for (size_t j = 0; j < i; j++)
            CHECK(!bytes_eq(b->puts[i].key, b->puts[j].key));
    for (size_t i = 0; i < b->n_expects && b->n_expects <= 64; i++)
        for (size_t j = 0; j < i; j++)
            CHECK(!bytes_eq(b->expects[i].key, b->expects[j].key) ||
                  bytes_eq(b->expects[i].value, b->expects[j].value));
}

static int batch_check(struct index_double *d, struct index_batch *b)
{
    struct partition *p = partition_find(d, b->partition);
    uint64_t generation = p ? p->generation : 0;
    if (b->generation != generation || (generation == 0 && b->next_generation == 0))
        return INDEX_STALE;
    for (size_t i = 0; i < b->n_expects; i++) {
        const struct index_expect *x = &b->expects[i];
        struct item *it = item_find(p, x->key);
        if (it && it->rotten && x->value.n > 0)
            return INDEX_CORRUPT;
        if (it ? !bytes_eq(bytes_of(it->value, it->value_n), x->value) : x->value.n > 0) {
            b->ret_conflict = i;
            return INDEX_CONFLICT;
        }
    }
    return INDEX_OK;
}

static void batch_do(struct index_double *d, const struct index_batch *b)
{
    struct partition *p = partition_find(d, b->partition);
    if (p == NULL)
        p = partition_add(d, b->partition);
    for (size_t i = 0; i < b->n_deletes; i++)
        item_delete(p, b->deletes[i]);
    for (size_t i = 0; i < b->n_puts; i++)
        item_put(p, &b->puts[i]);
    if (b->next_generation)
        p->generation = b->next_generation;
}

static void weigh_item(struct index_double *d, struct partition *p, struct bytes key, int64_t *delta)
{
    int64_t weight[INDEX_SUMS_MAX] = {0};
    struct item *it = item_find(p, key);
    if (it)
        d->sums->weigh(key, bytes_of(it->value, it->head), weight);
    for (size_t i = 0; i < d->sums->n; i++)
        delta[i] -= weight[i];
}

static bool is_put(const struct index_batch *b, struct bytes key)
{
    for (size_t i = 0; i < b->n_puts; i++)
        if (bytes_eq(b->puts[i].key, key))
            return true;
    return false;
}

/* False: over a limit. Otherwise the partition's sums have changed. */
static bool batch_sums(struct index_double *d, const struct index_batch *b)
{
    int64_t delta[INDEX_SUMS_MAX] = {0}, now[INDEX_SUMS_MAX] = {0};
    struct partition *p = partition_find(d, b->partition);
    if (!d->sums)
        return true;
    for (size_t i = 0; i < b->n_puts; i++)
        if (d->sums->counted(b->puts[i].key)) {
            size_t head = b->puts[i].head ? b->puts[i].head : b->puts[i].value.n;
            d->sums->weigh(b->puts[i].key, bytes_cut(b->puts[i].value, 0, head), delta);
            weigh_item(d, p, b->puts[i].key, delta);
        }
    for (size_t i = 0; i < b->n_deletes; i++)
        if (d->sums->counted(b->deletes[i]) && !is_put(b, b->deletes[i]))
            weigh_item(d, p, b->deletes[i], delta);
    struct item *it = item_find(p, d->sums->key);
    if (it)
        CHECK(index_sums_decode(bytes_of(it->value, it->value_n), now, d->sums->n));
    bool any = false;
    for (size_t i = 0; i < b->n_limits; i++)
        if (delta[b->limits[i].sum] > 0 && now[b->limits[i].sum] + delta[b->limits[i].sum] > b->limits[i].max)
            return false;
    for (size_t i = 0; i < d->sums->n; i++) {
        any = any || delta[i] != 0;
        now[i] += delta[i];
    }
    if (any) {
        struct arena *a = arena_create(0);
        struct index_put put = {.key = d->sums->key, .value = index_sums_encode(a, now, d->sums->n)};
        p = p ? p : partition_add(d, b->partition);
        item_put(p, &put);
        any = false;
        for (size_t i = 0; i < d->sums->n; i++)
            any = any || now[i] != 0;
        if (!any)
            item_delete(p, d->sums->key);
        arena_free(a);
    }
    return true;
}

static bool id_given(const unsigned char id[16])
{
    static const unsigned char none[16];
    return memcmp(id, none, 16) != 0;
}

static bool id_seen(struct index_double *d, const unsigned char id[16])
{
    for (struct seen_id *s = d->seen; s; s = s->next)
        if (memcmp(s->id, id, 16) == 0)
            return true;
    return false;
}

static void id_add(struct index_double *d, const unsigned char id[16])
{
    struct seen_id *s = xcalloc(1, sizeof(*s));
    memcpy(s->id, id, 16);
    s->next = d->seen;
    d->seen = s;
}

/* Whether this batch is the one that was to fail, and how it answers then; *ret_apply: it happens all the same. */
static bool batch_fails(struct index_double *d, struct index_batch *b, int *ret_rc, bool *ret_apply)
{
    static const int answers[] = {
        [INDEX_DOUBLE_CONFLICT] = INDEX_CONFLICT,       [INDEX_DOUBLE_STALE] = INDEX_STALE,
        [INDEX_DOUBLE_UNAVAILABLE] = INDEX_UNAVAILABLE, [INDEX_DOUBLE_FULL] = INDEX_FULL,
        [INDEX_DOUBLE_UNKNOWN_APPLIED] = INDEX_UNKNOWN, [INDEX_DOUBLE_UNKNOWN_LOST] = INDEX_UNKNOWN,
    };
    if (d->fail_nth == 0 || --d->fail_nth > 0)
        return false;
    d->fired = true;
    *ret_rc = answers[d->fault];
    *ret_apply = d->fault == INDEX_DOUBLE_UNKNOWN_APPLIED;
    b->ret_conflict = 0;
    return true;
}

static int batch_run(struct index_double *d, struct index_batch *b)
{
    int rc = INDEX_OK, answer = INDEX_OK;
    bool apply = true;
    d->batches++;
    if (!batch_valid(b))
        return INDEX_INVALID;
    check_for_slips(b);
    if (id_given(b->request_id) && id_seen(d, b->request_id))
        return INDEX_OK;
    if (batch_fails(d, b, &answer, &apply) && !apply)
        return answer;
    rc = batch_check(d, b);
    if (rc != INDEX_OK)
        return rc;
    if (!batch_sums(d, b))
        return INDEX_LIMIT;
    batch_do(d, b);
    if (id_given(b->request_id))
        id_add(d, b->request_id);
    return answer;
}

static void *double_main(void *arg)
{
    struct index_double *d = arg;
    pthread_mutex_lock(&d->lock);
    while (d->queue || !d->stop) {
        struct index_batch *b = d->queue;
        if (b == NULL) {
            pthread_cond_wait(&d->changed, &d->lock);
            continue;
        }
        d->queue = b->queue_next;
        if (d->queue == NULL)
            d->queue_end = &d->queue;
        int rc = batch_run(d, b);
        pthread_mutex_unlock(&d->lock);
        b->done(b, rc);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void double_submit(struct index *index, struct index_batch *b)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    b->queue_next = NULL;
    *d->queue_end = b;
    d->queue_end = &b->queue_next;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    int rc;
};

static void on_applied(struct index_batch *b, int rc)
{
    struct waiter *w = b->arg;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    w->rc = rc;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static int double_apply(struct index *index, struct index_batch *b)
{
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    void (*done)(struct index_batch *, int) = b->done;
    void *arg = b->arg;
    b->done = on_applied;
    b->arg = &w;
    double_submit(index, b);
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    b->done = done;
    b->arg = arg;
    return w.rc;
}

/* --- reading --- */

static int double_get(struct index *index, uint64_t partition, struct bytes key, struct arena *arena,
                      struct bytes *ret_value)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    int rc = d->read_rc;
    struct item *it = item_find(partition_find(d, partition), key);
    if (rc == INDEX_OK)
        rc = !it ? INDEX_NOT_FOUND : it->rotten ? INDEX_CORRUPT : INDEX_OK;
    if (rc == INDEX_OK)
        *ret_value = bytes_dup(arena, bytes_of(it->value, it->value_n));
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static int double_generation(struct index *index, uint64_t partition, uint64_t *ret_generation)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    int rc = d->read_rc;
    struct partition *p = partition_find(d, partition);
    if (rc == INDEX_OK && p == NULL)
        rc = INDEX_NOT_FOUND;
    if (rc == INDEX_OK)
        *ret_generation = p->generation;
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* Shows the rows from copies, so that whoever keeps a pointer is found by the sanitizer. */
static enum index_visit show(const struct item *it, bool heads, index_visit_f *f, void *arg, struct buf *seek)
{
    size_t value_n = heads ? it->head : it->value_n;
    char *key = copy_of(item_key(it)), *value = copy_of(bytes_of(it->value, value_n));
    enum index_visit answer = f(arg, bytes_of(key, it->key_n), bytes_of(value, value_n), seek);
    free(key);
    free(value);
    return answer;
}

static int visit_locked(struct index_double *d, const struct index_scan *scan, index_visit_f *f, void *arg,
                        bool *ret_more)
{
    struct partition *p = partition_find(d, scan->partition);
    size_t rows = 0, bytes = 0, max_bytes = scan->max_bytes ? scan->max_bytes : PAGE_BYTES;
    bool exact = false;
    struct buf seek;
    int rc = INDEX_OK;
    *ret_more = false;
    if (p == NULL)
        return INDEX_OK;
    bool inside = bytes_cmp(scan->from, scan->prefix) >= 0;
    size_t at = item_at(p, inside ? scan->from : scan->prefix, &exact);
    if (exact && inside && scan->after)
        at++;
    buf_init(&seek, 2 * INDEX_KEY_MAX);
    while (at < p->n && bytes_starts(item_key(&p->items[at]), scan->prefix)) {
        const struct item *it = &p->items[at];
        bool cut = d->cut && rows > 0 && roll(d) % CUT_ONE_IN == 0;
        if (cut || rows >= scan->max_rows || bytes >= max_bytes) {
            *ret_more = true;
            break;
        }
        if (it->rotten) {
            rc = INDEX_CORRUPT;
            break;
        }
        rows++;
        bytes += it->key_n + (scan->heads ? it->head : it->value_n);
        enum index_visit answer = show(it, scan->heads, f, arg, &seek);
        if (answer == INDEX_VISIT_STOP)
            break;
        at++;
        if (answer == INDEX_VISIT_SEEK) {
            CHECK(!seek.failed && bytes_cmp(buf_bytes(&seek), item_key(it)) > 0);
            at = item_at(p, buf_bytes(&seek), &exact);
            buf_reset(&seek);
        }
    }
    buf_fini(&seek);
    return rc;
}

static int double_visit(struct index *index, const struct index_scan *scans, size_t n, index_visit_f *f,
                        void *const *args, bool *ret_more)
{
    struct index_double *d = self(index);
    CHECK(n > 0 && n <= INDEX_RANGES_MAX);
    pthread_mutex_lock(&d->lock);
    int rc = d->read_rc;
    for (size_t i = 0; rc == INDEX_OK && i < n; i++) {
        CHECK(scans[i].max_rows > 0 && scans[i].partition == scans[0].partition);
        rc = visit_locked(d, &scans[i], f, args[i], &ret_more[i]);
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

struct page_builder {
    struct arena *arena;
    struct index_row *rows;
    size_t n, room;
};

static enum index_visit page_row(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    struct page_builder *p = arg;
    (void)seek;
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 4;
        struct index_row *rows = arena_alloc(p->arena, p->room * sizeof(*rows));
        if (p->n)
            memcpy(rows, p->rows, p->n * sizeof(*rows));
        p->rows = rows;
    }
    p->rows[p->n++] = (struct index_row){.key = bytes_dup(p->arena, key), .value = bytes_dup(p->arena, value)};
    return INDEX_VISIT_NEXT;
}

static int double_page(struct index *index, const struct index_scan *scan, struct arena *arena,
                       struct index_page *ret_page)
{
    struct page_builder p = {.arena = arena};
    bool more = false;
    int rc = double_visit(index, scan, 1, page_row, (void *[]){&p}, &more);
    if (rc == INDEX_OK)
        *ret_page = (struct index_page){.rows = p.rows, .n_rows = p.n, .more = more};
    return rc;
}

/* --- life --- */

static int double_drop(struct index *index, uint64_t partition)
{
    struct index_double *d = self(index);
    if (partition == INDEX_PARTITION_SYSTEM || partition == 0 || partition > INDEX_PARTITION_MAX)
        return INDEX_INVALID;
    pthread_mutex_lock(&d->lock);
    for (struct partition **at = &d->partitions; *at; at = &(*at)->next)
        if ((*at)->number == partition) {
            struct partition *p = *at;
            *at = p->next;
            partition_free(p);
            break;
        }
    pthread_mutex_unlock(&d->lock);
    return INDEX_OK;
}

static void double_close(struct index **index)
{
    struct index_double *d = *index ? self(*index) : NULL;
    if (d == NULL)
        return;
    *index = NULL;
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    while (d->partitions) {
        struct partition *p = d->partitions;
        d->partitions = p->next;
        partition_free(p);
    }
    while (d->seen) {
        struct seen_id *s = d->seen;
        d->seen = s->next;
        free(s);
    }
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static void double_keep_sums(struct index *index, const struct index_sums *sums)
{
    self(index)->sums = sums;
}

static const struct index_ops double_ops = {
    .name = "double",
    .get = double_get,
    .page = double_page,
    .visit = double_visit,
    .apply = double_apply,
    .submit = double_submit,
    .generation = double_generation,
    .drop = double_drop,
    .keep_sums = double_keep_sums,
    .close = double_close,
};

struct index *index_double_open(uint64_t seed)
{
    struct index_double *d = xcalloc(1, sizeof(*d));
    d->index.ops = &double_ops;
    d->random = seed * 2 + 1;
    d->cut = true;
    d->queue_end = &d->queue;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    partition_add(d, INDEX_PARTITION_SYSTEM)->generation = 1;
    CHECK(pthread_create(&d->thread, NULL, double_main, d) == 0);
    return &d->index;
}

void index_double_fail(struct index *index, unsigned nth, enum index_double_fault fault)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    d->fail_nth = nth;
    d->fault = fault;
    d->fired = false;
    pthread_mutex_unlock(&d->lock);
}

bool index_double_fired(struct index *index)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    bool fired = d->fired;
    pthread_mutex_unlock(&d->lock);
    return fired;
}

void index_double_fail_reads(struct index *index, int rc)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    d->read_rc = rc;
    pthread_mutex_unlock(&d->lock);
}

void index_double_cut_pages(struct index *index, bool cut)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    d->cut = cut;
    pthread_mutex_unlock(&d->lock);
}

int index_double_rot(struct index *index, uint64_t partition, struct bytes key)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    struct item *it = item_find(partition_find(d, partition), key);
    if (it)
        it->rotten = true;
    pthread_mutex_unlock(&d->lock);
    return it ? INDEX_OK : INDEX_NOT_FOUND;
}

uint64_t index_double_batches(struct index *index)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    uint64_t n = d->batches;
    pthread_mutex_unlock(&d->lock);
    return n;
}

size_t index_double_records(struct index *index, uint64_t partition)
{
    struct index_double *d = self(index);
    pthread_mutex_lock(&d->lock);
    struct partition *p = partition_find(d, partition);
    size_t n = p ? p->n : 0;
    pthread_mutex_unlock(&d->lock);
    return n;
}
