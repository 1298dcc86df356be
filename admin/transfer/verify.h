/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that bytes arrive as they are: a pledge is what the destination is told beforehand that a body has to be.
 * Threads: any; what is learnt of the destination is shared by all.
 */
#ifndef PAIL_ADMIN_TRANSFER_VERIFY_H
#define PAIL_ADMIN_TRANSFER_VERIFY_H

#include "admin/transfer/carry.h"
#include "admin/transfer/s3.h"
#include "admin/transfer/transfer.h"
#include "checksum.h"
#include "http_client.h"

/* Its headers point into it: it is not to be copied. */
struct pledge {
    struct http_client_header headers[2];
    size_t n;
    char md5[25], hex[33]; /* in base64 and in hex; "": not told */
    enum checksum_alg alg; /* NONE: not told */
    char sum[CHECKSUM_MAX_BYTES * 4 / 3 + 5];
};

/* Of the MD5 that the body is known to have (NULL: none), or of its sum (NULL: of none); an MD5 only if need be. */
void pledge_make(struct line *, struct bytes data, const char *known_md5, const struct checksum_value *sum,
                 struct pledge *ret);
/* It was refused, since the destination does not know such sums: the next pledge is without. */
bool pledge_not_known(struct line *, const struct pledge *, int status, const struct s3_error *);
/* What a good answer says to it. False, and the error: something else arrived. */
bool pledge_kept(struct line *, const struct pledge *, struct bytes data, const struct http_client_reply *,
                 char error[400]);
/* The object with that head has just these bytes. */
bool pledge_is(struct line *, const struct pledge *, const struct http_client_reply *head);

bool checksum_combines(int alg);                                      /* of the parts follows that of the whole. Pure */
bool checksum_is(const struct checksum_value *, struct bytes base64); /* pure */
/* The bytes are those that the source's ETag or checksum tells of; true where it tells of none. Pure. */
bool carried_matches(const struct carried *, struct bytes data);

#endif
