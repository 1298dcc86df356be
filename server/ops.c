/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of the server: which request is which operation, what it needs, who handles it. Rows with more conditions win
 * over rows with fewer. Operations of S3's model that have no row here are known by ops_model.def and answered
 * NotImplemented, so that a client learns that it is the server that lacks something.
 * Threads: constant.
 */
#include "server/ops.h"

#include <string.h>

#include "base/check.h"
#include "server/api/api.h"
#include "server/iam/query.h"
#include "server/own_ops.h"
#include "server/req.h"

#define DOC_SMALL (64u * 1024)

static const struct s3_op ops[] = {
    /* service */
    {.name = "ListBuckets",
     .method = HTTP_GET,
     .level = ON_SERVICE,
     .kind = OP_DOC,
     .action = "s3:ListAllMyBuckets",
     .handle = bucket_list_all},

    {.name = "Query",
     .method = HTTP_POST,
     .level = ON_SERVICE,
     .kind = OP_DOC,
     .action = "iam:*",
     .body_max = QUERY_BODY_MAX,
     .flags = OP_QUERY,
     .handle = query_handle},
    {.name = "QueryByGet",
     .method = HTTP_GET,
     .level = ON_SERVICE,
     .query = "Action",
     .kind = OP_DOC,
     .action = "iam:*",
     .flags = OP_QUERY,
     .handle = query_handle},

    /* buckets */
    {.name = "CreateBucket",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .kind = OP_DOC,
     .action = "s3:CreateBucket",
     .body_max = DOC_SMALL,
     .flags = OP_NO_BUCKET | OP_BODY_FACTS,
     .handle = bucket_create},
    {.name = "HeadBucket",
     .method = HTTP_HEAD,
     .level = ON_BUCKET,
     .kind = OP_LOOP,
     .action = "s3:ListBucket",
     .flags = OP_NAMES_REGION,
     .handle = bucket_head},
    {.name = "DeleteBucket",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .kind = OP_DOC,
     .action = "s3:DeleteBucket",
     .handle = bucket_delete},
    {.name = "GetBucketLocation",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "location",
     .kind = OP_LOOP,
     .action = "s3:GetBucketLocation",
     .handle = bucket_location},
    {.name = "ListObjects",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .kind = OP_DOC,
     .action = "s3:ListBucket",
     .handle = list_objects_v1},
    {.name = "ListObjectsV2",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "list-type",
     .value = "2",
     .kind = OP_DOC,
     .action = "s3:ListBucket",
     .handle = list_objects_v2},
    {.name = "ListObjectVersions",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "versions",
     .kind = OP_DOC,
     .action = "s3:ListBucketVersions",
     .handle = list_versions},
    {.name = "PutBucketVersioning",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "versioning",
     .kind = OP_DOC,
     .action = "s3:PutBucketVersioning",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST,
     .handle = versioning_put},
    {.name = "GetBucketVersioning",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "versioning",
     .kind = OP_LOOP,
     .action = "s3:GetBucketVersioning",
     .handle = versioning_get},
    {.name = "ListMultipartUploads",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "uploads",
     .kind = OP_DOC,
     .action = "s3:ListBucketMultipartUploads",
     .handle = upload_list},
    {.name = "PostObject", /* a form: decided by its object once the fields are known */
     .method = HTTP_POST,
     .level = ON_BUCKET,
     .kind = OP_UPLOAD,
     .action = "s3:PutObject",
     .flags = OP_FORM | OP_MAKES | OP_CREATES,
     .handle = object_post,
     .finish = object_post_done},
    {.name = "DeleteObjects",
     .method = HTTP_POST,
     .level = ON_BUCKET,
     .query = "delete",
     .kind = OP_DOC,
     .action = "s3:DeleteObject",
     .body_max = XML_DELETE_BODY_MAX,
     .flags = OP_NEEDS_DIGEST | OP_EACH_KEY,
     .handle = objects_delete},

    {.name = "PutBucketTagging",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "tagging",
     .kind = OP_DOC,
     .action = "s3:PutBucketTagging",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST,
     .handle = tagging_put_bucket},
    {.name = "GetBucketTagging",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "tagging",
     .kind = OP_LOOP,
     .action = "s3:GetBucketTagging",
     .handle = tagging_get_bucket},
    {.name = "DeleteBucketTagging",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .query = "tagging",
     .kind = OP_DOC,
     .action = "s3:PutBucketTagging",
     .handle = tagging_delete_bucket},
    {.name = "PutBucketEncryption",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "encryption",
     .kind = OP_DOC,
     .action = "s3:PutEncryptionConfiguration",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST,
     .handle = encryption_put},
    {.name = "GetBucketEncryption",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "encryption",
     .kind = OP_LOOP,
     .action = "s3:GetEncryptionConfiguration",
     .handle = encryption_get},
    {.name = "DeleteBucketEncryption",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .query = "encryption",
     .kind = OP_DOC,
     .action = "s3:PutEncryptionConfiguration",
     .handle = encryption_delete},
    {.name = "PutBucketCors",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "cors",
     .kind = OP_DOC,
     .action = "s3:PutBucketCORS",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST,
     .handle = cors_put},
    {.name = "GetBucketCors",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "cors",
     .kind = OP_LOOP,
     .action = "s3:GetBucketCORS",
     .handle = cors_get},
    {.name = "DeleteBucketCors",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .query = "cors",
     .kind = OP_DOC,
     .action = "s3:PutBucketCORS",
     .handle = cors_delete},
    {.name = "OptionsBucket", /* preflight: browsers ask without credentials, whatever the query */
     .method = HTTP_OPTIONS,
     .level = ON_BUCKET,
     .kind = OP_LOOP,
     .flags = OP_PUBLIC | OP_NO_BUCKET,
     .handle = cors_preflight},
    {.name = "PutBucketLifecycleConfiguration",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "lifecycle",
     .kind = OP_DOC,
     .action = "s3:PutLifecycleConfiguration",
     .body_max = XML_LIFECYCLE_BODY_MAX,
     .flags = OP_NEEDS_DIGEST,
     .handle = lifecycle_put},
    {.name = "GetBucketLifecycleConfiguration",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "lifecycle",
     .kind = OP_DOC,
     .action = "s3:GetLifecycleConfiguration",
     .handle = lifecycle_get},
    {.name = "DeleteBucketLifecycle",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .query = "lifecycle",
     .kind = OP_DOC,
     .action = "s3:PutLifecycleConfiguration",
     .handle = lifecycle_delete},
    {.name = "PutObjectLockConfiguration",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "object-lock",
     .kind = OP_DOC,
     .action = "s3:PutBucketObjectLockConfiguration",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST,
     .handle = lock_put_configuration},
    {.name = "GetObjectLockConfiguration",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "object-lock",
     .kind = OP_LOOP,
     .action = "s3:GetBucketObjectLockConfiguration",
     .handle = lock_get_configuration},
    {.name = "PutBucketAccelerateConfiguration",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "accelerate",
     .kind = OP_DOC,
     .action = "s3:PutAccelerateConfiguration",
     .body_max = DOC_SMALL,
     .handle = accelerate_put},
    {.name = "GetBucketAccelerateConfiguration",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "accelerate",
     .kind = OP_LOOP,
     .action = "s3:GetAccelerateConfiguration",
     .handle = accelerate_get},
    {.name = "PutBucketRequestPayment",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "requestPayment",
     .kind = OP_DOC,
     .action = "s3:PutBucketRequestPayment",
     .body_max = DOC_SMALL, /* S3 takes it without a digest, whatever its model says: `s3cmd payer` sends none */
     .handle = payment_put},
    {.name = "GetBucketRequestPayment",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "requestPayment",
     .kind = OP_LOOP,
     .action = "s3:GetBucketRequestPayment",
     .handle = payment_get},

    {.name = "PutBucketPolicy",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "policy",
     .kind = OP_DOC,
     .action = "s3:PutBucketPolicy",
     .body_max = DOC_SMALL,
     .flags = OP_OWNER_ONLY,
     .handle = policy_put},
    {.name = "GetBucketPolicy",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "policy",
     .kind = OP_DOC,
     .action = "s3:GetBucketPolicy",
     .flags = OP_OWNER_ONLY,
     .handle = policy_get},
    {.name = "DeleteBucketPolicy",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .query = "policy",
     .kind = OP_DOC,
     .action = "s3:DeleteBucketPolicy",
     .flags = OP_OWNER_ONLY,
     .handle = policy_delete},
    {.name = "GetBucketPolicyStatus",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "policyStatus",
     .kind = OP_DOC,
     .action = "s3:GetBucketPolicyStatus",
     .handle = policy_status},
    {.name = "PutPublicAccessBlock",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "publicAccessBlock",
     .kind = OP_DOC,
     .action = "s3:PutBucketPublicAccessBlock",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST,
     .handle = public_access_put},
    {.name = "GetPublicAccessBlock",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "publicAccessBlock",
     .kind = OP_DOC,
     .action = "s3:GetBucketPublicAccessBlock",
     .handle = public_access_get},
    {.name = "DeletePublicAccessBlock",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .query = "publicAccessBlock",
     .kind = OP_DOC,
     .action = "s3:PutBucketPublicAccessBlock",
     .handle = public_access_delete},
    {.name = "PutBucketAcl",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "acl",
     .kind = OP_DOC,
     .action = "s3:PutBucketAcl",
     .body_max = DOC_SMALL,
     .handle = acl_put_bucket},
    {.name = "GetBucketAcl",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "acl",
     .kind = OP_DOC,
     .action = "s3:GetBucketAcl",
     .handle = acl_get_bucket},
    {.name = "PutBucketOwnershipControls",
     .method = HTTP_PUT,
     .level = ON_BUCKET,
     .query = "ownershipControls",
     .kind = OP_DOC,
     .action = "s3:PutBucketOwnershipControls",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST,
     .handle = ownership_put},
    {.name = "GetBucketOwnershipControls",
     .method = HTTP_GET,
     .level = ON_BUCKET,
     .query = "ownershipControls",
     .kind = OP_DOC,
     .action = "s3:GetBucketOwnershipControls",
     .handle = ownership_get},
    {.name = "DeleteBucketOwnershipControls",
     .method = HTTP_DELETE,
     .level = ON_BUCKET,
     .query = "ownershipControls",
     .kind = OP_DOC,
     .action = "s3:PutBucketOwnershipControls",
     .handle = ownership_delete},

    /* S3 Control */
    {.name = "PutAccountPublicAccessBlock",
     .method = HTTP_PUT,
     .level = ON_CONTROL,
     .kind = OP_DOC,
     .action = "s3:PutAccountPublicAccessBlock",
     .body_max = DOC_SMALL,
     .handle = account_access_put},
    {.name = "GetAccountPublicAccessBlock",
     .method = HTTP_GET,
     .level = ON_CONTROL,
     .kind = OP_DOC,
     .action = "s3:GetAccountPublicAccessBlock",
     .handle = account_access_get},
    {.name = "DeleteAccountPublicAccessBlock",
     .method = HTTP_DELETE,
     .level = ON_CONTROL,
     .kind = OP_DOC,
     .action = "s3:PutAccountPublicAccessBlock",
     .handle = account_access_delete},

    /* objects */
    {.name = "PutObjectAcl",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .query = "acl",
     .kind = OP_DOC,
     .action = "s3:PutObjectAcl",
     .version_action = "s3:PutObjectVersionAcl",
     .body_max = DOC_SMALL,
     .handle = acl_put_object},
    {.name = "GetObjectAcl",
     .method = HTTP_GET,
     .level = ON_OBJECT,
     .query = "acl",
     .kind = OP_DOC,
     .action = "s3:GetObjectAcl",
     .version_action = "s3:GetObjectVersionAcl",
     .handle = acl_get_object},
    {.name = "GetObject",
     .method = HTTP_GET,
     .level = ON_OBJECT,
     .kind = OP_LOOP,
     .action = "s3:GetObject",
     .version_action = "s3:GetObjectVersion",
     .handle = object_get},
    {.name = "HeadObject",
     .method = HTTP_HEAD,
     .level = ON_OBJECT,
     .kind = OP_LOOP,
     .action = "s3:GetObject",
     .version_action = "s3:GetObjectVersion",
     .handle = object_head},
    {.name = "GetObjectAttributes",
     .method = HTTP_GET,
     .level = ON_OBJECT,
     .query = "attributes",
     .kind = OP_DOC,
     .action = "s3:GetObjectAttributes",
     .version_action = "s3:GetObjectVersionAttributes",
     .flags = OP_READS_ABOUT,
     .handle = object_attributes},
    {.name = "PutObject",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .kind = OP_UPLOAD,
     .action = "s3:PutObject",
     .flags = OP_MAKES | OP_CREATES,
     .handle = object_put,
     .finish = object_put_done},
    {.name = "OptionsObject",
     .method = HTTP_OPTIONS,
     .level = ON_OBJECT,
     .kind = OP_LOOP,
     .flags = OP_PUBLIC | OP_NO_BUCKET,
     .handle = cors_preflight},
    {.name = "CopyObject",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .header = "x-amz-copy-source",
     .kind = OP_DOC,
     .action = "s3:PutObject",
     .flags = OP_MAKES | OP_CREATES,
     .handle = object_copy},
    {.name = "DeleteObject",
     .method = HTTP_DELETE,
     .level = ON_OBJECT,
     .kind = OP_DOC,
     .action = "s3:DeleteObject",
     .version_action = "s3:DeleteObjectVersion",
     .flags = OP_DELETES,
     .handle = object_delete},

    {.name = "PutObjectTagging",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .query = "tagging",
     .kind = OP_DOC,
     .action = "s3:PutObjectTagging",
     .version_action = "s3:PutObjectVersionTagging",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST | OP_BODY_FACTS,
     .handle = tagging_put_object},
    {.name = "GetObjectTagging",
     .method = HTTP_GET,
     .level = ON_OBJECT,
     .query = "tagging",
     .kind = OP_LOOP,
     .action = "s3:GetObjectTagging",
     .version_action = "s3:GetObjectVersionTagging",
     .handle = tagging_get_object},
    {.name = "DeleteObjectTagging",
     .method = HTTP_DELETE,
     .level = ON_OBJECT,
     .query = "tagging",
     .kind = OP_DOC,
     .action = "s3:DeleteObjectTagging",
     .version_action = "s3:DeleteObjectVersionTagging",
     .handle = tagging_delete_object},
    {.name = "PutObjectRetention",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .query = "retention",
     .kind = OP_DOC,
     .action = "s3:PutObjectRetention",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST | OP_BODY_FACTS,
     .handle = lock_put_retention},
    {.name = "RestoreObject",
     .method = HTTP_POST,
     .level = ON_OBJECT,
     .query = "restore",
     .kind = OP_DOC,
     .action = "s3:RestoreObject",
     .body_max = DOC_SMALL,
     .handle = object_restore},
    {.name = "GetObjectRetention",
     .method = HTTP_GET,
     .level = ON_OBJECT,
     .query = "retention",
     .kind = OP_LOOP,
     .action = "s3:GetObjectRetention",
     .handle = lock_get_retention},
    {.name = "PutObjectLegalHold",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .query = "legal-hold",
     .kind = OP_DOC,
     .action = "s3:PutObjectLegalHold",
     .body_max = DOC_SMALL,
     .flags = OP_NEEDS_DIGEST | OP_BODY_FACTS,
     .handle = lock_put_legal_hold},
    {.name = "GetObjectLegalHold",
     .method = HTTP_GET,
     .level = ON_OBJECT,
     .query = "legal-hold",
     .kind = OP_LOOP,
     .action = "s3:GetObjectLegalHold",
     .handle = lock_get_legal_hold},

    /* multipart uploads */
    {.name = "CreateMultipartUpload",
     .method = HTTP_POST,
     .level = ON_OBJECT,
     .query = "uploads",
     .kind = OP_DOC,
     .action = "s3:PutObject",
     .flags = OP_MAKES,
     .handle = upload_create},
    {.name = "UploadPart",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .query = "partNumber",
     .query2 = "uploadId",
     .kind = OP_UPLOAD,
     .action = "s3:PutObject",
     .handle = part_put,
     .finish = part_put_done},
    {.name = "UploadPartCopy",
     .method = HTTP_PUT,
     .level = ON_OBJECT,
     .query = "partNumber",
     .query2 = "uploadId",
     .header = "x-amz-copy-source",
     .kind = OP_DOC,
     .action = "s3:PutObject",
     .handle = part_copy},
    {.name = "CompleteMultipartUpload",
     .method = HTTP_POST,
     .level = ON_OBJECT,
     .query = "uploadId",
     .kind = OP_DOC,
     .action = "s3:PutObject",
     .body_max = XML_COMPLETE_BODY_MAX,
     .flags = OP_CREATES,
     .handle = upload_complete},
    {.name = "AbortMultipartUpload",
     .method = HTTP_DELETE,
     .level = ON_OBJECT,
     .query = "uploadId",
     .kind = OP_DOC,
     .action = "s3:AbortMultipartUpload",
     .handle = upload_abort},
    {.name = "ListParts",
     .method = HTTP_GET,
     .level = ON_OBJECT,
     .query = "uploadId",
     .kind = OP_DOC,
     .action = "s3:ListMultipartUploadParts",
     .handle = part_list},
};

static const struct op_extra extras[] = {
    {OP_MAKES, "x-amz-acl", NULL, NULL, "s3:PutObjectAcl", NULL},
    {OP_MAKES, "x-amz-grant-read", NULL, NULL, "s3:PutObjectAcl", NULL},
    {OP_MAKES, "x-amz-grant-write", NULL, NULL, "s3:PutObjectAcl", NULL},
    {OP_MAKES, "x-amz-grant-read-acp", NULL, NULL, "s3:PutObjectAcl", NULL},
    {OP_MAKES, "x-amz-grant-write-acp", NULL, NULL, "s3:PutObjectAcl", NULL},
    {OP_MAKES, "x-amz-grant-full-control", NULL, NULL, "s3:PutObjectAcl", NULL},
    {OP_MAKES, "x-amz-tagging", NULL, "", "s3:PutObjectTagging", NULL},
    {OP_MAKES, "x-amz-object-lock-mode", NULL, NULL, "s3:PutObjectRetention", NULL},
    {OP_MAKES, "x-amz-object-lock-retain-until-date", NULL, NULL, "s3:PutObjectRetention", NULL},
    {OP_MAKES, "x-amz-object-lock-legal-hold", NULL, NULL, "s3:PutObjectLegalHold", NULL},
    {OP_CREATES, "if-match", NULL, NULL, "s3:GetObject", NULL},
    {OP_DELETES, "x-amz-bypass-governance-retention", "true", NULL, "s3:BypassGovernanceRetention", NULL},
    {OP_DELETES, "if-match", NULL, "*", "s3:GetObject", NULL},
    {OP_READS_ABOUT, NULL, NULL, NULL, "s3:GetObject", "s3:GetObjectVersion"},
    {OP_NO_BUCKET, "x-amz-acl", NULL, "private", "s3:PutBucketAcl", NULL},
    {OP_NO_BUCKET, "x-amz-grant-read", NULL, NULL, "s3:PutBucketAcl", NULL},
    {OP_NO_BUCKET, "x-amz-grant-write", NULL, NULL, "s3:PutBucketAcl", NULL},
    {OP_NO_BUCKET, "x-amz-grant-read-acp", NULL, NULL, "s3:PutBucketAcl", NULL},
    {OP_NO_BUCKET, "x-amz-grant-write-acp", NULL, NULL, "s3:PutBucketAcl", NULL},
    {OP_NO_BUCKET, "x-amz-grant-full-control", NULL, NULL, "s3:PutBucketAcl", NULL},
    {OP_NO_BUCKET, "x-amz-object-ownership", NULL, NULL, "s3:PutBucketOwnershipControls", NULL},
    {OP_NO_BUCKET, "x-amz-bucket-object-lock-enabled", "true", NULL, "s3:PutBucketObjectLockConfiguration", NULL},
    {OP_NO_BUCKET, "x-amz-bucket-object-lock-enabled", "true", NULL, "s3:PutBucketVersioning", NULL},
};

const struct op_extra *op_extra_table(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(extras);
    return extras;
}

const struct s3_op *op_table(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(ops);
    return ops;
}

/* S3 Control has a path of its own, which no S3 client could mean without the header. */
static bool is_control(const struct req *r)
{
    return bytes_eq_str(r->bucket_name, "v20180820") && bytes_eq_str(r->key, "configuration/publicAccessBlock") &&
           http_head_find(&r->head, BYTES_LIT("x-amz-account-id"), 0);
}

static enum op_level level_of(const struct req *r)
{
    if (is_control(r))
        return ON_CONTROL;
    return r->on_object ? ON_OBJECT : r->on_bucket ? ON_BUCKET : ON_SERVICE;
}

/* Before authentication hoisted parameters look like any other: a presigned copy names its source in the query. */
static bool sent(const struct req *r, const char *header)
{
    if (http_head_find(&r->head, bytes_str(header), 0))
        return true;
    for (size_t i = 0; i < r->query.n; i++)
        if (bytes_eq_str_nocase(r->query.params[i].name, header))
            return true;
    return false;
}

/* How many of the row's conditions the request, of this level, meets; -1 when one is not met. */
static int fits(const struct req *r, enum op_level level, const struct s3_op *op)
{
    int n = 0;
    if (op->method != r->head.method || op->level != level)
        return -1;
    if (op->query) {
        const struct query_param *p = query_get(&r->query, op->query);
        if (!p || (op->value && !bytes_eq_str(p->value, op->value)))
            return -1;
        n++;
    }
    if (op->query2) {
        if (!query_has(&r->query, op->query2))
            return -1;
        n++;
    }
    if (op->header) {
        if (!sent(r, op->header))
            return -1;
        n++;
    }
    return n;
}

/* What selects an operation in S3's model: parameters, some with their value ("list-type=2"). */
static const struct {
    enum op_level level;
    const char *query, *query2;
} model[] = {
#define S3_MODEL_OP(name, method, level, query, query2, header, action, digest, kind) {ON_##level, query, query2},
#include "server/ops_model.def"
#undef S3_MODEL_OP
};

static bool names(const struct query_param *p, const char *selector)
{
    if (!selector || !p->name.n || *selector != *p->name.p) /* asked often, and most differ here */
        return false;
    size_t n = strcspn(selector, "=");
    if (n == 0 || p->name.n != n || memcmp(p->name.p, selector, n) != 0)
        return false;
    return selector[n] == '\0' || bytes_eq_str(p->value, selector + n + 1);
}

/*
 * Does the request have a parameter by which S3 selects an operation at this level, whatever the method? Then it never
 * means the plain one: DELETE /bucket?acl must not delete the bucket. `partNumber` alone also reads a part. What begins
 * with "X-Amz-" is of a signature, or a header in the query, and selects nothing.
 */
static bool names_other_operation(const struct req *r, enum op_level level)
{
    bool reads = r->head.method == HTTP_GET || r->head.method == HTTP_HEAD;
    for (size_t i = 0; i < r->query.n; i++) {
        const struct query_param *p = &r->query.params[i];
        if (bytes_starts(p->name, BYTES_LIT("X-Amz-")) || (reads && bytes_eq_str(p->name, "partNumber")))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(model); k++)
            if (model[k].level == level && (names(p, model[k].query) || names(p, model[k].query2)))
                return true;
    }
    return false;
}

const struct s3_op *op_match(const struct req *r, enum s3_error *ret_error)
{
    const struct s3_op *best = own_op_match(r, ret_error);
    if (best || *ret_error != S3E_OK)
        return best;
    enum op_level level = level_of(r);
    int most = -1;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        int n = fits(r, level, &ops[i]);
        if (n > most) {
            most = n;
            best = &ops[i];
        }
    }
    if (best && (best->query || best->flags & OP_PUBLIC || !names_other_operation(r, level)))
        return best;
    *ret_error = best || names_other_operation(r, level) ? S3E_NOT_IMPLEMENTED : S3E_METHOD_NOT_ALLOWED;
    return NULL;
}
