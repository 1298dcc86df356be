/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies. Every one carries Date, x-amz-request-id and x-amz-id-2, and exactly the body its head announces: none for
 * HEAD, 204 and 304 whatever the handler made, so that a kept connection never gets out of step.
 * Threads: the connection's loop (handlers add headers on workers, before).
 */
#include "server/respond.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "server/conn.h"
#include "server/cors.h"
#include "server/iam/query.h"
#include "server/http/date.h"
#include "server/ops.h"
#include "server/own_ops.h"
#include "server/req.h"
#include "server/server.h"

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Unknown";
}

/* A value with a control character would end the line early: such a header is left out and counted by nobody. */
static bool value_is_clean(struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < 0x20 ? v.p[i] != '\t' : v.p[i] == 0x7f)
            return false;
    return true;
}

void resp_header(struct req *r, const char *name, struct bytes value)
{
    struct buf *b = &r->resp.headers;
    if (!value_is_clean(value))
        return;
    buf_put_str(b, name);
    buf_put(b, ": ", 2);
    buf_put_bytes(b, value);
    buf_put(b, "\r\n", 2);
}

void resp_headerf(struct req *r, const char *name, const char *fmt, ...)
{
    char value[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    resp_header(r, name, bytes_of(value, n < 0 ? 0 : (size_t)n < sizeof value ? (size_t)n : sizeof value - 1));
}

static void put_date(struct buf *out, int64_t now_ms)
{
    static _Thread_local int64_t second = -1;
    static _Thread_local char text[DATE_HTTP_LEN + 1];
    if (now_ms / 1000 != second) {
        second = now_ms / 1000;
        date_format_http(second, text);
    }
    buf_put(out, "Date: ", 6);
    buf_put(out, text, DATE_HTTP_LEN);
    buf_put(out, "\r\n", 2);
}

static void put_line(struct buf *out, const char *name, const char *value)
{
    buf_put_str(out, name);
    buf_put_str(out, value);
    buf_put(out, "\r\n", 2);
}

/*
 * Will the connection be kept? Not when the body was left unread: its bytes must not be taken for a request. Nor when
 * the client waited for "100 Continue" in vain: see step_admit() in req.c.
 */
static bool keep_alive(const struct req *r)
{
    const struct conn *c = r->conn;
    return r->head_ok && r->head.keep_alive && !c->close_after && !(req_has_body(r) && !c->body_done) &&
           !(r->head.expect_continue && !r->continued) && !r->resp.trace && !atomic_load(&r->server->draining);
}

void respond_head(struct req *r, struct buf *out)
{
    struct resp *resp = &r->resp;
    bool bodyless = resp->status == 204 || resp->status == 304;
    buf_reset(out);
    out->max = 256 * 1024;
    buf_reserve(out, 512 + resp->headers.n); /* not in steps */
    buf_put_bytes(out, r->conn->interim);
    r->conn->interim = BYTES_NONE;
    buf_put(out, "HTTP/1.1 ", 9);
    buf_put_u64(out, (uint64_t)resp->status);
    buf_put_char(out, ' ');
    put_line(out, http_reason(resp->status), "");
    buf_put_str(out, "Server: Pail\r\nX-Content-Type-Options: nosniff\r\n");
    put_date(out, r->now_ms);
    put_line(out, "x-amz-request-id: ", r->id);
    put_line(out, "x-amz-id-2: ", r->host_id);
    if (resp->content_type)
        put_line(out, "Content-Type: ", resp->content_type);
    if (r->conn->console) {
        console_put_headers(r, out);
    } else {
        buf_put_bytes(out, buf_bytes(&resp->headers));
        cors_put_headers(r, out);
    }
    if (!bodyless && !resp->trace) {
        buf_put_str(out, "Content-Length: ");
        buf_put_u64(out, resp->length);
        buf_put(out, "\r\n", 2);
    }
    r->conn->close_after = !keep_alive(r);
    if (r->conn->close_after)
        buf_put_str(out, "Connection: close\r\n");
    else if (r->head.minor == 0)
        buf_put_str(out, "Connection: keep-alive\r\n");
    buf_put(out, "\r\n", 2);
    if (bodyless || (r->head_ok && r->head.method == HTTP_HEAD)) {
        resp->body = BYTES_NONE;
        store_read_close(&resp->read);
    }
}

static struct bytes resource_of(struct req *r)
{
    if (!r->on_bucket)
        return BYTES_LIT("/");
    return arena_bytesf(r->arena, r->on_object ? "/%.*s/%.*s" : "/%.*s", (int)r->bucket_name.n, r->bucket_name.p,
                        (int)r->key.n, r->key.p);
}

/*
 * HeadBucket answers 301, 400 and 403 with the bucket's region: SDKs that signed for another one follow it. The bucket
 * may not have been looked up yet; that it exists is no secret, as in AWS.
 */
static void name_region(struct req *r)
{
    int status = r->resp.status;
    if (!r->op || !(r->op->flags & OP_NAMES_REGION) || (status != 301 && status != 400 && status != 403))
        return;
    if (!r->bucket.name.n && store_bucket_get(r->server->store, r->bucket_name, r->arena, &r->bucket) < 0)
        return;
    const char *ours = *r->server->config->region ? r->server->config->region : "us-east-1";
    resp_header(r, "x-amz-bucket-region", r->bucket.region.n ? r->bucket.region : bytes_str(ours));
}

/* MinIO's clients know these names alone. */
static void render_minio_json(struct req *r, struct buf *out, const char *message)
{
    buf_printf(out, "{\"Code\":\"%s\",\"Message\":\"", s3_error_code(r->err.code));
    log_json_escape(out, bytes_str(message));
    buf_put_str(out, "\",\"Resource\":\"");
    log_json_escape(out, r->raw_path);
    buf_printf(out, "\",\"RequestId\":\"%s\",\"HostId\":\"%s\"}", r->id, r->host_id);
}

/* Of the server's own operations. */
static void render_json(struct req *r)
{
    struct buf *out = &r->resp.doc;
    const char *message = r->err.message ? r->err.message : s3_error_message(r->err.code);
    r->resp.content_type = "application/json";
    if (own_is_minio_admin(r)) {
        render_minio_json(r, out, message);
        return;
    }
    buf_printf(out, "{\"code\":\"%s\",\"message\":\"", s3_error_code(r->err.code));
    log_json_escape(out, bytes_str(message));
    buf_printf(out, "\",\"requestId\":\"%s\"}", r->id);
}

static void render_xml(struct req *r)
{
    const struct req_error *e = &r->err;
    r->resp.content_type = "application/xml";
    name_region(r);
    s3_error_render(&r->resp.doc, e->code, e->message, e->extras, e->n_extras, resource_of(r), bytes_str(r->id),
                    bytes_str(r->host_id));
}

void respond_error_document(struct req *r)
{
    struct req_error *e = &r->err;
    struct resp *resp = &r->resp;
    store_read_close(&resp->read);
    if (r->console == CONSOLE_PAGE) {
        console_respond_error(r);
        return;
    }
    if (r->op && (r->op->flags & OP_QUERY)) {
        query_respond_error(r);
        return;
    }
    resp->status = e->status ? e->status : s3_error_status(e->code);
    buf_reset(&resp->doc);
    if (r->op ? r->op->level == ON_OWN : own_is_minio_admin(r))
        render_json(r);
    else
        render_xml(r);
    resp->body = buf_bytes(&resp->doc);
    resp->length = r->head_ok && r->head.method == HTTP_HEAD ? 0 : resp->body.n;
}
