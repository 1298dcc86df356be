/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One version, copied: a small object through memory, a large one in parts (large.h), a delete marker, a folder's own
 * entry. Threads: workers; waits for memory.
 */
#ifndef PAIL_ADMIN_TRANSFER_COPY_H
#define PAIL_ADMIN_TRANSFER_COPY_H

#include "admin/transfer/transfer.h"

/*
 * *last_id: the destination's newest version before, or NULL when it is not known; then the one that was written. Never
 * COPY_SPOILED. At COPY_FAILED a line in error, unless the run was stopped.
 */
enum copy_end copy_version(struct line *, struct job *, const struct version *, const char **last_id, char error[400]);

#endif
