/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, groups and roles: making, showing, renaming, deleting, tagging, and who is in which group.
 * Names refer to each other in records (a user's groups, a group's members), so renaming rewrites them in one change.
 * Threads: workers; handlers that change run alone.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/iam/iam_api.h"

#define RENAME_MAX ((STORE_DOCS_MAX - 10) / 3) /* members of a group that can be renamed in one change */

static struct change change_of(struct query_call *c)
{
    return (struct change){.ids = c->ids, .arena = c->arena};
}

static struct bytes own_key(struct query_call *c, enum entity kind, const json_t *record)
{
    return key_of_entity(c->arena, kind, c->account, record_text(record, "name"));
}

static struct bytes named(struct query_call *c, enum entity kind)
{
    return query_text(c, entity_kind(kind)->param);
}

static int find_named(struct query_call *c, enum entity kind, json_t **ret)
{
    return api_find(c, kind, named(c, kind), ret);
}

/* ---- making ---- */

static int refuse_existing(struct query_call *c, enum entity kind, struct bytes name)
{
    json_t *record;
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, kind, c->account, name), &record);
    if (rc == STORE_OK)
        return query_fail(c, 409, "EntityAlreadyExists", "%s with name %.*s already exists.", entity_kind(kind)->Noun,
                          (int)name.n, name.p);
    return rc == STORE_NO_SUCH_SETTING ? 0 : query_fail_store(c, rc);
}

static void set_tags(json_t *record, const struct iam_tag *tags, size_t n)
{
    json_t *list = record_list(record, "tags");
    for (size_t i = 0; i < n; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, json_of_bytes(tags[i].key));
        json_array_append_new(pair, json_of_bytes(tags[i].value));
        json_array_append_new(list, pair);
    }
}

/* The record of something new, in a change that only lacks what the kind adds. NULL after query_fail. */
static json_t *new_entity(struct query_call *c, enum entity kind, struct change *change)
{
    const struct entity_kind *k = entity_kind(kind);
    struct bytes name = named(c, kind), path = query_text(c, "Path"), boundary = query_text(c, "PermissionsBoundary");
    struct iam_tag *tags;
    ptrdiff_t n = query_tags(c, "Tags", &tags);
    if (n < 0 || refuse_existing(c, kind, name) < 0 || api_count(c, change, kind, 1) < 0 ||
        (boundary.n && api_count_use(c, change, boundary, true, 1) < 0))
        return NULL;
    json_t *record = json_in(c->arena, json_object());
    struct bytes id = new_unique_id(c->arena, k->prefix, IAM_UNIQUE_ID_LEN);
    json_object_set_new(record, "id", json_of_bytes(id));
    json_object_set_new(record, "name", json_of_bytes(name));
    json_object_set_new(record, "path", json_of_bytes(path.p ? path : BYTES_LIT("/")));
    json_object_set_new(record, "created", json_integer(clock_wall_ms()));
    json_object_set_new(record, "gen", json_integer(1));
    if (boundary.n)
        json_object_set_new(record, "boundary", json_of_bytes(boundary));
    if (n)
        set_tags(record, tags, (size_t)n);
    change_put_text(change, key_of_unique_id(c->arena, id), own_key(c, kind, record));
    return record;
}

static int finish(struct query_call *c, enum entity kind, struct change *change, const json_t *record, bool full)
{
    const char *element = entity_kind(kind)->Noun;
    change_put(change, own_key(c, kind, record), record);
    if (query_apply(c, change) < 0)
        return -1;
    xml_open(c->out, element);
    api_render(c, kind, record, full);
    xml_close(c->out, element);
    return 0;
}

static int create(struct query_call *c, enum entity kind)
{
    struct change change = change_of(c);
    json_t *record = new_entity(c, kind, &change);
    return record ? finish(c, kind, &change, record, true) : -1;
}

int iam_create_user(struct query_call *c)
{
    return create(c, ENTITY_USER);
}

int iam_create_group(struct query_call *c)
{
    return create(c, ENTITY_GROUP);
}

static void set_trust(struct query_call *c, struct change *change, json_t *role, struct bytes text)
{
    struct bytes id = new_document_id(c->arena), old = record_text(role, "trust");
    if (old.n)
        change_delete(change, key_of_document(c->arena, old));
    change_put_text(change, key_of_document(c->arena, id), trust_to_ids(c, text));
    json_object_set_new(role, "trust", json_of_bytes(id));
}

static void set_role_settings(struct query_call *c, json_t *role)
{
    struct bytes description = query_text(c, "Description");
    uint64_t seconds;
    if (description.p)
        json_object_set_new(role, "description", json_of_bytes(description));
    if (query_number(c, "MaxSessionDuration", &seconds))
        json_object_set_new(role, "max_session", json_integer((json_int_t)seconds));
}

int iam_create_role(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes trust = query_text(c, "AssumeRolePolicyDocument");
    json_t *role =
        api_policy(c, IAM_POLICY_TRUST, IAM_POLICY_MAX_TRUST, trust) < 0 ? NULL : new_entity(c, ENTITY_ROLE, &change);
    if (!role)
        return -1;
    json_object_set_new(role, "max_session", json_integer(3600));
    set_role_settings(c, role);
    set_trust(c, &change, role, trust);
    return finish(c, ENTITY_ROLE, &change, role, true);
}

/* ---- showing ---- */

static int show(struct query_call *c, enum entity kind, const json_t *record)
{
    xml_open(c->out, entity_kind(kind)->Noun);
    api_render(c, kind, record, true);
    xml_close(c->out, entity_kind(kind)->Noun);
    return 0;
}

static int show_root(struct query_call *c)
{
    json_t *account;
    int rc = record_get(c->ids, c->arena, key_of_account(c->arena, c->account), &account);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    xml_open(c->out, "User");
    xml_element(c->out, "UserId", c->account);
    xml_element(c->out, "Arn", c->who->caller.arn);
    api_time(c->out, "CreateDate", record_number(account, "created"));
    xml_close(c->out, "User");
    return 0;
}

int iam_get_user(struct query_call *c)
{
    struct bytes name = named(c, ENTITY_USER);
    json_t *user;
    if (!name.p)
        name = c->who->user_name;
    if (!name.n && c->who->caller.kind == IAM_CALLER_ROOT)
        return show_root(c);
    if (!name.n)
        return query_fail(c, 400, "ValidationError", "Must specify userName when calling with non-User credentials");
    return api_find(c, ENTITY_USER, name, &user) < 0 ? -1 : show(c, ENTITY_USER, user);
}

int iam_get_role(struct query_call *c)
{
    json_t *role;
    return find_named(c, ENTITY_ROLE, &role) < 0 ? -1 : show(c, ENTITY_ROLE, role);
}

static bool list_row(struct query_call *c, json_t *record, void *arg)
{
    xml_open(c->out, "member");
    api_render(c, *(enum entity *)arg, record, false);
    xml_close(c->out, "member");
    return true;
}

static int list(struct query_call *c, enum entity kind)
{
    struct bytes prefix = key_of_entity(c->arena, kind, c->account, BYTES_LIT(""));
    return api_list(c, prefix, entity_kind(kind)->list, list_row, &kind);
}

int iam_list_users(struct query_call *c)
{
    return list(c, ENTITY_USER);
}

int iam_list_groups(struct query_call *c)
{
    return list(c, ENTITY_GROUP);
}

int iam_list_roles(struct query_call *c)
{
    return list(c, ENTITY_ROLE);
}

/* ---- renaming ---- */

/* Name and path of the ARN under which it will be; both need permission on both ARNs. */
static int move(struct query_call *c, enum entity kind, struct change *change, json_t *record, struct bytes *ret_name)
{
    struct bytes name = query_text(c, entity_kind(kind)->new_param), path = query_text(c, "NewPath");
    struct bytes old = record_text(record, "name"), old_key = own_key(c, kind, record);
    bool other = name.p && !bytes_eq_nocase(name, old);
    if (other && refuse_existing(c, kind, name) < 0)
        return -1;
    *ret_name = bytes_dup(c->arena, old);
    if (name.p)
        json_object_set_new(record, "name", json_of_bytes(name));
    if (path.p)
        json_object_set_new(record, "path", json_of_bytes(path));
    struct bytes action = arena_bytesf(c->arena, "iam:%s", c->action->name);
    if (query_authorize(c, action, api_arn(c, kind, record), c->account) < 0)
        return -1;
    change_put(change, own_key(c, kind, record), record);
    if (other)
        change_delete(change, old_key);
    change_put_text(change, key_of_unique_id(c->arena, record_text(record, "id")), own_key(c, kind, record));
    return 0;
}

static int rename_keys(struct query_call *c, struct change *change, json_t *user)
{
    const json_t *keys = json_object_get(user, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct bytes key = key_of_access_key(c->arena, json_bytes(json_array_get(keys, i)));
        json_t *record;
        int rc = record_get(c->ids, c->arena, key, &record);
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
        json_object_set(record, "user", json_object_get(user, "name"));
        change_put(change, key, record);
    }
    return 0;
}

int iam_update_user(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes old;
    json_t *user;
    if (find_named(c, ENTITY_USER, &user) < 0 || move(c, ENTITY_USER, &change, user, &old) < 0 ||
        rename_keys(c, &change, user) < 0)
        return -1;
    const json_t *groups = json_object_get(user, "groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        struct bytes group = json_bytes(json_array_get(groups, i)), name = record_text(user, "name");
        change_delete(&change, key_of_member(c->arena, c->account, group, old));
        change_put(&change, key_of_member(c->arena, c->account, group, name), json_object_get(user, "name"));
    }
    return query_apply(c, &change);
}

/* The names of a group's users, as many as `max`. */
static int members_of(struct query_call *c, struct bytes group, size_t max, struct bytes **ret, size_t *ret_n)
{
    struct bytes prefix = key_of_member(c->arena, c->account, group, BYTES_LIT(""));
    struct store_doc *docs;
    bool more;
    int rc = store_doc_list(c->ids->store, prefix, BYTES_NONE, max, c->arena, &docs, ret_n, &more);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    *ret = arena_new_array(c->arena, struct bytes, *ret_n + 1);
    for (size_t i = 0; i < *ret_n; i++)
        (*ret)[i] = bytes_cut(docs[i].key, prefix.n, docs[i].key.n);
    return 0;
}

static int rename_members(struct query_call *c, struct change *change, struct bytes old, const json_t *group)
{
    struct bytes *users, name = record_text(group, "name");
    size_t n;
    if (bytes_eq(old, name))
        return 0;
    if (members_of(c, old, RENAME_MAX + 1, &users, &n) < 0)
        return -1;
    if (n > RENAME_MAX)
        return query_fail(c, 409, "LimitExceeded", "A group of more than %d users cannot be renamed.", RENAME_MAX);
    for (size_t i = 0; i < n; i++) {
        json_t *user;
        if (api_find(c, ENTITY_USER, users[i], &user) < 0)
            return -1;
        json_t *groups = record_list(user, "groups");
        ptrdiff_t at = json_find(groups, old, true);
        if (at >= 0)
            json_array_set_new(groups, (size_t)at, json_of_bytes(name));
        change_put(change, own_key(c, ENTITY_USER, user), user);
        change_delete(change, key_of_member(c->arena, c->account, old, users[i]));
        change_put(change, key_of_member(c->arena, c->account, name, users[i]), json_object_get(user, "name"));
    }
    return 0;
}

int iam_update_group(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes old;
    json_t *group;
    if (find_named(c, ENTITY_GROUP, &group) < 0 || move(c, ENTITY_GROUP, &change, group, &old) < 0 ||
        rename_members(c, &change, old, group) < 0)
        return -1;
    return query_apply(c, &change);
}

int iam_update_role(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *role;
    if (find_named(c, ENTITY_ROLE, &role) < 0)
        return -1;
    set_role_settings(c, role);
    change_put(&change, own_key(c, ENTITY_ROLE, role), role);
    return query_apply(c, &change);
}

int iam_update_role_description(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *role;
    if (find_named(c, ENTITY_ROLE, &role) < 0)
        return -1;
    set_role_settings(c, role);
    return finish(c, ENTITY_ROLE, &change, role, false);
}

int iam_update_trust(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes text = query_text(c, "PolicyDocument");
    json_t *role;
    if (find_named(c, ENTITY_ROLE, &role) < 0 || api_policy(c, IAM_POLICY_TRUST, IAM_POLICY_MAX_TRUST, text) < 0)
        return -1;
    set_trust(c, &change, role, text);
    change_put(&change, own_key(c, ENTITY_ROLE, role), role);
    return query_apply(c, &change);
}

/* ---- deleting ---- */

static int refuse_conflict(struct query_call *c, const char *what)
{
    return query_fail(c, 409, "DeleteConflict", "Cannot delete entity, must %s first.", what);
}

static int check_empty(struct query_call *c, const json_t *record)
{
    if (json_array_size(json_object_get(record, "keys")))
        return refuse_conflict(c, "delete access keys");
    if (json_array_size(json_object_get(record, "groups")))
        return refuse_conflict(c, "remove users from group");
    if (json_array_size(json_object_get(record, "attached")))
        return refuse_conflict(c, "detach all policies");
    if (json_object_size(json_object_get(record, "inline")))
        return refuse_conflict(c, "delete policies");
    return 0;
}

int iam_delete_entity(struct query_call *c)
{
    enum entity kind = api_kind(c);
    struct change change = change_of(c);
    json_t *record;
    if (find_named(c, kind, &record) < 0 || check_empty(c, record) < 0)
        return -1;
    if (kind == ENTITY_GROUP) {
        struct bytes *users;
        size_t n;
        if (members_of(c, record_text(record, "name"), 1, &users, &n) < 0)
            return -1;
        if (n)
            return refuse_conflict(c, "remove users from group");
    }
    struct bytes boundary = record_text(record, "boundary"), trust = record_text(record, "trust");
    if (api_count(c, &change, kind, -1) < 0 || (boundary.n && api_count_use(c, &change, boundary, true, -1) < 0))
        return -1;
    if (trust.n)
        change_delete(&change, key_of_document(c->arena, trust));
    change_delete(&change, key_of_unique_id(c->arena, record_text(record, "id")));
    if (kind == ENTITY_ROLE)
        change_delete(&change, key_of_last_use(c->arena, record_text(record, "id")));
    change_delete(&change, own_key(c, kind, record));
    return query_apply(c, &change);
}

/* ---- groups and their users ---- */

int iam_add_to_group(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *group, *user;
    if (find_named(c, ENTITY_GROUP, &group) < 0 || find_named(c, ENTITY_USER, &user) < 0)
        return -1;
    json_t *groups = record_list(user, "groups");
    struct bytes name = record_text(group, "name");
    if (json_find(groups, name, true) >= 0)
        return 0;
    if (json_array_size(groups) >= IAM_MAX_GROUPS_PER_USER)
        return query_fail(c, 409, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: %d",
                          IAM_MAX_GROUPS_PER_USER);
    json_array_append_new(groups, json_of_bytes(name));
    change_put(&change, own_key(c, ENTITY_USER, user), user);
    change_put(&change, key_of_member(c->arena, c->account, name, record_text(user, "name")),
               json_object_get(user, "name"));
    return query_apply(c, &change);
}

int iam_remove_from_group(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *group, *user;
    if (find_named(c, ENTITY_GROUP, &group) < 0 || find_named(c, ENTITY_USER, &user) < 0)
        return -1;
    json_t *groups = record_list(user, "groups");
    ptrdiff_t at = json_find(groups, record_text(group, "name"), true);
    if (at < 0)
        return query_fail(c, 404, "NoSuchEntity", "User %s not in group %s",
                          json_string_value(json_object_get(user, "name")),
                          json_string_value(json_object_get(group, "name")));
    json_array_remove(groups, (size_t)at);
    change_put(&change, own_key(c, ENTITY_USER, user), user);
    change_delete(&change, key_of_member(c->arena, c->account, record_text(group, "name"), record_text(user, "name")));
    return query_apply(c, &change);
}

static bool member_row(struct query_call *c, json_t *name, void *arg)
{
    json_t *user;
    (void)arg;
    if (record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_USER, c->account, json_bytes(name)), &user) !=
        STORE_OK)
        return false; /* deleted while we list */
    xml_open(c->out, "member");
    api_render(c, ENTITY_USER, user, false);
    xml_close(c->out, "member");
    return true;
}

int iam_get_group(struct query_call *c)
{
    json_t *group;
    if (find_named(c, ENTITY_GROUP, &group) < 0)
        return -1;
    show(c, ENTITY_GROUP, group);
    struct bytes prefix = key_of_member(c->arena, c->account, record_text(group, "name"), BYTES_LIT(""));
    return api_list(c, prefix, "Users", member_row, NULL);
}

int iam_groups_of_user(struct query_call *c)
{
    size_t from, to;
    json_t *user, *group;
    if (find_named(c, ENTITY_USER, &user) < 0)
        return -1;
    const json_t *groups = json_object_get(user, "groups");
    size_t n = json_array_size(groups);
    if (api_page(c, n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "Groups");
    for (size_t i = from; i < to; i++) {
        if (api_find(c, ENTITY_GROUP, json_bytes(json_array_get(groups, i)), &group) < 0)
            return -1;
        xml_open(c->out, "member");
        api_render(c, ENTITY_GROUP, group, false);
        xml_close(c->out, "member");
    }
    xml_close(c->out, "Groups");
    api_page_end(c, n, to);
    return 0;
}

/* ---- tags ---- */

static ptrdiff_t find_tag(const json_t *tags, struct bytes key)
{
    for (size_t i = 0; i < json_array_size(tags); i++)
        if (bytes_eq_nocase(json_bytes(json_array_get(json_array_get(tags, i), 0)), key))
            return (ptrdiff_t)i;
    return -1;
}

int api_tag(struct query_call *c, enum entity kind, struct bytes name)
{
    struct change change = change_of(c);
    struct iam_tag *tags;
    json_t *record;
    ptrdiff_t n = query_tags(c, "Tags", &tags);
    if (n < 0 || api_find(c, kind, name, &record) < 0)
        return -1;
    json_t *list = record_list(record, "tags");
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t at = find_tag(list, tags[i].key);
        if (at >= 0)
            json_array_remove(list, (size_t)at);
    }
    set_tags(record, tags, (size_t)n);
    if (json_array_size(list) > IAM_MAX_TAGS)
        return query_fail(c, 409, "LimitExceeded", "Cannot exceed quota for TagsPer%s: %d", entity_kind(kind)->Noun,
                          IAM_MAX_TAGS);
    change_put(&change, key_of_entity(c->arena, kind, c->account, name), record);
    return query_apply(c, &change);
}

int api_untag(struct query_call *c, enum entity kind, struct bytes name)
{
    struct change change = change_of(c);
    struct bytes *keys;
    json_t *record;
    size_t n = query_members(c, "TagKeys", &keys);
    if (api_find(c, kind, name, &record) < 0)
        return -1;
    json_t *list = record_list(record, "tags");
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t at = find_tag(list, keys[i]);
        if (at >= 0)
            json_array_remove(list, (size_t)at);
    }
    change_put(&change, key_of_entity(c->arena, kind, c->account, name), record);
    return query_apply(c, &change);
}

int api_list_tags(struct query_call *c, enum entity kind, struct bytes name)
{
    const struct iam_tag *tags;
    size_t n, from, to;
    json_t *record;
    if (api_find(c, kind, name, &record) < 0)
        return -1;
    record_tags(c->arena, record, &tags, &n);
    if (api_page(c, n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "Tags");
    for (size_t i = from; i < to; i++) {
        xml_open(c->out, "member");
        xml_element(c->out, "Key", tags[i].key);
        xml_element(c->out, "Value", tags[i].value);
        xml_close(c->out, "member");
    }
    xml_close(c->out, "Tags");
    api_page_end(c, n, to);
    return 0;
}

int iam_tag_entity(struct query_call *c)
{
    return api_tag(c, api_kind(c), named(c, api_kind(c)));
}

int iam_untag_entity(struct query_call *c)
{
    return api_untag(c, api_kind(c), named(c, api_kind(c)));
}

int iam_list_entity_tags(struct query_call *c)
{
    return api_list_tags(c, api_kind(c), named(c, api_kind(c)));
}
