/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last request of a run that was killed, which may have come to pass after this one listed the destination.
 * Threads: workers; late_wait by the first.
 */
#ifndef PAIL_ADMIN_TRANSFER_LATE_H
#define PAIL_ADMIN_TRANSFER_LATE_H

#include "admin/transfer/transfer.h"

/* Before anything is listed: a killed run's requests, if there was one, have a moment to come to pass. */
void late_wait(const struct transfer *);
/*
 * After the first version that was added to what was there: *mine is its id, `before` that of the newest one before, or
 * NULL. Takes it back when a killed run's request has written it as well; *mine is what stays. False: a line in error.
 */
bool late_settle(struct line *, struct job *, const char *before, const char **mine, char error[400]);

#endif
