/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of durations with fixed bounds, the ones that people draw. One thread adds, any thread reads: the counts
 * are atomic, but no addition costs more than a plain one. A reader may see a count without its sum.
 */
#ifndef PAIL_BASE_HISTOGRAM_H
#define PAIL_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 18

struct histogram {
    _Atomic uint64_t sum_ns;                  /* beside the short ones, which are the many */
    _Atomic uint64_t n[HISTOGRAM_BOUNDS + 1]; /* within bound i and not within the one before; the last: all others */
};

/* A sum of several, for readers. */
struct histogram_sum {
    uint64_t n[HISTOGRAM_BOUNDS + 1], sum_ns;
};

extern const uint64_t histogram_bounds_ns[HISTOGRAM_BOUNDS];
extern const char *const histogram_bounds_text[HISTOGRAM_BOUNDS]; /* seconds, as Prometheus wants them */

/* Counters that one thread writes. */
static inline void counter_add(_Atomic uint64_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline uint64_t counter_get(const _Atomic uint64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

size_t histogram_place(uint64_t ns);
static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    counter_add(&h->n[histogram_place(ns)], 1);
    counter_add(&h->sum_ns, ns);
}
void histogram_collect(const struct histogram *, struct histogram_sum *add_to);
uint64_t histogram_total(const struct histogram_sum *);
/* Seconds that the part `q` (0 to 1) took at most, by interpolation between two bounds; 0 when there is nothing. */
double histogram_quantile(const struct histogram_sum *, double q);

#endif
