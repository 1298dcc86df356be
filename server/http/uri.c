/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets, queries and copy sources; see the header for the rules.
 *
 * Invariant: decoding happens in uri_decode alone, and what came out of it never goes in again. Paths are decoded
 * before they are cut into bucket and key, so an escaped slash and a bare one can't mean different things.
 *
 * Threads: pure; any.
 */
#include "server/http/uri.h"

#include <string.h>

#include "base/arena.h"

enum s3_error uri_error_s3(enum uri_error e)
{
    static const enum s3_error errors[] = {
#define X(symbol, error, text) [symbol] = (error),
        URI_ERROR_MAP(X)
#undef X
    };
    return errors[e];
}

const char *uri_error_text(enum uri_error e)
{
    static const char *const texts[] = {
#define X(symbol, error, text) [symbol] = (text),
        URI_ERROR_MAP(X)
#undef X
    };
    return texts[e];
}

/* ---- Percent coding --------------------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum uri_error uri_decode(struct arena *arena, struct bytes in, enum uri_plus plus, struct bytes *ret)
{
    if (in.n && memchr(in.p, 0, in.n))
        return URI_NUL;
    bool spaces = plus == URI_PLUS_SPACE && bytes_find_char(in, '+', 0) >= 0;
    if (!spaces && bytes_find_char(in, '%', 0) < 0) {
        *ret = in.p ? in : BYTES_LIT("");
        return URI_OK;
    }
    char *out = arena_alloc(arena, in.n);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            int high = in.n - i > 2 ? hex_value(in.p[i + 1]) : -1;
            int low = in.n - i > 2 ? hex_value(in.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return URI_BAD_ESCAPE;
            if (high == 0 && low == 0)
                return URI_NUL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && spaces) {
            c = ' ';
        }
        out[n++] = c;
    }
    *ret = bytes_of(out, n);
    return URI_OK;
}

/* Bits: 1 unreserved (RFC 3986, 2.3), 2 stays in list encoding. */
static const unsigned char byte_class[256] = {
    ['A'] = 3, ['B'] = 3, ['C'] = 3, ['D'] = 3, ['E'] = 3, ['F'] = 3, ['G'] = 3, ['H'] = 3, ['I'] = 3, ['J'] = 3,
    ['K'] = 3, ['L'] = 3, ['M'] = 3, ['N'] = 3, ['O'] = 3, ['P'] = 3, ['Q'] = 3, ['R'] = 3, ['S'] = 3, ['T'] = 3,
    ['U'] = 3, ['V'] = 3, ['W'] = 3, ['X'] = 3, ['Y'] = 3, ['Z'] = 3, ['a'] = 3, ['b'] = 3, ['c'] = 3, ['d'] = 3,
    ['e'] = 3, ['f'] = 3, ['g'] = 3, ['h'] = 3, ['i'] = 3, ['j'] = 3, ['k'] = 3, ['l'] = 3, ['m'] = 3, ['n'] = 3,
    ['o'] = 3, ['p'] = 3, ['q'] = 3, ['r'] = 3, ['s'] = 3, ['t'] = 3, ['u'] = 3, ['v'] = 3, ['w'] = 3, ['x'] = 3,
    ['y'] = 3, ['z'] = 3, ['0'] = 3, ['1'] = 3, ['2'] = 3, ['3'] = 3, ['4'] = 3, ['5'] = 3, ['6'] = 3, ['7'] = 3,
    ['8'] = 3, ['9'] = 3, ['-'] = 3, ['_'] = 3, ['.'] = 3, ['~'] = 1, ['*'] = 2, ['/'] = 2,
};

/* Runs of bytes that stay are copied as a whole; names are mostly made of those. */
static void encode(struct buf *out, struct bytes in, unsigned char keep, bool keep_slash, bool plus)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t run = 0;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if ((byte_class[c] & keep) || (c == '/' && keep_slash))
            continue;
        if (i > run)
            buf_put(out, in.p + run, i - run);
        run = i + 1;
        if (c == ' ' && plus)
            buf_put_char(out, '+');
        else
            buf_put(out, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
    if (run < in.n)
        buf_put(out, in.p + run, in.n - run);
}

void uri_encode(struct buf *out, struct bytes in, enum uri_slash slash)
{
    encode(out, in, 1, slash == URI_KEEP_SLASH, false);
}

void uri_encode_list(struct buf *out, struct bytes in)
{
    encode(out, in, 2, true, true);
}

/* ---- Targets ---------------------------------------------------------------------------------------------------- */

enum uri_error uri_split(struct bytes target, struct uri_parts *ret)
{
    size_t skip = bytes_starts_str_nocase(target, "http://") ? 7 : bytes_starts_str_nocase(target, "https://") ? 8 : 0;
    while (skip && skip < target.n && target.p[skip] != '/' && target.p[skip] != '?')
        skip++;
    struct bytes rest = bytes_cut(target, skip, target.n);
    if (!skip && (rest.n == 0 || rest.p[0] != '/'))
        return URI_BAD_TARGET;
    ptrdiff_t mark = bytes_find_char(rest, '?', 0);
    ret->has_query = mark >= 0;
    ret->path = mark >= 0 ? bytes_cut(rest, 0, (size_t)mark) : rest;
    ret->query = mark >= 0 ? bytes_cut(rest, (size_t)mark + 1, rest.n) : BYTES_LIT("");
    if (ret->path.n == 0)
        ret->path = BYTES_LIT("/");
    return URI_OK;
}

static struct bytes host_name(struct bytes host)
{
    ptrdiff_t colon = host.n && host.p[0] != '[' ? bytes_find_char(host, ':', 0) : -1;
    if (colon >= 0)
        host.n = (size_t)colon;
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

/* Takes `end` and the dot before it off the name; false when the name is not below it. */
static bool cut_end(struct bytes *name, struct bytes end)
{
    if (end.n > name->n || !bytes_eq_nocase(bytes_cut(*name, name->n - end.n, end.n), end))
        return false;
    if (end.n < name->n && name->p[name->n - end.n - 1] != '.')
        return false;
    name->n -= end.n < name->n ? end.n + 1 : end.n;
    return true;
}

/* The accelerated and the dual-stack endpoints are the plain one: their labels say nothing. */
static bool cut_style(struct bytes *name)
{
    static const struct bytes styles[] = {{"s3-accelerate.dualstack", 23}, {"s3-accelerate", 13}, {"s3.dualstack", 12}};
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
        if (cut_end(name, styles[i]))
            return true;
    return false;
}

/*
 * The part of `host` before ".domain" for the longest domain that fits; empty when that is the domain itself, or none.
 * As at AWS, the other styles of s3.example.com are s3-accelerate.example.com and s3.dualstack.example.com.
 */
static struct bytes bucket_in_host(struct bytes host, const struct bytes *domains, size_t domain_count)
{
    static const struct bytes plain = {"s3.", 3};
    struct bytes name = host_name(host), bucket = BYTES_NONE;
    size_t best = 0;
    for (size_t i = 0; i < domain_count; i++) {
        struct bytes d = domains[i], left = name;
        if (d.n <= best)
            continue;
        if (cut_end(&left, d))
            cut_style(&left);
        else if (!bytes_starts_str_nocase(d, plain.p) || !cut_end(&left, bytes_cut(d, plain.n, d.n)) ||
                 !cut_style(&left))
            continue;
        best = d.n;
        bucket = left;
    }
    return bucket;
}

static struct bytes lower_copy(struct arena *arena, struct bytes in)
{
    char *p = arena_alloc(arena, in.n);
    for (size_t i = 0; i < in.n; i++)
        p[i] = in.p[i] >= 'A' && in.p[i] <= 'Z' ? (char)(in.p[i] | 0x20) : in.p[i];
    return bytes_of(p, in.n);
}

enum uri_error uri_s3_target(struct arena *arena, struct bytes raw_path, struct bytes host, const struct bytes *domains,
                             size_t domain_count, struct s3_target *ret)
{
    struct bytes path;
    enum uri_error rc = uri_decode(arena, raw_path, URI_PLUS_LITERAL, &path);
    if (rc)
        return rc;
    if (path.n == 0 || path.p[0] != '/')
        return URI_BAD_TARGET;
    if (!utf8_valid(path))
        return URI_NOT_UTF8;

    struct s3_target t = {.key = bytes_cut(path, 1, path.n)};
    struct bytes in_host = bucket_in_host(host, domains, domain_count);
    if (in_host.n) {
        t.virtual_host = true;
        t.bucket = lower_copy(arena, in_host);
    } else {
        ptrdiff_t slash = bytes_find_char(path, '/', 1);
        t.bucket = bytes_cut(path, 1, slash < 0 ? path.n : (size_t)slash - 1);
        t.key = slash < 0 ? BYTES_LIT("") : bytes_cut(path, (size_t)slash + 1, path.n);
        if (t.bucket.n == 0 && slash >= 0)
            return URI_NO_BUCKET;
    }
    if (t.key.n > URI_MAX_KEY)
        return URI_KEY_TOO_LONG;
    *ret = t;
    return URI_OK;
}

/* ---- Queries ---------------------------------------------------------------------------------------------------- */

static enum uri_error parse_param(struct arena *arena, struct bytes piece, struct query_param *ret)
{
    ptrdiff_t eq = bytes_find_char(piece, '=', 0);
    ret->has_value = eq >= 0;
    ret->raw_name = eq >= 0 ? bytes_cut(piece, 0, (size_t)eq) : piece;
    ret->raw_value = eq >= 0 ? bytes_cut(piece, (size_t)eq + 1, piece.n) : BYTES_LIT("");
    enum uri_error rc = uri_decode(arena, ret->raw_name, URI_PLUS_SPACE, &ret->name);
    if (rc == URI_OK)
        rc = uri_decode(arena, ret->raw_value, URI_PLUS_SPACE, &ret->value);
    if (rc == URI_OK && !(utf8_valid(ret->name) && utf8_valid(ret->value)))
        rc = URI_NOT_UTF8;
    return rc;
}

enum uri_error query_parse(struct arena *arena, struct bytes raw, struct query *ret)
{
    return raw.n > URI_MAX_QUERY_BYTES ? URI_LONG_QUERY : query_parse_form(arena, raw, URI_MAX_QUERY_PARAMS, ret);
}

enum uri_error query_parse_form(struct arena *arena, struct bytes raw, size_t max_params, struct query *ret)
{
    size_t most = raw.n ? 1 : 0;
    for (ptrdiff_t amp = -1; (amp = bytes_find_char(raw, '&', (size_t)(amp + 1))) >= 0;)
        most++;
    size_t room = most < max_params ? most : max_params;
    struct query q = {.params = room ? arena_new_array(arena, struct query_param, room) : NULL};

    for (size_t at = 0; at < raw.n;) {
        ptrdiff_t amp = bytes_find_char(raw, '&', at);
        size_t end = amp < 0 ? raw.n : (size_t)amp;
        struct bytes piece = bytes_cut(raw, at, end - at);
        at = end + 1;
        if (piece.n == 0)
            continue;
        if (q.n == room)
            return URI_MANY_PARAMS;
        enum uri_error rc = parse_param(arena, piece, &q.params[q.n]);
        if (rc)
            return rc;
        q.n++;
    }
    *ret = q;
    return URI_OK;
}

const struct query_param *query_get_unique(const struct query *q, const char *name, bool *ret_dup)
{
    const struct query_param *found = NULL;
    struct bytes wanted = bytes_str(name);
    *ret_dup = false;
    for (size_t i = 0; i < q->n; i++) {
        if (!bytes_eq(q->params[i].name, wanted))
            continue;
        if (found) {
            *ret_dup = true;
            break;
        }
        found = &q->params[i];
    }
    return found;
}

const struct query_param *query_get(const struct query *q, const char *name)
{
    struct bytes wanted = bytes_str(name);
    for (size_t i = 0; i < q->n; i++)
        if (bytes_eq(q->params[i].name, wanted))
            return &q->params[i];
    return NULL;
}

struct bytes query_value(const struct query *q, const char *name)
{
    const struct query_param *p = query_get(q, name);
    return p ? p->value : BYTES_NONE;
}

bool query_has(const struct query *q, const char *name)
{
    return query_get(q, name) != NULL;
}

/* ---- Copy sources ----------------------------------------------------------------------------------------------- */

enum uri_error uri_copy_source(struct arena *arena, struct bytes value, struct copy_source *ret)
{
    static const struct bytes mark = {"?versionId=", sizeof("?versionId=") - 1};
    struct copy_source s = {.version_id = BYTES_LIT("")};
    struct bytes raw = value, path = BYTES_NONE;
    ptrdiff_t at = bytes_find(value, mark, 0);
    enum uri_error rc = URI_OK;
    if (at >= 0) {
        s.has_version = true;
        raw = bytes_cut(value, 0, (size_t)at);
        rc = uri_decode(arena, bytes_cut(value, (size_t)at + mark.n, value.n), URI_PLUS_SPACE, &s.version_id);
    }
    if (rc == URI_OK)
        rc = uri_decode(arena, raw, URI_PLUS_SPACE, &path);
    if (rc != URI_OK || !utf8_valid(path) || !utf8_valid(s.version_id))
        return URI_BAD_COPY_SOURCE;

    if (path.n && path.p[0] == '/')
        path = bytes_cut(path, 1, path.n);
    ptrdiff_t slash = bytes_find_char(path, '/', 0);
    if (slash <= 0 || (size_t)slash + 1 == path.n)
        return URI_BAD_COPY_SOURCE;
    s.bucket = bytes_cut(path, 0, (size_t)slash);
    s.key = bytes_cut(path, (size_t)slash + 1, path.n);
    if (s.key.n > URI_MAX_KEY)
        return URI_KEY_TOO_LONG;
    *ret = s;
    return URI_OK;
}
