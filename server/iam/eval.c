/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision. First every policy is asked once (`ask`), which gives for each source whether something allows and
 * whether something denies; then `decide` combines these answers. A policy that already allows is only searched for
 * Denies further on.
 *
 * A resource's policy is asked for more: not just whether it allows, but how it names the caller (enum naming), since
 * that decides whether the caller's own policies, its boundary and its session policy have a say.
 *
 * What a statement says of a caller by NotPrincipal is judged along the caller's chain: account, user or role,
 * session; each must be excepted, or the statement applies.
 * Threads: pure functions.
 */
#include "server/iam/eval.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/iam/internal.h"

#define MAX_ACTION 128 /* bytes of an action's name; there is none so long */

/* How a statement names the caller, the closer the greater. */
enum naming {
    NAMED_NOT,
    NAMED_ACCOUNT, /* lets the account's own policies decide */
    NAMED_ISSUER,  /* the role of a session, the user of a federated one: boundary and session policy limit it */
    NAMED_SELF,    /* session or service: nothing limits it; root and user: the session policy of temporary keys */
    NAMED_ALL,     /* everybody */
};

/* What is the same for all statements. */
struct question {
    const struct iam_request *r;
    char action_text[MAX_ACTION];
    struct bytes action; /* in lower case */
    struct arn arn;
    const struct arn *resource; /* NULL: none */
};

struct answer {
    bool allow, deny;
    enum naming naming; /* of the Allow, for resource policies */
    size_t allow_policy, allow_statement, deny_policy, deny_statement;
};

/* --- does a statement apply? ----------------------------------------------------------------------------------------
 */

static bool action_applies(const struct question *q, const struct iam_statement *s)
{
    for (size_t i = 0; i < s->n_actions; i++)
        if (wild_match(&s->actions[i], q->action))
            return !s->not_action;
    return s->not_action;
}

static bool resource_matches(const struct question *q, const struct iam_statement *s, size_t i, bool *ret_unbound)
{
    struct arn_pattern bound;
    if (!s->resource_variables[i])
        return arn_match(&s->resources[i], q->resource);
    if (arn_never_matches(&s->resources[i], q->resource))
        return false;
    if (!s->not_resource && q->resource &&
        wild_differs(&s->resources[i].part[ARN_RESOURCE], condition_variable_value, q->r->context,
                     q->resource->part[ARN_RESOURCE]))
        return false;
    if (arn_bind(q->r->context->arena, &s->resources[i], condition_variable_value, q->r->context, &bound))
        return arn_match(&bound, q->resource);
    *ret_unbound = true;
    return false;
}

static bool resource_applies(const struct question *q, const struct iam_statement *s)
{
    bool unbound = false;
    if (s->any_resource)
        return true;
    for (size_t i = 0; i < s->n_resources; i++)
        if (resource_matches(q, s, i, &unbound))
            return !s->not_resource;
    /* An Allow on all but something that cannot be told is an Allow on nothing. */
    return s->not_resource && !(unbound && s->allow);
}

static bool conditions_hold(const struct question *q, const struct iam_statement *s)
{
    for (size_t i = 0; i < s->n_conditions; i++)
        if (!condition_holds(&s->conditions[i], q->r->context))
            return false;
    return true;
}

static bool statement_applies(const struct question *q, const struct iam_statement *s)
{
    return action_applies(q, s) && resource_applies(q, s) && conditions_hold(q, s);
}

/* --- principals
 * ---------------------------------------------------------------------------------------------------------- */

static bool is_session(const struct iam_caller *c)
{
    return c->kind == IAM_CALLER_ROLE || c->kind == IAM_CALLER_FEDERATED;
}

static bool is_principal_arn(const struct iam_principal *p)
{
    return p->kind == IAM_PRINCIPAL_USER || p->kind == IAM_PRINCIPAL_ROLE || p->kind == IAM_PRINCIPAL_SESSION ||
           p->kind == IAM_PRINCIPAL_FEDERATED_USER;
}

static bool same(struct bytes a, struct bytes b)
{
    return a.n && bytes_eq(a, b);
}

static bool names_account(const struct iam_principal *p, const struct iam_caller *c)
{
    return (p->kind == IAM_PRINCIPAL_ACCOUNT && same(c->account, p->value)) ||
           (p->kind == IAM_PRINCIPAL_CANONICAL && same(c->canonical_id, p->value));
}

static bool names_issuer(const struct iam_principal *p, const struct iam_caller *c)
{
    if (!is_session(c))
        return false;
    return (is_principal_arn(p) && same(c->issuer, p->value)) ||
           (p->kind == IAM_PRINCIPAL_UNIQUE_ID && same(c->unique_id, p->value));
}

static bool names_self(const struct iam_principal *p, const struct iam_caller *c)
{
    switch (c->kind) {
    case IAM_CALLER_ANONYMOUS:
        return false;
    case IAM_CALLER_ROOT:
        return names_account(p, c);
    case IAM_CALLER_SERVICE:
        return p->kind == IAM_PRINCIPAL_SERVICE && same(c->arn, p->value);
    case IAM_CALLER_WEB_IDENTITY:
        return p->kind == IAM_PRINCIPAL_PROVIDER && same(c->arn, p->value);
    case IAM_CALLER_USER:
        return (p->kind == IAM_PRINCIPAL_USER && same(c->arn, p->value)) ||
               (p->kind == IAM_PRINCIPAL_UNIQUE_ID && same(c->unique_id, p->value));
    case IAM_CALLER_ROLE:
        return p->kind == IAM_PRINCIPAL_SESSION && same(c->arn, p->value);
    case IAM_CALLER_FEDERATED:
        return p->kind == IAM_PRINCIPAL_FEDERATED_USER && same(c->arn, p->value);
    }
    return false;
}

static enum naming naming_of(const struct iam_principal *p, const struct iam_caller *c)
{
    /* An identity provider's people are let in by the provider's name only. */
    if (p->kind == IAM_PRINCIPAL_ANYONE)
        return c->kind == IAM_CALLER_WEB_IDENTITY ? NAMED_ACCOUNT : NAMED_ALL;
    if (names_self(p, c))
        return NAMED_SELF;
    if (names_issuer(p, c))
        return NAMED_ISSUER;
    return names_account(p, c) ? NAMED_ACCOUNT : NAMED_NOT;
}

/* Is every link of the caller's chain in the list? */
static bool excepted(const struct iam_statement *s, const struct iam_caller *c)
{
    bool self = false, issuer = !is_session(c), account = c->account.n == 0;
    for (size_t i = 0; i < s->n_principals; i++) {
        const struct iam_principal *p = &s->principals[i];
        if (p->kind == IAM_PRINCIPAL_ANYONE)
            return true;
        self |= names_self(p, c);
        issuer |= names_issuer(p, c);
        account |= names_account(p, c);
    }
    return self && issuer && account;
}

static enum naming statement_naming(const struct iam_statement *s, const struct iam_caller *c)
{
    enum naming best = NAMED_NOT;
    if (s->not_principal)
        return excepted(s, c) ? NAMED_NOT : NAMED_ALL;
    for (size_t i = 0; i < s->n_principals; i++) {
        enum naming n = naming_of(&s->principals[i], c);
        best = n > best ? n : best;
    }
    return best;
}

/* --- asking policies
 * -------------------------------------------------------------------------------------------------------- */

static void ask(const struct question *q, const struct iam_policy *p, size_t number, struct answer *a)
{
    bool by_resource = p->kind != IAM_POLICY_IDENTITY;
    for (size_t i = 0; i < p->n && !a->deny; i++) {
        const struct iam_statement *s = &p->statements[i];
        enum naming naming = NAMED_ALL;
        if (s->allow && a->allow && (!by_resource || a->naming == NAMED_ALL))
            continue;
        if (by_resource)
            naming = statement_naming(s, &q->r->caller);
        if (naming == NAMED_NOT || (s->allow && naming <= a->naming && a->allow) || !statement_applies(q, s))
            continue;
        if (s->allow) {
            a->allow = true;
            a->naming = naming;
            a->allow_policy = number;
            a->allow_statement = i;
        } else {
            a->deny = true;
            a->deny_policy = number;
            a->deny_statement = i;
        }
    }
}

static struct answer ask_all(const struct question *q, struct iam_policies policies)
{
    struct answer a = {0};
    for (size_t i = 0; i < policies.n && !a.deny; i++)
        ask(q, policies.list[i], i, &a);
    return a;
}

static struct answer ask_one(const struct question *q, const struct iam_policy *p)
{
    return p ? ask_all(q, (struct iam_policies){&p, 1}) : (struct answer){0};
}

static void question_init(struct question *q, const struct iam_request *r)
{
    static const char no_action[] = "?"; /* matches no pattern but "*" */
    q->r = r;
    q->action = bytes_of(no_action, 1);
    if (r->action.n <= sizeof q->action_text) {
        for (size_t i = 0; i < r->action.n; i++) {
            char c = r->action.p[i];
            q->action_text[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
        }
        q->action = bytes_of(q->action_text, r->action.n);
    }
    /* What is about no bucket is about all of them, as S3's walkthroughs and MinIO's policies have it. */
    struct bytes resource = r->resource;
    if (resource.n == 0 && bytes_starts_str_nocase(r->action, "s3:"))
        resource = BYTES_LIT("arn:aws:s3:::*");
    q->resource = arn_split(resource, &q->arn) ? &q->arn : NULL;
}

/* --- deciding
 * ----------------------------------------------------------------------------------------------------------------- */

struct answers {
    struct answer identity, group, boundary, session, resource;
};

static struct iam_decision denial(enum iam_source source)
{
    return (struct iam_decision){.source = source};
}

static bool find_deny(const struct answers *a, struct iam_decision *ret)
{
    const struct {
        const struct answer *answer;
        enum iam_source source;
    } all[] = {{&a->resource, IAM_FROM_RESOURCE},
               {&a->identity, IAM_FROM_IDENTITY},
               {&a->group, IAM_FROM_GROUP},
               {&a->boundary, IAM_FROM_BOUNDARY},
               {&a->session, IAM_FROM_SESSION}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!all[i].answer->deny)
            continue;
        *ret = denial(all[i].source);
        ret->explicit_deny = true;
        ret->policy = all[i].answer->deny_policy;
        ret->statement = all[i].answer->deny_statement;
        return true;
    }
    return false;
}

static struct iam_decision allowance(enum iam_source source, const struct answer *by)
{
    struct iam_decision d = {.allowed = true, .source = source};
    if (by) {
        d.policy = by->allow_policy;
        d.statement = by->allow_statement;
    }
    return d;
}

static bool within_boundary(const struct iam_request *r, const struct answers *a)
{
    return !r->boundary || r->caller.kind == IAM_CALLER_ROOT || a->boundary.allow;
}

static bool within_session(const struct iam_request *r, const struct answers *a)
{
    return r->session.n == 0 || a->session.allow;
}

/* What the caller's own account gives it. */
static struct iam_decision own_policies(const struct iam_request *r, const struct answers *a)
{
    const struct iam_caller *c = &r->caller;
    struct iam_decision d;
    bool root =
        c->kind == IAM_CALLER_ROOT || (c->kind == IAM_CALLER_FEDERATED && bytes_ends(c->issuer, BYTES_LIT(":root")));
    if (root)
        d = allowance(IAM_FROM_ROOT, NULL);
    else if (a->identity.allow)
        d = allowance(IAM_FROM_IDENTITY, &a->identity);
    else if (a->group.allow)
        d = allowance(IAM_FROM_GROUP, &a->group);
    else
        return denial(IAM_FROM_IDENTITY);
    if (!within_boundary(r, a))
        return denial(IAM_FROM_BOUNDARY);
    /* A federated session without a session policy has no rights of its own. */
    if (!within_session(r, a) || (c->kind == IAM_CALLER_FEDERATED && r->session.n == 0))
        return denial(IAM_FROM_SESSION);
    return d;
}

/* Does the policy of a resource in the caller's own account allow it without regard to the caller's policies? */
static bool resource_allows_directly(const struct iam_request *r, const struct answers *a)
{
    if (!a->resource.allow)
        return false;
    switch (a->resource.naming) {
    case NAMED_ALL:
        return true;
    case NAMED_SELF:
        return is_session(&r->caller) || within_session(r, a);
    case NAMED_ISSUER:
        return within_boundary(r, a) && within_session(r, a);
    default:
        return false;
    }
}

static struct iam_decision decide_same_account(const struct iam_request *r, const struct answers *a)
{
    struct iam_decision own = own_policies(r, a);
    if (own.allowed)
        return own;
    if (resource_allows_directly(r, a))
        return allowance(IAM_FROM_RESOURCE, &a->resource);
    /* A grant to the own account only lets its policies speak. */
    if (r->acl == ACL_BY_ALL_USERS || r->acl == ACL_BY_AUTHENTICATED)
        return allowance(IAM_FROM_ACL, NULL);
    return own;
}

static struct iam_decision resource_side(const struct iam_request *r, const struct answers *a)
{
    if (a->resource.allow)
        return allowance(IAM_FROM_RESOURCE, &a->resource);
    return r->acl != ACL_NO_MATCH ? allowance(IAM_FROM_ACL, NULL) : denial(IAM_FROM_RESOURCE);
}

static struct iam_decision decide_cross_account(const struct iam_request *r, const struct answers *a)
{
    struct iam_decision own = own_policies(r, a);
    return own.allowed ? resource_side(r, a) : own;
}

/* Callers who belong to no account: the resource alone decides. */
static struct iam_decision decide_without_account(const struct iam_request *r, const struct answers *a)
{
    if (r->caller.kind == IAM_CALLER_ANONYMOUS && !a->resource.allow && r->acl != ACL_BY_ALL_USERS)
        return denial(IAM_FROM_RESOURCE);
    if (r->caller.kind == IAM_CALLER_WEB_IDENTITY && a->resource.naming != NAMED_SELF)
        return denial(IAM_FROM_RESOURCE);
    return resource_side(r, a);
}

/*
 * Whose word counts: an existing object's owner's for what the object's list is about, its bytes and the list itself;
 * the bucket's owner's for all else that may be done to it, tags and locks included.
 */
static struct bytes owner_of(const struct iam_request *r)
{
    return r->object_account.n && acl_need(r->action).object ? r->object_account : r->resource_account;
}

/* Its owner's root is never locked out of a bucket's policy. */
static bool is_rescue(const struct iam_request *r)
{
    static const char *const actions[] = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"};
    if (r->caller.kind != IAM_CALLER_ROOT || r->session.n || !same(r->caller.account, r->resource_account))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (bytes_eq_str_nocase(r->action, actions[i]))
            return true;
    return false;
}

static void ask_everybody(const struct question *q, struct answers *a)
{
    const struct iam_request *r = q->r;
    bool root = r->caller.kind == IAM_CALLER_ROOT;
    CHECK(!r->resource_policy || r->resource_policy->kind != IAM_POLICY_IDENTITY);
    memset(a, 0, sizeof *a);
    a->resource = ask_one(q, r->resource_policy);
    if (!root) { /* no identity policy is attached to a root */
        a->identity = ask_all(q, r->identity);
        a->group = ask_all(q, r->group);
        a->boundary = ask_one(q, r->boundary);
    }
    a->session = ask_all(q, r->session);
}

struct iam_decision iam_decide(const struct iam_request *r)
{
    struct question q;
    struct answers a;
    struct iam_decision d;
    const struct iam_caller *c = &r->caller;
    struct bytes owner = owner_of(r);
    bool owns = c->account.n && (!owner.n || bytes_eq(c->account, owner));
    bool of_bucket_owner = c->account.n && (!r->resource_account.n || bytes_eq(c->account, r->resource_account));
    if (is_rescue(r))
        return allowance(IAM_FROM_ROOT, NULL);
    question_init(&q, r);
    ask_everybody(&q, &a);
    if (!find_deny(&a, &d)) {
        /* The policy of a public bucket gives nothing to strangers; nor does it give what is not the bucket owner's. */
        if (r->restrict_public_buckets && r->resource_policy && iam_policy_is_public(r->resource_policy) &&
            !of_bucket_owner && c->kind != IAM_CALLER_SERVICE)
            a.resource.allow = false;
        if (!bytes_eq(owner, r->resource_account))
            a.resource.allow = false;
        if (!c->account.n)
            d = decide_without_account(r, &a);
        else if (owns)
            d = decide_same_account(r, &a);
        else
            d = decide_cross_account(r, &a);
    }
    d.cross_account = !owns && !of_bucket_owner;
    return d;
}

enum iam_effect iam_policy_effect(const struct iam_request *r, const struct iam_policy *p, size_t *ret_statement)
{
    struct question q;
    question_init(&q, r);
    struct answer a = ask_one(&q, p);
    *ret_statement = a.deny ? a.deny_statement : a.allow_statement;
    return a.deny ? IAM_DENY : a.allow ? IAM_ALLOW : IAM_NO_EFFECT;
}

/* --- telling
 * ----------------------------------------------------------------------------------------------------------------------
 */

const char *iam_source_name(enum iam_source source)
{
    switch (source) {
    case IAM_FROM_ROOT:
        return "root";
    case IAM_FROM_IDENTITY:
    case IAM_FROM_GROUP:
        return "identity-based policy";
    case IAM_FROM_BOUNDARY:
        return "permissions boundary";
    case IAM_FROM_SESSION:
        return "session policy";
    case IAM_FROM_RESOURCE:
        return "resource-based policy";
    case IAM_FROM_ACL:
        return "access control list";
    case IAM_FROM_NOTHING:
        break;
    }
    return "nothing";
}

struct bytes iam_decision_text(struct arena *arena, const struct iam_request *r, const struct iam_decision *d)
{
    if (d->allowed || d->cross_account || !r->caller.account.n)
        return BYTES_LIT("Access Denied");
    const char *source = iam_source_name(d->source);
    bool s3 = bytes_starts_str_nocase(r->action, "s3:");
    bool vowel = source[0] == 'i';
    struct buf b;
    buf_init(&b, 16 * 1024);
    buf_put_str(&b, "User: ");
    buf_put_bytes(&b, r->caller.arn);
    buf_put_str(&b, " is not authorized to perform: ");
    buf_put_bytes(&b, r->action);
    if (r->resource.n) {
        buf_put_str(&b, s3 ? " on resource: \"" : " on resource: ");
        buf_put_bytes(&b, r->resource);
        buf_put_str(&b, s3 ? "\"" : "");
    }
    if (d->explicit_deny) {
        buf_printf(&b, " with an explicit deny in %s %s", vowel ? "an" : "a", source);
    } else {
        buf_printf(&b, " because no %s allows the ", source);
        buf_put_bytes(&b, r->action);
        buf_put_str(&b, " action");
    }
    struct bytes text = bytes_dup(arena, buf_bytes(&b));
    bool failed = b.failed;
    buf_fini(&b);
    return failed ? BYTES_LIT("Access Denied") : text;
}
