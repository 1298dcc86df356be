/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access keys, identity providers, and the account in figures. A secret key is shown once, in the answer that makes it;
 * what is kept is sealed for its access key's name.
 * Threads: workers; handlers that change run alone.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/iam/iam_api.h"
#include "server/identity.h"
#include "server/iam/jwks.h"

static struct change change_of(struct query_call *c)
{
    return (struct change){.ids = c->ids, .arena = c->arena};
}

/* Whose keys it is about: a user, or the account's root (*ret_name empty), whose list of keys is in the account. */
static int find_owner(struct query_call *c, struct bytes *ret_key, json_t **ret)
{
    struct bytes name = query_text(c, "UserName");
    if (!name.p)
        name = c->who->user_name;
    if (name.n) {
        *ret_key = key_of_entity(c->arena, ENTITY_USER, c->account, name);
        return api_find(c, ENTITY_USER, name, ret);
    }
    if (c->who->caller.kind != IAM_CALLER_ROOT)
        return query_fail(c, 400, "ValidationError", "Must specify userName when calling with non-User credentials");
    *ret_key = key_of_account(c->arena, c->account);
    int rc = record_get(c->ids, c->arena, *ret_key, ret);
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

static struct bytes owner_name(const json_t *owner)
{
    bool account = json_object_get(owner, "canonical") != NULL;
    return account ? BYTES_NONE : record_text(owner, "name");
}

static bool is_active(const json_t *key)
{
    return bytes_eq(record_text(key, "status"), BYTES_LIT("Active"));
}

static void render_key(struct query_call *c, struct bytes user, struct bytes id, const json_t *key)
{
    api_text(c->out, "UserName", user);
    xml_element(c->out, "AccessKeyId", id);
    xml_element(c->out, "Status", record_text(key, "status"));
}

/* Those that count for AWS's limit: service accounts (server/admin_api/keys.c) have one of their own. */
static size_t count_plain(struct query_call *c, const json_t *keys)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        json_t *key;
        int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, json_bytes(json_array_get(keys, i))), &key);
        n += rc != STORE_OK || !json_is_true(json_object_get(key, "service"));
    }
    return n;
}

int iam_create_key(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes owner_key;
    json_t *owner;
    if (query_need_master_key(c) < 0 || find_owner(c, &owner_key, &owner) < 0)
        return -1;
    json_t *keys = record_list(owner, "keys");
    if (count_plain(c, keys) >= IAM_MAX_KEYS_PER_USER)
        return query_fail(c, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d",
                          IAM_MAX_KEYS_PER_USER);
    struct bytes id = new_unique_id(c->arena, "AKIA", IAM_ACCESS_KEY_LEN), secret = new_secret(c->arena);
    json_t *key = new_key_record(c->ids, c->arena, c->account, owner_name(owner), id, secret);
    json_array_append_new(keys, json_of_bytes(id));
    change_put(&change, key_of_access_key(c->arena, id), key);
    change_put(&change, owner_key, owner);
    int rc = query_apply(c, &change);
    if (rc == 0) {
        xml_open(c->out, "AccessKey");
        render_key(c, owner_name(owner), id, key);
        xml_element(c->out, "SecretAccessKey", secret);
        api_time(c->out, "CreateDate", record_number(key, "created"));
        xml_close(c->out, "AccessKey");
    }
    OPENSSL_cleanse((char *)secret.p, secret.n);
    return rc;
}

int iam_list_keys(struct query_call *c)
{
    struct bytes owner_key;
    size_t from, to;
    json_t *owner;
    if (find_owner(c, &owner_key, &owner) < 0)
        return -1;
    const json_t *keys = json_object_get(owner, "keys");
    size_t n = json_array_size(keys);
    if (api_page(c, n, &from, &to) < 0)
        return -1;
    xml_open(c->out, "AccessKeyMetadata");
    for (size_t i = from; i < to; i++) {
        struct bytes id = json_bytes(json_array_get(keys, i));
        json_t *key;
        int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, id), &key);
        if (rc != STORE_OK)
            return query_fail_store(c, rc);
        xml_open(c->out, "member");
        render_key(c, owner_name(owner), id, key);
        api_time(c->out, "CreateDate", record_number(key, "created"));
        xml_close(c->out, "member");
    }
    xml_close(c->out, "AccessKeyMetadata");
    api_page_end(c, n, to);
    return 0;
}

static int no_such_key(struct query_call *c, struct bytes id)
{
    return query_fail(c, 404, "NoSuchEntity", "The Access Key with id %.*s cannot be found.", (int)id.n, id.p);
}

/* The key that is named, of the user that is named. */
static int find_key(struct query_call *c, struct bytes *ret_owner_key, json_t **ret_owner, size_t *ret_at,
                    json_t **ret_key)
{
    struct bytes id = query_text(c, "AccessKeyId");
    if (find_owner(c, ret_owner_key, ret_owner) < 0)
        return -1;
    ptrdiff_t at = json_find(json_object_get(*ret_owner, "keys"), id, false);
    if (at < 0)
        return no_such_key(c, id);
    int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, id), ret_key);
    *ret_at = (size_t)at;
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

/* The root of a further account has nothing but its keys: the last one that works stays. */
static int keep_last_key(struct query_call *c, const json_t *owner, struct bytes id)
{
    const json_t *keys = json_object_get(owner, "keys");
    json_t *key;
    if (owner_name(owner).n || bytes_eq_str(c->account, ROOT_ACCOUNT_ID))
        return 0;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct bytes other = json_bytes(json_array_get(keys, i));
        if (!bytes_eq(other, id) &&
            record_get(c->ids, c->arena, key_of_access_key(c->arena, other), &key) == STORE_OK && is_active(key))
            return 0;
    }
    return query_fail(c, 409, "DeleteConflict",
                      "This is the last active key of the account's root: make another first.");
}

int iam_update_key(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes owner_key;
    json_t *owner, *key;
    size_t at;
    struct bytes id = query_text(c, "AccessKeyId");
    if (find_key(c, &owner_key, &owner, &at, &key) < 0)
        return -1;
    json_object_set_new(key, "status", json_of_bytes(query_text(c, "Status")));
    if (!is_active(key) && keep_last_key(c, owner, id) < 0)
        return -1;
    change_put(&change, key_of_access_key(c->arena, id), key);
    return query_apply(c, &change);
}

int iam_delete_key(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes owner_key, id = query_text(c, "AccessKeyId");
    json_t *owner, *key;
    size_t at;
    if (find_key(c, &owner_key, &owner, &at, &key) < 0 || keep_last_key(c, owner, id) < 0)
        return -1;
    json_array_remove(record_list(owner, "keys"), at);
    change_put(&change, owner_key, owner);
    if (record_text(key, "policy").n)
        change_delete(&change, key_of_document(c->arena, record_text(key, "policy")));
    change_delete(&change, key_of_access_key(c->arena, id));
    change_delete(&change, key_of_last_use(c->arena, id));
    return query_apply(c, &change);
}

/* Decided for the user that has the key, whom the request does not name. */
int iam_key_last_used(struct query_call *c)
{
    struct bytes id = query_text(c, "AccessKeyId");
    json_t *key, *use = NULL, *user = NULL;
    int rc = record_get(c->ids, c->arena, key_of_access_key(c->arena, id), &key);
    if (rc == STORE_NO_SUCH_SETTING || (rc == STORE_OK && !bytes_eq(record_text(key, "account"), c->account)))
        key = NULL;
    else if (rc != STORE_OK)
        return query_fail_store(c, rc);
    struct bytes name = record_text(key, "user"), arn = c->who->caller.arn;
    if (name.n &&
        record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_USER, c->account, name), &user) == STORE_OK)
        arn = api_arn(c, ENTITY_USER, user);
    if (query_authorize(c, BYTES_LIT("iam:GetAccessKeyLastUsed"), arn, c->account) < 0)
        return -1;
    if (!key)
        return no_such_key(c, id);
    rc = record_get(c->ids, c->arena, key_of_last_use(c->arena, id), &use);
    if (rc != STORE_OK && rc != STORE_NO_SUCH_SETTING)
        return query_fail_store(c, rc);
    api_text(c->out, "UserName", name);
    xml_open(c->out, "AccessKeyLastUsed");
    if (use)
        api_time(c->out, "LastUsedDate", record_number(use, "at"));
    xml_element(c->out, "ServiceName", use ? record_text(use, "service") : BYTES_LIT("N/A"));
    xml_element(c->out, "Region", use ? record_text(use, "region") : BYTES_LIT("N/A"));
    xml_close(c->out, "AccessKeyLastUsed");
    return 0;
}

/* ---- the account in figures ---- */

static void entry(struct query_call *c, const char *key, uint64_t value)
{
    xml_open(c->out, "entry");
    xml_element(c->out, "key", bytes_str(key));
    xml_element_u64(c->out, "value", value);
    xml_close(c->out, "entry");
}

int iam_account_summary(struct query_call *c)
{
    static const struct {
        const char *key;
        uint64_t value;
    } quotas[] = {
        {"UsersQuota", IAM_MAX_USERS},
        {"GroupsQuota", IAM_MAX_GROUPS},
        {"RolesQuota", IAM_MAX_ROLES},
        {"PoliciesQuota", IAM_MAX_POLICIES},
        {"AccessKeysPerUserQuota", IAM_MAX_KEYS_PER_USER},
        {"GroupsPerUserQuota", IAM_MAX_GROUPS_PER_USER},
        {"AttachedPoliciesPerUserQuota", IAM_MAX_ATTACHED},
        {"AttachedPoliciesPerGroupQuota", IAM_MAX_ATTACHED},
        {"AttachedPoliciesPerRoleQuota", IAM_MAX_ATTACHED},
        {"VersionsPerPolicyQuota", IAM_MAX_POLICY_VERSIONS},
        {"UserPolicySizeQuota", IAM_POLICY_MAX_USER_INLINE},
        {"GroupPolicySizeQuota", IAM_POLICY_MAX_GROUP_INLINE},
        {"RolePolicySizeQuota", IAM_POLICY_MAX_ROLE_INLINE},
        {"PolicySizeQuota", IAM_POLICY_MAX_MANAGED},
        {"AssumeRolePolicySizeQuota", IAM_POLICY_MAX_TRUST},
        {"GlobalEndpointTokenVersion", 1},
        {"AccountMFAEnabled", 0},
        {"MFADevices", 0},
        {"MFADevicesInUse", 0},
        {"ServerCertificates", 0},
        {"InstanceProfiles", 0},
    };
    json_t *counts = NULL, *account;
    int rc = record_get(c->ids, c->arena, key_of_counts(c->arena, c->account), &counts);
    if (rc == STORE_OK || rc == STORE_NO_SUCH_SETTING)
        rc = record_get(c->ids, c->arena, key_of_account(c->arena, c->account), &account);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    xml_open(c->out, "SummaryMap");
    for (int kind = ENTITY_USER; kind <= ENTITY_POLICY; kind++) {
        const char *list = entity_kind((enum entity)kind)->list;
        entry(c, list, (uint64_t)record_number(counts, list));
    }
    entry(c, "Providers", (uint64_t)record_number(counts, entity_kind(ENTITY_PROVIDER)->list));
    entry(c, "AccountAccessKeysPresent", json_array_size(json_object_get(account, "keys")) > 0);
    for (size_t i = 0; i < ARRAY_LEN(quotas); i++)
        entry(c, quotas[i].key, quotas[i].value);
    xml_close(c->out, "SummaryMap");
    return 0;
}

/* ---- identity providers ---- */

/* https://HOST[:PORT][/PATH], or http:// on loopback; *ret what follows the scheme, which the provider is called by. */
static int check_url(struct query_call *c, struct bytes url, struct bytes *ret)
{
    struct bytes rest = bytes_cut(url, bytes_starts(url, BYTES_LIT("https://")) ? 8 : 7, url.n);
    if (!jwks_url_good(url, true) || bytes_find_char(url, '?', 0) >= 0)
        return query_fail(c, 400, "ValidationError", "Invalid Open ID Connect Provider URL");
    while (rest.n && rest.p[rest.n - 1] == '/')
        rest.n--;
    *ret = rest;
    return 0;
}

static int check_thumbprints(struct query_call *c, const struct bytes *list, size_t n)
{
    unsigned char digest[20];
    if (n > IAM_MAX_THUMBPRINTS)
        return query_fail(c, 400, "InvalidInput", "Thumbprint list must contain fewer than 5 entries.");
    for (size_t i = 0; i < n; i++)
        if (list[i].n != 40 || !hex_decode(list[i], digest, sizeof digest))
            return query_fail(c, 400, "ValidationError", "Thumbprint must be 40 hexadecimal characters");
    return 0;
}

static void set_list(json_t *record, const char *name, const struct bytes *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_find(array, list[i], false) < 0)
            json_array_append_new(array, json_of_bytes(list[i]));
    json_object_set_new(record, name, array);
}

int iam_create_provider(struct query_call *c)
{
    struct change change = change_of(c);
    struct bytes url, *clients, *prints;
    struct iam_tag *tags;
    json_t *record;
    size_t n_clients = query_members(c, "ClientIDList", &clients),
           n_prints = query_members(c, "ThumbprintList", &prints);
    ptrdiff_t n_tags = query_tags(c, "Tags", &tags);
    if (n_tags < 0 || check_url(c, query_text(c, "Url"), &url) < 0 || check_thumbprints(c, prints, n_prints) < 0)
        return -1;
    if (n_clients > IAM_MAX_CLIENT_IDS)
        return query_fail(c, 409, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
                          IAM_MAX_CLIENT_IDS);
    struct bytes key = key_of_entity(c->arena, ENTITY_PROVIDER, c->account, url);
    int rc = record_get(c->ids, c->arena, key, &record);
    if (rc == STORE_OK)
        return query_fail(c, 409, "EntityAlreadyExists", "Provider with url %.*s already exists.", (int)url.n, url.p);
    if (rc != STORE_NO_SUCH_SETTING)
        return query_fail_store(c, rc);
    if (api_count(c, &change, ENTITY_PROVIDER, 1) < 0)
        return -1;
    record = json_in(c->arena, json_object());
    json_object_set_new(record, "url", json_of_bytes(url));
    if (bytes_starts(query_text(c, "Url"), BYTES_LIT("http://")))
        json_object_set_new(record, "plain", json_true());
    json_object_set_new(record, "created", json_integer(clock_wall_ms()));
    set_list(record, "clients", clients, n_clients);
    set_list(record, "thumbprints", prints, n_prints);
    for (ptrdiff_t i = 0; i < n_tags; i++)
        json_array_append_new(record_list(record, "tags"),
                              json_pack("[o,o]", json_of_bytes(tags[i].key), json_of_bytes(tags[i].value)));
    change_put(&change, key, record);
    if (query_apply(c, &change) < 0)
        return -1;
    xml_element(c->out, "OpenIDConnectProviderArn", api_arn(c, ENTITY_PROVIDER, record));
    return 0;
}

/* The part of OpenIDConnectProviderArn after oidc-provider/. */
static struct bytes named_provider(struct query_call *c)
{
    struct bytes arn = query_text(c, "OpenIDConnectProviderArn");
    struct bytes prefix = iam_arn(c->arena, "oidc-provider", c->account, BYTES_NONE, BYTES_NONE);
    return bytes_starts(arn, prefix) ? bytes_cut(arn, prefix.n, arn.n) : BYTES_NONE;
}

static int find_provider(struct query_call *c, json_t **ret)
{
    struct bytes name = named_provider(c), arn = query_text(c, "OpenIDConnectProviderArn");
    int rc = name.n && name.n <= 255
                 ? record_get(c->ids, c->arena, key_of_entity(c->arena, ENTITY_PROVIDER, c->account, name), ret)
                 : STORE_NO_SUCH_SETTING;
    if (rc == STORE_NO_SUCH_SETTING)
        return query_fail(c, 404, "NoSuchEntity", "OpenIDConnect Provider not found for arn %.*s", (int)arn.n, arn.p);
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

static void list_texts(struct query_call *c, const char *element, const json_t *list)
{
    xml_open(c->out, element);
    for (size_t i = 0; i < json_array_size(list); i++)
        xml_element(c->out, "member", json_bytes(json_array_get(list, i)));
    xml_close(c->out, element);
}

int iam_get_provider(struct query_call *c)
{
    json_t *record;
    if (find_provider(c, &record) < 0)
        return -1;
    xml_element(c->out, "Url", record_text(record, "url"));
    list_texts(c, "ClientIDList", json_object_get(record, "clients"));
    list_texts(c, "ThumbprintList", json_object_get(record, "thumbprints"));
    api_time(c->out, "CreateDate", record_number(record, "created"));
    api_tags(c, record, "Tags");
    return 0;
}

int iam_list_providers(struct query_call *c)
{
    struct bytes prefix = key_of_entity(c->arena, ENTITY_PROVIDER, c->account, BYTES_LIT(""));
    struct store_doc *docs;
    size_t n;
    bool more;
    int rc = store_doc_list(c->ids->store, prefix, BYTES_NONE, IAM_MAX_PROVIDERS, c->arena, &docs, &n, &more);
    if (rc != STORE_OK)
        return query_fail_store(c, rc);
    xml_open(c->out, "OpenIDConnectProviderList");
    for (size_t i = 0; i < n; i++) {
        json_t *record = json_loadb(docs[i].value.p, docs[i].value.n, 0, NULL);
        xml_open(c->out, "member");
        xml_element(c->out, "Arn", api_arn(c, ENTITY_PROVIDER, record));
        xml_close(c->out, "member");
        json_decref(record);
    }
    xml_close(c->out, "OpenIDConnectProviderList");
    return 0;
}

static int put_provider(struct query_call *c, const json_t *record)
{
    struct change change = change_of(c);
    change_put(&change, key_of_entity(c->arena, ENTITY_PROVIDER, c->account, named_provider(c)), record);
    return query_apply(c, &change);
}

int iam_delete_provider(struct query_call *c)
{
    struct change change = change_of(c);
    json_t *record;
    if (find_provider(c, &record) < 0 || api_count(c, &change, ENTITY_PROVIDER, -1) < 0)
        return -1;
    change_delete(&change, key_of_entity(c->arena, ENTITY_PROVIDER, c->account, named_provider(c)));
    return query_apply(c, &change);
}

int iam_add_client(struct query_call *c)
{
    struct bytes id = query_text(c, "ClientID");
    json_t *record;
    if (find_provider(c, &record) < 0)
        return -1;
    json_t *clients = record_list(record, "clients");
    if (json_find(clients, id, false) >= 0)
        return 0;
    if (json_array_size(clients) >= IAM_MAX_CLIENT_IDS)
        return query_fail(c, 409, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
                          IAM_MAX_CLIENT_IDS);
    json_array_append_new(clients, json_of_bytes(id));
    return put_provider(c, record);
}

int iam_remove_client(struct query_call *c)
{
    json_t *record;
    if (find_provider(c, &record) < 0)
        return -1;
    json_t *clients = record_list(record, "clients");
    ptrdiff_t at = json_find(clients, query_text(c, "ClientID"), false);
    if (at < 0)
        return 0; /* as on AWS */
    json_array_remove(clients, (size_t)at);
    return put_provider(c, record);
}

int iam_update_thumbprints(struct query_call *c)
{
    struct bytes *prints;
    size_t n = query_members(c, "ThumbprintList", &prints);
    json_t *record;
    if (find_provider(c, &record) < 0 || check_thumbprints(c, prints, n) < 0)
        return -1;
    set_list(record, "thumbprints", prints, n);
    return put_provider(c, record);
}

int iam_tag_provider(struct query_call *c)
{
    json_t *record;
    return find_provider(c, &record) < 0 ? -1 : api_tag(c, ENTITY_PROVIDER, named_provider(c));
}

int iam_untag_provider(struct query_call *c)
{
    json_t *record;
    return find_provider(c, &record) < 0 ? -1 : api_untag(c, ENTITY_PROVIDER, named_provider(c));
}

int iam_list_provider_tags(struct query_call *c)
{
    json_t *record;
    return find_provider(c, &record) < 0 ? -1 : api_list_tags(c, ENTITY_PROVIDER, named_provider(c));
}
