/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mc admin cluster iam export` and `import`: users with their secret keys, groups, policies, who has which, and
 * service accounts, as the zip archive of JSON files that MinIO makes of them, so that either server takes the other's.
 * Whoever may export (admin:ExportIAM) learns all secrets but the root's, and whoever may import can give himself any
 * right, as in MinIO.
 *
 * What MinIO has no file for stays behind: roles, identity providers, inline policies, tags, other accounts.
 *
 * An import adds and replaces, and removes nothing. Each entity is a change of its own; one that is refused is named in
 * the reply and the others go on, in an order in which what is referred to comes first. It may be sent again.
 * Threads: workers.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/archive.h"
#include "server/admin_api/common.h"
#include "server/iam/condition.h"
#include "server/json_text.h"
#include "server/server.h"

#define ASSETS "iam-assets/"

/* ---- export ---- */

static int add_policy(struct admin_call *c, json_t *policy, void *arg)
{
    struct bytes text,
        arn = iam_arn(c->arena, "policy", c->q.account, record_text(policy, "path"), record_text(policy, "name"));
    int rc = policy_document(c->ids, c->arena, arn, &text);
    if (rc == STORE_NO_SUCH_SETTING) /* deleted meanwhile */
        return 0;
    if (rc != STORE_OK)
        return req_fail_store(c->r, rc);
    json_t *j = json_loadb(text.p, text.n, 0, NULL);
    json_object_set_new(arg, bytes_cstr(c->arena, record_text(policy, "name")), j ? j : json_object());
    return 0;
}

static bool is_disabled(const json_t *record)
{
    return json_is_true(json_object_get(record, "disabled"));
}

static int read_key(struct admin_call *c, struct bytes id, json_t **ret, struct bytes *ret_secret)
{
    int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, id), ret);
    if (rc == STORE_NO_SUCH_SETTING)
        *ret = NULL;
    else if (rc != STORE_OK)
        return req_fail_store(c->r, rc);
    else if (!key_record_secret(c->ids, c->arena, id, *ret, ret_secret))
        return req_failf(c->r, S3E_SERVICE_UNAVAILABLE, "The secret keys cannot be read: there is no master key.");
    return 0;
}

static int add_user(struct admin_call *c, json_t *user, void *arg)
{
    struct bytes name = record_text(user, "name"), secret = BYTES_LIT("");
    json_t *key = NULL;
    if (json_find(json_object_get(user, "keys"), name, true) >= 0 && read_key(c, name, &key, &secret) < 0)
        return -1;
    json_object_set_new(arg, bytes_cstr(c->arena, name),
                        json_pack("{s:o,s:s}", "secretKey", json_of_bytes(secret), "status",
                                  is_disabled(user) ? "disabled" : "enabled"));
    return 0;
}

static int add_group(struct admin_call *c, json_t *group, void *arg)
{
    struct bytes *users = NULL, name = record_text(group, "name");
    size_t n = 0;
    if (admin_members(c, name, IAM_MAX_USERS, &users, &n) < 0)
        return -1;
    json_t *members = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(members, json_of_bytes(users[i]));
    json_object_set_new(arg, bytes_cstr(c->arena, name),
                        json_pack("{s:i,s:s,s:o,s:o}", "version", 1, "status",
                                  is_disabled(group) ? "disabled" : "enabled", "members", members, "updatedAt",
                                  admin_time(record_number(group, "updated"))));
    return 0;
}

static int add_mapping(struct admin_call *c, json_t *record, void *arg)
{
    if (json_array_size(json_object_get(record, "attached")))
        json_object_set_new(arg, bytes_cstr(c->arena, record_text(record, "name")),
                            json_pack("{s:i,s:o,s:o}", "version", 1, "policy", admin_policies_joined(record),
                                      "updatedAt", admin_time(record_number(record, "updated"))));
    return 0;
}

static int key_json(struct admin_call *c, struct bytes id, const json_t *key, struct bytes secret, json_t **ret)
{
    struct bytes document = record_text(key, "policy"), text = BYTES_NONE;
    json_t *policy = NULL;
    if (document.n && document_get(c->ids, c->arena, document, &text) == STORE_OK)
        policy = json_loadb(text.p, text.n, 0, NULL);
    *ret = json_pack(
        "{s:o,s:o,s:o,s:n,s:{},s:o,s:s,s:o,s:o}", "parent",
        json_of_bytes(admin_user_shown(c, record_text(key, "user"))), "accessKey", json_of_bytes(id), "secretKey",
        json_of_bytes(secret), "groups", "claims", "sessionPolicy", policy ? policy : json_null(), "status",
        bytes_eq_str(record_text(key, "status"), "Active") ? "on" : "off", "name",
        json_of_bytes(record_text(key, "name")), "description", json_of_bytes(record_text(key, "description")));
    CHECK(*ret);
    if (record_number(key, "expires"))
        json_object_set_new(*ret, "expiration", admin_time(record_number(key, "expires")));
    return 0;
}

/* All but the one that is called like its user. */
static int add_keys(struct admin_call *c, const json_t *owner, struct bytes user, json_t *all)
{
    const json_t *keys = json_object_get(owner, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct bytes id = json_bytes(json_array_get(keys, i)), secret = BYTES_NONE;
        json_t *key = NULL, *j = NULL;
        if (user.n && bytes_eq_nocase(id, user))
            continue;
        if (read_key(c, id, &key, &secret) < 0 || (key && key_json(c, id, key, secret, &j) < 0))
            return -1;
        if (key)
            json_object_set_new(all, bytes_cstr(c->arena, id), j);
    }
    return 0;
}

static int add_user_keys(struct admin_call *c, json_t *user, void *arg)
{
    return add_keys(c, user, record_text(user, "name"), arg);
}

static void wipe_text(void *text)
{
    OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static void add_file(struct admin_call *c, struct archive_writer *w, const char *name, const json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    CHECK(text);
    arena_defer(c->arena, wipe_text, text);
    archive_add(w, name, bytes_str(text));
}

static int export(struct admin_call *c, struct archive_writer *w)
{
    static const struct {
        const char *file;
        enum entity kind;
        admin_each_f *add;
    } files[] = {{ASSETS "policies.json", ENTITY_POLICY, add_policy},
                 {ASSETS "users.json", ENTITY_USER, add_user},
                 {ASSETS "groups.json", ENTITY_GROUP, add_group},
                 {ASSETS "svcaccts.json", ENTITY_USER, add_user_keys},
                 {ASSETS "user_mappings.json", ENTITY_USER, add_mapping},
                 {ASSETS "group_mappings.json", ENTITY_GROUP, add_mapping}};
    json_t *root = NULL;
    int rc = record_get(c->ids, c->arena, key_of_account(c->arena, c->q.account), &root);
    if (rc != STORE_OK)
        return req_fail_store(c->r, rc);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        json_t *all = json_in(c->arena, json_object());
        if ((files[i].add == add_user_keys && add_keys(c, root, BYTES_NONE, all) < 0) ||
            admin_each(c, files[i].kind, files[i].add, all) < 0)
            return -1;
        add_file(c, w, files[i].file, all);
    }
    archive_add(w, ASSETS "stsuser_mappings.json", BYTES_LIT("{}"));
    return 0;
}

int admin_export_iam(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct archive_writer *w = archive_begin(c->arena);
    arena_keep_secret(c->arena);
    if (export(c, w) < 0)
        return -1;
    if (!archive_end(w, &r->resp.doc) && !r->resp.doc.failed)
        return req_fail(r, S3E_INTERNAL_ERROR);
    log_info("iam", "users, keys and policies were exported");
    return admin_reply_zip(r, "iam-info.zip");
}

/* ---- import ---- */

struct import {
    struct req *r;
    json_t *added, *failed, *skipped;
};

typedef int import_f(struct admin_call *, const char *name, json_t *item);

static int import_policy(struct admin_call *c, const char *name, json_t *item)
{
    return admin_put_policy(c, bytes_str(name), item);
}

static int import_user(struct admin_call *c, const char *name, json_t *item)
{
    return admin_put_user(c, bytes_str(name), item);
}

static int import_group(struct admin_call *c, const char *name, json_t *item)
{
    json_t *members = json_object_get(item, "members"), *none = json_in(c->arena, json_array());
    json_t *body = json_pack("{s:s,s:O,s:o}", "group", name, "members", json_is_array(members) ? members : none,
                             "groupStatus", json_of_bytes(record_text(item, "status")));
    return admin_put_group(c, json_in(c->arena, body));
}

static int import_key(struct admin_call *c, const char *name, json_t *item)
{
    return admin_put_key(c, bytes_str(name), item);
}

static int import_user_mapping(struct admin_call *c, const char *name, json_t *item)
{
    return admin_put_mapping(c, ENTITY_USER, bytes_str(name), record_text(item, "policy"));
}

static int import_group_mapping(struct admin_call *c, const char *name, json_t *item)
{
    return admin_put_mapping(c, ENTITY_GROUP, bytes_str(name), record_text(item, "policy"));
}

static const struct import_file {
    const char *file, *kind; /* kind: as the reply calls it */
    import_f *import;
    bool mapping;
} import_files[] = {{ASSETS "policies.json", "policies", import_policy, false},
                    {ASSETS "users.json", "users", import_user, false},
                    {ASSETS "groups.json", "groups", import_group, false},
                    {ASSETS "svcaccts.json", "serviceAccounts", import_key, false},
                    {ASSETS "user_mappings.json", "userPolicies", import_user_mapping, true},
                    {ASSETS "group_mappings.json", "groupPolicies", import_group_mapping, true}};

static json_t *names_of_policies(struct admin_call *c, const json_t *item)
{
    struct bytes *names = NULL;
    size_t n = admin_split(c, record_text(item, "policy"), &names);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_of_bytes(names[i]));
    return list;
}

/* Keys that have ended since are left out. */
static bool has_ended(struct req *r, const struct import_file *f, const json_t *item)
{
    struct bytes when = record_text(item, "expiration");
    int64_t ms;
    return f->import == import_key && when.n && !bytes_starts(when, BYTES_LIT("0001-")) &&
           policy_date_parse(when, &ms) && ms > 0 && ms <= r->now_ms;
}

static bool is_built_in(const char *name)
{
    size_t n;
    const struct managed_policy *all = managed_all(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return true;
    return false;
}

/* 0: it was taken, or refused and noted. -1: the server failed. */
static int import_one(struct import *im, const struct import_file *f, const char *name, json_t *item)
{
    struct admin_call *c = admin_begin(im->r);
    /* MinIO exports its own policies, too. */
    if ((f->import == import_policy && is_built_in(name)) || has_ended(im->r, f, item)) {
        json_array_append_new(record_list(im->skipped, f->kind), json_string(name));
        return 0;
    }
    int rc = json_is_object(item) ? f->import(c, name, item)
                                  : req_failf(im->r, S3E_ADMIN_INVALID_ARGUMENT, "It is no JSON object.");
    if (rc == 0) {
        json_t *row = f->mapping ? json_pack("{s:o}", name, names_of_policies(c, item)) : json_string(name);
        json_array_append_new(record_list(im->added, f->kind), row);
        return 0;
    }
    struct bytes why;
    if (!admin_forgive(im->r, &why))
        return -1;
    json_t *row = json_pack("{s:s,s:o}", "name", name, "reason", json_of_bytes(why));
    if (f->mapping)
        json_object_set_new(row, "policies", names_of_policies(c, item));
    json_array_append_new(record_list(im->failed, f->kind), row);
    return 0;
}

static int import_file(struct import *im, struct archive *z, const struct import_file *f)
{
    ptrdiff_t i = archive_find(z, f->file);
    struct bytes text = BYTES_NONE;
    const char *why, *name;
    json_t *item = NULL;
    if (i < 0)
        return 0;
    if (!archive_read(z, (size_t)i, &text, &why))
        return req_failf(im->r, S3E_ADMIN_BAD_ARCHIVE, "%s: %s", f->file, why);
    json_t *all = json_read(text);
    if (!json_is_object(all)) {
        json_decref(all);
        return req_failf(im->r, S3E_ADMIN_BAD_ARCHIVE, "%s is no JSON object.", f->file);
    }
    json_in(im->r->arena, all);
    json_object_foreach(all, name, item) if (import_one(im, f, name, item) < 0) return -1;
    return 0;
}

static int import_all(struct req *r, struct import *im)
{
    const char *why;
    struct archive *z = archive_open(buf_bytes(&r->body), r->arena, &why);
    *im = (struct import){.r = r,
                          .added = json_in(r->arena, json_object()),
                          .failed = json_in(r->arena, json_object()),
                          .skipped = json_in(r->arena, json_object())};
    if (!z)
        return req_failf(r, S3E_ADMIN_BAD_ARCHIVE, "The body: %s.", why);
    for (size_t i = 0; i < ARRAY_LEN(import_files); i++)
        if (import_file(im, z, &import_files[i]) < 0)
            return -1;
    log_info("iam", "users, keys and policies were imported");
    return 0;
}

int admin_import_iam_v2(struct req *r)
{
    struct import im;
    if (import_all(r, &im) < 0)
        return -1;
    return admin_reply(
        r, json_pack("{s:O,s:{},s:O,s:O}", "skipped", im.skipped, "removed", "added", im.added, "failed", im.failed));
}

/* The older call has no reply: what was refused is its error. */
int admin_import_iam(struct req *r)
{
    struct import im;
    const char *kind;
    json_t *list = NULL;
    if (import_all(r, &im) < 0)
        return -1;
    json_object_foreach(im.failed, kind, list)
    {
        const json_t *first = json_array_get(list, 0);
        struct bytes name = record_text(first, "name"), why = record_text(first, "reason");
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "%zu of %s were refused, %.*s among them: %.*s",
                         json_array_size(list), kind, (int)name.n, name.p, (int)why.n, why.p);
    }
    return admin_reply_nothing(r, 200);
}
