/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to either side. Idea: whoever calls sees one answer; what passes (no answer, 429, 500, 503, ...) is tried
 * again here, with pauses that grow, or as long as the server asks for. After an attempt of which nobody knows whether
 * it came to pass, the caller may look first, so that nothing is written twice. The limit of the rate and the end of
 * the run are minded while bytes move.
 * Threads: any; a line belongs to one.
 */
#include "admin/transfer/s3.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/transfer/xml.h"
#include "admin/url.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/rand.h"

#define IDLE_MS        60000u
#define PAUSE_FIRST_MS 100u
#define PAUSE_MAX_MS   20000u
#define WAIT_SLICE_MS  50
#define GRACE_MS       3000 /* that what runs may take once the run was asked to end */
#define ERROR_BODY_MAX (1u << 20)

bool s3_good(int status)
{
    return status / 100 == 2;
}

unsigned s3_pause_ms(unsigned n, const char *retry_after)
{
    uint64_t seconds;
    if (retry_after && bytes_to_u64(bytes_str(retry_after), 3600, &seconds))
        return (unsigned)seconds * 1000;
    unsigned most = n > 8 ? PAUSE_MAX_MS : PAUSE_FIRST_MS << n;
    if (most > PAUSE_MAX_MS)
        most = PAUSE_MAX_MS;
    return most / 2 + (unsigned)(rand_u64() % (most / 2 + 1));
}

bool s3_worth_retry(int status, const char *code)
{
    static const char *const codes[] = {"SlowDown",           "RequestTimeout",      "InternalError",
                                        "ServiceUnavailable", "ThrottlingException", "BadDigest",
                                        "OperationAborted",   "TooManyRequests",     "Throttling"};
    if (status == 0 || status == 408 || status == 429 || (status >= 500 && status != 501 && status != 507))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

/* ---- the pace ---- */

static bool must_end(struct transfer *t)
{
    int stop = atomic_load_explicit(&t->stop, memory_order_relaxed);
    if (!stop)
        return false;
    if (stop > 1)
        return true;
    pthread_mutex_lock(&t->lock);
    int64_t now = clock_mono_ms();
    if (!t->stopped_ms)
        t->stopped_ms = now;
    bool over = now - t->stopped_ms > GRACE_MS;
    pthread_mutex_unlock(&t->lock);
    return over;
}

static void sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

/* A bucket of tokens of one second: who finds it empty waits for what he has moved already. */
static unsigned over_limit_ms(struct transfer *t, uint64_t bytes)
{
    double rate = (double)t->o->limit;
    pthread_mutex_lock(&t->lock);
    int64_t now = clock_mono_ms();
    t->allowance += rate * (double)(now - t->allowed_at_ms) / 1000;
    t->allowed_at_ms = now;
    if (t->allowance > rate / 4)
        t->allowance = rate / 4;
    t->allowance -= (double)bytes;
    double missing = -t->allowance;
    pthread_mutex_unlock(&t->lock);
    return missing > 0 ? (unsigned)(missing * 1000 / rate) + 1 : 0;
}

static bool on_moved(void *arg, uint64_t bytes)
{
    struct line *l = arg;
    if (must_end(l->t))
        return false;
    if (l->limited && bytes > l->moved) {
        unsigned wait = over_limit_ms(l->t, bytes - l->moved);
        l->moved = bytes;
        for (; wait > 0 && !must_end(l->t); wait -= wait < WAIT_SLICE_MS ? wait : WAIT_SLICE_MS)
            sleep_ms(wait < WAIT_SLICE_MS ? wait : WAIT_SLICE_MS);
    }
    return true;
}

bool s3_pause(const struct transfer *t, unsigned ms)
{
    for (int64_t until = clock_mono_ms() + ms; clock_mono_ms() < until && !t->stop;)
        sleep_ms(WAIT_SLICE_MS);
    return !t->stop;
}

/* ---- one request ---- */

static void read_error(const struct http_client_reply *r, struct arena *a, struct s3_error *e)
{
    struct bytes root, code = BYTES_NONE, message = BYTES_NONE;
    if (doc_root(r->body, "Error", &root)) {
        code = doc_find_text(root, "Code", a);
        message = doc_find_text(root, "Message", a);
    }
    if (!code.n)
        code = r->status == 404   ? BYTES_LIT("NotFound")
               : r->status == 403 ? BYTES_LIT("AccessDenied")
               : r->status == 412 ? BYTES_LIT("PreconditionFailed")
                                  : BYTES_LIT("Error");
    snprintf(e->code, sizeof e->code, "%.*s", (int)code.n, code.p);
    snprintf(e->message, sizeof e->message, "%.*s%s%.*s (status %d)", (int)code.n, code.p, message.n ? ": " : "",
             (int)(message.n < 200 ? message.n : 200), message.n ? message.p : "", r->status);
}

static const char *url_of(struct line *l, const struct place *at, const struct s3_call *c)
{
    struct bytes key = url_encode(l->arena, c->key, true);
    return arena_printf(l->arena, "%s/%s%s%.*s%s%s", at->endpoint, c->bucket ? c->bucket : "",
                        c->bucket && key.n ? "/" : "", (int)key.n, key.p, c->query ? "?" : "",
                        c->query ? c->query : "");
}

static int attempt(struct line *l, const struct place *at, const struct s3_call *c, struct http_client_reply *ret,
                   struct s3_error *e)
{
    char error[256];
    struct http_client_request q = {.method = c->method,
                                    .url = url_of(l, at, c),
                                    .body = c->body,
                                    .headers = c->headers,
                                    .n_headers = c->n_headers,
                                    .idle_ms = IDLE_MS,
                                    .into = c->into,
                                    .into_room = c->into_room,
                                    .moved = on_moved,
                                    .moved_arg = l,
                                    .ca_file = at->ca_file,
                                    .access_key = at->access_key,
                                    .secret_key = at->secret_key,
                                    .session_token = at->token,
                                    .region = at->region,
                                    .unsigned_payload = c->data};
    l->moved = 0;
    /* What is read and written again counts once. */
    l->limited = c->data && l->t->o->limit && (c->into || l->t->o->from.folder);
    *e = (struct s3_error){0};
    *ret = (struct http_client_reply){0};
    l->t->counts.requests++;
    if (!http_client_session_send(l->http, &q, l->arena, ret, error)) {
        snprintf(e->message, sizeof e->message, "%s", error);
        *ret = (struct http_client_reply){0};
        return 0;
    }
    if (!s3_good(ret->status))
        read_error(ret, l->arena, e);
    return ret->status;
}

int s3_send(struct line *l, const struct place *at, const struct s3_call *c, struct http_client_reply *ret,
            struct s3_error *e)
{
    for (unsigned n = 1;; n++) {
        int status = attempt(l, at, c, ret, e);
        if (s3_good(status) || !s3_worth_retry(status, e->code) || (c->once && strcmp(e->code, "BadDigest") == 0))
            return status;
        if (n > l->t->o->retries)
            return status;
        const char *retry_after = status ? http_client_reply_header(ret, "retry-after") : NULL;
        if (!s3_pause(l->t, s3_pause_ms(n, retry_after))) {
            snprintf(e->message, sizeof e->message, "the run was ended");
            return 0;
        }
        l->t->counts.retried++;
        if (c->landed && (status == 0 || status >= 500) && c->landed(c->landed_arg, ret))
            return ret->status;
    }
}

/* ---- heads ---- */

const struct http_client_header s3_with_checksums = {"x-amz-checksum-mode", "ENABLED"};

int s3_head(struct line *l, const struct place *at, const char *bucket, struct bytes key, const char *query,
            struct http_client_reply *ret, struct s3_error *e)
{
    struct s3_call c = {
        .method = "HEAD", .bucket = bucket, .key = key, .query = query, .headers = &s3_with_checksums, .n_headers = 1};
    return s3_send(l, at, &c, ret, e);
}

uint64_t s3_part_size(struct line *l, const struct place *at, const char *bucket, struct bytes key, const char *query,
                      size_t number, struct http_client_reply *head)
{
    struct s3_error e;
    uint64_t parts = 0, size = 0;
    query = arena_printf(l->arena, "partNumber=%zu%s%s", number, query ? "&" : "", query ? query : "");
    if (!s3_good(s3_head(l, at, bucket, key, query, head, &e)))
        return 0;
    bytes_to_u64(bytes_str(http_client_reply_header(head, "x-amz-mp-parts-count")), TRANSFER_PARTS_MAX, &parts);
    bytes_to_u64(bytes_str(http_client_reply_header(head, "content-length")), INT64_MAX, &size);
    return parts ? size : 0;
}
