/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects: looking up, deleting, and how they become records.
 *
 * An object's record holds everything that HEAD, a list and a small GET need. When it is made of more than
 * STORE_RECORD_EXTENTS extents or parts, these go to a manifest `m`+uid, written in the same batch and never changed;
 * it goes away with the collector, so a reader that holds the object record finds it, or finds that the object has
 * changed. Threads: store_object_get and _head may run on a loop; deleting blocks.
 */
#include "storage/store_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

static const struct bytes standard_class = {"STANDARD", 8};

size_t store_etag_text(const struct store_etag *etag, char out[STORE_ETAG_TEXT_MAX])
{
    hex_encode(etag->md5, sizeof etag->md5, out);
    size_t n = 2 * sizeof etag->md5;
    if (etag->parts == 0)
        return n;
    char digits[U64_TEXT];
    size_t k = u64_text(etag->parts, digits);
    if (k > STORE_ETAG_TEXT_MAX - n - 1)
        k = STORE_ETAG_TEXT_MAX - n - 1; /* more than 9,999,999 parts: no record of ours */
    out[n++] = '-';
    memcpy(out + n, digits, k);
    return n + k;
}

bool store__decode_object(const struct rec_type *type, struct bytes value, uint64_t partition, struct arena *a,
                          struct rec_object *ret)
{
    if (!record_decode(type, value, a, ret))
        return false;
    ret->o.partition = partition;
    if (ret->o.storage_class.n == 0)
        ret->o.storage_class = standard_class;
    if (ret->in_manifest)
        ret->o.n_parts = ret->manifest_parts;
    store__settle_version(ret);
    return true;
}

int store__load_object(struct store *st, uint64_t partition, struct bytes index_key, const struct rec_type *type,
                       struct arena *a, struct rec_object *ret, struct bytes *ret_value)
{
    struct bytes value;
    int rc = index_get(st->index, partition, index_key, a, &value);
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    if (!store__decode_object(type, value, partition, a, ret))
        return STORE_CORRUPT;
    if (ret_value)
        *ret_value = value;
    return STORE_OK;
}

int store__load_manifest(struct store *st, uint64_t partition, struct rec_object *r, struct arena *a)
{
    struct bytes value;
    if (!r->in_manifest)
        return STORE_OK;
    int rc = index_get(st->index, partition, key_manifest(a, r->o.uid), a, &value);
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    r->o.n_parts = 0;
    return record_decode_more(&rec_manifest, value, a, r) && r->o.n_parts == r->manifest_parts ? STORE_OK
                                                                                               : STORE_CORRUPT;
}

/* The extents must add up to the object, or a reader would run out of them half-way. */
static bool adds_up(const struct store_object *o)
{
    bool encrypted = o->envelope.n > 0;
    uint64_t sum = 0;
    if (o->n_extents == 0)
        return o->inline_data.n == o->size + (encrypted ? SEAL_BOX_BYTES : 0);
    for (size_t i = 0; i < o->n_extents; i++) {
        if (!store__extent_fits(&o->extents[i], encrypted))
            return false;
        sum += o->extents[i].length;
    }
    return sum == o->size && o->inline_data.n == 0;
}

static int object_get(struct store *st, const struct store_bucket *b, struct bytes key,
                      const struct store_version *version, bool whole, struct arena *a, struct store_object **ret)
{
    struct store_located *found = arena_alloc(a, sizeof *found);
    for (int tries = 0; tries < STORE_TRIES; tries++) {
        int rc = store__find_version(st, b, key, version, a, found);
        if (rc == STORE_OK && whole) {
            rc = store__load_manifest(st, b->partition, &found->r, a);
            if (rc == STORE_NO_SUCH_KEY)
                continue; /* overwritten and collected between the two reads */
            if (rc == STORE_OK && !adds_up(&found->r.o))
                rc = STORE_CORRUPT;
        }
        if (rc == STORE_OK || rc == STORE_DELETE_MARKER) {
            found->r.o.key = bytes_dup(a, key);
            *ret = &found->r.o;
        }
        return rc;
    }
    return STORE_CORRUPT; /* the same record every time, without its manifest */
}

int store_object_get(struct store *st, const struct store_bucket *b, struct bytes key,
                     const struct store_version *version, struct arena *a, struct store_object **ret)
{
    return object_get(st, b, key, version, true, a, ret);
}

int store_object_head(struct store *st, const struct store_bucket *b, struct bytes key,
                      const struct store_version *version, struct arena *a, struct store_object **ret)
{
    return object_get(st, b, key, version, false, a, ret);
}

int store__check_condition(const struct store_condition *c, const struct store_object *current)
{
    if (c->if_none_match && current)
        return STORE_PRECONDITION_FAILED;
    if (!c->if_match && !c->if_match_any)
        return STORE_OK;
    if (!current)
        return STORE_NO_SUCH_KEY;
    if (c->if_match_any)
        return STORE_OK;
    char text[STORE_ETAG_TEXT_MAX];
    size_t n = store_etag_text(&current->etag, text);
    return bytes_eq(c->if_match_etag, bytes_of(text, n)) ? STORE_OK : STORE_PRECONDITION_FAILED;
}

int store__put_object(struct txn *t, const struct rec_type *type, struct bytes index_key, struct rec_object *r)
{
    struct rec_object small = *r;
    if (bytes_eq(small.o.storage_class, standard_class))
        small.o.storage_class = BYTES_NONE;
    r->in_manifest = small.in_manifest = r->o.n_extents > STORE_RECORD_EXTENTS || r->o.n_parts > STORE_RECORD_EXTENTS;
    if (r->in_manifest) {
        if (record_bound(&rec_manifest, r) > STORE_RECORD_MAX)
            return STORE_OBJECT_TOO_LARGE;
        txn_put(t, key_manifest(t->arena, r->o.uid), record_encode(&rec_manifest, r, t->arena, NULL), 0);
        r->manifest_parts = small.manifest_parts = (uint32_t)r->o.n_parts;
        small.o.n_extents = small.o.n_parts = 0;
    }
    size_t head;
    struct bytes value = record_encode(type, &small, t->arena, &head);
    txn_put(t, index_key, value, head);
    return STORE_OK;
}

struct store_object *store__summary(const struct store_object *o, struct bytes key, struct arena *a)
{
    struct store_object *copy = arena_new(a, struct store_object);
    struct store_header *tags = arena_new_array(a, struct store_header, o->n_tags + 1);
    for (size_t i = 0; i < o->n_tags; i++)
        tags[i] = (struct store_header){bytes_dup(a, o->tags[i].name), bytes_dup(a, o->tags[i].value)};
    copy->tags = tags;
    copy->n_tags = o->n_tags;
    copy->key = bytes_dup(a, key);
    copy->size = o->size;
    copy->mtime_ms = o->mtime_ms;
    copy->etag = o->etag;
    copy->storage_class = o->storage_class.n ? bytes_dup(a, o->storage_class) : BYTES_LIT("STANDARD");
    copy->owner = bytes_dup(a, o->owner);
    copy->checksum = o->checksum;
    copy->checksum_type = o->checksum_type;
    copy->explicit_checksum = o->explicit_checksum;
    copy->version = o->version;
    copy->lock = o->lock;
    copy->envelope = bytes_dup(a, o->envelope);
    copy->opaque_etag = o->opaque_etag;
    memcpy(copy->uid, o->uid, sizeof copy->uid);
    return copy;
}
