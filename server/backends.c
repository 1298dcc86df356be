/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one file that names concrete backends: an index over LMDB, blobs as files, a store above both.
 * Threads: start-up only.
 */
#include "backends.h"

#include <stdio.h>

#include "base/log.h"
#include "blob_file.h"
#include "blob_tiers.h"
#include "config.h"
#include "index_lmdb.h"
#include "data_dir.h"
#include "store.h"

/* The blobs of the data folder, and of the tiers if there are any. NULL with one clear line in error. */
static struct blob_store *open_blobs(const struct config *cfg, const struct data_dir *dir, char error[512])
{
    struct blob_tier tiers[CONFIG_TIERS_MAX];
    struct blob_store *standard = NULL;
    const char *path = dir->path;
    size_t n = 0;
    if (!data_dir_open_tiers(dir, cfg->tiers, cfg->n_tiers, error))
        return NULL;
    int rc = blob_file_open(&(struct blob_file_options){.folder = path, .trust_disk = !cfg->verify_reads}, &standard);
    while (rc == BLOB_OK && n < cfg->n_tiers) {
        path = cfg->tiers[n].path;
        tiers[n].name = cfg->tiers[n].storage_class;
        rc = blob_file_open(&(struct blob_file_options){.folder = path, .trust_disk = !cfg->verify_reads},
                            &tiers[n].store);
        n += rc == BLOB_OK;
    }
    if (rc == BLOB_OK)
        return n ? blob_tiers_open(standard, tiers, n) : standard;
    snprintf(error, 512, "cannot open the blobs below %.300s: %s", path, blob_rc_name(rc));
    while (n-- > 0)
        tiers[n].store->ops->close(&tiers[n].store);
    if (standard)
        standard->ops->close(&standard);
    return NULL;
}

struct store *backends_open(const struct config *cfg, const struct data_dir *dir, char error[512])
{
    struct index *index;
    struct blob_store *blobs;
    struct store *store;
    struct index_lmdb_options io = {.path = dir->index_path, .create = true, .map_initial = cfg->index_map_mib << 20};
    error[0] = '\0';
    if (index_lmdb_open(&io, &index, error) != INDEX_OK)
        return NULL;
    if (*error)
        log_warn("index", "%s", error);
    blobs = open_blobs(cfg, dir, error);
    if (!blobs) {
        index->ops->close(&index);
        return NULL;
    }
    struct store_options so = {
        .index = index, .blobs = blobs, .lifecycle_day_seconds = cfg->lifecycle_day_s, .trust_clock = cfg->trust_clock};
    int rc = store_open(&so, &store);
    if (rc == STORE_OK)
        return store;
    snprintf(error, 512, "cannot open the store in %.300s: %s", dir->path, store_rc_name(rc));
    return NULL;
}
