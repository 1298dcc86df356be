/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event loops: threads with a libevent base and a mailbox each. A connection lives on one loop for life, so its state
 * needs no lock. Threads: loop_post from any thread; everything else on the loop's own, or before it runs.
 */
#ifndef PAIL_SERVER_LOOP_H
#define PAIL_SERVER_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cors_cache;
struct event_base;
struct loop;
struct server;
struct conn;
struct body_buffer;
struct arena;

struct loop_msg {                      /* embedded in its owner; in at most one mailbox at a time */
    void (*handle)(struct loop_msg *); /* on the loop's thread */
    struct loop_msg *next;
};

#define LOOP_SPARE_ARENAS 32
#define LOOP_TICK_MS      500 /* how often deadlines are looked at */

struct loop {
    struct event_base *base;
    struct server *server;
    unsigned number;
    struct conn *conns; /* list of all connections of this loop */
    _Atomic unsigned n_conns;
    _Atomic uint64_t cpu_ns;     /* that its thread has used, at the last tick */
    int64_t now_ms;              /* monotonic, at the last wake-up or tick */
    struct body_buffer *buffers; /* spare ones, a list */
    unsigned n_buffers;
    struct arena *arenas[LOOP_SPARE_ARENAS]; /* of requests that ended, for the next ones */
    unsigned n_arenas;
    char *scratch;           /* CONN_SPAN_MAX bytes: a piece of an object on its way out */
    struct cors_cache *cors; /* server/cors.h; NULL until it is needed */
    struct loop_private *priv;
};

struct loop *loop_create(struct server *, unsigned number);
void loop_start(struct loop *); /* a thread of its own */
void loop_post(struct loop *, struct loop_msg *);
void loop_stop(struct loop *); /* from any thread: leave after the present round */
void loop_join(struct loop *);
/* After loop_join, from the one thread that is left: handles what still arrives and closes what is not busy. */
void loop_finish(struct loop *);
void loop_free(struct loop **);

#endif
