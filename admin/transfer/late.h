/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last request of a run that was killed, which may come to pass after this one has listed the destination.
 * Threads: workers, with jobs of their own; late_settle_all by the first, when these have ended.
 */
#ifndef PAIL_ADMIN_TRANSFER_LATE_H
#define PAIL_ADMIN_TRANSFER_LATE_H

#include "admin/transfer/transfer.h"

/* At the beginning of a job: takes out of the destination, and of job->have, what was written twice before. */
void late_heal(struct line *, struct job *);
/* Before the first version that is added to what was there, when no condition guards it. Again: nothing. */
void late_note(struct line *, struct job *);
/* When the job's versions are written; resets the arena. False: a line in error. Nothing when nothing was noted. */
bool late_settle(struct line *, const struct job *, char error[400]);
/* Takes over a job, to look once more at the end, if something was noted for it. */
void late_keep(struct transfer *, struct job *);
void late_settle_all(struct line *);

/*
 * Which of n_there versions are one too many in a history that should have the n of the source: excess[t]. `same`
 * compares one of the source with one that is there, `copy` two that are there. False: they are another history. Pure.
 */
bool late_excess(size_t n, size_t n_there, bool (*same)(void *arg, size_t i, size_t t),
                 bool (*copy)(void *arg, size_t t, size_t earlier), void *arg, bool *excess);

#endif
