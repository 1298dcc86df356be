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

enum op_level {
    ON_SERVICE,
    ON_BUCKET,
    ON_OBJECT,
    ON_CONTROL, /* S3 Control: of an account */
    ON_OWN,     /* the server's own, by path: server/own_ops.h */
};

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

/* For authorize.c: */
#define OP_EACH_KEY    32u   /* no right is needed for the request, but for each key in it: DeleteObjects */
#define OP_OWNER_ONLY  64u   /* of the bucket's account alone, whatever policies say */
#define OP_BODY_FACTS  128u  /* policies may ask for what the body says: the handler calls authorize_body */
#define OP_MAKES       256u  /* an object, or the upload of one, from headers */
#define OP_CREATES     512u  /* the object is there afterwards: s3:ObjectCreationOperation */
#define OP_DELETES     1024u /* an object or version */
#define OP_QUERY       4096u /* IAM and STS: the action and the right it needs are in the form */
#define OP_READS_ABOUT 2048u /* an object: GetObjectAttributes */
#define OP_FIRST_ROOT  8192u /* for the root of the first account alone, signed with version 4 and the body's hash */

#define OP_OWN_SELF                                                                                                    \
    16384u /* of the server's own: whoever signs; the handler decides, since it may be about himself                   \
            */

#define OP_OWN_ANY 32768u /* beside it: of any account */

#define OP_AT_CONSOLE 65536u  /* beside OP_PUBLIC: the console's listener lets strangers ask, too */
#define OP_SIGN_IN    131072u /* beside it: a try to sign in, of which the console's listener counts the failed ones */

struct s3_op {
    const char *name;
    enum http_method method;
    enum op_level level;
    const char *query;  /* this parameter must be there ... */
    const char *value;  /* ... with this value, if not NULL */
    const char *query2; /* and this one */
    const char *header; /* and this header (or hoisted parameter) */
    const char *path;   /* ON_OWN */
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
/*
 * The actions that an operation needs beyond its row's: those whose flag the row has and whose header was sent.
 */
struct op_extra {
    unsigned flag;
    const char *header; /* NULL: always */
    const char *only;   /* this value alone, in any case; NULL: any */
    const char *unless; /* any value but this */
    const char *action, *version_action;
};
const struct op_extra *op_extra_table(size_t *ret_n);

/* The table, for tests and documents. */
const struct s3_op *op_table(size_t *ret_n);

#endif
