/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in a folder tree. A key is a path below the root, which neither a hostile key nor a link that somebody puts
 * there leads out of; a file appears whole or not at all. The root's fd stays the caller's. Threads: any.
 */
#ifndef PAIL_ADMIN_TRANSFER_FOLDER_H
#define PAIL_ADMIN_TRANSFER_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define FOLDER_NAME_MAX  255 /* bytes of one name, of a path, and folders in it */
#define FOLDER_PATH_MAX  4000
#define FOLDER_DEPTH_MAX 256

/* Why a key cannot be a file, or NULL. Pure. */
const char *folder_key_problem(struct bytes key);
/* A name that an unfinished export's file has. Pure. */
bool folder_is_temporary(struct bytes name);
const char *folder_type_of(struct bytes key); /* a Content-Type by the name's end. Pure */

/* What these open is the caller's; -1 and errno. */

/* The folder that the key's last name lies in, made if asked. *ret_name points into the key. */
int folder_open_parent(int root_fd, struct bytes key, bool make, struct bytes *ret_name);
/* A file below the root to read; symbolic links are followed only if asked, and never out of it. */
int folder_open_file(int root_fd, struct bytes key, bool follow_links);
/* Anything below the root, with links followed that stay there. */
int folder_open_beneath(int root_fd, const char *path, int flags);

/* A file that is not there yet under its name: to write, then to put in its place, or to drop. */
struct folder_file {
    int parent_fd, fd;
    int direct_fd; /* past the page cache; -1: not opened, or the file system does not do it */
    char name[FOLDER_NAME_MAX + 1], temporary[64];
};
bool folder_file_begin(struct folder_file *, int root_fd, struct bytes key, uint64_t size, char error[256]);
/* Large pieces go past the page cache where they can: filling it costs more than all else. */
void folder_file_direct(struct folder_file *);
bool folder_file_write(struct folder_file *, const char *p, uint64_t n, uint64_t at, char error[256]);
/* `is_new`: nothing had its name when the folder was listed, so no file that is there now is written over. */
bool folder_file_end(struct folder_file *, int64_t mtime_ns, bool is_new, char error[256]);
void folder_file_drop(struct folder_file *); /* nothing to do after folder_file_end, or when it was never begun */

#endif
