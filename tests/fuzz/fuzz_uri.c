/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets, queries and copy sources. Properties: what comes out of a decoder is valid and within limits; encoding it
 * and reading it again gives the same.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "server/http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bytes domains[] = {{"example.com", 11}, {"s3.example.com", 14}};

static void check_name(struct bytes name)
{
    CHECK(utf8_valid(name));
    CHECK(name.n == 0 || !memchr(name.p, 0, name.n));
}

/* /bucket/key, encoded anew, means the same. */
static void check_target(struct arena *arena, const struct s3_target *t)
{
    struct buf b;
    struct s3_target again;
    check_name(t->bucket);
    check_name(t->key);
    CHECK(t->key.n <= URI_MAX_KEY && (t->bucket.n || !t->key.n));
    buf_init(&b, 1 << 20);
    buf_put_char(&b, '/');
    if (!t->virtual_host) {
        uri_encode(&b, t->bucket, URI_ENCODE_SLASH);
        if (t->key.n)
            buf_put_char(&b, '/');
    }
    uri_encode(&b, t->key, URI_ENCODE_SLASH);
    char host[600];
    CHECK(t->bucket.n < 500 || !t->virtual_host);
    size_t n = 0;
    if (t->virtual_host) {
        memcpy(host, t->bucket.p, t->bucket.n);
        memcpy(host + t->bucket.n, ".s3.example.com", 15);
        n = t->bucket.n + 15;
    }
    CHECK(uri_s3_target(arena, buf_bytes(&b), bytes_of(host, n), domains, 2, &again) == URI_OK);
    CHECK(bytes_eq(again.bucket, t->bucket) && bytes_eq(again.key, t->key) && again.virtual_host == t->virtual_host);
    buf_fini(&b);
}

static void try_query(struct arena *arena, struct bytes raw)
{
    struct query q;
    if (query_parse(arena, raw, &q) != URI_OK)
        return;
    CHECK(q.n <= URI_MAX_QUERY_PARAMS);
    for (size_t i = 0; i < q.n; i++) {
        struct buf b;
        struct bytes back;
        check_name(q.params[i].name);
        check_name(q.params[i].value);
        buf_init(&b, 1 << 20);
        uri_encode_list(&b, q.params[i].value);
        CHECK(uri_decode(arena, buf_bytes(&b), URI_PLUS_SPACE, &back) == URI_OK);
        CHECK(bytes_eq(back, q.params[i].value));
        buf_fini(&b);
    }
}

static void try_copy_source(struct arena *arena, struct bytes value)
{
    struct copy_source s;
    if (uri_copy_source(arena, value, &s) != URI_OK)
        return;
    check_name(s.bucket);
    check_name(s.key);
    CHECK(s.bucket.n && s.key.n && s.key.n <= URI_MAX_KEY && !memchr(s.bucket.p, '/', s.bucket.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* <host> LF <target> */
    struct arena *arena = arena_create(0);
    struct bytes all = bytes_of(data, size), host = BYTES_LIT("");
    ptrdiff_t lf = bytes_find_char(all, '\n', 0);
    if (lf >= 0 && lf < 260) {
        host = bytes_cut(all, 0, (size_t)lf);
        all = bytes_cut(all, (size_t)lf + 1, all.n);
    }
    struct uri_parts parts;
    struct s3_target t;
    if (uri_split(all, &parts) == URI_OK) {
        CHECK(parts.path.n > 0 && parts.path.p[0] == '/');
        if (uri_s3_target(arena, parts.path, host, domains, 2, &t) == URI_OK &&
            (!t.virtual_host || utf8_valid(t.bucket)) && !(t.bucket.n && memchr(t.bucket.p, ':', t.bucket.n)) &&
            !(t.bucket.n && memchr(t.bucket.p, 0, t.bucket.n)) && !(t.bucket.n && t.bucket.p[0] == '['))
            check_target(arena, &t);
        try_query(arena, parts.query);
    }
    try_query(arena, all);
    try_copy_source(arena, all);
    arena_free(arena);
    return 0;
}
