/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to either side: signed, sent, tried again when what failed may pass, within the limit of the rate. Replies
 * and errors live in the line's arena. Threads: any, each with its line.
 */
#ifndef PAIL_ADMIN_TRANSFER_S3_H
#define PAIL_ADMIN_TRANSFER_S3_H

#include "admin/transfer/transfer.h"
#include "http_client.h"

struct s3_call {
    const char *method, *bucket; /* a bucket, or NULL */
    struct bytes key;            /* empty: the bucket itself */
    const char *query;           /* encoded, without "?"; NULL: none */
    const struct http_client_header *headers;
    size_t n_headers;
    struct bytes body;
    char *into; /* for the body of a good reply */
    size_t into_room;
    bool data; /* it carries objects: counts for the limit, and may take long */
    bool once; /* when it answers BadDigest: the bytes are to be read again first */
    /* After an attempt whose end is not known: has it come to pass? True: *ret is filled as if it had answered. */
    bool (*landed)(void *arg, struct http_client_reply *ret);
    void *landed_arg;
};
struct s3_error {
    char code[64], message[320];
};

/* The status; 0: no answer, or the run was ended. Retried with growing pauses. Error set unless 2xx. */
int s3_send(struct line *, const struct place *, const struct s3_call *, struct http_client_reply *ret,
            struct s3_error *);
bool s3_good(int status);
/* Asks for checksums, with a GET or HEAD. */
extern const struct http_client_header s3_with_checksums;
/* HEAD of an object, with its checksums. As s3_send. */
int s3_head(struct line *, const struct place *, const char *bucket, struct bytes key, const char *query,
            struct http_client_reply *ret, struct s3_error *);
/* The size of a part that an object was made of, from 1 on; 0: it was made in one, or nobody knows. */
uint64_t s3_part_size(struct line *, const struct place *, const char *bucket, struct bytes key, const char *query,
                      size_t number, struct http_client_reply *ret_head);
/* Milliseconds before attempt `n` (from 1); `retry_after`: of the header, or NULL. Pure but for chance. */
unsigned s3_pause_ms(unsigned n, const char *retry_after);
/* Waits. False: the run was ended meanwhile, which it notices within a fraction of a second. */
bool s3_pause(const struct transfer *, unsigned ms);
bool s3_worth_retry(int status, const char *code); /* pure */

#endif
