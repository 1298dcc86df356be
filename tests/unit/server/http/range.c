/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges against S3's recorded answers, and against numbers that don't fit. */
#include "server/http/range.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

static uint64_t first, length;

static enum range_answer answer(const char *value, uint64_t size)
{
    struct range_spec spec;
    first = length = 4711;
    range_parse(bytes_str(value), &spec);
    return range_resolve(&spec, size, &first, &length);
}

static void expect_partial(const char *value, uint64_t size, uint64_t want_first, uint64_t want_length)
{
    cr_assert_eq(answer(value, size), RANGE_PARTIAL, "%s", value);
    cr_assert_eq(first, want_first, "%s", value);
    cr_assert_eq(length, want_length, "%s", value);
}

Test(range, ten_bytes_as_recorded)
{
    expect_partial("bytes=0-8", 10, 0, 9);
    expect_partial("bytes=1-", 10, 1, 9);
    expect_partial("bytes=-2", 10, 8, 2);
    expect_partial("bytes=-15", 10, 0, 10);
    expect_partial("bytes=0-100", 10, 0, 10);
    expect_partial("bytes=9-9", 10, 9, 1);
    expect_partial("bytes=0-0", 10, 0, 1);
    expect_partial("BYTES=0-0", 10, 0, 1);
    cr_assert_eq(answer("bytes=-0", 10), RANGE_UNSATISFIABLE);
    cr_assert_eq(answer("bytes=100-200", 10), RANGE_UNSATISFIABLE);
    cr_assert_eq(answer("bytes=10-", 10), RANGE_UNSATISFIABLE);
    cr_assert_eq(first, 4711, "untouched when unsatisfiable");
}

Test(range, RNG_02_what_is_ignored)
{
    static const char *const ignored[] = {
        "bytes=1-0",  "bytes=-1-",  "bytes=0--1", "bytes=-",    "bytes=0-1,3-4", "bytes=5-2", "bytes=a-b",
        "items=0-1",  "bytes",      "bytes=",     "",           "bytes 0-1",     "bytes=0",   "bytes=0x1-2",
        "bytes=+1-2", "bytes= 0-1", "bytes=0 -1", "bytes=0-1 ", "bytes=--1",     "bytes=,",   "bytes=0-,",
        "x"};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        cr_assert_eq(answer(ignored[i], 10), RANGE_WHOLE, "'%s'", ignored[i]);
        cr_assert_eq(first, 0);
        cr_assert_eq(length, 10);
    }
    cr_assert_eq(answer("nonsense", 0), RANGE_WHOLE);
    cr_assert_eq(length, 0);
}

Test(range, RNG_02_numbers_without_bounds)
{
    cr_assert_eq(answer("bytes=18446744073709551615-", 10), RANGE_UNSATISFIABLE);
    cr_assert_eq(answer("bytes=18446744073709551616-", 10), RANGE_UNSATISFIABLE);
    cr_assert_eq(answer("bytes=99999999999999999999999999999-99999999999999999999999999999", 10), RANGE_UNSATISFIABLE);
    expect_partial("bytes=-18446744073709551616", 10, 0, 10);
    expect_partial("bytes=3-18446744073709551615", 10, 3, 7);
    expect_partial("bytes=0-18446744073709551616", 10, 0, 10);
    expect_partial("bytes=0-18446744073709551615", UINT64_MAX, 0, UINT64_MAX);
    expect_partial("bytes=-1", UINT64_MAX, UINT64_MAX - 1, 1);
    cr_assert_eq(answer("bytes=18446744073709551615-", UINT64_MAX), RANGE_UNSATISFIABLE);
}

Test(range, RNG_02_empty_object)
{
    cr_assert_eq(answer("bytes=0-", 0), RANGE_UNSATISFIABLE);
    cr_assert_eq(answer("bytes=0-0", 0), RANGE_UNSATISFIABLE);
    cr_assert_eq(answer("bytes=-1", 0), RANGE_UNSATISFIABLE);
    cr_assert_eq(answer("bytes=-0", 0), RANGE_UNSATISFIABLE);
}

Test(range, RNG_01_ten_thousand_ranges)
{
    static char text[60000] = "bytes=0-1";
    for (size_t n = strlen(text), i = 1; i < 10000; i++, n += 4)
        memcpy(text + n, ",0-1", 5);
    cr_assert_eq(answer(text, 10), RANGE_WHOLE);
}

static enum copy_range_answer copy(const char *value, uint64_t size)
{
    return range_copy_source(bytes_str(value), size, &first, &length);
}

Test(range, MPU_09_copy_source_range)
{
    static const char *const malformed[] = {"bytes=0-",      "bytes=-5",  "bytes=5-2", "0-5",
                                            "bytes=0-1,2-3", "bytes=a-b", "",          "bytes=-"};
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++)
        cr_assert_eq(copy(malformed[i], 10), COPY_RANGE_MALFORMED, "%s", malformed[i]);
    cr_assert_eq(copy("bytes=0-9", 10), COPY_RANGE_OK);
    cr_assert_eq(first, 0);
    cr_assert_eq(length, 10);
    cr_assert_eq(copy("bytes=3-3", 10), COPY_RANGE_OK);
    cr_assert_eq(first, 3);
    cr_assert_eq(length, 1);
    cr_assert_eq(copy("bytes=0-10", 10), COPY_RANGE_PAST_END);
    cr_assert_eq(copy("bytes=0-18446744073709551616", 10), COPY_RANGE_PAST_END);
    cr_assert_eq(copy("bytes=10-11", 10), COPY_RANGE_NO_BYTES);
    cr_assert_eq(copy("bytes=18446744073709551616-18446744073709551617", 10), COPY_RANGE_NO_BYTES);
    cr_assert_eq(copy("bytes=0-0", 0), COPY_RANGE_NO_BYTES);
}
