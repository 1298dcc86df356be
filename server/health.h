/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the server fit to serve? For probes of load balancers and orchestrators: the index answers, and the disk takes a
 * write. Whoever asks often shares one look a second; one look runs at a time, so a disk that hangs holds one worker.
 * Threads: any worker.
 */
#ifndef PAIL_SERVER_HEALTH_H
#define PAIL_SERVER_HEALTH_H

#include <stdbool.h>

struct server;

#define HEALTH_FRESH_MS 1000 /* how long an answer is believed */
#define HEALTH_HANGS_MS 3000 /* a look that takes longer has failed */

/* Blocks for a look of its own at most. */
bool health_writes(struct server *);
bool health_reads(struct server *);
/* What the last look said, without another one as long as nothing speaks against it: for those who ask for more. */
bool health_seems_well(struct server *, bool failed);

#endif
