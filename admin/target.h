/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a command of the administrator works: at a running server, over its own operations below /pail/v1, or in a data
 * folder that no server holds. What goes wrong is said in one line on standard error. Threads: the first one.
 */
#ifndef PAIL_ADMIN_TARGET_H
#define PAIL_ADMIN_TARGET_H

#include "base/arena.h"
#include "base/bytes.h"
#include "config.h"
#include "data_dir.h"

struct store;

#define TARGET_ENDPOINT "http://127.0.0.1:9000"
#define TARGET_REGION   "us-east-1"

/* What --help says about it. */
#define TARGET_HELP                                                                                                    \
    "Where, with a running server (the usual way):\n"                                                                  \
    "  --endpoint URL         also PAIL_ENDPOINT, AWS_ENDPOINT_URL; default " TARGET_ENDPOINT "\n"                     \
    "  --region NAME          also PAIL_REGION, AWS_REGION, AWS_DEFAULT_REGION; default " TARGET_REGION "\n"           \
    "  --ca-file FILE         further certificates to trust, for https\n"                                              \
    "  The keys of the first account's root are read from PAIL_ROOT_USER and PAIL_ROOT_PASSWORD, MINIO_ROOT_USER "     \
    "and\n"                                                                                                            \
    "  MINIO_ROOT_PASSWORD, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; default minioadmin / minioadmin.\n"

struct target_server {
    const char *endpoint, *region, *ca_file; /* NULL: not given */
};
/*
 * Sends it; `json` empty: no body. 0, and *ret the JSON of the answer in the arena, with NUL behind it (wipe it when it
 * may hold secrets); or 1.
 */
int target_call(const struct target_server *, struct arena *, const char *method, const char *path, struct bytes json,
                struct bytes *ret);
/* For people to read and programs to parse. The exit status. */
int target_print_json(struct bytes json);

struct target_folder {
    struct config config;
    struct data_dir dir;
    struct store *store;
};
/* `flags`: as of `pail server`, the folder first. 0, 1, or 2 when they are wrong. target_folder_close in every case. */
int target_folder_open(struct target_folder *, int n_flags, char **flags);
void target_folder_close(struct target_folder *);

#endif
