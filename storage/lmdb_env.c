/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LMDB environment while it is in use: read transactions, the memory map, the room on disk. lmdb_open.c opens it.
 *
 * Readers. A read takes one of LMDB_READERS cached transactions by setting its `busy`, renews it, and resets it when
 * done; a thread comes back to the one it had last, so usually that is one atomic exchange on a cache line of its own.
 *
 * The gate. LMDB replaces its map only while no transaction is active. The committer closes the gate, waits until
 * nobody is busy, replaces the map and opens the gate. A reader sets `busy` first and looks at the gate then; the
 * committer does it the other way round; both in one total order (seq_cst), so one of them sees the other.
 *
 * Room on disk. LMDB extends data.mdb by writing behind its end, and finds out only then that the disk is full. So the
 * file is kept allocated beyond its last page in use: by what the next transaction may need (the committer estimates
 * it) and a reserve. When that cannot be had, the map's size serves as the limit: LMDB answers MDB_MAP_FULL where a
 * transaction would cross it, exactly and before anything is written. Free pages inside the file remain usable all the
 * time.
 *
 * The allocated room is not filled with zeros ahead of use, although a sync over unwritten extents takes longer (ext4
 * changes the extent map and writes the inode, one more wait for the disk). Measured with 4 KiB PUTs from 64
 * connections: where zeros lay already, the rate rose by up to a fifth; on a quiet machine nothing of that was left
 * when as many zeros were written meanwhile, and the slowest hundredth took ten times as long; when others kept the
 * processors busy a fifth to a third was left. One PUT at a time gained nothing, and the disk writes twice the bytes.
 *
 * Invariants: file_end is never more than the file's size; map_size <= map_max; nobody is inside LMDB's map while it is
 * replaced.
 */
#include "storage/lmdb_env.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/lmdb_record.h"

#define GROW_STEP_MIN   (UINT64_C(16) << 20) /* the file grows by an eighth, within these bounds */
#define GROW_STEP_MAX   (UINT64_C(1) << 30)
#define ZERO_CHUNK      (1u << 20)          /* where there is no fallocate: bytes of zeros at a time */
#define DISK_FULL_BYTES (UINT64_C(1) << 20) /* free: less than this is none */
#define GATE_SPINS      64
#define GATE_PAUSE_NS   50000

/* --- numbers as records --- */

int lmdb_number_get(MDB_txn *txn, MDB_dbi dbi, uint64_t root, struct bytes key, uint64_t *ret)
{
    struct longkey_name name;
    MDB_val record;
    struct bytes value;
    int rc = longkey_get(txn, dbi, root, key, &name, &record);
    if (rc != 0)
        return rc;
    MDB_val k = {name.n, name.b};
    if (!lmdb_record_read(&k, &record, false, &value) || value.n != 8)
        return MDB_CORRUPTED;
    memcpy(ret, value.p, 8);
    *ret = le64toh(*ret);
    return 0;
}

int lmdb_number_put(struct longkey_writer *w, uint64_t root, struct bytes key, uint64_t value)
{
    struct longkey_name name;
    void *room;
    int rc = longkey_put(w, root, key, lmdb_record_size(8, 0), &name, &room);
    if (rc != 0)
        return rc;
    MDB_val k = {name.n, name.b};
    value = htole64(value);
    lmdb_record_write(room, &k, bytes_of(&value, 8), 0);
    return 0;
}

int lmdb_read_error(int rc)
{
    switch (rc) {
    case 0:
        return INDEX_OK;
    case MDB_NOTFOUND:
        return INDEX_NOT_FOUND;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_CURSOR_FULL:
        return INDEX_CORRUPT;
    default:
        return INDEX_UNAVAILABLE;
    }
}

/* --- readers --- */

/* Where this thread looks first; threads start apart from each other. */
static unsigned reader_hint(void)
{
    static atomic_uint threads;
    static _Thread_local unsigned hint;
    if (hint == 0)
        hint = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);
    return hint;
}

static struct lmdb_reader *reader_take(struct lmdb_env *e)
{
    for (unsigned at = reader_hint(), tries = 0;; at++) {
        struct lmdb_reader *r = &e->reader[at % LMDB_READERS];
        if (!atomic_load_explicit(&r->busy, memory_order_relaxed) && !atomic_exchange(&r->busy, true))
            return r;
        if (++tries % LMDB_READERS == 0)
            sched_yield(); /* more reads at one moment than there are transactions */
    }
}

static void gate_wait(struct lmdb_env *e)
{
    pthread_mutex_lock(&e->gate_lock);
    while (atomic_load(&e->gate_closed))
        pthread_cond_wait(&e->gate_open, &e->gate_lock);
    pthread_mutex_unlock(&e->gate_lock);
}

/*
 * LMDB 0.9 reads the number of the last transaction, T, and then copies the header page T & 1. A thread that loses its
 * processor in between may find there, two commits later, the header of T + 2 while that is being written: a state that
 * is not durable yet and not seen by the next read, or half of one. The commit of T + 2 begins after T was read, so
 * when no commit began meanwhile, it was the right one.
 */
static int reader_renew(struct lmdb_env *e, struct lmdb_reader *r)
{
    for (;;) {
        uint64_t before = atomic_load(&e->commits_begun);
        int rc = r->txn ? mdb_txn_renew(r->txn) : mdb_txn_begin(e->env, NULL, MDB_RDONLY, &r->txn);
        if (rc != 0)
            return rc;
#ifndef __SANITIZE_THREAD__ /* it knows no fences, nor does it look into LMDB */
        atomic_thread_fence(memory_order_acquire);
#endif
        if (atomic_load(&e->commits_begun) == before)
            return 0;
        mdb_txn_reset(r->txn);
    }
}

int lmdb_read_begin(struct lmdb_env *e, struct lmdb_reader **ret)
{
    struct lmdb_reader *r;
    if (e->fixed) {
        *ret = e->fixed;
        return e->fixed->txn ? INDEX_OK : INDEX_UNAVAILABLE;
    }
    for (;;) {
        r = reader_take(e);
        if (!atomic_load(&e->gate_closed))
            break;
        atomic_store_explicit(&r->busy, false, memory_order_release);
        gate_wait(e);
    }
    int rc = EIO;
    if (!atomic_load_explicit(&e->blind, memory_order_acquire))
        rc = reader_renew(e, r);
    if (rc != 0) {
        atomic_store_explicit(&r->busy, false, memory_order_release);
        return INDEX_UNAVAILABLE;
    }
    *ret = r;
    return INDEX_OK;
}

void lmdb_read_end(struct lmdb_reader *r)
{
    if (!atomic_load_explicit(&r->busy, memory_order_relaxed))
        return; /* the fixed one, which nobody takes */
    mdb_txn_reset(r->txn);
    atomic_store_explicit(&r->busy, false, memory_order_release);
}

int lmdb_read_cursors(struct lmdb_env *e, struct lmdb_reader *r)
{
    (void)e;
    for (unsigned i = 0; i < LONGKEY_LEVELS && r->cursor[i]; i++)
        if (mdb_cursor_renew(r->txn, r->cursor[i]) != 0)
            return INDEX_UNAVAILABLE;
    return INDEX_OK;
}

static void gate_close(struct lmdb_env *e)
{
    atomic_store(&e->gate_closed, true);
    for (unsigned i = 0; i < LMDB_READERS; i++)
        for (unsigned spin = 0; atomic_load(&e->reader[i].busy); spin++) {
            struct timespec pause = {0, GATE_PAUSE_NS};
            if (spin < GATE_SPINS)
                sched_yield();
            else
                nanosleep(&pause, NULL);
        }
}

static void gate_open(struct lmdb_env *e)
{
    pthread_mutex_lock(&e->gate_lock);
    atomic_store(&e->gate_closed, false);
    pthread_cond_broadcast(&e->gate_open);
    pthread_mutex_unlock(&e->gate_lock);
}

/* --- the map --- */

/* LMDB gives up its old map before it makes the new one, so first see whether there is address space for it. */
static bool map_possible(uint64_t size)
{
    void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    munmap(p, size);
    return true;
}

static bool map_replace(struct lmdb_env *e, uint64_t size)
{
    if (size == e->map_size)
        return true;
    if (size > e->map_size && !map_possible(size))
        return false;
    gate_close(e);
    int rc = mdb_env_set_mapsize(e->env, size);
    if (rc == 0) {
        MDB_envinfo info;
        mdb_env_info(e->env, &info);
        e->map_size = info.me_mapsize;
    } else {
        e->no_map = true;
        atomic_store(&e->blind, true);
    }
    gate_open(e);
    if (rc != 0)
        log_error("index", "the memory map could not be replaced: %s", mdb_strerror(rc));
    return rc == 0;
}

/* --- room on disk --- */

uint64_t lmdb_env_used(struct lmdb_env *e)
{
    MDB_envinfo info;
    mdb_env_info(e->env, &info);
    return (info.me_last_pgno + 1) * e->page;
}

bool lmdb_env_disk_full(struct lmdb_env *e)
{
    struct statvfs vfs;
    return fstatvfs(e->fd, &vfs) == 0 && (uint64_t)vfs.f_bavail * vfs.f_frsize < DISK_FULL_BYTES;
}

static int write_zeros(int fd, uint64_t from, uint64_t n)
{
    char *zeros = xcalloc(1, ZERO_CHUNK);
    int rc = 0;
    while (n > 0 && rc == 0) {
        ssize_t w = pwrite(fd, zeros, n < ZERO_CHUNK ? n : ZERO_CHUNK, (off_t)from);
        if (w < 0 && errno != EINTR)
            rc = errno;
        if (w > 0) {
            from += (uint64_t)w;
            n -= (uint64_t)w;
        }
    }
    free(zeros);
    return rc;
}

/* fallocate; zeros where the file system has none. Only ever behind the end of the file. */
static int allocate_real(int fd, uint64_t from, uint64_t n)
{
    int rc;
    do
        rc = fallocate(fd, 0, (off_t)from, (off_t)n) == 0 ? 0 : errno;
    while (rc == EINTR);
    return rc == EOPNOTSUPP || rc == ENOSYS ? write_zeros(fd, from, n) : rc;
}

/* What the file has, whoever made it longer: LMDB does so itself when the committer's estimate was too low. */
static void file_measure(struct lmdb_env *e)
{
    struct stat st;
    if (fstat(e->fd, &st) == 0 && (uint64_t)st.st_size > e->file_end)
        e->file_end = (uint64_t)st.st_size;
}

static bool file_extend(struct lmdb_env *e, uint64_t to)
{
    struct statvfs vfs;
    file_measure(e); /* nothing is ever written in front of the end */
    if (to <= e->file_end)
        return true;
    /* Where there is not enough, fallocate may keep what it got: the last free blocks are better left to others. */
    if (fstatvfs(e->fd, &vfs) == 0 && (uint64_t)vfs.f_bavail * vfs.f_frsize < to - e->file_end)
        return false;
    int rc = e->allocate(e->fd, e->file_end, to - e->file_end);
    if (rc == 0)
        e->file_end = to;
    else
        file_measure(e);
    return rc == 0;
}

bool lmdb_env_make_room(struct lmdb_env *e, uint64_t need)
{
    uint64_t used = lmdb_env_used(e);
    if (need > e->map_max || used + need + e->reserve > e->map_max)
        return false;
    uint64_t want = used + need + e->reserve;
    if (want > e->file_end) {
        uint64_t step = used / 8;
        step = step < GROW_STEP_MIN ? GROW_STEP_MIN : step > GROW_STEP_MAX ? GROW_STEP_MAX : step;
        uint64_t ample = want + step < e->map_max ? want + step : e->map_max;
        ample -= ample % e->page;
        if (!file_extend(e, ample) && !file_extend(e, want))
            return false;
    }
    uint64_t map = e->map_wanted;
    while (map < want)
        map = map <= e->map_max / 2 ? 2 * map : e->map_max;
    if (!map_replace(e, map))
        return false;
    e->map_wanted = map;
    return true;
}

bool lmdb_env_limit(struct lmdb_env *e, enum lmdb_limit limit)
{
    uint64_t used = lmdb_env_used(e);
    uint64_t end = e->file_end < e->map_max ? e->file_end : e->map_max;
    uint64_t keep = limit == LMDB_LIMIT_GROWING ? e->reserve : limit == LMDB_LIMIT_TRIMMING ? e->reserve / 2 : 0;
    uint64_t map = end > used + keep ? end - keep : used; /* with nothing left: free pages only */
    return map_replace(e, map - map % e->page);
}

/* --- birth and death --- */

/* LMDB is about to abort the process: leave a line in the log that says where. */
static void on_assert(MDB_env *env, const char *message)
{
    (void)env;
    log_error("index", "LMDB found its state inconsistent: %s", message);
}

struct lmdb_env *lmdb_env_new(MDB_env *env, MDB_dbi dbi, const struct index_lmdb_options *options)
{
    struct lmdb_env *e = aligned_alloc(64, sizeof(*e));
    MDB_envinfo info;
    MDB_stat stat;
    CHECK(e != NULL);
    memset(e, 0, sizeof(*e));
    mdb_env_info(env, &info);
    mdb_env_stat(env, &stat);
    mdb_env_get_fd(env, &e->fd);
    mdb_env_set_assert(env, on_assert);
    e->env = env;
    e->dbi = dbi;
    e->page = stat.ms_psize;
    e->map_max = options->map_max ? options->map_max : INDEX_LMDB_MAP_MAX;
    e->map_max -= e->map_max % e->page;
    e->reserve = options->reserve ? options->reserve : INDEX_LMDB_RESERVE;
    e->reserve += (e->page - e->reserve % e->page) % e->page;
    e->allocate = options->allocate ? options->allocate : allocate_real;
    e->map_size = e->map_wanted = info.me_mapsize;
    if (e->map_max < e->map_wanted)
        e->map_max = e->map_wanted;
    file_measure(e);
    pthread_mutex_init(&e->gate_lock, NULL);
    pthread_cond_init(&e->gate_open, NULL);
    return e;
}

void lmdb_env_close(struct lmdb_env **ep)
{
    struct lmdb_env *e = *ep;
    if (e == NULL)
        return;
    *ep = NULL;
    for (unsigned i = 0; i < LMDB_READERS; i++) {
        struct lmdb_reader *r = &e->reader[i];
        CHECK(!atomic_load(&r->busy));
        for (unsigned level = 0; level < LONGKEY_LEVELS; level++)
            if (r->cursor[level])
                mdb_cursor_close(r->cursor[level]);
        if (r->txn)
            mdb_txn_abort(r->txn);
    }
    mdb_env_close(e->env);
    free(e->moment);
    pthread_cond_destroy(&e->gate_open);
    pthread_mutex_destroy(&e->gate_lock);
    free(e);
}
