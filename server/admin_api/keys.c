/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service accounts: access keys of a user, or of the root, beside the one that is called like the user. Each may have a
 * name, a description, an end, and a policy of its own that bounds what its user may do (a session policy, as IAM
 * calls it). A policy lies in a document of its own that never changes; another policy is another document.
 * /pail/v1/access-keys is the same in plain JSON, for those who cannot seal bodies as MinIO's clients do, with the same
 * rights.
 * Threads: workers; what changes records does so with records_lock held, in one change.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "accounts.h"
#include "base/check.h"
#include "base/clock.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/iam/condition.h"
#include "server/json_reply.h"
#include "server/json_text.h"
#include "server/own_ops.h"

#define KEY_NAME_MAX        32
#define KEY_DESCRIPTION_MAX 256
#define MADE_SECRET_NOTE    "secretKey"

/* ---- whose keys ---- */

static struct bytes place_of_owner(struct admin_call *c, struct bytes user)
{
    return user.n ? key_of_entity(c->arena, ENTITY_USER, c->q.account, user) : key_of_account(c->arena, c->q.account);
}

/* User or root (empty, or by its access key), as it is recorded. */
static int find_owner(struct admin_call *c, struct bytes name, struct bytes *ret_name, json_t **ret)
{
    *ret_name = BYTES_NONE;
    if (!name.n || admin_is_root_name(c, name)) {
        int rc = record_get(c->ids, c->arena, key_of_account(c->arena, c->q.account), ret);
        return rc == STORE_OK ? 0 : req_fail_store(c->r, rc);
    }
    if (admin_find(c, ENTITY_USER, name, S3E_ADMIN_NO_SUCH_USER, ret) < 0)
        return -1;
    *ret_name = record_text(*ret, "name");
    return 0;
}

static bool is_self(struct admin_call *c, struct bytes user)
{
    return bytes_eq(user, admin_caller(c));
}

/* The key of this id, in the account. */
static int find_key(struct admin_call *c, struct bytes id, json_t **ret)
{
    int rc = id.n <= ACCOUNT_KEY_MAX ? record_get(c->ids, c->arena, key_of_access_key(c->arena, id), ret)
                                     : STORE_NO_SUCH_SETTING;
    if (rc == STORE_NO_SUCH_SETTING || (rc == STORE_OK && !bytes_eq(record_text(*ret, "account"), c->q.account)))
        return req_fail(c->r, S3E_ADMIN_NO_SUCH_KEY);
    return rc == STORE_OK ? 0 : req_fail_store(c->r, rc);
}

/* ---- what may be said of a key ---- */

static int set_texts(struct admin_call *c, json_t *key, struct bytes name, struct bytes description)
{
    if (name.n > KEY_NAME_MAX || description.n > KEY_DESCRIPTION_MAX)
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "A key's name has up to %d, its description up to %d bytes.",
                         KEY_NAME_MAX, KEY_DESCRIPTION_MAX);
    if (name.n)
        json_object_set_new(key, "name", json_of_bytes(name));
    if (description.n)
        json_object_set_new(key, "description", json_of_bytes(description));
    return 0;
}

/* Go's zero time and the epoch mean "never". */
static int set_end(struct admin_call *c, json_t *key, struct bytes when)
{
    int64_t ms;
    if (!when.n)
        return 0;
    if (bytes_starts(when, BYTES_LIT("0001-")) || bytes_starts(when, BYTES_LIT("1970-01-01T00:00:00"))) {
        json_object_del(key, "expires");
        return 0;
    }
    if (!policy_date_parse(when, &ms))
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT,
                         "The expiration must be a date of ISO 8601, such as 2030-01-31T12:00:00Z.");
    if (ms <= c->r->now_ms)
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "The expiration is past: it must be a time to come.");
    json_object_set_new(key, "expires", json_integer(ms));
    return 0;
}

/* {}, or the members of a policy without values, as clients written in Go send them where nothing was said. */
static bool says_nothing(json_t *policy)
{
    const char *name;
    json_t *value;
    json_object_foreach(policy, name, value)
    {
        bool empty_text = json_is_string(value) && json_string_length(value) == 0;
        if (!json_is_null(value) && !empty_text && !(json_is_array(value) && json_array_size(value) == 0))
            return false;
    }
    return true;
}

/* NULL, and what says nothing: there is none. Anything else must be a policy, or the key would have all rights. */
static int set_policy(struct admin_call *c, json_t *key, json_t *policy)
{
    struct bytes text = BYTES_NONE, old = record_text(key, "policy");
    if (json_is_string(policy)) {
        json_t *inside = json_read(json_bytes(policy));
        policy = inside ? json_in(c->arena, inside) : policy;
    }
    if (!policy || json_is_null(policy))
        return 0;
    if (!json_is_object(policy))
        return req_failf(c->r, S3E_MALFORMED_POLICY, "The policy is no JSON object.");
    bool none = says_nothing(policy);
    if (!none && admin_policy_text(c, policy, IAM_POLICY_MAX_USER_INLINE, &text) < 0)
        return -1;
    if (old.n)
        change_delete(&c->change, key_of_document(c->arena, bytes_dup(c->arena, old)));
    json_object_del(key, "policy");
    if (none)
        return 0;
    struct bytes id = new_document_id(c->arena);
    change_put_text(&c->change, key_of_document(c->arena, id), text);
    json_object_set_new(key, "policy", json_of_bytes(id));
    return 0;
}

static int set_key_status(struct admin_call *c, json_t *key, struct bytes status)
{
    if (!status.n)
        return 0;
    if (bytes_eq_str(status, "on") || bytes_eq_str(status, "enabled"))
        json_object_set_new(key, "status", json_string("Active"));
    else if (bytes_eq_str(status, "off") || bytes_eq_str(status, "disabled"))
        json_object_set_new(key, "status", json_string("Inactive"));
    else
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "The status is on or off.");
    return 0;
}

static int check_secret(struct admin_call *c, struct bytes secret)
{
    if (secret.n >= ACCOUNT_SECRET_MIN && secret.n <= ACCOUNT_SECRET_MAX)
        return 0;
    return req_fail(c->r, S3E_ADMIN_INVALID_SECRET_KEY);
}

static int check_id(struct admin_call *c, struct bytes id)
{
    json_t *old = NULL;
    bool temporary = id.n == IAM_ACCESS_KEY_LEN && bytes_starts(id, BYTES_LIT("ASIA"));
    if (id.n < ACCOUNT_KEY_MIN || temporary || !admin_name_good(id, ACCOUNT_KEY_MAX))
        return req_fail(c->r, S3E_ADMIN_INVALID_ACCESS_KEY);
    int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, id), &old);
    if (rc == STORE_OK || admin_is_root_name(c, id))
        return req_failf(c->r, S3E_ADMIN_INVALID_ACCESS_KEY, "The access key is in use already.");
    return rc == STORE_NO_SUCH_SETTING ? 0 : req_fail_store(c->r, rc);
}

/* ---- making ---- */

static int add_key(struct admin_call *c, const json_t *body, struct bytes user, struct bytes id, struct bytes secret)
{
    json_t *owner = NULL;
    struct bytes name = BYTES_NONE, text = record_text(body, "description");
    if (admin_need_master_key(c) < 0 || find_owner(c, user, &name, &owner) < 0 || check_id(c, id) < 0 ||
        check_secret(c, secret) < 0)
        return -1;
    json_t *keys = record_list(owner, "keys");
    if (json_array_size(keys) >= ADMIN_KEYS_MAX)
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "A user can have %d access keys.", ADMIN_KEYS_MAX);
    json_t *key = new_key_record(c->ids, c->arena, c->q.account, name, id, secret);
    json_object_set_new(key, "service", json_true());
    if (set_texts(c, key, record_text(body, "name"), text.n ? text : record_text(body, "comment")) < 0 ||
        set_end(c, key, record_text(body, "expiration")) < 0 || set_policy(c, key, json_object_get(body, "policy")) < 0)
        return -1;
    json_array_append_new(keys, json_of_bytes(id));
    change_put(&c->change, key_of_access_key(c->arena, id), key);
    change_put(&c->change, place_of_owner(c, name), owner);
    return admin_apply(c);
}

/* `user` as the caller gives it; what is empty is made. */
static int make_key(struct admin_call *c, const json_t *body, struct bytes user, struct bytes *id, struct bytes *secret)
{
    struct req *r = c->r;
    if (!user.n || (admin_is_root_name(c, user) && !admin_caller(c).n))
        user = admin_caller(c);
    if (admin_check(c, "admin:CreateServiceAccount", is_self(c, user)) < 0)
        return -1;
    if (!user.n && !r->who.root) /* the root's rights are the root's to give */
        return req_fail(r, S3E_ACCESS_DENIED);
    if (admin_is_root_name(c, user) && !r->who.root)
        return req_fail(r, S3E_ACCESS_DENIED);
    if (!id->n)
        *id = new_unique_id(c->arena, "AKIA", IAM_ACCESS_KEY_LEN);
    if (!secret->n)
        *secret = new_secret(c->arena);
    records_lock(c->ids);
    int rc = add_key(c, body, user, *id, *secret);
    records_unlock(c->ids);
    return rc;
}

int admin_add_key(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    json_t *body = NULL;
    if (admin_open_json(c, &body) < 0)
        return -1;
    struct bytes id = record_text(body, "accessKey"), secret = record_text(body, "secretKey");
    if (make_key(c, body, record_text(body, "targetUser"), &id, &secret) < 0)
        return -1;
    json_t *made = json_pack("{s:o,s:o}", "accessKey", json_of_bytes(id), MADE_SECRET_NOTE, json_of_bytes(secret));
    if (record_text(body, "expiration").n)
        json_object_set(made, "expiration", json_object_get(body, "expiration"));
    return admin_reply_sealed(c, json_pack("{s:o}", "credentials", made));
}

/* ---- importing ---- */

/* What was the key's before: it is replaced by `key`. */
static int replace_key(struct admin_call *c, struct bytes id, struct bytes user, json_t *key, json_t *old)
{
    struct bytes document = record_text(old, "policy");
    if (!bytes_eq(record_text(old, "account"), c->q.account) || !bytes_eq(record_text(old, "user"), user) ||
        bytes_eq_nocase(id, user))
        return req_failf(c->r, S3E_ADMIN_INVALID_ACCESS_KEY, "The access key is in use already.");
    json_object_set(key, "created", json_object_get(old, "created"));
    if (document.n)
        change_delete(&c->change, key_of_document(c->arena, bytes_dup(c->arena, document)));
    return 0;
}

static int put_key(struct admin_call *c, struct bytes id, const json_t *body)
{
    struct bytes name = BYTES_NONE, secret = record_text(body, "secretKey");
    json_t *owner = NULL, *old = NULL;
    if (admin_need_master_key(c) < 0 || find_owner(c, record_text(body, "parent"), &name, &owner) < 0 ||
        check_secret(c, secret) < 0)
        return -1;
    json_t *key = new_key_record(c->ids, c->arena, c->q.account, name, id, secret), *keys = record_list(owner, "keys");
    struct bytes where = key_of_access_key(c->arena, id);
    if (record_get(c->ids, c->arena, where, &old) == STORE_OK ? replace_key(c, id, name, key, old) < 0
                                                              : check_id(c, id) < 0)
        return -1;
    json_object_set_new(key, "service", json_true());
    if (set_texts(c, key, record_text(body, "name"), record_text(body, "description")) < 0 ||
        set_end(c, key, record_text(body, "expiration")) < 0 ||
        set_policy(c, key, json_object_get(body, "sessionPolicy")) < 0 ||
        set_key_status(c, key, record_text(body, "status")) < 0)
        return -1;
    if (json_find(keys, id, false) < 0) {
        if (json_array_size(keys) >= ADMIN_KEYS_MAX)
            return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "A user can have %d access keys.", ADMIN_KEYS_MAX);
        json_array_append_new(keys, json_of_bytes(id));
        change_put(&c->change, place_of_owner(c, name), owner);
    }
    change_put(&c->change, where, key);
    return admin_apply(c);
}

int admin_put_key(struct admin_call *c, struct bytes id, const json_t *body)
{
    records_lock(c->ids);
    int rc = put_key(c, id, body);
    records_unlock(c->ids);
    return rc;
}

/* ---- changing and ending ---- */

/* The key of this id, and whether the caller may do this to it. A login key is changed with its user. */
static int find_service(struct admin_call *c, const char *action, struct bytes id, json_t **ret)
{
    if (find_key(c, id, ret) < 0)
        return admin_check(c, action, false) < 0 ? -1 : req_fail(c->r, S3E_ADMIN_NO_SUCH_KEY);
    struct bytes user = record_text(*ret, "user");
    if (admin_check(c, action, is_self(c, user)) < 0)
        return -1;
    if (!user.n && !c->r->who.root)
        return req_fail(c->r, S3E_ACCESS_DENIED);
    return bytes_eq_nocase(id, user) ? req_fail(c->r, S3E_ADMIN_NO_SUCH_KEY) : 0;
}

/* The one that a parameter names. */
static int find_named(struct admin_call *c, const char *action, struct bytes *ret_id, json_t **ret)
{
    return admin_param(c->r, "accessKey", ret_id) < 0 ? -1 : find_service(c, action, *ret_id, ret);
}

static int update_key(struct admin_call *c, const json_t *body)
{
    struct bytes id = BYTES_NONE, secret = record_text(body, "newSecretKey");
    json_t *key = NULL;
    if (find_named(c, "admin:UpdateServiceAccount", &id, &key) < 0)
        return -1;
    if (secret.n) {
        if (admin_need_master_key(c) < 0 || check_secret(c, secret) < 0)
            return -1;
        json_t *other = new_key_record(c->ids, c->arena, c->q.account, record_text(key, "user"), id, secret);
        json_object_set(key, "secret", json_object_get(other, "secret"));
    }
    if (set_key_status(c, key, record_text(body, "newStatus")) < 0 ||
        set_texts(c, key, record_text(body, "newName"), record_text(body, "newDescription")) < 0 ||
        set_end(c, key, record_text(body, "newExpiration")) < 0 ||
        set_policy(c, key, json_object_get(body, "newPolicy")) < 0)
        return -1;
    change_put(&c->change, key_of_access_key(c->arena, id), key);
    return admin_apply(c);
}

int admin_update_key(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    json_t *body = NULL;
    if (admin_open_json(c, &body) < 0)
        return -1;
    records_lock(c->ids);
    int rc = update_key(c, body);
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 204);
}

static void delete_key(struct admin_call *c, struct bytes id, const json_t *key)
{
    struct bytes policy = record_text(key, "policy");
    if (policy.n)
        change_delete(&c->change, key_of_document(c->arena, policy));
    change_delete(&c->change, key_of_access_key(c->arena, id));
    change_delete(&c->change, key_of_last_use(c->arena, id));
}

int admin_delete_keys(struct admin_call *c, const json_t *owner)
{
    const json_t *keys = json_object_get(owner, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct bytes id = json_bytes(json_array_get(keys, i));
        json_t *key;
        int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, id), &key);
        if (rc != STORE_OK)
            return req_fail_store(c->r, rc);
        delete_key(c, id, key);
    }
    return 0;
}

static int remove_key(struct admin_call *c)
{
    struct bytes id = BYTES_NONE, name = BYTES_NONE;
    json_t *key = NULL, *owner = NULL;
    if (find_named(c, "admin:RemoveServiceAccount", &id, &key) < 0 ||
        find_owner(c, record_text(key, "user"), &name, &owner) < 0)
        return -1;
    json_t *keys = record_list(owner, "keys");
    ptrdiff_t at = json_find(keys, id, false);
    if (at >= 0)
        json_array_remove(keys, (size_t)at);
    change_put(&c->change, place_of_owner(c, name), owner);
    delete_key(c, id, key);
    return admin_apply(c);
}

int admin_delete_key(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    records_lock(c->ids);
    int rc = remove_key(c);
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 204);
}

/* ---- showing ---- */

static json_t *key_json(struct admin_call *c, struct bytes id, const json_t *key)
{
    bool active = bytes_eq_str(record_text(key, "status"), "Active");
    json_t *j =
        json_pack("{s:o,s:s,s:b,s:o}", "parentUser", json_of_bytes(admin_user_shown(c, record_text(key, "user"))),
                  "accountStatus", active ? "on" : "off", "impliedPolicy", record_text(key, "policy").n == 0,
                  "accessKey", json_of_bytes(id));
    if (record_text(key, "name").n)
        json_object_set(j, "name", json_object_get(key, "name"));
    if (record_text(key, "description").n)
        json_object_set(j, "description", json_object_get(key, "description"));
    /* The beginning of time is "never" to MinIO's clients; some of them break where there is nothing. */
    int64_t end = record_number(key, "expires");
    json_object_set_new(j, "expiration", end ? admin_time(end) : json_string("1970-01-01T00:00:00Z"));
    return j;
}

/* What a key without a policy of its own has: all that its user has, in one document. */
static int implied_policy(struct admin_call *c, struct bytes user, json_t **ret)
{
    json_t *statements = json_array(), *owner = NULL;
    struct bytes name = BYTES_NONE, text = BYTES_NONE;
    *ret = json_in(c->arena, json_pack("{s:s,s:o}", "Version", "2012-10-17", "Statement", statements));
    if (!user.n) {
        json_array_append_new(statements,
                              json_pack("{s:s,s:[s],s:s}", "Effect", "Allow", "Action", "*", "Resource", "*"));
        return 0;
    }
    if (find_owner(c, user, &name, &owner) < 0)
        return -1;
    const json_t *attached = json_object_get(owner, "attached");
    for (size_t i = 0; i < json_array_size(attached); i++) {
        if (policy_document(c->ids, c->arena, json_bytes(json_array_get(attached, i)), &text) != STORE_OK)
            continue;
        json_t *policy = json_in(c->arena, json_loadb(text.p, text.n, 0, NULL)),
               *of = json_object_get(policy, "Statement");
        if (json_is_array(of))
            json_array_extend(statements, of);
        else
            json_array_append(statements, of);
    }
    return 0;
}

static int info(struct admin_call *c, struct bytes id, const json_t *key, json_t **ret)
{
    struct bytes document = record_text(key, "policy"), text = BYTES_NONE;
    json_t *policy = NULL;
    if (document.n) {
        int rc = document_get(c->ids, c->arena, document, &text);
        if (rc != STORE_OK)
            return req_fail_store(c->r, rc);
    } else {
        if (implied_policy(c, record_text(key, "user"), &policy) < 0)
            return -1;
        char *dumped = json_dumps(policy, JSON_COMPACT);
        text = bytes_dup(c->arena, bytes_str(dumped));
        free(dumped);
    }
    *ret = json_in(c->arena, key_json(c, id, key));
    json_object_set_new(*ret, "policy", json_of_bytes(text));
    return 0;
}

int admin_info_key(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes id = BYTES_NONE;
    json_t *key = NULL, *j = NULL;
    if (find_named(c, "admin:ListServiceAccounts", &id, &key) < 0 || info(c, id, key, &j) < 0)
        return -1;
    return admin_reply_sealed(c, json_incref(j));
}

int admin_info_any_key(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes id = BYTES_NONE;
    json_t *key = NULL, *j = NULL;
    if (find_named(c, "admin:ListServiceAccounts", &id, &key) < 0 || info(c, id, key, &j) < 0)
        return -1;
    json_object_set_new(j, "AccessKey", json_of_bytes(id));
    json_object_set_new(j, "userType", json_string("Service Account"));
    json_object_set_new(j, "userProvider", json_string("builtin"));
    return admin_reply_sealed(c, json_incref(j));
}

/* One key, as a reply has it. */
typedef json_t *key_shown_f(struct admin_call *, struct bytes id, const json_t *key);

/* All but the one that is called like the user, to `list`. */
static int list_keys(struct admin_call *c, struct bytes user, const json_t *owner, key_shown_f *shown, json_t *list)
{
    const json_t *keys = json_object_get(owner, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct bytes id = json_bytes(json_array_get(keys, i));
        json_t *key;
        if (bytes_eq_nocase(id, user))
            continue;
        int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, id), &key);
        if (rc == STORE_OK)
            json_array_append_new(list, shown(c, id, key));
        else if (rc != STORE_NO_SUCH_SETTING) /* deleted while we list */
            return req_fail_store(c->r, rc);
    }
    return 0;
}

int admin_list_keys(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes user = req_param(r, "user"), name = BYTES_NONE;
    json_t *owner = NULL, *keys = json_in(c->arena, json_array());
    if (!user.n)
        user = admin_caller(c);
    bool root = !user.n || admin_is_root_name(c, user);
    if (admin_check(c, "admin:ListServiceAccounts", is_self(c, root ? BYTES_NONE : user)) < 0 ||
        find_owner(c, user, &name, &owner) < 0 || list_keys(c, name, owner, key_json, keys) < 0)
        return -1;
    return admin_reply_sealed(c, json_pack("{s:O}", "accounts", keys));
}

struct bulk {
    json_t *all;
    bool services;
};

static int add_owner(struct admin_call *c, struct bytes user, const json_t *owner, const struct bulk *b)
{
    json_t *keys = json_in(c->arena, json_array());
    if (b->services && list_keys(c, user, owner, key_json, keys) < 0)
        return -1;
    const char *shown = bytes_cstr(c->arena, admin_user_shown(c, user));
    json_object_set_new(b->all, shown, json_pack("{s:O,s:[]}", "serviceAccounts", keys, "stsKeys"));
    return 0;
}

static int add_user(struct admin_call *c, json_t *user, void *arg)
{
    return add_owner(c, record_text(user, "name"), user, arg);
}

int admin_list_all_keys(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes *users = NULL, type = req_param(r, "listType"), self = admin_caller(c), name = BYTES_NONE;
    struct bulk b = {.all = json_in(c->arena, json_object()),
                     .services = !bytes_eq_str(type, "users-only") && !bytes_eq_str(type, "sts-only")};
    bool all = bytes_eq_str(req_param(r, "all"), "true");
    size_t n = admin_params(r, "users", &users);
    json_t *owner = NULL;
    if (!all && n == 0) {
        users = &self;
        n = 1;
    }
    bool own = !all && n == 1 && (is_self(c, users[0]) || (!self.n && admin_is_root_name(c, users[0])));
    if (admin_check(c, "admin:ListServiceAccounts", own) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (find_owner(c, users[i], &name, &owner) < 0 || add_owner(c, name, owner, &b) < 0)
            return -1;
    if (all && (find_owner(c, BYTES_NONE, &name, &owner) < 0 || add_owner(c, name, owner, &b) < 0 ||
                admin_each(c, ENTITY_USER, add_user, &b) < 0))
        return -1;
    return admin_reply_sealed(c, json_incref(b.all));
}

/* ---- the same in plain JSON ---- */

static json_t *plain_key(struct admin_call *c, struct bytes id, const json_t *key)
{
    int64_t end = record_number(key, "expires");
    return json_pack("{s:o,s:o,s:b,s:b,s:b,s:o,s:o,s:o,s:o}", "id", json_bytes_text(id), "user",
                     json_bytes_text(record_text(key, "user")), "active",
                     bytes_eq_str(record_text(key, "status"), "Active"), "bounded", record_text(key, "policy").n > 0,
                     "expired", end != 0 && end <= c->r->now_ms, "expires", json_moment(end), "created",
                     json_moment(record_number(key, "created")), "name", json_bytes_text(record_text(key, "name")),
                     "description", json_bytes_text(record_text(key, "description")));
}

static int plain_keys_of_user(struct admin_call *c, json_t *user, void *list)
{
    return list_keys(c, record_text(user, "name"), user, plain_key, list);
}

/* Of one user, of the root ("user" is there and empty), or of all. */
int access_keys_list(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes user = req_param(r, "user"), name = BYTES_NONE;
    json_t *owner = NULL, *list = json_in(c->arena, json_array());
    if (admin_check(c, "admin:ListServiceAccounts", user.p && is_self(c, user)) < 0)
        return -1;
    if (find_owner(c, user, &name, &owner) < 0 || list_keys(c, name, owner, plain_key, list) < 0)
        return -1;
    if (!user.p && admin_each(c, ENTITY_USER, plain_keys_of_user, list) < 0)
        return -1;
    return json_reply(r, json_pack("{s:O}", "keys", list));
}

/* What the bodies share, in the words of MinIO's. "expires": null takes the end away; to one that is not there it says
 * nothing. */
static int read_plain(struct admin_call *c, json_t **ret)
{
    static const char *const texts[] = {"user", "name", "description", "expires"};
    if (json_body(c->r, ret) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const json_t *is = json_object_get(*ret, texts[i]);
        if (is && !json_is_string(is) && !json_is_null(is))
            return req_failf(c->r, S3E_INVALID_REQUEST, "\"%s\" must be a text.", texts[i]);
    }
    json_t *end = json_object_get(*ret, "expires");
    if (end)
        json_object_set_new(*ret, "expiration",
                            json_is_null(end) ? json_string("1970-01-01T00:00:00Z") : json_incref(end));
    return 0;
}

int access_keys_add(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes id = BYTES_NONE, secret = BYTES_NONE;
    json_t *body = NULL, *key = NULL;
    if (read_plain(c, &body) < 0 || make_key(c, body, record_text(body, "user"), &id, &secret) < 0 ||
        find_key(c, id, &key) < 0)
        return -1;
    json_t *made = plain_key(c, id, key);
    json_object_set_new(made, "secret", json_of_bytes(secret));
    OPENSSL_cleanse((char *)secret.p, secret.n);
    return json_reply(r, made);
}

/* An empty name or description takes away what was there. */
static void clear_texts(const json_t *body, json_t *key)
{
    static const char *const texts[] = {"name", "description"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (json_object_get(body, texts[i]) && !record_text(body, texts[i]).n)
            json_object_del(key, texts[i]);
}

static int change_plain(struct admin_call *c, const json_t *body, struct bytes id, json_t **ret)
{
    const json_t *active = json_object_get(body, "active");
    if (find_service(c, "admin:UpdateServiceAccount", id, ret) < 0)
        return -1;
    if (active && !json_is_boolean(active))
        return req_failf(c->r, S3E_INVALID_REQUEST, "\"active\" is true or false.");
    clear_texts(body, *ret);
    if ((active && set_key_status(c, *ret, bytes_str(json_is_true(active) ? "on" : "off")) < 0) ||
        set_texts(c, *ret, record_text(body, "name"), record_text(body, "description")) < 0 ||
        set_end(c, *ret, record_text(body, "expiration")) < 0)
        return -1;
    change_put(&c->change, key_of_access_key(c->arena, id), *ret);
    return admin_apply(c);
}

int access_keys_change(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    json_t *body = NULL, *key = NULL;
    struct bytes id = own_segment(r);
    if (read_plain(c, &body) < 0)
        return -1;
    records_lock(c->ids);
    int rc = change_plain(c, body, id, &key);
    records_unlock(c->ids);
    return rc < 0 ? -1 : json_reply(r, plain_key(c, id, key));
}
