/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: the planner finds what is missing, workers carry jobs out, the first thread watches; one bucket after the
 * other. Ending: on the first SIGINT or SIGTERM nothing new is begun and what runs has a few seconds, on the second it
 * is cut off; nothing half-written is ever left under a name.
 * Threads: see transfer.h.
 */
#include "admin/transfer/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/transfer/buckets.h"
#include "admin/transfer/job.h"
#include "admin/transfer/journal.h"
#include "admin/transfer/large.h"
#include "admin/transfer/late.h"
#include "admin/transfer/memory.h"
#include "admin/transfer/plan.h"
#include "admin/transfer/report.h"
#include "admin/transfer/upload.h"
#include "base/clock.h"
#include "http_client.h"

#define WATCH_MS 20

static struct transfer *_Atomic current; /* whom signals end */

static void on_signal(int number)
{
    struct transfer *t = current;
    (void)number;
    if (t)
        t->stop++;
}

/* ---- threads ---- */

static bool line_open(struct line *l, struct transfer *t)
{
    *l = (struct line){.t = t, .http = http_client_session_new(), .arena = arena_create(32 << 10)};
    return l->http != NULL;
}

static void line_close(struct line *l)
{
    http_client_session_free(&l->http);
    arena_free(l->arena);
}

struct crew {
    struct transfer *t;
    _Atomic size_t live;
    bool empty_destination; /* there is none yet, and none is to be made */
};

static void *plan_thread(void *arg)
{
    struct crew *c = arg;
    struct transfer *t = c->t;
    struct line l;
    if (!line_open(&l, t) || !plan_make(&l, c->empty_destination))
        t->broken = true;
    line_close(&l);
    pthread_mutex_lock(&t->lock);
    t->listed_all = true;
    pthread_cond_broadcast(&t->more);
    pthread_mutex_unlock(&t->lock);
    c->live--;
    return NULL;
}

/* The next job; parts of large objects come first. NULL: there will be none. With the lock held. */
static struct job *next_job(struct line *l)
{
    struct transfer *t = l->t;
    for (;;) {
        if (t->stop)
            return NULL;
        if (large_help(l))
            continue;
        struct job *j = plan_next(t);
        if (j)
            return j;
        if (t->listed_all && !t->running)
            return NULL;
        pthread_cond_wait(&t->more, &t->lock);
    }
}

static void *work_thread(void *arg)
{
    struct crew *c = arg;
    struct transfer *t = c->t;
    struct line l;
    bool ready = line_open(&l, t);
    pthread_mutex_lock(&t->lock);
    for (struct job *j; ready && (j = next_job(&l));) {
        t->running++;
        pthread_mutex_unlock(&t->lock);
        job_run(&l, j);
        free(j);
        arena_reset(l.arena);
        pthread_mutex_lock(&t->lock);
        if (--t->running == 0 && t->listed_all)
            pthread_cond_broadcast(&t->more);
    }
    pthread_mutex_unlock(&t->lock);
    line_close(&l);
    c->live--;
    return NULL;
}

static void watch(struct crew *c)
{
    struct transfer *t = c->t;
    while (c->live) {
        nanosleep(&(struct timespec){0, WATCH_MS * 1000000}, NULL);
        if (t->stop) {
            pthread_mutex_lock(&t->lock);
            pthread_cond_broadcast(&t->more);
            pthread_cond_broadcast(&t->room);
            pthread_mutex_unlock(&t->lock);
        }
        report_progress(t, false);
    }
}

static void drop_queue(struct transfer *t)
{
    for (struct job *j; (j = plan_next(t));)
        free(j);
}

static void work(struct transfer *t, bool empty_destination)
{
    pthread_t threads[TRANSFER_WORKERS_MAX + 1];
    struct crew c = {.t = t, .empty_destination = empty_destination};
    size_t n = 0;
    for (; n <= t->o->workers; n++) {
        c.live++;
        if (pthread_create(&threads[n], NULL, n ? work_thread : plan_thread, &c) != 0) {
            c.live--;
            t->broken = n < 2; /* fewer workers will do */
            t->stop = n < 2 ? 2 : t->stop;
            break;
        }
    }
    watch(&c);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    drop_queue(t);
}

/* ---- buckets ---- */

static bool open_source(struct line *l)
{
    struct transfer *t = l->t;
    t->from_fd = t->o->from.folder ? open(t->o->from.folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -1;
    if (t->o->from.folder && t->from_fd < 0)
        report(t, PROBLEM_FAILED, BYTES_NONE, "%s: %s", t->o->from.folder, strerror(errno));
    return !t->o->from.folder || t->from_fd >= 0;
}

static void abort_left(void *line, struct bytes key, const char *upload)
{
    upload_cancel(line, key, upload);
}

static bool open_journal(struct line *l)
{
    struct transfer *t = l->t;
    const struct transfer_options *o = t->o;
    char error[256];
    if (o->to.folder || o->dry_run || o->compare)
        return true;
    const char *from =
        arena_printf(l->arena, "%s %s", place_text(&o->from, l->arena), t->from_bucket ? t->from_bucket : "");
    const char *to = arena_printf(l->arena, "%s %s", place_text(&o->to, l->arena), t->to_bucket ? t->to_bucket : "");
    t->journal = journal_open(o->journal, from, to, error);
    if (!t->journal)
        report(t, PROBLEM_FAILED, BYTES_NONE, "%s", error);
    return t->journal != NULL;
}

static void close_one(struct line *l, uint64_t failed_before, uint64_t copied_before)
{
    struct transfer *t = l->t;
    bool complete = !t->stop && !t->broken && t->counts.failed == failed_before;
    if (complete)
        bucket_configure(l);
    journal_close(t->journal, complete ? abort_left : NULL, l);
    t->journal = NULL;
    if (t->from_fd >= 0)
        close(t->from_fd);
    if (t->to_fd >= 0) {
        /* The names of all files at once: what they name is on disk already. */
        if (t->counts.copied > copied_before && syncfs(t->to_fd) != 0) /* rules: nobody waits for one file */
            report(t, PROBLEM_FAILED, BYTES_NONE, "%s: %s", t->o->to.folder, strerror(errno));
        close(t->to_fd);
    }
    t->from_fd = t->to_fd = -1;
}

static void run_one(struct line *l, const char *from_bucket, const char *to_bucket)
{
    struct transfer *t = l->t;
    uint64_t failed_before = t->counts.failed, copied_before = t->counts.copied;
    bool there = false;
    t->broken = false;
    arena_reset(l->arena);
    t->from_bucket = from_bucket;
    t->to_bucket = to_bucket;
    t->from_fd = t->to_fd = -1;
    t->listed_all = t->no_classes = t->no_conditions = false;
    t->sums = SUMS_UNKNOWN;
    t->to_locks = false;
    if (!open_source(l) || !bucket_prepare(l, &there) || !open_journal(l))
        t->broken = true;
    else {
        late_wait(t);
        work(t, !there);
    }
    close_one(l, failed_before, copied_before);
}

static void run_all(struct line *l)
{
    const char **names;
    struct line own;
    ptrdiff_t n = bucket_names(l, &names);
    l->t->broken = n < 0 || !line_open(&own, l->t);
    if (l->t->broken)
        return;
    for (ptrdiff_t i = 0; i < n && !l->t->stop; i++) {
        bool broken = l->t->broken;
        run_one(&own, names[i], names[i]);
        l->t->broken = l->t->broken || broken;
    }
    line_close(&own);
}

static void catch_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int transfer_run(const struct transfer_options *o)
{
    struct transfer t = {.o = o,
                         .to_prefix = o->to.prefix,
                         .from_fd = -1,
                         .to_fd = -1,
                         .began_ms = clock_mono_ms(),
                         .allowed_at_ms = clock_mono_ms()};
    struct line l;
    int rc = 1;
    t.last = &t.first;
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.more, NULL);
    pthread_cond_init(&t.room, NULL);
    current = &t;
    catch_signals();
    if (line_open(&l, &t)) {
        if (o->all_buckets)
            run_all(&l);
        else
            run_one(&l, o->from.bucket, o->to.bucket);
        rc = report_end(&t);
    }
    current = NULL;
    line_close(&l);
    buffers_free(&t);
    pthread_cond_destroy(&t.more);
    pthread_cond_destroy(&t.room);
    pthread_mutex_destroy(&t.lock);
    return rc;
}
