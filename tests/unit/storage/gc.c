/* SPDX-License-Identifier: Apache-2.0 */
/* The collector: ages, intents, tombstones, its thread; and the races that its rules are for. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "blob_file.h"
#include "tests/double/fault_io.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

#define BIG 60000u

static struct store_object *get(struct world *w, const struct store_bucket *b, const char *key)
{
    struct store_object *o;
    cr_assert_eq(store_object_get(w->store, b, bytes_str(key), NULL, w->arena, &o), STORE_OK);
    return o;
}

Test(gc, garbage_rests_until_it_is_old)
{
    struct world w = world_open();
    gc_set_ages(w.store, 10000, 3600000, 86400000);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_eq(world_blobs_count(&w), 1);
    clock_test_shift_ms(9000);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_eq(world_blobs_count(&w), 1);
    clock_test_shift_ms(10001);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_eq(world_blobs_count(&w), 0);
    clock_test_shift_ms(0);
    world_close(&w);
}

/* IOE-10: stamped while the clock was ten years ahead; it does not wait for them. */
Test(gc, IOE_10_garbage_from_the_future)
{
    struct world w = world_open();
    gc_set_ages(w.store, 10000, 3600000, 86400000);
    clock_test_shift_ms(10ll * 365 * 86400000);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    clock_test_shift_ms(0);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_eq(world_blobs_count(&w), 0);
    world_close(&w);
}

Test(gc, tombstones_live_a_day)
{
    struct world w = world_open();
    struct store_upload u = world_upload(&w, &w.bucket, "k");
    struct store_etag e;
    cr_assert_eq(world_put_part(&w, &w.bucket, "k", u.id, 1, 1, BIG, &e), STORE_OK);
    cr_assert_eq(world_complete(&w, &w.bucket, "k", u.id, 1, (unsigned[]){1}, &e, NULL), STORE_OK);
    clock_test_shift_ms(23ll * 3600000);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_TOMBSTONE), 1);
    clock_test_shift_ms(25ll * 3600000);
    world_restart(&w);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_TOMBSTONE), 0);
    clock_test_shift_ms(0);
    world_close(&w);
}

/* ---- intents ---- */

/* As a copy that was killed after it put its references into the foreign partition. */
static void leave_intent(struct world *w, const struct store_bucket *from, const struct store_bucket *to)
{
    struct store_object *src = get(w, from, "k"), *made;
    struct store_copy req = {.source = src, .source_bucket = from, .to = {.bucket = to, .key = BYTES_LIT("c")}};
    world_kill_at(w, 1, true);
    cr_assert_neq(store_copy(w->store, &req, w->arena, &made), STORE_OK);
    world_restart(w);
    cr_assert_eq(world_records(w, from->partition, KEY_INTENT), 1);
    cr_assert_eq(world_records(w, from->partition, KEY_REF), 2);
}

Test(gc, an_intent_without_its_object_is_taken_back_in_time)
{
    struct world w = world_open();
    struct store_bucket other = world_bucket(&w, "other");
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    leave_intent(&w, &w.bucket, &other);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_INTENT), 1, "it may still come");
    clock_test_shift_ms(2ll * 3600000);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    clock_test_shift_ms(0);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_INTENT), 0);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_REF), 1);
    cr_assert(world_holds(&w, &w.bucket, "k", 1, BIG));
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

Test(gc, the_collector_dies_anywhere_over_an_intent)
{
    for (int after = 0; after < 2; after++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            struct store_bucket other = world_bucket(&w, "other");
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
            leave_intent(&w, &w.bucket, &other);
            cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
            gc_set_ages(w.store, 0, 0, 0);
            world_kill_at(&w, nth, after);
            store_collect(w.store);
            bool killed = world_killed(&w);
            world_restart(&w);
            world_collect(&w);
            world_check(&w, true);
            cr_assert_eq(world_blobs_count(&w), 0);
            world_close(&w);
            if (!killed)
                break;
        }
}

/* An index that does something of ours just before the nth read of a kind of key. */
struct hooked {
    struct index index;
    struct index_ops ops;
    struct index *inner;
    char kind;
    void (*hook)(void *arg);
    void *arg;
};

static int hooked_get(struct index *ix, uint64_t partition, struct bytes key, struct arena *a, struct bytes *ret)
{
    struct hooked *h = (struct hooked *)ix;
    if (h->hook && key.p[0] == h->kind) {
        void (*hook)(void *) = h->hook;
        h->hook = NULL;
        hook(h->arg);
    }
    return index_get(h->inner, partition, key, a, ret);
}

static int hooked_page(struct index *ix, const struct index_scan *scan, struct arena *a, struct index_page *page)
{
    return index_page(((struct hooked *)ix)->inner, scan, a, page);
}

static int hooked_apply(struct index *ix, struct index_batch *b)
{
    return index_apply(((struct hooked *)ix)->inner, b);
}

static void hooked_submit(struct index *ix, struct index_batch *b)
{
    index_submit(((struct hooked *)ix)->inner, b);
}

static int hooked_generation(struct index *ix, uint64_t partition, uint64_t *ret)
{
    return index_generation(((struct hooked *)ix)->inner, partition, ret);
}

static void hook_index(struct world *w, struct hooked *h)
{
    h->inner = w->store->index;
    h->ops = *h->inner->ops;
    h->ops.get = hooked_get;
    h->ops.page = hooked_page;
    h->ops.apply = hooked_apply;
    h->ops.submit = hooked_submit;
    h->ops.generation = hooked_generation;
    h->index.ops = &h->ops;
    w->store->index = &h->index;
}

struct completing {
    struct world *w;
    struct store_bucket to;
    struct store_upload u;
    struct store_etag e;
};

static void complete_now(void *arg)
{
    struct completing *c = arg;
    cr_assert_eq(world_complete(c->w, &c->to, "c", c->u.id, 1, (unsigned[]){1}, &c->e, NULL), STORE_OK);
}

/* The collector has read the intent; before it looks for the part, the upload completes and the part is gone. */
Test(gc, a_completion_between_reading_an_intent_and_judging_it)
{
    struct world w = world_open();
    struct completing c = {.w = &w, .to = world_bucket(&w, "other")};
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    c.u = world_upload(&w, &c.to, "c");
    struct store_copy req = {.source = get(&w, &w.bucket, "k"),
                             .source_bucket = &w.bucket,
                             .length = BIG,
                             .to = {.bucket = &c.to, .key = BYTES_LIT("c"), .upload_id = c.u.id, .part_number = 1}};
    struct store_object *made;
    struct store_part *parts;
    size_t n;
    bool more;
    world_kill_at(&w, 2, true); /* the part is committed, its intent still there */
    cr_assert_neq(store_copy(w.store, &req, w.arena, &made), STORE_OK);
    world_restart(&w);
    cr_assert_eq(store_part_list(w.store, &c.to, &c.u, 0, 1, w.arena, &parts, &n, &more), STORE_OK);
    cr_assert_eq(n, 1);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_INTENT), 1);
    c.e = parts[0].etag;
    gc_set_ages(w.store, 0, 0, 0);
    struct hooked h = {.kind = KEY_PART, .hook = complete_now, .arg = &c};
    hook_index(&w, &h);
    cr_assert_eq(store_collect(w.store), STORE_OK);
    cr_assert_null(h.hook, "it came to it");
    w.store->index = h.inner;
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    world_collect(&w);
    world_check(&w, true);
    cr_assert(world_holds(&w, &c.to, "c", 1, BIG));
    world_close(&w);
}

struct deleting {
    struct world *w;
    const char *key;
};

static void delete_now(void *arg)
{
    struct deleting *d = arg;
    cr_assert_eq(world_delete(d->w->store, &d->w->bucket, bytes_str(d->key), NULL, NULL), STORE_OK);
    world_collect(d->w);
}

/* The source is deleted and the collector runs while the copy is under way. */
Test(gc, a_source_deleted_and_collected_during_its_copy)
{
    for (int foreign = 0; foreign < 2; foreign++) {
        struct world w = world_open();
        struct store_bucket to = foreign ? world_bucket(&w, "other") : w.bucket;
        struct deleting d = {&w, "k"};
        struct hooked h = {.kind = KEY_OBJECT, .arg = &d};
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
        struct store_copy req = {.source = get(&w, &w.bucket, "k"),
                                 .source_bucket = &w.bucket,
                                 .to = {.bucket = &to, .key = BYTES_LIT("c")}};
        struct store_object *made;
        hook_index(&w, &h);
        h.hook = delete_now; /* when the copy looks for what it overwrites */
        cr_assert_eq(store_copy(w.store, &req, w.arena, &made), STORE_OK);
        cr_assert_null(h.hook);
        w.store->index = h.inner;
        world_collect(&w);
        world_check(&w, true);
        cr_assert(world_holds(&w, &to, "c", 1, BIG));
        cr_assert_eq(world_blobs_count(&w), 1);
        world_close(&w);
    }
}

/* ---- failures ---- */

Test(gc, a_blob_that_cannot_be_removed_stops_no_other)
{
    struct world w = world_open();
    for (int i = 0; i < 5; i++) {
        char *key = arena_printf(w.arena, "k%d", i);
        cr_assert_eq(world_put(&w, &w.bucket, key, 1, BIG, NULL), STORE_OK);
        cr_assert_eq(world_delete(w.store, &w.bucket, bytes_str(key), NULL, NULL), STORE_OK);
    }
    world_fail_blob(&w, 2, BLOB_IO);
    gc_set_ages(w.store, 0, 0, 0);
    cr_assert_eq(store_collect(w.store), STORE_IO);
    world_restart(&w);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 0);
    world_check(&w, true);
    world_close(&w);
}

/* The power goes at every step of the collector: a blob that is back has its garbage entry still. */
Test(gc, DUR_04_power_cut_at_every_step)
{
    for (int after = 0; after < 2; after++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            struct store_etag e;
            for (int i = 0; i < 3; i++) {
                char *key = arena_printf(w.arena, "k%d", i);
                cr_assert_eq(world_put(&w, &w.bucket, key, (unsigned)i, BIG, NULL), STORE_OK);
                cr_assert(i == 0 || world_delete(w.store, &w.bucket, bytes_str(key), NULL, NULL) == STORE_OK);
            }
            struct store_upload u = world_upload(&w, &w.bucket, "m");
            cr_assert_eq(world_put_part(&w, &w.bucket, "m", u.id, 1, 1, BIG, &e), STORE_OK);
            cr_assert_eq(store_upload_abort(w.store, &w.bucket, BYTES_LIT("m"), u.id), STORE_OK);
            world_restart(&w);
            gc_set_ages(w.store, 0, 0, 0);
            world_kill_at(&w, nth, after);
            store_collect(w.store);
            bool killed = world_killed(&w);
            world_power_cut(&w);
            size_t back = world_blobs_count(&w) - 1;
            cr_assert(back == 0 || world_records(&w, w.bucket.partition, KEY_GARBAGE) > 0, "step %u", nth);
            world_collect(&w);
            world_check(&w, true);
            cr_assert_eq(world_blobs_count(&w), 1, "step %u", nth);
            cr_assert(world_holds(&w, &w.bucket, "k0", 0, BIG));
            world_close(&w);
            if (!killed)
                break;
        }
}

/* ---- on files ---- */

struct on_files {
    struct world w;
    struct index *index;
    char top[64], data[80], graveyard[80];
};

static int rm_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb, (void)flag, (void)ftw;
    return remove(path);
}

static void files_start(struct on_files *f)
{
    struct blob_file_options files = {.folder = f->data, .io = &fault_io};
    struct store_options o = {.index = f->index, .no_background = true};
    cr_assert_eq(blob_file_open(&files, &o.blobs), BLOB_OK);
    cr_assert_eq(store_open(&o, &f->w.store), STORE_OK);
    gc_set_ages(f->w.store, 0, 0, 0);
}

/* The world's index, and blobs in files below a folder of our own. */
static void files_open(struct on_files *f)
{
    f->w = world_open();
    f->index = f->w.store->index;
    snprintf(f->top, sizeof f->top, "/tmp/gc-files-XXXXXX");
    cr_assert_not_null(mkdtemp(f->top));
    snprintf(f->data, sizeof f->data, "%s/data", f->top);
    snprintf(f->graveyard, sizeof f->graveyard, "%s/graveyard", f->top);
    cr_assert(mkdir(f->data, 0700) == 0 && mkdir(f->graveyard, 0700) == 0);
    fault_reset();
    store_close(&f->w.store);
    files_start(f);
}

static void files_close(struct on_files *f)
{
    world_close(&f->w);
    fault_reset();
    nftw(f->top, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t files_found;

static int count_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)flag, (void)ftw;
    files_found += S_ISREG(sb->st_mode) && strcmp(strrchr(path, '/'), "/unsettled") != 0;
    return 0;
}

static size_t files_count(struct on_files *f)
{
    files_found = 0;
    nftw(f->data, count_one, 16, FTW_PHYS);
    return files_found;
}

/* Objects of this run and of a former one are deleted; from its nth call on the disk is dead, then the power goes. */
static bool power_cut_on_files(int nth, unsigned seed)
{
    struct on_files f;
    struct world *w = &f.w;
    static const char *const keys[] = {"old-1", "old-2", "new", "kept"};
    log_setup(LOG_TEXT, LOG_ERROR);
    files_open(&f);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        if (i == 2) {
            store_close(&w->store);
            files_start(&f);
        }
        cr_assert_eq(world_put(w, &w->bucket, keys[i], i, BIG, NULL), STORE_OK);
    }
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(world_delete(w->store, &w->bucket, bytes_str(keys[i]), NULL, NULL), STORE_OK);
    fault_power_watch(f.graveyard);
    fault_arm_from(FAULT_ANY, nth, EIO);
    int rc = store_collect(w->store);
    bool fired = fault_disarm();
    cr_assert(fired || rc == STORE_OK);
    store_close(&w->store);
    fault_power_cut(seed);
    files_start(&f);
    size_t entries = world_records(w, w->bucket.partition, KEY_GARBAGE);
    cr_assert(entries > 0 || files_count(&f) == 1, "call %d seed %u", nth, seed);
    world_collect(w);
    cr_assert_eq(files_count(&f), 1, "call %d seed %u", nth, seed);
    cr_assert_eq(world_records(w, w->bucket.partition, KEY_GARBAGE), 0);
    cr_assert(world_holds(w, &w->bucket, "kept", 3, BIG));
    files_close(&f);
    return fired;
}

Test(gc, DUR_04_power_cut_on_files)
{
    for (unsigned seed = 0; seed < 4; seed++)
        for (int nth = 0; power_cut_on_files(nth, seed); nth++)
            ;
}

static void files_put(struct on_files *f, const char *prefix, int n)
{
    for (int i = 0; i < n; i++)
        cr_assert_eq(world_put(&f->w, &f->w.bucket, arena_printf(f->w.arena, "%s%d", prefix, i), 1, BIG, NULL),
                     STORE_OK);
}

static void files_delete(struct on_files *f, const char *prefix, int n)
{
    for (int i = 0; i < n; i++) {
        struct bytes key = arena_bytesf(f->w.arena, "%s%d", prefix, i);
        cr_assert_eq(world_delete(f->w.store, &f->w.bucket, key, NULL, NULL), STORE_OK);
    }
}

/* What is removed together is synced together. */
Test(gc, one_sync_serves_many_removals)
{
    struct on_files f;
    files_open(&f);
    files_put(&f, "k", 100);
    cr_assert_eq(files_count(&f), 100);
    cr_assert_eq(store_collect(f.w.store), STORE_OK);
    files_delete(&f, "k", 100);
    size_t before = fault_count(FAULT_FSYNC);
    cr_assert_eq(store_collect(f.w.store), STORE_OK);
    cr_assert_eq(files_count(&f), 0);
    cr_assert_lt(fault_count(FAULT_FSYNC) - before, 40, "one a page of entries, and the double's pages are short");
    files_close(&f);
}

/*
 * The folder of the former run cannot be synced. Its entries stay until the next start, those in the pages behind them
 * go, and the folder is not asked again.
 */
Test(gc, IOE_01_a_folder_that_cannot_be_synced_keeps_its_entries_only)
{
    enum { OLD = 100, NEW = 60 }; /* more than a page of each */
    struct on_files f;
    struct world *w = &f.w;
    files_open(&f);
    files_put(&f, "old", OLD);
    store_close(&w->store);
    files_start(&f);
    files_put(&f, "new", NEW);
    cr_assert_eq(store_collect(w->store), STORE_OK);
    files_delete(&f, "old", OLD);
    usleep(2000); /* garbage is sorted by the time */
    files_delete(&f, "new", NEW);
    fault_arm(FAULT_FSYNC, 0, EIO);
    size_t before = fault_count(FAULT_FSYNC);
    cr_assert_eq(store_collect(w->store), STORE_IO);
    cr_assert(fault_disarm());
    cr_assert_eq(store_collect(w->store), STORE_IO);
    cr_assert_leq(fault_count(FAULT_FSYNC) - before, 1 + NEW, "one that failed, and those of the new folder");
    cr_assert_eq(files_count(&f), 0);
    size_t entries = world_records(w, w->bucket.partition, KEY_GARBAGE);
    cr_assert(entries >= OLD && entries < OLD + NEW, "%zu: where a page has old and new ones, both stay", entries);
    store_close(&w->store);
    files_start(&f);
    world_collect(w);
    cr_assert_eq(world_records(w, w->bucket.partition, KEY_GARBAGE), 0);
    files_close(&f);
}

Test(gc, index_faults_only_delay_it)
{
    static const enum index_double_fault faults[] = {INDEX_DOUBLE_CONFLICT,     INDEX_DOUBLE_STALE,
                                                     INDEX_DOUBLE_UNAVAILABLE,  INDEX_DOUBLE_FULL,
                                                     INDEX_DOUBLE_UNKNOWN_LOST, INDEX_DOUBLE_UNKNOWN_APPLIED};
    for (size_t f = 0; f < ARRAY_LEN(faults); f++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            struct store_bucket other = world_bucket(&w, "other");
            struct store_etag e;
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
            leave_intent(&w, &w.bucket, &other);
            cr_assert_eq(world_put(&w, &w.bucket, "k", 2, BIG, NULL), STORE_OK);
            struct store_upload u = world_upload(&w, &other, "m");
            cr_assert_eq(world_put_part(&w, &other, "m", u.id, 1, 1, BIG, &e), STORE_OK);
            cr_assert_eq(store_bucket_delete(w.store, other.name), STORE_OK);
            gc_set_ages(w.store, 0, 0, 0);
            index_double_fail(w.disk_index, nth, faults[f]);
            store_collect(w.store);
            bool fired = index_double_fired(w.disk_index);
            world_collect(&w);
            world_check(&w, true);
            cr_assert_eq(world_blobs_count(&w), 1);
            cr_assert(world_holds(&w, &w.bucket, "k", 2, BIG));
            cr_assert_eq(index_double_records(w.disk_index, other.partition), 0);
            world_close(&w);
            if (!fired)
                break;
        }
}

/* ---- the thread ---- */

static bool wait_for_blobs(struct world *w, size_t n)
{
    for (int i = 0; i < 2000; i++) {
        if (world_blobs_count(w) == n)
            return true;
        usleep(10000);
    }
    return false;
}

Test(gc, works_by_itself)
{
    struct world w = world_open();
    w.background = true;
    cr_assert_eq(world_put(&w, &w.bucket, "old", 1, BIG, NULL), STORE_OK);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("old"), NULL, NULL), STORE_OK);
    world_kill_at(&w, 3, true); /* a blob without a record: created, written, killed when finished */
    cr_assert_neq(world_put(&w, &w.bucket, "orphan", 1, 20000, NULL), STORE_OK);
    world_restart(&w);
    gc_set_ages(w.store, 20, 20, 20);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(world_put(&w, &w.bucket, "k", (unsigned)i, BIG, NULL), STORE_OK);
    cr_assert(wait_for_blobs(&w, 1), "%zu blobs", world_blobs_count(&w));
    cr_assert(world_holds(&w, &w.bucket, "k", 19, BIG));
    struct store_bucket b = world_bucket(&w, "b");
    cr_assert_eq(world_put(&w, &b, "x", 1, BIG, NULL), STORE_OK);
    cr_assert_eq(world_delete(w.store, &b, BYTES_LIT("x"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_bucket_delete(w.store, b.name), STORE_OK);
    for (int i = 0; i < 2000 && world_records(&w, INDEX_PARTITION_SYSTEM, KEY_DROPPED); i++)
        usleep(10000);
    cr_assert_eq(world_records(&w, INDEX_PARTITION_SYSTEM, KEY_DROPPED), 0);
    world_close(&w);
}

static void *settle_later(void *arg)
{
    struct world *w = arg;
    usleep(30000);
    cr_assert_eq(store__bucket_settle(w->store, w->bucket.name), STORE_BUCKET_NOT_EMPTY);
    return NULL;
}

/* A write that meets a deletion in progress waits on the collector's thread, not on the committer's. */
Test(gc, a_write_waits_out_a_deletion_that_is_taken_back)
{
    struct world w = world_open();
    struct rec_bucket r;
    struct bytes value;
    struct txn t;
    w.background = true;
    world_restart(&w);
    gc_set_ages(w.store, 20, 3600000, 86400000);
    cr_assert_eq(world_put(&w, &w.bucket, "gone", 1, BIG, NULL), STORE_OK);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("gone"), NULL, NULL), STORE_OK);
    cr_assert(wait_for_blobs(&w, 0), "so that its first look around is over");
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 5, NULL), STORE_OK);
    cr_assert_eq(store__load_bucket(w.store, w.bucket.name, w.arena, &r, &value), STORE_OK);
    r.state = REC_BUCKET_DELETING;
    r.b.generation++;
    txn_init(&t, w.arena, INDEX_PARTITION_SYSTEM, 1);
    txn_put(&t, key_bucket(w.arena, w.bucket.name), record_encode(&rec_bucket, &r, w.arena, NULL), 0);
    cr_assert_eq(txn_apply(w.store, &t), INDEX_OK);
    txn_init(&t, w.arena, w.bucket.partition, 1);
    t.batch.next_generation = 2;
    cr_assert_eq(txn_apply(w.store, &t), INDEX_OK);
    struct store_put put = {.bucket = &w.bucket, .key = BYTES_LIT("new"), .expected_size = 3};
    struct store_write *wr;
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, "abc", 3), STORE_OK);
    pthread_t settler;
    cr_assert_eq(pthread_create(&settler, NULL, settle_later, &w), 0);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    pthread_join(settler, NULL);
    store_write_close(&wr);
    world_close(&w);
}

Test(gc, stops_at_once)
{
    struct world w = world_open();
    w.background = true;
    for (int i = 0; i < 20; i++) {
        int64_t before = clock_mono_ms();
        world_restart(&w);
        cr_assert_lt(clock_mono_ms() - before, 10000);
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, BIG, NULL), STORE_OK);
    }
    world_close(&w);
}
