/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lifecycle worker: walks the buckets that have rules and does what is due, by the calls that clients use, so that
 * versions, locks and garbage are treated as ever. A pass begins shortly after the start and at every midnight UTC
 * (twice a day where days are short); buckets whose configuration changed are looked at at once.
 *
 * A pass goes through the buckets by name, and in a bucket through three kinds of records in key order (objects,
 * uploads, versions), heads only, restricted to the prefixes of the rules. It works in slices: look at some records in
 * one visit of the index, then do what they need, then rest as long as that took, longer while clients write. Where it
 * is, a cursor in the system partition tells, written now and then: after a restart the pass goes on there. Doing a
 * piece twice does no harm, for whatever is done is done to the object that was looked at (its uid), or not at all.
 *
 * Older versions of a key come newest first, so counting them needs no second look; the one thing that needs the next
 * record is whether a delete marker is alone, hence `pending`.
 *
 * A clock that jumps would make it delete too early. It notices (lifecycle_clock_jumped) and rests for a day, or until
 * the clock is back.
 *
 * Threads: its own with a few hands for the length of a slice, and store_lifecycle_run on the caller's. worker.lock
 * guards what wakes and stops it; pass_lock is held through a pass, outermost.
 */
#include "storage/lifecycle_worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parsed_cache.h"
#include "storage/store_internal.h"

#define SLICE_ROWS      2000 /* looked at in one visit */
#define SLICE_DEEDS     256  /* done after it; deletions among them share a sync */
#define HANDS_MAX       8    /* threads that carry out the deeds of a slice */
#define SLICE_BYTES     (64u << 20)
#define BUCKETS_PAGE    100
#define SAVE_MS         2000  /* between two writes of the cursor */
#define START_DELAY_MS  5000  /* the first pass waits so long after the start */
#define LOOK_MS         30000 /* how often the wall clock is looked at */
#define SHORT_PERIOD_MS 100   /* between passes, at least */
#define REST_MAX_NS     (200 * 1000 * 1000LL)
#define BUSY_WRITES     8  /* writes of clients under way from which on it makes room */
#define BUSY_PAUSE_MS   5  /* each ... */
#define BUSY_PAUSES     20 /* ... and at most so many after a slice */
#define DISTRUST_MS     LIFECYCLE_DAY_MS
#define SEEN_SLOTS      4096

struct seen { /* this configuration has been carried out once */
    uint64_t partition, seq;
};

struct lifecycle_worker {
    pthread_mutex_t lock, pass_lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool background, woken;
    atomic_bool stop;
    int64_t day_ms; /* 0: real days */
    /* With pass_lock: */
    struct seen seen[SEEN_SLOTS];            /* one that is crowded out is only looked at once more than needed */
    int64_t trusted_ms, distrusted_since_ms; /* wall minus boot clock; boot clock */
    size_t slice_rows;
    unsigned slices;                            /* tests: left until the pass stops; 0: no limit */
    _Atomic uint64_t examined, done[3], failed; /* since the start */
};

enum deed_kind { DEED_DELETE, DEED_ABORT };

struct deed { /* to one record; in the slice's arena */
    enum deed_kind kind;
    struct bytes key;
    struct lifecycle_due due;
    bool by_version; /* else the newest one */
    struct store_version version;
    unsigned char uid[KEY_UID_BYTES];
    int64_t noncurrent_ms; /* what the rules were told: it must hold when they are carried out */
    struct bytes upload_id;
};

struct pass {
    struct store *st;
    struct lifecycle_worker *w;
    bool background; /* paced, and stopped by a clock that jumps */
    bool changed_only;
    bool ended;   /* somebody stopped it before its end */
    bool saved;   /* a cursor of this pass is on disk */
    bool partial; /* stopped among the deeds of a slice: what `at` says is not all done */
    int64_t now_ms, began_ms, saved_mono_ms;
    uint64_t done[3]; /* versions ended, versions moved, uploads aborted */
    uint64_t failed;
    int first_failure;
    /* The bucket at hand: */
    struct store_bucket bucket;
    struct lifecycle rules;
    bool tags;           /* some rule looks at them */
    struct buf name, at; /* its name; index key up to which everything is done */
    uint32_t newer;      /* noncurrent versions of the key at `at` */
    struct buf group;    /* S3 key of the versions being counted */
    bool has_pending;    /* a delete marker that is the newest version: alone? */
    struct buf pending_key;
    struct store_object pending;
};

/* ---- the clock ---- */

static bool clock_is_trusted(struct lifecycle_worker *w)
{
    int64_t wall = clock_wall_ms(), boot = clock_boot_ms();
    bool jumped = lifecycle_clock_jumped(w->trusted_ms, 0, wall, boot);
    if (jumped && !w->distrusted_since_ms) {
        w->distrusted_since_ms = boot;
        log_warn("lifecycle", "the clock has jumped by %lld s; rules rest for a day, or until it is back",
                 (long long)((wall - boot - w->trusted_ms) / 1000));
    }
    if (jumped && boot - w->distrusted_since_ms < DISTRUST_MS)
        return false;
    if (w->distrusted_since_ms)
        log_info("lifecycle", jumped ? "the clock has kept its new time for a day: rules are carried out again"
                                     : "the clock is back: rules are carried out again");
    w->trusted_ms = wall - boot;
    w->distrusted_since_ms = 0;
    return true;
}

/* ---- the cursor ---- */

static struct bytes cursor_key(struct arena *a)
{
    return key_of_kind(a, KEY_LIFECYCLE, BYTES_NONE);
}

static void save_cursor(struct pass *p, bool done)
{
    struct arena *a = arena_create(0);
    struct rec_lifecycle_cursor c = {.began_ms = p->began_ms, .done = done};
    if (!done) {
        c.bucket = buf_bytes(&p->name);
        c.seq = p->bucket.lifecycle_seq;
        c.key = buf_bytes(&p->at);
        c.newer = p->newer;
    }
    struct txn t;
    txn_init(&t, a, INDEX_PARTITION_SYSTEM, 1);
    txn_put(&t, cursor_key(a), record_encode(&rec_lifecycle_cursor, &c, a, NULL), 0);
    int rc = txn_apply(p->st, &t);
    if (rc != INDEX_OK) /* after a restart the pass would begin anew: no harm */
        log_debug("lifecycle", "the cursor was not saved: %s", index_rc_name(rc));
    p->saved = !done;
    p->saved_mono_ms = clock_mono_ms();
    arena_free(a);
}

/* The pass that was interrupted; false: there is none. */
static bool load_cursor(struct store *st, struct arena *a, struct rec_lifecycle_cursor *ret)
{
    struct bytes value;
    return index_get(st->index, INDEX_PARTITION_SYSTEM, cursor_key(a), a, &value) == INDEX_OK &&
           record_decode(&rec_lifecycle_cursor, value, a, ret) && !ret->done && ret->bucket.n > 0;
}

/* ---- looking ---- */

struct slice {
    struct pass *p;
    struct arena *arena;
    enum key_kind kind;
    struct deed deeds[SLICE_DEEDS];
    size_t n;
    uint64_t rows;
    bool full;
};

static struct lifecycle_subject subject_of(const struct pass *p, struct bytes key, const struct store_object *o,
                                           int64_t noncurrent_ms)
{
    enum versioning v = p->bucket.versioning;
    return (struct lifecycle_subject){
        .key = key,
        .size = o->size,
        .tags = o->tags,
        .n_tags = o->n_tags,
        .in = lifecycle_class_of(o->storage_class),
        .mtime_ms = o->mtime_ms,
        .noncurrent_ms = noncurrent_ms,
        .marker = o->marker,
        .keeps = v == VERSIONING_ENABLED || (v == VERSIONING_SUSPENDED && !o->version.null),
    };
}

static void judge(struct slice *s, const struct lifecycle_subject *subject, const struct store_object *o)
{
    struct lifecycle_due due = lifecycle_due(&s->p->rules, subject, s->p->now_ms, s->p->w->day_ms);
    if (!due.move && due.action == LIFECYCLE_NOTHING)
        return;
    CHECK(s->n < SLICE_DEEDS);
    struct deed *d = &s->deeds[s->n++];
    *d = (struct deed){.kind = DEED_DELETE,
                       .key = bytes_dup(s->arena, subject->key),
                       .due = due,
                       .by_version = subject->noncurrent_ms || subject->marker,
                       .noncurrent_ms = subject->noncurrent_ms,
                       .version = o->version};
    memcpy(d->uid, o->uid, sizeof d->uid);
    s->full = s->n + 2 > SLICE_DEEDS; /* a row makes two at most: a marker before it, and itself */
}

/* Damage is left to those who read the object, and to the operator. */
static bool read_head(struct slice *s, struct bytes key, struct bytes head, struct rec_object *ret)
{
    if (record_decode(&rec_object, head, s->p->tags ? s->arena : NULL, ret)) {
        memcpy(ret->o.version.uid, ret->o.uid, sizeof ret->o.version.uid);
        ret->o.version.null = !ret->versioned;
        return true;
    }
    log_error("lifecycle", "the record of key %.*s in bucket %.*s is damaged", (int)key.n, key.p,
              (int)s->p->bucket.name.n, s->p->bucket.name.p);
    return false;
}

static void look_at_object(struct slice *s, struct bytes index_key, struct bytes head)
{
    struct rec_object r;
    struct bytes key = key_rest(index_key);
    if (!read_head(s, key, head, &r))
        return;
    struct lifecycle_subject subject = subject_of(s->p, key, &r.o, 0);
    judge(s, &subject, &r.o);
}

static void look_at_upload(struct slice *s, struct bytes index_key)
{
    struct bytes key, rule;
    const unsigned char *id;
    int64_t at;
    if (!key_upload_parse(index_key, &key, &id) ||
        !lifecycle_abort(&s->p->rules, key, upload_id_time_ms(id), s->p->w->day_ms, &at, &rule) || at > s->p->now_ms)
        return;
    s->deeds[s->n++] =
        (struct deed){.kind = DEED_ABORT, .key = bytes_dup(s->arena, key), .upload_id = upload_id_text(s->arena, id)};
    s->full = s->n == SLICE_DEEDS;
}

/* The marker that was waiting has no older version. */
static void settle_pending(struct slice *s)
{
    struct pass *p = s->p;
    if (!p->has_pending)
        return;
    p->has_pending = false;
    struct lifecycle_subject subject = subject_of(p, buf_bytes(&p->pending_key), &p->pending, 0);
    subject.alone = true;
    judge(s, &subject, &p->pending);
}

static void look_at_version(struct slice *s, struct bytes index_key, struct bytes head)
{
    struct pass *p = s->p;
    struct rec_object r;
    struct bytes key;
    uint64_t seq;
    const unsigned char *uid;
    if (!key_version_parse(index_key, &key, &seq, &uid))
        return;
    if (!bytes_eq(key, buf_bytes(&p->group))) {
        settle_pending(s);
        buf_reset(&p->group);
        buf_put_bytes(&p->group, key);
        p->newer = 0;
    }
    p->has_pending = false; /* of the same key: not alone */
    if (!read_head(s, key, head, &r))
        return;
    if (r.noncurrent_ms == 0) {
        p->pending = (struct store_object){.mtime_ms = r.o.mtime_ms, .version = r.o.version, .marker = true};
        memcpy(p->pending.uid, r.o.uid, sizeof p->pending.uid);
        buf_reset(&p->pending_key);
        buf_put_bytes(&p->pending_key, key);
        p->has_pending = r.o.marker;
        return;
    }
    struct lifecycle_subject subject = subject_of(p, key, &r.o, r.noncurrent_ms);
    subject.newer = p->newer++;
    judge(s, &subject, &r.o);
}

static enum index_visit look(void *arg, struct bytes index_key, struct bytes head, struct buf *seek)
{
    struct slice *s = arg;
    (void)seek;
    if (s->full)
        return INDEX_VISIT_STOP;
    s->rows++;
    if (s->kind == KEY_OBJECT)
        look_at_object(s, index_key, head);
    else if (s->kind == KEY_UPLOAD)
        look_at_upload(s, index_key);
    else
        look_at_version(s, index_key, head);
    buf_reset(&s->p->at);
    buf_put_bytes(&s->p->at, index_key);
    return INDEX_VISIT_NEXT;
}

/* ---- doing ---- */

/* What others did first, and what a lock protects, is no failure. */
static void account(struct pass *p, int rc, unsigned what)
{
    if (rc == STORE_OK) {
        p->done[what]++;
        atomic_fetch_add(&p->w->done[what], 1);
    } else if (rc != STORE_PRECONDITION_FAILED && rc != STORE_NO_SUCH_KEY && rc != STORE_NO_SUCH_VERSION &&
               rc != STORE_NO_SUCH_UPLOAD && rc != STORE_DELETE_MARKER && rc != STORE_LOCKED &&
               rc != STORE_NO_SUCH_BUCKET && rc != STORE_ABORTED) {
        p->first_failure = p->failed ? p->first_failure : rc;
        p->failed++;
        atomic_fetch_add(&p->w->failed, 1);
    }
}

/* Moves and aborts are a batch each; done by a few threads at once they share syncs. Deletions share theirs anyway. */
struct hands {
    const struct slice *s;
    atomic_size_t next;
    int rcs[SLICE_DEEDS]; /* HANDS_OFF: nothing of that kind was to do */
};
#define HANDS_OFF 1

static bool for_hands(const struct deed *d)
{
    return d->kind == DEED_ABORT || d->due.move;
}

static int do_one(const struct pass *p, const struct deed *d)
{
    if (d->kind == DEED_ABORT)
        return store_upload_abort(p->st, &p->bucket, d->key, d->upload_id);
    return store_object_transition(p->st, &p->bucket, d->key, d->by_version ? &d->version : NULL,
                                   bytes_str(lifecycle_class_name(d->due.to)), d->uid, &d->noncurrent_ms);
}

static void *hand(void *arg)
{
    struct hands *h = arg;
    const struct pass *p = h->s->p;
    size_t i;
    while ((i = atomic_fetch_add(&h->next, 1)) < h->s->n && !atomic_load(&p->w->stop))
        if (for_hands(&h->s->deeds[i]))
            h->rcs[i] = do_one(p, &h->s->deeds[i]);
    return NULL;
}

static void use_hands(struct slice *s)
{
    struct hands *h = arena_new(s->arena, struct hands);
    pthread_t threads[HANDS_MAX];
    size_t wanted = 0, started = 0;
    h->s = s;
    for (size_t i = 0; i < s->n; i++) {
        h->rcs[i] = HANDS_OFF;
        wanted += for_hands(&s->deeds[i]);
    }
    while (started + 1 < wanted && started + 1 < HANDS_MAX && pthread_create(&threads[started], NULL, hand, h) == 0)
        started++;
    hand(h);
    while (started)
        pthread_join(threads[--started], NULL);
    for (size_t i = 0; i < s->n; i++)
        if (h->rcs[i] != HANDS_OFF)
            account(s->p, h->rcs[i], s->deeds[i].kind == DEED_ABORT ? 2 : 1);
}

static void do_deeds(struct slice *s)
{
    struct pass *p = s->p;
    struct store_delete *items = arena_new_array(s->arena, struct store_delete, s->n + 1);
    size_t n = 0;
    use_hands(s);
    for (size_t i = 0; i < s->n && !atomic_load(&p->w->stop); i++) {
        const struct deed *d = &s->deeds[i];
        if (d->kind == DEED_DELETE && d->due.action != LIFECYCLE_NOTHING)
            items[n++] = (struct store_delete){.key = d->key,
                                               .version = d->by_version ? &d->version : NULL,
                                               .expect_uid = d->uid,
                                               .expect_noncurrent_ms = &d->noncurrent_ms};
    }
    if (n)
        store_objects_delete(p->st, &p->bucket, p->bucket.owner, items, n);
    for (size_t i = 0; i < n; i++)
        account(p, items[i].rc, 0);
}

/* ---- pace ---- */

static bool clients_are_busy(struct store *st)
{
    pthread_mutex_lock(&st->running_lock);
    bool busy = st->running >= BUSY_WRITES;
    pthread_mutex_unlock(&st->running_lock);
    return busy;
}

static void rest(struct pass *p, uint64_t worked_ns)
{
    int64_t ns = worked_ns > REST_MAX_NS ? REST_MAX_NS : (int64_t)worked_ns;
    struct timespec t = {.tv_nsec = ns};
    if (!p->background)
        return;
    nanosleep(&t, NULL);
    for (int i = 0; i < BUSY_PAUSES && !atomic_load(&p->w->stop) && clients_are_busy(p->st); i++)
        store__pause_ms(BUSY_PAUSE_MS);
}

/* Whether the pass goes on: nobody stops it, the clock is right, the bucket and its rules are what they were. */
static bool may_go_on(struct pass *p, struct arena *a, bool *ret_same)
{
    struct lifecycle_worker *w = p->w;
    struct store_bucket now = {0};
    *ret_same = false;
    p->ended |= atomic_load(&w->stop) || (w->slices && --w->slices == 0) || (p->background && !clock_is_trusted(w));
    if (p->ended)
        return false;
    if (store_bucket_get(p->st, buf_bytes(&p->name), a, &now) != STORE_OK || now.partition != p->bucket.partition ||
        now.lifecycle_seq != p->bucket.lifecycle_seq)
        return true;
    p->bucket.versioning = now.versioning;
    p->bucket.generation = now.generation;
    *ret_same = true;
    return true;
}

/* ---- a bucket ---- */

/* One slice of the records that start with the scan's prefix. *ret_more: there are others. */
static int do_slice(struct pass *p, struct index_scan *scan, enum key_kind kind, struct arena *a, bool *ret_more)
{
    struct slice *s = arena_new(a, struct slice);
    uint64_t began_ns = clock_mono_ns();
    bool more = false;
    *s = (struct slice){.p = p, .arena = a, .kind = kind};
    int rc = index_visit(p->st->index, scan, look, s, &more);
    if (rc == INDEX_NOT_FOUND) /* the bucket has just gone */
        rc = INDEX_OK;
    *ret_more = more || s->full;
    if (rc == INDEX_OK && !*ret_more)
        settle_pending(s);
    atomic_fetch_add(&p->w->examined, s->rows);
    do_deeds(s);
    p->partial = atomic_load(&p->w->stop);
    if (!p->changed_only && !p->has_pending && !p->partial &&
        (p->w->slices || clock_mono_ms() - p->saved_mono_ms >= SAVE_MS))
        save_cursor(p, false);
    rest(p, clock_mono_ns() - began_ns);
    return store__index_rc(rc);
}

/* STORE_OK, also when the pass ended or the bucket is another one by now (*ret_same). */
static int walk_range(struct pass *p, enum key_kind kind, struct bytes s3_prefix, bool *ret_same)
{
    struct arena *keys = arena_create(0), *a = arena_create(256 * 1024);
    struct bytes prefix = key_of_kind(keys, kind, s3_prefix);
    int rc = STORE_OK;
    bool more = bytes_starts(buf_bytes(&p->at), prefix) || bytes_cmp(buf_bytes(&p->at), prefix) < 0;
    char from[INDEX_KEY_MAX];
    while (rc == STORE_OK && more && may_go_on(p, a, ret_same) && *ret_same) {
        bool within = bytes_starts(buf_bytes(&p->at), prefix);
        struct bytes at = within ? buf_bytes(&p->at) : prefix;
        memcpy(from, at.p, at.n); /* the visit writes over it */
        struct index_scan scan = {.partition = p->bucket.partition,
                                  .from = bytes_of(from, at.n),
                                  .after = within,
                                  .prefix = prefix,
                                  .max_rows = p->w->slice_rows,
                                  .max_bytes = SLICE_BYTES,
                                  .heads = true};
        rc = do_slice(p, &scan, kind, a, &more);
        arena_reset(a);
    }
    arena_free(a);
    arena_free(keys);
    return rc;
}

static int compare_prefixes(const void *x, const void *y)
{
    return bytes_cmp(*(const struct bytes *)x, *(const struct bytes *)y);
}

/* The prefixes of all rules in force, in order, none of which starts with another. */
static struct bytes *prefixes_of(const struct lifecycle *l, struct arena *a, size_t *ret_n)
{
    struct bytes *list = arena_new_array(a, struct bytes, l->n_rules + 1);
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < l->n_rules; i++)
        if (l->rules[i].enabled)
            list[n++] = l->rules[i].prefix;
    qsort(list, n, sizeof *list, compare_prefixes);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !bytes_starts(list[i], list[kept - 1]))
            list[kept++] = list[i];
    *ret_n = kept;
    return list;
}

static bool load_rules(struct pass *p, struct arena *a)
{
    struct bytes value;
    int rc = store_setting_get(p->st, p->bucket.name, STORE_SETTING_LIFECYCLE, a, &value);
    if (rc == STORE_OK && !lifecycle_decode(value, a, &p->rules))
        rc = STORE_CORRUPT;
    if (rc != STORE_OK && rc != STORE_NO_SUCH_SETTING && rc != STORE_NO_SUCH_BUCKET)
        log_warn("lifecycle", "the rules of bucket %.*s: %s", (int)p->bucket.name.n, p->bucket.name.p,
                 store_rc_name(rc));
    p->tags = false;
    for (size_t i = 0; rc == STORE_OK && i < p->rules.n_rules; i++)
        p->tags |= p->rules.rules[i].n_tags > 0;
    return rc == STORE_OK;
}

static bool was_seen(const struct lifecycle_worker *w, const struct store_bucket *b)
{
    const struct seen *s = &w->seen[b->partition % SEEN_SLOTS];
    return s->partition == b->partition && s->seq == b->lifecycle_seq;
}

static void set_seen(struct lifecycle_worker *w, const struct store_bucket *b)
{
    w->seen[b->partition % SEEN_SLOTS] = (struct seen){b->partition, b->lifecycle_seq};
}

/* From p->at on (empty: all of it). */
static void walk_bucket(struct pass *p, const struct store_bucket *b)
{
    static const enum key_kind kinds[] = {KEY_OBJECT, KEY_UPLOAD, KEY_VERSION}; /* in the order of the index */
    struct arena *a = arena_create(0);
    int rc = STORE_OK;
    bool same = true;
    p->bucket = *b;
    buf_reset(&p->name);
    buf_put_bytes(&p->name, b->name);
    if (load_rules(p, a)) {
        size_t n;
        struct bytes *prefixes = prefixes_of(&p->rules, a, &n);
        struct lifecycle_reach reach = lifecycle_reach(&p->rules);
        bool wanted[] = {reach.current, reach.uploads, reach.versions && b->versioning != VERSIONING_NEVER};
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            for (size_t i = 0; wanted[k] && i < n && rc == STORE_OK && same && !p->ended; i++)
                rc = walk_range(p, kinds[k], prefixes[i], &same);
    }
    if (rc != STORE_OK)
        log_warn("lifecycle", "looking through bucket %.*s: %s", (int)b->name.n, b->name.p, store_rc_name(rc));
    if (!p->ended) {
        buf_reset(&p->at);
        buf_reset(&p->group);
        p->newer = 0;
        p->has_pending = false;
        if (rc == STORE_OK && same)
            set_seen(p->w, b);
    }
    arena_free(a);
}

/* ---- a pass ---- */

/* Goes on where an interrupted pass was. */
static void resume(struct pass *p, struct arena *a)
{
    struct rec_lifecycle_cursor c;
    struct store_bucket b;
    if (p->changed_only || !load_cursor(p->st, a, &c))
        return;
    p->saved = true;
    p->began_ms = c.began_ms < p->now_ms ? c.began_ms : p->now_ms;
    buf_put_bytes(&p->name, c.bucket);
    if (store_bucket_get(p->st, c.bucket, a, &b) != STORE_OK || b.lifecycle_seq == 0)
        return;
    if (b.lifecycle_seq == c.seq) {
        struct bytes key;
        uint64_t seq;
        const unsigned char *uid;
        buf_put_bytes(&p->at, c.key);
        p->newer = c.newer;
        if (key_version_parse(c.key, &key, &seq, &uid))
            buf_put_bytes(&p->group, key);
    }
    walk_bucket(p, &b);
}

/* Buckets after p->name, to the end. */
static int walk_buckets(struct pass *p)
{
    struct arena *a = arena_create(0);
    struct buf after;
    bool more = true;
    int rc = STORE_OK;
    buf_init(&after, INDEX_KEY_MAX);
    buf_put_bytes(&after, buf_bytes(&p->name));
    while (rc == STORE_OK && more && !p->ended) {
        struct store_bucket *list;
        size_t n = 0;
        rc = store_bucket_list(p->st, BYTES_NONE, buf_bytes(&after), BUCKETS_PAGE, a, &list, &n, &more);
        for (size_t i = 0; rc == STORE_OK && i < n && !p->ended; i++) {
            p->ended = atomic_load(&p->w->stop);
            if (!p->ended && list[i].lifecycle_seq && !(p->changed_only && was_seen(p->w, &list[i])))
                walk_bucket(p, &list[i]);
        }
        if (rc == STORE_OK && n) {
            buf_reset(&after);
            buf_put_bytes(&after, list[n - 1].name);
        }
        more = more && n;
        arena_reset(a);
    }
    buf_fini(&after);
    arena_free(a);
    return rc;
}

static void report(const struct pass *p)
{
    if (p->done[0] || p->done[1] || p->done[2])
        log_info("lifecycle", "%llu versions expired, %llu moved to another class, %llu uploads aborted",
                 (unsigned long long)p->done[0], (unsigned long long)p->done[1], (unsigned long long)p->done[2]);
    if (p->failed)
        log_warn("lifecycle", "%llu times it did not work (first: %s); the next pass tries again",
                 (unsigned long long)p->failed, store_rc_name(p->first_failure));
}

/* With pass_lock. *ret_began (may be NULL): when the pass began, maybe before a restart. */
static int run_pass(struct store *st, bool background, bool changed_only, int64_t *ret_began)
{
    struct lifecycle_worker *w = st->lifecycle;
    struct pass p = {.st = st, .w = w, .background = background, .changed_only = changed_only};
    struct arena *a = arena_create(0);
    p.now_ms = p.began_ms = clock_wall_ms();
    p.saved_mono_ms = clock_mono_ms();
    buf_init(&p.name, INDEX_KEY_MAX);
    buf_init(&p.at, INDEX_KEY_MAX);
    buf_init(&p.group, INDEX_KEY_MAX);
    buf_init(&p.pending_key, INDEX_KEY_MAX);
    p.ended = background && !clock_is_trusted(w);
    if (!p.ended)
        resume(&p, a);
    int rc = p.ended ? STORE_ABORTED : walk_buckets(&p);
    if (p.ended && p.name.n && !p.has_pending && !p.partial && !changed_only && p.bucket.lifecycle_seq)
        save_cursor(&p, false);
    else if (rc == STORE_OK && !p.ended && p.saved)
        save_cursor(&p, true);
    report(&p);
    if (ret_began)
        *ret_began = p.began_ms;
    buf_fini(&p.name);
    buf_fini(&p.at);
    buf_fini(&p.group);
    buf_fini(&p.pending_key);
    arena_free(a);
    return p.ended && rc == STORE_OK ? STORE_ABORTED : rc;
}

int store_lifecycle_run(struct store *st)
{
    pthread_mutex_lock(&st->lifecycle->pass_lock);
    int rc = run_pass(st, false, false, NULL);
    pthread_mutex_unlock(&st->lifecycle->pass_lock);
    return rc;
}

/* ---- the thread ---- */

void store_lifecycle_wake(struct store *st)
{
    struct lifecycle_worker *w = st->lifecycle;
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* When the pass after one that began then is due, by the wall clock. */
static int64_t next_pass(const struct lifecycle_worker *w, int64_t began_ms)
{
    int64_t period = w->day_ms / 2;
    if (w->day_ms)
        return began_ms + (period < SHORT_PERIOD_MS ? SHORT_PERIOD_MS : period);
    return lifecycle_after(began_ms + 1, 0, 0);
}

/* No pass is due later than that from now, unless the clock was set back since. */
static int64_t furthest_ms(const struct lifecycle_worker *w)
{
    int64_t period = w->day_ms ? w->day_ms / 2 : LIFECYCLE_DAY_MS;
    return period < LOOK_MS ? LOOK_MS : period;
}

/* Waits until it is woken or that long; answers whether it was woken. */
static bool wait_ms(struct lifecycle_worker *w, int64_t ms)
{
    struct timespec until = clock_in_ms(ms);
    int rc = 0;
    pthread_mutex_lock(&w->lock);
    while (rc == 0 && !w->woken && !atomic_load(&w->stop))
        rc = pthread_cond_timedwait(&w->wake, &w->lock, &until);
    bool woken = w->woken;
    w->woken = false;
    pthread_mutex_unlock(&w->lock);
    return woken;
}

static void *worker_main(void *arg)
{
    struct store *st = arg;
    struct lifecycle_worker *w = st->lifecycle;
    int64_t due_ms = clock_wall_ms() + (w->day_ms ? 0 : START_DELAY_MS);
    while (!atomic_load(&w->stop)) {
        int64_t left = due_ms - clock_wall_ms();
        if (left > furthest_ms(w)) {
            due_ms -= left;
            left = 0;
        }
        bool woken = wait_ms(w, left < 0 ? 0 : left < LOOK_MS ? left : LOOK_MS);
        bool due = clock_wall_ms() >= due_ms;
        int64_t began_ms = clock_wall_ms();
        if (atomic_load(&w->stop) || (!woken && !due))
            continue;
        pthread_mutex_lock(&w->pass_lock);
        int rc = run_pass(st, true, !due, &began_ms);
        pthread_mutex_unlock(&w->pass_lock);
        if (due) /* one that did not come to its end goes on in a while */
            due_ms = rc == STORE_OK ? next_pass(w, began_ms) : clock_wall_ms() + LOOK_MS;
    }
    return NULL;
}

int lifecycle_open(struct store *st, uint64_t day_seconds, bool no_background)
{
    struct lifecycle_worker *w = xcalloc(1, sizeof *w);
    st->lifecycle = w;
    st->lifecycle_cache = lifecycle_cache_create();
    w->day_ms = (int64_t)day_seconds * 1000;
    w->slice_rows = SLICE_ROWS;
    w->trusted_ms = clock_wall_ms() - clock_boot_ms();
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->pass_lock, NULL);
    clock_cond_init(&w->wake);
    if (no_background)
        return STORE_OK;
    w->background = pthread_create(&w->thread, NULL, worker_main, st) == 0;
    return w->background ? STORE_OK : STORE_BUSY;
}

void lifecycle_stop(struct store *st)
{
    struct lifecycle_worker *w = st->lifecycle;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->stop, true);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->background)
        pthread_join(w->thread, NULL);
    w->background = false;
}

bool lifecycle_stopped(const struct store *st)
{
    return st->lifecycle && atomic_load(&st->lifecycle->stop);
}

void lifecycle_free(struct store *st)
{
    struct lifecycle_worker *w = st->lifecycle;
    parsed_cache_free(&st->lifecycle_cache);
    if (!w)
        return;
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->pass_lock);
    free(w);
}

void lifecycle_test_slices(struct store *st, size_t rows, unsigned slices)
{
    st->lifecycle->slice_rows = rows;
    st->lifecycle->slices = slices ? slices + 1 : 0;
}

uint64_t lifecycle_test_examined(struct store *st)
{
    return atomic_load(&st->lifecycle->examined);
}

void lifecycle_stats(struct store *st, struct store_stats *ret)
{
    const struct lifecycle_worker *w = st->lifecycle;
    ret->lifecycle_examined = atomic_load(&w->examined);
    ret->lifecycle_expired = atomic_load(&w->done[0]);
    ret->lifecycle_moved = atomic_load(&w->done[1]);
    ret->lifecycle_aborted = atomic_load(&w->done[2]);
    ret->lifecycle_failed = atomic_load(&w->failed);
}
