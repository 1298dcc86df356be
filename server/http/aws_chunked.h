/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The framing of "aws-chunked" uploads: chunks that may carry signatures, then trailers. It knows no keys: it says what
 * is there, and the caller verifies signatures and checksums.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, sigv4-streaming-trailers.html
 *
 * Use: aws_chunked_init, then aws_chunked_next over and over with what has arrived. It takes bytes off the front of *in
 * and fills in the members of *ret that belong to the event. Names, values and signatures point into struct aws_chunked
 * and are valid until the next call; data points into the input. When the body's bytes are over (by Content-Length or
 * the outer chunked coding), aws_chunked_eof says whether that was the end of the upload.
 *
 * Order of events: (BEGIN, DATA*, DONE)* FINAL (TRAILER* [TRAILER_SIGNATURE]) END. MORE may come anywhere.
 *
 * Nothing is allocated, whatever sizes a client claims; a chunk that would exceed the announced decoded length is
 * refused at its first line. Threads: pure; a struct aws_chunked belongs to one thread at a time.
 */
#ifndef PAIL_SERVER_HTTP_AWS_CHUNKED_H
#define PAIL_SERVER_HTTP_AWS_CHUNKED_H

#include "base/bytes.h"
#include "s3_error.h"

#define AWS_CHUNKED_MAX_LINE     1024 /* bytes of a chunk header or trailer line with its line end */
#define AWS_CHUNKED_MAX_TRAILERS 16   /* lines */
#define AWS_CHUNKED_MIN_CHUNK    8192 /* bytes of data of every signed chunk but the last */
#define AWS_CHUNKED_SIGNATURE    64   /* hex digits */
#define AWS_CHUNKED_ANY_LENGTH   UINT64_MAX

enum aws_chunked_mode {
    AWS_CHUNKED_SIGNED = 1,   /* every chunk header has a chunk-signature, signed trailers have their own */
    AWS_CHUNKED_TRAILERS = 2, /* trailer lines may follow the final chunk */
};

/* symbol, what a refusal is to S3 clients, text for people */
#define AWS_CHUNKED_MAP(X)                                                                                             \
    X(AWS_CHUNKED_MORE, S3E_OK, "")                                                                                    \
    X(AWS_CHUNKED_BEGIN, S3E_OK, "")             /* a chunk begins: size (not 0), signature */                         \
    X(AWS_CHUNKED_DATA, S3E_OK, "")              /* data */                                                            \
    X(AWS_CHUNKED_DONE, S3E_OK, "")              /* its data is complete: time to verify the signature */              \
    X(AWS_CHUNKED_FINAL, S3E_OK, "")             /* the chunk of size 0: signature */                                  \
    X(AWS_CHUNKED_TRAILER, S3E_OK, "")           /* name (lower-cased), value (trimmed) */                             \
    X(AWS_CHUNKED_TRAILER_SIGNATURE, S3E_OK, "") /* signature */                                                       \
    X(AWS_CHUNKED_END, S3E_OK, "")               /* nothing may follow */                                              \
    X(AWS_CHUNKED_BAD_HEADER, S3E_INCOMPLETE_BODY, "A chunk header is malformed.")                                     \
    X(AWS_CHUNKED_NO_SIGNATURE, S3E_INCOMPLETE_BODY, "A chunk has no valid chunk-signature.")                          \
    X(AWS_CHUNKED_BAD_DATA_END, S3E_INCOMPLETE_BODY, "The data of a chunk must end with CR LF.")                       \
    X(AWS_CHUNKED_BAD_LENGTH, S3E_INCOMPLETE_BODY, "The chunks do not add up to x-amz-decoded-content-length.")        \
    X(AWS_CHUNKED_SMALL_CHUNK, S3E_INVALID_CHUNK_SIZE,                                                                 \
      "Only the last chunk is allowed to have a size less than 8192 bytes.")                                           \
    X(AWS_CHUNKED_BAD_TRAILER, S3E_MALFORMED_TRAILER, "The trailers of the body are malformed.")                       \
    X(AWS_CHUNKED_NO_TRAILER_SIGNATURE, S3E_SIGNATURE_DOES_NOT_MATCH, "The trailers are not signed.")                  \
    X(AWS_CHUNKED_AFTER_END, S3E_INCOMPLETE_BODY, "Bytes follow the end of the chunked body.")                         \
    X(AWS_CHUNKED_TRUNCATED, S3E_INCOMPLETE_BODY, "The body ended before its final chunk was complete.")

enum aws_chunked_event {
#define X(symbol, error, text) symbol,
    AWS_CHUNKED_MAP(X)
#undef X
};
static inline bool aws_chunked_failed(enum aws_chunked_event e)
{
    return e >= AWS_CHUNKED_BAD_HEADER;
}
enum s3_error aws_chunked_error(enum aws_chunked_event e); /* S3E_OK for what is no failure */
const char *aws_chunked_text(enum aws_chunked_event e);

struct aws_chunked_item {
    uint64_t size;            /* BEGIN */
    struct bytes signature;   /* BEGIN, FINAL: 64 hex digits as sent, empty when unsigned; TRAILER_SIGNATURE */
    struct bytes data;        /* DATA */
    struct bytes name, value; /* TRAILER */
};

struct aws_chunked {
    uint64_t left;   /* of the current chunk */
    uint64_t expect; /* of the whole; or AWS_CHUNKED_ANY_LENGTH */
    uint16_t line_n;
    uint8_t mode, state, failure, trailers;
    bool small, signed_trailers, bare_lf;
    char line[AWS_CHUNKED_MAX_LINE];
};

/* `mode`: a sum of enum aws_chunked_mode. `decoded_length`: from x-amz-decoded-content-length, or ANY. */
void aws_chunked_init(struct aws_chunked *c, unsigned mode, uint64_t decoded_length);
enum aws_chunked_event aws_chunked_next(struct aws_chunked *c, struct bytes *in, struct aws_chunked_item *ret);
/* No byte will follow: AWS_CHUNKED_END or a failure. */
enum aws_chunked_event aws_chunked_eof(struct aws_chunked *c);

#endif
