/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of identity providers: the example of RFC 7515, A.2 and A.3, and what must be refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "server/iam/jwt.h"

#define RSA_N                                                                                                          \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"   \
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"                  \
    "UTo7WTBEMa2R2CapHg6"                                                                                              \
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"                                         \
    "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWy"                                                                        \
    "uXpoQ"
#define CLAIMS "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RS256                                                                                                          \
    "eyJhbGciOiJSUzI1NiJ9." CLAIMS ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"   \
    "lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1"                                                                              \
    "dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--"       \
    "xi12jzD"                                                                                                          \
    "wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"            \
    "IoypGlUPQGe77R"                                                                                                   \
    "w"
#define ES256                                                                                                          \
    "eyJhbGciOiJFUzI1NiJ9." CLAIMS                                                                                     \
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define EC_XY                                                                                                          \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

static const char rsa_keys[] = "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\"}]}";
static const char ec_keys[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_XY "}]}";

static enum jwt_result check(const char *token, const char *keys)
{
    struct arena *a = arena_create(0);
    struct jwt t;
    enum jwt_result rc = jwt_parse(a, bytes_str(token), &t);
    if (rc == JWT_OK)
        rc = jwt_verify(a, &t, bytes_str(keys));
    arena_free(a);
    return rc;
}

Test(jwt, examples_of_the_rfc)
{
    cr_expect_eq(check(RS256, rsa_keys), JWT_OK);
    cr_expect_eq(check(ES256, ec_keys), JWT_OK);
    cr_expect_eq(check(RS256, ec_keys), JWT_NO_KEY);
    cr_expect_eq(check(ES256, rsa_keys), JWT_NO_KEY);
}

Test(jwt, any_other_byte_is_refused)
{
    static const char good[] = ES256;
    char bent[sizeof good];
    for (size_t i = 0; i + 1 < sizeof good; i++) {
        memcpy(bent, good, sizeof good);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        cr_expect_neq(check(bent, ec_keys), JWT_OK, "byte %zu", i);
    }
}

Test(jwt, what_is_no_token)
{
    static const struct {
        const char *token;
        enum jwt_result want;
    } cases[] = {
        {"", JWT_MALFORMED},
        {"a.b", JWT_MALFORMED},
        {"a.b.c.d", JWT_MALFORMED},
        {"eyJhbGciOiJub25lIn0." CLAIMS ".", JWT_BAD_ALGORITHM},                    /* none */
        {"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".AAAA", JWT_BAD_ALGORITHM},               /* HS256 */
        {"eyJhbGciOiJSUzI1NiIsImNyaXQiOlsieCJdfQ." CLAIMS ".AAAA", JWT_MALFORMED}, /* crit */
        {"eyJhbGciOiJSUzI1NiIsImtpZCI6MX0." CLAIMS ".AAAA", JWT_MALFORMED},        /* kid is a number */
        {"eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9." CLAIMS ".AAAA", JWT_MALFORMED},       /* kid is empty */
        {"eyJhbGciOiJSUzI1NiJ9.W10.AAAA", JWT_MALFORMED},                          /* claims are a list */
        {"eyJhbGciOiJSUzI1NiJ9." CLAIMS ".", JWT_BAD_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(check(cases[i].token, rsa_keys), cases[i].want, "case %zu", i);
}

Test(jwt, keys_that_do_not_fit)
{
    cr_expect_eq(check(ES256, "nothing"), JWT_BAD_KEYS);
    cr_expect_eq(check(ES256, "{\"keys\":{}}"), JWT_BAD_KEYS);
    cr_expect_eq(check(ES256, "{\"keys\":[]}"), JWT_NO_KEY);
    cr_expect_eq(check(ES256, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"enc\"," EC_XY "}]}"), JWT_NO_KEY);
    cr_expect_eq(check(ES256, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\"," EC_XY "}]}"), JWT_NO_KEY);
    cr_expect_eq(check(ES256, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}"), JWT_NO_KEY);
    cr_expect_eq(check(RS256, "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AQAB\"}]}"), JWT_NO_KEY, "short");
}
