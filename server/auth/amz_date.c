/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dates of signatures: ISO 8601 basic (x-amz-date), the HTTP form (Date), ISO 8601 extended in error documents.
 * Strict: fixed width, real calendar days, no leap second. Years 1970..9999.
 * Threads: any; pure.
 */
#include "server/auth/internal.h"
#include <string.h>

#define MS_PER_S  1000
#define S_PER_DAY 86400

struct civil {
    int64_t year;
    int month, day, hour, minute, second; /* month 1..12 */
};

/* Days since 1970-01-01, by counting from 1 March so that the leap day comes last. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_ms(int64_t ms, struct civil *c)
{
    int64_t s = ms / MS_PER_S - (ms % MS_PER_S < 0);
    int64_t z = s / S_PER_DAY - (s % S_PER_DAY < 0);
    int64_t rest = s - z * S_PER_DAY;
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c->year = yoe + era * 400 + (c->month <= 2);
    c->hour = (int)(rest / 3600);
    c->minute = (int)(rest / 60 % 60);
    c->second = (int)(rest % 60);
}

static bool civil_to_ms(const struct civil *c, int64_t *ret_ms)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->year < 1970 || c->month < 1 || c->month > 12 || c->hour > 23 || c->minute > 59 || c->second > 59)
        return false;
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    int last = month_days[c->month - 1] + (c->month == 2 && leap);
    if (c->day < 1 || c->day > last)
        return false;
    int64_t s = days_from_civil(c->year, c->month, c->day) * S_PER_DAY + (int64_t)c->hour * 3600 +
                (int64_t)c->minute * 60 + c->second;
    *ret_ms = s * MS_PER_S;
    return true;
}

/* `n` digits at `p`; -1 when one is not. */
static int digits(const char *p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static bool clock_parse(const char *hour, const char *minute, const char *second, struct civil *c)
{
    c->hour = digits(hour, 2);
    c->minute = digits(minute, 2);
    c->second = digits(second, 2);
    return c->hour >= 0 && c->minute >= 0 && c->second >= 0;
}

bool amz_date_parse(struct bytes t, int64_t *ret_ms)
{
    struct civil c;
    if (t.n != AMZ_DATE_LEN || t.p[8] != 'T' || t.p[15] != 'Z')
        return false;
    c.year = digits(t.p, 4);
    c.month = digits(t.p + 4, 2);
    c.day = digits(t.p + 6, 2);
    return clock_parse(t.p + 9, t.p + 11, t.p + 13, &c) && civil_to_ms(&c, ret_ms);
}

static int month_by_name(const char *p)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(names + (size_t)i * 3, p, 3) == 0)
            return i + 1;
    return -1;
}

bool amz_date_parse_http(struct bytes t, int64_t *ret_ms)
{
    struct civil c;
    if (t.n == AMZ_DATE_LEN)
        return amz_date_parse(t, ret_ms);
    if (t.n != 29 || memcmp(t.p + 25, " GMT", 4) != 0 || memcmp(t.p + 3, ", ", 2) != 0)
        return false;
    if (t.p[7] != ' ' || t.p[11] != ' ' || t.p[16] != ' ' || t.p[19] != ':' || t.p[22] != ':')
        return false;
    c.day = digits(t.p + 5, 2);
    c.month = month_by_name(t.p + 8);
    c.year = digits(t.p + 12, 4);
    return clock_parse(t.p + 17, t.p + 20, t.p + 23, &c) && civil_to_ms(&c, ret_ms);
}

static char *put_digits(char *w, int64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--, v /= 10)
        w[i] = (char)('0' + v % 10);
    return w + n;
}

void amz_date_format(int64_t ms, char ret[AMZ_DATE_LEN])
{
    struct civil c;
    civil_from_ms(ms, &c);
    char *w = put_digits(ret, c.year, 4);
    w = put_digits(w, c.month, 2);
    w = put_digits(w, c.day, 2);
    *w++ = 'T';
    w = put_digits(w, c.hour, 2);
    w = put_digits(w, c.minute, 2);
    w = put_digits(w, c.second, 2);
    *w = 'Z';
}

struct bytes amz_date_iso(struct arena *arena, int64_t ms)
{
    struct civil c;
    civil_from_ms(ms, &c);
    return arena_bytesf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)c.year, c.month, c.day, c.hour, c.minute,
                        c.second);
}
