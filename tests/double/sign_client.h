/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small client-side signer for tests: Signature Version 4 in the Authorization header, in presigned queries and in
 * aws-chunked bodies. Written from AWS's description and sharing no code with server/, so that an error in one does not
 * hide in the other. Plain C strings; results are malloc'ed and the caller's. Not for production: it aborts on misuse.
 * Threads: any.
 */
#ifndef PAIL_TESTS_SIGN_CLIENT_H
#define PAIL_TESTS_SIGN_CLIENT_H

#include <stddef.h>

#define SIGN_UNSIGNED         "UNSIGNED-PAYLOAD"
#define SIGN_CHUNKED          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
#define SIGN_CHUNKED_TRAILER  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
#define SIGN_CHUNKED_UNSIGNED "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
#define SIGN_EMPTY_SHA256     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct sign_pair {
    const char *name, *value;
};

struct sign_keys {
    const char *access, *secret;
    const char *region, *service; /* NULL: us-east-1, s3 */
};

struct sign_request {
    const char *method;
    const char *path;               /* as the key is meant: not encoded; "/bucket/a b" */
    const struct sign_pair *params; /* not encoded */
    size_t param_count;
    const struct sign_pair *headers; /* all that shall be signed: host, x-amz-date, x-amz-content-sha256, ... */
    size_t header_count;
    const char *payload; /* last line of the canonical request */
    const char *date;    /* 20130524T000000Z */
};

/* Value of the Authorization header. ret_signature, if not NULL, gets the bare signature: the seed of chunks. */
char *sign_authorization(const struct sign_keys *keys, const struct sign_request *r, char ret_signature[65]);

/* The encoded query of a presigned URL (r->params included), signature last. `token` may be NULL. */
char *sign_presign(const struct sign_keys *keys, const struct sign_request *r, const char *expires, const char *token);

/* Signature of one chunk, or of the trailers ("name:value\n" each, as one text), following `previous`. */
void sign_chunk(const struct sign_keys *keys, const char *date, const char *previous, const void *data, size_t n,
                char ret[65]);
void sign_trailers(const struct sign_keys *keys, const char *date, const char *previous, const char *lines,
                   char ret[65]);

void sign_sha256_hex(const void *p, size_t n, char ret[65]);
/* Percent-encoding as in canonical requests; malloc'ed. */
char *sign_encode(const char *s, int keep_slash);

#endif
