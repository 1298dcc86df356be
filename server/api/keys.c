/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of this server over HTTP: /pail/v1/keys, /pail/v1/keys/NAME and /pail/v1/keys/NAME/rotate, disable, enable;
 * JSON both ways. For the first account's root alone (server/own_ops.c). No answer holds a key, sealed or not.
 * Threads: workers.
 */
#include "key_admin.h"

#include "server/api/api.h"
#include "server/own_ops.h"
#include "server/server.h"
#include "vault.h"

static struct keys_admin admin_of(const struct req *r)
{
    return (struct keys_admin){r->server->keyring, r->server->master_key, vault_service(r->server->vault)};
}

static enum s3_error error_of(int rc)
{
    switch ((enum keyring_rc)rc) {
    case KEYRING_NO_SUCH_KEY:
        return S3E_NO_SUCH_ENCRYPTION_KEY;
    case KEYRING_EXISTS:
        return S3E_ENCRYPTION_KEY_ALREADY_EXISTS;
    case KEYRING_IN_USE:
        return S3E_ENCRYPTION_KEY_IN_USE;
    case KEYRING_DISABLED:
    case KEYRING_DAMAGED:
    case KEYRING_FULL:
        return S3E_ENCRYPTION_KEY_STATE;
    case KEYRING_INVALID_NAME:
        return S3E_INVALID_ARGUMENT;
    case KEYRING_OK:
    case KEYRING_UNAVAILABLE:
    case KEYRING_WRONG_KEY:
    case KEYRING_STORE:
        break;
    }
    return S3E_SERVICE_UNAVAILABLE;
}

static int respond(struct req *r, int status, struct keys_answer a)
{
    if (a.rc != KEYRING_OK)
        return req_failf(r, error_of(a.rc), "%.*s", (int)a.text.n, a.text.p);
    r->resp.status = status;
    r->resp.content_type = "application/json";
    r->resp.body = a.text;
    r->resp.length = a.text.n;
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

int key_list(struct req *r)
{
    struct keys_admin o = admin_of(r);
    return respond(r, 200, keys_list(&o, r->arena));
}

int key_get(struct req *r)
{
    struct keys_admin o = admin_of(r);
    return respond(r, 200, keys_get(&o, own_segment(r), r->arena));
}

int key_create(struct req *r)
{
    struct keys_admin o = admin_of(r);
    return respond(r, 201, keys_create_of_json(&o, buf_bytes(&r->body), r->arena));
}

int key_rotate(struct req *r)
{
    struct keys_admin o = admin_of(r);
    return respond(r, 200, keys_rotate(&o, own_segment(r), r->arena));
}

int key_disable(struct req *r)
{
    struct keys_admin o = admin_of(r);
    return respond(r, 200, keys_set_disabled(&o, own_segment(r), true, r->arena));
}

int key_enable(struct req *r)
{
    struct keys_admin o = admin_of(r);
    return respond(r, 200, keys_set_disabled(&o, own_segment(r), false, r->arena));
}

int key_delete(struct req *r)
{
    struct keys_admin o = admin_of(r);
    return respond(r, 200, keys_delete(&o, own_segment(r), r->arena));
}
