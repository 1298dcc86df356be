/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mechanism a request uses, and that no trace of one is taken for nobody.
 */
#include "tests/unit/server/auth/fixture.h"

Test(auth, nobody)
{
    struct shot *s = shot_new("GET", "/b/k?versionId=1&x-id=GetObject&prefix=Signature");
    shot_header(s, "Host", HOST);
    shot_header(s, "x-amz-date", DATE);
    shot_ok(s);
    cr_assert_eq(s->res.mechanism, AUTH_ANONYMOUS);
    cr_assert_eq(s->res.payload, AUTH_PAYLOAD_NONE);
    cr_assert_null(s->res.identity);
    cr_assert_eq(s->res.access_key.n, 0);
    cr_assert_eq(s->lookups, 0);
    shot_free(s);
}

Test(auth, nobody_may_hash_or_chunk_but_not_sign_chunks)
{
    static const struct {
        const char *text;
        enum auth_payload mode;
    } good[] = {{SIGN_UNSIGNED, AUTH_PAYLOAD_UNSIGNED},
                {SIGN_EMPTY_SHA256, AUTH_PAYLOAD_HASH},
                {SIGN_CHUNKED_UNSIGNED, AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER}};
    for (size_t i = 0; i < 3; i++) {
        struct shot *s = shot_new("PUT", "/b/k");
        shot_header(s, "X-Amz-Content-Sha256", good[i].text);
        shot_ok(s);
        cr_assert_eq(s->res.payload, good[i].mode);
        shot_free(s);
    }
    static const char *const bad[][2] = {
        {SIGN_CHUNKED, "AccessDenied"}, {SIGN_CHUNKED_TRAILER, "AccessDenied"}, {"STREAMING-FOO", "InvalidArgument"}};
    for (size_t i = 0; i < 3; i++) {
        struct shot *s = shot_new("PUT", "/b/k");
        shot_header(s, "x-amz-content-sha256", bad[i][0]);
        shot_fails(s, bad[i][1], NULL);
        shot_free(s);
    }
}

Test(auth, SIG_13_two_mechanisms)
{
    const char *words =
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
        "parameter or the Authorization header should be specified";
    struct shot *s = PRESIGNED_GET("60");
    shot_header(s, "Authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c");
    shot_fails(s, "InvalidArgument", words);
    shot_extra_is(s, "ArgumentName", "Authorization");
    cr_assert_null(shot_extra(s, "ArgumentValue").p); /* a credential: not echoed */
    shot_free(s);

    s = SIGNED_GET("/k"); /* the same one twice is two */
    s->headers[s->req.header_count] = s->headers[s->req.header_count - 1];
    s->headers[s->req.header_count++].name = BYTES_LIT("AUTHORIZATION");
    shot_fails(s, "InvalidArgument", words);
    shot_free(s);

    static const char *const traces[] = {"X-Amz-Signature=1", "x-amz-credential=1", "Signature=1", "AWSAccessKeyId=x"};
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
        s = SIGNED_GET("/k");
        shot_query(s, traces[i]);
        shot_fails(s, "InvalidArgument", words);
        shot_free(s);
    }
    s = PRESIGNED_GET("60");
    shot_query(s, "AWSAccessKeyId=x&Signature=y&Expires=1");
    shot_fails(s, "InvalidArgument", words);
    shot_free(s);
    s = shot_new("GET", "/");
    shot_header(s, "Authorization", "");
    shot_header(s, "Authorization", "Bearer x");
    shot_fails(s, "InvalidArgument", words);
    shot_free(s);
}

Test(auth, SIG_14_other_mechanisms_are_refused_not_nobody)
{
    static const struct {
        const char *value;
        enum auth_mechanism mechanism;
    } rows[] = {{"AWS4-ECDSA-P256-SHA256 Credential=" AK "/20130524/s3/aws4_request, SignedHeaders=host, Signature=00",
                 AUTH_OTHER},
                {"Bearer eyJhbGciOiJub25lIn0.e30.", AUTH_OTHER},
                {"Basic bWluaW9hZG1pbjptaW5pb2FkbWlu", AUTH_OTHER},
                {"aws4-hmac-sha256 Credential=a", AUTH_OTHER},
                {"AWS4-HMAC-SHA256Credential=a", AUTH_OTHER},
                {"AWS4-HMAC-SHA1 x", AUTH_OTHER},
                {"", AUTH_OTHER},
                {"   ", AUTH_OTHER}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = shot_new("GET", "/b/k");
        shot_header(s, "Host", HOST);
        shot_header(s, "authorization", rows[i].value);
        shot_fails(s, "InvalidRequest",
                   "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
        cr_assert_eq(s->res.mechanism, rows[i].mechanism, "%s", rows[i].value);
        cr_assert_eq(s->lookups, 0);
        shot_free(s);
    }
}

Test(auth, quote_is_printable_and_short)
{
    struct arena *a = arena_create(0);
    cr_assert(bytes_eq_str(auth__quote(a, BYTES_LIT("a\r\n\0\x7f\xff ~b")), "a????? ~b"));
    char longer[500];
    memset(longer, 'x', sizeof(longer));
    cr_assert_eq(auth__quote(a, bytes_of(longer, sizeof(longer))).n, AUTH_QUOTE_MAX);
    arena_free(a);
}
