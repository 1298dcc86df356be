/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and request facts from short texts, for the tests of this folder. */
#ifndef PAIL_TESTS_IAM_FIXTURE_H
#define PAIL_TESTS_IAM_FIXTURE_H

#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "server/iam/eval.h"
#include "server/iam/policy.h"

#define ACCOUNT       "111122223333"
#define OTHER_ACCOUNT "444455556666"
#define USER_ARN      "arn:aws:iam::111122223333:user/team/ann"
#define ROLE_ARN      "arn:aws:iam::111122223333:role/svc/reader"
#define SESSION_ARN   "arn:aws:sts::111122223333:assumed-role/reader/job-1"
#define FEDERATED_ARN "arn:aws:sts::111122223333:federated-user/guest"
#define ROOT_ARN      "arn:aws:iam::111122223333:root"
#define CANONICAL     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OBJECT_ARN    "arn:aws:s3:::bkt/docs/a.txt"

static inline const struct iam_policy *parse_as(struct arena *arena, enum iam_policy_kind kind, const char *text,
                                                struct iam_policy_error *error)
{
    struct iam_policy_rules rules = {.kind = kind, .bucket = BYTES_LIT("bkt")};
    return iam_policy_parse(arena, &rules, bytes_str(text), error);
}

static inline const struct iam_policy *policy_of(struct arena *arena, enum iam_policy_kind kind, const char *text)
{
    struct iam_policy_error error;
    const struct iam_policy *p = parse_as(arena, kind, text, &error);
    cr_assert(p, "%s\n%.*s (%.*s)", text, (int)error.message.n, error.message.p, (int)error.detail.n, error.detail.p);
    return p;
}

/* "key=value;key=one|two;key=" (present, empty); "key" alone: present without values. */
static inline void set_facts(struct iam_context *c, const char *facts)
{
    struct bytes rest = bytes_str(facts);
    while (rest.n) {
        ptrdiff_t end = bytes_find_char(rest, ';', 0);
        struct bytes fact = bytes_cut(rest, 0, end < 0 ? rest.n : (size_t)end);
        rest = end < 0 ? BYTES_NONE : bytes_cut(rest, (size_t)end + 1, rest.n);
        ptrdiff_t eq = bytes_find_char(fact, '=', 0);
        struct bytes name = eq < 0 ? fact : bytes_cut(fact, 0, (size_t)eq);
        struct bytes values = eq < 0 ? BYTES_NONE : bytes_cut(fact, (size_t)eq + 1, fact.n);
        struct bytes *list = arena_new_array(c->arena, struct bytes, values.n + 1);
        size_t n = 0;
        for (size_t from = 0; eq >= 0 && from <= values.n;) {
            ptrdiff_t bar = bytes_find_char(values, '|', from);
            size_t to = bar < 0 ? values.n : (size_t)bar;
            list[n++] = bytes_cut(values, from, to - from);
            from = to + 1;
        }
        cr_assert(iam_context_set_named(c, name, list, n), "%s", facts);
    }
}

static inline struct iam_caller caller_of(enum iam_caller_kind kind)
{
    struct iam_caller c = {.kind = kind, .account = BYTES_LIT(ACCOUNT), .canonical_id = BYTES_LIT(CANONICAL)};
    switch (kind) {
    case IAM_CALLER_ROOT:
        c.arn = BYTES_LIT(ROOT_ARN);
        break;
    case IAM_CALLER_USER:
        c.arn = BYTES_LIT(USER_ARN);
        c.unique_id = BYTES_LIT("AIDA00000000000000001");
        break;
    case IAM_CALLER_ROLE:
        c.arn = BYTES_LIT(SESSION_ARN);
        c.issuer = BYTES_LIT(ROLE_ARN);
        c.unique_id = BYTES_LIT("AROA00000000000000001");
        break;
    case IAM_CALLER_FEDERATED:
        c.arn = BYTES_LIT(FEDERATED_ARN);
        c.issuer = BYTES_LIT(USER_ARN);
        break;
    default:
        c = (struct iam_caller){.kind = kind};
        break;
    }
    return c;
}

#endif
