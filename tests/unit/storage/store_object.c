/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: put, get, delete, conditions, races. */
#include <string.h>

#include "base/clock.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

static const size_t sizes[] = {
    0, 1, 100, 4096, STORE_INLINE_MAX, STORE_INLINE_MAX + 1, BLOB_BLOCK, BLOB_BLOCK + 1, WORLD_BIG};

Test(store_object, put_get_every_size)
{
    struct world w = world_open();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (unsigned known = 0; known < 2; known++) {
            cr_assert_eq(world_put(&w, &w.bucket, "k", known, sizes[i], NULL), STORE_OK);
            cr_assert(world_holds(&w, &w.bucket, "k", known, sizes[i]), "%zu bytes", sizes[i]);
        }
    world_check(&w, false);
    world_collect(&w);
    world_check(&w, true);
    cr_assert_eq(world_blobs_count(&w), 1);
    world_close(&w);
}

Test(store_object, everything_put_comes_back)
{
    struct world w = world_open();
    struct store_header headers[40];
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        headers[i] =
            (struct store_header){arena_bytesf(w.arena, "x-amz-meta-%zu", i), arena_bytesf(w.arena, "%zu \xff", i)};
    for (size_t size = 10; size < 100000; size *= 100) {
        struct store_put put = {.bucket = &w.bucket,
                                .key = BYTES_LIT("a/b"),
                                .owner = BYTES_LIT("alice"),
                                .storage_class = BYTES_LIT("STANDARD_IA"),
                                .headers = headers,
                                .n_headers = ARRAY_LEN(headers),
                                .checksum = CHECKSUM_SHA256,
                                .explicit_checksum = true,
                                .expected_size = size};
        struct store_write *wr;
        struct store_object *o, *h;
        int64_t before = clock_wall_ms();
        cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
        cr_assert_eq(store_write_append(wr, world_bytes(w.arena, 3, size), size), STORE_OK);
        cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
        cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("a/b"), NULL, w.arena, &o), STORE_OK);
        cr_assert_eq(store_object_head(w.store, &w.bucket, BYTES_LIT("a/b"), NULL, w.arena, &h), STORE_OK);
        cr_assert(bytes_eq_str(o->key, "a/b") && bytes_eq_str(o->owner, "alice"));
        cr_assert(bytes_eq_str(o->storage_class, "STANDARD_IA") && bytes_eq_str(h->storage_class, "STANDARD_IA"));
        cr_assert(o->explicit_checksum && o->checksum.alg == CHECKSUM_SHA256 &&
                  o->checksum_type == CHECKSUM_FULL_OBJECT);
        cr_assert(o->mtime_ms >= before && o->mtime_ms == store_write_mtime_ms(wr) && o->size == size);
        cr_assert_eq(o->n_headers, ARRAY_LEN(headers));
        for (size_t i = 0; i < o->n_headers; i++)
            cr_assert(bytes_eq(o->headers[i].name, headers[i].name) && bytes_eq(o->headers[i].value, headers[i].value));
        cr_assert(o->parts == NULL && o->n_parts == 0);
        store_write_close(&wr);
    }
    world_close(&w);
}

Test(store_object, ranges)
{
    struct world w = world_open();
    const uint64_t size = WORLD_BIG;
    const char *want = world_bytes(w.arena, 1, size);
    struct store_object *o;
    struct store_read *r;
    struct bytes got;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, size, NULL), STORE_OK);
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    uint64_t points[] = {0, 1, BLOB_BLOCK - 1, BLOB_BLOCK, BLOB_BLOCK + 1, size - 1, size};
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        for (size_t k = i; k < ARRAY_LEN(points); k++) {
            cr_assert_eq(world_read(&w, o, points[i], points[k] - points[i], &got), STORE_OK);
            cr_assert(bytes_eq(got, bytes_of(want + points[i], points[k] - points[i])));
        }
    cr_assert_eq(store_read_open(w.store, o, size, 1, NULL, &r), STORE_INVALID_RANGE);
    cr_assert_eq(store_read_open(w.store, o, UINT64_MAX, 2, NULL, &r), STORE_INVALID_RANGE);
    cr_assert_eq(store_read_open(w.store, o, 1, UINT64_MAX, NULL, &r), STORE_INVALID_RANGE);
    world_close(&w);
}

Test(store_object, delete_and_delete_again)
{
    struct world w = world_open();
    bool existed;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, sizes[i], NULL), STORE_OK);
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, &existed), STORE_OK);
        cr_assert(existed);
        cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, &existed), STORE_OK);
        cr_assert_not(existed);
        struct bytes got;
        cr_assert_eq(world_get(&w, &w.bucket, "k", &got), STORE_NO_SUCH_KEY);
    }
    world_collect(&w);
    cr_assert_eq(world_blobs_count(&w), 0);
    world_check(&w, true);
    world_close(&w);
}

Test(store_object, delete_many)
{
    struct world w = world_open();
    enum { N = 600 };
    struct store_delete *items = arena_new_array(w.arena, struct store_delete, N);
    for (int i = 0; i < N; i++) {
        char *key = arena_printf(w.arena, "k%04d", i / 2 * 2); /* each even key twice */
        items[i].key = bytes_str(key);
        if (i % 4 == 0)
            cr_assert_eq(world_put(&w, &w.bucket, key, 1, i % 8 ? 10 : 20000, NULL), STORE_OK);
    }
    items[0].condition = (struct store_condition){.if_match = true, .if_match_etag = BYTES_LIT("nonsense")};
    uint64_t before = index_double_batches(w.disk_index);
    store_objects_delete(w.store, &w.bucket, BYTES_NONE, items, N);
    cr_assert_leq(index_double_batches(w.disk_index) - before, 3, "a batch a few hundred keys");
    cr_assert_eq(items[0].rc, STORE_PRECONDITION_FAILED);
    cr_assert(items[1].rc == STORE_OK && items[1].existed, "unconditional, of the same key");
    for (int i = 2; i < N; i++) {
        cr_assert_eq(items[i].rc, STORE_OK);
        cr_assert_eq(items[i].existed, i % 4 == 0, "%d", i);
    }
    world_collect(&w);
    cr_assert_eq(world_records(&w, w.bucket.partition, KEY_OBJECT), 0);
    cr_assert_eq(world_blobs_count(&w), 0);
    world_close(&w);
}

Test(store_object, etag_text)
{
    char out[STORE_ETAG_TEXT_MAX];
    struct store_etag e = {{0xab}, 0};
    cr_assert(bytes_eq_str(bytes_of(out, store_etag_text(&e, out)), "ab000000000000000000000000000000"));
    e.parts = 1;
    cr_assert(bytes_eq_str(bytes_of(out, store_etag_text(&e, out)), "ab000000000000000000000000000000-1"));
    e.parts = 10000;
    cr_assert(bytes_eq_str(bytes_of(out, store_etag_text(&e, out)), "ab000000000000000000000000000000-10000"));
    e.parts = UINT32_MAX;
    cr_assert_leq(store_etag_text(&e, out), sizeof out);
}

Test(store_object, conditions_of_a_write)
{
    struct world w = world_open();
    struct store_condition none = {.if_none_match = true}, any = {.if_match_any = true},
                           wrong = {.if_match = true, .if_match_etag = BYTES_LIT("00000000000000000000000000000000")};
    struct store_object *o;
    char text[STORE_ETAG_TEXT_MAX];
    bool existed;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 10, &wrong), STORE_NO_SUCH_KEY);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 10, &any), STORE_NO_SUCH_KEY);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 10, &none), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 2, 50000, &none), STORE_PRECONDITION_FAILED);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 2, 50000, &wrong), STORE_PRECONDITION_FAILED);
    cr_assert(world_holds(&w, &w.bucket, "k", 1, 10));
    cr_assert_eq(world_blobs_count(&w), 0, "what was refused leaves no blob");
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    struct store_condition right = {.if_match = true, .if_match_etag = bytes_of(text, store_etag_text(&o->etag, text))};
    cr_assert_eq(world_put(&w, &w.bucket, "k", 2, 50000, &right), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 3, 5, &right), STORE_PRECONDITION_FAILED);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), &right, &existed), STORE_PRECONDITION_FAILED);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("gone"), &right, &existed), STORE_NO_SUCH_KEY);
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), &any, &existed), STORE_OK);
    world_close(&w);
}

Test(store_object, digests_are_verified)
{
    struct world w = world_open();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t size = sizes[i];
        const char *data = world_bytes(w.arena, 5, size);
        struct checksum_value right, md5;
        checksum_of(CHECKSUM_CRC32C, data, size, &right);
        checksum_of(CHECKSUM_MD5, data, size, &md5);
        for (int wrong = 0; wrong < 4; wrong++) {
            struct store_put put = {.bucket = &w.bucket,
                                    .key = BYTES_LIT("k"),
                                    .owner = BYTES_LIT("a"),
                                    .checksum = CHECKSUM_CRC32C,
                                    .expected_size = wrong == 3 ? size + 1 : UINT64_MAX};
            struct store_write *wr;
            struct store_object *o;
            struct checksum_value sum = right;
            unsigned char digest[16];
            memcpy(digest, md5.b, 16);
            sum.b[0] ^= wrong == 1;
            digest[15] ^= wrong == 2;
            cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
            store_write_expect_checksum(wr, &sum);
            store_write_append(wr, data, size);
            store_write_expect_md5(wr, digest);
            int want[] = {STORE_OK, STORE_CHECKSUM_MISMATCH, STORE_MD5_MISMATCH, STORE_SIZE_MISMATCH};
            cr_assert_eq(store_write_commit_wait(wr), want[wrong]);
            struct checksum_value got;
            struct store_etag etag;
            store_write_checksum(wr, &got);
            store_write_etag(wr, &etag);
            cr_assert(checksum_equal(&got, &right) && memcmp(etag.md5, md5.b, 16) == 0);
            store_write_close(&wr);
            if (wrong) {
                cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o),
                             STORE_NO_SUCH_KEY);
                cr_assert_eq(world_blobs_count(&w), 0);
            } else {
                cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
                world_collect(&w);
            }
        }
    }
    world_close(&w);
}

Test(store_object, more_bytes_than_announced)
{
    struct world w = world_open();
    struct store_put put = {.bucket = &w.bucket, .key = BYTES_LIT("k"), .expected_size = 3};
    struct store_write *wr;
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
    cr_assert(store_write_fits(wr, 3) && !store_write_fits(wr, 4));
    cr_assert_eq(store_write_append(wr, "abcd", 4), STORE_SIZE_MISMATCH);
    cr_assert_eq(store_write_commit_wait(wr), STORE_SIZE_MISMATCH);
    store_write_close(&wr);
    put.expected_size = STORE_INLINE_MAX + 1;
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
    cr_assert_not(store_write_fits(wr, 1), "it is known to be large");
    store_write_close(&wr);
    world_close(&w);
}

Test(store_object, keys_of_every_shape)
{
    struct world w = world_open();
    char longest[STORE_KEY_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[STORE_KEY_MAX] = 0;
    cr_assert_eq(world_put(&w, &w.bucket, longest, 1, 5, NULL), STORE_OK);
    cr_assert(world_holds(&w, &w.bucket, longest, 1, 5));
    longest[STORE_KEY_MAX] = 'x';
    longest[STORE_KEY_MAX + 1] = 0;
    cr_assert_eq(world_put(&w, &w.bucket, longest, 1, 5, NULL), STORE_NO_SUCH_KEY);
    struct bytes got;
    cr_assert_eq(world_get(&w, &w.bucket, longest, &got), STORE_NO_SUCH_KEY);
    cr_assert_eq(world_get(&w, &w.bucket, "", &got), STORE_NO_SUCH_KEY);
    const char *odd[] = {"/", "//", "..", "../x", "o", "\xff\xff", "a\nb", " "};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        cr_assert_eq(world_put(&w, &w.bucket, odd[i], (unsigned)i, 5, NULL), STORE_OK);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        cr_assert(world_holds(&w, &w.bucket, odd[i], (unsigned)i, 5));
    world_close(&w);
}

Test(store_object, mtime_of_a_key_never_goes_back)
{
    struct world w = world_open();
    struct store_object *a, *b;
    clock_test_shift_ms(1000000);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 5, NULL), STORE_OK);
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &a), STORE_OK);
    clock_test_shift_ms(0);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 5, NULL), STORE_OK);
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &b), STORE_OK);
    cr_assert_geq(b->mtime_ms, a->mtime_ms);
    world_close(&w);
}

/* ---- faults: what we answered is what is stored, never a mixture ---- */

static const enum index_double_fault faults[] = {INDEX_DOUBLE_CONFLICT,        INDEX_DOUBLE_STALE,
                                                 INDEX_DOUBLE_UNAVAILABLE,     INDEX_DOUBLE_FULL,
                                                 INDEX_DOUBLE_UNKNOWN_APPLIED, INDEX_DOUBLE_UNKNOWN_LOST};

Test(store_object, every_index_fault_at_every_batch)
{
    for (size_t f = 0; f < ARRAY_LEN(faults); f++)
        for (size_t s = 0; s < 4; s++) {
            size_t old_size = s & 1 ? 50000 : 50, new_size = s & 2 ? 60000 : 60;
            for (unsigned nth = 1;; nth++) {
                struct world w = world_open();
                cr_assert_eq(world_put(&w, &w.bucket, "k", 1, old_size, NULL), STORE_OK);
                index_double_fail(w.disk_index, nth, faults[f]);
                int rc = world_put(&w, &w.bucket, "k", 2, new_size, NULL);
                bool fired = index_double_fired(w.disk_index);
                bool heals = faults[f] != INDEX_DOUBLE_UNAVAILABLE && faults[f] != INDEX_DOUBLE_FULL;
                cr_assert_eq(rc == STORE_OK, !fired || heals, "fault %zu: %s", f, store_rc_name(rc));
                if (fired && faults[f] == INDEX_DOUBLE_FULL)
                    cr_assert_eq(rc, STORE_FULL);
                cr_assert(rc == STORE_OK ? world_holds(&w, &w.bucket, "k", 2, new_size)
                                         : world_holds(&w, &w.bucket, "k", 1, old_size));
                world_restart(&w);
                world_collect(&w);
                world_check(&w, true);
                world_close(&w);
                if (!fired)
                    break;
            }
        }
}

Test(store_object, every_blob_fault)
{
    int rcs[] = {BLOB_IO, BLOB_FULL, BLOB_BUSY};
    for (size_t k = 0; k < ARRAY_LEN(rcs); k++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 50000, NULL), STORE_OK);
            world_fail_blob(&w, nth, rcs[k]);
            int rc = world_put(&w, &w.bucket, "k", 2, WORLD_BIG, NULL);
            bool fired = world_blob_failed(&w);
            cr_assert_eq(rc == STORE_OK, !fired);
            cr_assert(rc == STORE_OK ? world_holds(&w, &w.bucket, "k", 2, WORLD_BIG)
                                     : world_holds(&w, &w.bucket, "k", 1, 50000));
            world_restart(&w);
            world_collect(&w);
            world_check(&w, true);
            world_close(&w);
            if (!fired)
                break;
        }
}

/* DUR-01, DUR-02: killed before or after every step that has an effect. A blob without an index record is collected. */
Test(store_object, DUR_01_killed_at_every_step_of_an_overwrite)
{
    for (int after = 0; after < 2; after++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 50000, NULL), STORE_OK);
            world_kill_at(&w, nth, after);
            int rc = world_put(&w, &w.bucket, "k", 2, 60000, NULL);
            bool killed = world_killed(&w);
            world_restart(&w);
            bool is_old = world_holds(&w, &w.bucket, "k", 1, 50000), is_new = world_holds(&w, &w.bucket, "k", 2, 60000);
            cr_assert(rc == STORE_OK ? is_new : is_old || is_new, "step %u", nth);
            world_check(&w, false);
            world_collect(&w);
            world_check(&w, true);
            cr_assert_eq(world_blobs_count(&w), 1);
            world_close(&w);
            if (!killed)
                break;
        }
}

Test(store_object, killed_at_every_step_of_a_delete)
{
    for (int after = 0; after < 2; after++)
        for (unsigned nth = 1;; nth++) {
            struct world w = world_open();
            struct bytes got;
            cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 50000, NULL), STORE_OK);
            world_kill_at(&w, nth, after);
            int rc = world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL);
            gc_set_ages(w.store, 0, 0, 0);
            store_collect(w.store); /* dies there too */
            bool killed = world_killed(&w);
            world_restart(&w);
            bool there = world_holds(&w, &w.bucket, "k", 1, 50000);
            cr_assert(there || world_get(&w, &w.bucket, "k", &got) == STORE_NO_SUCH_KEY);
            cr_assert(rc != STORE_OK || !there);
            world_collect(&w);
            world_check(&w, true);
            cr_assert_eq(world_blobs_count(&w), there);
            world_close(&w);
            if (!killed)
                break;
        }
}

/* ---- many at once ---- */

struct racer {
    pthread_t thread;
    struct world *w;
    unsigned id;
    int wins, other;
};

static void race(struct world *w, struct racer *racers, size_t n, void *(*f)(void *))
{
    for (size_t i = 0; i < n; i++) {
        racers[i] = (struct racer){.w = w, .id = (unsigned)i};
        cr_assert_eq(pthread_create(&racers[i].thread, NULL, f, &racers[i]), 0);
    }
    for (size_t i = 0; i < n; i++)
        pthread_join(racers[i].thread, NULL);
}

static void *put_if_absent(void *arg)
{
    struct racer *r = arg;
    struct store_condition none = {.if_none_match = true};
    int rc = world_put(r->w, &r->w->bucket, "k", r->id, r->id % 2 ? 100 : 20000, &none);
    r->wins = rc == STORE_OK;
    r->other = rc != STORE_OK && rc != STORE_PRECONDITION_FAILED;
    return NULL;
}

Test(store_object, CND_01_only_one_creates)
{
    struct world w = world_open();
    struct racer racers[64];
    race(&w, racers, ARRAY_LEN(racers), put_if_absent);
    int wins = 0;
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        wins += racers[i].wins;
        cr_assert_eq(racers[i].other, 0);
        cr_assert(!racers[i].wins || world_holds(&w, &w.bucket, "k", (unsigned)i, i % 2 ? 100 : 20000));
    }
    cr_assert_eq(wins, 1);
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

enum { CAS_THREADS = 16, CAS_TIMES = 50 };

static int cas_once(struct world *w, struct arena *a)
{
    struct store_object *o;
    struct store_read *r;
    struct store_span span;
    struct store_write *wr;
    char number[20] = {0}, text[STORE_ETAG_TEXT_MAX], scratch[64];
    cr_assert_eq(store_object_get(w->store, &w->bucket, BYTES_LIT("n"), NULL, a, &o), STORE_OK);
    cr_assert_eq(store_read_open(w->store, o, 0, o->size, NULL, &r), STORE_OK);
    cr_assert_eq(store_read_next(r, sizeof number - 1, false, scratch, &span), STORE_OK);
    memcpy(number, span.bytes.p, span.n);
    store_read_close(&r);
    struct bytes next = arena_bytesf(a, "%ld", strtol(number, NULL, 10) + 1);
    struct store_put put = {.bucket = &w->bucket, .key = BYTES_LIT("n"), .expected_size = next.n};
    put.condition =
        (struct store_condition){.if_match = true, .if_match_etag = bytes_of(text, store_etag_text(&o->etag, text))};
    cr_assert_eq(store_write_open(w->store, &put, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, next.p, next.n), STORE_OK);
    int rc = store_write_commit_wait(wr);
    store_write_close(&wr);
    return rc;
}

static void *count_up(void *arg)
{
    struct racer *r = arg;
    struct arena *a = arena_create(0);
    while (r->wins < CAS_TIMES && !r->other) {
        int rc = cas_once(r->w, a);
        r->wins += rc == STORE_OK;
        r->other += rc != STORE_OK && rc != STORE_PRECONDITION_FAILED;
        arena_reset(a);
    }
    arena_free(a);
    return NULL;
}

Test(store_object, CND_02_compare_and_swap_counter)
{
    struct world w = world_open();
    struct racer racers[CAS_THREADS];
    struct store_put put = {.bucket = &w.bucket, .key = BYTES_LIT("n"), .expected_size = 1};
    struct store_write *wr;
    struct bytes got;
    cr_assert_eq(store_write_open(w.store, &put, &wr), STORE_OK);
    cr_assert_eq(store_write_append(wr, "0", 1), STORE_OK);
    cr_assert_eq(store_write_commit_wait(wr), STORE_OK);
    store_write_close(&wr);
    race(&w, racers, CAS_THREADS, count_up);
    for (size_t i = 0; i < CAS_THREADS; i++)
        cr_assert_eq(racers[i].other, 0);
    cr_assert_eq(world_get(&w, &w.bucket, "n", &got), STORE_OK);
    cr_assert(bytes_eq(got, arena_bytesf(w.arena, "%d", CAS_THREADS * CAS_TIMES)));
    world_close(&w);
}

static void *put_and_delete(void *arg)
{
    struct racer *r = arg;
    for (unsigned i = 0; i < 30; i++) {
        char key[] = "a";
        key[0] = (char)('a' + (r->id + i) % 3);
        int rc = (r->id + i) % 4 ? world_put(r->w, &r->w->bucket, key, i, i % 2 ? 30000 : 30, NULL)
                                 : world_delete(r->w->store, &r->w->bucket, bytes_str(key), NULL, NULL);
        r->other += rc != STORE_OK;
    }
    return NULL;
}

static void *collect_all_the_time(void *arg)
{
    struct racer *r = arg;
    for (int i = 0; i < 20; i++)
        r->other += store_collect(r->w->store) != STORE_OK;
    return NULL;
}

static void *mixed(void *arg)
{
    return ((struct racer *)arg)->id == 0 ? collect_all_the_time(arg) : put_and_delete(arg);
}

Test(store_object, writers_and_collector_at_once)
{
    struct world w = world_open();
    struct racer racers[8];
    gc_set_ages(w.store, 0, 0, 0);
    race(&w, racers, ARRAY_LEN(racers), mixed);
    for (size_t i = 0; i < ARRAY_LEN(racers); i++)
        cr_assert_eq(racers[i].other, 0);
    world_check(&w, false);
    world_collect(&w);
    world_check(&w, true);
    world_close(&w);
}

/* ---- damage ---- */

Test(store_object, rotten_bytes_are_an_error)
{
    struct world w = world_open();
    struct bytes got;
    cr_assert_eq(world_put(&w, &w.bucket, "big", 1, WORLD_BIG, NULL), STORE_OK);
    cr_assert_eq(world_put(&w, &w.bucket, "small", 1, 10, NULL), STORE_OK);
    world_rot_blobs(&w);
    cr_assert_eq(world_get(&w, &w.bucket, "big", &got), STORE_CORRUPT);
    index_double_rot(w.disk_index, w.bucket.partition, BYTES_LIT("osmall"));
    cr_assert_eq(world_get(&w, &w.bucket, "small", &got), STORE_CORRUPT);
    world_close(&w);
}

Test(store_object, index_down)
{
    struct world w = world_open();
    struct bytes got;
    struct store_bucket b;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 10, NULL), STORE_OK);
    index_double_fail_reads(w.disk_index, INDEX_UNAVAILABLE);
    cr_assert_eq(world_get(&w, &w.bucket, "k", &got), STORE_UNAVAILABLE);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 10, NULL), STORE_UNAVAILABLE);
    cr_assert_eq(store_bucket_get(w.store, BYTES_LIT("bucket"), w.arena, &b), STORE_UNAVAILABLE);
    index_double_fail_reads(w.disk_index, INDEX_OK);
    cr_assert(world_holds(&w, &w.bucket, "k", 1, 10));
    world_close(&w);
}
