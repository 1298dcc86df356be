/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML of S3's replies. Idea: a document is text in which elements are cut out by their tags, from the outside in;
 * nothing is built. Entities beyond the five, DTDs and CDATA do not occur there and are refused; attributes are passed
 * over.
 * Threads: any; pure.
 */
#include "admin/transfer/xml.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX  32
#define ENTITY_MAX 12 /* bytes of &...; beyond that it is text */

struct tag {
    struct bytes name; /* without prefix */
    const char *begin, *end;
    bool closes, empty;
};

static bool starts(const char *p, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/* The next tag from p on; declarations and comments are passed over. False: none, or something that is refused. */
static bool next_tag(const char *p, const char *end, struct tag *ret)
{
    for (;;) {
        p = p < end ? memchr(p, '<', (size_t)(end - p)) : NULL;
        if (!p || starts(p, end, "<![CDATA[") || starts(p, end, "<!D"))
            return false;
        const char *stop = starts(p, end, "<!--") ? "-->" : starts(p, end, "<?") ? "?>" : NULL;
        if (!stop)
            break;
        p = memmem(p, (size_t)(end - p), stop, strlen(stop));
        if (!p)
            return false;
    }
    const char *close = memchr(p, '>', (size_t)(end - p));
    if (!close)
        return false;
    *ret = (struct tag){.begin = p, .end = close + 1, .closes = p[1] == '/', .empty = close[-1] == '/'};
    const char *name = p + 1 + ret->closes, *q = name;
    for (; q < close && !isspace((unsigned char)*q) && *q != '/'; q++)
        if (*q == ':')
            name = q + 1;
    ret->name = bytes_of(name, (size_t)(q - name));
    return ret->name.n > 0;
}

bool doc_next(struct bytes *rest, struct bytes *name, struct bytes *inner)
{
    const char *end = rest->p + rest->n;
    struct tag open, tag;
    if (!rest->n || !next_tag(rest->p, end, &open) || open.closes)
        return false;
    *name = open.name;
    *inner = bytes_of(open.end, 0);
    const char *p = open.end;
    for (int depth = open.empty ? 0 : 1; depth > 0;) {
        if (!next_tag(p, end, &tag) || depth > DEPTH_MAX)
            return false;
        depth += tag.empty ? 0 : tag.closes ? -1 : 1;
        p = tag.end;
        if (depth == 0) {
            inner->n = (size_t)(tag.begin - inner->p);
            if (!bytes_eq(tag.name, open.name))
                return false;
        }
    }
    *rest = bytes_of(p, (size_t)(end - p));
    return true;
}

bool doc_over(struct bytes rest)
{
    const char *p = rest.p, *end = rest.p + rest.n;
    while (p < end) {
        const char *stop = starts(p, end, "<!--") ? memmem(p, (size_t)(end - p), "-->", 3) : NULL;
        if (!stop && !isspace((unsigned char)*p))
            return false;
        p = stop ? stop + 3 : p + 1;
    }
    return true;
}

bool doc_find(struct bytes inner, const char *name, struct bytes *ret)
{
    struct bytes found, content;
    while (doc_next(&inner, &found, &content))
        if (bytes_eq_str(found, name)) {
            *ret = content;
            return true;
        }
    return false;
}

bool doc_root(struct bytes doc, const char *name, struct bytes *ret)
{
    struct bytes found;
    return doc_next(&doc, &found, ret) && bytes_eq_str(found, name);
}

static size_t put_utf8(char *out, unsigned long c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

/* What stands between & and ;. The bytes written, never more than it took; 0: unknown. */
static size_t put_entity(char *out, struct bytes name)
{
    static const char *const names[][2] = {{"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}, {"apos", "'"}};
    unsigned long c = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bytes_eq_str(name, names[i][0])) {
            *out = names[i][1][0];
            return 1;
        }
    if (name.n < 2 || name.n > 9 || name.p[0] != '#')
        return 0;
    bool hex = name.p[1] == 'x';
    for (size_t i = hex ? 2 : 1; i < name.n; i++) {
        unsigned char d = (unsigned char)name.p[i];
        if (hex ? !isxdigit(d) : !isdigit(d))
            return 0;
        c = c * (hex ? 16 : 10) + (unsigned long)(isdigit(d) ? d - '0' : (d | 32) - 'a' + 10);
    }
    return c <= 0x10ffff ? put_utf8(out, c) : 0;
}

struct bytes doc_text(struct bytes in, struct arena *a)
{
    char *out = arena_alloc(a, in.n + 4);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        ptrdiff_t end = in.p[i] == '&' ? bytes_find_char(bytes_cut(in, 0, i + ENTITY_MAX), ';', i) : -1;
        size_t put = end > 0 ? put_entity(out + n, bytes_cut(in, i + 1, (size_t)end - i - 1)) : 0;
        if (put) {
            n += put;
            i = (size_t)end;
        } else
            out[n++] = in.p[i];
    }
    out[n] = '\0';
    return bytes_of(out, n);
}

struct bytes doc_find_text(struct bytes inner, const char *name, struct arena *a)
{
    struct bytes found;
    return doc_find(inner, name, &found) ? doc_text(found, a) : BYTES_NONE;
}
