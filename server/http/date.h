/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates as HTTP, SigV4 and S3 documents write them, and the only calendar of the server: no locale, no time zone data,
 * no libc. Seconds and milliseconds count from 1970-01-01T00:00:00Z, without leap seconds; years 0 to 9999 of the
 * Gregorian calendar. What a formatter gets outside of these years, it shows as the nearest date inside.
 * Parsers want the whole input and leave their outputs alone on false. Threads: pure functions.
 *
 * Which parser? A header of HTTP: date_parse_http. What is signed: date_parse_imf and date_parse_iso_basic, which
 * accept one spelling of a moment. A policy: date_parse_iso. An XML document, or an x-amz header with a date:
 * date_parse_lenient.
 */
#ifndef PAIL_SERVER_HTTP_DATE_H
#define PAIL_SERVER_HTTP_DATE_H

#include "base/bytes.h"

/*
 * RFC 9110, 5.6.7: "Wed, 15 Nov 2023 12:02:40 GMT", "Wednesday, 15-Nov-23 12:02:40 GMT" (70 to 99 are 19xx), and
 * "Wed Nov 15 12:02:40 2023". Instead of GMT also UTC and +0000, as some clients send; a day of one digit. The weekday
 * must be one, but need not be the right one.
 */
bool date_parse_http(struct bytes in, int64_t *ret_seconds);

/* Of these only "Wed, 15 Nov 2023 12:02:40 GMT", two digits a day, GMT, case and all; no leap second. */
bool date_parse_imf(struct bytes in, int64_t *ret_seconds);

/* "20231115T120240Z", as in x-amz-date; no leap second. */
bool date_parse_iso_basic(struct bytes in, int64_t *ret_seconds);

/*
 * "2023-11-15T12:02:40Z" with an optional fraction of up to nine digits (those beyond milliseconds are cut off), or
 * with +hh:mm / -hh:mm; also "2023-11-15" alone: midnight.
 */
bool date_parse_iso(struct bytes in, int64_t *ret_ms);

/*
 * What SDKs put into documents: either of date_parse_http and date_parse_iso, and the latter also with +hhmm, with no
 * zone at all (UTC), with small t and z. A leap second in ISO form is the second before it, so that it stays in its
 * day.
 */
bool date_parse_lenient(struct bytes in, int64_t *ret_ms);

/* Lengths without the NUL that is written behind. */
#define DATE_HTTP_LEN        29 /* Wed, 15 Nov 2023 12:02:40 GMT */
#define DATE_ISO_LEN         24 /* 2023-11-15T12:02:40.000Z */
#define DATE_ISO_SECONDS_LEN 20 /* 2023-11-15T12:02:40Z */
#define DATE_ISO_BASIC_LEN   16 /* 20231115T120240Z */

void date_format_http(int64_t seconds, char out[DATE_HTTP_LEN + 1]);
void date_format_iso(int64_t ms, char out[DATE_ISO_LEN + 1]);
void date_format_iso_seconds(int64_t seconds, char out[DATE_ISO_SECONDS_LEN + 1]);
void date_format_iso_basic(int64_t seconds, char out[DATE_ISO_BASIC_LEN + 1]);

/* The second that a millisecond lies in: rounds towards the past, before 1970 too. */
int64_t date_seconds_of_ms(int64_t ms);

/* Calendar arithmetic for those who need whole days (lifecycle rules, credential scopes). */
struct date_civil {
    int year, month, day; /* month 1 to 12, day 1 to 31 */
};
int64_t date_days_from_civil(int year, int month, int day); /* since 1970-01-01 */
struct date_civil date_civil_from_days(int64_t days);       /* within years 0 to 9999 */

#endif
