/* SPDX-License-Identifier: Apache-2.0 */
/* Providers' keys: what is kept for how long, who asks when, and what is refused; with a provider made of functions. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "server/iam/jwks.h"
#include "server/iam/jwt.h"

#define ISSUER "https://idp.example.com/one"

struct idp {
    struct jwks *cache;
    struct arena *a;
    atomic_int discoveries, fetches;
    int version; /* of its keys */
    bool down;
    const char *issuer, *jwks_uri; /* NULL: the right ones */
    const char *more;              /* members of the discovery document, with a comma before each */
    atomic_bool *hold;             /* answers once this is false */
};

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static bool answer(void *ctx, struct arena *a, const char *url, size_t max, struct bytes *ret, char error[256])
{
    struct idp *idp = ctx;
    const char *end = strstr(url, "/.well-known/openid-configuration");
    atomic_fetch_add(end ? &idp->discoveries : &idp->fetches, 1);
    while (idp->hold && atomic_load(idp->hold))
        pause_ms(2);
    if (idp->down) {
        snprintf(error, 256, "no answer");
        return false;
    }
    if (end)
        *ret = arena_bytesf(a, "{\"issuer\":\"%.*s\",\"jwks_uri\":\"%s\"%s}",
                            (int)(idp->issuer ? strlen(idp->issuer) : (size_t)(end - url)),
                            idp->issuer ? idp->issuer : url,
                            idp->jwks_uri ? idp->jwks_uri : "https://keys.example.com/set", idp->more ? idp->more : "");
    else
        *ret = arena_bytesf(a, "{\"keys\":[],\"version\":%d}", idp->version);
    return ret->n <= max;
}

static void setup(struct idp *idp)
{
    *idp = (struct idp){.a = arena_create(0), .version = 1};
    idp->cache = jwks_create(answer, idp);
}

static void end(struct idp *idp)
{
    jwks_free(&idp->cache);
    arena_free(idp->a);
}

/* The version of the keys that are given; 0: none. */
static int get(struct idp *idp, const char *issuer, uint64_t but, int64_t now, uint64_t *ret_serial)
{
    struct jwks_set set;
    int version = 0;
    if (!jwks_get(idp->cache, idp->a, bytes_str(issuer), but, now, &set))
        return 0;
    if (ret_serial)
        *ret_serial = set.serial;
    cr_assert_eq(sscanf(bytes_cstr(idp->a, set.text), "{\"keys\":[],\"version\":%d}", &version), 1);
    return version;
}

Test(jwks, keys_are_kept_for_their_time)
{
    struct idp idp;
    setup(&idp);
    cr_expect_eq(get(&idp, ISSUER, 0, 1000, NULL), 1);
    idp.version = 2;
    cr_expect_eq(get(&idp, ISSUER, 0, JWKS_TTL_MS - 1, NULL), 1);
    cr_expect_eq(idp.fetches, 1);
    cr_expect_eq(get(&idp, ISSUER, 0, JWKS_TTL_MS + 2000, NULL), 2);
    cr_expect_eq(get(&idp, ISSUER "/", 0, JWKS_TTL_MS + 2000, NULL), 2, "an issuer of its own, with a slash");
    cr_expect_eq(idp.fetches, 3);
    end(&idp);
}

Test(jwks, newer_keys_are_asked_for_now_and_then)
{
    struct idp idp;
    uint64_t serial = 0, same = 0;
    setup(&idp);
    cr_expect_eq(get(&idp, ISSUER, 0, 0, &serial), 1);
    cr_expect_eq(get(&idp, ISSUER, serial, 1, NULL), 0, "the same keys are no newer ones");
    cr_expect_eq(idp.fetches, 2);
    idp.version = 2;
    cr_expect_eq(get(&idp, ISSUER, serial, JWKS_REFETCH_MS - 10, NULL), 0);
    cr_expect_eq(idp.fetches, 2);
    cr_expect_eq(get(&idp, ISSUER, 0, JWKS_REFETCH_MS - 10, &same), 1);
    cr_expect_eq(same, serial);
    cr_expect_eq(get(&idp, ISSUER, serial, JWKS_REFETCH_MS + 10, &same), 2);
    cr_expect_neq(same, serial);
    cr_expect_eq(get(&idp, ISSUER, serial, JWKS_REFETCH_MS + 11, NULL), 2, "newer than those, and there already");
    cr_expect_eq(idp.fetches, 3);
    end(&idp);
}

#define GO       ",\"authorization_endpoint\":\"https://a.example/go\""
#define EXCHANGE ",\"token_endpoint\":\"https://a.example/token\""
#define TYPES    ",\"response_types_supported\":[7,\"id_token\",\"code\"]"
#define PKCE     ",\"code_challenge_methods_supported\":[\"S256\"]"

Test(jwks, what_is_said_of_signing_in)
{
    static const struct {
        const char *says;
        bool known, token, code, fragment;
    } cases[] = {
        {"", false, false, false, false},
        {EXCHANGE TYPES PKCE, false, false, false, false},
        {GO, true, false, false, false},
        {GO EXCHANGE TYPES PKCE, true, true, true, false},
        {GO EXCHANGE TYPES PKCE ",\"response_modes_supported\":[\"query\",\"fragment\"]", true, true, true, true},
        {GO TYPES PKCE, true, false, false, false},
        {GO EXCHANGE PKCE, true, true, false, false},
        {GO EXCHANGE TYPES, true, true, false, false},
        {GO EXCHANGE TYPES ",\"code_challenge_methods_supported\":[\"plain\"]", true, true, false, false},
        {GO EXCHANGE TYPES ",\"code_challenge_methods_supported\":\"S256\"", true, true, false, false},
        {GO ",\"token_endpoint\":\"http://127.0.0.1/token\"" TYPES PKCE, true, false, false, false},
        {GO ",\"token_endpoint\":[\"https://a.example/token\"]" TYPES PKCE, true, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct idp idp;
        struct jwks_sign_in at = {.has_code = false};
        setup(&idp);
        idp.more = cases[i].says;
        for (int again = 0; again < 2; again++) {
            cr_expect_eq(jwks_sign_in(idp.cache, idp.a, bytes_str(ISSUER), 0, &at), cases[i].known, "%s",
                         cases[i].says);
            if (!cases[i].known)
                continue;
            cr_expect(bytes_eq_str(at.authorization, "https://a.example/go"), "%s", cases[i].says);
            cr_expect(bytes_eq_str(at.token, cases[i].token ? "https://a.example/token" : ""), "%s", cases[i].says);
            cr_expect_eq(at.has_code, cases[i].code, "%s", cases[i].says);
            cr_expect_eq(at.has_fragment, cases[i].fragment, "%s", cases[i].says);
        }
        cr_expect_eq(idp.discoveries, 1, "it is kept");
        end(&idp);
    }
}

Test(jwks, an_outage)
{
    struct idp idp;
    uint64_t serial = 0;
    setup(&idp);
    idp.down = true;
    cr_expect_eq(get(&idp, ISSUER, 0, 0, NULL), 0);
    cr_expect_eq(get(&idp, ISSUER, 0, JWKS_RETRY_MS - 100, NULL), 0);
    cr_expect_eq(idp.discoveries, 1, "a failure is remembered");
    idp.down = false;
    cr_expect_eq(get(&idp, ISSUER, 0, JWKS_RETRY_MS + 100, &serial), 1);
    idp.down = true;
    int64_t later = JWKS_RETRY_MS + JWKS_TTL_MS + 1000;
    cr_expect_eq(get(&idp, ISSUER, 0, later, NULL), 1, "old keys are better than none");
    cr_expect_eq(get(&idp, ISSUER, 0, later + 1, NULL), 1);
    cr_expect_eq(get(&idp, ISSUER, serial, later + 2, NULL), 0);
    cr_expect_eq(idp.discoveries, 3, "one try of the refresh");
    cr_expect_eq(get(&idp, ISSUER, 0, JWKS_RETRY_MS + JWKS_STALE_MS + 1000, NULL), 0, "but not for ever");
    idp.down = false;
    cr_expect_eq(get(&idp, ISSUER, 0, 2 * JWKS_RETRY_MS + JWKS_STALE_MS + 2000, NULL), 1);
    end(&idp);
}

Test(jwks, a_document_of_somebody_else)
{
    static const char *const issuers[] = {"https://idp.example.com", "http://idp.example.com/one", ISSUER "x", ""};
    static const char *const uris[] = {"http://keys.example.com/set",
                                       "http://127.0.0.1/set",
                                       "file:///etc/passwd",
                                       "https://user@keys.example.com/set",
                                       "",
                                       "keys",
                                       "https:///set"};
    struct idp idp;
    int64_t now = 0;
    setup(&idp);
    for (size_t i = 0; i < sizeof issuers / sizeof issuers[0]; i++) {
        idp.issuer = issuers[i];
        cr_expect_eq(get(&idp, ISSUER, 0, now += JWKS_RETRY_MS + 1000, NULL), 0, "%s", issuers[i]);
    }
    idp.issuer = ISSUER "/";
    cr_expect_eq(get(&idp, ISSUER, 0, now += JWKS_RETRY_MS + 1000, NULL), 1, "a slash at the end is none");
    idp.issuer = NULL;
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        idp.jwks_uri = uris[i];
        cr_expect_eq(get(&idp, "https://b.example", 0, now += JWKS_RETRY_MS + 1000, NULL), 0, "%s", uris[i]);
    }
    cr_expect_eq(get(&idp, "http://b.example", 0, now, NULL), 0, "plain");
    idp.jwks_uri = "http://localhost:81/set";
    cr_expect_eq(get(&idp, "http://127.0.0.1:80", 0, now, NULL), 1, "plain, on this machine");
    end(&idp);
}

Test(jwks, many_providers)
{
    struct idp idp;
    char issuer[64];
    setup(&idp);
    for (int i = 0; i < 3 * JWKS_PROVIDERS; i++) {
        snprintf(issuer, sizeof issuer, "https://idp-%d.example.com", i);
        cr_expect_eq(get(&idp, issuer, 0, i, NULL), 1);
        cr_expect_eq(get(&idp, ISSUER, 0, i, NULL), 1, "in use, so it stays");
    }
    cr_expect_eq(idp.fetches, 3 * JWKS_PROVIDERS + 1);
    end(&idp);
}

struct asker {
    struct idp *idp;
    const char *issuer;
    atomic_int got;
    pthread_t thread;
};

static void *ask(void *arg)
{
    struct asker *k = arg;
    struct arena *a = arena_create(0);
    struct jwks_set set;
    atomic_store(&k->got, jwks_get(k->idp->cache, a, bytes_str(k->issuer), 0, clock_mono_ms(), &set) ? 1 : -1);
    arena_free(a);
    return NULL;
}

/* One asks the provider; a few wait for it; the rest are told no. */
Test(jwks, one_fetch_at_a_time)
{
    struct idp idp;
    struct asker crowd[3 * JWKS_WAITERS];
    atomic_bool hold = true;
    int n = 3 * JWKS_WAITERS, let_in = 0, refused = 0;
    setup(&idp);
    idp.hold = &hold;
    for (int i = 0; i < n; i++) {
        crowd[i] = (struct asker){.idp = &idp, .issuer = ISSUER};
        cr_assert_eq(pthread_create(&crowd[i].thread, NULL, ask, &crowd[i]), 0);
    }
    for (int tries = 0; refused < n - JWKS_WAITERS - 1 && tries < 10000; tries++) {
        pause_ms(2);
        refused = 0;
        for (int i = 0; i < n; i++)
            refused += atomic_load(&crowd[i].got) == -1;
    }
    atomic_store(&hold, false);
    for (int i = 0; i < n; i++) {
        pthread_join(crowd[i].thread, NULL);
        let_in += crowd[i].got == 1;
    }
    cr_expect_eq(refused, n - JWKS_WAITERS - 1);
    cr_expect_eq(let_in, JWKS_WAITERS + 1);
    cr_expect_eq(idp.discoveries, 1);
    end(&idp);
}

/* Providers that do not answer hold only so many threads, and keys that are there are given meanwhile. */
Test(jwks, fetches_are_bounded)
{
    struct idp idp;
    struct asker crowd[JWKS_FETCHES];
    char issuers[JWKS_FETCHES][64];
    atomic_bool hold = true;
    int64_t now = clock_mono_ms();
    setup(&idp);
    cr_assert_eq(get(&idp, ISSUER, 0, now, NULL), 1);
    idp.hold = &hold;
    for (int i = 0; i < JWKS_FETCHES; i++) {
        snprintf(issuers[i], sizeof issuers[i], "https://slow-%d.example.com", i);
        crowd[i] = (struct asker){.idp = &idp, .issuer = issuers[i]};
        cr_assert_eq(pthread_create(&crowd[i].thread, NULL, ask, &crowd[i]), 0);
    }
    for (int tries = 0; idp.discoveries < 1 + JWKS_FETCHES && tries < 10000; tries++)
        pause_ms(2);
    cr_expect_eq(get(&idp, "https://another.example.com", 0, now, NULL), 0);
    cr_expect_eq(get(&idp, ISSUER, 0, now + JWKS_TTL_MS + 1000, NULL), 1);
    cr_expect_eq(idp.discoveries, 1 + JWKS_FETCHES);
    atomic_store(&hold, false);
    for (int i = 0; i < JWKS_FETCHES; i++) {
        pthread_join(crowd[i].thread, NULL);
        cr_expect_eq(crowd[i].got, 1);
    }
    end(&idp);
}

Test(jwks, addresses)
{
    static const struct {
        const char *url;
        bool tls, plain;
    } cases[] = {
        {"https://a.example/x?y=1", true, true},
        {"https://a.example:8443", true, true},
        {"https://[::1]:8443/x", true, true},
        {"http://localhost", false, true},
        {"http://127.0.0.1:1/x", false, true},
        {"http://[::1]:80/x", false, true},
        {"http://127.0.0.1.a.example", false, false},
        {"http://a.example", false, false},
        {"http://localhost.a.example", false, false},
        {"http://127.0.0.1@a.example", false, false},
        {"https://u@a.example", false, false},
        {"https://a.example#x", false, false},
        {"https://a.example:", false, false},
        {"https://a.example:99999", false, false},
        {"https://a.example/\r\nx: y", false, false},
        {"https://a.example\\@b.example", false, false},
        {"HTTPS://a.example", false, false},
        {"gopher://localhost", false, false},
        {"https://", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(jwks_url_good(bytes_str(cases[i].url), false), cases[i].tls, "%s", cases[i].url);
        cr_expect_eq(jwks_url_good(bytes_str(cases[i].url), true), cases[i].plain, "%s", cases[i].url);
    }
}
