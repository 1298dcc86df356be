/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: auth_verify on presigned queries. The input is a raw query; each parameter is decoded once.
 *
 * What must hold: a query that holds any name of signing, of either version, is never anonymous; nothing verifies
 * without the secret, drawn anew in each process; and what sigv4_presign makes of the very same parameters verifies,
 * and no longer does when its method changes.
 */
#include "server/auth/auth.h"
#include "server/auth/presign.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/rand.h"
#include <string.h>

#define PARAMS_MAX 64
#define NOW_MS     1369353600000 /* 2013-05-24T00:00:00Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char secret[40];

static enum auth_lookup lookup(void *ctx, struct bytes access_key, struct bytes token, struct auth_key *ret)
{
    (void)ctx, (void)access_key;
    memcpy(ret->secret, secret, sizeof(secret));
    ret->secret_n = sizeof(secret);
    ret->identity = secret;
    ret->flags = token.n > 0 ? AUTH_KEY_TEMPORARY : 0;
    return AUTH_KEY_FOUND;
}

static struct bytes decode(struct arena *arena, struct bytes in)
{
    char *out = arena_alloc(arena, in.n + 1), *w = out;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char byte;
        if (in.p[i] == '%' && hex_decode(bytes_cut(in, i + 1, 2), &byte, 1)) {
            *w++ = (char)byte;
            i += 2;
        } else {
            *w++ = in.p[i];
        }
    }
    return bytes_of(out, (size_t)(w - out));
}

static size_t read_query(struct arena *arena, struct bytes q, struct auth_param *ret)
{
    size_t n = 0;
    for (size_t start = 0; start < q.n && n < PARAMS_MAX;) {
        ptrdiff_t amp = bytes_find_char(q, '&', start);
        size_t end = amp < 0 ? q.n : (size_t)amp;
        struct bytes part = bytes_cut(q, start, end - start);
        ptrdiff_t eq = bytes_find_char(part, '=', 0);
        size_t name = eq < 0 ? part.n : (size_t)eq;
        ret[n++] = (struct auth_param){decode(arena, bytes_cut(part, 0, name)),
                                       decode(arena, bytes_cut(part, name + 1, part.n))};
        start = end + 1;
    }
    return n;
}

static void try_as_sent(const struct auth_config *cfg, struct auth_request *req, struct arena *arena)
{
    struct auth_result res;
    bool signs = false;
    for (size_t i = 0; i < req->param_count; i++)
        signs = signs || bytes_eq_str_nocase(req->params[i].name, "X-Amz-Signature") ||
                bytes_eq_str_nocase(req->params[i].name, "X-Amz-Credential") ||
                bytes_eq_str_nocase(req->params[i].name, "X-Amz-Algorithm") ||
                bytes_eq_str_nocase(req->params[i].name, "X-Amz-Security-Token") ||
                bytes_eq_str_nocase(req->params[i].name, "AWSAccessKeyId") ||
                bytes_eq_str(req->params[i].name, "Signature");
    enum auth_status status = auth_verify(cfg, req, arena, &res);
    CHECK(res.identity == NULL);
    CHECK(status == AUTH_FAILED || (status == AUTH_OK && !signs && res.mechanism == AUTH_ANONYMOUS));
    CHECK((status == AUTH_FAILED) == (res.error.code != NULL));
}

/* As a URL of version 2: every form is judged up to the signature. */
static void try_version_2(const struct auth_config *cfg, const struct auth_request *as_sent, struct arena *arena)
{
    struct auth_request req = *as_sent;
    struct auth_param *params = arena_new_array(arena, struct auth_param, PARAMS_MAX + 3);
    struct auth_result res;
    if (req.param_count > 0)
        memcpy(params, req.params, req.param_count * sizeof(*params));
    params[req.param_count++] = (struct auth_param){BYTES_LIT("AWSAccessKeyId"), BYTES_LIT("AK")};
    params[req.param_count++] = (struct auth_param){BYTES_LIT("Expires"), BYTES_LIT("1400000000")};
    params[req.param_count++] = (struct auth_param){BYTES_LIT("Signature"), BYTES_LIT("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")};
    req.params = params;
    req.host_bucket = req.param_count % 2 ? BYTES_LIT("bucket") : BYTES_NONE;
    CHECK(auth_verify(cfg, &req, arena, &res) == AUTH_FAILED);
    CHECK(res.identity == NULL && res.error.code != NULL);
}

static void try_signed(const struct auth_config *cfg, struct auth_request *req, struct arena *arena)
{
    struct presign_spec spec = {.method = req->method,
                                .host = req->headers[0].value,
                                .raw_path = req->raw_path,
                                .params = req->params,
                                .param_count = req->param_count,
                                .access_key = BYTES_LIT("AK/with/slashes"),
                                .secret = bytes_of(secret, sizeof(secret)),
                                .region = BYTES_LIT("r"),
                                .expires_s = 60,
                                .now_ms = NOW_MS};
    struct auth_param *params = arena_new_array(arena, struct auth_param, PARAMS_MAX);
    struct auth_result res;
    struct bytes query;
    if (!sigv4_presign(&spec, arena, &query))
        return;
    CHECK(bytes_find(query, bytes_of(secret, sizeof(secret)), 0) < 0);
    req->param_count = read_query(arena, query, params);
    req->params = params;
    if (req->param_count >= PARAMS_MAX) /* read_query cut some off */
        return;
    enum auth_status status = auth_verify(cfg, req, arena, &res);
    if (status != AUTH_OK) { /* doubled names and the like, or a bad content hash; never a wrong signature */
        CHECK(strcmp(res.error.code, "SignatureDoesNotMatch") != 0);
        return;
    }
    CHECK(res.identity == secret);
    req->method = BYTES_LIT("PUT");
    CHECK(auth_verify(cfg, req, arena, &res) == AUTH_FAILED);
    CHECK(strcmp(res.error.code, "SignatureDoesNotMatch") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const services[] = {"s3", NULL};
    static bool drawn;
    if (!drawn)
        rand_bytes(secret, sizeof(secret));
    drawn = true;
    struct auth_param params[PARAMS_MAX];
    struct arena *arena = arena_create(0);
    struct auth_header host = {BYTES_LIT("Host"), BYTES_LIT("h:9000")};
    struct auth_config cfg = {.services = services, .lookup = lookup};
    struct auth_request req = {.method = BYTES_LIT("GET"),
                               .raw_path = bytes_cut(bytes_of(data, size), 0, 16),
                               .params = params,
                               .param_count = read_query(arena, bytes_of(data, size), params),
                               .headers = &host,
                               .header_count = 1,
                               .now_ms = NOW_MS};
    try_as_sent(&cfg, &req, arena);
    try_version_2(&cfg, &req, arena);
    try_signed(&cfg, &req, arena);
    arena_free(arena);
    return 0;
}
