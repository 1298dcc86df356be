/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of one machine: index.h over LMDB, in a folder of its own. Every acknowledged batch is on stable storage.
 *
 * The folder holds data.mdb (everything) and lock.mdb (worthless after a stop). The caller makes sure that one process
 * opens it at a time, and opens it once: LMDB's own locking is not relied upon.
 *
 * Space. Some MiB of data.mdb beyond what is used are kept allocated as a reserve. When the disk (or map_max) has no
 * room beyond it, batches that make the index larger answer INDEX_FULL, while those that free about as much as they add
 * still succeed. Nothing needs to be restarted when there is room again.
 *
 * Failure. After a commit that failed for anything but lack of space nothing is written any more: INDEX_UNAVAILABLE,
 * until the index is closed and opened again. Reads go on, unless the failure left in doubt which state survives a
 * restart: then that group's batches answer INDEX_UNKNOWN (also when asked again by request id) and reads answer
 * INDEX_UNAVAILABLE.
 *
 * Threads: as index.h says. index_lmdb_open starts one thread.
 */
#ifndef PAIL_INDEX_LMDB_H
#define PAIL_INDEX_LMDB_H

#include "index.h"

#define INDEX_LMDB_MAP_INITIAL (UINT64_C(64) << 30) /* bytes of address space, not of disk */
#define INDEX_LMDB_MAP_MAX     (UINT64_C(16) << 40)
#define INDEX_LMDB_RESERVE     (UINT64_C(16) << 20)
#define INDEX_LMDB_MESSAGE_MAX 512 /* bytes of the message of index_lmdb_open */

struct index_lmdb_options {
    const char *path; /* the folder; made (0700) with `create` */
    bool create;      /* make the index when there is none; otherwise that is INDEX_NOT_FOUND */
    /* 0 for the defaults above: */
    uint64_t map_initial; /* bytes of the first memory map; it doubles when needed ... */
    uint64_t map_max;     /* ... up to this, which is also the most that data.mdb may grow to */
    uint64_t reserve;     /* bytes of data.mdb kept back for deletes on a full disk */
    /* For tests: allocates n bytes of the file at `from` as posix_fallocate does (0 or an errno). NULL: the real one.
     */
    int (*allocate)(int fd, uint64_t from, uint64_t n);
};

/*
 * Opens or makes an index. On failure ret_message (INDEX_LMDB_MESSAGE_MAX bytes) says for an operator what is wrong and
 * nothing was changed: INDEX_NOT_FOUND (there is none), INDEX_CORRUPT (damaged, cut short, or not an index of ours),
 * INDEX_FULL, INDEX_UNAVAILABLE (a newer format, no permission, any other refusal). On success it is empty, or warns.
 */
int index_lmdb_open(const struct index_lmdb_options *options, struct index **ret_index, char *ret_message);

/*
 * Opens an index for reading alone, as it is at this moment, whether or not another process serves it: get, page,
 * visit, generation and copy work, and all see that moment; visits pass over records that are damaged. One thread at a
 * time. While it is open the serving process cannot use pages again, so its file may grow.
 * Content is not looked at: a damaged file may end the process that reads it, so index_lmdb_verify comes first.
 */
int index_lmdb_open_snapshot(const char *path, struct index **ret_index, char *ret_message);
int index_lmdb_renew(struct index *);  /* of such: from now on as of the present moment */
void index_lmdb_pause(struct index *); /* of such: holds up nobody, and cannot be read, until it is renewed */

struct index_lmdb_census {
    uint64_t pages, records, free_pages, lost_pages;
    uint64_t faults; /* told */
    uint64_t last_partition;
};
struct index_lmdb_verify {
    /* A record (partition, key; key empty: not to be told) or, with partition 0, the file. */
    void (*fault)(void *arg, uint64_t partition, struct bytes key, const char *text);
    void (*tick)(void *arg, uint64_t pages); /* may be NULL */
    void *arg;
};
/*
 * Walks every page and record of an index opened by index_lmdb_open_snapshot. INDEX_OK: it can be read (single records
 * may be damaged, as was told; NULL: nobody listens); INDEX_CORRUPT: parts of it cannot.
 */
int index_lmdb_verify(struct index *, const struct index_lmdb_verify *, struct index_lmdb_census *ret);

struct index_lmdb_stats {
    uint64_t groups, batches; /* commits and batches answered since the start */
    uint64_t queued;          /* batches submitted and not answered */
    uint64_t busy_since_ms;   /* clock_mono_ms when the present commit began; 0 when idle */
    uint64_t used_bytes;      /* of data.mdb, free pages inside included */
    uint64_t file_bytes;      /* of data.mdb, the reserve included */
    uint64_t map_bytes;
    bool full;     /* the last growing batch found no room */
    bool failed;   /* writes are refused since a commit failed */
    bool in_doubt; /* and reads too */
};
void index_lmdb_stats(struct index *index, struct index_lmdb_stats *ret);

#endif
