/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the body as it lies on the wire (HTTP framing already taken off) to the bytes the client meant: aws-chunked
 * framing removed, chunk signatures, the payload's SHA-256 and trailers checked. Threads: one at a time. Lives in the
 * request's arena.
 */
#ifndef PAIL_SERVER_PAYLOAD_H
#define PAIL_SERVER_PAYLOAD_H

#include "base/arena.h"
#include "base/bytes.h"
#include "checksum.h"

struct req;
struct payload;

/* Takes decoded bytes; 0 or -1 (the request's error is set). */
typedef int payload_sink_f(struct req *, const void *p, size_t n);

/*
 * Reads the request's headers (x-amz-decoded-content-length, x-amz-trailer, Content-Encoding) and prepares. NULL: the
 * request's error is set.
 */
struct payload *payload_new(struct req *, payload_sink_f *sink);
int payload_feed(struct payload *, struct bytes wire);
int payload_end(struct payload *); /* everything arrived: verify */
/* A form's fields are known: the checksum among them is that of its file. 0 or -1. */
int payload_form_begins(struct payload *);
/* Bytes of the decoded body if known from the head, else UINT64_MAX. */
uint64_t payload_length(const struct payload *);
/* The checksum that the client sends with the body: in a header (known before the body) or a trailer (known at the
 * end). */
enum checksum_alg payload_checksum_alg(const struct payload *);
bool payload_checksum(const struct payload *, struct checksum_value *ret); /* false: none */

#endif
