/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in parts. Idea: the worker that meets one opens it and puts it on a list; it and every worker that has
 * nothing else to do take parts from it, in order. Who opened it waits for the last part and closes it. A source made
 * of parts is copied in the same ones, so that both ETags are the same.
 *
 * What proves the whole, before it is put together, is the cheapest of: the CRC that the source tells, which follows
 * from those of the parts; its ETag of the same parts, which follows from what the destination answered to each; its
 * MD5 or SHA, for which all parts are hashed one after the other, also those that an earlier run has sent.
 * Invariant: a part is taken by who has memory for it, so the lowest part that is not hashed yet is always being read.
 * Threads: workers; the list, and the state of each large object, under the transfer's lock.
 */
#include "admin/transfer/large.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/transfer/carry.h"
#include "admin/transfer/etag.h"
#include "admin/transfer/folder.h"
#include "admin/transfer/memory.h"
#include "admin/transfer/names.h"
#include "admin/transfer/parts.h"
#include "admin/transfer/report.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/upload.h"
#include "admin/transfer/verify.h"
#include "checksum.h"

#define PART_LIMIT (UINT64_C(5) << 30) /* bytes: more than S3 allows of one */

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

/* ---- the source ---- */

static bool open_file_source(struct line *l, struct large *g)
{
    struct stat st;
    g->source_fd = folder_open_file(l->t->from_fd, g->job->key, l->t->o->follow_links);
    if (g->source_fd < 0 || fstat(g->source_fd, &st) != 0)
        return parts_fail(g, strerror(errno));
    g->size = (uint64_t)st.st_size;
    g->part_size = own_part_size(l->t->o, g->size);
    carry_file(l, g->to_key, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, &g->carried);
    return g->size == g->version->size || parts_fail(g, "it changed since it was listed");
}

static bool file_unchanged(struct large *g)
{
    struct stat st;
    return g->source_fd < 0 ||
           (fstat(g->source_fd, &st) == 0 && (uint64_t)st.st_size == g->size &&
            (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == g->carried.mtime_ns) ||
           parts_fail(g, "it changed while it was read");
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
    struct http_client_reply r;
    struct s3_error e;
    uint64_t size = UINT64_MAX, part = 0;
    int status = s3_head(l, &l->t->o->from, l->t->from_bucket, g->from_key, g->query, &r, &e);
    if (!s3_good(status)) {
        parts_fail(g, e.message);
        return status == 404 ? COPY_GONE : COPY_FAILED;
    }
    bytes_to_u64(bytes_str(http_client_reply_header(&r, "content-length")), INT64_MAX, &size);
    if (!carry_object(l, g->job, g->version, &r, &g->carried, g->error))
        return COPY_FAILED;
    if (size != g->version->size) {
        parts_fail(g, "it changed since it was listed");
        return COPY_FAILED;
    }
    uint64_t n = count_in_etag(g->carried.etag);
    if (n)
        part = s3_part_size(l, &l->t->o->from, l->t->from_bucket, g->from_key, g->query, 1, &r);
    g->size = size;
    if (size > TRANSFER_PARTS_MAX * PART_LIMIT) {
        parts_fail(g, "it is larger than any object can be");
        return COPY_FAILED;
    }
    g->mirrored = n && part && part <= TRANSFER_PART_MAX && (size + part - 1) / part == n &&
                  (n == 1 || part >= TRANSFER_PART_MIN);
    g->part_size = g->mirrored ? part : own_part_size(l->t->o, size);
    return COPY_DONE;
}

/* ---- handing out parts ---- */

/* Takes the next part, if there is memory for it, and does it. With the lock held, before and after. */
static bool take_part(struct line *l, struct large *g)
{
    struct transfer *t = l->t;
    char error[400] = "";
    while (g->next_part < g->n_parts && g->parts[g->next_part].there && !g->whole)
        g->next_part++;
    if (g->next_part == g->n_parts || g->failed || t->stop || !memory_try(t, g->part_size))
        return false;
    size_t i = g->next_part++;
    g->running++;
    pthread_mutex_unlock(&t->lock);
    bool good = part_move(l, g, i, error);
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

/* ---- the proof ---- */

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

/* Parts of different sizes have an ETag that ours cannot have. */
static bool parts_uneven(struct line *l, const struct large *g)
{
    struct http_client_reply r;
    for (size_t i = 2; i < g->n_parts && !l->t->stop; i++) {
        uint64_t size = s3_part_size(l, &l->t->o->from, l->t->from_bucket, g->from_key, g->query, i, &r);
        if (size && size != g->part_size) {
            report(l->t, PROBLEM_NOTE, g->job->key,
                   "its parts have different sizes and it has no checksum: what arrived "
                   "is what was read, but its ETag was not compared");
            return true;
        }
    }
    return false;
}

/* All that was read against what the source says of the whole. */
static bool verify(struct line *l, struct large *g)
{
    struct checksum_value sum;
    char etag[ETAG_ROOM];
    bool good = true;
    if (g->proof == PROOF_SUMS)
        good = parts_sum(g, &sum) && checksum_is(&sum, g->carried.checksum);
    if (g->proof == PROOF_PARTS) {
        parts_etag(g, etag);
        good = strcasecmp(etag, g->carried.etag) == 0 || parts_uneven(l, g);
    }
    if (g->proof == PROOF_WHOLE) {
        checksum_final(g->whole, &sum);
        hex_encode(sum.b, 16, etag);
        etag[32] = '\0';
        good = g->carried.md5 ? strcasecmp(etag, g->carried.etag) == 0 : checksum_is(&sum, g->carried.checksum);
    }
    return good || parts_fail(g, "the bytes do not match the source's ETag or checksum");
}

/* ---- the whole of it ---- */

static bool open_destination(struct line *l, struct large *g)
{
    bool told = g->carried.checksum.n && checksum_combines(g->carried.checksum_alg), to_folder = l->t->o->to.folder;
    g->n_parts = (size_t)((g->size + g->part_size - 1) / g->part_size);
    g->parts = arena_new_array(l->arena, struct part, g->n_parts);
    g->alg = told ? (enum checksum_alg)g->carried.checksum_alg : to_folder ? CHECKSUM_NONE : CHECKSUM_CRC64NVME;
    if (to_folder ? !folder_file_begin(&g->file, l->t->to_fd, g->job->key, g->size, g->error) : !upload_open(l, g))
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
            upload_drop(l, g);
        return COPY_FAILED;
    }
    if (g->upload)
        return upload_join(l, g, last_id);
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
