/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that Pail sends, over libcurl. Idea: one easy handle a call, so nothing is shared and nothing outlives it;
 * these requests are rare. The reply grows in a buffer with a ceiling: what goes beyond ends the transfer.
 * Threads: any that may block; curl_global_init runs once.
 */
#include "http_client.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CONNECT_TIMEOUT_MS 5000L
#define HEADER_LINE_MAX    (16 * 1024) /* a session token is the longest */

struct reply_buffer {
    char *p;
    size_t n, room, max;
    bool too_large;
};

static void init_once(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
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
        char *grown = realloc(b->p, room);
        if (!grown)
            return 0;
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

static struct curl_slist *header_list(const struct http_client_request *q)
{
    struct curl_slist *list = NULL;
    char line[HEADER_LINE_MAX];
    for (size_t i = 0; i < q->n_headers; i++) {
        snprintf(line, sizeof line, "%s: %s", q->headers[i].name, q->headers[i].value);
        list = curl_slist_append(list, line);
    }
    if (q->access_key && q->session_token) {
        snprintf(line, sizeof line, "x-amz-security-token: %s", q->session_token);
        list = curl_slist_append(list, line);
    }
    if (q->access_key && (!q->service || strcmp(q->service, "s3") == 0))
        list = add_body_hash(list, q);
    /* Small bodies: no round trip for leave to send. What is signed must also be sent, which this one is not. */
    return q->access_key ? list : curl_slist_append(list, "Expect:");
}

static void set_signature(CURL *c, const struct http_client_request *q)
{
    char provider[128], pair[512];
    snprintf(provider, sizeof provider, "aws:amz:%s:%s", q->region ? q->region : "us-east-1",
             q->service ? q->service : "s3");
    snprintf(pair, sizeof pair, "%s:%s", q->access_key, q->secret_key);
    curl_easy_setopt(c, CURLOPT_AWS_SIGV4, provider);
    curl_easy_setopt(c, CURLOPT_USERPWD, pair); /* both are copied */
    explicit_bzero(pair, sizeof pair);
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
    if (q->body.n || (q->method && strcmp(q->method, "GET") != 0 && strcmp(q->method, "DELETE") != 0)) {
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
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    if (rc == CURLE_OK)
        *ret = (struct http_client_reply){.status = (int)status,
                                          .body = bytes_str(bytes_cstr(a, bytes_of(reply.p ? reply.p : "", reply.n)))};
    else if (reply.too_large)
        snprintf(error, 256, "the reply of %.100s has more than %zu bytes", q->url, reply.max);
    else
        snprintf(error, 256, "no answer from %.100s: %.120s", q->url, *detail ? detail : curl_easy_strerror(rc));
    if (rc == CURLE_OK)
        ret->body.n = reply.n;
    if (reply.p)
        explicit_bzero(reply.p, reply.n);
    free(reply.p);
    return rc == CURLE_OK;
}
