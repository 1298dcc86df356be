/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web console's listener (--console-address). What it serves, below the prefix of --browser-redirect-url:
 *
 *   /api/...        the server's own API, path style; `/api` is taken off before anything is read of the path, so the
 *                   page signs what it would sign for S3's listener, with the host that it sees
 *   /console.json   what the page has to know before somebody signs in
 *   other paths     the files of the page; index.html for places within it
 *
 * Nothing that a bucket holds is ever active content of the console's origin: replies below /api are sandboxed, objects
 * are attachments, requests of other origins and for scripts, frames and the like are refused, and so is whoever does
 * not sign, but for signing in. There are no cookies and no CORS.
 *
 * Threads: the connection's loop; console_info: a worker.
 */
#ifndef PAIL_SERVER_CONSOLE_H
#define PAIL_SERVER_CONSOLE_H

#include <stdbool.h>

#include "base/bytes.h"

struct config;
struct console;
struct req;
struct uri_parts;

#define CONSOLE_CSP                                                                                                    \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "    \
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; "            \
    "base-uri 'self'; form-action 'self'"
#define CONSOLE_API_CSP "sandbox; default-src 'none'"

/* What a request is about. */
enum console_place {
    CONSOLE_NOT,  /* it came by S3's listener */
    CONSOLE_API,  /* the server's API */
    CONSOLE_PAGE, /* the console's own */
};

/* `s3_port`: of S3's listener. */
struct console *console_create(const struct config *, unsigned s3_port);
void console_free(struct console **);               /* accepts NULL inside */
bool console_is_built(void);                        /* are there files of the page in this program? */
const char *console_prefix(const struct console *); /* "/" or "/some/prefix/" */

/* ---- for the request's steps ---- */

/* Sets r->console; takes prefix and /api off a path of the API, and routes a request for the page. */
void console_locate(struct req *, struct uri_parts *);
/* Of the API, before and after it is known who asks. 0, or -1 after req_fail. */
int console_admit(struct req *);
int console_check_caller(struct req *);
void console_ended(struct req *); /* any request */
/* The headers of a reply, its own among them. */
void console_put_headers(struct req *, struct buf *out);
void console_respond_error(struct req *); /* of a page: a line of text */

#endif
