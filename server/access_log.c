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

static void put_printable(struct buf *out, struct bytes s)
{
    for (size_t i = 0; i < s.n && i < 2048; i++)
        buf_put_char(out, s.p[i] > 0x20 && s.p[i] < 0x7f ? s.p[i] : '?');
    if (s.n == 0)
        buf_put_char(out, '-');
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

void access_log_request(const struct req *r)
{
    if (!r->server->config->access_log || !log_enabled(LOG_INFO))
        return;
    const struct conn *c = r->conn;
    const char *op = operation(r), *error = r->err.code ? s3_error_code(r->err.code) : "-";
    double ms = (double)(clock_mono_ns() - r->began_ns) / 1e6;
    const char *note = r->resp.status == 0 ? " aborted" : r->resp.broken ? " broken" : "";
    struct buf line;
    buf_init(&line, 8192);
    if (log_current_format() == LOG_JSON) {
        buf_printf(&line,
                   "\"id\":\"%s\",\"peer\":\"%s\",\"op\":\"%s\",\"status\":%d,\"error\":\"%s\",\"in\":%llu,\"out\":%"
                   "llu,\"ms\":%.3f,\"key\":\"",
                   r->id, c->peer_text, op, r->resp.status, error, (unsigned long long)r->body_bytes,
                   (unsigned long long)c->sent, ms);
        log_json_escape(&line, r->auth.access_key);
        buf_put_str(&line, "\",\"method\":\"");
        log_json_escape(&line, r->head.method_text);
        buf_put_str(&line, "\",\"path\":\"");
        log_json_escape(&line, r->raw_path);
        buf_put_str(&line, "\",\"agent\":\"");
        log_json_escape(&line, r->head_ok ? http_head_value(&r->head, HDR_USER_AGENT) : BYTES_NONE);
        buf_printf(&line, "\",\"note\":\"%s\"", *note ? note + 1 : "");
        log_record(LOG_INFO, "access", BYTES_NONE, buf_bytes(&line));
    } else {
        buf_printf(&line, "%s %s ", r->id, c->peer_text);
        put_printable(&line, r->auth.access_key);
        buf_printf(&line, " %s ", op);
        put_printable(&line, r->head_ok ? r->head.method_text : BYTES_NONE);
        buf_put_char(&line, ' ');
        put_printable(&line, r->raw_path);
        buf_printf(&line, " %d %s in=%llu out=%llu %.3fms%s", r->resp.status, error, (unsigned long long)r->body_bytes,
                   (unsigned long long)c->sent, ms, note);
        log_record(LOG_INFO, "access", buf_bytes(&line), BYTES_NONE);
    }
    buf_fini(&line);
}
