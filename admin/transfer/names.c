/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of keys and versions. Idea: a job knows its key without the prefix of either place, so that one key stands for
 * both sides; in front of each goes its own.
 * Threads: any.
 */
#include "admin/transfer/names.h"

#include <string.h>

#include "admin/url.h"

static struct bytes with_prefix(struct line *l, const char *prefix, struct bytes key)
{
    size_t n = strlen(prefix);
    char *p = arena_alloc(l->arena, n + key.n + 1);
    memcpy(p, prefix, n);
    memcpy(p + n, key.p, key.n);
    return bytes_of(p, n + key.n);
}

struct bytes key_from(struct line *l, const struct job *j)
{
    return with_prefix(l, l->t->o->from.prefix, j->key);
}

struct bytes key_to(struct line *l, const struct job *j)
{
    return with_prefix(l, l->t->to_prefix, j->key);
}

const char *version_query(struct line *l, const struct version *v, const char *more)
{
    if (!l->t->o->versions || !v->id.n)
        return more;
    struct bytes id = url_encode(l->arena, v->id, false);
    return arena_printf(l->arena, "%s%sversionId=%.*s", more ? more : "", more ? "&" : "", (int)id.n, id.p);
}
