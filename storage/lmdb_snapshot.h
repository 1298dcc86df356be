/* SPDX-License-Identifier: Apache-2.0 */
/* An LMDB index as of one moment: judged or copied page by page. For index_lmdb.c; see include/index_lmdb.h. */
#ifndef PAIL_STORAGE_LMDB_SNAPSHOT_H
#define PAIL_STORAGE_LMDB_SNAPSHOT_H

#include "storage/lmdb_env.h"

/* As index_ops.copy. */
int lmdb_snapshot_copy(struct lmdb_env *e, const char *file, const atomic_bool *stop);
/* As index_lmdb_verify; of an environment opened by lmdb_env_open_fixed. */
int lmdb_snapshot_verify(struct lmdb_env *e, const struct index_lmdb_verify *v, struct index_lmdb_census *ret);

#endif
