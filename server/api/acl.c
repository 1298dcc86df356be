/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control lists of buckets and objects, and who owns objects: what clients send (canned, grants in headers, XML)
 * becomes a struct acl, is judged by the bucket's ownership setting and block of public access, and is stored.
 *
 * Invariant: a stored list grants to accounts and groups only; addresses were looked up before.
 * Threads: workers; writes of objects are admitted on the loop.
 */
#include <string.h>

#include "base/check.h"
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/iam/identities.h"
#include "server/server.h"

static const struct {
    const char *header;
    enum acl_permission permission;
} grant_headers[] = {
    {"x-amz-grant-read", ACL_READ},
    {"x-amz-grant-write", ACL_WRITE},
    {"x-amz-grant-read-acp", ACL_READ_ACP},
    {"x-amz-grant-write-acp", ACL_WRITE_ACP},
    {"x-amz-grant-full-control", ACL_FULL_CONTROL},
};

static int fail_acl(struct req *r, enum acl_fault fault, const char *name, struct bytes value)
{
    switch (fault) {
    case ACL_TOO_MANY_GRANTS:
        return req_failf(r, S3E_INVALID_REQUEST, "%s", acl_fault_text(fault));
    case ACL_BAD_URI:
        return req_fail_argument(r, "uri", value, acl_fault_text(fault));
    case ACL_BAD_ID:
        return req_fail_argument(r, "id", value, acl_fault_text(fault));
    default:
        return req_fail_argument(r, name, value, acl_fault_text(fault));
    }
}

static int fail_email(struct req *r, struct bytes email)
{
    req_failf(r, S3E_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS,
              "The e-mail address you provided does not match any account on record.");
    return req_extra(r, "EmailAddress", email);
}

/* Addresses become the canonical ids of their accounts; ids must be somebody's. */
static int settle_grantees(struct req *r, struct acl *acl, const char *id_name)
{
    for (size_t i = 0; i < acl->n; i++) {
        struct acl_grant *g = &acl->grants[i];
        if (g->grantee == ACL_EMAIL) {
            struct bytes address = g->id;
            g->grantee = ACL_ACCOUNT;
            if (!access_canonical_of_email(r->server, address, r->arena, &g->id))
                return fail_email(r, address);
        } else if (g->grantee == ACL_ACCOUNT && !access_canonical_exists(r->server, g->id, r->arena)) {
            return req_fail_argument(r, id_name, g->id, "Invalid id");
        }
    }
    return 0;
}

/* What a request's headers say about a list. */
struct sent_acl {
    struct bytes canned; /* p NULL: none */
    bool grants;         /* there are grant headers */
    struct acl list;     /* of the grant headers */
};

static int read_headers(struct req *r, struct sent_acl *ret)
{
    *ret = (struct sent_acl){.canned = req_header(r, "x-amz-acl")};
    for (size_t i = 0; i < ARRAY_LEN(grant_headers); i++) {
        struct bytes culprit, value = req_header(r, grant_headers[i].header);
        if (!value.p)
            continue;
        ret->grants = true;
        enum acl_fault fault = acl_add_header(r->arena, value, grant_headers[i].permission, &ret->list, &culprit);
        if (fault != ACL_OK)
            return fail_acl(r, fault, grant_headers[i].header, culprit);
    }
    if (ret->grants && ret->canned.p)
        return req_failf(r, S3E_INVALID_REQUEST, "Specifying both Canned ACLs and Header Grants is not allowed");
    return settle_grantees(r, &ret->list, "id");
}

/* The list that the headers make, for something that `owner` owns (canonical ids). */
static int make_list(struct req *r, const struct sent_acl *sent, struct bytes owner, struct bytes bucket_owner,
                     bool on_bucket, struct acl *ret)
{
    if (sent->grants) {
        *ret = sent->list;
        ret->owner = owner;
        return 0;
    }
    if (!sent->canned.p) {
        acl_private(r->arena, owner, ret);
        return 0;
    }
    enum acl_fault fault = acl_canned(r->arena, sent->canned, owner, bucket_owner, on_bucket, ret);
    return fault == ACL_OK ? 0 : fail_acl(r, fault, "x-amz-acl", sent->canned);
}

/* A known name, whatever becomes of it. */
static int check_canned(struct req *r, struct bytes name)
{
    struct acl scratch;
    if (name.p && acl_canned(r->arena, name, BYTES_LIT("o"), BYTES_LIT("b"), false, &scratch) != ACL_OK)
        return fail_acl(r, ACL_UNKNOWN_CANNED, "x-amz-acl", name);
    return 0;
}

static int refuse_public(struct req *r, const struct acl *acl)
{
    struct public_access block;
    if (!acl_is_public(acl))
        return 0;
    if (authorize_block(r, &block) < 0)
        return -1;
    return block.block_acls ? req_failf(r, S3E_ACCESS_DENIED,
                                        "Access Denied because public access lists are prevented "
                                        "by the BlockPublicAcls setting of S3 Block Public Access")
                            : 0;
}

static struct bytes encode(struct req *r, const struct acl *acl)
{
    struct acl plain;
    acl_private(r->arena, acl->owner, &plain);
    bool same = acl->n == 1 && acl->grants[0].grantee == ACL_ACCOUNT && bytes_eq(acl->grants[0].id, acl->owner) &&
                acl->grants[0].permission == ACL_FULL_CONTROL;
    return same ? BYTES_NONE : access_encode_acl(r->arena, acl);
}

/* ---- with new objects ---- */

static struct bytes writer_of(const struct req *r)
{
    return r->who.account.n ? r->who.account : BYTES_LIT(ACCESS_ANONYMOUS);
}

struct bytes api_marker_owner(struct req *r)
{
    return authorize_settings(r)->ownership == ACL_BUCKET_OWNER_ENFORCED ? r->bucket.owner : writer_of(r);
}

int api_put_acl(struct req *r, struct store_put *put)
{
    const struct bucket_access *s = authorize_settings(r);
    struct bytes owner = s->acl.owner; /* canonical */
    struct sent_acl sent;
    struct acl list = {0};
    put->owner = r->bucket.owner;
    if (read_headers(r, &sent) < 0 || check_canned(r, sent.canned) < 0)
        return -1;
    if (s->ownership == ACL_BUCKET_OWNER_ENFORCED) {
        /* `private` is what many tools send without meaning anything by it, and what an object here is anyway. */
        bool harmless = !sent.grants && (!sent.canned.p || bytes_eq_str(sent.canned, "private"));
        return harmless || acl_suits_enforced(sent.canned, &sent.list, owner)
                   ? 0
                   : req_fail(r, S3E_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    }
    put->owner = acl_object_owner(s->ownership, sent.canned, writer_of(r), r->bucket.owner);
    if (make_list(r, &sent, access_canonical_id(r->server, put->owner, r->arena), owner, false, &list) < 0 ||
        refuse_public(r, &list) < 0)
        return -1;
    put->acl = encode(r, &list);
    return 0;
}

/* ---- with new buckets ---- */

int api_new_bucket_acl(struct req *r, struct store_bucket_new *ret)
{
    struct bytes ownership = req_header(r, "x-amz-object-ownership");
    struct bytes me = r->who.canonical_id;
    enum acl_ownership rule;
    struct sent_acl sent;
    struct acl list = {0};
    if (!acl_ownership_of(ownership.p ? ownership : bytes_str(r->server->config->default_object_ownership), &rule))
        return req_failf(r, S3E_INVALID_ARGUMENT, "Invalid x-amz-object-ownership header: %.*s",
                         (int)(ownership.n < 64 ? ownership.n : 64), ownership.p);
    if (read_headers(r, &sent) < 0 || make_list(r, &sent, me, me, true, &list) < 0)
        return -1;
    if (rule == ACL_BUCKET_OWNER_ENFORCED && acl_grants_others(&list))
        return req_fail(r, S3E_INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP);
    if (acl_is_public(&list)) { /* a new bucket blocks public lists */
        return req_failf(r, S3E_INVALID_BUCKET_ACL_WITH_BLOCK_PUBLIC_ACCESS,
                         "Bucket cannot have public ACLs set with BlockPublicAccess enabled");
    }
    if (rule != ACL_BUCKET_OWNER_ENFORCED)
        ret->ownership = access_encode_ownership(&rule);
    ret->acl = encode(r, &list);
    return 0;
}

/* ---- documents ---- */

struct xml_grantee {
    struct bytes type, id, display_name, email, uri;
};
struct xml_grant {
    struct xml_grantee *grantee;
    struct bytes permission;
};
struct xml_acl {
    struct xml_owner *owner;
    struct xml_grant *grants;
    size_t n_grants;
};

static const struct xml_field owner_fields[] = {
    XML_TEXT("ID", struct xml_owner, id, .trim = true, .optional = true),
    XML_TEXT("DisplayName", struct xml_owner, display_name, .optional = true),
    XML_END,
};
static const struct xml_field grantee_fields[] = {
    XML_ATTR("xsi", XML_NS_XSI, "type", struct xml_grantee, type, .optional = true),
    XML_TEXT("ID", struct xml_grantee, id, .trim = true, .optional = true),
    XML_TEXT("DisplayName", struct xml_grantee, display_name, .optional = true),
    XML_TEXT("EmailAddress", struct xml_grantee, email, .trim = true, .optional = true),
    XML_TEXT("URI", struct xml_grantee, uri, .trim = true, .optional = true),
    XML_END,
};
static const struct xml_field grant_fields[] = {
    XML_CHILD("Grantee", struct xml_grant, grantee, grantee_fields, .optional = true),
    XML_TEXT("Permission", struct xml_grant, permission, .trim = true, .optional = true),
    XML_END,
};
static const struct xml_field acl_fields[] = {
    XML_CHILD("Owner", struct xml_acl, owner, owner_fields, .optional = true),
    XML_LIST_IN("AccessControlList", "Grant", struct xml_acl, grants, n_grants, grant_fields),
    XML_END,
};
static const struct xml_doc acl_doc = XML_DOC("AccessControlPolicy", struct xml_acl, acl_fields);

/* One grant of a document; false: no such thing. *ret_fault is set for a grantee who is none. */
static bool read_grant(const struct xml_grant *x, struct acl_grant *ret, enum acl_fault *ret_fault)
{
    *ret_fault = ACL_OK;
    if (!x->grantee || !acl_permission_of(x->permission, &ret->permission))
        return false;
    const struct xml_grantee *g = x->grantee;
    if (bytes_eq_str(g->type, "CanonicalUser") || (!g->type.p && g->id.n)) {
        ret->grantee = ACL_ACCOUNT;
        ret->id = g->id;
        *ret_fault = acl_is_canonical_id(g->id) ? ACL_OK : ACL_BAD_ID;
        return g->id.n > 0;
    }
    if (bytes_eq_str(g->type, "Group") || (!g->type.p && g->uri.n)) {
        *ret_fault = acl_group_of(g->uri, &ret->grantee) ? ACL_OK : ACL_BAD_URI;
        return g->uri.n > 0;
    }
    ret->grantee = ACL_EMAIL;
    ret->id = g->email;
    return (bytes_eq_str(g->type, "AmazonCustomerByEmail") || !g->type.p) && g->email.n > 0;
}

static int read_document(struct req *r, struct bytes owner, struct acl *ret)
{
    struct xml_acl doc;
    if (req_document(r, &acl_doc, &doc) < 0)
        return r->err.code == S3E_MALFORMED_XML ? req_fail(r, S3E_MALFORMED_ACL) : -1;
    *ret = (struct acl){.owner = owner};
    if (!doc.owner || !doc.owner->id.n)
        return req_fail(r, S3E_MALFORMED_ACL);
    if (!bytes_eq(doc.owner->id, owner)) /* nobody gives a bucket or an object away */
        return req_fail(r, S3E_ACCESS_DENIED);
    for (size_t i = 0; i < doc.n_grants; i++) {
        struct acl_grant g = {0};
        enum acl_fault fault;
        if (!read_grant(&doc.grants[i], &g, &fault))
            return req_fail(r, S3E_MALFORMED_ACL);
        if (fault == ACL_BAD_ID)
            return req_fail_argument(r, "CanonicalUser/ID", doc.grants[i].grantee->id, acl_fault_text(fault));
        if (fault == ACL_BAD_URI)
            return req_fail_argument(r, "Group/URI", doc.grants[i].grantee->uri, acl_fault_text(fault));
        fault = acl_add(r->arena, ret, g);
        if (fault != ACL_OK)
            return fail_acl(r, fault, "x-amz-acl", BYTES_NONE);
    }
    return settle_grantees(r, ret, "CanonicalUser/ID");
}

/*
 * Where lists play no role, one that says what holds anyway is taken: tools copy lists along with objects. *ret is it.
 */
static int repeats_enforced(struct req *r, const struct sent_acl *sent, bool headers, struct acl *ret)
{
    struct bytes owner = authorize_settings(r)->acl.owner;
    struct acl list = sent->list;
    if (!headers && read_document(r, owner, &list) < 0)
        return -1;
    acl_private(r->arena, owner, ret);
    return acl_suits_enforced(sent->canned, &list, owner) ? 0 : req_fail(r, S3E_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
}

/* A new list for what `owner` owns: from headers or from the body, one of the two. */
static int read_new(struct req *r, struct bytes owner, bool on_bucket, struct acl *ret)
{
    const struct bucket_access *s = authorize_settings(r);
    struct sent_acl sent;
    if (read_headers(r, &sent) < 0)
        return -1;
    bool headers = sent.grants || sent.canned.p;
    if (headers && r->body.n)
        return req_fail(r, S3E_UNEXPECTED_CONTENT);
    if (!headers && !r->body.n) {
        req_fail(r, S3E_MISSING_SECURITY_HEADER);
        return req_extra(r, "MissingHeaderName", BYTES_LIT("x-amz-acl"));
    }
    if (check_canned(r, sent.canned) < 0)
        return -1;
    if (s->ownership == ACL_BUCKET_OWNER_ENFORCED)
        return repeats_enforced(r, &sent, headers, ret);
    int rc = headers ? make_list(r, &sent, owner, s->acl.owner, on_bucket, ret) : read_document(r, owner, ret);
    return rc < 0 ? -1 : refuse_public(r, ret);
}

/* p NULL: of nobody who is there. */
static struct bytes name_of(struct req *r, struct bytes canonical_id)
{
    struct iam_account found;
    return identities_account_of_canonical(r->server->identities, canonical_id, r->arena, &found) ? found.name
                                                                                                  : BYTES_NONE;
}

/* As it works: without what IgnorePublicAcls takes away. */
static int answer(struct req *r, const struct acl *acl)
{
    struct public_access block;
    struct acl shown = *acl;
    if (authorize_block(r, &block) < 0)
        return -1;
    if (block.ignore_acls)
        acl_without_public(r->arena, acl, &shown);
    struct xml_acl doc = {.owner = arena_new(r->arena, struct xml_owner),
                          .grants = arena_new_array(r->arena, struct xml_grant, shown.n + 1),
                          .n_grants = shown.n};
    doc.owner->id = acl->owner;
    doc.owner->display_name = name_of(r, acl->owner);
    for (size_t i = 0; i < shown.n; i++) {
        const struct acl_grant *g = &shown.grants[i];
        struct xml_grantee *to = doc.grants[i].grantee = arena_new(r->arena, struct xml_grantee);
        const char *uri = acl_group_uri(g->grantee);
        to->type = uri ? BYTES_LIT("Group") : BYTES_LIT("CanonicalUser");
        to->id = uri ? BYTES_NONE : g->id;
        to->display_name = uri ? BYTES_NONE : name_of(r, g->id);
        to->uri = uri ? bytes_str(uri) : BYTES_NONE;
        doc.grants[i].permission = bytes_str(acl_permission_name(g->permission));
    }
    return resp_document(r, &acl_doc, &doc);
}

/* ---- operations ---- */

int acl_get_bucket(struct req *r)
{
    const struct bucket_access *s = authorize_settings(r);
    struct acl own;
    if (s->ownership != ACL_BUCKET_OWNER_ENFORCED)
        return answer(r, &s->acl);
    acl_private(r->arena, s->acl.owner, &own);
    return answer(r, &own);
}

static int put_setting(struct req *r, enum store_setting setting, struct bytes value)
{
    int rc = store_setting_put(r->server->store, r->bucket_name, setting, value);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int acl_put_bucket(struct req *r)
{
    struct acl list = {0};
    if (read_new(r, authorize_settings(r)->acl.owner, true, &list) < 0)
        return -1;
    if (authorize_settings(r)->ownership == ACL_BUCKET_OWNER_ENFORCED)
        return 0;
    return put_setting(r, STORE_SETTING_ACL, encode(r, &list));
}

static int find_object(struct req *r, struct store_object **ret, const struct store_version **ret_version)
{
    if (api_version_id(r, ret_version) < 0)
        return -1;
    int rc = store_object_head(r->server->store, &r->bucket, r->key, *ret_version, r->arena, ret);
    return rc < 0 ? api_fail_version(r, rc, *ret_version, *ret, false) : 0;
}

int acl_get_object(struct req *r)
{
    struct store_object *o = NULL;
    const struct store_version *version;
    const struct bucket_access *s = authorize_settings(r);
    struct acl list = {0};
    if (find_object(r, &o, &version) < 0)
        return -1;
    bool enforced = s->ownership == ACL_BUCKET_OWNER_ENFORCED;
    struct bytes owner = enforced ? s->acl.owner : access_canonical_id(r->server, o->owner, r->arena);
    if (!access_decode_acl(r->arena, enforced ? BYTES_NONE : o->acl, owner, &list))
        return req_fail_store(r, STORE_CORRUPT);
    api_version_header(r, &o->version);
    return answer(r, &list);
}

int acl_put_object(struct req *r)
{
    struct store_object *o = NULL, *changed;
    const struct store_version *version;
    struct acl list = {0};
    if (find_object(r, &o, &version) < 0 ||
        read_new(r, access_canonical_id(r->server, o->owner, r->arena), false, &list) < 0)
        return -1;
    if (authorize_settings(r)->ownership == ACL_BUCKET_OWNER_ENFORCED) {
        api_version_header(r, &o->version);
        return 0;
    }
    /* The list was made for this object's owner: if another one has come here, it is not for it. */
    struct store_change change = {.set_acl = true, .acl = encode(r, &list), .expect_uid = o->uid};
    int rc = store_object_change(r->server->store, &r->bucket, r->key, version, &change, r->arena, &changed);
    if (rc == STORE_PRECONDITION_FAILED)
        return req_fail(r, S3E_OPERATION_ABORTED);
    if (rc < 0)
        return api_fail_version(r, rc, version, o, true);
    api_version_header(r, &o->version);
    return 0;
}

/* ---- ownership ---- */

struct xml_ownership_rule {
    struct bytes ownership;
};
struct xml_ownership {
    struct xml_ownership_rule *rules;
    size_t n_rules;
};
static const struct xml_field ownership_rule_fields[] = {
    XML_TEXT("ObjectOwnership", struct xml_ownership_rule, ownership, .trim = true),
    XML_END_STRICT,
};
static const struct xml_field ownership_fields[] = {
    XML_LIST("Rule", struct xml_ownership, rules, n_rules, ownership_rule_fields, .min = 1, .max = 1),
    XML_END_STRICT,
};
static const struct xml_doc ownership_doc = XML_DOC("OwnershipControls", struct xml_ownership, ownership_fields);

int ownership_get(struct req *r)
{
    const struct bucket_access *s = authorize_settings(r);
    if (!s->ownership_set) {
        req_fail(r, S3E_OWNERSHIP_CONTROLS_NOT_FOUND);
        return req_extra(r, "BucketName", r->bucket_name);
    }
    struct xml_ownership_rule rule = {bytes_str(acl_ownership_name(s->ownership))};
    struct xml_ownership doc = {&rule, 1};
    return resp_document(r, &ownership_doc, &doc);
}

int ownership_put(struct req *r)
{
    struct xml_ownership doc;
    enum acl_ownership wanted;
    if (req_document(r, &ownership_doc, &doc) < 0)
        return -1;
    if (doc.n_rules != 1 || !acl_ownership_of(doc.rules[0].ownership, &wanted))
        return req_fail(r, S3E_MALFORMED_XML);
    if (wanted == ACL_BUCKET_OWNER_ENFORCED && acl_grants_others(&authorize_settings(r)->acl))
        return req_fail(r, S3E_INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP);
    return put_setting(r, STORE_SETTING_OWNERSHIP, access_encode_ownership(&wanted));
}

int ownership_delete(struct req *r)
{
    r->resp.status = 204;
    return put_setting(r, STORE_SETTING_OWNERSHIP, access_encode_ownership(NULL));
}
