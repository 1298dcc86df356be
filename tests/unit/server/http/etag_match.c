/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of entity tags as clients send them. */
#include "server/http/etag_match.h"

#include <criterion/criterion.h>

static bool match(const char *header)
{
    return etag_list_matches(bytes_str(header), BYTES_LIT("abc-2"));
}

static enum etag_list_form form(const char *header)
{
    return etag_list_form(bytes_str(header));
}

Test(etag_match, CND_03_quotes_weak_and_lists)
{
    cr_assert(match("\"abc-2\""));
    cr_assert(match("abc-2"));
    cr_assert(match("W/\"abc-2\""));
    cr_assert(match("W/abc-2"));
    cr_assert(match("*"));
    cr_assert(match(" * "));
    cr_assert(match("\"x\", \"abc-2\""));
    cr_assert(match("x,abc-2,y"));
    cr_assert(match(",, ,abc-2"));
    cr_assert(match("\"a,b\" , W/\"abc-2\""));
    cr_assert_not(match("\"abc\""));
    cr_assert_not(match("abc-22"));
    cr_assert_not(match("ABC-2"));
    cr_assert_not(match("\"*\""));
    cr_assert_not(match("*, x"));
    cr_assert_not(match("\"x,abc-2,y\""));
    cr_assert_not(match(""));
    cr_assert_not(match(","));
    cr_assert_not(match("\""));
    cr_assert_not(match("W/"));
    cr_assert_not(match("\"x,abc-2"));
}

Test(etag_match, CND_03_forms)
{
    cr_assert_eq(form("*"), ETAG_LIST_STAR);
    cr_assert_eq(form("\"*\""), ETAG_LIST_ONE);
    cr_assert_eq(form("\"a,b\""), ETAG_LIST_ONE);
    cr_assert_eq(form("a"), ETAG_LIST_ONE);
    cr_assert_eq(form(",a,"), ETAG_LIST_ONE);
    cr_assert_eq(form("a,b"), ETAG_LIST_MANY);
    cr_assert_eq(form("*,b"), ETAG_LIST_MANY);
    cr_assert_eq(form(""), ETAG_LIST_EMPTY);
    cr_assert_eq(form(" , "), ETAG_LIST_EMPTY);
    cr_assert_eq(etag_list_form(BYTES_NONE), ETAG_LIST_EMPTY);
}

Test(etag_match, unquote)
{
    cr_assert(bytes_eq_str(etag_unquote(BYTES_LIT(" W/\"a\" ")), "a"));
    cr_assert(bytes_eq_str(etag_unquote(BYTES_LIT("a")), "a"));
    cr_assert(bytes_eq_str(etag_unquote(BYTES_LIT("\"\"")), ""));
    cr_assert(bytes_eq_str(etag_unquote(BYTES_LIT("\"")), ""));
    cr_assert(bytes_eq_str(etag_unquote(BYTES_LIT("")), ""));
}
