/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in parts. Who meets one opens and closes it; all workers that have nothing else to do take parts of it.
 * Threads: workers.
 */
#ifndef PAIL_ADMIN_TRANSFER_LARGE_H
#define PAIL_ADMIN_TRANSFER_LARGE_H

#include "admin/transfer/transfer.h"

/* To be copied in parts: it is larger than one, or the source made it of parts. */
bool is_large(const struct line *, const struct version *);
/* As copy_version (copy.h). Returns when the last part is through, whoever did it. */
enum copy_end large_copy(struct line *, struct job *, const struct version *, const char **last_id, char error[400]);
/* Takes a part of another worker's object; false: there is none to take. With the lock held, before and after. */
bool large_help(struct line *);

#endif
