/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health paths, with MinIO's meanings: nobody signs for them, and they tell nothing but yes (200) or no (503).
 *
 *   live           the process answers
 *   ready          index and disk work, and the server is not about to stop
 *   cluster        writes work; with ?maintenance=true: would they, without this server? Never: it is the only one
 * (412) cluster/read   reads work
 *
 * Threads: `live` on the loop, the others on workers.
 */
#include "server/api/api.h"
#include "server/health.h"
#include "server/server.h"

#define RETRY_AFTER_S "5"

static int answer(struct req *r, bool yes)
{
    r->resp.status = yes ? 200 : 503;
    if (!yes) {
        resp_header(r, "Retry-After", BYTES_LIT(RETRY_AFTER_S));
        resp_header(r, "X-Minio-Server-Status", BYTES_LIT("offline"));
    }
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

static bool stops(const struct req *r)
{
    return atomic_load(&r->server->draining) != DRAIN_NONE;
}

int health_live(struct req *r)
{
    return answer(r, true);
}

int health_ready(struct req *r)
{
    return answer(r, !stops(r) && health_writes(r->server));
}

int health_cluster(struct req *r)
{
    bool works = !stops(r) && health_writes(r->server);
    answer(r, works);
    resp_header(r, "X-Minio-Write-Quorum", BYTES_LIT("1"));
    if (works && bytes_eq_str(req_param(r, "maintenance"), "true"))
        r->resp.status = 412;
    return 0;
}

int health_cluster_read(struct req *r)
{
    answer(r, !stops(r) && health_reads(r->server));
    resp_header(r, "X-Minio-Read-Quorum", BYTES_LIT("1"));
    return 0;
}
