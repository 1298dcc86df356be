/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving a version to another storage class. Only the label changes, unless its bytes lie in another tier than that
 * class has: then they are read (and verified) from where they are and written as new blobs there, and one batch puts
 * the record with the new extents and drops the old ones. A crash before that batch leaves blobs that recovery removes,
 * one after it leaves garbage that the collector removes; at no moment does the record refer to what is not there.
 * Readers of the old record go on: they pin the uid, and garbage of a pinned uid waits.
 *
 * What is encrypted moves as it is, without any key: the whole blob, since its chunks know their places in it, and once
 * where several extents share it.
 *
 * Size, ETag, time and version id stay. Extents keep their number and lengths. Threads: blocks.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "storage/coded.h"
#include "storage/lifecycle_worker.h"

#define MOVE_CHUNK (1u << 20) /* bytes read at a time */
#define MOVE_TRIES 3          /* others may change the record while we copy */

struct moving {
    struct store *store;
    struct store_bucket bucket;
    struct store_located found;
    struct arena *arena;
    unsigned tier;
    struct store_extent *fresh; /* all extents as they will be */
    struct store_extent *left;  /* those that are given up */
    size_t n_left;
    struct blob_id *made; /* new blobs, `n_made` of them */
    size_t n_made;
};

unsigned store__tier(struct store *st, struct bytes storage_class)
{
    return blob_tier(st->blobs, storage_class);
}

bool store__lies_elsewhere(struct store *st, const struct store_object *o, unsigned tier)
{
    for (size_t i = 0; i < o->n_extents; i++)
        if (o->extents[i].data.n == 0 && blob_tier_of(st->blobs, &o->extents[i].blob) != tier)
            return true;
    return false;
}

/* Its bytes only make sense at their places in the blob. */
static bool moves_whole(const struct store_extent *e)
{
    return e->seal || e->codec != CODEC_RAW;
}

static int copy_extent(struct moving *m, const struct store_extent *e, struct blob_id *ret)
{
    const struct blob_ops *ops = m->store->blobs->ops;
    const struct store_object *o = &m->found.r.o;
    struct store_put put = {.bucket = &m->bucket,
                            .key = o->key,
                            .owner = o->owner,
                            .storage_class = o->storage_class,
                            .headers = o->headers,
                            .n_headers = o->n_headers,
                            .seal.envelope = o->envelope,
                            .seal.opaque_etag = o->opaque_etag};
    struct rec_blob_desc desc;
    struct rec_blob_trailer trailer = {.size = e->length,
                                       .mtime_ms = o->mtime_ms,
                                       .codec = e->codec,
                                       .seal = e->seal,
                                       .offset = moves_whole(e) ? e->offset : 0,
                                       .sealed = e->sealed};
    struct blob_reader *r = NULL;
    struct blob_writer *w = NULL;
    store__describe(&put, o->uid, NULL, &desc);
    int rc = ops->open(m->store->blobs, &e->blob, &r);
    uint64_t from = moves_whole(e) ? 0 : e->offset, length = moves_whole(e) && r ? ops->length(r) : e->length;
    if (rc == BLOB_OK)
        rc = blob_create(m->store->blobs, m->tier, store__encode_desc(&desc, m->arena), length, &w);
    char *chunk = xmalloc(MOVE_CHUNK);
    bool stopped = false; /* some objects take hours */
    for (uint64_t at = 0; rc == BLOB_OK && at < length && !stopped;) {
        size_t n = length - at < MOVE_CHUNK ? (size_t)(length - at) : MOVE_CHUNK;
        rc = ops->read(r, from + at, chunk, n, false);
        if (rc == BLOB_OK)
            rc = ops->append(w, chunk, n);
        at += n;
        stopped = lifecycle_stopped(m->store);
    }
    free(chunk);
    ops->close_reader(&r);
    if (rc == BLOB_OK && !stopped)
        rc = ops->finish(&w, record_encode(&rec_blob_trailer, &trailer, m->arena, NULL), ret);
    else
        ops->abandon(&w);
    if (rc == BLOB_OK && stopped)
        return STORE_ABORTED;
    return rc == BLOB_NOT_FOUND ? STORE_CORRUPT : store__blob_rc(rc);
}

/* Of an extent before that moved whole out of the same blob: its new one. */
static const struct blob_id *moved_before(const struct moving *m, size_t i)
{
    const struct store_extent *e = m->found.r.o.extents;
    for (size_t k = 0; k < i && moves_whole(&e[i]); k++)
        if (e[k].data.n == 0 && moves_whole(&e[k]) && memcmp(&e[k].blob, &e[i].blob, sizeof e->blob) == 0)
            return &m->fresh[k].blob;
    return NULL;
}

static int copy_extents(struct moving *m)
{
    const struct store_object *o = &m->found.r.o;
    m->fresh = arena_new_array(m->arena, struct store_extent, o->n_extents);
    m->left = arena_new_array(m->arena, struct store_extent, o->n_extents);
    m->made = arena_new_array(m->arena, struct blob_id, o->n_extents);
    m->n_left = 0;
    for (size_t i = 0; i < o->n_extents; i++) {
        m->fresh[i] = o->extents[i];
        if (o->extents[i].data.n || blob_tier_of(m->store->blobs, &o->extents[i].blob) == m->tier)
            continue;
        const struct blob_id *before = moved_before(m, i);
        int rc = before ? STORE_OK : copy_extent(m, &o->extents[i], &m->made[m->n_made]);
        if (rc != STORE_OK)
            return rc;
        m->left[m->n_left++] = o->extents[i];
        m->fresh[i].blob = before ? *before : m->made[m->n_made++];
        m->fresh[i].partition = m->bucket.partition;
        m->fresh[i].offset = moves_whole(&o->extents[i]) ? o->extents[i].offset : 0;
        memcpy(m->fresh[i].ref, o->uid, sizeof m->fresh[i].ref);
    }
    return STORE_OK;
}

/* What stays of the old references is needed by another extent of the same blob. */
static void keep_shared(struct moving *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n_left; i++) {
        bool shared = false;
        for (size_t k = 0; k < m->found.r.o.n_extents && !shared; k++)
            shared = m->fresh[k].data.n == 0 &&
                     memcmp(&m->fresh[k].blob, &m->left[i].blob, sizeof m->left->blob) == 0 &&
                     memcmp(m->fresh[k].ref, m->left[i].ref, sizeof m->left->ref) == 0;
        if (!shared)
            m->left[kept++] = m->left[i];
    }
    m->n_left = kept;
}

static int commit_move(struct moving *m, struct bytes storage_class, struct attempt *at)
{
    struct rec_object *r = &m->found.r;
    struct txn t;
    keep_shared(m);
    r->o.extents = m->fresh;
    r->o.storage_class = storage_class;
    txn_init(&t, m->arena, m->bucket.partition, m->bucket.generation);
    txn_expect(&t, m->found.index_key, m->found.value);
    int rc = store__put_object(&t, &rec_object, m->found.index_key, r);
    if (rc != STORE_OK)
        return rc;
    txn_put_refs(&t, m->fresh, r->o.n_extents);
    struct rec_object old = {.o = {.extents = m->left, .n_extents = m->n_left}};
    memcpy(old.o.uid, r->o.uid, sizeof old.o.uid);
    txn_drop_object(&t, &old);
    int applied = txn_apply(m->store, &t);
    for (size_t i = 0; i < m->n_made && applied != INDEX_UNKNOWN; i++)
        store__blob_fate(m->store, &m->made[i], applied == INDEX_OK);
    m->n_made = 0;
    if (applied == INDEX_OK)
        return STORE_OK;
    rc = store__retry(m->store, at, applied, &m->bucket);
    return rc == STORE_OK ? STORE_CONFLICT : rc; /* read it again */
}

static int transition_once(struct moving *m, struct bytes key, const struct store_version *version,
                           struct bytes storage_class, const unsigned char *expect_uid,
                           const int64_t *expect_noncurrent_ms, struct attempt *at)
{
    struct store_pin pin = {0};
    int rc = store__find_version(m->store, &m->bucket, key, version, m->arena, &m->found);
    if (rc == STORE_OK && !store__as_expected(&m->found.r, expect_uid, expect_noncurrent_ms))
        rc = STORE_PRECONDITION_FAILED;
    if (rc != STORE_OK)
        return rc;
    m->found.r.o.key = key;
    store__pin(m->store, &pin, m->found.r.o.uid);
    rc = store__load_manifest(m->store, m->bucket.partition, &m->found.r, m->arena);
    if (rc == STORE_NO_SUCH_KEY)
        rc = STORE_CONFLICT; /* it has just been replaced */
    if (rc == STORE_OK)
        rc = copy_extents(m);
    if (rc == STORE_OK)
        rc = commit_move(m, storage_class, at);
    for (size_t i = 0; i < m->n_made; i++)
        store__blob_fate(m->store, &m->made[i], false);
    m->n_made = 0;
    store__unpin(m->store, &pin);
    return rc;
}

int store_object_transition(struct store *st, const struct store_bucket *b, struct bytes key,
                            const struct store_version *version, struct bytes storage_class,
                            const unsigned char *expect_uid, const int64_t *expect_noncurrent_ms)
{
    struct moving m = {.store = st, .bucket = *b, .tier = store__tier(st, storage_class)};
    struct attempt at = {0};
    int rc = STORE_CONFLICT;
    m.arena = arena_create(0);
    for (int tries = 0; rc == STORE_CONFLICT && tries < MOVE_TRIES; tries++) {
        arena_reset(m.arena);
        rc = transition_once(&m, key, version, storage_class, expect_uid, expect_noncurrent_ms, &at);
    }
    arena_free(m.arena);
    return rc;
}
