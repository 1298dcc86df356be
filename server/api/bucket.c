/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets: ListBuckets, CreateBucket, HeadBucket, GetBucketLocation, DeleteBucket. Threads: see ops.c. */
#include <string.h>

#include "accounts.h"
#include "config.h"
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/own_ops.h"
#include "server/server.h"

#define BUCKETS_MAX 10000 /* a page of ListBuckets, as at AWS */

static const char *server_region(const struct req *r)
{
    return *r->server->config->region ? r->server->config->region : "us-east-1";
}

static struct bytes bucket_arn(struct req *r, struct bytes name)
{
    return arena_bytesf(r->arena, "arn:aws:s3:::%.*s", (int)name.n, name.p);
}

static struct bytes region_of(struct req *r, const struct store_bucket *b)
{
    return b->region.n ? b->region : bytes_str(server_region(r));
}

int bucket_list_all(struct req *r)
{
    struct bytes prefix = req_param(r, "prefix"), region = req_param(r, "bucket-region"), after = BYTES_NONE;
    struct bytes token = req_param(r, "continuation-token");
    uint64_t max = BUCKETS_MAX;
    if (api_number(r, "max-buckets", 1, BUCKETS_MAX, "max-buckets must be an integer between 1 and 10000", &max) < 0)
        return -1;
    if (token.n) {
        char *name = arena_alloc(r->arena, token.n);
        ptrdiff_t n = base64url_decode(token, name, token.n);
        if (n < 0)
            return req_fail_argument(r, "continuation-token", token, "The continuation token provided is incorrect");
        after = bytes_of(name, (size_t)n);
    }
    struct store_bucket *buckets;
    size_t n;
    bool more;
    int rc = store_bucket_list_of(r->server->store, r->who.account, prefix, after, (size_t)max, r->arena, &buckets, &n,
                                  &more);
    if (rc < 0)
        return req_fail_store(r, rc);
    struct xml_bucket *rows = arena_new_array(r->arena, struct xml_bucket, n + 1);
    struct xml_list_buckets doc = {.owner = api_owner(r), .buckets = rows, .prefix = prefix.n ? prefix : BYTES_NONE};
    for (size_t i = 0; i < n; i++) {
        struct bytes of = region_of(r, &buckets[i]);
        if (!region.n || bytes_eq(region, of))
            rows[doc.n_buckets++] =
                (struct xml_bucket){buckets[i].name, of, bucket_arn(r, buckets[i].name), buckets[i].created_ms};
    }
    if (more && n) {
        struct bytes last = buckets[n - 1].name;
        char *text = arena_alloc(r->arena, base64url_len(last.n));
        base64url_encode(last.p, last.n, text);
        doc.continuation_token = bytes_of(text, base64url_len(last.n));
    }
    return resp_document(r, &xml_list_buckets_doc, &doc);
}

static bool like_ipv4(struct bytes name)
{
    unsigned dots = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '.')
            dots++;
        else if (name.p[i] < '0' || name.p[i] > '9')
            return false;
    }
    return dots == 3;
}

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
static bool name_is_valid(struct bytes name)
{
    static const char *const prefixes[] = {"xn--", "sthree-", "amzn-s3-demo-"};
    static const char *const suffixes[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
    if (name.n < 3 || name.n > 63 || !letter_or_digit(name.p[0]) || !letter_or_digit(name.p[name.n - 1]) ||
        like_ipv4(name))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!letter_or_digit(name.p[i]) && name.p[i] != '-' && name.p[i] != '.')
            return false;
        if (i && name.p[i] == '.' && name.p[i - 1] == '.')
            return false;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (bytes_starts(name, bytes_str(prefixes[i])))
            return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (bytes_ends(name, bytes_str(suffixes[i])))
            return false;
    return true;
}

/* With --region the constraint must name it (none: us-east-1's way); without, any region may be asked for and is kept.
 */
static int check_location(struct req *r, struct bytes constraint)
{
    const char *region = r->server->config->region;
    if (!*region)
        return 0;
    bool us = strcmp(region, "us-east-1") == 0;
    if (us && (bytes_eq_str(constraint, "us-east-1") || constraint.n == 0))
        return 0; /* AWS refuses the name of its first region here; tools for other servers send it */
    if (bytes_eq_str(constraint, region))
        return 0;
    return req_failf(
        r, S3E_ILLEGAL_LOCATION_CONSTRAINT,
        "The %.*s location constraint is incompatible for the region specific endpoint this request was sent to.",
        constraint.n ? (int)(constraint.n < 64 ? constraint.n : 64) : 11, constraint.n ? constraint.p : "unspecified");
}

/* What the body asks for needs rights too, and policies may ask about it. */
static int authorize_new(struct req *r, const struct xml_create_bucket *body)
{
    struct store_header *tags = arena_new_array(r->arena, struct store_header, body->n_tags + 1);
    for (size_t i = 0; i < body->n_tags; i++)
        tags[i] = (struct store_header){body->tags[i].key, body->tags[i].value};
    struct facts_body facts = {
        .location = body->location_constraint, .bucket_tags = tags, .n_bucket_tags = body->n_tags};
    if (authorize_body(r, &facts) < 0)
        return -1;
    return body->n_tags ? authorize_also(r, "s3:TagResource") : 0;
}

static int check_name(struct req *r)
{
    if (own_reserves(r->bucket_name))
        req_failf(r, S3E_INVALID_BUCKET_NAME, "The name is reserved: paths of the server itself begin with it.");
    else if (!name_is_valid(r->bucket_name))
        req_fail(r, S3E_INVALID_BUCKET_NAME);
    else
        return 0;
    return req_extra(r, "BucketName", r->bucket_name);
}

/* An account that was deleted meanwhile: its last deed is undone. */
static int undo_new(struct req *r)
{
    int rc = store_bucket_delete(r->server->store, r->bucket_name);
    return rc < 0 && rc != STORE_NO_SUCH_BUCKET ? req_fail_store(r, rc) : req_fail(r, S3E_INVALID_ACCESS_KEY_ID);
}

int bucket_create(struct req *r)
{
    struct xml_create_bucket body = {0};
    struct store_bucket_new wanted = {.owner = r->who.account};
    if (check_name(r) < 0)
        return -1;
    if (api_refuse_unsupported(r) < 0 || (r->body.n && req_document(r, &xml_create_bucket_doc, &body) < 0) ||
        check_location(r, body.location_constraint) < 0 || authorize_new(r, &body) < 0 ||
        api_new_bucket_read(r, &body, &wanted) < 0 || api_new_bucket_acl(r, &wanted) < 0)
        return -1;
    if (body.location || body.bucket) {
        req_fail(r, S3E_NOT_IMPLEMENTED);
        return req_extra(r, "additionalMessage", BYTES_LIT("Directory buckets are not supported"));
    }
    struct store_bucket made;
    wanted.region = body.location_constraint;
    int rc = store_bucket_create(r->server->store, r->bucket_name, &wanted, r->arena, &made);
    if (rc == STORE_BUCKET_EXISTS) {
        bool mine = bytes_eq(made.owner, r->who.account);
        req_fail(r, mine ? S3E_BUCKET_ALREADY_OWNED_BY_YOU : S3E_BUCKET_ALREADY_EXISTS);
        return req_extra(r, "BucketName", r->bucket_name);
    }
    if (rc < 0)
        return req_fail_store(r, rc);
    if (!accounts_keeps(r->server->identities, r->who.account))
        return undo_new(r);
    resp_headerf(r, "Location", "/%.*s", (int)r->bucket_name.n, r->bucket_name.p);
    resp_header(r, "x-amz-bucket-arn", bucket_arn(r, r->bucket_name));
    return 0;
}

int bucket_head(struct req *r)
{
    resp_header(r, "x-amz-bucket-region", region_of(r, &r->bucket));
    resp_header(r, "x-amz-access-point-alias", BYTES_LIT("false"));
    resp_header(r, "x-amz-bucket-arn", bucket_arn(r, r->bucket_name));
    r->resp.content_type = "application/xml";
    return 0;
}

int bucket_location(struct req *r)
{
    struct bytes region = region_of(r, &r->bucket);
    struct xml_location_constraint doc = {.region = bytes_eq_str(region, "us-east-1") ? BYTES_NONE : region};
    return resp_document(r, &xml_location_constraint_doc, &doc);
}

int bucket_delete(struct req *r)
{
    int rc = store_bucket_delete(r->server->store, r->bucket_name);
    if (rc < 0)
        req_fail_store(r, rc);
    if (rc == STORE_BUCKET_NOT_EMPTY && r->bucket.versioning != VERSIONING_NEVER)
        r->err.message = "The bucket you tried to delete is not empty. You must delete all versions in the bucket.";
    if (rc < 0)
        return -1;
    r->resp.status = 204;
    return 0;
}
