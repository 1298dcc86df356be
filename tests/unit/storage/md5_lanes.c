/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 in lanes against OpenSSL's: every short length, any pieces, and many streams at once. */
#include "storage/md5_lanes.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/bytes.h"
#include "checksum.h"

#define LONG_BYTES (3u * 1024 * 1024 + 37)
#define MOST       9

static void fill_noise(unsigned char *p, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (unsigned char)(x >> 24);
    }
}

static void expect_md5_of(struct md5_stream *s, const unsigned char *p, size_t n, const char *what)
{
    unsigned char got[MD5_DIGEST_BYTES], expected[MD5_DIGEST_BYTES];

    md5_end(s, got);
    md5_of(p, n, expected);
    cr_expect_arr_eq(got, expected, sizeof got, "%s, %zu bytes", what, n);
}

Test(md5_lanes, every_short_length_in_one_piece_and_in_two)
{
    unsigned char p[301];
    struct md5_stream s;

    fill_noise(p, sizeof p, 1);
    for (size_t n = 0; n <= 300; n++)
        for (size_t cut = 0; cut <= n; cut += n < 130 ? 1 : 13) {
            md5_init(&s);
            md5_put(&s, p, cut);
            md5_put(&s, p + cut, n - cut);
            expect_md5_of(&s, p, n, "put");
        }
}

Test(md5_lanes, nothing_waits_for_nothing)
{
    struct md5_lanes *l = md5_lanes_new();
    struct md5_piece piece = {0};
    struct md5_stream s;

    md5_init(&s);
    md5_begin(l, &piece, &s, NULL, 0);
    md5_wait(l, &piece);
    expect_md5_of(&s, (const unsigned char *)"", 0, "nothing");
    md5_lanes_free(&l);
    cr_expect_null(l);
    md5_lanes_free(&l);
}

struct stream_run {
    struct md5_lanes *lanes;
    uint32_t seed;
};

/* A stream of odd pieces, short and long, with its bytes overwritten as soon as a piece is done. */
static void *run_stream(void *arg)
{
    struct stream_run *run = arg;
    unsigned char *p = xmalloc(LONG_BYTES), *buffer = xmalloc(LONG_BYTES);
    struct md5_piece piece = {0};
    struct md5_stream s;
    uint32_t x = run->seed;

    fill_noise(p, LONG_BYTES, x);
    md5_init(&s);
    for (size_t at = 0; at < LONG_BYTES;) {
        x = x * 1664525u + 1013904223u;
        size_t n = x >> 30 == 0 ? x >> 4 & 127 : x >> 4 & 0x7ffff;
        n = n < LONG_BYTES - at ? n : LONG_BYTES - at;
        memcpy(buffer, p + at, n);
        md5_begin(run->lanes, &piece, &s, buffer, n);
        md5_wait(run->lanes, &piece);
        memset(buffer, 0xff, n);
        at += n;
    }
    expect_md5_of(&s, p, LONG_BYTES, "stream");
    free(buffer);
    free(p);
    return NULL;
}

static void run_streams(size_t n)
{
    struct md5_lanes *l = md5_lanes_new();
    struct stream_run runs[MOST];
    pthread_t threads[MOST];

    for (size_t i = 0; i < n; i++) {
        runs[i] = (struct stream_run){l, (uint32_t)(100 * n + i)};
        cr_assert_eq(pthread_create(&threads[i], NULL, run_stream, &runs[i]), 0);
    }
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    md5_lanes_free(&l);
}

Test(md5_lanes, streams_do_not_mix, .timeout = 120)
{
    for (size_t n = 1; n <= MOST; n += n < 3 ? 1 : 3)
        run_streams(n);
}

/* One owner may have several streams at once: all pieces are begun before the first is waited for. */
Test(md5_lanes, pieces_of_any_lengths_share_lanes)
{
    struct md5_lanes *l = md5_lanes_new();
    unsigned char *p = xmalloc(LONG_BYTES);
    struct md5_piece pieces[MOST] = {0};
    struct md5_stream streams[MOST];

    fill_noise(p, LONG_BYTES, 5);
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < MOST; i++) {
            md5_init(&streams[i]);
            md5_begin(l, &pieces[i], &streams[i], p + i, MD5_PIECE_MIN + 4097 * i * round);
        }
        for (size_t i = 0; i < MOST; i++) {
            md5_wait(l, &pieces[i]);
            expect_md5_of(&streams[i], p + i, MD5_PIECE_MIN + 4097 * i * round, "piece");
        }
    }
    free(p);
    md5_lanes_free(&l);
}
