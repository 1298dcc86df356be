/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XML documents of buckets, objects, listings and multipart uploads: a struct and a table each, for both
 * directions.
 *
 * Shapes and names are those of S3's API (https://docs.aws.amazon.com/AmazonS3/latest/API/), the order of elements is
 * S3's own. Other families of settings (lifecycle, CORS, tagging ...) keep their tables beside their handlers.
 *
 * ETags are without quotes in the structs; the tables add them where S3 sends them. Checksums are base64 as on the
 * wire, one slot for each algorithm, of which a client fills at most one. Listings have their rows in lists marked
 * .rows: give the rows one by one with xml_rows_add (render.h), or all at once as an array.
 */
#ifndef PAIL_SERVER_XML_DOCUMENTS_H
#define PAIL_SERVER_XML_DOCUMENTS_H

#include "bucket_conf.h"
#include "checksum.h"
#include "server/xml/schema.h"

#define XML_KEY_MAX            1024  /* bytes of a key */
#define XML_DELETE_MAX         1000  /* keys of a DeleteObjects */
#define XML_PARTS_MAX          10000 /* parts of a CompleteMultipartUpload */
#define XML_DELETE_BODY_MAX    (2u << 20)
#define XML_LIFECYCLE_BODY_MAX (4u << 20)
#define XML_COMPLETE_BODY_MAX  (4u << 20) /* 10,000 parts with a SHA-512 each, indented */

/* One text for each enum checksum_alg; CHECKSUM_NONE stays empty. */
typedef struct bytes xml_checksums[CHECKSUM_ALG_COUNT];

struct xml_owner {
    struct bytes id, display_name;
};

struct xml_tag {
    struct bytes key, value;
};

/* ---- buckets ---- */

struct xml_bucket {
    struct bytes name, region, arn;
    int64_t created_ms;
};

struct xml_list_buckets {
    const struct xml_owner *owner;
    const struct xml_bucket *buckets;
    size_t n_buckets;
    struct bytes continuation_token, prefix;
};
extern const struct xml_doc xml_list_buckets_doc;

struct xml_bucket_location {
    struct bytes type, name;
};
struct xml_bucket_info {
    struct bytes data_redundancy, type;
};
struct xml_create_bucket { /* request */
    struct bytes location_constraint;
    struct xml_bucket_location *location;
    struct xml_bucket_info *bucket;
    struct xml_tag *tags;
    size_t n_tags;
};
extern const struct xml_doc xml_create_bucket_doc;

struct xml_location_constraint {
    struct bytes region; /* empty: us-east-1 */
};
extern const struct xml_doc xml_location_constraint_doc;

#define XML_MFA_DELETE_ENABLED 1
struct xml_versioning { /* VersioningConfiguration, both ways */
    enum versioning status;
    int mfa_delete; /* 0: not said */
};
extern const struct xml_doc xml_versioning_doc;

/* ---- tags, locks and other small settings: requests and answers alike ---- */

struct xml_tagging {
    struct xml_tag *tags;
    size_t n_tags;
};
extern const struct xml_doc xml_tagging_doc;

struct xml_event_hold_duration { /* known only to be refused in clear words */
    struct xml_opt_i64 days, years;
};
struct xml_default_retention {
    enum lock_mode mode;
    struct xml_opt_i64 days, years; /* any number: what is too small or too large has an error of its own */
    struct xml_event_hold_duration *event_hold;
};
struct xml_lock_rule {
    struct xml_default_retention *retention;
};
struct xml_lock_configuration {
    int enabled; /* 1, as nothing else can be said */
    struct xml_lock_rule *rule;
};
extern const struct xml_doc xml_lock_configuration_doc;

enum xml_hold { XML_HOLD_ON = 1, XML_HOLD_OFF };
struct xml_retention { /* with nothing in it: takes the retention away */
    enum lock_mode mode;
    struct xml_opt_i64 until_ms;
    enum xml_hold event_hold;
    struct xml_event_hold_duration *event_hold_duration;
};
extern const struct xml_doc xml_retention_doc;

enum xml_restore_tier { XML_TIER_NONE, XML_TIER_STANDARD, XML_TIER_BULK, XML_TIER_EXPEDITED };
struct xml_glacier_job {
    enum xml_restore_tier tier;
};
struct xml_anything { /* known to be there; what is in it does not matter */
    char unused;
};
struct xml_restore_request {
    struct xml_opt_u64 days;
    struct xml_glacier_job *job;
    struct bytes type;
    enum xml_restore_tier tier;
    struct bytes description;
    struct xml_anything *select_parameters, *output_location;
};
extern const struct xml_doc xml_restore_request_doc;

struct xml_legal_hold {
    enum xml_hold status;
};
extern const struct xml_doc xml_legal_hold_doc;

struct xml_accelerate {
    enum accelerate status;
};
extern const struct xml_doc xml_accelerate_doc;

enum xml_payer { XML_PAYER_REQUESTER = 1, XML_PAYER_OWNER };
struct xml_request_payment {
    enum xml_payer payer;
};
extern const struct xml_doc xml_request_payment_doc;

/* ---- encryption of a bucket: request and answer alike; judged in server/api/encryption.c ---- */

struct xml_encryption_default {
    struct bytes algorithm, key_id;
};
struct xml_blocked_encryption {
    struct bytes *types;
    size_t n_types;
};
struct xml_encryption_rule {
    struct xml_encryption_default *apply;
    struct xml_opt_bool bucket_key;
    struct xml_blocked_encryption *blocked;
};
struct xml_encryption {
    struct xml_encryption_rule *rules; /* one, but that is for the judge */
    size_t n_rules;
};
extern const struct xml_doc xml_encryption_doc;

/* ---- CORS: request and answer alike; judged in server/api/cors.c ---- */

#define XML_CORS_STORED_MAX (512u * 1024) /* bytes: what 64 KiB become when every character is escaped */

struct xml_cors_rule {
    struct bytes id;
    struct bytes *headers, *methods, *origins, *expose;
    size_t n_headers, n_methods, n_origins, n_expose;
    struct xml_opt_i64 max_age;
};
struct xml_cors {
    struct xml_cors_rule *rules;
    size_t n_rules;
};
extern const struct xml_doc xml_cors_doc;

/* ---- lifecycle rules: request and answer alike; what they may say together is judged in server/api/lifecycle.c ----
 */

struct xml_lifecycle_and {
    struct bytes prefix;
    struct xml_tag *tags;
    size_t n_tags;
    struct xml_opt_i64 greater, less;
};
struct xml_lifecycle_filter {
    struct bytes prefix;
    struct xml_tag *tag;
    struct xml_opt_i64 greater, less;
    struct xml_lifecycle_and *both;
};
struct xml_lifecycle_expiration {
    struct xml_opt_i64 date_ms, days;
    struct xml_opt_bool marker;
};
struct xml_lifecycle_transition { /* of the newest version: date or days; of others: days and newer */
    struct xml_opt_i64 date_ms, days, newer;
    int storage_class; /* enum lifecycle_class */
};
struct xml_lifecycle_noncurrent {
    struct xml_opt_i64 days, newer;
};
struct xml_lifecycle_abort {
    struct xml_opt_i64 days;
};
enum xml_lifecycle_status { XML_LIFECYCLE_ENABLED = 1, XML_LIFECYCLE_DISABLED };
struct xml_lifecycle_rule {
    struct bytes id, prefix;
    struct xml_lifecycle_filter *filter;
    enum xml_lifecycle_status status;
    struct xml_lifecycle_transition *transitions;
    size_t n_transitions;
    struct xml_lifecycle_expiration *expiration;
    struct xml_lifecycle_transition *noncurrent_transitions;
    size_t n_noncurrent_transitions;
    struct xml_lifecycle_noncurrent *noncurrent;
    struct xml_lifecycle_abort *abort;
};
struct xml_lifecycle {
    struct xml_lifecycle_rule *rules;
    size_t n_rules;
};
extern const struct xml_doc xml_lifecycle_doc;

/* ---- listings ---- */

struct xml_restore_status {
    bool in_progress;
    int64_t expiry_ms;
};

struct xml_object_row { /* <Contents> */
    struct bytes key;
    int64_t modified_ms;
    struct bytes etag;
    enum checksum_alg checksum_alg;
    enum checksum_type checksum_type;
    uint64_t size;
    const struct xml_owner *owner;
    struct bytes storage_class;
    const struct xml_restore_status *restore;
};

struct xml_prefix_row { /* <CommonPrefixes> */
    struct bytes prefix;
};

struct xml_list_objects { /* ListObjects, version 1 */
    struct bytes name, prefix, marker, next_marker, delimiter, encoding_type;
    uint64_t max_keys;
    bool truncated;
    const struct xml_object_row *objects;
    size_t n_objects;
    const struct xml_prefix_row *prefixes;
    size_t n_prefixes;
};
extern const struct xml_doc xml_list_objects_doc;

struct xml_list_objects_v2 {
    struct bytes name, prefix, start_after, continuation_token, next_continuation_token, delimiter, encoding_type;
    uint64_t key_count, max_keys;
    bool truncated;
    const struct xml_object_row *objects;
    size_t n_objects;
    const struct xml_prefix_row *prefixes;
    size_t n_prefixes;
};
extern const struct xml_doc xml_list_objects_v2_doc;

struct xml_version_row { /* <Version> */
    struct bytes key, version_id;
    bool latest;
    int64_t modified_ms;
    struct bytes etag;
    enum checksum_alg checksum_alg;
    enum checksum_type checksum_type;
    uint64_t size;
    const struct xml_owner *owner;
    struct bytes storage_class;
    const struct xml_restore_status *restore;
};
struct xml_marker_row { /* <DeleteMarker> */
    struct bytes key, version_id;
    bool latest;
    int64_t modified_ms;
    const struct xml_owner *owner;
};
struct xml_list_versions { /* the lists alternate: use xml_rows_add */
    struct bytes name, prefix, key_marker, version_id_marker, next_key_marker, next_version_id_marker, delimiter,
        encoding_type;
    uint64_t max_keys;
    bool truncated;
    const struct xml_version_row *versions;
    size_t n_versions;
    const struct xml_marker_row *markers;
    size_t n_markers;
    const struct xml_prefix_row *prefixes;
    size_t n_prefixes;
};
extern const struct xml_doc xml_list_versions_doc;

/* ---- objects ---- */

struct xml_delete_object {
    struct bytes key, version_id, etag;
    struct xml_opt_i64 modified_ms;
    struct xml_opt_u64 size;
};
struct xml_delete { /* request */
    struct xml_delete_object *objects;
    size_t n_objects;
    bool quiet;
};
extern const struct xml_doc xml_delete_doc;

struct xml_deleted_row {
    struct bytes key, version_id, marker_version_id;
    bool marker;
};
struct xml_delete_error_row {
    struct bytes key, version_id, code, message;
};
struct xml_delete_result {
    const struct xml_deleted_row *deleted;
    size_t n_deleted;
    const struct xml_delete_error_row *errors;
    size_t n_errors;
};
extern const struct xml_doc xml_delete_result_doc;

struct xml_copy_result { /* CopyObjectResult and CopyPartResult */
    int64_t modified_ms;
    struct bytes etag;
    enum checksum_type checksum_type; /* CopyObjectResult only */
    xml_checksums checksums;
};
extern const struct xml_doc xml_copy_object_result_doc, xml_copy_part_result_doc;

struct xml_attributes_checksum {
    xml_checksums checksums;
    enum checksum_type type;
};
struct xml_attributes_part {
    uint64_t number, size;
    xml_checksums checksums;
};
struct xml_attributes_parts {
    uint64_t total; /* PartsCount */
    struct xml_opt_u64 marker, next_marker, max_parts;
    struct xml_opt_bool truncated;
    const struct xml_attributes_part *parts;
    size_t n_parts;
};
struct xml_object_attributes { /* GetObjectAttributesResponse: only what was asked for */
    struct bytes etag;         /* without quotes in the document too */
    const struct xml_attributes_checksum *checksum;
    const struct xml_attributes_parts *parts;
    struct bytes storage_class;
    struct xml_opt_u64 size;
};
extern const struct xml_doc xml_object_attributes_doc;

struct xml_post_response { /* of a form upload with success_action_status 201 */
    struct bytes location, bucket, key, etag;
};
extern const struct xml_doc xml_post_response_doc;

/* ---- multipart uploads ---- */

struct xml_initiate_result {
    struct bytes bucket, key, upload_id;
};
extern const struct xml_doc xml_initiate_result_doc;

struct xml_complete_part {
    uint64_t number;
    struct bytes etag;
    xml_checksums checksums;
};
struct xml_complete { /* request */
    struct xml_complete_part *parts;
    size_t n_parts;
};
extern const struct xml_doc xml_complete_doc;

struct xml_complete_result {
    struct bytes location, bucket, key, etag;
    xml_checksums checksums;
    enum checksum_type checksum_type;
};
extern const struct xml_doc xml_complete_result_doc;

struct xml_part_row {
    uint64_t number;
    int64_t modified_ms;
    struct bytes etag;
    uint64_t size;
    xml_checksums checksums;
};
struct xml_list_parts {
    struct bytes bucket, key, upload_id, storage_class;
    const struct xml_owner *initiator, *owner;
    uint64_t marker, next_marker, max_parts;
    bool truncated;
    enum checksum_alg checksum_alg;
    enum checksum_type checksum_type;
    const struct xml_part_row *parts;
    size_t n_parts;
};
extern const struct xml_doc xml_list_parts_doc;

struct xml_upload_row {
    struct bytes key, upload_id, version_id;
    const struct xml_owner *initiator, *owner;
    struct bytes storage_class;
    int64_t initiated_ms;
    enum checksum_alg checksum_alg;
    enum checksum_type checksum_type;
};
struct xml_list_uploads {
    struct bytes bucket, key_marker, upload_id_marker, next_key_marker, next_upload_id_marker, delimiter, prefix,
        encoding_type;
    uint64_t max_uploads;
    bool truncated;
    const struct xml_upload_row *uploads;
    size_t n_uploads;
    const struct xml_prefix_row *prefixes;
    size_t n_prefixes;
};
extern const struct xml_doc xml_list_uploads_doc;

/* ---- errors ---- */

struct xml_error { /* for reading what s3_error_render wrote */
    struct bytes code, message, resource, request_id, host_id;
};
extern const struct xml_doc xml_error_doc;

/* All of them, for tests and fuzzers. */
struct xml_document {
    const char *operation; /* of S3's model; "" if it has none */
    bool request;
    const struct xml_doc *doc;
};
extern const struct xml_document xml_documents[];
extern const size_t xml_documents_n;

extern const char *const xml_checksum_alg_names[];  /* for XML_ENUM with enum checksum_alg */
extern const char *const xml_checksum_type_names[]; /* for XML_ENUM with enum checksum_type */

#endif
