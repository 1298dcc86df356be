/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of metrics, for those who bear a token of somebody with the right admin:Prometheus, or for everybody where
 * the setting prometheus-auth says so. Threads: workers.
 */
#include "server/metrics_text.h"

#include "server/api/api.h"
#include "server/authorize.h"
#include "server/bearer.h"
#include "server/own_ops.h"
#include "server/scrape_memory.h"
#include "server/server.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

static int page(struct req *r, const char *prefix, struct bytes rest)
{
    const char *auth = r->server->config->prometheus_auth;
    if (!bytes_eq_str(bytes_str(auth), "public") && (bearer_authenticate(r) < 0 || authorize_own(r) < 0))
        return -1;
    struct bytes path = arena_bytesf(r->arena, "%s%s%.*s", prefix, rest.n ? "/" : "", (int)rest.n, rest.p);
    int rc = metrics_page(r->server, path, scrape_memory_take(r), &r->resp.doc);
    if (rc == STORE_NO_SUCH_KEY)
        return req_failf(r, S3E_NO_SUCH_KEY, "There is no such page of metrics.");
    if (rc < 0)
        return req_fail_store(r, rc);
    if (resp_rendered(r) < 0)
        return -1;
    r->resp.content_type = CONTENT_TYPE;
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

int metrics_v2(struct req *r)
{
    return page(r, "v2", own_segment(r));
}

int metrics_v3(struct req *r)
{
    return page(r, "v3", own_segment(r));
}

int metrics_pail(struct req *r)
{
    return page(r, "pail", BYTES_NONE);
}

/* The path that MinIO's first servers had. */
int metrics_legacy(struct req *r)
{
    return page(r, "v2/cluster", BYTES_NONE);
}
