/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server's charts show: rows of numbers in three rings of steps (10 s for an hour, a minute for a day, a
 * quarter of an hour for a week). A sample says what was counted since the start, so a step's part is a difference; a
 * step without samples is a gap. Steps are numbered by the wall clock: when it jumps, there is a gap, or a step is
 * counted into once more; nothing ever waits for a time to come. Memory is what the rings have.
 *
 * The stored form is checked as a whole: damage is no history, never a wrong one.
 * Threads: one at a time.
 */
#ifndef PAIL_SERVER_HISTORY_RING_H
#define PAIL_SERVER_HISTORY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/histogram.h"

/* Symbol, name, kind. Counts are of a step; `cpu` is in processors. */
#define HISTORY_SERIES(X)                                                                                              \
    X(REQUESTS, "requests", HISTORY_COUNT)                                                                             \
    X(ERRORS_4XX, "errors_4xx", HISTORY_COUNT)                                                                         \
    X(ERRORS_5XX, "errors_5xx", HISTORY_COUNT)                                                                         \
    X(CANCELED, "canceled", HISTORY_COUNT)                                                                             \
    X(BYTES_IN, "bytes_in", HISTORY_COUNT)                                                                             \
    X(BYTES_OUT, "bytes_out", HISTORY_COUNT)                                                                           \
    X(LATENCY_P50, "latency_p50_ms", HISTORY_LATENCY)                                                                  \
    X(LATENCY_P90, "latency_p90_ms", HISTORY_LATENCY)                                                                  \
    X(LATENCY_P99, "latency_p99_ms", HISTORY_LATENCY)                                                                  \
    X(CPU, "cpu", HISTORY_RATE)                                                                                        \
    X(OBJECTS, "objects", HISTORY_GAUGE)                                                                               \
    X(BYTES_STORED, "bytes_stored", HISTORY_GAUGE)                                                                     \
    X(DISK_FREE, "disk_free", HISTORY_GAUGE)                                                                           \
    X(DISK_TOTAL, "disk_total", HISTORY_GAUGE)                                                                         \
    X(MEMORY, "memory", HISTORY_GAUGE)                                                                                 \
    X(CONNECTIONS, "connections", HISTORY_GAUGE)

enum history_series {
#define X(symbol, name, kind) HISTORY_##symbol,
    HISTORY_SERIES(X)
#undef X
        HISTORY_SERIES_COUNT
};
const char *history_series_name(enum history_series);

#define HISTORY_RINGS       3
#define HISTORY_FINE_MS     10000 /* a step of the first ring; how often a sample is taken */
#define HISTORY_FINE_ROWS   366
#define HISTORY_MINUTE_MS   60000
#define HISTORY_MINUTE_ROWS 1500 /* 25 hours */
#define HISTORY_COARSE_MS   900000
#define HISTORY_COARSE_ROWS 768 /* 8 days */

struct history_sample {
    int64_t wall_ms, mono_ms;
    double v[HISTORY_SERIES_COUNT]; /* counts and `cpu` (seconds): since the start; gauges: now; latencies: nothing */
    struct histogram_sum latency;   /* since the start */
};

struct history_rings;

struct history_rings *history_rings_create(void);
void history_rings_free(struct history_rings **);
/* The first sample is where counting begins. */
void history_rings_add(struct history_rings *, const struct history_sample *);
void history_rings_end(struct history_rings *); /* steps that have begun are kept as far as they are */

struct history_view {
    int64_t step_ms, first_ms; /* when the first row begins */
    size_t n;
    const double *rows; /* n * HISTORY_SERIES_COUNT, NAN: a gap; malloc'ed */
};
/* "1h", "6h", "24h" or "7d" before that moment; false: there is no such range. */
bool history_rings_view(const struct history_rings *, struct bytes range, int64_t now_ms, struct history_view *ret);
void history_view_free(struct history_view *);

void history_rings_encode(const struct history_rings *, struct buf *out);
/* Into rings that are new. False: it is no such text; nothing was taken. */
bool history_rings_decode(struct history_rings *, struct bytes text);
#define HISTORY_FILE_MAX (1u << 20) /* bytes of the stored form */

#endif
