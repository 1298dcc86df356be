/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the server and of its buckets as JSON, for administrators and for whatever watches the server:
 * GET /pail/v1/status, /pail/v1/buckets, /pail/v1/buckets/NAME. docs/openapi.yaml describes the replies, and the tests
 * hold them to it. Counts are the store's, exact; rates are of the last minutes. Threads: workers.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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

static json_t *moment(int64_t ms)
{
    char out[DATE_ISO_LEN + 1];
    date_format_iso(ms, out);
    return json_string(out);
}

/* ---- text ---- */

/*
 * A page of a thousand buckets has tens of thousands of numbers, which a tree of JSON would each allocate twice. So
 * what buckets hold is written as text, into room that is reserved a bucket at a time.
 */
#define USAGE_MAX_BYTES  4096
#define BUCKET_MAX_BYTES (USAGE_MAX_BYTES + 512)
#define ESCAPED_BYTES    6 /* the most that a byte of text becomes */

static char *put_bytes(char *w, const char *p, size_t n)
{
    return mempcpy(w, p, n);
}
#define put(w, text) put_bytes((w), (text), sizeof(text) - 1)

static char *put_number(char *w, uint64_t n)
{
    return w + u64_text(n, w);
}

/* Names of buckets and ids of accounts: nearly always as they are. */
static char *put_text(char *w, struct bytes s)
{
    static const char hex[] = "0123456789abcdef";
    *w++ = '"';
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            w = put(w, "\\u00");
            *w++ = hex[c >> 4];
            *w++ = hex[c & 15];
        } else {
            *w++ = (char)c;
        }
    }
    *w++ = '"';
    return w;
}

static char *put_ranges(char *w, const struct store_counts *c)
{
    bool first = true;
    w = put(w, ",\"classes\":[");
    for (size_t i = 0; i < STORE_COUNT_CLASSES; i++) {
        if (c->classes[i].objects == 0)
            continue;
        w = first ? put(w, "{\"name\":") : put(w, ",{\"name\":");
        first = false;
        w = put_text(w, bytes_str(c->classes[i].name));
        w = put_number(put(w, ",\"objects\":"), c->classes[i].objects);
        w = put_number(put(w, ",\"bytes\":"), c->classes[i].bytes);
        *w++ = '}';
    }
    w = put(w, "],\"sizes\":[");
    for (size_t i = 0; i < STORE_COUNT_SIZES && c->sizes[0].below; i++) {
        uint64_t below = c->sizes[i].below;
        w = i ? put(w, ",{\"belowBytes\":") : put(w, "{\"belowBytes\":");
        w = below == UINT64_MAX ? put(w, "null") : put_number(w, below);
        w = put_number(put(w, ",\"objects\":"), c->sizes[i].objects);
        *w++ = '}';
    }
    return put(w, "]}");
}

/* At most USAGE_MAX_BYTES. */
static char *put_usage(char *w, const struct store_counts *c)
{
    w = put_number(put(w, "{\"bytes\":"), c->bytes);
    w = put_number(put(w, ",\"objects\":"), c->objects);
    w = put_number(put(w, ",\"objectBytes\":"), c->object_bytes);
    w = put_number(put(w, ",\"noncurrentVersions\":"), c->versions);
    w = put_number(put(w, ",\"noncurrentVersionBytes\":"), c->version_bytes);
    w = put_number(put(w, ",\"deleteMarkers\":"), c->markers);
    w = put_number(put(w, ",\"uploads\":"), c->uploads);
    w = put_number(put(w, ",\"parts\":"), c->parts);
    w = put_number(put(w, ",\"partBytes\":"), c->part_bytes);
    return put_ranges(w, c);
}

/* The members of a bucket's object, without its closing brace. */
static void put_bucket(struct buf *out, const struct store_bucket *b, const struct store_counts *c)
{
    static const char *const versioning[] = {
        [VERSIONING_NEVER] = "off", [VERSIONING_ENABLED] = "enabled", [VERSIONING_SUSPENDED] = "suspended"};
    char created[DATE_ISO_LEN + 1];
    char *begin = buf_reserve(out, BUCKET_MAX_BYTES + (b->name.n + b->owner.n) * ESCAPED_BYTES), *w = begin;
    if (!w)
        return;
    date_format_iso(b->created_ms, created);
    w = put_text(put(w, "{\"name\":"), b->name);
    w = put_text(put(w, ",\"created\":"), bytes_str(created));
    w = put_text(put(w, ",\"owner\":"), b->owner);
    w = put_text(put(w, ",\"versioning\":"), bytes_str(versioning[b->versioning]));
    w = b->lock_enabled ? put(w, ",\"objectLock\":true,\"quotaBytes\":")
                        : put(w, ",\"objectLock\":false,\"quotaBytes\":");
    w = b->quota ? put_number(w, b->quota) : put(w, "null");
    w = put_usage(put(w, ",\"usage\":"), c);
    out->n += (size_t)(w - begin);
}

/* The members of a tree, with the closing brace: of an object that has some already. Takes the tree. */
static int put_more(struct req *r, json_t *j)
{
    char *rendered = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    if (!rendered)
        return req_fail(r, S3E_INTERNAL_ERROR);
    buf_put_char(&r->resp.doc, ',');
    buf_put_str(&r->resp.doc, rendered + 1);
    free(rendered);
    return 0;
}

static int respond(struct req *r)
{
    if (resp_rendered(r) < 0)
        return -1;
    r->resp.content_type = "application/json";
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

/* ---- parts ---- */

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
    int rc = usage_collect(s->store, 0, r->arena, &u);
    if (rc < 0)
        return req_fail_store(r, rc);
    metrics_collect_minutes(s, minutes);
    pool_stats(s->pool, &pool);
    json_t *connections = json_pack("{s:o,s:o,s:o}", "open", number(atomic_load(&s->n_conns)), "accepted",
                                    number(sum->accepted), "refused", number(sum->refused));
    json_t *workers = json_pack("{s:o,s:o,s:o,s:o}", "threads", number(pool.threads), "busy", number(pool.busy),
                                "waiting", number(pool.queued), "refused", number(pool.refused));
    json_t *rest = json_pack("{s:s,s:o,s:f,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "version", PAIL_VERSION, "started",
                             moment(metrics_started_ms(s)), "uptimeSeconds", metrics_uptime_seconds(s), "reads",
                             json_boolean(health_reads(s)), "writes", json_boolean(health_writes(s)), "space",
                             space_json(s), "buckets", number(u.n), "traffic", traffic_json(minutes), "connections",
                             connections, "workers", workers, "index", index_json(s));
    char usage[USAGE_MAX_BYTES + sizeof "{\"usage\":"], *end = put_usage(put(usage, "{\"usage\":"), &u.all);
    buf_put(&r->resp.doc, usage, (size_t)(end - usage));
    return put_more(r, rest) < 0 ? -1 : respond(r);
}

/* The end of a page. */
static void put_next(struct buf *out, struct bytes name)
{
    char *begin = buf_reserve(out, 16 + name.n * ESCAPED_BYTES), *w = begin;
    if (!w)
        return;
    w = put(w, "],\"next\":");
    w = name.n ? put_text(w, name) : put(w, "null");
    *w++ = '}';
    out->n += (size_t)(w - begin);
}

int status_list_buckets(struct req *r)
{
    struct store_bucket *list;
    struct buf *out = &r->resp.doc;
    uint64_t limit = PAGE_MAX;
    size_t n;
    bool more, first = true;
    if (api_number(r, "limit", 1, PAGE_MAX, "limit must be between 1 and 1000.", &limit) < 0)
        return -1;
    int rc = store_bucket_list(r->server->store, req_param(r, "prefix"), req_param(r, "after"), (size_t)limit, r->arena,
                               &list, &n, &more);
    if (rc < 0)
        return req_fail_store(r, rc);
    buf_put_str(out, "{\"buckets\":[");
    for (size_t i = 0; i < n; i++) {
        struct store_counts c;
        if (store_bucket_counts(r->server->store, &list[i], &c) != STORE_OK)
            continue;
        if (!first)
            buf_put_char(out, ',');
        first = false;
        put_bucket(out, &list[i], &c);
        buf_put_char(out, '}');
    }
    put_next(out, more && n ? list[n - 1].name : BYTES_NONE);
    return respond(r);
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
    put_bucket(&r->resp.doc, &b, &c);
    return put_more(r, json_pack("{s:o}", "traffic", traffic_json(minutes))) < 0 ? -1 : respond(r);
}
