/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log. Paths are logged as the client sent them (percent-encoded, so no control character gets through), the
 * query never. Threads: the request's loop.
 */
#include "server/access_log.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/conn.h"
#include "server/ops.h"
#include "server/req.h"
#include "server/server.h"

static void put_printable(struct buf *out, struct bytes s)
{
    for (size_t i = 0; i < s.n && i < 2048; i++)
        buf_put_char(out, s.p[i] > 0x20 && s.p[i] < 0x7f ? s.p[i] : '?');
    if (s.n == 0)
        buf_put_char(out, '-');
}

void access_log_request(const struct req *r)
{
    if (!r->server->config->access_log || !log_enabled(LOG_INFO))
        return;
    const struct conn *c = r->conn;
    const char *op = r->op ? r->op->name : "-", *error = r->err.code ? s3_error_code(r->err.code) : "-";
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
