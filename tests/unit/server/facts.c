/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condition keys of requests: for each key that S3's requests carry, when it is there and what it says. Requests are
 * parsed and routed as the server does it.
 */
#include "server/facts.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"
#include "server/conn.h"
#include "server/iam/identities.h"
#include "server/ops.h"
#include "server/server.h"

#define NOW_MS        1767323045000 /* 2026-01-02T03:04:05Z */
#define MAX_LINES     32
#define CANNED        "x-amz-acl: public-read\r\n"
#define TAGGING       "x-amz-tagging: team=blue&cost=%31\r\n"
#define LOCKED        "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-retain-until-date: 2026-01-04T03:04:05Z\r\n"
#define HELD          "x-amz-object-lock-legal-hold: ON\r\n"
#define COPY          "x-amz-copy-source: /src/a%20b?versionId=v1\r\n"
#define TAGS_REPLACED COPY TAGGING "x-amz-tagging-directive: REPLACE\r\n"

struct scene {
    struct arena *arena;
    struct config config;
    struct server server;
    struct conn conn;
    struct req r;
    struct http_header slots[MAX_LINES];
    struct iam_context context;
};

static struct scene *scene_new(const char *request, const char *lines)
{
    struct arena *a = arena_create(0);
    struct scene *s = arena_new(a, struct scene);
    struct http_limits limits = http_limits_default;
    struct uri_parts parts;
    struct s3_target where;
    enum s3_error why = S3E_OK;
    limits.max_headers = MAX_LINES;
    s->arena = a;
    s->config.region = "";
    s->server.config = &s->config;
    s->r = (struct req){.arena = a, .server = &s->server, .conn = &s->conn, .now_ms = NOW_MS};
    s->r.who = (struct identity){.anonymous = true, .principal = principal_anonymous()};
    s->r.auth.mechanism = AUTH_ANONYMOUS;
    s->conn.peer_name = BYTES_LIT("192.0.2.7");
    http_head_init(&s->r.head, &limits, s->slots);
    struct bytes head = arena_bytesf(a, "%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", request, lines);
    cr_assert_eq(http_head_parse(&s->r.head, head), HTTP_PARSE_OK, "%s", request);
    cr_assert_eq(uri_split(s->r.head.target, &parts), URI_OK);
    cr_assert_eq(uri_s3_target(a, parts.path, s->r.head.host, NULL, 0, &where), URI_OK);
    cr_assert_eq(query_parse(a, parts.query, &s->r.query), URI_OK);
    s->r.bucket_name = where.bucket;
    s->r.key = where.key;
    s->r.on_bucket = where.bucket.n > 0;
    s->r.on_object = where.key.n > 0;
    s->r.op = op_match(&s->r, &why);
    cr_assert(s->r.op, "%s: %s", request, s3_error_code(why));
    iam_context_init(&s->context, a);
    return s;
}

/* The values, divided by |; NULL: absent. */
static const char *value_of(struct scene *s, const char *name)
{
    struct iam_key key;
    struct bytes text = BYTES_LIT("");
    cr_assert(iam_key_of(s->arena, bytes_str(name), &key) && key.id != IAM_KEY_UNKNOWN, "%s", name);
    const struct iam_fact *f = iam_context_find(&s->context, &key);
    for (size_t i = 0; f && i < f->n; i++)
        text = arena_bytesf(s->arena, "%.*s%s%.*s", (int)text.n, text.p, i ? "|" : "", (int)f->values[i].n,
                            f->values[i].n ? f->values[i].p : "");
    return f ? bytes_cstr(s->arena, text) : NULL;
}

static void expect(struct scene *s, const char *name, const char *want)
{
    const char *got = value_of(s, name);
    cr_expect((!got && !want) || (got && want && strcmp(got, want) == 0), "%.*s %s: %s is %s, not %s",
              (int)s->r.head.target.n, s->r.head.target.p, s->r.op->name, name, got ? got : "absent",
              want ? want : "absent");
}

struct row {
    const char *request, *lines, *key, *value; /* value NULL: absent */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct scene *s = scene_new(rows[i].request, rows[i].lines);
        facts_collect(&s->r, &s->context);
        expect(s, rows[i].key, rows[i].value);
        arena_free(s->arena);
    }
}

Test(facts, where_from_and_when)
{
    static const struct row rows[] = {
        {"GET /b/k", "", "aws:SourceIp", "192.0.2.7"},
        {"GET /b/k", "X-Forwarded-For: 198.51.100.1\r\n", "aws:SourceIp", "192.0.2.7"}, /* POL-13 */
        {"GET /b/k", "X-Real-IP: 198.51.100.1\r\n", "aws:SourceIp", "192.0.2.7"},
        {"GET /b/k", "Forwarded: for=198.51.100.1\r\n", "aws:SourceIp", "192.0.2.7"},
        {"GET /b/k", "", "aws:SecureTransport", "false"},
        {"GET /b/k", "X-Forwarded-Proto: https\r\n", "aws:SecureTransport", "false"},
        {"GET /b/k", "", "aws:CurrentTime", "2026-01-02T03:04:05Z"},
        {"GET /b/k", "", "aws:EpochTime", "1767323045"},
        {"GET /b/k", "User-Agent: aws-cli/2\r\n", "aws:UserAgent", "aws-cli/2"},
        {"GET /b/k", "", "aws:UserAgent", ""},
        {"GET /b/k", "Referer: http://example.com/\r\n", "aws:Referer", "http://example.com/"},
        {"GET /b/k", "", "aws:Referer", NULL},
        {"GET /b/k", "", "aws:RequestedRegion", "us-east-1"},
        {"GET /b/k", "", "aws:ViaAWSService", "false"},
        {"GET /b/k", "", "s3:TlsVersion", NULL},
        {"GET /b/k", "", "aws:SourceVpc", NULL},
        {"GET /b/k", "", "aws:SourceArn", NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(facts, behind_a_trusted_proxy)
{
    struct scene *s =
        scene_new("GET /b/k", "X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\nX-Forwarded-Proto: https\r\n");
    cr_assert(client_proxies_parse("192.0.2.0/24", &s->server.proxies));
    facts_collect(&s->r, &s->context);
    expect(s, "aws:SourceIp", "198.51.100.1");
    expect(s, "aws:SecureTransport", "true");
    arena_free(s->arena);
}

Test(facts, region_of_the_signature_and_of_the_server)
{
    struct scene *s = scene_new("GET /b/k", "");
    s->config.region = "eu-west-1";
    facts_collect(&s->r, &s->context);
    expect(s, "aws:RequestedRegion", "eu-west-1");
    s->r.auth.region = BYTES_LIT("ap-south-1");
    facts_collect(&s->r, &s->context);
    expect(s, "aws:RequestedRegion", "ap-south-1");
    arena_free(s->arena);
}

struct signed_row {
    enum auth_mechanism mechanism;
    const char *type, *version, *age;
};

Test(facts, signatures)
{
    static const struct signed_row rows[] = {
        {AUTH_ANONYMOUS, NULL, NULL, NULL},
        {AUTH_SIGV4_HEADER, "REST-HEADER", "AWS4-HMAC-SHA256", "5000"},
        {AUTH_SIGV4_QUERY, "REST-QUERY-STRING", "AWS4-HMAC-SHA256", "5000"},
        {AUTH_SIGV2_HEADER, "REST-HEADER", "AWS", "5000"},
        {AUTH_SIGV2_QUERY, "REST-QUERY-STRING", "AWS", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene *s = scene_new("GET /b/k", "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n");
        s->r.auth.mechanism = rows[i].mechanism;
        s->r.auth.signed_ms = rows[i].age ? NOW_MS - 5000 : 0;
        facts_collect(&s->r, &s->context);
        expect(s, "s3:authType", rows[i].type);
        expect(s, "s3:signatureversion", rows[i].version);
        expect(s, "s3:signatureAge", rows[i].age);
        expect(s, "s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        arena_free(s->arena);
    }
}

static void expect_caller(const struct principal *p, bool anonymous, const char *const *pairs)
{
    struct scene *s = scene_new("GET /b/k", "userid: root\r\ngroups: admin\r\njwt-sub: x\r\nusername: root\r\n"
                                            "aws-username: root\r\nprincipaltag-team: x\r\n");
    s->r.who = (struct identity){.anonymous = anonymous, .principal = p};
    facts_collect(&s->r, &s->context);
    for (; pairs[0]; pairs += 2)
        expect(s, pairs[0], strcmp(pairs[1], "-") == 0 ? NULL : pairs[1]);
    arena_free(s->arena);
}

/* Nothing that a header says tells who somebody is. */
Test(facts, POL_12_who_is_asking)
{
    const struct iam_tag tags[] = {{BYTES_LIT("team"), BYTES_LIT("blue")}};
    struct principal p = {.caller = {.kind = IAM_CALLER_USER, .account = BYTES_LIT("111122223333")},
                          .type = "User",
                          .user_name = BYTES_LIT("ann"),
                          .user_id = BYTES_LIT("AIDA00000000000000001"),
                          .principal_arn = BYTES_LIT("arn:aws:iam::111122223333:user/ann"),
                          .tags = tags,
                          .n_tags = 1};
    static const char *const nobody[] = {"aws:username",
                                         "-",
                                         "aws:userid",
                                         "anonymous",
                                         "aws:PrincipalAccount",
                                         "anonymous",
                                         "aws:PrincipalArn",
                                         "-",
                                         "aws:PrincipalType",
                                         "Anonymous",
                                         "aws:PrincipalTag/team",
                                         "-",
                                         "aws:TokenIssueTime",
                                         "-",
                                         "aws:MultiFactorAuthPresent",
                                         "-",
                                         "aws:PrincipalIsAWSService",
                                         "-",
                                         NULL};
    static const char *const user[] = {"aws:username",
                                       "ann",
                                       "aws:userid",
                                       "AIDA00000000000000001",
                                       "aws:PrincipalAccount",
                                       "111122223333",
                                       "aws:PrincipalArn",
                                       "arn:aws:iam::111122223333:user/ann",
                                       "aws:PrincipalType",
                                       "User",
                                       "aws:PrincipalTag/team",
                                       "blue",
                                       "aws:PrincipalTag/Team",
                                       "blue",
                                       "aws:PrincipalTag/other",
                                       "-",
                                       "aws:TokenIssueTime",
                                       "-",
                                       "aws:MultiFactorAuthPresent",
                                       "-",
                                       "aws:PrincipalIsAWSService",
                                       "false",
                                       "aws:FederatedProvider",
                                       "-",
                                       "aws:SourceIdentity",
                                       "-",
                                       NULL};
    static const char *const session[] = {"aws:username",
                                          "-",
                                          "aws:userid",
                                          "AROA00000000000000001:job",
                                          "aws:PrincipalArn",
                                          "arn:aws:iam::111122223333:role/reader",
                                          "aws:PrincipalType",
                                          "AssumedRole",
                                          "aws:TokenIssueTime",
                                          "2026-01-02T03:04:05Z",
                                          "aws:MultiFactorAuthPresent",
                                          "false",
                                          "aws:SourceIdentity",
                                          "boss",
                                          "aws:FederatedProvider",
                                          "id.example",
                                          NULL};
    expect_caller(principal_anonymous(), true, nobody);
    expect_caller(&p, false, user);
    p = (struct principal){.caller = {.kind = IAM_CALLER_ROLE, .account = BYTES_LIT("111122223333")},
                           .type = "AssumedRole",
                           .user_id = BYTES_LIT("AROA00000000000000001:job"),
                           .principal_arn = BYTES_LIT("arn:aws:iam::111122223333:role/reader"),
                           .session = SESSION_ROLE,
                           .issued_ms = NOW_MS,
                           .source_identity = BYTES_LIT("boss"),
                           .provider = BYTES_LIT("id.example")};
    expect_caller(&p, false, session);
}

/* What the listing goes by: decoded, and the first one where it comes twice. */
Test(facts, POL_24_listings)
{
    static const struct row rows[] = {
        {"GET /b", "", "s3:prefix", NULL},
        {"GET /b?prefix=", "", "s3:prefix", ""},
        {"GET /b?prefix", "", "s3:prefix", ""},
        {"GET /b?prefix=a%2Fb+c", "", "s3:prefix", "a/b c"},
        {"GET /b?prefix=a&prefix=b", "", "s3:prefix", "a"},
        {"GET /b?Prefix=a", "", "s3:prefix", NULL},
        {"GET /b?list-type=2&prefix=a", "", "s3:prefix", "a"},
        {"GET /b?versions&prefix=a", "", "s3:prefix", "a"},
        {"GET /b?delimiter=%2F", "", "s3:delimiter", "/"},
        {"GET /b", "", "s3:delimiter", NULL},
        {"GET /b?max-keys=10", "", "s3:max-keys", "10"},
        {"GET /b", "", "s3:max-keys", "1000"},
        {"GET /b?max-keys=", "", "s3:max-keys", "1000"},
        {"GET /b?uploads&prefix=a", "", "s3:prefix", NULL}, /* not of ListBucketMultipartUploads */
        {"GET /b?uploads", "", "s3:max-keys", NULL},
        {"GET /b/k?prefix=a", "", "s3:prefix", NULL},
        {"PUT /b?prefix=a", "", "s3:prefix", NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(facts, headers_as_sent)
{
    static const struct row rows[] = {
        {"PUT /b/k", CANNED, "s3:x-amz-acl", "public-read"},
        {"PUT /b/k", "", "s3:x-amz-acl", NULL},
        {"PUT /b?acl", CANNED, "s3:x-amz-acl", "public-read"},
        {"PUT /b", CANNED, "s3:x-amz-acl", "public-read"},
        {"PUT /b/k", "x-amz-grant-read: id=\"1\"\r\n", "s3:x-amz-grant-read", "id=\"1\""},
        {"PUT /b/k", "x-amz-grant-write: id=\"1\"\r\n", "s3:x-amz-grant-write", "id=\"1\""},
        {"PUT /b/k", "x-amz-grant-read-acp: id=1\r\n", "s3:x-amz-grant-read-acp", "id=1"},
        {"PUT /b/k", "x-amz-grant-write-acp: id=1\r\n", "s3:x-amz-grant-write-acp", "id=1"},
        {"PUT /b/k", "x-amz-grant-full-control: id=1\r\n", "s3:x-amz-grant-full-control", "id=1"},
        {"PUT /b/k", "x-amz-grant-full-control: id=1\r\n", "s3:x-amz-grant-read", NULL},
        {"PUT /b/k", "x-amz-storage-class: GLACIER\r\n", "s3:x-amz-storage-class", "GLACIER"},
        {"PUT /b/k", "", "s3:x-amz-storage-class", NULL},
        {"PUT /b/k", "x-amz-server-side-encryption: AES256\r\n", "s3:x-amz-server-side-encryption", "AES256"},
        {"PUT /b/k", "", "s3:x-amz-server-side-encryption", NULL},
        {"PUT /b/k", "x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:::key/1\r\n",
         "s3:x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:us-east-1:000000000000:key/1"},
        {"PUT /b/k", "x-amz-server-side-encryption-customer-algorithm: AES256\r\n",
         "s3:x-amz-server-side-encryption-customer-algorithm", "AES256"},
        {"PUT /b/k", COPY "x-amz-metadata-directive: REPLACE\r\n", "s3:x-amz-metadata-directive", "REPLACE"},
        {"PUT /b/k", COPY, "s3:x-amz-metadata-directive", NULL},
        {"PUT /b/k", COPY, "s3:x-amz-copy-source", "src/a b"},
        {"PUT /b/k", "x-amz-copy-source: src/a\r\n", "s3:x-amz-copy-source", "src/a"},
        {"PUT /b/k", "x-amz-copy-source: src%2Fa%252F\r\n", "s3:x-amz-copy-source", "src/a%2F"},
        {"PUT /b/k?partNumber=1&uploadId=u", COPY, "s3:x-amz-copy-source", "src/a b"},
        {"PUT /b/k", "", "s3:x-amz-copy-source", NULL},
        {"PUT /b/k", "x-amz-website-redirect-location: /x\r\n", "s3:x-amz-website-redirect-location", "/x"},
        {"PUT /b", "x-amz-object-ownership: ObjectWriter\r\n", "s3:x-amz-object-ownership", "ObjectWriter"},
        {"PUT /b/k", "If-Match: \"e\"\r\n", "s3:if-match", "\"e\""},
        {"DELETE /b/k", "If-Match: *\r\n", "s3:if-match", "*"},
        {"PUT /b/k", "If-None-Match: *\r\n", "s3:if-none-match", "*"},
        {"PUT /b/k", "", "s3:if-none-match", NULL},
        {"PUT /b/k", "", "s3:ObjectCreationOperation", "true"},
        {"PUT /b/k", COPY, "s3:ObjectCreationOperation", "true"},
        {"POST /b/k?uploadId=u", "", "s3:ObjectCreationOperation", "true"},
        {"POST /b/k?uploads", "", "s3:ObjectCreationOperation", "false"},
        {"PUT /b/k?partNumber=1&uploadId=u", "", "s3:ObjectCreationOperation", "false"},
        {"GET /b/k", "", "s3:ObjectCreationOperation", NULL},
        {"DELETE /b/k", "", "s3:ObjectCreationOperation", NULL},
        /* A parameter is no header unless the request is presigned. */
        {"PUT /b/k?x-amz-acl=private", "", "s3:x-amz-acl", NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(facts, hoisted_headers)
{
    struct scene *s = scene_new("PUT /b/k?X-Amz-Acl=private&x-amz-tagging=team%3Dblue", "");
    s->r.hoisted = true;
    facts_collect(&s->r, &s->context);
    expect(s, "s3:x-amz-acl", "private");
    expect(s, "s3:RequestObjectTag/team", "blue");
    arena_free(s->arena);
}

/* Locks and tags are a header's where the header makes them, and a body's where the body does. */
Test(facts, POL_17_locks_and_tags)
{
    static const struct row rows[] = {
        {"PUT /b/k", TAGGING, "s3:RequestObjectTag/team", "blue"},
        {"PUT /b/k", TAGGING, "s3:RequestObjectTag/cost", "1"},
        {"PUT /b/k", TAGGING, "s3:RequestObjectTag/Team", NULL},
        {"PUT /b/k", TAGGING, "s3:RequestObjectTagKeys", "team|cost"},
        {"PUT /b/k", "", "s3:RequestObjectTagKeys", NULL},
        {"PUT /b/k", "x-amz-tagging: \r\n", "s3:RequestObjectTagKeys", NULL},
        {"POST /b/k?uploads", TAGGING, "s3:RequestObjectTag/team", "blue"},
        {"PUT /b/k", COPY TAGGING, "s3:RequestObjectTag/team", NULL}, /* it gets the source's */
        {"PUT /b/k", TAGS_REPLACED, "s3:RequestObjectTag/team", "blue"},
        {"PUT /b/k", LOCKED, "s3:object-lock-mode", "GOVERNANCE"},
        {"PUT /b/k", LOCKED, "s3:object-lock-retain-until-date", "2026-01-04T03:04:05Z"},
        {"PUT /b/k", LOCKED, "s3:object-lock-remaining-retention-days", "2"},
        {"PUT /b/k", HELD, "s3:object-lock-legal-hold", "ON"},
        {"PUT /b/k", "", "s3:object-lock-mode", NULL},
        {"PUT /b/k", "", "s3:object-lock-remaining-retention-days", NULL},
        {"PUT /b/k", "", "s3:object-lock-legal-hold", NULL},
        {"PUT /b/k?retention", LOCKED, "s3:object-lock-mode", NULL},
        {"PUT /b/k?retention", LOCKED, "s3:object-lock-retain-until-date", NULL},
        {"PUT /b/k?retention", LOCKED, "s3:object-lock-remaining-retention-days", NULL},
        {"PUT /b/k?legal-hold", HELD, "s3:object-lock-legal-hold", NULL},
        {"PUT /b/k?tagging", TAGGING, "s3:RequestObjectTag/team", NULL},
        {"PUT /b/k?tagging", TAGGING, "s3:RequestObjectTagKeys", NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

Test(facts, bodies)
{
    const struct store_header tags[] = {{BYTES_LIT("team"), BYTES_LIT("red")}, {BYTES_LIT("x"), BYTES_LIT("")}};
    struct scene *s = scene_new("PUT /b/k?tagging", TAGGING);
    facts_collect(&s->r, &s->context);
    facts_add_body(&s->r, &s->context, &(struct facts_body){.tags_known = true, .tags = tags, .n_tags = 2});
    expect(s, "s3:RequestObjectTag/team", "red");
    expect(s, "s3:RequestObjectTag/x", "");
    expect(s, "s3:RequestObjectTagKeys", "team|x");
    arena_free(s->arena);
    s = scene_new("PUT /b/k?tagging", "");
    facts_collect(&s->r, &s->context);
    facts_add_body(&s->r, &s->context, &(struct facts_body){.tags_known = true});
    expect(s, "s3:RequestObjectTagKeys", NULL);
    arena_free(s->arena);
    s = scene_new("PUT /b/k?retention", LOCKED);
    facts_collect(&s->r, &s->context);
    facts_add_body(&s->r, &s->context,
                   &(struct facts_body){.mode = LOCK_COMPLIANCE, .until_ms = NOW_MS + 36 * 3600 * 1000});
    expect(s, "s3:object-lock-mode", "COMPLIANCE");
    expect(s, "s3:object-lock-retain-until-date", "2026-01-03T15:04:05Z");
    expect(s, "s3:object-lock-remaining-retention-days", "2");
    arena_free(s->arena);
    s = scene_new("PUT /b/k?legal-hold", HELD);
    facts_collect(&s->r, &s->context);
    facts_add_body(&s->r, &s->context, &(struct facts_body){.legal_hold = BYTES_LIT("OFF")});
    expect(s, "s3:object-lock-legal-hold", "OFF");
    expect(s, "s3:object-lock-mode", NULL);
    arena_free(s->arena);
    s = scene_new("PUT /b", "");
    facts_collect(&s->r, &s->context);
    expect(s, "s3:LocationConstraint", NULL);
    facts_add_body(&s->r, &s->context,
                   &(struct facts_body){.location = BYTES_LIT("eu-west-1"), .bucket_tags = tags, .n_bucket_tags = 2});
    expect(s, "s3:LocationConstraint", "eu-west-1");
    expect(s, "aws:RequestTag/team", "red");
    expect(s, "aws:RequestTag/TEAM", "red");
    expect(s, "aws:TagKeys", "team|x");
    expect(s, "s3:RequestObjectTag/team", NULL);
    arena_free(s->arena);
}

/* Whatever facts_add_body sets has to be announced, or a policy that asks for it would be judged too early. */
Test(facts, bodies_are_waited_for)
{
    const struct store_header tags[] = {{BYTES_LIT("team"), BYTES_LIT("red")}};
    const struct facts_body all = {.tags_known = true,
                                   .tags = tags,
                                   .n_tags = 1,
                                   .mode = LOCK_GOVERNANCE,
                                   .until_ms = NOW_MS,
                                   .legal_hold = BYTES_LIT("ON"),
                                   .location = BYTES_LIT("eu-west-1"),
                                   .bucket_tags = tags,
                                   .n_bucket_tags = 1};
    struct scene *s = scene_new("PUT /b", "");
    facts_add_body(&s->r, &s->context, &all);
    for (enum iam_key_id key = 0; key < IAM_KEY_UNKNOWN; key++)
        cr_expect_eq(s->context.facts[key] != NULL, facts_in_body(key), "%s", iam_key_name(key));
    arena_free(s->arena);
}

Test(facts, resources_one_after_another)
{
    const struct store_header tags[] = {{BYTES_LIT("team"), BYTES_LIT("blue")}, {BYTES_LIT("Team"), BYTES_LIT("red")}};
    const struct store_object object = {.tags = tags, .n_tags = 2};
    struct scene *s = scene_new("GET /b/k", "");
    facts_of_resource(&s->context, BYTES_LIT("111122223333"), BYTES_LIT("v1"));
    facts_of_object(&s->context, &object);
    expect(s, "aws:ResourceAccount", "111122223333");
    expect(s, "s3:ResourceAccount", "111122223333");
    expect(s, "s3:VersionId", "v1");
    expect(s, "s3:ExistingObjectTag/team", "blue");
    expect(s, "s3:ExistingObjectTag/Team", "red");
    /* The next question is about something else. */
    facts_of_resource(&s->context, BYTES_LIT("444455556666"), BYTES_NONE);
    facts_of_object(&s->context, NULL);
    expect(s, "aws:ResourceAccount", "444455556666");
    expect(s, "s3:VersionId", NULL);
    expect(s, "s3:ExistingObjectTag/team", NULL);
    facts_of_resource(&s->context, BYTES_NONE, BYTES_LIT(""));
    expect(s, "aws:ResourceAccount", NULL);
    expect(s, "s3:VersionId", "");
    arena_free(s->arena);
}
