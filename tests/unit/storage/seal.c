/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and boxes: what opens, and what must not. */
#include "storage/seal.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rand.h"

static const unsigned char key[SEAL_KEY_BYTES] = "a key that is thirty-two bytes .";

struct stream {
    unsigned char *clear, *sealed;
    size_t clear_n, sealed_n;
};

static struct stream seal_all(size_t n)
{
    struct stream s = {.clear_n = n, .sealed_n = (size_t)seal_stream_bytes(n)};
    struct seal *to = seal_new(key, true);
    s.clear = xmalloc(n);
    s.sealed = xmalloc(s.sealed_n);
    for (size_t i = 0; i < n; i++)
        s.clear[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t at = 0, out = 0; at < n; at += SEAL_CHUNK, out += BLOB_BLOCK) {
        size_t run = n - at < SEAL_CHUNK ? n - at : SEAL_CHUNK;
        seal_next(to, at + run == n, s.clear + at, run, s.sealed + out);
    }
    seal_free(&to);
    return s;
}

static void stream_free(struct stream *s)
{
    free(s->clear);
    free(s->sealed);
}

/* Chunk `number` as bytes [at, +n) of the stream; the clear text is compared when it opens. */
static bool opens(const struct stream *s, uint64_t number, bool last, size_t at, size_t n)
{
    static unsigned char out[BLOB_BLOCK];
    struct seal *from = seal_new(key, false);
    memset(out, 0xee, sizeof out);
    bool good = seal_open(from, number, last, s->sealed + at, n, out);
    seal_free(&from);
    if (good)
        cr_assert_eq(memcmp(out, s->clear + number * SEAL_CHUNK, n - SEAL_TAG_BYTES), 0);
    else
        for (size_t i = 0; n > SEAL_TAG_BYTES && i < n - SEAL_TAG_BYTES; i++)
            cr_assert_eq(out[i], 0, "clear text that was not verified stayed");
    return good;
}

Test(seal, lengths)
{
    static const size_t sizes[] = {1, 15, 16, 17, 65519, 65520, 65521, 131040, 131041, 5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t clear = 0, stream = seal_stream_bytes(sizes[i]);
        cr_assert(seal_stream_clear(stream, &clear));
        cr_assert_eq(clear, sizes[i]);
    }
    uint64_t clear;
    cr_assert_eq(seal_stream_bytes(0), 0);
    cr_assert_eq(seal_stream_bytes(SEAL_CHUNK), BLOB_BLOCK);
    cr_assert_not(seal_stream_clear(0, &clear));
    cr_assert_not(seal_stream_clear(16, &clear), "a chunk without a byte");
    cr_assert_not(seal_stream_clear(BLOB_BLOCK + 16, &clear));
    cr_assert(seal_stream_clear(BLOB_BLOCK + 17, &clear) && clear == SEAL_CHUNK + 1);
}

Test(seal, chunks_open_in_their_places_only)
{
    struct stream s = seal_all(3 * SEAL_CHUNK + 100);
    for (uint64_t i = 0; i < 4; i++)
        for (uint64_t at = 0; at < 4; at++)
            for (int last = 0; last < 2; last++)
                cr_assert_eq(opens(&s, i, last, (size_t)at * BLOB_BLOCK, at == 3 ? 116 : BLOB_BLOCK),
                             i == at && last == (i == 3), "chunk %d read as %d", (int)at, (int)i);
    stream_free(&s);
}

Test(seal, every_bit_counts)
{
    struct stream s = seal_all(200);
    for (size_t i = 0; i < s.sealed_n * 8; i++) {
        s.sealed[i / 8] ^= (unsigned char)(1 << i % 8);
        cr_assert_not(opens(&s, 0, true, 0, s.sealed_n));
        s.sealed[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    for (size_t n = 0; n < s.sealed_n; n++)
        cr_assert_not(opens(&s, 0, true, 0, n), "cut to %zu", n);
    cr_assert(opens(&s, 0, true, 0, s.sealed_n));
    stream_free(&s);
}

Test(seal, in_place)
{
    struct stream s = seal_all(1000);
    struct seal *to = seal_new(key, true), *from = seal_new(key, false);
    unsigned char room[1000 + SEAL_TAG_BYTES];
    memcpy(room, s.clear, 1000);
    seal_next(to, true, room, 1000, room);
    cr_assert_eq(memcmp(room, s.sealed, sizeof room), 0);
    cr_assert(seal_open(from, 0, true, room, sizeof room, room));
    cr_assert_eq(memcmp(room, s.clear, 1000), 0);
    seal_free(&to);
    seal_free(&from);
    stream_free(&s);
}

/* A writer goes forward only, and not on after its last chunk: no two chunks of a key can have one nonce. */
Test(seal, same_bytes_never_look_the_same)
{
    struct stream s = seal_all(2 * SEAL_CHUNK);
    unsigned char *two = xcalloc(2, SEAL_CHUNK), *out = xmalloc(2 * BLOB_BLOCK);
    struct seal *to = seal_new(key, true);
    seal_next(to, false, two, SEAL_CHUNK, out);
    seal_next(to, true, two, SEAL_CHUNK, out + BLOB_BLOCK);
    for (size_t i = 0; i + 16 <= SEAL_CHUNK; i += 16)
        cr_assert_neq(memcmp(out + i, out + BLOB_BLOCK + i, 16), 0);
    seal_free(&to);
    free(two);
    free(out);
    stream_free(&s);
}

Test(seal, nothing_after_the_last_chunk, .signal = SIGABRT)
{
    unsigned char room[100];
    struct seal *to = seal_new(key, true);
    seal_next(to, true, "abc", 3, room);
    seal_next(to, true, "abc", 3, room);
}

Test(seal, boxes)
{
    unsigned char box[64 + SEAL_BOX_BYTES], other[sizeof box], out[64], clear[64];
    struct bytes to = BYTES_LIT("what it belongs to");
    memset(clear, 'x', sizeof clear);
    for (size_t n = 0; n <= sizeof clear; n++) {
        size_t all = n + SEAL_BOX_BYTES;
        seal_box(key, to, clear, n, box);
        seal_box(key, to, clear, n, other);
        cr_assert_neq(memcmp(box, other, all), 0, "a nonce twice");
        cr_assert(seal_box_open(key, to, bytes_of(box, all), out) && memcmp(out, clear, n) == 0);
        cr_assert_not(seal_box_open(key, BYTES_LIT("another"), bytes_of(box, all), out));
        cr_assert_not(seal_box_open(clear, to, bytes_of(box, all), out), "another key");
        for (size_t cut = 0; cut < all; cut++)
            cr_assert_not(seal_box_open(key, to, bytes_of(box, cut), out));
        for (size_t i = 0; i < all * 8; i++) {
            box[i / 8] ^= (unsigned char)(1 << i % 8);
            cr_assert_not(seal_box_open(key, to, bytes_of(box, all), out));
            box[i / 8] ^= (unsigned char)(1 << i % 8);
        }
    }
    memcpy(box + SEAL_NONCE_BYTES, clear, 64); /* in place */
    seal_box(key, to, box + SEAL_NONCE_BYTES, 64, box);
    cr_assert(seal_box_open(key, to, bytes_of(box, sizeof box), out) && memcmp(out, clear, 64) == 0);
}
