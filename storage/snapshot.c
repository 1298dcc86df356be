/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of the index, for the day on which it is lost: DIR/snapshots/<time in ms>/data.mdb, a compact copy made
 * while the server works, which also proves every page of the index on the way. A few are kept.
 *
 * Also made when the keys of encryption have changed: a blob can say whose it is, but without the key that sealed its
 * object key nobody can read it, and such keys lie in the index alone. The very first is made at once for that reason.
 *
 * Room: none is made when the disk could not take two more of its size. Threads: its own; what is written appears
 * under its name when it is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "checksum.h"
#include "storage/folder.h"
#include "storage/store_internal.h"
#include "storage/upkeep_in.h"

#define LOOK_MS       3000 /* how often keys and clock are looked at */
#define FIRST_MS      200
#define RETRY_MS      (10 * 60 * 1000)
#define KEY_DOCS      "keys/k/"              /* documents of the keyring */
#define TAKEN_DOC     "upkeep/snapshot/keys" /* digest of those that the newest snapshot has */
#define KEYS_PAGE     100
#define ROOM_MIN      (UINT64_C(64) << 20) /* bytes that stay free */
#define SNAPSHOTS_MAX 1000
#define FRESH         "new"

/* ---- what there is ---- */

struct snapshots {
    int64_t ms[SNAPSHOTS_MAX]; /* newest first */
    size_t n;
};

static int compare_newest(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a > b ? -1 : a < b;
}

static void list_snapshots(const char *folder, struct snapshots *ret)
{
    DIR *dir = opendir(folder);
    ret->n = 0;
    for (struct dirent *e; dir && ret->n < SNAPSHOTS_MAX && (e = readdir(dir));) {
        uint64_t ms;
        if (bytes_to_u64(bytes_str(e->d_name), INT64_MAX, &ms))
            ret->ms[ret->n++] = (int64_t)ms;
    }
    if (dir)
        closedir(dir);
    qsort(ret->ms, ret->n, sizeof *ret->ms, compare_newest);
}

static void remove_snapshot(const char *folder, const char *name)
{
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    char path[FOLDER_PATH + 64];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s/%s", folder, name, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    rmdir(path);
}

static uint64_t snapshot_bytes(const char *folder, int64_t ms)
{
    char path[FOLDER_PATH + 64];
    struct stat st;
    snprintf(path, sizeof path, "%s/%" PRId64 "/data.mdb", folder, ms);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* ---- making one ---- */

static bool has_room(struct upkeep *u, const char *folder, const struct snapshots *s)
{
    uint64_t free_bytes, total, last = s->n ? snapshot_bytes(folder, s->ms[0]) : 0;
    store_space(u->o.store, &free_bytes, &total);
    return free_bytes >= ROOM_MIN + 2 * last;
}

/* A text that says why not; NULL: it is made. */
static const char *make(struct upkeep *u, const char *folder, int64_t now)
{
    char fresh[FOLDER_PATH + 64], file[FOLDER_PATH + 64], final[FOLDER_PATH + 64];
    struct index *index = u->o.store->index;
    snprintf(fresh, sizeof fresh, "%s/" FRESH, folder);
    snprintf(file, sizeof file, "%s/" FRESH "/data.mdb", folder);
    snprintf(final, sizeof final, "%s/%" PRId64, folder, now);
    remove_snapshot(folder, FRESH); /* what a stop left */
    if ((mkdir(folder, 0700) != 0 && errno != EEXIST) || mkdir(fresh, 0700) != 0)
        return strerror(errno);
    int rc = index->ops->copy(index, file, &u->stop);
    if (rc == INDEX_OK && folder_sync(fresh) == 0 && rename(fresh, final) == 0 && folder_sync(folder) == 0)
        return NULL;
    const char *why = rc == INDEX_CORRUPT ? "the index is damaged: `pail check` says where"
                      : rc == INDEX_FULL  ? "the disk is full"
                      : rc == INDEX_OK    ? strerror(errno)
                                          : index_rc_name(rc);
    remove_snapshot(folder, FRESH);
    return why;
}

static bool take(struct upkeep *u, const char *folder)
{
    struct snapshots *s = xmalloc(sizeof *s);
    int64_t now = clock_wall_ms(), began = clock_mono_ms();
    list_snapshots(folder, s);
    const char *why = has_room(u, folder, s) ? make(u, folder, now) : "the disk has too little room";
    if (why && atomic_load(&u->stop)) {
        log_debug("snapshot", "no snapshot of the index: the server stops");
    } else if (why) {
        log_warn("snapshot", "no snapshot of the index: %s; tried again in %d min", why, RETRY_MS / 60000);
    } else {
        log_info("snapshot", "the index was copied to snapshots/%" PRId64 ": %" PRIu64 " KiB in %" PRId64 " ms", now,
                 snapshot_bytes(folder, now) >> 10, clock_mono_ms() - began);
        atomic_store(&u->snapshot_ms, now);
        list_snapshots(folder, s);
        for (size_t i = u->o.snapshots_kept; i < s->n; i++) {
            char name[32];
            snprintf(name, sizeof name, "%" PRId64, s->ms[i]);
            remove_snapshot(folder, name);
        }
    }
    atomic_store(&u->snapshot_failed, why != NULL);
    free(s);
    return why == NULL;
}

/* ---- when ---- */

/* A number that is another one when any key document is. */
static uint32_t keys_digest(struct upkeep *u)
{
    struct arena *a = arena_create(0);
    struct bytes after = BYTES_NONE;
    uint32_t crc = 0;
    for (bool more = true; more;) {
        struct store_doc *docs;
        size_t n = 0;
        if (store_doc_list(u->o.store, BYTES_LIT(KEY_DOCS), after, KEYS_PAGE, a, &docs, &n, &more) != STORE_OK)
            break;
        for (size_t i = 0; i < n; i++)
            crc = crc32c(crc32c(crc, docs[i].key.p, docs[i].key.n), docs[i].value.p, docs[i].value.n);
        more = more && n > 0;
        if (n)
            after = docs[n - 1].key;
    }
    arena_free(a);
    return crc;
}

static uint32_t saved_digest(struct upkeep *u)
{
    struct arena *a = arena_create(0);
    struct bytes text;
    uint64_t digest = 0;
    if (store_doc_get(u->o.store, BYTES_LIT(TAKEN_DOC), a, &text) == STORE_OK)
        (void)bytes_to_u64(text, UINT32_MAX, &digest);
    arena_free(a);
    return (uint32_t)digest;
}

static void save_digest(struct upkeep *u, uint32_t digest)
{
    struct arena *a = arena_create(0);
    struct store_doc_change c = {
        .key = BYTES_LIT(TAKEN_DOC), .put = true, .value = arena_bytesf(a, "%" PRIu32, digest)};
    if (store_doc_apply(u->o.store, &c, 1) != STORE_OK) /* then the next start makes one more */
        log_debug("snapshot", "the digest of the keys was not saved");
    arena_free(a);
}

void *snapshot_main(void *arg)
{
    struct upkeep *u = arg;
    char folder[FOLDER_PATH];
    struct snapshots *s = xmalloc(sizeof *s);
    const struct index_ops *ops = u->o.store->index->ops;
    bool wanted = ops->copy && u->o.snapshot_interval_ms && folder_join(folder, u->o.folder, FOLDER_SNAPSHOTS);
    if (!wanted)
        folder[0] = '\0';
    list_snapshots(folder, s);
    int64_t last = s->n ? s->ms[0] : 0, failed_mono = 0;
    free(s);
    atomic_store(&u->snapshot_ms, last);
    upkeep_be_idle();
    uint32_t keys = saved_digest(u);
    bool changed = last == 0;
    for (bool go = upkeep_rest(u, FIRST_MS); go; go = upkeep_rest(u, LOOK_MS)) {
        if (ops->tend)
            ops->tend(u->o.store->index);
        if (!wanted)
            continue;
        int64_t now = clock_wall_ms();
        uint32_t present = keys_digest(u);
        changed = changed || present != keys;
        bool due = changed || now - last >= (int64_t)u->o.snapshot_interval_ms || last > now;
        if (!due || (failed_mono && clock_mono_ms() - failed_mono < RETRY_MS))
            continue;
        if (take(u, folder)) {
            last = atomic_load(&u->snapshot_ms);
            if (keys != present)
                save_digest(u, present);
            keys = present;
            changed = false;
            failed_mono = 0;
        } else {
            failed_mono = clock_mono_ms();
        }
    }
    return NULL;
}
