/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing versions: two ranges of the index, the older versions with the delete markers (`w`) and the current objects
 * (`o`), read in one visit, so as of one moment, and merged by key; of a key the current object comes first, then `w`
 * as it lies, newest first. So each key has one latest version at every moment, whatever is written meanwhile.
 *
 * A visit copies at most one row more than the page has room for from each range. When a range was cut short, nothing
 * that sorts behind its last row is given, and another visit goes on from there. Threads: blocks as long as the index
 * reads.
 */
#include "storage/store_internal.h"

#include <string.h>

#include "base/log.h"

#define VISIT_BYTES (64u << 20) /* rows are what limits a visit */

enum { OLDER, CURRENT, LANES };

struct lane_row {
    struct bytes key;  /* S3 key, or common prefix */
    struct bytes name; /* the index key: where the row lies */
    struct bytes head; /* empty: a common prefix */
};

struct lane {
    const struct store_version_list *list;
    struct arena *arena;
    struct lane_row *rows;
    size_t n, max, at;
    bool cut;
    struct bytes marker; /* of this key, only versions older ... */
    uint64_t older_than; /* ... than this one (seq) */
};

struct listing {
    struct store *store;
    const struct store_bucket *bucket;
    struct store_version_list list; /* its markers move on */
    store_list_f *row;
    void *arg;
    size_t given;
    struct store_version_list_end *end;
    struct arena *arena;
    uint64_t older_than; /* the version marker's seq */
};

/*
 * The current object of the marker's key. Usually it is the marker or newer than that; when the versions above have
 * gone since, an older one has moved up.
 */
static bool before_marker(const struct lane *l, struct bytes key, struct bytes head)
{
    struct rec_object r;
    if (!l->marker.n || !bytes_eq(key, l->marker) || !record_decode(&rec_object, head, NULL, &r))
        return false;
    store__settle_version(&r);
    return r.o.version.seq >= l->older_than;
}

static enum index_visit take_row(void *arg, struct bytes index_key, struct bytes head, struct buf *seek)
{
    struct lane *l = arg;
    struct bytes key = key_rest(index_key);
    uint64_t seq;
    const unsigned char *uid;
    if (index_key.p[0] == KEY_VERSION && !key_version_parse(index_key, &key, &seq, &uid))
        return INDEX_VISIT_NEXT; /* nothing that we wrote */
    if (index_key.p[0] == KEY_OBJECT && before_marker(l, key, head))
        return INDEX_VISIT_NEXT;
    if (l->n == l->max) {
        l->cut = true;
        return INDEX_VISIT_STOP;
    }
    struct lane_row *row = &l->rows[l->n++];
    struct bytes group = store__group_of(key, l->list->prefix, l->list->delimiter);
    *row = (struct lane_row){.name = bytes_dup(l->arena, index_key)};
    if (group.n == 0) {
        row->key = bytes_of(row->name.p + 1, key.n);
        row->head = bytes_dup(l->arena, head);
        return INDEX_VISIT_NEXT;
    }
    row->key = bytes_of(row->name.p + 1, group.n);
    buf_reset(seek);
    return key_after_prefix(seek, bytes_of(index_key.p, 1 + group.n)) ? INDEX_VISIT_SEEK : INDEX_VISIT_STOP;
}

static int give(struct listing *l, const struct lane_row *from)
{
    struct store_list_row row = {.key = from->key, .is_prefix = from->head.n == 0};
    if (!row.is_prefix) {
        struct rec_object r;
        if (!record_decode(&rec_object, from->head, NULL, &r)) {
            log_error("list", "a version's record of key %.*s is damaged", (int)from->key.n, from->key.p);
            return STORE_CORRUPT;
        }
        store__settle_version(&r);
        row.size = r.o.size;
        row.mtime_ms = r.o.mtime_ms;
        row.etag = r.o.etag;
        row.storage_class = r.o.storage_class.n ? r.o.storage_class : BYTES_LIT("STANDARD");
        row.owner = r.o.owner;
        row.checksum_alg = r.o.checksum.alg;
        row.checksum_type = r.o.checksum_type;
        row.restore_ready_ms = r.o.restore_ready_ms;
        row.restored_until_ms = r.o.restored_until_ms;
        row.version = r.o.version;
        row.marker = r.o.marker;
        row.envelope = r.o.envelope;
        row.latest = from->name.p[0] == KEY_OBJECT || r.noncurrent_ms == 0;
    }
    l->given++;
    l->end->last_key = from->key;
    l->end->last_is_version = !row.is_prefix;
    l->end->last_version = row.version;
    l->row(l->arg, &row);
    return STORE_OK;
}

/* The lane whose row comes next; LANES: none, or what would come is not known. */
static int next_lane(const struct lane lanes[LANES])
{
    const struct lane *o = &lanes[CURRENT], *w = &lanes[OLDER];
    bool o_over = o->at == o->n, w_over = w->at == w->n;
    if ((o_over && o->cut) || (w_over && w->cut) || (o_over && w_over))
        return LANES;
    if (o_over || w_over)
        return o_over ? OLDER : CURRENT;
    return bytes_cmp(w->rows[w->at].key, o->rows[o->at].key) < 0 ? OLDER : CURRENT;
}

/* Gives what both lanes have in store. */
static int merge(struct listing *l, struct lane lanes[LANES])
{
    for (int next; (next = next_lane(lanes)) != LANES;) {
        const struct lane_row *row = &lanes[next].rows[lanes[next].at];
        bool shown =
            row->head.n == 0 && l->given > 0 && !l->end->last_is_version && bytes_eq(row->key, l->end->last_key);
        if (!shown && l->given == l->list.max) {
            l->end->truncated = true;
            return STORE_OK;
        }
        int rc = shown ? STORE_OK : give(l, row);
        if (rc != STORE_OK)
            return rc;
        lanes[next].at++;
    }
    return STORE_OK;
}

/* ---- where a page begins ---- */

/* Index keys to start at, inclusive or not. False: behind everything. */
struct start {
    struct bytes from;
    bool after;
};

static bool after_group(struct arena *a, struct bytes group, enum key_kind kind, struct start *ret)
{
    struct buf from;
    buf_init(&from, INDEX_KEY_MAX);
    bool any = key_after_prefix(&from, key_of_kind(a, kind, group));
    *ret = (struct start){.from = bytes_dup(a, buf_bytes(&from))};
    buf_fini(&from);
    return any;
}

/* The first row of `w` that is older than the marker; behind all of the key's when there is no such version. */
static int after_version(struct listing *l, struct bytes key, struct start *ret)
{
    struct store_version v = {0};
    static const unsigned char none[KEY_UID_BYTES];
    if (l->list.version_marker) {
        v = *l->list.version_marker;
        if (v.null && !v.seq) {
            struct store_located found;
            int rc = store__find_version(l->store, l->bucket, key, &v, l->arena, &found);
            bool there = rc == STORE_OK || rc == STORE_DELETE_MARKER;
            if (!there && rc != STORE_NO_SUCH_VERSION && rc != STORE_NO_SUCH_KEY)
                return rc;
            v.seq = there ? found.r.o.version.seq : 0;
        }
    }
    l->older_than = v.seq;
    /* seq 0 sorts behind all others: the inverse of it is the greatest */
    *ret = (struct start){.from = key_version(l->arena, key, v.seq, v.null || !v.seq ? none : v.uid), .after = true};
    return STORE_OK;
}

static int begin(struct listing *l, struct start starts[LANES], bool *ret_any)
{
    const struct store_version_list *list = &l->list;
    struct bytes marker = bytes_cut(list->key_marker, 0, STORE_KEY_MAX + 1);
    struct bytes group = store__group_of(marker, list->prefix, list->delimiter);
    *ret_any = true;
    if (group.n) {
        *ret_any = after_group(l->arena, group, KEY_VERSION, &starts[OLDER]) &&
                   after_group(l->arena, group, KEY_OBJECT, &starts[CURRENT]);
        return STORE_OK;
    }
    if (marker.n == 0 || bytes_cmp(marker, list->prefix) < 0) {
        starts[OLDER] = (struct start){.from = key_of_kind(l->arena, KEY_VERSION, list->prefix)};
        starts[CURRENT] = (struct start){.from = key_object(l->arena, list->prefix)};
        return STORE_OK;
    }
    starts[CURRENT] = (struct start){.from = key_object(l->arena, marker), .after = !list->version_marker};
    return after_version(l, marker, &starts[OLDER]);
}

/* One visit and what it gives. *ret_more: there may be more, and the page has room for it. */
static int visit(struct listing *l, bool *ret_more)
{
    static const enum key_kind kinds[LANES] = {[OLDER] = KEY_VERSION, [CURRENT] = KEY_OBJECT};
    struct start starts[LANES];
    struct lane lanes[LANES];
    struct index_scan scans[LANES];
    void *args[LANES];
    bool cut[LANES] = {0};
    int rc = begin(l, starts, ret_more);
    if (rc != STORE_OK || !*ret_more)
        return rc;
    for (int i = 0; i < LANES; i++) {
        lanes[i] = (struct lane){.list = &l->list, .arena = l->arena, .max = l->list.max + 1 - l->given};
        if (l->list.version_marker) {
            lanes[i].marker = l->list.key_marker;
            lanes[i].older_than = l->older_than;
        }
        lanes[i].rows = arena_new_array(l->arena, struct lane_row, lanes[i].max);
        scans[i] = (struct index_scan){.partition = l->bucket->partition,
                                       .from = starts[i].from,
                                       .after = starts[i].after,
                                       .prefix = key_of_kind(l->arena, kinds[i], l->list.prefix),
                                       .max_rows = lanes[i].max + 1,
                                       .max_bytes = VISIT_BYTES,
                                       .heads = true};
        args[i] = &lanes[i];
    }
    rc = index_visit_ranges(l->store->index, scans, LANES, take_row, args, cut);
    *ret_more = false;
    if (rc != INDEX_OK)
        return rc == INDEX_NOT_FOUND ? STORE_OK : store__index_rc(rc); /* not found: the bucket has just gone */
    for (int i = 0; i < LANES; i++)
        lanes[i].cut = lanes[i].cut || cut[i];
    rc = merge(l, lanes);
    for (int i = 0; i < LANES; i++)
        *ret_more = *ret_more || lanes[i].cut || lanes[i].at < lanes[i].n;
    *ret_more = *ret_more && !l->end->truncated;
    return rc;
}

int store_version_list(struct store *st, const struct store_bucket *b, const struct store_version_list *list,
                       store_list_f *row, void *arg, struct arena *a, struct store_version_list_end *ret)
{
    struct listing l = {.store = st, .bucket = b, .list = *list, .row = row, .arg = arg, .end = ret, .arena = a};
    *ret = (struct store_version_list_end){0};
    if (list->max == 0 || list->prefix.n > STORE_KEY_MAX)
        return STORE_OK;
    int rc;
    bool more;
    while ((rc = visit(&l, &more)) == STORE_OK && more) { /* on, as another page would */
        if (l.given == 0)
            continue; /* cut short before there was a row to show */
        l.list.key_marker = ret->last_key;
        l.list.version_marker = ret->last_is_version ? &ret->last_version : NULL;
    }
    return rc;
}
