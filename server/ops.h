/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation table: one row per operation that the server knows. It is the map of the server; what has no row here
 * does not exist. Threads: constant.
 */
#ifndef PAIL_SERVER_OPS_H
#define PAIL_SERVER_OPS_H

#include <stddef.h>

#include "s3_error.h"
#include "server/http/head.h"

struct req;

enum op_level { ON_SERVICE, ON_BUCKET, ON_OBJECT };

enum op_kind {
    OP_LOOP,   /* no body; the handler runs on the loop and never waits (point look-ups in memory) */
    OP_DOC,    /* the whole body is read first, the handler runs on a worker */
    OP_UPLOAD, /* `handle` admits (on the loop) and sets r->write; the body streams into it; `finish` makes the reply */
};

#define OP_NEEDS_DIGEST 1u  /* Content-MD5 or x-amz-checksum-* is required (requestChecksumRequired in the model) */
#define OP_NO_BUCKET    2u  /* the bucket need not exist: CreateBucket */
#define OP_NAMES_REGION 4u  /* refusals name the bucket's region too, by which SDKs find it: HeadBucket */
#define OP_FORM         8u  /* an upload by a browser's form, which says itself who asks: server/form.h */
#define OP_PUBLIC       16u /* asks nobody for a right: preflight */

struct s3_op {
    const char *name;
    enum http_method method;
    enum op_level level;
    const char *query;  /* this parameter must be there ... */
    const char *value;  /* ... with this value, if not NULL */
    const char *query2; /* and this one */
    const char *header; /* and this header (or hoisted parameter) */
    enum op_kind kind;
    const char *action;         /* IAM */
    const char *version_action; /* IAM, instead of it when the request names a versionId; NULL: there is no other */
    size_t body_max;            /* bytes of a document's body; 0: a body is read and ignored up to OP_IGNORED_BODY */
    unsigned flags;
    int (*handle)(struct req *); /* 0, or -1 after req_fail; NULL: in S3's model, not here: NotImplemented */
    int (*finish)(struct req *); /* uploads */
};

#define OP_IGNORED_BODY (64u * 1024)

/*
 * The row for this request. NULL: *ret_error says why not (NotImplemented for operations of S3's model that Pail
 * lacks, MethodNotAllowed otherwise).
 */
const struct s3_op *op_match(const struct req *, enum s3_error *ret_error);
/* The table, for tests and documents. */
const struct s3_op *op_table(size_t *ret_n);

#endif
