/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PutBucketVersioning and GetBucketVersioning. The bucket's record holds the state; what it means for writes and
 * deletes is the store's. MFA delete needs devices that Pail does not know, so it can be off only. Threads: workers;
 * the read on the loop.
 */
#include "server/api/api.h"
#include "server/server.h"

int versioning_get(struct req *r)
{
    struct xml_versioning doc = {.status = r->bucket.versioning};
    return resp_document(r, &xml_versioning_doc, &doc);
}

int versioning_put(struct req *r)
{
    struct xml_versioning doc;
    if (req_document(r, &xml_versioning_doc, &doc) < 0)
        return -1;
    if (doc.mfa_delete == XML_MFA_DELETE_ENABLED) {
        req_fail(r, S3E_NOT_IMPLEMENTED);
        return req_extra(r, "additionalMessage",
                         BYTES_LIT("MFA delete is not supported; MfaDelete can be Disabled only"));
    }
    if (doc.status == VERSIONING_NEVER)
        return req_fail(r, S3E_ILLEGAL_VERSIONING_CONFIGURATION);
    struct store_bucket_change change = {.versioning = doc.status};
    int rc = store_bucket_change(r->server->store, r->bucket_name, &change, r->arena, NULL);
    if (rc == STORE_BUCKET_STATE)
        return req_failf(r, S3E_INVALID_BUCKET_STATE,
                         "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
                         "changed.");
    return rc < 0 ? req_fail_store(r, rc) : 0;
}
