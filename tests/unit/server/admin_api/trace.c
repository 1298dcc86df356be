/* SPDX-License-Identifier: Apache-2.0 */
/* Traces: durations as Go writes them, listeners that come and go and are bounded; and the table of operations. */
#include <criterion/criterion.h>
#include <string.h>

#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/admin_api/trace.h"
#include "server/ops.h"

Test(admin_trace, durations)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"0s", 0},     {"0", 0},   {"100ms", 100000000},       {"1.5s", 1500000000},
                {"2us", 2000}, {"7ns", 7}, {"1h2m3s", 3723000000000u}, {"5m", 300000000000u}};
    static const char *const bad[] = {"", "s", "1", "1x", "-1s", "1s2", ".5s", "99999999999h", "1 s"};
    uint64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(trace_duration(bytes_str(good[i].text), &ns) && ns == good[i].ns, "%s", good[i].text);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(!trace_duration(bytes_str(bad[i]), &ns), "%s", bad[i]);
}

Test(admin_trace, listeners_are_bounded)
{
    static const struct trace_filter all = {.s3 = true, .internal = true};
    struct trace *list[TRACE_SUBSCRIBERS_MAX];
    struct buf out;
    for (size_t i = 0; i < TRACE_SUBSCRIBERS_MAX; i++)
        cr_assert((list[i] = trace_subscribe(&all)) != NULL);
    cr_assert(trace_subscribe(&all) == NULL);
    trace_end(&list[3]);
    cr_assert((list[3] = trace_subscribe(&all)) != NULL);
    buf_init(&out, 1000);
    for (unsigned i = 1; i < TRACE_QUIET_TICKS; i++)
        trace_take(list[0], &out);
    cr_assert_eq(out.n, 0);
    trace_take(list[0], &out); /* a sign of life */
    cr_assert(bytes_eq_str(buf_bytes(&out), " "));
    buf_fini(&out);
    for (size_t i = 0; i < TRACE_SUBSCRIBERS_MAX; i++)
        trace_end(&list[i]);
}

static unsigned ended;

static bool take_two(void *arg, struct buf *out)
{
    unsigned *n = arg;
    buf_put_char(out, 'x');
    return ++*n < 2;
}

static void end_it(void *arg)
{
    (void)arg;
    ended++;
}

Test(admin_trace, streams_of_other_kinds_end_by_themselves)
{
    unsigned n = 0;
    struct buf out;
    struct trace *t = trace_stream(take_two, end_it, &n);
    buf_init(&out, 100);
    cr_assert(t && !trace_is_over(t));
    trace_take(t, &out);
    cr_assert_not(trace_is_over(t));
    for (unsigned i = 0; i < 2 * TRACE_QUIET_TICKS; i++)
        trace_take(t, &out);
    cr_assert(trace_is_over(t));
    cr_assert_eq(n, 2); /* not asked again */
    trace_end(&t);
    cr_assert_eq(ended, 1);
    struct trace *list[TRACE_SUBSCRIBERS_MAX];
    for (size_t i = 0; i < TRACE_SUBSCRIBERS_MAX; i++)
        cr_assert((list[i] = trace_stream(take_two, end_it, &n)) != NULL);
    cr_assert(trace_stream(take_two, end_it, &n) == NULL);
    cr_assert_eq(ended, 2); /* what it was for is let go all the same */
    for (size_t i = 0; i < TRACE_SUBSCRIBERS_MAX; i++)
        trace_end(&list[i]);
    buf_fini(&out);
}

Test(admin_routes, each_row_is_whole_and_one_of_its_kind)
{
    size_t n;
    const struct s3_op *rows = admin_op_table(&n);
    for (size_t i = 0; i < n; i++) {
        bool kms = strncmp(rows[i].path, KMS_PATH, strlen(KMS_PATH)) == 0;
        cr_expect(kms || strncmp(rows[i].path, ADMIN_PATH, strlen(ADMIN_PATH)) == 0, "%s", rows[i].path);
        cr_expect(rows[i].handle && bytes_starts(bytes_str(rows[i].action), bytes_str(kms ? "kms:" : "admin:")), "%s",
                  rows[i].path);
        cr_expect_not(rows[i].flags & OP_PUBLIC, "%s", rows[i].path);
        for (size_t k = i + 1; k < n; k++)
            cr_expect(strcmp(rows[i].path, rows[k].path) != 0 || rows[i].method != rows[k].method, "%s", rows[i].path);
    }
}
