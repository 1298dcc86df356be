/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run says: problems as they come, the progress, the account at the end. Threads: report() by any, the others by
 * the first.
 */
#ifndef PAIL_ADMIN_TRANSFER_REPORT_H
#define PAIL_ADMIN_TRANSFER_REPORT_H

#include "admin/transfer/transfer.h"

/* The first four are counted. */
enum problem { PROBLEM_FAILED, PROBLEM_DIFFERS, PROBLEM_EXTRA, PROBLEM_SKIPPED, PROBLEM_NOTE, PROBLEM_WOULD };
/* One line, which names the key, or nothing when that is empty. */
void report(struct transfer *, enum problem, struct bytes key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void report_progress(struct transfer *, bool last); /* when it is time for it; `last`: takes it off the screen */
int report_end(struct transfer *);                  /* the exit status */

#endif
