/* SPDX-License-Identifier: Apache-2.0 */
/* One line per request. Threads: the request's loop. */
#ifndef PAIL_SERVER_ACCESS_LOG_H
#define PAIL_SERVER_ACCESS_LOG_H

struct req;

/* Nothing of a query is logged: it may hold signatures and tokens. */
void access_log_request(const struct req *);

#endif
