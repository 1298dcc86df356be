/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real system calls behind the io table. Nothing but EINTR is hidden: a short count is the caller's business, and a
 * failed fsync is never repeated here, since the kernel drops the error together with the pages.
 * Threads: any; no state.
 */
#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int real_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    int fd;

    do
        fd = openat(dirfd, path, flags, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Component by component: for kernels before 5.6 and sandboxes that do not know openat2. */
static int walk_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
    int dir = dirfd, fd = -1;

    for (;;) {
        char part[NAME_MAX + 1];
        size_t n = strcspn(path, "/");
        if (n == 0 || n >= sizeof(part) || (n == 2 && path[0] == '.' && path[1] == '.')) {
            errno = n >= sizeof(part) ? ENAMETOOLONG : EXDEV;
            break;
        }
        memcpy(part, path, n);
        part[n] = '\0';
        bool last = path[n] == '\0';
        fd = real_openat(dir, part, last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, mode);
        if (last || fd < 0)
            break;
        if (dir != dirfd)
            close(dir);
        dir = fd;
        fd = -1;
        path += n + 1;
    }
    if (dir != dirfd) {
        int saved = errno;
        close(dir);
        errno = saved;
    }
    return fd;
}

static int real_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (unsigned)flags,
                           .mode = (flags & O_CREAT) != 0 ? mode : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd;

    do
        fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
    while (fd < 0 && errno == EINTR);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return walk_beneath(dirfd, path, flags, mode);
    return fd;
}

/* Linux releases the descriptor before it waits, so a second close could hit somebody else's file. */
static int real_close(int fd)
{
    return close(fd) < 0 && errno != EINTR ? -1 : 0;
}

static ssize_t real_pwrite(int fd, const void *p, size_t n, off_t offset)
{
    ssize_t done;

    do
        done = pwrite(fd, p, n, offset);
    while (done < 0 && errno == EINTR);
    return done;
}

static ssize_t real_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    ssize_t done;

    do
        done = pwritev(fd, iov, n, offset);
    while (done < 0 && errno == EINTR);
    return done;
}

static ssize_t real_pread(int fd, void *p, size_t n, off_t offset)
{
    ssize_t done;

    do
        done = pread(fd, p, n, offset);
    while (done < 0 && errno == EINTR);
    return done;
}

static ssize_t real_preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    ssize_t done;

    do
        done = preadv2(fd, iov, n, offset, flags);
    while (done < 0 && errno == EINTR);
    return done;
}

static int real_fsync(int fd)
{
    int rc;

    do
        rc = fsync(fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

static int real_fdatasync(int fd)
{
    int rc;

    do
        rc = fdatasync(fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

static int real_sync_file_range(int fd, off_t offset, off_t n, unsigned flags)
{
    int rc;

    do
        rc = sync_file_range(fd, offset, n, flags);
    while (rc < 0 && errno == EINTR);
    return rc;
}

static int real_set_direct(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

const struct io io_real = {
    .openat = real_openat,
    .open_beneath = real_open_beneath,
    .close = real_close,
    .pwrite = real_pwrite,
    .pwritev = real_pwritev,
    .pread = real_pread,
    .preadv2 = real_preadv2,
    .fsync = real_fsync,
    .fdatasync = real_fdatasync,
    .linkat = linkat,
    .unlinkat = unlinkat,
    .mkdirat = mkdirat,
    .fstat = fstat,
    .renameat = renameat,
    .sync_file_range = real_sync_file_range,
    .fstatvfs = fstatvfs,
    .set_direct = real_set_direct,
};
