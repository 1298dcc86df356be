/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bucket says about access: its policy, its block of public access, who owns its objects, its access list. Read
 * from the store's settings once for each change of them and kept parsed; and the stored forms of these documents.
 *
 * A setting that was never made has AWS's defaults of today: all public access is blocked, the bucket's owner owns
 * everything, the list is the owner's alone. Settings that a client has deleted are something else ("none is set"), so
 * they are stored as such.
 *
 * Ownership: access_of_bucket ties its result to the arena. Threads: any; nothing waits.
 */
#ifndef PAIL_SERVER_ACCESS_H
#define PAIL_SERVER_ACCESS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "server/iam/acl.h"
#include "server/iam/policy.h"
#include "store.h"

struct access_cache;
struct server;

/* Who writes without a signature: the owner of its objects where writers own them. */
#define ACCESS_ANONYMOUS "anonymous"

struct public_access { /* the four switches of PublicAccessBlock */
    bool block_acls, ignore_acls, block_policy, restrict_buckets;
};

struct bucket_access {
    const struct iam_policy *policy; /* NULL: none */
    bool policy_broken;              /* there is one that cannot be read: nobody may act on it as if there were none */
    struct public_access block;
    bool block_set; /* false: it was deleted */
    enum acl_ownership ownership;
    bool ownership_set; /* false: it was deleted, and writers own their objects */
    struct acl acl;     /* with its owner, also while lists play no role */
    bool public_policy; /* the policy is public */
};

struct access_cache *access_cache_create(void);
void access_cache_free(struct access_cache **); /* accepts NULL inside */

/* STORE_OK, or why the settings cannot be read. */
int access_of_bucket(struct server *, const struct store_bucket *, struct arena *, const struct bucket_access **ret);
/* The account's own block: all false when none is set; *ret_set (may be NULL) tells. STORE_*. */
int access_of_account(struct server *, struct bytes account, struct arena *, struct public_access *ret, bool *ret_set);
int access_put_account(struct server *, struct bytes account,
                       const struct public_access *); /* NULL: deletes [worker] */

/* ---- stored forms ---- */

/* NULL: "none is set". Constant or in the arena. */
struct bytes access_encode_block(struct arena *, const struct public_access *);
bool access_decode_block(struct bytes, struct public_access *ret, bool *ret_set);
struct bytes access_encode_ownership(const enum acl_ownership *);
/* Grants alone; the owner is known from elsewhere. Groups and accounts only. */
struct bytes access_encode_acl(struct arena *, const struct acl *);
/* The empty value is the owner's own list. False: damage. */
bool access_decode_acl(struct arena *, struct bytes, struct bytes owner, struct acl *ret);

/* ---- accounts ---- */

/* The canonical id of an account; an unknown account's is empty. */
struct bytes access_canonical_id(struct server *, struct bytes account, struct arena *);
bool access_canonical_exists(struct server *, struct bytes canonical_id, struct arena *);
/* False: nobody has this address. */
bool access_canonical_of_email(struct server *, struct bytes email, struct arena *, struct bytes *ret);

#endif
