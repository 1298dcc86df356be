/* SPDX-License-Identifier: Apache-2.0 */
/* The line of a request in the audit log. Threads: those of the request. */
#ifndef PAIL_SERVER_AUDIT_LINE_H
#define PAIL_SERVER_AUDIT_LINE_H

#include <stddef.h>

struct req;

/* Bytes written to `out`, at most `max` (2,048 or more), the line's end included. */
size_t audit_line(const struct req *, char *out, size_t max);

#endif
