/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearers of a token that `mc admin prometheus generate` makes: a JSON Web Token, HS512, signed with the secret key of
 * the access key that it names (iss "prometheus", sub the access key, exp). It is good for reading metrics alone.
 * Threads: any.
 */
#ifndef PAIL_SERVER_BEARER_H
#define PAIL_SERVER_BEARER_H

#include <stdint.h>

#include "base/bytes.h"

struct req;

#define BEARER_MAX    4096 /* characters of a token */
#define BEARER_ISSUER "prometheus"

/* Sets r->who to the owner of the key. 0, or -1 after req_fail. */
int bearer_authenticate(struct req *);

/* For tests: the claims' access key, with what is signed and by what. False: not such a token. */
struct bearer {
    struct bytes access_key, content;
    unsigned char signature[64];
    int64_t expires_s;
};
struct arena;
bool bearer_parse(struct arena *, struct bytes token, struct bearer *ret);
/* Is it signed with this key? */
bool bearer_verify(const struct bearer *, struct bytes secret);

#endif
