/* SPDX-License-Identifier: Apache-2.0 */
/* Dates. Property: what a parser accepts, a formatter writes such that it is read as the same moment again. */
#include <string.h>

#include "base/check.h"
#include "server/http/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIRST_S INT64_C(-62167219200) /* year 0 */
#define LAST_S  INT64_C(253402300799) /* year 9999 */

static void check_seconds(int64_t t)
{
    char http[DATE_HTTP_LEN + 1], basic[DATE_ISO_BASIC_LEN + 1];
    int64_t back;
    date_format_http(t, http);
    date_format_iso_basic(t, basic);
    CHECK(strlen(http) == DATE_HTTP_LEN && strlen(basic) == DATE_ISO_BASIC_LEN);
    t = t < FIRST_S ? FIRST_S : t > LAST_S ? LAST_S : t;
    CHECK(date_parse_http(bytes_of(http, DATE_HTTP_LEN), &back) && back == t);
    CHECK(date_parse_imf(bytes_of(http, DATE_HTTP_LEN), &back) && back == t);
    CHECK(date_parse_iso_basic(bytes_of(basic, DATE_ISO_BASIC_LEN), &back) && back == t);
}

static void check_ms(int64_t t)
{
    char iso[DATE_ISO_LEN + 1], seconds[DATE_ISO_SECONDS_LEN + 1];
    int64_t back, first = FIRST_S * 1000, last = LAST_S * 1000 + 999;
    date_format_iso(t, iso);
    CHECK(strlen(iso) == DATE_ISO_LEN);
    t = t < first ? first : t > last ? last : t;
    CHECK(date_parse_iso(bytes_of(iso, DATE_ISO_LEN), &back) && back == t);
    CHECK(date_parse_lenient(bytes_of(iso, DATE_ISO_LEN), &back) && back == t);
    date_format_iso_seconds(date_seconds_of_ms(t), seconds);
    CHECK(strlen(seconds) == DATE_ISO_SECONDS_LEN && memcmp(seconds, iso, DATE_ISO_SECONDS_LEN - 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    int64_t t, again;
    if (date_parse_http(in, &t))
        check_seconds(t);
    if (date_parse_imf(in, &t))
        CHECK(date_parse_http(in, &again) && again == t);
    if (date_parse_iso_basic(in, &t))
        check_seconds(t);
    if (date_parse_iso(in, &t)) {
        check_ms(t);
        /* Lenient accepts more; what both accept is the same moment, but for a leap second. */
        CHECK(date_parse_lenient(in, &again) && (again == t || t - again == 1000));
    }
    if (date_parse_lenient(in, &t))
        check_ms(t);
    if (size >= sizeof(t)) {
        memcpy(&t, data, sizeof(t));
        check_seconds(t);
        check_ms(t);
        check_seconds(t % LAST_S);
        check_ms(t % (LAST_S * 1000));
    }
    return 0;
}
