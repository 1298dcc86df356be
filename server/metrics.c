/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting requests; metrics.h says how.
 *
 * Invariants: only the loop with a shard's number writes to it, but for `refused`. Rows of one name (the same by
 * another method or path) are one operation here; the first is for "none". A bucket's entry is known by its partition,
 * which no other bucket ever gets; it is taken over by zeroing it first and naming it last.
 *
 * What counting costs is the cache lines it touches, since a request in between has used up the first-level cache. So
 * what a successful download adds to lies together at the beginning of each struct here, and those begin with a line.
 * Threads: see metrics.h.
 */
#include "server/metrics.h"

#include <ctype.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/admin_api/admin_api.h"
#include "server/conn.h"
#include "server/ops.h"
#include "server/own_ops.h"
#include "server/req.h"
#include "server/server.h"

#define NAME_MAX_BYTES 48
#define MINUTE_MS      60000
#define CODE_SHIFT     48 /* of a pair of code and count */
#define TABLES         3  /* of operations: S3's, the server's own, MinIO's for administrators */
#define CACHE_LINE     64

enum direction { NEITHER, UPLOAD, DOWNLOAD };

struct op_counts {
    alignas(CACHE_LINE) _Atomic uint64_t begun;
    _Atomic uint64_t ended, in, out, canceled, errors4, errors5;
    struct histogram first, whole;
    _Atomic uint64_t codes[S3E_COUNT];
};

struct minute {
    alignas(CACHE_LINE) _Atomic int64_t number; /* since 1970; 0: being zeroed, or never used */
    _Atomic uint64_t requests, in, out, downloads, uploads;
    struct histogram down, up, other;
    _Atomic uint64_t failed_uploads, failed_downloads, canceled, errors4, errors5;
    _Atomic uint64_t codes[METRICS_MINUTE_CODES]; /* code and count */
    _Atomic uint64_t other_codes;
};

struct bucket_counts {
    alignas(CACHE_LINE) _Atomic uint64_t in;
    _Atomic uint64_t out;
    struct {
        _Atomic uint64_t n, errors4, errors5, canceled;
    } ops[METRICS_BUCKET_OP_COUNT];
    struct minute minutes[METRICS_MINUTES];
};

/* Buckets that share their places. */
struct bucket_set {
    alignas(CACHE_LINE) _Atomic uint64_t partitions[METRICS_BUCKET_WAYS]; /* whose the places are, 0: nobody's */
    uint64_t used[METRICS_BUCKET_WAYS];                                   /* the shard's clock; its writer's own */
};

/* Most of it is never written to, and takes no memory. */
struct shard {
    alignas(CACHE_LINE) _Atomic uint64_t accepted;
    uint64_t clock;
    struct minute minutes[METRICS_MINUTES];
    struct bucket_set sets[METRICS_BUCKET_SETS];
    struct bucket_counts buckets[METRICS_BUCKETS]; /* of a set METRICS_BUCKET_WAYS each */
    struct op_counts ops[];
};

struct op_info {
    const struct s3_op *op;
    char name[NAME_MAX_BYTES];
};

/* What counting needs of a table's row. */
struct op_place {
    uint16_t op; /* among `info` */
    uint8_t bucket_op, direction;
};

struct metrics {
    struct op_rows {
        const struct s3_op *first;
        size_t n;
        struct op_place *places;
    } tables[TABLES];
    size_t n_ops;
    struct op_info *info;
    int64_t started_ms, started_mono_ms;
    _Atomic uint64_t refused;
    unsigned n_shards;
    struct shard *shards[];
};

/* ---- names ---- */

/* Where MinIO's names are not those of S3 in lower case. */
static const struct {
    const char *s3, *minio;
} names[] = {
    {"CreateBucket", "putbucket"},
    {"ListObjects", "listobjectsv1"},
    {"PostObject", "postpolicybucket"},
    {"DeleteObjects", "deletemultipleobjects"},
    {"CreateMultipartUpload", "newmultipartupload"},
    {"UploadPart", "putobjectpart"},
    {"UploadPartCopy", "copyobjectpart"},
    {"ListParts", "listobjectparts"},
    {"RestoreObject", "postrestoreobject"},
    {"PutBucketLifecycleConfiguration", "putbucketlifecycle"},
    {"GetBucketLifecycleConfiguration", "getbucketlifecycle"},
    {"PutObjectLockConfiguration", "putbucketobjectlockconfig"},
    {"GetObjectLockConfiguration", "getbucketobjectlockconfig"},
    {"GetBucketPolicyStatus", "getbucketpolicystatus"},
};

static void name_op(const char *s3, char out[NAME_MAX_BYTES])
{
    const char *from = s3;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(s3, names[i].s3) == 0)
            from = names[i].minio;
    for (; from[n] && n + 1 < NAME_MAX_BYTES; n++)
        out[n] = (char)tolower((unsigned char)from[n]);
    out[n] = '\0';
}

static const char *const bucket_op_names[] = {
#define X(name) #name,
    METRICS_BUCKET_OPS(X)
#undef X
};

static enum metrics_bucket_op bucket_op_of(const struct s3_op *op)
{
    for (size_t i = 0; i < ARRAY_LEN(bucket_op_names); i++)
        if (strcmp(op->name, bucket_op_names[i]) == 0)
            return (enum metrics_bucket_op)i;
    return METRICS_BUCKET_OTHER;
}

static enum direction direction_of(const struct s3_op *op)
{
    if (op->kind == OP_UPLOAD)
        return UPLOAD;
    return strcmp(op->name, "GetObject") == 0 ? DOWNLOAD : NEITHER;
}

const char *metrics_bucket_api_name(enum metrics_bucket_op op)
{
    static const char *const lower[] = {
        "getobject",
        "putobject",
        "headobject",
        "deleteobject",
        "deletemultipleobjects",
        "copyobject",
        "newmultipartupload",
        "putobjectpart",
        "completemultipartupload",
        "abortmultipartupload",
        "listobjectsv1",
        "listobjectsv2",
        "listobjectversions",
        "headbucket",
        "other",
    };
    _Static_assert(ARRAY_LEN(lower) == METRICS_BUCKET_OP_COUNT, "a name for each");
    return lower[op];
}

static struct op_place place_of(const struct metrics *m, const struct s3_op *op)
{
    for (size_t i = 0; i < TABLES; i++)
        if (op >= m->tables[i].first && op < m->tables[i].first + m->tables[i].n)
            return m->tables[i].places[op - m->tables[i].first];
    return (struct op_place){.bucket_op = METRICS_BUCKET_OTHER};
}

const char *metrics_api_name(struct server *s, const struct s3_op *op)
{
    return s->metrics->info[place_of(s->metrics, op).op].name;
}

/* ---- life ---- */

/* The place of a row's name. */
static uint16_t place_name(struct metrics *m, const struct s3_op *op)
{
    for (size_t i = 1; i < m->n_ops; i++)
        if (strcmp(m->info[i].op->name, op->name) == 0)
            return (uint16_t)i;
    m->info[m->n_ops].op = op;
    name_op(op->name, m->info[m->n_ops].name);
    return (uint16_t)m->n_ops++;
}

static struct op_place place_row(struct metrics *m, const struct s3_op *op)
{
    return (struct op_place){place_name(m, op), (uint8_t)bucket_op_of(op), (uint8_t)direction_of(op)};
}

static size_t shard_size(const struct metrics *m)
{
    return sizeof(struct shard) + m->n_ops * sizeof(struct op_counts);
}

struct metrics *metrics_create(unsigned shards)
{
    struct metrics *m = xcalloc(1, sizeof *m + shards * sizeof(struct shard *));
    m->tables[0].first = op_table(&m->tables[0].n);
    m->tables[1].first = own_op_table(&m->tables[1].n);
    m->tables[2].first = admin_op_table(&m->tables[2].n);
    m->info = xcalloc(1 + m->tables[0].n + m->tables[1].n + m->tables[2].n, sizeof *m->info);
    m->info[0] = (struct op_info){.name = "unknown"};
    m->n_ops = 1;
    for (size_t i = 0; i < TABLES; i++) {
        m->tables[i].places = xcalloc(m->tables[i].n, sizeof *m->tables[i].places);
        for (size_t k = 0; k < m->tables[i].n; k++)
            m->tables[i].places[k] = place_row(m, &m->tables[i].first[k]);
    }
    m->n_shards = shards;
    for (unsigned i = 0; i < shards; i++) {
        void *p = mmap(NULL, shard_size(m), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED);
        m->shards[i] = p;
    }
    m->started_ms = clock_wall_ms();
    m->started_mono_ms = clock_mono_ms();
    return m;
}

void metrics_free(struct metrics **pm)
{
    struct metrics *m = *pm;
    for (unsigned i = 0; m && i < m->n_shards; i++)
        munmap(m->shards[i], shard_size(m));
    for (size_t i = 0; m && i < TABLES; i++)
        free(m->tables[i].places);
    if (m)
        free(m->info);
    free(m);
    *pm = NULL;
}

int64_t metrics_started_ms(const struct server *s)
{
    return s->metrics->started_ms;
}

double metrics_uptime_seconds(const struct server *s)
{
    return (double)(clock_mono_ms() - s->metrics->started_mono_ms) / 1000;
}

/* ---- counting ---- */

static struct shard *shard_of(const struct req *r)
{
    return r->server->metrics->shards[r->conn->loop->number];
}

void metrics_accepted(struct server *s, unsigned shard)
{
    if (s->metrics)
        counter_add(&s->metrics->shards[shard]->accepted, 1);
}

void metrics_refused(struct server *s)
{
    if (s->metrics)
        atomic_fetch_add_explicit(&s->metrics->refused, 1, memory_order_relaxed);
}

void metrics_begin(struct req *r)
{
    if (r->server->metrics)
        counter_add(&shard_of(r)->ops[place_of(r->server->metrics, r->op).op].begun, 1);
}

/* What is told of a request. */
struct event {
    struct op_place place;
    int status; /* 0: there was no reply */
    bool canceled;
    enum s3_error code;
    uint64_t in, out, first_ns, whole_ns;
};

static void zero_minute(struct minute *t)
{
    _Atomic uint64_t *all[] = {
        &t->requests, &t->uploads, &t->downloads, &t->failed_uploads, &t->failed_downloads, &t->canceled, &t->errors4,
        &t->errors5,  &t->in,      &t->out,       &t->other_codes};
    struct histogram *h[] = {&t->up, &t->down, &t->other};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        atomic_store_explicit(all[i], 0, memory_order_relaxed);
    for (size_t i = 0; i < ARRAY_LEN(h); i++) {
        for (size_t k = 0; k <= HISTOGRAM_BOUNDS; k++)
            atomic_store_explicit(&h[i]->n[k], 0, memory_order_relaxed);
        atomic_store_explicit(&h[i]->sum_ns, 0, memory_order_relaxed);
    }
    for (size_t i = 0; i < METRICS_MINUTE_CODES; i++)
        atomic_store_explicit(&t->codes[i], 0, memory_order_relaxed);
}

static struct minute *minute_now(struct minute *ring, int64_t now_ms)
{
    int64_t number = now_ms / MINUTE_MS;
    struct minute *t = &ring[number % METRICS_MINUTES];
    if (atomic_load_explicit(&t->number, memory_order_relaxed) != number) {
        atomic_store_explicit(&t->number, 0, memory_order_relaxed);
        zero_minute(t);
        atomic_store_explicit(&t->number, number, memory_order_release);
    }
    return t;
}

static void count_code(struct minute *t, enum s3_error code)
{
    for (size_t i = 0; i < METRICS_MINUTE_CODES; i++) {
        uint64_t pair = counter_get(&t->codes[i]);
        if (pair == 0)
            atomic_store_explicit(&t->codes[i], (uint64_t)code << CODE_SHIFT, memory_order_relaxed);
        else if (pair >> CODE_SHIFT != (uint64_t)code)
            continue;
        counter_add(&t->codes[i], 1);
        return;
    }
    counter_add(&t->other_codes, 1);
}

static void count_minute(struct minute *t, const struct event *e)
{
    bool failed = e->canceled || e->status >= 400;
    counter_add(&t->requests, 1);
    counter_add(&t->in, e->in);
    counter_add(&t->out, e->out);
    if (e->place.direction == UPLOAD) {
        counter_add(failed ? &t->failed_uploads : &t->uploads, 1);
        histogram_add(&t->up, e->whole_ns);
    } else if (e->place.direction == DOWNLOAD) {
        counter_add(failed ? &t->failed_downloads : &t->downloads, 1);
        histogram_add(&t->down, e->whole_ns);
    } else {
        histogram_add(&t->other, e->whole_ns);
    }
    if (!failed)
        return;
    if (e->canceled)
        counter_add(&t->canceled, 1);
    if (e->status >= 400)
        counter_add(e->status >= 500 ? &t->errors5 : &t->errors4, 1);
    if (e->code)
        count_code(t, e->code);
}

static void count_op(struct op_counts *o, const struct event *e)
{
    counter_add(&o->ended, 1);
    counter_add(&o->in, e->in);
    counter_add(&o->out, e->out);
    if (e->status)
        histogram_add(&o->first, e->first_ns);
    histogram_add(&o->whole, e->whole_ns);
    if (e->code)
        counter_add(&o->codes[e->code], 1);
    if (e->canceled)
        counter_add(&o->canceled, 1);
    if (e->status >= 400)
        counter_add(e->status >= 500 ? &o->errors5 : &o->errors4, 1);
}

static size_t set_of(uint64_t partition)
{
    uint64_t h = partition * 0x9e3779b97f4a7c15u;
    return h >> 32 & (METRICS_BUCKET_SETS - 1);
}

static void take_over(struct bucket_counts *b, _Atomic uint64_t *whose, uint64_t partition)
{
    atomic_store_explicit(whose, 0, memory_order_relaxed);
    for (size_t i = 0; i < METRICS_BUCKET_OP_COUNT; i++) {
        atomic_store_explicit(&b->ops[i].n, 0, memory_order_relaxed);
        atomic_store_explicit(&b->ops[i].errors4, 0, memory_order_relaxed);
        atomic_store_explicit(&b->ops[i].errors5, 0, memory_order_relaxed);
        atomic_store_explicit(&b->ops[i].canceled, 0, memory_order_relaxed);
    }
    atomic_store_explicit(&b->in, 0, memory_order_relaxed);
    atomic_store_explicit(&b->out, 0, memory_order_relaxed);
    for (size_t i = 0; i < METRICS_MINUTES; i++)
        atomic_store_explicit(&b->minutes[i].number, 0, memory_order_relaxed);
    atomic_store_explicit(whose, partition, memory_order_release);
}

/* The bucket's counters; the set's longest unused ones become its own when it has none. */
static struct bucket_counts *bucket_counts(struct shard *s, uint64_t partition)
{
    size_t number = set_of(partition), at = 0;
    struct bucket_set *set = &s->sets[number];
    struct bucket_counts *first = &s->buckets[number * METRICS_BUCKET_WAYS];
    while (at < METRICS_BUCKET_WAYS && atomic_load_explicit(&set->partitions[at], memory_order_relaxed) != partition)
        at++;
    if (at == METRICS_BUCKET_WAYS) {
        at = 0;
        for (size_t i = 1; i < METRICS_BUCKET_WAYS; i++)
            at = set->used[i] < set->used[at] ? i : at;
        take_over(&first[at], &set->partitions[at], partition);
    }
    set->used[at] = ++s->clock;
    return &first[at];
}

static void count_bucket(struct shard *s, uint64_t partition, const struct event *e, int64_t now_ms)
{
    struct bucket_counts *b = bucket_counts(s, partition);
    size_t op = e->place.bucket_op;
    counter_add(&b->ops[op].n, 1);
    if (e->status >= 400)
        counter_add(e->status >= 500 ? &b->ops[op].errors5 : &b->ops[op].errors4, 1);
    if (e->canceled)
        counter_add(&b->ops[op].canceled, 1);
    counter_add(&b->in, e->in);
    counter_add(&b->out, e->out);
    count_minute(minute_now(b->minutes, now_ms), e);
}

void metrics_end(struct req *r)
{
    struct metrics *m = r->server->metrics;
    if (!m)
        return;
    struct shard *s = shard_of(r);
    struct event e = {.place = place_of(m, r->op),
                      .status = r->first_byte_ns ? r->resp.status : 0,
                      .code = r->err.code,
                      .in = r->body_bytes + r->head.head_len,
                      .out = r->conn->sent,
                      .whole_ns = r->ended_ns - r->began_ns};
    e.canceled = !r->replied;
    e.first_ns = r->first_byte_ns ? r->first_byte_ns - r->began_ns : 0;
    int64_t now_ms = r->now_ms + (int64_t)(e.whole_ns / 1000000);
    if (!r->op)
        counter_add(&s->ops[0].begun, 1);
    count_op(&s->ops[e.place.op], &e);
    count_minute(minute_now(s->minutes, now_ms), &e);
    if (r->bucket.partition)
        count_bucket(s, r->bucket.partition, &e, now_ms);
}

/* ---- reading ---- */

struct metrics_sum *metrics_collect(struct server *s, struct arena *a)
{
    struct metrics *m = s->metrics;
    struct metrics_sum *sum = arena_new(a, struct metrics_sum);
    uint64_t *codes = arena_zalloc(a, m->n_ops * S3E_COUNT * sizeof *codes);
    sum->n_ops = m->n_ops;
    sum->ops = arena_zalloc(a, m->n_ops * sizeof *sum->ops);
    sum->refused = counter_get(&m->refused);
    for (unsigned k = 0; k < m->n_shards; k++) {
        const struct shard *h = m->shards[k];
        sum->accepted += counter_get(&h->accepted);
        for (size_t i = 0; i < m->n_ops; i++) {
            struct metrics_op_sum *t = &sum->ops[i];
            const struct op_counts *o = &h->ops[i];
            uint64_t ended = counter_get(&o->ended); /* before `begun`: nothing ends that was not begun */
            t->op = m->info[i].op;
            t->codes = codes + i * S3E_COUNT;
            t->ended += ended;
            t->begun += counter_get(&o->begun);
            if (!ended)
                continue;
            t->canceled += counter_get(&o->canceled);
            t->errors4 += counter_get(&o->errors4);
            t->errors5 += counter_get(&o->errors5);
            t->in += counter_get(&o->in);
            t->out += counter_get(&o->out);
            histogram_collect(&o->first, &t->first);
            histogram_collect(&o->whole, &t->whole);
            for (size_t c = 0; c < S3E_COUNT; c++)
                codes[i * S3E_COUNT + c] += counter_get(&o->codes[c]);
        }
    }
    return sum;
}

static void add_minute(const struct minute *t, struct metrics_minutes_sum *sum)
{
    const struct {
        const _Atomic uint64_t *from;
        uint64_t *to;
    } all[] = {
        {&t->requests, &sum->requests},
        {&t->uploads, &sum->uploads},
        {&t->downloads, &sum->downloads},
        {&t->failed_uploads, &sum->failed_uploads},
        {&t->failed_downloads, &sum->failed_downloads},
        {&t->canceled, &sum->canceled},
        {&t->errors4, &sum->errors4},
        {&t->errors5, &sum->errors5},
        {&t->in, &sum->in},
        {&t->out, &sum->out},
        {&t->other_codes, &sum->codes[S3E_OK]},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i].to += counter_get(all[i].from);
    const struct histogram *h[] = {&t->up, &t->down, &t->other};
    for (size_t i = 0; i < ARRAY_LEN(h); i++)
        histogram_collect(h[i], &sum->all);
    histogram_collect(&t->up, &sum->up);
    histogram_collect(&t->down, &sum->down);
    for (size_t i = 0; i < METRICS_MINUTE_CODES; i++) {
        uint64_t pair = counter_get(&t->codes[i]), code = pair >> CODE_SHIFT;
        if (code < S3E_COUNT)
            sum->codes[code] += pair & ((UINT64_C(1) << CODE_SHIFT) - 1);
    }
}

static void add_minutes(const struct minute *ring, int64_t now_ms, struct metrics_minutes_sum *sum)
{
    int64_t now = now_ms / MINUTE_MS;
    for (size_t i = 0; i < METRICS_MINUTES; i++) {
        int64_t number = atomic_load_explicit(&ring[i].number, memory_order_acquire);
        if (number > now - 1 - METRICS_WINDOW && number <= now && number > 0)
            add_minute(&ring[i], sum);
    }
}

static void begin_minutes(struct server *s, int64_t now_ms, struct metrics_minutes_sum *ret)
{
    double up = metrics_uptime_seconds(s), span = METRICS_WINDOW * 60.0 + (double)(now_ms % MINUTE_MS) / 1000;
    *ret = (struct metrics_minutes_sum){0};
    ret->seconds = up < span ? up : span;
    if (ret->seconds < 1)
        ret->seconds = 1;
}

void metrics_collect_minutes(struct server *s, struct metrics_minutes_sum *ret)
{
    int64_t now_ms = clock_wall_ms();
    begin_minutes(s, now_ms, ret);
    for (unsigned i = 0; i < s->metrics->n_shards; i++)
        add_minutes(s->metrics->shards[i]->minutes, now_ms, ret);
}

static const struct bucket_counts *find_bucket(const struct shard *s, uint64_t partition)
{
    size_t set = set_of(partition);
    for (size_t i = 0; i < METRICS_BUCKET_WAYS; i++)
        if (atomic_load_explicit(&s->sets[set].partitions[i], memory_order_acquire) == partition)
            return &s->buckets[set * METRICS_BUCKET_WAYS + i];
    return NULL;
}

void metrics_collect_bucket(struct server *s, uint64_t partition, struct metrics_bucket_sum *ret)
{
    *ret = (struct metrics_bucket_sum){0};
    for (unsigned k = 0; k < s->metrics->n_shards; k++) {
        const struct bucket_counts *b = find_bucket(s->metrics->shards[k], partition);
        if (!b)
            continue;
        for (size_t i = 0; i < METRICS_BUCKET_OP_COUNT; i++) {
            ret->ops[i].n += counter_get(&b->ops[i].n);
            ret->ops[i].errors4 += counter_get(&b->ops[i].errors4);
            ret->ops[i].errors5 += counter_get(&b->ops[i].errors5);
            ret->ops[i].canceled += counter_get(&b->ops[i].canceled);
        }
        ret->in += counter_get(&b->in);
        ret->out += counter_get(&b->out);
    }
}

void metrics_collect_bucket_minutes(struct server *s, uint64_t partition, struct metrics_minutes_sum *ret)
{
    int64_t now_ms = clock_wall_ms();
    begin_minutes(s, now_ms, ret);
    for (unsigned i = 0; i < s->metrics->n_shards; i++) {
        const struct bucket_counts *b = find_bucket(s->metrics->shards[i], partition);
        if (b)
            add_minutes(b->minutes, now_ms, ret);
    }
}
