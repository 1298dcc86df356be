/* SPDX-License-Identifier: Apache-2.0 */
/* Condition operators: a table of conditions as policies write them, facts, and whether the statement applies. */
#include "server/iam/condition.h"

#include "base/check.h"
#include "tests/unit/server/iam/fixture.h"

/* 1: applies; 0: does not; -1: the document is refused. */
static int applies(const char *version, const char *condition, const char *facts)
{
    struct arena *arena = arena_create(0);
    struct iam_policy_error error;
    const char *text =
        arena_printf(arena,
                     "{\"Version\":\"%s\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
                     "\"Condition\":%s}}",
                     version, condition);
    const struct iam_policy *p = parse_as(arena, IAM_POLICY_IDENTITY, text, &error);
    int ret = -1;
    if (p) {
        struct iam_context context;
        size_t statement;
        iam_context_init(&context, arena);
        set_facts(&context, facts);
        struct iam_request r = {.caller = caller_of(IAM_CALLER_USER),
                                .action = BYTES_LIT("s3:GetObject"),
                                .resource = BYTES_LIT(OBJECT_ARN),
                                .context = &context};
        ret = iam_policy_effect(&r, p, &statement) == IAM_ALLOW;
    }
    arena_free(arena);
    return ret;
}

struct row {
    const char *condition, *facts;
    int applies;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(applies("2012-10-17", rows[i].condition, rows[i].facts), rows[i].applies, "%s with %s",
                     rows[i].condition, rows[i].facts);
}

Test(condition, strings)
{
    static const struct row rows[] = {
        {"{\"StringEquals\":{\"s3:prefix\":\"a\"}}", "s3:prefix=a", 1},
        {"{\"StringEquals\":{\"s3:prefix\":\"a\"}}", "s3:prefix=A", 0},
        {"{\"StringEquals\":{\"s3:prefix\":\"a*\"}}", "s3:prefix=ab", 0},
        {"{\"StringEquals\":{\"s3:prefix\":\"a*\"}}", "s3:prefix=a*", 1},
        {"{\"StringEquals\":{\"s3:prefix\":[\"a\",\"b\"]}}", "s3:prefix=b", 1},
        {"{\"StringEquals\":{\"s3:prefix\":\"\"}}", "s3:prefix=", 1},
        {"{\"StringEquals\":{\"s3:prefix\":\"\"}}", "", 0},
        {"{\"StringNotEquals\":{\"s3:prefix\":\"a\"}}", "s3:prefix=b", 1},
        {"{\"StringNotEquals\":{\"s3:prefix\":\"a\"}}", "s3:prefix=a", 0},
        {"{\"StringNotEquals\":{\"s3:prefix\":[\"a\",\"b\"]}}", "s3:prefix=b", 0},
        {"{\"StringNotEquals\":{\"s3:prefix\":\"a\"}}", "", 1},
        {"{\"StringEqualsIgnoreCase\":{\"s3:prefix\":\"aBc\"}}", "s3:prefix=AbC", 1},
        {"{\"StringNotEqualsIgnoreCase\":{\"s3:prefix\":\"aBc\"}}", "s3:prefix=AbC", 0},
        {"{\"StringNotEqualsIgnoreCase\":{\"s3:prefix\":\"aBc\"}}", "s3:prefix=x", 1},
        {"{\"StringLike\":{\"s3:prefix\":\"home/*\"}}", "s3:prefix=home/a/b", 1},
        {"{\"StringLike\":{\"s3:prefix\":\"home/?\"}}", "s3:prefix=home/ab", 0},
        {"{\"StringLike\":{\"s3:prefix\":\"Home/*\"}}", "s3:prefix=home/a", 0},
        {"{\"StringLike\":{\"s3:prefix\":[\"\",\"a/*\"]}}", "s3:prefix=", 1},
        {"{\"StringNotLike\":{\"s3:prefix\":\"home/*\"}}", "s3:prefix=home/a", 0},
        {"{\"StringNotLike\":{\"s3:prefix\":[\"a*\",\"b*\"]}}", "s3:prefix=c", 1},
        {"{\"StringEquals\":{\"s3:max-keys\":10}}", "s3:max-keys=10", 1},
        {"{\"StringEquals\":{\"x:y\":true}}", "x:y=true", 1},
        {"{\"StringEquals\":{\"x:y\":null}}", "x:y=true", -1},
        {"{\"StringEquals\":{\"x:y\":[]}}", "x:y=true", -1},
        {"{\"StringEquals\":{\"x:y\":{}}}", "x:y=true", -1},
        {"{\"StringEquals\":{\"x:y\":[[\"a\"]]}}", "x:y=a", -1},
        {"{\"StringEquals\":[\"x:y\"]}", "x:y=a", -1},
        {"{\"StringEquals\":{\"nocolon\":\"a\"}}", "nocolon=a", -1},
        {"{\"stringequals\":{\"x:y\":\"a\"}}", "x:y=a", -1},
        {"{\"StringSame\":{\"x:y\":\"a\"}}", "x:y=a", -1},
        {"{}", "", 1},
        {"[]", "", -1},
        /* several keys and several operators: all of them */
        {"{\"StringEquals\":{\"x:a\":\"1\",\"x:b\":\"2\"}}", "x:a=1;x:b=2", 1},
        {"{\"StringEquals\":{\"x:a\":\"1\",\"x:b\":\"2\"}}", "x:a=1;x:b=3", 0},
        {"{\"StringEquals\":{\"x:a\":\"1\"},\"StringLike\":{\"x:b\":\"2*\"}}", "x:a=1;x:b=22", 1},
        {"{\"StringEquals\":{\"x:a\":\"1\"},\"StringLike\":{\"x:b\":\"2*\"}}", "x:a=0;x:b=22", 0},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, POL_11_case_of_keys)
{
    static const struct row rows[] = {
        {"{\"StringEquals\":{\"S3:PREFIX\":\"a\"}}", "s3:prefix=a", 1},
        {"{\"StringEquals\":{\"AWS:UserName\":\"ann\"}}", "aws:username=ann", 1},
        {"{\"StringEquals\":{\"aws:PrincipalTag/TEAM\":\"x\"}}", "aws:PrincipalTag/team=x", 1},
        {"{\"StringEquals\":{\"s3:ExistingObjectTag/TEAM\":\"x\"}}", "s3:ExistingObjectTag/team=x", 0},
        {"{\"StringEquals\":{\"s3:existingobjecttag/team\":\"x\"}}", "s3:ExistingObjectTag/team=x", 1},
        {"{\"StringEquals\":{\"ACCOUNTS.example:SUB\":\"x\"}}", "accounts.example:sub=x", 1},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, numbers)
{
    static const struct row rows[] = {
        {"{\"NumericEquals\":{\"s3:max-keys\":\"10\"}}", "s3:max-keys=10", 1},
        {"{\"NumericEquals\":{\"s3:max-keys\":10}}", "s3:max-keys=010.0", 1},
        {"{\"NumericEquals\":{\"s3:max-keys\":10}}", "s3:max-keys=11", 0},
        {"{\"NumericNotEquals\":{\"s3:max-keys\":10}}", "s3:max-keys=11", 1},
        {"{\"NumericNotEquals\":{\"s3:max-keys\":10}}", "", 1},
        {"{\"NumericLessThan\":{\"s3:TlsVersion\":\"1.2\"}}", "s3:TlsVersion=1.1", 1},
        {"{\"NumericLessThan\":{\"s3:TlsVersion\":1.2}}", "s3:TlsVersion=1.2", 0},
        {"{\"NumericLessThanEquals\":{\"s3:TlsVersion\":1.2}}", "s3:TlsVersion=1.2", 1},
        {"{\"NumericGreaterThan\":{\"s3:max-keys\":9}}", "s3:max-keys=10", 1},
        {"{\"NumericGreaterThan\":{\"s3:max-keys\":9}}", "s3:max-keys=9", 0},
        {"{\"NumericGreaterThanEquals\":{\"s3:max-keys\":9}}", "s3:max-keys=9.0", 1},
        {"{\"NumericLessThan\":{\"s3:max-keys\":\"-1.5\"}}", "s3:max-keys=-1.6", 1},
        {"{\"NumericLessThan\":{\"s3:max-keys\":\"-1.5\"}}", "s3:max-keys=-1.4", 0},
        {"{\"NumericEquals\":{\"s3:max-keys\":\"-0.0\"}}", "s3:max-keys=0", 1},
        {"{\"NumericLessThan\":{\"s3:max-keys\":10}}", "s3:max-keys=ten", 0},
        {"{\"NumericNotEquals\":{\"s3:max-keys\":10}}", "s3:max-keys=ten", 1},
        {"{\"NumericEquals\":{\"s3:max-keys\":\"ten\"}}", "", -1},
        {"{\"NumericEquals\":{\"s3:max-keys\":\"${s3:prefix}\"}}", "", -1},
        {"{\"NumericEquals\":{\"s3:max-keys\":\"\"}}", "", -1},
        {"{\"NumericEquals\":{\"s3:max-keys\":\"1.\"}}", "", -1},
        {"{\"NumericEquals\":{\"s3:max-keys\":\"99999999999999999999\"}}", "", -1},
        {"{\"NumericEquals\":{\"s3:max-keys\":1e400}}", "", -1},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, dates)
{
    static const struct row rows[] = {
        {"{\"DateLessThan\":{\"aws:CurrentTime\":\"2026-05-01T10:00:00Z\"}}", "aws:CurrentTime=2026-05-01T09:59:59Z",
         1},
        {"{\"DateLessThan\":{\"aws:CurrentTime\":\"2026-05-01T10:00:00Z\"}}", "aws:CurrentTime=2026-05-01T10:00:00Z",
         0},
        {"{\"DateLessThanEquals\":{\"aws:CurrentTime\":\"2026-05-01T10:00Z\"}}", "aws:CurrentTime=2026-05-01T10:00:00Z",
         1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026\"}}", "aws:CurrentTime=2026-01-01T00:00:00Z", 1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026-05\"}}", "aws:CurrentTime=2026-05-01T00:00:00Z", 1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026-05-01\"}}", "aws:CurrentTime=2026-05-01T00:00:00Z", 1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026-05-01T10:00+02:00\"}}", "aws:CurrentTime=2026-05-01T08:00:00Z",
         1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026-05-01T10:00:00.500Z\"}}",
         "aws:CurrentTime=2026-05-01T10:00:00.5Z", 1},
        {"{\"DateNotEquals\":{\"aws:CurrentTime\":\"2026-05-01\"}}", "aws:CurrentTime=2026-05-01T00:00:01Z", 1},
        {"{\"DateNotEquals\":{\"aws:CurrentTime\":\"2026-05-01\"}}", "", 1},
        {"{\"DateGreaterThan\":{\"aws:CurrentTime\":\"1700000000\"}}", "aws:CurrentTime=2026-05-01T00:00:01Z", 1},
        {"{\"DateGreaterThan\":{\"aws:CurrentTime\":1700000000}}", "aws:CurrentTime=2020-05-01T00:00:01Z", 0},
        {"{\"DateGreaterThanEquals\":{\"aws:EpochTime\":\"2026-01-01\"}}", "aws:EpochTime=1800000000", 1},
        {"{\"NumericGreaterThan\":{\"aws:EpochTime\":1700000000}}", "aws:EpochTime=1700000001", 1},
        {"{\"DateLessThan\":{\"aws:TokenIssueTime\":\"2026-01-01\"}}", "", 0},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"soon\"}}", "", -1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026-13-01\"}}", "", -1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026-05-01*\"}}", "", -1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"2026-05-01T10\"}}", "", -1},
        {"{\"DateEquals\":{\"aws:CurrentTime\":\"\"}}", "", -1},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, booleans_binaries_null)
{
    static const struct row rows[] = {
        {"{\"Bool\":{\"aws:SecureTransport\":\"false\"}}", "aws:SecureTransport=false", 1},
        {"{\"Bool\":{\"aws:SecureTransport\":false}}", "aws:SecureTransport=true", 0},
        {"{\"Bool\":{\"aws:SecureTransport\":\"TRUE\"}}", "aws:SecureTransport=true", 1},
        {"{\"Bool\":{\"aws:MultiFactorAuthPresent\":true}}", "", 0},
        {"{\"BoolIfExists\":{\"aws:MultiFactorAuthPresent\":true}}", "", 1},
        {"{\"Bool\":{\"aws:SecureTransport\":\"yes\"}}", "", -1},
        {"{\"Bool\":{\"aws:SecureTransport\":1}}", "", -1},
        {"{\"BinaryEquals\":{\"x:key\":\"YWJj\"}}", "x:key=abc", 1},
        {"{\"BinaryEquals\":{\"x:key\":\"YWJj\"}}", "x:key=abd", 0},
        {"{\"BinaryEquals\":{\"x:key\":\"YWJj\"}}", "", 0},
        {"{\"BinaryEquals\":{\"x:key\":\"not base64\"}}", "", -1},
        {"{\"Null\":{\"s3:if-none-match\":\"true\"}}", "", 1},
        {"{\"Null\":{\"s3:if-none-match\":true}}", "s3:if-none-match=*", 0},
        {"{\"Null\":{\"s3:if-none-match\":\"false\"}}", "s3:if-none-match=*", 1},
        {"{\"Null\":{\"s3:if-none-match\":\"false\"}}", "", 0},
        {"{\"Null\":{\"s3:prefix\":\"true\"}}", "s3:prefix=", 0}, /* empty is present */
        {"{\"Null\":{\"aws:TagKeys\":\"true\"}}", "aws:TagKeys", 1},
        {"{\"Null\":{\"aws:RequestTag/a\":\"true\"}}", "aws:RequestTag/b=1", 1},
        {"{\"Null\":{\"s3:prefix\":[\"true\",\"false\"]}}", "", 1},
        {"{\"NullIfExists\":{\"s3:prefix\":\"true\"}}", "", -1},
        {"{\"ForAnyValue:Null\":{\"s3:prefix\":\"true\"}}", "", -1},
        {"{\"Null\":{\"s3:prefix\":\"maybe\"}}", "", -1},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, POL_11_addresses)
{
    static const struct row rows[] = {
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}", "aws:SourceIp=10.1.2.3", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}", "aws:SourceIp=11.1.2.3", 0},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.7\"}}", "aws:SourceIp=192.0.2.7", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.7\"}}", "aws:SourceIp=192.0.2.8", 0},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.7/23\"}}", "aws:SourceIp=192.0.3.255", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.7/23\"}}", "aws:SourceIp=192.0.4.0", 0},
        {"{\"IpAddress\":{\"aws:SourceIp\":[\"10.0.0.1\",\"2001:db8::/32\"]}}", "aws:SourceIp=2001:db8:1::9", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::/32\"}}", "aws:SourceIp=2001:db9::9", 0},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::1\"}}", "aws:SourceIp=2001:DB8:0:0::1", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"1.2.3.0/24\"}}", "aws:SourceIp=::ffff:1.2.3.4", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"::ffff:1.2.3.0/120\"}}", "aws:SourceIp=1.2.3.4", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/0\"}}", "aws:SourceIp=255.1.1.1", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/0\"}}", "aws:SourceIp=2001:db8::1", 0},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"::/0\"}}", "aws:SourceIp=2001:db8::1", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"::/0\"}}", "aws:SourceIp=1.2.3.4", 0},
        {"{\"NotIpAddress\":{\"aws:SourceIp\":[\"10.0.0.0/8\",\"11.0.0.0/8\"]}}", "aws:SourceIp=11.1.2.3", 0},
        {"{\"NotIpAddress\":{\"aws:SourceIp\":[\"10.0.0.0/8\",\"11.0.0.0/8\"]}}", "aws:SourceIp=12.1.2.3", 1},
        {"{\"NotIpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}", "", 1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}", "", 0},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}", "aws:SourceIp=unknown", 0},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/33\"}}", "", -1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0/8\"}}", "", -1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/\"}}", "", -1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"10.*\"}}", "", -1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"${aws:SourceIp}\"}}", "", -1},
        {"{\"IpAddress\":{\"aws:SourceIp\":\"::1/129\"}}", "", -1},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, arns)
{
    static const struct row rows[] = {
        {"{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::*:user/*\"}}", "aws:PrincipalArn=arn:aws:iam::1:user/a/b",
         1},
        {"{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::1:user/*\"}}", "aws:PrincipalArn=arn:aws:iam::2:user/a", 0},
        {"{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:*:user/a\"}}", "aws:PrincipalArn=arn:aws:iam::2:user/a", 0},
        {"{\"ArnLike\":{\"aws:PrincipalArn\":\"*\"}}", "aws:PrincipalArn=arn:aws:iam::2:user/a", 1},
        {"{\"ArnNotEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::1:user/a\"}}",
         "aws:PrincipalArn=arn:aws:iam::1:user/a", 0},
        {"{\"ArnNotLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::1:user/*\"}}", "aws:PrincipalArn=arn:aws:iam::1:role/a",
         1},
        {"{\"ArnNotLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::1:user/*\"}}", "", 1},
        {"{\"ArnEquals\":{\"aws:SourceArn\":\"no arn\"}}", "aws:SourceArn=no arn", 0},
        {"{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::${aws:PrincipalAccount}:user/x\"}}",
         "aws:PrincipalArn=arn:aws:iam::7:user/x;aws:PrincipalAccount=7", 1},
        {"{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::${aws:PrincipalAccount}:user/x\"}}",
         "aws:PrincipalArn=arn:aws:iam::7:user/x;aws:PrincipalAccount=*", 0},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, POL_07_sets)
{
    static const struct row rows[] = {
        /* every value of the request among those of the policy; true for none at all */
        {"{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=a|b", 1},
        {"{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=a", 1},
        {"{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=a|c", 0},
        {"{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "", 1},
        {"{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys", 1},
        {"{\"ForAllValues:StringEqualsIfExists\":{\"aws:TagKeys\":\"a\"}}", "aws:TagKeys=c", 0},
        /* some value */
        {"{\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=c|b", 1},
        {"{\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=c|d", 0},
        {"{\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "", 0},
        {"{\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys", 0},
        {"{\"ForAnyValue:StringEqualsIfExists\":{\"aws:TagKeys\":\"a\"}}", "", 1},
        /* negated value by value, then quantified */
        {"{\"ForAllValues:StringNotEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=c|d", 1},
        {"{\"ForAllValues:StringNotEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=a|d", 0},
        {"{\"ForAllValues:StringNotEquals\":{\"aws:TagKeys\":\"a\"}}", "", 1},
        {"{\"ForAnyValue:StringNotEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=a|d", 1},
        {"{\"ForAnyValue:StringNotEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}}", "aws:TagKeys=a|b", 0},
        {"{\"ForAnyValue:StringNotEquals\":{\"aws:TagKeys\":\"a\"}}", "", 0},
        {"{\"ForAllValues:StringLike\":{\"aws:TagKeys\":\"x*\"}}", "aws:TagKeys=x1|x2", 1},
        {"{\"ForAllValues:StringLike\":{\"aws:TagKeys\":\"x*\"}}", "aws:TagKeys=x1|y", 0},
        /* no quantifier on a key of many values: as ForAnyValue */
        {"{\"StringEquals\":{\"aws:TagKeys\":\"a\"}}", "aws:TagKeys=b|a", 1},
        {"{\"StringEquals\":{\"aws:TagKeys\":\"a\"}}", "aws:TagKeys=b", 0},
        {"{\"ForSomeValues:StringEquals\":{\"aws:TagKeys\":\"a\"}}", "", -1},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, if_exists)
{
    static const struct row rows[] = {
        {"{\"StringEqualsIfExists\":{\"s3:prefix\":\"a\"}}", "", 1},
        {"{\"StringEqualsIfExists\":{\"s3:prefix\":\"a\"}}", "s3:prefix=b", 0},
        {"{\"StringEqualsIfExists\":{\"s3:prefix\":\"a\"}}", "s3:prefix=a", 1},
        {"{\"StringNotLikeIfExists\":{\"s3:prefix\":\"a*\"}}", "s3:prefix=ab", 0},
        {"{\"NumericLessThanIfExists\":{\"s3:max-keys\":5}}", "", 1},
        {"{\"NumericLessThanIfExists\":{\"s3:max-keys\":5}}", "s3:max-keys=5", 0},
        {"{\"DateLessThanIfExists\":{\"aws:TokenIssueTime\":\"2026\"}}", "", 1},
        {"{\"IpAddressIfExists\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}", "", 1},
        {"{\"ArnLikeIfExists\":{\"aws:SourceArn\":\"arn:aws:s3:::x\"}}", "", 1},
        {"{\"BinaryEqualsIfExists\":{\"x:k\":\"YWJj\"}}", "", 1},
        {"{\"IfExists\":{\"x:k\":\"a\"}}", "", -1},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(condition, variables)
{
    static const struct row rows[] = {
        {"{\"StringLike\":{\"s3:prefix\":\"home/${aws:username}/*\"}}", "s3:prefix=home/ann/x;aws:username=ann", 1},
        {"{\"StringLike\":{\"s3:prefix\":\"home/${aws:username}/*\"}}", "s3:prefix=home/bob/x;aws:username=ann", 0},
        {"{\"StringLike\":{\"s3:prefix\":\"home/${AWS:USERNAME}/*\"}}", "s3:prefix=home/ann/x;aws:username=ann", 1},
        {"{\"StringLike\":{\"s3:prefix\":\"home/${aws:username}/*\"}}", "s3:prefix=home/ann/x;aws:username=*", 0},
        {"{\"StringLike\":{\"s3:prefix\":\"home/${aws:username}/*\"}}", "s3:prefix=home//x", 0},
        {"{\"StringNotLike\":{\"s3:prefix\":\"home/${aws:username}/*\"}}", "s3:prefix=home//x", 1},
        {"{\"StringEquals\":{\"s3:prefix\":\"${aws:PrincipalTag/team, 'all'}\"}}", "s3:prefix=all", 1},
        {"{\"StringEquals\":{\"s3:prefix\":\"${aws:PrincipalTag/team, 'all'}\"}}",
         "s3:prefix=all;aws:PrincipalTag/team=x", 0},
        {"{\"StringEquals\":{\"s3:prefix\":\"${aws:PrincipalTag/team}\"}}", "s3:prefix=x;aws:PrincipalTag/Team=x", 1},
        {"{\"StringEqualsIgnoreCase\":{\"s3:prefix\":\"${aws:username}\"}}", "s3:prefix=ANN;aws:username=ann", 1},
        {"{\"StringEquals\":{\"s3:prefix\":\"${*}\"}}", "s3:prefix=*", 1},
        {"{\"StringLike\":{\"s3:prefix\":\"${*}\"}}", "s3:prefix=a", 0},
        {"{\"StringEquals\":{\"s3:prefix\":\"${aws:TagKeys}\"}}", "s3:prefix=a;aws:TagKeys=a",
         0}, /* many values: none */
        {"{\"StringEquals\":{\"s3:prefix\":\"${\"}}", "", -1},
        {"{\"StringEquals\":{\"s3:prefix\":\"${aws:username,x}\"}}", "", -1},
    };
    check_rows(rows, ARRAY_LEN(rows));
    /* Before 2012 they are text. */
    const char *c = "{\"StringEquals\":{\"s3:prefix\":\"${aws:username}\"}}";
    cr_assert_eq(applies("2008-10-17", c, "s3:prefix=ann;aws:username=ann"), 0);
    cr_assert_eq(applies("2008-10-17", c, "s3:prefix=${aws:username}"), 1);
    cr_assert_eq(applies("2008-10-17", "{\"StringEquals\":{\"s3:prefix\":\"${\"}}", "s3:prefix=${"), 1);
}

Test(condition, table_of_keys)
{
    struct arena *arena = arena_create(0);
    struct iam_key key;
    for (enum iam_key_id id = 0; id < IAM_KEY_UNKNOWN; id++) {
        enum iam_key_type type = iam_key_type(id);
        bool family = type == IAM_TYPE_TAG || type == IAM_TYPE_OBJECT_TAG;
        const char *name = arena_printf(arena, "%s%s", iam_key_name(id), family ? "k" : "");
        cr_assert(iam_key_of(arena, bytes_str(name), &key), "%s", name);
        cr_assert_eq(key.id, id, "%s", name);
        cr_assert(bytes_eq_str(key.tail, family ? "k" : ""));
    }
    cr_assert(!iam_key_of(arena, BYTES_LIT("aws:PrincipalTag/"), &key));
    cr_assert(!iam_key_of(arena, BYTES_NONE, &key));
    cr_assert(iam_key_of(arena, BYTES_LIT("s3:x-amz-acl2"), &key) && key.id == IAM_KEY_UNKNOWN);
    arena_free(arena);
}
