/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsed documents, kept: one slot for all ids with the same remainder, and an upper limit for what all of them hold.
 *
 * Invariants: an entry never changes; slots and users each hold one reference. Threads: any; the lock is held to look
 * at slots, never while anything is read or parsed.
 */
#include "base/parsed_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct entry {
    atomic_uint refs; /* grows only while it is in a slot and the lock is held */
    uint64_t id, state;
    struct arena *own;
    const void *value;
    size_t bytes;
};

struct parsed_cache {
    pthread_mutex_t lock;
    size_t n_slots, bytes, bytes_max;
    size_t hand; /* the slot that gives way next when there are too many bytes */
    struct entry *slots[];
};

struct parsed_cache *parsed_cache_create(size_t slots, size_t bytes_max)
{
    struct parsed_cache *c = xcalloc(1, sizeof *c + slots * sizeof c->slots[0]);
    pthread_mutex_init(&c->lock, NULL);
    c->n_slots = slots;
    c->bytes_max = bytes_max;
    return c;
}

static void entry_unref(void *arg)
{
    struct entry *e = arg;
    if (atomic_fetch_sub(&e->refs, 1) > 1)
        return;
    arena_free(e->own);
    free(e);
}

/* With the lock held. */
static void empty_slot(struct parsed_cache *c, size_t i)
{
    struct entry *e = c->slots[i];
    if (!e)
        return;
    c->slots[i] = NULL;
    c->bytes -= e->bytes;
    entry_unref(e);
}

void parsed_cache_free(struct parsed_cache **cache)
{
    struct parsed_cache *c = *cache;
    *cache = NULL;
    if (!c)
        return;
    for (size_t i = 0; i < c->n_slots; i++)
        empty_slot(c, i);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

const void *parsed_cache_find(struct parsed_cache *c, uint64_t id, uint64_t state, struct arena *user)
{
    if (!c)
        return NULL;
    pthread_mutex_lock(&c->lock);
    struct entry *e = c->slots[id % c->n_slots];
    if (e && (e->id != id || e->state != state))
        e = NULL;
    if (e)
        atomic_fetch_add(&e->refs, 1);
    pthread_mutex_unlock(&c->lock);
    if (!e)
        return NULL;
    arena_defer(user, entry_unref, e);
    return e->value;
}

static void insert(struct parsed_cache *c, struct entry *e)
{
    pthread_mutex_lock(&c->lock);
    empty_slot(c, e->id % c->n_slots);
    for (size_t i = 0; i < c->n_slots && c->bytes + e->bytes > c->bytes_max; i++)
        empty_slot(c, c->hand++ % c->n_slots);
    c->slots[e->id % c->n_slots] = e;
    c->bytes += e->bytes;
    atomic_fetch_add(&e->refs, 1);
    pthread_mutex_unlock(&c->lock);
}

void parsed_cache_keep(struct parsed_cache *c, uint64_t id, uint64_t state, struct arena *own, const void *value,
                       struct arena *user)
{
    struct entry *e = xcalloc(1, sizeof *e);
    atomic_init(&e->refs, 1);
    e->id = id;
    e->state = state;
    e->own = own;
    e->value = value;
    e->bytes = arena_used(own) + sizeof *e;
    if (c)
        insert(c, e);
    arena_defer(user, entry_unref, e);
}
