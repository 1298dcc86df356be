/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a request comes from: the socket's peer, unless that is a proxy that the settings trust (--trusted-proxy); then
 * what it says in X-Forwarded-For and X-Forwarded-Proto. Of a chain of proxies only the trusted end is believed: the
 * client is the last address that is no trusted proxy. What a stranger writes there means nothing.
 * Threads: pure functions; the list of proxies is constant after start.
 */
#ifndef PAIL_SERVER_CLIENT_ADDR_H
#define PAIL_SERVER_CLIENT_ADDR_H

#include "base/bytes.h"
#include "server/http/head.h"

#define CLIENT_PROXIES_MAX 32

struct client_net {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;             /* of the prefix, 0 to 128 */
};
struct client_proxies {
    struct client_net nets[CLIENT_PROXIES_MAX];
    size_t n;
};

/* "10.0.0.0/8,2001:db8::/32,127.0.0.1"; the empty text is the empty list. False: no such list. */
bool client_proxies_parse(const char *text, struct client_proxies *ret);

struct client_addr {
    struct bytes ip; /* as inet_ntop writes it; points into the peer's text or the head */
    bool https;      /* the client's connection has TLS, be it to the proxy */
};
/* `peer`: the socket's address as text. `tls`: of the socket. */
struct client_addr client_addr_of(const struct client_proxies *, struct bytes peer, bool tls, const struct http_head *);

#endif
