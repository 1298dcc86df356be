/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 2. What is signed is a list of lines: method, Content-MD5, Content-Type, date (or the end of a
 * presigned URL), every x-amz-* header, and the resource: bucket, path as sent, and those parameters that are
 * sub-resources. Nobody lists what was signed, so clients must agree on it; where they do not, each spelling in use is
 * tried: with and without the younger sub-resources, a bucket with and without the slash behind it (botocore sends
 * /bucket and signs /bucket/), and an empty value with and without its equals sign (botocore signs `?acl=` as sent,
 * others as `acl`).
 *
 * The format cannot tell a line break or an ampersand in a value from its own. So nothing with a control character
 * enters a line, and no value may spell out a further sub-resource.
 *
 * A presigned URL leaves its maker's hands. Who got one must not turn it into another operation by adding a
 * sub-resource that its signature leaves out; there all that this file knows must be signed.
 *
 * Invariants: accepted only if a signature computed here equals the one sent, compared by CRYPTO_memcmp; an unknown key
 * runs through the same steps as a known one and fails at the end. Threads: any.
 */
#include "server/auth/sigv2.h"
#include "base/check.h"
#include "checksum.h"
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define SHA1_BYTES 20
#define SHA1_BLOCK 64

/* ---- sub-resources ---- */

enum weight { NO_SUBRESOURCE, CLASSIC, YOUNGER };

/* CLASSIC: every client's list has it. YOUNGER: some clients' lists, or none. */
static enum weight subresource_weight(struct bytes name)
{
    static const char *const classic[] = {"acl",
                                          "cors",
                                          "delete",
                                          "lifecycle",
                                          "location",
                                          "logging",
                                          "notification",
                                          "partNumber",
                                          "policy",
                                          "restore",
                                          "requestPayment",
                                          "torrent",
                                          "uploadId",
                                          "uploads",
                                          "versionId",
                                          "versioning",
                                          "versions",
                                          "website",
                                          "response-cache-control",
                                          "response-content-disposition",
                                          "response-content-encoding",
                                          "response-content-language",
                                          "response-content-type",
                                          "response-expires"};
    static const char *const younger[] = {"abac",
                                          "accelerate",
                                          "analytics",
                                          "annotation",
                                          "attributes",
                                          "defaultObjectAcl",
                                          "encryption",
                                          "intelligent-tiering",
                                          "inventory",
                                          "legal-hold",
                                          "metadataAnnotationTable",
                                          "metadataConfiguration",
                                          "metadataInventoryTable",
                                          "metadataJournalTable",
                                          "metadataTable",
                                          "metrics",
                                          "object-lock",
                                          "ownershipControls",
                                          "policyStatus",
                                          "publicAccessBlock",
                                          "renameObject",
                                          "replication",
                                          "retention",
                                          "select",
                                          "select-type",
                                          "session",
                                          "storageClass",
                                          "tagging"};
    for (size_t i = 0; i < sizeof(classic) / sizeof(classic[0]); i++)
        if (bytes_eq_str(name, classic[i]))
            return CLASSIC;
    for (size_t i = 0; i < sizeof(younger) / sizeof(younger[0]); i++)
        if (bytes_eq_str(name, younger[i]))
            return YOUNGER;
    return NO_SUBRESOURCE;
}

/* `text&versionId=1` as a value reads like two parameters once it is signed. */
static bool value_hides_subresource(struct bytes value)
{
    for (ptrdiff_t at = bytes_find_char(value, '&', 0); at >= 0; at = bytes_find_char(value, '&', (size_t)at + 1)) {
        size_t start = (size_t)at + 1, end = start;
        while (end < value.n && value.p[end] != '=' && value.p[end] != '&')
            end++;
        if (subresource_weight(bytes_cut(value, start, end - start)) != NO_SUBRESOURCE)
            return true;
    }
    return false;
}

/* ---- the string to sign ---- */

struct claim {
    bool presigned;
    struct bytes access_key, signature, token;
    struct bytes md5, type, date; /* lines 2 to 4 */
};

/* A header of the string to sign, or a parameter of its resource. */
struct item {
    struct bytes name, value;
    size_t order; /* of arrival, among equal names */
};

struct material {
    const struct claim *claim;
    struct item *amz, *sub;
    size_t amz_count, sub_count;
    bool has_younger;
    bool has_bare; /* a sub-resource with the empty value */
    size_t bound;  /* bytes that no string to sign exceeds */
};

/* One way to read the request. */
struct spelling {
    bool younger;     /* count them */
    bool other_slash; /* the bucket with the slash that was not sent, or without the one that was */
    bool bare_equals; /* `?acl=` is signed as it is sent, where most sign `acl`; ours cannot tell how it was sent */
};

static int item_cmp(const void *va, const void *vb)
{
    const struct item *a = va, *b = vb;
    int c = bytes_cmp(a->name, b->name);
    return c != 0 ? c : (a->order > b->order) - (a->order < b->order);
}

static bool is_line(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (((unsigned char)text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_header_name(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
            return false;
    return name.n > 0;
}

static struct bytes lower(struct arena *arena, struct bytes s)
{
    char *out = arena_alloc(arena, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    return bytes_of(out, s.n);
}

static bool is_sent_as_header(const struct auth_request *req, struct bytes name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (req->headers[i].name.n == name.n && bytes_eq_nocase(req->headers[i].name, name))
            return true;
    return false;
}

static bool add_amz(struct auth_work *w, struct material *m, struct bytes name, struct bytes value)
{
    value = bytes_trim(value);
    if (!is_header_name(name) || !is_line(value))
        return false;
    m->amz[m->amz_count] = (struct item){lower(w->arena, name), value, m->amz_count};
    m->amz_count++;
    m->bound += name.n + value.n + 2;
    return true;
}

/* Presigned, x-amz-* parameters stand for headers. False when one could not be a header. */
static bool collect_amz(struct auth_work *w, struct material *m)
{
    const struct auth_request *req = w->req;
    m->amz = arena_alloc(w->arena, (req->header_count + req->param_count + 1) * sizeof(*m->amz));
    for (size_t i = 0; i < req->header_count; i++)
        if (auth__is_amz_name(req->headers[i].name) && !add_amz(w, m, req->headers[i].name, req->headers[i].value))
            return false;
    for (size_t i = 0; m->claim->presigned && i < req->param_count; i++) {
        const struct auth_param *p = &req->params[i];
        if (auth__is_amz_name(p->name) && !is_sent_as_header(req, p->name) && !add_amz(w, m, p->name, p->value))
            return false;
    }
    if (m->amz_count > 1)
        qsort(m->amz, m->amz_count, sizeof(*m->amz), item_cmp);
    return true;
}

static bool collect_subresources(struct auth_work *w, struct material *m)
{
    const struct auth_request *req = w->req;
    m->sub = arena_alloc(w->arena, (req->param_count + 1) * sizeof(*m->sub));
    for (size_t i = 0; i < req->param_count; i++) {
        const struct auth_param *p = &req->params[i];
        enum weight weight = subresource_weight(p->name);
        if (weight == NO_SUBRESOURCE)
            continue;
        if (value_hides_subresource(p->value))
            return false;
        m->has_younger = m->has_younger || weight == YOUNGER;
        m->has_bare = m->has_bare || p->value.n == 0;
        m->sub[m->sub_count] = (struct item){p->name, p->value, m->sub_count};
        m->sub_count++;
        m->bound += p->name.n + p->value.n + 2;
    }
    if (m->sub_count > 1)
        qsort(m->sub, m->sub_count, sizeof(*m->sub), item_cmp);
    return true;
}

static enum auth_status collect(struct auth_work *w, struct material *m)
{
    const struct claim *c = m->claim;
    m->bound = w->req->method.n + c->md5.n + c->type.n + c->date.n + 4 + 1 + w->req->host_bucket.n +
               w->req->raw_path.n + 2; /* the path's slashes */
    if (!is_line(c->md5) || !is_line(c->type) || !is_line(w->req->method) || !is_line(w->req->raw_path) ||
        !collect_amz(w, m))
        return auth__fail(w, "InvalidArgument", "A header or parameter of this request cannot be signed.");
    if (!collect_subresources(w, m))
        return auth__fail(
            w, "InvalidArgument",
            "The value of a query parameter cannot be told from further parameters; use AWS4-HMAC-SHA256.");
    return AUTH_OK;
}

static char *put(char *w, struct bytes s)
{
    if (s.n > 0)
        memcpy(w, s.p, s.n);
    return w + s.n;
}

static char *put_line(char *w, struct bytes s)
{
    w = put(w, s);
    *w++ = '\n';
    return w;
}

static char *put_amz(char *w, const struct material *m)
{
    for (size_t i = 0; i < m->amz_count; i++) {
        bool again = i > 0 && bytes_eq(m->amz[i].name, m->amz[i - 1].name);
        if (again) {
            w[-1] = ','; /* instead of the line's end */
        } else {
            w = put(w, m->amz[i].name);
            *w++ = ':';
        }
        w = put_line(w, m->amz[i].value);
    }
    return w;
}

/* The path names a bucket and nothing in it: /bucket or /bucket/. */
static bool path_is_bucket(const struct auth_request *req)
{
    if (req->host_bucket.n > 0 || req->raw_path.n < 2)
        return false;
    ptrdiff_t slash = bytes_find_char(req->raw_path, '/', 1);
    return slash < 0 || (size_t)slash + 1 == req->raw_path.n;
}

static char *put_resource(char *w, const struct auth_request *req, const struct material *m, struct spelling how)
{
    if (req->host_bucket.n > 0) {
        *w++ = '/';
        w = put(w, req->host_bucket);
    }
    w = put(w, req->raw_path);
    if (req->raw_path.n == 0)
        *w++ = '/';
    if (how.other_slash && w[-1] == '/')
        w--;
    else if (how.other_slash)
        *w++ = '/';
    char mark = '?';
    for (size_t i = 0; i < m->sub_count; i++) {
        if (!how.younger && subresource_weight(m->sub[i].name) == YOUNGER)
            continue;
        *w++ = mark;
        w = put(w, m->sub[i].name);
        if (m->sub[i].value.n > 0 || how.bare_equals) {
            *w++ = '=';
            w = put(w, m->sub[i].value);
        }
        mark = '&';
    }
    return w;
}

/* The text lies behind SHA1_BLOCK free bytes, where HMAC puts its padded key. */
static struct bytes build(struct auth_work *w, const struct material *m, struct spelling how)
{
    char *text = (char *)arena_alloc(w->arena, SHA1_BLOCK + m->bound) + SHA1_BLOCK, *at = text;
    at = put_line(at, w->req->method);
    at = put_line(at, m->claim->md5);
    at = put_line(at, m->claim->type);
    at = put_line(at, m->claim->date);
    at = put_amz(at, m);
    at = put_resource(at, w->req, m, how);
    CHECK((size_t)(at - text) <= m->bound);
    return bytes_of(text, (size_t)(at - text));
}

/* ---- the signature ---- */

/* base64(HMAC-SHA1(secret, text)) of a text that `build` made. The library's digests are fetched once per process. */
static void sign(const struct auth_key *key, struct bytes text, char ret[SIGV2_SIGNATURE_LEN])
{
    unsigned char outer[SHA1_BLOCK + SHA1_BYTES] = {0};
    char *inner = (char *)text.p - SHA1_BLOCK;
    struct checksum_value sha;
    if (key->secret_n > SHA1_BLOCK) {
        checksum_of(CHECKSUM_SHA1, key->secret, key->secret_n, &sha);
        memcpy(outer, sha.b, SHA1_BYTES);
    } else {
        memcpy(outer, key->secret, key->secret_n);
    }
    for (size_t i = 0; i < SHA1_BLOCK; i++) {
        inner[i] = (char)(outer[i] ^ 0x36);
        outer[i] ^= 0x5c;
    }
    checksum_of(CHECKSUM_SHA1, inner, SHA1_BLOCK + text.n, &sha);
    memcpy(outer + SHA1_BLOCK, sha.b, SHA1_BYTES);
    checksum_of(CHECKSUM_SHA1, outer, sizeof(outer), &sha);
    base64_encode(sha.b, SHA1_BYTES, ret);
    OPENSSL_cleanse(inner, SHA1_BLOCK);
    OPENSSL_cleanse(outer, sizeof(outer));
    OPENSSL_cleanse(&sha, sizeof(sha));
}

/* *ret_text is the string to sign in its first spelling. */
static bool signature_matches(struct auth_work *w, const struct material *m, const struct auth_key *key,
                              struct bytes *ret_text)
{
    struct bytes sent = m->claim->signature;
    bool lenient = m->has_younger && !m->claim->presigned, slashes = path_is_bucket(w->req), same = false;
    for (int i = 0; i < 8 && !same; i++) {
        struct spelling how = {.younger = !(i & 1), .other_slash = i & 2, .bare_equals = i & 4};
        if ((!how.younger && !lenient) || (how.other_slash && !slashes) || (how.bare_equals && !m->has_bare))
            continue;
        char expected[SIGV2_SIGNATURE_LEN];
        struct bytes text = build(w, m, how);
        if (i == 0)
            *ret_text = text;
        sign(key, text, expected);
        same = sent.n == sizeof(expected) && CRYPTO_memcmp(expected, sent.p, sizeof(expected)) == 0;
        OPENSSL_cleanse(expected, sizeof(expected)); /* what would have been right must not lie around */
    }
    return same;
}

static enum auth_status mismatch_fail(struct auth_work *w, const struct claim *c, struct bytes text)
{
    text = auth__redact(w->arena, text);
    auth__fail(w, "SignatureDoesNotMatch",
               "The request signature we calculated does not match the signature you provided. Check your key and "
               "signing method.");
    auth__extra(w, "AWSAccessKeyId", c->access_key);
    auth__extra(w, "StringToSign", text);
    auth__extra(w, "SignatureProvided", auth__quote(w->arena, c->signature));
    auth__extra(w, "StringToSignBytes", auth__hex_pairs(w->arena, text));
    return AUTH_FAILED;
}

/* The claim is complete and its times are checked. */
static enum auth_status verify_claim(struct auth_work *w, const struct claim *c)
{
    struct material m = {.claim = c};
    if (collect(w, &m) != AUTH_OK)
        return AUTH_FAILED;
    struct auth_key key = {.secret_n = 0};
    struct bytes text;
    enum auth_status status = AUTH_OK;
    enum auth_lookup outcome = auth__find_key(w, c->access_key, c->token, &key);
    if (outcome != AUTH_KEY_FOUND)
        key.secret_n = 40; /* whatever is there, as long as AWS's: the same work, and no answer of its own */
    bool same = signature_matches(w, &m, &key, &text);
    if (outcome != AUTH_KEY_FOUND) {
        status = auth__key_fail(w, outcome);
    } else if (!same) {
        status = mismatch_fail(w, c, text);
    } else {
        w->res->identity = key.identity;
        w->res->key_flags = key.flags;
        w->res->token = c->token;
        w->res->service = BYTES_LIT("s3");
    }
    OPENSSL_cleanse(key.secret, sizeof(key.secret));
    return status;
}

/* ---- what both forms claim ---- */

static size_t param(const struct auth_request *req, const char *name, bool any_case, struct bytes *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < req->param_count; i++) {
        struct bytes n = req->params[i].name;
        if (!(any_case ? bytes_eq_str_nocase(n, name) : bytes_eq_str(n, name)))
            continue;
        *ret = req->params[i].value;
        count++;
    }
    return count;
}

/* The header; for presigned requests otherwise the parameter that it was hoisted into. False when there are two. */
static bool header_or_param(const struct auth_work *w, bool presigned, const char *name, size_t *ret_count,
                            struct bytes *ret)
{
    *ret = BYTES_NONE;
    *ret_count = auth__header(w->req, name, ret);
    if (*ret_count == 0 && presigned)
        *ret_count = param(w->req, name, true, ret);
    *ret = bytes_trim(*ret);
    return *ret_count <= 1;
}

static bool is_aws_chunked(const struct auth_request *req)
{
    for (size_t i = 0; i < req->header_count; i++) {
        if (!bytes_eq_str_nocase(req->headers[i].name, "content-encoding"))
            continue;
        struct bytes list = req->headers[i].value;
        for (size_t start = 0; start <= list.n;) {
            ptrdiff_t comma = bytes_find_char(list, ',', start);
            size_t end = comma < 0 ? list.n : (size_t)comma;
            if (bytes_eq_str_nocase(bytes_trim(bytes_cut(list, start, end - start)), "aws-chunked"))
                return true;
            start = end + 1;
        }
    }
    return false;
}

/* Nothing here covers the body, unless x-amz-content-sha256, a header like others, names its hash. */
static enum auth_status claim_payload(struct auth_work *w, bool presigned)
{
    struct auth_result *res = w->res;
    struct bytes text;
    size_t count;
    bool single = header_or_param(w, presigned, "x-amz-content-sha256", &count, &text);
    res->payload = AUTH_PAYLOAD_UNSIGNED;
    if (!single || (count == 1 && !auth__payload_parse(text, &res->payload, res->payload_sha256)))
        return auth__payload_bad(w, text);
    if (res->payload == AUTH_PAYLOAD_CHUNKED_SIGNED || res->payload == AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER)
        return auth__fail(w, "InvalidRequest", "Signed chunks require a request signed with AWS4-HMAC-SHA256.");
    if (res->payload != AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER && is_aws_chunked(w->req))
        return auth__fail(w, "InvalidRequest",
                          "aws-chunked requires x-amz-content-sha256 to be STREAMING-UNSIGNED-PAYLOAD-TRAILER.");
    return AUTH_OK;
}

static enum auth_status claim_rest(struct auth_work *w, struct claim *c)
{
    size_t count;
    if (!header_or_param(w, c->presigned, "x-amz-security-token", &count, &c->token))
        return auth__key_fail(w, AUTH_KEY_TOKEN_INVALID);
    /* botocore puts what it signed of these two into the query, but sends headers when it has the body */
    if (!header_or_param(w, c->presigned, "content-md5", &count, &c->md5) ||
        !header_or_param(w, c->presigned, "content-type", &count, &c->type))
        return auth__fail(w, "InvalidRequest", "Content-MD5 and Content-Type must not be specified more than once.");
    return claim_payload(w, c->presigned);
}

bool sigv2_header_is_signed(struct bytes name)
{
    return auth__is_amz_name(name) || bytes_eq_str_nocase(name, "content-md5") ||
           bytes_eq_str_nocase(name, "content-type") || bytes_eq_str_nocase(name, "date");
}

/* ---- the Authorization header ---- */

/* The Date line holds Date as sent, or is empty when x-amz-date is among the headers. */
static enum auth_status claim_date(struct auth_work *w, struct claim *c)
{
    struct bytes text = BYTES_NONE, date = BYTES_NONE;
    size_t amz = auth__header(w->req, "x-amz-date", &text), plain = auth__header(w->req, "date", &date);
    int64_t seconds;
    if (amz == 0) {
        text = date;
        c->date = date;
    }
    if (amz > 1 || (amz == 0 && plain != 1) ||
        !(date_parse_http(text, &seconds) || date_parse_iso_basic(text, &seconds)) || seconds < 0)
        return auth__fail(w, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
    w->res->signed_ms = seconds * 1000;
    return auth__check_skew(w, w->res->signed_ms, text);
}

enum auth_status sigv2_verify_header(struct auth_work *w)
{
    struct claim c = {.presigned = false};
    struct bytes text = bytes_trim(bytes_cut(w->authorization, sizeof(SIGV2_SCHEME) - 1, w->authorization.n));
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':') /* the last one: names of keys may have some */
        colon--;
    if (colon < 2 || colon == text.n) {
        auth__fail(w, "InvalidArgument", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature");
        auth__extra(w, "ArgumentName", BYTES_LIT("Authorization"));
        return AUTH_FAILED;
    }
    c.access_key = bytes_cut(text, 0, colon - 1);
    c.signature = bytes_cut(text, colon, text.n);
    if (claim_rest(w, &c) != AUTH_OK || claim_date(w, &c) != AUTH_OK)
        return AUTH_FAILED;
    return verify_claim(w, &c);
}

/* ---- presigned ---- */

static enum auth_status check_expiry(struct auth_work *w, struct bytes text)
{
    uint64_t seconds;
    if (!bytes_to_u64(text, SIGV2_EXPIRES_MAX, &seconds)) {
        struct bytes quoted = auth__quote(w->arena, text);
        return auth__fail(w, "AccessDenied", "Invalid date (should be seconds since epoch): %.*s", (int)quoted.n,
                          quoted.p);
    }
    w->res->expires_ms = (int64_t)seconds * 1000;
    if (w->req->now_ms <= w->res->expires_ms)
        return AUTH_OK;
    auth__fail(w, "AccessDenied", "Request has expired");
    auth__extra(w, "Expires", auth__iso_time(w->arena, w->res->expires_ms));
    auth__extra(w, "ServerTime", auth__iso_time(w->arena, w->req->now_ms));
    return AUTH_FAILED;
}

/* Each is there once: auth.c saw to that. */
enum auth_status sigv2_verify_query(struct auth_work *w)
{
    struct claim c = {.presigned = true};
    param(w->req, "AWSAccessKeyId", false, &c.access_key);
    param(w->req, "Signature", false, &c.signature);
    param(w->req, "Expires", false, &c.date);
    if (c.access_key.n == 0 || c.signature.n == 0 || c.date.n == 0)
        return auth__fail(w, "AccessDenied",
                          "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
    if (claim_rest(w, &c) != AUTH_OK || check_expiry(w, c.date) != AUTH_OK)
        return AUTH_FAILED;
    return verify_claim(w, &c);
}

/* ---- forms ---- */

enum auth_status sigv2_verify_text(struct auth_work *w, struct bytes access_key, struct bytes token,
                                   struct bytes signature, struct bytes text)
{
    char expected[SIGV2_SIGNATURE_LEN], *copy = (char *)arena_alloc(w->arena, SHA1_BLOCK + text.n) + SHA1_BLOCK;
    struct auth_key key = {.secret_n = 0};
    enum auth_status status = AUTH_OK;
    memcpy(copy, text.p, text.n);
    enum auth_lookup outcome = auth__find_key(w, access_key, token, &key);
    if (outcome != AUTH_KEY_FOUND)
        key.secret_n = 40; /* as in verify_claim */
    sign(&key, bytes_of(copy, text.n), expected);
    bool same = signature.n == sizeof(expected) && CRYPTO_memcmp(expected, signature.p, sizeof(expected)) == 0;
    if (outcome != AUTH_KEY_FOUND) {
        status = auth__key_fail(w, outcome);
    } else if (!same) {
        status = auth__text_mismatch(w, access_key, signature, text);
    } else {
        w->res->identity = key.identity;
        w->res->key_flags = key.flags;
        w->res->token = token;
        w->res->service = BYTES_LIT("s3");
    }
    OPENSSL_cleanse(expected, sizeof(expected));
    OPENSSL_cleanse(key.secret, sizeof(key.secret));
    return status;
}
