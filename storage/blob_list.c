/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blobs there are, by the names in their folders: in the order of their ids, page by page, for those who look at
 * all of them now and then and can be interrupted anywhere; and every name at once, for a check.
 *
 * The two levels of folders are numbers, and an id begins with its folder's, so the order of ids is the order of
 * folders by number and of names within one. A folder has about BLOB_FOLDER_MAX names: it is read whole.
 * Threads: any; nothing is kept between calls.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "storage/blob_file_in.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct numbers {
    uint32_t *p;
    size_t n, cap;
};

typedef int foreign_f(void *arg, const char *path, const char *name, int dir_fd);

static int compare_numbers(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return a < b ? -1 : a > b;
}

static int compare_ids(const void *x, const void *y)
{
    return memcmp(x, y, sizeof(struct blob_id));
}

static bool is_own(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, BLOB_MARK_FILE) == 0 ||
           strcmp(name, BLOB_MARK_FILE_TEMP) == 0 || strcmp(name, BLOB_PROBE_FILE) == 0 ||
           strcmp(name, BLOB_HOLD_FILE) == 0;
}

/* NULL with *ret_rc BLOB_OK: it is not there any more. */
static DIR *folder_open(struct file_store *st, const char *path, int *ret_rc)
{
    int fd = st->io->open_beneath(st->root, path, DIR_FLAGS, 0);

    *ret_rc = fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? BLOB_OK : blob_rc_of_errno(errno);
    if (fd < 0)
        return NULL;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        *ret_rc = blob_rc_of_errno(errno);
        st->io->close(fd);
    }
    return dir;
}

/* The folders in `path` whose names are numbers up to max, in order; other names to `foreign` if given. */
static int folder_numbers(struct file_store *st, const char *path, uint32_t max, struct numbers *ret,
                          foreign_f *foreign, void *arg)
{
    int rc;
    DIR *dir = folder_open(st, path, &rc);
    struct dirent *e;

    ret->n = 0;
    if (dir == NULL)
        return rc;
    while (rc == BLOB_OK && (errno = 0, (e = readdir(dir)) != NULL)) {
        uint32_t number;
        bool folder = e->d_type == DT_DIR || e->d_type == DT_UNKNOWN;
        if (is_own(e->d_name))
            continue;
        if (!folder || !blob_number_parse(e->d_name, max, &number)) {
            rc = foreign != NULL ? foreign(arg, path, e->d_name, dirfd(dir)) : BLOB_OK;
            continue;
        }
        if (ret->n == ret->cap) {
            ret->cap = ret->cap == 0 ? 64 : 2 * ret->cap;
            ret->p = xrealloc(ret->p, ret->cap * sizeof(*ret->p));
        }
        ret->p[ret->n++] = number;
    }
    if (rc == BLOB_OK && errno != 0)
        rc = blob_rc_of_errno(errno);
    closedir(dir);
    if (ret->n > 0)
        qsort(ret->p, ret->n, sizeof(*ret->p), compare_numbers);
    return rc;
}

/* --- page by page --- */

struct page {
    const struct blob_id *after;
    struct blob_id *ids; /* of one folder */
    size_t n, cap;
};

static int folder_ids(struct file_store *st, uint32_t folder, struct page *p)
{
    char path[BLOB_PATH_BYTES];
    struct dirent *e;
    int rc;

    blob_folder_path(folder, path);
    p->n = 0;
    DIR *dir = folder_open(st, path, &rc);
    if (dir == NULL)
        return rc;
    while (errno = 0, (e = readdir(dir)) != NULL) {
        struct blob_id id;
        if (blob_name_parse(e->d_name, folder, &id) != BLOB_NAME_BLOB ||
            (p->after != NULL && compare_ids(&id, p->after) <= 0))
            continue;
        if (p->n == p->cap) {
            p->cap = p->cap == 0 ? 256 : 2 * p->cap;
            p->ids = xrealloc(p->ids, p->cap * sizeof(*p->ids));
        }
        p->ids[p->n++] = id;
    }
    rc = errno != 0 ? blob_rc_of_errno(errno) : BLOB_OK;
    closedir(dir);
    if (p->n > 0)
        qsort(p->ids, p->n, sizeof(*p->ids), compare_ids);
    return rc;
}

int blob_file_list(struct blob_store *base, const struct blob_id *after, size_t max, struct blob_id *ret, size_t *ret_n)
{
    struct file_store *st = (struct file_store *)base;
    struct numbers hi = {0}, lo = {0};
    struct page page = {.after = after};
    uint32_t from = after != NULL ? blob_id_folder(after) : 0;
    int rc = folder_numbers(st, ".", BLOB_HI_MAX, &hi, NULL, NULL);

    *ret_n = 0;
    for (size_t h = 0; rc == BLOB_OK && h < hi.n && *ret_n < max; h++) {
        char path[BLOB_PATH_BYTES];
        if (hi.p[h] < from / BLOB_FOLDERS_PER_HI)
            continue;
        snprintf(path, sizeof(path), "%u", (unsigned)hi.p[h]);
        rc = folder_numbers(st, path, BLOB_FOLDERS_PER_HI - 1, &lo, NULL, NULL);
        for (size_t l = 0; rc == BLOB_OK && l < lo.n && *ret_n < max; l++) {
            uint64_t folder = (uint64_t)hi.p[h] * BLOB_FOLDERS_PER_HI + lo.p[l];
            if (folder < from || folder > UINT32_MAX)
                continue;
            rc = folder_ids(st, (uint32_t)folder, &page);
            size_t n = page.n < max - *ret_n ? page.n : max - *ret_n;
            if (rc == BLOB_OK && n > 0) {
                memcpy(ret + *ret_n, page.ids, n * sizeof(*ret));
                *ret_n += n;
            }
        }
    }
    free(hi.p);
    free(lo.p);
    free(page.ids);
    return rc;
}

/* --- every name --- */

struct walk {
    struct file_store *st;
    int (*f)(void *arg, const struct blob_entry *);
    void *arg;
    uint32_t folder; /* or BLOB_FOLDER_NONE, where nothing is a blob */
};

static int walk_name(void *arg, const char *path, const char *name, int dir_fd)
{
    struct walk *w = arg;
    char whole[BLOB_PATH_BYTES + NAME_MAX + 2];
    struct blob_entry e = {.kind = BLOB_ENTRY_FOREIGN, .path = whole};
    struct stat sb;

    snprintf(whole, sizeof(whole), "%s%s%s", strcmp(path, ".") == 0 ? "" : path, strcmp(path, ".") == 0 ? "" : "/",
             name);
    if (w->folder != BLOB_FOLDER_NONE) {
        enum blob_name_kind kind = blob_name_parse(name, w->folder, &e.id);
        e.kind = kind == BLOB_NAME_BLOB   ? BLOB_ENTRY_BLOB
                 : kind == BLOB_NAME_TEMP ? BLOB_ENTRY_TEMP
                                          : BLOB_ENTRY_FOREIGN;
    }
    if (fstatat(dir_fd, name, &sb, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? BLOB_OK : blob_rc_of_errno(errno);
    e.bytes = S_ISREG(sb.st_mode) ? (uint64_t)sb.st_size : 0;
    return w->f(w->arg, &e);
}

static int walk_folder(struct walk *w, uint32_t folder)
{
    char path[BLOB_PATH_BYTES];
    struct dirent *e;
    int rc;

    blob_folder_path(folder, path);
    DIR *dir = folder_open(w->st, path, &rc);
    if (dir == NULL)
        return rc;
    w->folder = folder;
    while (rc == BLOB_OK && (errno = 0, (e = readdir(dir)) != NULL))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = walk_name(w, path, e->d_name, dirfd(dir));
    if (rc == BLOB_OK && errno != 0)
        rc = blob_rc_of_errno(errno);
    closedir(dir);
    w->folder = BLOB_FOLDER_NONE;
    return rc;
}

int blob_file_walk(struct blob_store *base, int (*f)(void *arg, const struct blob_entry *), void *arg)
{
    struct walk w = {.st = (struct file_store *)base, .f = f, .arg = arg, .folder = BLOB_FOLDER_NONE};
    struct numbers hi = {0}, lo = {0};
    int rc = folder_numbers(w.st, ".", BLOB_HI_MAX, &hi, walk_name, &w);

    for (size_t h = 0; rc == BLOB_OK && h < hi.n; h++) {
        char path[BLOB_PATH_BYTES];
        snprintf(path, sizeof(path), "%u", (unsigned)hi.p[h]);
        rc = folder_numbers(w.st, path, BLOB_FOLDERS_PER_HI - 1, &lo, walk_name, &w);
        for (size_t l = 0; rc == BLOB_OK && l < lo.n; l++)
            rc = walk_folder(&w, hi.p[h] * BLOB_FOLDERS_PER_HI + lo.p[l]);
    }
    free(hi.p);
    free(lo.p);
    return rc;
}
