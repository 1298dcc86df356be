/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /console.json: where S3 is, and the identity providers that one may sign in with. It is shown to strangers, so it
 * says nothing that the page does not need. Threads: workers.
 */
#include "server/console_info.h"

#include <jansson.h>

#include "server/console_oidc.h"
#include "server/json_reply.h"
#include "server/req.h"
#include "server/server.h"
#include "version.h"

int console_info(struct req *r, const char *prefix, unsigned s3_port)
{
    const struct config *cfg = r->server->config;
    return json_reply(r, json_pack("{s:s,s:o,s:i,s:s,s:s,s:o}", "version", PAIL_VERSION, "endpoint",
                                   *cfg->server_url ? json_string(cfg->server_url) : json_null(), "port", (int)s3_port,
                                   "region", *cfg->region ? cfg->region : "us-east-1", "prefix", prefix, "providers",
                                   console_oidc_providers(r)));
}
