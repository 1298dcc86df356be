/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms of durations: see the header. The bounds contain those of MinIO's time to first byte, so that both can be
 * told from one count. Threads: as the header says.
 */
#include "base/histogram.h"

#define MS UINT64_C(1000000)

const uint64_t histogram_bounds_ns[HISTOGRAM_BOUNDS] = {
    MS / 10,  MS / 4,   MS / 2,   MS,        MS * 5 / 2, MS * 5,    MS * 10,    MS * 25,    MS * 50,
    MS * 100, MS * 250, MS * 500, MS * 1000, MS * 2500,  MS * 5000, MS * 10000, MS * 30000, MS * 60000,
};
const char *const histogram_bounds_text[HISTOGRAM_BOUNDS] = {
    "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
    "0.1",    "0.25",    "0.5",    "1",     "2.5",    "5",     "10",   "30",    "60",
};

size_t histogram_place(uint64_t ns)
{
    size_t i = 0;
    while (i < HISTOGRAM_BOUNDS && ns > histogram_bounds_ns[i])
        i++;
    return i;
}

void histogram_collect(const struct histogram *h, struct histogram_sum *add_to)
{
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        add_to->n[i] += counter_get(&h->n[i]);
    add_to->sum_ns += counter_get(&h->sum_ns);
}

uint64_t histogram_total(const struct histogram_sum *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        n += h->n[i];
    return n;
}

double histogram_quantile(const struct histogram_sum *h, double q)
{
    uint64_t total = histogram_total(h), below = 0;
    double rank = q * (double)total;
    if (total == 0)
        return 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        if (h->n[i] && (double)(below + h->n[i]) >= rank) {
            double from = i ? (double)histogram_bounds_ns[i - 1] : 0, to = (double)histogram_bounds_ns[i];
            return (from + (to - from) * (rank - (double)below) / (double)h->n[i]) / 1e9;
        }
        below += h->n[i];
    }
    return (double)histogram_bounds_ns[HISTOGRAM_BOUNDS - 1] / 1e9;
}
