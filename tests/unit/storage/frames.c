/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: what shrinks, and what a damaged table may not do. */
#include "storage/frames.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rand.h"

static unsigned char clear[FRAME_BYTES], packed[FRAME_BYTES], out[FRAME_BYTES];

static void fill_text(void)
{
    for (size_t i = 0; i < sizeof clear; i++)
        clear[i] = (unsigned char)("some words again "[i % 17] ^ (i % 1000 == 0));
}

Test(frames, every_size_comes_back)
{
    fill_text();
    for (size_t n = 1; n <= FRAME_BYTES; n = n < 300                                       ? n + 1
                                             : n * 9 / 8 < FRAME_BYTES || n == FRAME_BYTES ? n * 9 / 8
                                                                                           : FRAME_BYTES)
        for (int secret = 0; secret < 2; secret++) {
            size_t small = frame_pack(clear, n, packed, secret);
            cr_assert(small <= n - n / 8 && (n < 200 || small), "%zu became %zu", n, small);
            if (!small)
                continue;
            memset(out, 0, n);
            cr_assert(frame_unpack(packed, small, out, n, secret));
            cr_assert_eq(memcmp(out, clear, n), 0);
            cr_assert_not(frame_unpack(packed, small, out, n - 1, secret));
            if (n < FRAME_BYTES)
                cr_assert_not(frame_unpack(packed, small, out, n + 1, secret));
            cr_assert_not(frame_unpack(packed, small - 1, out, n, secret));
        }
}

Test(frames, noise_stays_as_it_is)
{
    for (size_t at = 0; at < sizeof clear; at += 64)
        rand_bytes(clear + at, 64);
    cr_assert_eq(frame_pack(clear, sizeof clear, packed, false), 0);
    cr_assert_eq(frame_pack(clear, 1000, packed, true), 0);
    cr_assert_eq(frame_pack(clear, 1, packed, true), 0);
}

static const uint32_t entries[] = {500, FRAME_BYTES | FRAME_ENTRY_KEPT, 7, 100 | FRAME_ENTRY_KEPT};
enum { N = 4, END = N * FRAMES_ENTRY_BYTES + FRAMES_FOOTER_BYTES };
static const uint64_t whole = 3ull * FRAME_BYTES + 100, stream = 500 + FRAME_BYTES + 7 + 100 + END;

Test(frames, tables_are_read_as_written)
{
    unsigned char end[END];
    struct frames f;
    frames_end(entries, N, whole, end);
    cr_assert_eq(frames_end_bytes(end + END - FRAMES_FOOTER_BYTES, stream), END);
    cr_assert(frames_read(end, END, stream, &f));
    cr_assert(f.n == N && f.clear == whole);
    cr_assert(f.at[0] == 0 && f.at[1] == (500 | FRAME_KEPT) && f.at[2] == 500 + FRAME_BYTES);
    cr_assert(f.at[3] == ((507 + FRAME_BYTES) | FRAME_KEPT) && f.at[4] == stream - END);
    frames_free(&f);
}

Test(frames, damage_is_seen)
{
    unsigned char end[END];
    struct frames f;
    frames_end(entries, N, whole, end);
    for (size_t i = 0; i < (END - 4) * 8; i++) { /* the last four are unused */
        end[i / 8] ^= (unsigned char)(1 << i % 8);
        cr_assert_not(frames_read(end, END, stream, &f), "bit %zu", i);
        end[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    cr_assert_not(frames_read(end, END, stream + 1, &f));
    cr_assert_not(frames_read(end, END, stream - 1, &f));
    cr_assert_not(frames_read(end + 4, END - 4, stream, &f));
    cr_assert_not(frames_read(end, 0, stream, &f));
    cr_assert_eq(frames_end_bytes(end + END - FRAMES_FOOTER_BYTES, END - 1), 0);
    /* Tables with a right checksum that cannot be. */
    static const uint32_t wrong[][2] = {
        {0, 100}, {FRAME_BYTES, 100}, {500 | FRAME_ENTRY_KEPT, 100}, {500, 0}, {500, 101}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        frames_end(wrong[i], 2, FRAME_BYTES + 100, end);
        uint64_t sum = (uint64_t)(wrong[i][0] & ~FRAME_ENTRY_KEPT) + wrong[i][1];
        cr_assert_not(frames_read(end, 2 * 4 + FRAMES_FOOTER_BYTES, sum + 2 * 4 + FRAMES_FOOTER_BYTES, &f), "%zu", i);
    }
}
