/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last request of a run that was killed. Idea: it may come to pass after the next run has listed the destination,
 * which then writes the same version once more, and no history would ever match again. So a run that finds another
 * one's journal waits before it lists: a server does within a moment what it has received. Should it take longer: a
 * worker has one request under way for a key, so only the first version that a run adds to what it found can be there
 * twice. Nothing of S3 tells two writes of the same bytes apart beforehand, so it is looked at afterwards, and what
 * this run wrote is taken back.
 * Invariant: nothing is deleted but the one version whose id this run was told when it wrote it.
 * Threads: workers; late_wait by the first.
 */
#include "admin/transfer/late.h"

#include <stdio.h>

#include "admin/transfer/journal.h"
#include "admin/transfer/list.h"
#include "admin/transfer/names.h"
#include "admin/transfer/s3.h"
#include "admin/url.h"

#define LATE_MS 1000 /* from the start of the next run on */

void late_wait(const struct transfer *t)
{
    if (t->o->versions && t->journal && journal_was_there(t->journal))
        s3_pause(t, LATE_MS);
}

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

static bool is_copy_of(const struct list_row *row, const struct list_row *mine)
{
    return row->v.marker == mine->v.marker &&
           (row->v.marker || (row->v.size == mine->v.size && bytes_eq(row->v.etag, mine->v.etag)));
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

bool late_settle(struct line *l, struct job *j, const char *before, const char **mine, char error[400])
{
    struct list_page page;
    size_t own = 0;
    if (!newer_than(l, j, before, &page, error))
        return false;
    while (own < page.n && !bytes_eq_str(page.rows[own].v.id, *mine))
        own++;
    if (own < page.n && page.n == 1)
        return true;
    if (own == page.n || page.n != 2 || !is_copy_of(&page.rows[1 - own], &page.rows[own])) {
        snprintf(error, 400, "somebody else writes this key at the destination");
        return false;
    }
    if (!take_back(l, j, page.rows[own].v.id, error))
        return false;
    *mine = bytes_cstr(l->arena, page.rows[1 - own].v.id);
    return true;
}
