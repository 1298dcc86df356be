/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and keys. The algorithm is chosen by the key as much as by the token: RS256 needs an RSA key, ES256 one on
 * P-256, so a token cannot have a public key taken for a secret. `kid` only chooses among the provider's keys; `jku`,
 * `jwk` and `x5u` in a token are not looked at.
 * Threads: pure.
 */
#include "server/iam/jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

#define P256_SIZE 32

static void let_go(void *json)
{
    json_decref(json);
}

static struct bytes text_of(const json_t *object, const char *name)
{
    const json_t *j = json_object_get(object, name);
    return json_is_string(j) ? bytes_of(json_string_value(j), json_string_length(j)) : BYTES_NONE;
}

static bool decode(struct arena *a, struct bytes text, struct bytes *ret)
{
    char *out = arena_alloc(a, text.n + 1);
    ptrdiff_t n = base64url_decode(text, out, text.n);
    *ret = bytes_of(out, n < 0 ? 0 : (size_t)n);
    return n >= 0;
}

static json_t *decode_object(struct arena *a, struct bytes text)
{
    struct bytes raw;
    json_t *j = decode(a, text, &raw) ? json_loadb(raw.p, raw.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (j)
        arena_defer(a, let_go, j);
    return json_is_object(j) ? j : NULL;
}

enum jwt_result jwt_parse(struct arena *a, struct bytes text, struct jwt *ret)
{
    ptrdiff_t first = bytes_find_char(text, '.', 0), second = first < 0 ? -1 : bytes_find_char(text, '.', first + 1);
    if (text.n > JWT_MAX || second < 0 || bytes_find_char(text, '.', second + 1) >= 0)
        return JWT_MALFORMED;
    const json_t *header = decode_object(a, bytes_cut(text, 0, first));
    *ret = (struct jwt){.content = bytes_cut(text, 0, second)};
    ret->claims = decode_object(a, bytes_cut(text, first + 1, second - first - 1));
    if (!header || !ret->claims || !decode(a, bytes_cut(text, second + 1, text.n), &ret->signature))
        return JWT_MALFORMED;
    struct bytes algorithm = text_of(header, "alg");
    if (json_object_get(header, "crit")) /* extensions that must be understood, and are not */
        return JWT_MALFORMED;
    if (bytes_eq_str(algorithm, "RS256"))
        ret->algorithm = JWT_RS256;
    else if (bytes_eq_str(algorithm, "ES256"))
        ret->algorithm = JWT_ES256;
    else
        return JWT_BAD_ALGORITHM;
    ret->key_id = text_of(header, "kid");
    if (json_object_get(header, "kid") && !ret->key_id.n) /* a number or nothing: it chooses no key, nor any */
        return JWT_MALFORMED;
    return JWT_OK;
}

/* ---- keys ---- */

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(struct arena *a, const json_t *jwk)
{
    struct bytes n, e;
    if (!decode(a, text_of(jwk, "n"), &n) || !decode(a, text_of(jwk, "e"), &e) || n.n > JWT_RSA_MAX / 8 + 1 ||
        e.n == 0 || e.n > 8)
        return NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *bn = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
    BIGNUM *be = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
    EVP_PKEY *key = NULL;
    if (b && bn && be && BN_num_bits(bn) >= JWT_RSA_MIN && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be))
        key = make_key("RSA", b);
    BN_free(bn);
    BN_free(be);
    OSSL_PARAM_BLD_free(b);
    return key;
}

static EVP_PKEY *ec_key(struct arena *a, const json_t *jwk)
{
    unsigned char point[1 + 2 * P256_SIZE] = {4}; /* uncompressed */
    struct bytes x, y;
    if (!bytes_eq_str(text_of(jwk, "crv"), "P-256") || !decode(a, text_of(jwk, "x"), &x) ||
        !decode(a, text_of(jwk, "y"), &y) || x.n != P256_SIZE || y.n != P256_SIZE)
        return NULL;
    memcpy(point + 1, x.p, P256_SIZE);
    memcpy(point + 1 + P256_SIZE, y.p, P256_SIZE);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        key = make_key("EC", b);
    OSSL_PARAM_BLD_free(b);
    return key;
}

static bool key_fits(const struct jwt *t, const json_t *jwk)
{
    struct bytes id = text_of(jwk, "kid"), use = text_of(jwk, "use"), algorithm = text_of(jwk, "alg");
    bool rsa = t->algorithm == JWT_RS256;
    return bytes_eq_str(text_of(jwk, "kty"), rsa ? "RSA" : "EC") && (!t->key_id.n || bytes_eq(id, t->key_id)) &&
           (!use.n || bytes_eq_str(use, "sig")) && (!algorithm.n || bytes_eq_str(algorithm, rsa ? "RS256" : "ES256"));
}

/* ---- signatures ---- */

/* r and s side by side, as DER. NULL: no such signature. OPENSSL_free it. */
static unsigned char *der_of(struct bytes raw, size_t *ret_n)
{
    unsigned char *der = NULL;
    ECDSA_SIG *sig = raw.n == 2 * P256_SIZE ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = sig ? BN_bin2bn((const unsigned char *)raw.p, P256_SIZE, NULL) : NULL;
    BIGNUM *s = sig ? BN_bin2bn((const unsigned char *)raw.p + P256_SIZE, P256_SIZE, NULL) : NULL;
    if (!r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return NULL;
    }
    int n = i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);
    *ret_n = n > 0 ? (size_t)n : 0;
    return n > 0 ? der : NULL;
}

static bool signed_by(const struct jwt *t, EVP_PKEY *key)
{
    size_t n = t->signature.n;
    unsigned char *der = t->algorithm == JWT_ES256 ? der_of(t->signature, &n) : NULL;
    const unsigned char *signature = der ? der : (const unsigned char *)t->signature.p;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = (der || t->algorithm == JWT_RS256) && ctx &&
                EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, signature, n, (const unsigned char *)t->content.p, t->content.n) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return good;
}

enum jwt_result jwt_verify(struct arena *a, const struct jwt *t, struct bytes text)
{
    json_t *jwks = text.n <= JWKS_MAX ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    if (!jwks)
        return JWT_BAD_KEYS;
    arena_defer(a, let_go, jwks);
    const json_t *keys = json_object_get(jwks, "keys");
    enum jwt_result result = json_is_array(keys) ? JWT_NO_KEY : JWT_BAD_KEYS;
    for (size_t i = 0; i < json_array_size(keys) && i < JWKS_KEYS_MAX && result != JWT_OK; i++) {
        const json_t *jwk = json_array_get(keys, i);
        EVP_PKEY *key = NULL;
        if (key_fits(t, jwk))
            key = t->algorithm == JWT_RS256 ? rsa_key(a, jwk) : ec_key(a, jwk);
        if (!key)
            continue;
        result = signed_by(t, key) ? JWT_OK : JWT_BAD_SIGNATURE;
        EVP_PKEY_free(key);
    }
    return result;
}

/* ---- claims ---- */

struct bytes jwt_text(const struct jwt *t, const char *claim)
{
    return text_of(t->claims, claim);
}

bool jwt_number(const struct jwt *t, const char *claim, int64_t *ret)
{
    const json_t *j = json_object_get(t->claims, claim);
    if (json_is_integer(j)) {
        *ret = json_integer_value(j);
        return *ret >= 0 && *ret < INT64_C(1) << 42;
    }
    double v = json_is_real(j) ? json_real_value(j) : -1;
    if (!(v >= 0 && v < 1e12))
        return false;
    *ret = (int64_t)v;
    return true;
}

size_t jwt_texts(struct arena *a, const struct jwt *t, const char *claim, struct bytes **ret)
{
    const json_t *j = json_object_get(t->claims, claim);
    struct bytes *list = arena_new_array(a, struct bytes, json_array_size(j) + 1);
    size_t n = 0;
    if (json_is_string(j))
        list[n++] = bytes_of(json_string_value(j), json_string_length(j));
    for (size_t i = 0; i < json_array_size(j); i++) {
        const json_t *item = json_array_get(j, i);
        if (json_is_string(item))
            list[n++] = bytes_of(json_string_value(item), json_string_length(item));
    }
    *ret = list;
    return n;
}

bool jwt_has_audience(const struct jwt *t, struct bytes audience)
{
    const json_t *j = json_object_get(t->claims, "aud");
    if (json_is_string(j))
        return bytes_eq(bytes_of(json_string_value(j), json_string_length(j)), audience);
    for (size_t i = 0; i < json_array_size(j); i++) {
        const json_t *item = json_array_get(j, i);
        if (json_is_string(item) && bytes_eq(bytes_of(json_string_value(item), json_string_length(item)), audience))
            return true;
    }
    return false;
}
