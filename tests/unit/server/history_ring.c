/* SPDX-License-Identifier: Apache-2.0 */
/* Charts: steps, gaps, clocks that jump, and what is stored. */
#include "server/history_ring.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define START_MS INT64_C(1795263300000) /* a whole quarter of an hour */

static struct history_sample at(int64_t ms, int64_t mono_ms, double requests)
{
    struct history_sample s = {.wall_ms = START_MS + ms, .mono_ms = 1000 + mono_ms};
    s.v[HISTORY_REQUESTS] = requests;
    s.v[HISTORY_CPU] = requests / 100;
    s.v[HISTORY_MEMORY] = 1000 + requests;
    s.latency.n[3] = (uint64_t)requests;
    return s;
}

static void add(struct history_rings *h, int64_t ms, int64_t mono_ms, double requests)
{
    struct history_sample s = at(ms, mono_ms, requests);
    history_rings_add(h, &s);
}

/* Of the step that began then; NAN: a gap, -1: not within the range. */
static double value(struct history_rings *h, const char *range, int64_t now_ms, int64_t ms, enum history_series s)
{
    struct history_view v;
    cr_assert(history_rings_view(h, bytes_str(range), START_MS + now_ms, &v));
    int64_t i = (START_MS + ms - v.first_ms) / v.step_ms;
    double x = i < 0 || i >= (int64_t)v.n ? -1 : v.rows[(size_t)i * HISTORY_SERIES_COUNT + s];
    history_view_free(&v);
    return x;
}

Test(history_ring, counts_are_of_steps_and_gaps_are_told)
{
    struct history_rings *h = history_rings_create();
    add(h, 0, 0, 100);
    add(h, 10000, 10000, 130);
    add(h, 20000, 20000, 130);
    add(h, 60000, 60000, 190); /* a pause: those belong to the step that was under way */
    add(h, 70000, 70000, 200);
    cr_expect_eq(value(h, "1h", 70000, 0, HISTORY_REQUESTS), 30);
    cr_expect_eq(value(h, "1h", 70000, 10000, HISTORY_REQUESTS), 0);
    cr_expect_eq(value(h, "1h", 70000, 20000, HISTORY_REQUESTS), 60);
    cr_expect(isnan(value(h, "1h", 70000, 30000, HISTORY_REQUESTS)));
    cr_expect_eq(value(h, "1h", 70000, 60000, HISTORY_REQUESTS), 10);
    cr_expect(isnan(value(h, "1h", 70000, -10000, HISTORY_REQUESTS)));
    cr_expect_eq(value(h, "1h", 70000, 70000, HISTORY_REQUESTS), -1, "the present step is no row");
    cr_expect_eq(value(h, "6h", 70000, 0, HISTORY_REQUESTS), 90);
    cr_expect_eq(value(h, "24h", 70000, 0, HISTORY_MEMORY), 1190);
    cr_expect_float_eq(value(h, "1h", 70000, 0, HISTORY_CPU), 0.03, 1e-9);
    cr_expect(value(h, "1h", 70000, 0, HISTORY_LATENCY_P50) > 0);
    cr_expect(isnan(value(h, "1h", 70000, 10000, HISTORY_LATENCY_P50)), "no requests, no latency");
    history_rings_free(&h);
}

Test(history_ring, memory_is_bounded_and_the_oldest_go)
{
    struct history_rings *h = history_rings_create();
    int64_t step = HISTORY_FINE_MS, n = 3 * 24 * 360;
    for (int64_t i = 0; i <= n; i++)
        add(h, i * step, i * step, (double)i);
    int64_t now = n * step;
    cr_expect_eq(value(h, "1h", now, now - 360 * step, HISTORY_REQUESTS), 1);
    cr_expect_eq(value(h, "24h", now, now - INT64_C(86400000), HISTORY_REQUESTS), 6);
    cr_expect_eq(value(h, "7d", now, 0, HISTORY_REQUESTS), 90, "three days ago");
    cr_expect(isnan(value(h, "7d", now, -900000, HISTORY_REQUESTS)));
    history_rings_free(&h);
}

Test(history_ring, a_clock_that_jumps_spoils_nothing)
{
    struct history_rings *h = history_rings_create();
    const int64_t day = 86400000, year = 365 * day;
    add(h, 0, 0, 0);
    add(h, 10000, 10000, 5);
    add(h, 10 * year, 20000, 7); /* far ahead */
    add(h, 10 * year + 10000, 30000, 9);
    cr_expect(isnan(value(h, "1h", 10 * year + 10000, 0 + 10 * year - 10000, HISTORY_REQUESTS)));
    cr_expect_eq(value(h, "1h", 10 * year + 10000, 10 * year, HISTORY_REQUESTS), 2);
    add(h, 20000, 40000, 10); /* back again */
    add(h, 30000, 50000, 11);
    cr_expect_eq(value(h, "1h", 30000, 0, HISTORY_REQUESTS), 5);
    cr_expect_eq(value(h, "1h", 30000, 10000, HISTORY_REQUESTS), 2);
    cr_expect_eq(value(h, "1h", 30000, 20000, HISTORY_REQUESTS), 1);
    add(h, 0, 60000, 20); /* a step once more: it goes on */
    add(h, 10000, 70000, 30);
    cr_expect_eq(value(h, "1h", 30000, 0, HISTORY_REQUESTS), 15);
    add(h, -40 * year, 80000, 31); /* before 1987 */
    add(h, -90 * year, 90000, 32); /* before 1970 */
    add(h, 40000, 100000, 33);
    cr_expect_eq(value(h, "1h", 40000, 0, HISTORY_REQUESTS), 15);
    history_rings_free(&h);
}

Test(history_ring, what_is_stored_comes_back)
{
    struct history_rings *h = history_rings_create(), *again = history_rings_create();
    struct buf text;
    buf_init(&text, HISTORY_FILE_MAX);
    for (int64_t i = 0; i <= 9000; i++)
        add(h, i * 10000, i * 10000, (double)(2 * i));
    add(h, 90005000, 90005000, 20000); /* within a step */
    history_rings_end(h);
    history_rings_encode(h, &text);
    cr_assert(!text.failed && text.n < HISTORY_FILE_MAX);
    cr_assert(history_rings_decode(again, buf_bytes(&text)));
    for (int64_t ms = 86400000; ms < 90000000; ms += 600000)
        cr_expect_eq(value(again, "1h", 90000000, ms, HISTORY_REQUESTS),
                     value(h, "1h", 90000000, ms, HISTORY_REQUESTS));
    cr_expect_eq(value(again, "24h", 90060000, 90000000, HISTORY_REQUESTS), 2000, "the step that was not over");
    add(again, 90007000, 7, 100); /* the server counts from zero again */
    add(again, 90060000, 53007, 140);
    cr_expect_eq(value(again, "24h", 90060000, 90000000, HISTORY_REQUESTS), 2040);
    history_rings_free(&h);
    history_rings_free(&again);
    buf_fini(&text);
}

Test(history_ring, damage_is_no_history)
{
    struct history_rings *h = history_rings_create();
    struct buf text;
    buf_init(&text, HISTORY_FILE_MAX);
    for (int64_t i = 0; i <= 10; i++)
        add(h, i * 10000, i * 10000, (double)i);
    history_rings_encode(h, &text);
    struct history_rings *again = history_rings_create();
    for (size_t i = 0; i < text.n; i++) {
        text.p[i] ^= 0x11;
        cr_assert_not(history_rings_decode(again, buf_bytes(&text)), "byte %zu", i);
        text.p[i] ^= 0x11;
        cr_assert_not(history_rings_decode(again, bytes_of(text.p, i)), "%zu bytes", i);
    }
    cr_expect(isnan(value(again, "1h", 100000, 0, HISTORY_REQUESTS)));
    cr_expect(history_rings_decode(again, buf_bytes(&text)));
    history_rings_free(&h);
    history_rings_free(&again);
    buf_fini(&text);
}

Test(history_ring, ranges)
{
    struct history_rings *h = history_rings_create();
    struct history_view v;
    static const char *const wrong[] = {"", "2h", "1h ", "24H", "7days"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(history_rings_view(h, bytes_str(wrong[i]), START_MS, &v), "%s", wrong[i]);
    cr_assert(history_rings_view(h, BYTES_LIT("7d"), START_MS, &v));
    cr_expect(v.n == 672 && v.step_ms == 900000 && v.first_ms == START_MS - 7 * INT64_C(86400000));
    history_view_free(&v);
    history_rings_free(&h);
}
