/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser of HTTP/1.x request heads.
 *
 * The buffer is cut into lines at LF. A line is judged completely when its LF is there, and what it says is kept as
 * offsets, because the buffer may move until the head is whole; the pointers are filled in at the end. Nothing before
 * `pos` and no LF before `scan` is looked at again, so a head that comes byte by byte costs as much as one that comes
 * at once.
 *
 * Invariant: the answer does not depend on how the bytes were split. Checks that can refuse an unfinished line (too
 * long, no method) therefore come first for finished lines as well.
 *
 * Speed: values and targets are checked eight bytes at a time with plain integer arithmetic; names are lower-cased and
 * checked in one pass through a table, then found by one switch over their length.
 *
 * Threads: pure; any.
 */
#include "server/http/head.h"

#include <arpa/inet.h>
#include <string.h>

const struct http_limits http_limits_default = {
    .max_request_line = HTTP_DEFAULT_MAX_REQUEST_LINE,
    .max_header_bytes = HTTP_DEFAULT_MAX_HEADER_BYTES,
    .max_headers = HTTP_DEFAULT_MAX_HEADERS,
};

/* The lower-case form of each byte that may stand in a token (RFC 9110, 5.6.2); 0 for all others. */
static const unsigned char token_lower[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*', ['+'] = '+',
    ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`', ['|'] = '|',   ['~'] = '~', ['0'] = '0',
    ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',   ['7'] = '7', ['8'] = '8',
    ['9'] = '9', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e',   ['F'] = 'f', ['G'] = 'g',
    ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm',   ['N'] = 'n', ['O'] = 'o',
    ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',   ['V'] = 'v', ['W'] = 'w',
    ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c',   ['d'] = 'd', ['e'] = 'e',
    ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',   ['l'] = 'l', ['m'] = 'm',
    ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's',   ['t'] = 't', ['u'] = 'u',
    ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
};

#define NAME_ROOM 64 /* power of two above the longest name in headers.def */

/* ---- Eight bytes at a time ------------------------------------------------------------------------------------- */

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static inline uint64_t load64(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/* Non-zero when some byte is below `n` (at most 128). Which one it is can't be told: borrows run upwards. */
static inline uint64_t has_below(uint64_t w, unsigned n)
{
    return (w - ONES * n) & ~w & HIGHS;
}

static inline uint64_t has_byte(uint64_t w, unsigned char c)
{
    return has_below(w ^ (ONES * c), 1);
}

static bool is_value_byte(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool value_ok(const char *p, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w = load64(p + i);
        if (!(has_below(w, 0x20) | has_byte(w, 0x7f)))
            continue;
        for (size_t j = i; j < i + 8; j++) /* HTAB, or a reason to refuse */
            if (!is_value_byte((unsigned char)p[j]))
                return false;
    }
    for (; i < n; i++)
        if (!is_value_byte((unsigned char)p[i]))
            return false;
    return true;
}

/*
 * Bytes of a target: anything visible but '#', which would begin a fragment (never sent by clients that follow the
 * rules; proxies disagree what to do with it). Bytes from 0x80 are let through: some clients send UTF-8 unescaped.
 */
static bool target_ok(const char *p, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w = load64(p + i);
        if (has_below(w, 0x21) | has_byte(w, 0x7f) | has_byte(w, '#'))
            return false;
    }
    for (; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c <= 0x20 || c == 0x7f || c == '#')
            return false;
    }
    return true;
}

/* ---- Names ------------------------------------------------------------------------------------------------------ */

/* The longest names that look alike differ at their ends, so memcmp over the fixed length does well. */
static enum http_header_id id_of_lower(const unsigned char *low, size_t n)
{
    switch (n) {
    case 0:
#define HEADER_LEN(len)                                                                                                \
    break;                                                                                                             \
    case len:
#define HEADER(id, name)                                                                                               \
    if (!memcmp(low, name, sizeof(name) - 1))                                                                          \
        return id;
#include "server/http/headers.def"
#undef HEADER_LEN
#undef HEADER
    }
    return HDR_OTHER;
}

/* Length of the token that `p` begins with; its first NAME_ROOM bytes, lower-cased, go to `low`. */
static inline size_t take_token(const char *p, size_t n, unsigned char low[NAME_ROOM])
{
    size_t i = 0;
    for (; i < n; i++) {
        unsigned char c = token_lower[(unsigned char)p[i]];
        if (!c)
            break;
        low[i & (NAME_ROOM - 1)] = c;
    }
    return i;
}

enum http_header_id http_header_id(struct bytes name)
{
    unsigned char low[NAME_ROOM];
    if (name.n >= NAME_ROOM || take_token(name.p, name.n, low) != name.n)
        return HDR_OTHER;
    return id_of_lower(low, name.n);
}

const char *http_header_name(enum http_header_id id)
{
    static const char *const names[HDR_COUNT] = {
        [HDR_OTHER] = "",
#define HEADER_LEN(len)
#define HEADER(id, name) [id] = name,
#include "server/http/headers.def"
#undef HEADER_LEN
#undef HEADER
    };
    return (unsigned)id < HDR_COUNT ? names[id] : "";
}

int http_parse_status(enum http_parse result)
{
    static const int status[] = {
#define X(symbol, status, text) [symbol] = (status),
        HTTP_PARSE_MAP(X)
#undef X
    };
    return status[result];
}

const char *http_parse_text(enum http_parse result)
{
    static const char *const text[] = {
#define X(symbol, status, text) [symbol] = (text),
        HTTP_PARSE_MAP(X)
#undef X
    };
    return text[result];
}

/* ---- Values ----------------------------------------------------------------------------------------------------- */

/* The next element of a comma-separated list, trimmed. False: no more. `rest` begins with p not NULL. */
static bool list_next(struct bytes *rest, struct bytes *ret_item)
{
    if (!rest->p)
        return false;
    const char *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
    if (comma) {
        size_t n = (size_t)(comma - rest->p);
        *ret_item = bytes_trim(bytes_of(rest->p, n));
        *rest = bytes_of(comma + 1, rest->n - n - 1);
    } else {
        *ret_item = bytes_trim(*rest);
        *rest = BYTES_NONE;
    }
    return true;
}

bool http_list_has(struct bytes value, const char *token)
{
    struct bytes item;
    while (list_next(&value, &item))
        if (bytes_eq_str_nocase(item, token))
            return true;
    return false;
}

/* Letters, digits, '-', '_' in labels of at least one byte, single dots between them; one dot may end it. */
static bool is_host_name(struct bytes name)
{
    bool in_label = false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char low = token_lower[(unsigned char)name.p[i]];
        if ((low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') || low == '-' || low == '_')
            in_label = true;
        else if (low == '.' && in_label)
            in_label = false;
        else
            return false;
    }
    return name.n > 0;
}

static bool is_ipv6(struct bytes inside)
{
    char text[INET6_ADDRSTRLEN + 1];
    unsigned char addr[16];
    if (inside.n >= sizeof(text) || memchr(inside.p, 0, inside.n))
        return false;
    memcpy(text, inside.p, inside.n);
    text[inside.n] = 0;
    return inet_pton(AF_INET6, text, addr) == 1;
}

bool http_host_split(struct bytes host, struct bytes *ret_name, unsigned *ret_port)
{
    if (host.n == 0 || host.n > HTTP_MAX_HOST)
        return false;
    size_t name_n;
    if (host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);
        if (!end || !is_ipv6(bytes_of(host.p + 1, (size_t)(end - host.p) - 1)))
            return false;
        name_n = (size_t)(end - host.p) + 1;
    } else {
        const char *colon = memchr(host.p, ':', host.n);
        name_n = colon ? (size_t)(colon - host.p) : host.n;
        if (!is_host_name(bytes_of(host.p, name_n)))
            return false;
    }
    uint64_t port = 0;
    if (name_n < host.n) {
        struct bytes digits = bytes_of(host.p + name_n + 1, host.n - name_n - 1);
        if (host.p[name_n] != ':' || digits.n > 5 || !bytes_to_u64(digits, 65535, &port) || port == 0)
            return false;
    }
    if (ret_name)
        *ret_name = bytes_of(host.p, name_n);
    if (ret_port)
        *ret_port = (unsigned)port;
    return true;
}

/* ---- The request line ------------------------------------------------------------------------------------------- */

/*
 * Could `p` be the beginning of a request line, as far as its method goes? Tells a TLS hello or random bytes from a
 * request before any LF came. A single CR may be the first half of an empty line.
 */
static bool has_method(const char *p, size_t n)
{
    size_t look = n < HTTP_MAX_METHOD + 1 ? n : HTTP_MAX_METHOD + 1;
    for (size_t i = 0; i < look; i++) {
        if (p[i] == ' ')
            return i > 0;
        if (!token_lower[(unsigned char)p[i]])
            return n == 1 && p[0] == '\r';
    }
    return look <= HTTP_MAX_METHOD;
}

static enum http_method method_of(const char *p, size_t n)
{
    switch (n) {
    case 3:
        if (!memcmp(p, "GET", 3))
            return HTTP_GET;
        if (!memcmp(p, "PUT", 3))
            return HTTP_PUT;
        break;
    case 4:
        if (!memcmp(p, "HEAD", 4))
            return HTTP_HEAD;
        if (!memcmp(p, "POST", 4))
            return HTTP_POST;
        break;
    case 6:
        if (!memcmp(p, "DELETE", 6))
            return HTTP_DELETE;
        break;
    case 7:
        if (!memcmp(p, "OPTIONS", 7))
            return HTTP_OPTIONS;
        break;
    }
    return HTTP_OTHER;
}

/* Length of "http://" or "https://" (any case) that `t` begins with, or 0. */
static size_t scheme_len(struct bytes t)
{
    if (bytes_starts_str_nocase(t, "http://"))
        return 7;
    return bytes_starts_str_nocase(t, "https://") ? 8 : 0;
}

/* Sets form, and for the absolute form host. `t` has at least one byte. */
static enum http_parse judge_target(struct http_head *h, const char *base, struct bytes t)
{
    if (t.p[0] == '/') {
        h->form = HTTP_TARGET_ORIGIN;
        return HTTP_PARSE_OK;
    }
    if (t.n == 1 && t.p[0] == '*' && h->method == HTTP_OPTIONS) {
        h->form = HTTP_TARGET_ASTERISK;
        return HTTP_PARSE_OK;
    }
    if (bytes_eq_str(h->method_text, "CONNECT")) {
        h->form = HTTP_TARGET_AUTHORITY;
        return HTTP_PARSE_OK;
    }
    size_t skip = scheme_len(t);
    if (!skip)
        return HTTP_BAD_TARGET;
    size_t end = skip;
    while (end < t.n && t.p[end] != '/' && t.p[end] != '?')
        end++;
    struct bytes authority = bytes_of(t.p + skip, end - skip);
    if (!http_host_split(authority, NULL, NULL))
        return HTTP_BAD_TARGET;
    h->form = HTTP_TARGET_ABSOLUTE;
    h->host = authority;
    h->host_at = (uint32_t)(authority.p - base);
    return HTTP_PARSE_OK;
}

/* `line` without its CR LF. */
static enum http_parse on_request_line(struct http_head *h, const char *base, struct bytes line)
{
    const char *sp = memchr(line.p, ' ', line.n);    /* has_method saw to it that a token stands before it */
    if (!sp || line.p + line.n - sp < 1 + 1 + 1 + 8) /* SP, a target, SP, HTTP/1.x */
        return HTTP_BAD_REQUEST_LINE;
    const char *target = sp + 1;
    const char *version = line.p + line.n - 8;
    if (version[-1] != ' ')
        return HTTP_BAD_REQUEST_LINE;
    if (memcmp(version, "HTTP/", 5) || version[6] != '.' || version[5] < '0' || version[5] > '9' || version[7] < '0' ||
        version[7] > '9')
        return HTTP_BAD_REQUEST_LINE;
    struct bytes t = bytes_of(target, (size_t)(version - 1 - target));
    if (!target_ok(t.p, t.n))
        return memchr(t.p, ' ', t.n) ? HTTP_BAD_REQUEST_LINE : HTTP_BAD_TARGET;
    if (version[5] != '1' || version[7] > '1')
        return HTTP_BAD_VERSION;

    h->line_at = (uint32_t)(line.p - base);
    h->method_text = bytes_of(line.p, (size_t)(sp - line.p));
    h->method = method_of(h->method_text.p, h->method_text.n);
    h->target = t;
    h->minor = version[7] - '0';
    h->have_line = true;
    h->fields_at = h->pos;
    return judge_target(h, base, t);
}

/* ---- Header lines ----------------------------------------------------------------------------------------------- */

static enum http_parse on_header_line(struct http_head *h, const char *base, struct bytes line)
{
    unsigned char low[NAME_ROOM];
    size_t name_n = take_token(line.p, line.n, low);
    if (name_n == 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
        return HTTP_BAD_FOLDING;
    if (name_n == 0 || name_n == line.n || line.p[name_n] != ':')
        return HTTP_BAD_HEADER;
    const char *v = line.p + name_n + 1, *end = line.p + line.n;
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (v < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (!value_ok(v, (size_t)(end - v)))
        return HTTP_BAD_HEADER_VALUE;
    if (h->header_count == h->limits.max_headers)
        return HTTP_MANY_HEADERS;

    enum http_header_id id = name_n < NAME_ROOM ? id_of_lower(low, name_n) : HDR_OTHER;
    unsigned index = h->header_count++;
    h->headers[index] = (struct http_header){
        .name = bytes_of(line.p, name_n),
        .value = bytes_of(v, (size_t)(end - v)),
        .id = (uint16_t)id,
        .name_at = (uint32_t)(line.p - base),
        .value_at = (uint32_t)(v - base),
    };
    if (id != HDR_OTHER) {
        if (h->last[id])
            h->headers[h->last[id] - 1].next = (uint16_t)(index + 1);
        else
            h->first[id] = (uint16_t)(index + 1);
        h->last[id] = (uint16_t)(index + 1);
    }
    return HTTP_PARSE_OK;
}

/* ---- What the headers say together ------------------------------------------------------------------------------ */

/*
 * RFC 9112, 6: where the body ends. Anything that another implementation could read differently is refused, also where
 * the RFC would allow to repair it (Content-Length repeated with the same value).
 */
static enum http_parse judge_framing(struct http_head *h)
{
    if (http_head_has(h, HDR_TRANSFER_ENCODING)) {
        if (http_head_has(h, HDR_CONTENT_LENGTH) || http_head_repeated(h, HDR_TRANSFER_ENCODING) || h->minor == 0)
            return HTTP_BAD_FRAMING;
        struct bytes te = http_head_value(h, HDR_TRANSFER_ENCODING);
        if (!bytes_eq_str_nocase(te, "chunked"))
            return te.n == 0 ? HTTP_BAD_FRAMING : HTTP_BAD_TRANSFER_ENCODING;
        h->framing = HTTP_BODY_CHUNKED;
        return HTTP_PARSE_OK;
    }
    if (!http_head_has(h, HDR_CONTENT_LENGTH))
        return HTTP_PARSE_OK;
    struct bytes cl = http_head_value(h, HDR_CONTENT_LENGTH);
    if (http_head_repeated(h, HDR_CONTENT_LENGTH) || cl.n > HTTP_MAX_LENGTH_DIGITS ||
        !bytes_to_u64(cl, INT64_MAX, &h->content_length))
        return HTTP_BAD_CONTENT_LENGTH;
    h->framing = HTTP_BODY_LENGTH;
    return HTTP_PARSE_OK;
}

/* Same name, same port; a port that is the scheme's default equals none. */
static bool same_authority(struct bytes a, struct bytes b, unsigned default_port)
{
    struct bytes name_a, name_b;
    unsigned port_a, port_b;
    if (!http_host_split(a, &name_a, &port_a) || !http_host_split(b, &name_b, &port_b))
        return false;
    return bytes_eq_nocase(name_a, name_b) && (port_a ? port_a : default_port) == (port_b ? port_b : default_port);
}

/*
 * An absolute target names the host (RFC 9112, 3.2.2). The Host header must then say the same: a signature covers the
 * header, routing follows the target, and the two must not mean different buckets.
 */
static enum http_parse judge_host(struct http_head *h)
{
    if (!http_head_has(h, HDR_HOST))
        return h->minor == 0 ? HTTP_PARSE_OK : HTTP_BAD_HOST;
    struct bytes host = http_head_value(h, HDR_HOST);
    if (http_head_repeated(h, HDR_HOST) || !http_host_split(host, NULL, NULL))
        return HTTP_BAD_HOST;
    if (h->form == HTTP_TARGET_ABSOLUTE) {
        unsigned default_port = scheme_len(h->target) == 7 ? 80 : 443;
        return same_authority(h->host, host, default_port) ? HTTP_PARSE_OK : HTTP_BAD_HOST;
    }
    h->host = host;
    h->host_at = h->headers[h->first[HDR_HOST] - 1].value_at;
    return HTTP_PARSE_OK;
}

static enum http_parse judge_expect(struct http_head *h)
{
    if (h->minor == 0) /* RFC 9110, 10.1.1: an expectation in HTTP/1.0 is ignored */
        return HTTP_PARSE_OK;
    for (const struct http_header *e = http_head_get(h, HDR_EXPECT); e; e = http_head_next(h, e)) {
        if (!bytes_eq_str_nocase(e->value, "100-continue"))
            return HTTP_BAD_EXPECT;
        h->expect_continue = h->framing != HTTP_BODY_NONE;
    }
    return HTTP_PARSE_OK;
}

static void judge_connection(struct http_head *h)
{
    bool close = false, keep = false;
    for (const struct http_header *c = http_head_get(h, HDR_CONNECTION); c; c = http_head_next(h, c)) {
        close |= http_list_has(c->value, "close");
        keep |= http_list_has(c->value, "keep-alive");
    }
    h->keep_alive = !close && (h->minor == 1 || keep);
}

static enum http_parse on_end(struct http_head *h, const char *base)
{
    h->head_len = h->pos;
    http_head_rebase(h, base);
    enum http_parse rc = judge_framing(h);
    if (rc == HTTP_PARSE_OK)
        rc = judge_host(h);
    if (rc == HTTP_PARSE_OK)
        rc = judge_expect(h);
    judge_connection(h);
    return h->result = rc;
}

/* ---- Lines ------------------------------------------------------------------------------------------------------ */

/* Refusals that don't need the end of the line; `n` bytes of it are here, and of those none is LF. */
static enum http_parse judge_partial(const struct http_head *h, const char *line, size_t n)
{
    if (h->have_line)
        return h->pos - h->fields_at + n > h->limits.max_header_bytes ? HTTP_LONG_HEADERS : HTTP_PARSE_MORE;
    if (!has_method(line, n))
        return HTTP_BAD_REQUEST_LINE;
    return n > (size_t)h->limits.max_request_line + 1 ? HTTP_LONG_REQUEST_LINE : HTTP_PARSE_MORE;
}

/* One line of `n` bytes with its CR, without its LF, that begins at h->pos. */
static enum http_parse on_line(struct http_head *h, const char *base, size_t n)
{
    const char *line = base + h->pos;
    enum http_parse rc = judge_partial(h, line, n);
    if (rc != HTTP_PARSE_MORE)
        return rc;
    if (n == 0 || line[n - 1] != '\r')
        return HTTP_BAD_LINE_END;
    h->pos += n + 1;
    h->scan = h->pos;
    if (h->have_line && h->pos - h->fields_at > h->limits.max_header_bytes)
        return HTTP_LONG_HEADERS;
    if (n == 1) {
        if (h->have_line)
            return on_end(h, base);
        return h->leading++ < HTTP_MAX_LEADING_CRLF ? HTTP_PARSE_OK : HTTP_BAD_REQUEST_LINE;
    }
    struct bytes text = bytes_of(line, n - 1);
    return h->have_line ? on_header_line(h, base, text) : on_request_line(h, base, text);
}

void http_head_init(struct http_head *h, const struct http_limits *limits, struct http_header *slots)
{
    memset(h, 0, sizeof(*h));
    h->limits = limits ? *limits : http_limits_default;
    h->headers = slots;
    h->result = HTTP_PARSE_MORE;
}

enum http_parse http_head_parse(struct http_head *h, struct bytes in)
{
    while (h->result == HTTP_PARSE_MORE) {
        const char *lf = in.n > h->scan ? memchr(in.p + h->scan, '\n', in.n - h->scan) : NULL;
        if (!lf) {
            h->scan = in.n;
            return h->result = in.n ? judge_partial(h, in.p + h->pos, in.n - h->pos) : HTTP_PARSE_MORE;
        }
        enum http_parse rc = on_line(h, in.p, (size_t)(lf - in.p) - h->pos);
        if (rc != HTTP_PARSE_OK)
            return h->result = rc;
    }
    return h->result;
}

void http_head_rebase(struct http_head *h, const char *base)
{
    h->method_text.p = base + h->line_at;
    h->target.p = base + h->line_at + h->method_text.n + 1;
    if (h->host.p)
        h->host.p = base + h->host_at;
    for (unsigned i = 0; i < h->header_count; i++) {
        h->headers[i].name.p = base + h->headers[i].name_at;
        h->headers[i].value.p = base + h->headers[i].value_at;
    }
}

const struct http_header *http_head_find(const struct http_head *h, struct bytes name, unsigned from)
{
    for (unsigned i = from; i < h->header_count; i++)
        if (bytes_eq_nocase(h->headers[i].name, name))
            return &h->headers[i];
    return NULL;
}
