/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept is found for its own state alone, outlives its slot, and gives way when there is too much. */
#include "base/parsed_cache.h"

#include <criterion/criterion.h>
#include <string.h>

#define SLOTS 4
#define ROOM  4096

static const void *keep(struct parsed_cache *c, uint64_t id, uint64_t state, size_t size, struct arena *user)
{
    struct arena *own = arena_create(0);
    char *value = arena_alloc(own, size);
    memset(value, (int)('a' + id), size);
    parsed_cache_keep(c, id, state, own, value, user);
    return value;
}

Test(parsed_cache, an_entry_is_found_for_its_state_alone)
{
    struct arena *user = arena_create(0);
    struct parsed_cache *c = parsed_cache_create(SLOTS, ROOM);
    const void *value = keep(c, 1, 7, 10, user);
    cr_assert_eq(parsed_cache_find(c, 1, 7, user), value);
    cr_assert_null(parsed_cache_find(c, 1, 8, user));
    cr_assert_null(parsed_cache_find(c, 1 + SLOTS, 7, user));
    parsed_cache_free(&c);
    arena_free(user);
}

Test(parsed_cache, an_entry_lives_as_long_as_its_users)
{
    struct arena *first = arena_create(0), *second = arena_create(0);
    struct parsed_cache *c = parsed_cache_create(SLOTS, ROOM);
    keep(c, 1, 7, 10, first);
    const char *value = parsed_cache_find(c, 1, 7, second);
    arena_free(first);
    keep(c, 1, 8, 10, second);
    cr_assert_null(parsed_cache_find(c, 1, 7, second), "the newer state took its slot");
    parsed_cache_free(&c);
    cr_assert_eq(memcmp(value, "bbbbbbbbbb", 10), 0);
    arena_free(second);
}

Test(parsed_cache, too_many_bytes_give_way)
{
    struct arena *user = arena_create(0);
    struct parsed_cache *c = parsed_cache_create(SLOTS, ROOM);
    keep(c, 0, 1, ROOM / 2, user);
    keep(c, 1, 1, ROOM / 4, user);
    cr_assert(parsed_cache_find(c, 0, 1, user));
    keep(c, 2, 1, ROOM / 2, user);
    cr_assert_null(parsed_cache_find(c, 0, 1, user), "the first one made room");
    cr_assert(parsed_cache_find(c, 1, 1, user) && parsed_cache_find(c, 2, 1, user));
    parsed_cache_free(&c);
    arena_free(user);
}

Test(parsed_cache, without_a_cache_it_is_kept_for_its_user)
{
    struct arena *user = arena_create(0);
    cr_assert_eq(*(const char *)keep(NULL, 2, 1, 10, user), 'c');
    cr_assert_null(parsed_cache_find(NULL, 2, 1, user));
    arena_free(user);
}
