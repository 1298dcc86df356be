/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers, one family a file, and what they share: headers that describe an object, conditions, checksums as text.
 * Every handler answers 0, or -1 after req_fail. Which thread runs it: ops.c (the row's kind).
 */
#ifndef PAIL_SERVER_API_H
#define PAIL_SERVER_API_H

#include "server/iam/acl.h"
#include "server/req.h"
#include "server/xml/documents.h"
#include "server/xml/render.h"

#define API_METADATA_MAX 2048 /* bytes of user metadata: names without x-amz-meta- and values */

/* bucket.c */
int bucket_list_all(struct req *);
int bucket_create(struct req *);
int bucket_head(struct req *);
int bucket_location(struct req *);
int bucket_delete(struct req *);
/* versioning.c */
int versioning_put(struct req *);
int versioning_get(struct req *);
/* accounts.c */
int account_create(struct req *);
int account_list(struct req *);
int account_get(struct req *);
int account_delete(struct req *);
/* health.c */
int health_live(struct req *);
int health_ready(struct req *);
int health_cluster(struct req *);
int health_cluster_read(struct req *);

/* session.c */
#define SESSION_CHECKS_MAX 200
#define SESSION_BODY_MAX   (512u * 1024) /* that many checks with long names */
int session_get(struct req *);
int session_can(struct req *);

/* operations.c */
#define SETTING_BODY_MAX 4096
int operations_history(struct req *);
int operations_settings(struct req *);
int operations_put_setting(struct req *);
int operations_delete_setting(struct req *);
int operations_logs(struct req *);
int operations_audit(struct req *);
int operations_work(struct req *);
/* preview.c */
#define PREVIEW_BODY_MAX (1024u * 1024)
int preview_lifecycle(struct req *);

/* keys.c */
int key_list(struct req *);
int key_get(struct req *);
int key_create(struct req *);
int key_rotate(struct req *);
int key_disable(struct req *);
int key_enable(struct req *);
int key_delete(struct req *);
/* metrics.c */
int metrics_v2(struct req *);
int metrics_v3(struct req *);
int metrics_pail(struct req *);
int metrics_legacy(struct req *);
/* status.c */
int status_get(struct req *);
int status_list_buckets(struct req *);
int status_get_bucket(struct req *);
/* list.c */
int list_objects_v1(struct req *);
int list_objects_v2(struct req *);
int list_versions(struct req *);
/* object_read.c */
int object_get(struct req *);
int object_head(struct req *);
int object_attributes(struct req *);
/* object_write.c */
int object_put(struct req *);
int object_put_done(struct req *);
int object_delete(struct req *);
int objects_delete(struct req *);
/* encryption.c */
int encryption_put(struct req *);
int encryption_get(struct req *);
int encryption_delete(struct req *);
/* cors.c */
int cors_put(struct req *);
int cors_get(struct req *);
int cors_delete(struct req *);
int cors_preflight(struct req *);
/* object_post.c */
int object_post(struct req *);
int object_post_done(struct req *);
/* copy.c */
int object_copy(struct req *);
int part_copy(struct req *);
/* lock.c */
int lock_put_configuration(struct req *);
int lock_get_configuration(struct req *);
int lock_put_retention(struct req *);
int lock_get_retention(struct req *);
int lock_put_legal_hold(struct req *);
int lock_get_legal_hold(struct req *);
/* lifecycle.c */
struct lifecycle;
int lifecycle_read(struct req *, struct lifecycle *ret); /* of the body. 0, or -1 after req_fail */
int lifecycle_put(struct req *);
int lifecycle_get(struct req *);
int lifecycle_delete(struct req *);
/* tagging.c */
int tagging_put_object(struct req *);
int tagging_get_object(struct req *);
int tagging_delete_object(struct req *);
int tagging_put_bucket(struct req *);
int tagging_get_bucket(struct req *);
int tagging_delete_bucket(struct req *);
/* bucket_settings.c */
int accelerate_put(struct req *);
int accelerate_get(struct req *);
int payment_put(struct req *);
int payment_get(struct req *);
/* policy.c */
int policy_put(struct req *);
int policy_get(struct req *);
int policy_delete(struct req *);
int policy_status(struct req *);
/* public_access.c */
int public_access_put(struct req *);
int public_access_get(struct req *);
int public_access_delete(struct req *);
int account_access_put(struct req *);
int account_access_get(struct req *);
int account_access_delete(struct req *);
/* acl.c */
int acl_put_bucket(struct req *);
int acl_get_bucket(struct req *);
int acl_put_object(struct req *);
int acl_get_object(struct req *);
int ownership_put(struct req *);
int ownership_get(struct req *);
int ownership_delete(struct req *);
/* restore.c */
int object_restore(struct req *);
/* multipart.c */
int upload_create(struct req *);
int part_put(struct req *);
int part_put_done(struct req *);
int upload_complete(struct req *);
int upload_abort(struct req *);
int part_list(struct req *);
int upload_list(struct req *);

/* ---- tags and locks (tagging.c, lock.c, bucket_settings.c) ---- */

/* Who will own a delete marker: the bucket's owner where it owns all, otherwise who deletes. */
struct bytes api_marker_owner(struct req *);
/* Who will own what is written, and its access list: x-amz-acl, x-amz-grant-* (acl.c). */
int api_put_acl(struct req *, struct store_put *);

/* x-amz-tagging of a write. */
int api_put_tags(struct req *, struct store_put *);
/* The tags of a copy: the source's, or those of x-amz-tagging, as x-amz-tagging-directive says. */
int api_copy_tags(struct req *, const struct store_object *source, struct store_put *to);
void api_tag_headers(struct req *, const struct store_object *); /* x-amz-tagging-count */
/* Tags of a bucket, judged, as STORE_SETTING_TAGS keeps them; empty when there are none. */
int api_bucket_tags(struct req *, const struct xml_tag *, size_t n, struct bytes *ret);
/*
 * x-amz-object-lock-* of a write; also sees to it that there is a digest where S3 wants one. In a bucket without object
 * lock they are refused.
 */
int api_put_lock(struct req *, struct store_put *);
void api_lock_headers(struct req *, const struct store_object *);
/* Changes the version that the request names, and says which one it was. */
int api_change_version(struct req *, const struct store_change *, struct store_object **ret);

/* x-amz-expiration of an object that is the newest version, unless the request named a version (lifecycle.c). */
void api_expiration_header(struct req *, const struct store_object *);
void api_expiration_of_write(struct req *); /* the same for what r->write has made */
/* x-amz-abort-date and x-amz-abort-rule-id of an upload. */
void api_abort_headers(struct req *, int64_t initiated_ms);

/* What CreateBucket is asked for beside the bucket. */
int api_new_bucket_read(struct req *, const struct xml_create_bucket *, struct store_bucket_new *ret);
/* x-amz-object-ownership, x-amz-acl, x-amz-grant-* (acl.c). */
int api_new_bucket_acl(struct req *, struct store_bucket_new *ret);

/* ---- shared (common.c) ---- */

/* System and user metadata of the request, ready for struct store_put. */
int api_metadata(struct req *, const struct store_header **ret, size_t *ret_n);
/* x-amz-storage-class, STANDARD when absent. */
int api_storage_class(struct req *, struct bytes *ret);
/* Refuses headers whose meaning Pail does not carry out yet: what was asked for and would not happen is no success. */
int api_refuse_unsupported(struct req *);
/* If-Match and If-None-Match of a write. */
int api_write_condition(struct req *, struct store_condition *ret);

/* ---- versions ---- */

/*
 * The version that the request names (versionId): *ret NULL when it names none. Ids that no version can have, and ids
 * other than `null` in a bucket that never had versioning, are refused.
 */
int api_version_id(struct req *, const struct store_version **ret);
/* The same for an id that stands elsewhere; `name` is what an error calls it. */
int api_version_parse(struct req *, const char *name, struct bytes text, const struct store_bucket *,
                      struct store_version *ret);
/* For operations that make versions and take no versionId. */
int api_no_version_id(struct req *);
/*
 * What a look-up that failed is to the client: NoSuchVersion with its elements; a delete marker named by its id (or
 * `write` of one that is the newest) is MethodNotAllowed, another one NoSuchKey. `o`: as the store filled it in.
 */
int api_fail_version(struct req *, int rc, const struct store_version *asked, const struct store_object *o, bool write);
struct bytes api_version_text(struct req *, const struct store_version *);
/* x-amz-version-id of what was read: every answer about an object in a bucket that has, or had, versioning. */
void api_version_header(struct req *, const struct store_version *);
/* x-amz-version-id of what was written: S3 names no null version here. */
void api_made_version_header(struct req *, const struct store_version *);
/* x-amz-bypass-governance-retention: true. */
bool api_bypass_governance(struct req *);
/* x-amz-optional-object-attributes of listings: sets *ret when it names RestoreStatus. */
int api_optional_attributes(struct req *, bool *ret_restore);
/* A decimal parameter within [min, max]; absent: *ret is untouched. */
int api_number(struct req *, const char *name, uint64_t min, uint64_t max, const char *message, uint64_t *ret);
/* max-keys and its like: absent is 1,000, more than that is 1,000, a negative or no number is refused. */
int api_page_size(struct req *, const char *name, uint64_t *ret);
/* encoding-type: sets *ret when it is url. */
int api_encoding(struct req *, bool *ret_url);
int api_part_number(struct req *, unsigned *ret);
/* Where the checksum algorithm of the request stands (x-amz-checksum-algorithm); NONE when absent. */
int api_checksum_algorithm(struct req *, const char *header, enum checksum_alg *ret);

/* Texts, in the request's arena. */
struct bytes api_etag(struct req *, const struct store_etag *);
struct bytes api_checksum_text(struct req *, const struct checksum_value *, enum checksum_type, uint32_t parts);
void api_checksum_headers(struct req *, const struct checksum_value *, enum checksum_type, uint32_t parts);
void api_checksum_slot(struct req *, xml_checksums slots, const struct checksum_value *, enum checksum_type,
                       uint32_t parts);
/* The checksum among a document's slots; alg NONE when there is none; -1 when it is not base64 of the right length. */
int api_checksum_parse(struct req *, const xml_checksums slots, struct checksum_value *ret);
bool api_checksum_decode(enum checksum_alg, struct bytes base64, struct checksum_value *ret);
struct bytes api_encoded(struct req *, struct bytes text, bool url); /* encoding-type=url */
/* The owner of the bucket (ListBuckets: the caller's account); of an account by its id, ACCESS_ANONYMOUS too. */
const struct xml_owner *api_owner(struct req *);
const struct xml_owner *api_owner_of(struct req *, struct bytes account); /* may be asked within reads of the index */
/* Owners of what lies in the request's bucket: the bucket's own, where it owns all; neighbours often have the same. */
struct api_owners {
    struct req *req;
    const struct xml_owner *bucket, *last;
    bool enforced;
    char account[16];
    size_t account_n; /* of the last one */
};
void api_owners_begin(struct req *, struct api_owners *ret);
const struct xml_owner *api_owners_of(struct api_owners *, struct bytes account);

/* An archived object (restore.c): can it be read now? Else InvalidObjectState. */
int api_readable(struct req *, const struct store_object *);
bool api_is_archived(const struct store_object *);
void api_restore_header(struct req *, const struct store_object *);
/* Is it worth keeping compressed? By the bucket, the settings, its headers and its key (compress.c). */
void api_put_compress(struct req *, struct store_put *);
/* The same of a part: what goes for its upload. */
void api_part_compress(struct req *, const struct store_upload *, struct store_put *);
/* The upload that the request names; NoSuchUpload. */
int api_find_upload(struct req *, struct store_upload *ret);
/* Begins an upload's write with the digests that the client announced. */
int api_open_write(struct req *, struct store_put *);
void api_write_etag(struct req *); /* the ETag header of what was written */

enum api_condition { API_PASS, API_NOT_MODIFIED, API_FAILED };
/*
 * Conditions of reads (prefix "") and of copy sources ("x-amz-copy-source-"), in S3's order. API_FAILED: r->err is set.
 */
enum api_condition api_read_condition(struct req *, const char *prefix, const struct store_object *);

#endif
