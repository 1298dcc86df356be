/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: put, get, delete, conditions. */
#include <string.h>

#include "base/clock.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

static const size_t sizes[] = {0, 1, 100, 4096, STORE_INLINE_MAX, STORE_INLINE_MAX + 1, BLOB_BLOCK, BLOB_BLOCK + 1, WORLD_BIG};

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
