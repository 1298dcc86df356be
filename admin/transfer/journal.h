/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of open uploads, a file that outlives a run that is killed. Threads: any, but for open and close.
 */
#ifndef PAIL_ADMIN_TRANSFER_JOURNAL_H
#define PAIL_ADMIN_TRANSFER_JOURNAL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

struct journal;
/* `path` NULL: a file of its own for these two places, below the user's state folder. NULL: a line in error. */
struct journal *journal_open(const char *path, const char *from, const char *to, char error[256]);
/* The file goes at the end, so a run has been killed, or has left uploads open. */
bool journal_was_there(const struct journal *);
/* The upload that an earlier run began for just this; NULL: none. In the arena. */
const char *journal_find(struct journal *, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                         struct arena *);
void journal_begin(struct journal *, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                   const char *upload);
void journal_end(struct journal *, const char *upload);
/* Visits what is still open, if there is a visitor; then the file goes, when nothing is. NULL: nothing to do. */
void journal_close(struct journal *, void (*open_one)(void *arg, struct bytes key, const char *upload), void *arg);

#endif
