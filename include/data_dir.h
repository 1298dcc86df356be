/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data folder: created when missing, marked as Pail's, locked against a second process, its format checked.
 * Threads: start-up only.
 */
#ifndef PAIL_DATA_DIR_H
#define PAIL_DATA_DIR_H

#include <stdbool.h>

#include "config.h"

#define DATA_FORMAT 1 /* of the folder as a whole; newer ones are refused, older ones read */

struct data_dir {
    char path[4096], index_path[4096 + 16];
    int lock_fd;
};

/* False: one clear line in ret_error. A folder that holds something else is not touched. */
bool data_dir_open(const char *path, struct data_dir *ret, char ret_error[512]);
/*
 * The folders of storage tiers: each is marked as this data's, and the data folder remembers them, so that neither a
 * forgotten --tier nor a disk that is not mounted passes for missing data. False: one clear line in ret_error.
 */
bool data_dir_open_tiers(const struct data_dir *, const struct config_tier *, size_t n, char ret_error[512]);
void data_dir_close(struct data_dir *); /* lock_fd -1: it was not opened */

#endif
