/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes: whatever the bytes are, they are read or refused; what is read says the same when it is written again, and
 * no bytes open that were not sealed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/keyring_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SEALED (XAES_NONCE + OBJECT_KEY + XAES_TAG)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const unsigned char secret[KEK_BYTES] = "a key-encryption key of 32 bytes";
    static const unsigned char object_key[OBJECT_KEY] = "an object key of thirty-two byte";
    struct bytes given = bytes_of(data, n), name;
    struct sse_place place = {n, bytes_cut(given, n / 2, 64)};
    unsigned char opened[OBJECT_KEY];
    struct sse_info info, again;
    struct kek_key key;
    kek_key_set(&key, secret);
    CHECK(!envelope_open(given, &key, &place, opened));
    keyring_name_of(given, &name);
    if (!sse_info_read(given, &info))
        return 0;
    struct arena *a = arena_create(0);
    struct bytes made = envelope_seal(a, &info, &key, &place, object_key);
    CHECK(made.n == n && memcmp(made.p, data, n - SEALED) == 0); /* one way to say it */
    CHECK(sse_info_read(made, &again) && again.method == info.method && bytes_eq(again.context, info.context));
    CHECK(envelope_open(made, &key, &place, opened) && memcmp(opened, object_key, OBJECT_KEY) == 0);
    arena_free(a);
    return 0;
}
