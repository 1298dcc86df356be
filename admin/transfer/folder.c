/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folder trees as a place. Idea: a key is a path below the root, walked name by name with O_NOFOLLOW from an open
 * folder, so neither a hostile key nor a link that somebody puts there meanwhile leads out of it; links that are
 * followed when asked are resolved by the kernel, beneath the root. Files appear by rename, whole.
 * Threads: any; what is being written belongs to one.
 */
#include "admin/transfer/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "checksum.h"

#define TEMPORARY     ".pail-"
#define TEMPORARY_END ".part"
#define DIRECT_ALIGN  4096u

/* ---- names ---- */

bool folder_is_temporary(struct bytes name)
{
    return bytes_starts(name, BYTES_LIT(TEMPORARY)) && bytes_ends(name, BYTES_LIT(TEMPORARY_END));
}

static const char *name_problem(struct bytes name)
{
    if (!name.n)
        return "it has an empty name between slashes, which no folder can hold";
    if (bytes_eq_str(name, ".") || bytes_eq_str(name, ".."))
        return "it has . or .. as a name, which is never followed";
    if (name.n > FOLDER_NAME_MAX)
        return "it has a name of more than 255 bytes";
    return folder_is_temporary(name) ? "it looks like a file of an unfinished export" : NULL;
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
    if (key.n > FOLDER_PATH_MAX)
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
    return depth > FOLDER_DEPTH_MAX ? "it has too many folders in it" : NULL;
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
    char name[FOLDER_NAME_MAX + 1];
    int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    *ret_name = BYTES_LIT("");
    for (size_t at = 0; fd >= 0;) {
        ptrdiff_t slash = bytes_find_char(key, '/', at);
        if (slash < 0) {
            *ret_name = bytes_cut(key, at, key.n);
            return fd;
        }
        size_t n = (size_t)slash - at;
        CHECK(n <= FOLDER_NAME_MAX); /* folder_key_problem was asked */
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

int folder_open_beneath(int root_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

int folder_open_file(int root_fd, struct bytes key, bool follow_links)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK; /* a pipe does not hold us up */
    struct bytes name;
    char last[FOLDER_NAME_MAX + 1], path[FOLDER_PATH_MAX + 1];
    struct stat st;
    int fd;
    if (folder_key_problem(key)) {
        errno = EINVAL;
        return -1;
    }
    if (follow_links) {
        memcpy(path, key.p, key.n);
        path[key.n] = '\0';
        fd = folder_open_beneath(root_fd, path, flags);
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
