/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /console.json: where S3 is, and the identity providers of the first account that one may sign in with. It is shown to
 * strangers, so it says nothing that the page does not need. Threads: a worker.
 */
#include "server/console_info.h"

#include <jansson.h>

#include "server/iam/records.h"
#include "server/json_reply.h"
#include "server/req.h"
#include "server/server.h"
#include "version.h"

/* {"name", "url", "client_ids"}, of those that have a client. */
static void add_provider(struct arena *a, const struct store_doc *doc, json_t *names, json_t *providers)
{
    json_t *record = json_loadb(doc->value.p, doc->value.n, 0, NULL);
    if (!record)
        return;
    (void)json_in(a, record);
    struct bytes url = record_text(record, "url");
    const json_t *clients = json_object_get(record, "clients");
    bool scheme = bytes_starts(url, BYTES_LIT("http://")) || bytes_starts(url, BYTES_LIT("https://"));
    if (!url.n || !json_array_size(clients))
        return;
    json_array_append_new(names, json_of_bytes(url));
    json_array_append_new(providers, json_pack("{s:o,s:o,s:O}", "name", json_of_bytes(url), "url",
                                               json_of_bytes(scheme ? url : bytes_join(a, BYTES_LIT("https://"), url)),
                                               "client_ids", clients));
}

int console_info(struct req *r, const char *prefix, unsigned s3_port)
{
    const struct config *cfg = r->server->config;
    json_t *names = json_array(), *providers = json_array();
    struct store_doc *docs;
    size_t n = 0;
    bool more;
    struct bytes key = key_of_entity(r->arena, ENTITY_PROVIDER, BYTES_LIT(ROOT_ACCOUNT_ID), BYTES_LIT(""));
    if (store_doc_list(r->server->store, key, BYTES_NONE, IAM_MAX_PROVIDERS, r->arena, &docs, &n, &more) != STORE_OK)
        n = 0;
    for (size_t i = 0; i < n; i++)
        add_provider(r->arena, &docs[i], names, providers);
    return json_reply(r, json_pack("{s:s,s:o,s:i,s:s,s:s,s:o,s:o}", "version", PAIL_VERSION, "endpoint",
                                   *cfg->server_url ? json_string(cfg->server_url) : json_null(), "port", (int)s3_port,
                                   "region", *cfg->region ? cfg->region : "us-east-1", "prefix", prefix, "providers",
                                   names, "oidc", providers));
}
