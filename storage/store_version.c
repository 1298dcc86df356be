/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions: what lies under a key, how a new version makes way for itself, and what may change of an old one.
 *
 * The newest version of a key, when it is an object, is the object record `o`; everything else of the key, delete
 * markers included, lies apart under `w`, newest first. So reads and listings of objects never see history. The record
 * `h` tells what `o` cannot: that the newest version is a delete marker, and where a null version lies that is not the
 * current object.
 *
 * Invariants. If `o` exists it is the newest. If it does not and `h` names no marker, the key has no versions. Of the
 * rows under `w` only the marker that is the newest version has noncurrent_ms 0. At most one null version exists.
 * Whoever changes which version is the newest requires `o` (and `h`, where it matters) to be as it was read, so two
 * such changes never mix; whoever removes an older version requires that row.
 *
 * A version's seq is the time of its making in microseconds, but always greater than that of the one before, so a clock
 * set back does not disturb the order. Objects from before versioning have none; their time stands in.
 *
 * Threads: plans are made on workers and, without history, on the committer; nothing here waits but for the index.
 */
#include "storage/store_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

const unsigned char store__no_uid[KEY_UID_BYTES] = {0};

/* ---- names ---- */

#define VERSION_BYTES (8 + KEY_UID_BYTES)
_Static_assert(VERSION_BYTES * 8 == STORE_VERSION_TEXT * 6, "the id fills its characters");

size_t store_version_text(const struct store_version *v, char out[STORE_VERSION_TEXT])
{
    unsigned char raw[VERSION_BYTES];
    if (v->null) {
        memcpy(out, "null", 4);
        return 4;
    }
    for (int i = 0; i < 8; i++)
        raw[i] = (unsigned char)(v->seq >> (56 - 8 * i));
    memcpy(raw + 8, v->uid, KEY_UID_BYTES);
    base64url_encode(raw, sizeof raw, out);
    return STORE_VERSION_TEXT;
}

bool store_version_parse(struct bytes text, struct store_version *ret)
{
    unsigned char raw[VERSION_BYTES];
    if (bytes_eq_str(text, "null")) {
        *ret = (struct store_version){.null = true};
        return true;
    }
    if (text.n != STORE_VERSION_TEXT || base64url_decode(text, raw, sizeof raw) != sizeof raw)
        return false;
    *ret = (struct store_version){0};
    for (int i = 0; i < 8; i++)
        ret->seq = ret->seq << 8 | raw[i];
    memcpy(ret->uid, raw + 8, KEY_UID_BYTES);
    return memcmp(ret->uid, store__no_uid, sizeof store__no_uid) !=
           0; /* null versions lie there, and have another name */
}

void store__settle_version(struct rec_object *r)
{
    if (r->o.version.seq == 0)
        r->o.version.seq = (uint64_t)r->o.mtime_ms * 1000;
    r->o.version.null = !r->versioned;
    memcpy(r->o.version.uid, r->o.uid, sizeof r->o.version.uid);
}

struct bytes store__version_key(struct arena *a, struct bytes key, const struct store_version *v)
{
    return key_version(a, key, v->seq, v->null ? store__no_uid : v->uid);
}

bool store__is_version(const struct rec_object *r, const struct store_version *v)
{
    if (!v)
        return true;
    if (v->null || !r->versioned)
        return v->null && !r->versioned;
    return r->o.version.seq == v->seq && memcmp(r->o.uid, v->uid, KEY_UID_BYTES) == 0;
}

/* ---- locks ---- */

int64_t store_lock_now_ms(struct store *st)
{
    int64_t boot = clock_boot_ms(), offset = clock_wall_ms() - boot;
    int64_t seen = atomic_load_explicit(&st->lock_offset_ms, memory_order_relaxed);
    if (offset - seen > STORE_CLOCK_JUMP_MS) {
        if (!atomic_exchange(&st->lock_jump_told, true))
            log_warn("clock", "the wall clock jumped ahead by %lld hours; locks do not follow it before a restart",
                     (long long)((offset - seen) / 3600000));
        return boot + seen;
    }
    while (offset > seen && !atomic_compare_exchange_weak(&st->lock_offset_ms, &seen, offset))
        ;
    return boot + (offset > seen ? offset : seen);
}

bool store__protected(struct store *st, const struct object_lock *lock, bool bypass_governance)
{
    if (lock->hold)
        return true;
    if (lock->mode == LOCK_NONE || (lock->mode == LOCK_GOVERNANCE && bypass_governance))
        return false;
    return lock->until_ms > store_lock_now_ms(st);
}

int store__new_lock(struct store *st, const struct store_bucket *b, const struct object_lock *asked,
                    struct object_lock *ret)
{
    const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;
    *ret = *asked;
    if ((asked->mode != LOCK_NONE || asked->hold_set) && !b->lock_enabled)
        return STORE_NO_LOCK;
    if (asked->mode == LOCK_NONE && b->lock_default.mode != LOCK_NONE) {
        int64_t now = store_lock_now_ms(st), wall = clock_wall_ms();
        ret->mode = b->lock_default.mode;
        /* From the later one: a lock clock that did not follow the wall clock yet, does so with the next start. */
        ret->until_ms =
            (wall > now ? wall : now) + (b->lock_default.days + 365 * (int64_t)b->lock_default.years) * day_ms;
        ret->until_ms = (ret->until_ms + 999) / 1000 * 1000; /* as it is shown */
    }
    return STORE_OK;
}

/* ---- what is there ---- */

static int load_history(struct store *st, const struct store_bucket *b, struct bytes key, struct arena *a,
                        struct store_current *cur)
{
    int rc = index_get(st->index, b->partition, key_history(a, key), a, &cur->h_value);
    cur->history_known = true;
    if (rc == INDEX_NOT_FOUND) {
        cur->h_value = BYTES_NONE;
        return STORE_OK;
    }
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    return record_decode(&rec_history, cur->h_value, a, &cur->h) ? STORE_OK : STORE_CORRUPT;
}

int store__load_current(struct store *st, const struct store_bucket *b, struct bytes key, bool history, struct arena *a,
                        struct store_current *ret)
{
    memset(ret, 0, sizeof *ret);
    int rc = store__load_object(st, b->partition, key_object(a, key), &rec_object, a, &ret->o, &ret->value);
    ret->exists = rc == STORE_OK;
    if (rc != STORE_OK && rc != STORE_NO_SUCH_KEY)
        return rc;
    if (b->versioning == VERSIONING_NEVER)
        return STORE_OK;
    bool needed = history || !ret->exists || !ret->o.versioned || b->versioning == VERSIONING_SUSPENDED;
    return needed ? load_history(st, b, key, a, ret) : STORE_OK;
}

struct exact {
    struct arena *arena;
    struct bytes key, value; /* empty: there is none */
};

static enum index_visit take_exact(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    struct exact *e = arg;
    (void)seek;
    if (bytes_eq(key, e->key))
        e->value = bytes_dup(e->arena, value);
    return INDEX_VISIT_STOP;
}

/* Two records as of one moment. */
static int read_both(struct store *st, uint64_t partition, struct exact both[2])
{
    struct index_scan scans[2];
    void *args[2] = {&both[0], &both[1]};
    bool more[2];
    for (int i = 0; i < 2; i++) {
        both[i].value = BYTES_NONE;
        scans[i] =
            (struct index_scan){.partition = partition, .from = both[i].key, .prefix = both[i].key, .max_rows = 1};
    }
    int rc = index_visit_ranges(st->index, scans, 2, take_exact, args, more);
    return rc == INDEX_NOT_FOUND ? STORE_OK : store__index_rc(rc);
}

static int decode_found(struct store_located *ret, uint64_t partition, struct bytes index_key, struct bytes value,
                        struct arena *a)
{
    ret->index_key = index_key;
    ret->value = value;
    int rc = store__decode_object(&rec_object, value, partition, a, &ret->r) ? STORE_OK : STORE_CORRUPT;
    ret->r.o.latest = rc == STORE_OK && ret->r.noncurrent_ms == 0;
    return rc == STORE_OK && ret->r.o.marker ? STORE_DELETE_MARKER : rc;
}

/*
 * Not the current object, or that is not the version wanted. Others may move versions between `o` and `w` while we look
 * for one: so two records are read at once, which cannot both miss what exists. STORE_AGAIN.
 */
static int find_elsewhere(struct store *st, const struct store_bucket *b, struct bytes key,
                          const struct store_version *version, struct arena *a, struct store_located *ret)
{
    bool by_id = version && !version->null;
    struct exact both[2] = {{.arena = a, .key = key_object(a, key)},
                            {.arena = a, .key = by_id ? store__version_key(a, key, version) : key_history(a, key)}};
    int rc = read_both(st, b->partition, both);
    if (rc != STORE_OK)
        return rc;
    if (both[0].value.n) {
        rc = decode_found(ret, b->partition, both[0].key, both[0].value, a);
        if (rc != STORE_OK || store__is_version(&ret->r, version))
            return rc;
    }
    if (by_id)
        return both[1].value.n ? decode_found(ret, b->partition, both[1].key, both[1].value, a) : STORE_NO_SUCH_VERSION;
    struct rec_history h = {0};
    if (both[1].value.n && !record_decode(&rec_history, both[1].value, a, &h))
        return STORE_CORRUPT;
    struct store_version v = {.seq = version ? h.null_seq : h.marker_seq};
    memcpy(v.uid, version ? store__no_uid : h.marker_uid, sizeof v.uid);
    if (v.seq == 0)
        return version ? STORE_NO_SUCH_VERSION : STORE_NO_SUCH_KEY;
    struct bytes value, index_key = store__version_key(a, key, &v);
    rc = index_get(st->index, b->partition, index_key, a, &value);
    if (rc == INDEX_NOT_FOUND)
        return STORE_AGAIN; /* it has just gone */
    return rc == INDEX_OK ? decode_found(ret, b->partition, index_key, value, a) : store__index_rc(rc);
}

int store__find_version(struct store *st, const struct store_bucket *b, struct bytes key,
                        const struct store_version *version, struct arena *a, struct store_located *ret)
{
    bool plain = b->versioning == VERSIONING_NEVER;
    if (key.n == 0 || key.n > STORE_KEY_MAX)
        return version && !plain ? STORE_NO_SUCH_VERSION : STORE_NO_SUCH_KEY;
    ret->index_key = key_object(a, key);
    int rc = store__load_object(st, b->partition, ret->index_key, &rec_object, a, &ret->r, &ret->value);
    if (rc == STORE_OK && store__is_version(&ret->r, version)) {
        ret->r.o.latest = true;
        return STORE_OK;
    }
    if (rc != STORE_OK && rc != STORE_NO_SUCH_KEY)
        return rc;
    if (plain)
        return version && !version->null ? STORE_NO_SUCH_VERSION : STORE_NO_SUCH_KEY;
    if (version && !version->null) { /* one look-up finds most; what it misses may just be moving */
        struct bytes value, index_key = store__version_key(a, key, version);
        rc = index_get(st->index, b->partition, index_key, a, &value);
        if (rc != INDEX_NOT_FOUND)
            return rc == INDEX_OK ? decode_found(ret, b->partition, index_key, value, a) : store__index_rc(rc);
    }
    rc = STORE_AGAIN;
    for (int tries = 0; rc == STORE_AGAIN && tries < STORE_TRIES; tries++)
        rc = find_elsewhere(st, b, key, version, a, ret);
    return rc == STORE_AGAIN ? STORE_ABORTED : rc;
}

/* ---- how a new version makes way for itself ---- */

struct bytes store__encode_again(struct rec_object *r, struct arena *a, size_t *ret_head)
{
    struct rec_object copy = *r;
    if (bytes_eq_str(copy.o.storage_class, "STANDARD"))
        copy.o.storage_class = BYTES_NONE;
    return record_encode(&rec_object, &copy, a, ret_head);
}

void store__put_again(struct txn *t, struct bytes index_key, struct rec_object *r)
{
    size_t head;
    struct bytes value = store__encode_again(r, t->arena, &head);
    txn_put(t, index_key, value, head);
}

void store__forget_marker(struct rec_history *h)
{
    h->marker_seq = 0;
    memset(h->marker_uid, 0, sizeof h->marker_uid);
}

void store__put_history(struct txn *t, struct bytes key, const struct store_current *cur, const struct rec_history *h)
{
    struct bytes index_key = key_history(t->arena, key);
    if (!cur->history_known)
        return;
    txn_expect(t, index_key, cur->h_value);
    if (memcmp(h, &cur->h, sizeof *h) == 0)
        return;
    if (h->null_seq || h->marker_seq)
        txn_put(t, index_key, record_encode(&rec_history, h, t->arena, NULL), 0);
    else
        txn_delete(t, index_key);
}

/* The marker that is the newest version becomes an older one, or goes when the null version is to be replaced. */
static int push_marker(struct store *st, struct txn *t, const struct store_bucket *b, struct bytes key,
                       struct rec_history *h, bool replace_null, int64_t now_ms)
{
    struct rec_object *m = arena_alloc(t->arena, sizeof *m);
    struct bytes index_key = key_version(t->arena, key, h->marker_seq, h->marker_uid), value;
    bool null = memcmp(h->marker_uid, store__no_uid, sizeof store__no_uid) == 0;
    int rc = store__load_object(st, b->partition, index_key, &rec_object, t->arena, m, &value);
    if (rc != STORE_OK)
        return rc == STORE_NO_SUCH_KEY ? STORE_AGAIN : rc; /* it has just been removed */
    if (null && replace_null) {
        txn_delete(t, index_key);
        h->null_seq = 0;
    } else {
        m->noncurrent_ms = now_ms;
        store__put_again(t, index_key, m);
    }
    store__forget_marker(h);
    return STORE_OK;
}

/* The null version among the older ones goes. */
static int drop_older_null(struct store *st, struct txn *t, const struct store_bucket *b, struct bytes key,
                           struct rec_history *h)
{
    struct rec_object *r = arena_alloc(t->arena, sizeof *r);
    struct bytes index_key = key_version(t->arena, key, h->null_seq, store__no_uid), value;
    int rc = store__load_object(st, b->partition, index_key, &rec_object, t->arena, r, &value);
    if (rc != STORE_OK)
        return rc == STORE_NO_SUCH_KEY ? STORE_AGAIN : rc;
    if (store__protected(st, &r->o.lock, false))
        return STORE_LOCKED;
    txn_expect(t, index_key, value); /* its lock must not change meanwhile */
    txn_delete(t, index_key);
    txn_drop_object(t, r);
    h->null_seq = 0;
    return STORE_OK;
}

int store__make_way(struct store *st, struct txn *t, const struct store_bucket *b, struct bytes key,
                    struct store_current *cur, bool replace_null, int64_t now_ms, struct rec_history *h,
                    uint64_t *ret_seq)
{
    uint64_t now = (uint64_t)now_ms * 1000, last = 0;
    int rc = STORE_OK;
    if (cur->exists) {
        last = cur->o.o.version.seq;
        if (replace_null && !cur->o.versioned) {
            if (store__protected(st, &cur->o.o.lock, false))
                return STORE_LOCKED;
            txn_drop_object(t, &cur->o);
        } else {
            struct rec_object older = cur->o;
            older.noncurrent_ms = now_ms;
            store__put_again(t, store__version_key(t->arena, key, &older.o.version), &older);
            if (!older.versioned)
                h->null_seq = last;
        }
    } else if (h->marker_seq) {
        last = h->marker_seq;
        rc = push_marker(st, t, b, key, h, replace_null, now_ms);
    }
    if (rc == STORE_OK && replace_null && h->null_seq)
        rc = drop_older_null(st, t, b, key, h);
    *ret_seq = now > last ? now : last + 1;
    return rc;
}

int store__plan_write(struct store *st, struct txn *t, const struct store_bucket *b, struct bytes key,
                      struct store_current *cur, struct rec_object *fresh)
{
    struct rec_history h = cur->h;
    int64_t now = clock_wall_ms();
    bool enabled = b->versioning == VERSIONING_ENABLED;
    fresh->o.mtime_ms = cur->exists && cur->o.o.mtime_ms > now ? cur->o.o.mtime_ms : now;
    fresh->versioned = enabled;
    fresh->o.version = (struct store_version){.null = !enabled};
    memcpy(fresh->o.version.uid, fresh->o.uid, sizeof fresh->o.version.uid);
    txn_expect(t, key_object(t->arena, key), cur->exists ? cur->value : BYTES_NONE);
    if (b->versioning == VERSIONING_NEVER) {
        if (cur->exists)
            txn_drop_object(t, &cur->o);
        return STORE_OK;
    }
    int rc = store__make_way(st, t, b, key, cur, !enabled, now, &h, &fresh->o.version.seq);
    if (rc == STORE_OK)
        store__put_history(t, key, cur, &h);
    return rc;
}

bool store__as_expected(const struct rec_object *r, const unsigned char *uid, const int64_t *noncurrent_ms)
{
    return (!uid || memcmp(uid, r->o.uid, KEY_UID_BYTES) == 0) &&
           (!noncurrent_ms || *noncurrent_ms == r->noncurrent_ms);
}

/* ---- changing what may change ---- */

static int change_lock(struct store *st, const struct store_bucket *b, const struct store_change *c,
                       struct object_lock *lock)
{
    if ((c->set_retention || c->set_hold) && !b->lock_enabled)
        return STORE_NO_LOCK;
    if (c->set_retention) {
        bool active = lock->mode != LOCK_NONE && lock->until_ms > store_lock_now_ms(st);
        bool shorter = c->mode == LOCK_NONE || c->until_ms < lock->until_ms;
        bool weaker = lock->mode == LOCK_COMPLIANCE && c->mode != LOCK_COMPLIANCE;
        if (active && (shorter || weaker) && (lock->mode == LOCK_COMPLIANCE || !c->bypass_governance))
            return STORE_LOCKED;
        lock->mode = c->mode;
        lock->until_ms = c->mode == LOCK_NONE ? 0 : c->until_ms;
    }
    if (c->set_hold) {
        lock->hold = c->hold;
        lock->hold_set = true;
    }
    return STORE_OK;
}

static int change_once(struct store *st, const struct store_bucket *b, struct bytes key,
                       const struct store_version *version, const struct store_change *c, struct arena *a,
                       struct store_located *found, struct txn *t)
{
    int rc = store__find_version(st, b, key, version, a, found);
    struct store_object *o = &found->r.o;
    if (rc == STORE_OK && c->expect_uid && memcmp(c->expect_uid, o->uid, KEY_UID_BYTES) != 0)
        rc = STORE_PRECONDITION_FAILED;
    if (rc == STORE_OK)
        rc = change_lock(st, b, c, &o->lock);
    if (rc != STORE_OK)
        return rc;
    if (c->set_tags) {
        o->tags = c->tags;
        o->n_tags = c->n_tags;
    }
    if (c->set_acl)
        o->acl = c->acl;
    if (c->set_restore) {
        o->restore_ready_ms = c->restore_ready_ms;
        o->restored_until_ms = c->restored_until_ms;
    }
    txn_init(t, a, b->partition, b->generation);
    txn_expect(t, found->index_key, found->value);
    store__put_again(t, found->index_key, &found->r);
    return STORE_OK;
}

int store_object_change(struct store *st, const struct store_bucket *bucket, struct bytes key,
                        const struct store_version *version, const struct store_change *c, struct arena *a,
                        struct store_object **ret)
{
    struct store_bucket b = *bucket;
    struct attempt at = {0};
    struct store_located *found = arena_new(a, struct store_located);
    int rc;
    do {
        struct txn t;
        rc = change_once(st, &b, key, version, c, a, found, &t);
        if (rc == STORE_DELETE_MARKER)
            *ret = &found->r.o;
        if (rc != STORE_OK)
            return rc;
        rc = txn_apply(st, &t);
        if (rc == INDEX_OK) {
            found->r.o.key = bytes_dup(a, key);
            *ret = &found->r.o;
            return STORE_OK;
        }
        rc = store__retry(st, &at, rc, &b);
    } while (rc == STORE_OK);
    return rc;
}
