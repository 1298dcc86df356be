/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upgrade without a refused request: on SIGUSR2 the running server starts the program that now lies where it was
 * started from, with the same arguments, and hands it the listening socket. Only one process can have the data, so:
 *
 *   old                                        new
 *   starts it, goes on serving                 reads settings, takes the socket, checks what it can, says "ready"
 *   stops accepting, ends what runs,           waits; newcomers wait in the socket's queue
 *   closes the data, says "go", ends           opens the data, serves
 *
 * When the new one dies before it is ready (a wrong setting, a broken build), the old one says so and goes on.
 * Threads: the first one.
 */
#ifndef PAIL_SERVER_HANDOVER_H
#define PAIL_SERVER_HANDOVER_H

#include <stdbool.h>
#include <sys/types.h>

enum handover_socket { HANDOVER_S3, HANDOVER_CONSOLE, HANDOVER_SOCKETS };

struct handover { /* of the old process */
    int channel;  /* -1: there is none under way */
    pid_t pid;
};

void handover_remember_program(void); /* at the start: where the program lies */
/* Starts the new process and waits until it is ready. A socket of -1 is none. `master_key`: its PAIL_MASTER_KEY, empty
 * for none. False: one line in ret_error, and nothing has changed. */
bool handover_begin(struct handover *, char **argv, const int listening[HANDOVER_SOCKETS], const char *master_key,
                    char ret_error[512]);
void handover_go(struct handover *); /* the data is closed */

/* In the new process: a listening socket that it was handed, or -1 when there is none or it was started otherwise. Each
 * is asked for once, S3's first. */
int handover_socket(enum handover_socket);
/* Says "ready" and waits for "go". False: the old process changed its mind. Does nothing where nothing was handed. */
bool handover_wait(void);

#endif
