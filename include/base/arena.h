/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: memory that ends with a lifetime (process, connection, request, event), as one unit.
 *
 * arena_alloc never returns NULL: when the system has no memory left, the process says so and aborts; everything
 * acknowledged is on disk, so a restart loses nothing. What client input can make us allocate is bounded by the named
 * limits before it gets here. Deferred calls run, last one first, at arena_reset and arena_free.
 * Threads: an arena belongs to one thread at a time; handing it over (loop to worker and back) needs a mailbox between.
 */
#ifndef PAIL_BASE_ARENA_H
#define PAIL_BASE_ARENA_H

#include "base/bytes.h"

struct arena;

struct arena *arena_create(size_t first_block); /* bytes of the block that reset keeps; 0 for the default of 4 KiB */
void arena_free(struct arena *a);               /* accepts NULL */
void arena_reset(struct arena *a);              /* runs deferred calls, keeps the first block */
void *arena_alloc(struct arena *a, size_t n);   /* aligned for any type, not zeroed */
void *arena_zalloc(struct arena *a, size_t n);
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);
/* Something in it is secret: all of it is overwritten by the next reset or free. */
void arena_keep_secret(struct arena *a);
size_t arena_used(const struct arena *a); /* bytes handed out since the last reset */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct bytes arena_bytesf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define arena_new(a, type)          ((type *)arena_zalloc((a), sizeof(type)))
#define arena_new_array(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))

/* malloc and friends for owners outside arenas; they abort like arenas do. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);

#endif
