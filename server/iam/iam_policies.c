/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Managed policies with their versions; attaching them to users, groups and roles; inline policies; boundaries.
 * A policy counts its uses, so that one that is in use cannot go. Each text is a document of its own that never
 * changes: a new version or another inline text is a new document, the old one goes in the same change. Threads:
 * workers; handlers that change run alone.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/iam/iam_api.h"

/* Markers of the account's own policies are coded names: none begins with p, and this one comes before all. */
#define FIRST_LOCAL "AQ"
#define HOLDERS_MAX (IAM_MAX_USERS + IAM_MAX_GROUPS + IAM_MAX_ROLES)

static struct change change_of(struct query_call *c)
{
    return (struct change){.ids = c->ids, .arena = c->arena};
}

static int find_named(struct query_call *c, enum entity kind, json_t **ret)
{
    return api_find(c, kind, query_text(c, entity_kind(kind)->param), ret);
}

static struct bytes own_key(struct query_call *c, enum entity kind, const json_t *record)
{
    return key_of_entity(c->arena, kind, c->account, record_text(record, "name"));
}

static struct bytes put_document(struct query_call *c, struct change *change, struct bytes text)
{
    struct bytes id = new_document_id(c->arena);
    change_put_text(change, key_of_document(c->arena, id), text);
    return id;
}

/* ---- managed policies ---- */

static int not_found(struct query_call *c, struct bytes arn)
{
    return query_fail(c, 404, "NoSuchEntity", "Policy %.*s was not found.", (int)arn.n, arn.p);
}

/* The account's own policy that PolicyArn names. */
static int find_policy(struct query_call *c, json_t **ret)
{
    struct bytes arn = query_text(c, "PolicyArn"), account, name, path;
    if (bytes_starts(arn, BYTES_LIT("arn:aws:iam::aws:policy/")))
        return managed_find(arn) ? query_fail(c, 403, "AccessDenied", "Cannot modify an AWS managed policy.")
                                 : not_found(c, arn);
    if (!policy_arn_split(arn, &account, &name, &path))
        return query_fail(c, 400, "ValidationError", "ARN %.*s is not valid.", (int)arn.n, arn.p);
    if (!bytes_eq(account, c->account))
        return not_found(c, arn);
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_POLICY, account, name), ret);
    if (rc == STORE_NO_SUCH_SETTING || (rc == STORE_OK && !bytes_eq(record_text(*ret, "path"), path)))
        return not_found(c, arn);
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

static json_t *add_version(struct query_call *c, struct change *change, json_t *policy, struct bytes text,
                           bool standard)
{
    char id[24];
    int64_t number = record_number(policy, "next");
    snprintf(id, sizeof id, "v%lld", (long long)(number ? number : 1));
    json_t *version = json_object();
    json_object_set_new(version, "id", json_string(id));
    json_object_set_new(version, "doc", json_of_bytes(put_document(c, change, text)));
    json_object_set_new(version, "created", json_integer(clock_wall_ms()));
    json_array_insert_new(record_list(policy, "versions"), 0, version);
    json_object_set_new(policy, "next", json_integer((number ? number : 1) + 1));
    json_object_set_new(policy, "updated", json_integer(clock_wall_ms()));
    if (standard)
        json_object_set_new(policy, "default", json_string(id));
    return version;
}

int iam_create_policy(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes name = query_text(c, "PolicyName"), path = query_text(c, "Path"),
                 text = query_text(c, "PolicyDocument");
    struct bytes key = key_of_entity(c->arena, ENTITY_POLICY, c->account, name), more = query_text(c, "Description");
    struct iam_tag *tags;
    json_t *policy;
    ptrdiff_t n = query_tags(c, "Tags", &tags);
    if (n < 0 || api_policy(c, IAM_POLICY_IDENTITY, IAM_POLICY_MAX_MANAGED, text) < 0)
        return -1;
    int rc = record_get(c->ids, c->arena, key, &policy);
    if (rc == STORE_OK)
        return query_fail(c, 409, "EntityAlreadyExists",
                          "A policy called %.*s already exists. Duplicate names are not allowed.", (int)name.n, name.p);
    if (rc != STORE_NO_SUCH_SETTING)
        return query_fail_store(c, rc);
    if (api_count(c, &change, ENTITY_POLICY, 1) < 0)
        return -1;
    policy = json_in(c->arena, json_object());
    json_object_set_new(policy, "id", json_of_bytes(new_unique_id(c->arena, "ANPA", IAM_UNIQUE_ID_LEN)));
    json_object_set_new(policy, "name", json_of_bytes(name));
    json_object_set_new(policy, "path", json_of_bytes(path.p ? path : BYTES_LIT("/")));
    json_object_set_new(policy, "created", json_integer(clock_wall_ms()));
    if (more.n)
        json_object_set_new(policy, "description", json_of_bytes(more));
    for (ptrdiff_t i = 0; i < n; i++)
        json_array_append_new(record_list(policy, "tags"),
                              json_pack("[o,o]", json_of_bytes(tags[i].key), json_of_bytes(tags[i].value)));
    add_version(c, &change, policy, text, true);
    change_put(&change, key, policy);
    if (query_apply(c, &change) < 0)
        return -1;
    xml_open(c->out, "Policy");
    api_render(c, ENTITY_POLICY, policy, true);
    xml_close(c->out, "Policy");
    return 0;
}

static void render_managed(struct query_call *c, const struct managed_policy *m, bool full)
{
    xml_element(c->out, "PolicyName", bytes_str(m->name));
    xml_element(c->out, "PolicyId", bytes_str(m->id));
    xml_element(c->out, "Arn", m->arn);
    xml_element(c->out, "Path", bytes_str(m->path));
    xml_element(c->out, "DefaultVersionId", BYTES_LIT("v1"));
    xml_element_u64(c->out, "AttachmentCount", (uint64_t)api_managed_uses(c, m->arn, false));
    xml_element_u64(c->out, "PermissionsBoundaryUsageCount", (uint64_t)api_managed_uses(c, m->arn, true));
    api_bool(c->out, "IsAttachable", true);
    if (full)
        xml_element(c->out, "Description", bytes_str(m->description));
    api_time(c->out, "CreateDate", MANAGED_CREATED_MS);
    api_time(c->out, "UpdateDate", MANAGED_CREATED_MS);
}

int iam_get_policy(struct query_call *c)
{
    const struct managed_policy *m = managed_find(query_text(c, "PolicyArn"));
    json_t *policy;
    if (!m && find_policy(c, &policy) < 0)
        return -1;
    xml_open(c->out, "Policy");
    if (m)
        render_managed(c, m, true);
    else
        api_render(c, ENTITY_POLICY, policy, true);
    xml_close(c->out, "Policy");
    return 0;
}

struct policy_filter {
    bool attached, boundaries;
};

static bool list_policy(struct query_call *c, json_t *policy, void *arg)
{
    const struct policy_filter *f = arg;
    if ((f->attached && record_number(policy, "uses") == 0) || (f->boundaries && record_number(policy, "bounds") == 0))
        return false;
    xml_open(c->out, "member");
    api_render(c, ENTITY_POLICY, policy, false);
    xml_close(c->out, "member");
    return true;
}

/* Those built-in ones that are asked for. */
static const struct managed_policy **find_managed(struct query_call *c, const struct policy_filter *f, size_t *ret_n)
{
    struct bytes prefix = query_text(c, "PathPrefix");
    size_t n, found = 0;
    const struct managed_policy *all = managed_all(&n),
                                **list = arena_new_array(c->arena, const struct managed_policy *, n + 1);
    for (size_t i = 0; i < n; i++)
        if ((!prefix.n || bytes_starts(bytes_str(all[i].path), prefix)) &&
            (!f->attached || api_managed_uses(c, all[i].arn, false)) &&
            (!f->boundaries || api_managed_uses(c, all[i].arn, true)))
            list[found++] = &all[i];
    *ret_n = found;
    return list;
}

static void list_managed(struct query_call *c, const struct managed_policy *const *list, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        xml_open(c->out, "member");
        render_managed(c, list[i], false);
        xml_close(c->out, "member");
    }
}

/* Pages of a size that the caller names: first the built-in ones, then the account's own on pages of theirs. */
static int page_of_managed(struct query_call *c, const struct managed_policy *const *list, size_t n, bool local_too)
{
    size_t from, to;
    if (api_page(c, n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "Policies");
    list_managed(c, list, from, to);
    xml_close(c->out, "Policies");
    if (to < n || !local_too) {
        api_page_end(c, n, to);
        return 0;
    }
    api_bool(c->out, "IsTruncated", true);
    api_text(c->out, "Marker", BYTES_LIT(FIRST_LOCAL));
    return 0;
}

int iam_list_policies(struct query_call *c)
{
    struct bytes scope = query_text(c, "Scope"), usage = query_text(c, "PolicyUsageFilter");
    struct policy_filter f = {.attached = bytes_eq_str(query_text(c, "OnlyAttached"), "true"),
                              .boundaries = bytes_eq_str(usage, "PermissionsBoundary")};
    struct bytes prefix = key_of_entity(c->arena, ENTITY_POLICY, c->account, BYTES_LIT(""));
    struct bytes marker = query_text(c, "Marker");
    bool aws = bytes_eq_str(scope, "AWS"), local = bytes_eq_str(scope, "Local");
    size_t n;
    const struct managed_policy **managed = find_managed(c, &f, &n);
    if (aws || (!local && (marker.p ? marker.p[0] == 'p' : n && query_has(&c->params, "MaxItems"))))
        return page_of_managed(c, managed, n, !aws);
    if (local || marker.p)
        return api_list(c, prefix, "Policies", list_policy, &f);
    /* Both, of any number: the list is rendered, and the built-in ones go in at its beginning. */
    struct buf *out = c->out, own;
    buf_init(&own, REQ_DOC_MAX);
    c->out = &own;
    int rc = api_list(c, prefix, "Policies", list_policy, &f);
    c->out = out;
    xml_open(out, "Policies");
    list_managed(c, managed, 0, n);
    size_t head = strlen("<Policies>");
    if (own.n >= head)
        buf_put(out, own.p + head, own.n - head);
    out->failed = out->failed || own.failed;
    buf_fini(&own);
    return rc;
}

int iam_delete_policy(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *policy;
    if (find_policy(c, &policy) < 0)
        return -1;
    const json_t *versions = json_object_get(policy, "versions");
    if (record_number(policy, "uses") || record_number(policy, "bounds"))
        return query_fail(c, 409, "DeleteConflict", "Cannot delete a policy attached to entities.");
    if (json_array_size(versions) > 1)
        return query_fail(c, 409, "DeleteConflict",
                          "This policy has more than one version. Before you delete a policy, you must delete the "
                          "policy's versions. The default version is deleted with the policy.");
    if (api_count(c, &change, ENTITY_POLICY, -1) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(versions); i++)
        change_delete(&change, key_of_document(c->arena, record_text(json_array_get(versions, i), "doc")));
    change_delete(&change, own_key(c, ENTITY_POLICY, policy));
    return query_apply(c, &change);
}

/* ---- versions ---- */

static void render_version(struct query_call *c, const json_t *policy, const json_t *version)
{
    xml_element(c->out, "VersionId", record_text(version, "id"));
    api_bool(c->out, "IsDefaultVersion", bytes_eq(record_text(version, "id"), record_text(policy, "default")));
    api_time(c->out, "CreateDate", record_number(version, "created"));
}

static int find_version(struct query_call *c, json_t *policy, size_t *ret)
{
    struct bytes id = query_text(c, "VersionId"), arn = query_text(c, "PolicyArn");
    json_t *versions = record_list(policy, "versions");
    for (size_t i = 0; i < json_array_size(versions); i++)
        if (bytes_eq(record_text(json_array_get(versions, i), "id"), id)) {
            *ret = i;
            return 0;
        }
    return query_fail(c, 404, "NoSuchEntity", "Policy %.*s version %.*s does not exist or is not attachable.",
                      (int)arn.n, arn.p, (int)id.n, id.p);
}

int iam_create_version(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes text = query_text(c, "PolicyDocument");
    json_t *policy;
    if (find_policy(c, &policy) < 0 || api_policy(c, IAM_POLICY_IDENTITY, IAM_POLICY_MAX_MANAGED, text) < 0)
        return -1;
    if (json_array_size(json_object_get(policy, "versions")) >= IAM_MAX_POLICY_VERSIONS)
        return query_fail(
            c, 409, "LimitExceeded",
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete "
            "an existing version.");
    const json_t *version = add_version(c, &change, policy, text, bytes_eq_str(query_text(c, "SetAsDefault"), "true"));
    change_put(&change, own_key(c, ENTITY_POLICY, policy), policy);
    if (query_apply(c, &change) < 0)
        return -1;
    xml_open(c->out, "PolicyVersion");
    render_version(c, policy, version);
    xml_close(c->out, "PolicyVersion");
    return 0;
}

static int get_managed_version(struct query_call *c, const struct managed_policy *m)
{
    if (!bytes_eq_str(query_text(c, "VersionId"), "v1"))
        return not_found(c, m->arn);
    xml_open(c->out, "PolicyVersion");
    api_document(c, "Document", bytes_str(m->document));
    xml_element(c->out, "VersionId", BYTES_LIT("v1"));
    api_bool(c->out, "IsDefaultVersion", true);
    api_time(c->out, "CreateDate", MANAGED_CREATED_MS);
    xml_close(c->out, "PolicyVersion");
    return 0;
}

int iam_get_version(struct query_call *c)
{
    const struct managed_policy *m = managed_find(query_text(c, "PolicyArn"));
    struct bytes text;
    json_t *policy;
    size_t i;
    if (m)
        return get_managed_version(c, m);
    if (find_policy(c, &policy) < 0 || find_version(c, policy, &i) < 0)
        return -1;
    const json_t *version = json_array_get(json_object_get(policy, "versions"), i);
    int rc = document_get(c->ids, c->arena, record_text(version, "doc"), &text);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    xml_open(c->out, "PolicyVersion");
    api_document(c, "Document", text);
    render_version(c, policy, version);
    xml_close(c->out, "PolicyVersion");
    return 0;
}

int iam_list_versions(struct query_call *c)
{
    const struct managed_policy *m = managed_find(query_text(c, "PolicyArn"));
    size_t from = 0, to = 1, n = 1;
    json_t *policy = NULL;
    if (!m && find_policy(c, &policy) < 0)
        return -1;
    const json_t *versions = json_object_get(policy, "versions");
    n = m ? 1 : json_array_size(versions);
    if (api_page(c, n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "Versions");
    for (size_t i = from; i < to; i++) {
        xml_open(c->out, "member");
        if (m) {
            xml_element(c->out, "VersionId", BYTES_LIT("v1"));
            api_bool(c->out, "IsDefaultVersion", true);
            api_time(c->out, "CreateDate", MANAGED_CREATED_MS);
        } else {
            render_version(c, policy, json_array_get(versions, i));
        }
        xml_close(c->out, "member");
    }
    xml_close(c->out, "Versions");
    api_page_end(c, n, to);
    return 0;
}

int iam_delete_version(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *policy;
    size_t i;
    if (find_policy(c, &policy) < 0 || find_version(c, policy, &i) < 0)
        return -1;
    json_t *versions = record_list(policy, "versions"), *version = json_array_get(versions, i);
    if (bytes_eq(record_text(version, "id"), record_text(policy, "default")))
        return query_fail(c, 409, "DeleteConflict", "Cannot delete the default version of a policy.");
    change_delete(&change, key_of_document(c->arena, bytes_dup(c->arena, record_text(version, "doc"))));
    json_array_remove(versions, i);
    change_put(&change, own_key(c, ENTITY_POLICY, policy), policy);
    return query_apply(c, &change);
}

int iam_set_default_version(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *policy;
    size_t i;
    if (find_policy(c, &policy) < 0 || find_version(c, policy, &i) < 0)
        return -1;
    json_object_set_new(policy, "default", json_of_bytes(query_text(c, "VersionId")));
    json_object_set_new(policy, "updated", json_integer(clock_wall_ms()));
    change_put(&change, own_key(c, ENTITY_POLICY, policy), policy);
    return query_apply(c, &change);
}

static int policy_name(struct query_call *c, struct bytes *ret)
{
    json_t *policy;
    if (find_policy(c, &policy) < 0)
        return -1;
    *ret = record_text(policy, "name");
    return 0;
}

int iam_tag_policy(struct query_call *c)
{
    struct bytes name;
    return policy_name(c, &name) < 0 ? -1 : api_tag(c, ENTITY_POLICY, name);
}

int iam_untag_policy(struct query_call *c)
{
    struct bytes name;
    return policy_name(c, &name) < 0 ? -1 : api_untag(c, ENTITY_POLICY, name);
}

int iam_list_policy_tags(struct query_call *c)
{
    struct bytes name;
    if (managed_find(query_text(c, "PolicyArn"))) {
        xml_open(c->out, "Tags");
        xml_close(c->out, "Tags");
        api_bool(c->out, "IsTruncated", false);
        return 0;
    }
    return policy_name(c, &name) < 0 ? -1 : api_list_tags(c, ENTITY_POLICY, name);
}

/* ---- attaching ---- */

int iam_attach(struct query_call *c)
{
    enum entity kind = api_kind(c);
    struct change change = change_of(c);
    struct bytes arn = query_text(c, "PolicyArn");
    json_t *record;
    if (find_named(c, kind, &record) < 0)
        return -1;
    json_t *attached = record_list(record, "attached");
    if (json_find(attached, arn, false) >= 0)
        return 0;
    if (api_count_use(c, &change, arn, false, 1) < 0)
        return -1;
    if (json_array_size(attached) >= IAM_MAX_ATTACHED)
        return query_fail(c, 409, "LimitExceeded", "Cannot exceed quota for PoliciesPer%s: %d", entity_kind(kind)->Noun,
                          IAM_MAX_ATTACHED);
    json_array_append_new(attached, json_of_bytes(arn));
    change_put(&change, own_key(c, kind, record), record);
    return query_apply(c, &change);
}

int iam_detach(struct query_call *c)
{
    enum entity kind = api_kind(c);
    struct change change = change_of(c);
    struct bytes arn = query_text(c, "PolicyArn");
    json_t *record;
    if (find_named(c, kind, &record) < 0)
        return -1;
    json_t *attached = record_list(record, "attached");
    ptrdiff_t at = json_find(attached, arn, false);
    if (at < 0)
        return not_found(c, arn);
    if (api_count_use(c, &change, arn, false, -1) < 0)
        return -1;
    json_array_remove(attached, (size_t)at);
    change_put(&change, own_key(c, kind, record), record);
    return query_apply(c, &change);
}

static struct bytes name_of_arn(struct bytes arn)
{
    size_t from = 0;
    for (size_t i = 0; i < arn.n; i++)
        from = arn.p[i] == '/' ? i + 1 : from;
    return bytes_cut(arn, from, arn.n);
}

/* Is the path in a policy's ARN what PathPrefix asks for? */
static bool path_fits(struct query_call *c, struct bytes arn)
{
    struct bytes prefix = query_text(c, "PathPrefix"), middle = BYTES_LIT(":policy");
    ptrdiff_t at = bytes_find(arn, middle, 0);
    return !prefix.n || (at >= 0 && bytes_starts(bytes_cut(arn, (size_t)at + middle.n, arn.n), prefix));
}

int iam_list_attached(struct query_call *c)
{
    enum entity kind = api_kind(c);
    size_t from, to;
    json_t *record;
    if (find_named(c, kind, &record) < 0)
        return -1;
    const json_t *list = json_object_get(record, "attached");
    struct bytes *arns = arena_new_array(c->arena, struct bytes, json_array_size(list) + 1);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (path_fits(c, json_bytes(json_array_get(list, i))))
            arns[n++] = json_bytes(json_array_get(list, i));
    if (api_page(c, n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "AttachedPolicies");
    for (size_t i = from; i < to; i++) {
        struct bytes arn = arns[i];
        xml_open(c->out, "member");
        xml_element(c->out, "PolicyName", name_of_arn(arn));
        xml_element(c->out, "PolicyArn", arn);
        xml_close(c->out, "member");
    }
    xml_close(c->out, "AttachedPolicies");
    api_page_end(c, n, to);
    return 0;
}

/* ---- who has it ---- */

struct holders {
    struct bytes arn;
    size_t from, room; /* the page */
    size_t n;          /* found so far */
};

static void list_holder(struct query_call *c, enum entity kind, const json_t *record)
{
    const struct entity_kind *k = entity_kind(kind);
    char id[32];
    snprintf(id, sizeof id, "%sId", k->Noun);
    xml_open(c->out, "member");
    xml_element(c->out, k->param, record_text(record, "name"));
    xml_element(c->out, id, record_text(record, "id"));
    xml_close(c->out, "member");
}

static int holders(struct query_call *c, enum entity kind, const char *list, struct holders *h)
{
    struct bytes prefix = key_of_entity(c->arena, kind, c->account, BYTES_LIT("")), after = BYTES_NONE;
    struct bytes path = query_text(c, "PathPrefix"), arn = h->arn;
    bool boundary = bytes_eq_str(query_text(c, "PolicyUsageFilter"), "PermissionsBoundary"), more = true;
    struct store_doc *docs;
    size_t n;
    xml_open(c->out, list);
    while (more) {
        int rc = store_doc_list(c->ids->store, prefix, after, QUERY_PAGE_MAX, c->arena, &docs, &n, &more);
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
        for (size_t i = 0; i < n; i++) {
            json_t *record = json_loadb(docs[i].value.p, docs[i].value.n, 0, NULL);
            bool has = boundary ? bytes_eq(record_text(record, "boundary"), arn)
                                : json_find(json_object_get(record, "attached"), arn, false) >= 0;
            has = has && (!path.n || bytes_starts(record_text(record, "path"), path));
            if (has && h->n >= h->from && h->n - h->from < h->room)
                list_holder(c, kind, record);
            h->n += has;
            json_decref(record);
        }
        if (n)
            after = docs[n - 1].key;
    }
    xml_close(c->out, list);
    return 0;
}

int iam_entities_for_policy(struct query_call *c)
{
    struct bytes arn = query_text(c, "PolicyArn"), filter = query_text(c, "EntityFilter");
    struct holders h = {.arn = arn};
    size_t to;
    json_t *policy;
    if ((!managed_find(arn) && find_policy(c, &policy) < 0) || api_page(c, HOLDERS_MAX, &h.from, &to) < 0)
        return -1;
    h.room = to - h.from;
    if (((!filter.p || bytes_eq_str(filter, "Group")) && holders(c, ENTITY_GROUP, "PolicyGroups", &h) < 0) ||
        ((!filter.p || bytes_eq_str(filter, "User")) && holders(c, ENTITY_USER, "PolicyUsers", &h) < 0) ||
        ((!filter.p || bytes_eq_str(filter, "Role")) && holders(c, ENTITY_ROLE, "PolicyRoles", &h) < 0))
        return -1;
    api_page_end(c, h.n, to);
    return 0;
}

/* ---- inline policies ---- */

/* Characters of all its inline policies but the one of this name. */
static int inline_chars(struct query_call *c, const json_t *record, struct bytes but, size_t *ret)
{
    const char *name;
    json_t *id;
    size_t sum = 0;
    json_object_foreach((json_t *)json_object_get(record, "inline"), name, id)
    {
        struct bytes text;
        if (bytes_eq_str(but, name))
            continue;
        int rc = document_get(c->ids, c->arena, json_bytes(id), &text);
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
        sum += iam_policy_chars(text);
    }
    *ret = sum;
    return 0;
}

int iam_put_inline(struct query_call *c)
{
    enum entity kind = api_kind(c);
    const struct entity_kind *k = entity_kind(kind);
    struct change change = change_of(c);
    struct bytes name = query_text(c, "PolicyName"), text = query_text(c, "PolicyDocument");
    json_t *record;
    size_t others = 0;
    if (find_named(c, kind, &record) < 0 || api_policy(c, IAM_POLICY_IDENTITY, 0, text) < 0 ||
        inline_chars(c, record, name, &others) < 0)
        return -1;
    json_t *policies = record_object(record, "inline");
    if (others + iam_policy_chars(text) > k->max_inline_chars || json_object_size(policies) > IAM_MAX_INLINE_PER_ENTITY)
        return query_fail(c, 409, "LimitExceeded", "Maximum policy size of %llu bytes exceeded for %s %s",
                          (unsigned long long)k->max_inline_chars, k->noun,
                          json_string_value(json_object_get(record, "name")));
    const char *key = bytes_cstr(c->arena, name);
    struct bytes old = record_text(policies, key);
    if (old.n)
        change_delete(&change, key_of_document(c->arena, bytes_dup(c->arena, old)));
    json_object_set_new(policies, key, json_of_bytes(put_document(c, &change, text)));
    change_put(&change, own_key(c, kind, record), record);
    return query_apply(c, &change);
}

/* The document of an inline policy. */
static int find_inline(struct query_call *c, enum entity kind, json_t **ret_record, struct bytes *ret_id)
{
    struct bytes name = query_text(c, "PolicyName");
    if (find_named(c, kind, ret_record) < 0)
        return -1;
    *ret_id = record_text(json_object_get(*ret_record, "inline"), bytes_cstr(c->arena, name));
    if (ret_id->n)
        return 0;
    return query_fail(c, 404, "NoSuchEntity", "The %s policy with name %.*s cannot be found.", entity_kind(kind)->noun,
                      (int)name.n, name.p);
}

int iam_get_inline(struct query_call *c)
{
    enum entity kind = api_kind(c);
    struct bytes id, text;
    json_t *record;
    if (find_inline(c, kind, &record, &id) < 0)
        return -1;
    int rc = document_get(c->ids, c->arena, id, &text);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    xml_element(c->out, entity_kind(kind)->param, record_text(record, "name"));
    xml_element(c->out, "PolicyName", query_text(c, "PolicyName"));
    api_document(c, "PolicyDocument", text);
    return 0;
}

int iam_list_inline(struct query_call *c)
{
    enum entity kind = api_kind(c);
    json_t *record, *unused;
    const char *name;
    size_t from, to, i = 0;
    if (find_named(c, kind, &record) < 0)
        return -1;
    json_t *policies = record_object(record, "inline");
    size_t n = json_object_size(policies);
    if (api_page(c, n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "PolicyNames");
    json_object_foreach(policies, name, unused)
    {
        if (i >= from && i < to)
            xml_element(c->out, "member", bytes_str(name));
        i++;
    }
    (void)unused;
    xml_close(c->out, "PolicyNames");
    api_page_end(c, n, to);
    return 0;
}

int iam_delete_inline(struct query_call *c)
{
    enum entity kind = api_kind(c);
    struct change change = change_of(c);
    struct bytes id;
    json_t *record;
    if (find_inline(c, kind, &record, &id) < 0)
        return -1;
    change_delete(&change, key_of_document(c->arena, bytes_dup(c->arena, id)));
    json_object_del(record_object(record, "inline"), bytes_cstr(c->arena, query_text(c, "PolicyName")));
    change_put(&change, own_key(c, kind, record), record);
    return query_apply(c, &change);
}

/* ---- boundaries ---- */

static int set_boundary(struct query_call *c, enum entity kind, struct bytes arn)
{
    struct change change = change_of(c);
    json_t *record;
    if (find_named(c, kind, &record) < 0)
        return -1;
    struct bytes old = bytes_dup(c->arena, record_text(record, "boundary"));
    if (bytes_eq(old, arn))
        return 0;
    /* Both counts may lie in one record: the first is written before the second is read. */
    if (old.n) {
        if (api_count_use(c, &change, old, true, -1) < 0)
            return -1;
        json_object_del(record, "boundary");
        change_put(&change, own_key(c, kind, record), record);
        if (!arn.n)
            return query_apply(c, &change);
    }
    struct change second = change_of(c);
    if (api_count_use(c, &second, arn, true, 1) < 0) /* refused before anything has changed */
        return -1;
    if (old.n && managed_find(old) && managed_find(arn)) {
        if (query_apply(c, &change) < 0 || api_count_use(c, &second, arn, true, 1) < 0)
            return -1;
    } else {
        for (size_t i = 0; i < change.n; i++)
            change_put_text(&second, change.list[i].key, change.list[i].value);
    }
    json_object_set_new(record, "boundary", json_of_bytes(arn));
    change_put(&second, own_key(c, kind, record), record);
    return query_apply(c, &second);
}

int iam_delete_boundary(struct query_call *c)
{
    enum entity kind = api_kind(c);
    json_t *record;
    if (find_named(c, kind, &record) < 0)
        return -1;
    if (!record_text(record, "boundary").n)
        return query_fail(c, 404, "NoSuchEntity", "The %s %s does not have a permissions boundary.",
                          entity_kind(kind)->noun, json_string_value(json_object_get(record, "name")));
    return set_boundary(c, kind, BYTES_NONE);
}

int iam_put_boundary(struct query_call *c)
{
    return set_boundary(c, api_kind(c), query_text(c, "PermissionsBoundary"));
}
