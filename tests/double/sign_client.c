/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests' own signer. The idea is to be obviously right rather than fast: every text is printed into a memory stream
 * in the order in which AWS's description names its parts.
 * Threads: any.
 */
#include "tests/double/sign_client.h"
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void must(int ok)
{
    if (!ok)
        abort();
}

static void to_hex(const unsigned char *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
}

void sign_sha256_hex(const void *p, size_t n, char ret[65])
{
    unsigned char digest[32];
    must(EVP_Digest(p, n, digest, NULL, EVP_sha256(), NULL));
    to_hex(digest, 32, ret);
}

static void mac(const void *key, size_t key_n, const char *text, unsigned char ret[32])
{
    unsigned int n = 32;
    must(HMAC(EVP_sha256(), key, (int)key_n, (const unsigned char *)text, strlen(text), ret, &n) != NULL);
}

static const char *region_of(const struct sign_keys *k)
{
    return k->region ? k->region : "us-east-1";
}

static const char *service_of(const struct sign_keys *k)
{
    return k->service ? k->service : "s3";
}

/* Signs a finished string to sign. */
static void sign_text(const struct sign_keys *k, const char *date, const char *text, char ret[65])
{
    char first[512], day[9];
    unsigned char key[32], next[32];
    snprintf(first, sizeof(first), "AWS4%s", k->secret);
    snprintf(day, sizeof(day), "%.8s", date);
    mac(first, strlen(first), day, key);
    mac(key, 32, region_of(k), next);
    mac(next, 32, service_of(k), key);
    mac(key, 32, "aws4_request", next);
    mac(next, 32, text, key);
    to_hex(key, 32, ret);
}

char *sign_encode(const char *s, int keep_slash)
{
    char *out = malloc(3 * strlen(s) + 1), *w = out;
    must(out != NULL);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalnum(c) || strchr("-._~", c) || (c == '/' && keep_slash))
            *w++ = (char)c;
        else
            w += snprintf(w, 4, "%%%02X", c);
    }
    *w = 0;
    return out;
}

struct encoded {
    char *name, *value;
};

static int encoded_cmp(const void *a, const void *b)
{
    const struct encoded *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    return c ? c : strcmp(x->value, y->value);
}

static char *query_text(const struct sign_pair *params, size_t n)
{
    struct encoded *e = calloc(n + 1, sizeof(*e));
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    must(e != NULL && f != NULL);
    for (size_t i = 0; i < n; i++)
        e[i] = (struct encoded){sign_encode(params[i].name, 0), sign_encode(params[i].value, 0)};
    qsort(e, n, sizeof(*e), encoded_cmp);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, "%s%s=%s", i ? "&" : "", e[i].name, e[i].value);
        free(e[i].name);
        free(e[i].value);
    }
    fclose(f);
    free(e);
    return text;
}

static void print_lower(FILE *f, const char *s)
{
    for (; *s; s++)
        fputc(tolower((unsigned char)*s), f);
}

static void print_value(FILE *f, const char *v)
{
    int pending = 0, any = 0;
    for (; *v; v++) {
        if (*v == ' ' || *v == '\t') {
            pending = any;
            continue;
        }
        if (pending)
            fputc(' ', f);
        pending = 0;
        any = 1;
        fputc(*v, f);
    }
}

static struct sign_pair *sorted_headers(const struct sign_request *r)
{
    struct sign_pair *h = calloc(r->header_count + 1, sizeof(*h));
    must(h != NULL);
    for (size_t i = 0; i < r->header_count; i++) { /* stable insertion: repeated headers keep their order */
        size_t at = i;
        for (; at > 0 && strcasecmp(h[at - 1].name, r->headers[i].name) > 0; at--)
            h[at] = h[at - 1];
        h[at] = r->headers[i];
    }
    return h;
}

static char *header_list(const struct sign_request *r)
{
    struct sign_pair *h = sorted_headers(r);
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    must(f != NULL);
    for (size_t i = 0; i < r->header_count; i++) {
        if (i > 0 && strcasecmp(h[i - 1].name, h[i].name) == 0)
            continue;
        if (i > 0)
            fputc(';', f);
        print_lower(f, h[i].name);
    }
    fclose(f);
    free(h);
    return text;
}

static char *canonical_text(const struct sign_request *r, const char *query)
{
    struct sign_pair *h = sorted_headers(r);
    char *text = NULL, *path = sign_encode(r->path, 1), *list = header_list(r);
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    must(f != NULL);
    fprintf(f, "%s\n%s\n%s\n", r->method, *path ? path : "/", query);
    for (size_t i = 0; i < r->header_count; i++) {
        if (i > 0 && strcasecmp(h[i - 1].name, h[i].name) == 0) {
            fputc(',', f);
        } else {
            print_lower(f, h[i].name);
            fputc(':', f);
        }
        print_value(f, h[i].value);
        if (i + 1 == r->header_count || strcasecmp(h[i].name, h[i + 1].name) != 0)
            fputc('\n', f);
    }
    fprintf(f, "\n%s\n%s", list, r->payload);
    fclose(f);
    free(h);
    free(path);
    free(list);
    return text;
}

static void sign_canonical(const struct sign_keys *k, const struct sign_request *r, const char *query, char ret[65])
{
    char *canonical = canonical_text(r, query), hash[65], text[1024];
    sign_sha256_hex(canonical, strlen(canonical), hash);
    snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s", r->date, r->date, region_of(k),
             service_of(k), hash);
    sign_text(k, r->date, text, ret);
    free(canonical);
}

char *sign_authorization(const struct sign_keys *k, const struct sign_request *r, char ret_signature[65])
{
    char hex[65], *out = NULL, *query = query_text(r->params, r->param_count), *list = header_list(r);
    sign_canonical(k, r, query, hex);
    must(asprintf(&out, "AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request, SignedHeaders=%s, Signature=%s",
                  k->access, r->date, region_of(k), service_of(k), list, hex) > 0);
    if (ret_signature)
        memcpy(ret_signature, hex, sizeof(hex));
    free(query);
    free(list);
    return out;
}

char *sign_presign(const struct sign_keys *k, const struct sign_request *r, const char *expires, const char *token)
{
    struct sign_pair *p = calloc(r->param_count + 6, sizeof(*p));
    size_t n = r->param_count;
    char credential[512], hex[65], *out = NULL, *list = header_list(r);
    must(p != NULL);
    if (n > 0)
        memcpy(p, r->params, n * sizeof(*p));
    snprintf(credential, sizeof(credential), "%s/%.8s/%s/%s/aws4_request", k->access, r->date, region_of(k),
             service_of(k));
    p[n++] = (struct sign_pair){"X-Amz-Algorithm", "AWS4-HMAC-SHA256"};
    p[n++] = (struct sign_pair){"X-Amz-Credential", credential};
    p[n++] = (struct sign_pair){"X-Amz-Date", r->date};
    p[n++] = (struct sign_pair){"X-Amz-Expires", expires};
    p[n++] = (struct sign_pair){"X-Amz-SignedHeaders", list};
    if (token)
        p[n++] = (struct sign_pair){"X-Amz-Security-Token", token};
    char *query = query_text(p, n);
    sign_canonical(k, r, query, hex);
    must(asprintf(&out, "%s&X-Amz-Signature=%s", query, hex) > 0);
    free(query);
    free(list);
    free(p);
    return out;
}

static void sign_link(const struct sign_keys *k, const char *word, const char *date, const char *previous,
                      const char *hashes, char ret[65])
{
    char text[1024];
    snprintf(text, sizeof(text), "%s\n%s\n%.8s/%s/%s/aws4_request\n%s\n%s", word, date, date, region_of(k),
             service_of(k), previous, hashes);
    sign_text(k, date, text, ret);
}

void sign_chunk(const struct sign_keys *k, const char *date, const char *previous, const void *data, size_t n,
                char ret[65])
{
    char hashes[160], hash[65];
    sign_sha256_hex(data, n, hash);
    snprintf(hashes, sizeof(hashes), "%s\n%s", SIGN_EMPTY_SHA256, hash);
    sign_link(k, "AWS4-HMAC-SHA256-PAYLOAD", date, previous, hashes, ret);
}

void sign_trailers(const struct sign_keys *k, const char *date, const char *previous, const char *lines, char ret[65])
{
    char hash[65];
    sign_sha256_hex(lines, strlen(lines), hash);
    sign_link(k, "AWS4-HMAC-SHA256-TRAILER", date, previous, hash, ret);
}
