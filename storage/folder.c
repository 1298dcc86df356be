/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data folders and backups from outside: where their blobs lie, and the small files that mark them. A backup has the
 * layout of a data folder with its tiers inside and another mark, so whatever reads one reads the other, and no server
 * takes it for its own. Threads: any, no state.
 */
#include "storage/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob_file.h"
#include "blob_tiers.h"

#define SMALL_FILE 4096

int folder_fail(char error[MAINTENANCE_ERROR], const char *path, const char *why)
{
    snprintf(error, MAINTENANCE_ERROR, "%.280s: %.200s", path, why);
    return -1;
}

bool folder_join(char out[FOLDER_PATH], const char *folder, const char *name)
{
    int n = snprintf(out, FOLDER_PATH, "%s/%s", folder, name);
    return n > 0 && n < FOLDER_PATH;
}

bool folder_has(const char *folder, const char *name)
{
    char path[FOLDER_PATH];
    struct stat st;
    return folder_join(path, folder, name) && stat(path, &st) == 0;
}

bool folder_is_empty(const char *path)
{
    DIR *dir = opendir(path);
    bool empty = dir != NULL;
    for (struct dirent *e; empty && (e = readdir(dir));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "lost+found") == 0;
    if (dir)
        closedir(dir);
    return empty;
}

int folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

int folder_read(const char *folder, const char *name, char *text, size_t cap)
{
    char path[FOLDER_PATH];
    size_t done = 0;
    text[0] = '\0';
    if (!folder_join(path, folder, name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    ssize_t n = 0;
    while (done < cap && (n = read(fd, text + done, cap - done)) > 0)
        done += (size_t)n;
    int rc = n < 0 ? errno : done == cap ? EFBIG : 0;
    close(fd);
    text[rc == 0 ? done : 0] = '\0';
    errno = rc;
    return rc == 0 ? (int)done : -1;
}

int folder_write(const char *folder, const char *name, const char *text)
{
    char fresh[FOLDER_PATH], path[FOLDER_PATH];
    size_t n = strlen(text);
    if (!folder_join(path, folder, name) || snprintf(fresh, sizeof fresh, "%s/%s.new", folder, name) >= FOLDER_PATH)
        return ENAMETOOLONG;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    int rc = write(fd, text, n) == (ssize_t)n && fsync(fd) == 0 ? 0 : errno ? errno : EIO;
    if (close(fd) != 0 && rc == 0)
        rc = errno;
    if (rc == 0 && rename(fresh, path) != 0)
        rc = errno;
    return rc == 0 ? folder_sync(folder) : rc;
}

/* ---- places ---- */

static int add_place(struct folder_places *ret, unsigned tier, const char *path, char *error)
{
    struct folder_place *p = &ret->p[ret->n];
    if (strlen(path) >= sizeof p->path - 64)
        return folder_fail(error, path, "the path is too long");
    snprintf(p->path, sizeof p->path, "%s", path);
    p->tier = tier;
    ret->n++;
    return 0;
}

static int add_tier(const struct maintenance_folder *f, const char *name, bool backup, struct folder_places *ret,
                    char *error)
{
    char inside[FOLDER_PATH], text[SMALL_FILE], why[200];
    unsigned tier = blob_tier_number(bytes_str(name));
    if (tier == 0)
        return folder_fail(error, f->path, "its " FOLDER_TIERS " names a storage class that is none");
    snprintf(inside, sizeof inside, "%.3900s/tiers/%s", f->path, name);
    if (backup)
        return folder_has(inside, "blobs") ? add_place(ret, tier, inside, error) : 0;
    for (size_t i = 0; i < f->n_tiers; i++) {
        if (strcmp(f->tiers[i].storage_class, name) != 0)
            continue;
        if (folder_read(f->tiers[i].path, FOLDER_TIER, text, sizeof text) <= 0)
            return folder_fail(error, f->tiers[i].path, "is not the folder of that tier (is the disk mounted?)");
        return add_place(ret, tier, f->tiers[i].path, error);
    }
    snprintf(why, sizeof why, "data of storage class %s lies in another folder; give --tier %s=DIR", name, name);
    return folder_fail(error, f->path, why);
}

int folder_find_places(const struct maintenance_folder *f, struct folder_places *ret, char error[MAINTENANCE_ERROR])
{
    char text[SMALL_FILE];
    bool backup = !folder_has(f->path, FOLDER_MARK) && folder_has(f->path, FOLDER_BACKUP);
    ret->n = 0;
    if (!backup && !folder_has(f->path, FOLDER_MARK) && !folder_has(f->path, FOLDER_RESTORE))
        return folder_fail(error, f->path, folder_has(f->path, ".") ? "is no Pail data folder" : strerror(ENOENT));
    if (add_place(ret, 0, f->path, error) != 0)
        return -1;
    int n = folder_read(f->path, FOLDER_TIERS, text, sizeof text);
    if (n <= 0) /* not to be read is not to be without */
        return n == 0 ? 0 : folder_fail(error, f->path, strerror(errno));
    for (char *line = text; line;) {
        char *end = strchr(line, '\n'), name[64], id[64], state[16] = "";
        if (end)
            *end++ = '\0';
        if (sscanf(line, "%63s %63s %15s", name, id, state) >= 2 && strcmp(state, "new") != 0 &&
            ret->n < FOLDER_PLACES && add_tier(f, name, backup, ret, error) != 0)
            return -1;
        line = end;
    }
    return 0;
}

int folder_open_blobs(const struct folder_places *places, struct check_place *ret_places, struct blob_store **ret,
                      char error[MAINTENANCE_ERROR])
{
    struct blob_tier tiers[MAINTENANCE_TIERS_MAX];
    size_t n = 0;
    for (; n < places->n; n++) {
        const struct folder_place *p = &places->p[n];
        struct blob_file_options options = {.folder = p->path, .read_only = true};
        ret_places[n] = (struct check_place){.tier = p->tier, .path = p->path};
        int rc = blob_file_open(&options, &ret_places[n].files);
        if (rc != BLOB_OK) {
            snprintf(error, MAINTENANCE_ERROR, "the blobs below %.300s cannot be opened: %s", p->path,
                     blob_rc_name(rc));
            break;
        }
        if (n > 0)
            tiers[n - 1] = (struct blob_tier){.name = blob_tier_name(p->tier), .store = ret_places[n].files};
    }
    if (n == places->n) {
        *ret = n > 1 ? blob_tiers_open(ret_places[0].files, tiers, n - 1) : ret_places[0].files;
        return 0;
    }
    while (n-- > 0)
        ret_places[n].files->ops->close(&ret_places[n].files);
    return -1;
}
