/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of the program beside `pail server`; the table is in main.c. Each takes what comes after its name and
 * answers the process's exit status. Threads: called once, by main.
 */
#ifndef PAIL_ADMIN_COMMANDS_H
#define PAIL_ADMIN_COMMANDS_H

int account_command(int argc, char **argv);

#endif
