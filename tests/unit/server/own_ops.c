/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own paths: what they are found by, and what they never take from buckets. */
#include "server/own_ops.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"
#include "server/ops.h"
#include "server/req.h"

Test(own_ops, every_row_is_complete)
{
    size_t n;
    const struct s3_op *ops = own_op_table(&n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_not_null(ops[i].handle, "%s", ops[i].name);
        cr_assert_eq(ops[i].level, ON_OWN, "%s", ops[i].name);
        cr_assert(ops[i].path && ops[i].path[0] != '/', "%s", ops[i].name);
        cr_assert(own_reserves(bytes_cut(bytes_str(ops[i].path), 0, strcspn(ops[i].path, "/"))), "%s", ops[i].name);
        cr_assert(ops[i].action && (strncmp(ops[i].action, "pail:", 5) == 0 ||
                                    strncmp(ops[i].action, "admin:", 6) == 0 || strncmp(ops[i].action, "kms:", 4) == 0),
                  "%s", ops[i].name);
        for (size_t k = 0; k < i; k++)
            cr_assert(ops[i].method != ops[k].method || strcmp(ops[i].path, ops[k].path) != 0, "%s and %s", ops[i].name,
                      ops[k].name);
    }
}

static const char *find(enum http_method method, const char *bucket, const char *key)
{
    struct req r = {.bucket_name = bytes_str(bucket), .key = bytes_str(key)};
    enum s3_error why;
    r.head.method = method;
    r.on_bucket = r.bucket_name.n > 0;
    r.on_object = r.key.n > 0;
    const struct s3_op *op = own_op_match(&r, &why);
    return op ? op->name : why == S3E_OK ? "none" : s3_error_code(why);
}

Test(own_ops, paths)
{
    static const struct {
        enum http_method method;
        const char *bucket, *key, *name;
    } cases[] = {
        {HTTP_POST, "pail", "v1/accounts", "CreateAccount"},
        {HTTP_GET, "pail", "v1/accounts", "ListAccounts"},
        {HTTP_GET, "pail", "v1/accounts/123456789012", "GetAccount"},
        {HTTP_DELETE, "pail", "v1/accounts/team", "DeleteAccount"},
        {HTTP_PUT, "pail", "v1/accounts", "MethodNotAllowed"},
        {HTTP_DELETE, "pail", "v1/accounts", "MethodNotAllowed"},
        {HTTP_POST, "pail", "v1/accounts/team", "MethodNotAllowed"},
        {HTTP_GET, "pail", "v1/accounts/", "none"},
        {HTTP_GET, "pail", "v1/accounts/a/b", "none"},
        {HTTP_GET, "pail", "v1/accountsx", "none"},
        {HTTP_GET, "pail", "v1", "none"},
        {HTTP_GET, "pail", "", "none"},
        {HTTP_GET, "", "", "none"},
        {HTTP_GET, "pails", "v1/accounts", "none"},
        {HTTP_GET, "minio", "v1/accounts", "none"},
        {HTTP_GET, "other", "pail/v1/accounts", "none"},
        {HTTP_GET, "minio", "health/live", "HealthLive"},
        {HTTP_HEAD, "pail", "health/cluster/read", "HealthClusterRead"},
        {HTTP_POST, "pail", "health/live", "MethodNotAllowed"},
        {HTTP_GET, "minio", "health/livex", "none"},
        {HTTP_GET, "minio", "v2/metrics/cluster", "MetricsV2"},
        {HTTP_GET, "minio", "v2/metrics/", "none"},
        {HTTP_GET, "pail", "v2/metrics/cluster", "none"},
        {HTTP_GET, "minio", "metrics/v3", "MetricsV3"},
        {HTTP_GET, "minio", "metrics/v3/", "MetricsV3"},
        {HTTP_GET, "minio", "metrics/v3/api/requests", "MetricsV3"},
        {HTTP_GET, "minio", "metrics/v3x", "none"},
        {HTTP_GET, "pail", "v1/status", "GetStatus"},
        {HTTP_GET, "pail", "v1/buckets/some-bucket", "GetBucketStatus"},
        {HTTP_GET, "pail", "v1/session", "GetSession"},
        {HTTP_POST, "pail", "v1/can", "Can"},
        {HTTP_GET, "pail", "v1/can", "MethodNotAllowed"},
        {HTTP_GET, "pail", "v1/settings", "ListSettings"},
        {HTTP_PUT, "pail", "v1/settings/access_log", "PutSetting"},
        {HTTP_DELETE, "pail", "v1/settings/access_log", "DeleteSetting"},
        {HTTP_PUT, "pail", "v1/settings/a/b", "none"},
        {HTTP_POST, "pail", "v1/buckets/some-bucket/lifecycle-preview", "PreviewLifecycle"},
        {HTTP_GET, "pail", "v1/buckets/some-bucket/lifecycle-preview", "MethodNotAllowed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_str_eq(find(cases[i].method, cases[i].bucket, cases[i].key), cases[i].name, "%s/%s", cases[i].bucket,
                         cases[i].key);
    cr_assert(own_reserves(BYTES_LIT("pail")) && own_reserves(BYTES_LIT("minio")));
    cr_assert_not(own_reserves(BYTES_LIT("pails")) || own_reserves(BYTES_LIT("my-pail")));
}
