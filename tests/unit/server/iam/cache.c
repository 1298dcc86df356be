/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded cache: what is kept, and that it is bounded by number and by bytes, whatever is put into it. */
#include "server/iam/cache.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define SETS      64
#define BUDGET    (4u << 20)
#define MANY      100000
#define ENTRY_MAX (64u * 1024)

static struct bytes key_of(struct arena *a, unsigned n)
{
    return arena_bytesf(a, "key-%u", n);
}

static struct cached *entry(struct bytes key, size_t size, uint64_t generation)
{
    struct cached *e = cached_new(sizeof *e, key, generation, 0);
    (void)arena_alloc(e->arena, size);
    return e;
}

Test(cache, finds_what_was_put_of_its_generation)
{
    struct cache_budget budget = {.max = BUDGET};
    struct cache *c = cache_create(SETS, &budget);
    struct cached *e = entry(BYTES_LIT("k"), 100, 7);
    cache_put(c, e);
    cr_assert_eq(cache_get(c, BYTES_LIT("k"), 7), e);
    cr_assert_null(cache_get(c, BYTES_LIT("k"), 8));
    cr_assert_null(cache_get(c, BYTES_LIT("kk"), 7));
    struct cached *other = entry(BYTES_LIT("k"), 100, 8);
    cache_put(c, other);
    cr_assert_null(cache_get(c, BYTES_LIT("k"), 7), "it gave way");
    cr_assert(budget.bytes >= 2 * sizeof *e, "both live");
    cached_unref(e);
    cached_unref(e);
    cached_unref(other);
    cache_free(&c);
    cr_assert_eq(budget.bytes, 0);
}

Test(cache, a_hundred_thousand_different_ones)
{
    struct cache_budget budget = {.max = BUDGET};
    struct cache *one = cache_create(SETS, &budget), *two = cache_create(4 * SETS, &budget);
    struct arena *a = arena_create(0);
    size_t most = 0;
    for (unsigned i = 0; i < MANY; i++) {
        struct cached *e = entry(key_of(a, i), i % 100 ? 200 : ENTRY_MAX, 0);
        cache_put(i % 3 ? one : two, e);
        cached_unref(e);
        most = budget.bytes > most ? budget.bytes : most;
        if (i % 1000 == 0)
            arena_reset(a);
    }
    cr_assert_leq(most, BUDGET + 2 * ENTRY_MAX, "%zu bytes", most);
    cache_free(&one);
    cache_free(&two);
    cr_assert_eq(budget.bytes, 0);
    arena_free(a);
}

/* Entries that others hold cannot be freed; they are not kept on top of that. */
Test(cache, what_is_held_counts)
{
    struct cache_budget budget = {.max = BUDGET};
    struct cache *c = cache_create(SETS, &budget);
    struct arena *a = arena_create(0);
    struct cached *held[100], *e;
    for (unsigned i = 0; i < 100; i++) {
        held[i] = entry(key_of(a, i), ENTRY_MAX, 0);
        cache_put(c, held[i]);
    }
    cr_assert_gt(budget.bytes, BUDGET);
    for (unsigned i = 100; i < 200; i++) {
        e = entry(key_of(a, i), 100, 0);
        cache_put(c, e);
        cached_unref(e);
    }
    cr_assert_lt(budget.bytes, 100 * (ENTRY_MAX + 1000) + 10000, "one more at a time");
    for (unsigned i = 0; i < 100; i++)
        cached_unref(held[i]);
    cr_assert_lt(budget.bytes, 10000);
    cache_free(&c);
    arena_free(a);
}
