/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: auth_verify on whatever lines of headers. The first line is method, space, path; every other line
 * is a header, split at its first colon; a line without one is the value of Authorization.
 *
 * What must hold: nobody who does not know the secret, drawn anew in each process, is ever somebody; every refusal has
 * a code and readable extras; a request with an Authorization header is never anonymous.
 */
#include "server/auth/auth.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/rand.h"
#include <string.h>

#define HEADERS_MAX 128
#define NOW_MS      1369353600000 /* 2013-05-24T00:00:00Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum auth_lookup lookup(void *ctx, struct bytes access_key, struct bytes token, struct auth_key *ret)
{
    static unsigned char secret[40];
    static bool drawn;
    (void)ctx, (void)token;
    CHECK(access_key.n > 0 && access_key.n <= AUTH_ACCESS_KEY_MAX);
    if (!drawn)
        rand_bytes(secret, sizeof(secret));
    drawn = true;
    memcpy(ret->secret, secret, sizeof(secret));
    ret->secret_n = sizeof(secret);
    ret->identity = secret;
    ret->flags = access_key.p[0] == 'T' ? AUTH_KEY_TEMPORARY : 0;
    return access_key.p[0] == 'U' ? AUTH_KEY_UNKNOWN : AUTH_KEY_FOUND;
}

static struct bytes next_line(struct bytes *rest)
{
    ptrdiff_t end = bytes_find_char(*rest, '\n', 0);
    size_t n = end < 0 ? rest->n : (size_t)end;
    struct bytes line = bytes_cut(*rest, 0, n);
    *rest = bytes_cut(*rest, n + 1, rest->n);
    return line;
}

static size_t read_headers(struct bytes rest, struct auth_header *ret)
{
    size_t n = 0;
    while (rest.n > 0 && n < HEADERS_MAX) {
        struct bytes line = next_line(&rest);
        ptrdiff_t colon = bytes_find_char(line, ':', 0);
        if (colon < 0)
            ret[n++] = (struct auth_header){BYTES_LIT("Authorization"), line};
        else
            ret[n++] =
                (struct auth_header){bytes_cut(line, 0, (size_t)colon), bytes_cut(line, (size_t)colon + 1, line.n)};
    }
    return n;
}

static void check_error(const struct auth_error *e)
{
    unsigned sum = 0;
    CHECK(e->code != NULL && e->code[0] != 0 && e->message.n > 0 && e->extra_count <= AUTH_EXTRAS_MAX);
    for (size_t i = 0; i < e->extra_count; i++)
        for (size_t j = 0; j < e->extras[i].value.n; j++)
            sum += (unsigned char)e->extras[i].value.p[j];
    __asm__ volatile("" : : "r"(sum)); /* the reads above must happen */
    for (size_t i = 0; i < e->message.n; i++)
        CHECK(e->message.p[i] >= ' ' && e->message.p[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const services[] = {"s3", "sts", NULL};
    static const unsigned char body[32];
    struct auth_header headers[HEADERS_MAX];
    struct bytes rest = bytes_of(data, size), line = next_line(&rest);
    ptrdiff_t space = bytes_find_char(line, ' ', 0);
    size_t method = space < 0 ? line.n : (size_t)space;
    struct auth_config cfg = {.services = services, .lookup = lookup};
    struct auth_request req = {.method = bytes_cut(line, 0, method),
                               .raw_path = bytes_cut(line, method + 1, line.n),
                               .headers = headers,
                               .header_count = read_headers(rest, headers),
                               .now_ms = NOW_MS,
                               .body_sha256 = size % 2 ? body : NULL};
    struct arena *arena = arena_create(0);
    struct auth_result res;
    bool signs = false;
    for (size_t i = 0; i < req.header_count; i++)
        signs = signs || bytes_eq_str_nocase(headers[i].name, "authorization");
    switch (auth_verify(&cfg, &req, arena, &res)) {
    case AUTH_OK:
        CHECK(!signs && res.mechanism == AUTH_ANONYMOUS && res.identity == NULL && res.error.code == NULL);
        break;
    case AUTH_FAILED:
        CHECK(res.identity == NULL && res.seed == NULL);
        check_error(&res.error);
        break;
    case AUTH_NEED_BODY:
        CHECK(signs && res.identity == NULL && req.body_sha256 == NULL);
        break;
    }
    arena_free(arena);
    return 0;
}
