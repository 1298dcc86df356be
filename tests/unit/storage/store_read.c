/* SPDX-License-Identifier: Apache-2.0 */
/* Readers and what happens to their object meanwhile. */
#include <string.h>

#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

enum { PARTS = 20, PART = 20000 };

static struct store_object *big_object(struct world *w, const struct store_bucket *b, const char *key)
{
    struct store_upload u = world_upload(w, b, key);
    struct store_etag e[PARTS];
    unsigned numbers[PARTS];
    struct store_object *o;
    for (unsigned i = 0; i < PARTS; i++) {
        numbers[i] = i + 1;
        cr_assert_eq(world_put_part(w, b, key, u.id, i + 1, i, PART, &e[i]), STORE_OK);
    }
    cr_assert_eq(world_complete(w, b, key, u.id, PARTS, numbers, e, NULL), STORE_OK);
    cr_assert_eq(store_object_get(w->store, b, bytes_str(key), NULL, w->arena, &o), STORE_OK);
    return o;
}

static void read_some(struct world *w, struct store_read *r, uint64_t *at, uint64_t until)
{
    char scratch[3000];
    struct store_span span;
    while (*at < until) {
        cr_assert_eq(store_read_next(r, sizeof scratch, true, scratch, &span), STORE_OK);
        cr_assert(span.n > 0 && span.n == span.bytes.n && span.bytes.p == scratch);
        const char *want = world_bytes(w->arena, (unsigned)(*at / PART), PART);
        cr_assert_eq(memcmp(span.bytes.p, want + *at % PART, span.n), 0);
        *at += span.n;
    }
}

Test(store_read, CON_05_old_bytes_to_the_end)
{
    for (int what = 0; what < 3; what++) { /* deleted, overwritten, deleted with its bucket */
        struct world w = world_open();
        struct store_bucket b = world_bucket(&w, "b");
        struct store_object *o = big_object(&w, &b, "k");
        struct store_read *r;
        struct bytes got;
        uint64_t at = 0;
        cr_assert_eq(store_read_open(w.store, o, 0, o->size, NULL, &r), STORE_OK);
        read_some(&w, r, &at, 1);
        if (what == 1)
            cr_assert_eq(world_put(&w, &b, "k", 1, 100, NULL), STORE_OK);
        else
            cr_assert_eq(world_delete(w.store, &b, BYTES_LIT("k"), NULL, NULL), STORE_OK);
        if (what == 2)
            cr_assert_eq(store_bucket_delete(w.store, b.name), STORE_OK);
        for (int i = 0; i < 3; i++) {
            gc_set_ages(w.store, 0, 0, 0);
            cr_assert_eq(store_collect(w.store), STORE_OK);
            read_some(&w, r, &at, at + PART);
        }
        read_some(&w, r, &at, o->size);
        cr_assert_eq(world_blobs_count(&w), PARTS);
        store_read_close(&r);
        world_collect(&w);
        cr_assert_eq(world_blobs_count(&w), 0, "and after the reader all is collected");
        world_check(&w, true);
        if (what == 2)
            cr_assert_eq(index_double_records(w.disk_index, b.partition), 0);
        cr_assert(what != 1 || world_get(&w, &b, "k", &got) == STORE_OK);
        world_close(&w);
    }
}

/* A reader keeps only what it reads itself from being collected. */
Test(store_read, a_slow_reader_holds_nothing_else)
{
    struct world w = world_open();
    struct store_object *o = big_object(&w, &w.bucket, "slow");
    struct store_read *r;
    cr_assert_eq(store_read_open(w.store, o, 0, o->size, NULL, &r), STORE_OK);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(world_put(&w, &w.bucket, "k", 1, WORLD_BIG, NULL), STORE_OK);
        world_collect(&w);
        cr_assert_eq(world_blobs_count(&w), PARTS + 1);
    }
    store_read_close(&r);
    world_close(&w);
}

Test(store_read, an_object_collected_before_the_reader_opened)
{
    struct world w = world_open();
    struct store_object *o = big_object(&w, &w.bucket, "k");
    struct store_read *r;
    struct store_span span;
    char scratch[100];
    cr_assert_eq(world_delete(w.store, &w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    world_collect(&w);
    cr_assert_eq(store_read_open(w.store, o, 0, o->size, NULL, &r), STORE_OK);
    cr_assert_eq(store_read_next(r, sizeof scratch, false, scratch, &span), STORE_NO_SUCH_KEY);
    store_read_close(&r);
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 10, NULL), STORE_OK);
    cr_assert_eq(store_read_open(w.store, o, 0, o->size, NULL, &r), STORE_OK);
    cr_assert_eq(store_read_next(r, sizeof scratch, false, scratch, &span), STORE_NO_SUCH_KEY,
                 "there is another one now");
    store_read_close(&r);
    world_close(&w);
}

/* A blob that the current record refers to and that is not there is loss of data, not a missing key. */
Test(store_read, a_lost_blob_is_damage)
{
    struct world w = world_open();
    struct store_object *o;
    struct bytes got;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, WORLD_BIG, NULL), STORE_OK);
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    w.store->blobs->ops->remove(w.store->blobs, &o->extents[0].blob);
    cr_assert_eq(world_get(&w, &w.bucket, "k", &got), STORE_CORRUPT);
    world_close(&w);
}

Test(store_read, a_small_object_is_read_from_its_record)
{
    struct world w = world_open();
    struct store_object *o;
    struct store_read *r;
    struct store_span span;
    char scratch[400];
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, 1000, NULL), STORE_OK);
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    cr_assert_eq(store_read_open(w.store, o, 10, 500, NULL, &r), STORE_OK);
    cr_assert_eq(store_read_next(r, sizeof scratch, true, scratch, &span), STORE_OK);
    cr_assert(span.n == 400 && span.bytes.p == o->inline_data.p + 10, "no copy");
    cr_assert_eq(store_read_next(r, sizeof scratch, true, scratch, &span), STORE_OK);
    cr_assert_eq(span.n, 100);
    cr_assert_eq(store_read_next(r, sizeof scratch, true, scratch, &span), STORE_OK);
    cr_assert_eq(span.n, 0);
    store_read_close(&r);
    world_close(&w);
}

/* From the middle of a block on: the first span ends with that block, and from there on they are whole ones. */
Test(store_read, spans_end_where_checked_blocks_end)
{
    static char scratch[2 * BLOB_BLOCK];
    const size_t from = BLOB_BLOCK / 2 + 7;
    struct world w = world_open();
    struct store_object *o;
    struct store_read *r;
    struct store_span span = {.n = 1};
    const char *want = world_bytes(w.arena, 1, WORLD_BIG);
    size_t at = from;
    cr_assert_eq(world_put(&w, &w.bucket, "k", 1, WORLD_BIG, NULL), STORE_OK);
    cr_assert_eq(store_object_get(w.store, &w.bucket, BYTES_LIT("k"), NULL, w.arena, &o), STORE_OK);
    cr_assert_eq(store_read_open(w.store, o, from, o->size - from, NULL, &r), STORE_OK);
    for (;;) {
        cr_assert_eq(store_read_next(r, sizeof scratch, false, scratch, &span), STORE_OK);
        if (span.n == 0)
            break;
        cr_assert(span.bytes.p == scratch && span.bytes.n == span.n && memcmp(scratch, want + at, span.n) == 0);
        at += span.n;
        cr_assert(at == WORLD_BIG || at % BLOB_BLOCK == 0, "%zu", at);
    }
    cr_assert_eq(at, WORLD_BIG);
    store_read_close(&r);
    cr_assert_eq(store_read_open(w.store, o, from, 1000, NULL, &r), STORE_OK);
    cr_assert_eq(store_read_next(r, 300, false, scratch, &span), STORE_OK);
    cr_assert(span.n == 300 && memcmp(scratch, want + from, 300) == 0, "less than a block when that is asked for");
    store_read_close(&r);
    world_close(&w);
}
