/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets. A bucket is a name in the system partition that points to a partition of its own; the two never change in
 * one batch, so creating and deleting are short sequences that every crash point leaves in a state that somebody
 * finishes.
 *
 * Create:  1. take a number, note it as `dropped, being created`   2. make the partition   3. name it, remove the note.
 *          A crash before 3 leaves a note, and the collector drops the partition.
 * Delete:  1. look: empty?   2. name: deleting, generation + 1   3. partition: that generation, so no write that began
 *          before can land any more   4. look again: empty -> remove the name, note the partition as dropped; not empty
 * -> name: active again, with the new generation. From 2 on anybody may go on with it (store__bucket_settle).
 * Change of versioning or lock:  1. record: the new settings, generation + 1   2. partition: that generation. So a
 * write that was planned by the old settings cannot land after the change was answered. A crash in between is made good
 * by the next start, or by the first writer whose batch comes back STALE (store__retry). Settings that are documents
 * lie beside the bucket's record and go with it. Invariant: while a bucket is being deleted nobody is told its
 * partition's generation, so between 3 and 4 nothing is written. Threads: store_bucket_get may run on a loop; the rest
 * blocks.
 */
#include "storage/store_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"

#define GENERATION_NEVER UINT64_MAX /* what writers are told of a bucket that is being deleted */
#define PARTITION_FIRST  (INDEX_PARTITION_SYSTEM + 1)

#define OWNED_VISIT_BYTES (1u << 20) /* of records that one read of the index passes over */

static void fill(struct store_bucket *ret, const struct rec_bucket *r)
{
    struct bytes name = ret->name;
    *ret = r->b;
    ret->name = name;
    if (r->state != REC_BUCKET_ACTIVE)
        ret->generation = GENERATION_NEVER;
}

int store__load_bucket(struct store *st, struct bytes name, struct arena *a, struct rec_bucket *ret,
                       struct bytes *ret_value)
{
    struct bytes value;
    int rc = name.n == 0 || name.n >= INDEX_KEY_MAX
                 ? INDEX_NOT_FOUND
                 : index_get(st->index, INDEX_PARTITION_SYSTEM, key_bucket(a, name), a, &value);
    if (rc == INDEX_NOT_FOUND)
        return STORE_NO_SUCH_BUCKET;
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    if (!record_decode(&rec_bucket, value, a, ret))
        return STORE_CORRUPT;
    if (ret_value)
        *ret_value = value;
    return STORE_OK;
}

int store_bucket_get(struct store *st, struct bytes name, struct arena *a, struct store_bucket *ret)
{
    struct rec_bucket r = {0};
    int rc = store__load_bucket(st, name, a, &r, NULL);
    if (rc == STORE_OK) {
        ret->name = bytes_dup(a, name);
        fill(ret, &r);
        if (r.b.lock_enabled && !atomic_load_explicit(&st->locks_used, memory_order_relaxed))
            atomic_store_explicit(&st->locks_used, true, memory_order_relaxed);
    }
    return rc;
}

/* ---- creating ---- */

/* A number that a bucket of this name never had, not even an earlier one: caches may still know that. */
static uint64_t after(uint64_t seq)
{
    uint64_t now = (uint64_t)clock_wall_ms();
    return now > seq ? now : seq + 1;
}

/* The next free partition number, with a note so that it is not forgotten. */
static int take_partition(struct store *st, struct bytes name, struct arena *a, uint64_t *ret_partition,
                          struct bytes *ret_note)
{
    struct bytes key = key_of_kind(a, KEY_COUNTER, BYTES_NONE);
    struct attempt at = {0};
    for (;;) {
        struct bytes value = BYTES_NONE;
        struct rec_counter counter = {.next = PARTITION_FIRST};
        int rc = index_get(st->index, INDEX_PARTITION_SYSTEM, key, a, &value);
        if (rc != INDEX_OK && rc != INDEX_NOT_FOUND)
            return store__index_rc(rc);
        if (rc == INDEX_OK && (!record_decode(&rec_counter, value, a, &counter) || counter.next < PARTITION_FIRST))
            return STORE_CORRUPT;
        uint64_t partition = counter.next++;
        struct rec_dropped note = {.state = REC_DROPPED_CREATING, .time_ms = clock_wall_ms(), .name = name};
        struct txn t;
        txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
        txn_expect(&t, key, value);
        txn_put(&t, key, record_encode(&rec_counter, &counter, a, NULL), 0);
        *ret_note = record_encode(&rec_dropped, &note, a, NULL);
        txn_put(&t, key_dropped(a, partition), *ret_note, 0);
        rc = txn_apply(st, &t);
        if (rc == INDEX_OK) {
            *ret_partition = partition;
            return STORE_OK;
        }
        rc = store__retry(st, &at, rc, NULL);
        if (rc != STORE_OK)
            return rc;
    }
}

static int make_partition(struct store *st, uint64_t partition, struct arena *a)
{
    struct txn t;
    txn_init(&t, a, partition, 0);
    t.batch.next_generation = 1;
    return store__index_rc(txn_apply(st, &t));
}

/* The whole sequence once; INDEX_CONFLICT: the name was taken meanwhile. */
static int create_once(struct store *st, struct bytes name, const struct store_bucket_new *want, struct arena *a,
                       struct rec_bucket *r)
{
    const struct {
        enum store_setting setting;
        struct rec_setting record;
    } settings[] = {{STORE_SETTING_TAGS, {want->tags}},
                    {STORE_SETTING_OWNERSHIP, {want->ownership}},
                    {STORE_SETTING_ACL, {want->acl}}};
    struct bytes note = BYTES_NONE;
    int rc = take_partition(st, name, a, &r->b.partition, &note);
    if (rc == STORE_OK)
        rc = make_partition(st, r->b.partition, a);
    if (rc != STORE_OK)
        return rc;
    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_expect(&t, key_bucket(a, name), BYTES_NONE);
    txn_expect(&t, key_dropped(a, r->b.partition), note);
    txn_delete(&t, key_dropped(a, r->b.partition));
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (!settings[i].record.value.n)
            continue;
        r->b.settings_seq = after(0);
        txn_put(&t, key_setting(a, name, settings[i].setting),
                record_encode(&rec_setting, &settings[i].record, a, NULL), 0);
    }
    txn_put(&t, key_bucket(a, name), record_encode(&rec_bucket, r, a, NULL), 0);
    rc = store__index_rc(txn_apply(st, &t));
    if (rc != STORE_OK)
        gc_hint(st, INDEX_PARTITION_SYSTEM); /* the partition is for the collector */
    return rc;
}

int store_bucket_create(struct store *st, struct bytes name, const struct store_bucket_new *want, struct arena *a,
                        struct store_bucket *ret)
{
    for (int tries = 0; tries < STORE_TRIES; tries++) {
        struct rec_bucket r;
        int rc = store__load_bucket(st, name, a, &r, NULL);
        if (rc == STORE_OK && r.state == REC_BUCKET_ACTIVE) {
            ret->name = bytes_dup(a, name);
            fill(ret, &r);
            return STORE_BUCKET_EXISTS;
        }
        if (rc == STORE_OK) { /* being deleted: go on with that first */
            rc = store__bucket_settle(st, name);
            if (rc != STORE_OK && rc != STORE_BUCKET_NOT_EMPTY)
                return rc;
            continue;
        }
        if (rc != STORE_NO_SUCH_BUCKET)
            return rc;
        r = (struct rec_bucket){.b = {.generation = 1,
                                      .created_ms = clock_wall_ms(),
                                      .owner = bytes_dup(a, want->owner),
                                      .region = bytes_dup(a, want->region),
                                      .lock_enabled = want->lock,
                                      .versioning = want->lock ? VERSIONING_ENABLED : VERSIONING_NEVER}};
        rc = create_once(st, name, want, a, &r);
        if (rc == STORE_OK) {
            ret->name = bytes_dup(a, name);
            fill(ret, &r);
            return STORE_OK;
        }
        if (rc != STORE_CONFLICT && rc != STORE_ABORTED)
            return rc;
    }
    return STORE_ABORTED;
}

/* ---- deleting ---- */

static int any_of_kind(struct store *st, uint64_t partition, enum key_kind kind, struct arena *a, bool *ret)
{
    struct index_scan scan = {.partition = partition,
                              .from = key_of_kind(a, kind, BYTES_NONE),
                              .prefix = key_of_kind(a, kind, BYTES_NONE),
                              .max_rows = 1,
                              .heads = true};
    struct index_page page;
    int rc = index_page(st->index, &scan, a, &page);
    if (rc == INDEX_OK || rc == INDEX_NOT_FOUND)
        *ret = rc == INDEX_OK && page.n_rows > 0;
    return rc == INDEX_NOT_FOUND ? STORE_OK : store__index_rc(rc);
}

/* No object, no older version, no delete marker. Uploads in progress do not count. */
static int is_empty(struct store *st, uint64_t partition, struct arena *a, bool *ret)
{
    bool objects = false, versions = false;
    int rc = any_of_kind(st, partition, KEY_OBJECT, a, &objects);
    if (rc == STORE_OK && !objects)
        rc = any_of_kind(st, partition, KEY_VERSION, a, &versions);
    *ret = !objects && !versions;
    return rc;
}

/* After this no batch with an older generation can land. */
static int raise_generation(struct store *st, uint64_t partition, uint64_t generation, struct arena *a)
{
    struct attempt at = {0};
    if (generation == GENERATION_NEVER)
        return STORE_OK; /* being deleted: the deletion sees to it */
    for (;;) {
        uint64_t now;
        int rc = index_generation(st->index, partition, &now);
        if (rc == INDEX_NOT_FOUND || (rc == INDEX_OK && now >= generation))
            return STORE_OK;
        if (rc != INDEX_OK)
            return store__index_rc(rc);
        struct txn t;
        txn_init(&t, a, partition, now);
        t.batch.next_generation = generation;
        rc = txn_apply(st, &t);
        if (rc == INDEX_OK)
            return STORE_OK;
        rc = store__retry(st, &at, rc, NULL);
        if (rc != STORE_OK)
            return rc;
    }
}

int store__raise_generation(struct store *st, uint64_t partition, uint64_t generation)
{
    struct arena *a = arena_create(0);
    int rc = raise_generation(st, partition, generation, a);
    arena_free(a);
    return rc;
}

static int settle_once(struct store *st, struct bytes name, struct arena *a)
{
    struct rec_bucket r = {0};
    struct bytes value = BYTES_NONE;
    bool empty = false;
    int rc = store__load_bucket(st, name, a, &r, &value);
    if (rc == STORE_NO_SUCH_BUCKET)
        return STORE_OK;
    if (rc == STORE_OK && r.state == REC_BUCKET_ACTIVE)
        return STORE_BUCKET_NOT_EMPTY;
    if (rc == STORE_OK)
        rc = raise_generation(st, r.b.partition, r.b.generation, a);
    if (rc == STORE_OK)
        rc = is_empty(st, r.b.partition, a, &empty);
    if (rc != STORE_OK)
        return rc;

    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_expect(&t, key_bucket(a, name), value);
    if (empty) {
        struct rec_dropped note = {.state = REC_DROPPED_DELETED, .time_ms = clock_wall_ms(), .name = name};
        txn_delete(&t, key_bucket(a, name));
        for (unsigned setting = 1; setting <= STORE_SETTING_LAST; setting++)
            txn_delete(&t, key_setting(a, name, setting));
        txn_put(&t, key_dropped(a, r.b.partition), record_encode(&rec_dropped, &note, a, NULL), 0);
    } else {
        r.state = REC_BUCKET_ACTIVE;
        txn_put(&t, key_bucket(a, name), record_encode(&rec_bucket, &r, a, NULL), 0);
    }
    rc = store__index_rc(txn_apply(st, &t));
    if (rc == STORE_OK && empty)
        gc_hint(st, INDEX_PARTITION_SYSTEM); /* where the note is */
    return rc == STORE_OK && !empty ? STORE_BUCKET_NOT_EMPTY : rc;
}

int store__bucket_settle(struct store *st, struct bytes name)
{
    struct arena *a = arena_create(0);
    int rc = STORE_CONFLICT;
    for (int tries = 0; (rc == STORE_CONFLICT || rc == STORE_ABORTED) && tries < STORE_TRIES; tries++) {
        arena_reset(a);
        rc = settle_once(st, name, a);
    }
    arena_free(a);
    return rc == STORE_CONFLICT ? STORE_ABORTED : rc;
}

/* STORE_OK: the name says `deleting` now, by this call; STORE_CONFLICT: try again. */
static int begin_delete(struct store *st, struct bytes name, struct arena *a)
{
    struct rec_bucket r = {0};
    struct bytes value = BYTES_NONE;
    bool empty = false;
    int rc = store__load_bucket(st, name, a, &r, &value);
    if (rc != STORE_OK)
        return rc;
    if (r.state != REC_BUCKET_ACTIVE) { /* somebody else's deletion decides */
        rc = store__bucket_settle(st, name);
        return rc == STORE_OK ? STORE_NO_SUCH_BUCKET : rc;
    }
    rc = is_empty(st, r.b.partition, a, &empty);
    if (rc == STORE_OK && !empty)
        rc = STORE_BUCKET_NOT_EMPTY;
    if (rc != STORE_OK)
        return rc;
    r.state = REC_BUCKET_DELETING;
    r.b.generation++;
    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_expect(&t, key_bucket(a, name), value);
    txn_put(&t, key_bucket(a, name), record_encode(&rec_bucket, &r, a, NULL), 0);
    return store__index_rc(txn_apply(st, &t));
}

int store_bucket_delete(struct store *st, struct bytes name)
{
    struct arena *a = arena_create(0);
    int rc = STORE_CONFLICT;
    for (int tries = 0; (rc == STORE_CONFLICT || rc == STORE_ABORTED) && tries < STORE_TRIES; tries++) {
        arena_reset(a);
        rc = begin_delete(st, name, a);
    }
    arena_free(a);
    if (rc == STORE_OK)
        rc = store__bucket_settle(st, name);
    return rc == STORE_CONFLICT ? STORE_ABORTED : rc;
}

/* ---- changing ---- */

static int apply_change(struct rec_bucket *r, const struct store_bucket_change *c, bool *ret_barrier)
{
    struct store_bucket *b = &r->b;
    enum versioning versioning = c->versioning != VERSIONING_NEVER ? c->versioning : b->versioning;
    bool lock = b->lock_enabled || c->lock;
    if (lock && versioning != VERSIONING_ENABLED)
        return STORE_BUCKET_STATE;
    *ret_barrier = versioning != b->versioning || c->lock;
    b->versioning = versioning;
    b->lock_enabled = lock;
    if (c->lock)
        b->lock_default = c->lock_default;
    if (c->set_accelerate)
        b->accelerate = c->accelerate;
    if (c->set_payment)
        b->requester_pays = c->requester_pays;
    return STORE_OK;
}

/* STORE_CONFLICT: try again. */
static int change_once(struct store *st, struct bytes name, const struct store_bucket_change *c, struct arena *a,
                       struct rec_bucket *r)
{
    struct bytes value = BYTES_NONE;
    bool barrier = false;
    int rc = store__load_bucket(st, name, a, r, &value);
    if (rc == STORE_OK && r->state != REC_BUCKET_ACTIVE) {
        rc = store__bucket_settle(st, name);
        return rc == STORE_OK ? STORE_NO_SUCH_BUCKET : rc == STORE_BUCKET_NOT_EMPTY ? STORE_CONFLICT : rc;
    }
    if (rc == STORE_OK)
        rc = apply_change(r, c, &barrier);
    if (rc != STORE_OK)
        return rc;
    r->b.generation += barrier;
    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_expect(&t, key_bucket(a, name), value);
    txn_put(&t, key_bucket(a, name), record_encode(&rec_bucket, r, a, NULL), 0);
    rc = store__index_rc(txn_apply(st, &t));
    if (rc == STORE_OK) /* without a barrier of ours too: who made the same change may not have got that far */
        rc = raise_generation(st, r->b.partition, r->b.generation, a);
    return rc;
}

int store_bucket_change(struct store *st, struct bytes name, const struct store_bucket_change *c, struct arena *a,
                        struct store_bucket *ret)
{
    struct rec_bucket r = {0};
    int rc = STORE_CONFLICT;
    for (int tries = 0; (rc == STORE_CONFLICT || rc == STORE_ABORTED) && tries < STORE_TRIES; tries++)
        rc = change_once(st, name, c, a, &r);
    if (rc != STORE_OK)
        return rc == STORE_CONFLICT ? STORE_ABORTED : rc;
    if (r.b.lock_enabled)
        atomic_store_explicit(&st->locks_used, true, memory_order_relaxed);
    if (ret) {
        ret->name = bytes_dup(a, name);
        fill(ret, &r);
    }
    return STORE_OK;
}

/* ---- settings ---- */

int store__get_setting(struct store *st, struct bytes index_key, struct arena *a, struct bytes *ret)
{
    struct bytes value;
    struct rec_setting r;
    int rc = index_get(st->index, INDEX_PARTITION_SYSTEM, index_key, a, &value);
    if (rc == INDEX_NOT_FOUND)
        return STORE_NO_SUCH_SETTING;
    if (rc != INDEX_OK)
        return store__index_rc(rc);
    if (!record_decode(&rec_setting, value, a, &r))
        return STORE_CORRUPT;
    *ret = r.value;
    return STORE_OK;
}

int store_setting_get(struct store *st, struct bytes bucket, enum store_setting setting, struct arena *a,
                      struct bytes *ret)
{
    return store__get_setting(st, key_setting(a, bucket, setting), a, ret);
}

static int put_setting_once(struct store *st, struct bytes bucket, enum store_setting setting, struct bytes value,
                            struct arena *a)
{
    struct rec_bucket r = {0};
    struct rec_setting s = {.value = value};
    struct bytes bucket_value = BYTES_NONE, key = key_setting(a, bucket, setting);
    struct txn t;
    int rc = store__load_bucket(st, bucket, a, &r, &bucket_value);
    if (rc != STORE_OK)
        return rc;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_expect(&t, key_bucket(a, bucket), bucket_value);
    if (value.n)
        txn_put(&t, key, record_encode(&rec_setting, &s, a, NULL), 0);
    else
        txn_delete(&t, key);
    r.b.settings_seq = after(r.b.settings_seq);
    if (setting == STORE_SETTING_LIFECYCLE)
        r.b.lifecycle_seq = value.n == 0 ? 0 : r.b.settings_seq;
    txn_put(&t, key_bucket(a, bucket), record_encode(&rec_bucket, &r, a, NULL), 0);
    return store__index_rc(txn_apply(st, &t));
}

int store_setting_put(struct store *st, struct bytes bucket, enum store_setting setting, struct bytes value)
{
    struct arena *a = arena_create(0);
    int rc = value.n <= STORE_SETTING_MAX ? STORE_CONFLICT : STORE_OBJECT_TOO_LARGE;
    for (int tries = 0; rc == STORE_CONFLICT && tries < STORE_TRIES; tries++) {
        arena_reset(a);
        rc = put_setting_once(st, bucket, setting, value, a);
    }
    arena_free(a);
    return rc == STORE_CONFLICT ? STORE_ABORTED : rc;
}

/* ---- listing ---- */

static int take_row(const struct index_row *row, struct arena *a, struct store_bucket *ret)
{
    struct rec_bucket r = {0};
    if (!record_decode(&rec_bucket, row->value, a, &r))
        return STORE_CORRUPT;
    ret->name = key_rest(row->key);
    fill(ret, &r);
    return STORE_OK;
}

int store_bucket_list(struct store *st, struct bytes prefix, struct bytes after, size_t max, struct arena *a,
                      struct store_bucket **ret, size_t *ret_n, bool *ret_more)
{
    struct bytes index_prefix = key_bucket(a, prefix);
    bool within = bytes_cmp(after, prefix) >= 0 && after.n;
    struct index_scan scan = {.partition = INDEX_PARTITION_SYSTEM,
                              .from = within ? key_bucket(a, after) : index_prefix,
                              .after = within,
                              .prefix = index_prefix};
    struct store_bucket *found = arena_new_array(a, struct store_bucket, max + 1);
    size_t n = 0;
    bool more = max > 0;
    while (more && n <= max) { /* one more than asked for tells whether there are more */
        struct index_page page;
        scan.max_rows = max + 1 - n;
        int rc = index_page(st->index, &scan, a, &page);
        for (size_t i = 0; rc == INDEX_OK && i < page.n_rows && n <= max; i++) {
            int row_rc = take_row(&page.rows[i], a, &found[n++]);
            if (row_rc != STORE_OK)
                return row_rc;
        }
        if (rc != INDEX_OK)
            return store__index_rc(rc);
        more = page.more && page.n_rows > 0;
        if (more) {
            scan.from = page.rows[page.n_rows - 1].key;
            scan.after = true;
        }
    }
    *ret = found;
    *ret_n = n > max ? max : n;
    *ret_more = n > max;
    return STORE_OK;
}

struct owned { /* a visit that keeps one owner's buckets */
    struct bytes owner;
    size_t max, n, room;
    struct arena *arena, *scratch;
    struct store_bucket *found;
    bool more, corrupt;
};

static void keep(struct owned *o, struct bytes name, const struct rec_bucket *r)
{
    if (o->n == o->room) {
        struct store_bucket *grown = arena_new_array(o->arena, struct store_bucket, o->room * 2 + 64);
        if (o->n)
            memcpy(grown, o->found, o->n * sizeof *grown);
        o->found = grown;
        o->room = o->room * 2 + 64;
    }
    struct store_bucket *b = &o->found[o->n++];
    b->name = bytes_dup(o->arena, name);
    fill(b, r);
    b->owner = bytes_dup(o->arena, r->b.owner);
    b->region = bytes_dup(o->arena, r->b.region);
}

static enum index_visit owned_row(void *arg, struct bytes key, struct bytes value, struct buf *seek)
{
    struct owned *o = arg;
    struct rec_bucket r = {0};
    (void)seek;
    arena_reset(o->scratch);
    if (!record_decode(&rec_bucket, value, o->scratch, &r)) {
        o->corrupt = true;
        return INDEX_VISIT_STOP;
    }
    if (!bytes_eq(r.b.owner, o->owner))
        return INDEX_VISIT_NEXT;
    if (o->n == o->max) {
        o->more = true;
        return INDEX_VISIT_STOP;
    }
    keep(o, key_rest(key), &r);
    return INDEX_VISIT_NEXT;
}

int store_bucket_list_of(struct store *st, struct bytes owner, struct bytes prefix, struct bytes after, size_t max,
                         struct arena *a, struct store_bucket **ret, size_t *ret_n, bool *ret_more)
{
    struct bytes index_prefix = key_bucket(a, prefix);
    bool within = bytes_cmp(after, prefix) >= 0 && after.n;
    struct index_scan scan = {.partition = INDEX_PARTITION_SYSTEM,
                              .from = within ? key_bucket(a, after) : index_prefix,
                              .after = within,
                              .prefix = index_prefix,
                              .max_rows = SIZE_MAX,
                              .max_bytes = OWNED_VISIT_BYTES};
    struct owned o = {.owner = owner, .max = max, .arena = a, .scratch = arena_create(0)};
    int rc = max ? store__visit(st, &scan, owned_row, &o) : STORE_OK;
    arena_free(o.scratch);
    if (rc == STORE_OK && o.corrupt)
        rc = STORE_CORRUPT;
    *ret = o.found;
    *ret_n = o.n;
    *ret_more = o.more;
    return rc;
}
