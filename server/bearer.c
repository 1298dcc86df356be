/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking bearer tokens. The algorithm is HS512 whatever the token says; nothing of its claims but the name of a key
 * is believed before the signature holds. An unknown key costs what a known one does: a digest with a secret that
 * nobody has. Threads: any.
 */
#include "server/bearer.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/arena.h"
#include "server/iam/identities.h"
#include "server/req.h"
#include "server/server.h"

/* A part of the token as a JSON object. The caller gives it up. */
static json_t *object_of(struct arena *a, struct bytes part)
{
    char *text = arena_alloc(a, part.n + 1);
    ptrdiff_t n = base64url_decode(part, text, part.n);
    json_t *j = n < 0 ? NULL : json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
    if (j && !json_is_object(j)) {
        json_decref(j);
        return NULL;
    }
    return j;
}

static bool text_is(const json_t *j, const char *name, const char *want)
{
    const char *value = json_string_value(json_object_get(j, name));
    return value && strcmp(value, want) == 0;
}

static bool read_claims(struct arena *a, struct bytes part, struct bearer *ret)
{
    json_t *claims = object_of(a, part);
    const json_t *subject = json_object_get(claims, "sub"), *expires = json_object_get(claims, "exp");
    bool ok = text_is(claims, "iss", BEARER_ISSUER) && json_is_string(subject) && json_string_length(subject) > 0 &&
              json_string_length(subject) <= AUTH_ACCESS_KEY_MAX && json_is_number(expires);
    if (ok) {
        double at = json_number_value(expires);
        ret->access_key = bytes_dup(a, bytes_of(json_string_value(subject), json_string_length(subject)));
        ret->expires_s = at > 0 && at < 1e15 ? (int64_t)at : 0;
    }
    json_decref(claims);
    return ok;
}

bool bearer_parse(struct arena *a, struct bytes token, struct bearer *ret)
{
    ptrdiff_t first = bytes_find_char(token, '.', 0);
    ptrdiff_t second = first < 0 ? -1 : bytes_find_char(token, '.', (size_t)first + 1);
    if (second < 0 || token.n > BEARER_MAX)
        return false;
    struct bytes signature = bytes_cut(token, (size_t)second + 1, token.n);
    if (base64url_decode(signature, ret->signature, sizeof ret->signature) != (ptrdiff_t)sizeof ret->signature)
        return false;
    ret->content = bytes_cut(token, 0, (size_t)second);
    json_t *header = object_of(a, bytes_cut(token, 0, (size_t)first));
    bool ok = text_is(header, "alg", "HS512");
    json_decref(header);
    return ok && read_claims(a, bytes_cut(token, (size_t)first + 1, (size_t)(second - first) - 1), ret);
}

bool bearer_verify(const struct bearer *b, struct bytes secret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    const unsigned char *done =
        HMAC(EVP_sha512(), secret.p, (int)secret.n, (const unsigned char *)b->content.p, b->content.n, digest, &n);
    bool good = done && n == sizeof b->signature && CRYPTO_memcmp(digest, b->signature, sizeof b->signature) == 0;
    OPENSSL_cleanse(digest, sizeof digest);
    return good;
}

static int refuse(struct req *r)
{
    return req_failf(r, S3E_ACCESS_DENIED, "A bearer token is needed, as `mc admin prometheus generate` makes it.");
}

int bearer_authenticate(struct req *r)
{
    struct bytes header = req_header(r, "authorization");
    struct bearer b;
    struct auth_key key = {.secret_n = 0};
    if (!bytes_starts_str_nocase(header, "Bearer ") ||
        !bearer_parse(r->arena, bytes_trim(bytes_cut(header, 7, header.n)), &b))
        return refuse(r);
    for (size_t i = 0; i < b.access_key.n; i++)
        if (b.access_key.p[i] <= ' ' || b.access_key.p[i] > '~')
            return refuse(r);
    enum auth_lookup found =
        identities_find_key(r->server->identities, r->arena, r->now_ms, b.access_key, BYTES_NONE, &key);
    bool good = bearer_verify(&b, bytes_of(key.secret, key.secret_n)) && found == AUTH_KEY_FOUND && key.secret_n > 0 &&
                !(key.flags & AUTH_KEY_DISABLED);
    OPENSSL_cleanse(key.secret, sizeof key.secret);
    if (!good || b.expires_s * 1000 <= r->now_ms)
        return refuse(r);
    r->auth.mechanism = AUTH_OTHER; /* signed, in a way that stands for nothing but this */
    r->auth.access_key = b.access_key;
    r->auth.identity = key.identity;
    r->auth.service = BYTES_LIT("s3"); /* what the key was last used for */
    r->auth.region = bytes_str(*r->server->config->region ? r->server->config->region : "us-east-1");
    identity_from_auth(r, &r->who);
    return 0;
}
