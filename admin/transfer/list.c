/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies at a place, in the order of keys. Idea: pages of ListObjectsV2 or ListObjectVersions, or a walk through a
 * folder, become groups: a key and its versions, oldest first. The rows of one key may lie on two pages, so a group is
 * copied out; everything else lives as long as its page.
 * Threads: a listing belongs to the planner.
 */
#include "admin/transfer/list.h"

#include <stdlib.h>
#include <string.h>

#include "admin/transfer/etag.h"
#include "admin/transfer/report.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/times.h"
#include "admin/transfer/walk.h"
#include "admin/transfer/xml.h"
#include "admin/url.h"

#define LIST_QUERY "max-keys=1000&encoding-type=url"

struct listing {
    struct line *l;
    const struct place *at;
    const char *bucket, *prefix;
    bool versions, begun;
    struct walk *walk; /* of a folder */
    struct arena *page_arena, *group_arena;
    struct list_page page;
    size_t i;
    char *next_key, *next_version;
    char *last_key; /* of the page before */
};

static void read_row(struct bytes in, bool coded, struct arena *a, struct list_row *row)
{
    struct bytes name, inner;
    while (doc_next(&in, &name, &inner)) {
        if (bytes_eq_str(name, "Key"))
            row->key = coded ? url_decode(a, doc_text(inner, a)) : doc_text(inner, a);
        else if (bytes_eq_str(name, "ETag"))
            row->v.etag = etag_bare(doc_text(inner, a));
        else if (bytes_eq_str(name, "VersionId"))
            row->v.id = doc_text(inner, a);
        else if (bytes_eq_str(name, "Size"))
            bytes_to_u64(inner, INT64_MAX, &row->v.size);
        else if (bytes_eq_str(name, "LastModified"))
            row->v.mtime_ns = iso_time_ns(inner);
    }
}

bool list_page_parse(struct bytes xml, bool versions, struct arena *a, struct list_page *ret)
{
    struct bytes root, rest, name, inner;
    if (!doc_root(xml, versions ? "ListVersionsResult" : "ListBucketResult", &root))
        return false;
    bool coded = bytes_eq_str(doc_find_text(root, "EncodingType", a), "url");
    size_t room = 0;
    for (rest = root; doc_next(&rest, &name, &inner);)
        room++;
    *ret = (struct list_page){.rows = arena_new_array(a, struct list_row, room + 1)};
    for (rest = root; doc_next(&rest, &name, &inner);) {
        bool marker = bytes_eq_str(name, "DeleteMarker");
        if (bytes_eq_str(name, versions ? "Version" : "Contents") || marker) {
            ret->rows[ret->n].v.marker = marker;
            read_row(inner, coded, a, &ret->rows[ret->n++]);
        }
    }
    if (!doc_over(rest)) /* what follows would be lost */
        return false;
    ret->truncated = bytes_eq_str(doc_find_text(root, "IsTruncated", a), "true");
    ret->next_key = doc_find_text(root, versions ? "NextKeyMarker" : "NextContinuationToken", a);
    if (versions && coded)
        ret->next_key = url_decode(a, ret->next_key);
    ret->next_version = doc_find_text(root, "NextVersionIdMarker", a);
    return true;
}

struct listing *listing_open(struct line *l, const struct place *at, const char *bucket, const char *prefix,
                             int folder_fd, bool versions)
{
    struct listing *s = xcalloc(1, sizeof *s);
    *s = (struct listing){.l = l,
                          .at = at,
                          .bucket = bucket,
                          .prefix = prefix,
                          .versions = versions,
                          .page_arena = arena_create(0),
                          .group_arena = arena_create(0)};
    if (at->folder)
        s->walk = walk_open(l, folder_fd, l->t->o->follow_links, at == &l->t->o->to);
    return s;
}

void listing_close(struct listing *s)
{
    if (!s)
        return;
    walk_close(s->walk);
    arena_free(s->page_arena);
    arena_free(s->group_arena);
    free(s->next_key);
    free(s->next_version);
    free(s->last_key);
    free(s);
}

static char *keep(char *old, struct bytes b)
{
    char *p = xmalloc(b.n + 1);
    memcpy(p, b.p ? b.p : "", b.n);
    p[b.n] = '\0';
    free(old);
    return p;
}

static const char *query_of(struct listing *s)
{
    struct arena *a = s->l->arena;
    const char *prefix = url_encode(a, bytes_str(s->prefix), false).p;
    const char *key = s->next_key ? url_encode(a, bytes_str(s->next_key), false).p : "";
    const char *version = s->next_version ? url_encode(a, bytes_str(s->next_version), false).p : "";
    if (!s->versions)
        return arena_printf(a, "list-type=2&" LIST_QUERY "&prefix=%s%s%s", prefix, *key ? "&continuation-token=" : "",
                            key);
    return arena_printf(a, "versions&" LIST_QUERY "&prefix=%s%s%s%s%s", prefix, *key ? "&key-marker=" : "", key,
                        *version ? "&version-id-marker=" : "", version);
}

/* Why a page cannot be gone on with, or NULL: a server that lists in circles must not be followed. */
static const char *page_problem(struct listing *s)
{
    const struct list_page *page = &s->page;
    for (size_t i = 0; i < page->n; i++)
        if (!bytes_starts(page->rows[i].key, bytes_str(s->prefix)) || !page->rows[i].key.n)
            return "it names keys that were not asked for";
    if (page->truncated && !page->next_key.n)
        return "it says that there is more, and not from where on";
    if (!page->n)
        return page->truncated && s->next_key && bytes_eq_str(page->next_key, s->next_key) ? "it does not go on" : NULL;
    struct bytes last = page->rows[page->n - 1].key;
    int order = s->last_key ? bytes_cmp(last, bytes_str(s->last_key)) : 1;
    bool on = order > 0 ||
              (order == 0 && s->versions && s->next_version && !bytes_eq_str(page->next_version, s->next_version));
    s->last_key = keep(s->last_key, last);
    return on ? NULL : "it does not go on";
}

static int fetch(struct listing *s)
{
    struct http_client_reply reply;
    struct s3_error e;
    arena_reset(s->l->arena);
    struct s3_call c = {.method = "GET", .bucket = s->bucket, .query = query_of(s)};
    int status = s3_send(s->l, s->at, &c, &reply, &e);
    const char *why = s3_good(status) ? "the reply is no listing" : e.message;
    arena_reset(s->page_arena);
    if (s3_good(status) &&
        list_page_parse(bytes_dup(s->page_arena, reply.body), s->versions, s->page_arena, &s->page) &&
        !(why = page_problem(s))) {
        s->begun = true;
        s->i = 0;
        s->next_key = keep(s->next_key, s->page.next_key);
        s->next_version = keep(s->next_version, s->page.next_version);
        return 1;
    }
    if (!s->l->t->stop)
        report(s->l->t, PROBLEM_FAILED, BYTES_NONE, "%s/%s cannot be listed: %s", s->at->endpoint, s->bucket, why);
    return -1;
}

/* The row that comes next, from another page if need be. 1, 0 at the end, -1. */
static int peek(struct listing *s, const struct list_row **ret)
{
    while (s->i == s->page.n) {
        if (s->begun && (!s->page.truncated || !*s->next_key))
            return 0;
        int rc = fetch(s);
        if (rc < 0)
            return rc;
    }
    *ret = &s->page.rows[s->i];
    return 1;
}

static struct version copy_of(struct arena *a, const struct version *v)
{
    struct version c = *v;
    c.id = bytes_dup(a, v->id);
    c.etag = bytes_dup(a, v->etag);
    return c;
}

static int next_of_folder(struct listing *s, struct group *ret)
{
    struct version *v = arena_new(s->group_arena, struct version);
    *ret = (struct group){.versions = v, .n = 1};
    return walk_next(s->walk, &ret->key, &v->size, &v->mtime_ns);
}

int listing_next(struct listing *s, struct group *ret)
{
    const struct list_row *row;
    size_t prefix = strlen(s->prefix), room = 1;
    arena_reset(s->group_arena);
    if (s->walk)
        return next_of_folder(s, ret);
    int rc = peek(s, &row);
    if (rc <= 0)
        return rc;
    struct bytes key = bytes_dup(s->group_arena, row->key);
    *ret = (struct group){.key = bytes_cut(key, prefix, key.n),
                          .versions = arena_new_array(s->group_arena, struct version, room)};
    for (; rc > 0 && bytes_eq(row->key, key); rc = s->versions ? peek(s, &row) : 0) {
        if (ret->n == room) {
            struct version *more = arena_new_array(s->group_arena, struct version, room * 2);
            memcpy(more, ret->versions, room * sizeof *more);
            ret->versions = more;
            room *= 2;
        }
        ret->versions[ret->n++] = copy_of(s->group_arena, &row->v);
        s->i++;
    }
    for (size_t i = 0; i < ret->n / 2; i++) {
        struct version v = ret->versions[i];
        ret->versions[i] = ret->versions[ret->n - 1 - i];
        ret->versions[ret->n - 1 - i] = v;
    }
    return rc < 0 ? -1 : 1;
}
