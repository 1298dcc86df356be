/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mc admin cluster bucket export` and `import`: the settings of buckets as a zip archive, a member for each, by the
 * names that MinIO gives them (BUCKET/lifecycle.xml, BUCKET/policy.json, ...). Two more are Pail's own: the block of
 * public access and who owns what is written, without which a policy would not mean the same.
 *
 * Each setting goes out and comes in through the very handler that S3's operation has, called with a request of its own
 * that is about the bucket and its document, so an import accepts nothing that a client could not have put. Buckets
 * that are missing are made. One setting that is refused is named in the reply; the others go on. Threads: workers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/archive.h"
#include "server/admin_api/common.h"
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/server.h"
#include "store.h"

#define BUCKETS_PAGE 1000
#define STATUS_MAX   1000 /* buckets of one import */

static int get_quota(struct req *r)
{
    json_t *j = admin_quota_json(r->bucket.quota);
    char *text = json_dumps(j, JSON_COMPACT);
    CHECK(text);
    if (r->bucket.quota == 0)
        req_fail(r, S3E_ADMIN_CONFIG_NOT_FOUND);
    buf_put_str(&r->resp.doc, text);
    free(text);
    json_decref(j);
    return r->err.code ? -1 : 0;
}

static int put_quota(struct req *r)
{
    return admin_put_quota(r, r->bucket_name);
}

/* A bucket without a block is not one that nothing is known of: a new one has all four switches on. */
static int get_block(struct req *r)
{
    if (public_access_get(r) == 0)
        return 0;
    if (r->err.code != S3E_NO_SUCH_PUBLIC_ACCESS_BLOCK_CONFIGURATION)
        return -1;
    r->err = (struct req_error){0};
    buf_reset(&r->resp.doc);
    buf_put_str(&r->resp.doc, "<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls>"
                              "<IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy>"
                              "<RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>");
    return 0;
}

/* In the order in which an import goes: what others need comes first. */
static const struct member {
    const char *file, *status; /* status: as the reply of an import calls it; NULL: it has no word for it */
    int (*get)(struct req *), (*put)(struct req *);
    const char *right; /* to put it */
} members[] = {
    {"versioning.xml", "versioning", versioning_get, versioning_put, "s3:PutBucketVersioning"},
    {"object-lock.xml", "olock", lock_get_configuration, lock_put_configuration, "s3:PutBucketObjectLockConfiguration"},
    {"public-access-block.xml", NULL, get_block, public_access_put, "s3:PutBucketPublicAccessBlock"},
    {"ownership.xml", NULL, ownership_get, ownership_put, "s3:PutBucketOwnershipControls"},
    {"policy.json", "policy", policy_get, policy_put, "s3:PutBucketPolicy"},
    {"tagging.xml", "tagging", tagging_get_bucket, tagging_put_bucket, "s3:PutBucketTagging"},
    {"bucket-encryption.xml", "sse", encryption_get, encryption_put, "s3:PutEncryptionConfiguration"},
    {"lifecycle.xml", "lifecycle", lifecycle_get, lifecycle_put, "s3:PutLifecycleConfiguration"},
    {"cors.xml", "cors", cors_get, cors_put, "s3:PutBucketCORS"},
    {"quota.json", "quota", get_quota, put_quota, "admin:SetBucketQuota"},
};

/* ---- a request about one bucket ---- */

static void fini(void *p)
{
    struct req *sub = p;
    buf_fini(&sub->resp.doc);
    buf_fini(&sub->resp.headers);
    buf_fini(&sub->body);
}

/* Its own reply and body, everything else as of the administrator's. 0, or -1 with sub->err. */
static int about(struct req *r, const struct store_bucket *b, struct bytes body, struct req **ret)
{
    struct req *sub = *ret = arena_new(r->arena, struct req);
    *sub = *r;
    sub->resp = (struct resp){0};
    sub->err = (struct req_error){0};
    sub->query = (struct query){0};
    sub->bucket = *b;
    sub->bucket_name = b->name;
    sub->on_bucket = true;
    sub->key = BYTES_NONE;
    buf_init(&sub->resp.doc, REQ_DOC_MAX);
    buf_init(&sub->resp.headers, 64 * 1024);
    buf_init(&sub->body, ARCHIVE_MEMBER_MAX);
    buf_put_bytes(&sub->body, body);
    arena_defer(r->arena, fini, sub);
    return authorize_take_bucket(sub);
}

/* ---- export ---- */

static int export_bucket(struct req *r, struct archive_writer *w, const struct store_bucket *b)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct req *sub;
        if (about(r, b, BYTES_NONE, &sub) == 0 && members[i].get(sub) == 0) {
            const char *name = arena_printf(r->arena, "%.*s/%s", (int)b->name.n, b->name.p, members[i].file);
            archive_add(w, name, buf_bytes(&sub->resp.doc));
        } else if (s3_error_status(sub->err.code) >= 500) {
            r->err = sub->err;
            return -1;
        }
    }
    return 0;
}

static int export_all(struct req *r, struct archive_writer *w)
{
    struct bytes after = BYTES_NONE;
    struct store_bucket *list;
    size_t n;
    for (bool more = true; more;) {
        int rc = store_bucket_list_of(r->server->store, r->who.account, BYTES_NONE, after, BUCKETS_PAGE, r->arena,
                                      &list, &n, &more);
        if (rc != STORE_OK)
            return req_fail_store(r, rc);
        for (size_t i = 0; i < n; i++)
            if (export_bucket(r, w, &list[i]) < 0)
                return -1;
        more = more && n > 0;
        if (n)
            after = list[n - 1].name;
    }
    return 0;
}

static int find_bucket(struct req *r, struct bytes name, struct store_bucket *ret)
{
    int rc = store_bucket_get(r->server->store, name, r->arena, ret);
    if (rc == STORE_OK && !bytes_eq(ret->owner, r->who.account))
        rc = STORE_NO_SUCH_BUCKET;
    return rc == STORE_OK ? 0 : req_fail_store(r, rc);
}

int admin_export_buckets(struct req *r)
{
    struct archive_writer *w = archive_begin(r->arena);
    struct bytes name = req_param(r, "bucket");
    struct store_bucket b;
    if (name.n ? find_bucket(r, name, &b) < 0 || export_bucket(r, w, &b) < 0 : export_all(r, w) < 0)
        return -1;
    if (!archive_end(w, &r->resp.doc) && !r->resp.doc.failed)
        return req_fail(r, S3E_INTERNAL_ERROR);
    return admin_reply_zip(r, "bucket-metadata.zip");
}

/* ---- import ---- */

/* False: the server failed. */
static bool note(struct req *r, struct req *sub, json_t *status, const char *what)
{
    struct bytes why = BYTES_NONE;
    json_t *row = json_pack("{s:b}", "isSet", sub->err.code == S3E_OK);
    bool good = sub->err.code == S3E_OK || admin_forgive(sub, &why);
    if (!good)
        r->err = sub->err;
    else if (!json_is_true(json_object_get(row, "isSet")))
        json_object_set_new(row, "error", json_of_bytes(why));
    if (what)
        json_object_set(status, what, row);
    else if (json_object_get(row, "error")) /* the reply has no other place for it */
        json_object_set(status, "error", json_object_get(row, "error"));
    json_decref(row);
    return good;
}

/* Of the administrator, on the bucket. 0, or -1 with sub->err. */
static int check_right(struct req *r, struct req *sub, const char *action)
{
    struct bytes arn = arena_bytesf(r->arena, "arn:aws:s3:::%.*s", (int)sub->bucket_name.n, sub->bucket_name.p);
    return authorize_can(r, action, arn) ? 0 : req_failf(sub, S3E_ACCESS_DENIED, "It needs the right %s, too.", action);
}

/* The bucket, made if it is missing. 1: refused and noted. */
static int take_bucket(struct req *r, struct archive *z, struct bytes name, json_t *status, struct store_bucket *ret)
{
    struct req *sub;
    struct store_bucket made = {.name = name, .owner = r->who.account};
    int rc = store_bucket_get(r->server->store, name, r->arena, ret);
    if (rc == STORE_OK && bytes_eq(ret->owner, r->who.account))
        return 0;
    if (rc != STORE_OK && rc != STORE_NO_SUCH_BUCKET)
        return req_fail_store(r, rc);
    const char *lock = arena_printf(r->arena, "%.*s/object-lock.xml", (int)name.n, name.p);
    (void)about(r, &made, BYTES_NONE, &sub);
    sub->bucket = (struct store_bucket){0};
    sub->authorization = r->authorization;
    sub->err = (struct req_error){0};
    if (check_right(r, sub, "s3:CreateBucket") < 0 || bucket_create(sub) < 0)
        return note(r, sub, status, NULL) ? 1 : -1;
    rc = store_bucket_get(r->server->store, name, r->arena, ret);
    if (rc != STORE_OK)
        return req_fail_store(r, rc);
    if (archive_find(z, lock) < 0)
        return 0;
    struct store_bucket_change change = {.versioning = VERSIONING_ENABLED};
    rc = store_bucket_change(r->server->store, name, &change, r->arena, ret);
    return rc == STORE_OK ? 0 : req_fail_store(r, rc);
}

static int import_member(struct req *r, struct archive *z, const struct store_bucket *b, const struct member *m,
                         json_t *status)
{
    const char *why, *name = arena_printf(r->arena, "%.*s/%s", (int)b->name.n, b->name.p, m->file);
    ptrdiff_t i = archive_find(z, name);
    struct bytes text = BYTES_NONE;
    struct req *sub;
    struct store_bucket now;
    if (i < 0)
        return 0;
    if (!archive_read(z, (size_t)i, &text, &why))
        return req_failf(r, S3E_ADMIN_BAD_ARCHIVE, "%s: %s", name, why);
    if (m->put == versioning_put && bytes_find(text, BYTES_LIT("<Status>"), 0) < 0) /* it never had any */
        return 0;
    int rc = store_bucket_get(r->server->store, b->name, r->arena, &now); /* as the settings before have left it */
    if (rc != STORE_OK)
        return req_fail_store(r, rc);
    if (about(r, &now, text, &sub) == 0 && check_right(r, sub, m->right) == 0)
        (void)m->put(sub);
    return note(r, sub, status, m->status) ? 0 : -1;
}

/* The bucket that a member is about; empty: it is about none that is known. */
static struct bytes bucket_of(struct bytes name)
{
    ptrdiff_t slash = bytes_find_char(name, '/', 0);
    struct bytes file = slash > 0 ? bytes_cut(name, (size_t)slash + 1, name.n) : BYTES_NONE;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (bytes_eq_str(file, members[i].file))
            return bytes_cut(name, 0, (size_t)slash);
    return BYTES_NONE;
}

static int import_bucket(struct req *r, struct archive *z, struct bytes name, json_t *all)
{
    struct store_bucket b;
    json_t *status = json_object();
    json_object_set_new(all, bytes_cstr(r->arena, name), status);
    int rc = take_bucket(r, z, name, status, &b);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(members); i++)
        rc = import_member(r, z, &b, &members[i], status);
    return rc < 0 ? -1 : 0;
}

static int import_all(struct req *r, struct archive *z, struct bytes only, json_t *all)
{
    for (size_t i = 0; i < archive_count(z); i++) {
        struct bytes name = bucket_of(archive_name(z, i));
        if (!name.n || (only.n && !bytes_eq(name, only)) || json_object_get(all, bytes_cstr(r->arena, name)))
            continue;
        if (json_object_size(all) == STATUS_MAX)
            return req_failf(r, S3E_ADMIN_BAD_ARCHIVE, "At most %d buckets in one import.", STATUS_MAX);
        if (import_bucket(r, z, name, all) < 0)
            return -1;
    }
    return 0;
}

int admin_import_buckets(struct req *r)
{
    const char *why;
    json_t *all = json_in(r->arena, json_object());
    struct archive *z = archive_open(buf_bytes(&r->body), r->arena, &why);
    if (!z)
        return req_failf(r, S3E_ADMIN_BAD_ARCHIVE, "The body: %s.", why);
    if (import_all(r, z, req_param(r, "bucket"), all) < 0)
        return -1;
    log_info("buckets", "settings of %zu buckets were imported", json_object_size(all));
    return admin_reply(r, json_pack("{s:O}", "buckets", all));
}
