/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent-encoding. Idea: one pass each way, into room for the longest that can come of it.
 * Threads: any; pure.
 */
#include "admin/url.h"

#include <ctype.h>

struct bytes url_encode(struct arena *a, struct bytes text, bool path)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, text.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~' || (path && c == '/')) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    out[n] = '\0';
    return bytes_of(out, n);
}

struct bytes url_decode(struct arena *a, struct bytes text)
{
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%' && hex_decode(bytes_cut(text, i + 1, 2), out + n, 1)) {
            n++;
            i += 2;
        } else
            out[n++] = text.p[i] == '+' ? ' ' : text.p[i];
    }
    out[n] = '\0';
    return bytes_of(out, n);
}
