/* SPDX-License-Identifier: Apache-2.0 */
/* Depth of JSON before the library sees it. */
#include "server/json_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bool reads(const char *text)
{
    json_t *j = json_read(bytes_str(text));
    json_decref(j);
    return j != NULL;
}

Test(json_text, brackets_in_strings_do_not_count)
{
    cr_assert(!json_deeper_than(BYTES_LIT("{\"a\":\"[[[[{{{{\"}"), 1));
    cr_assert(!json_deeper_than(BYTES_LIT("{\"a\\\"[[[\":1}"), 1));
    cr_assert(json_deeper_than(BYTES_LIT("{\"a\":[1]}"), 1));
    cr_assert(!json_deeper_than(BYTES_LIT("[[],[],[[]]]"), 3));
    cr_assert(!json_deeper_than(BYTES_NONE, 0));
}

Test(json_text, documents)
{
    cr_assert(reads("{}") && reads("[1,{\"a\":null}]"));
    cr_assert(!reads("") && !reads("{") && !reads("{\"a\":1,\"a\":2}") && !reads("{}{}"));
}

Test(json_text, a_hundred_thousand_levels)
{
    size_t n = 100000;
    char *text = malloc(2 * n);
    memset(text, '[', n);
    memset(text + n, ']', n);
    cr_assert_null(json_read(bytes_of(text, 2 * n)));
    cr_assert(json_deeper_than(bytes_of(text, n), JSON_DEPTH_MAX));
    free(text);
}
