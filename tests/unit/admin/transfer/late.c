/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed run's request wrote once more. */
#include "admin/transfer/late.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"

static const char *source, *there;

static bool same_letter(void *arg, size_t i, size_t t)
{
    (void)arg;
    return source[i] == there[t];
}

static bool copy_of(void *arg, size_t t, size_t earlier)
{
    (void)arg;
    return there[t] == there[earlier];
}

Test(transfer_late, which_versions_are_one_too_many)
{
    static const struct {
        const char *source, *there, *excess; /* NULL: another history */
    } rows[] = {
        {"abc", "", ""},
        {"abc", "abc", "   "},
        {"abc", "ab", "  "},
        {"abc", "aab", " x "},
        {"abc", "abac", "  x "},
        {"abc", "abca", "   x"},
        {"aabc", "aaabc", "  x  "},
        {"aabc", "aa", "  "},
        {"abac", "abaac", "   x "},
        {"abc", "abbb", "  xx"},
        {"", "", ""},
        {"abc", "x", NULL},
        {"abc", "abx", NULL},
        {"abc", "ac", NULL},
        {"", "a", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool excess[8] = {false};
        char got[8] = "";
        source = rows[i].source;
        there = rows[i].there;
        size_t n = strlen(there);
        bool good = late_excess(strlen(source), n, same_letter, copy_of, NULL, excess);
        for (size_t t = 0; t < n; t++)
            got[t] = excess[t] ? 'x' : ' ';
        cr_expect_eq(good, rows[i].excess != NULL, "%s %s", source, there);
        cr_expect(!good || strcmp(got, rows[i].excess) == 0, "%s %s: '%s'", source, there, got);
    }
}
