/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files below a folder, in the order that their keys have. What is left out (links, pipes, ...) is reported, unless
 * `quiet`. Threads: a walk belongs to the planner, and uses its line's arena.
 */
#ifndef PAIL_ADMIN_TRANSFER_WALK_H
#define PAIL_ADMIN_TRANSFER_WALK_H

#include "admin/transfer/transfer.h"

struct walk;
/* root_fd stays the caller's. */
struct walk *walk_open(struct line *, int root_fd, bool follow_links, bool quiet);
/* 1 and a file, whose key lives until the next call; 0 at the end. */
int walk_next(struct walk *, struct bytes *ret_key, uint64_t *ret_size, int64_t *ret_mtime_ns);
void walk_close(struct walk *); /* or NULL */

#endif
