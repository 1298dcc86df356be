/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accounts of this server over HTTP: /pail/v1/accounts and /pail/v1/accounts/ID (or NAME), JSON both ways. For the
 * first account's root alone (server/own_ops.c), so there is nothing to decide here. Answers hold secret keys: they are
 * kept out of caches.
 * Threads: workers.
 */
#include "accounts.h"

#include <openssl/crypto.h>

#include "server/api/api.h"
#include "server/own_ops.h"
#include "server/server.h"

static int respond(struct req *r, int status, const struct accounts_answer *a)
{
    static const enum s3_error errors[] = {
        [ACCOUNTS_INVALID] = S3E_INVALID_ARGUMENT,     [ACCOUNTS_EXISTS] = S3E_ACCOUNT_ALREADY_EXISTS,
        [ACCOUNTS_ABSENT] = S3E_NO_SUCH_ACCOUNT,       [ACCOUNTS_IN_USE] = S3E_ACCOUNT_NOT_EMPTY,
        [ACCOUNTS_LIMIT] = S3E_ACCOUNT_LIMIT_EXCEEDED,
    };
    if (a->rc == ACCOUNTS_TROUBLE)
        return req_fail_store(r, a->store_rc);
    if (a->rc != ACCOUNTS_OK)
        return req_failf(r, errors[a->rc], "%s", a->text.p);
    r->resp.status = status;
    r->resp.content_type = "application/json";
    r->resp.body = a->text;
    r->resp.length = a->text.n;
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

int account_create(struct req *r)
{
    struct accounts_answer a = accounts_create_of_json(r->server->identities, buf_bytes(&r->body), r->arena);
    if (r->body.n)
        OPENSSL_cleanse(r->body.p, r->body.n);
    return respond(r, 201, &a);
}

int account_list(struct req *r)
{
    struct accounts_answer a = accounts_list(r->server->identities, r->arena);
    return respond(r, 200, &a);
}

int account_get(struct req *r)
{
    struct accounts_answer a = accounts_get(r->server->identities, own_segment(r), r->arena);
    return respond(r, 200, &a);
}

int account_delete(struct req *r)
{
    struct accounts_answer a = accounts_delete(r->server->identities, own_segment(r), r->arena);
    return respond(r, 200, &a);
}
