/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access settings of buckets, parsed and kept. An entry belongs to one state of one bucket's settings (settings_seq).
 * The settings are read after the bucket's record; if they change in between, the entry has the newer ones under the
 * older number, which only requests see that began before the change.
 *
 * Invariants: a policy that cannot be read is not an absent policy. Threads: any.
 */
#include "server/access.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/parsed_cache.h"
#include "server/iam/bound_policy.h"
#include "server/iam/identities.h"
#include "server/server.h"
#include "server/xml/documents.h"
#include "server/xml/parse.h"

#define CACHE_SLOTS     4096
#define CACHE_BYTES_MAX (64u << 20) /* of all entries in slots */
#define FORMAT          1           /* the first byte of a list or block */
#define BLOCK_NONE      0x80
#define OWNERSHIP_NONE  "none"
#define ACCOUNT_KEY     "public-access/"

/* ---- stored forms ---- */

struct bytes access_encode_block(struct arena *a, const struct public_access *p)
{
    char *out = arena_alloc(a, 2);
    out[0] = FORMAT;
    out[1] =
        (char)(!p ? BLOCK_NONE : p->block_acls | p->ignore_acls << 1 | p->block_policy << 2 | p->restrict_buckets << 3);
    return bytes_of(out, 2);
}

bool access_decode_block(struct bytes v, struct public_access *ret, bool *ret_set)
{
    *ret = (struct public_access){false, false, false, false};
    if (v.n != 2 || v.p[0] != FORMAT)
        return false;
    unsigned char bits = (unsigned char)v.p[1];
    *ret_set = !(bits & BLOCK_NONE);
    if (*ret_set)
        *ret = (struct public_access){bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1};
    return true;
}

struct bytes access_encode_ownership(const enum acl_ownership *ownership)
{
    return bytes_str(ownership ? acl_ownership_name(*ownership) : OWNERSHIP_NONE);
}

struct bytes access_encode_acl(struct arena *a, const struct acl *acl)
{
    size_t room = 1;
    for (size_t i = 0; i < acl->n; i++)
        room += 3 + acl->grants[i].id.n;
    char *out = arena_alloc(a, room), *to = out;
    *to++ = FORMAT;
    for (size_t i = 0; i < acl->n; i++) {
        const struct acl_grant *g = &acl->grants[i];
        CHECK(g->grantee != ACL_EMAIL && g->id.n <= ACL_CANONICAL_ID_LEN);
        *to++ = (char)g->grantee;
        *to++ = (char)g->permission;
        *to++ = (char)g->id.n;
        if (g->id.n)
            memcpy(to, g->id.p, g->id.n);
        to += g->id.n;
    }
    return bytes_of(out, room);
}

static const struct {
    const char *name;
    enum sse_method method;
} sse_names[] = {{"AES256", SSE_S3}, {"aws:kms", SSE_KMS}, {"aws:kms:dsse", SSE_KMS_DSSE}};

enum sse_method access_sse_method(struct bytes algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(sse_names); i++)
        if (bytes_eq_str(algorithm, sse_names[i].name))
            return sse_names[i].method;
    return SSE_NONE;
}

const char *access_sse_name(enum sse_method method)
{
    for (size_t i = 0; i < ARRAY_LEN(sse_names); i++)
        if (sse_names[i].method == method)
            return sse_names[i].name;
    return "";
}

bool access_decode_encryption(struct arena *a, struct bytes v, struct bucket_encryption *ret)
{
    struct xml_encryption doc;
    if (xml_parse(v, &xml_encryption_doc, a, &doc, NULL) != S3E_OK || doc.n_rules != 1 || !doc.rules[0].apply)
        return false;
    const struct xml_encryption_rule *rule = &doc.rules[0];
    *ret = (struct bucket_encryption){.set = true,
                                      .method = access_sse_method(rule->apply->algorithm),
                                      .key_id = rule->apply->key_id,
                                      .bucket_key = rule->bucket_key.v};
    for (size_t i = 0; rule->blocked && i < rule->blocked->n_types; i++)
        ret->block_customer |= bytes_eq_str(rule->blocked->types[i], "SSE-C");
    return ret->method != SSE_NONE;
}

bool access_decode_acl(struct arena *a, struct bytes v, struct bytes owner, struct acl *ret)
{
    if (v.n == 0) {
        acl_private(a, owner, ret);
        return true;
    }
    *ret = (struct acl){.owner = owner};
    if (v.p[0] != FORMAT)
        return false;
    for (size_t at = 1; at < v.n;) {
        if (v.n - at < 3)
            return false;
        unsigned grantee = (unsigned char)v.p[at], permission = (unsigned char)v.p[at + 1],
                 n = (unsigned char)v.p[at + 2];
        at += 3;
        if (n > v.n - at || grantee > ACL_LOG_DELIVERY || permission == 0 || permission > ACL_FULL_CONTROL)
            return false;
        struct acl_grant g = {(enum acl_grantee)grantee, bytes_cut(v, at, n), (enum acl_permission)permission};
        if (acl_add(a, ret, g) != ACL_OK)
            return false;
        at += n;
    }
    return true;
}

/* ---- accounts ---- */

struct bytes access_canonical_id(struct server *s, struct bytes account, struct arena *a)
{
    struct iam_owner owner;
    struct iam_account found;
    if (bytes_eq_str(account, ACCESS_ANONYMOUS))
        return BYTES_LIT(ACL_ANONYMOUS_ID);
    if (identities_owner(s->identities, account, &owner))
        return owner.canonical_id;
    return identities_account(s->identities, account, a, &found) ? found.canonical_id : BYTES_NONE;
}

bool access_canonical_exists(struct server *s, struct bytes canonical_id, struct arena *a)
{
    struct iam_account found;
    return identities_account_of_canonical(s->identities, canonical_id, a, &found);
}

bool access_canonical_of_email(struct server *s, struct bytes email, struct arena *a, struct bytes *ret)
{
    struct iam_account found;
    if (!identities_account_of_email(s->identities, email, a, &found))
        return false;
    *ret = found.canonical_id;
    return true;
}

/* ---- the cache ---- */

struct parsed_cache *access_cache_create(void)
{
    return parsed_cache_create(CACHE_SLOTS, CACHE_BYTES_MAX);
}

static void read_policy(const struct store_bucket *b, struct bytes text, struct arena *a, struct bucket_access *ret)
{
    struct iam_policy_error why;
    ret->policy = bound_policy_parse(a, b->name, text, &why);
    ret->policy_broken = !ret->policy;
    ret->public_policy = ret->policy && iam_policy_is_public(ret->policy);
    if (!ret->policy)
        log_error("access", "the policy of bucket %.*s cannot be read: %.*s", (int)b->name.n, b->name.p,
                  (int)why.message.n, why.message.p);
}

static bool read_ownership(struct bytes text, struct bucket_access *ret)
{
    ret->ownership_set = !bytes_eq_str(text, OWNERSHIP_NONE);
    ret->ownership = ACL_OBJECT_WRITER;
    return !ret->ownership_set || acl_ownership_of(text, &ret->ownership);
}

static bool read_tags(struct bytes text, struct arena *a, struct bucket_access *ret)
{
    struct xml_tagging doc;
    if (xml_parse(text, &xml_tagging_doc, a, &doc, NULL) != S3E_OK)
        return false;
    for (size_t i = 0; i < doc.n_tags; i++)
        if (bytes_eq_str(doc.tags[i].key, ACCESS_COMPRESS_TAG))
            ret->compress = bytes_eq_str(doc.tags[i].value, "on")    ? BUCKET_COMPRESS_ON
                            : bytes_eq_str(doc.tags[i].value, "off") ? BUCKET_COMPRESS_OFF
                                                                     : BUCKET_COMPRESS_UNSAID;
    return true;
}

static void set_defaults(struct server *s, const struct store_bucket *b, struct arena *a, struct bucket_access *ret)
{
    *ret = (struct bucket_access){.block = {true, true, true, true},
                                  .block_set = true,
                                  .ownership = ACL_BUCKET_OWNER_ENFORCED,
                                  .ownership_set = true};
    acl_private(a, access_canonical_id(s, b->owner, a), &ret->acl);
}

static int load(struct server *s, const struct store_bucket *b, struct arena *a, struct bucket_access *ret)
{
    static const enum store_setting kinds[] = {STORE_SETTING_POLICY,     STORE_SETTING_PUBLIC_ACCESS,
                                               STORE_SETTING_OWNERSHIP,  STORE_SETTING_ACL,
                                               STORE_SETTING_ENCRYPTION, STORE_SETTING_TAGS};
    bool sound = true;
    set_defaults(s, b, a, ret);
    if (b->settings_seq == 0) /* nothing was ever set */
        return STORE_OK;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct bytes value;
        int rc = store_setting_get(s->store, b->name, kinds[i], a, &value);
        if (rc == STORE_NO_SUCH_SETTING)
            continue;
        if (rc != STORE_OK)
            return rc;
        if (kinds[i] == STORE_SETTING_POLICY)
            read_policy(b, value, a, ret);
        else if (kinds[i] == STORE_SETTING_PUBLIC_ACCESS)
            sound &= access_decode_block(value, &ret->block, &ret->block_set);
        else if (kinds[i] == STORE_SETTING_OWNERSHIP)
            sound &= read_ownership(value, ret);
        else if (kinds[i] == STORE_SETTING_ENCRYPTION)
            sound &= access_decode_encryption(a, value, &ret->encryption);
        else if (kinds[i] == STORE_SETTING_TAGS)
            sound &= read_tags(value, a, ret);
        else
            sound &= access_decode_acl(a, value, access_canonical_id(s, b->owner, a), &ret->acl);
    }
    return sound ? STORE_OK : STORE_CORRUPT;
}

int access_of_bucket(struct server *s, const struct store_bucket *b, struct arena *a, const struct bucket_access **ret)
{
    const struct bucket_access *kept = parsed_cache_find(s->access, b->partition, b->settings_seq, a);
    if (!kept) {
        struct arena *own = arena_create(0);
        struct bucket_access *access = arena_new(own, struct bucket_access);
        int rc = load(s, b, own, access);
        if (rc != STORE_OK) {
            arena_free(own);
            return rc;
        }
        parsed_cache_keep(s->access, b->partition, b->settings_seq, own, access, a);
        kept = access;
    }
    *ret = kept;
    return STORE_OK;
}

/* ---- blocks of accounts ---- */

int access_of_account(struct server *s, struct bytes account, struct arena *a, struct public_access *ret, bool *ret_set)
{
    struct bytes value;
    bool set = false;
    *ret = (struct public_access){false, false, false, false};
    int rc = store_doc_get(s->store, arena_bytesf(a, ACCOUNT_KEY "%.*s", (int)account.n, account.p), a, &value);
    if (rc == STORE_OK && !access_decode_block(value, ret, &set))
        return STORE_CORRUPT;
    if (ret_set)
        *ret_set = set;
    return rc == STORE_NO_SUCH_SETTING ? STORE_OK : rc;
}

int access_put_account(struct server *s, struct bytes account, const struct public_access *block)
{
    struct arena *a = arena_create(0);
    struct store_doc_change change = {
        .key = arena_bytesf(a, ACCOUNT_KEY "%.*s", (int)account.n, account.p),
        .put = true,
        .value = block ? access_encode_block(a, block) : BYTES_NONE,
    };
    int rc = store_doc_apply(s->store, &change, 1);
    arena_free(a);
    return rc;
}
