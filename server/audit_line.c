/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of a request. It is made for every request on its loop, so it is put together by hand: pieces of text and
 * numbers into one buffer, no formatting library. What a client sent is escaped, and cut where it would not fit; what
 * follows always has room, so every line is a whole JSON object.
 */
#include "server/audit_line.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/conn.h"
#include "server/http/date.h"
#include "server/iam/identities.h"
#include "server/iam/query.h"
#include "server/ops.h"
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

/* Ours, or known to need no escape. */
static void put_some(struct line *l, struct bytes s)
{
    if (s.n)
        put_bytes(l, s.p, s.n);
}

static void put_number(struct line *l, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + v % 10);
    while (v /= 10);
    put_bytes(l, digits + at, sizeof digits - at);
}

/* Each byte of 8: 1 where it needs an escape or is no ASCII, in its highest bit. Others may be marked beside such a
 * one. */
static uint64_t odd_bytes(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\', del = x ^ ones * 0x7f;
    uint64_t below = (x - ones * 0x20) & ~x, equal = ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return (x | below | equal | ((del - ones) & ~del)) & high;
}

/* Copies them, and tells of odd ones. */
static uint64_t copy_eight(char *to, const char *from)
{
    uint64_t x;
    memcpy(&x, from, sizeof x);
    memcpy(to, &x, sizeof x);
    return odd_bytes(x);
}

static uint64_t copy_few(char *to, const char *from, size_t n)
{
    char x[8] = "........";
    for (size_t i = 0; i < n; i++)
        x[i] = to[i] = from[i];
    return copy_eight(x, x);
}

/* True: nothing needs an escape, as in nearly all texts, and `to` has it. The last eight bytes may be copied twice. */
static bool copy_plain(char *to, struct bytes s)
{
    uint64_t odd = 0;
    if (s.n < 8)
        return copy_few(to, s.p, s.n) == 0;
    for (size_t i = 0; i + 8 < s.n; i += 8)
        odd |= copy_eight(to + i, s.p + i);
    return (odd | copy_eight(to + s.n - 8, s.p + s.n - 8)) == 0;
}

/* Escaped as JSON; bytes that are no ASCII go as they are when they are UTF-8, which the whole text must be. */
static void put_text(struct line *l, struct bytes s)
{
    static const char hex[] = "0123456789abcdef";
    size_t limit = l->max - REST;
    if (l->n + s.n + 6 <= limit && copy_plain(l->p + l->n, s)) {
        l->n += s.n;
        return;
    }
    bool utf8 = utf8_valid(s);
    for (size_t i = 0; i < s.n && l->n + 6 < limit; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            l->p[l->n++] = '\\';
            l->p[l->n++] = (char)c;
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            put_bytes(l, escape, sizeof escape);
        } else {
            l->p[l->n++] = (char)c;
        }
    }
    /* A character that was cut in the middle goes whole. */
    while (l->n && (l->p[l->n - 1] & 0xc0) == 0x80 && l->n + 6 >= limit)
        l->n--;
    if (l->n && (unsigned char)l->p[l->n - 1] >= 0xc0)
        l->n--;
}

static void put_member(struct line *l, const char *name, size_t name_n, struct bytes value)
{
    put_bytes(l, name, name_n);
    put_text(l, value);
    put(l, "\"");
}
#define member(l, name, value) put_member(l, ",\"" name "\":\"", sizeof(",\"" name "\":\"") - 1, value)

/* Parameters that are, or could give away, a signature, a token or a key. */
static bool is_secret(struct bytes name)
{
    static const struct {
        size_t n;
        const char *name;
    } names[] = {
#define SECRET(name) {sizeof(name) - 1, name}
        SECRET("X-Amz-Signature"),  SECRET("X-Amz-Security-Token"), SECRET("Signature"),
        SECRET("X-Amz-Credential"), SECRET("AWSAccessKeyId"),
#undef SECRET
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name.n == names[i].n && bytes_eq_str_nocase(name, names[i].name))
            return true;
    return name.n >= sizeof "x-amz-server-side-encryption-customer" - 1 &&
           (bytes_starts_str_nocase(name, "x-amz-server-side-encryption-customer") ||
            bytes_starts_str_nocase(name, "x-amz-copy-source-server-side-encryption-customer"));
}

static void put_query(struct line *l, const struct req *r)
{
    bool first = true;
    put(l, ",\"requestQuery\":{");
    for (size_t i = 0; i < r->query.n && l->n + 2 * REST < l->max; i++) {
        const struct query_param *q = &r->query.params[i];
        if (is_secret(q->name))
            continue;
        if (!first)
            put(l, ",");
        first = false;
        put(l, "\"");
        put_text(l, q->name);
        put(l, "\":\"");
        put_text(l, q->value);
        put(l, "\"");
    }
    put(l, "}");
}

static const char *operation(const struct req *r)
{
    const char *action = query_name(r);
    return action ? action : r->op ? r->op->name : "";
}

static void put_api(struct line *l, const struct req *r, uint64_t ns)
{
    struct bytes version = req_param(r, "versionId");
    put(l, ",\"api\":{\"name\":\"");
    put_some(l, bytes_str(operation(r)));
    put(l, "\"");
    if (r->bucket_name.n)
        member(l, "bucket", r->bucket_name);
    if (r->key.n)
        member(l, "object", r->key);
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
        put_some(l, bytes_str(code));
        put(l, "\"");
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

/* Of this moment. The second's text is kept: all but the milliseconds is the same for thousands of lines. */
static void put_now(struct line *l)
{
    static _Thread_local int64_t second = -1;
    static _Thread_local char text[DATE_ISO_LEN + 1];
    int64_t now_ms = clock_wall_ms(), ms = now_ms % 1000;
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

size_t audit_line(const struct req *r, const char *deployment, char *out, size_t max)
{
    struct line line = {.p = out, .max = max}, *l = &line;
    const struct principal *who = r->who.principal;
    put(l, "{\"version\":\"1\",\"deploymentid\":\"");
    put_some(l, bytes_str(deployment));
    put(l, "\",\"time\":\"");
    put_now(l);
    put(l, "\",\"trigger\":\"incoming\"");
    put_api(l, r, clock_mono_ns() - r->began_ns);
    put(l, ",\"remotehost\":\"");
    put_some(l, bytes_str(r->conn->peer_text));
    put(l, "\",\"requestID\":\"");
    put_some(l, bytes_str(r->id));
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
