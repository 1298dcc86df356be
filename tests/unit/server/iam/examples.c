/* SPDX-License-Identifier: Apache-2.0 */
/* Names to try under a pattern. */
#include "server/iam/examples.h"

#include <criterion/criterion.h>

#include "base/arena.h"

static size_t examples(struct arena *a, const char *policy, const char *pattern, struct bytes *ret)
{
    struct iam_policy_error error;
    const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    const struct iam_policy *p = iam_policy_parse(a, &rules, bytes_str(policy), &error);
    static struct iam_context context;
    cr_assert_not_null(p);
    iam_context_init(&context, a);
    struct iam_request q = {.context = &context, .identity = {&p, 1}};
    return iam_examples(a, &q, bytes_str(pattern), ret);
}

#define POLICY(resources)                                                                                              \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":[" resources    \
    "]},{\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::b/denied/*\"}]}"

Test(iam_examples, what_policies_name_below_the_pattern)
{
    struct arena *a = arena_create(0);
    struct bytes out[IAM_EXAMPLES_MAX];
    size_t n = examples(a, POLICY("\"arn:aws:s3:::b/up/*.txt\",\"arn:aws:s3:::c/*\",\"*\",\"arn:aws:s3:::b/one?\""),
                        "arn:aws:s3:::b/*", out);
    cr_assert_eq(n, 3);
    cr_expect(bytes_eq_str(out[0], "arn:aws:s3:::b/x"));
    cr_expect(bytes_eq_str(out[1], "arn:aws:s3:::b/up/x.txt"));
    cr_expect(bytes_eq_str(out[2], "arn:aws:s3:::b/onex"));
    cr_expect_eq(examples(a, POLICY("\"arn:aws:s3:::b/${aws:username}/*\""), "arn:aws:s3:::b/*", out), 1,
                 "a variable without a value");
    cr_expect_eq(examples(a, POLICY("\"*\""), "nonsense*", out), 0);
    cr_expect_eq(examples(a, POLICY("\"*\""), "*", out), 0);
    arena_free(a);
}

Test(iam_examples, bounded)
{
    struct arena *a = arena_create(0);
    struct bytes out[IAM_EXAMPLES_MAX];
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_put_str(&text,
                "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":[");
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "%s\"arn:aws:s3:::b/%d/*\"", i ? "," : "", i);
    buf_put_str(&text, "]}]}");
    buf_put_char(&text, '\0');
    cr_expect_eq(examples(a, text.p, "arn:aws:s3:::b/*", out), IAM_EXAMPLES_MAX);
    char pattern[4000] = "arn:aws:s3:::b/";
    for (size_t i = 15; i < sizeof pattern - 2; i++)
        pattern[i] = i % 2 ? 'a' : '?';
    cr_expect_eq(examples(a, POLICY("\"*\""), pattern, out), 0, "too long to try");
    buf_fini(&text);
    arena_free(a);
}
