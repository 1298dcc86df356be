/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parsed policy looks like inside: policy.c builds it, bucket_policy.c judges it, eval.c walks through it.
 * Internal to server/iam.
 */
#ifndef PAIL_SERVER_IAM_INTERNAL_H
#define PAIL_SERVER_IAM_INTERNAL_H

#include "server/iam/condition.h"
#include "server/iam/policy.h"

struct iam_statement {
    struct bytes sid;
    bool allow, not_principal, not_action, not_resource;
    bool any_resource; /* a trust policy's: there is no Resource */
    struct iam_principal *principals;
    size_t n_principals;
    struct wild *actions; /* "service:name" in lower case */
    size_t n_actions;
    struct arn_pattern *resources;
    bool *resource_variables; /* for each: must be bound */
    size_t n_resources;
    struct iam_condition *conditions;
    size_t n_conditions;
};

#define KEY_WORDS ((IAM_KEYS + 63) / 64)

struct iam_policy {
    enum iam_policy_kind kind;
    bool variables; /* Version 2012-10-17 */
    bool is_public;
    struct iam_statement *statements;
    size_t n;
    uint64_t keys[KEY_WORDS]; /* used in conditions and variables */
};

/* bucket_policy.c */

enum bucket_fault { BUCKET_OK, BUCKET_ACTION_WITHOUT_RESOURCE, BUCKET_KEY_UNKNOWN, BUCKET_KEY_UNFIT };

bool bucket_action_known(const struct wild *action);
bool bucket_resource_fits(struct arena *, const struct arn_pattern *, struct bytes bucket);
/* Do actions, resources and conditions go together? */
enum bucket_fault bucket_statement_check(struct arena *, const struct iam_statement *, struct bytes bucket,
                                         struct bytes *ret_detail);
bool bucket_policy_public(const struct iam_policy *);

#endif
