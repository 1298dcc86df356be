/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies: decoded whole, byte by byte and in odd pieces; and what is refused. */
#include "server/http/chunked.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

static char body[1 << 17];
static size_t body_n, rest_n;

/* Feeds pieces of at most `piece` bytes; what is left of the last one is counted in rest_n. */
static enum chunked_event decode_by(struct bytes all, size_t piece)
{
    struct chunked c;
    enum chunked_event e = CHUNKED_MORE;
    chunked_init(&c);
    body_n = 0;
    for (size_t at = 0; at < all.n;) {
        struct bytes in = bytes_cut(all, at, piece), data;
        at += in.n;
        while ((e = chunked_next(&c, &in, &data)) == CHUNKED_DATA) {
            memcpy(body + body_n, data.p, data.n);
            body_n += data.n;
        }
        rest_n = all.n - at + in.n;
        if (e != CHUNKED_MORE) {
            cr_assert_eq(chunked_next(&c, &in, &data), e, "the answer must be final");
            break;
        }
        cr_assert_eq(in.n, 0);
    }
    return e;
}

static enum chunked_event decode(struct bytes all)
{
    enum chunked_event whole = decode_by(all, all.n);
    size_t n = body_n, rest = rest_n;
    for (size_t piece = 1; piece < 8; piece++) {
        cr_assert_eq(decode_by(all, piece), whole);
        cr_assert_eq(body_n, n);
        if (whole == CHUNKED_END)
            cr_assert_eq(rest_n, rest);
    }
    return whole;
}

static enum chunked_event decode_str(const char *s)
{
    return decode(bytes_str(s));
}

#define EXPECT(want, text)                                                                                             \
    do {                                                                                                               \
        enum chunked_event e_ = decode_str(text);                                                                      \
        cr_assert_eq(e_, want, "line %d: got %d (%s), want %s", __LINE__, (int)e_, chunked_text(e_), #want);           \
    } while (0)

Test(chunked, reads_a_body)
{
    EXPECT(CHUNKED_END, "5\r\nhello\r\nA;x=\"y\"\r\n 123456789\r\n0\r\n\r\nGET / HTTP/1.1");
    cr_assert_eq(body_n, 15);
    cr_assert_eq(memcmp(body, "hello 123456789", 15), 0);
    cr_assert_eq(rest_n, strlen("GET / HTTP/1.1"));
    EXPECT(CHUNKED_END, "0\r\n\r\n");
    cr_assert_eq(body_n, 0);
    EXPECT(CHUNKED_END, "000000000000000a\r\n0123456789\r\n00\r\n\r\n");
    EXPECT(CHUNKED_END, "1\r\n\n\r\n0\r\nDate: x\r\nX-Y:\tz\r\n\r\n");
    EXPECT(CHUNKED_MORE, "5\r\nhel");
    EXPECT(CHUNKED_MORE, "5\r\nhello\r\n0\r\n");
}

Test(chunked, data_is_not_copied)
{
    struct chunked c;
    const char *text = "5\r\nhello\r\n";
    struct bytes in = bytes_str(text), data;
    chunked_init(&c);
    cr_assert_eq(chunked_next(&c, &in, &data), CHUNKED_DATA);
    cr_assert_eq(data.p, text + 3);
    cr_assert_eq(data.n, 5);
}

Test(chunked, HTP_04_bare_line_feeds)
{
    EXPECT(CHUNKED_BAD_LINE_END, "5\nhello\r\n0\r\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "5\r\nhello\n0\r\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "5;a\nhello\r\n0\r\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "0\n\n");
    EXPECT(CHUNKED_BAD_LINE_END, "0\r\n\n");
    EXPECT(CHUNKED_BAD_LINE_END, "0\r\nX: y\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "5\rhello\r\n0\r\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "5\r\r\nhello\r\n0\r\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "0\r\nX: y\rz\r\n\r\n");
}

Test(chunked, HTP_04_extension_limits)
{
    char text[1000];
    snprintf(text, sizeof(text), "5;%0*d\r\nhello\r\n0\r\n\r\n", CHUNKED_MAX_EXTENSION - 1, 0);
    EXPECT(CHUNKED_END, text);
    snprintf(text, sizeof(text), "5;%0*d\r\nhello\r\n0\r\n\r\n", CHUNKED_MAX_EXTENSION, 0);
    EXPECT(CHUNKED_BAD_EXTENSION, text);
    EXPECT(CHUNKED_BAD_EXTENSION, "5;a\x01\r\nhello\r\n0\r\n\r\n");
    cr_assert_eq(decode(BYTES_LIT("5;a\0\r\nhello\r\n0\r\n\r\n")), CHUNKED_BAD_EXTENSION);
}

Test(chunked, HTP_04_data_without_its_line_end)
{
    EXPECT(CHUNKED_BAD_LINE_END, "5\r\nhello0\r\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "5\r\nhelloX\r\n0\r\n\r\n");
    EXPECT(CHUNKED_BAD_LINE_END, "4\r\nhello\r\n0\r\n\r\n");
}

Test(chunked, HTP_04_trailer_limits)
{
    static char text[CHUNKED_MAX_TRAILERS + 100];
    int overhead = (int)strlen("X:\r"); /* LF is not counted, as it can't be anything else */
    snprintf(text, sizeof(text), "0\r\nX:%0*d\r\n\r\n", CHUNKED_MAX_TRAILERS - overhead - 1, 0);
    cr_assert_eq(decode_by(bytes_str(text), 100), CHUNKED_END);
    snprintf(text, sizeof(text), "0\r\nX:%0*d\r\n\r\n", CHUNKED_MAX_TRAILERS, 0);
    cr_assert_eq(decode_by(bytes_str(text), 100), CHUNKED_BAD_TRAILER);
    EXPECT(CHUNKED_BAD_TRAILER, "0\r\n folded: x\r\n\r\n");
    EXPECT(CHUNKED_BAD_TRAILER, "0\r\nno colon\r\n\r\n");
    EXPECT(CHUNKED_BAD_TRAILER, "0\r\nX : y\r\n\r\n");
    EXPECT(CHUNKED_BAD_TRAILER, "0\r\n: y\r\n\r\n");
    EXPECT(CHUNKED_BAD_TRAILER, "0\r\nX: y\x7f\r\n\r\n");
    EXPECT(CHUNKED_BAD_TRAILER, "0\r\nX\r\n\r\n");
}

Test(chunked, CHK_08_sizes)
{
    static const char *const bad[] = {"\r\n",
                                      ";\r\n",
                                      "-5\r\n",
                                      "+5\r\n",
                                      " 5\r\n",
                                      "5 \r\n",
                                      "0x10\r\n",
                                      "g\r\n",
                                      "ffffffffffffffff\r\n",
                                      "8000000000000000\r\n",
                                      "00000000000000005\r\n",
                                      "5,5\r\n",
                                      "5 ;a\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(decode_str(bad[i]), CHUNKED_BAD_SIZE, "%s", bad[i]);
    EXPECT(CHUNKED_MORE, "7fffffffffffffff\r\nabc");
    EXPECT(CHUNKED_MORE, "7FFFFFFFFFFFFFFF\r\n");
}

Test(chunked, tiny_chunks_with_long_extensions_are_refused)
{
    static char text[1 << 17];
    size_t n = 0;
    for (int i = 0; i < 300; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "1;%0200d\r\nx\r\n", 0);
    cr_assert_eq(decode_by(bytes_of(text, n), n), CHUNKED_TOO_COSTLY);
    cr_assert_eq(decode_by(bytes_of(text, n), 7), CHUNKED_TOO_COSTLY);
    n = 0;
    for (int i = 0; i < 10000; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "1\r\nx\r\n");
    n += (size_t)snprintf(text + n, sizeof(text) - n, "0\r\n\r\n");
    cr_assert_eq(decode_by(bytes_of(text, n), 1000), CHUNKED_END);
    cr_assert_eq(body_n, 10000);
}
