/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks in one place, so that tests can move them. Threads: any. */
#ifndef PAIL_BASE_CLOCK_H
#define PAIL_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

int64_t clock_wall_ms(void);             /* milliseconds since 1970, UTC */
int64_t clock_mono_ms(void);             /* milliseconds, never goes back, no meaning across processes */
int64_t clock_boot_ms(void);             /* the same, but it goes on while the machine sleeps */
uint64_t clock_mono_ns(void);            /* nanoseconds of the same */
uint64_t clock_own_cpu_ns(void);         /* processor time that the calling thread has used */
void clock_test_shift_ms(int64_t shift); /* tests only: added to clock_wall_ms */

/* Waiting by clock_mono_ms: a condition made by clock_cond_init takes these two in pthread_cond_timedwait. */
void clock_cond_init(pthread_cond_t *);
struct timespec clock_in_ms(int64_t ms);      /* that long from now */
struct timespec clock_at_ms(int64_t mono_ms); /* when clock_mono_ms says so */

#endif
