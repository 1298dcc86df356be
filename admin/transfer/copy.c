/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One version. Idea: an object is read whole into memory, verified, and written with its MD5 or CRC, so that neither
 * side can take a broken one. An object that is not there yet is written on the condition that it still is not: a
 * request of a killed run that arrives late, or somebody else's, is never written over.
 * Threads: workers.
 */
#include "admin/transfer/copy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/transfer/carry.h"
#include "admin/transfer/etag.h"
#include "admin/transfer/folder.h"
#include "admin/transfer/large.h"
#include "admin/transfer/memory.h"
#include "admin/transfer/names.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/verify.h"
#include "checksum.h"

#define READ_TRIES      3    /* of bytes that do not match their checksum */
#define SMALL_PARTS_MAX 100  /* of an object that is in memory, which are asked for one by one */
#define SPARE_ROOM      4096 /* an object may grow between listing and reading */

/* ---- writing ---- */

struct landing {
    struct line *l;
    struct job *j;
    const struct pledge *pledge; /* what was written; NULL: a marker */
    const char *last_id;         /* what was the newest before, NULL: unknown */
};

static int look_at(struct line *l, struct job *j, struct http_client_reply *r)
{
    struct s3_error e;
    return s3_head(l, &l->t->o->to, l->t->to_bucket, key_to(l, j), NULL, r, &e);
}

/* The request had no answer: is what it writes there? */
static bool has_landed(void *arg, struct http_client_reply *ret)
{
    struct landing *g = arg;
    struct http_client_reply r;
    int status = look_at(g->l, g->j, &r);
    const char *id = http_client_reply_header(&r, "x-amz-version-id");
    const char *marker = http_client_reply_header(&r, "x-amz-delete-marker");
    bool newer = !g->last_id || (id && strcmp(id, g->last_id) != 0);
    bool there = g->pledge ? s3_good(status) && pledge_is(g->l, g->pledge, &r) : marker && strcmp(marker, "true") == 0;
    if (!there || !newer)
        return false;
    *ret = r;
    ret->status = 200;
    return true;
}

static void note_last(struct line *l, const struct http_client_reply *r, const char **last_id)
{
    const char *id = http_client_reply_header(r, "x-amz-version-id");
    if (id)
        *last_id = bytes_cstr(l->arena, bytes_str(id));
}

static enum copy_end refused(struct line *l, struct job *j, const struct version *v, const struct pledge *mine,
                             const struct s3_error *e, int status, char error[400])
{
    struct http_client_reply r;
    if (status == 412 && s3_good(look_at(l, j, &r))) {
        if (pledge_is(l, mine, &r) || bytes_eq_str(v->etag, http_client_reply_header(&r, NOTE_SOURCE_ETAG)))
            return COPY_SAME;
        snprintf(error, 400, "somebody else has written this key at the destination meanwhile");
    } else
        snprintf(error, 400, "%s", e->message);
    return COPY_FAILED;
}

static enum copy_end put_object(struct line *l, struct job *j, const struct version *v, const struct carried *carried,
                                struct bytes data, const char **last_id, char error[400])
{
    struct http_client_header more[3];
    bool is_new = j->n_have == 0 && v == &j->versions[0];
    const char *known = carried->md5 ? carried->etag : NULL;
    struct pledge pledge;
    struct landing landing = {l, j, &pledge, *last_id};
    struct s3_call c = {.method = "PUT",
                        .bucket = l->t->to_bucket,
                        .key = key_to(l, j),
                        .body = data,
                        .data = true,
                        .once = known != NULL,
                        .landed = has_landed,
                        .landed_arg = &landing};
    struct checksum_value sum = {.alg = CHECKSUM_NONE};
    struct http_client_reply r;
    struct s3_error e;
    int status;
    if (!known)
        checksum_of(CHECKSUM_CRC64NVME, data.p, data.n, &sum);
    do {
        pledge_make(l, data, known, known ? NULL : &sum, &pledge);
        memcpy(more, pledge.headers, sizeof pledge.headers);
        more[pledge.n] = (struct http_client_header){"If-None-Match", "*"};
        status = carry_send(l, &c, carried, more, pledge.n + is_new, &r, &e);
    } while (!s3_good(status) && pledge_not_known(l, &pledge, status, &e));
    if (known && !s3_good(status) && strcmp(e.code, "BadDigest") == 0)
        return COPY_SPOILED;
    if (!s3_good(status))
        return refused(l, j, v, &pledge, &e, status, error);
    if (!pledge_kept(l, &pledge, data, &r, error))
        return COPY_FAILED;
    note_last(l, &r, last_id);
    return COPY_DONE;
}

static enum copy_end put_file(struct line *l, struct job *j, const struct carried *carried, struct bytes data,
                              char error[400])
{
    struct folder_file f;
    if (!folder_file_begin(&f, l->t->to_fd, j->key, 0, error))
        return COPY_FAILED;
    if (!folder_file_write(&f, data.p, data.n, 0, error)) {
        folder_file_drop(&f);
        return COPY_FAILED;
    }
    return folder_file_end(&f, carried->mtime_ns, j->n_have == 0, error) ? COPY_DONE : COPY_FAILED;
}

/* ---- reading ---- */

/* An ETag of parts, of an object that is in memory: each part's size is asked for. Where nobody tells, it passes. */
static bool parts_match(struct line *l, struct job *j, const struct version *v, const struct carried *c,
                        struct bytes data)
{
    struct checksum_ctx *all = checksum_new(CHECKSUM_MD5);
    char etag[ETAG_ROOM];
    size_t at = 0, n = 0;
    bool told = true;
    for (; told && at < data.n && n < SMALL_PARTS_MAX; n++) {
        struct http_client_reply r;
        unsigned char md5[16];
        uint64_t size =
            s3_part_size(l, &l->t->o->from, l->t->from_bucket, key_from(l, j), version_query(l, v, NULL), n + 1, &r);
        told = size && size <= data.n - at && strcmp(etag_of_reply(&r, l->arena), c->etag) == 0;
        if (told) {
            md5_of(data.p + at, size, md5);
            checksum_update(all, md5, sizeof md5);
            at += size;
        }
    }
    etag_of_parts(all, n, etag);
    return !told || at < data.n || strcasecmp(etag, c->etag) == 0;
}

/* Verified here, unless the destination is told the MD5 and does it. */
static enum copy_end get_object(struct line *l, struct job *j, const struct version *v, char *p, size_t room,
                                struct carried *carried, struct bytes *data, char error[400])
{
    struct s3_call c = {.method = "GET",
                        .bucket = l->t->from_bucket,
                        .key = key_from(l, j),
                        .query = version_query(l, v, NULL),
                        .headers = &s3_with_checksums,
                        .n_headers = 1,
                        .into = p,
                        .into_room = room,
                        .data = true};
    struct http_client_reply r;
    struct s3_error e;
    int status = s3_send(l, &l->t->o->from, &c, &r, &e);
    if (status == 404 && strcmp(e.code, "NoSuchBucket") != 0)
        return COPY_GONE;
    if (!s3_good(status)) {
        snprintf(error, 400, "it cannot be read: %s", e.message);
        return COPY_FAILED;
    }
    *data = r.body;
    if (!carry_object(l, j, v, &r, carried, error))
        return COPY_FAILED;
    bool told = carried->md5 && !l->t->o->to.folder;
    if (!told && !carried->checksum.n && !carried->opaque && strchr(carried->etag, '-'))
        return parts_match(l, j, v, carried, *data) ? COPY_DONE : COPY_SPOILED;
    return told || carried_matches(carried, *data) ? COPY_DONE : COPY_SPOILED;
}

static enum copy_end get_file(struct line *l, struct job *j, const struct version *v, char *p, size_t room,
                              struct carried *carried, struct bytes *data, char error[400])
{
    struct stat st = {0}, after = {0};
    int fd = folder_open_file(l->t->from_fd, j->key, l->t->o->follow_links);
    size_t n = 0;
    ssize_t got = 1;
    if (fd < 0 && errno == ENOENT)
        return COPY_GONE;
    bool good = fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size <= room;
    while (good && got > 0 && n < room) {
        got = read(fd, p + n, room - n);
        n += got > 0 ? (size_t)got : 0;
    }
    good = good && got >= 0;
    if (!good)
        snprintf(error, 400, "it cannot be read: %s", fd >= 0 && got >= 0 ? "it has grown meanwhile" : strerror(errno));
    else if (fstat(fd, &after) != 0 || n != (size_t)st.st_size || after.st_size != st.st_size ||
             after.st_mtim.tv_sec != st.st_mtim.tv_sec || after.st_mtim.tv_nsec != st.st_mtim.tv_nsec) {
        snprintf(error, 400, "it changed while it was read");
        good = false;
    }
    if (fd >= 0)
        close(fd);
    if (!good)
        return COPY_FAILED;
    *data = bytes_of(p, n);
    carry_file(l, key_to(l, j), v->mtime_ns, carried);
    return COPY_DONE;
}

/* ---- the version ---- */

static enum copy_end copy_whole(struct line *l, struct job *j, const struct version *v, const char **last_id,
                                char error[400])
{
    size_t room = (size_t)v->size + SPARE_ROOM;
    struct bytes data = BYTES_NONE;
    if (!memory_take(l->t, room))
        return COPY_FAILED;
    struct buffer *b = buffer_take(l->t, room);
    if (!b) {
        memory_give(l->t, room);
        snprintf(error, 400, "there is no memory for it");
        return COPY_FAILED;
    }
    struct carried *carried = arena_new(l->arena, struct carried);
    enum copy_end end = COPY_SPOILED;
    for (int tries = 0; end == COPY_SPOILED && tries < READ_TRIES; tries++) {
        end = l->t->o->from.folder ? get_file(l, j, v, b->p, room, carried, &data, error)
                                   : get_object(l, j, v, b->p, room, carried, &data, error);
        if (end == COPY_DONE)
            end = l->t->o->to.folder ? put_file(l, j, carried, data, error)
                                     : put_object(l, j, v, carried, data, last_id, error);
    }
    if (end == COPY_SPOILED) {
        snprintf(error, 400, "the bytes do not match the source's ETag or checksum");
        end = COPY_FAILED;
    }
    if (end == COPY_DONE)
        l->t->counts.bytes += data.n;
    buffer_give(l->t, &b);
    memory_give(l->t, room);
    return end;
}

/* A key that ends with a slash is a folder's own entry. */
static enum copy_end make_folder(struct line *l, const struct job *j, const struct version *v, char error[400])
{
    struct bytes name;
    int fd = v->size ? -1 : folder_open_parent(l->t->to_fd, j->key, true, &name);
    if (fd >= 0) {
        close(fd);
        return COPY_DONE;
    }
    snprintf(error, 400, "%s",
             v->size ? "a folder cannot hold an object whose name ends with a slash" : strerror(errno));
    return COPY_FAILED;
}

static enum copy_end put_marker(struct line *l, struct job *j, const char **last_id, char error[400])
{
    struct landing landing = {l, j, NULL, *last_id};
    struct s3_call c = {.method = "DELETE",
                        .bucket = l->t->to_bucket,
                        .key = key_to(l, j),
                        .landed = has_landed,
                        .landed_arg = &landing};
    struct http_client_reply r;
    struct s3_error e;
    if (!s3_good(s3_send(l, &l->t->o->to, &c, &r, &e))) {
        snprintf(error, 400, "its delete marker cannot be made: %s", e.message);
        return COPY_FAILED;
    }
    note_last(l, &r, last_id);
    return COPY_DONE;
}

enum copy_end copy_version(struct line *l, struct job *j, const struct version *v, const char **last_id,
                           char error[400])
{
    if (v->marker)
        return put_marker(l, j, last_id, error);
    if (l->t->o->to.folder && bytes_ends(j->key, BYTES_LIT("/")))
        return make_folder(l, j, v, error);
    return is_large(l, v) ? large_copy(l, j, v, last_id, error) : copy_whole(l, j, v, last_id, error);
}
