/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PublicAccessBlock: four switches, of a bucket and, in S3 Control's form, of an account. What they do is done where
 * policies and lists are set (policy.c, acl.c) and where they are asked (authorize.c).
 * Threads: workers; the bucket's read on the loop.
 */
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/server.h"

struct xml_public_access {
    struct xml_opt_bool block_acls, ignore_acls, block_policy, restrict_buckets;
};
static const struct xml_field fields[] = {
    XML_OPT_BOOL("BlockPublicAcls", struct xml_public_access, block_acls),
    XML_OPT_BOOL("IgnorePublicAcls", struct xml_public_access, ignore_acls),
    XML_OPT_BOOL("BlockPublicPolicy", struct xml_public_access, block_policy),
    XML_OPT_BOOL("RestrictPublicBuckets", struct xml_public_access, restrict_buckets),
    XML_END_STRICT,
};
static const struct xml_doc doc_bucket = XML_DOC("PublicAccessBlockConfiguration", struct xml_public_access, fields);
static const struct xml_doc doc_account =
    XML_DOC_NS("PublicAccessBlockConfiguration", "http://awss3control.amazonaws.com/doc/2018-08-20/",
               struct xml_public_access, fields);

static int read_block(struct req *r, const struct xml_doc *form, struct public_access *ret)
{
    struct xml_public_access doc;
    if (req_document(r, form, &doc) < 0)
        return -1;
    if (!doc.block_acls.has && !doc.ignore_acls.has && !doc.block_policy.has && !doc.restrict_buckets.has)
        return req_failf(r, S3E_INVALID_REQUEST, "Must specify at least one configuration.");
    *ret = (struct public_access){doc.block_acls.v, doc.ignore_acls.v, doc.block_policy.v, doc.restrict_buckets.v};
    return 0;
}

static int answer(struct req *r, const struct xml_doc *form, const struct public_access *b)
{
    struct xml_public_access doc = {
        {b->block_acls, true}, {b->ignore_acls, true}, {b->block_policy, true}, {b->restrict_buckets, true}};
    return resp_document(r, form, &doc);
}

int public_access_get(struct req *r)
{
    const struct bucket_access *s = authorize_settings(r);
    if (s->block_set)
        return answer(r, &doc_bucket, &s->block);
    req_fail(r, S3E_NO_SUCH_PUBLIC_ACCESS_BLOCK_CONFIGURATION);
    return req_extra(r, "BucketName", r->bucket_name);
}

static int put(struct req *r, const struct public_access *block)
{
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_PUBLIC_ACCESS,
                               access_encode_block(r->arena, block));
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int public_access_put(struct req *r)
{
    struct public_access block;
    return read_block(r, &doc_bucket, &block) < 0 ? -1 : put(r, &block);
}

int public_access_delete(struct req *r)
{
    r->resp.status = 204;
    return put(r, NULL);
}

/* ---- of an account: PUT, GET, DELETE /v20180820/configuration/publicAccessBlock ---- */

/* An account looks after its own block alone. */
static int check_account(struct req *r)
{
    struct bytes named = req_header(r, "x-amz-account-id");
    if (!named.n)
        return req_failf(r, S3E_INVALID_REQUEST, "Missing required header for this request: x-amz-account-id");
    return bytes_eq(named, r->who.account) ? 0 : req_fail(r, S3E_ACCESS_DENIED);
}

int account_access_get(struct req *r)
{
    struct public_access block;
    bool set;
    if (check_account(r) < 0)
        return -1;
    int rc = access_of_account(r->server, r->who.account, r->arena, &block, &set);
    if (rc < 0)
        return req_fail_store(r, rc);
    if (set)
        return answer(r, &doc_account, &block);
    req_fail(r, S3E_NO_SUCH_PUBLIC_ACCESS_BLOCK_CONFIGURATION);
    return req_extra(r, "AccountId", r->who.account);
}

int account_access_put(struct req *r)
{
    struct public_access block;
    if (check_account(r) < 0 || read_block(r, &doc_account, &block) < 0)
        return -1;
    int rc = access_put_account(r->server, r->who.account, &block);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int account_access_delete(struct req *r)
{
    if (check_account(r) < 0)
        return -1;
    int rc = access_put_account(r->server, r->who.account, NULL);
    r->resp.status = 204;
    return rc < 0 ? req_fail_store(r, rc) : 0;
}
