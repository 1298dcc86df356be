/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection machine: accept, handshake, head, body, wait, respond, linger, close. One request at a time; pipelined
 * ones wait in the input buffer.
 * Threads: a connection belongs to its loop. While a job works for it (c->busy), the loop leaves the request alone.
 */
#ifndef PAIL_SERVER_CONN_H
#define PAIL_SERVER_CONN_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "server/http/chunked.h"
#include "server/loop.h"
#include "server/pool.h"
#include "store.h"

struct event;
struct req;
struct ssl_st;

#define CONN_ARENA_FIRST   (16 * 1024)   /* a request's memory; more is added and taken away again */
#define CONN_IN_FIRST      4096          /* first size of the input buffer */
#define CONN_BODY_BUFFER   (256 * 1024)  /* one of the two buffers of an upload */
#define CONN_SMALL_BODY    (20 * 1024)   /* wire bytes of a body that is taken on the loop, without a worker */
#define CONN_SPAN_MAX      (256 * 1024)  /* bytes verified and sent in one step of a download */
#define CONN_TURN_MAX      (1024 * 1024) /* bytes moved for one connection before others have their turn */
#define CONN_TURN_REQUESTS 64            /* pipelined requests answered before others have their turn */
#define CONN_LINGER_MS     2000          /* discarding input after the last reply, so that the client can read it */
#define CONN_LINGER_BYTES  (16 * 1024 * 1024) /* more than the parts of 8 MiB that many clients send */
#define CONN_SPARE_BUFFERS 16                 /* body buffers a loop keeps for the next upload */

#define CONN_STATES(X)                                                                                                 \
    X(HANDSHAKE, "handshake")                                                                                          \
    X(HEAD, "head")                                                                                                    \
    X(BODY, "body")                                                                                                    \
    X(WAIT, "wait")                                                                                                    \
    X(RESPOND, "respond")                                                                                              \
    X(LINGER, "linger")                                                                                                \
    X(CLOSED, "closed")

enum conn_state {
#define X(name, text) CONN_##name,
    CONN_STATES(X)
#undef X
};

const char *conn_state_name(enum conn_state);

struct body_buffer {
    struct body_buffer *next;
    size_t n;
    char data[CONN_BODY_BUFFER];
};

struct conn {
    struct loop *loop;
    struct conn *next, **prev; /* the loop's list */
    struct event *ev_read, *ev_write;
    struct ssl_st *ssl; /* NULL: plain */
    int fd;
    enum conn_state state;
    bool reading, writing; /* events that are active */
    bool busy;             /* a job or commit works for this connection: it must not be freed */
    bool dead;             /* close as soon as it is no longer busy */
    bool peer_eof;
    bool running;           /* conn_run is on the stack */
    bool tls_unsent;        /* TLS has something of its own to send before it reads on */
    unsigned turn_requests; /* answered since the loop came to this connection */
    struct sockaddr_storage peer;
    char peer_text[56];
    struct bytes peer_name; /* peer_text */
    struct bytes interim;   /* what the socket did not take of "100 Continue": it goes ahead of the reply */
    bool peer_loopback;
    bool console; /* it came by the listener of the web console: server/console.h */

    /* Input: [0, in_n) received; the present request's head is [0, head_len), body bytes follow from in_at on. */
    char *in;
    size_t in_n, in_cap, in_at;

    struct req *req;
    struct arena *arena; /* of the request */

    /* Request body (conn_body.c) */
    uint64_t body_left; /* with Content-Length: bytes still to come */
    bool body_chunked, body_done, body_malformed;
    struct chunked *chunked;
    char *small; /* body taken on the loop */
    size_t small_n, small_cap;
    char *raw; /* chunked: wire bytes before decoding */
    size_t raw_n, raw_at;
    struct body_buffer *fill, *work; /* one filled by the loop while a worker has the other */
    bool work_last;
    uint64_t body_received;

    /* Reply (conn_send.c) */
    struct buf out; /* head of the reply */
    size_t out_at;
    struct bytes tail; /* document or inline object after the head */
    size_t tail_at;
    struct bytes piece;       /* verified bytes of the object, not sent yet */
    struct body_buffer *kept; /* where they lie, unless in the loop's scratch buffer */
    uint64_t sent;
    uint64_t object_left; /* bytes of the object still to be sent */
    bool close_after;

    struct pool_job job;
    struct loop_msg msg;
    int job_rc;

    int64_t deadline_ms; /* monotonic; 0: none */
    int64_t transfer_from_ms, progress_ms;
    uint64_t transfer_bytes, linger_left;
};

/* A new socket for this loop; it takes the descriptor over. On the loop's thread. */
void conn_start(struct loop *, int fd, const struct sockaddr_storage *peer, bool console);
void conn_tick_all(struct loop *);
/* Drain: connections between requests close now, others, also those with a request in their socket, after their reply.
 * On the loop's thread. */
void conn_drain_all(struct loop *);
/* Closes every connection; those that are busy when their work ends. On the loop's thread. */
void conn_close_all(struct loop *);

/* For the request's steps, all on the loop: */
void conn_run(struct conn *);        /* go on after something changed */
void conn_respond(struct conn *);    /* the reply in c->req is complete: send it */
void conn_continue(struct conn *);   /* "100 Continue", if it was asked for */
void conn_begin_body(struct conn *); /* admitted: take the body in */
/* A worker for this request; state becomes WAIT. */
void conn_job(struct conn *, void (*run)(struct pool_job *), bool must);
void conn_post_done(struct conn *, void (*handle)(struct loop_msg *)); /* from any thread: back to the loop */
static inline struct conn *conn_of_job(struct pool_job *j)
{
    return (struct conn *)((char *)j - offsetof(struct conn, job));
}
static inline struct conn *conn_of_msg(struct loop_msg *m)
{
    return (struct conn *)((char *)m - offsetof(struct conn, msg));
}

/* Within the connection's files: */
ssize_t conn_recv(struct conn *, void *p, size_t n); /* bytes; 0 at the end; -EAGAIN; -1 broken */
ssize_t conn_writev(struct conn *, const struct iovec *, int n, bool more);
void conn_want_read(struct conn *, bool on);
void conn_want_write(struct conn *, bool on);
void conn_progress(struct conn *, size_t bytes);
void conn_transfer_begin(struct conn *);
void conn_close(struct conn *);
struct body_buffer *conn_take_buffer(struct loop *);         /* a loop keeps a few to spare */
void conn_give_buffer(struct loop *, struct body_buffer **); /* accepts NULL inside */
bool conn_body_run(struct conn *);                           /* true: the state changed */
bool conn_respond_run(struct conn *);
void conn_trace_tick(struct conn *); /* of a reply without an end */
void conn_request_done(struct conn *);
void conn_body_release(struct conn *);
void conn_send_release(struct conn *);

#endif
