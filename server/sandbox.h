/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process gives up, so that whoever gets in by a mistake of ours gets little: another user's rights, new
 * privileges by exec, capabilities, and all system calls but those that a server of files and sockets makes.
 * Threads: the first one.
 */
#ifndef PAIL_SERVER_SANDBOX_H
#define PAIL_SERVER_SANDBOX_H

#include <stdbool.h>

/* Becomes this user with its groups. Only root can. False: one clear line in ret_error. */
bool sandbox_become(const char *user, char ret_error[512]);
/*
 * For all threads, those to come too, and for programs that it starts. What is not allowed fails with EPERM. False: the
 * kernel has no seccomp, ret_error says so; what could be given up is.
 */
bool sandbox_enter(char ret_error[512]);

#endif
