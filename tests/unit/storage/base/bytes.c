/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text: it never holds more than it may, in whichever way it is put there. */
#include "base/bytes.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A small buffer's memory is larger than its limit: what is printed must not take the rest, nor count beyond it. */
Test(bytes, printed_text_keeps_to_the_limit)
{
    for (size_t max = 1; max < 600; max += 7)
        for (int width = 0; width < 40; width++) {
            struct buf b;
            size_t n = 0;
            buf_init(&b, max);
            for (int i = 0; i < 30; i++) {
                bool fits = !b.failed && n + (size_t)width + 1 <= max; /* vsnprintf's NUL needs room, too */
                buf_printf(&b, "%*s", width, width ? "x" : "");
                n += fits ? (size_t)width : 0;
                cr_assert(b.n == n && b.failed == !fits, "%zu of %zu bytes, width %d", b.n, max, width);
            }
            buf_reset(&b);
            buf_put(&b, "0123456789", max < 10 ? max : 10); /* what follows still finds its place */
            cr_assert(!b.failed && b.n <= max);
            buf_fini(&b);
        }
}

Test(bytes, numbers_are_as_printf_writes_them)
{
    char made[U64_TEXT + 1], expected[U64_TEXT + 1];
    for (uint64_t power = 1;; power *= 10) {
        for (uint64_t v = power - 1; v <= power + 1; v++) {
            made[u64_text(v, made)] = '\0';
            snprintf(expected, sizeof expected, "%" PRIu64, v);
            cr_assert_str_eq(made, expected);
        }
        if (power > UINT64_MAX / 10)
            break;
    }
    made[u64_text(UINT64_MAX, made)] = '\0';
    cr_assert_str_eq(made, "18446744073709551615");
}
