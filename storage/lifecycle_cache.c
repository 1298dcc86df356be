/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded lifecycle rules for those who show when an object expires: every GET, HEAD and PUT in a bucket with rules.
 * They are kept for one configuration of one bucket (lifecycle_seq). Threads: any, loops too.
 */
#include "base/parsed_cache.h"
#include "storage/lifecycle_worker.h"
#include "storage/store_internal.h"

#define CACHE_SLOTS     256
#define CACHE_BYTES_MAX (32u << 20)

struct parsed_cache *lifecycle_cache_create(void)
{
    return parsed_cache_create(CACHE_SLOTS, CACHE_BYTES_MAX);
}

const struct lifecycle *store_lifecycle(struct store *st, const struct store_bucket *b, struct arena *a)
{
    if (b->lifecycle_seq == 0)
        return NULL;
    const struct lifecycle *kept = parsed_cache_find(st->lifecycle_cache, b->partition, b->lifecycle_seq, a);
    if (kept)
        return kept;
    struct arena *own = arena_create(0);
    struct lifecycle *rules = arena_new(own, struct lifecycle);
    struct bytes value;
    if (store_setting_get(st, b->name, STORE_SETTING_LIFECYCLE, own, &value) != STORE_OK ||
        !lifecycle_decode(value, own, rules)) {
        arena_free(own);
        return NULL;
    }
    parsed_cache_keep(st->lifecycle_cache, b->partition, b->lifecycle_seq, own, rules, a);
    return rules;
}
