/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on their way to standard error, see base/log.h. Private to log.c. Threads: any, but where it is said. */
#ifndef PAIL_BASE_LOG_RING_H
#define PAIL_BASE_LOG_RING_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"

/* Makes the whole line, with its end, that says how many were dropped. Must not log. */
typedef void log_notice_f(struct buf *out, uint64_t dropped);

bool log_ring_start(log_notice_f *);
void log_ring_stop(void);
/* Takes a line, which ends in a line feed, or drops it. False: there is no writer, write it yourself. */
bool log_ring_put(struct bytes line, bool may_drop);
/* Waits until everything is written, a bounded time. */
void log_ring_flush(void);

#endif
