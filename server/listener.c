/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting connections. When the process is out of descriptors the listener pauses for a moment instead of spinning;
 * beyond the limits of connections the newcomer is closed at once, which costs little and disturbs nobody.
 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "server/addr_limit.h"
#include "server/conn.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/server.h"

#define BACKLOG        1024
#define ACCEPTS_A_TURN 64
#define PAUSE_MS       100 /* without descriptors */

struct listener {
    struct server *server;
    int fd;
    bool console;
    struct event *ev, *resume;
};

struct newcomer {
    struct loop_msg msg;
    struct loop *loop;
    int fd;
    bool console;
    struct sockaddr_storage peer;
};

static void arrive(struct loop_msg *m)
{
    struct newcomer *n = (struct newcomer *)m;
    metrics_accepted(n->loop->server, n->loop->number);
    conn_start(n->loop, n->fd, &n->peer, n->console);
    if (atomic_load(&n->loop->server->draining) == DRAIN_CLOSE) /* it came while the loop was told to drain */
        conn_drain_all(n->loop);
    free(n);
}

static struct loop *least_loaded(struct server *s)
{
    struct loop *best = s->loops[0];
    for (unsigned i = 1; i < s->n_loops; i++)
        if (atomic_load(&s->loops[i]->n_conns) < atomic_load(&best->n_conns))
            best = s->loops[i];
    return best;
}

static void welcome(const struct listener *of, int fd, const struct sockaddr_storage *peer)
{
    struct server *s = of->server;
    if (atomic_load(&s->n_conns) >= s->config->max_connections) {
        metrics_refused(s);
        close(fd);
        return;
    }
    if (!addr_limit_enter(s->addresses, peer)) {
        metrics_refused(s);
        close(fd);
        return;
    }
    struct loop *l = least_loaded(s);
    atomic_fetch_add(&s->n_conns, 1);
    atomic_fetch_add(&l->n_conns, 1);
    struct newcomer *n = xcalloc(1, sizeof *n);
    n->msg.handle = arrive;
    n->loop = l;
    n->fd = fd;
    n->console = of->console;
    n->peer = *peer;
    loop_post(l, &n->msg);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t n = sizeof peer;
        int client = accept4(fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            welcome(l, client, &peer);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            struct timeval pause = {0, PAUSE_MS * 1000};
            log_warn("accept", "%s: accepting pauses for a moment", strerror(errno));
            event_del(l->ev);
            event_add(l->resume, &pause);
        }
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_add(((struct listener *)arg)->ev, NULL);
}

/* Splits at the last colon; brackets of an IPv6 address are taken off. */
static bool split_address(const char *address, char host[256], char port[8])
{
    const char *colon = strrchr(address, ':');
    uint64_t number;
    if (!colon || !bytes_to_u64(bytes_str(colon + 1), 65535, &number))
        return false;
    size_t n = (size_t)(colon - address);
    if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    if (n > 255)
        return false;
    memcpy(host, address, n);
    host[n] = '\0';
    snprintf(port, 8, "%u", (unsigned)number);
    return true;
}

bool listener_check_address(const char *address, char error[512])
{
    char host[256], port[8];
    if (split_address(address, host, port))
        return true;
    snprintf(error, 512, "\"%.200s\" is no address: HOST:PORT or :PORT is wanted", address);
    return false;
}

static int bind_one(const struct addrinfo *a, bool both_families)
{
    int one = 1, zero = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ai_family == AF_INET6 && both_families)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int bind_address(const char *host, const char *port, const char **ret_why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list = NULL;
    bool any = host[0] == '\0';
    hints.ai_family = any ? AF_INET6 : AF_UNSPEC;
    int rc = getaddrinfo(any ? NULL : host, port, &hints, &list);
    int fd = -1;
    *ret_why = rc ? gai_strerror(rc) : NULL;
    /* A name with both families, as localhost is on Debian, gets IPv4: clients that know just one know that. */
    for (int six = 0; six < 2 && fd < 0; six++)
        for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
            if ((a->ai_family == AF_INET6) == six)
                fd = bind_one(a, any);
    if (list)
        freeaddrinfo(list);
    if (fd < 0 && any && (rc != 0 || errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) /* no IPv6 on this machine */
        return bind_address("0.0.0.0", port, ret_why);
    return fd;
}

/* The port of a bound socket: the one asked for, or the free one that the kernel took. */
static unsigned bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } me = {.six = {0}};
    socklen_t n = sizeof me;
    getsockname(fd, &me.any, &n);
    return ntohs(me.any.sa_family == AF_INET6 ? me.six.sin6_port : me.four.sin_port);
}

struct listener *listener_open(struct server *s, const char *address, int open_socket, char url_host[300],
                               char error[512])
{
    char host[256] = "", port[8] = "";
    const char *why = NULL;
    if (!listener_check_address(address, error) || !split_address(address, host, port))
        return NULL;
    int fd = open_socket >= 0 ? open_socket : bind_address(host, port, &why);
    if (fd < 0) {
        if (!why)
            why = errno == EADDRINUSE ? "the port is in use by another process" : strerror(errno);
        snprintf(error, 512, "cannot listen on %.200s: %s", address, why);
        return NULL;
    }
    unsigned real = bound_port(fd);
    bool everywhere = !*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    snprintf(url_host, 300, strchr(host, ':') && !everywhere ? "[%s]:%u" : "%s:%u", everywhere ? "127.0.0.1" : host,
             real);
    struct listener *l = xcalloc(1, sizeof *l);
    l->server = s;
    l->fd = fd;
    return l;
}

void listener_for_console(struct listener *l)
{
    l->console = true;
}

int listener_socket(const struct listener *l)
{
    return l ? l->fd : -1;
}

unsigned listener_port(const struct listener *l)
{
    return bound_port(l->fd);
}

void listener_start(struct listener *l)
{
    struct event_base *base = l->server->loops[0]->base;
    l->ev = event_new(base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
    l->resume = event_new(base, -1, 0, on_resume, l);
    CHECK(l->ev && l->resume);
    event_add(l->ev, NULL);
}

void listener_stop(struct listener *l)
{
    if (l->ev) {
        event_free(l->ev);
        event_free(l->resume);
    }
    l->ev = l->resume = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

void listener_free(struct listener **ll)
{
    if (!*ll)
        return;
    listener_stop(*ll);
    free(*ll);
    *ll = NULL;
}
