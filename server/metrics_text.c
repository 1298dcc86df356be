/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of metrics. A page is put together from groups; each group writes families (HELP, TYPE, rows). Rows are written
 * without formats, since with a thousand buckets there are tens of thousands of them.
 * Invariant: a family is written once a page, its rows together, as Prometheus wants them.
 * Threads: workers.
 */
#include "server/metrics_text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "config.h"
#include "server/audit.h"
#include "server/auth/key_cache.h"
#include "server/health.h"
#include "server/iam/identities.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/ops.h"
#include "server/pool.h"
#include "server/process.h"
#include "server/server.h"
#include "server/usage.h"
#include "upkeep.h"
#include "version.h"

#define LABELS_MAX_BYTES     512
#define GROUPS_MAX           10                 /* of a page */
#define MINIO_BOUND_FIRST_NS UINT64_C(50000000) /* MinIO's histograms begin and end there */
#define MINIO_BOUND_LAST_NS  UINT64_C(10000000000)

/* What the groups of a page share; each part is collected when it is first needed. */
struct page {
    struct server *s;
    struct arena *arena;
    struct buf *out;
    struct bytes family;
    char server[LABELS_MAX_BYTES]; /* server="host:port" */
    struct metrics_sum *sum;
    struct usage *usage, *totals;
    struct process_stats *process;
    struct store_stats *store;
    const struct bytes *bucket_labels; /* server and name */
    int rc;
};

/* ---- lines ---- */

static void family(struct page *p, const char *name, const char *type, const char *help)
{
    struct buf *b = p->out;
    p->family = bytes_str(name);
    buf_put_str(b, "# HELP ");
    buf_put_str(b, name);
    buf_put_char(b, ' ');
    buf_put_str(b, help);
    buf_put_str(b, "\n# TYPE ");
    buf_put_str(b, name);
    buf_put_char(b, ' ');
    buf_put_str(b, type);
    buf_put_char(b, '\n');
}

static void row_begin(struct page *p, const char *suffix, struct bytes labels)
{
    struct buf *b = p->out;
    buf_put_bytes(b, p->family);
    buf_put_str(b, suffix);
    if (labels.n) {
        buf_put_char(b, '{');
        buf_put_bytes(b, labels);
        buf_put_char(b, '}');
    }
    buf_put_char(b, ' ');
}

static char *put(char *w, struct bytes s)
{
    return s.n ? mempcpy(w, s.p, s.n) : w;
}

/* With one label more, unless `name` is NULL. Most rows are written by this. */
static void row_with(struct page *p, struct bytes labels, const char *name, struct bytes value, uint64_t n)
{
    struct bytes label = bytes_str(name);
    char *begin = buf_reserve(p->out, p->family.n + labels.n + label.n + value.n + 32), *w = begin;
    if (!w)
        return;
    w = put(w, p->family);
    *w++ = '{';
    w = put(w, labels);
    if (name) {
        *w++ = ',';
        w = put(w, label);
        *w++ = '=';
        *w++ = '"';
        w = put(w, value);
        *w++ = '"';
    }
    *w++ = '}';
    *w++ = ' ';
    w += u64_text(n, w);
    *w++ = '\n';
    p->out->n += (size_t)(w - begin);
}

static void row(struct page *p, struct bytes labels, uint64_t value)
{
    row_with(p, labels, NULL, BYTES_NONE, value);
}

static void row_real(struct page *p, struct bytes labels, double value)
{
    row_begin(p, "", labels);
    buf_printf(p->out, "%.13g\n", value);
}

/* Labels under construction. All values are our own names, or names of buckets: none needs escapes. */
struct labels {
    char text[LABELS_MAX_BYTES];
    size_t n;
};

static void label(struct labels *l, const char *name, struct bytes value)
{
    size_t name_n = strlen(name);
    CHECK(l->n + name_n + value.n + 4 < sizeof l->text);
    if (l->n)
        l->text[l->n++] = ',';
    memcpy(l->text + l->n, name, name_n);
    l->n += name_n;
    l->text[l->n++] = '=';
    l->text[l->n++] = '"';
    if (value.n)
        memcpy(l->text + l->n, value.p, value.n);
    l->n += value.n;
    l->text[l->n++] = '"';
}

static struct bytes labels_text(const struct labels *l)
{
    return bytes_of(l->text, l->n);
}

static struct labels labels_of(const struct page *p)
{
    struct labels l = {.n = strlen(p->server)};
    memcpy(l.text, p->server, l.n);
    return l;
}

static void gauge(struct page *p, const char *name, const char *help, uint64_t value)
{
    family(p, name, "gauge", help);
    row(p, bytes_str(p->server), value);
}

static void gauge_real(struct page *p, const char *name, const char *help, double value)
{
    family(p, name, "gauge", help);
    row_real(p, bytes_str(p->server), value);
}

static void counter(struct page *p, const char *name, const char *help, uint64_t value)
{
    family(p, name, "counter", help);
    row(p, bytes_str(p->server), value);
}

static void counter_real(struct page *p, const char *name, const char *help, double value)
{
    family(p, name, "counter", help);
    row_real(p, bytes_str(p->server), value);
}

/* ---- what is collected ---- */

static struct metrics_sum *sum_of(struct page *p)
{
    if (!p->sum)
        p->sum = metrics_collect(p->s, p->arena);
    return p->sum;
}

static struct usage *collect_usage(struct page *p, size_t max_told)
{
    struct usage *u = arena_new(p->arena, struct usage);
    int rc = usage_collect(p->s->store, max_told, p->arena, u);
    p->rc = rc < 0 ? rc : p->rc;
    return u;
}

/* With the buckets that a page tells apart. */
static const struct usage *usage_of(struct page *p)
{
    if (!p->usage)
        p->usage = collect_usage(p, METRICS_PAGE_BUCKETS);
    return p->usage;
}

/* Without them. */
static const struct usage *totals_of(struct page *p)
{
    if (!p->usage && !p->totals)
        p->totals = collect_usage(p, 0);
    return p->usage ? p->usage : p->totals;
}

static const struct process_stats *process_of(struct page *p)
{
    if (!p->process) {
        p->process = arena_new(p->arena, struct process_stats);
        process_stats(p->process);
    }
    return p->process;
}

static const struct store_stats *store_of(struct page *p)
{
    if (!p->store) {
        p->store = arena_new(p->arena, struct store_stats);
        store_stats(p->s->store, p->store);
    }
    return p->store;
}

/* ---- requests ---- */

static bool of_s3(const struct metrics_op_sum *o)
{
    return o->op && o->op->level != ON_OWN;
}

static uint64_t errors_of(const struct metrics_op_sum *o)
{
    return o->errors4 + o->errors5;
}

enum op_value { OP_TOTAL, OP_ERRORS, OP_ERRORS4, OP_ERRORS5, OP_CANCELED, OP_INFLIGHT };

static uint64_t op_value(const struct metrics_op_sum *o, enum op_value what)
{
    switch (what) {
    case OP_TOTAL:
        return o->ended;
    case OP_ERRORS:
        return errors_of(o);
    case OP_ERRORS4:
        return o->errors4;
    case OP_ERRORS5:
        return o->errors5;
    case OP_CANCELED:
        return o->canceled;
    case OP_INFLIGHT:
        return o->begun > o->ended ? o->begun - o->ended : 0;
    }
    return 0;
}

/* How MinIO's two generations name the same. */
struct dialect {
    const char *prefix, *api_label;
    bool typed; /* with type="s3" */
};
static const struct dialect v2 = {"minio_s3_requests_", "api", false}, v3 = {"minio_api_requests_", "name", true};

static struct labels op_labels(const struct page *p, const struct dialect *d, const struct metrics_op_sum *o)
{
    struct labels l = labels_of(p);
    label(&l, d->api_label, bytes_str(metrics_api_name(p->s, o->op)));
    if (d->typed)
        label(&l, "type", BYTES_LIT("s3"));
    return l;
}

static const char *named(struct page *p, const char *prefix, const char *rest)
{
    return arena_printf(p->arena, "%s%s", prefix, rest);
}

static void op_families(struct page *p, const struct dialect *d)
{
    static const struct {
        const char *name, *type, *help;
        enum op_value what;
    } rows[] = {
        {"total", "counter", "Requests that ended, by operation.", OP_TOTAL},
        {"errors_total", "counter", "Requests that ended with an error.", OP_ERRORS},
        {"4xx_errors_total", "counter", "Requests that ended with a status of 400 to 499.", OP_ERRORS4},
        {"5xx_errors_total", "counter", "Requests that ended with a status of 500 and above.", OP_ERRORS5},
        {"canceled_total", "counter", "Requests that the client left before the end of the reply.", OP_CANCELED},
        {"inflight_total", "gauge", "Requests being served.", OP_INFLIGHT},
    };
    const struct metrics_sum *sum = sum_of(p);
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        family(p, named(p, d->prefix, rows[k].name), rows[k].type, rows[k].help);
        for (size_t i = 0; i < sum->n_ops; i++) {
            uint64_t value = op_value(&sum->ops[i], rows[k].what);
            if (!of_s3(&sum->ops[i]) || sum->ops[i].begun == 0)
                continue;
            struct labels l = op_labels(p, d, &sum->ops[i]);
            row(p, labels_text(&l), value);
        }
    }
}

static void ttfb_family(struct page *p, const struct dialect *d, const char *name)
{
    const struct metrics_sum *sum = sum_of(p);
    family(p, name, "gauge", "Requests by the time to the first byte of their reply, cumulative.");
    for (size_t i = 0; i < sum->n_ops; i++) {
        const struct histogram_sum *h = &sum->ops[i].first;
        uint64_t below = 0;
        if (!of_s3(&sum->ops[i]) || sum->ops[i].ended == 0)
            continue;
        for (size_t k = 0; k <= HISTOGRAM_BOUNDS; k++) {
            below += h->n[k];
            bool last = k == HISTOGRAM_BOUNDS;
            if (!last &&
                (histogram_bounds_ns[k] < MINIO_BOUND_FIRST_NS || histogram_bounds_ns[k] > MINIO_BOUND_LAST_NS))
                continue;
            struct labels l = op_labels(p, d, &sum->ops[i]);
            label(&l, "le", bytes_str(last ? "+Inf" : histogram_bounds_text[k]));
            row(p, labels_text(&l), below);
        }
    }
}

/* Requests that were turned away before they had an operation's right. */
static uint64_t rejected(const struct metrics_sum *sum, const enum s3_error *codes, size_t n)
{
    uint64_t all = 0;
    for (size_t i = 0; i < sum->n_ops; i++)
        for (size_t k = 0; k < n && (of_s3(&sum->ops[i]) || !sum->ops[i].op); k++)
            all += sum->ops[i].codes[codes[k]];
    return all;
}

static void traffic(const struct metrics_sum *sum, uint64_t *ret_in, uint64_t *ret_out)
{
    *ret_in = *ret_out = 0;
    for (size_t i = 0; i < sum->n_ops; i++)
        if (of_s3(&sum->ops[i]) || !sum->ops[i].op) {
            *ret_in += sum->ops[i].in;
            *ret_out += sum->ops[i].out;
        }
}

static void request_families(struct page *p, const struct dialect *d, const char *traffic_prefix)
{
    static const enum s3_error auth[] = {S3E_ACCESS_DENIED, S3E_SIGNATURE_DOES_NOT_MATCH, S3E_INVALID_ACCESS_KEY_ID,
                                         S3E_INVALID_TOKEN, S3E_EXPIRED_TOKEN},
                               header[] = {S3E_REQUEST_HEADER_SECTION_TOO_LARGE, S3E_METADATA_TOO_LARGE,
                                           S3E_MISSING_SECURITY_HEADER},
                               timestamp[] = {S3E_REQUEST_TIME_TOO_SKEWED},
                               invalid[] = {S3E_BAD_REQUEST, S3E_INVALID_URI};
    const struct metrics_sum *sum = sum_of(p);
    struct pool_stats pool;
    uint64_t in, out;
    op_families(p, d);
    pool_stats(p->s->pool, &pool);
    traffic(sum, &in, &out);
    gauge(p, named(p, d->prefix, "waiting_total"), "Requests that wait for a worker.", pool.queued);
    gauge(p, named(p, d->prefix, "incoming_total"), "Connections that are open.", atomic_load(&p->s->n_conns));
    counter(p, named(p, d->prefix, "rejected_auth_total"), "Requests refused for lack of a right or a good signature.",
            rejected(sum, auth, ARRAY_LEN(auth)));
    counter(p, named(p, d->prefix, "rejected_header_total"), "Requests refused for their headers.",
            rejected(sum, header, ARRAY_LEN(header)));
    counter(p, named(p, d->prefix, "rejected_timestamp_total"), "Requests refused for their time.",
            rejected(sum, timestamp, ARRAY_LEN(timestamp)));
    counter(p, named(p, d->prefix, "rejected_invalid_total"), "Requests that are none.",
            rejected(sum, invalid, ARRAY_LEN(invalid)));
    counter(p, named(p, traffic_prefix, "received_bytes"), "Bytes of requests.", in);
    counter(p, named(p, traffic_prefix, "sent_bytes"), "Bytes of replies.", out);
}

static void group_requests_v2(struct page *p)
{
    request_families(p, &v2, "minio_s3_traffic_");
    ttfb_family(p, &v2, "minio_s3_requests_ttfb_seconds_distribution");
    ttfb_family(p, &v2, "minio_s3_time_ttfb_seconds_distribution"); /* the name that older dashboards have */
}

static void group_requests_v3(struct page *p)
{
    request_families(p, &v3, "minio_api_requests_traffic_");
    ttfb_family(p, &v3, "minio_api_requests_ttfb_seconds_distribution");
}

/* ---- what buckets hold ---- */

static const char *const ranges[] = {
    "LESS_THAN_1024_B",          "BETWEEN_1024_B_AND_64_KB", "BETWEEN_64_KB_AND_256_KB", "BETWEEN_256_KB_AND_512_KB",
    "BETWEEN_512_KB_AND_1_MB",   "BETWEEN_1_MB_AND_10_MB",   "BETWEEN_10_MB_AND_64_MB",  "BETWEEN_64_MB_AND_128_MB",
    "BETWEEN_128_MB_AND_512_MB", "GREATER_THAN_512_MB",
};
#define RANGE_1024_B 1 /* those that BETWEEN_1024B_AND_1_MB has together: from here ... */
#define RANGE_1_MB   5 /* ... up to here */

/* The store's last two ranges are one of MinIO's. */
static void range_rows(struct page *p, struct bytes base, const struct store_counts *c)
{
    uint64_t middle = 0;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        uint64_t n = c->sizes[i].objects;
        for (size_t k = ARRAY_LEN(ranges); i + 1 == ARRAY_LEN(ranges) && k < STORE_COUNT_SIZES; k++)
            n += c->sizes[k].objects;
        if (i >= RANGE_1024_B && i < RANGE_1_MB)
            middle += n;
        row_with(p, base, "range", bytes_str(ranges[i]), n);
    }
    row_with(p, base, "range", BYTES_LIT("BETWEEN_1024B_AND_1_MB"), middle);
}

enum usage_value { USE_OBJECTS, USE_BYTES, USE_VERSIONS, USE_MARKERS, USE_QUOTA };

/* MinIO counts every version, the newest too. */
static uint64_t usage_value(const struct store_counts *c, uint64_t quota, enum usage_value what)
{
    switch (what) {
    case USE_OBJECTS:
        return c->objects;
    case USE_BYTES:
        return c->object_bytes + c->version_bytes;
    case USE_VERSIONS:
        return c->objects + c->versions;
    case USE_MARKERS:
        return c->markers;
    case USE_QUOTA:
        return quota;
    }
    return 0;
}

/* Of each bucket, made once. */
static const struct bytes *bucket_labels(struct page *p)
{
    const struct usage *u = usage_of(p);
    if (p->bucket_labels)
        return p->bucket_labels;
    struct bytes *all = arena_new_array(p->arena, struct bytes, u->n_told + 1);
    for (size_t i = 0; i < u->n_told; i++)
        all[i] =
            arena_bytesf(p->arena, "%s,bucket=\"%.*s\"", p->server, (int)u->buckets[i].name.n, u->buckets[i].name.p);
    return p->bucket_labels = all;
}

struct usage_family {
    const char *name, *help;
    enum usage_value what;
};

static void usage_families(struct page *p, const struct usage_family *f, size_t n, const char *distribution)
{
    const struct usage *u = usage_of(p);
    for (size_t k = 0; k < n; k++) {
        family(p, f[k].name, "gauge", f[k].help);
        for (size_t i = 0; i < u->n_told; i++) {
            const struct usage_bucket *b = &u->buckets[i];
            if (f[k].what == USE_QUOTA && b->quota == 0)
                continue;
            row(p, bucket_labels(p)[i], usage_value(&b->counts, b->quota, f[k].what));
        }
    }
    family(p, distribution, "gauge", "Objects by their size.");
    for (size_t i = 0; i < u->n_told; i++)
        range_rows(p, bucket_labels(p)[i], &u->buckets[i].counts);
    gauge(p, "pail_metrics_buckets_left_out", "Buckets beyond those that hold the most: not told apart here.",
          u->n - u->n_told);
}

static void group_usage_buckets_v2(struct page *p)
{
    static const struct usage_family rows[] = {
        {"minio_bucket_usage_object_total", "Objects in a bucket.", USE_OBJECTS},
        {"minio_bucket_usage_total_bytes", "Bytes of a bucket's objects, older versions too.", USE_BYTES},
        {"minio_bucket_usage_version_total", "Versions in a bucket, the newest ones too.", USE_VERSIONS},
        {"minio_bucket_usage_deletemarker_total", "Delete markers in a bucket.", USE_MARKERS},
        {"minio_bucket_quota_total_bytes", "The most a bucket may hold.", USE_QUOTA},
    };
    usage_families(p, rows, ARRAY_LEN(rows), "minio_bucket_objects_size_distribution");
}

static void group_usage_buckets_v3(struct page *p)
{
    static const struct usage_family rows[] = {
        {"minio_cluster_usage_buckets_objects_count", "Objects in a bucket.", USE_OBJECTS},
        {"minio_cluster_usage_buckets_total_bytes", "Bytes of a bucket's objects, older versions too.", USE_BYTES},
        {"minio_cluster_usage_buckets_versions_count", "Versions in a bucket, the newest ones too.", USE_VERSIONS},
        {"minio_cluster_usage_buckets_delete_markers_count", "Delete markers in a bucket.", USE_MARKERS},
        {"minio_cluster_usage_buckets_quota_total_bytes", "The most a bucket may hold.", USE_QUOTA},
    };
    gauge(p, "minio_cluster_usage_buckets_since_last_update_seconds", "Age of these figures: they are kept exact.", 0);
    usage_families(p, rows, ARRAY_LEN(rows), "minio_cluster_usage_buckets_object_size_distribution");
}

static void group_usage_v2(struct page *p)
{
    const struct usage *u = totals_of(p);
    struct labels l = labels_of(p);
    gauge(p, "minio_cluster_bucket_total", "Buckets.", u->n);
    gauge(p, "minio_cluster_usage_total_bytes", "Bytes of all objects, older versions too.",
          usage_value(&u->all, 0, USE_BYTES));
    gauge(p, "minio_cluster_usage_object_total", "Objects.", u->all.objects);
    gauge(p, "minio_cluster_usage_version_total", "Versions, the newest ones too.",
          usage_value(&u->all, 0, USE_VERSIONS));
    gauge(p, "minio_cluster_usage_deletemarker_total", "Delete markers.", u->all.markers);
    gauge(p, "minio_usage_last_activity_nano_seconds", "Age of these figures: they are kept exact.", 0);
    family(p, "minio_cluster_objects_size_distribution", "gauge", "Objects by their size.");
    range_rows(p, labels_text(&l), &u->all);
}

static void group_usage_v3(struct page *p)
{
    const struct usage *u = totals_of(p);
    struct labels l = labels_of(p);
    gauge(p, "minio_cluster_usage_objects_since_last_update_seconds", "Age of these figures: they are kept exact.", 0);
    gauge(p, "minio_cluster_usage_objects_total_bytes", "Bytes of all objects, older versions too.",
          usage_value(&u->all, 0, USE_BYTES));
    gauge(p, "minio_cluster_usage_objects_count", "Objects.", u->all.objects);
    gauge(p, "minio_cluster_usage_objects_versions_count", "Versions, the newest ones too.",
          usage_value(&u->all, 0, USE_VERSIONS));
    gauge(p, "minio_cluster_usage_objects_delete_markers_count", "Delete markers.", u->all.markers);
    gauge(p, "minio_cluster_usage_objects_buckets_count", "Buckets.", u->n);
    family(p, "minio_cluster_usage_objects_size_distribution", "gauge", "Objects by their size.");
    range_rows(p, labels_text(&l), &u->all);
}

/* ---- what buckets are asked ---- */

struct bucket_names {
    const char *in, *out, *total, *canceled, *errors4, *errors5, *api;
};

static void bucket_op_family(struct page *p, const struct metrics_bucket_sum *sums, const char *name, const char *help,
                             const char *api, enum op_value what)
{
    const struct usage *u = usage_of(p);
    family(p, name, "counter", help);
    for (size_t i = 0; i < u->n_told; i++)
        for (size_t k = 0; k < METRICS_BUCKET_OP_COUNT; k++) {
            uint64_t value = what == OP_TOTAL     ? sums[i].ops[k].n
                             : what == OP_ERRORS4 ? sums[i].ops[k].errors4
                             : what == OP_ERRORS5 ? sums[i].ops[k].errors5
                                                  : sums[i].ops[k].canceled;
            if (value)
                row_with(p, bucket_labels(p)[i], api, bytes_str(metrics_bucket_api_name((enum metrics_bucket_op)k)),
                         value);
        }
}

static void bucket_families(struct page *p, const struct bucket_names *names)
{
    const struct usage *u = usage_of(p);
    struct metrics_bucket_sum *sums = arena_alloc(p->arena, (u->n_told ? u->n_told : 1) * sizeof *sums);
    for (size_t i = 0; i < u->n_told; i++)
        metrics_collect_bucket(p->s, u->buckets[i].partition, &sums[i]);
    for (int out = 0; out < 2; out++) {
        family(p, out ? names->out : names->in, "counter", out ? "Bytes of replies." : "Bytes of requests.");
        for (size_t i = 0; i < u->n_told; i++) {
            if (sums[i].in == 0 && sums[i].out == 0)
                continue;
            row(p, bucket_labels(p)[i], out ? sums[i].out : sums[i].in);
        }
    }
    bucket_op_family(p, sums, names->total, "Requests that ended, by operation.", names->api, OP_TOTAL);
    bucket_op_family(p, sums, names->canceled, "Requests that the client left before the end of the reply.", names->api,
                     OP_CANCELED);
    bucket_op_family(p, sums, names->errors4, "Requests that ended with a status of 400 to 499.", names->api,
                     OP_ERRORS4);
    bucket_op_family(p, sums, names->errors5, "Requests that ended with a status of 500 and above.", names->api,
                     OP_ERRORS5);
}

static void group_buckets_v2(struct page *p)
{
    static const struct bucket_names names = {.in = "minio_bucket_traffic_received_bytes",
                                              .out = "minio_bucket_traffic_sent_bytes",
                                              .total = "minio_bucket_requests_total",
                                              .canceled = "minio_bucket_requests_canceled_total",
                                              .errors4 = "minio_bucket_requests_4xx_errors_total",
                                              .errors5 = "minio_bucket_requests_5xx_errors_total",
                                              .api = "api"};
    bucket_families(p, &names);
}

static void group_buckets_v3(struct page *p)
{
    static const struct bucket_names names = {.in = "minio_bucket_api_traffic_received_bytes",
                                              .out = "minio_bucket_api_traffic_sent_bytes",
                                              .total = "minio_bucket_api_total",
                                              .canceled = "minio_bucket_api_canceled_total",
                                              .errors4 = "minio_bucket_api_4xx_errors_total",
                                              .errors5 = "minio_bucket_api_5xx_errors_total",
                                              .api = "name"};
    bucket_families(p, &names);
}

/* ---- the machine ---- */

static void capacity(struct page *p, uint64_t *ret_free, uint64_t *ret_total)
{
    store_space(p->s->store, ret_free, ret_total);
}

static void capacity_families(struct page *p, const char *prefix)
{
    uint64_t available, total;
    capacity(p, &available, &total);
    gauge(p, named(p, prefix, "capacity_raw_total_bytes"), "Size of the data's file system.", total);
    gauge(p, named(p, prefix, "capacity_raw_free_bytes"), "What of it is free.", available);
    gauge(p, named(p, prefix, "capacity_usable_total_bytes"), "Size of the data's file system.", total);
    gauge(p, named(p, prefix, "capacity_usable_free_bytes"), "What of it is free.", available);
}

static void group_cluster_v2(struct page *p)
{
    bool works = health_seems_well(p->s, store_of(p)->index.failed);
    capacity_families(p, "minio_cluster_");
    gauge(p, "minio_cluster_nodes_online_total", "Servers at work.", 1);
    gauge(p, "minio_cluster_nodes_offline_total", "Servers that are missing.", 0);
    gauge(p, "minio_cluster_drive_total", "Data folders.", 1);
    gauge(p, "minio_cluster_drive_online_total", "Data folders that take writes.", works);
    gauge(p, "minio_cluster_drive_offline_total", "Data folders that do not.", !works);
    gauge(p, "minio_cluster_health_status", "1: reads and writes work.", works);
    gauge(p, "minio_cluster_write_quorum", "Servers that a write needs.", 1);
}

static void group_health_v3(struct page *p)
{
    bool works = health_seems_well(p->s, store_of(p)->index.failed);
    capacity_families(p, "minio_cluster_health_");
    gauge(p, "minio_cluster_health_nodes_online_count", "Servers at work.", 1);
    gauge(p, "minio_cluster_health_nodes_offline_count", "Servers that are missing.", 0);
    gauge(p, "minio_cluster_health_drives_count", "Data folders.", 1);
    gauge(p, "minio_cluster_health_drives_online_count", "Data folders that take writes.", works);
    gauge(p, "minio_cluster_health_drives_offline_count", "Data folders that do not.", !works);
}

static void group_config_v3(struct page *p)
{
    gauge(p, "minio_cluster_config_standard_parity", "Drives that may fail: there is one.", 0);
    gauge(p, "minio_cluster_config_rrs_parity", "Drives that may fail: there is one.", 0);
}

/* Of IAM there is nothing to synchronise; the page is there, and tells what is kept in memory. */
static void group_iam_v3(struct page *p)
{
    uint64_t principals, policies;
    identities_cache_misses(p->s->identities, &principals, &policies);
    counter(p, "pail_iam_principals_loaded_total", "Identities that were put together from their records.", principals);
    counter(p, "pail_iam_policies_loaded_total", "Policies that were parsed.", policies);
}

static void group_nothing(struct page *p)
{
    (void)p;
}

static struct labels drive_labels(const struct page *p)
{
    struct labels l = labels_of(p);
    size_t n = strlen(p->s->config->dir);
    bool plain = n < LABELS_MAX_BYTES / 2;
    for (size_t i = 0; i < n && plain; i++)
        plain = (unsigned char)p->s->config->dir[i] >= 0x20 && !strchr("\"\\", p->s->config->dir[i]);
    label(&l, "drive", bytes_str(plain ? p->s->config->dir : "data"));
    return l;
}

static void drive_gauge(struct page *p, const char *name, const char *help, uint64_t value)
{
    struct labels l = drive_labels(p);
    family(p, name, "gauge", help);
    row(p, labels_text(&l), value);
}

static void drive_space(struct page *p, const char *prefix)
{
    uint64_t available, total;
    capacity(p, &available, &total);
    drive_gauge(p, named(p, prefix, "total_bytes"), "Size of the data's file system.", total);
    drive_gauge(p, named(p, prefix, "free_bytes"), "What of it is free.", available);
    drive_gauge(p, named(p, prefix, "used_bytes"), "What of it is taken, by whomever.", total - available);
    drive_gauge(p, named(p, prefix, "total_inodes"), "Files that it has room for.",
                process_inodes(p->s->config->dir).total);
    drive_gauge(p, named(p, prefix, "free_inodes"), "Files that it has still room for.",
                process_inodes(p->s->config->dir).available);
}

static void group_drive_v2(struct page *p)
{
    bool works = health_seems_well(p->s, store_of(p)->index.failed);
    drive_space(p, "minio_node_drive_");
    gauge(p, "minio_node_drive_total", "Data folders.", 1);
    gauge(p, "minio_node_drive_online_total", "Data folders that take writes.", works);
    gauge(p, "minio_node_drive_offline_total", "Data folders that do not.", !works);
}

static void group_drive_v3(struct page *p)
{
    bool works = health_seems_well(p->s, store_of(p)->index.failed);
    drive_space(p, "minio_system_drive_");
    drive_gauge(p, "minio_system_drive_health", "1: it takes writes.", works);
    gauge(p, "minio_system_drive_count", "Data folders.", 1);
    gauge(p, "minio_system_drive_online_count", "Data folders that take writes.", works);
    gauge(p, "minio_system_drive_offline_count", "Data folders that do not.", !works);
}

static void process_families(struct page *p, bool node)
{
    const struct process_stats *s = process_of(p);
    const char *process = node ? "minio_node_process_" : "minio_system_process_",
               *files = node ? "minio_node_file_descriptor_" : "minio_system_process_file_descriptor_",
               *io = node ? "minio_node_io_" : "minio_system_process_io_",
               *calls = node ? "minio_node_syscall_" : "minio_system_process_syscall_";
    counter_real(p, named(p, process, "cpu_total_seconds"), "Processor time of the server.", s->cpu_seconds);
    gauge(p, named(p, process, "resident_memory_bytes"), "Memory of the server, the index's pages in it too.",
          s->resident_bytes);
    gauge(p, named(p, process, "virtual_memory_bytes"), "Address space of the server, the index's map in it too.",
          s->virtual_bytes);
    gauge_real(p, named(p, process, node ? "starttime_seconds" : "start_time_seconds"), "When it was started.",
               (double)metrics_started_ms(p->s) / 1000);
    gauge_real(p, named(p, process, "uptime_seconds"), "For how long it runs.", metrics_uptime_seconds(p->s));
    gauge(p, named(p, files, "open_total"), "Open descriptors.", s->open_files);
    gauge(p, named(p, files, "limit_total"), "The most it may have open.", s->max_files);
    counter(p, named(p, io, "rchar_bytes"), "Bytes read by system calls, cached or not.", s->read_chars);
    counter(p, named(p, io, "wchar_bytes"), "Bytes written by system calls.", s->write_chars);
    counter(p, named(p, io, "read_bytes"), "Bytes read from disks.", s->read_bytes);
    counter(p, named(p, io, "write_bytes"), "Bytes written to disks.", s->write_bytes);
    counter(p, named(p, calls, "read_total"), "System calls that read.", s->read_calls);
    counter(p, named(p, calls, "write_total"), "System calls that write.", s->write_calls);
}

static void group_process_v2(struct page *p)
{
    process_families(p, true);
    struct labels l = labels_of(p);
    label(&l, "version", BYTES_LIT(PAIL_VERSION));
    family(p, "minio_software_version_info", "gauge", "The version, as a label.");
    row(p, labels_text(&l), 1);
}

static void group_process_v3(struct page *p)
{
    process_families(p, false);
}

static void memory_families(struct page *p, const char *prefix)
{
    struct memory_stats m;
    memory_stats(&m);
    gauge(p, named(p, prefix, "total"), "Memory of the machine.", m.total);
    gauge(p, named(p, prefix, "free"), "Memory that nobody uses.", m.unused);
    gauge(p, named(p, prefix, "available"), "Memory that can be had.", m.available);
    gauge(p, named(p, prefix, "used"), "Memory that cannot.", m.total - m.available);
    gauge_real(p, named(p, prefix, "used_perc"), "The same as part of all.",
               m.total ? 100.0 * (double)(m.total - m.available) / (double)m.total : 0);
    gauge(p, named(p, prefix, "buffers"), "Memory that caches devices.", m.buffers);
    gauge(p, named(p, prefix, "cache"), "Memory that caches files.", m.cached);
    gauge(p, named(p, prefix, "shared"), "Memory that is shared.", m.shared);
}

static void group_resource_v2(struct page *p)
{
    double load[3];
    memory_families(p, "minio_node_mem_");
    load_averages(load);
    gauge_real(p, "minio_node_cpu_avg_load1", "Threads that run or wait, over a minute.", load[0]);
    gauge_real(p, "minio_node_cpu_avg_load5", "The same, over 5 minutes.", load[1]);
    gauge_real(p, "minio_node_cpu_avg_load15", "The same, over 15 minutes.", load[2]);
}

static void group_memory_v3(struct page *p)
{
    memory_families(p, "minio_system_memory_");
}

static void group_cpu_v3(struct page *p)
{
    double load[3];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    load_averages(load);
    gauge_real(p, "minio_system_cpu_load", "Threads that run or wait, over a minute.", load[0]);
    gauge_real(p, "minio_system_cpu_load_perc", "The same as part of all processors.",
               cores > 0 ? 100 * load[0] / (double)cores : 0);
}

/* ---- what MinIO's dashboards draw of other work ---- */

/* Names that disks had before they were called drives; older dashboards have them. */
static void group_disk_v2(struct page *p)
{
    bool works = health_seems_well(p->s, store_of(p)->index.failed);
    drive_space(p, "minio_node_disk_");
    gauge(p, "minio_cluster_disk_total", "Data folders.", 1);
    gauge(p, "minio_cluster_disk_online_total", "Data folders that take writes.", works);
    gauge(p, "minio_cluster_disk_offline_total", "Data folders that do not.", !works);
}

/* The scrubber reads everything and finds what is damaged; from another copy nothing can be mended. */
static void group_heal_v2(struct page *p)
{
    struct upkeep_health h = {0};
    if (p->s->upkeep)
        upkeep_health(p->s->upkeep, &h);
    int64_t ago_ms = h.pass_ended_ms ? clock_wall_ms() - h.pass_ended_ms : 0;
    gauge(p, "minio_heal_objects_total", "Blobs that the scrubber has read.", h.scrubbed_blobs);
    gauge(p, "minio_heal_objects_heal_total", "Blobs that were mended: there is no other copy to do so from.", 0);
    gauge(p, "minio_heal_objects_errors_total", "Blobs found damaged that are still there.", h.damaged);
    gauge(p, "minio_heal_time_last_activity_nano_seconds", "Since the scrubber's last whole pass; 0: none has ended.",
          ago_ms > 0 ? (uint64_t)ago_ms * 1000000 : 0);
}

/* What lies in other classes than the usual one, by whatever way it came there. */
static void group_ilm_v2(struct page *p)
{
    const struct usage *u = totals_of(p);
    for (int bytes = 0; bytes < 2; bytes++) {
        family(p, bytes ? "minio_cluster_ilm_transitioned_bytes" : "minio_cluster_ilm_transitioned_objects", "gauge",
               bytes ? "Bytes in other storage classes than STANDARD." : "Versions in other classes than STANDARD.");
        for (size_t i = 1; i < STORE_COUNT_CLASSES && u->n; i++) {
            struct labels l = labels_of(p);
            label(&l, "tier", bytes_str(u->all.classes[i].name));
            row(p, labels_text(&l), bytes ? u->all.classes[i].bytes : u->all.classes[i].objects);
        }
    }
    counter(p, "minio_node_ilm_versions_scanned", "Records that the lifecycle worker looked at.",
            store_of(p)->lifecycle_examined);
}

static void group_audit_v2(struct page *p)
{
    struct audit_stats a;
    audit_stats_get(p->s->audit, &a);
    counter(p, "minio_audit_total_messages", "Lines of the audit log.", a.lines);
    counter(p, "minio_audit_failed_messages", "Lines that were lost.", a.dropped);
}

static void group_inter_node_v2(struct page *p)
{
    counter(p, "minio_inter_node_traffic_received_bytes", "Bytes from other servers: there are none.", 0);
    counter(p, "minio_inter_node_traffic_sent_bytes", "Bytes to other servers: there are none.", 0);
}

/* ---- Pail's own ---- */

static void histogram_rows(struct page *p, const struct labels *base, const struct histogram_sum *h)
{
    uint64_t below = 0;
    for (size_t k = 0; k <= HISTOGRAM_BOUNDS; k++) {
        struct labels l = *base;
        below += h->n[k];
        label(&l, "le", bytes_str(k == HISTOGRAM_BOUNDS ? "+Inf" : histogram_bounds_text[k]));
        row_begin(p, "_bucket", labels_text(&l));
        buf_put_u64(p->out, below);
        buf_put_char(p->out, '\n');
    }
    row_begin(p, "_sum", labels_text(base));
    buf_printf(p->out, "%.9g\n", (double)h->sum_ns / 1e9);
    row_begin(p, "_count", labels_text(base));
    buf_put_u64(p->out, below);
    buf_put_char(p->out, '\n');
}

static struct labels own_labels(const struct page *p, const struct metrics_op_sum *o)
{
    struct labels l = labels_of(p);
    label(&l, "operation", bytes_str(o->op ? o->op->name : "none"));
    return l;
}

static void group_pail_requests(struct page *p)
{
    const struct metrics_sum *sum = sum_of(p);
    for (int whole = 0; whole < 2; whole++) {
        family(p, whole ? "pail_request_duration_seconds" : "pail_request_first_byte_seconds", "histogram",
               whole ? "From the first byte of a request to the last of its reply."
                     : "From the first byte of a request to the first of its reply.");
        for (size_t i = 0; i < sum->n_ops; i++) {
            if (sum->ops[i].ended == 0)
                continue;
            struct labels l = own_labels(p, &sum->ops[i]);
            histogram_rows(p, &l, whole ? &sum->ops[i].whole : &sum->ops[i].first);
        }
    }
    for (int out = 0; out < 2; out++) {
        family(p, out ? "pail_sent_bytes_total" : "pail_received_bytes_total", "counter",
               out ? "Bytes of replies." : "Bytes of requests.");
        for (size_t i = 0; i < sum->n_ops; i++) {
            if (sum->ops[i].ended == 0)
                continue;
            struct labels l = own_labels(p, &sum->ops[i]);
            row(p, labels_text(&l), out ? sum->ops[i].out : sum->ops[i].in);
        }
    }
    family(p, "pail_requests_in_flight", "gauge", "Requests being served.");
    for (size_t i = 0; i < sum->n_ops; i++)
        if (sum->ops[i].begun) {
            struct labels l = own_labels(p, &sum->ops[i]);
            row(p, labels_text(&l), op_value(&sum->ops[i], OP_INFLIGHT));
        }
    family(p, "pail_request_errors_total", "counter", "Requests that ended with an error, by its code.");
    for (size_t i = 0; i < sum->n_ops; i++)
        for (size_t c = 1; c < S3E_COUNT; c++) {
            if (sum->ops[i].codes[c] == 0)
                continue;
            struct labels l = own_labels(p, &sum->ops[i]);
            label(&l, "code", bytes_str(s3_error_code((enum s3_error)c)));
            row(p, labels_text(&l), sum->ops[i].codes[c]);
        }
}

static void group_pail_server(struct page *p)
{
    const struct metrics_sum *sum = sum_of(p);
    struct server *s = p->s;
    struct pool_stats pool;
    pool_stats(s->pool, &pool);
    gauge(p, "pail_connections", "Connections that are open.", atomic_load(&s->n_conns));
    counter(p, "pail_connections_accepted_total", "Connections that were taken.", sum->accepted);
    counter(p, "pail_connections_refused_total", "Connections beyond a limit.", sum->refused);
    gauge(p, "pail_document_bytes", "Memory that large documents take.", atomic_load(&s->document_bytes));
    gauge(p, "pail_workers", "Worker threads.", pool.threads);
    gauge(p, "pail_workers_busy", "Those at work.", pool.busy);
    counter_real(p, "pail_workers_busy_seconds_total", "Time that workers spent on jobs that ended.",
                 (double)pool.busy_ns / 1e9);
    gauge(p, "pail_worker_queue_length", "Jobs that wait for a worker.", pool.queued);
    gauge(p, "pail_worker_queue_longest", "The most that ever waited.", pool.longest_queue);
    counter(p, "pail_worker_jobs_total", "Jobs that were begun.", pool.run);
    counter(p, "pail_worker_jobs_refused_total", "Jobs that found the queue full.", pool.refused);
    family(p, "pail_loop_cpu_seconds_total", "counter", "Processor time of an event loop.");
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct labels l = labels_of(p);
        char number[16];
        snprintf(number, sizeof number, "%u", i);
        label(&l, "loop", bytes_str(number));
        row_real(p, labels_text(&l), (double)atomic_load(&s->loops[i]->cpu_ns) / 1e9);
    }
    family(p, "pail_loop_connections", "gauge", "Connections of an event loop.");
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct labels l = labels_of(p);
        char number[16];
        snprintf(number, sizeof number, "%u", i);
        label(&l, "loop", bytes_str(number));
        row(p, labels_text(&l), atomic_load(&s->loops[i]->n_conns));
    }
    uint64_t principals, policies;
    identities_cache_misses(s->identities, &principals, &policies);
    const struct {
        const char *name;
        uint64_t n;
    } caches[] = {{"signing_keys", key_cache_misses()}, {"principals", principals}, {"policies", policies}};
    family(p, "pail_cache_misses_total", "counter", "Look-ups that a cache could not answer.");
    for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
        struct labels l = labels_of(p);
        label(&l, "cache", bytes_str(caches[i].name));
        row(p, labels_text(&l), caches[i].n);
    }
}

static void group_pail_upkeep(struct page *p)
{
    struct upkeep_health h = {0};
    struct audit_stats a;
    if (p->s->upkeep)
        upkeep_health(p->s->upkeep, &h);
    counter(p, "pail_scrub_blobs_total", "Blobs that the scrubber has read.", h.scrubbed_blobs);
    counter(p, "pail_scrub_bytes_total", "Bytes of them.", h.scrubbed_bytes);
    gauge(p, "pail_scrub_damaged_blobs", "Blobs found damaged that are still there.", h.damaged);
    gauge(p, "pail_scrub_last_pass_timestamp_seconds", "When the last whole pass ended; 0: none did.",
          (uint64_t)h.pass_ended_ms / 1000);
    gauge(p, "pail_index_snapshot_timestamp_seconds", "Of the newest snapshot of the index; 0: there is none.",
          (uint64_t)h.snapshot_ms / 1000);
    gauge(p, "pail_index_snapshot_failed", "1: the last try failed.", h.snapshot_failed);
    audit_stats_get(p->s->audit, &a);
    counter(p, "pail_audit_lines_total", "Lines of the audit log.", a.lines);
    counter(p, "pail_audit_dropped_total", "Lines that were lost.", a.dropped);
    counter(p, "pail_audit_sent_total", "Lines that the webhook has taken.", a.sent);
    counter(p, "pail_audit_failures_total", "Requests to the webhook that were not taken.", a.failed);
    gauge(p, "pail_audit_queue_bytes", "Bytes of lines that wait for the webhook.", a.queued_bytes);
}

static void group_pail_store(struct page *p)
{
    const struct store_stats *st = store_of(p);
    struct labels l = labels_of(p);
    uint64_t below = 0;
    counter(p, "pail_commits_total", "Commits of the index, each with one sync.", st->index.groups);
    counter(p, "pail_commit_batches_total", "Changes that they made durable.", st->index.batches);
    gauge(p, "pail_commit_queue_length", "Changes that wait.", st->index.queued);
    family(p, "pail_commit_duration_seconds", "histogram", "Commits, with their syncs.");
    histogram_rows(p, &l, &st->index.took);
    family(p, "pail_commit_batches", "histogram", "Changes that a commit had.");
    for (size_t i = 0; i < INDEX_GROUP_SIZES; i++) {
        struct labels b = l;
        char bound[24] = "+Inf";
        if (i + 1 < INDEX_GROUP_SIZES)
            snprintf(bound, sizeof bound, "%llu", 1ULL << i);
        below += st->index.group_sizes[i];
        label(&b, "le", bytes_str(bound));
        row_begin(p, "_bucket", labels_text(&b));
        buf_put_u64(p->out, below);
        buf_put_char(p->out, '\n');
    }
    row_begin(p, "_sum", labels_text(&l));
    buf_put_u64(p->out, st->index.batches);
    buf_put_char(p->out, '\n');
    row_begin(p, "_count", labels_text(&l));
    buf_put_u64(p->out, below);
    buf_put_char(p->out, '\n');
    gauge(p, "pail_index_used_bytes", "Bytes of the index.", st->index.used_bytes);
    gauge(p, "pail_index_file_bytes", "Bytes of its file, the reserve in it too.", st->index.file_bytes);
    gauge(p, "pail_index_full", "1: the index finds no room to grow.", st->index.full);
    gauge(p, "pail_index_failed", "1: a commit failed; nothing is written until a restart.", st->index.failed);
    gauge(p, "pail_writes_running", "Writes between commit and reply.", st->running);
    gauge(p, "pail_garbage_places", "Buckets with something to collect, now or later.", st->garbage_places);
    counter(p, "pail_garbage_collections_total", "Buckets that the collector looked at.", st->collections);
    counter(p, "pail_garbage_blobs_removed_total", "Blobs that it removed.", st->blobs_removed);
    counter(p, "pail_lifecycle_examined_total", "Records that the lifecycle worker looked at.", st->lifecycle_examined);
    family(p, "pail_lifecycle_actions_total", "counter", "What it did.");
    const struct {
        const char *what;
        uint64_t n;
    } deeds[] = {
        {"expire", st->lifecycle_expired}, {"transition", st->lifecycle_moved}, {"abort", st->lifecycle_aborted}};
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        struct labels d = l;
        label(&d, "action", bytes_str(deeds[i].what));
        row(p, labels_text(&d), deeds[i].n);
    }
    counter(p, "pail_lifecycle_failures_total", "What it could not do.", st->lifecycle_failed);
    group_pail_upkeep(p);
    gauge_real(p, "pail_uptime_seconds", "For how long the server runs.", metrics_uptime_seconds(p->s));
}

static void group_pail_usage(struct page *p)
{
    const struct usage *u = totals_of(p);
    const struct {
        const char *name, *help;
        uint64_t n;
    } rows[] = {
        {"pail_buckets", "Buckets.", u->n},
        {"pail_objects", "Objects.", u->all.objects},
        {"pail_object_bytes", "Bytes of objects.", u->all.object_bytes},
        {"pail_noncurrent_versions", "Older versions.", u->all.versions},
        {"pail_noncurrent_version_bytes", "Bytes of older versions.", u->all.version_bytes},
        {"pail_delete_markers", "Delete markers.", u->all.markers},
        {"pail_uploads", "Multipart uploads that are open.", u->all.uploads},
        {"pail_upload_parts", "Their parts.", u->all.parts},
        {"pail_upload_part_bytes", "Bytes of their parts.", u->all.part_bytes},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        gauge(p, rows[i].name, rows[i].help, rows[i].n);
    family(p, "pail_class_bytes", "gauge", "Bytes by storage class, older versions too.");
    for (size_t i = 0; i < STORE_COUNT_CLASSES && u->n; i++) {
        struct labels l = labels_of(p);
        label(&l, "class", bytes_str(u->all.classes[i].name));
        row(p, labels_text(&l), u->all.classes[i].bytes);
    }
}

/* ---- pages ---- */

static const struct {
    const char *path;
    void (*groups[GROUPS_MAX + 1])(struct page *);
} pages[] = {
    {"v2/node", {group_process_v2, group_drive_v2, group_disk_v2, group_inter_node_v2, group_requests_v2}},
    {"v2/cluster",
     {group_cluster_v2, group_usage_v2, group_process_v2, group_drive_v2, group_disk_v2, group_inter_node_v2,
      group_heal_v2, group_ilm_v2, group_audit_v2, group_requests_v2}},
    {"v2/bucket", {group_usage_buckets_v2, group_buckets_v2}},
    {"v2/resource", {group_resource_v2}},
    {"v3/api/requests", {group_requests_v3}},
    {"v3/system/drive", {group_drive_v3}},
    {"v3/system/memory", {group_memory_v3}},
    {"v3/system/cpu", {group_cpu_v3}},
    {"v3/system/process", {group_process_v3}},
    {"v3/system/network/internode", {group_nothing}},
    {"v3/cluster/health", {group_health_v3}},
    {"v3/cluster/usage/buckets", {group_usage_buckets_v3}}, /* before the totals, which then cost nothing */
    {"v3/cluster/usage/objects", {group_usage_v3}},
    {"v3/cluster/iam", {group_iam_v3}},
    {"v3/cluster/config", {group_config_v3}},
    {"pail", {group_pail_requests, group_pail_server, group_pail_store, group_pail_usage}},
};

#define BUCKET_PAGES "v3/bucket/api/"

/* Of this server among others: where it listens, or the machine's name. Invents nothing that would need an escape. */
static void name_server(struct page *p)
{
    const char *address = p->s->config->address;
    char host[128] = "localhost";
    for (const char *c = address; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '"' || *c == '\\')
            address = "";
    if (*address == ':' && gethostname(host, sizeof host) == 0)
        host[sizeof host - 1] = '\0';
    for (char *c = host; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '"' || *c == '\\')
            *c = '_';
    snprintf(p->server, sizeof p->server, "server=\"%.120s%.120s\"", *address == ':' ? host : "", address);
}

/* "v3/system" has all pages below it, as in MinIO. */
static bool within(const char *page, struct bytes path)
{
    struct bytes name = bytes_str(page);
    return bytes_eq(name, path) || (name.n > path.n && bytes_starts(name, path) && name.p[path.n] == '/' &&
                                    bytes_starts(name, BYTES_LIT("v3")));
}

int metrics_page(struct server *s, struct bytes path, struct arena *a, struct buf *out)
{
    struct page p = {.s = s, .arena = a, .out = out};
    bool found = false;
    name_server(&p);
    if (bytes_starts(path, BYTES_LIT(BUCKET_PAGES)) && path.n > sizeof BUCKET_PAGES - 1) {
        struct store_bucket b;
        int rc = store_bucket_get(s->store, bytes_cut(path, sizeof BUCKET_PAGES - 1, path.n), a, &b);
        p.usage = arena_new(a, struct usage);
        if (rc == STORE_OK)
            rc = usage_of_bucket(s->store, &b, a, p.usage);
        if (rc != STORE_OK)
            return rc;
        group_buckets_v3(&p);
        return p.rc;
    }
    for (size_t i = 0; i < ARRAY_LEN(pages) && path.n; i++) {
        if (!within(pages[i].path, path))
            continue;
        found = true;
        for (size_t k = 0; pages[i].groups[k]; k++)
            pages[i].groups[k](&p);
    }
    return found ? p.rc : STORE_NO_SUCH_KEY;
}
