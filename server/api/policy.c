/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bucket policies: kept with the bytes that were put, which are what GET answers. What S3 asks of them is server/iam's
 * business; here is what depends on the request: that nobody locks himself out unawares, and that a block of public
 * policies holds.
 * Threads: workers.
 */
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/iam/bound_policy.h"
#include "server/iam/identities.h"
#include "server/server.h"

static int fail_policy(struct req *r, const struct iam_policy_error *why)
{
    req_fail(r, S3E_MALFORMED_POLICY);
    r->err.message = bytes_cstr(r->arena, why->message);
    return why->detail.n ? req_extra(r, "Detail", why->detail) : -1;
}

int policy_put(struct req *r)
{
    struct iam_policy_rules rules = {.kind = IAM_POLICY_BUCKET,
                                     .bucket = r->bucket_name,
                                     .principal_exists = identities_principal_exists,
                                     .ctx = r->server->identities};
    struct iam_policy_error why;
    struct public_access block;
    const struct iam_policy *p = iam_policy_parse(r->arena, &rules, buf_bytes(&r->body), &why);
    if (!p)
        return fail_policy(r, &why);
    if (authorize_block(r, &block) < 0)
        return -1;
    if (block.block_policy && iam_policy_is_public(p))
        return req_failf(r, S3E_ACCESS_DENIED,
                         "Access Denied because public policies are prevented by the BlockPublicPolicy setting in S3 "
                         "Block Public Access.");
    if (!bytes_eq_str_nocase(req_header(r, "x-amz-confirm-remove-self-bucket-access"), "true") &&
        authorize_locks_out(r, p))
        return req_failf(r, S3E_MALFORMED_POLICY,
                         "The policy denies you s3:PutBucketPolicy. Send x-amz-confirm-remove-self-bucket-access to "
                         "confirm that you want to lose access to it.");
    struct bytes stored = bound_policy_make(r->server->identities, r->arena, buf_bytes(&r->body), p);
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_POLICY, stored);
    r->resp.status = 204;
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

static int fail_absent(struct req *r)
{
    req_fail(r, S3E_NO_SUCH_BUCKET_POLICY);
    return req_extra(r, "BucketName", r->bucket_name);
}

int policy_get(struct req *r)
{
    struct bytes text;
    int rc = store_setting_get(r->server->store, r->bucket_name, STORE_SETTING_POLICY, r->arena, &text);
    if (rc == STORE_NO_SUCH_SETTING)
        return fail_absent(r);
    if (rc < 0)
        return req_fail_store(r, rc);
    buf_put_bytes(&r->resp.doc, bound_policy_text(text));
    if (resp_rendered(r) < 0)
        return -1;
    r->resp.content_type = "application/json";
    return 0;
}

int policy_delete(struct req *r)
{
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_POLICY, BYTES_NONE);
    r->resp.status = 204;
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

struct xml_policy_status {
    bool is_public;
};
static const struct xml_field status_fields[] = {
    XML_BOOL("IsPublic", struct xml_policy_status, is_public),
    XML_END,
};
static const struct xml_doc status_doc = XML_DOC("PolicyStatus", struct xml_policy_status, status_fields);

int policy_status(struct req *r)
{
    const struct bucket_access *s = authorize_settings(r);
    if (!s->policy)
        return fail_absent(r);
    struct xml_policy_status doc = {s->public_policy};
    return resp_document(r, &status_doc, &doc);
}
