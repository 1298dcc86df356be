/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload filter: wire bytes in, the client's bytes out to the sink. Which of three forms the body has was decided
 * by the verified x-amz-content-sha256, never by what the bytes look like.
 *
 * Invariant: payload_end answers 0 only when every signature, hash and length that the request announced was met;
 * nothing becomes visible before that.
 */
#include "server/payload.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/check.h"
#include "server/auth/sigv4_chunked.h"
#include "server/http/aws_chunked.h"
#include "server/ops.h"
#include "server/req.h"

#define TRAILERS_MAX 4 /* names in x-amz-trailer */

struct payload {
    struct req *req;
    payload_sink_f *sink;
    bool framed; /* aws-chunked */
    struct aws_chunked frame;
    struct sigv4_chunked *signatures; /* NULL: chunks are not signed */
    bool hashed;                      /* the payload's hash was signed */
    EVP_MD_CTX *sha256;               /* running over it; NULL when there is no body */
    uint64_t length;
    struct bytes announced[TRAILERS_MAX]; /* names in x-amz-trailer, lower-case */
    bool arrived[TRAILERS_MAX];
    size_t n_announced;
    enum checksum_alg alg;
    bool has_sum;
    struct checksum_value sum;
    bool ended;
    bool checksums_of_object; /* the headers are not about this body */
};

uint64_t payload_length(const struct payload *p)
{
    return p->length;
}

enum checksum_alg payload_checksum_alg(const struct payload *p)
{
    return p->alg;
}

bool payload_checksum(const struct payload *p, struct checksum_value *ret)
{
    if (p->has_sum)
        *ret = p->sum;
    return p->has_sum;
}

static int fail_with(struct req *r, const struct auth_error *e)
{
    enum s3_error code = s3_error_find(bytes_str(e->code));
    req_fail(r, code != S3E_OK ? code : S3E_INVALID_REQUEST);
    r->err.message = e->message.n ? bytes_cstr(r->arena, e->message) : NULL;
    for (size_t i = 0; i < e->extra_count; i++)
        req_extra(r, e->extras[i].name, e->extras[i].value);
    return -1;
}

/* ---- what the head says ---- */

static const char checksum_prefix[] = "x-amz-checksum-";

/* The algorithm of a header or trailer name; NONE for x-amz-checksum-type and the like. */
static enum checksum_alg alg_of_header(struct bytes name)
{
    if (!bytes_starts_str_nocase(name, checksum_prefix))
        return CHECKSUM_NONE;
    return checksum_by_name(bytes_cut(name, sizeof checksum_prefix - 1, SIZE_MAX));
}

static int set_sum(struct payload *p, enum checksum_alg alg, struct bytes text)
{
    const struct checksum_info *info = checksum_info(alg);
    p->sum.alg = alg;
    if (base64_decode(text, p->sum.b, info->bytes) != (ptrdiff_t)info->bytes)
        return req_failf(p->req, S3E_INVALID_REQUEST, "Value for x-amz-checksum-%s header is invalid.", info->lower);
    p->has_sum = true;
    return 0;
}

static int read_checksum_headers(struct payload *p)
{
    struct req *r = p->req;
    for (int alg = 1; alg < CHECKSUM_ALG_COUNT; alg++) {
        struct bytes text = req_header(r, checksum_info((enum checksum_alg)alg)->header);
        if (!text.p)
            continue;
        if (p->alg != CHECKSUM_NONE)
            return req_failf(r, S3E_INVALID_REQUEST,
                             "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
        p->alg = (enum checksum_alg)alg;
        if (set_sum(p, p->alg, text) < 0)
            return -1;
    }
    return 0;
}

int payload_form_begins(struct payload *p)
{
    return read_checksum_headers(p);
}

static int announce(struct payload *p, struct bytes name)
{
    struct req *r = p->req;
    enum checksum_alg alg = alg_of_header(name);
    if (p->n_announced == TRAILERS_MAX || alg == CHECKSUM_NONE)
        return req_failf(r, S3E_INVALID_REQUEST, "The value specified in the x-amz-trailer header is not supported");
    if (p->alg != CHECKSUM_NONE)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
    p->alg = alg;
    p->announced[p->n_announced++] = name;
    return 0;
}

static int read_trailer_names(struct payload *p)
{
    struct bytes list = req_header(p->req, "x-amz-trailer");
    for (size_t at = 0; list.n && at <= list.n;) {
        ptrdiff_t comma = bytes_find_char(list, ',', at);
        size_t end = comma < 0 ? list.n : (size_t)comma;
        struct bytes name = bytes_trim(bytes_cut(list, at, end - at));
        if (name.n && announce(p, name) < 0)
            return -1;
        at = end + 1;
    }
    return 0;
}

/* x-amz-decoded-content-length, required with aws-chunked framing. */
static int read_decoded_length(struct payload *p)
{
    struct req *r = p->req;
    struct bytes text = req_header(r, "x-amz-decoded-content-length");
    if (!text.p)
        return req_fail(r, S3E_MISSING_CONTENT_LENGTH);
    if (!bytes_to_u64(text, INT64_MAX, &p->length))
        return req_fail_argument(r, "x-amz-decoded-content-length", text, "The decoded content length is not a number");
    return 0;
}

static void free_sha256(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static int begin_framed(struct payload *p, const struct auth_result *auth)
{
    bool is_signed = auth->payload != AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER;
    bool trailers = auth->payload != AUTH_PAYLOAD_CHUNKED_SIGNED;
    p->framed = true;
    if (read_decoded_length(p) < 0 || (trailers && read_trailer_names(p) < 0))
        return -1;
    if (is_signed)
        p->signatures = sigv4_chunked_new(auth->seed, trailers, p->req->arena);
    aws_chunked_init(&p->frame, (is_signed ? AWS_CHUNKED_SIGNED : 0u) | (trailers ? AWS_CHUNKED_TRAILERS : 0u),
                     p->length);
    return 0;
}

/* A client that frames its body without saying so in x-amz-content-sha256 would have the framing stored as content. */
static int refuse_stray_framing(struct payload *p)
{
    struct bytes text = req_header(p->req, "x-amz-decoded-content-length");
    uint64_t length;
    if (!text.p || (bytes_to_u64(text, INT64_MAX, &length) && length == p->length))
        return 0;
    return req_failf(p->req, S3E_INVALID_REQUEST,
                     "x-amz-decoded-content-length belongs to a body that x-amz-content-sha256 calls STREAMING-*.");
}

struct payload *payload_new(struct req *r, payload_sink_f *sink)
{
    struct payload *p = arena_new(r->arena, struct payload);
    p->req = r;
    p->sink = sink;
    p->length = r->head.framing == HTTP_BODY_CHUNKED ? UINT64_MAX : r->head.content_length;
    /* CompleteMultipartUpload names the whole object's checksum there, not its own body's */
    p->checksums_of_object = query_has(&r->query, "uploadId") && r->head.method == HTTP_POST;
    bool form = r->op->flags & OP_FORM; /* its fields name the checksum */
    if (!p->checksums_of_object && !form && read_checksum_headers(p) < 0)
        return NULL;
    switch (r->auth.payload) {
    case AUTH_PAYLOAD_CHUNKED_SIGNED:
    case AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER:
    case AUTH_PAYLOAD_CHUNKED_UNSIGNED_TRAILER:
        return begin_framed(p, &r->auth) < 0 ? NULL : p;
    case AUTH_PAYLOAD_HASH:
        p->hashed = true;
        break;
    case AUTH_PAYLOAD_NONE:
    case AUTH_PAYLOAD_UNSIGNED:
        break;
    }
    if (refuse_stray_framing(p) < 0)
        return NULL;
    if (p->hashed && req_has_body(r)) {
        p->sha256 = EVP_MD_CTX_new();
        CHECK(p->sha256 && EVP_DigestInit_ex(p->sha256, EVP_sha256(), NULL) == 1);
        arena_defer(r->arena, free_sha256, p->sha256);
    }
    return p;
}

/* ---- the body ---- */

static int take_trailer(struct payload *p, struct bytes name, struct bytes value)
{
    struct req *r = p->req;
    if (p->signatures && !sigv4_chunked_trailer(p->signatures, name, value))
        return fail_with(r, sigv4_chunked_error(p->signatures));
    for (size_t i = 0; i < p->n_announced; i++)
        if (!p->arrived[i] && bytes_eq_nocase(p->announced[i], name)) {
            p->arrived[i] = true;
            return set_sum(p, alg_of_header(name), value);
        }
    return req_fail(r, S3E_MALFORMED_TRAILER); /* not announced, or twice */
}

/* One event of the framing: 1 go on, 0 more input is wanted, -1 failed. */
static int take_event(struct payload *p, enum aws_chunked_event event, const struct aws_chunked_item *item)
{
    struct sigv4_chunked *s = p->signatures;
    bool good = true;
    switch (event) {
    case AWS_CHUNKED_MORE:
        return 0;
    case AWS_CHUNKED_BEGIN:
        good = !s || sigv4_chunk_begin(s, item->size, item->signature);
        break;
    case AWS_CHUNKED_DATA:
        if (s)
            sigv4_chunk_data(s, item->data.p, item->data.n);
        return p->sink(p->req, item->data.p, item->data.n) < 0 ? -1 : 1;
    case AWS_CHUNKED_DONE:
        good = !s || sigv4_chunk_end(s);
        break;
    case AWS_CHUNKED_FINAL:
        good = !s || (sigv4_chunk_begin(s, 0, item->signature) && sigv4_chunk_end(s));
        break;
    case AWS_CHUNKED_TRAILER:
        return take_trailer(p, item->name, item->value) < 0 ? -1 : 1;
    case AWS_CHUNKED_TRAILER_SIGNATURE:
        good = !s || sigv4_chunked_trailer_signature(s, item->signature);
        break;
    case AWS_CHUNKED_END:
        p->ended = true;
        return 1;
    default:
        req_fail(p->req, aws_chunked_error(event));
        p->req->err.message = aws_chunked_text(event);
        return -1;
    }
    return good ? 1 : fail_with(p->req, sigv4_chunked_error(s));
}

static int feed_framed(struct payload *p, struct bytes wire)
{
    for (;;) {
        struct aws_chunked_item item;
        if (p->ended && wire.n == 0)
            return 0;
        enum aws_chunked_event event = aws_chunked_next(&p->frame, &wire, &item);
        int rc = take_event(p, event, &item);
        if (rc <= 0)
            return rc;
    }
}

int payload_feed(struct payload *p, struct bytes wire)
{
    if (p->framed)
        return feed_framed(p, wire);
    if (wire.n == 0)
        return 0;
    if (p->sha256)
        EVP_DigestUpdate(p->sha256, wire.p, wire.n);
    return p->sink(p->req, wire.p, wire.n);
}

static int end_framed(struct payload *p)
{
    if (!p->ended) {
        struct aws_chunked_item none = {0};
        if (take_event(p, aws_chunked_eof(&p->frame), &none) < 0)
            return -1;
    }
    if (p->signatures && !sigv4_chunked_finish(p->signatures))
        return fail_with(p->req, sigv4_chunked_error(p->signatures));
    for (size_t i = 0; i < p->n_announced; i++)
        if (!p->arrived[i])
            return req_fail(p->req, S3E_MALFORMED_TRAILER);
    return 0;
}

int payload_end(struct payload *p)
{
    static const unsigned char of_nothing[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
                                                 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
                                                 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    struct auth_error why;
    unsigned char digest[32];
    if (p->framed)
        return end_framed(p);
    if (!p->hashed)
        return 0;
    memcpy(digest, of_nothing, sizeof digest);
    if (p->sha256)
        EVP_DigestFinal_ex(p->sha256, digest, NULL);
    return auth_check_body(&p->req->auth, digest, p->req->arena, &why) ? 0 : fail_with(p->req, &why);
}
