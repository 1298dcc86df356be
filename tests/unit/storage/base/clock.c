/* SPDX-License-Identifier: Apache-2.0 */
/* Moments for conditions are of the clock that the conditions wait by. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(clock, a_moment_has_whole_seconds_and_less_than_one)
{
    struct timespec t = clock_at_ms(12999);
    cr_assert(t.tv_sec == 12 && t.tv_nsec == 999000000);
    for (int64_t ms = 0; ms < 3000; ms += 7) {
        int64_t before = clock_mono_ms() + ms;
        t = clock_in_ms(ms);
        int64_t at = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
        cr_assert(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
        cr_assert(at >= before && at <= clock_mono_ms() + ms);
    }
}

Test(clock, a_condition_waits_that_long)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never;
    int rc = 0;
    clock_cond_init(&never);
    int64_t start = clock_mono_ms();
    struct timespec until = clock_in_ms(30);
    pthread_mutex_lock(&lock);
    while (rc == 0)
        rc = pthread_cond_timedwait(&never, &lock, &until);
    pthread_mutex_unlock(&lock);
    cr_assert_eq(rc, ETIMEDOUT);
    cr_assert(clock_mono_ms() - start >= 30);
    pthread_cond_destroy(&never);
}
