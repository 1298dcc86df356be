/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of what a kill would leave open, a file that outlives the run. Threads: any, but for open and close.
 */
#ifndef PAIL_ADMIN_TRANSFER_JOURNAL_H
#define PAIL_ADMIN_TRANSFER_JOURNAL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

struct journal;
/* `path` NULL: a file of its own for these two places, below the user's state folder. NULL: a line in error. */
struct journal *journal_open(const char *path, const char *from, const char *to, char error[256]);
/* The upload that an earlier run began for just this; NULL: none. In the arena. */
const char *journal_find(struct journal *, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                         struct arena *);
void journal_begin(struct journal *, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                   const char *upload);
void journal_end(struct journal *, const char *upload);
/* A key's history may get a version twice from now on (late.h), after the id `before`; empty: nothing was there. */
void journal_late(struct journal *, struct bytes name, struct bytes before);
void journal_late_over(struct journal *, struct bytes name);
/* `before`, "" for nothing, of what an earlier run did not get over; NULL: there is no such. In the arena. */
const char *journal_late_find(struct journal *, struct bytes name, struct arena *);
/*
 * With a visitor all has been done: it visits the uploads that are still open. The file goes when nothing is open, or
 * noted and not all done. NULL: nothing to do.
 */
void journal_close(struct journal *, void (*open_one)(void *arg, struct bytes key, const char *upload), void *arg);

#endif
