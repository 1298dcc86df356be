/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of frames, frames, and lengths of encrypted streams, as a disk may hand them back. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "checksum.h"
#include "storage/frames.h"
#include "storage/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The table with its checksum made right, so that the rest is reached. */
static void read_table(const uint8_t *data, size_t size, uint64_t stream)
{
    struct frames f;
    unsigned char *end = xmalloc(size);
    memcpy(end, data, size);
    if (size >= FRAMES_FOOTER_BYTES) {
        unsigned char *footer = end + size - FRAMES_FOOTER_BYTES;
        uint32_t crc = crc32c(0, end, size - 8), n = (uint32_t)((size - FRAMES_FOOTER_BYTES) / FRAMES_ENTRY_BYTES);
        memcpy(footer, "PailZst1\0\0\2", 12);
        memcpy(footer + 12, &n, sizeof n);
        crc = crc32c(0, end, size - 8);
        memcpy(footer + 24, &crc, sizeof crc);
        uint64_t sum = size;
        for (size_t i = 0; i + FRAMES_ENTRY_BYTES <= size - FRAMES_FOOTER_BYTES; i += FRAMES_ENTRY_BYTES) {
            uint32_t entry;
            memcpy(&entry, end + i, sizeof entry);
            sum += entry & ~FRAME_ENTRY_KEPT;
        }
        for (int turn = 0; turn < 2; turn++)
            if (frames_read(end, size, turn ? stream : sum, &f)) {
                CHECK(f.n > 0 && (f.at[f.n] & ~FRAME_KEPT) == (turn ? stream : sum) - size);
                for (uint32_t i = 0; i < f.n; i++)
                    CHECK((f.at[i] & ~FRAME_KEPT) < (f.at[i + 1] & ~FRAME_KEPT));
                frames_free(&f);
            }
    }
    free(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char out[FRAME_BYTES], again[FRAME_BYTES];
    uint64_t stream = 0, clear;
    memcpy(&stream, data, size < sizeof stream ? size : sizeof stream);
    if (seal_stream_clear(stream, &clear) && clear < UINT64_MAX / 2)
        CHECK(seal_stream_bytes(clear) == stream);
    read_table(data, size, stream);
    for (size_t n = 1; n <= FRAME_BYTES; n *= 4)
        frame_unpack(data, size, out, n, false);
    if (size && size <= FRAME_BYTES) {
        size_t packed = frame_pack(data, size, out, true);
        CHECK(packed == 0 || (frame_unpack(out, packed, again, size, true) && memcmp(again, data, size) == 0));
    }
    return 0;
}
