/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last request of a run that was killed. Idea: it may come to pass after the next run has listed the destination,
 * which then writes the same version once more, and no history would ever match again. A worker has one request under
 * way for a key, so only the first version that a run adds to what it found can be there twice. Nothing of S3 tells two
 * writes of the same bytes apart beforehand, so it is looked at afterwards, and what this run wrote is taken back. A
 * run may be killed just between; the journal has a note of that key meanwhile, and the next run takes the older one
 * back. Invariant: nothing is deleted but the one version whose id this run was told when it wrote it; and of a key
 * that a run was killed at, the older of two that follow what was there, when nothing else does and they are the same.
 * Limits: a request that comes to pass still later leaves a history that is not the source's, which every run says.
 * Threads: workers.
 */
#include "admin/transfer/late.h"

#include <stdio.h>

#include "admin/transfer/journal.h"
#include "admin/transfer/list.h"
#include "admin/transfer/names.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/same.h"
#include "admin/url.h"

/* What is newer at the destination than `before`, newest first. False: it cannot be told. */
static bool newer_than(struct line *l, struct job *j, const char *before, struct list_page *ret, char error[400])
{
    struct bytes key = key_to(l, j), coded = url_encode(l->arena, key, false);
    struct http_client_reply r;
    struct s3_error e;
    struct s3_call c = {
        .method = "GET",
        .bucket = l->t->to_bucket,
        .query = arena_printf(l->arena, "versions&encoding-type=url&max-keys=100&prefix=%.*s", (int)coded.n, coded.p)};
    size_t n = 0;
    if (!s3_good(s3_send(l, &l->t->o->to, &c, &r, &e)) || !list_page_parse(r.body, true, l->arena, ret)) {
        snprintf(error, 400, "its versions cannot be listed: %s", e.message);
        return false;
    }
    while (n < ret->n && bytes_eq(ret->rows[n].key, key) && !(before && bytes_eq_str(ret->rows[n].v.id, before)))
        n++;
    ret->n = n;
    return true;
}

static bool is_copy_of(const struct version *a, const struct version *b)
{
    return a->marker == b->marker && (a->marker || (a->size == b->size && bytes_eq(a->etag, b->etag)));
}

static bool take_back(struct line *l, struct job *j, struct bytes id, char error[400])
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

/* What a key is called in the journal, which may be used for several places. */
static struct bytes note_name(struct line *l, const struct job *j)
{
    struct bytes key = key_to(l, j);
    return arena_bytesf(l->arena, "%s/%.*s", l->t->to_bucket, (int)key.n, key.p);
}

void late_note(struct line *l, const struct job *j)
{
    if (l->t->journal)
        journal_late(l->t->journal, note_name(l, j), j->n_have ? j->have[j->n_have - 1].id : BYTES_NONE);
}

bool late_settle(struct line *l, struct job *j, const char *before, const char **mine, char error[400])
{
    struct list_page page;
    size_t own = 0;
    if (!newer_than(l, j, before, &page, error))
        return false;
    while (own < page.n && !bytes_eq_str(page.rows[own].v.id, *mine))
        own++;
    if (own < page.n && page.n == 1) {
        journal_late_over(l->t->journal, note_name(l, j));
        return true;
    }
    if (own == page.n || page.n != 2 || !is_copy_of(&page.rows[1 - own].v, &page.rows[own].v)) {
        snprintf(error, 400, "somebody else writes this key at the destination");
        return false;
    }
    if (!take_back(l, j, page.rows[own].v.id, error))
        return false;
    *mine = bytes_cstr(l->arena, page.rows[1 - own].v.id);
    journal_late_over(l->t->journal, note_name(l, j));
    return true;
}

/* Whether the two that follow what was there stand for one of the source's; what cannot be told is left alone. */
static bool are_one(struct line *l, struct job *j, size_t at)
{
    const struct version *older = &j->have[at], *newer = older + 1;
    struct job then = *j;
    bool conflict;
    then.n_have = at;
    size_t i = same_versions(l, &then, &conflict);
    if (conflict || i == j->n || !is_copy_of(older, newer) || !same_version(l, j, &j->versions[i], older))
        return false;
    return i + 1 == j->n ||
           (!is_copy_of(&j->versions[i], &j->versions[i + 1]) && !same_version(l, j, &j->versions[i + 1], newer));
}

void late_heal(struct line *l, struct job *j)
{
    char error[400];
    size_t at = 0;
    const char *before = l->t->o->versions && l->t->journal && j->n_have > 1
                             ? journal_late_find(l->t->journal, note_name(l, j), l->arena)
                             : NULL;
    if (!before)
        return;
    while (*before && at < j->n_have && !bytes_eq_str(j->have[at].id, before))
        at++;
    at += *before != '\0';
    if (at + 2 != j->n_have || !are_one(l, j, at) || !take_back(l, j, j->have[at].id, error))
        return; /* whoever compares the two histories next says what is wrong */
    j->have[at] = j->have[at + 1];
    j->n_have--;
    journal_late_over(l->t->journal, note_name(l, j));
}
