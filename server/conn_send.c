/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending a reply: the head with the document or inline object behind it in one system call, or the head and then the
 * object span by span. A span is verified before the first of its bytes leaves; if its bytes are not in the page cache,
 * a worker fetches and verifies them. When a span turns out rotten in the middle of a reply, the connection is reset:
 * the client sees a broken transfer, never a complete wrong one.
 * Threads: the loop's, but for span_job.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "server/access_log.h"
#include "server/admin_api/trace.h"
#include "server/conn.h"
#include "server/req.h"
#include "server/respond.h"
#include "server/server.h"

void conn_send_release(struct conn *c)
{
    buf_fini(&c->out);
    conn_give_buffer(c->loop, &c->kept);
    c->out_at = c->tail_at = 0;
    c->tail = c->piece = BYTES_NONE;
    c->sent = 0;
}

void conn_continue(struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec v = {(void *)text, sizeof text - 1};
    ssize_t put = conn_writev(c, &v, 1, false);
    /* A client that sends requests ahead may have left no room; TLS, too, has to be given the same bytes again. */
    c->interim = bytes_cut(bytes_str(text), put > 0 ? (size_t)put : 0, SIZE_MAX);
}

void conn_respond(struct conn *c)
{
    c->req->first_byte_ns = clock_mono_ns();
    respond_head(c->req, &c->out);
    c->tail = c->req->resp.body;
    c->out_at = c->tail_at = 0;
    c->piece = BYTES_NONE;
    c->object_left = c->req->resp.read ? c->req->resp.length : 0;
    c->state = CONN_RESPOND;
    conn_transfer_begin(c);
}

/* 1: all out; 0: the socket is full; -1: broken. */
static int send_head(struct conn *c)
{
    while (c->out_at < c->out.n || c->tail_at < c->tail.n) {
        struct iovec v[2] = {{c->out.p + c->out_at, c->out.n - c->out_at},
                             {(char *)c->tail.p + c->tail_at, c->tail.n - c->tail_at}};
        ssize_t n =
            conn_writev(c, v[0].iov_len ? v : v + 1, v[0].iov_len && v[1].iov_len ? 2 : 1, c->req->resp.read != NULL);
        if (n == -EAGAIN)
            return 0;
        if (n < 0)
            return -1;
        conn_progress(c, (size_t)n);
        c->sent += (uint64_t)n;
        size_t of_head = (size_t)n < v[0].iov_len ? (size_t)n : v[0].iov_len;
        c->out_at += of_head;
        c->tail_at += (size_t)n - of_head;
    }
    return 1;
}

/*
 * The next piece of the object into `to`. On the loop that is the loop's scratch buffer, shared by all its connections:
 * it stays in the processor's cache, so reading, checking and sending cost little more than sending alone.
 */
static int next_span(struct conn *c, char *to, bool nowait)
{
    struct store_span span;
    int rc = store_read_next(c->req->resp.read, CONN_SPAN_MAX, nowait, to, &span);
    if (rc == STORE_OK) {
        c->piece = span.bytes;
        if (span.n == 0)
            rc = STORE_CORRUPT; /* the object ends before its length */
    }
    return rc;
}

static void reset_connection(struct conn *c, int rc)
{
    char what[96];
    snprintf(what, sizeof what, "%s in the middle of the object: connection reset", store_rc_name(rc));
    access_log_trouble("read", c->req, what);
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    c->req->resp.broken = true;
    conn_close(c);
}

static void span_ready(struct loop_msg *m)
{
    struct conn *c = conn_of_msg(m);
    c->busy = false;
    if (c->dead)
        conn_close(c);
    else if (c->job_rc < 0)
        reset_connection(c, c->job_rc);
    else
        conn_run(c);
}

/* The bytes are not in the page cache: a worker fetches and verifies them into the connection's own buffer. */
static void span_job(struct pool_job *j)
{
    struct conn *c = conn_of_job(j);
    c->job_rc = next_span(c, c->kept->data, false);
    conn_post_done(c, span_ready);
}

/* What the socket did not take stays with the connection; the scratch buffer is the next one's. */
static void keep_rest(struct conn *c)
{
    if (c->kept)
        return; /* the piece lies there already */
    c->kept = conn_take_buffer(c->loop);
    memcpy(c->kept->data, c->piece.p, c->piece.n);
    c->piece.p = c->kept->data;
}

/* 1: a piece is there; 0: a worker fetches it; -1: broken and dealt with. */
static int need_piece(struct conn *c)
{
    if (c->piece.n)
        return 1;
    conn_give_buffer(c->loop, &c->kept);
    int rc = next_span(c, c->loop->scratch, true);
    if (rc == STORE_WOULD_BLOCK) {
        c->kept = conn_take_buffer(c->loop);
        conn_want_write(c, false);
        conn_job(c, span_job, true);
        return 0;
    }
    if (rc < 0) {
        reset_connection(c, rc);
        return -1;
    }
    return 1;
}

/* 1: the object is out; 0: waiting (for the socket or a worker); -1: broken and dealt with. */
static int send_object(struct conn *c)
{
    uint64_t turn = 0;
    while (c->object_left) {
        int rc = need_piece(c);
        if (rc <= 0)
            return rc;
        struct iovec v = {(char *)c->piece.p, c->piece.n};
        ssize_t n = conn_writev(c, &v, 1, false);
        if (n < 0 && n != -EAGAIN) {
            conn_close(c);
            return -1;
        }
        if (n > 0) {
            conn_progress(c, (size_t)n);
            c->sent += (uint64_t)n;
            c->piece = bytes_cut(c->piece, (size_t)n, SIZE_MAX);
            c->object_left -= (uint64_t)n;
            turn += (uint64_t)n;
        }
        if (c->piece.n || (turn >= CONN_TURN_MAX && c->object_left)) { /* full, or others want their turn */
            if (c->piece.n)
                keep_rest(c);
            conn_want_write(c, true);
            return 0;
        }
    }
    return 1;
}

/*
 * A reply without an end: what has come since the last tick goes out behind what was sent. `tick`: the loop's, which
 * asks for more; nothing new is taken while the socket is full.
 */
static bool trace_run(struct conn *c, bool tick)
{
    if (atomic_load(&c->loop->server->draining)) {
        conn_close(c);
        return false;
    }
    if (tick && c->out_at == c->out.n && c->tail_at == c->tail.n) {
        buf_reset(&c->out);
        c->out.max = 2 * TRACE_BUFFER;
        c->out_at = c->tail_at = 0;
        c->tail = BYTES_NONE;
        trace_take(c->req->resp.trace, &c->out);
    }
    int rc = send_head(c);
    if (rc > 0 && trace_is_over(c->req->resp.trace))
        c->req->replied = true;
    if (rc < 0 || c->req->replied)
        conn_close(c);
    else
        conn_want_write(c, rc == 0);
    return false;
}

void conn_trace_tick(struct conn *c)
{
    (void)trace_run(c, true);
}

bool conn_respond_run(struct conn *c)
{
    if (c->busy)
        return false;
    if (c->req->resp.trace)
        return trace_run(c, false);
    int rc = send_head(c);
    if (rc < 0) {
        conn_close(c);
        return false;
    }
    if (rc == 0) {
        conn_want_write(c, true);
        return false;
    }
    if (c->req->resp.read && send_object(c) != 1)
        return false;
    conn_want_write(c, false);
    c->req->replied = true;
    conn_request_done(c);
    return true;
}
