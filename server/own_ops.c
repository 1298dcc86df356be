/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the server's own operations. A row's path is what follows the first segment, which for S3 would be the
 * name of a bucket; one `*` in it stands for one segment that is not empty. A request in virtual-hosted style for
 * some bucket never has its path here: its first segment belongs to a key.
 * Threads: constant.
 */
#include "server/own_ops.h"

#include "accounts.h"
#include "base/check.h"
#include "key_admin.h"
#include "server/api/api.h"
#include "server/ops.h"
#include "server/req.h"

#define OWN_NAME "pail"

static const struct s3_op own_ops[] = {
    {.name = "CreateAccount",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "v1/accounts",
     .kind = OP_DOC,
     .action = "pail:CreateAccount",
     .body_max = ACCOUNT_BODY_MAX,
     .flags = OP_FIRST_ROOT,
     .handle = account_create},
    {.name = "ListAccounts",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "v1/accounts",
     .kind = OP_DOC,
     .action = "pail:ListAccounts",
     .flags = OP_FIRST_ROOT,
     .handle = account_list},
    {.name = "GetAccount",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "v1/accounts/*",
     .kind = OP_DOC,
     .action = "pail:GetAccount",
     .flags = OP_FIRST_ROOT,
     .handle = account_get},
    {.name = "DeleteAccount",
     .method = HTTP_DELETE,
     .level = ON_OWN,
     .path = "v1/accounts/*",
     .kind = OP_DOC,
     .action = "pail:DeleteAccount",
     .flags = OP_FIRST_ROOT,
     .handle = account_delete},

    {.name = "CreateKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "v1/keys",
     .kind = OP_DOC,
     .action = "pail:CreateKey",
     .body_max = KEYS_BODY_MAX,
     .flags = OP_FIRST_ROOT,
     .handle = key_create},
    {.name = "ListKeys",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "v1/keys",
     .kind = OP_DOC,
     .action = "pail:ListKeys",
     .flags = OP_FIRST_ROOT,
     .handle = key_list},
    {.name = "GetKey",
     .method = HTTP_GET,
     .level = ON_OWN,
     .path = "v1/keys/*",
     .kind = OP_DOC,
     .action = "pail:GetKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_get},
    {.name = "RotateKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "v1/keys/*/rotate",
     .kind = OP_DOC,
     .action = "pail:RotateKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_rotate},
    {.name = "DisableKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "v1/keys/*/disable",
     .kind = OP_DOC,
     .action = "pail:DisableKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_disable},
    {.name = "EnableKey",
     .method = HTTP_POST,
     .level = ON_OWN,
     .path = "v1/keys/*/enable",
     .kind = OP_DOC,
     .action = "pail:EnableKey",
     .flags = OP_FIRST_ROOT,
     .handle = key_enable},
    {.name = "DeleteKey",
     .method = HTTP_DELETE,
     .level = ON_OWN,
     .path = "v1/keys/*",
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
    return bytes_eq_str(name, OWN_NAME) || bytes_eq_str(name, "minio");
}

/* *ret: what the `*` stands for. */
static bool path_fits(struct bytes path, struct bytes pattern, struct bytes *ret)
{
    ptrdiff_t star = bytes_find_char(pattern, '*', 0);
    *ret = BYTES_NONE;
    if (star < 0)
        return bytes_eq(path, pattern);
    struct bytes head = bytes_cut(pattern, 0, (size_t)star), tail = bytes_cut(pattern, head.n + 1, pattern.n);
    if (path.n <= head.n + tail.n || !bytes_starts(path, head) || !bytes_ends(path, tail))
        return false;
    *ret = bytes_cut(path, head.n, path.n - head.n - tail.n);
    return bytes_find_char(*ret, '/', 0) < 0;
}

const struct s3_op *own_op_match(const struct req *r, enum s3_error *ret_error)
{
    *ret_error = S3E_OK;
    if (!bytes_eq_str(r->bucket_name, OWN_NAME))
        return NULL;
    struct bytes segment;
    for (size_t i = 0; i < ARRAY_LEN(own_ops); i++) {
        if (!path_fits(r->key, bytes_str(own_ops[i].path), &segment))
            continue;
        if (own_ops[i].method == r->head.method)
            return &own_ops[i];
        *ret_error = S3E_METHOD_NOT_ALLOWED;
    }
    return NULL;
}

struct bytes own_segment(const struct req *r)
{
    struct bytes segment;
    (void)path_fits(r->key, bytes_str(r->op->path), &segment);
    return segment;
}
