/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder of "Transfer-Encoding: chunked" bodies (RFC 9112, 7.1): incremental, strict, without copying.
 *
 * Use: chunked_init, then call chunked_next over and over with what has arrived. It takes bytes off the front of *in
 * and says what they were:
 *   CHUNKED_DATA  *ret_data is a piece of the body, pointing into the input
 *   CHUNKED_MORE  all of *in was taken; call again when more has come
 *   CHUNKED_END   the body is over; what is left in *in belongs to the next request
 *   other         malformed: answer 400 and close. Final, as CHUNKED_END is.
 * Trailers are checked for form and dropped: nothing in them may change a request that was already judged.
 *
 * Threads: pure; a struct chunked belongs to one thread at a time.
 */
#ifndef PAIL_SERVER_HTTP_CHUNKED_H
#define PAIL_SERVER_HTTP_CHUNKED_H

#include "base/bytes.h"

#define CHUNKED_MAX_SIZE_DIGITS 16
#define CHUNKED_MAX_EXTENSION   256         /* bytes behind the size on one chunk's line */
#define CHUNKED_MAX_TRAILERS    (8 * 1024)  /* bytes of all trailer lines */
#define CHUNKED_MAX_OVERHEAD    (16 * 1024) /* framing in excess of what sane clients send: see chunked.c */

enum chunked_event {
    CHUNKED_MORE,
    CHUNKED_DATA,
    CHUNKED_END,
    CHUNKED_BAD_SIZE,      /* no hex digits, too many, 2^63 or more */
    CHUNKED_BAD_LINE_END,  /* CR or LF alone, data not followed by CR LF */
    CHUNKED_BAD_EXTENSION, /* too long or with control characters */
    CHUNKED_BAD_TRAILER,   /* no header line, or too many bytes */
    CHUNKED_TOO_COSTLY,    /* tiny chunks with much framing */
};

struct chunked {
    uint64_t left;  /* of the size line: the value so far; of the data: bytes to come */
    uint32_t taken; /* digits, extension bytes */
    uint32_t trailer_bytes;
    int64_t overhead;
    uint8_t state;
    uint8_t failure;
};

void chunked_init(struct chunked *c);
enum chunked_event chunked_next(struct chunked *c, struct bytes *in, struct bytes *ret_data);
const char *chunked_text(enum chunked_event failure);

#endif
