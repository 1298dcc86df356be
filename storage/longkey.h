/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long keys over LMDB, whose own keys end at 511 bytes. A key is cut into segments of LONGKEY_SEGMENT bytes; a "node"
 * is the set of what follows one path of full segments. An LMDB key is
 *
 *     node id (8 bytes, big-endian) | segment (0 to LONGKEY_SEGMENT bytes) | tag (1 byte)
 *
 * with tag 0x00: a key ends here, the value is its record; 0x01: the segment is full and longer keys go on in the child
 * node whose id is in the value. Why LMDB's order is then the order of the keys: see longkey.c.
 *
 * The root node of a partition has the partition's number as its id; child nodes have the top bit set and are numbered
 * by a counter, so the two never meet. The empty segment is no key: (node, "", 0x00) is free for a root's own record,
 * and node 0 is free for records of the whole database.
 *
 * Functions answer 0 or LMDB's code: MDB_NOTFOUND, MDB_CORRUPTED for a link that cannot be right, MDB_MAP_FULL...
 * Threads: those of the transaction that is passed in.
 */
#ifndef PAIL_STORAGE_LONGKEY_H
#define PAIL_STORAGE_LONGKEY_H

#include <lmdb.h>
#include "base/bytes.h"

#define LONGKEY_SEGMENT   480 /* bytes; a number on disk: changing it is a new format */
#define LONGKEY_LEVELS    3   /* nodes on the path of the longest key: INDEX_KEY_MAX / LONGKEY_SEGMENT, rounded up */
#define LONGKEY_NAME_MAX  (8 + LONGKEY_SEGMENT + 1)
#define LONGKEY_CHILD_BIT (UINT64_C(1) << 63)

/* An LMDB key. */
struct longkey_name {
    size_t n;
    unsigned char b[LONGKEY_NAME_MAX];
};

/* What one needs in order to write: the transaction and the counter of child nodes (of which the caller takes care). */
struct longkey_writer {
    MDB_txn *txn;
    MDB_dbi dbi;
    uint64_t next_child; /* without LONGKEY_CHILD_BIT */
};

/*
 * The record of a key (which may be empty: the root's own record). *ret_name is the LMDB key where it lies, or would.
 * Keys of any length may be asked for.
 */
int longkey_get(MDB_txn *txn, MDB_dbi dbi, uint64_t root, struct bytes key, struct longkey_name *ret_name,
                MDB_val *ret_record);

/* Makes room for a record of n bytes: write them all to *ret_room before the transaction is used again. */
int longkey_put(struct longkey_writer *w, uint64_t root, struct bytes key, size_t n, struct longkey_name *ret_name,
                void **ret_room);

/* MDB_NOTFOUND when there is no such key. Nodes that become empty go, and so do the links to them. */
int longkey_del(struct longkey_writer *w, uint64_t root, struct bytes key);

/*
 * Deletes up to *budget keys of a root (never its own record) and takes what it deleted off the budget. What is left of
 * the budget says whether the root is empty: 0 means that there may be more.
 */
int longkey_del_some(struct longkey_writer *w, uint64_t root, size_t *budget);

/* A link's child, for those who look at every record. False: the link is damaged. */
bool longkey_link_read(const MDB_val *name, const MDB_val *value, uint64_t *ret_child);
bool longkey_name_is_link(const MDB_val *name);

/*
 * A scan. The cursors are the caller's, one a level, NULL at first; the scan opens what it needs and never closes them.
 * They must belong to `txn` (opened or renewed in it).
 */
struct longkey_level {
    uint64_t node;
    size_t path_n; /* bytes of the key that the levels above account for */
};
struct longkey_scan {
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor **cursors;
    uint64_t root;
    unsigned depth;
    struct longkey_level level[LONGKEY_LEVELS];
    /* The row at which the scan stands; valid until the next call. */
    struct bytes key;
    MDB_val name, record;
    char path[LONGKEY_LEVELS * LONGKEY_SEGMENT];
};

void longkey_scan_init(struct longkey_scan *s, MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursors, uint64_t root);
int longkey_scan_seek(struct longkey_scan *s, struct bytes from); /* the first key >= from; MDB_NOTFOUND at the end */
int longkey_scan_next(struct longkey_scan *s);

#endif
