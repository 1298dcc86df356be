/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See store_world.h. The index is a wrapper around the double that closes without forgetting; the blobs are an array
 * under a lock. Death is a flag: from then on nothing takes effect and every call fails, so clean-up code that a killed
 * process would not have run changes nothing.
 */
#include "tests/unit/storage/store_world.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tests/double/index_double.h"

struct fate {
    pthread_mutex_t lock;
    unsigned kill_nth;
    bool kill_after, dead;
    unsigned blob_nth;
    int blob_rc;
    bool blob_failed;
};

struct world_index {
    struct index index;
    struct index *disk;
    struct fate *fate;
};

struct mem_blob {
    struct blob_id id;
    char *data, *desc, *trailer;
    size_t n, cap, desc_n, trailer_n;
    bool finished, removed, gone, settled, rotten; /* gone: the removal is durable */
    unsigned epoch;
};

struct world_blobs {
    struct blob_store store;
    struct fate fate;
    struct mem_blob **blobs;
    size_t n;
    unsigned epoch;
};

struct blob_writer {
    struct world_blobs *w;
    struct mem_blob *b;
};

struct blob_reader {
    struct world_blobs *w;
    struct mem_blob *b;
};

/* ---- fate ---- */

enum step { STEP_GO, STEP_DEAD, STEP_LAST };

/* One step that takes effect: whether it may, and whether it is the last thing this process does. */
static enum step fate_step(struct fate *f)
{
    pthread_mutex_lock(&f->lock);
    enum step s = f->dead ? STEP_DEAD : STEP_GO;
    if (!f->dead && f->kill_nth && --f->kill_nth == 0) {
        f->dead = true;
        s = f->kill_after ? STEP_LAST : STEP_DEAD;
    }
    pthread_mutex_unlock(&f->lock);
    return s;
}

static bool fate_dead(struct fate *f)
{
    pthread_mutex_lock(&f->lock);
    bool dead = f->dead;
    pthread_mutex_unlock(&f->lock);
    return dead;
}

/* ---- the index ---- */

static struct world_index *wi(struct index *ix)
{
    return (struct world_index *)ix;
}

static int w_get(struct index *ix, uint64_t p, struct bytes key, struct arena *a, struct bytes *ret)
{
    return fate_dead(wi(ix)->fate) ? INDEX_UNAVAILABLE : index_get(wi(ix)->disk, p, key, a, ret);
}

static int w_page(struct index *ix, const struct index_scan *scan, struct arena *a, struct index_page *ret)
{
    return fate_dead(wi(ix)->fate) ? INDEX_UNAVAILABLE : index_page(wi(ix)->disk, scan, a, ret);
}

static int w_visit(struct index *ix, const struct index_scan *scans, size_t n, index_visit_f *f, void *const *args,
                   bool *more)
{
    return fate_dead(wi(ix)->fate) ? INDEX_UNAVAILABLE : index_visit_ranges(wi(ix)->disk, scans, n, f, args, more);
}

static int w_apply(struct index *ix, struct index_batch *b)
{
    enum step s = fate_step(wi(ix)->fate);
    int rc = s == STEP_DEAD ? INDEX_UNAVAILABLE : index_apply(wi(ix)->disk, b);
    return s == STEP_GO ? rc : INDEX_UNAVAILABLE;
}

static void w_submit(struct index *ix, struct index_batch *b)
{
    enum step s = fate_step(wi(ix)->fate);
    if (s == STEP_GO) {
        index_submit(wi(ix)->disk, b);
        return;
    }
    if (s == STEP_LAST)
        index_apply(wi(ix)->disk, b);
    b->done(b, INDEX_UNAVAILABLE);
}

static int w_generation(struct index *ix, uint64_t p, uint64_t *ret)
{
    return fate_dead(wi(ix)->fate) ? INDEX_UNAVAILABLE : index_generation(wi(ix)->disk, p, ret);
}

static int w_drop(struct index *ix, uint64_t p)
{
    enum step s = fate_step(wi(ix)->fate);
    int rc = s == STEP_DEAD ? INDEX_UNAVAILABLE : index_drop(wi(ix)->disk, p);
    return s == STEP_GO ? rc : INDEX_UNAVAILABLE;
}

static void w_close(struct index **ix) /* the disk stays; wait until what was submitted is done */
{
    struct index_batch b = {.partition = INDEX_PARTITION_SYSTEM, .generation = 1};
    index_apply(wi(*ix)->disk, &b);
    *ix = NULL;
}

static void w_keep_sums(struct index *ix, const struct index_sums *sums)
{
    index_keep_sums(((struct world_index *)ix)->disk, sums);
}

static const struct index_ops index_ops = {
    .name = "world",
    .get = w_get,
    .page = w_page,
    .visit = w_visit,
    .apply = w_apply,
    .submit = w_submit,
    .generation = w_generation,
    .drop = w_drop,
    .keep_sums = w_keep_sums,
    .close = w_close,
};

/* ---- the blobs ---- */

static struct world_blobs *wb(struct blob_store *bs)
{
    return (struct world_blobs *)bs;
}

/* 0 to go on; the lock is held then. */
static int blob_begin(struct world_blobs *w, enum step *ret)
{
    *ret = fate_step(&w->fate);
    pthread_mutex_lock(&w->fate.lock);
    int rc = *ret == STEP_DEAD ? BLOB_IO : BLOB_OK;
    if (rc == BLOB_OK && w->fate.blob_nth && --w->fate.blob_nth == 0) {
        w->fate.blob_failed = true;
        rc = w->fate.blob_rc;
    }
    if (rc != BLOB_OK)
        pthread_mutex_unlock(&w->fate.lock);
    return rc;
}

static int blob_end(struct world_blobs *w, enum step s)
{
    pthread_mutex_unlock(&w->fate.lock);
    return s == STEP_GO ? BLOB_OK : BLOB_IO;
}

static char *copy(const void *p, size_t n)
{
    char *c = xmalloc(n);
    if (n)
        memcpy(c, p, n);
    return c;
}

static int b_create(struct blob_store *bs, struct bytes desc, uint64_t expected, struct blob_writer **ret)
{
    struct world_blobs *w = wb(bs);
    enum step s;
    (void)expected;
    int rc = blob_begin(w, &s);
    if (rc != BLOB_OK)
        return rc;
    CHECK(desc.n <= BLOB_DESC_MAX);
    struct mem_blob *b = xcalloc(1, sizeof *b);
    b->desc = copy(desc.p, desc.n);
    b->desc_n = desc.n;
    b->epoch = w->epoch;
    w->blobs = xrealloc(w->blobs, (w->n + 1) * sizeof *w->blobs);
    w->blobs[w->n++] = b;
    memcpy(b->id.b, &w->n, sizeof w->n);
    rc = blob_end(w, s);
    if (rc != BLOB_OK)
        return rc;
    *ret = xcalloc(1, sizeof **ret);
    (*ret)->w = w;
    (*ret)->b = b;
    return BLOB_OK;
}

static int b_append(struct blob_writer *wr, const void *p, size_t n)
{
    enum step s;
    int rc = blob_begin(wr->w, &s);
    if (rc != BLOB_OK)
        return rc;
    struct mem_blob *b = wr->b;
    if (b->cap - b->n < n)
        b->data = xrealloc(b->data, b->cap = (b->n + n) * 2);
    if (n)
        memcpy(b->data + b->n, p, n);
    b->n += n;
    return blob_end(wr->w, s);
}

static int b_finish(struct blob_writer **pw, struct bytes trailer, struct blob_id *ret_id)
{
    struct blob_writer *wr = *pw;
    enum step s;
    *pw = NULL;
    int rc = blob_begin(wr->w, &s);
    if (rc == BLOB_OK) {
        CHECK(trailer.n <= BLOB_DESC_MAX);
        wr->b->trailer = copy(trailer.p, trailer.n);
        wr->b->trailer_n = trailer.n;
        wr->b->finished = true;
        *ret_id = wr->b->id;
        rc = blob_end(wr->w, s);
    }
    free(wr);
    return rc;
}

static void b_abandon(struct blob_writer **pw)
{
    free(*pw);
    *pw = NULL;
}

static struct mem_blob *find(struct world_blobs *w, const struct blob_id *id)
{
    for (size_t i = 0; i < w->n; i++)
        if (memcmp(&w->blobs[i]->id, id, sizeof *id) == 0 && w->blobs[i]->finished && !w->blobs[i]->removed)
            return w->blobs[i];
    return NULL;
}

static int b_open(struct blob_store *bs, const struct blob_id *id, struct blob_reader **ret)
{
    struct world_blobs *w = wb(bs);
    pthread_mutex_lock(&w->fate.lock);
    struct mem_blob *b = find(w, id);
    pthread_mutex_unlock(&w->fate.lock);
    if (!b)
        return BLOB_NOT_FOUND;
    *ret = xcalloc(1, sizeof **ret);
    **ret = (struct blob_reader){w, b};
    return BLOB_OK;
}

static uint64_t b_length(const struct blob_reader *r)
{
    return r->b->n;
}

static int b_read(struct blob_reader *r, uint64_t offset, void *p, size_t n, bool nowait)
{
    (void)nowait;
    CHECK(offset + n <= r->b->n);
    pthread_mutex_lock(&r->w->fate.lock);
    bool bad = r->b->removed || r->b->rotten; /* removed under a reader: the store must not let that happen */
    pthread_mutex_unlock(&r->w->fate.lock);
    if (bad)
        return BLOB_CORRUPT;
    memcpy(p, r->b->data + offset, n);
    return BLOB_OK;
}

static int b_describe(struct blob_reader *r, struct arena *a, struct bytes *desc, struct bytes *trailer)
{
    *desc = bytes_dup(a, bytes_of(r->b->desc, r->b->desc_n));
    *trailer = bytes_dup(a, bytes_of(r->b->trailer, r->b->trailer_n));
    return BLOB_OK;
}

static void b_close_reader(struct blob_reader **r)
{
    free(*r);
    *r = NULL;
}

static int b_remove(struct blob_store *bs, const struct blob_id *id)
{
    struct world_blobs *w = wb(bs);
    enum step s;
    int rc = blob_begin(w, &s);
    if (rc != BLOB_OK)
        return rc;
    struct mem_blob *b = find(w, id);
    if (b)
        b->removed = true;
    return blob_end(w, s);
}

static int b_sync_removals(struct blob_store *bs, const struct blob_id *ids, size_t n)
{
    struct world_blobs *w = wb(bs);
    enum step s;
    int rc = blob_begin(w, &s);
    if (rc != BLOB_OK)
        return rc;
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < n && w->blobs[i]->removed; k++)
            if (memcmp(&w->blobs[i]->id, &ids[k], sizeof *ids) == 0)
                w->blobs[i]->gone = true;
    return blob_end(w, s);
}

static int b_recover(struct blob_store *bs, int (*keep)(void *, const struct blob_id *, struct bytes), void *arg)
{
    struct world_blobs *w = wb(bs);
    if (fate_dead(&w->fate))
        return BLOB_IO;
    pthread_mutex_lock(&w->fate.lock);
    size_t n = w->n;
    pthread_mutex_unlock(&w->fate.lock);
    for (size_t i = 0; i < n; i++) {
        pthread_mutex_lock(&w->fate.lock);
        struct mem_blob *b = w->blobs[i];
        bool open = b->finished && !b->removed && !b->settled && b->epoch < w->epoch;
        pthread_mutex_unlock(&w->fate.lock);
        int kept = open ? keep(arg, &b->id, bytes_of(b->desc, b->desc_n)) : -1;
        pthread_mutex_lock(&w->fate.lock);
        if (kept == 1)
            b->settled = true;
        else if (kept == 0)
            b->removed = b->gone = true;
        pthread_mutex_unlock(&w->fate.lock);
    }
    return BLOB_OK;
}

static void b_settled(struct blob_store *bs, const struct blob_id *id)
{
    struct world_blobs *w = wb(bs);
    pthread_mutex_lock(&w->fate.lock);
    struct mem_blob *b = find(w, id);
    if (b && !w->fate.dead)
        b->settled = true;
    pthread_mutex_unlock(&w->fate.lock);
}

static void b_space(struct blob_store *bs, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    (void)bs;
    *ret_free_bytes = *ret_total_bytes = 1 << 30;
}

static void b_close(struct blob_store **bs)
{
    *bs = NULL; /* the disk stays */
}

static const struct blob_ops blob_ops = {
    .name = "world",
    .create = b_create,
    .append = b_append,
    .finish = b_finish,
    .abandon = b_abandon,
    .open = b_open,
    .length = b_length,
    .read = b_read,
    .describe = b_describe,
    .close_reader = b_close_reader,
    .remove = b_remove,
    .sync_removals = b_sync_removals,
    .recover = b_recover,
    .settled = b_settled,
    .space = b_space,
    .close = b_close,
};

/* ---- life ---- */

static void start(struct world *w)
{
    w->blobs->epoch++;
    struct store_options o = {.index = &w->index->index, .blobs = &w->blobs->store, .no_background = !w->background};
    cr_assert_eq(store_open(&o, &w->store), STORE_OK);
    w->store->part_min = 1024;
}

struct world world_open(void)
{
    struct world w = {0};
    log_setup(LOG_TEXT, LOG_ERROR); /* what the collector says about injected faults is no news */
    w.disk_index = index_double_open(7);
    w.blobs = xcalloc(1, sizeof *w.blobs);
    w.blobs->store.ops = &blob_ops;
    pthread_mutex_init(&w.blobs->fate.lock, NULL);
    w.index = xcalloc(1, sizeof *w.index);
    w.index->index.ops = &index_ops;
    w.index->disk = w.disk_index;
    w.index->fate = &w.blobs->fate;
    w.arena = arena_create(0);
    start(&w);
    w.bucket = world_bucket(&w, "bucket");
    return w;
}

void world_restart(struct world *w)
{
    store_close(&w->store);
    pthread_mutex_lock(&w->blobs->fate.lock);
    w->blobs->fate.dead = false;
    w->blobs->fate.kill_nth = w->blobs->fate.blob_nth = 0;
    pthread_mutex_unlock(&w->blobs->fate.lock);
    index_double_fail(w->disk_index, 0, INDEX_DOUBLE_CONFLICT);
    start(w);
}

void world_power_cut(struct world *w)
{
    store_close(&w->store);
    for (size_t i = 0; i < w->blobs->n; i++)
        w->blobs->blobs[i]->removed = w->blobs->blobs[i]->gone;
    world_restart(w);
}

void world_close(struct world *w)
{
    store_close(&w->store);
    for (size_t i = 0; i < w->blobs->n; i++) {
        free(w->blobs->blobs[i]->data);
        free(w->blobs->blobs[i]->desc);
        free(w->blobs->blobs[i]->trailer);
        free(w->blobs->blobs[i]);
    }
    free(w->blobs->blobs);
    pthread_mutex_destroy(&w->blobs->fate.lock);
    free(w->blobs);
    free(w->index);
    w->disk_index->ops->close(&w->disk_index);
    arena_free(w->arena);
}

void world_kill_at(struct world *w, unsigned nth, bool after)
{
    pthread_mutex_lock(&w->blobs->fate.lock);
    w->blobs->fate.kill_nth = nth;
    w->blobs->fate.kill_after = after;
    pthread_mutex_unlock(&w->blobs->fate.lock);
}

bool world_killed(struct world *w)
{
    return fate_dead(&w->blobs->fate);
}

void world_fail_blob(struct world *w, unsigned nth, int rc)
{
    pthread_mutex_lock(&w->blobs->fate.lock);
    w->blobs->fate.blob_nth = nth;
    w->blobs->fate.blob_rc = rc;
    w->blobs->fate.blob_failed = false;
    pthread_mutex_unlock(&w->blobs->fate.lock);
}

bool world_blob_failed(struct world *w)
{
    pthread_mutex_lock(&w->blobs->fate.lock);
    bool failed = w->blobs->fate.blob_failed;
    pthread_mutex_unlock(&w->blobs->fate.lock);
    return failed;
}

static struct mem_blob *nth_blob(struct world *w, size_t nth)
{
    for (size_t i = 0; i < w->blobs->n; i++)
        if (w->blobs->blobs[i]->finished && !w->blobs->blobs[i]->removed && nth-- == 0)
            return w->blobs->blobs[i];
    return NULL;
}

char *world_blob(struct world *w, size_t nth, size_t *ret_n)
{
    struct mem_blob *b = nth_blob(w, nth);
    *ret_n = b ? b->n : 0;
    return b ? b->data : NULL;
}

void world_blob_resize(struct world *w, size_t nth, size_t n)
{
    struct mem_blob *b = nth_blob(w, nth);
    b->data = xrealloc(b->data, b->cap = n + 1);
    if (n > b->n)
        memset(b->data + b->n, 0, n - b->n);
    b->n = n;
}

size_t world_blobs_count(struct world *w)
{
    size_t n = 0;
    pthread_mutex_lock(&w->blobs->fate.lock);
    for (size_t i = 0; i < w->blobs->n; i++)
        n += w->blobs->blobs[i]->finished && !w->blobs->blobs[i]->removed;
    pthread_mutex_unlock(&w->blobs->fate.lock);
    return n;
}

void world_rot_blobs(struct world *w)
{
    for (size_t i = 0; i < w->blobs->n; i++)
        w->blobs->blobs[i]->rotten = true;
}

void world_collect(struct world *w)
{
    gc_set_ages(w->store, 0, 0, 0);
    cr_assert_eq(store_collect(w->store), STORE_OK);
}

/* ---- short ways ---- */

char *world_bytes(struct arena *a, unsigned seed, size_t size)
{
    char *p = arena_alloc(a, size ? size : 1);
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        p[i] = seed % 4 == 3 ? "the same few words "[x % 19] : (char)x; /* one in four can be compressed */
    }
    return p;
}

const unsigned char *world_key(struct bytes envelope)
{
    static _Thread_local unsigned char keys[4][STORE_KEY_BYTES];
    static _Thread_local unsigned turn;
    unsigned char *key = keys[turn++ % ARRAY_LEN(keys)];
    if (envelope.n == 0)
        return NULL;
    for (size_t i = 0; i < STORE_KEY_BYTES; i++)
        key[i] = (unsigned char)(envelope.p[i + 1] ^ 0x5a);
    return key;
}

struct store_seal world_seal(struct world *w, unsigned n)
{
    char *envelope = world_bytes(w->arena, n ^ 0x5ea1u, STORE_KEY_BYTES + 1);
    envelope[0] = 'E';
    struct bytes e = bytes_of(envelope, STORE_KEY_BYTES + 1);
    return (struct store_seal){.key = world_key(e), .envelope = e};
}

/* For the next thing that is written. */
static struct store_seal next_seal(struct world *w)
{
    unsigned turn = __atomic_add_fetch(&w->turn, 1, __ATOMIC_RELAXED) * 2654435761u >> 20;
    if (w->sealing == WORLD_PLAIN || (w->sealing == WORLD_MIXED && turn % 3 == 0))
        return (struct store_seal){0};
    struct store_seal s = world_seal(w, turn);
    s.opaque_etag = w->sealing == WORLD_MIXED && turn % 2;
    return s;
}

static bool next_compress(struct world *w)
{
    return w->compress && (w->sealing != WORLD_MIXED || w->turn % 2);
}

static int write_all(struct world *w, struct store_put *put, unsigned seed, size_t size, struct store_etag *ret_etag)
{
    struct store_write *wr = NULL;
    struct arena *a = arena_create(0);
    char *p = world_bytes(a, seed, size);
    int rc = store_write_open(w->store, put, &wr);
    for (size_t at = 0; rc == STORE_OK && at < size; at += 50000)
        rc = store_write_append(wr, p + at, size - at < 50000 ? size - at : 50000);
    if (rc == STORE_OK)
        rc = store_write_commit_wait(wr);
    if (rc == STORE_OK && ret_etag)
        store_write_etag(wr, ret_etag);
    store_write_close(&wr);
    arena_free(a);
    return rc;
}

int world_put(struct world *w, const struct store_bucket *b, const char *key, unsigned seed, size_t size,
              const struct store_condition *condition)
{
    struct store_header headers[] = {{BYTES_LIT("content-type"), BYTES_LIT("text/plain")}};
    struct store_put put = {.bucket = b,
                            .key = bytes_str(key),
                            .owner = BYTES_LIT("alice"),
                            .headers = headers,
                            .n_headers = 1,
                            .expected_size = seed % 2 ? size : UINT64_MAX,
                            .seal = next_seal(w),
                            .compress = next_compress(w)};
    if (condition)
        put.condition = *condition;
    return write_all(w, &put, seed, size, NULL);
}

int world_put_part(struct world *w, const struct store_bucket *b, const char *key, struct bytes id, unsigned number,
                   unsigned seed, size_t size, struct store_etag *ret_etag)
{
    struct store_put put = {.bucket = b,
                            .key = bytes_str(key),
                            .upload_id = id,
                            .part_number = number,
                            .expected_size = size,
                            .compress = next_compress(w)};
    struct store_upload u;
    if (w->sealing != WORLD_PLAIN && store_upload_get(w->store, b, put.key, id, w->arena, &u) == STORE_OK)
        put.seal.key = world_key(u.envelope);
    return write_all(w, &put, seed, size, ret_etag);
}

int world_read(struct world *w, const struct store_object *o, uint64_t offset, uint64_t length, struct bytes *ret)
{
    struct store_read *r = NULL;
    char *all = arena_alloc(w->arena, (size_t)length + 1), scratch[10000];
    size_t n = 0;
    int rc = store_read_open(w->store, o, offset, length, world_key(o->envelope), &r);
    struct store_span span = {.n = 1};
    while (rc == STORE_OK && span.n) {
        rc = store_read_next(r, sizeof scratch, false, scratch, &span);
        if (rc == STORE_OK && span.n) {
            cr_assert_leq(n + span.n, length);
            memcpy(all + n, span.bytes.p, span.n);
            n += span.n;
        }
    }
    store_read_close(&r);
    if (rc == STORE_OK) {
        cr_assert_eq(n, length);
        *ret = bytes_of(all, n);
    }
    return rc;
}

int world_delete(struct store *st, const struct store_bucket *b, struct bytes key, const struct store_condition *c,
                 bool *ret_existed)
{
    struct store_delete item = {.key = key};
    if (c)
        item.condition = *c;
    store_objects_delete(st, b, BYTES_NONE, &item, 1);
    if (item.rc == STORE_OK && ret_existed)
        *ret_existed = item.existed;
    return item.rc;
}

int world_get(struct world *w, const struct store_bucket *b, const char *key, struct bytes *ret)
{
    struct store_object *o;
    int rc = store_object_get(w->store, b, bytes_str(key), NULL, w->arena, &o);
    return rc == STORE_OK ? world_read(w, o, 0, o->size, ret) : rc;
}

bool world_holds(struct world *w, const struct store_bucket *b, const char *key, unsigned seed, size_t size)
{
    struct store_object *o;
    struct bytes got;
    struct checksum_value sum;
    unsigned char md5[16];
    const char *want = world_bytes(w->arena, seed, size);
    if (store_object_get(w->store, b, bytes_str(key), NULL, w->arena, &o) != STORE_OK || o->size != size ||
        world_read(w, o, 0, size, &got) != STORE_OK || !bytes_eq(got, bytes_of(want, size)))
        return false;
    md5_of(got.p, got.n, md5);
    if (o->etag.parts == 0 && !o->opaque_etag)
        cr_assert_arr_eq(md5, o->etag.md5, 16);
    if (o->checksum_type == CHECKSUM_FULL_OBJECT) {
        checksum_of(o->checksum.alg, got.p, got.n, &sum);
        cr_assert(checksum_equal(&sum, &o->checksum));
    }
    return true;
}

struct store_upload world_upload(struct world *w, const struct store_bucket *b, const char *key)
{
    struct store_upload u;
    struct store_put put = {.bucket = b, .key = bytes_str(key), .owner = BYTES_LIT("alice"), .seal = next_seal(w)};
    cr_assert_eq(store_upload_create(w->store, &put, CHECKSUM_TYPE_NONE, w->arena, &u), STORE_OK);
    return u;
}

int world_complete(struct world *w, const struct store_bucket *b, const char *key, struct bytes id, size_t n,
                   const unsigned *numbers, const struct store_etag *etags, const struct store_condition *condition)
{
    struct store_complete_part *parts = arena_new_array(w->arena, struct store_complete_part, n);
    struct store_complete req = {
        .bucket = b, .key = bytes_str(key), .upload_id = id, .parts = parts, .n_parts = n, .expected_size = UINT64_MAX};
    struct store_object *o;
    struct store_complete_error error;
    for (size_t i = 0; i < n; i++) {
        char *text = arena_alloc(w->arena, STORE_ETAG_TEXT_MAX);
        parts[i].number = numbers[i];
        parts[i].etag = bytes_of(text, store_etag_text(&etags[i], text));
    }
    if (condition)
        req.condition = *condition;
    return store_upload_complete(w->store, &req, w->arena, &o, &error);
}

int world_copy(struct world *w, const struct store_bucket *from, const char *key, const struct store_bucket *to,
               const char *to_key)
{
    struct store_object *source, *made;
    int rc = store_object_get(w->store, from, bytes_str(key), NULL, w->arena, &source);
    if (rc != STORE_OK)
        return rc;
    struct store_copy copy_req = {.source = source,
                                  .source_key = world_key(source->envelope),
                                  .source_bucket = from,
                                  .to = {.bucket = to,
                                         .key = bytes_str(to_key),
                                         .owner = BYTES_LIT("bob"),
                                         .seal = next_seal(w),
                                         .compress = next_compress(w)}};
    return store_copy(w->store, &copy_req, w->arena, &made);
}

struct store_bucket world_bucket(struct world *w, const char *name)
{
    struct store_bucket b;
    cr_assert_eq(store_bucket_create(w->store, bytes_str(name),
                                     &(struct store_bucket_new){.owner = BYTES_LIT("alice"), .region = BYTES_NONE},
                                     w->arena, &b),
                 STORE_OK);
    return b;
}

/* ---- checking everything ---- */

static struct index_page all_rows(struct world *w, uint64_t partition, enum key_kind kind)
{
    char prefix = (char)kind;
    struct index_scan scan = {.partition = partition,
                              .prefix = bytes_dup(w->arena, bytes_of(&prefix, 1)),
                              .from = BYTES_LIT("\0"),
                              .max_rows = 1 << 20,
                              .max_bytes = 1 << 30};
    struct index_page page = {0};
    index_double_cut_pages(w->disk_index, false);
    cr_assert_eq(index_page(w->disk_index, &scan, w->arena, &page), INDEX_OK);
    index_double_cut_pages(w->disk_index, true);
    return page;
}

size_t world_records(struct world *w, uint64_t partition, enum key_kind kind)
{
    return all_rows(w, partition, kind).n_rows;
}

static bool has_ref(struct world *w, const struct store_extent *e)
{
    struct bytes value;
    return index_get(w->disk_index, e->partition, key_ref(w->arena, &e->blob, e->ref), w->arena, &value) == INDEX_OK;
}

/* Everything that an object or part refers to is there. Marks the references it needs in `needed`. */
static void check_extents(struct world *w, const struct store_extent *e, size_t n, struct buf *needed)
{
    for (size_t i = 0; i < n; i++) {
        if (e[i].data.n)
            continue;
        cr_assert(has_ref(w, &e[i]), "an extent without a reference");
        cr_assert(find(w->blobs, &e[i].blob), "an extent without a blob");
        buf_put(needed, e[i].blob.b, 16);
        buf_put(needed, e[i].ref, 16);
    }
}

/* Parts of an upload that is gone are being collected, references first. */
static bool upload_exists(struct world *w, uint64_t partition, struct bytes part_key)
{
    struct index_page page = all_rows(w, partition, KEY_UPLOAD);
    for (size_t i = 0; i < page.n_rows; i++)
        if (bytes_ends(page.rows[i].key, bytes_cut(part_key, 1, KEY_UPLOAD_BYTES)))
            return true;
    return false;
}

static void check_objects(struct world *w, uint64_t partition, enum key_kind kind, const struct rec_type *type,
                          struct buf *needed)
{
    struct index_page page = all_rows(w, partition, kind);
    for (size_t i = 0; i < page.n_rows; i++) {
        struct rec_object r;
        struct bytes value;
        if (kind == KEY_PART && !upload_exists(w, partition, page.rows[i].key))
            continue;
        cr_assert(record_decode(type, page.rows[i].value, w->arena, &r));
        if (r.in_manifest) {
            cr_assert_eq(index_get(w->disk_index, partition, key_manifest(w->arena, r.o.uid), w->arena, &value),
                         INDEX_OK, "an object without its manifest");
            cr_assert(record_decode_more(&rec_manifest, value, w->arena, &r));
        }
        check_extents(w, r.o.extents, r.o.n_extents, needed);
    }
}

static bool in_list(const struct buf *list, const char *item32)
{
    for (size_t i = 0; i < list->n; i += 32)
        if (memcmp(list->p + i, item32, 32) == 0)
            return true;
    return false;
}

static size_t with_manifest(struct world *w, uint64_t partition, enum key_kind kind, const struct rec_type *type)
{
    struct index_page page = all_rows(w, partition, kind);
    size_t n = 0;
    for (size_t i = 0; i < page.n_rows; i++) {
        struct rec_object r;
        cr_assert(record_decode(type, page.rows[i].value, w->arena, &r));
        n += r.in_manifest;
    }
    return n;
}

/* The sums that the index keeps are what a count of all records gives. */
static void check_sums(struct world *w, uint64_t partition)
{
    static const enum key_kind kinds[] = {KEY_OBJECT, KEY_VERSION, KEY_PART, KEY_UPLOAD};
    int64_t found[INDEX_SUMS_MAX] = {0}, kept[INDEX_SUMS_MAX];
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct index_page rows = all_rows(w, partition, kinds[k]);
        for (size_t i = 0; i < rows.n_rows; i++)
            store__sums.weigh(rows.rows[i].key, rows.rows[i].value, found);
    }
    cr_assert_eq(index_sums_get(w->disk_index, partition, &store__sums, w->arena, kept), INDEX_OK);
    for (size_t i = 0; i < store__sums.n; i++)
        cr_assert_eq(kept[i], found[i], "partition %llu, sum %zu: %lld is kept, %lld is there",
                     (unsigned long long)partition, i, (long long)kept[i], (long long)found[i]);
}

void world_check(struct world *w, bool collected)
{
    struct buf needed;
    size_t n_refs = 0, manifests = 0, manifests_needed = 0;
    buf_init(&needed, 1 << 28);
    for (uint64_t p = 2; p < 40; p++) {
        check_objects(w, p, KEY_OBJECT, &rec_object, &needed);
        check_objects(w, p, KEY_VERSION, &rec_object, &needed);
        check_objects(w, p, KEY_PART, &rec_part, &needed);
        check_sums(w, p);
    }
    for (uint64_t p = 2; p < 40; p++) {
        struct index_page refs = all_rows(w, p, KEY_REF);
        n_refs += refs.n_rows;
        for (size_t i = 0; i < refs.n_rows; i++) {
            struct blob_id id;
            memcpy(&id, refs.rows[i].key.p + 1, sizeof id);
            cr_assert(!collected || find(w->blobs, &id), "a reference without a blob");
            cr_assert(!collected || in_list(&needed, refs.rows[i].key.p + 1), "a reference that nobody needs");
        }
        if (collected) {
            cr_assert_eq(world_records(w, p, KEY_GARBAGE), 0);
            cr_assert_eq(world_records(w, p, KEY_INTENT), 0);
        }
        manifests += world_records(w, p, KEY_MANIFEST);
        manifests_needed += with_manifest(w, p, KEY_OBJECT, &rec_object) +
                            with_manifest(w, p, KEY_VERSION, &rec_object) + with_manifest(w, p, KEY_PART, &rec_part);
    }
    if (collected) {
        cr_assert_eq(manifests, manifests_needed, "a manifest that nobody needs");
        for (size_t i = 0; i < w->blobs->n; i++) {
            struct mem_blob *b = w->blobs->blobs[i];
            bool used = false;
            for (size_t k = 0; k < needed.n; k += 32)
                used = used || memcmp(needed.p + k, b->id.b, 16) == 0;
            cr_assert(!b->finished || b->removed || used, "a blob that nobody needs");
        }
    }
    (void)n_refs;
    buf_fini(&needed);
}
