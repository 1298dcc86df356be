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
#include "server/pool.h"

#define PRINCIPAL_SETS 1024 /* of CACHE_WAYS */
#define POLICY_SETS    256
#define KEPT_BYTES     (64u << 20) /* of principals and parsed policies together */
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
static int put_first_account(struct identities *ids, struct arena *a, bool fresh)
{
    struct bytes id = BYTES_LIT(ROOT_ACCOUNT_ID), canonical = BYTES_LIT(ROOT_CANONICAL_ID);
    struct change c = {.ids = ids, .arena = a};
    if (fresh) {
        json_t *record = json_in(a, json_pack("{s:s,s:s,s:s,s:s,s:I,s:i}", "id", ROOT_ACCOUNT_ID, "canonical",
                                              ROOT_CANONICAL_ID, "name", FIRST_NAME, "email", FIRST_EMAIL, "created",
                                              (json_int_t)clock_wall_ms(), "gen", 1));
        change_put(&c, key_of_account(a, id), record);
        change_put_text(&c, key_of_canonical(a, canonical), id);
        change_put_text(&c, key_of_email(a, BYTES_LIT(FIRST_EMAIL)), id);
    }
    change_put_text(&c, key_of_account_name(a, BYTES_LIT(FIRST_NAME)), id);
    return change_apply(&c);
}

static bool make_first_account(struct identities *ids, struct arena *a, char *error)
{
    json_t *record;
    struct bytes id;
    int rc = record_get(ids, a, key_of_account(a, BYTES_LIT(ROOT_ACCOUNT_ID)), &record);
    bool fresh = rc == STORE_NO_SUCH_SETTING;
    if (rc == STORE_OK)
        rc = store_doc_get(ids->store, key_of_account_name(a, BYTES_LIT(FIRST_NAME)), a, &id);
    if (rc == STORE_NO_SUCH_SETTING)
        rc = put_first_account(ids, a, fresh);
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
    bool good = make_first_account(ids, a, error) && check_root_user(ids, a, error) && owners_load(ids, error);
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

/* Which document is the default version of the policy of this ARN. */
static int default_version(struct identities *ids, struct arena *a, struct bytes arn, struct bytes *ret_document)
{
    struct bytes account, name, path;
    json_t *policy;
    if (!policy_arn_split(arn, &account, &name, &path))
        return STORE_NO_SUCH_SETTING;
    int rc = record_get(ids, a, key_of_entity(a, ENTITY_POLICY, account, name), &policy);
    if (rc != STORE_OK)
        return rc;
    if (!bytes_eq(record_text(policy, "path"), path))
        return STORE_NO_SUCH_SETTING;
    const json_t *versions = json_object_get(policy, "versions");
    for (size_t i = 0; i < json_array_size(versions); i++) {
        const json_t *v = json_array_get(versions, i);
        if (bytes_eq(record_text(v, "id"), record_text(policy, "default"))) {
            *ret_document = bytes_dup(a, record_text(v, "doc"));
            return STORE_OK;
        }
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

struct cached_policy {
    struct cached base;
    const struct iam_policy *policy;
};

/* Documents never change under their id: a parsed one is good for ever. */
static int load_document(struct identities *ids, struct arena *a, struct bytes id, const struct iam_policy **ret)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    struct cached_policy *c = (struct cached_policy *)cache_get(ids->policies, id, 0);
    if (!c) {
        struct iam_policy_error error;
        struct bytes text;
        int rc = document_get(ids, a, id, &text);
        if (rc != STORE_OK)
            return rc;
        c = (struct cached_policy *)cached_new(sizeof *c, id, 0);
        c->policy = iam_policy_parse(c->base.arena, &rules, text, &error);
        if (!c->policy) {
            cached_unref(c);
            return STORE_CORRUPT;
        }
        cache_put(ids->policies, &c->base);
    }
    arena_defer(a, cached_unref, c);
    *ret = c->policy;
    return STORE_OK;
}

static int load_managed(struct identities *ids, struct arena *a, struct bytes arn, const struct iam_policy **ret)
{
    const struct managed_policy *m = managed_find(arn);
    struct bytes document;
    if (m) {
        *ret = m->parsed;
        return STORE_OK;
    }
    int rc = default_version(ids, a, arn, &document);
    return rc == STORE_OK ? load_document(ids, a, document, ret) : rc;
}

/* All attached and inline policies of a record, added to a list that has room for them. */
static int load_policies_of(struct identities *ids, struct arena *a, const json_t *record,
                            const struct iam_policy **list, size_t *n)
{
    const json_t *attached = json_object_get(record, "attached"), *document;
    const char *name;
    int rc = STORE_OK;
    for (size_t i = 0; i < json_array_size(attached) && rc == STORE_OK; i++)
        rc = load_managed(ids, a, json_bytes(json_array_get(attached, i)), &list[(*n)++]);
    json_object_foreach((json_t *)json_object_get(record, "inline"), name, document) if (rc == STORE_OK) rc =
        load_document(ids, a, json_bytes(document), &list[(*n)++]);
    return rc;
}

static size_t count_policies(const json_t *record)
{
    return json_array_size(json_object_get(record, "attached")) + json_object_size(json_object_get(record, "inline"));
}

static int load_own(struct identities *ids, struct arena *a, const json_t *record, struct principal *p)
{
    const struct iam_policy **list = arena_new_array(a, const struct iam_policy *, count_policies(record) + 1);
    struct bytes boundary = record_text(record, "boundary");
    size_t n = 0;
    int rc = load_policies_of(ids, a, record, list, &n);
    if (rc == STORE_OK && boundary.n)
        rc = load_managed(ids, a, boundary, &p->boundary);
    p->identity = (struct iam_policies){list, n};
    return rc;
}

/* Of users and groups, as MinIO's tools set it. */
static bool is_disabled(const json_t *record)
{
    return json_is_true(json_object_get(record, "disabled"));
}

static int load_groups(struct identities *ids, struct arena *a, struct bytes account, const json_t *user,
                       struct principal *p)
{
    const json_t *groups = json_object_get(user, "groups");
    size_t n_groups = json_array_size(groups), n = 0, room = 1;
    json_t **records = arena_new_array(a, json_t *, n_groups + 1);
    int rc = STORE_OK;
    for (size_t i = 0; i < n_groups && rc == STORE_OK; i++) {
        rc = record_get(ids, a, key_of_entity(a, ENTITY_GROUP, account, json_bytes(json_array_get(groups, i))),
                        &records[i]);
        room += rc == STORE_OK ? count_policies(records[i]) : 0;
    }
    const struct iam_policy **list = arena_new_array(a, const struct iam_policy *, room);
    for (size_t i = 0; i < n_groups && rc == STORE_OK; i++)
        if (!is_disabled(records[i]))
            rc = load_policies_of(ids, a, records[i], list, &n);
    p->group = (struct iam_policies){list, n};
    return rc;
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

static void fill_caller(struct arena *a, const json_t *record, const char *type, struct principal *p)
{
    p->name = record_text(record, "name");
    p->caller.unique_id = record_text(record, "id");
    p->caller.arn = iam_arn(a, type, p->caller.account, record_text(record, "path"), p->name);
    p->principal_arn = p->caller.arn;
    p->user_id = p->caller.unique_id;
    record_tags(a, record, &p->tags, &p->n_tags);
}

static int load_account(struct identities *ids, struct arena *a, struct bytes account, struct principal *p)
{
    json_t *record;
    int rc = record_get(ids, a, key_of_account(a, account), &record);
    if (rc == STORE_OK)
        *p = root_of(a, bytes_dup(a, account), record_text(record, "canonical"));
    return rc;
}

int principal_load_user(struct identities *ids, struct arena *a, struct bytes account, struct bytes name,
                        struct principal *p, json_t **ret_record)
{
    json_t *user;
    int rc = load_account(ids, a, account, p);
    *ret_record = NULL;
    if (rc != STORE_OK || !name.n)
        return rc;
    rc = record_get(ids, a, key_of_entity(a, ENTITY_USER, account, name), &user);
    if (rc != STORE_OK)
        return rc;
    p->caller.kind = IAM_CALLER_USER;
    p->type = "User";
    fill_caller(a, user, "user", p);
    p->user_name = p->name;
    *ret_record = user;
    rc = load_own(ids, a, user, p);
    return rc == STORE_OK ? load_groups(ids, a, account, user, p) : rc;
}

int principal_load_role(struct identities *ids, struct arena *a, struct bytes account, struct bytes name,
                        struct principal *p, json_t **ret_record)
{
    json_t *role;
    int rc = load_account(ids, a, account, p);
    if (rc == STORE_OK)
        rc = record_get(ids, a, key_of_entity(a, ENTITY_ROLE, account, name), &role);
    if (rc != STORE_OK)
        return rc;
    p->caller.kind = IAM_CALLER_ROLE;
    p->type = "AssumedRole";
    fill_caller(a, role, "role", p);
    *ret_record = role;
    return load_own(ids, a, role, p);
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
    struct identities *ids;
    struct principal principal;
    struct bytes token; /* of a session */
    bool disabled;
    int64_t expires_ms; /* of a service account; 0: never */
    unsigned char secret[AUTH_SECRET_MAX];
    size_t secret_n;
};

static void wipe_secret(void *p)
{
    OPENSSL_cleanse(p, AUTH_SECRET_MAX);
}

static struct cached_key *new_key(struct identities *ids, struct bytes access_key, uint64_t generation)
{
    struct cached_key *k = (struct cached_key *)cached_new(sizeof *k, access_key, generation);
    k->ids = ids;
    arena_defer(k->base.arena, wipe_secret, k->secret);
    return k;
}

static bool take_secret(struct cached_key *k, struct bytes secret)
{
    if (secret.n == 0 || secret.n > AUTH_SECRET_MAX)
        return false;
    memcpy(k->secret, secret.p, secret.n);
    k->secret_n = secret.n;
    return true;
}

/* The secret of a key's record, opened. */
static int open_secret(struct cached_key *k, struct bytes access_key, const json_t *record)
{
    struct arena *a = k->base.arena;
    struct bytes coded = record_text(record, "secret"), secret;
    char *sealed = arena_alloc(a, coded.n + 1);
    ptrdiff_t n = base64_decode(coded, sealed, coded.n);
    struct bytes where = arena_bytesf(a, SECRET_BELONGS "%.*s", (int)access_key.n, access_key.p);
    if (n < 0 || !crypt_unseal(k->ids->crypt, a, bytes_of(sealed, (size_t)n), where, &secret))
        return STORE_CORRUPT;
    int rc = take_secret(k, secret) ? STORE_OK : STORE_CORRUPT;
    OPENSSL_cleanse((char *)secret.p, secret.n);
    return rc;
}

/* A service account's policy of its own, which bounds what its user may do, and its end. */
static int load_bounds(struct cached_key *k, const json_t *key)
{
    struct bytes policy = record_text(key, "policy");
    k->expires_ms = record_number(key, "expires");
    if (!policy.n)
        return STORE_OK;
    const struct iam_policy **list = arena_new_array(k->base.arena, const struct iam_policy *, 1);
    k->principal.session_policies = (struct iam_policies){list, 1};
    return load_document(k->ids, k->base.arena, policy, list);
}

static int load_long_term(struct cached_key *k, struct bytes access_key)
{
    struct arena *a = k->base.arena;
    json_t *key, *record;
    int rc = record_get(k->ids, a, key_of_access_key(a, access_key), &key);
    if (rc == STORE_OK && !k->ids->crypt)
        rc = STORE_UNAVAILABLE;
    if (rc != STORE_OK)
        return rc;
    rc = open_secret(k, access_key, key);
    if (rc == STORE_OK)
        rc = principal_load_user(k->ids, a, record_text(key, "account"), record_text(key, "user"), &k->principal,
                                 &record);
    if (rc == STORE_OK)
        rc = load_bounds(k, key);
    if (rc == STORE_OK)
        k->disabled = !bytes_eq(record_text(key, "status"), BYTES_LIT("Active")) || is_disabled(record);
    return rc;
}

static int load_session(struct cached_key *k, struct bytes access_key, struct bytes token)
{
    struct arena *a = k->base.arena;
    struct session *s = arena_new(a, struct session);
    if (!k->ids->crypt)
        return STORE_UNAVAILABLE;
    if (!session_unseal(k->ids, a, access_key, token, s))
        return STORE_NO_SUCH_SETTING;
    bool taken = take_secret(k, s->secret);
    OPENSSL_cleanse((char *)s->secret.p, s->secret.n);
    k->token = bytes_dup(a, token);
    return taken ? session_load(k->ids, a, s, &k->principal) : STORE_CORRUPT;
}

static bool is_temporary(struct bytes access_key)
{
    return bytes_starts(access_key, BYTES_LIT("ASIA")) && access_key.n == IAM_ACCESS_KEY_LEN;
}

/* With a reference; NULL and why. Read again when a change came in between. */
static struct cached_key *load_key(struct identities *ids, struct bytes access_key, struct bytes token, int *ret_rc)
{
    for (unsigned tries = 0;; tries++) {
        uint64_t generation = atomic_load(&ids->generation);
        struct cached_key *k = new_key(ids, access_key, generation);
        int rc = is_temporary(access_key) ? load_session(k, access_key, token) : load_long_term(k, access_key);
        *ret_rc = rc;
        if (rc == STORE_OK) {
            cache_put(ids->principals, &k->base);
            return k;
        }
        cached_unref(k);
        if (atomic_load(&ids->generation) == generation || tries == LOAD_TRIES)
            return NULL;
    }
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
    memcpy(ret->secret, k->secret, k->secret_n);
    ret->secret_n = k->secret_n;
    ret->flags = (temporary ? AUTH_KEY_TEMPORARY : 0u) | (ended ? AUTH_KEY_DISABLED : 0u);
    ret->identity = &k->principal;
    return AUTH_KEY_FOUND;
}

/* ---- last use ---- */

struct use {
    struct job job;
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

static void write_use(struct job *j)
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
