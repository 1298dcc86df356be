/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of `pail import` and `pail export`. What is read points into argv and the arena, so it lives as long as
 * both; keys are wiped from argv. Mistakes are said in a line on standard error. Threads: the first one.
 */
#ifndef PAIL_ADMIN_TRANSFER_OPTIONS_H
#define PAIL_ADMIN_TRANSFER_OPTIONS_H

#include "admin/transfer/transfer.h"

enum { TRANSFER_HELP_SHOWN = -1, TRANSFER_MISUSE = 2 };
/* `help`: what --help says before the flags that both commands have. One of these, or 0: go on. */
int transfer_options_read(struct transfer_options *, bool import, const char *help, int argc, char **argv,
                          struct arena *);

#endif
