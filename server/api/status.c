/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the server and of its buckets as JSON, for administrators and for whatever watches the server:
 * GET /pail/v1/status, /pail/v1/buckets, /pail/v1/buckets/NAME. docs/openapi.yaml describes the replies, and the tests
 * hold them to it. Counts are the store's, exact; rates are of the last minutes. Threads: workers.
 */
#include <jansson.h>
#include <stdlib.h>

#include "server/api/api.h"
#include "server/health.h"
#include "server/http/date.h"
#include "server/metrics.h"
#include "server/own_ops.h"
#include "server/pool.h"
#include "server/server.h"
#include "server/usage.h"
#include "version.h"

#define PAGE_MAX 1000 /* buckets of a reply */

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *text(struct bytes s)
{
    return json_stringn(s.n ? s.p : "", s.n);
}

static json_t *moment(int64_t ms)
{
    char out[DATE_ISO_LEN + 1];
    date_format_iso(ms, out);
    return json_string(out);
}

/* Takes the object. */
static int respond(struct req *r, json_t *j)
{
    char *rendered = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    if (!rendered)
        return req_fail(r, S3E_INTERNAL_ERROR);
    buf_put_str(&r->resp.doc, rendered);
    free(rendered);
    if (resp_rendered(r) < 0)
        return -1;
    r->resp.content_type = "application/json";
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

/* ---- parts ---- */

static json_t *usage_json(const struct store_counts *c)
{
    json_t *classes = json_array(), *sizes = json_array();
    for (size_t i = 0; i < STORE_COUNT_CLASSES; i++)
        if (c->classes[i].objects)
            json_array_append_new(classes,
                                  json_pack("{s:s,s:o,s:o}", "name", c->classes[i].name, "objects",
                                            number(c->classes[i].objects), "bytes", number(c->classes[i].bytes)));
    for (size_t i = 0; i < STORE_COUNT_SIZES && c->sizes[0].below; i++) {
        bool last = c->sizes[i].below == UINT64_MAX;
        json_array_append_new(sizes,
                              json_pack("{s:o,s:o}", "belowBytes", last ? json_null() : number(c->sizes[i].below),
                                        "objects", number(c->sizes[i].objects)));
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "bytes", number(c->bytes), "objects",
                     number(c->objects), "objectBytes", number(c->object_bytes), "noncurrentVersions",
                     number(c->versions), "noncurrentVersionBytes", number(c->version_bytes), "deleteMarkers",
                     number(c->markers), "uploads", number(c->uploads), "parts", number(c->parts), "partBytes",
                     number(c->part_bytes), "classes", classes, "sizes", sizes);
}

static json_t *latency_json(const struct histogram_sum *h)
{
    return json_pack("{s:o,s:f,s:f,s:f}", "requests", number(histogram_total(h)), "p50Seconds",
                     histogram_quantile(h, 0.5), "p90Seconds", histogram_quantile(h, 0.9), "p99Seconds",
                     histogram_quantile(h, 0.99));
}

/* One direction: how many, how fast, how many failed. */
static json_t *direction_json(uint64_t good, uint64_t failed, double seconds, const struct histogram_sum *h)
{
    double all = (double)(good + failed);
    return json_pack("{s:o,s:o,s:f,s:o,s:o}", "succeeded", number(good), "failed", number(failed), "perSecond",
                     all / seconds, "successRate", all > 0 ? json_real((double)good / all) : json_null(), "latency",
                     latency_json(h));
}

static json_t *traffic_json(const struct metrics_minutes_sum *m)
{
    json_t *errors = json_array();
    uint64_t failed = m->errors4 + m->errors5 + m->canceled;
    failed = failed < m->requests ? failed : m->requests; /* one may be both */
    for (size_t c = 0; c < S3E_COUNT; c++)
        if (m->codes[c])
            json_array_append_new(errors, json_pack("{s:s,s:o}", "code", c ? s3_error_code((enum s3_error)c) : "other",
                                                    "count", number(m->codes[c])));
    double all = (double)m->requests;
    return json_pack("{s:f,s:o,s:f,s:o,s:o,s:o,s:o,s:f,s:f,s:o,s:o,s:o,s:o}", "windowSeconds", m->seconds, "requests",
                     number(m->requests), "requestsPerSecond", all / m->seconds, "successRate",
                     m->requests ? json_real((all - (double)failed) / all) : json_null(), "errors4xx",
                     number(m->errors4), "errors5xx", number(m->errors5), "canceled", number(m->canceled),
                     "receivedBytesPerSecond", (double)m->in / m->seconds, "sentBytesPerSecond",
                     (double)m->out / m->seconds, "uploads",
                     direction_json(m->uploads, m->failed_uploads, m->seconds, &m->up), "downloads",
                     direction_json(m->downloads, m->failed_downloads, m->seconds, &m->down), "latency",
                     latency_json(&m->all), "errors", errors);
}

static json_t *space_json(struct server *s)
{
    uint64_t available, total;
    store_space(s->store, &available, &total);
    return json_pack("{s:o,s:o}", "totalBytes", number(total), "freeBytes", number(available));
}

static json_t *index_json(struct server *s)
{
    struct store_stats st;
    store_stats(s->store, &st);
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "usedBytes", number(st.index.used_bytes), "commits",
                     number(st.index.groups), "changes", number(st.index.batches), "waiting", number(st.index.queued),
                     "full", json_boolean(st.index.full), "failed", json_boolean(st.index.failed));
}

/* ---- the three ---- */

int status_get(struct req *r)
{
    struct server *s = r->server;
    struct usage u;
    struct pool_stats pool;
    struct metrics_minutes_sum *minutes = arena_new(r->arena, struct metrics_minutes_sum);
    const struct metrics_sum *sum = metrics_collect(s, r->arena);
    int rc = usage_collect(s->store, r->arena, &u);
    if (rc < 0)
        return req_fail_store(r, rc);
    metrics_collect_minutes(s, minutes);
    pool_stats(s->pool, &pool);
    json_t *connections = json_pack("{s:o,s:o,s:o}", "open", number(atomic_load(&s->n_conns)), "accepted",
                                    number(sum->accepted), "refused", number(sum->refused));
    json_t *workers = json_pack("{s:o,s:o,s:o,s:o}", "threads", number(pool.threads), "busy", number(pool.busy),
                                "waiting", number(pool.queued), "refused", number(pool.refused));
    return respond(r, json_pack("{s:s,s:o,s:f,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "version", PAIL_VERSION, "started",
                                moment(metrics_started_ms(s)), "uptimeSeconds", metrics_uptime_seconds(s), "reads",
                                json_boolean(health_reads(s)), "writes", json_boolean(health_writes(s)), "space",
                                space_json(s), "buckets", number(u.n), "usage", usage_json(&u.all), "traffic",
                                traffic_json(minutes), "connections", connections, "workers", workers, "index",
                                index_json(s)));
}

static json_t *bucket_json(const struct store_bucket *b, const struct store_counts *c)
{
    static const char *const versioning[] = {
        [VERSIONING_NEVER] = "off", [VERSIONING_ENABLED] = "enabled", [VERSIONING_SUSPENDED] = "suspended"};
    return json_pack("{s:o,s:o,s:o,s:s,s:b,s:o,s:o}", "name", text(b->name), "created", moment(b->created_ms), "owner",
                     text(b->owner), "versioning", versioning[b->versioning], "objectLock", (int)b->lock_enabled,
                     "quotaBytes", b->quota ? number(b->quota) : json_null(), "usage", usage_json(c));
}

int status_list_buckets(struct req *r)
{
    struct store_bucket *list;
    uint64_t limit = PAGE_MAX;
    size_t n;
    bool more;
    if (api_number(r, "limit", 1, PAGE_MAX, "limit must be between 1 and 1000.", &limit) < 0)
        return -1;
    int rc = store_bucket_list(r->server->store, req_param(r, "prefix"), req_param(r, "after"), (size_t)limit, r->arena,
                               &list, &n, &more);
    if (rc < 0)
        return req_fail_store(r, rc);
    json_t *buckets = json_array();
    for (size_t i = 0; i < n; i++) {
        struct store_counts c;
        if (store_bucket_counts(r->server->store, &list[i], &c) == STORE_OK)
            json_array_append_new(buckets, bucket_json(&list[i], &c));
    }
    return respond(
        r, json_pack("{s:o,s:o}", "buckets", buckets, "next", more && n ? text(list[n - 1].name) : json_null()));
}

int status_get_bucket(struct req *r)
{
    struct store_bucket b;
    struct store_counts c;
    struct metrics_minutes_sum *minutes = arena_new(r->arena, struct metrics_minutes_sum);
    int rc = store_bucket_get(r->server->store, own_segment(r), r->arena, &b);
    if (rc == STORE_OK)
        rc = store_bucket_counts(r->server->store, &b, &c);
    if (rc != STORE_OK)
        return req_fail_store(r, rc);
    metrics_collect_bucket_minutes(r->server, b.partition, minutes);
    json_t *j = bucket_json(&b, &c);
    json_object_set_new(j, "traffic", traffic_json(minutes));
    return respond(r, j);
}
