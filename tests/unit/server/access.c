/* SPDX-License-Identifier: Apache-2.0 */
/* The stored forms of access settings. */
#include "server/access.h"

#include <criterion/criterion.h>
#include <string.h>

#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

Test(access, blocks_come_back)
{
    struct arena *a = arena_create(0);
    for (unsigned bits = 0; bits < 16; bits++) {
        struct public_access in = {bits & 1, bits & 2, bits & 4, bits & 8}, out;
        bool set;
        cr_assert(access_decode_block(access_encode_block(a, &in), &out, &set) && set);
        cr_assert_eq(memcmp(&in, &out, sizeof in), 0);
    }
    struct public_access none;
    bool set;
    cr_assert(access_decode_block(access_encode_block(a, NULL), &none, &set) && !set && !none.block_acls);
    cr_assert_not(access_decode_block(BYTES_LIT("x"), &none, &set));
    arena_free(a);
}

static bool decode(struct arena *a, const char *rule, struct bucket_encryption *ret)
{
    return access_decode_encryption(
        a, arena_bytesf(a, "<ServerSideEncryptionConfiguration>%s</ServerSideEncryptionConfiguration>", rule), ret);
}

Test(access, encryption_is_read_or_refused)
{
    struct arena *a = arena_create(0);
    struct bucket_encryption e;
    cr_assert(decode(a,
                     "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k"
                     "</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled>"
                     "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes></Rule>",
                     &e));
    cr_assert(e.set && e.method == SSE_KMS && bytes_eq_str(e.key_id, "k") && e.bucket_key && e.block_customer);
    cr_assert_not(decode(a, "", &e));
    cr_assert_not(decode(a, "<Rule/>", &e), "an encryption that cannot be read is not none");
    cr_assert_not(decode(a,
                         "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>DES</SSEAlgorithm>"
                         "</ApplyServerSideEncryptionByDefault></Rule>",
                         &e));
    for (enum sse_method m = SSE_S3; m <= SSE_KMS_DSSE; m++)
        cr_assert_eq(access_sse_method(bytes_str(access_sse_name(m))), m);
    cr_assert_eq(access_sse_method(BYTES_LIT("")), SSE_NONE);
    arena_free(a);
}

Test(access, lists_come_back)
{
    struct arena *a = arena_create(0);
    struct acl in = {.owner = BYTES_LIT(ID)}, out;
    cr_assert_eq(acl_add(a, &in, (struct acl_grant){ACL_ACCOUNT, BYTES_LIT(ID), ACL_READ}), ACL_OK);
    cr_assert_eq(acl_add(a, &in, (struct acl_grant){ACL_ALL_USERS, BYTES_NONE, ACL_FULL_CONTROL}), ACL_OK);
    struct bytes text = access_encode_acl(a, &in);
    cr_assert_leq(text.n * ACL_MAX_GRANTS / 2, STORE_ACL_MAX, "the longest list fits");
    cr_assert(access_decode_acl(a, text, in.owner, &out) && out.n == 2 && bytes_eq_str(out.grants[0].id, ID));
    cr_assert(out.grants[1].grantee == ACL_ALL_USERS && out.grants[1].permission == ACL_FULL_CONTROL);
    for (size_t n = 1; n < text.n; n++) /* cut anywhere: refused, or fewer grants */
        cr_assert(!access_decode_acl(a, bytes_cut(text, 0, n), in.owner, &out) || out.n < 2);
    cr_assert(access_decode_acl(a, BYTES_NONE, in.owner, &out) && out.n == 1, "nothing stored: the owner's own");
    struct acl empty = {.owner = in.owner};
    cr_assert(access_decode_acl(a, access_encode_acl(a, &empty), in.owner, &out) && out.n == 0);
    arena_free(a);
}
