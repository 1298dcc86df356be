/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Presigned URLs: AWS's published example, the rows PRE-*, and the maker against the verifier and the tests' own
 * signer.
 */
#include "tests/unit/server/auth/fixture.h"
#include "server/auth/presign.h"

#define QUERY_ERROR "AuthorizationQueryParametersError"

static struct shot *put_with(const struct sign_pair *params, size_t param_n, const struct sign_pair *headers,
                             size_t header_n)
{
    struct sign_request r = {.method = "PUT",
                             .path = "/up.bin",
                             .payload = SIGN_UNSIGNED,
                             .date = DATE,
                             .params = params,
                             .param_count = param_n,
                             .headers = headers,
                             .header_count = header_n};
    return shot_presigned(&keys, &r, "3600", NULL);
}

/* docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
Test(presign, aws_example)
{
    struct shot *s = shot_new("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" AK
                                     "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" DATE
                                     "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                                     "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    shot_header(s, "Host", HOST);
    shot_ok(s);
    cr_assert_eq(s->res.identity, &identity_a);
    cr_assert_eq(s->res.mechanism, AUTH_SIGV4_QUERY);
    cr_assert_eq(s->res.payload, AUTH_PAYLOAD_UNSIGNED);
    cr_assert_eq(s->res.expires_ms, ms_of(DATE) + 86400 * 1000LL);
    shot_free(s);
}

Test(presign, PRE_01_expired_by_one_second)
{
    struct shot *s = PRESIGNED_GET("60");
    s->req.now_ms += 60 * 1000;
    shot_ok(s);
    s->req.now_ms += 1000;
    shot_fails(s, "AccessDenied", "Request has expired");
    shot_extra_is(s, "X-Amz-Expires", "60");
    shot_extra_is(s, "Expires", "2013-05-24T00:01:00Z");
    shot_extra_is(s, "ServerTime", "2013-05-24T00:01:01Z");
    shot_free(s);
}

Test(presign, PRE_01_not_yet_valid)
{
    struct shot *s = PRESIGNED_GET("604800");
    s->req.now_ms -= 900 * 1000;
    shot_ok(s);
    s->req.now_ms -= 1;
    shot_fails(s, "AccessDenied", "Request is not yet valid");
    shot_free(s);
}

Test(presign, PRE_02_expires_out_of_range)
{
    static const struct {
        const char *value, *words;
    } rows[] = {{"0", "X-Amz-Expires must be non-negative"},
                {"-1", "X-Amz-Expires must be non-negative"},
                {"604801",
                 "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
                 "less than 604800 seconds"},
                {"1000000000", "must be less than a week"},
                {"99999999999999999999999999", "must be less than a week"},
                {"1e9", "X-Amz-Expires should be a number"},
                {"abc", "X-Amz-Expires should be a number"},
                {"-", "X-Amz-Expires should be a number"},
                {"--1", "X-Amz-Expires should be a number"},
                {"+1", "X-Amz-Expires should be a number"},
                {"1 ", "X-Amz-Expires should be a number"},
                {"0x10", "X-Amz-Expires should be a number"},
                {"", "requires the X-Amz-Algorithm"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = PRESIGNED_GET(rows[i].value);
        shot_fails(s, QUERY_ERROR, rows[i].words);
        shot_free(s);
    }
    static const char *const good[] = {"1", "604800", "0060"};
    for (size_t i = 0; i < 3; i++) {
        struct shot *s = PRESIGNED_GET(good[i]);
        shot_ok(s);
        shot_free(s);
    }
}

Test(presign, PRE_04_doubled_parameters)
{
    static const struct {
        const char *added, *code;
    } rows[] = {{"X-Amz-Signature=" SIGN_EMPTY_SHA256, QUERY_ERROR},
                {"X-Amz-Expires=604800", QUERY_ERROR},
                {"x-amz-expires=604800", QUERY_ERROR},
                {"X-Amz-Credential=" AK, QUERY_ERROR},
                {"X-Amz-Date=" DATE, QUERY_ERROR},
                {"versionId=a&versionId=b", "InvalidArgument"},
                {"uploadId=a&uploadId=a", "InvalidArgument"},
                {"partNumber=1&partNumber=2", "InvalidArgument"},
                {"x-amz-acl=a&X-Amz-Acl=b", "InvalidArgument"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = PRESIGNED_GET("60");
        shot_query(s, rows[i].added);
        shot_fails(s, rows[i].code, "must not be specified more than once");
        cr_assert_eq(s->lookups, 0);
        shot_free(s);
    }
    struct shot *s = shot_new("GET", "/b/k?versionId=1&versionId=2"); /* nobody either */
    shot_fails(s, "InvalidArgument", NULL);
    shot_free(s);
}

Test(presign, PRE_06_method_is_signed)
{
    static const char *const others[] = {"PUT", "DELETE", "POST", "HEAD", "get", "G"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct shot *s = PRESIGNED_GET("60");
        s->req.method = bytes_str(others[i]);
        shot_fails(s, "SignatureDoesNotMatch", NULL);
        shot_free(s);
    }
}

Test(presign, PRE_07_added_copy_source)
{
    const struct sign_pair host[] = {{"Host", HOST}};
    struct shot *s = put_with(NULL, 0, host, 1);
    shot_ok(s);
    shot_header(s, "x-amz-copy-source", "/B/secret");
    shot_fails(s, "AccessDenied", "There were headers present in the request which were not signed");
    shot_extra_is(s, "HeadersNotSigned", "x-amz-copy-source");
    shot_free(s);
}

Test(presign, PRE_08_header_and_parameter_disagree)
{
    const struct sign_pair acl[] = {{"X-Amz-Acl", "private"}};
    const struct sign_pair host[] = {{"Host", HOST}};
    const struct sign_pair both[] = {{"Host", HOST}, {"x-amz-acl", "public-read"}};
    const struct sign_pair same[] = {{"Host", HOST}, {"x-amz-acl", " private"}};
    struct shot *s = put_with(acl, 1, host, 1);
    shot_ok(s);
    shot_header(s, "x-amz-acl", "public-read");
    shot_fails(s, "AccessDenied", "not signed");
    shot_free(s);
    s = put_with(acl, 1, both, 2);
    shot_fails(s, "InvalidRequest", "Conflicting values provided in HTTP headers and query parameters.");
    cr_assert_null(s->res.identity);
    shot_free(s);
    s = put_with(acl, 1, same, 2);
    shot_ok(s);
    shot_free(s);
}

Test(presign, PRE_09_partial_or_misspelt_parameters)
{
    static const char *const names[] = {"X-Amz-Algorithm", "X-Amz-Credential",    "X-Amz-Signature",
                                        "X-Amz-Date",      "X-Amz-SignedHeaders", "X-Amz-Expires"};
    const char *words = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                        "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
    for (size_t i = 0; i < 6; i++) {
        struct shot *s = PRESIGNED_GET("60");
        shot_drop_param(s, names[i]);
        shot_fails(s, QUERY_ERROR, words);
        shot_free(s);
        s = PRESIGNED_GET("60");
        for (size_t j = 0; j < s->req.param_count; j++)
            if (bytes_eq_str(s->params[j].name, names[i]))
                s->params[j].name = BYTES_LIT("x-amz-signature");
        if (i != 2)
            shot_fails(s, QUERY_ERROR, "more than once");
        else
            shot_fails(s, QUERY_ERROR, words);
        shot_free(s);
        s = shot_new("GET", "/b/k"); /* one of them alone, in any case */
        s->params[s->req.param_count++] = (struct auth_param){bytes_str(names[i]), BYTES_LIT("1")};
        shot_fails(s, QUERY_ERROR, words);
        shot_free(s);
    }
    static const char *const traces[] = {"/?x-amz-signature=1", "/?X-AMZ-CREDENTIAL", "/?x-amz-security-token=a",
                                         "/?X-Amz-Signature=", "/?X-Amz-Signature"};
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
        struct shot *s = shot_new("GET", traces[i]);
        shot_fails(s, QUERY_ERROR, words);
        shot_free(s);
    }
}

Test(presign, SIG_03_credential_parameter_alone_with_unsigned_streaming)
{
    struct shot *s = shot_new("PUT", "/bucket/k?X-Amz-Credential=" AK "/20130524/us-east-1/s3/aws4_request");
    shot_header(s, "Host", HOST);
    shot_header(s, "x-amz-date", DATE);
    shot_header(s, "x-amz-content-sha256", SIGN_CHUNKED_UNSIGNED);
    shot_fails(s, QUERY_ERROR, NULL);
    cr_assert_eq(s->lookups, 0);
    shot_free(s);
}

Test(presign, PRE_10_signed_headers_sent_differently)
{
    const struct sign_pair h[] = {
        {"Host", HOST}, {"Content-Length", "5"}, {"Content-MD5", "abc"}, {"Content-Type", "a/b"}};
    for (size_t i = 0; i < 4; i++) {
        struct shot *s = put_with(NULL, 0, h, 4);
        shot_ok(s);
        s->headers[i].value = BYTES_LIT("6");
        shot_fails(s, "SignatureDoesNotMatch", NULL);
        shot_free(s);
    }
    struct shot *s = put_with(NULL, 0, h, 4);
    s->req.header_count--; /* left out */
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_free(s);
}

Test(presign, PRE_11_key_deleted_after_the_url_was_made)
{
    const struct sign_keys k = {.access = GONE_AK, .secret = SK};
    struct sign_request r = {
        .method = "GET", .path = "/k", .payload = SIGN_UNSIGNED, .date = DATE, PAIRS({"Host", HOST})};
    struct shot *s = shot_presigned(&k, &r, "60", NULL);
    shot_fails(s, "InvalidAccessKeyId", NULL);
    shot_free(s);
}

Test(presign, PRE_12_token_is_not_shown_in_the_error)
{
    const struct sign_keys k = {.access = TEMP_AK, .secret = SK};
    struct sign_request r = {
        .method = "GET", .path = "/k", .payload = SIGN_UNSIGNED, .date = DATE, PAIRS({"Host", HOST})};
    struct shot *s = shot_presigned(&k, &r, "60", TOKEN);
    shot_ok(s);
    cr_assert_eq(s->res.identity, &identity_t);
    s->req.method = BYTES_LIT("PUT");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    cr_assert(bytes_find(shot_extra(s, "CanonicalRequest"), BYTES_LIT("X-Amz-Security-Token=REDACTED&"), 0) > 0);
    for (size_t i = 0; i < s->res.error.extra_count; i++)
        cr_assert(bytes_find(s->res.error.extras[i].value, BYTES_LIT("FwoGZXIv"), 0) < 0);
    shot_free(s);
}

Test(presign, SIG_19_tokens)
{
    const struct sign_keys k = {.access = TEMP_AK, .secret = SK};
    struct sign_request r = {
        .method = "GET", .path = "/k", .payload = SIGN_UNSIGNED, .date = DATE, PAIRS({"Host", HOST})};
    struct shot *s = shot_presigned(&k, &r, "60", NULL);
    shot_fails(s, "InvalidAccessKeyId", NULL);
    shot_free(s);
    s = shot_presigned(&keys, &r, "60", TOKEN);
    shot_fails(s, "InvalidToken", NULL);
    shot_free(s);
    s = shot_presigned(&k, &r, "60", "old");
    shot_fails(s, "ExpiredToken", NULL);
    shot_free(s);
    struct sign_request h = {.method = "GET",
                             .path = "/k",
                             .payload = SIGN_UNSIGNED,
                             .date = DATE,
                             PAIRS({"Host", HOST}, {"x-amz-security-token", TOKEN})};
    s = shot_presigned(&k, &h, "60", NULL); /* the token in a signed header will do */
    shot_ok(s);
    shot_free(s);
}

Test(presign, malformed_parameters)
{
    static const struct {
        const char *name, *value, *words;
    } rows[] = {
        {"X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256", "X-Amz-Algorithm only supports"},
        {"X-Amz-Algorithm", "aws4-hmac-sha256", "X-Amz-Algorithm only supports"},
        {"X-Amz-Credential", AK,
         "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting"},
        {"X-Amz-Credential", AK "/20130524/us-east-1/sts/aws4_request", "incorrect service \"sts\""},
        {"X-Amz-Credential", AK "/20130525/us-east-1/s3/aws4_request", "Invalid credential date \"20130525\""},
        {"X-Amz-Credential", AK "/20130524/us-east-1/s3/aws4", "incorrect terminal \"aws4\""},
        {"X-Amz-Date", "2013-05-24T00:00:00Z", "X-Amz-Date must be in the ISO8601 Long Format"},
        {"X-Amz-Date", "20130230T000000Z", "X-Amz-Date must be in the ISO8601 Long Format"},
        {"X-Amz-Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Date must be in the ISO8601 Long Format"},
        {"X-Amz-SignedHeaders", "Host", "X-Amz-SignedHeaders"},
        {"X-Amz-SignedHeaders", "host;", "X-Amz-SignedHeaders"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = PRESIGNED_GET("60");
        shot_set_param(s, rows[i].name, rows[i].value);
        shot_fails(s, QUERY_ERROR, rows[i].words);
        shot_free(s);
    }
}

Test(presign, wrong_region)
{
    struct shot *s = PRESIGNED_GET("60");
    s->cfg.required_region = "eu-central-1";
    shot_fails(
        s, QUERY_ERROR,
        "Error parsing the X-Amz-Credential parameter; the region 'us-east-1' is wrong; expecting 'eu-central-1'");
    shot_extra_is(s, "Region", "eu-central-1");
    shot_free(s);
}

Test(presign, payload_hash_from_header_or_parameter)
{
    const struct sign_pair param[] = {{"X-Amz-Content-Sha256", SIGN_EMPTY_SHA256}};
    struct sign_request r = {.method = "PUT",
                             .path = "/k",
                             .payload = SIGN_EMPTY_SHA256,
                             .date = DATE,
                             .params = param,
                             .param_count = 1,
                             PAIRS({"Host", HOST})};
    struct shot *s = shot_presigned(&keys, &r, "60", NULL);
    shot_ok(s);
    cr_assert_eq(s->res.payload, AUTH_PAYLOAD_HASH);
    shot_free(s);
    struct sign_request h = {.method = "PUT",
                             .path = "/k",
                             .payload = SIGN_EMPTY_SHA256,
                             .date = DATE,
                             PAIRS({"Host", HOST}, {"x-amz-content-sha256", SIGN_EMPTY_SHA256})};
    s = shot_presigned(&keys, &h, "60", NULL);
    shot_ok(s);
    cr_assert_eq(s->res.payload, AUTH_PAYLOAD_HASH);
    s->headers[1].value = BYTES_LIT("nonsense");
    shot_fails(s, "InvalidArgument", "x-amz-content-sha256 must be");
    shot_free(s);
    struct sign_request c = {.method = "PUT",
                             .path = "/k",
                             .payload = SIGN_CHUNKED_UNSIGNED,
                             .date = DATE,
                             PAIRS({"Host", HOST}, {"x-amz-content-sha256", SIGN_CHUNKED_UNSIGNED})};
    s = shot_presigned(&keys, &c, "60", NULL);
    shot_ok(s);
    cr_assert_eq(s->res.payload, AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER);
    shot_free(s);
}

Test(presign, changed_path_query_or_signature)
{
    struct shot *s = PRESIGNED_GET("60");
    s->req.raw_path = BYTES_LIT("/test.txT");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    s->req.raw_path = BYTES_LIT("/test.txt");
    shot_ok(s);
    shot_query(s, "versionId=1");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_drop_param(s, "versionId");
    shot_set_param(s, "X-Amz-Expires", "61");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_set_param(s, "X-Amz-Expires", "60");
    shot_set_param(s, "X-Amz-Signature", SIGN_EMPTY_SHA256);
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_set_param(s, "X-Amz-Signature", "a");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_free(s);
}

/* ---- making them ---- */

static struct presign_spec spec(void)
{
    return (struct presign_spec){.method = BYTES_LIT("GET"),
                                 .host = BYTES_LIT(HOST),
                                 .raw_path = BYTES_LIT("/test.txt"),
                                 .access_key = BYTES_LIT(AK),
                                 .secret = BYTES_LIT(SK),
                                 .region = BYTES_LIT("us-east-1"),
                                 .expires_s = 86400,
                                 .now_ms = ms_of(DATE)};
}

static void spec_verifies(const struct presign_spec *sp)
{
    char method[16];
    struct bytes query;
    snprintf(method, sizeof(method), "%.*s", (int)sp->method.n, sp->method.p);
    struct shot *s = shot_new(method, "");
    s->req.raw_path = sp->raw_path;
    cr_assert(sigv4_presign(sp, s->arena, &query));
    shot_query_n(s, query);
    shot_header_n(s, "Host", sp->host);
    for (size_t i = 0; i < sp->header_count; i++)
        s->headers[s->req.header_count++] = sp->headers[i];
    shot_ok(s);
    shot_free(s);
}

Test(presign, makes_aws_example)
{
    struct arena *a = arena_create(0);
    struct presign_spec sp = spec();
    struct bytes query;
    cr_assert(sigv4_presign(&sp, a, &query));
    cr_assert(bytes_eq_str(query, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" AK
                                  "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" DATE
                                  "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                                  "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
              "%.*s", (int)query.n, query.p);
    arena_free(a);
}

Test(presign, made_urls_verify)
{
    struct presign_spec sp = spec();
    spec_verifies(&sp);
    sp.region = BYTES_NONE;
    spec_verifies(&sp);
    sp.raw_path = BYTES_NONE;
    spec_verifies(&sp);
    sp.raw_path = BYTES_LIT("/b/a b+c~\xC3\xA9%2F");
    const struct auth_param params[] = {{BYTES_LIT("versionId"), BYTES_LIT("a/b+c d")},
                                        {BYTES_LIT("response-content-type"), BYTES_LIT("text/html; charset=\"x\"")},
                                        {BYTES_LIT("X-Amz-Content-Sha256"), BYTES_LIT(SIGN_EMPTY_SHA256)}};
    sp.params = params;
    sp.param_count = 3;
    spec_verifies(&sp);
    const struct auth_header headers[] = {{BYTES_LIT("X-Amz-Meta-B"), BYTES_LIT(" 1  2 ")},
                                          {BYTES_LIT("Content-Type"), BYTES_LIT("a/b")},
                                          {BYTES_LIT("x-amz-meta-b"), BYTES_LIT("3")}};
    sp.headers = headers;
    sp.header_count = 3;
    sp.method = BYTES_LIT("PUT");
    spec_verifies(&sp);
    sp.access_key = BYTES_LIT(TEMP_AK);
    sp.token = BYTES_LIT(TOKEN);
    spec_verifies(&sp);
}

Test(presign, refuses_what_cannot_be_presigned)
{
    struct arena *a = arena_create(0);
    struct presign_spec sp = spec();
    struct bytes query;
    sp.expires_s = 0;
    cr_assert_not(sigv4_presign(&sp, a, &query));
    sp.expires_s = AUTH_EXPIRES_MAX_S + 1;
    cr_assert_not(sigv4_presign(&sp, a, &query));
    sp = spec();
    sp.secret = BYTES_NONE;
    cr_assert_not(sigv4_presign(&sp, a, &query));
    sp = spec();
    const struct auth_param p = {BYTES_LIT("x-amz-date"), BYTES_LIT("1")};
    sp.params = &p;
    sp.param_count = 1;
    cr_assert_not(sigv4_presign(&sp, a, &query));
    sp = spec();
    const struct auth_header h = {BYTES_LIT("bad;name"), BYTES_LIT("1")};
    sp.headers = &h;
    sp.header_count = 1;
    cr_assert_not(sigv4_presign(&sp, a, &query));
    arena_free(a);
}
