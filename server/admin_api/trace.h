/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies that do not end, one JSON document after another: `mc admin trace`, requests as they end; and streams of
 * other kinds, which say themselves what there is to send (logs.c, realtime.c).
 *
 * Each subscriber has a bounded buffer of its own. Whoever ends a request appends a line to the buffers of those that
 * want it and never waits; what does not fit is left out and counted, and the stream says how much that was. The
 * subscriber's connection looks into its buffer with each tick of its loop (LOOP_TICK_MS). Nothing is rendered while
 * nobody listens.
 *
 * Threads: trace_request on any loop or worker; trace_subscribe on workers; the rest on the subscriber's loop.
 */
#ifndef PAIL_SERVER_ADMIN_API_TRACE_H
#define PAIL_SERVER_ADMIN_API_TRACE_H

#include "base/bytes.h"

#define TRACE_SUBSCRIBERS_MAX 16
#define TRACE_BUFFER          (1u << 20) /* bytes that wait for one subscriber */
#define TRACE_QUIET_TICKS     4          /* without a line; then a blank tells both ends that the other is there */

struct req;
struct trace;

struct trace_filter {
    bool s3, internal; /* S3's operations; the server's own */
    bool errors;       /* those alone */
    uint64_t min_ns;   /* no faster ones */
};

struct trace *trace_subscribe(const struct trace_filter *); /* NULL: there are too many */
/*
 * A stream of another kind: `take` appends what has come since the last call, and answers false when that was the last
 * of it; `end` lets `arg` go. Both on the subscriber's loop; `take` never waits. NULL: there are too many; `arg` is let
 * go then, too.
 */
struct trace *trace_stream(bool (*take)(void *arg, struct buf *out), void (*end)(void *arg), void *arg);
bool trace_is_over(const struct trace *);
void trace_end(struct trace **); /* accepts NULL inside */
/* What waits, moved to the end of `out`; a blank after some quiet ticks. */
void trace_take(struct trace *, struct buf *out);
void trace_request(const struct req *); /* once, when it has ended */

/* A duration as Go writes it: "1h2m3.5s", "100ms", "0s". */
bool trace_duration(struct bytes text, uint64_t *ret_ns);

int admin_trace(struct req *);

#endif
