/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there already. Idea: first what the listings tell; where that does not suffice, a look at the object's head,
 * at what an earlier run noted in it, or at a file's bytes. Histories are the same as far as the first versions of the
 * source are the last ones of the destination: who goes on writes what follows.
 * Threads: workers.
 */
#include "admin/transfer/same.h"

#include <unistd.h>

#include "admin/transfer/carry.h"
#include "admin/transfer/etag.h"
#include "admin/transfer/folder.h"
#include "admin/transfer/names.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/times.h"

/* A file against an object: by its bytes, or, when they are many and nobody asked to compare, by the time noted. */
static bool same_as_file(struct line *l, const struct job *j, bool file_is_source, const struct version *object,
                         int64_t file_mtime)
{
    const struct place *at = file_is_source ? &l->t->o->to : &l->t->o->from;
    const char *bucket = file_is_source ? l->t->to_bucket : l->t->from_bucket;
    struct http_client_reply head;
    char etag[ETAG_ROOM];
    uint64_t part = 0;
    if (!l->t->o->compare && !file_is_source && file_mtime == object->mtime_ns)
        return true;
    if (!etag_is_md5(object->etag)) {
        part = s3_part_size(l, at, bucket, file_is_source ? key_to(l, j) : key_from(l, j), NULL, 1, &head);
        const char *noted = http_client_reply_header(&head, NOTE_MTIME);
        if (!l->t->o->compare && noted && mtime_of_text(noted) == file_mtime)
            return true;
    }
    int fd =
        folder_open_file(file_is_source ? l->t->from_fd : l->t->to_fd, j->key, file_is_source && l->t->o->follow_links);
    bool same = fd >= 0 && etag_of_file(l, fd, object->size, part, etag) && bytes_eq_str_nocase(object->etag, etag);
    if (fd >= 0)
        close(fd);
    return same;
}

/* Two objects whose ETags differ: one may be made in parts and the other not. What was noted tells. */
static bool noted_same(struct line *l, const struct job *j, const struct version *from, const struct version *to)
{
    struct http_client_reply r;
    struct s3_error e;
    struct s3_call c = {
        .method = "HEAD", .bucket = l->t->to_bucket, .key = key_to(l, j), .query = version_query(l, to, NULL)};
    if (!s3_good(s3_send(l, &l->t->o->to, &c, &r, &e)))
        return false;
    return bytes_eq_str(from->etag, http_client_reply_header(&r, NOTE_SOURCE_ETAG));
}

static bool same(struct line *l, const struct job *j, const struct version *from, const struct version *to)
{
    if (from->marker || to->marker || from->size != to->size)
        return from->marker && to->marker;
    if (l->t->o->from.folder)
        return same_as_file(l, j, true, to, from->mtime_ns);
    if (l->t->o->to.folder)
        return same_as_file(l, j, false, from, to->mtime_ns);
    return (from->etag.n && bytes_eq(from->etag, to->etag)) || noted_same(l, j, from, to);
}

size_t same_overlap(size_t n, size_t n_have, bool (*is_same)(void *, size_t, size_t), void *arg, bool *conflict)
{
    for (size_t k = n < n_have ? n : n_have; k > 0; k--) {
        size_t i = 0;
        while (i < k && is_same(arg, i, n_have - k + i))
            i++;
        if (i == k) {
            *conflict = false;
            return k;
        }
    }
    *conflict = n_have > 0;
    return 0;
}

struct pair {
    struct line *l;
    const struct job *j;
};

static bool same_pair(void *arg, size_t i, size_t have)
{
    struct pair *p = arg;
    return same(p->l, p->j, &p->j->versions[i], &p->j->have[have]);
}

size_t same_versions(struct line *l, const struct job *j, bool *conflict)
{
    return same_overlap(j->n, j->n_have, same_pair, &(struct pair){l, j}, conflict);
}
