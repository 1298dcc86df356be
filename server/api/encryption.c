/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encryption of a bucket: what becomes of new objects whose request says nothing, and which encryption nobody may
 * ask for. Kept as the document that GET answers, in one form: with an algorithm and BucketKeyEnabled.
 * What it does to uploads is done in server/sse.c, which finds it parsed among the bucket's settings (server/access.h).
 * Threads: workers; the read on the loop.
 */
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/server.h"

/* What a bucket without a configuration answers. */
static const struct xml_encryption_default usual = {.algorithm = {"AES256", 6}};

static int check_default(struct req *r, const struct xml_encryption_default *d)
{
    struct bytes name;
    enum sse_method method = access_sse_method(d->algorithm);
    if (method == SSE_NONE)
        return req_fail(r, S3E_MALFORMED_XML);
    if (d->key_id.n && method == SSE_S3)
        return req_fail_argument(
            r, "ApplyServerSideEncryptionByDefault", d->key_id,
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse");
    if (d->key_id.p && method != SSE_S3 &&
        !keyring_name_of(d->key_id, &name)) /* whether it exists is seen by uploads */
        return req_fail_argument(r, "KMSMasterKeyID", d->key_id, "This is neither a key's name nor an ARN of one.");
    return 0;
}

/* SSE-C, or NONE alone: nothing is blocked. */
static int check_blocked(struct req *r, const struct xml_blocked_encryption *b)
{
    bool none = false;
    for (size_t i = 0; i < b->n_types; i++) {
        none |= bytes_eq_str(b->types[i], "NONE");
        if (!bytes_eq_str(b->types[i], "NONE") && !bytes_eq_str(b->types[i], "SSE-C"))
            return req_fail(r, S3E_MALFORMED_XML);
    }
    return none && b->n_types > 1 ? req_fail(r, S3E_MALFORMED_XML) : 0;
}

int encryption_put(struct req *r)
{
    struct xml_encryption doc;
    if (req_document(r, &xml_encryption_doc, &doc) < 0)
        return -1;
    struct xml_encryption_rule *rule = &doc.rules[0];
    if (doc.n_rules != 1 || (!rule->apply && !rule->bucket_key.has && !rule->blocked))
        return req_fail(r, S3E_MALFORMED_XML);
    if ((rule->apply && check_default(r, rule->apply) < 0) || (rule->blocked && check_blocked(r, rule->blocked) < 0))
        return -1;
    if (!rule->apply)
        rule->apply = (struct xml_encryption_default *)&usual; /* only rendered */
    rule->bucket_key.has = true;
    struct buf text;
    buf_init(&text, STORE_SETTING_MAX);
    xml_render(&text, &xml_encryption_doc, &doc);
    int rc = text.failed
                 ? STORE_OK
                 : store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_ENCRYPTION, buf_bytes(&text));
    bool failed = text.failed;
    buf_fini(&text);
    if (failed)
        return req_fail(r, S3E_MAX_MESSAGE_LENGTH_EXCEEDED);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int encryption_get(struct req *r)
{
    struct bytes value;
    int rc = store_setting_get(r->server->store, r->bucket_name, STORE_SETTING_ENCRYPTION, r->arena, &value);
    if (rc == STORE_OK) {
        buf_put_bytes(&r->resp.doc, value);
        return resp_rendered(r);
    }
    if (rc != STORE_NO_SUCH_SETTING)
        return req_fail_store(r, rc);
    if (!bytes_eq_str(bytes_str(r->server->config->default_encryption), "AES256")) {
        req_fail(r, S3E_SERVER_SIDE_ENCRYPTION_CONFIGURATION_NOT_FOUND);
        return req_extra(r, "BucketName", r->bucket_name);
    }
    struct xml_encryption_default apply = usual;
    struct xml_encryption_rule rule = {.apply = &apply, .bucket_key = {false, true}};
    struct xml_encryption doc = {&rule, 1};
    return resp_document(r, &xml_encryption_doc, &doc);
}

int encryption_delete(struct req *r)
{
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_ENCRYPTION, BYTES_NONE);
    r->resp.status = 204;
    return rc < 0 ? req_fail_store(r, rc) : 0;
}
