/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server counts as Prometheus reads it (text format 0.0.4): in groups, each a piece of a page. A path of
 * /minio/v2/metrics and /minio/metrics/v3 is a list of groups; MinIO's names stand where MinIO's dashboards look for
 * them, and only for what has an honest value here. What is Pail's own is called pail_*.
 * Threads: workers.
 */
#ifndef PAIL_SERVER_METRICS_TEXT_H
#define PAIL_SERVER_METRICS_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"

struct server;

#define METRICS_PAGE_BUCKETS                                                                                           \
    2000 /* that a page tells apart, the fullest ones: some 16 rows each, of at most 16 MiB                            \
          */

/*
 * The page of a path, without what every path begins with: "v2/cluster", "v3/api/requests", "v3" (everything),
 * "v3/bucket/api/NAME", "pail". Totals are of all buckets, however many a page tells apart. STORE_OK; STORE_NO_SUCH_KEY
 * when there is no such page; or what hinders it.
 */
int metrics_page(struct server *, struct bytes path, struct arena *, struct buf *out);

#endif
