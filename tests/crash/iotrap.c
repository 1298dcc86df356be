/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded below a server by the crash tests (LD_PRELOAD): sees every call that changes the server's data folder, and
 * does one or both of
 *
 * - failing them on demand: rules in a file mapped by the test and by the server say which calls on which paths fail,
 *   fall short, wait, or kill the process; they may change while the server runs. See struct rule.
 * - recording them, with the bytes written and with what is sent on sockets, in the order in which they took effect.
 * From the record the test builds what a power cut might have left. See struct record.
 *
 * Environment: IOTRAP_ROOT, the data folder; IOTRAP_RULES, the rules' file (optional); IOTRAP_LOG, where to record
 * (optional). The calls themselves are made with syscall(2); that function is trapped too, since openat2 has no other.
 *
 * Order of the record. A change of names is made and recorded under one lock. A write is recorded when it is complete,
 * a sync twice: what was recorded before its beginning is durable once its end is recorded. A synchronous write
 * (O_DSYNC) is recorded before it begins and once more when it is complete. A reply is recorded before it is sent. So
 * whoever cuts the record at any place gets a state in which nothing is promised too early.
 *
 * Threads: any of the server's. The table of descriptors has one entry each, changed only by who opens or closes it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FDS       65536
#define RULES     8
#define IOVS      1024
#define SENT_MAX  1024 /* bytes of each reply that are recorded: its head */
#define NAME_SIZE 512

/* Kinds of call, as bits; tests/crash/iotrap.py has the same numbers. */
enum call {
    CALL_OPEN = 1,
    CALL_CREATE = 2, /* open that may make a file */
    CALL_WRITE = 4,
    CALL_SYNC = 8, /* fsync and fdatasync of a file */
    CALL_DIRSYNC = 16,
    CALL_LINK = 32,
    CALL_UNLINK = 64,
    CALL_RENAME = 128,
    CALL_MKDIR = 256,
    CALL_TRUNCATE = 512,
    CALL_ALLOCATE = 1024,
    CALL_READ = 2048,
    CALL_CLOSE = 4096,
    CALL_ACCEPT = 8192,
    CALL_SEND = 16384,
    CALL_DSYNC_WRITE = 32768, /* instead of CALL_WRITE on a descriptor opened with O_DSYNC */
};

enum action { ACTION_ERROR = 0, ACTION_SHORT = 1, ACTION_KILL = 2, ACTION_DELAY = 3 };

struct rule {
    _Atomic uint32_t active;
    uint32_t calls;
    int32_t action;
    int32_t value; /* errno, or the most bytes, or milliseconds */
    int64_t skip;  /* matches that pass untouched first */
    int64_t times; /* matches that are hit then; -1: all */
    _Atomic int64_t seen;
    _Atomic int64_t hits;
    char path[80]; /* part of the path; empty: any below the root */
};

enum record_op {
    RECORD_CREATE = 1,
    RECORD_WRITE = 2,
    RECORD_DSYNC_BEGIN = 3, /* a synchronous write begins, with its bytes */
    RECORD_DSYNC_END = 4,
    RECORD_TRUNCATE = 5,
    RECORD_ALLOCATE = 6,
    RECORD_SYNC_BEGIN = 7,
    RECORD_SYNC_END = 8,
    RECORD_LINK = 9,
    RECORD_UNLINK = 10,
    RECORD_RENAME = 11,
    RECORD_MKDIR = 12,
    RECORD_RMDIR = 13,
    RECORD_SEND = 14,
};

struct record { /* then path, path2 and data follow */
    uint32_t magic, op;
    uint64_t file; /* inode, or descriptor of a socket */
    int64_t offset, length;
    uint64_t token; /* the same for a beginning and its end */
    uint32_t path_n, path2_n, data_n, zero;
};
#define RECORD_MAGIC 0x50415254u

enum kind { KIND_NONE = 0, KIND_FILE, KIND_DIR, KIND_SOCKET };
struct descriptor {
    _Atomic int kind;
    int flags;
    uint64_t inode;
    char path[NAME_SIZE];
};

static struct descriptor fds[FDS];
static struct rule *rules;
static char root[PATH_MAX];
static size_t root_n;
static int log_fd = -1;
static _Atomic uint64_t tokens;
static pthread_mutex_t names = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* taken last */

/* The C library's syscall(), below the one of this file; looked for at the first call, for other libraries make calls
 * before this one's constructors run. */
static long find_raw(long number, ...);
static long (*raw)(long number, ...) = find_raw;

static long find_raw(long number, ...)
{
    va_list list;
    long a[6];

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    *(void **)&raw = dlsym(RTLD_NEXT, "syscall");
    return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

__attribute__((constructor)) static void start(void)
{
    const char *folder = getenv("IOTRAP_ROOT"), *rules_file = getenv("IOTRAP_RULES"), *log = getenv("IOTRAP_LOG");
    int fd;

    if (root_n || !folder || !realpath(folder, root))
        return;
    if (rules_file && (fd = (int)raw(SYS_openat, AT_FDCWD, rules_file, O_RDWR | O_CLOEXEC, 0)) >= 0) {
        rules = mmap(NULL, sizeof *rules * RULES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (rules == MAP_FAILED)
            rules = NULL;
        raw(SYS_close, fd);
    }
    if (log)
        log_fd = (int)raw(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    atomic_store(&tokens, (uint64_t)getpid() << 32); /* no two processes of one record share any */
    root_n = strlen(root);
}

/* ---- what a call is about ---- */

static bool below_root(const char *path)
{
    return root_n && strncmp(path, root, root_n) == 0 && (path[root_n] == 0 || path[root_n] == '/');
}

static struct descriptor *descriptor(int fd)
{
    static struct descriptor none;

    return fd >= 0 && fd < FDS ? &fds[fd] : &none;
}

static bool is_data(int fd)
{
    int kind = descriptor(fd)->kind;

    return kind == KIND_FILE || kind == KIND_DIR;
}

static void fd_path(int fd, char out[NAME_SIZE])
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, out, NAME_SIZE - 1);
    out[n < 0 ? 0 : n] = 0;
}

/* The absolute path that (dirfd, path) means, without resolving links: the data folder has none. */
static void absolute(int dirfd, const char *path, char out[NAME_SIZE])
{
    char folder[NAME_SIZE] = "";
    const char *at;
    int n;

    if (path[0] == '/') {
        snprintf(out, NAME_SIZE, "%s", path);
    } else {
        if (dirfd == AT_FDCWD) {
            if (!getcwd(folder, sizeof folder))
                folder[0] = 0;
        } else {
            fd_path(dirfd, folder);
        }
        at = strncmp(path, "./", 2) == 0 ? path + 2 : path;
        n = snprintf(out, NAME_SIZE, "%s/%s", folder, at);
        if (n < 0)
            out[0] = 0;
    }
}

/* ---- failing ---- */

struct verdict {
    int error;    /* to be answered instead of making the call; 0: none */
    size_t limit; /* at most so many bytes */
};

static void act(struct rule *rule, struct verdict *v)
{
    struct timespec t = {rule->value / 1000, rule->value % 1000 * 1000000L};

    switch (rule->action) {
    case ACTION_ERROR:
        v->error = rule->value;
        break;
    case ACTION_SHORT:
        v->limit = (size_t)rule->value;
        break;
    case ACTION_KILL:
        kill(getpid(), SIGKILL);
        break;
    case ACTION_DELAY:
        nanosleep(&t, NULL);
        break;
    }
}

static struct verdict judge(unsigned call, const char *path)
{
    struct verdict v = {0, SIZE_MAX};

    for (struct rule *rule = rules; rule && rule < rules + RULES; rule++) {
        int64_t n;

        if (!atomic_load(&rule->active) || !(rule->calls & call) || (path && !strstr(path, rule->path)))
            continue;
        n = atomic_fetch_add(&rule->seen, 1);
        if (n < rule->skip || (rule->times >= 0 && n >= rule->skip + rule->times))
            continue;
        atomic_fetch_add(&rule->hits, 1);
        act(rule, &v);
    }
    if (v.error)
        errno = v.error;
    return v;
}

static bool refused(unsigned call, const char *path)
{
    return judge(call, path).error != 0;
}

/* ---- recording ---- */

static size_t total(const struct iovec *iov, int n)
{
    size_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += iov[i].iov_len;
    return sum;
}

static void record(uint32_t op, uint64_t file, int64_t offset, int64_t length, uint64_t token, const char *path,
                   const char *path2, const struct iovec *iov, int n_iov, size_t data_n)
{
    struct iovec out[IOVS + 3];
    struct record head = {RECORD_MAGIC,
                          op,
                          file,
                          offset,
                          length,
                          token,
                          path ? (uint32_t)strlen(path) : 0,
                          path2 ? (uint32_t)strlen(path2) : 0,
                          (uint32_t)data_n,
                          0};
    int n = 0, error = errno;

    if (log_fd < 0)
        return;
    out[n++] = (struct iovec){&head, sizeof head};
    out[n++] = (struct iovec){(void *)path, head.path_n};
    out[n++] = (struct iovec){(void *)path2, head.path2_n};
    for (int i = 0; i < n_iov && data_n; i++) {
        size_t k = iov[i].iov_len < data_n ? iov[i].iov_len : data_n;

        out[n++] = (struct iovec){iov[i].iov_base, k};
        data_n -= k;
    }
    pthread_mutex_lock(&log_lock);
    for (int at = 0; at < n; at += IOVS) {
        int k = n - at < IOVS ? n - at : IOVS;

        if (raw(SYS_writev, log_fd, out + at, k) != (long)total(out + at, k))
            abort(); /* a record with holes proves nothing */
    }
    pthread_mutex_unlock(&log_lock);
    errno = error;
}

static void record_names(uint32_t op, uint64_t file, const char *path, const char *path2)
{
    record(op, file, 0, 0, 0, path, path2, NULL, 0, 0);
}

/* ---- opening and closing ---- */

static void remember(int fd)
{
    struct descriptor *d = descriptor(fd);
    struct stat st;

    if (fd < 0 || fd >= FDS)
        return;
    fd_path(fd, d->path);
    if (!below_root(d->path) || fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        d->kind = KIND_NONE;
        return;
    }
    d->inode = st.st_ino;
    d->flags = fcntl(fd, F_GETFL);
    d->kind = S_ISDIR(st.st_mode) ? KIND_DIR : KIND_FILE;
}

static int call_open(int dirfd, const char *path, int flags, mode_t mode, const struct open_how *how)
{
    return (int)(how ? raw(SYS_openat2, dirfd, path, how, sizeof *how) : raw(SYS_openat, dirfd, path, flags, mode));
}

/* `how` of openat2, or NULL. */
static int open_named(int dirfd, const char *path, int flags, mode_t mode, const struct open_how *how)
{
    char whole[NAME_SIZE];
    bool makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE, is_new;
    int fd;

    absolute(dirfd, path, whole);
    if (!below_root(whole))
        return call_open(dirfd, path, flags, mode, how);
    if (refused(makes ? CALL_CREATE : CALL_OPEN, whole))
        return -1;
    pthread_mutex_lock(&names);
    is_new = (flags & O_TMPFILE) == O_TMPFILE ||
             ((flags & O_CREAT) && raw(SYS_faccessat, dirfd, path, F_OK) < 0 && errno == ENOENT);
    fd = call_open(dirfd, path, flags, mode, how);
    if (fd >= 0) {
        remember(fd);
        if (is_new)
            record_names(RECORD_CREATE, fds[fd].inode, (flags & O_TMPFILE) == O_TMPFILE ? "" : fds[fd].path, NULL);
        else if (flags & O_TRUNC)
            record(RECORD_TRUNCATE, fds[fd].inode, 0, 0, 0, NULL, NULL, NULL, 0, 0);
    }
    pthread_mutex_unlock(&names);
    return fd;
}

static mode_t mode_of(int flags, va_list list)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    va_start(list, flags);
    mode = mode_of(flags, list);
    va_end(list);
    return open_named(AT_FDCWD, path, flags, mode, NULL);
}

int openat(int dirfd, const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    va_start(list, flags);
    mode = mode_of(flags, list);
    va_end(list);
    return open_named(dirfd, path, flags, mode, NULL);
}

int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

long syscall(long number, ...)
{
    va_list list;
    long a[6];

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_openat2 && (size_t)a[3] == sizeof(struct open_how)) {
        const struct open_how *how = (const struct open_how *)a[2];

        return open_named((int)a[0], (const char *)a[1], (int)how->flags, (mode_t)how->mode, how);
    }
    return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* What fortified programs call when no mode is given. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

int __open_2(const char *path, int flags)
{
    return open_named(AT_FDCWD, path, flags, 0, NULL);
}
int __open64_2(const char *path, int flags)
{
    return open_named(AT_FDCWD, path, flags, 0, NULL);
}
int __openat_2(int dirfd, const char *path, int flags)
{
    return open_named(dirfd, path, flags, 0, NULL);
}
int __openat64_2(int dirfd, const char *path, int flags)
{
    return open_named(dirfd, path, flags, 0, NULL);
}

int close(int fd)
{
    struct descriptor *d = descriptor(fd);
    int error = is_data(fd) ? judge(CALL_CLOSE, d->path).error : 0, rc;

    d->kind = KIND_NONE;
    rc = (int)raw(SYS_close, fd); /* as Linux does it: closed, whatever is answered */
    if (error) {
        errno = error;
        return -1;
    }
    return rc;
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict n, int flags)
{
    int made;

    if (refused(CALL_ACCEPT, NULL))
        return -1;
    made = (int)raw(SYS_accept4, fd, address, n, flags);
    if (made >= 0)
        descriptor(made)->kind = KIND_SOCKET;
    return made;
}

int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict n)
{
    return accept4(fd, address, n, 0);
}

/* ---- writing ---- */

/* A copy of iov that holds at most `limit` bytes; answers its length. */
static int trim(const struct iovec *iov, int n, size_t limit, struct iovec *out)
{
    int k = 0;

    for (; k < n && limit; k++) {
        out[k] = iov[k];
        if (out[k].iov_len > limit)
            out[k].iov_len = limit;
        limit -= out[k].iov_len;
    }
    return k;
}

static ssize_t call_write(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    if (offset < 0)
        return raw(SYS_writev, fd, iov, n);
    return raw(SYS_pwritev2, fd, iov, n, offset, 0L, flags);
}

/* Where a write without an offset begins. */
static off_t position(int fd, int flags)
{
    return lseek(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

static ssize_t write_data(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    struct descriptor *d = descriptor(fd);
    bool dsync = (d->flags & O_DSYNC) || (flags & RWF_DSYNC);
    struct verdict v = judge(dsync ? CALL_DSYNC_WRITE : CALL_WRITE, d->path);
    struct iovec part[IOVS];
    off_t at = offset < 0 ? position(fd, d->flags) : offset;
    uint64_t token = atomic_fetch_add(&tokens, 1);
    size_t bytes;
    ssize_t done;

    if (v.error)
        return -1;
    n = trim(iov, n < IOVS ? n : IOVS, v.limit, part);
    bytes = total(part, n);
    if (dsync)
        record(RECORD_DSYNC_BEGIN, d->inode, at, (int64_t)bytes, token, NULL, NULL, part, n, bytes);
    done = call_write(fd, part, n, offset, flags);
    if (dsync && done >= 0)
        record(RECORD_DSYNC_END, d->inode, at, done, token, NULL, NULL, NULL, 0, 0);
    else if (done > 0)
        record(RECORD_WRITE, d->inode, at, done, token, NULL, NULL, part, n, (size_t)done);
    return done;
}

static ssize_t write_socket(int fd, const struct iovec *iov, int n)
{
    struct verdict v = judge(CALL_SEND, NULL);
    struct iovec part[IOVS];
    size_t bytes;

    if (v.error)
        return -1;
    n = trim(iov, n < IOVS ? n : IOVS, v.limit, part);
    bytes = total(part, n);
    record(RECORD_SEND, (uint64_t)fd, 0, (int64_t)bytes, 0, NULL, NULL, part, n, bytes < SENT_MAX ? bytes : SENT_MAX);
    return raw(SYS_writev, fd, part, n);
}

static ssize_t write_any(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    int kind = descriptor(fd)->kind;

    if (kind == KIND_FILE)
        return write_data(fd, iov, n, offset, flags);
    if (kind == KIND_SOCKET && offset < 0)
        return write_socket(fd, iov, n);
    return call_write(fd, iov, n, offset, flags);
}

ssize_t write(int fd, const void *p, size_t n)
{
    struct iovec iov = {(void *)p, n};

    return write_any(fd, &iov, 1, -1, 0);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
    struct iovec iov = {(void *)p, n};

    return write_any(fd, &iov, 1, offset, 0);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
    return write_any(fd, iov, n, -1, 0);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    return write_any(fd, iov, n, offset, 0);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    return write_any(fd, iov, n, offset, flags);
}

ssize_t pwrite64(int, const void *, size_t, off64_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const struct iovec *, int, off64_t) __attribute__((alias("pwritev")));
ssize_t pwritev64v2(int, const struct iovec *, int, off64_t, int) __attribute__((alias("pwritev2")));

int ftruncate(int fd, off_t length)
{
    int rc;

    if (is_data(fd) && refused(CALL_TRUNCATE, fds[fd].path))
        return -1;
    rc = (int)raw(SYS_ftruncate, fd, length);
    if (rc == 0 && is_data(fd))
        record(RECORD_TRUNCATE, fds[fd].inode, 0, length, 0, NULL, NULL, NULL, 0, 0);
    return rc;
}
int ftruncate64(int, off64_t) __attribute__((alias("ftruncate")));

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    int rc;

    if (is_data(fd) && refused(CALL_ALLOCATE, fds[fd].path))
        return -1;
    rc = (int)raw(SYS_fallocate, fd, mode, offset, length);
    if (rc == 0 && is_data(fd))
        record(RECORD_ALLOCATE, fds[fd].inode, offset, length, (uint64_t)mode, NULL, NULL, NULL, 0, 0);
    return rc;
}
int fallocate64(int, int, off64_t, off64_t) __attribute__((alias("fallocate")));

int posix_fallocate(int fd, off_t offset, off_t length)
{
    return fallocate(fd, 0, offset, length) < 0 ? errno : 0;
}
int posix_fallocate64(int, off64_t, off64_t) __attribute__((alias("posix_fallocate")));

static int sync_any(int fd, long number)
{
    struct descriptor *d = descriptor(fd);
    uint64_t token = atomic_fetch_add(&tokens, 1);
    int rc;

    if (!is_data(fd))
        return (int)raw(number, fd);
    if (refused(d->kind == KIND_DIR ? CALL_DIRSYNC : CALL_SYNC, d->path))
        return -1;
    record(RECORD_SYNC_BEGIN, d->inode, 0, 0, token, NULL, NULL, NULL, 0, 0);
    rc = (int)raw(number, fd);
    if (rc == 0)
        record(RECORD_SYNC_END, d->inode, 0, 0, token, NULL, NULL, NULL, 0, 0);
    return rc;
}

int fsync(int fd)
{
    return sync_any(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_any(fd, SYS_fdatasync);
}

/* What a backup copies with; no server does, so none is recorded. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags)
{
    struct verdict v = {0, SIZE_MAX};

    if (is_data(from))
        v = judge(CALL_READ, fds[from].path);
    if (!v.error && is_data(to))
        v = judge(CALL_WRITE, fds[to].path);
    if (v.error)
        return -1;
    if (log_fd >= 0 && is_data(to))
        abort(); /* a record with holes proves nothing */
    return raw(SYS_copy_file_range, from, from_at, to, to_at, n < v.limit ? n : v.limit, (long)flags);
}

/* ---- names ---- */

static uint64_t inode_at(int dirfd, const char *path, int flags)
{
    struct stat st;

    return fstatat(dirfd, path, &st, flags) < 0 ? 0 : st.st_ino;
}

int linkat(int olddir, const char *oldpath, int newdir, const char *newpath, int flags)
{
    char to[NAME_SIZE];
    int rc;

    absolute(newdir, newpath, to);
    if (!below_root(to))
        return (int)raw(SYS_linkat, olddir, oldpath, newdir, newpath, flags);
    if (refused(CALL_LINK, to))
        return -1;
    pthread_mutex_lock(&names);
    rc = (int)raw(SYS_linkat, olddir, oldpath, newdir, newpath, flags);
    if (rc == 0)
        record_names(RECORD_LINK, inode_at(newdir, newpath, AT_SYMLINK_NOFOLLOW), NULL, to);
    pthread_mutex_unlock(&names);
    return rc;
}

int link(const char *oldpath, const char *newpath)
{
    return linkat(AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}

int unlinkat(int dirfd, const char *path, int flags)
{
    char whole[NAME_SIZE];
    int rc;

    absolute(dirfd, path, whole);
    if (!below_root(whole))
        return (int)raw(SYS_unlinkat, dirfd, path, flags);
    if (refused(CALL_UNLINK, whole))
        return -1;
    pthread_mutex_lock(&names);
    rc = (int)raw(SYS_unlinkat, dirfd, path, flags);
    if (rc == 0)
        record_names(flags & AT_REMOVEDIR ? RECORD_RMDIR : RECORD_UNLINK, 0, whole, NULL);
    pthread_mutex_unlock(&names);
    return rc;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int renameat2(int olddir, const char *oldpath, int newdir, const char *newpath, unsigned flags)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    int rc;

    absolute(olddir, oldpath, from);
    absolute(newdir, newpath, to);
    if (!below_root(to))
        return (int)raw(SYS_renameat2, olddir, oldpath, newdir, newpath, flags);
    if (refused(CALL_RENAME, to))
        return -1;
    pthread_mutex_lock(&names);
    rc = (int)raw(SYS_renameat2, olddir, oldpath, newdir, newpath, flags);
    if (rc == 0)
        record_names(RECORD_RENAME, inode_at(newdir, newpath, AT_SYMLINK_NOFOLLOW), from, to);
    pthread_mutex_unlock(&names);
    return rc;
}

int renameat(int olddir, const char *oldpath, int newdir, const char *newpath)
{
    return renameat2(olddir, oldpath, newdir, newpath, 0);
}

int rename(const char *oldpath, const char *newpath)
{
    return renameat2(AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
    char whole[NAME_SIZE];
    int rc;

    absolute(dirfd, path, whole);
    if (!below_root(whole))
        return (int)raw(SYS_mkdirat, dirfd, path, mode);
    if (refused(CALL_MKDIR, whole))
        return -1;
    pthread_mutex_lock(&names);
    rc = (int)raw(SYS_mkdirat, dirfd, path, mode);
    if (rc == 0)
        record_names(RECORD_MKDIR, inode_at(dirfd, path, 0), whole, NULL);
    pthread_mutex_unlock(&names);
    return rc;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* ---- reading ---- */

static ssize_t read_any(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    struct iovec part[IOVS];
    struct verdict v = {0, SIZE_MAX};

    if (descriptor(fd)->kind == KIND_FILE)
        v = judge(CALL_READ, fds[fd].path);
    if (v.error)
        return -1;
    n = trim(iov, n < IOVS ? n : IOVS, v.limit, part);
    return offset < 0 ? raw(SYS_readv, fd, part, n) : raw(SYS_preadv2, fd, part, n, offset, 0L, flags);
}

ssize_t pread(int fd, void *p, size_t n, off_t offset)
{
    struct iovec iov = {p, n};

    return read_any(fd, &iov, 1, offset, 0);
}

ssize_t preadv(int fd, const struct iovec *iov, int n, off_t offset)
{
    return read_any(fd, iov, n, offset, 0);
}

ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    return read_any(fd, iov, n, offset, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
    struct iovec iov = {p, n};

    return read_any(fd, &iov, 1, -1, 0);
}

ssize_t pread64(int, void *, size_t, off64_t) __attribute__((alias("pread")));
ssize_t preadv64(int, const struct iovec *, int, off64_t) __attribute__((alias("preadv")));
ssize_t preadv64v2(int, const struct iovec *, int, off64_t, int) __attribute__((alias("preadv2")));

ssize_t __pread_chk(int fd, void *p, size_t n, off_t offset, size_t size);
ssize_t __pread64_chk(int fd, void *p, size_t n, off_t offset, size_t size);
ssize_t __read_chk(int fd, void *p, size_t n, size_t size);

ssize_t __pread_chk(int fd, void *p, size_t n, off_t offset, size_t size)
{
    return n > size ? (abort(), -1) : pread(fd, p, n, offset);
}
ssize_t __pread64_chk(int fd, void *p, size_t n, off_t offset, size_t size)
{
    return n > size ? (abort(), -1) : pread(fd, p, n, offset);
}
ssize_t __read_chk(int fd, void *p, size_t n, size_t size)
{
    return n > size ? (abort(), -1) : read(fd, p, n);
}

/* ---- sending ---- */

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    struct msghdr part = *m;
    struct iovec iov[IOVS];
    struct verdict v;
    size_t bytes;

    if (descriptor(fd)->kind != KIND_SOCKET)
        return raw(SYS_sendmsg, fd, m, flags);
    v = judge(CALL_SEND, NULL);
    if (v.error)
        return -1;
    part.msg_iov = iov;
    part.msg_iovlen = (size_t)trim(m->msg_iov, m->msg_iovlen < IOVS ? (int)m->msg_iovlen : IOVS, v.limit, iov);
    bytes = total(iov, (int)part.msg_iovlen);
    record(RECORD_SEND, (uint64_t)fd, 0, (int64_t)bytes, 0, NULL, NULL, iov, (int)part.msg_iovlen,
           bytes < SENT_MAX ? bytes : SENT_MAX);
    return raw(SYS_sendmsg, fd, &part, flags);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t to_n)
{
    struct iovec iov = {(void *)p, n};
    struct msghdr m = {.msg_name = (void *)to, .msg_namelen = to_n, .msg_iov = &iov, .msg_iovlen = 1};

    return sendmsg(fd, &m, flags);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    return sendto(fd, p, n, flags, NULL, 0);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t n)
{
    struct verdict v = {0, SIZE_MAX};

    if (descriptor(to)->kind == KIND_SOCKET)
        v = judge(CALL_SEND, NULL);
    if (!v.error && is_data(from))
        v = judge(CALL_READ, fds[from].path);
    if (v.error)
        return -1;
    if (descriptor(to)->kind == KIND_SOCKET)
        record(RECORD_SEND, (uint64_t)to, 0, (int64_t)n, 0, NULL, NULL, NULL, 0, 0);
    return raw(SYS_sendfile, to, from, offset, n < v.limit ? n : v.limit);
}
ssize_t sendfile64(int, int, off64_t *, size_t) __attribute__((alias("sendfile")));
