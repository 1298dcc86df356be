/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planner. Idea: both listings come in the order of keys, so one pass over both finds what is missing, with memory
 * for a page of each; a destination that is being written to is always ahead of the writes. What both sides say of a
 * key is often enough to leave it alone; everything else is a job, which looks closer.
 * Threads: one planner puts jobs on the queue, workers take them off, under the transfer's lock.
 */
#include "admin/transfer/plan.h"

#include <string.h>

#include "admin/transfer/list.h"
#include "admin/transfer/report.h"

#define QUEUE_MAX 100000 /* jobs that the planner may be ahead */

/* ---- jobs ---- */

static void copy_versions(struct version *to, const struct version *from, size_t n, char **p)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
        memcpy(*p, from[i].id.p ? from[i].id.p : "", from[i].id.n);
        to[i].id.p = *p;
        *p += from[i].id.n;
        memcpy(*p, from[i].etag.p ? from[i].etag.p : "", from[i].etag.n);
        to[i].etag.p = *p;
        *p += from[i].etag.n;
    }
}

static size_t text_bytes(const struct group *g)
{
    size_t n = 0;
    for (size_t i = 0; g && i < g->n; i++)
        n += g->versions[i].id.n + g->versions[i].etag.n;
    return n;
}

/* One allocation for all of it. */
static struct job *new_job(const struct group *g, const struct group *have)
{
    size_t n_have = have ? have->n : 0;
    struct job *j =
        xmalloc(sizeof *j + (g->n + n_have) * sizeof(struct version) + g->key.n + text_bytes(g) + text_bytes(have));
    *j = (struct job){.n = g->n, .n_have = n_have, .versions = (struct version *)(j + 1)};
    j->have = j->versions + g->n;
    char *p = (char *)(j->have + n_have);
    memcpy(p, g->key.p, g->key.n);
    j->key = bytes_of(p, g->key.n);
    p += g->key.n;
    copy_versions(j->versions, g->versions, g->n, &p);
    if (have)
        copy_versions(j->have, have->versions, n_have, &p);
    return j;
}

static void enqueue(struct transfer *t, struct job *j)
{
    for (size_t i = 0; i < j->n; i++) {
        t->counts.planned++;
        t->counts.planned_bytes += j->versions[i].size;
    }
    pthread_mutex_lock(&t->lock);
    while (t->queued >= QUEUE_MAX && !t->stop)
        pthread_cond_wait(&t->room, &t->lock);
    *t->last = j;
    t->last = &j->next;
    t->queued++;
    pthread_cond_signal(&t->more);
    pthread_mutex_unlock(&t->lock);
}

struct job *plan_next(struct transfer *t)
{
    struct job *j = t->first;
    if (!j)
        return NULL;
    t->first = j->next;
    if (!t->first)
        t->last = &t->first;
    if (t->queued-- == QUEUE_MAX)
        pthread_cond_broadcast(&t->room);
    return j;
}

/* ---- merging ---- */

/* What both sides say of a key is enough to know that nothing is to be done. */
static bool plainly_same(const struct transfer *t, const struct group *g, const struct group *have)
{
    if (!have || have->n != g->n || t->o->from.folder || t->o->to.folder)
        return false;
    for (size_t i = 0; i < g->n; i++) {
        const struct version *a = &g->versions[i], *b = &have->versions[i];
        if (a->marker != b->marker || (!a->marker && (!a->etag.n || a->size != b->size || !bytes_eq(a->etag, b->etag))))
            return false;
    }
    return true;
}

static void plan_one(struct transfer *t, const struct group *g, const struct group *have)
{
    t->counts.listed++;
    if (!g->key.n && !*t->to_prefix) { /* the entry of the prefix itself */
        if (g->versions[g->n - 1].size)
            report(t, PROBLEM_SKIPPED, BYTES_NONE, "the object %s would have no name at the destination",
                   t->o->from.prefix);
    } else if (plainly_same(t, g, have))
        t->counts.same += g->n;
    else
        enqueue(t, new_job(g, have));
}

static void extra(struct transfer *t, const struct group *have)
{
    if (t->o->compare)
        report(t, PROBLEM_EXTRA, have->key, "is at the destination alone");
}

static int next_of(struct listing *to, struct group *ret)
{
    return to ? listing_next(to, ret) : 0;
}

static int merge(struct transfer *t, struct listing *from, struct listing *to)
{
    struct group g, have;
    int rc = 0, more = next_of(to, &have);
    while (more >= 0 && !t->stop && (rc = listing_next(from, &g)) > 0) {
        while (more > 0 && !t->stop && bytes_cmp(have.key, g.key) < 0) {
            extra(t, &have);
            more = next_of(to, &have);
        }
        plan_one(t, &g, more > 0 && bytes_eq(have.key, g.key) ? &have : NULL);
        if (more > 0 && bytes_eq(have.key, g.key))
            more = next_of(to, &have);
    }
    while (t->o->compare && more > 0 && !t->stop) {
        extra(t, &have);
        more = next_of(to, &have);
    }
    return more < 0 || rc < 0 ? -1 : 0;
}

bool plan_make(struct line *l, bool empty)
{
    struct transfer *t = l->t;
    const struct transfer_options *o = t->o;
    struct listing *from = listing_open(l, &o->from, t->from_bucket, o->from.prefix, t->from_fd, o->versions);
    struct listing *to = !empty && (t->to_fd >= 0 || !o->to.folder)
                             ? listing_open(l, &o->to, t->to_bucket, t->to_prefix, t->to_fd, o->versions)
                             : NULL;
    bool good = merge(t, from, to) == 0;
    listing_close(from);
    listing_close(to);
    return good;
}
