/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a command of the administrator works: at a running server, over its own operations below /pail/v1, or in a data
 * folder that no server holds; and the arguments that say so. What goes wrong is said in one line on standard error.
 * Threads: the first one.
 */
#ifndef PAIL_ADMIN_TARGET_H
#define PAIL_ADMIN_TARGET_H

#include "admin/place.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "config.h"
#include "data_dir.h"

struct store;

#define TARGET_SERVER_FLAGS 32 /* words of `pail server` that a folder needs to be opened */

/* What --help says about it. */
#define TARGET_HELP                                                                                                    \
    "Where, with a running server (the usual way):\n"                                                                  \
    "  --endpoint URL         also PAIL_ENDPOINT, AWS_ENDPOINT_URL; default " PLACE_ENDPOINT "\n"                      \
    "  --region NAME          also PAIL_REGION, AWS_REGION, AWS_DEFAULT_REGION; default " PLACE_REGION "\n"            \
    "  --ca-file FILE         further certificates to trust, for https\n"                                              \
    "  The keys of the first account's root are read from PAIL_ROOT_USER and PAIL_ROOT_PASSWORD, MINIO_ROOT_USER "     \
    "and\n"                                                                                                            \
    "  MINIO_ROOT_PASSWORD, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; default minioadmin / minioadmin.\n"        \
    "\n"                                                                                                               \
    "Where, without a server:\n"                                                                                       \
    "  --data DIR             the data folder, which no server may hold\n"                                             \
    "  --tier, --master-key-file, --vault-...     as for `pail server`\n"

struct target_server {
    const char *endpoint, *region, *ca_file; /* NULL: not given */
};

/* A flag of the command's own: with a value, or without one. */
struct target_flag {
    const char *name;
    const char **value; /* NULL: a switch, `on` */
    bool *on;
};

/* `pail COMMAND VERB [NAME] [flags]` */
struct target_args {
    const char *command;
    const char *const *verbs; /* NULL at the end */
    unsigned nameless;        /* bit i: verbs[i] takes no name */
    struct arena *arena;
    /* What was read: */
    unsigned verb;
    const char *name, *data; /* NULL: not given */
    struct target_server server;
    char *server_flags[TARGET_SERVER_FLAGS + 1]; /* the folder first */
    int n_server_flags;
};
/* `flags`: nameless at the end. 0; 2 when the command was called wrongly; -1 when it was asked for --help. */
int target_args_read(struct target_args *, const struct target_flag *flags, int argc, char **argv);
/* Says what is wrong with the arguments, with the word in question or NULL. 2. */
int target_misuse(const struct target_args *, const char *what, const char *word);
int target_fail(const char *text); /* 1 */
/* Whether a path of /pail/v1 may have that name in it. What it may not have would change the path. */
bool target_name_is_plain(const char *name);

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
/* The one of --data. 0, 1, or 2 when the flags are wrong. target_folder_close in every case. */
int target_folder_open(struct target_folder *, struct target_args *);
void target_folder_close(struct target_folder *);

#endif
