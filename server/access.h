/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bucket says about access: its policy, its block of public access, who owns its objects, its access list; and
 * how new objects are kept: encrypted, compressed. Read from the store's settings once for each change of them and kept
 * parsed; and the stored forms of these documents.
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
#include "keyring.h"
#include "store.h"

struct parsed_cache;
struct server;

/* Who writes without a signature: the owner of its objects where writers own them. */
#define ACCESS_ANONYMOUS "anonymous"

/* A bucket's tag that switches compression for it, whatever --compress says: on or off. */
#define ACCESS_COMPRESS_TAG "pail:compress"

struct public_access { /* the four switches of PublicAccessBlock */
    bool block_acls, ignore_acls, block_policy, restrict_buckets;
};

struct bucket_encryption { /* of objects whose request asks for none */
    bool set;              /* false: the server's default */
    enum sse_method method;
    struct bytes key_id; /* as it was put; empty: none */
    bool bucket_key;
    bool block_customer; /* nobody may bring keys of his own (SSE-C) */
};
enum bucket_compress { BUCKET_COMPRESS_UNSAID, BUCKET_COMPRESS_ON, BUCKET_COMPRESS_OFF };

struct bucket_access {
    const struct iam_policy *policy; /* NULL: none */
    bool policy_broken;              /* there is one that cannot be read: nobody may act on it as if there were none */
    struct public_access block;
    bool block_set; /* false: it was deleted */
    enum acl_ownership ownership;
    bool ownership_set; /* false: it was deleted, and writers own their objects */
    struct acl acl;     /* with its owner, also while lists play no role */
    bool public_policy; /* the policy is public */
    struct bucket_encryption encryption;
    enum bucket_compress compress; /* by the bucket's tag ACCESS_COMPRESS_TAG */
};

struct parsed_cache *access_cache_create(void);

/* STORE_OK, or why the settings cannot be read. */
int access_of_bucket(struct server *, const struct store_bucket *, struct arena *, const struct bucket_access **ret);
/* The account's own block: all false when none is set; *ret_set (may be NULL) tells. STORE_*. */
int access_of_account(struct server *, struct bytes account, struct arena *, struct public_access *ret, bool *ret_set);
int access_put_account(struct server *, struct bytes account,
                       const struct public_access *); /* NULL: deletes [worker] */

/* ---- stored forms ---- */

/* SSEAlgorithm of a bucket's encryption; SSE_NONE: there is no such algorithm. */
enum sse_method access_sse_method(struct bytes algorithm);
const char *access_sse_name(enum sse_method); /* of S3, KMS and KMS_DSSE: as on the wire */
/* The document of a bucket's encryption, judged and rendered before (server/api/encryption.c). False: damage. */
bool access_decode_encryption(struct arena *, struct bytes, struct bucket_encryption *ret);
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
