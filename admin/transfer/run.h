/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run, from the first listing to the account at the end. It starts the threads, minds SIGINT and SIGTERM and returns
 * when all have ended; once in a process. The options stay the caller's. Threads: the first one.
 */
#ifndef PAIL_ADMIN_TRANSFER_RUN_H
#define PAIL_ADMIN_TRANSFER_RUN_H

#include "admin/transfer/transfer.h"

/* The exit status: 0, 1 something differs or failed, 2 it cannot be done so. */
int transfer_run(const struct transfer_options *);

#endif
