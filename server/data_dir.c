/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data folder's marker `pail.format`: one line, "pail data format N". It is written, synced and linked before
 * anything else is made, so a folder with data always has it; a folder without it must be empty to be taken.
 * The lock is flock on that file: it goes with the process, however it ends.
 */
#include "server/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER     "pail.format"
#define MARKER_NEW "pail.format.new"

static bool fail(char *error, const char *path, const char *why)
{
    snprintf(error, 512, "%.300s: %.200s", path, why);
    return false;
}

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static bool sync_parent(const char *path)
{
    char parent[4096];
    snprintf(parent, sizeof parent, "%s", path);
    size_t n = strlen(parent);
    while (n > 1 && parent[n - 1] == '/')
        parent[--n] = '\0';
    char *slash = strrchr(parent, '/');
    if (!slash)
        return sync_folder(".");
    slash[slash == parent] = '\0';
    return sync_folder(parent);
}

/* What a folder may hold and still count as empty: what a fresh file system or a crash while marking leaves. */
static bool is_empty(const char *path)
{
    DIR *d = opendir(path);
    bool empty = d != NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        bool harmless = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                        strcmp(e->d_name, "lost+found") == 0 || strcmp(e->d_name, MARKER_NEW) == 0;
        empty = empty && harmless;
    }
    if (d)
        closedir(d);
    return empty;
}

static bool write_marker(int dir)
{
    char text[64];
    int n = snprintf(text, sizeof text, "pail data format %d\n", DATA_FORMAT);
    int fd = openat(dir, MARKER_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    return good && renameat(dir, MARKER_NEW, dir, MARKER) == 0 && fsync(dir) == 0;
}

static bool check_marker(int fd, const char *path, char *error)
{
    char text[64] = {0};
    int format = 0;
    if (pread(fd, text, sizeof text - 1, 0) < 0 || sscanf(text, "pail data format %d", &format) != 1 || format < 1)
        return fail(error, path, "its pail.format is damaged; nothing was touched");
    if (format > DATA_FORMAT) {
        snprintf(error, 512,
                 "%.200s has data format %d, this pail reads up to %d: a newer pail wrote it; nothing was touched",
                 path, format, DATA_FORMAT);
        return false;
    }
    return true;
}

static bool lock_marker(int dir, const char *path, struct data_dir *ret, char *error)
{
    int fd = openat(dir, MARKER, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        if (!is_empty(path))
            return fail(error, path, "holds something else and is no Pail data folder; give an empty or a new one");
        if (!write_marker(dir))
            return fail(error, path, strerror(errno));
        fd = openat(dir, MARKER, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0)
        return fail(error, path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        fail(error, path, errno == EWOULDBLOCK ? "is in use by another pail process" : strerror(errno));
        close(fd);
        return false;
    }
    if (!check_marker(fd, path, error)) {
        close(fd);
        return false;
    }
    ret->lock_fd = fd;
    return true;
}

bool data_dir_open(const char *path, struct data_dir *ret, char error[512])
{
    bool fresh = mkdir(path, 0700) == 0;
    if (!fresh && errno != EEXIST)
        return fail(error, path, strerror(errno));
    if (fresh && !sync_parent(path))
        return fail(error, path, strerror(errno));
    if (!realpath(path, ret->path) || strlen(ret->path) > sizeof ret->path - 2)
        return fail(error, path, strerror(errno));
    snprintf(ret->index_path, sizeof ret->index_path, "%s/index", ret->path);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return fail(error, path, strerror(errno));
    bool good = lock_marker(dir, path, ret, error);
    close(dir);
    return good;
}

void data_dir_close(struct data_dir *d)
{
    if (d->lock_fd >= 0)
        close(d->lock_fd); /* the lock goes with it */
    d->lock_fd = -1;
}
