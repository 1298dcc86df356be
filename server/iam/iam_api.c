/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions of IAM as a table, and what they share. An action that is not here does not exist (InvalidAction).
 * Threads: workers.
 */
#include "server/iam/iam_api.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/http/date.h"

#define C    QUERY_CHANGES
#define V    QUERY_VOID
#define S    QUERY_SELF
#define PAGE "Marker MaxItems"
#define SIMULATE                                                                                                       \
    "PolicyInputList PermissionsBoundaryPolicyInputList ResourceArns ResourcePolicy ResourceOwner CallerArn "          \
    "ResourceHandlingOption "

const struct query_action iam_actions[] = {
    {"CreateUser", QUERY_IAM, ON_USER, "UserName! Path PermissionsBoundary Tags", iam_create_user, C},
    {"GetUser", QUERY_IAM, ON_USER, "UserName", iam_get_user, S},
    {"ListUsers", QUERY_IAM, ON_ANYTHING, "PathPrefix " PAGE, iam_list_users, 0},
    {"UpdateUser", QUERY_IAM, ON_USER, "UserName! NewUserName NewPath", iam_update_user, C | V},
    {"DeleteUser", QUERY_IAM, ON_USER, "UserName!", iam_delete_entity, C | V},
    {"CreateGroup", QUERY_IAM, ON_GROUP, "GroupName! Path", iam_create_group, C},
    {"GetGroup", QUERY_IAM, ON_GROUP, "GroupName! " PAGE, iam_get_group, 0},
    {"ListGroups", QUERY_IAM, ON_ANYTHING, "PathPrefix " PAGE, iam_list_groups, 0},
    {"UpdateGroup", QUERY_IAM, ON_GROUP, "GroupName! NewGroupName NewPath", iam_update_group, C | V},
    {"DeleteGroup", QUERY_IAM, ON_GROUP, "GroupName!", iam_delete_entity, C | V},
    {"AddUserToGroup", QUERY_IAM, ON_GROUP, "GroupName! UserName!", iam_add_to_group, C | V},
    {"RemoveUserFromGroup", QUERY_IAM, ON_GROUP, "GroupName! UserName!", iam_remove_from_group, C | V},
    {"ListGroupsForUser", QUERY_IAM, ON_USER, "UserName! " PAGE, iam_groups_of_user, 0},
    {"CreateRole", QUERY_IAM, ON_ROLE,
     "RoleName! AssumeRolePolicyDocument! Path Description MaxSessionDuration PermissionsBoundary Tags",
     iam_create_role, C},
    {"GetRole", QUERY_IAM, ON_ROLE, "RoleName!", iam_get_role, 0},
    {"ListRoles", QUERY_IAM, ON_ANYTHING, "PathPrefix " PAGE, iam_list_roles, 0},
    {"UpdateRole", QUERY_IAM, ON_ROLE, "RoleName! Description MaxSessionDuration", iam_update_role, C},
    {"UpdateRoleDescription", QUERY_IAM, ON_ROLE, "RoleName! Description!", iam_update_role_description, C},
    {"UpdateAssumeRolePolicy", QUERY_IAM, ON_ROLE, "RoleName! PolicyDocument!", iam_update_trust, C | V},
    {"DeleteRole", QUERY_IAM, ON_ROLE, "RoleName!", iam_delete_entity, C | V},
    {"TagUser", QUERY_IAM, ON_USER, "UserName! Tags!", iam_tag_entity, C | V},
    {"UntagUser", QUERY_IAM, ON_USER, "UserName! TagKeys!", iam_untag_entity, C | V},
    {"ListUserTags", QUERY_IAM, ON_USER, "UserName! " PAGE, iam_list_entity_tags, 0},
    {"TagRole", QUERY_IAM, ON_ROLE, "RoleName! Tags!", iam_tag_entity, C | V},
    {"UntagRole", QUERY_IAM, ON_ROLE, "RoleName! TagKeys!", iam_untag_entity, C | V},
    {"ListRoleTags", QUERY_IAM, ON_ROLE, "RoleName! " PAGE, iam_list_entity_tags, 0},

    {"CreatePolicy", QUERY_IAM, ON_POLICY, "PolicyName! PolicyDocument! Path Description Tags", iam_create_policy, C},
    {"GetPolicy", QUERY_IAM, ON_POLICY, "PolicyArn!", iam_get_policy, 0},
    {"ListPolicies", QUERY_IAM, ON_ANYTHING, "Scope OnlyAttached PathPrefix PolicyUsageFilter " PAGE, iam_list_policies,
     0},
    {"DeletePolicy", QUERY_IAM, ON_POLICY, "PolicyArn!", iam_delete_policy, C | V},
    {"CreatePolicyVersion", QUERY_IAM, ON_POLICY, "PolicyArn! PolicyDocument! SetAsDefault", iam_create_version, C},
    {"GetPolicyVersion", QUERY_IAM, ON_POLICY, "PolicyArn! VersionId!", iam_get_version, 0},
    {"ListPolicyVersions", QUERY_IAM, ON_POLICY, "PolicyArn! " PAGE, iam_list_versions, 0},
    {"DeletePolicyVersion", QUERY_IAM, ON_POLICY, "PolicyArn! VersionId!", iam_delete_version, C | V},
    {"SetDefaultPolicyVersion", QUERY_IAM, ON_POLICY, "PolicyArn! VersionId!", iam_set_default_version, C | V},
    {"TagPolicy", QUERY_IAM, ON_POLICY, "PolicyArn! Tags!", iam_tag_policy, C | V},
    {"UntagPolicy", QUERY_IAM, ON_POLICY, "PolicyArn! TagKeys!", iam_untag_policy, C | V},
    {"ListPolicyTags", QUERY_IAM, ON_POLICY, "PolicyArn! " PAGE, iam_list_policy_tags, 0},
    {"ListEntitiesForPolicy", QUERY_IAM, ON_POLICY, "PolicyArn! EntityFilter PathPrefix PolicyUsageFilter " PAGE,
     iam_entities_for_policy, 0},
    {"AttachUserPolicy", QUERY_IAM, ON_USER, "UserName! PolicyArn!", iam_attach, C | V},
    {"AttachGroupPolicy", QUERY_IAM, ON_GROUP, "GroupName! PolicyArn!", iam_attach, C | V},
    {"AttachRolePolicy", QUERY_IAM, ON_ROLE, "RoleName! PolicyArn!", iam_attach, C | V},
    {"DetachUserPolicy", QUERY_IAM, ON_USER, "UserName! PolicyArn!", iam_detach, C | V},
    {"DetachGroupPolicy", QUERY_IAM, ON_GROUP, "GroupName! PolicyArn!", iam_detach, C | V},
    {"DetachRolePolicy", QUERY_IAM, ON_ROLE, "RoleName! PolicyArn!", iam_detach, C | V},
    {"ListAttachedUserPolicies", QUERY_IAM, ON_USER, "UserName! PathPrefix " PAGE, iam_list_attached, 0},
    {"ListAttachedGroupPolicies", QUERY_IAM, ON_GROUP, "GroupName! PathPrefix " PAGE, iam_list_attached, 0},
    {"ListAttachedRolePolicies", QUERY_IAM, ON_ROLE, "RoleName! PathPrefix " PAGE, iam_list_attached, 0},
    {"PutUserPolicy", QUERY_IAM, ON_USER, "UserName! PolicyName! PolicyDocument!", iam_put_inline, C | V},
    {"PutGroupPolicy", QUERY_IAM, ON_GROUP, "GroupName! PolicyName! PolicyDocument!", iam_put_inline, C | V},
    {"PutRolePolicy", QUERY_IAM, ON_ROLE, "RoleName! PolicyName! PolicyDocument!", iam_put_inline, C | V},
    {"GetUserPolicy", QUERY_IAM, ON_USER, "UserName! PolicyName!", iam_get_inline, 0},
    {"GetGroupPolicy", QUERY_IAM, ON_GROUP, "GroupName! PolicyName!", iam_get_inline, 0},
    {"GetRolePolicy", QUERY_IAM, ON_ROLE, "RoleName! PolicyName!", iam_get_inline, 0},
    {"ListUserPolicies", QUERY_IAM, ON_USER, "UserName! " PAGE, iam_list_inline, 0},
    {"ListGroupPolicies", QUERY_IAM, ON_GROUP, "GroupName! " PAGE, iam_list_inline, 0},
    {"ListRolePolicies", QUERY_IAM, ON_ROLE, "RoleName! " PAGE, iam_list_inline, 0},
    {"DeleteUserPolicy", QUERY_IAM, ON_USER, "UserName! PolicyName!", iam_delete_inline, C | V},
    {"DeleteGroupPolicy", QUERY_IAM, ON_GROUP, "GroupName! PolicyName!", iam_delete_inline, C | V},
    {"DeleteRolePolicy", QUERY_IAM, ON_ROLE, "RoleName! PolicyName!", iam_delete_inline, C | V},
    {"PutUserPermissionsBoundary", QUERY_IAM, ON_USER, "UserName! PermissionsBoundary!", iam_put_boundary, C | V},
    {"PutRolePermissionsBoundary", QUERY_IAM, ON_ROLE, "RoleName! PermissionsBoundary!", iam_put_boundary, C | V},
    {"DeleteUserPermissionsBoundary", QUERY_IAM, ON_USER, "UserName!", iam_delete_boundary, C | V},
    {"DeleteRolePermissionsBoundary", QUERY_IAM, ON_ROLE, "RoleName!", iam_delete_boundary, C | V},

    {"CreateAccessKey", QUERY_IAM, ON_USER, "UserName", iam_create_key, C | S},
    {"ListAccessKeys", QUERY_IAM, ON_USER, "UserName " PAGE, iam_list_keys, S},
    {"UpdateAccessKey", QUERY_IAM, ON_USER, "UserName AccessKeyId! Status!", iam_update_key, C | V | S},
    {"DeleteAccessKey", QUERY_IAM, ON_USER, "UserName AccessKeyId!", iam_delete_key, C | V | S},
    {"GetAccessKeyLastUsed", QUERY_IAM, ON_OWN_RULES, "AccessKeyId!", iam_key_last_used, 0},
    {"GetAccountSummary", QUERY_IAM, ON_ANYTHING, "", iam_account_summary, 0},
    {"CreateOpenIDConnectProvider", QUERY_IAM, ON_PROVIDER, "Url! ClientIDList ThumbprintList Tags",
     iam_create_provider, C},
    {"GetOpenIDConnectProvider", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn!", iam_get_provider, 0},
    {"ListOpenIDConnectProviders", QUERY_IAM, ON_ANYTHING, "", iam_list_providers, 0},
    {"DeleteOpenIDConnectProvider", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn!", iam_delete_provider, C | V},
    {"AddClientIDToOpenIDConnectProvider", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn! ClientID!",
     iam_add_client, C | V},
    {"RemoveClientIDFromOpenIDConnectProvider", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn! ClientID!",
     iam_remove_client, C | V},
    {"UpdateOpenIDConnectProviderThumbprint", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn! ThumbprintList!",
     iam_update_thumbprints, C | V},
    {"TagOpenIDConnectProvider", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn! Tags!", iam_tag_provider, C | V},
    {"UntagOpenIDConnectProvider", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn! TagKeys!", iam_untag_provider,
     C | V},
    {"ListOpenIDConnectProviderTags", QUERY_IAM, ON_PROVIDER, "OpenIDConnectProviderArn! " PAGE, iam_list_provider_tags,
     0},
    {"SimulatePrincipalPolicy", QUERY_IAM, ON_OWN_RULES, "PolicySourceArn! ActionNames! " SIMULATE PAGE,
     iam_simulate_principal, 0},
    {"SimulateCustomPolicy", QUERY_IAM, ON_ANYTHING, "PolicyInputList! ActionNames! " SIMULATE PAGE,
     iam_simulate_custom, 0},
    {0},
};

const struct entity_kind *entity_kind(enum entity kind)
{
    static const struct entity_kind kinds[ENTITIES] = {
        [ENTITY_USER] = {ENTITY_USER, "UserName", "NewUserName", "user", "User", "user", "AIDA", "Users", IAM_MAX_USERS,
                         IAM_POLICY_MAX_USER_INLINE},
        [ENTITY_GROUP] = {ENTITY_GROUP, "GroupName", "NewGroupName", "group", "Group", "group", "AGPA", "Groups",
                          IAM_MAX_GROUPS, IAM_POLICY_MAX_GROUP_INLINE},
        [ENTITY_ROLE] = {ENTITY_ROLE, "RoleName", NULL, "role", "Role", "role", "AROA", "Roles", IAM_MAX_ROLES,
                         IAM_POLICY_MAX_ROLE_INLINE},
        [ENTITY_POLICY] = {ENTITY_POLICY, "PolicyName", NULL, "policy", "Policy", "policy", "ANPA", "Policies",
                           IAM_MAX_POLICIES, 0},
        [ENTITY_PROVIDER] = {ENTITY_PROVIDER, "Url", NULL, "OpenIDConnect provider", "Provider", "oidc-provider", "",
                             "OpenIDConnectProviders", IAM_MAX_PROVIDERS, 0},
    };
    return &kinds[kind];
}

int api_find(struct query_call *c, enum entity kind, struct bytes name, json_t **ret)
{
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, kind, c->account, name), ret);
    if (rc == STORE_NO_SUCH_SETTING)
        return query_fail(c, 404, "NoSuchEntity", "The %s with name %.*s cannot be found.", entity_kind(kind)->noun,
                          (int)name.n, name.n ? name.p : "");
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

struct bytes api_arn(struct query_call *c, enum entity kind, const json_t *record)
{
    if (kind == ENTITY_PROVIDER)
        return iam_arn(c->arena, "oidc-provider", c->account, BYTES_LIT("/"), record_text(record, "url"));
    return iam_arn(c->arena, entity_kind(kind)->arn, c->account, record_text(record, "path"),
                   record_text(record, "name"));
}

/* ---- pieces of replies ---- */

void api_time(struct buf *out, const char *element, int64_t ms)
{
    char text[DATE_ISO_SECONDS_LEN + 1];
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    xml_element(out, element, bytes_of(text, DATE_ISO_SECONDS_LEN));
}

void api_text(struct buf *out, const char *element, struct bytes text)
{
    if (text.n)
        xml_element(out, element, text);
}

void api_bool(struct buf *out, const char *element, bool v)
{
    xml_element(out, element, v ? BYTES_LIT("true") : BYTES_LIT("false"));
}

void api_document(struct query_call *c, const char *element, struct bytes text)
{
    struct buf coded;
    buf_init(&coded, 3 * text.n + 1);
    uri_encode(&coded, text, URI_ENCODE_SLASH);
    xml_element(c->out, element, buf_bytes(&coded));
    buf_fini(&coded);
}

void api_tags(struct query_call *c, const json_t *record, const char *element)
{
    const struct iam_tag *tags;
    size_t n;
    record_tags(c->arena, record, &tags, &n);
    xml_open(c->out, element);
    for (size_t i = 0; i < n; i++) {
        xml_open(c->out, "member");
        xml_element(c->out, "Key", tags[i].key);
        xml_element(c->out, "Value", tags[i].value);
        xml_close(c->out, "member");
    }
    xml_close(c->out, element);
}

static void render_boundary(struct query_call *c, const json_t *record)
{
    struct bytes boundary = record_text(record, "boundary");
    if (!boundary.n)
        return;
    xml_open(c->out, "PermissionsBoundary");
    xml_element(c->out, "PermissionsBoundaryType", BYTES_LIT("Policy"));
    xml_element(c->out, "PermissionsBoundaryArn", boundary);
    xml_close(c->out, "PermissionsBoundary");
}

static void render_role(struct query_call *c, const json_t *record, bool full)
{
    struct bytes text;
    if (document_get(c->ids, c->arena, record_text(record, "trust"), &text) == STORE_OK)
        api_document(c, "AssumeRolePolicyDocument", trust_to_arns(c, text));
    api_text(c->out, "Description", record_text(record, "description"));
    xml_element_u64(c->out, "MaxSessionDuration", (uint64_t)record_number(record, "max_session"));
    if (full) {
        json_t *use;
        xml_open(c->out, "RoleLastUsed");
        if (record_get(c->ids, c->arena, key_of_last_use(c->arena, record_text(record, "id")), &use) == STORE_OK) {
            api_time(c->out, "LastUsedDate", record_number(use, "at"));
            xml_element(c->out, "Region", record_text(use, "region"));
        }
        xml_close(c->out, "RoleLastUsed");
    }
}

static void render_policy(struct query_call *c, const json_t *record, bool full)
{
    xml_element(c->out, "DefaultVersionId", record_text(record, "default"));
    xml_element_u64(c->out, "AttachmentCount", (uint64_t)record_number(record, "uses"));
    xml_element_u64(c->out, "PermissionsBoundaryUsageCount", (uint64_t)record_number(record, "bounds"));
    api_bool(c->out, "IsAttachable", true);
    if (full)
        api_text(c->out, "Description", record_text(record, "description"));
    api_time(c->out, "UpdateDate", record_number(record, "updated"));
}

void api_render(struct query_call *c, enum entity kind, const json_t *record, bool full)
{
    const struct entity_kind *k = entity_kind(kind);
    char id[32];
    snprintf(id, sizeof id, "%sId", k->Noun);
    xml_element(c->out, "Path", record_text(record, "path"));
    xml_element(c->out, k->param, record_text(record, "name"));
    xml_element(c->out, id, record_text(record, "id"));
    xml_element(c->out, "Arn", api_arn(c, kind, record));
    api_time(c->out, "CreateDate", record_number(record, "created"));
    if (kind == ENTITY_ROLE)
        render_role(c, record, full);
    else if (kind == ENTITY_POLICY)
        render_policy(c, record, full);
    if (!full)
        return;
    render_boundary(c, record);
    if (json_array_size(json_object_get(record, "tags")))
        api_tags(c, record, "Tags");
}

enum entity api_kind(const struct query_call *c)
{
    switch (c->action->on) {
    case ON_GROUP:
        return ENTITY_GROUP;
    case ON_ROLE:
        return ENTITY_ROLE;
    default:
        return ENTITY_USER;
    }
}

/* ---- counting ---- */

static int get_counts(struct query_call *c, const struct change *change, json_t **ret)
{
    int rc = change_get(change, key_of_counts(c->arena, c->account), ret);
    if (rc == STORE_NO_SUCH_SETTING)
        *ret = json_in(c->arena, json_object());
    return rc == STORE_OK || rc == STORE_NO_SUCH_SETTING ? 0 : query_fail_store(c, rc);
}

int api_count(struct query_call *c, struct change *change, enum entity kind, int by)
{
    const struct entity_kind *k = entity_kind(kind);
    json_t *counts;
    if (get_counts(c, change, &counts) < 0)
        return -1;
    int64_t n = record_number(counts, k->list) + by;
    if (by > 0 && (uint64_t)n > k->max)
        return query_fail(c, 409, "LimitExceeded", "Cannot exceed quota for %sPerAccount: %llu", k->list,
                          (unsigned long long)k->max);
    json_object_set_new(counts, k->list, json_integer(n < 0 ? 0 : n));
    change_put(change, key_of_counts(c->arena, c->account), counts);
    return 0;
}

static const char *use_name(struct query_call *c, struct bytes arn, bool boundary)
{
    return arena_printf(c->arena, "%s %.*s", boundary ? "bounds" : "uses", (int)arn.n, arn.p);
}

int64_t api_managed_uses(struct query_call *c, struct bytes arn, bool boundary)
{
    struct change nothing = {.ids = c->ids, .arena = c->arena};
    json_t *counts;
    return get_counts(c, &nothing, &counts) < 0 ? 0 : record_number(counts, use_name(c, arn, boundary));
}

int api_count_use(struct query_call *c, struct change *change, struct bytes arn, bool boundary, int by)
{
    struct bytes account, name, path, key;
    const char *member = boundary ? "bounds" : "uses";
    json_t *record;
    if (managed_find(arn)) {
        if (get_counts(c, change, &record) < 0)
            return -1;
        member = use_name(c, arn, boundary);
        key = key_of_counts(c->arena, c->account);
    } else {
        if (!policy_arn_split(arn, &account, &name, &path) || !bytes_eq(account, c->account))
            return query_fail(c, 404, "NoSuchEntity", "Policy %.*s does not exist or is not attachable.", (int)arn.n,
                              arn.p);
        key = key_of_entity(c->arena, ENTITY_POLICY, account, name);
        int rc = change_get(change, key, &record);
        if (rc == STORE_NO_SUCH_SETTING || (rc == STORE_OK && !bytes_eq(record_text(record, "path"), path)))
            return query_fail(c, 404, "NoSuchEntity", "Policy %.*s does not exist or is not attachable.", (int)arn.n,
                              arn.p);
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
    }
    int64_t n = record_number(record, member) + by;
    json_object_set_new(record, member, json_integer(n < 0 ? 0 : n));
    change_put(change, key, record);
    return 0;
}

/* ---- pages ---- */

static size_t page_size(const struct query_call *c)
{
    uint64_t n;
    return query_number(c, "MaxItems", &n) ? (size_t)n : QUERY_PAGE;
}

static void end_page(struct query_call *c, struct bytes marker)
{
    api_bool(c->out, "IsTruncated", marker.n > 0);
    api_text(c->out, "Marker", marker);
}

int api_page(struct query_call *c, size_t n, size_t *ret_from, size_t *ret_to)
{
    struct bytes marker = query_text(c, "Marker");
    uint64_t from = 0;
    if (marker.p && (marker.p[0] != 'p' || !bytes_to_u64(bytes_cut(marker, 1, marker.n), n, &from)))
        return query_fail(c, 400, "ValidationError", "Invalid Marker.");
    size_t size = page_size(c);
    *ret_from = (size_t)from;
    *ret_to = n - from > size ? (size_t)from + size : n;
    return 0;
}

void api_page_end(struct query_call *c, size_t n, size_t to)
{
    end_page(c, to < n ? arena_bytesf(c->arena, "p%zu", to) : BYTES_NONE);
}

static int read_marker(struct query_call *c, struct bytes prefix, struct bytes *ret_after)
{
    struct bytes marker = query_text(c, "Marker");
    *ret_after = BYTES_NONE;
    if (!marker.p)
        return 0;
    char *name = arena_alloc(c->arena, marker.n + 1);
    ptrdiff_t n = base64url_decode(marker, name, marker.n);
    if (n <= 0 || (size_t)n + prefix.n > STORE_DOC_KEY_MAX)
        return query_fail(c, 400, "ValidationError", "Invalid Marker.");
    *ret_after = arena_bytesf(c->arena, "%.*s%.*s", (int)prefix.n, prefix.p, (int)n, name);
    return 0;
}

static struct bytes make_marker(struct query_call *c, struct bytes prefix, struct bytes key)
{
    struct bytes name = bytes_cut(key, prefix.n, key.n);
    char *text = arena_alloc(c->arena, base64url_len(name.n) + 1);
    base64url_encode(name.p, name.n, text);
    return bytes_of(text, base64url_len(name.n));
}

int api_list(struct query_call *c, struct bytes prefix, const char *list, api_row_f *row, void *arg)
{
    struct bytes path_prefix = query_text(c, "PathPrefix"), after, marker = BYTES_NONE;
    size_t room = page_size(c), found;
    struct store_doc *docs;
    bool more = true;
    if (read_marker(c, prefix, &after) < 0)
        return -1;
    xml_open(c->out, list);
    while (more && !marker.n) {
        int rc = store_doc_list(c->ids->store, prefix, after, QUERY_PAGE, c->arena, &docs, &found, &more);
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
        for (size_t i = 0; i < found; i++) {
            json_t *record = json_in(c->arena, json_loadb(docs[i].value.p, docs[i].value.n, JSON_DECODE_ANY, NULL));
            if (path_prefix.n && !bytes_starts(record_text(record, "path"), path_prefix))
                continue;
            if (room == 0) { /* there is one more than asked for: go on after the last one that was given */
                marker = make_marker(c, prefix, after);
                break;
            }
            if (row(c, record, arg))
                room--;
            after = docs[i].key;
        }
        if (found && !marker.n)
            after = docs[found - 1].key;
    }
    xml_close(c->out, list);
    end_page(c, marker);
    return 0;
}

/* ---- policies ---- */

int api_policy(struct query_call *c, enum iam_policy_kind kind, size_t max_chars, struct bytes text)
{
    struct iam_policy_error error;
    struct iam_policy_rules rules = {.kind = kind,
                                     .max_chars = max_chars,
                                     .principal_exists = kind == IAM_POLICY_TRUST ? identities_principal_exists : NULL,
                                     .ctx = c->ids};
    return iam_policy_parse(c->arena, &rules, text, &error) ? 0 : query_fail_policy(c, &error);
}

/* The unique id of the user or role of this ARN; empty: it is none, or gone. */
static struct bytes id_of_arn(struct query_call *c, struct bytes arn)
{
    static const struct {
        const char *type;
        enum entity kind;
    } types[] = {{"user/", ENTITY_USER}, {"role/", ENTITY_ROLE}};
    struct bytes rest = bytes_cut(arn, 26, arn.n), account = bytes_cut(arn, 13, IAM_ACCOUNT_ID_LEN);
    json_t *record;
    if (!bytes_starts(arn, BYTES_LIT("arn:aws:iam::")) || arn.n < 32)
        return BYTES_NONE;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t from = 0;
        if (!bytes_starts(rest, bytes_str(types[i].type)))
            continue;
        for (size_t k = 0; k < rest.n; k++)
            from = rest.p[k] == '/' ? k + 1 : from;
        struct bytes key = key_of_entity(c->arena, types[i].kind, account, bytes_cut(rest, from, rest.n));
        if (record_get(c->ids, c->arena, key, &record) == STORE_OK)
            return record_text(record, "id");
    }
    return BYTES_NONE;
}

static struct bytes arn_of_id(struct query_call *c, struct bytes id)
{
    struct bytes key, account;
    json_t *record;
    if (id.n != IAM_UNIQUE_ID_LEN ||
        store_doc_get(c->ids->store, key_of_unique_id(c->arena, id), c->arena, &key) != STORE_OK ||
        record_get(c->ids, c->arena, key, &record) != STORE_OK)
        return BYTES_NONE;
    account = bytes_cut(key, 6, IAM_ACCOUNT_ID_LEN); /* iam/u/ACCOUNT/name */
    return iam_arn(c->arena, key.p[4] == 'u' ? "user" : "role", account, record_text(record, "path"),
                   record_text(record, "name"));
}

static json_t *replaced(struct query_call *c, json_t *value, struct bytes (*of)(struct query_call *, struct bytes))
{
    struct bytes other = json_is_string(value) ? of(c, json_bytes(value)) : BYTES_NONE;
    return other.n ? json_of_bytes(other) : json_incref(value);
}

static void replace_principals(struct query_call *c, json_t *statement,
                               struct bytes (*of)(struct query_call *, struct bytes))
{
    json_t *principal = json_object_get(statement, "Principal"), *aws = json_object_get(principal, "AWS");
    if (json_is_array(aws))
        for (size_t i = 0; i < json_array_size(aws); i++)
            json_array_set_new(aws, i, replaced(c, json_array_get(aws, i), of));
    else if (json_is_string(aws))
        json_object_set_new(principal, "AWS", replaced(c, aws, of));
}

static struct bytes rewrite(struct query_call *c, struct bytes text,
                            struct bytes (*of)(struct query_call *, struct bytes))
{
    json_t *policy = json_loadb(text.p, text.n, 0, NULL);
    if (!policy)
        return text;
    json_in(c->arena, policy);
    json_t *statements = json_object_get(policy, "Statement");
    for (size_t i = 0; i < json_array_size(statements); i++)
        replace_principals(c, json_array_get(statements, i), of);
    if (json_is_object(statements))
        replace_principals(c, statements, of);
    char *out = json_dumps(policy, JSON_COMPACT);
    CHECK(out);
    struct bytes copy = bytes_dup(c->arena, bytes_str(out));
    free(out);
    return copy;
}

struct bytes trust_to_ids(struct query_call *c, struct bytes text)
{
    return rewrite(c, text, id_of_arn);
}

struct bytes trust_to_arns(struct query_call *c, struct bytes text)
{
    return rewrite(c, text, arn_of_id);
}
