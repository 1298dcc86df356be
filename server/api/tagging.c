/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of objects (each version has its own) and of buckets, and the headers that set and count them.
 *
 * Changing the tags of a version makes no new one and keeps its time. A bucket's tags are kept as the document that
 * GetBucketTagging answers, made from what was understood and not from what was sent.
 * Threads: workers; the reads and the headers also the loop.
 */
#include "server/api/api.h"
#include "server/api/tag_set.h"
#include "server/authorize.h"
#include "server/server.h"

static int fail_tag(struct req *r, const char *message, struct store_header tag, bool value)
{
    req_fail(r, S3E_INVALID_TAG);
    r->err.message = message;
    req_extra(r, "TagKey", tag.name);
    return value ? req_extra(r, "TagValue", tag.value) : -1;
}

static int fail_tags(struct req *r, enum tag_fault fault, struct store_header tag, bool of_bucket)
{
    switch (fault) {
    case TAGS_TOO_MANY:
        return of_bucket ? req_failf(r, S3E_BAD_REQUEST, "Bucket tag count cannot be greater than %d", TAGS_BUCKET_MAX)
                         : req_failf(r, S3E_BAD_REQUEST, "Object tags cannot be greater than %d", TAGS_OBJECT_MAX);
    case TAGS_REPEATED:
        return fail_tag(r, "Cannot provide multiple Tags with the same key", tag, false);
    case TAGS_RESERVED:
        return fail_tag(r,
                        of_bucket ? "System tags cannot be added/updated by requester"
                                  : "Your TagKey cannot be prefixed with aws:",
                        tag, false);
    case TAGS_BAD_VALUE:
    case TAGS_LONG_VALUE:
        return fail_tag(r, "The TagValue you have provided is invalid", tag, true);
    default:
        return fail_tag(r, "The TagKey you have provided is invalid", tag, false);
    }
}

/* ---- with the bytes of an object ---- */

#define HEADER_TAGGING "x-amz-tagging"

static int fail_header(struct req *r, struct bytes header)
{
    return req_fail_argument(r, HEADER_TAGGING, header,
                             "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                             "parameters without tag name duplicates.");
}

int api_put_tags(struct req *r, struct store_put *put)
{
    struct bytes header = req_header(r, HEADER_TAGGING);
    struct store_header *tags = NULL;
    size_t n = 0, at = 0;
    enum tag_fault fault = tag_set_parse(r->arena, header, &tags, &n);
    if (fault == TAGS_OK)
        fault = tag_set_check(tags, n, TAGS_OBJECT_MAX, &at);
    switch (fault) {
    case TAGS_OK:
        put->tags = tags;
        put->n_tags = n;
        return 0;
    case TAGS_BAD_HEADER: /* what the header cannot mean, S3 does not call a bad tag */
    case TAGS_REPEATED:
    case TAGS_BAD_KEY:
    case TAGS_BAD_VALUE:
        return fail_header(r, header);
    default:
        return fail_tags(r, fault, n ? tags[at] : (struct store_header){0}, false);
    }
}

int api_copy_tags(struct req *r, const struct store_object *source, struct store_put *to)
{
    struct bytes directive = req_header(r, "x-amz-tagging-directive");
    if (bytes_eq_str(directive, "REPLACE"))
        return api_put_tags(r, to);
    if (directive.p && !bytes_eq_str(directive, "COPY"))
        return req_fail_argument(r, "x-amz-tagging-directive", directive, "Unknown tagging directive.");
    to->tags = source->tags;
    to->n_tags = source->n_tags;
    return 0;
}

void api_tag_headers(struct req *r, const struct store_object *o)
{
    if (o->n_tags && authorize_may(r, "s3:GetObjectTagging", "s3:GetObjectVersionTagging"))
        resp_headerf(r, "x-amz-tagging-count", "%zu", o->n_tags);
}

/* ---- documents ---- */

static int read_tags(struct req *r, const struct xml_tag *rows, size_t n, bool of_bucket, struct store_header **ret)
{
    struct store_header *tags = arena_new_array(r->arena, struct store_header, n + 1);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        tags[i] = (struct store_header){rows[i].key, rows[i].value};
    enum tag_fault fault = tag_set_check(tags, n, of_bucket ? TAGS_BUCKET_MAX : TAGS_OBJECT_MAX, &at);
    if (fault != TAGS_OK)
        return fail_tags(r, fault, tags[at], of_bucket);
    *ret = tags;
    return 0;
}

static int answer_tags(struct req *r, const struct store_header *tags, size_t n)
{
    struct xml_tagging doc = {.tags = arena_new_array(r->arena, struct xml_tag, n + 1), .n_tags = n};
    for (size_t i = 0; i < n; i++)
        doc.tags[i] = (struct xml_tag){tags[i].name, tags[i].value};
    return resp_document(r, &xml_tagging_doc, &doc);
}

/* ---- objects ---- */

int api_change_version(struct req *r, const struct store_change *change, struct store_object **ret)
{
    const struct store_version *version;
    struct store_object *o = NULL;
    if (api_version_id(r, &version) < 0)
        return -1;
    int rc = store_object_change(r->server->store, &r->bucket, r->key, version, change, r->arena, &o);
    if (rc < 0)
        return api_fail_version(r, rc, version, o, true);
    api_version_header(r, &o->version);
    *ret = o;
    return 0;
}

int tagging_put_object(struct req *r)
{
    struct xml_tagging doc;
    struct store_header *tags;
    struct store_object *changed;
    if (req_document(r, &xml_tagging_doc, &doc) < 0 || read_tags(r, doc.tags, doc.n_tags, false, &tags) < 0)
        return -1;
    struct facts_body facts = {.tags_known = true, .tags = tags, .n_tags = doc.n_tags};
    if (authorize_body(r, &facts) < 0)
        return -1;
    struct store_change change = {.set_tags = true, .tags = tags, .n_tags = doc.n_tags};
    return api_change_version(r, &change, &changed);
}

int tagging_get_object(struct req *r)
{
    const struct store_version *version;
    struct store_object *o = NULL;
    if (api_version_id(r, &version) < 0)
        return -1;
    int rc = store_object_head(r->server->store, &r->bucket, r->key, version, r->arena, &o);
    if (rc == STORE_NO_SUCH_KEY && authorize_missing(r, &r->bucket) < 0)
        return -1;
    if (rc == STORE_NO_SUCH_KEY) { /* this operation alone names the bucket in the Key */
        req_fail(r, S3E_NO_SUCH_KEY);
        return req_extra(
            r, "Key",
            arena_bytesf(r->arena, "%.*s/%.*s", (int)r->bucket_name.n, r->bucket_name.p, (int)r->key.n, r->key.p));
    }
    if (rc < 0)
        return api_fail_version(r, rc, version, o, false);
    api_version_header(r, &o->version);
    return answer_tags(r, o->tags, o->n_tags);
}

int tagging_delete_object(struct req *r)
{
    struct store_change change = {.set_tags = true};
    struct store_object *changed;
    r->resp.status = 204;
    return api_change_version(r, &change, &changed);
}

/* ---- buckets ---- */

int api_bucket_tags(struct req *r, const struct xml_tag *tags, size_t n, struct bytes *ret)
{
    struct store_header *checked;
    *ret = BYTES_NONE;
    if (read_tags(r, tags, n, true, &checked) < 0)
        return -1;
    if (n == 0)
        return 0;
    struct xml_tagging doc = {.tags = (struct xml_tag *)tags, .n_tags = n};
    struct buf text;
    buf_init(&text, STORE_SETTING_MAX);
    xml_render(&text, &xml_tagging_doc, &doc);
    *ret = bytes_dup(r->arena, buf_bytes(&text));
    bool failed = text.failed;
    buf_fini(&text);
    return failed ? req_fail(r, S3E_INTERNAL_ERROR) : 0;
}

/* An empty set is no set: GetBucketTagging says so. */
int tagging_put_bucket(struct req *r)
{
    struct xml_tagging doc;
    struct bytes value;
    if (req_document(r, &xml_tagging_doc, &doc) < 0 || api_bucket_tags(r, doc.tags, doc.n_tags, &value) < 0)
        return -1;
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_TAGS, value);
    r->resp.status = 204;
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int tagging_get_bucket(struct req *r)
{
    struct bytes value;
    int rc = store_setting_get(r->server->store, r->bucket_name, STORE_SETTING_TAGS, r->arena, &value);
    if (rc == STORE_NO_SUCH_SETTING) {
        req_fail(r, S3E_NO_SUCH_TAG_SET);
        return req_extra(r, "BucketName", r->bucket_name);
    }
    if (rc < 0)
        return req_fail_store(r, rc);
    buf_put_bytes(&r->resp.doc, value);
    return resp_rendered(r);
}

int tagging_delete_bucket(struct req *r)
{
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_TAGS, BYTES_NONE);
    r->resp.status = 204;
    return rc < 0 ? req_fail_store(r, rc) : 0;
}
