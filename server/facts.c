/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of a request, one small function for each kind. Headers are asked for by req_header, as the handlers do, so
 * that a policy judges what is going to happen.
 * Threads: see facts.h.
 */
#include "server/facts.h"

#include <openssl/ssl.h>
#include <string.h>

#include "base/check.h"
#include "server/api/tag_set.h"
#include "server/client_addr.h"
#include "server/conn.h"
#include "server/http/date.h"
#include "server/iam/identities.h"
#include "server/ops.h"
#include "server/server.h"
#include "server/sse.h"

#define DAY_MS 86400000

static struct bytes iso(struct arena *a, int64_t ms)
{
    char *text = arena_alloc(a, DATE_ISO_SECONDS_LEN + 1);
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    return bytes_of(text, DATE_ISO_SECONDS_LEN);
}

static struct bytes number(struct arena *a, int64_t n)
{
    return arena_bytesf(a, "%lld", (long long)n);
}

static void set_flag(struct iam_context *c, enum iam_key_id key, bool value)
{
    iam_context_set(c, key, value ? BYTES_LIT("true") : BYTES_LIT("false"));
}

static void set_sent(struct iam_context *c, enum iam_key_id key, struct bytes value)
{
    if (value.p)
        iam_context_set(c, key, value);
}

/* ---- where from and when ---- */

static void set_connection(const struct req *r, struct iam_context *c)
{
    struct client_addr from = client_addr_of(&r->server->proxies, r->conn->peer_name, r->conn->ssl != NULL, &r->head);
    iam_context_set(c, IAM_KEY_AWS_SOURCE_IP, from.ip);
    set_flag(c, IAM_KEY_AWS_SECURE_TRANSPORT, from.https);
    if (r->conn->ssl) {
        const char *version = SSL_get_version(r->conn->ssl); /* TLSv1.3 */
        if (strncmp(version, "TLSv", 4) == 0)
            iam_context_set(c, IAM_KEY_S3_TLS_VERSION, bytes_str(version + 4));
    }
    iam_context_set(c, IAM_KEY_AWS_CURRENT_TIME, iso(c->arena, r->now_ms));
    iam_context_set(c, IAM_KEY_AWS_EPOCH_TIME, number(c->arena, date_seconds_of_ms(r->now_ms)));
    struct bytes agent = http_head_value(&r->head, HDR_USER_AGENT);
    iam_context_set(c, IAM_KEY_AWS_USER_AGENT, agent.p ? agent : BYTES_LIT(""));
    set_sent(c, IAM_KEY_AWS_REFERER, req_header(r, "referer"));
    const char *region = r->server->config->region;
    iam_context_set(c, IAM_KEY_AWS_REQUESTED_REGION,
                    r->auth.region.n ? r->auth.region : bytes_str(*region ? region : "us-east-1"));
    set_flag(c, IAM_KEY_AWS_VIA_AWS_SERVICE, false);
}

static void set_signature(const struct req *r, struct iam_context *c)
{
    bool v2 = r->auth.mechanism == AUTH_SIGV2_HEADER || r->auth.mechanism == AUTH_SIGV2_QUERY ||
              r->auth.mechanism == AUTH_SIGV2_FORM;
    const char *type = r->form ? "POST"
                       : r->auth.mechanism == AUTH_SIGV2_QUERY || r->auth.mechanism == AUTH_SIGV4_QUERY
                           ? "REST-QUERY-STRING"
                           : "REST-HEADER";
    set_sent(c, IAM_KEY_S3_CONTENT_SHA256, req_header(r, "x-amz-content-sha256"));
    if (r->auth.mechanism == AUTH_ANONYMOUS)
        return;
    iam_context_set(c, IAM_KEY_S3_AUTH_TYPE, bytes_str(type));
    iam_context_set(c, IAM_KEY_S3_SIGNATURE_VERSION, v2 ? BYTES_LIT("AWS") : BYTES_LIT("AWS4-HMAC-SHA256"));
    if (r->auth.signed_ms)
        iam_context_set(c, IAM_KEY_S3_SIGNATURE_AGE, number(c->arena, r->now_ms - r->auth.signed_ms));
}

/* ---- what for ---- */

static void set_listing(const struct req *r, struct iam_context *c)
{
    struct bytes max = req_param(r, "max-keys");
    if (strcmp(r->op->action, "s3:ListBucket") != 0 && strcmp(r->op->action, "s3:ListBucketVersions") != 0)
        return;
    set_sent(c, IAM_KEY_S3_PREFIX, req_param(r, "prefix"));
    set_sent(c, IAM_KEY_S3_DELIMITER, req_param(r, "delimiter"));
    iam_context_set(c, IAM_KEY_S3_MAX_KEYS, max.n ? max : BYTES_LIT("1000"));
}

/* Headers whose key has the value as it was sent. */
static void set_headers(const struct req *r, struct iam_context *c)
{
    static const struct {
        const char *header;
        enum iam_key_id key;
    } rows[] = {
        {"x-amz-acl", IAM_KEY_S3_ACL},
        {"x-amz-grant-read", IAM_KEY_S3_GRANT_READ},
        {"x-amz-grant-write", IAM_KEY_S3_GRANT_WRITE},
        {"x-amz-grant-read-acp", IAM_KEY_S3_GRANT_READ_ACP},
        {"x-amz-grant-write-acp", IAM_KEY_S3_GRANT_WRITE_ACP},
        {"x-amz-grant-full-control", IAM_KEY_S3_GRANT_FULL_CONTROL},
        {"x-amz-object-ownership", IAM_KEY_S3_OBJECT_OWNERSHIP},
        {"x-amz-metadata-directive", IAM_KEY_S3_METADATA_DIRECTIVE},
        {"x-amz-website-redirect-location", IAM_KEY_S3_WEBSITE_REDIRECT},
        {"x-amz-storage-class", IAM_KEY_S3_STORAGE_CLASS},
        {"x-amz-server-side-encryption", IAM_KEY_S3_SSE},
        {"x-amz-server-side-encryption-customer-algorithm", IAM_KEY_S3_SSE_CUSTOMER_ALGORITHM},
        {"if-match", IAM_KEY_S3_IF_MATCH},
        {"if-none-match", IAM_KEY_S3_IF_NONE_MATCH},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        set_sent(c, rows[i].key, req_header(r, rows[i].header));
}

/*
 * The key by its ARN, however it was named. Parts and completions send none of the headers: of them policies are told
 * what their upload was begun with.
 */
static void set_encryption(const struct req *r, struct iam_context *c)
{
    struct store_upload u;
    struct sse_facts f;
    struct bytes key_id = req_header(r, "x-amz-server-side-encryption-aws-kms-key-id"), id = req_param(r, "uploadId");
    if (key_id.p)
        iam_context_set(c, IAM_KEY_S3_SSE_KMS_KEY_ID, sse_key_arn(r, c->arena, key_id));
    if (!id.p || strcmp(r->op->action, "s3:PutObject") != 0 ||
        store_upload_get(r->server->store, &r->bucket, r->key, id, c->arena, &u) != STORE_OK)
        return;
    sse_facts_of(r, u.envelope, c->arena, &f);
    set_sent(c, IAM_KEY_S3_SSE, f.method);
    set_sent(c, IAM_KEY_S3_SSE_KMS_KEY_ID, f.key_arn);
    set_sent(c, IAM_KEY_S3_SSE_CUSTOMER_ALGORITHM, f.customer_algorithm);
}

static void set_copy_source(const struct req *r, struct iam_context *c)
{
    struct copy_source source;
    struct bytes header = req_header(r, "x-amz-copy-source");
    if (header.p && uri_copy_source(c->arena, header, &source) == URI_OK)
        iam_context_set(c, IAM_KEY_S3_COPY_SOURCE,
                        arena_bytesf(c->arena, "%.*s/%.*s", (int)source.bucket.n, source.bucket.p, (int)source.key.n,
                                     source.key.p));
}

static void set_retention(const struct req *r, struct iam_context *c, int64_t until_ms)
{
    int64_t left = until_ms - r->now_ms;
    iam_context_set(c, IAM_KEY_S3_LOCK_RETAIN_UNTIL, iso(c->arena, until_ms));
    iam_context_set(c, IAM_KEY_S3_LOCK_REMAINING_DAYS, number(c->arena, left > 0 ? (left + DAY_MS - 1) / DAY_MS : 0));
}

static void set_keys(struct iam_context *c, enum iam_key_id key, const struct store_header *tags, size_t n)
{
    struct bytes *keys = arena_new_array(c->arena, struct bytes, n + 1);
    for (size_t i = 0; i < n; i++)
        keys[i] = tags[i].name;
    iam_context_set_list(c, key, keys, n);
}

static void set_object_tags(struct iam_context *c, const struct store_header *tags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        iam_context_set_tag(c, IAM_KEY_S3_REQUEST_OBJECT_TAG, tags[i].name, tags[i].value);
    set_keys(c, IAM_KEY_S3_REQUEST_OBJECT_TAG_KEYS, tags, n);
}

/* A copy has the source's tags unless it says otherwise, whatever else it says. */
static bool takes_tags(const struct req *r)
{
    return !r->op->header || bytes_eq_str(req_header(r, "x-amz-tagging-directive"), "REPLACE");
}

/* Only where the headers are what counts: elsewhere the same is said by a body, which a header must not contradict. */
static void set_made(const struct req *r, struct iam_context *c)
{
    struct bytes until = req_header(r, "x-amz-object-lock-retain-until-date"), tagging = req_header(r, "x-amz-tagging");
    struct store_header *tags = NULL;
    size_t n = 0;
    int64_t ms;
    set_sent(c, IAM_KEY_S3_LOCK_MODE, req_header(r, "x-amz-object-lock-mode"));
    set_sent(c, IAM_KEY_S3_LOCK_LEGAL_HOLD, req_header(r, "x-amz-object-lock-legal-hold"));
    if (until.n && date_parse_lenient(until, &ms))
        set_retention(r, c, ms);
    if (tagging.n && takes_tags(r) && tag_set_parse(c->arena, tagging, &tags, &n) == TAGS_OK && n)
        set_object_tags(c, tags, n);
}

static void set_written(const struct req *r, struct iam_context *c)
{
    if (r->op->flags & OP_MAKES)
        set_made(r, c);
    if (strcmp(r->op->action, "s3:PutObject") == 0)
        set_flag(c, IAM_KEY_S3_OBJECT_CREATION_OPERATION, (r->op->flags & OP_CREATES) != 0);
}

static void set_caller(const struct req *r, struct iam_context *c)
{
    if (r->who.anonymous) {
        iam_context_set(c, IAM_KEY_AWS_PRINCIPAL_ACCOUNT, BYTES_LIT("anonymous"));
        iam_context_set(c, IAM_KEY_AWS_USERID, BYTES_LIT("anonymous"));
    } else {
        set_flag(c, IAM_KEY_AWS_PRINCIPAL_IS_AWS_SERVICE, false);
    }
    principal_set_context(r->who.principal, c);
}

void facts_collect(struct req *r, struct iam_context *c)
{
    set_caller(r, c);
    set_connection(r, c);
    set_signature(r, c);
    set_listing(r, c);
    set_headers(r, c);
    set_encryption(r, c);
    set_copy_source(r, c);
    set_written(r, c);
}

/* ---- later ---- */

void facts_add_body(struct req *r, struct iam_context *c, const struct facts_body *b)
{
    if (b->tags_known)
        set_object_tags(c, b->tags, b->n_tags);
    if (b->mode != LOCK_NONE) {
        iam_context_set(c, IAM_KEY_S3_LOCK_MODE,
                        b->mode == LOCK_COMPLIANCE ? BYTES_LIT("COMPLIANCE") : BYTES_LIT("GOVERNANCE"));
        set_retention(r, c, b->until_ms);
    }
    set_sent(c, IAM_KEY_S3_LOCK_LEGAL_HOLD, b->legal_hold);
    if (b->location.n)
        iam_context_set(c, IAM_KEY_S3_LOCATION_CONSTRAINT, b->location);
    for (size_t i = 0; i < b->n_bucket_tags; i++)
        iam_context_set_tag(c, IAM_KEY_AWS_REQUEST_TAG, b->bucket_tags[i].name, b->bucket_tags[i].value);
    if (b->n_bucket_tags)
        set_keys(c, IAM_KEY_AWS_TAG_KEYS, b->bucket_tags, b->n_bucket_tags);
}

bool facts_in_body(enum iam_key_id key)
{
    static const enum iam_key_id keys[] = {IAM_KEY_S3_REQUEST_OBJECT_TAG,
                                           IAM_KEY_S3_REQUEST_OBJECT_TAG_KEYS,
                                           IAM_KEY_S3_LOCK_MODE,
                                           IAM_KEY_S3_LOCK_RETAIN_UNTIL,
                                           IAM_KEY_S3_LOCK_REMAINING_DAYS,
                                           IAM_KEY_S3_LOCK_LEGAL_HOLD,
                                           IAM_KEY_S3_LOCATION_CONSTRAINT,
                                           IAM_KEY_AWS_REQUEST_TAG,
                                           IAM_KEY_AWS_TAG_KEYS};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i] == key)
            return true;
    return false;
}

void facts_of_resource(struct iam_context *c, struct bytes account, struct bytes version_id)
{
    c->facts[IAM_KEY_AWS_RESOURCE_ACCOUNT] = c->facts[IAM_KEY_S3_RESOURCE_ACCOUNT] = NULL;
    c->facts[IAM_KEY_S3_VERSION_ID] = NULL;
    if (account.n) {
        iam_context_set(c, IAM_KEY_AWS_RESOURCE_ACCOUNT, account);
        iam_context_set(c, IAM_KEY_S3_RESOURCE_ACCOUNT, account);
    }
    set_sent(c, IAM_KEY_S3_VERSION_ID, version_id);
}

void facts_of_object(struct iam_context *c, const struct store_object *o)
{
    c->facts[IAM_KEY_S3_EXISTING_OBJECT_TAG] = NULL;
    for (size_t i = 0; o && i < o->n_tags; i++)
        iam_context_set_tag(c, IAM_KEY_S3_EXISTING_OBJECT_TAG, o->tags[i].name, o->tags[i].value);
}
