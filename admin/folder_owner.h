/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands on a data folder that root starts. What root writes there the server, another user, could not open; and
 * root had better not follow what another user left in a folder. So they become the folder's owner. Nothing happens
 * for who is not root, or when root is the owner. Threads: the first one, before there are others.
 */
#ifndef PAIL_ADMIN_FOLDER_OWNER_H
#define PAIL_ADMIN_FOLDER_OWNER_H

#include <stdbool.h>

#include "maintenance.h"

/*
 * Becomes the owner of `folder`, for good. `read` and `written`: what else the command works in, or NULL; `written` is
 * made when it is missing and then belongs to the same user. False: a line in ret_error.
 */
bool folder_owner_become(const char *folder, const char *read, const char *written, char ret_error[MAINTENANCE_ERROR]);
/* The same until folder_owner_return: for commands that also read files of root's, such as a master key. */
bool folder_owner_borrow(const char *folder, char ret_error[MAINTENANCE_ERROR]);
void folder_owner_return(void);

#endif
