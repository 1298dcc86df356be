/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as XML documents write them: ISO 8601 in the forms that SDKs send, and HTTP's "Wed, 15 Nov 2023 12:02:40 GMT",
 * which the model asks for in a few places. Years 0000 to 9999; a leap second counts as the second before. Threads:
 * any; no state.
 */
#include "server/xml/parse.h"

#include <string.h>

struct cursor {
    const char *p, *end;
};

static bool take(struct cursor *c, char what)
{
    if (c->p == c->end || *c->p != what)
        return false;
    c->p++;
    return true;
}

static bool take_number(struct cursor *c, int digits, int max, int *ret)
{
    int v = 0;
    if (c->end - c->p < digits)
        return false;
    for (int i = 0; i < digits; i++, c->p++) {
        if (*c->p < '0' || *c->p > '9')
            return false;
        v = v * 10 + (*c->p - '0');
    }
    *ret = v;
    return v <= max;
}

static bool take_digits_of_fraction(struct cursor *c, int *ret_ms)
{
    int scale = 100, ms = 0, n = 0;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, n++, scale /= 10)
        ms += (*c->p - '0') * scale;
    *ret_ms = ms;
    return n > 0 && n <= 9;
}

static int days_in_month(int year, int month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days since 1970 of a day in the proleptic Gregorian calendar, years counted from March. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct moment {
    int year, month, day, hour, minute, second, ms, offset_minutes;
};

static bool finish(const struct moment *m, int64_t *ret_ms)
{
    if (m->month < 1 || m->day < 1 || m->day > days_in_month(m->year, m->month))
        return false;
    int second = m->second == 60 ? 59 : m->second;
    int64_t seconds = days_of(m->year, m->month, m->day) * 86400 + m->hour * 3600 + m->minute * 60 + second;
    *ret_ms = (seconds - m->offset_minutes * 60) * 1000 + m->ms;
    return true;
}

/* "Z", "+02:00", "+0200"; nothing at all means UTC too. */
static bool take_offset(struct cursor *c, struct moment *m)
{
    int hours, minutes;
    if (c->p == c->end || take(c, 'Z') || take(c, 'z'))
        return true;
    bool minus = take(c, '-');
    if (!minus && !take(c, '+'))
        return false;
    if (!take_number(c, 2, 23, &hours))
        return false;
    take(c, ':');
    if (!take_number(c, 2, 59, &minutes))
        return false;
    m->offset_minutes = (hours * 60 + minutes) * (minus ? -1 : 1);
    return true;
}

static bool parse_clock(struct cursor *c, struct moment *m)
{
    return take_number(c, 2, 23, &m->hour) && take(c, ':') && take_number(c, 2, 59, &m->minute) && take(c, ':') &&
           take_number(c, 2, 60, &m->second);
}

static bool parse_iso(struct cursor c, int64_t *ret_ms)
{
    struct moment m = {0};
    if (!take_number(&c, 4, 9999, &m.year) || !take(&c, '-') || !take_number(&c, 2, 12, &m.month) || !take(&c, '-') ||
        !take_number(&c, 2, 31, &m.day))
        return false;
    if (c.p < c.end) {
        if (!(take(&c, 'T') || take(&c, 't')) || !parse_clock(&c, &m))
            return false;
        if (take(&c, '.') && !take_digits_of_fraction(&c, &m.ms))
            return false;
        if (!take_offset(&c, &m))
            return false;
    }
    return c.p == c.end && finish(&m, ret_ms);
}

/* The day of the week is not compared with the date. */
static bool parse_http(struct cursor c, int64_t *ret_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct moment m = {0};
    c.p += 3;
    if (!take(&c, ',') || !take(&c, ' ') || !take_number(&c, 2, 31, &m.day) || !take(&c, ' ') || c.end - c.p < 3)
        return false;
    for (int i = 0; i < 12; i++) {
        if (memcmp(c.p, months + 3 * i, 3) == 0)
            m.month = i + 1;
    }
    c.p += 3;
    if (!take(&c, ' ') || !take_number(&c, 4, 9999, &m.year) || !take(&c, ' ') || !parse_clock(&c, &m))
        return false;
    struct bytes zone = bytes_of(c.p, (size_t)(c.end - c.p));
    return (bytes_eq_str(zone, " GMT") || bytes_eq_str(zone, " UTC")) && finish(&m, ret_ms);
}

bool xml_parse_time(struct bytes text, int64_t *ret_ms)
{
    if (text.n < 10)
        return false;
    struct cursor c = {text.p, text.p + text.n};
    int64_t ms;
    if (!(text.p[3] == ',' ? parse_http(c, &ms) : parse_iso(c, &ms)))
        return false;
    *ret_ms = ms;
    return true;
}
