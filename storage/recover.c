/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail recover DIR`: a new index from the last snapshot and the blobs.
 *
 * The new one is built in a folder beside and takes the old one's place by two renames at the end, so a recovery can be
 * cut short anywhere and begun again. It starts as a copy of the newest snapshot that is whole, or empty. Then every
 * blob that it does not refer to is asked for whom it was written, and put back: objects by the order of their times
 * and by the rules that a write obeys, so what replaced what comes out as it was; parts under their uploads. At last
 * what the snapshot has and whose data is gone, goes: it was deleted or replaced after the snapshot.
 *
 * Blobs finished well before the snapshot and unknown to it were garbage by then: they stay where they are, as orphans.
 * Where there was no snapshot nobody knows which buckets had versions; a bucket in which a key has several blobs gets
 * versioning, so that none of them replaces another for good.
 *
 * Threads: the caller's.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "index_lmdb.h"
#include "storage/folder.h"
#include "storage/store_internal.h"

#define INDEX_NEW   "index.recovered"
#define LIST_PAGE   1000
#define BEFORE_MS   (10 * 60 * 1000) /* a blob that much older than the snapshot would be known to it */
#define PAGE_ROWS   500
#define PAGE_BYTES  (4u << 20)
#define NOTES_MAX   1000
#define VICTIMS_MAX 100 /* of one call of the store */

struct found { /* a blob that the index does not know */
    struct blob_id blob;
    uint64_t partition;
    int64_t mtime_ms;
    unsigned char upload[KEY_UPLOAD_BYTES];
    unsigned part;
    uint64_t key_hash; /* of bucket and key, to see which have several */
};

struct piece { /* of an object that was moved */
    unsigned char uid[KEY_UID_BYTES];
    struct blob_id blob;
    uint64_t size;
};

struct recovery {
    const struct recover_options *o;
    struct recover_report *report;
    struct folder_places places;
    struct check_place open[FOLDER_PLACES];
    struct store *store;
    struct blob_store *blobs;
    struct arena *a;
    struct found *found;
    size_t n_found, cap_found;
    struct piece *pieces;
    size_t n_pieces, cap_pieces;
    struct blob_id *ids; /* of all blobs, in order */
    size_t n_ids, cap_ids;
    unsigned notes;
};

__attribute__((format(printf, 2, 3))) static void note(struct recovery *r, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->o->note && r->notes++ < NOTES_MAX)
        r->o->note(r->o->arg, text);
}

static void tick(struct recovery *r, const char *what, uint64_t done, uint64_t total)
{
    if (r->o->progress.tick)
        r->o->progress.tick(r->o->progress.arg, what, done, total, false);
}

static int fail(const struct recovery *r, char *error, const char *why)
{
    folder_fail(error, r->o->folder.path, why);
    return -1;
}

/* ---- the index to begin with ---- */

static bool index_whole(const char *folder)
{
    char message[INDEX_LMDB_MESSAGE_MAX];
    struct index_lmdb_census census;
    struct index *index = NULL;
    if (index_lmdb_open_snapshot(folder, &index, message) != INDEX_OK)
        return false;
    int rc = index_lmdb_verify(index, NULL, &census);
    index->ops->close(&index);
    return rc == INDEX_OK && census.faults == 0;
}

/* The newest one that is whole; false: none. */
static bool find_snapshot(struct recovery *r, char path[FOLDER_PATH])
{
    char folder[FOLDER_PATH], name[32];
    uint64_t before = INT64_MAX, newest;
    if (!folder_join(folder, r->o->folder.path, FOLDER_SNAPSHOTS))
        return false;
    do {
        DIR *dir = opendir(folder);
        newest = 0;
        for (struct dirent *e; dir && (e = readdir(dir));) {
            uint64_t ms;
            if (bytes_to_u64(bytes_str(e->d_name), INT64_MAX, &ms) && ms > newest && ms < before)
                newest = ms;
        }
        if (dir)
            closedir(dir);
        snprintf(name, sizeof name, "%" PRIu64, newest);
        if (newest && folder_join(path, folder, name) && index_whole(path)) {
            r->report->snapshot_ms = (int64_t)newest;
            return true;
        }
        if (newest)
            note(r, "the snapshot %s is damaged; an older one is looked for", name);
        before = newest;
    } while (newest);
    return false;
}

static void clear_new(const char *dir)
{
    static const char *const names[] = {INDEX_NEW "/data.mdb", INDEX_NEW "/lock.mdb"};
    char path[FOLDER_PATH];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (folder_join(path, dir, names[i]))
            unlink(path);
    if (folder_join(path, dir, INDEX_NEW))
        rmdir(path);
}

static int begin_index(struct recovery *r, struct index **ret, char *error)
{
    char fresh[FOLDER_PATH], file[FOLDER_PATH], snapshot[FOLDER_PATH], message[INDEX_LMDB_MESSAGE_MAX] = "";
    struct index *from = NULL;
    clear_new(r->o->folder.path);
    if (!folder_join(fresh, r->o->folder.path, INDEX_NEW) ||
        !folder_join(file, r->o->folder.path, INDEX_NEW "/data.mdb"))
        return fail(r, error, "the path is too long");
    if (find_snapshot(r, snapshot)) {
        if (mkdir(fresh, 0700) != 0)
            return fail(r, error, strerror(errno));
        int rc = index_lmdb_open_snapshot(snapshot, &from, message);
        if (rc == INDEX_OK) {
            rc = from->ops->copy(from, file, NULL);
            from->ops->close(&from);
        }
        if (rc != INDEX_OK)
            return fail(r, error, *message ? message : "the snapshot cannot be copied");
    }
    struct index_lmdb_options options = {.path = fresh, .create = true};
    return index_lmdb_open(&options, ret, message) == INDEX_OK ? 0 : fail(r, error, message);
}

/* ---- what the blobs say ---- */

static int compare_ids(const void *x, const void *y)
{
    return memcmp(x, y, sizeof(struct blob_id));
}

static uint64_t hash_of(struct bytes bucket, struct bytes key)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < bucket.n; i++)
        h = (h ^ (unsigned char)bucket.p[i]) * 1099511628211u;
    h = (h ^ '/') * 1099511628211u;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * 1099511628211u;
    return h;
}

struct told { /* by a blob */
    struct rec_blob_desc desc;
    struct rec_blob_trailer trailer;
    bool piece; /* neither an object nor a part */
};

/* False: it cannot be read. In r->a. */
static bool ask_blob(struct recovery *r, const struct blob_id *id, struct told *ret)
{
    struct blob_reader *reader = NULL;
    struct bytes desc, trailer;
    bool good = r->blobs->ops->open(r->blobs, id, &reader) == BLOB_OK &&
                r->blobs->ops->describe(reader, r->a, &desc, &trailer) == BLOB_OK;
    r->blobs->ops->close_reader(&reader);
    good = good && record_decode(&rec_blob_desc, desc, r->a, &ret->desc) &&
           record_decode(&rec_blob_trailer, trailer, r->a, &ret->trailer) && ret->desc.bucket.n && ret->desc.key.n &&
           ret->desc.partition > INDEX_PARTITION_SYSTEM;
    if (good)
        ret->piece = store__bytes_zero(ret->trailer.etag.md5, sizeof ret->trailer.etag.md5);
    return good;
}

static int is_known(struct recovery *r, uint64_t partition, const struct blob_id *id, bool *ret)
{
    struct index_scan scan = {.partition = partition, .prefix = key_refs(r->a, id), .max_rows = 1};
    struct index_page page = {0};
    scan.from = scan.prefix;
    int rc = index_page(r->store->index, &scan, r->a, &page);
    *ret = rc == INDEX_OK && page.n_rows > 0;
    return rc == INDEX_NOT_FOUND ? INDEX_OK : rc;
}

static void add_piece(struct recovery *r, const struct blob_id *id, const struct told *t)
{
    if (r->n_pieces == r->cap_pieces) {
        r->cap_pieces = r->cap_pieces ? 2 * r->cap_pieces : 64;
        r->pieces = xrealloc(r->pieces, r->cap_pieces * sizeof *r->pieces);
    }
    struct piece *p = &r->pieces[r->n_pieces++];
    *p = (struct piece){.blob = *id, .size = t->trailer.size};
    memcpy(p->uid, t->desc.uid, sizeof p->uid);
    r->report->pieces++;
}

static int look_at_blob(struct recovery *r, const struct blob_id *id)
{
    struct told t;
    bool known;
    char hex[33] = {0};
    arena_reset(r->a);
    hex_encode(id->b, sizeof id->b, hex);
    if (!ask_blob(r, id, &t)) {
        r->report->damaged++;
        note(r, "blob %s is damaged and cannot say whose it is; it stays where it is", hex);
        return INDEX_OK;
    }
    int rc = is_known(r, t.desc.partition, id, &known);
    if (rc != INDEX_OK || known) {
        r->report->known += known;
        return rc;
    }
    if (r->report->snapshot_ms && !t.piece && t.trailer.mtime_ms < r->report->snapshot_ms - BEFORE_MS) {
        r->report->superseded++;
        return INDEX_OK;
    }
    if (t.piece) {
        add_piece(r, id, &t);
        return INDEX_OK;
    }
    if (r->n_found == r->cap_found) {
        r->cap_found = r->cap_found ? 2 * r->cap_found : 1024;
        r->found = xrealloc(r->found, r->cap_found * sizeof *r->found);
    }
    struct found *f = &r->found[r->n_found++];
    *f = (struct found){.blob = *id,
                        .partition = t.desc.partition,
                        .mtime_ms = t.trailer.mtime_ms,
                        .part = t.desc.part_number,
                        .key_hash = hash_of(t.desc.bucket, t.desc.key)};
    memcpy(f->upload, t.desc.upload, sizeof f->upload);
    return INDEX_OK;
}

static int look_at_blobs(struct recovery *r, char *error)
{
    struct blob_id page[LIST_PAGE], after;
    bool any = false;
    for (size_t n = LIST_PAGE; n == LIST_PAGE;) {
        int rc = r->blobs->ops->list(r->blobs, any ? &after : NULL, LIST_PAGE, page, &n);
        if (rc != BLOB_OK)
            return fail(r, error, "the folders of the blobs cannot be read");
        for (size_t i = 0; i < n; i++) {
            if (look_at_blob(r, &page[i]) != INDEX_OK)
                return fail(r, error, "the new index cannot be read");
            if (r->n_ids == r->cap_ids) {
                r->cap_ids = r->cap_ids ? 2 * r->cap_ids : 1024;
                r->ids = xrealloc(r->ids, r->cap_ids * sizeof *r->ids);
            }
            r->ids[r->n_ids++] = page[i];
        }
        if (n) {
            after = page[n - 1];
            any = true;
        }
        tick(r, "blobs", r->n_ids, 0);
    }
    return 0;
}

/* ---- buckets and partitions ---- */

/* Raises the counter, so that the number is never given out again. */
static int use_number(struct recovery *r, uint64_t partition)
{
    struct bytes key = key_of_kind(r->a, KEY_COUNTER, BYTES_NONE), value = BYTES_NONE;
    struct rec_counter counter = {.next = INDEX_PARTITION_SYSTEM + 1};
    struct txn t;
    int rc = index_get(r->store->index, INDEX_PARTITION_SYSTEM, key, r->a, &value);
    if (rc == INDEX_OK && !record_decode(&rec_counter, value, r->a, &counter))
        return INDEX_CORRUPT;
    if ((rc != INDEX_OK && rc != INDEX_NOT_FOUND) || counter.next > partition)
        return rc == INDEX_NOT_FOUND ? INDEX_OK : rc;
    counter.next = partition + 1;
    txn_init(&t, r->a, INDEX_PARTITION_SYSTEM, 1);
    txn_put(&t, key, record_encode(&rec_counter, &counter, r->a, NULL), 0);
    return txn_apply(r->store, &t);
}

static int make_partition(struct recovery *r, uint64_t partition)
{
    uint64_t generation;
    struct txn t;
    int rc = index_generation(r->store->index, partition, &generation);
    if (rc != INDEX_NOT_FOUND)
        return rc;
    txn_init(&t, r->a, partition, 0);
    t.batch.next_generation = 1;
    rc = txn_apply(r->store, &t);
    return rc == INDEX_OK ? use_number(r, partition) : rc;
}

static int put_bucket(struct recovery *r, const struct told *t)
{
    struct rec_bucket b = {.b = {.partition = t->desc.partition,
                                 .generation = 1,
                                 .created_ms = t->trailer.mtime_ms,
                                 .owner = t->desc.owner}};
    struct txn txn;
    txn_init(&txn, r->a, INDEX_PARTITION_SYSTEM, 1);
    txn_delete(&txn, key_dropped(r->a, t->desc.partition));
    txn_put(&txn, key_bucket(r->a, t->desc.bucket), record_encode(&rec_bucket, &b, r->a, NULL), 0);
    r->report->buckets_made++;
    note(r, "bucket %.*s was made anew: owner, name and objects came back, its settings did not", (int)t->desc.bucket.n,
         t->desc.bucket.p);
    return txn_apply(r->store, &txn);
}

/* The partition of a bucket that was deleted and made again since keeps its blobs until nobody needs them. */
static int put_note(struct recovery *r, const struct told *t)
{
    struct rec_dropped d = {.state = REC_DROPPED_DELETED, .time_ms = clock_wall_ms(), .name = t->desc.bucket};
    struct txn txn;
    txn_init(&txn, r->a, INDEX_PARTITION_SYSTEM, 1);
    txn_put(&txn, key_dropped(r->a, t->desc.partition), record_encode(&rec_dropped, &d, r->a, NULL), 0);
    return txn_apply(r->store, &txn);
}

/* The bucket by its name; made when it is not there. */
static int find_bucket(struct recovery *r, const struct told *t, struct store_bucket *ret)
{
    uint64_t generation;
    int rc = store_bucket_get(r->store, t->desc.bucket, r->a, ret);
    if (rc != STORE_OK && rc != STORE_NO_SUCH_BUCKET)
        return INDEX_CORRUPT;
    bool home = index_generation(r->store->index, t->desc.partition, &generation) == INDEX_OK;
    int made = home ? INDEX_OK : make_partition(r, t->desc.partition);
    if (made == INDEX_OK && rc == STORE_NO_SUCH_BUCKET)
        made = put_bucket(r, t);
    else if (made == INDEX_OK && !home && ret->partition != t->desc.partition)
        made = put_note(r, t);
    if (made != INDEX_OK || rc == STORE_OK)
        return made;
    return store_bucket_get(r->store, t->desc.bucket, r->a, ret) == STORE_OK ? INDEX_OK : INDEX_CORRUPT;
}

/* ---- putting back ---- */

static int compare_found(const void *x, const void *y)
{
    const struct found *a = x, *b = y;
    int c = memcmp(a->upload, b->upload, sizeof a->upload); /* objects have zeros and come first */
    if (c == 0)
        c = a->part < b->part ? -1 : a->part > b->part;
    return c ? c : a->mtime_ms < b->mtime_ms ? -1 : a->mtime_ms > b->mtime_ms;
}

static struct store_extent extent_of(const struct recovery *r, const struct blob_id *id, const struct told *t,
                                     const unsigned char *ref)
{
    (void)r;
    struct store_extent e = {.partition = t->desc.partition,
                             .blob = *id,
                             .offset = t->trailer.offset,
                             .length = t->trailer.size,
                             .codec = t->trailer.codec,
                             .seal = t->trailer.seal,
                             .sealed = t->trailer.sealed};
    memcpy(e.ref, ref, sizeof e.ref);
    return e;
}

static void fill_object(const struct told *t, struct rec_object *o)
{
    memcpy(o->o.uid, t->desc.uid, sizeof o->o.uid);
    o->o.size = t->trailer.size;
    o->o.etag = t->trailer.etag;
    o->o.checksum = t->trailer.checksum;
    o->o.checksum_type = CHECKSUM_FULL_OBJECT;
    o->o.mtime_ms = t->trailer.mtime_ms;
    o->o.owner = t->desc.owner;
    o->o.storage_class = t->desc.storage_class;
    o->o.headers = t->desc.headers;
    o->o.n_headers = t->desc.n_headers;
    o->o.envelope = t->desc.envelope;
    o->o.opaque_etag = t->desc.opaque_etag;
}

/* References that are at home elsewhere go first, as with copies. */
static int put_foreign_refs(struct recovery *r, const struct store_bucket *b, const struct rec_object *o)
{
    for (size_t i = 0; i < o->o.n_extents; i++) {
        struct txn t;
        uint64_t home = o->o.extents[i].partition, generation;
        if (o->o.extents[i].data.n || home == b->partition)
            continue;
        int rc = index_generation(r->store->index, home, &generation);
        if (rc != INDEX_OK)
            return rc;
        txn_init(&t, r->a, home, generation);
        txn_put(&t, key_ref(r->a, &o->o.extents[i].blob, o->o.extents[i].ref), record_ref_value(), 0);
        rc = txn_apply(r->store, &t);
        if (rc != INDEX_OK)
            return rc;
    }
    return INDEX_OK;
}

/* As a write would, but for the time. INDEX_CONFLICT: what is there is newer, or must not be replaced. */
static int put_object(struct recovery *r, const struct store_bucket *b, struct bytes key, struct rec_object *o)
{
    struct store_current cur;
    struct txn t;
    int64_t mtime_ms = o->o.mtime_ms;
    if (store__load_current(r->store, b, key, true, r->a, &cur) != STORE_OK)
        return INDEX_CORRUPT;
    if ((cur.exists && cur.o.o.mtime_ms > mtime_ms) || (int64_t)(cur.h.marker_seq / 1000) > mtime_ms)
        return INDEX_CONFLICT;
    int rc = put_foreign_refs(r, b, o);
    if (rc != INDEX_OK)
        return rc;
    txn_init(&t, r->a, b->partition, b->generation);
    rc = store__plan_write(r->store, &t, b, key, &cur, o);
    if (rc != STORE_OK)
        return rc == STORE_LOCKED ? INDEX_CONFLICT : INDEX_CORRUPT;
    o->o.mtime_ms = mtime_ms;
    if (store__put_object(&t, &rec_object, key_object(r->a, key), o) != STORE_OK)
        return INDEX_INVALID;
    txn_put_refs(&t, o->o.extents, o->o.n_extents);
    return txn_apply(r->store, &t);
}

static int put_back_object(struct recovery *r, const struct found *f)
{
    struct told t;
    struct store_bucket b;
    struct rec_object o = {0};
    if (!ask_blob(r, &f->blob, &t))
        return INDEX_CORRUPT;
    int rc = find_bucket(r, &t, &b);
    if (rc != INDEX_OK)
        return rc;
    fill_object(&t, &o);
    struct store_extent e = extent_of(r, &f->blob, &t, t.desc.uid);
    o.o.extents = &e;
    o.o.n_extents = 1;
    rc = put_object(r, &b, t.desc.key, &o);
    if (rc == INDEX_OK) {
        r->report->objects++;
        r->report->encrypted += o.o.envelope.n > 0;
    }
    if (rc == INDEX_CONFLICT)
        r->report->superseded++;
    return rc == INDEX_CONFLICT ? INDEX_OK : rc;
}

static int compare_hashes(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

/* Buckets in which a key has several blobs, and that nothing else is known of, keep them all. */
static int keep_generations(struct recovery *r, size_t n)
{
    uint64_t *hashes = xmalloc((n + 1) * sizeof *hashes);
    struct store_bucket_change change = {.versioning = VERSIONING_ENABLED};
    int rc = INDEX_OK;
    for (size_t i = 0; i < n; i++)
        hashes[i] = r->found[i].key_hash;
    qsort(hashes, n, sizeof *hashes, compare_hashes);
    for (size_t i = 0; i < n && rc == INDEX_OK; i++) {
        const uint64_t *at = bsearch(&r->found[i].key_hash, hashes, n, sizeof *hashes, compare_hashes);
        bool several = (at > hashes && at[-1] == *at) || (at + 1 < hashes + n && at[1] == *at);
        struct told t;
        struct store_bucket b;
        arena_reset(r->a);
        if (!several || !ask_blob(r, &r->found[i].blob, &t))
            continue;
        rc = find_bucket(r, &t, &b);
        if (rc != INDEX_OK || b.versioning != VERSIONING_NEVER)
            continue;
        note(r, "bucket %.*s: some keys have several generations, so it has versioning now and all came back",
             (int)b.name.n, b.name.p);
        rc = store_bucket_change(r->store, b.name, &change, r->a, NULL) == STORE_OK ? INDEX_OK : INDEX_UNAVAILABLE;
    }
    free(hashes);
    return rc;
}

/* ---- uploads ---- */

static int put_upload(struct recovery *r, const struct store_bucket *b, const struct told *t)
{
    struct bytes key = key_upload(r->a, t->desc.key, t->desc.upload), value;
    struct rec_upload u = {.u = {.owner = t->desc.owner,
                                 .storage_class = t->desc.storage_class,
                                 .envelope = t->desc.envelope,
                                 .opaque_etag = t->desc.opaque_etag}};
    size_t head;
    struct txn txn;
    int rc = index_get(r->store->index, b->partition, key, r->a, &value);
    if (rc != INDEX_NOT_FOUND)
        return rc;
    txn_init(&txn, r->a, b->partition, b->generation);
    value = record_encode(&rec_upload, &u, r->a, &head);
    txn_put(&txn, key, value, head);
    r->report->uploads++;
    note(r, "%.*s/%.*s: parts of an upload that nothing is known of; it is in progress again, complete or abort it",
         (int)b->name.n, b->name.p, (int)t->desc.key.n, t->desc.key.p);
    return txn_apply(r->store, &txn);
}

static int put_part(struct recovery *r, const struct store_bucket *b, const struct blob_id *id, const struct told *t)
{
    struct rec_object o = {0}, old;
    struct bytes key = key_part(r->a, t->desc.upload, t->desc.part_number), value;
    struct txn txn;
    size_t head;
    fill_object(t, &o);
    o.o.headers = NULL;
    o.o.n_headers = 0;
    o.o.owner = o.o.storage_class = BYTES_NONE;
    struct store_extent e = extent_of(r, id, t, t->desc.uid);
    o.o.extents = &e;
    o.o.n_extents = 1;
    int rc = put_foreign_refs(r, b, &o);
    if (rc != INDEX_OK)
        return rc;
    txn_init(&txn, r->a, b->partition, b->generation);
    rc = store__load_object(r->store, b->partition, key, &rec_part, r->a, &old, &value);
    if (rc == STORE_OK && old.o.mtime_ms > o.o.mtime_ms)
        return INDEX_OK;
    if (rc == STORE_OK)
        txn_drop_object(&txn, &old);
    value = record_encode(&rec_part, &o, r->a, &head);
    txn_put(&txn, key, value, head);
    txn_put_refs(&txn, &e, 1);
    rc = txn_apply(r->store, &txn);
    r->report->parts += rc == INDEX_OK;
    return rc;
}

/* All parts of one upload become an object, as its completion would have made it. */
static int complete_upload(struct recovery *r, const struct found *f, size_t n)
{
    struct rec_object o = {0};
    struct store_bucket b = {0};
    struct store_extent *e = arena_new_array(r->a, struct store_extent, n);
    struct store_part_info *infos = arena_new_array(r->a, struct store_part_info, n);
    unsigned char *digests = arena_alloc(r->a, n * 16);
    struct told t = {0};
    for (size_t i = 0; i < n; i++) {
        struct told part;
        if (!ask_blob(r, &f[i].blob, &part))
            return INDEX_CORRUPT;
        if (i == 0) {
            int rc = find_bucket(r, &part, &b);
            if (rc != INDEX_OK)
                return rc;
            t = part;
            fill_object(&part, &o);
            o.o.size = 0;
            o.o.checksum = (struct checksum_value){0};
            o.o.checksum_type = CHECKSUM_TYPE_NONE;
        }
        e[i] = extent_of(r, &f[i].blob, &part, part.desc.uid);
        infos[i].size = part.trailer.size;
        memcpy(digests + 16 * i, part.trailer.etag.md5, 16);
        o.o.size += part.trailer.size;
        o.o.mtime_ms = part.trailer.mtime_ms > o.o.mtime_ms ? part.trailer.mtime_ms : o.o.mtime_ms;
    }
    md5_of(digests, n * 16, o.o.etag.md5);
    o.o.etag.parts = (uint32_t)n;
    o.o.parts = infos;
    o.o.n_parts = n;
    o.o.extents = e;
    o.o.n_extents = n;
    int rc = put_object(r, &b, t.desc.key, &o);
    if (rc == INDEX_OK) {
        r->report->completed++;
        note(r, "%.*s/%.*s: made of %zu parts; a last part of up to %u bytes may be missing: look at it", (int)b.name.n,
             b.name.p, (int)t.desc.key.n, t.desc.key.p, n, STORE_INLINE_MAX);
    }
    return rc == INDEX_CONFLICT ? INDEX_OK : rc;
}

static bool is_gapless(const struct found *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (f[i].part != i + 1)
            return false;
    return true;
}

static int put_back_upload(struct recovery *r, const struct found *f, size_t n)
{
    struct told t;
    struct store_bucket b;
    struct bytes value;
    arena_reset(r->a);
    if (!ask_blob(r, &f[0].blob, &t))
        return INDEX_CORRUPT;
    int rc = find_bucket(r, &t, &b);
    if (rc != INDEX_OK)
        return rc;
    rc = index_get(r->store->index, b.partition, key_upload(r->a, t.desc.key, f->upload), r->a, &value);
    if (rc == INDEX_NOT_FOUND && r->o->complete_uploads && is_gapless(f, n))
        return complete_upload(r, f, n);
    rc = put_upload(r, &b, &t);
    for (size_t i = 0; i < n && rc == INDEX_OK; i++)
        rc = ask_blob(r, &f[i].blob, &t) ? put_part(r, &b, &f[i].blob, &t) : INDEX_CORRUPT;
    return rc;
}

/* ---- all that was found ---- */

static int put_back(struct recovery *r, char *error)
{
    size_t objects = 0;
    int rc = INDEX_OK;
    if (r->n_found)
        qsort(r->found, r->n_found, sizeof *r->found, compare_found);
    while (objects < r->n_found && store__bytes_zero(r->found[objects].upload, KEY_UPLOAD_BYTES))
        objects++;
    if (!r->report->snapshot_ms)
        rc = keep_generations(r, objects);
    for (size_t i = 0; i < objects && rc == INDEX_OK; i++) {
        arena_reset(r->a);
        rc = put_back_object(r, &r->found[i]);
        tick(r, "objects", i, objects);
    }
    for (size_t i = objects, n; i < r->n_found && rc == INDEX_OK; i += n) {
        size_t kept = 0;
        struct found *f = &r->found[i];
        for (n = 0; i + n < r->n_found && memcmp(f[n].upload, f->upload, KEY_UPLOAD_BYTES) == 0; n++) {
            if (kept && f[kept - 1].part == f[n].part) /* sent twice: the later one counts */
                kept--;
            f[kept++] = f[n];
        }
        rc = put_back_upload(r, f, kept);
    }
    return rc == INDEX_OK ? 0 : fail(r, error, index_rc_name(rc));
}

/* ---- what is gone ---- */

static bool has_blob(const struct recovery *r, const struct blob_id *id)
{
    return r->n_ids && bsearch(id, r->ids, r->n_ids, sizeof *id, compare_ids) != NULL;
}

static bool lacks_data(const struct recovery *r, const struct rec_object *o)
{
    for (size_t i = 0; i < o->o.n_extents; i++)
        if (o->o.extents[i].data.n == 0 && !has_blob(r, &o->o.extents[i].blob))
            return true;
    return false;
}

/* It was moved to another storage class since: one blob has all its bytes. */
static bool follow_move(struct recovery *r, const struct store_bucket *b, struct bytes index_key, struct rec_object *o)
{
    struct told t;
    struct txn txn;
    for (size_t i = 0; i < r->n_pieces && o->o.n_extents == 1; i++) {
        const struct piece *p = &r->pieces[i];
        if (memcmp(p->uid, o->o.uid, sizeof p->uid) != 0 || p->size != o->o.size || !ask_blob(r, &p->blob, &t) ||
            t.desc.partition != b->partition)
            continue;
        struct store_extent e = extent_of(r, &p->blob, &t, o->o.uid);
        o->o.extents = &e;
        o->o.storage_class = t.desc.storage_class;
        txn_init(&txn, r->a, b->partition, b->generation);
        if (store__put_object(&txn, &rec_object, index_key, o) != STORE_OK)
            return false;
        txn_put_refs(&txn, &e, 1);
        bool done = txn_apply(r->store, &txn) == INDEX_OK;
        r->report->moved += done;
        r->report->pieces -= done;
        return done;
    }
    return false;
}

/* One of a page of records: what lacks its data is noted for deletion. */
static bool is_victim(struct recovery *r, const struct store_bucket *b, const struct index_row *row,
                      struct store_delete *ret)
{
    struct rec_object *o = arena_new(r->a, struct rec_object);
    struct bytes key = key_rest(row->key);
    uint64_t seq;
    const unsigned char *uid;
    if (!store__decode_object(&rec_object, row->value, b->partition, r->a, o) ||
        store__load_manifest(r->store, b->partition, o, r->a) != STORE_OK || !lacks_data(r, o))
        return false;
    if (row->key.p[0] == KEY_VERSION && !key_version_parse(row->key, &key, &seq, &uid))
        return false;
    if (follow_move(r, b, row->key, o))
        return false;
    struct store_version *v = arena_new(r->a, struct store_version);
    *v = o->o.version;
    *ret = (struct store_delete){.key = bytes_dup(r->a, key),
                                 .version = b->versioning == VERSIONING_NEVER ? NULL : v,
                                 .bypass_governance = true};
    return true;
}

static void delete_victims(struct recovery *r, const struct store_bucket *b, struct store_delete *items, size_t n)
{
    if (n == 0)
        return;
    store_objects_delete(r->store, b, b->owner, items, n);
    for (size_t i = 0; i < n; i++) {
        r->report->gone += items[i].rc == STORE_OK;
        if (items[i].rc != STORE_OK)
            note(r, "%.*s/%.*s: its data is gone, and it cannot be removed (%s)", (int)b->name.n, b->name.p,
                 (int)items[i].key.n, items[i].key.p, store_rc_name(items[i].rc));
    }
}

/* A part without its data is as if it had not been sent. */
static void drop_part(struct recovery *r, const struct store_bucket *b, const struct index_row *row)
{
    struct rec_object *o = arena_new(r->a, struct rec_object);
    struct txn t;
    if (!store__decode_object(&rec_part, row->value, b->partition, r->a, o) ||
        store__load_manifest(r->store, b->partition, o, r->a) != STORE_OK || !lacks_data(r, o))
        return;
    txn_init(&t, r->a, b->partition, b->generation);
    txn_delete(&t, row->key);
    txn_drop_object(&t, o);
    r->report->gone += txn_apply(r->store, &t) == INDEX_OK;
}

static int drop_gone_of(struct recovery *r, const struct store_bucket *b, enum key_kind kind)
{
    char prefix = (char)kind;
    struct arena *from = arena_create(0);
    struct index_scan scan = {.partition = b->partition,
                              .prefix = bytes_of(&prefix, 1),
                              .from = bytes_of(&prefix, 1),
                              .max_rows = VICTIMS_MAX,
                              .max_bytes = PAGE_BYTES};
    int rc = INDEX_OK;
    for (bool more = true; more && rc == INDEX_OK;) {
        struct index_page page = {0};
        struct store_delete victims[VICTIMS_MAX];
        size_t n = 0;
        arena_reset(r->a);
        rc = index_page(r->store->index, &scan, r->a, &page);
        more = rc == INDEX_OK && page.more && page.n_rows > 0;
        for (size_t i = 0; rc == INDEX_OK && i < page.n_rows; i++)
            if (kind == KEY_PART)
                drop_part(r, b, &page.rows[i]);
            else
                n += is_victim(r, b, &page.rows[i], &victims[n]);
        if (page.n_rows) {
            arena_reset(from);
            scan.from = bytes_dup(from, page.rows[page.n_rows - 1].key);
            scan.after = true;
        }
        delete_victims(r, b, victims, n);
    }
    arena_free(from);
    return rc == INDEX_NOT_FOUND ? INDEX_OK : rc;
}

static int drop_gone(struct recovery *r, char *error)
{
    struct arena *a = arena_create(0);
    struct bytes after = BYTES_NONE;
    int rc = INDEX_OK;
    for (bool more = r->report->snapshot_ms != 0; more && rc == INDEX_OK;) {
        struct store_bucket *list;
        size_t n = 0;
        if (store_bucket_list(r->store, BYTES_NONE, after, PAGE_ROWS, a, &list, &n, &more) != STORE_OK)
            rc = INDEX_CORRUPT;
        for (size_t i = 0; i < n && rc == INDEX_OK; i++) {
            rc = drop_gone_of(r, &list[i], KEY_VERSION);
            if (rc == INDEX_OK)
                rc = drop_gone_of(r, &list[i], KEY_OBJECT);
            if (rc == INDEX_OK)
                rc = drop_gone_of(r, &list[i], KEY_PART);
        }
        more = more && n > 0;
        if (n)
            after = list[n - 1].name;
    }
    arena_free(a);
    return rc == INDEX_OK ? 0 : fail(r, error, index_rc_name(rc));
}

/* ---- all of it ---- */

static int open_store(struct recovery *r, char *error)
{
    struct index *index = NULL;
    if (folder_find_places(&r->o->folder, &r->places, error) != 0 || begin_index(r, &index, error) != 0)
        return -1;
    if (folder_open_blobs(&r->places, r->open, &r->blobs, error) != 0) {
        index->ops->close(&index);
        return -1;
    }
    struct store_options options = {.index = index, .blobs = r->blobs, .no_background = true, .trust_clock = true};
    return store_open(&options, &r->store) == STORE_OK ? 0 : fail(r, error, "the snapshot is no store of this release");
}

/* The new one in the place of the old one, which stays beside. */
static int take_place(struct recovery *r, char *error)
{
    char old[FOLDER_PATH], aside[FOLDER_PATH], fresh[FOLDER_PATH];
    const char *dir = r->o->folder.path;
    snprintf(r->report->moved_to, sizeof r->report->moved_to, "index.damaged-%" PRId64, clock_wall_ms() / 1000);
    if (!folder_join(old, dir, FOLDER_INDEX) || !folder_join(aside, dir, r->report->moved_to) ||
        !folder_join(fresh, dir, INDEX_NEW))
        return fail(r, error, "the path is too long");
    if (rename(old, aside) != 0) {
        if (errno != ENOENT)
            return fail(r, error, strerror(errno));
        r->report->moved_to[0] = '\0';
    }
    if (rename(fresh, old) != 0)
        return fail(r, error, strerror(errno));
    int rc = folder_sync(dir);
    return rc == 0 ? 0 : fail(r, error, strerror(rc));
}

static int run(struct recovery *r, char *error)
{
    char index[FOLDER_PATH];
    if (!folder_join(index, r->o->folder.path, FOLDER_INDEX))
        return fail(r, error, "the path is too long");
    if (!r->o->force && index_whole(index))
        return fail(r, error, "its index is whole: there is nothing to recover (--force does it all the same)");
    if (open_store(r, error) != 0 || look_at_blobs(r, error) != 0 || put_back(r, error) != 0 ||
        drop_gone(r, error) != 0)
        return -1;
    store_close(&r->store);
    return take_place(r, error);
}

int recover_run(const struct recover_options *o, struct recover_report *ret, char ret_error[MAINTENANCE_ERROR])
{
    struct recovery *r = xcalloc(1, sizeof *r);
    *ret = (struct recover_report){0};
    ret_error[0] = '\0';
    r->o = o;
    r->report = ret;
    r->a = arena_create(64 * 1024);
    int rc = run(r, ret_error);
    store_close(&r->store);
    arena_free(r->a);
    free(r->found);
    free(r->pieces);
    free(r->ids);
    free(r);
    return rc;
}
