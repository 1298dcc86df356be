/* SPDX-License-Identifier: Apache-2.0 */
/* What all buckets hold: exact, told apart up to a number, and for no more reads than there are buckets. */
#include "server/usage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

#define BUCKETS 12

/* The index's calls, counted on their way to the double. */
static const struct index_ops *real;
static struct index_ops counting;
static size_t gets, rows;

static int count_get(struct index *ix, uint64_t partition, struct bytes key, struct arena *a, struct bytes *ret)
{
    gets++;
    return real->get(ix, partition, key, a, ret);
}

static int count_page(struct index *ix, const struct index_scan *scan, struct arena *a, struct index_page *ret)
{
    int rc = real->page(ix, scan, a, ret);
    rows += rc == INDEX_OK ? ret->n_rows : 0;
    return rc;
}

static int no_visit(struct index *ix, const struct index_scan *scans, size_t n, index_visit_f *f, void *const *args,
                    bool *ret_more)
{
    cr_assert(false, "records are walked");
    return real->visit(ix, scans, n, f, args, ret_more);
}

static void begin_counting(struct world *w)
{
    real = w->disk_index->ops;
    counting = *real;
    counting.get = count_get;
    counting.page = count_page;
    counting.visit = no_visit;
    w->disk_index->ops = &counting;
    index_double_cut_pages(w->disk_index, false);
    gets = rows = 0;
}

static void end_counting(struct world *w)
{
    w->disk_index->ops = real;
}

/* Bucket i holds as many objects of 10 bytes as `objects` says. */
static void fill(struct world *w, const size_t *objects, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct store_bucket_new fresh = {.owner = BYTES_LIT("000000000000")};
        struct store_bucket b;
        char key[32];
        cr_assert_eq(store_bucket_create(w->store, arena_bytesf(w->arena, "b%03zu", i), &fresh, w->arena, &b),
                     STORE_OK);
        for (size_t k = 0; k < objects[i]; k++) {
            snprintf(key, sizeof key, "k%04zu", k);
            cr_assert_eq(world_put(w, &b, key, (unsigned)k, 10, NULL), STORE_OK);
        }
    }
}

/* How many index reads a look costs, whatever lies in the buckets. */
static size_t reads_with(size_t objects)
{
    struct world w = world_open();
    struct usage u;
    size_t each[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++)
        each[i] = objects;
    fill(&w, each, BUCKETS);
    begin_counting(&w);
    cr_assert_eq(usage_collect(w.store, 0, w.arena, &u), STORE_OK);
    end_counting(&w);
    cr_assert_eq(u.n, BUCKETS + 1, "the world's own bucket, too");
    cr_assert_eq(u.all.objects, BUCKETS * objects);
    cr_assert_eq(u.all.object_bytes, 10 * BUCKETS * objects);
    cr_assert_eq(u.n_told, 0);
    world_close(&w);
    return gets + rows;
}

Test(usage, costs_a_look_up_a_bucket_and_walks_no_object)
{
    size_t few = reads_with(1), many = reads_with(100);
    cr_expect_eq(few, many, "%zu reads with 1 object a bucket, %zu with 100", few, many);
    cr_expect_leq(many, 2 * (BUCKETS + 1) + 1, "%zu reads of %d buckets", many, BUCKETS + 1);
}

Test(usage, tells_the_fullest_apart_in_order_of_names)
{
    static const size_t objects[BUCKETS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};
    struct world w = world_open();
    for (size_t max = 1; max <= BUCKETS + 2; max++) {
        struct usage u;
        if (max == 1)
            fill(&w, objects, BUCKETS);
        cr_assert_eq(usage_collect(w.store, max, w.arena, &u), STORE_OK);
        cr_expect_eq(u.n, BUCKETS + 1);
        cr_expect_eq(u.all.objects, 3 + 1 + 4 + 1 + 5 + 9 + 2 + 6 + 5 + 3 + 5 + 8, "totals are of all");
        cr_assert_eq(u.n_told, max < u.n ? max : u.n);
        uint64_t least = UINT64_MAX, together = 0;
        for (size_t i = 0; i < u.n_told; i++) {
            const struct usage_bucket *b = &u.buckets[i];
            cr_expect(i == 0 || bytes_cmp(u.buckets[i - 1].name, b->name) < 0, "in order");
            least = b->counts.bytes < least ? b->counts.bytes : least;
            together += b->counts.objects;
        }
        size_t fuller = 0;
        for (size_t i = 0; i < BUCKETS; i++)
            fuller += 10 * objects[i] > least;
        cr_expect_leq(fuller, u.n_told, "with %zu told, %zu are fuller than the least of them", max, fuller);
        cr_expect(max < BUCKETS || together == u.all.objects);
    }
    world_close(&w);
}

Test(usage, of_one_bucket)
{
    static const size_t objects[] = {2, 7};
    struct world w = world_open();
    struct usage u;
    struct store_bucket b;
    fill(&w, objects, 2);
    cr_assert_eq(store_bucket_get(w.store, BYTES_LIT("b001"), w.arena, &b), STORE_OK);
    cr_assert_eq(usage_of_bucket(w.store, &b, w.arena, &u), STORE_OK);
    cr_assert_eq(u.n_told, 1);
    cr_expect(bytes_eq_str(u.buckets[0].name, "b001"));
    cr_expect_eq(u.buckets[0].counts.objects, 7);
    world_close(&w);
}
