/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is missing at the destination: the planner finds it and queues it, a job for each key; workers take jobs off.
 * Jobs are freed by who took them. Waits while the queue is full. Threads: plan_make is the planner's.
 */
#ifndef PAIL_ADMIN_TRANSFER_PLAN_H
#define PAIL_ADMIN_TRANSFER_PLAN_H

#include "admin/transfer/transfer.h"

/*
 * Lists both sides to their ends, or until the run is stopped. `empty`: there is no destination to be listed. False:
 * they could not be listed, which was reported.
 */
bool plan_make(struct line *, bool empty);
/* The next job, or NULL: there is none now. With the transfer's lock held. */
struct job *plan_next(struct transfer *);

#endif
