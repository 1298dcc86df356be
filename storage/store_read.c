/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an object: a walk over its extents, one blob open at a time, answered in spans that end where the blob
 * store's checked blocks end, so that no block is verified twice.
 *
 * While a reader is open it pins its object's uid: the collector leaves the garbage of that uid alone, so all its blobs
 * stay, also those that it has not opened yet. Objects with all data inside their record need no pin and no reader
 * state. A blob is opened on first use, also with nowait: that costs a look-up of the file's name, which is in the
 * kernel's cache for anything recently written or read, and a header read that honours the disk's absence from it.
 * Threads: one at a time per reader; the pins are shared.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

struct store_read {
    struct store *store;
    const struct store_object *object;
    struct store_pin pin;
    uint64_t at, end;         /* of the object, in bytes */
    size_t extent;            /* where `at` lies ... */
    uint64_t extent_from;     /* ... and that extent's first byte in the object */
    struct blob_reader *blob; /* of `extent`, or NULL */
};

int store_read_open(struct store *st, const struct store_object *o, uint64_t offset, uint64_t length,
                    const unsigned char *object_key, struct store_read **ret)
{
    (void)object_key;
    if (offset > o->size || length > o->size - offset)
        return STORE_INVALID_RANGE;
    struct store_read *r = xcalloc(1, sizeof *r);
    r->store = st;
    r->object = o;
    r->at = offset;
    r->end = offset + length;
    if (o->n_extents)
        store__pin(st, &r->pin, o->uid);
    *ret = r;
    return STORE_OK;
}

void store_read_close(struct store_read **pr)
{
    struct store_read *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    r->store->blobs->ops->close_reader(&r->blob);
    store__unpin(r->store, &r->pin);
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

static int open_extent(struct store_read *r, const struct store_extent *e)
{
    const struct blob_ops *ops = r->store->blobs->ops;
    if (r->blob)
        return STORE_OK;
    int rc = ops->open(r->store->blobs, &e->blob, &r->blob);
    if (rc == BLOB_NOT_FOUND)
        return missing_blob(r);
    if (rc != BLOB_OK)
        return store__blob_rc(rc);
    uint64_t length = ops->length(r->blob);
    if (e->offset > length || e->length > length - e->offset) {
        ops->close_reader(&r->blob);
        return STORE_CORRUPT;
    }
    return STORE_OK;
}

/* At most `max` bytes of what is left in the extent, ending with a checked block if there is one to end with. */
static size_t span_length(uint64_t blob_offset, uint64_t left, size_t max)
{
    uint64_t n = left < max ? left : max;
    uint64_t over = (blob_offset + n) % BLOB_BLOCK;
    if (n < left && over < n)
        n -= over;
    return (size_t)n;
}

static int blob_span(struct store_read *r, const struct store_extent *e, size_t max, bool nowait, char *scratch,
                     struct store_span *ret)
{
    const struct blob_ops *ops = r->store->blobs->ops;
    int rc = open_extent(r, e);
    if (rc != STORE_OK)
        return rc;
    uint64_t skip = r->at - r->extent_from, left = e->length - skip;
    if (left > r->end - r->at)
        left = r->end - r->at;
    size_t n = span_length(e->offset + skip, left, max);
    rc = ops->read(r->blob, e->offset + skip, scratch, n, nowait);
    if (rc == BLOB_OK)
        give_span(r, bytes_of(scratch, n), ret);
    return rc == BLOB_NOT_FOUND ? STORE_CORRUPT : store__blob_rc(rc);
}

int store_read_next(struct store_read *r, size_t max, bool nowait, char *scratch, struct store_span *ret)
{
    const struct store_object *o = r->object;
    if (r->at == r->end || max == 0) {
        *ret = (struct store_span){.n = 0};
        return STORE_OK;
    }
    if (o->n_extents == 0) {
        size_t left = (size_t)(r->end - r->at);
        if (r->end > o->inline_data.n)
            return STORE_CORRUPT;
        give_span(r, bytes_cut(o->inline_data, (size_t)r->at, left < max ? left : max), ret);
        return STORE_OK;
    }
    while (r->extent < o->n_extents && r->at - r->extent_from >= o->extents[r->extent].length) {
        r->store->blobs->ops->close_reader(&r->blob);
        r->extent_from += o->extents[r->extent++].length;
    }
    if (r->extent == o->n_extents)
        return STORE_CORRUPT;
    const struct store_extent *e = &o->extents[r->extent];
    if (e->data.n == 0)
        return blob_span(r, e, max, nowait, scratch, ret);
    size_t skip = (size_t)(r->at - r->extent_from), left = e->data.n - skip;
    if (left > r->end - r->at)
        left = (size_t)(r->end - r->at);
    give_span(r, bytes_cut(e->data, skip, left < max ? left : max), ret);
    return STORE_OK;
}
