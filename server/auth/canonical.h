/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical request of Signature Version 4 as S3 wants it (the path encoded once, not normalised), for verifying
 * and for signing. Pure text work: no keys, no clock.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
#ifndef PAIL_SERVER_AUTH_CANONICAL_H
#define PAIL_SERVER_AUTH_CANONICAL_H

#include "server/auth/auth.h"

/* The names of a SignedHeaders list. */
struct canonical_names {
    struct bytes name[AUTH_SIGNED_HEADERS_MAX];
    size_t count;
};

/* Splits `a;b;c`. False unless every name is a lower-case header name and each sorts after the one before it. */
bool canonical_names_parse(struct bytes list, struct canonical_names *ret);
bool canonical_names_has(const struct canonical_names *names, struct bytes name); /* `name` in any case */

struct canonical_input {
    const struct auth_request *req;
    const struct canonical_names *names;
    struct bytes signed_headers; /* the list as text */
    struct bytes payload;        /* last line: a hash in hex, or UNSIGNED-PAYLOAD, ... */
    struct bytes host;           /* stands in for the Host header's value when not empty */
    bool presigned;              /* leave X-Amz-Signature out of the query */
};

/*
 * Builds the text in the arena. *ret_absent tells that a header is listed as signed but is not in the request: nothing
 * may verify then, for "absent" and "empty" would sign alike.
 */
struct bytes canonical_build(const struct canonical_input *in, struct arena *arena, bool *ret_absent);

/* Appends `in` percent-encoded (A-Z a-z 0-9 - . _ ~ stay, `/` too if asked) at `w`; returns the end. 3 * n at most. */
char *canonical_encode(char *w, struct bytes in, bool keep_slash);

#endif
