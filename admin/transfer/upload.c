/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upload in parts. Idea: it is noted in the journal as it begins, so that a later run finds it, takes from it the
 * parts that are as they would be sent, and goes on; what cannot be gone on with is given up and begun anew. An answer
 * to the last request may be lost, or say that somebody was first: then it is looked at what is there.
 * Threads: who opened the object.
 */
#include "admin/transfer/upload.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "admin/transfer/carry.h"
#include "admin/transfer/etag.h"
#include "admin/transfer/journal.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/times.h"
#include "admin/transfer/xml.h"
#include "admin/url.h"

#define COMPLETE_MAX (4u << 20) /* bytes of the document that names 10,000 parts */

/* ---- beginning ---- */

/* A part that an earlier run has sent, as the destination lists it. */
static void take_listed(struct line *l, struct large *g, struct bytes part, uint64_t *marker)
{
    uint64_t i = 0, size = 0;
    bytes_to_u64(doc_find_text(part, "PartNumber", l->arena), TRANSFER_PARTS_MAX, &i);
    bytes_to_u64(doc_find_text(part, "Size", l->arena), INT64_MAX, &size);
    struct bytes etag = etag_bare(doc_find_text(part, "ETag", l->arena)), sum = BYTES_NONE;
    *marker = i > *marker ? i : *marker;
    if (i < 1 || i > g->n_parts || size != part_bytes(g, i - 1) || !etag_is_md5(etag) || g->parts[i - 1].there)
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
    struct bytes id = url_encode(l->arena, bytes_str(g->upload), false);
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

void upload_cancel(struct line *l, struct bytes key, const char *upload)
{
    struct http_client_reply r;
    struct s3_error e;
    struct bytes id = url_encode(l->arena, bytes_str(upload), false);
    struct s3_call c = {.method = "DELETE",
                        .bucket = l->t->to_bucket,
                        .key = key,
                        .query = arena_printf(l->arena, "uploadId=%.*s", (int)id.n, id.p)};
    s3_send(l, &l->t->o->to, &c, &r, &e);
}

void upload_drop(struct line *l, struct large *g)
{
    upload_cancel(l, g->to_key, g->upload);
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
        int status = carry_send(l, &c, &g->carried, sums, g->declared ? 2 : 0, r, e);
        const char *told = s3_good(status) ? http_client_reply_header(r, sums[0].name) : NULL;
        if (g->declared && told && strcmp(told, sums[0].value) == 0)
            atomic_compare_exchange_strong(&l->t->sums, &unknown, SUMS_CHECKED);
        if (!g->declared || (status != 400 && status != 501) || l->t->sums == SUMS_CHECKED)
            return status;
        atomic_compare_exchange_strong(&l->t->sums, &unknown, SUMS_UNCHECKED);
    }
}

bool upload_open(struct line *l, struct large *g)
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
        upload_drop(l, g);
    g->upload = NULL;
    if (l->t->stop)
        return false;
    memset(g->parts, 0, g->n_parts * sizeof *g->parts);
    int status = begin_upload(l, g, &r, &e);
    if (!s3_good(status) || !doc_root(r.body, "InitiateMultipartUploadResult", &root))
        return parts_fail(g, s3_good(status) ? "the destination's answer names no upload" : e.message);
    g->upload = doc_find_text(root, "UploadId", l->arena).p;
    if (!g->upload || !*g->upload)
        return parts_fail(g, "the destination's answer names no upload");
    journal_begin(l->t->journal, g->to_key, mark, g->size, g->part_size, g->upload);
    return true;
}

/* ---- putting it together ---- */

/* The answer was lost, or somebody was first: is it this object that is there? */
static bool is_there(struct line *l, const struct large *g, const char *sum)
{
    char etag[ETAG_ROOM];
    struct http_client_reply r;
    struct s3_error e;
    parts_etag(g, etag);
    if (!s3_good(s3_head(l, &l->t->o->to, l->t->to_bucket, g->to_key, NULL, &r, &e)))
        return false;
    const char *noted = *sum ? http_client_reply_header(&r, checksum_info(g->alg)->header) : NULL;
    return (noted && strcmp(noted, sum) == 0) || strcasecmp(etag_of_reply(&r, l->arena), etag) == 0;
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
            upload_drop(l, g);
            return COPY_SAME;
        }
        good = true;
    }
    if (!good) {
        parts_fail(g, s3_good(status) ? "the destination did not put the parts together" : e->message);
        return COPY_FAILED;
    }
    journal_end(l->t->journal, g->upload);
    return COPY_DONE;
}

enum copy_end upload_join(struct line *l, struct large *g, const char **last_id)
{
    char text[CHECKSUM_MAX_BYTES * 2] = "";
    struct checksum_value sum;
    struct buf b;
    struct bytes root, id = url_encode(l->arena, bytes_str(g->upload), false);
    struct http_client_header more[3];
    size_t n = 0;
    struct http_client_reply r;
    struct s3_error e;
    if (g->declared && parts_sum(g, &sum)) { /* the destination compares the whole once more */
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
    int status = carry_send(l, &c, &(struct carried){.n = 0}, more, n, &r, &e);
    buf_fini(&b);
    bool good = s3_good(status) && doc_root(r.body, "CompleteMultipartUploadResult", &root);
    const char *version = http_client_reply_header(&r, "x-amz-version-id");
    if (version)
        *last_id = bytes_cstr(l->arena, bytes_str(version));
    return completed(l, g, status, good, text, &e);
}
