/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup and restore of a data folder by files.
 *
 * A backup is: hold the blobs (nothing that was referred to is removed from then on), copy the index as of one moment
 * into a folder beside, bring every blob that this copy refers to into the backup, put the copy into the place of the
 * last one by a rename, and remove what only the last one needed. Blobs never change and never get another's name, so
 * old and new share them; and at every moment one of the two is whole: the mark `pail.backup` appears with the first.
 *
 * Why nothing is missing, see gc.c: the hold is older than the copy, and the collector looks for holds after a blob's
 * last reference has gone.
 *
 * A restore fills an empty folder and gives it the mark of a data folder last, so a half restored one is not served.
 * Threads: the caller's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/rand.h"
#include "blob_file.h"
#include "blob_tiers.h"
#include "index_lmdb.h"
#include "storage/folder.h"
#include "storage/key.h"
#include "storage/record.h"

#define COPY_BYTES (1u << 20)
#define INDEX_NEW  "index.new"
#define TICK_BLOBS 64
#define SMALL_TEXT 4096

/* ---- files ---- */

static int copy_bytes(int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, 1u << 30, 0);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
    }
    if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP && errno != EBADF)
        return errno;
    char *buffer = xmalloc(COPY_BYTES);
    int rc = 0;
    for (ssize_t n; rc == 0 && (n = read(from, buffer, COPY_BYTES)) != 0;) {
        if (n < 0)
            rc = errno == EINTR ? 0 : errno;
        for (ssize_t done = 0; n > 0 && rc == 0 && done < n;) {
            ssize_t w = write(to, buffer + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR)
                rc = errno;
            done += w > 0 ? w : 0;
        }
    }
    free(buffer);
    return rc;
}

/* Whole and durable under its name, or not there. */
static int copy_file(const char *from, const char *to)
{
    char fresh[FOLDER_PATH + 16];
    if (snprintf(fresh, sizeof fresh, "%s.tmp", to) >= (int)sizeof fresh)
        return ENAMETOOLONG;
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0)
        return errno;
    int out = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = out < 0 ? errno : copy_bytes(in, out);
    if (rc == 0 && fsync(out) != 0)
        rc = errno;
    close(in);
    if (out >= 0 && close(out) != 0 && rc == 0)
        rc = errno;
    if (rc == 0 && rename(fresh, to) != 0)
        rc = errno;
    if (rc != 0)
        unlink(fresh);
    return rc;
}

static int copy_small(const char *from, const char *to, const char *name)
{
    char a[FOLDER_PATH], b[FOLDER_PATH];
    return folder_join(a, from, name) && folder_join(b, to, name) ? copy_file(a, b) : ENAMETOOLONG;
}

static int make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

/* ---- blobs from one root to another ---- */

struct mover {
    bool copy;
    bool no_link;                  /* found out that links do not work here */
    char synced[FOLDER_PATH + 64]; /* the folder that was last put into; synced when another one is */
    uint64_t linked, copied, copied_bytes, kept;
};

static int mover_leave(struct mover *m)
{
    int rc = m->synced[0] ? folder_sync(m->synced) : 0;
    m->synced[0] = '\0';
    return rc;
}

/* The folders above a blob, with their names on disk. */
static int mover_enter(struct mover *m, const char *root, const char *path)
{
    char folder[FOLDER_PATH + 64];
    int n = snprintf(folder, sizeof folder, "%s/blobs/%s", root, path);
    if (n >= (int)sizeof folder)
        return ENAMETOOLONG;
    *strrchr(folder, '/') = '\0';
    if (strcmp(folder, m->synced) == 0)
        return 0;
    int rc = mover_leave(m);
    char upper[FOLDER_PATH + 64];
    memcpy(upper, folder, sizeof upper);
    *strrchr(upper, '/') = '\0';
    if (rc == 0 && access(folder, F_OK) != 0) {
        rc = make_folder(upper);
        if (rc == 0)
            rc = make_folder(folder);
        if (rc == 0)
            rc = folder_sync(upper);
        *strrchr(upper, '/') = '\0';
        if (rc == 0)
            rc = folder_sync(upper);
    }
    if (rc == 0)
        memcpy(m->synced, folder, sizeof m->synced);
    return rc;
}

/* 0; ENOENT: the source does not have it, nor does the destination. *ret_bytes: of the file. */
static int move_blob(struct mover *m, const char *from_root, const char *to_root, const struct blob_id *inner,
                     uint64_t *ret_bytes)
{
    char name[BLOB_FILE_PATH], from[FOLDER_PATH + 128], to[FOLDER_PATH + 128];
    struct stat have, want;
    blob_file_path(inner, name);
    snprintf(from, sizeof from, "%s/blobs/%s", from_root, name);
    snprintf(to, sizeof to, "%s/blobs/%s", to_root, name);
    bool here = stat(from, &want) == 0, there = lstat(to, &have) == 0;
    *ret_bytes = here ? (uint64_t)want.st_size : there ? (uint64_t)have.st_size : 0;
    if (there && (!here || have.st_size == want.st_size)) {
        m->kept++;
        return 0;
    }
    if (!here)
        return ENOENT;
    int rc = mover_enter(m, to_root, name);
    if (rc == 0 && there && unlink(to) != 0)
        rc = errno;
    if (rc == 0 && !m->copy && !m->no_link) {
        if (link(from, to) == 0) {
            m->linked++;
            return 0;
        }
        if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
            return errno;
        m->no_link = errno != EMLINK;
    }
    if (rc == 0)
        rc = copy_file(from, to);
    m->copied += rc == 0;
    m->copied_bytes += rc == 0 ? *ret_bytes : 0;
    return rc;
}

/* ---- what an index refers to ---- */

struct wanted {
    struct blob_id *p;
    size_t n, cap;
};

static int compare_ids(const void *x, const void *y)
{
    return memcmp(x, y, sizeof(struct blob_id));
}

static enum index_visit want_blob(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    struct wanted *w = arg;
    (void)value;
    (void)seek;
    if (key.n < 1 + sizeof(struct blob_id))
        return INDEX_VISIT_NEXT;
    if (w->n && memcmp(w->p[w->n - 1].b, key.p + 1, sizeof(struct blob_id)) == 0)
        return INDEX_VISIT_NEXT;
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 1024;
        w->p = xrealloc(w->p, w->cap * sizeof *w->p);
    }
    memcpy(&w->p[w->n++], key.p + 1, sizeof(struct blob_id));
    return INDEX_VISIT_NEXT;
}

static int want_partition(struct index *index, uint64_t partition, struct wanted *w)
{
    char kind = KEY_REF;
    struct bytes prefix = bytes_of(&kind, 1);
    struct index_scan scan = {
        .partition = partition, .prefix = prefix, .from = prefix, .max_rows = SIZE_MAX, .max_bytes = SIZE_MAX};
    bool more = false;
    return index_visit(index, &scan, want_blob, w, &more);
}

/* All blobs with a reference, by id. */
static int want_all(struct index *index, struct wanted *w)
{
    struct arena *a = arena_create(0);
    struct bytes value;
    struct rec_counter counter = {.next = 0};
    uint64_t generation;
    int rc = index_get(index, INDEX_PARTITION_SYSTEM, key_of_kind(a, KEY_COUNTER, BYTES_NONE), a, &value);
    if (rc == INDEX_OK && !record_decode(&rec_counter, value, a, &counter))
        rc = INDEX_CORRUPT;
    rc = rc == INDEX_NOT_FOUND ? INDEX_OK : rc; /* no bucket was ever made */
    for (uint64_t n = INDEX_PARTITION_SYSTEM + 1; rc == INDEX_OK && n < counter.next; n++) {
        rc = index_generation(index, n, &generation);
        rc = rc == INDEX_OK ? want_partition(index, n, w) : rc == INDEX_NOT_FOUND ? INDEX_OK : rc;
    }
    arena_free(a);
    if (w->n)
        qsort(w->p, w->n, sizeof *w->p, compare_ids);
    return rc;
}

/* ---- the backup ---- */

struct backup {
    const struct backup_options *o;
    struct backup_report *report;
    struct folder_places from, to; /* side by side */
    int holds[FOLDER_PLACES];
    int lock;
    struct wanted wanted;
    struct mover mover;
    char id[64];
};

/* The destination is ours: new, or with an earlier backup of this data. */
static int take_destination(struct backup *b, char *error)
{
    const char *dest = b->o->dest;
    char id[64];
    bool fresh = mkdir(dest, 0700) == 0;
    if (!fresh && errno != EEXIST)
        return folder_fail(error, dest, strerror(errno));
    bool whole = folder_has(dest, FOLDER_BACKUP), part = folder_has(dest, FOLDER_PART);
    if (!fresh && !whole && !part && !folder_is_empty(dest))
        return folder_fail(error, dest, "holds something else and is no backup; give an empty or a new folder");
    b->lock = open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->lock < 0)
        return folder_fail(error, dest, strerror(errno));
    if (flock(b->lock, LOCK_EX | LOCK_NB) != 0)
        return folder_fail(error, dest, "another backup is writing there");
    int n = whole || part ? folder_read(dest, FOLDER_ID, id, sizeof id) : 0;
    if (n < 0)
        return folder_fail(error, dest, strerror(errno));
    if (n > 0 && strcmp(id, b->id) != 0)
        return folder_fail(error, dest, "has a backup of other data");
    b->report->first = !whole;
    int rc = whole ? 0 : folder_write(dest, FOLDER_PART, "a backup was begun here\n");
    if (rc == 0)
        rc = folder_write(dest, FOLDER_ID, b->id);
    return rc == 0 ? 0 : folder_fail(error, dest, strerror(rc));
}

/* Whose backups these are. */
static int know_the_data(struct backup *b, char *error)
{
    const char *path = b->o->folder.path;
    int n = folder_read(path, FOLDER_ID, b->id, sizeof b->id);
    if (n != 0)
        return n > 0 ? 0 : folder_fail(error, path, strerror(errno));
    unsigned char raw[16];
    rand_bytes(raw, sizeof raw);
    hex_encode(raw, sizeof raw, b->id);
    b->id[32] = '\n';
    b->id[33] = '\0';
    int rc = folder_write(path, FOLDER_ID, b->id);
    return rc == 0 ? 0 : folder_fail(error, path, strerror(rc));
}

static int find_destinations(struct backup *b, char *error)
{
    char tiers[FOLDER_PATH];
    b->to.n = b->from.n;
    for (size_t i = 0; i < b->from.n; i++) {
        const char *name = blob_tier_name(b->from.p[i].tier);
        b->to.p[i].tier = b->from.p[i].tier;
        int n = i == 0 ? snprintf(b->to.p[i].path, FOLDER_PATH, "%s", b->o->dest)
                       : snprintf(b->to.p[i].path, FOLDER_PATH, "%s/tiers/%s", b->o->dest, name);
        if (n >= FOLDER_PATH - 64 || !folder_join(tiers, b->o->dest, "tiers"))
            return folder_fail(error, b->o->dest, "the path is too long");
        char blobs[FOLDER_PATH];
        int rc = i > 0 ? make_folder(tiers) : 0;
        if (rc == 0 && i > 0)
            rc = make_folder(b->to.p[i].path);
        if (rc == 0)
            rc = folder_join(blobs, b->to.p[i].path, "blobs") ? make_folder(blobs) : ENAMETOOLONG;
        if (rc == 0)
            rc = folder_sync(b->to.p[i].path);
        if (rc == 0 && i > 0)
            rc = folder_sync(tiers);
        if (rc != 0)
            return folder_fail(error, b->to.p[i].path, strerror(rc));
    }
    return 0;
}

static int hold_blobs(struct backup *b, char *error)
{
    for (size_t i = 0; i < b->from.n; i++) {
        int rc = blob_file_hold(b->from.p[i].path, &b->holds[i]);
        if (rc != 0)
            return folder_fail(error, b->from.p[i].path, strerror(rc));
    }
    return 0;
}

static void clear_new_index(const char *dest)
{
    static const char *const names[] = {INDEX_NEW "/data.mdb", INDEX_NEW "/lock.mdb"};
    char path[FOLDER_PATH];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (folder_join(path, dest, names[i]))
            unlink(path);
    if (folder_join(path, dest, INDEX_NEW))
        rmdir(path);
}

/* The index of this moment beside the last one, and the list of its blobs. */
static int copy_index(struct backup *b, char *error)
{
    char source[FOLDER_PATH], folder[FOLDER_PATH], file[FOLDER_PATH], message[INDEX_LMDB_MESSAGE_MAX] = "";
    struct index *index = NULL;
    struct stat st;
    if (!folder_join(source, b->o->folder.path, FOLDER_INDEX) || !folder_join(folder, b->o->dest, INDEX_NEW) ||
        !folder_join(file, b->o->dest, INDEX_NEW "/data.mdb"))
        return folder_fail(error, b->o->dest, "the path is too long");
    clear_new_index(b->o->dest);
    int rc = make_folder(folder);
    if (rc != 0)
        return folder_fail(error, folder, strerror(rc));
    rc = index_lmdb_open_snapshot(source, &index, message);
    if (rc != INDEX_OK)
        return folder_fail(error, source, message);
    rc = index->ops->copy(index, file, NULL);
    index->ops->close(&index);
    if (rc != INDEX_OK)
        return folder_fail(error, source,
                           rc == INDEX_CORRUPT ? "the index is damaged, `pail check` says where; the last backup stays"
                           : rc == INDEX_FULL  ? "no room for a copy of the index"
                                               : "the index cannot be copied");
    b->report->index_bytes = stat(file, &st) == 0 ? (uint64_t)st.st_size : 0;
    rc = index_lmdb_open_snapshot(folder, &index, message);
    if (rc != INDEX_OK)
        return folder_fail(error, folder, message);
    rc = want_all(index, &b->wanted);
    index->ops->close(&index);
    return rc == INDEX_OK ? 0 : folder_fail(error, folder, index_rc_name(rc));
}

static void tick(const struct maintenance_progress *p, const char *what, uint64_t done, uint64_t total)
{
    if (p->tick)
        p->tick(p->arg, what, done, total, false);
}

static size_t place_of(const struct folder_places *places, unsigned tier)
{
    size_t i = 0;
    while (i < places->n && places->p[i].tier != tier)
        i++;
    return i;
}

static int copy_blobs(struct backup *b, char *error)
{
    for (size_t i = 0; i < b->wanted.n; i++) {
        struct blob_id id = b->wanted.p[i];
        size_t place = b->from.n > 1 ? place_of(&b->from, id.b[0]) : 0;
        uint64_t bytes = 0;
        if (b->from.n > 1)
            id.b[0] = 0;
        int rc =
            place < b->from.n ? move_blob(&b->mover, b->from.p[place].path, b->to.p[place].path, &id, &bytes) : ENOENT;
        if (rc == ENOENT) {
            char text[80], hex[33] = {0};
            hex_encode(b->wanted.p[i].b, sizeof id.b, hex);
            snprintf(text, sizeof text, "the data folder has no blob %s", hex);
            b->report->missing++;
            if (b->o->missing)
                b->o->missing(b->o->arg, text);
        } else if (rc != 0) {
            return folder_fail(error, b->o->dest, strerror(rc));
        } else {
            b->report->blobs++;
            b->report->blob_bytes += bytes;
        }
        if (i % TICK_BLOBS == 0)
            tick(&b->o->progress, "blobs", i, b->wanted.n);
    }
    int rc = mover_leave(&b->mover);
    b->report->linked = b->mover.linked;
    b->report->copied = b->mover.copied;
    b->report->copied_bytes = b->mover.copied_bytes;
    b->report->kept = b->mover.kept;
    return rc == 0 ? 0 : folder_fail(error, b->o->dest, strerror(rc));
}

static int copy_key(struct backup *b)
{
    char path[FOLDER_PATH];
    b->report->key = !folder_has(b->o->folder.path, FOLDER_KEY) ? BACKUP_KEY_ELSEWHERE
                     : b->o->without_key                        ? BACKUP_KEY_LEFT_OUT
                                                                : BACKUP_KEY_INCLUDED;
    if (b->report->key == BACKUP_KEY_INCLUDED)
        return copy_small(b->o->folder.path, b->o->dest, FOLDER_KEY);
    if (!folder_join(path, b->o->dest, FOLDER_KEY))
        return ENAMETOOLONG;
    return unlink(path) == 0 || errno == ENOENT ? 0 : errno;
}

static int copy_marks(struct backup *b)
{
    char from[FOLDER_PATH], to[FOLDER_PATH];
    if (!folder_join(from, b->o->folder.path, FOLDER_MARK) || !folder_join(to, b->o->dest, FOLDER_SAVED))
        return ENAMETOOLONG;
    int rc = copy_file(from, to);
    if (rc == 0 && folder_has(b->o->folder.path, FOLDER_TIERS))
        rc = copy_small(b->o->folder.path, b->o->dest, FOLDER_TIERS);
    return rc;
}

/* From here on the new one is the backup. */
static int switch_over(struct backup *b)
{
    char from[FOLDER_PATH], to[FOLDER_PATH], folder[FOLDER_PATH], text[256];
    const char *dest = b->o->dest;
    if (!folder_join(from, dest, INDEX_NEW "/data.mdb") || !folder_join(to, dest, FOLDER_DATA) ||
        !folder_join(folder, dest, FOLDER_INDEX))
        return ENAMETOOLONG;
    int rc = make_folder(folder);
    if (rc == 0)
        rc = folder_sync(dest);
    if (rc == 0 && rename(from, to) != 0)
        rc = errno;
    if (rc == 0)
        rc = folder_sync(folder);
    snprintf(text, sizeof text, "pail backup 1\nmade %" PRId64 "\nblobs %" PRIu64 "\nbytes %" PRIu64 "\n",
             clock_wall_ms() / 1000, b->report->blobs, b->report->blob_bytes);
    if (rc == 0)
        rc = folder_write(dest, FOLDER_BACKUP, text);
    clear_new_index(dest);
    if (rc == 0 && folder_join(to, dest, FOLDER_PART))
        unlink(to);
    return rc;
}

struct pruning {
    struct backup *b;
    size_t place;
};

static int prune_name(void *arg, const struct blob_entry *e)
{
    struct pruning *p = arg;
    struct backup *b = p->b;
    char path[FOLDER_PATH + 128];
    struct blob_id id = e->id;
    if (e->kind == BLOB_ENTRY_FOREIGN)
        return 0;
    if (b->to.n > 1)
        id.b[0] = (unsigned char)b->to.p[p->place].tier;
    if (e->kind == BLOB_ENTRY_BLOB && b->wanted.n &&
        bsearch(&id, b->wanted.p, b->wanted.n, sizeof id, compare_ids) != NULL)
        return 0;
    snprintf(path, sizeof path, "%s/blobs/%s", b->to.p[p->place].path, e->path);
    if (unlink(path) == 0)
        b->report->pruned++;
    return 0;
}

/* What only the last backup needed. Failing costs room, nothing else. */
static void prune(struct backup *b)
{
    for (size_t i = 0; i < b->to.n; i++) {
        struct blob_file_options options = {.folder = b->to.p[i].path, .read_only = true};
        struct blob_store *st = NULL;
        struct pruning p = {b, i};
        if (blob_file_open(&options, &st) != BLOB_OK)
            continue;
        (void)blob_file_walk(st, prune_name, &p);
        st->ops->close(&st);
    }
}

static void release(struct backup *b)
{
    for (size_t i = 0; i < FOLDER_PLACES; i++)
        blob_file_release(&b->holds[i]);
}

static int make_backup(struct backup *b, char *error)
{
    if (folder_find_places(&b->o->folder, &b->from, error) != 0)
        return -1;
    if (!folder_has(b->o->folder.path, FOLDER_MARK))
        return folder_fail(error, b->o->folder.path, "is no data folder of Pail");
    if (know_the_data(b, error) != 0 || take_destination(b, error) != 0 || find_destinations(b, error) != 0 ||
        hold_blobs(b, error) != 0 || copy_index(b, error) != 0 || copy_blobs(b, error) != 0)
        return -1;
    release(b);
    int rc = copy_key(b);
    if (rc == 0)
        rc = copy_marks(b);
    if (rc == 0)
        rc = switch_over(b);
    if (rc != 0)
        return folder_fail(error, b->o->dest, strerror(rc));
    prune(b);
    return 0;
}

int backup_run(const struct backup_options *o, struct backup_report *ret, char ret_error[MAINTENANCE_ERROR])
{
    struct backup *b = xcalloc(1, sizeof *b);
    *ret = (struct backup_report){0};
    ret_error[0] = '\0';
    b->o = o;
    b->report = ret;
    b->lock = -1;
    b->mover.copy = o->copy;
    for (size_t i = 0; i < FOLDER_PLACES; i++)
        b->holds[i] = -1;
    int rc = make_backup(b, ret_error);
    release(b);
    if (b->lock >= 0)
        close(b->lock);
    free(b->wanted.p);
    free(b);
    return rc;
}

/* ---- restore ---- */

struct restore {
    const struct restore_options *o;
    struct restore_report *report;
    struct folder_places from, to;
    struct mover mover;
};

static int take_folder(const char *path, char *error)
{
    bool fresh = mkdir(path, 0700) == 0;
    if (!fresh && errno != EEXIST)
        return folder_fail(error, path, strerror(errno));
    if (!fresh && !folder_has(path, FOLDER_RESTORE) && !folder_is_empty(path))
        return folder_fail(error, path, "is not empty; a restore needs an empty or a new folder");
    int rc = folder_write(path, FOLDER_RESTORE, "a backup is being restored here\n");
    char blobs[FOLDER_PATH];
    if (rc == 0)
        rc = folder_join(blobs, path, "blobs") ? make_folder(blobs) : ENAMETOOLONG;
    return rc == 0 ? 0 : folder_fail(error, path, strerror(rc));
}

/* The tier's line of pail.tiers has the id that its folder is marked with. */
static int mark_tier(struct restore *r, const char *path, const char *name)
{
    char tiers[SMALL_TEXT], text[256], line_name[64], id[64];
    if (folder_read(r->o->backup, FOLDER_TIERS, tiers, sizeof tiers) <= 0)
        return EINVAL;
    for (const char *at = tiers; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (sscanf(at, "%63s %63s", line_name, id) == 2 && strcmp(line_name, name) == 0) {
            snprintf(text, sizeof text, "pail tier %s %s\n", name, id);
            return folder_write(path, FOLDER_TIER, text);
        }
    return EINVAL;
}

static int take_folders(struct restore *r, char *error)
{
    const struct maintenance_folder *f = &r->o->folder;
    if (take_folder(f->path, error) != 0)
        return -1;
    r->to.n = r->from.n;
    for (size_t i = 0; i < r->from.n; i++) {
        const char *name = blob_tier_name(r->from.p[i].tier), *path = i == 0 ? f->path : NULL;
        char why[160];
        for (size_t k = 0; i > 0 && k < f->n_tiers; k++)
            if (strcmp(f->tiers[k].storage_class, name) == 0)
                path = f->tiers[k].path;
        if (!path) {
            snprintf(why, sizeof why, "has data of storage class %s; give --tier %s=DIR", name, name);
            return folder_fail(error, r->o->backup, why);
        }
        if (strlen(path) >= FOLDER_PATH - 64)
            return folder_fail(error, path, "the path is too long");
        if (i > 0 && take_folder(path, error) != 0)
            return -1;
        snprintf(r->to.p[i].path, FOLDER_PATH, "%s", path);
        r->to.p[i].tier = r->from.p[i].tier;
    }
    return 0;
}

struct restoring {
    struct restore *r;
    size_t place;
    uint64_t seen;
    int rc;
};

static int restore_name(void *arg, const struct blob_entry *e)
{
    struct restoring *x = arg;
    struct restore *r = x->r;
    uint64_t bytes;
    if (e->kind != BLOB_ENTRY_BLOB)
        return 0;
    x->rc = move_blob(&r->mover, r->from.p[x->place].path, r->to.p[x->place].path, &e->id, &bytes);
    r->report->blobs++;
    r->report->blob_bytes += bytes;
    if (++x->seen % TICK_BLOBS == 0)
        tick(&r->o->progress, "blobs", x->seen, 0);
    return x->rc == 0 ? 0 : BLOB_IO;
}

static int restore_blobs(struct restore *r, char *error)
{
    for (size_t i = 0; i < r->from.n; i++) {
        struct blob_file_options options = {.folder = r->from.p[i].path, .read_only = true};
        struct blob_store *st = NULL;
        struct restoring x = {.r = r, .place = i};
        int rc = blob_file_open(&options, &st);
        if (rc == BLOB_OK) {
            rc = blob_file_walk(st, restore_name, &x);
            st->ops->close(&st);
        }
        int synced = mover_leave(&r->mover);
        if (rc != BLOB_OK || synced != 0)
            return folder_fail(error, r->to.p[i].path,
                               x.rc     ? strerror(x.rc)
                               : synced ? strerror(synced)
                                        : "the backup's blobs cannot be read");
    }
    return 0;
}

static int restore_index(struct restore *r)
{
    char from[FOLDER_PATH], to[FOLDER_PATH], folder[FOLDER_PATH];
    if (!folder_join(from, r->o->backup, FOLDER_DATA) || !folder_join(to, r->o->folder.path, FOLDER_DATA) ||
        !folder_join(folder, r->o->folder.path, FOLDER_INDEX))
        return ENAMETOOLONG;
    int rc = make_folder(folder);
    if (rc == 0)
        rc = copy_file(from, to);
    return rc == 0 ? folder_sync(folder) : rc;
}

static int restore_files(struct restore *r)
{
    const char *dir = r->o->folder.path;
    int rc = copy_small(r->o->backup, dir, FOLDER_ID);
    r->report->key = folder_has(r->o->backup, FOLDER_KEY);
    if (rc == 0 && r->report->key)
        rc = copy_small(r->o->backup, dir, FOLDER_KEY);
    if (rc == 0 && folder_has(r->o->backup, FOLDER_TIERS))
        rc = copy_small(r->o->backup, dir, FOLDER_TIERS);
    for (size_t i = 1; rc == 0 && i < r->to.n; i++)
        rc = mark_tier(r, r->to.p[i].path, blob_tier_name(r->to.p[i].tier));
    return rc;
}

/* The mark of a data folder is the last thing that it gets. */
static int finish_folder(struct restore *r)
{
    char from[FOLDER_PATH], to[FOLDER_PATH];
    if (!folder_join(from, r->o->backup, FOLDER_SAVED) || !folder_join(to, r->o->folder.path, FOLDER_MARK))
        return ENAMETOOLONG;
    int rc = copy_file(from, to);
    for (size_t i = 0; rc == 0 && i < r->to.n; i++) {
        char mark[FOLDER_PATH];
        if (folder_join(mark, r->to.p[i].path, FOLDER_RESTORE) && unlink(mark) != 0)
            rc = errno;
        if (rc == 0)
            rc = folder_sync(r->to.p[i].path);
    }
    return rc;
}

static int make_restore(struct restore *r, char *error)
{
    struct maintenance_folder backup = {.path = r->o->backup};
    if (!folder_has(r->o->backup, FOLDER_BACKUP))
        return folder_fail(error, r->o->backup,
                           folder_has(r->o->backup, FOLDER_PART) ? "is a backup that never came to its end"
                                                                 : "is no backup of Pail");
    if (folder_find_places(&backup, &r->from, error) != 0 || take_folders(r, error) != 0)
        return -1;
    int rc = restore_index(r);
    if (rc == 0 && restore_blobs(r, error) != 0)
        return -1;
    if (rc == 0)
        rc = restore_files(r);
    if (rc != 0)
        return folder_fail(error, r->o->folder.path, strerror(rc));
    struct check_options check = {.folder = r->o->folder,
                                  .fast = r->o->fast,
                                  .finding = r->o->finding,
                                  .arg = r->o->arg,
                                  .progress = r->o->progress};
    if (check_run(&check, &r->report->check, error) != 0)
        return -1;
    rc = finish_folder(r);
    return rc == 0 ? 0 : folder_fail(error, r->o->folder.path, strerror(rc));
}

int restore_run(const struct restore_options *o, struct restore_report *ret, char ret_error[MAINTENANCE_ERROR])
{
    struct restore *r = xcalloc(1, sizeof *r);
    *ret = (struct restore_report){0};
    ret_error[0] = '\0';
    r->o = o;
    r->report = ret;
    r->mover.copy = o->copy;
    int rc = make_restore(r, ret_error);
    free(r);
    return rc;
}
