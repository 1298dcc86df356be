/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature version 4, from the side of who asks. Idea: the canonical request is built in one growing buffer from
 * sorted lists, and nothing is kept between requests: the four HMACs of the day's key cost two microseconds.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * Threads: any; pure.
 */
#include "http_sign.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/check.h"
#include "checksum.h"
#include "http_client.h"

#define CANONICAL_MAX (1u << 20)
#define HASH_HEX      64
#define SECRET_MAX    1024

struct pair {
    struct bytes name, value;
};

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = bytes_cmp(x->name, y->name);
    return order ? order : bytes_cmp(x->value, y->value);
}

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* One name or value of the query: decoded if it was encoded, then encoded as the rule says. */
static struct bytes encode_anew(struct arena *a, struct bytes in)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, in.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (c == '%' && i + 2 < in.n && isxdigit((unsigned char)in.p[i + 1]) && isxdigit((unsigned char)in.p[i + 2])) {
            c = (unsigned char)(digit(in.p[i + 1]) << 4 | digit(in.p[i + 2]));
            i += 2;
        }
        if (isalnum(c) || strchr("-_.~", c ? c : '/')) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    return bytes_of(out, n);
}

static void put_query(struct buf *b, struct arena *a, struct bytes query)
{
    size_t n = 0, at = 0, room = 1;
    for (size_t i = 0; i < query.n; i++)
        room += query.p[i] == '&';
    struct pair *pairs = arena_new_array(a, struct pair, room);
    while (at < query.n) {
        ptrdiff_t end = bytes_find_char(query, '&', at);
        struct bytes one = bytes_cut(query, at, end < 0 ? query.n : (size_t)end - at);
        ptrdiff_t eq = bytes_find_char(one, '=', 0);
        pairs[n].name = encode_anew(a, bytes_cut(one, 0, eq < 0 ? one.n : (size_t)eq));
        pairs[n++].value = eq < 0 ? BYTES_NONE : encode_anew(a, bytes_cut(one, (size_t)eq + 1, one.n));
        at += one.n + 1;
    }
    qsort(pairs, n, sizeof *pairs, by_name);
    for (size_t i = 0; i < n; i++) {
        buf_put_str(b, i ? "&" : "");
        buf_put_bytes(b, pairs[i].name);
        buf_put_char(b, '=');
        buf_put_bytes(b, pairs[i].value);
    }
    buf_put_char(b, '\n');
}

/* Runs of spaces count as one, and those at the ends not at all. */
static struct bytes value_signed(struct arena *a, const char *value)
{
    struct bytes in = bytes_trim(bytes_str(value));
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] != ' ' || (n && out[n - 1] != ' '))
            out[n++] = in.p[i];
    return bytes_of(out, n);
}

static bool is_signed(const char *name)
{
    return strncasecmp(name, "x-amz-", 6) == 0 || strcasecmp(name, "content-type") == 0 ||
           strcasecmp(name, "content-md5") == 0;
}

/* The headers' lines, and their names for the answer. */
static struct bytes put_headers(struct buf *b, struct arena *a, const struct http_sign *q, struct bytes host)
{
    struct pair *pairs = arena_new_array(a, struct pair, q->n_headers + 1);
    size_t n = 0, names_n = 0, room = 8;
    pairs[n++] = (struct pair){BYTES_LIT("host"), host};
    for (size_t i = 0; i < q->n_headers; i++) {
        if (!is_signed(q->headers[i].name))
            continue;
        char *name = bytes_cstr(a, bytes_str(q->headers[i].name));
        for (char *p = name; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        pairs[n].name = bytes_str(name);
        pairs[n++].value = value_signed(a, q->headers[i].value);
        room += strlen(name) + 1;
    }
    qsort(pairs, n, sizeof *pairs, by_name);
    char *names = arena_alloc(a, room);
    for (size_t i = 0; i < n; i++) {
        buf_put_bytes(b, pairs[i].name);
        buf_put_char(b, ':');
        buf_put_bytes(b, pairs[i].value);
        buf_put_char(b, '\n');
        if (i)
            names[names_n++] = ';';
        memcpy(names + names_n, pairs[i].name.p, pairs[i].name.n);
        names_n += pairs[i].name.n;
    }
    buf_put_char(b, '\n');
    buf_put(b, names, names_n);
    buf_put_char(b, '\n');
    return bytes_of(names, names_n);
}

/* "http://host:80/path?query" in its parts; the usual port of the scheme is not part of what is sent as the host. */
static bool split_url(const char *url, struct bytes *host, struct bytes *path, struct bytes *query)
{
    const char *at = strstr(url, "://");
    if (!at)
        return false;
    bool tls = strncasecmp(url, "https:", 6) == 0;
    at += 3;
    *host = bytes_of(at, strcspn(at, "/?#"));
    struct bytes port = tls ? BYTES_LIT(":443") : BYTES_LIT(":80");
    at += host->n;
    if (bytes_ends(*host, port))
        host->n -= port.n;
    size_t n = strcspn(at, "?#");
    *path = n ? bytes_of(at, n) : BYTES_LIT("/");
    at += n;
    *query = *at == '?' ? bytes_of(at + 1, strcspn(at + 1, "#")) : BYTES_NONE;
    return host->n > 0;
}

static void sign_text(const struct http_sign *q, const char *text, size_t n, char hex[HASH_HEX])
{
    unsigned char key[32], mac[32];
    char first[SECRET_MAX + 4];
    size_t secret_n = strnlen(q->secret_key, sizeof first - 4);
    memcpy(first, "AWS4", 4);
    memcpy(first + 4, q->secret_key, secret_n);
    hmac_sha256(first, 4 + secret_n, q->stamp, 8, key);
    hmac_sha256(key, sizeof key, q->region, strlen(q->region), key);
    hmac_sha256(key, sizeof key, q->service, strlen(q->service), key);
    hmac_sha256(key, sizeof key, "aws4_request", 12, key);
    hmac_sha256(key, sizeof key, text, n, mac);
    hex_encode(mac, sizeof mac, hex);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(key, sizeof key);
}

char *http_sign_v4(const struct http_sign *q, struct arena *a)
{
    struct bytes host, path, query;
    unsigned char digest[32];
    char digest_hex[HASH_HEX], mac_hex[HASH_HEX];
    struct buf b;
    if (!split_url(q->url, &host, &path, &query) || strlen(q->stamp) < 8)
        return NULL;
    buf_init(&b, CANONICAL_MAX);
    buf_printf(&b, "%s\n%.*s\n", q->method, (int)path.n, path.p);
    put_query(&b, a, query);
    struct bytes names = put_headers(&b, a, q, host);
    buf_put_str(&b, q->payload);
    bool good = !b.failed;
    sha256_of(b.p, b.n, digest);
    buf_fini(&b);
    hex_encode(digest, sizeof digest, digest_hex);
    char *scope = arena_printf(a, "%.8s/%s/%s/aws4_request", q->stamp, q->region, q->service);
    char *text = arena_printf(a, "AWS4-HMAC-SHA256\n%s\n%s\n%.64s", q->stamp, scope, digest_hex);
    sign_text(q, text, strlen(text), mac_hex);
    return good ? arena_printf(a, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%.*s, Signature=%.64s",
                               q->access_key, scope, (int)names.n, names.p, mac_hex)
                : NULL;
}
