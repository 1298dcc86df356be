/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulators: would these policies, or those of a user, group or role, allow these actions on these resources? They
 * ask the same iam_decide as requests do, with the condition keys that the caller makes up, and nothing happens.
 * Threads: workers.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/iam/iam_api.h"

#define SIMULATIONS_MAX 2000 /* pairs of an action and a resource */
#define CONTEXT_MAX     200  /* made-up condition keys */

struct simulation {
    struct query_call *call;
    struct iam_request request;
    struct iam_context context;
};

static bool parse_list(struct query_call *c, const char *name, struct iam_policies *ret)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    struct bytes *texts;
    size_t n = query_members(c, name, &texts);
    const struct iam_policy **list = arena_new_array(c->arena, const struct iam_policy *, ret->n + n + 1);
    for (size_t i = 0; i < ret->n; i++)
        list[i] = ret->list[i];
    for (size_t i = 0; i < n; i++) {
        struct iam_policy_error error;
        list[ret->n + i] = iam_policy_parse(c->arena, &rules, texts[i], &error);
        if (!list[ret->n + i]) {
            query_set_error(c, 400, "InvalidInput", "%.*s", (int)error.message.n, error.message.p);
            return false;
        }
    }
    *ret = (struct iam_policies){list, ret->n + n};
    return true;
}

static int read_context(struct simulation *s)
{
    struct query_call *c = s->call;
    char name[128];
    iam_context_init(&s->context, c->arena);
    for (size_t i = 1; i <= CONTEXT_MAX; i++) {
        struct bytes *values;
        snprintf(name, sizeof name, "ContextEntries.member.%zu.ContextKeyName", i);
        struct bytes key = query_text(c, name);
        if (!key.p)
            return 0;
        snprintf(name, sizeof name, "ContextEntries.member.%zu.ContextKeyValues", i);
        size_t n = query_members(c, name, &values);
        if (!iam_context_set_named(&s->context, key, values, n))
            return query_fail(c, 400, "InvalidInput", "Invalid context key name.");
    }
    return query_fail(c, 400, "InvalidInput", "Too many context entries.");
}

static int read_common(struct simulation *s)
{
    struct query_call *c = s->call;
    struct iam_policies boundary = {0};
    if (!parse_list(c, "PolicyInputList", &s->request.identity) ||
        !parse_list(c, "PermissionsBoundaryPolicyInputList", &boundary) || read_context(s) < 0)
        return -1;
    if (boundary.n > 1)
        return query_fail(c, 400, "InvalidInput", "Only one permissions boundary can be simulated.");
    if (boundary.n)
        s->request.boundary = boundary.list[0];
    s->request.context = &s->context;
    return 0;
}

static void render_matched(struct simulation *s, const struct iam_decision *d)
{
    struct buf *out = s->call->out;
    xml_open(out, "MatchedStatements");
    if (d->allowed || d->explicit_deny) {
        xml_open(out, "member");
        xml_element(out, "SourcePolicyId",
                    arena_bytesf(s->call->arena, "%s.%zu", iam_source_name(d->source), d->policy + 1));
        xml_element(out, "SourcePolicyType",
                    d->source == IAM_FROM_RESOURCE ? BYTES_LIT("Resource Policy") : BYTES_LIT("IAM Policy"));
        xml_close(out, "member");
    }
    xml_close(out, "MatchedStatements");
    xml_open(out, "MissingContextValues");
    xml_close(out, "MissingContextValues");
}

static void simulate_one(struct simulation *s, struct bytes action, struct bytes resource)
{
    struct buf *out = s->call->out;
    bool anything = resource.n == 1 && *resource.p == '*';
    s->request.action = action;
    s->request.resource = anything ? BYTES_NONE : resource;
    struct iam_decision d = iam_decide(&s->request);
    xml_open(out, "member");
    xml_element(out, "EvalActionName", action);
    xml_element(out, "EvalResourceName", resource);
    xml_element(out, "EvalDecision",
                d.allowed         ? BYTES_LIT("allowed")
                : d.explicit_deny ? BYTES_LIT("explicitDeny")
                                  : BYTES_LIT("implicitDeny"));
    render_matched(s, &d);
    xml_close(out, "member");
}

static int simulate(struct simulation *s)
{
    struct query_call *c = s->call;
    struct bytes *actions, *resources;
    size_t n_actions = query_members(c, "ActionNames", &actions), n = query_members(c, "ResourceArns", &resources);
    size_t from, to;
    if (n_actions == 0)
        return query_fail(
            c, 400, "ValidationError",
            "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member "
            "must not be null");
    if (n == 0)
        resources[n++] = BYTES_LIT("*");
    if (n_actions * n > SIMULATIONS_MAX)
        return query_fail(c, 400, "InvalidInput", "Too many actions and resources.");
    for (size_t i = 0; i < n_actions; i++)
        if (bytes_find_char(actions[i], ':', 0) <= 0 || actions[i].n > 128)
            return query_fail(c, 400, "ValidationError", "Invalid Entity Arn or action: %.*s",
                              (int)(actions[i].n < 128 ? actions[i].n : 128), actions[i].n ? actions[i].p : "");
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
    s.request.caller =
        (struct iam_caller){.kind = IAM_CALLER_USER,
                            .account = c->account,
                            .canonical_id = c->who->caller.canonical_id,
                            .arn = iam_arn(c->arena, "user", c->account, BYTES_NONE, BYTES_LIT("simulated")),
                            .unique_id = BYTES_LIT("AIDASIMULATEDSIMULATE")};
    return read_common(&s) < 0 ? -1 : simulate(&s);
}

/* A group has no principal: its policies are those of somebody who is in nothing else. */
static int load_group(struct query_call *c, struct bytes name, struct simulation *s)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    json_t *group, *id;
    const char *unused;
    if (api_find(c, ENTITY_GROUP, name, &group) < 0)
        return -1;
    const json_t *attached = json_object_get(group, "attached");
    json_t *policies = record_object(group, "inline");
    const struct iam_policy **list = arena_new_array(c->arena, const struct iam_policy *,
                                                     json_array_size(attached) + json_object_size(policies) + 1);
    struct iam_policy_error error;
    struct bytes text;
    size_t n = 0;
    int rc = STORE_OK;
    for (size_t i = 0; i < json_array_size(attached) && rc == STORE_OK; i++) {
        rc = policy_document(c->ids, c->arena, json_bytes(json_array_get(attached, i)), &text);
        if (rc == STORE_OK)
            list[n++] = iam_policy_parse(c->arena, &rules, text, &error);
    }
    json_object_foreach(policies, unused, id)
    {
        if (rc == STORE_OK)
            rc = document_get(c->ids, c->arena, json_bytes(id), &text);
        if (rc == STORE_OK)
            list[n++] = iam_policy_parse(c->arena, &rules, text, &error);
    }
    (void)unused;
    for (size_t i = 0; i < n && rc == STORE_OK; i++)
        rc = list[i] ? STORE_OK : STORE_CORRUPT;
    s->request.group = (struct iam_policies){list, n};
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

int iam_simulate_principal(struct query_call *c)
{
    struct simulation s = {.call = c};
    struct bytes arn = query_text(c, "PolicySourceArn"), rest = bytes_cut(arn, 26, arn.n);
    struct principal p = *principal_anonymous();
    json_t *record;
    size_t from = 0;
    int rc = STORE_OK;
    for (size_t i = 0; i < rest.n; i++)
        from = rest.p[i] == '/' ? i + 1 : from;
    struct bytes name = bytes_cut(rest, from, rest.n);
    if (!bytes_starts(arn, arena_bytesf(c->arena, "arn:aws:iam::%.*s:", (int)c->account.n, c->account.p)) || !name.n)
        return query_fail(c, 400, "InvalidInput", "Invalid Entity Arn: %.*s", (int)arn.n, arn.p);
    p.caller = (struct iam_caller){.kind = IAM_CALLER_USER,
                                   .account = c->account,
                                   .canonical_id = c->who->caller.canonical_id,
                                   .arn = arn,
                                   .unique_id = BYTES_LIT("AIDASIMULATEDSIMULATE")};
    if (bytes_starts(rest, BYTES_LIT("user/")))
        rc = principal_load_user(c->ids, c->arena, c->account, name, &p, &record);
    else if (bytes_starts(rest, BYTES_LIT("role/")))
        rc = principal_load_role(c->ids, c->arena, c->account, name, &p, &record);
    else if (!bytes_starts(rest, BYTES_LIT("group/")))
        return query_fail(c, 400, "InvalidInput", "Invalid Entity Arn: %.*s", (int)arn.n, arn.p);
    if (rc == STORE_NO_SUCH_SETTING)
        return query_fail(c, 404, "NoSuchEntity", "The entity with ARN %.*s cannot be found.", (int)arn.n, arn.p);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    principal_fill(&p, &s.request);
    if ((bytes_starts(rest, BYTES_LIT("group/")) && load_group(c, name, &s) < 0) || read_common(&s) < 0)
        return -1;
    principal_set_context(&p, &s.context);
    return simulate(&s);
}
