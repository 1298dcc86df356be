/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of form uploads: what they may look like, and what a form that they cover may say. */
#include "server/auth/post_policy.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"

#define EXPIRES "\"expiration\": \"2030-01-01T12:00:00.000Z\""
#define NOW     1700000000000

static struct arena *arena;

static void setup(void)
{
    arena = arena_create(0);
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(post_policy, .init = setup, .fini = teardown);

static bool parse(struct bytes json, struct post_policy *ret, struct bytes *message)
{
    char *text = arena_alloc(arena, base64_len(json.n) + 1);
    base64_encode(json.p, json.n, text);
    *message = BYTES_LIT("");
    return post_policy_parse(arena, bytes_of(text, base64_len(json.n)), ret, message);
}

static void malformed(const char *json, const char *why)
{
    struct post_policy p;
    struct bytes message;
    cr_expect_not(parse(bytes_str(json), &p, &message), "%.100s", json);
    cr_expect(bytes_find(message, bytes_str(why), 0) >= 0, "%.100s: %.*s", json, (int)message.n, message.p);
}

/* A form of up to four fields against conditions; NULL: allowed, else a part of the message. */
static void check(const char *conditions, const char *const fields[8], const char *refused)
{
    struct post_policy p;
    struct bytes message;
    struct auth_param list[4];
    size_t n = 0;
    for (; n < 4 && fields[2 * n]; n++)
        list[n] = (struct auth_param){bytes_str(fields[2 * n]), bytes_str(fields[2 * n + 1])};
    const char *json = arena_printf(arena, "{" EXPIRES ", \"conditions\": [%s]}", conditions);
    cr_assert(parse(bytes_str(json), &p, &message), "%s: %.*s", json, (int)message.n, message.p);
    bool good = post_policy_check(&p, list, n, BYTES_LIT("bucket"), NOW, arena, &message);
    cr_expect_eq(good, refused == NULL, "%s: %.*s", conditions, (int)message.n, message.p);
    if (refused && !good)
        cr_expect(bytes_find(message, bytes_str(refused), 0) >= 0, "%s: %.*s", conditions, (int)message.n, message.p);
}

#define FORM(...) ((const char *const[8]){__VA_ARGS__})

Test(post_policy, conditions)
{
    check("{\"key\": \"a\"}", FORM("key", "a"), NULL);
    check("{\"KEY\": \"a\"}", FORM("Key", "a"), NULL);
    check("{\"key\": \"a\"}", FORM("key", "A"), "Policy Condition failed: [\"eq\", \"$key\", \"a\"]");
    check("[\"EQ\", \"$key\", \"a\"]", FORM("key", "a"), NULL);
    check("[\"eq\", \"$key\", \"a\"]", FORM("key", "ab"), "Policy Condition failed");
    check("[\"starts-with\", \"$key\", \"a\"]", FORM("key", "ab"), NULL);
    check("[\"starts-with\", \"$key\", \"a\"]", FORM("key", "b"), "[\"starts-with\", \"$key\", \"a\"]");
    check("[\"Starts-With\", \"$key\", \"\"]", FORM("key", "b"), NULL);
    check("{\"success_action_status\": 201}", FORM("success_action_status", "201"), NULL);
    check("{\"key\": \"a\"}, {\"key\": \"b\"}", FORM("key", "a"), "Policy Condition failed");
    check("{\"key\": \"a\"}, {\"acl\": \"private\"}", FORM("key", "a"), "\"$acl\"");
    check("[\"starts-with\", \"$Content-Type\", \"image/\"]", FORM("Content-Type", "image/png, image/gif"), NULL);
    check("[\"starts-with\", \"$Content-Type\", \"image/\"]", FORM("Content-Type", "image/png,text/html"), "image/");
    check("[\"starts-with\", \"$key\", \"a,\"]", FORM("key", "a,b"), NULL);
}

Test(post_policy, PST_04_every_field_is_covered)
{
    static const char *const fields[] = {"acl",
                                         "tagging",
                                         "x-amz-meta-a",
                                         "x-amz-object-lock-mode",
                                         "x-amz-server-side-encryption",
                                         "x-amz-security-token",
                                         "Content-Type",
                                         "bucket",
                                         "success_action_redirect",
                                         "x-amz-algorithm"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        check("{\"key\": \"a\"}", FORM("key", "a", fields[i], "x"), "Extra input fields: ");
    check("{\"key\": \"a\"}", FORM("key", "a", "x-ignore-this", "x", "Policy", "x", "AWSAccessKeyId", "x"), NULL);
    check("{\"key\": \"a\"}", FORM("key", "a", "Signature", "x", "X-Amz-Signature", "x"), NULL);
}

Test(post_policy, PST_06_the_bucket_is_the_routed_one)
{
    check("{\"key\": \"a\"}, {\"bucket\": \"bucket\"}", FORM("key", "a"), NULL);
    check("{\"key\": \"a\"}, {\"bucket\": \"other\"}", FORM("key", "a", "bucket", "other"), "$bucket");
    check("{\"key\": \"a\"}, [\"starts-with\", \"$bucket\", \"buck\"]", FORM("key", "a", "bucket", "x"), NULL);
}

Test(post_policy, ranges)
{
    struct post_policy p;
    struct bytes message;
    cr_assert(parse(BYTES_LIT("{" EXPIRES ", \"conditions\": [[\"content-length-range\", 1, 10], "
                              "[\"Content-Length-Range\", \"2\", 20]]}"),
                    &p, &message));
    cr_expect_eq(p.size_min, 2);
    cr_expect_eq(p.size_max, 10);
    check("[\"content-length-range\", \"a\", 10]", FORM(NULL), "[\"content-length-range\", \"a\", 10]");
}

Test(post_policy, PST_09_expiration)
{
    struct post_policy p;
    struct bytes message;
    cr_assert(parse(BYTES_LIT("{" EXPIRES ", \"conditions\": []}"), &p, &message));
    cr_expect(post_policy_check(&p, NULL, 0, BYTES_LIT("b"), p.expires_ms - 1, arena, &message));
    cr_expect_not(post_policy_check(&p, NULL, 0, BYTES_LIT("b"), p.expires_ms, arena, &message));
    cr_expect(bytes_eq_str(message, "Invalid according to Policy: Policy expired."));
    malformed("{\"conditions\": []}", "Policy missing expiration.");
    malformed("{\"EXPIRATION\": \"2030-01-01T12:00:00Z\", \"conditions\": []}", "Unexpected: 'EXPIRATION'");
    static const char *const dates[] = {
        "\"soon\"", "\"2030-01-01\"", "\"2030-01-01T12:00:00\"",  "\"\"",
        "1",        "null",           "\"2030-13-01T12:00:00Z\"", "\"2030-01-01T12:00:00+01:00\""};
    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        malformed(arena_printf(arena, "{\"expiration\": %s, \"conditions\": []}", dates[i]),
                  "Invalid 'expiration' value");
}

Test(post_policy, PST_12_malformed_documents)
{
    static const char *const conditions[] = {"{}",
                                             "{\"a\": \"b\", \"c\": \"d\"}",
                                             "{\"a\": null}",
                                             "{\"a\": [\"b\"]}",
                                             "[]",
                                             "[\"eq\"]",
                                             "\"eq\"",
                                             "1",
                                             "[\"eq\", \"$key\"]",
                                             "[\"eq\", \"key\", \"x\"]",
                                             "[\"eq\", \"$\", \"x\"]",
                                             "[\"eq\", \"$key\", 1]",
                                             "[\"eq\", \"$key\", \"x\", \"y\"]",
                                             "[\"like\", \"$key\", \"x\"]",
                                             "[\"content-length-range\", 0]",
                                             "[\"content-length-range\", -1, 10]",
                                             "[\"content-length-range\", 0, 1.5]",
                                             "[\"content-length-range\", 0, 1, 2]",
                                             "[\"content-length-range\", null, 1]",
                                             "{\"a\": \"b\", \"a\": \"b\"}"};
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        malformed(arena_printf(arena, "{" EXPIRES ", \"conditions\": [%s]}", conditions[i]), "Invalid Policy: ");
    static const char *const texts[] = {"",
                                        "null",
                                        "[]",
                                        "{}",
                                        "{" EXPIRES "}",
                                        "{" EXPIRES ", \"conditions\": {}}",
                                        "{" EXPIRES ", \"CONDITIONS\": []}",
                                        "{" EXPIRES ", \"conditions\": []} x",
                                        "{\"\\u0000\": 1}",
                                        "{" EXPIRES ", " EXPIRES ", \"conditions\": []}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        malformed(texts[i], "Invalid Policy: ");
    struct post_policy p;
    struct bytes message;
    cr_expect_not(parse(BYTES_LIT("{\0}"), &p, &message));
    cr_expect_not(post_policy_parse(arena, BYTES_LIT("no base64!"), &p, &message));
    cr_expect_not(post_policy_parse(arena, BYTES_LIT(""), &p, &message));
    size_t deep = 100000;
    char *nested = arena_alloc(arena, deep);
    memset(nested, '[', deep);
    cr_expect_not(parse(bytes_of(nested, deep), &p, &message));
}

Test(post_policy, old_encoders_wrap_lines)
{
    struct post_policy p;
    struct bytes message;
    struct bytes json = BYTES_LIT("{" EXPIRES ", \"conditions\": []}");
    char text[200];
    base64_encode(json.p, json.n, text);
    struct bytes wrapped = arena_bytesf(arena, "%.*s\r\n%.*s\n", 20, text, (int)base64_len(json.n) - 20, text + 20);
    cr_expect(post_policy_parse(arena, wrapped, &p, &message), "%.*s", (int)message.n, message.p);
}
