/* SPDX-License-Identifier: Apache-2.0 */
/* Policy documents: what is taken, what is refused and with which words, and which bucket policies are public. */
#include "server/iam/policy.h"

#include <stdio.h>

#include "base/check.h"
#include "tests/unit/server/iam/fixture.h"

#define STATEMENT(rest) "{\"Version\":\"2012-10-17\",\"Statement\":[{" rest "}]}"
#define ALLOW_ALL       "\"Effect\":\"Allow\",\"Principal\":\"*\","
#define GET_OBJECTS     "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bkt/*\""
#define IDENTITY_ALLOW  "\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\""

/* The complaint, or "ok". */
static const char *complaint(struct arena *arena, enum iam_policy_kind kind, struct bytes text)
{
    struct iam_policy_rules rules = {.kind = kind, .bucket = BYTES_LIT("bkt")};
    struct iam_policy_error error;
    if (iam_policy_parse(arena, &rules, text, &error))
        return "ok";
    return bytes_cstr(arena, error.message);
}

struct row {
    const char *text, *message;
};

static void check_rows(enum iam_policy_kind kind, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct arena *arena = arena_create(0);
        cr_expect_str_eq(complaint(arena, kind, bytes_str(rows[i].text)), rows[i].message, "%s", rows[i].text);
        arena_free(arena);
    }
}

#define NOT_JSON     "Policies must be valid JSON and the first byte must be '{'"
#define SYNTAX       "Invalid policy syntax."
#define NO_PRINCIPAL "Invalid principal in policy"
#define ACTION       "Policy has invalid action"
#define RESOURCE     "Policy has invalid resource"
#define UNFIT        "Conditions do not apply to combination of actions and resources in statement"
#define USELESS      "Action does not apply to any resource(s) in statement"

Test(policy, bucket_policies_in_S3s_words)
{
    static const struct row rows[] = {
        {STATEMENT(ALLOW_ALL GET_OBJECTS), "ok"},
        {"{\"Statement\":{" ALLOW_ALL GET_OBJECTS "}}", "ok"}, /* no Version, no array */
        {"{\"Version\":\"2008-10-17\",\"Id\":\"x y\",\"Statement\":[{\"Sid\":\"with spaces.\"," ALLOW_ALL GET_OBJECTS
         "}]}",
         "ok"},
        {"", NOT_JSON},
        {"null", NOT_JSON},
        {"[]", NOT_JSON},
        {"\"text\"", NOT_JSON},
        {" {}", NOT_JSON},
        {"{", NOT_JSON},
        {"{} {}", NOT_JSON},
        {"{\"Statement\":[]", NOT_JSON},
        {"{}", "Missing required field Statement"},
        {"{\"Version\":\"2012-10-17\"}", "Missing required field Statement"},
        {"{\"Version\":\"2012-10-18\",\"Statement\":[]}", "The policy must contain a valid version string"},
        {"{\"Version\":2012,\"Statement\":[]}", "The policy must contain a valid version string"},
        {"{\"Statement\":[]}", SYNTAX},
        {"{\"Statement\":\"x\"}", SYNTAX},
        {"{\"Statement\":[[]]}", SYNTAX},
        {"{\"Statement\":[null]}", SYNTAX},
        {"{\"Id\":7,\"Statement\":{" ALLOW_ALL GET_OBJECTS "}}", SYNTAX},
        {"{\"id\":\"x\",\"Statement\":{" ALLOW_ALL GET_OBJECTS "}}", "Unknown field id"},
        {STATEMENT("\"Extra\":1," ALLOW_ALL GET_OBJECTS), "Unknown field Extra"},
        {STATEMENT("\"Principal\":\"*\"," GET_OBJECTS), "Missing required field Effect"},
        {STATEMENT("\"Effect\":\"allow\",\"Principal\":\"*\"," GET_OBJECTS), "Invalid effect: allow"},
        {STATEMENT("\"Effect\":[\"Allow\"],\"Principal\":\"*\"," GET_OBJECTS), "Invalid effect: "},
        {STATEMENT("\"Effect\":\"Allow\"," GET_OBJECTS), "Missing required field Principal"},
        {STATEMENT(ALLOW_ALL "\"Resource\":\"arn:aws:s3:::bkt/*\""), "Missing required field Action"},
        {STATEMENT(ALLOW_ALL "\"Action\":\"s3:GetObject\""), "Missing required field Resource"},
        {STATEMENT(ALLOW_ALL "\"NotAction\":\"s3:PutObject\"," GET_OBJECTS), SYNTAX},
        {STATEMENT(ALLOW_ALL "\"NotResource\":\"arn:aws:s3:::bkt/*\"," GET_OBJECTS), SYNTAX},
        {STATEMENT("\"NotPrincipal\":\"*\"," ALLOW_ALL GET_OBJECTS), SYNTAX},
        {STATEMENT("\"Sid\":7," ALLOW_ALL GET_OBJECTS), SYNTAX},
        {"{\"Statement\":[{\"Sid\":\"a\"," ALLOW_ALL GET_OBJECTS "},{\"Sid\":\"a\"," ALLOW_ALL GET_OBJECTS "}]}",
         SYNTAX},
        {"{\"Statement\":[{\"Sid\":\"\"," ALLOW_ALL GET_OBJECTS "},{\"Sid\":\"\"," ALLOW_ALL GET_OBJECTS "}]}", "ok"},
        /* everybody but some: only to deny */
        {STATEMENT("\"Effect\":\"Allow\",\"NotPrincipal\":{\"AWS\":\"111122223333\"}," GET_OBJECTS), SYNTAX},
        {STATEMENT("\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"111122223333\"}," GET_OBJECTS), "ok"},
    };
    check_rows(IAM_POLICY_BUCKET, rows, ARRAY_LEN(rows));
}

#define WITH_PRINCIPAL(p) STATEMENT("\"Effect\":\"Allow\",\"Principal\":" p "," GET_OBJECTS)

Test(policy, principals)
{
    static const struct row rows[] = {
        {WITH_PRINCIPAL("\"*\""), "ok"},
        {WITH_PRINCIPAL("{\"AWS\":\"*\"}"), "ok"},
        {WITH_PRINCIPAL("{\"AWS\":\"111122223333\"}"), "ok"},
        {WITH_PRINCIPAL("{\"AWS\":[\"arn:aws:iam::111122223333:root\",\"" USER_ARN "\",\"" ROLE_ARN "\"]}"), "ok"},
        {WITH_PRINCIPAL("{\"AWS\":\"" SESSION_ARN "\"}"), "ok"},
        {WITH_PRINCIPAL("{\"AWS\":\"" FEDERATED_ARN "\"}"), "ok"},
        {WITH_PRINCIPAL("{\"AWS\":\"AIDA00000000000000001\"}"), "ok"},
        {WITH_PRINCIPAL("{\"CanonicalUser\":\"" CANONICAL "\"}"), "ok"},
        {WITH_PRINCIPAL("{\"Service\":\"logging.s3.amazonaws.com\"}"), "ok"},
        {WITH_PRINCIPAL("{\"Federated\":\"graph.facebook.com\"}"), "ok"},
        {WITH_PRINCIPAL("{\"Federated\":\"arn:aws:iam::111122223333:oidc-provider/id.example\",\"AWS\":\"*\"}"), "ok"},
        {WITH_PRINCIPAL("\"111122223333\""), NO_PRINCIPAL},
        {WITH_PRINCIPAL("[\"*\"]"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("null"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":[]}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":7}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"aws\":\"*\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"User\":\"*\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"11112222333\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"arn:aws:iam::*:root\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"arn:aws:iam::111122223333:user/*\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"arn:aws:iam::111122223333:user/\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"arn:aws:iam::111122223333:group/g\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"arn:aws:sts::111122223333:assumed-role/r\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"arn:aws:sts::111122223333:user/r\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"arn:aws:s3:::bkt\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"AWS\":\"${aws:username}\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"CanonicalUser\":\"*\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"CanonicalUser\":\"abc\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"Service\":\"*\"}"), NO_PRINCIPAL},
        {WITH_PRINCIPAL("{\"Federated\":\"*\"}"), NO_PRINCIPAL},
    };
    check_rows(IAM_POLICY_BUCKET, rows, ARRAY_LEN(rows));
}

static bool exists(const void *ctx, const struct iam_principal *p)
{
    return bytes_eq_str(p->value, ctx);
}

Test(policy, unknown_principals_are_refused_when_asked)
{
    struct arena *arena = arena_create(0);
    struct iam_policy_rules rules = {.kind = IAM_POLICY_BUCKET, .bucket = BYTES_LIT("bkt"), .principal_exists = exists};
    struct iam_policy_error error;
    struct bytes text = BYTES_LIT(WITH_PRINCIPAL("{\"AWS\":\"arn:aws:iam::111122223333:root\"}"));
    rules.ctx = "111122223333";
    cr_assert(iam_policy_parse(arena, &rules, text, &error));
    rules.ctx = "999922223333";
    cr_assert(!iam_policy_parse(arena, &rules, text, &error));
    cr_assert(bytes_eq_str(error.message, NO_PRINCIPAL));
    arena_free(arena);
}

#define WITH_ACTION(a, r) STATEMENT(ALLOW_ALL "\"Action\":" a ",\"Resource\":" r)
#define BUCKET            "\"arn:aws:s3:::bkt\""
#define OBJECTS           "\"arn:aws:s3:::bkt/*\""

Test(policy, actions_and_resources_of_buckets)
{
    static const struct row rows[] = {
        {WITH_ACTION("\"S3:getOBJECT\"", OBJECTS), "ok"},
        {WITH_ACTION("\"s3:*\"", OBJECTS), "ok"},
        {WITH_ACTION("\"*\"", BUCKET), "ok"},
        {WITH_ACTION("\"s3:Get*\"", "[" BUCKET "," OBJECTS "]"), "ok"},
        {WITH_ACTION("[\"s3:ListBucket\",\"s3:GetObject\"]", "[" BUCKET "," OBJECTS "]"), "ok"},
        {WITH_ACTION("\"s3:?etObject\"", OBJECTS), "ok"},
        {WITH_ACTION("\"GetObject\"", OBJECTS), ACTION},
        {WITH_ACTION("\"s3:Fly\"", OBJECTS), ACTION},
        {WITH_ACTION("\"s3:Fly*\"", OBJECTS), ACTION},
        {WITH_ACTION("\"s3:ListAllMyBuckets\"", BUCKET), ACTION},
        {WITH_ACTION("\"iam:GetUser\"", OBJECTS), ACTION},
        {WITH_ACTION("\"s3:\"", OBJECTS), ACTION},
        {WITH_ACTION("\"s3:Get:Object\"", OBJECTS), ACTION},
        {WITH_ACTION("\"s3:Get Object\"", OBJECTS), ACTION},
        {WITH_ACTION("\"\"", OBJECTS), ACTION},
        {WITH_ACTION("[\"s3:GetObject\",\"s3:Fly\"]", OBJECTS), ACTION},
        {WITH_ACTION("[]", OBJECTS), "Missing required field Action"},
        {WITH_ACTION("[7]", OBJECTS), SYNTAX},
        {WITH_ACTION("{\"a\":\"b\"}", OBJECTS), SYNTAX},
        {WITH_ACTION("\"s3:GetObject\"", "\"*\""), RESOURCE},
        {WITH_ACTION("\"s3:GetObject\"", "\"bkt/*\""), RESOURCE},
        {WITH_ACTION("\"s3:GetObject\"", "\"arn:aws:s3:::other/*\""), RESOURCE},
        {WITH_ACTION("\"s3:GetObject\"", "\"arn:aws:s3:::bkt2/*\""), RESOURCE},
        {WITH_ACTION("\"s3:GetObject\"", "\"arn:aws:sqs:::bkt/*\""), RESOURCE},
        {WITH_ACTION("\"s3:GetObject\"", "\"arn:aws:s3:::${aws:username}/${\""), RESOURCE},
        {WITH_ACTION("\"s3:GetObject\"", "\"arn:aws:s3::${aws:username}:bkt/*\""), RESOURCE},
        {WITH_ACTION("\"s3:GetObject\"", "[]"), "Missing required field Resource"},
        {WITH_ACTION("\"s3:GetObject\"", "[[" OBJECTS "]]"), SYNTAX},
        {WITH_ACTION("\"s3:GetObject\"", "\"arn:aws:s3:::bkt*\""), "ok"},
        {WITH_ACTION("\"s3:GetObject\"", "\"arn:aws:s3:::bkt/${aws:username}/*\""), "ok"},
        {WITH_ACTION("\"s3:GetObject\"", BUCKET), USELESS},
        {WITH_ACTION("\"s3:ListBucket\"", OBJECTS), USELESS},
        {WITH_ACTION("[\"s3:GetObject\",\"s3:ListBucket\"]", OBJECTS), USELESS},
    };
    check_rows(IAM_POLICY_BUCKET, rows, ARRAY_LEN(rows));
}

#define WITH_CONDITION(action, resource, c)                                                                            \
    STATEMENT(ALLOW_ALL "\"Action\":\"" action "\",\"Resource\":" resource ",\"Condition\":" c)

Test(policy, conditions_of_buckets)
{
    static const struct row rows[] = {
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"StringLike\":{\"aws:Referer\":\"http://x/*\"}}"), "ok"},
        {WITH_CONDITION("s3:ListBucket", BUCKET, "{\"StringEquals\":{\"S3:Prefix\":\"x\"}}"), "ok"},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"StringEquals\":{\"s3:prefix\":\"x\"}}"), UNFIT},
        {WITH_CONDITION("s3:PutObject", OBJECTS, "{\"StringEquals\":{\"s3:ExistingObjectTag/a\":\"x\"}}"), UNFIT},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"StringEquals\":{\"s3:ExistingObjectTag/a\":\"x\"}}"), "ok"},
        {WITH_CONDITION("s3:PutObject", OBJECTS,
                        "{\"StringNotEquals\":{\"s3:x-amz-server-side-encryption\":\"AES256\"}}"),
         "ok"},
        {WITH_CONDITION("s3:PutObject", OBJECTS, "{\"Null\":{\"s3:if-none-match\":\"true\"}}"), "ok"},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"Null\":{\"s3:if-none-match\":\"true\"}}"), UNFIT},
        {WITH_CONDITION("s3:*", OBJECTS, "{\"StringEquals\":{\"s3:prefix\":\"x\"}}"), UNFIT},
        {WITH_CONDITION("s3:*", BUCKET, "{\"StringEquals\":{\"s3:prefix\":\"x\"}}"), "ok"},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"StringEquals\":{\"aws:Unknown\":\"x\"}}"),
         "Policy has an invalid condition key"},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"StringEquals\":{\"iam:PolicyARN\":\"x\"}}"),
         "Policy has an invalid condition key"},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"StringEquals\":{\"prefix\":\"x\"}}"),
         "Policy has an invalid condition key"},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"StringAlmost\":{\"aws:Referer\":\"x\"}}"),
         "Invalid Condition type : StringAlmost"},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "{\"IpAddress\":{\"aws:SourceIp\":\"300.0.0.1\"}}"), SYNTAX},
        {WITH_CONDITION("s3:GetObject", OBJECTS, "\"x\""), SYNTAX},
    };
    check_rows(IAM_POLICY_BUCKET, rows, ARRAY_LEN(rows));
}

Test(policy, identity_policies_in_IAMs_words)
{
    static const struct row rows[] = {
        {STATEMENT(IDENTITY_ALLOW), "ok"},
        {STATEMENT("\"Effect\":\"Allow\",\"Action\":\"new:Thing\",\"Resource\":\"*\","
                   "\"Condition\":{\"StringEquals\":{\"new:Key\":\"x\"}}"),
         "ok"},
        {" \n" STATEMENT(IDENTITY_ALLOW) "\n", "ok"},
        {"", "This policy contains invalid Json"},
        {"null", "This policy contains invalid Json"},
        {"[]", "This policy contains invalid Json"},
        {"{]", "This policy contains invalid Json"},
        {"{}", "Syntax errors in policy."},
        {STATEMENT("\"Effect\":\"allow\",\"Action\":\"s3:*\",\"Resource\":\"*\""), "Syntax errors in policy."},
        {STATEMENT("\"Effect\":\"Allow\",\"Resource\":\"*\""), "Policy statement must contain actions."},
        {STATEMENT("\"Effect\":\"Allow\",\"Action\":[],\"Resource\":\"*\""), "Policy statement must contain actions."},
        {STATEMENT("\"Effect\":\"Allow\",\"Action\":\"s3:*\""), "Policy statement must contain resources."},
        {STATEMENT("\"Effect\":\"Allow\",\"Action\":\"s3\",\"Resource\":\"*\""),
         "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
        {STATEMENT("\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"bkt\""),
         "Resource bkt must be in ARN format or \"*\"."},
        {STATEMENT("\"Sid\":\"a b\"," IDENTITY_ALLOW),
         "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
         "[0-9A-Za-z]*"},
        {"{\"Statement\":[{\"Sid\":\"a\"," IDENTITY_ALLOW "},{\"Sid\":\"a\"," IDENTITY_ALLOW "}]}",
         "Statement IDs (SID) in a single policy must be unique."},
        {STATEMENT("\"Principal\":\"*\"," IDENTITY_ALLOW), "Policy document should not specify a principal."},
        {"{\"Version\":\"2011-10-17\",\"Statement\":{" IDENTITY_ALLOW "}}",
         "Policy document must be version 2012-10-17 or greater."},
        {STATEMENT("\"Effect\":\"Allow\",\"NotAction\":[\"iam:*\",\"sts:*\"],\"NotResource\":\"arn:aws:s3:::x\""),
         "ok"},
    };
    check_rows(IAM_POLICY_IDENTITY, rows, ARRAY_LEN(rows));
}

Test(policy, trust_policies)
{
    static const struct row rows[] = {
        {STATEMENT("\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" USER_ARN "\"},\"Action\":\"sts:AssumeRole\""),
         "ok"},
        {STATEMENT("\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"arn:aws:iam::111122223333:oidc-provider/a.b\"},"
                   "\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":{\"StringEquals\":{\"a.b:aud\":\"x\"}}"),
         "ok"},
        {STATEMENT("\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\""), "Missing required field Principal"},
        {STATEMENT("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"*\""),
         "Has prohibited field Resource"},
        {STATEMENT("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\""),
         "AssumeRole policy may only specify STS AssumeRole actions."},
        {STATEMENT("\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"nobody\"},\"Action\":\"sts:AssumeRole\""),
         "Invalid principal in policy: \"AWS\":\"nobody\""},
    };
    check_rows(IAM_POLICY_TRUST, rows, ARRAY_LEN(rows));
}

Test(policy, XML_09_hostile_json)
{
    struct arena *arena = arena_create(0);
    static const char duplicate[] = STATEMENT(ALLOW_ALL "\"Effect\":\"Deny\"," GET_OBJECTS);
    static const char trailing[] = STATEMENT(ALLOW_ALL GET_OBJECTS) "x";
    static const char escaped_nul[] = STATEMENT("\"Sid\":\"a\\u0000b\"," ALLOW_ALL GET_OBJECTS);
    static const char huge[] = STATEMENT(ALLOW_ALL GET_OBJECTS ",\"Condition\":{\"NumericEquals\":{\"s3:x\":1e999}}");
    static const char latin[] = STATEMENT("\"Sid\":\"\xe9\"," ALLOW_ALL GET_OBJECTS);
    static const char raw_nul[] = "{\"Statement\":\0}";
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET, bytes_str(duplicate)), NOT_JSON);
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET, bytes_str(trailing)), NOT_JSON);
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET, bytes_str(escaped_nul)), NOT_JSON);
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET, bytes_str(huge)), NOT_JSON);
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET, bytes_str(latin)), NOT_JSON);
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET, bytes_of(raw_nul, sizeof raw_nul - 1)), NOT_JSON);
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET, BYTES_NONE), NOT_JSON);
    arena_free(arena);
}

Test(policy, PST_12_depth)
{
    enum { DEEP = 10000 };
    static char text[2 * DEEP + 64];
    struct arena *arena = arena_create(0);
    for (int kind = IAM_POLICY_IDENTITY; kind <= IAM_POLICY_TRUST; kind++) {
        const char *want = kind == IAM_POLICY_BUCKET ? NOT_JSON : "This policy contains invalid Json";
        memset(text, '[', DEEP);
        memset(text + DEEP, ']', DEEP);
        cr_expect_str_eq(complaint(arena, (enum iam_policy_kind)kind, bytes_of(text, 2 * (size_t)DEEP)), want);
        size_t n = (size_t)snprintf(text, sizeof text, "{\"Statement\":");
        memset(text + n, '[', DEEP);
        cr_expect_str_eq(complaint(arena, (enum iam_policy_kind)kind, bytes_of(text, n + DEEP)), want);
    }
    /* Brackets in strings nest nothing. */
    cr_expect_str_eq(complaint(arena, IAM_POLICY_BUCKET,
                               BYTES_LIT(STATEMENT("\"Sid\":\"[[[[[[[[[[[[\\\"{{{{{{{{{\"," ALLOW_ALL GET_OBJECTS))),
                     "ok");
    arena_free(arena);
}

static struct bytes padded(struct arena *arena, const char *text, size_t size)
{
    char *p = arena_alloc(arena, size);
    size_t n = strlen(text);
    memcpy(p, text, n);
    memset(p + n, ' ', size - n);
    return bytes_of(p, size);
}

Test(policy, sizes)
{
    struct arena *arena = arena_create(0);
    const char *bucket = STATEMENT(ALLOW_ALL GET_OBJECTS), *identity = STATEMENT(IDENTITY_ALLOW);
    struct iam_policy_rules rules = {.kind = IAM_POLICY_BUCKET, .bucket = BYTES_LIT("bkt")};
    struct iam_policy_error error;
    cr_assert(iam_policy_parse(arena, &rules, padded(arena, bucket, IAM_POLICY_MAX_BUCKET), &error));
    cr_assert(!iam_policy_parse(arena, &rules, padded(arena, bucket, IAM_POLICY_MAX_BUCKET + 1), &error));
    cr_assert_eq(error.fault, IAM_POLICY_TOO_LARGE);
    cr_assert(!iam_policy_parse(arena, &rules, padded(arena, bucket, 1 << 20), &error));
    rules.kind = IAM_POLICY_IDENTITY;
    rules.max_chars = strlen(identity);
    cr_assert_eq(iam_policy_chars(bytes_str(identity)), rules.max_chars);
    cr_assert(iam_policy_parse(arena, &rules, padded(arena, identity, 5000), &error), "white space is free");
    rules.max_chars--;
    cr_assert(!iam_policy_parse(arena, &rules, bytes_str(identity), &error));
    cr_assert_eq(error.fault, IAM_POLICY_TOO_LARGE);
    rules.max_chars = 0;
    cr_assert(!iam_policy_parse(arena, &rules, padded(arena, identity, IAM_POLICY_MAX_DOCUMENT + 1), &error));
    cr_assert_eq(iam_policy_chars(BYTES_LIT("\xc3\xa9 \n")), 1);
    cr_assert(!iam_policy_parse(arena, &rules, BYTES_LIT("{\"Statement\":\"\xe2\x82\xac\"}"), &error));
    cr_assert_eq(error.fault, IAM_POLICY_BAD_CHARACTER);
    arena_free(arena);
}

Test(policy, number_of_statements)
{
    struct arena *arena = arena_create(0);
    struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    struct iam_policy_error error;
    for (int n = IAM_POLICY_MAX_STATEMENTS; n <= IAM_POLICY_MAX_STATEMENTS + 1; n++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        buf_put_str(&b, "{\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}");
        for (int i = 1; i < n; i++)
            buf_put_str(&b, ",{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}");
        buf_put_str(&b, "]}");
        cr_assert_eq(iam_policy_parse(arena, &rules, buf_bytes(&b), &error) != NULL, n == IAM_POLICY_MAX_STATEMENTS);
        buf_fini(&b);
    }
    arena_free(arena);
}

#define PUBLIC_IF(c) STATEMENT(ALLOW_ALL GET_OBJECTS ",\"Condition\":" c)

Test(policy, what_is_public)
{
    static const struct {
        const char *text;
        bool is_public;
    } rows[] = {
        {STATEMENT(ALLOW_ALL GET_OBJECTS), true},
        {WITH_PRINCIPAL("{\"AWS\":\"*\"}"), true},
        {WITH_PRINCIPAL("{\"AWS\":[\"111122223333\",\"*\"]}"), true},
        {WITH_PRINCIPAL("{\"Federated\":\"graph.facebook.com\"}"), true},
        {WITH_PRINCIPAL("{\"AWS\":\"111122223333\"}"), false},
        {WITH_PRINCIPAL("{\"AWS\":\"" USER_ARN "\"}"), false},
        {WITH_PRINCIPAL("{\"CanonicalUser\":\"" CANONICAL "\"}"), false},
        {WITH_PRINCIPAL("{\"Service\":\"logging.s3.amazonaws.com\"}"), false},
        {STATEMENT("\"Effect\":\"Deny\",\"Principal\":\"*\"," GET_OBJECTS), false},
        {PUBLIC_IF("{\"StringEquals\":{\"aws:SourceVpc\":\"vpc-91\"}}"), false},
        {PUBLIC_IF("{\"StringLike\":{\"aws:SourceVpc\":\"vpc-91\"}}"), false},
        {PUBLIC_IF("{\"StringLike\":{\"aws:SourceVpc\":\"vpc-*\"}}"), true},
        {PUBLIC_IF("{\"StringEquals\":{\"aws:SourceVpc\":[\"vpc-91\",\"${aws:username}\"]}}"), true},
        {PUBLIC_IF("{\"StringNotEquals\":{\"aws:SourceVpc\":\"vpc-91\"}}"), true},
        {PUBLIC_IF("{\"StringEqualsIfExists\":{\"aws:SourceVpc\":\"vpc-91\"}}"), true},
        {PUBLIC_IF("{\"ForAllValues:StringEquals\":{\"aws:SourceVpc\":\"vpc-91\"}}"), true},
        {PUBLIC_IF("{\"ForAnyValue:StringEquals\":{\"aws:SourceVpc\":\"vpc-91\"}}"), false},
        {PUBLIC_IF("{\"StringEquals\":{\"aws:SourceAccount\":\"111122223333\"}}"), false},
        {PUBLIC_IF("{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:s3:::log\"}}"), false},
        {PUBLIC_IF("{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:s3:::*\"}}"), true},
        {PUBLIC_IF("{\"ArnLike\":{\"s3:DataAccessPointArn\":\"arn:aws:s3:eu:111122223333:accesspoint/*\"}}"), false},
        {PUBLIC_IF("{\"ArnLike\":{\"s3:DataAccessPointArn\":\"arn:aws:s3:eu:*:accesspoint/x\"}}"), true},
        {PUBLIC_IF("{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-1\"}}"), false},
        {PUBLIC_IF("{\"StringLike\":{\"aws:userid\":\"AROA00000000000000001:*\"}}"), true},
        {PUBLIC_IF("{\"StringEquals\":{\"aws:userid\":\"AIDA00000000000000001\"}}"), false},
        {PUBLIC_IF("{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"}}"), false},
        {PUBLIC_IF("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}"), false},
        {PUBLIC_IF("{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/1\"}}"), true},
        {PUBLIC_IF("{\"IpAddress\":{\"aws:SourceIp\":[\"192.0.2.0/24\",\"0.0.0.0/7\"]}}"), true},
        {PUBLIC_IF("{\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::/32\"}}"), false},
        {PUBLIC_IF("{\"IpAddress\":{\"aws:SourceIp\":\"2001::/16\"}}"), true},
        {PUBLIC_IF("{\"NotIpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"}}"), true},
        {PUBLIC_IF("{\"StringLike\":{\"aws:Referer\":\"http://x\"}}"), true},
        {PUBLIC_IF("{\"Bool\":{\"aws:SecureTransport\":\"true\"}}"), true},
        {PUBLIC_IF("{\"Null\":{\"aws:SourceVpc\":\"false\"}}"), true},
        /* one statement makes the policy public */
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111122223333\"}," GET_OBJECTS
         "},{" ALLOW_ALL GET_OBJECTS "}]}",
         true},
    };
    struct arena *arena = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(iam_policy_is_public(policy_of(arena, IAM_POLICY_BUCKET, rows[i].text)), rows[i].is_public, "%s",
                     rows[i].text);
    arena_free(arena);
}

Test(policy, tells_what_it_needs)
{
    struct arena *arena = arena_create(0);
    const struct iam_policy *p = policy_of(
        arena, IAM_POLICY_IDENTITY,
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"one\",\"Effect\":\"Allow\",\"Action\":\"s3:*\","
        "\"Resource\":\"arn:aws:s3:::bkt/${aws:username}/*\",\"Condition\":{\"StringEquals\":{\"s3:ExistingObjectTag/"
        "a\":"
        "\"${aws:PrincipalTag/a}\"}}},{\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}");
    cr_assert(iam_policy_uses(p, IAM_KEY_S3_EXISTING_OBJECT_TAG) && iam_policy_uses(p, IAM_KEY_AWS_USERNAME) &&
              iam_policy_uses(p, IAM_KEY_AWS_PRINCIPAL_TAG));
    cr_assert(!iam_policy_uses(p, IAM_KEY_AWS_SOURCE_IP) && !iam_policy_uses(p, IAM_KEY_UNKNOWN));
    cr_assert_eq(iam_policy_statements(p), 2);
    cr_assert(bytes_eq_str(iam_policy_sid(p, 0), "one") && iam_policy_sid(p, 1).n == 0);
    cr_assert(iam_policy_allows_something(p, 0) && !iam_policy_allows_something(p, 1));
    size_t n;
    iam_policy_principals(p, 0, &n);
    cr_assert_eq(n, 0);
    arena_free(arena);
}
