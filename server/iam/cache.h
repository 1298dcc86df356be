/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded cache of counted things by a short key: sets of a few entries, the one longest unused gives way. What is
 * found stays alive until it is let go, wherever the cache is by then. Several caches may share a budget of bytes, in
 * which everything counts that was put into one of them and still lives; beyond it whole sets give way.
 * Threads: any; a lock for each set, held for a few comparisons.
 */
#ifndef PAIL_SERVER_IAM_CACHE_H
#define PAIL_SERVER_IAM_CACHE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

#define CACHE_KEY_MAX 160 /* bytes; longer ones are not kept */
#define CACHE_WAYS    4

struct cache;

struct cache_budget {
    size_t max;
    _Atomic size_t bytes;
};

struct cached {
    struct arena *arena; /* all that it is made of, itself too */
    _Atomic unsigned refs;
    uint64_t generation; /* of what it was made from; entries of another one are not found */
    char key[CACHE_KEY_MAX];
    size_t key_n;
    struct cache_budget *budget; /* NULL: not put anywhere yet */
    size_t cost;
};

/* A power of two. The budget outlives all that is put here. */
struct cache *cache_create(size_t sets, struct cache_budget *);
void cache_free(struct cache **); /* accepts NULL inside */
/* With a reference more, or NULL. */
struct cached *cache_get(struct cache *, struct bytes key, uint64_t generation);
uint64_t cache_misses(const struct cache *); /* of cache_get, since the start */
/* The cache takes a reference of its own; the caller keeps his. One of the same key gives way. */
void cache_put(struct cache *, struct cached *);
/* A new entry of `size` bytes (the struct cached first) in an arena of its own, with one reference. */
struct cached *cached_new(size_t size, struct bytes key, uint64_t generation);
void cached_unref(void *cached); /* a struct cached *; fits arena_defer */

#endif
