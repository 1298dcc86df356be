/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server counts: each request once, where it ends, in the shard of its loop. A shard has one writer, so that
 * counting costs no lock and no bus; readers add the shards up and may see a request half counted, never a wrong total
 * later on. Buckets have counters of their own while they are among the last METRICS_BUCKETS that a loop has served;
 * one that comes back after that begins at zero, as after a restart.
 *
 * Rates of the last minutes come from a ring of minutes, each zeroed by the first request of a new minute.
 * Threads: metrics_begin and metrics_end on the request's loop; reading from any thread.
 */
#ifndef PAIL_SERVER_METRICS_H
#define PAIL_SERVER_METRICS_H

#include "base/arena.h"
#include "base/histogram.h"
#include "s3_error.h"

struct metrics;
struct req;
struct s3_op;
struct server;

#define METRICS_MINUTES      8 /* kept; the present one among them */
#define METRICS_WINDOW       5 /* minutes before the present one that rates are told of */
#define METRICS_MINUTE_CODES 8 /* errors told apart in a minute; more count as others */
#define METRICS_BUCKET_WAYS  8
#define METRICS_BUCKET_SETS  256                                         /* a power of two */
#define METRICS_BUCKETS      (METRICS_BUCKET_SETS * METRICS_BUCKET_WAYS) /* a loop */

/* Operations that buckets' counters tell apart. */
#define METRICS_BUCKET_OPS(X)                                                                                          \
    X(GetObject)                                                                                                       \
    X(PutObject)                                                                                                       \
    X(HeadObject)                                                                                                      \
    X(DeleteObject)                                                                                                    \
    X(DeleteObjects)                                                                                                   \
    X(CopyObject)                                                                                                      \
    X(CreateMultipartUpload)                                                                                           \
    X(UploadPart)                                                                                                      \
    X(CompleteMultipartUpload)                                                                                         \
    X(AbortMultipartUpload)                                                                                            \
    X(ListObjects)                                                                                                     \
    X(ListObjectsV2)                                                                                                   \
    X(ListObjectVersions)                                                                                              \
    X(HeadBucket)
enum metrics_bucket_op {
#define X(name) METRICS_BUCKET_##name,
    METRICS_BUCKET_OPS(X)
#undef X
        METRICS_BUCKET_OTHER,
    METRICS_BUCKET_OP_COUNT
};

struct metrics *metrics_create(unsigned shards);
void metrics_free(struct metrics **); /* accepts NULL inside */

/* The request's operation is known. */
void metrics_begin(struct req *);
/* It is over, however it ended. */
void metrics_end(struct req *);
void metrics_accepted(struct server *, unsigned shard); /* a connection; on that loop */
void metrics_refused(struct server *);                  /* a connection beyond a limit; any thread */

/* ---- reading ---- */

struct metrics_op_sum {
    const struct s3_op *op; /* NULL: no operation was found */
    uint64_t begun, ended, canceled, errors4, errors5, in, out;
    struct histogram_sum first, whole; /* until the first byte of the reply; until its end */
    const uint64_t *codes;             /* S3E_COUNT errors by code */
};
struct metrics_minutes_sum {
    uint64_t requests, uploads, downloads, failed_uploads, failed_downloads, canceled, errors4, errors5, in, out;
    struct histogram_sum all, up, down;
    uint64_t codes[S3E_COUNT]; /* [S3E_OK]: those beyond METRICS_MINUTE_CODES */
    double seconds;            /* that these minutes had, the server's life at most */
};
struct metrics_sum {
    size_t n_ops;
    struct metrics_op_sum *ops;
    uint64_t accepted, refused;
};
struct metrics_bucket_sum {
    struct {
        uint64_t n, errors4, errors5, canceled;
    } ops[METRICS_BUCKET_OP_COUNT];
    uint64_t in, out;
};

struct metrics_sum *metrics_collect(struct server *, struct arena *);
void metrics_collect_minutes(struct server *, struct metrics_minutes_sum *ret);
void metrics_collect_bucket(struct server *, uint64_t partition, struct metrics_bucket_sum *ret);
void metrics_collect_bucket_minutes(struct server *, uint64_t partition, struct metrics_minutes_sum *ret);
/* What MinIO calls it: "getobject", "listobjectsv2". Constant; "unknown" for NULL. */
const char *metrics_api_name(struct server *, const struct s3_op *);
const char *metrics_bucket_api_name(enum metrics_bucket_op);
int64_t metrics_started_ms(const struct server *); /* wall clock */
double metrics_uptime_seconds(const struct server *);

#endif
