/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns: a table, a slow matcher to agree with, and what must not take long. */
#include "server/iam/wildcard.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"

static const void *name_itself(struct arena *arena, struct bytes name)
{
    return bytes_cstr(arena, name);
}

/* Values: "ann" for user, "" for empty, "*" for star, none for others. */
static bool value_of(const void *ctx, const void *variable, struct bytes *ret)
{
    (void)ctx;
    if (strcmp(variable, "user") == 0)
        *ret = BYTES_LIT("ann");
    else if (strcmp(variable, "star") == 0)
        *ret = BYTES_LIT("*");
    else if (strcmp(variable, "umlaut") == 0)
        *ret = BYTES_LIT("\xc3\xa9");
    else if (strcmp(variable, "nested") == 0)
        *ret = BYTES_LIT("${user}");
    else if (strcmp(variable, "slash") == 0)
        *ret = BYTES_LIT("a/b");
    else if (strcmp(variable, "empty") == 0)
        *ret = BYTES_NONE;
    else
        return false;
    return true;
}

static bool matches(const char *pattern, struct bytes text)
{
    struct arena *arena = arena_create(0);
    struct wild w, bound;
    bool ok = wild_compile(arena, bytes_str(pattern), WILD_WILDCARDS | WILD_VARIABLES, name_itself, &w) &&
              wild_bind(arena, &w, value_of, NULL, &bound) && wild_match(&bound, text);
    arena_free(arena);
    return ok;
}

Test(wildcard, table)
{
    static const struct {
        const char *pattern, *text;
        bool match;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "a", true},
        {"a", "A", false},
        {"a", "ab", false},
        {"*", "", true},
        {"*", "anything/at all", true},
        {"**", "x", true},
        {"?", "", false},
        {"?", "x", true},
        {"?", "xy", false},
        {"?", "\xc3\xa9", true}, /* one character */
        {"??", "\xc3\xa9", false},
        {"a?c",
         "a\xe2\x82\xac"
         "c",
         true},
        {"*?", "\xc3\xa9", true},
        {"?*", "", false},
        {"*?*", "", false},
        {"*?*?*", "ab", true},
        {"*?*?*", "a", false},
        {"home/*", "home/", true},
        {"home/*", "home/a/b", true},
        {"home/*", "home", false},
        {"*.jpg", "a.jpg", true},
        {"*.jpg", "a.jpg.exe", false},
        {"*.jp?", ".jpg", true},
        {"a*b*c", "abc", true},
        {"a*b*c", "a--b--c", true},
        {"a*b*c", "a--c--b", false},
        {"a*bc", "abcbc", true},
        {"ab*ba", "aba", false}, /* the two ends may not overlap */
        {"a*a", "a", false},
        {"*ab?de*", "xxabxabcdexx", true},
        {"*ab?de*", "xxabxabdexx", false},
        {"*a?", "aab", true},
        {"*a?*", "xxa", false},
        {"*?a", "aa", true},
        {"x*?\xc3\xa9*", "x-\xc3\xa9", true},
        {"*a?b*",
         "a\xc3\xa9"
         "b",
         true},
        {"*a?b?*",
         "--a\xc3\xa9"
         "b\xe2\x82\xac",
         true},
        /* variables */
        {"${user}", "ann", true},
        {"home/${user}/*", "home/ann/x", true},
        {"home/${user}/*", "home/bob/x", false},
        {"home/${ user }", "home/ann", true},
        {"${none}", "", false},
        {"${none}*", "x", false},
        {"${none, 'all'}/x", "all/x", true},
        {"${none,'a}b'}", "a}b", true},
        {"${user, 'all'}", "ann", true},
        {"${none, ''}", "", true},
        {"a${empty}b", "ab", true},
        {"*${empty}", "x", true},
        {"${star}", "x", false},
        {"${star}", "*", true},
        {"${nested}", "${user}", true},
        {"${nested}", "ann", false},
        {"${*}", "*", true},
        {"${*}", "x", false},
        {"${?}${$}", "?$", true},
        {"${$}{user}", "${user}", true},
        {"$user$", "$user$", true},
        /* not variables */
        {"${", "${", false},
        {"${user", "${user", false},
        {"${}", "", false},
        {"${user,all}", "ann", false},
        {"${user,'all}", "ann", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(matches(rows[i].pattern, bytes_str(rows[i].text)), rows[i].match, "%s on %s", rows[i].pattern,
                     rows[i].text);
}

Test(wildcard, POL_10_values_of_variables_are_literal)
{
    cr_assert(!matches("home/${star}/*", BYTES_LIT("home/ann/x")));
    cr_assert(matches("home/${star}/*", BYTES_LIT("home/*/x")));
    cr_assert(matches("home/${umlaut}/*", BYTES_LIT("home/\xc3\xa9/x")));
    cr_assert(matches("home/${slash}/*", BYTES_LIT("home/a/b/x")));
    cr_assert(!matches("home/${nested}/*", BYTES_LIT("home/ann/x")));
    cr_assert(matches("home/${nested}/*", BYTES_LIT("home/${user}/x")));
}

Test(wildcard, without_flags_all_is_literal)
{
    struct arena *arena = arena_create(0);
    struct wild w;
    cr_assert(wild_compile(arena, BYTES_LIT("a*?${x}"), 0, NULL, &w));
    cr_assert(wild_is_literal(&w) && wild_match(&w, BYTES_LIT("a*?${x}")) && !wild_match(&w, BYTES_LIT("ab?${x}")));
    cr_assert(wild_compile(arena, BYTES_LIT("S3:Get*"), WILD_WILDCARDS | WILD_FOLD, NULL, &w));
    cr_assert(wild_match(&w, BYTES_LIT("s3:getobject")));
    arena_free(arena);
}

/* The definition, in code points; slow and plain. */
static bool slow(struct bytes p, struct bytes t)
{
    bool row[64] = {true};
    CHECK(t.n < 63);
    for (size_t i = 0; i < p.n; i++) {
        bool next[64] = {false};
        for (size_t k = 0; k <= t.n; k++) {
            if (p.p[i] == '*')
                next[k] = row[k] || (k && next[k - 1]);
            else if (k && row[k - 1])
                next[k] = p.p[i] == '?' || p.p[i] == t.p[k - 1];
        }
        memcpy(row, next, sizeof row);
    }
    return row[t.n];
}

Test(wildcard, agrees_with_a_slow_matcher)
{
    static const char pattern_letters[] = "ab*?a?b", text_letters[] = "aab";
    unsigned state = 12345;
    size_t good = 0;
    for (int round = 0; round < 200000; round++) {
        char pattern[12], text[24];
        size_t n = 0, m = 0;
        state = state * 1103515245u + 12345u;
        size_t pn = state >> 16 & 7, tn = state >> 20 & 15;
        for (; n < pn; n++) {
            state = state * 1103515245u + 12345u;
            pattern[n] = pattern_letters[(state >> 16) % 7];
        }
        for (; m < tn; m++) {
            state = state * 1103515245u + 12345u;
            text[m] = text_letters[(state >> 16) % 3];
        }
        pattern[n] = 0;
        bool want = slow(bytes_of(pattern, n), bytes_of(text, m));
        good += want;
        cr_assert_eq(matches(pattern, bytes_of(text, m)), want, "%s on %.*s", pattern, (int)m, text);
    }
    cr_assert(good > 1000, "the tries should not all fail");
}

/* Long segments with `?` cross the words of the automaton. */
Test(wildcard, long_segments)
{
    char pattern[1200], text[2600];
    for (size_t len = 60; len <= 1100; len += 13) {
        memset(text, 'a', sizeof text);
        memset(pattern, 'a', sizeof pattern);
        pattern[0] = '*';
        pattern[5] = '?';
        pattern[len - 2] = 'b';
        pattern[len - 1] = '*';
        pattern[len] = 0;
        cr_assert(!matches(pattern, bytes_of(text, sizeof text)), "%zu", len);
        text[2000] = 'b';
        cr_assert(matches(pattern, bytes_of(text, sizeof text)), "%zu", len);
        text[2000 - (len - 2) + 5] = 'x'; /* below the question mark */
        cr_assert(matches(pattern, bytes_of(text, sizeof text)), "%zu", len);
        text[2000 - (len - 2) + 6] = 'x';
        cr_assert(!matches(pattern, bytes_of(text, sizeof text)), "%zu", len);
    }
}

static double milliseconds_for(const char *pattern, struct bytes text, int times)
{
    struct arena *arena = arena_create(0);
    struct wild w;
    cr_assert(wild_compile(arena, bytes_str(pattern), WILD_WILDCARDS, NULL, &w));
    uint64_t start = clock_own_cpu_ns();
    for (int i = 0; i < times; i++)
        cr_assert(!wild_match(&w, text));
    double ms = (double)(clock_own_cpu_ns() - start) / 1e6;
    arena_free(arena);
    return ms;
}

Test(wildcard, POL_09_forty_stars)
{
    char text[1024], pattern[8192], *p = pattern;
    memset(text, 'a', sizeof text);
    for (int i = 0; i < 40; i++, p += 2)
        memcpy(p, "a*", 2);
    memcpy(p, "b", 2);
    /* Generous, for instrumented builds; a matcher that backtracks needs years. */
    cr_assert(milliseconds_for(pattern, bytes_of(text, sizeof text), 1000) < 500);
    memcpy(p, "b*", 3);
    cr_assert(milliseconds_for(pattern, bytes_of(text, sizeof text), 1000) < 500);
    /* One long segment that nearly matches everywhere, with question marks so that it is no plain search. */
    memset(pattern, 'a', sizeof pattern);
    memcpy(pattern, "*?", 2);
    memcpy(pattern + 500, "b*", 3);
    cr_assert(milliseconds_for(pattern, bytes_of(text, sizeof text), 100) < 500);
}

static const char *arn_row(const char *pattern, const char *text)
{
    struct arena *arena = arena_create(0);
    struct arn_pattern p, bound;
    struct arn arn;
    const char *ret = "refused";
    if (arn_compile(arena, bytes_str(pattern), WILD_WILDCARDS | WILD_VARIABLES, name_itself, &p)) {
        bool split = arn_split(bytes_str(text), &arn);
        bool ok = arn_bind(arena, &p, value_of, NULL, &bound) && arn_match(&bound, split ? &arn : NULL);
        ret = ok ? "yes" : "no";
    }
    arena_free(arena);
    return ret;
}

Test(wildcard, arns_match_part_by_part)
{
    static const char *const rows[][3] = {
        {"*", "arn:aws:s3:::b/k", "yes"},
        {"*", "no arn", "yes"},
        {"arn:aws:s3:::b/k", "arn:aws:s3:::b/k", "yes"},
        {"arn:aws:s3:::b/*", "arn:aws:s3:::b/k:with:colons", "yes"},
        {"arn:aws:s3:::b/*", "arn:aws:s3:::b", "no"},
        {"arn:aws:s3:::b", "arn:aws:s3:::b/k", "no"},
        {"arn:aws:s3:::B", "arn:aws:s3:::b", "no"},
        {"arn:aws:*:*:*:b", "arn:aws:s3:::b", "yes"},
        {"arn:*:s3:::*", "arn:aws:s3:::b/x/y", "yes"},
        {"arn:aws*:b:c:d", "arn:aws:x:y:z:b:c:d", "refused"},
        {"arn:a*:::*:b", "arn:aws:s3:::b", "no"}, /* no star reaches over a colon */
        {"arn:aws:iam::*:user/x", "arn:aws:iam::1:2:user/x", "no"},
        {"arn:aws:iam::*:user/*", "arn:aws:iam::123:user/a/b", "yes"},
        {"arn:aws:s3:::", "arn:aws:s3:::", "yes"},
        {"arn:aws:s3", "arn:aws:s3:::b", "refused"},
        {"arn:aws:s3:::${user}/*", "arn:aws:s3:::ann/k", "yes"},
        {"arn:aws:iam::${user}:x", "arn:aws:iam::ann:x", "yes"},
        {"arn:aws:s3:::${none, 'a:b'}", "arn:aws:s3:::a:b", "yes"},
        {"arn:aws:iam::${*}:x", "arn:aws:iam::*:x", "yes"}, /* a literal star in the head */
        {"arn:aws:iam::${*}:x", "arn:aws:iam::${*}:x", "no"},
        {"arn:aws:s3:::b/*", "no arn", "no"},
        {"arn:aws:s3:::b/*", "", "no"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(arn_row(rows[i][0], rows[i][1]), rows[i][2], "%s on %s", rows[i][0], rows[i][1]);
}

Test(wildcard, what_could_match)
{
    struct arena *arena = arena_create(0);
    static const struct {
        const char *pattern, *prefix;
        bool may;
    } rows[] = {
        {"bkt/a", "bkt/", true}, {"bkt", "bkt/", false},     {"bk?/x", "bkt/", true},     {"*", "bkt/", true},
        {"b*", "bkt/", true},    {"other/*", "bkt/", false}, {"${user}/x", "bkt/", true}, {"bkt/", "bkt/", true},
        {"bk??", "bkt/", true},  {"bk?", "bkt/", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wild w;
        cr_assert(wild_compile(arena, bytes_str(rows[i].pattern), WILD_WILDCARDS | WILD_VARIABLES, name_itself, &w));
        cr_expect_eq(wild_may_start(&w, bytes_str(rows[i].prefix)), rows[i].may, "%s", rows[i].pattern);
    }
    arena_free(arena);
}
