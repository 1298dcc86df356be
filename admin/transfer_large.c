/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in parts. Idea: the worker that meets one opens it and puts it on a list; it and every worker that has
 * nothing else to do take parts from it, in order, each part being read whole, hashed, and written at once. Who opened
 * it waits for the last part and closes it. A source made of parts is copied in the same ones, so that both ETags are
 * the same, which proves all bytes; where the source's ETag is the MD5 of all, parts are hashed into it one after the
 * other. Uploads are noted in the journal, so that a later run goes on with the parts that are there.
 * Invariant: a part is taken by who has memory for it, so the lowest part that is not hashed yet is always being read.
 * Threads: workers; the list, and the state of each large object, under the transfer's lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/transfer.h"
#include "base/check.h"
#include "checksum.h"

#define COMPLETE_MAX (2u << 20) /* bytes of the document that names 10,000 parts */

struct part {
    unsigned char md5[16];
    struct checksum_value sum;
    bool there; /* from an earlier run */
};

struct large {
    struct large *next;
    struct job *job;
    const struct version *version;
    struct carried carried;
    struct bytes from_key, to_key;
    const char *query;  /* of the source */
    const char *upload; /* at the destination, or: */
    struct folder_file file;
    int source_fd;
    uint64_t size, part_size;
    size_t n_parts, next_part, running;
    bool mirrored, failed;
    char error[400];
    struct part *parts;
    EVP_MD_CTX *whole; /* NULL: not needed, or not possible */
    size_t hashed;
    pthread_cond_t step; /* a part is hashed, or ended */
};

static uint64_t own_part_size(const struct transfer_options *o, uint64_t size)
{
    uint64_t part = o->part_size ? o->part_size : TRANSFER_PART_SIZE;
    while ((size + part - 1) / part > TRANSFER_PARTS_MAX)
        part *= 2;
    return part;
}

bool is_large(const struct line *l, const struct version *v)
{
    const struct transfer_options *o = l->t->o;
    return v->size > own_part_size(o, 0) ||
           (!o->to.folder && v->etag.p && v->size && memchr(v->etag.p, '-', v->etag.n) != NULL);
}

static bool fail(struct large *g, const char *text)
{
    snprintf(g->error, sizeof g->error, "%s", text);
    return false;
}

static uint64_t part_bytes(const struct large *g, size_t i)
{
    uint64_t at = i * g->part_size;
    return g->size - at < g->part_size ? g->size - at : g->part_size;
}

/* ---- one part ---- */

static bool read_of_s3(struct line *l, struct large *g, size_t i, char *p, uint64_t n, char error[400])
{
    uint64_t at = i * g->part_size;
    const char *quoted = arena_printf(l->arena, "\"%s\"", g->carried.etag);
    struct http_client_header h[] = {{"Range", arena_printf(l->arena, "bytes=%" PRIu64 "-%" PRIu64, at, at + n - 1)},
                                     {"If-Match", quoted}};
    struct s3_call c = {.method = "GET",
                        .bucket = l->t->from_bucket,
                        .key = g->from_key,
                        .query = g->query,
                        .headers = h,
                        .n_headers = 2,
                        .into = p,
                        .into_room = n,
                        .data = true};
    struct http_client_reply r;
    struct s3_error e;
    int status = s3_send(l, &l->t->o->from, &c, &r, &e);
    if (!s3_good(status))
        snprintf(error, 400, "it cannot be read: %s", status == 412 ? "it was changed meanwhile" : e.message);
    else if (r.body.n != n)
        snprintf(error, 400, "a part of it came with %zu bytes instead of %" PRIu64, r.body.n, n);
    return s3_good(status) && r.body.n == n;
}

static bool read_of_file(struct large *g, size_t i, char *p, uint64_t n, char error[400])
{
    for (uint64_t at = 0; at < n;) {
        ssize_t got = pread(g->source_fd, p + at, n - at, (off_t)(i * g->part_size + at));
        if (got <= 0) {
            snprintf(error, 400, "it cannot be read: %s", got < 0 ? strerror(errno) : "it became shorter meanwhile");
            return false;
        }
        at += (uint64_t)got;
    }
    return true;
}

static bool write_to_file(struct large *g, size_t i, const char *p, uint64_t n, char error[400])
{
    for (uint64_t at = 0; at < n;) {
        ssize_t put = pwrite(g->file.fd, p + at, n - at, (off_t)(i * g->part_size + at));
        if (put <= 0) {
            snprintf(error, 400, "%s", strerror(put < 0 ? errno : EIO));
            return false;
        }
        at += (uint64_t)put;
    }
    return true;
}

static bool write_to_s3(struct line *l, struct large *g, size_t i, struct bytes data, char error[400])
{
    char sum[25] = "", etag[33] = "";
    struct http_client_header h = {"Content-MD5", sum};
    struct bytes id = s3_encode(l->arena, bytes_str(g->upload), false);
    struct s3_call c = {.method = "PUT",
                        .bucket = l->t->to_bucket,
                        .key = g->to_key,
                        .query = arena_printf(l->arena, "partNumber=%zu&uploadId=%.*s", i + 1, (int)id.n, id.p),
                        .headers = &h,
                        .n_headers = 1,
                        .body = data,
                        .data = true};
    struct http_client_reply r;
    struct s3_error e;
    base64_encode(g->parts[i].md5, 16, sum);
    hex_encode(g->parts[i].md5, 16, etag);
    int status = s3_send(l, &l->t->o->to, &c, &r, &e);
    if (!s3_good(status))
        snprintf(error, 400, "part %zu cannot be written: %s", i + 1, e.message);
    return s3_good(status);
}

/* Waits for its turn, and hashes into the MD5 of all. */
static bool hash_in_turn(struct line *l, struct large *g, size_t i, struct bytes data)
{
    if (!g->whole)
        return true;
    pthread_mutex_lock(&l->t->lock);
    while (g->hashed < i && !g->failed)
        pthread_cond_wait(&g->step, &l->t->lock);
    bool go_on = !g->failed;
    pthread_mutex_unlock(&l->t->lock);
    if (!go_on)
        return false;
    CHECK(EVP_DigestUpdate(g->whole, data.p, data.n) == 1);
    pthread_mutex_lock(&l->t->lock);
    g->hashed = i + 1;
    pthread_cond_broadcast(&g->step);
    pthread_mutex_unlock(&l->t->lock);
    return true;
}

static bool do_part(struct line *l, struct large *g, size_t i, char error[400])
{
    uint64_t n = part_bytes(g, i);
    char *p = xmalloc(n + 1);
    struct bytes data = bytes_of(p, n);
    bool good = g->source_fd >= 0 ? read_of_file(g, i, p, n, error) : read_of_s3(l, g, i, p, n, error);
    if (good) {
        md5_of(p, n, g->parts[i].md5);
        if (g->carried.checksum.n)
            checksum_of((enum checksum_alg)g->carried.checksum_alg, p, n, &g->parts[i].sum);
        good = hash_in_turn(l, g, i, data) &&
               (g->upload ? write_to_s3(l, g, i, data, error) : write_to_file(g, i, p, n, error));
    }
    if (good)
        l->t->counts.bytes += n;
    free(p);
    return good;
}

/* Takes the next part, if there is memory for it, and does it. With the lock held, before and after. */
static bool take_part(struct line *l, struct large *g)
{
    struct transfer *t = l->t;
    char error[400] = "";
    while (g->next_part < g->n_parts && g->parts[g->next_part].there)
        g->next_part++;
    if (g->next_part == g->n_parts || g->failed || t->stop || (t->memory && t->memory + g->part_size > TRANSFER_MEMORY))
        return false;
    size_t i = g->next_part++;
    t->memory += g->part_size;
    g->running++;
    pthread_mutex_unlock(&t->lock);
    bool good = do_part(l, g, i, error);
    memory_give(t, g->part_size);
    pthread_mutex_lock(&t->lock);
    g->running--;
    if (!good && !g->failed) {
        g->failed = true;
        memcpy(g->error, error, sizeof g->error);
    }
    pthread_cond_broadcast(&g->step);
    return true;
}

bool large_help(struct line *l)
{
    for (struct large *g = l->t->larges; g; g = g->next)
        if (take_part(l, g)) {
            arena_reset(l->arena);
            return true;
        }
    return false;
}

/* Until all parts are through. */
static void do_all_parts(struct line *l, struct large *g)
{
    struct transfer *t = l->t;
    struct arena *kept = l->arena; /* what the object itself needs lives on; what a part needs ends with it */
    l->arena = arena_create(0);
    pthread_mutex_lock(&t->lock);
    g->next = t->larges;
    t->larges = g;
    pthread_cond_broadcast(&t->more);
    for (;;) {
        if (take_part(l, g)) {
            arena_reset(l->arena);
            continue;
        }
        bool over = g->next_part == g->n_parts || g->failed || t->stop;
        if (over && !g->running)
            break;
        pthread_cond_wait(over ? &g->step : &t->room, &t->lock);
    }
    for (struct large **at = &t->larges; *at; at = &(*at)->next)
        if (*at == g) {
            *at = g->next;
            break;
        }
    if (g->next_part < g->n_parts)
        g->failed = true;
    pthread_mutex_unlock(&t->lock);
    arena_free(l->arena);
    l->arena = kept;
}

/* ---- the source ---- */

static bool open_file_source(struct line *l, struct large *g)
{
    struct stat st;
    g->source_fd = folder_open_file(l->t->from_fd, g->job->key, l->t->o->follow_links);
    if (g->source_fd < 0 || fstat(g->source_fd, &st) != 0)
        return fail(g, strerror(errno));
    g->size = (uint64_t)st.st_size;
    g->part_size = own_part_size(l->t->o, g->size);
    carry_file(l, g->to_key, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, &g->carried);
    return g->size == g->version->size || fail(g, "it changed since it was listed");
}

static bool file_unchanged(struct large *g)
{
    struct stat st;
    return g->source_fd < 0 ||
           (fstat(g->source_fd, &st) == 0 && (uint64_t)st.st_size == g->size &&
            (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == g->carried.mtime_ns) ||
           fail(g, "it changed while it was read");
}

static uint64_t count_in_etag(const char *etag)
{
    const char *dash = strchr(etag, '-');
    uint64_t n = 0;
    if (dash)
        bytes_to_u64(bytes_str(dash + 1), TRANSFER_PARTS_MAX, &n);
    return n;
}

static enum copy_end open_s3_source(struct line *l, struct large *g)
{
    static const struct http_client_header mode = {"x-amz-checksum-mode", "ENABLED"};
    struct s3_call c = {.method = "HEAD",
                        .bucket = l->t->from_bucket,
                        .key = g->from_key,
                        .query = g->query,
                        .headers = &mode,
                        .n_headers = 1};
    struct http_client_reply r;
    struct s3_error e;
    uint64_t size = UINT64_MAX, part = 0;
    int status = s3_send(l, &l->t->o->from, &c, &r, &e);
    if (!s3_good(status)) {
        fail(g, e.message);
        return status == 404 ? COPY_GONE : COPY_FAILED;
    }
    bytes_to_u64(bytes_str(http_client_reply_header(&r, "content-length")), INT64_MAX, &size);
    if (!carry_object(l, g->job, g->version, &r, &g->carried, g->error))
        return COPY_FAILED;
    if (size != g->version->size) {
        fail(g, "it changed since it was listed");
        return COPY_FAILED;
    }
    uint64_t n = count_in_etag(g->carried.etag);
    if (n)
        part = part_size_at(l, &l->t->o->from, l->t->from_bucket, g->from_key, g->query, &r);
    g->size = size;
    g->mirrored = n && part && part <= TRANSFER_PART_MAX && (size + part - 1) / part == n &&
                  (n == 1 || part >= TRANSFER_PART_MIN);
    g->part_size = g->mirrored ? part : own_part_size(l->t->o, size);
    return COPY_DONE;
}

/* ---- the upload ---- */

/* Parts that an earlier run has sent; false: that upload is no more. */
static bool find_parts(struct line *l, struct large *g)
{
    uint64_t marker = 0;
    struct bytes id = s3_encode(l->arena, bytes_str(g->upload), false);
    for (bool more = true; more;) {
        struct s3_call c = {
            .method = "GET",
            .bucket = l->t->to_bucket,
            .key = g->to_key,
            .query = arena_printf(l->arena, "uploadId=%.*s&part-number-marker=%" PRIu64, (int)id.n, id.p, marker)};
        struct http_client_reply r;
        struct s3_error e;
        struct bytes root, name, part;
        if (!s3_good(s3_send(l, &l->t->o->to, &c, &r, &e)) || !doc_root(r.body, "ListPartsResult", &root))
            return false;
        more = bytes_eq_str(doc_find_text(root, "IsTruncated", l->arena), "true");
        uint64_t before = marker;
        while (doc_next(&root, &name, &part)) {
            uint64_t i = 0, size = 0;
            if (!bytes_eq_str(name, "Part"))
                continue;
            bytes_to_u64(doc_find_text(part, "PartNumber", l->arena), TRANSFER_PARTS_MAX, &i);
            bytes_to_u64(doc_find_text(part, "Size", l->arena), INT64_MAX, &size);
            struct bytes etag = doc_find_text(part, "ETag", l->arena);
            if (etag.n == 34)
                etag = bytes_cut(etag, 1, 32);
            marker = i > marker ? i : marker;
            if (i < 1 || i > g->n_parts || size != part_bytes(g, i - 1) || !is_md5(etag))
                continue;
            g->parts[i - 1].there = hex_decode(etag, g->parts[i - 1].md5, 16);
            l->t->counts.reused_parts++;
            l->t->counts.planned_bytes -= size;
        }
        more = more && marker > before;
    }
    return true;
}

/* What the journal knows the source by. */
static const char *mark_of(struct line *l, const struct large *g)
{
    return *g->carried.etag
               ? arena_printf(l->arena, "%s %.*s", g->carried.etag, (int)g->version->id.n, g->version->id.p)
               : mtime_text(g->carried.mtime_ns, l->arena);
}

static bool open_upload(struct line *l, struct large *g)
{
    struct s3_call c = {.method = "POST", .bucket = l->t->to_bucket, .key = g->to_key, .query = "uploads="};
    struct http_client_reply r;
    struct s3_error e;
    struct bytes root;
    const char *mark = mark_of(l, g);
    g->upload = journal_find(l->t->journal, g->to_key, mark, g->size, g->part_size, l->arena);
    if (g->upload && find_parts(l, g))
        return true;
    if (g->upload)
        journal_end(l->t->journal, g->upload);
    g->upload = NULL;
    int status = send_new(l, &c, &g->carried, NULL, 0, &r, &e);
    if (!s3_good(status) || !doc_root(r.body, "InitiateMultipartUploadResult", &root))
        return fail(g, s3_good(status) ? "the destination's answer names no upload" : e.message);
    g->upload = doc_find_text(root, "UploadId", l->arena).p;
    if (!g->upload || !*g->upload)
        return fail(g, "the destination's answer names no upload");
    journal_begin(l->t->journal, g->to_key, mark, g->size, g->part_size, g->upload);
    return true;
}

static void abort_upload(struct line *l, struct large *g)
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes id = s3_encode(l->arena, bytes_str(g->upload), false);
    struct s3_call c = {.method = "DELETE",
                        .bucket = l->t->to_bucket,
                        .key = g->to_key,
                        .query = arena_printf(l->arena, "uploadId=%.*s", (int)id.n, id.p)};
    s3_send(l, &l->t->o->to, &c, &r, &e);
    journal_end(l->t->journal, g->upload);
}

/* The ETag of parts: the MD5 of their MD5s, and how many. */
static void etag_of_parts(const struct large *g, char ret[48])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char digest[16];
    CHECK(md && EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1);
    for (size_t i = 0; i < g->n_parts; i++)
        CHECK(EVP_DigestUpdate(md, g->parts[i].md5, 16) == 1);
    CHECK(EVP_DigestFinal_ex(md, digest, NULL) == 1);
    EVP_MD_CTX_free(md);
    hex_encode(digest, 16, ret);
    snprintf(ret + 32, 16, "-%zu", g->n_parts);
}

/* Parts of different sizes have an ETag that ours cannot have. */
static bool parts_uneven(struct line *l, const struct large *g)
{
    for (size_t i = 1; i + 1 < g->n_parts && !l->t->stop; i++) {
        struct s3_call c = {.method = "HEAD",
                            .bucket = l->t->from_bucket,
                            .key = g->from_key,
                            .query = arena_printf(l->arena, "partNumber=%zu%s%s", i + 1, g->query ? "&" : "",
                                                  g->query ? g->query : "")};
        struct http_client_reply r;
        struct s3_error e;
        uint64_t size = 0;
        if (s3_good(s3_send(l, &l->t->o->from, &c, &r, &e)) &&
            bytes_to_u64(bytes_str(http_client_reply_header(&r, "content-length")), INT64_MAX, &size) &&
            size != g->part_size)
            return true;
    }
    return false;
}

/* Of the others, the sum of the whole does not follow from those of its parts. */
static bool sums_combine(const struct large *g)
{
    int alg = g->carried.checksum_alg;
    return alg == CHECKSUM_CRC32 || alg == CHECKSUM_CRC32C || alg == CHECKSUM_CRC64NVME;
}

static bool sums_match(const struct large *g)
{
    struct checksum_value all = g->parts[0].sum, theirs = {.alg = (enum checksum_alg)g->carried.checksum_alg};
    for (size_t i = 1; i < g->n_parts; i++)
        if (!checksum_combine(&all, &g->parts[i].sum, part_bytes(g, i), &all))
            return false;
    return base64_decode(g->carried.checksum, theirs.b, sizeof theirs.b) ==
               (ptrdiff_t)checksum_info(theirs.alg)->bytes &&
           checksum_equal(&all, &theirs);
}

/* All that was read against what the source says of the whole. */
static bool verify(struct line *l, struct large *g, bool all_read)
{
    unsigned char md5[16];
    char etag[48];
    const char *wrong = "the bytes do not match the source's ETag or checksum";
    if (g->whole) {
        CHECK(EVP_DigestFinal_ex(g->whole, md5, NULL) == 1);
        hex_encode(md5, 16, etag);
        etag[32] = '\0';
        return bytes_eq_str_nocase(bytes_str(g->carried.etag), etag) || fail(g, wrong);
    }
    if (all_read && g->carried.checksum.n && sums_combine(g))
        return sums_match(g) || fail(g, wrong);
    etag_of_parts(g, etag);
    return !g->mirrored || strcmp(etag, g->carried.etag) == 0 || parts_uneven(l, g) || fail(g, wrong);
}

static bool is_there(struct line *l, const struct large *g, const char *etag)
{
    struct http_client_reply r;
    struct s3_error e;
    struct s3_call c = {.method = "HEAD", .bucket = l->t->to_bucket, .key = g->to_key};
    return s3_good(s3_send(l, &l->t->o->to, &c, &r, &e)) && strcmp(s3_etag(&r, l->arena), etag) == 0;
}

static enum copy_end complete(struct line *l, struct large *g, const char **last_id)
{
    char etag[48], hex[33] = "";
    struct buf b;
    struct bytes root, id = s3_encode(l->arena, bytes_str(g->upload), false);
    struct http_client_header condition = {"If-None-Match", "*"};
    bool is_new = g->job->n_have == 0 && g->version == &g->job->versions[0];
    struct http_client_reply r;
    struct s3_error e;
    etag_of_parts(g, etag);
    buf_init(&b, COMPLETE_MAX);
    buf_put_str(&b, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < g->n_parts; i++) {
        hex_encode(g->parts[i].md5, 16, hex);
        buf_printf(&b, "<Part><PartNumber>%zu</PartNumber><ETag>\"%s\"</ETag></Part>", i + 1, hex);
    }
    buf_put_str(&b, "</CompleteMultipartUpload>");
    struct s3_call c = {.method = "POST",
                        .bucket = l->t->to_bucket,
                        .key = g->to_key,
                        .query = arena_printf(l->arena, "uploadId=%.*s", (int)id.n, id.p),
                        .body = buf_bytes(&b)};
    int status = send_new(l, &c, &(struct carried){.n = 0}, &condition, is_new ? 1 : 0, &r, &e);
    buf_fini(&b);
    bool good = s3_good(status) && doc_root(r.body, "CompleteMultipartUploadResult", &root);
    const char *version = http_client_reply_header(&r, "x-amz-version-id");
    if (version)
        *last_id = bytes_cstr(l->arena, bytes_str(version));
    if (!good && is_there(l, g, etag)) {
        if (status == 412) { /* somebody else's, or a request of a killed run: ours is not needed */
            abort_upload(l, g);
            return COPY_SAME;
        }
        journal_end(l->t->journal, g->upload);
        return COPY_DONE;
    }
    if (!good) {
        fail(g, s3_good(status) ? "the destination did not put the parts together" : e.message);
        return COPY_FAILED;
    }
    journal_end(l->t->journal, g->upload);
    return COPY_DONE;
}

/* ---- the whole of it ---- */

static bool open_destination(struct line *l, struct large *g)
{
    g->n_parts = (size_t)((g->size + g->part_size - 1) / g->part_size);
    g->parts = arena_new_array(l->arena, struct part, g->n_parts);
    if (l->t->o->to.folder) {
        if (!folder_file_begin(&g->file, l->t->to_fd, g->job->key, g->size, g->error))
            return false;
    } else if (!open_upload(l, g))
        return false;
    bool reused = false;
    for (size_t i = 0; i < g->n_parts; i++)
        reused = reused || g->parts[i].there;
    if (g->carried.md5 && !reused) {
        g->whole = EVP_MD_CTX_new();
        CHECK(g->whole && EVP_DigestInit_ex(g->whole, EVP_md5(), NULL) == 1);
    }
    return true;
}

static enum copy_end finish(struct line *l, struct large *g, const char **last_id)
{
    bool all_read = true;
    for (size_t i = 0; i < g->n_parts; i++)
        all_read = all_read && !g->parts[i].there;
    if (g->failed)
        return COPY_FAILED; /* the upload stays, for the next run */
    if (!verify(l, g, all_read) || !file_unchanged(g)) {
        if (g->upload)
            abort_upload(l, g);
        return COPY_FAILED;
    }
    if (g->upload)
        return complete(l, g, last_id);
    return folder_file_end(&g->file, g->carried.mtime_ns, g->error) ? COPY_DONE : COPY_FAILED;
}

enum copy_end large_copy(struct line *l, struct job *j, const struct version *v, const char **last_id, char error[400])
{
    struct large *g = arena_new(l->arena, struct large);
    *g = (struct large){.job = j,
                        .version = v,
                        .from_key = key_from(l, j),
                        .to_key = key_to(l, j),
                        .query = version_query(l, v, NULL),
                        .file = {.parent_fd = -1, .fd = -1},
                        .source_fd = -1};
    pthread_cond_init(&g->step, NULL);
    enum copy_end end = l->t->o->from.folder ? open_file_source(l, g) ? COPY_DONE : COPY_FAILED : open_s3_source(l, g);
    if (end == COPY_DONE) {
        end = COPY_FAILED;
        if (open_destination(l, g)) {
            do_all_parts(l, g);
            end = finish(l, g, last_id);
        }
    }
    folder_file_drop(&g->file);
    if (g->source_fd >= 0)
        close(g->source_fd);
    EVP_MD_CTX_free(g->whole);
    pthread_cond_destroy(&g->step);
    memcpy(error, g->error, sizeof g->error);
    return end;
}
