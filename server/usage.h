/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What buckets hold, at one look: the store keeps the counts, so this is a look-up a bucket and walks no object.
 * Threads: workers.
 */
#ifndef PAIL_SERVER_USAGE_H
#define PAIL_SERVER_USAGE_H

#include "base/arena.h"
#include "store.h"

struct usage_bucket {
    struct bytes name;
    uint64_t partition, quota; /* as in struct store_bucket */
    struct store_counts counts;
};
struct usage {
    size_t n;                     /* buckets there are */
    struct store_counts all;      /* what they hold together */
    size_t n_told;                /* those below ... */
    struct usage_bucket *buckets; /* ... which hold the most bytes, in order of names */
};

/* Tells at most `max_told` buckets apart; 0: only what all of them hold. STORE_*. */
int usage_collect(struct store *, size_t max_told, struct arena *, struct usage *ret);
/* The same of one bucket alone. */
int usage_of_bucket(struct store *, const struct store_bucket *, struct arena *, struct usage *ret);

#endif
