/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in parts. Idea: the worker that meets one opens it and puts it on a list; it and every worker that has
 * nothing else to do take parts from it, in order, each part being read whole and written at once, with its CRC. Who
 * opened it waits for the last part and closes it. A source made of parts is copied in the same ones, so that both
 * ETags are the same. Uploads are noted in the journal, so that a later run goes on with the parts that are there.
 *
 * What proves the whole, before it is put together, is the cheapest of: the CRC that the source tells, which follows
 * from those of the parts; its ETag of the same parts, which follows from what the destination answered to each; its
 * MD5 or SHA, for which all parts are hashed one after the other, also those that an earlier run has sent.
 * Invariant: a part is taken by who has memory for it, so the lowest part that is not hashed yet is always being read.
 * Threads: workers; the list, and the state of each large object, under the transfer's lock.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/transfer/transfer.h"
#include "base/check.h"
#include "checksum.h"

#define COMPLETE_MAX (4u << 20) /* bytes of the document that names 10,000 parts */
#define ETAG_MAX     64

struct part {
    char etag[ETAG_MAX + 1]; /* at the destination */
    unsigned char md5[16];
    struct checksum_value sum;
    bool there; /* from an earlier run */
};

enum proof { PROOF_NONE, PROOF_SUMS, PROOF_PARTS, PROOF_WHOLE };

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
    enum checksum_alg alg; /* of the parts; NONE: they have no sums */
    bool declared;         /* the upload was begun with it */
    enum proof proof;
    char error[400];
    struct part *parts;
    struct checksum_ctx *whole; /* of PROOF_WHOLE */
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
    const char *is_asked = arena_printf(l->arena, "bytes %" PRIu64 "-%" PRIu64 "/", at, at + n - 1);
    const char *quoted = arena_printf(l->arena, "\"%s\"", g->carried.etag), *range;
    struct http_client_header h[] = {{"Range", arena_printf(l->arena, "bytes=%" PRIu64 "-%" PRIu64, at, at + n - 1)},
                                     {"If-Match", quoted}};
    struct s3_call c = {.method = "GET",
                        .bucket = l->t->from_bucket,
                        .key = g->from_key,
                        .query = g->query,
                        .headers = h,
                        .n_headers = *g->carried.etag ? 2 : 1,
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
    else if (n < g->size && (!(range = http_client_reply_header(&r, "content-range")) ||
                             strncmp(range, is_asked, strlen(is_asked)) != 0))
        snprintf(error, 400, "another part of it came than was asked for");
    return s3_good(status) && !*error;
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

/* Characters that need no escape in a document, and fit. */
static bool etag_plain(struct bytes etag)
{
    for (size_t i = 0; i < etag.n; i++)
        if (!isalnum((unsigned char)etag.p[i]) && !strchr("-_.+=:/", etag.p[i]))
            return false;
    return etag.n && etag.n <= ETAG_MAX;
}

/* What the destination answered: its ETag, and the part's MD5, where that is not the same. */
static bool note_part(struct line *l, struct large *g, struct part *part, struct bytes data,
                      const struct http_client_reply *r, char error[400])
{
    struct bytes etag = bytes_str(s3_etag(r, l->arena));
    if (!etag_plain(etag)) {
        snprintf(error, 400, "the destination's answer to a part has no ETag");
        return false;
    }
    memcpy(part->etag, etag.p, etag.n);
    part->etag[etag.n] = '\0';
    if (!is_md5(etag) || etag_is_opaque(r)) {
        if (g->proof == PROOF_PARTS)
            md5_of(data.p, data.n, part->md5);
    } else
        hex_decode(etag, part->md5, sizeof part->md5);
    return true;
}

static bool write_to_s3(struct line *l, struct large *g, size_t i, struct bytes data, char error[400])
{
    struct part *part = &g->parts[i];
    struct bytes id = s3_encode(l->arena, bytes_str(g->upload), false);
    struct pledge pledge;
    struct s3_call c = {.method = "PUT",
                        .bucket = l->t->to_bucket,
                        .key = g->to_key,
                        .query = arena_printf(l->arena, "partNumber=%zu&uploadId=%.*s", i + 1, (int)id.n, id.p),
                        .headers = pledge.headers,
                        .body = data,
                        .data = true};
    struct http_client_reply r;
    struct s3_error e;
    int status;
    do {
        pledge_make(l, data, NULL, g->declared ? &part->sum : NULL, &pledge);
        c.n_headers = pledge.n;
        status = s3_send(l, &l->t->o->to, &c, &r, &e);
    } while (!s3_good(status) && pledge_not_known(l, &pledge, status, &e));
    if (!s3_good(status))
        snprintf(error, 400, "part %zu cannot be written: %s", i + 1, e.message);
    return s3_good(status) && pledge_kept(l, &pledge, data, &r, error) && note_part(l, g, part, data, &r, error);
}

/* Waits for its turn, and hashes into the sum of all. */
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
    checksum_update(g->whole, data.p, data.n);
    pthread_mutex_lock(&l->t->lock);
    g->hashed = i + 1;
    pthread_cond_broadcast(&g->step);
    pthread_mutex_unlock(&l->t->lock);
    return true;
}

static bool do_part(struct line *l, struct large *g, size_t i, char error[400])
{
    uint64_t n = part_bytes(g, i);
    struct part *part = &g->parts[i];
    struct buffer *b = buffer_take(l->t, n);
    if (!b) {
        snprintf(error, 400, "there is no memory for a part of %" PRIu64 " bytes", n);
        return false;
    }
    struct bytes data = bytes_of(b->p, n);
    bool good = g->source_fd >= 0 ? read_of_file(g, i, b->p, n, error) : read_of_s3(l, g, i, b->p, n, error);
    if (good && !part->there) {
        if (g->alg != CHECKSUM_NONE)
            checksum_of(g->alg, data.p, n, &part->sum);
        if (g->proof == PROOF_PARTS && !g->upload)
            md5_of(data.p, n, part->md5);
    }
    good = good && hash_in_turn(l, g, i, data);
    if (good && !part->there) {
        good = g->upload ? write_to_s3(l, g, i, data, error)
                         : folder_file_write(&g->file, data.p, n, i * g->part_size, error);
        l->t->counts.bytes += good ? n : 0;
    }
    buffer_give(l->t, &b);
    return good;
}

/* Takes the next part, if there is memory for it, and does it. With the lock held, before and after. */
static bool take_part(struct line *l, struct large *g)
{
    struct transfer *t = l->t;
    char error[400] = "";
    while (g->next_part < g->n_parts && g->parts[g->next_part].there && !g->whole)
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
        part = part_size_at(l, &l->t->o->from, l->t->from_bucket, g->from_key, g->query, 1, &r);
    g->size = size;
    if (size > TRANSFER_PARTS_MAX * TRANSFER_PART_LIMIT) {
        fail(g, "it is larger than any object can be");
        return COPY_FAILED;
    }
    g->mirrored = n && part && part <= TRANSFER_PART_MAX && (size + part - 1) / part == n &&
                  (n == 1 || part >= TRANSFER_PART_MIN);
    g->part_size = g->mirrored ? part : own_part_size(l->t->o, size);
    return COPY_DONE;
}

/* ---- the upload ---- */

/* A part that an earlier run has sent, as the destination lists it. */
static void take_listed(struct line *l, struct large *g, struct bytes part, uint64_t *marker)
{
    uint64_t i = 0, size = 0;
    bytes_to_u64(doc_find_text(part, "PartNumber", l->arena), TRANSFER_PARTS_MAX, &i);
    bytes_to_u64(doc_find_text(part, "Size", l->arena), INT64_MAX, &size);
    struct bytes etag = doc_find_text(part, "ETag", l->arena), sum = BYTES_NONE;
    if (etag.n > 2 && etag.p[0] == '"')
        etag = bytes_cut(etag, 1, etag.n - 2);
    *marker = i > *marker ? i : *marker;
    if (i < 1 || i > g->n_parts || size != part_bytes(g, i - 1) || !is_md5(etag) || g->parts[i - 1].there)
        return;
    struct part *p = &g->parts[i - 1];
    if (g->declared)
        sum = doc_find_text(part, checksum_info(g->alg)->element, l->arena);
    if (g->declared && base64_decode(sum, p->sum.b, sizeof p->sum.b) != (ptrdiff_t)checksum_info(g->alg)->bytes)
        return; /* sent again */
    p->sum.alg = g->declared ? g->alg : CHECKSUM_NONE;
    memcpy(p->etag, etag.p, etag.n);
    p->there = hex_decode(etag, p->md5, sizeof p->md5);
}

/* Parts that an earlier run has sent; false: that upload is no more, or not one to go on with. */
static bool find_parts(struct line *l, struct large *g)
{
    uint64_t marker = 0, before;
    struct bytes id = s3_encode(l->arena, bytes_str(g->upload), false);
    bool more = true;
    do {
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
        struct bytes alg = doc_find_text(root, "ChecksumAlgorithm", l->arena);
        g->declared = alg.n > 0;
        if (g->declared && (g->alg == CHECKSUM_NONE || checksum_by_name(alg) != g->alg))
            return false;
        before = marker;
        while (doc_next(&root, &name, &part))
            if (bytes_eq_str(name, "Part"))
                take_listed(l, g, part, &marker);
    } while (more && marker > before);
    return true;
}

static void count_found(struct line *l, const struct large *g)
{
    for (size_t i = 0; i < g->n_parts; i++)
        if (g->parts[i].there) {
            l->t->counts.reused_parts++;
            l->t->counts.planned_bytes -= part_bytes(g, i);
        }
}

/* What the journal knows the source by. */
static const char *mark_of(struct line *l, const struct large *g)
{
    return *g->carried.etag
               ? arena_printf(l->arena, "%s %.*s", g->carried.etag, (int)g->version->id.n, g->version->id.p)
               : mtime_text(g->carried.mtime_ns, l->arena);
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

/* Begins one that checks its parts' sums; where that is not known, one that does not. */
static int begin_upload(struct line *l, struct large *g, struct http_client_reply *r, struct s3_error *e)
{
    struct s3_call c = {.method = "POST", .bucket = l->t->to_bucket, .key = g->to_key, .query = "uploads="};
    struct http_client_header sums[] = {
        {"x-amz-checksum-algorithm", g->alg != CHECKSUM_NONE ? checksum_info(g->alg)->name : ""},
        {"x-amz-checksum-type", "FULL_OBJECT"}};
    for (;;) {
        int unknown = SUMS_UNKNOWN;
        g->declared = g->alg != CHECKSUM_NONE && l->t->sums != SUMS_UNCHECKED;
        int status = send_new(l, &c, &g->carried, sums, g->declared ? 2 : 0, r, e);
        const char *told = s3_good(status) ? http_client_reply_header(r, sums[0].name) : NULL;
        if (g->declared && told && strcmp(told, sums[0].value) == 0)
            atomic_compare_exchange_strong(&l->t->sums, &unknown, SUMS_CHECKED);
        if (!g->declared || (status != 400 && status != 501) || l->t->sums == SUMS_CHECKED)
            return status;
        atomic_compare_exchange_strong(&l->t->sums, &unknown, SUMS_UNCHECKED);
    }
}

static bool open_upload(struct line *l, struct large *g)
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes root;
    const char *mark = mark_of(l, g);
    g->upload = journal_find(l->t->journal, g->to_key, mark, g->size, g->part_size, l->arena);
    if (g->upload && find_parts(l, g)) {
        count_found(l, g);
        return true;
    }
    if (g->upload && !l->t->stop)
        abort_upload(l, g);
    g->upload = NULL;
    if (l->t->stop)
        return false;
    memset(g->parts, 0, g->n_parts * sizeof *g->parts);
    int status = begin_upload(l, g, &r, &e);
    if (!s3_good(status) || !doc_root(r.body, "InitiateMultipartUploadResult", &root))
        return fail(g, s3_good(status) ? "the destination's answer names no upload" : e.message);
    g->upload = doc_find_text(root, "UploadId", l->arena).p;
    if (!g->upload || !*g->upload)
        return fail(g, "the destination's answer names no upload");
    journal_begin(l->t->journal, g->to_key, mark, g->size, g->part_size, g->upload);
    return true;
}

/* The ETag of parts: the MD5 of their MD5s, and how many. */
static void etag_of_parts(const struct large *g, char ret[48])
{
    struct checksum_ctx *md = checksum_new(CHECKSUM_MD5);
    struct checksum_value v;
    for (size_t i = 0; i < g->n_parts; i++)
        checksum_update(md, g->parts[i].md5, sizeof g->parts[i].md5);
    checksum_final(md, &v);
    checksum_free(md);
    hex_encode(v.b, 16, ret);
    snprintf(ret + 32, 16, "-%zu", g->n_parts);
}

/* Parts of different sizes have an ETag that ours cannot have. */
static bool parts_uneven(struct line *l, const struct large *g)
{
    struct http_client_reply r;
    for (size_t i = 2; i < g->n_parts && !l->t->stop; i++) {
        uint64_t size = part_size_at(l, &l->t->o->from, l->t->from_bucket, g->from_key, g->query, i, &r);
        if (size && size != g->part_size) {
            report(l->t, PROBLEM_NOTE, g->job->key,
                   "its parts have different sizes and it has no checksum: what arrived "
                   "is what was read, but its ETag was not compared");
            return true;
        }
    }
    return false;
}

/* The sum of the whole; false: the parts have none. */
static bool sum_of_parts(const struct large *g, struct checksum_value *ret)
{
    *ret = g->parts[0].sum;
    for (size_t i = 1; i < g->n_parts; i++)
        if (!checksum_combine(ret, &g->parts[i].sum, part_bytes(g, i), ret))
            return false;
    return ret->alg != CHECKSUM_NONE && checksum_combines(ret->alg);
}

/* All that was read against what the source says of the whole. */
static bool verify(struct line *l, struct large *g)
{
    struct checksum_value sum;
    char etag[48];
    bool good = true;
    if (g->proof == PROOF_SUMS)
        good = sum_of_parts(g, &sum) && checksum_is(&sum, g->carried.checksum);
    if (g->proof == PROOF_PARTS) {
        etag_of_parts(g, etag);
        good = strcasecmp(etag, g->carried.etag) == 0 || parts_uneven(l, g);
    }
    if (g->proof == PROOF_WHOLE) {
        checksum_final(g->whole, &sum);
        hex_encode(sum.b, 16, etag);
        etag[32] = '\0';
        good = g->carried.md5 ? strcasecmp(etag, g->carried.etag) == 0 : checksum_is(&sum, g->carried.checksum);
    }
    return good || fail(g, "the bytes do not match the source's ETag or checksum");
}

/* ---- putting it together ---- */

/* The answer was lost, or somebody was first: is it this object that is there? */
static bool is_there(struct line *l, const struct large *g, const char *sum)
{
    static const struct http_client_header mode = {"x-amz-checksum-mode", "ENABLED"};
    char etag[48];
    struct http_client_reply r;
    struct s3_error e;
    struct s3_call c = {
        .method = "HEAD", .bucket = l->t->to_bucket, .key = g->to_key, .headers = &mode, .n_headers = 1};
    etag_of_parts(g, etag);
    if (!s3_good(s3_send(l, &l->t->o->to, &c, &r, &e)))
        return false;
    const char *noted = *sum ? http_client_reply_header(&r, checksum_info(g->alg)->header) : NULL;
    return (noted && strcmp(noted, sum) == 0) || strcasecmp(s3_etag(&r, l->arena), etag) == 0;
}

static void put_document(struct buf *b, const struct large *g)
{
    buf_put_str(b, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < g->n_parts; i++) {
        buf_printf(b, "<Part><PartNumber>%zu</PartNumber><ETag>\"%s\"</ETag>", i + 1, g->parts[i].etag);
        if (g->declared) {
            const struct checksum_info *info = checksum_info(g->alg);
            char text[CHECKSUM_MAX_BYTES * 2] = "";
            base64_encode(g->parts[i].sum.b, info->bytes, text);
            buf_printf(b, "<%s>%s</%s>", info->element, text, info->element);
        }
        buf_put_str(b, "</Part>");
    }
    buf_put_str(b, "</CompleteMultipartUpload>");
}

static enum copy_end completed(struct line *l, struct large *g, int status, bool good, const char *sum,
                               const struct s3_error *e)
{
    if (!good && is_there(l, g, sum)) {
        if (status == 412) { /* somebody else's, or a request of a killed run: ours is not needed */
            abort_upload(l, g);
            return COPY_SAME;
        }
        good = true;
    }
    if (!good) {
        fail(g, s3_good(status) ? "the destination did not put the parts together" : e->message);
        return COPY_FAILED;
    }
    journal_end(l->t->journal, g->upload);
    return COPY_DONE;
}

static enum copy_end complete(struct line *l, struct large *g, const char **last_id)
{
    char text[CHECKSUM_MAX_BYTES * 2] = "";
    struct checksum_value sum;
    struct buf b;
    struct bytes root, id = s3_encode(l->arena, bytes_str(g->upload), false);
    struct http_client_header more[3];
    size_t n = 0;
    struct http_client_reply r;
    struct s3_error e;
    if (g->declared && sum_of_parts(g, &sum)) { /* the destination compares the whole once more */
        base64_encode(sum.b, checksum_info(g->alg)->bytes, text);
        more[n++] = (struct http_client_header){checksum_info(g->alg)->header, text};
        more[n++] = (struct http_client_header){"x-amz-checksum-type", "FULL_OBJECT"};
    }
    if (g->job->n_have == 0 && g->version == &g->job->versions[0])
        more[n++] = (struct http_client_header){"If-None-Match", "*"};
    buf_init(&b, COMPLETE_MAX);
    put_document(&b, g);
    struct s3_call c = {.method = "POST",
                        .bucket = l->t->to_bucket,
                        .key = g->to_key,
                        .query = arena_printf(l->arena, "uploadId=%.*s", (int)id.n, id.p),
                        .body = buf_bytes(&b)};
    int status = send_new(l, &c, &(struct carried){.n = 0}, more, n, &r, &e);
    buf_fini(&b);
    bool good = s3_good(status) && doc_root(r.body, "CompleteMultipartUploadResult", &root);
    const char *version = http_client_reply_header(&r, "x-amz-version-id");
    if (version)
        *last_id = bytes_cstr(l->arena, bytes_str(version));
    return completed(l, g, status, good, text, &e);
}

/* ---- the whole of it ---- */

/* Once it is known which parts are there, and which sums. */
static void choose_proof(struct large *g)
{
    const struct carried *c = &g->carried;
    bool sums = c->checksum.n && (int)g->alg == c->checksum_alg && checksum_combines(g->alg);
    for (size_t i = 0; i < g->n_parts; i++)
        sums = sums && (!g->parts[i].there || g->parts[i].sum.alg == g->alg);
    g->proof = sums                        ? PROOF_SUMS
               : g->mirrored && !c->opaque ? PROOF_PARTS
               : c->md5 || c->checksum.n   ? PROOF_WHOLE
                                           : PROOF_NONE;
    if (g->proof == PROOF_WHOLE)
        g->whole = checksum_new(c->md5 ? CHECKSUM_MD5 : (enum checksum_alg)c->checksum_alg);
}

static bool open_destination(struct line *l, struct large *g)
{
    bool told = g->carried.checksum.n && checksum_combines(g->carried.checksum_alg), to_folder = l->t->o->to.folder;
    g->n_parts = (size_t)((g->size + g->part_size - 1) / g->part_size);
    g->parts = arena_new_array(l->arena, struct part, g->n_parts);
    g->alg = told ? (enum checksum_alg)g->carried.checksum_alg : to_folder ? CHECKSUM_NONE : CHECKSUM_CRC64NVME;
    if (to_folder ? !folder_file_begin(&g->file, l->t->to_fd, g->job->key, g->size, g->error) : !open_upload(l, g))
        return false;
    if (to_folder)
        folder_file_direct(&g->file);
    choose_proof(g);
    return true;
}

static enum copy_end finish(struct line *l, struct large *g, const char **last_id)
{
    if (g->failed)
        return COPY_FAILED; /* the upload stays, for the next run */
    if (!verify(l, g) || !file_unchanged(g)) {
        if (g->upload)
            abort_upload(l, g);
        return COPY_FAILED;
    }
    if (g->upload)
        return complete(l, g, last_id);
    return folder_file_end(&g->file, g->carried.mtime_ns, g->job->n_have == 0, g->error) ? COPY_DONE : COPY_FAILED;
}

enum copy_end large_copy(struct line *l, struct job *j, const struct version *v, const char **last_id, char error[400])
{
    struct large *g = arena_new(l->arena, struct large);
    *g = (struct large){.job = j,
                        .version = v,
                        .from_key = key_from(l, j),
                        .to_key = key_to(l, j),
                        .query = version_query(l, v, NULL),
                        .file = {.parent_fd = -1, .fd = -1, .direct_fd = -1},
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
    checksum_free(g->whole);
    pthread_cond_destroy(&g->step);
    memcpy(error, g->error, sizeof g->error);
    return end;
}
