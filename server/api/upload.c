/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: the digests they announce, and what becomes of one whose digests or conditions do not hold. Threads: any,
 * see req.h. */
#include "server/api/api.h"
#include "server/server.h"

int req_content_md5(struct req *r, unsigned char ret[16])
{
    struct bytes text = req_header(r, "content-md5");
    if (!text.p)
        return 0;
    if (base64_decode(text, ret, 16) == 16)
        return 1;
    req_fail(r, S3E_INVALID_DIGEST);
    return req_extra(r, "Content-MD5", text);
}

static struct bytes md5_base64(struct req *r, const unsigned char md5[16])
{
    char *text = arena_alloc(r->arena, base64_len(16));
    base64_encode(md5, 16, text);
    return bytes_of(text, base64_len(16));
}

int req_fail_md5(struct req *r, const unsigned char sent[16], const unsigned char computed[16])
{
    req_failf(r, S3E_BAD_DIGEST, "The Content-MD5 you specified did not match what we received.");
    req_extra(r, "ExpectedDigest", md5_base64(r, sent));
    return req_extra(r, "CalculatedDigest", md5_base64(r, computed));
}

int req_fail_write(struct req *r, int rc)
{
    struct store_etag etag;
    struct checksum_value sum;
    unsigned char sent[16];
    switch (rc) {
    case STORE_MD5_MISMATCH:
        store_write_etag(r->write, &etag);
        return req_content_md5(r, sent) == 1 ? req_fail_md5(r, sent, etag.md5) : -1;
    case STORE_CHECKSUM_MISMATCH:
        store_write_checksum(r->write, &sum);
        return req_failf(r, S3E_BAD_DIGEST, "The %s you specified did not match the calculated checksum.",
                         checksum_info(sum.alg) ? checksum_info(sum.alg)->name : "checksum");
    case STORE_PRECONDITION_FAILED:
        req_fail(r, S3E_PRECONDITION_FAILED);
        return req_extra(r, "Condition", bytes_str(req_header(r, "if-match").p ? "If-Match" : "If-None-Match"));
    case STORE_CONFLICT:
        req_fail(r, S3E_CONDITIONAL_REQUEST_CONFLICT);
        req_extra(r, "Condition", bytes_str(req_header(r, "if-match").p ? "If-Match" : "If-None-Match"));
        return req_extra(r, "Key", r->key);
    default:
        return req_fail_store(r, rc);
    }
}

int api_open_write(struct req *r, struct store_put *put)
{
    unsigned char md5[16];
    struct checksum_value sum;
    put->checksum = payload_checksum_alg(r->payload);
    put->explicit_checksum = put->checksum != CHECKSUM_NONE;
    put->expected_size = r->form ? UINT64_MAX : payload_length(r->payload);
    int has_md5 = req_content_md5(r, md5);
    if (has_md5 < 0)
        return -1;
    int rc = store_write_open(r->server->store, put, &r->write);
    if (rc < 0)
        return req_fail_store(r, rc);
    if (has_md5)
        store_write_expect_md5(r->write, md5);
    if (payload_checksum(r->payload, &sum))
        store_write_expect_checksum(r->write, &sum);
    return 0;
}

void api_write_etag(struct req *r)
{
    struct store_etag etag;
    store_write_etag(r->write, &etag);
    struct bytes text = api_etag(r, &etag);
    resp_headerf(r, "ETag", "\"%.*s\"", (int)text.n, text.p);
}
