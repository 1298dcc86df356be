/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server does for its data in the background: the scrubber reads every blob now and then and compares it with
 * its checksums; the index is copied to DIR/snapshots at set times, for `pail recover`.
 *
 * A blob that the scrubber finds damaged is named in the log, counted and marked (a document of the store, which `pail
 * check` shows); it is not removed, and what is good of it can still be read. The mark goes when the blob is good
 * again, or gone.
 *
 * Threads: two of its own, at idle priority; upkeep_health from any.
 */
#ifndef PAIL_UPKEEP_H
#define PAIL_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

struct store;
struct upkeep;

#define UPKEEP_DAMAGED "upkeep/damaged/" /* documents: + id of the blob; a line of text for people */
#define UPKEEP_SCRUB   "upkeep/scrub/"   /* documents: where the scrubber is */

struct upkeep_options {
    struct store *store;           /* outlives it */
    const char *folder;            /* the data folder; borrowed */
    uint64_t scrub_rate;           /* bytes/s; 0: no scrubbing */
    uint64_t scrub_interval_ms;    /* from the beginning of one pass to that of the next */
    uint64_t snapshot_interval_ms; /* 0: no snapshots. One is also made when the keys of encryption changed */
    unsigned snapshots_kept;
};
struct upkeep *upkeep_open(const struct upkeep_options *); /* NULL: the system has no threads */
void upkeep_close(struct upkeep **);                       /* before the store; accepts NULL inside */

struct upkeep_health {
    uint64_t scrubbed_blobs, scrubbed_bytes; /* since the start */
    uint64_t damaged;                        /* blobs marked now */
    int64_t pass_began_ms, pass_ended_ms;    /* of the last pass that came to its end; 0: none ever did */
    int64_t snapshot_ms;                     /* of the newest snapshot; 0: none */
    bool snapshot_failed;                    /* the last try */
};
void upkeep_health(struct upkeep *, struct upkeep_health *ret);

#endif
