/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed bodies of the admin API: round trips of all forms and lengths, and what is cut, moved or changed. The
 * published vectors are tests/sdk/admin/, where MinIO's own module opens what we seal and the other way round. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "server/admin_api/sealed.h"

static const struct bytes secret = {"a secret key", 12};

static struct bytes filled(struct arena *a, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 7);
    return bytes_of(p, n);
}

Test(sealed, round_trips_of_every_form)
{
    for (int id = SEALED_ARGON2ID_AES; id <= SEALED_PBKDF2_AES; id++) {
        struct arena *a = arena_create(0);
        struct sealed_key k, again;
        struct bytes plain = filled(a, 1000), back;
        struct buf out;
        buf_init(&out, 1 << 20);
        cr_assert_eq(sealed_new_key(secret, (enum sealed_id)id, &k), SEALED_OK);
        sealed_seal(&k, plain, &out);
        cr_assert_eq(sealed_open(secret, buf_bytes(&out), a, &again, &back), SEALED_OK);
        cr_assert(bytes_eq(plain, back));
        cr_assert_eq(memcmp(k.key, again.key, sizeof k.key), 0);
        cr_assert_eq(sealed_open(BYTES_LIT("another"), buf_bytes(&out), a, &again, &back), SEALED_WRONG);
        buf_fini(&out);
        arena_free(a);
    }
}

Test(sealed, lengths_around_a_fragment)
{
    static const size_t lengths[] = {0, 1, 16383, 16384, 16385, 32768, 32769, 200000};
    struct sealed_key k = {.id = SEALED_ARGON2ID_AES};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct arena *a = arena_create(0);
        struct bytes plain = filled(a, lengths[i]), back;
        struct buf out;
        size_t fragments = lengths[i] ? (lengths[i] + 16383) / 16384 : 1;
        buf_init(&out, 1 << 20);
        sealed_seal(&k, plain, &out);
        cr_assert_eq(out.n, SEALED_HEAD + lengths[i] + 16 * fragments);
        cr_assert_eq(sealed_open_with(&k, buf_bytes(&out), a, &back), SEALED_OK);
        cr_assert(bytes_eq(plain, back));
        for (size_t cut = 1; cut < out.n; cut += 997) {
            cr_assert_neq(sealed_open_with(&k, bytes_of(out.p, out.n - cut), a, &back), SEALED_OK);
            out.p[SEALED_SALT + 1 + cut % (out.n - SEALED_SALT - 1)] ^= 4;
            cr_assert_eq(sealed_open_with(&k, buf_bytes(&out), a, &back), SEALED_WRONG);
            out.p[SEALED_SALT + 1 + cut % (out.n - SEALED_SALT - 1)] ^= 4;
        }
        buf_fini(&out);
        arena_free(a);
    }
}

Test(sealed, a_whole_fragment_cannot_be_cut_off)
{
    struct sealed_key k = {.id = SEALED_ARGON2ID_CHACHA};
    struct arena *a = arena_create(0);
    struct bytes back;
    struct buf out;
    buf_init(&out, 1 << 20);
    sealed_seal(&k, filled(a, 3 * 16384), &out);
    cr_assert_eq(sealed_open_with(&k, bytes_of(out.p, out.n - 16400), a, &back), SEALED_WRONG);
    char swap[16400];
    memcpy(swap, out.p + SEALED_HEAD, sizeof swap);
    memmove(out.p + SEALED_HEAD, out.p + SEALED_HEAD + 16400, 16400);
    memcpy(out.p + SEALED_HEAD + 16400, swap, sizeof swap);
    cr_assert_eq(sealed_open_with(&k, buf_bytes(&out), a, &back), SEALED_WRONG);
    buf_fini(&out);
    arena_free(a);
}

Test(sealed, what_is_no_sealed_body)
{
    struct arena *a = arena_create(0);
    struct sealed_key k;
    struct bytes back;
    char text[SEALED_HEAD + 16] = {0};
    cr_assert_eq(sealed_open(secret, BYTES_LIT(""), a, &k, &back), SEALED_MALFORMED);
    cr_assert_eq(sealed_open(secret, bytes_of(text, sizeof text - 1), a, &k, &back), SEALED_MALFORMED);
    text[SEALED_SALT] = 3;
    cr_assert_eq(sealed_open(secret, bytes_of(text, sizeof text), a, &k, &back), SEALED_MALFORMED);
    arena_free(a);
}
