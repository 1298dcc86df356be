/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server at work, for pages of administrators: GET /pail/v1/history, work, logs, audit, settings; PUT and DELETE
 * /pail/v1/settings/NAME. docs/openapi.yaml describes the replies. Threads: workers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>

#include "base/check.h"
#include "server/admin_api/settings.h"
#include "server/api/api.h"
#include "server/audit.h"
#include "server/history.h"
#include "server/json_reply.h"
#include "server/loop.h"
#include "server/own_ops.h"
#include "server/pool.h"
#include "server/recent.h"
#include "server/server.h"
#include "server/usage.h"
#include "upkeep.h"

#define LIMIT_USUAL 100

static int read_limit(struct req *r, uint64_t most, uint64_t *ret)
{
    *ret = LIMIT_USUAL;
    return api_number(r, "limit", 1, most, "limit must be between 1 and 1000.", ret);
}

/* ---- history ---- */

/* What a chart can show; hundreds of numbers of all their digits would be most of the reply. */
static double rounded(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", x);
    return strtod(text, NULL);
}

static json_t *series_json(const struct history_view *v, enum history_series s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->n; i++) {
        double x = v->rows[i * HISTORY_SERIES_COUNT + s];
        bool whole = !isnan(x) && x < 9e15 && x == (double)(int64_t)x;
        json_array_append_new(list, isnan(x) ? json_null()
                                    : whole  ? json_integer((json_int_t)x)
                                             : json_real(rounded(x)));
    }
    return list;
}

int operations_history(struct req *r)
{
    struct bytes range = req_param(r, "range");
    struct history_view v;
    if (!r->server->history)
        return req_fail(r, S3E_SERVICE_UNAVAILABLE);
    if (!history_get(r->server->history, range.n ? range : BYTES_LIT("1h"), &v))
        return req_failf(r, S3E_INVALID_ARGUMENT, "range must be 1h, 6h, 24h or 7d.");
    json_t *series = json_object();
    for (enum history_series s = 0; s < HISTORY_SERIES_COUNT; s++)
        json_object_set_new(series, history_series_name(s), series_json(&v, s));
    json_t *whole =
        json_pack("{s:o,s:o,s:o,s:o}", "step_seconds", json_integer(v.step_ms / 1000), "from", json_moment(v.first_ms),
                  "to", json_moment(v.first_ms + (int64_t)v.n * v.step_ms), "series", series);
    history_view_free(&v);
    return json_reply(r, whole);
}

/* ---- settings ---- */

/* A URL without what may be secret in it: user and password, and the query. */
static json_t *value_json(const char *value)
{
    const char *host = strstr(value, "://");
    char text[sizeof((struct config_setting *)NULL)->value + 8];
    if (!host)
        return json_bytes_text(bytes_str(value));
    host += strlen("://");
    const char *user_end = memchr(host, '@', strcspn(host, "/?"));
    int scheme = (int)(host - value);
    if (user_end)
        host = user_end + 1;
    size_t n = strcspn(host, "?");
    snprintf(text, sizeof text, "%.*s%s%.*s%s", scheme, value, user_end ? "***@" : "", (int)n, host,
             host[n] ? "?***" : "");
    return json_bytes_text(bytes_str(text));
}

static json_t *setting_json(const struct config_setting *s)
{
    static const char *const sources[] = {[CONFIG_DEFAULT] = "default",
                                          [CONFIG_FLAG] = "flag",
                                          [CONFIG_ENVIRONMENT] = "environment",
                                          [CONFIG_ADMIN] = "admin"};
    return json_pack("{s:s,s:o,s:s,s:s,s:b,s:s,s:s}", "name", s->name, "value", value_json(s->value), "default",
                     s->initial, "source", sources[s->source], "changeable", (int)(s->changeable && !s->fixed_by),
                     "help", s->help, "variable", s->env);
}

int operations_settings(struct req *r)
{
    struct config_setting s;
    json_t *list = json_array();
    for (size_t i = 0; config_describe_any(r->server->config, i, &s); i++)
        json_array_append_new(list, setting_json(&s));
    return json_reply(r, list);
}

/* The one that the path names. */
static int find_setting(struct req *r, struct config_setting *ret)
{
    for (size_t i = 0; config_describe_any(r->server->config, i, ret); i++)
        if (bytes_eq_str(own_segment(r), ret->name))
            return 0;
    return req_fail(r, S3E_ADMIN_CONFIG_NOT_FOUND);
}

static int change_setting(struct req *r, const char *value)
{
    struct config_setting s;
    if (find_setting(r, &s) < 0)
        return -1;
    if (!s.changeable)
        return req_failf(r, S3E_ADMIN_CONFIG_ERROR, "%s is set where the server is started.", s.name);
    if (s.fixed_by)
        return req_failf(r, S3E_ADMIN_CONFIG_ERROR, "%s is set by %s, which wins.", s.name, s.fixed_by);
    if (admin_settings_change(r, s.name, value) < 0 || find_setting(r, &s) < 0)
        return -1;
    return json_reply(r, setting_json(&s));
}

int operations_put_setting(struct req *r)
{
    json_t *body;
    if (json_body(r, &body) < 0)
        return -1;
    const json_t *value = json_object_get(body, "value");
    if (json_is_integer(value))
        return change_setting(r, arena_printf(r->arena, "%lld", (long long)json_integer_value(value)));
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return req_failf(r, S3E_INVALID_REQUEST, "\"value\" must be a text or a number.");
    return change_setting(r, json_string_value(value));
}

int operations_delete_setting(struct req *r)
{
    return change_setting(r, NULL);
}

/* ---- logs and requests ---- */

static const char *const levels[] = {"error", "warn", "info", "debug"};

int operations_logs(struct req *r)
{
    struct bytes level = req_param(r, "level");
    const struct recent_line *lines;
    uint64_t limit, before = 0;
    size_t worst = LOG_DEBUG;
    if (read_limit(r, RECENT_LINES, &limit) < 0 ||
        api_number(r, "before", 0, INT64_MAX, "before must be the id of a line.", &before) < 0)
        return -1;
    if (level.n) {
        for (worst = 0; worst < ARRAY_LEN(levels) && !bytes_eq_str(level, levels[worst]); worst++)
            ;
        if (worst == ARRAY_LEN(levels))
            return req_failf(r, S3E_INVALID_ARGUMENT, "level must be error, warn, info or debug.");
    }
    size_t n = recent_lines(r->server->recent, r->arena, (enum log_level)worst, before, (size_t)limit, &lines);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:o,s:o,s:s,s:s,s:o}", "id", json_u64(lines[i].id), "time",
                                              json_moment(lines[i].ms), "level", levels[lines[i].level], "event",
                                              lines[i].event, "message", json_bytes_text(bytes_str(lines[i].text))));
    return json_reply(
        r, json_pack("{s:o,s:o}", "lines", list, "next", n == limit ? json_u64(lines[n - 1].id) : json_null()));
}

struct audit_filter {
    struct bytes bucket, user, api, status;
};

/* "404", "4xx" or "errors". */
static bool status_fits(struct bytes want, int status)
{
    char text[12];
    snprintf(text, sizeof text, "%d", status);
    if (bytes_eq_str(want, "errors"))
        return status >= 400 || status == 0;
    if (want.n == 3 && want.p[1] == 'x')
        return want.p[0] == text[0];
    return bytes_eq_str(want, text);
}

static bool contains(const char *text, struct bytes part)
{
    return bytes_find(bytes_str(text), part, 0) >= 0;
}

static bool audit_fits(const void *ctx, const struct recent_entry *e)
{
    const struct audit_filter *f = ctx;
    return (!f->bucket.n || bytes_eq_str(f->bucket, e->bucket)) &&
           (!f->user.n || contains(e->who, f->user) || bytes_eq_str(f->user, e->access_key)) &&
           (!f->api.n || bytes_eq_nocase(f->api, bytes_str(e->api))) &&
           (!f->status.n || status_fits(f->status, e->status));
}

static json_t *entry_json(const struct recent_entry *e)
{
    return json_pack("{s:o,s:s,s:s,s:s,s:o,s:o,s:i,s:s,s:o,s:o,s:s,s:o,s:o,s:o,s:f,s:b}", "time", json_moment(e->ms),
                     "id", e->id, "api", e->api, "method", e->method, "bucket", json_bytes_text(bytes_str(e->bucket)),
                     "object", json_bytes_text(bytes_str(e->key)), "status", e->status, "error", e->error, "user",
                     json_bytes_text(bytes_str(e->who)), "access_key", json_bytes_text(bytes_str(e->access_key)),
                     "address", e->address, "agent", json_bytes_text(bytes_str(e->agent)), "bytes_in", json_u64(e->in),
                     "bytes_out", json_u64(e->out), "milliseconds", (double)e->ns / 1e6, "console", (int)e->console);
}

int operations_audit(struct req *r)
{
    struct audit_filter f = {req_param(r, "bucket"), req_param(r, "user"), req_param(r, "api"), req_param(r, "status")};
    const struct recent_entry *entries;
    uint64_t limit;
    if (read_limit(r, RECENT_REQUESTS, &limit) < 0)
        return -1;
    size_t n = recent_entries(r->server->recent, r->arena, audit_fits, &f, (size_t)limit, &entries);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, entry_json(&entries[i]));
    return json_reply(r, json_pack("{s:o}", "entries", list));
}

/* ---- work ---- */

static json_t *disk_json(const char *path)
{
    struct statvfs v;
    if (statvfs(path, &v) != 0)
        return json_pack("{s:n,s:n}", "total", "free");
    return json_pack("{s:o,s:o}", "total", json_u64((uint64_t)v.f_blocks * v.f_frsize), "free",
                     json_u64((uint64_t)v.f_bavail * v.f_frsize));
}

static json_t *loops_json(const struct server *s)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < s->n_loops; i++)
        json_array_append_new(list, json_pack("{s:i,s:f}", "connections", (int)atomic_load(&s->loops[i]->n_conns),
                                              "cpu_seconds", (double)atomic_load(&s->loops[i]->cpu_ns) / 1e9));
    return list;
}

static json_t *tiers_json(const struct server *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->config->n_tiers; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "class", s->config->tiers[i].storage_class, "path",
                                              s->config->tiers[i].path, "disk", disk_json(s->config->tiers[i].path)));
    return list;
}

/* What lies on disk, as far as a pass of the scrubber goes: parts and older versions too. */
static uint64_t stored_bytes(const struct store_counts *c)
{
    return c->bytes;
}

static json_t *scrub_json(const struct server *s, const struct store_counts *all)
{
    struct upkeep_health h = {0};
    if (s->upkeep)
        upkeep_health(s->upkeep, &h);
    bool running = s->config->scrub_rate_mib && h.pass_began_ms > h.pass_ended_ms;
    return json_pack("{s:b,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "enabled", (int)(s->config->scrub_rate_mib != 0),
                     "running", (int)running, "done", json_u64(h.scrubbed_bytes), "done_blobs",
                     json_u64(h.scrubbed_blobs), "total", json_u64(stored_bytes(all)), "bad", json_u64(h.damaged),
                     "last_begin", json_moment(h.pass_began_ms), "last_end", json_moment(h.pass_ended_ms), "snapshot",
                     json_moment(h.snapshot_ms), "snapshot_failed", (int)h.snapshot_failed);
}

static json_t *index_json(const struct index_stats *i)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:b,s:b}", "used", json_u64(i->used_bytes), "file", json_u64(i->file_bytes),
                     "commits", json_u64(i->groups), "changes", json_u64(i->batches), "waiting", json_u64(i->queued),
                     "full", (int)i->full, "failed", (int)i->failed);
}

int operations_work(struct req *r)
{
    struct server *s = r->server;
    struct store_stats st;
    struct pool_stats pool;
    struct usage u;
    struct audit_stats audit;
    int rc = usage_collect(s->store, 0, r->arena, &u);
    if (rc < 0)
        return req_fail_store(r, rc);
    store_stats(s->store, &st);
    pool_stats(s->pool, &pool);
    audit_stats_get(s->audit, &audit);
    json_t *workers = json_pack("{s:o,s:o,s:o,s:o}", "threads", json_u64(pool.threads), "busy", json_u64(pool.busy),
                                "waiting", json_u64(pool.queued), "refused", json_u64(pool.refused));
    json_t *lifecycle = json_pack("{s:o,s:o,s:o,s:o,s:o}", "examined", json_u64(st.lifecycle_examined), "expired",
                                  json_u64(st.lifecycle_expired), "moved", json_u64(st.lifecycle_moved), "aborted",
                                  json_u64(st.lifecycle_aborted), "failed", json_u64(st.lifecycle_failed));
    json_t *garbage = json_pack("{s:o,s:o,s:o}", "removed", json_u64(st.blobs_removed), "passes",
                                json_u64(st.collections), "places", json_u64(st.garbage_places));
    json_t *sent = json_pack("{s:b,s:o,s:o,s:o}", "enabled", (int)(s->audit != NULL), "lines", json_u64(audit.lines),
                             "dropped", json_u64(audit.dropped), "waiting", json_u64(audit.queued_bytes));
    return json_reply(r, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "disk", disk_json(s->config->dir), "index",
                                   index_json(&st.index), "loops", loops_json(s), "workers", workers, "scrub",
                                   scrub_json(s, &u.all), "lifecycle", lifecycle, "garbage", garbage, "audit", sent,
                                   "tiers", tiers_json(s)));
}
