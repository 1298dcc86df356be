/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for objects: a budget of bytes that all workers share, and the buffers themselves. What is larger than the
 * whole budget goes alone. Threads: any; these take the transfer's lock, unless they say otherwise.
 */
#ifndef PAIL_ADMIN_TRANSFER_MEMORY_H
#define PAIL_ADMIN_TRANSFER_MEMORY_H

#include "admin/transfer/transfer.h"

/* Takes n bytes of the budget, to be given back; waits for room. False: the run ends. */
bool memory_take(struct transfer *, uint64_t n);
/* Does not wait. False: there is no room now. With the lock held. */
bool memory_try(struct transfer *, uint64_t n);
void memory_give(struct transfer *, uint64_t n);

/* The bytes themselves, within what was taken. Large ones are kept for the next: fresh pages cost as much as a copy. */
struct buffer {
    struct buffer *next;
    char *p;
    uint64_t room;
};
struct buffer *buffer_take(struct transfer *, uint64_t n); /* NULL: the system has not that much */
void buffer_give(struct transfer *, struct buffer **);     /* and clears the pointer, which may be NULL */
void buffers_free(struct transfer *);                      /* those that were kept; without the lock, at the end */

#endif
