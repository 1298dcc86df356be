/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log. Paths are logged as the client sent them (percent-encoded, so no control character gets through), the
 * query never; decoded names are encoded again. Threads: the request's loop, or the worker that has the request.
 */
#include "server/access_log.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/conn.h"
#include "server/iam/query.h"
#include "server/ops.h"
#include "server/req.h"
#include "server/server.h"

#define NAME_MAX_BYTES 1200 /* of a bucket or key in an error's line, encoded */
#define TEXT_MAX       2048 /* of a path and the like */
#define USUAL_BYTES    512
#define LINE_MAX_BYTES (56u << 10) /* room for four texts of which each byte becomes six: no line is ever cut */

static void put_printable(struct buf *out, struct bytes s)
{
    struct bytes some = bytes_cut(s, 0, TEXT_MAX);
    char *to = buf_reserve(out, some.n);
    if (s.n == 0)
        buf_put_char(out, '-');
    if (!to || s.n == 0)
        return;
    for (size_t i = 0; i < some.n; i++)
        to[i] = some.p[i] > 0x20 && some.p[i] < 0x7f ? some.p[i] : '?';
    out->n += some.n;
}

/* Anything but printable ASCII as %XX, so that a name ends where it seems to. */
static void put_name(struct buf *out, const char *label, struct bytes name)
{
    buf_put_str(out, label);
    size_t end = out->n + NAME_MAX_BYTES;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (out->n + 3 > end) {
            buf_put_str(out, "...");
            break;
        }
        if (c > 0x20 && c < 0x7f && c != '%')
            buf_put_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

/* Of IAM and STS the action, since all of them come by one row of the table of operations. */
static const char *operation(const struct req *r)
{
    const char *action = query_name(r);
    return action ? action : r->op ? r->op->name : "-";
}

void access_log_trouble(const char *event, const struct req *r, const char *what)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_printf(&line, "%s %s", r->id, operation(r));
    if (r->bucket_name.n)
        put_name(&line, " bucket=", r->bucket_name);
    if (r->key.n)
        put_name(&line, " key=", r->key);
    struct bytes text = buf_bytes(&line);
    log_error(event, "%.*s: %s", (int)text.n, text.p, what);
    buf_fini(&line);
}

static void put_labelled(struct buf *out, const char *label, uint64_t v)
{
    buf_put_str(out, label);
    buf_put_u64(out, v);
}

/* Milliseconds with three decimals. */
static void put_ms(struct buf *out, uint64_t us)
{
    char fraction[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10), (char)('0' + us % 10)};
    buf_put_u64(out, us / 1000);
    buf_put(out, fraction, sizeof fraction);
}

static void put_escaped(struct buf *out, const char *label, struct bytes text)
{
    buf_put_str(out, label);
    log_json_escape(out, bytes_cut(text, 0, TEXT_MAX));
}

/* Of every request, and so without printf. */
void access_log_request(const struct req *r)
{
    if (!r->server->config->access_log || !log_enabled(LOG_INFO))
        return;
    const struct conn *c = r->conn;
    struct bytes op = bytes_str(operation(r)), error = bytes_str(r->err.code ? s3_error_code(r->err.code) : "-");
    uint64_t us = (uint64_t)(clock_mono_ns() - (int64_t)r->began_ns) / 1000;
    const char *note = r->resp.status == 0 ? " aborted" : r->resp.broken ? " broken" : "";
    bool json = log_current_format() == LOG_JSON;
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_reserve(&line, USUAL_BYTES); /* not in steps */
    if (json) {
        put_escaped(&line, "\"id\":\"", bytes_str(r->id));
        put_escaped(&line, "\",\"peer\":\"", c->peer_name);
        put_escaped(&line, "\",\"op\":\"", op);
        put_labelled(&line, "\",\"status\":", (uint64_t)r->resp.status);
        put_escaped(&line, ",\"error\":\"", error);
        put_labelled(&line, "\",\"in\":", r->body_bytes);
        put_labelled(&line, ",\"out\":", c->sent);
        buf_put_str(&line, ",\"ms\":");
        put_ms(&line, us);
        put_escaped(&line, ",\"key\":\"", r->auth.access_key);
        put_escaped(&line, "\",\"method\":\"", r->head.method_text);
        put_escaped(&line, "\",\"path\":\"", r->raw_path);
        put_escaped(&line, "\",\"agent\":\"", r->head_ok ? http_head_value(&r->head, HDR_USER_AGENT) : BYTES_NONE);
        put_escaped(&line, "\",\"note\":\"", bytes_str(*note ? note + 1 : ""));
        buf_put_char(&line, '"');
    } else {
        buf_put_str(&line, r->id);
        buf_put_char(&line, ' ');
        buf_put_bytes(&line, c->peer_name);
        buf_put_char(&line, ' ');
        put_printable(&line, r->auth.access_key);
        buf_put_char(&line, ' ');
        buf_put_bytes(&line, op);
        buf_put_char(&line, ' ');
        put_printable(&line, r->head_ok ? r->head.method_text : BYTES_NONE);
        buf_put_char(&line, ' ');
        put_printable(&line, r->raw_path);
        put_labelled(&line, " ", (uint64_t)r->resp.status);
        buf_put_char(&line, ' ');
        buf_put_bytes(&line, error);
        put_labelled(&line, " in=", r->body_bytes);
        put_labelled(&line, " out=", c->sent);
        buf_put_char(&line, ' ');
        put_ms(&line, us);
        buf_put_str(&line, "ms");
        buf_put_str(&line, note);
    }
    log_record(LOG_INFO, "access", json ? BYTES_NONE : buf_bytes(&line), json ? buf_bytes(&line) : BYTES_NONE);
    buf_fini(&line);
}
