/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded cache. Invariant: an entry in a set has a reference of the cache's; it is taken away under the set's lock
 * and let go after it, so that whatever an entry's end does, no lock is held.
 *
 * The sets are zeroed memory that is not touched before something is kept there; so locks are apart, each for every
 * LOCKS'th set. Threads: any.
 */
#include "server/iam/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define LOCKS      64  /* a power of two */
#define ENTRY_COST 128 /* what an arena takes beside its bytes */

#define SETS_AT_ONCE 8 /* that are looked through for something to give way */

struct cache_set {
    struct cached *ways[CACHE_WAYS]; /* the one used last first; no gaps */
};

struct cache {
    struct cache_budget *budget;
    _Atomic uint64_t misses;
    _Atomic size_t bytes; /* of what was put here and lives */
    _Atomic size_t kept;  /* entries in sets */
    _Atomic size_t hand;  /* the set that gives way next when there is too much in all */
    size_t n;
    pthread_mutex_t locks[LOCKS];
    struct cache_set sets[];
};

struct cache *cache_create(size_t sets, struct cache_budget *budget)
{
    struct cache *c = xcalloc(1, sizeof *c + sets * sizeof c->sets[0]);
    size_t nth = 0;
    CHECK(sets && (sets & (sets - 1)) == 0);
    while (nth < CACHES_MAX && budget->caches[nth])
        nth++;
    CHECK(nth < CACHES_MAX);
    budget->caches[nth] = c;
    c->n = sets;
    c->budget = budget;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    return c;
}

void cache_free(struct cache **pc)
{
    struct cache *c = *pc;
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < CACHE_WAYS; k++)
            cached_unref(c->sets[i].ways[k]);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&c->locks[i]);
    for (size_t i = 0; i < CACHES_MAX; i++)
        if (c->budget->caches[i] == c)
            c->budget->caches[i] = NULL;
    free(c);
    *pc = NULL;
}

static size_t number_of(const struct cache *c, struct bytes key)
{
    uint64_t h = key.n, word = 0;
    for (size_t i = 0; i < key.n; i += sizeof word) {
        size_t left = key.n - i;
        word = 0;
        memcpy(&word, key.p + i, left < sizeof word ? left : sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return (h ^ h >> 32) & (c->n - 1);
}

static struct cache_set *lock_set(struct cache *c, size_t number)
{
    pthread_mutex_lock(&c->locks[number % LOCKS]);
    return &c->sets[number];
}

static void unlock_set(struct cache *c, size_t number)
{
    pthread_mutex_unlock(&c->locks[number % LOCKS]);
}

/* Its place in the set; CACHE_WAYS when it is not there. */
static size_t place_of(const struct cache_set *s, struct bytes key)
{
    size_t i = 0;
    while (i < CACHE_WAYS && !(s->ways[i] && bytes_eq(s->ways[i]->key, key)))
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
    size_t number = number_of(c, key);
    struct cached *found = NULL;
    struct cache_set *s = lock_set(c, number);
    size_t i = place_of(s, key);
    if (i < CACHE_WAYS && s->ways[i]->generation == generation) {
        found = s->ways[i];
        atomic_fetch_add(&found->refs, 1);
        to_front(s, i, found);
    }
    unlock_set(c, number);
    if (!found)
        atomic_fetch_add_explicit(&c->misses, 1, memory_order_relaxed);
    return found;
}

uint64_t cache_misses(const struct cache *c)
{
    return atomic_load_explicit(&c->misses, memory_order_relaxed);
}

/* From now on it counts, until its end. Nobody else knows it yet. */
static void count(struct cache *c, struct cached *e)
{
    size_t used = arena_used(e->arena);
    if (e->cache)
        return;
    e->cache = c;
    e->cost = ENTRY_COST + (used > e->room ? used : e->room);
    atomic_fetch_add(&c->bytes, e->cost);
    atomic_fetch_add(&c->budget->bytes, e->cost);
}

/* Takes out what was not used for longest of those that nobody holds, or of all. With the set's lock. */
static struct cached *take_out(struct cache_set *s, bool held_too)
{
    for (size_t i = CACHE_WAYS; i-- > 0;) {
        struct cached *e = s->ways[i];
        if (!e || (!held_too && atomic_load(&e->refs) != 1))
            continue;
        memmove(&s->ways[i], &s->ways[i + 1], (CACHE_WAYS - 1 - i) * sizeof s->ways[0]);
        s->ways[CACHE_WAYS - 1] = NULL;
        return e;
    }
    return NULL;
}

/* One entry of the sets whose turn it is, from there on. False: they have none. */
static bool give_way(struct cache *c, size_t from, bool held_too)
{
    struct cached *out = NULL;
    size_t i = 0;
    for (; i < SETS_AT_ONCE && !out; i++) {
        size_t number = (from + i) & (c->n - 1);
        struct cache_set *s = lock_set(c, number);
        out = take_out(s, held_too);
        unlock_set(c, number);
    }
    atomic_store(&c->hand, from + i);
    if (out)
        atomic_fetch_sub(&c->kept, 1);
    cached_unref(out);
    return out != NULL;
}

/* The one that holds most and has something to give; NULL: none has. */
static struct cache *largest(const struct cache_budget *b)
{
    struct cache *ret = NULL;
    for (size_t i = 0; i < CACHES_MAX; i++) {
        struct cache *c = b->caches[i];
        if (c && atomic_load(&c->kept) > 0 && (!ret || atomic_load(&c->bytes) > atomic_load(&ret->bytes)))
            ret = c;
    }
    return ret;
}

/* What is in use elsewhere frees nothing when it goes, and is asked last; it is not kept any longer than that. */
static void make_room(struct cache_budget *b)
{
    struct cache *most;
    while (atomic_load(&b->bytes) > b->max && (most = largest(b))) {
        size_t from = atomic_load(&most->hand);
        bool freed = give_way(most, from, false);
        for (size_t i = 0; i < CACHES_MAX && !freed; i++) {
            struct cache *other = b->caches[i];
            freed = other && other != most && give_way(other, atomic_load(&other->hand), false);
        }
        if (!freed)
            (void)give_way(most, from, true);
    }
}

void cache_put(struct cache *c, struct cached *e)
{
    if (e->key.n == 0)
        return;
    count(c, e);
    make_room(c->budget);
    atomic_fetch_add(&e->refs, 1);
    size_t number = number_of(c, e->key);
    struct cache_set *s = lock_set(c, number);
    size_t i = place_of(s, e->key);
    for (size_t free_way = 0; i == CACHE_WAYS && free_way < CACHE_WAYS; free_way++)
        if (!s->ways[free_way])
            i = free_way;
    if (i == CACHE_WAYS)
        i = CACHE_WAYS - 1;
    struct cached *old = s->ways[i];
    if (!old)
        atomic_fetch_add(&c->kept, 1);
    to_front(s, i, e);
    unlock_set(c, number);
    cached_unref(old);
}

struct cached *cached_new(size_t size, struct bytes key, uint64_t generation, size_t more)
{
    size_t room = more ? size + key.n + more : 0;
    struct arena *a = arena_create(room);
    struct cached *e = arena_zalloc(a, size);
    e->arena = a;
    e->room = room;
    e->generation = generation;
    atomic_store(&e->refs, 1);
    if (key.n <= CACHE_KEY_MAX)
        e->key = bytes_dup(a, key);
    return e;
}

ptrdiff_t cached_slack(const struct cached *e)
{
    return (ptrdiff_t)e->room - (ptrdiff_t)arena_used(e->arena);
}

void cached_unref(void *cached)
{
    struct cached *e = cached;
    if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    if (e->cache) {
        atomic_fetch_sub(&e->cache->bytes, e->cost);
        atomic_fetch_sub(&e->cache->budget->bytes, e->cost);
    }
    arena_free(e->arena);
}
