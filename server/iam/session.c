/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: temporary keys that are written down nowhere. All there is to know about one, its secret key too, is in the
 * session token, sealed with the master key for its access key.
 *
 * Invariants: a token opens only together with the access key that it was issued with. It carries the unique id and the
 * generation of its user or role, and counts for nothing once that record is gone, made anew, or has another
 * generation. What the principal may do is looked up each time; the token only carries what was passed when the session
 * began. Threads: any.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "base/check.h"
#include "server/iam/records.h"

#define TOKEN_PREFIX "PAIL1"

static struct bytes belongs_to(struct arena *a, struct bytes access_key)
{
    return arena_bytesf(a, "session %.*s", (int)access_key.n, access_key.p);
}

static void set(json_t *j, const char *name, struct bytes text)
{
    if (text.n)
        json_object_set_new(j, name, json_of_bytes(text));
}

static json_t *to_json(const struct session *s)
{
    json_t *j = json_pack("{s:i,s:I,s:I,s:I}", "t", (int)s->kind, "g", (json_int_t)s->generation, "b",
                          (json_int_t)s->issued_ms, "e", (json_int_t)s->expires_ms);
    CHECK(j);
    set(j, "s", s->secret);
    set(j, "a", s->account);
    set(j, "n", s->name);
    set(j, "i", s->unique_id);
    set(j, "r", s->session_name);
    set(j, "p", s->policy);
    set(j, "S", s->source_identity);
    set(j, "P", s->provider);
    for (size_t i = 0; i < s->n_policy_arns; i++)
        json_array_append_new(record_list(j, "m"), json_of_bytes(s->policy_arns[i]));
    for (size_t i = 0; i < s->n_tags; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, json_of_bytes(s->tags[i].key));
        json_array_append_new(pair, json_of_bytes(s->tags[i].value));
        json_array_append_new(record_list(j, "T"), pair);
    }
    for (size_t i = 0; i < s->n_transitive; i++)
        json_array_append_new(record_list(j, "x"), json_of_bytes(s->transitive[i]));
    return j;
}

bool session_seal(struct identities *ids, struct arena *a, struct session *s, struct bytes *ret_token)
{
    s->access_key = new_unique_id(a, "ASIA", IAM_ACCESS_KEY_LEN);
    s->secret = new_secret(a);
    json_t *j = to_json(s);
    if (s->min_token) /* each byte of it is more than one of the token */
        json_object_set_new(j, "z", json_of_bytes(arena_bytesf(a, "%0*d", (int)s->min_token, 0)));
    char *text = json_dumps(j, JSON_COMPACT);
    CHECK(text);
    struct bytes sealed = crypt_seal(ids->crypt, a, bytes_str(text), belongs_to(a, s->access_key));
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    json_decref(j);
    size_t prefix = sizeof TOKEN_PREFIX - 1, n = prefix + base64url_len(sealed.n);
    char *token = arena_alloc(a, n);
    memcpy(token, TOKEN_PREFIX, prefix);
    base64url_encode(sealed.p, sealed.n, token + prefix);
    *ret_token = bytes_of(token, n);
    return n <= SESSION_TOKEN_MAX;
}

static bool from_json(struct arena *a, json_t *j, struct session *s)
{
    const json_t *arns = json_object_get(j, "m"), *tags = json_object_get(j, "T"), *keys = json_object_get(j, "x");
    s->kind = (enum principal_session)record_number(j, "t");
    s->generation = record_number(j, "g");
    s->issued_ms = record_number(j, "b");
    s->expires_ms = record_number(j, "e");
    s->secret = bytes_dup(a, record_text(j, "s"));
    s->account = bytes_dup(a, record_text(j, "a"));
    s->name = bytes_dup(a, record_text(j, "n"));
    s->unique_id = bytes_dup(a, record_text(j, "i"));
    s->session_name = bytes_dup(a, record_text(j, "r"));
    s->policy = bytes_dup(a, record_text(j, "p"));
    s->source_identity = bytes_dup(a, record_text(j, "S"));
    s->provider = bytes_dup(a, record_text(j, "P"));
    if (json_array_size(arns) > SESSION_POLICIES || json_array_size(tags) > IAM_MAX_TAGS ||
        json_array_size(keys) > IAM_MAX_TAGS)
        return false;
    for (size_t i = 0; i < json_array_size(arns); i++)
        s->policy_arns[s->n_policy_arns++] = bytes_dup(a, json_bytes(json_array_get(arns, i)));
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const json_t *pair = json_array_get(tags, i);
        s->tags[s->n_tags++] = (struct iam_tag){bytes_dup(a, json_bytes(json_array_get(pair, 0))),
                                                bytes_dup(a, json_bytes(json_array_get(pair, 1)))};
    }
    for (size_t i = 0; i < json_array_size(keys); i++)
        s->transitive[s->n_transitive++] = bytes_dup(a, json_bytes(json_array_get(keys, i)));
    return s->secret.n > 0;
}

bool session_unseal(struct identities *ids, struct arena *a, struct bytes access_key, struct bytes token,
                    struct session *ret)
{
    struct bytes text, prefix = BYTES_LIT(TOKEN_PREFIX), coded = bytes_cut(token, prefix.n, token.n);
    if (!bytes_starts(token, prefix) || token.n > SESSION_TOKEN_MAX)
        return false;
    char *sealed = arena_alloc(a, coded.n + 1);
    ptrdiff_t n = base64url_decode(coded, sealed, coded.n);
    if (n < 0 || !crypt_unseal(ids->crypt, a, bytes_of(sealed, (size_t)n), belongs_to(a, access_key), &text))
        return false;
    json_t *j = json_loadb(text.p, text.n, 0, NULL);
    OPENSSL_cleanse((char *)text.p, text.n);
    *ret = (struct session){.access_key = access_key};
    bool good = j && from_json(a, j, ret);
    json_decref(j);
    return good;
}

/* ---- its principal ---- */

/* The session's own tags win over those of user or role. */
static void join_tags(struct arena *a, const struct session *s, struct principal *p)
{
    struct iam_tag *tags = arena_new_array(a, struct iam_tag, s->n_tags + p->n_tags + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_tags; i++)
        tags[n++] = s->tags[i];
    for (size_t i = 0; i < p->n_tags; i++) {
        bool hidden = false;
        for (size_t k = 0; k < s->n_tags; k++)
            hidden = hidden || bytes_eq_nocase(s->tags[k].key, p->tags[i].key);
        if (!hidden)
            tags[n++] = p->tags[i];
    }
    p->tags = tags;
    p->n_tags = n;
}

static int load_policies(struct identities *ids, struct arena *a, const struct session *s, struct principal *p)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_IDENTITY};
    const struct iam_policy **list = arena_new_array(a, const struct iam_policy *, SESSION_POLICIES + 1);
    size_t n = 0;
    for (size_t i = 0; i <= s->n_policy_arns; i++) {
        struct iam_policy_error error;
        struct bytes text = s->policy;
        if (i == s->n_policy_arns && !s->policy.n)
            break;
        int rc = i < s->n_policy_arns ? policy_document(ids, a, s->policy_arns[i], &text) : STORE_OK;
        if (rc == STORE_NO_SUCH_SETTING) /* deleted since: it allows nothing, but still limits */
            text = BYTES_LIT("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"none:none\","
                             "\"Resource\":\"*\"}}");
        else if (rc != STORE_OK)
            return rc;
        list[n] = iam_policy_parse(a, &rules, text, &error);
        if (!list[n++])
            return STORE_CORRUPT;
    }
    p->session_policies = (struct iam_policies){list, n};
    return STORE_OK;
}

static void become_role_session(struct arena *a, const struct session *s, struct principal *p)
{
    struct bytes role = p->name, name = s->session_name;
    p->caller.issuer = p->caller.arn;
    p->principal_arn = p->caller.arn;
    p->caller.arn = arena_bytesf(a, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s", (int)s->account.n, s->account.p,
                                 (int)role.n, role.p, (int)name.n, name.p);
    p->user_id = arena_bytesf(a, "%.*s:%.*s", (int)s->unique_id.n, s->unique_id.p, (int)name.n, name.p);
    p->type = "AssumedRole";
}

static void become_federated(struct arena *a, const struct session *s, struct principal *p)
{
    struct bytes name = s->session_name;
    p->caller.kind = IAM_CALLER_FEDERATED;
    p->caller.issuer = p->caller.arn;
    p->caller.arn =
        arena_bytesf(a, "arn:aws:sts::%.*s:federated-user/%.*s", (int)s->account.n, s->account.p, (int)name.n, name.p);
    p->principal_arn = p->caller.arn;
    p->user_id = arena_bytesf(a, "%.*s:%.*s", (int)s->account.n, s->account.p, (int)name.n, name.p);
    p->user_name = BYTES_NONE;
    p->type = "FederatedUser";
    p->n_tags = 0;
}

/* Sessions of an identity provider's people end with it, and do not live on with another of its name. */
static int check_provider(struct identities *ids, struct arena *a, const struct session *s)
{
    struct bytes prefix = iam_arn(a, "oidc-provider", s->account, BYTES_NONE, BYTES_NONE);
    struct bytes url = bytes_cut(s->provider, prefix.n, s->provider.n);
    json_t *record;
    int rc = record_get(ids, a, key_of_entity(a, ENTITY_PROVIDER, s->account, url), &record);
    if (rc == STORE_OK && record_number(record, "created") > s->issued_ms)
        rc = STORE_NO_SUCH_SETTING;
    return rc;
}

int session_load(struct identities *ids, struct arena *a, const struct session *s, struct principal *p)
{
    bool role = s->kind == SESSION_ROLE || s->kind == SESSION_WEB_IDENTITY;
    int64_t generation;
    int rc = role ? principal_load_role(ids, a, s->account, s->name, p, &generation)
                  : principal_load_user(ids, a, s->account, s->name, p, &generation);
    if (rc == STORE_OK && s->kind == SESSION_WEB_IDENTITY)
        rc = check_provider(ids, a, s);
    if (rc != STORE_OK)
        return rc;
    if (p->disabled) /* a user, by MinIO's tools */
        return STORE_NO_SUCH_SETTING;
    if (generation != s->generation || ((role || s->name.n) && !bytes_eq(p->caller.unique_id, s->unique_id)))
        return STORE_NO_SUCH_SETTING;
    p->session = s->kind;
    p->issued_ms = s->issued_ms;
    p->expires_ms = s->expires_ms;
    p->source_identity = s->source_identity;
    p->provider = s->provider;
    if (role)
        become_role_session(a, s, p);
    else if (s->kind == SESSION_FEDERATED)
        become_federated(a, s, p);
    join_tags(a, s, p);
    struct bytes *transitive = arena_new_array(a, struct bytes, IAM_MAX_TAGS);
    memcpy(transitive, s->transitive, s->n_transitive * sizeof *transitive);
    p->transitive = transitive;
    p->n_transitive = s->n_transitive;
    return load_policies(ids, a, s, p);
}
