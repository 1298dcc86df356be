/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mc admin heal`: every version below a bucket or prefix is read from the disk and compared with its checksums, on a
 * thread of its own, and told to whoever asks: this server has one copy of the data, so it can say what is damaged and
 * heal nothing. A damaged version is "corrupt" before and after; mc shows it in red.
 *
 * One pass runs at a time. The client gets a token and asks with it until the summary is "finished"; results wait for
 * it in a list of bounded length, and the thread waits, too, once that is full. A pass that nobody has asked about for
 * HEAL_UNWATCHED_MS ends. The result of the last pass stays until it was told or the next one begins.
 *
 * Invariants: `one` is touched with its lock alone, which is never held while the store is asked; the thread is joined
 * by whoever begins the next pass, or by heal_stop.
 * Threads: the pass's own; admin_heal on workers.
 */
#include "server/admin_api/heal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/own_ops.h"
#include "server/server.h"
#include "store.h"

#define HEAL_ITEMS_MAX    1000 /* that wait to be told */
#define HEAL_ITEMS_REPLY  500
#define HEAL_UNWATCHED_MS (5 * 60 * 1000)
#define HEAL_PAGE         200 /* versions of one look at the index */
#define HEAL_WAIT_MS      50
#define HEAL_TOKEN        36

struct heal {
    pthread_mutex_t lock;
    pthread_t thread;
    bool started; /* the thread is to be joined */
    bool running;
    atomic_bool stop;
    char token[HEAL_TOKEN + 1];
    char detail[256]; /* why it stopped; empty: it came to its end */
    int64_t began_ms, asked_mono_ms;
    char *bucket, *prefix; /* empty: all */
    bool recursive;
    char *settings;  /* as the client sent them, JSON */
    json_t *waiting; /* items */
    uint64_t told, damaged, versions;
    struct server *server;
};

static struct heal one = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the pass ---- */

static json_t *drives(const struct heal *h, const char *state)
{
    return json_pack("{s:[{s:s,s:s,s:s}]}", "drives", "uuid", h->server->deployment_id, "endpoint",
                     h->server->config->dir, "state", state);
}

/* False: the pass is to end. Waits while nobody takes what is there. */
static bool tell(struct heal *h, json_t *item)
{
    bool placed = false;
    while (!placed && !atomic_load(&h->stop)) {
        pthread_mutex_lock(&h->lock);
        placed = json_array_size(h->waiting) < HEAL_ITEMS_MAX;
        if (placed)
            json_array_append_new(h->waiting, item);
        bool unwatched = clock_mono_ms() - h->asked_mono_ms > HEAL_UNWATCHED_MS;
        pthread_mutex_unlock(&h->lock);
        if (!placed && unwatched)
            break;
        if (!placed)
            usleep(HEAL_WAIT_MS * 1000);
    }
    if (!placed)
        json_decref(item);
    return placed;
}

/* One block that may be lost and none beyond it: by that mc's colours are green and red. */
static json_t *item(struct heal *h, const char *type, struct bytes bucket, struct bytes key, const char *version,
                    uint64_t size, int rc)
{
    const char *state = rc == STORE_OK ? "ok" : rc == STORE_NO_SUCH_KEY ? "missing" : "corrupt";
    json_t *j =
        json_pack("{s:I,s:s,s:o,s:o,s:s,s:s,s:i,s:i,s:i,s:o,s:o,s:I}", "resultId", (json_int_t)++h->told, "type", type,
                  "bucket", json_of_bytes(bucket), "object", json_of_bytes(key), "versionId", version, "detail",
                  rc == STORE_OK ? "" : store_rc_name(rc), "parityBlocks", 1, "diskCount", 1, "setCount", 1, "before",
                  drives(h, state), "after", drives(h, state), "objectSize", (json_int_t)size);
    return j ? j : json_object(); /* a key that is no UTF-8 cannot be shown */
}

static bool go_on(void *arg, size_t bytes)
{
    struct heal *h = arg;
    (void)bytes;
    return !atomic_load(&h->stop) && !atomic_load(&h->server->draining);
}

struct page {
    struct arena *arena;
    struct seen {
        struct bytes key;
        struct store_version version;
        bool marker;
    } rows[HEAL_PAGE];
    size_t n;
};

static void note(void *arg, const struct store_list_row *row)
{
    struct page *p = arg;
    p->rows[p->n++] =
        (struct seen){.key = bytes_dup(p->arena, row->key), .version = row->version, .marker = row->marker};
}

static bool look(struct heal *h, struct arena *a, const struct store_bucket *b, const struct seen *s)
{
    char version[STORE_VERSION_TEXT + 1] = "";
    struct store_object *o;
    int rc = store_object_get(h->server->store, b, s->key, &s->version, a, &o);
    if (rc == STORE_NO_SUCH_KEY || rc == STORE_NO_SUCH_VERSION || rc == STORE_DELETE_MARKER ||
        rc == STORE_NO_SUCH_BUCKET) /* deleted meanwhile */
        return true;
    uint64_t size = rc == STORE_OK ? o->size : 0;
    if (rc == STORE_OK)
        rc = store_object_verify(h->server->store, o, go_on, h);
    if (rc == STORE_ABORTED)
        return false;
    if (rc == STORE_NO_SUCH_KEY && store_object_get(h->server->store, b, s->key, &s->version, a, &o) != STORE_OK)
        return true;
    if (!s->version.null)
        version[store_version_text(&s->version, version)] = '\0';
    h->versions++;
    if (rc != STORE_OK) {
        h->damaged++;
        log_error("heal", "%.*s/%.*s is damaged: %s", (int)b->name.n, b->name.p, (int)(s->key.n < 200 ? s->key.n : 200),
                  s->key.p, store_rc_name(rc));
    }
    return tell(h, item(h, "object", b->name, s->key, version, size, rc));
}

/* False: the pass is to end. */
static bool look_at_bucket(struct heal *h, const struct store_bucket *b)
{
    struct arena *a = arena_create(0);
    struct buf marker;
    struct store_version after;
    struct page *p = xcalloc(1, sizeof *p);
    bool good = tell(h, item(h, "bucket", b->name, BYTES_LIT(""), "", 0, STORE_OK)), more = h->recursive;
    bool any = false;
    buf_init(&marker, STORE_KEY_MAX);
    while (good && more) {
        struct store_version_list_end end;
        struct store_version_list l = {.prefix = bytes_str(h->prefix),
                                       .key_marker = buf_bytes(&marker),
                                       .version_marker = any ? &after : NULL,
                                       .max = HEAL_PAGE};
        arena_reset(a);
        *p = (struct page){.arena = a};
        int rc = store_version_list(h->server->store, b, &l, note, p, a, &end);
        more = rc == STORE_OK && end.truncated && p->n > 0;
        for (size_t i = 0; good && i < p->n; i++)
            good = p->rows[i].marker || look(h, a, b, &p->rows[i]);
        good = good && go_on(h, 0);
        if (more) {
            buf_reset(&marker);
            buf_put_bytes(&marker, p->rows[p->n - 1].key);
            after = p->rows[p->n - 1].version;
            any = true;
        }
    }
    buf_fini(&marker);
    free(p);
    arena_free(a);
    return good;
}

static bool look_at_all(struct heal *h)
{
    struct arena *a = arena_create(0);
    struct buf after;
    struct store_bucket *list;
    size_t n = 0;
    bool good = true, more = true;
    buf_init(&after, 256);
    while (good && more) {
        n = 0;
        arena_reset(a);
        more = store_bucket_list(h->server->store, BYTES_NONE, buf_bytes(&after), HEAL_PAGE, a, &list, &n, &more) ==
                   STORE_OK &&
               more;
        for (size_t i = 0; good && i < n; i++)
            good = look_at_bucket(h, &list[i]);
        if (more && n) {
            buf_reset(&after);
            buf_put_bytes(&after, list[n - 1].name);
        }
    }
    buf_fini(&after);
    arena_free(a);
    return good;
}

static void *run(void *arg)
{
    struct heal *h = arg;
    struct arena *a = arena_create(0);
    struct store_bucket b;
    bool good = true;
    if (!*h->bucket)
        good = look_at_all(h);
    else if (store_bucket_get(h->server->store, bytes_str(h->bucket), a, &b) == STORE_OK)
        good = look_at_bucket(h, &b);
    arena_free(a);
    log_info("heal", "%llu versions were compared with their checksums, %llu are damaged%s",
             (unsigned long long)h->versions, (unsigned long long)h->damaged, good ? "" : "; it was stopped");
    pthread_mutex_lock(&h->lock);
    h->running = false;
    if (!good)
        snprintf(h->detail, sizeof h->detail, "%s",
                 atomic_load(&h->stop) ? "it was told to stop" : "nobody asked for its results, or the server stops");
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- beginning and ending; with the lock ---- */

static void join(struct heal *h)
{
    if (!h->started)
        return;
    atomic_store(&h->stop, true);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    pthread_mutex_lock(&h->lock);
    h->started = false;
    free(h->bucket);
    free(h->prefix);
    free(h->settings);
    json_decref(h->waiting);
    h->waiting = NULL;
    h->bucket = h->prefix = h->settings = NULL;
}

void heal_stop(void)
{
    pthread_mutex_lock(&one.lock);
    join(&one);
    pthread_mutex_unlock(&one.lock);
}

static void make_token(char out[HEAL_TOKEN + 1])
{
    unsigned char random[HEAL_TOKEN / 2];
    rand_bytes(random, sizeof random);
    hex_encode(random, sizeof random, out);
    out[HEAL_TOKEN] = '\0';
}

static json_t *start_json(struct req *r, const char *token, int64_t began_ms)
{
    return json_pack("{s:s,s:s,s:o}", "clientToken", token, "clientAddress", admin_peer(r), "startTime",
                     admin_time(began_ms));
}

/* What `one` is asked to do: "BUCKET/PREFIX", and options. */
static void begin(struct heal *h, struct req *r, struct bytes target, const json_t *options)
{
    ptrdiff_t slash = bytes_find_char(target, '/', 0);
    size_t end = slash < 0 ? target.n : (size_t)slash;
    struct bytes bucket = bytes_cut(target, 0, end),
                 prefix = slash < 0 ? BYTES_NONE : bytes_cut(target, end + 1, target.n);
    h->bucket = xstrdup(bytes_cstr(r->arena, bucket));
    h->prefix = xstrdup(bytes_cstr(r->arena, prefix));
    h->recursive = prefix.n || json_is_true(json_object_get(options, "recursive"));
    h->settings = json_dumps(options, JSON_COMPACT);
    h->waiting = json_array();
    h->told = h->damaged = h->versions = 0;
    h->detail[0] = '\0';
    h->server = r->server;
    h->began_ms = r->now_ms;
    h->asked_mono_ms = clock_mono_ms();
    make_token(h->token);
    atomic_store(&h->stop, false);
    h->running = h->started = pthread_create(&h->thread, NULL, run, h) == 0;
}

static int start(struct req *r, struct heal *h, struct bytes target, const json_t *options, bool force)
{
    if (h->running && !force)
        return req_failf(r, S3E_ADMIN_HEAL_RUNNING, "A heal of %.128s/%.128s runs; --force-start ends it first.",
                         h->bucket, h->prefix);
    join(h);
    if (h->started) /* somebody else was quicker */
        return req_fail(r, S3E_ADMIN_HEAL_RUNNING);
    begin(h, r, target, options);
    return h->started ? admin_reply(r, start_json(r, h->token, h->began_ms)) : req_fail(r, S3E_SLOW_DOWN);
}

static int stop(struct req *r, struct heal *h)
{
    if (!h->started)
        return req_fail(r, S3E_ADMIN_HEAL_NO_SUCH);
    int64_t began = h->began_ms;
    char token[HEAL_TOKEN + 1];
    memcpy(token, h->token, sizeof token);
    join(h);
    return admin_reply(r, start_json(r, token, began));
}

static int tell_status(struct req *r, struct heal *h, struct bytes token)
{
    if (!h->started || !bytes_eq_str(token, h->token))
        return req_fail(r, S3E_ADMIN_HEAL_NO_SUCH);
    json_t *items = json_array();
    h->asked_mono_ms = clock_mono_ms();
    while (json_array_size(h->waiting) && json_array_size(items) < HEAL_ITEMS_REPLY) {
        json_array_append(items, json_array_get(h->waiting, 0));
        json_array_remove(h->waiting, 0);
    }
    bool over = !h->running && json_array_size(h->waiting) == 0;
    json_t *settings = json_loads(h->settings ? h->settings : "{}", 0, NULL);
    const char *summary = !over ? "running" : *h->detail ? "stopped" : "finished";
    return admin_reply(r, json_pack("{s:s,s:s,s:o,s:o,s:o}", "summary", summary, "detail", h->detail, "startTime",
                                    admin_time(h->began_ms), "settings", settings ? settings : json_object(), "items",
                                    items));
}

static int check_target(struct req *r, struct bytes target)
{
    struct store_bucket b;
    ptrdiff_t slash = bytes_find_char(target, '/', 0);
    if (!target.n)
        return 0;
    int rc =
        store_bucket_get(r->server->store, bytes_cut(target, 0, slash < 0 ? target.n : (size_t)slash), r->arena, &b);
    return rc == STORE_OK ? 0 : req_fail_store(r, rc);
}

int admin_heal(struct req *r)
{
    struct bytes target = own_segment(r), token = req_param(r, "clientToken");
    json_t *options = json_in(r->arena, json_object());
    bool force_stop = bytes_eq_str(req_param(r, "forceStop"), "true");
    if (bytes_find_char(target, '\0', 0) >= 0)
        return req_fail(r, S3E_ADMIN_INVALID_ARGUMENT);
    if (!token.n &&
        ((r->body.n && admin_plain_json(admin_begin(r), &options) < 0) || (!force_stop && check_target(r, target) < 0)))
        return -1;
    pthread_mutex_lock(&one.lock);
    int rc = token.n      ? tell_status(r, &one, token)
             : force_stop ? stop(r, &one)
                          : start(r, &one, target, options, bytes_eq_str(req_param(r, "forceStart"), "true"));
    pthread_mutex_unlock(&one.lock);
    return rc;
}
