/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a request body in. Two ways: a small body is gathered in the request's arena and handed over whole on the
 * loop; anything else goes through two buffers of CONN_BODY_BUFFER bytes, one filled from the socket while a worker
 * hashes and writes the other. When both are full the socket is not read: back-pressure reaches the client through TCP.
 *
 * Invariant: at most one job works for a connection; c->work is its buffer and is not touched by the loop meanwhile.
 * Threads: the loop's, but for feed_job.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/conn.h"
#include "server/req.h"

#define RAW_BYTES   (16 * 1024) /* of Transfer-Encoding: chunked, before decoding */
#define WORTH_A_JOB (64 * 1024) /* do not wake a worker for less, unless the body is over */

struct body_buffer *conn_take_buffer(struct loop *l)
{
    struct body_buffer *b = l->buffers;
    if (b) {
        l->buffers = b->next;
        l->n_buffers--;
    } else {
        b = xmalloc(sizeof *b);
    }
    b->n = 0;
    return b;
}

void conn_give_buffer(struct loop *l, struct body_buffer **bb)
{
    struct body_buffer *b = *bb;
    *bb = NULL;
    if (!b)
        return;
    if (l->n_buffers >= CONN_SPARE_BUFFERS) {
        free(b);
        return;
    }
    b->next = l->buffers;
    l->buffers = b;
    l->n_buffers++;
}

void conn_body_release(struct conn *c)
{
    conn_give_buffer(c->loop, &c->fill);
    conn_give_buffer(c->loop, &c->work);
    c->small = NULL;
    c->small_n = c->small_cap = 0;
    c->chunked = NULL;
    c->raw = NULL;
    c->raw_n = c->raw_at = 0;
    c->body_done = c->body_malformed = false;
    c->body_received = 0;
}

void conn_begin_body(struct conn *c)
{
    const struct http_head *h = &c->req->head;
    c->body_left = h->content_length;
    c->body_chunked = h->framing == HTTP_BODY_CHUNKED;
    if (c->body_chunked) {
        c->chunked = arena_new(c->arena, struct chunked);
        chunked_init(c->chunked);
        c->raw = arena_alloc(c->arena, RAW_BYTES);
    } else if (h->content_length <= CONN_SMALL_BODY) {
        c->small_cap = (size_t)h->content_length;
        c->small = arena_alloc(c->arena, c->small_cap);
    }
    c->state = CONN_BODY;
    conn_transfer_begin(c);
}

/* Bytes of the body as they lie on the wire: first what came with the head, then from the socket. As conn_recv. */
static ssize_t wire_read(struct conn *c, char *to, size_t n)
{
    if (c->in_at < c->in_n) {
        size_t have = c->in_n - c->in_at;
        n = n < have ? n : have;
        memcpy(to, c->in + c->in_at, n);
        c->in_at += n;
        return (ssize_t)n;
    }
    ssize_t got = conn_recv(c, to, n);
    if (got > 0)
        conn_progress(c, (size_t)got);
    return got;
}

/* Decodes what lies in c->raw into the buffer. False: the framing is broken. */
static bool decode_raw(struct conn *c, struct body_buffer *b)
{
    while (c->raw_at < c->raw_n && b->n < sizeof b->data && !c->body_done) {
        struct bytes in = bytes_of(c->raw + c->raw_at, c->raw_n - c->raw_at), data;
        if (in.n > sizeof b->data - b->n)
            in.n = sizeof b->data - b->n; /* decoding never makes bytes more */
        size_t offered = in.n;
        enum chunked_event event = chunked_next(c->chunked, &in, &data);
        c->raw_at += offered - in.n;
        switch (event) {
        case CHUNKED_DATA:
            memcpy(b->data + b->n, data.p, data.n);
            b->n += data.n;
            c->body_received += data.n;
            break;
        case CHUNKED_MORE:
            break;
        case CHUNKED_END:
            c->body_done = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

/* Fills the buffer as far as the socket gives. 1: full, the body is over or malformed; 0: no more now; -1: broken. */
static int fill_chunked(struct conn *c, struct body_buffer *b)
{
    for (;;) {
        c->body_malformed = c->body_malformed || !decode_raw(c, b);
        if (c->body_malformed || c->body_done || b->n == sizeof b->data)
            return 1;
        ssize_t n = wire_read(c, c->raw, RAW_BYTES);
        if (n == -EAGAIN)
            return 0;
        if (n <= 0)
            return -1;
        c->raw_at = 0;
        c->raw_n = (size_t)n;
    }
}

static int fill_length(struct conn *c, struct body_buffer *b)
{
    while (c->body_left && b->n < sizeof b->data) {
        size_t room = sizeof b->data - b->n;
        ssize_t n = wire_read(c, b->data + b->n, c->body_left < room ? (size_t)c->body_left : room);
        if (n == -EAGAIN)
            return 0;
        if (n <= 0)
            return -1;
        b->n += (size_t)n;
        c->body_left -= (uint64_t)n;
        c->body_received += (uint64_t)n;
    }
    c->body_done = c->body_left == 0;
    return 1;
}

static bool small_run(struct conn *c)
{
    while (c->small_n < c->small_cap) {
        ssize_t n = wire_read(c, c->small + c->small_n, c->small_cap - c->small_n);
        if (n == -EAGAIN) {
            conn_want_read(c, true);
            return false;
        }
        if (n <= 0) {
            conn_close(c);
            return false;
        }
        c->small_n += (size_t)n;
    }
    c->body_left = 0;
    c->body_done = true;
    c->body_received = c->small_n;
    c->state = CONN_WAIT;
    req_body_whole(c->req, bytes_of(c->small, c->small_n));
    return c->state != CONN_WAIT;
}

static void fed(struct loop_msg *m)
{
    struct conn *c = conn_of_msg(m);
    c->busy = false;
    conn_give_buffer(c->loop, &c->work);
    if (c->job_rc < 0) {
        c->state = CONN_WAIT;
        req_respond_error(c->req);
    }
    conn_run(c);
}

/* On a worker. The last piece goes on to the request's end, which posts its own completion. */
static void feed_job(struct pool_job *j)
{
    struct conn *c = conn_of_job(j);
    c->job_rc = req_body_feed(c->req, bytes_of(c->work->data, c->work->n));
    if (c->job_rc == 0 && c->work_last)
        req_body_end(c->req);
    else
        conn_post_done(c, fed);
}

static void submit_fill(struct conn *c)
{
    c->work = c->fill;
    c->fill = NULL;
    c->work_last = c->body_done;
    if (c->work_last)
        c->state = CONN_WAIT;
    conn_job(c, feed_job, true);
}

bool conn_body_run(struct conn *c)
{
    if (c->small)
        return small_run(c);
    for (;;) {
        if (!c->fill)
            c->fill = conn_take_buffer(c->loop);
        int rc = c->body_chunked ? fill_chunked(c, c->fill) : fill_length(c, c->fill);
        if (rc < 0) {
            conn_close(c);
            return false;
        }
        if (c->body_malformed && !c->busy) { /* the request is the worker's while one has it */
            req_fail_framing(c->req);
            return true;
        }
        if (c->body_malformed) {
            conn_want_read(c, false);
            return false;
        }
        bool worth = rc == 1 || c->fill->n >= WORTH_A_JOB;
        if (!c->busy && worth) {
            submit_fill(c);
            if (c->work_last)
                return true;
            continue;
        }
        conn_want_read(c, rc == 0); /* full and the other one at work: let the socket fill up */
        return false;
    }
}
