/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy documents of every kind, and requests against those that are taken. Properties: a refusal has a message; an
 * explicit Deny never allows; nothing is allowed that the only policy does not allow; RestrictPublicBuckets shuts the
 * anonymous out of a public policy.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/iam/eval.h"
#include "server/iam/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ACCOUNT "111122223333"

static void fill(struct iam_context *c, struct arena *arena)
{
    static const struct bytes tags[] = {{"a", 1}, {"b", 1}};
    iam_context_init(c, arena);
    iam_context_set(c, IAM_KEY_AWS_USERNAME, BYTES_LIT("ann"));
    iam_context_set(c, IAM_KEY_AWS_SOURCE_IP, BYTES_LIT("192.0.2.7"));
    iam_context_set(c, IAM_KEY_AWS_CURRENT_TIME, BYTES_LIT("2026-05-01T10:00:00Z"));
    iam_context_set(c, IAM_KEY_AWS_SECURE_TRANSPORT, BYTES_LIT("true"));
    iam_context_set(c, IAM_KEY_S3_PREFIX, BYTES_LIT(""));
    iam_context_set(c, IAM_KEY_S3_MAX_KEYS, BYTES_LIT("1000"));
    iam_context_set_list(c, IAM_KEY_AWS_TAG_KEYS, tags, ARRAY_LEN(tags));
    iam_context_set_tag(c, IAM_KEY_AWS_PRINCIPAL_TAG, BYTES_LIT("team"), BYTES_LIT("*"));
}

static struct iam_request request(enum iam_caller_kind kind, const struct iam_context *context)
{
    struct iam_request r = {.caller = {.kind = kind},
                            .action = BYTES_LIT("s3:GetObject"),
                            .resource = BYTES_LIT("arn:aws:s3:::bkt/home/ann/a"),
                            .resource_account = BYTES_LIT(ACCOUNT),
                            .context = context};
    if (kind == IAM_CALLER_USER) {
        r.caller.account = BYTES_LIT(ACCOUNT);
        r.caller.arn = BYTES_LIT("arn:aws:iam::" ACCOUNT ":user/ann");
        r.caller.unique_id = BYTES_LIT("AIDA00000000000000001");
    }
    return r;
}

static void evaluate(const struct iam_policy *p, enum iam_policy_kind kind, struct arena *arena)
{
    struct iam_context context;
    struct iam_decision d;
    size_t statement;
    fill(&context, arena);
    for (int c = IAM_CALLER_ANONYMOUS; c <= IAM_CALLER_USER; c += IAM_CALLER_USER) {
        struct iam_request r = request((enum iam_caller_kind)c, &context);
        enum iam_effect effect = iam_policy_effect(&r, p, &statement);
        CHECK(effect == IAM_NO_EFFECT || statement < iam_policy_statements(p));
        if (kind == IAM_POLICY_IDENTITY && c == IAM_CALLER_ANONYMOUS)
            continue;
        if (kind == IAM_POLICY_IDENTITY)
            r.identity = (struct iam_policies){&p, 1};
        else
            r.resource_policy = p;
        d = iam_decide(&r);
        CHECK(!(d.allowed && (effect != IAM_ALLOW || d.explicit_deny)));
        CHECK(d.explicit_deny == (effect == IAM_DENY));
        CHECK(d.allowed || iam_decision_text(arena, &r, &d).n > 0);
        r.restrict_public_buckets = true;
        if (c == IAM_CALLER_ANONYMOUS && iam_policy_is_public(p))
            CHECK(!iam_decide(&r).allowed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = IAM_POLICY_IDENTITY; kind <= IAM_POLICY_TRUST; kind++) {
        struct arena *arena = arena_create(0);
        struct iam_policy_rules rules = {.kind = (enum iam_policy_kind)kind, .bucket = BYTES_LIT("bkt")};
        struct iam_policy_error error;
        const struct iam_policy *p = iam_policy_parse(arena, &rules, bytes_of(data, size), &error);
        CHECK(p || error.message.n > 0);
        if (p)
            evaluate(p, rules.kind, arena);
        arena_free(arena);
    }
    return 0;
}
