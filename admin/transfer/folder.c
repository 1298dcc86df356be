/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folder trees as a place. Idea: a key is a path below the root, walked name by name with O_NOFOLLOW from an open
 * folder, so neither a hostile key nor a link that somebody puts there meanwhile leads out of it; links that are
 * followed when asked are resolved by the kernel, beneath the root. Files appear by rename, whole. A walk visits files
 * in the order that their keys have: in each folder the names of subfolders count with their slash.
 * Threads: a walk belongs to the planner; the rest is any's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/transfer/transfer.h"
#include "base/check.h"
#include "checksum.h"

#define NAME_BYTES_MAX 255
#define PATH_BYTES_MAX 4000
#define DEPTH_MAX      256
#define TEMPORARY      ".pail-"
#define TEMPORARY_END  ".part"
#define DIRECT_ALIGN   4096u

/* ---- names ---- */

static bool is_temporary(struct bytes name)
{
    return bytes_starts(name, BYTES_LIT(TEMPORARY)) && bytes_ends(name, BYTES_LIT(TEMPORARY_END));
}

static const char *name_problem(struct bytes name)
{
    if (!name.n)
        return "it has an empty name between slashes, which no folder can hold";
    if (bytes_eq_str(name, ".") || bytes_eq_str(name, ".."))
        return "it has . or .. as a name, which is never followed";
    if (name.n > NAME_BYTES_MAX)
        return "it has a name of more than 255 bytes";
    return is_temporary(name) ? "it looks like a file of an unfinished export" : NULL;
}

const char *folder_key_problem(struct bytes key)
{
    size_t depth = 0;
    if (!key.n)
        return "it is empty";
    if (memchr(key.p, '\0', key.n))
        return "it has a NUL byte";
    if (key.p[0] == '/')
        return "it begins with a slash: an absolute path is never followed";
    if (key.n > PATH_BYTES_MAX)
        return "it is too long for a path";
    struct bytes rest = key;
    if (rest.p[rest.n - 1] == '/')
        rest.n--; /* a folder's own entry */
    for (size_t at = 0; at <= rest.n; depth++) {
        ptrdiff_t slash = bytes_find_char(rest, '/', at);
        struct bytes name = bytes_cut(rest, at, (slash < 0 ? rest.n : (size_t)slash) - at);
        const char *why = name_problem(name);
        if (why)
            return why;
        at += name.n + 1;
    }
    return depth > DEPTH_MAX ? "it has too many folders in it" : NULL;
}

/* One step down; `made`: the folder is made where it is missing. */
static int step_down(int fd, const char *name, bool make)
{
    int next = openat(fd, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RDONLY);
    if (next < 0 && errno == ENOENT && make && (mkdirat(fd, name, 0777) == 0 || errno == EEXIST))
        next = openat(fd, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RDONLY);
    return next;
}

int folder_open_parent(int root_fd, struct bytes key, bool make, struct bytes *ret_name)
{
    char name[NAME_BYTES_MAX + 1];
    int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    *ret_name = BYTES_LIT("");
    for (size_t at = 0; fd >= 0;) {
        ptrdiff_t slash = bytes_find_char(key, '/', at);
        if (slash < 0) {
            *ret_name = bytes_cut(key, at, key.n);
            return fd;
        }
        size_t n = (size_t)slash - at;
        CHECK(n <= NAME_BYTES_MAX); /* folder_key_problem was asked */
        memcpy(name, key.p + at, n);
        name[n] = '\0';
        int next = step_down(fd, name, make), saved = errno;
        close(fd);
        errno = saved;
        fd = next;
        at = (size_t)slash + 1;
    }
    return -1;
}

static int open_beneath(int root_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

int folder_open_file(int root_fd, struct bytes key, bool follow_links)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK; /* a pipe does not hold us up */
    struct bytes name;
    char last[NAME_BYTES_MAX + 1], path[PATH_BYTES_MAX + 1];
    struct stat st;
    int fd;
    if (folder_key_problem(key)) {
        errno = EINVAL;
        return -1;
    }
    if (follow_links) {
        memcpy(path, key.p, key.n);
        path[key.n] = '\0';
        fd = open_beneath(root_fd, path, flags);
    } else {
        int parent = folder_open_parent(root_fd, key, false, &name);
        if (parent < 0)
            return -1;
        memcpy(last, name.p, name.n);
        last[name.n] = '\0';
        fd = openat(parent, last, flags | O_NOFOLLOW);
        int saved = errno;
        close(parent);
        errno = saved;
    }
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

/* ---- files that appear whole ---- */

bool folder_file_begin(struct folder_file *f, int root_fd, struct bytes key, uint64_t size, char error[256])
{
    unsigned char digest[32];
    struct bytes name;
    *f = (struct folder_file){.parent_fd = folder_open_parent(root_fd, key, true, &name), .fd = -1, .direct_fd = -1};
    if (f->parent_fd < 0) {
        snprintf(error, 256, "its folder: %s",
                 errno == ELOOP || errno == ENOTDIR ? "something else is in its place" : strerror(errno));
        return false;
    }
    memcpy(f->name, name.p, name.n);
    f->name[name.n] = '\0';
    /* The same name each time: what a killed run left is written over, not left beside. */
    memcpy(f->temporary, TEMPORARY, sizeof TEMPORARY - 1);
    sha256_of(name.p, name.n, digest);
    hex_encode(digest, 12, f->temporary + sizeof TEMPORARY - 1);
    memcpy(f->temporary + sizeof TEMPORARY - 1 + 24, TEMPORARY_END, sizeof TEMPORARY_END);
    unlinkat(f->parent_fd, f->temporary, 0);
    f->fd = openat(f->parent_fd, f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (f->fd >= 0 && size && posix_fallocate(f->fd, 0, (off_t)size) == ENOSPC) {
        errno = ENOSPC;
        folder_file_drop(f);
    } else if (f->fd >= 0)
        return true;
    snprintf(error, 256, "%s", strerror(errno));
    folder_file_drop(f);
    return false;
}

static void close_direct(struct folder_file *f)
{
    if (f->direct_fd >= 0)
        close(f->direct_fd);
    f->direct_fd = -1;
}

void folder_file_direct(struct folder_file *f)
{
    struct stat made, found;
    f->direct_fd = openat(f->parent_fd, f->temporary, O_WRONLY | O_DIRECT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    /* The folder may be another user's, who could put something else under this name. */
    if (f->direct_fd >= 0 && (fstat(f->fd, &made) != 0 || fstat(f->direct_fd, &found) != 0 ||
                              made.st_dev != found.st_dev || made.st_ino != found.st_ino))
        close_direct(f);
}

/* How much of it can go that way: all but the end, when it lies on pages here and there. */
static uint64_t direct_bytes(const struct folder_file *f, const char *p, uint64_t n, uint64_t at)
{
    return f->direct_fd >= 0 && (uintptr_t)p % DIRECT_ALIGN == 0 && at % DIRECT_ALIGN == 0 ? n - n % DIRECT_ALIGN : 0;
}

bool folder_file_write(struct folder_file *f, const char *p, uint64_t n, uint64_t at, char error[256])
{
    bool refused = false;
    while (n) {
        uint64_t some = refused ? 0 : direct_bytes(f, p, n, at);
        ssize_t put = pwrite(some ? f->direct_fd : f->fd, p, some ? some : n, (off_t)at);
        if (put < 0 && errno == EINVAL && some) {
            refused = true;
            continue;
        }
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            snprintf(error, 256, "%s", strerror(put < 0 ? errno : EIO));
            return false;
        }
        p += put;
        n -= (uint64_t)put;
        at += (uint64_t)put;
    }
    return true;
}

/* A link in the way is replaced. File systems that do not know the condition get a plain rename. */
static int put_in_place(struct folder_file *f, bool is_new)
{
    struct stat st;
    if (is_new) {
        if (renameat2(f->parent_fd, f->temporary, f->parent_fd, f->name, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno == EEXIST && fstatat(f->parent_fd, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode)) {
            errno = S_ISDIR(st.st_mode) ? EISDIR : EEXIST;
            return -1;
        }
        if (errno != EEXIST && errno != EINVAL && errno != ENOSYS)
            return -1;
    }
    return renameat(f->parent_fd, f->temporary, f->parent_fd, f->name);
}

bool folder_file_end(struct folder_file *f, int64_t mtime_ns, bool is_new, char error[256])
{
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
                                {.tv_sec = mtime_ns / 1000000000, .tv_nsec = mtime_ns % 1000000000}};
    if (futimens(f->fd, times) != 0 || fdatasync(f->fd) != 0 || put_in_place(f, is_new) != 0) {
        snprintf(error, 256, "%s",
                 errno == EISDIR   ? "a folder is in its place"
                 : errno == EEXIST ? "a file of this name was not there before, or the folder does not tell upper from "
                                     "lower case"
                                   : strerror(errno));
        folder_file_drop(f);
        return false;
    }
    close_direct(f);
    close(f->fd);
    close(f->parent_fd);
    *f = (struct folder_file){.parent_fd = -1, .fd = -1, .direct_fd = -1};
    return true;
}

void folder_file_drop(struct folder_file *f)
{
    int saved = errno;
    close_direct(f);
    if (f->fd >= 0) {
        unlinkat(f->parent_fd, f->temporary, 0);
        close(f->fd);
    }
    if (f->parent_fd >= 0)
        close(f->parent_fd);
    *f = (struct folder_file){.parent_fd = -1, .fd = -1, .direct_fd = -1};
    errno = saved;
}

/* ---- walking ---- */

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
    struct level levels[DEPTH_MAX];
    size_t depth;
    char path[PATH_BYTES_MAX + NAME_BYTES_MAX + 2];
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
        char path[sizeof w->path + NAME_BYTES_MAX];
        snprintf(path, sizeof path, "%.*s%s", (int)v->path_n, w->path, name);
        int fd = open_beneath(w->root_fd, path, O_PATH | O_CLOEXEC);
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
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || is_temporary(bytes_str(d->d_name)))
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
    if (w->depth == DEPTH_MAX || n > PATH_BYTES_MAX) {
        skip(w, n, "", "it lies too deep");
        return;
    }
    w->path[n] = '\0';
    int fd;
    if (w->follow)
        fd = open_beneath(w->root_fd, w->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    else {
        char name[NAME_BYTES_MAX + 1];
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

/* ---- types ---- */

const char *folder_type_of(struct bytes key)
{
    static const char *const types[][2] = {
        {"html", "text/html"},
        {"htm", "text/html"},
        {"css", "text/css"},
        {"js", "text/javascript"},
        {"mjs", "text/javascript"},
        {"json", "application/json"},
        {"txt", "text/plain"},
        {"md", "text/markdown"},
        {"csv", "text/csv"},
        {"xml", "application/xml"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"webp", "image/webp"},
        {"avif", "image/avif"},
        {"ico", "image/vnd.microsoft.icon"},
        {"bmp", "image/bmp"},
        {"tif", "image/tiff"},
        {"tiff", "image/tiff"},
        {"heic", "image/heic"},
        {"pdf", "application/pdf"},
        {"zip", "application/zip"},
        {"gz", "application/gzip"},
        {"tar", "application/x-tar"},
        {"zst", "application/zstd"},
        {"7z", "application/x-7z-compressed"},
        {"mp3", "audio/mpeg"},
        {"wav", "audio/wav"},
        {"ogg", "audio/ogg"},
        {"flac", "audio/flac"},
        {"m4a", "audio/mp4"},
        {"mp4", "video/mp4"},
        {"webm", "video/webm"},
        {"mov", "video/quicktime"},
        {"mkv", "video/x-matroska"},
        {"avi", "video/x-msvideo"},
        {"woff", "font/woff"},
        {"woff2", "font/woff2"},
        {"ttf", "font/ttf"},
        {"otf", "font/otf"},
        {"wasm", "application/wasm"},
        {"yaml", "application/yaml"},
        {"yml", "application/yaml"},
        {"doc", "application/msword"},
        {"xls", "application/vnd.ms-excel"},
        {"ppt", "application/vnd.ms-powerpoint"},
        {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
        {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
        {"odt", "application/vnd.oasis.opendocument.text"},
        {"parquet", "application/vnd.apache.parquet"},
    };
    size_t dot = key.n;
    while (dot && key.p[dot - 1] != '.' && key.p[dot - 1] != '/')
        dot--;
    for (size_t i = 0; dot && key.p[dot - 1] == '.' && i < ARRAY_LEN(types); i++)
        if (bytes_eq_str_nocase(bytes_cut(key, dot, key.n), types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}
