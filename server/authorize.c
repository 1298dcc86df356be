/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorize step. What iam_decide wants is put together here, each part when it is first needed: most requests are
 * an owner's root's on a bucket without policy, and cost two comparisons.
 *
 * Invariants: whatever cannot be read (a policy, a setting, an object's list) refuses; only iam_decide allows, except
 * that an owner's root with no policy in its way needs no question. An object is looked up here only where its own
 * list, its owner or its tags count. Threads: see authorize.h.
 */
#include "server/authorize.h"

#include <string.h>

#include "base/check.h"
#include "server/access_log.h"
#include "server/iam/examples.h"
#include "server/iam/identities.h"
#include "server/ops.h"
#include "server/own_ops.h"
#include "server/server.h"

/* What a request keeps from one question to the next. */
struct authorization {
    const struct bucket_access *settings; /* of r->bucket */
    const struct store_bucket *source;    /* another bucket that was asked about, and its settings */
    const struct bucket_access *source_settings;
    struct iam_context *context; /* NULL: not asked for yet */
    bool pending;
    bool requester_pays;
};

/* What is asked about. */
struct target {
    const struct store_bucket *bucket; /* NULL: there is none */
    const struct bucket_access *settings;
    struct bytes bucket_name, key; /* key p NULL: the bucket itself; no bucket name: nothing at all */
    struct bytes version_id;       /* p NULL: none is named */
    bool made;                     /* the object is about to be made: whose the one before is does not matter */
    bool looked_up;
    const struct store_object *object; /* NULL: none is there, once looked up */
};

static const struct target nothing;

/* ---- what can be decided without asking ---- */

static bool is_root(const struct req *r)
{
    const struct principal *p = r->who.principal;
    return p && p->caller.kind == IAM_CALLER_ROOT && p->session_policies.n == 0;
}

static bool of_owner(const struct req *r, const struct target *t)
{
    const struct principal *p = r->who.principal;
    return p && p->caller.account.n && (!t->bucket || bytes_eq(p->caller.account, t->bucket->owner));
}

/* Nothing can be in the way of an owner's root but a policy, or an object that is somebody else's. */
static bool is_unlimited(struct req *r, const struct target *t)
{
    if (!is_root(r) || !of_owner(r, t))
        return false;
    if (t->settings && (t->settings->policy || t->settings->policy_broken ||
                        (t->key.p != NULL && t->settings->ownership != ACL_BUCKET_OWNER_ENFORCED)))
        return false;
    r->decided_by = "root";
    r->denied = false;
    return true;
}

/* ---- what policies need to know ---- */

struct action_row {
    const char *name;
    unsigned groups;
};

/* The actions whose keys include tags of the object. */
static bool asks_existing_tags(struct bytes action)
{
    enum {
        ACL = 0,
        CREATION = 0,
        CUSTOMER_KEY = 0,
        ENCRYPTION = 0,
        EXISTING_TAGS = 1,
        IF_MATCH = 0,
        IF_NONE_MATCH = 0,
        INVENTORY = 0,
        LEGAL_HOLD = 0,
        LISTING = 0,
        REQUEST_TAGS = 0,
        RETENTION = 0,
        STORAGE_CLASS = 0,
        VERSION = 0,
        WRITING = 0
    };
    static const struct action_row rows[] = {
#define S3_ACTION(name, level, groups) {"s3:" name, groups},
#include "server/iam/actions.def"
#undef S3_ACTION
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].groups && bytes_eq_str(action, rows[i].name))
            return true;
    return false;
}

static bool any_uses(struct iam_policies list, enum iam_key_id key)
{
    for (size_t i = 0; i < list.n; i++)
        if (iam_policy_uses(list.list[i], key))
            return true;
    return false;
}

static bool policies_use(const struct iam_request *q, enum iam_key_id key)
{
    return (q->resource_policy && iam_policy_uses(q->resource_policy, key)) || any_uses(q->identity, key) ||
           any_uses(q->group, key) || any_uses(q->session, key) || (q->boundary && iam_policy_uses(q->boundary, key));
}

static bool policies_use_body(const struct iam_request *q)
{
    for (enum iam_key_id key = 0; key < IAM_KEY_UNKNOWN; key++)
        if (facts_in_body(key) && policies_use(q, key))
            return true;
    return false;
}

static bool any_asks(struct iam_policies list)
{
    for (size_t i = 0; i < list.n; i++)
        if (iam_policy_uses_any(list.list[i]))
            return true;
    return false;
}

/* For any fact at all: most policies name actions and resources alone. */
static bool policies_ask(const struct iam_request *q)
{
    return (q->resource_policy && iam_policy_uses_any(q->resource_policy)) || any_asks(q->identity) ||
           any_asks(q->group) || any_asks(q->session) || (q->boundary && iam_policy_uses_any(q->boundary));
}

static const struct iam_context *context_of(struct req *r)
{
    struct authorization *z = r->authorization;
    if (!z->context) {
        z->context = arena_new(r->arena, struct iam_context);
        iam_context_init(z->context, r->arena);
        facts_collect(r, z->context);
    }
    return z->context;
}

/* NULL: it is not there, or cannot be read; then nothing is allowed that hangs on it. */
static const struct store_object *look_up(struct req *r, struct target *t)
{
    struct store_object *o = NULL;
    struct store_version v, *version = NULL;
    if (t->looked_up)
        return t->object;
    t->looked_up = true;
    if (t->version_id.p) {
        if (!store_version_parse(t->version_id, &v))
            return NULL;
        version = &v;
    }
    if (store_object_head(r->server->store, t->bucket, t->key, version, r->arena, &o) == STORE_OK)
        t->object = o;
    return t->object;
}

/* ---- access lists ---- */

static enum acl_match match_list(const struct req *r, const struct acl *acl, bool ignore_public,
                                 enum acl_permission need)
{
    struct acl kept;
    struct bytes id = r->who.principal ? r->who.principal->caller.canonical_id : BYTES_NONE;
    if (!ignore_public)
        return acl_match(acl, id, false, need);
    acl_without_public(r->arena, acl, &kept);
    return acl_match(&kept, id, false, need);
}

/* The caller's account has a block of its own that says so? Unreadable is as good as yes. */
static struct public_access account_block(struct req *r, struct bytes account)
{
    struct public_access block;
    if (access_of_account(r->server, account, r->arena, &block, NULL) != STORE_OK)
        block = (struct public_access){true, true, true, true};
    return block;
}

static void ask_lists(struct req *r, struct target *t, struct iam_request *q)
{
    struct acl_need need = acl_need(q->action);
    const struct bucket_access *s = t->settings;
    struct acl list;
    if (!t->bucket)
        return;
    if (t->key.p && !t->made) {
        const struct store_object *o = look_up(r, t);
        if (o && !bytes_eq(o->owner, t->bucket->owner))
            q->object_account = o->owner.n ? o->owner : BYTES_LIT(ACCESS_ANONYMOUS);
    }
    if (!need.bucket && !need.object)
        return;
    bool ignore = s->block.ignore_acls || account_block(r, t->bucket->owner).ignore_acls;
    if (need.bucket)
        q->acl = match_list(r, &s->acl, ignore, need.bucket);
    if (need.object && !t->made && t->object) {
        struct bytes owner = access_canonical_id(r->server, t->object->owner, r->arena);
        if (!access_decode_acl(r->arena, t->object->acl, owner, &list))
            return;
        enum acl_match m = match_list(r, &list, ignore, need.object);
        q->acl = m > q->acl ? m : q->acl;
    }
}

/* ---- the question ---- */

static struct bytes resource_arn(struct req *r, const struct target *t)
{
    if (!t->bucket_name.n)
        return BYTES_NONE;
    struct bytes head = BYTES_LIT("arn:aws:s3:::");
    char *text = arena_alloc(r->arena, head.n + t->bucket_name.n + 1 + t->key.n), *w = text;
    w = mempcpy(w, head.p, head.n);
    w = mempcpy(w, t->bucket_name.p, t->bucket_name.n);
    if (t->key.p) {
        *w++ = '/';
        w = mempcpy(w, t->key.p, t->key.n);
    }
    return bytes_of(text, (size_t)(w - text));
}

/* Caller and policies. */
static void question_begin(const struct req *r, const struct target *t, const char *action, struct iam_request *q)
{
    *q = (struct iam_request){.action = bytes_str(action)};
    principal_fill(r->who.principal, q);
    if (t->bucket)
        q->resource_account = t->bucket->owner;
    if (t->settings)
        q->resource_policy = t->settings->policy;
}

/*
 * The list of what a stranger uploads is the stranger's to choose, as far as the bucket's owner is asked: AWS's
 * policies that insist on x-amz-acl: bucket-owner-full-control give s3:PutObject alone.
 */
static bool lists_own_upload(const struct req *r, const struct target *t, const char *action)
{
    return t->made && t->bucket && r->who.account.n && !of_owner(r, t) && strcmp(action, "s3:PutObjectAcl") == 0;
}

static struct iam_decision decide(struct req *r, struct target *t, const char *action, struct iam_request *q)
{
    static const struct iam_context no_facts;
    question_begin(r, t, action, q);
    q->resource = resource_arn(r, t);
    q->context = &no_facts; /* nobody asks for any */
    if (t->bucket && t->settings && t->settings->public_policy && !of_owner(r, t))
        q->restrict_public_buckets =
            t->settings->block.restrict_buckets || account_block(r, t->bucket->owner).restrict_buckets;
    if (t->settings && t->settings->ownership != ACL_BUCKET_OWNER_ENFORCED)
        ask_lists(r, t, q);
    if (lists_own_upload(r, t, action))
        q->object_account = r->who.account;
    if (policies_ask(q)) {
        q->context = context_of(r);
        facts_of_resource(r->authorization->context, q->resource_account, t->version_id);
        bool tags =
            t->key.p && t->bucket && policies_use(q, IAM_KEY_S3_EXISTING_OBJECT_TAG) && asks_existing_tags(q->action);
        facts_of_object(r->authorization->context, tags ? look_up(r, t) : NULL);
    }
    struct iam_decision d = iam_decide(q);
    r->decided_by = iam_source_name(d.source);
    r->denied = !d.allowed;
    return d;
}

static int refuse(struct req *r, const struct iam_request *q, const struct iam_decision *d)
{
    struct bytes text = iam_decision_text(r->arena, q, d);
    req_fail(r, S3E_ACCESS_DENIED);
    r->err.message = bytes_cstr(r->arena, text);
    return -1;
}

static int fail_broken(struct req *r)
{
    access_log_trouble("access", r, "the bucket's policy cannot be read");
    return req_fail(r, S3E_INTERNAL_ERROR);
}

/* Only the owner's root gets past a policy that cannot be read, to replace it. */
static bool is_rescue(const struct req *r, const struct target *t, const char *action)
{
    return is_root(r) && of_owner(r, t) &&
           (strcmp(action, "s3:PutBucketPolicy") == 0 || strcmp(action, "s3:DeleteBucketPolicy") == 0 ||
            strcmp(action, "s3:GetBucketPolicy") == 0);
}

static int require(struct req *r, struct target *t, const char *action)
{
    struct iam_request q;
    if (is_unlimited(r, t))
        return 0;
    if (t->settings && t->settings->policy_broken && !is_rescue(r, t, action))
        return fail_broken(r);
    struct iam_decision d = decide(r, t, action, &q);
    return d.allowed ? 0 : refuse(r, &q, &d);
}

static bool allowed(struct req *r, struct target *t, const char *action)
{
    struct iam_request q;
    if (is_unlimited(r, t))
        return true;
    return !(t->settings && t->settings->policy_broken) && decide(r, t, action, &q).allowed;
}

static const char *action_for(const struct target *t, const char *action, const char *version_action)
{
    return t->version_id.p && version_action ? version_action : action;
}

static struct target target_of(const struct req *r)
{
    struct target t = {.bucket_name = r->bucket_name, .settings = r->authorization->settings};
    if (r->op->level == ON_CONTROL)
        return nothing;
    if (r->op->level == ON_OWN) /* check_own */
        return (struct target){.bucket_name = BYTES_LIT("*")};
    if (r->bucket.name.n)
        t.bucket = &r->bucket;
    if (r->on_object || r->form) {
        t.key = r->key;
        t.version_id = r->form ? BYTES_NONE : req_param(r, "versionId");
    }
    return t;
}

/* ---- the step ---- */

/* Deleting without a version where there are none: a Deny on either of the two actions counts. */
static int refuse_hidden_deny(struct req *r, struct target *t)
{
    struct iam_request q;
    if (!t->bucket || t->version_id.p || t->bucket->versioning != VERSIONING_NEVER || is_unlimited(r, t))
        return 0;
    struct iam_decision d = decide(r, t, "s3:DeleteObjectVersion", &q);
    return d.explicit_deny ? refuse(r, &q, &d) : 0;
}

/* A GET of what is not there, in a bucket that its lists let the caller see: to be answered NoSuchKey. */
static bool may_learn_absence(struct req *r, struct target *t, const char *action)
{
    bool reads = strcmp(action, "s3:GetObject") == 0;
    if (!reads || !t->bucket || t->settings->ownership == ACL_BUCKET_OWNER_ENFORCED || look_up(r, t))
        return false;
    struct target bucket = *t;
    struct iam_request q;
    bucket.key = bucket.version_id = BYTES_NONE;
    if (decide(r, t, action, &q).explicit_deny)
        return false;
    return allowed(r, &bucket, "s3:ListBucket");
}

static bool extra_applies(const struct req *r, const struct op_extra *e)
{
    if (!(r->op->flags & e->flag))
        return false;
    if (!e->header)
        return true;
    struct bytes value = req_header(r, e->header);
    if (!value.p)
        return false;
    return !(e->only && !bytes_eq_str_nocase(value, e->only)) && !(e->unless && bytes_eq_str(value, e->unless));
}

static int require_all(struct req *r, struct target *t)
{
    size_t n;
    const struct op_extra *extras = op_extra_table(&n);
    const char *action = action_for(t, r->op->action, r->op->version_action);
    if (is_unlimited(r, t))
        return 0;
    if (require(r, t, action) < 0) {
        if (r->err.code != S3E_ACCESS_DENIED || !t->key.p || !may_learn_absence(r, t, action))
            return -1;
        r->err = (struct req_error){0};
    }
    struct target made = *t;
    made.made = true;
    for (size_t i = 0; i < n; i++)
        if (extra_applies(r, &extras[i]) && require(r, extras[i].flag == OP_MAKES ? &made : t,
                                                    action_for(t, extras[i].action, extras[i].version_action)) < 0)
            return -1;
    return r->op->flags & OP_DELETES ? refuse_hidden_deny(r, t) : 0;
}

/* Requester pays: strangers must say that they know. */
static int check_payer(struct req *r, const struct target *t)
{
    if (!t->bucket || !t->bucket->requester_pays || of_owner(r, t))
        return 0;
    struct bytes payer = req_header(r, "x-amz-request-payer");
    if (!payer.p)
        payer = req_param(r, "x-amz-request-payer");
    if (r->who.anonymous || !bytes_eq_str(payer, "requester"))
        return req_fail(r, S3E_ACCESS_DENIED);
    if (!r->authorization->requester_pays)
        resp_header(r, "x-amz-request-charged", BYTES_LIT("requester"));
    r->authorization->requester_pays = true;
    return 0;
}

/* Reading and writing objects and listing them is paid for. */
static bool is_charged(const struct req *r, const struct target *t)
{
    return t->key.p || r->op->flags & OP_EACH_KEY ||
           (r->op->level == ON_BUCKET && bytes_starts(bytes_str(r->op->action), BYTES_LIT("s3:ListBucket")));
}

/* Who has the right, but in another account, learns that a policy is the owner's business alone. */
static int check_owner_only(struct req *r, const struct target *t)
{
    if (!(r->op->flags & OP_OWNER_ONLY) || !t->bucket || of_owner(r, t))
        return 0;
    req_fail(r, S3E_METHOD_NOT_ALLOWED);
    req_extra(r, "Method", r->head.method_text);
    return req_extra(r, "ResourceType", BYTES_LIT("BUCKETPOLICY"));
}

static bool waits_for_body(struct req *r, const struct target *t)
{
    struct iam_request q;
    if (!(r->op->flags & OP_BODY_FACTS) || is_unlimited(r, t))
        return false;
    question_begin(r, t, r->op->action, &q);
    return policies_use_body(&q);
}

/* A request about the server itself: its body too must be signed, so that nobody on the way can change it. */
static int check_first_root(struct req *r)
{
    bool hashed = !req_has_body(r) || r->auth.payload == AUTH_PAYLOAD_HASH;
    if (is_root(r) && bytes_eq_str(r->who.account, ROOT_ACCOUNT_ID) && r->auth.mechanism == AUTH_SIGV4_HEADER && hashed)
        return 0;
    return req_failf(r, S3E_ACCESS_DENIED,
                     "Only the root of the first account may do this, in a request whose headers and body are signed "
                     "with Signature Version 4.");
}

/*
 * The server's own operations: what has to do with all of the server is the first account's business. The resource is
 * every bucket there is, as MinIO's policies for administrators have it.
 */
static int check_own(struct req *r)
{
    struct target all = target_of(r);
    bool hashed = !req_has_body(r) || r->auth.payload == AUTH_PAYLOAD_HASH;
    if (r->who.anonymous || !(r->op->flags & OP_OWN_ANY || bytes_eq_str(r->who.account, ROOT_ACCOUNT_ID)))
        return req_fail(r, S3E_ACCESS_DENIED);
    if (r->auth.mechanism != AUTH_SIGV4_HEADER || !hashed)
        return req_failf(r, S3E_ACCESS_DENIED,
                         "This may only be asked in a request whose headers and body are signed with Signature "
                         "Version 4.");
    return r->op->flags & OP_OWN_SELF ? 0 : require(r, &all, r->op->action);
}

/* Said twice, what is to be done could be read in two ways. Metadata and lists may come in several lines. */
static int refuse_repeated(struct req *r)
{
    static const char *const lists[] = {"x-amz-meta-", "x-amz-object-attributes", "x-amz-optional-object-attributes"};
    for (unsigned i = 0; i < r->head.header_count; i++) {
        const struct http_header *h = &r->head.headers[i];
        bool list = false;
        if (!bytes_starts_str_nocase(h->name, "x-amz-") || !http_head_find(&r->head, h->name, i + 1))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(lists); k++)
            list |= bytes_starts_str_nocase(h->name, lists[k]);
        if (!list)
            return req_fail_argument(r, bytes_cstr(r->arena, h->name), h->value,
                                     "This header must not be sent more than once.");
    }
    return 0;
}

int authorize_request(struct req *r)
{
    struct authorization *z = r->authorization = arena_new(r->arena, struct authorization);
    const char *refused = identity_refused_here(r);
    if (refused)
        return req_failf(r, S3E_ACCESS_DENIED, "%s", refused);
    if (refuse_repeated(r) < 0)
        return -1;
    if (r->op->flags & OP_FIRST_ROOT)
        return check_first_root(r);
    if (r->op->level == ON_OWN)
        return check_own(r);
    if (r->bucket.name.n) {
        int rc = access_of_bucket(r->server, &r->bucket, r->arena, &z->settings);
        if (rc < 0)
            return req_fail_store(r, rc);
    }
    struct target t = target_of(r);
    z->pending = waits_for_body(r, &t);
    if (r->op->flags & OP_EACH_KEY) { /* each for itself; but who can have no right at all need not send a body */
        if (r->who.anonymous && !z->settings->policy && z->settings->ownership == ACL_BUCKET_OWNER_ENFORCED)
            return req_fail(r, S3E_ACCESS_DENIED);
    } else if (!z->pending && require_all(r, &t) < 0) {
        return -1;
    }
    if (is_charged(r, &t) && check_payer(r, &t) < 0)
        return -1;
    return check_owner_only(r, &t);
}

int authorize_own(struct req *r)
{
    const char *refused = identity_refused_here(r);
    r->authorization = arena_new(r->arena, struct authorization);
    struct target all = target_of(r);
    if (refused)
        return req_failf(r, S3E_ACCESS_DENIED, "%s", refused);
    if (r->who.anonymous || !bytes_eq_str(r->who.account, ROOT_ACCOUNT_ID))
        return req_fail(r, S3E_ACCESS_DENIED);
    return require(r, &all, r->op->action);
}

bool authorize_pending(const struct req *r)
{
    return r->authorization && r->authorization->pending;
}

/* ---- what handlers ask ---- */

int authorize_body(struct req *r, const struct facts_body *body)
{
    if (!authorize_pending(r))
        return 0;
    r->authorization->pending = false;
    (void)context_of(r);
    facts_add_body(r, r->authorization->context, body);
    struct target t = target_of(r);
    return require_all(r, &t);
}

int authorize_take_bucket(struct req *r)
{
    r->authorization = arena_new(r->arena, struct authorization);
    int rc = access_of_bucket(r->server, &r->bucket, r->arena, &r->authorization->settings);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

const struct bucket_access *authorize_settings(const struct req *r)
{
    return r->authorization->settings;
}

int authorize_block(struct req *r, struct public_access *ret)
{
    struct public_access account;
    const struct bucket_access *s = r->authorization->settings;
    struct bytes owner = r->bucket.name.n ? r->bucket.owner : r->who.account;
    int rc = access_of_account(r->server, owner, r->arena, &account, NULL);
    if (rc < 0)
        return req_fail_store(r, rc);
    *ret = s ? s->block : (struct public_access){true, true, true, true}; /* a new bucket's */
    ret->block_acls |= account.block_acls;
    ret->ignore_acls |= account.ignore_acls;
    ret->block_policy |= account.block_policy;
    ret->restrict_buckets |= account.restrict_buckets;
    return 0;
}

/* The target in another bucket, or the same. -1 after req_fail. */
static int target_in(struct req *r, const struct store_bucket *b, struct bytes key, struct bytes version_id,
                     struct target *ret)
{
    struct authorization *z = r->authorization;
    *ret = nothing;
    if (b != &r->bucket && z->source != b) {
        int rc = access_of_bucket(r->server, b, r->arena, &z->source_settings);
        if (rc < 0)
            return req_fail_store(r, rc);
        z->source = b;
    }
    ret->bucket = b;
    ret->bucket_name = b->name;
    ret->settings = b == &r->bucket ? z->settings : z->source_settings;
    ret->key = key;
    ret->version_id = version_id;
    return 0;
}

int authorize_source(struct req *r, const struct store_bucket *b, struct bytes key, struct bytes version_id)
{
    struct target t;
    if (target_in(r, b, key, version_id, &t) < 0)
        return -1;
    const char *action = action_for(&t, "s3:GetObject", "s3:GetObjectVersion");
    if (require(r, &t, action) == 0)
        return check_payer(r, &t);
    if (r->err.code != S3E_ACCESS_DENIED || !may_learn_absence(r, &t, action))
        return -1;
    r->err = (struct req_error){0};
    return 0;
}

int authorize_source_tags(struct req *r, const struct store_bucket *b, struct bytes key, struct bytes version_id)
{
    struct target t;
    if (target_in(r, b, key, version_id, &t) < 0 ||
        require(r, &t, action_for(&t, "s3:GetObjectTagging", "s3:GetObjectVersionTagging")) < 0)
        return -1;
    t = target_of(r);
    t.made = true;
    return require(r, &t, "s3:PutObjectTagging");
}

bool authorize_delete(struct req *r, struct bytes key, struct bytes version_id, bool if_match, bool bypass,
                      struct bytes *ret_message)
{
    struct target t = target_of(r);
    t.key = key;
    t.version_id = version_id;
    bool ok = require(r, &t, action_for(&t, "s3:DeleteObject", "s3:DeleteObjectVersion")) == 0 &&
              (!bypass || require(r, &t, "s3:BypassGovernanceRetention") == 0) &&
              (!if_match || require(r, &t, "s3:GetObject") == 0) && refuse_hidden_deny(r, &t) == 0;
    if (ok)
        return true;
    *ret_message = bytes_str(r->err.message ? r->err.message : s3_error_message(r->err.code));
    r->err = (struct req_error){0}; /* the entry's, not the request's */
    return false;
}

int authorize_missing(struct req *r, const struct store_bucket *b)
{
    struct target t;
    return target_in(r, b, BYTES_NONE, BYTES_NONE, &t) < 0 ? -1 : require(r, &t, "s3:ListBucket");
}

bool authorize_may(struct req *r, const char *action, const char *version_action)
{
    struct target t = target_of(r);
    return allowed(r, &t, action_for(&t, action, version_action));
}

int authorize_also(struct req *r, const char *action)
{
    struct target t = target_of(r);
    return require(r, &t, action);
}

/* The keys belong to the server's own account. */
int authorize_kms(struct req *r, const char *action, struct bytes key_arn)
{
    static const struct iam_context no_facts;
    struct iam_request q;
    if (is_root(r) && bytes_eq_str(r->who.principal->caller.account, ROOT_ACCOUNT_ID))
        return 0;
    question_begin(r, &nothing, action, &q);
    q.resource = key_arn;
    q.resource_account = BYTES_LIT(ROOT_ACCOUNT_ID);
    q.context = &no_facts;
    if (policies_ask(&q)) {
        q.context = context_of(r);
        facts_of_resource(r->authorization->context, q.resource_account, BYTES_NONE);
        facts_of_object(r->authorization->context, NULL);
    }
    struct iam_decision d = iam_decide(&q);
    return d.allowed ? 0 : refuse(r, &q, &d);
}

/* ---- questions about others ---- */

/* The target that an ARN of S3 names; -1: it is none that could be allowed. */
static int target_of_arn(struct req *r, struct bytes arn, struct target *ret)
{
    struct bytes head = BYTES_LIT("arn:aws:s3:::");
    *ret = nothing;
    if (!bytes_starts(arn, head))
        return -1;
    struct bytes rest = bytes_cut(arn, head.n, SIZE_MAX);
    ptrdiff_t slash = bytes_find_char(rest, '/', 0);
    ret->bucket_name = bytes_cut(rest, 0, slash < 0 ? rest.n : (size_t)slash);
    if (slash >= 0)
        ret->key = bytes_cut(rest, (size_t)slash + 1, SIZE_MAX);
    struct store_bucket *b = arena_new(r->arena, struct store_bucket);
    if (store_bucket_get(r->server->store, ret->bucket_name, r->arena, b) != STORE_OK)
        return 0;
    ret->bucket = b;
    return access_of_bucket(r->server, b, r->arena, &ret->settings) == STORE_OK ? 0 : -1;
}

/* On a plain name. */
static bool can_s3(struct req *r, const char *action, struct bytes arn)
{
    struct target t;
    return target_of_arn(r, arn, &t) == 0 && allowed(r, &t, action);
}

/* The server's own operations are for the first account, some for its root alone. */
static bool can_own(struct req *r, const char *action)
{
    size_t n;
    const struct s3_op *rows = own_op_table(&n);
    struct target all = {.bucket_name = BYTES_LIT("*")};
    if (!bytes_eq_str(r->who.account, ROOT_ACCOUNT_ID))
        return false;
    for (size_t i = 0; i < n; i++)
        if (rows[i].flags & OP_FIRST_ROOT && strcmp(rows[i].action, action) == 0)
            return is_root(r);
    return allowed(r, &all, action);
}

/* IAM, STS and KMS: what is the caller's account's. */
static bool can_other(struct req *r, const char *action, struct bytes arn)
{
    struct iam_request q;
    bool iam = strncmp(action, "iam:", 4) == 0;
    if (iam && r->who.principal->session == SESSION_FEDERATED)
        return false;
    if (is_root(r))
        return true;
    question_begin(r, &nothing, action, &q);
    q.resource = bytes_eq_str(arn, "*") ? BYTES_NONE : arn;
    q.resource_account = r->who.account;
    q.context = context_of(r);
    return iam_decide(&q).allowed;
}

static bool can_plain(struct req *r, const char *action, struct bytes arn)
{
    if (strncmp(action, "s3:", 3) == 0)
        return can_s3(r, action, arn);
    return can_other(r, action, arn);
}

static bool can(struct req *r, const char *action, struct bytes resource)
{
    struct bytes names[IAM_EXAMPLES_MAX];
    struct target t;
    struct iam_request q;
    if (strncmp(action, "admin:", 6) == 0 || strncmp(action, "pail:", 5) == 0)
        return can_own(r, action);
    if (bytes_eq_str(resource, "*") && strncmp(action, "s3:", 3) == 0)
        resource = BYTES_LIT("arn:aws:s3:::*");
    if (!memchr(resource.p, '*', resource.n) && !memchr(resource.p, '?', resource.n))
        return can_plain(r, action, resource);
    if (bytes_eq_str(resource, "*"))
        return can_plain(r, action, resource);
    if (target_of_arn(r, resource, &t) != 0)
        t = nothing;
    question_begin(r, &t, action, &q); /* whose policies name examples */
    q.context = context_of(r);
    size_t n = iam_examples(r->arena, &q, resource, names);
    for (size_t i = 0; i < n; i++)
        if (can_plain(r, action, names[i]))
            return true;
    return false;
}

bool authorize_can(struct req *r, const char *action, struct bytes resource)
{
    const char *decided_by = r->decided_by;
    bool denied = r->denied, yes = can(r, action, resource);
    r->decided_by = decided_by; /* the audit log tells of this request */
    r->denied = denied;
    return yes;
}

bool authorize_locks_out(struct req *r, const struct iam_policy *policy)
{
    struct target t = target_of(r);
    struct iam_request q;
    size_t statement;
    if (is_root(r))
        return false; /* it never is */
    question_begin(r, &t, "s3:PutBucketPolicy", &q);
    q.resource = resource_arn(r, &t);
    q.context = context_of(r);
    facts_of_resource(r->authorization->context, q.resource_account, BYTES_NONE);
    return iam_policy_effect(&q, policy, &statement) == IAM_DENY;
}
