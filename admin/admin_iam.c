/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail admin` about people: users, access keys, policies, groups, over IAM's actions. Nothing is kept between two
 * requests; what takes several (delete with --force) can be run again after a failure. Threads: the first one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/url.h"
#include "base/check.h"

#define POLICY_MAX (256u << 10) /* bytes of a document */

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *text_at(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

/* An action whose answer says nothing. */
static int act(struct remote_call *c, const char *action, const char *const *parameters)
{
    json_t *j;
    int rc = admin_iam(c, action, parameters, &j);
    json_decref(j);
    return rc;
}

static int act_and_say(struct remote_call *c, const char *action, const char *const *parameters, const char *what)
{
    int rc = act(c, action, parameters);
    return rc != 0 ? rc : admin_print_done(c, what, c->words[0]);
}

/* The texts called `name` of a list of objects. */
static json_t *names_of(json_t *list, const char *name)
{
    json_t *names = json_array();
    for (size_t i = 0; i < json_array_size(list); i++)
        json_array_append(names, json_object_get(json_array_get(list, i), name));
    return names;
}

/* Lists, and puts the names into the object. Its reference is the object's. */
static int add_names(struct remote_call *c, json_t *to, const char *as, const char *action,
                     const char *const *parameters, const char *member, const char *name)
{
    json_t *list;
    int rc = admin_iam_list(c, action, parameters, member, &list);
    if (rc == 0)
        json_object_set_new(to, as, name ? names_of(list, name) : json_incref(list));
    json_decref(list);
    return rc;
}

/* ---- policies by their names ---- */

/* The ARN in the arena; NULL: it was said why not. */
static const char *policy_arn(struct remote_call *c, const char *name)
{
    json_t *list;
    const char *arn = NULL;
    if (strncmp(name, "arn:", 4) == 0)
        return name;
    if (admin_iam_list(c, "ListPolicies", WORDS("Scope", "All"), "Policies", &list) != 0)
        return NULL;
    for (size_t i = 0; i < json_array_size(list) && !arn; i++)
        if (strcmp(text_at(json_array_get(list, i), "PolicyName"), name) == 0)
            arn = bytes_cstr(c->arena, bytes_str(text_at(json_array_get(list, i), "Arn")));
    json_decref(list);
    if (!arn)
        admin_fail(arena_printf(c->arena, "there is no policy \"%s\"; `pail admin policies list` shows all", name));
    return arn;
}

static int change_policy(struct remote_call *c, bool attach)
{
    const char *user = admin_flag(c, "user"), *group = admin_flag(c, "group");
    if (!user == !group)
        return admin_misuse(c, "give --user or --group", NULL);
    const char *arn = policy_arn(c, c->words[0]);
    if (!arn)
        return 1;
    const char *action = arena_printf(c->arena, "%s%sPolicy", attach ? "Attach" : "Detach", user ? "User" : "Group");
    int rc = act(c, action, WORDS(user ? "UserName" : "GroupName", user ? user : group, "PolicyArn", arn));
    return rc != 0 ? rc
                   : admin_print_done(c,
                                      arena_printf(c->arena, "%s %s %s", attach ? "attached to" : "detached from",
                                                   user ? "user" : "group", user ? user : group),
                                      c->words[0]);
}

int admin_policies_attach(struct remote_call *c)
{
    return change_policy(c, true);
}

int admin_policies_detach(struct remote_call *c)
{
    return change_policy(c, false);
}

int admin_policies_list(struct remote_call *c)
{
    static const struct admin_column columns[] = {{"NAME", "PolicyName", ADMIN_TEXT},
                                                  {"ATTACHED", "AttachmentCount", ADMIN_NUMBER},
                                                  {"VERSION", "DefaultVersionId", ADMIN_TEXT},
                                                  {"CHANGED", "UpdateDate", ADMIN_TEXT},
                                                  {"ARN", "Arn", ADMIN_TEXT}};
    json_t *list;
    if (admin_iam_list(c, "ListPolicies", WORDS("Scope", "All"), "Policies", &list) != 0)
        return 1;
    return admin_print_rows(c, list, columns, ARRAY_LEN(columns));
}

int admin_policies_show(struct remote_call *c)
{
    json_t *policy, *version, *document;
    const char *arn = policy_arn(c, c->words[0]);
    if (!arn || admin_iam(c, "GetPolicy", WORDS("PolicyArn", arn), &policy) != 0)
        return 1;
    const char *id = bytes_cstr(c->arena, bytes_str(text_at(json_object_get(policy, "Policy"), "DefaultVersionId")));
    json_decref(policy);
    if (admin_iam(c, "GetPolicyVersion", WORDS("PolicyArn", arn, "VersionId", id), &version) != 0)
        return 1;
    struct bytes text = url_decode(c->arena, bytes_str(text_at(json_object_get(version, "PolicyVersion"), "Document")));
    json_decref(version);
    document = json_loadb(text.p, text.n, 0, NULL);
    return document ? admin_print_json(document) : admin_fail("the policy's document is no JSON");
}

/* FILE, or standard input. NULL: it was said why. */
static char *read_document(struct remote_call *c, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    char *text = arena_zalloc(c->arena, POLICY_MAX + 1);
    if (!f) {
        admin_fail(arena_printf(c->arena, "%s cannot be read", path));
        return NULL;
    }
    size_t n = fread(text, 1, POLICY_MAX + 1, f);
    bool bad = ferror(f) != 0;
    json_error_t why;
    json_t *j = bad || n > POLICY_MAX ? NULL : json_loadb(text, n, 0, &why);
    if (!standard)
        fclose(f);
    if (bad || n > POLICY_MAX)
        admin_fail(arena_printf(c->arena, bad ? "%s cannot be read" : "%s is too long for a policy", path));
    else if (!j)
        admin_fail(arena_printf(c->arena, "%s is no JSON: line %d: %s", path, why.line, why.text));
    bool good = j != NULL;
    json_decref(j);
    return good ? text : NULL;
}

static const char *own_policy(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_at(json_array_get(list, i), "PolicyName"), name) == 0)
            return text_at(json_array_get(list, i), "Arn");
    return NULL;
}

int admin_policies_create(struct remote_call *c)
{
    json_t *list;
    const char *document = read_document(c, c->words[1]);
    if (!document || admin_iam_list(c, "ListPolicies", WORDS("Scope", "Local"), "Policies", &list) != 0)
        return 1;
    const char *arn = own_policy(list, c->words[0]);
    int rc =
        arn ? act(c, "CreatePolicyVersion", WORDS("PolicyArn", arn, "PolicyDocument", document, "SetAsDefault", "true"))
            : act(c, "CreatePolicy", WORDS("PolicyName", c->words[0], "PolicyDocument", document));
    const char *what = arn ? "has a new version" : "created";
    json_decref(list);
    return rc != 0 ? rc : admin_print_done(c, what, c->words[0]);
}

static int drop_versions(struct remote_call *c, const char *arn)
{
    json_t *list;
    if (admin_iam_list(c, "ListPolicyVersions", WORDS("PolicyArn", arn), "Versions", &list) != 0)
        return 1;
    int rc = 0;
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
        const json_t *v = json_array_get(list, i);
        if (strcmp(text_at(v, "IsDefaultVersion"), "true") != 0)
            rc = act(c, "DeletePolicyVersion", WORDS("PolicyArn", arn, "VersionId", text_at(v, "VersionId")));
    }
    json_decref(list);
    return rc;
}

int admin_policies_delete(struct remote_call *c)
{
    const char *arn = policy_arn(c, c->words[0]);
    if (!arn || drop_versions(c, arn) != 0)
        return 1;
    return act_and_say(c, "DeletePolicy", WORDS("PolicyArn", arn), "deleted");
}

/* ---- access keys ---- */

/* The secret is shown here and nowhere else. Takes the object. */
static int print_key(struct remote_call *c, json_t *key)
{
    if (c->json)
        return admin_print_json(key);
    printf("User        %s\nAccess key  %s\nSecret key  %s\n", text_at(key, "UserName"), text_at(key, "AccessKeyId"),
           text_at(key, "SecretAccessKey"));
    json_decref(key);
    fflush(stdout);
    fputs("Keep the secret key: it is not shown again.\n", stderr);
    return 0;
}

static int make_key(struct remote_call *c, const char *user)
{
    json_t *j;
    if (admin_iam(c, "CreateAccessKey", WORDS("UserName", user), &j) != 0)
        return 1;
    json_t *key = json_incref(json_object_get(j, "AccessKey"));
    json_decref(j);
    return key ? print_key(c, key) : admin_fail("the answer has no key: is it a Pail server?");
}

int admin_keys_create(struct remote_call *c)
{
    return make_key(c, c->words[0]);
}

static int add_keys(struct remote_call *c, json_t *to, const char *user)
{
    json_t *list;
    if (admin_iam_list(c, "ListAccessKeys", WORDS("UserName", user), "AccessKeyMetadata", &list) != 0)
        return 1;
    json_array_extend(to, list);
    json_decref(list);
    return 0;
}

int admin_keys_list(struct remote_call *c)
{
    static const struct admin_column columns[] = {{"KEY", "AccessKeyId", ADMIN_TEXT},
                                                  {"USER", "UserName", ADMIN_TEXT},
                                                  {"STATUS", "Status", ADMIN_TEXT},
                                                  {"CREATED", "CreateDate", ADMIN_TEXT}};
    json_t *users = NULL, *rows = json_array();
    int rc =
        c->words[0] ? add_keys(c, rows, c->words[0]) : admin_iam_list(c, "ListUsers", WORDS(NULL), "Users", &users);
    for (size_t i = 0; i < json_array_size(users) && rc == 0; i++)
        rc = add_keys(c, rows, text_at(json_array_get(users, i), "UserName"));
    json_decref(users);
    if (rc == 0)
        return admin_print_rows(c, rows, columns, ARRAY_LEN(columns));
    json_decref(rows);
    return rc;
}

/* Whose key it is, in the arena; NULL: it was said why not. */
static const char *owner_of(struct remote_call *c, const char *key)
{
    json_t *j;
    if (admin_iam(c, "GetAccessKeyLastUsed", WORDS("AccessKeyId", key), &j) != 0)
        return NULL;
    const char *name = bytes_cstr(c->arena, bytes_str(text_at(j, "UserName")));
    json_decref(j);
    if (!*name)
        admin_fail("this key belongs to no user");
    return *name ? name : NULL;
}

static int change_key(struct remote_call *c, const char *action, const char *status, const char *what)
{
    const char *user = owner_of(c, c->words[0]);
    if (!user)
        return 1;
    return act_and_say(c, action, WORDS("UserName", user, "AccessKeyId", c->words[0], "Status", status), what);
}

int admin_keys_enable(struct remote_call *c)
{
    return change_key(c, "UpdateAccessKey", "Active", "enabled");
}

int admin_keys_disable(struct remote_call *c)
{
    return change_key(c, "UpdateAccessKey", "Inactive", "disabled");
}

int admin_keys_delete(struct remote_call *c)
{
    const char *user = owner_of(c, c->words[0]);
    if (!user)
        return 1;
    return act_and_say(c, "DeleteAccessKey", WORDS("UserName", user, "AccessKeyId", c->words[0]), "deleted");
}

/* ---- users ---- */

int admin_users_list(struct remote_call *c)
{
    static const struct admin_column columns[] = {
        {"NAME", "UserName", ADMIN_TEXT}, {"CREATED", "CreateDate", ADMIN_TEXT}, {"ARN", "Arn", ADMIN_TEXT}};
    json_t *list;
    if (admin_iam_list(c, "ListUsers", WORDS(NULL), "Users", &list) != 0)
        return 1;
    return admin_print_rows(c, list, columns, ARRAY_LEN(columns));
}

/* All that a user has; the caller's. NULL: it was said why. */
static json_t *load_user(struct remote_call *c, const char *name)
{
    const char *const *who = WORDS("UserName", name);
    json_t *j, *user;
    if (admin_iam(c, "GetUser", who, &j) != 0)
        return NULL;
    user = json_incref(json_object_get(j, "User"));
    json_decref(j);
    if (user && add_names(c, user, "AccessKeys", "ListAccessKeys", who, "AccessKeyMetadata", "AccessKeyId") == 0 &&
        add_names(c, user, "Groups", "ListGroupsForUser", who, "Groups", "GroupName") == 0 &&
        add_names(c, user, "Policies", "ListAttachedUserPolicies", who, "AttachedPolicies", "PolicyName") == 0 &&
        add_names(c, user, "PolicyArns", "ListAttachedUserPolicies", who, "AttachedPolicies", "PolicyArn") == 0 &&
        add_names(c, user, "OwnPolicies", "ListUserPolicies", who, "PolicyNames", NULL) == 0)
        return user;
    json_decref(user);
    return NULL;
}

int admin_users_show(struct remote_call *c)
{
    static const struct admin_column columns[] = {
        {"Name", "UserName", ADMIN_TEXT},           {"ARN", "Arn", ADMIN_TEXT},
        {"Created", "CreateDate", ADMIN_TEXT},      {"Keys", "AccessKeys", ADMIN_TEXT},
        {"Groups", "Groups", ADMIN_TEXT},           {"Policies", "Policies", ADMIN_TEXT},
        {"Own policies", "OwnPolicies", ADMIN_TEXT}};
    json_t *user = load_user(c, c->words[0]);
    return user ? admin_print_one(c, user, columns, ARRAY_LEN(columns)) : 1;
}

int admin_users_create(struct remote_call *c)
{
    const char *policy = admin_flag(c, "policy"), *name = c->words[0], *arn = policy ? policy_arn(c, policy) : NULL;
    if (policy && !arn)
        return 1; /* before there is a user */
    if (act(c, "CreateUser", WORDS("UserName", name)) != 0 ||
        (arn && act(c, "AttachUserPolicy", WORDS("UserName", name, "PolicyArn", arn)) != 0))
        return 1;
    return admin_flag(c, "key") ? make_key(c, name) : admin_print_done(c, "created", name);
}

/* One action for each text of a list of the user. */
static int for_each(struct remote_call *c, const json_t *user, const char *list, const char *action,
                    const char *parameter)
{
    const json_t *names = json_object_get(user, list);
    int rc = 0;
    for (size_t i = 0; i < json_array_size(names) && rc == 0; i++)
        rc = act(c, action, WORDS("UserName", c->words[0], parameter, json_string_value(json_array_get(names, i))));
    return rc;
}

static int strip_user(struct remote_call *c)
{
    json_t *user = load_user(c, c->words[0]);
    int rc = user && for_each(c, user, "AccessKeys", "DeleteAccessKey", "AccessKeyId") == 0 &&
                     for_each(c, user, "Groups", "RemoveUserFromGroup", "GroupName") == 0 &&
                     for_each(c, user, "PolicyArns", "DetachUserPolicy", "PolicyArn") == 0 &&
                     for_each(c, user, "OwnPolicies", "DeleteUserPolicy", "PolicyName") == 0
                 ? 0
                 : 1;
    json_decref(user);
    return rc;
}

int admin_users_delete(struct remote_call *c)
{
    if (admin_flag(c, "force") && strip_user(c) != 0)
        return 1;
    return act_and_say(c, "DeleteUser", WORDS("UserName", c->words[0]), "deleted");
}

/* ---- groups ---- */

int admin_groups_list(struct remote_call *c)
{
    static const struct admin_column columns[] = {
        {"NAME", "GroupName", ADMIN_TEXT}, {"CREATED", "CreateDate", ADMIN_TEXT}, {"ARN", "Arn", ADMIN_TEXT}};
    json_t *list;
    if (admin_iam_list(c, "ListGroups", WORDS(NULL), "Groups", &list) != 0)
        return 1;
    return admin_print_rows(c, list, columns, ARRAY_LEN(columns));
}

int admin_groups_show(struct remote_call *c)
{
    static const struct admin_column columns[] = {
        {"Name", "GroupName", ADMIN_TEXT},     {"ARN", "Arn", ADMIN_TEXT},
        {"Created", "CreateDate", ADMIN_TEXT}, {"Members", "Members", ADMIN_TEXT},
        {"Policies", "Policies", ADMIN_TEXT},  {"Own policies", "OwnPolicies", ADMIN_TEXT}};
    const char *const *which = WORDS("GroupName", c->words[0]);
    json_t *j, *group;
    if (admin_iam(c, "GetGroup", which, &j) != 0)
        return 1;
    group = json_incref(json_object_get(j, "Group"));
    json_decref(j);
    if (group && add_names(c, group, "Members", "GetGroup", which, "Users", "UserName") == 0 &&
        add_names(c, group, "Policies", "ListAttachedGroupPolicies", which, "AttachedPolicies", "PolicyName") == 0 &&
        add_names(c, group, "OwnPolicies", "ListGroupPolicies", which, "PolicyNames", NULL) == 0)
        return admin_print_one(c, group, columns, ARRAY_LEN(columns));
    json_decref(group);
    return 1;
}

int admin_groups_create(struct remote_call *c)
{
    return act_and_say(c, "CreateGroup", WORDS("GroupName", c->words[0]), "created");
}

int admin_groups_delete(struct remote_call *c)
{
    return act_and_say(c, "DeleteGroup", WORDS("GroupName", c->words[0]), "deleted");
}

int admin_groups_add(struct remote_call *c)
{
    return act_and_say(c, "AddUserToGroup", WORDS("GroupName", c->words[0], "UserName", c->words[1]),
                       arena_printf(c->arena, "has %s now", c->words[1]));
}

int admin_groups_remove(struct remote_call *c)
{
    return act_and_say(c, "RemoveUserFromGroup", WORDS("GroupName", c->words[0], "UserName", c->words[1]),
                       arena_printf(c->arena, "no longer has %s", c->words[1]));
}
