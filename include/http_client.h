/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that Pail itself sends: to a running server (the command line), to identity providers (their JWKS), to a key
 * service. Blocking, one request a call, over libcurl; certificates are verified, redirects are not followed, nothing
 * but http and https is spoken, and a reply has a bound. Proxies are those of the environment (http_proxy, https_proxy,
 * no_proxy), except for addresses of this machine, which are always reached directly.
 *
 * http_client_send stands alone; a session keeps its connections open between requests, for who sends many.
 * Threads: any but event loops; a session belongs to one at a time.
 */
#ifndef PAIL_HTTP_CLIENT_H
#define PAIL_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

#define HTTP_CLIENT_REPLY_MAX (8u << 20) /* bytes, where a request names no bound of its own */

struct http_client_header {
    const char *name, *value; /* control characters are refused, so a value cannot become another header */
};

struct http_client_request {
    const char *method; /* NULL: GET */
    const char *url;
    struct bytes body;
    const struct http_client_header *headers;
    size_t n_headers;
    unsigned timeout_ms; /* of the whole exchange; 0: 30,000 */
    unsigned idle_ms; /* instead of that: ends an exchange in which nothing moved for so long, however long it takes */
    size_t reply_max; /* bytes; 0: HTTP_CLIENT_REPLY_MAX */
    /* The body of a good reply goes here instead, when it fits; reply_max then counts for the others. */
    char *into;
    size_t into_room;
    /* Told now and then how many bytes went either way so far; it may wait. False ends the exchange. */
    bool (*moved)(void *arg, uint64_t bytes);
    void *moved_arg;
    const char *ca_file; /* further certificates to trust; NULL: the system's */
    bool unverified;     /* whoever answers will do: for who sends nothing and only asks whether anybody does */
    /* SigV4 is added when there is an access key. */
    const char *access_key, *secret_key, *session_token;
    const char *region, *service; /* NULL: us-east-1, s3 */
    bool unsigned_payload;        /* the body is not part of the signature; a Content-MD5 is */
};

struct http_client_reply {
    int status;        /* of HTTP */
    struct bytes body; /* in the arena, NUL behind it; or in `into` */
    const struct http_client_header *headers;
    size_t n_headers;
};

/* False: there was no answer (or too large a one): one clear line in ret_error. A status of 500 is an answer. */
bool http_client_send(const struct http_client_request *, struct arena *, struct http_client_reply *ret,
                      char ret_error[256]);

struct http_client_session;
struct http_client_session *http_client_session_new(void); /* NULL: no memory */
void http_client_session_free(struct http_client_session **);
bool http_client_session_send(struct http_client_session *, const struct http_client_request *, struct arena *,
                              struct http_client_reply *ret, char ret_error[256]);

/* The first header of that name, in any case; NULL: none. */
const char *http_client_reply_header(const struct http_client_reply *, const char *name);

#endif
