/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: bind, accept, and hand each connection to the loop with the fewest. Accepting in one place gives
 * an even spread, which SO_REUSEPORT's hashing does not with few connections. Threads: accepting runs on loop 0.
 */
#ifndef PAIL_SERVER_LISTENER_H
#define PAIL_SERVER_LISTENER_H

#include <stdbool.h>

struct server;
struct listener;

/*
 * Binds to HOST:PORT, :PORT (all addresses, IPv4 and IPv6) or [IPV6]:PORT. NULL on failure, one line in ret_error.
 * `open_socket`: one that somebody else has bound, -1 for none; the address is then only what it is called.
 * *ret_url_host gets "HOST:PORT" as a client of this machine would write it, with the real port.
 */
struct listener *listener_open(struct server *, const char *address, int open_socket, char ret_url_host[300],
                               char ret_error[512]);
void listener_for_console(struct listener *); /* what it accepts is for server/console.h; before it starts */
int listener_socket(const struct listener *); /* NULL: -1 */
unsigned listener_port(const struct listener *);
bool listener_check_address(const char *address, char ret_error[512]); /* syntax only */
void listener_start(struct listener *);                                /* before the loops run */
void listener_stop(struct listener *);                                 /* on loop 0: no more connections */
void listener_free(struct listener **);

#endif
