/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulators: would these policies, or those of a user, group or role, allow these actions on these resources? They
 * ask the same iam_decide as requests do, with the condition keys that the caller makes up, and nothing happens.
 *
 * Each policy is kept with its text and where it comes from, so that an answer can name the statements that decided and
 * what they ask for. Identity policies may name actions and condition keys that nobody knows; here they are pointed
 * out, as entries of EvalDecisionDetails ("Unknown action s3:GetObjct in PolicyInputList.1").
 * Threads: workers.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/iam/iam_api.h"
#include "server/iam/internal.h"
#include "server/ops.h"

#define SIMULATIONS_MAX 2000 /* pairs of an action and a resource */
#define CONTEXT_MAX     200  /* made-up condition keys */
#define VALUES_MAX      100  /* of one */
#define EXCLUSIONS_MAX  256
#define MISSING_MAX     200 /* keys that are told to be missing */
#define UNKNOWN_MAX     100 /* things that are pointed out, of one decision */
#define SOURCES_MAX     1500

/* A policy and where it comes from. */
struct source {
    const char *type; /* SourcePolicyType */
    struct bytes id, text;
    const struct iam_policy *parsed;
    const json_t *json;
};

struct sources {
    struct source *list;
    size_t n;
};

struct simulation {
    struct query_call *call;
    struct iam_request request;
    struct iam_context context;
    struct sources identity, group, boundary, resource;
    bool cross_account;
};

static int invalid(struct query_call *c, const char *why)
{
    return query_fail(c, 400, "InvalidInput", "%s", why);
}

/* ---- policies ---- */

static int add_source(struct query_call *c, struct sources *to, const struct iam_policy_rules *rules, const char *type,
                      struct bytes id, struct bytes text)
{
    struct iam_policy_error error;
    if (!to->list)
        to->list = arena_new_array(c->arena, struct source, SOURCES_MAX);
    if (to->n == SOURCES_MAX)
        return invalid(c, "Too many policies.");
    struct source *s = &to->list[to->n++];
    *s = (struct source){type, id, text, iam_policy_parse(c->arena, rules, text, &error), NULL};
    if (!s->parsed)
        return query_fail(c, 400, "InvalidInput", "%.*s: %.*s", (int)id.n, id.p, (int)error.message.n, error.message.p);
    s->json = json_in(c->arena, json_loadb(text.p, text.n, 0, NULL));
    return 0;
}

static int add_list(struct query_call *c, const char *name, const char *type, struct sources *to)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    struct bytes *texts;
    size_t n = query_members(c, name, &texts);
    for (size_t i = 0; i < n; i++)
        if (add_source(c, to, &rules, type, arena_bytesf(c->arena, "%s.%zu", name, i + 1), texts[i]) < 0)
            return -1;
    return 0;
}

/* ---- policies of somebody ---- */

/* One member of PolicyExclusionList, as it was sent. */
struct exclusion {
    struct bytes type, arn, name, holder_type, holder;
};

/* False: there is none of that number. */
static bool read_exclusion(struct query_call *c, size_t i, struct exclusion *ret)
{
    const char *head = arena_printf(c->arena, "PolicyExclusionList.member.%zu.", i);
    const char *inner = arena_printf(c->arena, "%sInlinePolicyIdentifier.", head);
    ret->type = query_text(c, arena_printf(c->arena, "%sPolicyType", head));
    ret->arn = query_text(c, arena_printf(c->arena, "%sPolicyArn", head));
    ret->name = query_text(c, arena_printf(c->arena, "%sPolicyName", inner));
    ret->holder_type = query_text(c, arena_printf(c->arena, "%sAttachmentType", inner));
    ret->holder = query_text(c, arena_printf(c->arena, "%sAttachmentName", inner));
    return ret->type.p || ret->arn.p || ret->name.p || ret->holder_type.p || ret->holder.p;
}

/* Is a policy to be left out? `inline_of` NULL: it is a managed one, called by its ARN. */
static bool excluded(struct query_call *c, const char *type, struct bytes name, const char *inline_of,
                     struct bytes holder)
{
    struct exclusion e;
    for (size_t i = 1; read_exclusion(c, i, &e); i++) {
        if (e.type.p && bytes_eq_str(e.type, type))
            return true;
        if (!inline_of && e.arn.p && bytes_eq(e.arn, name))
            return true;
        if (inline_of && e.name.p && bytes_eq(e.name, name) && bytes_eq_str(e.holder_type, inline_of) &&
            bytes_eq_nocase(e.holder, holder))
            return true;
    }
    return false;
}

static bool one_of(struct bytes text, const char *choice, struct arena *a)
{
    return text.n && bytes_find_char(text, '|', 0) < 0 &&
           strstr(choice, arena_printf(a, "|%.*s|", (int)text.n, text.p));
}

static int bad_exclusion(struct query_call *c, const char *where, const char *why)
{
    return query_fail(c, 400, "ValidationError",
                      "1 validation error detected: Value at 'policyExclusionList.%s' failed to satisfy constraint: "
                      "Member must %s",
                      where, why);
}

static int check_name(struct query_call *c, const char *where, struct bytes name)
{
    if (name.n < 1 || name.n > 128)
        return bad_exclusion(c, where, "have length between 1 and 128");
    for (size_t i = 0; i < name.n; i++)
        if (!strchr("+=,.@-_", name.p[i]) && !(name.p[i] >= '0' && name.p[i] <= '9') &&
            !((name.p[i] | 0x20) >= 'a' && (name.p[i] | 0x20) <= 'z'))
            return bad_exclusion(c, where, "satisfy regular expression pattern: [\\w+=,.@-]+");
    return 0;
}

static int check_exclusion(struct query_call *c, size_t i)
{
    static const char types[] = "|inline|aws-managed|user-managed|permission-boundary|scp|rcp|";
    struct exclusion e;
    if (!read_exclusion(c, i, &e))
        return 1;
    if (i > EXCLUSIONS_MAX)
        return bad_exclusion(c, "member", "have length less than or equal to 256");
    if (e.type.p && !one_of(e.type, types, c->arena))
        return bad_exclusion(c, "policyType", "satisfy enum value set");
    if (e.arn.p && (e.arn.n < 20 || e.arn.n > 2048))
        return bad_exclusion(c, "policyArn", "have length between 20 and 2048");
    if (!e.name.p && !e.holder_type.p && !e.holder.p)
        return 0;
    if (!one_of(e.holder_type, "|user|group|role|", c->arena))
        return bad_exclusion(c, "inlinePolicyIdentifier.attachmentType", "satisfy enum value set");
    return check_name(c, "inlinePolicyIdentifier.policyName", e.name) < 0 ||
                   check_name(c, "inlinePolicyIdentifier.attachmentName", e.holder) < 0
               ? -1
               : 0;
}

static int check_exclusions(struct query_call *c)
{
    int rc = 0;
    for (size_t i = 1; rc == 0; i++)
        rc = check_exclusion(c, i);
    return rc < 0 ? -1 : 0;
}

static int add_managed(struct query_call *c, struct bytes arn, bool boundary, struct sources *to)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    const char *type = managed_find(arn) ? "aws-managed" : "user-managed";
    struct bytes text;
    size_t from = 0;
    arn = bytes_dup(c->arena, arn);
    if (excluded(c, boundary ? "permission-boundary" : type, arn, NULL, BYTES_NONE))
        return 0;
    int rc = policy_document(c->ids, c->arena, arn, &text);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    for (size_t i = 0; i < arn.n; i++)
        from = arn.p[i] == '/' ? i + 1 : from;
    return add_source(c, to, &rules, type, bytes_cut(arn, from, arn.n), text);
}

static int add_inline(struct query_call *c, const char *holder_type, struct bytes holder, json_t *policies,
                      struct sources *to)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    const char *name;
    json_t *id;
    json_object_foreach(policies, name, id)
    {
        struct bytes text, shown = arena_bytesf(c->arena, "%s_%.*s_%s", holder_type, (int)holder.n, holder.p, name);
        if (excluded(c, "inline", bytes_str(name), holder_type, holder))
            continue;
        int rc = document_get(c->ids, c->arena, json_bytes(id), &text);
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
        if (add_source(c, to, &rules, holder_type, shown, text) < 0)
            return -1;
    }
    return 0;
}

/* All policies of a user, group or role itself. */
static int add_entity(struct query_call *c, enum entity kind, json_t *record, struct sources *to)
{
    const json_t *attached = json_object_get(record, "attached");
    for (size_t i = 0; i < json_array_size(attached); i++)
        if (add_managed(c, json_bytes(json_array_get(attached, i)), false, to) < 0)
            return -1;
    return add_inline(c, entity_kind(kind)->noun, bytes_dup(c->arena, record_text(record, "name")),
                      json_object_get(record, "inline"), to);
}

static int add_groups(struct query_call *c, const json_t *user, struct sources *to)
{
    const json_t *groups = json_object_get(user, "groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        json_t *group;
        if (api_find(c, ENTITY_GROUP, json_bytes(json_array_get(groups, i)), &group) < 0 ||
            add_entity(c, ENTITY_GROUP, group, to) < 0)
            return -1;
    }
    return 0;
}

/* ---- what the request would be ---- */

static bool value_good(struct bytes type, struct bytes value)
{
    struct decimal number;
    struct ip_range range;
    char byte[3];
    int64_t date;
    if (bytes_starts(type, BYTES_LIT("numeric")))
        return decimal_parse(value, &number);
    if (bytes_starts(type, BYTES_LIT("boolean")))
        return bytes_eq_str_nocase(value, "true") || bytes_eq_str_nocase(value, "false");
    if (bytes_starts(type, BYTES_LIT("ip")))
        return ip_range_parse(value, &range);
    if (bytes_starts(type, BYTES_LIT("date")))
        return policy_date_parse(value, &date);
    for (size_t i = 0; bytes_starts(type, BYTES_LIT("binary")) && i + 4 <= value.n; i += 4)
        if (base64_decode(bytes_cut(value, i, 4), byte, sizeof byte) < 0)
            return false;
    return !bytes_starts(type, BYTES_LIT("binary")) || value.n % 4 == 0;
}

static int read_entry(struct simulation *s, struct bytes key, struct bytes type, const char *values_name)
{
    static const char types[] = "|string|stringList|numeric|numericList|boolean|booleanList|ip|ipList|binary|"
                                "binaryList|date|dateList|";
    struct query_call *c = s->call;
    struct bytes *values;
    size_t n = query_members(c, values_name, &values);
    if (key.n < 5 || key.n > 256)
        return query_fail(c, 400, "ValidationError",
                          "1 validation error detected: Value at 'contextEntries' failed to satisfy constraint: Member "
                          "must have length between 5 and 256");
    if (type.p && !one_of(type, types, c->arena))
        return query_fail(c, 400, "ValidationError",
                          "1 validation error detected: Value '%.*s' at 'contextEntries' failed to satisfy constraint: "
                          "Member must satisfy enum value set: [%.*s]",
                          (int)(type.n < 64 ? type.n : 64), type.n ? type.p : "", (int)sizeof types - 3, types + 1);
    if (n > VALUES_MAX || (type.p && n > 1 && !bytes_ends(type, BYTES_LIT("List"))))
        return query_fail(c, 400, "InvalidInput", "Too many values for context key %.*s.", (int)key.n, key.p);
    for (size_t i = 0; i < n; i++)
        if (type.p && !value_good(type, values[i]))
            return query_fail(c, 400, "InvalidInput", "A value of context key %.*s is no %.*s.", (int)key.n, key.p,
                              (int)type.n, type.p);
    if (!iam_context_set_named(&s->context, key, values, n))
        return invalid(c, "Invalid context key name.");
    return 0;
}

static int read_context(struct simulation *s)
{
    struct query_call *c = s->call;
    for (size_t i = 1;; i++) {
        const char *head = arena_printf(c->arena, "ContextEntries.member.%zu.ContextKey", i);
        struct bytes key = query_text(c, arena_printf(c->arena, "%sName", head));
        if (!key.p)
            return 0;
        if (i > CONTEXT_MAX)
            return invalid(c, "Too many context entries.");
        if (read_entry(s, key, query_text(c, arena_printf(c->arena, "%sType", head)),
                       arena_printf(c->arena, "%sValues", head)) < 0)
            return -1;
    }
}

/* The account in 111122223333 or arn:aws:iam::111122223333:...; empty: none is there. */
static struct bytes account_in(struct bytes text)
{
    struct arn arn;
    uint64_t number;
    if (arn_split(text, &arn))
        text = arn.part[ARN_ACCOUNT];
    return text.n == IAM_ACCOUNT_ID_LEN && bytes_to_u64(text, UINT64_MAX, &number) ? text : BYTES_NONE;
}

static int read_caller(struct simulation *s)
{
    struct query_call *c = s->call;
    struct bytes arn = query_text(c, "CallerArn"), account = account_in(arn);
    struct iam_principal p;
    struct iam_account found;
    if (!arn.p)
        return 0;
    if (!account.n || !iam_principal_parse(c->arena, arn, &p) || p.kind != IAM_PRINCIPAL_USER)
        return query_fail(c, 400, "InvalidInput", "Invalid Entity Arn: %.*s is not the ARN of a user.",
                          (int)(arn.n < 256 ? arn.n : 256), arn.n ? arn.p : "");
    s->request.caller.kind = IAM_CALLER_USER;
    s->request.caller.arn = arn;
    if (!bytes_eq(s->request.caller.account, account)) {
        s->request.caller.account = account;
        s->request.caller.canonical_id =
            identities_account(c->ids, account, c->arena, &found) ? found.canonical_id : BYTES_NONE;
    }
    iam_context_set(&s->context, IAM_KEY_AWS_PRINCIPAL_ARN, arn);
    iam_context_set(&s->context, IAM_KEY_AWS_PRINCIPAL_ACCOUNT, account);
    return 0;
}

/* The bucket that a resource is, or lies in. */
static struct bytes bucket_of(struct bytes resource)
{
    struct arn arn;
    if (!arn_split(resource, &arn) || !bytes_eq_str(arn.part[ARN_SERVICE], "s3"))
        return BYTES_NONE;
    ptrdiff_t slash = bytes_find_char(arn.part[ARN_RESOURCE], '/', 0);
    return bytes_cut(arn.part[ARN_RESOURCE], 0, slash < 0 ? arn.part[ARN_RESOURCE].n : (size_t)slash);
}

static int read_resource_side(struct simulation *s)
{
    struct query_call *c = s->call;
    struct bytes owner = query_text(c, "ResourceOwner"), text = query_text(c, "ResourcePolicy"), *resources;
    size_t n = query_members(c, "ResourceArns", &resources);
    if (owner.p && !account_in(owner).n)
        return invalid(c, "ResourceOwner must be an account's id or ARN.");
    s->request.resource_account = owner.p ? account_in(owner) : c->account;
    s->cross_account = !bytes_eq(s->request.resource_account, s->request.caller.account);
    if (!text.p)
        return 0;
    struct iam_policy_rules rules = {.kind = IAM_POLICY_BUCKET, .bucket = n ? bucket_of(resources[0]) : BYTES_NONE};
    for (size_t i = 0; i < n; i++)
        if (!bytes_eq(bucket_of(resources[i]), rules.bucket))
            return invalid(c, "A resource policy goes with resources of one bucket.");
    if (!rules.bucket.n)
        return invalid(c, "A resource policy needs a bucket or objects as ResourceArns.");
    if (add_source(c, &s->resource, &rules, "resource", BYTES_LIT("ResourcePolicy"), text) < 0)
        return -1;
    s->request.resource_policy = s->resource.list[0].parsed;
    return 0;
}

static struct iam_policies parsed(struct query_call *c, const struct sources *from)
{
    const struct iam_policy **list = arena_new_array(c->arena, const struct iam_policy *, from->n + 1);
    for (size_t i = 0; i < from->n; i++)
        list[i] = from->list[i].parsed;
    return (struct iam_policies){list, from->n};
}

static int read_common(struct simulation *s)
{
    struct query_call *c = s->call;
    struct sources boundary = {0};
    if (query_text(c, "OrderedOrganizationPolicyInputList.member.1.ServiceControlPolicyInputList.member.1").p)
        return invalid(c, "Policies of organizations are not simulated.");
    if (add_list(c, "PolicyInputList", "none", &s->identity) < 0 ||
        add_list(c, "PermissionsBoundaryPolicyInputList", "none", &boundary) < 0)
        return -1;
    if (boundary.n > 1)
        return invalid(c, "Only one permissions boundary can be simulated.");
    if (boundary.n)
        s->boundary = boundary; /* instead of the principal's own */
    if (read_caller(s) < 0 || read_resource_side(s) < 0 || read_context(s) < 0)
        return -1;
    s->request.identity = parsed(c, &s->identity);
    s->request.group = parsed(c, &s->group);
    s->request.boundary = s->boundary.n ? s->boundary.list[0].parsed : NULL;
    s->request.context = &s->context;
    return 0;
}

/* ---- what policies ask for ---- */

struct findings {
    struct query_call *call;
    struct bytes *missing, *unknown;
    size_t n_missing, n_unknown;
};

static void note(struct bytes *list, size_t *n, size_t max, struct bytes text)
{
    for (size_t i = 0; i < *n; i++)
        if (bytes_eq_nocase(list[i], text))
            return;
    if (*n < max)
        list[(*n)++] = text;
}

static bool key_served(struct bytes name, const struct iam_key *key)
{
    static const char *const others[] = {"sts:ExternalId",        "sts:RoleSessionName", "sts:SourceIdentity",
                                         "sts:TransitiveTagKeys", "iam:PolicyARN",       "iam:PermissionsBoundary",
                                         "iam:AWSServiceName"};
    ptrdiff_t colon = bytes_find_char(name, ':', 0);
    if (key->id != IAM_KEY_UNKNOWN || bytes_starts_str_nocase(name, "iam:ResourceTag/"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (bytes_eq_str_nocase(name, others[i]))
            return true;
    return colon > 0 && bytes_find_char(bytes_cut(name, 0, (size_t)colon), '.', 0) >= 0; /* a provider's claims */
}

static void look_at_key(struct simulation *s, struct findings *f, const struct source *from, struct bytes name)
{
    struct arena *a = f->call->arena;
    struct iam_key key;
    if (!iam_key_of(a, name, &key))
        return;
    if (!key_served(name, &key))
        note(f->unknown, &f->n_unknown, UNKNOWN_MAX,
             arena_bytesf(a, "Unknown condition key %.*s in %.*s", (int)name.n, name.p, (int)from->id.n, from->id.p));
    if (!iam_context_find(&s->context, &key) && name.n >= 5 && name.n <= 256)
        note(f->missing, &f->n_missing, MISSING_MAX, name);
}

/* The variables in a text: ${aws:username}, ${aws:username, 'default'}. */
static void look_at_variables(struct simulation *s, struct findings *f, const struct source *from, const json_t *j)
{
    for (size_t i = 0; i < json_array_size(j); i++)
        look_at_variables(s, f, from, json_array_get(j, i));
    struct bytes text = json_is_string(j) ? json_bytes(j) : BYTES_NONE;
    for (ptrdiff_t at = 0; (at = bytes_find(text, BYTES_LIT("${"), (size_t)at)) >= 0; at += 2) {
        ptrdiff_t end = bytes_find_char(text, '}', (size_t)at);
        struct bytes name = end < 0 ? BYTES_NONE : bytes_cut(text, (size_t)at + 2, (size_t)(end - at) - 2);
        ptrdiff_t comma = bytes_find_char(name, ',', 0);
        look_at_key(s, f, from, bytes_trim(comma < 0 ? name : bytes_cut(name, 0, (size_t)comma)));
    }
}

static bool in_table(const struct query_action *table, const char *service, const struct wild *w, struct arena *a)
{
    for (; table->name; table++)
        if (wild_match(w, bytes_lower(a, arena_bytesf(a, "%s:%s", service, table->name))))
            return true;
    return false;
}

static bool action_known(struct query_call *c, struct bytes name)
{
    static const char *const others[] = {"iam:passrole", "sts:tagsession", "sts:setsourceidentity"};
    struct wild w;
    size_t n;
    if (!wild_compile(c->arena, bytes_lower(c->arena, name), WILD_WILDCARDS | WILD_FOLD, NULL, &w))
        return false;
    if (bucket_action_known(&w) || in_table(iam_actions, "iam", &w, c->arena) ||
        in_table(sts_actions, "sts", &w, c->arena))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (wild_match(&w, bytes_str(others[i])))
            return true;
    const struct s3_op *ops = op_table(&n);
    for (size_t i = 0; i < n; i++)
        if (ops[i].action && wild_match(&w, bytes_lower(c->arena, bytes_str(ops[i].action))))
            return true;
    return false;
}

static void look_at_actions(struct findings *f, const struct source *from, const json_t *j)
{
    for (size_t i = 0; i < json_array_size(j); i++)
        look_at_actions(f, from, json_array_get(j, i));
    struct bytes name = json_is_string(j) ? json_bytes(j) : BYTES_NONE;
    if (name.n && !action_known(f->call, name))
        note(f->unknown, &f->n_unknown, UNKNOWN_MAX,
             arena_bytesf(f->call->arena, "Unknown action %.*s in %.*s", (int)(name.n < 128 ? name.n : 128), name.p,
                          (int)from->id.n, from->id.p));
}

static bool about_action(const struct iam_statement *st, struct bytes action)
{
    for (size_t i = 0; i < st->n_actions; i++)
        if (wild_match(&st->actions[i], action))
            return !st->not_action;
    return st->not_action;
}

/* Unknown actions of all statements; the keys of those that are about the action. */
static void look_at(struct simulation *s, struct findings *f, const struct source *from)
{
    const json_t *all = json_object_get(from->json, "Statement");
    struct bytes action = bytes_lower(f->call->arena, s->request.action);
    for (size_t i = 0; i < from->parsed->n; i++) {
        const json_t *st = json_is_array(all) ? json_array_get(all, i) : all;
        json_t *conditions = json_object_get(st, "Condition"), *keys, *values;
        const char *operator, * key;
        look_at_actions(f, from, json_object_get(st, "Action"));
        look_at_actions(f, from, json_object_get(st, "NotAction"));
        if (!about_action(&from->parsed->statements[i], action))
            continue;
        look_at_variables(s, f, from, json_object_get(st, "Resource"));
        look_at_variables(s, f, from, json_object_get(st, "NotResource"));
        json_object_foreach(conditions, operator,
                            keys){json_object_foreach(keys, key, values){look_at_key(s, f, from, bytes_str(key));
        look_at_variables(s, f, from, values);
    }
}
(void)operator;
}
}

static struct findings find_all(struct simulation *s)
{
    const struct sources *all[] = {&s->identity, &s->group, &s->boundary, &s->resource};
    struct query_call *c = s->call;
    struct findings f = {.call = c,
                         .missing = arena_new_array(c->arena, struct bytes, MISSING_MAX),
                         .unknown = arena_new_array(c->arena, struct bytes, UNKNOWN_MAX)};
    if (!action_known(c, s->request.action))
        note(f.unknown, &f.n_unknown, UNKNOWN_MAX,
             arena_bytesf(c->arena, "Unknown action %.*s in ActionNames", (int)s->request.action.n,
                          s->request.action.p));
    for (size_t k = 0; k < ARRAY_LEN(all); k++)
        for (size_t i = 0; i < all[k]->n; i++)
            look_at(s, &f, &all[k]->list[i]);
    return f;
}

/* ---- where a statement stands ---- */

static size_t skip_string(struct bytes t, size_t at)
{
    for (at++; at < t.n && t.p[at] != '"'; at++)
        at += t.p[at] == '\\';
    return at + 1;
}

/* The end of the value that begins at `at`. */
static size_t skip_value(struct bytes t, size_t at)
{
    for (int depth = 0; at < t.n;) {
        char ch = t.p[at];
        if (ch == '"') {
            at = skip_string(t, at);
        } else {
            depth += ch == '{' || ch == '[' ? 1 : ch == '}' || ch == ']' ? -1 : 0;
            at++;
        }
        if (depth == 0 && (ch == '"' || ch == '}' || ch == ']'))
            return at;
    }
    return t.n;
}

static size_t skip_to(struct bytes t, size_t at, const char *any)
{
    while (at < t.n && !strchr(any, t.p[at]))
        at++;
    return at;
}

/* From and to of a statement in the text of a policy that was parsed already. */
static struct bytes statement_text(struct bytes t, size_t number)
{
    size_t at = skip_to(t, 0, "{") + 1, end;
    for (; at < t.n; at = skip_to(t, at, ",}") + 1) {
        size_t key = skip_to(t, at, "\"");
        end = skip_string(t, key);
        at = skip_to(t, end, "{[\"");
        if (key < t.n && bytes_eq_str(bytes_cut(t, key + 1, end - key - 2), "Statement"))
            break;
        at = skip_value(t, at);
    }
    if (at < t.n && t.p[at] == '[')
        for (at = skip_to(t, at, "{"); number > 0; number--)
            at = skip_to(t, skip_value(t, at), "{");
    end = skip_value(t, at);
    return at < t.n ? bytes_of(t.p + at, end - at) : BYTES_NONE;
}

static void render_position(struct buf *out, const char *element, struct bytes text, size_t at)
{
    uint64_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.n; i++) {
        line += text.p[i] == '\n';
        column = text.p[i] == '\n' ? 1 : column + 1;
    }
    xml_open(out, element);
    xml_element_u64(out, "Line", line);
    xml_element_u64(out, "Column", column);
    xml_close(out, element);
}

/* ---- answers ---- */

static const char *decision_name(bool allowed, bool denied)
{
    return denied ? "explicitDeny" : allowed ? "allowed" : "implicitDeny";
}

static void render_statements(struct simulation *s, const struct sources *from, enum iam_effect wanted)
{
    struct buf *out = s->call->out;
    for (size_t i = 0; i < from->n; i++) {
        const struct source *p = &from->list[i];
        size_t number;
        if (iam_policy_effect(&s->request, p->parsed, &number) != wanted)
            continue;
        struct bytes text = statement_text(p->text, number);
        size_t at = text.n ? (size_t)(text.p - p->text.p) : 0;
        xml_open(out, "member");
        xml_element(out, "SourcePolicyId", p->id);
        xml_element(out, "SourcePolicyType", bytes_str(p->type));
        render_position(out, "StartPosition", p->text, at);
        render_position(out, "EndPosition", p->text, at + text.n);
        xml_close(out, "member");
    }
}

/* Those that decided: of an explicit deny the denies alone, of none nothing. */
static void render_matched(struct simulation *s, const struct iam_decision *d)
{
    const struct sources *all[] = {&s->identity, &s->group, &s->boundary, &s->resource};
    xml_open(s->call->out, "MatchedStatements");
    for (size_t i = 0; i < ARRAY_LEN(all) && (d->allowed || d->explicit_deny); i++)
        if (d->explicit_deny || all[i] != &s->boundary)
            render_statements(s, all[i], d->explicit_deny ? IAM_DENY : IAM_ALLOW);
    xml_close(s->call->out, "MatchedStatements");
}

static void render_missing(struct simulation *s, const struct findings *f)
{
    xml_open(s->call->out, "MissingContextValues");
    for (size_t i = 0; i < f->n_missing; i++)
        xml_element(s->call->out, "member", f->missing[i]);
    xml_close(s->call->out, "MissingContextValues");
}

static const char *effect_of(struct simulation *s, const struct sources *a, const struct sources *b)
{
    bool allow = false, deny = false;
    size_t unused;
    for (size_t i = 0; i < a->n + (b ? b->n : 0); i++) {
        const struct source *p = i < a->n ? &a->list[i] : &b->list[i - a->n];
        enum iam_effect e = iam_policy_effect(&s->request, p->parsed, &unused);
        allow = allow || e == IAM_ALLOW;
        deny = deny || e == IAM_DENY;
    }
    return decision_name(allow, deny);
}

static void render_entry(struct buf *out, struct bytes key, const char *value)
{
    xml_open(out, "entry");
    xml_element(out, "key", key);
    xml_element(out, "value", bytes_str(value));
    xml_close(out, "entry");
}

/* Across accounts what each side says; and what nobody knows. */
static void render_details(struct simulation *s, const struct findings *f, const char *decision)
{
    struct buf *out = s->call->out;
    xml_open(out, "EvalDecisionDetails");
    if (s->cross_account) {
        render_entry(out, BYTES_LIT("IAM Policy"), effect_of(s, &s->identity, &s->group));
        render_entry(out, BYTES_LIT("Resource Policy"), effect_of(s, &s->resource, NULL));
    }
    for (size_t i = 0; i < f->n_unknown; i++)
        render_entry(out, f->unknown[i], decision);
    xml_close(out, "EvalDecisionDetails");
}

static void render_boundary(struct simulation *s)
{
    struct buf *out = s->call->out;
    if (!s->boundary.n)
        return;
    xml_open(out, "PermissionsBoundaryDecisionDetail");
    api_bool(out, "AllowedByPermissionsBoundary", strcmp(effect_of(s, &s->boundary, NULL), "allowed") == 0);
    xml_close(out, "PermissionsBoundaryDecisionDetail");
}

static void simulate_one(struct simulation *s, struct bytes action, struct bytes resource)
{
    struct buf *out = s->call->out;
    bool anything = resource.n == 1 && *resource.p == '*';
    s->request.action = action;
    s->request.resource = anything ? BYTES_NONE : resource;
    struct iam_decision d = iam_decide(&s->request);
    struct findings f = find_all(s);
    const char *decision = decision_name(d.allowed, d.explicit_deny);
    xml_open(out, "member");
    xml_element(out, "EvalActionName", action);
    xml_element(out, "EvalResourceName", resource);
    xml_element(out, "EvalDecision", bytes_str(decision));
    render_matched(s, &d);
    render_missing(s, &f);
    render_boundary(s);
    if (!anything || f.n_unknown || s->cross_account)
        render_details(s, &f, decision);
    if (!anything) {
        xml_open(out, "ResourceSpecificResults");
        xml_open(out, "member");
        xml_element(out, "EvalResourceName", resource);
        xml_element(out, "EvalResourceDecision", bytes_str(decision));
        render_matched(s, &d);
        render_missing(s, &f);
        render_boundary(s);
        render_details(s, &f, decision);
        xml_close(out, "member");
        xml_close(out, "ResourceSpecificResults");
    }
    xml_close(out, "member");
}

static int simulate(struct simulation *s)
{
    struct query_call *c = s->call;
    struct bytes *actions, *resources;
    size_t n_actions = query_members(c, "ActionNames", &actions), n = query_members(c, "ResourceArns", &resources);
    size_t from, to;
    struct arn arn;
    if (n == 0)
        resources[n++] = BYTES_LIT("*");
    if (n_actions * n > SIMULATIONS_MAX)
        return invalid(c, "Too many actions and resources.");
    for (size_t i = 0; i < n; i++)
        if (!bytes_eq_str(resources[i], "*") && !arn_split(resources[i], &arn))
            return query_fail(c, 400, "InvalidInput", "Invalid resource ARN: %.*s",
                              (int)(resources[i].n < 256 ? resources[i].n : 256), resources[i].p);
    if (api_page(c, n_actions * n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "EvaluationResults");
    for (size_t i = from; i < to; i++)
        simulate_one(s, actions[i / n], resources[i % n]);
    xml_close(c->out, "EvaluationResults");
    api_page_end(c, n_actions * n, to);
    return 0;
}

int iam_simulate_custom(struct query_call *c)
{
    struct simulation s = {.call = c};
    iam_context_init(&s.context, c->arena);
    s.request.caller =
        (struct iam_caller){.kind = IAM_CALLER_USER,
                            .account = c->account,
                            .canonical_id = c->who->caller.canonical_id,
                            .arn = iam_arn(c->arena, "user", c->account, BYTES_NONE, BYTES_LIT("simulated")),
                            .unique_id = BYTES_LIT("AIDASIMULATEDSIMULATE")};
    if (query_has(&c->params, "ResourcePolicy") && !query_has(&c->params, "CallerArn"))
        return invalid(c, "CallerArn is required when a resource policy is simulated.");
    return read_common(&s) < 0 ? -1 : simulate(&s);
}

/* Whose policies: a user with its groups, a group, a role. */
static int load_principal(struct simulation *s, struct bytes arn, struct principal *p)
{
    static const enum entity kinds[] = {ENTITY_USER, ENTITY_GROUP, ENTITY_ROLE};
    struct query_call *c = s->call;
    struct bytes rest = bytes_cut(arn, 26, arn.n), boundary;
    json_t *record;
    size_t from = 0, k = 0;
    int64_t unused;
    int rc = STORE_OK;
    for (size_t i = 0; i < rest.n; i++)
        from = rest.p[i] == '/' ? i + 1 : from;
    struct bytes name = bytes_cut(rest, from, rest.n);
    while (k < ARRAY_LEN(kinds) && !bytes_starts(rest, arena_bytesf(c->arena, "%s/", entity_kind(kinds[k])->arn)))
        k++;
    if (!bytes_starts(arn, arena_bytesf(c->arena, "arn:aws:iam::%.*s:", (int)c->account.n, c->account.p)) || !name.n ||
        name.n > 128 || k == ARRAY_LEN(kinds))
        return query_fail(c, 400, "InvalidInput", "Invalid Entity Arn: %.*s", (int)(arn.n < 256 ? arn.n : 256), arn.p);
    if (api_find(c, kinds[k], name, &record) < 0)
        return -1;
    if (!bytes_eq_nocase(api_arn(c, kinds[k], record), arn))
        return query_fail(c, 404, "NoSuchEntity", "The entity with ARN %.*s cannot be found.",
                          (int)(arn.n < 256 ? arn.n : 256), arn.p);
    if (kinds[k] != ENTITY_GROUP)
        rc = kinds[k] == ENTITY_USER ? principal_load_user(c->ids, c->arena, c->account, name, p, &unused)
                                     : principal_load_role(c->ids, c->arena, c->account, name, p, &unused);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    boundary = record_text(record, "boundary");
    if (boundary.n && add_managed(c, boundary, true, &s->boundary) < 0)
        return -1;
    if (query_has(&c->params, "ResourcePolicy") && kinds[k] != ENTITY_USER && !query_has(&c->params, "CallerArn"))
        return invalid(c, "CallerArn is required when a resource policy is simulated for what is no user.");
    return add_entity(c, kinds[k], record, &s->identity) < 0 || add_groups(c, record, &s->group) < 0 ? -1 : 0;
}

int iam_simulate_principal(struct query_call *c)
{
    struct simulation s = {.call = c};
    struct bytes arn = query_text(c, "PolicySourceArn");
    struct principal p = *principal_anonymous();
    if (query_authorize(c, BYTES_LIT("iam:SimulatePrincipalPolicy"), arn, c->account) < 0)
        return -1;
    iam_context_init(&s.context, c->arena);
    p.caller = (struct iam_caller){.kind = IAM_CALLER_USER,
                                   .account = c->account,
                                   .canonical_id = c->who->caller.canonical_id,
                                   .arn = arn,
                                   .unique_id = BYTES_LIT("AIDASIMULATEDSIMULATE")};
    if (check_exclusions(c) < 0 || read_context(&s) < 0 || load_principal(&s, arn, &p) < 0)
        return -1;
    principal_fill(&p, &s.request);
    principal_set_context(&p, &s.context); /* what the caller makes up wins */
    return read_common(&s) < 0 ? -1 : simulate(&s);
}
