/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys and versions are called in requests to either side. In the line's arena. Threads: any.
 */
#ifndef PAIL_ADMIN_TRANSFER_NAMES_H
#define PAIL_ADMIN_TRANSFER_NAMES_H

#include "admin/transfer/transfer.h"

struct bytes key_from(struct line *, const struct job *); /* with the prefix of its place */
struct bytes key_to(struct line *, const struct job *);
/* The query that names the version, after `more` (NULL: nothing); `more` itself where versions do not count. */
const char *version_query(struct line *, const struct version *, const char *more);

#endif
