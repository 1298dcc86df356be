/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded cache of counted things by a short key: sets of a few entries, the one longest unused gives way. What is
 * found stays alive until it is let go, wherever the cache is by then. Several caches may share a budget of bytes, in
 * which everything counts that was put into one of them and still lives; beyond it entries give way, set after set,
 * first those of the cache that holds most and that nobody holds: entries of one cache may hold such of another.
 *
 * An entry costs what its arena has taken, so who makes one should say how much it will need. An empty set costs no
 * memory. Threads: any; a lock for some of the sets, held for a few comparisons.
 */
#ifndef PAIL_SERVER_IAM_CACHE_H
#define PAIL_SERVER_IAM_CACHE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

#define CACHE_KEY_MAX 160 /* bytes; longer ones are not kept */
#define CACHE_WAYS    4

#define CACHES_MAX 2 /* of a budget */

struct cache;

struct cache_budget {
    size_t max;
    _Atomic size_t bytes;
    struct cache *caches[CACHES_MAX]; /* set by cache_create */
};

struct cached {
    struct arena *arena; /* all that it is made of, itself too */
    _Atomic unsigned refs;
    uint64_t generation; /* of what it was made from; entries of another one are not found */
    struct bytes key;    /* empty: too long to be kept */
    size_t room;         /* what its arena was made for */
    struct cache *cache; /* NULL: not put anywhere yet */
    size_t cost;
};

/* `sets`: a power of two. The budget outlives all that is put here; it gets its caches before any of them is used. */
struct cache *cache_create(size_t sets, struct cache_budget *);
/* Accepts NULL inside. Nobody holds anything of it any more. */
void cache_free(struct cache **);
/* With a reference more, or NULL. */
struct cached *cache_get(struct cache *, struct bytes key, uint64_t generation);
uint64_t cache_misses(const struct cache *); /* of cache_get, since the start */
/* The cache takes a reference of its own; the caller keeps his. One of the same key gives way. */
void cache_put(struct cache *, struct cached *);
/* A new entry of `size` bytes (the struct cached first) in an arena of its own, with one reference. `more`: how many
 * bytes that arena is expected to take besides. */
struct cached *cached_new(size_t size, struct bytes key, uint64_t generation, size_t more);
/* How many bytes of that arena's memory would be left unused. Negative: more was needed than expected. */
ptrdiff_t cached_slack(const struct cached *);
void cached_unref(void *cached); /* a struct cached *; fits arena_defer */

#endif
