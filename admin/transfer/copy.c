/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job: one key, whose versions are written one after the other, oldest first. Idea: first it is decided which of
 * them the destination has already, by what listings tell and, where that does not suffice, by a look at the bytes or
 * at what was noted; then each is read whole into memory, verified, and written with its MD5, so that neither side can
 * take a broken one. An object that is not there yet is written on the condition that it still is not: a request of a
 * killed run that arrives late, or somebody else's, is never written over.
 * Threads: workers.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/transfer/transfer.h"
#include "base/check.h"
#include "checksum.h"

#define READ_TRIES      3    /* of bytes that do not match their checksum */
#define SMALL_PARTS_MAX 100  /* of an object that is in memory, which are asked for one by one */
#define SPARE_ROOM      4096 /* an object may grow between listing and reading */

/* ---- names ---- */

static struct bytes with_prefix(struct line *l, const char *prefix, struct bytes key)
{
    size_t n = strlen(prefix);
    char *p = arena_alloc(l->arena, n + key.n + 1);
    memcpy(p, prefix, n);
    memcpy(p + n, key.p, key.n);
    return bytes_of(p, n + key.n);
}

struct bytes key_from(struct line *l, const struct job *j)
{
    return with_prefix(l, l->t->o->from.prefix, j->key);
}

struct bytes key_to(struct line *l, const struct job *j)
{
    return with_prefix(l, l->t->to_prefix, j->key);
}

const char *version_query(struct line *l, const struct version *v, const char *more)
{
    if (!l->t->o->versions || !v->id.n)
        return more;
    struct bytes id = s3_encode(l->arena, v->id, false);
    return arena_printf(l->arena, "%s%sversionId=%.*s", more ? more : "", more ? "&" : "", (int)id.n, id.p);
}

/* ---- is it there already? ---- */

uint64_t part_size_at(struct line *l, const struct place *at, const char *bucket, struct bytes key, const char *query,
                      size_t number, struct http_client_reply *head)
{
    static const struct http_client_header mode = {"x-amz-checksum-mode", "ENABLED"};
    struct s3_error e;
    uint64_t parts = 0, size = 0;
    struct s3_call c = {.method = "HEAD",
                        .bucket = bucket,
                        .key = key,
                        .query =
                            arena_printf(l->arena, "partNumber=%zu%s%s", number, query ? "&" : "", query ? query : ""),
                        .headers = &mode,
                        .n_headers = 1};
    int status = s3_send(l, at, &c, head, &e);
    if (!s3_good(status))
        return 0;
    bytes_to_u64(bytes_str(http_client_reply_header(head, "x-amz-mp-parts-count")), TRANSFER_PARTS_MAX, &parts);
    bytes_to_u64(bytes_str(http_client_reply_header(head, "content-length")), INT64_MAX, &size);
    return parts ? size : 0;
}

bool etag_of_file(struct line *l, int fd, uint64_t size, uint64_t part_size, char ret[48])
{
    enum { PIECE = 1 << 20 };
    EVP_MD_CTX *md = EVP_MD_CTX_new(), *all = EVP_MD_CTX_new();
    unsigned char digest[16];
    uint64_t part = part_size ? part_size : size, parts = 0;
    char *p = xmalloc(PIECE);
    bool good = md && all && EVP_DigestInit_ex(all, EVP_md5(), NULL) == 1;
    for (uint64_t at = 0; good && (at < size || !parts); parts++) {
        uint64_t end = at + part < size ? at + part : size;
        good = EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1;
        while (good && at < end && !l->t->stop) {
            ssize_t n = pread(fd, p, end - at < PIECE ? end - at : PIECE, (off_t)at);
            good = n > 0 && EVP_DigestUpdate(md, p, (size_t)n) == 1;
            at += good ? (uint64_t)n : 0;
        }
        good = good && at == end && EVP_DigestFinal_ex(md, digest, NULL) == 1 &&
               EVP_DigestUpdate(all, digest, sizeof digest) == 1;
    }
    if (good && part_size)
        good = EVP_DigestFinal_ex(all, digest, NULL) == 1;
    hex_encode(digest, sizeof digest, ret);
    ret[32] = '\0';
    if (part_size)
        snprintf(ret + 32, 16, "-%" PRIu64, parts);
    EVP_MD_CTX_free(md);
    EVP_MD_CTX_free(all);
    free(p);
    return good;
}

/* A file against an object: by its bytes, or, when they are many and nobody asked to compare, by the time noted. */
static bool same_as_file(struct line *l, const struct job *j, bool file_is_source, const struct version *object,
                         int64_t file_mtime)
{
    const struct place *at = file_is_source ? &l->t->o->to : &l->t->o->from;
    const char *bucket = file_is_source ? l->t->to_bucket : l->t->from_bucket;
    struct http_client_reply head;
    char etag[48];
    uint64_t part = 0;
    if (!l->t->o->compare && !file_is_source && file_mtime == object->mtime_ns)
        return true;
    if (!is_md5(object->etag)) {
        part = part_size_at(l, at, bucket, file_is_source ? key_to(l, j) : key_from(l, j), NULL, 1, &head);
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

size_t job_overlap(size_t n, size_t n_have, bool (*is_same)(void *, size_t, size_t), void *arg, bool *conflict)
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
    struct job *j;
};

static bool same_pair(void *arg, size_t i, size_t have)
{
    struct pair *p = arg;
    return same(p->l, p->j, &p->j->versions[i], &p->j->have[have]);
}

/* ---- writing ---- */

int send_new(struct line *l, struct s3_call *c, const struct carried *carried, const struct http_client_header *more,
             size_t n_more, struct http_client_reply *r, struct s3_error *e)
{
    struct transfer *t = l->t;
    struct http_client_header *h = arena_new_array(l->arena, struct http_client_header, carried->n + n_more + 1);
    for (;;) {
        bool conditional = false, classed = false;
        size_t n = 0;
        for (size_t i = 0; i < carried->n + n_more; i++) {
            const struct http_client_header *one = i < carried->n ? &carried->headers[i] : &more[i - carried->n];
            bool is_class = strcmp(one->name, "x-amz-storage-class") == 0,
                 is_if = strcmp(one->name, "If-None-Match") == 0;
            if ((is_class && t->no_classes) || (is_if && t->no_conditions))
                continue;
            classed = classed || is_class;
            conditional = conditional || is_if;
            h[n++] = *one;
        }
        c->headers = h;
        c->n_headers = n;
        int status = s3_send(l, &t->o->to, c, r, e);
        if (classed && strcmp(e->code, "InvalidStorageClass") == 0) {
            if (!atomic_exchange(&t->no_classes, true))
                report(t, PROBLEM_DIFFERS, BYTES_NONE,
                       "the destination does not know all storage classes; its own is used");
        } else if (conditional && status == 501)
            t->no_conditions = true;
        else
            return status;
    }
}

struct landing {
    struct line *l;
    struct job *j;
    const struct pledge *pledge; /* what was written; NULL: a marker */
    const char *last_id;         /* what was the newest before, NULL: unknown */
};

static int look_at(struct line *l, struct job *j, struct http_client_reply *r)
{
    static const struct http_client_header mode = {"x-amz-checksum-mode", "ENABLED"};
    struct s3_error e;
    struct s3_call c = {
        .method = "HEAD", .bucket = l->t->to_bucket, .key = key_to(l, j), .headers = &mode, .n_headers = 1};
    return s3_send(l, &l->t->o->to, &c, r, &e);
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
        status = send_new(l, &c, carried, more, pledge.n + is_new, &r, &e);
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
    struct checksum_value sum;
    char etag[48];
    size_t at = 0, n = 0;
    bool told = true;
    for (; told && at < data.n && n < SMALL_PARTS_MAX; n++) {
        struct http_client_reply r;
        unsigned char md5[16];
        uint64_t size =
            part_size_at(l, &l->t->o->from, l->t->from_bucket, key_from(l, j), version_query(l, v, NULL), n + 1, &r);
        told = size && size <= data.n - at && strcmp(s3_etag(&r, l->arena), c->etag) == 0;
        if (told) {
            md5_of(data.p + at, size, md5);
            checksum_update(all, md5, sizeof md5);
            at += size;
        }
    }
    checksum_final(all, &sum);
    checksum_free(all);
    hex_encode(sum.b, 16, etag);
    snprintf(etag + 32, 16, "-%zu", n);
    return !told || at < data.n || strcasecmp(etag, c->etag) == 0;
}

/* Verified here, unless the destination is told the MD5 and does it. */
static enum copy_end get_object(struct line *l, struct job *j, const struct version *v, char *p, size_t room,
                                struct carried *carried, struct bytes *data, char error[400])
{
    static const struct http_client_header mode = {"x-amz-checksum-mode", "ENABLED"};
    struct s3_call c = {.method = "GET",
                        .bucket = l->t->from_bucket,
                        .key = key_from(l, j),
                        .query = version_query(l, v, NULL),
                        .headers = &mode,
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

static enum copy_end copy_one(struct line *l, struct job *j, const struct version *v, const char **last_id,
                              char error[400])
{
    if (v->marker)
        return put_marker(l, j, last_id, error);
    if (l->t->o->to.folder && bytes_ends(j->key, BYTES_LIT("/")))
        return make_folder(l, j, v, error);
    return is_large(l, v) ? large_copy(l, j, v, last_id, error) : copy_whole(l, j, v, last_id, error);
}

/* ---- the job ---- */

/* How many versions need not be written. SIZE_MAX: it is not to be written at all, which was said. */
static size_t have_already(struct line *l, struct job *j)
{
    struct transfer *t = l->t;
    bool conflict;
    size_t k = job_overlap(j->n, j->n_have, same_pair, &(struct pair){l, j}, &conflict);
    if (conflict && t->o->versions) {
        report(t, t->o->compare ? PROBLEM_DIFFERS : PROBLEM_FAILED, j->key,
               "the destination has versions of it that the source has not");
        return SIZE_MAX;
    }
    if (k == j->n)
        return k;
    if (t->o->compare)
        report(t, PROBLEM_DIFFERS, j->key,
               !j->n_have ? "is missing at the destination"
               : k        ? "newer versions are missing at the destination"
                          : "is not the same");
    else if (t->o->dry_run)
        report(t, PROBLEM_WOULD, j->key, "%" PRIu64 " bytes%s", j->versions[j->n - 1].size,
               j->n_have ? " over what is there" : "");
    return t->o->compare ? SIZE_MAX : k;
}

static void count_end(struct transfer *t, enum copy_end end, const struct version *v)
{
    if (end == COPY_DONE && v->marker)
        t->counts.markers++;
    else if (end == COPY_DONE)
        t->counts.copied++;
    else if (end == COPY_SAME)
        t->counts.same++;
    else if (end == COPY_GONE)
        t->counts.gone++;
    if (end != COPY_DONE)
        t->counts.planned--;
    if (end != COPY_DONE)
        t->counts.planned_bytes -= v->size;
}

static void leave_out(struct transfer *t, const struct job *j, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        t->counts.planned--;
        t->counts.planned_bytes -= j->versions[i].size;
    }
}

void job_run(struct line *l, struct job *j)
{
    struct transfer *t = l->t;
    const char *why = t->o->to.folder ? folder_key_problem(j->key) : NULL;
    const char *last_id =
        j->n_have && j->have[j->n_have - 1].id.n ? bytes_cstr(l->arena, j->have[j->n_have - 1].id) : NULL;
    if (why) {
        report(t, PROBLEM_SKIPPED, j->key, "no file can have this name: %s", why);
        leave_out(t, j, 0, j->n);
        return;
    }
    size_t done = have_already(l, j);
    if (done == SIZE_MAX) {
        leave_out(t, j, 0, j->n);
        return;
    }
    t->counts.same += done;
    leave_out(t, j, 0, done);
    for (size_t i = done; i < j->n && !t->o->dry_run; i++) {
        char error[400] = "";
        if (t->stop)
            return;
        const char *before = last_id;
        enum copy_end end = copy_one(l, j, &j->versions[i], &last_id, error);
        /* It was written if nothing was there. */
        bool guarded = !j->n_have && !j->versions[i].marker && !t->no_conditions;
        if (end == COPY_DONE && t->o->versions && i == done && !guarded && last_id &&
            !late_settle(l, j, before, &last_id, error))
            end = COPY_FAILED;
        if (end == COPY_FAILED && t->stop)
            return;
        count_end(t, end, &j->versions[i]);
        if (end == COPY_FAILED) {
            report(t, PROBLEM_FAILED, j->key, "%s", error);
            leave_out(t, j, i + 1, j->n);
            return; /* later versions wait, so that the order holds */
        }
    }
}
