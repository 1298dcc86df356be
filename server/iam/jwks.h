/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that identity providers sign with, fetched from them as OpenID Connect Discovery says: the document at
 * ISSUER/.well-known/openid-configuration must name the issuer as itself, and tells where the set of keys lies.
 *
 * Keys are kept for JWKS_TTL_MS; while their provider does not answer, for JWKS_STALE_MS. A provider that fails is
 * left alone for JWKS_RETRY_MS, and whoever asks for newer keys (a token names one that is not there) gets them fetched
 * at most once in JWKS_REFETCH_MS: strangers can make the server ask, but not often. One fetch goes on per provider;
 * JWKS_FETCHES and JWKS_WAITERS bound how many threads providers that do not answer can hold in all.
 *
 * Spoken is https; plain http only to loopback, and only for an issuer that is itself of http. Redirects are refused.
 * Threads: any that may block.
 */
#ifndef PAIL_SERVER_IAM_JWKS_H
#define PAIL_SERVER_IAM_JWKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct arena;
struct jwks;

#define JWKS_PROVIDERS     128 /* whose keys are kept; beyond, those asked for least recently go */
#define JWKS_TTL_MS        (60 * 60 * 1000)
#define JWKS_STALE_MS      (24 * 60 * 60 * 1000)
#define JWKS_RETRY_MS      (30 * 1000)
#define JWKS_REFETCH_MS    (10 * 1000)
#define JWKS_FETCH_MS      4000 /* for each of the two requests */
#define JWKS_WAIT_MS       5000 /* for another thread's fetch */
#define JWKS_FETCHES       4
#define JWKS_WAITERS       8
#define JWKS_URL_MAX       512
#define JWKS_DISCOVERY_MAX (64 * 1024) /* bytes of the first document; of the keys: JWKS_MAX */

/* Gets a document of at most `max` bytes. False: there is none, and one clear line in ret_error. */
typedef bool jwks_fetch_f(void *ctx, struct arena *, const char *url, size_t max, struct bytes *ret,
                          char ret_error[256]);

struct jwks *jwks_create(jwks_fetch_f *, void *ctx); /* NULL: over HTTP */
void jwks_free(struct jwks **);

struct jwks_set {
    struct bytes text; /* JSON, in the arena */
    uint64_t serial;   /* another number for other keys */
};

/*
 * The keys of an issuer ("https://idp.example.com/realms/one"). `but` 0: any that are good; the serial of a set that
 * did not do: newer ones. `now_ms`: of clock_mono_ms. False: there are none; the reason was logged.
 */
bool jwks_get(struct jwks *, struct arena *, struct bytes issuer, uint64_t but, int64_t now_ms, struct jwks_set *ret);

/* What an issuer's discovery document says of signing in there; asked for as its keys are. */
struct jwks_sign_in {
    struct bytes authorization; /* where people go */
    struct bytes token;         /* where codes are exchanged; empty: it does not say */
    bool has_code;              /* codes with PKCE (S256) are to be had, by what it says */
    bool has_fragment;          /* it says that it answers in fragments, too */
};

/* False: it is not known where people sign in. */
bool jwks_sign_in(struct jwks *, struct arena *, struct bytes issuer, int64_t now_ms, struct jwks_sign_in *ret);

/* May the server send a request there? `plain`: http to loopback will do, too. */
bool jwks_url_good(struct bytes url, bool plain);

#endif
