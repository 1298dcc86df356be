/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: may this caller do this action on this resource? One pure function; request facts in, decision and its
 * reason out. It reads nothing, asks nobody and keeps nothing, so it can be tested as a table and simulated.
 *
 * An explicit Deny in any policy wins. Otherwise, as AWS documents it ("Policy evaluation logic"):
 *
 *   same account     the caller's own policies allow (within boundary and session policy), or the resource's policy
 *                    names the caller itself; naming the caller's account only lets its own policies speak
 *   another account  both sides allow: the caller's own policies, and the resource's policy or list
 *   root             of the owner: everything but what the resource's policy denies, and never locked out of that
 * policy anonymous        only what a resource's policy or list gives to everybody
 *
 * The caller of this function collects the facts. It must not leave a policy out: one that cannot be read is an error
 * of the request, not an absent policy.
 *
 * Ownership: everything is borrowed; the context's arena is used for scratch. Threads: any, with a context each.
 */
#ifndef PAIL_SERVER_IAM_EVAL_H
#define PAIL_SERVER_IAM_EVAL_H

#include "base/bytes.h"
#include "server/iam/acl.h"
#include "server/iam/context.h"
#include "server/iam/policy.h"

struct arena;

enum iam_caller_kind {
    IAM_CALLER_ANONYMOUS,
    IAM_CALLER_ROOT,         /* an account's root; with session policies: bounded by them */
    IAM_CALLER_USER,         /* by its own keys, or by temporary ones that stay the user's */
    IAM_CALLER_ROLE,         /* a session of a role */
    IAM_CALLER_FEDERATED,    /* a session of GetFederationToken */
    IAM_CALLER_WEB_IDENTITY, /* bearer of a checked token of an identity provider, before it has a role */
    IAM_CALLER_SERVICE,      /* the server itself at work for a bucket: delivery of logs */
};

struct iam_caller {
    enum iam_caller_kind kind;
    struct bytes account; /* 12 digits; empty for ANONYMOUS, WEB_IDENTITY and SERVICE */
    struct bytes canonical_id;
    struct bytes arn;       /* of user, root or session; SERVICE: its name; WEB_IDENTITY: the provider */
    struct bytes issuer;    /* ROLE: the role's ARN; FEDERATED: the ARN of the user (or root) that asked for it */
    struct bytes unique_id; /* AIDA...; ROLE: the role's AROA...; FEDERATED: the user's */
};

struct iam_policies {
    const struct iam_policy *const *list;
    size_t n;
};

struct iam_request {
    struct iam_caller caller;
    struct bytes action;   /* "s3:GetObject" */
    struct bytes resource; /* its ARN; empty for actions on no resource, which only "*" matches */
    /* The account that the resource belongs to; for objects the bucket's. Empty: the caller's own. */
    struct bytes resource_account;
    /* The account that owns an existing object, when it is not the bucket's owner; otherwise empty. */
    struct bytes object_account;
    const struct iam_context *context; /* always; it may be empty */
    struct iam_policies identity;      /* attached to user or role, managed and inline */
    struct iam_policies group;         /* of the user's groups */
    const struct iam_policy *boundary;
    struct iam_policies session; /* passed when the session began */
    const struct iam_policy *resource_policy;
    enum acl_match acl;           /* how lists give the permission that the action needs (acl_need, acl_match) */
    bool restrict_public_buckets; /* RestrictPublicBuckets of bucket or account */
};

/* Which policy spoke, or ought to have. */
enum iam_source {
    IAM_FROM_NOTHING,
    IAM_FROM_ROOT,
    IAM_FROM_IDENTITY,
    IAM_FROM_GROUP,
    IAM_FROM_BOUNDARY,
    IAM_FROM_SESSION,
    IAM_FROM_RESOURCE,
    IAM_FROM_ACL,
};

struct iam_decision {
    bool allowed;
    bool explicit_deny;
    bool cross_account; /* the caller is a stranger to the resource: tell it little */
    /* allowed: what allowed it (cross-account: the resource's side). Explicit deny: what denied it. Otherwise: what
     * lacks an Allow. */
    enum iam_source source;
    /* Of allowed and explicit denies, when a policy spoke: its place in the list of its source, and the statement. */
    size_t policy, statement;
};

struct iam_decision iam_decide(const struct iam_request *);

/*
 * The message of AccessDenied. People of the account are told which policy lacks or denies what, in AWS's words;
 * others "Access Denied".
 */
struct bytes iam_decision_text(struct arena *, const struct iam_request *, const struct iam_decision *);
const char *iam_source_name(enum iam_source); /* "identity-based policy"; for logs and simulators */

/*
 * Would one policy alone allow or deny this request? For simulators, and for the question whether a new bucket policy
 * locks its author out.
 */
enum iam_effect { IAM_NO_EFFECT, IAM_ALLOW, IAM_DENY };
enum iam_effect iam_policy_effect(const struct iam_request *, const struct iam_policy *, size_t *ret_statement);

#endif
