/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting the counts of all buckets; a bucket that goes meanwhile is left out.
 * Threads: workers.
 */
#include "server/usage.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS 1000

static void add(struct store_counts *to, const struct store_counts *c)
{
    to->objects += c->objects;
    to->object_bytes += c->object_bytes;
    to->versions += c->versions;
    to->version_bytes += c->version_bytes;
    to->markers += c->markers;
    to->uploads += c->uploads;
    to->parts += c->parts;
    to->part_bytes += c->part_bytes;
    to->bytes += c->bytes;
    for (size_t i = 0; i < STORE_COUNT_CLASSES; i++) {
        to->classes[i].name = c->classes[i].name;
        to->classes[i].objects += c->classes[i].objects;
        to->classes[i].bytes += c->classes[i].bytes;
    }
    for (size_t i = 0; i < STORE_COUNT_SIZES; i++) {
        to->sizes[i].below = c->sizes[i].below;
        to->sizes[i].objects += c->sizes[i].objects;
    }
}

/* The fullest first; by name where they are alike, so that the same ones are told each time. */
static int fuller(const void *a, const void *b)
{
    const struct usage_bucket *x = a, *y = b;
    if (x->counts.bytes != y->counts.bytes)
        return x->counts.bytes > y->counts.bytes ? -1 : 1;
    return bytes_cmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    const struct usage_bucket *x = a, *y = b;
    return bytes_cmp(x->name, y->name);
}

/* What is being told apart: twice as many as in the end, so that the others need not be thrown out one by one. */
struct told {
    struct usage *u;
    struct arena *arena;
    size_t max, cap;
    bool full;
    uint64_t least; /* once it is full: who has no more comes too late, as names come in order */
};

static void cut(struct told *t)
{
    struct usage *u = t->u;
    if (u->n_told <= t->max)
        return;
    qsort(u->buckets, u->n_told, sizeof *u->buckets, fuller);
    u->n_told = t->max;
    t->full = true;
    t->least = u->buckets[t->max - 1].counts.bytes;
}

/* Room for as many more, at once: with a thousand buckets, memory that grows in steps is what costs most. */
static void make_room(struct told *t, size_t n)
{
    struct usage *u = t->u;
    size_t cap = u->n_told + n < 2 * t->max ? u->n_told + n : 2 * t->max;
    if (cap <= t->cap)
        return;
    struct usage_bucket *grown = arena_alloc(t->arena, cap * sizeof *grown);
    if (u->n_told)
        memcpy(grown, u->buckets, u->n_told * sizeof *grown);
    u->buckets = grown;
    t->cap = cap;
}

static void tell(struct told *t, const struct store_bucket *b, const struct store_counts *c)
{
    struct usage *u = t->u;
    if (t->full && c->bytes <= t->least)
        return;
    u->buckets[u->n_told++] = (struct usage_bucket){bytes_dup(t->arena, b->name), b->partition, b->quota, *c};
    if (u->n_told == 2 * t->max)
        cut(t);
}

static void look_up(struct store *st, const struct store_bucket *list, size_t n, struct told *t)
{
    make_room(t, n);
    for (size_t i = 0; i < n; i++) {
        struct store_counts c;
        if (store_bucket_counts(st, &list[i], &c) != STORE_OK)
            continue; /* it has just been deleted, or is damaged, of which others tell */
        t->u->n++;
        add(&t->u->all, &c);
        if (t->max)
            tell(t, &list[i], &c);
    }
}

int usage_collect(struct store *st, size_t max_told, struct arena *a, struct usage *ret)
{
    struct arena *page = arena_create(0);
    struct bytes after = BYTES_NONE;
    struct buf last;
    bool more = true;
    struct told told = {.u = ret, .arena = a, .max = max_told};
    int rc = STORE_OK;
    buf_init(&last, STORE_KEY_MAX);
    *ret = (struct usage){0};
    while (more && rc == STORE_OK) {
        struct store_bucket *list;
        size_t n = 0;
        arena_reset(page);
        rc = store_bucket_list(st, BYTES_NONE, after, PAGE_ROWS, page, &list, &n, &more);
        if (rc == STORE_OK)
            look_up(st, list, n, &told);
        more = more && n > 0;
        buf_reset(&last);
        if (rc == STORE_OK && n)
            buf_put_bytes(&last, list[n - 1].name);
        after = buf_bytes(&last);
    }
    buf_fini(&last);
    arena_free(page);
    cut(&told);
    if (told.full)
        qsort(ret->buckets, ret->n_told, sizeof *ret->buckets, by_name);
    return rc;
}

int usage_of_bucket(struct store *st, const struct store_bucket *b, struct arena *a, struct usage *ret)
{
    struct told told = {.u = ret, .arena = a, .max = 1};
    *ret = (struct usage){0};
    look_up(st, b, 1, &told);
    return ret->n ? STORE_OK : STORE_NO_SUCH_BUCKET;
}
