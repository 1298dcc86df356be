/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: canned ones, grant headers, needs of actions, who matches, and what ownership and the public block make of it.
 */
#include "server/iam/acl.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

#define OWNER  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BUCKET "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OTHER  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char *grantee_name(const struct acl_grant *g)
{
    switch (g->grantee) {
    case ACL_ALL_USERS:
        return "all";
    case ACL_AUTHENTICATED_USERS:
        return "auth";
    case ACL_LOG_DELIVERY:
        return "log";
    case ACL_EMAIL:
        return "mail";
    case ACL_ACCOUNT:
        break;
    }
    return bytes_eq_str(g->id, OWNER) ? "owner" : bytes_eq_str(g->id, BUCKET) ? "bucket" : "other";
}

/* "owner FULL_CONTROL, all READ" */
static char *shown(struct arena *arena, const struct acl *acl)
{
    const char *text = "";
    for (size_t i = 0; i < acl->n; i++)
        text = arena_printf(arena, "%s%s%s %s", text, i ? ", " : "", grantee_name(&acl->grants[i]),
                            acl_permission_name(acl->grants[i].permission));
    return arena_printf(arena, "%s", text);
}

Test(acl, canned)
{
    static const struct {
        const char *name, *on_object, *on_bucket;
        bool is_public;
    } rows[] = {
        {"private", "owner FULL_CONTROL", "owner FULL_CONTROL", false},
        {"public-read", "owner FULL_CONTROL, all READ", "owner FULL_CONTROL, all READ", true},
        {"public-read-write", "owner FULL_CONTROL, all READ, all WRITE", "owner FULL_CONTROL, all READ, all WRITE",
         true},
        {"authenticated-read", "owner FULL_CONTROL, auth READ", "owner FULL_CONTROL, auth READ", true},
        {"aws-exec-read", "owner FULL_CONTROL, other READ", "owner FULL_CONTROL, other READ", false},
        {"bucket-owner-read", "owner FULL_CONTROL, bucket READ", "owner FULL_CONTROL", false},
        {"bucket-owner-full-control", "owner FULL_CONTROL, bucket FULL_CONTROL", "owner FULL_CONTROL", false},
        {"log-delivery-write", "owner FULL_CONTROL, log WRITE, log READ_ACP",
         "owner FULL_CONTROL, log WRITE, log READ_ACP", false},
    };
    struct arena *arena = arena_create(0);
    struct bytes owner = BYTES_LIT(OWNER), bucket = BYTES_LIT(BUCKET);
    struct acl acl;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(acl_canned(arena, bytes_str(rows[i].name), owner, bucket, false, &acl), ACL_OK);
        cr_expect_str_eq(shown(arena, &acl), rows[i].on_object);
        cr_expect_eq(acl_is_public(&acl), rows[i].is_public);
        cr_assert_eq(acl_canned(arena, bytes_str(rows[i].name), owner, bucket, true, &acl), ACL_OK);
        cr_expect_str_eq(shown(arena, &acl), rows[i].on_bucket);
    }
    cr_assert_eq(acl_canned(arena, BYTES_LIT("bucket-owner-read"), owner, owner, false, &acl), ACL_OK);
    cr_expect_str_eq(shown(arena, &acl), "owner FULL_CONTROL");
    cr_assert_eq(acl_canned(arena, BYTES_LIT("Public-Read"), owner, bucket, false, &acl), ACL_UNKNOWN_CANNED);
    cr_assert_eq(acl_canned(arena, BYTES_NONE, owner, bucket, false, &acl), ACL_UNKNOWN_CANNED);
    arena_free(arena);
}

#define ALL_USERS "http://acs.amazonaws.com/groups/global/AllUsers"

Test(acl, grant_headers)
{
    static const struct {
        const char *value, *grants;
        enum acl_fault fault;
    } rows[] = {
        {"id=\"" OWNER "\"", "owner READ", ACL_OK},
        {"id=" OWNER, "owner READ", ACL_OK},
        {" ID = \"" OWNER "\" , uri=\"" ALL_USERS "\"", "owner READ, all READ", ACL_OK},
        {"emailAddress=\"a@b.example\"", "mail READ", ACL_OK},
        {"uri=\"http://acs.amazonaws.com/groups/s3/LogDelivery\"", "log READ", ACL_OK},
        {"uri=\"http://acs.amazonaws.com/groups/global/allusers\"", "", ACL_BAD_URI},
        {"uri=", "", ACL_BAD_URI},
        {"id=\"ann\"", "", ACL_BAD_ID},
        {"id=\"" OWNER "a\"", "", ACL_BAD_ID},
        {"emailAddress=\"\"", "", ACL_BAD_FORMAT},
        {"user=\"ann\"", "", ACL_BAD_FORMAT},
        {"ann", "", ACL_BAD_FORMAT},
        {"", "", ACL_BAD_FORMAT},
        {"id=\"" OWNER "\",", "owner READ", ACL_BAD_FORMAT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_create(0);
        struct acl acl = {0};
        struct bytes culprit;
        cr_expect_eq(acl_add_header(arena, bytes_str(rows[i].value), ACL_READ, &acl, &culprit), rows[i].fault, "%s",
                     rows[i].value);
        cr_expect_str_eq(shown(arena, &acl), rows[i].grants, "%s", rows[i].value);
        arena_free(arena);
    }
    cr_assert_str_eq(acl_fault_text(ACL_BAD_ID), "Invalid id");
    cr_assert_str_eq(acl_fault_text(ACL_BAD_URI), "Invalid group uri");
    cr_assert_str_eq(acl_fault_text(ACL_BAD_FORMAT), "Argument format not recognized");
}

Test(acl, a_hundred_grants)
{
    struct arena *arena = arena_create(0);
    struct acl acl = {0};
    struct bytes culprit;
    for (int i = 0; i < ACL_MAX_GRANTS; i++)
        cr_assert_eq(acl_add_header(arena, BYTES_LIT("id=" OTHER), ACL_READ, &acl, &culprit), ACL_OK);
    cr_assert_eq(acl_add_header(arena, BYTES_LIT("id=" OTHER), ACL_READ, &acl, &culprit), ACL_TOO_MANY_GRANTS);
    cr_assert_eq(acl.n, ACL_MAX_GRANTS);
    arena_free(arena);
}

Test(acl, needs)
{
    static const struct {
        const char *action;
        unsigned bucket, object;
    } rows[] = {
        {"s3:ListBucket", ACL_READ, 0},
        {"s3:listbucketversions", ACL_READ, 0},
        {"s3:ListBucketMultipartUploads", ACL_READ, 0},
        {"s3:PutObject", ACL_WRITE, 0},
        {"s3:DeleteObject", ACL_WRITE, 0},
        {"s3:GetBucketAcl", ACL_READ_ACP, 0},
        {"s3:PutBucketAcl", ACL_WRITE_ACP, 0},
        {"s3:GetObject", 0, ACL_READ},
        {"s3:GetObjectVersion", 0, ACL_READ},
        {"s3:GetObjectAcl", 0, ACL_READ_ACP},
        {"s3:PutObjectVersionAcl", 0, ACL_WRITE_ACP},
        {"s3:GetObjectTagging", 0, 0},
        {"s3:PutObjectTagging", 0, 0},
        {"s3:DeleteObjectVersion", 0, 0},
        {"s3:PutObjectRetention", 0, 0},
        {"s3:GetBucketPolicy", 0, 0},
        {"s3:PutBucketVersioning", 0, 0},
        {"iam:GetUser", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct acl_need need = acl_need(bytes_str(rows[i].action));
        cr_expect(need.bucket == rows[i].bucket && need.object == rows[i].object, "%s", rows[i].action);
    }
}

Test(acl, who_matches)
{
    struct arena *arena = arena_create(0);
    struct bytes owner = BYTES_LIT(OWNER), other = BYTES_LIT(OTHER), nobody = BYTES_NONE;
    struct acl acl;
    acl_private(arena, owner, &acl);
    cr_assert_eq(acl_match(&acl, owner, false, ACL_WRITE_ACP), ACL_BY_ACCOUNT);
    cr_assert_eq(acl_match(&acl, other, false, ACL_READ), ACL_NO_MATCH);
    cr_assert_eq(acl_match(&acl, nobody, false, ACL_READ), ACL_NO_MATCH);
    cr_assert_eq(acl_match(&acl, owner, false, 0), ACL_NO_MATCH);
    acl_canned(arena, BYTES_LIT("authenticated-read"), owner, owner, false, &acl);
    cr_assert_eq(acl_match(&acl, other, false, ACL_READ), ACL_BY_AUTHENTICATED);
    cr_assert_eq(acl_match(&acl, other, false, ACL_WRITE), ACL_NO_MATCH);
    cr_assert_eq(acl_match(&acl, nobody, false, ACL_READ), ACL_NO_MATCH);
    acl_canned(arena, BYTES_LIT("public-read"), owner, owner, false, &acl);
    cr_assert_eq(acl_match(&acl, nobody, false, ACL_READ), ACL_BY_ALL_USERS);
    cr_assert_eq(acl_match(&acl, owner, false, ACL_READ), ACL_BY_ALL_USERS);
    cr_assert_eq(acl_match(&acl, nobody, false, ACL_READ_ACP), ACL_NO_MATCH);
    acl_canned(arena, BYTES_LIT("log-delivery-write"), owner, owner, true, &acl);
    cr_assert_eq(acl_match(&acl, nobody, true, ACL_WRITE), ACL_BY_ACCOUNT);
    cr_assert_eq(acl_match(&acl, nobody, false, ACL_WRITE), ACL_NO_MATCH);
    /* An owner who is not in the list has nothing by it; an address that nobody looked up matches nobody. */
    struct bytes culprit;
    acl = (struct acl){.owner = owner};
    acl_add_header(arena, BYTES_LIT("emailAddress=" OTHER ",id=" OTHER), ACL_READ, &acl, &culprit);
    cr_assert_eq(acl_match(&acl, owner, false, ACL_READ), ACL_NO_MATCH);
    cr_assert_eq(acl_match(&acl, other, false, ACL_READ), ACL_BY_ACCOUNT);
    acl.n = 1;
    cr_assert_eq(acl_match(&acl, other, false, ACL_READ), ACL_NO_MATCH);
    arena_free(arena);
}

Test(acl, POL_21_ignored_public_grants)
{
    struct arena *arena = arena_create(0);
    struct acl acl, effective;
    acl_canned(arena, BYTES_LIT("public-read-write"), BYTES_LIT(OWNER), BYTES_LIT(OWNER), true, &acl);
    acl_without_public(arena, &acl, &effective);
    cr_assert_str_eq(shown(arena, &effective), "owner FULL_CONTROL");
    cr_assert(!acl_is_public(&effective) && acl_is_public(&acl));
    cr_assert_eq(acl_match(&effective, BYTES_NONE, false, ACL_READ), ACL_NO_MATCH);
    cr_assert(bytes_eq_str(effective.owner, OWNER));
    arena_free(arena);
}

Test(acl, ownership)
{
    struct arena *arena = arena_create(0);
    struct bytes writer = BYTES_LIT(OTHER), bucket = BYTES_LIT(BUCKET), none = BYTES_NONE, culprit;
    struct bytes full = BYTES_LIT("bucket-owner-full-control"), canned = BYTES_LIT("private");
    struct acl acl = {0};
    cr_assert(bytes_eq(acl_object_owner(ACL_BUCKET_OWNER_ENFORCED, none, writer, bucket), bucket));
    cr_assert(bytes_eq(acl_object_owner(ACL_BUCKET_OWNER_PREFERRED, none, writer, bucket), writer));
    cr_assert(bytes_eq(acl_object_owner(ACL_BUCKET_OWNER_PREFERRED, full, writer, bucket), bucket));
    cr_assert(bytes_eq(acl_object_owner(ACL_OBJECT_WRITER, full, writer, bucket), writer));
    cr_assert(acl_suits_enforced(full, &acl, bucket));
    cr_assert(!acl_suits_enforced(canned, &acl, bucket));
    cr_assert(!acl_suits_enforced(none, &acl, bucket), "no grant at all is no such grant");
    acl_add_header(arena, BYTES_LIT("id=" BUCKET), ACL_FULL_CONTROL, &acl, &culprit);
    cr_assert(acl_suits_enforced(none, &acl, bucket));
    acl_add_header(arena, BYTES_LIT("id=" BUCKET), ACL_READ, &acl, &culprit);
    cr_assert(!acl_suits_enforced(none, &acl, bucket));
    acl_private(arena, bucket, &acl);
    cr_assert(!acl_grants_others(&acl));
    acl_add_header(arena, BYTES_LIT("id=" OTHER), ACL_READ, &acl, &culprit);
    cr_assert(acl_grants_others(&acl));
    arena_free(arena);
}

Test(acl, names)
{
    enum acl_permission p;
    enum acl_grantee g;
    enum acl_ownership o;
    cr_assert(acl_permission_of(BYTES_LIT("FULL_CONTROL"), &p) && p == ACL_FULL_CONTROL);
    cr_assert(!acl_permission_of(BYTES_LIT("full_control"), &p) && !acl_permission_of(BYTES_NONE, &p));
    for (g = ACL_ALL_USERS; g <= ACL_LOG_DELIVERY; g++) {
        enum acl_grantee again;
        cr_assert(acl_group_of(bytes_str(acl_group_uri(g)), &again) && again == g);
    }
    cr_assert_null(acl_group_uri(ACL_ACCOUNT));
    for (int i = ACL_BUCKET_OWNER_ENFORCED; i <= ACL_OBJECT_WRITER; i++)
        cr_assert(acl_ownership_of(bytes_str(acl_ownership_name((enum acl_ownership)i)), &o) && (int)o == i);
    cr_assert(!acl_ownership_of(BYTES_LIT("objectwriter"), &o));
    cr_assert(acl_is_canonical_id(BYTES_LIT(OWNER)) && !acl_is_canonical_id(BYTES_LIT("AA")));
    cr_assert(!acl_is_canonical_id(BYTES_LIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
}
