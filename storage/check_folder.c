/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail check`: opens a data folder for reading beside whoever serves it, judges the pages of the index first (only
 * what was judged is read), then the store (check.c); and puts right what can be put right without losing anything.
 *
 * Repairs come after everything was closed again, by ordinary batches, and each of them may be cut short anywhere: an
 * orphan is moved, not removed; a reference is dropped only while no record needs it, and its blob stays; a reference
 * is put back only for a blob that can be opened. Threads: the caller's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rand.h"
#include "blob_file.h"
#include "index_lmdb.h"
#include "storage/folder.h"
#include "storage/key.h"
#include "storage/record.h"
#include "storage/store_internal.h"

#define FOUND "found" /* beside blobs/: what was found there without an owner */

struct checking {
    struct check_job job;
    struct folder_places places;
    struct check_place open[FOLDER_PLACES];
    struct check_fixes fixes;
    char index_path[FOLDER_PATH];
};

/* ---- the index's pages ---- */

static void on_index_fault(void *arg, uint64_t partition, struct bytes key, const char *text)
{
    struct checking *c = arg;
    char what[256];
    /* A readable key: kind, then the rest. Which bucket it is of, the records will tell if they can be read. */
    if (partition == 0)
        snprintf(what, sizeof what, "index: %.200s", text);
    else
        snprintf(what, sizeof what, "index, partition %" PRIu64 ", kind %c: %.150s", partition,
                 key.n && key.p[0] >= 'a' && key.p[0] <= 'z' ? key.p[0] : '?', text);
    check_tell(&c->job, &(struct check_finding){.kind = CHECK_INDEX,
                                                .what = what,
                                                .key = partition && key.n > 1 ? bytes_cut(key, 1, key.n) : BYTES_NONE});
}

static void on_index_tick(void *arg, uint64_t pages)
{
    struct checking *c = arg;
    const struct maintenance_progress *p = &c->job.options->progress;
    if (p->tick)
        p->tick(p->arg, "index pages", pages, 0, false);
}

/* 0: go on; 1: it cannot be read any further, which has been told; -1: it could not be looked at. */
static int judge_index(struct checking *c, char *error)
{
    char message[INDEX_LMDB_MESSAGE_MAX] = "";
    struct index_lmdb_census census = {0};
    struct index_lmdb_verify v = {on_index_fault, on_index_tick, c};
    int rc = index_lmdb_open_snapshot(c->index_path, &c->job.index, message);
    if (rc == INDEX_CORRUPT || rc == INDEX_NOT_FOUND) {
        check_tell(&c->job, &(struct check_finding){.kind = CHECK_INDEX, .what = message});
        return 1;
    }
    if (rc != INDEX_OK)
        return folder_fail(error, c->index_path, message);
    rc = index_lmdb_verify(c->job.index, &v, &census);
    c->job.report->pages = census.pages;
    c->job.report->records = census.records;
    if (rc == INDEX_OK)
        return 0;
    if (rc != INDEX_CORRUPT)
        return folder_fail(error, c->index_path, index_rc_name(rc));
    return 1;
}

/* ---- repairs ---- */

static int move_orphan(struct checking *c, const struct check_fix *f, char *text, size_t cap)
{
    char from[FOLDER_PATH + 128], folder[FOLDER_PATH + 16], to[FOLDER_PATH + 128], name[BLOB_FILE_PATH], id[33];
    struct blob_id inner = f->blob;
    const char *place = NULL;
    inner.b[0] = 0;
    blob_file_path(&inner, name);
    hex_encode(f->blob.b, sizeof f->blob.b, id);
    id[32] = '\0';
    for (size_t i = 0; i < c->places.n; i++)
        if (c->places.p[i].tier == f->blob.b[0] || (c->places.n == 1 && i == 0))
            place = c->places.p[i].path;
    if (!place)
        return ENOENT;
    snprintf(from, sizeof from, "%s/blobs/%s", place, name);
    snprintf(folder, sizeof folder, "%s/" FOUND, place);
    snprintf(to, sizeof to, "%s/%s", folder, id);
    snprintf(text, cap, "move the blob %s, which nothing refers to, to %.300s", id, folder);
    if (c->job.options->repairing)
        c->job.options->repairing(c->job.options->arg, text);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return errno;
    if (rename(from, to) != 0)
        return errno;
    c->job.report->moved++;
    return folder_sync(folder);
}

static bool blob_opens(struct checking *c, const struct blob_id *id)
{
    struct blob_reader *r = NULL;
    bool good = c->job.blobs->ops->open(c->job.blobs, id, &r) == BLOB_OK;
    c->job.blobs->ops->close_reader(&r);
    return good;
}

static int change_ref(struct checking *c, struct index *index, const struct check_fix *f, char *text, size_t cap)
{
    struct arena *a = arena_create(0);
    struct bytes key = key_ref(a, &f->blob, f->ref);
    struct index_put put = {.key = key, .value = record_ref_value()};
    struct index_batch b = {.partition = f->partition};
    bool drop = f->kind == FIX_DROP_REF;
    char id[33];
    hex_encode(f->blob.b, sizeof f->blob.b, id);
    id[32] = '\0';
    if (drop) {
        b.deletes = &key;
        b.n_deletes = 1;
    } else {
        b.puts = &put;
        b.n_puts = 1;
    }
    snprintf(text, cap, "%s to blob %s", drop ? "drop a reference that no object needs" : "put back the reference", id);
    int rc = drop || blob_opens(c, &f->blob) ? index_generation(index, f->partition, &b.generation) : INDEX_NOT_FOUND;
    if (rc == INDEX_OK && c->job.options->repairing)
        c->job.options->repairing(c->job.options->arg, text);
    rand_bytes(b.request_id, sizeof b.request_id);
    if (rc == INDEX_OK)
        rc = index_apply(index, &b);
    arena_free(a);
    return rc == INDEX_OK ? 0 : EIO;
}

static int count_again(struct checking *c, struct index *index, const struct check_fix *f)
{
    if (c->job.options->repairing)
        c->job.options->repairing(c->job.options->arg, "count anew what a bucket holds");
    return counts_recount(index, f->partition) == INDEX_OK ? 0 : EIO;
}

static int repair(struct checking *c, char *error)
{
    char message[INDEX_LMDB_MESSAGE_MAX], text[512];
    struct index *index = NULL;
    struct index_lmdb_options options = {.path = c->index_path};
    int first = 0;
    c->job.index->ops->close(&c->job.index); /* one opening in a process */
    if (index_lmdb_open(&options, &index, message) != INDEX_OK)
        return folder_fail(error, c->index_path, message);
    /* What looks superfluous may belong to a record that cannot be read. */
    const uint64_t *found = c->job.report->found;
    bool sure = found[CHECK_INDEX] == 0 && found[CHECK_RULE] == 0;
    for (size_t i = 0; i < c->fixes.n; i++) {
        const struct check_fix *f = &c->fixes.p[i];
        if (!sure && f->kind != FIX_PUT_REF && f->kind != FIX_SUMS)
            continue;
        int rc = f->kind == FIX_MOVE_BLOB ? move_orphan(c, f, text, sizeof text)
                 : f->kind == FIX_SUMS    ? count_again(c, index, f)
                                          : change_ref(c, index, f, text, sizeof text);
        c->job.report->repaired += rc == 0;
        first = first ? first : rc;
    }
    index->ops->close(&index);
    return first == 0 ? 0 : folder_fail(error, c->job.options->folder.path, "not everything could be repaired");
}

/* ---- all of it ---- */

static int run(struct checking *c, char *error)
{
    /* The blobs first: what was settled before the index's moment is judged by it. */
    if (folder_find_places(&c->job.options->folder, &c->places, error) != 0 ||
        folder_open_blobs(&c->places, c->open, &c->job.blobs, error) != 0)
        return -1;
    c->job.places = c->open;
    c->job.n_places = c->places.n;
    if (!folder_join(c->index_path, c->job.options->folder.path, FOLDER_INDEX))
        return folder_fail(error, c->job.options->folder.path, "the path is too long");
    int rc = judge_index(c, error);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    c->job.pause = index_lmdb_pause;
    c->job.renew = index_lmdb_renew;
    rc = check_judge(&c->job, error);
    if (rc == 0 && c->job.options->repair && c->fixes.n > 0)
        rc = repair(c, error);
    return rc;
}

int check_run(const struct check_options *options, struct check_report *ret, char ret_error[MAINTENANCE_ERROR])
{
    struct checking *c = xcalloc(1, sizeof *c);
    *ret = (struct check_report){0};
    ret_error[0] = '\0';
    c->job.options = options;
    c->job.report = ret;
    c->job.fixes = options->repair ? &c->fixes : NULL;
    int rc = run(c, ret_error);
    if (c->job.index)
        c->job.index->ops->close(&c->job.index);
    if (c->job.blobs)
        c->job.blobs->ops->close(&c->job.blobs);
    free(c->fixes.p);
    free(c);
    return rc;
}
