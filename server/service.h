/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager and a process agree on: "ready", a watchdog, sockets that are open already (sd_notify(3),
 * sd_listen_fds(3)). Written here, because it is a datagram and three environment variables, and the library that has
 * it would bring many more. Without a service manager every call does nothing. Threads: the first one.
 */
#ifndef PAIL_SERVER_SERVICE_H
#define PAIL_SERVER_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

void service_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* How often the manager wants to hear WATCHDOG=1, in ms, halved for safety; 0: never. */
uint64_t service_watchdog_ms(void);
/* A listening socket that the manager opened, by name ("s3", "console"); the first without a name is "s3". -1: none. */
int service_socket(const char *name);

#endif
