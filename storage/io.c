/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real system calls behind the io table. Nothing but EINTR is hidden: a short count is the caller's business, and a
 * failed fsync is never repeated here, since the kernel drops the error together with the pages.
 * Threads: any; no state.
 */
#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int real_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    int fd;

    do
        fd = openat(dirfd, path, flags, mode);
    while (fd < 0 && errno == EINTR);
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

const struct io io_real = {
    .openat = real_openat,
    .close = real_close,
    .pwrite = real_pwrite,
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
};
