/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CopyObject and UploadPartCopy: the store copies by reference, this reads the headers that say what and under which
 * conditions. Threads: workers.
 */
#include <string.h>

#include "base/check.h"
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/http/range.h"
#include "server/server.h"
#include "server/sse.h"

struct source {
    struct store_bucket bucket;
    struct store_object *object;
    struct bytes key, version_id;        /* version_id p NULL: none was named */
    const unsigned char *object_key;     /* NULL: it is not encrypted */
    const struct store_version *version; /* NULL: the newest was meant */
};

/* As api_fail_version, for the source: the request's own key is another one. */
static int fail_source(struct req *r, const struct source *s, int rc)
{
    if (rc == STORE_DELETE_MARKER && s->version)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The source of a copy request may not specifically refer to a delete marker by version id.");
    if (rc == STORE_NO_SUCH_KEY || rc == STORE_DELETE_MARKER) {
        if (authorize_missing(r, &s->bucket) < 0)
            return -1;
        req_fail(r, S3E_NO_SUCH_KEY);
        return req_extra(r, "Key", s->key);
    }
    req_fail_store(r, rc);
    if (rc == STORE_NO_SUCH_VERSION) {
        req_extra(r, "Key", s->key);
        req_extra(r, "VersionId", api_version_text(r, s->version));
    }
    return -1;
}

static int read_source_version(struct req *r, const struct copy_source *named, struct source *s)
{
    if (!named->has_version)
        return 0;
    struct store_version *v = arena_new(r->arena, struct store_version);
    s->version = v;
    return api_version_parse(r, "x-amz-copy-source", named->version_id, &s->bucket, v);
}

/* The source, its conditions checked. */
static int find_source(struct req *r, struct source *s)
{
    struct bytes header = req_header(r, "x-amz-copy-source");
    struct copy_source named;
    if (uri_copy_source(r->arena, header, &named) != URI_OK)
        return req_fail_argument(r, "x-amz-copy-source", header, "Invalid copy source object key");
    s->key = named.key;
    int rc = store_bucket_get(r->server->store, named.bucket, r->arena, &s->bucket);
    if (rc == STORE_NO_SUCH_BUCKET) {
        req_fail(r, S3E_NO_SUCH_BUCKET);
        return req_extra(r, "BucketName", named.bucket);
    }
    if (rc < 0)
        return req_fail_store(r, rc);
    if (named.has_version)
        s->version_id = named.version_id.p ? named.version_id : BYTES_LIT("");
    if (authorize_source(r, &s->bucket, s->key, s->version_id) < 0 ||
        req_check_owner(r, "x-amz-source-expected-bucket-owner", s->bucket.owner) < 0 ||
        read_source_version(r, &named, s) < 0)
        return -1;
    rc = store_object_get(r->server->store, &s->bucket, s->key, s->version, r->arena, &s->object);
    if (rc < 0)
        return fail_source(r, s, rc);
    if (sse_open_source(r, &s->bucket, s->key, s->object, &s->object_key) < 0 ||
        api_read_condition(r, "x-amz-copy-source-", s->object) != API_PASS)
        return -1;
    return api_readable(r, s->object);
}

/* COPY is false, REPLACE true; anything else is refused. */
static int read_directive(struct req *r, const char *header, bool *ret_replace)
{
    struct bytes v = req_header(r, header);
    *ret_replace = bytes_eq_str(v, "REPLACE");
    if (v.p && !*ret_replace && !bytes_eq_str(v, "COPY"))
        return req_fail_argument(r, header, v, "Unknown metadata directive.");
    return 0;
}

/* The source's metadata, without what a copy never takes over. */
static void keep_headers(struct req *r, const struct store_object *source, struct store_put *to)
{
    struct store_header *kept = arena_new_array(r->arena, struct store_header, source->n_headers + 1);
    to->headers = kept;
    for (size_t i = 0; i < source->n_headers; i++)
        if (!bytes_eq_str(source->headers[i].name, "x-amz-website-redirect-location"))
            kept[to->n_headers++] = source->headers[i];
    struct bytes redirect = req_header(r, "x-amz-website-redirect-location");
    if (redirect.n)
        kept[to->n_headers++] = (struct store_header){BYTES_LIT("x-amz-website-redirect-location"), redirect};
}

/* A version that is named is copied onto its own key to bring it back; that is a new version, not the same one. */
static bool onto_itself(struct req *r, const struct source *s)
{
    bool restores = s->version && r->bucket.versioning != VERSIONING_NEVER;
    return s->bucket.partition == r->bucket.partition && bytes_eq(s->key, r->key) && !restores;
}

/*
 * A copy onto itself changes its encryption when one is asked for, when the bucket has its own idea of it, or when the
 * customer's key of the source is not named again.
 */
static bool changes_encryption(const struct req *r, const struct source *s)
{
    struct sse_info info;
    return sse_asked(r) || authorize_settings(r)->encryption.set ||
           (sse_info_read(s->object->envelope, &info) && info.method == SSE_C);
}

static void source_version_header(struct req *r, const struct source *s)
{
    if (s->bucket.versioning != VERSIONING_NEVER)
        resp_header(r, "x-amz-copy-source-version-id", api_version_text(r, &s->object->version));
}

static int fill_copy(struct req *r, const struct source *s, struct store_copy *copy)
{
    bool replace;
    struct store_put *to = &copy->to;
    bool new_tags = bytes_eq_str(req_header(r, "x-amz-tagging-directive"), "REPLACE");
    if (s->object->n_tags && !new_tags && authorize_source_tags(r, &s->bucket, s->key, s->version_id) < 0)
        return -1;
    if (read_directive(r, "x-amz-metadata-directive", &replace) < 0 || api_copy_tags(r, s->object, to) < 0 ||
        api_put_lock(r, to) < 0 || api_put_acl(r, to) < 0 || api_write_condition(r, &to->condition) < 0 ||
        api_storage_class(r, &to->storage_class) < 0 ||
        api_checksum_algorithm(r, "x-amz-checksum-algorithm", &to->checksum) < 0)
        return -1;
    bool changes = replace || req_header(r, "x-amz-storage-class").p ||
                   req_header(r, "x-amz-website-redirect-location").p || to->checksum != CHECKSUM_NONE ||
                   changes_encryption(r, s);
    if (onto_itself(r, s) && !changes)
        return req_failf(
            r, S3E_INVALID_REQUEST,
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or encryption attributes.");
    if (s->object->size > STORE_PART_MAX)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The specified copy source is larger than the maximum allowable size for a copy source: %llu",
                         (unsigned long long)STORE_PART_MAX);
    if (!replace)
        keep_headers(r, s->object, to);
    else if (api_metadata(r, &to->headers, &to->n_headers) < 0)
        return -1;
    api_put_compress(r, to);
    return sse_seal(r, to);
}

int object_copy(struct req *r)
{
    struct source s = {0};
    if (api_no_version_id(r) < 0 || api_refuse_unsupported(r) < 0 || find_source(r, &s) < 0)
        return -1;
    CHECK(s.object);
    struct store_copy copy = {
        .source = s.object, .source_key = s.object_key, .source_bucket = &s.bucket, .length = s.object->size};
    copy.to = (struct store_put){.bucket = &r->bucket, .key = r->key, .expected_size = s.object->size};
    if (fill_copy(r, &s, &copy) < 0)
        return -1;
    struct store_object *made = NULL;
    int rc = store_copy(r->server->store, &copy, r->arena, &made);
    if (rc < 0)
        return req_fail_write(r, rc);
    source_version_header(r, &s);
    api_made_version_header(r, &made->version);
    api_expiration_header(r, made);
    sse_reply(r, r->envelope, SSE_REPLY_MADE);
    struct xml_copy_result doc = {
        .modified_ms = made->mtime_ms, .etag = api_etag(r, &made->etag), .checksum_type = made->checksum_type};
    api_checksum_slot(r, doc.checksums, &made->checksum, made->checksum_type, made->etag.parts);
    return resp_document(r, &xml_copy_object_result_doc, &doc);
}

static int part_range(struct req *r, const struct store_object *o, struct store_copy *copy)
{
    struct bytes text = req_header(r, "x-amz-copy-source-range");
    copy->length = o->size;
    if (!text.p)
        return 0;
    switch (range_copy_source(text, o->size, &copy->offset, &copy->length)) {
    case COPY_RANGE_OK:
        return 0;
    case COPY_RANGE_PAST_END:
        return req_fail_argument(r, "x-amz-copy-source-range", text,
                                 arena_printf(r->arena, "Range specified is not valid for source object of size: %llu",
                                              (unsigned long long)o->size));
    case COPY_RANGE_NO_BYTES:
        return req_failf(r, S3E_INVALID_REQUEST, "The specified copy range is invalid for the source object size");
    case COPY_RANGE_MALFORMED:
        break;
    }
    return req_fail_argument(
        r, "x-amz-copy-source-range", text,
        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
        "zero-based offsets of the first and last bytes to copy");
}

int part_copy(struct req *r)
{
    struct source s = {0};
    struct store_upload upload;
    unsigned number;
    if (api_refuse_unsupported(r) < 0 || api_part_number(r, &number) < 0 || api_find_upload(r, &upload) < 0 ||
        find_source(r, &s) < 0)
        return -1;
    CHECK(s.object);
    struct store_copy copy = {.source = s.object, .source_key = s.object_key, .source_bucket = &s.bucket};
    if (part_range(r, s.object, &copy) < 0)
        return -1;
    if (copy.length > STORE_PART_MAX)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The specified copy source is larger than the maximum allowable size for a copy source: %llu",
                         (unsigned long long)STORE_PART_MAX);
    copy.to = (struct store_put){.bucket = &r->bucket,
                                 .key = r->key,
                                 .owner = r->who.account,
                                 .upload_id = req_param(r, "uploadId"),
                                 .part_number = number,
                                 .expected_size = copy.length};
    if (sse_seal_part(r, &upload, &copy.to) < 0)
        return -1;
    api_part_compress(r, &upload, &copy.to);
    struct store_object *made = NULL;
    int rc = store_copy(r->server->store, &copy, r->arena, &made);
    if (rc < 0)
        return req_fail_store(r, rc);
    source_version_header(r, &s);
    sse_reply(r, r->envelope, SSE_REPLY_READ);
    struct xml_copy_result doc = {.modified_ms = made->mtime_ms, .etag = api_etag(r, &made->etag)};
    if (made->explicit_checksum)
        api_checksum_slot(r, doc.checksums, &made->checksum, CHECKSUM_TYPE_NONE, 0);
    return resp_document(r, &xml_copy_part_result_doc, &doc);
}
