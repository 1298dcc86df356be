/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last request of a run that was killed. Idea: it may come to pass after the next run has listed the destination,
 * which then writes the same version once more, and no history would ever match again. A worker has one request under
 * way for a key, so only the first version that a run adds to what it found can be there twice; where S3 has no
 * condition that would keep it out, what was there is noted before (in the journal, since this run may be killed as
 * well), and what has become newer is compared with the source's history: when the key is done, at the end of the run,
 * and by the next run if this one does not get there.
 * Invariant: nothing is deleted but a version newer than what was noted, which is a copy of another one there and has
 * no place in the source's history.
 * Limits: requests that come to pass after the run has ended. Jobs are begun in the order of keys, so what a killed run
 * had under way is among the first that the next one adds to; LATE_MAX of these are noted.
 */
#include "admin/transfer/late.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/transfer/journal.h"
#include "admin/transfer/list.h"
#include "admin/transfer/names.h"
#include "admin/transfer/report.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/same.h"
#include "admin/url.h"

#define LATE_MAX (4 * TRANSFER_WORKERS_MAX) /* keys of a run that are noted */

/* ---- comparing ---- */

bool late_excess(size_t n, size_t n_there, bool (*same)(void *, size_t, size_t), bool (*copy)(void *, size_t, size_t),
                 void *arg, bool *excess)
{
    for (size_t t = 0, i = 0; t < n_there; t++) {
        size_t earlier = 0;
        excess[t] = !(i < n && same(arg, i, t));
        if (!excess[t]) {
            i++;
            continue;
        }
        while (earlier < t && !copy(arg, t, earlier))
            earlier++;
        if (earlier == t)
            return false;
    }
    return true;
}

/* What the source has after what was noted, and what the destination has. */
struct histories {
    struct line *l;
    const struct job *j;
    const struct version *source, *there;
};

static bool is_same(void *arg, size_t i, size_t t)
{
    struct histories *h = arg;
    return same_version(h->l, h->j, &h->source[i], &h->there[t]);
}

static bool is_copy(void *arg, size_t t, size_t earlier)
{
    struct histories *h = arg;
    const struct version *a = &h->there[t], *b = &h->there[earlier];
    return a->marker == b->marker && (a->marker || (a->size == b->size && bytes_eq(a->etag, b->etag)));
}

static bool take_back(struct line *l, const struct job *j, struct bytes id, char error[400])
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes coded = url_encode(l->arena, id, false);
    struct s3_call c = {.method = "DELETE",
                        .bucket = l->t->to_bucket,
                        .key = key_to(l, j),
                        .query = arena_printf(l->arena, "versionId=%.*s", (int)coded.n, coded.p)};
    if (s3_good(s3_send(l, &l->t->o->to, &c, &r, &e)))
        return true;
    snprintf(error, 400, "a request of a killed run wrote it too, and the second one cannot be deleted: %s", e.message);
    return false;
}

/* Of the destination's versions from `at` on, those that stand for the source's from `first` on stay. */
static bool settle(struct line *l, const struct job *j, size_t first, struct version *there, size_t at, size_t *n,
                   char error[400])
{
    struct histories h = {l, j, j->versions + first, there + at};
    bool *excess = xcalloc(*n - at + 1, sizeof *excess);
    bool good = late_excess(j->n - first, *n - at, is_same, is_copy, &h, excess);
    size_t kept = at;
    if (!good)
        snprintf(error, 400, "somebody else writes this key at the destination");
    for (size_t t = at; t < *n; t++) {
        if (good && excess[t - at] && (good = take_back(l, j, there[t].id, error)))
            continue;
        there[kept++] = there[t];
    }
    *n = kept;
    free(excess);
    return good;
}

/* Where what is newer than `before` begins; empty: at the first. SIZE_MAX: that one is not there. */
static size_t after(const struct version *there, size_t n, struct bytes before)
{
    for (size_t i = 0; i < n && before.n; i++)
        if (bytes_eq(there[i].id, before))
            return i + 1;
    return before.n ? SIZE_MAX : 0;
}

/* ---- a job ---- */

static struct bytes newest(const struct job *j)
{
    return j->n_have ? j->have[j->n_have - 1].id : BYTES_NONE;
}

void late_heal(struct line *l, struct job *j)
{
    bool may_be = l->t->o->versions && l->t->journal && j->n_have;
    const char *before = may_be ? journal_late(l->t->journal, j->key, l->arena) : NULL;
    size_t at = before ? after(j->have, j->n_have, bytes_str(before)) : SIZE_MAX;
    char error[400];
    bool conflict;
    if (at == SIZE_MAX)
        return;
    struct job then = *j;
    then.n_have = at;
    size_t first = same_versions(l, &then, &conflict);
    if (!conflict) /* where it fails, whoever compares the two next says so */
        (void)settle(l, j, first, j->have, at, &j->n_have, error);
}

void late_note(struct line *l, struct job *j)
{
    struct transfer *t = l->t;
    if (j->noted || !t->journal || t->n_noted >= LATE_MAX)
        return;
    t->n_noted++;
    j->noted = true;
    journal_note_late(t->journal, j->key, newest(j));
}

bool late_settle(struct line *l, const struct job *j, char error[400])
{
    struct group g = {0};
    if (!j->noted)
        return true;
    char *key = xstrdup(bytes_cstr(l->arena, key_to(l, j)));
    struct listing *s = listing_open(l, &l->t->o->to, l->t->to_bucket, key, -1, true);
    bool good = listing_next(s, &g) > 0 && g.key.n == 0;
    size_t at = good ? after(g.versions, g.n, newest(j)) : SIZE_MAX;
    if (at == SIZE_MAX)
        snprintf(error, 400, "its versions at the destination %s",
                 good ? "were changed by somebody else" : "cannot be listed");
    else
        good = settle(l, j, j->first, g.versions, at, &g.n, error);
    listing_close(s);
    free(key);
    return good && at != SIZE_MAX;
}

/* ---- at the end ---- */

void late_keep(struct transfer *t, struct job *j)
{
    if (!j->noted) {
        free(j);
        return;
    }
    pthread_mutex_lock(&t->lock);
    j->next = t->noted;
    t->noted = j;
    pthread_mutex_unlock(&t->lock);
}

void late_settle_all(struct line *l)
{
    struct transfer *t = l->t;
    char error[400];
    for (struct job *j = t->noted, *next; j; j = next) {
        next = j->next;
        arena_reset(l->arena);
        if (!t->stop && !late_settle(l, j, error))
            report(t, PROBLEM_FAILED, j->key, "%s", error);
        free(j);
    }
    t->noted = NULL;
    t->n_noted = 0;
}
