/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload: the wall clock runs CLOCK_SHIFT_SECONDS beside the real one, other clocks do not. For tests of
 * what a server believes when somebody sets its clock. Threads: any.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    static long shift;
    static volatile int known; /* both threads of a race read the same */
    int rc = (int)syscall(SYS_clock_gettime, clock, ret);
    if (!known) {
        const char *text = getenv("CLOCK_SHIFT_SECONDS");
        shift = text ? atol(text) : 0;
        known = 1;
    }
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret->tv_sec += shift;
    return rc;
}
