/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 4 in the Authorization header: AWS's published examples, then every way to get it wrong.
 */
#include "tests/unit/server/auth/fixture.h"
#include "base/check.h"

/* ---- AWS's examples: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html ---- */

static void example(const char *method, const char *target, const char *content_sha256, const char *signed_headers,
                    const char *signature, const struct sign_pair *more, size_t more_n)
{
    struct shot *s = shot_new(method, target);
    char auth[512];
    snprintf(auth, sizeof(auth),
             "AWS4-HMAC-SHA256 Credential=" AK "/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s",
             signed_headers, signature);
    shot_header(s, "Host", HOST);
    shot_header(s, "Authorization", auth);
    shot_header(s, "x-amz-content-sha256", content_sha256);
    for (size_t i = 0; i < more_n; i++)
        shot_header(s, more[i].name, more[i].value);
    shot_ok(s);
    cr_assert_eq(s->res.identity, &identity_a);
    cr_assert(bytes_eq_str(s->res.access_key, AK));
    cr_assert(bytes_eq_str(s->res.region, "us-east-1") && bytes_eq_str(s->res.service, "s3"));
    cr_assert(bytes_eq_str(s->res.signed_headers, signed_headers));
    cr_assert_eq(s->res.mechanism, AUTH_SIGV4_HEADER);
    cr_assert_eq(s->res.payload, AUTH_PAYLOAD_HASH);
    cr_assert_null(s->res.seed);
    shot_free(s);
}

static const struct sign_pair amz_date[] = {{"x-amz-date", DATE}};

Test(sigv4, aws_example_get_object)
{
    const struct sign_pair more[] = {{"Range", "bytes=0-9"}, {"x-amz-date", DATE}};
    example("GET", "/test.txt", SIGN_EMPTY_SHA256, "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", more, 2);
}

Test(sigv4, aws_example_put_object)
{
    const struct sign_pair more[] = {
        {"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-date", DATE}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    example("PUT", "/test%24file.text", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", more, 3);
}

Test(sigv4, aws_example_get_bucket_lifecycle)
{
    example("GET", "/?lifecycle", SIGN_EMPTY_SHA256, "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", amz_date, 1);
}

Test(sigv4, aws_example_list_objects)
{
    example("GET", "/?max-keys=2&prefix=J", SIGN_EMPTY_SHA256, "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", amz_date, 1);
}

/* ---- what verifies ---- */

Test(sigv4, second_request_uses_cached_key_and_verifies_alike)
{
    for (int i = 0; i < 3; i++) {
        struct shot *s = SIGNED_GET("/k");
        shot_ok(s);
        cr_assert_eq(s->lookups, 1); /* the key is looked up every time */
        shot_free(s);
    }
}

Test(sigv4, SIG_10_header_values_are_trimmed_and_collapsed)
{
    struct shot *s = SIGNED_PUT("/k", {"x-amz-meta-a", "one two three"}, {"x-amz-meta-b", "x"}, {"x-amz-meta-c", ""});
    for (size_t i = 0; i < s->req.header_count; i++) {
        if (bytes_eq_str(s->headers[i].name, "x-amz-meta-a"))
            s->headers[i].value = BYTES_LIT(" \t one \t  two   three \t ");
        if (bytes_eq_str(s->headers[i].name, "x-amz-meta-b"))
            s->headers[i].value = BYTES_LIT("x   ");
        if (bytes_eq_str(s->headers[i].name, "x-amz-meta-c"))
            s->headers[i].value = BYTES_LIT("  \t ");
    }
    shot_ok(s);
    shot_free(s);
}

Test(sigv4, repeated_headers_are_joined_in_order)
{
    struct shot *s = SIGNED_PUT("/k", {"x-amz-meta-a", "b"}, {"X-Amz-Meta-A", "a"});
    shot_ok(s);
    struct auth_header h = s->headers[3];
    s->headers[3] = s->headers[4];
    s->headers[4] = h;
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_free(s);
}

Test(sigv4, SIG_24_path_is_decoded_once_and_encoded_once)
{
    static const char *const wires[] = {
        "/b/a%20b%2Bc~%C3%A9%252F%252e",   /* as botocore sends it */
        "/b/a%20b%2bc%7E%c3%a9%252F%252e", /* lower-case escapes, an escaped tilde */
        "/b/a%20b+c~%C3%A9%252F%252e",     /* a bare plus */
        "/%62/a%20b+c~\xC3\xA9%252F%252e", /* raw bytes, a needless escape */
        "/b%2Fa%20b+c~\xC3\xA9%252F%252e", /* an escaped slash */
    };
    for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        struct shot *s = SIGNED_GET("/b/a b+c~\xC3\xA9%2F%2e");
        s->req.raw_path = bytes_str(wires[i]);
        shot_ok(s);
        s->req.raw_path = BYTES_LIT("/b/a%20b%2Bc~%C3%A9%2F%2e"); /* decoded twice this would be the same */
        shot_fails(s, "SignatureDoesNotMatch", NULL);
        shot_free(s);
    }
}

Test(sigv4, dots_and_double_slashes_in_paths_stay)
{
    struct shot *s = SIGNED_GET("/b//a/../b/./");
    shot_ok(s);
    shot_free(s);
}

Test(sigv4, broken_escape_in_path_is_not_fatal)
{
    struct shot *s = SIGNED_GET("/b/100%");
    s->req.raw_path = BYTES_LIT("/b/100%");
    shot_ok(s);
    s->req.raw_path = BYTES_LIT("/b/100%zz%4");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_free(s);
}

Test(sigv4, empty_path_is_slash)
{
    struct shot *s = SIGNED_GET("/");
    s->req.raw_path = BYTES_NONE;
    shot_ok(s);
    shot_free(s);
}

Test(sigv4, host_with_and_without_default_port)
{
    static const char *const same[][2] = {{"h", "h:80"},       {"h", "h:443"},        {"h:80", "h"},
                                          {"h:443", "h"},      {"[::1]", "[::1]:80"}, {"[::1]:443", "[::1]"},
                                          {"h:9000", "h:9000"}};
    static const char *const differ[][2] = {{"h:9000", "h"}, {"h", "h:9000"}, {"h:80", "h:443"}, {"h", "g"}};
    for (size_t i = 0; i < 11; i++) {
        const char *const *pair = i < 7 ? same[i] : differ[i - 7];
        struct shot *s = shot_signed(&keys, &(struct sign_request){.method = "GET",
                                                                   .path = "/",
                                                                   .payload = SIGN_UNSIGNED,
                                                                   .date = DATE,
                                                                   PAIRS({"Host", pair[0]}, {"x-amz-date", DATE},
                                                                         {"x-amz-content-sha256", SIGN_UNSIGNED})});
        s->headers[0].value = bytes_str(pair[1]);
        if (i < 7)
            shot_ok(s);
        else
            shot_fails(s, "SignatureDoesNotMatch", NULL);
        shot_free(s);
    }
}

Test(sigv4, date_header_stands_in_for_x_amz_date)
{
    struct sign_request r = {
        .method = "GET",
        .path = "/",
        .payload = SIGN_UNSIGNED,
        .date = DATE,
        PAIRS({"Host", HOST}, {"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-content-sha256", SIGN_UNSIGNED})};
    struct shot *s = shot_signed(&keys, &r);
    shot_ok(s);
    s->headers[1].value = BYTES_LIT("Fri, 24 May 2013 00:00:01 GMT");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    s->headers[1].value = BYTES_LIT("yesterday");
    shot_fails(s, "AccessDenied", "valid Date or x-amz-date");
    shot_free(s);
}

static void signing_dates(bool or_http, const char *const *texts, size_t n, bool good)
{
    char date[AMZ_DATE_LEN];
    int64_t ms = -4711;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(auth__signing_date(bytes_str(texts[i]), or_http, &ms, date), good, "%s", texts[i]);
        cr_assert(good || ms == -4711, "untouched");
    }
}

Test(sigv4, signing_date_in_basic_form)
{
    char date[AMZ_DATE_LEN];
    int64_t ms = -1;
    cr_assert(auth__signing_date(BYTES_LIT("19700101T000000Z"), false, &ms, date));
    cr_assert_eq(ms, 0);
    cr_assert(auth__signing_date(BYTES_LIT("20000229T235959Z"), false, &ms, date));
    cr_assert_eq(ms, 951868799000);
    cr_assert_eq(memcmp(date, "20000229T235959Z", AMZ_DATE_LEN), 0);
    static const char *const bad[] = {"",
                                      "20130524T000000",
                                      "20130524T000000z",
                                      "20130524 000000Z",
                                      "20130524T0000000Z",
                                      "20130229T000000Z",
                                      "19000229T000000Z",
                                      "20131324T000000Z",
                                      "20130024T000000Z",
                                      "20130500T000000Z",
                                      "20130532T000000Z",
                                      "20130524T240000Z",
                                      "20130524T006000Z",
                                      "20130524T000060Z",
                                      "2013052aT000000Z",
                                      "19691231T235959Z",
                                      "-0130524T000000Z"};
    signing_dates(false, bad, ARRAY_LEN(bad), false);
    signing_dates(true, bad, ARRAY_LEN(bad), false);
}

Test(sigv4, signing_date_in_http_form)
{
    char date[AMZ_DATE_LEN];
    int64_t ms = -1;
    cr_assert(auth__signing_date(BYTES_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), true, &ms, date));
    cr_assert_eq(ms, 784111777000);
    cr_assert_eq(memcmp(date, "19941106T084937Z", AMZ_DATE_LEN), 0);
    static const char *const good[] = {"20130524T000000Z", "Sun, 06 Nov 1994 08:49:37 GMT"};
    static const char *const bad[] = {"Sun, 06 Nov 1994 08:49:37 UTC",  "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                      "Sun, 06 nov 1994 08:49:37 GMT",  "Sun, 31 Nov 1994 08:49:37 GMT",
                                      "Sat, 31 Dec 2016 23:59:60 GMT",  "Wed, 31 Dec 1969 23:59:59 GMT"};
    signing_dates(true, good, ARRAY_LEN(good), true);
    signing_dates(true, bad, ARRAY_LEN(bad), false);
    signing_dates(false, good + 1, 1, false);
}

Test(sigv4, no_date_at_all)
{
    struct shot *s = SIGNED_GET("/");
    s->headers[1].name = BYTES_LIT("x-other");
    shot_fails(s, "AccessDenied", "valid Date or x-amz-date");
    shot_free(s);
}

Test(sigv4, access_key_may_hold_slashes)
{
    const struct sign_keys k = {.access = SLASH_AK, .secret = SK};
    struct shot *s = shot_signed(&k, &(struct sign_request){.method = "GET",
                                                            .path = "/",
                                                            .payload = SIGN_UNSIGNED,
                                                            .date = DATE,
                                                            PAIRS({"Host", HOST}, {"x-amz-date", DATE},
                                                                  {"x-amz-content-sha256", SIGN_UNSIGNED})});
    shot_ok(s);
    cr_assert(bytes_eq_str(s->res.access_key, SLASH_AK));
    shot_free(s);
}

Test(sigv4, any_region_is_accepted_unless_one_is_required)
{
    static const char *const regions[] = {"", "us-east-1", "eu-west-3", "garage"};
    for (size_t i = 0; i < 4; i++) {
        const struct sign_keys k = {.access = AK, .secret = SK, .region = regions[i]};
        struct shot *s = shot_signed(&k, &(struct sign_request){.method = "GET",
                                                                .path = "/",
                                                                .payload = SIGN_UNSIGNED,
                                                                .date = DATE,
                                                                PAIRS({"Host", HOST}, {"x-amz-date", DATE},
                                                                      {"x-amz-content-sha256", SIGN_UNSIGNED})});
        shot_ok(s);
        s->cfg.required_region = "eu-west-3";
        if (i == 2) {
            shot_ok(s);
        } else {
            shot_fails(s, "AuthorizationHeaderMalformed", "is wrong; expecting 'eu-west-3'");
            shot_extra_is(s, "Region", "eu-west-3");
        }
        shot_free(s);
    }
}

Test(sigv4, components_in_any_order_and_spacing)
{
    struct shot *s = SIGNED_GET("/k");
    struct bytes v = s->headers[3].value;
    size_t at = (size_t)bytes_find(v, BYTES_LIT("Signature="), 0);
    char text[600];
    snprintf(text, sizeof(text),
             "AWS4-HMAC-SHA256   %.*s,SignedHeaders=host;x-amz-content-sha256;x-amz-date ,  Credential=" AK
             "/20130524/us-east-1/s3/aws4_request ",
             (int)(v.n - at), v.p + at);
    shot_authorization(s, text);
    shot_ok(s);
    shot_free(s);
}

Test(sigv4, two_parameters_of_one_name_sort_by_value)
{
    struct shot *s = shot_signed(&keys, &(struct sign_request){.method = "GET",
                                                               .path = "/",
                                                               .payload = SIGN_UNSIGNED,
                                                               .date = DATE,
                                                               PARAMS({"a", "2"}, {"a", "1"}, {"a-b", ""}, {"A", "/"}),
                                                               PAIRS({"Host", HOST}, {"x-amz-date", DATE},
                                                                     {"x-amz-content-sha256", SIGN_UNSIGNED})});
    shot_ok(s);
    shot_free(s);
}

Test(sigv4, many_parameters_sort_too)
{
    static char names[250][8];
    struct sign_pair p[250];
    for (int i = 0; i < 250; i++) {
        snprintf(names[i], sizeof(names[i]), "%c%d", 'a' + i * 7 % 26, i * 37 % 250);
        p[i] = (struct sign_pair){names[i], "~ "};
    }
    struct sign_request r = {.method = "GET",
                             .path = "/",
                             .payload = SIGN_UNSIGNED,
                             .date = DATE,
                             .params = p,
                             .param_count = 250,
                             PAIRS({"Host", HOST}, {"x-amz-date", DATE}, {"x-amz-content-sha256", SIGN_UNSIGNED})};
    struct shot *s = shot_signed(&keys, &r);
    shot_ok(s);
    shot_free(s);
}

Test(sigv4, content_type_and_md5_need_not_be_signed)
{
    struct shot *s = SIGNED_PUT("/k", {"x-amz-acl", "private"});
    shot_header(s, "Content-Type", "text/plain");
    shot_header(s, "Content-MD5", "abc");
    shot_header(s, "x-amzn-trace-id", "Root=1"); /* not x-amz-: load balancers add it */
    shot_ok(s);
    cr_assert(auth_header_is_signed(&s->res, BYTES_LIT("X-Amz-Acl")));
    cr_assert(auth_header_is_signed(&s->res, BYTES_LIT("host")));
    cr_assert_not(auth_header_is_signed(&s->res, BYTES_LIT("content-type")));
    cr_assert_not(auth_header_is_signed(&s->res, BYTES_NONE));
    shot_free(s);
}

/* ---- services other than S3 ---- */

Test(sigv4, sts_needs_the_body_unless_a_header_names_its_hash)
{
    static const unsigned char hash[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
                                           0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
                                           0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    static const unsigned char other[32] = {1};
    const struct sign_keys k = {.access = AK, .secret = SK, .service = "sts"};
    struct shot *s = shot_signed(&k, &(struct sign_request){.method = "POST",
                                                            .path = "/",
                                                            .payload = SIGN_EMPTY_SHA256,
                                                            .date = DATE,
                                                            PAIRS({"Host", HOST}, {"x-amz-date", DATE})});
    shot_fails(s, "AuthorizationHeaderMalformed", "incorrect service \"sts\". This endpoint belongs to \"s3\".");
    s->cfg.services = fixture_services;
    cr_assert_eq(shot_fire(s), AUTH_NEED_BODY);
    cr_assert_null(s->res.identity);
    s->req.body_sha256 = other;
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    s->req.body_sha256 = hash;
    shot_ok(s);
    cr_assert(bytes_eq_str(s->res.service, "sts"));
    shot_free(s);

    s = shot_signed(&k, &(struct sign_request){
                            .method = "POST",
                            .path = "/",
                            .payload = SIGN_EMPTY_SHA256,
                            .date = DATE,
                            PAIRS({"Host", HOST}, {"x-amz-date", DATE}, {"x-amz-content-sha256", SIGN_EMPTY_SHA256})});
    s->cfg.services = fixture_services;
    shot_ok(s);
    cr_assert_eq(s->res.payload, AUTH_PAYLOAD_HASH);
    cr_assert(auth_check_body(&s->res, hash, s->arena, &s->res.error));
    cr_assert_not(auth_check_body(&s->res, other, s->arena, &s->res.error));
    s->req.body_sha256 = other; /* a body that is here counts more than what a header says */
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_free(s);
}

/* ---- payload modes ---- */

Test(sigv4, SIG_16_content_sha256_missing_or_odd)
{
    static const char *const bad[] = {"",
                                      "xyz",
                                      "unsigned-payload",
                                      "STREAMING-FOO",
                                      "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
                                      "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
                                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
                                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85500"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct shot *s = shot_signed(&keys, &(struct sign_request){.method = "PUT",
                                                                   .path = "/k",
                                                                   .payload = bad[i],
                                                                   .date = DATE,
                                                                   PAIRS({"Host", HOST}, {"x-amz-date", DATE},
                                                                         {"x-amz-content-sha256", bad[i]})});
        shot_fails(s, "InvalidArgument", "x-amz-content-sha256 must be");
        shot_extra_is(s, "ArgumentName", "x-amz-content-sha256");
        shot_extra_is(s, "ArgumentValue", bad[i]);
        shot_free(s);
    }
    struct shot *s = shot_signed(&keys, &(struct sign_request){.method = "PUT",
                                                               .path = "/k",
                                                               .payload = SIGN_UNSIGNED,
                                                               .date = DATE,
                                                               PAIRS({"Host", HOST}, {"x-amz-date", DATE})});
    shot_fails(s, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
    shot_free(s);
    s = SIGNED_PUT("/k", {"x-amz-content-sha256", SIGN_UNSIGNED});
    shot_fails(s, "InvalidArgument", "x-amz-content-sha256 must be"); /* twice, even if alike */
    shot_free(s);
}

Test(sigv4, CHK_12_the_header_alone_decides_the_mode)
{
    static const struct {
        const char *text;
        enum auth_payload mode;
        bool seed;
    } rows[] = {{SIGN_UNSIGNED, AUTH_PAYLOAD_UNSIGNED, false},
                {SIGN_EMPTY_SHA256, AUTH_PAYLOAD_HASH, false},
                {SIGN_CHUNKED, AUTH_PAYLOAD_CHUNKED_SIGNED, true},
                {SIGN_CHUNKED_TRAILER, AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER, true},
                {SIGN_CHUNKED_UNSIGNED, AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = shot_signed(&keys, &(struct sign_request){.method = "PUT",
                                                                   .path = "/k",
                                                                   .payload = rows[i].text,
                                                                   .date = DATE,
                                                                   PAIRS({"Host", HOST}, {"x-amz-date", DATE},
                                                                         {"x-amz-content-sha256", rows[i].text})});
        shot_ok(s);
        cr_assert_eq(s->res.payload, rows[i].mode);
        cr_assert_eq(s->res.seed != NULL, rows[i].seed);
        shot_free(s);
    }
}

Test(sigv4, SIG_15_body_hash_differs)
{
    struct shot *s = SIGNED_GET("/k");
    struct auth_error e = {0};
    unsigned char hash[32];
    shot_ok(s);
    hex_decode(BYTES_LIT(SIGN_EMPTY_SHA256), hash, 32);
    cr_assert(auth_check_body(&s->res, hash, s->arena, &e));
    hash[31] ^= 1;
    cr_assert_not(auth_check_body(&s->res, hash, s->arena, &e));
    cr_assert_str_eq(e.code, "XAmzContentSHA256Mismatch");
    cr_assert_eq(e.extra_count, 2);
    cr_assert(bytes_eq_str(e.extras[0].value, SIGN_EMPTY_SHA256));
    shot_free(s);
}

/* ---- refusals ---- */

Test(sigv4, SIG_01_wrong_secret)
{
    const struct sign_keys k = {.access = AK, .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX"};
    struct shot *s = shot_signed(&k, &(struct sign_request){.method = "PUT",
                                                            .path = "/k",
                                                            .payload = SIGN_UNSIGNED,
                                                            .date = DATE,
                                                            PAIRS({"Host", HOST}, {"x-amz-date", DATE},
                                                                  {"x-amz-content-sha256", SIGN_UNSIGNED})});
    shot_fails(s, "SignatureDoesNotMatch", "Check your key and signing method.");
    shot_extra_is(s, "AWSAccessKeyId", AK);
    cr_assert_eq(shot_extra(s, "SignatureProvided").n, 64);
    struct bytes text = shot_extra(s, "StringToSign"), canonical = shot_extra(s, "CanonicalRequest");
    cr_assert(bytes_starts(text, BYTES_LIT("AWS4-HMAC-SHA256\n" DATE "\n20130524/us-east-1/s3/aws4_request\n")));
    cr_assert(bytes_eq_str(canonical,
                           "PUT\n/k\n\nhost:" HOST "\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:" DATE
                           "\n\nhost;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD"));
    cr_assert(bytes_starts(shot_extra(s, "StringToSignBytes"), BYTES_LIT("41 57 53 34 2d ")));
    cr_assert_eq(shot_extra(s, "StringToSignBytes").n, 3 * text.n - 1);
    cr_assert(bytes_starts(shot_extra(s, "CanonicalRequestBytes"), BYTES_LIT("50 55 54 0a 2f 6b 0a ")));
    shot_free(s);
}

Test(sigv4, SIG_02_forged_signature_with_unsigned_streaming)
{
    static const char *const modes[] = {SIGN_CHUNKED_UNSIGNED, SIGN_CHUNKED, SIGN_CHUNKED_TRAILER, SIGN_UNSIGNED};
    for (size_t i = 0; i < 4; i++) { /* SIG-04, SIG-05: whatever the payload mode and the other headers */
        struct shot *s = shot_new("PUT", "/bucket/k");
        shot_header(s, "Host", HOST);
        shot_header(s, "x-amz-date", DATE);
        shot_header(s, "x-amz-content-sha256", modes[i]);
        shot_header(s, "x-amz-meta-snowball-auto-extract", "true");
        shot_header(s, "Authorization",
                    "AWS4-HMAC-SHA256 Credential=" AK "/20130524/us-east-1/s3/aws4_request, "
                    "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-snowball-auto-extract, "
                    "Signature=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        shot_fails(s, "SignatureDoesNotMatch", NULL);
        cr_assert_null(s->res.seed);
        shot_free(s);
    }
}

Test(sigv4, SIG_06_unsigned_amz_headers)
{
    static const char *const added[] = {"x-amz-acl",
                                        "x-amz-tagging",
                                        "x-amz-object-lock-mode",
                                        "x-amz-copy-source",
                                        "x-amz-grant-read",
                                        "x-amz-storage-class",
                                        "x-amz-website-redirect-location",
                                        "x-amz-meta-a",
                                        "x-amz-server-side-encryption",
                                        "x-amz-server-side-encryption-customer-key",
                                        "X-AMZ-Security-Token"};
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        struct shot *s = SIGNED_PUT("/k", {"x-amz-meta-signed", "1"});
        shot_header(s, added[i], "v");
        shot_fails(s, "AccessDenied", "There were headers present in the request which were not signed");
        cr_assert_eq(shot_extra(s, "HeadersNotSigned").n, strlen(added[i]));
        cr_assert(bytes_eq_str_nocase(shot_extra(s, "HeadersNotSigned"), added[i]));
        shot_free(s);
    }
    struct shot *s = SIGNED_PUT("/k", {"x-amz-meta-signed", "1"});
    shot_header(s, "X-Amz-Acl", "v");
    shot_header(s, "x-amz-tagging", "v");
    shot_header(s, "x-amz-acl", "w");
    shot_fails(s, "AccessDenied", NULL);
    shot_extra_is(s, "HeadersNotSigned", "x-amz-acl, x-amz-tagging");
    shot_free(s);
}

Test(sigv4, SIG_07_host_unsigned_or_changed)
{
    struct shot *s = shot_signed(
        &keys, &(struct sign_request){.method = "GET",
                                      .path = "/",
                                      .payload = SIGN_UNSIGNED,
                                      .date = DATE,
                                      PAIRS({"x-amz-date", DATE}, {"x-amz-content-sha256", SIGN_UNSIGNED})});
    shot_header(s, "Host", HOST);
    shot_fails(s, "AccessDenied", "not signed");
    shot_extra_is(s, "HeadersNotSigned", "host");
    shot_free(s);
    s = SIGNED_GET("/");
    s->headers[0].value = BYTES_LIT("evil.example.com");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_free(s);
}

Test(sigv4, SIG_08_signed_headers_list_is_strict)
{
    static const char *const bad[] = {"",
                                      ";",
                                      "host;;x-amz-content-sha256;x-amz-date",
                                      "host;x-amz-content-sha256;x-amz-date;",
                                      ";host;x-amz-content-sha256;x-amz-date",
                                      "host;host;x-amz-content-sha256;x-amz-date",
                                      "Host;x-amz-content-sha256;x-amz-date",
                                      "x-amz-content-sha256;x-amz-date;host",
                                      "host; x-amz-content-sha256;x-amz-date",
                                      "host;x-amz-content-sha256;x-amz-date;\x01",
                                      "host:;x-amz-content-sha256;x-amz-date"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct shot *s = SIGNED_GET("/k");
        char text[600];
        snprintf(text, sizeof(text),
                 "AWS4-HMAC-SHA256 Credential=" AK "/20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, "
                 "Signature=" SIGN_EMPTY_SHA256,
                 bad[i]);
        shot_authorization(s, text);
        shot_fails(s, "AuthorizationHeaderMalformed", "The authorization header is malformed; ");
        shot_free(s);
    }
}

Test(sigv4, SIG_08_too_many_signed_headers)
{
    struct shot *s = SIGNED_GET("/k");
    char *text = malloc(100000), *w = text;
    w += sprintf(w, "AWS4-HMAC-SHA256 Credential=" AK "/20130524/us-east-1/s3/aws4_request, SignedHeaders=");
    for (int i = 0; i < 5000; i++)
        w += sprintf(w, "a%05d;", i);
    sprintf(w, "host, Signature=" SIGN_EMPTY_SHA256);
    shot_authorization(s, text);
    shot_fails(s, "AuthorizationHeaderMalformed", "SignedHeaders");
    free(text);
    shot_free(s);
}

/* Even when the client signed the absent header as if it were empty. */
Test(sigv4, SIG_08_absent_header_is_not_an_empty_one)
{
    struct shot *s = SIGNED_PUT("/k", {"x-amz-meta-gone", ""});
    shot_ok(s);
    s->headers[3] = s->headers[4]; /* drop it; Authorization was behind it */
    s->req.header_count--;
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    shot_free(s);
}

Test(sigv4, SIG_11_clock_skew)
{
    static const int64_t off_s[] = {-16 * 60, 16 * 60, -23 * 3600, 365 * 86400, -901, 901};
    for (size_t i = 0; i < sizeof(off_s) / sizeof(off_s[0]); i++) {
        struct shot *s = SIGNED_GET("/k");
        s->req.now_ms -= off_s[i] * 1000;
        shot_fails(s, "RequestTimeTooSkewed", "too large");
        shot_extra_is(s, "RequestTime", DATE);
        shot_extra_is(s, "MaxAllowedSkewMilliseconds", "900000");
        cr_assert_eq(shot_extra(s, "ServerTime").n, 20);
        cr_assert_eq(s->lookups, 0);
        shot_free(s);
    }
    for (int i = -1; i <= 1; i += 2) {
        struct shot *s = SIGNED_GET("/k");
        s->req.now_ms += i * 900 * 1000;
        shot_ok(s);
        shot_free(s);
    }
}

static void credential_fails(const char *credential, const char *code, const char *words)
{
    struct shot *s = SIGNED_GET("/k");
    char text[800];
    snprintf(text, sizeof(text),
             "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
             "Signature=" SIGN_EMPTY_SHA256,
             credential);
    shot_authorization(s, text);
    shot_fails(s, code, words);
    shot_free(s);
}

Test(sigv4, SIG_12_credential_scope)
{
    const char *code = "AuthorizationHeaderMalformed";
    credential_fails(AK "/20130523/us-east-1/s3/aws4_request", code,
                     "Invalid credential date \"20130523\". This date is not the same as X-Amz-Date: \"20130524\".");
    credential_fails(AK "/20130524/us-east-1/sts/aws4_request", code,
                     "incorrect service \"sts\". This endpoint belongs to \"s3\".");
    credential_fails(AK "/20130524/us-east-1/iam/aws4_request", code, "incorrect service \"iam\"");
    credential_fails(AK "/20130524/us-east-1/s3/aws5_request", code,
                     "incorrect terminal \"aws5_request\". This endpoint uses \"aws4_request\".");
    credential_fails(AK "/20130524/us-east-1/s3/", code, "incorrect terminal");
    credential_fails(AK "/2013052/us-east-1/s3/aws4_request", code, "the Credential is mal-formed");
    credential_fails(AK, code,
                     "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    credential_fails("", code, "the Credential is mal-formed");
    credential_fails("////", code, "the Credential is mal-formed");
    credential_fails(AK "/20130524/s3/aws4_request", code, "the Credential is mal-formed");
    credential_fails(AK
                     "/20130524/us-east-1-us-east-1-us-east-1-us-east-1-us-east-1-us-east-1-us-east-1/s3/aws4_request",
                     code, "the Credential is mal-formed");
    credential_fails(AK "/20130524/us\n-east-1/s3/aws4_request", code, "the Credential is mal-formed");
}

Test(sigv4, SIG_12_components_are_strict)
{
    static const char good[] = "Credential=" AK "/20130524/us-east-1/s3/aws4_request";
    static const char list[] = "SignedHeaders=host;x-amz-content-sha256;x-amz-date",
                      sig[] = "Signature=" SIGN_EMPTY_SHA256;
    struct {
        const char *a, *b, *c;
    } rows[] = {
        {good, list, "Signature="}, {good, list, "Sig=1"}, {good, list, list},          {good, sig, sig},
        {good, list, ""},           {"", list, sig},       {"credential=x", list, sig}, {good, list, "Signature"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[800];
        snprintf(text, sizeof(text), "AWS4-HMAC-SHA256 %s, %s, %s", rows[i].a, rows[i].b, rows[i].c);
        struct shot *s = SIGNED_GET("/k");
        shot_authorization(s, text);
        shot_fails(s, "AuthorizationHeaderMalformed", "three components");
        shot_authorization(s, "AWS4-HMAC-SHA256");
        shot_fails(s, "AuthorizationHeaderMalformed", "three components");
        snprintf(text, sizeof(text), "AWS4-HMAC-SHA256 %s, %s, %s, X=1", good, list, sig);
        shot_authorization(s, text);
        shot_fails(s, "AuthorizationHeaderMalformed", "three components");
        shot_free(s);
    }
}

Test(sigv4, SIG_18_signature_of_other_shape)
{
    struct shot *s = SIGNED_GET("/k");
    shot_ok(s);
    char text[1000], good[800];
    snprintf(good, sizeof(good), "%.*s", (int)s->headers[3].value.n, s->headers[3].value.p);
    size_t n = strlen(good);
    for (size_t cut = 1; cut < 64; cut += 9) { /* a prefix of the right one */
        snprintf(text, sizeof(text), "%.*s", (int)(n - cut), good);
        shot_authorization(s, text);
        shot_fails(s, "SignatureDoesNotMatch", NULL);
    }
    snprintf(text, sizeof(text), "%s0", good);
    shot_authorization(s, text);
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    snprintf(text, sizeof(text), "%s", good);
    for (size_t i = n - 64; i < n; i++) /* capitals are another text */
        text[i] = text[i] >= 'a' ? (char)(text[i] - 32) : text[i];
    shot_authorization(s, text);
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    for (size_t i = n - 64; i < n; i++) { /* each digit counts */
        snprintf(text, sizeof(text), "%s", good);
        text[i] = text[i] == '0' ? '1' : '0';
        shot_authorization(s, text);
        shot_fails(s, "SignatureDoesNotMatch", NULL);
    }
    shot_free(s);
}

static struct shot *signed_by(const char *access, const char *token)
{
    const struct sign_keys k = {.access = access, .secret = SK};
    struct sign_request r = {.method = "GET",
                             .path = "/",
                             .payload = SIGN_UNSIGNED,
                             .date = DATE,
                             PAIRS({"Host", HOST}, {"x-amz-date", DATE}, {"x-amz-content-sha256", SIGN_UNSIGNED},
                                   {"x-amz-security-token", token ? token : ""})};
    if (token == NULL)
        r.header_count--;
    return shot_signed(&k, &r);
}

static void signed_by_fails(const char *access, const char *token, const char *code)
{
    struct shot *s = signed_by(access, token);
    shot_fails(s, code, NULL);
    shot_free(s);
}

Test(sigv4, SIG_19_session_tokens)
{
    struct shot *s = signed_by(TEMP_AK, TOKEN);
    shot_ok(s);
    cr_assert_eq(s->res.identity, &identity_t);
    cr_assert_eq(s->res.key_flags, AUTH_KEY_TEMPORARY);
    cr_assert(bytes_eq_str(s->res.token, TOKEN));
    s->headers[3].value = BYTES_LIT("old");
    shot_fails(s, "ExpiredToken", NULL);
    shot_free(s);
    signed_by_fails(AK, TOKEN, "InvalidToken");
    signed_by_fails(TEMP_AK, NULL, "InvalidAccessKeyId");
    signed_by_fails(TEMP_AK, "of another session", "InvalidToken");
    s = signed_by(TEMP_AK, TOKEN);
    shot_header(s, "x-amz-security-token", TOKEN);
    shot_fails(s, "InvalidToken", NULL); /* twice */
    shot_free(s);
}

Test(sigv4, SIG_19_token_is_not_shown_in_the_error)
{
    struct shot *s = signed_by(TEMP_AK, TOKEN);
    s->req.method = BYTES_LIT("PUT");
    shot_fails(s, "SignatureDoesNotMatch", NULL);
    cr_assert(bytes_find(shot_extra(s, "CanonicalRequest"), BYTES_LIT("x-amz-security-token:REDACTED\n"), 0) > 0);
    for (size_t i = 0; i < s->res.error.extra_count; i++)
        cr_assert(bytes_find(s->res.error.extras[i].value, BYTES_LIT("FwoGZXIv"), 0) < 0);
    shot_free(s);
}

Test(sigv4, SIG_20_empty_identities_never_match)
{
    const struct sign_keys k = {.access = "", .secret = ""};
    struct shot *s = shot_signed(&k, &(struct sign_request){.method = "GET",
                                                            .path = "/",
                                                            .payload = SIGN_UNSIGNED,
                                                            .date = DATE,
                                                            PAIRS({"Host", HOST}, {"x-amz-date", DATE},
                                                                  {"x-amz-content-sha256", SIGN_UNSIGNED})});
    shot_fails(s, "InvalidAccessKeyId", NULL);
    cr_assert_eq(s->lookups, 0);
    shot_free(s);
    const struct sign_keys e = {.access = "AKIAEMPTYSECRET", .secret = ""};
    s = shot_signed(&e, &(struct sign_request){
                            .method = "GET",
                            .path = "/",
                            .payload = SIGN_UNSIGNED,
                            .date = DATE,
                            PAIRS({"Host", HOST}, {"x-amz-date", DATE}, {"x-amz-content-sha256", SIGN_UNSIGNED})});
    shot_fails(s, "InvalidAccessKeyId", NULL);
    shot_free(s);
}

Test(sigv4, SIG_21_odd_access_keys_are_unknown_and_not_looked_up)
{
    static char longest[AUTH_ACCESS_KEY_MAX + 1], too_long[10241];
    memset(longest, 'A', AUTH_ACCESS_KEY_MAX);
    memset(too_long, 'A', sizeof(too_long) - 1);
    struct {
        struct bytes key;
        int lookups;
    } rows[] = {{BYTES_LIT("*)(uid=*"), 1},    {BYTES_LIT("AK\0IA"), 0},   {BYTES_LIT("AK\r\nIA"), 0},
                {BYTES_LIT("AK IA"), 0},       {BYTES_LIT("\xC3\xA9"), 0}, {bytes_str(longest), 1},
                {bytes_of(too_long, 10240), 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = SIGNED_GET("/k");
        static const char head[] = "AWS4-HMAC-SHA256 Credential=";
        static const char tail[] = "/20130524/us-east-1/s3/aws4_request, "
                                   "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=" SIGN_EMPTY_SHA256;
        char *text = malloc(12000), *w = text;
        memcpy(w, head, sizeof(head) - 1);
        w += sizeof(head) - 1;
        memcpy(w, rows[i].key.p, rows[i].key.n);
        w += rows[i].key.n;
        memcpy(w, tail, sizeof(tail) - 1);
        w += sizeof(tail) - 1;
        s->headers[3].value = bytes_dup(s->arena, bytes_of(text, (size_t)(w - text)));
        free(text);
        shot_fails(s, "InvalidAccessKeyId", NULL);
        cr_assert_eq(s->lookups, rows[i].lookups);
        cr_assert_eq(s->res.access_key.n, rows[i].lookups ? rows[i].key.n : 0); /* nothing raw for logs */
        cr_assert_eq(shot_extra(s, "AWSAccessKeyId").n, s->res.access_key.n);
        shot_free(s);
    }
}

Test(sigv4, SIG_22_disabled_key_is_refused_at_the_next_request)
{
    struct shot *s = signed_by(AK, NULL); /* fills the cache with this secret's signing key */
    shot_ok(s);
    shot_free(s);
    signed_by_fails(GONE_AK, NULL, "InvalidAccessKeyId");
}

Test(sigv4, unknown_key)
{
    struct shot *s = signed_by("AKIAUNKNOWN", NULL);
    shot_fails(s, "InvalidAccessKeyId", "does not exist in our records.");
    shot_extra_is(s, "AWSAccessKeyId", "AKIAUNKNOWN");
    shot_free(s);
    signed_by_fails("AKIAUNAVAILABLE", NULL, "ServiceUnavailable");
}

/* SIG-23: a replay inside the window verifies again: allowed by the protocol. */
Test(sigv4, SIG_23_replay_inside_the_window)
{
    struct shot *s = SIGNED_GET("/k");
    shot_ok(s);
    s->req.now_ms += 60000;
    shot_ok(s);
    shot_free(s);
}
