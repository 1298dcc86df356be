/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies. The new object or part refers to the same blobs, under references of its own; bytes are read only where a
 * digest cannot be derived from what is known (a range, another algorithm, an ETag that tells nothing), and written
 * only when they are few enough to live in the index, lie in so many pieces that a copy of the bytes is the smaller
 * evil, become a part that belongs to another tier, or are encrypted on one side alone.
 *
 * Where both sides are encrypted, the data keys are sealed anew for the copy; only pieces that live in the record are
 * opened and sealed themselves.
 *
 * A reference goes to the blob's home partition, the object to its own. Same partition: one batch. Otherwise:
 *   1. in each foreign home: the source's reference must be there; put ours and an intent     (a crash here: the
 * collector finds the intent without its object, and takes our references away)
 *   2. in the object's partition: put the object (and the references that are at home there)   (a crash here: the
 * collector finds the intent with its object, and takes the intent away)
 *   3. the intents go, in the background
 * The source's uid is pinned meanwhile, so that its references stay although it may be deleted; ours too, so that the
 * collector does not judge an intent of a copy that is still running. Between 1 and 2 at most COPY_COMMIT_MS may pass,
 * far less than the collector waits: for collectors in other processes, which cannot see our pins. Threads: blocks.
 */
#include "storage/store_internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "storage/coded.h"

#define COPY_COMMIT_MS (10 * 60 * 1000)
#define COPY_CHUNK     (256u * 1024) /* bytes read at once */

struct copying {
    struct store *store;
    const struct store_copy *req;
    struct arena *arena; /* for the whole of it */
    struct arena *plan;  /* for one try */
    const struct store_object *source;
    uint64_t offset, length;
    bool whole, is_part;
    struct store_bucket bucket; /* destination */
    unsigned char upload[KEY_UPLOAD_BYTES];
    struct bytes upload_key, upload_value;
    struct bytes index_key;
    unsigned tier;                          /* where a part's bytes belong */
    enum checksum_alg alg;                  /* to be kept */
    const unsigned char *from_key, *to_key; /* object keys; NULL: that side is not encrypted */
    struct store_extent *entire;            /* the source's extents that touch the range ... */
    struct store_extent *old;               /* ... and cut to it, but for boxes */
    struct store_extent *extents;           /* ours: the same with our reference */
    size_t n_extents;
    struct rec_object record;
    struct store_pin source_pin, own_pin;
    int64_t started_ms;
};

/* ---- helpers for others too ---- */

int store__write_blob(struct store *st, const struct rec_blob_desc *desc, const struct rec_blob_trailer *trailer,
                      const struct bytes *pieces, size_t n_pieces, struct blob_id *ret_id)
{
    const struct blob_ops *ops = st->blobs->ops;
    struct blob_writer *w = NULL;
    struct arena *a = arena_create(0);
    int rc =
        blob_create(st->blobs, store__tier(st, desc->storage_class), store__encode_desc(desc, a), trailer->size, &w);
    for (size_t i = 0; rc == BLOB_OK && i < n_pieces; i++)
        rc = ops->append(w, pieces[i].p, pieces[i].n);
    if (rc == BLOB_OK)
        rc = ops->finish(&w, record_encode(&rec_blob_trailer, trailer, a, NULL), ret_id);
    else
        ops->abandon(&w);
    arena_free(a);
    return rc == BLOB_NOT_FOUND ? STORE_IO : store__blob_rc(rc);
}

int store__remove_intents(struct store *st, const struct store_extent *e, size_t n, uint64_t own_partition,
                          const unsigned char uid[KEY_UID_BYTES], struct arena *a)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes key, value;
        if (e[i].data.n || e[i].partition == own_partition || (i > 0 && e[i].partition == e[i - 1].partition))
            continue;
        key = key_intent(a, uid);
        int rc = index_get(st->index, e[i].partition, key, a, &value);
        struct attempt at = {0};
        while (rc == INDEX_OK) {
            struct txn t;
            txn_init(&t, a, e[i].partition, 0);
            txn_delete(&t, key);
            rc = index_generation(st->index, e[i].partition, &t.batch.generation);
            if (rc == INDEX_OK)
                rc = txn_apply(st, &t);
            if (rc == INDEX_OK)
                break;
            int again = store__retry(st, &at, rc, NULL);
            if (rc != INDEX_NOT_FOUND && again != STORE_OK)
                return again;
            rc = rc == INDEX_NOT_FOUND ? rc : INDEX_OK;
        }
        if (rc != INDEX_OK && rc != INDEX_NOT_FOUND)
            return store__index_rc(rc);
    }
    return STORE_OK;
}

/* ---- what is to be copied ---- */

static int prepare_target(struct copying *c)
{
    const struct store_put *to = &c->req->to;
    if (to->key.n == 0 || to->key.n > STORE_KEY_MAX)
        return STORE_NO_SUCH_KEY;
    c->bucket = *to->bucket;
    c->alg = to->checksum != CHECKSUM_NONE ? to->checksum : c->source->checksum.alg;
    if (c->is_part) {
        struct rec_upload u;
        if (!upload_id_parse(to->upload_id, c->upload))
            return STORE_NO_SUCH_UPLOAD;
        if (to->part_number < 1 || to->part_number > STORE_PARTS_MAX)
            return STORE_INVALID_PART;
        int rc = store__load_upload(c->store, c->bucket.partition, to->key, c->upload, c->arena, &u, &c->upload_value);
        if (rc != STORE_OK)
            return rc;
        c->upload_key = key_upload(c->arena, to->key, c->upload);
        c->index_key = key_part(c->arena, c->upload, to->part_number);
        if ((u.u.envelope.n > 0) != (c->to_key != NULL))
            return STORE_WRONG_KEY;
        c->alg = u.u.checksum;
        c->record.o.opaque_etag = u.u.opaque_etag;
        c->tier = store__tier(c->store, u.u.storage_class);
        c->record.o.explicit_checksum = u.u.checksum != CHECKSUM_NONE;
    } else {
        c->index_key = key_object(c->arena, to->key);
        c->record.o.explicit_checksum = to->explicit_checksum;
        c->record.o.checksum_type = CHECKSUM_FULL_OBJECT;
        c->record.o.owner = to->owner;
        c->record.o.storage_class = to->storage_class;
        c->record.o.headers = to->headers;
        c->record.o.n_headers = to->n_headers;
        c->record.o.tags = to->tags;
        c->record.o.n_tags = to->n_tags;
        c->record.o.acl = to->acl;
        c->record.o.envelope = to->seal.envelope;
        c->record.o.opaque_etag = to->seal.opaque_etag;
        if ((to->seal.envelope.n > 0) != (c->to_key != NULL))
            return STORE_WRONG_KEY;
        if (to->seal.envelope.n > STORE_ENVELOPE_MAX)
            return STORE_OBJECT_TOO_LARGE;
    }
    if (c->alg == CHECKSUM_NONE)
        c->alg = CHECKSUM_CRC64NVME;
    rand_bytes(c->record.o.uid, sizeof c->record.o.uid);
    return STORE_OK;
}

/* The source's extents that touch the range, cut to it. */
static int cut_extents(struct copying *c)
{
    const struct store_object *s = c->source;
    uint64_t from = 0, end = c->offset + c->length, covered = 0;
    c->old = arena_new_array(c->arena, struct store_extent, s->n_extents);
    c->entire = arena_new_array(c->arena, struct store_extent, s->n_extents);
    for (size_t i = 0; i < s->n_extents && from < end; from += s->extents[i++].length) {
        struct store_extent e = s->extents[i];
        uint64_t skip = c->offset > from ? c->offset - from : 0;
        if (skip >= e.length)
            continue;
        c->entire[c->n_extents] = e;
        e.offset += skip;
        e.length -= skip;
        if (from + skip + e.length > end)
            e.length = end - from - skip;
        if (e.data.n && !c->from_key)
            e.data = bytes_cut(e.data, (size_t)skip, (size_t)e.length);
        c->old[c->n_extents++] = e;
        covered += e.length;
    }
    if (covered < c->length && (s->n_extents || s->inline_data.n < c->length))
        return STORE_CORRUPT; /* also for an object that was only looked at with store_object_head */
    c->extents = arena_new_array(c->arena, struct store_extent, c->n_extents);
    for (size_t i = 0; i < c->n_extents; i++) {
        c->extents[i] = c->old[i];
        memcpy(c->extents[i].ref, c->record.o.uid, sizeof c->extents[i].ref);
    }
    return STORE_OK;
}

/* ---- digests ---- */

/* A whole object's checksum from its parts', for the algorithms that can. */
static bool combine_parts(const struct store_object *s, enum checksum_alg alg, struct checksum_value *ret)
{
    if (s->n_parts == 0 || !s->parts)
        return false;
    struct checksum_value sum = s->parts[0].checksum;
    for (size_t i = 1; i < s->n_parts; i++) {
        struct checksum_value longer;
        if (s->parts[i].checksum.alg != alg ||
            !checksum_combine(&sum, &s->parts[i].checksum, s->parts[i].size, &longer))
            return false;
        sum = longer;
    }
    *ret = sum;
    return sum.alg == alg;
}

static bool derive_checksum(struct copying *c)
{
    const struct store_object *s = c->source;
    struct checksum_value *sum = &c->record.o.checksum;
    if (!c->whole)
        return false;
    if (s->checksum.alg == c->alg && s->checksum_type == CHECKSUM_FULL_OBJECT) {
        *sum = s->checksum;
        return true;
    }
    return combine_parts(s, c->alg, sum);
}

/* An object keeps its source's ETag; a part's is the MD5 of its bytes, which a multipart source does not tell. */
static bool derive_etag(struct copying *c)
{
    if (c->record.o.opaque_etag) {
        rand_bytes(c->record.o.etag.md5, sizeof c->record.o.etag.md5);
        return true;
    }
    if (c->source->opaque_etag || !c->whole || (c->is_part && c->source->etag.parts))
        return false;
    c->record.o.etag = c->source->etag;
    return true;
}

static void free_scratch(const struct copying *c, char *scratch)
{
    if (c->from_key || c->to_key)
        OPENSSL_cleanse(scratch, COPY_CHUNK);
    free(scratch);
}

/* Reads the range once: into `keep` if given, and through the digests that are wanted. */
static int read_range(struct copying *c, char *keep, struct checksum_ctx *md5, struct checksum_ctx *sum)
{
    struct store_read *r = NULL;
    char *scratch = xmalloc(COPY_CHUNK);
    int rc = store_read_open(c->store, c->source, c->offset, c->length, c->from_key, &r);
    for (bool more = rc == STORE_OK; more;) {
        struct store_span span;
        rc = store_read_next(r, COPY_CHUNK, false, scratch, &span);
        more = rc == STORE_OK && span.n > 0;
        if (!more)
            break;
        if (md5)
            checksum_update(md5, span.bytes.p, span.n);
        if (sum)
            checksum_update(sum, span.bytes.p, span.n);
        if (keep) {
            memcpy(keep, span.bytes.p, span.n);
            keep += span.n;
        }
    }
    store_read_close(&r);
    free_scratch(c, scratch);
    return rc;
}

static uint64_t seal_number(const struct copying *c, size_t i, size_t n)
{
    return store__seal_number(c->is_part ? c->req->to.part_number : 0, i, i + 1 == n);
}

static int make_digests(struct copying *c)
{
    bool small = c->length <= STORE_INLINE_MAX; /* then the copy is inline and read anyway */
    bool have_etag = derive_etag(c), have_sum = derive_checksum(c);
    char *place = small ? arena_alloc(c->arena, (size_t)c->length + SEAL_BOX_BYTES) : NULL;
    char *keep = small && c->to_key ? place + SEAL_NONCE_BYTES : place;
    if (have_etag && have_sum && !small)
        return STORE_OK;
    struct checksum_ctx *md5 = have_etag ? NULL : checksum_new(CHECKSUM_MD5);
    struct checksum_ctx *sum = have_sum ? NULL : checksum_new(c->alg);
    int rc = read_range(c, keep, md5, sum);
    if (rc == STORE_OK && md5) {
        struct checksum_value v;
        checksum_final(md5, &v);
        memcpy(c->record.o.etag.md5, v.b, sizeof c->record.o.etag.md5);
    }
    if (rc == STORE_OK && sum)
        checksum_final(sum, &c->record.o.checksum);
    checksum_free(md5);
    checksum_free(sum);
    if (small) {
        if (c->to_key) /* after a failure too: it must not stay as it is */
            store__seal_bytes(c->to_key, seal_number(c, 0, 1), keep, (size_t)c->length, (unsigned char *)place);
        c->record.o.inline_data = bytes_of(place, (size_t)c->length + (c->to_key ? SEAL_BOX_BYTES : 0));
        c->n_extents = 0;
    }
    return rc;
}

/* ---- sealing anew ---- */

/* A box of the source, wherever it lies, opened and cut. */
static int read_box(struct copying *c, const struct store_extent *e, uint64_t skip, size_t n, unsigned char *out)
{
    unsigned char box[STORE_INLINE_MAX + SEAL_BOX_BYTES], clear[STORE_INLINE_MAX];
    size_t box_n = (size_t)e->length + SEAL_BOX_BYTES;
    struct coded_read *r = NULL;
    int rc = BLOB_OK;
    if (e->length > STORE_INLINE_MAX)
        return STORE_CORRUPT;
    if (e->data.n) {
        memcpy(box, e->data.p, box_n);
    } else {
        rc = coded_open(c->store->blobs, &e->blob, NULL, CODEC_BOX, false, &r);
        if (rc == BLOB_OK)
            rc = coded_read(r, e->offset, box, box_n, false);
        coded_close(&r);
    }
    if (rc != BLOB_OK)
        return rc == BLOB_NOT_FOUND ? STORE_NO_SUCH_KEY : store__blob_rc(rc);
    bool good = store__open_bytes(c->from_key, e->seal, bytes_of(box, box_n), clear);
    if (good)
        memcpy(out, clear + skip, n);
    OPENSSL_cleanse(clear, sizeof clear);
    return good ? STORE_OK : STORE_CORRUPT;
}

static int seal_extent(struct copying *c, size_t i)
{
    const struct store_extent *from = &c->entire[i];
    struct store_extent *e = &c->extents[i];
    uint64_t skip = e->offset - from->offset;
    unsigned char key[SEAL_KEY_BYTES];
    if (!store__extent_fits(from, true))
        return STORE_CORRUPT;
    e->seal = seal_number(c, i, c->n_extents);
    if (from->data.n || from->codec == CODEC_BOX) {
        unsigned char *box = arena_alloc(c->arena, (size_t)e->length + SEAL_BOX_BYTES);
        int rc = read_box(c, from, skip, (size_t)e->length, box + SEAL_NONCE_BYTES);
        if (rc != STORE_OK)
            return rc;
        store__seal_bytes(c->to_key, e->seal, box + SEAL_NONCE_BYTES, (size_t)e->length, box);
        *e = (struct store_extent){
            .seal = e->seal, .length = e->length, .data = bytes_of(box, (size_t)e->length + SEAL_BOX_BYTES)};
        return STORE_OK;
    }
    if (!store__open_data_key(c->from_key, from, key))
        return STORE_CORRUPT;
    e->sealed = store__seal_data_key(c->to_key, e, key, c->arena);
    OPENSSL_cleanse(key, sizeof key);
    return STORE_OK;
}

static int seal_extents(struct copying *c)
{
    int rc = store__seals_whole(c->source) ? STORE_OK : STORE_CORRUPT;
    for (size_t i = 0; rc == STORE_OK && i < c->n_extents; i++)
        rc = seal_extent(c, i);
    return rc;
}

/* ---- references in foreign partitions ---- */

/* Whether the source's references in one home are still there. */
static int check_refs(struct copying *c, uint64_t home)
{
    for (size_t i = 0; i < c->n_extents; i++) {
        const struct store_extent *e = &c->old[i];
        struct bytes value;
        if (e->data.n || e->partition != home)
            continue;
        int rc = index_get(c->store->index, home, key_ref(c->plan, &e->blob, e->ref), c->plan, &value);
        if (rc != INDEX_OK)
            return store__index_rc(rc); /* NO_SUCH_KEY: the source is gone */
    }
    return STORE_OK;
}

static void expect_and_put_refs(struct copying *c, struct txn *t)
{
    for (size_t i = 0; i < c->n_extents; i++) {
        const struct store_extent *e = &c->old[i];
        bool same = i > 0 && memcmp(&e->blob, &e[-1].blob, sizeof e->blob) == 0 &&
                    memcmp(e->ref, e[-1].ref, sizeof e->ref) == 0;
        if (e->data.n == 0 && e->partition == t->batch.partition && !same)
            txn_expect(t, key_ref(t->arena, &e->blob, e->ref), record_ref_value());
    }
    txn_put_refs(t, c->extents, c->n_extents);
}

/* The extents at home in one partition, each blob once. */
static size_t extents_of_home(struct copying *c, uint64_t home, struct store_extent *out)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_extents; i++)
        if (c->extents[i].data.n == 0 && c->extents[i].partition == home &&
            (n == 0 || memcmp(&out[n - 1].blob, &c->extents[i].blob, sizeof out->blob) != 0))
            out[n++] = c->extents[i];
    return n;
}

static int place_refs(struct copying *c, uint64_t home)
{
    struct attempt at = {0};
    for (;;) {
        struct txn t;
        arena_reset(c->plan);
        struct store_extent *mine = arena_new_array(c->plan, struct store_extent, c->n_extents);
        struct rec_intent in = {.partition = c->bucket.partition, .key = c->index_key, .time_ms = clock_wall_ms()};
        in.extents = mine;
        in.n_extents = extents_of_home(c, home, mine);
        memcpy(in.uid, c->record.o.uid, sizeof in.uid);
        txn_init(&t, c->plan, home, 0);
        int rc = index_generation(c->store->index, home, &t.batch.generation);
        if (rc != INDEX_OK)
            return store__index_rc(rc);
        expect_and_put_refs(c, &t);
        txn_put(&t, key_intent(c->plan, in.uid), record_encode(&rec_intent, &in, c->plan, NULL), 0);
        t.garbage = true; /* the collector looks at the intent, should we not get to it */
        rc = txn_apply(c->store, &t);
        if (rc == INDEX_OK)
            return STORE_OK;
        if (rc == INDEX_CONFLICT) {
            int gone = check_refs(c, home);
            if (gone != STORE_OK)
                return gone;
        }
        rc = store__retry(c->store, &at, rc, NULL);
        if (rc != STORE_OK)
            return rc;
    }
}

/* Calls f for each home other than the destination, once. */
static int each_foreign_home(struct copying *c, int (*f)(struct copying *, uint64_t home))
{
    for (size_t i = 0; i < c->n_extents; i++) {
        uint64_t home = c->extents[i].partition;
        bool seen = c->extents[i].data.n || home == c->bucket.partition;
        for (size_t k = 0; !seen && k < i; k++)
            seen = c->extents[k].data.n == 0 && c->extents[k].partition == home;
        int rc = seen ? STORE_OK : f(c, home);
        if (rc != STORE_OK)
            return rc;
    }
    return STORE_OK;
}

/* The copy has certainly failed: takes our references back. What fails here is left to the collector. */
static int take_back_refs(struct copying *c, uint64_t home)
{
    struct txn t;
    arena_reset(c->plan);
    txn_init(&t, c->plan, home, 0);
    if (index_generation(c->store->index, home, &t.batch.generation) != INDEX_OK)
        return STORE_OK;
    for (size_t i = 0; i < c->n_extents; i++)
        if (c->extents[i].data.n == 0 && c->extents[i].partition == home)
            txn_delete(&t, key_ref(c->plan, &c->extents[i].blob, c->extents[i].ref));
    txn_delete(&t, key_intent(c->plan, c->record.o.uid));
    txn_apply(c->store, &t);
    return STORE_OK;
}

struct forget {
    struct arena *arena;
    struct txn txn;
};

static void on_forgotten(struct index_batch *batch, int rc)
{
    struct forget *f = batch->arg;
    (void)rc; /* the collector will see to it */
    arena_free(f->arena);
}

/* The copy is there: the intent may go, and nobody waits for it. */
static int forget_intent(struct copying *c, uint64_t home)
{
    struct arena *a = arena_create(0);
    struct forget *f = arena_new(a, struct forget);
    f->arena = a;
    txn_init(&f->txn, a, home, 0);
    txn_delete(&f->txn, key_intent(a, c->record.o.uid));
    if (index_generation(c->store->index, home, &f->txn.batch.generation) != INDEX_OK) {
        arena_free(a);
        return STORE_OK;
    }
    f->txn.batch.done = on_forgotten;
    f->txn.batch.arg = f;
    index_submit(c->store->index, &f->txn.batch);
    return STORE_OK;
}

/* ---- the record ---- */

static int plan_part(struct copying *c, struct txn *t)
{
    struct rec_object old;
    struct bytes old_value = BYTES_NONE;
    int rc = store__load_object(c->store, c->bucket.partition, c->index_key, &rec_part, c->plan, &old, &old_value);
    bool exists = rc == STORE_OK;
    if (rc != STORE_OK && rc != STORE_NO_SUCH_KEY)
        return rc;
    int64_t now = clock_wall_ms();
    c->record.o.mtime_ms = exists && old.o.mtime_ms > now ? old.o.mtime_ms : now;
    txn_expect(t, c->index_key, exists ? old_value : BYTES_NONE);
    txn_expect(t, c->upload_key, c->upload_value);
    if (exists)
        txn_drop_object(t, &old);
    return STORE_OK;
}

static int plan_object(struct copying *c, struct txn *t)
{
    const struct store_put *to = &c->req->to;
    struct store_current cur;
    int rc = store__load_current(c->store, &c->bucket, to->key, false, c->plan, &cur);
    if (rc == STORE_OK)
        rc = store__check_condition(&to->condition, cur.exists ? &cur.o.o : NULL);
    if (rc == STORE_OK)
        rc = store__new_lock(c->store, &c->bucket, &to->lock, &c->record.o.lock);
    return rc == STORE_OK ? store__plan_write(c->store, t, &c->bucket, to->key, &cur, &c->record) : rc;
}

static int plan_commit(struct copying *c, struct txn *t)
{
    int rc;
    arena_reset(c->plan);
    if (clock_mono_ms() - c->started_ms > COPY_COMMIT_MS)
        return STORE_UNAVAILABLE;
    txn_init(t, c->plan, c->bucket.partition, c->bucket.generation);
    txn_limit(t, &c->bucket);
    rc = c->is_part ? plan_part(c, t) : plan_object(c, t);
    if (rc != STORE_OK)
        return rc;
    expect_and_put_refs(c, t);
    return store__put_object(t, c->is_part ? &rec_part : &rec_object, c->index_key, &c->record);
}

/* Why the batch did not happen, if that is for good. */
static int look_after_conflict(struct copying *c)
{
    struct rec_upload u;
    int rc = check_refs(c, c->bucket.partition);
    if (rc == STORE_OK && c->is_part)
        rc = store__load_upload(c->store, c->bucket.partition, c->req->to.key, c->upload, c->arena, &u,
                                &c->upload_value); /* its envelope may be another one now */
    return rc;
}

static int commit(struct copying *c, bool *ret_unknown)
{
    struct attempt at = {0};
    c->started_ms = clock_mono_ms();
    *ret_unknown = false;
    int rc = each_foreign_home(c, place_refs);
    while (rc == STORE_OK) {
        struct txn t;
        rc = plan_commit(c, &t);
        if (rc != STORE_OK && rc != STORE_AGAIN)
            break;
        int applied = rc == STORE_OK ? txn_apply(c->store, &t) : INDEX_CONFLICT;
        if (applied == INDEX_OK)
            return STORE_OK;
        *ret_unknown = applied == INDEX_UNKNOWN;
        rc = store__retry(c->store, &at, applied, &c->bucket);
        if (rc == STORE_OK && applied == INDEX_CONFLICT)
            rc = look_after_conflict(c);
    }
    return rc;
}

/* ---- the copy ---- */

static uint64_t box_bytes(const struct copying *c)
{
    uint64_t n = 0;
    for (size_t i = 0; c->from_key && i < c->n_extents; i++)
        if (c->entire[i].data.n || c->entire[i].codec == CODEC_BOX)
            n += c->old[i].length;
    return n;
}

/* A part cannot move to its upload's tier later; and of one that lies in too many pieces, the bytes are less work. */
static bool needs_bytes(const struct copying *c)
{
    if ((c->from_key != NULL) != (c->to_key != NULL) || box_bytes(c) > STORE_PIECES_MAX)
        return true;
    const struct store_object range = {.extents = c->old, .n_extents = c->n_extents};
    return c->is_part && (c->n_extents > STORE_PART_EXTENTS || store__lies_elsewhere(c->store, &range, c->tier));
}

/* By bytes, through a writer. */
static int copy_bytes(struct copying *c, struct arena *a, struct store_object **ret)
{
    struct store_put put = c->req->to;
    struct store_write *w = NULL;
    struct store_read *r = NULL;
    char *scratch = xmalloc(COPY_CHUNK);
    put.expected_size = c->length;
    put.checksum = c->alg;
    int rc = store_write_open(c->store, &put, &w);
    if (rc == STORE_OK)
        rc = store_read_open(c->store, c->source, c->offset, c->length, c->from_key, &r);
    struct store_span span = {.n = 1};
    while (rc == STORE_OK && span.n) {
        rc = store_read_next(r, COPY_CHUNK, false, scratch, &span);
        if (rc == STORE_OK)
            rc = store_write_append(w, span.bytes.p, span.n);
    }
    if (rc == STORE_OK)
        rc = store_write_commit_wait(w);
    if (rc == STORE_OK) {
        c->record.o.size = c->length;
        c->record.o.mtime_ms = store_write_mtime_ms(w);
        store_write_version(w, &c->record.o.version);
        store_write_etag(w, &c->record.o.etag);
        store_write_checksum(w, &c->record.o.checksum);
        *ret = store__summary(&c->record.o, put.key, a);
    }
    store_read_close(&r);
    store_write_close(&w);
    free_scratch(c, scratch);
    return rc;
}

static int copy_by_reference(struct copying *c, struct arena *a, struct store_object **ret)
{
    bool unknown = false;
    int rc = make_digests(c);
    if (rc == STORE_OK && c->to_key && c->n_extents)
        rc = seal_extents(c);
    if (rc != STORE_OK)
        return rc;
    c->record.o.size = c->length;
    c->record.o.extents = c->extents;
    c->record.o.n_extents = c->n_extents;
    rc = commit(c, &unknown);
    if (rc == STORE_OK) {
        each_foreign_home(c, forget_intent);
        *ret = store__summary(&c->record.o, c->req->to.key, a);
    } else if (!unknown) {
        each_foreign_home(c, take_back_refs);
    }
    return rc;
}

/* A copy into a class with a tier of its own was made by reference: its bytes follow. Failing, they stay where they
 * are. */
static int to_its_tier(struct copying *c, const struct store_object *made)
{
    unsigned tier = store__tier(c->store, c->req->to.storage_class);
    if (!store__lies_elsewhere(c->store, c->source, tier))
        return STORE_OK;
    int rc =
        store_object_transition(c->store, &c->bucket, made->key, &made->version, made->storage_class, made->uid, NULL);
    if (rc != STORE_OK && rc != STORE_PRECONDITION_FAILED && rc != STORE_NO_SUCH_KEY && rc != STORE_NO_SUCH_VERSION)
        log_warn("store", "a copy's bytes stay in the tier of its source: %s", store_rc_name(rc));
    return STORE_OK;
}

int store_copy(struct store *st, const struct store_copy *req, struct arena *a, struct store_object **ret)
{
    struct copying c = {.store = st, .req = req, .source = req->source, .is_part = req->to.upload_id.n > 0};
    c.offset = c.is_part ? req->offset : 0;
    c.length = c.is_part ? req->length : req->source->size;
    if (c.offset > c.source->size || c.length > c.source->size - c.offset)
        return STORE_INVALID_RANGE;
    if (c.length > STORE_PART_MAX)
        return STORE_OBJECT_TOO_LARGE;
    if ((c.source->envelope.n > 0) != (req->source_key != NULL))
        return STORE_WRONG_KEY;
    c.whole = c.length == c.source->size;
    c.from_key = req->source_key;
    c.to_key = req->to.seal.key;
    bool by_reference = false;
    c.arena = arena_create(0);
    c.plan = arena_create(0);
    store__pin(st, &c.source_pin, c.source->uid);
    int rc = prepare_target(&c);
    if (rc == STORE_OK) {
        store__pin(st, &c.own_pin, c.record.o.uid);
        rc = cut_extents(&c);
        by_reference = rc == STORE_OK && !needs_bytes(&c);
        if (rc == STORE_OK)
            rc = by_reference ? copy_by_reference(&c, a, ret) : copy_bytes(&c, a, ret);
    }
    store__unpin(st, &c.own_pin);
    store__unpin(st, &c.source_pin);
    arena_free(c.plan);
    arena_free(c.arena);
    return rc == STORE_OK && !c.is_part && by_reference ? to_its_tier(&c, *ret) : rc;
}
