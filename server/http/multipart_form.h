/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart/form-data (RFC 7578, RFC 2046), as browsers send it, read piece by piece: nothing is kept of a part's data,
 * and of its head no more than FORM_HEAD_MAX bytes.
 *
 * Strict where a second reader could see other parts than we do: lines end with CR LF, nothing stands before the first
 * boundary but one line end, every part has exactly one Content-Disposition of type form-data with exactly one name.
 * Threads: one at a time; all state is in the struct.
 */
#ifndef PAIL_SERVER_HTTP_MULTIPART_FORM_H
#define PAIL_SERVER_HTTP_MULTIPART_FORM_H

#include "base/bytes.h"

#define FORM_BOUNDARY_MAX 70         /* RFC 2046 */
#define FORM_HEAD_MAX     (8 * 1024) /* bytes of a part's header lines, their ends and the empty line included */
#define FORM_PADDING_MAX  16         /* spaces behind a boundary */
#define FORM_NAME_MAX     256        /* bytes of a field's name */

enum form_event {
    FORM_MORE = 0, /* the input is used up */
    FORM_PART,     /* the next part begins: name and filename */
    FORM_DATA,     /* some of its data, never empty */
    FORM_PART_END,
    FORM_END, /* the last boundary; whatever comes behind it is skipped */
    FORM_BAD_BOUNDARY,
    FORM_BAD_HEAD,
    FORM_LONG_HEAD,
};

static inline bool form_failed(enum form_event e)
{
    return e >= FORM_BAD_BOUNDARY;
}

/* FORM_PART: valid until the next part. FORM_DATA: points into the input or the parser, until the next call. */
struct form_item {
    struct bytes name;     /* UTF-8 without control characters, not empty */
    struct bytes filename; /* as sent; p NULL: there is none */
    struct bytes data;
};

struct multipart_form {
    int state;
    enum form_event failed;
    char delimiter[4 + FORM_BOUNDARY_MAX]; /* CR LF -- boundary */
    size_t delimiter_n;
    size_t matched; /* bytes of it that are seen, when the input ended inside */
    size_t padding;
    char head[FORM_HEAD_MAX];
    size_t head_n, line_at;
    struct bytes name, filename;
};

/* The boundary of this Content-Type. False: it is not multipart/form-data (*ret_form false), or has no good one. */
bool form_boundary(struct bytes content_type, bool *ret_form, struct bytes *ret);

void form_init(struct multipart_form *, struct bytes boundary); /* 1 to FORM_BOUNDARY_MAX bytes */
/* The next event; takes what it used off the front of *in. A failure is final. */
enum form_event form_next(struct multipart_form *, struct bytes *in, struct form_item *ret);
bool form_ended(const struct multipart_form *); /* the last boundary was there */

#endif
