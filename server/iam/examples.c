/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain ARNs under patterns, see examples.h. A `*` becomes FILL, a `?` one character of it. Threads: pure functions.
 */
#include "server/iam/examples.h"

#include "base/arena.h"
#include "base/check.h"
#include "server/iam/condition.h"
#include "server/iam/internal.h"
#include "server/iam/wildcard.h"

#define FILL      "x"
#define ARN_BYTES 2300 /* of an example; longer ones are left out */

struct search {
    struct arena *arena;
    const struct arn_pattern *asked;
    struct bytes *found;
    size_t n;
};

static void put_wild(struct buf *out, const struct wild *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct wild_piece *p = &w->pieces[i];
        if (p->kind == WILD_LITERAL)
            buf_put_bytes(out, p->text);
        else if (p->kind == WILD_ANY)
            buf_put_str(out, FILL);
        for (size_t k = 0; p->kind == WILD_ONE && k < p->text.n; k++)
            buf_put_str(out, FILL);
    }
}

/* Empty: too long. */
static struct bytes example_of(struct arena *a, const struct arn_pattern *p)
{
    struct buf text;
    buf_init(&text, ARN_BYTES);
    if (p->literal_head)
        buf_put_bytes(&text, p->head);
    for (size_t i = p->literal_head ? ARN_RESOURCE : 0; i < ARN_PARTS; i++) {
        if (i)
            buf_put_char(&text, ':');
        put_wild(&text, &p->part[i]);
    }
    struct bytes made = text.failed ? BYTES_NONE : bytes_dup(a, buf_bytes(&text));
    buf_fini(&text);
    return made;
}

static void add(struct search *s, struct bytes text)
{
    struct arn arn;
    if (s->n == IAM_EXAMPLES_MAX || !text.n || !arn_split(text, &arn) || !arn_match(s->asked, &arn))
        return;
    for (size_t i = 0; i < s->n; i++)
        if (bytes_eq(s->found[i], text))
            return;
    s->found[s->n++] = text;
}

static void add_policy(struct search *s, const struct iam_request *q, const struct iam_policy *p)
{
    for (size_t i = 0; p && i < p->n; i++) {
        const struct iam_statement *st = &p->statements[i];
        for (size_t k = 0; st->allow && !st->not_resource && k < st->n_resources; k++) {
            const struct arn_pattern *resource = &st->resources[k];
            struct arn_pattern bound;
            if (resource->any)
                continue;
            if (st->resource_variables[k] &&
                !arn_bind(s->arena, resource, condition_variable_value, q->context, &bound))
                continue;
            add(s, example_of(s->arena, st->resource_variables[k] ? &bound : resource));
        }
    }
}

size_t iam_examples(struct arena *a, const struct iam_request *q, struct bytes pattern,
                    struct bytes ret[IAM_EXAMPLES_MAX])
{
    struct arn_pattern asked;
    struct search s = {.arena = a, .asked = &asked, .found = ret};
    const struct iam_policies *lists[] = {&q->identity, &q->group, &q->session};
    if (!arn_compile(a, pattern, WILD_WILDCARDS, NULL, &asked) || asked.any)
        return 0;
    add(&s, example_of(a, &asked));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (size_t k = 0; k < lists[i]->n; k++)
            add_policy(&s, q, lists[i]->list[k]);
    add_policy(&s, q, q->boundary);
    add_policy(&s, q, q->resource_policy);
    return s.n;
}
