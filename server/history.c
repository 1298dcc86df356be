/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples and their file, see history.h. The mutex guards the rings; sampling and writing happen outside of it.
 * Invariant: the file is always a whole one, since it is written beside and renamed.
 */
#include "server/history.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/metrics.h"
#include "server/ops.h"
#include "server/process.h"
#include "server/server.h"
#include "server/usage.h"

#define PATH_BYTES 4200
#define USAGE_MS   60000 /* how often all buckets are added up */

struct history {
    struct server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    struct history_rings *rings;
    char path[PATH_BYTES], beside[PATH_BYTES + 8];
    int64_t saved_ms, usage_ms; /* monotonic */
    double objects, bytes;
    bool failed; /* the last saving */
};

/* ---- samples ---- */

static void sample_requests(struct server *s, struct arena *a, struct history_sample *ret)
{
    const struct metrics_sum *sum = metrics_collect(s, a);
    for (size_t i = 0; i < sum->n_ops; i++) {
        const struct metrics_op_sum *o = &sum->ops[i];
        if (o->op && o->op->level == ON_OWN)
            continue;
        ret->v[HISTORY_REQUESTS] += (double)o->ended;
        ret->v[HISTORY_ERRORS_4XX] += (double)o->errors4;
        ret->v[HISTORY_ERRORS_5XX] += (double)o->errors5;
        ret->v[HISTORY_CANCELED] += (double)o->canceled;
        ret->v[HISTORY_BYTES_IN] += (double)o->in;
        ret->v[HISTORY_BYTES_OUT] += (double)o->out;
        ret->latency.sum_ns += o->whole.sum_ns;
        for (size_t k = 0; k <= HISTOGRAM_BOUNDS; k++)
            ret->latency.n[k] += o->whole.n[k];
    }
}

static void sample(struct history *h, struct history_sample *ret)
{
    struct server *s = h->server;
    struct arena *a = arena_create(0);
    struct process_stats process;
    struct usage usage;
    uint64_t available, total;
    *ret = (struct history_sample){.wall_ms = clock_wall_ms(), .mono_ms = clock_mono_ms()};
    sample_requests(s, a, ret);
    if ((!h->usage_ms || ret->mono_ms - h->usage_ms >= USAGE_MS - HISTORY_FINE_MS / 2) &&
        usage_collect(s->store, 0, a, &usage) == STORE_OK) {
        h->usage_ms = ret->mono_ms;
        h->objects = (double)usage.all.objects;
        h->bytes = (double)usage.all.bytes;
    }
    process_stats(&process);
    store_space(s->store, &available, &total);
    ret->v[HISTORY_CPU] = process.cpu_seconds;
    ret->v[HISTORY_OBJECTS] = h->objects;
    ret->v[HISTORY_BYTES_STORED] = h->bytes;
    ret->v[HISTORY_DISK_FREE] = (double)available;
    ret->v[HISTORY_DISK_TOTAL] = (double)total;
    ret->v[HISTORY_MEMORY] = (double)process.resident_bytes;
    ret->v[HISTORY_CONNECTIONS] = (double)atomic_load(&s->n_conns);
    arena_free(a);
}

/* ---- the file ---- */

static bool write_all(int fd, struct bytes text)
{
    for (size_t at = 0; at < text.n;) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return fsync(fd) == 0;
}

static void save(struct history *h)
{
    struct buf text;
    buf_init(&text, HISTORY_FILE_MAX);
    pthread_mutex_lock(&h->lock);
    history_rings_encode(h->rings, &text);
    pthread_mutex_unlock(&h->lock);
    int fd = open(h->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write_all(fd, buf_bytes(&text));
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (good && rename(h->beside, h->path) != 0) {
        good = false;
        why = errno;
    }
    if (!good) {
        (void)unlink(h->beside);
        if (!h->failed) /* a full disk: said once */
            log_warn("history", "%s cannot be written: %s", h->path, strerror(why));
    }
    h->failed = !good;
    h->saved_ms = clock_mono_ms();
    buf_fini(&text);
}

static void load(struct history *h)
{
    int fd = open(h->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (errno != ENOENT)
            log_warn("history", "%s cannot be read: %s; the charts begin anew", h->path, strerror(errno));
        return;
    }
    char *text = xmalloc(HISTORY_FILE_MAX);
    size_t n = 0;
    ssize_t got = 1;
    while (n < HISTORY_FILE_MAX && (got = read(fd, text + n, HISTORY_FILE_MAX - n)) > 0)
        n += (size_t)got;
    close(fd);
    if (got < 0 || !history_rings_decode(h->rings, bytes_of(text, n)))
        log_warn("history", "%s is damaged; the charts begin anew", h->path);
    free(text);
}

/* ---- the thread ---- */

/* To the next step of the wall clock, so that rows are of whole ones; no longer than one, however it jumps. */
static void wait_for_step(struct history *h)
{
    struct timespec until;
    int64_t ms = HISTORY_FINE_MS - clock_wall_ms() % HISTORY_FINE_MS;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int rc = 0;
    while (!h->stop && rc == 0)
        rc = pthread_cond_timedwait(&h->wake, &h->lock, &until);
}

static void *run(void *arg)
{
    struct history *h = arg;
    struct history_sample s;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        bool last = h->stop;
        pthread_mutex_unlock(&h->lock);
        sample(h, &s);
        pthread_mutex_lock(&h->lock);
        history_rings_add(h->rings, &s);
        if (last)
            break;
        if (s.mono_ms - h->saved_ms >= HISTORY_SAVE_MS) {
            pthread_mutex_unlock(&h->lock);
            save(h);
            pthread_mutex_lock(&h->lock);
        }
        wait_for_step(h);
    }
    history_rings_end(h->rings);
    pthread_mutex_unlock(&h->lock);
    save(h);
    return NULL;
}

static void let_go(struct history *h)
{
    history_rings_free(&h->rings);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

struct history *history_open(struct server *s, const char *data_dir)
{
    struct history *h = xcalloc(1, sizeof *h);
    pthread_condattr_t monotonic;
    h->server = s;
    h->rings = history_rings_create();
    h->saved_ms = clock_mono_ms();
    snprintf(h->path, sizeof h->path, "%s/" HISTORY_FILE, data_dir);
    snprintf(h->beside, sizeof h->beside, "%s.new", h->path);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    load(h);
    if (pthread_create(&h->thread, NULL, run, h) == 0)
        return h;
    let_go(h);
    return NULL;
}

void history_close(struct history **ph)
{
    struct history *h = *ph;
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    let_go(h);
    *ph = NULL;
}

bool history_get(struct history *h, struct bytes range, struct history_view *ret)
{
    pthread_mutex_lock(&h->lock);
    bool found = history_rings_view(h->rings, range, clock_wall_ms(), ret);
    pthread_mutex_unlock(&h->lock);
    return found;
}
