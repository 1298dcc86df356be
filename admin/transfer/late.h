/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last request of a run that was killed, which may have come to pass after this one listed the destination.
 * Threads: workers.
 */
#ifndef PAIL_ADMIN_TRANSFER_LATE_H
#define PAIL_ADMIN_TRANSFER_LATE_H

#include "admin/transfer/transfer.h"

/* At the beginning of a job: takes out of the destination, and of job->have, what a killed run wrote twice. */
void late_heal(struct line *, struct job *);
/* Before the first version that is added to what was there, where no condition guards it. */
void late_note(struct line *, const struct job *);
/*
 * After the first version that was added to what was there: *mine is its id, `before` that of the newest one before, or
 * NULL. Takes it back when a killed run's request has written it as well; *mine is what stays. False: a line in error.
 */
bool late_settle(struct line *, struct job *, const char *before, const char **mine, char error[400]);

#endif
