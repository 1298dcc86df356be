/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PutObject, DeleteObject, DeleteObjects. A put is admitted on the loop (object_put), its bytes stream into the store's
 * write handle, object_put_done makes the reply once it is durable.
 * Threads: the loop for puts; workers for deletes.
 */
#include <string.h>

#include "server/api/api.h"
#include "server/authorize.h"
#include "server/http/etag_match.h"
#include "server/server.h"
#include "server/sse.h"

int object_put(struct req *r)
{
    struct store_put put = {.bucket = &r->bucket, .key = r->key};
    if (api_no_version_id(r) < 0 || api_refuse_unsupported(r) < 0 || api_write_condition(r, &put.condition) < 0 ||
        api_storage_class(r, &put.storage_class) < 0 || api_metadata(r, &put.headers, &put.n_headers) < 0 ||
        api_put_tags(r, &put) < 0 || api_put_lock(r, &put) < 0 || api_put_acl(r, &put) < 0 || sse_seal(r, &put) < 0)
        return -1;
    api_put_compress(r, &put);
    return api_open_write(r, &put);
}

int object_put_done(struct req *r)
{
    struct checksum_value sum;
    struct store_version version;
    store_write_checksum(r->write, &sum);
    store_write_version(r->write, &version);
    api_write_etag(r);
    api_made_version_header(r, &version);
    api_expiration_of_write(r);
    sse_reply(r, r->envelope, SSE_REPLY_MADE);
    api_checksum_headers(r, &sum, CHECKSUM_FULL_OBJECT, 0);
    return 0;
}

static int refuse_directory_conditions(struct req *r)
{
    static const char *const headers[] = {"x-amz-if-match-last-modified-time", "x-amz-if-match-size"};
    for (size_t i = 0; i < 2; i++)
        if (req_header(r, headers[i]).p) {
            req_fail(r, S3E_NOT_IMPLEMENTED);
            return req_extra(r, "Header", bytes_str(headers[i]));
        }
    return 0;
}

/* Who may bypass is decided before; here it must make sense at all. */
static int read_bypass(struct req *r, bool *ret)
{
    struct bytes sent = req_header(r, "x-amz-bypass-governance-retention");
    *ret = api_bypass_governance(r);
    if (*ret && !r->bucket.lock_enabled)
        return req_fail_argument(
            r, "x-amz-bypass-governance-retention", sent,
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.");
    return 0;
}

/*
 * A condition always means the newest version, also when another one is to go. A version that is named keeps its ETag
 * for ever, so looking first is as good as looking at the same time; the null version alone can become another object.
 */
static int check_condition(struct req *r, struct store_delete *item)
{
    struct store_object *newest = NULL;
    char text[STORE_ETAG_TEXT_MAX];
    if (!item->version || !item->condition.if_match)
        return STORE_OK;
    int rc = store_object_head(r->server->store, &r->bucket, item->key, NULL, r->arena, &newest);
    if (rc == STORE_DELETE_MARKER)
        return STORE_PRECONDITION_FAILED;
    if (rc < 0)
        return rc;
    struct bytes etag = bytes_of(text, store_etag_text(&newest->etag, text));
    if (!item->condition.if_match_any && !bytes_eq(item->condition.if_match_etag, etag))
        return STORE_PRECONDITION_FAILED;
    if (item->version->null && newest->version.null)
        item->expect_uid = newest->uid;
    item->condition = (struct store_condition){0};
    return STORE_OK;
}

static int fail_delete(struct req *r, const struct store_delete *item, int rc)
{
    if (rc != STORE_PRECONDITION_FAILED)
        return api_fail_version(r, rc, item->version, NULL, true);
    req_fail(r, S3E_PRECONDITION_FAILED);
    return req_extra(r, "Condition", BYTES_LIT("If-Match"));
}

int object_delete(struct req *r)
{
    struct bytes match = req_header(r, "if-match");
    struct store_delete item = {.key = r->key,
                                .condition = {.if_match = match.p != NULL,
                                              .if_match_any = bytes_eq_str(match, "*"),
                                              .if_match_etag = etag_unquote(match)}};
    if (refuse_directory_conditions(r) < 0 || api_version_id(r, &item.version) < 0 ||
        read_bypass(r, &item.bypass_governance) < 0)
        return -1;
    int rc = check_condition(r, &item);
    if (rc == STORE_OK) {
        store_objects_delete(r->server->store, &r->bucket, api_marker_owner(r), &item, 1);
        rc = item.rc;
    }
    if (rc < 0 && rc != STORE_NO_SUCH_VERSION) /* gone already is as good as gone */
        return fail_delete(r, &item, rc);
    if (rc == STORE_OK && item.marker)
        resp_header(r, "x-amz-delete-marker", BYTES_LIT("true"));
    if (rc == STORE_OK && item.has_version)
        resp_header(r, "x-amz-version-id", api_version_text(r, &item.ret_version));
    else if (item.version)
        resp_header(r, "x-amz-version-id", api_version_text(r, item.version));
    r->resp.status = 204;
    return 0;
}

/* ---- many at once ---- */

/* One entry of a DeleteObjects: what is wrong with it before the store is asked, else what the store answered. */
struct entry {
    const struct xml_delete_object *want;
    enum s3_error error;
    struct bytes refusal;      /* of AccessDenied, why */
    struct store_delete *item; /* NULL: it is not asked for */
};

/* What is wrong with an entry before the store is asked; S3E_OK when nothing is. */
static enum s3_error check_entry(const struct xml_delete_object *want)
{
    if (want->key.n == 0)
        return S3E_USER_KEY_MUST_BE_SPECIFIED;
    if (want->key.n > STORE_KEY_MAX)
        return S3E_KEY_TOO_LONG;
    return want->modified_ms.has || want->size.has ? S3E_NOT_IMPLEMENTED : S3E_OK;
}

static enum s3_error entry_error(int rc)
{
    return rc == STORE_PRECONDITION_FAILED ? S3E_PRECONDITION_FAILED : s3_error_of_store(rc);
}

/* Fills in the item for the store, or says why there is none. */
static enum s3_error read_entry(struct req *r, const struct xml_delete_object *want, bool bypass,
                                struct store_delete *item, struct bytes *ret_refusal)
{
    enum s3_error e = check_entry(want);
    if (e != S3E_OK)
        return e;
    bool if_match = want->etag.p && !bytes_eq_str(want->etag, "*");
    if (!authorize_delete(r, want->key, want->version_id.n ? want->version_id : BYTES_NONE, if_match, bypass,
                          ret_refusal))
        return S3E_ACCESS_DENIED;
    *item = (struct store_delete){.key = want->key,
                                  .bypass_governance = bypass,
                                  .condition = {.if_match = want->etag.p != NULL,
                                                .if_match_any = bytes_eq_str(want->etag, "*"),
                                                .if_match_etag = want->etag}};
    if (want->version_id.n == 0)
        return S3E_OK;
    struct store_version *v = arena_new(r->arena, struct store_version);
    if (!store_version_parse(want->version_id, v) || (r->bucket.versioning == VERSIONING_NEVER && !v->null))
        return S3E_NO_SUCH_VERSION;
    item->version = v;
    return entry_error(check_condition(r, item));
}

static void add_deleted(struct req *r, const struct entry *e, struct xml_delete_result *doc,
                        struct xml_deleted_row *rows)
{
    struct xml_deleted_row *row = &rows[doc->n_deleted++];
    *row = (struct xml_deleted_row){.key = e->want->key,
                                    .version_id = e->item->version ? e->want->version_id : BYTES_NONE};
    if (!e->item->marker)
        return;
    row->marker = true;
    row->marker_version_id = api_version_text(r, &e->item->ret_version);
}

static void add_error(const struct entry *e, struct xml_delete_result *doc, struct xml_delete_error_row *rows)
{
    bool locked = e->item && e->item->rc == STORE_LOCKED;
    struct bytes message = e->refusal.n ? e->refusal : bytes_str(locked ? REQ_LOCKED : s3_error_message(e->error));
    rows[doc->n_errors++] =
        (struct xml_delete_error_row){e->want->key, e->want->version_id, bytes_str(s3_error_code(e->error)), message};
}

int objects_delete(struct req *r)
{
    struct xml_delete want;
    size_t n = 0;
    bool bypass;
    if (read_bypass(r, &bypass) < 0 || req_document(r, &xml_delete_doc, &want) < 0)
        return -1;
    struct entry *entries = arena_new_array(r->arena, struct entry, want.n_objects + 1);
    struct store_delete *items = arena_new_array(r->arena, struct store_delete, want.n_objects + 1);
    for (size_t i = 0; i < want.n_objects; i++) {
        struct entry *e = &entries[i];
        e->want = &want.objects[i];
        e->error = read_entry(r, e->want, bypass, &items[n], &e->refusal);
        if (e->error == S3E_OK)
            e->item = &items[n++];
    }
    store_objects_delete(r->server->store, &r->bucket, api_marker_owner(r), items, n);
    struct xml_deleted_row *deleted = arena_new_array(r->arena, struct xml_deleted_row, want.n_objects + 1);
    struct xml_delete_error_row *errors = arena_new_array(r->arena, struct xml_delete_error_row, want.n_objects + 1);
    struct xml_delete_result doc = {.deleted = deleted, .errors = errors};
    for (size_t i = 0; i < want.n_objects; i++) {
        struct entry *e = &entries[i];
        if (e->item)
            e->error = entry_error(e->item->rc);
        if (e->error != S3E_OK)
            add_error(e, &doc, errors);
        else if (!want.quiet && e->item)
            add_deleted(r, e, &doc, deleted);
    }
    return resp_document(r, &xml_delete_result_doc, &doc);
}
