/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob store on a local file system, opened, looked after and closed here; blob_format.h draws a blob's file,
 * blob_folder.c tells how folders and orphans work, blob_file_write.c, blob_file_direct.c and blob_file_read.c move the
 * bytes.
 *
 *   <folder>/blobs/            locked by the process that has it open
 *     unsettled                the mark: from which folder on a restart must look for orphans
 *     <D / 1000>/<D % 1000>/   folder number D, in decimal
 *       <32 hex digits>        a blob; its id begins with D
 *       <32 hex digits>.tmp    a blob being written, where the file system has no unnamed files
 *
 * A name appears when the file under it is complete and on disk, and the file is never written again. Nothing is opened
 * through a symbolic link; names that are not ours are left alone and reported.
 *
 * Threads: any. `recovering` lets one recovery run at a time.
 */
#include "storage/blob_file_in.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "base/check.h"
#include "base/log.h"

#define RECOVER_ARENA_BYTES (BLOB_DESC_MAX + 1024)

static int remove_blob(struct blob_store *base, const struct blob_id *id)
{
    struct file_store *st = (struct file_store *)base;
    char folder[BLOB_PATH_BYTES], name[BLOB_NAME_BYTES + 1];
    int rc = BLOB_OK;

    blob_folder_path(blob_id_folder(id), folder);
    blob_id_name(id, name);
    int fd = st->io->open_beneath(st->root, folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return errno == ENOENT ? BLOB_OK : blob_rc_of_errno(errno);
    if (st->io->unlinkat(fd, name, 0) == 0)
        blob_folders_removed(&st->folders, blob_id_folder(id));
    else if (errno != ENOENT)
        rc = blob_rc_of_errno(errno);
    st->io->close(fd);
    return rc;
}

/* A folder that cannot be synced holds up no other. */
static int sync_removals(struct blob_store *base, const struct blob_id *ids, size_t n)
{
    struct file_store *st = (struct file_store *)base;
    int first = BLOB_OK;

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && blob_id_folder(&ids[i]) == blob_id_folder(&ids[i - 1]))
            continue;
        int rc = blob_folders_sync_removed(&st->folders, blob_id_folder(&ids[i]));
        first = first == BLOB_OK ? rc : first;
    }
    return first;
}

/* ---- holds ---- */

/*
 * A lock that many may share; who wants to remove looks whether it could have it alone. It goes with its process. What
 * cannot be told counts as held: nothing is lost by waiting.
 */
static bool held_at(const struct io *io, int root)
{
    int fd = io->openat(root, BLOB_HOLD_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);

    if (fd < 0)
        return errno != ENOENT;
    bool held = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    io->close(fd);
    return held;
}

static bool held(struct blob_store *base)
{
    struct file_store *st = (struct file_store *)base;

    return held_at(st->io, st->root);
}

int blob_file_hold(const char *folder, int *ret_fd)
{
    char path[PATH_MAX];

    *ret_fd = -1;
    if (snprintf(path, sizeof(path), "%s/blobs/" BLOB_HOLD_FILE, folder) >= (int)sizeof(path))
        return ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return errno;
    int rc;
    do
        rc = flock(fd, LOCK_SH);
    while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        rc = errno;
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

void blob_file_release(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void settled(struct blob_store *base, const struct blob_id *id)
{
    blob_folders_settle(&((struct file_store *)base)->folders, id);
}

static void space(struct blob_store *base, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    struct file_store *st = (struct file_store *)base;
    struct statvfs v;

    *ret_free_bytes = *ret_total_bytes = 0;
    if (st->io->fstatvfs(st->root, &v) == 0) {
        *ret_free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
        *ret_total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
    }
}

/* --- recovery
 * --------------------------------------------------------------------------------------------------------- */

struct recovery {
    struct file_store *store;
    int (*keep)(void *arg, const struct blob_id *, struct bytes desc);
    void *arg;
    struct arena *arena;
    uint32_t folder;
    char path[BLOB_PATH_BYTES];
    int dir_fd;
    bool removed; /* something, in this folder */
    bool left;    /* something is still open in this folder */
    int rc;       /* the first failure */
};

static void recover_fail(struct recovery *r, int rc)
{
    r->left = true;
    if (r->rc == BLOB_OK)
        r->rc = rc;
}

static void recover_unlink(struct recovery *r, const char *name)
{
    if (r->store->io->unlinkat(r->dir_fd, name, 0) == 0) {
        r->removed = true;
        atomic_fetch_add(&r->store->orphans, 1);
    } else if (errno != ENOENT) {
        recover_fail(r, blob_rc_of_errno(errno));
    }
}

static void recover_blob(struct recovery *r, const char *name, const struct blob_id *id)
{
    struct bytes desc;

    arena_reset(r->arena);
    int rc = blob_file_peek_desc(r->store, id, r->arena, &desc);
    if (rc == BLOB_NOT_FOUND)
        return;
    if (rc == BLOB_CORRUPT) {
        /* Nobody can tell whose it is. It is not removed, and must not hold up the mark for ever. */
        log_error("blob", "the blob blobs/%s/%s is damaged; it stays where it is", r->path, name);
        return;
    }
    if (rc != BLOB_OK) {
        recover_fail(r, rc);
        return;
    }
    int answer = r->keep(r->arg, id, desc);
    if (answer == 0 && held_at(r->store->io, r->store->root))
        answer = -1; /* the state that is being copied may refer to it still */
    if (answer == 0)
        recover_unlink(r, name);
    else if (answer < 0)
        r->left = true;
}

static void recover_name(struct recovery *r, const char *name)
{
    struct blob_id id;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    switch (blob_name_parse(name, r->folder, &id)) {
    case BLOB_NAME_BLOB:
        recover_blob(r, name, &id);
        break;
    case BLOB_NAME_TEMP: /* its writer died with the former run */
        recover_unlink(r, name);
        break;
    case BLOB_NAME_FOREIGN:
        blob_note_foreign(&r->store->foreign, r->path, name);
        break;
    }
}

static void recover_folder(struct recovery *r, uint32_t folder)
{
    const struct io *io = r->store->io;
    struct dirent *e;

    r->folder = folder;
    r->removed = r->left = false;
    blob_folder_path(folder, r->path);
    r->dir_fd = io->open_beneath(r->store->root, r->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (r->dir_fd < 0) {
        if (errno == ELOOP || errno == ENOTDIR)
            blob_note_foreign(&r->store->foreign, ".", r->path);
        else if (errno != ENOENT)
            recover_fail(r, blob_rc_of_errno(errno));
        return;
    }
    DIR *dir = fdopendir(r->dir_fd);
    if (dir == NULL) {
        recover_fail(r, blob_rc_of_errno(errno));
        io->close(r->dir_fd);
        return;
    }
    while (errno = 0, (e = readdir(dir)) != NULL)
        recover_name(r, e->d_name);
    if (errno != 0)
        recover_fail(r, blob_rc_of_errno(errno));
    closedir(dir);
    /* Gone for good before the mark passes; also what an earlier attempt removed and could not sync. */
    int rc = r->removed ? blob_folders_sync_removed(&r->store->folders, folder) : BLOB_OK;
    if (rc != BLOB_OK)
        recover_fail(r, rc);
    r->left = r->left || blob_folders_failed(&r->store->folders, folder);
}

static int recover(struct blob_store *base, int (*keep)(void *arg, const struct blob_id *, struct bytes desc),
                   void *arg)
{
    struct file_store *st = (struct file_store *)base;
    struct recovery r = {.store = st, .keep = keep, .arg = arg, .arena = arena_create(RECOVER_ARENA_BYTES)};
    uint32_t left = BLOB_FOLDER_NONE;

    pthread_mutex_lock(&st->recovering);
    for (uint32_t d = st->folders.recover_from; d < st->folders.first_of_run; d++) {
        recover_folder(&r, d);
        if (r.left && left == BLOB_FOLDER_NONE)
            left = d;
    }
    blob_folders_recovered(&st->folders, left);
    pthread_mutex_unlock(&st->recovering);
    arena_free(r.arena);
    return r.rc;
}

/* --- opening and closing
 * ---------------------------------------------------------------------------------------------- */

/*
 * Finds out whether an unnamed file can be made and given a name here, and by which way. Any doubt means named
 * temporary files, except for want of room or descriptors, which says nothing about the file system.
 */
static void probe_unnamed(struct file_store *st)
{
    const struct io *io = st->io;
    char proc[64];
    int fd = io->openat(st->root, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0) {
        st->named = blob_rc_of_errno(errno) == BLOB_IO;
        return;
    }
    io->unlinkat(st->root, BLOB_PROBE_FILE, 0);
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    if (io->linkat(AT_FDCWD, proc, st->root, BLOB_PROBE_FILE, AT_SYMLINK_FOLLOW) < 0) {
        st->link_empty = io->linkat(fd, "", st->root, BLOB_PROBE_FILE, AT_EMPTY_PATH) == 0;
        st->named = !st->link_empty;
    }
    io->unlinkat(st->root, BLOB_PROBE_FILE, 0);
    io->close(fd);
}

/* One process at a time. A file system that has no locks is taken as it is. */
static int lock_root(struct file_store *st)
{
    return flock(st->root, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? BLOB_BUSY : BLOB_OK;
}

/* Makes <folder>/blobs, with its name on disk, and opens it. */
static int root_open(struct file_store *st, const char *folder, bool read_only)
{
    const struct io *io = st->io;
    int rc = BLOB_OK, parent = io->openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (parent < 0)
        return errno == ENOENT ? BLOB_NOT_FOUND : blob_rc_of_errno(errno);
    if (!read_only && io->mkdirat(parent, "blobs", 0700) == 0) {
        if (io->fsync(parent) < 0)
            rc = blob_rc_of_errno(errno);
    } else if (!read_only && errno != EEXIST) {
        rc = blob_rc_of_errno(errno);
    }
    if (rc == BLOB_OK) {
        st->root = io->openat(parent, "blobs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
        if (st->root < 0)
            rc = errno == ENOENT ? BLOB_NOT_FOUND : blob_rc_of_errno(errno);
    }
    io->close(parent);
    return rc;
}

static void store_close(struct blob_store **base)
{
    struct file_store *st = (struct file_store *)*base;

    if (st == NULL)
        return;
    *base = NULL;
    CHECK(atomic_load(&st->users) == 0);
    blob_direct_fini(&st->direct);
    blob_folders_fini(&st->folders);
    st->io->close(st->root);
    pthread_mutex_destroy(&st->recovering);
    pthread_mutex_destroy(&st->suspects_lock);
    free(st);
}

static const struct blob_ops ops = {
    .name = "file",
    .create = blob_file_create,
    .append = blob_file_append,
    .finish = blob_file_finish,
    .abandon = blob_file_abandon,
    .open = blob_file_open_reader,
    .length = blob_file_length,
    .read = blob_file_read,
    .compare = blob_file_compare,
    .describe = blob_file_describe,
    .close_reader = blob_file_close_reader,
    .remove = remove_blob,
    .sync_removals = sync_removals,
    .recover = recover,
    .settled = settled,
    .space = space,
    .close = store_close,
    .list = blob_file_list,
    .verify = blob_file_verify,
    .held = held,
    .suspects = blob_file_suspects,
};

int blob_file_open(const struct blob_file_options *options, struct blob_store **ret_store)
{
    struct file_store *st = xcalloc(1, sizeof(*st));
    int rc;

    st->base.ops = &ops;
    st->io = options->io != NULL ? options->io : &io_real;
    st->root = -1;
    st->trust_disk = options->trust_disk;
    rc = root_open(st, options->folder, options->read_only);
    if (rc == BLOB_OK && !options->no_lock && !options->read_only)
        rc = lock_root(st);
    if (rc == BLOB_OK)
        rc = blob_folders_init(&st->folders, st->io, st->root, &st->foreign);
    if (rc != BLOB_OK) {
        if (st->root >= 0)
            st->io->close(st->root);
        free(st);
        return rc;
    }
    pthread_mutex_init(&st->recovering, NULL);
    pthread_mutex_init(&st->suspects_lock, NULL);
    blob_direct_init(&st->direct, st->io);
    if (!options->read_only)
        probe_unnamed(st);
    *ret_store = &st->base;
    return BLOB_OK;
}

uint32_t blob_file_settled_below(struct blob_store *base)
{
    struct file_store *st = (struct file_store *)base;

    CHECK(base->ops == &ops);
    return st->folders.recover_from < st->folders.first_of_run ? st->folders.recover_from : st->folders.first_of_run;
}

uint32_t blob_file_folder(const struct blob_id *id)
{
    return blob_id_folder(id);
}

void blob_file_path(const struct blob_id *id, char ret[BLOB_FILE_PATH])
{
    char folder[BLOB_PATH_BYTES], name[BLOB_NAME_BYTES + 1];

    blob_folder_path(blob_id_folder(id), folder);
    blob_id_name(id, name);
    snprintf(ret, BLOB_FILE_PATH, "%.30s/%s", folder, name);
}

void blob_file_stats(struct blob_store *base, struct blob_file_stats *ret)
{
    struct file_store *st = (struct file_store *)base;

    CHECK(base->ops == &ops);
    *ret = (struct blob_file_stats){.corrupt = atomic_load(&st->corrupt),
                                    .foreign = atomic_load(&st->foreign),
                                    .orphans = atomic_load(&st->orphans),
                                    .unsettled = blob_folders_unsettled(&st->folders)};
}
