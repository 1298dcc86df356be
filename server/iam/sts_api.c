/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions of STS. Each makes sure who is asking, that the trust policy lets him in where a role is taken, and seals
 * a session. Nothing is written down: a session lives in its token.
 *
 * A trust policy must allow by itself: that the caller's own policies allow sts:AssumeRole on everything lets nobody
 * in. An unknown role and one that does not trust the caller are answered alike. Threads: workers.
 */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "server/iam/iam_api.h"
#include "server/iam/jwks.h"
#include "server/iam/jwt.h"

#define ROLE_SECONDS      3600
#define ROLE_SECONDS_MAX  43200
#define CHAINED_SECONDS   3600 /* at most, of a role taken by a role */
#define ROOT_SECONDS      3600 /* at most, of root's sessions */
#define TOKEN_SECONDS     43200
#define TOKEN_SECONDS_MAX 129600
#define MINIO_SECONDS     3600
#define SKEW_SECONDS      300 /* how far an identity provider's clock may be ahead */
#define SESSION_ARNS_MAX  10

static int get_caller_identity(struct query_call *c)
{
    xml_element(c->out, "Arn", c->who->caller.arn);
    xml_element(c->out, "UserId", c->who->user_id);
    xml_element(c->out, "Account", c->account);
    return 0;
}

/* ---- what goes into a session ---- */

static int invalid_tag(struct query_call *c, const char *why)
{
    return query_fail(c, 400, "InvalidParameterValue", "%s", why);
}

static int read_policies(struct query_call *c, struct session *s)
{
    char name[64];
    struct bytes text;
    s->policy = query_text(c, "Policy");
    if (s->policy.p && api_policy(c, IAM_POLICY_IDENTITY, IAM_POLICY_MAX_SESSION, s->policy) < 0)
        return -1;
    for (size_t i = 1;; i++) {
        snprintf(name, sizeof name, "PolicyArns.member.%zu.arn", i);
        struct bytes arn = query_text(c, name);
        if (!arn.p)
            return 0;
        if (i > SESSION_ARNS_MAX)
            return query_fail(c, 400, "ValidationError", "The session may have at most %d managed policies.",
                              SESSION_ARNS_MAX);
        int rc = policy_document(c->ids, c->arena, arn, &text);
        if (rc == STORE_NO_SUCH_SETTING)
            return query_fail(c, 400, "ValidationError", "ARN %.*s is not valid.", (int)(arn.n < 256 ? arn.n : 256),
                              arn.n ? arn.p : "");
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
        s->policy_arns[s->n_policy_arns++] = arn;
    }
}

static bool has_tag(const struct session *s, struct bytes key)
{
    for (size_t i = 0; i < s->n_tags; i++)
        if (bytes_eq_nocase(s->tags[i].key, key))
            return true;
    return false;
}

/* Tags that the caller's own session hands on; they cannot be given anew. */
static int inherit_tags(struct query_call *c, struct session *s)
{
    const struct principal *who = c->who;
    for (size_t i = 0; i < who->n_transitive; i++) {
        if (has_tag(s, who->transitive[i]))
            return invalid_tag(c, "One of the specified transitive tag keys can't be set because it conflicts with a "
                                  "transitive tag key from the calling session.");
        for (size_t k = 0; k < who->n_tags; k++) {
            if (!bytes_eq_nocase(who->tags[k].key, who->transitive[i]))
                continue;
            if (s->n_tags == IAM_MAX_TAGS || s->n_transitive == IAM_MAX_TAGS)
                return invalid_tag(c, "The session would have too many tags.");
            s->tags[s->n_tags++] = who->tags[k];
            s->transitive[s->n_transitive++] = who->tags[k].key;
            break;
        }
    }
    return 0;
}

static int read_tags(struct query_call *c, struct session *s)
{
    struct iam_tag *tags;
    struct bytes *keys, *names = arena_new_array(c->arena, struct bytes, IAM_MAX_TAGS + 1);
    ptrdiff_t n = query_tags(c, "Tags", &tags);
    size_t n_keys = query_members(c, "TransitiveTagKeys", &keys);
    if (n < 0)
        return -1;
    for (ptrdiff_t i = 0; i < n; i++) {
        s->tags[s->n_tags++] = tags[i];
        names[i] = tags[i].key;
        iam_context_set_tag(&c->context, IAM_KEY_AWS_REQUEST_TAG, tags[i].key, tags[i].value);
    }
    iam_context_set_list(&c->context, IAM_KEY_AWS_TAG_KEYS, names, (size_t)n);
    if (n_keys > IAM_MAX_TAGS)
        return invalid_tag(c, "There are more transitive tag keys than tags.");
    for (size_t i = 0; i < n_keys; i++) {
        if (!has_tag(s, keys[i]))
            return invalid_tag(c, "The specified transitive tag key must be included in the requested tags.");
        s->transitive[s->n_transitive++] = keys[i];
    }
    if (n_keys)
        iam_context_set_named(&c->context, BYTES_LIT("sts:TransitiveTagKeys"), keys, n_keys);
    return 0;
}

static void packed_size(struct query_call *c, const struct session *s, struct bytes token)
{
    if (s->policy.p || s->n_policy_arns || s->n_tags)
        xml_element_u64(c->out, "PackedPolicySize", 100 * token.n / SESSION_TOKEN_MAX);
}

/* Seals it and writes <Credentials>. */
static int issue(struct query_call *c, struct session *s, uint64_t seconds, struct bytes *ret_token)
{
    uint64_t size = 0;
    (void)query_number(c, "MinimumSessionTokenSize", &size);
    s->min_token = (size_t)size;
    s->issued_ms = c->req->now_ms;
    s->expires_ms = s->issued_ms + (int64_t)seconds * 1000;
    if (query_need_master_key(c) < 0)
        return -1;
    if (!session_seal(c->ids, c->arena, s, ret_token))
        return query_fail(c, 400, "PackedPolicyTooLarge",
                          "Packed policy and tags consume more than 100%% of the allotted space.");
    xml_open(c->out, "Credentials");
    xml_element(c->out, "AccessKeyId", s->access_key);
    xml_element(c->out, "SecretAccessKey", s->secret);
    xml_element(c->out, "SessionToken", *ret_token);
    api_time(c->out, "Expiration", s->expires_ms);
    xml_close(c->out, "Credentials");
    OPENSSL_cleanse((char *)s->secret.p, s->secret.n);
    return 0;
}

/* ---- sessions of the caller itself ---- */

static int bind_to_caller(struct query_call *c, struct session *s)
{
    json_t *user = NULL;
    int rc = STORE_OK;
    s->account = c->account;
    s->name = c->who->name;
    s->unique_id = c->who->caller.unique_id;
    if (s->name.n)
        rc = record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_USER, c->account, s->name), &user);
    if (rc == STORE_OK)
        rc = principal_generation(c->ids, c->arena, c->account, user, &s->generation);
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

static int refuse_sessions(struct query_call *c)
{
    if (c->who->session == SESSION_NONE &&
        c->who->session_policies.n == 0) /* a key with a policy of its own is as bound */
        return 0;
    return query_fail(c, 403, "AccessDenied", "Cannot call %s with session credentials", c->action->name);
}

static uint64_t seconds_of(struct query_call *c, uint64_t standard, uint64_t max)
{
    uint64_t seconds = standard;
    (void)query_number(c, "DurationSeconds", &seconds);
    if (c->who->caller.kind == IAM_CALLER_ROOT && seconds > ROOT_SECONDS && max == TOKEN_SECONDS_MAX)
        seconds = ROOT_SECONDS;
    return seconds;
}

static int check_seconds(struct query_call *c, uint64_t seconds, uint64_t max)
{
    if (seconds <= max)
        return 0;
    return query_fail(c, 400, "ValidationError",
                      "1 validation error detected: Value '%llu' at 'durationSeconds' failed to satisfy constraint: "
                      "Member must have value less than or equal to %llu",
                      (unsigned long long)seconds, (unsigned long long)max);
}

/* Facts that a trusted issuer of contexts vouches for: there is none here. */
static int refuse_contexts(struct query_call *c)
{
    if (!query_text(c, "ProvidedContexts.member.1.ProviderArn").p &&
        !query_text(c, "ProvidedContexts.member.1.ContextAssertion").p)
        return 0;
    return query_fail(c, 400, "ValidationError", "Provided contexts are not supported.");
}

/* Devices for multi-factor authentication are not known here; a code that nobody checks must not seem to be checked. */
static int refuse_mfa(struct query_call *c)
{
    if (!query_text(c, "SerialNumber").p && !query_text(c, "TokenCode").p)
        return 0;
    return query_fail(c, 403, "AccessDenied",
                      "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial "
                      "number is valid and associated with this user.");
}

static int get_session_token(struct query_call *c)
{
    struct session s = {.kind = SESSION_USER};
    struct bytes token;
    uint64_t seconds = seconds_of(c, TOKEN_SECONDS, TOKEN_SECONDS_MAX);
    if (refuse_sessions(c) < 0 || refuse_mfa(c) < 0 || check_seconds(c, seconds, TOKEN_SECONDS_MAX) < 0 ||
        bind_to_caller(c, &s) < 0)
        return -1;
    return issue(c, &s, seconds, &token);
}

static int get_federation_token(struct query_call *c)
{
    struct session s = {.kind = SESSION_FEDERATED, .session_name = query_text(c, "Name")};
    struct bytes token, name = s.session_name;
    struct bytes arn = arena_bytesf(c->arena, "arn:aws:sts::%.*s:federated-user/%.*s", (int)c->account.n, c->account.p,
                                    (int)name.n, name.p);
    uint64_t seconds = seconds_of(c, TOKEN_SECONDS, TOKEN_SECONDS_MAX);
    if (refuse_sessions(c) < 0 || check_seconds(c, seconds, TOKEN_SECONDS_MAX) < 0 || read_policies(c, &s) < 0 ||
        read_tags(c, &s) < 0 || query_authorize(c, BYTES_LIT("sts:GetFederationToken"), arn, c->account) < 0 ||
        (s.n_tags && query_authorize(c, BYTES_LIT("sts:TagSession"), arn, c->account) < 0) ||
        bind_to_caller(c, &s) < 0 || issue(c, &s, seconds, &token) < 0)
        return -1;
    xml_open(c->out, "FederatedUser");
    xml_element(c->out, "FederatedUserId",
                arena_bytesf(c->arena, "%.*s:%.*s", (int)c->account.n, c->account.p, (int)name.n, name.p));
    xml_element(c->out, "Arn", arn);
    xml_close(c->out, "FederatedUser");
    packed_size(c, &s, token);
    return 0;
}

/* MinIO's form: temporary keys of the caller, within a policy. */
static int assume_oneself(struct query_call *c)
{
    struct session s = {.kind = SESSION_USER};
    struct bytes token;
    uint64_t seconds = seconds_of(c, MINIO_SECONDS, UINT64_MAX);
    if (refuse_sessions(c) < 0 || read_policies(c, &s) < 0 || bind_to_caller(c, &s) < 0 ||
        issue(c, &s, seconds, &token) < 0)
        return -1;
    xml_open(c->out, "AssumedRoleUser");
    xml_element(c->out, "Arn", c->who->caller.arn);
    xml_element(c->out, "AssumedRoleId", c->who->user_id);
    xml_close(c->out, "AssumedRoleUser");
    packed_size(c, &s, token);
    return 0;
}

/* ---- roles ---- */

struct role_call {
    struct bytes arn, account, name;
    json_t *record; /* NULL: there is no such role */
    const struct iam_policy *trust;
};

/* arn:aws:iam::ACCOUNT:role/path/name; a role that is not there leaves record NULL. */
static int find_role(struct query_call *c, struct role_call *r)
{
    static const struct iam_policy_rules rules = {.kind = IAM_POLICY_TRUST};
    struct iam_policy_error error;
    struct bytes rest, text;
    size_t from = 0;
    r->arn = query_text(c, "RoleArn");
    rest = bytes_cut(r->arn, 25, r->arn.n);
    if (!bytes_starts(r->arn, BYTES_LIT("arn:aws:iam::")) || !bytes_starts(rest, BYTES_LIT(":role/")))
        return query_fail(c, 400, "ValidationError", "%.*s is invalid", (int)(r->arn.n < 256 ? r->arn.n : 256),
                          r->arn.n ? r->arn.p : "");
    for (size_t i = 0; i < rest.n; i++)
        from = rest.p[i] == '/' ? i + 1 : from;
    r->account = bytes_cut(r->arn, 13, IAM_ACCOUNT_ID_LEN);
    r->name = bytes_cut(rest, from, rest.n);
    if (!r->name.n || r->name.n > 64)
        return 0;
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_ROLE, r->account, r->name), &r->record);
    if (rc == STORE_OK)
        rc = document_get(c->ids, c->arena, record_text(r->record, "trust"), &text);
    if (rc == STORE_NO_SUCH_SETTING)
        r->record = NULL;
    else if (rc != STORE_OK)
        return query_fail_store(c, rc);
    if (!r->record)
        return 0;
    struct bytes own =
        iam_arn(c->arena, "role", r->account, record_text(r->record, "path"), record_text(r->record, "name"));
    if (!bytes_eq(own, r->arn))
        r->record = NULL;
    r->trust = iam_policy_parse(c->arena, &rules, text, &error);
    return r->trust ? 0 : query_fail_store(c, STORE_CORRUPT);
}

static void add_role_facts(struct query_call *c, const struct role_call *r, const struct session *s)
{
    static const char *const names[] = {"sts:ExternalId", "sts:RoleSessionName", "sts:SourceIdentity"};
    struct bytes *values = arena_new_array(c->arena, struct bytes, 3);
    const struct iam_tag *tags;
    size_t n;
    values[0] = query_text(c, "ExternalId");
    values[1] = s->session_name;
    values[2] = s->source_identity;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (values[i].n)
            iam_context_set_named(&c->context, bytes_str(names[i]), &values[i], 1);
    record_tags(c->arena, r->record, &tags, &n);
    for (size_t i = 0; i < n; i++) {
        struct bytes name = arena_bytesf(c->arena, "iam:ResourceTag/%.*s", (int)tags[i].key.n, tags[i].key.p);
        iam_context_set_tag(&c->context, IAM_KEY_AWS_RESOURCE_TAG, tags[i].key, tags[i].value);
        iam_context_set_named(&c->context, name, &tags[i].value, 1);
    }
}

/* The trust policy allows, and so do the caller's own policies where they have a say. */
static bool trusted(struct query_call *c, const struct role_call *r, const struct iam_request *who, const char *action)
{
    struct iam_request q = *who;
    size_t statement;
    if (!r->record)
        return false;
    q.action = bytes_str(action);
    q.resource = r->arn;
    q.resource_account = r->account;
    q.context = &c->context;
    q.resource_policy = r->trust;
    return iam_policy_effect(&q, r->trust, &statement) == IAM_ALLOW && iam_decide(&q).allowed;
}

static int enter(struct query_call *c, const struct role_call *r, const struct iam_request *who,
                 const struct session *s, const char *action)
{
    const char *refused = NULL;
    if (!trusted(c, r, who, action))
        refused = action;
    else if (s->n_tags && !trusted(c, r, who, "sts:TagSession"))
        refused = "sts:TagSession";
    else if (s->source_identity.n && !bytes_eq(s->source_identity, c->who->source_identity) &&
             !trusted(c, r, who, "sts:SetSourceIdentity"))
        refused = "sts:SetSourceIdentity";
    if (!refused)
        return 0;
    if (who->caller.kind == IAM_CALLER_WEB_IDENTITY)
        return query_fail(c, 403, "AccessDenied", "Not authorized to perform %s", refused);
    return query_fail(c, 403, "AccessDenied", "User: %.*s is not authorized to perform: %s on resource: %.*s",
                      (int)who->caller.arn.n, who->caller.arn.p, refused, (int)r->arn.n, r->arn.p);
}

static int check_role_seconds(struct query_call *c, const struct role_call *r, bool chained, uint64_t *ret)
{
    uint64_t seconds = ROLE_SECONDS, max = (uint64_t)record_number(r->record, "max_session");
    (void)query_number(c, "DurationSeconds", &seconds);
    if (chained && seconds > CHAINED_SECONDS)
        return query_fail(c, 400, "ValidationError",
                          "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
                          "chaining");
    if (seconds > max)
        return query_fail(c, 400, "ValidationError",
                          "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    *ret = seconds;
    return 0;
}

static int issue_role(struct query_call *c, const struct role_call *r, struct session *s, uint64_t seconds)
{
    struct bytes token, name = s->session_name;
    s->account = r->account;
    s->name = record_text(r->record, "name");
    s->unique_id = record_text(r->record, "id");
    s->generation = record_number(r->record, "gen");
    if (issue(c, s, seconds, &token) < 0)
        return -1;
    xml_open(c->out, "AssumedRoleUser");
    xml_element(c->out, "AssumedRoleId",
                arena_bytesf(c->arena, "%.*s:%.*s", (int)s->unique_id.n, s->unique_id.p, (int)name.n, name.p));
    xml_element(c->out, "Arn",
                arena_bytesf(c->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s", (int)r->account.n, r->account.p,
                             (int)s->name.n, s->name.p, (int)name.n, name.p));
    xml_close(c->out, "AssumedRoleUser");
    packed_size(c, s, token);
    api_text(c->out, "SourceIdentity", s->source_identity);
    return 0;
}

static int required(struct query_call *c, const char *name, const char *shown)
{
    if (query_text(c, name).n)
        return 0;
    return query_fail(
        c, 400, "ValidationError",
        "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be "
        "null",
        shown);
}

static int assume_role(struct query_call *c)
{
    struct session s = {.kind = SESSION_ROLE, .session_name = query_text(c, "RoleSessionName")};
    struct iam_request who = {0};
    struct role_call role = {0};
    uint64_t seconds;
    if (!query_text(c, "RoleArn").n)
        return assume_oneself(c);
    if (c->who->session == SESSION_FEDERATED)
        return refuse_sessions(c);
    if (check_seconds(c, seconds_of(c, ROLE_SECONDS, ROLE_SECONDS_MAX), ROLE_SECONDS_MAX) < 0 || refuse_mfa(c) < 0 ||
        refuse_contexts(c) < 0)
        return -1;
    if (c->who->caller.kind == IAM_CALLER_ROOT)
        return query_fail(c, 403, "AccessDenied", "Roles may not be assumed by root accounts.");
    s.source_identity = query_text(c, "SourceIdentity");
    if (c->who->source_identity.n && s.source_identity.n && !bytes_eq(s.source_identity, c->who->source_identity))
        return query_fail(c, 403, "AccessDenied", "The source identity of a session cannot be changed.");
    if (!s.source_identity.n)
        s.source_identity = c->who->source_identity;
    if (required(c, "RoleSessionName", "roleSessionName") < 0 || read_policies(c, &s) < 0 || read_tags(c, &s) < 0 ||
        find_role(c, &role) < 0)
        return -1;
    principal_fill(c->who, &who);
    add_role_facts(c, &role, &s);
    if (enter(c, &role, &who, &s, "sts:AssumeRole") < 0 || inherit_tags(c, &s) < 0 ||
        check_role_seconds(c, &role, c->who->session == SESSION_ROLE || c->who->session == SESSION_WEB_IDENTITY,
                           &seconds) < 0)
        return -1;
    return issue_role(c, &role, &s, seconds);
}

/* ---- roles for the bearers of other people's tokens ---- */

/* HOST/PATH, as an issuer's provider is called by: without scheme and last slash. */
static struct bytes provider_of(struct bytes issuer)
{
    bool tls = bytes_starts(issuer, BYTES_LIT("https://")), plain = bytes_starts(issuer, BYTES_LIT("http://"));
    struct bytes url = tls || plain ? bytes_cut(issuer, tls ? 8 : 7, issuer.n) : BYTES_NONE;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return url;
}

/* The provider's keys from the folder that the settings name; they go before those that it publishes. */
static bool read_keys(struct query_call *c, struct bytes url, struct bytes *ret)
{
    const char *folder = c->ids->config->jwks_dir;
    char *name = bytes_cstr(c->arena, url), *text = arena_alloc(c->arena, JWKS_MAX + 1);
    size_t n = 0;
    for (char *p = name; *p; p++)
        *p = *p == '/' ? '_' : *p;
    int fd = folder && *folder ? open(arena_printf(c->arena, "%s/%s.json", folder, name), O_RDONLY | O_CLOEXEC) : -1;
    for (ssize_t got = 1; fd >= 0 && got > 0 && n <= JWKS_MAX; n += (size_t)(got > 0 ? got : 0))
        got = read(fd, text + n, JWKS_MAX + 1 - n);
    if (fd >= 0)
        close(fd);
    *ret = bytes_of(text, n);
    return n > 0 && n <= JWKS_MAX;
}

static int bad_token(struct query_call *c, const char *why)
{
    return query_fail(c, 400, "InvalidIdentityToken", "%s", why);
}

static int check_times(struct query_call *c, const struct jwt *t)
{
    static const char *const begins[] = {"nbf", "iat"};
    int64_t now = c->req->now_ms / 1000, expires, from;
    if (!jwt_number(t, "exp", &expires))
        return bad_token(c, "Missing a required claim: exp");
    if (now >= expires)
        return query_fail(c, 400, "ExpiredTokenException",
                          "Token expired: current date/time %lld must be before the "
                          "expiration date/time %lld",
                          (long long)now, (long long)expires);
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        if (!json_object_get(t->claims, begins[i]))
            continue;
        if (!jwt_number(t, begins[i], &from))
            return query_fail(c, 400, "InvalidIdentityToken", "The claim %s is no time", begins[i]);
        if (from > now + SKEW_SECONDS)
            return bad_token(c, i ? "The token was issued in the future" : "The token is not valid yet");
    }
    return 0;
}

/* JWT_BAD_KEYS also when the provider does not give any. */
static enum jwt_result verify(struct query_call *c, const struct jwt *t, struct bytes url, bool plain)
{
    struct bytes keys, issuer = arena_bytesf(c->arena, "%s%.*s", plain ? "http://" : "https://", (int)url.n, url.p);
    struct jwks_set set;
    if (read_keys(c, url, &keys))
        return jwt_verify(c->arena, t, keys);
    if (!jwks_get(c->ids->jwks, c->arena, issuer, 0, clock_mono_ms(), &set))
        return JWT_BAD_KEYS;
    enum jwt_result result = jwt_verify(c->arena, t, set.text);
    /* The provider may have begun to sign with another key since. */
    if ((result == JWT_NO_KEY || (result == JWT_BAD_SIGNATURE && !t->key_id.n)) &&
        jwks_get(c->ids->jwks, c->arena, issuer, set.serial, clock_mono_ms(), &set))
        result = jwt_verify(c->arena, t, set.text);
    return result;
}

static int check_signature(struct query_call *c, const struct jwt *t, struct bytes url, bool plain)
{
    switch (verify(c, t, url, plain)) {
    case JWT_OK:
        return 0;
    case JWT_BAD_KEYS: /* what went wrong is for the log: it would tell strangers about the server's network */
        return query_fail(c, 400, "IDPCommunicationError",
                          "The identity provider's keys could not be had. Try again later.");
    case JWT_NO_KEY:
        return bad_token(c, "Couldn't retrieve verification key from your identity provider, please reference "
                            "AssumeRoleWithWebIdentity documentation for requirements");
    default:
        return bad_token(c, "The web identity token's signature is not valid");
    }
}

/* The audience that the provider lets in: azp where there is one, else one of aud, that is among its client ids. */
static struct bytes audience_of(struct query_call *c, const struct jwt *t, const json_t *provider)
{
    const json_t *clients = json_object_get(provider, "clients");
    bool party = json_object_get(t->claims, "azp") != NULL;
    for (size_t i = 0; i < json_array_size(clients); i++) {
        struct bytes client = json_bytes(json_array_get(clients, i));
        if (party ? bytes_eq(jwt_text(t, "azp"), client) : jwt_has_audience(t, client))
            return bytes_dup(c->arena, client);
    }
    return BYTES_NONE;
}

/* The keys that trust policies see. As on AWS, `aud` is the authorized party where a token names one; then `oaud` is
 * its audience. */
static void add_claims(struct query_call *c, const struct jwt *t, struct bytes url)
{
    bool party = json_object_get(t->claims, "azp") != NULL;
    const struct {
        const char *key, *claim;
    } rows[] = {{"aud", party ? "azp" : "aud"},
                {"oaud", "aud"},
                {"azp", "azp"},
                {"sub", "sub"},
                {"amr", "amr"},
                {"email", "email"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes *values;
        size_t n = jwt_texts(c->arena, t, rows[i].claim, &values);
        if (n)
            iam_context_set_named(&c->context, arena_bytesf(c->arena, "%.*s:%s", (int)url.n, url.p, rows[i].key),
                                  values, n);
    }
}

static int find_provider(struct query_call *c, struct bytes account, struct bytes url, bool plain, json_t **ret)
{
    int rc = url.n && url.n <= 255
                 ? record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_PROVIDER, account, url), ret)
                 : STORE_NO_SUCH_SETTING;
    if (rc == STORE_NO_SUCH_SETTING || (rc == STORE_OK && (!bytes_eq(record_text(*ret, "url"), url) ||
                                                           json_is_true(json_object_get(*ret, "plain")) != plain)))
        return bad_token(c, "No OpenIDConnect provider found in your account for the token's issuer");
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

static int assume_role_with_web_identity(struct query_call *c)
{
    struct session s = {.kind = SESSION_WEB_IDENTITY, .session_name = query_text(c, "RoleSessionName")};
    struct role_call role = {0};
    struct jwt token;
    json_t *provider;
    uint64_t seconds;
    if (query_text(c, "ProviderId").p)
        return query_fail(c, 400, "ValidationError",
                          "ProviderId is for OAuth 2.0; tokens of OpenID Connect are taken.");
    enum jwt_result parsed = jwt_parse(c->arena, query_text(c, "WebIdentityToken"), &token);
    if (read_policies(c, &s) < 0)
        return -1;
    if (parsed == JWT_BAD_ALGORITHM)
        return bad_token(c, "The token is signed by an algorithm that is not taken: RS256 and ES256 are");
    if (parsed != JWT_OK)
        return bad_token(c, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access "
                            "Token)");
    struct bytes issuer = jwt_text(&token, "iss"), url = provider_of(issuer), subject = jwt_text(&token, "sub");
    bool plain = bytes_starts(issuer, BYTES_LIT("http://"));
    if (find_role(c, &role) < 0 || find_provider(c, role.account, url, plain, &provider) < 0 ||
        check_signature(c, &token, url, plain) < 0 || check_times(c, &token) < 0)
        return -1;
    struct bytes audience = audience_of(c, &token, provider);
    if (!audience.n)
        return bad_token(c, "Incorrect token audience");
    if (!subject.n)
        return bad_token(c, "Missing a required claim: sub");
    struct bytes arn = iam_arn(c->arena, "oidc-provider", role.account, BYTES_LIT("/"), url);
    struct iam_request who = {.caller = {.kind = IAM_CALLER_WEB_IDENTITY, .arn = arn}};
    s.provider = arn;
    add_claims(c, &token, url);
    add_role_facts(c, &role, &s);
    if (enter(c, &role, &who, &s, "sts:AssumeRoleWithWebIdentity") < 0 ||
        check_role_seconds(c, &role, false, &seconds) < 0 || issue_role(c, &role, &s, seconds) < 0)
        return -1;
    xml_element(c->out, "SubjectFromWebIdentityToken", subject);
    xml_element(c->out, "Provider", arn);
    xml_element(c->out, "Audience", audience);
    return 0;
}

const struct query_action sts_actions[] = {
    {"GetCallerIdentity", QUERY_STS, ON_OWN_RULES, "", get_caller_identity, 0},
    {"GetSessionToken", QUERY_STS, ON_OWN_RULES, "DurationSeconds SerialNumber TokenCode MinimumSessionTokenSize",
     get_session_token, 0},
    {"GetFederationToken", QUERY_STS, ON_OWN_RULES, "Name! Policy DurationSeconds Tags MinimumSessionTokenSize",
     get_federation_token, 0},
    {"AssumeRole", QUERY_STS, ON_OWN_RULES,
     "RoleArn RoleSessionName Policy DurationSeconds ExternalId SourceIdentity Tags TransitiveTagKeys SerialNumber "
     "TokenCode "
     "MinimumSessionTokenSize",
     assume_role, 0},
    {"AssumeRoleWithWebIdentity", QUERY_STS, ON_OWN_RULES,
     "RoleArn! RoleSessionName! WebIdentityToken! Policy DurationSeconds ProviderId MinimumSessionTokenSize",
     assume_role_with_web_identity, QUERY_ANONYMOUS},
    {0},
};
