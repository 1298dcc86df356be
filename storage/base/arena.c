/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: a chain of blocks, bumped; large requests get a block of their own. The first block survives a reset, so a
 * keep-alive connection allocates nothing for an ordinary request.
 * Threads: one at a time, see the header.
 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define ARENA_FIRST 4096
#define ARENA_NEXT  (16 * 1024)
#define ARENA_ALIGN 16

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    _Alignas(ARENA_ALIGN) char data[];
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*fn)(void *);
    void *arg;
};

struct arena {
    struct arena_block *top;   /* where the next allocation is tried */
    struct arena_block *first; /* kept by reset; the end of the chain */
    struct arena_deferred *deferred;
    size_t used;
    bool secret;
};

static _Noreturn void out_of_memory(size_t n)
{
    fprintf(stderr, "pail: out of memory (%zu bytes wanted)\n", n);
    abort();
}

void *xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p)
        out_of_memory(n * size);
    return p;
}

void *xrealloc(void *old, size_t n)
{
    void *p = realloc(old, n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(xmalloc(n), s, n);
}

static struct arena_block *block_new(size_t cap)
{
    struct arena_block *b = xmalloc(sizeof *b + cap);
    b->next = NULL;
    b->used = 0;
    b->cap = cap;
    return b;
}

struct arena *arena_create(size_t first_block)
{
    struct arena *a = xcalloc(1, sizeof *a);
    a->first = a->top = block_new(first_block ? first_block : ARENA_FIRST);
    return a;
}

void arena_reset(struct arena *a)
{
    while (a->deferred) { /* a deferred call may defer again */
        struct arena_deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
    while (a->top != a->first) {
        struct arena_block *b = a->top;
        a->top = b->next;
        if (a->secret)
            explicit_bzero(b->data, b->used);
        free(b);
    }
    if (a->secret)
        explicit_bzero(a->first->data, a->first->used);
    a->secret = false;
    a->first->used = 0;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_reset(a);
    free(a->first);
    free(a);
}

void *arena_alloc(struct arena *a, size_t n)
{
    n = n ? (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1) : ARENA_ALIGN;
    a->used += n;
    struct arena_block *b = a->top;
    if (b->cap - b->used < n) {
        struct arena_block *fresh = block_new(n > ARENA_NEXT / 4 ? n : ARENA_NEXT);
        fresh->next = b;
        a->top = b = fresh;
    }
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    return memset(arena_alloc(a, n), 0, n);
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
    struct arena_deferred *d = arena_new(a, struct arena_deferred);
    d->fn = fn;
    d->arg = arg;
    d->next = a->deferred;
    a->deferred = d;
}

void arena_keep_secret(struct arena *a)
{
    a->secret = true;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

static struct bytes arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    CHECK(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return bytes_of(p, (size_t)n);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct bytes s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return (char *)s.p; /* our own fresh memory */
}

struct bytes arena_bytesf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct bytes s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}
