/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing objects. One visit over the heads of the records, in key order. With a delimiter, the first key of a group
 * reports the group and the scan seeks to the smallest key behind it, so a page costs what it shows, however full its
 * groups are. After the last row that fits, the visit looks at one key more: that is how `truncated` is exact. Threads:
 * blocks as long as the index reads.
 */
#include "storage/store_internal.h"

#include "base/log.h"

#include <string.h>

#define VISIT_BYTES (64u << 20) /* far more than a page of the longest keys: rows are what limits a visit */

/* ---- for both kinds of lists ---- */

struct bytes store__group_of(struct bytes key, struct bytes prefix, struct bytes delimiter)
{
    ptrdiff_t at;
    if (delimiter.n == 0 || !bytes_starts(key, prefix))
        return BYTES_NONE;
    if (delimiter.n == 1) {
        const char *p = key.n > prefix.n ? memchr(key.p + prefix.n, delimiter.p[0], key.n - prefix.n) : NULL;
        return p ? bytes_cut(key, 0, (size_t)(p - key.p) + 1) : BYTES_NONE;
    }
    at = bytes_find(key, delimiter, prefix.n);
    return at < 0 ? BYTES_NONE : bytes_cut(key, 0, (size_t)at + delimiter.n);
}

struct walk {
    index_visit_f *f;
    void *arg;
    struct buf resume; /* where a visit that ended early goes on */
    bool resume_after;
};

static enum index_visit walk_row(void *arg, struct bytes key, struct bytes head, struct buf *seek)
{
    struct walk *w = arg;
    enum index_visit answer = w->f(w->arg, key, head, seek);
    w->resume_after = answer != INDEX_VISIT_SEEK;
    buf_reset(&w->resume);
    buf_put_bytes(&w->resume, w->resume_after ? key : buf_bytes(seek));
    return answer;
}

int store__visit(struct store *st, const struct index_scan *from, index_visit_f *f, void *arg)
{
    struct walk w = {.f = f, .arg = arg};
    struct index_scan scan = *from;
    char at[INDEX_KEY_MAX];
    bool more;
    int rc;
    buf_init(&w.resume, INDEX_KEY_MAX);
    while ((rc = index_visit(st->index, &scan, walk_row, &w, &more)) == INDEX_OK && more && w.resume.n) {
        memcpy(at, w.resume.p, w.resume.n); /* the next visit writes over it */
        scan.from = bytes_of(at, w.resume.n);
        scan.after = w.resume_after;
    }
    buf_fini(&w.resume);
    return rc == INDEX_NOT_FOUND ? STORE_OK : store__index_rc(rc); /* not found: the bucket has just gone */
}

/* ---- objects ---- */

struct listing {
    const struct store_list *list;
    store_list_f *row;
    void *arg;
    size_t given;
    bool truncated, corrupt;
    struct buf last; /* the row given last, so that the next page can go on after it */
};

static void give(struct listing *l, const struct store_list_row *row)
{
    l->given++;
    buf_reset(&l->last);
    buf_put_bytes(&l->last, row->key);
    l->row(l->arg, row);
}

static bool give_object(struct listing *l, struct bytes key, struct bytes head)
{
    struct rec_object r;
    if (!record_decode(&rec_object, head, NULL, &r))
        return false;
    struct store_list_row row = {
        .key = key,
        .size = r.o.size,
        .mtime_ms = r.o.mtime_ms,
        .etag = r.o.etag,
        .storage_class = r.o.storage_class.n ? r.o.storage_class : BYTES_LIT("STANDARD"),
        .owner = r.o.owner,
        .checksum_alg = r.o.checksum.alg,
        .checksum_type = r.o.checksum_type,
        .restore_ready_ms = r.o.restore_ready_ms,
        .restored_until_ms = r.o.restored_until_ms,
    };
    give(l, &row);
    return true;
}

static enum index_visit on_row(void *arg, struct bytes index_key, struct bytes head, struct buf *seek)
{
    struct listing *l = arg;
    struct bytes key = key_rest(index_key);
    if (l->given == l->list->max) {
        l->truncated = true;
        return INDEX_VISIT_STOP;
    }
    struct bytes group = store__group_of(key, l->list->prefix, l->list->delimiter);
    if (group.n == 0) {
        l->corrupt = !give_object(l, key, head);
        if (l->corrupt) /* the request's own line can name the bucket only */
            log_error("list", "the record of key %.*s is damaged", (int)key.n, key.p);
        return l->corrupt ? INDEX_VISIT_STOP : INDEX_VISIT_NEXT;
    }
    give(l, &(struct store_list_row){.key = group, .is_prefix = true});
    buf_reset(seek);
    return key_after_prefix(seek, bytes_of(index_key.p, 1 + group.n)) ? INDEX_VISIT_SEEK : INDEX_VISIT_STOP;
}

/* Where the scan begins; false: behind everything. */
static bool first_key(const struct store_list *list, struct arena *a, struct index_scan *scan)
{
    struct bytes group = store__group_of(list->after, list->prefix, list->delimiter);
    if (group.n) {
        struct buf from;
        buf_init(&from, INDEX_KEY_MAX);
        bool any = key_after_prefix(&from, key_object(a, group));
        scan->from = bytes_dup(a, buf_bytes(&from));
        buf_fini(&from);
        return any;
    }
    if (list->after.n && bytes_cmp(list->after, list->prefix) >= 0) {
        scan->from = key_object(a, bytes_cut(list->after, 0, STORE_KEY_MAX + 1));
        scan->after = true;
    } else {
        scan->from = scan->prefix;
    }
    return true;
}

int store_list_objects(struct store *st, const struct store_bucket *b, const struct store_list *list, store_list_f *row,
                       void *arg, struct arena *a, struct store_list_end *ret)
{
    struct listing l = {.list = list, .row = row, .arg = arg};
    struct index_scan scan = {.partition = b->partition, .max_bytes = VISIT_BYTES, .heads = true};
    *ret = (struct store_list_end){0};
    if (list->max == 0 || list->prefix.n > STORE_KEY_MAX)
        return STORE_OK;
    scan.prefix = key_object(a, list->prefix);
    scan.max_rows = list->max + 1;
    if (!first_key(list, a, &scan))
        return STORE_OK;
    buf_init(&l.last, INDEX_KEY_MAX);
    int rc = store__visit(st, &scan, on_row, &l);
    if (rc == STORE_OK && l.corrupt)
        rc = STORE_CORRUPT;
    if (rc == STORE_OK) {
        ret->truncated = l.truncated;
        ret->last = bytes_dup(a, buf_bytes(&l.last));
    }
    buf_fini(&l.last);
    return rc;
}
