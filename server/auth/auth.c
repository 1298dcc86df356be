/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mechanism does a request use? Decided from traces, generously: a misspelt, doubled or partial one still counts
 * as an attempt to authenticate, so it ends in a refusal and never in "anonymous". Only then is one mechanism's
 * verifier called, and there is exactly one call path from here to a positive answer for each.
 *
 * Invariants: AUTH_OK with an identity only after sigv4_verify_claim or its like in sigv2.c compared a signature; on
 * any other answer the result's identity is NULL. Threads: any; state is the caller's.
 */
#include "server/auth/auth.h"
#include "server/auth/presign.h"
#include "server/auth/sigv2.h"
#include "server/auth/sigv4.h"
#include "base/check.h"
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define MSG_MECHANISM "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
#define MSG_TWO_MECHANISMS                                                                                             \
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "  \
    "the Authorization header should be specified"
#define MSG_PAYLOAD                                                                                                    \
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "                              \
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."

/* ---- errors ---- */

const char *const auth_error_codes[] = {"AccessDenied",
                                        "AuthorizationHeaderMalformed",
                                        "AuthorizationQueryParametersError",
                                        "ExpiredToken",
                                        "IncompleteBody",
                                        "InvalidAccessKeyId",
                                        "InvalidArgument",
                                        "InvalidChunkSizeError",
                                        "InvalidRequest",
                                        "InvalidToken",
                                        "MalformedTrailerError",
                                        "RequestTimeTooSkewed",
                                        "ServiceUnavailable",
                                        "SignatureDoesNotMatch",
                                        "XAmzContentSHA256Mismatch",
                                        NULL};

static bool code_is_listed(const char *code)
{
    for (const char *const *c = auth_error_codes; *c != NULL; c++)
        if (strcmp(*c, code) == 0)
            return true;
    return false;
}

struct bytes auth__quote(struct arena *arena, struct bytes text)
{
    size_t n = text.n < AUTH_QUOTE_MAX ? text.n : AUTH_QUOTE_MAX;
    char *q = arena_alloc(arena, n + 1);
    for (size_t i = 0; i < n; i++)
        q[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
    return bytes_of(q, n);
}

void auth__error_set(struct auth_error *e, const char *code, struct bytes message)
{
    CHECK(code_is_listed(code));
    e->code = code;
    e->message = message;
    e->extra_count = 0;
}

void auth__error_add(struct auth_error *e, const char *name, struct bytes value)
{
    if (e->extra_count < AUTH_EXTRAS_MAX)
        e->extras[e->extra_count++] = (struct auth_extra){name, value};
}

enum auth_status auth__fail(struct auth_work *w, const char *code, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    auth__error_set(&w->res->error, code, bytes_dup(w->arena, bytes_of(text, len)));
    w->res->identity = NULL;
    w->res->seed = NULL;
    return AUTH_FAILED;
}

void auth__extra(struct auth_work *w, const char *name, struct bytes value)
{
    auth__error_add(&w->res->error, name, value);
}

/* ---- looking at requests ---- */

size_t auth__header(const struct auth_request *req, const char *lower_name, struct bytes *ret_value)
{
    struct bytes name = bytes_str(lower_name);
    size_t count = 0;
    for (size_t i = 0; i < req->header_count; i++) {
        const struct auth_header *h = &req->headers[i];
        if (!auth__is_name(h->name, name))
            continue;
        *ret_value = bytes_trim(h->value);
        count++;
    }
    return count;
}

bool auth_header_is_signed(const struct auth_result *res, struct bytes name)
{
    size_t start = 0;
    if (res->mechanism == AUTH_SIGV2_HEADER || res->mechanism == AUTH_SIGV2_QUERY)
        return sigv2_header_is_signed(name);
    while (name.n > 0 && start < res->signed_headers.n) {
        ptrdiff_t end = bytes_find_char(res->signed_headers, ';', start);
        size_t n = (end < 0 ? res->signed_headers.n : (size_t)end) - start;
        if (bytes_eq_nocase(bytes_cut(res->signed_headers, start, n), name))
            return true;
        start += n + 1;
    }
    return false;
}

bool auth__payload_parse(struct bytes text, enum auth_payload *ret_mode, unsigned char ret_sha256[32])
{
    static const struct {
        struct bytes name;
        enum auth_payload mode;
    } words[] = {
        {{"UNSIGNED-PAYLOAD", 16}, AUTH_PAYLOAD_UNSIGNED},
        {{"STREAMING-UNSIGNED-PAYLOAD-TRAILER", 34}, AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER},
        {{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 34}, AUTH_PAYLOAD_CHUNKED_SIGNED},
        {{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", 42}, AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!bytes_eq(text, words[i].name))
            continue;
        *ret_mode = words[i].mode;
        return true;
    }
    for (size_t i = 0; i < text.n; i++) /* hex_decode takes capitals, S3 does not */
        if (text.p[i] >= 'A' && text.p[i] <= 'F')
            return false;
    unsigned char sha256[32];
    if (text.n != 64 || !hex_decode(text, sha256, sizeof(sha256)))
        return false;
    memcpy(ret_sha256, sha256, sizeof(sha256));
    *ret_mode = AUTH_PAYLOAD_HASH;
    return true;
}

enum auth_status auth__payload_bad(struct auth_work *w, struct bytes text)
{
    auth__fail(w, "InvalidArgument", "%s", MSG_PAYLOAD);
    auth__extra(w, "ArgumentName", BYTES_LIT("x-amz-content-sha256"));
    auth__extra(w, "ArgumentValue", auth__quote(w->arena, text));
    return AUTH_FAILED;
}

/* ---- which mechanism ---- */

struct traces {
    size_t authorization; /* headers */
    bool v4_query, v2_query;
};

/* Any of these in any case says: somebody meant to presign. */
static bool is_v4_query_name(struct bytes name)
{
    static const struct bytes names[] = {
        {"X-Amz-Algorithm", 15},     {"X-Amz-Credential", 16}, {"X-Amz-Signature", 15},      {"X-Amz-Date", 10},
        {"X-Amz-SignedHeaders", 19}, {"X-Amz-Expires", 13},    {"X-Amz-Security-Token", 20},
    };
    if (!auth__is_amz_name(name))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (auth__is_name(name, names[i]))
            return true;
    return false;
}

static void find_traces(struct auth_work *w, struct traces *t)
{
    bool token = false;
    *t = (struct traces){0};
    for (size_t i = 0; i < w->req->header_count; i++) {
        const struct auth_header *h = &w->req->headers[i];
        if (auth__is_name(h->name, BYTES_LIT("authorization"))) {
            w->authorization = bytes_trim(h->value);
            t->authorization++;
        } else if (auth__is_name(h->name, BYTES_LIT("host"))) {
            w->host = bytes_trim(h->value);
        }
    }
    for (size_t i = 0; i < w->req->param_count; i++) {
        struct bytes name = w->req->params[i].name;
        if (auth__is_name(name, BYTES_LIT("X-Amz-Security-Token")))
            token = true;
        else if (is_v4_query_name(name))
            t->v4_query = true;
        else if (auth__is_name(name, BYTES_LIT("AWSAccessKeyId")) || bytes_eq(name, BYTES_LIT("Signature")))
            t->v2_query = true;
    }
    if (token && !t->v2_query) /* both versions name it alike */
        t->v4_query = true;
}

static bool is_scheme(struct bytes authorization, struct bytes scheme)
{
    if (!bytes_starts(authorization, scheme))
        return false;
    return authorization.n == scheme.n || authorization.p[scheme.n] == ' ' || authorization.p[scheme.n] == '\t';
}

static enum auth_mechanism detect(const struct auth_work *w, const struct traces *t)
{
    if (t->v4_query)
        return AUTH_SIGV4_QUERY;
    if (t->v2_query)
        return AUTH_SIGV2_QUERY;
    if (t->authorization == 0)
        return AUTH_ANONYMOUS;
    if (is_scheme(w->authorization, BYTES_LIT(SIGV4_ALGORITHM)))
        return AUTH_SIGV4_HEADER;
    return is_scheme(w->authorization, BYTES_LIT(SIGV2_SCHEME)) ? AUTH_SIGV2_HEADER : AUTH_OTHER;
}

/* ---- checks that hold for every mechanism ---- */

/* Parameters that select what is done or whether it is allowed: two of them, and two readers may take different ones.
 */
static bool must_be_single(struct bytes name, enum auth_mechanism mechanism)
{
    if (mechanism == AUTH_SIGV2_QUERY &&
        (bytes_eq_nocase(name, BYTES_LIT("AWSAccessKeyId")) || bytes_eq_nocase(name, BYTES_LIT("Signature")) ||
         bytes_eq_nocase(name, BYTES_LIT("Expires"))))
        return true;
    return auth__is_amz_name(name) || bytes_eq(name, BYTES_LIT("versionId")) || bytes_eq(name, BYTES_LIT("uploadId")) ||
           bytes_eq(name, BYTES_LIT("partNumber"));
}

static enum auth_status check_single_params(struct auth_work *w)
{
    const struct auth_request *req = w->req;
    for (size_t i = 0; i + 1 < req->param_count; i++) {
        if (!must_be_single(req->params[i].name, w->res->mechanism))
            continue;
        for (size_t j = i + 1; j < req->param_count; j++) {
            if (!auth__is_name(req->params[i].name, req->params[j].name))
                continue;
            struct bytes name = auth__quote(w->arena, req->params[i].name);
            bool of_auth = is_v4_query_name(req->params[i].name);
            auth__fail(w, of_auth ? "AuthorizationQueryParametersError" : "InvalidArgument",
                       "The query parameter %.*s must not be specified more than once.", (int)name.n, name.p);
            if (!of_auth)
                auth__extra(w, "ArgumentName", name);
            return AUTH_FAILED;
        }
    }
    return AUTH_OK;
}

/* SDKs hoist x-amz-* headers into presigned queries, where they mean the same: both places must say the same. */
static enum auth_status check_conflicts(struct auth_work *w)
{
    const struct auth_request *req = w->req;
    for (size_t i = 0; i < req->param_count; i++) {
        if (!auth__is_amz_name(req->params[i].name))
            continue;
        for (size_t j = 0; j < req->header_count; j++) {
            const struct auth_header *h = &req->headers[j];
            if (!auth__is_name(h->name, req->params[i].name))
                continue;
            if (!bytes_eq(bytes_trim(h->value), bytes_trim(req->params[i].value)))
                return auth__fail(w, "InvalidRequest",
                                  "Conflicting values provided in HTTP headers and query parameters.");
        }
    }
    return AUTH_OK;
}

/* Nobody signed, so a body can only be plain, hashed or chunked without signatures. */
static enum auth_status anonymous(struct auth_work *w)
{
    struct bytes text = BYTES_NONE;
    size_t count = auth__header(w->req, "x-amz-content-sha256", &text);
    w->res->payload = AUTH_PAYLOAD_NONE;
    if (count == 0)
        return AUTH_OK;
    if (count > 1 || !auth__payload_parse(text, &w->res->payload, w->res->payload_sha256))
        return auth__payload_bad(w, text);
    if (w->res->payload == AUTH_PAYLOAD_CHUNKED_SIGNED || w->res->payload == AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER)
        return auth__fail(w, "AccessDenied", "Signed chunks require a signed request.");
    return AUTH_OK;
}

/* What other services call version 2 signs something else: theirs is refused. */
static enum auth_status sigv2(struct auth_work *w)
{
    for (const char *const *s = w->cfg->services; *s != NULL; s++)
        if (strcmp(*s, "s3") == 0)
            return w->res->mechanism == AUTH_SIGV2_QUERY ? sigv2_verify_query(w) : sigv2_verify_header(w);
    return auth__fail(w, "InvalidRequest", "%s", MSG_MECHANISM);
}

static enum auth_status verify(struct auth_work *w)
{
    struct traces t;
    find_traces(w, &t);
    w->res->mechanism = detect(w, &t);
    if (t.authorization + t.v4_query + t.v2_query > 1) {
        auth__fail(w, "InvalidArgument", "%s", MSG_TWO_MECHANISMS);
        auth__extra(w, "ArgumentName", BYTES_LIT("Authorization")); /* its value is a credential: not echoed */
        return AUTH_FAILED;
    }
    if (check_single_params(w) != AUTH_OK)
        return AUTH_FAILED;
    enum auth_status status;
    switch (w->res->mechanism) {
    case AUTH_ANONYMOUS:
        status = anonymous(w);
        break;
    case AUTH_SIGV4_HEADER:
        status = sigv4_verify_header(w);
        break;
    case AUTH_SIGV4_QUERY:
        status = presign_verify(w);
        break;
    case AUTH_SIGV2_HEADER:
    case AUTH_SIGV2_QUERY:
        status = sigv2(w);
        break;
    default:
        status = auth__fail(w, "InvalidRequest", "%s", MSG_MECHANISM);
    }
    return status == AUTH_OK ? check_conflicts(w) : status;
}

enum auth_status auth_verify(const struct auth_config *cfg, const struct auth_request *req, struct arena *arena,
                             struct auth_result *ret)
{
    struct auth_work w = {.cfg = cfg, .req = req, .arena = arena, .res = ret};
    *ret = (struct auth_result){0};
    return verify(&w);
}

bool auth_check_body(const struct auth_result *res, const unsigned char body_sha256[32], struct arena *arena,
                     struct auth_error *ret)
{
    if (res->payload != AUTH_PAYLOAD_HASH || CRYPTO_memcmp(res->payload_sha256, body_sha256, 32) == 0)
        return true;
    char *hex = arena_alloc(arena, 128);
    hex_encode(res->payload_sha256, 32, hex);
    hex_encode(body_sha256, 32, hex + 64);
    auth__error_set(ret, "XAmzContentSHA256Mismatch",
                    BYTES_LIT("The provided 'x-amz-content-sha256' header does not match what was computed."));
    auth__error_add(ret, "ClientComputedContentSHA256", bytes_of(hex, 64));
    auth__error_add(ret, "S3ComputedContentSHA256", bytes_of(hex + 64, 64));
    return false;
}
