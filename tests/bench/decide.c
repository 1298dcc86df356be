/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs: authorize_request as a GET has it, for a user with ten attached policies of twenty statements
 * each, whose principal is in the cache. Every statement is looked at, since any of the two hundred might deny.
 *
 * Prints a line a kind of statement: name, and the median nanoseconds of processor time a request. Threads: one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/parsed_cache.h"
#include "server/access.h"
#include "server/authorize.h"
#include "server/conn.h"
#include "server/iam/identities.h"
#include "server/ops.h"
#include "server/server.h"
#include "tests/double/iam_world.h"

#define POLICIES   10
#define STATEMENTS 20
#define ROUNDS     15
#define REQUESTS   2000 /* of a round */

static const char request_text[] = "GET /reports/2026/07/21/page-000123.bin HTTP/1.1\r\n"
                                   "Host: 127.0.0.1:9000\r\n"
                                   "User-Agent: aws-cli/2.15.0 Python/3.11.6 Linux/6.1.0 exe/x86_64.debian.12\r\n"
                                   "X-Amz-Date: 20260721T120000Z\r\n"
                                   "X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\n\r\n";

/* Statements that do not concern the request, or only at first sight. */
enum kind { OTHER_BUCKETS, OTHER_KEYS, CONDITIONS, VARIABLES, KINDS };
static const char *const names[KINDS] = {"other buckets", "other keys", "conditions", "variables"};

static void put_statement(struct buf *b, enum kind kind, int policy, int i)
{
    if (kind == OTHER_BUCKETS)
        buf_printf(b,
                   "{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObject\"],"
                   "\"Resource\":[\"arn:aws:s3:::team-%d-%d\",\"arn:aws:s3:::team-%d-%d/*\"]},",
                   policy, i, policy, i);
    else if (kind == OTHER_KEYS)
        buf_printf(b,
                   "{\"Effect\":\"Deny\",\"Action\":\"s3:*\","
                   "\"Resource\":\"arn:aws:s3:::reports/*/draft-%d-%d-*\"},",
                   policy, i);
    else if (kind == CONDITIONS)
        buf_printf(b,
                   "{\"Effect\":\"Deny\",\"Action\":\"s3:*Object\",\"Resource\":\"arn:aws:s3:::reports/*\","
                   "\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"},"
                   "\"StringLike\":{\"aws:UserAgent\":\"*crawler-%d-%d*\"}}},",
                   policy, i);
    else
        buf_printf(b,
                   "{\"Effect\":\"Deny\",\"Action\":\"s3:GetObject\","
                   "\"Resource\":\"arn:aws:s3:::reports/${aws:username}/%d/%d/*\"},",
                   policy, i);
}

static struct iam_answer call(struct iam_world *w, struct bytes form)
{
    struct iam_answer a = iam_call(w, w->ids->root, form);
    if (a.status != 200)
        fprintf(stderr, "%.*s: %.*s\n", (int)form.n, form.p, (int)a.body.n, a.body.p);
    CHECK(a.status == 200);
    return a;
}

static struct bytes form_encoded(struct arena *arena, struct bytes text)
{
    char *out = arena_alloc(arena, 3 * text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        snprintf(out + 3 * i, 4, "%%%02X", (unsigned char)text.p[i]);
    return bytes_of(out, 3 * text.n);
}

/* Its last statement allows; that of the last policy what is asked for. */
static void attach_policy(struct iam_world *w, enum kind kind, int number)
{
    struct buf text;
    buf_init(&text, 8192);
    buf_printf(&text, "{\"Version\":\"2012-10-17\",\"Statement\":[");
    for (int i = 0; i < STATEMENTS - 1; i++)
        put_statement(&text, kind, number, i);
    buf_printf(&text, "{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"%s\"}]}",
               number == POLICIES - 1 ? "*" : "arn:aws:s3:::elsewhere/*");
    struct bytes document = form_encoded(w->arena, buf_bytes(&text));
    call(w, arena_bytesf(w->arena, "Version=2010-05-08&Action=CreatePolicy&PolicyName=p%d&PolicyDocument=%.*s", number,
                         (int)document.n, document.p));
    call(w, arena_bytesf(w->arena,
                         "Version=2010-05-08&Action=AttachUserPolicy&UserName=ann&PolicyArn=arn:aws:iam::%s:policy/p%d",
                         ROOT_ACCOUNT_ID, number));
    buf_fini(&text);
}

static const struct principal *make_user(struct iam_world *w, enum kind kind)
{
    enum auth_lookup how;
    call(w, BYTES_LIT("Version=2010-05-08&Action=CreateUser&UserName=ann"));
    for (int i = 0; i < POLICIES; i++)
        attach_policy(w, kind, i);
    struct iam_answer a = call(w, BYTES_LIT("Version=2010-05-08&Action=CreateAccessKey&UserName=ann"));
    const struct principal *p = iam_find(w, iam_element(w, &a, "AccessKeyId"), BYTES_NONE, &how);
    CHECK(p && p->identity.n == POLICIES);
    return p;
}

/* As the steps before have left it. */
static void make_request(struct req *r, struct arena *arena, struct http_header *slots)
{
    enum s3_error why;
    http_head_init(&r->head, &http_limits_default, slots);
    CHECK(http_head_parse(&r->head, bytes_of(request_text, sizeof request_text - 1)) == HTTP_PARSE_OK);
    r->arena = arena;
    r->bucket_name = r->bucket.name = BYTES_LIT("reports");
    r->bucket.owner = BYTES_LIT(ROOT_ACCOUNT_ID);
    r->bucket.partition = 1;
    r->key = BYTES_LIT("2026/07/21/page-000123.bin");
    r->on_bucket = r->on_object = true;
    r->auth = (struct auth_result){.mechanism = AUTH_SIGV4_HEADER, .region = BYTES_LIT("us-east-1"), .signed_ms = 1};
    r->op = op_match(r, &why);
    CHECK(r->op);
}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure(struct req *r)
{
    double rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = cpu_ns();
        for (int k = 0; k < REQUESTS; k++) {
            CHECK(authorize_request(r) == 0);
            arena_reset(r->arena);
        }
        rounds[i] = (cpu_ns() - start) / REQUESTS;
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], compare);
    return rounds[ROUNDS / 2];
}

static void run(enum kind kind)
{
    struct iam_world w;
    struct http_header slots[128];
    struct conn conn = {.peer_text = "192.0.2.1"};
    iam_world_open(&w);
    struct server server = {
        .config = &w.config, .store = w.store, .identities = w.ids, .access = access_cache_create()};
    struct req r = {.conn = &conn, .server = &server, .now_ms = w.now_ms};
    make_request(&r, arena_create(CONN_ARENA_FIRST), slots);
    r.who.principal = make_user(&w, kind);
    printf("%s\t%.0f\n", names[kind], measure(&r));
    arena_free(r.arena);
    parsed_cache_free(&server.access);
    iam_world_close(&w);
}

int main(void)
{
    for (enum kind k = 0; k < KINDS; k++)
        run(k);
    return 0;
}
