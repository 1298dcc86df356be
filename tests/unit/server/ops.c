/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the operation table: what must hold for every row, and which request selects which row. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "server/ops.h"
#include "server/req.h"

static bool same(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

Test(ops, every_row_is_complete)
{
    size_t n;
    const struct s3_op *ops = op_table(&n);
    cr_assert_gt(n, 0);
    for (size_t i = 0; i < n; i++) {
        cr_assert_not_null(ops[i].name);
        cr_assert_not_null(ops[i].handle, "%s", ops[i].name);
        const char *prefix = ops[i].flags & OP_QUERY ? "iam:" : "s3:";
        cr_assert(ops[i].flags & OP_PUBLIC || (ops[i].action && strncmp(ops[i].action, prefix, strlen(prefix)) == 0),
                  "%s has no IAM action", ops[i].name);
        cr_assert_eq(ops[i].kind == OP_UPLOAD, ops[i].finish != NULL, "%s", ops[i].name);
        cr_assert(!(ops[i].flags & OP_NEEDS_DIGEST) || ops[i].body_max, "%s asks for a digest of no body", ops[i].name);
        cr_assert(ops[i].kind != OP_LOOP || ops[i].body_max == 0, "%s: the loop reads no bodies", ops[i].name);
    }
}

Test(ops, no_two_rows_claim_the_same_request)
{
    size_t n;
    const struct s3_op *ops = op_table(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            cr_assert(ops[i].method != ops[k].method || ops[i].level != ops[k].level ||
                          !same(ops[i].query, ops[k].query) || !same(ops[i].value, ops[k].value) ||
                          !same(ops[i].query2, ops[k].query2) || !same(ops[i].header, ops[k].header),
                      "%s and %s", ops[i].name, ops[k].name);
}

/* Routes "METHOD target" with an optional header; the operation's name, or the error's code. */
static const char *route(const char *method, const char *target, const char *header)
{
    struct arena *a = arena_create(0);
    struct req r = {.arena = a};
    struct http_header slots[16];
    struct uri_parts parts;
    struct s3_target where;
    enum s3_error why = S3E_OK;
    struct bytes head =
        arena_bytesf(a, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target, header ? header : "");
    struct http_limits limits = http_limits_default;
    limits.max_headers = 16;
    http_head_init(&r.head, &limits, slots);
    cr_assert_eq(http_head_parse(&r.head, head), HTTP_PARSE_OK);
    cr_assert_eq(uri_split(r.head.target, &parts), URI_OK);
    cr_assert_eq(uri_s3_target(a, parts.path, r.head.host, NULL, 0, &where), URI_OK);
    cr_assert_eq(query_parse(a, parts.query, &r.query), URI_OK);
    r.bucket_name = where.bucket;
    r.key = where.key;
    r.on_bucket = where.bucket.n > 0;
    r.on_object = where.key.n > 0;
    const struct s3_op *op = op_match(&r, &why);
    const char *name = op ? op->name : s3_error_code(why);
    arena_free(a);
    return name;
}

Test(ops, requests_find_their_operation)
{
    static const char *const cases[][4] = {
        {"GET", "/", NULL, "ListBuckets"},
        {"GET", "/?x-id=ListBuckets", NULL, "ListBuckets"},
        {"POST", "/", NULL, "Query"},
        {"GET", "/?Action=GetCallerIdentity&Version=2011-06-15", NULL, "QueryByGet"},
        {"PUT", "/b", NULL, "CreateBucket"},
        {"HEAD", "/b", NULL, "HeadBucket"},
        {"DELETE", "/b/", NULL, "DeleteBucket"},
        {"GET", "/b?location", NULL, "GetBucketLocation"},
        {"GET", "/b", NULL, "ListObjects"},
        {"GET", "/b?list-type=1", NULL, "ListObjects"},
        {"GET", "/b?list-type=2&prefix=a", NULL, "ListObjectsV2"},
        {"GET", "/b?uploads", NULL, "ListMultipartUploads"},
        {"POST", "/b?delete", NULL, "DeleteObjects"},
        {"POST", "/b", NULL, "PostObject"},
        {"POST", "/b/?x-id=PostObject", NULL, "PostObject"},
        {"PUT", "/b?versioning", NULL, "PutBucketVersioning"},
        {"GET", "/b?versioning=", NULL, "GetBucketVersioning"},
        {"GET", "/b?versions&prefix=a&key-marker=k", NULL, "ListObjectVersions"},
        {"DELETE", "/b/k?versionId=x", NULL, "DeleteObject"},
        {"GET", "/b/k", NULL, "GetObject"},
        {"GET", "/b/k?versionId=null", NULL, "GetObject"},
        {"GET", "/b/k?attributes", NULL, "GetObjectAttributes"},
        {"PUT", "/b/k", NULL, "PutObject"},
        {"PUT", "/b/k", "x-amz-copy-source: /b/x\r\n", "CopyObject"},
        {"PUT", "/b/k?X-Amz-Copy-Source=b%2Fx", NULL, "CopyObject"},
        {"DELETE", "/b/k", NULL, "DeleteObject"},
        {"POST", "/b/k?uploads", NULL, "CreateMultipartUpload"},
        {"PUT", "/b/k?partNumber=1&uploadId=u", NULL, "UploadPart"},
        {"PUT", "/b/k?partNumber=1&uploadId=u", "X-Amz-Copy-Source: b/x\r\n", "UploadPartCopy"},
        {"POST", "/b/k?uploadId=u", NULL, "CompleteMultipartUpload"},
        {"DELETE", "/b/k?uploadId=u", NULL, "AbortMultipartUpload"},
        {"GET", "/b/k?uploadId=u", NULL, "ListParts"},
        {"POST", "/b/k?restore", NULL, "RestoreObject"},
        {"PUT", "/b?tagging", NULL, "PutBucketTagging"},
        {"GET", "/b?tagging", NULL, "GetBucketTagging"},
        {"DELETE", "/b?tagging", NULL, "DeleteBucketTagging"},
        {"PUT", "/b?object-lock", NULL, "PutObjectLockConfiguration"},
        {"GET", "/b?object-lock", NULL, "GetObjectLockConfiguration"},
        {"PUT", "/b?cors", NULL, "PutBucketCors"},
        {"GET", "/b?cors", NULL, "GetBucketCors"},
        {"DELETE", "/b?cors", NULL, "DeleteBucketCors"},
        {"OPTIONS", "/b?uploads", NULL, "OptionsBucket"},
        {"OPTIONS", "/b/k?acl&X-Amz-Signature=0", NULL, "OptionsObject"},
        {"PUT", "/b?accelerate", NULL, "PutBucketAccelerateConfiguration"},
        {"GET", "/b?accelerate", NULL, "GetBucketAccelerateConfiguration"},
        {"PUT", "/b?requestPayment", NULL, "PutBucketRequestPayment"},
        {"GET", "/b?requestPayment", NULL, "GetBucketRequestPayment"},
        {"PUT", "/b/k?tagging", NULL, "PutObjectTagging"},
        {"GET", "/b/k?tagging&versionId=v", NULL, "GetObjectTagging"},
        {"DELETE", "/b/k?tagging", NULL, "DeleteObjectTagging"},
        {"PUT", "/b/k?retention", NULL, "PutObjectRetention"},
        {"GET", "/b/k?retention", NULL, "GetObjectRetention"},
        {"PUT", "/b/k?legal-hold&versionId=v", NULL, "PutObjectLegalHold"},
        {"GET", "/b/k?legal-hold", NULL, "GetObjectLegalHold"},
        {"PUT", "/b?policy", NULL, "PutBucketPolicy"},
        {"GET", "/b?policyStatus", NULL, "GetBucketPolicyStatus"},
        {"DELETE", "/b?publicAccessBlock", NULL, "DeletePublicAccessBlock"},
        {"PUT", "/b?ownershipControls", NULL, "PutBucketOwnershipControls"},
        {"GET", "/b?acl", NULL, "GetBucketAcl"},
        {"PUT", "/b/k?acl&versionId=v", NULL, "PutObjectAcl"},
        {"GET", "/v20180820/configuration/publicAccessBlock", "x-amz-account-id: 1\r\n", "GetAccountPublicAccessBlock"},
        {"GET", "/v20180820/configuration/publicAccessBlock", NULL, "GetObject"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(route(cases[i][0], cases[i][1], cases[i][2]), cases[i][3], "%s %s", cases[i][0], cases[i][1]);
}

Test(ops, what_pail_lacks_is_not_implemented)
{
    static const char *const cases[][2] = {
        {"GET", "/b?website"},       {"DELETE", "/b?acl"},    {"PUT", "/b/k?restore"}, {"GET", "/b/k?annotation"},
        {"DELETE", "/b?versioning"}, {"POST", "/b?versions"}, {"PUT", "/b?website"},   {"DELETE", "/b/k?acl"},
        {"POST", "/b?policy"},       {"PUT", "/b?logging"},   {"GET", "/b?logging"},   {"PUT", "/b/k?uploadId=u"},
        {"POST", "/b/k?select"},     {"GET", "/b/k?torrent"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(route(cases[i][0], cases[i][1], NULL), "NotImplemented", "%s %s", cases[i][0], cases[i][1]);
}

Test(ops, HTP_11_other_methods_are_not_allowed)
{
    cr_expect_str_eq(route("PATCH", "/b/k", NULL), "MethodNotAllowed");
    cr_expect_str_eq(route("put", "/b/k", NULL), "MethodNotAllowed");
    cr_expect_str_eq(route("TRACE", "/b/k", NULL), "MethodNotAllowed");
    cr_expect_str_eq(route("PUT", "/", NULL), "MethodNotAllowed");
    cr_expect_str_eq(route("POST", "/b/k", NULL), "MethodNotAllowed");
}
