/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What S3 asks of bucket policies beyond the grammar: actions that it has, resources of this bucket, conditions that
 * can be asked of these actions; and whether a policy is public.
 *
 * Public is assumed. A policy is not public only if every Allow restricts itself, by its Principal or by a condition
 * that an absent key does not satisfy, to values that stand there literally.
 * Threads: pure functions; the table is constant.
 */
#include "server/iam/internal.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"

/* The broadest ranges of addresses that still restrict anything. */
#define PUBLIC_V4_BITS (96 + 8)
#define PUBLIC_V6_BITS 32
#define MAX_ACTION     64 /* bytes of the longest name in the table, with "s3:" */

enum resource_level { LEVEL_BUCKET = 1, LEVEL_OBJECT = 2 };

/* The names in actions.def. */
enum {
    ACL = IAM_GROUP_ACL,
    CREATION = IAM_GROUP_CREATION,
    CUSTOMER_KEY = IAM_GROUP_CUSTOMER_KEY,
    ENCRYPTION = IAM_GROUP_ENCRYPTION,
    EXISTING_TAGS = IAM_GROUP_EXISTING_TAGS,
    IF_MATCH = IAM_GROUP_IF_MATCH,
    IF_NONE_MATCH = IAM_GROUP_IF_NONE_MATCH,
    INVENTORY = IAM_GROUP_INVENTORY,
    LEGAL_HOLD = IAM_GROUP_LEGAL_HOLD,
    LISTING = IAM_GROUP_LISTING,
    REQUEST_TAGS = IAM_GROUP_REQUEST_TAGS,
    RETENTION = IAM_GROUP_RETENTION,
    STORAGE_CLASS = IAM_GROUP_STORAGE_CLASS,
    VERSION = IAM_GROUP_VERSION,
    WRITING = IAM_GROUP_WRITING,
};

struct action_row {
    const char *name;
    enum resource_level level;
    unsigned groups;
};

static const struct action_row actions[] = {
#define S3_ACTION(name, level, groups) {"s3:" name, LEVEL_##level, groups},
#include "server/iam/actions.def"
#undef S3_ACTION
};

static bool action_matches(const struct wild *pattern, const struct action_row *row)
{
    char lower[MAX_ACTION];
    size_t n = 0;
    for (const char *p = row->name; *p && n < sizeof lower; p++)
        lower[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : *p;
    return wild_match(pattern, bytes_of(lower, n));
}

bool bucket_action_known(const struct wild *action)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (action_matches(action, &actions[i]))
            return true;
    return false;
}

/* --- what goes together
 * ----------------------------------------------------------------------------------------------- */

static unsigned resource_levels(struct arena *arena, const struct arn_pattern *p, struct bytes bucket)
{
    static const struct bytes common[] = {{"arn", 3}, {"aws", 3}, {"s3", 2}, {"", 0}, {"", 0}};
    unsigned levels = 0;
    if (p->any)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (!wild_may_match(arena, &p->part[i], common[i]))
            return 0;
    struct bytes objects = arena_bytesf(arena, "%.*s/", (int)bucket.n, bucket.p ? bucket.p : "");
    if (wild_may_match(arena, &p->part[ARN_RESOURCE], bucket))
        levels |= LEVEL_BUCKET;
    if (wild_may_start(&p->part[ARN_RESOURCE], objects))
        levels |= LEVEL_OBJECT;
    return levels;
}

bool bucket_resource_fits(struct arena *arena, const struct arn_pattern *p, struct bytes bucket)
{
    return resource_levels(arena, p, bucket) != 0;
}

static bool statement_has_action(const struct iam_statement *s, const struct action_row *row)
{
    for (size_t i = 0; i < s->n_actions; i++)
        if (action_matches(&s->actions[i], row))
            return !s->not_action;
    return s->not_action;
}

static bool action_has_resource(const struct wild *action, unsigned levels)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if ((actions[i].level & levels) && action_matches(action, &actions[i]))
            return true;
    return false;
}

enum bucket_fault bucket_statement_check(struct arena *arena, const struct iam_statement *s, struct bytes bucket,
                                         struct bytes *ret_detail)
{
    unsigned levels = s->not_resource ? LEVEL_BUCKET | LEVEL_OBJECT : 0;
    unsigned groups = IAM_GROUP_GLOBAL | IAM_GROUP_S3;
    *ret_detail = BYTES_NONE;
    for (size_t i = 0; i < s->n_resources; i++)
        levels |= resource_levels(arena, &s->resources[i], bucket);
    for (size_t i = 0; i < s->n_actions && !s->not_action; i++)
        if (!action_has_resource(&s->actions[i], levels))
            return BUCKET_ACTION_WITHOUT_RESOURCE;
    if (!s->n_conditions)
        return BUCKET_OK;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if ((actions[i].level & levels) && statement_has_action(s, &actions[i]))
            groups |= actions[i].groups;
    for (size_t i = 0; i < s->n_conditions; i++) {
        const struct iam_key *key = &s->conditions[i].key;
        enum iam_key_group group = iam_key_group(key->id);
        *ret_detail = key->id == IAM_KEY_UNKNOWN ? key->tail : bytes_str(iam_key_name(key->id));
        if (group == IAM_GROUP_OTHER)
            return BUCKET_KEY_UNKNOWN;
        if (!(group & groups))
            return BUCKET_KEY_UNFIT;
    }
    *ret_detail = BYTES_NONE;
    return BUCKET_OK;
}

/* --- public
 * --------------------------------------------------------------------------------------------------------------- */

static bool value_is_fixed(const struct iam_condition *c, const struct condition_value *v)
{
    switch (c->test) {
    case TEST_STRING:
    case TEST_STRING_NOCASE:
    case TEST_STRING_LIKE:
        return wild_is_literal(&v->string);
    case TEST_IP:
        return v->ip.bits >= (v->ip.v4 ? PUBLIC_V4_BITS : PUBLIC_V6_BITS);
    case TEST_ARN:
        if (v->never)
            return true;
        for (int i = 0; i < ARN_PARTS; i++) {
            /* Names of access points may be a pattern when their account is none. */
            bool free = c->key.id == IAM_KEY_S3_DATA_ACCESS_POINT_ARN && i == ARN_RESOURCE;
            if (v->arn->any || (!wild_is_literal(&v->arn->part[i]) && !free))
                return false;
        }
        return true;
    default:
        return false;
    }
}

static bool key_restricts(const struct iam_condition *c)
{
    switch (c->key.id) {
    case IAM_KEY_AWS_SOURCE_IP:
        return c->test == TEST_IP;
    case IAM_KEY_AWS_SOURCE_ARN:
    case IAM_KEY_AWS_SOURCE_VPC:
    case IAM_KEY_AWS_SOURCE_VPCE:
    case IAM_KEY_AWS_SOURCE_OWNER:
    case IAM_KEY_AWS_SOURCE_ACCOUNT:
    case IAM_KEY_AWS_USERID:
    case IAM_KEY_AWS_PRINCIPAL_ORG_ID:
    case IAM_KEY_AWS_PRINCIPAL_ARN:
    case IAM_KEY_AWS_PRINCIPAL_ACCOUNT:
    case IAM_KEY_S3_SSE_KMS_KEY_ID:
    case IAM_KEY_S3_DATA_ACCESS_POINT_ARN:
    case IAM_KEY_S3_DATA_ACCESS_POINT_ACCOUNT:
        return c->test == TEST_ARN || c->test == TEST_STRING || c->test == TEST_STRING_NOCASE ||
               c->test == TEST_STRING_LIKE;
    default:
        return false;
    }
}

static bool condition_restricts(const struct iam_condition *c)
{
    /* True for requests without the key: no restriction. */
    if (c->negated || c->if_exists || c->quantifier == FOR_ALL_VALUES || !key_restricts(c))
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (!value_is_fixed(c, &c->values[i]))
            return false;
    return true;
}

static bool principals_restrict(const struct iam_statement *s)
{
    /* Everybody has an account with the great identity providers. */
    for (size_t i = 0; i < s->n_principals; i++)
        if (s->principals[i].kind == IAM_PRINCIPAL_ANYONE || s->principals[i].kind == IAM_PRINCIPAL_PROVIDER)
            return false;
    return !s->not_principal;
}

bool bucket_policy_public(const struct iam_policy *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct iam_statement *s = &p->statements[i];
        bool restricted = !s->allow || principals_restrict(s);
        for (size_t k = 0; k < s->n_conditions && !restricted; k++)
            restricted = condition_restricts(&s->conditions[k]);
        if (!restricted)
            return true;
    }
    return false;
}
