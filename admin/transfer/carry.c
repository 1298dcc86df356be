/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object carries beside its bytes. Idea: the head of the source's answer becomes the head of the request at
 * the destination: standard headers, user metadata, storage class, lock and tags; the time of its last change, which
 * S3 does not let anybody set, is noted as metadata, and so is the source's ETag. What a destination does not know is
 * found out by sending it once.
 * Threads: workers.
 */
#include "admin/transfer/carry.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "admin/transfer/etag.h"
#include "admin/transfer/folder.h"
#include "admin/transfer/names.h"
#include "admin/transfer/report.h"
#include "admin/transfer/times.h"
#include "admin/transfer/xml.h"
#include "admin/url.h"
#include "base/check.h"
#include "base/clock.h"
#include "checksum.h"

#define METADATA_MAX 2048 /* of S3: bytes of all names and values */
#define META         "x-amz-meta-"

static const char *const passed_on[] = {"content-type",
                                        "cache-control",
                                        "content-disposition",
                                        "content-encoding",
                                        "content-language",
                                        "expires",
                                        "x-amz-website-redirect-location"};

static void add(struct carried *c, const char *name, const char *value)
{
    if (c->n < CARRIED_MAX)
        c->headers[c->n++] = (struct http_client_header){name, value};
}

/* The two notes, unless the object's own metadata leave no room for them. */
static void add_notes(struct carried *c, int64_t mtime_ns, struct arena *a)
{
    const char *noted = NULL, *mtime = mtime_ns > 0 ? mtime_text(mtime_ns, a) : NULL;
    size_t used = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct http_client_header *h = &c->headers[i];
        if (strncasecmp(h->name, META, sizeof META - 1) == 0)
            used += strlen(h->name) - (sizeof META - 1) + strlen(h->value);
        if (strcasecmp(h->name, NOTE_MTIME) == 0)
            noted = h->value;
    }
    c->mtime_ns = noted && mtime_of_text(noted) >= 0 ? mtime_of_text(noted) : mtime_ns;
    if (!noted && mtime && used + strlen(mtime) + 5 <= METADATA_MAX) {
        add(c, NOTE_MTIME, mtime);
        used += strlen(mtime) + 5;
    }
    if (*c->etag && used + strlen(c->etag) + sizeof NOTE_SOURCE_ETAG - sizeof META <= METADATA_MAX)
        add(c, NOTE_SOURCE_ETAG, c->etag);
}

static void add_encryption(struct carried *c, const struct transfer_options *o)
{
    if (o->sse)
        add(c, "x-amz-server-side-encryption", o->sse);
    if (o->sse_key)
        add(c, "x-amz-server-side-encryption-aws-kms-key-id", o->sse_key);
}

/* A lock that holds still, and a legal hold. */
static void add_lock(struct carried *c, const struct http_client_reply *r)
{
    const char *mode = http_client_reply_header(r, "x-amz-object-lock-mode");
    const char *until = http_client_reply_header(r, "x-amz-object-lock-retain-until-date");
    const char *hold = http_client_reply_header(r, "x-amz-object-lock-legal-hold");
    if (mode && until && iso_time_ns(bytes_str(until)) / 1000000 > clock_wall_ms()) {
        add(c, "x-amz-object-lock-mode", mode);
        add(c, "x-amz-object-lock-retain-until-date", until);
    }
    if (hold && strcmp(hold, "ON") == 0)
        add(c, "x-amz-object-lock-legal-hold", hold);
}

static void take_checksum(struct carried *c, const struct http_client_reply *r)
{
    const char *type = http_client_reply_header(r, "x-amz-checksum-type");
    if (type && strcmp(type, "FULL_OBJECT") != 0)
        return;
    for (int alg = 1; alg < CHECKSUM_ALG_COUNT; alg++) {
        const char *value = http_client_reply_header(r, checksum_info((enum checksum_alg)alg)->header);
        if (value && !strchr(value, '-')) {
            c->checksum = bytes_str(value);
            c->checksum_alg = alg;
            return;
        }
    }
}

/* "a=b&c=d" of a Tagging document. */
static const char *tags_of(struct bytes xml, struct arena *a)
{
    struct bytes root, set, name, tag;
    struct buf b;
    const char *text = NULL;
    if (!doc_root(xml, "Tagging", &root) || !doc_find(root, "TagSet", &set))
        return NULL;
    buf_init(&b, 64 << 10);
    while (doc_next(&set, &name, &tag)) {
        buf_put_str(&b, b.n ? "&" : "");
        buf_put_bytes(&b, url_encode(a, doc_find_text(tag, "Key", a), false));
        buf_put_char(&b, '=');
        buf_put_bytes(&b, url_encode(a, doc_find_text(tag, "Value", a), false));
    }
    if (!b.failed && doc_over(set))
        text = bytes_cstr(a, buf_bytes(&b));
    buf_fini(&b);
    return text;
}

static bool add_tags(struct line *l, const struct job *j, const struct version *v, struct carried *c, char error[400])
{
    struct http_client_reply r;
    struct s3_error e;
    struct s3_call call = {
        .method = "GET", .bucket = l->t->from_bucket, .key = key_from(l, j), .query = version_query(l, v, "tagging")};
    int status = s3_send(l, &l->t->o->from, &call, &r, &e);
    const char *tags = s3_good(status) ? tags_of(r.body, l->arena) : NULL;
    if (tags)
        add(c, "x-amz-tagging", tags);
    else
        snprintf(error, 400, "its tags cannot be read: %s", s3_good(status) ? "the reply is no tag set" : e.message);
    return tags != NULL;
}

static bool header_good(const char *value)
{
    for (; *value; value++)
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
            return false;
    return true;
}

bool carry_object(struct line *l, const struct job *j, const struct version *v, const struct http_client_reply *r,
                  struct carried *c, char error[400])
{
    const char *class = http_client_reply_header(r, "x-amz-storage-class");
    const char *tags = http_client_reply_header(r, "x-amz-tagging-count");
    const char *lost = http_client_reply_header(r, "x-amz-missing-meta");
    c->n = 0;
    c->checksum = BYTES_NONE;
    c->etag = etag_of_reply(r, l->arena);
    c->opaque = etag_is_opaque(r);
    c->md5 = etag_is_md5(bytes_str(c->etag)) && !c->opaque;
    take_checksum(c, r);
    for (size_t i = 0; i < r->n_headers; i++) {
        const struct http_client_header *h = &r->headers[i];
        bool wanted = strncasecmp(h->name, META, sizeof META - 1) == 0 && strcasecmp(h->name, NOTE_SOURCE_ETAG) != 0;
        for (size_t k = 0; k < ARRAY_LEN(passed_on); k++)
            wanted = wanted || strcasecmp(h->name, passed_on[k]) == 0;
        if (wanted && !l->t->o->to.folder && !header_good(h->value)) {
            snprintf(error, 400, "its %.100s has a character that no header can have", h->name);
            return false;
        }
        if (wanted)
            add(c, h->name, h->value);
    }
    add_notes(c, v->mtime_ns, l->arena);
    if (l->t->o->to.folder)
        return true;
    if (lost && strcmp(lost, "0") != 0)
        report(l->t, PROBLEM_DIFFERS, j->key, "%s of its metadata cannot be told in headers and are lost", lost);
    if (class && strcmp(class, "STANDARD") != 0)
        add(c, "x-amz-storage-class", class);
    if (l->t->to_locks)
        add_lock(c, r);
    add_encryption(c, l->t->o);
    return !tags || strcmp(tags, "0") == 0 || add_tags(l, j, v, c, error);
}

void carry_file(struct line *l, struct bytes key, int64_t mtime_ns, struct carried *c)
{
    c->n = 0;
    c->md5 = c->opaque = false;
    c->checksum = BYTES_NONE;
    c->etag = "";
    add(c, "content-type", folder_type_of(key));
    add_notes(c, mtime_ns, l->arena);
    add_encryption(c, l->t->o);
}

int carry_send(struct line *l, struct s3_call *c, const struct carried *carried, const struct http_client_header *more,
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
