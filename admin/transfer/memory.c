/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for objects. Idea: a budget of bytes that all workers share, taken before an object or part is read; and
 * buffers, of which the large ones are kept, since the system clears every page that it hands out. Buffers that are
 * kept lie within the same budget.
 * Threads: any; under the transfer's lock.
 */
#include "admin/transfer/memory.h"

#include <stdlib.h>
#include <sys/mman.h>

#define MEMORY_MAX (256u << 20) /* bytes, all workers together */
#define KEPT_FROM  (128u << 10) /* bytes: the allocator returns such pages to the system each time */
#define PAGE_HUGE  (2u << 20)

bool memory_try(struct transfer *t, uint64_t n)
{
    if (t->memory && t->memory + n > MEMORY_MAX)
        return false;
    t->memory += n;
    return true;
}

bool memory_take(struct transfer *t, uint64_t n)
{
    bool taken = false;
    pthread_mutex_lock(&t->lock);
    while (!t->stop && !(taken = memory_try(t, n)))
        pthread_cond_wait(&t->room, &t->lock);
    pthread_mutex_unlock(&t->lock);
    return taken;
}

void memory_give(struct transfer *t, uint64_t n)
{
    pthread_mutex_lock(&t->lock);
    t->memory -= n;
    pthread_cond_broadcast(&t->room);
    if (t->larges) /* whoever has no job may have room for a part now */
        pthread_cond_broadcast(&t->more);
    pthread_mutex_unlock(&t->lock);
}

static void drop(struct buffer *b)
{
    free(b->p);
    free(b);
}

static struct buffer *fresh(uint64_t n)
{
    struct buffer *b = xcalloc(1, sizeof *b);
    void *p = NULL;
    b->room = n;
    if (n < PAGE_HUGE)
        b->p = xmalloc(n);
    else {
        b->room = (n + PAGE_HUGE - 1) / PAGE_HUGE * PAGE_HUGE;
        if (posix_memalign(&p, PAGE_HUGE, b->room) != 0) {
            free(b);
            return NULL;
        }
        b->p = p;
        (void)madvise(p, b->room, MADV_HUGEPAGE); /* where the system has none, small pages do */
    }
    return b;
}

struct buffer *buffer_take(struct transfer *t, uint64_t n)
{
    struct buffer *found = NULL, *useless = NULL;
    if (n < KEPT_FROM)
        return fresh(n);
    pthread_mutex_lock(&t->lock);
    for (struct buffer **at = &t->spare; *at; at = &(*at)->next)
        if ((*at)->room >= n && (*at)->room / 2 <= n + PAGE_HUGE) {
            found = *at;
            *at = found->next;
            t->spare_bytes -= found->room;
            break;
        }
    if (!found && t->memory + t->spare_bytes > MEMORY_MAX) { /* they are of other sizes */
        useless = t->spare;
        t->spare = NULL;
        t->spare_bytes = 0;
    }
    pthread_mutex_unlock(&t->lock);
    for (struct buffer *next; useless; useless = next) {
        next = useless->next;
        drop(useless);
    }
    return found ? found : fresh(n);
}

void buffer_give(struct transfer *t, struct buffer **bb)
{
    struct buffer *b = *bb;
    *bb = NULL;
    if (!b)
        return;
    pthread_mutex_lock(&t->lock);
    bool keep = b->room >= KEPT_FROM && t->spare_bytes + b->room <= MEMORY_MAX;
    if (keep) {
        b->next = t->spare; /* the last one first: it is in the processor's cache */
        t->spare = b;
        t->spare_bytes += b->room;
    }
    pthread_mutex_unlock(&t->lock);
    if (!keep)
        drop(b);
}

void buffers_free(struct transfer *t)
{
    for (struct buffer *b; (b = t->spare);) {
        t->spare = b->next;
        drop(b);
    }
    t->spare_bytes = 0;
}
