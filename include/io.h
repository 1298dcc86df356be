/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that storage makes on its files, as a table of functions, so that tests can make any of them fail,
 * stop or be forgotten by a power cut. Each member behaves as its namesake: -1 and errno on failure.
 * Threads: the table is read-only after start.
 */
#ifndef PAIL_IO_H
#define PAIL_IO_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>

struct io {
    int (*openat)(int dirfd, const char *path, int flags, mode_t mode);
    /*
     * openat that follows no symbolic link in any component of the path and never leaves dirfd: what a stranger plants
     * in a folder of ours is not opened in its stead.
     */
    int (*open_beneath)(int dirfd, const char *path, int flags, mode_t mode);
    int (*close)(int fd);
    ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t offset);
    ssize_t (*pwritev)(int fd, const struct iovec *iov, int n, off_t offset);
    ssize_t (*pread)(int fd, void *p, size_t n, off_t offset);
    ssize_t (*preadv2)(int fd, const struct iovec *iov, int n, off_t offset, int flags);
    int (*fsync)(int fd);
    int (*fdatasync)(int fd);
    int (*linkat)(int olddir, const char *oldpath, int newdir, const char *newpath, int flags);
    int (*unlinkat)(int dirfd, const char *path, int flags);
    int (*mkdirat)(int dirfd, const char *path, mode_t mode);
    int (*fstat)(int fd, struct stat *);
    int (*renameat)(int olddir, const char *oldpath, int newdir, const char *newpath);
    int (*sync_file_range)(int fd, off_t offset, off_t n,
                           unsigned flags); /* to start writeback early; proves nothing */
    int (*fstatvfs)(int fd, struct statvfs *);
    int (*set_direct)(int fd, bool on); /* fcntl: O_DIRECT on or off; the file system may refuse it with EINVAL */
};

extern const struct io io_real; /* EINTR is retried inside, short counts are not */

#endif
