/* SPDX-License-Identifier: Apache-2.0 */
/* The request-head parser: what it reads, what it refuses, and that it does not matter how the bytes arrive. */
#include "server/http/head.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

#define SLOTS HTTP_DEFAULT_MAX_HEADERS

static struct http_header slots[SLOTS];
static struct http_head head;

static struct bytes lit(const char *s)
{
    return bytes_str(s);
}

static enum http_parse parse_bytes(struct bytes in)
{
    http_head_init(&head, NULL, slots);
    return http_head_parse(&head, in);
}

static enum http_parse parse(const char *text)
{
    return parse_bytes(lit(text));
}

/* A GET with these header lines (each with CR LF) behind a good Host. */
static enum http_parse parse_fields(const char *lines)
{
    static char text[1 << 18];
    snprintf(text, sizeof(text), "GET /b/k HTTP/1.1\r\nHost: h\r\n%s\r\n", lines);
    return parse(text);
}

/* A PUT without Host, so that the lines may bring one. */
static enum http_parse parse_hosts(const char *lines)
{
    static char text[8192];
    snprintf(text, sizeof(text), "PUT /b/k HTTP/1.1\r\n%s\r\n", lines);
    return parse(text);
}

static void expect_text(struct bytes got, const char *want)
{
    cr_assert(bytes_eq_str(got, want), "got '%.*s', want '%s'", (int)got.n, got.p ? got.p : "", want);
}

#define EXPECT(want, got)                                                                                              \
    do {                                                                                                               \
        enum http_parse g_ = (got);                                                                                    \
        cr_assert_eq(g_, want, "line %d: got %d (%s), want %s", __LINE__, (int)g_, http_parse_text(g_), #want);        \
    } while (0)

Test(head, reads_a_usual_request)
{
    EXPECT(HTTP_PARSE_OK, parse("PUT /b/k%20x?partNumber=1 HTTP/1.1\r\nHost: s3.example.com:9000\r\n"
                                "x-amz-date:20231115T120240Z\r\nX-AMZ-Content-SHA256: \t UNSIGNED-PAYLOAD \t\r\n"
                                "Content-Length: 12\r\nExpect: 100-Continue\r\nx-amz-meta-a:\r\n\r\nhello"));
    cr_assert_eq(head.method, HTTP_PUT);
    expect_text(head.method_text, "PUT");
    cr_assert_eq(head.form, HTTP_TARGET_ORIGIN);
    expect_text(head.target, "/b/k%20x?partNumber=1");
    cr_assert_eq(head.minor, 1);
    cr_assert_eq(head.header_count, 6);
    expect_text(head.headers[0].name, "Host");
    expect_text(head.host, "s3.example.com:9000");
    expect_text(http_head_value(&head, HDR_X_AMZ_DATE), "20231115T120240Z");
    expect_text(http_head_value(&head, HDR_X_AMZ_CONTENT_SHA256), "UNSIGNED-PAYLOAD");
    cr_assert_eq(head.framing, HTTP_BODY_LENGTH);
    cr_assert_eq(head.content_length, 12);
    cr_assert(head.keep_alive);
    cr_assert(head.expect_continue);
    expect_text(head.headers[5].name, "x-amz-meta-a");
    cr_assert_eq(head.headers[5].id, HDR_OTHER);
    cr_assert_eq(head.headers[5].value.n, 0);
    cr_assert_not_null(head.headers[5].value.p);
    cr_assert_null(http_head_value(&head, HDR_RANGE).p);
    cr_assert_eq(head.head_len, strlen("PUT /b/k%20x?partNumber=1 HTTP/1.1\r\nHost: s3.example.com:9000\r\n"
                                       "x-amz-date:20231115T120240Z\r\nX-AMZ-Content-SHA256: \t UNSIGNED-PAYLOAD \t\r\n"
                                       "Content-Length: 12\r\nExpect: 100-Continue\r\nx-amz-meta-a:\r\n\r\n"));
}

Test(head, every_listed_header_is_found_in_any_case)
{
    for (int id = 1; id < HDR_COUNT; id++) {
        const char *name = http_header_name((enum http_header_id)id);
        char upper[80];
        size_t n = strlen(name);
        cr_assert(n > 0 && n < 64);
        for (size_t i = 0; i < n; i++) {
            cr_assert(name[i] < 'A' || name[i] > 'Z', "%s is not lower-case", name);
            upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
        }
        cr_assert_eq(http_header_id(lit(name)), (enum http_header_id)id, "%s stands below a wrong HEADER_LEN", name);
        cr_assert_eq(http_header_id(bytes_of(upper, n)), (enum http_header_id)id, "%s", name);
        cr_assert_eq(http_header_id(bytes_of(upper, n - 1)) == (enum http_header_id)id, false);
    }
    cr_assert_eq(http_header_id(lit("")), HDR_OTHER);
    cr_assert_eq(http_header_id(lit("x-amz-meta-x")), HDR_OTHER);
    cr_assert_eq(http_header_id(lit("ho st")), HDR_OTHER);
    cr_assert_str_eq(http_header_name(HDR_OTHER), "");
}

Test(head, a_name_longer_than_any_known_one_is_kept)
{
    char line[400];
    memset(line, 'a', 300);
    memcpy(line + 300, ": v\r\n", sizeof(": v\r\n"));
    EXPECT(HTTP_PARSE_OK, parse_fields(line));
    cr_assert_eq(head.headers[1].name.n, 300);
    cr_assert_eq(head.headers[1].id, HDR_OTHER);
}

Test(head, repeated_headers_are_chained_in_order)
{
    EXPECT(HTTP_PARSE_OK, parse_fields("Range: a\r\nX-Y: 1\r\nrange: b\r\nx-y: 2\r\nRANGE: c\r\n"));
    const struct http_header *r = http_head_get(&head, HDR_RANGE);
    expect_text(r->value, "a");
    r = http_head_next(&head, r);
    expect_text(r->value, "b");
    r = http_head_next(&head, r);
    expect_text(r->value, "c");
    cr_assert_null(http_head_next(&head, r));
    cr_assert(http_head_repeated(&head, HDR_RANGE));
    cr_assert_not(http_head_repeated(&head, HDR_HOST));
    cr_assert_not(http_head_repeated(&head, HDR_DATE));
    cr_assert(http_head_has(&head, HDR_RANGE));
    cr_assert_not(http_head_has(&head, HDR_DATE));
    const struct http_header *x = http_head_find(&head, lit("x-Y"), 0);
    expect_text(x->value, "1");
    x = http_head_find(&head, lit("x-Y"), (unsigned)(x - head.headers) + 1);
    expect_text(x->value, "2");
    cr_assert_null(http_head_find(&head, lit("x-Z"), 0));
}

Test(head, values_may_hold_tabs_and_bytes_above_127)
{
    EXPECT(HTTP_PARSE_OK, parse_fields("x-amz-meta-a: gr\xc3\xbc\xc3\x9f \t dich, welt und \xff\r\n"));
    expect_text(head.headers[1].value, "gr\xc3\xbc\xc3\x9f \t dich, welt und \xff");
}

static void same_head(const struct http_head *a, const struct http_head *b)
{
    cr_assert_eq(a->result, b->result);
    if (a->result != HTTP_PARSE_OK)
        return;
    cr_assert(bytes_eq(a->target, b->target) && bytes_eq(a->host, b->host));
    cr_assert(bytes_eq(a->method_text, b->method_text));
    cr_assert_eq(a->header_count, b->header_count);
    for (unsigned i = 0; i < a->header_count; i++) {
        cr_assert(bytes_eq(a->headers[i].name, b->headers[i].name));
        cr_assert(bytes_eq(a->headers[i].value, b->headers[i].value));
    }
    cr_assert_eq(a->head_len, b->head_len);
    cr_assert_eq(a->framing, b->framing);
    cr_assert_eq(a->content_length, b->content_length);
}

static const char *const samples[] = {
    "GET /b/k HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\n\r\nGET /next",
    "\r\n\r\nPOST http://h:80/b?x HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
    "\x16\x03\x01\x02\x00\n\n",
    "\x01\n",
    "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "AVERYLONGMETHODNAMEINDEED / HTTP/1.1\r\n\r\n",
    "\n",
    "\rGET / HTTP/1.1\r\n\r\n",
};

Test(head, bytes_may_come_one_by_one_in_a_moving_buffer)
{
    for (size_t s = 0; s < ARRAY_LEN(samples); s++) {
        struct bytes all = lit(samples[s]);
        parse_bytes(all);
        struct http_header more_slots[16];
        struct http_head other;
        char *last = NULL;
        http_head_init(&other, NULL, more_slots);
        for (size_t n = 0; n <= all.n && other.result == HTTP_PARSE_MORE; n++) {
            char *moved = xmalloc(n + 1); /* another place each time, the old one is gone */
            memcpy(moved, all.p, n);
            http_head_parse(&other, bytes_of(moved, n));
            free(last);
            last = moved;
        }
        same_head(&head, &other);
        free(last);
    }
}

Test(head, every_split_in_two_gives_the_same)
{
    for (size_t s = 0; s < ARRAY_LEN(samples); s++) {
        struct bytes all = lit(samples[s]);
        parse_bytes(all);
        for (size_t cut = 0; cut <= all.n; cut++) {
            struct http_header more_slots[16];
            struct http_head other;
            http_head_init(&other, NULL, more_slots);
            http_head_parse(&other, bytes_of(all.p, cut));
            http_head_parse(&other, all);
            same_head(&head, &other);
        }
    }
}

Test(head, rebase_follows_a_buffer_that_moves_later)
{
    const char *text = "GET http://h/b HTTP/1.1\r\nHost: h\r\nRange: x\r\n\r\n";
    char *copy = xstrdup(text);
    parse(text);
    http_head_rebase(&head, copy);
    expect_text(head.target, "http://h/b");
    expect_text(head.host, "h");
    expect_text(head.method_text, "GET");
    expect_text(http_head_value(&head, HDR_RANGE), "x");
    cr_assert(head.target.p > copy && head.target.p < copy + strlen(text));
    cr_assert(head.host.p > copy && head.host.p < copy + strlen(text));
    free(copy);
}

Test(head, at_most_two_empty_lines_before_a_request)
{
    EXPECT(HTTP_PARSE_OK, parse("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_PARSE_OK, parse("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    expect_text(head.target, "/");
    cr_assert_eq(head.head_len, strlen("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_REQUEST_LINE, parse("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_LINE_END, parse("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
}

Test(head, request_line_has_exactly_three_words)
{
    static const char *const bad[] = {
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        "GET /  HTTP/1.1\r\n",
        " GET / HTTP/1.1\r\n",
        "GET\t/ HTTP/1.1\r\n",
        "GET /\tHTTP/1.1\r\n",
        "GET /a b HTTP/1.1\r\n",
        "GET / HTTP/1.\r\n",
        "GET / HTTP/1\r\n",
        "GET / HTTP/11\r\n",
        "GET / http/1.1\r\n",
        "GET / HTTP/1.10\r\n",
        "GET / HTTP/01.1\r\n",
        "GET /HTTP/1.1\r\n",
        "GET HTTP/1.1\r\n",
        "GET / XTTP/1.1\r\n",
        "GET / HTTP/a.1\r\n",
        "/ HTTP/1.1\r\n",
        "GET\r\n",
        "GET \r\n",
        "G@T / HTTP/1.1\r\n",
        "GET / HTTP/1,1\r\n",
        "GET  HTTP/1.1\r\n",
        "(GET) / HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum http_parse rc = parse(bad[i]);
        cr_assert_eq(http_parse_status(rc), 400, "%s: %s", bad[i], http_parse_text(rc));
    }
}

Test(head, targets)
{
    EXPECT(HTTP_PARSE_OK, parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"));
    cr_assert_eq(head.form, HTTP_TARGET_ASTERISK);
    EXPECT(HTTP_BAD_TARGET, parse("GET * HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET b/k HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET /b#f HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET /aaaaaaaaaa#f HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET /aaaaaaaaaa\x7f HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET /aaaa\x01"
                                  "aaaaaaaaaa HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET /a\rb HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_PARSE_OK, parse("GET /\xc3\xbc\"<>\\^`{|} HTTP/1.1\r\nHost: h\r\n\r\n"));
    struct bytes nul = BYTES_LIT("GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(HTTP_BAD_TARGET, parse_bytes(nul));
}

Test(head, KEY_14_absolute_form_names_the_host)
{
    EXPECT(HTTP_PARSE_OK, parse("GET http://b.example.com:9000/k HTTP/1.1\r\nHost: b.example.com:9000\r\n\r\n"));
    cr_assert_eq(head.form, HTTP_TARGET_ABSOLUTE);
    expect_text(head.host, "b.example.com:9000");
    EXPECT(HTTP_PARSE_OK, parse("GET HTTPS://H?q HTTP/1.1\r\nHost: h:443\r\n\r\n"));
    expect_text(head.host, "H");
    EXPECT(HTTP_PARSE_OK, parse("GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]\r\n\r\n"));
    EXPECT(HTTP_PARSE_OK, parse("GET http://h/ HTTP/1.0\r\n\r\n"));
    expect_text(head.host, "h");
    /* The signature covers the Host header, so the two must agree. */
    EXPECT(HTTP_BAD_HOST, parse("GET http://b.example.com/k HTTP/1.1\r\nHost: c.example.com\r\n\r\n"));
    EXPECT(HTTP_BAD_HOST, parse("GET http://h:80/k HTTP/1.1\r\nHost: h:81\r\n\r\n"));
    EXPECT(HTTP_BAD_HOST, parse("GET http://h/k HTTP/1.1\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET ftp://h/k HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET http:///k HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET http://u:p@h/k HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET http://h\\x/k HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_TARGET, parse("GET http:h/k HTTP/1.1\r\nHost: h\r\n\r\n"));
}

Test(head, KEY_14_host_syntax)
{
    static const char *const good[] = {
        "h",        "h:1",           "h:65535", "a.b.c", "a.b.c.",          "a_b.c-d:9000", "127.0.0.1:80",
        "[::1]:90", "[2001:db8::1]", "A.B",     "xn--a", "[::ffff:1.2.3.4]"};
    static const char *const bad[] = {"",         "h:",     "h:0",  "h:65536", "h:1:2",   "h:+1", "h:a", "h: 1",
                                      "u@h",      "u:p@h",  "h/x",  "h x",     "a..b",    ".a",   ".",   "[::1",
                                      "[]",       "[::1]x", "[h]",  "::1",     "h%41",    "h,g",  "h?x", "[::1%lo]",
                                      "h:000080", "[::1]:", "h\\x", "h#",      "\xc3\xbc"};
    char lines[400];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        snprintf(lines, sizeof(lines), "Host: %s\r\n", good[i]);
        cr_assert_eq(parse_hosts(lines), HTTP_PARSE_OK, "%s", good[i]);
        expect_text(head.host, good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(lines, sizeof(lines), "Host: %s\r\n", bad[i]);
        cr_assert_eq(parse_hosts(lines), HTTP_BAD_HOST, "%s", bad[i]);
    }
    memset(lines, 0, sizeof(lines));
    memcpy(lines, "Host: ", 6);
    memset(lines + 6, 'a', 300);
    memcpy(lines + 306, "\r\n", 3);
    EXPECT(HTTP_BAD_HOST, parse_hosts(lines));
    EXPECT(HTTP_BAD_HOST, parse_hosts(""));
    EXPECT(HTTP_BAD_HOST, parse_hosts("Host: h\r\nHost: h\r\n"));
    EXPECT(HTTP_BAD_HOST, parse_hosts("Host: h\r\nHost: g\r\n"));
    EXPECT(HTTP_PARSE_OK, parse("GET / HTTP/1.0\r\n\r\n"));
    cr_assert_eq(head.host.n, 0);
    EXPECT(HTTP_BAD_HOST, parse("GET / HTTP/1.0\r\nHost:\r\n\r\n"));
}

Test(head, host_split)
{
    struct bytes name;
    unsigned port;
    cr_assert(http_host_split(lit("[::1]:9000"), &name, &port));
    expect_text(name, "[::1]");
    cr_assert_eq(port, 9000);
    cr_assert(http_host_split(lit("a.b"), &name, &port));
    expect_text(name, "a.b");
    cr_assert_eq(port, 0);
}

Test(head, HTP_01_content_length_with_transfer_encoding)
{
    EXPECT(HTTP_BAD_FRAMING, parse_fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT(HTTP_BAD_FRAMING, parse_fields("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"));
    EXPECT(HTTP_BAD_FRAMING, parse_fields("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"));
    cr_assert_eq(http_parse_status(HTTP_BAD_FRAMING), 400);
}

Test(head, HTP_02_repeated_content_length)
{
    EXPECT(HTTP_BAD_CONTENT_LENGTH, parse_fields("Content-Length: 5\r\nContent-Length: 5\r\n"));
    EXPECT(HTTP_BAD_CONTENT_LENGTH, parse_fields("Content-Length: 5\r\ncontent-length: 6\r\n"));
}

Test(head, HTP_02_malformed_content_length)
{
    static const char *const bad[] = {"5, 5",
                                      "+5",
                                      "0x5",
                                      "5 5",
                                      "-1",
                                      "",
                                      "5,",
                                      "5.",
                                      "a",
                                      "00000000000000000005",
                                      "12345678901234567890",
                                      "9223372036854775808",
                                      "18446744073709551616",
                                      "\xb2"};
    char line[80];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(line, sizeof(line), "Content-Length: %s\r\n", bad[i]);
        cr_assert_eq(parse_fields(line), HTTP_BAD_CONTENT_LENGTH, "'%s'", bad[i]);
    }
    EXPECT(HTTP_BAD_CONTENT_LENGTH, parse_fields("Content-Length:  5 5\r\n"));
    EXPECT(HTTP_PARSE_OK, parse_fields("Content-Length: 9223372036854775807\r\n"));
    cr_assert_eq(head.content_length, (uint64_t)INT64_MAX);
    EXPECT(HTTP_PARSE_OK, parse_fields("Content-Length: 0\r\n"));
    cr_assert_eq(head.framing, HTTP_BODY_LENGTH);
    cr_assert_eq(http_parse_status(HTTP_BAD_CONTENT_LENGTH), 400);
}

Test(head, HTP_03_transfer_encoding)
{
    static const char *const unknown[] = {"xchunked",    "gzip, chunked", "chunked;q=1", "identity", "chunked, chunked",
                                          "\"chunked\"", "chunked,",      "chunk ed",    "gzip"};
    char line[80];
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        snprintf(line, sizeof(line), "Transfer-Encoding: %s\r\n", unknown[i]);
        cr_assert_eq(parse_fields(line), HTTP_BAD_TRANSFER_ENCODING, "'%s'", unknown[i]);
    }
    EXPECT(HTTP_BAD_FRAMING, parse_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT(HTTP_BAD_FRAMING, parse_fields("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT(HTTP_BAD_FRAMING, parse_fields("Transfer-Encoding:\r\n"));
    EXPECT(HTTP_BAD_HEADER, parse_fields("Transfer-Encoding : chunked\r\n"));
    EXPECT(HTTP_BAD_HEADER_VALUE, parse_fields("Transfer-Encoding: \x0b"
                                               "chunked\r\n"));
    EXPECT(HTTP_BAD_FRAMING, parse("PUT / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    EXPECT(HTTP_PARSE_OK, parse_fields("Transfer-Encoding: Chunked\r\n"));
    cr_assert_eq(head.framing, HTTP_BODY_CHUNKED);
    cr_assert_eq(http_parse_status(HTTP_BAD_TRANSFER_ENCODING), 501);
}

Test(head, HTP_05_folded_header)
{
    EXPECT(HTTP_BAD_FOLDING, parse_fields("X-A: b\r\n c\r\n"));
    EXPECT(HTTP_BAD_FOLDING, parse_fields("X-A: b\r\n\tc: d\r\n"));
    EXPECT(HTTP_BAD_FOLDING, parse("GET / HTTP/1.1\r\n Host: h\r\n\r\n"));
}

Test(head, HTP_05_malformed_names)
{
    static const char *const bad[] = {"X A: b\r\n",       "X\tA: b\r\n",  "XA\r\n",      "XA \r\n",    ": b\r\n",
                                      "X-A : b\r\n",      "X-A\t: b\r\n", "X\rA: b\r\n", "X(A: b\r\n", "X\x7f: b\r\n",
                                      "X\xc3\xbc: b\r\n", "X\"A: b\r\n",  "X/A: b\r\n",  "@: b\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(parse_fields(bad[i]), HTTP_BAD_HEADER, "%s", bad[i]);
    struct bytes nul = BYTES_LIT("GET / HTTP/1.1\r\nHost: h\r\nX\0A: b\r\n\r\n");
    EXPECT(HTTP_BAD_HEADER, parse_bytes(nul));
}

Test(head, HTP_05_control_bytes_in_values)
{
    /* At every place of a value of 20 bytes, so that whole words and the rest are both met. */
    for (unsigned c = 0; c < 256; c++) {
        if (c == '\n')
            continue;
        for (size_t at = 0; at < 20; at++) {
            char text[] = "GET / HTTP/1.1\r\nHost: h\r\nX: xaaaaaaaaaaaaaaaaaaaax\r\n\r\n";
            text[strlen("GET / HTTP/1.1\r\nHost: h\r\nX: x") + at] = (char)c;
            bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
            enum http_parse rc = parse_bytes(bytes_of(text, sizeof(text) - 1));
            cr_assert_eq(rc, good ? HTTP_PARSE_OK : HTTP_BAD_HEADER_VALUE, "byte %02x at %zu", c, at);
        }
    }
}

Test(head, HTP_12_bare_line_feed)
{
    EXPECT(HTTP_BAD_LINE_END, parse("GET / HTTP/1.1\nHost: h\r\n\r\n"));
    EXPECT(HTTP_BAD_LINE_END, parse("GET / HTTP/1.1\r\nHost: h\n\r\n"));
    EXPECT(HTTP_BAD_LINE_END, parse("GET / HTTP/1.1\r\nHost: h\r\n\n"));
    EXPECT(HTTP_BAD_LINE_END, parse_fields("x-amz-meta-a: b\nSet-Cookie: x=1\r\n"));
    EXPECT(HTTP_BAD_HEADER_VALUE, parse_fields("x-amz-meta-a: b\rSet-Cookie: x=1\r\n"));
}

static char *filled(const char *before, size_t n, const char *after)
{
    char *text = xmalloc(strlen(before) + n + strlen(after) + 1);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), 'a', n);
    memcpy(text + strlen(before) + n, after, strlen(after) + 1);
    return text;
}

Test(head, HTP_06_long_request_line)
{
    const char *after = " HTTP/1.1\r\nHost: h\r\n\r\n";
    size_t fits = HTTP_DEFAULT_MAX_REQUEST_LINE - strlen("GET / HTTP/1.1");
    char *text = filled("GET /", fits, after);
    EXPECT(HTTP_PARSE_OK, parse(text));
    free(text);
    text = filled("GET /", fits + 1, after);
    EXPECT(HTTP_LONG_REQUEST_LINE, parse(text));
    free(text);
    text = filled("GET /", 64 * 1024, ""); /* no line end needed */
    EXPECT(HTTP_LONG_REQUEST_LINE, parse(text));
    free(text);
    cr_assert_eq(http_parse_status(HTTP_LONG_REQUEST_LINE), 414);
}

Test(head, HTP_06_large_header_block)
{
    const char *before = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    size_t fits = HTTP_DEFAULT_MAX_HEADER_BYTES - strlen("Host: h\r\nX: \r\n\r\n");
    char *text = filled(before, fits, "\r\n\r\n");
    EXPECT(HTTP_PARSE_OK, parse(text));
    free(text);
    text = filled(before, fits + 1, "\r\n\r\n");
    EXPECT(HTTP_LONG_HEADERS, parse(text));
    free(text);
    text = filled(before, 64 * 1024, "");
    EXPECT(HTTP_LONG_HEADERS, parse(text));
    free(text);
    cr_assert_eq(http_parse_status(HTTP_LONG_HEADERS), 431);
}

Test(head, HTP_06_thousand_headers)
{
    char lines[1000 * 6 + 1];
    for (int i = 0; i < 1000; i++)
        memcpy(lines + 6 * i, "X: y\r\n", 7);
    EXPECT(HTTP_MANY_HEADERS, parse_fields(lines));
    lines[(HTTP_DEFAULT_MAX_HEADERS - 1) * 6] = 0;
    EXPECT(HTTP_PARSE_OK, parse_fields(lines));
    cr_assert_eq(head.header_count, HTTP_DEFAULT_MAX_HEADERS);
    cr_assert_eq(http_parse_status(HTTP_MANY_HEADERS), 431);
}

Test(head, HTP_09_expect)
{
    EXPECT(HTTP_BAD_EXPECT, parse_fields("Expect: foo\r\nContent-Length: 1\r\n"));
    EXPECT(HTTP_BAD_EXPECT, parse_fields("Expect:\r\n"));
    EXPECT(HTTP_BAD_EXPECT, parse_fields("Expect: 100-continue\r\nExpect: foo\r\n"));
    EXPECT(HTTP_BAD_EXPECT, parse_fields("Expect: 100-continue, foo\r\n"));
    EXPECT(HTTP_PARSE_OK, parse_fields("Expect: 100-continue\r\n"));
    cr_assert_not(head.expect_continue); /* no body comes */
    EXPECT(HTTP_PARSE_OK, parse_fields("Expect: 100-continue\r\nContent-Length: 0\r\n"));
    cr_assert(head.expect_continue);
    EXPECT(HTTP_PARSE_OK, parse_fields("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"));
    cr_assert(head.expect_continue);
    EXPECT(HTTP_PARSE_OK, parse("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
    cr_assert_not(head.expect_continue);
    cr_assert_eq(http_parse_status(HTTP_BAD_EXPECT), 417);
}

Test(head, HTP_10_other_protocols)
{
    EXPECT(HTTP_BAD_REQUEST_LINE, parse("GET /\r\n"));
    EXPECT(HTTP_BAD_VERSION, parse("GET / HTTP/0.9\r\n"));
    EXPECT(HTTP_BAD_VERSION, parse("GET / HTTP/1.2\r\n"));
    EXPECT(HTTP_BAD_VERSION, parse("GET / HTTP/3.7\r\n"));
    EXPECT(HTTP_BAD_VERSION, parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    EXPECT(HTTP_BAD_REQUEST_LINE, parse("\x16\x03\x01"));
    EXPECT(HTTP_BAD_REQUEST_LINE, parse("SSH-2.0-OpenSSH_9.2p1"));
    EXPECT(HTTP_BAD_REQUEST_LINE, parse("\r\n\r\n\x05"));
    cr_assert_eq(http_parse_status(HTTP_BAD_VERSION), 505);
}

Test(head, HTP_10_random_bytes_end_soon)
{
    uint64_t x = 88172645463325252u;
    static char junk[64 * 1024];
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof(junk); i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            junk[i] = (char)x;
        }
        enum http_parse rc = parse_bytes(bytes_of(junk, sizeof(junk)));
        cr_assert_eq(http_parse_status(rc), 400);
    }
}

Test(head, HTP_11_methods)
{
    static const struct {
        const char *text;
        enum http_method method;
    } cases[] = {
        {"GET", HTTP_GET},       {"HEAD", HTTP_HEAD},       {"PUT", HTTP_PUT},   {"POST", HTTP_POST},
        {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}, {"put", HTTP_OTHER}, {"PUTX", HTTP_OTHER},
        {"TRACE", HTTP_OTHER},   {"PATCH", HTTP_OTHER},     {"Get", HTTP_OTHER}, {"X-HTTP-METHOD", HTTP_OTHER},
        {"G", HTTP_OTHER},
    };
    char text[100];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(text, sizeof(text), "%s /b HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
                 cases[i].text);
        EXPECT(HTTP_PARSE_OK, parse(text));
        cr_assert_eq(head.method, cases[i].method, "%s", cases[i].text);
        expect_text(head.method_text, cases[i].text);
    }
    EXPECT(HTTP_PARSE_OK, parse("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"));
    cr_assert_eq(head.method, HTTP_OTHER);
    cr_assert_eq(head.form, HTTP_TARGET_AUTHORITY);
}

Test(head, keep_alive)
{
    EXPECT(HTTP_PARSE_OK, parse_fields(""));
    cr_assert(head.keep_alive);
    EXPECT(HTTP_PARSE_OK, parse_fields("Connection: x, Close\r\n"));
    cr_assert_not(head.keep_alive);
    EXPECT(HTTP_PARSE_OK, parse_fields("Connection: keep-alive\r\nConnection: close\r\n"));
    cr_assert_not(head.keep_alive);
    EXPECT(HTTP_PARSE_OK, parse_fields("Connection: closed, ,\r\n"));
    cr_assert(head.keep_alive);
    EXPECT(HTTP_PARSE_OK, parse("GET / HTTP/1.0\r\n\r\n"));
    cr_assert_not(head.keep_alive);
    EXPECT(HTTP_PARSE_OK, parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    cr_assert(head.keep_alive);
}

Test(head, errors_are_final)
{
    EXPECT(HTTP_BAD_LINE_END, parse("GET / HTTP/1.1\n"));
    EXPECT(HTTP_BAD_LINE_END, http_head_parse(&head, lit("GET / HTTP/1.1\r\nHost: h\r\n\r\n")));
    EXPECT(HTTP_PARSE_OK, parse("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT(HTTP_PARSE_OK, http_head_parse(&head, lit("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET")));
}

Test(head, pipelined_requests_come_apart)
{
    struct bytes in = lit("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(HTTP_PARSE_OK, parse_bytes(in));
    expect_text(head.target, "/1");
    EXPECT(HTTP_PARSE_OK, parse_bytes(bytes_cut(in, head.head_len, in.n)));
    expect_text(head.target, "/2");
}

Test(head, own_limits)
{
    struct http_limits small = {.max_request_line = 20, .max_header_bytes = 40, .max_headers = 2};
    const char *good = "GET /12345 HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    http_head_init(&head, &small, slots);
    EXPECT(HTTP_PARSE_OK, http_head_parse(&head, lit(good)));
    http_head_init(&head, &small, slots);
    EXPECT(HTTP_MANY_HEADERS, http_head_parse(&head, lit("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n")));
}
