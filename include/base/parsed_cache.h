/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents as they were parsed, shared by all who need them. An entry belongs to one state of one thing: its id and a
 * number that changes with every change, so it never has to be taken back: an outdated one is not found any more and
 * gives way to the next that needs its slot. Nobody writes to an entry. It lives as long as its slot or a user's arena
 * refers to it, which may be longer than the cache. Threads: any.
 */
#ifndef PAIL_BASE_PARSED_CACHE_H
#define PAIL_BASE_PARSED_CACHE_H

#include "base/arena.h"

struct parsed_cache;

struct parsed_cache *parsed_cache_create(size_t slots, size_t bytes_max); /* bytes: of the arenas in slots */
void parsed_cache_free(struct parsed_cache **);                           /* accepts NULL inside */

/* What was kept for this state, valid as long as the user's arena; or NULL. A cache that is NULL never has anything. */
const void *parsed_cache_find(struct parsed_cache *, uint64_t id, uint64_t state, struct arena *user);
/* Takes the arena `own` over, in which `value` lies, and keeps it; for the user at least, when the cache is NULL. */
void parsed_cache_keep(struct parsed_cache *, uint64_t id, uint64_t state, struct arena *own, const void *value,
                       struct arena *user);

#endif
