/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of steps, see history_ring.h. A ring has the step that is under way as a number and what had been counted when
 * it began; when a sample belongs to another step, the one before becomes a row. A row whose number is not the one that
 * is asked for is a gap, so rows need no clearing.
 */
#include "server/history_ring.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bigendian.h"
#include "base/check.h"

#define MAGIC      "pail history 1\n"
#define DIGEST     32
#define NO_STEP    INT64_MIN
#define LATEST_MS  INT64_C(253402300800000) /* the year 10000 */
#define ROW_BYTES  (8 + 8 * HISTORY_SERIES_COUNT)
#define RING_BYTES 12

enum kind { HISTORY_COUNT, HISTORY_LATENCY, HISTORY_RATE, HISTORY_GAUGE };

static const enum kind kinds[] = {
#define X(symbol, name, kind) kind,
    HISTORY_SERIES(X)
#undef X
};

struct row {
    int64_t number; /* of the step, since 1970 */
    double v[HISTORY_SERIES_COUNT];
};

struct ring {
    int64_t step_ms;
    size_t n;
    struct row *rows;
    int64_t current; /* NO_STEP: none has begun */
    struct history_sample from;
};

struct history_rings {
    struct ring ring[HISTORY_RINGS];
    struct history_sample last;
    bool begun;
};

const char *history_series_name(enum history_series s)
{
    static const char *const names[] = {
#define X(symbol, name, kind) name,
        HISTORY_SERIES(X)
#undef X
    };
    return names[s];
}

struct history_rings *history_rings_create(void)
{
    static const struct {
        int64_t step_ms;
        size_t n;
    } shapes[HISTORY_RINGS] = {{HISTORY_FINE_MS, HISTORY_FINE_ROWS},
                               {HISTORY_MINUTE_MS, HISTORY_MINUTE_ROWS},
                               {HISTORY_COARSE_MS, HISTORY_COARSE_ROWS}};
    struct history_rings *h = xcalloc(1, sizeof *h);
    for (size_t i = 0; i < HISTORY_RINGS; i++) {
        struct ring *r = &h->ring[i];
        r->step_ms = shapes[i].step_ms;
        r->n = shapes[i].n;
        r->rows = xcalloc(r->n, sizeof *r->rows);
        r->current = NO_STEP;
        for (size_t k = 0; k < r->n; k++)
            r->rows[k].number = NO_STEP;
    }
    return h;
}

void history_rings_free(struct history_rings **ph)
{
    for (size_t i = 0; *ph && i < HISTORY_RINGS; i++)
        free((*ph)->ring[i].rows);
    free(*ph);
    *ph = NULL;
}

/* ---- adding ---- */

static struct row *row_of(const struct ring *r, int64_t number)
{
    return &r->rows[(uint64_t)number % r->n];
}

static double quantile_ms(const struct histogram_sum *h, enum history_series s)
{
    double q = s == HISTORY_LATENCY_P50 ? 0.5 : s == HISTORY_LATENCY_P90 ? 0.9 : 0.99;
    return histogram_total(h) ? histogram_quantile(h, q) * 1000 : NAN;
}

/* What was between two samples. */
static void make_row(const struct history_sample *from, const struct history_sample *to, double v[HISTORY_SERIES_COUNT])
{
    struct histogram_sum latency = to->latency;
    double seconds = (double)(to->mono_ms - from->mono_ms) / 1000;
    latency.sum_ns -= from->latency.sum_ns;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        latency.n[i] -= from->latency.n[i];
    for (enum history_series s = 0; s < HISTORY_SERIES_COUNT; s++) {
        double more = to->v[s] - from->v[s];
        v[s] = kinds[s] == HISTORY_COUNT     ? (more > 0 ? more : 0)
               : kinds[s] == HISTORY_LATENCY ? quantile_ms(&latency, s)
               : kinds[s] == HISTORY_RATE    ? (seconds > 0 && more > 0 ? more / seconds : 0)
                                             : to->v[s];
    }
}

/* A step that was there already: before a restart, or before the clock went back. */
static void join_rows(const double was[HISTORY_SERIES_COUNT], double v[HISTORY_SERIES_COUNT])
{
    for (enum history_series s = 0; s < HISTORY_SERIES_COUNT; s++)
        if (kinds[s] == HISTORY_COUNT)
            v[s] += isnan(was[s]) ? 0 : was[s];
        else if (kinds[s] != HISTORY_GAUGE)
            v[s] = isnan(v[s]) || was[s] > v[s] ? was[s] : v[s];
}

static void end_step(struct ring *r, const struct history_sample *at)
{
    double v[HISTORY_SERIES_COUNT];
    if (r->current == NO_STEP || at->mono_ms <= r->from.mono_ms)
        return;
    struct row *row = row_of(r, r->current);
    make_row(&r->from, at, v);
    if (row->number == r->current)
        join_rows(row->v, v);
    row->number = r->current;
    memcpy(row->v, v, sizeof v);
}

void history_rings_add(struct history_rings *h, const struct history_sample *s)
{
    for (size_t i = 0; i < HISTORY_RINGS; i++) {
        struct ring *r = &h->ring[i];
        int64_t number = s->wall_ms / r->step_ms;
        if (number == r->current)
            continue;
        /* What was counted since the last sample belongs to the step that ends, but for a moment. */
        end_step(r, s);
        r->current = number;
        r->from = *s;
    }
    h->last = *s;
    h->begun = true;
}

void history_rings_end(struct history_rings *h)
{
    for (size_t i = 0; h->begun && i < HISTORY_RINGS; i++) {
        end_step(&h->ring[i], &h->last);
        h->ring[i].current = NO_STEP;
    }
}

/* ---- looking ---- */

bool history_rings_view(const struct history_rings *h, struct bytes range, int64_t now_ms, struct history_view *ret)
{
    static const struct {
        const char *name;
        size_t ring, steps;
    } ranges[] = {{"1h", 0, 360}, {"6h", 1, 360}, {"24h", 1, 1440}, {"7d", 2, 672}};
    size_t at = 0;
    while (at < ARRAY_LEN(ranges) && !bytes_eq_str(range, ranges[at].name))
        at++;
    if (at == ARRAY_LEN(ranges))
        return false;
    const struct ring *r = &h->ring[ranges[at].ring];
    int64_t first = now_ms / r->step_ms - (int64_t)ranges[at].steps; /* the step under way is no row yet */
    double *rows = xmalloc(ranges[at].steps * HISTORY_SERIES_COUNT * sizeof *rows), *to = rows;
    for (size_t i = 0; i < ranges[at].steps; i++, to += HISTORY_SERIES_COUNT) {
        const struct row *row = row_of(r, first + (int64_t)i);
        for (size_t s = 0; s < HISTORY_SERIES_COUNT; s++)
            to[s] = row->number == first + (int64_t)i ? row->v[s] : NAN;
    }
    *ret = (struct history_view){
        .step_ms = r->step_ms, .first_ms = first * r->step_ms, .n = ranges[at].steps, .rows = rows};
    return true;
}

void history_view_free(struct history_view *v)
{
    free((void *)(uintptr_t)v->rows);
    *v = (struct history_view){0};
}

/* ---- the stored form: MAGIC, for each ring its step, its rows and those; a digest of all ---- */

static void put_u32(struct buf *out, uint32_t n)
{
    unsigned char b[4];
    put32(b, n);
    buf_put(out, b, sizeof b);
}

static void put_u64(struct buf *out, uint64_t n)
{
    unsigned char b[8];
    put64(b, n);
    buf_put(out, b, sizeof b);
}

void history_rings_encode(const struct history_rings *h, struct buf *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    buf_reset(out);
    buf_put_str(out, MAGIC);
    for (size_t i = 0; i < HISTORY_RINGS; i++) {
        const struct ring *r = &h->ring[i];
        uint32_t used = 0;
        for (size_t k = 0; k < r->n; k++)
            used += r->rows[k].number != NO_STEP;
        put_u32(out, (uint32_t)r->step_ms);
        put_u32(out, HISTORY_SERIES_COUNT);
        put_u32(out, used);
        for (size_t k = 0; k < r->n; k++) {
            if (r->rows[k].number == NO_STEP)
                continue;
            put_u64(out, (uint64_t)r->rows[k].number);
            for (size_t s = 0; s < HISTORY_SERIES_COUNT; s++) {
                uint64_t bits;
                memcpy(&bits, &r->rows[k].v[s], sizeof bits);
                put_u64(out, bits);
            }
        }
    }
    CHECK(EVP_Digest(out->p, out->n, digest, NULL, EVP_sha256(), NULL) == 1);
    buf_put(out, digest, DIGEST);
}

static bool decode_row(struct ring *r, const unsigned char *p)
{
    struct row row;
    row.number = (int64_t)get64(p);
    if (row.number < 0 || row.number > LATEST_MS / r->step_ms)
        return false;
    for (size_t s = 0; s < HISTORY_SERIES_COUNT; s++) {
        uint64_t bits = get64(p + 8 + 8 * s);
        memcpy(&row.v[s], &bits, sizeof bits);
        if (isinf(row.v[s]) || row.v[s] < 0)
            return false;
    }
    *row_of(r, row.number) = row;
    return true;
}

static bool decode_ring(struct ring *r, struct bytes *text)
{
    const unsigned char *p = (const unsigned char *)text->p;
    if (text->n < RING_BYTES || get32(p) != (uint32_t)r->step_ms || get32(p + 4) != HISTORY_SERIES_COUNT)
        return false;
    size_t used = get32(p + 8);
    if (used > r->n || (text->n - RING_BYTES) / ROW_BYTES < used)
        return false;
    for (size_t i = 0; i < used; i++)
        if (!decode_row(r, p + RING_BYTES + i * ROW_BYTES))
            return false;
    *text = bytes_cut(*text, RING_BYTES + used * ROW_BYTES, SIZE_MAX);
    return true;
}

bool history_rings_decode(struct history_rings *h, struct bytes text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (text.n < sizeof MAGIC - 1 + DIGEST || !bytes_starts(text, BYTES_LIT(MAGIC)))
        return false;
    struct bytes body = bytes_cut(text, 0, text.n - DIGEST);
    CHECK(EVP_Digest(body.p, body.n, digest, NULL, EVP_sha256(), NULL) == 1);
    if (memcmp(digest, text.p + body.n, DIGEST) != 0) /* of our own file, no secret */
        return false;
    body = bytes_cut(body, sizeof MAGIC - 1, SIZE_MAX);
    bool good = true;
    for (size_t i = 0; good && i < HISTORY_RINGS; i++)
        good = decode_ring(&h->ring[i], &body);
    for (size_t i = 0; !good && i < HISTORY_RINGS; i++)
        for (size_t k = 0; k < h->ring[i].n; k++)
            h->ring[i].rows[k].number = NO_STEP;
    return good;
}
