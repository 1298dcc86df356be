/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index as of one moment. A read transaction keeps LMDB from using that moment's pages again, and the header page
 * that belongs to the transaction says where they are; lmdb_walk.c then reads the file itself. LMDB's own copy is not
 * used: it trusts the pages, and it may begin from a header that is just being written (see lmdb_read_begin).
 *
 * The header is taken by its transaction number, read twice and compared; when a commit has already put another one in
 * its place, the transaction begins anew.
 *
 * Threads: lmdb_snapshot_copy from any; a fixed environment is used by one thread at a time.
 */
#include "storage/lmdb_snapshot.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "storage/lmdb_record.h"
#include "storage/lmdb_walk.h"

#define DATA_FILE    "data.mdb"
#define HEADER_TRIES 10000
#define MAP_SPARE    (UINT64_C(1) << 30) /* bytes of address space beyond the file, for it may grow */

/* ---- the moment ---- */

static bool header_of(int fd, uint64_t txnid, struct lmdb_header *ret)
{
    struct lmdb_header a[2], b[2];
    unsigned n = lmdb_headers_read(fd, a);
    if (n == 0 || lmdb_headers_read(fd, b) != n || memcmp(a, b, n * sizeof *a) != 0)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (a[i].txnid == txnid) {
            *ret = a[i];
            return true;
        }
    return false;
}

/* A read transaction and the header that it began from. 0, or LMDB's code. */
static int moment_begin(MDB_env *env, int fd, MDB_txn **ret, struct lmdb_header *header)
{
    for (int tries = 0; tries < HEADER_TRIES; tries++) {
        MDB_txn *txn = NULL;
        int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
        if (rc == MDB_READERS_FULL) {
            int dead;
            mdb_reader_check(env, &dead);
        }
        if (rc != 0)
            return rc;
        if (header_of(fd, mdb_txn_id(txn), header)) {
            *ret = txn;
            return 0;
        }
        mdb_txn_abort(txn);
        sched_yield();
    }
    return MDB_INVALID;
}

static int data_open(MDB_env *env)
{
    const char *folder = NULL;
    char path[PATH_MAX];
    mdb_env_get_path(env, &folder);
    int n = snprintf(path, sizeof path, "%s/" DATA_FILE, folder);
    return n > 0 && n < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* ---- an environment that stays at one moment ---- */

static int refuse(char *message, int rc, const char *path, const char *why)
{
    snprintf(message, INDEX_LMDB_MESSAGE_MAX, "%.300s/" DATA_FILE ": %s", path, why);
    return rc;
}

/* LMDB maps what the header says, so a short file must not come to it. */
static int look_at_file(const char *path, uint64_t *ret_bytes, char *message)
{
    char file[PATH_MAX];
    struct lmdb_header h[2];
    struct stat st;
    snprintf(file, sizeof file, "%s/" DATA_FILE, path);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse(message, errno == ENOENT ? INDEX_NOT_FOUND : INDEX_UNAVAILABLE, path, strerror(errno));
    unsigned n = lmdb_headers_read(fd, h);
    int rc = fstat(fd, &st) == 0 ? INDEX_OK : INDEX_UNAVAILABLE;
    close(fd);
    if (n == 0)
        return refuse(message, INDEX_CORRUPT, path, "no index, or both its header pages are damaged");
    if (n == 1)
        return refuse(message, INDEX_CORRUPT, path,
                      "one of its two header pages is damaged; the server puts it right when it starts");
    if (rc == INDEX_OK && (uint64_t)st.st_size / h[0].dbs[0].pad <= h[0].last_pg)
        return refuse(message, INDEX_CORRUPT, path, "it was cut short");
    *ret_bytes = (uint64_t)st.st_size;
    return rc;
}

static int env_open_reading(const char *path, uint64_t map, MDB_env **ret)
{
    unsigned flags = MDB_RDONLY | MDB_NOTLS;
    for (;;) {
        int rc = mdb_env_create(ret);
        if (rc == 0)
            rc = mdb_env_set_mapsize(*ret, map);
        if (rc == 0)
            rc = mdb_env_set_maxreaders(*ret, LMDB_READER_SLOTS);
        if (rc == 0)
            rc = mdb_env_open(*ret, path, flags, 0600);
        if (rc == 0)
            return 0;
        mdb_env_close(*ret);
        *ret = NULL;
        if ((rc != EACCES && rc != EROFS) || (flags & MDB_NOLOCK))
            return rc;
        flags |= MDB_NOLOCK; /* nobody can write here, so nobody does */
    }
}

int lmdb_env_open_fixed(const char *path, struct lmdb_env **ret, char *message)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi;
    struct lmdb_header header;
    uint64_t bytes;
    int fd = -1, rc = look_at_file(path, &bytes, message);
    if (rc != INDEX_OK)
        return rc;
    rc = env_open_reading(path, (bytes + MAP_SPARE) & ~(MAP_SPARE - 1), &env);
    if (rc != 0)
        return refuse(message, lmdb_read_error(rc), path, mdb_strerror(rc));
    mdb_env_get_fd(env, &fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    rc = moment_begin(env, fd, &txn, &header);
    if (rc == 0)
        rc = mdb_dbi_open(txn, NULL, 0, &dbi);
    if (rc != 0) {
        mdb_txn_abort(txn);
        mdb_env_close(env);
        return refuse(message, lmdb_read_error(rc), path, mdb_strerror(rc));
    }
    *ret = lmdb_env_new(env, dbi, &(struct index_lmdb_options){.path = path});
    (*ret)->fixed = &(*ret)->reader[0];
    (*ret)->fixed->txn = txn;
    (*ret)->moment = xmalloc(sizeof header);
    *(*ret)->moment = header;
    return INDEX_OK;
}

void lmdb_env_pause_fixed(struct lmdb_env *e)
{
    for (unsigned i = 0; i < LONGKEY_LEVELS; i++) {
        if (e->fixed->cursor[i])
            mdb_cursor_close(e->fixed->cursor[i]);
        e->fixed->cursor[i] = NULL;
    }
    mdb_txn_abort(e->fixed->txn);
    e->fixed->txn = NULL;
}

int lmdb_env_renew_fixed(struct lmdb_env *e)
{
    MDB_txn *txn = NULL;
    lmdb_env_pause_fixed(e);
    int rc = moment_begin(e->env, e->fd, &txn, e->moment);
    if (rc == MDB_MAP_RESIZED && mdb_env_set_mapsize(e->env, 0) == 0)
        rc = moment_begin(e->env, e->fd, &txn, e->moment);
    if (rc == 0)
        e->fixed->txn = txn;
    return lmdb_read_error(rc);
}

/* ---- judging ---- */

struct numbers {
    uint64_t *p;
    size_t n, cap;
};

static void numbers_add(struct numbers *s, uint64_t v)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->p = xrealloc(s->p, s->cap * sizeof *s->p);
    }
    s->p[s->n++] = v;
}

static int compare_numbers(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

struct judging {
    const struct index_lmdb_verify *v;
    struct index_lmdb_census *census;
    struct numbers links, children; /* ids named by links; ids of nodes that have records */
    bool format;
};

static void tell(struct judging *j, uint64_t partition, struct bytes key, const char *text)
{
    j->census->faults++;
    if (j->v)
        j->v->fault(j->v->arg, partition, key, text);
}

static void on_fault(void *arg, const char *text)
{
    tell(arg, 0, BYTES_NONE, text);
}

static void on_tick(void *arg, uint64_t pages)
{
    struct judging *j = arg;
    if (j->v && j->v->tick)
        j->v->tick(j->v->arg, pages);
}

static void on_record(void *arg, const MDB_val *name, const MDB_val *value)
{
    struct judging *j = arg;
    const char *p = name->mv_data;
    uint64_t node, child;
    struct bytes whole;
    if (name->mv_size < 9 || name->mv_size > LONGKEY_NAME_MAX || (unsigned char)p[name->mv_size - 1] > 1) {
        tell(j, 0, BYTES_NONE, "a key that this index cannot have");
        return;
    }
    memcpy(&node, p, 8);
    node = be64toh(node);
    struct bytes segment = bytes_of(p + 8, name->mv_size - 9);
    bool root = !(node & LONGKEY_CHILD_BIT);
    if (!root && (j->children.n == 0 || j->children.p[j->children.n - 1] != node))
        numbers_add(&j->children, node);
    if (root && node > j->census->last_partition)
        j->census->last_partition = node;
    if (longkey_name_is_link(name)) {
        if (longkey_link_read(name, value, &child))
            numbers_add(&j->links, child);
        else
            tell(j, root ? node : 0, segment, "the link to longer keys is damaged: what is behind it cannot be found");
    } else if (!lmdb_record_read(name, value, false, &whole)) {
        tell(j, root ? node : 0, segment, "the record is damaged: its checksum does not match");
    } else if (node == LMDB_META_ROOT && bytes_eq_str(segment, "format")) {
        j->format = true;
    }
}

static void judge_links(struct judging *j)
{
    if (j->links.n)
        qsort(j->links.p, j->links.n, sizeof *j->links.p, compare_numbers);
    size_t l = 0, c = 0;
    while (l < j->links.n || c < j->children.n) {
        if (c == j->children.n || (l < j->links.n && j->links.p[l] < j->children.p[c])) {
            tell(j, 0, BYTES_NONE, "a link leads to nothing");
            l++;
        } else if (l == j->links.n || j->children.p[c] < j->links.p[l]) {
            tell(j, 0, BYTES_NONE, "long keys that no link leads to");
            c++;
        } else {
            l++;
            c++;
            for (; l < j->links.n && j->links.p[l] == j->links.p[l - 1]; l++)
                tell(j, 0, BYTES_NONE, "two links lead to one place");
        }
    }
}

int lmdb_snapshot_verify(struct lmdb_env *e, const struct index_lmdb_verify *v, struct index_lmdb_census *ret)
{
    struct judging j = {.v = v, .census = ret};
    struct lmdb_walk_census census;
    struct lmdb_walk w = {.fd = e->fd,
                          .header = *e->moment,
                          .out = -1,
                          .record = on_record,
                          .fault = on_fault,
                          .tick = on_tick,
                          .arg = &j};
    *ret = (struct index_lmdb_census){0};
    int rc = lmdb_walk_run(&w, &census);
    ret->pages = census.pages;
    ret->records = census.records;
    ret->free_pages = census.free_pages;
    ret->lost_pages = census.lost_pages;
    if (rc == 0)
        judge_links(&j);
    if (rc == 0 && !j.format) {
        tell(&j, 0, BYTES_NONE, "it is no index of this server: the mark of its format is missing");
        rc = EIO;
    }
    free(j.links.p);
    free(j.children.p);
    return rc == 0 ? INDEX_OK : rc == EIO ? INDEX_CORRUPT : INDEX_UNAVAILABLE;
}

/* ---- copying ---- */

static int copy_to(const struct lmdb_walk *walk)
{
    struct lmdb_walk w = *walk;
    struct judging j = {.census = &(struct index_lmdb_census){0}};
    struct lmdb_walk_census census;
    w.record = on_record;
    w.fault = on_fault;
    w.arg = &j;
    int rc = lmdb_walk_run(&w, &census);
    if (rc == 0)
        judge_links(&j);
    free(j.links.p);
    free(j.children.p);
    if (rc != 0)
        return rc == EIO ? INDEX_CORRUPT : rc == ENOSPC || rc == EDQUOT ? INDEX_FULL : INDEX_UNAVAILABLE;
    if (j.census->faults > 0)
        return INDEX_CORRUPT;
    if (fsync(w.out) == 0)
        return INDEX_OK;
    return errno == ENOSPC || errno == EDQUOT ? INDEX_FULL : INDEX_UNAVAILABLE;
}

int lmdb_snapshot_copy(struct lmdb_env *e, const char *file, const atomic_bool *stop)
{
    struct lmdb_reader *r;
    MDB_txn *txn = NULL;
    struct lmdb_walk w = {.fd = data_open(e->env), .out = -1, .stop = stop};
    int rc = w.fd < 0 ? INDEX_UNAVAILABLE : lmdb_read_begin(e, &r);
    if (rc == INDEX_OK) {
        /* Beside the reader, which only keeps the map in its place: this one may last, for it never touches the map. */
        if (e->fixed)
            w.header = *e->moment;
        else
            rc = moment_begin(e->env, w.fd, &txn, &w.header) == 0 ? INDEX_OK : INDEX_UNAVAILABLE;
        lmdb_read_end(r);
    }
    if (rc == INDEX_OK) {
        w.out = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        rc = w.out < 0 ? INDEX_UNAVAILABLE : copy_to(&w);
    }
    if (txn)
        mdb_txn_abort(txn);
    if (w.out >= 0) {
        close(w.out);
        if (rc != INDEX_OK)
            unlink(file);
    }
    if (w.fd >= 0)
        close(w.fd);
    return rc;
}
