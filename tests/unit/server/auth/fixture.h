/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of server/auth share: a request to shoot at auth_verify, a handful of keys, and a client that signs it
 * with tests/double/sign_client.h.
 */
#ifndef PAIL_TESTS_UNIT_AUTH_FIXTURE_H
#define PAIL_TESTS_UNIT_AUTH_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/auth.h"
#include "server/auth/internal.h"
#include "tests/double/sign_client.h"

#define AK       "AKIAIOSFODNN7EXAMPLE"
#define SK       "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define TEMP_AK  "ASIATEMPORARY0000001"
#define TOKEN    "FwoGZXIvYXdzEBYaD/token+with==odd/characters"
#define GONE_AK  "AKIADISABLED00000000"
#define SLASH_AK "team/ci/robot"
#define DATE     "20130524T000000Z"
#define HOST     "examplebucket.s3.amazonaws.com"

static const struct sign_keys keys = {.access = AK, .secret = SK};
static int identity_a, identity_t;

static enum auth_lookup fixture_lookup(void *ctx, struct bytes ak, struct bytes token, struct auth_key *ret)
{
    int *calls = ctx;
    ++*calls;
    memcpy(ret->secret, SK, sizeof(SK) - 1);
    ret->secret_n = sizeof(SK) - 1;
    ret->identity = &identity_a;
    if (bytes_eq_str(ak, AK) || bytes_eq_str(ak, SLASH_AK))
        return AUTH_KEY_FOUND;
    if (bytes_eq_str(ak, GONE_AK)) {
        ret->flags = AUTH_KEY_DISABLED;
        return AUTH_KEY_FOUND;
    }
    if (bytes_eq_str(ak, "AKIAEMPTYSECRET")) {
        ret->secret_n = 0;
        return AUTH_KEY_FOUND;
    }
    if (bytes_eq_str(ak, "AKIAUNAVAILABLE"))
        return AUTH_KEY_UNAVAILABLE;
    if (bytes_eq_str(ak, TEMP_AK)) {
        ret->flags = AUTH_KEY_TEMPORARY;
        ret->identity = &identity_t;
        if (token.n == 0 || bytes_eq_str(token, TOKEN))
            return AUTH_KEY_FOUND;
        return bytes_eq_str(token, "old") ? AUTH_KEY_TOKEN_EXPIRED : AUTH_KEY_TOKEN_INVALID;
    }
    return AUTH_KEY_UNKNOWN;
}

static const char *const fixture_services[] = {"s3", "sts", "iam", NULL};
static const char *const only_s3[] = {"s3", NULL};

struct shot {
    struct arena *arena;
    struct auth_header headers[160];
    struct auth_param params[300];
    struct auth_request req;
    struct auth_config cfg;
    struct auth_result res;
    int lookups;
};

static inline int64_t ms_of(const char *date)
{
    int64_t seconds = 0;
    cr_assert(date_parse_iso_basic(bytes_str(date), &seconds), "%s", date);
    return seconds * 1000;
}

static inline void shot_header_n(struct shot *s, const char *name, struct bytes value)
{
    s->headers[s->req.header_count++] = (struct auth_header){bytes_str(name), bytes_dup(s->arena, value)};
}

static inline void shot_header(struct shot *s, const char *name, const char *value)
{
    shot_header_n(s, name, bytes_str(value));
}

static inline struct bytes shot_decode(struct shot *s, struct bytes in)
{
    char *out = arena_alloc(s->arena, in.n + 1), *w = out;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char byte;
        if (in.p[i] == '%' && i + 2 < in.n && hex_decode(bytes_of(in.p + i + 1, 2), &byte, 1)) {
            *w++ = (char)byte;
            i += 2;
        } else {
            *w++ = in.p[i] == '+' ? ' ' : in.p[i];
        }
    }
    return bytes_of(out, (size_t)(w - out));
}

static inline void shot_query_n(struct shot *s, struct bytes q)
{
    for (size_t start = 0; start < q.n;) {
        ptrdiff_t amp = bytes_find_char(q, '&', start);
        size_t end = amp < 0 ? q.n : (size_t)amp;
        struct bytes part = bytes_cut(q, start, end - start);
        ptrdiff_t eq = bytes_find_char(part, '=', 0);
        size_t name = eq < 0 ? part.n : (size_t)eq;
        if (part.n > 0)
            s->params[s->req.param_count++] = (struct auth_param){shot_decode(s, bytes_cut(part, 0, name)),
                                                                  shot_decode(s, bytes_cut(part, name + 1, part.n))};
        start = end + 1;
    }
}

static inline void shot_query(struct shot *s, const char *query)
{
    shot_query_n(s, bytes_dup(s->arena, bytes_str(query)));
}

/* A request without anything of authentication yet; `target` is path?query as on the wire. */
static inline struct shot *shot_new(const char *method, const char *target)
{
    struct shot *s = calloc(1, sizeof(*s));
    s->arena = arena_create(0);
    struct bytes t = bytes_dup(s->arena, bytes_str(target));
    ptrdiff_t mark = bytes_find_char(t, '?', 0);
    s->req.method = bytes_str(method);
    s->req.raw_path = bytes_cut(t, 0, mark < 0 ? t.n : (size_t)mark);
    s->req.headers = s->headers;
    s->req.params = s->params;
    s->req.now_ms = ms_of(DATE);
    s->cfg = (struct auth_config){.services = only_s3, .lookup = fixture_lookup, .lookup_ctx = &s->lookups};
    if (mark >= 0)
        shot_query_n(s, bytes_cut(t, (size_t)mark + 1, t.n));
    return s;
}

static inline void shot_free(struct shot *s)
{
    arena_free(s->arena);
    free(s);
}

static inline enum auth_status shot_fire(struct shot *s)
{
    return auth_verify(&s->cfg, &s->req, s->arena, &s->res);
}

static inline void shot_ok(struct shot *s)
{
    enum auth_status status = shot_fire(s);
    cr_assert_eq(status, AUTH_OK, "%s: %.*s", s->res.error.code ? s->res.error.code : "?", (int)s->res.error.message.n,
                 s->res.error.message.p);
    cr_assert_null(s->res.error.code);
}

/* Must fail with `code`, and a message that holds `words` (may be NULL). */
static inline void shot_fails(struct shot *s, const char *code, const char *words)
{
    enum auth_status status = shot_fire(s);
    cr_assert_eq(status, AUTH_FAILED, "status %d, expected %s", status, code);
    cr_assert_str_eq(s->res.error.code, code, "%.*s", (int)s->res.error.message.n, s->res.error.message.p);
    if (words)
        cr_assert(bytes_find(s->res.error.message, bytes_str(words), 0) >= 0, "%.*s", (int)s->res.error.message.n,
                  s->res.error.message.p);
    cr_assert_null(s->res.identity);
}

static inline struct bytes shot_extra(const struct shot *s, const char *name)
{
    for (size_t i = 0; i < s->res.error.extra_count; i++)
        if (strcmp(s->res.error.extras[i].name, name) == 0)
            return s->res.error.extras[i].value;
    return BYTES_NONE;
}

static inline void shot_extra_is(const struct shot *s, const char *name, const char *value)
{
    struct bytes got = shot_extra(s, name);
    cr_assert(bytes_eq_str(got, value), "%s: %.*s", name, (int)got.n, got.p ? got.p : "");
}

#define PAIRS(...)                                                                                                     \
    .headers = (const struct sign_pair[]){__VA_ARGS__},                                                                \
    .header_count = sizeof((const struct sign_pair[]){__VA_ARGS__}) / sizeof(struct sign_pair)
#define PARAMS(...)                                                                                                    \
    .params = (const struct sign_pair[]){__VA_ARGS__},                                                                 \
    .param_count = sizeof((const struct sign_pair[]){__VA_ARGS__}) / sizeof(struct sign_pair)

/* The request as `r` says, signed in the Authorization header by `k`. */
static inline struct shot *shot_signed(const struct sign_keys *k, const struct sign_request *r)
{
    char *path = sign_encode(r->path, 1), *auth = sign_authorization(k, r, NULL);
    struct shot *s = shot_new(r->method, path);
    for (size_t i = 0; i < r->param_count; i++)
        s->params[s->req.param_count++] =
            (struct auth_param){bytes_str(r->params[i].name), bytes_str(r->params[i].value)};
    for (size_t i = 0; i < r->header_count; i++)
        shot_header(s, r->headers[i].name, r->headers[i].value);
    shot_header(s, "Authorization", auth);
    free(path);
    free(auth);
    return s;
}

static inline struct shot *shot_presigned(const struct sign_keys *k, const struct sign_request *r, const char *expires,
                                          const char *token)
{
    char *path = sign_encode(r->path, 1), *query = sign_presign(k, r, expires, token);
    struct shot *s = shot_new(r->method, path);
    shot_query(s, query);
    for (size_t i = 0; i < r->header_count; i++)
        shot_header(s, r->headers[i].name, r->headers[i].value);
    free(path);
    free(query);
    return s;
}

/* Plain signed PUT of an unsigned payload; further headers come in by the variable arguments. */
#define SIGNED_PUT(path_, ...)                                                                                         \
    shot_signed(&keys, &(struct sign_request){.method = "PUT",                                                         \
                                              .path = path_,                                                           \
                                              .payload = SIGN_UNSIGNED,                                                \
                                              .date = DATE,                                                            \
                                              PAIRS({"Host", HOST}, {"x-amz-date", DATE},                              \
                                                    {"x-amz-content-sha256", SIGN_UNSIGNED}, __VA_ARGS__)})
#define SIGNED_GET(path_)                                                                                              \
    shot_signed(&keys, &(struct sign_request){                                                                         \
                           .method = "GET",                                                                            \
                           .path = path_,                                                                              \
                           .payload = SIGN_EMPTY_SHA256,                                                               \
                           .date = DATE,                                                                               \
                           PAIRS({"Host", HOST}, {"x-amz-date", DATE}, {"x-amz-content-sha256", SIGN_EMPTY_SHA256})})
#define PRESIGNED_GET(expires_)                                                                                        \
    shot_presigned(                                                                                                    \
        &keys,                                                                                                         \
        &(struct sign_request){                                                                                        \
            .method = "GET", .path = "/test.txt", .payload = SIGN_UNSIGNED, .date = DATE, PAIRS({"Host", HOST})},      \
        expires_, NULL)

/* The value of the Authorization header, to be replaced by a test. */
static inline void shot_authorization(struct shot *s, const char *value)
{
    for (size_t i = 0; i < s->req.header_count; i++)
        if (bytes_eq_str(s->headers[i].name, "Authorization"))
            s->headers[i].value = bytes_dup(s->arena, bytes_str(value));
}

static inline void shot_set_param(struct shot *s, const char *name, const char *value)
{
    for (size_t i = 0; i < s->req.param_count; i++)
        if (bytes_eq_str(s->params[i].name, name))
            s->params[i].value = bytes_str(value);
}

static inline void shot_drop_param(struct shot *s, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < s->req.param_count; i++)
        if (!bytes_eq_str(s->params[i].name, name))
            s->params[n++] = s->params[i];
    s->req.param_count = n;
}

#endif
