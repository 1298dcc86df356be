/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part of an object. Idea: it is read whole, summed up or hashed as far as the proof of the whole needs it, and
 * written at once, with its CRC. Where the whole is hashed, parts wait for those before them.
 * Threads: workers, each with parts of its own; what they share is under the transfer's lock.
 */
#include "admin/transfer/parts.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/transfer/etag.h"
#include "admin/transfer/memory.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/verify.h"
#include "admin/url.h"

bool parts_fail(struct large *g, const char *text)
{
    snprintf(g->error, sizeof g->error, "%s", text);
    return false;
}

uint64_t part_bytes(const struct large *g, size_t i)
{
    uint64_t at = i * g->part_size;
    return g->size - at < g->part_size ? g->size - at : g->part_size;
}

/* ---- reading and writing ---- */

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
    return etag.n && etag.n <= PART_ETAG_MAX;
}

/* What the destination answered: its ETag, and the part's MD5, where that is not the same. */
static bool note_part(struct line *l, struct large *g, struct part *part, struct bytes data,
                      const struct http_client_reply *r, char error[400])
{
    struct bytes etag = bytes_str(etag_of_reply(r, l->arena));
    if (!etag_plain(etag)) {
        snprintf(error, 400, "the destination's answer to a part has no ETag");
        return false;
    }
    memcpy(part->etag, etag.p, etag.n);
    part->etag[etag.n] = '\0';
    if (!etag_is_md5(etag) || etag_is_opaque(r)) {
        if (g->proof == PROOF_PARTS)
            md5_of(data.p, data.n, part->md5);
    } else
        hex_decode(etag, part->md5, sizeof part->md5);
    return true;
}

static bool write_to_s3(struct line *l, struct large *g, size_t i, struct bytes data, char error[400])
{
    struct part *part = &g->parts[i];
    struct bytes id = url_encode(l->arena, bytes_str(g->upload), false);
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

bool part_move(struct line *l, struct large *g, size_t i, char error[400])
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

/* ---- what follows from all ---- */

void parts_etag(const struct large *g, char ret[ETAG_ROOM])
{
    struct checksum_ctx *md5s = checksum_new(CHECKSUM_MD5);
    for (size_t i = 0; i < g->n_parts; i++)
        checksum_update(md5s, g->parts[i].md5, sizeof g->parts[i].md5);
    etag_of_parts(md5s, g->n_parts, ret);
}

bool parts_sum(const struct large *g, struct checksum_value *ret)
{
    *ret = g->parts[0].sum;
    for (size_t i = 1; i < g->n_parts; i++)
        if (!checksum_combine(ret, &g->parts[i].sum, part_bytes(g, i), ret))
            return false;
    return ret->alg != CHECKSUM_NONE && checksum_combines(ret->alg);
}
