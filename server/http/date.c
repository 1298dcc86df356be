/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates by arithmetic: the calendar is counted in eras of 400 years that begin on 1 March, so leap days come last and
 * no table of month lengths is needed to convert (H. Hinnant, "chrono-compatible low-level date algorithms"). A format
 * costs some twenty divisions by constants; a list page of a thousand dates needs no cache. This is the one calendar of
 * the server: XML and signatures add their own taste to it, never their own arithmetic.
 * Threads: pure; any.
 */
#include "server/http/date.h"

#include <string.h>

#define DAY_S INT64_C(86400)
#define MIN_S INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define MAX_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

#define ERA_DAYS  146097 /* days in 400 years */
#define EPOCH_DAY 719468 /* days from 0000-03-01 to 1970-01-01 */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t date_days_from_civil(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * ERA_DAYS + doe - EPOCH_DAY;
}

struct date_civil date_civil_from_days(int64_t days)
{
    int64_t z = days + EPOCH_DAY;
    int64_t era = floor_div(z, ERA_DAYS);
    unsigned doe = (unsigned)(z - era * ERA_DAYS);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct date_civil){
        .year = (int)(era * 400) + (int)yoe + (month <= 2),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
    };
}

/* ---- Parsing ---------------------------------------------------------------------------------------------------- */

/* Each take_ function cuts something off the front, or says false; a chain of && reads a format. */
static bool take_char(struct bytes *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    *in = bytes_cut(*in, 1, in->n);
    return true;
}

static bool take_digits(struct bytes *in, size_t n, int *ret)
{
    int v = 0;
    if (in->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (in->p[i] < '0' || in->p[i] > '9')
            return false;
        v = v * 10 + (in->p[i] - '0');
    }
    *in = bytes_cut(*in, n, in->n);
    *ret = v;
    return true;
}

static bool take_day(struct bytes *in, int *ret)
{
    return take_digits(in, 2, ret) || take_digits(in, 1, ret);
}

static bool take_word(struct bytes *in, const char *word)
{
    if (!bytes_starts_str_nocase(*in, word))
        return false;
    *in = bytes_cut(*in, strlen(word), in->n);
    return true;
}

/* One of `n` names of three letters, numbered from 0. */
static bool take_name(struct bytes *in, const char *names, int n, int *ret)
{
    for (int i = 0; i < n; i++)
        if (in->n >= 3 && bytes_eq_nocase(bytes_cut(*in, 0, 3), bytes_of(names + 3 * i, 3))) {
            *in = bytes_cut(*in, 3, in->n);
            *ret = i;
            return true;
        }
    return false;
}

static bool take_month(struct bytes *in, int *ret)
{
    if (!take_name(in, months, 12, ret))
        return false;
    ++*ret;
    return true;
}

struct clock {
    int year, month, day, hour, minute, second;
};

static bool take_time(struct bytes *in, struct clock *t)
{
    return take_digits(in, 2, &t->hour) && take_char(in, ':') && take_digits(in, 2, &t->minute) && take_char(in, ':') &&
           take_digits(in, 2, &t->second);
}

static bool take_gmt(struct bytes *in)
{
    return take_word(in, "GMT") || take_word(in, "UTC") || take_word(in, "+0000") || take_word(in, "-0000");
}

/* A leap second counts as the first second of the next minute. */
static bool to_seconds(const struct clock *t, int64_t *ret)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t->month < 1 || t->month > 12 || t->day < 1 || t->hour > 23 || t->minute > 59 || t->second > 60)
        return false;
    bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);
    if (t->day > month_days[t->month - 1] + (t->month == 2 && leap))
        return false;
    *ret = date_days_from_civil(t->year, t->month, t->day) * DAY_S + t->hour * 3600 + t->minute * 60 + t->second;
    return true;
}

/* ", 15 Nov 2023 12:02:40 GMT" behind a short weekday. */
static bool parse_rfc1123(struct bytes in, struct clock *t)
{
    return take_char(&in, ',') && take_char(&in, ' ') && take_day(&in, &t->day) && take_char(&in, ' ') &&
           take_month(&in, &t->month) && take_char(&in, ' ') && take_digits(&in, 4, &t->year) && take_char(&in, ' ') &&
           take_time(&in, t) && take_char(&in, ' ') && take_gmt(&in) && in.n == 0;
}

/* "nesday, 15-Nov-23 12:02:40 GMT" behind the first letters of weekday number `day`. */
static bool parse_rfc850(struct bytes in, int day, struct clock *t)
{
    static const char *const rests[] = {"day", "day", "sday", "nesday", "rsday", "day", "urday"};
    if (!(take_word(&in, rests[day]) && take_char(&in, ',') && take_char(&in, ' ') && take_day(&in, &t->day) &&
          take_char(&in, '-') && take_month(&in, &t->month) && take_char(&in, '-') && take_digits(&in, 2, &t->year) &&
          take_char(&in, ' ') && take_time(&in, t) && take_char(&in, ' ') && take_gmt(&in) && in.n == 0))
        return false;
    t->year += t->year < 70 ? 2000 : 1900;
    return true;
}

/* " Nov 15 12:02:40 2023" behind a short weekday; a day of one digit has a second space before it. */
static bool parse_asctime(struct bytes in, struct clock *t)
{
    return take_char(&in, ' ') && take_month(&in, &t->month) && take_char(&in, ' ') &&
           (take_digits(&in, 2, &t->day) || (take_char(&in, ' ') && take_digits(&in, 1, &t->day))) &&
           take_char(&in, ' ') && take_time(&in, t) && take_char(&in, ' ') && take_digits(&in, 4, &t->year) &&
           in.n == 0;
}

bool date_parse_http(struct bytes in, int64_t *ret_seconds)
{
    struct clock t = {0};
    int day;
    if (!take_name(&in, weekdays, 7, &day))
        return false;
    return (parse_rfc1123(in, &t) || parse_rfc850(in, day, &t) || parse_asctime(in, &t)) && to_seconds(&t, ret_seconds);
}

/* There is one such text for each second: the one that we would write. Only the weekday need not be the right one. */
bool date_parse_imf(struct bytes in, int64_t *ret_seconds)
{
    char again[DATE_HTTP_LEN + 1];
    int64_t seconds;
    if (in.n != DATE_HTTP_LEN || !date_parse_http(in, &seconds))
        return false;
    date_format_http(seconds, again);
    if (memcmp(in.p + 3, again + 3, DATE_HTTP_LEN - 3) != 0)
        return false;
    *ret_seconds = seconds;
    return true;
}

bool date_parse_iso_basic(struct bytes in, int64_t *ret_seconds)
{
    struct clock t = {0};
    return take_digits(&in, 4, &t.year) && take_digits(&in, 2, &t.month) && take_digits(&in, 2, &t.day) &&
           take_char(&in, 'T') && take_digits(&in, 2, &t.hour) && take_digits(&in, 2, &t.minute) &&
           take_digits(&in, 2, &t.second) && take_char(&in, 'Z') && in.n == 0 && t.second < 60 &&
           to_seconds(&t, ret_seconds);
}

/* "Z" or "+hh:mm"; the minutes to take away. Lenient: also "z", "+hhmm", nothing. */
static bool take_zone(struct bytes *in, bool lenient, int *ret_minutes)
{
    *ret_minutes = 0;
    if (take_char(in, 'Z') || (lenient && (in->n == 0 || take_char(in, 'z'))))
        return true;
    int sign = take_char(in, '-') ? -1 : take_char(in, '+') ? 1 : 0, hours, minutes;
    if (!sign || !take_digits(in, 2, &hours) || !(take_char(in, ':') || lenient) || !take_digits(in, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

/* Nothing, or '.' and one to nine digits. */
static bool take_fraction(struct bytes *in, int *ret_ms)
{
    *ret_ms = 0;
    if (!take_char(in, '.'))
        return true;
    int scale = 100, digit, n = 0;
    for (; take_digits(in, 1, &digit); n++) {
        *ret_ms += digit * scale;
        scale /= 10;
    }
    return n > 0 && n <= 9;
}

static bool parse_iso(struct bytes in, bool lenient, int64_t *ret_ms)
{
    struct clock t = {0};
    int ms = 0, zone = 0;
    int64_t seconds;
    if (!(take_digits(&in, 4, &t.year) && take_char(&in, '-') && take_digits(&in, 2, &t.month) && take_char(&in, '-') &&
          take_digits(&in, 2, &t.day)))
        return false;
    if (in.n && !((take_char(&in, 'T') || (lenient && take_char(&in, 't'))) && take_time(&in, &t) &&
                  take_fraction(&in, &ms) && take_zone(&in, lenient, &zone)))
        return false;
    if (lenient && t.second == 60)
        t.second = 59;
    if (in.n || !to_seconds(&t, &seconds))
        return false;
    *ret_ms = (seconds - zone * 60) * 1000 + ms;
    return true;
}

bool date_parse_iso(struct bytes in, int64_t *ret_ms)
{
    return parse_iso(in, false, ret_ms);
}

bool date_parse_lenient(struct bytes in, int64_t *ret_ms)
{
    int64_t seconds;
    if (!date_parse_http(in, &seconds))
        return parse_iso(in, true, ret_ms);
    *ret_ms = seconds * 1000;
    return true;
}

/* ---- Formatting ------------------------------------------------------------------------------------------------- */

int64_t date_seconds_of_ms(int64_t ms)
{
    return floor_div(ms, 1000);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static char *put2(char *p, unsigned v) /* below 100 */
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    return p + 2;
}

static char *put4(char *p, unsigned v)
{
    return put2(put2(p, v / 100), v % 100);
}

static char *put(char *p, const char *text, size_t n)
{
    memcpy(p, text, n);
    return p + n;
}

static char *put_time(char *p, unsigned second_of_day, bool colons)
{
    p = put2(p, second_of_day / 3600);
    if (colons)
        *p++ = ':';
    p = put2(p, second_of_day / 60 % 60);
    if (colons)
        *p++ = ':';
    return put2(p, second_of_day % 60);
}

void date_format_http(int64_t seconds, char out[DATE_HTTP_LEN + 1])
{
    seconds = clamp(seconds, MIN_S, MAX_S);
    int64_t days = floor_div(seconds, DAY_S);
    struct date_civil c = date_civil_from_days(days);
    int64_t weekday = days + 4 - floor_div(days + 4, 7) * 7; /* day 0 was a Thursday */
    char *p = put(put(out, weekdays + 3 * weekday, 3), ", ", 2);
    p = put(put2(p, (unsigned)c.day), " ", 1);
    p = put(put(p, months + 3 * (c.month - 1), 3), " ", 1);
    p = put(put4(p, (unsigned)c.year), " ", 1);
    put(put_time(p, (unsigned)(seconds - days * DAY_S), true), " GMT", 5);
}

void date_format_iso_seconds(int64_t seconds, char out[DATE_ISO_SECONDS_LEN + 1])
{
    seconds = clamp(seconds, MIN_S, MAX_S);
    int64_t days = floor_div(seconds, DAY_S);
    struct date_civil c = date_civil_from_days(days);
    char *p = put(put4(out, (unsigned)c.year), "-", 1);
    p = put(put2(p, (unsigned)c.month), "-", 1);
    p = put(put2(p, (unsigned)c.day), "T", 1);
    put(put_time(p, (unsigned)(seconds - days * DAY_S), true), "Z", 2);
}

void date_format_iso(int64_t ms, char out[DATE_ISO_LEN + 1])
{
    ms = clamp(ms, MIN_S * 1000, MAX_S * 1000 + 999);
    int64_t seconds = date_seconds_of_ms(ms);
    unsigned fraction = (unsigned)(ms - seconds * 1000);
    date_format_iso_seconds(seconds, out);
    char *p = put(out + DATE_ISO_SECONDS_LEN - 1, ".", 1); /* over the Z */
    *p++ = (char)('0' + fraction / 100);
    put(put2(p, fraction % 100), "Z", 2);
}

void date_format_iso_basic(int64_t seconds, char out[DATE_ISO_BASIC_LEN + 1])
{
    seconds = clamp(seconds, MIN_S, MAX_S);
    int64_t days = floor_div(seconds, DAY_S);
    struct date_civil c = date_civil_from_days(days);
    char *p = put2(put2(put4(out, (unsigned)c.year), (unsigned)c.month), (unsigned)c.day);
    put(put_time(put(p, "T", 1), (unsigned)(seconds - days * DAY_S), false), "Z", 2);
}
