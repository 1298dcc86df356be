/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Tokens of identity providers (RFC 7519) and the keys that they are signed with (RFC 7517): RS256 and ES256,
 * nothing else, whatever a token says about itself. What a token claims means nothing before jwt_verify said JWT_OK.
 * Ownership: all in the arena. Threads: pure.
 */
#ifndef PAIL_SERVER_IAM_JWT_H
#define PAIL_SERVER_IAM_JWT_H

#include <jansson.h>

#include "base/bytes.h"

struct arena;

#define JWT_MAX       20000        /* characters of a token */
#define JWKS_MAX      (256 * 1024) /* bytes of a set of keys */
#define JWKS_KEYS_MAX 64           /* keys of a set that are looked at */
#define JWT_RSA_MIN   2048         /* bits of a modulus */
#define JWT_RSA_MAX   8192

enum jwt_result {
    JWT_OK,
    JWT_MALFORMED,
    JWT_BAD_ALGORITHM, /* none, a secret's HMAC, or another that is not taken */
    JWT_BAD_KEYS,      /* the set of keys is none */
    JWT_NO_KEY,        /* no key of this id and kind */
    JWT_BAD_SIGNATURE,
};

enum jwt_algorithm { JWT_RS256, JWT_ES256 };

struct jwt {
    enum jwt_algorithm algorithm;
    struct bytes key_id; /* empty: none */
    json_t *claims;
    struct bytes content, signature; /* what is signed, and by what */
};

enum jwt_result jwt_parse(struct arena *, struct bytes text, struct jwt *ret);
/* Against a set of keys as JSON. */
enum jwt_result jwt_verify(struct arena *, const struct jwt *, struct bytes jwks);

struct bytes jwt_text(const struct jwt *, const char *claim);         /* empty: absent or no text */
bool jwt_number(const struct jwt *, const char *claim, int64_t *ret); /* seconds, rounded down */
bool jwt_has_audience(const struct jwt *, struct bytes audience);     /* aud is it, or has it */
/* The values of a claim that is a text or an array of texts. */
size_t jwt_texts(struct arena *, const struct jwt *, const char *claim, struct bytes **ret);

#endif
