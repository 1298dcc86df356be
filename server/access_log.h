/* SPDX-License-Identifier: Apache-2.0 */
/* One line per request, and one for each that meets trouble of ours. Threads: the one that has the request. */
#ifndef PAIL_SERVER_ACCESS_LOG_H
#define PAIL_SERVER_ACCESS_LOG_H

struct req;

/* Nothing of a query is logged: it may hold signatures and tokens. */
void access_log_request(const struct req *);
/* An error: the request's id, its operation, bucket and key (escaped, cut), and what happened. */
void access_log_trouble(const char *event, const struct req *, const char *what);

#endif
