/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the destination has of a key already: told by the listings, or by a look at the object or file where these do
 * not suffice. What cannot be looked at counts as another. Threads: workers.
 */
#ifndef PAIL_ADMIN_TRANSFER_SAME_H
#define PAIL_ADMIN_TRANSFER_SAME_H

#include "admin/transfer/transfer.h"

/* How many of the source's first versions are the destination's last ones; *conflict: none, and it has some. */
size_t same_versions(struct line *, const struct job *, bool *conflict);
/* The same of two histories of n and n_have, where `same` compares one with one. Pure. */
size_t same_overlap(size_t n, size_t n_have, bool (*same)(void *arg, size_t i, size_t have), void *arg, bool *conflict);

#endif
