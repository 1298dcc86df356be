/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the admin API under a known key. The first byte chooses: the rest is opened as it is (and is wrong, since
 * nobody has sealed it); or it is sealed first, opened again and must be the same; or one byte of the sealed form is
 * changed, which must be noticed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/admin_api/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct arena *a, const struct sealed_key *k, struct bytes plain, size_t flip)
{
    struct bytes again;
    struct buf out;
    buf_init(&out, SEALED_BODY_MAX * 2);
    sealed_seal(k, plain, &out);
    CHECK(!out.failed && sealed_open_with(k, buf_bytes(&out), a, &again) == SEALED_OK && bytes_eq(plain, again));
    size_t at = SEALED_SALT + 1 + flip % (out.n - SEALED_SALT - 1);
    out.p[at] ^= 1;
    CHECK(sealed_open_with(k, buf_bytes(&out), a, &again) == SEALED_WRONG);
    out.p[at] ^= 1;
    out.n--;
    CHECK(sealed_open_with(k, buf_bytes(&out), a, &again) != SEALED_OK);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sealed_key k = {.id = SEALED_ARGON2ID_AES};
    struct bytes plain;
    if (size < 4)
        return 0;
    struct arena *a = arena_create(0);
    struct bytes rest = bytes_of(data + 4, size - 4);
    k.id = data[0] & 1 ? SEALED_ARGON2ID_CHACHA : SEALED_ARGON2ID_AES;
    if (data[0] & 2)
        round_trip(a, &k, rest, (size_t)(data[1] | data[2] << 8 | data[3] << 16));
    else
        CHECK(sealed_open_with(&k, rest, a, &plain) != SEALED_OK);
    arena_free(a);
    return 0;
}
