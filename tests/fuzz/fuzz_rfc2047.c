/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded words. Properties: decoding answers UTF-8 within its bound and hides no control character in it; encoding
 * answers printable ASCII; and what encoding changed, decoding brings back.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/http/rfc2047.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t controls(struct bytes s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f;
    return n;
}

static void check_header(struct bytes s)
{
    CHECK(controls(s) == 0 && bytes_trim(s).n == s.n);
    for (size_t i = 0; i < s.n; i++)
        CHECK((unsigned char)s.p[i] < 0x80);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct arena *arena = arena_create(0);
    struct bytes decoded = rfc2047_decode(arena, in), encoded = rfc2047_encode(arena, decoded);
    CHECK(utf8_valid(decoded) && decoded.n <= RFC2047_GROWTH_MAX * in.n);
    CHECK(controls(decoded) == controls(in));
    check_header(encoded);
    check_header(rfc2047_encode(arena, in));
    if (encoded.p == decoded.p)
        CHECK(encoded.n == decoded.n);
    else if (controls(decoded) == 0)
        CHECK(bytes_eq(rfc2047_decode(arena, encoded), decoded));
    arena_free(arena);
    return 0;
}
