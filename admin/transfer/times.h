/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times in listings and in metadata, in nanoseconds since 1970. Pure. Threads: any.
 */
#ifndef PAIL_ADMIN_TRANSFER_TIMES_H
#define PAIL_ADMIN_TRANSFER_TIMES_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

int64_t iso_time_ns(struct bytes text); /* of "2026-01-31T23:59:59.123Z"; 0: it is no time */
/* "1700000000.123456789" and back; -1: it is none. */
const char *mtime_text(int64_t ns, struct arena *);
int64_t mtime_of_text(const char *text);

#endif
