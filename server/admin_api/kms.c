/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MinIO's calls about keys of encryption, as names for those of the keyring (include/keyring.h): how the key service
 * fares, keys made, listed and tried. Paths are those of the admin API and /minio/kms/v1/, which asks for actions of
 * KMS as MinIO does. Rotation and deletion have no call in MinIO; /pail/v1/keys has them.
 * Threads: workers.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "base/check.h"
#include "keyring.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/server.h"
#include "version.h"

#define LIST_PAGE 200

static int fail_key(struct req *r, int rc)
{
    switch (rc) {
    case KEYRING_NO_SUCH_KEY:
        return req_failf(r, S3E_ADMIN_KMS_NO_SUCH_KEY, "There is no key of this name.");
    case KEYRING_EXISTS:
        return req_failf(r, S3E_ADMIN_KMS_KEY_EXISTS, "There is a key of this name already.");
    case KEYRING_INVALID_NAME:
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "A key's name has up to %d of letters, digits and . _ -",
                         KEYRING_NAME_MAX);
    case KEYRING_FULL:
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "There can be %d keys.", KEYRING_KEYS_MAX);
    case KEYRING_UNAVAILABLE:
        return req_failf(r, S3E_SERVICE_UNAVAILABLE, "There is no master key, or the key service does not answer.");
    default:
        return req_failf(r, S3E_INTERNAL_ERROR, "The key: %s", keyring_rc_name(rc));
    }
}

/* A new object key is sealed with it and opened again. */
static int try_key(struct req *r, struct bytes name, int *ret_open)
{
    static const struct sse_place nowhere = {.partition = 0, .key = {"probe", 5}};
    struct sse_info info = {.method = SSE_KMS, .key_id = name};
    unsigned char key[32], again[32];
    struct bytes envelope;
    *ret_open = KEYRING_OK;
    int rc = keyring_seal(r->server->keyring, r->arena, &info, NULL, &nowhere, key, &envelope);
    if (rc == KEYRING_OK) {
        *ret_open = keyring_unseal(r->server->keyring, envelope, NULL, &nowhere, again);
        if (*ret_open == KEYRING_OK && CRYPTO_memcmp(key, again, sizeof key) != 0)
            *ret_open = KEYRING_DAMAGED;
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(again, sizeof again);
    return rc;
}

int admin_kms_status(struct req *r)
{
    int open, rc = try_key(r, BYTES_LIT(KEYRING_KMS_DEFAULT), &open);
    bool good = rc == KEYRING_OK && open == KEYRING_OK;
    const char *name = r->server->vault ? "Vault" : "Pail";
    return admin_reply(r, json_pack("{s:s,s:s,s:{s:s},s:{s:s,s:I,s:b,s:b}}", "name", name, "default-key-id",
                                    KEYRING_KMS_DEFAULT, "endpoints", name, good ? "online" : "offline", "state",
                                    "Version", PAIL_VERSION, "KeyStoreLatency", (json_int_t)0, "KeyStoreReachable",
                                    good, "KeystoreAvailable", good));
}

int admin_kms_version(struct req *r)
{
    return admin_reply(r, json_pack("{s:s}", "version", PAIL_VERSION));
}

int admin_kms_apis(struct req *r)
{
    static const char *const all[][2] = {{"GET", "/minio/kms/v1/status"},   {"GET", "/minio/kms/v1/version"},
                                         {"GET", "/minio/kms/v1/apis"},     {"POST", "/minio/kms/v1/key/create"},
                                         {"GET", "/minio/kms/v1/key/list"}, {"GET", "/minio/kms/v1/key/status"}};
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:i,s:i}", "Method", all[i][0], "Path", all[i][1], "MaxBody", 0, "Timeout", 0));
    return admin_reply(r, list);
}

/* By its name; any form that SSE-KMS knows will do. */
static struct bytes name_of(struct bytes said)
{
    struct bytes name;
    return keyring_name_of(said, &name) ? name : said;
}

int admin_kms_create(struct req *r)
{
    struct bytes name = BYTES_NONE;
    if (admin_param(r, "key-id", &name) < 0)
        return -1;
    int rc = keyring_create(r->server->keyring, name);
    return rc == KEYRING_OK ? admin_reply_nothing(r, 200) : fail_key(r, rc);
}

int admin_kms_key_status(struct req *r)
{
    struct bytes name = name_of(req_param(r, "key-id"));
    struct keyring_key key;
    int open;
    if (!name.n)
        name = BYTES_LIT(KEYRING_KMS_DEFAULT);
    int rc = keyring_get(r->server->keyring, name, r->arena, &key);
    if (rc != KEYRING_OK)
        return fail_key(r, rc);
    rc = try_key(r, name, &open);
    json_t *j = json_pack("{s:o}", "key-id", json_of_bytes(name));
    if (rc != KEYRING_OK)
        json_object_set_new(j, "encryption-error", json_string(keyring_rc_name(rc)));
    if (open != KEYRING_OK)
        json_object_set_new(j, "decryption-error", json_string(keyring_rc_name(open)));
    return admin_reply(r, j);
}

/* A name, or the beginning of names and a star. */
static bool fits(struct bytes name, struct bytes pattern)
{
    if (!pattern.n || bytes_eq(name, pattern))
        return true;
    return pattern.p[pattern.n - 1] == '*' && bytes_starts(name, bytes_cut(pattern, 0, pattern.n - 1));
}

int admin_kms_list(struct req *r)
{
    struct bytes pattern = req_param(r, "pattern"), after = BYTES_NONE;
    json_t *list = json_in(r->arena, json_array());
    struct keyring_key *keys;
    size_t n;
    for (bool more = true; more;) {
        int rc = keyring_list(r->server->keyring, after, LIST_PAGE, r->arena, &keys, &n, &more);
        if (rc != KEYRING_OK)
            return fail_key(r, rc);
        for (size_t i = 0; i < n; i++)
            if (fits(keys[i].name, pattern))
                json_array_append_new(list, json_pack("{s:o,s:o,s:s}", "name", json_of_bytes(keys[i].name), "createdAt",
                                                      admin_time(keys[i].created_ms), "createdBy", ""));
        more = more && n > 0;
        if (n)
            after = keys[n - 1].name;
    }
    return admin_reply(r, json_incref(list));
}
