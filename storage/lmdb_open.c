/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and making an LMDB index. Runs on the thread that starts the server, before any other touches the index.
 *
 * A new index is made whole in a folder beside ("new"), and data.mdb is then renamed into place: where there is a
 * data.mdb, it is complete, so an empty or short one is damage and never taken for a fresh start.
 *
 * LMDB trusts its file. Before it maps it, we read the two header pages ourselves: a file shorter than they say would
 * end in SIGBUS, and LMDB 0.9 refuses a file with one damaged header page although the other one is enough. Then the
 * other one is copied over it, as the header of the commit before. (If the damaged one was the newer, the last commit
 * is lost with it; the operator is told.)
 *
 * Invariant: a file that is refused has not been written to.
 */
#include "storage/lmdb_env.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/lmdb_record.h"

#define DATA_FILE     "data.mdb"
#define LOCK_FILE     "lock.mdb"
#define NEW_FOLDER    "new"
#define MAKE_MAP_SIZE (1u << 20) /* bytes, while an index is made */
#define NFS_MAGIC     0x6969
#define CIFS_MAGIC    0xff534d42u
#define SMB2_MAGIC    0xfe534d42u

/* Our mark: the record "format" of the database's own node. Numbers are little-endian. */
#define FORMAT_KEY     BYTES_LIT("format")
#define FORMAT_MAGIC   "pailindx"
#define FORMAT_VERSION 1

struct format {
    char magic[8];
    uint32_t version;
    uint32_t segment; /* LONGKEY_SEGMENT */
};

/* LMDB 0.9's header page on a 64-bit machine. */
#define LMDB_MAGIC    0xBEEFC0DEu
#define LMDB_VERSION  1
#define LMDB_P_META   0x08
#define LMDB_PAGE_MIN 4096
#define LMDB_PAGE_MAX 65536

struct header {
    uint64_t pgno;
    uint16_t pad, flags;
    uint32_t bounds;
    uint32_t magic, version;
    uint64_t address, mapsize;
    struct {
        uint32_t pad; /* of the first one: the page size */
        uint16_t flags, depth;
        uint64_t branch, leaf, overflow, entries, root;
    } dbs[2];
    uint64_t last_pg, txnid;
};
static_assert(sizeof(struct header) == 152, "no padding");

__attribute__((format(printf, 3, 4))) static int refuse(char *message, int rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, INDEX_LMDB_MESSAGE_MAX, fmt, ap);
    va_end(ap);
    return rc;
}

static int rc_of_errno(int err)
{
    return err == ENOSPC || err == EDQUOT ? INDEX_FULL : INDEX_UNAVAILABLE;
}

/* --- the header pages --- */

static bool header_read(int fd, uint64_t at, unsigned page, struct header *h)
{
    if (pread(fd, h, sizeof(*h), (off_t)at) != (ssize_t)sizeof(*h))
        return false;
    unsigned psize = h->dbs[0].pad;
    return h->pgno == page && (h->flags & LMDB_P_META) && h->magic == LMDB_MAGIC && h->version == LMDB_VERSION &&
           psize >= LMDB_PAGE_MIN && psize <= LMDB_PAGE_MAX && (psize & (psize - 1)) == 0 && h->last_pg >= 1 &&
           (page == 0 || at == psize);
}

static int header_copy(int fd, const struct header *good, unsigned to)
{
    struct header h = *good;
    unsigned psize = h.dbs[0].pad;
    h.pgno = to;
    h.txnid = good->txnid > 0 ? good->txnid - 1 : 0;
    if (pwrite(fd, &h, sizeof(h), (off_t)to * psize) != (ssize_t)sizeof(h) || fdatasync(fd) != 0)
        return -1;
    return 0;
}

/* Whether LMDB may map this file; puts right a damaged header page. */
static int header_check(int fd, const char *path, char *message)
{
    struct header h[2];
    struct stat st;
    bool ok[2] = {header_read(fd, 0, 0, &h[0]), false};
    if (ok[0])
        ok[1] = header_read(fd, h[0].dbs[0].pad, 1, &h[1]);
    for (unsigned psize = LMDB_PAGE_MIN; !ok[0] && !ok[1] && psize <= LMDB_PAGE_MAX; psize *= 2)
        ok[1] = header_read(fd, psize, 1, &h[1]);
    if (!ok[0] && !ok[1])
        return refuse(message, INDEX_CORRUPT,
                      "%s/" DATA_FILE " is not an index or both its header pages are damaged: restore a snapshot, or "
                      "move the file away and rebuild the index from the blobs",
                      path);
    const struct header *newest = !ok[1] || (ok[0] && h[0].txnid > h[1].txnid) ? &h[0] : &h[1];
    uint64_t need = (newest->last_pg + 1) * newest->dbs[0].pad;
    if (fstat(fd, &st) != 0)
        return refuse(message, INDEX_UNAVAILABLE, "%s/" DATA_FILE ": %s", path, strerror(errno));
    if (newest->last_pg > INT64_MAX / LMDB_PAGE_MAX || (uint64_t)st.st_size < need)
        return refuse(message, INDEX_CORRUPT,
                      "%s/" DATA_FILE
                      " was cut short: it has %lld bytes and uses %llu: restore a snapshot, or move the "
                      "file away and rebuild the index from the blobs",
                      path, (long long)st.st_size, (unsigned long long)need);
    if (ok[0] && ok[1])
        return INDEX_OK;
    if (header_copy(fd, newest, ok[0] ? 1 : 0) != 0)
        return refuse(message, rc_of_errno(errno), "%s/" DATA_FILE ": header page: %s", path, strerror(errno));
    refuse(message, 0,
           "%s/" DATA_FILE ": header page %d was damaged and was restored from the other one; if it was the newer one, "
           "the last commit before the stop is lost",
           path, ok[0] ? 1 : 0);
    return INDEX_OK;
}

/* --- our mark --- */

static int format_check(MDB_txn *txn, MDB_dbi dbi, const char *path, char *message)
{
    struct longkey_name name;
    MDB_val record;
    struct bytes value;
    struct format f;
    int rc = longkey_get(txn, dbi, LMDB_META_ROOT, FORMAT_KEY, &name, &record);
    MDB_val k = {name.n, name.b};
    if (rc != 0)
        return refuse(message, rc == MDB_NOTFOUND ? INDEX_CORRUPT : lmdb_read_error(rc),
                      "%s/" DATA_FILE " is an LMDB file, but not an index of this server", path);
    if (!lmdb_record_read(&k, &record, false, &value) || value.n < sizeof(f))
        return refuse(message, INDEX_CORRUPT, "%s/" DATA_FILE ": the record of its format is damaged", path);
    memcpy(&f, value.p, sizeof(f));
    if (memcmp(f.magic, FORMAT_MAGIC, sizeof(f.magic)) != 0)
        return refuse(message, INDEX_CORRUPT, "%s/" DATA_FILE " is not an index of this server", path);
    if (le32toh(f.version) > FORMAT_VERSION)
        return refuse(message, INDEX_UNAVAILABLE,
                      "%s/" DATA_FILE " has format %u, this version knows up to %u: use a newer version", path,
                      le32toh(f.version), FORMAT_VERSION);
    if (le32toh(f.segment) != LONGKEY_SEGMENT)
        return refuse(message, INDEX_UNAVAILABLE, "%s/" DATA_FILE " has key segments of %u bytes instead of %u", path,
                      le32toh(f.segment), LONGKEY_SEGMENT);
    return INDEX_OK;
}

static int format_write(MDB_txn *txn, MDB_dbi dbi)
{
    struct longkey_writer w = {.txn = txn, .dbi = dbi, .next_child = 1};
    struct format f = {.version = htole32(FORMAT_VERSION), .segment = htole32(LONGKEY_SEGMENT)};
    struct longkey_name name;
    void *room;
    memcpy(f.magic, FORMAT_MAGIC, sizeof(f.magic));
    int rc = longkey_put(&w, LMDB_META_ROOT, FORMAT_KEY, lmdb_record_size(sizeof(f), 0), &name, &room);
    if (rc != 0)
        return rc;
    MDB_val k = {name.n, name.b};
    lmdb_record_write(room, &k, bytes_of(&f, sizeof(f)), 0);
    rc = lmdb_number_put(&w, LMDB_META_ROOT, LMDB_KEY_CHILD, w.next_child);
    return rc != 0 ? rc : lmdb_number_put(&w, INDEX_PARTITION_SYSTEM, BYTES_NONE, 1);
}

/* --- making --- */

static int path_join(char *out, const char *folder, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return n > 0 && n < PATH_MAX ? 0 : ENAMETOOLONG;
}

static int env_open_raw(const char *path, uint64_t map_size, MDB_env **ret)
{
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc != 0)
        return rc;
    rc = mdb_env_set_mapsize(env, map_size);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(env, LMDB_READER_SLOTS);
    if (rc == 0)
        rc = mdb_env_open(env, path, MDB_NOTLS, 0600); /* full sync at each commit: no other flag, ever */
    if (rc == 0)
        *ret = env;
    else
        mdb_env_close(env);
    return rc;
}

static int make_content(const char *path)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi;
    int rc = env_open_raw(path, MAKE_MAP_SIZE, &env);
    if (rc == 0)
        rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, NULL, 0, &dbi);
        if (rc == 0)
            rc = format_write(txn, dbi);
        if (rc == 0)
            rc = mdb_txn_commit(txn); /* syncs the file */
        else
            mdb_txn_abort(txn);
    }
    if (env)
        mdb_env_close(env);
    return rc;
}

static void clear_new(int dir)
{
    unlinkat(dir, NEW_FOLDER "/" DATA_FILE, 0);
    unlinkat(dir, NEW_FOLDER "/" LOCK_FILE, 0);
    unlinkat(dir, NEW_FOLDER, AT_REMOVEDIR);
}

static int make_index(int dir, const char *path, char *message)
{
    char fresh[PATH_MAX];
    int rc = path_join(fresh, path, NEW_FOLDER);
    clear_new(dir); /* what a crash left */
    if (rc == 0 && mkdirat(dir, NEW_FOLDER, 0700) != 0)
        rc = errno;
    if (rc == 0)
        rc = make_content(fresh);
    if (rc == 0 && renameat(dir, NEW_FOLDER "/" DATA_FILE, dir, DATA_FILE) != 0)
        rc = errno;
    clear_new(dir);
    if (rc == 0 && fsync(dir) != 0)
        rc = errno;
    return rc == 0 ? INDEX_OK
                   : refuse(message, rc_of_errno(rc), "%s: cannot make an index: %s", path, mdb_strerror(rc));
}

/* The folder, made when wanted; its own entry is durable then. */
static int folder_open(const struct index_lmdb_options *o, int *ret_dir, char *message)
{
    bool made = o->create && mkdir(o->path, 0700) == 0;
    int dir = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return refuse(message, errno == ENOENT && !o->create ? INDEX_NOT_FOUND : rc_of_errno(errno), "%s: %s", o->path,
                      strerror(errno));
    if (made) {
        int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int rc = parent < 0 || fsync(parent) != 0 ? errno : 0;
        if (parent >= 0)
            close(parent);
        if (rc != 0) {
            close(dir);
            return refuse(message, rc_of_errno(rc), "%s: cannot sync its parent folder: %s", o->path, strerror(rc));
        }
    }
    *ret_dir = dir;
    return INDEX_OK;
}

/* --- opening --- */

static int file_check(const struct index_lmdb_options *o, int dir, char *message)
{
    int fd = openat(dir, DATA_FILE, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        if (!o->create)
            return refuse(message, INDEX_NOT_FOUND, "%s has no " DATA_FILE, o->path);
        return make_index(dir, o->path, message);
    }
    if (fd < 0)
        return refuse(message, rc_of_errno(errno), "%s/" DATA_FILE ": %s", o->path, strerror(errno));
    int rc = header_check(fd, o->path, message);
    close(fd);
    return rc;
}

static void warn_of_file_system(int dir, const char *path, char *message)
{
    struct statfs fs;
    if (fstatfs(dir, &fs) != 0 || message[0] != '\0')
        return;
    unsigned type = (unsigned)fs.f_type;
    if (type == NFS_MAGIC || type == CIFS_MAGIC || type == SMB2_MAGIC)
        refuse(message, 0, "%s is on a network file system: memory-mapped files are not safe there", path);
}

/* What the committer needs to know, from one read transaction. */
static int content_check(MDB_env *env, const char *path, MDB_dbi *ret_dbi, uint64_t *ret_next_child, char *message)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, NULL, 0, ret_dbi);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return refuse(message, lmdb_read_error(rc), "%s/" DATA_FILE ": %s", path, mdb_strerror(rc));
    }
    rc = format_check(txn, *ret_dbi, path, message);
    if (rc == INDEX_OK) {
        rc = lmdb_number_get(txn, *ret_dbi, LMDB_META_ROOT, LMDB_KEY_CHILD, ret_next_child);
        if (rc != 0)
            rc = refuse(message, INDEX_CORRUPT, "%s/" DATA_FILE ": the counter of nodes: %s", path, mdb_strerror(rc));
    }
    mdb_txn_abort(txn);
    return rc;
}

static int env_open_checked(const struct index_lmdb_options *o, struct lmdb_env **ret, char *message)
{
    MDB_env *env = NULL;
    MDB_dbi dbi = 0;
    uint64_t next_child = 0;
    int fd, dead = 0;
    uint64_t map = o->map_initial ? o->map_initial : INDEX_LMDB_MAP_INITIAL;
    if (o->map_max && map > o->map_max)
        map = o->map_max;
    int rc = env_open_raw(o->path, map - map % LMDB_PAGE_MAX, &env);
    if (rc != 0) {
        bool damaged = rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED;
        return refuse(message, damaged ? INDEX_CORRUPT : rc_of_errno(rc), "%s: %s", o->path, mdb_strerror(rc));
    }
    rc = content_check(env, o->path, &dbi, &next_child, message);
    if (rc != INDEX_OK) {
        mdb_env_close(env);
        return rc;
    }
    mdb_env_get_fd(env, &fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC); /* LMDB 0.9.24 forgets it for this one */
    mdb_reader_check(env, &dead);
    *ret = lmdb_env_new(env, dbi, o);
    (*ret)->next_child = next_child;
    lmdb_env_make_room(*ret, 0); /* if it cannot: batches will say so */
    return INDEX_OK;
}

int lmdb_env_open(const struct index_lmdb_options *o, struct lmdb_env **ret, char *message)
{
    int dir = -1;
    message[0] = '\0';
    int rc = folder_open(o, &dir, message);
    if (rc != INDEX_OK)
        return rc;
    rc = file_check(o, dir, message);
    if (rc == INDEX_OK)
        rc = env_open_checked(o, ret, message);
    if (rc == INDEX_OK)
        warn_of_file_system(dir, o->path, message);
    close(dir);
    return rc;
}
