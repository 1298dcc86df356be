/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of condition keys, and the facts of a request by key. Policies resolve names when they are read, so a look-up
 * for a request is an index into an array; only tags and unknown names are searched for, in lists that are short.
 * Threads: one for a context; the table of names is constant.
 */
#include "server/iam/context.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"

struct key_row {
    const char *name;
    enum iam_key_type type;
    enum iam_key_group group;
};

static const struct key_row rows[IAM_KEYS] = {
#define IAM_KEY(id, name, type, group) [IAM_KEY_##id] = {name, IAM_TYPE_##type, IAM_GROUP_##group},
#include "server/iam/keys.def"
#undef IAM_KEY
    [IAM_KEY_UNKNOWN] = {"", IAM_TYPE_STRING, IAM_GROUP_OTHER},
};

static bool is_family(enum iam_key_id id)
{
    return rows[id].type == IAM_TYPE_TAG || rows[id].type == IAM_TYPE_OBJECT_TAG;
}

enum iam_key_type iam_key_type(enum iam_key_id id)
{
    return rows[id].type;
}

enum iam_key_group iam_key_group(enum iam_key_id id)
{
    return rows[id].group;
}

const char *iam_key_name(enum iam_key_id id)
{
    return rows[id].name;
}

static struct bytes lower(struct arena *arena, struct bytes text)
{
    char *p = arena_alloc(arena, text.n);
    for (size_t i = 0; i < text.n; i++)
        p[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] + 'a' - 'A') : text.p[i];
    return bytes_of(p, text.n);
}

bool iam_key_of(struct arena *arena, struct bytes name, struct iam_key *ret)
{
    if (name.n == 0 || name.n > IAM_MAX_KEY_NAME)
        return false;
    for (enum iam_key_id id = 0; id < IAM_KEY_UNKNOWN; id++) {
        size_t n = strlen(rows[id].name);
        if (name.n < n || !bytes_starts_str_nocase(name, rows[id].name) || (name.n > n && !is_family(id)))
            continue;
        *ret = (struct iam_key){.id = id};
        if (is_family(id))
            ret->tail = bytes_dup(arena, bytes_cut(name, n, name.n));
        return !is_family(id) || ret->tail.n > 0;
    }
    *ret = (struct iam_key){IAM_KEY_UNKNOWN, lower(arena, name)};
    return true;
}

void iam_context_init(struct iam_context *c, struct arena *arena)
{
    memset(c, 0, sizeof *c);
    c->arena = arena;
}

static bool same_tail(enum iam_key_id id, struct bytes a, struct bytes b)
{
    return rows[id].type == IAM_TYPE_TAG ? bytes_eq_nocase(a, b) : bytes_eq(a, b);
}

struct iam_fact *iam_context_find(const struct iam_context *c, const struct iam_key *key)
{
    struct iam_fact *f = c->facts[key->id];
    while (f && !same_tail(key->id, f->tail, key->tail))
        f = f->next;
    return f && f->n ? f : NULL;
}

static void set(struct iam_context *c, const struct iam_key *key, const struct bytes *values, size_t n)
{
    struct iam_fact *f = c->facts[key->id];
    while (f && !same_tail(key->id, f->tail, key->tail))
        f = f->next;
    if (!f) {
        f = arena_new(c->arena, struct iam_fact);
        f->tail = key->tail;
        f->next = c->facts[key->id];
        c->facts[key->id] = f;
    }
    f->values = values;
    f->n = n;
    f->subject = NULL;
}

static const struct bytes *one_value(struct iam_context *c, struct bytes value)
{
    struct bytes *p = arena_new(c->arena, struct bytes);
    *p = value;
    return p;
}

void iam_context_set(struct iam_context *c, enum iam_key_id id, struct bytes value)
{
    CHECK(id < IAM_KEY_UNKNOWN && !is_family(id));
    set(c, &(struct iam_key){.id = id}, one_value(c, value), 1);
}

void iam_context_set_list(struct iam_context *c, enum iam_key_id id, const struct bytes *values, size_t n)
{
    CHECK(id < IAM_KEY_UNKNOWN && !is_family(id));
    set(c, &(struct iam_key){.id = id}, values, n);
}

void iam_context_set_tag(struct iam_context *c, enum iam_key_id id, struct bytes tag, struct bytes value)
{
    CHECK(id < IAM_KEY_UNKNOWN && is_family(id));
    set(c, &(struct iam_key){id, tag}, one_value(c, value), 1);
}

bool iam_context_set_named(struct iam_context *c, struct bytes name, const struct bytes *values, size_t n)
{
    struct iam_key key;
    if (!iam_key_of(c->arena, name, &key))
        return false;
    set(c, &key, values, n);
    return true;
}
