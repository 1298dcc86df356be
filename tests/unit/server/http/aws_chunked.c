/* SPDX-License-Identifier: Apache-2.0 */
/* The framing of aws-chunked uploads: events in order however the bytes come, client habits, hostile cases. */
#include "server/http/aws_chunked.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

#define S        "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define SIGNED   AWS_CHUNKED_SIGNED
#define TRAILERS AWS_CHUNKED_TRAILERS

static char log_text[4096]; /* the events, one letter or word each */
static size_t log_n, data_n;

static void note(const char *fmt, struct bytes a, struct bytes b)
{
    log_n += (size_t)snprintf(log_text + log_n, sizeof(log_text) - log_n, fmt, (int)a.n, a.p ? a.p : "", (int)b.n,
                              b.p ? b.p : "");
}

static void note_event(enum aws_chunked_event e, const struct aws_chunked_item *item)
{
    char size[32];
    switch (e) {
    case AWS_CHUNKED_BEGIN:
        snprintf(size, sizeof(size), "%llx", (unsigned long long)item->size);
        note(item->signature.n ? "B%.*ss " : "B%.*s ", bytes_str(size), BYTES_NONE);
        break;
    case AWS_CHUNKED_DATA:
        cr_assert(item->data.n > 0);
        data_n += item->data.n;
        break;
    case AWS_CHUNKED_DONE:
        note("D ", BYTES_NONE, BYTES_NONE);
        break;
    case AWS_CHUNKED_FINAL:
        note(item->signature.n ? "Fs " : "F ", BYTES_NONE, BYTES_NONE);
        break;
    case AWS_CHUNKED_TRAILER:
        note("%.*s=%.*s ", item->name, item->value);
        break;
    case AWS_CHUNKED_TRAILER_SIGNATURE:
        note("T%.*s ", bytes_cut(item->signature, 0, 2), BYTES_NONE);
        break;
    case AWS_CHUNKED_END:
        note("E", BYTES_NONE, BYTES_NONE);
        break;
    default:
        break;
    }
}

static enum aws_chunked_event run_by(struct bytes all, unsigned mode, uint64_t length, size_t piece)
{
    static struct aws_chunked c;
    struct aws_chunked_item item;
    enum aws_chunked_event e;
    aws_chunked_init(&c, mode, length);
    log_n = data_n = 0;
    log_text[0] = 0;
    for (size_t at = 0; at < all.n; at += piece) {
        struct bytes in = bytes_cut(all, at, piece);
        while (in.n) {
            e = aws_chunked_next(&c, &in, &item);
            note_event(e, &item);
            if (aws_chunked_failed(e)) {
                cr_assert_eq(aws_chunked_next(&c, &in, &item), e);
                cr_assert_eq(aws_chunked_eof(&c), e);
                return e;
            }
        }
    }
    e = aws_chunked_eof(&c);
    cr_assert(e == AWS_CHUNKED_END || aws_chunked_failed(e));
    cr_assert_eq(aws_chunked_eof(&c), e);
    return e;
}

static enum aws_chunked_event run_bytes(struct bytes all, unsigned mode, uint64_t length)
{
    enum aws_chunked_event whole = run_by(all, mode, length, all.n ? all.n : 1);
    char events[sizeof(log_text)];
    memcpy(events, log_text, sizeof(events));
    size_t n = data_n;
    for (size_t piece = 1; piece < 6; piece++) {
        cr_assert_eq(run_by(all, mode, length, piece), whole);
        cr_assert_str_eq(log_text, events);
        cr_assert_eq(data_n, n);
    }
    return whole;
}

static enum aws_chunked_event run(const char *all, unsigned mode, uint64_t length)
{
    return run_bytes(bytes_str(all), mode, length);
}

#define EXPECT(want, events, text, mode, length)                                                                       \
    do {                                                                                                               \
        enum aws_chunked_event e_ = run(text, mode, length);                                                           \
        cr_assert_eq(e_, want, "line %d: got %d (%s), want %s", __LINE__, (int)e_, aws_chunked_text(e_), #want);       \
        cr_assert_str_eq(log_text, events);                                                                            \
    } while (0)

Test(aws_chunked, unsigned_with_trailer)
{
    EXPECT(AWS_CHUNKED_END, "B5 D F x-amz-checksum-crc32=AAAAAA== E",
           "5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: AAAAAA== \r\n\r\n", TRAILERS, 5);
    cr_assert_eq(data_n, 5);
    EXPECT(AWS_CHUNKED_END, "F E", "0\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "B5 D B1 D F E", "5\r\nhello\r\n1\r\n\n\r\n0\r\n\r\n", 0, 6);
    EXPECT(AWS_CHUNKED_END, "B9 D F E", "09\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", 0, 9);
}

Test(aws_chunked, signed_chunks)
{
    EXPECT(AWS_CHUNKED_END, "B5s D Fs E", "5;chunk-signature=" S "\r\nhello\r\n0;chunk-signature=" S "\r\n\r\n", SIGNED,
           5);
    EXPECT(AWS_CHUNKED_END, "B5s D Fs a=b T01 E",
           "5;chunk-signature=" S "\r\nhello\r\n0;chunk-signature=" S "\r\na:b\r\nx-amz-trailer-signature:" S
           "\r\n\r\n",
           SIGNED | TRAILERS, 5);
}

Test(aws_chunked, trailers_that_end_in_line_feed)
{
    /* minio-go, signed and unsigned; and without anything behind it */
    EXPECT(AWS_CHUNKED_END, "Fs a=b T01 E", "0;chunk-signature=" S "\r\na:b\n\r\nx-amz-trailer-signature:" S "\r\n\r\n",
           SIGNED | TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F a=b E", "0\r\na:b\n\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F a=b ", "0\r\na:b\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F a=b c=d E", "0\r\na:b\nc:d\n\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F a=b E", "0\r\na:b\n\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F a=b ", "0\r\na:b\n", TRAILERS, 0);
}

Test(aws_chunked, last_line_end_may_be_missing)
{
    EXPECT(AWS_CHUNKED_END, "F a=b ", "0\r\na:b\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F a=b ", "0\r\na:b\r\n\r", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F ", "0\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "Fs ", "0;chunk-signature=" S "\r\n", SIGNED, 0);
    EXPECT(AWS_CHUNKED_TRUNCATED, "", "0", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_TRUNCATED, "F ", "0\r\na:b", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_TRUNCATED, "", "", 0, 0);
}

Test(aws_chunked, CHK_02_final_chunk_without_signature)
{
    EXPECT(AWS_CHUNKED_NO_SIGNATURE, "B5s D ", "5;chunk-signature=" S "\r\nhello\r\n0\r\n\r\n", SIGNED, 5);
    EXPECT(AWS_CHUNKED_TRUNCATED, "B5s D ", "5;chunk-signature=" S "\r\nhello\r\n", SIGNED, 5);
    EXPECT(AWS_CHUNKED_TRUNCATED, "B5s ", "5;chunk-signature=" S "\r\nhello", SIGNED, 5);
    EXPECT(AWS_CHUNKED_TRUNCATED, "B5s ", "5;chunk-signature=" S "\r\nhel", SIGNED, 5);
    cr_assert_eq(aws_chunked_error(AWS_CHUNKED_NO_SIGNATURE), S3E_INCOMPLETE_BODY);
    cr_assert_eq(aws_chunked_error(AWS_CHUNKED_TRUNCATED), S3E_INCOMPLETE_BODY);
    cr_assert_eq(aws_chunked_error(AWS_CHUNKED_END), S3E_OK);
}

Test(aws_chunked, CHK_02_malformed_signatures)
{
    EXPECT(AWS_CHUNKED_NO_SIGNATURE, "", "5;chunk-signature=\r\n", SIGNED, 5);
    EXPECT(AWS_CHUNKED_NO_SIGNATURE, "", "5;chunk-signature=" S "0\r\n", SIGNED, 5);
    EXPECT(AWS_CHUNKED_NO_SIGNATURE, "",
           "5;chunk-signature=x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n", SIGNED, 5);
    EXPECT(AWS_CHUNKED_NO_SIGNATURE, "", "5;signature=" S "\r\n", SIGNED, 5);
    EXPECT(AWS_CHUNKED_NO_SIGNATURE, "", "5 ;chunk-signature=" S "\r\n", SIGNED, 5);
    EXPECT(AWS_CHUNKED_BAD_HEADER, "", "5;chunk-signature=" S "\r\n", TRAILERS, 5);
}

Test(aws_chunked, CHK_03_decoded_length)
{
    EXPECT(AWS_CHUNKED_BAD_LENGTH, "", "5\r\nhello\r\n0\r\n\r\n", 0, 4);
    EXPECT(AWS_CHUNKED_BAD_LENGTH, "B5 D ", "5\r\nhello\r\n0\r\n\r\n", 0, 6);
    EXPECT(AWS_CHUNKED_BAD_LENGTH, "", "5\r\nhello\r\n0\r\n\r\n", 0, 0);
    EXPECT(AWS_CHUNKED_BAD_LENGTH, "B3 D ", "3\r\nhel\r\n3\r\nloo\r\n0\r\n\r\n", 0, 5);
    EXPECT(AWS_CHUNKED_END, "B5 D F E", "5\r\nhello\r\n0\r\n\r\n", 0, AWS_CHUNKED_ANY_LENGTH);
}

Test(aws_chunked, CHK_06_trailers)
{
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "F ", "0\r\na:b\r\n\r\n", 0, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "F ", "0\r\nno colon\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "F ", "0\r\n:b\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "F ", "0\r\na : b\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "F ", "0\r\na:b\rc\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "F ", "0\r\n a:b\r\n\r\n", TRAILERS, 0);
    EXPECT(AWS_CHUNKED_END, "F a=1 a=2 E", "0\r\na:1\r\na:2\r\n\r\n", TRAILERS,
           0); /* twice is for the caller to judge */
    cr_assert_eq(run_bytes(BYTES_LIT("0\r\na:\0\r\n\r\n"), TRAILERS, 0), AWS_CHUNKED_BAD_TRAILER);
    char text[200] = "0\r\n";
    for (int i = 0; i < AWS_CHUNKED_MAX_TRAILERS; i++)
        memcpy(text + 3 + 5 * i, "a:b\r\n", 6);
    cr_assert_eq(run(text, TRAILERS, 0), AWS_CHUNKED_END);
    memcpy(text + 3 + 5 * AWS_CHUNKED_MAX_TRAILERS, "a:b\r\n", 6);
    cr_assert_eq(run(text, TRAILERS, 0), AWS_CHUNKED_BAD_TRAILER);
}

Test(aws_chunked, CHK_07_trailer_signature)
{
    EXPECT(AWS_CHUNKED_NO_TRAILER_SIGNATURE, "Fs a=b ", "0;chunk-signature=" S "\r\na:b\r\n\r\n", SIGNED | TRAILERS, 0);
    EXPECT(AWS_CHUNKED_NO_TRAILER_SIGNATURE, "Fs ", "0;chunk-signature=" S "\r\n", SIGNED | TRAILERS, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "Fs ", "0;chunk-signature=" S "\r\nx-amz-trailer-signature:12\r\n\r\n",
           SIGNED | TRAILERS, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "Fs T01 ",
           "0;chunk-signature=" S "\r\nx-amz-trailer-signature:" S "\r\na:b\r\n\r\n", SIGNED | TRAILERS, 0);
    EXPECT(AWS_CHUNKED_BAD_TRAILER, "F ", "0\r\nx-amz-trailer-signature:" S "\r\n\r\n", TRAILERS, 0);
    cr_assert_eq(aws_chunked_error(AWS_CHUNKED_NO_TRAILER_SIGNATURE), S3E_SIGNATURE_DOES_NOT_MATCH);
}

Test(aws_chunked, CHK_08_chunk_headers)
{
    static const char *const bad[] = {"ffffffffffffffff\r\n",
                                      "8000000000000000\r\n",
                                      "-5\r\n",
                                      "0x10\r\n",
                                      "00000000000000005\r\n",
                                      "5\nhello\r\n",
                                      "\r\n",
                                      "5 \r\n",
                                      " 5\r\n",
                                      "5;\r\n",
                                      "5;a=b\r\n",
                                      "5\r\r\n",
                                      "\n",
                                      "5\rx\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(run(bad[i], 0, AWS_CHUNKED_ANY_LENGTH), AWS_CHUNKED_BAD_HEADER, "%s", bad[i]);
    EXPECT(AWS_CHUNKED_BAD_DATA_END, "B5 ", "5\r\nhello\n0\r\n\r\n", 0, 5);
    EXPECT(AWS_CHUNKED_BAD_DATA_END, "B5 ", "5\r\nhelloX\r\n0\r\n\r\n", 0, 5);
    EXPECT(AWS_CHUNKED_BAD_DATA_END, "B5 ", "5\r\nhello\rX0\r\n\r\n", 0, 5);
}

Test(aws_chunked, CHK_08_endless_header_line)
{
    char *big = xmalloc(1 << 20);
    memset(big, 'a', 1 << 20);
    memcpy(big, "5;", 2);
    cr_assert_eq(run_by(bytes_of(big, 1 << 20), 0, 5, 1 << 20), AWS_CHUNKED_BAD_HEADER);
    cr_assert_eq(run_by(bytes_of(big, 1 << 20), 0, 5, 3), AWS_CHUNKED_BAD_HEADER);
    memcpy(big, "0\r\n", 3);
    cr_assert_eq(run_by(bytes_of(big, 1 << 20), TRAILERS, 0, 100), AWS_CHUNKED_BAD_TRAILER);
    cr_assert(sizeof(struct aws_chunked) < 2048, "a connection's share of memory");
    free(big);
}

Test(aws_chunked, CHK_09_small_chunk_before_the_last)
{
    static char text[40000];
    size_t n = (size_t)snprintf(text, sizeof(text),
                                "2000;chunk-signature=" S "\r\n%08192d\r\n5;chunk-signature=" S
                                "\r\nhello\r\n0;chunk-signature=" S "\r\n\r\n",
                                0);
    cr_assert_eq(run_by(bytes_of(text, n), SIGNED, 8197, 1000), AWS_CHUNKED_END);
    n = (size_t)snprintf(text, sizeof(text),
                         "1fff;chunk-signature=" S "\r\n%08191d\r\n5;chunk-signature=" S
                         "\r\nhello\r\n0;chunk-signature=" S "\r\n\r\n",
                         0);
    cr_assert_eq(run_by(bytes_of(text, n), SIGNED, 8196, 1000), AWS_CHUNKED_SMALL_CHUNK);
    cr_assert_eq(aws_chunked_error(AWS_CHUNKED_SMALL_CHUNK), S3E_INVALID_CHUNK_SIZE);
}

Test(aws_chunked, CHK_10_huge_chunk_costs_nothing)
{
    EXPECT(AWS_CHUNKED_TRUNCATED, "B10000000000 ", "10000000000\r\nabc", 0, UINT64_C(1) << 40);
    EXPECT(AWS_CHUNKED_BAD_LENGTH, "", "10000000000\r\nabc", 0, 1000);
}

Test(aws_chunked, CHK_12_plain_body_in_place_of_chunks)
{
    EXPECT(AWS_CHUNKED_BAD_HEADER, "", "hello, this is no chunk\r\n", 0, 5);
    EXPECT(AWS_CHUNKED_TRUNCATED, "", "hello", 0, 5);
    EXPECT(AWS_CHUNKED_AFTER_END, "B5 D F E", "5\r\nhello\r\n0\r\n\r\nmore", 0, 5);
    EXPECT(AWS_CHUNKED_AFTER_END, "B5 D F E", "5\r\nhello\r\n0\r\n\r\n\r\n", 0, 5);
}
