/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring between those who log and standard error. Idea: logging is a copy under a lock that nobody holds while
 * waiting for anything; one thread takes lines out, as many as fit into one write that a pipe takes whole, and is the
 * only one that a stalled reader stops. It gathers for a moment before it writes, so that a busy server wakes it a few
 * hundred times a second and not once a line.
 *
 * Invariants: the ring holds whole lines (but for a line longer than a write, whose rest follows at once). Lines that
 * may be dropped leave RING_SPARE bytes to those that may not. Lines keep their order; the notice of dropped ones
 * stands where they are missing. After fork the child has no writer and an empty ring. Threads: any may put; start and
 * stop are for one.
 */
#include "storage/base/log_ring.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define RING_BYTES   (1024 * 1024) /* lines that wait for the reader of standard error */
#define RING_SPARE   (256 * 1024)  /* of these: for errors and whatever else is not the line of one request */
#define GATHER_MS    5             /* how long a line waits for company */
#define GATHER_BYTES (64 * 1024)   /* company enough */
#define STALL_MS     100           /* how often a writer whose reader stalls looks whether it should end */
#define FLUSH_MS     2000          /* what a reader is waited for at exit */
#define STUCK_MS     500           /* more, for a writer that hangs in the kernel */
#define STACK_BYTES  (256 * 1024)

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the writer waits: for lines */
    pthread_cond_t done; /* others wait: for the writer to be through */
    pthread_t thread;
    log_notice_f *notice;
    _Atomic bool running;
    bool idle, gathering, urgent; /* the writer waits for a line; for more; there is one that should not wait */
    bool writing, stopping, ended;
    bool dropping; /* until the ring is half empty: not one line here and one there */
    bool broken;   /* the last write failed */
    uint64_t dropped;
    _Atomic int64_t stop_by_ms; /* 0, or when the writer gives up */
    size_t at, used;
    char data[RING_BYTES];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the ring; all under the lock ---- */

static void append(struct bytes s)
{
    size_t end = (ring.at + ring.used) % RING_BYTES, first = RING_BYTES - end;
    if (first > s.n)
        first = s.n;
    memcpy(ring.data + end, s.p, first);
    memcpy(ring.data, s.p + first, s.n - first);
    ring.used += s.n;
}

/* Whole lines, up to `max` bytes, or a piece of a line that is longer than that. */
static size_t take(char *to, size_t max)
{
    size_t n = ring.used < max ? ring.used : max, first = RING_BYTES - ring.at;
    if (first > n)
        first = n;
    memcpy(to, ring.data + ring.at, first);
    memcpy(to + first, ring.data, n - first);
    const char *last = memrchr(to, '\n', n);
    if (last)
        n = (size_t)(last - to) + 1;
    ring.used -= n;
    ring.at = ring.used ? (ring.at + n) % RING_BYTES : 0; /* a ring that runs empty stays in its first pages */
    return n;
}

static void say_dropped(void)
{
    if (ring.dropped == 0 || ring.dropping || ring.broken)
        return;
    struct buf line;
    buf_init(&line, 1024);
    ring.notice(&line, ring.dropped);
    if (ring.used + line.n <= RING_BYTES) {
        append(buf_bytes(&line));
        ring.dropped = 0;
    }
    buf_fini(&line);
}

bool log_ring_put(struct bytes line, bool may_drop)
{
    if (!atomic_load_explicit(&ring.running, memory_order_acquire))
        return false;
    pthread_mutex_lock(&ring.lock);
    if (!ring.running) {
        pthread_mutex_unlock(&ring.lock);
        return false;
    }
    if (ring.used <= RING_BYTES / 2)
        ring.dropping = false;
    say_dropped();
    bool room = ring.used + line.n <= RING_BYTES - (may_drop ? RING_SPARE : 0);
    if (room && !(may_drop && ring.dropping)) {
        append(line);
    } else {
        ring.dropped++;
        ring.dropping = true;
    }
    ring.urgent |= !may_drop;
    if (ring.idle || (ring.gathering && (ring.urgent || ring.used >= GATHER_BYTES))) {
        ring.idle = ring.gathering = false;
        pthread_cond_signal(&ring.wake);
    }
    pthread_mutex_unlock(&ring.lock);
    return true;
}

/* ---- the writer ---- */

static bool time_is_up(void)
{
    int64_t by = atomic_load(&ring.stop_by_ms);
    return by && clock_mono_ms() >= by;
}

/* Waits for lines, and for a few more when it had to wait. False: it is over. */
static bool wait_for_lines(void)
{
    bool waited = false;
    while (ring.used == 0 && !ring.stopping) {
        pthread_cond_broadcast(&ring.done);
        ring.idle = waited = true;
        pthread_cond_wait(&ring.wake, &ring.lock);
    }
    ring.idle = false;
    if (waited && !ring.urgent && !ring.stopping) {
        struct timespec until = clock_in_ms(GATHER_MS);
        ring.gathering = true;
        while (ring.gathering && pthread_cond_timedwait(&ring.wake, &ring.lock, &until) == 0)
            ;
        ring.gathering = false;
    }
    ring.urgent = false;
    return ring.used > 0 && !time_is_up();
}

/*
 * poll first: a pipe that is ready takes PIPE_BUF bytes at once, so the thread waits where it can be told to end, and
 * standard error may be non-blocking.
 */
static bool write_out(const char *p, size_t n)
{
    while (n) {
        struct pollfd stderr_ready = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&stderr_ready, 1, STALL_MS) == 0) {
            if (time_is_up())
                return false;
            continue;
        }
        ssize_t put = write(STDERR_FILENO, p, n);
        if (put < 0 && errno == EAGAIN) {
            usleep(1000); /* somebody else was faster */
            continue;
        }
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        }
    }
    return true;
}

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += p[i] == '\n';
    return lines;
}

static void *writer(void *arg)
{
    char piece[PIPE_BUF];
    (void)arg;
    pthread_mutex_lock(&ring.lock);
    while (wait_for_lines()) {
        size_t n = take(piece, sizeof piece);
        ring.writing = true;
        pthread_mutex_unlock(&ring.lock);
        bool ok = write_out(piece, n);
        pthread_mutex_lock(&ring.lock);
        ring.writing = false;
        ring.broken = !ok;
        if (!ok)
            ring.dropped += count_lines(piece, n);
        if (ring.used == 0) {
            ring.dropping = false;
            say_dropped();
        }
    }
    ring.ended = true;
    pthread_cond_broadcast(&ring.done);
    pthread_mutex_unlock(&ring.lock);
    return NULL;
}

/* ---- start and stop ---- */

static void before_fork(void)
{
    pthread_mutex_lock(&ring.lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&ring.lock);
}

/* The writer stayed with the parent, and so do the lines that wait. */
static void in_child(void)
{
    ring.running = false;
    ring.used = ring.at = 0;
    ring.dropped = 0;
    pthread_mutex_unlock(&ring.lock);
}

static void prepare_once(void)
{
    clock_cond_init(&ring.wake);
    clock_cond_init(&ring.done);
    pthread_atfork(before_fork, after_fork, in_child);
}

/* Signals are for others: none may interrupt a write. */
static bool start_thread(void)
{
    sigset_t all, old;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    bool ok = pthread_create(&ring.thread, &attr, writer, NULL) == 0;
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

bool log_ring_start(log_notice_f *notice)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_once);
    pthread_mutex_lock(&ring.lock);
    ring.notice = notice;
    ring.idle = ring.gathering = ring.urgent = ring.writing = ring.stopping = ring.ended = false;
    ring.dropping = ring.broken = false;
    atomic_store(&ring.stop_by_ms, 0);
    bool ok = start_thread();
    atomic_store_explicit(&ring.running, ok, memory_order_release);
    pthread_mutex_unlock(&ring.lock);
    return ok;
}

void log_ring_stop(void)
{
    pthread_mutex_lock(&ring.lock);
    if (!ring.running) {
        pthread_mutex_unlock(&ring.lock);
        return;
    }
    struct timespec until = clock_in_ms(FLUSH_MS + STUCK_MS);
    atomic_store(&ring.stop_by_ms, clock_mono_ms() + FLUSH_MS);
    ring.stopping = true;
    pthread_cond_signal(&ring.wake);
    while (!ring.ended && pthread_cond_timedwait(&ring.done, &ring.lock, &until) == 0)
        ;
    bool ended = ring.ended;
    ring.running = false;
    pthread_mutex_unlock(&ring.lock);
    if (ended)
        pthread_join(ring.thread, NULL);
    else
        pthread_detach(ring.thread);
}

void log_ring_flush(void)
{
    pthread_mutex_lock(&ring.lock);
    if (ring.running && !pthread_equal(ring.thread, pthread_self())) {
        struct timespec until = clock_in_ms(FLUSH_MS);
        while ((ring.used || ring.writing) && pthread_cond_timedwait(&ring.done, &ring.lock, &until) == 0)
            ;
    }
    pthread_mutex_unlock(&ring.lock);
}
