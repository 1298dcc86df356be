/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mc idp openid ls` and `info`: the account's identity providers, which IAM's CreateOpenIDConnectProvider makes, under
 * the names that their URLs are without the scheme. To make one takes more than MinIO's settings say (roles whose trust
 * names it), so setting answers where to do that. There is no LDAP here: its list is empty.
 * Threads: workers.
 */
#include <string.h>

#include "base/check.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/own_ops.h"

static bool is_openid(struct bytes path)
{
    return bytes_eq_str(path, "openid") || bytes_starts(path, BYTES_LIT("openid/"));
}

static int add_row(struct admin_call *c, json_t *provider, void *arg)
{
    (void)c;
    return json_array_append_new(arg, json_pack("{s:s,s:o,s:b}", "type", "openid", "name",
                                                json_of_bytes(record_text(provider, "url")), "enabled", 1));
}

struct wanted {
    struct bytes name;
    json_t *found;
};

static int compare(struct admin_call *c, json_t *provider, void *arg)
{
    struct wanted *w = arg;
    (void)c;
    if (bytes_eq(record_text(provider, "url"), w->name))
        w->found = provider;
    return 0;
}

static void add_info(json_t *info, const char *key, json_t *value)
{
    json_array_append_new(info, json_pack("{s:s,s:o,s:b,s:b}", "key", key, "value", value, "isCfg", 1, "isEnv", 0));
}

static int show(struct admin_call *c, struct bytes name)
{
    struct wanted w = {.name = name};
    if (admin_each(c, ENTITY_PROVIDER, compare, &w) < 0)
        return -1;
    if (!w.found)
        return req_fail(c->r, S3E_ADMIN_NO_SUCH_PROVIDER);
    const char *scheme = json_is_true(json_object_get(w.found, "plain")) ? "http" : "https";
    json_t *info = json_array();
    const json_t *clients = json_object_get(w.found, "clients");
    add_info(info, "config_url",
             json_of_bytes(
                 arena_bytesf(c->arena, "%s://%.*s/.well-known/openid-configuration", scheme, (int)name.n, name.p)));
    for (size_t i = 0; i < json_array_size(clients); i++)
        add_info(info, "client_id", json_copy(json_array_get(clients, i)));
    return admin_reply_sealed(c,
                              json_pack("{s:s,s:o,s:o}", "type", "openid", "name", json_of_bytes(name), "info", info));
}

int admin_list_providers(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes path = own_segment(r);
    json_t *all = json_in(c->arena, json_array());
    if (bytes_eq_str(path, "ldap"))
        return admin_reply_sealed(c, json_incref(all));
    if (!is_openid(path))
        return req_fail(r, S3E_ADMIN_NO_SUCH_PROVIDER);
    if (path.n > sizeof "openid/" - 1)
        return show(c, bytes_cut(path, sizeof "openid/" - 1, path.n));
    if (admin_each(c, ENTITY_PROVIDER, add_row, all) < 0)
        return -1;
    return admin_reply_sealed(c, json_incref(all));
}
