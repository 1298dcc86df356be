/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures inside aws-chunked bodies: each chunk is signed over its data and the signature before it, beginning with
 * the request's own (the seed); then, if announced, the trailers.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 *
 * The framing is somebody else's: this is told of each chunk as it passes, in order:
 *     begin, data*, end            for every chunk, the one of size 0 included
 *     trailer*, trailer_signature  with AUTH_PAYLOAD_CHUNKED_SIGNED_TRAILER
 *     finish
 * Bytes handed to `data` are not trustworthy before `finish` says OK; nothing may become visible earlier. After the
 * first refusal everything is refused, and sigv4_chunked_error says why.
 *
 * Ownership: lives in the arena, wiped by it; the seed is copied. Threads: one at a time.
 */
#ifndef PAIL_SERVER_AUTH_SIGV4_CHUNKED_H
#define PAIL_SERVER_AUTH_SIGV4_CHUNKED_H

#include "server/auth/auth.h"

#define SIGV4_CHUNK_MIN 8192 /* bytes of every data chunk but the last */

struct sigv4_chunked;

struct sigv4_chunked *sigv4_chunked_new(const struct sigv4_seed *seed, bool signed_trailer, struct arena *arena);

/* `signature` is the chunk-signature of the header line; empty when there was none, which is refused. */
bool sigv4_chunk_begin(struct sigv4_chunked *c, uint64_t size, struct bytes signature);
void sigv4_chunk_data(struct sigv4_chunked *c, const void *p, size_t n);
bool sigv4_chunk_end(struct sigv4_chunked *c);
/* One trailer line other than x-amz-trailer-signature, after the chunk of size 0, in order of arrival. */
bool sigv4_chunked_trailer(struct sigv4_chunked *c, struct bytes name, struct bytes value);
bool sigv4_chunked_trailer_signature(struct sigv4_chunked *c, struct bytes signature);
/* The body is over: did everything that was announced arrive and verify? */
bool sigv4_chunked_finish(struct sigv4_chunked *c);
const struct auth_error *sigv4_chunked_error(const struct sigv4_chunked *c); /* code is NULL while all is well */

#endif
