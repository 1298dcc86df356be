/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that Pail sends, to a server of one request that lives in the test. */
#include "http_client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define REQUEST_MAX 65536
#define SLOW_NAME   "slow.test"
#define SLOW_MS     6000

/* The system's own, but for a name whose servers say nothing. */
int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict ret)
{
    typedef int lookup_f(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (name && strcmp(name, SLOW_NAME) == 0) {
        poll(NULL, 0, SLOW_MS);
        return EAI_AGAIN;
    }
    lookup_f *system = (lookup_f *)dlsym(RTLD_NEXT, "getaddrinfo");
    return system(name, service, hints, ret);
}

struct peer {
    int fd;
    unsigned port;
    const char *reply; /* NULL: none ever */
    size_t reply_n;
    char request[REQUEST_MAX];
    size_t n;
    pthread_t thread;
};

/* Until the head is there, and the body that it announces. */
static bool complete(const struct peer *p)
{
    const char *end = strstr(p->request, "\r\n\r\n"), *length = strcasestr(p->request, "\r\nContent-Length:");
    size_t body = length ? strtoul(length + 17, NULL, 10) : 0;
    return end && p->n >= (size_t)(end + 4 - p->request) + body;
}

static void *serve(void *arg)
{
    struct peer *p = arg;
    struct pollfd wait = {.fd = p->fd, .events = POLLIN};
    int fd = poll(&wait, 1, 5000) == 1 ? accept(p->fd, NULL, NULL) : -1;
    ssize_t got = 1;
    while (fd >= 0 && got > 0 && p->n < REQUEST_MAX - 1 && !complete(p)) {
        got = recv(fd, p->request + p->n, REQUEST_MAX - 1 - p->n, 0);
        p->n += got > 0 ? (size_t)got : 0;
    }
    for (size_t sent = 0; fd >= 0 && p->reply && sent < p->reply_n;) {
        ssize_t n = send(fd, p->reply + sent, p->reply_n - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    if (fd >= 0 && !p->reply)
        (void)recv(fd, p->request, 1, 0); /* until the other side has had enough */
    if (fd >= 0)
        close(fd);
    return NULL;
}

static char *begin(struct peer *p, const char *reply, size_t n)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    static char url[64];
    *p = (struct peer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .reply = reply, .reply_n = n};
    cr_assert(p->fd >= 0 && bind(p->fd, (struct sockaddr *)&at, len) == 0 && listen(p->fd, 1) == 0);
    cr_assert_eq(getsockname(p->fd, (struct sockaddr *)&at, &len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/x?y=1", ntohs(at.sin_port));
    cr_assert_eq(pthread_create(&p->thread, NULL, serve, p), 0);
    return url;
}

static void end(struct peer *p)
{
    pthread_join(p->thread, NULL);
    close(p->fd);
}

static bool exchange(struct http_client_request q, const char *answer, struct peer *p, struct http_client_reply *ret,
                     char error[256])
{
    static struct arena *a;
    if (!a)
        a = arena_create(0);
    q.url = begin(p, answer, answer ? strlen(answer) : 0);
    q.timeout_ms = q.timeout_ms ? q.timeout_ms : 5000;
    bool good = http_client_send(&q, a, ret, error);
    end(p);
    return good;
}

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

Test(http_client, an_exchange)
{
    struct http_client_header headers[] = {{"X-One", "1"}, {"X-Empty", ""}, {"X-Tab", "a\tb"}};
    struct http_client_reply r;
    struct peer p;
    char error[256];
    cr_assert(exchange(
                  (struct http_client_request){
                      .method = "PUT", .body = BYTES_LIT("body"), .headers = headers, .n_headers = 3},
                  OK_REPLY, &p, &r, error),
              "%s", error);
    cr_expect(r.status == 200 && bytes_eq_str(r.body, "hi"));
    cr_expect(strncmp(p.request, "PUT /x?y=1 HTTP/1.1\r\n", 21) == 0, "%s", p.request);
    cr_expect(strstr(p.request, "\r\nX-One: 1\r\n") && strstr(p.request, "\r\nX-Empty:\r\n") &&
                  strstr(p.request, "\r\nX-Tab: a\tb\r\n") && !strstr(p.request, "Expect") &&
                  strstr(p.request, "\r\n\r\nbody"),
              "%s", p.request);
    cr_assert(exchange((struct http_client_request){.method = "HEAD"}, "HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n",
                       &p, &r, error),
              "%s", error);
    cr_expect(r.status == 204 && strncmp(p.request, "HEAD ", 5) == 0);
    cr_assert(exchange((struct http_client_request){0}, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", &p, &r, error));
    cr_expect_eq(r.status, 500, "an answer");
}

Test(http_client, long_values_arrive_whole)
{
    char value[9001], token[12289], error[256];
    struct http_client_header header = {"X-Long", value};
    struct http_client_reply r;
    struct peer p;
    memset(value, 'v', sizeof value - 1);
    memset(token, 't', sizeof token - 1);
    value[sizeof value - 1] = token[sizeof token - 1] = '\0';
    cr_assert(exchange((struct http_client_request){.headers = &header,
                                                    .n_headers = 1,
                                                    .access_key = "AKIA0000000000000000",
                                                    .secret_key = "secret:with:colons",
                                                    .session_token = token},
                       OK_REPLY, &p, &r, error),
              "%s", error);
    cr_expect(strstr(p.request, value) && strstr(p.request, token));
    const char *authorization = strstr(p.request, "AWS4-HMAC-SHA256 Credential=AKIA0000000000000000/");
    cr_assert(authorization);
    cr_expect(strstr(authorization, "x-amz-security-token"), "the token is signed: %.300s", authorization);
    cr_expect(!strstr(p.request, "with:colons"));
}

Test(http_client, nothing_is_slipped_in)
{
    static const struct http_client_header bad[] = {
        {"X-A", "a\r\nX-B: b"}, {"X-A", "a\nb"}, {"X-A", "a\rb"}, {"X-A", "a\x01"}, {"X\r\nA", "a"},
        {"X A", "a"},           {"", "a"},       {"X:", "a"},     {"X-A", "\x7f"}};
    struct arena *a = arena_create(0);
    struct http_client_reply r;
    char error[256];
    struct http_client_request q = {.url = "http://127.0.0.1:1/", .n_headers = 1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        q.headers = &bad[i];
        *error = '\0';
        cr_expect(!http_client_send(&q, a, &r, error) && strstr(error, "character"), "%zu: %s", i, error);
    }
    q = (struct http_client_request){
        .url = "http://127.0.0.1:1/", .access_key = "a", .secret_key = "b", .session_token = "t\r\nX: y"};
    cr_expect(!http_client_send(&q, a, &r, error) && strstr(error, "character"), "%s", error);
    static const char *const urls[] = {"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "",
                                       "http://127.0.0.1:1/\r\nX: y"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        q = (struct http_client_request){.url = urls[i], .timeout_ms = 1000};
        cr_expect(!http_client_send(&q, a, &r, error), "%s", urls[i]);
    }
    arena_free(a);
}

Test(http_client, replies_that_are_none)
{
    struct http_client_reply r;
    struct peer p;
    char error[256], *large = malloc(20000);
    int n = snprintf(large, 20000, "HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n");
    memset(large + n, 'x', 10001);
    large[n + 10001] = '\0';
    cr_expect(!exchange((struct http_client_request){.reply_max = 10000}, large, &p, &r, error));
    cr_expect(strstr(error, "more than 10000 bytes"), "%s", error);
    cr_expect(exchange((struct http_client_request){.reply_max = 10001}, large, &p, &r, error), "%s", error);
    cr_expect_eq(r.body.n, 10001);
    free(large);
    cr_expect(!exchange((struct http_client_request){0}, "", &p, &r, error), "closed");
    cr_expect(
        !exchange((struct http_client_request){0}, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", &p, &r, error),
        "cut");
    cr_expect(!exchange((struct http_client_request){0}, "no http at all\r\n\r\n", &p, &r, error));
    cr_expect(!exchange((struct http_client_request){.timeout_ms = 200}, NULL, &p, &r, error), "silence");
    cr_expect(*error);
}

Test(http_client, redirects_are_answers)
{
    struct http_client_reply r;
    struct peer p;
    char error[256];
    cr_assert(exchange((struct http_client_request){0},
                       "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", &p, &r,
                       error),
              "%s", error);
    cr_expect_eq(r.status, 302);
}

Test(http_client, proxies_are_for_elsewhere)
{
    struct http_client_reply r;
    struct peer p;
    char error[256];
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    cr_expect(exchange((struct http_client_request){0}, OK_REPLY, &p, &r, error), "%s", error);
    /* What is not on this machine goes to the proxy. */
    struct arena *a = arena_create(0);
    char *proxy = begin(&p, OK_REPLY, strlen(OK_REPLY));
    *strrchr(proxy, '/') = '\0';
    setenv("http_proxy", proxy, 1);
    struct http_client_request q = {.url = "http://nothing.invalid/path", .timeout_ms = 5000};
    cr_expect(http_client_send(&q, a, &r, error), "%s", error);
    end(&p);
    cr_expect(strncmp(p.request, "GET http://nothing.invalid/path HTTP/1.1\r\n", 42) == 0, "%s", p.request);
    unsetenv("http_proxy");
    arena_free(a);
}

Test(http_client, heads_and_bodies_of_replies)
{
    char room[8] = "", error[256];
    struct http_client_reply r;
    struct peer p;
    struct http_client_request q = {.into = room, .into_room = sizeof room};
    cr_assert(exchange(q,
                       "HTTP/1.1 100 Continue\r\nX-No: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-One:  a b \r\nx-one: c\r\n"
                       "Empty:\r\nContent-Length: 2\r\n\r\nhi",
                       &p, &r, error),
              "%s", error);
    cr_expect(r.body.p == room && r.body.n == 2 && memcmp(room, "hi", 2) == 0, "a good body goes where it was wanted");
    cr_expect_str_eq(http_client_reply_header(&r, "X-ONE"), "a b");
    cr_expect_str_eq(http_client_reply_header(&r, "empty"), "");
    cr_expect_null(http_client_reply_header(&r, "X-No"), "of an interim reply");
    cr_assert(exchange(q, "HTTP/1.1 404 No\r\nContent-Length: 12\r\n\r\nnot so short", &p, &r, error));
    cr_expect(r.body.p != room && bytes_eq_str(r.body, "not so short"), "an error has its own place");
    cr_expect_not(exchange(q, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntoo large", &p, &r, error));
    cr_expect(strstr(error, "more than 8 bytes"), "%s", error);
}

static bool refuse_to_go_on(void *arg, uint64_t bytes)
{
    (void)bytes;
    (*(int *)arg)++;
    return false;
}

Test(http_client, an_exchange_that_is_ended)
{
    struct http_client_reply r;
    struct peer p;
    int asked = 0;
    char error[256];
    cr_expect_not(exchange((struct http_client_request){.moved = refuse_to_go_on, .moved_arg = &asked, .idle_ms = 5000},
                           OK_REPLY, &p, &r, error));
    cr_expect(asked >= 1);
}

Test(http_client, a_name_that_is_not_found_out_in_time)
{
    struct http_client_request q = {.url = "https://" SLOW_NAME "/", .timeout_ms = 200};
    struct http_client_reply r;
    struct arena *a = arena_create(0);
    int64_t began = clock_mono_ms();
    char error[256] = "";
    setenv("no_proxy", "*", 1);
    cr_expect(!http_client_send(&q, a, &r, error));
    cr_expect_lt(clock_mono_ms() - began, SLOW_MS - 500, "the time is that of the whole exchange");
    cr_expect(strstr(error, SLOW_NAME), "%s", error);
    arena_free(a);
}
