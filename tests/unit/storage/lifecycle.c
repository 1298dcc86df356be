/* SPDX-License-Identifier: Apache-2.0 */
/* The lifecycle worker: what it does to objects, versions, markers and uploads; where it goes on after a restart. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "storage/lifecycle_worker.h"
#include "tests/double/blob_double.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

#define DAY LIFECYCLE_DAY_MS

static const struct lifecycle_transition to_glacier = {.days = 1, .to = LIFECYCLE_GLACIER};

#define RULE(...) ((struct lifecycle_rule){.enabled = true, __VA_ARGS__})
#define EXPIRE(n) .expire = LIFECYCLE_EXPIRE_DAYS, .expire_days = (n)

static void refresh(struct world *w)
{
    cr_assert_eq(store_bucket_get(w->store, w->bucket.name, w->arena, &w->bucket), STORE_OK);
}

static void set_rule(struct world *w, struct lifecycle_rule rule)
{
    struct lifecycle l = {.rules = &rule, .n_rules = 1};
    cr_assert_eq(store_setting_put(w->store, w->bucket.name, STORE_SETTING_LIFECYCLE, lifecycle_encode(&l, w->arena)),
                 STORE_OK);
    refresh(w);
}

static void set_versioning(struct world *w, enum versioning v)
{
    struct store_bucket_change c = {.versioning = v};
    cr_assert_eq(store_bucket_change(w->store, w->bucket.name, &c, w->arena, &w->bucket), STORE_OK);
}

static void run_at(struct world *w, int64_t shift_ms)
{
    clock_test_shift_ms(shift_ms);
    cr_assert_eq(store_lifecycle_run(w->store), STORE_OK);
    clock_test_shift_ms(0);
}

static int look(struct world *w, const char *key, struct store_object **ret)
{
    return store_object_head(w->store, &w->bucket, bytes_str(key), NULL, w->arena, ret);
}

static bool has(struct world *w, const char *key)
{
    struct store_object *o;
    return look(w, key, &o) == STORE_OK;
}

static void put(struct world *w, const char *key)
{
    cr_assert_eq(world_put(w, &w->bucket, key, 1, 10, NULL), STORE_OK);
}

static void remove_key(struct world *w, const char *key)
{
    cr_assert_eq(world_delete(w->store, &w->bucket, bytes_str(key), NULL, NULL), STORE_OK);
}

/* ---- versions of a key as letters: v a version, m a marker, newest first ---- */

struct shape {
    char text[64];
    size_t n;
};

static void on_version(void *arg, const struct store_list_row *row)
{
    struct shape *s = arg;
    if (s->n + 1 < sizeof s->text)
        s->text[s->n++] = row->marker ? 'm' : 'v';
}

static const char *shape(struct world *w, const char *key)
{
    struct shape *s = arena_new(w->arena, struct shape);
    struct store_version_list list = {.prefix = bytes_str(key), .max = 1000};
    struct store_version_list_end end;
    cr_assert_eq(store_version_list(w->store, &w->bucket, &list, on_version, s, w->arena, &end), STORE_OK);
    return s->text;
}

/* ---- what it does ---- */

Test(lifecycle, objects_expire)
{
    struct world w = world_open();
    set_rule(&w, RULE(.prefix = BYTES_LIT("logs/"), EXPIRE(2)));
    put(&w, "logs/a");
    cr_assert_eq(world_put(&w, &w.bucket, "logs/big", 1, WORLD_BIG, NULL), STORE_OK);
    put(&w, "other");
    run_at(&w, 0);
    run_at(&w, DAY);
    cr_assert(has(&w, "logs/a") && has(&w, "logs/big"));
    run_at(&w, 3 * DAY);
    cr_assert(!has(&w, "logs/a") && !has(&w, "logs/big") && has(&w, "other"));
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

Test(lifecycle, a_bucket_without_rules_is_left_alone)
{
    struct world w = world_open();
    struct store_bucket other = world_bucket(&w, "other");
    set_rule(&w, RULE(EXPIRE(1)));
    cr_assert_eq(world_put(&w, &other, "k", 1, 10, NULL), STORE_OK);
    cr_assert_eq(store_setting_put(w.store, w.bucket.name, STORE_SETTING_LIFECYCLE, BYTES_NONE), STORE_OK);
    put(&w, "k");
    run_at(&w, 9 * DAY);
    cr_assert(has(&w, "k") && world_holds(&w, &other, "k", 1, 10));
    cr_assert_eq(lifecycle_test_examined(w.store), 0);
    world_close(&w);
}

Test(lifecycle, rules_that_cannot_be_read_do_nothing)
{
    struct world w = world_open();
    put(&w, "k");
    cr_assert_eq(store_setting_put(w.store, w.bucket.name, STORE_SETTING_LIFECYCLE, BYTES_LIT("\x11\x09rubbish")),
                 STORE_OK);
    refresh(&w);
    run_at(&w, 99 * DAY);
    cr_assert(has(&w, "k"));
    cr_assert_null(store_lifecycle(w.store, &w.bucket, w.arena));
    world_close(&w);
}

Test(lifecycle, classes_change_and_nothing_else)
{
    struct world w = world_open();
    struct store_object *before, *after;
    set_rule(&w, RULE(.transitions = &to_glacier, .n_transitions = 1));
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, WORLD_BIG, NULL), STORE_OK);
    put(&w, "small");
    cr_assert_eq(look(&w, "k", &before), STORE_OK);
    run_at(&w, 2 * DAY);
    cr_assert_eq(look(&w, "k", &after), STORE_OK);
    cr_assert(bytes_eq_str(after->storage_class, "GLACIER") && bytes_eq_str(before->storage_class, "STANDARD"));
    cr_assert(after->mtime_ms == before->mtime_ms && after->size == before->size);
    cr_assert_eq(memcmp(&after->etag, &before->etag, sizeof after->etag), 0);
    cr_assert(world_holds(&w, &w.bucket, "k", 1, WORLD_BIG));
    cr_assert_eq(look(&w, "small", &after), STORE_OK);
    cr_assert(bytes_eq_str(after->storage_class, "STANDARD"));
    world_check(&w, false);
    world_close(&w);
}

Test(lifecycle, versioned_buckets_get_markers)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    set_rule(&w, RULE(EXPIRE(1)));
    put(&w, "k");
    put(&w, "k");
    run_at(&w, 2 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "mvv");
    run_at(&w, 9 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "mvv", "no marker upon a marker");
    world_close(&w);
}

Test(lifecycle, a_move_and_a_marker_in_one_pass)
{
    struct world w = world_open();
    struct store_version_list list = {.max = 10};
    struct store_version_list_end end;
    struct shape s = {0};
    set_versioning(&w, VERSIONING_ENABLED);
    set_rule(&w, RULE(EXPIRE(1), .transitions = &to_glacier, .n_transitions = 1));
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, WORLD_BIG, NULL), STORE_OK);
    struct store_object *o;
    cr_assert_eq(look(&w, "k", &o), STORE_OK);
    run_at(&w, 2 * DAY);
    cr_assert_eq(store_version_list(w.store, &w.bucket, &list, on_version, &s, w.arena, &end), STORE_OK);
    cr_assert_str_eq(s.text, "mv");
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("k"), &o->version, w.arena, &o), STORE_OK);
    cr_assert(bytes_eq_str(o->storage_class, "GLACIER"));
    world_close(&w);
}

Test(lifecycle, suspended_buckets_lose_the_null_version)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    put(&w, "k");
    set_versioning(&w, VERSIONING_SUSPENDED);
    put(&w, "k");
    put(&w, "only");
    set_rule(&w, RULE(EXPIRE(1)));
    run_at(&w, 2 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "mv");
    cr_assert_str_eq(shape(&w, "only"), "m");
    run_at(&w, 9 * DAY);
    cr_assert_str_eq(shape(&w, "only"), "", "a marker that hides nothing goes with age");
    cr_assert_str_eq(shape(&w, "k"), "mv");
    world_close(&w);
}

Test(lifecycle, newer_noncurrent_versions_stay)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    set_rule(&w, RULE(.noncurrent_days = 1, .noncurrent_newer = 2));
    for (int i = 0; i < 6; i++)
        put(&w, "k");
    put(&w, "single");
    run_at(&w, DAY / 2);
    run_at(&w, 2 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "vvv");
    cr_assert_str_eq(shape(&w, "single"), "v");
    world_close(&w);
}

Test(lifecycle, noncurrent_age_counts_from_the_successor)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    set_rule(&w, RULE(.noncurrent_days = 5));
    put(&w, "k");
    clock_test_shift_ms(10 * DAY);
    put(&w, "k");
    run_at(&w, 11 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "vv", "ten days old, but noncurrent for one");
    run_at(&w, 17 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "v");
    world_close(&w);
}

Test(lifecycle, markers_that_hide_nothing_are_removed)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    set_rule(&w, RULE(.expire = LIFECYCLE_EXPIRE_MARKER));
    remove_key(&w, "alone");
    put(&w, "kept");
    remove_key(&w, "kept");
    remove_key(&w, "twice");
    remove_key(&w, "twice");
    remove_key(&w, "zlast");
    put(&w, "object");
    run_at(&w, 0);
    cr_assert_str_eq(shape(&w, "alone"), "");
    cr_assert_str_eq(shape(&w, "kept"), "mv");
    cr_assert_str_eq(shape(&w, "zlast"), "");
    cr_assert_str_eq(shape(&w, "object"), "v");
    cr_assert_str_eq(shape(&w, "twice"), "mm", "an older marker is an older version");
    world_close(&w);
}

/* Everything of a key goes in the end: marker, version, then the marker that is left. */
Test(lifecycle, a_key_goes_for_good_in_passes)
{
    struct world w = world_open();
    set_versioning(&w, VERSIONING_ENABLED);
    set_rule(&w, RULE(EXPIRE(1), .noncurrent_days = 1));
    put(&w, "k");
    run_at(&w, 2 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "mv");
    run_at(&w, 5 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "m");
    run_at(&w, 6 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "");
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

Test(lifecycle, uploads_are_aborted)
{
    struct world w = world_open();
    struct store_upload old = world_upload(&w, &w.bucket, "tmp/k"), other = world_upload(&w, &w.bucket, "k"), found;
    struct store_etag e;
    cr_assert_eq(world_put_part(&w, &w.bucket, "tmp/k", old.id, 1, 1, WORLD_BIG, &e), STORE_OK);
    set_rule(&w, RULE(.prefix = BYTES_LIT("tmp/"), .abort_days = 7));
    run_at(&w, 6 * DAY);
    cr_assert_eq(store_upload_get(w.store, &w.bucket, BYTES_LIT("tmp/k"), old.id, w.arena, &found), STORE_OK);
    run_at(&w, 8 * DAY);
    cr_assert_eq(store_upload_get(w.store, &w.bucket, BYTES_LIT("tmp/k"), old.id, w.arena, &found),
                 STORE_NO_SUCH_UPLOAD);
    cr_assert_eq(store_upload_get(w.store, &w.bucket, BYTES_LIT("k"), other.id, w.arena, &found), STORE_OK);
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_blobs_count(&w), 0);
    world_close(&w);
}

static struct store_version locked_version(struct world *w, const char *key)
{
    struct store_put p = {.bucket = &w->bucket,
                          .key = bytes_str(key),
                          .expected_size = 4,
                          .lock = {.mode = LOCK_COMPLIANCE, .until_ms = clock_wall_ms() + 100 * DAY}};
    struct store_write *wr;
    struct store_version v;
    cr_assert_eq(store_write_open(w->store, &p, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, "body", 4), STORE_OK);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_version(wr, &v);
    store_write_close(&wr);
    return v;
}

Test(lifecycle, LCK_04_locked_versions_stay)
{
    struct world w = world_open();
    struct store_bucket_change c = {.versioning = VERSIONING_ENABLED, .lock = true};
    cr_assert_eq(store_bucket_change(w.store, w.bucket.name, &c, w.arena, &w.bucket), STORE_OK);
    set_rule(&w, RULE(EXPIRE(1), .noncurrent_days = 1));
    struct store_version v = locked_version(&w, "k");
    put(&w, "k");
    struct store_object *o;
    run_at(&w, 5 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "mvv", "what became noncurrent today is not a day old");
    run_at(&w, 9 * DAY);
    cr_assert_str_eq(shape(&w, "k"), "mv", "only the locked one is left");
    cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("k"), &v, w.arena, &o), STORE_OK);
    world_close(&w);
}

/* ---- where it is ---- */

static void put_many(struct world *w, unsigned n)
{
    char key[16];
    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof key, "k%04u", i);
        put(w, key);
    }
}

Test(lifecycle, each_record_is_looked_at_once)
{
    struct world w = world_open();
    struct lifecycle_rule rules[] = {RULE(.id = BYTES_LIT("a"), .prefix = BYTES_LIT("k0"), EXPIRE(99)),
                                     RULE(.id = BYTES_LIT("b"), .prefix = BYTES_LIT("k00"), EXPIRE(98)),
                                     RULE(.id = BYTES_LIT("c"), .prefix = BYTES_LIT("k0"), EXPIRE(97)),
                                     RULE(.id = BYTES_LIT("d"), .prefix = BYTES_LIT("z"), EXPIRE(97))};
    struct lifecycle l = {.rules = rules, .n_rules = 4};
    put_many(&w, 300);
    put(&w, "a");
    put(&w, "l");
    put(&w, "z");
    cr_assert_eq(store_setting_put(w.store, w.bucket.name, STORE_SETTING_LIFECYCLE, lifecycle_encode(&l, w.arena)),
                 STORE_OK);
    lifecycle_test_slices(w.store, 16, 0);
    run_at(&w, 0);
    cr_assert_eq(lifecycle_test_examined(w.store), 301);
    world_close(&w);
}

Test(lifecycle, goes_on_after_a_restart)
{
    struct world w = world_open();
    struct store_bucket before = world_bucket(&w, "aaa"), after = world_bucket(&w, "zzz");
    struct lifecycle_rule rule = RULE(EXPIRE(99));
    struct lifecycle l = {.rules = &rule, .n_rules = 1};
    struct bytes rules = lifecycle_encode(&l, w.arena);
    put_many(&w, 200);
    cr_assert_eq(world_put(&w, &before, "k", 1, 1, NULL), STORE_OK);
    cr_assert_eq(world_put(&w, &after, "k", 1, 1, NULL), STORE_OK);
    cr_assert_eq(store_setting_put(w.store, before.name, STORE_SETTING_LIFECYCLE, rules), STORE_OK);
    cr_assert_eq(store_setting_put(w.store, w.bucket.name, STORE_SETTING_LIFECYCLE, rules), STORE_OK);
    cr_assert_eq(store_setting_put(w.store, after.name, STORE_SETTING_LIFECYCLE, rules), STORE_OK);
    uint64_t sum = 0;
    int rounds = 0, rc;
    do {
        lifecycle_test_slices(w.store, 10, 7);
        rc = store_lifecycle_run(w.store);
        sum += lifecycle_test_examined(w.store);
        rounds++;
        world_restart(&w);
    } while (rc == STORE_ABORTED);
    cr_assert_eq(rc, STORE_OK);
    cr_assert_eq(sum, 202, "%llu", (unsigned long long)sum);
    cr_assert_gt(rounds, 2);
    lifecycle_test_slices(w.store, 100, 0);
    cr_assert_eq(store_lifecycle_run(w.store), STORE_OK); /* the next pass sees all again */
    cr_assert_eq(lifecycle_test_examined(w.store), 202);
    world_close(&w);
}

/* How many newer versions there were is not forgotten in the middle of a key. */
Test(lifecycle, counts_versions_across_a_restart)
{
    for (unsigned slices = 1; slices < 12; slices++) {
        struct world w = world_open();
        set_versioning(&w, VERSIONING_ENABLED);
        set_rule(&w, RULE(.noncurrent_days = 1, .noncurrent_newer = 3, .expire = LIFECYCLE_EXPIRE_MARKER));
        remove_key(&w, "before");
        for (int i = 0; i < 8; i++)
            put(&w, "k");
        remove_key(&w, "k");
        put(&w, "z");
        clock_test_shift_ms(2 * DAY);
        lifecycle_test_slices(w.store, 1, slices);
        while (store_lifecycle_run(w.store) == STORE_ABORTED) {
            world_restart(&w);
            lifecycle_test_slices(w.store, 1, slices + 1);
        }
        clock_test_shift_ms(0);
        refresh(&w);
        cr_assert_str_eq(shape(&w, "k"), "mvvv", "%u slices", slices);
        cr_assert_str_eq(shape(&w, "before"), "");
        cr_assert_str_eq(shape(&w, "z"), "v");
        world_close(&w);
    }
}

Test(lifecycle, new_rules_begin_anew)
{
    struct world w = world_open();
    put_many(&w, 100);
    set_rule(&w, RULE(EXPIRE(99)));
    lifecycle_test_slices(w.store, 10, 4);
    cr_assert_eq(store_lifecycle_run(w.store), STORE_ABORTED);
    set_rule(&w, RULE(EXPIRE(1)));
    world_restart(&w);
    run_at(&w, 2 * DAY);
    refresh(&w);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_OBJECT), 0);
    world_close(&w);
}

/* DUR-09: it dies at any step; what is left is whole, and the next start finishes it. */
Test(lifecycle, DUR_09_dies_anywhere)
{
    for (int after = 0; after < 2; after++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            set_versioning(&w, VERSIONING_ENABLED);
            cr_assert_eq(world_put(&w, &w.bucket, "a", 1, WORLD_BIG, NULL), STORE_OK);
            cr_assert_eq(world_put(&w, &w.bucket, "a", 2, WORLD_BIG, NULL), STORE_OK);
            put(&w, "b");
            remove_key(&w, "c");
            (void)world_upload(&w, &w.bucket, "u");
            set_rule(&w, RULE(EXPIRE(1), .noncurrent_days = 1, .abort_days = 1, .transitions = &to_glacier,
                              .n_transitions = 1));
            clock_test_shift_ms(2 * DAY);
            world_kill_at(&w, nth, after);
            (void)store_lifecycle_run(w.store);
            bool killed = world_killed(&w);
            world_restart(&w);
            world_check(&w, false);
            cr_assert_eq(store_lifecycle_run(w.store), STORE_OK);
            clock_test_shift_ms(0);
            refresh(&w);
            cr_assert_str_eq(shape(&w, "a"), "mv");
            cr_assert_str_eq(shape(&w, "b"), "mv");
            cr_assert_str_eq(shape(&w, "c"), "");
            cr_assert_eq(world_records(&w, w.bucket.partition, KEY_UPLOAD), 0);
            world_collect(&w);
            world_check(&w, true);
            world_close(&w);
            if (!killed)
                break;
        }
}

/* ---- the thread, and the cache ---- */

struct living { /* a store with its threads, whose days take a second */
    struct arena *arena;
    struct store *store;
    struct store_bucket bucket;
};

static struct living living_open(void)
{
    struct store_options so = {.index = index_double_open(1), .blobs = blob_double_new(), .lifecycle_day_seconds = 1};
    struct living l = {.arena = arena_create(0)};
    cr_assert_eq(store_open(&so, &l.store), STORE_OK);
    cr_assert_eq(store_bucket_create(l.store, BYTES_LIT("b"),
                                     &(struct store_bucket_new){.owner = BYTES_LIT("me"), .region = BYTES_NONE},
                                     l.arena, &l.bucket),
                 STORE_OK);
    struct store_put p = {.bucket = &l.bucket, .key = BYTES_LIT("k"), .expected_size = 0};
    struct store_write *wr;
    cr_assert_eq(store_write_open(l.store, &p, &wr), STORE_OK);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_close(&wr);
    return l;
}

static void living_rule(struct living *l, struct lifecycle_rule rule)
{
    struct lifecycle rules = {.rules = &rule, .n_rules = 1};
    cr_assert_eq(
        store_setting_put(l->store, l->bucket.name, STORE_SETTING_LIFECYCLE, lifecycle_encode(&rules, l->arena)),
        STORE_OK);
    store_lifecycle_wake(l->store);
}

static bool living_has(struct living *l)
{
    struct store_object *o;
    return store_object_head(l->store, &l->bucket, BYTES_LIT("k"), NULL, l->arena, &o) == STORE_OK;
}

static void wait_until_gone(struct living *l)
{
    for (int64_t until = clock_mono_ms() + 20000; living_has(l) && clock_mono_ms() < until;)
        store__pause_ms(20);
    cr_assert(!living_has(l));
}

static void living_close(struct living *l)
{
    store_close(&l->store);
    arena_free(l->arena);
}

Test(lifecycle, works_by_itself)
{
    int64_t began = clock_mono_ms();
    struct living l = living_open();
    living_rule(&l, RULE(EXPIRE(1)));
    wait_until_gone(&l);
    cr_assert_geq(clock_mono_ms() - began, 900);
    living_close(&l);
}

Test(lifecycle, IOE_10_nothing_goes_by_a_clock_that_jumped)
{
    struct living l = living_open();
    living_rule(&l, RULE(EXPIRE(100000))); /* a good day */
    clock_test_shift_ms(3650 * DAY);
    store_lifecycle_wake(l.store);
    store__pause_ms(1500); /* several passes */
    cr_assert(living_has(&l));
    clock_test_shift_ms(0); /* the clock is back: it is trusted again */
    living_rule(&l, RULE(EXPIRE(1)));
    wait_until_gone(&l);
    living_close(&l);
}

/* The pass that was due while the clock was wrong must not wait until it is so late again. */
Test(lifecycle, IOE_10_passes_go_on_when_the_clock_is_back)
{
    struct living l = living_open();
    clock_test_shift_ms(3650 * DAY);
    store__pause_ms(1500);
    clock_test_shift_ms(0);
    living_rule(&l, RULE(EXPIRE(5))); /* not due yet when it is first looked at */
    wait_until_gone(&l);
    living_close(&l);
}

Test(lifecycle, decoded_rules_are_kept)
{
    struct world w = world_open();
    struct arena *a = arena_create(0);
    cr_assert_null(store_lifecycle(w.store, &w.bucket, a));
    set_rule(&w, RULE(EXPIRE(1)));
    struct store_bucket old = w.bucket;
    const struct lifecycle *first = store_lifecycle(w.store, &w.bucket, a);
    cr_assert_not_null(first);
    cr_assert_eq(store_lifecycle(w.store, &w.bucket, a), first);
    set_rule(&w, RULE(EXPIRE(2)));
    cr_assert_neq(old.lifecycle_seq, w.bucket.lifecycle_seq);
    const struct lifecycle *second = store_lifecycle(w.store, &w.bucket, a);
    cr_assert_eq(second->rules[0].expire_days, 2);
    cr_assert_eq(first->rules[0].expire_days, 1, "it lives as long as the arena");
    arena_free(a);
    for (int i = 0; i < 300; i++) { /* more buckets than the cache has room for */
        char name[24];
        snprintf(name, sizeof name, "bucket%d", i);
        struct store_bucket b = world_bucket(&w, name);
        struct lifecycle_rule rule = RULE(EXPIRE((uint32_t)i + 1));
        struct lifecycle l = {.rules = &rule, .n_rules = 1};
        cr_assert_eq(store_setting_put(w.store, b.name, STORE_SETTING_LIFECYCLE, lifecycle_encode(&l, w.arena)),
                     STORE_OK);
        cr_assert_eq(store_bucket_get(w.store, b.name, w.arena, &b), STORE_OK);
        for (int k = 0; k < 2; k++) {
            const struct lifecycle *kept = store_lifecycle(w.store, &b, w.arena);
            cr_assert(kept && kept->rules[0].expire_days == (uint32_t)i + 1);
        }
    }
    world_close(&w);
}
