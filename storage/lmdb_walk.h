/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of an LMDB file, looked at without LMDB: it trusts what it maps, and a damaged page may end the process.
 * A walk from the header's root judges every page, and may write what it saw as a new, smaller file on the way.
 *
 * The state that the header tells must stay as it is meanwhile: either nobody writes, or a read transaction of that
 * number is open (its pages are then not used again).
 * Threads: any; one walk by one thread.
 */
#ifndef PAIL_STORAGE_LMDB_WALK_H
#define PAIL_STORAGE_LMDB_WALK_H

#include <lmdb.h>
#include <stdatomic.h>

#include "base/bytes.h"

struct lmdb_tree {
    uint32_t pad; /* of the first one: the page size */
    uint16_t flags, depth;
    uint64_t branch, leaf, overflow, entries, root;
};

/* LMDB 0.9's header page on a 64-bit machine. */
struct lmdb_header {
    uint64_t pgno;
    uint16_t pad, flags;
    uint32_t bounds;
    uint32_t magic, version;
    uint64_t address, mapsize;
    struct lmdb_tree dbs[2]; /* free pages; ours */
    uint64_t last_pg, txnid;
};

struct lmdb_walk_census {
    uint64_t pages, records, free_pages, lost_pages; /* lost: in no tree and not free */
};

struct lmdb_walk {
    int fd; /* of data.mdb */
    struct lmdb_header header;
    int out;                                                             /* -1, or where the new file is written */
    void (*record)(void *arg, const MDB_val *key, const MDB_val *value); /* NULL: nobody asks; valid for the call */
    void (*fault)(void *arg, const char *text);                          /* never NULL */
    void (*tick)(void *arg, uint64_t pages); /* may be NULL: now and then, pages seen so far */
    void *arg;
    const atomic_bool *stop; /* may be NULL: another thread sets it, and the walk ends soon with ECANCELED */
};

/* The valid headers of the file: how many (0 to 2), newest first. */
unsigned lmdb_headers_read(int fd, struct lmdb_header ret[2]);

/*
 * 0: the whole tree was walked (and written, when `out` is given); faults that were found have been told. EIO: pages
 * are damaged and what hangs below them was not seen (nothing usable was written); another errno: a call failed.
 */
int lmdb_walk_run(struct lmdb_walk *, struct lmdb_walk_census *ret);

#endif
