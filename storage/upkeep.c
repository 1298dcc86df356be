/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of upkeep: started, ended, and kept out of everybody's way. scrub.c and snapshot.c have their work. */
#include "storage/upkeep_in.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

#define IDLE_NICE     10
#define IOPRIO_THREAD 1 /* linux/ioprio.h, which is not in every libc: IOPRIO_WHO_PROCESS, and the idle class */
#define IOPRIO_IDLE   (3 << 13)

void upkeep_be_idle(void)
{
    /* Where it is not allowed or not known it runs as others do. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), IDLE_NICE);
    (void)syscall(SYS_ioprio_set, IOPRIO_THREAD, 0, IOPRIO_IDLE);
}

bool upkeep_rest(struct upkeep *u, int64_t ms)
{
    struct timespec until = clock_in_ms(ms);
    int rc = 0;
    pthread_mutex_lock(&u->lock);
    while (rc == 0 && !atomic_load(&u->stop))
        rc = pthread_cond_timedwait(&u->wake, &u->lock, &until);
    pthread_mutex_unlock(&u->lock);
    return !atomic_load(&u->stop);
}

struct upkeep *upkeep_open(const struct upkeep_options *o)
{
    struct upkeep *u = xcalloc(1, sizeof *u);
    u->o = *o;
    pthread_mutex_init(&u->lock, NULL);
    clock_cond_init(&u->wake);
    u->scrubs = pthread_create(&u->scrubber, NULL, scrub_main, u) == 0;
    u->snapshots = pthread_create(&u->snapshotter, NULL, snapshot_main, u) == 0;
    if (!u->scrubs || !u->snapshots)
        upkeep_close(&u);
    return u;
}

void upkeep_close(struct upkeep **pu)
{
    struct upkeep *u = *pu;
    *pu = NULL;
    if (!u)
        return;
    pthread_mutex_lock(&u->lock);
    atomic_store(&u->stop, true);
    pthread_cond_broadcast(&u->wake);
    pthread_mutex_unlock(&u->lock);
    if (u->scrubs)
        pthread_join(u->scrubber, NULL);
    if (u->snapshots)
        pthread_join(u->snapshotter, NULL);
    pthread_cond_destroy(&u->wake);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

void upkeep_health(struct upkeep *u, struct upkeep_health *ret)
{
    *ret = (struct upkeep_health){
        .scrubbed_blobs = atomic_load(&u->scrubbed_blobs),
        .scrubbed_bytes = atomic_load(&u->scrubbed_bytes),
        .damaged = atomic_load(&u->damaged),
        .pass_began_ms = atomic_load(&u->pass_began_ms),
        .pass_ended_ms = atomic_load(&u->pass_ended_ms),
        .snapshot_ms = atomic_load(&u->snapshot_ms),
        .snapshot_failed = atomic_load(&u->snapshot_failed),
    };
}
