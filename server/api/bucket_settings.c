/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small settings of a bucket that lie in its record: acceleration and who pays; and what CreateBucket asks for beside
 * the bucket itself (object lock, tags).
 *
 * Pail has no edge locations: acceleration is remembered and answered, and the host names that clients use with it
 * are served like the plain ones (uri.c), whether it is on or off. With one account every request is the owner's, who
 * always pays.
 * Threads: workers; the reads on the loop.
 */
#include "server/api/api.h"
#include "server/server.h"

int accelerate_put(struct req *r)
{
    struct xml_accelerate doc;
    if (req_document(r, &xml_accelerate_doc, &doc) < 0)
        return -1;
    if (doc.status == ACCELERATE_NEVER)
        return req_fail(r, S3E_MALFORMED_XML);
    if (bytes_find_char(r->bucket_name, '.', 0) >= 0) /* no certificate fits bucket.with.dots.s3-accelerate.domain */
        return req_failf(r, S3E_INVALID_REQUEST,
                         "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names");
    struct store_bucket_change change = {.set_accelerate = true, .accelerate = doc.status};
    int rc = store_bucket_change(r->server->store, r->bucket_name, &change, r->arena, NULL);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int accelerate_get(struct req *r)
{
    struct xml_accelerate doc = {.status = r->bucket.accelerate};
    return resp_document(r, &xml_accelerate_doc, &doc);
}

int payment_put(struct req *r)
{
    struct xml_request_payment doc;
    if (req_document(r, &xml_request_payment_doc, &doc) < 0)
        return -1;
    struct store_bucket_change change = {.set_payment = true, .requester_pays = doc.payer == XML_PAYER_REQUESTER};
    int rc = store_bucket_change(r->server->store, r->bucket_name, &change, r->arena, NULL);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int payment_get(struct req *r)
{
    struct xml_request_payment doc = {.payer = r->bucket.requester_pays ? XML_PAYER_REQUESTER : XML_PAYER_OWNER};
    return resp_document(r, &xml_request_payment_doc, &doc);
}

/* ---- a new bucket ---- */

int api_new_bucket_read(struct req *r, const struct xml_create_bucket *body, struct store_bucket_new *ret)
{
    static const char header[] = "x-amz-bucket-object-lock-enabled";
    struct bytes lock = req_header(r, header);
    ret->lock = bytes_eq_str_nocase(lock, "true");
    if (lock.n && !ret->lock && !bytes_eq_str_nocase(lock, "false"))
        return req_fail_argument(r, header, lock, "The value must be true or false.");
    return api_bucket_tags(r, body->tags, body->n_tags, &ret->tags);
}

/* A bucket that could not be given all that was asked for must not look as if it had been made. */
