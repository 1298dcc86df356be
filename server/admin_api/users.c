/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups of MinIO's admin API. A user is an IAM user of the first account with an access key that is called
 * like him; disabling him refuses all his keys and sessions at once. A disabled group gives its users nothing.
 * Threads: workers; what changes records does so with records_lock held, in one change.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "accounts.h"
#include "base/check.h"
#include "base/clock.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"

#define USER_NAME_MAX   64
#define MEMBERS_PER_REQ 300 /* of a group, in one request: each is three documents of a change */

static const char *status_of(const json_t *record)
{
    return json_is_true(json_object_get(record, "disabled")) ? "disabled" : "enabled";
}

static int set_status(struct admin_call *c, json_t *record, struct bytes status)
{
    if (bytes_eq_str(status, "disabled") || bytes_eq_str(status, "off"))
        json_object_set_new(record, "disabled", json_true());
    else if (bytes_eq_str(status, "enabled") || bytes_eq_str(status, "on"))
        json_object_del(record, "disabled");
    else
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "The status is enabled or disabled.");
    return 0;
}

/* ---- making ---- */

static int check_name(struct admin_call *c, struct bytes name)
{
    bool temporary = name.n == IAM_ACCESS_KEY_LEN && bytes_starts(name, BYTES_LIT("ASIA"));
    if (admin_is_root_name(c, name))
        return req_failf(c->r, S3E_ADMIN_INVALID_ACCESS_KEY, "The root user is set where the server is started.");
    if (name.n < ACCOUNT_KEY_MIN || temporary || !admin_name_good(name, USER_NAME_MAX))
        return req_failf(c->r, S3E_ADMIN_INVALID_ACCESS_KEY,
                         "A user's name has %d to %d of letters, digits and +=,.@_-", ACCOUNT_KEY_MIN, USER_NAME_MAX);
    return 0;
}

/* The key that is called like its user, with this secret. */
static int put_login_key(struct admin_call *c, json_t *user, struct bytes id, struct bytes secret)
{
    struct bytes where = key_of_access_key(c->arena, id);
    json_t *old = NULL, *keys = record_list(user, "keys");
    int rc = record_get(c->ids, c->arena, where, &old);
    if (rc != STORE_OK && rc != STORE_NO_SUCH_SETTING)
        return req_fail_store(c->r, rc);
    if (old && (!bytes_eq(record_text(old, "account"), c->q.account) ||
                !bytes_eq(record_text(old, "user"), record_text(user, "name"))))
        return req_failf(c->r, S3E_ADMIN_INVALID_ACCESS_KEY, "The access key is in use already.");
    if (!secret.n && old)
        return 0;
    if (secret.n < ACCOUNT_SECRET_MIN || secret.n > ACCOUNT_SECRET_MAX)
        return req_fail(c->r, S3E_ADMIN_INVALID_SECRET_KEY);
    if (admin_need_master_key(c) < 0)
        return -1;
    json_t *key = new_key_record(c->ids, c->arena, c->q.account, record_text(user, "name"), id, secret);
    if (old)
        json_object_set(key, "created", json_object_get(old, "created"));
    if (json_find(keys, id, false) < 0)
        json_array_append_new(keys, json_of_bytes(id));
    change_put(&c->change, where, key);
    return 0;
}

static int put_user(struct admin_call *c, struct bytes name, const json_t *body)
{
    struct bytes status = record_text(body, "status"), policy = record_text(body, "policy"), *names = NULL;
    json_t *user = NULL;
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_USER, c->q.account, name), &user);
    if (rc == STORE_NO_SUCH_SETTING && admin_new_entity(c, ENTITY_USER, name, &user) < 0)
        return -1;
    if (rc != STORE_OK && rc != STORE_NO_SUCH_SETTING)
        return req_fail_store(c->r, rc);
    bool keyless = c->keyless && !record_text(body, "secretKey").n;
    if ((!keyless && put_login_key(c, user, name, record_text(body, "secretKey")) < 0) ||
        (status.n && set_status(c, user, status) < 0))
        return -1;
    size_t n = admin_split(c, policy, &names);
    if (n && admin_set_policies(c, user, names, n) < 0)
        return -1;
    admin_put(c, ENTITY_USER, user);
    return admin_apply(c);
}

int admin_put_user(struct admin_call *c, struct bytes name, const json_t *body)
{
    c->keyless = true;
    if (check_name(c, name) < 0)
        return -1;
    records_lock(c->ids);
    int rc = put_user(c, name, body);
    records_unlock(c->ids);
    return rc;
}

int admin_add_user(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE;
    json_t *body = NULL;
    if (admin_param(r, "accessKey", &name) < 0 || check_name(c, name) < 0 || admin_open_json(c, &body) < 0)
        return -1;
    if (record_text(body, "policy").n && admin_check(c, "admin:AttachUserOrGroupPolicy", false) < 0)
        return -1;
    records_lock(c->ids);
    int rc = put_user(c, name, body);
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 200);
}

/* ---- ending ---- */

static int remove_user(struct admin_call *c, struct bytes name)
{
    json_t *user = NULL;
    if (admin_find(c, ENTITY_USER, name, S3E_ADMIN_NO_SUCH_USER, &user) < 0 || admin_delete_keys(c, user) < 0 ||
        admin_set_policies(c, user, NULL, 0) < 0)
        return -1;
    struct bytes boundary = record_text(user, "boundary");
    const json_t *groups = json_object_get(user, "groups");
    if (api_count(&c->q, &c->change, ENTITY_USER, -1) < 0 ||
        (boundary.n && api_count_use(&c->q, &c->change, boundary, true, -1) < 0))
        return admin_fail_query(c);
    for (size_t i = 0; i < json_array_size(groups); i++)
        change_delete(&c->change, key_of_member(c->arena, c->q.account, json_bytes(json_array_get(groups, i)),
                                                record_text(user, "name")));
    admin_delete_entity_keys(c, ENTITY_USER, user);
    return admin_apply(c);
}

int admin_remove_user(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE;
    if (admin_param(r, "accessKey", &name) < 0)
        return -1;
    if (bytes_eq_nocase(name, admin_caller(c)) || admin_is_root_name(c, name))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "Nobody removes himself, and nobody the root.");
    records_lock(c->ids);
    int rc = remove_user(c, name);
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 200);
}

static int change_status(struct req *r, enum entity kind, const char *param, enum s3_error missing)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE;
    json_t *record = NULL;
    if (admin_param(r, param, &name) < 0)
        return -1;
    bool on = bytes_eq_str(req_param(r, "status"), "enabled");
    const char *action = kind == ENTITY_USER ? (on ? "admin:EnableUser" : "admin:DisableUser")
                                             : (on ? "admin:EnableGroup" : "admin:DisableGroup");
    if (admin_check(c, action, false) < 0)
        return -1;
    if (kind == ENTITY_USER && bytes_eq_nocase(name, admin_caller(c)))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "Nobody enables or disables himself.");
    records_lock(c->ids);
    int rc =
        admin_find(c, kind, name, missing, &record) < 0 || set_status(c, record, req_param(r, "status")) < 0 ? -1 : 0;
    if (rc == 0) {
        admin_put(c, kind, record);
        rc = admin_apply(c);
    }
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 200);
}

int admin_set_user_status(struct req *r)
{
    return change_status(r, ENTITY_USER, "accessKey", S3E_ADMIN_NO_SUCH_USER);
}

int admin_set_group_status(struct req *r)
{
    return change_status(r, ENTITY_GROUP, "group", S3E_ADMIN_NO_SUCH_GROUP);
}

/* ---- showing ---- */

static int64_t updated(const json_t *record)
{
    int64_t at = record_number(record, "updated");
    return at ? at : record_number(record, "created");
}

static json_t *user_json(const json_t *user)
{
    json_t *j =
        json_pack("{s:{s:s},s:o,s:s,s:o}", "userAuthInfo", "type", "builtin", "policyName", admin_policies_joined(user),
                  "status", status_of(user), "updatedAt", admin_time(updated(user)));
    const json_t *groups = json_object_get(user, "groups");
    if (json_array_size(groups))
        json_object_set_new(j, "memberOf", json_copy((json_t *)groups));
    return j;
}

static int add_user_row(struct admin_call *c, json_t *user, void *arg)
{
    json_object_set_new(arg, bytes_cstr(c->arena, record_text(user, "name")), user_json(user));
    return 0;
}

int admin_list_users(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    json_t *all = json_in(c->arena, json_object());
    if (admin_each(c, ENTITY_USER, add_user_row, all) < 0)
        return -1;
    return admin_reply_sealed(c, json_incref(all));
}

int admin_user_info(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE;
    json_t *user = NULL;
    if (admin_param(r, "accessKey", &name) < 0 ||
        admin_check(c, "admin:GetUser", bytes_eq_nocase(name, admin_caller(c))) < 0 ||
        admin_find(c, ENTITY_USER, name, S3E_ADMIN_NO_SUCH_USER, &user) < 0)
        return -1;
    return admin_reply(r, user_json(user));
}

/* ---- groups ---- */

static int add_member(struct admin_call *c, const json_t *group, struct bytes name)
{
    json_t *user = NULL;
    struct bytes group_name = record_text(group, "name");
    if (admin_find(c, ENTITY_USER, name, S3E_ADMIN_NO_SUCH_USER, &user) < 0)
        return -1;
    json_t *groups = record_list(user, "groups");
    if (json_find(groups, group_name, true) >= 0)
        return 0;
    if (json_array_size(groups) >= IAM_MAX_GROUPS_PER_USER)
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "A user can be in %d groups.", IAM_MAX_GROUPS_PER_USER);
    json_array_append_new(groups, json_of_bytes(group_name));
    admin_put(c, ENTITY_USER, user);
    change_put(&c->change, key_of_member(c->arena, c->q.account, group_name, record_text(user, "name")),
               json_object_get(user, "name"));
    return 0;
}

static int remove_member(struct admin_call *c, const json_t *group, struct bytes name)
{
    json_t *user = NULL;
    struct bytes group_name = record_text(group, "name");
    if (admin_find(c, ENTITY_USER, name, S3E_ADMIN_NO_SUCH_USER, &user) < 0)
        return -1;
    json_t *groups = record_list(user, "groups");
    ptrdiff_t at = json_find(groups, group_name, true);
    if (at < 0)
        return 0;
    json_array_remove(groups, (size_t)at);
    admin_put(c, ENTITY_USER, user);
    change_delete(&c->change, key_of_member(c->arena, c->q.account, group_name, record_text(user, "name")));
    return 0;
}

static int remove_group(struct admin_call *c, json_t *group)
{
    struct bytes *users = NULL;
    size_t n;
    if (admin_members(c, record_text(group, "name"), 1, &users, &n) < 0)
        return -1;
    if (n)
        return req_fail(c->r, S3E_ADMIN_GROUP_NOT_EMPTY);
    if (admin_set_policies(c, group, NULL, 0) < 0)
        return -1;
    if (api_count(&c->q, &c->change, ENTITY_GROUP, -1) < 0)
        return admin_fail_query(c);
    admin_delete_entity_keys(c, ENTITY_GROUP, group);
    return 0;
}

static int update_group(struct admin_call *c, const json_t *body, bool remove)
{
    struct bytes name = record_text(body, "group"), status = record_text(body, "groupStatus");
    const json_t *members = json_object_get(body, "members");
    json_t *group = NULL;
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_GROUP, c->q.account, name), &group);
    bool fresh = rc == STORE_NO_SUCH_SETTING;
    if (rc != STORE_OK && !fresh)
        return req_fail_store(c->r, rc);
    if (fresh && remove)
        return req_fail(c->r, S3E_ADMIN_NO_SUCH_GROUP);
    if (fresh && admin_new_entity(c, ENTITY_GROUP, name, &group) < 0)
        return -1;
    if (status.n && !remove && set_status(c, group, status) < 0)
        return -1;
    if (remove && json_array_size(members) == 0)
        return remove_group(c, group) < 0 ? -1 : admin_apply(c);
    admin_put(c, ENTITY_GROUP, group);
    for (size_t i = 0; i < json_array_size(members); i++) {
        struct bytes user = json_bytes(json_array_get(members, i));
        if ((remove ? remove_member(c, group, user) : add_member(c, group, user)) < 0)
            return -1;
    }
    return admin_apply(c);
}

static int check_group_name(struct req *r, struct bytes name)
{
    if (admin_name_good(name, 128))
        return 0;
    return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "A group's name has up to 128 of letters, digits and +=,.@_-");
}

/* In portions, each a change of its own. */
int admin_put_group(struct admin_call *c, const json_t *body)
{
    const json_t *members = json_object_get(body, "members");
    json_t *part = json_in(c->arena, json_copy((json_t *)body));
    size_t done = 0;
    if (check_group_name(c->r, record_text(body, "group")) < 0)
        return -1;
    do {
        json_t *some = json_array();
        for (size_t i = 0; i < MEMBERS_PER_REQ && done < json_array_size(members); i++)
            json_array_append(some, json_array_get(members, done++));
        json_object_set_new(part, "members", some);
        struct admin_call *own = admin_begin(c->r);
        records_lock(own->ids);
        int rc = update_group(own, part, false);
        records_unlock(own->ids);
        if (rc < 0)
            return -1;
    } while (done < json_array_size(members));
    return 0;
}

int admin_update_group(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    json_t *body = NULL;
    if (admin_plain_json(c, &body) < 0)
        return -1;
    bool remove = json_is_true(json_object_get(body, "isRemove"));
    if (admin_check(c, remove ? "admin:RemoveUserFromGroup" : "admin:AddUserToGroup", false) < 0)
        return -1;
    if (check_group_name(r, record_text(body, "group")) < 0)
        return -1;
    if (json_array_size(json_object_get(body, "members")) > MEMBERS_PER_REQ)
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "At most %d members in one request.", MEMBERS_PER_REQ);
    records_lock(c->ids);
    int rc = update_group(c, body, remove);
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 200);
}

int admin_group_info(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE, *users = NULL;
    json_t *group = NULL;
    size_t n;
    if (admin_param(r, "group", &name) < 0 || admin_find(c, ENTITY_GROUP, name, S3E_ADMIN_NO_SUCH_GROUP, &group) < 0 ||
        admin_members(c, name, IAM_MAX_USERS, &users, &n) < 0)
        return -1;
    json_t *members = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(members, json_of_bytes(users[i]));
    return admin_reply(r, json_pack("{s:O,s:s,s:o,s:o,s:o}", "name", json_object_get(group, "name"), "status",
                                    status_of(group), "members", members, "policy", admin_policies_joined(group),
                                    "updatedAt", admin_time(updated(group))));
}

static int add_group_row(struct admin_call *c, json_t *group, void *arg)
{
    (void)c;
    return json_array_append(arg, json_object_get(group, "name"));
}

int admin_list_groups(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    json_t *all = json_in(c->arena, json_array());
    if (admin_each(c, ENTITY_GROUP, add_group_row, all) < 0)
        return -1;
    return admin_reply(r, json_incref(all));
}
