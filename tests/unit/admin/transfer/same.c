/* SPDX-License-Identifier: Apache-2.0 */
/* What of a history is there already. */
#include "admin/transfer/same.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"

static const char *source, *there;

static bool same_letter(void *arg, size_t i, size_t have)
{
    (void)arg;
    return source[i] == there[have];
}

Test(transfer_same, what_of_a_history_is_there)
{
    static const struct {
        const char *source, *there;
        size_t overlap;
        bool conflict;
    } rows[] = {
        {"abc", "", 0, false},    {"abc", "a", 1, false},  {"abc", "abc", 3, false}, {"aaa", "aa", 2, false},
        {"bcd", "abc", 2, false}, /* the source has lost its first */
        {"abc", "x", 0, true},    {"abc", "abx", 0, true}, {"abab", "ab", 2, false}, {"ab", "abab", 2, false},
        {"a", "ba", 1, false},    {"aab", "a", 1, false},  {"abc", "b", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool conflict = false;
        source = rows[i].source;
        there = rows[i].there;
        size_t got = same_overlap(strlen(source), strlen(there), same_letter, NULL, &conflict);
        cr_expect(got == rows[i].overlap && conflict == rows[i].conflict, "%s %s: %zu", source, there, got);
    }
}
