/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads policy documents. The JSON library judges what strangers send (no key twice, valid UTF-8, numbers in range);
 * its depth is bounded by a scan of the text before, since the library's own bound is generous. From a tree we build
 * what requests are compared with: names resolved, patterns compiled, values parsed, everything copied into the arena.
 *
 * An element that is not understood is an error, never skipped: a condition that is lost would widen an Allow.
 * Each complaint has two texts, S3's and IAM's, in one table. Threads: pure; the tree is private to a call.
 */
#include "server/iam/policy.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/iam/internal.h"
#include "server/json_text.h"
#include "server/json_tree.h"

#define ACCOUNT_ID_LEN   12
#define CANONICAL_ID_LEN 64
#define UNIQUE_ID_LEN    21
#define MAX_NUMBER       40 /* characters of a JSON number as text */

enum complaint {
    BAD_JSON,
    BAD_SYNTAX,
    BAD_VERSION,
    BAD_EFFECT,
    BAD_SID,
    SID_TWICE,
    UNKNOWN_FIELD,
    NO_STATEMENT,
    NO_EFFECT,
    NO_PRINCIPAL,
    NO_ACTION,
    NO_RESOURCE,
    HAS_PRINCIPAL,
    HAS_RESOURCE,
    BAD_PRINCIPAL,
    BAD_ACTION,
    BAD_TRUST_ACTION,
    BAD_RESOURCE,
    ACTION_WITHOUT_RESOURCE,
    BAD_OPERATOR,
    BAD_KEY,
    UNFIT_KEY,
};

/* What S3 and IAM say; %s is what they say it about. */
static const struct {
    const char *s3, *iam;
} texts[] = {
    [BAD_JSON] = {"Policies must be valid JSON and the first byte must be '{'", "This policy contains invalid Json"},
    [BAD_SYNTAX] = {"Invalid policy syntax.", "Syntax errors in policy."},
    [BAD_VERSION] = {"The policy must contain a valid version string",
                     "Policy document must be version 2012-10-17 or greater."},
    [BAD_EFFECT] = {"Invalid effect: %s", "Syntax errors in policy."},
    [BAD_SID] = {"Invalid policy syntax.", "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies "
                                           "the regular expression [0-9A-Za-z]*"},
    [SID_TWICE] = {"Invalid policy syntax.", "Statement IDs (SID) in a single policy must be unique."},
    [UNKNOWN_FIELD] = {"Unknown field %s", "Syntax errors in policy."},
    [NO_STATEMENT] = {"Missing required field Statement", "Syntax errors in policy."},
    [NO_EFFECT] = {"Missing required field Effect", "Syntax errors in policy."},
    [NO_PRINCIPAL] = {"Missing required field Principal", "Missing required field Principal"},
    [NO_ACTION] = {"Missing required field Action", "Policy statement must contain actions."},
    [NO_RESOURCE] = {"Missing required field Resource", "Policy statement must contain resources."},
    [HAS_PRINCIPAL] = {"Invalid policy syntax.", "Policy document should not specify a principal."},
    [HAS_RESOURCE] = {"Invalid policy syntax.", "Has prohibited field Resource"},
    [BAD_PRINCIPAL] = {"Invalid principal in policy", "Invalid principal in policy: %s"},
    [BAD_ACTION] = {"Policy has invalid action",
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
    [BAD_TRUST_ACTION] = {"Policy has invalid action", "AssumeRole policy may only specify STS AssumeRole actions."},
    [BAD_RESOURCE] = {"Policy has invalid resource", "Resource %s must be in ARN format or \"*\"."},
    [ACTION_WITHOUT_RESOURCE] = {"Action does not apply to any resource(s) in statement", "Syntax errors in policy."},
    [BAD_OPERATOR] = {"Invalid Condition type : %s", "Invalid Condition type : %s"},
    [BAD_KEY] = {"Policy has an invalid condition key",
                 "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
    [UNFIT_KEY] = {"Conditions do not apply to combination of actions and resources in statement",
                   "Syntax errors in policy."},
};

struct parser {
    struct arena *arena;
    const struct iam_policy_rules *rules;
    struct iam_policy *policy;
    struct iam_policy_error *error;
};

/* Always false. The first complaint is the one that is told. */
static bool complain(struct parser *p, enum complaint what, struct bytes about)
{
    const char *text = p->rules->kind == IAM_POLICY_BUCKET ? texts[what].s3 : texts[what].iam;
    const char *hole = strstr(text, "%s");
    *p->error = (struct iam_policy_error){IAM_POLICY_MALFORMED, bytes_str(text), bytes_dup(p->arena, about)};
    if (hole)
        p->error->message = arena_bytesf(p->arena, "%.*s%.*s%s", (int)(hole - text), text, (int)about.n,
                                         about.n ? about.p : "", hole + 2);
    return false;
}

/* --- the tree ----------------------------------------------------------------------------------------------------- */

/* A string, or an array of them: single values may stand without brackets. */
static size_t list_size(const struct json_node *j)
{
    return !j ? 0 : j->kind == NODE_ARRAY ? j->n : 1;
}

static const struct json_node *list_first(const struct json_node *j)
{
    return j && j->kind == NODE_ARRAY ? j->first : j;
}

static const struct json_node *list_next(const struct json_node *list, const struct json_node *item)
{
    return list->kind == NODE_ARRAY ? item->next : NULL;
}

static bool all_strings(const struct json_node *j)
{
    for (const struct json_node *one = list_first(j); one; one = list_next(j, one))
        if (one->kind != NODE_STRING)
            return false;
    return true;
}

/* The values of conditions may be numbers and booleans. */
static bool number_text(struct arena *arena, struct bytes written, struct bytes *ret)
{
    char number[MAX_NUMBER];
    const char *text = bytes_cstr(arena, written);
    bool whole = !strpbrk(text, ".eE");
    int n = whole ? snprintf(number, sizeof number, "%lld", strtoll(text, NULL, 10))
                  : snprintf(number, sizeof number, "%.15g", strtod(text, NULL));
    *ret = arena_bytesf(arena, "%s", number);
    return n < MAX_NUMBER;
}

static bool scalar_text(struct arena *arena, const struct json_node *j, struct bytes *ret)
{
    if (j->kind == NODE_NUMBER)
        return number_text(arena, j->text, ret);
    if (j->kind != NODE_STRING && j->kind != NODE_TRUE && j->kind != NODE_FALSE)
        return false;
    *ret = j->kind == NODE_STRING ? j->text : j->kind == NODE_TRUE ? BYTES_LIT("true") : BYTES_LIT("false");
    return true;
}

static bool only_fields(struct parser *p, const struct json_node *object, const char *const *names)
{
    for (const struct json_node *j = node_first(object); j; j = j->next) {
        size_t i = 0;
        while (names[i] && !bytes_eq_str(j->name, names[i]))
            i++;
        if (!names[i])
            return complain(p, UNKNOWN_FIELD, j->name);
    }
    return true;
}

/* --- variables ------------------------------------------------------------------------------------------------------
 */

static void note_key(struct parser *p, enum iam_key_id id)
{
    p->policy->keys[id / 64] |= (uint64_t)1 << (id % 64);
}

static bool note_variables(struct parser *p, const struct wild *w)
{
    for (size_t i = 0; w->variables && i < w->n; i++)
        if (w->pieces[i].kind == WILD_VARIABLE)
            note_key(p, ((const struct iam_key *)w->pieces[i].variable)->id);
    return w->variables;
}

static bool note_arn_variables(struct parser *p, const struct arn_pattern *a)
{
    bool any = false;
    for (int i = 0; i < ARN_PARTS; i++)
        any |= note_variables(p, &a->part[i]);
    return any;
}

/* --- principals
 * ------------------------------------------------------------------------------------------------------- */

static bool all_of(struct bytes t, const char *set, size_t length)
{
    for (size_t i = 0; i < t.n; i++)
        if (!t.p[i] || !strchr(set, t.p[i]))
            return false;
    return t.n == length;
}

static bool is_account(struct bytes t)
{
    return all_of(t, "0123456789", ACCOUNT_ID_LEN);
}

static bool is_unique_id(struct bytes t)
{
    return all_of(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", UNIQUE_ID_LEN) &&
           (bytes_starts(t, BYTES_LIT("AIDA")) || bytes_starts(t, BYTES_LIT("AROA")));
}

static bool has_wildcard(struct bytes t)
{
    return t.n && (memchr(t.p, '*', t.n) || memchr(t.p, '?', t.n));
}

/* "user/" and something behind it, as many parts as said: 0 for any number. */
static bool named(struct bytes resource, const char *kind, size_t slashes)
{
    size_t n = 0;
    if (!bytes_starts(resource, bytes_str(kind)) || resource.n == strlen(kind) || resource.p[resource.n - 1] == '/')
        return false;
    for (size_t i = 0; i < resource.n; i++)
        n += resource.p[i] == '/';
    return !slashes || n == slashes;
}

static bool principal_of_arn(struct bytes text, const struct arn *a, struct iam_principal *ret)
{
    struct bytes resource = a->part[ARN_RESOURCE];
    if (!bytes_eq_str(a->part[ARN_ARN], "arn") || !bytes_eq_str(a->part[ARN_PARTITION], "aws") ||
        a->part[ARN_REGION].n || !is_account(a->part[ARN_ACCOUNT]))
        return false;
    *ret = (struct iam_principal){.value = text};
    if (bytes_eq_str(a->part[ARN_SERVICE], "iam")) {
        if (bytes_eq_str(resource, "root"))
            *ret = (struct iam_principal){IAM_PRINCIPAL_ACCOUNT, a->part[ARN_ACCOUNT]};
        else if (named(resource, "user/", 0))
            ret->kind = IAM_PRINCIPAL_USER;
        else if (named(resource, "role/", 0))
            ret->kind = IAM_PRINCIPAL_ROLE;
        else
            return false; /* a group, for one, is no principal */
        return true;
    }
    ret->kind =
        bytes_starts(resource, BYTES_LIT("assumed-role/")) ? IAM_PRINCIPAL_SESSION : IAM_PRINCIPAL_FEDERATED_USER;
    return bytes_eq_str(a->part[ARN_SERVICE], "sts") &&
           (named(resource, "assumed-role/", 2) || named(resource, "federated-user/", 1));
}

bool iam_principal_parse(struct arena *arena, struct bytes text, struct iam_principal *ret)
{
    struct arn arn;
    if (bytes_eq_str(text, "*")) {
        *ret = (struct iam_principal){IAM_PRINCIPAL_ANYONE, BYTES_NONE};
        return true;
    }
    if (has_wildcard(text))
        return false;
    text = bytes_dup(arena, text);
    if (is_account(text))
        *ret = (struct iam_principal){IAM_PRINCIPAL_ACCOUNT, text};
    else if (is_unique_id(text))
        *ret = (struct iam_principal){IAM_PRINCIPAL_UNIQUE_ID, text};
    else
        return arn_split(text, &arn) && principal_of_arn(text, &arn, ret);
    return true;
}

static bool is_host(struct bytes t)
{
    for (size_t i = 0; i < t.n; i++)
        if (!t.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", t.p[i]))
            return false;
    return bytes_find_char(t, '.', 0) > 0;
}

static bool other_principal(struct arena *arena, struct bytes type, struct bytes text, struct iam_principal *ret)
{
    struct arn arn;
    *ret = (struct iam_principal){.value = bytes_dup(arena, text)};
    if (bytes_eq_str(type, "CanonicalUser")) {
        ret->kind = IAM_PRINCIPAL_CANONICAL;
        return all_of(text, "0123456789abcdef", CANONICAL_ID_LEN);
    }
    if (bytes_eq_str(type, "Service")) {
        ret->kind = IAM_PRINCIPAL_SERVICE;
        return is_host(text);
    }
    ret->kind = IAM_PRINCIPAL_PROVIDER;
    return bytes_eq_str(type, "Federated") && !has_wildcard(text) && (is_host(text) || arn_split(text, &arn));
}

/* From here on it is the very one that was meant. */
static void bind_principal(struct parser *p, struct iam_principal *to)
{
    struct bytes id;
    bool named = to->kind == IAM_PRINCIPAL_USER || to->kind == IAM_PRINCIPAL_ROLE;
    if (named && p->rules->principal_id && p->rules->principal_id(p->rules->ctx, to->value, &id))
        *to = (struct iam_principal){IAM_PRINCIPAL_UNIQUE_ID, bytes_dup(p->arena, id)};
}

static bool add_principal(struct parser *p, struct iam_statement *s, struct bytes type, struct bytes text)
{
    struct iam_principal *to = &s->principals[s->n_principals++];
    bool good =
        bytes_eq_str(type, "AWS") ? iam_principal_parse(p->arena, text, to) : other_principal(p->arena, type, text, to);
    if (good && to->kind != IAM_PRINCIPAL_ANYONE && p->rules->principal_exists)
        good = p->rules->principal_exists(p->rules->ctx, to);
    if (!good)
        return complain(
            p, BAD_PRINCIPAL,
            arena_bytesf(p->arena, "\"%.*s\":\"%.*s\"", (int)type.n, type.p, (int)text.n, text.n ? text.p : ""));
    bind_principal(p, to);
    return true;
}

static bool parse_principals(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    size_t n = 0;
    if (bytes_eq_str(node_text(j), "*")) {
        s->principals = arena_new(p->arena, struct iam_principal);
        s->n_principals = 1;
        return true;
    }
    const struct json_node *types = j->kind == NODE_OBJECT ? j->first : NULL;
    for (const struct json_node *type = types; type; type = type->next) {
        n += list_size(type);
        if (!all_strings(type) || list_size(type) == 0)
            return complain(p, BAD_PRINCIPAL, type->name);
    }
    if (n == 0)
        return complain(p, BAD_PRINCIPAL, node_text(j));
    s->principals = arena_new_array(p->arena, struct iam_principal, n);
    for (const struct json_node *type = types; type; type = type->next)
        for (const struct json_node *one = list_first(type); one; one = list_next(type, one))
            if (!add_principal(p, s, type->name, one->text))
                return false;
    return true;
}

static bool parse_principal_elements(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    const struct json_node *yes = node_get(j, "Principal"), *no = node_get(j, "NotPrincipal");
    if (p->rules->kind == IAM_POLICY_IDENTITY)
        return !yes && !no ? true : complain(p, HAS_PRINCIPAL, BYTES_NONE);
    if (!yes && !no)
        return complain(p, NO_PRINCIPAL, BYTES_NONE);
    /* "Everybody but" in an Allow lets in the anonymous too. */
    if ((yes && no) || (no && s->allow))
        return complain(p, BAD_SYNTAX, BYTES_LIT("NotPrincipal"));
    s->not_principal = no != NULL;
    return parse_principals(p, s, yes ? yes : no);
}

/* --- actions and resources -------------------------------------------------------------------------------------------
 */

static bool action_is_well_formed(struct bytes t)
{
    ptrdiff_t colon = bytes_find_char(t, ':', 0);
    if (bytes_eq_str(t, "*"))
        return true;
    if (colon <= 0 || (size_t)colon + 1 == t.n)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && i != (size_t)colon && c != '*' && c != '?' && c != '-')
            return false;
    }
    return true;
}

static bool is_trust_action(const struct wild *w)
{
    static const char *const known[] = {"sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml",
                                        "sts:tagsession", "sts:setsourceidentity",         "sts:setcontext"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (wild_match(w, bytes_str(known[i])))
            return true;
    return false;
}

static bool parse_action(struct parser *p, struct bytes text, struct wild *ret)
{
    if (!action_is_well_formed(text) || !wild_compile(p->arena, text, WILD_WILDCARDS | WILD_FOLD, NULL, ret))
        return complain(p, BAD_ACTION, text);
    if (p->rules->kind == IAM_POLICY_BUCKET && !bucket_action_known(ret))
        return complain(p, BAD_ACTION, text);
    if (p->rules->kind == IAM_POLICY_TRUST && (bytes_eq_str(text, "*") || !is_trust_action(ret)))
        return complain(p, BAD_TRUST_ACTION, text);
    return true;
}

static bool parse_actions(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    const struct json_node *yes = node_get(j, "Action"), *no = node_get(j, "NotAction");
    const struct json_node *list = yes ? yes : no;
    if (yes && no)
        return complain(p, BAD_SYNTAX, BYTES_LIT("NotAction"));
    if (list_size(list) == 0)
        return complain(p, NO_ACTION, BYTES_NONE);
    if (!all_strings(list))
        return complain(p, BAD_SYNTAX, BYTES_LIT("Action"));
    s->not_action = no != NULL;
    s->n_actions = list_size(list);
    s->actions = arena_new_array(p->arena, struct wild, s->n_actions);
    struct wild *to = s->actions;
    for (const struct json_node *one = list_first(list); one; one = list_next(list, one))
        if (!parse_action(p, one->text, to++))
            return false;
    return true;
}

static bool parse_resource(struct parser *p, struct bytes text, struct arn_pattern *ret, bool *ret_variables)
{
    unsigned flags = WILD_WILDCARDS | (p->policy->variables ? WILD_VARIABLES : 0);
    if (!arn_compile(p->arena, text, flags, condition_variable_name, ret))
        return complain(p, BAD_RESOURCE, text);
    *ret_variables = note_arn_variables(p, ret);
    bool good = ret->any || bytes_eq_str(wild_literal(&ret->part[ARN_ARN]), "arn");
    /* Variables stand in the last part alone. */
    for (int i = 0; i < ARN_RESOURCE; i++)
        good = good && !ret->part[i].variables;
    if (!good || (p->rules->kind == IAM_POLICY_BUCKET && !bucket_resource_fits(p->arena, ret, p->rules->bucket)))
        return complain(p, BAD_RESOURCE, text);
    return true;
}

static bool parse_resources(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    const struct json_node *yes = node_get(j, "Resource"), *no = node_get(j, "NotResource");
    const struct json_node *list = yes ? yes : no;
    s->any_resource = p->rules->kind == IAM_POLICY_TRUST;
    if (s->any_resource)
        return list ? complain(p, HAS_RESOURCE, BYTES_NONE) : true;
    if (yes && no)
        return complain(p, BAD_SYNTAX, BYTES_LIT("NotResource"));
    if (list_size(list) == 0)
        return complain(p, NO_RESOURCE, BYTES_NONE);
    if (!all_strings(list))
        return complain(p, BAD_SYNTAX, BYTES_LIT("Resource"));
    s->not_resource = no != NULL;
    s->n_resources = list_size(list);
    s->resources = arena_new_array(p->arena, struct arn_pattern, s->n_resources);
    s->resource_variables = arena_new_array(p->arena, bool, s->n_resources);
    size_t i = 0;
    for (const struct json_node *one = list_first(list); one; one = list_next(list, one), i++)
        if (!parse_resource(p, one->text, &s->resources[i], &s->resource_variables[i]))
            return false;
    return true;
}

/* --- conditions
 * --------------------------------------------------------------------------------------------------------- */

static void note_value_variables(struct parser *p, const struct iam_condition *c, const struct condition_value *v)
{
    if (c->test == TEST_ARN && !v->never)
        note_arn_variables(p, v->arn);
    else if (c->test == TEST_STRING || c->test == TEST_STRING_LIKE || c->test == TEST_STRING_NOCASE)
        note_variables(p, &v->string);
}

static bool parse_condition(struct parser *p, struct iam_condition *c, const struct json_node *values)
{
    struct bytes key = values->name, text;
    if (!iam_key_of(p->arena, key, &c->key) ||
        (c->key.id == IAM_KEY_UNKNOWN && bytes_find_char(key, ':', 0) <= 0 && p->rules->kind != IAM_POLICY_TRUST))
        return complain(p, BAD_KEY, key);
    note_key(p, c->key.id);
    c->n = list_size(values);
    c->values = arena_new_array(p->arena, struct condition_value, c->n);
    if (c->n == 0)
        return complain(p, BAD_SYNTAX, key);
    struct condition_value *to = c->values;
    for (const struct json_node *one = list_first(values); one; one = list_next(values, one)) {
        if (!scalar_text(p->arena, one, &text) || !condition_value(p->arena, c, text, p->policy->variables, to))
            return complain(p, BAD_SYNTAX, key);
        note_value_variables(p, c, to++);
    }
    return true;
}

static bool parse_conditions(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    size_t n = 0;
    if (!j)
        return true;
    if (j->kind != NODE_OBJECT)
        return complain(p, BAD_SYNTAX, BYTES_LIT("Condition"));
    for (const struct json_node *keys = j->first; keys; keys = keys->next) {
        if (keys->kind != NODE_OBJECT)
            return complain(p, BAD_SYNTAX, keys->name);
        n += keys->n;
    }
    s->conditions = arena_new_array(p->arena, struct iam_condition, n);
    for (const struct json_node *keys = j->first; keys; keys = keys->next) {
        struct iam_condition c;
        if (!condition_operator(keys->name, &c))
            return complain(p, BAD_OPERATOR, keys->name);
        for (const struct json_node *values = keys->first; values; values = values->next) {
            s->conditions[s->n_conditions] = c;
            if (!parse_condition(p, &s->conditions[s->n_conditions++], values))
                return false;
        }
    }
    return true;
}

/* --- statements
 * ----------------------------------------------------------------------------------------------------------- */

static bool parse_sid(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    if (!j)
        return true;
    if (j->kind != NODE_STRING)
        return complain(p, BAD_SYNTAX, BYTES_LIT("Sid"));
    s->sid = bytes_dup(p->arena, j->text);
    for (size_t i = 0; i < s->sid.n && p->rules->kind != IAM_POLICY_BUCKET; i++) {
        char c = s->sid.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return complain(p, BAD_SID, s->sid);
    }
    for (const struct iam_statement *other = p->policy->statements; other < s && s->sid.n; other++)
        if (bytes_eq(other->sid, s->sid))
            return complain(p, SID_TWICE, s->sid);
    return true;
}

static bool parse_effect(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    if (!j)
        return complain(p, NO_EFFECT, BYTES_NONE);
    s->allow = bytes_eq_str(node_text(j), "Allow");
    return s->allow || bytes_eq_str(node_text(j), "Deny") ? true : complain(p, BAD_EFFECT, node_text(j));
}

static bool check_bucket_statement(struct parser *p, const struct iam_statement *s)
{
    static const enum complaint complaints[] = {[BUCKET_ACTION_WITHOUT_RESOURCE] = ACTION_WITHOUT_RESOURCE,
                                                [BUCKET_KEY_UNKNOWN] = BAD_KEY,
                                                [BUCKET_KEY_UNFIT] = UNFIT_KEY};
    struct bytes detail;
    enum bucket_fault fault = bucket_statement_check(p->arena, s, p->rules->bucket, &detail);
    return fault == BUCKET_OK || complain(p, complaints[fault], detail);
}

static bool parse_statement(struct parser *p, struct iam_statement *s, const struct json_node *j)
{
    static const char *const fields[] = {"Sid",       "Effect",   "Principal",   "NotPrincipal", "Action",
                                         "NotAction", "Resource", "NotResource", "Condition",    NULL};
    if (j->kind != NODE_OBJECT)
        return complain(p, BAD_SYNTAX, BYTES_LIT("Statement"));
    return only_fields(p, j, fields) && parse_sid(p, s, node_get(j, "Sid")) &&
           parse_effect(p, s, node_get(j, "Effect")) && parse_principal_elements(p, s, j) && parse_actions(p, s, j) &&
           parse_resources(p, s, j) && parse_conditions(p, s, node_get(j, "Condition")) &&
           (p->rules->kind != IAM_POLICY_BUCKET || check_bucket_statement(p, s));
}

static bool parse_version(struct parser *p, const struct json_node *j)
{
    p->policy->variables = bytes_eq_str(node_text(j), "2012-10-17");
    if (!j || p->policy->variables || bytes_eq_str(node_text(j), "2008-10-17"))
        return true;
    return complain(p, BAD_VERSION, node_text(j));
}

static bool parse_document(struct parser *p, const struct json_node *j)
{
    static const char *const fields[] = {"Version", "Id", "Statement", NULL};
    const struct json_node *id = node_get(j, "Id"), *list = node_get(j, "Statement");
    size_t n = list_size(list);
    if (j->kind != NODE_OBJECT)
        return complain(p, BAD_JSON, BYTES_NONE);
    if (!only_fields(p, j, fields) || !parse_version(p, node_get(j, "Version")))
        return false;
    if (!list)
        return complain(p, NO_STATEMENT, BYTES_NONE);
    bool bad_id = id && id->kind != NODE_STRING;
    if (bad_id || n == 0 || n > IAM_POLICY_MAX_STATEMENTS)
        return complain(p, BAD_SYNTAX, bad_id ? BYTES_LIT("Id") : BYTES_LIT("Statement"));
    p->policy->statements = arena_new_array(p->arena, struct iam_statement, n);
    for (const struct json_node *one = list_first(list); one; one = list_next(list, one))
        if (!parse_statement(p, &p->policy->statements[p->policy->n++], one))
            return false;
    return true;
}

/* --- the text
 * --------------------------------------------------------------------------------------------------------------- */

size_t iam_policy_chars(struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        n += c != ' ' && c != '\t' && c != '\r' && c != '\n' && (c & 0xc0) != 0x80;
    }
    return n;
}

/* Tab, line ends, and U+0020 to U+00FF; the latter take two bytes that begin with C2 or C3. */
static bool characters_allowed(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c > 0xc3)
            return false;
    }
    return utf8_valid(text);
}

static bool check_text(struct parser *p, struct bytes text)
{
    const struct iam_policy_rules *r = p->rules;
    bool bucket = r->kind == IAM_POLICY_BUCKET;
    size_t max = bucket ? IAM_POLICY_MAX_BUCKET : IAM_POLICY_MAX_DOCUMENT;
    *p->error = (struct iam_policy_error){.fault = IAM_POLICY_TOO_LARGE};
    if (text.n > max) {
        p->error->message =
            arena_bytesf(p->arena, "Normalized policy document exceeds the maximum allowed size of %zu bytes.", max);
        return false;
    }
    if (!bucket && r->max_chars && iam_policy_chars(text) > r->max_chars) {
        p->error->message = arena_bytesf(p->arena, "Cannot exceed quota for PolicySize: %zu", r->max_chars);
        return false;
    }
    if (!bucket && !characters_allowed(text)) {
        p->error->fault = IAM_POLICY_BAD_CHARACTER;
        p->error->message = BYTES_LIT("The specified value for policyDocument is invalid. It must contain only "
                                      "printable characters up to U+00FF, tabs and line ends.");
        return false;
    }
    if ((bucket && (!text.n || text.p[0] != '{')) || json_deeper_than(text, IAM_POLICY_MAX_DEPTH))
        return complain(p, BAD_JSON, BYTES_NONE);
    return true;
}

static bool judged_good(struct parser *p, struct bytes text)
{
    json_error_t why;
    json_t *tree = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &why);
    bool good = tree != NULL;
    json_decref(tree);
    return good || complain(p, BAD_JSON, bytes_str(why.text));
}

const struct iam_policy *iam_policy_parse(struct arena *arena, const struct iam_policy_rules *rules, struct bytes text,
                                          struct iam_policy_error *ret_error)
{
    struct iam_policy *policy = arena_new(arena, struct iam_policy);
    struct parser p = {arena, rules, policy, ret_error};
    policy->kind = rules->kind;
    if (!check_text(&p, text))
        return NULL;
    if (!rules->stored && !judged_good(&p, text))
        return NULL;
    struct arena *scratch = arena_create(0);
    const struct json_node *tree = json_tree_read(scratch, text);
    bool good = tree ? parse_document(&p, tree) : complain(&p, BAD_JSON, BYTES_NONE);
    arena_free(scratch);
    if (!good)
        return NULL;
    policy->is_public = rules->kind == IAM_POLICY_BUCKET && bucket_policy_public(policy);
    return policy;
}

/* --- looking at one
 * ----------------------------------------------------------------------------------------------------------- */

size_t iam_policy_statements(const struct iam_policy *p)
{
    return p->n;
}

struct bytes iam_policy_sid(const struct iam_policy *p, size_t statement)
{
    CHECK(statement < p->n);
    return p->statements[statement].sid;
}

bool iam_policy_allows_something(const struct iam_policy *p, size_t statement)
{
    CHECK(statement < p->n);
    return p->statements[statement].allow;
}

const struct iam_principal *iam_policy_principals(const struct iam_policy *p, size_t statement, size_t *ret_n)
{
    CHECK(statement < p->n);
    *ret_n = p->statements[statement].n_principals;
    return p->statements[statement].principals;
}

bool iam_policy_uses(const struct iam_policy *p, enum iam_key_id id)
{
    return p->keys[id / 64] >> (id % 64) & 1;
}

bool iam_policy_uses_any(const struct iam_policy *p)
{
    uint64_t any = 0;
    for (size_t i = 0; i < KEY_WORDS; i++)
        any |= p->keys[i];
    return any != 0;
}

bool iam_policy_is_public(const struct iam_policy *p)
{
    return p->is_public;
}
