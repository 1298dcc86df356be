/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector: takes away what nothing refers to any more. One background thread, woken by hints from writers and by
 * time; it can be stopped or killed anywhere and starts again from the index alone.
 *
 * Garbage entry (g): for each extent, remove its reference in the blob's home partition; when the blob has no reference
 * left, remove the blob; once that is durable, remove the entry. Each step may be repeated after a crash: removing
 * twice is no error. A blob that a power cut brings back so has its entry still. Why a live blob is never removed: a
 * reference is only ever added by a batch that requires another one of the same blob to be there, so the count cannot
 * leave zero again; and references are removed only here, for what an index batch dropped. Why readers are safe: they
 * pin the uid of what they read, and garbage of a pinned uid waits. Garbage also rests for GARBAGE_AGE_MS, so a reader
 * that has found the object but not opened it yet gets its pin in time.
 *
 * Intent (i): a copy puts references into a foreign partition before its own record is committed. Does the record exist
 * with that uid, the intent goes; does it not after INTENT_AGE_MS, the references go too. A copy in progress pins its
 * uid, and gives up long before that age. CompleteMultipartUpload removes the intents of its parts before it removes
 * the part records.
 *
 * Why a backup finds what its copy of the index refers to: it holds the blobs before it takes the copy, and a blob is
 * removed only if nobody holds it at a moment after its last reference has gone. So either the copy is older than the
 * hold's end and younger than that moment, and does not refer to the blob, or the blob stays, with its garbage entry.
 *
 * Also: tombstones of completed uploads older than a day; partitions of deleted buckets, emptied and dropped when
 * nobody refers to a blob of theirs; deletions of buckets that a crash interrupted; blobs without a record after a
 * crash.
 *
 * Threads: its own, and gc_collect on the caller's. gc.lock guards the list of places and delayed calls; gc.pass_lock
 * is held while collecting, so there is one collector at a time.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"

#define GARBAGE_AGE_MS   (10 * 1000)
#define INTENT_AGE_MS    (60 * 60 * 1000)
#define TOMBSTONE_AGE_MS (24 * 60 * 60 * 1000)
#define CREATING_AGE_MS  (60 * 1000)      /* a bucket half created for that long will not be finished */
#define FUTURE_MS        (60 * 60 * 1000) /* stamped later than that from now: the clock was wrong then */
#define LOOK_AGAIN_MS    (10 * 60 * 1000) /* at places where only resting things are left */
#define RETRY_MS         (30 * 1000)      /* after an error */
#define CHUNK_ROWS       256
#define CHUNK_BYTES      (4u << 20)
#define RELEASE_BATCH    1000 /* references removed in one batch */
#define REMOVAL_GROUP    64   /* blobs removed between two syncs; after each the thread looks whether to stop */
#define STALE_TRIES      20
#define PLACE_SLOTS      256
#define CLOCK_SAVE_MS    (60 * 1000) /* between two savings of the lock clock, where locks are used */
#define COLLECT_ROUNDS   3 /* emptying a deleted bucket frees blobs elsewhere, which may free another deleted bucket */

struct gc_place { /* a partition with something to collect */
    struct gc_place *next;
    uint64_t partition;
    int64_t due_ms;
};

struct gc {
    pthread_mutex_t lock, pass_lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool background, stop, recovered;
    struct gc_place *places[PLACE_SLOTS];
    struct gc_later *later;
    int64_t garbage_age_ms, intent_age_ms, tombstone_age_ms, creating_age_ms;
    _Atomic uint64_t blobs_removed, passes;
    bool unsynced, unsynced_told; /* removals that could not be made durable: in this pass; ever. With pass_lock */
};

enum gc_left { LEFT_NOTHING, LEFT_RESTING, LEFT_GARBAGE }; /* ordered: what is left decides when to look again */

static enum gc_left max_left(enum gc_left a, enum gc_left b)
{
    return a > b ? a : b;
}

static bool old_enough(int64_t time_ms, int64_t age_ms)
{
    int64_t now = clock_wall_ms();
    return time_ms <= now - age_ms || time_ms > now + FUTURE_MS;
}

/* ---- places and delayed calls ---- */

/* Whether the collector may have to wake up sooner for it. */
static bool place_add(struct gc *gc, uint64_t partition, int64_t due_ms) /* with the lock held */
{
    struct gc_place **slot = &gc->places[partition % PLACE_SLOTS];
    for (struct gc_place *p = *slot; p; p = p->next)
        if (p->partition == partition) {
            bool sooner = due_ms < p->due_ms;
            p->due_ms = sooner ? due_ms : p->due_ms;
            return sooner;
        }
    struct gc_place *p = xmalloc(sizeof *p);
    *p = (struct gc_place){.next = *slot, .partition = partition, .due_ms = due_ms};
    *slot = p;
    return true;
}

/* Takes the place out whose time has come, or tells when the next one's does. */
static bool place_take(struct gc *gc, int64_t now, uint64_t *ret_partition, int64_t *ret_next_ms)
{
    for (size_t i = 0; i < PLACE_SLOTS; i++)
        for (struct gc_place **at = &gc->places[i]; *at; at = &(*at)->next) {
            struct gc_place *p = *at;
            if (p->due_ms <= now) {
                *ret_partition = p->partition;
                *at = p->next;
                free(p);
                return true;
            }
            *ret_next_ms = p->due_ms < *ret_next_ms ? p->due_ms : *ret_next_ms;
        }
    return false;
}

void gc_hint(struct store *st, uint64_t partition)
{
    struct gc *gc = st->gc;
    pthread_mutex_lock(&gc->lock);
    if (place_add(gc, partition, clock_mono_ms() + gc->garbage_age_ms))
        pthread_cond_signal(&gc->wake);
    pthread_mutex_unlock(&gc->lock);
}

void gc_later(struct store *st, struct gc_later *later, int64_t delay_ms)
{
    struct gc *gc = st->gc;
    pthread_mutex_lock(&gc->lock);
    bool taken = gc->background && !gc->stop;
    if (taken) {
        later->due_ms = clock_mono_ms() + delay_ms;
        later->next = gc->later;
        gc->later = later;
        pthread_cond_signal(&gc->wake);
    }
    pthread_mutex_unlock(&gc->lock);
    if (!taken)
        later->fn(later->arg);
}

/* Runs what is due; answers when the next one is. */
static int64_t run_laters(struct gc *gc, int64_t next_ms)
{
    struct gc_later *due = NULL;
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&gc->lock);
    for (struct gc_later **at = &gc->later; *at;) {
        struct gc_later *l = *at;
        if (l->due_ms <= now || gc->stop) {
            *at = l->next;
            l->next = due;
            due = l;
        } else {
            next_ms = l->due_ms < next_ms ? l->due_ms : next_ms;
            at = &l->next;
        }
    }
    pthread_mutex_unlock(&gc->lock);
    while (due) {
        struct gc_later *l = due;
        due = l->next; /* before the call, which may end the owner */
        l->fn(l->arg);
    }
    return next_ms;
}

static bool stopping(struct gc *gc)
{
    if (gc->background)
        run_laters(gc, 0); /* a pass may be long: those who wait must not wait for its end */
    pthread_mutex_lock(&gc->lock);
    bool stop = gc->stop;
    pthread_mutex_unlock(&gc->lock);
    return stop;
}

/* ---- batches of the collector ---- */

/* A batch whose partition may move meanwhile; INDEX_OK also when the partition is gone. */
static int apply_anywhere(struct store *st, struct txn *t)
{
    int rc = INDEX_STALE;
    for (int tries = 0; rc == INDEX_STALE && tries < STALE_TRIES; tries++) {
        rc = index_generation(st->index, t->batch.partition, &t->batch.generation);
        if (rc == INDEX_NOT_FOUND)
            return INDEX_OK;
        if (rc != INDEX_OK)
            return rc;
        rand_bytes(t->batch.request_id, sizeof t->batch.request_id);
        rc = txn_apply(st, t);
    }
    return rc;
}

/* Whether any key starts so. */
static int any_key(struct store *st, uint64_t partition, struct bytes prefix, struct arena *a, bool *ret)
{
    struct index_scan scan = {.partition = partition, .from = prefix, .prefix = prefix, .max_rows = 1, .heads = true};
    struct index_page page;
    int rc = index_page(st->index, &scan, a, &page);
    *ret = rc == INDEX_OK && page.n_rows > 0;
    return rc == INDEX_NOT_FOUND ? INDEX_OK : rc;
}

/* ---- releasing extents ---- */

static int compare_extents(const void *x, const void *y)
{
    const struct store_extent *a = *(const struct store_extent *const *)x, *b = *(const struct store_extent *const *)y;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    int c = memcmp(&a->blob, &b->blob, sizeof a->blob);
    return c ? c : memcmp(a->ref, b->ref, sizeof a->ref);
}

static int drop_refs(struct store *st, const struct store_extent *const *e, size_t n, struct arena *a)
{
    for (size_t i = 0; i < n;) {
        struct txn t;
        txn_init(&t, a, e[i]->partition, 0);
        size_t from = i;
        for (; i < n && e[i]->partition == e[from]->partition && i - from < RELEASE_BATCH; i++)
            if (i == from || compare_extents(&e[i], &e[i - 1]) != 0)
                txn_delete(&t, key_ref(a, &e[i]->blob, e[i]->ref));
        int rc = apply_anywhere(st, &t);
        if (rc != INDEX_OK)
            return store__index_rc(rc);
    }
    return STORE_OK;
}

struct removals { /* not durable yet */
    size_t n;
    struct blob_id ids[REMOVAL_GROUP];
};

static int drop_blob_if_free(struct store *st, const struct store_extent *e, struct removals *removed, struct arena *a)
{
    bool used;
    int rc = any_key(st, e->partition, key_refs(a, &e->blob), a, &used);
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    if (used)
        return STORE_OK;
    if (blob_held(st->blobs)) /* now, after the last reference has gone: a later copy does not have it */
        return STORE_BUSY;
    rc = st->blobs->ops->remove(st->blobs, &e->blob);
    if (rc == BLOB_OK) /* also when it was gone: an earlier pass may have been interrupted before the sync */
        removed->ids[removed->n++] = e->blob;
    return store__blob_rc(rc);
}

/* STORE_ABORTED, with the group on disk, when the collector is to stop. */
static int sync_removals(struct store *st, struct removals *removed)
{
    if (removed->n == 0)
        return STORE_OK;
    int rc = st->blobs->ops->sync_removals(st->blobs, removed->ids, removed->n);
    atomic_fetch_add(&st->gc->blobs_removed, rc == BLOB_OK ? removed->n : 0);
    removed->n = 0;
    if (rc != BLOB_OK)
        st->gc->unsynced = true;
    return rc == BLOB_OK && stopping(st->gc) ? STORE_ABORTED : store__blob_rc(rc);
}

/* One that fails keeps its entry, but stops no other. `e` is sorted. */
static int drop_blobs(struct store *st, const struct store_extent *const *e, size_t n, uint64_t own_partition,
                      struct arena *a)
{
    struct removals removed = {.n = 0};
    int first = STORE_OK;
    for (size_t i = 0; i < n && first != STORE_ABORTED; i++) {
        if (i > 0 && memcmp(&e[i]->blob, &e[i - 1]->blob, sizeof e[i]->blob) == 0)
            continue;
        int rc = drop_blob_if_free(st, e[i], &removed, a);
        if (rc == STORE_OK && removed.n == REMOVAL_GROUP)
            rc = sync_removals(st, &removed);
        first = first == STORE_OK || rc == STORE_ABORTED ? rc : first;
        if (e[i]->partition != own_partition)
            gc_hint(st, INDEX_PARTITION_SYSTEM); /* perhaps the last reference into a deleted bucket */
    }
    int rc = sync_removals(st, &removed);
    return first == STORE_OK && rc != STORE_ABORTED ? rc : first; /* at the end of the list stopping spoils nothing */
}

/* Takes the references away, and for good the blobs that have none then. Anything done twice is fine. */
static int release(struct store *st, const struct store_extent *const *extents, size_t n, uint64_t own_partition,
                   struct arena *a)
{
    const struct store_extent **e = arena_alloc(a, (n ? n : 1) * sizeof *e);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (extents[i]->data.n == 0)
            e[kept++] = extents[i];
    qsort(e, kept, sizeof *e, compare_extents);
    int rc = drop_refs(st, e, kept, a);
    return rc == STORE_OK ? drop_blobs(st, e, kept, own_partition, a) : rc;
}

/* Extents gathered from several records, and what goes from the partition once they are released. */
struct harvest {
    struct arena *arena;
    const struct store_extent **extents;
    size_t n, cap;
    struct txn txn;
};

static void harvest_init(struct harvest *h, struct arena *a, uint64_t partition)
{
    *h = (struct harvest){.arena = a};
    txn_init(&h->txn, a, partition, 0);
}

static void harvest_extents(struct harvest *h, const struct store_extent *e, size_t n)
{
    if (h->n + n > h->cap) {
        h->cap = (h->n + n) * 2;
        const struct store_extent **more = arena_alloc(h->arena, h->cap * sizeof *more);
        if (h->n)
            memcpy(more, h->extents, h->n * sizeof *more);
        h->extents = more;
    }
    for (size_t i = 0; i < n; i++)
        h->extents[h->n++] = &e[i];
}

/* The extents of a manifest, which goes too. Gone already: an earlier pass was interrupted after it. */
static int harvest_manifest(struct store *st, struct harvest *h, const unsigned char uid[KEY_UID_BYTES])
{
    struct rec_object r;
    struct bytes value, key = key_manifest(h->arena, uid);
    int rc = index_get(st->index, h->txn.batch.partition, key, h->arena, &value);
    if (rc == INDEX_NOT_FOUND)
        return STORE_OK;
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    if (!record_decode(&rec_manifest, value, h->arena, &r))
        return STORE_CORRUPT;
    harvest_extents(h, r.o.extents, r.o.n_extents);
    txn_delete(&h->txn, key);
    return STORE_OK;
}

static int harvest_finish(struct store *st, struct harvest *h)
{
    int rc = release(st, h->extents, h->n, h->txn.batch.partition, h->arena);
    if (rc == STORE_OK && h->txn.batch.n_deletes)
        rc = store__index_rc(apply_anywhere(st, &h->txn));
    return rc;
}

/* ---- walking a kind of key by chunks ---- */

typedef int chunk_f(struct store *, uint64_t partition, const struct index_page *, struct arena *, enum gc_left *left);

/* About single records or blobs; behind them others may go well. Anything else is about the whole index. */
static bool hinders_others(int rc)
{
    return rc != STORE_OK && rc != STORE_IO && rc != STORE_CORRUPT;
}

/* Answers the first failure. */
static int walk(struct store *st, uint64_t partition, struct bytes prefix, chunk_f *chunk, enum gc_left *left)
{
    struct arena *from_arena = arena_create(0), *a = arena_create(64 * 1024);
    struct index_scan scan = {
        .partition = partition, .prefix = prefix, .from = prefix, .max_rows = CHUNK_ROWS, .max_bytes = CHUNK_BYTES};
    int rc = STORE_OK;
    for (bool more = true; more && !hinders_others(rc) && !stopping(st->gc);) {
        struct index_page page = {0};
        int page_rc = index_page(st->index, &scan, a, &page);
        if (page_rc != INDEX_OK || page.n_rows == 0) {
            page_rc = page_rc == INDEX_NOT_FOUND ? STORE_OK : store__index_rc(page_rc);
            rc = rc == STORE_OK ? page_rc : rc;
            break;
        }
        more = page.more;
        arena_reset(from_arena);
        scan.from = bytes_dup(from_arena, page.rows[page.n_rows - 1].key);
        scan.after = true;
        int chunk_rc = chunk(st, partition, &page, a, left);
        rc = rc == STORE_OK || hinders_others(chunk_rc) ? chunk_rc : rc;
        arena_reset(a);
    }
    if (rc != STORE_OK)
        *left = max_left(*left, LEFT_GARBAGE);
    arena_free(a);
    arena_free(from_arena);
    return rc;
}

static int purge_chunk(struct store *st, uint64_t partition, const struct index_page *page, struct arena *a,
                       enum gc_left *left)
{
    (void)left;
    struct harvest h;
    harvest_init(&h, a, partition);
    for (size_t i = 0; i < page->n_rows; i++) {
        struct rec_object *r = arena_new(a, struct rec_object);
        if (!record_decode(&rec_part, page->rows[i].value, a, r))
            return STORE_CORRUPT;
        harvest_extents(&h, r->o.extents, r->o.n_extents);
        int rc = r->in_manifest ? harvest_manifest(st, &h, r->o.uid) : STORE_OK;
        if (rc != STORE_OK)
            return rc;
        txn_delete(&h.txn, page->rows[i].key);
    }
    return harvest_finish(st, &h);
}

static int purge_parts(struct store *st, uint64_t partition, const unsigned char upload[KEY_UPLOAD_BYTES])
{
    struct arena *a = arena_create(0);
    enum gc_left left = LEFT_NOTHING;
    int rc = walk(st, partition, key_parts(a, upload), purge_chunk, &left);
    arena_free(a);
    return rc == STORE_OK && stopping(st->gc) ? STORE_ABORTED : rc;
}

static int garbage_chunk(struct store *st, uint64_t partition, const struct index_page *page, struct arena *a,
                         enum gc_left *left)
{
    struct harvest h;
    int failed = STORE_OK;
    if (blob_held(st->blobs)) { /* a backup is being made */
        *left = max_left(*left, LEFT_GARBAGE);
        return STORE_OK;
    }
    harvest_init(&h, a, partition);
    for (size_t i = 0; i < page->n_rows; i++) {
        struct rec_garbage *g = arena_new(a, struct rec_garbage);
        int rc = STORE_OK;
        if (!old_enough(key_garbage_time_ms(page->rows[i].key), st->gc->garbage_age_ms)) {
            *left = max_left(*left, LEFT_GARBAGE);
            continue;
        }
        if (!record_decode(&rec_garbage, page->rows[i].value, a, g)) {
            failed = STORE_CORRUPT; /* the others go on */
            continue;
        }
        if (!g->purge && store__pinned(st, g->uid)) {
            *left = max_left(*left, LEFT_GARBAGE);
            continue;
        }
        if (g->purge)
            rc = purge_parts(st, partition, g->upload);
        else if (g->in_manifest)
            rc = harvest_manifest(st, &h, g->uid);
        else
            harvest_extents(&h, g->extents, g->n_extents);
        if (rc == STORE_OK)
            txn_delete(&h.txn, page->rows[i].key);
        else
            failed = rc;
    }
    int rc = harvest_finish(st, &h);
    return rc == STORE_OK ? failed : rc;
}

/* Whether the record under this key has that uid. */
static int record_is(struct store *st, const struct rec_intent *in, struct arena *a, bool *ret)
{
    struct rec_object r;
    bool part = in->key.n && in->key.p[0] == KEY_PART;
    int rc = store__load_object(st, in->partition, in->key, part ? &rec_part : &rec_object, a, &r, NULL);
    *ret = rc == STORE_OK && memcmp(r.o.uid, in->uid, sizeof in->uid) == 0;
    return rc == STORE_NO_SUCH_KEY ? STORE_OK : rc;
}

struct uid_search {
    const unsigned char *uid;
    bool found;
};

static enum index_visit match_uid(void *arg, struct bytes key, struct bytes head, struct buf *seek)
{
    struct uid_search *s = arg;
    struct rec_object r;
    (void)key;
    (void)seek;
    s->found = record_decode(&rec_object, head, NULL, &r) && memcmp(r.o.uid, s->uid, sizeof r.o.uid) == 0;
    return s->found ? INDEX_VISIT_STOP : INDEX_VISIT_NEXT;
}

/*
 * Whether the record that an intent was for is there: as the current object, or as an older version by now. A version
 * that is promoted between our two looks is found by the third.
 */
static int intent_kept(struct store *st, const struct rec_intent *in, struct arena *a, bool *ret)
{
    int rc = record_is(st, in, a, ret);
    if (rc != STORE_OK || *ret || in->key.n == 0 || in->key.p[0] != KEY_OBJECT)
        return rc;
    struct uid_search s = {.uid = in->uid};
    struct index_scan scan = {.partition = in->partition,
                              .prefix = key_versions(a, key_rest(in->key)),
                              .max_rows = CHUNK_ROWS,
                              .heads = true};
    scan.from = scan.prefix;
    rc = store__visit(st, &scan, match_uid, &s);
    *ret = s.found;
    return rc == STORE_OK && !s.found ? record_is(st, in, a, ret) : rc;
}

/*
 * Turns an intent whose record is not there into garbage, if it still is an intent: CompleteMultipartUpload may have
 * taken it away, and the part's record after it, between our reading the one and the other.
 */
static int intent_to_garbage(struct store *st, uint64_t partition, const struct index_row *row,
                             const struct rec_intent *in, struct arena *a)
{
    struct rec_garbage g = {.extents = in->extents, .n_extents = in->n_extents};
    struct txn t;
    memcpy(g.uid, in->uid, sizeof g.uid);
    txn_init(&t, a, partition, 0);
    txn_expect(&t, row->key, row->value);
    txn_delete(&t, row->key);
    txn_put(&t, key_garbage(a, clock_wall_ms()), record_encode(&rec_garbage, &g, a, NULL), 0);
    int rc = apply_anywhere(st, &t);
    return rc == INDEX_CONFLICT ? STORE_OK : store__index_rc(rc);
}

static int intent_chunk(struct store *st, uint64_t partition, const struct index_page *page, struct arena *a,
                        enum gc_left *left)
{
    struct txn settled;
    txn_init(&settled, a, partition, 0);
    for (size_t i = 0; i < page->n_rows; i++) {
        struct rec_intent in;
        bool kept;
        if (!record_decode(&rec_intent, page->rows[i].value, a, &in))
            return STORE_CORRUPT;
        if (!old_enough(in.time_ms, st->gc->intent_age_ms) || store__pinned(st, in.uid)) {
            *left = max_left(*left, LEFT_RESTING);
            continue;
        }
        int rc = intent_kept(st, &in, a, &kept);
        if (rc == STORE_OK && kept)
            txn_delete(&settled, page->rows[i].key);
        else if (rc == STORE_OK)
            rc = intent_to_garbage(st, partition, &page->rows[i], &in, a);
        if (rc != STORE_OK)
            return rc;
        if (!kept)
            *left = max_left(*left, LEFT_GARBAGE);
    }
    return settled.batch.n_deletes ? store__index_rc(apply_anywhere(st, &settled)) : STORE_OK;
}

static int tombstone_chunk(struct store *st, uint64_t partition, const struct index_page *page, struct arena *a,
                           enum gc_left *left)
{
    struct harvest h;
    harvest_init(&h, a, partition);
    for (size_t i = 0; i < page->n_rows; i++) {
        struct rec_object r;
        if (record_decode(&rec_tombstone, page->rows[i].value, a, &r) &&
            !old_enough(r.time_ms, st->gc->tombstone_age_ms))
            *left = max_left(*left, LEFT_RESTING);
        else
            txn_delete(&h.txn, page->rows[i].key);
    }
    return harvest_finish(st, &h);
}

static int collect_partition(struct store *st, uint64_t partition, enum gc_left *left)
{
    static const struct {
        char prefix[1];
        chunk_f *chunk;
    } kinds[] = {{{KEY_INTENT}, intent_chunk}, {{KEY_GARBAGE}, garbage_chunk}, {{KEY_TOMBSTONE}, tombstone_chunk}};
    int first = STORE_OK;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        int rc = walk(st, partition, bytes_of(kinds[i].prefix, 1), kinds[i].chunk, left);
        if (first == STORE_OK)
            first = rc;
    }
    return first;
}

/* ---- deleted buckets ---- */

static int abort_chunk(struct store *st, uint64_t partition, const struct index_page *page, struct arena *a,
                       enum gc_left *left)
{
    (void)left;
    struct txn t;
    txn_init(&t, a, partition, 0);
    for (size_t i = 0; i < page->n_rows; i++) {
        struct bytes s3_key;
        const unsigned char *id;
        txn_delete(&t, page->rows[i].key);
        if (key_upload_parse(page->rows[i].key, &s3_key, &id))
            txn_purge_parts(&t, id);
    }
    return store__index_rc(apply_anywhere(st, &t));
}

/* Whether anything is left that somebody needs or that has yet to be released. */
static int in_use(struct store *st, uint64_t partition, struct arena *a, bool *ret)
{
    static const char kinds[] = {KEY_REF, KEY_GARBAGE, KEY_INTENT, KEY_UPLOAD, KEY_PART, KEY_OBJECT};
    int rc = INDEX_OK;
    *ret = false;
    for (size_t i = 0; rc == INDEX_OK && !*ret && i < sizeof kinds; i++)
        rc = any_key(st, partition, bytes_of(&kinds[i], 1), a, ret);
    return store__index_rc(rc);
}

/* A bucket that was being created when its creator died: from now on nobody can finish it. */
static int take_over(struct store *st, struct bytes key, struct bytes *value, struct rec_dropped *d, struct arena *a,
                     bool *ret_rests)
{
    *ret_rests = d->state == REC_DROPPED_CREATING && !old_enough(d->time_ms, st->gc->creating_age_ms);
    if (d->state != REC_DROPPED_CREATING || *ret_rests)
        return STORE_OK;
    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    d->state = REC_DROPPED_CLEANING;
    txn_expect(&t, key, *value);
    *value = record_encode(&rec_dropped, d, a, NULL);
    txn_put(&t, key, *value, 0);
    int rc = txn_apply(st, &t);
    *ret_rests = rc == INDEX_CONFLICT; /* it was finished after all */
    return rc == INDEX_CONFLICT ? STORE_OK : store__index_rc(rc);
}

static int clean_dropped(struct store *st, const struct index_row *row, struct arena *a, enum gc_left *left)
{
    struct rec_dropped d;
    struct bytes value = row->value;
    uint64_t partition = key_dropped_partition(row->key);
    enum gc_left inside = LEFT_NOTHING;
    bool rests, used = false;
    if (partition <= INDEX_PARTITION_SYSTEM || !record_decode(&rec_dropped, value, a, &d))
        return STORE_CORRUPT;
    int rc = take_over(st, row->key, &value, &d, a, &rests);
    if (rc == STORE_OK && rests) {
        *left = max_left(*left, LEFT_RESTING);
        return STORE_OK;
    }
    char prefix = KEY_UPLOAD;
    if (rc == STORE_OK)
        rc = walk(st, partition, bytes_of(&prefix, 1), abort_chunk, &inside);
    if (rc == STORE_OK)
        rc = collect_partition(st, partition, &inside);
    if (rc == STORE_OK)
        rc = in_use(st, partition, a, &used);
    *left = max_left(*left, used ? max_left(inside, LEFT_RESTING) : LEFT_NOTHING);
    if (rc != STORE_OK || used || stopping(st->gc))
        return rc;
    rc = index_drop(st->index, partition);
    if (rc != INDEX_OK && rc != INDEX_NOT_FOUND)
        return store__index_rc(rc);
    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_delete(&t, row->key);
    return store__index_rc(txn_apply(st, &t));
}

static int dropped_chunk(struct store *st, uint64_t partition, const struct index_page *page, struct arena *a,
                         enum gc_left *left)
{
    (void)partition;
    int first = STORE_OK;
    for (size_t i = 0; i < page->n_rows && !stopping(st->gc); i++) {
        int rc = clean_dropped(st, &page->rows[i], a, left);
        if (first == STORE_OK)
            first = rc;
    }
    return first;
}

static int collect_place(struct store *st, uint64_t partition, enum gc_left *left)
{
    struct gc *gc = st->gc;
    char dropped = KEY_DROPPED;
    gc->unsynced = false;
    int rc = partition == INDEX_PARTITION_SYSTEM ? walk(st, partition, bytes_of(&dropped, 1), dropped_chunk, left)
                                                 : collect_partition(st, partition, left);
    bool told = gc->unsynced && gc->unsynced_told; /* it comes back with every pass; the blob store has told where */
    if (rc != STORE_OK && rc != STORE_BUSY && !told && !stopping(gc))
        log_warn("gc", "partition %llu: %s, will be tried again", (unsigned long long)partition, store_rc_name(rc));
    gc->unsynced_told = gc->unsynced_told || gc->unsynced;
    return rc;
}

/* ---- after a start ---- */

static int keep_blob(void *arg, const struct blob_id *id, struct bytes desc)
{
    struct store *st = arg;
    struct rec_blob_desc d;
    bool used;
    int keep = -1;
    if (stopping(st->gc))
        return keep;
    struct arena *a = arena_create(0);
    if (record_decode(&rec_blob_desc, desc, NULL, &d) && d.partition &&
        any_key(st, d.partition, key_refs(a, id), a, &used) == INDEX_OK)
        keep = used;
    arena_free(a);
    return keep;
}

/* Looks at every bucket once: finishes what a crash interrupted, notes where there is something to collect. */
static int sweep_chunk(struct store *st, uint64_t partition, const struct index_page *page, struct arena *a,
                       enum gc_left *left)
{
    (void)partition;
    (void)left;
    static const char kinds[] = {KEY_GARBAGE, KEY_INTENT, KEY_TOMBSTONE};
    for (size_t i = 0; i < page->n_rows && !stopping(st->gc); i++) {
        struct rec_bucket r;
        bool found = false;
        if (!record_decode(&rec_bucket, page->rows[i].value, a, &r)) {
            log_error("gc", "the record of bucket %.*s is damaged", (int)key_rest(page->rows[i].key).n,
                      key_rest(page->rows[i].key).p);
            continue;
        }
        if (r.state == REC_BUCKET_DELETING) {
            int rc = store__bucket_settle(st, key_rest(page->rows[i].key));
            if (rc != STORE_OK && rc != STORE_BUCKET_NOT_EMPTY)
                return rc;
        } else { /* a change of its settings may have been cut short */
            int rc = store__raise_generation(st, r.b.partition, r.b.generation);
            if (rc != STORE_OK)
                return rc;
        }
        if (r.b.lock_enabled)
            atomic_store_explicit(&st->locks_used, true, memory_order_relaxed);
        for (size_t k = 0; k < sizeof kinds && !found; k++) {
            int rc = any_key(st, r.b.partition, bytes_of(&kinds[k], 1), a, &found);
            if (rc != INDEX_OK)
                return store__index_rc(rc);
        }
        if (found)
            gc_hint(st, r.b.partition);
    }
    return STORE_OK;
}

static int look_around(struct store *st)
{
    char bucket = KEY_BUCKET;
    enum gc_left left = LEFT_NOTHING;
    int rc = STORE_OK;
    if (!st->gc->recovered) {
        rc = st->blobs->ops->recover(st->blobs, keep_blob, st);
        st->gc->recovered = rc == BLOB_OK;
        if (rc != BLOB_OK)
            log_warn("gc", "blobs left by the last stop: %s, will be tried again", blob_rc_name(rc));
        rc = store__blob_rc(rc);
    }
    gc_hint(st, INDEX_PARTITION_SYSTEM);
    int swept = walk(st, INDEX_PARTITION_SYSTEM, bytes_of(&bucket, 1), sweep_chunk, &left);
    if (swept != STORE_OK)
        log_warn("gc", "looking through the buckets: %s, will be tried again", store_rc_name(swept));
    return rc == STORE_OK ? swept : rc;
}

/* ---- the thread ---- */

static void pass_over(struct store *st, uint64_t partition)
{
    atomic_fetch_add(&st->gc->passes, 1);
    struct gc *gc = st->gc;
    enum gc_left left = LEFT_NOTHING;
    pthread_mutex_lock(&gc->pass_lock);
    int rc = collect_place(st, partition, &left);
    bool unsynced = gc->unsynced;
    pthread_mutex_unlock(&gc->pass_lock);
    if (rc == STORE_OK && left == LEFT_NOTHING)
        return;
    pthread_mutex_lock(&gc->lock);
    int64_t rest = unsynced               ? LOOK_AGAIN_MS /* a disk that fails does not recover in seconds */
                   : rc != STORE_OK       ? RETRY_MS
                   : left == LEFT_GARBAGE ? gc->garbage_age_ms
                                          : LOOK_AGAIN_MS;
    place_add(gc, partition, clock_mono_ms() + rest);
    pthread_mutex_unlock(&gc->lock);
}

static void wait_until(struct gc *gc, int64_t due_ms) /* with the lock held */
{
    struct timespec t = clock_at_ms(due_ms);
    if (!gc->stop)
        pthread_cond_timedwait(&gc->wake, &gc->lock, &t);
}

static void *gc_main(void *arg)
{
    struct store *st = arg;
    struct gc *gc = st->gc;
    int64_t look_ms = clock_mono_ms(), clock_ms = look_ms;
    while (!stopping(gc)) {
        int64_t now = clock_mono_ms(), next_ms = now + LOOK_AGAIN_MS;
        uint64_t partition;
        if (look_ms <= now) {
            pthread_mutex_lock(&gc->pass_lock);
            look_ms = look_around(st) == STORE_OK ? INT64_MAX : now + RETRY_MS;
            pthread_mutex_unlock(&gc->pass_lock);
        }
        next_ms = look_ms < next_ms ? look_ms : next_ms;
        if (clock_ms <= now && atomic_load(&st->locks_used)) {
            store__save_clock(st); /* failing, it is tried again like any other time */
            clock_ms = now + CLOCK_SAVE_MS;
        }
        if (atomic_load(&st->locks_used) && clock_ms < next_ms)
            next_ms = clock_ms;
        next_ms = run_laters(gc, next_ms);
        pthread_mutex_lock(&gc->lock);
        bool due = place_take(gc, clock_mono_ms(), &partition, &next_ms);
        for (struct gc_later *l = gc->later; l; l = l->next) /* some may have come meanwhile */
            next_ms = l->due_ms < next_ms ? l->due_ms : next_ms;
        if (!due && next_ms > clock_mono_ms())
            wait_until(gc, next_ms);
        pthread_mutex_unlock(&gc->lock);
        if (due)
            pass_over(st, partition);
    }
    run_laters(gc, 0);
    if (atomic_load(&st->locks_used))
        store__save_clock(st);
    return NULL;
}

/* All places there are now; what they hint at meanwhile is for the next time. */
static int collect_round(struct store *st, bool last)
{
    struct gc *gc = st->gc;
    struct gc_place *places = NULL;
    uint64_t partition;
    int64_t next_ms = INT64_MAX;
    int first = STORE_OK;
    pthread_mutex_lock(&gc->lock);
    while (place_take(gc, INT64_MAX, &partition, &next_ms)) {
        struct gc_place *p = xmalloc(sizeof *p);
        *p = (struct gc_place){.next = places, .partition = partition};
        places = p;
    }
    pthread_mutex_unlock(&gc->lock);
    while (places) {
        struct gc_place *p = places;
        enum gc_left left = LEFT_NOTHING;
        int rc = collect_place(st, p->partition, &left);
        first = first == STORE_OK ? rc : first;
        if (!last || rc != STORE_OK || left != LEFT_NOTHING)
            gc_hint(st, p->partition);
        places = p->next;
        free(p);
    }
    return first;
}

int gc_collect(struct store *st)
{
    pthread_mutex_lock(&st->gc->pass_lock);
    int first = look_around(st);
    for (int round = 0; round < COLLECT_ROUNDS; round++) {
        int rc = collect_round(st, round == COLLECT_ROUNDS - 1);
        first = first == STORE_OK ? rc : first;
    }
    pthread_mutex_unlock(&st->gc->pass_lock);
    return first;
}

void gc_set_ages(struct store *st, int64_t garbage_ms, int64_t intent_ms, int64_t tombstone_ms)
{
    struct gc *gc = st->gc;
    pthread_mutex_lock(&gc->pass_lock);
    pthread_mutex_lock(&gc->lock);
    gc->garbage_age_ms = garbage_ms;
    gc->intent_age_ms = intent_ms;
    gc->tombstone_age_ms = tombstone_ms;
    gc->creating_age_ms = intent_ms;
    pthread_mutex_unlock(&gc->lock);
    pthread_mutex_unlock(&gc->pass_lock);
}

int gc_open(struct store *st, bool no_background)
{
    struct gc *gc = xcalloc(1, sizeof *gc);
    st->gc = gc;
    pthread_mutex_init(&gc->lock, NULL);
    pthread_mutex_init(&gc->pass_lock, NULL);
    clock_cond_init(&gc->wake);
    gc->garbage_age_ms = no_background ? 0 : GARBAGE_AGE_MS;
    gc->intent_age_ms = INTENT_AGE_MS;
    gc->tombstone_age_ms = TOMBSTONE_AGE_MS;
    gc->creating_age_ms = CREATING_AGE_MS;
    if (no_background)
        return STORE_OK;
    gc->background = true;
    if (pthread_create(&gc->thread, NULL, gc_main, st) != 0) {
        gc->background = false;
        return STORE_BUSY;
    }
    return STORE_OK;
}

void gc_stop(struct store *st)
{
    struct gc *gc = st->gc;
    if (!gc)
        return;
    pthread_mutex_lock(&gc->lock);
    gc->stop = true;
    pthread_cond_signal(&gc->wake);
    pthread_mutex_unlock(&gc->lock);
    if (gc->background)
        pthread_join(gc->thread, NULL);
}

void gc_free(struct store *st)
{
    struct gc *gc = st->gc;
    uint64_t partition;
    int64_t next_ms = INT64_MAX;
    if (!gc)
        return;
    while (place_take(gc, INT64_MAX, &partition, &next_ms))
        ;
    pthread_cond_destroy(&gc->wake);
    pthread_mutex_destroy(&gc->lock);
    pthread_mutex_destroy(&gc->pass_lock);
    free(gc);
}

void gc_stats(struct store *st, struct store_stats *ret)
{
    struct gc *gc = st->gc;
    ret->blobs_removed = atomic_load(&gc->blobs_removed);
    ret->collections = atomic_load(&gc->passes);
    pthread_mutex_lock(&gc->lock);
    for (size_t i = 0; i < PLACE_SLOTS; i++)
        for (const struct gc_place *p = gc->places[i]; p; p = p->next)
            ret->garbage_places++;
    pthread_mutex_unlock(&gc->lock);
}
