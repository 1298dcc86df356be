/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The failing io table. Watching for a power cut: each change of a folder is noted with a way back, and dropped from
 * the notes when that folder is synced; each write is noted and dropped when that file is synced. A cut walks the notes
 * backwards. Files and folders are known by device and inode.
 * Threads: one lock around the notes and counters.
 */
#include "tests/double/fault_io.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/check.h"

#define PAGE           4096
#define TRACE_BYTES    4096
#define GRAVE_NAME_MAX 32
#define NOTED_NAME_MAX 64
#define DIRECT_FDS     4096 /* descriptors below it can be turned to direct */

static const char *const call_names[FAULT_ANY] = {
    [FAULT_OPEN] = "open",       [FAULT_CLOSE] = "close",   [FAULT_WRITE] = "write",
    [FAULT_READ] = "read",       [FAULT_FSYNC] = "fsync",   [FAULT_FDATASYNC] = "fdatasync",
    [FAULT_LINK] = "link",       [FAULT_UNLINK] = "unlink", [FAULT_MKDIR] = "mkdir",
    [FAULT_STAT] = "stat",       [FAULT_RENAME] = "rename", [FAULT_WRITEBACK] = "writeback",
    [FAULT_STATVFS] = "statvfs", [FAULT_DIRECT] = "direct",
};

enum change_kind { CHANGE_ADD, CHANGE_ADD_FOLDER, CHANGE_REMOVE, CHANGE_REMOVE_FOLDER, CHANGE_RENAME };

struct change {
    struct change *next; /* the one before it */
    enum change_kind kind;
    dev_t dev;
    ino_t ino;
    int dir; /* own descriptor */
    char name[NOTED_NAME_MAX], from[NOTED_NAME_MAX];
    char grave[GRAVE_NAME_MAX]; /* where the removed or overwritten file lives on; empty: nowhere */
};

struct range {
    struct range *next;
    off_t offset;
    size_t n;
};

struct dirty_file {
    struct dirty_file *next;
    dev_t dev;
    ino_t ino;
    int fd; /* own descriptor */
    off_t synced_bytes;
    struct range *ranges;
};

static struct {
    pthread_mutex_t lock;
    bool armed, fired, forever;
    enum fault_call call;
    int left, err;
    size_t counts[FAULT_ANY + 1];
    size_t most;
    bool cold, no_unnamed, no_proc, no_direct;
    _Atomic bool direct[DIRECT_FDS];
    bool tracing;
    char trace[TRACE_BYTES];
    int graveyard;
    unsigned graves;
    struct change *changes;
    struct dirty_file *files;
} f = {.lock = PTHREAD_MUTEX_INITIALIZER, .graveyard = -1};

/* --- failing
 * ---------------------------------------------------------------------------------------------------------- */

static void arm(enum fault_call call, int nth, int err, bool forever)
{
    pthread_mutex_lock(&f.lock);
    f.armed = true;
    f.fired = false;
    f.forever = forever;
    f.call = call;
    f.left = nth;
    f.err = err;
    pthread_mutex_unlock(&f.lock);
}

void fault_arm(enum fault_call call, int nth, int err)
{
    arm(call, nth, err, false);
}

void fault_arm_from(enum fault_call call, int nth, int err)
{
    arm(call, nth, err, true);
}

bool fault_disarm(void)
{
    pthread_mutex_lock(&f.lock);
    bool fired = f.fired;
    f.armed = f.fired = false;
    pthread_mutex_unlock(&f.lock);
    return fired;
}

size_t fault_count(enum fault_call call)
{
    pthread_mutex_lock(&f.lock);
    size_t n = f.counts[call];
    pthread_mutex_unlock(&f.lock);
    return n;
}

void fault_short(size_t most)
{
    f.most = most;
}

void fault_cold(bool cold)
{
    f.cold = cold;
}

void fault_no_direct(bool none)
{
    f.no_direct = none;
}

void fault_no_unnamed(bool none)
{
    f.no_unnamed = none;
}

void fault_no_proc(bool none)
{
    f.no_proc = none;
}

void fault_trace_begin(void)
{
    f.trace[0] = '\0';
    f.tracing = true;
}

const char *fault_trace(void)
{
    f.tracing = false;
    return f.trace;
}

static void trace_add(const char *word)
{
    size_t n = strlen(f.trace);

    if (!f.tracing || n + strlen(word) + 8 > sizeof(f.trace))
        return;
    if (n + 64 > sizeof(f.trace))
        word = "...";
    snprintf(f.trace + n, sizeof(f.trace) - n, "%s%s", n > 0 ? " " : "", word);
}

/* True when this call must fail; errno is set. */
static bool fails(enum fault_call call, bool traced)
{
    bool fail = false;

    pthread_mutex_lock(&f.lock);
    f.counts[call]++;
    f.counts[FAULT_ANY]++;
    if (f.armed && (f.call == FAULT_ANY || f.call == call))
        fail = f.left-- == 0 || (f.forever && f.left < 0);
    f.fired = f.fired || fail;
    if (traced)
        trace_add(call_names[call]);
    int err = f.err;
    pthread_mutex_unlock(&f.lock);
    if (fail)
        errno = err;
    return fail;
}

static bool is_folder(int fd)
{
    struct stat sb;

    return fstat(fd, &sb) == 0 && S_ISDIR(sb.st_mode);
}

/* --- remembering
 * ------------------------------------------------------------------------------------------------------- */

static void change_free(struct change *c)
{
    close(c->dir);
    if (c->grave[0] != '\0')
        unlinkat(f.graveyard, c->grave, 0);
    free(c);
}

static struct change *change_note(enum change_kind kind, int dir, const char *name)
{
    struct change *c = xcalloc(1, sizeof(*c));
    struct stat sb;

    c->kind = kind;
    c->dir = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(c->dir >= 0 && fstat(c->dir, &sb) == 0);
    c->dev = sb.st_dev;
    c->ino = sb.st_ino;
    snprintf(c->name, sizeof(c->name), "%s", name);
    c->next = f.changes;
    f.changes = c;
    return c;
}

/* Keeps the file alive, if there is one, before its name goes. */
static void bury(int dir, const char *name, char ret[GRAVE_NAME_MAX])
{
    snprintf(ret, GRAVE_NAME_MAX, "grave-%u", f.graves++);
    if (linkat(dir, name, f.graveyard, ret, 0) < 0)
        ret[0] = '\0';
}

static void folder_synced(const struct stat *sb)
{
    for (struct change **at = &f.changes; *at != NULL;) {
        struct change *c = *at;
        if (c->dev != sb->st_dev || c->ino != sb->st_ino) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        change_free(c);
    }
}

static void ranges_free(struct dirty_file *d)
{
    while (d->ranges != NULL) {
        struct range *r = d->ranges;
        d->ranges = r->next;
        free(r);
    }
}

static struct dirty_file *file_find(const struct stat *sb)
{
    struct dirty_file *d = f.files;

    while (d != NULL && (d->dev != sb->st_dev || d->ino != sb->st_ino))
        d = d->next;
    return d;
}

static void synced(int fd)
{
    struct stat sb;

    pthread_mutex_lock(&f.lock);
    if (f.graveyard >= 0 && fstat(fd, &sb) == 0) {
        struct dirty_file *d = file_find(&sb);
        if (S_ISDIR(sb.st_mode))
            folder_synced(&sb);
        if (d != NULL) {
            ranges_free(d);
            d->synced_bytes = sb.st_size;
        }
    }
    pthread_mutex_unlock(&f.lock);
}

/* Before the write, so that the size is the old one. */
static void writing(int fd, off_t offset, size_t n)
{
    struct stat sb;

    pthread_mutex_lock(&f.lock);
    if (f.graveyard >= 0 && fstat(fd, &sb) == 0) {
        struct dirty_file *d = file_find(&sb);
        if (d == NULL) {
            d = xcalloc(1, sizeof(*d));
            d->dev = sb.st_dev;
            d->ino = sb.st_ino;
            d->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
            d->synced_bytes = sb.st_size;
            d->next = f.files;
            f.files = d;
        }
        struct range *r = xcalloc(1, sizeof(*r));
        r->offset = offset;
        r->n = n;
        r->next = d->ranges;
        d->ranges = r;
    }
    pthread_mutex_unlock(&f.lock);
}

static void forget_notes(void)
{
    while (f.changes != NULL) {
        struct change *c = f.changes;
        f.changes = c->next;
        change_free(c);
    }
    while (f.files != NULL) {
        struct dirty_file *d = f.files;
        f.files = d->next;
        ranges_free(d);
        close(d->fd);
        free(d);
    }
    if (f.graveyard >= 0)
        close(f.graveyard);
    f.graveyard = -1;
}

void fault_reset(void)
{
    pthread_mutex_lock(&f.lock);
    forget_notes();
    f.armed = f.fired = f.cold = f.no_unnamed = f.no_proc = f.no_direct = f.tracing = false;
    f.most = 0;
    memset(f.counts, 0, sizeof(f.counts));
    pthread_mutex_unlock(&f.lock);
}

void fault_power_watch(const char *graveyard)
{
    pthread_mutex_lock(&f.lock);
    forget_notes();
    f.graveyard = open(graveyard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(f.graveyard >= 0);
    pthread_mutex_unlock(&f.lock);
}

/* --- forgetting
 * -------------------------------------------------------------------------------------------------------- */

static unsigned chance(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void restore_grave(struct change *c, const char *name)
{
    if (c->grave[0] != '\0')
        CHECK(linkat(f.graveyard, c->grave, c->dir, name, 0) == 0 || errno == EEXIST || errno == ENOENT);
}

static int remove_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb, (void)flag, (void)ftw;
    return remove(path);
}

/* A lost folder takes with it whatever was synced inside. */
static void remove_tree(int dir, const char *name)
{
    char path[64 + NOTED_NAME_MAX];

    snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void take_back(struct change *c)
{
    switch (c->kind) {
    case CHANGE_ADD:
        unlinkat(c->dir, c->name, 0);
        break;
    case CHANGE_ADD_FOLDER:
        remove_tree(c->dir, c->name);
        break;
    case CHANGE_REMOVE:
        restore_grave(c, c->name);
        break;
    case CHANGE_REMOVE_FOLDER:
        mkdirat(c->dir, c->name, 0700);
        break;
    case CHANGE_RENAME:
        renameat(c->dir, c->name, c->dir, c->from);
        restore_grave(c, c->name);
        break;
    }
}

/* Of each folder the later changes go, from a point that chance picks; all of them when the seed is 0. */
static bool survives(const struct change *c, unsigned seed)
{
    size_t before = 0, all = 0;
    bool seen = false;

    for (const struct change *at = f.changes; at != NULL; at = at->next) {
        seen = seen || at == c;
        if (at->dev == c->dev && at->ino == c->ino) {
            all++;
            before += seen && at != c;
        }
    }
    seed ^= (unsigned)c->ino * 2654435761u;
    return seed != 0 && before < chance(&seed) % (all + 1);
}

static void forget_bytes(struct dirty_file *d, unsigned *seed)
{
    static const char zeros[PAGE];
    bool lose_all = *seed == 0;

    if (d->ranges != NULL && (lose_all || chance(seed) % 3 == 0)) {
        CHECK(ftruncate(d->fd, d->synced_bytes) == 0);
        lose_all = true;
    }
    for (struct range *r = d->ranges; r != NULL; r = r->next)
        for (off_t at = r->offset / PAGE * PAGE; at < r->offset + (off_t)r->n; at += PAGE) {
            off_t end = at + PAGE < r->offset + (off_t)r->n ? at + PAGE : r->offset + (off_t)r->n;
            off_t limit = lose_all && end > d->synced_bytes ? d->synced_bytes : end;
            if (at < limit && (lose_all || chance(seed) % 2 == 0))
                CHECK(pwrite(d->fd, zeros, (size_t)(limit - at), at) == limit - at);
        }
}

void fault_power_cut(unsigned seed)
{
    pthread_mutex_lock(&f.lock);
    CHECK(f.graveyard >= 0);
    unsigned rolling = seed;
    for (struct dirty_file *d = f.files; d != NULL; d = d->next)
        forget_bytes(d, &rolling);
    for (struct change *c = f.changes; c != NULL; c = c->next)
        if (seed == 0 || !survives(c, seed))
            take_back(c);
    forget_notes();
    pthread_mutex_unlock(&f.lock);
}

/* --- the table
 * --------------------------------------------------------------------------------------------------------- */

static int open_by(int (*call)(int, const char *, int, mode_t), int dirfd, const char *path, int flags, mode_t mode)
{
    if (fails(FAULT_OPEN, (flags & O_DIRECTORY) == 0 || (flags & O_TMPFILE) == O_TMPFILE))
        return -1;
    if (f.no_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    int fd = call(dirfd, path, flags, mode);
    pthread_mutex_lock(&f.lock);
    if (fd >= 0 && f.graveyard >= 0 && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        change_note(CHANGE_ADD, dirfd, path);
    pthread_mutex_unlock(&f.lock);
    return fd;
}

static int fault_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_by(io_real.openat, dirfd, path, flags, mode);
}

static int fault_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_by(io_real.open_beneath, dirfd, path, flags, mode);
}

static int fault_close(int fd)
{
    if (fd >= 0 && fd < DIRECT_FDS)
        f.direct[fd] = false;
    bool fail = fails(FAULT_CLOSE, !is_folder(fd));
    int err = errno, rc = io_real.close(fd);

    if (fail)
        errno = err;
    return fail ? -1 : rc;
}

static size_t shortened(size_t n)
{
    return f.most > 0 && n > f.most ? f.most : n;
}

static bool misaligned(int fd, const void *p, size_t n, off_t offset)
{
    if (fd < 0 || fd >= DIRECT_FDS || !f.direct[fd] || ((uintptr_t)p | n | (size_t)offset) % PAGE == 0)
        return false;
    errno = EINVAL;
    return true;
}

static ssize_t fault_pwrite(int fd, const void *p, size_t n, off_t offset)
{
    if (fails(FAULT_WRITE, true) || misaligned(fd, p, n, offset))
        return -1;
    n = shortened(n);
    writing(fd, offset, n);
    return io_real.pwrite(fd, p, n, offset);
}

static ssize_t fault_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    size_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += iov[i].iov_len;
    if (shortened(sum) < sum) {
        while (iov->iov_len == 0)
            iov++;
        return fault_pwrite(fd, iov->iov_base, iov->iov_len, offset);
    }
    if (fails(FAULT_WRITE, true))
        return -1;
    for (int i = 0; i < n; i++)
        if (misaligned(fd, iov[i].iov_base, iov[i].iov_len, offset))
            return -1;
    writing(fd, offset, sum);
    return io_real.pwritev(fd, iov, n, offset);
}

static ssize_t fault_pread(int fd, void *p, size_t n, off_t offset)
{
    return fails(FAULT_READ, false) ? -1 : io_real.pread(fd, p, shortened(n), offset);
}

static ssize_t fault_preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    if (fails(FAULT_READ, false))
        return -1;
    if (f.cold && (flags & RWF_NOWAIT) != 0) {
        errno = EAGAIN;
        return -1;
    }
    if (f.most > 0 && n > 0)
        return io_real.pread(fd, iov->iov_base, shortened(iov->iov_len), offset);
    return io_real.preadv2(fd, iov, n, offset, flags);
}

/* Nothing is really synced: the tests' disk need not work that hard. */
static int fault_fsync(int fd)
{
    if (fails(FAULT_FSYNC, true))
        return -1;
    synced(fd);
    return 0;
}

static int fault_fdatasync(int fd)
{
    if (fails(FAULT_FDATASYNC, true))
        return -1;
    synced(fd);
    return 0;
}

static int fault_linkat(int olddir, const char *oldpath, int newdir, const char *newpath, int flags)
{
    if (fails(FAULT_LINK, true))
        return -1;
    if (f.no_proc && oldpath[0] == '/') {
        errno = ENOENT;
        return -1;
    }
    int rc = io_real.linkat(olddir, oldpath, newdir, newpath, flags);
    pthread_mutex_lock(&f.lock);
    if (rc == 0 && f.graveyard >= 0)
        change_note(CHANGE_ADD, newdir, newpath);
    pthread_mutex_unlock(&f.lock);
    return rc;
}

static int fault_unlinkat(int dirfd, const char *path, int flags)
{
    char grave[GRAVE_NAME_MAX] = "";

    if (fails(FAULT_UNLINK, true))
        return -1;
    pthread_mutex_lock(&f.lock);
    bool watching = f.graveyard >= 0;
    if (watching && (flags & AT_REMOVEDIR) == 0)
        bury(dirfd, path, grave);
    int rc = io_real.unlinkat(dirfd, path, flags), err = errno;
    if (rc == 0 && watching) {
        struct change *c = change_note((flags & AT_REMOVEDIR) != 0 ? CHANGE_REMOVE_FOLDER : CHANGE_REMOVE, dirfd, path);
        memcpy(c->grave, grave, sizeof(grave));
    }
    pthread_mutex_unlock(&f.lock);
    errno = err;
    return rc;
}

static int fault_mkdirat(int dirfd, const char *path, mode_t mode)
{
    if (fails(FAULT_MKDIR, true))
        return -1;
    int rc = io_real.mkdirat(dirfd, path, mode), err = errno;
    pthread_mutex_lock(&f.lock);
    if (rc == 0 && f.graveyard >= 0)
        change_note(CHANGE_ADD_FOLDER, dirfd, path);
    pthread_mutex_unlock(&f.lock);
    errno = err;
    return rc;
}

static int fault_fstat(int fd, struct stat *sb)
{
    return fails(FAULT_STAT, false) ? -1 : io_real.fstat(fd, sb);
}

/* Both names in one folder, which is all that the storage does. */
static int fault_renameat(int olddir, const char *oldpath, int newdir, const char *newpath)
{
    char grave[GRAVE_NAME_MAX] = "";

    if (fails(FAULT_RENAME, true))
        return -1;
    pthread_mutex_lock(&f.lock);
    bool watching = f.graveyard >= 0;
    if (watching)
        bury(newdir, newpath, grave);
    int rc = io_real.renameat(olddir, oldpath, newdir, newpath), err = errno;
    if (rc == 0 && watching) {
        struct change *c = change_note(CHANGE_RENAME, newdir, newpath);
        memcpy(c->grave, grave, sizeof(grave));
        snprintf(c->from, sizeof(c->from), "%s", oldpath);
    }
    pthread_mutex_unlock(&f.lock);
    errno = err;
    return rc;
}

static int fault_sync_file_range(int fd, off_t offset, off_t n, unsigned flags)
{
    (void)fd, (void)offset, (void)n, (void)flags;
    return fails(FAULT_WRITEBACK, false) ? -1 : 0;
}

static int fault_fstatvfs(int fd, struct statvfs *v)
{
    return fails(FAULT_STATVFS, false) ? -1 : io_real.fstatvfs(fd, v);
}

static int fault_set_direct(int fd, bool on)
{
    if (fails(FAULT_DIRECT, false))
        return -1;
    if (fd >= DIRECT_FDS || (on && f.no_direct)) {
        errno = EINVAL;
        return -1;
    }
    f.direct[fd] = on;
    return 0;
}

const struct io fault_io = {
    .openat = fault_openat,
    .open_beneath = fault_open_beneath,
    .close = fault_close,
    .pwrite = fault_pwrite,
    .pwritev = fault_pwritev,
    .pread = fault_pread,
    .preadv2 = fault_preadv2,
    .fsync = fault_fsync,
    .fdatasync = fault_fdatasync,
    .linkat = fault_linkat,
    .unlinkat = fault_unlinkat,
    .mkdirat = fault_mkdirat,
    .fstat = fault_fstat,
    .renameat = fault_renameat,
    .sync_file_range = fault_sync_file_range,
    .fstatvfs = fault_fstatvfs,
    .set_direct = fault_set_direct,
};
