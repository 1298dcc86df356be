/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PutObject, DeleteObject, DeleteObjects. A put is admitted on the loop (object_put), its bytes stream into the store's
 * write handle, object_put_done makes the reply once it is durable.
 * Threads: the loop for puts; workers for deletes.
 */
#include <string.h>

#include "server/api/api.h"
#include "server/http/etag_match.h"
#include "server/server.h"

int object_put(struct req *r)
{
    struct store_put put = {.bucket = &r->bucket, .key = r->key, .owner = r->who.account};
    if (api_refuse_unsupported(r) < 0 || api_write_condition(r, &put.condition) < 0 ||
        api_storage_class(r, &put.storage_class) < 0 || api_metadata(r, &put.headers, &put.n_headers) < 0)
        return -1;
    return api_open_write(r, &put);
}

int object_put_done(struct req *r)
{
    struct checksum_value sum;
    store_write_checksum(r->write, &sum);
    api_write_etag(r);
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

int object_delete(struct req *r)
{
    struct bytes match = req_header(r, "if-match");
    struct store_delete item = {.key = r->key,
                                .condition = {.if_match = match.p != NULL,
                                              .if_match_any = bytes_eq_str(match, "*"),
                                              .if_match_etag = etag_unquote(match)}};
    if (refuse_directory_conditions(r) < 0 || api_version_id(r) < 0)
        return -1;
    store_objects_delete(r->server->store, &r->bucket, r->who.account, &item, 1);
    int rc = item.rc;
    if (rc == STORE_PRECONDITION_FAILED) {
        req_fail(r, S3E_PRECONDITION_FAILED);
        return req_extra(r, "Condition", BYTES_LIT("If-Match"));
    }
    if (rc < 0)
        return req_fail_store(r, rc);
    r->resp.status = 204;
    return 0;
}

/* What is wrong with an entry before the store is asked; S3E_OK when nothing is. */
static enum s3_error check_entry(const struct xml_delete_object *entry)
{
    if (entry->version_id.n && !bytes_eq_str(entry->version_id, "null"))
        return S3E_NO_SUCH_VERSION;
    if (entry->key.n == 0)
        return S3E_USER_KEY_MUST_BE_SPECIFIED;
    if (entry->key.n > STORE_KEY_MAX)
        return S3E_KEY_TOO_LONG;
    return entry->modified_ms.has || entry->size.has ? S3E_NOT_IMPLEMENTED : S3E_OK;
}

static enum s3_error entry_error(int rc)
{
    return rc == STORE_PRECONDITION_FAILED ? S3E_PRECONDITION_FAILED : s3_error_of_store(rc);
}

/* Those entries that can be asked for, as the store wants them; *ret_n of them. */
static struct store_delete *collect_deletes(struct req *r, const struct xml_delete *want, size_t *ret_n)
{
    struct store_delete *items = arena_new_array(r->arena, struct store_delete, want->n_objects + 1);
    *ret_n = 0;
    for (size_t i = 0; i < want->n_objects; i++) {
        const struct xml_delete_object *entry = &want->objects[i];
        if (check_entry(entry) == S3E_OK)
            items[(*ret_n)++] = (struct store_delete){.key = entry->key,
                                                      .condition = {.if_match = entry->etag.p != NULL,
                                                                    .if_match_any = bytes_eq_str(entry->etag, "*"),
                                                                    .if_match_etag = entry->etag}};
    }
    return items;
}

int objects_delete(struct req *r)
{
    struct xml_delete want;
    size_t n, next = 0;
    if (req_document(r, &xml_delete_doc, &want) < 0)
        return -1;
    struct store_delete *items = collect_deletes(r, &want, &n);
    store_objects_delete(r->server->store, &r->bucket, r->who.account, items, n);
    struct xml_deleted_row *deleted = arena_new_array(r->arena, struct xml_deleted_row, want.n_objects + 1);
    struct xml_delete_error_row *errors = arena_new_array(r->arena, struct xml_delete_error_row, want.n_objects + 1);
    struct xml_delete_result doc = {.deleted = deleted, .errors = errors};
    for (size_t i = 0; i < want.n_objects; i++) {
        const struct xml_delete_object *entry = &want.objects[i];
        enum s3_error e = check_entry(entry);
        if (e == S3E_OK)
            e = entry_error(items[next++].rc);
        if (e != S3E_OK)
            errors[doc.n_errors++] = (struct xml_delete_error_row){
                entry->key, entry->version_id, bytes_str(s3_error_code(e)), bytes_str(s3_error_message(e))};
        else if (!want.quiet)
            deleted[doc.n_deleted++] = (struct xml_deleted_row){.key = entry->key, .version_id = entry->version_id};
    }
    return resp_document(r, &xml_delete_result_doc, &doc);
}
