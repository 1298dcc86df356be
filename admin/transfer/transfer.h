/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving data in and out: what all parts of `pail import` and `pail export` share. Each part is one idea in a file of
 * its own, with a header of its own; from the top down:
 *
 *   options.h             the arguments
 *   run.h                 threads, signals, one bucket after the other
 *   plan.h                what is missing, as a queue of jobs
 *   job.h                 one key: which of its versions are there (same.h), the others written in order (copy.h), and
 *                         what a killed run's last request may have done meanwhile (late.h)
 *   large.h               objects in parts, shared by all workers: parts.h, upload.h
 *   carry.h verify.h      what an object carries beside its bytes; proof that these arrive as they are
 *   buckets.h             settings of buckets
 *   list.h walk.h         what lies at a place, in the order of keys
 *   folder.h journal.h    files in folders; which uploads are open
 *   s3.h xml.h            requests and their replies
 *   names.h etag.h times.h memory.h report.h    small things that the others need
 *
 * A planner lists both sides in the order of their keys and merges them; what the destination lacks becomes a job, one
 * for each key. Workers carry jobs out, several at once, and help each other with the parts of large objects. Nothing
 * of this is kept for a second run but the uploads that were open (the journal): what has arrived is found by listing.
 *
 * Threads: one planner, `workers` workers, and the first thread, which shows the progress; each has a `struct line` of
 * its own. `struct transfer` is shared; its fields below `lock` are under that.
 * Memory: what a function answers lives in the line's arena, which is reset between jobs, pages and parts, unless its
 * header says otherwise.
 * Errors: what concerns one key is a line of text in `error`, of 400 bytes, which the job reports; what concerns more
 * is reported where it is met.
 */
#ifndef PAIL_ADMIN_TRANSFER_TRANSFER_H
#define PAIL_ADMIN_TRANSFER_TRANSFER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/place.h"
#include "base/arena.h"
#include "base/bytes.h"

#define TRANSFER_PART_SIZE   (16u << 20)  /* larger objects go in parts of this size, unless the source names its own */
#define TRANSFER_PART_MIN    (5u << 20)   /* what S3 allows, but for the last */
#define TRANSFER_PART_MAX    (512u << 20) /* that a source's own part size is kept up to */
#define TRANSFER_PARTS_MAX   10000        /* that S3 allows */
#define TRANSFER_WORKERS_MAX 256

struct transfer_options {
    const char *command; /* "import", "export" */
    struct place from, to;
    bool versions, all_buckets, create, dry_run, compare, json, follow_links;
    unsigned workers, retries;
    uint64_t limit;     /* bytes a second; 0: none */
    uint64_t part_size; /* 0: TRANSFER_PART_SIZE */
    const char *sse, *sse_key;
    const char *journal; /* a file; NULL: below the user's state folder */
};

/* What came of it; counted by any thread. */
struct transfer_counts {
    _Atomic uint64_t listed, planned, planned_bytes; /* keys seen at the source, versions to write and their bytes */
    _Atomic uint64_t copied, markers, bytes;         /* versions and delete markers written, bytes of them */
    _Atomic uint64_t same, gone, failed, differs, extra, skipped, retried, reused_parts, requests;
};

/* Whether the destination checks a body against x-amz-checksum-...; its answers tell. */
enum { SUMS_UNKNOWN, SUMS_CHECKED, SUMS_UNCHECKED };

struct job;
struct large;
struct journal;
struct buffer;

struct transfer {
    const struct transfer_options *o;
    const char *from_bucket, *to_bucket; /* of this run of many */
    const char *to_prefix;
    struct transfer_counts counts;
    _Atomic int stop;    /* 1: take nothing more and end soon, 2: end at once */
    _Atomic bool broken; /* the planner could not go on */
    _Atomic bool listed_all, no_conditions, no_classes;
    _Atomic int sums;   /* SUMS_... */
    bool to_locks;      /* the destination's bucket knows object lock */
    int from_fd, to_fd; /* of folders */
    struct journal *journal;
    int64_t began_ms;

    pthread_mutex_t lock;
    pthread_cond_t more, room; /* something to do; the queue or the memory has room */
    struct job *first, **last; /* what is planned: plan.h */
    size_t queued, running;
    struct large *larges; /* objects with parts to take: large.h */
    uint64_t memory;      /* bytes of objects in memory: memory.h */
    struct buffer *spare; /* used before, and ready for the next */
    uint64_t spare_bytes;
    double allowance; /* bytes that the limit lets go now: s3.h */
    int64_t allowed_at_ms, stopped_ms;
};

/* What a thread has of its own. */
struct line {
    struct transfer *t;
    struct http_client_session *http;
    struct arena *arena; /* reset between jobs */
    uint64_t moved;      /* bytes of the request that runs, as the limit has counted them */
    bool limited;        /* this request counts for the limit */
};

struct version {
    struct bytes id, etag; /* the ETag without its quotes; empty: of a folder */
    uint64_t size;
    int64_t mtime_ns;
    bool marker;
};

/* One key: one allocation, with all that it points to. */
struct job {
    struct job *next;
    struct bytes key; /* relative to the place's prefix */
    size_t n, n_have;
    struct version *versions, *have; /* the source's, and what the destination has already; oldest first */
};

/* What came of a version. SPOILED: the bytes are not those that the source tells of */
enum copy_end { COPY_DONE, COPY_SAME, COPY_GONE, COPY_FAILED, COPY_SPOILED };

#endif
