/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Range header of GET and HEAD, and x-amz-copy-source-range, as S3 reads them. Threads: pure functions.
 */
#ifndef PAIL_SERVER_HTTP_RANGE_H
#define PAIL_SERVER_HTTP_RANGE_H

#include "base/bytes.h"

enum range_kind {
    RANGE_NONE,   /* no range that counts: S3 ignores several ranges, other units, reversed and malformed ones */
    RANGE_SPAN,   /* first to last, both included */
    RANGE_FROM,   /* first to the end */
    RANGE_SUFFIX, /* the last `count` bytes */
};

/* What was asked, before the object's size is known. Numbers beyond 64 bits are kept as the greatest one. */
struct range_spec {
    enum range_kind kind;
    uint64_t first, last, count;
};

void range_parse(struct bytes value, struct range_spec *ret);

enum range_answer {
    RANGE_WHOLE,         /* 200, no Content-Range */
    RANGE_PARTIAL,       /* 206 with Content-Range, also when the range covers the whole object */
    RANGE_UNSATISFIABLE, /* 416 InvalidRange */
};

/* ret_first and ret_length are set for WHOLE (0, size) and PARTIAL; PARTIAL's length is never 0. */
enum range_answer range_resolve(const struct range_spec *spec, uint64_t size, uint64_t *ret_first,
                                uint64_t *ret_length);

enum copy_range_answer {
    COPY_RANGE_OK,
    COPY_RANGE_MALFORMED, /* 400 InvalidArgument "The x-amz-copy-source-range value must be of the form ..." */
    COPY_RANGE_PAST_END,  /* 400 InvalidArgument "Range specified is not valid for source object of size: N" */
    COPY_RANGE_NO_BYTES,  /* begins behind the end: 400 InvalidRequest "The specified copy range is invalid for ..." */
};

/* `bytes=first-last` and nothing else. The output is set on COPY_RANGE_OK only. */
enum copy_range_answer range_copy_source(struct bytes value, uint64_t size, uint64_t *ret_first, uint64_t *ret_length);

#endif
