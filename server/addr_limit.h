/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections each peer address has, and how much memory they hold. Threads: any. */
#ifndef PAIL_SERVER_ADDR_LIMIT_H
#define PAIL_SERVER_ADDR_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct addr_limit;

struct addr_limit *addr_limit_create(size_t max_per_address);
void addr_limit_free(struct addr_limit **);
/* Counts one more; false when the address has as many as it may. IPv6 addresses count by their /64. */
bool addr_limit_enter(struct addr_limit *, const struct sockaddr_storage *);
void addr_limit_leave(struct addr_limit *, const struct sockaddr_storage *);
/*
 * Bytes that requests of an address with a connection hold. `hold` answers how many there are with these; what was held
 * is released before its connection leaves.
 */
size_t addr_limit_hold(struct addr_limit *, const struct sockaddr_storage *, size_t bytes);
void addr_limit_release(struct addr_limit *, const struct sockaddr_storage *, size_t bytes);

#endif
