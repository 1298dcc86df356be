/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one scrape of metrics, kept for the next one: a page of a thousand buckets takes 3 MiB, and having them
 * from the system each time, page by page, took a third of the scrape's time. One scrape at a time has what is kept;
 * others that run meanwhile have memory of their own, which is freed.
 * Threads: any; what was taken belongs to its request.
 */
#ifndef PAIL_SERVER_SCRAPE_MEMORY_H
#define PAIL_SERVER_SCRAPE_MEMORY_H

#include <stddef.h>

#define SCRAPE_ARENA_KEPT_BYTES (2u << 20) /* touched as far as pages need it */
#define SCRAPE_TEXT_KEPT_BYTES  (4u << 20) /* a longer text's memory goes back to the system */

struct arena;
struct req;
struct server;
struct scrape_memory;

/* For the request's page: what the kept text has room for becomes the reply's document. Ends with the request. */
struct arena *scrape_memory_take(struct req *);
/* When the request ends, before its document is freed. Nothing, if it took none. */
void scrape_memory_give(struct req *);
void scrape_memory_free(struct server *); /* when no request runs any more */

#endif
