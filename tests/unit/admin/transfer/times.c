/* SPDX-License-Identifier: Apache-2.0 */
/* Times of listings and of metadata. */
#include "admin/transfer/times.h"

#include <criterion/criterion.h>

#include "base/check.h"

Test(transfer_times, times_as_they_are_noted)
{
    struct arena *a = arena_create(0);
    cr_expect_eq(mtime_of_text("1700000000.5"), INT64_C(1700000000500000000));
    cr_expect_eq(mtime_of_text("1700000000"), INT64_C(1700000000000000000));
    cr_expect_eq(mtime_of_text("1.0000000019"), INT64_C(1000000001), "no more than nanoseconds");
    cr_expect_eq(mtime_of_text("0"), 0);
    static const char *const bad[] = {"", "x", "-1", "1.x", "1,5", "99999999999999999999", ".5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_eq(mtime_of_text(bad[i]), -1, "%s", bad[i]);
    cr_expect_str_eq(mtime_text(INT64_C(1700000000000000009), a), "1700000000.000000009");
    cr_expect_eq(iso_time_ns(bytes_str("2026-01-31T23:59:59Z")), INT64_C(1769903999000000000));
    cr_expect_eq(iso_time_ns(bytes_str("yesterday")), 0);
    arena_free(a);
}
