/* SPDX-License-Identifier: Apache-2.0 */
/* Which CORS rule speaks for a request. */
#include "server/cors.h"

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/xml/documents.h"

Test(cors, patterns)
{
    static const struct {
        const char *pattern, *text;
        bool any_case, fits;
    } rows[] = {
        {"*", "", false, true},
        {"*", "https://a.example", false, true},
        {"https://a.example", "https://a.example", false, true},
        {"https://a.example", "https://A.example", false, false},
        {"https://a.example", "https://A.example", true, true},
        {"https://*.example", "https://a.b.example", false, true},
        {"https://*.example", "https://.example", false, true},
        {"https://*.example", "https://example", false, false},
        {"https://*.example", "https://a.example.evil", false, false},
        {"aXa*aXa", "aXaXa", false, false}, /* the ends must not overlap */
        {"x-amz-*", "X-Amz-Meta-A", true, true},
        {"x-amz-*", "X-Am", true, false},
        {"", "", false, true},
        {"", "x", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(cors_fits(bytes_str(rows[i].pattern), bytes_str(rows[i].text), rows[i].any_case), rows[i].fits,
                     "%s %s", rows[i].pattern, rows[i].text);
}

static struct bytes one_origin[] = {{"https://a", 9}}, all[] = {{"*", 1}}, get_put[] = {{"GET", 3}, {"PUT", 3}},
                    get[] = {{"GET", 3}}, some[] = {{"x-amz-*", 7}, {"Content-Type", 12}};
static struct xml_cors_rule rules[] = {
    {.origins = one_origin, .n_origins = 1, .methods = get_put, .n_methods = 2, .headers = some, .n_headers = 2},
    {.origins = all, .n_origins = 1, .methods = get, .n_methods = 1},
    {.origins = one_origin, .n_origins = 1, .methods = get_put, .n_methods = 2, .headers = all, .n_headers = 1},
};

/* The number of the rule, -1: none. */
static int matched(const char *origin, const char *method, const char *headers)
{
    struct xml_cors cors = {rules, ARRAY_LEN(rules)};
    struct cors_request q = {bytes_str(origin), bytes_str(method), bytes_str(headers)};
    const struct xml_cors_rule *rule = cors_match(&cors, &q);
    return rule ? (int)(rule - rules) : -1;
}

Test(cors, the_first_rule_that_has_all_of_it)
{
    cr_expect_eq(matched("https://a", "PUT", NULL), 0);
    cr_expect_eq(matched("https://a", "PUT", "x-amz-meta-q, CONTENT-TYPE"), 0);
    cr_expect_eq(matched("https://a", "PUT", "x-amz-meta-q,other"), 2);
    cr_expect_eq(matched("https://b", "GET", NULL), 1);
    cr_expect_eq(matched("https://b", "GET", ""), 1);
    cr_expect_eq(matched("https://b", "GET", " , "), 1);
    cr_expect_eq(matched("https://b", "GET", "range"), -1);
    cr_expect_eq(matched("https://b", "PUT", NULL), -1);
    cr_expect_eq(matched("https://a", "put", NULL), -1);
    cr_expect_eq(matched("https://a", "HEAD", NULL), -1);
    cr_expect_eq(matched("null", "GET", NULL), 1);
}

Test(cors, too_many_headers_match_nothing)
{
    struct buf list;
    buf_init(&list, 1 << 20);
    for (int i = 0; i < CORS_NAMES_MAX; i++)
        buf_put_str(&list, i ? ",x-amz-a" : "x-amz-a");
    buf_put_char(&list, '\0');
    cr_expect_eq(matched("https://a", "PUT", list.p), 0);
    list.n--;
    buf_put(&list, ",x-amz-a\0", 9);
    cr_expect_eq(matched("https://a", "PUT", list.p), -1);
    buf_fini(&list);
}
