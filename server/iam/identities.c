/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an access key to a principal with all its policies.
 *
 * Invariants. A principal in the cache was put together from records read after its generation number was; a change
 * adds one to the number after it is durable and before its reply, so a stale principal is never found by a request
 * that starts after the reply. A policy that ought to be there and cannot be read makes the key unavailable (503),
 * never a principal without it. When a record names something that is gone, a change came between two reads: everything
 * is read again, a few times. Threads: identities_open and _close at the ends of the process; the rest any.
 */
#include "server/iam/identities.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bigendian.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "server/http/date.h"
#include "server/iam/jwks.h"
#include "server/iam/records.h"
#include "server/identity.h"
#include "server/json_tree.h"
#include "server/pool.h"

/* A user with a policy of its own takes some 2 KB: so many stay in memory while they take turns. Empty sets cost none.
 */
#define PRINCIPAL_SETS 32768 /* of CACHE_WAYS */
#define POLICY_SETS    32768
#define KEPT_BYTES     (128u << 20) /* of principals and parsed policies together */
#define LOAD_BYTES     8192         /* for reading what most principals are made of */
#define LOAD_TRIES     5
#define USE_WRITTEN_MS (15 * 60 * 1000) /* how exactly the last use of a key is known */
#define SECRET_BELONGS "access key "
#define FIRST_NAME     "root"
#define FIRST_EMAIL    "root@localhost"

/* ---- the first account ---- */

static bool fail(char *error, const char *path, const char *why)
{
    snprintf(error, 512, "%.300s: %.200s", path, why);
    return false;
}

/* What leads to the first account: its record, and its name since accounts have names that lead to them. */
static void put_first_account(struct change *c, bool fresh)
{
    struct bytes id = BYTES_LIT(ROOT_ACCOUNT_ID), canonical = BYTES_LIT(ROOT_CANONICAL_ID);
    struct arena *a = c->arena;
    if (fresh) {
        json_t *record = json_in(a, json_pack("{s:s,s:s,s:s,s:s,s:I,s:i}", "id", ROOT_ACCOUNT_ID, "canonical",
                                              ROOT_CANONICAL_ID, "name", FIRST_NAME, "email", FIRST_EMAIL, "created",
                                              (json_int_t)clock_wall_ms(), "gen", 1));
        change_put(c, key_of_account(a, id), record);
        change_put_text(c, key_of_canonical(a, canonical), id);
        change_put_text(c, key_of_email(a, BYTES_LIT(FIRST_EMAIL)), id);
    }
    change_put_text(c, key_of_account_name(a, BYTES_LIT(FIRST_NAME)), id);
}

static bool check_first_account(struct identities *ids, struct arena *a, char *error)
{
    struct change c = {.ids = ids, .arena = a};
    json_t *record;
    struct bytes id;
    int rc = record_get(ids, a, key_of_account(a, BYTES_LIT(ROOT_ACCOUNT_ID)), &record);
    bool fresh = rc == STORE_NO_SUCH_SETTING;
    if (rc == STORE_OK)
        rc = store_doc_get(ids->store, key_of_account_name(a, BYTES_LIT(FIRST_NAME)), a, &id);
    if (rc == STORE_NO_SUCH_SETTING) {
        put_first_account(&c, fresh);
        rc = change_apply(&c);
    }
    return rc == STORE_OK || fail(error, "the first account cannot be made", store_rc_name(rc));
}

/* Keys are unique: the one of the settings would hide another one. */
static bool check_root_user(struct identities *ids, struct arena *a, char *error)
{
    const char *user = ids->config->root_user;
    json_t *key;
    int rc = record_get(ids, a, key_of_access_key(a, bytes_str(user)), &key);
    if (rc == STORE_NO_SUCH_SETTING)
        return true;
    if (rc != STORE_OK)
        return fail(error, "identities cannot be read", store_rc_name(rc));
    struct bytes account = record_text(key, "account");
    return fail(error, user,
                arena_printf(a,
                             "the root user's access key is taken already, in account %.*s; set another "
                             "PAIL_ROOT_USER",
                             (int)account.n, account.n ? account.p : ""));
}

static struct principal root_of(struct arena *a, struct bytes account, struct bytes canonical)
{
    struct bytes arn = iam_arn(a, "root", account, BYTES_NONE, BYTES_NONE);
    struct principal p = {.caller = {.kind = IAM_CALLER_ROOT,
                                     .account = account,
                                     .canonical_id = canonical,
                                     .arn = bytes_cut(arn, 0, arn.n - 1), /* no path */
                                     .unique_id = account},
                          .type = "Account",
                          .user_id = account};
    p.principal_arn = p.caller.arn;
    return p;
}

/* Sessions of root end when its credentials in the settings change. */
static int64_t generation_of_root(const struct config *cfg)
{
    unsigned char digest[32];
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "%s\n%s", cfg->root_user, cfg->root_password);
    SHA256((const unsigned char *)text.p, text.n, digest);
    OPENSSL_cleanse(text.p, text.n);
    buf_fini(&text);
    return (int64_t)(get64(digest) >> 1);
}

bool identities_open(const struct identities_options *o, struct identities **ret, char error[512])
{
    struct identities *ids = xcalloc(1, sizeof *ids);
    struct arena *a = arena_create(0);
    ids->store = o->store;
    ids->crypt = o->crypt;
    ids->config = o->config;
    pthread_mutex_init(&ids->changing, NULL);
    ids->forever = arena_create(0);
    ids->kept.max = KEPT_BYTES;
    ids->principals = cache_create(PRINCIPAL_SETS, &ids->kept);
    ids->policies = cache_create(POLICY_SETS, &ids->kept);
    ids->jwks = jwks_create(NULL, NULL);
    managed_open(ids->forever);
    struct principal *root = arena_new(ids->forever, struct principal);
    *root = root_of(ids->forever, BYTES_LIT(ROOT_ACCOUNT_ID), BYTES_LIT(ROOT_CANONICAL_ID));
    ids->root = root;
    ids->root_gen = generation_of_root(o->config);
    bool good = check_first_account(ids, a, error) && check_root_user(ids, a, error) && owners_load(ids, error);
    arena_free(a);
    if (good)
        *ret = ids;
    else
        identities_close(&ids);
    return good;
}

void identities_set_pool(struct identities *ids, struct pool *pool)
{
    ids->pool = pool;
}

void identities_close(struct identities **pids)
{
    struct identities *ids = *pids;
    if (!ids)
        return;
    cache_free(&ids->principals);
    cache_free(&ids->policies);
    jwks_free(&ids->jwks);
    crypt_close(&ids->own_crypt);
    arena_free(ids->forever);
    pthread_mutex_destroy(&ids->changing);
    free(ids);
    *pids = NULL;
}

/* ---- policies ---- */

bool policy_arn_split(struct bytes arn, struct bytes *ret_account, struct bytes *ret_name, struct bytes *ret_path)
{
    static const char head[] = "arn:aws:iam::", middle[] = ":policy/";
    size_t at = sizeof head - 1 + IAM_ACCOUNT_ID_LEN, from = at + sizeof middle - 2, slash = from;
    if (!bytes_starts(arn, BYTES_LIT(head)) || !bytes_starts(bytes_cut(arn, at, arn.n), BYTES_LIT(middle)))
        return false;
    for (size_t i = from; i < arn.n; i++)
        if (arn.p[i] == '/')
            slash = i;
    *ret_account = bytes_cut(arn, sizeof head - 1, IAM_ACCOUNT_ID_LEN);
    *ret_path = bytes_cut(arn, from, slash + 1 - from);
    *ret_name = bytes_cut(arn, slash + 1, arn.n);
    return ret_name->n > 0;
}

/* A record, for reading. */
static int tree_get(struct identities *ids, struct arena *a, struct bytes key, const struct json_node **ret)
{
    struct bytes text;
    int rc = store_doc_get(ids->store, key, a, &text);
    if (rc != STORE_OK)
        return rc;
    *ret = json_tree_read(a, text);
    return *ret ? STORE_OK : STORE_CORRUPT;
}

/* Which document is the default version of the policy of this ARN. */
static int default_version(struct identities *ids, struct arena *a, struct bytes arn, struct bytes *ret_document)
{
    struct bytes account, name, path;
    const struct json_node *policy;
    if (!policy_arn_split(arn, &account, &name, &path))
        return STORE_NO_SUCH_SETTING;
    int rc = tree_get(ids, a, key_of_entity(a, ENTITY_POLICY, account, name), &policy);
    if (rc != STORE_OK)
        return rc;
    if (!bytes_eq(node_get_text(policy, "path"), path))
        return STORE_NO_SUCH_SETTING;
    struct bytes wanted = node_get_text(policy, "default");
    for (const struct json_node *v = node_first(node_get(policy, "versions")); v; v = v->next)
        if (bytes_eq(node_get_text(v, "id"), wanted)) {
            *ret_document = node_get_text(v, "doc");
            return STORE_OK;
        }
    return STORE_CORRUPT;
}

int policy_document(struct identities *ids, struct arena *a, struct bytes arn, struct bytes *ret)
{
    const struct managed_policy *m = managed_find(arn);
    struct bytes document;
    if (m) {
        *ret = bytes_str(m->document);
        return STORE_OK;
    }
    int rc = default_version(ids, a, arn, &document);
    return rc == STORE_OK ? document_get(ids, a, document, ret) : rc;
}

/* One that is being put together. What it holds of the cache it lets go, or hands over to what was put together. */
struct loader {
    struct identities *ids;
    struct arena *a;
    uint64_t generation; /* from before the first record was read */
    struct cached **held;
    size_t n_held, room;
};

static void hold(struct loader *l, struct cached *c)
{
    if (l->n_held == l->room) {
        struct cached **more = arena_alloc(l->a, (l->room * 2 + 16) * sizeof *more);
        if (l->n_held)
            memcpy(more, l->held, l->n_held * sizeof *more);
        l->held = more;
        l->room = l->room * 2 + 16;
    }
    l->held[l->n_held++] = c;
}

static void hand_over(struct loader *l, struct arena *to)
{
    for (size_t i = 0; i < l->n_held; i++)
        arena_defer(to, cached_unref, l->held[i]);
    l->n_held = 0;
}

static void let_go(struct loader *l)
{
    for (size_t i = 0; i < l->n_held; i++)
        cached_unref(l->held[i]);
    l->n_held = 0;
}

/* Policies, as the cache keeps them: under the id of a document; and under an ARN or the key of a group, of this
 * generation, with a hold on those of the documents. */
struct cached_policies {
    struct cached base;
    const struct iam_policy **list;
    size_t n;
};

/* What an arena takes for so many bytes, and for a call that it defers. */
#define ARENA_PIECE(n)       (((n) + 15) & ~(size_t)15)
#define ARENA_DEFERRED_SIZE  32
#define PARSED_BYTES(text_n) (6 * (text_n) + 256) /* what most documents take when they are parsed */
#define SLACK_MAX            512

static struct cached_policies *new_policies(struct bytes key, uint64_t generation, size_t n, size_t more)
{
    size_t bytes = n * sizeof(const struct iam_policy *);
    struct cached_policies *c =
        (struct cached_policies *)cached_new(sizeof *c, key, generation, ARENA_PIECE(bytes) + more);
    c->list = arena_alloc(c->base.arena, bytes);
    c->n = n;
    return c;
}

static struct cached_policies *parsed(struct bytes id, struct bytes text, size_t room)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY, .stored = true};
    struct iam_policy_error error;
    struct cached_policies *c = new_policies(id, 0, 1, room);
    c->list[0] = iam_policy_parse(c->base.arena, &rules, text, &error);
    if (c->list[0])
        return c;
    cached_unref(c);
    return NULL;
}

/* Parsed once more when the guess how much memory it takes was far off. */
static struct cached_policies *parse_document(struct bytes id, struct bytes text)
{
    struct cached_policies *c = parsed(id, text, PARSED_BYTES(text.n));
    ptrdiff_t slack = c ? cached_slack(&c->base) : 0;
    if (slack >= 0 && slack <= SLACK_MAX)
        return c;
    size_t needed = (size_t)((ptrdiff_t)PARSED_BYTES(text.n) - slack);
    cached_unref(c);
    return parsed(id, text, needed);
}

/* Documents never change under their id: a parsed one is good for ever. */
static int load_document(struct loader *l, struct bytes id, const struct iam_policy **ret)
{
    struct cached *c = cache_get(l->ids->policies, id, 0);
    if (!c) {
        struct bytes text;
        int rc = document_get(l->ids, l->a, id, &text);
        if (rc != STORE_OK)
            return rc;
        c = (struct cached *)parse_document(id, text);
        if (!c)
            return STORE_CORRUPT;
        cache_put(l->ids->policies, c);
    }
    hold(l, c);
    *ret = ((struct cached_policies *)c)->list[0];
    return STORE_OK;
}

/* Keeps what was loaded for others of the same generation. */
static struct cached *keep_list(struct loader *l, struct bytes key, struct iam_policies list)
{
    struct cached_policies *c = new_policies(key, l->generation, list.n, l->n_held * ARENA_DEFERRED_SIZE + 1);
    if (list.n)
        memcpy(c->list, list.list, list.n * sizeof *list.list);
    hand_over(l, c->base.arena);
    cache_put(l->ids->policies, &c->base);
    return &c->base;
}

static int load_managed(struct loader *l, struct bytes arn, const struct iam_policy **ret)
{
    const struct managed_policy *m = managed_find(arn);
    struct bytes document;
    if (m) {
        *ret = m->parsed;
        return STORE_OK;
    }
    struct cached *c = cache_get(l->ids->policies, arn, l->generation);
    if (!c) {
        struct loader inner = {.ids = l->ids, .a = l->a, .generation = l->generation};
        int rc = default_version(l->ids, l->a, arn, &document);
        if (rc == STORE_OK)
            rc = load_document(&inner, document, ret);
        if (rc != STORE_OK)
            return rc;
        c = keep_list(&inner, arn, (struct iam_policies){ret, 1});
    }
    hold(l, c);
    *ret = ((struct cached_policies *)c)->list[0];
    return STORE_OK;
}

static size_t count_policies(const struct json_node *record)
{
    return node_count(node_get(record, "attached")) + node_count(node_get(record, "inline"));
}

/* Of users and groups, as MinIO's tools set it. */
static bool is_disabled(const struct json_node *record)
{
    const struct json_node *j = node_get(record, "disabled");
    return j && j->kind == NODE_TRUE;
}

/* All attached and inline policies of a record. */
static int load_policies_of(struct loader *l, const struct json_node *record, struct iam_policies *ret)
{
    const struct iam_policy **list = arena_new_array(l->a, const struct iam_policy *, count_policies(record) + 1);
    size_t n = 0;
    int rc = STORE_OK;
    for (const struct json_node *j = node_first(node_get(record, "attached")); j && rc == STORE_OK; j = j->next)
        rc = load_managed(l, node_text(j), &list[n++]);
    for (const struct json_node *j = node_first(node_get(record, "inline")); j && rc == STORE_OK; j = j->next)
        rc = load_document(l, node_text(j), &list[n++]);
    *ret = (struct iam_policies){list, n};
    return rc;
}

static int load_own(struct loader *l, const struct json_node *record, struct principal *p)
{
    struct bytes boundary = node_get_text(record, "boundary");
    int rc = load_policies_of(l, record, &p->identity);
    return rc == STORE_OK && boundary.n ? load_managed(l, boundary, &p->boundary) : rc;
}

static int load_group(struct loader *l, struct bytes account, struct bytes name, struct iam_policies *ret)
{
    struct bytes key = key_of_entity(l->a, ENTITY_GROUP, account, name);
    struct cached *c = cache_get(l->ids->policies, key, l->generation);
    if (!c) {
        struct loader inner = {.ids = l->ids, .a = l->a, .generation = l->generation};
        const struct json_node *record;
        struct iam_policies list = {0};
        int rc = tree_get(l->ids, l->a, key, &record);
        if (rc == STORE_OK && !is_disabled(record))
            rc = load_policies_of(&inner, record, &list);
        if (rc != STORE_OK) {
            let_go(&inner);
            return rc;
        }
        c = keep_list(&inner, key, list);
    }
    hold(l, c);
    *ret = (struct iam_policies){((struct cached_policies *)c)->list, ((struct cached_policies *)c)->n};
    return STORE_OK;
}

static int load_groups(struct loader *l, struct bytes account, const struct json_node *user, struct principal *p)
{
    const struct json_node *groups = node_get(user, "groups");
    struct iam_policies *each = arena_new_array(l->a, struct iam_policies, node_count(groups) + 1);
    size_t n = 0, all = 0;
    for (const struct json_node *j = node_first(groups); j; j = j->next) {
        int rc = load_group(l, account, node_text(j), &each[n]);
        if (rc != STORE_OK)
            return rc;
        all += each[n++].n;
    }
    const struct iam_policy **list = arena_new_array(l->a, const struct iam_policy *, all + 1);
    p->group = (struct iam_policies){list, all};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < each[i].n; k++)
            *list++ = each[i].list[k];
    return STORE_OK;
}

/* ---- principals ---- */

void record_tags(struct arena *a, const json_t *record, const struct iam_tag **ret, size_t *ret_n)
{
    const json_t *tags = json_object_get(record, "tags");
    size_t n = json_array_size(tags);
    struct iam_tag *list = arena_new_array(a, struct iam_tag, n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(tags, i);
        list[i] = (struct iam_tag){json_bytes(json_array_get(pair, 0)), json_bytes(json_array_get(pair, 1))};
    }
    *ret = list;
    *ret_n = n;
}

int principal_generation(struct identities *ids, struct arena *a, struct bytes account, const json_t *record,
                         int64_t *ret)
{
    json_t *owner;
    if (record) {
        *ret = record_number(record, "gen");
        return STORE_OK;
    }
    if (bytes_eq_str(account, ROOT_ACCOUNT_ID)) {
        *ret = ids->root_gen;
        return STORE_OK;
    }
    int rc = record_get(ids, a, key_of_account(a, account), &owner);
    if (rc == STORE_OK)
        *ret = record_number(owner, "gen");
    return rc;
}

static void tree_tags(struct arena *a, const struct json_node *record, const struct iam_tag **ret, size_t *ret_n)
{
    const struct json_node *tags = node_get(record, "tags");
    struct iam_tag *list = arena_new_array(a, struct iam_tag, node_count(tags) + 1);
    size_t n = 0;
    for (const struct json_node *j = node_first(tags); j; j = j->next) {
        const struct json_node *key = node_first(j);
        list[n++] = (struct iam_tag){node_text(key), node_text(key ? key->next : NULL)};
    }
    *ret = list;
    *ret_n = n;
}

static void fill_caller(struct arena *a, const struct json_node *record, const char *type, struct principal *p)
{
    p->name = node_get_text(record, "name");
    p->caller.unique_id = node_get_text(record, "id");
    p->caller.arn = iam_arn(a, type, p->caller.account, node_get_text(record, "path"), p->name);
    p->principal_arn = p->caller.arn;
    p->user_id = p->caller.unique_id;
    tree_tags(a, record, &p->tags, &p->n_tags);
}

/* Whether the account is still there, users, roles and keys tell: it never goes before them. */
static int load_account(struct identities *ids, struct arena *a, struct bytes account, struct principal *p)
{
    struct iam_owner owner;
    const struct json_node *record;
    int rc = STORE_OK;
    if (!identities_owner(ids, account, &owner)) { /* just made */
        rc = tree_get(ids, a, key_of_account(a, account), &record);
        owner.canonical_id = rc == STORE_OK ? node_get_text(record, "canonical") : BYTES_NONE;
    }
    if (rc == STORE_OK)
        *p = root_of(a, bytes_dup(a, account), owner.canonical_id);
    return rc;
}

static int load_user(struct loader *l, struct bytes account, struct bytes name, struct principal *p,
                     int64_t *ret_generation)
{
    const struct json_node *user;
    int rc = load_account(l->ids, l->a, account, p);
    if (rc == STORE_OK && !name.n)
        return principal_generation(l->ids, l->a, account, NULL, ret_generation);
    if (rc == STORE_OK)
        rc = tree_get(l->ids, l->a, key_of_entity(l->a, ENTITY_USER, account, name), &user);
    if (rc != STORE_OK)
        return rc;
    p->caller.kind = IAM_CALLER_USER;
    p->type = "User";
    fill_caller(l->a, user, "user", p);
    p->user_name = p->name;
    p->disabled = is_disabled(user);
    *ret_generation = node_get_number(user, "gen");
    rc = load_own(l, user, p);
    return rc == STORE_OK ? load_groups(l, account, user, p) : rc;
}

int principal_load_user(struct identities *ids, struct arena *a, struct bytes account, struct bytes name,
                        struct principal *p, int64_t *ret_generation)
{
    struct loader l = {.ids = ids, .a = a, .generation = atomic_load(&ids->generation)};
    int rc = load_user(&l, account, name, p, ret_generation);
    hand_over(&l, a);
    return rc;
}

int principal_load_role(struct identities *ids, struct arena *a, struct bytes account, struct bytes name,
                        struct principal *p, int64_t *ret_generation)
{
    struct loader l = {.ids = ids, .a = a, .generation = atomic_load(&ids->generation)};
    const struct json_node *role;
    int rc = load_account(ids, a, account, p);
    if (rc == STORE_OK)
        rc = tree_get(ids, a, key_of_entity(a, ENTITY_ROLE, account, name), &role);
    if (rc != STORE_OK)
        return rc;
    p->caller.kind = IAM_CALLER_ROLE;
    p->type = "AssumedRole";
    fill_caller(a, role, "role", p);
    *ret_generation = node_get_number(role, "gen");
    rc = load_own(&l, role, p);
    hand_over(&l, a);
    return rc;
}

const struct principal *principal_anonymous(void)
{
    static const struct principal nobody = {.caller = {.kind = IAM_CALLER_ANONYMOUS}, .type = "Anonymous"};
    return &nobody;
}

void principal_fill(const struct principal *p, struct iam_request *r)
{
    r->caller = p->caller;
    r->identity = p->identity;
    r->group = p->group;
    r->session = p->session_policies;
    r->boundary = p->boundary;
}

static void set_if(struct iam_context *c, enum iam_key_id id, struct bytes value)
{
    if (value.n)
        iam_context_set(c, id, value);
}

void principal_set_context(const struct principal *p, struct iam_context *c)
{
    set_if(c, IAM_KEY_AWS_PRINCIPAL_TYPE, bytes_str(p->type));
    set_if(c, IAM_KEY_AWS_USERNAME, p->user_name);
    set_if(c, IAM_KEY_AWS_USERID, p->user_id);
    set_if(c, IAM_KEY_AWS_PRINCIPAL_ARN, p->principal_arn);
    set_if(c, IAM_KEY_AWS_PRINCIPAL_ACCOUNT, p->caller.account);
    set_if(c, IAM_KEY_AWS_SOURCE_IDENTITY, p->source_identity);
    set_if(c, IAM_KEY_AWS_FEDERATED_PROVIDER, p->provider);
    for (size_t i = 0; i < p->n_tags; i++)
        iam_context_set_tag(c, IAM_KEY_AWS_PRINCIPAL_TAG, p->tags[i].key, p->tags[i].value);
    if (p->session == SESSION_NONE)
        return;
    char *text = arena_alloc(c->arena, DATE_ISO_SECONDS_LEN + 1);
    date_format_iso_seconds(date_seconds_of_ms(p->issued_ms), text);
    iam_context_set(c, IAM_KEY_AWS_TOKEN_ISSUE_TIME, bytes_of(text, DATE_ISO_SECONDS_LEN));
    iam_context_set(c, IAM_KEY_AWS_MFA_PRESENT, BYTES_LIT("false"));
}

/* ---- keys ---- */

struct cached_key {
    struct cached base;
    struct principal principal;
    struct bytes token; /* of a session */
    bool disabled;
    int64_t expires_ms; /* of a service account; 0: never */
    struct bytes secret;
};

static void wipe_secret(void *key)
{
    struct bytes secret = ((struct cached_key *)key)->secret;
    OPENSSL_cleanse((char *)secret.p, secret.n);
}

/* A copy of its own; wiped with the key. */
static bool take_secret(struct cached_key *k, struct bytes secret)
{
    if (secret.n == 0 || secret.n > AUTH_SECRET_MAX)
        return false;
    k->secret = bytes_dup(k->base.arena, secret);
    arena_defer(k->base.arena, wipe_secret, k);
    return true;
}

static size_t policies_bytes(const struct principal *p)
{
    size_t one = sizeof(const struct iam_policy *);
    return ARENA_PIECE(p->identity.n * one) + ARENA_PIECE(p->group.n * one) + ARENA_PIECE(p->session_policies.n * one);
}

static size_t tags_bytes(const struct principal *p)
{
    size_t n = ARENA_PIECE(p->n_tags * sizeof *p->tags);
    for (size_t i = 0; i < p->n_tags; i++)
        n += ARENA_PIECE(p->tags[i].key.n) + ARENA_PIECE(p->tags[i].value.n);
    return n;
}

static struct iam_policies copy_policies(struct arena *a, struct iam_policies from)
{
    const struct iam_policy **list = from.n ? arena_new_array(a, const struct iam_policy *, from.n) : NULL;
    if (from.n)
        memcpy(list, from.list, from.n * sizeof *list);
    return (struct iam_policies){list, from.n};
}

static const struct iam_tag *copy_tags(struct arena *a, const struct iam_tag *from, size_t n)
{
    struct iam_tag *list = n ? arena_new_array(a, struct iam_tag, n) : NULL;
    for (size_t i = 0; i < n; i++)
        list[i] = (struct iam_tag){bytes_dup(a, from[i].key), bytes_dup(a, from[i].value)};
    return list;
}

/* The table of owners keeps it, unless the account was made this moment. */
static struct bytes lasting_canonical(const struct identities *ids, struct arena *a, const struct iam_caller *c)
{
    struct iam_owner owner;
    if (identities_owner(ids, c->account, &owner) && bytes_eq(owner.canonical_id, c->canonical_id))
        return owner.canonical_id;
    return bytes_dup(a, c->canonical_id);
}

/* Of a user or an account's root, in as much memory as it needs: many of them are kept. */
static struct cached_key *compact_key(struct loader *l, struct bytes access_key, struct bytes secret,
                                      const struct principal *from)
{
    const struct iam_caller *c = &from->caller;
    size_t texts = ARENA_PIECE(c->account.n) + ARENA_PIECE(c->arn.n) + ARENA_PIECE(c->unique_id.n) +
                   ARENA_PIECE(from->name.n) + ARENA_PIECE(secret.n) + ARENA_PIECE(access_key.n);
    size_t more = texts + policies_bytes(from) + tags_bytes(from) + (l->n_held + 1) * ARENA_DEFERRED_SIZE;
    struct cached_key *k = (struct cached_key *)cached_new(sizeof *k, access_key, l->generation, more);
    struct arena *a = k->base.arena;
    struct principal *p = &k->principal;
    *p = *from;
    p->caller.canonical_id = lasting_canonical(l->ids, a, c);
    p->caller.account = bytes_dup(a, c->account);
    p->caller.arn = p->principal_arn = bytes_dup(a, c->arn);
    p->caller.unique_id = p->user_id = c->kind == IAM_CALLER_ROOT ? p->caller.account : bytes_dup(a, c->unique_id);
    p->name = p->user_name = from->name.n ? bytes_dup(a, from->name) : BYTES_NONE;
    p->tags = copy_tags(a, from->tags, from->n_tags);
    p->identity = copy_policies(a, from->identity);
    p->group = copy_policies(a, from->group);
    p->session_policies = copy_policies(a, from->session_policies);
    hand_over(l, a);
    (void)take_secret(k, secret);
    return k;
}

/* The secret of a key's record, opened. */
static int open_secret(struct loader *l, struct bytes access_key, const struct json_node *record, struct bytes *ret)
{
    struct bytes coded = node_get_text(record, "secret");
    char *sealed = arena_alloc(l->a, coded.n + 1);
    ptrdiff_t n = base64_decode(coded, sealed, coded.n);
    struct bytes where = bytes_join(l->a, BYTES_LIT(SECRET_BELONGS), access_key);
    if (n < 0 || !crypt_unseal(l->ids->crypt, l->a, bytes_of(sealed, (size_t)n), where, ret))
        return STORE_CORRUPT;
    if (ret->n > 0 && ret->n <= AUTH_SECRET_MAX)
        return STORE_OK;
    OPENSSL_cleanse((char *)ret->p, ret->n);
    return STORE_CORRUPT;
}

/* A service account's policy of its own, which bounds what its user may do. */
static int load_bounds(struct loader *l, const struct json_node *key, struct principal *p)
{
    struct bytes policy = node_get_text(key, "policy");
    if (!policy.n)
        return STORE_OK;
    const struct iam_policy **list = arena_new_array(l->a, const struct iam_policy *, 1);
    p->session_policies = (struct iam_policies){list, 1};
    return load_document(l, policy, list);
}

static int load_long_term(struct loader *l, struct bytes access_key, struct cached_key **ret)
{
    const struct json_node *key;
    struct principal p;
    struct bytes secret;
    int64_t unused;
    int rc = tree_get(l->ids, l->a, key_of_access_key(l->a, access_key), &key);
    if (rc == STORE_OK && !l->ids->crypt)
        rc = STORE_UNAVAILABLE;
    if (rc == STORE_OK)
        rc = open_secret(l, access_key, key, &secret);
    if (rc != STORE_OK)
        return rc;
    rc = load_user(l, node_get_text(key, "account"), node_get_text(key, "user"), &p, &unused);
    if (rc == STORE_OK)
        rc = load_bounds(l, key, &p);
    if (rc == STORE_OK) {
        *ret = compact_key(l, access_key, secret, &p);
        (*ret)->disabled = !bytes_eq(node_get_text(key, "status"), BYTES_LIT("Active")) || p.disabled;
        (*ret)->expires_ms = node_get_number(key, "expires");
    }
    OPENSSL_cleanse((char *)secret.p, secret.n);
    return rc;
}

static int load_session(struct loader *l, struct bytes access_key, struct bytes token, struct cached_key **ret)
{
    struct cached_key *k = (struct cached_key *)cached_new(sizeof *k, access_key, l->generation, 0);
    struct arena *a = k->base.arena;
    struct session *s = arena_new(a, struct session);
    int rc = l->ids->crypt ? STORE_NO_SUCH_SETTING : STORE_UNAVAILABLE;
    if (l->ids->crypt && session_unseal(l->ids, a, access_key, token, s)) {
        rc = take_secret(k, s->secret) ? STORE_OK : STORE_CORRUPT;
        OPENSSL_cleanse((char *)s->secret.p, s->secret.n);
        k->token = bytes_dup(a, token);
    }
    if (rc == STORE_OK)
        rc = session_load(l->ids, a, s, &k->principal);
    if (rc == STORE_OK)
        *ret = k;
    else
        cached_unref(k);
    return rc;
}

static bool is_temporary(struct bytes access_key)
{
    return bytes_starts(access_key, BYTES_LIT("ASIA")) && access_key.n == IAM_ACCESS_KEY_LEN;
}

/* With a reference; NULL and why. Read again when a change came in between. */
static struct cached_key *load_key(struct identities *ids, struct bytes access_key, struct bytes token, int *ret_rc)
{
    struct arena *a = arena_create(LOAD_BYTES);
    struct cached_key *k = NULL;
    bool changed = true;
    for (unsigned tries = 0; changed && tries <= LOAD_TRIES; tries++) {
        struct loader l = {.ids = ids, .a = a, .generation = atomic_load(&ids->generation)};
        *ret_rc =
            is_temporary(access_key) ? load_session(&l, access_key, token, &k) : load_long_term(&l, access_key, &k);
        let_go(&l);
        arena_reset(a);
        changed = *ret_rc != STORE_OK && atomic_load(&ids->generation) != l.generation;
    }
    arena_free(a);
    if (k)
        cache_put(ids->principals, &k->base);
    return k;
}

static bool same_token(const struct cached_key *k, struct bytes token)
{
    return k->token.n == token.n && CRYPTO_memcmp(k->token.p, token.p, token.n) == 0;
}

static bool is_root_user(const struct identities *ids, struct bytes access_key)
{
    size_t n = strlen(ids->config->root_user);
    return access_key.n == n && CRYPTO_memcmp(access_key.p, ids->config->root_user, n) == 0;
}

static enum auth_lookup answer_root(const struct identities *ids, struct auth_key *ret)
{
    ret->secret_n = strlen(ids->config->root_password);
    memcpy(ret->secret, ids->config->root_password, ret->secret_n);
    ret->flags = 0;
    ret->identity = (void *)ids->root;
    return AUTH_KEY_FOUND;
}

enum auth_lookup identities_find_key(struct identities *ids, struct arena *a, int64_t now_ms, struct bytes access_key,
                                     struct bytes token, struct auth_key *ret)
{
    bool temporary = is_temporary(access_key);
    int rc = STORE_OK;
    *ret = (struct auth_key){0};
    if (is_root_user(ids, access_key))
        return answer_root(ids, ret);
    struct cached_key *k = (struct cached_key *)cache_get(ids->principals, access_key, atomic_load(&ids->generation));
    if (k && temporary && !same_token(k, token)) {
        cached_unref(k);
        return AUTH_KEY_TOKEN_INVALID;
    }
    if (!k && temporary && !token.n)
        return AUTH_KEY_UNKNOWN;
    if (!k)
        k = load_key(ids, access_key, token, &rc);
    if (!k && rc == STORE_NO_SUCH_SETTING)
        return temporary ? AUTH_KEY_TOKEN_INVALID : AUTH_KEY_UNKNOWN;
    if (!k) {
        log_error("identities", "access key %.*s cannot be looked up: %s", (int)access_key.n, access_key.p,
                  store_rc_name(rc));
        return AUTH_KEY_UNAVAILABLE;
    }
    arena_defer(a, cached_unref, k);
    if (temporary && now_ms >= k->principal.expires_ms)
        return AUTH_KEY_TOKEN_EXPIRED;
    bool ended = k->disabled || (k->expires_ms && now_ms >= k->expires_ms);
    memcpy(ret->secret, k->secret.p, k->secret.n);
    ret->secret_n = k->secret.n;
    ret->flags = (temporary ? AUTH_KEY_TEMPORARY : 0u) | (ended ? AUTH_KEY_DISABLED : 0u);
    ret->identity = &k->principal;
    return AUTH_KEY_FOUND;
}

/* ---- last use ---- */

struct use {
    struct pool_job job;
    struct identities *ids;
    int64_t at_ms;
    char access_key[IAM_UNIQUE_ID_LEN + 1], service[AUTH_SERVICE_MAX + 1], region[AUTH_REGION_MAX + 1];
};

/* Recently written uses, by a hash of the key: a bounded memory of what need not be written again. */
#define USES            65536
#define USES_PER_SECOND 256 /* written down; further ones when their keys are used again */
static _Atomic uint64_t written[USES];

static bool may_write_use(int64_t now_ms)
{
    static _Atomic uint64_t window; /* the second, and how many were written in it */
    uint64_t second = (uint64_t)now_ms / 1000 << 16, seen = atomic_load(&window), next;
    do {
        next = seen >> 16 == second >> 16 ? seen + 1 : second;
        if ((next & 0xffff) >= USES_PER_SECOND)
            return false;
    } while (!atomic_compare_exchange_weak(&window, &seen, next));
    return true;
}

static void write_use(struct pool_job *j)
{
    struct use *u = (struct use *)((char *)j - offsetof(struct use, job));
    struct arena *a = arena_create(0);
    json_t *record =
        json_in(a, json_pack("{s:I,s:s,s:s}", "at", (json_int_t)u->at_ms, "service", u->service, "region", u->region));
    char *text = json_dumps(record, JSON_COMPACT);
    struct store_doc_change c = {
        .key = key_of_last_use(a, bytes_str(u->access_key)), .put = true, .value = bytes_str(text)};
    int rc = store_doc_apply(u->ids->store, &c, 1);
    if (rc != STORE_OK)
        log_warn("identities", "the last use of %s is not written down: %s", u->access_key, store_rc_name(rc));
    free(text);
    arena_free(a);
    free(u);
}

static void copy_text(char *to, size_t room, struct bytes from)
{
    size_t n = from.n < room - 1 ? from.n : room - 1;
    memcpy(to, from.p, n);
    to[n] = '\0';
}

void identities_note_use(struct identities *ids, struct bytes access_key, int64_t now_ms, struct bytes service,
                         struct bytes region)
{
    uint64_t h = 0xcbf29ce484222325u, period = (uint64_t)now_ms / USE_WRITTEN_MS;
    bool key = access_key.n == IAM_ACCESS_KEY_LEN && bytes_starts(access_key, BYTES_LIT("AKIA"));
    bool role = access_key.n == IAM_UNIQUE_ID_LEN && bytes_starts(access_key, BYTES_LIT("AROA"));
    if (!ids->pool || (!key && !role))
        return;
    for (size_t i = 0; i < access_key.n; i++)
        h = (h ^ (unsigned char)access_key.p[i]) * 0x100000001b3u;
    uint64_t mark = (h >> 12) ^ period << 1;
    if (atomic_load_explicit(&written[h % USES], memory_order_relaxed) == mark || !may_write_use(now_ms))
        return;
    atomic_store_explicit(&written[h % USES], mark, memory_order_relaxed);
    struct use *u = xcalloc(1, sizeof *u);
    u->job.run = write_use;
    u->ids = ids;
    u->at_ms = now_ms;
    copy_text(u->access_key, sizeof u->access_key, access_key);
    copy_text(u->service, sizeof u->service, service);
    copy_text(u->region, sizeof u->region, region.n ? region : BYTES_LIT("us-east-1"));
    if (!pool_submit(ids->pool, &u->job, false))
        free(u);
}

/* ---- accounts and principals by name ---- */

bool identities_account(struct identities *ids, struct bytes id, struct arena *a, struct iam_account *ret)
{
    json_t *r;
    if (id.n != IAM_ACCOUNT_ID_LEN || record_get(ids, a, key_of_account(a, id), &r) != STORE_OK)
        return false;
    *ret = (struct iam_account){record_text(r, "id"), record_text(r, "canonical"), record_text(r, "name"),
                                record_text(r, "email")};
    return true;
}

static bool account_by(struct identities *ids, struct bytes key, struct arena *a, struct iam_account *ret)
{
    struct bytes id;
    return store_doc_get(ids->store, key, a, &id) == STORE_OK && identities_account(ids, id, a, ret);
}

bool identities_account_of_canonical(struct identities *ids, struct bytes canonical_id, struct arena *a,
                                     struct iam_account *ret)
{
    return canonical_id.n == ACL_CANONICAL_ID_LEN && account_by(ids, key_of_canonical(a, canonical_id), a, ret);
}

bool identities_account_of_email(struct identities *ids, struct bytes email, struct arena *a, struct iam_account *ret)
{
    return email.n > 0 && email.n <= 320 && account_by(ids, key_of_email(a, email), a, ret);
}

/* arn:aws:iam::ACCOUNT:user/path/name, arn:aws:sts::ACCOUNT:assumed-role/name/session */
static bool entity_of_arn_exists(struct identities *ids, struct arena *a, enum entity kind, struct bytes arn)
{
    ptrdiff_t slash = bytes_find_char(arn, '/', 0);
    size_t from = slash < 0 ? arn.n : (size_t)slash + 1, end = arn.n;
    json_t *record;
    if (from < 26 || slash < 0)
        return false;
    struct bytes account = bytes_cut(arn, 13, IAM_ACCOUNT_ID_LEN);
    if (bytes_starts(arn, BYTES_LIT("arn:aws:sts:"))) { /* the role's name comes first */
        ptrdiff_t next = bytes_find_char(arn, '/', from);
        end = next < 0 ? arn.n : (size_t)next;
    } else {
        for (size_t i = from; i < arn.n; i++)
            from = arn.p[i] == '/' ? i + 1 : from;
    }
    struct bytes name = bytes_cut(arn, from, end - from);
    if (!name.n || name.n > 128 || record_get(ids, a, key_of_entity(a, kind, account, name), &record) != STORE_OK)
        return false;
    if (bytes_starts(arn, BYTES_LIT("arn:aws:sts:")))
        return true;
    struct bytes own = iam_arn(a, kind == ENTITY_USER ? "user" : "role", account, record_text(record, "path"),
                               record_text(record, "name"));
    return bytes_eq(own, arn);
}

bool identities_principal_exists(const void *ctx, const struct iam_principal *p)
{
    struct identities *ids = (struct identities *)ctx;
    struct arena *a = arena_create(0);
    struct iam_account account;
    struct bytes text;
    bool found = true;
    if (p->kind == IAM_PRINCIPAL_ACCOUNT)
        found = identities_account(ids, p->value, a, &account);
    else if (p->kind == IAM_PRINCIPAL_CANONICAL)
        found = identities_account_of_canonical(ids, p->value, a, &account);
    else if (p->kind == IAM_PRINCIPAL_USER)
        found = entity_of_arn_exists(ids, a, ENTITY_USER, p->value);
    else if (p->kind == IAM_PRINCIPAL_ROLE || p->kind == IAM_PRINCIPAL_SESSION)
        found = entity_of_arn_exists(ids, a, ENTITY_ROLE, p->value);
    else if (p->kind == IAM_PRINCIPAL_UNIQUE_ID)
        found = store_doc_get(ids->store, key_of_unique_id(a, p->value), a, &text) == STORE_OK;
    arena_free(a);
    return found;
}

void identities_cache_misses(const struct identities *ids, uint64_t *ret_principals, uint64_t *ret_policies)
{
    *ret_principals = cache_misses(ids->principals);
    *ret_policies = cache_misses(ids->policies);
}
