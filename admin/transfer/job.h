/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key: what of its history is missing gets written, in its order. Counts and reports all that comes of it.
 * The job stays the caller's. Threads: workers.
 */
#ifndef PAIL_ADMIN_TRANSFER_JOB_H
#define PAIL_ADMIN_TRANSFER_JOB_H

#include "admin/transfer/transfer.h"

void job_run(struct line *, struct job *);

#endif
