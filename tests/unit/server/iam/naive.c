/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies against a naive evaluator: it works on the made-up statements themselves and on plain strings, with a
 * recursive matcher, and shares nothing with the real one but the rules.
 */
#include <stdio.h>

#include "base/check.h"
#include "tests/unit/server/iam/fixture.h"

#define ROUNDS         3000
#define MAX_STATEMENTS 4
#define MAX_VALUES     3
#define LITERAL_STAR   '\1' /* stands for a star that came out of a variable */

static unsigned state;

static size_t dice(size_t sides)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % sides;
}

static const char *const actions[] = {"s3:GetObject", "s3:Get*", "S3:*", "*", "s3:PutObject", "s3:?etobject", "iam:*"};
static const char *const resources[] = {"*",
                                        "arn:aws:s3:::bkt/*",
                                        "arn:aws:s3:::bkt/a?c",
                                        "arn:aws:s3:::bkt/${aws:username}/*",
                                        "arn:aws:s3:::*c",
                                        "arn:aws:s3:::bkt",
                                        "arn:aws:s3:::b*t/*a*c"};
static const char *const asked_actions[] = {"s3:GetObject", "s3:PutObject", "iam:GetUser"};
static const char *const asked_resources[] = {"arn:aws:s3:::bkt/abc", "arn:aws:s3:::bkt", "arn:aws:s3:::bkt/*/x",
                                              "arn:aws:s3:::bkt/ann/a/c", "arn:aws:s3:::other/abc"};
static const char *const users[] = {"ann", "*", "a"};
static const char *const tests[] = {"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"};
static const char *const quantifiers[] = {"", "ForAllValues:", "ForAnyValue:"};
static const char *const policy_values[] = {"a", "b*", "*c", "${aws:username}", "?"};
static const char *const fact_values[] = {"a", "b1", "b*", "xc", "d", "*"};

struct made {
    bool allow, not_action, not_resource, condition, if_exists;
    const char *action, *resource, *test, *quantifier;
    const char *values[MAX_VALUES];
    size_t n;
};

struct asked {
    const char *action, *resource, *user;
    bool present;
    const char *facts[MAX_VALUES];
    size_t n;
};

static const char *pick(const char *const *from, size_t n)
{
    return from[dice(n)];
}
#define PICK(list) pick((list), ARRAY_LEN(list))

static struct made make(void)
{
    struct made m = {.allow = dice(3) > 0,
                     .not_action = dice(5) == 0,
                     .not_resource = dice(5) == 0,
                     .condition = dice(2),
                     .if_exists = dice(4) == 0,
                     .action = PICK(actions),
                     .resource = PICK(resources),
                     .test = PICK(tests),
                     .quantifier = PICK(quantifiers),
                     .n = 1 + dice(MAX_VALUES)};
    for (size_t i = 0; i < m.n; i++)
        m.values[i] = PICK(policy_values);
    return m;
}

static struct asked make_question(void)
{
    struct asked a = {.action = PICK(asked_actions),
                      .resource = PICK(asked_resources),
                      .user = PICK(users),
                      .present = dice(4) > 0,
                      .n = 1 + dice(MAX_VALUES)};
    for (size_t i = 0; i < a.n; i++)
        a.facts[i] = PICK(fact_values);
    return a;
}

/* --- naively ------------------------------------------------------------------------------------------------------ */

static bool glob(const char *p, const char *t, bool fold)
{
    if (!*p)
        return !*t;
    if (*p == '*')
        return glob(p + 1, t, fold) || (*t && glob(p, t + 1, fold));
    char a = *p == LITERAL_STAR ? '*' : *p, b = *t;
    if (fold && a >= 'A' && a <= 'Z')
        a = (char)(a + 32);
    if (fold && b >= 'A' && b <= 'Z')
        b = (char)(b + 32);
    return *t && ((*p == '?') || a == b) && glob(p + 1, t + 1, fold);
}

static void substitute(const char *pattern, const char *user, char *out, size_t cap)
{
    static const char variable[] = "${aws:username}";
    const char *at = strstr(pattern, variable);
    if (!at) {
        snprintf(out, cap, "%s", pattern);
        return;
    }
    size_t head = (size_t)(at - pattern);
    snprintf(out, cap, "%.*s%s%s", (int)head, pattern, user, at + sizeof variable - 1);
    for (size_t i = head; i < head + strlen(user); i++)
        if (out[i] == '*')
            out[i] = LITERAL_STAR;
}

static bool value_passes(const struct made *m, const char *fact, const char *user)
{
    bool like = strstr(m->test, "Like") != NULL, negated = strstr(m->test, "Not") != NULL, any = false;
    for (size_t i = 0; i < m->n; i++) {
        char pattern[64];
        substitute(m->values[i], user, pattern, sizeof pattern);
        for (char *p = pattern; *p; p++)
            if (!like && *p == LITERAL_STAR)
                *p = '*';
        any = any || (like ? glob(pattern, fact, false) : strcmp(pattern, fact) == 0);
    }
    return any != negated;
}

static bool condition_passes(const struct made *m, const struct asked *a)
{
    bool negated = strstr(m->test, "Not") != NULL;
    size_t passing = 0;
    if (!m->condition)
        return true;
    if (!a->present) {
        if (m->if_exists || strcmp(m->quantifier, "ForAllValues:") == 0)
            return true;
        return negated && !*m->quantifier;
    }
    for (size_t i = 0; i < a->n; i++)
        passing += value_passes(m, a->facts[i], a->user);
    return strcmp(m->quantifier, "ForAllValues:") == 0 ? passing == a->n : passing > 0;
}

static enum iam_effect naive(const struct made *statements, size_t n, const struct asked *a)
{
    enum iam_effect effect = IAM_NO_EFFECT;
    for (size_t i = 0; i < n; i++) {
        const struct made *m = &statements[i];
        char resource[128];
        substitute(m->resource, a->user, resource, sizeof resource);
        if (glob(m->action, a->action, true) == m->not_action ||
            glob(resource, a->resource, false) == m->not_resource || !condition_passes(m, a))
            continue;
        if (!m->allow)
            return IAM_DENY;
        effect = IAM_ALLOW;
    }
    return effect;
}

/* --- really ------------------------------------------------------------------------------------------------------- */

static void write_statement(struct buf *b, const struct made *m)
{
    buf_printf(b, "{\"Effect\":\"%s\",\"%s\":\"%s\",\"%s\":\"%s\"", m->allow ? "Allow" : "Deny",
               m->not_action ? "NotAction" : "Action", m->action, m->not_resource ? "NotResource" : "Resource",
               m->resource);
    if (m->condition) {
        buf_printf(b, ",\"Condition\":{\"%s%s%s\":{\"aws:TagKeys\":[", m->quantifier, m->test,
                   m->if_exists ? "IfExists" : "");
        for (size_t i = 0; i < m->n; i++)
            buf_printf(b, "%s\"%s\"", i ? "," : "", m->values[i]);
        buf_put_str(b, "]}}");
    }
    buf_put_str(b, "}");
}

static enum iam_effect really(struct arena *arena, const struct iam_policy *p, const struct asked *a)
{
    struct iam_context context;
    struct bytes facts[MAX_VALUES];
    size_t statement;
    iam_context_init(&context, arena);
    for (size_t i = 0; i < a->n; i++)
        facts[i] = bytes_str(a->facts[i]);
    if (a->present)
        iam_context_set_list(&context, IAM_KEY_AWS_TAG_KEYS, facts, a->n);
    iam_context_set(&context, IAM_KEY_AWS_USERNAME, bytes_str(a->user));
    struct iam_request r = {.caller = caller_of(IAM_CALLER_USER),
                            .action = bytes_str(a->action),
                            .resource = bytes_str(a->resource),
                            .context = &context};
    return iam_policy_effect(&r, p, &statement);
}

Test(eval, agrees_with_a_naive_evaluator)
{
    size_t seen[3] = {0};
    state = 4711;
    for (int round = 0; round < ROUNDS; round++) {
        struct arena *arena = arena_create(0);
        struct made statements[MAX_STATEMENTS];
        size_t n = 1 + dice(MAX_STATEMENTS);
        struct buf b;
        buf_init(&b, 1 << 16);
        buf_put_str(&b, "{\"Version\":\"2012-10-17\",\"Statement\":[");
        for (size_t i = 0; i < n; i++) {
            statements[i] = make();
            buf_put_str(&b, i ? "," : "");
            write_statement(&b, &statements[i]);
        }
        buf_put_str(&b, "]}");
        const char *text = bytes_cstr(arena, buf_bytes(&b));
        const struct iam_policy *p = policy_of(arena, IAM_POLICY_IDENTITY, text);
        for (int k = 0; k < 10; k++) {
            struct asked a = make_question();
            enum iam_effect want = naive(statements, n, &a);
            seen[want]++;
            cr_assert_eq(really(arena, p, &a), want, "%s\n%s on %s by %s, %d: %s of %zu", text, a.action, a.resource,
                         a.user, a.present, a.facts[0], a.n);
        }
        buf_fini(&b);
        arena_free(arena);
    }
    cr_assert(seen[IAM_NO_EFFECT] > 1000 && seen[IAM_ALLOW] > 1000 && seen[IAM_DENY] > 1000);
}
