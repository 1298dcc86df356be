/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: what a reset leaves behind. */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <string.h>

Test(arena, secrets_are_overwritten)
{
    struct arena *a = arena_create(256);
    char *small = arena_alloc(a, 64), *same;
    memset(small, 'S', 64);
    arena_keep_secret(a);
    char *later = arena_alloc(a, 64);
    memset(later, 'S', 64);
    arena_reset(a);
    same = arena_alloc(a, 128); /* the first block again */
    cr_assert_eq(same, small);
    for (size_t i = 0; i < 128; i++)
        cr_assert_eq(same[i], 0);
    memset(same, 'x', 128);
    arena_reset(a);
    cr_assert_eq(((char *)arena_alloc(a, 16))[0], 'x', "the mark is for one round");
    arena_free(a);
}
