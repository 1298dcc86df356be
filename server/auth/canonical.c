/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical requests. The text is written once into one block of the arena whose size is known beforehand: every part
 * of the request appears at most once and grows at most threefold by encoding. Parameters are encoded before they are
 * sorted, for `%` and the unreserved characters sort differently than the bytes they stand for. Clients send most
 * queries in order already; others are put in order from a copy.
 *
 * Invariants: the output depends on nothing but the input struct; no byte of client input is ever taken for a length.
 * Threads: any; pure but for the arena.
 */
#include "server/auth/canonical.h"
#include "base/check.h"
#include <stdlib.h>
#include <string.h>

#define SORT_BY_INSERTION_MAX 24

enum { C_UNRESERVED = 1, C_NAME = 2 }; /* stays as it is in URLs; may stand in a lower-case header name */

static const unsigned char char_class[256] = {
    ['a' ... 'z'] = C_UNRESERVED | C_NAME,
    ['0' ... '9'] = C_UNRESERVED | C_NAME,
    ['A' ... 'Z'] = C_UNRESERVED,
    ['-'] = C_UNRESERVED | C_NAME,
    ['.'] = C_UNRESERVED | C_NAME,
    ['_'] = C_UNRESERVED | C_NAME,
    ['~'] = C_UNRESERVED | C_NAME,
    ['!'] = C_NAME,
    ['#'] = C_NAME,
    ['$'] = C_NAME,
    ['%'] = C_NAME,
    ['&'] = C_NAME,
    ['\''] = C_NAME,
    ['*'] = C_NAME,
    ['+'] = C_NAME,
    ['^'] = C_NAME,
    ['`'] = C_NAME,
    ['|'] = C_NAME,
};

static inline char *put(char *w, struct bytes s)
{
    if (s.n > 0)
        memcpy(w, s.p, s.n);
    return w + s.n;
}

static inline char *put_encoded(char *w, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    w[0] = '%';
    w[1] = hex[c >> 4];
    w[2] = hex[c & 15];
    return w + 3;
}

char *canonical_encode(char *w, struct bytes in, bool keep_slash)
{
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if ((char_class[c] & C_UNRESERVED) || (c == '/' && keep_slash))
            *w++ = (char)c;
        else
            w = put_encoded(w, c);
    }
    return w;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Decode and encode in one go, so that %c3 and %C3, %7E and ~ come out alike. An escape that is none (the parser of the
 * request line lets none pass) stands for its percent sign.
 */
static char *put_path(char *w, struct bytes raw)
{
    if (raw.n == 0)
        *w++ = '/';
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (c == '%' && raw.n - i > 2) {
            int high = hex_digit(raw.p[i + 1]), low = hex_digit(raw.p[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (unsigned char)(high << 4 | low);
                i += 2;
            }
        }
        if ((char_class[c] & C_UNRESERVED) || c == '/')
            *w++ = (char)c;
        else
            w = put_encoded(w, c);
    }
    return w;
}

static int param_cmp(const void *va, const void *vb)
{
    const struct auth_param *a = va, *b = vb;
    int c = bytes_cmp(a->name, b->name);
    return c != 0 ? c : bytes_cmp(a->value, b->value);
}

/* Queries are short and often sorted by the client already; a hostile one of thousands must not cost its square. */
static void sort_params(struct auth_param *p, size_t n)
{
    if (n > SORT_BY_INSERTION_MAX) {
        qsort(p, n, sizeof(*p), param_cmp);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct auth_param x = p[i];
        size_t j = i;
        for (; j > 0 && param_cmp(&p[j - 1], &x) > 0; j--)
            p[j] = p[j - 1];
        p[j] = x;
    }
}

/* The encoded parameters as they were sent, name=value&name=value; *ret_count of them, with their places, in `ret`. */
static char *put_params(char *w, const struct canonical_input *in, struct auth_param *ret, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < in->req->param_count; i++) {
        const struct auth_param *p = &in->req->params[i];
        if (in->presigned && bytes_eq(p->name, BYTES_LIT("X-Amz-Signature")))
            continue;
        if (count > 0)
            *w++ = '&';
        char *name = w, *equals = canonical_encode(w, p->name, false);
        *equals = '=';
        w = canonical_encode(equals + 1, p->value, false);
        ret[count].name = bytes_of(name, (size_t)(equals - name));
        ret[count++].value = bytes_of(equals + 1, (size_t)(w - equals - 1));
    }
    *ret_count = count;
    return w;
}

static char *put_query(char *w, const struct canonical_input *in, struct arena *arena)
{
    struct auth_param *params = arena_alloc(arena, in->req->param_count * sizeof(*params));
    size_t count;
    bool sorted = true;
    char *start = w, *end = put_params(w, in, params, &count);
    for (size_t i = 1; i < count && sorted; i++)
        sorted = param_cmp(&params[i - 1], &params[i]) <= 0;
    if (sorted)
        return end;
    struct bytes copy = bytes_dup(arena, bytes_of(start, (size_t)(end - start)));
    for (size_t i = 0; i < count; i++) {
        params[i].name.p = copy.p + (params[i].name.p - start);
        params[i].value.p = copy.p + (params[i].value.p - start);
    }
    sort_params(params, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *w++ = '&';
        w = put(w, params[i].name);
        *w++ = '=';
        w = put(w, params[i].value);
    }
    return w;
}

/* A header's value: outer white space gone, inner runs of it one space. */
static char *put_value(char *w, struct bytes value)
{
    struct bytes v = bytes_trim(value);
    bool space = false;
    for (size_t i = 0; i < v.n; i++) {
        bool blank = v.p[i] == ' ' || v.p[i] == '\t';
        if (!blank)
            *w++ = v.p[i];
        else if (!space)
            *w++ = ' ';
        space = blank;
    }
    return w;
}

static inline bool name_is(struct bytes name, struct bytes lower)
{
    return name.n == lower.n && (name.p[0] | 0x20) == (lower.p[0] | 0x20) && bytes_eq_nocase(name, lower);
}

static char *put_header(char *w, const struct canonical_input *in, struct bytes name, bool *absent)
{
    bool found = false;
    char *start = w;
    w = put(w, name);
    *w++ = ':';
    bool host = in->host.n > 0 && bytes_eq(name, BYTES_LIT("host"));
    for (size_t i = 0; i < in->req->header_count; i++) {
        const struct auth_header *h = &in->req->headers[i];
        if (!name_is(h->name, name))
            continue;
        if (found)
            *w++ = ',';
        w = put_value(w, host ? in->host : h->value);
        found = true;
        if (host)
            break;
    }
    if (!found) {
        *absent = true;
        return start;
    }
    *w++ = '\n';
    return w;
}

static size_t query_bound(const struct auth_request *req)
{
    size_t n = 0;
    for (size_t i = 0; i < req->param_count; i++)
        n += 3 * (req->params[i].name.n + req->params[i].value.n);
    return n;
}

static size_t headers_bound(const struct canonical_input *in)
{
    size_t n = in->host.n + in->signed_headers.n + 2 * in->names->count; /* names, colons, newlines */
    for (size_t i = 0; i < in->req->header_count; i++)
        n += in->req->headers[i].value.n + 1;
    return n;
}

struct bytes canonical_build(const struct canonical_input *in, struct arena *arena, bool *ret_absent)
{
    const struct auth_request *req = in->req;
    size_t bound = req->method.n + 3 * req->raw_path.n + 1 + query_bound(req) + 2 * req->param_count +
                   headers_bound(in) + in->signed_headers.n + in->payload.n +
                   5; /* five newlines between the six parts */
    char *text = arena_alloc(arena, bound), *w = text;
    bool absent = false;

    w = put(w, req->method);
    *w++ = '\n';
    w = put_path(w, req->raw_path);
    *w++ = '\n';
    w = put_query(w, in, arena);
    *w++ = '\n';
    for (size_t i = 0; i < in->names->count; i++)
        w = put_header(w, in, in->names->name[i], &absent);
    *w++ = '\n';
    w = put(w, in->signed_headers);
    *w++ = '\n';
    w = put(w, in->payload);
    CHECK((size_t)(w - text) <= bound);
    *ret_absent = absent;
    return bytes_of(text, (size_t)(w - text));
}

bool canonical_names_parse(struct bytes list, struct canonical_names *ret)
{
    size_t start = 0;
    ret->count = 0;
    for (size_t i = 0; i <= list.n; i++) {
        if (i < list.n && list.p[i] != ';') {
            if (!(char_class[(unsigned char)list.p[i]] & C_NAME))
                return false;
            continue;
        }
        struct bytes name = bytes_cut(list, start, i - start);
        if (name.n == 0 || ret->count == AUTH_SIGNED_HEADERS_MAX)
            return false;
        if (ret->count > 0 && bytes_cmp(ret->name[ret->count - 1], name) >= 0)
            return false;
        ret->name[ret->count++] = name;
        start = i + 1;
    }
    return true;
}

bool canonical_names_has(const struct canonical_names *names, struct bytes name)
{
    for (size_t i = 0; i < names->count; i++)
        if (name_is(names->name[i], name))
            return true;
    return false;
}
