/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes: the cipher against published vectors, the format both ways, and what does not open. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/rand.h"
#include "storage/keyring_in.h"

static void check_vector(unsigned char key_byte, struct bytes aad, const char *hex)
{
    unsigned char key[KEK_BYTES], out[12 + XAES_TAG], want[12 + XAES_TAG], back[12];
    struct kek_key k;
    struct bytes text = BYTES_LIT("XAES-256-GCM");
    const unsigned char *nonce = (const unsigned char *)"ABCDEFGHIJKLMNOPQRSTUVWX";
    memset(key, key_byte, sizeof key);
    kek_key_set(&k, key);
    cr_assert(hex_decode(bytes_str(hex), want, sizeof want));
    xaes_seal(&k, nonce, aad, BYTES_NONE, text, out);
    cr_assert_arr_eq(out, want, sizeof out);
    cr_assert(xaes_open(&k, nonce, bytes_cut(aad, 0, 3), bytes_cut(aad, 3, aad.n), bytes_of(out, sizeof out), back));
    cr_assert_arr_eq(back, text.p, sizeof back);
}

Test(keyring_envelope, the_cipher_is_what_C2SP_describes)
{
    check_vector(1, BYTES_NONE, "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
    check_vector(3, BYTES_LIT("c2sp.org/XAES-256-GCM"), "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}

static struct kek_key some_key(unsigned char first)
{
    unsigned char key[KEK_BYTES] = {first};
    struct kek_key k;
    kek_key_set(&k, key);
    return k;
}

static const unsigned char object_key[OBJECT_KEY] = "an object key of thirty-two byte";

Test(keyring_envelope, tells_what_was_put_in)
{
    struct arena *a = arena_create(0);
    struct kek_key k = some_key(1);
    struct sse_place place = {7, BYTES_LIT("a/b")};
    char context[KEYRING_CONTEXT_MAX];
    memset(context, 'x', sizeof context);
    struct sse_info rows[] = {
        {.method = SSE_S3, .key_id = BYTES_LIT("pail-s3"), .key_version = 1},
        {.method = SSE_KMS, .key_id = BYTES_LIT("k"), .key_version = KEYRING_VERSIONS_MAX, .bucket_key = true},
        {.method = SSE_KMS_DSSE,
         .key_id = BYTES_LIT("a.b-c_d"),
         .key_version = 3,
         .context = bytes_of(context, sizeof context)},
        {.method = SSE_C, .customer_md5 = "0123456789abcde"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sse_info got;
        unsigned char out[OBJECT_KEY];
        struct bytes e = envelope_seal(a, &rows[i], &k, &place, object_key);
        cr_assert(e.n <= ENVELOPE_MOST && sse_info_read(e, &got), "%zu", i);
        cr_assert(got.method == rows[i].method && got.key_version == rows[i].key_version &&
                  got.bucket_key == rows[i].bucket_key);
        cr_assert(bytes_eq(got.key_id, rows[i].key_id) && bytes_eq(got.context, rows[i].context));
        cr_assert_arr_eq(got.customer_md5, rows[i].customer_md5, 16);
        cr_assert(envelope_open(e, &k, &place, out));
        cr_assert_arr_eq(out, object_key, OBJECT_KEY);
    }
    arena_free(a);
}

Test(keyring_envelope, opens_only_in_its_place_unchanged_with_its_key)
{
    struct arena *a = arena_create(0);
    struct kek_key k = some_key(1), other = some_key(2);
    struct sse_place place = {7, BYTES_LIT("a/b")}, bucket = {8, BYTES_LIT("a/b")}, key = {7, BYTES_LIT("a/c")};
    struct sse_info info = {
        .method = SSE_KMS, .key_id = BYTES_LIT("mine"), .key_version = 1, .context = BYTES_LIT("{\"a\":\"b\"}")};
    unsigned char out[OBJECT_KEY];
    struct bytes e = envelope_seal(a, &info, &k, &place, object_key);
    cr_assert(!envelope_open(e, &k, &bucket, out) && !envelope_open(e, &k, &key, out));
    cr_assert(!envelope_open(e, &other, &place, out));
    for (size_t i = 0; i < e.n * 8; i++) {
        char *bent = (char *)bytes_dup(a, e).p;
        bent[i / 8] = (char)(bent[i / 8] ^ (1 << i % 8));
        cr_assert(!envelope_open(bytes_of(bent, e.n), &k, &place, out), "bit %zu", i);
    }
    for (size_t i = 0; i < e.n; i++)
        cr_assert(!envelope_open(bytes_cut(e, 0, i), &k, &place, out), "cut at %zu", i);
    struct bytes longer = arena_bytesf(a, "%.*s", 0, "");
    char *more = arena_alloc(a, e.n + 1);
    memcpy(more, e.p, e.n);
    more[e.n] = 0;
    longer = bytes_of(more, e.n + 1);
    cr_assert(!envelope_open(longer, &k, &place, out));
    arena_free(a);
}

Test(keyring_envelope, what_is_none_is_refused)
{
    struct sse_info info;
    struct arena *a = arena_create(0);
    struct kek_key k = some_key(1);
    struct sse_place place = {0};
    struct sse_info s3 = {.method = SSE_S3, .key_id = BYTES_LIT("pail-s3"), .key_version = 1};
    struct bytes e = envelope_seal(a, &s3, &k, &place, object_key);
    static const struct {
        size_t at;
        unsigned char value;
    } rows[] = {{0, 2}, {0, 0}, {1, 0}, {1, 5}, {2, 1}, {2, 2}, {3, 255}, {6, 0}, {7, 0}, {7, 200}, {8, '/'}, {16, 1}};
    cr_assert(sse_info_read(e, &info));
    cr_assert(!sse_info_read(BYTES_NONE, &info));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *bent = (char *)bytes_dup(a, e).p;
        bent[rows[i].at] = (char)rows[i].value;
        cr_assert(!sse_info_read(bytes_of(bent, e.n), &info), "row %zu", i);
    }
    arena_free(a);
}
