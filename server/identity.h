/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asking. What they may is the business of server/authorize.h.
 * Today there is one account with its root; users, roles and policies join behind the same two calls.
 * Threads: any; both are pure apart from reading the settings.
 */
#ifndef PAIL_SERVER_IDENTITY_H
#define PAIL_SERVER_IDENTITY_H

#include "base/bytes.h"
#include "server/auth/auth.h"

struct config;
struct principal;
struct req;

#define ROOT_ACCOUNT_ID "000000000000"
/* The account's canonical user id, as Owner shows it: 64 hex digits. */
#define ROOT_CANONICAL_ID "5a6f1f2b7d3c4e8f9a0b1c2d3e4f50617283940a1b2c3d4e5f60718293a4b5c6"

struct identity {
    bool anonymous;
    bool root;
    struct bytes account; /* account id; empty when anonymous */
    struct bytes canonical_id;
    struct bytes access_key;
    /* Caller, policies, tags: server/iam/identities.h. Never NULL once the request is authenticated; anonymous ones
     * have principal_anonymous(). */
    const struct principal *principal;
};

/* The key look-up for auth_verify; ctx is the struct req. */
auth_lookup_f identity_lookup;
/* After a successful verification of the request: r->auth. */
void identity_from_auth(struct req *, struct identity *ret);
/* Is it the default root, from elsewhere? Then nothing is allowed; the text says why, NULL otherwise. */
const char *identity_refused_here(const struct req *);

#endif
