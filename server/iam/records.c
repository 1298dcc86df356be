/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of identities in the store's map. Names in keys are in lower case, since IAM tells names apart without regard
 * to case; records keep them as they were given.
 *
 *   iam/check                      a known text, sealed: tells a wrong master key
 *   iam/a/ACCOUNT                  account: {id, canonical, name, email, created, gen, keys (of its root)}
 *   iam/c/CANONICAL                -> account's id
 *   iam/e/EMAIL                    -> account's id
 *   iam/w/name                     -> account's id
 *   iam/z/ACCOUNT                  an account that is gone: {canonical, name}; its objects may be in others' buckets
 *   iam/u/ACCOUNT/name             user: {id, name, path, created, gen, tags, boundary, attached, inline, groups, keys,
 *                                  disabled}
 *   iam/g/ACCOUNT/name             group: {id, name, path, created, attached, inline, disabled}
 *   iam/r/ACCOUNT/name             role: {id, name, path, created, gen, trust, description, max_session, tags, ...}
 *   iam/p/ACCOUNT/name             policy: {id, name, path, created, updated, default, next, versions, uses, bounds}
 *   iam/o/ACCOUNT/host/path        identity provider: {url, created, clients, thumbprints, tags}
 *   iam/m/ACCOUNT/group/user       membership, so that a group's users can be listed
 *   iam/k/ACCESSKEY                key: {account, user, status, created, secret (sealed); of service accounts: service,
 *                                  policy (a document that bounds it), name, description, expires}
 *   iam/l/ACCESSKEY                its last use: {at, service, region}; changing it counts as no change
 *   iam/i/UNIQUEID                 -> the record's key: AIDA..., AROA... in policies
 *   iam/d/DOCUMENT                 a policy's text; written once, never changed under its id
 *   iam/n/ACCOUNT                  how many of each kind there are
 *
 * `attached` lists ARNs, `inline` maps names to documents, `tags` is a list of pairs. Threads: see records.h.
 */
#include "server/iam/records.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/rand.h"

/* ---- keys ---- */

struct bytes bytes_lower(struct arena *a, struct bytes text)
{
    char *p = arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        p[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] + 'a' - 'A') : text.p[i];
    return bytes_of(p, text.n);
}

struct bytes bytes_join(struct arena *a, struct bytes first, struct bytes second)
{
    char *p = arena_alloc(a, first.n + second.n);
    if (first.n)
        memcpy(p, first.p, first.n);
    if (second.n)
        memcpy(p + first.n, second.p, second.n);
    return bytes_of(p, first.n + second.n);
}

static struct bytes key_of(struct arena *a, const char *kind, struct bytes id)
{
    char head[] = "iam/?/";
    head[4] = kind[0];
    return bytes_join(a, bytes_str(head), id);
}

struct bytes key_of_account(struct arena *a, struct bytes id)
{
    return key_of(a, "a", id);
}

struct bytes key_of_canonical(struct arena *a, struct bytes canonical_id)
{
    return key_of(a, "c", canonical_id);
}

struct bytes key_of_email(struct arena *a, struct bytes email)
{
    return key_of(a, "e", bytes_lower(a, email));
}

struct bytes key_of_account_name(struct arena *a, struct bytes name)
{
    return key_of(a, "w", bytes_lower(a, name));
}

struct bytes key_of_gone_account(struct arena *a, struct bytes id)
{
    return key_of(a, "z", id);
}

struct bytes key_of_entity(struct arena *a, enum entity kind, struct bytes account, struct bytes name)
{
    static const char letters[ENTITIES] = {'u', 'g', 'r', 'p', 'o'};
    const char of[] = {letters[kind], '\0'};
    struct bytes below = bytes_join(a, account, BYTES_LIT("/"));
    return key_of(a, of, bytes_join(a, below, bytes_lower(a, name)));
}

struct bytes key_of_access_key(struct arena *a, struct bytes id)
{
    return key_of(a, "k", id);
}

struct bytes key_of_last_use(struct arena *a, struct bytes id)
{
    return key_of(a, "l", id);
}

struct bytes key_of_document(struct arena *a, struct bytes id)
{
    return key_of(a, "d", id);
}

struct bytes key_of_unique_id(struct arena *a, struct bytes id)
{
    return key_of(a, "i", id);
}

struct bytes key_of_member(struct arena *a, struct bytes account, struct bytes group, struct bytes user)
{
    struct bytes g = bytes_lower(a, group), u = bytes_lower(a, user);
    return arena_bytesf(a, "iam/m/%.*s/%.*s/%.*s", (int)account.n, account.p, (int)g.n, g.p, (int)u.n, u.p);
}

struct bytes key_of_counts(struct arena *a, struct bytes account)
{
    return key_of(a, "n", account);
}

/* ---- reading ---- */

static void let_go(void *json)
{
    json_decref(json);
}

json_t *json_in(struct arena *a, json_t *j)
{
    CHECK(j);
    arena_defer(a, let_go, j);
    return j;
}

int record_get(struct identities *ids, struct arena *a, struct bytes key, json_t **ret)
{
    struct bytes text;
    int rc = store_doc_get(ids->store, key, a, &text);
    if (rc != STORE_OK)
        return rc;
    json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
    if (!j)
        return STORE_CORRUPT;
    *ret = json_in(a, j);
    return STORE_OK;
}

int document_get(struct identities *ids, struct arena *a, struct bytes id, struct bytes *ret)
{
    return store_doc_get(ids->store, key_of_document(a, id), a, ret);
}

struct bytes json_bytes(const json_t *j)
{
    return json_is_string(j) ? bytes_of(json_string_value(j), json_string_length(j)) : BYTES_NONE;
}

json_t *json_of_bytes(struct bytes b)
{
    json_t *j = json_stringn(b.n ? b.p : "", b.n);
    return j ? j : json_string("");
}

struct bytes record_text(const json_t *record, const char *name)
{
    return json_bytes(json_object_get(record, name));
}

int64_t record_number(const json_t *record, const char *name)
{
    return json_integer_value(json_object_get(record, name));
}

json_t *record_list(json_t *record, const char *name)
{
    json_t *list = json_object_get(record, name);
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(record, name, list);
    }
    return list;
}

json_t *record_object(json_t *record, const char *name)
{
    json_t *object = json_object_get(record, name);
    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new(record, name, object);
    }
    return object;
}

ptrdiff_t json_find(const json_t *array, struct bytes text, bool nocase)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct bytes item = json_bytes(json_array_get(array, i));
        if (nocase ? bytes_eq_nocase(item, text) : bytes_eq(item, text))
            return (ptrdiff_t)i;
    }
    return -1;
}

/* ---- changing ---- */

void records_lock(struct identities *ids)
{
    pthread_mutex_lock(&ids->changing);
}

void records_unlock(struct identities *ids)
{
    pthread_mutex_unlock(&ids->changing);
}

static void add(struct change *c, struct store_doc_change one)
{
    for (size_t i = 0; i < c->n; i++) /* a key is named once: the last word counts */
        if (bytes_eq(c->list[i].key, one.key)) {
            c->list[i] = one;
            return;
        }
    CHECK(c->n < STORE_DOCS_MAX);
    if (c->n == c->room) {
        struct store_doc_change *more = arena_alloc(c->arena, sizeof *more * (c->room * 2 + 16));
        if (c->n)
            memcpy(more, c->list, sizeof *more * c->n);
        c->list = more;
        c->room = c->room * 2 + 16;
    }
    c->list[c->n++] = one;
}

void change_put_text(struct change *c, struct bytes key, struct bytes text)
{
    add(c, (struct store_doc_change){.key = key, .put = true, .value = text});
}

static void free_text(void *p)
{
    free(p);
}

void change_put(struct change *c, struct bytes key, const json_t *record)
{
    char *text = json_dumps(record, JSON_COMPACT | JSON_ENCODE_ANY);
    CHECK(text);
    arena_defer(c->arena, free_text, text);
    change_put_text(c, key, bytes_str(text));
}

void change_delete(struct change *c, struct bytes key)
{
    add(c, (struct store_doc_change){.key = key, .put = true});
}

int change_get(const struct change *c, struct bytes key, json_t **ret)
{
    for (size_t i = 0; i < c->n; i++) {
        struct bytes text = c->list[i].value;
        if (!bytes_eq(c->list[i].key, key))
            continue;
        if (!text.n)
            return STORE_NO_SUCH_SETTING;
        json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
        CHECK(j);
        *ret = json_in(c->arena, j);
        return STORE_OK;
    }
    return record_get(c->ids, c->arena, key, ret);
}

/* Whatever came of it: principals that were put together before are looked at again. */
int change_apply(struct change *c)
{
    int rc = store_doc_apply(c->ids->store, c->list, c->n);
    atomic_fetch_add(&c->ids->generation, 1);
    c->n = 0;
    return rc;
}

/* ---- names ---- */

struct bytes new_unique_id(struct arena *a, const char *prefix, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char *p = arena_alloc(a, len + 1);
    size_t n = strlen(prefix);
    CHECK(n < len && len <= 64);
    rand_bytes(p, len);
    for (size_t i = n; i < len; i++)
        p[i] = letters[(unsigned char)p[i] & 31];
    memcpy(p, prefix, n);
    return bytes_of(p, len);
}

struct bytes new_secret(struct arena *a)
{
    unsigned char random[IAM_SECRET_LEN * 3 / 4];
    char *p = arena_alloc(a, IAM_SECRET_LEN);
    rand_bytes(random, sizeof random);
    base64_encode(random, sizeof random, p);
    OPENSSL_cleanse(random, sizeof random);
    return bytes_of(p, IAM_SECRET_LEN);
}

struct bytes new_document_id(struct arena *a)
{
    unsigned char random[16];
    char *p = arena_alloc(a, 2 * sizeof random);
    rand_bytes(random, sizeof random);
    hex_encode(random, sizeof random, p);
    return bytes_of(p, 2 * sizeof random);
}

json_t *new_key_record(struct identities *ids, struct arena *a, struct bytes account, struct bytes user,
                       struct bytes id, struct bytes secret)
{
    struct bytes where = arena_bytesf(a, "access key %.*s", (int)id.n, id.p);
    struct bytes sealed = crypt_seal(ids->crypt, a, secret, where);
    char *coded = arena_alloc(a, base64_len(sealed.n));
    base64_encode(sealed.p, sealed.n, coded);
    json_t *key = json_in(a, json_object());
    json_object_set_new(key, "account", json_of_bytes(account));
    json_object_set_new(key, "user", json_of_bytes(user));
    json_object_set_new(key, "status", json_string("Active"));
    json_object_set_new(key, "created", json_integer(clock_wall_ms()));
    json_object_set_new(key, "secret", json_of_bytes(bytes_of(coded, base64_len(sealed.n))));
    return key;
}

bool key_record_secret(struct identities *ids, struct arena *a, struct bytes id, const json_t *key, struct bytes *ret)
{
    struct bytes coded = record_text(key, "secret"), where = arena_bytesf(a, "access key %.*s", (int)id.n, id.p);
    char *sealed = arena_alloc(a, coded.n + 1);
    ptrdiff_t n = base64_decode(coded, sealed, coded.n);
    arena_keep_secret(a);
    return n >= 0 && ids->crypt && crypt_unseal(ids->crypt, a, bytes_of(sealed, (size_t)n), where, ret);
}

struct bytes iam_arn(struct arena *a, const char *type, struct bytes account, struct bytes path, struct bytes name)
{
    const struct bytes parts[] = {BYTES_LIT("arn:aws:iam::"),     account, BYTES_LIT(":"), bytes_str(type),
                                  path.n ? path : BYTES_LIT("/"), name};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        n += parts[i].n;
    char *p = arena_alloc(a, n + 1);
    n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].n)
            memcpy(p + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return bytes_of(p, n);
}
