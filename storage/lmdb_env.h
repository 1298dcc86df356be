/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LMDB environment of an index: opening and making it, its readers, its memory map and its room on disk.
 *
 * Threads: lmdb_read_begin and _end from any thread. What changes the map or the file (lmdb_env_make_room, _limit)
 * belongs to the committer's thread, outside any transaction of its own.
 */
#ifndef PAIL_STORAGE_LMDB_ENV_H
#define PAIL_STORAGE_LMDB_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include "index_lmdb.h"
#include "storage/longkey.h"

#define LMDB_READERS      256 /* reads at one moment; one more waits */
#define LMDB_READER_SLOTS 512 /* in LMDB's own table */

struct lmdb_header;

/* One cached read transaction with its cursors. Whoever sets `busy` owns it. */
struct lmdb_reader {
    _Alignas(64) atomic_bool busy;
    MDB_txn *txn;
    MDB_cursor *cursor[LONGKEY_LEVELS];
};

struct lmdb_env {
    MDB_env *env;
    MDB_dbi dbi;
    int fd; /* of data.mdb, LMDB's own */
    uint64_t page;
    uint64_t map_max, reserve;
    int (*allocate)(int fd, uint64_t from, uint64_t n);
    uint64_t next_child; /* as stored */
    /* The committer's, readable by all: */
    _Atomic uint64_t map_size, file_end;
    uint64_t map_wanted;            /* what the map is when it is not used as a limit */
    _Atomic uint64_t commits_begun; /* counted up right before each mdb_txn_commit; see lmdb_read_begin */
    /* The gate: closed while the map is replaced. */
    atomic_bool gate_closed;
    atomic_bool blind; /* reads are refused: no map, or a state in doubt */
    bool no_map;       /* the committer's: LMDB has lost its map and must not be called any more, but to close it */
    pthread_mutex_t gate_lock;
    pthread_cond_t gate_open;
    struct lmdb_reader reader[LMDB_READERS];
    struct lmdb_reader *fixed;  /* of an index opened as of one moment: all reads use its transaction ... */
    struct lmdb_header *moment; /* ... which began from this */
};

/* As index_lmdb_open; see lmdb_open.c. */
int lmdb_env_open(const struct index_lmdb_options *options, struct lmdb_env **ret, char *message);

/* Takes over an environment that was just opened and found to be good. */
struct lmdb_env *lmdb_env_new(MDB_env *env, MDB_dbi dbi, const struct index_lmdb_options *options);
void lmdb_env_close(struct lmdb_env **e); /* accepts NULL inside; no reader may be active */

/*
 * An environment for reading alone, as of one moment, beside the process that serves it (lmdb_snapshot.c). Nothing is
 * read from its content yet. For one thread at a time.
 */
int lmdb_env_open_fixed(const char *path, struct lmdb_env **ret, char *message);
void lmdb_env_pause_fixed(struct lmdb_env *e);
int lmdb_env_renew_fixed(struct lmdb_env *e); /* to the present moment; INDEX_OK or INDEX_UNAVAILABLE */

/* A read transaction, for one call: INDEX_OK or INDEX_UNAVAILABLE. */
int lmdb_read_begin(struct lmdb_env *e, struct lmdb_reader **ret);
void lmdb_read_end(struct lmdb_reader *r);
/* The reader's cursors, made fit for its present transaction, for a scan. INDEX_OK or INDEX_UNAVAILABLE. */
int lmdb_read_cursors(struct lmdb_env *e, struct lmdb_reader *r);

uint64_t lmdb_env_used(struct lmdb_env *e); /* bytes of the file up to the last page in use */

/* Sees to it that a transaction may add `need` bytes and the reserve is still there. False: no such room, or no_map. */
bool lmdb_env_make_room(struct lmdb_env *e, uint64_t need);

/* On a full disk: how far into the reserve the next transaction may go. */
enum lmdb_limit { LMDB_LIMIT_GROWING, LMDB_LIMIT_TRIMMING, LMDB_LIMIT_SHRINKING };
bool lmdb_env_limit(struct lmdb_env *e, enum lmdb_limit limit); /* false: no_map */

bool lmdb_env_disk_full(struct lmdb_env *e); /* the file system says that nothing is left */

/*
 * Records that are numbers: the counter of child nodes, below the node of the database's own records; the generation of
 * a partition, as its root's own record (the empty key). LMDB's codes; MDB_CORRUPTED when the checksum does not match.
 */
int lmdb_number_get(MDB_txn *txn, MDB_dbi dbi, uint64_t root, struct bytes key, uint64_t *ret);
int lmdb_number_put(struct longkey_writer *w, uint64_t root, struct bytes key, uint64_t value);
#define LMDB_META_ROOT 0
#define LMDB_KEY_CHILD BYTES_LIT("next-child")

/* INDEX_* for an LMDB code that a read met. */
int lmdb_read_error(int rc);

#endif
