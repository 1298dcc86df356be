/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canned policies: the account's managed policies by their names, those that are built in behind them. Attaching them,
 * and who has which.
 * Threads: workers.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"

/* ---- names ---- */

struct bytes admin_policy_of_arn(struct bytes arn)
{
    size_t from = 0;
    for (size_t i = 0; i < arn.n; i++)
        from = arn.p[i] == '/' ? i + 1 : from;
    return bytes_cut(arn, from, arn.n);
}

json_t *admin_policies(const json_t *record)
{
    const json_t *arns = json_object_get(record, "attached");
    json_t *names = json_array();
    for (size_t i = 0; i < json_array_size(arns); i++)
        json_array_append_new(names, json_of_bytes(admin_policy_of_arn(json_bytes(json_array_get(arns, i)))));
    return names;
}

json_t *admin_policies_joined(const json_t *record)
{
    const json_t *arns = json_object_get(record, "attached");
    struct buf text;
    buf_init(&text, 64 * 1024);
    for (size_t i = 0; i < json_array_size(arns); i++) {
        if (i)
            buf_put_char(&text, ',');
        buf_put_bytes(&text, admin_policy_of_arn(json_bytes(json_array_get(arns, i))));
    }
    json_t *joined = json_of_bytes(buf_bytes(&text));
    buf_fini(&text);
    return joined;
}

static const struct managed_policy *built_in(struct bytes name)
{
    size_t n;
    const struct managed_policy *all = managed_all(&n);
    for (size_t i = 0; i < n; i++)
        if (bytes_eq_str(name, all[i].name))
            return &all[i];
    return NULL;
}

int admin_policy_arn(struct admin_call *c, struct bytes name, struct bytes *ret)
{
    const struct managed_policy *m = built_in(name);
    json_t *policy = NULL;
    int rc = admin_name_good(name, 128)
                 ? record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_POLICY, c->q.account, name), &policy)
                 : STORE_NO_SUCH_SETTING;
    if (rc == STORE_OK)
        *ret = iam_arn(c->arena, "policy", c->q.account, record_text(policy, "path"), record_text(policy, "name"));
    else if (rc == STORE_NO_SUCH_SETTING && m)
        *ret = m->arn;
    else if (rc == STORE_NO_SUCH_SETTING)
        return req_failf(c->r, S3E_ADMIN_NO_SUCH_POLICY, "The canned policy %.*s does not exist.", (int)name.n, name.p);
    else
        return req_fail_store(c->r, rc);
    return 0;
}

size_t admin_split(struct admin_call *c, struct bytes text, struct bytes **ret)
{
    struct bytes *list = arena_new_array(c->arena, struct bytes, text.n + 1);
    size_t n = 0;
    for (size_t at = 0; at <= text.n;) {
        ptrdiff_t comma = bytes_find_char(text, ',', at);
        size_t end = comma < 0 ? text.n : (size_t)comma;
        struct bytes name = bytes_trim(bytes_cut(text, at, end - at));
        if (name.n)
            list[n++] = name;
        at = end + 1;
    }
    *ret = list;
    return n;
}

/* ---- texts ---- */

static bool needs_no_resource(const json_t *action)
{
    struct bytes text = json_bytes(action);
    return bytes_starts_str_nocase(text, "admin:") || bytes_starts_str_nocase(text, "kms:") ||
           bytes_starts_str_nocase(text, "sts:");
}

static void add_resource(json_t *statement)
{
    const json_t *actions = json_object_get(statement, "Action");
    bool all = json_is_string(actions) ? needs_no_resource(actions) : json_array_size(actions) > 0;
    for (size_t i = 0; i < json_array_size(actions); i++)
        all = all && needs_no_resource(json_array_get(actions, i));
    if (all && !json_object_get(statement, "Resource") && !json_object_get(statement, "NotResource"))
        json_object_set_new(statement, "Resource", json_string("*"));
    struct bytes sid = record_text(statement, "Sid");
    if (json_object_get(statement, "Sid") && sid.n == 0) /* as MinIO's own tools write it */
        json_object_del(statement, "Sid");
}

int admin_policy_text(struct admin_call *c, json_t *policy, size_t max_chars, struct bytes *ret)
{
    json_t *statements = json_object_get(policy, "Statement");
    if (json_is_object(statements))
        add_resource(statements);
    for (size_t i = 0; i < json_array_size(statements); i++)
        add_resource(json_array_get(statements, i));
    if (json_object_get(policy, "ID") && record_text(policy, "ID").n == 0)
        json_object_del(policy, "ID");
    char *text = json_dumps(policy, JSON_COMPACT);
    CHECK(text);
    *ret = bytes_dup(c->arena, bytes_str(text));
    free(text);
    if (api_policy(&c->q, IAM_POLICY_IDENTITY, max_chars, *ret) < 0)
        return req_failf(c->r, S3E_MALFORMED_POLICY, "%.*s", (int)c->q.message.n, c->q.message.p);
    return 0;
}

/* ---- making ---- */

/* A new version in front of the others; of those the oldest go when there are too many. */
static void add_version(struct admin_call *c, json_t *policy, struct bytes text)
{
    char id[24];
    int64_t number = record_number(policy, "next");
    struct bytes document = new_document_id(c->arena);
    json_t *versions = record_list(policy, "versions");
    while (json_array_size(versions) >= IAM_MAX_POLICY_VERSIONS) {
        size_t last = json_array_size(versions) - 1;
        struct bytes gone = bytes_dup(c->arena, record_text(json_array_get(versions, last), "doc"));
        change_delete(&c->change, key_of_document(c->arena, gone));
        json_array_remove(versions, last);
    }
    snprintf(id, sizeof id, "v%lld", (long long)(number ? number : 1));
    change_put_text(&c->change, key_of_document(c->arena, document), text);
    json_array_insert_new(
        versions, 0,
        json_pack("{s:s,s:o,s:I}", "id", id, "doc", json_of_bytes(document), "created", (json_int_t)clock_wall_ms()));
    json_object_set_new(policy, "next", json_integer((number ? number : 1) + 1));
    json_object_set_new(policy, "default", json_string(id));
}

static int put_policy(struct admin_call *c, struct bytes name, struct bytes text)
{
    json_t *policy = NULL;
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_POLICY, c->q.account, name), &policy);
    if (rc == STORE_NO_SUCH_SETTING && admin_new_entity(c, ENTITY_POLICY, name, &policy) < 0)
        return -1;
    if (rc != STORE_OK && rc != STORE_NO_SUCH_SETTING)
        return req_fail_store(c->r, rc);
    add_version(c, policy, text);
    admin_put(c, ENTITY_POLICY, policy);
    return admin_apply(c);
}

int admin_put_policy(struct admin_call *c, struct bytes name, json_t *policy)
{
    struct req *r = c->r;
    struct bytes text = BYTES_NONE;
    if (!admin_name_good(name, 128) || bytes_find_char(name, ',', 0) >= 0)
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "A policy's name has up to 128 of letters, digits and +=.@_-");
    if (built_in(name))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The policy %.*s is built in and cannot be changed.",
                         (int)name.n, name.p);
    if (admin_policy_text(c, policy, IAM_POLICY_MAX_MANAGED, &text) < 0)
        return -1;
    records_lock(c->ids);
    int rc = put_policy(c, name, text);
    records_unlock(c->ids);
    return rc;
}

int admin_add_policy(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE;
    json_t *policy = NULL;
    if (admin_param(r, "name", &name) < 0 || admin_plain_json(c, &policy) < 0 || admin_put_policy(c, name, policy) < 0)
        return -1;
    return admin_reply_nothing(r, 200);
}

static int remove_policy(struct admin_call *c, struct bytes name)
{
    json_t *policy = NULL;
    if (admin_find(c, ENTITY_POLICY, name, S3E_ADMIN_NO_SUCH_POLICY, &policy) < 0)
        return -1;
    if (record_number(policy, "uses") || record_number(policy, "bounds"))
        return req_failf(c->r, S3E_ADMIN_POLICY_IN_USE, "The policy is in use: detach it from users and groups first.");
    if (api_count(&c->q, &c->change, ENTITY_POLICY, -1) < 0)
        return admin_fail_query(c);
    const json_t *versions = json_object_get(policy, "versions");
    for (size_t i = 0; i < json_array_size(versions); i++)
        change_delete(&c->change, key_of_document(c->arena, record_text(json_array_get(versions, i), "doc")));
    admin_delete_entity_keys(c, ENTITY_POLICY, policy);
    return admin_apply(c);
}

int admin_remove_policy(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE;
    if (admin_param(r, "name", &name) < 0)
        return -1;
    if (built_in(name))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The policy %.*s is built in and cannot be removed.",
                         (int)name.n, name.p);
    records_lock(c->ids);
    int rc = remove_policy(c, name);
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 200);
}

/* ---- showing ---- */

static json_t *parsed(struct bytes text)
{
    json_t *j = json_loadb(text.p, text.n, 0, NULL);
    return j ? j : json_object();
}

int admin_info_policy(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE, arn = BYTES_NONE, text = BYTES_NONE;
    json_t *policy = NULL;
    if (admin_param(r, "name", &name) < 0 || admin_policy_arn(c, name, &arn) < 0)
        return -1;
    int rc = policy_document(c->ids, c->arena, arn, &text);
    if (rc != STORE_OK)
        return req_fail_store(r, rc);
    if (!bytes_eq_str(req_param(r, "v"), "2"))
        return admin_reply(r, parsed(text));
    int64_t created = MANAGED_CREATED_MS, updated = MANAGED_CREATED_MS;
    if (!managed_find(arn)) {
        if (admin_find(c, ENTITY_POLICY, name, S3E_ADMIN_NO_SUCH_POLICY, &policy) < 0)
            return -1;
        created = record_number(policy, "created");
        updated = record_number(policy, "updated");
    }
    return admin_reply(r,
                       json_pack("{s:o,s:o,s:o,s:o}", "PolicyName", json_of_bytes(admin_policy_of_arn(arn)), "Policy",
                                 parsed(text), "CreateDate", admin_time(created), "UpdateDate", admin_time(updated)));
}

static int add_policy(struct admin_call *c, json_t *policy, void *arg)
{
    struct bytes text,
        arn = iam_arn(c->arena, "policy", c->q.account, record_text(policy, "path"), record_text(policy, "name"));
    int rc = policy_document(c->ids, c->arena, arn, &text);
    if (rc == STORE_NO_SUCH_SETTING) /* deleted while we list */
        return 0;
    if (rc != STORE_OK)
        return req_fail_store(c->r, rc);
    json_object_set_new(arg, bytes_cstr(c->arena, record_text(policy, "name")), parsed(text));
    return 0;
}

int admin_list_policies(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    json_t *all = json_in(c->arena, json_object());
    size_t n;
    const struct managed_policy *built = managed_all(&n);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(all, built[i].name, parsed(bytes_str(built[i].document)));
    if (admin_each(c, ENTITY_POLICY, add_policy, all) < 0)
        return -1;
    return admin_reply(r, json_incref(all));
}

/* ---- attaching ---- */

static int use(struct admin_call *c, struct bytes arn, int by)
{
    return api_count_use(&c->q, &c->change, arn, false, by) < 0 ? admin_fail_query(c) : 0;
}

int admin_set_policies(struct admin_call *c, json_t *record, const struct bytes *names, size_t n)
{
    json_t *wanted = json_in(c->arena, json_array()), *old = record_list(record, "attached");
    for (size_t i = 0; i < n; i++) {
        struct bytes arn = BYTES_NONE;
        if (admin_policy_arn(c, names[i], &arn) < 0)
            return -1;
        if (json_find(wanted, arn, false) >= 0)
            continue;
        json_array_append_new(wanted, json_of_bytes(arn));
        if (json_find(old, arn, false) < 0 && use(c, arn, 1) < 0)
            return -1;
    }
    if (json_array_size(wanted) > IAM_MAX_ATTACHED)
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "At most %d policies can be attached to one user or group.",
                         IAM_MAX_ATTACHED);
    for (size_t i = 0; i < json_array_size(old); i++) {
        struct bytes arn = json_bytes(json_array_get(old, i));
        if (json_find(wanted, arn, false) < 0 && use(c, bytes_dup(c->arena, arn), -1) < 0)
            return -1;
    }
    json_object_set(record, "attached", wanted);
    return 0;
}

/* User or group of this name. */
static int find_holder(struct admin_call *c, enum entity kind, struct bytes name, json_t **ret)
{
    return admin_find(c, kind, name, kind == ENTITY_GROUP ? S3E_ADMIN_NO_SUCH_GROUP : S3E_ADMIN_NO_SUCH_USER, ret);
}

static int set_policy(struct admin_call *c, enum entity kind, struct bytes name, struct bytes policies)
{
    struct bytes *names = NULL;
    size_t n = admin_split(c, policies, &names);
    json_t *record = NULL;
    if (find_holder(c, kind, name, &record) < 0 || admin_set_policies(c, record, names, n) < 0)
        return -1;
    admin_put(c, kind, record);
    return admin_apply(c);
}

int admin_put_mapping(struct admin_call *c, enum entity kind, struct bytes name, struct bytes policies)
{
    records_lock(c->ids);
    int rc = set_policy(c, kind, name, policies);
    records_unlock(c->ids);
    return rc;
}

int admin_set_user_or_group_policy(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes name = BYTES_NONE;
    if (admin_param(r, "userOrGroup", &name) < 0)
        return -1;
    bool group = bytes_eq_str(req_param(r, "isGroup"), "true");
    records_lock(c->ids);
    int rc = set_policy(c, group ? ENTITY_GROUP : ENTITY_USER, name, req_param(r, "policyName"));
    records_unlock(c->ids);
    return rc < 0 ? -1 : admin_reply_nothing(r, 200);
}

/* Attaches or detaches by names; *ret_done those that changed anything. */
static int associate(struct admin_call *c, json_t *record, const json_t *names, bool attach, json_t *done)
{
    json_t *attached = record_list(record, "attached");
    for (size_t i = 0; i < json_array_size(names); i++) {
        struct bytes arn = BYTES_NONE, name = json_bytes(json_array_get(names, i));
        if (admin_policy_arn(c, name, &arn) < 0)
            return -1;
        ptrdiff_t at = json_find(attached, arn, false);
        if (attach == (at >= 0))
            continue;
        if (use(c, arn, attach ? 1 : -1) < 0)
            return -1;
        if (attach)
            json_array_append_new(attached, json_of_bytes(arn));
        else
            json_array_remove(attached, (size_t)at);
        json_array_append_new(done, json_of_bytes(name));
    }
    if (json_array_size(attached) > IAM_MAX_ATTACHED)
        return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "At most %d policies can be attached to one user or group.",
                         IAM_MAX_ATTACHED);
    return json_array_size(done) ? 0 : req_fail(c->r, S3E_ADMIN_ALREADY_APPLIED);
}

static int change_association(struct admin_call *c, const json_t *body, bool attach, json_t *done)
{
    struct bytes user = record_text(body, "user"), group = record_text(body, "group");
    enum entity kind = group.n ? ENTITY_GROUP : ENTITY_USER;
    json_t *record = NULL;
    if (find_holder(c, kind, group.n ? group : user, &record) < 0 ||
        associate(c, record, json_object_get(body, "policies"), attach, done) < 0)
        return -1;
    admin_put(c, kind, record);
    return admin_apply(c);
}

static int attach_or_detach(struct req *r, bool attach)
{
    struct admin_call *c = admin_begin(r);
    json_t *body = NULL, *done = json_in(c->arena, json_array());
    if (admin_open_json(c, &body) < 0)
        return -1;
    if (!record_text(body, "user").n == !record_text(body, "group").n ||
        !json_array_size(json_object_get(body, "policies")))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "One user or one group is wanted, and at least one policy.");
    records_lock(c->ids);
    int rc = change_association(c, body, attach, done);
    records_unlock(c->ids);
    if (rc < 0)
        return -1;
    return admin_reply_sealed(c, json_pack("{s:O,s:o}", attach ? "policiesAttached" : "policiesDetached", done,
                                           "updatedAt", admin_time(clock_wall_ms())));
}

int admin_attach_policy(struct req *r)
{
    return attach_or_detach(r, true);
}

int admin_detach_policy(struct req *r)
{
    return attach_or_detach(r, false);
}

/* ---- who has which ---- */

struct entities {
    struct bytes *users, *groups, *policies; /* asked for */
    size_t n_users, n_groups, n_policies;
    json_t *by_user, *by_group, *by_policy;
};

static bool asked(const struct bytes *list, size_t n, struct bytes name)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_eq_nocase(list[i], name))
            return true;
    return false;
}

static void add_holder(struct entities *e, const json_t *record, const char *what)
{
    json_t *names = admin_policies(record);
    for (size_t i = 0; i < json_array_size(names); i++) {
        struct bytes name = json_bytes(json_array_get(names, i));
        bool any = e->n_users + e->n_groups + e->n_policies == 0;
        if (!any && !asked(e->policies, e->n_policies, name))
            continue;
        const char *key = json_string_value(json_array_get(names, i));
        json_t *mapping = json_object_get(e->by_policy, key);
        if (!mapping) {
            mapping = json_pack("{s:s,s:[],s:[]}", "policy", key, "users", "groups");
            json_object_set_new(e->by_policy, key, mapping);
        }
        json_array_append(json_object_get(mapping, what), json_object_get(record, "name"));
    }
    json_decref(names);
}

static json_t *group_mapping(const json_t *group)
{
    return json_pack("{s:O,s:o}", "group", json_object_get(group, "name"), "policies", admin_policies(group));
}

static int add_user_entities(struct admin_call *c, json_t *user, void *arg)
{
    struct entities *e = arg;
    bool any = e->n_users + e->n_groups + e->n_policies == 0;
    add_holder(e, user, "users");
    if (!asked(e->users, e->n_users, record_text(user, "name")) &&
        !(any && json_array_size(json_object_get(user, "attached"))))
        return 0;
    json_t *mapping = json_pack("{s:O,s:o,s:[]}", "user", json_object_get(user, "name"), "policies",
                                admin_policies(user), "memberOfMappings");
    const json_t *groups = json_object_get(user, "groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        json_t *group;
        if (record_get(c->ids, c->arena,
                       key_of_entity(c->arena, ENTITY_GROUP, c->q.account, json_bytes(json_array_get(groups, i))),
                       &group) == STORE_OK &&
            json_array_size(json_object_get(group, "attached")))
            json_array_append_new(json_object_get(mapping, "memberOfMappings"), group_mapping(group));
    }
    json_array_append_new(e->by_user, mapping);
    return 0;
}

static int add_group_entities(struct admin_call *c, json_t *group, void *arg)
{
    struct entities *e = arg;
    bool any = e->n_users + e->n_groups + e->n_policies == 0;
    (void)c;
    add_holder(e, group, "groups");
    if (asked(e->groups, e->n_groups, record_text(group, "name")) ||
        (any && json_array_size(json_object_get(group, "attached"))))
        json_array_append_new(e->by_group, group_mapping(group));
    return 0;
}

int admin_policy_entities(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct entities e = {.by_user = json_in(c->arena, json_array()),
                         .by_group = json_in(c->arena, json_array()),
                         .by_policy = json_in(c->arena, json_object())};
    e.n_users = admin_params(r, "user", &e.users);
    e.n_groups = admin_params(r, "group", &e.groups);
    e.n_policies = admin_params(r, "policy", &e.policies);
    if (admin_each(c, ENTITY_USER, add_user_entities, &e) < 0 ||
        admin_each(c, ENTITY_GROUP, add_group_entities, &e) < 0)
        return -1;
    json_t *policies = json_array(), *mapping = NULL;
    const char *name;
    json_object_foreach(e.by_policy, name, mapping) json_array_append(policies, mapping);
    return admin_reply_sealed(c,
                              json_pack("{s:o,s:O,s:O,s:o}", "timestamp", admin_time(clock_wall_ms()), "userMappings",
                                        e.by_user, "groupMappings", e.by_group, "policyMappings", policies));
}
