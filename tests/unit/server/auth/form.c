/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of form uploads: computed by another implementation (Python's hmac), and everything that is none. */
#include "fixture.h"

#include "base/check.h"

#define POLICY "eyJleHBpcmF0aW9uIjogIjIwMTMtMDUtMjVUMDA6MDA6MDBaIiwgImNvbmRpdGlvbnMiOiBbXX0="
#define V4     "35c85d19392244193853ff6541595151ab31b19bce28595e938f494fb08b807f"
#define V2     "N2OTdWxo6j9iix8y2Qqs+UFAlO0="
#define SCOPE  "/20130524/us-east-1/s3/aws4_request"
#define FIELDS 10

struct form {
    const char *fields[2 * FIELDS];
};

static const struct form good_v4 = {{"policy", POLICY, "x-amz-algorithm", "AWS4-HMAC-SHA256", "x-amz-credential",
                                     AK SCOPE, "x-amz-date", DATE, "x-amz-signature", V4, "key", "k"}};
static const struct form good_v2 = {{"policy", POLICY, "AWSAccessKeyId", AK, "signature", V2, "key", "k"}};

/* The form with this field changed, added, or (NULL) left out. */
static struct form with(struct form f, const char *name, const char *value)
{
    size_t i = 0;
    while (f.fields[i] && strcmp(f.fields[i], name) != 0)
        i += 2;
    f.fields[i] = value ? name : "x-ignore-it";
    f.fields[i + 1] = value ? value : "";
    return f;
}

static enum auth_status verify(struct form f, struct arena *arena, struct auth_result *res)
{
    struct auth_param list[FIELDS];
    int calls = 0;
    size_t n = 0;
    struct auth_config cfg = {.services = only_s3, .lookup = fixture_lookup, .lookup_ctx = &calls};
    for (; n < FIELDS && f.fields[2 * n]; n++)
        list[n] = (struct auth_param){bytes_str(f.fields[2 * n]), bytes_str(f.fields[2 * n + 1])};
    return auth_verify_form(&cfg, list, n, 1369353600000, arena, res);
}

static void good(struct form f, enum auth_mechanism mechanism)
{
    struct arena *arena = arena_create(0);
    struct auth_result res;
    cr_expect_eq(verify(f, arena, &res), AUTH_OK, "%s", res.error.code);
    cr_expect_eq(res.mechanism, mechanism);
    cr_expect_eq(res.identity != NULL, mechanism != AUTH_ANONYMOUS);
    arena_free(arena);
}

static void bad(struct form f, const char *code)
{
    struct arena *arena = arena_create(0);
    struct auth_result res;
    cr_expect_eq(verify(f, arena, &res), AUTH_FAILED);
    cr_expect_str_eq(res.error.code, code, "%s: %.*s", res.error.code, (int)res.error.message.n, res.error.message.p);
    cr_expect_null(res.identity);
    arena_free(arena);
}

Test(form, both_versions_and_nobody)
{
    good(good_v4, AUTH_SIGV4_FORM);
    good(good_v2, AUTH_SIGV2_FORM);
    good((struct form){{"key", "k"}}, AUTH_ANONYMOUS);
    struct form capitals = {{"Policy", POLICY, "X-Amz-Algorithm", "AWS4-HMAC-SHA256", "X-Amz-Credential", AK SCOPE,
                             "X-Amz-Date", DATE, "X-Amz-Signature", V4}};
    good(capitals, AUTH_SIGV4_FORM);
}

Test(form, a_missing_field_is_named)
{
    static const char *const v4[] = {"policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"};
    static const char *const v2[] = {"policy", "AWSAccessKeyId", "signature"};
    for (size_t i = 0; i < ARRAY_LEN(v4); i++)
        bad(with(good_v4, v4[i], NULL), "InvalidArgument");
    for (size_t i = 0; i < ARRAY_LEN(v2); i++)
        bad(with(good_v2, v2[i], NULL), "InvalidArgument");
    bad((struct form){{"policy", POLICY}}, "InvalidArgument");
    bad((struct form){{"policy", ""}}, "InvalidArgument");
    bad((struct form){{"x-amz-security-token", "x"}}, "InvalidArgument");
}

Test(form, what_was_not_signed_is_refused)
{
    bad(with(good_v4, "policy", POLICY "A"), "SignatureDoesNotMatch");
    bad(with(good_v4, "x-amz-signature", V4 "0"), "SignatureDoesNotMatch");
    bad(with(good_v4, "x-amz-signature", "0"), "SignatureDoesNotMatch");
    bad(with(good_v4, "x-amz-credential", AK "/20130524/eu-west-1/s3/aws4_request"), "SignatureDoesNotMatch");
    bad(with(good_v2, "policy", "AAAA"), "SignatureDoesNotMatch");
    bad(with(good_v2, "signature", "x"), "SignatureDoesNotMatch");
    bad(with(good_v2, "signature", V4), "SignatureDoesNotMatch");
}

Test(form, PST_10_nothing_is_there_twice)
{
    bad(with(good_v4, "Policy", POLICY), "InvalidArgument");
    bad(with(good_v4, "X-AMZ-SIGNATURE", V4), "InvalidArgument");
    bad(with(good_v4, "signature", V2), "InvalidArgument");
    bad(with(good_v2, "x-amz-date", DATE), "InvalidArgument");
}

Test(form, keys_and_scopes)
{
    bad(with(good_v4, "x-amz-algorithm", "AWS4-ECDSA-P256-SHA256"), "InvalidArgument");
    bad(with(good_v4, "x-amz-credential", AK), "InvalidArgument");
    bad(with(good_v4, "x-amz-date", "2013-05-24"), "InvalidArgument");
    bad(with(good_v4, "x-amz-date", "20130525T000000Z"), "AuthorizationQueryParametersError");
    bad(with(good_v4, "x-amz-credential", AK "/20130524/us-east-1/iam/aws4_request"),
        "AuthorizationQueryParametersError");
    bad(with(good_v4, "x-amz-credential", "AKIANOBODY" SCOPE), "InvalidAccessKeyId");
    bad(with(good_v4, "x-amz-credential", GONE_AK SCOPE), "InvalidAccessKeyId");
    bad(with(good_v4, "x-amz-security-token", TOKEN), "InvalidToken");
    bad(with(good_v4, "x-amz-credential", TEMP_AK SCOPE), "InvalidAccessKeyId");
    good(with(with(good_v4, "x-amz-credential", TEMP_AK SCOPE), "x-amz-security-token", TOKEN), AUTH_SIGV4_FORM);
    bad(with(with(good_v4, "x-amz-credential", TEMP_AK SCOPE), "x-amz-security-token", "old"), "ExpiredToken");
    bad(with(good_v2, "AWSAccessKeyId", "AKIANOBODY"), "InvalidAccessKeyId");
    bad(with(good_v2, "AWSAccessKeyId", GONE_AK), "InvalidAccessKeyId");
    bad(with(good_v2, "AWSAccessKeyId", "AKIAUNAVAILABLE"), "ServiceUnavailable");
}
