/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CompleteMultipartUpload: parts become an object without a byte being moved.
 *
 * One batch does it: it requires the upload, every part used and the current object to be as they were read; it removes
 * the upload and these parts, puts the object, which inherits the parts' extents with their references as they are, a
 * tombstone by which the same request sent again gets the same answer, and a garbage entry that purges the parts not
 * used. So of several completions, or a completion and an abort, exactly one happens.
 *
 * Parts small enough to be inline are the last of their upload (or the only one): their bytes go into the object's
 * record, as its whole data or as a piece among the extents. Copies of such objects may pile pieces up; beyond
 * STORE_PIECES_MAX bytes they are gathered in one new blob.
 *
 * All this happens to encrypted parts without their key: what is inline is a box, which stays one as a piece and in a
 * blob, under the number that it was sealed with as a part's. Threads: blocks.
 */
#include "storage/store_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/rand.h"
#include "storage/coded.h"

#define PAGE_BYTES (8u << 20)
#define PAGE_ROWS  1000

struct used_part {
    struct bytes key, value;
    struct rec_object r;
};

struct completion { /* one try */
    struct store *store;
    const struct store_complete *req;
    struct store_bucket *bucket;
    struct arena *arena;
    struct store_complete_error *error;
    unsigned char id[KEY_UPLOAD_BYTES];
    struct rec_upload upload;
    struct bytes upload_value;
    struct used_part *parts;
    struct rec_object object;
    bool has_blob;
    struct blob_id blob; /* of gathered pieces */
};

static int refuse(struct completion *c, int rc, size_t i, uint64_t size)
{
    *c->error = (struct store_complete_error){.size = size};
    if (i < c->req->n_parts) {
        c->error->part_number = c->req->parts[i].number;
        c->error->etag = c->req->parts[i].etag;
    }
    return rc;
}

/* ---- the parts ---- */

/* Walks the stored parts beside the ascending list of wanted ones. */
static int load_parts(struct completion *c)
{
    struct index_scan scan = {.partition = c->bucket->partition,
                              .prefix = key_parts(c->arena, c->id),
                              .max_rows = PAGE_ROWS,
                              .max_bytes = PAGE_BYTES};
    size_t want = 0;
    c->parts = arena_new_array(c->arena, struct used_part, c->req->n_parts);
    scan.from = key_part(c->arena, c->id, c->req->parts[0].number);
    for (bool more = true; more && want < c->req->n_parts;) {
        struct index_page page;
        int rc = index_page(c->store->index, &scan, c->arena, &page);
        if (rc != INDEX_OK && rc != INDEX_NOT_FOUND)
            return store__index_rc(rc);
        more = rc == INDEX_OK && page.more && page.n_rows > 0;
        for (size_t i = 0; rc == INDEX_OK && i < page.n_rows && want < c->req->n_parts; i++) {
            unsigned number = key_part_number(page.rows[i].key);
            if (number > c->req->parts[want].number)
                return refuse(c, STORE_INVALID_PART, want, 0);
            if (number < c->req->parts[want].number)
                continue;
            struct used_part *p = &c->parts[want++];
            p->key = page.rows[i].key;
            p->value = page.rows[i].value;
            if (!record_decode(&rec_part, p->value, c->arena, &p->r))
                return STORE_CORRUPT;
        }
        if (more) {
            scan.from = page.rows[page.n_rows - 1].key;
            scan.after = true;
        }
    }
    return want == c->req->n_parts ? STORE_OK : refuse(c, STORE_INVALID_PART, want, 0);
}

static int check_part(struct completion *c, size_t i)
{
    const struct store_complete_part *asked = &c->req->parts[i];
    const struct store_object *part = &c->parts[i].r.o;
    char etag[STORE_ETAG_TEXT_MAX];
    size_t n = store_etag_text(&part->etag, etag);
    if (!bytes_eq(asked->etag, bytes_of(etag, n)))
        return refuse(c, STORE_INVALID_PART, i, part->size);
    if (asked->checksum.alg == CHECKSUM_NONE)
        return STORE_OK;
    if (asked->checksum.alg != part->checksum.alg) /* of an upload without algorithm, other ones were not kept */
        return c->upload.u.checksum == CHECKSUM_NONE ? STORE_OK : refuse(c, STORE_CHECKSUM_MISMATCH, i, part->size);
    return checksum_equal(&asked->checksum, &part->checksum) ? STORE_OK : refuse(c, STORE_INVALID_PART, i, part->size);
}

static int check_parts(struct completion *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->req->n_parts; i++) {
        int rc = check_part(c, i);
        if (rc != STORE_OK)
            return rc;
    }
    for (size_t i = 0; i < c->req->n_parts; i++) {
        uint64_t size = c->parts[i].r.o.size;
        if (i + 1 < c->req->n_parts && size < c->store->part_min)
            return refuse(c, STORE_PART_TOO_SMALL, i, size);
        if (size > STORE_OBJECT_MAX - sum)
            return refuse(c, STORE_OBJECT_TOO_LARGE, c->req->n_parts, sum);
        sum += size;
    }
    c->object.o.size = sum;
    if (c->req->expected_size != UINT64_MAX && c->req->expected_size != sum)
        return refuse(c, STORE_SIZE_MISMATCH, c->req->n_parts, sum);
    return STORE_OK;
}

/* ---- the object's digests ---- */

static void make_etag(struct completion *c)
{
    size_t n = c->req->n_parts;
    unsigned char *all = arena_alloc(c->arena, n * 16);
    for (size_t i = 0; i < n; i++)
        memcpy(all + 16 * i, c->parts[i].r.o.etag.md5, 16);
    md5_of(all, n * 16, c->object.o.etag.md5);
    c->object.o.etag.parts = (uint32_t)n;
}

static void composite_checksum(struct completion *c, const struct checksum_info *info)
{
    size_t n = c->req->n_parts;
    unsigned char *all = arena_alloc(c->arena, n * info->bytes);
    for (size_t i = 0; i < n; i++)
        memcpy(all + info->bytes * i, c->parts[i].r.o.checksum.b, info->bytes);
    checksum_of(c->parts[0].r.o.checksum.alg, all, n * info->bytes, &c->object.o.checksum);
}

static void full_checksum(struct completion *c)
{
    struct checksum_value sum = c->parts[0].r.o.checksum;
    for (size_t i = 1; i < c->req->n_parts; i++) {
        struct checksum_value longer;
        if (!checksum_combine(&sum, &c->parts[i].r.o.checksum, c->parts[i].r.o.size, &longer))
            return; /* an algorithm that cannot: then the object has none */
        sum = longer;
    }
    c->object.o.checksum = sum;
}

static int make_checksum(struct completion *c)
{
    struct store_object *o = &c->object.o;
    enum checksum_alg alg = c->parts[0].r.o.checksum.alg;
    const struct checksum_info *info = checksum_info(alg);
    bool all_same = info != NULL;
    for (size_t i = 1; i < c->req->n_parts; i++)
        all_same = all_same && c->parts[i].r.o.checksum.alg == alg;
    bool composite = c->upload.u.checksum_type == CHECKSUM_COMPOSITE;
    if (all_same && composite)
        composite_checksum(c, info);
    else if (all_same)
        full_checksum(c);
    if (o->checksum.alg != CHECKSUM_NONE)
        o->checksum_type = composite ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT;
    o->explicit_checksum = c->upload.u.checksum != CHECKSUM_NONE;
    if (c->req->checksum.alg != CHECKSUM_NONE && !checksum_equal(&c->req->checksum, &o->checksum))
        return refuse(c, STORE_CHECKSUM_MISMATCH, c->req->n_parts, o->size);
    return STORE_OK;
}

/* ---- the object's bytes ---- */

static void make_part_infos(struct completion *c)
{
    struct store_part_info *infos = arena_new_array(c->arena, struct store_part_info, c->req->n_parts);
    for (size_t i = 0; i < c->req->n_parts; i++) {
        infos[i].size = c->parts[i].r.o.size;
        if (c->upload.u.checksum != CHECKSUM_NONE)
            infos[i].checksum = c->parts[i].r.o.checksum;
    }
    c->object.o.parts = infos;
    c->object.o.n_parts = c->req->n_parts;
}

static void make_inline(struct completion *c)
{
    char *all = arena_alloc(c->arena, (size_t)c->object.o.size), *p = all;
    for (size_t i = 0; i < c->req->n_parts; i++) {
        struct bytes data = c->parts[i].r.o.inline_data;
        if (data.n)
            memcpy(p, data.p, data.n);
        p += data.n;
    }
    c->object.o.inline_data = bytes_of(all, (size_t)c->object.o.size);
}

/* All pieces to one blob, and the extents from pieces to stretches of it. */
static int gather_pieces(struct completion *c, struct store_extent *e, size_t n)
{
    struct bytes *pieces = arena_new_array(c->arena, struct bytes, n);
    struct store_put put = {.bucket = c->bucket,
                            .key = c->req->key,
                            .owner = c->upload.u.owner,
                            .storage_class = c->upload.u.storage_class,
                            .seal.envelope = c->upload.u.envelope,
                            .seal.opaque_etag = c->upload.u.opaque_etag};
    struct rec_blob_desc desc;
    struct rec_blob_trailer trailer = {.mtime_ms = clock_wall_ms()};
    size_t n_pieces = 0;
    for (size_t i = 0; i < n; i++)
        if (e[i].data.n && e[i].length) {
            pieces[n_pieces++] = e[i].data;
            trailer.size += e[i].data.n;
        }
    store__describe(&put, c->object.o.uid, NULL, &desc);
    int rc = store__write_blob(c->store, &desc, &trailer, pieces, n_pieces, &c->blob);
    if (rc != STORE_OK)
        return rc;
    c->has_blob = true;
    uint64_t offset = 0;
    for (size_t i = 0; i < n; i++)
        if (e[i].data.n && e[i].length) { /* an empty box has no place in a blob */
            size_t taken = e[i].data.n;
            e[i].data = BYTES_NONE;
            e[i].codec = c->upload.u.envelope.n ? CODEC_BOX : CODEC_RAW;
            e[i].partition = c->bucket->partition;
            e[i].blob = c->blob;
            memcpy(e[i].ref, c->object.o.uid, sizeof e[i].ref);
            e[i].offset = offset;
            offset += taken;
        }
    return STORE_OK;
}

static struct store_extent inline_part(const struct completion *c, size_t i)
{
    const struct store_object *o = &c->parts[i].r.o;
    struct store_extent e = {.data = o->inline_data, .length = o->size};
    if (c->upload.u.envelope.n)
        e.seal = store__seal_number(c->req->parts[i].number, 0, true);
    return e;
}

static int make_extents(struct completion *c)
{
    size_t n = 0, pieces = 0;
    for (size_t i = 0; i < c->req->n_parts; i++) {
        struct rec_object *r = &c->parts[i].r;
        int rc = store__load_manifest(c->store, c->bucket->partition, r, c->arena);
        if (rc != STORE_OK)
            return rc == STORE_NO_SUCH_KEY ? STORE_CORRUPT : rc;
        n += r->o.n_extents + 1;
    }
    struct store_extent *e = arena_new_array(c->arena, struct store_extent, n);
    n = 0;
    for (size_t i = 0; i < c->req->n_parts; i++) {
        const struct store_object *o = &c->parts[i].r.o;
        if (o->inline_data.n)
            e[n++] = inline_part(c, i);
        if (o->n_extents)
            memcpy(&e[n], o->extents, o->n_extents * sizeof *e);
        n += o->n_extents;
    }
    bool any_blob = false;
    for (size_t i = 0; i < n; i++) {
        any_blob = any_blob || e[i].data.n == 0;
        pieces += e[i].data.n;
    }
    if (!any_blob && c->object.o.size <= STORE_INLINE_MAX && !c->upload.u.envelope.n) {
        make_inline(c);
        return STORE_OK;
    }
    c->object.o.extents = e;
    c->object.o.n_extents = n;
    return pieces > STORE_PIECES_MAX ? gather_pieces(c, e, n) : STORE_OK;
}

/* ---- the batch ---- */

/* The conditions, and the rule that the key must not have been written since CreateMultipartUpload. */
static int check_current(struct completion *c, const struct rec_object *current)
{
    static const unsigned char none[KEY_UID_BYTES];
    const struct store_condition *cond = &c->req->condition;
    int rc = store__check_condition(cond, current ? &current->o : NULL);
    if (rc != STORE_OK || !(cond->if_none_match || cond->if_match || cond->if_match_any))
        return rc;
    const unsigned char *uid = current ? current->o.uid : none;
    return memcmp(uid, c->upload.current_uid, KEY_UID_BYTES) == 0 ? STORE_OK : STORE_CONFLICT;
}

/* Copied parts may still have their intents in foreign partitions; the collector must not look for the part records
 * then. */
static int settle_intents(struct completion *c)
{
    for (size_t i = 0; i < c->req->n_parts; i++) {
        const struct store_object *o = &c->parts[i].r.o;
        int rc = store__remove_intents(c->store, o->extents, o->n_extents, c->bucket->partition, o->uid, c->arena);
        if (rc != STORE_OK)
            return rc;
    }
    return STORE_OK;
}

static void put_tombstone(struct completion *c, struct txn *t)
{
    struct rec_object tomb = {.o = c->object.o, .versioned = c->object.versioned, .time_ms = clock_wall_ms()};
    tomb.o.key = c->req->key;
    txn_put(t, key_tombstone(c->arena, c->id), record_encode(&rec_tombstone, &tomb, c->arena, NULL), 0);
    t->garbage = true; /* to be taken away in a day */
}

static int build(struct completion *c, struct txn *t, struct store_current *current)
{
    struct bytes upload_key = key_upload(c->arena, c->req->key, c->id), index_key = key_object(c->arena, c->req->key);
    struct store_object *o = &c->object.o;
    txn_init(t, c->arena, c->bucket->partition, c->bucket->generation);
    txn_limit(t, c->bucket);
    txn_expect(t, upload_key, c->upload_value);
    txn_delete(t, upload_key);
    int rc = store__new_lock(c->store, c->bucket, &c->upload.u.lock, &o->lock);
    if (rc == STORE_OK)
        rc = store__plan_write(c->store, t, c->bucket, c->req->key, current, &c->object);
    if (rc != STORE_OK)
        return rc;
    for (size_t i = 0; i < c->req->n_parts; i++) {
        txn_expect(t, c->parts[i].key, c->parts[i].value);
        txn_delete(t, c->parts[i].key);
        if (c->parts[i].r.in_manifest)
            txn_delete(t, key_manifest(c->arena, c->parts[i].r.o.uid));
    }
    rc = store__put_object(t, &rec_object, index_key, &c->object);
    if (rc != STORE_OK)
        return rc;
    if (c->has_blob)
        txn_put(t, key_ref(c->arena, &c->blob, o->uid), record_ref_value(), 0);
    put_tombstone(c, t);
    txn_purge_parts(t, c->id);
    return STORE_OK;
}

/* The upload is gone: perhaps by an earlier completion. */
static int completed_before(struct completion *c, struct arena *ret_arena, struct store_object **ret)
{
    struct rec_object tomb;
    int rc = store__load_object(c->store, c->bucket->partition, key_tombstone(c->arena, c->id), &rec_tombstone,
                                c->arena, &tomb, NULL);
    if (rc == STORE_NO_SUCH_KEY || (rc == STORE_OK && !bytes_eq(tomb.o.key, c->req->key)))
        return STORE_NO_SUCH_UPLOAD;
    if (rc == STORE_OK)
        *ret = store__summary(&tomb.o, c->req->key, ret_arena);
    return rc;
}

static void make_object(struct completion *c)
{
    struct store_object *o = &c->object.o;
    rand_bytes(o->uid, sizeof o->uid);
    o->owner = c->upload.u.owner;
    o->storage_class = c->upload.u.storage_class;
    o->headers = c->upload.u.headers;
    o->n_headers = c->upload.u.n_headers;
    o->tags = c->upload.u.tags;
    o->n_tags = c->upload.u.n_tags;
    o->acl = c->upload.u.acl;
    o->envelope = c->upload.u.envelope;
    o->opaque_etag = c->upload.u.opaque_etag;
    make_etag(c);
    make_part_infos(c);
}

/* STORE_OK: the batch is ready. */
static int prepare(struct completion *c, struct txn *t)
{
    struct store_current current;
    int rc = load_parts(c);
    if (rc == STORE_OK)
        rc = check_parts(c);
    if (rc == STORE_OK)
        rc = make_checksum(c);
    if (rc != STORE_OK)
        return rc;
    make_object(c);
    rc = store__load_current(c->store, c->bucket, c->req->key, false, c->arena, &current);
    if (rc == STORE_OK)
        rc = check_current(c, current.exists ? &current.o : NULL);
    if (rc == STORE_OK)
        rc = make_extents(c);
    if (rc == STORE_OK)
        rc = settle_intents(c);
    return rc == STORE_OK ? build(c, t, &current) : rc;
}

/* Parts and object were read after the upload; what looks wrong may be what another completion left behind. */
static bool upload_gone(struct completion *c)
{
    struct rec_upload u;
    return store__load_upload(c->store, c->bucket->partition, c->req->key, c->id, c->arena, &u, NULL) ==
           STORE_NO_SUCH_UPLOAD;
}

/* One try. STORE_OK with *ret_done false: again. */
static int complete_once(struct completion *c, struct attempt *at, struct arena *a, struct store_object **ret,
                         bool *ret_done)
{
    struct txn t;
    int rc =
        store__load_upload(c->store, c->bucket->partition, c->req->key, c->id, c->arena, &c->upload, &c->upload_value);
    *ret_done = true;
    if (rc == STORE_NO_SUCH_UPLOAD)
        return completed_before(c, a, ret);
    if (rc != STORE_OK)
        return rc;
    rc = prepare(c, &t);
    int applied = rc == STORE_OK ? txn_apply(c->store, &t) : INDEX_CONFLICT;
    if (c->has_blob && applied != INDEX_UNKNOWN)
        store__blob_fate(c->store, &c->blob, applied == INDEX_OK);
    if (applied == INDEX_OK) {
        *ret = store__summary(&c->object.o, c->req->key, a);
        return STORE_OK;
    }
    *ret_done = false;
    if (rc != STORE_OK && rc != STORE_AGAIN)
        return upload_gone(c) ? STORE_OK : rc;
    return store__retry(c->store, at, applied, c->bucket);
}

int store_upload_complete(struct store *st, const struct store_complete *req, struct arena *a,
                          struct store_object **ret, struct store_complete_error *ret_error)
{
    struct store_bucket b = *req->bucket;
    struct attempt at = {0};
    struct store_complete_error error = {0};
    unsigned char id[KEY_UPLOAD_BYTES];
    if (!upload_id_parse(req->upload_id, id))
        return STORE_NO_SUCH_UPLOAD;
    if (req->n_parts == 0 || req->n_parts > STORE_PARTS_MAX)
        return STORE_INVALID_PART;
    struct arena *work = arena_create(0);
    int rc = STORE_OK;
    for (bool done = false; !done && rc == STORE_OK; arena_reset(work)) {
        struct completion c = {.store = st, .req = req, .bucket = &b, .arena = work, .error = &error};
        memcpy(c.id, id, sizeof c.id);
        rc = complete_once(&c, &at, a, ret, &done);
    }
    arena_free(work);
    if (rc != STORE_OK && ret_error)
        *ret_error = error;
    return rc;
}
