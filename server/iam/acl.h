/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control lists: grants on a bucket or an object, the older of S3's two ways to share. A list only ever allows.
 *
 * Reading: which permission an action needs (acl_need), and by which grant somebody has it (acl_match); the answer is
 * one of the facts that server/iam/eval.h decides from. Writing: canned lists, grant headers, limits, what the
 * ownership setting and the public access block refuse.
 *
 * Grantees are accounts, by canonical id, and three groups; never IAM users. A grant by e-mail is a request to look an
 * account up: whoever stores a list replaces it by the canonical id first.
 * Ownership: lists lie in the arena of the call; texts are borrowed. Threads: pure functions.
 */
#ifndef PAIL_SERVER_IAM_ACL_H
#define PAIL_SERVER_IAM_ACL_H

#include "base/bytes.h"

struct arena;

#define ACL_MAX_GRANTS       100
#define ACL_CANONICAL_ID_LEN 64
/* The owner of what anonymous people write, as on AWS. */
#define ACL_ANONYMOUS_ID "65a011a29cdf8ec533ec3d1ccaae921c"

enum acl_permission {
    ACL_READ = 1,
    ACL_WRITE = 2,
    ACL_READ_ACP = 4,
    ACL_WRITE_ACP = 8,
    ACL_FULL_CONTROL = ACL_READ | ACL_WRITE | ACL_READ_ACP | ACL_WRITE_ACP,
};

enum acl_grantee { ACL_ACCOUNT, ACL_EMAIL, ACL_ALL_USERS, ACL_AUTHENTICATED_USERS, ACL_LOG_DELIVERY };

struct acl_grant {
    enum acl_grantee grantee;
    struct bytes id; /* ACCOUNT: canonical id; EMAIL: the address; groups: empty */
    enum acl_permission permission;
};

struct acl {
    struct bytes owner; /* canonical id */
    struct acl_grant *grants;
    size_t n, cap;
};

enum acl_ownership { ACL_BUCKET_OWNER_ENFORCED, ACL_BUCKET_OWNER_PREFERRED, ACL_OBJECT_WRITER };

/* --- names ------------------------------------------------------------------------------------------------------- */

const char *acl_permission_name(enum acl_permission); /* "FULL_CONTROL" */
bool acl_permission_of(struct bytes name, enum acl_permission *ret);
const char *acl_group_uri(enum acl_grantee); /* NULL: no group */
bool acl_group_of(struct bytes uri, enum acl_grantee *ret);
const char *acl_ownership_name(enum acl_ownership); /* "BucketOwnerEnforced" */
bool acl_ownership_of(struct bytes name, enum acl_ownership *ret);
bool acl_is_canonical_id(struct bytes); /* 64 hex digits in lower case */

/* --- making --------------------------------------------------------------------------------------------------------
 */

enum acl_fault {
    ACL_OK,
    ACL_UNKNOWN_CANNED,  /* InvalidArgument, ArgumentName x-amz-acl */
    ACL_BAD_URI,         /* InvalidArgument "Invalid group uri", ArgumentName uri */
    ACL_BAD_ID,          /* InvalidArgument "Invalid id", ArgumentName id */
    ACL_BAD_FORMAT,      /* InvalidArgument "Argument format not recognized" */
    ACL_TOO_MANY_GRANTS, /* InvalidRequest */
};
/* The message of S3; empty where it has none. */
const char *acl_fault_text(enum acl_fault);

/* The owner alone, with FULL_CONTROL. */
void acl_private(struct arena *, struct bytes owner, struct acl *ret);
/* "public-read" and the like. `bucket_owner` matters for objects only. */
enum acl_fault acl_canned(struct arena *, struct bytes name, struct bytes owner, struct bytes bucket_owner,
                          bool on_bucket, struct acl *ret);
/* An x-amz-grant-* header: id="...", uri="...", emailAddress="..."; its grants are added. Start with an empty list:
 * the owner is not added. */
enum acl_fault acl_add_header(struct arena *, struct bytes value, enum acl_permission, struct acl *acl,
                              struct bytes *ret_culprit);
enum acl_fault acl_add(struct arena *, struct acl *acl, struct acl_grant);

/* --- judging ---------------------------------------------------------------------------------------------------------
 */

/* Anything granted to all users or to all who are authenticated. */
bool acl_is_public(const struct acl *);
/* As IgnorePublicAcls shows and uses it: without its public grants. */
void acl_without_public(struct arena *, const struct acl *, struct acl *ret);
/*
 * May a write bring this where ownership is enforced? Canned bucket-owner-full-control, or the same as grants; `canned`
 * is the x-amz-acl header, empty without one, and then `grants` is what the grant headers say. Otherwise
 * AccessControlListNotSupported.
 */
bool acl_suits_enforced(struct bytes canned, const struct acl *grants, struct bytes bucket_owner);
/* Does it grant anything to anybody but its owner (InvalidBucketAclWithObjectOwnership)? */
bool acl_grants_others(const struct acl *);
/* Who owns an object that `writer` writes; `canned` is the x-amz-acl header, or empty. */
struct bytes acl_object_owner(enum acl_ownership, struct bytes canned, struct bytes writer, struct bytes bucket_owner);

/* What an action needs: of these bits one on the bucket's list, or one on the object's. 0: lists never allow it. */
struct acl_need {
    enum acl_permission bucket, object;
};
struct acl_need acl_need(struct bytes action); /* "s3:GetObject" */

/* By which grant a permission is had; the strongest for decisions first. */
enum acl_match {
    ACL_NO_MATCH,
    ACL_BY_ACCOUNT,       /* to the caller's account */
    ACL_BY_AUTHENTICATED, /* to all who are authenticated */
    ACL_BY_ALL_USERS,
};
/*
 * `canonical_id` of the caller's account; empty: anonymous. `log_delivery`: the caller is the service that writes
 * access logs. `need` 0 matches nothing.
 */
enum acl_match acl_match(const struct acl *, struct bytes canonical_id, bool log_delivery, enum acl_permission need);

#endif
