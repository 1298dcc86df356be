/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scrubber: a walk over all blobs in the order of their ids, reading each from the disk past the page cache and
 * comparing it with its checksums. It needs no keys: checksums are those of the bytes as they lie there.
 *
 * Pace: after each read it rests until the bytes read so far fit to the rate, so one blob of gigabytes holds nobody up
 * either. Where it is, a document tells, written now and then: after a restart the pass goes on there. New blobs get
 * higher ids, so a pass sees them, too.
 *
 * A blob that is damaged is marked by a document and left as it is. A blob that goes away meanwhile is no finding.
 * Threads: its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "storage/store_internal.h"
#include "storage/upkeep_in.h"

#define LIST_PAGE      256
#define SAVE_MS        10000 /* between two writes of the cursor */
#define START_DELAY_MS 2000  /* a server that has just started has better things to do */
#define LOOK_MS        2000  /* how often the clock, and what readers found, are looked at between passes */
#define SUSPECTS_MAX   32
#define RATE_DEFAULT   (16u << 20) /* bytes/s of what readers found, when there are no passes */
#define BURST_MS       50          /* it rests that long at least: shorter ones are saved up */
#define RETRY_MS       60000
#define CURSOR_DOC     UPKEEP_SCRUB "cursor"
#define LAST_DOC       UPKEEP_SCRUB "last"
#define MARKS_PAGE     100
#define KEY_SHOWN      200 /* characters of a key in a mark */

struct pass {
    struct upkeep *u;
    struct arena *a;
    int64_t began_ms, saved_mono_ms;
    struct blob_id at; /* all up to this one are done */
    bool any;
    uint64_t blobs, bytes, damaged;
    int64_t paced_from_ms; /* the pace is judged from here ... */
    uint64_t paced_bytes;  /* ... on these */
};

/* ---- documents ---- */

static int put_doc(struct upkeep *u, struct bytes key, struct bytes value)
{
    struct store_doc_change c = {.key = key, .put = true, .value = value};
    return store_doc_apply(u->o.store, &c, 1);
}

static void save_cursor(struct pass *p, bool done)
{
    char hex[33] = "-";
    if (p->any) {
        hex_encode(p->at.b, sizeof p->at.b, hex);
        hex[32] = '\0';
    }
    struct bytes text = arena_bytesf(p->a, "%" PRId64 " %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", p->began_ms, hex,
                                     p->blobs, p->bytes, p->damaged);
    int rc = put_doc(p->u, BYTES_LIT(CURSOR_DOC), done ? BYTES_NONE : text);
    if (rc == STORE_OK && done) {
        text = arena_bytesf(p->a, "%" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", p->began_ms,
                            clock_wall_ms(), p->blobs, p->bytes, p->damaged);
        rc = put_doc(p->u, BYTES_LIT(LAST_DOC), text);
    }
    if (rc != STORE_OK) /* a restart would do some of it again: no harm */
        log_debug("scrub", "its place was not saved: %s", store_rc_name(rc));
    p->saved_mono_ms = clock_mono_ms();
}

static bool load_cursor(struct pass *p)
{
    struct bytes text;
    char hex[40];
    if (store_doc_get(p->u->o.store, BYTES_LIT(CURSOR_DOC), p->a, &text) != STORE_OK ||
        sscanf(bytes_cstr(p->a, text), "%" SCNd64 " %39s %" SCNu64 " %" SCNu64 " %" SCNu64, &p->began_ms, hex,
               &p->blobs, &p->bytes, &p->damaged) != 5)
        return false;
    p->any = hex_decode(bytes_str(hex), p->at.b, sizeof p->at.b);
    return true;
}

static void load_last(struct upkeep *u)
{
    struct arena *a = arena_create(0);
    struct bytes text;
    int64_t began, ended;
    if (store_doc_get(u->o.store, BYTES_LIT(LAST_DOC), a, &text) == STORE_OK &&
        sscanf(bytes_cstr(a, text), "%" SCNd64 " %" SCNd64, &began, &ended) == 2) {
        atomic_store(&u->pass_began_ms, began);
        atomic_store(&u->pass_ended_ms, ended);
    }
    arena_free(a);
}

/* ---- marks ---- */

static struct bytes mark_key(struct arena *a, const struct blob_id *id)
{
    char hex[32];
    hex_encode(id->b, sizeof id->b, hex);
    return arena_bytesf(a, UPKEEP_DAMAGED "%.32s", hex);
}

/* Whose it is, as far as it can say. */
static struct bytes owner_text(struct pass *p, const struct blob_id *id)
{
    const struct blob_ops *ops = p->u->o.store->blobs->ops;
    struct blob_reader *r = NULL;
    struct bytes desc, trailer;
    struct rec_blob_desc d;
    bool good = ops->open(p->u->o.store->blobs, id, &r) == BLOB_OK &&
                ops->describe(r, p->a, &desc, &trailer) == BLOB_OK && record_decode(&rec_blob_desc, desc, p->a, &d);
    ops->close_reader(&r);
    if (!good)
        return BYTES_LIT("it cannot say whose it is");
    struct bytes key = bytes_cut(d.key, 0, KEY_SHOWN);
    return arena_bytesf(p->a, "written for %.*s/%.*s", (int)d.bucket.n, d.bucket.p, (int)key.n, key.p);
}

static void mark(struct pass *p, const struct blob_id *id, int rc, const struct blob_findings *f)
{
    struct bytes key = mark_key(p->a, id), was, whose;
    p->damaged++;
    if (store_doc_get(p->u->o.store, key, p->a, &was) == STORE_OK)
        return; /* told and marked before */
    whose = owner_text(p, id);
    struct bytes text = arena_bytesf(p->a, "%s, %" PRIu64 " bytes from %" PRIu64 " on; %.*s; found %" PRId64 "\n",
                                     rc == BLOB_CORRUPT ? "checksums do not match" : "it cannot be read", f->bad_bytes,
                                     f->first_bad, (int)whose.n, whose.p, clock_wall_ms() / 1000);
    log_error("scrub", "the blob %.32s is damaged: %.*s", key.p + sizeof UPKEEP_DAMAGED - 1, (int)text.n - 1, text.p);
    if (put_doc(p->u, key, text) == STORE_OK)
        atomic_fetch_add(&p->u->damaged, 1);
}

static void unmark(struct pass *p, const struct blob_id *id)
{
    struct bytes key = mark_key(p->a, id), was;
    if (atomic_load(&p->u->damaged) == 0 || store_doc_get(p->u->o.store, key, p->a, &was) != STORE_OK)
        return;
    if (put_doc(p->u, key, BYTES_NONE) == STORE_OK) {
        atomic_fetch_sub(&p->u->damaged, 1);
        log_info("scrub", "the blob %.32s is good again or gone", key.p + sizeof UPKEEP_DAMAGED - 1);
    }
}

/* Marks of blobs that are gone go; the others are counted. */
static void look_at_marks(struct pass *p, bool remove)
{
    struct blob_store *blobs = p->u->o.store->blobs;
    struct arena *a = arena_create(0);
    struct bytes after = BYTES_NONE;
    uint64_t count = 0;
    for (bool more = true; more;) {
        struct store_doc *docs;
        size_t n = 0;
        if (store_doc_list(p->u->o.store, BYTES_LIT(UPKEEP_DAMAGED), after, MARKS_PAGE, a, &docs, &n, &more) !=
            STORE_OK)
            break;
        for (size_t i = 0; i < n; i++) {
            struct blob_id id;
            struct blob_reader *r = NULL;
            struct bytes hex = bytes_cut(docs[i].key, sizeof UPKEEP_DAMAGED - 1, docs[i].key.n);
            bool gone =
                hex_decode(hex, id.b, sizeof id.b) && remove && blobs->ops->open(blobs, &id, &r) == BLOB_NOT_FOUND;
            blobs->ops->close_reader(&r);
            count += !(gone && put_doc(p->u, docs[i].key, BYTES_NONE) == STORE_OK);
        }
        more = more && n > 0;
        if (n)
            after = docs[n - 1].key;
    }
    atomic_store(&p->u->damaged, count);
    arena_free(a);
}

/* ---- the pass ---- */

static bool pace(void *arg, size_t bytes)
{
    struct pass *p = arg;
    int64_t now = clock_mono_ms();
    p->bytes += bytes;
    p->paced_bytes += bytes;
    atomic_fetch_add(&p->u->scrubbed_bytes, bytes);
    uint64_t rate = p->u->o.scrub_rate ? p->u->o.scrub_rate : RATE_DEFAULT;
    int64_t due = p->paced_from_ms + (int64_t)((double)p->paced_bytes * 1000 / (double)rate);
    if (due <= now) { /* what was lost by waiting for the disk is not made up for */
        p->paced_from_ms = now;
        p->paced_bytes = 0;
        return !atomic_load(&p->u->stop);
    }
    return due - now < BURST_MS ? !atomic_load(&p->u->stop) : upkeep_rest(p->u, due - now);
}

/* Blobs that readers found damaged are looked at as a whole, and marked. False: it is to stop. */
static bool look_at_suspects(struct upkeep *u)
{
    struct blob_store *blobs = u->o.store->blobs;
    struct blob_id ids[SUSPECTS_MAX];
    size_t n = blobs->ops->suspects ? blobs->ops->suspects(blobs, ids, SUSPECTS_MAX) : 0;
    struct pass p = {.u = u, .a = n ? arena_create(0) : NULL, .paced_from_ms = clock_mono_ms()};
    struct blob_pace paced = {pace, &p};
    for (size_t i = 0; i < n && !atomic_load(&u->stop); i++) {
        struct blob_findings f = {0};
        int rc = blob_verify(blobs, &ids[i], &paced, &f);
        if (!f.stopped && (rc == BLOB_CORRUPT || rc == BLOB_IO))
            mark(&p, &ids[i], rc, &f);
    }
    arena_free(p.a);
    return !atomic_load(&u->stop);
}

/* False: it is to stop. */
static bool scrub_blob(struct pass *p, const struct blob_id *id)
{
    struct blob_pace paced = {pace, p};
    struct blob_findings f = {0};
    arena_reset(p->a);
    int rc = blob_verify(p->u->o.store->blobs, id, &paced, &f);
    if (f.stopped || atomic_load(&p->u->stop))
        return false;
    if (rc == BLOB_CORRUPT || rc == BLOB_IO)
        mark(p, id, rc, &f);
    else if (rc == BLOB_OK)
        unmark(p, id);
    p->blobs += rc == BLOB_OK || rc == BLOB_CORRUPT || rc == BLOB_IO;
    atomic_fetch_add(&p->u->scrubbed_blobs, 1);
    p->at = *id;
    p->any = true;
    if (clock_mono_ms() - p->saved_mono_ms >= SAVE_MS)
        save_cursor(p, false);
    return look_at_suspects(p->u);
}

/* True: it came to its end. */
static bool run_pass(struct pass *p)
{
    struct blob_store *blobs = p->u->o.store->blobs;
    struct blob_id page[LIST_PAGE];
    size_t n = LIST_PAGE;
    while (n == LIST_PAGE) {
        int rc = blobs->ops->list(blobs, p->any ? &p->at : NULL, LIST_PAGE, page, &n);
        if (rc != BLOB_OK) {
            log_warn("scrub", "the folders of the blobs cannot be read: %s", blob_rc_name(rc));
            return false;
        }
        for (size_t i = 0; i < n; i++)
            if (!scrub_blob(p, &page[i]))
                return false;
    }
    return true;
}

/* When the next pass is due, by the wall clock; 0: at once. */
static int64_t next_due(const struct upkeep *u)
{
    int64_t began = atomic_load(&u->pass_began_ms);
    return began ? began + (int64_t)u->o.scrub_interval_ms : 0;
}

static bool scrub_once(struct upkeep *u)
{
    struct pass p = {.u = u, .a = arena_create(0)};
    bool resumed = load_cursor(&p);
    if (!resumed)
        p.began_ms = clock_wall_ms();
    p.saved_mono_ms = p.paced_from_ms = clock_mono_ms();
    bool done = run_pass(&p);
    arena_reset(p.a);
    if (done)
        look_at_marks(&p, true);
    save_cursor(&p, done);
    if (done) {
        atomic_store(&u->pass_began_ms, p.began_ms);
        atomic_store(&u->pass_ended_ms, clock_wall_ms());
        log_line(p.damaged ? LOG_ERROR : LOG_INFO, "scrub",
                 "all blobs were read: %" PRIu64 ", %" PRIu64 " MiB, %" PRIu64 " of them damaged%s", p.blobs,
                 p.bytes >> 20, p.damaged, p.damaged ? "; `pail check` names the objects" : "");
    }
    arena_free(p.a);
    return done;
}

void *scrub_main(void *arg)
{
    struct upkeep *u = arg;
    struct pass marks = {.u = u};
    if (!u->o.store->blobs->ops->list)
        return NULL;
    look_at_marks(&marks, false);
    load_last(u);
    upkeep_be_idle();
    for (bool go = upkeep_rest(u, START_DELAY_MS); go && look_at_suspects(u);) {
        int64_t left = u->o.scrub_rate ? next_due(u) - clock_wall_ms() : LOOK_MS;
        if (u->o.scrub_rate && left > (int64_t)u->o.scrub_interval_ms)
            left = 0; /* the clock was set back */
        if (left > 0)
            go = upkeep_rest(u, left < LOOK_MS ? left : LOOK_MS);
        else
            go = scrub_once(u) ? upkeep_rest(u, START_DELAY_MS) : upkeep_rest(u, RETRY_MS);
    }
    return NULL;
}
