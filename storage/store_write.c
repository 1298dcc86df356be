/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an object or a part.
 *
 * A small one stays in memory from the first byte to the index: the bytes are received where the record will end, the
 * digests are taken once at the end, and the record's beginning is encoded in front of them. One arena holds all of it.
 * A larger one goes to a blob as it comes, hashed on the way (its MD5 by other threads, md5_lanes.c). Its reference
 * goes into the same batch as the record.
 *
 * commit is a read-modify-write without a waiting thread: plan() reads what is there, checks the condition and builds
 * the batch; the completion plans again after a conflict. It runs on the committer's thread, where plan() is only
 * memory work. Fate of the blob: after success it is settled; after a certain failure it is removed; when the outcome
 * is unknown neither happens, and recovery decides after the next start. All that in close, which may block. Threads:
 * one at a time; between commit and done the handle belongs to the store.
 */
#include "storage/store_internal.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "storage/coded.h"

#define RECORD_FRONT 512 /* bytes for an object record without headers, names and data */

enum write_fate { WRITE_OPEN, WRITE_DONE, WRITE_FAILED, WRITE_UNKNOWN };

struct store_write {
    struct store *store;
    struct arena *arena; /* holds this too */
    struct arena *plan;  /* what one try needs */
    struct store_bucket bucket;
    struct store_put put;
    struct rec_object record;

    bool is_part;
    bool sealed; /* encrypted, with put.seal.key, which is then `key` */
    unsigned char upload[KEY_UPLOAD_BYTES];
    struct bytes upload_key, upload_value; /* a part's precondition */
    unsigned char key[STORE_KEY_BYTES], data_key[SEAL_KEY_BYTES];
    char *buffer; /* [front][nonce, if sealed][data ...][tag, if sealed]: `front` bytes for the record's beginning */
    size_t front, room;
    bool finished; /* the digests are final */
    bool no_md5;   /* nobody asks for it */
    int failed;    /* why nothing more will come of it */
    struct blob_writer *writer;
    struct coded_write *coded; /* on the way to the writer; NULL: the bytes go there as they are */
    bool has_blob;
    struct blob_id blob;
    struct md5_stream md5;             /* of a blob, as are these; one that fits is hashed at the end */
    struct checksum_ctx *kept, *asked; /* asked: the client's, when another one is kept */
    enum checksum_alg kept_alg;
    struct checksum_value asked_value;

    bool expect_md5, expect_checksum;
    unsigned char expected_md5[16], computed_md5[16];
    struct checksum_value expected_checksum;

    enum write_fate fate;
    struct bytes index_key;
    struct txn txn;
    struct attempt attempt;
    struct gc_later later;
    void (*done)(void *arg, int rc);
    void *done_arg;
};

/* ---- opening ---- */

static struct store_header *copy_headers(struct arena *a, const struct store_header *h, size_t n)
{
    struct store_header *copy = arena_new_array(a, struct store_header, n);
    for (size_t i = 0; i < n; i++) {
        copy[i].name = bytes_dup(a, h[i].name);
        copy[i].value = bytes_dup(a, h[i].value);
    }
    return copy;
}

static size_t headers_size(const struct store_header *h, size_t n_headers)
{
    size_t n = 0;
    for (size_t i = 0; i < n_headers; i++)
        n += 16 + h[i].name.n + h[i].value.n;
    return n;
}

static void copy_put(struct store_write *w, const struct store_put *put)
{
    struct arena *a = w->arena;
    w->bucket = *put->bucket;
    w->bucket.name = bytes_dup(a, put->bucket->name);
    w->put = *put;
    w->put.bucket = &w->bucket;
    w->put.key = bytes_dup(a, put->key);
    w->put.owner = bytes_dup(a, put->owner);
    w->put.storage_class = bytes_dup(a, put->storage_class);
    w->put.headers = copy_headers(a, put->headers, put->n_headers);
    w->put.tags = copy_headers(a, put->tags, put->n_tags);
    w->put.acl = bytes_dup(a, put->acl);
    w->put.condition.if_match_etag = bytes_dup(a, put->condition.if_match_etag);
    w->put.upload_id = bytes_dup(a, put->upload_id);
    w->put.seal.envelope = bytes_dup(a, put->seal.envelope);
    w->sealed = put->seal.key != NULL;
    if (w->sealed)
        memcpy(w->key, put->seal.key, sizeof w->key);
    w->put.seal.key = w->sealed ? w->key : NULL;
}

static int open_part(struct store_write *w)
{
    struct rec_upload u;
    if (!upload_id_parse(w->put.upload_id, w->upload))
        return STORE_NO_SUCH_UPLOAD;
    if (w->put.part_number < 1 || w->put.part_number > STORE_PARTS_MAX)
        return STORE_INVALID_PART;
    int rc = store__load_upload(w->store, w->bucket.partition, w->put.key, w->upload, w->arena, &u, &w->upload_value);
    if (rc != STORE_OK)
        return rc;
    w->upload_key = key_upload(w->arena, w->put.key, w->upload);
    w->index_key = key_part(w->arena, w->upload, w->put.part_number);
    w->kept_alg = u.u.checksum != CHECKSUM_NONE ? u.u.checksum : CHECKSUM_CRC64NVME;
    w->put.owner = u.u.owner; /* for the blob's description; the part's record needs none of it */
    w->put.storage_class = u.u.storage_class;
    w->put.headers = u.u.headers;
    w->put.n_headers = u.u.n_headers;
    w->put.seal.envelope = u.u.envelope;
    w->put.seal.opaque_etag = u.u.opaque_etag;
    w->record.o.explicit_checksum = u.u.checksum != CHECKSUM_NONE;
    return (u.u.envelope.n > 0) == w->sealed ? STORE_OK : STORE_WRONG_KEY;
}

static void open_object(struct store_write *w)
{
    w->index_key = key_object(w->arena, w->put.key);
    w->kept_alg = w->put.checksum != CHECKSUM_NONE ? w->put.checksum : CHECKSUM_CRC64NVME;
    w->record.o.explicit_checksum = w->put.explicit_checksum;
    w->record.o.checksum_type = CHECKSUM_FULL_OBJECT;
    w->record.o.owner = w->put.owner;
    w->record.o.storage_class = bytes_eq_str(w->put.storage_class, "STANDARD") ? BYTES_NONE : w->put.storage_class;
    w->record.o.headers = w->put.headers;
    w->record.o.n_headers = w->put.n_headers;
    w->record.o.tags = w->put.tags;
    w->record.o.n_tags = w->put.n_tags;
    w->record.o.acl = w->put.acl;
    w->record.o.envelope = w->put.seal.envelope;
    w->record.o.opaque_etag = w->put.seal.opaque_etag;
}

int store_write_open(struct store *st, const struct store_put *put, struct store_write **ret)
{
    bool known = put->expected_size != UINT64_MAX;
    size_t room = known && put->expected_size > STORE_INLINE_MAX ? 0
                  : known                                        ? (size_t)put->expected_size
                                                                 : STORE_INLINE_MAX;
    size_t names = put->key.n + put->owner.n + put->storage_class.n + headers_size(put->headers, put->n_headers) +
                   headers_size(put->tags, put->n_tags) + put->acl.n + put->seal.envelope.n;
    if (put->key.n == 0 || put->key.n > STORE_KEY_MAX)
        return STORE_NO_SUCH_KEY;
    if (put->acl.n > STORE_ACL_MAX || put->seal.envelope.n > STORE_ENVELOPE_MAX)
        return STORE_OBJECT_TOO_LARGE;
    if (!put->upload_id.n && (put->seal.envelope.n > 0) != (put->seal.key != NULL))
        return STORE_WRONG_KEY;
    size_t front = RECORD_FRONT + names, box = put->seal.key ? SEAL_BOX_BYTES : 0;
    struct arena *a = arena_create(sizeof(struct store_write) + front + room + box + 2 * names + put->bucket->name.n +
                                   (put->n_headers + put->n_tags + 8) * sizeof(struct store_header) + 1024);
    struct store_write *w = arena_new(a, struct store_write);
    w->store = st;
    w->arena = a;
    w->front = front;
    w->room = room;
    copy_put(w, put);
    rand_bytes(w->record.o.uid, sizeof w->record.o.uid);
    if (put->upload_id.n) {
        w->is_part = true;
        int rc = open_part(w);
        if (rc != STORE_OK) {
            store_write_close(&w);
            return rc;
        }
    } else {
        open_object(w);
    }
    w->buffer = arena_alloc(a, front + room + box);
    *ret = w;
    return STORE_OK;
}

/* ---- taking bytes in ---- */

/* Where those lie that fit. */
static char *small_data(const struct store_write *w)
{
    return w->buffer + w->front + (w->sealed ? SEAL_NONCE_BYTES : 0);
}

bool store_write_fits(const struct store_write *w, size_t n)
{
    return !w->writer && !w->has_blob && n <= w->room && w->record.o.size <= w->room - n;
}

void store__describe(const struct store_put *put, const unsigned char uid[KEY_UID_BYTES],
                     const unsigned char upload[KEY_UPLOAD_BYTES], struct rec_blob_desc *ret)
{
    *ret = (struct rec_blob_desc){
        .partition = put->bucket->partition,
        .bucket = put->bucket->name,
        .key = put->key,
        .owner = put->owner,
        .storage_class = put->storage_class,
        .time_ms = clock_wall_ms(),
        .part_number = put->upload_id.n ? put->part_number : 0,
        .headers = put->headers,
        .n_headers = put->n_headers,
        .envelope = put->seal.envelope,
        .opaque_etag = put->seal.opaque_etag,
    };
    memcpy(ret->uid, uid, sizeof ret->uid);
    if (upload)
        memcpy(ret->upload, upload, sizeof ret->upload);
}

struct bytes store__encode_desc(const struct rec_blob_desc *desc, struct arena *a)
{
    struct rec_blob_desc cut = *desc;
    size_t n = 0;
    for (size_t i = 0; i < cut.n_headers; i++) { /* what is too long for rebuilding, is left out rather than refused */
        n += 16 + cut.headers[i].name.n + cut.headers[i].value.n;
        if (n > STORE_BLOB_DESC_HEADERS)
            cut.n_headers = i;
    }
    return record_encode(&rec_blob_desc, &cut, a, NULL);
}

static void begin_digests(struct store_write *w)
{
    w->no_md5 = w->put.seal.opaque_etag && !w->expect_md5;
    md5_init(&w->md5);
    w->kept = checksum_new(w->kept_alg);
    if (w->put.checksum != CHECKSUM_NONE && w->put.checksum != w->kept_alg)
        w->asked = checksum_new(w->put.checksum);
}

/* MD5 takes longest, so another thread does it meanwhile. Here it has ended when this answers, whatever the answer. */
static int blob_append(struct store_write *w, const void *p, size_t n)
{
    struct md5_piece piece = {0};
    if (n == 0)
        return STORE_OK;
    if (!w->no_md5)
        md5_begin(w->store->md5, &piece, &w->md5, p, n);
    checksum_update(w->kept, p, n);
    if (w->asked)
        checksum_update(w->asked, p, n);
    int rc = w->coded ? coded_append(w->coded, w->writer, p, n) : w->store->blobs->ops->append(w->writer, p, n);
    if (!w->no_md5)
        md5_wait(w->store->md5, &piece);
    return store__blob_rc(rc);
}

static int begin_blob(struct store_write *w)
{
    struct rec_blob_desc desc;
    store__describe(&w->put, w->record.o.uid, w->is_part ? w->upload : NULL, &desc);
    uint64_t expected = w->put.expected_size != UINT64_MAX ? w->put.expected_size : 0;
    if (w->sealed)
        expected = seal_stream_bytes(expected);
    int rc = blob_create(w->store->blobs, store__tier(w->store, w->put.storage_class),
                         store__encode_desc(&desc, w->arena), expected, &w->writer);
    if (rc != BLOB_OK)
        return store__blob_rc(rc);
    if (w->sealed)
        rand_bytes(w->data_key, sizeof w->data_key);
    if (w->sealed || w->put.compress)
        w->coded = coded_write_new(w->store->blobs, w->sealed ? w->data_key : NULL, w->put.compress);
    begin_digests(w);
    return blob_append(w, small_data(w), (size_t)w->record.o.size);
}

int store_write_append(struct store_write *w, const void *p, size_t n)
{
    CHECK(!w->finished);
    if (w->failed || n == 0)
        return w->failed;
    if (n > STORE_PART_MAX || w->record.o.size > STORE_PART_MAX - n)
        return w->failed = STORE_OBJECT_TOO_LARGE;
    if (n > w->put.expected_size - w->record.o.size) /* UINT64_MAX when unknown */
        return w->failed = STORE_SIZE_MISMATCH;
    if (store_write_fits(w, n)) {
        memcpy(small_data(w) + w->record.o.size, p, n);
    } else {
        if (!w->writer)
            w->failed = begin_blob(w);
        if (!w->failed)
            w->failed = blob_append(w, p, n);
    }
    if (!w->failed)
        w->record.o.size += n;
    return w->failed;
}

void store_write_expect_md5(struct store_write *w, const unsigned char md5[16])
{
    CHECK(!w->no_md5);
    memcpy(w->expected_md5, md5, sizeof w->expected_md5);
    w->expect_md5 = true;
}

void store_write_expect_checksum(struct store_write *w, const struct checksum_value *v)
{
    w->expected_checksum = *v;
    w->expect_checksum = v->alg != CHECKSUM_NONE;
}

static void finish_digests(struct store_write *w)
{
    struct store_object *o = &w->record.o;
    bool other = w->put.checksum != CHECKSUM_NONE && w->put.checksum != w->kept_alg;
    if (w->finished)
        return;
    w->finished = true;
    if (w->kept) {
        md5_end(&w->md5, w->computed_md5);
        checksum_final(w->kept, &o->checksum);
        if (w->asked)
            checksum_final(w->asked, &w->asked_value);
    } else {
        const char *data = small_data(w);
        md5_of(data, (size_t)o->size, w->computed_md5);
        checksum_of(w->kept_alg, data, (size_t)o->size, &o->checksum);
        if (other)
            checksum_of(w->put.checksum, data, (size_t)o->size, &w->asked_value);
    }
    if (w->put.seal.opaque_etag)
        rand_bytes(o->etag.md5, sizeof o->etag.md5);
    else
        memcpy(o->etag.md5, w->computed_md5, sizeof o->etag.md5);
}

uint64_t store_write_size(const struct store_write *w)
{
    return w->record.o.size;
}

void store_write_etag(struct store_write *w, struct store_etag *ret)
{
    finish_digests(w);
    *ret = w->record.o.etag;
}

void store_write_checksum(struct store_write *w, struct checksum_value *ret)
{
    finish_digests(w);
    *ret = w->asked_value.alg != CHECKSUM_NONE ? w->asked_value : w->record.o.checksum;
}

int64_t store_write_mtime_ms(const struct store_write *w)
{
    return w->record.o.mtime_ms;
}

void store_write_version(const struct store_write *w, struct store_version *ret)
{
    *ret = w->record.o.version;
}

/* ---- committing ---- */

static int check_digests(struct store_write *w)
{
    finish_digests(w);
    if (w->put.expected_size != UINT64_MAX && w->record.o.size != w->put.expected_size)
        return STORE_SIZE_MISMATCH;
    if (w->expect_md5 && memcmp(w->expected_md5, w->computed_md5, sizeof w->expected_md5) != 0) {
        memcpy(w->record.o.etag.md5, w->computed_md5, sizeof w->computed_md5); /* nothing is stored; but told */
        return STORE_MD5_MISMATCH;
    }
    if (!w->expect_checksum)
        return STORE_OK;
    bool same = checksum_equal(&w->expected_checksum, &w->record.o.checksum) ||
                (w->asked_value.alg != CHECKSUM_NONE && checksum_equal(&w->expected_checksum, &w->asked_value));
    return same ? STORE_OK : STORE_CHECKSUM_MISMATCH;
}

/* Synced, and an extent that refers to it. */
static int settle_blob(struct store_write *w, uint64_t seal)
{
    struct store_object *o = &w->record.o;
    struct store_extent *e = arena_new(w->arena, struct store_extent);
    int rc = w->coded ? store__blob_rc(coded_end(w->coded, w->writer)) : STORE_OK;
    if (rc != STORE_OK)
        return rc;
    e->partition = w->bucket.partition;
    memcpy(e->ref, o->uid, sizeof e->ref);
    e->length = o->size;
    e->codec = w->coded ? coded_codec(w->coded) : CODEC_RAW;
    if (w->sealed) {
        e->seal = seal;
        e->sealed = store__seal_data_key(w->key, e, w->data_key, w->arena);
    }
    struct rec_blob_trailer trailer = {.size = o->size,
                                       .etag = o->etag,
                                       .checksum = o->checksum,
                                       .mtime_ms = clock_wall_ms(),
                                       .codec = e->codec,
                                       .seal = e->seal,
                                       .sealed = e->sealed};
    struct bytes encoded = record_encode(&rec_blob_trailer, &trailer, w->arena, NULL);
    rc = store__blob_rc(w->store->blobs->ops->finish(&w->writer, encoded, &w->blob));
    if (rc != STORE_OK)
        return rc == STORE_NO_SUCH_KEY ? STORE_IO : rc;
    w->has_blob = true;
    e->blob = w->blob;
    o->extents = e;
    o->n_extents = 1;
    return STORE_OK;
}

/* The bytes to where the record will refer to: a synced blob, or the end of the record. */
static int settle_bytes(struct store_write *w)
{
    struct store_object *o = &w->record.o;
    uint64_t seal = store__seal_number(w->is_part ? w->put.part_number : 0, 0, true);
    if (w->writer)
        return settle_blob(w, seal);
    if (w->sealed)
        store__seal_bytes(w->key, seal, small_data(w), (size_t)o->size, (unsigned char *)w->buffer + w->front);
    o->inline_data = bytes_of(w->buffer + w->front, (size_t)o->size + (w->sealed ? SEAL_BOX_BYTES : 0));
    return STORE_OK;
}

static struct bytes encode_record(struct store_write *w, size_t *ret_head)
{
    const struct rec_type *type = w->is_part ? &rec_part : &rec_object;
    if (w->has_blob)
        return record_encode(type, &w->record, w->plan, ret_head);
    size_t n = w->front + w->record.o.inline_data.n;
    struct bytes v = record_encode_before(type, &w->record, w->buffer + n, n, ret_head);
    CHECK(v.n > 0);
    return v;
}

static bool revise(struct index_batch *batch, size_t expect, struct bytes current);

/* A part takes the place of one with its number. */
static void plan_part(struct store_write *w, const struct store_current *cur)
{
    int64_t now = clock_wall_ms();
    w->record.o.mtime_ms = cur->exists && cur->o.o.mtime_ms > now ? cur->o.o.mtime_ms : now;
    txn_expect(&w->txn, w->index_key, cur->exists ? cur->value : BYTES_NONE);
    txn_expect(&w->txn, w->upload_key, w->upload_value);
    if (cur->exists)
        txn_drop_object(&w->txn, &cur->o);
}

/* The batch that puts the new record where `cur` is, if the condition allows it. */
static int plan_over(struct store_write *w, struct store_current *cur)
{
    size_t head;
    int rc = STORE_OK;
    txn_init(&w->txn, w->plan, w->bucket.partition, w->bucket.generation);
    txn_limit(&w->txn, &w->bucket);
    if (w->is_part) {
        plan_part(w, cur);
    } else {
        rc = store__check_condition(&w->put.condition, cur->exists ? &cur->o.o : NULL);
        if (rc == STORE_OK)
            rc = store__new_lock(w->store, &w->bucket, &w->put.lock, &w->record.o.lock);
        if (rc == STORE_OK)
            rc = store__plan_write(w->store, &w->txn, &w->bucket, w->put.key, cur, &w->record);
    }
    if (rc != STORE_OK)
        return rc;
    struct bytes value = encode_record(w, &head);
    txn_put(&w->txn, w->index_key, value, head);
    txn_put_refs(&w->txn, w->record.o.extents, w->record.o.n_extents);
    w->txn.batch.revise = revise;
    return STORE_OK;
}

/* One try: what is there now, may we, and the batch. */
static int plan(struct store_write *w)
{
    struct store_current cur = {0};
    int rc;
    arena_reset(w->plan);
    if (w->is_part) {
        rc = store__load_object(w->store, w->bucket.partition, w->index_key, &rec_part, w->plan, &cur.o, &cur.value);
        cur.exists = rc == STORE_OK;
        rc = rc == STORE_NO_SUCH_KEY ? STORE_OK : rc;
    } else {
        rc = store__load_current(w->store, &w->bucket, w->put.key, false, w->plan, &cur);
    }
    return rc == STORE_OK ? plan_over(w, &cur) : rc;
}

/* What can be planned from the object record alone: the committer must not look for more. */
static bool needs_no_history(const struct store_write *w, const struct store_current *cur)
{
    if (w->is_part || w->bucket.versioning == VERSIONING_NEVER)
        return true;
    return w->bucket.versioning == VERSIONING_ENABLED && cur->exists && cur->o.versioned;
}

/*
 * Somebody was faster: plan over what he left, within the same commit. The request id stays, it is the same write. When
 * the condition no longer holds, the batch stays as it was: the index may look at it again.
 */
static bool revise(struct index_batch *batch, size_t expect, struct bytes current)
{
    struct store_write *w = batch->arg;
    struct txn before = w->txn;
    struct arena *planned = w->plan;
    struct store_current cur = {.exists = current.n > 0};
    if (!bytes_eq(batch->expects[expect].key, w->index_key))
        return false; /* the upload is gone, or the key's history is another one */
    w->plan = arena_create(0);
    cur.value = bytes_dup(w->plan, current);
    bool known = !cur.exists || record_decode(w->is_part ? &rec_part : &rec_object, cur.value, w->plan, &cur.o);
    if (known && cur.exists)
        store__settle_version(&cur.o);
    if (!known || !needs_no_history(w, &cur) || plan_over(w, &cur) != STORE_OK) {
        arena_free(w->plan);
        w->plan = planned;
        w->txn = before;
        return false;
    }
    arena_free(planned);
    memcpy(batch->request_id, before.batch.request_id, sizeof before.batch.request_id);
    batch->done = before.batch.done;
    batch->arg = before.batch.arg;
    batch->queue_next = before.batch.queue_next;
    return true;
}

static void on_batch_done(struct index_batch *batch, int rc);

static void end(struct store_write *w, int rc)
{
    void (*done)(void *, int) = w->done;
    void *arg = w->done_arg;
    if (rc == STORE_OK)
        w->fate = WRITE_DONE;
    else if (w->fate != WRITE_UNKNOWN)
        w->fate = WRITE_FAILED;
    if (w->txn.garbage && w->fate != WRITE_FAILED)
        gc_hint(w->store, w->bucket.partition);
    store__running_end(w->store);
    done(arg, rc); /* the handle may be gone now */
}

static void try_once(void *arg)
{
    struct store_write *w = arg;
    int rc = plan(w);
    while (rc == STORE_AGAIN && ++w->attempt.conflicts < STORE_TRIES)
        rc = plan(w);
    if (rc == STORE_AGAIN)
        rc = STORE_ABORTED;
    if (rc != STORE_OK) {
        end(w, rc);
        return;
    }
    w->txn.batch.done = on_batch_done;
    w->txn.batch.arg = w;
    index_submit(w->store->index, &w->txn.batch);
}

/* On the collector's thread: the partition may wait for somebody to bring it up to its bucket's generation. */
static void try_after_pause(void *arg)
{
    struct store_write *w = arg;
    if (store__raise_generation(w->store, w->bucket.partition, w->bucket.generation) != STORE_OK)
        log_warn("store", "bucket %.*s: its partition is behind its record", (int)w->bucket.name.n, w->bucket.name.p);
    try_once(w);
}

/* A conflict of a part may mean that its upload is gone, or that its envelope is another one now. */
static int upload_again(struct store_write *w)
{
    struct rec_upload u;
    return store__load_upload(w->store, w->bucket.partition, w->put.key, w->upload, w->arena, &u, &w->upload_value);
}

static void on_batch_done(struct index_batch *batch, int index_rc)
{
    struct store_write *w = batch->arg;
    bool later;
    if (index_rc == INDEX_OK) {
        end(w, STORE_OK);
        return;
    }
    if (index_rc == INDEX_UNKNOWN) {
        if (++w->attempt.unknowns <= STORE_UNKNOWN_TRIES) {
            index_submit(w->store->index, batch);
            return;
        }
        w->fate = WRITE_UNKNOWN;
        end(w, STORE_UNAVAILABLE);
        return;
    }
    int rc = store__retry_nowait(w->store, &w->attempt, index_rc, &w->bucket, &later);
    if (rc == STORE_OK && w->is_part)
        rc = upload_again(w);
    if (rc != STORE_OK) {
        end(w, rc);
    } else if (later) {
        w->later = (struct gc_later){.fn = try_after_pause, .arg = w};
        gc_later(w->store, &w->later, STORE_STALE_PAUSE_MS);
    } else {
        try_once(w);
    }
}

void store_write_commit(struct store_write *w, void (*done)(void *arg, int rc), void *arg)
{
    CHECK(w->fate == WRITE_OPEN && !w->done);
    w->done = done;
    w->done_arg = arg;
    store__running_begin(w->store);
    int rc = w->failed ? w->failed : check_digests(w);
    if (rc == STORE_OK)
        rc = settle_bytes(w);
    if (rc != STORE_OK) {
        end(w, rc);
        return;
    }
    w->plan = arena_create(0);
    try_once(w);
}

struct commit_waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    int rc;
};

static void wake(void *arg, int rc)
{
    struct commit_waiter *waiter = arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->rc = rc;
    waiter->done = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->lock);
}

int store_write_commit_wait(struct store_write *w)
{
    struct commit_waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    store_write_commit(w, wake, &waiter);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done)
        pthread_cond_wait(&waiter.cond, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_mutex_destroy(&waiter.lock);
    pthread_cond_destroy(&waiter.cond);
    return waiter.rc;
}

static void wipe(struct store_write *w)
{
    if (w->buffer)
        OPENSSL_cleanse(small_data(w), w->room);
    OPENSSL_cleanse(&w->md5, sizeof w->md5); /* it has the end of the bytes */
    OPENSSL_cleanse(w->key, sizeof w->key);
    OPENSSL_cleanse(w->data_key, sizeof w->data_key);
}

void store_write_close(struct store_write **pw)
{
    struct store_write *w = *pw;
    *pw = NULL;
    if (!w)
        return;
    const struct blob_ops *ops = w->store->blobs->ops;
    ops->abandon(&w->writer);
    coded_write_free(&w->coded);
    if (w->sealed)
        wipe(w);
    if (w->has_blob && w->fate != WRITE_UNKNOWN)
        store__blob_fate(w->store, &w->blob, w->fate == WRITE_DONE);
    checksum_free(w->kept);
    checksum_free(w->asked);
    arena_free(w->plan);
    arena_free(w->arena);
}
