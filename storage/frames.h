/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the store: compression in frames. The bytes of a blob are cut every FRAME_BYTES; each piece is compressed
 * by itself (zstd) or kept as it is where that saves nothing. Behind the frames stands a table of their lengths and
 * behind that a footer:
 *
 *     frame ... | 4 bytes a frame, little-endian: stored length, top bit: kept as it is
 *               | "PailZst1" | FRAME_BYTES 4 | frames 4 | bytes uncompressed 8 | CRC32C of all that, table first 4 | 0
 * 4
 *
 * So a range costs the frames that it touches. 128 KiB lose little of the ratio of one long stream, and two of them are
 * what a download sends at a time.
 *
 * Threads: pure functions; working memory belongs to the thread.
 */
#ifndef PAIL_STORAGE_FRAMES_H
#define PAIL_STORAGE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES         (128u * 1024)
#define FRAMES_FOOTER_BYTES 32u
#define FRAMES_ENTRY_BYTES  4u
#define FRAMES_MAX          (64u * 1024) /* frames of a blob: more than the largest single write has */

/*
 * Compresses n (at most FRAME_BYTES) to `out`, which has room for as much. 0: it would not save an eighth. `secret`:
 * the working memory is wiped.
 */
size_t frame_pack(const void *clear, size_t n, void *out, bool secret);
bool frame_unpack(const void *in, size_t n, void *out, size_t out_n,
                  bool secret); /* false: no frame of so many bytes */

struct frames {     /* where they are */
    uint64_t clear; /* bytes uncompressed */
    uint32_t n;
    uint64_t *at; /* n + 1 offsets; the top bit: kept as it is */
};
#define FRAME_KEPT (1ull << 63)

/* Table and footer of n frames with these entries, n * FRAMES_ENTRY_BYTES + FRAMES_FOOTER_BYTES at `out`. */
void frames_end(const uint32_t *entries, uint32_t n, uint64_t clear, unsigned char *out);
#define FRAME_ENTRY_KEPT (1u << 31)

/* How long table and footer are, by the footer; 0: it is none of a stream of so many bytes. */
size_t frames_end_bytes(const unsigned char footer[FRAMES_FOOTER_BYTES], uint64_t stream);
/* Reads table and footer. False: damaged. */
bool frames_read(const unsigned char *end, size_t n, uint64_t stream, struct frames *ret);
void frames_free(struct frames *);

#endif
