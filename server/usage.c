/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting the counts of all buckets; a bucket that goes meanwhile is left out.
 * Threads: workers.
 */
#include "server/usage.h"

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

static void reserve(struct usage *u, size_t *cap, size_t more, struct arena *a)
{
    if (u->n + more <= *cap)
        return;
    *cap = (u->n + more) * 2;
    struct usage_bucket *grown = arena_alloc(a, *cap * sizeof *grown);
    if (u->n)
        memcpy(grown, u->buckets, u->n * sizeof *grown);
    u->buckets = grown;
}

int usage_collect(struct store *st, struct arena *a, struct usage *ret)
{
    struct bytes after = BYTES_NONE;
    bool more = true;
    size_t cap = 0;
    *ret = (struct usage){0};
    while (more) {
        struct store_bucket *list;
        size_t n;
        int rc = store_bucket_list(st, BYTES_NONE, after, PAGE_ROWS, a, &list, &n, &more);
        if (rc != STORE_OK)
            return rc;
        reserve(ret, &cap, n, a);
        for (size_t i = 0; i < n; i++) {
            struct usage_bucket *b = &ret->buckets[ret->n];
            b->bucket = list[i];
            if (store_bucket_counts(st, &list[i], &b->counts) != STORE_OK)
                continue;
            add(&ret->all, &b->counts);
            ret->n++;
        }
        more = more && n > 0;
        if (n)
            after = list[n - 1].name;
    }
    return STORE_OK;
}
