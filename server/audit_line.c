/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of a request. It is made for every request on its loop, so it is put together by hand: pieces of text and
 * numbers into one buffer, no formatting library. What a client sent is escaped, and cut where it would not fit; what
 * follows always has room, so every line is a whole JSON object.
 */
#include "server/audit_line.h"

#include <string.h>

#include "base/check.h"
#include "server/conn.h"
#include "server/http/date.h"
#include "server/iam/identities.h"
#include "server/iam/query.h"
#include "server/ops.h"
#include "server/own_ops.h"
#include "server/req.h"

#define REST 640 /* bytes kept for what comes after the last text of a client's */

struct line {
    char *p;
    size_t n, max;
};

#define put(l, text) put_bytes(l, (text), sizeof(text) - 1)

/* In place: most pieces are constants of a few words. */
static inline __attribute__((always_inline)) void put_bytes(struct line *l, const char *p, size_t n)
{
    CHECK(n <= l->max - l->n);
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void put_number(struct line *l, uint64_t v)
{
    CHECK(U64_TEXT <= l->max - l->n);
    l->n += u64_text(v, l->p + l->n);
}

/* Sixteen bytes of text; the compiler makes one register of it. */
typedef signed char text16 __attribute__((vector_size(16)));
typedef uint64_t pair64 __attribute__((vector_size(16)));

/* Not 0 where one needs an escape or is no ASCII (those are negative). */
static inline text16 odd_of(text16 x)
{
    return (x < 0x20) | (x == '"') | (x == '\\') | (x == 0x7f);
}

static inline bool any(text16 odd)
{
    pair64 halves = (pair64)odd;
    return (halves[0] | halves[1]) != 0;
}

/* Copies them, and tells of odd ones. */
static inline text16 copy_16(char *to, const char *from)
{
    text16 x;
    memcpy(&x, from, sizeof x);
    memcpy(to, &x, sizeof x);
    return odd_of(x);
}

static inline uint64_t copy_8(char *to, const char *from)
{
    uint64_t x;
    memcpy(&x, from, sizeof x);
    memcpy(to, &x, sizeof x);
    return x;
}

static inline uint32_t copy_4(char *to, const char *from)
{
    uint32_t x;
    memcpy(&x, from, sizeof x);
    memcpy(to, &x, sizeof x);
    return x;
}

/* Fewer than 16. Some may be copied twice; put together in registers, since reading back what was just stored waits. */
static inline text16 copy_few(char *to, const char *from, size_t n)
{
    uint64_t x[2] = {UINT64_C(0x2e2e2e2e2e2e2e2e), UINT64_C(0x2e2e2e2e2e2e2e2e)};
    if (n >= 8) {
        x[0] = copy_8(to, from);
        x[1] = copy_8(to + n - 8, from + n - 8);
    } else if (n >= 4) {
        x[0] = copy_4(to, from) | (uint64_t)copy_4(to + n - 4, from + n - 4) << 32;
    } else {
        for (size_t i = 0; i < n; i++) {
            to[i] = from[i];
            x[0] = x[0] << 8 | (unsigned char)from[i];
        }
    }
    return odd_of((text16)(pair64){x[0], x[1]});
}

/* True: nothing needs an escape, as in nearly all texts, and `to` has it. */
static inline bool copy_plain(char *to, struct bytes s)
{
    if (s.n < 16)
        return !any(copy_few(to, s.p, s.n));
    text16 odd = copy_16(to + s.n - 16, s.p + s.n - 16);
    for (size_t i = 0; i + 16 < s.n; i += 16)
        odd |= copy_16(to + i, s.p + i);
    return !any(odd);
}

/* Escaped as JSON; bytes that are no ASCII go as they are when they are UTF-8, which the whole text must be. */
static __attribute__((noinline)) size_t escaped_at(char *p, size_t n, size_t max, struct bytes s)
{
    static const char hex[] = "0123456789abcdef";
    size_t limit = max - REST;
    bool utf8 = utf8_valid(s);
    for (size_t i = 0; i < s.n && n + 6 < limit; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            p[n++] = '\\';
            p[n++] = (char)c;
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            memcpy(p + n, escape, sizeof escape);
            n += sizeof escape;
        } else {
            p[n++] = (char)c;
        }
    }
    /* A character that was cut in the middle goes whole. */
    while (n && (p[n - 1] & 0xc0) == 0x80 && n + 6 >= limit)
        n--;
    if (n && (unsigned char)p[n - 1] >= 0xc0)
        n--;
    return n;
}

/* Where the text ends. */
static __attribute__((noinline)) size_t text_at(char *p, size_t n, size_t max, struct bytes s)
{
    return n + s.n + 6 <= max - REST && copy_plain(p + n, s) ? n + s.n : escaped_at(p, n, max, s);
}

/* A text, and the quote behind it. The line itself is not handed on, so that it stays in registers. */
static inline void put_text(struct line *l, struct bytes s)
{
    l->n = text_at(l->p, l->n, l->max, s);
    put(l, "\"");
}

#define member(l, name, value) (put(l, ",\"" name "\":\""), put_text(l, value))

/* Nearly everybody writes names in the same way. `name` is as long as the literal. */
#define is_name(name, known)                                                                                           \
    (memcmp((name).p, known, sizeof(known) - 1) == 0 || bytes_eq_nocase(name, BYTES_LIT(known)))

/* Parameters that are, or could give away, a signature, a token or a key; and those that only say how it was made. */
static bool is_left_out(struct bytes name)
{
    static const char customer[] = "x-amz-server-side-encryption-customer";
    switch (name.n) { /* all of one length at once: this is asked for every parameter of every request */
    case sizeof "Signature" - 1:
        return is_name(name, "Signature");
    case sizeof "AWSAccessKeyId" - 1:
        return is_name(name, "AWSAccessKeyId");
    case sizeof "X-Amz-Signature" - 1:
        return (name.p[6] | 0x20) == 's' ? is_name(name, "X-Amz-Signature") : is_name(name, "X-Amz-Algorithm");
    case sizeof "X-Amz-Credential" - 1:
        return is_name(name, "X-Amz-Credential");
    case sizeof "X-Amz-SignedHeaders" - 1:
        return is_name(name, "X-Amz-SignedHeaders");
    case sizeof "X-Amz-Security-Token" - 1:
        return is_name(name, "X-Amz-Security-Token");
    }
    return name.n >= sizeof customer - 1 &&
           (bytes_starts_str_nocase(name, customer) ||
            bytes_starts_str_nocase(name, "x-amz-copy-source-server-side-encryption-customer"));
}

static void put_query(struct line *l, const struct req *r)
{
    bool first = true;
    put(l, ",\"requestQuery\":{");
    for (size_t i = 0; i < r->query.n && l->n + 2 * REST < l->max; i++) {
        const struct query_param *q = &r->query.params[i];
        if (is_left_out(q->name))
            continue;
        if (!first)
            put(l, ",");
        first = false;
        put(l, "\"");
        put_text(l, q->name);
        put(l, ":\"");
        put_text(l, q->value);
    }
    put(l, "}");
}

static const char *operation(const struct req *r)
{
    const char *action = query_name(r);
    return action ? action : r->op ? r->op->name : "";
}

static struct bytes version_of(const struct req *r)
{
    for (size_t i = 0; i < r->query.n; i++)
        if (bytes_eq(r->query.params[i].name, BYTES_LIT("versionId")))
            return r->query.params[i].value;
    return (struct bytes){0};
}

static void put_api(struct line *l, const struct req *r, uint64_t ns)
{
    struct bytes version = version_of(r);
    put(l, ",\"api\":{\"name\":\"");
    put_text(l, bytes_str(operation(r)));
    if (r->bucket_name.n && !own_is_path(r)) {
        member(l, "bucket", r->bucket_name);
        if (r->key.n)
            member(l, "object", r->key);
    }
    if (version.n)
        member(l, "versionId", version);
    put(l, ",\"statusCode\":");
    put_number(l, (uint64_t)r->resp.status);
    put(l, ",\"rx\":");
    put_number(l, r->body_bytes);
    put(l, ",\"tx\":");
    put_number(l, r->conn->sent);
    put(l, ",\"timeToResponseInNS\":\"");
    put_number(l, ns);
    put(l, "\"}");
}

/* What was decided, and why: of denials the message that the client got. */
static void put_decision(struct line *l, const struct req *r)
{
    if (r->err.code) {
        const char *code = s3_error_code(r->err.code);
        put(l, ",\"error\":\"");
        put_text(l, bytes_str(code));
        if (r->err.message)
            member(l, "message", bytes_str(r->err.message));
    }
    if (r->decided_by) {
        if (r->denied)
            put(l, ",\"decision\":\"denied\"");
        else
            put(l, ",\"decision\":\"allowed\"");
        member(l, "decidedBy", bytes_str(r->decided_by));
    }
    if (r->resp.status == 0 || r->resp.broken)
        put(l, ",\"interrupted\":true");
}

/* The second's text is kept: all but the milliseconds is the same for thousands of lines. */
static void put_time(struct line *l, int64_t now_ms)
{
    static _Thread_local int64_t second = -1;
    static _Thread_local char text[DATE_ISO_LEN + 1];
    int64_t ms = now_ms % 1000;
    if (now_ms / 1000 != second) {
        date_format_iso(now_ms, text);
        second = now_ms / 1000;
    }
    char *at = text + DATE_ISO_LEN - sizeof "123Z" + 1;
    at[0] = (char)('0' + ms / 100);
    at[1] = (char)('0' + ms / 10 % 10);
    at[2] = (char)('0' + ms % 10);
    put_bytes(l, text, DATE_ISO_LEN);
}

size_t audit_line(const struct req *r, char *out, size_t max)
{
    struct line line = {.p = out, .max = max}, *l = &line;
    const struct principal *who = r->who.principal;
    uint64_t took_ns = r->ended_ns - r->began_ns;
    put(l, "{\"version\":\"1\",\"deploymentid\":\"pail\",\"time\":\"");
    put_time(l, r->now_ms + (int64_t)(took_ns / 1000000));
    put(l, "\",\"trigger\":\"incoming\"");
    put_api(l, r, took_ns);
    put(l, ",\"remotehost\":\"");
    put_text(l, r->conn->peer_name);
    put(l, ",\"requestID\":\"");
    put_bytes(l, r->id, REQ_ID_TEXT);
    put(l, "\"");
    if (r->head_ok) {
        member(l, "userAgent", bytes_cut(http_head_value(&r->head, HDR_USER_AGENT), 0, 512));
        member(l, "requestHost", bytes_cut(http_head_value(&r->head, HDR_HOST), 0, 256));
    }
    member(l, "method", bytes_cut(r->head.method_text, 0, 32));
    member(l, "requestPath", bytes_cut(r->raw_path, 0, 4096));
    if (r->query.n)
        put_query(l, r);
    if (r->auth.access_key.n)
        member(l, "accessKey", r->auth.access_key);
    if (who && who->caller.arn.n)
        member(l, "principal", who->caller.arn);
    put_decision(l, r);
    put(l, "}\n");
    return l->n;
}
