/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded cache. Invariant: an entry in a set has a reference of the cache's; it is taken away under the set's lock
 * and let go after it, so that whatever an entry's end does, no lock is held.
 * Threads: any.
 */
#include "server/iam/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct cache_set {
    pthread_mutex_t lock;
    struct cached *ways[CACHE_WAYS]; /* the one used last first */
};

struct cache {
    size_t n;
    struct cache_set sets[];
};

struct cache *cache_create(size_t sets)
{
    struct cache *c = xcalloc(1, sizeof *c + sets * sizeof c->sets[0]);
    CHECK(sets && (sets & (sets - 1)) == 0);
    c->n = sets;
    for (size_t i = 0; i < sets; i++)
        pthread_mutex_init(&c->sets[i].lock, NULL);
    return c;
}

void cache_free(struct cache **pc)
{
    struct cache *c = *pc;
    for (size_t i = 0; c && i < c->n; i++) {
        for (size_t k = 0; k < CACHE_WAYS; k++)
            cached_unref(c->sets[i].ways[k]);
        pthread_mutex_destroy(&c->sets[i].lock);
    }
    free(c);
    *pc = NULL;
}

static struct cache_set *set_of(struct cache *c, struct bytes key)
{
    uint64_t h = key.n, word = 0;
    for (size_t i = 0; i < key.n; i += sizeof word) {
        size_t left = key.n - i;
        word = 0;
        memcpy(&word, key.p + i, left < sizeof word ? left : sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return &c->sets[(h ^ h >> 32) & (c->n - 1)];
}

/* Its place in the set; CACHE_WAYS when it is not there. */
static size_t place_of(const struct cache_set *s, struct bytes key)
{
    size_t i = 0;
    while (i < CACHE_WAYS && !(s->ways[i] && bytes_eq(bytes_of(s->ways[i]->key, s->ways[i]->key_n), key)))
        i++;
    return i;
}

static void to_front(struct cache_set *s, size_t from, struct cached *e)
{
    memmove(&s->ways[1], &s->ways[0], from * sizeof s->ways[0]);
    s->ways[0] = e;
}

struct cached *cache_get(struct cache *c, struct bytes key, uint64_t generation)
{
    struct cache_set *s = set_of(c, key);
    struct cached *found = NULL;
    pthread_mutex_lock(&s->lock);
    size_t i = place_of(s, key);
    if (i < CACHE_WAYS && s->ways[i]->generation == generation) {
        found = s->ways[i];
        atomic_fetch_add(&found->refs, 1);
        to_front(s, i, found);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

void cache_put(struct cache *c, struct cached *e)
{
    struct bytes key = bytes_of(e->key, e->key_n);
    struct cache_set *s = set_of(c, key);
    if (e->key_n == 0)
        return;
    atomic_fetch_add(&e->refs, 1);
    pthread_mutex_lock(&s->lock);
    size_t i = place_of(s, key);
    if (i == CACHE_WAYS)
        i = CACHE_WAYS - 1;
    struct cached *old = s->ways[i];
    to_front(s, i, e);
    pthread_mutex_unlock(&s->lock);
    cached_unref(old);
}

struct cached *cached_new(size_t size, struct bytes key, uint64_t generation)
{
    struct arena *a = arena_create(0);
    struct cached *e = arena_zalloc(a, size);
    e->arena = a;
    e->generation = generation;
    atomic_store(&e->refs, 1);
    if (key.n <= CACHE_KEY_MAX) {
        memcpy(e->key, key.p, key.n);
        e->key_n = key.n;
    }
    return e;
}

void cached_unref(void *cached)
{
    struct cached *e = cached;
    if (e && atomic_fetch_sub(&e->refs, 1) == 1)
        arena_free(e->arena);
}
