/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The background: makes the default keys, asks the key service for what it could not open yet, and goes on with sealing
 * envelopes anew.
 *
 * An outage of the key service costs nothing that is open already. What is closed is asked for again, at first after a
 * second, then ever more rarely; a round ends after a few failures in a row, so that a service that lets every request
 * wait does not hold this thread for hours. One line of the log says that it is away, one that it is back.
 * Threads: one of its own; keyring_open runs the first round before it.
 */
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "key_service.h"
#include "storage/keyring_in.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS  60000
#define FAILURES_MAX   3
#define PACE_MOST_MS   1000

struct closed {
    struct bytes name;
    uint32_t number;
    struct kek_version version; /* texts alone */
};

/* What the service that is set might open. */
static size_t find_closed(struct keyring *r, struct arena *a, struct closed **ret)
{
    size_t n = 0, room = 0;
    pthread_rwlock_rdlock(&r->lock);
    for (size_t i = 0; i < r->n; i++)
        room += r->keys[i]->n;
    *ret = arena_new_array(a, struct closed, room + 1);
    for (size_t i = 0; i < r->n; i++)
        for (uint32_t v = r->keys[i]->n; v-- > 0;) { /* the one that seals comes first */
            const struct kek *k = r->keys[i];
            const struct kek_version *from = &k->versions[v];
            if (from->state != VERSION_CLOSED || !r->service || !bytes_eq_str(from->by, r->service->name))
                continue;
            struct kek_version copy = {.sealed = bytes_dup(a, from->sealed),
                                       .by = bytes_dup(a, from->by),
                                       .wrapped = bytes_dup(a, from->wrapped)};
            (*ret)[n++] = (struct closed){bytes_dup(a, k->name), v + 1, copy};
        }
    pthread_rwlock_unlock(&r->lock);
    return n;
}

/* Unless the key was deleted meanwhile, and perhaps made anew. */
static void install(struct keyring *r, const struct closed *c, enum version_state state, const struct kek_key *key)
{
    pthread_mutex_lock(&r->changing); /* nobody has a copy in which it is closed, to put it in this one's place */
    pthread_rwlock_wrlock(&r->lock);
    struct kek *k = keyring_find(r, c->name);
    struct kek_version *v = k && c->number <= k->n ? &k->versions[c->number - 1] : NULL;
    if (v && v->state == VERSION_CLOSED && bytes_eq(v->sealed, c->version.sealed)) {
        v->state = state;
        if (state == VERSION_OPEN)
            v->key = *key;
    }
    pthread_rwlock_unlock(&r->lock);
    pthread_mutex_unlock(&r->changing);
}

static bool stopping(struct keyring *r)
{
    pthread_mutex_lock(&r->sleep_mutex);
    bool stop = r->stop;
    pthread_mutex_unlock(&r->sleep_mutex);
    return stop;
}

/* How many are still closed; *error: of the last failure. */
static size_t open_round(struct keyring *r, unsigned failures_max, char error[256])
{
    struct arena *a = arena_create(0);
    struct closed *closed;
    struct kek_key key;
    size_t n = find_closed(r, a, &closed), left = n;
    for (size_t i = 0, failures = 0; i < n && failures < failures_max && !stopping(r); i++) {
        const struct closed *c = &closed[i];
        enum version_state state = kek_open_by_service(r, c->name, c->number, &c->version, &key, error);
        failures = state == VERSION_CLOSED ? failures + 1 : 0;
        left -= state != VERSION_CLOSED;
        if (state != VERSION_CLOSED)
            install(r, c, state, &key);
        if (state == VERSION_DAMAGED)
            log_error("keys", "version %u of key %.*s is damaged: %s", c->number, (int)c->name.n, c->name.p, error);
        kek_key_wipe(&key);
    }
    arena_free(a);
    return left;
}

static size_t make_defaults(struct keyring *r, char error[256])
{
    static const char *const names[] = {KEYRING_S3_KEY, KEYRING_KMS_DEFAULT};
    size_t missing = 0;
    for (size_t i = 0; i < ARRAY_LEN(names) && (r->master || r->service) && !missing; i++) {
        pthread_rwlock_rdlock(&r->lock);
        bool there = keyring_find(r, bytes_str(names[i])) != NULL;
        pthread_rwlock_unlock(&r->lock);
        if (!there)
            missing += keyring_make(r, bytes_str(names[i]), error) != KEYRING_OK;
    }
    return missing;
}

void keyring_open_closed(struct keyring *r, unsigned failures_max)
{
    char error[256] = "";
    size_t left = make_defaults(r, error);
    left += open_round(r, failures_max, error);
    if (left && !r->complained)
        log_error("keys", "keys are not available and are asked for again and again: %s", error);
    else if (!left && r->complained)
        log_info("keys", "the keys are available again");
    r->complained = left > 0;
    r->retry_ms = !left ? 0 : !r->retry_ms ? RETRY_FIRST_MS : 2 * r->retry_ms;
    if (r->retry_ms > RETRY_MOST_MS)
        r->retry_ms = RETRY_MOST_MS;
    r->ask_at_ms = clock_mono_ms() + r->retry_ms;
}

bool keyring_work(struct keyring *r)
{
    if (clock_mono_ms() >= r->ask_at_ms)
        keyring_open_closed(r, FAILURES_MAX);
    return keyring_reseal_step(r);
}

/* ---- the thread ---- */

/* Until it is woken, or after that time; 0: for as long as it takes. */
static void sleep_for(struct keyring *r, int64_t ms)
{
    struct timespec until = clock_in_ms(ms);
    pthread_mutex_lock(&r->sleep_mutex);
    for (int rc = 0; !r->stop && !r->woken && rc == 0;)
        rc = ms ? pthread_cond_timedwait(&r->sleep_cond, &r->sleep_mutex, &until)
                : pthread_cond_wait(&r->sleep_cond, &r->sleep_mutex);
    r->woken = false;
    pthread_mutex_unlock(&r->sleep_mutex);
}

static void *work(void *arg)
{
    struct keyring *r = arg;
    while (!stopping(r)) {
        int64_t from = clock_mono_ms();
        bool more = keyring_work(r);
        int64_t took = clock_mono_ms() - from;
        if (more)
            sleep_for(r, took < PACE_MOST_MS ? took + 1 : PACE_MOST_MS); /* half of the time is for requests */
        else if (r->reseal_failed && (!r->retry_ms || r->retry_ms > RETRY_MOST_MS))
            sleep_for(r, RETRY_MOST_MS);
        else
            sleep_for(r, r->retry_ms);
    }
    return NULL;
}

bool keyring_start(struct keyring *r)
{
    r->background = pthread_create(&r->thread, NULL, work, r) == 0;
    return r->background;
}

static void signal_thread(struct keyring *r, bool stop)
{
    pthread_mutex_lock(&r->sleep_mutex);
    r->stop = r->stop || stop;
    r->woken = true;
    pthread_cond_signal(&r->sleep_cond);
    pthread_mutex_unlock(&r->sleep_mutex);
}

void keyring_wake(struct keyring *r)
{
    signal_thread(r, false);
}

void keyring_stop(struct keyring *r)
{
    signal_thread(r, true);
    if (r->background)
        pthread_join(r->thread, NULL);
    r->background = false;
}
