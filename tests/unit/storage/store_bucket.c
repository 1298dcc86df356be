/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets: create, look up, list, delete; crashes and races of these sequences. */
#include <stdio.h>
#include <string.h>

#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

static int create(struct world *w, const char *name, struct store_bucket *ret)
{
    return store_bucket_create(w->store, bytes_str(name),
                               &(struct store_bucket_new){.owner = BYTES_LIT("alice"), .region = BYTES_LIT("eu-1")},
                               w->arena, ret);
}

Test(store_bucket, create_get_delete)
{
    struct world w = world_open();
    struct store_bucket a, b;
    cr_assert_eq(store_bucket_get(w.store, BYTES_LIT("new"), w.arena, &a), STORE_NO_SUCH_BUCKET);
    cr_assert_eq(store_bucket_get(w.store, BYTES_NONE, w.arena, &a), STORE_NO_SUCH_BUCKET);
    cr_assert_eq(create(&w, "new", &a), STORE_OK);
    cr_assert_eq(store_bucket_get(w.store, BYTES_LIT("new"), w.arena, &b), STORE_OK);
    cr_assert(bytes_eq_str(b.name, "new") && bytes_eq_str(b.owner, "alice") && bytes_eq_str(b.region, "eu-1"));
    cr_assert(b.partition == a.partition && b.generation == a.generation && b.created_ms == a.created_ms);
    cr_assert_neq(b.partition, w.bucket.partition);
    cr_assert_eq(create(&w, "new", &b), STORE_BUCKET_EXISTS);
    cr_assert(b.partition == a.partition && bytes_eq_str(b.owner, "alice"));
    cr_assert_eq(world_put(&w, &a, "k", 1, 5, NULL), STORE_OK);
    cr_assert_eq(store_bucket_delete(w.store, BYTES_LIT("new")), STORE_BUCKET_NOT_EMPTY);
    cr_assert_eq(world_delete(w.store, &a, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_bucket_delete(w.store, BYTES_LIT("new")), STORE_OK);
    cr_assert_eq(store_bucket_delete(w.store, BYTES_LIT("new")), STORE_NO_SUCH_BUCKET);
    cr_assert_eq(world_put(&w, &a, "k", 1, 5, NULL), STORE_NO_SUCH_BUCKET);
    cr_assert_eq(world_put(&w, &a, "k", 1, 50000, NULL), STORE_NO_SUCH_BUCKET);
    cr_assert_eq(create(&w, "new", &b), STORE_OK);
    cr_assert_neq(b.partition, a.partition);
    cr_assert_eq(world_put(&w, &a, "k", 1, 5, NULL), STORE_NO_SUCH_BUCKET, "the old bucket is not the new one");
    world_collect(&w);
    cr_assert_eq(world_records(&w, INDEX_PARTITION_SYSTEM, KEY_DROPPED), 0);
    cr_assert_eq(index_double_records(w.disk_index, a.partition), 0);
    world_check(&w, true);
    world_close(&w);
}

Test(store_bucket, list)
{
    struct world w = world_open();
    struct store_bucket b, *found;
    const char *names[] = {"a", "ab", "abc", "b", "bucket", "c"};
    size_t n;
    bool more;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], "bucket") != 0)
            cr_assert_eq(create(&w, names[i], &b), STORE_OK);
    for (size_t max = 1; max < 8; max++) {
        struct bytes after = BYTES_NONE;
        size_t at = 0;
        do {
            cr_assert_eq(store_bucket_list(w.store, BYTES_NONE, after, max, w.arena, &found, &n, &more), STORE_OK);
            cr_assert(n <= max && (n == max || !more));
            for (size_t i = 0; i < n; i++)
                cr_assert(bytes_eq_str(found[i].name, names[at++]));
            after = found[n - 1].name;
        } while (more);
        cr_assert_eq(at, ARRAY_LEN(names));
    }
    cr_assert_eq(store_bucket_list(w.store, BYTES_LIT("ab"), BYTES_LIT("a"), 9, w.arena, &found, &n, &more), STORE_OK);
    cr_assert(n == 2 && !more && bytes_eq_str(found[0].name, "ab") && bytes_eq_str(found[0].owner, "alice"));
    cr_assert_eq(store_bucket_list(w.store, BYTES_LIT("ab"), BYTES_LIT("ab"), 1, w.arena, &found, &n, &more), STORE_OK);
    cr_assert(n == 1 && !more && bytes_eq_str(found[0].name, "abc"));
    cr_assert_eq(store_bucket_list(w.store, BYTES_LIT("ab"), BYTES_LIT("b"), 9, w.arena, &found, &n, &more), STORE_OK);
    cr_assert(n == 0 && !more);
    cr_assert_eq(store_bucket_list(w.store, BYTES_NONE, BYTES_NONE, 0, w.arena, &found, &n, &more), STORE_OK);
    cr_assert(n == 0 && !more);
    world_close(&w);
}

Test(store_bucket, list_of_one_owner)
{
    struct world w = world_open();
    struct store_bucket b, *found;
    char name[16];
    size_t n;
    bool more;
    for (unsigned i = 0; i < 300; i++) {
        struct store_bucket_new want = {.owner = i % 3 ? BYTES_LIT("bob") : BYTES_LIT("ann"), .region = BYTES_LIT("r")};
        snprintf(name, sizeof name, "n%03u", i);
        cr_assert_eq(store_bucket_create(w.store, bytes_str(name), &want, w.arena, &b), STORE_OK);
    }
    for (size_t max = 1; max < 300; max = max * 3 + 1) {
        struct bytes after = BYTES_NONE;
        unsigned at = 0;
        do {
            cr_assert_eq(
                store_bucket_list_of(w.store, BYTES_LIT("ann"), BYTES_LIT("n"), after, max, w.arena, &found, &n, &more),
                STORE_OK);
            cr_assert(n <= max && (n == max || !more));
            for (size_t i = 0; i < n; i++, at++) {
                snprintf(name, sizeof name, "n%03u", at * 3);
                cr_assert(bytes_eq_str(found[i].name, name) && bytes_eq_str(found[i].owner, "ann"));
            }
            after = found[n - 1].name;
        } while (more);
        cr_assert_eq(at, 100);
    }
    cr_assert_eq(
        store_bucket_list_of(w.store, BYTES_LIT("carl"), BYTES_NONE, BYTES_NONE, 9, w.arena, &found, &n, &more),
        STORE_OK);
    cr_assert(n == 0 && !more);
    cr_assert_eq(store_bucket_list_of(w.store, BYTES_LIT("bob"), BYTES_NONE, BYTES_NONE, 0, w.arena, &found, &n, &more),
                 STORE_OK);
    cr_assert(n == 0 && !more);
    world_close(&w);
}

Test(store_bucket, a_deleted_buckets_uploads_and_blobs_go)
{
    struct world w = world_open();
    struct store_bucket b = world_bucket(&w, "other");
    struct store_upload u = world_upload(&w, &b, "k");
    struct store_etag e;
    cr_assert_eq(world_put_part(&w, &b, "k", u.id, 1, 1, 50000, &e), STORE_OK);
    cr_assert_eq(world_put_part(&w, &b, "k", u.id, 2, 1, 50, &e), STORE_OK);
    cr_assert_eq(store_bucket_delete(w.store, b.name), STORE_OK, "uploads do not keep a bucket");
    cr_assert_eq(world_put_part(&w, &b, "k", u.id, 3, 1, 50000, &e), STORE_NO_SUCH_BUCKET);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 0);
    cr_assert_eq(index_double_records(w.disk_index, b.partition), 0);
    world_close(&w);
}

Test(store_bucket, a_partition_stays_as_long_as_a_copy_needs_it)
{
    struct world w = world_open();
    struct store_bucket b = world_bucket(&w, "other");
    cr_assert_eq(world_put(&w, &b, "k", 1, 50000, NULL), STORE_OK);
    cr_assert_eq(world_copy(&w, &b, "k", &w.bucket, "copy"), STORE_OK);
    cr_assert_eq(world_delete(w.store, &b, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_bucket_delete(w.store, b.name), STORE_OK);
    world_collect(&w);
    cr_assert(world_holds(&w, &w.bucket, "copy", 1, 50000));
    cr_assert_eq(world_records(&w, INDEX_PARTITION_SYSTEM, KEY_DROPPED), 1);
    world_restart(&w);
    world_collect(&w);
    cr_assert(world_holds(&w, &w.bucket, "copy", 1, 50000));
    cr_assert_eq(world_copy(&w, &w.bucket, "copy", &w.bucket, "copy2"), STORE_OK, "its home has no name any more");
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("copy"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert(world_holds(&w, &w.bucket, "copy2", 1, 50000));
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("copy2"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 0);
    cr_assert_eq(world_records(&w, INDEX_PARTITION_SYSTEM, KEY_DROPPED), 0);
    cr_assert_eq(index_double_records(w.disk_index, b.partition), 0);
    world_close(&w);
}

static const enum index_double_fault faults[] = {INDEX_DOUBLE_CONFLICT,        INDEX_DOUBLE_STALE,
                                                 INDEX_DOUBLE_UNAVAILABLE,     INDEX_DOUBLE_FULL,
                                                 INDEX_DOUBLE_UNKNOWN_APPLIED, INDEX_DOUBLE_UNKNOWN_LOST};

/* After any failure the bucket is there or not, and in either case usable. */
static void check_usable(struct world *w, const char *name)
{
    struct store_bucket b;
    int rc = create(w, name, &b);
    cr_assert(rc == STORE_OK || rc == STORE_BUCKET_EXISTS, "%s", store_rc_name(rc));
    cr_assert_eq(world_put(w, &b, "k", 1, 50000, NULL), STORE_OK);
    cr_assert(world_holds(w, &b, "k", 1, 50000));
    cr_assert_eq(world_delete(w->store, &b, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_bucket_delete(w->store, bytes_str(name)), STORE_OK);
    world_collect(w);
    world_check(w, true);
    cr_assert_eq(world_records(w, INDEX_PARTITION_SYSTEM, KEY_DROPPED), 0);
    for (uint64_t p = 3; p < 30; p++)
        cr_assert_eq(index_double_records(w->disk_index, p), 0, "partition %d", (int)p);
}

Test(store_bucket, every_index_fault_at_every_batch)
{
    for (size_t f = 0; f < ARRAY_LEN(faults); f++)
        for (int deleting = 0; deleting < 2; deleting++)
            for (unsigned nth = 1;; nth++) {
                struct world w = world_open();
                struct store_bucket b;
                if (deleting)
                    cr_assert_eq(create(&w, "x", &b), STORE_OK);
                index_double_fail(w.disk_index, nth, faults[f]);
                int rc = deleting ? store_bucket_delete(w.store, BYTES_LIT("x")) : create(&w, "x", &b);
                bool fired = index_double_fired(w.disk_index);
                bool heals = faults[f] != INDEX_DOUBLE_UNAVAILABLE && faults[f] != INDEX_DOUBLE_FULL;
                cr_assert_eq(rc == STORE_OK, !fired || heals, "fault %zu at %u: %s", f, nth, store_rc_name(rc));
                world_restart(&w);
                world_collect(&w);
                int there = store_bucket_get(w.store, BYTES_LIT("x"), w.arena, &b);
                cr_assert(rc != STORE_OK || there == (deleting ? STORE_NO_SUCH_BUCKET : STORE_OK));
                check_usable(&w, "x");
                world_close(&w);
                if (!fired)
                    break;
            }
}

Test(store_bucket, DUR_03_killed_at_every_step)
{
    for (int what = 0; what < 4; what++) /* create or delete, killed before or after */
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            struct store_bucket b;
            bool deleting = what & 1;
            if (deleting)
                cr_assert_eq(create(&w, "x", &b), STORE_OK);
            world_kill_at(&w, nth, what & 2);
            int rc = deleting ? store_bucket_delete(w.store, BYTES_LIT("x")) : create(&w, "x", &b);
            bool killed = world_killed(&w);
            world_restart(&w);
            int there = store_bucket_get(w.store, BYTES_LIT("x"), w.arena, &b);
            cr_assert(rc != STORE_OK || there == (deleting ? STORE_NO_SUCH_BUCKET : STORE_OK));
            if (nth % 2) /* with and without the collector coming first */
                world_collect(&w);
            check_usable(&w, "x");
            world_close(&w);
            if (!killed)
                break;
        }
}

/* A deletion that finds the bucket not empty at its second look gives it back. */
Test(store_bucket, a_deletion_that_was_interrupted_is_taken_back_when_the_bucket_is_not_empty)
{
    struct world w = world_open();
    struct store_bucket b;
    struct rec_bucket r;
    struct bytes value;
    struct txn t;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 5, NULL), STORE_OK);
    cr_assert_eq(store__load_bucket(w.store, w.bucket.name, w.arena, &r, &value), STORE_OK);
    r.state = REC_BUCKET_DELETING;
    r.b.generation++;
    txn_init(&t, w.arena, INDEX_PARTITION_SYSTEM, 1);
    txn_put(&t, key_bucket(w.arena, w.bucket.name), record_encode(&rec_bucket, &r, w.arena, NULL), 0);
    cr_assert_eq(txn_apply(w.store, &t), INDEX_OK);
    cr_assert_eq(store_bucket_get(w.store, w.bucket.name, w.arena, &b), STORE_OK);
    cr_assert(world_holds(&w, &b, "k", 1, 5), "reads go on meanwhile");
    cr_assert_eq(world_put(&w, &b, "k", 2, 5, NULL), STORE_ABORTED);
    world_restart(&w);
    world_collect(&w);
    cr_assert_eq(store_bucket_get(w.store, w.bucket.name, w.arena, &b), STORE_OK);
    cr_assert_eq(world_put(&w, &b, "k", 2, 5, NULL), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 3, 5, NULL), STORE_OK,
                 "with the old generation, looked up again inside");
    world_close(&w);
}

/* ---- races ---- */

struct racer {
    pthread_t thread;
    struct world *w;
    unsigned id;
    unsigned puts, refused, deleted;
    int bad;
};

static void *fight(void *arg)
{
    struct racer *r = arg;
    struct arena *a = arena_create(0);
    for (unsigned i = 0; i < 40; i++) {
        struct store_bucket b;
        int rc;
        arena_reset(a);
        if (r->id < 2) {
            rc = store_bucket_delete(r->w->store, BYTES_LIT("arena"));
            r->deleted += rc == STORE_OK;
            r->bad +=
                rc != STORE_OK && rc != STORE_NO_SUCH_BUCKET && rc != STORE_BUCKET_NOT_EMPTY && rc != STORE_ABORTED;
            continue;
        }
        rc = store_bucket_create(r->w->store, BYTES_LIT("arena"),
                                 &(struct store_bucket_new){.owner = BYTES_LIT("a"), .region = BYTES_NONE}, a, &b);
        r->bad += rc != STORE_OK && rc != STORE_BUCKET_EXISTS && rc != STORE_ABORTED;
        if (rc == STORE_ABORTED)
            continue;
        rc = world_put(r->w, &b, "k", i, i % 2 ? 20 : 20000, NULL);
        r->puts += rc == STORE_OK;
        r->refused += rc == STORE_NO_SUCH_BUCKET || rc == STORE_ABORTED;
        r->bad += rc != STORE_OK && rc != STORE_NO_SUCH_BUCKET && rc != STORE_ABORTED;
        if (rc != STORE_OK)
            continue;
        /* What was put is there until it is deleted: the bucket cannot go. */
        struct store_bucket now;
        struct store_object *o;
        r->bad +=
            store_bucket_get(r->w->store, BYTES_LIT("arena"), a, &now) != STORE_OK || now.partition != b.partition;
        if (r->id == 2) {
            r->bad += store_object_get(r->w->store, &b, BYTES_LIT("k"), NULL, a, &o) != STORE_OK;
            rc = world_delete(r->w->store, &b, BYTES_LIT("k"), NULL, NULL);
            r->bad += rc != STORE_OK && rc != STORE_ABORTED;
        }
    }
    arena_free(a);
    return NULL;
}

Test(store_bucket, CON_06_delete_bucket_against_put)
{
    struct world w = world_open();
    struct racer racers[3];
    unsigned puts = 0;
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        racers[i] = (struct racer){.w = &w, .id = (unsigned)i};
        cr_assert_eq(pthread_create(&racers[i].thread, NULL, fight, &racers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        pthread_join(racers[i].thread, NULL);
        cr_assert_eq(racers[i].bad, 0);
        puts += racers[i].puts;
    }
    cr_assert_gt(puts, 0);
    store_bucket_delete(w.store, BYTES_LIT("arena"));
    world_collect(&w);
    struct store_bucket b;
    uint64_t keep = store_bucket_get(w.store, BYTES_LIT("arena"), w.arena, &b) == STORE_OK ? b.partition : 0;
    for (uint64_t p = 3; p < 200; p++)
        cr_assert(p == keep || index_double_records(w.disk_index, p) == 0, "an object in a missing bucket");
    world_check(&w, true);
    world_close(&w);
}

static void *create_one(void *arg)
{
    struct racer *r = arg;
    struct arena *a = arena_create(0);
    struct store_bucket b;
    int rc = store_bucket_create(r->w->store, BYTES_LIT("one"),
                                 &(struct store_bucket_new){.owner = BYTES_LIT("a"), .region = BYTES_NONE}, a, &b);
    r->puts = rc == STORE_OK;
    r->bad = rc != STORE_OK && rc != STORE_BUCKET_EXISTS;
    arena_free(a);
    return NULL;
}

Test(store_bucket, one_of_many_creates)
{
    struct world w = world_open();
    struct racer racers[16];
    unsigned wins = 0;
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        racers[i] = (struct racer){.w = &w, .id = (unsigned)i};
        cr_assert_eq(pthread_create(&racers[i].thread, NULL, create_one, &racers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        pthread_join(racers[i].thread, NULL);
        cr_assert_eq(racers[i].bad, 0);
        wins += racers[i].puts;
    }
    cr_assert_eq(wins, 1);
    world_collect(&w);
    cr_assert_eq(world_records(&w, INDEX_PARTITION_SYSTEM, KEY_DROPPED), 0, "the losers' partitions are gone");
    world_close(&w);
}
