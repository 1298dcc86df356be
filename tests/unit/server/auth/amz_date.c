/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>
#include "server/auth/internal.h"

Test(amz_date, basic_form)
{
    int64_t ms = -1;
    cr_assert(amz_date_parse(BYTES_LIT("19700101T000000Z"), &ms));
    cr_assert_eq(ms, 0);
    cr_assert(amz_date_parse(BYTES_LIT("20000229T235959Z"), &ms));
    cr_assert_eq(ms, 951868799000);
    static const char *const bad[] = {"",
                                      "20130524T000000",
                                      "20130524T000000z",
                                      "20130524 000000Z",
                                      "20130524T0000000Z",
                                      "20130229T000000Z",
                                      "19000229T000000Z",
                                      "20131324T000000Z",
                                      "20130024T000000Z",
                                      "20130500T000000Z",
                                      "20130532T000000Z",
                                      "20130524T240000Z",
                                      "20130524T006000Z",
                                      "20130524T000060Z",
                                      "2013052aT000000Z",
                                      "19691231T235959Z",
                                      "-0130524T000000Z"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(amz_date_parse(bytes_str(bad[i]), &ms), "%s", bad[i]);
}

Test(amz_date, http_form)
{
    int64_t ms = -1;
    cr_assert(amz_date_parse_http(BYTES_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), &ms));
    cr_assert_eq(ms, 784111777000);
    cr_assert(amz_date_parse_http(BYTES_LIT("20130524T000000Z"), &ms));
    static const char *const bad[] = {"Sun, 06 Nov 1994 08:49:37 UTC",  "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                      "Sun, 06 nov 1994 08:49:37 GMT",  "Sun, 31 Nov 1994 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(amz_date_parse_http(bytes_str(bad[i]), &ms), "%s", bad[i]);
}

Test(amz_date, agrees_with_the_c_library_on_every_day)
{
    for (int64_t day = 0; day < 366 * 200; day++) {
        time_t t = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        char want[32], got[AMZ_DATE_LEN];
        int64_t ms = -1;
        gmtime_r(&t, &tm);
        strftime(want, sizeof(want), "%Y%m%dT%H%M%SZ", &tm);
        amz_date_format((int64_t)t * 1000 + 999, got);
        cr_assert_eq(memcmp(want, got, AMZ_DATE_LEN), 0, "%s", want);
        cr_assert(amz_date_parse(bytes_of(got, AMZ_DATE_LEN), &ms));
        cr_assert_eq(ms, (int64_t)t * 1000);
        strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        cr_assert(amz_date_parse_http(bytes_str(want), &ms));
        cr_assert_eq(ms, (int64_t)t * 1000);
    }
}
