/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded lifecycle rules for those who show when an object expires: every GET, HEAD and PUT in a bucket with rules. An
 * entry belongs to one configuration of one bucket (lifecycle_seq), so it never has to be taken back: an outdated one
 * is not found any more and gives way to the next that needs its slot.
 *
 * Invariants: an entry never changes; it lives as long as its slot or a request refers to it, which may be longer than
 * the cache. Threads: any, loops too. The lock is held to look at a slot, never while reading or decoding.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "storage/lifecycle_worker.h"
#include "storage/store_internal.h"

#define CACHE_SLOTS     256
#define CACHE_BYTES_MAX (32u << 20) /* of all entries in slots */

struct entry {
    atomic_uint refs; /* grows only while it is in a slot and the lock is held */
    uint64_t partition, seq;
    struct arena *arena;
    struct lifecycle rules;
    size_t bytes;
};

struct lifecycle_cache {
    pthread_mutex_t lock;
    struct entry *slots[CACHE_SLOTS];
    size_t bytes;
    size_t hand; /* the slot that gives way next when there are too many bytes */
};

struct lifecycle_cache *lifecycle_cache_create(void)
{
    struct lifecycle_cache *c = xcalloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void entry_unref(void *arg)
{
    struct entry *e = arg;
    if (atomic_fetch_sub(&e->refs, 1) > 1)
        return;
    arena_free(e->arena);
    free(e);
}

/* With the lock held. */
static void empty_slot(struct lifecycle_cache *c, size_t i)
{
    struct entry *e = c->slots[i];
    if (!e)
        return;
    c->slots[i] = NULL;
    c->bytes -= e->bytes;
    entry_unref(e);
}

void lifecycle_cache_free(struct lifecycle_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        empty_slot(c, i);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct entry *find(struct lifecycle_cache *c, const struct store_bucket *b)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = c->slots[b->partition % CACHE_SLOTS];
    if (e && (e->partition != b->partition || e->seq != b->lifecycle_seq))
        e = NULL;
    if (e)
        atomic_fetch_add(&e->refs, 1);
    pthread_mutex_unlock(&c->lock);
    return e;
}

/* Reads and decodes, with one reference for the caller. NULL when there is nothing to be had. */
static struct entry *load(struct store *st, const struct store_bucket *b)
{
    struct entry *e = xcalloc(1, sizeof *e);
    struct bytes value;
    atomic_init(&e->refs, 1);
    e->arena = arena_create(0);
    if (store_setting_get(st, b->name, STORE_SETTING_LIFECYCLE, e->arena, &value) != STORE_OK ||
        !lifecycle_decode(value, e->arena, &e->rules)) {
        entry_unref(e);
        return NULL;
    }
    e->partition = b->partition;
    e->seq = b->lifecycle_seq;
    e->bytes = arena_used(e->arena) + sizeof *e;
    return e;
}

static void insert(struct lifecycle_cache *c, struct entry *e)
{
    pthread_mutex_lock(&c->lock);
    empty_slot(c, e->partition % CACHE_SLOTS);
    for (size_t i = 0; i < CACHE_SLOTS && c->bytes + e->bytes > CACHE_BYTES_MAX; i++)
        empty_slot(c, c->hand++ % CACHE_SLOTS);
    c->slots[e->partition % CACHE_SLOTS] = e;
    c->bytes += e->bytes;
    atomic_fetch_add(&e->refs, 1);
    pthread_mutex_unlock(&c->lock);
}

const struct lifecycle *store_lifecycle(struct store *st, const struct store_bucket *b, struct arena *a)
{
    if (b->lifecycle_seq == 0)
        return NULL;
    struct entry *e = find(st->lifecycle_cache, b);
    if (!e) {
        e = load(st, b);
        if (!e)
            return NULL;
        insert(st->lifecycle_cache, e);
    }
    arena_defer(a, entry_unref, e);
    return &e->rules;
}
