/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of bytes and growing buffers. Idea: length always travels with the pointer, every buffer knows its ceiling.
 * Invariant of struct buf: n <= cap <= max; once failed, it stays as it was until buf_reset.
 * Threads: pure functions on the caller's memory.
 */
#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

struct bytes bytes_str(const char *cstr)
{
    return cstr ? (struct bytes){cstr, strlen(cstr)} : BYTES_NONE;
}

bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool bytes_eq_str(struct bytes a, const char *cstr)
{
    return bytes_eq(a, bytes_str(cstr));
}

static unsigned char ascii_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool bytes_eq_nocase(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    if (a.n == 0 || memcmp(a.p, b.p, a.n) == 0) /* nearly everybody writes names in the same way */
        return true;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower((unsigned char)a.p[i]) != ascii_lower((unsigned char)b.p[i]))
            return false;
    return true;
}

bool bytes_eq_str_nocase(struct bytes a, const char *cstr)
{
    return bytes_eq_nocase(a, bytes_str(cstr));
}

int bytes_cmp(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool bytes_starts(struct bytes a, struct bytes prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

bool bytes_starts_str_nocase(struct bytes a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.n >= n && bytes_eq_nocase((struct bytes){a.p, n}, (struct bytes){prefix, n});
}

bool bytes_ends(struct bytes a, struct bytes suffix)
{
    return a.n >= suffix.n && (suffix.n == 0 || memcmp(a.p + a.n - suffix.n, suffix.p, suffix.n) == 0);
}

ptrdiff_t bytes_find_char(struct bytes a, char c, size_t from)
{
    if (from >= a.n)
        return -1;
    const char *hit = memchr(a.p + from, c, a.n - from);
    return hit ? hit - a.p : -1;
}

ptrdiff_t bytes_find(struct bytes a, struct bytes needle, size_t from)
{
    if (needle.n == 0 || from >= a.n)
        return -1;
    const char *hit = memmem(a.p + from, a.n - from, needle.p, needle.n);
    return hit ? hit - a.p : -1;
}

struct bytes bytes_cut(struct bytes a, size_t from, size_t n)
{
    if (from >= a.n)
        return (struct bytes){a.p ? a.p + a.n : NULL, 0};
    return (struct bytes){a.p + from, n < a.n - from ? n : a.n - from};
}

struct bytes bytes_trim(struct bytes a)
{
    while (a.n && (a.p[0] == ' ' || a.p[0] == '\t'))
        a.p++, a.n--;
    while (a.n && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t'))
        a.n--;
    return a;
}

struct bytes bytes_dup(struct arena *arena, struct bytes a)
{
    if (a.n == 0)
        return (struct bytes){"", 0};
    char *p = arena_alloc(arena, a.n);
    memcpy(p, a.p, a.n);
    return (struct bytes){p, a.n};
}

char *bytes_cstr(struct arena *arena, struct bytes a)
{
    char *p = arena_alloc(arena, a.n + 1);
    if (a.n)
        memcpy(p, a.p, a.n);
    p[a.n] = '\0';
    return p;
}

/* A binary digit is 1233/4096 of a decimal one, nearly; that is one too few where the power of ten is reached. */
static size_t u64_digits(uint64_t v)
{
    static const uint64_t powers[U64_TEXT] = {
        (uint64_t)1e0,  (uint64_t)1e1,  (uint64_t)1e2,  (uint64_t)1e3,  (uint64_t)1e4,  (uint64_t)1e5,  (uint64_t)1e6,
        (uint64_t)1e7,  (uint64_t)1e8,  (uint64_t)1e9,  (uint64_t)1e10, (uint64_t)1e11, (uint64_t)1e12, (uint64_t)1e13,
        (uint64_t)1e14, (uint64_t)1e15, (uint64_t)1e16, (uint64_t)1e17, (uint64_t)1e18, (uint64_t)1e19};
    size_t binary = 64 - (size_t)__builtin_clzll(v | 1), n = binary * 1233 >> 12;
    return n + ((v | 1) >= powers[n]);
}

/* Two digits a step: half of the divisions. */
size_t u64_text(uint64_t v, char out[U64_TEXT])
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    size_t n = u64_digits(v), at = n;
    for (; v >= 100; v /= 100)
        memcpy(out + (at -= 2), pairs + 2 * (v % 100), 2);
    if (v >= 10)
        memcpy(out, pairs + 2 * v, 2);
    else
        out[0] = (char)('0' + v);
    return n;
}

bool bytes_to_u64(struct bytes a, uint64_t max, uint64_t *ret)
{
    if (a.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(a.p[i] - '0');
        if (v > (max - digit) / 10 || digit > max)
            return false;
        v = v * 10 + digit;
    }
    *ret = v;
    return true;
}

void hex_encode(const void *in, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = in;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(struct bytes in, void *out, size_t n)
{
    unsigned char *o = out;
    if (in.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(in.p[2 * i]), lo = hex_digit(in.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        o[i] = (unsigned char)(hi << 4 | lo);
    }
    return true;
}

static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Writes the digits for `in` without padding; answers how many. */
static size_t encode64(const char *alphabet, const unsigned char *in, size_t n, char *out)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)in[i] << 16;
        v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        v |= left > 2 ? in[i + 2] : 0;
        out[o++] = alphabet[v >> 18];
        out[o++] = alphabet[v >> 12 & 63];
        if (left > 1)
            out[o++] = alphabet[v >> 6 & 63];
        if (left > 2)
            out[o++] = alphabet[v & 63];
    }
    return o;
}

static int digit64(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return -1;
}

/* Unpadded digits into bytes; a group of one digit and stray low bits are refused. */
static ptrdiff_t decode64(struct bytes in, bool url, unsigned char *out, size_t cap)
{
    size_t o = 0;
    uint32_t acc = 0;
    unsigned bits = 0;
    if (in.n % 4 == 1)
        return -1;
    for (size_t i = 0; i < in.n; i++) {
        int d = digit64(in.p[i], url);
        if (d < 0)
            return -1;
        acc = acc << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (o == cap)
                return -1;
            out[o++] = (unsigned char)(acc >> bits);
            acc &= (1u << bits) - 1;
        }
    }
    return acc ? -1 : (ptrdiff_t)o;
}

size_t base64_len(size_t n)
{
    return (n + 2) / 3 * 4;
}

void base64_encode(const void *in, size_t n, char *out)
{
    size_t o = encode64(base64_std, in, n, out);
    while (o < base64_len(n))
        out[o++] = '=';
}

ptrdiff_t base64_decode(struct bytes in, void *out, size_t cap)
{
    if (in.n % 4 != 0)
        return -1;
    for (int i = 0; i < 2 && in.n && in.p[in.n - 1] == '='; i++)
        in.n--;
    return decode64(in, false, out, cap);
}

size_t base64url_len(size_t n)
{
    return (n * 4 + 2) / 3;
}

void base64url_encode(const void *in, size_t n, char *out)
{
    encode64(base64_url, in, n, out);
}

ptrdiff_t base64url_decode(struct bytes in, void *out, size_t cap)
{
    return decode64(in, true, out, cap);
}

/* Length of the valid UTF-8 sequence at p (n bytes left), 0 when there is none. RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0], low = 0x80, high = 0xbf;
    size_t len;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        len = 2;
    else if (c >= 0xe0 && c <= 0xef)
        len = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        len = 4;
    else
        return 0;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (n < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool utf8_valid(struct bytes a)
{
    for (size_t i = 0; i < a.n;) {
        size_t len = utf8_sequence((const unsigned char *)a.p + i, a.n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed || n > b->max - b->n) {
        b->failed = true;
        return NULL;
    }
    if (n > b->cap - b->n || !b->p) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap - b->n < n)
            cap = cap > b->max / 2 ? b->max : cap * 2;
        b->p = xrealloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    char *to = buf_reserve(b, n);
    if (to && n) {
        memcpy(to, p, n);
        b->n += n;
    }
}

void buf_put_bytes(struct buf *b, struct bytes s)
{
    buf_put(b, s.p, s.n);
}

void buf_put_str(struct buf *b, const char *cstr)
{
    buf_put(b, cstr, strlen(cstr));
}

void buf_put_char(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    char digits[U64_TEXT];
    buf_put(b, digits, u64_text(v, digits));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    size_t end = b->cap < b->max ? b->cap : b->max; /* a small buffer's memory is larger than what it may hold */
    size_t room = b->failed ? 0 : end - b->n;       /* nearly always enough: then once is enough */
    va_start(ap, fmt);
    int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    if ((size_t)n < room) {
        b->n += (size_t)n;
        return;
    }
    char *to = buf_reserve(b, (size_t)n + 1); /* vsnprintf ends with a NUL, which does not count */
    if (!to)
        return;
    va_start(ap, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}
