/* SPDX-License-Identifier: Apache-2.0 */
/* Targets, queries, percent coding and copy sources. */
#include "server/http/uri.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_create(0);
}

static void drop_arena(void)
{
    arena_free(arena);
}

TestSuite(uri, .init = make_arena, .fini = drop_arena);

static const struct bytes domains[] = {{"example.com", 11}, {"s3.example.com", 14}};

static struct s3_target target;

static enum uri_error locate_bytes(struct bytes path, const char *host)
{
    memset(&target, 0, sizeof(target));
    return uri_s3_target(arena, path, bytes_str(host), domains, ARRAY_LEN(domains), &target);
}

static enum uri_error locate(const char *path, const char *host)
{
    return locate_bytes(bytes_str(path), host);
}

static void expect(struct bytes got, const char *want)
{
    cr_assert(bytes_eq_str(got, want), "got '%.*s', want '%s'", (int)got.n, got.p ? got.p : "", want);
}

static void expect_target(const char *path, const char *host, const char *bucket, const char *key)
{
    enum uri_error rc = locate(path, host);
    cr_assert_eq(rc, URI_OK, "%s: %s", path, uri_error_text(rc));
    expect(target.bucket, bucket);
    expect(target.key, key);
}

Test(uri, split)
{
    struct uri_parts p;
    cr_assert_eq(uri_split(bytes_str("/b/k?x=y?z"), &p), URI_OK);
    expect(p.path, "/b/k");
    expect(p.query, "x=y?z");
    cr_assert(p.has_query);
    cr_assert_eq(uri_split(bytes_str("/b"), &p), URI_OK);
    expect(p.path, "/b");
    cr_assert_not(p.has_query);
    cr_assert_eq(uri_split(bytes_str("/b?"), &p), URI_OK);
    cr_assert(p.has_query);
    expect(p.query, "");
    cr_assert_eq(uri_split(bytes_str("http://h:9000/b/k?q"), &p), URI_OK);
    expect(p.path, "/b/k");
    expect(p.query, "q");
    cr_assert_eq(uri_split(bytes_str("HTTPS://h?q"), &p), URI_OK);
    expect(p.path, "/");
    expect(p.query, "q");
    cr_assert_eq(uri_split(bytes_str("http://h"), &p), URI_OK);
    expect(p.path, "/");
    cr_assert_eq(uri_split(bytes_str("*"), &p), URI_BAD_TARGET);
    cr_assert_eq(uri_split(bytes_str(""), &p), URI_BAD_TARGET);
}

Test(uri, path_style)
{
    expect_target("/", "localhost:9000", "", "");
    expect_target("/b", "127.0.0.1", "b", "");
    expect_target("/b/", "[::1]:9000", "b", "");
    expect_target("/b/k", "", "b", "k");
    expect_target("/b/a/b/", "other.org", "b", "a/b/");
    expect_target("/b/a%20b+c", "example.com", "b", "a b+c");
    expect_target("/%62%75cket/k", "example.com", "bucket", "k");
    cr_assert_not(target.virtual_host);
    cr_assert_eq(locate("//k", "h"), URI_NO_BUCKET);
    cr_assert_eq(locate("/%2Fk", "h"), URI_NO_BUCKET);
    cr_assert_eq(locate("//", "h"), URI_NO_BUCKET);
    cr_assert_eq(locate("b/k", "h"), URI_BAD_TARGET);
}

Test(uri, virtual_hosts)
{
    expect_target("/A/k", "bkt.example.com", "bkt", "A/k");
    cr_assert(target.virtual_host);
    expect_target("/", "bkt.example.com:9000", "bkt", "");
    expect_target("/k", "a.b.example.com", "a.b", "k");
    expect_target("/k", "bkt.s3.example.com", "bkt", "k");
    expect_target("/b/k", "s3.example.com", "b", "k");
    expect_target("/b/k", "badexample.com", "b", "k");
    expect_target("//k", "bkt.example.com", "bkt", "/k");
}

/* What SDKs make of an endpoint with acceleration or dual-stack switched on. */
Test(uri, accelerated_and_dual_stack_hosts_are_plain_ones)
{
    static const char *const hosts[] = {"s3-accelerate.example.com",     "s3-accelerate.dualstack.example.com",
                                        "s3.dualstack.example.com",      "S3-Accelerate.Example.COM:9000",
                                        "s3-accelerate.s3.example.com.", "s3.dualstack.s3.example.com:1"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        expect_target("/b/k", hosts[i], "b", "k");
        cr_assert_not(target.virtual_host, "%s", hosts[i]);
        char *below = arena_printf(arena, "Bkt.%s", hosts[i]);
        expect_target("/b/k", below, "bkt", "b/k");
        cr_assert(target.virtual_host, "%s", below);
        expect_target("/k", arena_printf(arena, "a.b.%s", hosts[i]), "a.b", "k");
    }
    /* no label of its own, no endpoint */
    expect_target("/k", "xs3-accelerate.example.com", "xs3-accelerate", "k");
    expect_target("/k", "dualstack.example.com", "dualstack", "k");
    expect_target("/k", "s3-accelerate.b.example.com", "s3-accelerate.b", "k");
    expect_target("/b/k", "s3-accelerate.other.org", "b", "k");
    expect_target("/b/k", "bkt.s3-accelerate.xexample.com", "b", "k");
}

/* With s3.example.org alone, the hosts of the other styles lie beside it. */
Test(uri, other_styles_stand_beside_s3)
{
    static const struct bytes s3[] = {{"s3.example.org", 14}};
    static const char *const cases[][3] = {{"bkt.s3.example.org", "bkt", "b/k"},
                                           {"bkt.s3-accelerate.example.org", "bkt", "b/k"},
                                           {"s3-accelerate.example.org", "b", "k"},
                                           {"bkt.s3.dualstack.example.org", "bkt", "b/k"},
                                           {"bkt.s3-accelerate.dualstack.example.org", "bkt", "b/k"},
                                           {"bkt.example.org", "b", "k"},
                                           {"example.org", "b", "k"},
                                           {"dualstack.example.org", "b", "k"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(&target, 0, sizeof(target));
        cr_assert_eq(uri_s3_target(arena, bytes_str("/b/k"), bytes_str(cases[i][0]), s3, 1, &target), URI_OK);
        expect(target.bucket, cases[i][1]);
        expect(target.key, cases[i][2]);
    }
}

Test(uri, KEY_14_host_forms_give_one_bucket)
{
    expect_target("/A/k", "BKT.Example.COM", "bkt", "A/k");
    expect_target("/A/k", "bkt.example.com.", "bkt", "A/k");
    expect_target("/A/k", "bkt.example.com.:9000", "bkt", "A/k");
    expect_target("/A/k", "example.com.", "A", "k");
    expect_target("/A/k", "EXAMPLE.com:1", "A", "k");
}

Test(uri, KEY_04_dots_stay_in_the_key)
{
    expect_target("/A/public/../private.txt", "h", "A", "public/../private.txt");
    expect_target("/A/../B/k", "h", "A", "../B/k");
    expect_target("/../B/k", "h", "..", "B/k");
}

Test(uri, KEY_05_key_length)
{
    char path[4096];
    memset(path, 'a', sizeof(path));
    memcpy(path, "/b/", 3);
    path[3 + 1024] = 0;
    cr_assert_eq(locate(path, "h"), URI_OK);
    cr_assert_eq(target.key.n, 1024);
    path[3 + 1024] = 'a';
    path[3 + 1025] = 0;
    cr_assert_eq(locate(path, "h"), URI_KEY_TOO_LONG);
    cr_assert_eq(uri_error_s3(URI_KEY_TOO_LONG), S3E_KEY_TOO_LONG);
    char wide[8192] = "/b/";
    for (int i = 0; i < 512; i++)
        memcpy(wide + 3 + 6 * i, "%C3%BC", 7);
    cr_assert_eq(locate(wide, "h"), URI_OK);
    cr_assert_eq(target.key.n, 1024);
    memcpy(wide + 3 + 6 * 512, "a", 2);
    cr_assert_eq(locate(wide, "h"), URI_KEY_TOO_LONG);
}

Test(uri, KEY_06_nul)
{
    struct query q;
    cr_assert_eq(locate("/b/a%00b", "h"), URI_NUL);
    cr_assert_eq(locate("/b%00/a", "h"), URI_NUL);
    cr_assert_eq(locate_bytes(BYTES_LIT("/b/a\0b"), "h"), URI_NUL);
    cr_assert_eq(query_parse(arena, BYTES_LIT("prefix=a%00"), &q), URI_NUL);
    cr_assert_eq(query_parse(arena, BYTES_LIT("a%00=b"), &q), URI_NUL);
    struct copy_source s;
    cr_assert_eq(uri_copy_source(arena, BYTES_LIT("/b/k%00"), &s), URI_BAD_COPY_SOURCE);
    cr_assert_eq(uri_error_s3(URI_NUL), S3E_INVALID_URI);
}

Test(uri, KEY_07_not_utf8)
{
    static const char *const bad[] = {"/b/%ff%fe", "/b/%c0%af", "/b/%ed%a0%80", "/b/%f4%90%80%80",
                                      "/b/\xff",   "/%ff/k",    "/b/%c3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(locate(bad[i], "h"), URI_NOT_UTF8, "%s", bad[i]);
    struct query q;
    cr_assert_eq(query_parse(arena, BYTES_LIT("prefix=%ff"), &q), URI_NOT_UTF8);
    cr_assert_eq(locate("/b/\xc3\xbc", "h"), URI_OK);
}

Test(uri, KEY_08_control_bytes_are_keys)
{
    for (int c = 1; c < 0x20; c++) {
        char path[16], key[4] = {'a', (char)c, 0};
        snprintf(path, sizeof(path), "/b/a%%%02x", (unsigned)c);
        expect_target(path, "h", "b", key);
    }
    expect_target("/b/%EF%BF%BE%3C%3E&\"'", "h", "b", "\xef\xbf\xbe<>&\"'");
}

Test(uri, KEY_11_odd_keys_are_literal)
{
    static const char *const keys[] = {".",           "..", "a//b", "/",     "//", "a ",  "a.",  "CON",  "-rf",
                                       ".sys/config", "a/", "/a",   "a/./b", "~",  "a;b", "a:b", "a=b&c"};
    char path[64];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        snprintf(path, sizeof(path), "/b/%s", keys[i]);
        expect_target(path, "h", "b", keys[i]);
        snprintf(path, sizeof(path), "/%s", keys[i]);
        expect_target(path, "b.example.com", "b", keys[i]);
    }
}

Test(uri, KEY_12_buckets_come_out_as_they_are)
{
    expect_target("/%2e%2e/k", "h", "..", "k");
    expect_target("/A_/k", "h", "A_", "k");
    expect_target("/127.0.0.1/k", "h", "127.0.0.1", "k");
}

Test(uri, KEY_13_escaped_slash_is_a_slash)
{
    expect_target("/A%2Fkey", "h", "A", "key");
    expect_target("/A%2fdir%2Fkey", "h", "A", "dir/key");
    expect_target("/A/dir%2Fkey", "h", "A", "dir/key");
    expect_target("/dir%2Fkey", "A.example.com", "a", "dir/key");
}

Test(uri, decodes_once)
{
    expect_target("/b/%2541", "h", "b", "%41");
    expect_target("/b/%252F", "h", "b", "%2F");
    expect_target("/b/%2500", "h", "b", "%00");
    static const char *const bad[] = {"/b/%", "/b/%4", "/b/%4g", "/b/%g4", "/b/a%%41", "/b/% 1", "/b/%-1", "/b/%+1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(locate(bad[i], "h"), URI_BAD_ESCAPE, "%s", bad[i]);
}

Test(uri, what_needs_no_decoding_is_not_copied)
{
    const char *path = "/b/some/key";
    cr_assert_eq(locate(path, "h"), URI_OK);
    cr_assert_eq(target.key.p, path + 3);
    cr_assert_eq(arena_used(arena), 0);
}

Test(uri, query)
{
    struct query q;
    cr_assert_eq(query_parse(arena, bytes_str("acl&prefix=a+b%2Bc&&x=&=y&a=b=c&"), &q), URI_OK);
    cr_assert_eq(q.n, 5);
    expect(q.params[0].name, "acl");
    cr_assert_not(q.params[0].has_value);
    expect(query_value(&q, "acl"), "");
    cr_assert_not_null(query_value(&q, "acl").p);
    expect(query_value(&q, "prefix"), "a b+c");
    expect(query_get(&q, "prefix")->raw_value, "a+b%2Bc");
    expect(query_value(&q, "x"), "");
    cr_assert(query_get(&q, "x")->has_value);
    expect(query_value(&q, ""), "y");
    expect(query_value(&q, "a"), "b=c");
    cr_assert_null(query_value(&q, "ACL").p);
    cr_assert_not(query_has(&q, "prefi"));
    cr_assert_eq(query_parse(arena, BYTES_NONE, &q), URI_OK);
    cr_assert_eq(q.n, 0);
    cr_assert_eq(query_parse(arena, bytes_str("a=%4"), &q), URI_BAD_ESCAPE);
}

Test(uri, query_tells_duplicates)
{
    struct query q;
    bool dup;
    cr_assert_eq(query_parse(arena, bytes_str("a=1&b=2&%61=3"), &q), URI_OK);
    expect(query_get_unique(&q, "a", &dup)->value, "1");
    cr_assert(dup);
    expect(query_get_unique(&q, "b", &dup)->value, "2");
    cr_assert_not(dup);
    cr_assert_null(query_get_unique(&q, "c", &dup));
    cr_assert_not(dup);
    expect(q.params[2].raw_name, "%61");
}

Test(uri, DOS_05_many_parameters)
{
    static char text[40 * 1024];
    struct query q;
    for (int i = 0; i < 10000; i++)
        memcpy(text + 3 * i, "a=&", 4);
    cr_assert_eq(query_parse(arena, bytes_of(text, 30000), &q), URI_LONG_QUERY);
    cr_assert_eq(query_parse(arena, bytes_of(text, 3 * 257), &q), URI_MANY_PARAMS);
    cr_assert_eq(query_parse(arena, bytes_of(text, 3 * 256), &q), URI_OK);
    cr_assert_eq(q.n, 256);
    memset(text, '&', sizeof(text));
    cr_assert_eq(query_parse(arena, bytes_of(text, URI_MAX_QUERY_BYTES), &q), URI_OK);
    cr_assert_eq(q.n, 0);
}

static void expect_encoded(void (*fn)(struct buf *, struct bytes), struct bytes in, const char *want)
{
    struct buf b;
    buf_init(&b, 1000);
    fn(&b, in);
    expect(buf_bytes(&b), want);
    buf_fini(&b);
}

static void encode_all(struct buf *out, struct bytes in)
{
    uri_encode(out, in, URI_ENCODE_SLASH);
}

static void encode_path(struct buf *out, struct bytes in)
{
    uri_encode(out, in, URI_KEEP_SLASH);
}

Test(uri, encodes)
{
    expect_encoded(encode_all, BYTES_LIT("azAZ09-_.~/ +*%\0\xff"), "azAZ09-_.~%2F%20%2B%2A%25%00%FF");
    expect_encoded(encode_path, BYTES_LIT("/a b/c"), "/a%20b/c");
    expect_encoded(encode_path, BYTES_LIT(""), "");
    expect_encoded(uri_encode_list, BYTES_LIT("a b+c/(*)~\n"), "a+b%2Bc/%28*%29%7E%0A");
}

Test(uri, encode_then_decode_is_the_identity)
{
    char all[255];
    struct buf b;
    struct bytes back;
    for (int c = 1; c < 256; c++)
        all[c - 1] = (char)c;
    buf_init(&b, 2000);
    uri_encode(&b, bytes_of(all, 255), URI_KEEP_SLASH);
    cr_assert_eq(uri_decode(arena, buf_bytes(&b), URI_PLUS_LITERAL, &back), URI_OK);
    cr_assert(bytes_eq(back, bytes_of(all, 255)));
    buf_reset(&b);
    uri_encode_list(&b, bytes_of(all, 255));
    cr_assert_eq(uri_decode(arena, buf_bytes(&b), URI_PLUS_SPACE, &back), URI_OK);
    cr_assert(bytes_eq(back, bytes_of(all, 255)));
    buf_fini(&b);
}

static void expect_source(const char *value, const char *bucket, const char *key, const char *version)
{
    struct copy_source s;
    enum uri_error rc = uri_copy_source(arena, bytes_str(value), &s);
    cr_assert_eq(rc, URI_OK, "%s", value);
    expect(s.bucket, bucket);
    expect(s.key, key);
    cr_assert_eq(s.has_version, version != NULL);
    expect(s.version_id, version ? version : "");
}

Test(uri, copy_sources)
{
    expect_source("b/k", "b", "k", NULL);
    expect_source("/b/k", "b", "k", NULL);
    expect_source("b%2Fk%2Fl", "b", "k/l", NULL);
    expect_source("%2Fb%2Fk", "b", "k", NULL);
    expect_source("b/a+b%2Bc%20d", "b", "a b+c d", NULL);
    expect_source("b//k", "b", "/k", NULL);
    expect_source("b/../k/", "b", "../k/", NULL);
    expect_source("b/k?versionId=null", "b", "k", "null");
    expect_source("b/k?versionId=", "b", "k", "");
    expect_source("b/k%3FversionId=x", "b", "k?versionId=x", NULL);
    expect_source("b/who?", "b", "who?", NULL);
    expect_source("b/k?versionId=a%2Bb", "b", "k", "a+b");
    expect_source("b/%2541", "b", "%41", NULL);
}

Test(uri, malformed_copy_sources)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "b",
                                      "/b",
                                      "b/",
                                      "/b/",
                                      "//k",
                                      "//b/k",
                                      "b/%",
                                      "b/%zz",
                                      "b/%ff",
                                      "b/k?versionId=%",
                                      "?versionId=x",
                                      "b?versionId=x"};
    struct copy_source s;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(uri_copy_source(arena, bytes_str(bad[i]), &s), URI_BAD_COPY_SOURCE, "%s", bad[i]);
    char text[1100] = "b/";
    memset(text + 2, 'k', 1025);
    cr_assert_eq(uri_copy_source(arena, bytes_str(text), &s), URI_KEY_TOO_LONG);
}
