/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the store of a data folder, for the server and for commands that work on a folder without one.
 * Threads: start-up only.
 */
#ifndef PAIL_BACKENDS_H
#define PAIL_BACKENDS_H

struct config;
struct data_dir;
struct store;

/* `dir` is open (and so locked). NULL: one clear line in ret_error. Closed with store_close. */
struct store *backends_open(const struct config *, const struct data_dir *dir, char ret_error[512]);

#endif
