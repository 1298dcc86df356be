/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections per address: a hash table of counters with chains, one mutex (touched once per connection and for large
 * documents, not per request). Entries live while their count is above zero, so memory is bounded by the connections of
 * the server.
 */
#include "server/addr_limit.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rand.h"

#define BUCKETS 1024

struct entry {
    struct entry *next;
    unsigned char address[16];
    size_t count; /* connections */
    size_t held;  /* bytes */
};

struct addr_limit {
    pthread_mutex_t lock;
    size_t max;
    uint64_t seed;
    struct entry *table[BUCKETS];
};

static void key_of(const struct sockaddr_storage *peer, unsigned char key[16])
{
    memset(key, 0, 16);
    if (peer->ss_family == AF_INET) {
        key[10] = key[11] = 0xff;
        memcpy(key + 12, &((const struct sockaddr_in *)peer)->sin_addr, 4);
    } else if (peer->ss_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)peer)->sin6_addr;
        bool whole = IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_LOOPBACK(a);
        memcpy(key, a, whole ? 16 : 8); /* one customer usually has a /64 */
    }
}

static struct entry **find(struct addr_limit *l, const unsigned char key[16])
{
    uint64_t a, b;
    memcpy(&a, key, 8);
    memcpy(&b, key + 8, 8);
    uint64_t h = (a ^ l->seed) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29 ^ b) * 0xbf58476d1ce4e5b9u;
    struct entry **e = &l->table[(h >> 32) % BUCKETS];
    while (*e && memcmp((*e)->address, key, 16) != 0)
        e = &(*e)->next;
    return e;
}

struct addr_limit *addr_limit_create(size_t max)
{
    struct addr_limit *l = xcalloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    l->max = max;
    l->seed = rand_u64();
    return l;
}

void addr_limit_free(struct addr_limit **ll)
{
    struct addr_limit *l = *ll;
    if (!l)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = l->table[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    pthread_mutex_destroy(&l->lock);
    free(l);
    *ll = NULL;
}

bool addr_limit_enter(struct addr_limit *l, const struct sockaddr_storage *peer)
{
    unsigned char key[16];
    key_of(peer, key);
    pthread_mutex_lock(&l->lock);
    struct entry **e = find(l, key);
    if (!*e) {
        *e = xcalloc(1, sizeof **e);
        memcpy((*e)->address, key, 16);
    }
    bool room = (*e)->count < l->max;
    (*e)->count += room;
    pthread_mutex_unlock(&l->lock);
    return room;
}

void addr_limit_leave(struct addr_limit *l, const struct sockaddr_storage *peer)
{
    unsigned char key[16];
    key_of(peer, key);
    pthread_mutex_lock(&l->lock);
    struct entry **e = find(l, key), *gone = *e;
    if (gone && --gone->count == 0) {
        *e = gone->next;
        free(gone);
    }
    pthread_mutex_unlock(&l->lock);
}

size_t addr_limit_hold(struct addr_limit *l, const struct sockaddr_storage *peer, size_t bytes)
{
    unsigned char key[16];
    key_of(peer, key);
    pthread_mutex_lock(&l->lock);
    struct entry *e = *find(l, key);
    size_t held = e ? e->held += bytes : bytes;
    pthread_mutex_unlock(&l->lock);
    return held;
}

void addr_limit_release(struct addr_limit *l, const struct sockaddr_storage *peer, size_t bytes)
{
    unsigned char key[16];
    key_of(peer, key);
    pthread_mutex_lock(&l->lock);
    struct entry *e = *find(l, key);
    if (e)
        e->held -= bytes;
    pthread_mutex_unlock(&l->lock);
}
