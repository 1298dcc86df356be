/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mc admin logs`: the last lines of the server's log, then those that come. Lines of single requests are not among
 * them: those are what a trace is for.
 *
 * The last lines are kept in memory anyway (server/recent.h), numbered; whoever listens is the number up to which he
 * has read. A listener that is too slow misses the lines that were pushed out, and is told how many. Nothing is
 * rendered before it is sent. Threads: take on a listener's loop; admin_logs on workers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/admin_api/trace.h"
#include "server/recent.h"
#include "server/server.h"

struct listener {
    uint64_t at;    /* the last line that was sent */
    int only;       /* this level alone; -1: all */
    char node[256]; /* inside of a JSON string */
    char deployment[40];
};

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"ERROR", "WARNING", "INFO", "DEBUG"};
    return names[level];
}

static void put_line(const struct listener *w, const struct recent_line *l, struct buf *out)
{
    char time[40];
    admin_time_text(l->ms, time);
    buf_printf(out, "{\"deploymentid\":\"%s\",\"level\":\"%s\",\"errKind\":\"%s\",\"time\":\"%s\",\"node\":\"%s\"",
               w->deployment, level_name(l->level), l->level == LOG_DEBUG ? "INFO" : level_name(l->level), time,
               w->node);
    buf_printf(out, ",\"message\":\"%s ", l->event);
    log_json_escape(out, bytes_str(l->text));
    buf_printf(out, "\",\"ConsoleMsg\":\"%s %s %s ", time, level_name(l->level), l->event);
    log_json_escape(out, bytes_str(l->text));
    buf_put_str(out, "\"}\n");
}

static void put_missed(const struct listener *w, uint64_t n, struct buf *out)
{
    struct recent_line l = {.ms = clock_wall_ms(), .level = LOG_WARN, .event = "log"};
    snprintf(l.text, sizeof l.text, "%llu lines came too fast to be sent", (unsigned long long)n);
    put_line(w, &l, out);
}

static bool take(void *arg, struct buf *out)
{
    struct listener *w = arg;
    struct recent_line *l = xmalloc(sizeof *l);
    uint64_t missed;
    while (out->n < TRACE_BUFFER && recent_line_after(&w->at, &missed, l)) {
        if (missed)
            put_missed(w, missed, out);
        if (w->only < 0 || (int)l->level == w->only)
            put_line(w, l, out);
    }
    free(l);
    return true;
}

/* MinIO's kinds of lines. Its old ones, and what it calls ALL, stand for any here. */
static int level_of(struct bytes kind)
{
    return bytes_eq_str_nocase(kind, "error") || bytes_eq_str_nocase(kind, "fatal") ? LOG_ERROR
           : bytes_eq_str_nocase(kind, "warning")                                   ? LOG_WARN
           : bytes_eq_str_nocase(kind, "info")                                      ? LOG_INFO
                                                                                    : -1;
}

int admin_logs(struct req *r)
{
    uint64_t limit = 0;
    struct bytes text = req_param(r, "limit"), node = req_param(r, "node");
    if (text.n && !bytes_to_u64(text, UINT32_MAX, &limit))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The limit is a number of lines.");
    if (node.n && !bytes_eq(node, admin_host(r)) && !bytes_eq_str(node, "all"))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "There is one node here: %.*s.", (int)admin_host(r).n,
                         admin_host(r).p);
    struct listener *w = xcalloc(1, sizeof *w);
    struct buf escaped;
    buf_init(&escaped, sizeof w->node - 1);
    log_json_escape(&escaped, admin_host(r));
    memcpy(w->node, escaped.failed ? "" : escaped.p, escaped.failed ? 0 : escaped.n);
    buf_fini(&escaped);
    memcpy(w->deployment, r->server->deployment_id, sizeof r->server->deployment_id);
    w->only = level_of(req_param(r, "logType"));
    uint64_t last = recent_last_line();
    w->at = limit && limit < last ? last - limit : 0;
    return admin_stream(r, take, free, w);
}
