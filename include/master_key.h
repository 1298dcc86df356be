/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the master key comes from, and whether it is the right one.
 *
 * The first of these that is there: the setting master_key_file; the systemd credential "pail-master-key"; the variable
 * PAIL_MASTER_KEY; pail.key in the data folder. Only the last one is ever made by Pail, and only while nothing has been
 * sealed: a fresh key over old data would make a loss out of a mistake. A document of the store holds a known text,
 * sealed; it tells a wrong key, and that something was sealed.
 *
 * A key that is missing, wrong or damaged does not stop the server: what was sealed is unavailable, the rest goes on.
 * Only while nothing was sealed yet is it an error, for then there is nothing to be served without it.
 *
 * Who may read a key file: its owner, and its group. Others must not (nor may the group write), unless it lies on a
 * file system that is mounted read-only: so do the secrets of Kubernetes and Docker, whose modes are not the
 * container's to choose and which nobody but the container sees.
 * Threads: start-up only.
 */
#ifndef PAIL_MASTER_KEY_H
#define PAIL_MASTER_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "crypt.h"

struct store;

#define MASTER_KEY_FILE       "pail.key" /* in the data folder */
#define MASTER_KEY_CREDENTIAL "pail-master-key"
#define MASTER_KEY_VARIABLE   "PAIL_MASTER_KEY"
#define MASTER_KEY_TEXT       128  /* bytes of that variable that are looked at */
#define MASTER_KEY_PATH       4200 /* bytes of a path */

enum master_key_from {
    MASTER_KEY_FROM_SETTING,
    MASTER_KEY_FROM_CREDENTIAL,
    MASTER_KEY_FROM_ENVIRONMENT,
    MASTER_KEY_FROM_FOLDER,
};

struct master_key {
    struct crypt *crypt; /* NULL: there is none that would open what was sealed; `problem` says why, in one line */
    enum master_key_from from;
    char path[MASTER_KEY_PATH]; /* of its file; from the environment: the variable's name */
    bool made;                  /* just now */
    bool left;                  /* pail.key lies in the data folder although another source is in use */
    char problem[512];
};

struct master_key_options {
    struct store *store;
    const char *data_dir;
    const char *file;        /* the setting; NULL or empty: not given */
    const char *environment; /* what master_key_take_environment gave */
    bool never_make;         /* commands that only look */
};

/*
 * Takes PAIL_MASTER_KEY out of the environment, so that no child and no dump of it has the key; empty when it is not
 * set. While there is one thread only. Wipe `out` after master_key_open.
 */
void master_key_take_environment(char out[MASTER_KEY_TEXT]);
/* False: one clear line in ret_error; see above. */
bool master_key_open(const struct master_key_options *, struct master_key *ret, char ret_error[512]);
void master_key_close(struct master_key *);

#endif
