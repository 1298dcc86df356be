/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lifecycle rules would do to a bucket now: POST /pail/v1/buckets/NAME/lifecycle-preview with a configuration that
 * is judged like one that is put, and changes nothing. All versions are visited in pages; the visit ends after
 * PREVIEW_MS or PREVIEW_VERSIONS, when the client has gone or the server stops, and then says that it is not complete.
 * Rules count as enabled; uploads are not looked at. PREVIEW_AT_ONCE of them run, so that workers remain for others.
 * Threads: workers.
 */
#include <poll.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/clock.h"
#include "lifecycle.h"
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/conn.h"
#include "server/json_reply.h"
#include "server/own_ops.h"
#include "server/server.h"

#define PREVIEW_MS       2000
#define PREVIEW_VERSIONS 1000000
#define PREVIEW_PAGE     1000
#define PREVIEW_AT_ONCE  2
#define FAR_MS           INT64_C(4102444800000) /* the year 2100: whatever a filter covers is due */

struct version {
    struct bytes key, storage_class;
    struct store_version version;
    uint64_t size;
    int64_t mtime_ms;
    bool latest, marker;
};

struct page {
    struct arena *arena;
    struct version *list;
    size_t n;
};

struct tally {
    struct lifecycle_rule rule;   /* as it came, but enabled */
    struct lifecycle_rule filter; /* the same filter; its end is due at once */
    uint64_t matches, bytes, due, due_bytes;
};

struct preview {
    struct req *r;
    const struct store_bucket *bucket;
    enum lifecycle_minimum minimum;
    struct tally *rules;
    size_t n;
    uint64_t scanned;
    /* Of the version before: */
    struct bytes key;
    int64_t mtime_ms;
    uint32_t newer;
};

static void take_row(void *arg, const struct store_list_row *row)
{
    struct page *p = arg;
    p->list[p->n++] = (struct version){.key = bytes_dup(p->arena, row->key),
                                       .storage_class = bytes_dup(p->arena, row->storage_class),
                                       .version = row->version,
                                       .size = row->size,
                                       .mtime_ms = row->mtime_ms,
                                       .latest = row->latest,
                                       .marker = row->marker};
}

static struct lifecycle_due ask(const struct preview *v, const struct lifecycle_rule *rule,
                                const struct lifecycle_subject *s, int64_t now_ms)
{
    const struct lifecycle one = {.rules = rule, .n_rules = 1, .minimum = v->minimum};
    return lifecycle_due(&one, s, now_ms, (int64_t)v->r->server->config->lifecycle_day_s * 1000);
}

/* Tags are looked up where a rule asks for them. */
static void add_tags(struct preview *v, struct arena *a, const struct version *at, struct lifecycle_subject *s)
{
    struct store_object *o;
    if (store_object_head(v->r->server->store, v->bucket, at->key, at->latest ? NULL : &at->version, a, &o) != STORE_OK)
        return;
    s->tags = o->tags;
    s->n_tags = o->n_tags;
}

static void look(struct preview *v, struct arena *a, const struct version *at, bool alone)
{
    bool same = bytes_eq(at->key, v->key);
    struct lifecycle_subject s = {.key = at->key,
                                  .size = at->size,
                                  .in = lifecycle_class_of(at->storage_class),
                                  .mtime_ms = at->mtime_ms,
                                  .marker = at->marker,
                                  .alone = alone,
                                  .keeps = v->bucket->versioning != VERSIONING_NEVER};
    if (!at->latest && same)
        s.noncurrent_ms = v->mtime_ms;
    if (!same)
        v->newer = 0;
    if (s.noncurrent_ms)
        s.newer = v->newer++;
    v->scanned++;
    bool looked = false;
    for (size_t i = 0; i < v->n; i++) {
        struct tally *t = &v->rules[i];
        if (!bytes_starts(at->key, t->rule.prefix))
            continue;
        if (t->rule.n_tags && !looked && !at->marker)
            add_tags(v, a, at, &s);
        looked |= t->rule.n_tags > 0;
        struct lifecycle_subject plain = {.key = s.key, .size = s.size, .tags = s.tags, .n_tags = s.n_tags};
        if (!at->marker && ask(v, &t->filter, &plain, FAR_MS).action != LIFECYCLE_NOTHING) {
            t->matches++;
            t->bytes += at->size;
        }
        struct lifecycle_due due = ask(v, &t->rule, &s, v->r->now_ms);
        if (due.move || due.action != LIFECYCLE_NOTHING) {
            t->due++;
            t->due_bytes += at->size;
        }
    }
}

/* The client closes: nobody waits for the answer. */
static bool is_over(const struct preview *v, int64_t until_ms)
{
    struct pollfd p = {.fd = v->r->conn->fd, .events = POLLRDHUP};
    if (clock_mono_ms() >= until_ms || v->scanned >= PREVIEW_VERSIONS || atomic_load(&v->r->server->draining))
        return true;
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* What all prefixes begin with. */
static struct bytes common_prefix(const struct preview *v)
{
    struct bytes common = v->n ? v->rules[0].rule.prefix : BYTES_NONE;
    for (size_t i = 1; i < v->n; i++)
        while (!bytes_starts(v->rules[i].rule.prefix, common))
            common.n--;
    return common;
}

/* STORE_OK; *ret_complete: everything was seen. The last version of a page is seen again as the next one's first, since
 * whether it is alone depends on what follows. */
static int visit(struct preview *v, bool *ret_complete)
{
    struct store_version_list list = {.prefix = common_prefix(v), .max = PREVIEW_PAGE};
    struct store_version marker;
    int64_t until_ms = clock_mono_ms() + PREVIEW_MS;
    struct arena *a = arena_create(0), *before = arena_create(0);
    int rc;
    *ret_complete = false;
    for (;;) {
        struct store_version_list_end end;
        struct page p = {.arena = a, .list = arena_new_array(a, struct version, PREVIEW_PAGE + 1)};
        rc = store_version_list(v->r->server->store, v->bucket, &list, take_row, &p, a, &end);
        if (rc != STORE_OK)
            break;
        size_t n = end.truncated && p.n > 1 ? p.n - 1 : p.n;
        for (size_t i = 0; i < n; i++) {
            look(v, a, &p.list[i], i + 1 == p.n || !bytes_eq(p.list[i + 1].key, p.list[i].key));
            v->key = p.list[i].key;
            v->mtime_ms = p.list[i].mtime_ms;
        }
        *ret_complete = !end.truncated;
        if (*ret_complete || is_over(v, until_ms) || n == 0)
            break;
        marker = p.list[n - 1].version;
        list.key_marker = p.list[n - 1].key;
        list.version_marker = &marker;
        struct arena *used = before; /* texts of this page are still wanted */
        arena_reset(used);
        before = a;
        a = used;
    }
    arena_free(a);
    arena_free(before);
    v->key = BYTES_NONE;
    return rc;
}

static void prepare(struct preview *v, const struct lifecycle *l)
{
    v->n = l->n_rules;
    v->minimum = l->minimum;
    v->rules = arena_new_array(v->r->arena, struct tally, l->n_rules + 1);
    for (size_t i = 0; i < v->n; i++) {
        struct tally *t = &v->rules[i];
        t->rule = t->filter = l->rules[i];
        t->rule.enabled = t->filter.enabled = true;
        t->filter.expire = LIFECYCLE_EXPIRE_DAYS;
        t->filter.expire_days = 1;
        t->filter.n_transitions = t->filter.n_noncurrent_transitions = 0;
        t->filter.noncurrent_days = t->filter.noncurrent_newer = t->filter.abort_days = 0;
    }
}

/* 0, or -1 after req_fail. */
static int visit_in_turn(struct preview *v, bool *ret_complete)
{
    static atomic_uint running;
    int rc = -1;
    if (atomic_fetch_add(&running, 1) >= PREVIEW_AT_ONCE)
        req_failf(v->r, S3E_SLOW_DOWN, "Other previews are being made. Try again in a moment.");
    else if ((rc = visit(v, ret_complete)) != STORE_OK)
        rc = req_fail_store(v->r, rc);
    atomic_fetch_sub(&running, 1);
    return rc;
}

static int check_right(struct req *r, struct bytes name)
{
    struct bytes arn = arena_bytesf(r->arena, "arn:aws:s3:::%.*s", (int)name.n, name.p);
    bool may = authorize_can(r, "s3:GetLifecycleConfiguration", arn) && authorize_can(r, "s3:ListBucket", arn);
    return may ? 0 : req_fail(r, S3E_ACCESS_DENIED);
}

int preview_lifecycle(struct req *r)
{
    struct store_bucket b;
    struct lifecycle l;
    struct preview v = {.r = r, .bucket = &b};
    bool complete;
    int rc = store_bucket_get(r->server->store, own_segment(r), r->arena, &b);
    if (check_right(r, own_segment(r)) < 0)
        return -1;
    if (rc != STORE_OK)
        return req_fail_store(r, rc);
    if (lifecycle_read(r, &l) < 0)
        return -1;
    prepare(&v, &l);
    if (visit_in_turn(&v, &complete) < 0)
        return -1;
    json_t *rules = json_array();
    for (size_t i = 0; i < v.n; i++) {
        const struct tally *t = &v.rules[i];
        json_array_append_new(rules, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "id", json_bytes_text(t->rule.id),
                                               "matches_now", json_u64(t->matches), "bytes", json_u64(t->bytes),
                                               "due_now", json_u64(t->due), "due_bytes", json_u64(t->due_bytes),
                                               "scanned", json_u64(v.scanned), "complete", (int)complete));
    }
    return json_reply(r, json_pack("{s:o}", "rules", rules));
}
