/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that botocore signed (vectors*.txt, made by make_vectors.py) must verify as they are, and must not after any
 * one of a few changes. PAIL_AUTH_VECTORS names another file, for longer runs.
 */
#include "tests/unit/server/auth/fixture.h"

#define SIGNED_AT "20240229T235930Z"

struct vector {
    char *line[48];
    size_t lines;
};

struct vector_keys {
    const char *secret, *token;
};

static enum auth_lookup lookup(void *ctx, struct bytes ak, struct bytes token, struct auth_key *ret)
{
    const struct vector_keys *k = ctx;
    ret->secret_n = strlen(k->secret);
    memcpy(ret->secret, k->secret, ret->secret_n);
    ret->identity = ctx;
    ret->flags = k->token ? AUTH_KEY_TEMPORARY : 0;
    if (ak.n != 20)
        return AUTH_KEY_UNKNOWN;
    return k->token && !bytes_eq_str(token, k->token) ? AUTH_KEY_TOKEN_INVALID : AUTH_KEY_FOUND;
}

static FILE *open_vectors(const char *name)
{
    const char *path = getenv("PAIL_AUTH_VECTORS");
    if (path)
        return fopen(path, "r");
    char beside[1024];
    snprintf(beside, sizeof(beside), "tests/unit/server/auth/%s", name);
    FILE *f = fopen(beside, "r");
    if (f)
        return f;
    snprintf(beside, sizeof(beside), "%s", __FILE__);
    char *slash = strrchr(beside, '/');
    if (!slash)
        return NULL;
    snprintf(slash + 1, sizeof(beside) - (size_t)(slash + 1 - beside), "%s", name);
    return fopen(beside, "r");
}

/* The next block; false at the end. */
static bool next_vector(FILE *f, struct vector *v)
{
    char *line = NULL;
    size_t cap = 0;
    v->lines = 0;
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0;) {
        if (line[n - 1] == '\n')
            line[--n] = 0;
        if (line[0] == '#')
            continue;
        if (n == 0 && v->lines > 0)
            break;
        if (n > 0 && v->lines < 48)
            v->line[v->lines++] = strdup(line);
    }
    free(line);
    return v->lines > 0;
}

static struct shot *load(const struct vector *v, struct vector_keys *k)
{
    char method[16], *target = strchr(v->line[0] + 2, ' ') + 1;
    snprintf(method, sizeof(method), "%.*s", (int)(target - v->line[0] - 3), v->line[0] + 2);
    struct shot *s = shot_new(method, target);
    s->req.method = bytes_dup(s->arena, s->req.method);
    s->req.now_ms = ms_of(SIGNED_AT);
    s->cfg.lookup = lookup;
    s->cfg.lookup_ctx = k;
    *k = (struct vector_keys){0};
    for (size_t i = 1; i < v->lines; i++) {
        char *text = v->line[i] + 2, *colon = strchr(text, ':');
        if (v->line[i][0] == 's')
            k->secret = text;
        if (v->line[i][0] == 't')
            k->token = text;
        if (v->line[i][0] != 'h')
            continue;
        *colon = 0;
        struct bytes value = bytes_str(colon + 1);
        char *raw = arena_alloc(s->arena, value.n + 1), *w = raw;
        for (size_t j = 0; j < value.n; j++) {
            unsigned char byte = (unsigned char)value.p[j];
            if (byte == '%' && hex_decode(bytes_cut(value, j + 1, 2), &byte, 1))
                j += 2;
            *w++ = (char)byte;
        }
        shot_header_n(s, text, bytes_of(raw, (size_t)(w - raw)));
    }
    return s;
}

static void must_not_verify(struct shot *s, const char *change)
{
    enum auth_status status = shot_fire(s);
    cr_assert_eq(status, AUTH_FAILED, "verified with another %s: %.*s", change, (int)s->req.raw_path.n,
                 s->req.raw_path.p);
}

static void check_changes(struct shot *s)
{
    struct auth_request good = s->req;
    s->req.method = BYTES_LIT("PATCH");
    must_not_verify(s, "method");
    s->req = good;
    s->req.raw_path = arena_bytesf(s->arena, "%.*sx", (int)good.raw_path.n, good.raw_path.p);
    must_not_verify(s, "path");
    s->req = good;
    s->params[s->req.param_count++] = (struct auth_param){BYTES_LIT("acl"), BYTES_LIT("x")};
    must_not_verify(s, "query");
    s->req = good;
    for (size_t i = 0; i < s->req.header_count; i++) {
        struct bytes value = s->headers[i].value;
        if (!auth_header_is_signed(&s->res, s->headers[i].name))
            continue;
        s->headers[i].value = arena_bytesf(s->arena, "%.*s x", (int)value.n, value.p);
        must_not_verify(s, "header");
        s->headers[i].value = value;
    }
    shot_ok(s);
}

static void check_file(const char *name, size_t least)
{
    FILE *f = open_vectors(name);
    struct vector v;
    size_t count = 0;
    cr_assert_not_null(f, "%s not found; run from the top of the tree", name);
    while (next_vector(f, &v)) {
        struct vector_keys k;
        char first[4096];
        snprintf(first, sizeof(first), "%s", v.line[0]);
        struct shot *s = load(&v, &k);
        enum auth_status status = shot_fire(s);
        struct bytes canonical = shot_extra(s, "CanonicalRequest");
        if (canonical.n == 0)
            canonical = shot_extra(s, "StringToSign");
        cr_assert_eq(status, AUTH_OK, "%s\n%s: %.*s\n%.*s", first, s->res.error.code, (int)s->res.error.message.n,
                     s->res.error.message.p, (int)canonical.n, canonical.p ? canonical.p : "");
        check_changes(s);
        shot_free(s);
        for (size_t i = 0; i < v.lines; i++)
            free(v.line[i]);
        count++;
    }
    fclose(f);
    cr_assert_geq(count, least);
}

Test(vectors, what_botocore_signed_verifies_and_nothing_near_it)
{
    check_file("vectors.txt", 100);
}

Test(vectors, what_botocore_signed_with_version_2_verifies_and_nothing_near_it)
{
    check_file("vectors_v2.txt", 50);
}
