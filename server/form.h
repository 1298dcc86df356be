/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A form upload on its way in: fields first, then the file. The request is anonymous and has no key until the file
 * begins; then the fields say who asks for what, the request is authenticated and authorized, and its write is opened.
 * From that moment on what the fields say stands where a PutObject has its headers: req_header finds it.
 * Threads: the one that has the request's body at the time (see req.h).
 */
#ifndef PAIL_SERVER_FORM_H
#define PAIL_SERVER_FORM_H

#include "base/bytes.h"
#include "server/http/head.h"
#include "server/payload.h"

#define FORM_FIELDS_MAX   256                /* before the file */
#define FORM_FIELDS_BYTES (20u * 1024)       /* of their names and values */
#define FORM_AFTER_MAX    (64u * 1024)       /* bytes behind the file, which mean nothing */
#define FORM_OVERHEAD_MAX (4u * 1024 * 1024) /* bytes of a form's body beside its file */

struct form;
struct req;

payload_sink_f form_sink;   /* the body's bytes */
int form_end(struct req *); /* all of them were there: is it a whole form with a file that the policy allows? */
/* The header that a field stands for, by its lower-case name; p NULL: there is none. Nothing before the file begins. */
struct bytes form_header(const struct form *, struct bytes name);
const struct http_header *form_headers(const struct form *, size_t *ret_n);

#endif
