/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Presigned URLs. Verifying reads the X-Amz-* parameters, whose names are case-sensitive and may appear once (auth.c
 * saw to the latter), judges the time window, and leaves the rest to sigv4_verify_claim. Making one is the same steps
 * from the other side, over the same canonical request.
 *
 * Invariant: every required parameter is there and well-formed before a key is looked up.
 * Threads: any.
 */
#include "server/auth/presign.h"
#include "server/auth/canonical.h"
#include "server/auth/key_cache.h"
#include "server/auth/sigv4.h"
#include <openssl/crypto.h>
#include <string.h>

#define QUERY_ERROR "AuthorizationQueryParametersError"

enum {
    Q_ALGORITHM,
    Q_CREDENTIAL,
    Q_SIGNATURE,
    Q_DATE,
    Q_SIGNED_HEADERS,
    Q_EXPIRES,
    Q_REQUIRED,
    Q_TOKEN = Q_REQUIRED,
    Q_CONTENT_SHA256,
    Q_COUNT
};

static const struct bytes q_names[Q_COUNT] = {
    [Q_ALGORITHM] = {"X-Amz-Algorithm", 15},          [Q_CREDENTIAL] = {"X-Amz-Credential", 16},
    [Q_SIGNATURE] = {"X-Amz-Signature", 15},          [Q_DATE] = {"X-Amz-Date", 10},
    [Q_SIGNED_HEADERS] = {"X-Amz-SignedHeaders", 19}, [Q_EXPIRES] = {"X-Amz-Expires", 13},
    [Q_TOKEN] = {"X-Amz-Security-Token", 20},         [Q_CONTENT_SHA256] = {"X-Amz-Content-Sha256", 20},
};

struct query {
    struct bytes value[Q_COUNT];
    bool has[Q_COUNT];
};

static bool read_query(const struct auth_request *req, struct query *q)
{
    *q = (struct query){0};
    for (size_t i = 0; i < req->param_count; i++) {
        struct bytes name = req->params[i].name;
        if (!auth__is_amz_name(name))
            continue;
        for (int k = 0; k < Q_COUNT; k++) {
            if (name.n != q_names[k].n)
                continue;
            /* hoisted from a header, x-amz-content-sha256 may have either's case */
            if (k == Q_CONTENT_SHA256 ? !bytes_eq_nocase(name, q_names[k]) : !bytes_eq(name, q_names[k]))
                continue;
            q->value[k] = req->params[i].value;
            q->has[k] = true;
            break;
        }
    }
    for (int k = 0; k < Q_REQUIRED; k++)
        if (!q->has[k] || q->value[k].n == 0)
            return false;
    return true;
}

static enum auth_status parse_expires(struct auth_work *w, struct bytes text, uint64_t *ret_s)
{
    struct bytes number = bytes_starts(text, BYTES_LIT("-")) ? bytes_cut(text, 1, text.n) : text;
    bool numeric = number.n > 0;
    for (size_t i = 0; i < number.n; i++)
        numeric = numeric && number.p[i] >= '0' && number.p[i] <= '9';
    if (!numeric)
        return auth__fail(w, QUERY_ERROR, "X-Amz-Expires should be a number");
    if (number.n < text.n)
        return auth__fail(w, QUERY_ERROR, "X-Amz-Expires must be non-negative");
    if (!bytes_to_u64(number, AUTH_EXPIRES_MAX_S, ret_s))
        return auth__fail(w, QUERY_ERROR,
                          "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must "
                          "be less than %d seconds",
                          AUTH_EXPIRES_MAX_S);
    if (*ret_s == 0) /* S3 has no better text for it */
        return auth__fail(w, QUERY_ERROR, "X-Amz-Expires must be non-negative");
    return AUTH_OK;
}

static enum auth_status check_window(struct auth_work *w, const struct sigv4_claim *claim, struct bytes expires_text)
{
    int64_t now = w->req->now_ms;
    if (claim->signed_ms > now + AUTH_SKEW_MAX_MS) {
        auth__fail(w, "AccessDenied", "Request is not yet valid");
        auth__extra(w, "ServerTime", auth__iso_time(w->arena, now));
        return AUTH_FAILED;
    }
    if (now <= w->res->expires_ms)
        return AUTH_OK;
    auth__fail(w, "AccessDenied", "Request has expired");
    auth__extra(w, "X-Amz-Expires", expires_text);
    auth__extra(w, "Expires", auth__iso_time(w->arena, w->res->expires_ms));
    auth__extra(w, "ServerTime", auth__iso_time(w->arena, now));
    return AUTH_FAILED;
}

/* UNSIGNED-PAYLOAD, unless the header or the parameter says otherwise; that they agree is checked for all x-amz-*. */
static enum auth_status claim_payload(struct auth_work *w, const struct query *q, struct sigv4_claim *claim)
{
    struct bytes text = q->value[Q_CONTENT_SHA256], header = BYTES_NONE;
    size_t count = auth__header(w->req, "x-amz-content-sha256", &header);
    if (count > 1)
        return auth__payload_bad(w, header);
    if (count == 1)
        text = header;
    if (!bytes_eq(claim->credential.service, BYTES_LIT("s3")))
        return sigv4_payload_of_body(w, claim, text);
    if (count == 0 && !q->has[Q_CONTENT_SHA256])
        text = BYTES_LIT("UNSIGNED-PAYLOAD");
    if (!auth__payload_parse(text, &w->res->payload, w->res->payload_sha256))
        return auth__payload_bad(w, text);
    claim->payload = text;
    return AUTH_OK;
}

static enum auth_status claim_token(struct auth_work *w, const struct query *q, struct sigv4_claim *claim)
{
    struct bytes header = BYTES_NONE;
    size_t count = auth__header(w->req, "x-amz-security-token", &header);
    if (count > 1)
        return auth__fail(w, "InvalidToken", "The provided token is malformed or otherwise invalid.");
    claim->token = q->has[Q_TOKEN] ? q->value[Q_TOKEN] : header;
    return AUTH_OK;
}

static enum auth_status read_claim(struct auth_work *w, const struct query *q, struct sigv4_claim *claim)
{
    uint64_t expires_s = 0;
    if (!bytes_eq(q->value[Q_ALGORITHM], BYTES_LIT(SIGV4_ALGORITHM)))
        return auth__fail(w, QUERY_ERROR, "X-Amz-Algorithm only supports \"" SIGV4_ALGORITHM "\"");
    claim->signed_headers = q->value[Q_SIGNED_HEADERS];
    claim->signature = q->value[Q_SIGNATURE];
    if (!sigv4_credential_parse(q->value[Q_CREDENTIAL], &claim->credential))
        return auth__fail(w, QUERY_ERROR,
                          "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                          "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/" SIGV4_TERMINATOR "\".");
    if (!auth__signing_date(q->value[Q_DATE], false, &claim->signed_ms, claim->date))
        return auth__fail(w, QUERY_ERROR, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    if (sigv4_check_scope(w, claim) != AUTH_OK || parse_expires(w, q->value[Q_EXPIRES], &expires_s) != AUTH_OK)
        return AUTH_FAILED;
    w->res->expires_ms = claim->signed_ms + (int64_t)expires_s * 1000;
    if (claim_token(w, q, claim) != AUTH_OK)
        return AUTH_FAILED;
    return claim_payload(w, q, claim);
}

enum auth_status presign_verify(struct auth_work *w)
{
    struct query q;
    struct sigv4_claim claim = {.presigned = true};
    if (!read_query(w->req, &q))
        return auth__fail(w, QUERY_ERROR,
                          "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                          "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    enum auth_status status = read_claim(w, &q, &claim);
    if (status != AUTH_OK)
        return status;
    if (check_window(w, &claim, q.value[Q_EXPIRES]) != AUTH_OK)
        return AUTH_FAILED;
    return sigv4_verify_claim(w, &claim);
}

/* ---- making one ---- */

static bool spec_usable(const struct presign_spec *s)
{
    if (s->access_key.n == 0 || s->access_key.n > AUTH_ACCESS_KEY_MAX || s->secret.n == 0 ||
        s->secret.n > AUTH_SECRET_MAX || s->region.n > AUTH_REGION_MAX || s->service.n > AUTH_SERVICE_MAX ||
        s->host.n == 0 || s->expires_s == 0 || s->expires_s > AUTH_EXPIRES_MAX_S)
        return false;
    for (size_t i = 0; i < s->param_count; i++)
        for (int k = 0; k < Q_CONTENT_SHA256; k++)
            if (bytes_eq_nocase(s->params[i].name, q_names[k]))
                return false;
    return true;
}

static char *lower_dup(struct arena *arena, struct bytes s)
{
    char *out = arena_alloc(arena, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    return out;
}

/* The sorted SignedHeaders list of `headers` (host among them); repeated names are listed once. */
static bool list_headers(const struct auth_header *headers, size_t count, struct arena *arena, struct bytes *ret)
{
    struct bytes names[AUTH_SIGNED_HEADERS_MAX];
    size_t n = 0, total = 0;
    for (size_t i = 0; i < count; i++) {
        if (n == AUTH_SIGNED_HEADERS_MAX)
            return false;
        struct bytes name = bytes_of(lower_dup(arena, headers[i].name), headers[i].name.n);
        size_t at = n;
        while (at > 0 && bytes_cmp(names[at - 1], name) > 0)
            at--;
        if (at > 0 && bytes_eq(names[at - 1], name))
            continue;
        memmove(&names[at + 1], &names[at], (n - at) * sizeof(names[0]));
        names[at] = name;
        total += name.n + 1;
        n++;
    }
    char *list = arena_alloc(arena, total + 1), *w = list;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *w++ = ';';
        memcpy(w, names[i].p, names[i].n);
        w += names[i].n;
    }
    *ret = bytes_of(list, (size_t)(w - list));
    return true;
}

static struct bytes render_query(const struct auth_param *params, size_t count, struct arena *arena)
{
    size_t bound = 1;
    for (size_t i = 0; i < count; i++)
        bound += 3 * (params[i].name.n + params[i].value.n) + 2;
    char *text = arena_alloc(arena, bound), *w = text;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *w++ = '&';
        w = canonical_encode(w, params[i].name, false);
        *w++ = '=';
        w = canonical_encode(w, params[i].value, false);
    }
    return bytes_of(text, (size_t)(w - text));
}

/* The spec's parameters, then those of the signature but for itself. There is room for Q_COUNT more. */
static size_t add_params(const struct presign_spec *s, struct bytes credential, struct bytes date,
                         struct bytes signed_headers, struct arena *arena, struct auth_param *ret)
{
    size_t n = s->param_count;
    if (n > 0)
        memcpy(ret, s->params, n * sizeof(*ret));
    ret[n++] = (struct auth_param){q_names[Q_ALGORITHM], BYTES_LIT(SIGV4_ALGORITHM)};
    ret[n++] = (struct auth_param){q_names[Q_CREDENTIAL], credential};
    ret[n++] = (struct auth_param){q_names[Q_DATE], date};
    ret[n++] = (struct auth_param){q_names[Q_EXPIRES], arena_bytesf(arena, "%u", (unsigned)s->expires_s)};
    if (s->token.n > 0)
        ret[n++] = (struct auth_param){q_names[Q_TOKEN], s->token};
    ret[n++] = (struct auth_param){q_names[Q_SIGNED_HEADERS], signed_headers};
    return n;
}

static struct bytes payload_of(const struct presign_spec *s, const struct auth_request *req)
{
    struct bytes text = BYTES_LIT("UNSIGNED-PAYLOAD");
    for (size_t i = 0; i < s->param_count; i++)
        if (bytes_eq_nocase(s->params[i].name, q_names[Q_CONTENT_SHA256]))
            text = s->params[i].value;
    (void)auth__header(req, "x-amz-content-sha256", &text);
    return text;
}

bool sigv4_presign(const struct presign_spec *s, struct arena *arena, struct bytes *ret_query)
{
    if (!spec_usable(s))
        return false;
    struct bytes service = s->service.n > 0 ? s->service : BYTES_LIT("s3"), signed_headers;
    struct auth_header *headers = arena_new_array(arena, struct auth_header, s->header_count + 1);
    struct auth_param *params = arena_new_array(arena, struct auth_param, s->param_count + Q_COUNT);
    headers[0] = (struct auth_header){BYTES_LIT("host"), s->host};
    if (s->header_count > 0)
        memcpy(headers + 1, s->headers, s->header_count * sizeof(*headers));

    struct canonical_names names;
    if (!list_headers(headers, s->header_count + 1, arena, &signed_headers) ||
        !canonical_names_parse(signed_headers, &names))
        return false;
    char *date = arena_alloc(arena, DATE_ISO_BASIC_LEN + 1);
    date_format_iso_basic(date_seconds_of_ms(s->now_ms), date);
    struct bytes credential =
        arena_bytesf(arena, "%.*s/%.8s/%.*s/%.*s/%s", (int)s->access_key.n, s->access_key.p, date, (int)s->region.n,
                     s->region.p ? s->region.p : "", (int)service.n, service.p, SIGV4_TERMINATOR);
    struct bytes scope = bytes_cut(credential, s->access_key.n + 1, credential.n);
    size_t count = add_params(s, credential, bytes_of(date, AMZ_DATE_LEN), signed_headers, arena, params);
    struct auth_request req = {.method = s->method,
                               .raw_path = s->raw_path,
                               .params = params,
                               .param_count = count,
                               .headers = headers,
                               .header_count = s->header_count + 1};
    struct canonical_input in = {
        .req = &req, .names = &names, .signed_headers = signed_headers, .payload = payload_of(s, &req)};
    struct key_scope key_scope = {s->secret, bytes_of(date, 8), s->region, service};
    unsigned char key[32];
    char *hex = arena_alloc(arena, SIGV4_SIGNATURE_LEN);
    bool absent;
    signing_key_derive(&key_scope, key);
    sigv4_sign_canonical(key, date, scope, canonical_build(&in, arena, &absent), arena, hex, NULL);
    OPENSSL_cleanse(key, sizeof(key));
    params[count++] = (struct auth_param){q_names[Q_SIGNATURE], bytes_of(hex, SIGV4_SIGNATURE_LEN)};
    *ret_query = render_query(params, count, arena);
    return true;
}
