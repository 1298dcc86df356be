/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's own history for charts, without anything beside it: traffic, latencies, errors, what is stored, disk,
 * memory, processor. One thread takes a sample every HISTORY_FINE_MS; the rings of history_ring.h keep a week. They are
 * saved to DIR/pail.history every HISTORY_SAVE_MS and at the end, in one step, and read at the start; a file that is
 * damaged is told of and left out. Requests are those of S3, IAM and STS: not health checks, metrics, charts.
 * Threads: one of its own; history_view from workers.
 */
#ifndef PAIL_SERVER_HISTORY_H
#define PAIL_SERVER_HISTORY_H

#include "server/history_ring.h"

struct history;
struct server;

#define HISTORY_SAVE_MS (5 * 60 * 1000)
#define HISTORY_FILE    "pail.history"

/* Before the loops run, with store and metrics there. NULL: the system has no thread; there is no history then. */
struct history *history_open(struct server *, const char *data_dir);
void history_close(struct history **); /* before store and metrics; accepts NULL inside */
/* As history_rings_view. */
bool history_get(struct history *, struct bytes range, struct history_view *ret);

#endif
