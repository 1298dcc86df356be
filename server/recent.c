/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of the last log lines and requests, see recent.h. Each ring has a lock that is held while one entry is copied.
 * Invariant: nothing in here logs, as a log line may be what it is called for.
 */
#include "server/recent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "server/client_addr.h"
#include "server/conn.h"
#include "server/iam/identities.h"
#include "server/iam/query.h"
#include "server/loop.h"
#include "server/ops.h"
#include "server/own_ops.h"
#include "server/req.h"
#include "server/server.h"

struct shard {
    pthread_mutex_t lock;
    uint64_t n; /* ever */
    struct recent_entry entries[RECENT_REQUESTS];
};

struct recent {
    unsigned n_shards;
    struct shard *shards; /* pages that nobody has written to take no memory */
};

/* The log is the process's. */
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;
static struct recent_line *lines; /* NULL: nobody keeps them; line `id` lies at id % RECENT_LINES */
static uint64_t last_line;

/* What does not fit is cut, at the end of a character. */
static void set_text(char *to, size_t room, struct bytes text)
{
    size_t n = text.n < room - 1 ? text.n : room - 1;
    while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    if (n)
        memcpy(to, text.p, n);
    to[n] = '\0';
}
#define SET(to, text) set_text((to), sizeof(to), (text))

static void keep_line(enum log_level level, const char *event, struct bytes text)
{
    int64_t now = clock_wall_ms();
    pthread_mutex_lock(&lines_lock);
    if (lines) {
        struct recent_line *l = &lines[++last_line % RECENT_LINES];
        l->id = last_line;
        l->ms = now;
        l->level = level;
        SET(l->event, bytes_str(event));
        SET(l->text, text);
    }
    pthread_mutex_unlock(&lines_lock);
}

void recent_keep_lines(void)
{
    pthread_mutex_lock(&lines_lock);
    if (!lines)
        lines = xcalloc(RECENT_LINES, sizeof *lines);
    pthread_mutex_unlock(&lines_lock);
    log_listen(keep_line);
}

struct recent *recent_open(unsigned n_loops)
{
    struct recent *r = xcalloc(1, sizeof *r);
    r->n_shards = n_loops;
    r->shards = xcalloc(n_loops, sizeof *r->shards);
    for (unsigned i = 0; i < n_loops; i++)
        pthread_mutex_init(&r->shards[i].lock, NULL);
    return r;
}

void recent_close(struct recent **pr)
{
    struct recent *r = *pr;
    if (!r)
        return;
    for (unsigned i = 0; i < r->n_shards; i++)
        pthread_mutex_destroy(&r->shards[i].lock);
    free(r->shards);
    free(r);
    *pr = NULL;
}

void recent_request(struct recent *all, const struct req *r)
{
    if (!all)
        return;
    struct shard *s = &all->shards[r->conn->loop->number];
    const struct principal *who = r->who.principal;
    const char *action = query_name(r);
    struct bytes address = r->conn->peer_name;
    if (r->head_ok)
        address = client_addr_of(&r->server->proxies, address, r->conn->ssl != NULL, &r->head).ip;
    pthread_mutex_lock(&s->lock);
    struct recent_entry *e = &s->entries[s->n++ % RECENT_REQUESTS];
    e->ns = r->ended_ns - r->began_ns;
    e->ms = r->now_ms + (int64_t)(e->ns / 1000000);
    e->in = r->body_bytes;
    e->out = r->conn->sent;
    e->status = r->resp.status;
    e->console = r->console == CONSOLE_API;
    SET(e->id, bytes_str(r->id));
    SET(e->api, bytes_str(action ? action : r->op ? r->op->name : ""));
    SET(e->error, bytes_str(r->err.code ? s3_error_code(r->err.code) : ""));
    SET(e->method, r->head_ok ? r->head.method_text : BYTES_NONE);
    SET(e->address, address);
    SET(e->access_key, r->auth.access_key);
    bool own = own_is_path(r);
    SET(e->bucket, own ? BYTES_NONE : r->bucket_name);
    SET(e->key, own ? BYTES_NONE : r->key);
    SET(e->who, who ? who->caller.arn : BYTES_NONE);
    SET(e->agent, r->head_ok ? http_head_value(&r->head, HDR_USER_AGENT) : BYTES_NONE);
    pthread_mutex_unlock(&s->lock);
}

/* ---- reading ---- */

size_t recent_lines(struct recent *r, struct arena *a, enum log_level worst, uint64_t before, size_t max,
                    const struct recent_line **ret)
{
    size_t n = 0;
    struct recent_line *out = arena_alloc(a, (max ? max : 1) * sizeof *out);
    (void)r;
    pthread_mutex_lock(&lines_lock);
    uint64_t first = last_line > RECENT_LINES ? last_line - RECENT_LINES : 0, at = last_line;
    if (before && before <= at)
        at = before - 1;
    for (; lines && at > first && n < max; at--)
        if (lines[at % RECENT_LINES].level <= worst)
            out[n++] = lines[at % RECENT_LINES];
    pthread_mutex_unlock(&lines_lock);
    *ret = out;
    return n;
}

bool recent_line_after(uint64_t *at, uint64_t *ret_missed, struct recent_line *ret)
{
    pthread_mutex_lock(&lines_lock);
    uint64_t first = last_line > RECENT_LINES ? last_line - RECENT_LINES : 0;
    *ret_missed = *at && *at < first ? first - *at : 0;
    if (*at < first)
        *at = first;
    bool is = lines && *at < last_line;
    if (is)
        *ret = lines[++*at % RECENT_LINES];
    pthread_mutex_unlock(&lines_lock);
    return is;
}

uint64_t recent_last_line(void)
{
    pthread_mutex_lock(&lines_lock);
    uint64_t id = last_line;
    pthread_mutex_unlock(&lines_lock);
    return id;
}

static int newer_first(const void *a, const void *b)
{
    int64_t x = ((const struct recent_entry *)a)->ms, y = ((const struct recent_entry *)b)->ms;
    return x < y ? 1 : x > y ? -1 : 0;
}

size_t recent_entries(struct recent *all, struct arena *a, recent_filter_f *filter, const void *ctx, size_t max,
                      const struct recent_entry **ret)
{
    struct recent_entry *out = arena_alloc(a, (all->n_shards * max + 1) * sizeof *out);
    size_t n = 0;
    for (unsigned i = 0; i < all->n_shards; i++) {
        struct shard *s = &all->shards[i];
        size_t from = n;
        pthread_mutex_lock(&s->lock);
        uint64_t kept = s->n < RECENT_REQUESTS ? s->n : RECENT_REQUESTS;
        for (uint64_t k = 0; k < kept && n - from < max; k++) {
            const struct recent_entry *e = &s->entries[(s->n - 1 - k) % RECENT_REQUESTS];
            if (filter(ctx, e))
                out[n++] = *e;
        }
        pthread_mutex_unlock(&s->lock);
    }
    qsort(out, n, sizeof *out, newer_first);
    *ret = out;
    return n < max ? n : max;
}
