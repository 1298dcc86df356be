/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /console.json: where S3 is, and the identity providers that one may sign in with; and the redirect to one of them.
 * It is shown to strangers, so it says nothing that the page does not need. Where people sign in at a provider is
 * found out when somebody goes there, as its keys are. Threads: workers.
 */
#include "server/console_info.h"

#include <jansson.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/http/uri.h"
#include "server/iam/iam_api.h"
#include "server/iam/jwks.h"
#include "server/iam/records.h"
#include "server/json_reply.h"
#include "server/own_ops.h"
#include "server/req.h"
#include "server/server.h"
#include "version.h"

#define TAG_ROLE     "pail:console-role"
#define TAG_NAME     "pail:console-name"
#define TAG_CLIENT   "pail:console-client"
#define LOCATION_MAX 8192 /* bytes of the redirect */

struct provider {
    struct bytes id; /* its URL as IAM has it, without a scheme: no two have the same */
    struct bytes name, url, client, role;
};

/* False: the console does not offer it. */
static bool read_provider(struct arena *a, const struct store_doc *doc, struct provider *ret)
{
    json_t *record = json_loadb(doc->value.p, doc->value.n, 0, NULL);
    const struct iam_tag *tags;
    size_t n;
    *ret = (struct provider){.url = BYTES_NONE};
    if (!record)
        return false;
    (void)json_in(a, record);
    struct bytes url = record_text(record, "url");
    ret->url = bytes_join(a, BYTES_LIT("http://"), url); /* kept without; plain http is for this machine alone */
    if (!jwks_url_good(ret->url, true))
        ret->url = bytes_join(a, BYTES_LIT("https://"), url);
    ret->id = ret->name = url;
    ret->client = json_bytes(json_array_get(json_object_get(record, "clients"), 0));
    record_tags(a, record, &tags, &n);
    for (size_t i = 0; i < n; i++) {
        struct bytes *to = bytes_eq_str(tags[i].key, TAG_ROLE)     ? &ret->role
                           : bytes_eq_str(tags[i].key, TAG_NAME)   ? &ret->name
                           : bytes_eq_str(tags[i].key, TAG_CLIENT) ? &ret->client
                                                                   : NULL;
        if (to && tags[i].value.n)
            *to = tags[i].value;
    }
    return url.n && ret->client.n && ret->role.n;
}

static size_t list_providers(struct req *r, struct store_doc **ret)
{
    size_t n = 0;
    bool more;
    struct bytes key = key_of_entity(r->arena, ENTITY_PROVIDER, BYTES_LIT(ROOT_ACCOUNT_ID), BYTES_LIT(""));
    int rc = store_doc_list(r->server->store, key, BYTES_NONE, IAM_MAX_PROVIDERS, r->arena, ret, &n, &more);
    return rc == STORE_OK ? n : 0;
}

int console_info(struct req *r, const char *prefix, unsigned s3_port)
{
    const struct config *cfg = r->server->config;
    json_t *providers = json_array();
    struct store_doc *docs;
    struct provider p;
    size_t n = list_providers(r, &docs);
    for (size_t i = 0; i < n; i++)
        if (read_provider(r->arena, &docs[i], &p))
            json_array_append_new(providers, json_pack("{s:o,s:o,s:o,s:o,s:o}", "id", json_bytes_text(p.id), "name",
                                                       json_bytes_text(p.name), "url", json_bytes_text(p.url),
                                                       "clientId", json_bytes_text(p.client), "roleArn",
                                                       json_bytes_text(p.role)));
    return json_reply(r, json_pack("{s:s,s:o,s:i,s:s,s:s,s:o}", "version", PAIL_VERSION, "endpoint",
                                   *cfg->server_url ? json_string(cfg->server_url) : json_null(), "port", (int)s3_port,
                                   "region", *cfg->region ? cfg->region : "us-east-1", "prefix", prefix, "providers",
                                   providers));
}

/* ---- the way to a provider ---- */

/* By its id: anybody who may set tags may give a name twice. */
static bool find_provider(struct req *r, struct bytes id, struct provider *ret)
{
    struct store_doc *docs;
    size_t n = list_providers(r, &docs);
    for (size_t i = 0; i < n; i++)
        if (read_provider(r->arena, &docs[i], ret) && bytes_eq(ret->id, id))
            return true;
    return false;
}

static void put_param(struct buf *out, const char *name, struct bytes value)
{
    if (!value.n)
        return;
    buf_put_char(out, memchr(out->p, '?', out->n) ? '&' : '?');
    buf_printf(out, "%s=", name);
    uri_encode(out, value, URI_ENCODE_SLASH);
}

/* What the page asks for goes along, but for the client, which is ours. */
int console_oidc(struct req *r)
{
    static const char *const params[] = {"response_type", "response_mode", "redirect_uri", "scope", "state", "nonce"};
    struct provider p;
    struct bytes endpoint;
    struct buf to;
    if (r->console != CONSOLE_API || !find_provider(r, own_segment(r), &p))
        return req_failf(r, S3E_NO_SUCH_KEY, "There is no such identity provider to sign in with.");
    if (!jwks_authorization(r->server->identities->jwks, r->arena, p.url, clock_mono_ms(), &endpoint))
        return req_failf(r, S3E_SERVICE_UNAVAILABLE, "The identity provider does not say where to sign in.");
    buf_init(&to, LOCATION_MAX);
    buf_put_bytes(&to, endpoint);
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        put_param(&to, params[i], req_param(r, params[i]));
    put_param(&to, "client_id", p.client);
    int rc = to.failed ? req_fail(r, S3E_INVALID_URI) : 0;
    if (rc == 0) {
        r->resp.status = 303;
        resp_header(r, "Location", buf_bytes(&to));
    }
    buf_fini(&to);
    return rc;
}
