/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signed a form upload? The signature is a field beside others and covers the policy, as it was sent; what the
 * policy then allows is post_policy.c's business.
 *
 * Invariant: a form with the least trace of a signature or a policy is verified or refused, never anonymous.
 * Threads: any.
 */
#include "base/check.h"
#include "server/auth/sigv2.h"
#include "server/auth/sigv4.h"

enum { POLICY, ALGORITHM, CREDENTIAL, DATE, SIGNATURE4, TOKEN, KEY2, SIGNATURE2, FIELDS };

static const char *const names[FIELDS] = {"policy",          "x-amz-algorithm",      "x-amz-credential", "x-amz-date",
                                          "x-amz-signature", "x-amz-security-token", "AWSAccessKeyId",   "signature"};

static enum auth_status missing(struct auth_work *w, int field)
{
    auth__fail(w, "InvalidArgument",
               "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the "
               "fields.",
               names[field]);
    auth__extra(w, "ArgumentName", bytes_str(names[field]));
    auth__extra(w, "ArgumentValue", BYTES_LIT(""));
    return AUTH_FAILED;
}

static enum auth_status bad_field(struct auth_work *w, int field, struct bytes value, const char *why)
{
    auth__fail(w, "InvalidArgument", "%s", why);
    auth__extra(w, "ArgumentName", bytes_str(names[field]));
    auth__extra(w, "ArgumentValue", auth__quote(w->arena, value));
    return AUTH_FAILED;
}

enum auth_status auth__text_mismatch(struct auth_work *w, struct bytes access_key, struct bytes signature,
                                     struct bytes text)
{
    auth__fail(w, "SignatureDoesNotMatch",
               "The request signature we calculated does not match the signature you provided. Check your key and "
               "signing method.");
    auth__extra(w, "AWSAccessKeyId", access_key);
    auth__extra(w, "StringToSign", text);
    auth__extra(w, "SignatureProvided", auth__quote(w->arena, signature));
    auth__extra(w, "StringToSignBytes", auth__hex_pairs(w->arena, text));
    return AUTH_FAILED;
}

/* An old date is no reason to refuse: how long the form is good for stands in its policy. */
static enum auth_status verify_v4(struct auth_work *w, const struct bytes f[FIELDS])
{
    struct sigv4_claim claim = {.presigned = true, .signature = f[SIGNATURE4], .token = f[TOKEN]};
    if (!bytes_eq_str(f[ALGORITHM], SIGV4_ALGORITHM))
        return bad_field(w, ALGORITHM, f[ALGORITHM], "Only AWS4-HMAC-SHA256 is supported");
    if (!sigv4_credential_parse(f[CREDENTIAL], &claim.credential))
        return bad_field(
            w, CREDENTIAL, f[CREDENTIAL],
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (!auth__signing_date(f[DATE], false, &claim.signed_ms, claim.date))
        return bad_field(w, DATE, f[DATE], "X-Amz-Date must be formated via ISO8601 Long format");
    if (sigv4_check_scope(w, &claim) != AUTH_OK)
        return AUTH_FAILED;
    return sigv4_verify_text(w, &claim, f[POLICY]);
}

static enum auth_status verify(struct auth_work *w, const struct bytes f[FIELDS])
{
    bool v4 = f[ALGORITHM].p || f[CREDENTIAL].p || f[SIGNATURE4].p || f[DATE].p;
    bool v2 = f[KEY2].p || f[SIGNATURE2].p;
    if (!v4 && !v2 && !f[POLICY].p && !f[TOKEN].p)
        return AUTH_OK; /* nobody */
    w->res->mechanism = v4 ? AUTH_SIGV4_FORM : AUTH_SIGV2_FORM;
    if (v4 && v2)
        return bad_field(w, SIGNATURE2, f[SIGNATURE2], "Only one auth mechanism allowed in a form");
    for (int i = 0; i < FIELDS; i++) {
        bool needed = i == POLICY || (i != TOKEN && (i >= KEY2) == !v4);
        if (needed && f[i].n == 0)
            return missing(w, i);
    }
    return v4 ? verify_v4(w, f) : sigv2_verify_text(w, f[KEY2], f[TOKEN], f[SIGNATURE2], f[POLICY]);
}

enum auth_status auth_verify_form(const struct auth_config *cfg, const struct auth_param *fields, size_t n,
                                  int64_t now_ms, struct arena *arena, struct auth_result *ret)
{
    struct auth_request req = {.method = BYTES_LIT("POST"), .now_ms = now_ms};
    struct auth_work w = {.cfg = cfg, .req = &req, .arena = arena, .res = ret};
    struct bytes f[FIELDS] = {{NULL, 0}};
    *ret = (struct auth_result){.mechanism = AUTH_ANONYMOUS};
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < FIELDS; k++)
            if (bytes_eq_str_nocase(fields[i].name, names[k])) {
                if (f[k].p)
                    return bad_field(&w, k, BYTES_NONE, "This field must not be specified more than once.");
                f[k] = fields[i].value.p ? fields[i].value : BYTES_LIT("");
            }
    return verify(&w, f);
}
