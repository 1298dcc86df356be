/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers of upkeep share: their state, and waiting that can be ended. */
#ifndef PAIL_STORAGE_UPKEEP_IN_H
#define PAIL_STORAGE_UPKEEP_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "upkeep.h"

struct upkeep {
    struct upkeep_options o;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool stop;
    pthread_t scrubber, snapshotter;
    bool scrubs, snapshots; /* their threads run */
    _Atomic uint64_t scrubbed_blobs, scrubbed_bytes, damaged;
    _Atomic int64_t pass_began_ms, pass_ended_ms, snapshot_ms;
    atomic_bool snapshot_failed;
};

/* False: it is to stop. */
bool upkeep_rest(struct upkeep *, int64_t ms);
void upkeep_be_idle(void); /* this thread, for processor and disk */

void *scrub_main(void *upkeep);
void *snapshot_main(void *upkeep);

#endif
