/* SPDX-License-Identifier: Apache-2.0 */
/* What may be asked of an object lock. */
#include "server/api/lock_rules.h"

#include <criterion/criterion.h>

#include "base/check.h"

#define NOW INT64_C(1700049760123) /* 2023-11-15T12:02:40.123Z */
#define DAY INT64_C(86400000)

static struct object_lock lock;

static enum lock_fault parse(const char *mode, const char *until, const char *hold)
{
    return lock_parse(bytes_str(mode), bytes_str(until), bytes_str(hold), NOW, &lock);
}

Test(lock_rules, nothing_is_no_lock)
{
    cr_assert_eq(parse(NULL, NULL, NULL), LOCK_OK);
    cr_assert(lock.mode == LOCK_NONE && !lock.hold && !lock.hold_set);
    cr_assert_eq(parse("", "", ""), LOCK_OK);
    cr_assert(lock.mode == LOCK_NONE && !lock.hold_set);
}

Test(lock_rules, retention)
{
    cr_assert_eq(parse("GOVERNANCE", "2023-11-16T12:02:40Z", NULL), LOCK_OK);
    cr_assert(lock.mode == LOCK_GOVERNANCE && lock.until_ms == NOW - 123 + DAY && !lock.hold_set);
    cr_assert_eq(parse("COMPLIANCE", "2030-01-01T00:00:00.000Z", NULL), LOCK_OK);
    cr_assert(lock.mode == LOCK_COMPLIANCE && lock.until_ms == INT64_C(1893456000000));
    cr_assert_eq(parse("COMPLIANCE", "Tue, 01 Jan 2030 00:00:00 GMT", NULL), LOCK_OK);
    cr_assert_eq(lock.until_ms, INT64_C(1893456000000));
}

/* Documents show whole seconds: none of them may be before the end of the lock. */
Test(lock_rules, fractions_are_rounded_up)
{
    cr_assert_eq(parse("COMPLIANCE", "2030-01-01T00:00:00.001Z", NULL), LOCK_OK);
    cr_assert_eq(lock.until_ms, INT64_C(1893456001000));
    int64_t until = NOW + 1;
    cr_assert_eq(lock_check_until(NOW, &until), LOCK_OK);
    cr_assert_eq(until, NOW - 123 + 1000);
    cr_assert_eq(lock_check_until(NOW, &until), LOCK_OK); /* once */
    cr_assert_eq(until, NOW - 123 + 1000);
}

Test(lock_rules, both_or_none)
{
    cr_assert_eq(parse("GOVERNANCE", NULL, NULL), LOCK_NO_DATE);
    cr_assert_eq(parse(NULL, "2030-01-01T00:00:00Z", NULL), LOCK_NO_MODE);
    cr_assert_eq(parse("compliance", NULL, "ON"), LOCK_NO_DATE);
}

Test(lock_rules, LCK_07_bad_values)
{
    static const char *const modes[] = {"compliance", "Governance", "NONE", "GOVERNANCE ", "GOVERNANCE,COMPLIANCE"};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        cr_expect_eq(parse(modes[i], "2030-01-01T00:00:00Z", NULL), LOCK_BAD_MODE, "%s", modes[i]);
    static const char *const dates[] = {"tomorrow",   "2030-13-01T00:00:00Z", "2030-02-30T00:00:00Z",
                                        "1893456000", "2030-01-01T25:00:00Z", "99999-01-01T00:00:00Z",
                                        "-1",         "2030-01-01T00:00:00Zx"};
    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        cr_expect_eq(parse("COMPLIANCE", dates[i], NULL), LOCK_BAD_DATE, "%s", dates[i]);
    cr_expect_eq(parse("COMPLIANCE", "2023-11-15T12:02:40Z", NULL), LOCK_PAST);
    cr_expect_eq(parse("COMPLIANCE", "2023-11-15T12:02:40.123Z", NULL), LOCK_PAST);
    cr_expect_eq(parse("COMPLIANCE", "0000-01-01T00:00:00Z", NULL), LOCK_PAST);
    cr_expect_eq(parse("COMPLIANCE", "2123-11-14T00:00:00Z", NULL), LOCK_OK);
    cr_expect_eq(parse("COMPLIANCE", "2123-11-17T00:00:00Z", NULL), LOCK_FAR);
    cr_expect_eq(parse("COMPLIANCE", "9999-12-31T23:59:59Z", NULL), LOCK_FAR);
}

Test(lock_rules, legal_hold)
{
    cr_assert_eq(parse(NULL, NULL, "ON"), LOCK_OK);
    cr_assert(lock.hold && lock.hold_set && lock.mode == LOCK_NONE);
    cr_assert_eq(parse(NULL, NULL, "OFF"), LOCK_OK);
    cr_assert(!lock.hold && lock.hold_set);
    cr_assert_eq(parse("GOVERNANCE", "2030-01-01T00:00:00Z", "ON"), LOCK_OK);
    cr_assert(lock.hold && lock.mode == LOCK_GOVERNANCE);
    cr_assert_eq(parse(NULL, NULL, "on"), LOCK_BAD_HOLD);
    cr_assert_eq(parse(NULL, NULL, "true"), LOCK_BAD_HOLD);
}

Test(lock_rules, default_retention)
{
    struct lock_default d;
    cr_assert_eq(lock_check_default(LOCK_COMPLIANCE, true, 1, false, 0, &d), LOCK_OK);
    cr_assert(d.mode == LOCK_COMPLIANCE && d.days == 1 && d.years == 0);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, false, 0, true, LOCK_YEARS_MAX, &d), LOCK_OK);
    cr_assert(d.mode == LOCK_GOVERNANCE && d.days == 0 && d.years == LOCK_YEARS_MAX);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, true, LOCK_DAYS_MAX, false, 0, &d), LOCK_OK);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, true, LOCK_DAYS_MAX + 1, false, 0, &d), LOCK_BAD_PERIOD);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, false, 0, true, LOCK_YEARS_MAX + 1, &d), LOCK_BAD_PERIOD);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, true, 0, false, 0, &d), LOCK_BAD_PERIOD);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, false, 0, true, -1, &d), LOCK_BAD_PERIOD);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, true, INT64_MAX, false, 0, &d), LOCK_BAD_PERIOD);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, true, INT64_MIN, false, 0, &d), LOCK_BAD_PERIOD);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, true, 1, true, 1, &d), LOCK_MALFORMED);
    cr_assert_eq(lock_check_default(LOCK_GOVERNANCE, false, 0, false, 0, &d), LOCK_MALFORMED);
    cr_assert_eq(lock_check_default(LOCK_NONE, true, 1, false, 0, &d), LOCK_MALFORMED);
}
