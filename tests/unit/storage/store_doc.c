/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of other modules: changes happen entirely or not at all, lists come in pages. */
#include <criterion/criterion.h>

#include "tests/unit/storage/store_world.h"

static int put(struct world *w, const char *key, const char *value)
{
    struct store_doc_change c = {.key = bytes_str(key), .put = true, .value = bytes_str(value)};
    return store_doc_apply(w->store, &c, 1);
}

Test(store_doc, all_or_nothing)
{
    struct world w = world_open();
    struct bytes got;
    cr_assert_eq(put(&w, "a", "1"), STORE_OK);
    struct store_doc_change both[] = {
        {.key = BYTES_LIT("a"), .check = true, .was = BYTES_LIT("2"), .put = true, .value = BYTES_LIT("3")},
        {.key = BYTES_LIT("b"), .check = true, .put = true, .value = BYTES_LIT("x")},
    };
    cr_assert_eq(store_doc_apply(w.store, both, 2), STORE_CONFLICT);
    cr_assert_eq(store_doc_get(w.store, BYTES_LIT("b"), w.arena, &got), STORE_NO_SUCH_SETTING);
    both[0].was = BYTES_LIT("1");
    cr_assert_eq(store_doc_apply(w.store, both, 2), STORE_OK);
    cr_assert_eq(store_doc_apply(w.store, both, 2), STORE_CONFLICT);
    world_restart(&w);
    cr_assert(store_doc_get(w.store, BYTES_LIT("a"), w.arena, &got) == STORE_OK && bytes_eq_str(got, "3"));
    cr_assert_eq(put(&w, "a", ""), STORE_OK, "the empty value deletes");
    cr_assert_eq(store_doc_get(w.store, BYTES_LIT("a"), w.arena, &got), STORE_NO_SUCH_SETTING);
    world_close(&w);
}

Test(store_doc, list_in_pages)
{
    struct world w = world_open();
    struct store_doc *docs;
    size_t n, seen = 0;
    bool more = true;
    for (int i = 0; i < 25; i++)
        cr_assert_eq(put(&w, arena_printf(w.arena, "user/%02d", i), "v"), STORE_OK);
    cr_assert_eq(put(&w, "usex", "v"), STORE_OK);
    cr_assert_eq(put(&w, "user", "v"), STORE_OK);
    struct bytes after = BYTES_NONE;
    while (more) {
        cr_assert_eq(store_doc_list(w.store, BYTES_LIT("user/"), after, 4, w.arena, &docs, &n, &more), STORE_OK);
        for (size_t i = 0; i < n; i++)
            cr_assert(bytes_eq(docs[i].key, bytes_str(arena_printf(w.arena, "user/%02zu", seen++))));
        after = docs[n - 1].key;
    }
    cr_assert_eq(seen, 25);
    world_close(&w);
}
