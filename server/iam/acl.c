/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control lists: tables of names, canned lists and needs, and a walk over at most a hundred grants. The tables
 * are S3's (User Guide, "Access control list overview"). WRITE on a bucket covers overwriting and deleting by any
 * grantee, as clients rely on. Threads: pure functions.
 */
#include "server/iam/acl.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"

#define GRANTS_AT_FIRST 4
/* The account that canned aws-exec-read names: EC2's, which fetches machine images. */
#define EXEC_READ_ID "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"

/* --- names ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum acl_permission permission;
} permissions[] = {
    {"READ", ACL_READ},
    {"WRITE", ACL_WRITE},
    {"READ_ACP", ACL_READ_ACP},
    {"WRITE_ACP", ACL_WRITE_ACP},
    {"FULL_CONTROL", ACL_FULL_CONTROL},
};

const char *acl_permission_name(enum acl_permission permission)
{
    for (size_t i = 0; i < ARRAY_LEN(permissions); i++)
        if (permissions[i].permission == permission)
            return permissions[i].name;
    return "";
}

bool acl_permission_of(struct bytes name, enum acl_permission *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
        if (bytes_eq_str(name, permissions[i].name)) {
            *ret = permissions[i].permission;
            return true;
        }
    }
    return false;
}

static const struct {
    const char *uri;
    enum acl_grantee group;
} groups[] = {
    {"http://acs.amazonaws.com/groups/global/AllUsers", ACL_ALL_USERS},
    {"http://acs.amazonaws.com/groups/global/AuthenticatedUsers", ACL_AUTHENTICATED_USERS},
    {"http://acs.amazonaws.com/groups/s3/LogDelivery", ACL_LOG_DELIVERY},
};

const char *acl_group_uri(enum acl_grantee group)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (groups[i].group == group)
            return groups[i].uri;
    return NULL;
}

bool acl_group_of(struct bytes uri, enum acl_grantee *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (bytes_eq_str(uri, groups[i].uri)) {
            *ret = groups[i].group;
            return true;
        }
    }
    return false;
}

static const char *const ownerships[] = {
    [ACL_BUCKET_OWNER_ENFORCED] = "BucketOwnerEnforced",
    [ACL_BUCKET_OWNER_PREFERRED] = "BucketOwnerPreferred",
    [ACL_OBJECT_WRITER] = "ObjectWriter",
};

const char *acl_ownership_name(enum acl_ownership ownership)
{
    return ownerships[ownership];
}

bool acl_ownership_of(struct bytes name, enum acl_ownership *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(ownerships); i++) {
        if (bytes_eq_str(name, ownerships[i])) {
            *ret = (enum acl_ownership)i;
            return true;
        }
    }
    return false;
}

bool acl_is_canonical_id(struct bytes id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f')))
            return false;
    return id.n == ACL_CANONICAL_ID_LEN;
}

const char *acl_fault_text(enum acl_fault fault)
{
    static const char *const texts[] = {
        [ACL_OK] = "",
        [ACL_UNKNOWN_CANNED] = "",
        [ACL_BAD_URI] = "Invalid group uri",
        [ACL_BAD_ID] = "Invalid id",
        [ACL_BAD_FORMAT] = "Argument format not recognized",
        [ACL_TOO_MANY_GRANTS] = "An access control list has at most 100 grants",
    };
    return texts[fault];
}

/* --- making --------------------------------------------------------------------------------------------------------
 */

enum acl_fault acl_add(struct arena *arena, struct acl *acl, struct acl_grant grant)
{
    if (acl->n >= ACL_MAX_GRANTS)
        return ACL_TOO_MANY_GRANTS;
    if (acl->n == acl->cap) {
        size_t cap = acl->cap ? acl->cap * 2 : GRANTS_AT_FIRST;
        struct acl_grant *grants = arena_new_array(arena, struct acl_grant, cap);
        if (acl->n)
            memcpy(grants, acl->grants, acl->n * sizeof *grants);
        acl->grants = grants;
        acl->cap = cap;
    }
    acl->grants[acl->n++] = grant;
    return ACL_OK;
}

void acl_private(struct arena *arena, struct bytes owner, struct acl *ret)
{
    *ret = (struct acl){.owner = owner};
    (void)acl_add(arena, ret, (struct acl_grant){ACL_ACCOUNT, owner, ACL_FULL_CONTROL});
}

/* What a canned list adds to the owner's grant. */
static const struct canned_row {
    const char *name;
    enum acl_grantee grantee;
    unsigned permissions; /* each bit a grant of its own; FULL_CONTROL is one */
    const char *id;       /* of the grantee; "bucket-owner": that; NULL: a group */
} canned[] = {
    {"private", ACL_ACCOUNT, 0, NULL},
    {"public-read", ACL_ALL_USERS, ACL_READ, NULL},
    {"public-read-write", ACL_ALL_USERS, ACL_READ | ACL_WRITE, NULL},
    {"authenticated-read", ACL_AUTHENTICATED_USERS, ACL_READ, NULL},
    {"aws-exec-read", ACL_ACCOUNT, ACL_READ, EXEC_READ_ID},
    {"bucket-owner-read", ACL_ACCOUNT, ACL_READ, "bucket-owner"},
    {"bucket-owner-full-control", ACL_ACCOUNT, ACL_FULL_CONTROL, "bucket-owner"},
    {"log-delivery-write", ACL_LOG_DELIVERY, ACL_WRITE | ACL_READ_ACP, NULL},
};

static void add_canned(struct arena *arena, const struct canned_row *row, struct bytes bucket_owner, struct acl *acl)
{
    struct acl_grant grant = {row->grantee, bytes_str(row->id), ACL_FULL_CONTROL};
    if (row->id && strcmp(row->id, "bucket-owner") == 0)
        grant.id = bucket_owner;
    if (row->permissions == ACL_FULL_CONTROL) {
        (void)acl_add(arena, acl, grant);
        return;
    }
    for (unsigned bit = ACL_READ; bit <= ACL_WRITE_ACP; bit <<= 1) {
        grant.permission = (enum acl_permission)bit;
        if (row->permissions & bit)
            (void)acl_add(arena, acl, grant);
    }
}

enum acl_fault acl_canned(struct arena *arena, struct bytes name, struct bytes owner, struct bytes bucket_owner,
                          bool on_bucket, struct acl *ret)
{
    acl_private(arena, owner, ret);
    for (size_t i = 0; i < ARRAY_LEN(canned); i++) {
        const struct canned_row *row = &canned[i];
        if (!bytes_eq_str(name, row->name))
            continue;
        /* A bucket's owner has everything already, and so has an object's when it is the same. */
        bool to_owner = row->id && strcmp(row->id, "bucket-owner") == 0;
        if (!to_owner || (!on_bucket && !bytes_eq(owner, bucket_owner)))
            add_canned(arena, row, bucket_owner, ret);
        return ACL_OK;
    }
    return ACL_UNKNOWN_CANNED;
}

static struct bytes unquoted(struct bytes t)
{
    t = bytes_trim(t);
    if (t.n >= 2 && t.p[0] == '"' && t.p[t.n - 1] == '"')
        t = bytes_cut(t, 1, t.n - 2);
    return t;
}

static enum acl_fault grant_of(struct bytes kind, struct bytes value, struct acl_grant *ret)
{
    ret->id = value;
    if (bytes_eq_str_nocase(kind, "id")) {
        ret->grantee = ACL_ACCOUNT;
        return acl_is_canonical_id(value) ? ACL_OK : ACL_BAD_ID;
    }
    if (bytes_eq_str_nocase(kind, "uri")) {
        ret->id = BYTES_NONE;
        return acl_group_of(value, &ret->grantee) ? ACL_OK : ACL_BAD_URI;
    }
    ret->grantee = ACL_EMAIL;
    return bytes_eq_str_nocase(kind, "emailAddress") && value.n ? ACL_OK : ACL_BAD_FORMAT;
}

enum acl_fault acl_add_header(struct arena *arena, struct bytes value, enum acl_permission permission, struct acl *acl,
                              struct bytes *ret_culprit)
{
    size_t from = 0;
    *ret_culprit = value;
    while (from <= value.n) {
        ptrdiff_t comma = bytes_find_char(value, ',', from);
        size_t end = comma < 0 ? value.n : (size_t)comma;
        struct bytes item = bytes_trim(bytes_cut(value, from, end - from));
        ptrdiff_t equals = bytes_find_char(item, '=', 0);
        if (equals < 0)
            return ACL_BAD_FORMAT;
        struct acl_grant grant = {.permission = permission};
        *ret_culprit = unquoted(bytes_cut(item, (size_t)equals + 1, item.n));
        enum acl_fault fault = grant_of(bytes_trim(bytes_cut(item, 0, (size_t)equals)), *ret_culprit, &grant);
        if (fault == ACL_OK)
            fault = acl_add(arena, acl, grant);
        if (fault != ACL_OK)
            return fault;
        from = end + 1;
    }
    return ACL_OK;
}

/* --- judging ---------------------------------------------------------------------------------------------------------
 */

static bool is_public_grantee(enum acl_grantee g)
{
    return g == ACL_ALL_USERS || g == ACL_AUTHENTICATED_USERS;
}

bool acl_is_public(const struct acl *acl)
{
    for (size_t i = 0; i < acl->n; i++)
        if (is_public_grantee(acl->grants[i].grantee))
            return true;
    return false;
}

void acl_without_public(struct arena *arena, const struct acl *acl, struct acl *ret)
{
    *ret = (struct acl){.owner = acl->owner};
    for (size_t i = 0; i < acl->n; i++)
        if (!is_public_grantee(acl->grants[i].grantee))
            (void)acl_add(arena, ret, acl->grants[i]);
}

bool acl_suits_enforced(struct bytes canned_name, const struct acl *grants, struct bytes bucket_owner)
{
    if (canned_name.n)
        return bytes_eq_str(canned_name, "bucket-owner-full-control");
    for (size_t i = 0; i < grants->n; i++) {
        const struct acl_grant *g = &grants->grants[i];
        if (g->grantee != ACL_ACCOUNT || g->permission != ACL_FULL_CONTROL || !bytes_eq(g->id, bucket_owner))
            return false;
    }
    return grants->n > 0;
}

bool acl_grants_others(const struct acl *acl)
{
    for (size_t i = 0; i < acl->n; i++)
        if (acl->grants[i].grantee != ACL_ACCOUNT || !bytes_eq(acl->grants[i].id, acl->owner))
            return true;
    return false;
}

struct bytes acl_object_owner(enum acl_ownership ownership, struct bytes canned_name, struct bytes writer,
                              struct bytes bucket_owner)
{
    bool handed_over =
        ownership == ACL_BUCKET_OWNER_PREFERRED && bytes_eq_str(canned_name, "bucket-owner-full-control");
    return ownership == ACL_BUCKET_OWNER_ENFORCED || handed_over ? bucket_owner : writer;
}

struct acl_need acl_need(struct bytes action)
{
    static const struct {
        const char *action;
        struct acl_need need;
    } needs[] = {
        {"s3:ListBucket", {ACL_READ, 0}},
        {"s3:ListBucketVersions", {ACL_READ, 0}},
        {"s3:ListBucketMultipartUploads", {ACL_READ, 0}},
        {"s3:PutObject", {ACL_WRITE, 0}},
        {"s3:DeleteObject", {ACL_WRITE, 0}},
        {"s3:GetBucketAcl", {ACL_READ_ACP, 0}},
        {"s3:PutBucketAcl", {ACL_WRITE_ACP, 0}},
        {"s3:GetObject", {0, ACL_READ}},
        {"s3:GetObjectVersion", {0, ACL_READ}},
        {"s3:GetObjectAcl", {0, ACL_READ_ACP}},
        {"s3:GetObjectVersionAcl", {0, ACL_READ_ACP}},
        {"s3:PutObjectAcl", {0, ACL_WRITE_ACP}},
        {"s3:PutObjectVersionAcl", {0, ACL_WRITE_ACP}},
    };
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (bytes_eq_str_nocase(action, needs[i].action))
            return needs[i].need;
    return (struct acl_need){0, 0};
}

static enum acl_match grant_match(const struct acl_grant *g, struct bytes canonical_id, bool log_delivery)
{
    switch (g->grantee) {
    case ACL_ALL_USERS:
        return ACL_BY_ALL_USERS;
    case ACL_AUTHENTICATED_USERS:
        return canonical_id.n ? ACL_BY_AUTHENTICATED : ACL_NO_MATCH;
    case ACL_ACCOUNT:
        return canonical_id.n && bytes_eq(g->id, canonical_id) ? ACL_BY_ACCOUNT : ACL_NO_MATCH;
    case ACL_LOG_DELIVERY:
        return log_delivery ? ACL_BY_ACCOUNT : ACL_NO_MATCH;
    case ACL_EMAIL:
        break;
    }
    return ACL_NO_MATCH;
}

enum acl_match acl_match(const struct acl *acl, struct bytes canonical_id, bool log_delivery, enum acl_permission need)
{
    enum acl_match best = ACL_NO_MATCH;
    for (size_t i = 0; i < acl->n; i++) {
        enum acl_match m = grant_match(&acl->grants[i], canonical_id, log_delivery);
        if ((acl->grants[i].permission & need) && m > best)
            best = m;
    }
    return best;
}
