/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of documents.h. Nothing but data: the order of the rows is the order in which S3 sends the elements, the
 * limits are what a request may ask for. Threads: any.
 */
#include "server/xml/documents.h"

#include "base/check.h"
#include "lifecycle.h"

#define TOKEN_MAX  4096 /* bytes of a continuation token or marker, whatever is in it */
#define BASE64_MAX 100  /* bytes of a checksum: 64 in base64, and -10000 */
#define PART_ERROR                                                                                                     \
    .error = S3E_INVALID_ARGUMENT, .message = "Part number must be an integer between 1 and 10000, inclusive",         \
    .argument = "partNumber"

/* In the order of enum checksum_alg and enum checksum_type, from 1. */
const char *const xml_checksum_alg_names[] = {"CRC32", "CRC32C",   "CRC64NVME", "SHA1",      "SHA256", "SHA512",
                                              "MD5",   "XXHASH64", "XXHASH3",   "XXHASH128", NULL};
_Static_assert(CHECKSUM_XXHASH128 == 10 && CHECKSUM_ALG_COUNT == 11, "a name for each algorithm");
const char *const xml_checksum_type_names[] = {"FULL_OBJECT", "COMPOSITE", NULL};
_Static_assert(CHECKSUM_FULL_OBJECT == 1 && CHECKSUM_COMPOSITE == 2, "names in the order of the enum");

#define CHECKSUM(N, T, M, ALG) XML_TEXT("Checksum" N, T, M[ALG], .max = BASE64_MAX, .trim = true, .optional = true)
#define CHECKSUMS(T, M)                                                                                                \
    CHECKSUM("CRC32", T, M, CHECKSUM_CRC32), CHECKSUM("CRC32C", T, M, CHECKSUM_CRC32C),                                \
        CHECKSUM("CRC64NVME", T, M, CHECKSUM_CRC64NVME), CHECKSUM("SHA1", T, M, CHECKSUM_SHA1),                        \
        CHECKSUM("SHA256", T, M, CHECKSUM_SHA256), CHECKSUM("SHA512", T, M, CHECKSUM_SHA512),                          \
        CHECKSUM("MD5", T, M, CHECKSUM_MD5), CHECKSUM("XXHASH64", T, M, CHECKSUM_XXHASH64),                            \
        CHECKSUM("XXHASH3", T, M, CHECKSUM_XXHASH3), CHECKSUM("XXHASH128", T, M, CHECKSUM_XXHASH128)
#define CHECKSUM_CHOICE(T)                                                                                             \
    XML_ENUM("ChecksumAlgorithm", T, checksum_alg, xml_checksum_alg_names, .optional = true),                          \
        XML_ENUM("ChecksumType", T, checksum_type, xml_checksum_type_names, .optional = true)

static const struct xml_field owner[] = {
    XML_TEXT("ID", struct xml_owner, id),
    XML_TEXT("DisplayName", struct xml_owner, display_name, .optional = true),
    XML_END,
};

static const struct xml_field prefix_row[] = {
    XML_TEXT("Prefix", struct xml_prefix_row, prefix),
    XML_END,
};

#define PREFIXES(T) XML_LIST("CommonPrefixes", T, prefixes, n_prefixes, prefix_row, .rows = true)

static const struct xml_field restore_status[] = {
    XML_BOOL("IsRestoreInProgress", struct xml_restore_status, in_progress),
    XML_TIME("RestoreExpiryDate", struct xml_restore_status, expiry_ms, .optional = true),
    XML_END,
};

/* ---- buckets ---- */

static const struct xml_field bucket[] = {
    XML_TEXT("Name", struct xml_bucket, name),
    XML_TIME("CreationDate", struct xml_bucket, created_ms),
    XML_TEXT("BucketRegion", struct xml_bucket, region, .optional = true),
    XML_TEXT("BucketArn", struct xml_bucket, arn, .optional = true),
    XML_END,
};

static const struct xml_field list_buckets[] = {
    XML_CHILD("Owner", struct xml_list_buckets, owner, owner),
    XML_LIST_IN("Buckets", "Bucket", struct xml_list_buckets, buckets, n_buckets, bucket, .max = 10000),
    XML_TEXT("ContinuationToken", struct xml_list_buckets, continuation_token, .max = TOKEN_MAX, .optional = true),
    XML_TEXT("Prefix", struct xml_list_buckets, prefix, .optional = true),
    XML_END,
};
const struct xml_doc xml_list_buckets_doc =
    XML_DOC("ListAllMyBucketsResult", struct xml_list_buckets, list_buckets, .body_max = 8u << 20);

static const struct xml_field bucket_location[] = {
    XML_TEXT("Type", struct xml_bucket_location, type, .max = 64, .trim = true, .optional = true),
    XML_TEXT("Name", struct xml_bucket_location, name, .max = 256, .trim = true, .optional = true),
    XML_END,
};

static const struct xml_field bucket_info[] = {
    XML_TEXT("DataRedundancy", struct xml_bucket_info, data_redundancy, .max = 64, .trim = true, .optional = true),
    XML_TEXT("Type", struct xml_bucket_info, type, .max = 64, .trim = true, .optional = true),
    XML_END,
};

/* 128 and 256 characters at most, which is the business of whoever judges tags; this bounds the bytes. */
static const struct xml_field tag[] = {
    XML_TEXT("Key", struct xml_tag, key, .max = 1024),
    XML_TEXT("Value", struct xml_tag, value, .max = 2048),
    XML_END,
};

static const struct xml_field create_bucket[] = {
    XML_TEXT("LocationConstraint", struct xml_create_bucket, location_constraint, .max = 256, .trim = true,
             .optional = true),
    XML_CHILD("Location", struct xml_create_bucket, location, bucket_location, .optional = true),
    XML_CHILD("Bucket", struct xml_create_bucket, bucket, bucket_info, .optional = true),
    XML_LIST_IN("Tags", "Tag", struct xml_create_bucket, tags, n_tags, tag, .optional = true),
    XML_END,
};
const struct xml_doc xml_create_bucket_doc =
    XML_DOC("CreateBucketConfiguration", struct xml_create_bucket, create_bucket, .body_max = 256u << 10);

static const struct xml_field location_constraint[] = {
    XML_CONTENT(struct xml_location_constraint, region, .trim = true),
    XML_END,
};
const struct xml_doc xml_location_constraint_doc =
    XML_DOC("LocationConstraint", struct xml_location_constraint, location_constraint);

static const char *const versioning_names[] = {"Enabled", "Suspended", NULL};
_Static_assert(VERSIONING_ENABLED == 1 && VERSIONING_SUSPENDED == 2, "names in the order of the enum");
static const char *const mfa_delete_names[] = {"Enabled", "Disabled", NULL};

static const struct xml_field versioning[] = {
    XML_ENUM("Status", struct xml_versioning, status, versioning_names, .optional = true),
    XML_ENUM("MfaDelete", struct xml_versioning, mfa_delete, mfa_delete_names, .optional = true),
    XML_END,
};
const struct xml_doc xml_versioning_doc = XML_DOC("VersioningConfiguration", struct xml_versioning, versioning);

/* ---- tags, locks and other small settings ---- */

static const struct xml_field tagging[] = {
    XML_LIST_IN("TagSet", "Tag", struct xml_tagging, tags, n_tags, tag),
    XML_END,
};
const struct xml_doc xml_tagging_doc = XML_DOC("Tagging", struct xml_tagging, tagging);

static const char *const lock_mode_names[] = {"GOVERNANCE", "COMPLIANCE", NULL};
_Static_assert(LOCK_GOVERNANCE == 1 && LOCK_COMPLIANCE == 2, "names in the order of the enum");
static const char *const lock_enabled_names[] = {"Enabled", NULL};

static const struct xml_field event_hold_duration[] = {
    XML_OPT_I64("Days", struct xml_event_hold_duration, days),
    XML_OPT_I64("Years", struct xml_event_hold_duration, years),
    XML_END_STRICT,
};
static const struct xml_field default_retention[] = {
    XML_ENUM("Mode", struct xml_default_retention, mode, lock_mode_names),
    XML_OPT_I64("Days", struct xml_default_retention, days),
    XML_OPT_I64("Years", struct xml_default_retention, years),
    XML_CHILD("DefaultEventHold", struct xml_default_retention, event_hold, event_hold_duration, .optional = true),
    XML_END_STRICT,
};
static const struct xml_field lock_rule[] = {
    XML_CHILD("DefaultRetention", struct xml_lock_rule, retention, default_retention),
    XML_END_STRICT,
};
static const struct xml_field lock_configuration[] = {
    XML_ENUM("ObjectLockEnabled", struct xml_lock_configuration, enabled, lock_enabled_names),
    XML_CHILD("Rule", struct xml_lock_configuration, rule, lock_rule, .optional = true),
    XML_END_STRICT,
};
const struct xml_doc xml_lock_configuration_doc =
    XML_DOC("ObjectLockConfiguration", struct xml_lock_configuration, lock_configuration);

static const char *const hold_names[] = {"ON", "OFF", NULL};

static const struct xml_field retention[] = {
    XML_ENUM("Mode", struct xml_retention, mode, lock_mode_names, .optional = true),
    XML_OPT_TIME("RetainUntilDate", struct xml_retention, until_ms),
    XML_ENUM("EventHold", struct xml_retention, event_hold, hold_names, .optional = true),
    XML_CHILD("EventHoldDuration", struct xml_retention, event_hold_duration, event_hold_duration, .optional = true),
    XML_END_STRICT,
};
const struct xml_doc xml_retention_doc = XML_DOC("Retention", struct xml_retention, retention);

static const char *const restore_tier_names[] = {"Standard", "Bulk", "Expedited", NULL};
static const struct xml_field glacier_job[] = {
    XML_ENUM("Tier", struct xml_glacier_job, tier, restore_tier_names),
    XML_END,
};
static const struct xml_field anything[] = {XML_END};
static const struct xml_field restore_request[] = {
    XML_OPT_U64("Days", struct xml_restore_request, days),
    XML_CHILD("GlacierJobParameters", struct xml_restore_request, job, glacier_job, .optional = true),
    XML_TEXT("Type", struct xml_restore_request, type, .optional = true),
    XML_ENUM("Tier", struct xml_restore_request, tier, restore_tier_names, .optional = true),
    XML_TEXT("Description", struct xml_restore_request, description, .optional = true),
    XML_CHILD("SelectParameters", struct xml_restore_request, select_parameters, anything, .optional = true),
    XML_CHILD("OutputLocation", struct xml_restore_request, output_location, anything, .optional = true),
    XML_END,
};
const struct xml_doc xml_restore_request_doc = XML_DOC("RestoreRequest", struct xml_restore_request, restore_request);

static const struct xml_field legal_hold[] = {
    XML_ENUM("Status", struct xml_legal_hold, status, hold_names),
    XML_END_STRICT,
};
const struct xml_doc xml_legal_hold_doc = XML_DOC("LegalHold", struct xml_legal_hold, legal_hold);

static const char *const accelerate_names[] = {"Enabled", "Suspended", NULL};
_Static_assert(ACCELERATE_ENABLED == 1 && ACCELERATE_SUSPENDED == 2, "names in the order of the enum");

static const struct xml_field accelerate[] = {
    XML_ENUM("Status", struct xml_accelerate, status, accelerate_names, .optional = true),
    XML_END,
};
const struct xml_doc xml_accelerate_doc = XML_DOC("AccelerateConfiguration", struct xml_accelerate, accelerate);

static const char *const payer_names[] = {"Requester", "BucketOwner", NULL};

static const struct xml_field request_payment[] = {
    XML_ENUM("Payer", struct xml_request_payment, payer, payer_names),
    XML_END,
};
const struct xml_doc xml_request_payment_doc =
    XML_DOC("RequestPaymentConfiguration", struct xml_request_payment, request_payment);

/* ---- lifecycle ---- */

static const char *const lifecycle_status_names[] = {"Enabled", "Disabled", NULL};
static const char *const lifecycle_class_names[] = {
    "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", NULL};
_Static_assert(LIFECYCLE_STANDARD_IA == 1 && LIFECYCLE_DEEP_ARCHIVE == 6, "names in the order of the enum");

/* A misspelt element in a rule could delete more than was meant: these tables know all that may be there. */
static const struct xml_field lifecycle_and[] = {
    XML_TEXT("Prefix", struct xml_lifecycle_and, prefix, .optional = true),
    XML_LIST("Tag", struct xml_lifecycle_and, tags, n_tags, tag, .optional = true),
    XML_OPT_I64("ObjectSizeGreaterThan", struct xml_lifecycle_and, greater),
    XML_OPT_I64("ObjectSizeLessThan", struct xml_lifecycle_and, less),
    XML_END_STRICT,
};
static const struct xml_field lifecycle_filter[] = {
    XML_TEXT("Prefix", struct xml_lifecycle_filter, prefix, .optional = true),
    XML_CHILD("Tag", struct xml_lifecycle_filter, tag, tag, .optional = true),
    XML_OPT_I64("ObjectSizeGreaterThan", struct xml_lifecycle_filter, greater),
    XML_OPT_I64("ObjectSizeLessThan", struct xml_lifecycle_filter, less),
    XML_CHILD("And", struct xml_lifecycle_filter, both, lifecycle_and, .optional = true),
    XML_END_STRICT,
};
static const struct xml_field lifecycle_expiration[] = {
    XML_OPT_TIME("Date", struct xml_lifecycle_expiration, date_ms),
    XML_OPT_I64("Days", struct xml_lifecycle_expiration, days),
    XML_OPT_BOOL("ExpiredObjectDeleteMarker", struct xml_lifecycle_expiration, marker),
    XML_END_STRICT,
};
static const struct xml_field lifecycle_transition[] = {
    XML_OPT_TIME("Date", struct xml_lifecycle_transition, date_ms),
    XML_OPT_I64("Days", struct xml_lifecycle_transition, days),
    XML_ENUM("StorageClass", struct xml_lifecycle_transition, storage_class, lifecycle_class_names),
    XML_END_STRICT,
};
static const struct xml_field lifecycle_noncurrent_transition[] = {
    XML_OPT_I64("NewerNoncurrentVersions", struct xml_lifecycle_transition, newer),
    XML_OPT_I64("NoncurrentDays", struct xml_lifecycle_transition, days),
    XML_ENUM("StorageClass", struct xml_lifecycle_transition, storage_class, lifecycle_class_names),
    XML_END_STRICT,
};
static const struct xml_field lifecycle_noncurrent[] = {
    XML_OPT_I64("NewerNoncurrentVersions", struct xml_lifecycle_noncurrent, newer),
    XML_OPT_I64("NoncurrentDays", struct xml_lifecycle_noncurrent, days),
    XML_END_STRICT,
};
static const struct xml_field abort_upload[] = {
    XML_OPT_I64("DaysAfterInitiation", struct xml_lifecycle_abort, days),
    XML_END_STRICT,
};
static const struct xml_field lifecycle_rule[] = {
    XML_TEXT("ID", struct xml_lifecycle_rule, id, .optional = true),
    XML_TEXT("Prefix", struct xml_lifecycle_rule, prefix, .optional = true),
    XML_CHILD("Filter", struct xml_lifecycle_rule, filter, lifecycle_filter, .optional = true),
    XML_ENUM("Status", struct xml_lifecycle_rule, status, lifecycle_status_names),
    XML_LIST("Transition", struct xml_lifecycle_rule, transitions, n_transitions, lifecycle_transition,
             .optional = true),
    XML_CHILD("Expiration", struct xml_lifecycle_rule, expiration, lifecycle_expiration, .optional = true),
    XML_LIST("NoncurrentVersionTransition", struct xml_lifecycle_rule, noncurrent_transitions, n_noncurrent_transitions,
             lifecycle_noncurrent_transition, .optional = true),
    XML_CHILD("NoncurrentVersionExpiration", struct xml_lifecycle_rule, noncurrent, lifecycle_noncurrent,
              .optional = true),
    XML_CHILD("AbortIncompleteMultipartUpload", struct xml_lifecycle_rule, abort, abort_upload, .optional = true),
    XML_END_STRICT,
};
static const struct xml_field lifecycle[] = {
    XML_LIST("Rule", struct xml_lifecycle, rules, n_rules, lifecycle_rule, .min = 1, .max = LIFECYCLE_RULES_MAX * 10),
    XML_END_STRICT,
};
const struct xml_doc xml_lifecycle_doc =
    XML_DOC("LifecycleConfiguration", struct xml_lifecycle, lifecycle, .body_max = XML_LIFECYCLE_BODY_MAX);

/* ---- listings ---- */

static const struct xml_field object_row[] = {
    XML_TEXT("Key", struct xml_object_row, key),
    XML_TIME("LastModified", struct xml_object_row, modified_ms),
    XML_ETAG("ETag", struct xml_object_row, etag),
    CHECKSUM_CHOICE(struct xml_object_row),
    XML_U64("Size", struct xml_object_row, size),
    XML_CHILD("Owner", struct xml_object_row, owner, owner, .optional = true),
    XML_TEXT("StorageClass", struct xml_object_row, storage_class),
    XML_CHILD("RestoreStatus", struct xml_object_row, restore, restore_status, .optional = true),
    XML_END,
};

static const struct xml_field list_objects[] = {
    XML_TEXT("Name", struct xml_list_objects, name),
    XML_TEXT("Prefix", struct xml_list_objects, prefix),
    XML_TEXT("Marker", struct xml_list_objects, marker),
    XML_TEXT("NextMarker", struct xml_list_objects, next_marker, .optional = true),
    XML_U64("MaxKeys", struct xml_list_objects, max_keys),
    XML_TEXT("Delimiter", struct xml_list_objects, delimiter, .optional = true),
    XML_TEXT("EncodingType", struct xml_list_objects, encoding_type, .optional = true),
    XML_BOOL("IsTruncated", struct xml_list_objects, truncated),
    XML_LIST("Contents", struct xml_list_objects, objects, n_objects, object_row, .rows = true),
    PREFIXES(struct xml_list_objects),
    XML_END,
};
const struct xml_doc xml_list_objects_doc =
    XML_DOC("ListBucketResult", struct xml_list_objects, list_objects, .body_max = 16u << 20);

static const struct xml_field list_objects_v2[] = {
    XML_TEXT("Name", struct xml_list_objects_v2, name),
    XML_TEXT("Prefix", struct xml_list_objects_v2, prefix),
    XML_TEXT("StartAfter", struct xml_list_objects_v2, start_after, .optional = true),
    XML_TEXT("ContinuationToken", struct xml_list_objects_v2, continuation_token, .max = TOKEN_MAX, .optional = true),
    XML_TEXT("NextContinuationToken", struct xml_list_objects_v2, next_continuation_token, .max = TOKEN_MAX,
             .optional = true),
    XML_U64("KeyCount", struct xml_list_objects_v2, key_count),
    XML_U64("MaxKeys", struct xml_list_objects_v2, max_keys),
    XML_TEXT("Delimiter", struct xml_list_objects_v2, delimiter, .optional = true),
    XML_TEXT("EncodingType", struct xml_list_objects_v2, encoding_type, .optional = true),
    XML_BOOL("IsTruncated", struct xml_list_objects_v2, truncated),
    XML_LIST("Contents", struct xml_list_objects_v2, objects, n_objects, object_row, .rows = true),
    PREFIXES(struct xml_list_objects_v2),
    XML_END,
};
const struct xml_doc xml_list_objects_v2_doc =
    XML_DOC("ListBucketResult", struct xml_list_objects_v2, list_objects_v2, .body_max = 16u << 20);

static const struct xml_field version_row[] = {
    XML_TEXT("Key", struct xml_version_row, key),
    XML_TEXT("VersionId", struct xml_version_row, version_id),
    XML_BOOL("IsLatest", struct xml_version_row, latest),
    XML_TIME("LastModified", struct xml_version_row, modified_ms),
    XML_ETAG("ETag", struct xml_version_row, etag),
    CHECKSUM_CHOICE(struct xml_version_row),
    XML_U64("Size", struct xml_version_row, size),
    XML_CHILD("Owner", struct xml_version_row, owner, owner, .optional = true),
    XML_TEXT("StorageClass", struct xml_version_row, storage_class),
    XML_CHILD("RestoreStatus", struct xml_version_row, restore, restore_status, .optional = true),
    XML_END,
};

static const struct xml_field marker_row[] = {
    XML_TEXT("Key", struct xml_marker_row, key),
    XML_TEXT("VersionId", struct xml_marker_row, version_id),
    XML_BOOL("IsLatest", struct xml_marker_row, latest),
    XML_TIME("LastModified", struct xml_marker_row, modified_ms),
    XML_CHILD("Owner", struct xml_marker_row, owner, owner, .optional = true),
    XML_END,
};

static const struct xml_field list_versions[] = {
    XML_TEXT("Name", struct xml_list_versions, name),
    XML_TEXT("Prefix", struct xml_list_versions, prefix),
    XML_TEXT("KeyMarker", struct xml_list_versions, key_marker),
    XML_TEXT("VersionIdMarker", struct xml_list_versions, version_id_marker),
    XML_TEXT("NextKeyMarker", struct xml_list_versions, next_key_marker, .optional = true),
    XML_TEXT("NextVersionIdMarker", struct xml_list_versions, next_version_id_marker, .optional = true),
    XML_U64("MaxKeys", struct xml_list_versions, max_keys),
    XML_TEXT("Delimiter", struct xml_list_versions, delimiter, .optional = true),
    XML_TEXT("EncodingType", struct xml_list_versions, encoding_type, .optional = true),
    XML_BOOL("IsTruncated", struct xml_list_versions, truncated),
    XML_LIST("Version", struct xml_list_versions, versions, n_versions, version_row, .rows = true),
    XML_LIST("DeleteMarker", struct xml_list_versions, markers, n_markers, marker_row, .rows = true),
    PREFIXES(struct xml_list_versions),
    XML_END,
};
const struct xml_doc xml_list_versions_doc =
    XML_DOC("ListVersionsResult", struct xml_list_versions, list_versions, .body_max = 16u << 20);

/* ---- objects ---- */

static const struct xml_field delete_object[] = {
    XML_TEXT("Key", struct xml_delete_object, key, .min = 1, .max = XML_KEY_MAX),
    XML_TEXT("VersionId", struct xml_delete_object, version_id, .max = 1024, .trim = true, .optional = true),
    XML_ETAG("ETag", struct xml_delete_object, etag, .max = 128, .optional = true),
    XML_OPT_TIME("LastModifiedTime", struct xml_delete_object, modified_ms, .rfc822 = true),
    XML_OPT_U64("Size", struct xml_delete_object, size),
    XML_END,
};

static const struct xml_field delete[] = {
    XML_LIST("Object", struct xml_delete, objects, n_objects, delete_object, .min = 1, .max = XML_DELETE_MAX),
    XML_BOOL("Quiet", struct xml_delete, quiet, .optional = true),
    XML_END,
};
const struct xml_doc xml_delete_doc = XML_DOC("Delete", struct xml_delete, delete, .body_max = XML_DELETE_BODY_MAX);

static const struct xml_field deleted_row[] = {
    XML_TEXT("Key", struct xml_deleted_row, key),
    XML_TEXT("VersionId", struct xml_deleted_row, version_id, .optional = true),
    XML_BOOL("DeleteMarker", struct xml_deleted_row, marker, .optional = true),
    XML_TEXT("DeleteMarkerVersionId", struct xml_deleted_row, marker_version_id, .optional = true),
    XML_END,
};

static const struct xml_field delete_error_row[] = {
    XML_TEXT("Key", struct xml_delete_error_row, key),
    XML_TEXT("VersionId", struct xml_delete_error_row, version_id, .optional = true),
    XML_TEXT("Code", struct xml_delete_error_row, code),
    XML_TEXT("Message", struct xml_delete_error_row, message),
    XML_END,
};

static const struct xml_field delete_result[] = {
    XML_LIST("Deleted", struct xml_delete_result, deleted, n_deleted, deleted_row, .rows = true),
    XML_LIST("Error", struct xml_delete_result, errors, n_errors, delete_error_row, .rows = true),
    XML_END,
};
const struct xml_doc xml_delete_result_doc =
    XML_DOC("DeleteResult", struct xml_delete_result, delete_result, .body_max = 16u << 20);

static const struct xml_field copy_object_result[] = {
    XML_TIME("LastModified", struct xml_copy_result, modified_ms),
    XML_ETAG("ETag", struct xml_copy_result, etag),
    XML_ENUM("ChecksumType", struct xml_copy_result, checksum_type, xml_checksum_type_names, .optional = true),
    CHECKSUMS(struct xml_copy_result, checksums),
    XML_END,
};
const struct xml_doc xml_copy_object_result_doc =
    XML_DOC("CopyObjectResult", struct xml_copy_result, copy_object_result);

static const struct xml_field copy_part_result[] = {
    XML_TIME("LastModified", struct xml_copy_result, modified_ms),
    XML_ETAG("ETag", struct xml_copy_result, etag),
    CHECKSUMS(struct xml_copy_result, checksums),
    XML_END,
};
const struct xml_doc xml_copy_part_result_doc = XML_DOC("CopyPartResult", struct xml_copy_result, copy_part_result);

static const struct xml_field attributes_checksum[] = {
    CHECKSUMS(struct xml_attributes_checksum, checksums),
    XML_ENUM("ChecksumType", struct xml_attributes_checksum, type, xml_checksum_type_names, .optional = true),
    XML_END,
};

static const struct xml_field attributes_part[] = {
    XML_U64("PartNumber", struct xml_attributes_part, number),
    XML_U64("Size", struct xml_attributes_part, size),
    CHECKSUMS(struct xml_attributes_part, checksums),
    XML_END,
};

static const struct xml_field attributes_parts[] = {
    XML_U64("PartsCount", struct xml_attributes_parts, total),
    XML_OPT_U64("PartNumberMarker", struct xml_attributes_parts, marker),
    XML_OPT_U64("NextPartNumberMarker", struct xml_attributes_parts, next_marker),
    XML_OPT_U64("MaxParts", struct xml_attributes_parts, max_parts),
    XML_OPT_BOOL("IsTruncated", struct xml_attributes_parts, truncated),
    XML_LIST("Part", struct xml_attributes_parts, parts, n_parts, attributes_part),
    XML_END,
};

static const struct xml_field object_attributes[] = {
    XML_TEXT("ETag", struct xml_object_attributes, etag, .optional = true),
    XML_CHILD("Checksum", struct xml_object_attributes, checksum, attributes_checksum, .optional = true),
    XML_CHILD("ObjectParts", struct xml_object_attributes, parts, attributes_parts, .optional = true),
    XML_TEXT("StorageClass", struct xml_object_attributes, storage_class, .optional = true),
    XML_OPT_U64("ObjectSize", struct xml_object_attributes, size),
    XML_END,
};
const struct xml_doc xml_object_attributes_doc =
    XML_DOC("GetObjectAttributesResponse", struct xml_object_attributes, object_attributes, .body_max = 1u << 20);

/* What guards data must not be misunderstood because of a misspelt element. */
static const struct xml_field encryption_default[] = {
    XML_TEXT("SSEAlgorithm", struct xml_encryption_default, algorithm, .max = 64, .trim = true),
    XML_TEXT("KMSMasterKeyID", struct xml_encryption_default, key_id, .max = 2048, .trim = true, .optional = true),
    XML_END_STRICT,
};
static const struct xml_field blocked_encryption[] = {
    XML_TEXTS("EncryptionType", struct xml_blocked_encryption, types, n_types, .min = 1, .trim = true),
    XML_END_STRICT,
};
static const struct xml_field encryption_rule[] = {
    XML_CHILD("ApplyServerSideEncryptionByDefault", struct xml_encryption_rule, apply, encryption_default,
              .optional = true),
    XML_OPT_BOOL("BucketKeyEnabled", struct xml_encryption_rule, bucket_key),
    XML_CHILD("BlockedEncryptionTypes", struct xml_encryption_rule, blocked, blocked_encryption, .optional = true),
    XML_END_STRICT,
};
static const struct xml_field encryption[] = {
    XML_LIST("Rule", struct xml_encryption, rules, n_rules, encryption_rule, .min = 1),
    XML_END_STRICT,
};
const struct xml_doc xml_encryption_doc =
    XML_DOC("ServerSideEncryptionConfiguration", struct xml_encryption, encryption);

static const struct xml_field cors_rule[] = {
    XML_TEXT("ID", struct xml_cors_rule, id, .max = 255, .optional = true),
    XML_TEXTS("AllowedHeader", struct xml_cors_rule, headers, n_headers, .trim = true, .optional = true),
    XML_TEXTS("AllowedMethod", struct xml_cors_rule, methods, n_methods, .min = 1, .trim = true),
    XML_TEXTS("AllowedOrigin", struct xml_cors_rule, origins, n_origins, .min = 1, .trim = true),
    XML_TEXTS("ExposeHeader", struct xml_cors_rule, expose, n_expose, .trim = true, .optional = true),
    XML_OPT_I64("MaxAgeSeconds", struct xml_cors_rule, max_age),
    XML_END_STRICT,
};
static const struct xml_field cors[] = {
    XML_LIST("CORSRule", struct xml_cors, rules, n_rules, cors_rule, .min = 1),
    XML_END_STRICT,
};
const struct xml_doc xml_cors_doc =
    XML_DOC("CORSConfiguration", struct xml_cors, cors, .body_max = XML_CORS_STORED_MAX);

static const struct xml_field post_response[] = {
    XML_TEXT("Location", struct xml_post_response, location),
    XML_TEXT("Bucket", struct xml_post_response, bucket),
    XML_TEXT("Key", struct xml_post_response, key),
    XML_ETAG("ETag", struct xml_post_response, etag),
    XML_END,
};
const struct xml_doc xml_post_response_doc = XML_DOC_PLAIN("PostResponse", struct xml_post_response, post_response);

/* ---- multipart uploads ---- */

static const struct xml_field initiate_result[] = {
    XML_TEXT("Bucket", struct xml_initiate_result, bucket),
    XML_TEXT("Key", struct xml_initiate_result, key),
    XML_TEXT("UploadId", struct xml_initiate_result, upload_id),
    XML_END,
};
const struct xml_doc xml_initiate_result_doc =
    XML_DOC("InitiateMultipartUploadResult", struct xml_initiate_result, initiate_result);

static const struct xml_field complete_part[] = {
    XML_ETAG("ETag", struct xml_complete_part, etag, .max = 128),
    CHECKSUMS(struct xml_complete_part, checksums),
    XML_U64("PartNumber", struct xml_complete_part, number, .min = 1, .max = XML_PARTS_MAX, PART_ERROR),
    XML_END,
};

static const struct xml_field complete[] = {
    XML_LIST("Part", struct xml_complete, parts, n_parts, complete_part, .min = 1, .max = XML_PARTS_MAX),
    XML_END,
};
const struct xml_doc xml_complete_doc =
    XML_DOC("CompleteMultipartUpload", struct xml_complete, complete, .body_max = XML_COMPLETE_BODY_MAX,
            .empty_error = S3E_INVALID_REQUEST, .empty_message = "You must specify at least one part");

static const struct xml_field complete_result[] = {
    XML_TEXT("Location", struct xml_complete_result, location),
    XML_TEXT("Bucket", struct xml_complete_result, bucket),
    XML_TEXT("Key", struct xml_complete_result, key),
    XML_ETAG("ETag", struct xml_complete_result, etag),
    CHECKSUMS(struct xml_complete_result, checksums),
    XML_ENUM("ChecksumType", struct xml_complete_result, checksum_type, xml_checksum_type_names, .optional = true),
    XML_END,
};
const struct xml_doc xml_complete_result_doc =
    XML_DOC("CompleteMultipartUploadResult", struct xml_complete_result, complete_result);

static const struct xml_field part_row[] = {
    XML_U64("PartNumber", struct xml_part_row, number), XML_TIME("LastModified", struct xml_part_row, modified_ms),
    XML_ETAG("ETag", struct xml_part_row, etag),        XML_U64("Size", struct xml_part_row, size),
    CHECKSUMS(struct xml_part_row, checksums),          XML_END,
};

static const struct xml_field list_parts[] = {
    XML_TEXT("Bucket", struct xml_list_parts, bucket),
    XML_TEXT("Key", struct xml_list_parts, key),
    XML_TEXT("UploadId", struct xml_list_parts, upload_id),
    XML_CHILD("Initiator", struct xml_list_parts, initiator, owner, .optional = true),
    XML_CHILD("Owner", struct xml_list_parts, owner, owner, .optional = true),
    XML_TEXT("StorageClass", struct xml_list_parts, storage_class),
    XML_U64("PartNumberMarker", struct xml_list_parts, marker),
    XML_U64("NextPartNumberMarker", struct xml_list_parts, next_marker),
    XML_U64("MaxParts", struct xml_list_parts, max_parts),
    XML_BOOL("IsTruncated", struct xml_list_parts, truncated),
    CHECKSUM_CHOICE(struct xml_list_parts),
    XML_LIST("Part", struct xml_list_parts, parts, n_parts, part_row, .rows = true),
    XML_END,
};
const struct xml_doc xml_list_parts_doc =
    XML_DOC("ListPartsResult", struct xml_list_parts, list_parts, .body_max = 4u << 20);

static const struct xml_field upload_row[] = {
    XML_TEXT("Key", struct xml_upload_row, key),
    XML_TEXT("UploadId", struct xml_upload_row, upload_id),
    XML_TEXT("VersionId", struct xml_upload_row, version_id, .optional = true),
    XML_CHILD("Initiator", struct xml_upload_row, initiator, owner, .optional = true),
    XML_CHILD("Owner", struct xml_upload_row, owner, owner, .optional = true),
    XML_TEXT("StorageClass", struct xml_upload_row, storage_class),
    XML_TIME("Initiated", struct xml_upload_row, initiated_ms),
    CHECKSUM_CHOICE(struct xml_upload_row),
    XML_END,
};

static const struct xml_field list_uploads[] = {
    XML_TEXT("Bucket", struct xml_list_uploads, bucket),
    XML_TEXT("KeyMarker", struct xml_list_uploads, key_marker),
    XML_TEXT("UploadIdMarker", struct xml_list_uploads, upload_id_marker),
    XML_TEXT("NextKeyMarker", struct xml_list_uploads, next_key_marker),
    XML_TEXT("NextUploadIdMarker", struct xml_list_uploads, next_upload_id_marker),
    XML_TEXT("Delimiter", struct xml_list_uploads, delimiter, .optional = true),
    XML_TEXT("Prefix", struct xml_list_uploads, prefix),
    XML_TEXT("EncodingType", struct xml_list_uploads, encoding_type, .optional = true),
    XML_U64("MaxUploads", struct xml_list_uploads, max_uploads),
    XML_BOOL("IsTruncated", struct xml_list_uploads, truncated),
    XML_LIST("Upload", struct xml_list_uploads, uploads, n_uploads, upload_row, .rows = true),
    PREFIXES(struct xml_list_uploads),
    XML_END,
};
const struct xml_doc xml_list_uploads_doc =
    XML_DOC("ListMultipartUploadsResult", struct xml_list_uploads, list_uploads, .body_max = 16u << 20);

/* ---- errors ---- */

static const struct xml_field error[] = {
    XML_TEXT("Code", struct xml_error, code),
    XML_TEXT("Message", struct xml_error, message),
    XML_TEXT("Resource", struct xml_error, resource, .optional = true),
    XML_TEXT("RequestId", struct xml_error, request_id, .optional = true),
    XML_TEXT("HostId", struct xml_error, host_id, .optional = true),
    XML_END,
};
const struct xml_doc xml_error_doc = XML_DOC_PLAIN("Error", struct xml_error, error);

const struct xml_document xml_documents[] = {
    {"ListBuckets", false, &xml_list_buckets_doc},
    {"CreateBucket", true, &xml_create_bucket_doc},
    {"GetBucketLocation", false, &xml_location_constraint_doc},
    {"PutBucketVersioning", true, &xml_versioning_doc},
    {"GetBucketVersioning", false, &xml_versioning_doc},
    {"PutBucketTagging", true, &xml_tagging_doc},
    {"GetBucketTagging", false, &xml_tagging_doc},
    {"PutObjectTagging", true, &xml_tagging_doc},
    {"GetObjectTagging", false, &xml_tagging_doc},
    {"PutObjectLockConfiguration", true, &xml_lock_configuration_doc},
    {"GetObjectLockConfiguration", false, &xml_lock_configuration_doc},
    {"PutObjectRetention", true, &xml_retention_doc},
    {"GetObjectRetention", false, &xml_retention_doc},
    {"RestoreObject", true, &xml_restore_request_doc},
    {"PutObjectLegalHold", true, &xml_legal_hold_doc},
    {"GetObjectLegalHold", false, &xml_legal_hold_doc},
    {"PutBucketAccelerateConfiguration", true, &xml_accelerate_doc},
    {"GetBucketAccelerateConfiguration", false, &xml_accelerate_doc},
    {"PutBucketRequestPayment", true, &xml_request_payment_doc},
    {"GetBucketRequestPayment", false, &xml_request_payment_doc},
    {"PutBucketLifecycleConfiguration", true, &xml_lifecycle_doc},
    {"GetBucketLifecycleConfiguration", false, &xml_lifecycle_doc},
    {"PutBucketEncryption", true, &xml_encryption_doc},
    {"GetBucketEncryption", false, &xml_encryption_doc},
    {"PutBucketCors", true, &xml_cors_doc},
    {"GetBucketCors", false, &xml_cors_doc},
    {"ListObjects", false, &xml_list_objects_doc},
    {"ListObjectsV2", false, &xml_list_objects_v2_doc},
    {"ListObjectVersions", false, &xml_list_versions_doc},
    {"DeleteObjects", true, &xml_delete_doc},
    {"DeleteObjects", false, &xml_delete_result_doc},
    {"CopyObject", false, &xml_copy_object_result_doc},
    {"UploadPartCopy", false, &xml_copy_part_result_doc},
    {"GetObjectAttributes", false, &xml_object_attributes_doc},
    {"", false, &xml_post_response_doc},
    {"CreateMultipartUpload", false, &xml_initiate_result_doc},
    {"CompleteMultipartUpload", true, &xml_complete_doc},
    {"CompleteMultipartUpload", false, &xml_complete_result_doc},
    {"ListParts", false, &xml_list_parts_doc},
    {"ListMultipartUploads", false, &xml_list_uploads_doc},
    {"", false, &xml_error_doc},
};
const size_t xml_documents_n = ARRAY_LEN(xml_documents);
