/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy documents: from JSON to something that requests are compared with (server/iam/eval.h).
 *
 * A document is read strictly: known elements only, no key twice, bounded size, depth and number of statements; what
 * AWS refuses is refused with AWS's words. Three kinds:
 *
 *   identity  of users, groups and roles; also permissions boundaries and session policies. No Principal. Actions of
 *             services and condition keys that Pail does not know are taken, as AWS takes them
 *   bucket    Principal needed; only S3's actions on this bucket and its objects, only known condition keys, and only
 *             where they go together
 *   trust     of a role: Principal needed, no Resource, only actions that assume the role
 *
 * Ownership: a policy lies in the arena that it was parsed into, and keeps nothing of the text. Threads: a parsed
 * policy is constant; any number of threads may evaluate it.
 */
#ifndef PAIL_SERVER_IAM_POLICY_H
#define PAIL_SERVER_IAM_POLICY_H

#include "base/bytes.h"
#include "server/iam/context.h"

struct arena;
struct iam_policy;

#define IAM_POLICY_MAX_BUCKET     20480  /* bytes of a bucket policy */
#define IAM_POLICY_MAX_DOCUMENT   131072 /* bytes of any other, white space included */
#define IAM_POLICY_MAX_DEPTH      8      /* objects and arrays inside each other; a document needs 6 */
#define IAM_POLICY_MAX_STATEMENTS 2000
/* Characters of the others, white space not counted: for iam_policy_rules.max_chars, or the sum of inline policies. */
#define IAM_POLICY_MAX_USER_INLINE  2048
#define IAM_POLICY_MAX_GROUP_INLINE 5120
#define IAM_POLICY_MAX_ROLE_INLINE  10240
#define IAM_POLICY_MAX_MANAGED      6144
#define IAM_POLICY_MAX_TRUST        2048
#define IAM_POLICY_MAX_SESSION      2048

enum iam_policy_kind { IAM_POLICY_IDENTITY, IAM_POLICY_BUCKET, IAM_POLICY_TRUST };

enum iam_principal_kind {
    IAM_PRINCIPAL_ANYONE,         /* no value */
    IAM_PRINCIPAL_ACCOUNT,        /* 12 digits; also written as the ARN of its root */
    IAM_PRINCIPAL_USER,           /* arn:aws:iam::123456789012:user/path/name */
    IAM_PRINCIPAL_ROLE,           /* arn:aws:iam::123456789012:role/path/name: all its sessions */
    IAM_PRINCIPAL_SESSION,        /* arn:aws:sts::123456789012:assumed-role/name/session */
    IAM_PRINCIPAL_FEDERATED_USER, /* arn:aws:sts::123456789012:federated-user/name */
    IAM_PRINCIPAL_UNIQUE_ID,      /* AIDA..., AROA...: what user and role ARNs are stored as */
    IAM_PRINCIPAL_CANONICAL,      /* 64 hex digits: an account */
    IAM_PRINCIPAL_SERVICE,        /* logging.s3.amazonaws.com */
    IAM_PRINCIPAL_PROVIDER,       /* an identity provider's ARN or host name */
};

struct iam_principal {
    enum iam_principal_kind kind;
    struct bytes value;
};

struct iam_policy_rules {
    enum iam_policy_kind kind;
    struct bytes bucket; /* kind BUCKET: whose policy it is */
    size_t max_chars;    /* others: 0 for no limit but IAM_POLICY_MAX_DOCUMENT */
    bool stored;         /* the text was accepted before: that it is JSON and has no key twice is known */
    /* Does this principal exist? NULL: not asked. For new documents; stored ones outlive their principals. */
    bool (*principal_exists)(const void *ctx, const struct iam_principal *);
    /* Whom did the ARN of a user or role name when the document was stored? False: not known, it goes by its ARN. NULL:
     * not asked. */
    bool (*principal_id)(const void *ctx, struct bytes arn, struct bytes *ret_id);
    const void *ctx;
};

enum iam_policy_fault {
    IAM_POLICY_MALFORMED,     /* S3: MalformedPolicy; IAM and STS: MalformedPolicyDocument */
    IAM_POLICY_TOO_LARGE,     /* S3: PolicyTooLarge; IAM: LimitExceeded; STS: PackedPolicyTooLarge */
    IAM_POLICY_BAD_CHARACTER, /* IAM: ValidationError */
};

struct iam_policy_error {
    enum iam_policy_fault fault;
    struct bytes message; /* AWS's words, in the arena or constant */
    struct bytes detail;  /* the action, key, principal... that was refused; may be empty */
};

/* NULL: refused, and *ret_error says why. */
const struct iam_policy *iam_policy_parse(struct arena *, const struct iam_policy_rules *, struct bytes text,
                                          struct iam_policy_error *ret_error);

size_t iam_policy_statements(const struct iam_policy *);
struct bytes iam_policy_sid(const struct iam_policy *, size_t statement);
bool iam_policy_allows_something(const struct iam_policy *, size_t statement); /* its Effect is Allow */
/* The principals that a statement names. */
const struct iam_principal *iam_policy_principals(const struct iam_policy *, size_t statement, size_t *ret_n);
/* Is the key in a condition or a variable? So that what is costly to know (tags of objects) is looked up when needed.
 */
bool iam_policy_uses(const struct iam_policy *, enum iam_key_id);
bool iam_policy_uses_any(const struct iam_policy *); /* without any, no fact is needed to judge by it */
/* Bucket policies: does an Allow reach people that are not named, as GetBucketPolicyStatus means it? */
bool iam_policy_is_public(const struct iam_policy *);
/* Characters as IAM counts them: white space is free. */
size_t iam_policy_chars(struct bytes text);

/* A principal as the AWS member of `Principal` writes it, wildcards refused except "*" alone. */
bool iam_principal_parse(struct arena *, struct bytes text, struct iam_principal *ret);

#endif
