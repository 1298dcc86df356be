/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request: everything known about it, the steps it goes through, and what handlers may do with it.
 *
 * Handlers (server/api/) are told the target, the parameters, the bucket and the caller; they fill in the reply or fail
 * with an error. They make no access checks, write no XML by hand and touch no files. Threads: the loop's, except while
 * a job runs (document handlers, body pieces): then the worker's alone.
 */
#ifndef PAIL_SERVER_REQ_H
#define PAIL_SERVER_REQ_H

#include "base/arena.h"
#include "base/bytes.h"
#include "s3_error.h"
#include "server/auth/auth.h"
#include "server/console.h"
#include "server/http/head.h"
#include "server/http/uri.h"
#include "server/identity.h"
#include "server/payload.h"
#include "store.h"

struct authorization;
struct conn;
struct form;
struct server;
struct s3_op;
struct xml_doc;
struct query_call;

#define REQ_ID_TEXT 16 /* upper-case hex */
#define REQ_HOST_ID 56
#define REQ_LOCKED  "Access Denied because object protected by object lock."
#define REQ_EXTRAS  10                  /* elements of an error body beside Code and Message */
#define REQ_DOC_MAX (16u * 1024 * 1024) /* bytes of a reply document */

struct req_error {
    enum s3_error code;
    int status;          /* 0: the code's own */
    const char *message; /* NULL: the code's own */
    struct s3_error_extra extras[REQ_EXTRAS];
    size_t n_extras;
};

struct resp {
    int status;
    struct buf headers; /* complete lines, beyond those of every reply */
    struct buf doc;     /* a document made by the handler */
    const char *content_type;
    struct bytes body;            /* what follows the head: the document, or an inline object */
    struct store_read *read;      /* an object that is streamed, `length` bytes */
    uint64_t length;              /* Content-Length, also where nothing is sent (HEAD) */
    bool no_length;               /* 204, 304 */
    bool broken;                  /* the connection was reset in the middle */
    struct trace *trace;          /* the reply has no end: server/admin_api/trace.h */
    struct scrape_memory *scrape; /* whose buffer `doc` has */
};

struct req {
    struct conn *conn;
    struct server *server;
    struct arena *arena;
    char id[REQ_ID_TEXT + 1], host_id[REQ_HOST_ID + 1];
    uint64_t began_ns, first_byte_ns; /* of the request; of the reply, 0: there was none */
    uint64_t ended_ns;                /* 0 until then */
    bool replied;                     /* to its last byte */
    int64_t now_ms;                   /* wall clock at the beginning */

    struct http_head head;
    bool head_ok;
    bool continued; /* "100 Continue" was said */
    struct bytes raw_path;
    struct query query;
    bool on_bucket, on_object;
    struct bytes bucket_name, key;

    enum console_place console;
    bool console_signin;     /* counted as a guess of a secret until it is known to be none */
    unsigned console_wait_s; /* that it was told to wait instead */

    const struct s3_op *op;
    struct auth_result auth;
    bool unverified; /* of IAM and STS: to be authenticated once the body is there */
    bool hoisted;    /* presigned, with headers of the request among its parameters */
    struct identity who;
    struct query_call *query_call;       /* of IAM and STS: server/iam/query.h */
    struct store_bucket bucket;          /* for operations on an existing bucket */
    struct authorization *authorization; /* authorize.c */
    const char *decided_by; /* whose word the last decision was, for the audit log; NULL: none was needed */
    bool denied;            /* that decision */

    struct payload *payload;
    struct form *form;         /* of a form upload: server/form.h */
    struct buf body;           /* of document operations */
    struct store_write *write; /* of uploads */
    bool show_checksum;        /* of a part: the reply names it */
    struct bytes envelope;     /* of the key of what is made: what the reply tells (server/sse.h) */
    uint64_t body_bytes;
    size_t charged; /* its part of the server's document_bytes */

    struct resp resp;
    struct req_error err;
};

/* ---- for handlers ---- */

/* Parameter, decoded; p NULL when absent, "" when it has no value. */
struct bytes req_param(const struct req *, const char *name);
bool req_has_param(const struct req *, const char *name);
/*
 * Header by name in lower case, or, in presigned requests, the query parameter of that name (SDKs hoist x-amz-* there).
 * In form uploads fields stand for the headers that say what is to be stored. p NULL when absent.
 */
struct bytes req_header(const struct req *, const char *name);

/* Of a form upload, once its fields are known. 0, or -1 after req_fail. */
int req_authenticate_form(struct req *, const struct auth_param *fields, size_t n);
int req_authorize(struct req *);
/* Of IAM and STS, with the whole body there. 0, or -1 after req_fail. On the worker that has the request. */
int req_authenticate_body(struct req *);

/* All answer -1, so that a handler can `return req_fail(...)`. */
int req_fail(struct req *, enum s3_error);
int req_failf(struct req *, enum s3_error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int req_fail_argument(struct req *, const char *name, struct bytes value, const char *message); /* InvalidArgument */
int req_fail_store(struct req *, int store_rc);
int req_extra(struct req *, const char *name, struct bytes value); /* one more element of the error */
int req_fail_write(struct req *, int store_rc);                    /* of an upload: digests, conditions */
int req_fail_md5(struct req *, const unsigned char sent[16], const unsigned char computed[16]);
/* x-amz-expected-bucket-owner and its like: absent, or the owner's account id. */
int req_check_owner(struct req *, const char *header, struct bytes owner);
/* Content-MD5: 1 and the digest, 0 when it was not sent, -1 (InvalidDigest is set). */
int req_content_md5(struct req *, unsigned char ret[16]);

void resp_header(struct req *, const char *name, struct bytes value);
void resp_headerf(struct req *, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* What was rendered into resp.doc becomes the reply; 200 unless a status was set. */
int resp_rendered(struct req *);
/* A document by its table. */
int resp_document(struct req *, const struct xml_doc *, const void *object);
/* Parses the request body by its table. */
int req_document(struct req *, const struct xml_doc *, void *ret);

/* ---- for the connection ---- */

struct req *req_begin(struct conn *); /* in the connection's arena; the first byte has come */
void req_end(struct req *);           /* logs and releases what the arena does not */
/* False: more is wanted. True: the request went on, the connection's state has changed. */
bool req_parse_head(struct req *, struct bytes in);
bool req_has_body(const struct req *);                /* the head announced one */
void req_body_whole(struct req *, struct bytes body); /* loop: a small body, all of it */
int req_body_feed(struct req *, struct bytes piece);  /* worker */
void req_body_end(struct req *);                      /* worker, after the last piece; posts the completion itself */
void req_respond_error(struct req *);
void req_fail_framing(struct req *);
void req_timed_out(struct req *);
void req_overloaded(struct req *);

#endif
