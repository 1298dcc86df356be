/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data folder's marker `pail.format`: one line, "pail data format N". It is written, synced and linked before
 * anything else is made, so a folder with data always has it; a folder without it must be empty to be taken.
 * `pail.tiers` has a line "CLASS ID used" for each tier; that tier's folder has `pail.tier`, "pail tier CLASS ID".
 * The lock is flock on that file: it goes with the process, however it ends.
 */
#include "data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/rand.h"

#define MARKER     "pail.format"
#define MARKER_NEW "pail.format.new"
#define TIERS      "pail.tiers"
#define TIERS_NEW  "pail.tiers.new"
#define TIER       "pail.tier"
#define TIER_NEW   "pail.tier.new"
#define TIER_TEXT  1024 /* bytes of these files */

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
                        strcmp(e->d_name, "lost+found") == 0 || strcmp(e->d_name, MARKER_NEW) == 0 ||
                        strcmp(e->d_name, TIER_NEW) == 0;
        empty = empty && harmless;
    }
    if (d)
        closedir(d);
    return empty;
}

/* Durably, whole or not at all. */
static bool write_file(int dir, const char *temporary, const char *name, const char *text)
{
    ssize_t n = (ssize_t)strlen(text);
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    return good && renameat(dir, temporary, dir, name) == 0 && fsync(dir) == 0;
}

static bool write_marker(int dir)
{
    char text[64];
    snprintf(text, sizeof text, "pail data format %d\n", DATA_FORMAT);
    return write_file(dir, MARKER_NEW, MARKER, text);
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

/* ---- tiers ---- */

static bool read_file(int dir, const char *name, char text[TIER_TEXT])
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    memset(text, 0, TIER_TEXT);
    ssize_t n = fd >= 0 ? read(fd, text, TIER_TEXT - 1) : -1;
    if (fd >= 0)
        close(fd);
    return n >= 0;
}

struct tier_line {
    char name[64], id[33], state[8];
};

/* The next line of pail.tiers; false at the end, or at one that is none of ours. */
static bool next_line(const char **at, struct tier_line *ret)
{
    *ret = (struct tier_line){0};
    char line[160];
    size_t n = strcspn(*at, "\n");
    if (n == 0 || n >= sizeof line)
        return false;
    memcpy(line, *at, n);
    line[n] = '\0';
    *at += n + ((*at)[n] == '\n');
    return sscanf(line, "%63s %32s %7s", ret->name, ret->id, ret->state) >= 2;
}

static bool find_line(const char *tiers, const char *storage_class, struct tier_line *ret)
{
    for (const char *at = tiers; next_line(&at, ret);)
        if (strcmp(ret->name, storage_class) == 0)
            return true;
    *ret = (struct tier_line){0};
    return false;
}

static bool all_given(const struct data_dir *d, const char *tiers, const struct config_tier *t, size_t n, char *error)
{
    struct tier_line line;
    for (const char *at = tiers; next_line(&at, &line);) {
        bool given = strcmp(line.state, "new") == 0; /* nothing was ever put there */
        for (size_t i = 0; i < n; i++)
            given = given || strcmp(line.name, t[i].storage_class) == 0;
        if (!given) {
            snprintf(error, 512, "%.200s: data of storage class %s lies in another folder; give --tier %s=DIR again",
                     d->path, line.name, line.name);
            return false;
        }
    }
    return true;
}

/* Writes pail.tiers with this line in the place of the class's. */
static bool put_line(int data, const char *tiers, const struct tier_line *put)
{
    struct tier_line line;
    char text[TIER_TEXT];
    size_t n = 0;
    for (const char *at = tiers; next_line(&at, &line);)
        if (strcmp(line.name, put->name) != 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s %s %s\n", line.name, line.id, line.state);
    snprintf(text + n, sizeof text - n, "%s %s %s\n", put->name, put->id, put->state);
    return write_file(data, TIERS_NEW, TIERS, text);
}

/*
 * A new tier: noted as "new", its folder marked, noted as in use. So a crash leaves nothing that a later start does not
 * understand, and a folder without its mark is only ever taken for a new one while nothing can be in it.
 */
static bool make_tier(int data, int dir, const char *tiers, const struct config_tier *t, struct tier_line *line,
                      char *error)
{
    char text[TIER_TEXT];
    if (!*line->id) {
        unsigned char raw[16];
        rand_bytes(raw, sizeof raw);
        hex_encode(raw, sizeof raw, line->id);
        snprintf(line->name, sizeof line->name, "%s", t->storage_class);
    }
    snprintf(line->state, sizeof line->state, "new");
    snprintf(text, sizeof text, "pail tier %s %s\n", t->storage_class, line->id);
    bool good = put_line(data, tiers, line) && write_file(dir, TIER_NEW, TIER, text);
    snprintf(line->state, sizeof line->state, "used");
    return (good && put_line(data, tiers, line)) || fail(error, t->path, strerror(errno));
}

static bool open_tier(int data, const struct config_tier *t, char *error)
{
    char tiers[TIER_TEXT], text[TIER_TEXT], name[64] = "", id[33] = "";
    struct tier_line line;
    bool fresh = mkdir(t->path, 0700) == 0;
    if ((!fresh && errno != EEXIST) || (fresh && !sync_parent(t->path)))
        return fail(error, t->path, strerror(errno));
    int dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return fail(error, t->path, strerror(errno));
    read_file(data, TIERS, tiers);
    bool known = find_line(tiers, t->storage_class, &line), used = known && strcmp(line.state, "used") == 0;
    bool marked = read_file(dir, TIER, text) && sscanf(text, "pail tier %63s %32s", name, id) == 2;
    bool ours = marked && known && strcmp(name, t->storage_class) == 0 && strcmp(id, line.id) == 0;
    bool good = true;
    if (used && !ours)
        good = fail(error, t->path, "is not the folder that this data's tier lies in (is the disk mounted?)");
    else if (marked && !ours)
        good = fail(error, t->path, "is a tier of other data");
    else if (!marked && !is_empty(t->path))
        good = fail(error, t->path, "holds something else and cannot become a tier; give an empty or a new folder");
    else if (!used)
        good = make_tier(data, dir, tiers, t, &line, error);
    close(dir);
    return good;
}

bool data_dir_open_tiers(const struct data_dir *d, const struct config_tier *t, size_t n, char error[512])
{
    char tiers[TIER_TEXT];
    int data = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return fail(error, d->path, strerror(errno));
    errno = 0;
    bool good = read_file(data, TIERS, tiers) || errno == ENOENT || fail(error, d->path, strerror(errno));
    good = good && all_given(d, tiers, t, n, error);
    for (size_t i = 0; good && i < n; i++)
        good = open_tier(data, &t[i], error);
    close(data);
    return good;
}

void data_dir_close(struct data_dir *d)
{
    if (d->lock_fd >= 0)
        close(d->lock_fd); /* the lock goes with it */
    d->lock_fd = -1;
}
