/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an identity provider may answer: the first line is its discovery document, the rest its set of keys. Keys are
 * only ever taken from addresses that may be asked, and only what fits is kept; people and codes go to no others.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/log.h"
#include "server/iam/jwks.h"
#include "server/iam/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ISSUER "https://a.example"

struct answers {
    struct bytes discovery, keys;
    unsigned asked;
};

static bool answer(void *ctx, struct arena *a, const char *url, size_t max, struct bytes *ret, char error[256])
{
    struct answers *w = ctx;
    struct bytes text = w->asked++ ? w->keys : w->discovery;
    CHECK(jwks_url_good(bytes_str(url), false));
    CHECK(w->asked > 1 || strcmp(url, ISSUER "/.well-known/openid-configuration") == 0);
    snprintf(error, 256, "too large");
    *ret = bytes_str(bytes_cstr(a, text));
    ret->n = text.n;
    return text.n <= max;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes all = bytes_of(data, size);
    ptrdiff_t end = bytes_find_char(all, '\n', 0);
    struct answers w = {.discovery = bytes_cut(all, 0, end < 0 ? size : (size_t)end),
                        .keys = bytes_cut(all, end < 0 ? size : (size_t)end + 1, size)};
    struct arena *a = arena_create(0);
    struct jwks *cache = jwks_create(answer, &w);
    struct jwks_set set;
    struct jwks_sign_in at;
    log_setup(LOG_TEXT, LOG_ERROR);
    (void)jwks_url_good(all, true);
    if (jwks_get(cache, a, BYTES_LIT(ISSUER), 0, 0, &set)) {
        CHECK(w.asked == 2 && bytes_eq(set.text, w.keys) && set.text.n <= JWKS_MAX);
        CHECK(!jwks_get(cache, a, BYTES_LIT(ISSUER), set.serial, 1, &set));
        if (jwks_sign_in(cache, a, BYTES_LIT(ISSUER), 1, &at))
            CHECK(jwks_url_good(at.authorization, false) && (!at.token.n || jwks_url_good(at.token, false)) &&
                  (at.token.n || !at.has_code));
    } else {
        CHECK(!jwks_get(cache, a, BYTES_LIT(ISSUER), 0, 1, &set) && w.asked <= 2);
    }
    jwks_free(&cache);
    arena_free(a);
    return 0;
}
