/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a reply, and error replies. Threads: the connection's loop. */
#ifndef PAIL_SERVER_RESPOND_H
#define PAIL_SERVER_RESPOND_H

#include "base/bytes.h"

struct req;

/* Status line, the headers of every reply, the request's own; settles resp.body and whether the connection stays. */
void respond_head(struct req *, struct buf *out);
/* Turns r->err into the reply: S3's XML body (none for HEAD), the right status. */
void respond_error_document(struct req *);
const char *http_reason(int status);

#endif
