/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob store on a local file system: one file a blob, below <folder>/blobs. See blob.h for how to use it.
 *
 * remove() alone is not synced: after a power cut the blob may be back, until sync_removals() answered BLOB_OK.
 * A finished blob for which settled() is never called keeps its folder on the list of those that recover() looks into.
 */
#ifndef PAIL_BLOB_FILE_H
#define PAIL_BLOB_FILE_H

#include "blob.h"
#include "io.h"

/* Blobs in one folder; then the next folder is begun. */
#define BLOB_FOLDER_MAX 1024

struct blob_file_options {
    const char *folder;  /* must exist; blobs/ is made below it */
    const struct io *io; /* NULL: the real one */
    /*
     * Tests only. Otherwise the store is locked against a second process, whose recovery would remove blobs that the
     * first is about to refer to: the second gets BLOB_BUSY.
     */
    bool no_lock;
    /* Beside the process that has it open, or on a copy: nothing is made, locked or removed. */
    bool read_only;
    bool trust_disk; /* blocks are handed out without being compared with their checksums; verify() still compares */
};

/*
 * BLOB_CORRUPT when a newer version of the format is found. Works on a full disk: nothing is made before it is needed.
 * The store is closed by ops->close, after all its readers and writers.
 */
int blob_file_open(const struct blob_file_options *, struct blob_store **ret_store);

struct blob_file_stats {
    uint64_t corrupt;   /* reads that did not match their checksum, and blobs that were no blobs */
    uint64_t foreign;   /* names below blobs/ that are not ours, as far as we came by */
    uint64_t orphans;   /* blobs and temporary files removed by recovery */
    uint64_t unsettled; /* finished blobs whose fate the store has not told yet */
};

/*
 * A hold on the blobs below <folder>/blobs, whoever has them open: nothing that was referred to is removed until it is
 * given up, or its process ends. errno: it cannot be had. Any number of them.
 */
int blob_file_hold(const char *folder, int *ret_fd);
void blob_file_release(int *fd); /* -1: none */

/*
 * Every name below blobs/ that is not a folder of ours, in no order: finished blobs (id, name), temporary files of
 * writers, and foreign names. `path` is relative to blobs/. A negative answer ends the walk, and is its answer.
 */
enum blob_entry_kind { BLOB_ENTRY_BLOB, BLOB_ENTRY_TEMP, BLOB_ENTRY_FOREIGN };
struct blob_entry {
    enum blob_entry_kind kind;
    struct blob_id id; /* BLOB_ENTRY_BLOB */
    const char *path;
    uint64_t bytes; /* of the file */
};
int blob_file_walk(struct blob_store *, int (*f)(void *arg, const struct blob_entry *), void *arg);
#define BLOB_FILE_PATH 64
void blob_file_path(const struct blob_id *, char ret[BLOB_FILE_PATH]); /* relative to blobs/ */
/* Blobs in folders below this one have had their fate told by the process that wrote them. */
uint32_t blob_file_settled_below(struct blob_store *);
uint32_t blob_file_folder(const struct blob_id *);

void blob_file_stats(struct blob_store *, struct blob_file_stats *ret);

#endif
