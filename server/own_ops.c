/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the server's own operations. A row's path is whole, but for the slash at its beginning; its first
 * segment is one of `names`, which for S3 would be the name of a bucket. A `*` in it stands for one segment that is not
 * empty, a last segment `**` for any number of them, none too. A request in virtual-hosted style for some bucket never
 * has its path here: its first segment belongs to a key.
 * Threads: constant.
 */
#include "server/own_ops.h"

#include "accounts.h"
#include "base/check.h"
#include "key_admin.h"
#include "server/admin_api/admin_api.h"
#include "server/api/api.h"
#include "server/console_oidc.h"
#include "server/ops.h"
#include "server/req.h"

/* First segments of paths. */
static const char *const names[] = {"pail", "minio"};

/* A health path, under both first segments and by both methods. */
#define HEALTH_ROW(text, verb, first, rest, how, function)                                                             \
    {                                                                                                                  \
        .name = text, .method = verb, .level = ON_OWN, .path = first "/health/" rest, .kind = how,                     \
        .action = "pail:Health", .flags = OP_PUBLIC, .handle = function                                                \
    }
#define HEALTH(text, rest, how, function)                                                                              \
    HEALTH_ROW(text, HTTP_GET, "minio", rest, how, function),                                                          \
        HEALTH_ROW(text, HTTP_HEAD, "minio", rest, how, function),                                                     \
        HEALTH_ROW(text, HTTP_GET, "pail", rest, how, function),                                                       \
        HEALTH_ROW(text, HTTP_HEAD, "pail", rest, how, function)

/* Pages of metrics: who asks shows a token of its own kind, which the handler checks. */
#define METRICS(text, where, function)                                                                                 \
    {                                                                                                                  \
        .name = text, .method = HTTP_GET, .level = ON_OWN, .path = where, .kind = OP_DOC,                              \
        .action = "admin:Prometheus", .flags = OP_PUBLIC, .handle = function                                           \
    }

/* About the whole server, for those who have the right. */
#define STATUS(text, where, right, function)                                                                           \
    {                                                                                                                  \
        .name = text, .method = HTTP_GET, .level = ON_OWN, .path = where, .kind = OP_DOC, .action = right,             \
        .handle = function                                                                                             \
    }

/* For the web console and its like: who asks is checked by the row's right, or by the handler. */
#define CONSOLE(text, verb, where, right, most, how, function)                                                         \
    {                                                                                                                  \
        .name = text, .method = verb, .level = ON_OWN, .path = where, .kind = OP_DOC, .action = right,                 \
        .body_max = most, .flags = how, .handle = function                                                             \
    }
#define ANYBODY (OP_OWN_SELF | OP_OWN_ANY)

static const struct s3_op own_ops[] = {
    STATUS("GetStatus", "pail/v1/status", "admin:ServerInfo", status_get),
    STATUS("ListBucketStatus", "pail/v1/buckets", "admin:DataUsageInfo", status_list_buckets),
    STATUS("GetBucketStatus", "pail/v1/buckets/*", "admin:DataUsageInfo", status_get_bucket),
    CONSOLE("GetSession", HTTP_GET, "pail/v1/session", "pail:GetSession", 0, ANYBODY, session_get),
    CONSOLE("Can", HTTP_POST, "pail/v1/can", "pail:Can", SESSION_BODY_MAX, ANYBODY, session_can),
    CONSOLE("GetHistory", HTTP_GET, "pail/v1/history", "admin:ServerInfo", 0, 0, operations_history),
    CONSOLE("GetWork", HTTP_GET, "pail/v1/work", "admin:ServerInfo", 0, 0, operations_work),
    CONSOLE("GetLogs", HTTP_GET, "pail/v1/logs", "admin:ConsoleLog", 0, 0, operations_logs),
    CONSOLE("GetAudit", HTTP_GET, "pail/v1/audit", "admin:ServerTrace", 0, 0, operations_audit),
    CONSOLE("ListSettings", HTTP_GET, "pail/v1/settings", "admin:ConfigUpdate", 0, 0, operations_settings),
    CONSOLE("PutSetting", HTTP_PUT, "pail/v1/settings/*", "admin:ConfigUpdate", SETTING_BODY_MAX, 0,
            operations_put_setting),
    CONSOLE("DeleteSetting", HTTP_DELETE, "pail/v1/settings/*", "admin:ConfigUpdate", 0, 0, operations_delete_setting),
    CONSOLE("ListServiceKeys", HTTP_GET, "pail/v1/access-keys", "admin:ListServiceAccounts", 0, OP_OWN_SELF,
            access_keys_list),
    CONSOLE("CreateServiceKey", HTTP_POST, "pail/v1/access-keys", "admin:CreateServiceAccount", ACCESS_KEY_BODY_MAX,
            OP_OWN_SELF, access_keys_add),
    CONSOLE("UpdateServiceKey", HTTP_PUT, "pail/v1/access-keys/*", "admin:UpdateServiceAccount", ACCESS_KEY_BODY_MAX,
            OP_OWN_SELF, access_keys_change),
    CONSOLE("PreviewLifecycle", HTTP_POST, "pail/v1/buckets/*/lifecycle-preview", "pail:PreviewLifecycle",
            PREVIEW_BODY_MAX, ANYBODY, preview_lifecycle),
    CONSOLE("GetOidcSignIn", HTTP_GET, "pail/v1/oidc/**", "pail:GetOidcSignIn", 0, OP_PUBLIC | OP_AT_CONSOLE,
            console_oidc_go),
    CONSOLE("ExchangeOidcCode", HTTP_POST, "pail/v1/oidc-token", "pail:ExchangeOidcCode", OIDC_BODY_MAX,
            OP_PUBLIC | OP_AT_CONSOLE | OP_SIGN_IN, console_oidc_token),
    METRICS("MetricsV2", "minio/v2/metrics/*", metrics_v2),
    METRICS("MetricsV3", "minio/metrics/v3/**", metrics_v3),
    METRICS("MetricsLegacy", "minio/prometheus/metrics", metrics_legacy),
    METRICS("Metrics", "pail/v1/metrics", metrics_pail),
    HEALTH("HealthLive", "live", OP_LOOP, health_live),
    HEALTH("HealthReady", "ready", OP_DOC, health_ready),
    HEALTH("HealthCluster", "cluster", OP_DOC, health_cluster),
    HEALTH("HealthClusterRead", "cluster/read", OP_DOC, health_cluster_read),
    {.name = "CreateAccount",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "pail/v1/accounts",
     .kind = OP_DOC,
     .action = "pail:CreateAccount",
     .body_max = ACCOUNT_BODY_MAX,
     .flags = OP_FIRST_ROOT,
     .handle = account_create},
    {.name = "ListAccounts",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "pail/v1/accounts",
     .kind = OP_DOC,
     .action = "pail:ListAccounts",
     .flags = OP_FIRST_ROOT,
     .handle = account_list},
    {.name = "GetAccount",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "pail/v1/accounts/*",
     .kind = OP_DOC,
     .action = "pail:GetAccount",
     .flags = OP_FIRST_ROOT,
     .handle = account_get},
    {.name = "DeleteAccount",
     .method = HTTP_DELETE,
     .level = ON_OWN,
     .path = "pail/v1/accounts/*",
     .kind = OP_DOC,
     .action = "pail:DeleteAccount",
     .flags = OP_FIRST_ROOT,
     .handle = account_delete},

    {.name = "CreateKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "pail/v1/keys",
     .kind = OP_DOC,
     .action = "pail:CreateKey",
     .body_max = KEYS_BODY_MAX,
     .flags = OP_FIRST_ROOT,
     .handle = key_create},
    {.name = "ListKeys",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "pail/v1/keys",
     .kind = OP_DOC,
     .action = "pail:ListKeys",
     .flags = OP_FIRST_ROOT,
     .handle = key_list},
    {.name = "GetKey",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "pail/v1/keys/*",
     .kind = OP_DOC,
     .action = "pail:GetKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_get},
    {.name = "RotateKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "pail/v1/keys/*/rotate",
     .kind = OP_DOC,
     .action = "pail:RotateKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_rotate},
    {.name = "DisableKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "pail/v1/keys/*/disable",
     .kind = OP_DOC,
     .action = "pail:DisableKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_disable},
    {.name = "EnableKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "pail/v1/keys/*/enable",
     .kind = OP_DOC,
     .action = "pail:EnableKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_enable},
    {.name = "DeleteKey",
     .method = HTTP_DELETE,
     .level = ON_OWN,
     .path = "pail/v1/keys/*",
     .kind = OP_DOC,
     .action = "pail:DeleteKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_delete},
};

const struct s3_op *own_op_table(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(own_ops);
    return own_ops;
}

bool own_reserves(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_eq_str(name, names[i]))
            return true;
    return false;
}

/* What follows the slash behind `first`; p NULL when the path does not begin so. */
static struct bytes path_below(struct bytes first, struct bytes path)
{
    if (path.n <= first.n || !bytes_starts(path, first) || path.p[first.n] != '/')
        return BYTES_NONE;
    return bytes_cut(path, first.n + 1, path.n);
}

/* *ret: what the `*` stands for. */
static bool path_fits(struct bytes path, struct bytes pattern, struct bytes *ret)
{
    ptrdiff_t star = bytes_find_char(pattern, '*', 0);
    *ret = BYTES_NONE;
    if (bytes_ends(pattern, BYTES_LIT("/**"))) {
        struct bytes head = bytes_cut(pattern, 0, pattern.n - 3);
        *ret = path_below(head, path);
        return bytes_eq(path, head) || ret->p;
    }
    if (star < 0)
        return bytes_eq(path, pattern);
    struct bytes head = bytes_cut(pattern, 0, (size_t)star), tail = bytes_cut(pattern, head.n + 1, pattern.n);
    if (path.n <= head.n + tail.n || !bytes_starts(path, head) || !bytes_ends(path, tail))
        return false;
    *ret = bytes_cut(path, head.n, path.n - head.n - tail.n);
    return bytes_find_char(*ret, '/', 0) < 0;
}

static const struct s3_op *match_in(const struct s3_op *table, size_t n, const struct req *r, enum s3_error *ret_error)
{
    struct bytes segment;
    for (size_t i = 0; i < n; i++) {
        struct bytes below = path_below(r->bucket_name, bytes_str(table[i].path));
        if (!below.p || !path_fits(r->key, below, &segment))
            continue;
        if (table[i].method == r->head.method)
            return &table[i];
        *ret_error = S3E_METHOD_NOT_ALLOWED;
    }
    return NULL;
}

bool own_is_path(const struct req *r)
{
    return r->op ? r->op->level == ON_OWN : own_reserves(r->bucket_name);
}

bool own_is_minio_admin(const struct req *r)
{
    return bytes_eq_str(r->bucket_name, "minio") &&
           (bytes_starts(r->key, BYTES_LIT("admin/")) || bytes_starts(r->key, BYTES_LIT("kms/")));
}

const struct s3_op *own_op_match(const struct req *r, enum s3_error *ret_error)
{
    *ret_error = S3E_OK;
    if (!own_reserves(r->bucket_name))
        return NULL;
    if (!own_is_minio_admin(r))
        return match_in(own_ops, ARRAY_LEN(own_ops), r, ret_error);
    size_t n;
    const struct s3_op *table = admin_op_table(&n), *op = match_in(table, n, r, ret_error);
    if (!op && *ret_error == S3E_OK)
        *ret_error = admin_unknown_path(r);
    return op;
}

struct bytes own_segment(const struct req *r)
{
    struct bytes segment;
    (void)path_fits(r->key, path_below(r->bucket_name, bytes_str(r->op->path)), &segment);
    return segment;
}
