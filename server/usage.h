/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all buckets hold, at one look: the store keeps the counts, so this is a look-up a bucket and walks no object.
 * Threads: workers.
 */
#ifndef PAIL_SERVER_USAGE_H
#define PAIL_SERVER_USAGE_H

#include "base/arena.h"
#include "store.h"

struct usage_bucket {
    struct store_bucket bucket;
    struct store_counts counts;
};
struct usage {
    size_t n;
    struct usage_bucket *buckets; /* in order of names */
    struct store_counts all;      /* together */
};

int usage_collect(struct store *, struct arena *, struct usage *ret); /* STORE_* */

#endif
