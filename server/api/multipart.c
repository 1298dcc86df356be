/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads: create, parts, complete, abort, lists.
 * Threads: parts are admitted on the loop, everything else runs on workers.
 */
#include <string.h>

#include "server/api/api.h"
#include "server/server.h"
#include "server/sse.h"

static const char *lower_name(enum checksum_alg alg)
{
    return checksum_info(alg)->lower;
}

static int read_checksum_type(struct req *r, enum checksum_alg alg, enum checksum_type *ret)
{
    struct bytes text = req_header(r, "x-amz-checksum-type");
    *ret = CHECKSUM_TYPE_NONE;
    if (!text.p)
        return 0;
    if (alg == CHECKSUM_NONE)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
    if (bytes_eq_str_nocase(text, "COMPOSITE"))
        *ret = CHECKSUM_COMPOSITE;
    else if (bytes_eq_str_nocase(text, "FULL_OBJECT"))
        *ret = CHECKSUM_FULL_OBJECT;
    else
        return req_failf(r, S3E_INVALID_REQUEST, "Value for x-amz-checksum-type header is invalid.");
    const struct checksum_info *info = checksum_info(alg);
    if (*ret == CHECKSUM_COMPOSITE ? !info->can_composite : !info->can_full_object)
        return req_failf(r, S3E_INVALID_REQUEST, "The %s checksum type cannot be used with the %s checksum algorithm.",
                         checksum_type_name(*ret), info->lower);
    return 0;
}

int upload_create(struct req *r)
{
    struct store_put put = {.bucket = &r->bucket, .key = r->key};
    enum checksum_type type;
    struct store_upload made;
    if (api_no_version_id(r) < 0 || api_refuse_unsupported(r) < 0 || api_storage_class(r, &put.storage_class) < 0 ||
        api_metadata(r, &put.headers, &put.n_headers) < 0 ||
        api_checksum_algorithm(r, "x-amz-checksum-algorithm", &put.checksum) < 0 ||
        read_checksum_type(r, put.checksum, &type) < 0 || api_put_tags(r, &put) < 0 || api_put_lock(r, &put) < 0 ||
        api_put_acl(r, &put) < 0 || sse_seal(r, &put) < 0)
        return -1;
    api_put_compress(r, &put);
    put.explicit_checksum = put.checksum != CHECKSUM_NONE;
    int rc = store_upload_create(r->server->store, &put, type, r->arena, &made);
    if (rc < 0)
        return req_fail_store(r, rc);
    if (made.checksum != CHECKSUM_NONE) {
        resp_header(r, "x-amz-checksum-algorithm", bytes_str(checksum_info(made.checksum)->name));
        resp_header(r, "x-amz-checksum-type", bytes_str(checksum_type_name(made.checksum_type)));
    }
    api_abort_headers(r, made.initiated_ms);
    sse_reply(r, r->envelope, SSE_REPLY_MADE);
    struct xml_initiate_result doc = {r->bucket_name, r->key, made.id};
    return resp_document(r, &xml_initiate_result_doc, &doc);
}

int api_find_upload(struct req *r, struct store_upload *ret)
{
    int rc = store_upload_get(r->server->store, &r->bucket, r->key, req_param(r, "uploadId"), r->arena, ret);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int part_put(struct req *r)
{
    struct store_put put = {
        .bucket = &r->bucket, .key = r->key, .owner = r->who.account, .upload_id = req_param(r, "uploadId")};
    struct store_upload upload;
    if (api_refuse_unsupported(r) < 0 || api_part_number(r, &put.part_number) < 0 || api_find_upload(r, &upload) < 0 ||
        sse_seal_part(r, &upload, &put) < 0)
        return -1;
    api_part_compress(r, &upload, &put);
    enum checksum_alg sent = payload_checksum_alg(r->payload);
    if (sent != CHECKSUM_NONE && upload.checksum != CHECKSUM_NONE && sent != upload.checksum)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                         lower_name(upload.checksum), lower_name(sent));
    r->show_checksum = sent != CHECKSUM_NONE || upload.checksum != CHECKSUM_NONE;
    return api_open_write(r, &put);
}

int part_put_done(struct req *r)
{
    struct checksum_value sum;
    store_write_checksum(r->write, &sum);
    api_write_etag(r);
    sse_reply(r, r->envelope, SSE_REPLY_READ);
    if (r->show_checksum)
        api_checksum_headers(r, &sum, CHECKSUM_TYPE_NONE, 0);
    return 0;
}

/* ---- completion ---- */

/* What S3 asks of each listed part's checksum, given the upload's. */
static int check_part_checksum(struct req *r, const struct store_upload *u, const struct store_complete_part *p)
{
    enum checksum_alg has = p->checksum.alg;
    if (has != CHECKSUM_NONE && u->checksum != CHECKSUM_NONE && has != u->checksum)
        return req_failf(r, S3E_BAD_DIGEST, "The %s you specified for part %u did not match what we received.",
                         lower_name(has), p->number);
    if (has == CHECKSUM_NONE && u->checksum != CHECKSUM_NONE && u->checksum_type == CHECKSUM_COMPOSITE)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The upload was created using a %s checksum. The complete request must include the "
                         "checksum for each part. It was missing for part %u in the request.",
                         lower_name(u->checksum), p->number);
    return 0;
}

static int read_parts(struct req *r, const struct store_upload *u, struct store_complete *c)
{
    struct xml_complete body;
    if (req_document(r, &xml_complete_doc, &body) < 0)
        return -1;
    struct store_complete_part *parts = arena_new_array(r->arena, struct store_complete_part, body.n_parts + 1);
    for (size_t i = 0; i < body.n_parts; i++) {
        struct xml_complete_part *x = &body.parts[i];
        if (i && x->number <= body.parts[i - 1].number) {
            req_fail(r, S3E_INVALID_PART_ORDER);
            return req_extra(r, "UploadId", c->upload_id);
        }
        parts[i] = (struct store_complete_part){.number = (unsigned)x->number, .etag = x->etag};
        if (api_checksum_parse(r, x->checksums, &parts[i].checksum) < 0 ||
            (u && check_part_checksum(r, u, &parts[i]) < 0))
            return -1;
    }
    c->parts = parts;
    c->n_parts = body.n_parts;
    return 0;
}

static int read_expectations(struct req *r, const struct store_upload *u, struct store_complete *c)
{
    struct bytes type = req_header(r, "x-amz-checksum-type"), size = req_header(r, "x-amz-mp-object-size");
    enum checksum_type created = u->checksum == CHECKSUM_NONE ? CHECKSUM_TYPE_NONE : u->checksum_type;
    if (type.p && !bytes_eq_str(type, created ? checksum_type_name(created) : ""))
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The upload was created using the %s checksum mode. The complete request must use the "
                         "same checksum mode.",
                         created ? checksum_type_name(created) : "null");
    c->expected_size = UINT64_MAX;
    if (size.p && !bytes_to_u64(size, INT64_MAX, &c->expected_size))
        return req_fail_argument(r, "x-amz-mp-object-size", size,
                                 "The x-amz-mp-object-size header value must be a non-negative integer");
    for (int alg = 1; alg < CHECKSUM_ALG_COUNT; alg++) {
        const struct checksum_info *info = checksum_info((enum checksum_alg)alg);
        struct bytes value = req_header(r, info->header);
        ptrdiff_t dash = bytes_find_char(value, '-', 0);
        if (value.p && !api_checksum_decode((enum checksum_alg)alg,
                                            dash < 0 ? value : bytes_cut(value, 0, (size_t)dash), &c->checksum))
            return req_failf(r, S3E_INVALID_REQUEST, "Value for x-amz-checksum-%s header is invalid.", info->lower);
    }
    return 0;
}

static int fail_complete(struct req *r, int rc, const struct store_complete *c, const struct store_complete_error *e)
{
    struct bytes number = arena_bytesf(r->arena, "%u", e->part_number),
                 size = arena_bytesf(r->arena, "%llu", (unsigned long long)e->size);
    switch (rc) {
    case STORE_INVALID_PART:
        req_fail(r, S3E_INVALID_PART);
        req_extra(r, "UploadId", c->upload_id);
        req_extra(r, "PartNumber", number);
        return req_extra(r, "ETag", e->etag);
    case STORE_PART_TOO_SMALL:
        req_fail(r, S3E_ENTITY_TOO_SMALL);
        req_extra(r, "ProposedSize", size);
        req_extra(r, "MinSizeAllowed", arena_bytesf(r->arena, "%llu", (unsigned long long)STORE_PART_MIN));
        req_extra(r, "PartNumber", number);
        return req_extra(r, "ETag", e->etag);
    case STORE_CHECKSUM_MISMATCH:
        return req_failf(r, S3E_BAD_DIGEST, "The %s you specified did not match the calculated checksum.",
                         lower_name(c->checksum.alg));
    case STORE_SIZE_MISMATCH:
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The provided 'x-amz-mp-object-size' header value %llu does not match what was computed: %llu",
                         (unsigned long long)c->expected_size, (unsigned long long)e->size);
    default:
        return req_fail_write(r, rc);
    }
}

static struct bytes location_of(struct req *r)
{
    struct buf path;
    buf_init(&path, 4096);
    uri_encode(&path, r->key, URI_KEEP_SLASH);
    const char *scheme = r->server->tls ? "https" : "http";
    struct bytes host = r->head.host;
    struct bytes text = arena_bytesf(r->arena, "%s://%.*s/%.*s/%.*s", scheme, (int)host.n, host.p,
                                     (int)r->bucket_name.n, r->bucket_name.p, (int)path.n, path.p);
    buf_fini(&path);
    return text;
}

int upload_complete(struct req *r)
{
    struct store_complete c = {
        .bucket = &r->bucket, .key = r->key, .upload_id = req_param(r, "uploadId"), .expected_size = UINT64_MAX};
    struct store_complete_error why = {0};
    struct store_upload upload, *known = &upload;
    struct store_object *made;
    int rc = store_upload_get(r->server->store, &r->bucket, r->key, c.upload_id, r->arena, &upload);
    if (rc == STORE_NO_SUCH_UPLOAD)
        known = NULL; /* perhaps completed before: the store remembers */
    else if (rc < 0)
        return req_fail_store(r, rc);
    if ((known && sse_check_upload(r, known) < 0) || read_parts(r, known, &c) < 0 ||
        api_write_condition(r, &c.condition) < 0 || (known && read_expectations(r, known, &c) < 0))
        return -1;
    rc = store_upload_complete(r->server->store, &c, r->arena, &made, &why);
    if (rc < 0)
        return fail_complete(r, rc, &c, &why);
    api_made_version_header(r, &made->version);
    api_expiration_header(r, made);
    sse_reply(r, made->envelope, SSE_REPLY_COMPLETED);
    struct xml_complete_result doc = {.location = location_of(r),
                                      .bucket = r->bucket_name,
                                      .key = r->key,
                                      .etag = api_etag(r, &made->etag),
                                      .checksum_type = made->checksum_type};
    api_checksum_slot(r, doc.checksums, &made->checksum, made->checksum_type, made->etag.parts);
    return resp_document(r, &xml_complete_result_doc, &doc);
}

int upload_abort(struct req *r)
{
    int rc = store_upload_abort(r->server->store, &r->bucket, r->key, req_param(r, "uploadId"));
    if (rc < 0)
        return req_fail_store(r, rc);
    r->resp.status = 204;
    return 0;
}

/* ---- lists ---- */

int part_list(struct req *r)
{
    struct store_upload u;
    uint64_t max, marker = 0;
    struct store_part *parts;
    size_t n;
    bool more;
    if (api_page_size(r, "max-parts", &max) < 0 ||
        api_number(r, "part-number-marker", 0, INT32_MAX,
                   "Provided part-number-marker not an integer or within integer range", &marker) < 0 ||
        api_find_upload(r, &u) < 0 || sse_check_upload(r, &u) < 0)
        return -1;
    int rc =
        store_part_list(r->server->store, &r->bucket, &u, (unsigned)marker, (size_t)max, r->arena, &parts, &n, &more);
    if (rc < 0)
        return req_fail_store(r, rc);
    api_abort_headers(r, u.initiated_ms);
    struct xml_part_row *rows = arena_new_array(r->arena, struct xml_part_row, n + 1);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct xml_part_row){.number = parts[i].number,
                                        .modified_ms = parts[i].mtime_ms,
                                        .etag = api_etag(r, &parts[i].etag),
                                        .size = parts[i].size};
        if (u.checksum != CHECKSUM_NONE)
            api_checksum_slot(r, rows[i].checksums, &parts[i].checksum, CHECKSUM_TYPE_NONE, 0);
    }
    struct api_owners owners;
    api_owners_begin(r, &owners);
    const struct xml_owner *owner = api_owners_of(&owners, u.owner);
    struct xml_list_parts doc = {.bucket = r->bucket_name,
                                 .key = r->key,
                                 .upload_id = u.id,
                                 .storage_class = u.storage_class,
                                 .initiator = owner,
                                 .owner = owner,
                                 .marker = marker,
                                 .next_marker = n ? parts[n - 1].number : 0,
                                 .max_parts = max,
                                 .truncated = more,
                                 .checksum_alg = u.checksum,
                                 .checksum_type = u.checksum == CHECKSUM_NONE ? CHECKSUM_TYPE_NONE : u.checksum_type,
                                 .parts = rows,
                                 .n_parts = n};
    return resp_document(r, &xml_list_parts_doc, &doc);
}

struct uploads_page {
    struct req *req;
    struct xml_rows rows;
    const struct xml_field *upload, *prefix;
    struct api_owners owners;
    bool url;
};

static void add_upload(void *arg, const struct store_upload_row *row)
{
    struct uploads_page *p = arg;
    if (row->is_prefix) {
        struct xml_prefix_row item = {api_encoded(p->req, row->prefix, p->url)};
        xml_rows_add(&p->rows, p->prefix, &item);
        return;
    }
    const struct store_upload *u = &row->upload;
    const struct xml_owner *owner = api_owners_of(&p->owners, u->owner);
    struct xml_upload_row item = {.key = api_encoded(p->req, u->key, p->url),
                                  .upload_id = u->id,
                                  .initiator = owner,
                                  .owner = owner,
                                  .storage_class = u->storage_class,
                                  .initiated_ms = u->initiated_ms,
                                  .checksum_alg = u->checksum,
                                  .checksum_type =
                                      u->checksum == CHECKSUM_NONE ? CHECKSUM_TYPE_NONE : u->checksum_type};
    xml_rows_add(&p->rows, p->upload, &item);
}

int upload_list(struct req *r)
{
    struct store_upload_list list = {.prefix = req_param(r, "prefix"),
                                     .delimiter = req_param(r, "delimiter"),
                                     .key_marker = req_param(r, "key-marker")};
    struct uploads_page p = {.req = r};
    struct store_upload_list_end end = {0};
    uint64_t max;
    if (api_page_size(r, "max-uploads", &max) < 0 || api_encoding(r, &p.url) < 0)
        return -1;
    list.max = (size_t)max;
    if (list.key_marker.n)
        list.upload_id_marker = req_param(r, "upload-id-marker"); /* without key-marker it is ignored */
    api_owners_begin(r, &p.owners);
    p.upload = xml_rows_field(&xml_list_uploads_doc, "Upload");
    p.prefix = xml_rows_field(&xml_list_uploads_doc, "CommonPrefixes");
    xml_rows_begin(&p.rows, &r->resp.doc, &xml_list_uploads_doc);
    int rc = store_upload_list(r->server->store, &r->bucket, &list, add_upload, &p, r->arena, &end);
    if (rc == STORE_NO_SUCH_UPLOAD) {
        buf_reset(&r->resp.doc);
        return req_fail_argument(r, "upload-id-marker", list.upload_id_marker, "Invalid uploadId marker");
    }
    if (rc < 0)
        return req_fail_store(r, rc);
    struct xml_list_uploads doc = {.bucket = r->bucket_name,
                                   .key_marker =
                                       api_encoded(r, list.key_marker.p ? list.key_marker : BYTES_LIT(""), p.url),
                                   .upload_id_marker = list.upload_id_marker.p ? list.upload_id_marker : BYTES_LIT(""),
                                   .next_key_marker = api_encoded(r, end.last_key, p.url),
                                   .next_upload_id_marker = end.last_id,
                                   .delimiter = api_encoded(r, list.delimiter.n ? list.delimiter : BYTES_NONE, p.url),
                                   .prefix = api_encoded(r, list.prefix.p ? list.prefix : BYTES_LIT(""), p.url),
                                   .encoding_type = p.url ? BYTES_LIT("url") : BYTES_NONE,
                                   .max_uploads = max,
                                   .truncated = end.truncated};
    xml_rows_end(&p.rows, &doc);
    return resp_rendered(r);
}
