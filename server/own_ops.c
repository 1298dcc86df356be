/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the server's own operations. A row's path is what follows the first segment, which for S3 would be the
 * name of a bucket; one `*` at its end stands for one segment that is not empty. A request in virtual-hosted style for
 * some bucket never has its path here: its first segment belongs to a key.
 * Threads: constant.
 */
#include "server/own_ops.h"

#include "accounts.h"
#include "base/check.h"
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

static bool path_fits(struct bytes path, struct bytes pattern)
{
    if (!bytes_ends(pattern, BYTES_LIT("/*")))
        return bytes_eq(path, pattern);
    struct bytes head = bytes_cut(pattern, 0, pattern.n - 1);
    return path.n > head.n && bytes_starts(path, head) && bytes_find_char(path, '/', head.n) < 0;
}

const struct s3_op *own_op_match(const struct req *r, enum s3_error *ret_error)
{
    *ret_error = S3E_OK;
    if (!bytes_eq_str(r->bucket_name, OWN_NAME))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(own_ops); i++) {
        if (!path_fits(r->key, bytes_str(own_ops[i].path)))
            continue;
        if (own_ops[i].method == r->head.method)
            return &own_ops[i];
        *ret_error = S3E_METHOD_NOT_ALLOWED;
    }
    return NULL;
}

struct bytes own_last_segment(const struct req *r)
{
    size_t n = bytes_str(r->op->path).n - 1;
    return bytes_cut(r->key, n, r->key.n);
}
