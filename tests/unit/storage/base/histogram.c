/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: where durations fall, and what is read out of them. */
#include "base/histogram.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(histogram, bounds_grow_and_their_texts_say_so)
{
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        cr_assert(i == 0 || histogram_bounds_ns[i] > histogram_bounds_ns[i - 1]);
        cr_assert_float_eq(strtod(histogram_bounds_text[i], NULL), (double)histogram_bounds_ns[i] / 1e9, 1e-9);
        cr_assert_eq(histogram_place(histogram_bounds_ns[i]), i, "a bound belongs to its own range");
        cr_assert_eq(histogram_place(histogram_bounds_ns[i] + 1), i + 1);
    }
    cr_assert_eq(histogram_place(0), 0);
    cr_assert_eq(histogram_place(UINT64_MAX), HISTOGRAM_BOUNDS);
}

Test(histogram, sums_and_quantiles)
{
    struct histogram h = {0};
    struct histogram_sum s = {0};
    cr_assert_float_eq(histogram_quantile(&s, 0.5), 0, 0);
    for (int i = 0; i < 90; i++)
        histogram_add(&h, 700000); /* within 0.5 to 1 ms */
    for (int i = 0; i < 10; i++)
        histogram_add(&h, 200000000); /* within 100 to 250 ms */
    histogram_collect(&h, &s);
    histogram_collect(&h, &s); /* adds */
    cr_assert_eq(histogram_total(&s), 200);
    cr_assert_eq(s.sum_ns, 2 * (90 * UINT64_C(700000) + 10 * UINT64_C(200000000)));
    double median = histogram_quantile(&s, 0.5), high = histogram_quantile(&s, 0.99);
    cr_assert(median > 0.0005 && median <= 0.001, "%g", median);
    cr_assert(high > 0.1 && high <= 0.25, "%g", high);
    cr_assert(histogram_quantile(&s, 1) <= 0.25);
}

Test(histogram, what_is_beyond_the_last_bound_is_at_least_that)
{
    struct histogram_sum s = {0};
    s.n[HISTOGRAM_BOUNDS] = 5;
    cr_assert_float_eq(histogram_quantile(&s, 0.5), 60, 1e-9);
}
