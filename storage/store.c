/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: opening and closing, errors of the backends in the store's words, transactions and their retries, pins.
 *
 * How writing works everywhere above this file: read the records concerned, build one batch whose preconditions are
 * exactly what was read, apply it; INDEX_CONFLICT means somebody was faster: read again. INDEX_STALE means the bucket's
 * partition moved on (it is being deleted): look the bucket up again. INDEX_UNKNOWN: apply the very same batch again.
 *
 * Invariants kept by every batch:
 *   - a record that refers to a blob goes in together with its reference in the blob's home partition, or after it;
 *   - a reference is added only to a blob that has one (or to a new blob), so a blob without references is dead for
 * good;
 *   - what a batch stops referring to, it notes as garbage; nobody but the collector takes references away.
 *
 * Threads: any; see store_internal.h for the locks.
 */
#include "storage/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "storage/lifecycle_worker.h"

const char *store_rc_name(int rc)
{
    static const char *const names[] = {
        "OK",
        "NO_SUCH_BUCKET",
        "NO_SUCH_KEY",
        "NO_SUCH_UPLOAD",
        "BUCKET_EXISTS",
        "BUCKET_NOT_EMPTY",
        "PRECONDITION_FAILED",
        "CONFLICT",
        "INVALID_PART",
        "PART_TOO_SMALL",
        "OBJECT_TOO_LARGE",
        "CHECKSUM_MISMATCH",
        "SIZE_MISMATCH",
        "UNAVAILABLE",
        "FULL",
        "IO",
        "CORRUPT",
        "BUSY",
        "WOULD_BLOCK",
        "ABORTED",
        "INVALID_RANGE",
        "MD5_MISMATCH",
        "NO_SUCH_VERSION",
        "DELETE_MARKER",
        "LOCKED",
        "BUCKET_STATE",
        "NO_SUCH_SETTING",
        "NO_LOCK",
        "WRONG_KEY",
    };
    return rc <= 0 && (size_t)-rc < ARRAY_LEN(names) ? names[-rc] : "unknown";
}

int store__index_rc(int index_rc)
{
    switch (index_rc) {
    case INDEX_OK:
        return STORE_OK;
    case INDEX_NOT_FOUND:
        return STORE_NO_SUCH_KEY;
    case INDEX_CONFLICT:
        return STORE_CONFLICT;
    case INDEX_STALE:
        return STORE_ABORTED;
    case INDEX_FULL:
        return STORE_FULL;
    case INDEX_CORRUPT:
        return STORE_CORRUPT;
    default:
        return STORE_UNAVAILABLE;
    }
}

int store__blob_rc(int blob_rc)
{
    switch (blob_rc) {
    case BLOB_OK:
        return STORE_OK;
    case BLOB_NOT_FOUND:
        return STORE_NO_SUCH_KEY;
    case BLOB_CORRUPT:
        return STORE_CORRUPT;
    case BLOB_FULL:
        return STORE_FULL;
    case BLOB_BUSY:
        return STORE_BUSY;
    case BLOB_WOULD_BLOCK:
        return STORE_WOULD_BLOCK;
    default:
        return STORE_IO;
    }
}

void store__pause_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

bool store__bytes_zero(const unsigned char *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* ---- opening and closing ---- */

/* The format's record is made by the first start; one of a later release is refused untouched. */
static int check_format(struct store *st)
{
    struct arena *a = arena_create(0);
    struct bytes key = key_of_kind(a, KEY_FORMAT, BYTES_NONE), value;
    struct rec_format format;
    int rc = index_get(st->index, INDEX_PARTITION_SYSTEM, key, a, &value);
    if (rc == INDEX_NOT_FOUND) {
        struct txn t;
        txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
        format.format = STORE_FORMAT;
        txn_expect(&t, key, BYTES_NONE);
        txn_put(&t, key, record_encode(&rec_format, &format, a, NULL), 0);
        rc = store__index_rc(txn_apply(st, &t));
    } else if (rc == INDEX_OK) {
        bool known = record_decode(&rec_format, value, a, &format) && format.format == STORE_FORMAT;
        rc = known ? STORE_OK : STORE_CORRUPT;
    } else {
        rc = store__index_rc(rc);
    }
    arena_free(a);
    return rc;
}

/* The lock clock goes on from where it was: neither a clock that was set back counts, nor one that is years ahead. */
static int load_clock(struct store *st, bool trust)
{
    struct arena *a = arena_create(0);
    struct bytes value;
    struct rec_counter seen;
    int64_t now = clock_wall_ms(), start = now;
    int rc = index_get(st->index, INDEX_PARTITION_SYSTEM, key_of_kind(a, KEY_CLOCK, BYTES_NONE), a, &value);
    if (rc == INDEX_OK && !record_decode(&rec_counter, value, a, &seen))
        rc = INDEX_CORRUPT;
    if (rc == INDEX_OK) {
        int64_t last = (int64_t)seen.next;
        bool ahead = now - last > STORE_CLOCK_GAP_MS && !trust;
        start = ahead || last > now ? last : now;
        if (ahead)
            log_warn("clock",
                     "the wall clock is %lld days ahead of when this data was last open: locks go by the time before "
                     "that; if the clock is right, start once with --trust-clock on",
                     (long long)((now - last) / 86400000));
    }
    atomic_store(&st->lock_offset_ms, start - clock_boot_ms());
    arena_free(a);
    return rc == INDEX_NOT_FOUND ? STORE_OK : store__index_rc(rc);
}

int store__save_clock(struct store *st)
{
    struct arena *a = arena_create(0);
    struct rec_counter seen = {.next = (uint64_t)store_lock_now_ms(st)};
    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_put(&t, key_of_kind(a, KEY_CLOCK, BYTES_NONE), record_encode(&rec_counter, &seen, a, NULL), 0);
    int rc = store__index_rc(txn_apply(st, &t));
    arena_free(a);
    return rc;
}

int store_open(const struct store_options *options, struct store **ret)
{
    struct store *st = xcalloc(1, sizeof *st);
    st->index = options->index;
    st->blobs = options->blobs;
    st->md5 = md5_lanes_new();
    st->part_min = STORE_PART_MIN;
    pthread_mutex_init(&st->pins_lock, NULL);
    pthread_mutex_init(&st->running_lock, NULL);
    pthread_cond_init(&st->running_none, NULL);
    int rc = check_format(st);
    if (rc == STORE_OK)
        rc = load_clock(st, options->trust_clock);
    if (rc == STORE_OK)
        rc = gc_open(st, options->no_background);
    if (rc == STORE_OK)
        rc = lifecycle_open(st, options->lifecycle_day_seconds, options->no_background);
    if (rc != STORE_OK) {
        store_close(&st);
        return rc;
    }
    *ret = st;
    return STORE_OK;
}

void store__running_begin(struct store *st)
{
    pthread_mutex_lock(&st->running_lock);
    st->running++;
    pthread_mutex_unlock(&st->running_lock);
}

void store__running_end(struct store *st)
{
    pthread_mutex_lock(&st->running_lock);
    CHECK(st->running > 0);
    if (--st->running == 0)
        pthread_cond_broadcast(&st->running_none);
    pthread_mutex_unlock(&st->running_lock);
}

void store_close(struct store **pst)
{
    struct store *st = *pst;
    *pst = NULL;
    if (!st)
        return;
    lifecycle_stop(st);
    pthread_mutex_lock(&st->running_lock);
    while (st->running)
        pthread_cond_wait(&st->running_none, &st->running_lock);
    pthread_mutex_unlock(&st->running_lock);
    gc_stop(st);
    if (st->index)
        st->index->ops->close(&st->index); /* joins its thread: no completion runs after this */
    if (st->blobs)
        st->blobs->ops->close(&st->blobs);
    md5_lanes_free(&st->md5);
    gc_free(st);
    lifecycle_free(st);
    pthread_cond_destroy(&st->running_none);
    pthread_mutex_destroy(&st->running_lock);
    pthread_mutex_destroy(&st->pins_lock);
    free(st);
}

void store_space(struct store *st, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    st->blobs->ops->space(st->blobs, ret_free_bytes, ret_total_bytes);
}

int store_collect(struct store *st)
{
    return gc_collect(st);
}

void store__blob_fate(struct store *st, const struct blob_id *blob, bool used)
{
    if (used || st->blobs->ops->remove(st->blobs, blob) == BLOB_OK)
        st->blobs->ops->settled(st->blobs, blob);
}

/* ---- pins ---- */

static struct store_pin **pin_slot(struct store *st, const unsigned char uid[KEY_UID_BYTES])
{
    return &st->pins[(uid[0] | uid[1] << 8) & (STORE_PIN_SLOTS - 1)];
}

void store__pin(struct store *st, struct store_pin *pin, const unsigned char uid[KEY_UID_BYTES])
{
    memcpy(pin->uid, uid, KEY_UID_BYTES);
    pthread_mutex_lock(&st->pins_lock);
    struct store_pin **slot = pin_slot(st, uid);
    pin->next = *slot;
    if (pin->next)
        pin->next->link = &pin->next;
    pin->link = slot;
    *slot = pin;
    pthread_mutex_unlock(&st->pins_lock);
}

void store__unpin(struct store *st, struct store_pin *pin)
{
    pthread_mutex_lock(&st->pins_lock); /* neighbours that leave write to our link */
    if (pin->link) {
        *pin->link = pin->next;
        if (pin->next)
            pin->next->link = pin->link;
        pin->link = NULL;
    }
    pthread_mutex_unlock(&st->pins_lock);
}

bool store__pinned(struct store *st, const unsigned char uid[KEY_UID_BYTES])
{
    pthread_mutex_lock(&st->pins_lock);
    const struct store_pin *pin = *pin_slot(st, uid);
    while (pin && memcmp(pin->uid, uid, KEY_UID_BYTES) != 0)
        pin = pin->next;
    pthread_mutex_unlock(&st->pins_lock);
    return pin != NULL;
}

/* ---- transactions ---- */

void txn_init(struct txn *t, struct arena *a, uint64_t partition, uint64_t generation)
{
    t->arena = a;
    memset(&t->batch, 0, sizeof t->batch);
    t->batch.partition = partition;
    t->batch.generation = generation;
    rand_bytes(t->batch.request_id, sizeof t->batch.request_id);
    t->batch.expects = t->few_expects;
    t->batch.puts = t->few_puts;
    t->batch.deletes = t->few_deletes;
    t->cap_expects = t->cap_puts = t->cap_deletes = TXN_FEW;
    t->garbage = false;
}

/* Room for one more at the end of an array that starts on the txn itself and moves to the arena. */
static void *txn_room(struct txn *t, const void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return (void *)(uintptr_t)items;
    *cap *= 4;
    void *more = arena_alloc(t->arena, *cap * size);
    memcpy(more, items, n * size);
    return more;
}

void txn_expect(struct txn *t, struct bytes key, struct bytes value)
{
    struct index_expect *e = txn_room(t, t->batch.expects, t->batch.n_expects, &t->cap_expects, sizeof *e);
    t->batch.expects = e;
    e[t->batch.n_expects++] = (struct index_expect){key, value};
}

void txn_put(struct txn *t, struct bytes key, struct bytes value, size_t head)
{
    struct index_put *p = txn_room(t, t->batch.puts, t->batch.n_puts, &t->cap_puts, sizeof *p);
    t->batch.puts = p;
    p[t->batch.n_puts++] = (struct index_put){key, value, head};
}

void txn_delete(struct txn *t, struct bytes key)
{
    struct bytes *d = txn_room(t, t->batch.deletes, t->batch.n_deletes, &t->cap_deletes, sizeof *d);
    t->batch.deletes = d;
    d[t->batch.n_deletes++] = key;
}

static int compare_refs(const void *x, const void *y)
{
    const struct store_extent *a = *(const struct store_extent *const *)x, *b = *(const struct store_extent *const *)y;
    int c = memcmp(&a->blob, &b->blob, sizeof a->blob);
    return c ? c : memcmp(a->ref, b->ref, sizeof a->ref);
}

void txn_put_refs(struct txn *t, const struct store_extent *extents, size_t n)
{
    const struct store_extent **mine = arena_alloc(t->arena, (n + 1) * sizeof *mine);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (extents[i].data.n == 0 && extents[i].partition == t->batch.partition)
            mine[kept++] = &extents[i];
    if (kept > 1) /* several extents may share a blob and the reference to it; a key is put once */
        qsort(mine, kept, sizeof *mine, compare_refs);
    for (size_t i = 0; i < kept; i++)
        if (i == 0 || compare_refs(&mine[i], &mine[i - 1]) != 0)
            txn_put(t, key_ref(t->arena, &mine[i]->blob, mine[i]->ref), record_ref_value(), 0);
}

static void txn_garbage(struct txn *t, const struct rec_garbage *g)
{
    txn_put(t, key_garbage(t->arena, clock_wall_ms()), record_encode(&rec_garbage, g, t->arena, NULL), 0);
    t->garbage = true;
}

void txn_drop_object(struct txn *t, const struct rec_object *old)
{
    if (!old->in_manifest && old->o.n_extents == 0)
        return;
    struct rec_garbage g = {.in_manifest = old->in_manifest, .extents = old->o.extents, .n_extents = old->o.n_extents};
    if (old->in_manifest) /* it stays until the collector has read it, also for readers that are about to */
        g.n_extents = 0;
    memcpy(g.uid, old->o.uid, sizeof g.uid);
    txn_garbage(t, &g);
}

void txn_purge_parts(struct txn *t, const unsigned char upload[KEY_UPLOAD_BYTES])
{
    struct rec_garbage g = {.purge = true};
    memcpy(g.upload, upload, sizeof g.upload);
    txn_garbage(t, &g);
}

int txn_apply(struct store *st, struct txn *t)
{
    int rc = index_apply(st->index, &t->batch);
    for (int tries = 0; rc == INDEX_UNKNOWN && tries < STORE_UNKNOWN_TRIES; tries++) {
        store__pause_ms(1);
        rc = index_apply(st->index, &t->batch);
    }
    if (t->garbage && (rc == INDEX_OK || rc == INDEX_UNKNOWN))
        gc_hint(st, t->batch.partition);
    return rc;
}

/* The bucket under its name again: 0 with its generation; a bucket being deleted counts as 0 with *ret_later. */
static int look_again(struct store *st, struct store_bucket *b, bool *ret_later)
{
    struct arena *a = arena_create(0);
    struct rec_bucket now;
    int rc = store__load_bucket(st, b->name, a, &now, NULL);
    if (rc == STORE_OK && now.b.partition != b->partition)
        rc = STORE_NO_SUCH_BUCKET; /* another one of that name */
    if (rc == STORE_OK) {
        *ret_later = now.state != REC_BUCKET_ACTIVE || now.b.generation == b->generation;
        if (now.state == REC_BUCKET_ACTIVE) {
            now.b.name = b->name;
            now.b.owner = b->owner;
            now.b.region = b->region;
            *b = now.b;
        }
    }
    arena_free(a);
    return rc;
}

int store__retry_nowait(struct store *st, struct attempt *at, int index_rc, struct store_bucket *b, bool *ret_later)
{
    *ret_later = false;
    switch (index_rc) {
    case INDEX_CONFLICT:
        return ++at->conflicts < STORE_TRIES ? STORE_OK : STORE_CONFLICT;
    case INDEX_STALE:
        if (++at->stales > STORE_STALE_TRIES)
            return STORE_ABORTED;
        return b ? look_again(st, b, ret_later) : STORE_OK;
    default:
        return store__index_rc(index_rc);
    }
}

int store__retry(struct store *st, struct attempt *at, int index_rc, struct store_bucket *b)
{
    bool later;
    int rc = store__retry_nowait(st, at, index_rc, b, &later);
    if (rc == STORE_OK && later) {
        store__pause_ms(STORE_STALE_PAUSE_MS);
        rc = store__raise_generation(st, b->partition, b->generation);
    }
    return rc;
}
