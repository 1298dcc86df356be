/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that Pail sends, over libcurl. Idea: a session is one easy handle, which keeps connections, names and TLS
 * sessions while all options are set anew for each request; a request alone is a session of one. Signatures are our own
 * (http_sign.c), since the library's do not hold for every key and query. The reply grows in a buffer with a ceiling:
 * what goes beyond ends the transfer.
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
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "http_sign.h"

#define CONNECT_TIMEOUT_MS 5000L
#define LARGE_BODY         (256u << 10) /* bytes: from here on larger buffers pay */
#define LARGE_BUFFER       (512L << 10)
#define REPLY_HEADERS_MAX  128
#define KEPT_CONNECTIONS   4L
#define ORIGIN_MAX         256
#define SIGNED_HEADERS_MAX 4 /* what a signature adds */

struct http_client_session {
    CURL *curl;
    char origin[ORIGIN_MAX]; /* scheme and host of the last request, and what is known of them */
    bool loopback;
};

struct reply_buffer {
    char *p;
    size_t n, room, max;
    bool too_large;
    const struct http_client_request *q;
    CURL *curl;
    struct arena *arena;
    struct http_client_header *headers;
    size_t n_headers;
    size_t into_n;
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

static bool goes_into(const struct reply_buffer *b)
{
    long status = 0;
    if (b->q->into)
        curl_easy_getinfo(b->curl, CURLINFO_RESPONSE_CODE, &status);
    return status / 100 == 2;
}

static size_t take(char *p, size_t one, size_t n, void *arg)
{
    struct reply_buffer *b = arg;
    n *= one;
    if (goes_into(b)) {
        b->too_large = n > b->q->into_room - b->into_n;
        if (b->too_large)
            return 0;
        memcpy(b->q->into + b->into_n, p, n);
        b->into_n += n;
        return n;
    }
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

/* One line of the reply's head. Another status line begins anew: an interim reply came before. */
static size_t take_header(char *p, size_t one, size_t n, void *arg)
{
    struct reply_buffer *b = arg;
    struct bytes line = bytes_of(p, one * n);
    ptrdiff_t colon = bytes_find_char(line, ':', 0);
    if (line.n >= 5 && memcmp(p, "HTTP/", 5) == 0)
        b->n_headers = 0;
    else if (colon > 0 && b->n_headers < REPLY_HEADERS_MAX) {
        while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
            line.n--;
        struct bytes value = bytes_trim(bytes_cut(line, (size_t)colon + 1, line.n));
        if (!b->headers)
            b->headers = arena_new_array(b->arena, struct http_client_header, REPLY_HEADERS_MAX);
        b->headers[b->n_headers++] = (struct http_client_header){
            bytes_cstr(b->arena, bytes_cut(line, 0, (size_t)colon)), bytes_cstr(b->arena, value)};
    }
    return one * n;
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

static bool is_s3(const struct http_client_request *q)
{
    return !q->service || strcmp(q->service, "s3") == 0;
}

static void hash_body(const struct http_client_request *q, char hex[65])
{
    unsigned char digest[32];
    CHECK(EVP_Digest(q->body.n ? q->body.p : "", q->body.n, digest, NULL, EVP_sha256(), NULL) == 1);
    hex_encode(digest, sizeof digest, hex);
    hex[64] = '\0';
}

/* The headers of a signature, and the signature. False: the URL is none. */
static bool add_signature(struct curl_slist **list, const struct http_client_request *q, struct arena *a)
{
    struct http_client_header *all = arena_new_array(a, struct http_client_header, q->n_headers + SIGNED_HEADERS_MAX);
    char hash[65] = "UNSIGNED-PAYLOAD", stamp[20];
    time_t now = (time_t)(clock_wall_ms() / 1000);
    size_t n = q->n_headers;
    struct tm tm;
    if (!q->unsigned_payload)
        hash_body(q, hash);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    for (size_t i = 0; i < n; i++)
        all[i] = q->headers[i];
    all[n++] = (struct http_client_header){"x-amz-date", stamp};
    if (is_s3(q))
        all[n++] = (struct http_client_header){"x-amz-content-sha256", hash};
    if (q->session_token)
        all[n++] = (struct http_client_header){"x-amz-security-token", q->session_token};
    struct http_sign s = {q->method ? q->method : (q->body.n ? "POST" : "GET"),
                          q->url,
                          all,
                          n,
                          hash,
                          stamp,
                          q->access_key,
                          q->secret_key,
                          q->region ? q->region : "us-east-1",
                          q->service ? q->service : "s3"};
    char *signature = http_sign_v4(&s, a);
    for (size_t i = q->n_headers; i < n; i++)
        *list = add_header(*list, all[i].name, all[i].value);
    if (signature)
        *list = add_header(*list, "Authorization", signature);
    return signature != NULL;
}

static bool header_list(const struct http_client_request *q, struct arena *a, struct curl_slist **list)
{
    for (size_t i = 0; i < q->n_headers; i++)
        *list = add_header(*list, q->headers[i].name, q->headers[i].value);
    *list = curl_slist_append(*list, "Expect:"); /* no round trip for leave to send */
    return !q->access_key || add_signature(list, q, a);
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

/* Asked once for all requests to one place. */
static bool goes_to_loopback(struct http_client_session *s, const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
    if (n && n < sizeof s->origin && strncmp(s->origin, url, n) == 0 && !s->origin[n])
        return s->loopback;
    s->loopback = is_loopback(url);
    s->origin[0] = '\0';
    if (n < sizeof s->origin)
        snprintf(s->origin, sizeof s->origin, "%.*s", (int)n, url);
    return s->loopback;
}

static int on_moved(void *arg, curl_off_t all_down, curl_off_t down, curl_off_t all_up, curl_off_t up)
{
    const struct http_client_request *q = arg;
    (void)all_down;
    (void)all_up;
    return q->moved(q->moved_arg, (uint64_t)down + (uint64_t)up) ? 0 : 1;
}

static void set_pace(CURL *c, const struct http_client_request *q)
{
    if (q->idle_ms) {
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)(q->idle_ms + 999) / 1000);
    } else
        curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, q->timeout_ms ? (long)q->timeout_ms : 30000L);
    if (q->into_room > LARGE_BODY)
        curl_easy_setopt(c, CURLOPT_BUFFERSIZE, LARGE_BUFFER);
    if (q->body.n > LARGE_BODY)
        curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, LARGE_BUFFER);
    if (q->moved) {
        curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_moved);
        curl_easy_setopt(c, CURLOPT_XFERINFODATA, q);
    }
}

static void set_options(struct http_client_session *s, const struct http_client_request *q, struct reply_buffer *reply,
                        struct curl_slist *headers)
{
    CURL *c = s->curl;
    curl_easy_setopt(c, CURLOPT_URL, q->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L); /* a name that is still being looked up holds nobody past the time */
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L); /* keys may have dot segments */
    curl_easy_setopt(c, CURLOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, reply);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "pail");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (q->ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, q->ca_file);
    if (q->unverified) {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (goes_to_loopback(s, q->url)) /* otherwise http_proxy, https_proxy and no_proxy of the environment count */
        curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    if (q->method && strcmp(q->method, "HEAD") == 0)
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    else if (q->body.n || (q->method && strcmp(q->method, "GET") != 0 && strcmp(q->method, "DELETE") != 0)) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.n ? q->body.p : "");
    }
    if (q->method)
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
    set_pace(c, q);
}

struct http_client_session *http_client_session_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_client_session *s = xcalloc(1, sizeof *s);
    pthread_once(&once, init_once);
    s->curl = curl_easy_init();
    if (!s->curl)
        http_client_session_free(&s);
    return s;
}

void http_client_session_free(struct http_client_session **s)
{
    if (*s)
        curl_easy_cleanup((*s)->curl);
    free(*s);
    *s = NULL;
}

static void say_why(const struct http_client_request *q, const struct reply_buffer *reply, CURLcode rc,
                    const char *detail, char error[256])
{
    if (reply->too_large)
        snprintf(error, 256, "the reply of %.100s has more than %zu bytes", q->url,
                 goes_into(reply) ? q->into_room : reply->max);
    else
        snprintf(error, 256, "no answer from %.100s: %.120s", q->url, *detail ? detail : curl_easy_strerror(rc));
}

static void give(const struct reply_buffer *reply, struct arena *a, struct http_client_reply *ret)
{
    long status = 0;
    curl_easy_getinfo(reply->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret = (struct http_client_reply){.status = (int)status, .headers = reply->headers, .n_headers = reply->n_headers};
    if (goes_into(reply)) {
        ret->body = bytes_of(reply->q->into, reply->into_n);
        return;
    }
    ret->body = bytes_str(bytes_cstr(a, bytes_of(reply->p ? reply->p : "", reply->n)));
    ret->body.n = reply->n;
}

bool http_client_session_send(struct http_client_session *s, const struct http_client_request *q, struct arena *a,
                              struct http_client_reply *ret, char error[256])
{
    struct reply_buffer reply = {
        .max = q->reply_max ? q->reply_max : HTTP_CLIENT_REPLY_MAX, .q = q, .curl = s->curl, .arena = a};
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    if (!headers_good(q, error))
        return false;
    if (!header_list(q, a, &headers)) {
        snprintf(error, 256, "%.200s is no URL", q->url);
        free_headers(headers);
        return false;
    }
    set_options(s, q, &reply, headers);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode rc = curl_easy_perform(s->curl);
    if (rc == CURLE_OK)
        give(&reply, a, ret);
    else
        say_why(q, &reply, rc, detail, error);
    curl_easy_reset(s->curl); /* it points at what ends with this call */
    free_headers(headers);
    drop(reply.p, reply.n);
    return rc == CURLE_OK;
}

bool http_client_send(const struct http_client_request *q, struct arena *a, struct http_client_reply *ret,
                      char error[256])
{
    struct http_client_session *s = http_client_session_new();
    if (!s) {
        snprintf(error, 256, "no memory for a request");
        return false;
    }
    bool good = http_client_session_send(s, q, a, ret, error);
    http_client_session_free(&s);
    return good;
}

const char *http_client_reply_header(const struct http_client_reply *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}
