/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times. Idea: listings have ISO 8601 with fractions of any length, metadata have seconds as rclone writes them; both
 * become nanoseconds, which files have too.
 * Threads: any; pure.
 */
#include "admin/transfer/times.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

int64_t iso_time_ns(struct bytes text)
{
    struct tm tm = {0};
    char s[64];
    if (text.n >= sizeof s)
        return 0;
    memcpy(s, text.p ? text.p : "", text.n);
    s[text.n] = '\0';
    const char *rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return 0;
    int64_t ns = 0, unit = 100000000;
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
            ns += (*rest - '0') * unit;
    return (int64_t)timegm(&tm) * 1000000000 + ns;
}

int64_t mtime_of_text(const char *text)
{
    struct bytes all = bytes_str(text);
    ptrdiff_t dot = bytes_find_char(all, '.', 0);
    struct bytes whole = bytes_cut(all, 0, dot < 0 ? all.n : (size_t)dot);
    struct bytes part = dot < 0 ? BYTES_NONE : bytes_cut(all, (size_t)dot + 1, 9);
    uint64_t seconds, fraction = 0;
    if (!bytes_to_u64(whole, INT64_MAX / 1000000000 - 1, &seconds) ||
        (part.n && !bytes_to_u64(part, 999999999, &fraction)))
        return -1;
    for (size_t i = part.n; i < 9; i++)
        fraction *= 10;
    return (int64_t)(seconds * 1000000000 + fraction);
}

const char *mtime_text(int64_t ns, struct arena *a)
{
    return arena_printf(a, "%" PRId64 ".%09" PRId64, ns / 1000000000, ns % 1000000000);
}
