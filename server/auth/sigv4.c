/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 4: parsing the Authorization header and judging a claim, whether it came from there or from a
 * presigned query. The order of refusals is S3's: form, credential scope, clock, then key, unsigned headers, signature.
 *
 * Invariants: a claim is accepted only if a signature computed here equals the one sent, compared by CRYPTO_memcmp over
 * all 64 characters; a header that is listed but absent never verifies; an unknown key runs through the same steps as a
 * known one and fails at the end. Derived keys are wiped before returning.
 * Threads: any.
 */
#include "server/auth/sigv4.h"
#include "server/auth/canonical.h"
#include "server/auth/key_cache.h"
#include "base/check.h"
#include "checksum.h"
#include <openssl/crypto.h>
#include <string.h>

#define SCOPE_DATE_LEN    8
#define HOST_VARIANTS_MAX 3
#define HEADER_MALFORMED  "The authorization header is malformed; "
#define CREDENTIAL_SHAPE  "expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/" SIGV4_TERMINATOR "\"."

/* Lines of the string to sign: algorithm, date, scope, hash. */
#define STRING_TO_SIGN_MAX                                                                                             \
    (sizeof(SIGV4_ALGORITHM) + AMZ_DATE_LEN + 1 + SCOPE_DATE_LEN + AUTH_REGION_MAX + AUTH_SERVICE_MAX +                \
     sizeof(SIGV4_TERMINATOR) + 3 + 1 + 64)

/* ---- the credential ---- */

bool sigv4_credential_parse(struct bytes text, struct sigv4_credential *ret)
{
    struct bytes part[4]; /* the last four, from the end */
    size_t end = text.n;
    for (int i = 0; i < 4; i++) {
        const char *slash = end ? memrchr(text.p, '/', end) : NULL;
        if (!slash)
            return false;
        size_t start = (size_t)(slash - text.p) + 1;
        part[i] = bytes_cut(text, start, end - start);
        end = start - 1;
    }
    struct sigv4_credential c = {.access_key = bytes_cut(text, 0, end),
                                 .date = part[3],
                                 .region = part[2],
                                 .service = part[1],
                                 .terminator = part[0],
                                 .scope = bytes_cut(text, end + 1, text.n)};
    if (c.date.n != SCOPE_DATE_LEN || c.region.n > AUTH_REGION_MAX || c.service.n > AUTH_SERVICE_MAX ||
        c.terminator.n >= sizeof(SIGV4_TERMINATOR))
        return false;
    for (size_t i = 0; i < c.scope.n; i++) /* a control character would add lines to the string to sign */
        if (c.scope.p[i] <= ' ' || c.scope.p[i] > '~')
            return false;
    *ret = c;
    return true;
}

static enum auth_status scope_fail(struct auth_work *w, bool presigned, struct bytes text)
{
    return auth__fail(w, presigned ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed", "%s%.*s",
                      presigned ? "Error parsing the X-Amz-Credential parameter; " : HEADER_MALFORMED, (int)text.n,
                      text.p);
}

static bool service_allowed(const struct auth_config *cfg, struct bytes service)
{
    for (const char *const *s = cfg->services; *s != NULL; s++)
        if (bytes_eq_str(service, *s))
            return true;
    return false;
}

enum auth_status sigv4_check_scope(struct auth_work *w, const struct sigv4_claim *claim)
{
    const struct sigv4_credential *c = &claim->credential;
    struct arena *a = w->arena;
    if (!bytes_eq(c->terminator, BYTES_LIT(SIGV4_TERMINATOR)))
        return scope_fail(w, claim->presigned,
                          arena_bytesf(a, "incorrect terminal \"%.*s\". This endpoint uses \"%s\".",
                                       (int)c->terminator.n, c->terminator.p, SIGV4_TERMINATOR));
    if (!service_allowed(w->cfg, c->service))
        return scope_fail(w, claim->presigned,
                          arena_bytesf(a, "incorrect service \"%.*s\". This endpoint belongs to \"%s\".",
                                       (int)c->service.n, c->service.p, w->cfg->services[0]));
    if (w->cfg->required_region != NULL && !bytes_eq_str(c->region, w->cfg->required_region)) {
        scope_fail(w, claim->presigned,
                   arena_bytesf(a, "the region '%.*s' is wrong; expecting '%s'", (int)c->region.n, c->region.p,
                                w->cfg->required_region));
        auth__extra(w, "Region", bytes_str(w->cfg->required_region));
        return AUTH_FAILED;
    }
    if (!bytes_eq(c->date, bytes_of(claim->date, SCOPE_DATE_LEN)))
        return scope_fail(w, claim->presigned,
                          arena_bytesf(a,
                                       "Invalid credential date \"%.*s\". This date is not the same as X-Amz-Date: "
                                       "\"%.*s\".",
                                       (int)c->date.n, c->date.p, SCOPE_DATE_LEN, claim->date));
    return AUTH_OK;
}

/* ---- signing ---- */

void sigv4_sign_canonical(const unsigned char key[32], const char date[AMZ_DATE_LEN], struct bytes scope,
                          struct bytes canonical, struct arena *arena, char ret_hex[SIGV4_SIGNATURE_LEN],
                          struct bytes *ret_text)
{
    char text[STRING_TO_SIGN_MAX], *w = text;
    unsigned char digest[32];
    CHECK(scope.n <= sizeof(text) - sizeof(SIGV4_ALGORITHM) - AMZ_DATE_LEN - 1 - 1 - 64);
    memcpy(w, SIGV4_ALGORITHM "\n", sizeof(SIGV4_ALGORITHM));
    w += sizeof(SIGV4_ALGORITHM);
    memcpy(w, date, AMZ_DATE_LEN);
    w += AMZ_DATE_LEN;
    *w++ = '\n';
    memcpy(w, scope.p, scope.n);
    w += scope.n;
    *w++ = '\n';
    sha256_of(canonical.p, canonical.n, digest);
    hex_encode(digest, sizeof(digest), w);
    w += 64;
    hmac_sha256(key, 32, text, (size_t)(w - text), digest);
    hex_encode(digest, sizeof(digest), ret_hex);
    OPENSSL_cleanse(digest, sizeof(digest));
    if (ret_text != NULL)
        *ret_text = bytes_dup(arena, bytes_of(text, (size_t)(w - text)));
}

/* ---- the key ---- */

/* Printable ASCII without space, not empty, not too long: nothing else is ever looked up, echoed or logged. */
static bool access_key_plausible(struct bytes key)
{
    if (key.n == 0 || key.n > AUTH_ACCESS_KEY_MAX)
        return false;
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] <= ' ' || key.p[i] > '~')
            return false;
    return true;
}

struct found_key {
    enum auth_lookup outcome; /* what the request ends with if it is not AUTH_KEY_FOUND */
    struct auth_key key;
    unsigned char signing_key[32];
    bool derived; /* not from the cache */
};

static enum auth_lookup judge_key(const struct auth_key *key, struct bytes token)
{
    if (key->secret_n == 0 || key->secret_n > AUTH_SECRET_MAX || (key->flags & AUTH_KEY_DISABLED))
        return AUTH_KEY_UNKNOWN;
    if (!(key->flags & AUTH_KEY_TEMPORARY) && token.n > 0)
        return AUTH_KEY_TOKEN_INVALID; /* long-term keys have none */
    if ((key->flags & AUTH_KEY_TEMPORARY) && token.n == 0)
        return AUTH_KEY_UNKNOWN;
    return AUTH_KEY_FOUND;
}

enum auth_lookup auth__find_key(struct auth_work *w, struct bytes access_key, struct bytes token, struct auth_key *ret)
{
    if (!access_key_plausible(access_key))
        return AUTH_KEY_UNKNOWN;
    w->res->access_key = access_key;
    enum auth_lookup outcome = w->cfg->lookup(w->cfg->lookup_ctx, access_key, token, ret);
    return outcome == AUTH_KEY_FOUND ? judge_key(ret, token) : outcome;
}

static void find_key(struct auth_work *w, const struct sigv4_claim *claim, struct found_key *f)
{
    const struct sigv4_credential *c = &claim->credential;
    *f = (struct found_key){.outcome = AUTH_KEY_UNKNOWN};
    f->outcome = auth__find_key(w, c->access_key, claim->token, &f->key);
    if (f->outcome != AUTH_KEY_FOUND) {
        signing_key_of_nobody(c->date, c->region, c->service, f->signing_key);
        return;
    }
    struct key_scope scope = {bytes_of(f->key.secret, f->key.secret_n), c->date, c->region, c->service};
    if (!key_cache_get(&scope, f->signing_key)) {
        signing_key_derive(&scope, f->signing_key);
        f->derived = true;
    }
}

static void keep_key(const struct sigv4_claim *claim, const struct found_key *f)
{
    const struct sigv4_credential *c = &claim->credential;
    struct key_scope scope = {bytes_of(f->key.secret, f->key.secret_n), c->date, c->region, c->service};
    if (f->derived)
        key_cache_put(&scope, f->signing_key);
}

enum auth_status auth__key_fail(struct auth_work *w, enum auth_lookup outcome)
{
    switch (outcome) {
    case AUTH_KEY_TOKEN_INVALID:
        return auth__fail(w, "InvalidToken", "The provided token is malformed or otherwise invalid.");
    case AUTH_KEY_TOKEN_EXPIRED:
        return auth__fail(w, "ExpiredToken", "The provided token has expired.");
    case AUTH_KEY_UNAVAILABLE:
        return auth__fail(w, "ServiceUnavailable", "Service is unable to handle request.");
    default:
        auth__fail(w, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.");
        if (w->res->access_key.n > 0)
            auth__extra(w, "AWSAccessKeyId", w->res->access_key);
        return AUTH_FAILED;
    }
}

/* ---- headers that must be signed ---- */

static bool listed_before(const struct auth_request *req, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (bytes_eq_nocase(req->headers[j].name, req->headers[i].name))
            return true;
    return false;
}

static enum auth_status unsigned_fail(struct auth_work *w, const struct canonical_names *names)
{
    size_t bound = 6;
    for (size_t i = 0; i < w->req->header_count; i++)
        bound += w->req->headers[i].name.n + 2;
    char *text = arena_alloc(w->arena, bound);
    size_t n = 0;
    if (!canonical_names_has(names, BYTES_LIT("host"))) {
        memcpy(text, "host", 4);
        n = 4;
    }
    for (size_t i = 0; i < w->req->header_count; i++) {
        struct bytes name = w->req->headers[i].name;
        if (!auth__is_amz_name(name) || canonical_names_has(names, name) || listed_before(w->req, i))
            continue;
        if (n > 0) {
            memcpy(text + n, ", ", 2);
            n += 2;
        }
        for (size_t j = 0; j < name.n; j++)
            text[n++] = name.p[j] >= 'A' && name.p[j] <= 'Z' ? (char)(name.p[j] | 0x20) : name.p[j];
    }
    auth__fail(w, "AccessDenied", "There were headers present in the request which were not signed");
    auth__extra(w, "HeadersNotSigned", bytes_of(text, n));
    return AUTH_FAILED;
}

static enum auth_status check_signed_headers(struct auth_work *w, const struct canonical_names *names)
{
    if (!canonical_names_has(names, BYTES_LIT("host")))
        return unsigned_fail(w, names);
    for (size_t i = 0; i < w->req->header_count; i++)
        if (auth__is_amz_name(w->req->headers[i].name) && !canonical_names_has(names, w->req->headers[i].name))
            return unsigned_fail(w, names);
    return AUTH_OK;
}

/* ---- the signature ---- */

/* Clients differ on whether the scheme's default port is part of the host they sign: each spelling is tried. */
static size_t host_variants(struct bytes host, struct arena *arena, struct bytes ret[HOST_VARIANTS_MAX])
{
    ret[0] = host;
    size_t from = 0;
    ptrdiff_t bracket = bytes_find_char(host, ']', 0);
    if (bracket >= 0)
        from = (size_t)bracket;
    if (host.n == 0)
        return 1;
    if (bytes_find_char(host, ':', from) < 0) {
        ret[1] = arena_bytesf(arena, "%.*s:80", (int)host.n, host.p);
        ret[2] = arena_bytesf(arena, "%.*s:443", (int)host.n, host.p);
        return 3;
    }
    size_t port = bytes_ends(host, BYTES_LIT(":80")) ? 3 : bytes_ends(host, BYTES_LIT(":443")) ? 4 : 0;
    if (port == 0)
        return 1;
    ret[1] = bytes_cut(host, 0, host.n - port);
    return 2;
}

/* `text` with what follows the first `marker`, up to either end character, blanked. */
static struct bytes blank_after(struct arena *arena, struct bytes text, struct bytes marker, char end1, char end2)
{
    ptrdiff_t at = bytes_find(text, marker, 0);
    if (at < 0)
        return text;
    size_t from = (size_t)at + marker.n, to = from;
    while (to < text.n && text.p[to] != end1 && text.p[to] != end2)
        to++;
    struct bytes head = bytes_cut(text, 0, from), tail = bytes_cut(text, to, text.n);
    static const char blank[] = "REDACTED";
    char *out = arena_alloc(arena, head.n + sizeof(blank) + tail.n);
    memcpy(out, head.p, head.n);
    memcpy(out + head.n, blank, sizeof(blank) - 1);
    if (tail.n > 0)
        memcpy(out + head.n + sizeof(blank) - 1, tail.p, tail.n);
    return bytes_of(out, head.n + sizeof(blank) - 1 + tail.n);
}

/* The error document shows the canonical request; session tokens and customer's keys in it are nobody's business. */
struct bytes auth__redact(struct arena *arena, struct bytes text)
{
    static const struct bytes headers[] = {
        {"\nx-amz-security-token:", 22},
        {"\nx-amz-server-side-encryption-customer-key:", 43},
        {"\nx-amz-copy-source-server-side-encryption-customer-key:", 55},
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        text = blank_after(arena, text, headers[i], '\n', '\n');
    return blank_after(arena, text, BYTES_LIT("X-Amz-Security-Token="), '&', '\n');
}

/* "41 57 53 ..." */
struct bytes auth__hex_pairs(struct arena *arena, struct bytes in)
{
    static const char hex[] = "0123456789abcdef";
    char *out = arena_alloc(arena, 3 * in.n + 1), *w = out;
    for (size_t i = 0; i < in.n; i++) {
        if (i > 0)
            *w++ = ' ';
        *w++ = hex[(unsigned char)in.p[i] >> 4];
        *w++ = hex[(unsigned char)in.p[i] & 15];
    }
    return bytes_of(out, (size_t)(w - out));
}

static enum auth_status mismatch_fail(struct auth_work *w, const struct sigv4_claim *claim,
                                      const struct canonical_input *in, const unsigned char key[32])
{
    bool absent;
    char hex[SIGV4_SIGNATURE_LEN];
    struct bytes text, canonical = canonical_build(in, w->arena, &absent);
    sigv4_sign_canonical(key, claim->date, claim->credential.scope, canonical, w->arena, hex, &text);
    OPENSSL_cleanse(hex, sizeof(hex));
    canonical = auth__redact(w->arena, canonical);
    auth__fail(w, "SignatureDoesNotMatch",
               "The request signature we calculated does not match the signature you provided. Check your key and "
               "signing method.");
    auth__extra(w, "AWSAccessKeyId", claim->credential.access_key);
    auth__extra(w, "StringToSign", text);
    auth__extra(w, "SignatureProvided", auth__quote(w->arena, claim->signature));
    auth__extra(w, "StringToSignBytes", auth__hex_pairs(w->arena, text));
    auth__extra(w, "CanonicalRequest", canonical);
    auth__extra(w, "CanonicalRequestBytes", auth__hex_pairs(w->arena, canonical));
    return AUTH_FAILED;
}

static bool signature_matches(struct auth_work *w, const struct sigv4_claim *claim, struct canonical_input *in,
                              const unsigned char key[32])
{
    struct bytes hosts[HOST_VARIANTS_MAX];
    size_t count = 1;
    hosts[0] = w->host;
    for (size_t i = 0; i < count; i++) {
        char hex[SIGV4_SIGNATURE_LEN];
        bool absent;
        in->host = hosts[i];
        struct bytes canonical = canonical_build(in, w->arena, &absent);
        sigv4_sign_canonical(key, claim->date, claim->credential.scope, canonical, w->arena, hex, NULL);
        bool same = claim->signature.n == sizeof(hex) && CRYPTO_memcmp(hex, claim->signature.p, sizeof(hex)) == 0;
        OPENSSL_cleanse(hex, sizeof(hex)); /* what would have been right must not lie around */
        if (same && !absent)
            return true;
        if (i == 0)
            count = host_variants(w->host, w->arena, hosts);
    }
    in->host = w->host;
    return false;
}

static void seed_wipe(void *p)
{
    OPENSSL_cleanse(p, sizeof(struct sigv4_seed));
}

static void fill_result(struct auth_work *w, const struct sigv4_claim *claim, const struct found_key *f)
{
    struct auth_result *res = w->res;
    res->identity = f->key.identity;
    res->key_flags = f->key.flags;
    res->token = claim->token;
    res->region = claim->credential.region;
    res->service = claim->credential.service;
    res->signed_ms = claim->signed_ms;
    res->signed_headers = claim->signed_headers;
    if (res->payload != AUTH_PAYLOAD_CHUNKED_SIGNED && res->payload != AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER)
        return;
    struct sigv4_seed *seed = arena_new(w->arena, struct sigv4_seed);
    arena_defer(w->arena, seed_wipe, seed);
    memcpy(seed->signing_key, f->signing_key, sizeof(seed->signing_key));
    memcpy(seed->signature, claim->signature.p, sizeof(seed->signature));
    memcpy(seed->date, claim->date, sizeof(seed->date));
    seed->scope = claim->credential.scope;
    res->seed = seed;
}

static enum auth_status names_fail(struct auth_work *w, bool presigned)
{
    if (presigned)
        return auth__fail(w, "AuthorizationQueryParametersError",
                          "X-Amz-SignedHeaders must be a sorted list of lower-case header names, separated by "
                          "semicolons.");
    return auth__fail(w, "AuthorizationHeaderMalformed",
                      HEADER_MALFORMED "the authorization component \"SignedHeaders=...\" is malformed.");
}

enum auth_status sigv4_verify_claim(struct auth_work *w, const struct sigv4_claim *claim)
{
    struct canonical_names names;
    if (!canonical_names_parse(claim->signed_headers, &names))
        return names_fail(w, claim->presigned);
    if (check_signed_headers(w, &names) != AUTH_OK)
        return AUTH_FAILED;

    struct found_key f;
    struct canonical_input in = {.req = w->req,
                                 .names = &names,
                                 .signed_headers = claim->signed_headers,
                                 .payload = claim->payload,
                                 .presigned = claim->presigned};
    enum auth_status status = AUTH_OK;
    find_key(w, claim, &f);
    bool same = signature_matches(w, claim, &in, f.signing_key);
    if (f.outcome != AUTH_KEY_FOUND) {
        status = auth__key_fail(w, f.outcome);
    } else if (!same) {
        status = mismatch_fail(w, claim, &in, f.signing_key);
    } else {
        fill_result(w, claim, &f);
        keep_key(claim, &f);
    }
    OPENSSL_cleanse(f.signing_key, sizeof(f.signing_key));
    OPENSSL_cleanse(f.key.secret, sizeof(f.key.secret));
    return status;
}

enum auth_status sigv4_verify_text(struct auth_work *w, const struct sigv4_claim *claim, struct bytes text)
{
    unsigned char digest[32];
    char hex[SIGV4_SIGNATURE_LEN];
    struct found_key f;
    enum auth_status status = AUTH_OK;
    find_key(w, claim, &f);
    hmac_sha256(f.signing_key, sizeof(f.signing_key), text.p, text.n, digest);
    hex_encode(digest, sizeof(digest), hex);
    bool same = claim->signature.n == sizeof(hex) && CRYPTO_memcmp(hex, claim->signature.p, sizeof(hex)) == 0;
    if (f.outcome != AUTH_KEY_FOUND) {
        status = auth__key_fail(w, f.outcome);
    } else if (!same) {
        status = auth__text_mismatch(w, claim->credential.access_key, claim->signature, text);
    } else {
        fill_result(w, claim, &f);
        keep_key(claim, &f);
    }
    OPENSSL_cleanse(digest, sizeof(digest));
    OPENSSL_cleanse(hex, sizeof(hex));
    OPENSSL_cleanse(f.signing_key, sizeof(f.signing_key));
    OPENSSL_cleanse(f.key.secret, sizeof(f.key.secret));
    return status;
}

/* ---- the Authorization header ---- */

static enum auth_status component_fail(struct auth_work *w)
{
    return auth__fail(w, "AuthorizationHeaderMalformed",
                      HEADER_MALFORMED
                      "the authorization header requires three components: Credential, SignedHeaders, and Signature.");
}

/* Credential=..., SignedHeaders=..., Signature=...: each exactly once, in any order, nothing else. */
static bool parse_components(struct bytes text, struct bytes ret[3])
{
    static const struct bytes names[3] = {{"Credential=", 11}, {"SignedHeaders=", 14}, {"Signature=", 10}};
    bool seen[3] = {false};
    for (size_t start = 0; start <= text.n;) {
        ptrdiff_t comma = bytes_find_char(text, ',', start);
        size_t end = comma < 0 ? text.n : (size_t)comma, which = 0;
        struct bytes part = bytes_trim(bytes_cut(text, start, end - start));
        while (which < 3 && !bytes_starts(part, names[which]))
            which++;
        if (which == 3 || seen[which])
            return false;
        seen[which] = true;
        ret[which] = bytes_cut(part, names[which].n, part.n);
        start = end + 1;
    }
    return seen[0] && seen[1] && seen[2] && ret[2].n > 0;
}

bool auth__signing_date(struct bytes text, bool or_http, int64_t *ret_ms, char ret_date[AMZ_DATE_LEN])
{
    char date[DATE_ISO_BASIC_LEN + 1];
    int64_t seconds;
    bool basic = date_parse_iso_basic(text, &seconds); /* it has one spelling: no need to write it anew */
    if (!basic && !(or_http && date_parse_imf(text, &seconds)))
        return false;
    if (seconds < 0)
        return false;
    if (!basic)
        date_format_iso_basic(seconds, date);
    memcpy(ret_date, basic ? text.p : date, AMZ_DATE_LEN);
    *ret_ms = seconds * 1000;
    return true;
}

struct bytes auth__iso_time(struct arena *arena, int64_t ms)
{
    char *text = arena_alloc(arena, DATE_ISO_SECONDS_LEN + 1);
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    return bytes_of(text, DATE_ISO_SECONDS_LEN);
}

/* x-amz-date, or Date if there is none; the string to sign always has the former's form. */
static enum auth_status claim_date(struct auth_work *w, struct sigv4_claim *claim)
{
    struct bytes text = BYTES_NONE;
    size_t count = auth__header(w->req, "x-amz-date", &text);
    bool amz = count > 0;
    if (!amz)
        count = auth__header(w->req, "date", &text);
    if (count != 1 || !auth__signing_date(text, !amz, &claim->signed_ms, claim->date))
        return auth__fail(w, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
    return AUTH_OK;
}

enum auth_status auth__check_skew(struct auth_work *w, int64_t signed_ms, struct bytes as_sent)
{
    int64_t off = w->req->now_ms - signed_ms;
    if (off >= -AUTH_SKEW_MAX_MS && off <= AUTH_SKEW_MAX_MS)
        return AUTH_OK;
    auth__fail(w, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.");
    auth__extra(w, "RequestTime", bytes_dup(w->arena, as_sent));
    auth__extra(w, "ServerTime", auth__iso_time(w->arena, w->req->now_ms));
    auth__extra(w, "MaxAllowedSkewMilliseconds", arena_bytesf(w->arena, "%d", AUTH_SKEW_MAX_MS));
    return AUTH_FAILED;
}

enum auth_status sigv4_payload_of_body(struct auth_work *w, struct sigv4_claim *claim, struct bytes header)
{
    struct auth_result *res = w->res;
    if (w->req->body_sha256 != NULL) {
        char *hex = arena_alloc(w->arena, 64);
        hex_encode(w->req->body_sha256, 32, hex);
        memcpy(res->payload_sha256, w->req->body_sha256, 32);
        res->payload = AUTH_PAYLOAD_HASH;
        claim->payload = bytes_of(hex, 64);
        return AUTH_OK;
    }
    if (!auth__payload_parse(header, &res->payload, res->payload_sha256) || res->payload != AUTH_PAYLOAD_HASH)
        return AUTH_NEED_BODY;
    claim->payload = header;
    return AUTH_OK;
}

static enum auth_status claim_payload(struct auth_work *w, struct sigv4_claim *claim)
{
    struct bytes text = BYTES_NONE;
    size_t count = auth__header(w->req, "x-amz-content-sha256", &text);
    if (count > 1)
        return auth__payload_bad(w, text);
    if (!bytes_eq(claim->credential.service, BYTES_LIT("s3")))
        return sigv4_payload_of_body(w, claim, text);
    if (count == 0)
        return auth__fail(w, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
    if (!auth__payload_parse(text, &w->res->payload, w->res->payload_sha256))
        return auth__payload_bad(w, text);
    claim->payload = text;
    return AUTH_OK;
}

enum auth_status sigv4_verify_header(struct auth_work *w)
{
    struct sigv4_claim claim = {.presigned = false};
    struct bytes part[3], rest = bytes_cut(w->authorization, sizeof(SIGV4_ALGORITHM) - 1, w->authorization.n);
    enum auth_status status;
    if (!parse_components(rest, part))
        return component_fail(w);
    claim.signed_headers = part[1];
    claim.signature = part[2];
    if (!sigv4_credential_parse(part[0], &claim.credential))
        return auth__fail(w, "AuthorizationHeaderMalformed",
                          HEADER_MALFORMED "the Credential is mal-formed; " CREDENTIAL_SHAPE);
    if (auth__header(w->req, "x-amz-security-token", &claim.token) > 1)
        return auth__key_fail(w, AUTH_KEY_TOKEN_INVALID);
    if (claim_date(w, &claim) != AUTH_OK || sigv4_check_scope(w, &claim) != AUTH_OK)
        return AUTH_FAILED;
    if ((status = claim_payload(w, &claim)) != AUTH_OK)
        return status;
    if (auth__check_skew(w, claim.signed_ms, bytes_of(claim.date, sizeof(claim.date))) != AUTH_OK)
        return AUTH_FAILED;
    return sigv4_verify_claim(w, &claim);
}
