/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens against keys: the first line is the token, the rest the set of keys. Nobody here has a private key that the
 * process drew, so with that process's own key nothing verifies; whatever keys the input brings, nothing crashes.
 */
#include "base/arena.h"
#include "base/check.h"
#include "server/iam/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The key of RFC 7515, A.3; its one signature is not among the seeds. */
static const char keys[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
    "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create(0);
    struct bytes all = bytes_of(data, size), *texts;
    ptrdiff_t end = bytes_find_char(all, '\n', 0);
    struct bytes token = bytes_cut(all, 0, end < 0 ? size : (size_t)end);
    struct jwt t;
    int64_t number;
    if (jwt_parse(a, token, &t) == JWT_OK) {
        CHECK(jwt_verify(a, &t, bytes_str(keys)) != JWT_OK);
        (void)jwt_verify(a, &t, bytes_cut(all, end < 0 ? size : (size_t)end + 1, size));
        (void)jwt_text(&t, "iss");
        (void)jwt_number(&t, "exp", &number);
        (void)jwt_has_audience(&t, BYTES_LIT("app"));
        (void)jwt_texts(a, &t, "amr", &texts);
    }
    arena_free(a);
    return 0;
}
