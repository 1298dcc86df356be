/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection machine. Idea: a small table of states, each with one function that goes as far as it can without
 * waiting and answers whether the state changed; conn_run calls them until one waits.
 *
 * Invariants: at most one request at a time. A connection that is busy (a worker or the committer holds its request) is
 * never freed; it is marked dead, and the completion frees it. An idle connection owns no buffers.
 * Threads: the loop's own, all of it.
 */
#include "server/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/addr_limit.h"
#include "server/req.h"
#include "server/server.h"
#include "server/tls.h"

const char *conn_state_name(enum conn_state s)
{
    static const char *const names[] = {
#define X(name, text) text,
        CONN_STATES(X)
#undef X
    };
    return names[s];
}

/* ---- transport ---- */

/* What an SSL call that moved nothing means for us. */
static ssize_t tls_result(struct conn *c, int n)
{
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return -1;
    }
}

ssize_t conn_recv(struct conn *c, void *p, size_t n)
{
    if (c->ssl) {
        int got = SSL_read(c->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
        c->tls_unsent = got <= 0 && SSL_want_write(c->ssl);
        return got > 0 ? got : tls_result(c, got);
    }
    ssize_t got;
    do
        got = recv(c->fd, p, n, 0);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : errno == EAGAIN || errno == EWOULDBLOCK ? -EAGAIN : -1;
}

static ssize_t tls_writev(struct conn *c, const struct iovec *iov, int n)
{
    ssize_t sum = 0;
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len == 0)
            continue;
        int put = SSL_write(c->ssl, iov[i].iov_base, iov[i].iov_len > INT32_MAX ? INT32_MAX : (int)iov[i].iov_len);
        if (put <= 0) {
            ssize_t rc = tls_result(c, put);
            return sum ? sum : rc == 0 ? -1 : rc;
        }
        sum += put;
        if ((size_t)put < iov[i].iov_len)
            break;
    }
    return sum;
}

ssize_t conn_writev(struct conn *c, const struct iovec *iov, int n, bool more)
{
    if (c->ssl)
        return tls_writev(c, iov, n);
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    ssize_t put;
    do
        put = sendmsg(c->fd, &m, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    while (put < 0 && errno == EINTR);
    return put >= 0 ? put : errno == EAGAIN || errno == EWOULDBLOCK ? -EAGAIN : -1;
}

void conn_want_read(struct conn *c, bool on)
{
    if (on &&
        c->tls_unsent) { /* reading goes on when the socket takes that: its bytes would wake us in vain till then */
        conn_want_write(c, true);
        on = false;
    }
    if (on == c->reading)
        return;
    c->reading = on;
    if (on)
        event_add(c->ev_read, NULL);
    else
        event_del(c->ev_read);
}

void conn_want_write(struct conn *c, bool on)
{
    if (on == c->writing)
        return;
    c->writing = on;
    if (on)
        event_add(c->ev_write, NULL);
    else
        event_del(c->ev_write);
}

/* ---- deadlines ---- */

static void deadline_in(struct conn *c, uint64_t seconds)
{
    c->deadline_ms = c->loop->now_ms + (int64_t)seconds * 1000;
}

void conn_transfer_begin(struct conn *c)
{
    c->transfer_from_ms = c->progress_ms = c->loop->now_ms;
    c->transfer_bytes = 0;
    c->deadline_ms = 0;
}

void conn_progress(struct conn *c, size_t bytes)
{
    c->transfer_bytes += bytes;
    c->progress_ms = c->loop->now_ms;
}

static bool stands_still(const struct conn *c)
{
    return c->loop->now_ms - c->progress_ms > (int64_t)c->loop->server->config->idle_timeout_s * 1000;
}

/*
 * A transfer that stands still, or crawls below the minimum rate once the grace is over. What is long past counts less
 * and less, so that a fast beginning does not buy the right to crawl for days.
 */
static bool transfer_too_slow(struct conn *c)
{
    const struct config *cfg = c->loop->server->config;
    int64_t now = c->loop->now_ms, ran_ms = now - c->transfer_from_ms,
            grace_ms = (int64_t)cfg->min_body_rate_grace_s * 1000;
    if (stands_still(c))
        return true;
    if (ran_ms <= grace_ms)
        return false;
    if (c->transfer_bytes / ((uint64_t)ran_ms / 1000) < cfg->min_body_rate)
        return true;
    if (ran_ms > 3 * grace_ms) {
        c->transfer_from_ms += ran_ms / 2;
        c->transfer_bytes /= 2;
    }
    return false;
}

/*
 * A document lies in memory until its last byte has come or gone: the minimum rate alone would let a slow client keep
 * it there for an hour. Its clock begins with the first tick that finds it in memory.
 */
static bool document_too_slow(struct conn *c)
{
    if (!c->req->charged)
        return false;
    if (c->deadline_ms == 0)
        deadline_in(c, c->loop->server->config->document_timeout_s);
    return c->loop->now_ms >= c->deadline_ms;
}

/* The connection waits for us: the client's clock stands still. */
static void wait_is_ours(struct conn *c)
{
    c->progress_ms = c->loop->now_ms;
    c->transfer_from_ms += LOOP_TICK_MS;
    if (c->deadline_ms)
        c->deadline_ms += LOOP_TICK_MS;
}

static void tick(struct conn *c)
{
    bool late = c->deadline_ms && c->loop->now_ms >= c->deadline_ms;
    switch (c->state) {
    case CONN_HANDSHAKE:
    case CONN_LINGER:
        if (late)
            conn_close(c);
        break;
    case CONN_HEAD:
        if (!late)
            break;
        if (!c->req) { /* between requests; one that has its turn later counts for none yet */
            conn_close(c);
            break;
        }
        req_timed_out(c->req);
        conn_run(c);
        break;
    case CONN_BODY:
        if (c->busy) {
            wait_is_ours(c);
        } else if (transfer_too_slow(c) || document_too_slow(c)) {
            req_timed_out(c->req);
            conn_run(c);
        }
        break;
    case CONN_RESPOND:
        if (c->busy)
            wait_is_ours(c);
        else if (c->req->resp.trace && !stands_still(c))
            conn_trace_tick(c);
        else if (transfer_too_slow(c) || document_too_slow(c))
            conn_close(c);
        break;
    case CONN_WAIT:
    case CONN_CLOSED:
        break;
    }
}

void conn_tick_all(struct loop *l)
{
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        tick(c);
    }
}

/* Nothing of a request has been read, and none lies in the socket, which closing would answer with a reset. */
static bool between_requests(const struct conn *c)
{
    char byte;
    return c->state == CONN_HEAD && c->in_n == 0 && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

void conn_drain_all(struct loop *l)
{
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        if (c->state == CONN_HANDSHAKE || c->state == CONN_LINGER || between_requests(c))
            conn_close(c);
    }
}

void conn_close_all(struct loop *l)
{
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        conn_close(c);
    }
}

/* ---- memory of requests ---- */

static struct arena *take_arena(struct loop *l)
{
    return l->n_arenas ? l->arenas[--l->n_arenas] : arena_create(CONN_ARENA_FIRST);
}

static void give_arena(struct loop *l, struct arena *a)
{
    if (!a || l->n_arenas == LOOP_SPARE_ARENAS) {
        arena_free(a);
        return;
    }
    arena_reset(a);
    l->arenas[l->n_arenas++] = a;
}

/* ---- birth and death ---- */

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    (void)fd;
    (void)what;
    if (c->state == CONN_WAIT || c->state == CONN_RESPOND) {
        conn_want_read(c, false); /* later: the next request, or what follows of this one */
        return;
    }
    conn_run(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    (void)fd;
    (void)what;
    if (c->state != CONN_RESPOND && c->state != CONN_HANDSHAKE)
        conn_want_write(c, false); /* it was wanted once, to go on */
    conn_run(c);
}

static void name_peer(struct conn *c)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&c->peer;
    struct sockaddr_in *four = (struct sockaddr_in *)&c->peer;
    if (c->peer.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], c->peer_text, sizeof c->peer_text);
        c->peer_loopback = six->sin6_addr.s6_addr[12] == 127;
    } else if (c->peer.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, c->peer_text, sizeof c->peer_text);
        c->peer_loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    } else if (c->peer.ss_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, c->peer_text, sizeof c->peer_text);
        c->peer_loopback = ntohl(four->sin_addr.s_addr) >> 24 == 127;
    } else {
        memcpy(c->peer_text, "-", 2);
    }
    c->peer_name = bytes_str(c->peer_text);
}

void conn_start(struct loop *l, int fd, const struct sockaddr_storage *peer, bool console)
{
    struct conn *c = xcalloc(1, sizeof *c);
    int one = 1, unsent = CONN_SPAN_MAX;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent); /* bounds what waits in the kernel */
    c->loop = l;
    c->fd = fd;
    c->peer = *peer;
    c->console = console;
    name_peer(c);
    buf_init(&c->out, 64 * 1024);
    c->ev_read = event_new(l->base, fd, EV_READ | EV_PERSIST, on_read, c);
    c->ev_write = event_new(l->base, fd, EV_WRITE | EV_PERSIST, on_write, c);
    CHECK(c->ev_read && c->ev_write);
    c->state = CONN_HEAD;
    if (l->server->tls) {
        c->ssl = tls_accept(l->server->tls, fd);
        c->state = CONN_HANDSHAKE;
    }
    c->next = l->conns;
    c->prev = &l->conns;
    if (c->next)
        c->next->prev = &c->next;
    l->conns = c;
    deadline_in(c, l->server->config->header_timeout_s);
    conn_want_read(c, true);
    if (l->server->tls && !c->ssl)
        conn_close(c);
}

/*
 * Chunked bodies are read through a buffer of their own: what it holds behind the body's end is the next request's. It
 * came out of c->in if that still holds more, else from the socket. The present request has ended: it points into
 * c->in.
 */
static void keep_pipelined(struct conn *c)
{
    size_t more = c->raw_n - c->raw_at;
    if (more == 0)
        return;
    if (c->in_at < c->in_n) {
        c->in_at -= more;
        return;
    }
    if (c->in_cap < more) {
        c->in_cap = more;
        c->in = xrealloc(c->in, c->in_cap);
    }
    memcpy(c->in, c->raw + c->raw_at, more);
    c->in_at = 0;
    c->in_n = more;
}

static void end_request(struct conn *c)
{
    if (c->req)
        req_end(c->req);
    c->req = NULL;
}

/* What the arena held goes: the raw buffer, the small body. */
static void release_request(struct conn *c)
{
    end_request(c);
    conn_body_release(c);
    conn_send_release(c);
    give_arena(c->loop, c->arena);
    c->arena = NULL;
}

/* Frees at once, or as soon as nobody works for it any more. */
void conn_close(struct conn *c)
{
    if (c->busy || c->running) {
        c->dead = true;
        conn_want_read(c, false); /* an end that nobody takes would wake the loop again and again */
        conn_want_write(c, false);
        return;
    }
    c->state = CONN_CLOSED;
    release_request(c);
    event_free(c->ev_read);
    event_free(c->ev_write);
    if (c->ssl) {
        SSL_shutdown(c->ssl); /* one alert, not waiting for the peer's */
        ERR_clear_error();
        SSL_free(c->ssl);
    }
    close(c->fd);
    *c->prev = c->next;
    if (c->next)
        c->next->prev = c->prev;
    addr_limit_leave(c->loop->server->addresses, &c->peer);
    atomic_fetch_sub(&c->loop->n_conns, 1);
    atomic_fetch_sub(&c->loop->server->n_conns, 1);
    buf_fini(&c->out);
    free(c->in);
    free(c);
}

/* ---- states ---- */

static bool handshake_run(struct conn *c)
{
    int rc = SSL_accept(c->ssl);
    if (rc == 1) {
        conn_want_write(c, false);
        conn_want_read(c, true);
        c->state = CONN_HEAD;
        return true;
    }
    int why = SSL_get_error(c->ssl, rc);
    ERR_clear_error();
    conn_want_write(c, why == SSL_ERROR_WANT_WRITE);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        conn_close(c);
    return false;
}

/* Room for more input; the head's limits bound how large the buffer gets. */
static void grow_input(struct conn *c)
{
    if (c->in_n < c->in_cap)
        return;
    c->in_cap = c->in_cap ? c->in_cap * 2 : CONN_IN_FIRST;
    c->in = xrealloc(c->in, c->in_cap);
}

static void begin_request(struct conn *c)
{
    if (c->req)
        return;
    c->arena = take_arena(c->loop);
    c->req = req_begin(c);
    deadline_in(c, c->loop->server->config->header_timeout_s);
}

static bool head_run(struct conn *c)
{
    if (c->turn_requests >= CONN_TURN_REQUESTS) {
        conn_want_write(c, true); /* comes at once, but after the events of others */
        return false;
    }
    for (;;) {
        if (c->in_n) {
            begin_request(c);
            if (req_parse_head(c->req, bytes_of(c->in, c->in_n)))
                return true; /* the request's steps have set the next state */
        }
        grow_input(c);
        ssize_t n = conn_recv(c, c->in + c->in_n, c->in_cap - c->in_n);
        if (n == -EAGAIN) {
            if (c->in_n == 0) { /* idle: give the memory back */
                free(c->in);
                c->in = NULL;
                c->in_cap = 0;
            }
            conn_want_read(c, true);
            return false;
        }
        if (n <= 0) {
            conn_close(c);
            return false;
        }
        c->in_n += (size_t)n;
    }
}

static bool linger_run(struct conn *c)
{
    char sink[16 * 1024];
    for (;;) {
        ssize_t n = conn_recv(c, sink, sizeof sink);
        if (n == -EAGAIN) {
            conn_want_read(c, true);
            return false;
        }
        if (n <= 0 || (uint64_t)n > c->linger_left) {
            conn_close(c);
            return false;
        }
        c->linger_left -= (uint64_t)n;
    }
}

static bool wait_run(struct conn *c)
{
    (void)c;
    return false;
}

void conn_run(struct conn *c)
{
    static bool (*const run[])(struct conn *) = {
        [CONN_HANDSHAKE] = handshake_run,  [CONN_HEAD] = head_run,
        [CONN_BODY] = conn_body_run,       [CONN_WAIT] = wait_run,
        [CONN_RESPOND] = conn_respond_run, [CONN_LINGER] = linger_run,
        [CONN_CLOSED] = wait_run,
    };
    if (c->running)
        return; /* the loop below goes on by itself */
    c->running = true;
    c->turn_requests = 0;
    /* A running connection is marked, never freed: conn_close sees `running`, which the analyser loses on the way. */
    while (!c->dead && run[c->state](c)) /* NOLINT(clang-analyzer-unix.Malloc) */
        ;
    c->running = false;      /* NOLINT(clang-analyzer-unix.Malloc) */
    if (c->dead && !c->busy) /* NOLINT(clang-analyzer-unix.Malloc) */
        conn_close(c);
}

/* Tells the client that nothing more comes, while what it still sends can be read. */
static void say_goodbye(struct conn *c)
{
    int rc = c->ssl ? SSL_shutdown(c->ssl) : 0;
    ERR_clear_error();
    if (rc >= 0) /* an alert that did not fit into the socket's buffer is not cut off */
        shutdown(c->fd, SHUT_WR);
}

/* The reply is out: on to the next request, or close in a way that lets the client read what we said. */
void conn_request_done(struct conn *c)
{
    bool body_open = c->req && !c->body_done && req_has_body(c->req);
    bool close_now = c->close_after || body_open || atomic_load(&c->loop->server->draining) == DRAIN_CLOSE;
    end_request(c);
    keep_pipelined(c);
    size_t used = c->in_at;
    release_request(c);
    c->deadline_ms = 0;
    if (close_now) {
        conn_want_write(c, false);
        say_goodbye(c);
        c->linger_left = CONN_LINGER_BYTES;
        c->deadline_ms = c->loop->now_ms + CONN_LINGER_MS;
        c->in_n = c->in_at = 0;
        c->state = CONN_LINGER;
        return;
    }
    memmove(c->in, c->in + used, c->in_n - used);
    c->in_n -= used;
    c->in_at = 0;
    c->state = CONN_HEAD;
    c->turn_requests++;
    deadline_in(c, c->loop->server->config->idle_timeout_s);
}

void conn_job(struct conn *c, void (*run)(struct pool_job *), bool must)
{
    c->busy = true;
    c->job.run = run;
    if (pool_submit(c->loop->server->pool, &c->job, must))
        return;
    c->busy = false;
    req_overloaded(c->req);
}

void conn_post_done(struct conn *c, void (*handle)(struct loop_msg *))
{
    c->msg.handle = handle;
    loop_post(c->loop, &c->msg);
}
