/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an object: a walk over its extents, one blob open at a time, answered in spans that end where the blob
 * store's checked blocks end, so that no block is verified twice.
 *
 * While a reader is open it pins its object's uid: the collector leaves the garbage of that uid alone, so all its blobs
 * stay, also those that it has not opened yet. Objects with all data inside their record need no pin and no reader
 * state. A blob is opened on first use, also with nowait: that costs a look-up of the file's name, which is in the
 * kernel's cache for anything recently written or read, and a header read that honours the disk's absence from it.
 *
 * Of an encrypted object, opening checks that the list of extents is whole, and opens what lies in the record itself:
 * what is wrong there is answered before anything was sent. Each further extent is opened when it is reached. Clear
 * text lies in the caller's scratch, or in the reader, which wipes it. Threads: one at a time per reader; the pins are
 * shared.
 */
#include "storage/store_internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "storage/coded.h"

struct store_read {
    struct store *store;
    const struct store_object *object;
    struct store_pin pin;
    uint64_t at, end;        /* of the object, in bytes */
    size_t extent;           /* where `at` lies ... */
    uint64_t extent_from;    /* ... and that extent's first byte in the object */
    struct coded_read *blob; /* of `extent`, or NULL */
    bool sealed;
    unsigned char key[STORE_KEY_BYTES];
    unsigned char *piece; /* clear text of a box: of `extent`, or of the whole object; or NULL */
    size_t piece_n;
};

static void drop_piece(struct store_read *r)
{
    if (r->piece)
        OPENSSL_cleanse(r->piece, r->piece_n);
    free(r->piece);
    r->piece = NULL;
}

static int open_box(struct store_read *r, uint64_t number, struct bytes box)
{
    if (box.n < SEAL_BOX_BYTES)
        return STORE_CORRUPT;
    r->piece_n = box.n - SEAL_BOX_BYTES;
    r->piece = xmalloc(r->piece_n);
    if (store__open_bytes(r->key, number, box, r->piece))
        return STORE_OK;
    drop_piece(r);
    return STORE_CORRUPT;
}

/* What can be told before a byte is read. */
static int check_sealed(struct store_read *r)
{
    const struct store_object *o = r->object;
    if (o->n_extents)
        return store__seals_whole(o) ? STORE_OK : STORE_CORRUPT;
    int rc = open_box(r, store__seal_number(0, 0, true), o->inline_data);
    return rc == STORE_OK && r->piece_n != o->size ? STORE_CORRUPT : rc;
}

int store_read_open(struct store *st, const struct store_object *o, uint64_t offset, uint64_t length,
                    const unsigned char *object_key, struct store_read **ret)
{
    if (offset > o->size || length > o->size - offset)
        return STORE_INVALID_RANGE;
    if ((o->envelope.n > 0) != (object_key != NULL))
        return STORE_WRONG_KEY;
    struct store_read *r = xcalloc(1, sizeof *r);
    r->store = st;
    r->object = o;
    r->at = offset;
    r->end = offset + length;
    r->sealed = object_key != NULL;
    if (r->sealed)
        memcpy(r->key, object_key, sizeof r->key);
    if (o->n_extents)
        store__pin(st, &r->pin, o->uid);
    int rc = r->sealed ? check_sealed(r) : STORE_OK;
    if (rc != STORE_OK)
        store_read_close(&r);
    else
        *ret = r;
    return rc;
}

void store_read_close(struct store_read **pr)
{
    struct store_read *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    coded_close(&r->blob);
    drop_piece(r);
    store__unpin(r->store, &r->pin);
    OPENSSL_cleanse(r->key, sizeof r->key);
    free(r);
}

static void give_span(struct store_read *r, struct bytes s, struct store_span *ret)
{
    *ret = (struct store_span){.bytes = s, .n = s.n};
    r->at += s.n;
}

/* A blob that is missing: the object has changed and was collected, or we lost data. */
static int missing_blob(struct store_read *r)
{
    struct arena *a = arena_create(0);
    struct store_bucket b = {.partition = r->object->partition, .versioning = VERSIONING_ENABLED};
    struct store_located now;
    int rc = store__find_version(r->store, &b, r->object->key, &r->object->version, a, &now);
    if (rc == STORE_OK)
        rc = memcmp(now.r.o.uid, r->object->uid, sizeof now.r.o.uid) == 0 ? STORE_CORRUPT : STORE_NO_SUCH_KEY;
    arena_free(a);
    return rc == STORE_NO_SUCH_VERSION ? STORE_NO_SUCH_KEY : rc;
}

static int open_extent(struct store_read *r, const struct store_extent *e, bool nowait)
{
    unsigned char key[SEAL_KEY_BYTES];
    bool sealed = r->sealed && e->codec != CODEC_BOX;
    if (r->blob)
        return STORE_OK;
    if (sealed && !store__open_data_key(r->key, e, key))
        return STORE_CORRUPT;
    int rc = coded_open(r->store->blobs, &e->blob, sealed ? key : NULL, (enum store_codec)e->codec, nowait, &r->blob);
    OPENSSL_cleanse(key, sizeof key);
    if (rc == BLOB_NOT_FOUND)
        return missing_blob(r);
    if (rc != BLOB_OK)
        return store__blob_rc(rc);
    uint64_t there = coded_bytes(r->blob), length = e->length + (e->codec == CODEC_BOX ? SEAL_BOX_BYTES : 0);
    if (e->offset > there || length > there - e->offset) {
        coded_close(&r->blob);
        return STORE_CORRUPT;
    }
    return STORE_OK;
}

static int blob_span(struct store_read *r, const struct store_extent *e, size_t max, bool nowait, char *scratch,
                     struct store_span *ret)
{
    int rc = open_extent(r, e, nowait);
    if (rc != STORE_OK)
        return rc;
    uint64_t skip = r->at - r->extent_from, left = e->length - skip;
    if (left > r->end - r->at)
        left = r->end - r->at;
    size_t n = coded_step(r->blob, e->offset + skip, left, max);
    rc = coded_read(r->blob, e->offset + skip, scratch, n, nowait);
    if (rc == BLOB_OK)
        give_span(r, bytes_of(scratch, n), ret);
    return rc == BLOB_NOT_FOUND ? STORE_CORRUPT : store__blob_rc(rc);
}

/* A box that was put into a blob comes into the reader as a whole. */
static int load_box(struct store_read *r, const struct store_extent *e, bool nowait)
{
    unsigned char box[STORE_INLINE_MAX + SEAL_BOX_BYTES];
    size_t n = (size_t)e->length + SEAL_BOX_BYTES;
    if (e->data.n)
        return open_box(r, e->seal, e->data);
    int rc = e->length > STORE_INLINE_MAX ? STORE_CORRUPT : open_extent(r, e, nowait);
    if (rc != STORE_OK)
        return rc;
    rc = coded_read(r->blob, e->offset, box, n, nowait);
    return rc == BLOB_OK ? open_box(r, e->seal, bytes_of(box, n)) : store__blob_rc(rc);
}

/* Of bytes in memory, which begin with byte `from` of the object. */
static void memory_span(struct store_read *r, struct bytes all, uint64_t from, size_t max, char *scratch,
                        struct store_span *ret)
{
    uint64_t left = from + all.n - r->at;
    if (left > r->end - r->at)
        left = r->end - r->at;
    struct bytes s = bytes_cut(all, (size_t)(r->at - from), left < max ? (size_t)left : max);
    if (r->sealed) { /* the reader's own memory */
        memcpy(scratch, s.p, s.n);
        s.p = scratch;
    }
    give_span(r, s, ret);
}

static int extent_span(struct store_read *r, const struct store_extent *e, size_t max, bool nowait, char *scratch,
                       struct store_span *ret)
{
    bool box = r->sealed && (e->data.n || e->codec == CODEC_BOX);
    if (!box && e->data.n == 0)
        return blob_span(r, e, max, nowait, scratch, ret);
    int rc = box && !r->piece ? load_box(r, e, nowait) : STORE_OK;
    if (rc == STORE_OK)
        memory_span(r, box ? bytes_of(r->piece, r->piece_n) : e->data, r->extent_from, max, scratch, ret);
    return rc;
}

int store_read_next(struct store_read *r, size_t max, bool nowait, char *scratch, struct store_span *ret)
{
    const struct store_object *o = r->object;
    if (r->at == r->end || max == 0) {
        *ret = (struct store_span){.n = 0};
        return STORE_OK;
    }
    if (o->n_extents == 0) {
        struct bytes all = r->sealed ? bytes_of(r->piece, r->piece_n) : o->inline_data;
        if (r->end > all.n)
            return STORE_CORRUPT;
        memory_span(r, all, 0, max, scratch, ret);
        return STORE_OK;
    }
    while (r->extent < o->n_extents && r->at - r->extent_from >= o->extents[r->extent].length) {
        coded_close(&r->blob);
        drop_piece(r);
        r->extent_from += o->extents[r->extent++].length;
    }
    if (r->extent == o->n_extents)
        return STORE_CORRUPT;
    const struct store_extent *e = &o->extents[r->extent];
    return store__extent_fits(e, r->sealed) ? extent_span(r, e, max, nowait, scratch, ret) : STORE_CORRUPT;
}
