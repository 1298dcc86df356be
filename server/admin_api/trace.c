/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live traces of requests; trace.h says how.
 *
 * Invariants: a subscriber is in the list from trace_subscribe to trace_end, both with the list's lock; lines are
 * appended with it too, so none reaches a subscriber that is gone. Secrets never enter a line: of headers a few
 * harmless ones, of the query what signs nothing. Threads: see trace.h.
 */
#include "server/admin_api/trace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/admin_api/common.h"
#include "server/conn.h"
#include "server/http/date.h"
#include "server/iam/query.h"
#include "server/ops.h"
#include "server/server.h"

#define TYPE_S3       4 /* MinIO's numbers */
#define TYPE_INTERNAL 8
#define LINE_MAX      (32u << 10)
#define SECOND_NS     UINT64_C(1000000000)

struct trace {
    struct trace *next, **prev;
    struct trace_filter filter;
    struct buf waiting;
    uint64_t dropped;
    unsigned quiet;                           /* ticks */
    bool (*take)(void *arg, struct buf *out); /* of another kind */
    void (*end)(void *arg);
    void *arg;
    bool over;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trace *subscribers;
static _Atomic unsigned n_subscribers;

static struct trace *subscribe(const struct trace *what)
{
    struct trace *t = NULL;
    pthread_mutex_lock(&lock);
    if (atomic_load(&n_subscribers) < TRACE_SUBSCRIBERS_MAX) {
        t = xcalloc(1, sizeof *t);
        *t = *what;
        buf_init(&t->waiting, TRACE_BUFFER);
        t->next = subscribers;
        t->prev = &subscribers;
        if (t->next)
            t->next->prev = &t->next;
        subscribers = t;
        atomic_fetch_add(&n_subscribers, 1);
    }
    pthread_mutex_unlock(&lock);
    return t;
}

struct trace *trace_subscribe(const struct trace_filter *filter)
{
    return subscribe(&(struct trace){.filter = *filter});
}

struct trace *trace_stream(bool (*take)(void *arg, struct buf *out), void (*end)(void *arg), void *arg)
{
    struct trace *t = subscribe(&(struct trace){.take = take, .end = end, .arg = arg});
    if (!t)
        end(arg);
    return t;
}

bool trace_is_over(const struct trace *t)
{
    return t->over;
}

void trace_end(struct trace **pt)
{
    struct trace *t = *pt;
    *pt = NULL;
    if (!t)
        return;
    pthread_mutex_lock(&lock);
    *t->prev = t->next;
    if (t->next)
        t->next->prev = t->prev;
    atomic_fetch_sub(&n_subscribers, 1);
    pthread_mutex_unlock(&lock);
    if (t->end)
        t->end(t->arg);
    buf_fini(&t->waiting);
    free(t);
}

static void sign_of_life(struct trace *t, bool any, struct buf *out)
{
    t->quiet = any ? 0 : t->quiet + 1;
    if (t->quiet >= TRACE_QUIET_TICKS) {
        buf_put_char(out, ' ');
        t->quiet = 0;
    }
}

static void take_requests(struct trace *t, struct buf *out)
{
    pthread_mutex_lock(&lock);
    buf_put_bytes(out, buf_bytes(&t->waiting));
    if (t->dropped)
        buf_printf(out, "{\"type\":%d,\"funcname\":\"trace\",\"msg\":\"%llu requests were left out\"}\n", TYPE_INTERNAL,
                   (unsigned long long)t->dropped);
    t->dropped = 0;
    buf_fini(&t->waiting);
    buf_init(&t->waiting, TRACE_BUFFER);
    pthread_mutex_unlock(&lock);
}

void trace_take(struct trace *t, struct buf *out)
{
    size_t before = out->n;
    if (t->take)
        t->over = t->over || !t->take(t->arg, out);
    else
        take_requests(t, out);
    sign_of_life(t, out->n > before, out);
}

/* ---- lines ---- */

static void put_text(struct buf *out, const char *label, struct bytes text)
{
    buf_printf(out, "%s\"", label);
    log_json_escape(out, bytes_cut(text, 0, 2048));
    buf_put_char(out, '"');
}

static void put_time(struct buf *out, const char *label, int64_t ms)
{
    char text[DATE_ISO_SECONDS_LEN + 1];
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    buf_printf(out, "%s\"%.*s.%03dZ\"", label, DATE_ISO_SECONDS_LEN - 1, text, (int)(ms % 1000));
}

static bool signs(struct bytes name)
{
    return bytes_starts_str_nocase(name, "x-amz-") || bytes_eq_str_nocase(name, "signature") ||
           bytes_eq_str_nocase(name, "awsaccesskeyid");
}

static void put_query(struct buf *out, const struct req *r)
{
    struct buf text;
    buf_init(&text, LINE_MAX);
    for (size_t i = 0; i < r->query.n; i++) {
        const struct query_param *p = &r->query.params[i];
        if (signs(p->name))
            continue;
        if (text.n)
            buf_put_char(&text, '&');
        uri_encode(&text, p->name, URI_ENCODE_SLASH);
        if (p->value.p) {
            buf_put_char(&text, '=');
            uri_encode(&text, p->value, URI_ENCODE_SLASH);
        }
    }
    put_text(out, ",\"rawquery\":", buf_bytes(&text));
    buf_fini(&text);
}

static void put_headers(struct buf *out, const struct req *r)
{
    static const char *const shown[][2] = {
        {"host", "Host"}, {"user-agent", "User-Agent"}, {"content-type", "Content-Type"}, {"range", "Range"}};
    const char *comma = "";
    buf_put_str(out, ",\"headers\":{");
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        const struct http_header *h = http_head_find(&r->head, bytes_str(shown[i][0]), 0);
        if (!h)
            continue;
        buf_printf(out, "%s\"%s\":[", comma, shown[i][1]);
        put_text(out, "", h->value);
        buf_put_char(out, ']');
        comma = ",";
    }
    buf_put_char(out, '}');
}

static void render(const struct req *r, bool own, uint64_t ns, struct buf *out)
{
    const char *action = query_name(r), *op = action ? action : r->op ? r->op->name : "Unknown";
    long long took = (long long)ns;
    buf_printf(out, "{\"type\":%d", own ? TYPE_INTERNAL : TYPE_S3);
    put_text(out, ",\"nodename\":", r->head.host);
    buf_printf(out, ",\"funcname\":\"%s.%s\"", own ? "internal" : "s3", op);
    put_time(out, ",\"time\":", r->now_ms);
    put_text(out, ",\"path\":", r->raw_path);
    buf_printf(out, ",\"dur\":%lld,\"bytes\":%llu", took,
               (unsigned long long)r->body_bytes + (unsigned long long)r->conn->sent);
    if (r->err.code)
        buf_printf(out, ",\"error\":\"%s\"", s3_error_code(r->err.code));
    put_time(out, ",\"http\":{\"request\":{\"time\":", r->now_ms);
    buf_printf(out, ",\"proto\":\"HTTP/1.%d\"", r->head.minor);
    put_text(out, ",\"method\":", r->head.method_text);
    put_text(out, ",\"path\":", r->raw_path);
    put_query(out, r);
    put_headers(out, r);
    put_text(out, ",\"client\":", r->conn->peer_name);
    put_time(out, "},\"response\":{\"time\":", r->now_ms + took / 1000000);
    buf_printf(out, ",\"headers\":{\"x-amz-request-id\":[\"%s\"]},\"statuscode\":%d}", r->id, r->resp.status);
    buf_printf(out,
               ",\"stats\":{\"inputbytes\":%llu,\"outputbytes\":%llu,\"latency\":%lld,\"timetofirstbyte\":%lld}}}\n",
               (unsigned long long)r->body_bytes, (unsigned long long)r->conn->sent, took, took);
}

void trace_request(const struct req *r)
{
    struct buf line;
    if (atomic_load_explicit(&n_subscribers, memory_order_relaxed) == 0 || !r->head_ok)
        return;
    uint64_t ns = clock_mono_ns() - r->began_ns;
    bool own = r->op && r->op->level == ON_OWN;
    buf_init(&line, LINE_MAX);
    pthread_mutex_lock(&lock);
    for (struct trace *t = subscribers; t; t = t->next) {
        const struct trace_filter *f = &t->filter;
        if (t->take || !(own ? f->internal : f->s3) || ns < f->min_ns || (f->errors && r->resp.status < 400))
            continue;
        if (line.n == 0)
            render(r, own, ns, &line);
        if (line.failed || t->waiting.n + line.n > TRACE_BUFFER)
            t->dropped++;
        else
            buf_put_bytes(&t->waiting, buf_bytes(&line));
    }
    pthread_mutex_unlock(&lock);
    buf_fini(&line);
}

/* ---- the call ---- */

static const struct {
    const char *text;
    uint64_t ns;
} units[] = {{"ns", 1},        {"us", 1000},          {"\xc2\xb5s", 1000},    {"ms", 1000000},
             {"s", SECOND_NS}, {"m", 60 * SECOND_NS}, {"h", 3600 * SECOND_NS}};

bool trace_duration(struct bytes text, uint64_t *ret_ns)
{
    uint64_t sum = 0;
    size_t at = 0;
    if (bytes_eq_str(text, "0")) {
        *ret_ns = 0;
        return true;
    }
    while (at < text.n) {
        uint64_t whole = 0, part = 0, scale = 1;
        size_t digits = at;
        for (; at < text.n && text.p[at] >= '0' && text.p[at] <= '9' && whole < 100000000; at++)
            whole = whole * 10 + (uint64_t)(text.p[at] - '0');
        digits = at - digits;
        if (at < text.n && text.p[at] == '.')
            for (at++; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++)
                if (scale < SECOND_NS) {
                    part = part * 10 + (uint64_t)(text.p[at] - '0');
                    scale *= 10;
                }
        size_t i = 0;
        while (i < ARRAY_LEN(units) && !bytes_starts(bytes_cut(text, at, text.n), bytes_str(units[i].text)))
            i++;
        if (i == ARRAY_LEN(units) || digits == 0 || whole > UINT64_MAX / 4 / units[i].ns)
            return false;
        sum += whole * units[i].ns + (uint64_t)((double)part / (double)scale * (double)units[i].ns);
        at += strlen(units[i].text);
    }
    *ret_ns = sum;
    return text.n > 0;
}

static bool is_set(const struct req *r, const char *name)
{
    return bytes_eq_str(req_param(r, name), "true");
}

int admin_trace(struct req *r)
{
    struct trace_filter f = {.s3 = is_set(r, "s3"), .internal = is_set(r, "internal"), .errors = is_set(r, "err")};
    struct bytes threshold = req_param(r, "threshold");
    if (threshold.n && !trace_duration(threshold, &f.min_ns))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The threshold is a duration like 100ms.");
    r->resp.trace = trace_subscribe(&f);
    if (!r->resp.trace)
        return req_fail(r, S3E_SLOW_DOWN);
    r->resp.content_type = "application/json";
    return 0;
}
