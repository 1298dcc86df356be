/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 2: the examples that AWS published, and every way to be refused. The signer below is the tests'
 * own, over OpenSSL's HMAC.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
 */
#include "tests/unit/server/auth/fixture.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define V2_DATE  "Fri, 24 May 2013 00:00:00 GMT" /* DATE, as HTTP has it */
#define EXPIRES  "1369353660"                    /* a minute later */
#define MISMATCH "SignatureDoesNotMatch"

static char *v2_signature(const char *text)
{
    unsigned char mac[20];
    unsigned n = sizeof(mac);
    char *out = calloc(1, 32);
    HMAC(EVP_sha1(), SK, sizeof(SK) - 1, (const unsigned char *)text, strlen(text), mac, &n);
    EVP_EncodeBlock((unsigned char *)out, mac, 20);
    return out;
}

/* `text` is what the client signs; the shot has a Date already if it shall have one. */
static struct shot *v2_sign(struct shot *s, const char *text)
{
    char *signature = v2_signature(text), value[256];
    snprintf(value, sizeof(value), "AWS %s:%s", AK, signature);
    shot_header(s, "Authorization", value);
    free(signature);
    return s;
}

/* GET of `target` with Date, signed as `resource` is. */
static struct shot *v2_get(const char *target, const char *resource)
{
    char text[1024];
    struct shot *s = shot_new("GET", target);
    shot_header(s, "Host", "localhost");
    shot_header(s, "Date", V2_DATE);
    snprintf(text, sizeof(text), "GET\n\n\n" V2_DATE "\n%s", resource);
    return v2_sign(s, text);
}

static void add_param(struct shot *s, const char *name, struct bytes value)
{
    s->params[s->req.param_count++] = (struct auth_param){bytes_str(name), value};
}

/* `amz` are the lines of headers; the caller adds what they say. */
static struct shot *v2_presigned_for(const char *method, const char *target, const char *expires, const char *amz,
                                     const char *resource)
{
    char text[2048];
    struct shot *s = shot_new(method, target);
    shot_header(s, "Host", "localhost");
    snprintf(text, sizeof(text), "%s\n\n\n%s\n%s%s", method, expires, amz, resource);
    char *signature = v2_signature(text);
    add_param(s, "AWSAccessKeyId", BYTES_LIT(AK));
    add_param(s, "Expires", bytes_dup(s->arena, bytes_str(expires)));
    add_param(s, "Signature", bytes_dup(s->arena, bytes_str(signature)));
    free(signature);
    return s;
}

static struct shot *v2_presigned(const char *method, const char *target, const char *resource)
{
    return v2_presigned_for(method, target, EXPIRES, "", resource);
}

/* ---- what AWS published ---- */

Test(sigv2, aws_examples)
{
    static const struct {
        const char *method, *target, *bucket, *date, *signature;
        const char *headers[8][2];
    } rows[] = {
        {"GET",
         "/photos/puppy.jpg",
         "johnsmith",
         "20070327T193642Z",
         "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
         {{"Date", "Tue, 27 Mar 2007 19:36:42 +0000"}}},
        {"PUT",
         "/photos/puppy.jpg",
         "johnsmith",
         "20070327T211545Z",
         "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
         {{"Content-Type", "image/jpeg"}, {"Content-Length", "94328"}, {"Date", "Tue, 27 Mar 2007 21:15:45 +0000"}}},
        {"GET",
         "/?prefix=photos&max-keys=50&marker=puppy",
         "johnsmith",
         "20070327T194241Z",
         "htDYFYduRNen8P9ZfE/s9SuKy0U=",
         {{"User-Agent", "Mozilla/5.0"}, {"Date", "Tue, 27 Mar 2007 19:42:41 +0000"}}},
        {"GET",
         "/?acl",
         "johnsmith",
         "20070327T194446Z",
         "c2WLPFtWHVgbEmeEG93a4cG37dM=",
         {{"Date", "Tue, 27 Mar 2007 19:44:46 +0000"}}},
        {"DELETE",
         "/johnsmith/photos/puppy.jpg",
         "",
         "20070327T212026Z",
         "lx3byBScXR6KzyMaifNkardMwNk=",
         {{"User-Agent", "dotnet"}, {"Date", "Tue, 27 Mar 2007 21:20:26 +0000"}}},
        {"DELETE",
         "/johnsmith/photos/puppy.jpg",
         "",
         "20070327T212026Z",
         "R4dJ53KECjStyBO5iTBJZ4XVOaI=",
         {{"Date", "Tue, 27 Mar 2007 21:20:27 +0000"}, {"x-amz-date", "Tue, 27 Mar 2007 21:20:26 +0000"}}},
        {"PUT",
         "/db-backup.dat.gz",
         "static.johnsmith.net",
         "20070327T210608Z",
         "ilyl83RwaSoYIEdixDQcA4OnAnc=",
         {{"Date", "Tue, 27 Mar 2007 21:06:08 +0000"},
          {"x-amz-acl", "public-read"},
          {"content-type", "application/x-download"},
          {"Content-MD5", "4gJE4saaMU4BqNR0kLY+lw=="},
          {"X-Amz-Meta-ReviewedBy", "joe@johnsmith.net"},
          {"X-Amz-Meta-ReviewedBy", "jane@johnsmith.net"},
          {"X-Amz-Meta-FileChecksum", "0x02661779"},
          {"X-Amz-Meta-ChecksumAlgorithm", "crc32"}}},
        {"GET",
         "/",
         "",
         "20070328T012959Z",
         "qGdzdERIC03wnaRNKh6OqZehG9s=",
         {{"Date", "Wed, 28 Mar 2007 01:29:59 +0000"}}},
        {"GET",
         "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
         "",
         "20070328T014949Z",
         "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
         {{"Date", "Wed, 28 Mar 2007 01:49:49 +0000"}}}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = shot_new(rows[i].method, rows[i].target);
        s->req.host_bucket = bytes_str(rows[i].bucket);
        s->req.now_ms = ms_of(rows[i].date);
        for (size_t k = 0; k < 8 && rows[i].headers[k][0]; k++)
            shot_header(s, rows[i].headers[k][0], rows[i].headers[k][1]);
        char value[128];
        snprintf(value, sizeof(value), "AWS " AK ":%s", rows[i].signature);
        shot_header(s, "Authorization", value);
        shot_ok(s);
        cr_assert_eq(s->res.mechanism, AUTH_SIGV2_HEADER);
        cr_assert_eq(s->res.payload, AUTH_PAYLOAD_UNSIGNED);
        cr_assert_eq(s->res.identity, &identity_a);
        cr_assert_eq(s->res.signed_ms, ms_of(rows[i].date));
        s->req.method = BYTES_LIT("HEAD");
        shot_fails(s, MISMATCH, NULL);
        shot_free(s);
    }
    struct shot *s = shot_new("GET", "/photos/puppy.jpg?AWSAccessKeyId=" AK
                                     "&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620");
    s->req.host_bucket = BYTES_LIT("johnsmith");
    s->req.now_ms = 1175139620000;
    shot_ok(s);
    cr_assert_eq(s->res.mechanism, AUTH_SIGV2_QUERY);
    cr_assert_eq(s->res.expires_ms, 1175139620000);
    s->req.host_bucket = BYTES_LIT("johnsmit");
    shot_fails(s, MISMATCH, NULL);
    shot_free(s);
}

/* ---- resources ---- */

Test(sigv2, resources)
{
    static const struct {
        const char *target, *resource;
    } good[] = {
        {"/b/k?versionId=v%2F1&x-id=GetObject", "/b/k?versionId=v/1"},
        {"/b/k?response-content-type=text%2Fplain&acl", "/b/k?acl&response-content-type=text/plain"},
        {"/b/k?response-content-disposition=a%3B%20f%3D%22x%26y%22", "/b/k?response-content-disposition=a; f=\"x&y\""},
        {"/b/k?tagging&versionId=1", "/b/k?tagging&versionId=1"},
        {"/b/k?tagging&versionId=1", "/b/k?versionId=1"}, /* s3cmd's list lacks it */
        {"/b/k?legal-hold", "/b/k?legal-hold"},
        {"/b/k?legal-hold", "/b/k"},
        {"/b?list-type=2&prefix=a", "/b"},
        {"/b?list-type=2&prefix=a", "/b/"},
        {"/b/?uploads", "/b/?uploads"},
        {"/b/?uploads", "/b?uploads"},
        {"/b?encryption", "/b/"},
        {"/b/a%2fb%20c", "/b/a%2fb%20c"}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct shot *s = v2_get(good[i].target, good[i].resource);
        shot_ok(s);
        shot_free(s);
    }
    static const struct {
        const char *target, *resource;
    } bad[] = {{"/b/k?versionId=1", "/b/k"},
               {"/b/k?acl", "/b/k"},
               {"/b/k", "/b/k?acl"},
               {"/b/k", "/b/k/"},
               {"/b/k/", "/b/k"},
               {"/b?uploads", "/b"},
               {"/b//", "/b/"},
               {"/b/a%2Fb", "/b/a/b"},
               {"/b/k?uploadId=1&partNumber=2", "/b/k?uploadId=1"},
               {"/b/k?ACL", "/b/k?acl"},
               {"/", ""}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct shot *s = v2_get(bad[i].target, bad[i].resource);
        shot_fails(s, MISMATCH, NULL);
        shot_free(s);
    }
}

/* A value that would read like a further sub-resource: who has the one signature would have the other. */
Test(sigv2, a_value_hides_no_subresource)
{
    struct shot *s = v2_get("/b/k?response-content-type=a%26versionId%3D1", "/b/k?response-content-type=a&versionId=1");
    shot_fails(s, "InvalidArgument", "cannot be told from further parameters");
    cr_assert_eq(s->lookups, 0);
    shot_free(s);
    s = v2_presigned_for("PUT", "/b/k", EXPIRES, "x-amz-acl:private\nx-amz-meta-a:1\n", "/b/k");
    add_param(s, "x-amz-acl", BYTES_LIT("private\nx-amz-meta-a:1"));
    shot_fails(s, "InvalidArgument", "cannot be signed");
    shot_free(s);
    s = v2_presigned_for("PUT", "/b/k", EXPIRES, "x-amz-meta-a:b:c\n", "/b/k");
    add_param(s, "x-amz-meta-a:b", BYTES_LIT("c"));
    shot_fails(s, "InvalidArgument", "cannot be signed");
    shot_free(s);
    s = v2_presigned("PUT", "/b/k?content-type=a%0Ab", "/b/k");
    shot_fails(s, "InvalidArgument", "cannot be signed");
    shot_free(s);
}

/* Who got a URL for PUT does not get another operation by a word that older clients do not sign. */
Test(sigv2, PRE_06_a_url_is_for_one_operation)
{
    static const char *const added[] = {"retention",  "legal-hold", "tagging",    "renameObject", "annotation",
                                        "uploadId=1", "acl",        "torrent",    "versionId=1",  "encryption",
                                        "attributes", "select",     "object-lock"};
    static const char *const of[] = {"PUT", "GET", "HEAD", "DELETE", "POST"};
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]) * 5; i++) {
        struct shot *s = v2_presigned(of[i % 5], "/b/k", "/b/k");
        shot_ok(s);
        shot_query(s, added[i / 5]);
        shot_fails(s, MISMATCH, NULL);
        shot_free(s);
    }
    struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
    shot_ok(s);
    static const char *const methods[] = {"PUT", "DELETE", "POST", "HEAD", "get"};
    for (size_t i = 0; i < 5; i++) {
        s->req.method = bytes_str(methods[i]);
        shot_fails(s, MISMATCH, NULL);
    }
    shot_free(s);
    s = v2_presigned("PUT", "/b/k?tagging", "/b/k?tagging");
    shot_ok(s);
    shot_free(s);
}

Test(sigv2, PRE_07_a_copy_source_must_be_signed)
{
    struct shot *s = v2_presigned("PUT", "/b/k", "/b/k");
    shot_header(s, "x-amz-copy-source", "/b/secret");
    shot_fails(s, MISMATCH, NULL);
    shot_free(s);
    s = v2_presigned("PUT", "/b/k", "/b/k");
    add_param(s, "x-amz-copy-source", BYTES_LIT("/b/secret"));
    shot_fails(s, MISMATCH, NULL);
    shot_free(s);
}

/* ---- headers ---- */

Test(sigv2, SIG_06_every_x_amz_header_is_signed)
{
    static const char *const names[] = {
        "x-amz-acl",   "X-Amz-Tagging", "x-amz-meta-a", "x-amz-storage-class", "x-amz-server-side-encryption",
        "Content-MD5", "Content-Type"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct shot *s = v2_get("/b/k", "/b/k");
        shot_ok(s);
        cr_assert(auth_header_is_signed(&s->res, bytes_str(names[i])));
        cr_assert_not(auth_header_is_signed(&s->res, BYTES_LIT("Range")));
        shot_header(s, names[i], "x");
        shot_fails(s, MISMATCH, NULL);
        shot_free(s);
    }
}

Test(sigv2, SIG_10_values_are_trimmed_and_joined)
{
    struct shot *s = shot_new("PUT", "/b/k");
    shot_header(s, "X-AMZ-Meta-B", " \t two  words\t ");
    shot_header(s, "x-amz-meta-a", "1");
    shot_header(s, "x-amz-META-b", "");
    shot_header(s, "X-Amz-Date", DATE);
    shot_header(s, "Date", "not looked at, and not signed");
    v2_sign(s, "PUT\n\n\n\nx-amz-date:" DATE "\nx-amz-meta-a:1\nx-amz-meta-b:two  words,\n/b/k");
    shot_ok(s);
    shot_free(s);
}

Test(sigv2, SIG_11_clock)
{
    struct shot *s = v2_get("/b/k", "/b/k");
    s->req.now_ms += AUTH_SKEW_MAX_MS;
    shot_ok(s);
    s->req.now_ms += 1;
    shot_fails(s, "RequestTimeTooSkewed", NULL);
    shot_extra_is(s, "RequestTime", V2_DATE);
    shot_extra_is(s, "MaxAllowedSkewMilliseconds", "900000");
    s->req.now_ms = ms_of(DATE) - AUTH_SKEW_MAX_MS - 1;
    shot_fails(s, "RequestTimeTooSkewed", NULL);
    cr_assert_eq(s->lookups, 1);
    shot_free(s);
    static const char *const dates[] = {NULL, "", "yesterday", "1369353600", "2013-05-24T00:00:00Z"};
    for (size_t i = 0; i < 5; i++) {
        s = shot_new("GET", "/b/k");
        if (dates[i])
            shot_header(s, "Date", dates[i]);
        v2_sign(s, "GET\n\n\n\n/b/k");
        shot_fails(s, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
        shot_free(s);
    }
    s = v2_get("/b/k", "/b/k"); /* which one? */
    shot_header(s, "date", V2_DATE);
    shot_fails(s, "AccessDenied", "AWS authentication requires a valid Date");
    shot_free(s);
}

/* ---- refusals ---- */

Test(sigv2, SIG_01_mismatch_tells_what_was_signed)
{
    struct shot *s = v2_get("/b/k", "/b/other");
    shot_fails(s, MISMATCH, "The request signature we calculated does not match");
    shot_extra_is(s, "AWSAccessKeyId", AK);
    shot_extra_is(s, "StringToSign", "GET\n\n\n" V2_DATE "\n/b/k");
    cr_assert(bytes_starts(shot_extra(s, "StringToSignBytes"), BYTES_LIT("47 45 54 0a 0a ")));
    cr_assert_eq(shot_extra(s, "SignatureProvided").n, 28);
    cr_assert_null(shot_extra(s, "CanonicalRequest").p);
    shot_free(s);
    static const char *const wrong[] = {"x",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "====", "c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl"};
    for (size_t i = 0; i < 4; i++) {
        char value[128];
        s = v2_get("/b/k", "/b/k");
        snprintf(value, sizeof(value), "AWS " AK ":%s", wrong[i]);
        shot_authorization(s, value);
        shot_fails(s, MISMATCH, NULL);
        shot_free(s);
    }
}

Test(sigv2, SIG_14_malformed_header)
{
    static const char *const rows[] = {"AWS", "AWS ", "AWS " AK, "AWS :", "AWS :x", "AWS " AK ":"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shot *s = shot_new("GET", "/b/k");
        shot_header(s, "Date", V2_DATE);
        shot_header(s, "authorization", rows[i]);
        shot_fails(s, "InvalidArgument", "Expected AwsAccessKeyId:signature");
        shot_extra_is(s, "ArgumentName", "Authorization");
        cr_assert_eq(s->res.mechanism, AUTH_SIGV2_HEADER);
        cr_assert_eq(s->lookups, 0);
        shot_free(s);
    }
    static const char *const services[] = {"sts", NULL}; /* their version 2 is another one */
    struct shot *s = v2_get("/", "/");
    s->cfg.services = services;
    shot_fails(s, "InvalidRequest", "Please use AWS4-HMAC-SHA256.");
    shot_free(s);
}

Test(sigv2, SIG_13_two_mechanisms)
{
    static const char *const traces[] = {"Signature=x", ("AWSAccessKeyId=" AK), "X-Amz-Signature=1",
                                         "X-Amz-Security-Token=t"};
    for (size_t i = 0; i < 4; i++) {
        struct shot *s = v2_get("/b/k", "/b/k");
        shot_query(s, traces[i]);
        shot_fails(s, "InvalidArgument", "Only one auth mechanism allowed");
        shot_free(s);
    }
    static const char *const v4[] = {"X-Amz-Signature=1", ("x-amz-date=" DATE), "X-Amz-Credential=a",
                                     "X-Amz-Algorithm=a"};
    for (size_t i = 0; i < 4; i++) { /* PRE-03 */
        struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
        shot_query(s, v4[i]);
        shot_fails(s, "InvalidArgument", "Only one auth mechanism allowed");
        shot_free(s);
    }
}

Test(sigv2, SIG_19_session_tokens)
{
    static const struct {
        const char *key, *token, *code;
    } rows[] = {{TEMP_AK, TOKEN, NULL},
                {TEMP_AK, NULL, "InvalidAccessKeyId"},
                {TEMP_AK, "other", "InvalidToken"},
                {TEMP_AK, "old", "ExpiredToken"},
                {AK, TOKEN, "InvalidToken"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int presigned = 0; presigned < 2; presigned++) {
            char line[256] = "", text[512], value[256];
            struct shot *s = shot_new("GET", "/b/k");
            if (rows[i].token)
                snprintf(line, sizeof(line), "x-amz-security-token:%s\n", rows[i].token);
            snprintf(text, sizeof(text), "GET\n\n\n%s\n%s/b/k", presigned ? EXPIRES : V2_DATE, line);
            char *signature = v2_signature(text);
            snprintf(value, sizeof(value), "AWS %s:%s", rows[i].key, signature);
            if (presigned) {
                add_param(s, "AWSAccessKeyId", bytes_str(rows[i].key));
                add_param(s, "Expires", BYTES_LIT(EXPIRES));
                add_param(s, "Signature", bytes_dup(s->arena, bytes_str(signature)));
                if (rows[i].token)
                    add_param(s, "x-amz-security-token", bytes_str(rows[i].token));
            } else {
                shot_header(s, "Date", V2_DATE);
                shot_header(s, "Authorization", value);
                if (rows[i].token)
                    shot_header(s, "x-amz-security-token", rows[i].token);
            }
            if (rows[i].code) {
                shot_fails(s, rows[i].code, NULL);
            } else {
                shot_ok(s);
                cr_assert(bytes_eq_str(s->res.token, TOKEN));
                cr_assert_eq(s->res.identity, &identity_t);
                s->req.raw_path = BYTES_LIT("/b/l");
                shot_fails(s, MISMATCH, NULL);
                cr_assert(bytes_find(shot_extra(s, "StringToSign"), BYTES_LIT("x-amz-security-token:REDACTED"), 0) > 0);
            }
            shot_free(s);
            free(signature);
        }
}

Test(sigv2, SIG_20_SIG_21_keys_that_are_none)
{
    static const char *const names[] = {GONE_AK, "AKIAEMPTYSECRET", "AKIANOBODY", "a:b:c", "*)(uid=*", "\x01"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
        shot_set_param(s, "AWSAccessKeyId", names[i]);
        shot_fails(s, "InvalidAccessKeyId", NULL);
        shot_free(s);
    }
    struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
    shot_set_param(s, "AWSAccessKeyId", "AKIAUNAVAILABLE");
    shot_fails(s, "ServiceUnavailable", NULL);
    shot_free(s);
}

/* ---- presigned ---- */

Test(sigv2, PRE_01_expired_by_one_second)
{
    struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
    s->req.now_ms += 60 * 1000;
    shot_ok(s);
    cr_assert_eq(s->res.signed_ms, 0);
    s->req.now_ms += 1000;
    shot_fails(s, "AccessDenied", "Request has expired");
    shot_extra_is(s, "Expires", "2013-05-24T00:01:00Z");
    shot_extra_is(s, "ServerTime", "2013-05-24T00:01:01Z");
    shot_free(s);
}

Test(sigv2, PRE_02_expires_is_a_number)
{
    static const char *const bad[] = {"-1",          "1e10",       "abc",          " 1369353660",
                                      "+1369353660", "0x7fffffff", "253402300800", "99999999999999999999999999",
                                      V2_DATE};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct shot *s = v2_presigned_for("GET", "/b/k", bad[i], "", "/b/k");
        shot_fails(s, "AccessDenied", "Invalid date (should be seconds since epoch)");
        shot_free(s);
    }
    static const char *const good[] = {"253402300799", "01369353660", "1369353600"};
    for (size_t i = 0; i < 3; i++) {
        struct shot *s = v2_presigned_for("GET", "/b/k", good[i], "", "/b/k");
        shot_ok(s);
        shot_set_param(s, "Expires", "1400000000");
        shot_fails(s, MISMATCH, NULL);
        shot_free(s);
    }
}

Test(sigv2, PRE_04_doubled_parameters)
{
    static const char *const added[] = {"Expires=1400000000",     "Signature=x", "AWSAccessKeyId=x",
                                        "awsaccesskeyid=x",       "expires=1",   "versionId=1&versionId=1",
                                        "x-amz-acl=a&x-amz-acl=a"};
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
        shot_query(s, added[i]);
        shot_fails(s, "InvalidArgument", "must not be specified more than once");
        cr_assert_eq(s->lookups, 0);
        shot_free(s);
    }
}

Test(sigv2, PRE_08_hoisted_headers)
{
    struct shot *s = v2_presigned_for("PUT", "/b/k", EXPIRES, "x-amz-acl:private\nx-amz-meta-a:1 2\n", "/b/k");
    shot_query(s, "x-amz-meta-a=1%202&X-Amz-Acl=private");
    shot_ok(s);
    shot_header(s, "x-amz-acl", "private"); /* said twice, once signed */
    shot_ok(s);
    s->headers[s->req.header_count - 1].value = BYTES_LIT("public-read");
    shot_fails(s, MISMATCH, NULL);
    shot_free(s);
    s = v2_presigned_for("PUT", "/b/k", EXPIRES, "x-amz-acl:private\n", "/b/k");
    shot_header(s, "x-amz-acl", "private"); /* the header is signed, the parameter is not */
    shot_query(s, "x-amz-acl=public-read");
    shot_fails(s, "InvalidRequest", "Conflicting values");
    shot_free(s);
}

Test(sigv2, PRE_09_parts_missing)
{
    static const char *const parts[] = {"AWSAccessKeyId", "Expires", "Signature"};
    for (size_t i = 0; i < 6; i++) {
        struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
        if (i < 3)
            shot_drop_param(s, parts[i]);
        else
            shot_set_param(s, parts[i - 3], "");
        shot_fails(s, "AccessDenied",
                   "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
        cr_assert_eq(s->res.mechanism, AUTH_SIGV2_QUERY);
        cr_assert_eq(s->lookups, 0);
        shot_free(s);
    }
    static const char *const queries[] = {"/?AWSAccessKeyId", "/?awsaccesskeyid=a&Signature=b&Expires=1",
                                          "/?Signature=b"};
    for (size_t i = 0; i < 3; i++) {
        struct shot *s = shot_new("GET", queries[i]);
        shot_fails(s, "AccessDenied", "Query-string authentication requires");
        shot_free(s);
    }
}

Test(sigv2, PRE_10_content_type_and_md5)
{
    struct shot *s = shot_new("PUT", "/b/k?content-type=text%2Fplain&content-md5=m");
    char *signature = v2_signature("PUT\nm\ntext/plain\n" EXPIRES "\n/b/k");
    add_param(s, "AWSAccessKeyId", BYTES_LIT(AK));
    add_param(s, "Expires", BYTES_LIT(EXPIRES));
    add_param(s, "Signature", bytes_str(signature));
    shot_ok(s);
    shot_header(s, "Content-Type", "text/plain");
    shot_header(s, "Content-MD5", "m");
    shot_ok(s);
    s->headers[0].value = BYTES_LIT("text/html");
    shot_fails(s, MISMATCH, NULL);
    s->headers[0].value = BYTES_LIT("text/plain");
    s->headers[1].value = BYTES_LIT("n");
    shot_fails(s, MISMATCH, NULL);
    shot_free(s);
    free(signature);
}

/* ---- bodies ---- */

Test(sigv2, payloads)
{
    static const struct {
        const char *value, *encoding, *code;
        enum auth_payload mode;
    } rows[] = {{NULL, NULL, NULL, AUTH_PAYLOAD_UNSIGNED},
                {SIGN_UNSIGNED, "gzip", NULL, AUTH_PAYLOAD_UNSIGNED},
                {SIGN_EMPTY_SHA256, NULL, NULL, AUTH_PAYLOAD_HASH},
                {SIGN_CHUNKED_UNSIGNED, "gzip, AWS-Chunked", NULL, AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER},
                {SIGN_CHUNKED, "aws-chunked", "InvalidRequest", 0},
                {SIGN_CHUNKED_TRAILER, NULL, "InvalidRequest", 0},
                {NULL, "aws-chunked", "InvalidRequest", 0},
                {SIGN_UNSIGNED, "gzip,aws-chunked", "InvalidRequest", 0},
                {"STREAMING-FOO", NULL, "InvalidArgument", 0},
                {"", NULL, "InvalidArgument", 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        struct shot *s = shot_new("PUT", "/b/k");
        shot_header(s, "Date", V2_DATE);
        if (rows[i].value)
            shot_header(s, "x-amz-content-sha256", rows[i].value);
        if (rows[i].encoding)
            shot_header(s, "Content-Encoding", rows[i].encoding);
        snprintf(text, sizeof(text), "PUT\n\n\n" V2_DATE "\n%s%s%s/b/k", rows[i].value ? "x-amz-content-sha256:" : "",
                 rows[i].value ? rows[i].value : "", rows[i].value ? "\n" : "");
        v2_sign(s, text);
        if (rows[i].code) {
            shot_fails(s, rows[i].code, NULL);
        } else {
            shot_ok(s);
            cr_assert_eq(s->res.payload, rows[i].mode);
            cr_assert_null(s->res.seed);
        }
        shot_free(s);
    }
}

/* A secret beyond one block of SHA-1 is hashed first. */
static enum auth_lookup long_secret(void *ctx, struct bytes ak, struct bytes token, struct auth_key *ret)
{
    (void)ak, (void)token;
    memset(ret->secret, 'k', 100);
    ret->secret_n = 100;
    ret->identity = ctx;
    return AUTH_KEY_FOUND;
}

Test(sigv2, long_secrets)
{
    unsigned char secret[100], mac[20], value[32] = {0};
    unsigned n = sizeof(mac);
    const char *text = "GET\n\n\n" EXPIRES "\n/b/k";
    memset(secret, 'k', sizeof(secret));
    HMAC(EVP_sha1(), secret, sizeof(secret), (const unsigned char *)text, strlen(text), mac, &n);
    EVP_EncodeBlock(value, mac, 20);
    struct shot *s = v2_presigned("GET", "/b/k", "/b/k");
    s->cfg.lookup = long_secret;
    shot_set_param(s, "Signature", (char *)value);
    shot_ok(s);
    shot_free(s);
}
