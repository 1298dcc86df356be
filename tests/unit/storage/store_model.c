/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations against a plain model: buckets, put, delete, copy, multipart, reads, lists, the collector and
 * restarts. On the doubles with everything checked after each restart, and on LMDB and files as they are in production.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blob_file.h"
#include "index_lmdb.h"
#include "tests/unit/storage/store_world.h"

enum { BUCKETS = 3, KEYS = 8, UPLOADS = 4, UPLOAD_PARTS = 4 };

struct content {
    char *p;
    size_t n;
    bool exists;
};

struct model_upload {
    bool exists;
    int key;
    struct bytes id;
    struct content parts[UPLOAD_PARTS];
    struct store_etag etags[UPLOAD_PARTS];
};

struct model_bucket {
    bool exists;
    struct store_bucket b;
    struct content objects[KEYS];
    struct model_upload uploads[UPLOADS];
};

struct model {
    struct world w;
    bool on_disk;
    char folder[64];
    struct arena *ids; /* upload ids, bucket names */
    struct model_bucket buckets[BUCKETS];
    unsigned seed;
};

static const char *const key_names[KEYS] = {"a", "a/1", "a/2", "a/b/c", "b", "c/", "c/d", "zz"};
static const char *const bucket_names[BUCKETS] = {"red", "green", "blue"};
static const size_t sizes[] = {0, 1, 1024, 5000, 16384, 16385, 40000, 70000, 150000};

static int roll(int n)
{
    return rand() % n;
}

static void set(struct content *c, const char *p, size_t n)
{
    free(c->p);
    *c = (struct content){malloc(n + 1), n, true};
    if (n)
        memcpy(c->p, p, n);
}

static void unset(struct content *c)
{
    free(c->p);
    *c = (struct content){0};
}

/* ---- the store under test ---- */

static void open_disk(struct model *m)
{
    char message[INDEX_LMDB_MESSAGE_MAX], path[100];
    struct index_lmdb_options index = {.path = path, .create = true};
    struct blob_file_options blobs = {.folder = m->folder};
    struct store_options o = {.no_background = true};
    snprintf(path, sizeof path, "%s/index", m->folder);
    cr_assert_eq(index_lmdb_open(&index, &o.index, message), INDEX_OK, "%s", message);
    cr_assert_eq(blob_file_open(&blobs, &o.blobs), BLOB_OK);
    cr_assert_eq(store_open(&o, &m->w.store), STORE_OK);
    m->w.store->part_min = 1024;
}

static void start(struct model *m, bool on_disk)
{
    *m = (struct model){.on_disk = on_disk, .ids = arena_create(0), .seed = 1};
    if (!on_disk) {
        m->w = world_open();
        return;
    }
    snprintf(m->folder, sizeof m->folder, P_tmpdir "/store-model-XXXXXX");
    cr_assert(mkdtemp(m->folder));
    m->w.arena = arena_create(0);
    open_disk(m);
}

static void restart(struct model *m)
{
    if (m->on_disk) {
        store_close(&m->w.store);
        open_disk(m);
        return;
    }
    world_restart(&m->w);
    world_check(&m->w, false);
}

static void finish(struct model *m)
{
    for (int b = 0; b < BUCKETS; b++) {
        for (int k = 0; k < KEYS; k++)
            unset(&m->buckets[b].objects[k]);
        for (int u = 0; u < UPLOADS; u++)
            for (int p = 0; p < UPLOAD_PARTS; p++)
                unset(&m->buckets[b].uploads[u].parts[p]);
    }
    arena_free(m->ids);
    if (!m->on_disk) {
        world_close(&m->w);
        return;
    }
    store_close(&m->w.store);
    arena_free(m->w.arena);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", m->folder);
    cr_assert_eq(system(command), 0);
}

/* ---- operations ---- */

static void do_bucket(struct model *m, int i)
{
    struct model_bucket *b = &m->buckets[i];
    struct store_bucket got;
    bool empty = true;
    if (!b->exists) {
        cr_assert_eq(store_bucket_create(m->w.store, bytes_str(bucket_names[i]),
                                         &(struct store_bucket_new){.owner = BYTES_LIT("o"), .region = BYTES_NONE},
                                         m->ids, &b->b),
                     STORE_OK);
        b->exists = true;
        return;
    }
    cr_assert_eq(store_bucket_create(m->w.store, bytes_str(bucket_names[i]),
                                     &(struct store_bucket_new){.owner = BYTES_LIT("o"), .region = BYTES_NONE},
                                     m->w.arena, &got),
                 STORE_BUCKET_EXISTS);
    for (int k = 0; k < KEYS; k++)
        empty = empty && !b->objects[k].exists;
    cr_assert_eq(store_bucket_delete(m->w.store, bytes_str(bucket_names[i])),
                 empty ? STORE_OK : STORE_BUCKET_NOT_EMPTY);
    if (!empty)
        return;
    b->exists = false;
    for (int u = 0; u < UPLOADS; u++) {
        b->uploads[u].exists = false;
        for (int p = 0; p < UPLOAD_PARTS; p++)
            unset(&b->uploads[u].parts[p]);
    }
}

static void do_put(struct model *m, struct model_bucket *b, int key)
{
    size_t n = sizes[roll(ARRAY_LEN(sizes))];
    unsigned seed = m->seed++;
    struct store_condition none = {.if_none_match = true};
    bool conditional = roll(5) == 0;
    int rc = world_put(&m->w, &b->b, key_names[key], seed, n, conditional ? &none : NULL);
    if (conditional && b->objects[key].exists) {
        cr_assert_eq(rc, STORE_PRECONDITION_FAILED);
        return;
    }
    cr_assert_eq(rc, STORE_OK);
    set(&b->objects[key], world_bytes(m->w.arena, seed, n), n);
}

static void do_delete(struct model *m, struct model_bucket *b, int key)
{
    bool existed;
    cr_assert_eq(world_delete(m->w.store, &b->b, bytes_str(key_names[key]), NULL, &existed), STORE_OK);
    cr_assert_eq(existed, b->objects[key].exists);
    unset(&b->objects[key]);
}

/* The way of a download: spans of up to 100,000 bytes. */
static void read_spans(struct model *m, const struct store_object *o, const char *want, size_t from, size_t n)
{
    struct store_read *r;
    struct store_span span = {.n = 1};
    char *scratch = malloc(100000);
    cr_assert_eq(store_read_open(m->w.store, o, from, n, world_key(o->envelope), &r), STORE_OK);
    for (size_t at = 0; span.n; at += span.n) {
        cr_assert_eq(store_read_next(r, 100000, false, scratch, &span), STORE_OK);
        cr_assert_leq(span.n, n - at);
        cr_assert(span.n ? memcmp(span.bytes.p, want + from + at, span.n) == 0 : at == n);
    }
    store_read_close(&r);
    free(scratch);
}

static void do_read(struct model *m, struct model_bucket *b, int key)
{
    struct store_object *o;
    struct bytes got;
    const struct content *want = &b->objects[key];
    int rc = store_object_get(m->w.store, &b->b, bytes_str(key_names[key]), NULL, m->w.arena, &o);
    cr_assert_eq(rc, want->exists ? STORE_OK : STORE_NO_SUCH_KEY);
    if (rc != STORE_OK)
        return;
    cr_assert_eq(o->size, want->n);
    size_t from = want->n ? (size_t)roll((int)want->n) : 0, n = want->n - from;
    n = roll(2) ? n : n / 3;
    read_spans(m, o, want->p, from, n);
    cr_assert_eq(world_read(&m->w, o, from, n, &got), STORE_OK);
    cr_assert(bytes_eq(got, bytes_of(want->p + from, n)));
}

static void do_copy(struct model *m, struct model_bucket *from, int key, struct model_bucket *to, int to_key)
{
    int rc = world_copy(&m->w, &from->b, key_names[key], &to->b, key_names[to_key]);
    cr_assert_eq(rc, from->objects[key].exists ? STORE_OK : STORE_NO_SUCH_KEY);
    if (rc == STORE_OK && &from->objects[key] != &to->objects[to_key])
        set(&to->objects[to_key], from->objects[key].p, from->objects[key].n);
}

static void do_part(struct model *m, struct model_bucket *b, struct model_upload *u)
{
    int p = roll(UPLOAD_PARTS);
    size_t n = sizes[2 + roll(ARRAY_LEN(sizes) - 2)];
    unsigned seed = m->seed++;
    cr_assert_eq(world_put_part(&m->w, &b->b, key_names[u->key], u->id, (unsigned)p + 1, seed, n, &u->etags[p]),
                 STORE_OK);
    set(&u->parts[p], world_bytes(m->w.arena, seed, n), n);
}

static void do_part_copy(struct model *m, struct model_bucket *b, struct model_upload *u, struct model_bucket *from,
                         int key)
{
    struct store_object *source, *made;
    const struct content *c = &from->objects[key];
    int p = roll(UPLOAD_PARTS);
    if (!c->exists || c->n < 2000)
        return;
    cr_assert_eq(store_object_get(m->w.store, &from->b, bytes_str(key_names[key]), NULL, m->w.arena, &source),
                 STORE_OK);
    struct store_copy req = {.source = source,
                             .source_key = world_key(source->envelope),
                             .source_bucket = &from->b,
                             .offset = (uint64_t)roll((int)c->n - 1500)};
    struct store_upload upload;
    cr_assert_eq(store_upload_get(m->w.store, &b->b, bytes_str(key_names[u->key]), u->id, m->w.arena, &upload),
                 STORE_OK);
    req.length = 1100 + (uint64_t)roll((int)(c->n - req.offset - 1100));
    req.to = (struct store_put){
        .bucket = &b->b, .key = bytes_str(key_names[u->key]), .upload_id = u->id, .part_number = (unsigned)p + 1};
    req.to.seal.key = world_key(upload.envelope);
    cr_assert_eq(store_copy(m->w.store, &req, m->w.arena, &made), STORE_OK);
    u->etags[p] = made->etag;
    set(&u->parts[p], c->p + req.offset, req.length);
}

static void do_complete(struct model *m, struct model_bucket *b, struct model_upload *u)
{
    unsigned numbers[UPLOAD_PARTS];
    struct store_etag etags[UPLOAD_PARTS];
    struct buf all;
    size_t n = 0;
    buf_init(&all, 1 << 24);
    for (unsigned p = 0; p < UPLOAD_PARTS; p++)
        if (u->parts[p].exists && (roll(5) || n == 0)) { /* one in five is left out */
            numbers[n] = p + 1;
            etags[n++] = u->etags[p];
            buf_put(&all, u->parts[p].p, u->parts[p].n);
        }
    int rc = world_complete(&m->w, &b->b, key_names[u->key], u->id, n, numbers, etags, NULL);
    cr_assert_eq(rc, n ? STORE_OK : STORE_INVALID_PART);
    if (n) {
        set(&b->objects[u->key], all.p, all.n);
        cr_assert_eq(world_complete(&m->w, &b->b, key_names[u->key], u->id, n, numbers, etags, NULL), STORE_OK,
                     "again");
        u->exists = false;
        for (int p = 0; p < UPLOAD_PARTS; p++)
            unset(&u->parts[p]);
    }
    buf_fini(&all);
}

static void do_upload(struct model *m, struct model_bucket *b)
{
    struct model_upload *u = &b->uploads[roll(UPLOADS)];
    struct model_bucket *from = &m->buckets[roll(BUCKETS)];
    if (!u->exists) {
        *u = (struct model_upload){.exists = true, .key = roll(KEYS)};
        u->id = bytes_dup(m->ids, world_upload(&m->w, &b->b, key_names[u->key]).id);
        return;
    }
    int what = roll(8);
    if (what < 3)
        do_part(m, b, u);
    else if (what < 6 && from->exists)
        do_part_copy(m, b, u, from, roll(KEYS));
    else if (what < 7)
        do_complete(m, b, u);
    else {
        cr_assert_eq(store_upload_abort(m->w.store, &b->b, bytes_str(key_names[u->key]), u->id), STORE_OK);
        u->exists = false;
        for (int p = 0; p < UPLOAD_PARTS; p++)
            unset(&u->parts[p]);
    }
}

struct seen {
    struct model_bucket *b;
    int at;
};

static void see(void *arg, const struct store_list_row *row)
{
    struct seen *s = arg;
    while (s->at < KEYS && !s->b->objects[s->at].exists)
        s->at++;
    cr_assert_lt(s->at, KEYS);
    cr_assert(bytes_eq_str(row->key, key_names[s->at]) && row->size == s->b->objects[s->at].n);
    s->at++;
}

static void do_list(struct model *m, struct model_bucket *b)
{
    struct seen s = {.b = b};
    struct store_list l = {.max = (size_t)roll(5) + 1};
    struct store_list_end end;
    do {
        cr_assert_eq(store_list_objects(m->w.store, &b->b, &l, see, &s, m->w.arena, &end), STORE_OK);
        l.after = end.last;
    } while (end.truncated);
    while (s.at < KEYS && !b->objects[s.at].exists)
        s.at++;
    cr_assert_eq(s.at, KEYS);
}

static void step(struct model *m)
{
    int i = roll(BUCKETS), what = roll(100);
    struct model_bucket *b = &m->buckets[i], *other = &m->buckets[roll(BUCKETS)];
    if (!b->exists || what == 0)
        do_bucket(m, i);
    else if (what < 20)
        do_put(m, b, roll(KEYS));
    else if (what < 35)
        do_delete(m, b, roll(KEYS));
    else if (what < 50)
        do_read(m, b, roll(KEYS));
    else if (what < 65 && other->exists)
        do_copy(m, b, roll(KEYS), other, roll(KEYS));
    else if (what < 92)
        do_upload(m, b);
    else if (what < 96)
        do_list(m, b);
    else if (what < 98)
        world_collect(&m->w);
    else
        restart(m);
}

static void check_everything(struct model *m)
{
    for (int b = 0; b < BUCKETS; b++)
        for (int k = 0; m->buckets[b].exists && k < KEYS; k++) {
            struct bytes got = BYTES_NONE;
            const struct content *c = &m->buckets[b].objects[k];
            int rc = world_get(&m->w, &m->buckets[b].b, key_names[k], &got);
            cr_assert_eq(rc, c->exists ? STORE_OK : STORE_NO_SUCH_KEY);
            cr_assert(!c->exists || bytes_eq(got, bytes_of(c->p, c->n)));
        }
}

static void empty_everything(struct model *m)
{
    for (int b = 0; b < BUCKETS; b++)
        if (m->buckets[b].exists) {
            for (int k = 0; k < KEYS; k++)
                do_delete(m, &m->buckets[b], k);
            do_bucket(m, b);
        }
    world_collect(&m->w);
}

static void run(bool on_disk, unsigned seed, int steps, enum world_sealing sealing)
{
    struct model m;
    srand(seed);
    start(&m, on_disk);
    m.w.sealing = sealing;
    m.w.compress = sealing != WORLD_PLAIN;
    for (int i = 0; i < steps; i++) {
        step(&m);
        arena_reset(m.w.arena);
        if (i % 200 == 199) {
            restart(&m);
            check_everything(&m);
            arena_reset(m.w.arena);
        }
    }
    check_everything(&m);
    world_collect(&m.w);
    check_everything(&m);
    if (!on_disk)
        world_check(&m.w, true);
    empty_everything(&m);
    if (on_disk) {
        struct blob_file_stats stats;
        char command[160];
        blob_file_stats(m.w.store->blobs, &stats);
        cr_assert_eq(stats.unsettled, 0);
        snprintf(command, sizeof command, "test $(find %s/blobs -type f -size +1k | wc -l) = 0", m.folder);
        cr_assert_eq(system(command), 0, "blobs are left");
    } else {
        cr_assert_eq(world_blobs_count(&m.w), 0);
        world_check(&m.w, true);
    }
    finish(&m);
}

Test(store_model, on_doubles)
{
    for (unsigned seed = 1; seed <= 6; seed++)
        run(false, seed, 1000, WORLD_PLAIN);
}

Test(store_model, on_doubles_encrypted)
{
    for (unsigned seed = 31; seed <= 32; seed++)
        run(false, seed, 1000, WORLD_SEALED);
    for (unsigned seed = 41; seed <= 44; seed++)
        run(false, seed, 1000, WORLD_MIXED);
}

Test(store_model, on_lmdb_and_files)
{
    for (unsigned seed = 11; seed <= 12; seed++)
        run(true, seed, 500, WORLD_PLAIN);
}

Test(store_model, on_lmdb_and_files_encrypted)
{
    run(true, 51, 500, WORLD_MIXED);
}

/* ---- conflicts on the real index: completions plan again on its committer's thread ---- */

struct rival {
    pthread_t thread;
    struct model *m;
    unsigned id, bad;
};

static void *overwrite(void *arg)
{
    struct rival *r = arg;
    for (unsigned i = 0; i < 60; i++) {
        static const char *const keys[] = {"x", "y"};
        int rc = i % 7 ? world_put(&r->m->w, &r->m->w.bucket, keys[i % 2], r->id * 100 + i, i % 3 ? 500 : 20000, NULL)
                       : world_delete(r->m->w.store, &r->m->w.bucket, bytes_str(keys[i % 2]), NULL, NULL);
        r->bad += rc != STORE_OK;
        if (r->id == 0)
            r->bad += store_collect(r->m->w.store) != STORE_OK;
    }
    return NULL;
}

Test(store_model, rivals_on_lmdb_and_files)
{
    struct model m;
    struct rival rivals[8];
    start(&m, true);
    m.w.bucket = world_bucket(&m.w, "bucket");
    gc_set_ages(m.w.store, 0, 0, 0);
    for (unsigned i = 0; i < ARRAY_LEN(rivals); i++) {
        rivals[i] = (struct rival){.m = &m, .id = i};
        cr_assert_eq(pthread_create(&rivals[i].thread, NULL, overwrite, &rivals[i]), 0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(rivals); i++) {
        pthread_join(rivals[i].thread, NULL);
        cr_assert_eq(rivals[i].bad, 0);
    }
    world_collect(&m.w);
    struct blob_file_stats stats;
    blob_file_stats(m.w.store->blobs, &stats);
    cr_assert_eq(stats.unsettled, 0);
    finish(&m);
}
