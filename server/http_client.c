/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that Pail sends, over libcurl. Idea: one easy handle a call, so nothing is shared and nothing outlives it;
 * these requests are rare. The reply grows in a buffer with a ceiling: what goes beyond ends the transfer.
 * Threads: any that may block; curl_global_init runs once.
 */
#include "http_client.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"

#define CONNECT_TIMEOUT_MS 5000L

struct reply_buffer {
    char *p;
    size_t n, room, max;
    bool too_large;
};

static void init_once(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void drop(char *secret, size_t n)
{
    if (secret)
        OPENSSL_cleanse(secret, n);
    free(secret);
}

static size_t take(char *p, size_t one, size_t n, void *arg)
{
    struct reply_buffer *b = arg;
    n *= one;
    if (n > b->max - b->n) {
        b->too_large = true;
        return 0; /* ends the transfer */
    }
    if (n > b->room - b->n) {
        size_t room = b->room ? b->room : 4096;
        while (room < b->n + n)
            room *= 2;
        char *grown = malloc(room); /* not realloc: replies may hold secrets, and nothing of them stays behind */
        if (!grown)
            return 0;
        if (b->n)
            memcpy(grown, b->p, b->n);
        drop(b->p, b->n);
        b->p = grown;
        b->room = room;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return n;
}

/* S3 wants the body's hash in a header, which older versions of the library do not add. */
static struct curl_slist *add_body_hash(struct curl_slist *list, const struct http_client_request *q)
{
    static const char name[] = "x-amz-content-sha256: ";
    unsigned char digest[32];
    char line[sizeof name + 2 * sizeof digest];
    CHECK(EVP_Digest(q->body.n ? q->body.p : "", q->body.n, digest, NULL, EVP_sha256(), NULL) == 1);
    memcpy(line, name, sizeof name - 1);
    hex_encode(digest, sizeof digest, line + sizeof name - 1);
    line[sizeof line - 1] = '\0';
    return curl_slist_append(list, line);
}

/* One line; a header without a value has a form of its own, since "Name:" takes one away. */
static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    size_t n = strlen(name) + strlen(value) + sizeof ": ";
    char *line = xmalloc(n);
    snprintf(line, n, *value ? "%s: %s" : "%s;", name, value);
    list = curl_slist_append(list, line);
    CHECK(list);
    drop(line, n);
    return list;
}

static struct curl_slist *header_list(const struct http_client_request *q)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < q->n_headers; i++)
        list = add_header(list, q->headers[i].name, q->headers[i].value);
    if (q->access_key && q->session_token)
        list = add_header(list, "x-amz-security-token", q->session_token);
    if (q->access_key && (!q->service || strcmp(q->service, "s3") == 0))
        list = add_body_hash(list, q);
    /* Small bodies: no round trip for leave to send. What is signed must also be sent, which this one is not. */
    return q->access_key ? list : curl_slist_append(list, "Expect:");
}

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *h = list; h; h = h->next)
        OPENSSL_cleanse(h->data, strlen(h->data));
    curl_slist_free_all(list);
}

static bool name_good(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", *p))
            return false;
    return *name;
}

static bool value_good(const char *value)
{
    for (const char *p = value; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

/* Nothing that a caller passes on can end a header and begin another. */
static bool headers_good(const struct http_client_request *q, char error[256])
{
    for (size_t i = 0; i < q->n_headers; i++)
        if (!name_good(q->headers[i].name) || !value_good(q->headers[i].value)) {
            snprintf(error, 256, "a header of the request to %.100s has a character that headers cannot have", q->url);
            return false;
        }
    if (q->session_token && !value_good(q->session_token)) {
        snprintf(error, 256, "the session token has a character that headers cannot have");
        return false;
    }
    return true;
}

static bool is_loopback(const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL;
    bool loopback = false;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        loopback = strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
                   (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
    curl_free(host);
    curl_url_cleanup(u);
    return loopback;
}

/* The library keeps copies until the handle is cleaned up; it does not wipe them. */
static void set_signature(CURL *c, const struct http_client_request *q)
{
    char provider[128];
    snprintf(provider, sizeof provider, "aws:amz:%s:%s", q->region ? q->region : "us-east-1",
             q->service ? q->service : "s3");
    curl_easy_setopt(c, CURLOPT_AWS_SIGV4, provider);
    curl_easy_setopt(c, CURLOPT_USERNAME, q->access_key);
    curl_easy_setopt(c, CURLOPT_PASSWORD, q->secret_key);
}

static void set_options(CURL *c, const struct http_client_request *q, struct reply_buffer *reply,
                        struct curl_slist *headers)
{
    curl_easy_setopt(c, CURLOPT_URL, q->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, q->timeout_ms ? (long)q->timeout_ms : 30000L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "pail");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (q->ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, q->ca_file);
    if (is_loopback(q->url)) /* otherwise http_proxy, https_proxy and no_proxy of the environment count */
        curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    if (q->method && strcmp(q->method, "HEAD") == 0)
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    else if (q->body.n || (q->method && strcmp(q->method, "GET") != 0 && strcmp(q->method, "DELETE") != 0)) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.n ? q->body.p : "");
    }
    if (q->method)
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
    if (q->access_key)
        set_signature(c, q);
}

bool http_client_send(const struct http_client_request *q, struct arena *a, struct http_client_reply *ret,
                      char error[256])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct reply_buffer reply = {.max = q->reply_max ? q->reply_max : HTTP_CLIENT_REPLY_MAX};
    char detail[CURL_ERROR_SIZE] = "";
    long status = 0;
    if (!headers_good(q, error))
        return false;
    pthread_once(&once, init_once);
    CURL *c = curl_easy_init();
    if (!c) {
        snprintf(error, 256, "no memory for a request");
        return false;
    }
    struct curl_slist *headers = header_list(q);
    set_options(c, q, &reply, headers);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    free_headers(headers);
    if (rc == CURLE_OK)
        *ret = (struct http_client_reply){.status = (int)status,
                                          .body = bytes_str(bytes_cstr(a, bytes_of(reply.p ? reply.p : "", reply.n)))};
    else if (reply.too_large)
        snprintf(error, 256, "the reply of %.100s has more than %zu bytes", q->url, reply.max);
    else
        snprintf(error, 256, "no answer from %.100s: %.120s", q->url, *detail ? detail : curl_easy_strerror(rc));
    if (rc == CURLE_OK)
        ret->body.n = reply.n;
    drop(reply.p, reply.n);
    return rc == CURLE_OK;
}
