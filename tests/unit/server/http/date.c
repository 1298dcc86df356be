/* SPDX-License-Identifier: Apache-2.0 */
/* Dates: every form both ways, the calendar against libc's over four centuries, nonsense refused. */
#include "server/http/date.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define T INT64_C(1700049760) /* 2023-11-15T12:02:40Z */

static int64_t http(const char *s)
{
    int64_t t = -4711;
    date_parse_http(bytes_str(s), &t);
    return t;
}

static int64_t iso(const char *s)
{
    int64_t t = -4711;
    date_parse_iso(bytes_str(s), &t);
    return t;
}

static int64_t basic(const char *s)
{
    int64_t t = -4711;
    date_parse_iso_basic(bytes_str(s), &t);
    return t;
}

Test(date, reads_http_dates)
{
    cr_assert_eq(http("Wed, 15 Nov 2023 12:02:40 GMT"), T);
    cr_assert_eq(http("wed, 15 nov 2023 12:02:40 gmt"), T);
    cr_assert_eq(http("Wed, 15 Nov 2023 12:02:40 +0000"), T);
    cr_assert_eq(http("Wed, 15 Nov 2023 12:02:40 UTC"), T);
    cr_assert_eq(http("Wednesday, 15-Nov-23 12:02:40 GMT"), T);
    cr_assert_eq(http("Wed Nov 15 12:02:40 2023"), T);
    cr_assert_eq(http("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    cr_assert_eq(http("Sun, 6 Nov 1994 08:49:37 GMT"), 784111777);
    cr_assert_eq(http("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    cr_assert_eq(http("Sun Nov  6 08:49:37 1994"), 784111777);
    cr_assert_eq(http("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    cr_assert_eq(http("Wed, 31 Dec 1969 23:59:59 GMT"), -1);
    cr_assert_eq(http("Thu, 29 Feb 2024 00:00:00 GMT"), 1709164800);
    cr_assert_eq(http("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800);
    cr_assert_eq(http("Saturday, 07-Feb-70 00:00:00 GMT"), 37 * 86400);
    cr_assert_eq(http("Monday, 01-Jan-69 00:00:00 GMT"), 3124224000);
    static const char *const names[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s, 06-Nov-94 08:49:37 GMT", names[i]);
        cr_assert_eq(http(text), 784111777);
    }
}

Test(date, refuses_what_is_no_http_date)
{
    static const char *const bad[] = {
        "",
        "0",
        "1700049760",
        "Wed",
        "Wed, 15 Nov 2023 12:02:40",
        "Wed, 15 Nov 2023 12:02:40 PST",
        "Wed, 15 Nov 2023 24:02:40 GMT",
        "Wed, 15 Nov 2023 12:60:40 GMT",
        "Wed, 15 Nov 2023 12:02:61 GMT",
        "Wed, 32 Nov 2023 12:02:40 GMT",
        "Wed, 31 Nov 2023 12:02:40 GMT",
        "Wed, 00 Nov 2023 12:02:40 GMT",
        "Wed, 29 Feb 2023 12:02:40 GMT",
        "Wed, 29 Feb 1900 12:02:40 GMT",
        "Wed, 15 Foo 2023 12:02:40 GMT",
        "Foo, 15 Nov 2023 12:02:40 GMT",
        "Wed, 15 Nov 23 12:02:40 GMT",
        "Wed, 15 Nov 2023 12:02:40 GMT ",
        " Wed, 15 Nov 2023 12:02:40 GMT",
        "Wed, 15 Nov 20233 12:02:40 GMT",
        "Wed, 15 Nov -023 12:02:40 GMT",
        "Wed, 15 Nov 2023 2:02:40 GMT",
        "Wednesday, 15 Nov 2023 12:02:40 GMT",
        "Wedday, 15-Nov-23 12:02:40 GMT",
        "Wed Nov 15 12:02:40 2023 GMT",
        "Wed, 15 Nov 2023 12:02:40 +0100",
        "2023-11-15T12:02:40Z",
        "Wed,15 Nov 2023 12:02:40 GMT",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(http(bad[i]), -4711, "'%s'", bad[i]);
}

Test(date, reads_iso_dates)
{
    cr_assert_eq(basic("20231115T120240Z"), T);
    cr_assert_eq(iso("2023-11-15T12:02:40Z"), T * 1000);
    cr_assert_eq(iso("2023-11-15T12:02:40.000Z"), T * 1000);
    cr_assert_eq(iso("2023-11-15T12:02:40.5Z"), T * 1000 + 500);
    cr_assert_eq(iso("2023-11-15T12:02:40.123999999Z"), T * 1000 + 123);
    cr_assert_eq(iso("2023-11-15T13:02:40+01:00"), T * 1000);
    cr_assert_eq(iso("2023-11-15T08:32:40-03:30"), T * 1000);
    cr_assert_eq(iso("2023-11-15"), (T - 12 * 3600 - 160) * 1000);
    cr_assert_eq(iso("9999-12-31T23:59:59.999Z"), INT64_C(253402300799999));
    cr_assert_eq(iso("0000-01-01T00:00:00Z"), INT64_C(-62167219200000));
}

Test(date, refuses_what_is_no_iso_date)
{
    static const char *const bad_basic[] = {"",
                                            "20231115T120240",
                                            "20231115120240Z",
                                            "2023115T120240Z",
                                            "20231115T120240z",
                                            "20231315T120240Z",
                                            "20231115T120240Z ",
                                            "20231115T1202400Z",
                                            "-0231115T120240Z",
                                            "20230229T120240Z",
                                            "20161231T235960Z",
                                            "20231115T240000Z"};
    static const char *const bad[] = {"",
                                      "2023",
                                      "2023-11",
                                      "2023-11-15T",
                                      "2023-11-15T12:02",
                                      "2023-11-15T12:02:40",
                                      "2023-11-15 12:02:40Z",
                                      "2023-11-15T12:02:40.Z",
                                      "2023-11-15T12:02:40+0100",
                                      "2023-11-15T12:02:40+24:00",
                                      "2023-11-15T12:02:40ZZ",
                                      "2023-11-15Z",
                                      "2023-13-01",
                                      "2023-02-30",
                                      "2023-11-15T12:02:40,5Z",
                                      "2023-11-15T12:02:40.1234567890Z",
                                      "2023-11-15t12:02:40Z",
                                      "2023-11-15T12:02:40z",
                                      "+2023-11-15",
                                      "20231115T120240Z",
                                      "12023-11-15"};
    for (size_t i = 0; i < ARRAY_LEN(bad_basic); i++)
        cr_assert_eq(basic(bad_basic[i]), -4711, "'%s'", bad_basic[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(iso(bad[i]), -4711, "'%s'", bad[i]);
}

/* The one spelling of a signed Date header. */
Test(date, reads_the_form_that_is_signed)
{
    static const char *const bad[] = {"Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sun, 6 Nov 1994 08:49:37 +0000",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994",
                                      "Sun, 06 nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 gmt",
                                      "Sun, 31 Nov 1994 08:49:37 GMT",
                                      "Xxx, 06 Nov 1994 08:49:37 GMT",
                                      "Sat, 31 Dec 2016 23:59:60 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      "19941106T084937Z",
                                      ""};
    int64_t t = -4711;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert(!date_parse_imf(bytes_str(bad[i]), &t) && t == -4711, "'%s'", bad[i]);
    cr_assert(date_parse_imf(BYTES_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), &t));
    cr_assert_eq(t, 784111777);
    cr_assert(date_parse_imf(BYTES_LIT("Mon, 06 Nov 1994 08:49:37 GMT"), &t), "the weekday may be wrong");
    cr_assert_eq(t, 784111777);
}

Test(date, reads_what_documents_hold)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"2023-11-15T12:02:40.000Z", 1700049760000},
        {"2023-11-15T12:02:40Z", 1700049760000},
        {"2023-11-15T12:02:40.123456789Z", 1700049760123},
        {"2023-11-15T12:02:40.5Z", 1700049760500},
        {"2023-11-15T14:02:40+02:00", 1700049760000},
        {"2023-11-15T06:32:40-0530", 1700049760000},
        {"2023-11-15T12:02:40", 1700049760000},
        {"2023-11-15", 1700006400000},
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2016-12-31T23:59:60Z", 1483228799000},
        {"2023-11-15t12:02:40z", 1700049760000},
        {"Wed, 15 Nov 2023 12:02:40 GMT", 1700049760000},
        {"Wed, 15 Nov 2023 12:02:40 UTC", 1700049760000},
        {"Wednesday, 15-Nov-23 12:02:40 GMT", 1700049760000},
        {"1969-12-31T23:59:59Z", -1000},
    };
    static const char *const bad[] = {"",
                                      "2023",
                                      "2023-13-01",
                                      "2023-00-01",
                                      "2023-02-29",
                                      "2023-11-31T00:00:00Z",
                                      "2023-11-15T24:00:00Z",
                                      "2023-11-15T12:60:00Z",
                                      "2023-11-15T12:02:40.Z",
                                      "2023-11-15T12:02:40.1234567890Z",
                                      "2023-11-15T12:02:40Zx",
                                      "2023-11-15 12:02:40",
                                      "2023-11-15T12:02:40+25:00",
                                      "20231115T120240Z",
                                      "Wed, 15 Foo 2023 12:02:40 GMT",
                                      "Wed, 15 Nov 2023 12:02:40 PST",
                                      "Wed, 15 Nov 2023 12:02:40",
                                      "Wed,",
                                      "Wed, 15 N"};
    int64_t ms;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        cr_assert(date_parse_lenient(bytes_str(good[i].text), &ms), "%s", good[i].text);
        cr_assert_eq(ms, good[i].ms, "%s: %lld", good[i].text, (long long)ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_not(date_parse_lenient(bytes_str(bad[i]), &ms), "%s", bad[i]);
}

Test(date, writes)
{
    char a[DATE_HTTP_LEN + 1], b[DATE_ISO_LEN + 1], c[DATE_ISO_BASIC_LEN + 1], d[DATE_ISO_SECONDS_LEN + 1];
    date_format_iso_seconds(T, d);
    cr_assert_str_eq(d, "2023-11-15T12:02:40Z");
    date_format_iso(T * 1000 + 987, b);
    cr_assert_str_eq(b, "2023-11-15T12:02:40.987Z");
    date_format_http(T, a);
    date_format_iso(T * 1000, b);
    date_format_iso_basic(T, c);
    cr_assert_str_eq(a, "Wed, 15 Nov 2023 12:02:40 GMT");
    cr_assert_str_eq(b, "2023-11-15T12:02:40.000Z");
    cr_assert_str_eq(c, "20231115T120240Z");
    date_format_iso(-1, b);
    cr_assert_str_eq(b, "1969-12-31T23:59:59.999Z");
    date_format_http(-1, a);
    cr_assert_str_eq(a, "Wed, 31 Dec 1969 23:59:59 GMT");
}

Test(date, stays_within_four_digits_of_year)
{
    char a[DATE_HTTP_LEN + 1], b[DATE_ISO_LEN + 1], c[DATE_ISO_BASIC_LEN + 1];
    date_format_http(INT64_MAX, a);
    date_format_iso(INT64_MAX, b);
    date_format_iso_basic(INT64_MAX, c);
    cr_assert_str_eq(a, "Fri, 31 Dec 9999 23:59:59 GMT");
    cr_assert_str_eq(b, "9999-12-31T23:59:59.999Z");
    cr_assert_str_eq(c, "99991231T235959Z");
    date_format_http(INT64_MIN, a);
    date_format_iso(INT64_MIN, b);
    date_format_iso_basic(INT64_MIN, c);
    cr_assert_str_eq(a, "Sat, 01 Jan 0000 00:00:00 GMT");
    cr_assert_str_eq(b, "0000-01-01T00:00:00.000Z");
    cr_assert_str_eq(c, "00000101T000000Z");
}

Test(date, agrees_with_libc)
{
    /* A prime step meets every hour, month and leap rule between 1600 and 2500. */
    for (int64_t t = INT64_C(-11676096000); t < INT64_C(16725225600); t += 1000003) {
        char want[64], got[DATE_HTTP_LEN + 1], got_basic[DATE_ISO_BASIC_LEN + 1];
        struct tm tm;
        time_t tt = (time_t)t;
        gmtime_r(&tt, &tm);
        strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        date_format_http(t, got);
        cr_assert_str_eq(got, want);
        strftime(want, sizeof(want), "%Y%m%dT%H%M%SZ", &tm);
        date_format_iso_basic(t, got_basic);
        cr_assert_str_eq(got_basic, want);
        cr_assert_eq(http(got), t);
        cr_assert_eq(basic(got_basic), t);
    }
}

Test(date, agrees_with_libc_on_every_day_of_two_centuries)
{
    for (int64_t day = 0; day < 366 * 200; day++) {
        time_t t = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        char want[32], got[DATE_ISO_BASIC_LEN + 1];
        int64_t s = -1;
        gmtime_r(&t, &tm);
        strftime(want, sizeof(want), "%Y%m%dT%H%M%SZ", &tm);
        date_format_iso_basic(date_seconds_of_ms((int64_t)t * 1000 + 999), got);
        cr_assert_str_eq(got, want);
        cr_assert(date_parse_iso_basic(bytes_str(got), &s) && s == t);
        strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        cr_assert(date_parse_imf(bytes_str(want), &s) && s == t, "%s", want);
    }
}

Test(date, seconds_round_towards_the_past)
{
    cr_assert_eq(date_seconds_of_ms(0), 0);
    cr_assert_eq(date_seconds_of_ms(999), 0);
    cr_assert_eq(date_seconds_of_ms(1000), 1);
    cr_assert_eq(date_seconds_of_ms(-1), -1);
    cr_assert_eq(date_seconds_of_ms(-1000), -1);
    cr_assert_eq(date_seconds_of_ms(-1001), -2);
    cr_assert_eq(date_seconds_of_ms(INT64_MAX), INT64_MAX / 1000);
    cr_assert_eq(date_seconds_of_ms(INT64_MIN), INT64_MIN / 1000 - 1);
}

Test(date, days_and_civil_dates)
{
    cr_assert_eq(date_days_from_civil(1970, 1, 1), 0);
    cr_assert_eq(date_days_from_civil(2000, 3, 1), 11017);
    struct date_civil c = date_civil_from_days(11016);
    cr_assert(c.year == 2000 && c.month == 2 && c.day == 29);
    c = date_civil_from_days(-1);
    cr_assert(c.year == 1969 && c.month == 12 && c.day == 31);
}
