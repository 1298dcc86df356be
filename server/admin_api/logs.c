/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mc admin logs`: the last lines of the server's log, then those that come. Lines of single requests are not among
 * them: those are what a trace is for.
 *
 * The last LOGS_KEPT lines stay in memory, numbered; whoever listens is a number up to which he has read. A listener
 * that is too slow misses the lines that were pushed out, and is told how many. Nothing is rendered before it is sent.
 * Invariant: `kept` is touched with the lock alone, which is held for copies of lines only.
 * Threads: keep on any; take on a listener's loop; admin_logs on workers.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/admin_api/trace.h"
#include "server/server.h"

#define LOGS_KEPT 512
#define LOGS_TEXT 1024 /* bytes of a line that are kept */

struct line {
    int64_t ms;
    enum log_level level;
    char text[LOGS_TEXT];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct line *kept; /* LOGS_KEPT of them; line i is at i % LOGS_KEPT */
static uint64_t next_line;

static void keep(enum log_level level, const char *event, struct bytes text)
{
    pthread_mutex_lock(&lock);
    struct line *l = &kept[next_line++ % LOGS_KEPT];
    l->ms = clock_wall_ms();
    l->level = level;
    snprintf(l->text, sizeof l->text, "%s %.*s", event, (int)(text.n < LOGS_TEXT ? text.n : LOGS_TEXT), text.p);
    pthread_mutex_unlock(&lock);
}

void admin_logs_open(void)
{
    pthread_mutex_lock(&lock);
    if (!kept)
        kept = xcalloc(LOGS_KEPT, sizeof *kept);
    pthread_mutex_unlock(&lock);
    log_listen(keep);
}

/* ---- listeners ---- */

struct listener {
    uint64_t at;    /* the next line */
    int only;       /* this level alone; -1: all */
    char node[256]; /* inside of a JSON string */
    char deployment[40];
};

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"ERROR", "WARNING", "INFO", "DEBUG"};
    return names[level];
}

static void put_line(const struct listener *w, const struct line *l, struct buf *out)
{
    char time[40];
    admin_time_text(l->ms, time);
    buf_printf(out, "{\"deploymentid\":\"%s\",\"level\":\"%s\",\"errKind\":\"%s\",\"time\":\"%s\",\"node\":\"%s\"",
               w->deployment, level_name(l->level), l->level == LOG_DEBUG ? "INFO" : level_name(l->level), time,
               w->node);
    buf_put_str(out, ",\"message\":\"");
    log_json_escape(out, bytes_str(l->text));
    buf_printf(out, "\",\"ConsoleMsg\":\"%s %s ", time, level_name(l->level));
    log_json_escape(out, bytes_str(l->text));
    buf_put_str(out, "\"}\n");
}

static void put_missed(const struct listener *w, uint64_t n, struct buf *out)
{
    struct line l = {.ms = clock_wall_ms(), .level = LOG_WARN};
    snprintf(l.text, sizeof l.text, "log %llu lines came too fast to be sent", (unsigned long long)n);
    put_line(w, &l, out);
}

static bool take(void *arg, struct buf *out)
{
    struct listener *w = arg;
    struct line *l = xmalloc(sizeof *l);
    for (bool more = true; more && out->n < TRACE_BUFFER;) {
        uint64_t missed = 0;
        pthread_mutex_lock(&lock);
        uint64_t first = next_line > LOGS_KEPT ? next_line - LOGS_KEPT : 0;
        if (w->at < first) {
            missed = first - w->at;
            w->at = first;
        }
        more = w->at < next_line;
        if (more)
            *l = kept[w->at++ % LOGS_KEPT];
        pthread_mutex_unlock(&lock);
        if (missed)
            put_missed(w, missed, out);
        if (more && (w->only < 0 || (int)l->level == w->only))
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
    pthread_mutex_lock(&lock);
    uint64_t held = next_line > LOGS_KEPT ? LOGS_KEPT : next_line;
    w->at = next_line - (limit && limit < held ? limit : held);
    pthread_mutex_unlock(&lock);
    return admin_stream(r, take, free, w);
}
