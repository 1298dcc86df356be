/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both chunked codings. Property: events and data do not depend on how the bytes were cut. The first byte chooses the
 * mode, the second seeds the cutting; each piece lies in memory of its own, so reading outside of it is found.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "server/http/aws_chunked.h"
#include "server/http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t random_state;

/* The next piece: all that is left when cutting is off, else 0 to 12 bytes. */
static struct bytes next_piece(struct bytes all, size_t *at, bool cut)
{
    random_state = random_state * 1664525u + 1013904223u;
    struct bytes piece = bytes_cut(all, *at, cut ? (random_state >> 16) % 13 : all.n);
    *at += piece.n;
    char *own = xmalloc(piece.n ? piece.n : 1);
    if (piece.n)
        memcpy(own, piece.p, piece.n);
    return bytes_of(own, piece.n);
}

static enum chunked_event run_chunked(struct bytes all, bool cut, struct buf *out, size_t *ret_used)
{
    struct chunked c;
    enum chunked_event e = CHUNKED_MORE;
    chunked_init(&c);
    for (size_t at = 0; at < all.n && e == CHUNKED_MORE;) {
        struct bytes own = next_piece(all, &at, cut), in = own, data;
        while ((e = chunked_next(&c, &in, &data)) == CHUNKED_DATA) {
            CHECK(data.n > 0 && data.p >= own.p && data.p + data.n <= own.p + own.n);
            buf_put_bytes(out, data);
        }
        CHECK(e != CHUNKED_MORE || in.n == 0);
        *ret_used = at - in.n;
        free((char *)own.p);
    }
    return e;
}

static enum aws_chunked_event run_aws(struct bytes all, bool cut, unsigned mode, uint64_t length, struct buf *out)
{
    struct aws_chunked c;
    struct aws_chunked_item item;
    uint64_t chunk = 0, total = 0;
    aws_chunked_init(&c, mode, length);
    for (size_t at = 0; at < all.n;) {
        struct bytes own = next_piece(all, &at, cut), in = own;
        while (in.n) {
            enum aws_chunked_event e = aws_chunked_next(&c, &in, &item);
            if (aws_chunked_failed(e)) {
                free((char *)own.p);
                return e;
            }
            if (e == AWS_CHUNKED_DATA) {
                CHECK(item.data.n > 0 && item.data.n <= chunk);
                chunk -= item.data.n;
                total += item.data.n;
                buf_put_bytes(out, item.data);
                continue;
            }
            if (e != AWS_CHUNKED_MORE)
                buf_printf(out, "<%d>", (int)e);
            if (e == AWS_CHUNKED_BEGIN)
                chunk = item.size;
            if (e == AWS_CHUNKED_DONE || e == AWS_CHUNKED_FINAL || e == AWS_CHUNKED_END)
                CHECK(chunk == 0);
            if (e == AWS_CHUNKED_BEGIN || e == AWS_CHUNKED_FINAL)
                CHECK(item.signature.n == (mode & AWS_CHUNKED_SIGNED ? AWS_CHUNKED_SIGNATURE : 0));
            if (e == AWS_CHUNKED_TRAILER) {
                buf_put_bytes(out, item.name);
                buf_put_bytes(out, item.value);
            }
        }
        free((char *)own.p);
    }
    enum aws_chunked_event e = aws_chunked_eof(&c);
    CHECK(e == AWS_CHUNKED_END || aws_chunked_failed(e));
    if (e == AWS_CHUNKED_END && length != AWS_CHUNKED_ANY_LENGTH)
        CHECK(total == length);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes all = bytes_of(data + 2, size - 2);
    struct buf a, b;
    size_t used_a = 0, used_b = 0;
    random_state = data[1];
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    if (data[0] & 4) {
        enum chunked_event whole = run_chunked(all, false, &a, &used_a), cut = run_chunked(all, true, &b, &used_b);
        CHECK(whole == cut && (whole != CHUNKED_END || used_a == used_b));
    } else {
        uint64_t length = data[0] & 8 ? AWS_CHUNKED_ANY_LENGTH : data[0] >> 4;
        CHECK(run_aws(all, false, data[0] & 3, length, &a) == run_aws(all, true, data[0] & 3, length, &b));
    }
    CHECK(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}
