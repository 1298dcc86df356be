/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object carries beside its bytes: from the head of the source's answer to the head of the request that makes
 * it at the destination. Threads: workers.
 */
#ifndef PAIL_ADMIN_TRANSFER_CARRY_H
#define PAIL_ADMIN_TRANSFER_CARRY_H

#include "admin/transfer/s3.h"
#include "admin/transfer/transfer.h"
#include "http_client.h"

#define CARRIED_MAX      160
#define NOTE_MTIME       "x-amz-meta-mtime"            /* when the object was last changed, as rclone notes it */
#define NOTE_SOURCE_ETAG "x-amz-meta-pail-source-etag" /* by which the next run knows it again */

/* Points into the reply that it was made of, and into the line's arena. */
struct carried {
    struct http_client_header headers[CARRIED_MAX];
    size_t n;
    const char *etag; /* of the source; "" of a file */
    bool md5;         /* which is the MD5 of the bytes */
    bool opaque;      /* which says nothing of the bytes */
    int64_t mtime_ns;
    struct bytes checksum; /* base64, of the whole object; empty: none */
    int checksum_alg;      /* enum checksum_alg */
};

/* From the head of a GET or HEAD of the source; tags are asked for when there are any. False: a line in error. */
bool carry_object(struct line *, const struct job *, const struct version *, const struct http_client_reply *,
                  struct carried *ret, char error[400]);
void carry_file(struct line *, struct bytes key, int64_t mtime_ns, struct carried *ret);
/*
 * A request that makes an object, as s3_send; sent anew without what the destination turns out not to know, which is
 * noted for all that follow. Its headers are what is carried, then `more`.
 */
int carry_send(struct line *, struct s3_call *, const struct carried *, const struct http_client_header *more,
               size_t n_more, struct http_client_reply *, struct s3_error *);

#endif
