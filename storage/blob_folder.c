/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of blobs: numbered, each used by one run of the process only, the newest shared by all writers.
 *
 * A folder's name is on disk before the first blob is put into it (both parents synced), so a new blob needs a sync of
 * its own folder only; and one sync serves everybody whose link was there when it began.
 *
 * Orphans without walking all blobs: every finished blob is unsettled until the store says that the index refers to it
 * (or that it was removed). The ids of these are kept in memory, folder by folder. The mark, a small file, holds the
 * lowest folder that may have unsettled blobs; it moves up only when everything below is settled, and removals there
 * are on disk. A restart looks from the mark to the last folder of the former run: after a crash these are the active
 * folder and the few in which something was open. The mark may be lower than it could be, never higher.
 *
 * A folder whose fsync failed is done with: the kernel reports an error once and may have dropped the pages, so a
 * second fsync that succeeds would prove nothing. Nothing more is finished there, and nobody is told in this run that
 * a removal there is durable.
 *
 * Threads: any. `lock` is never held across a system call that may wait; `mark_lock` is, and only advance takes it.
 */
#include "storage/blob_file_in.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/check.h"
#include "base/log.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int blob_rc_of_errno(int err)
{
    switch (err) {
    case ENOSPC:
    case EDQUOT:
        return BLOB_FULL;
    case EMFILE:
    case ENFILE:
        return BLOB_BUSY;
    default:
        return BLOB_IO;
    }
}

int blob_sync_dir(const struct io *io, int dirfd, const char *path)
{
    int fd = io->open_beneath(dirfd, path, DIR_FLAGS, 0);
    int rc, err;

    if (fd < 0)
        return -1;
    rc = io->fsync(fd);
    err = errno;
    if (io->close(fd) < 0 && rc == 0)
        return -1;
    errno = err;
    return rc;
}

void blob_note_foreign(_Atomic uint64_t *counter, const char *folder, const char *name)
{
    if (atomic_fetch_add(counter, 1) < BLOB_FOREIGN_LOG_MAX)
        log_warn("blob", "ignoring the foreign name \"%s\" in blobs/%s", name, folder);
}

/* --- finding out where we are ---------------------------------------------------------------------------------------
 */

static bool name_is_own(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, BLOB_MARK_FILE) == 0 ||
           strcmp(name, BLOB_MARK_FILE_TEMP) == 0 || strcmp(name, BLOB_PROBE_FILE) == 0 ||
           strcmp(name, BLOB_HOLD_FILE) == 0;
}

/* The highest number (at most max) that names a folder in `path`; -1 when there is none, -2 on failure. */
static int64_t highest_number(struct blob_folders *fs, const char *path, uint32_t max)
{
    int fd = fs->io->open_beneath(fs->root, path, DIR_FLAGS, 0);
    int64_t highest = -1;
    struct dirent *e;

    if (fd < 0)
        return -2;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        fs->io->close(fd);
        return -2;
    }
    while (errno = 0, (e = readdir(dir)) != NULL) {
        uint32_t number;
        bool folder = e->d_type == DT_DIR || e->d_type == DT_UNKNOWN;
        if (name_is_own(e->d_name))
            continue;
        if (!folder || !blob_number_parse(e->d_name, max, &number))
            blob_note_foreign(fs->foreign, path, e->d_name);
        else if (number > highest)
            highest = number;
    }
    if (errno != 0)
        highest = -2;
    closedir(dir);
    return highest;
}

static int find_next_number(struct blob_folders *fs)
{
    int64_t hi = highest_number(fs, ".", BLOB_HI_MAX), lo = -1;
    char path[BLOB_PATH_BYTES];

    if (hi >= 0) {
        snprintf(path, sizeof(path), "%u", (unsigned)hi);
        lo = highest_number(fs, path, BLOB_FOLDERS_PER_HI - 1);
    }
    if (hi == -2 || lo == -2)
        return blob_rc_of_errno(errno);
    uint64_t next = hi < 0 ? 0 : (uint64_t)hi * BLOB_FOLDERS_PER_HI + (uint64_t)(lo + 1);
    if (next >= BLOB_FOLDER_NONE)
        return BLOB_FULL;
    fs->next = (uint32_t)next;
    return BLOB_OK;
}

/* BLOB_NOT_FOUND when there is no mark. */
static int mark_read(struct blob_folders *fs, uint32_t *ret)
{
    unsigned char in[BLOB_MARK_BYTES + 1];
    int fd = fs->io->open_beneath(fs->root, BLOB_MARK_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
    bool newer;

    if (fd < 0)
        return errno == ENOENT ? BLOB_NOT_FOUND : blob_rc_of_errno(errno);
    ssize_t n = fs->io->pread(fd, in, sizeof(in), 0);
    int err = errno;
    fs->io->close(fd);
    if (n < 0)
        return blob_rc_of_errno(err);
    if (blob_mark_decode(in, (size_t)n, ret, &newer) == BLOB_OK)
        return BLOB_OK;
    if (newer) {
        log_error("blob", "the blobs were written by a newer version, which this one must not touch");
        return BLOB_CORRUPT;
    }
    log_warn("blob", "the file blobs/" BLOB_MARK_FILE " is damaged: some orphans may stay");
    return BLOB_NOT_FOUND;
}

static int mark_write(struct blob_folders *fs, uint32_t from)
{
    const struct io *io = fs->io;
    unsigned char out[BLOB_MARK_BYTES];

    blob_mark_encode(from, out);
    if (io->unlinkat(fs->root, BLOB_MARK_FILE_TEMP, 0) < 0 && errno != ENOENT)
        return -1;
    int fd = io->openat(fs->root, BLOB_MARK_FILE_TEMP, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool ok = io->pwrite(fd, out, sizeof(out), 0) == (ssize_t)sizeof(out) && io->fsync(fd) == 0;
    ok = io->close(fd) == 0 && ok;
    if (!ok || io->renameat(fs->root, BLOB_MARK_FILE_TEMP, fs->root, BLOB_MARK_FILE) < 0) {
        io->unlinkat(fs->root, BLOB_MARK_FILE_TEMP, 0);
        return -1;
    }
    return blob_sync_dir(io, fs->root, ".");
}

int blob_folders_init(struct blob_folders *fs, const struct io *io, int root, _Atomic uint64_t *foreign)
{
    *fs = (struct blob_folders){
        .io = io, .root = root, .foreign = foreign, .recover_from = BLOB_FOLDER_NONE, .durable_hi = BLOB_FOLDER_NONE};
    int rc = find_next_number(fs);
    uint32_t mark = 0;

    if (rc != BLOB_OK)
        return rc;
    rc = mark_read(fs, &mark);
    fs->mark = mark;
    if (rc == BLOB_NOT_FOUND) {
        fs->mark = BLOB_FOLDER_NONE; /* to be written at the first occasion */
        mark = fs->next > BLOB_RECOVER_BLIND ? fs->next - BLOB_RECOVER_BLIND : 0;
        rc = BLOB_OK;
    }
    if (rc != BLOB_OK)
        return rc;
    if (mark > fs->next)
        fs->next = mark; /* emptied folders were removed: their numbers are not used again */
    fs->first_of_run = fs->next;
    if (mark < fs->next)
        fs->recover_from = mark;
    pthread_mutex_init(&fs->lock, NULL);
    pthread_mutex_init(&fs->mark_lock, NULL);
    pthread_cond_init(&fs->changed, NULL);
    return BLOB_OK;
}

/* --- making folders
 * --------------------------------------------------------------------------------------------------- */

/* Makes the upper folder of `number` if need be, and opens it once its name is on disk. -1 and errno. */
static int hi_open(struct blob_folders *fs, uint32_t number)
{
    uint32_t hi = number / BLOB_FOLDERS_PER_HI;
    char name[BLOB_PATH_BYTES];

    snprintf(name, sizeof(name), "%u", (unsigned)hi);
    if (fs->io->mkdirat(fs->root, name, 0700) < 0 && errno != EEXIST)
        return -1;
    int fd = fs->io->open_beneath(fs->root, name, DIR_FLAGS, 0);
    if (fd < 0 || fs->durable_hi == hi)
        return fd;
    if (blob_sync_dir(fs->io, fs->root, ".") < 0) {
        int err = errno;
        fs->io->close(fd);
        errno = err;
        return -1;
    }
    fs->durable_hi = hi;
    return fd;
}

/* One attempt with the number fs->next, which is used up unless it failed for want of something. */
static int lo_make(struct blob_folders *fs, int hi_fd, uint32_t number, int *ret_fd)
{
    const struct io *io = fs->io;
    char name[BLOB_PATH_BYTES];

    snprintf(name, sizeof(name), "%u", (unsigned)(number % BLOB_FOLDERS_PER_HI));
    if (io->mkdirat(hi_fd, name, 0700) < 0)
        return -1;
    int fd = io->openat(hi_fd, name, DIR_FLAGS, 0);
    if (fd >= 0 && io->fsync(hi_fd) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int err = errno;
    if (fd >= 0)
        io->close(fd);
    io->unlinkat(hi_fd, name, AT_REMOVEDIR);
    errno = err;
    return -1;
}

/* The thread that set `making` is the only one here. */
static int folder_make(struct blob_folders *fs, struct blob_folder **ret)
{
    uint32_t number = fs->next;
    int fd = -1, rc = BLOB_OK;

    for (;;) {
        if (number >= BLOB_FOLDER_NONE - BLOB_FOLDERS_PER_HI)
            return BLOB_FULL;
        int hi_fd = hi_open(fs, number);
        if (hi_fd < 0 && (errno == ELOOP || errno == ENOTDIR)) { /* something foreign has the name: go past it */
            number = (number / BLOB_FOLDERS_PER_HI + 1) * BLOB_FOLDERS_PER_HI;
            continue;
        }
        if (hi_fd < 0)
            return blob_rc_of_errno(errno);
        int made = lo_make(fs, hi_fd, number, &fd), err = errno;
        fs->io->close(hi_fd);
        if (made == 0)
            break;
        if (err != EEXIST) {
            rc = blob_rc_of_errno(err);
            break;
        }
        number++;
    }
    if (rc != BLOB_OK)
        return rc;
    struct blob_folder *f = xcalloc(1, sizeof(*f));
    f->number = number;
    f->fd = fd;
    f->active = true;
    *ret = f;
    return BLOB_OK;
}

/* Closes the descriptor when nobody will link here again. Called with the lock; close of a folder does not wait. */
static void folder_rest(struct blob_folders *fs, struct blob_folder *f)
{
    if (!f->active && f->writers == 0 && f->fd >= 0) {
        fs->io->close(f->fd);
        f->fd = -1;
    }
}

/* Called with the lock held, by the thread that was allowed to make. */
static void folder_activate(struct blob_folders *fs, struct blob_folder *f)
{
    struct blob_folder *old = fs->active;

    f->next = fs->list;
    fs->list = f;
    fs->active = f;
    fs->next = f->number + 1;
    if (old != NULL) {
        old->active = false;
        folder_rest(fs, old);
    }
}

static bool folder_usable(const struct blob_folder *f)
{
    return f != NULL && !f->broken;
}

int blob_folder_enter(struct blob_folders *fs, struct blob_folder **ret)
{
    bool made = false;
    int rc = BLOB_OK;

    pthread_mutex_lock(&fs->lock);
    for (;;) {
        if (folder_usable(fs->active) && (fs->active->started < BLOB_FOLDER_MAX || fs->making || rc != BLOB_OK))
            break; /* a full folder still serves while the next is being made, or when that failed */
        if (rc != BLOB_OK) {
            pthread_mutex_unlock(&fs->lock);
            return rc;
        }
        if (fs->making) {
            pthread_cond_wait(&fs->changed, &fs->lock);
            continue;
        }
        struct blob_folder *f = NULL;
        fs->making = true;
        pthread_mutex_unlock(&fs->lock);
        rc = folder_make(fs, &f);
        pthread_mutex_lock(&fs->lock);
        fs->making = false;
        pthread_cond_broadcast(&fs->changed);
        if (rc == BLOB_OK) {
            folder_activate(fs, f);
            made = true;
        }
    }
    fs->active->writers++;
    fs->active->started++;
    *ret = fs->active;
    pthread_mutex_unlock(&fs->lock);
    if (made)
        blob_folders_advance(fs);
    return BLOB_OK;
}

/* --- syncing together --------------------------------------------------------------------------------------------- */

int blob_folder_sync(struct blob_folders *fs, struct blob_folder *f)
{
    pthread_mutex_lock(&fs->lock);
    uint64_t mine = ++f->linked;
    while (f->synced < mine && !f->broken) {
        if (f->syncing) {
            pthread_cond_wait(&fs->changed, &fs->lock);
            continue;
        }
        uint64_t upto = f->linked;
        f->syncing = true;
        pthread_mutex_unlock(&fs->lock);
        int rc = fs->io->fsync(f->fd), err = errno;
        pthread_mutex_lock(&fs->lock);
        f->syncing = false;
        if (rc == 0) {
            f->synced = upto;
        } else {
            f->broken = true;
            f->sync_errno = err;
        }
        pthread_cond_broadcast(&fs->changed);
    }
    int rc = f->synced >= mine ? BLOB_OK : blob_rc_of_errno(f->sync_errno);
    pthread_mutex_unlock(&fs->lock);
    return rc;
}

/* --- settling -------------------------------------------------------------------------------------------------------
 */

static void unsettled_add(struct blob_folder *f, const struct blob_id *id)
{
    if (f->unsettled_n == f->unsettled_cap) {
        f->unsettled_cap = f->unsettled_cap == 0 ? 16 : 2 * f->unsettled_cap;
        f->unsettled = xrealloc(f->unsettled, f->unsettled_cap * sizeof(*f->unsettled));
    }
    f->unsettled[f->unsettled_n++] = *id;
}

void blob_folder_leave(struct blob_folders *fs, struct blob_folder *f, const struct blob_id *finished, bool stuck)
{
    pthread_mutex_lock(&fs->lock);
    CHECK(f->writers > 0);
    f->writers--;
    if (finished != NULL)
        unsettled_add(f, finished);
    f->stuck = f->stuck || stuck;
    folder_rest(fs, f);
    pthread_mutex_unlock(&fs->lock);
}

static struct blob_folder *folder_find(struct blob_folders *fs, uint32_t number)
{
    struct blob_folder *f = fs->list;

    while (f != NULL && f->number != number)
        f = f->next;
    return f;
}

/* Ids of former runs, and those settled before, are not found here, and that is all right. */
void blob_folders_settle(struct blob_folders *fs, const struct blob_id *id)
{
    pthread_mutex_lock(&fs->lock);
    struct blob_folder *f = folder_find(fs, blob_id_folder(id));
    for (size_t i = f == NULL ? 0 : f->unsettled_n; i > 0; i--) /* the newest are the likeliest */
        if (memcmp(f->unsettled[i - 1].b, id->b, sizeof(id->b)) == 0) {
            f->unsettled[i - 1] = f->unsettled[--f->unsettled_n];
            break;
        }
    pthread_mutex_unlock(&fs->lock);
}

uint64_t blob_folders_unsettled(struct blob_folders *fs)
{
    uint64_t n = 0;

    pthread_mutex_lock(&fs->lock);
    for (struct blob_folder *f = fs->list; f != NULL; f = f->next)
        n += f->unsettled_n;
    pthread_mutex_unlock(&fs->lock);
    return n;
}

/* Removes a folder that has become empty, and the upper one with its last folder. Failing is the rule: not empty. */
static void rmdir_if_empty(struct blob_folders *fs, uint32_t number)
{
    char path[BLOB_PATH_BYTES], hi[BLOB_PATH_BYTES];

    snprintf(hi, sizeof(hi), "%u", (unsigned)(number / BLOB_FOLDERS_PER_HI));
    int fd = fs->io->open_beneath(fs->root, hi, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    snprintf(path, sizeof(path), "%u", (unsigned)(number % BLOB_FOLDERS_PER_HI));
    int rc = fs->io->unlinkat(fd, path, AT_REMOVEDIR);
    fs->io->close(fd);
    if (rc < 0)
        return;
    pthread_mutex_lock(&fs->lock);
    bool used = fs->next / BLOB_FOLDERS_PER_HI <= number / BLOB_FOLDERS_PER_HI;
    pthread_mutex_unlock(&fs->lock);
    if (!used) /* numbers only grow, so nobody is going to make a folder there */
        fs->io->unlinkat(fs->root, hi, AT_REMOVEDIR);
}

void blob_folders_removed(struct blob_folders *fs, uint32_t number)
{
    pthread_mutex_lock(&fs->lock);
    struct blob_folder *f = folder_find(fs, number);
    if (f != NULL)
        f->dirty = true;
    pthread_mutex_unlock(&fs->lock);
}

/* Called with the lock. */
static bool folder_failed(struct blob_folders *fs, uint32_t number)
{
    struct blob_folder *f = folder_find(fs, number);
    bool failed = f != NULL && f->broken;

    for (size_t i = 0; !failed && i < fs->failed_n; i++)
        failed = fs->failed[i] == number;
    return failed;
}

bool blob_folders_failed(struct blob_folders *fs, uint32_t number)
{
    pthread_mutex_lock(&fs->lock);
    bool failed = folder_failed(fs, number);
    pthread_mutex_unlock(&fs->lock);
    return failed;
}

/* Remembers, and tells once, that an fsync of the folder failed after something was removed there. */
static void folder_fail(struct blob_folders *fs, uint32_t number, int err)
{
    char path[BLOB_PATH_BYTES];

    pthread_mutex_lock(&fs->lock);
    struct blob_folder *f = folder_find(fs, number);
    bool known = folder_failed(fs, number);
    if (f != NULL && !known) {
        f->broken = f->stuck = true;
        f->sync_errno = err;
    } else if (!known) {
        fs->failed = xrealloc(fs->failed, (fs->failed_n + 1) * sizeof(*fs->failed));
        fs->failed[fs->failed_n++] = number;
    }
    pthread_mutex_unlock(&fs->lock);
    blob_folder_path(number, path);
    if (!known)
        log_error("blob",
                  "blobs/%s could not be synced (%s): what was removed there is not counted as gone before the "
                  "next start",
                  path, strerror(err));
}

/* The folder, or what it lay in when it is gone itself: then that must stay so. -1 and errno. */
static int open_nearest(struct blob_folders *fs, uint32_t number)
{
    char path[BLOB_PATH_BYTES];

    blob_folder_path(number, path);
    int fd = fs->io->open_beneath(fs->root, path, DIR_FLAGS, 0);
    if (fd < 0 && errno == ENOENT) {
        *strchr(path, '/') = '\0';
        fd = fs->io->open_beneath(fs->root, path, DIR_FLAGS, 0);
    }
    if (fd < 0 && errno == ENOENT)
        fd = fs->io->open_beneath(fs->root, ".", DIR_FLAGS, 0);
    return fd;
}

int blob_folders_sync_removed(struct blob_folders *fs, uint32_t number)
{
    if (blob_folders_failed(fs, number))
        return BLOB_IO;
    int fd = open_nearest(fs, number);
    if (fd < 0)
        return blob_rc_of_errno(errno);
    int rc = fs->io->fsync(fd), err = errno;
    fs->io->close(fd);
    if (rc < 0) {
        folder_fail(fs, number, err);
        return blob_rc_of_errno(err);
    }
    pthread_mutex_lock(&fs->lock);
    bool past = folder_find(fs, number) == NULL && number < fs->next;
    pthread_mutex_unlock(&fs->lock);
    if (past)
        rmdir_if_empty(fs, number);
    return BLOB_OK;
}

void blob_folders_recovered(struct blob_folders *fs, uint32_t left)
{
    pthread_mutex_lock(&fs->lock);
    fs->recover_from = left;
    pthread_mutex_unlock(&fs->lock);
    blob_folders_advance(fs);
}

/* Takes the folders off the list in which nothing is open any more. Called with the lock. */
static struct blob_folder *take_settled(struct blob_folders *fs)
{
    struct blob_folder *taken = NULL;

    for (struct blob_folder **at = &fs->list; *at != NULL;) {
        struct blob_folder *f = *at;
        if (f->active || f->writers > 0 || f->unsettled_n > 0 || f->stuck) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        f->next = taken;
        taken = f;
    }
    return taken;
}

static void folder_free(struct blob_folders *fs, struct blob_folder *f)
{
    if (f->fd >= 0)
        fs->io->close(f->fd);
    free(f->unsettled);
    free(f);
}

/* What was removed must be gone for good before the mark passes the folder by. False: it stays on the list. */
static bool folder_drop(struct blob_folders *fs, struct blob_folder *f)
{
    char path[BLOB_PATH_BYTES];

    if (f->dirty) {
        blob_folder_path(f->number, path);
        if (blob_sync_dir(fs->io, fs->root, path) < 0)
            return false;
        rmdir_if_empty(fs, f->number);
    }
    folder_free(fs, f);
    return true;
}

void blob_folders_advance(struct blob_folders *fs)
{
    pthread_mutex_lock(&fs->mark_lock);
    pthread_mutex_lock(&fs->lock);
    struct blob_folder *taken = take_settled(fs), *kept = NULL;
    pthread_mutex_unlock(&fs->lock);
    while (taken != NULL) {
        struct blob_folder *f = taken;
        taken = f->next;
        if (!folder_drop(fs, f)) {
            f->stuck = true;
            f->next = kept;
            kept = f;
        }
    }
    pthread_mutex_lock(&fs->lock);
    while (kept != NULL) {
        struct blob_folder *f = kept;
        kept = f->next;
        f->next = fs->list;
        fs->list = f;
    }
    uint32_t mark = fs->next < fs->recover_from ? fs->next : fs->recover_from;
    for (struct blob_folder *f = fs->list; f != NULL; f = f->next)
        if (f->number < mark)
            mark = f->number;
    pthread_mutex_unlock(&fs->lock);
    if (mark != fs->mark && mark_write(fs, mark) == 0)
        fs->mark = mark;
    pthread_mutex_unlock(&fs->mark_lock);
}

/* Nobody else uses the store any more. */
void blob_folders_fini(struct blob_folders *fs)
{
    if (fs->active != NULL) {
        fs->active->active = false;
        fs->active = NULL;
    }
    blob_folders_advance(fs);
    while (fs->list != NULL) {
        struct blob_folder *f = fs->list;
        fs->list = f->next;
        folder_free(fs, f);
    }
    free(fs->failed);
    pthread_mutex_destroy(&fs->lock);
    pthread_mutex_destroy(&fs->mark_lock);
    pthread_cond_destroy(&fs->changed);
}
