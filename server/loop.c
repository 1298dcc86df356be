/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event loops. The mailbox is a lock-free stack that the loop takes whole and turns round; only the post that finds it
 * empty writes to the eventfd, so a batch of completions costs one wake-up.
 * Invariant: a message's memory belongs to the loop from loop_post until its handle is called.
 */
#include "server/loop.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "server/conn.h"
#include "server/cors.h"

struct loop_private {
    _Atomic(struct loop_msg *) inbox;
    int wake_fd;
    struct event *wake, *tick;
    pthread_t thread;
    bool running;
};

static void drain_inbox(struct loop *l)
{
    struct loop_msg *newest = atomic_exchange_explicit(&l->priv->inbox, NULL, memory_order_acquire), *in_order = NULL;
    while (newest) {
        struct loop_msg *m = newest;
        newest = m->next;
        m->next = in_order;
        in_order = m;
    }
    while (in_order) {
        struct loop_msg *m = in_order;
        in_order = m->next;
        m->handle(m);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    uint64_t count;
    (void)what;
    ssize_t n = read(fd, &count, sizeof count); /* only resets the counter */
    (void)n;
    l->now_ms = clock_mono_ms();
    drain_inbox(l);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    (void)fd;
    (void)what;
    l->now_ms = clock_mono_ms();
    atomic_store_explicit(&l->cpu_ns, clock_own_cpu_ns(), memory_order_relaxed);
    conn_tick_all(l);
}

struct loop *loop_create(struct server *s, unsigned number)
{
    struct loop *l = xcalloc(1, sizeof *l);
    l->priv = xcalloc(1, sizeof *l->priv);
    l->server = s;
    l->number = number;
    l->scratch = xmalloc(CONN_SPAN_MAX);
    struct event_config *cfg = event_config_new();
    CHECK(cfg);
    event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK); /* one thread; others go through the mailbox */
    l->base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    CHECK(l->base);
    l->priv->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(l->priv->wake_fd >= 0);
    l->priv->wake = event_new(l->base, l->priv->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    l->priv->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
    CHECK(l->priv->wake && l->priv->tick);
    event_add(l->priv->wake, NULL);
    struct timeval period = {.tv_sec = LOOP_TICK_MS / 1000, .tv_usec = LOOP_TICK_MS % 1000 * 1000};
    event_add(l->priv->tick, &period);
    l->now_ms = clock_mono_ms();
    return l;
}

static void *run(void *arg)
{
    struct loop *l = arg;
    event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

void loop_start(struct loop *l)
{
    CHECK(pthread_create(&l->priv->thread, NULL, run, l) == 0);
    l->priv->running = true;
}

void loop_post(struct loop *l, struct loop_msg *m)
{
    struct loop_private *p = l->priv;
    struct loop_msg *old = atomic_load_explicit(&p->inbox, memory_order_relaxed);
    do
        m->next = old;
    while (!atomic_compare_exchange_weak_explicit(&p->inbox, &old, m, memory_order_release, memory_order_relaxed));
    if (!old) {
        uint64_t one = 1;
        ssize_t n = write(p->wake_fd, &one, sizeof one); /* cannot fail but by overflow, which is awake enough */
        (void)n;
    }
}

struct loop_stop {
    struct loop_msg msg;
    struct loop *loop;
};

static void stop_now(struct loop_msg *m)
{
    struct loop_stop *s = (struct loop_stop *)m;
    event_base_loopbreak(s->loop->base);
    free(s);
}

void loop_stop(struct loop *l)
{
    struct loop_stop *s = xcalloc(1, sizeof *s);
    s->msg.handle = stop_now;
    s->loop = l;
    loop_post(l, &s->msg);
}

void loop_join(struct loop *l)
{
    if (l->priv->running)
        pthread_join(l->priv->thread, NULL);
    l->priv->running = false;
}

void loop_finish(struct loop *l)
{
    drain_inbox(l);
    conn_close_all(l);
}

void loop_free(struct loop **ll)
{
    struct loop *l = *ll;
    if (!l)
        return;
    event_free(l->priv->wake);
    event_free(l->priv->tick);
    close(l->priv->wake_fd);
    event_base_free(l->base);
    while (l->buffers) {
        struct body_buffer *b = l->buffers;
        l->buffers = b->next;
        free(b);
    }
    while (l->n_arenas)
        arena_free(l->arenas[--l->n_arenas]);
    free(l->scratch);
    cors_cache_free(&l->cors);
    free(l->priv);
    free(l);
    *ll = NULL;
}
