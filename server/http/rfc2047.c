/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded words. Decoding is one walk over the value that copies what is plain and replaces what is a word, and one
 * more that puts U+FFFD where the bytes of the words are no UTF-8; two words may share a character, as some encoders
 * cut at bytes. Encoding cuts only between characters, as the RFC asks.
 *
 * Invariants: both outputs have a bound known beforehand (shown where they are allocated), so neither grows nor fails;
 * looking for a word ends at the first '?' that does not fit, so the walk is linear whatever is sent.
 * Threads: pure; any.
 */
#include "server/http/rfc2047.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define UNREADABLE  0xff           /* stands nowhere in UTF-8; becomes a REPLACEMENT at the end */

enum charset { CHARSET_UTF8, CHARSET_LATIN1, CHARSET_ASCII };

static const struct {
    const char *name;
    enum charset charset;
} charsets[] = {
    {"utf-8", CHARSET_UTF8},        {"utf8", CHARSET_UTF8},     {"iso-8859-1", CHARSET_LATIN1},
    {"iso_8859-1", CHARSET_LATIN1}, {"latin1", CHARSET_LATIN1}, {"us-ascii", CHARSET_ASCII},
    {"ascii", CHARSET_ASCII},
};

struct word {
    enum charset charset;
    bool base64;
    struct bytes text;
    size_t n; /* of the whole word */
};

struct out {
    char *p;
    size_t n, cap;
};

static struct out out_new(struct arena *arena, size_t cap)
{
    return (struct out){.p = arena_alloc(arena, cap), .cap = cap};
}

static void put(struct out *out, const char *p, size_t n)
{
    CHECK(n <= out->cap - out->n);
    if (n)
        memcpy(out->p + out->n, p, n);
    out->n += n;
}

static void put_char(struct out *out, unsigned char c)
{
    put(out, (const char *)&c, 1);
}

static void put_latin1(struct out *out, unsigned char c)
{
    if (c >= 0x80)
        put_char(out, (unsigned char)(0xc0 | c >> 6));
    put_char(out, c >= 0x80 ? (unsigned char)(0x80 | (c & 0x3f)) : c);
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static struct bytes as_utf8(struct arena *arena, struct bytes in)
{
    if (utf8_valid(in))
        return in;
    struct out out = out_new(arena, 2 * in.n);
    for (size_t i = 0; i < in.n; i++)
        put_latin1(&out, (unsigned char)in.p[i]);
    return bytes_of(out.p, out.n);
}

/* ---- decoding --------------------------------------------------------------------------------------------------- */

/* What may stand in any part of a word. */
static bool is_word_char(char c)
{
    return c > ' ' && c < 0x7f && c != '?';
}

static bool charset_find(struct bytes name, enum charset *ret)
{
    for (size_t i = 0; i < name.n; i++)
        if (!is_word_char(name.p[i]))
            return false;
    ptrdiff_t language = bytes_find_char(name, '*', 0); /* RFC 2231: UTF-8*en */
    if (language >= 0)
        name = bytes_cut(name, 0, (size_t)language);
    for (size_t i = 0; i < ARRAY_LEN(charsets); i++)
        if (bytes_eq_str_nocase(name, charsets[i].name)) {
            *ret = charsets[i].charset;
            return true;
        }
    return false;
}

/* Is there a word at the start of `in`, which begins with "=?"? */
static bool word_parse(struct bytes in, struct word *ret)
{
    ptrdiff_t mark = bytes_find_char(bytes_cut(in, 0, 2 + RFC2047_CHARSET_MAX + 1), '?', 2);
    if (mark < 0 || !charset_find(bytes_cut(in, 2, (size_t)mark - 2), &ret->charset))
        return false;
    struct bytes rest = bytes_cut(in, (size_t)mark + 1, in.n);
    if (rest.n < 2 || rest.p[1] != '?')
        return false;
    char encoding = (char)(rest.p[0] | 0x20);
    if (encoding != 'b' && encoding != 'q')
        return false;
    size_t n = 2;
    while (n < rest.n && is_word_char(rest.p[n]))
        n++;
    if (!bytes_starts(bytes_cut(rest, n, rest.n), BYTES_LIT("?=")))
        return false;
    ret->base64 = encoding == 'b';
    ret->text = bytes_cut(rest, 2, n - 2);
    ret->n = (size_t)mark + 1 + n + 2;
    return true;
}

/* A byte that a word stands for; false: it has no place in a header. */
static bool put_decoded(struct out *out, enum charset charset, unsigned char c)
{
    if (is_control(c))
        return false;
    if (charset == CHARSET_LATIN1)
        put_latin1(out, c);
    else if (charset == CHARSET_ASCII && c >= 0x80)
        put_char(out, UNREADABLE);
    else
        put_char(out, c);
    return true;
}

static int digit64(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = memchr(digits, c, sizeof digits - 1);
    return at ? (int)(at - digits) : -1;
}

/* As far as it can be read; missing padding is forgiven, anything else that is wrong leaves its mark. */
static bool put_base64(struct out *out, const struct word *w)
{
    unsigned bits = 0, have = 0;
    size_t i = 0;
    for (int digit; i < w->text.n && (digit = digit64(w->text.p[i])) >= 0; i++) {
        bits = (bits << 6 | (unsigned)digit) & 0xfff;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (!put_decoded(out, w->charset, (unsigned char)(bits >> have)))
            return false;
    }
    struct bytes rest = bytes_cut(w->text, i, w->text.n);
    if (have >= 6 || !(rest.n == 0 || bytes_eq_str(rest, "=") || bytes_eq_str(rest, "==")))
        put_char(out, UNREADABLE);
    return true;
}

static bool put_quoted(struct out *out, const struct word *w)
{
    for (size_t i = 0; i < w->text.n; i++) {
        unsigned char c = (unsigned char)w->text.p[i];
        if (c == '_') {
            c = ' ';
        } else if (c == '=') {
            if (!hex_decode(bytes_cut(w->text, i + 1, 2), &c, 1))
                return false;
            i += 2;
        }
        if (!put_decoded(out, w->charset, c))
            return false;
    }
    return true;
}

static bool is_blank(struct bytes s)
{
    return bytes_trim(s).n == 0;
}

static void put_words(struct out *out, struct bytes in)
{
    ptrdiff_t start;
    size_t at = 0;
    bool after_word = false;
    while ((start = bytes_find(in, BYTES_LIT("=?"), at)) >= 0) {
        struct bytes gap = bytes_cut(in, at, (size_t)start - at);
        struct word w;
        size_t before = out->n;
        bool found = word_parse(bytes_cut(in, (size_t)start, in.n), &w);
        if (found) {
            if (!after_word || !is_blank(gap))
                put(out, gap.p, gap.n);
            found = w.base64 ? put_base64(out, &w) : put_quoted(out, &w);
        }
        if (!found) {
            out->n = before;
            put(out, gap.p, gap.n);
            put(out, "=?", 2);
        }
        after_word = found;
        at = (size_t)start + (found ? w.n : 2);
    }
    put(out, in.p + at, in.n - at);
}

/* Each run of bytes that are no UTF-8 becomes one U+FFFD. */
static void put_readable(struct out *out, struct bytes in)
{
    bool unreadable = false;
    for (size_t i = 0; i < in.n;) {
        size_t n = 1;
        while (n <= 4 && !(n <= in.n - i && utf8_valid(bytes_cut(in, i, n))))
            n++;
        if (n <= 4)
            put(out, in.p + i, n);
        else if (!unreadable)
            put(out, REPLACEMENT, 3);
        unreadable = n > 4;
        i += unreadable ? 1 : n;
    }
}

/*
 * The bound: plain bytes at most double (ISO 8859-1). A word of t characters stands for at most t bytes and one mark,
 * each of which at most trebles, and has a frame of nine characters or more.
 */
struct bytes rfc2047_decode(struct arena *arena, struct bytes in)
{
    size_t cap = RFC2047_GROWTH_MAX * in.n;
    in = as_utf8(arena, in);
    if (bytes_find(in, BYTES_LIT("=?"), 0) < 0)
        return in;
    struct out out = out_new(arena, cap);
    put_words(&out, in);
    if (utf8_valid(bytes_of(out.p, out.n)))
        return bytes_of(out.p, out.n);
    struct out readable = out_new(arena, cap);
    put_readable(&readable, bytes_of(out.p, out.n));
    return bytes_of(readable.p, readable.n);
}

/* ---- encoding --------------------------------------------------------------------------------------------------- */

#define WORD_FRAME 12 /* =?UTF-8?B? and ?= */
#define WORD_TEXT  (RFC2047_WORD_MAX - WORD_FRAME)
#define ESCAPE     3 /* =XX */

static bool is_plain(struct bytes in)
{
    for (size_t i = 0; i < in.n; i++)
        if (is_control((unsigned char)in.p[i]) || (unsigned char)in.p[i] >= 0x80)
            return false;
    return bytes_trim(in).n == in.n;
}

static size_t quoted_len(unsigned char c)
{
    return c >= ' ' && c < 0x7f && c != '=' && c != '?' && c != '_' ? 1 : ESCAPE;
}

static void put_quoted_char(struct out *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    if (quoted_len(c) == 1) {
        put_char(out, c == ' ' ? '_' : c);
        return;
    }
    char text[ESCAPE] = {'=', digits[c >> 4], digits[c & 15]};
    put(out, text, sizeof text);
}

/* Q stays legible where most characters are ASCII. Those beyond U+FFFF count twice, as in S3, which counts in UTF-16.
 */
static bool mostly_ascii(struct bytes in)
{
    size_t ascii = 0, others = 0;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        ascii += c < 0x80;
        others += (c >= 0xc0) + (c >= 0xf0);
    }
    return ascii > others;
}

/* How many bytes from the front, whole characters, make a word that is not too long. */
static size_t word_take(struct bytes in, bool base64)
{
    size_t taken = 0, quoted = 0;
    for (size_t i = 0; i < in.n; taken = i) {
        do
            quoted += quoted_len((unsigned char)in.p[i++]);
        while (i < in.n && ((unsigned char)in.p[i] & 0xc0) == 0x80);
        if ((base64 ? base64_len(i) : quoted) > WORD_TEXT)
            break;
    }
    return taken;
}

/*
 * The bound: a word that is followed by another holds at least 52 characters of Q or 42 bytes in B, so frame, blank and
 * padding add less than half a byte for each byte; a byte itself takes three at most.
 */
struct bytes rfc2047_encode(struct arena *arena, struct bytes in)
{
    if (is_plain(in))
        return in;
    in = as_utf8(arena, in);
    bool base64 = !mostly_ascii(in);
    struct out out = out_new(arena, 4 * in.n + 2 * WORD_FRAME);
    while (in.n) {
        size_t n = word_take(in, base64);
        put(&out, base64 ? " =?UTF-8?B?" : " =?UTF-8?Q?", WORD_FRAME - 1);
        if (base64) {
            CHECK(base64_len(n) <= out.cap - out.n);
            base64_encode(in.p, n, out.p + out.n);
            out.n += base64_len(n);
        }
        for (size_t i = 0; i < n && !base64; i++)
            put_quoted_char(&out, (unsigned char)in.p[i]);
        put(&out, "?=", 2);
        in = bytes_cut(in, n, in.n);
    }
    return bytes_of(out.p + 1, out.n - 1); /* without the first blank */
}
