/* SPDX-License-Identifier: Apache-2.0 */
/* Data folders as the commands see them: which folders hold blobs, and small durable files. Threads: any. */
#ifndef PAIL_STORAGE_FOLDER_H
#define PAIL_STORAGE_FOLDER_H

#include <stdio.h>

#include "blob.h"
#include "maintenance.h"
#include "storage/check_in.h"

#define FOLDER_MARK      "pail.format" /* of a data folder */
#define FOLDER_TIERS     "pail.tiers"
#define FOLDER_TIER      "pail.tier"
#define FOLDER_BACKUP    "pail.backup"       /* of a backup; its tiers lie below tiers/ */
#define FOLDER_PART      "pail.backup.part"  /* instead: of one that never came to its end */
#define FOLDER_RESTORE   "pail.restoring"    /* of a data folder that is being filled */
#define FOLDER_SAVED     "pail.format.saved" /* a backup's copy of the data folder's mark */
#define FOLDER_ID        "pail.id"           /* random, made by the first backup: whose backup it is */
#define FOLDER_KEY       "pail.key"
#define FOLDER_INDEX     "index"
#define FOLDER_DATA      "index/data.mdb"
#define FOLDER_SNAPSHOTS "snapshots" /* a folder a snapshot, named by its time in ms, with data.mdb */
#define FOLDER_PLACES    (MAINTENANCE_TIERS_MAX + 1)
#define FOLDER_PATH      4096

struct folder_places {
    size_t n;
    struct folder_place {
        unsigned tier;
        char path[FOLDER_PATH]; /* which has blobs/ */
    } p[FOLDER_PLACES];
};

/*
 * The default folder and those of the tiers, which must be all that the data uses (a backup has them inside). 0, or -1
 * with one clear line.
 */
int folder_find_places(const struct maintenance_folder *, struct folder_places *ret, char error[MAINTENANCE_ERROR]);

/* All of them behind one handle, for reading alone; `ret_places` (FOLDER_PLACES) are closed with it. */
int folder_open_blobs(const struct folder_places *, struct check_place *ret_places, struct blob_store **ret,
                      char error[MAINTENANCE_ERROR]);

bool folder_has(const char *folder, const char *name);
bool folder_is_empty(const char *path); /* but for lost+found, which a fresh file system has */
/* folder/name; false when it does not fit. */
bool folder_join(char out[FOLDER_PATH], const char *folder, const char *name);
int folder_sync(const char *path);                                        /* 0 or errno */
int folder_write(const char *folder, const char *name, const char *text); /* whole or not, durably; 0 or errno */
/* Bytes, 0 when there is no such file, -1 with errno when it cannot be read or does not fit. */
int folder_read(const char *folder, const char *name, char *text, size_t cap);

int folder_fail(char error[MAINTENANCE_ERROR], const char *path, const char *why); /* -1 */

#endif
