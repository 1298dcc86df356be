/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListObjects, ListObjectsV2 and ListObjectVersions. Rows go from the index straight into the reply: the store visits,
 * this renders.
 * Threads: workers.
 */
#include <string.h>

#include "base/check.h"
#include "server/api/api.h"
#include "server/server.h"

struct page {
    struct req *req;
    struct xml_rows rows;
    const struct xml_field *object, *marker, *prefix; /* marker: ListObjectVersions only */
    struct api_owners owners;
    bool url, restore, show_owner;
    size_t n;
    struct buf name; /* the encoded key of the present row */
};

/* The row's name as it is to be shown, until the next one; BYTES_NONE after a common prefix, which it adds.
 */
static struct bytes begin_row(struct page *p, const struct store_list_row *row)
{
    struct bytes name = row->key;
    p->n++;
    if (p->url) {
        buf_reset(&p->name);
        uri_encode_list(&p->name, row->key);
        name = buf_bytes(&p->name);
    }
    if (!row->is_prefix)
        return name;
    struct xml_prefix_row item = {name};
    xml_rows_add(&p->rows, p->prefix, &item);
    return BYTES_NONE;
}

/* RestoreStatus, where it was asked for and there is something to tell. */
static const struct xml_restore_status *restore_status(const struct page *p, const struct store_list_row *row,
                                                       struct xml_restore_status *status)
{
    int64_t now_ms = p->req->now_ms;
    bool ongoing = row->restore_ready_ms > now_ms;
    /* While it goes on there is no end to tell of. */
    *status = (struct xml_restore_status){ongoing, ongoing ? 0 : row->restored_until_ms};
    return p->restore && row->restored_until_ms > now_ms ? status : NULL;
}

static void add_row(void *arg, const struct store_list_row *row)
{
    struct page *p = arg;
    struct xml_restore_status status;
    char etag[STORE_ETAG_TEXT_MAX];
    struct bytes name = begin_row(p, row);
    if (!name.p)
        return;
    struct xml_object_row item = {.key = name,
                                  .modified_ms = row->mtime_ms,
                                  .etag = bytes_of(etag, store_etag_text(&row->etag, etag)),
                                  .checksum_alg = row->checksum_alg,
                                  .checksum_type = row->checksum_type,
                                  .size = row->size,
                                  .owner = p->show_owner ? api_owners_of(&p->owners, row->owner) : NULL,
                                  .storage_class = row->storage_class,
                                  .restore = restore_status(p, row, &status)};
    xml_rows_add(&p->rows, p->object, &item);
}

static void add_version(void *arg, const struct store_list_row *row)
{
    struct page *p = arg;
    struct xml_restore_status status;
    char etag[STORE_ETAG_TEXT_MAX], id[STORE_VERSION_TEXT];
    struct bytes name = begin_row(p, row), version = bytes_of(id, store_version_text(&row->version, id));
    if (!name.p)
        return;
    if (row->marker) {
        struct xml_marker_row item = {name, version, row->latest, row->mtime_ms, api_owners_of(&p->owners, row->owner)};
        xml_rows_add(&p->rows, p->marker, &item);
        return;
    }
    struct xml_version_row item = {.key = name,
                                   .version_id = version,
                                   .latest = row->latest,
                                   .modified_ms = row->mtime_ms,
                                   .etag = bytes_of(etag, store_etag_text(&row->etag, etag)),
                                   .checksum_alg = row->checksum_alg,
                                   .checksum_type = row->checksum_type,
                                   .size = row->size,
                                   .owner = api_owners_of(&p->owners, row->owner),
                                   .storage_class = row->storage_class,
                                   .restore = restore_status(p, row, &status)};
    xml_rows_add(&p->rows, p->object, &item);
}

struct list_query {
    struct bytes prefix, delimiter;
    uint64_t max;
    bool url, restore;
};

static int read_query(struct req *r, struct list_query *q)
{
    q->prefix = req_param(r, "prefix");
    q->delimiter = req_param(r, "delimiter");
    return api_page_size(r, "max-keys", &q->max) < 0 || api_encoding(r, &q->url) < 0 ||
                   api_optional_attributes(r, &q->restore) < 0
               ? -1
               : 0;
}

/* `object` is the element of an ordinary row. */
static void begin_page(struct req *r, const struct xml_doc *doc, const char *object, const struct list_query *q,
                       bool show_owner, struct page *p)
{
    *p = (struct page){.req = r, .show_owner = show_owner, .url = q->url, .restore = q->restore};
    api_owners_begin(r, &p->owners);
    buf_init(&p->name, 3 * STORE_KEY_MAX + 1);
    p->object = xml_rows_field(doc, object);
    p->prefix = xml_rows_field(doc, "CommonPrefixes");
    xml_rows_begin(&p->rows, &r->resp.doc, doc);
}

static int run(struct req *r, const struct xml_doc *doc, const struct list_query *q, struct bytes after,
               bool show_owner, struct page *p, struct store_list_end *end)
{
    begin_page(r, doc, "Contents", q, show_owner, p);
    struct store_list list = {.prefix = q->prefix, .delimiter = q->delimiter, .after = after, .max = (size_t)q->max};
    int rc = store_list_objects(r->server->store, &r->bucket, &list, add_row, p, r->arena, end);
    buf_fini(&p->name);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

static int finish(struct req *r, struct page *p, const void *object)
{
    xml_rows_end(&p->rows, object);
    return resp_rendered(r);
}

static struct bytes present(struct bytes s)
{
    return s.p ? s : BYTES_LIT("");
}

static struct bytes if_any(struct bytes s)
{
    return s.n ? s : BYTES_NONE;
}

int list_objects_v1(struct req *r)
{
    struct list_query q;
    struct page p;
    struct store_list_end end;
    struct bytes marker = req_param(r, "marker");
    if (read_query(r, &q) < 0 || run(r, &xml_list_objects_doc, &q, marker, true, &p, &end) < 0)
        return -1;
    struct xml_list_objects doc = {.name = r->bucket_name,
                                   .prefix = api_encoded(r, present(q.prefix), q.url),
                                   .marker = api_encoded(r, present(marker), q.url),
                                   .delimiter = api_encoded(r, if_any(q.delimiter), q.url),
                                   .encoding_type = q.url ? BYTES_LIT("url") : BYTES_NONE,
                                   .max_keys = q.max,
                                   .truncated = end.truncated};
    if (end.truncated && q.delimiter.n) /* without a delimiter the client goes on from the last key */
        doc.next_marker = api_encoded(r, end.last, q.url);
    return finish(r, &p, &doc);
}

/* Tokens are opaque: a mark, then the last key given. They hold nothing that the caller could not see anyway. */
#define TOKEN_MARK '1'

static struct bytes make_token(struct req *r, struct bytes last)
{
    char *raw = arena_alloc(r->arena, last.n + 1), *text = arena_alloc(r->arena, base64url_len(last.n + 1));
    raw[0] = TOKEN_MARK;
    memcpy(raw + 1, last.p, last.n);
    base64url_encode(raw, last.n + 1, text);
    return bytes_of(text, base64url_len(last.n + 1));
}

static int read_token(struct req *r, struct bytes token, struct bytes *ret)
{
    char *raw = arena_alloc(r->arena, token.n + 1);
    ptrdiff_t n = base64url_decode(token, raw, token.n);
    if (n < 2 || raw[0] != TOKEN_MARK || n > STORE_KEY_MAX + 1)
        return req_fail_argument(r, "continuation-token", token, "The continuation token provided is incorrect");
    *ret = bytes_of(raw + 1, (size_t)n - 1);
    return 0;
}

int list_objects_v2(struct req *r)
{
    struct list_query q;
    struct page p;
    struct store_list_end end;
    struct bytes token = req_param(r, "continuation-token"), start = req_param(r, "start-after"), after = start;
    bool owner = bytes_eq_str_nocase(req_param(r, "fetch-owner"), "true");
    if (token.p && read_token(r, token, &after) < 0)
        return -1;
    if (read_query(r, &q) < 0 || run(r, &xml_list_objects_v2_doc, &q, after, owner, &p, &end) < 0)
        return -1;
    struct xml_list_objects_v2 doc = {.name = r->bucket_name,
                                      .prefix = api_encoded(r, present(q.prefix), q.url),
                                      .start_after = token.p ? BYTES_NONE : api_encoded(r, if_any(start), q.url),
                                      .continuation_token = token,
                                      .delimiter = api_encoded(r, if_any(q.delimiter), q.url),
                                      .encoding_type = q.url ? BYTES_LIT("url") : BYTES_NONE,
                                      .key_count = p.n,
                                      .max_keys = q.max,
                                      .truncated = end.truncated};
    if (end.truncated)
        doc.next_continuation_token = make_token(r, end.last);
    return finish(r, &p, &doc);
}

/* ---- versions ---- */

static int read_markers(struct req *r, struct store_version_list *list)
{
    struct bytes id = req_param(r, "version-id-marker");
    list->key_marker = req_param(r, "key-marker");
    if (!id.p)
        return 0;
    if (list->key_marker.n == 0)
        return req_fail_argument(r, "version-id-marker", id,
                                 "A version-id marker cannot be specified without a key marker.");
    if (id.n == 0)
        return req_fail_argument(r, "version-id-marker", id, "A version-id marker cannot be empty.");
    struct store_version *v = arena_new(r->arena, struct store_version);
    list->version_marker = v;
    return api_version_parse(r, "version-id-marker", id, &r->bucket, v);
}

int list_versions(struct req *r)
{
    struct list_query q;
    struct page p;
    struct store_version_list list = {0};
    struct store_version_list_end end = {0};
    if (read_query(r, &q) < 0 || read_markers(r, &list) < 0)
        return -1;
    list.prefix = q.prefix;
    list.delimiter = q.delimiter;
    list.max = (size_t)q.max;
    begin_page(r, &xml_list_versions_doc, "Version", &q, true, &p);
    p.marker = xml_rows_field(&xml_list_versions_doc, "DeleteMarker");
    int rc = store_version_list(r->server->store, &r->bucket, &list, add_version, &p, r->arena, &end);
    buf_fini(&p.name);
    if (rc < 0)
        return req_fail_store(r, rc);
    struct xml_list_versions doc = {.name = r->bucket_name,
                                    .prefix = api_encoded(r, present(q.prefix), q.url),
                                    .key_marker = api_encoded(r, present(list.key_marker), q.url),
                                    .version_id_marker = present(req_param(r, "version-id-marker")),
                                    .delimiter = api_encoded(r, if_any(q.delimiter), q.url),
                                    .encoding_type = q.url ? BYTES_LIT("url") : BYTES_NONE,
                                    .max_keys = q.max,
                                    .truncated = end.truncated};
    if (end.truncated) {
        doc.next_key_marker = api_encoded(r, end.last_key, q.url);
        if (end.last_is_version)
            doc.next_version_id_marker = api_version_text(r, &end.last_version);
    }
    return finish(r, &p, &doc);
}
