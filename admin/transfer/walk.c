/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk through a folder tree. Idea: it visits files in the order that their keys have: in each folder the names of
 * subfolders count with their slash. Folders are opened one below the other without following links; links that are
 * followed when asked are resolved by the kernel, beneath the root, and never into a folder that is being visited.
 * Threads: the planner.
 */
#include "admin/transfer/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/transfer/folder.h"
#include "admin/transfer/report.h"

struct entry {
    char *name; /* a folder's ends with a slash, which is also how it sorts */
    size_t n;
};

struct level {
    int fd;
    size_t path_n; /* of the folder, with its slash */
    struct entry *entries;
    size_t n, i;
    dev_t device;
    ino_t inode;
};

struct walk {
    struct line *l;
    int root_fd;
    bool follow, quiet;
    struct level levels[FOLDER_DEPTH_MAX];
    size_t depth;
    char path[FOLDER_PATH_MAX + FOLDER_NAME_MAX + 2];
};

static int by_bytes(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return bytes_cmp(bytes_of(x->name, x->n), bytes_of(y->name, y->n));
}

static void skip(struct walk *w, size_t path_n, const char *name, const char *why)
{
    if (!w->quiet)
        report(w->l->t, PROBLEM_SKIPPED, arena_bytesf(w->l->arena, "%.*s%s", (int)path_n, w->path, name), "%s", why);
}

/* What an entry is: 'd', 'f' or 0 for what is left out (and said). */
static char kind_of(struct walk *w, const struct level *v, const char *name)
{
    struct stat st;
    if (fstatat(v->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            skip(w, v->path_n, name, strerror(errno));
        return 0;
    }
    if (S_ISLNK(st.st_mode) && w->follow) {
        char path[sizeof w->path + FOLDER_NAME_MAX];
        snprintf(path, sizeof path, "%.*s%s", (int)v->path_n, w->path, name);
        int fd = folder_open_beneath(w->root_fd, path, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) != 0) {
            skip(w, v->path_n, name, "a symbolic link that leads out of the folder or nowhere is not followed");
            st.st_mode = 0;
        }
        if (fd >= 0)
            close(fd);
        if (!st.st_mode)
            return 0;
    }
    if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? 'd' : 'f';
    skip(w, v->path_n, name,
         S_ISLNK(st.st_mode) ? "a symbolic link is not followed (--follow-symlinks does)" : "it is no ordinary file");
    return 0;
}

static void read_entries(struct walk *w, struct level *v, DIR *dir)
{
    size_t room = 0;
    for (struct dirent *d; (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || folder_is_temporary(bytes_str(d->d_name)))
            continue;
        char kind = d->d_type == DT_REG ? 'f' : d->d_type == DT_DIR ? 'd' : kind_of(w, v, d->d_name);
        if (!kind)
            continue;
        if (v->n == room)
            v->entries = xrealloc(v->entries, (room = room ? room * 2 : 64) * sizeof *v->entries);
        size_t n = strlen(d->d_name);
        char *name = xmalloc(n + 2);
        memcpy(name, d->d_name, n);
        if (kind == 'd')
            name[n++] = '/';
        name[n] = '\0';
        v->entries[v->n++] = (struct entry){name, n};
    }
    if (v->n)
        qsort(v->entries, v->n, sizeof *v->entries, by_bytes);
}

static bool inside_itself(const struct walk *w, const struct stat *st)
{
    for (size_t i = 0; i < w->depth; i++)
        if (w->levels[i].device == st->st_dev && w->levels[i].inode == st->st_ino)
            return true;
    return false;
}

/* Takes over fd. */
static bool descend(struct walk *w, int fd, size_t path_n)
{
    struct level *v = &w->levels[w->depth];
    struct stat st;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = fstat(fd, &st) == 0 && own >= 0 ? fdopendir(own) : NULL;
    if (!dir || inside_itself(w, &st)) {
        skip(w, path_n, "", dir ? "a symbolic link that leads into itself" : strerror(errno));
        if (dir)
            closedir(dir);
        else if (own >= 0)
            close(own);
        close(fd);
        return false;
    }
    rewinddir(dir);
    *v = (struct level){.fd = fd, .path_n = path_n, .device = st.st_dev, .inode = st.st_ino};
    w->depth++;
    read_entries(w, v, dir);
    closedir(dir);
    return true;
}

static void ascend(struct walk *w)
{
    struct level *v = &w->levels[--w->depth];
    for (size_t i = 0; i < v->n; i++)
        free(v->entries[i].name);
    free(v->entries);
    close(v->fd);
}

struct walk *walk_open(struct line *l, int root_fd, bool follow, bool quiet)
{
    struct walk *w = xcalloc(1, sizeof *w);
    w->l = l;
    w->root_fd = root_fd;
    w->follow = follow;
    w->quiet = quiet;
    int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        descend(w, fd, 0);
    return w;
}

void walk_close(struct walk *w)
{
    while (w && w->depth)
        ascend(w);
    free(w);
}

static void enter(struct walk *w, const struct level *v, const struct entry *e)
{
    size_t n = v->path_n + e->n;
    if (w->depth == FOLDER_DEPTH_MAX || n > FOLDER_PATH_MAX) {
        skip(w, n, "", "it lies too deep");
        return;
    }
    w->path[n] = '\0';
    int fd;
    if (w->follow)
        fd = folder_open_beneath(w->root_fd, w->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    else {
        char name[FOLDER_NAME_MAX + 1];
        memcpy(name, e->name, e->n - 1); /* with its slash a link would be followed */
        name[e->n - 1] = '\0';
        fd = openat(v->fd, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        skip(w, n, "", strerror(errno));
    else
        descend(w, fd, n);
}

int walk_next(struct walk *w, struct bytes *ret_key, uint64_t *ret_size, int64_t *ret_mtime_ns)
{
    struct stat st;
    arena_reset(w->l->arena);
    while (w->depth) {
        struct level *v = &w->levels[w->depth - 1];
        if (v->i == v->n) {
            ascend(w);
            continue;
        }
        const struct entry *e = &v->entries[v->i++];
        memcpy(w->path + v->path_n, e->name, e->n);
        if (e->name[e->n - 1] == '/') {
            enter(w, v, e);
            continue;
        }
        if (fstatat(v->fd, e->name, &st, w->follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue; /* it went meanwhile */
        *ret_key = bytes_of(w->path, v->path_n + e->n);
        *ret_size = (uint64_t)st.st_size;
        *ret_mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        return 1;
    }
    return 0;
}
