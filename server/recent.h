/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lines of the log and the last requests, in memory, for administrators who look from a page. Both are rings
 * of fixed size: the newest push out the oldest, and a restart begins anew; what has to last goes to --audit-file. No
 * query, header or body of a request is kept, so no secret is.
 * Threads: recent_request on the request's loop, one ring each; log lines from any; reading on workers.
 */
#ifndef PAIL_SERVER_RECENT_H
#define PAIL_SERVER_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/log.h"

#define RECENT_LINES      1000
#define RECENT_LINE_BYTES 1000
#define RECENT_REQUESTS   1000 /* of each loop */
#define RECENT_KEY_BYTES  256
#define RECENT_NAME_BYTES 64

struct arena;
struct recent;
struct req;

void recent_keep_lines(void); /* from now on, for as long as the process lives */
struct recent *recent_open(unsigned n_loops);
void recent_close(struct recent **); /* accepts NULL inside */
void recent_request(struct recent *, const struct req *);

struct recent_line {
    uint64_t id; /* grows */
    int64_t ms;
    enum log_level level;
    char event[16];
    char text[RECENT_LINE_BYTES];
};
/* The newest first: of this level and worse, with ids below `before` (0: all). At most `max`, in the arena. */
size_t recent_lines(struct recent *, struct arena *, enum log_level, uint64_t before, size_t max,
                    const struct recent_line **ret);

/*
 * Those that come, one after the other: the oldest that is kept of those after `*at` (0 at first), which becomes its
 * id; `ret_missed` tells how many were pushed out before. False: there is none yet.
 */
bool recent_line_after(uint64_t *at, uint64_t *ret_missed, struct recent_line *ret);
uint64_t recent_last_line(void); /* its id; 0: none yet */

struct recent_entry {
    int64_t ms; /* when it ended */
    uint64_t ns, in, out;
    int status;
    bool console;
    char id[20], api[40], error[48], method[12], address[56], access_key[40];
    char bucket[RECENT_NAME_BYTES], who[160], agent[120], key[RECENT_KEY_BYTES];
};
typedef bool recent_filter_f(const void *ctx, const struct recent_entry *);
/* The newest first, of those that the filter takes. At most `max`, in the arena. */
size_t recent_entries(struct recent *all, struct arena *a, recent_filter_f *filter, const void *ctx, size_t max,
                      const struct recent_entry **ret);

#endif
