/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing envelopes anew after a rotation, and counting what a key is used for. Both walk all envelopes of the store in
 * batches (store_envelopes), and data is never read or written.
 *
 * A pass moves every envelope that it meets to the current version of its key. The document "keys/reseal" is written
 * after each batch, so that a pass goes on where it was when the process ended, however it ended:
 *
 *   {"cursor": base64, "keys": {"NAME": [version, moved, left]}}
 *
 * It names the keys that were to be moved when the pass began, and their versions of that time. At the end a key is
 * done when it has no newer version by then and nothing was left: an envelope is left when its key was disabled or not
 * available at that moment; then there is another pass once it is. What is damaged stays as it is and holds up nobody.
 * An upload that was sealed before the rotation and ends behind the pass keeps the old version. It stays readable, for
 * versions never go; the next rotation moves it.
 *
 * Threads: the background's, and workers; one pass at a time (`resealing`).
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "store.h"
#include "storage/keyring_in.h"

#define BATCH   256
#define REST_MS (60 * 60 * 1000) /* see keyring_delete */

enum { TARGET_VERSION, TARGET_MOVED, TARGET_LEFT };

struct pass {
    struct keyring *keys;
    json_t *targets; /* name: [version, moved, left] */
    char *cursor;    /* on the heap; NULL: the beginning */
    size_t cursor_n;
    uint64_t moved, damaged;
};

/* ---- one envelope ---- */

static void count(struct pass *p, struct bytes name, int what)
{
    json_t *t = json_object_getn(p->targets, name.p, name.n), *number = json_array_get(t, (size_t)what);
    if (number)
        json_integer_set(number, json_integer_value(number) + 1);
}

/* Both keys, where the envelope is of an older version. NO_SUCH_KEY: there is nothing to do. */
static int take_keys(struct keyring *r, const struct sse_info *info, struct kek_key *from, struct kek_key *to,
                     uint32_t *ret_current)
{
    int rc = KEYRING_NO_SUCH_KEY;
    pthread_rwlock_rdlock(&r->lock);
    const struct kek *k = keyring_find(r, info->key_id);
    if (k && info->key_version < k->n) {
        const struct kek_version *old = &k->versions[info->key_version - 1], *now = &k->versions[k->n - 1];
        bool damaged = old->state == VERSION_DAMAGED || now->state == VERSION_DAMAGED;
        bool open = old->state == VERSION_OPEN && now->state == VERSION_OPEN;
        rc = k->disabled ? KEYRING_DISABLED : damaged ? KEYRING_DAMAGED : open ? KEYRING_OK : KEYRING_UNAVAILABLE;
        *from = old->key;
        *to = now->key;
        *ret_current = k->n;
    }
    pthread_rwlock_unlock(&r->lock);
    return rc;
}

static bool look(void *arg, uint64_t partition, struct bytes key, struct bytes envelope, struct arena *a,
                 struct bytes *ret_new)
{
    struct pass *p = arg;
    struct sse_place place = {partition, key};
    struct kek_key from = {0}, to = {0};
    struct sse_info info;
    unsigned char object_key[OBJECT_KEY];
    if (!sse_info_read(envelope, &info) || info.method == SSE_C)
        return false;
    int rc = take_keys(p->keys, &info, &from, &to, &info.key_version);
    if (rc == KEYRING_OK && !envelope_open(envelope, &from, &place, object_key))
        rc = KEYRING_DAMAGED;
    if (rc == KEYRING_OK) {
        *ret_new = envelope_seal(a, &info, &to, &place, object_key);
        p->moved++;
        count(p, info.key_id, TARGET_MOVED);
    } else if (rc == KEYRING_DAMAGED) {
        p->damaged++;
    } else if (rc != KEYRING_NO_SUCH_KEY) {
        count(p, info.key_id, TARGET_LEFT);
    }
    OPENSSL_cleanse(object_key, sizeof object_key);
    kek_key_wipe(&from);
    kek_key_wipe(&to);
    return rc == KEYRING_OK;
}

/* ---- a pass and its document ---- */

static void pass_free(struct pass *p)
{
    json_decref(p->targets);
    free(p->cursor);
    *p = (struct pass){0};
}

static void set_cursor(struct pass *p, struct bytes cursor)
{
    free(p->cursor);
    p->cursor = cursor.n ? memcpy(xmalloc(cursor.n), cursor.p, cursor.n) : NULL;
    p->cursor_n = cursor.n;
}

static void begin(struct pass *p)
{
    p->targets = json_object();
    pthread_rwlock_rdlock(&p->keys->lock);
    for (size_t i = 0; i < p->keys->n; i++) {
        const struct kek *k = p->keys->keys[i];
        if (k->resealing)
            json_object_setn_new(p->targets, k->name.p, k->name.n,
                                 json_pack("[I,I,I]", (json_int_t)k->n, (json_int_t)0, (json_int_t)0));
    }
    pthread_rwlock_unlock(&p->keys->lock);
}

/* The pass that was not finished; false: there is none (or none that can be understood: then it begins anew). */
static bool resume(struct pass *p, struct arena *a)
{
    struct bytes text;
    if (store_doc_get(p->keys->store, BYTES_LIT(RESEAL_DOC), a, &text) != STORE_OK)
        return false;
    json_t *j = json_loadb(text.p, text.n, 0, NULL), *keys = json_object_get(j, "keys");
    const json_t *coded = json_object_get(j, "cursor");
    char *cursor = arena_alloc(a, json_string_length(coded) + 1);
    ptrdiff_t n = json_is_string(coded) ? base64_decode(bytes_of(json_string_value(coded), json_string_length(coded)),
                                                        cursor, json_string_length(coded))
                                        : -1;
    bool good = n > 0 && json_is_object(keys);
    if (good) {
        p->targets = json_incref(keys);
        set_cursor(p, bytes_of(cursor, (size_t)n));
    }
    json_decref(j);
    return good;
}

static int save(struct pass *p, struct arena *a)
{
    size_t n = base64_len(p->cursor_n);
    char *coded = arena_alloc(a, n + 1), *text = NULL;
    struct store_doc_change c = {.key = BYTES_LIT(RESEAL_DOC), .put = true}; /* empty: it goes */
    if (p->cursor) {
        base64_encode(p->cursor, p->cursor_n, coded);
        json_t *j = json_pack("{s:s%,s:O}", "cursor", coded, n, "keys", p->targets);
        text = json_dumps(j, JSON_COMPACT);
        json_decref(j);
        CHECK(text);
        c.value = bytes_str(text);
    }
    int rc = store_doc_apply(p->keys->store, &c, 1);
    free(text);
    return rc;
}

/* What a list of the keys shows. */
static void publish(struct pass *p)
{
    const char *name;
    json_t *t;
    pthread_rwlock_rdlock(&p->keys->lock);
    json_object_foreach(p->targets, name, t)
    {
        struct kek *k = keyring_find(p->keys, bytes_str(name));
        if (k && k->n == (uint32_t)json_integer_value(json_array_get(t, TARGET_VERSION)))
            atomic_store(&k->resealed, (uint64_t)json_integer_value(json_array_get(t, TARGET_MOVED)));
    }
    pthread_rwlock_unlock(&p->keys->lock);
}

/* One batch; *ret_end: it was the last one. */
static int step(struct pass *p, bool *ret_end)
{
    struct arena *a = arena_create(0);
    struct bytes cursor = bytes_of(p->cursor, p->cursor_n);
    int rc = store_envelopes(p->keys->store, &cursor, BATCH, look, p, a);
    if (rc == STORE_OK) {
        *ret_end = cursor.n == 0;
        set_cursor(p, cursor);
        publish(p);
        if (!*ret_end)
            rc = save(p, a);
    }
    if (rc != STORE_OK)
        log_error("keys", "envelopes cannot be sealed anew: %s", store_rc_name(rc));
    arena_free(a);
    return rc == STORE_OK ? KEYRING_OK : KEYRING_STORE;
}

static int finish_key(struct keyring *r, struct bytes name, const json_t *target)
{
    int rc = KEYRING_OK;
    pthread_mutex_lock(&r->changing);
    struct kek *k = keyring_copy(r, name);
    bool done = k && k->resealing && !json_integer_value(json_array_get(target, TARGET_LEFT)) &&
                k->n == (uint32_t)json_integer_value(json_array_get(target, TARGET_VERSION));
    if (done) {
        k->resealing = false;
        rc = kek_save(r, k);
    }
    if (done && rc == KEYRING_OK) {
        keyring_swap(r, k->name, k);
        log_info("keys", "key %.*s: %llu envelopes were sealed with version %u", (int)name.n, name.p,
                 (unsigned long long)atomic_load(&k->resealed), k->n);
    } else {
        kek_free(k);
    }
    pthread_mutex_unlock(&r->changing);
    return rc;
}

/* The keys first: a crash in between repeats the end of the pass, which does nothing then. */
static int finish(struct pass *p)
{
    const char *name;
    json_t *t;
    int rc = KEYRING_OK;
    struct arena *a = arena_create(0);
    json_object_foreach(p->targets, name, t)
    {
        int one = finish_key(p->keys, bytes_str(name), t);
        rc = rc == KEYRING_OK ? one : rc;
    }
    if (p->damaged)
        log_error("keys", "%llu envelopes do not open and were left as they are", (unsigned long long)p->damaged);
    if (rc == KEYRING_OK && save(p, a) != STORE_OK)
        rc = KEYRING_STORE;
    arena_free(a);
    return rc;
}

int keyring_reseal(struct keyring *r, uint64_t *ret_moved)
{
    struct pass p = {.keys = r};
    bool end = false;
    pthread_mutex_lock(&r->resealing);
    begin(&p);
    int rc = KEYRING_OK;
    while (rc == KEYRING_OK && !end)
        rc = step(&p, &end);
    if (rc == KEYRING_OK)
        rc = finish(&p);
    *ret_moved = p.moved;
    pass_free(&p);
    pthread_mutex_unlock(&r->resealing);
    return rc;
}

/* ---- in the background ---- */

/* Keys that wait for it and that can be opened; others would be left again. */
static bool wanted(struct keyring *r)
{
    bool any = false;
    pthread_rwlock_rdlock(&r->lock);
    for (size_t i = 0; i < r->n && !any; i++) {
        const struct kek *k = r->keys[i];
        any = k->resealing && !k->disabled;
        for (uint32_t v = 0; v < k->n; v++)
            any = any && k->versions[v].state != VERSION_CLOSED;
    }
    pthread_rwlock_unlock(&r->lock);
    return any;
}

bool keyring_reseal_step(struct keyring *r)
{
    bool end = false;
    if (!wanted(r))
        return false;
    pthread_mutex_lock(&r->resealing);
    struct arena *a = arena_create(0);
    struct pass p = {.keys = r};
    if (!resume(&p, a))
        begin(&p);
    arena_free(a);
    int rc = step(&p, &end);
    if (rc == KEYRING_OK && end)
        rc = finish(&p);
    pass_free(&p);
    pthread_mutex_unlock(&r->resealing);
    r->reseal_failed = rc != KEYRING_OK;
    return rc == KEYRING_OK && (!end || wanted(r));
}

/* ---- deleting a key ---- */

struct uses {
    struct bytes name;
    uint64_t n;
};

static bool count_use(void *arg, uint64_t partition, struct bytes key, struct bytes envelope, struct arena *a,
                      struct bytes *ret_new)
{
    struct uses *u = arg;
    struct sse_info info;
    (void)partition, (void)key, (void)a, (void)ret_new;
    if (!sse_info_read(envelope, &info))
        u->n += envelope.n > 0; /* nobody knows whose it is */
    else
        u->n += info.method != SSE_C && bytes_eq(info.key_id, u->name);
    return false;
}

static int count_uses(struct keyring *r, struct bytes name, uint64_t *ret_uses)
{
    struct uses u = {.name = name};
    struct arena *a = arena_create(0), *other = arena_create(0);
    struct bytes cursor = BYTES_NONE;
    int rc;
    do {
        rc = store_envelopes(r->store, &cursor, BATCH, count_use, &u, a);
        struct arena *used = a; /* the cursor lies in it */
        a = other;
        other = used;
        arena_reset(a);
    } while (rc == STORE_OK && cursor.n);
    arena_free(a);
    arena_free(other);
    *ret_uses = u.n;
    return rc == STORE_OK ? KEYRING_OK : KEYRING_STORE;
}

static int may_go(struct keyring *r, struct bytes name)
{
    pthread_rwlock_rdlock(&r->lock);
    const struct kek *k = keyring_find(r, name);
    int rc = !k ? KEYRING_NO_SUCH_KEY : KEYRING_OK;
    if (k && (!k->disabled || keyring_is_default(name) || atomic_load(&k->sealed_ms) > clock_wall_ms() - REST_MS))
        rc = KEYRING_IN_USE;
    pthread_rwlock_unlock(&r->lock);
    return rc;
}

/*
 * While envelopes are counted, one may move from a place that comes later to one that was passed: an upload becomes an
 * object. So they are counted twice; whoever hides twice would have to be moved twice. An upload of one piece has no
 * envelope in the store until it ends: therefore the key must have rested since it sealed last.
 */
int keyring_delete(struct keyring *r, struct bytes name, uint64_t *ret_uses)
{
    *ret_uses = 0;
    int rc = may_go(r, name);
    for (int round = 0; round < 2 && rc == KEYRING_OK; round++) {
        rc = count_uses(r, name, ret_uses);
        if (rc == KEYRING_OK && *ret_uses)
            rc = KEYRING_IN_USE;
    }
    if (rc != KEYRING_OK)
        return rc;
    struct arena *a = arena_create(0);
    pthread_mutex_lock(&r->changing);
    rc = may_go(r, name); /* nobody enabled it meanwhile */
    if (rc == KEYRING_OK) {
        struct store_doc_change c = {.key = arena_bytesf(a, KEYRING_DOCS "%.*s", (int)name.n, name.p), .put = true};
        rc = store_doc_apply(r->store, &c, 1) == STORE_OK ? KEYRING_OK : KEYRING_STORE;
    }
    if (rc == KEYRING_OK)
        keyring_swap(r, name, NULL);
    pthread_mutex_unlock(&r->changing);
    arena_free(a);
    if (rc == KEYRING_OK)
        log_info("keys", "key %.*s was deleted", (int)name.n, name.p);
    return rc;
}
