/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of one machine over LMDB: the functions of struct index_ops. This file reads; writing is a group commit
 * (commit.c) of LMDB transactions (lmdb_write.c). How keys and records lie in LMDB: longkey.h, lmdb_record.h.
 *
 * Reads run on the caller's thread, inside a cached read transaction that ends with the call: none is ever held while
 * somebody waits. They wait for nobody, except for the moments in which the memory map is replaced.
 *
 * Scans use rows in place, in LMDB's map; what leaves the call is copied into the caller's arena.
 */
#include "index_lmdb.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/commit.h"
#include "storage/lmdb_env.h"
#include "storage/lmdb_record.h"
#include "storage/lmdb_snapshot.h"
#include "storage/lmdb_write.h"

#define PAGE_BYTES_DEFAULT (1024u * 1024) /* of a scan that names no ceiling */
#define PAGE_ROWS_FIRST    32             /* rows for which a page has room at first */
#define SEEK_KEY_MAX       (2 * INDEX_KEY_MAX)

struct index_lmdb {
    struct index index;
    struct lmdb_env *e;
    struct lmdb_writer writer;
    struct committer *committer;
};

const char *index_rc_name(int rc)
{
    static const char *const names[] = {"ok",      "not found", "conflict", "stale",   "unavailable",
                                        "unknown", "full",      "corrupt",  "invalid", "limit"};
    return rc <= 0 && -rc < (int)ARRAY_LEN(names) ? names[-rc] : "?";
}

static struct index_lmdb *self(struct index *index)
{
    return (struct index_lmdb *)index;
}

/* --- reading --- */

static bool key_possible(uint64_t partition, struct bytes key)
{
    return partition != 0 && partition <= INDEX_PARTITION_MAX && key.n >= 1 && key.n <= INDEX_KEY_MAX;
}

static int lmdb_get(struct index *index, uint64_t partition, struct bytes key, struct arena *arena,
                    struct bytes *ret_value)
{
    struct lmdb_env *e = self(index)->e;
    struct lmdb_reader *r;
    struct longkey_name name;
    MDB_val record;
    struct bytes value;
    if (!key_possible(partition, key))
        return INDEX_NOT_FOUND;
    int rc = lmdb_read_begin(e, &r);
    if (rc != INDEX_OK)
        return rc;
    rc = longkey_get(r->txn, e->dbi, partition, key, &name, &record);
    if (rc == 0) {
        MDB_val k = {name.n, name.b};
        rc = lmdb_record_read(&k, &record, false, &value) ? 0 : MDB_CORRUPTED;
    }
    if (rc == 0)
        *ret_value = bytes_dup(arena, value);
    lmdb_read_end(r);
    return lmdb_read_error(rc);
}

static int lmdb_generation(struct index *index, uint64_t partition, uint64_t *ret_generation)
{
    struct lmdb_env *e = self(index)->e;
    struct lmdb_reader *r;
    uint64_t generation = 0;
    if (partition == 0 || partition > INDEX_PARTITION_MAX)
        return INDEX_NOT_FOUND;
    int rc = lmdb_read_begin(e, &r);
    if (rc != INDEX_OK)
        return rc;
    rc = lmdb_number_get(r->txn, e->dbi, partition, BYTES_NONE, &generation);
    lmdb_read_end(r);
    if (rc == 0)
        *ret_generation = generation;
    return lmdb_read_error(rc);
}

/* What one visit carries. */
struct visit {
    const struct index_scan *scan;
    index_visit_f *f;
    void *arg;
    struct buf seek;
    size_t rows, bytes, max_bytes;
    bool passes_damage;
};

static int visit_start(struct longkey_scan *s, const struct index_scan *scan)
{
    bool inside = bytes_cmp(scan->from, scan->prefix) >= 0;
    int rc = longkey_scan_seek(s, inside ? scan->from : scan->prefix);
    if (rc == 0 && inside && scan->after && bytes_eq(s->key, scan->from))
        rc = longkey_scan_next(s);
    return rc;
}

/* Shows one row and moves on. MDB_NOTFOUND ends the visit, as at the end of the keys. */
static int visit_row(struct visit *v, struct longkey_scan *s)
{
    struct bytes value;
    if (!lmdb_record_read(&s->name, &s->record, v->scan->heads, &value))
        return v->passes_damage ? longkey_scan_next(s) : MDB_CORRUPTED;
    v->rows++;
    v->bytes += s->key.n + value.n;
    switch (v->f(v->arg, s->key, value, &v->seek)) {
    case INDEX_VISIT_STOP:
        return MDB_NOTFOUND;
    case INDEX_VISIT_SEEK: {
        struct bytes to = buf_bytes(&v->seek);
        bool ahead = !v->seek.failed && bytes_cmp(to, s->key) > 0; /* never back, nor to half a key */
        int rc = ahead ? longkey_scan_seek(s, to) : longkey_scan_next(s);
        buf_reset(&v->seek);
        return rc;
    }
    default:
        return longkey_scan_next(s);
    }
}

static int visit_run(struct visit *v, struct longkey_scan *s, bool *ret_more)
{
    struct bytes prefix = v->scan->prefix;
    int rc = visit_start(s, v->scan);
    while (rc == 0) {
        if (prefix.n > 0 && !bytes_starts(s->key, prefix))
            break;
        if (v->rows >= v->scan->max_rows || v->bytes >= v->max_bytes) {
            *ret_more = true;
            return INDEX_OK;
        }
        rc = visit_row(v, s);
    }
    if (rc != 0 && rc != MDB_NOTFOUND)
        return lmdb_read_error(rc);
    *ret_more = false;
    return INDEX_OK;
}

static int lmdb_visit(struct index *index, const struct index_scan *scans, size_t n, index_visit_f *f,
                      void *const *args, bool *ret_more)
{
    struct lmdb_env *e = self(index)->e;
    struct lmdb_reader *r;
    struct longkey_scan s;
    struct buf seek;
    int rc = lmdb_read_begin(e, &r);
    if (rc != INDEX_OK)
        return rc;
    buf_init(&seek, SEEK_KEY_MAX);
    rc = lmdb_read_cursors(e, r);
    for (size_t i = 0; rc == INDEX_OK && i < n; i++) {
        const struct index_scan *scan = &scans[i];
        struct visit v = {.scan = scan, .f = f, .arg = args[i], .seek = seek, .passes_damage = e->fixed != NULL};
        ret_more[i] = false;
        if (scan->partition == 0 || scan->partition > INDEX_PARTITION_MAX || scan->max_rows == 0)
            continue;
        v.max_bytes = scan->max_bytes ? scan->max_bytes : PAGE_BYTES_DEFAULT;
        longkey_scan_init(&s, r->txn, e->dbi, r->cursor, scan->partition);
        rc = visit_run(&v, &s, &ret_more[i]);
        seek = v.seek;
        buf_reset(&seek);
    }
    lmdb_read_end(r);
    buf_fini(&seek);
    return rc;
}

struct page_builder {
    struct arena *arena;
    struct index_row *rows;
    size_t n, room, max;
};

static enum index_visit page_row(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    struct page_builder *p = arg;
    (void)seek;
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : PAGE_ROWS_FIRST;
        room = room < p->max ? room : p->max;
        struct index_row *rows = arena_alloc(p->arena, room * sizeof(*rows));
        if (p->n > 0)
            memcpy(rows, p->rows, p->n * sizeof(*rows));
        p->rows = rows;
        p->room = room;
    }
    char *copy = arena_alloc(p->arena, key.n + value.n);
    memcpy(copy, key.p, key.n);
    memcpy(copy + key.n, value.p, value.n);
    p->rows[p->n++] = (struct index_row){.key = {copy, key.n}, .value = {copy + key.n, value.n}};
    return INDEX_VISIT_NEXT;
}

static int lmdb_page(struct index *index, const struct index_scan *scan, struct arena *arena,
                     struct index_page *ret_page)
{
    struct page_builder p = {.arena = arena, .max = scan->max_rows};
    bool more = false;
    int rc = lmdb_visit(index, scan, 1, page_row, (void *[]){&p}, &more);
    if (rc == INDEX_OK)
        *ret_page = (struct index_page){.rows = p.rows, .n_rows = p.n, .more = more};
    return rc;
}

/* --- writing --- */

static void lmdb_submit(struct index *index, struct index_batch *b)
{
    commit_submit(self(index)->committer, b);
}

static int lmdb_apply(struct index *index, struct index_batch *b)
{
    return commit_apply(self(index)->committer, b);
}

static int lmdb_drop(struct index *index, uint64_t partition)
{
    int rc;
    struct index_batch step = {.partition = partition, .puts = &lmdb_drop_step};
    if (partition == INDEX_PARTITION_SYSTEM)
        return INDEX_INVALID;
    do
        rc = commit_apply(self(index)->committer, &step);
    while (rc == INDEX_OK && step.ret_conflict != 0);
    return rc;
}

static void lmdb_keep_sums(struct index *index, const struct index_sums *sums)
{
    CHECK(sums->n <= INDEX_SUMS_MAX);
    self(index)->writer.sums.kept = sums;
}

/* --- life --- */

static void lmdb_close(struct index **index)
{
    struct index_lmdb *l = *index ? self(*index) : NULL;
    if (l == NULL)
        return;
    *index = NULL;
    commit_stop(&l->committer);
    lmdb_env_close(&l->e);
    free(l);
}

static void lmdb_stats(struct index *index, struct index_stats *ret)
{
    struct index_lmdb *l = self(index);
    struct index_lmdb_stats s;
    struct commit_stats c;
    index_lmdb_stats(index, &s);
    commit_stats_get(l->committer, &c);
    *ret = (struct index_stats){.groups = c.groups,
                                .batches = c.batches,
                                .queued = c.queued,
                                .busy_since_ms = c.busy_since_ms,
                                .took = c.took,
                                .used_bytes = s.used_bytes,
                                .file_bytes = s.file_bytes,
                                .full = s.full,
                                .failed = s.failed};
    memcpy(ret->group_sizes, c.group_sizes, sizeof ret->group_sizes);
}

static int lmdb_copy(struct index *index, const char *file, const atomic_bool *stop)
{
    return lmdb_snapshot_copy(self(index)->e, file, stop);
}

/* A process that read beside us (a check, a backup) and was killed keeps its pages from being used again. */
static void lmdb_tend(struct index *index)
{
    int dead;
    mdb_reader_check(self(index)->e->env, &dead);
}

static const struct index_ops lmdb_ops = {
    .name = "lmdb",
    .get = lmdb_get,
    .page = lmdb_page,
    .visit = lmdb_visit,
    .apply = lmdb_apply,
    .submit = lmdb_submit,
    .generation = lmdb_generation,
    .drop = lmdb_drop,
    .stats = lmdb_stats,
    .keep_sums = lmdb_keep_sums,
    .close = lmdb_close,
    .copy = lmdb_copy,
    .tend = lmdb_tend,
};

/* ---- as of one moment, for reading ---- */

static int fixed_apply(struct index *index, struct index_batch *b)
{
    (void)index;
    (void)b;
    return INDEX_UNAVAILABLE;
}

static void fixed_submit(struct index *index, struct index_batch *b)
{
    (void)index;
    b->done(b, INDEX_UNAVAILABLE);
}

static int fixed_drop(struct index *index, uint64_t partition)
{
    (void)index;
    (void)partition;
    return INDEX_UNAVAILABLE;
}

static void fixed_keep_sums(struct index *index, const struct index_sums *sums)
{
    (void)index;
    (void)sums; /* nothing is written */
}

static void fixed_close(struct index **index)
{
    struct index_lmdb *l = *index ? self(*index) : NULL;
    if (l == NULL)
        return;
    *index = NULL;
    lmdb_env_close(&l->e);
    free(l);
}

static const struct index_ops fixed_ops = {
    .name = "lmdb",
    .get = lmdb_get,
    .page = lmdb_page,
    .visit = lmdb_visit,
    .apply = fixed_apply,
    .submit = fixed_submit,
    .generation = lmdb_generation,
    .drop = fixed_drop,
    .keep_sums = fixed_keep_sums,
    .close = fixed_close,
    .copy = lmdb_copy,
};

int index_lmdb_open_snapshot(const char *path, struct index **ret_index, char *ret_message)
{
    struct lmdb_env *e = NULL;
    int rc = lmdb_env_open_fixed(path, &e, ret_message);
    if (rc != INDEX_OK)
        return rc;
    struct index_lmdb *l = xcalloc(1, sizeof(*l));
    l->index.ops = &fixed_ops;
    l->e = e;
    *ret_index = &l->index;
    return INDEX_OK;
}

void index_lmdb_pause(struct index *index)
{
    CHECK(index->ops == &fixed_ops);
    lmdb_env_pause_fixed(self(index)->e);
}

int index_lmdb_renew(struct index *index)
{
    CHECK(index->ops == &fixed_ops);
    return lmdb_env_renew_fixed(self(index)->e);
}

int index_lmdb_verify(struct index *index, const struct index_lmdb_verify *v, struct index_lmdb_census *ret)
{
    CHECK(index->ops == &fixed_ops);
    return lmdb_snapshot_verify(self(index)->e, v, ret);
}

int index_lmdb_open(const struct index_lmdb_options *options, struct index **ret_index, char *ret_message)
{
    struct lmdb_env *e = NULL;
    int rc = lmdb_env_open(options, &e, ret_message);
    if (rc != INDEX_OK)
        return rc;
    struct index_lmdb *l = xcalloc(1, sizeof(*l));
    l->index.ops = &lmdb_ops;
    l->e = e;
    l->writer.e = e;
    l->committer = commit_start(lmdb_write_group, &l->writer);
    if (l->committer == NULL) {
        lmdb_env_close(&e);
        free(l);
        memcpy(ret_message, "no thread for the index", sizeof("no thread for the index"));
        return INDEX_UNAVAILABLE;
    }
    *ret_index = &l->index;
    return INDEX_OK;
}

void index_lmdb_stats(struct index *index, struct index_lmdb_stats *ret)
{
    struct index_lmdb *l = self(index);
    struct commit_stats c;
    struct lmdb_reader *r;
    CHECK(index->ops == &lmdb_ops);
    commit_stats_get(l->committer, &c);
    *ret = (struct index_lmdb_stats){
        .groups = c.groups,
        .batches = c.batches,
        .queued = c.queued,
        .busy_since_ms = c.busy_since_ms,
        .file_bytes = atomic_load(&l->e->file_end),
        .map_bytes = atomic_load(&l->e->map_size),
        .full = atomic_load(&l->writer.full),
        .failed = atomic_load(&l->writer.failed),
        .in_doubt = atomic_load(&l->e->blind),
    };
    if (lmdb_read_begin(l->e, &r) == INDEX_OK) { /* so that the map stays while LMDB looks at its header */
        ret->used_bytes = lmdb_env_used(l->e);
        lmdb_read_end(r);
    }
}
