/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens: one made elsewhere, and what is none. */
#include "server/bearer.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/arena.h"

/* As mc makes them. */
static struct bytes token(struct arena *a, const char *header, const char *claims, const char *secret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    size_t hn = base64url_len(strlen(header)), cn = base64url_len(strlen(claims)), sn = base64url_len(64);
    char *text = arena_alloc(a, hn + cn + sn + 2);
    base64url_encode(header, strlen(header), text);
    text[hn] = '.';
    base64url_encode(claims, strlen(claims), text + hn + 1);
    HMAC(EVP_sha512(), secret, (int)strlen(secret), (const unsigned char *)text, hn + 1 + cn, digest, &n);
    text[hn + 1 + cn] = '.';
    base64url_encode(digest, 64, text + hn + cn + 2);
    return bytes_of(text, hn + cn + sn + 2);
}

static const char hs512[] = "{\"alg\":\"HS512\",\"typ\":\"JWT\"}";
static const char good[] = "{\"exp\":4000000000,\"sub\":\"AK\",\"iss\":\"prometheus\"}";

Test(bearer, a_good_token)
{
    struct arena *a = arena_create(0);
    struct bearer b;
    cr_assert(bearer_parse(a, token(a, hs512, good, "secret"), &b));
    cr_assert(bytes_eq_str(b.access_key, "AK"));
    cr_assert_eq(b.expires_s, 4000000000);
    cr_assert(bearer_verify(&b, BYTES_LIT("secret")));
    cr_assert_not(bearer_verify(&b, BYTES_LIT("secreT")));
    cr_assert_not(bearer_verify(&b, BYTES_LIT("")));
    arena_free(a);
}

Test(bearer, what_is_none)
{
    static const struct {
        const char *header, *claims;
    } cases[] = {
        {"{\"alg\":\"none\"}", good},
        {"{\"alg\":\"HS256\"}", good},
        {"{\"alg\":[\"HS512\"]}", good},
        {"{}", good},
        {"[]", good},
        {"", good},
        {hs512, ""},
        {hs512, "[]"},
        {hs512, "{\"exp\":4000000000,\"sub\":\"AK\"}"},
        {hs512, "{\"exp\":4000000000,\"sub\":\"AK\",\"iss\":\"other\"}"},
        {hs512, "{\"exp\":4000000000,\"sub\":\"\",\"iss\":\"prometheus\"}"},
        {hs512, "{\"exp\":4000000000,\"sub\":7,\"iss\":\"prometheus\"}"},
        {hs512, "{\"exp\":\"4000000000\",\"sub\":\"AK\",\"iss\":\"prometheus\"}"},
        {hs512, "{\"sub\":\"AK\",\"iss\":\"prometheus\"}"},
        {hs512, "{\"exp\":1,\"exp\":4000000000,\"sub\":\"AK\",\"iss\":\"prometheus\"}"},
    };
    struct arena *a = arena_create(0);
    struct bearer b;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_not(bearer_parse(a, token(a, cases[i].header, cases[i].claims, "s"), &b), "case %zu", i);
    struct bytes whole = token(a, hs512, good, "s");
    for (size_t n = 0; n < whole.n; n++)
        cr_expect_not(bearer_parse(a, bytes_cut(whole, 0, n), &b), "cut at %zu", n);
    cr_assert(bearer_parse(a, whole, &b));
    arena_free(a);
}

Test(bearer, times_that_no_clock_has)
{
    static const char *const claims[] = {"{\"exp\":-5,\"sub\":\"AK\",\"iss\":\"prometheus\"}",
                                         "{\"exp\":1e300,\"sub\":\"AK\",\"iss\":\"prometheus\"}"};
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < 2; i++) {
        struct bearer b;
        cr_assert(bearer_parse(a, token(a, hs512, claims[i], "s"), &b));
        cr_assert_eq(b.expires_s, 0);
    }
    arena_free(a);
}
