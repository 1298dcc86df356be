/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail admin` about the server itself: status, health, trace, logs, buckets and their quotas. Threads: the first one;
 * admin_trace_show's callback runs inside its request.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/commands.h"
#include "admin/url.h"
#include "base/check.h"
#include "http_client.h"

#define STATUS_PATH    "/pail/v1/status"
#define BUCKETS_PATH   "/pail/v1/buckets"
#define LOGS_PATH      "/pail/v1/logs"
#define QUOTA_SET      "/minio/admin/v3/set-bucket-quota?bucket="
#define HEALTH_TIMEOUT 5u
#define LOGS_LIMIT     100u
#define MD5_LEN        16
#define PAGE_TEXT      "1000"
#define TRACE_ROOM     (32u << 20) /* bytes until a trace is asked for anew */
#define TRACE_IDLE_MS  60000u      /* the server sends something every few seconds */

static double real_at(const json_t *j, const char *path)
{
    return json_number_value(admin_at(j, path));
}

static const char *size_at(const json_t *j, const char *path, struct arena *a)
{
    return admin_text_of(j, path, ADMIN_SIZE, a);
}

static const char *text_at(const json_t *j, const char *path, struct arena *a)
{
    return admin_text_of(j, path, ADMIN_TEXT, a);
}

static int read_number(struct remote_call *c, const char *flag, uint64_t min, uint64_t max, uint64_t otherwise,
                       uint64_t *ret)
{
    const char *text = admin_flag(c, flag);
    *ret = otherwise;
    if (!text || (bytes_to_u64(bytes_str(text), max, ret) && *ret >= min))
        return 0;
    return admin_misuse(
        c, arena_printf(c->arena, "--%s takes a number from %" PRIu64 " to %" PRIu64 ", not", flag, min, max), text);
}

static const char *encoded(struct remote_call *c, const char *text)
{
    return bytes_cstr(c->arena, url_encode(c->arena, bytes_str(text), false));
}

/* ---- status and health ---- */

static void print_usage(const json_t *j, struct arena *a)
{
    printf("Stored       %s objects, %s", text_at(j, "usage.objects", a), size_at(j, "usage.bytes", a));
    if (real_at(j, "usage.noncurrentVersions") > 0)
        printf("; of that %s old versions, %s", text_at(j, "usage.noncurrentVersions", a),
               size_at(j, "usage.noncurrentVersionBytes", a));
    if (real_at(j, "usage.uploads") > 0)
        printf("; %s uploads under way, %s", text_at(j, "usage.uploads", a), size_at(j, "usage.partBytes", a));
    puts("");
}

static void print_traffic(const json_t *j, struct arena *a)
{
    char in[32], out[32];
    printf("Requests     %.1f/s, %s of them failed (4xx %s, 5xx %s), half within %.1f ms, 99 %% within %.1f ms\n",
           real_at(j, "traffic.requestsPerSecond"),
           real_at(j, "traffic.successRate") < 1 && json_is_number(admin_at(j, "traffic.successRate"))
               ? arena_printf(a, "%.2f %%", 100 * (1 - real_at(j, "traffic.successRate")))
               : "none",
           text_at(j, "traffic.errors4xx", a), text_at(j, "traffic.errors5xx", a),
           1000 * real_at(j, "traffic.latency.p50Seconds"), 1000 * real_at(j, "traffic.latency.p99Seconds"));
    printf("Traffic      %s/s in, %s/s out\n", size_text((uint64_t)real_at(j, "traffic.receivedBytesPerSecond"), in),
           size_text((uint64_t)real_at(j, "traffic.sentBytesPerSecond"), out));
}

static void print_status(const struct remote_call *c, const json_t *j)
{
    struct arena *a = c->arena;
    double total = real_at(j, "space.totalBytes");
    printf("Server       %s, Pail %s, up %s\n", c->at.endpoint, text_at(j, "version", a),
           admin_duration(real_at(j, "uptimeSeconds"), a));
    printf("Serves       reads: %s, writes: %s\n", text_at(j, "reads", a), text_at(j, "writes", a));
    printf("Disk         %s free of %s (%.0f %%)\n", size_at(j, "space.freeBytes", a),
           size_at(j, "space.totalBytes", a), total > 0 ? 100 * real_at(j, "space.freeBytes") / total : 0.0);
    printf("Buckets      %s\n", text_at(j, "buckets", a));
    print_usage(j, a);
    print_traffic(j, a);
    printf("Connections  %s open, %s refused so far\n", text_at(j, "connections.open", a),
           text_at(j, "connections.refused", a));
    printf("Workers      %s of %s busy, %s requests waiting\n", text_at(j, "workers.busy", a),
           text_at(j, "workers.threads", a), text_at(j, "workers.waiting", a));
    printf("Index        %s used%s\n", size_at(j, "index.usedBytes", a),
           json_is_true(admin_at(j, "index.failed")) ? ", FAILED: nothing can be written"
           : json_is_true(admin_at(j, "index.full")) ? ", FULL: nothing can be written"
                                                     : "");
}

/* 1 when it does not serve as it should, so that scripts need not read. */
int admin_status(struct remote_call *c)
{
    json_t *j;
    if (admin_json(c, "GET", STATUS_PATH, BYTES_NONE, &j) != 0)
        return 1;
    bool serves = json_is_true(json_object_get(j, "reads")) && json_is_true(json_object_get(j, "writes"));
    if (!c->json)
        print_status(c, j);
    else if (admin_print_json(json_incref(j)) != 0)
        serves = false;
    json_decref(j);
    return serves ? 0 : 1;
}

static const char *variable(const char *name, const char *minio, const char *otherwise)
{
    const char *value = getenv(name);
    if (!value || !*value)
        value = getenv(minio);
    return value && *value ? value : otherwise;
}

/* Where the server listens that has the same environment; every address of this machine means the machine itself. */
static const char *local_endpoint(struct arena *a)
{
    const char *address = variable("PAIL_ADDRESS", "MINIO_ADDRESS", ":9000"), *colon = strrchr(address, ':');
    const char *scheme = *variable("PAIL_CERTS_DIR", "MINIO_CERTS_DIR", "") ? "https" : "http";
    struct bytes host = bytes_of(address, colon ? (size_t)(colon - address) : strlen(address));
    if (!host.n || bytes_eq_str(host, "0.0.0.0"))
        host = BYTES_LIT("127.0.0.1");
    else if (bytes_eq_str(host, "[::]"))
        host = BYTES_LIT("[::1]");
    return arena_printf(a, "%s://%.*s:%s", scheme, (int)host.n, host.p, colon ? colon + 1 : "9000");
}

int admin_health(struct remote_call *c)
{
    struct http_client_reply reply = {0};
    char error[256] = "";
    uint64_t seconds;
    bool live = admin_flag(c, "live") != NULL, local = admin_flag(c, "local") != NULL;
    const char *endpoint = local ? local_endpoint(c->arena) : c->at.endpoint;
    if (read_number(c, "timeout", 1, 300, HEALTH_TIMEOUT, &seconds) != 0)
        return 2;
    struct http_client_request q = {.url =
                                        arena_printf(c->arena, "%s/pail/health/%s", endpoint, live ? "live" : "ready"),
                                    .timeout_ms = (unsigned)seconds * 1000,
                                    .ca_file = c->at.ca_file,
                                    .unverified = local};
    bool good = http_client_send(&q, c->arena, &reply, error) && reply.status == 200;
    if (c->json)
        return admin_print_json(
                   json_pack("{s:b,s:i,s:s}", "healthy", (int)good, "status", reply.status, "error", error)) != 0 ||
               !good;
    if (!good && reply.status)
        fprintf(stderr, "pail: %s answered with status %d: it is not ready to serve\n", q.url, reply.status);
    else if (!good)
        fprintf(stderr, "pail: %s\n", error);
    else
        printf("%s %s.\n", endpoint, live ? "is alive" : "is ready");
    return good ? 0 : 1;
}

/* ---- trace ---- */

struct tracing {
    struct remote_call *c;
    char *text;
    size_t at;      /* where the line begins that is not printed yet */
    uint64_t count; /* lines still wanted; 0: no bound */
    bool done, broken;
};

static void print_trace(struct remote_call *c, const char *line, size_t n)
{
    char path[256];
    json_t *j = json_loadb(line, n, 0, NULL);
    struct arena *a = arena_create(0);
    const char *name = text_at(j, "funcname", a), *dot = strchr(name, '.');
    const char *query = json_string_value(admin_at(j, "http.request.rawquery"));
    const char *where = json_string_value(json_object_get(j, "path"));
    const char *whole = arena_printf(a, "%s%s%s", where ? where : "", query && *query ? "?" : "", query ? query : "");
    if (c->json)
        printf("%.*s\n", (int)n, line);
    else if (!admin_at(j, "http"))
        printf("%s\n", text_at(j, "msg", a));
    else
        printf("%s  %s  %-24s %-6s %8.1f ms %10s  %-15s  %s%s%s\n", text_at(j, "time", a),
               text_at(j, "http.response.statuscode", a), dot ? dot + 1 : name, text_at(j, "http.request.method", a),
               real_at(j, "dur") / 1e6, size_at(j, "bytes", a), text_at(j, "http.request.client", a),
               key_text(bytes_str(whole), path), admin_at(j, "error") ? "  " : "",
               admin_at(j, "error") ? text_at(j, "error", a) : "");
    json_decref(j);
    arena_free(a);
}

/* Prints the lines that are complete; the room was zero before, so a zero is where the text ends so far. */
static bool on_moved(void *arg, uint64_t bytes)
{
    struct tracing *t = arg;
    (void)bytes;
    for (;;) {
        char *line = t->text + t->at, *end = memchr(line, '\0', TRACE_ROOM - t->at);
        size_t n = end ? (size_t)(end - line) : TRACE_ROOM - t->at, blank = strspn(line, " \r");
        char *newline = memchr(line, '\n', n);
        if (!newline)
            break;
        if (line + blank < newline)
            print_trace(t->c, line + blank, (size_t)(newline - line) - blank);
        t->at = (size_t)(newline + 1 - t->text);
        if (t->count > 0 && line + blank < newline && --t->count == 0)
            t->done = true;
        if (t->done)
            break;
    }
    t->broken = fflush(stdout) != 0;
    return !t->done && !t->broken && t->at < TRACE_ROOM / 2;
}

static const char *trace_path(struct remote_call *c)
{
    const char *threshold = admin_flag(c, "threshold");
    return arena_printf(c->arena, "%s/minio/admin/v3/trace?s3=true&internal=%s&err=%s%s%s", c->at.endpoint,
                        admin_flag(c, "all") ? "true" : "false", admin_flag(c, "errors") ? "true" : "false",
                        threshold ? "&threshold=" : "", threshold ? encoded(c, threshold) : "");
}

/* Until enough was seen, or the server ends it. 0: it is to be asked for anew. */
static int trace_once(struct tracing *t, const char *url, char error[256])
{
    struct remote_call *c = t->c;
    struct http_client_reply reply = {0};
    struct http_client_request q = {.url = url,
                                    .idle_ms = TRACE_IDLE_MS,
                                    .into = t->text,
                                    .into_room = TRACE_ROOM - 1,
                                    .moved = on_moved,
                                    .moved_arg = t,
                                    .ca_file = c->at.ca_file,
                                    .access_key = c->at.access_key,
                                    .secret_key = c->at.secret_key,
                                    .session_token = c->at.token,
                                    .region = c->at.region};
    if (!http_client_send(&q, c->arena, &reply, error))
        return t->done || t->broken || t->at < TRACE_ROOM / 2;
    if (reply.status / 100 != 2) {
        struct bytes again;
        return admin_send(c, "GET", url + strlen(c->at.endpoint), NULL, BYTES_NONE, &again) + 1;
    }
    snprintf(error, 256, "the server has ended the trace");
    return 1;
}

int admin_trace_show(struct remote_call *c)
{
    struct tracing t = {.c = c};
    char error[256] = "";
    int rc = 0;
    if (read_number(c, "count", 1, UINT32_MAX, 0, &t.count) != 0)
        return 2;
    const char *url = trace_path(c);
    while (rc == 0) {
        t.at = 0;
        t.text = xcalloc(1, TRACE_ROOM);
        rc = trace_once(&t, url, error);
        free(t.text);
    }
    if (t.done || rc == 2)
        return t.done ? 0 : 1;
    return admin_fail(t.broken ? "the answer cannot be written" : error);
}

/* ---- logs ---- */

int admin_logs_show(struct remote_call *c)
{
    json_t *j, *lines;
    uint64_t limit;
    const char *level = admin_flag(c, "level");
    if (read_number(c, "limit", 1, 1000, LOGS_LIMIT, &limit) != 0)
        return 2;
    if (admin_json(c, "GET",
                   arena_printf(c->arena, LOGS_PATH "?limit=%" PRIu64 "%s%s", limit, level ? "&level=" : "",
                                level ? encoded(c, level) : ""),
                   BYTES_NONE, &j) != 0)
        return 1;
    lines = json_object_get(j, "lines");
    if (c->json) {
        json_incref(lines);
        json_decref(j);
        return admin_print_json(lines);
    }
    for (size_t i = json_array_size(lines); i-- > 0;) {
        const json_t *line = json_array_get(lines, i);
        printf("%s  %-5s  %s\n", text_at(line, "time", c->arena), text_at(line, "level", c->arena),
               text_at(line, "message", c->arena));
    }
    json_decref(j);
    return 0;
}

/* ---- buckets ---- */

/* What is a name of a bucket goes into a path. */
static bool is_bucket(struct remote_call *c, const char *name)
{
    size_t n = strlen(name);
    if (n < 256 && *name != '.' &&
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == n)
        return true;
    admin_misuse(c, "this is no name of a bucket:", name);
    return false;
}

int admin_buckets_list(struct remote_call *c)
{
    static const struct admin_column columns[] = {
        {"NAME", "name", ADMIN_TEXT},           {"OBJECTS", "usage.objects", ADMIN_NUMBER},
        {"SIZE", "usage.bytes", ADMIN_SIZE},    {"QUOTA", "quotaBytes", ADMIN_SIZE},
        {"VERSIONS", "versioning", ADMIN_TEXT}, {"LOCK", "objectLock", ADMIN_YES},
        {"CREATED", "created", ADMIN_TEXT}};
    const char *prefix = admin_flag(c, "prefix"), *after = "";
    json_t *rows = json_array();
    for (unsigned page = 0; after && page < ADMIN_PAGES_MAX; page++) {
        json_t *j;
        const char *path = arena_printf(c->arena, BUCKETS_PATH "?limit=" PAGE_TEXT "%s%s%s%s", *after ? "&after=" : "",
                                        encoded(c, after), prefix ? "&prefix=" : "", prefix ? encoded(c, prefix) : "");
        if (admin_json(c, "GET", path, BYTES_NONE, &j) != 0) {
            json_decref(rows);
            return 1;
        }
        const json_t *list = json_object_get(j, "buckets");
        for (size_t i = 0; i < json_array_size(list); i++)
            json_array_append(rows, json_array_get(list, i));
        const char *next = json_string_value(json_object_get(j, "next"));
        after = next && *next ? bytes_cstr(c->arena, bytes_str(next)) : NULL;
        json_decref(j);
    }
    return admin_print_rows(c, rows, columns, ARRAY_LEN(columns));
}

int admin_buckets_show(struct remote_call *c)
{
    static const struct admin_column columns[] = {
        {"Name", "name", ADMIN_TEXT},
        {"Created", "created", ADMIN_TEXT},
        {"Owner", "owner", ADMIN_TEXT},
        {"Versions", "versioning", ADMIN_TEXT},
        {"Object lock", "objectLock", ADMIN_YES},
        {"Quota", "quotaBytes", ADMIN_SIZE},
        {"Size", "usage.bytes", ADMIN_SIZE},
        {"Objects", "usage.objects", ADMIN_NUMBER},
        {"Old versions", "usage.noncurrentVersions", ADMIN_NUMBER},
        {"Size of those", "usage.noncurrentVersionBytes", ADMIN_SIZE},
        {"Delete markers", "usage.deleteMarkers", ADMIN_NUMBER},
        {"Uploads", "usage.uploads", ADMIN_NUMBER},
        {"Requests/s", "traffic.requestsPerSecond", ADMIN_NUMBER},
    };
    json_t *j;
    if (!is_bucket(c, c->words[0]))
        return 2;
    if (admin_json(c, "GET", arena_printf(c->arena, BUCKETS_PATH "/%s", c->words[0]), BYTES_NONE, &j) != 0)
        return 1;
    return admin_print_one(c, j, columns, ARRAY_LEN(columns));
}

static int keep_versions(struct remote_call *c)
{
    static const char doc[] = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    unsigned char digest[MD5_LEN];
    char md5[MD5_LEN * 2] = ""; /* of base64 */
    struct bytes answer;
    CHECK(EVP_Digest(doc, sizeof doc - 1, digest, NULL, EVP_md5(), NULL) == 1);
    base64_encode(digest, sizeof digest, md5);
    struct http_client_header header = {"Content-MD5", md5};
    struct http_client_request q = {.method = "PUT", .body = bytes_str(doc), .headers = &header, .n_headers = 1};
    return admin_send_request(c, q, arena_printf(c->arena, "/%s?versioning=", c->words[0]), &answer);
}

int admin_buckets_create(struct remote_call *c)
{
    struct http_client_header lock = {"x-amz-bucket-object-lock-enabled", "true"};
    struct bytes answer;
    if (!is_bucket(c, c->words[0]))
        return 2;
    struct http_client_request q = {
        .method = "PUT", .headers = &lock, .n_headers = admin_flag(c, "object-lock") ? 1 : 0};
    int rc = admin_send_request(c, q, arena_printf(c->arena, "/%s", c->words[0]), &answer);
    if (rc == 0 && admin_flag(c, "versions") && !admin_flag(c, "object-lock"))
        rc = keep_versions(c);
    return rc != 0 ? rc : admin_print_done(c, "created", c->words[0]);
}

int admin_buckets_delete(struct remote_call *c)
{
    struct bytes answer;
    if (!is_bucket(c, c->words[0]))
        return 2;
    int rc = admin_send(c, "DELETE", arena_printf(c->arena, "/%s", c->words[0]), NULL, BYTES_NONE, &answer);
    return rc != 0 ? rc : admin_print_done(c, "deleted", c->words[0]);
}

/* ---- quotas ---- */

int admin_quota_show(struct remote_call *c)
{
    json_t *j;
    if (!is_bucket(c, c->words[0]))
        return 2;
    if (admin_json(c, "GET", arena_printf(c->arena, BUCKETS_PATH "/%s", c->words[0]), BYTES_NONE, &j) != 0)
        return 1;
    static const struct admin_column columns[] = {
        {"Bucket", "bucket", ADMIN_TEXT}, {"Quota", "quotaBytes", ADMIN_SIZE}, {"Used", "usedBytes", ADMIN_SIZE}};
    json_t *quota = json_object_get(j, "quotaBytes");
    json_t *row =
        json_pack("{s:s,s:O,s:O}", "bucket", c->words[0], "quotaBytes", quota, "usedBytes", admin_at(j, "usage.bytes"));
    json_decref(j);
    return admin_print_one(c, row, columns, ARRAY_LEN(columns));
}

static int set_quota(struct remote_call *c, uint64_t size, const char *done)
{
    json_t *j;
    if (!is_bucket(c, c->words[0]))
        return 2;
    struct bytes body = size ? arena_bytesf(c->arena, "{\"quota\":%" PRIu64 ",\"quotatype\":\"hard\"}", size)
                             : BYTES_LIT("{\"quota\":0}");
    if (admin_json(c, "PUT", arena_printf(c->arena, QUOTA_SET "%s", c->words[0]), body, &j) != 0)
        return 1;
    json_decref(j);
    return admin_print_done(c, done, c->words[0]);
}

int admin_quota_set(struct remote_call *c)
{
    uint64_t size;
    char text[32];
    if (!admin_read_size(c->words[1], &size) || size == 0)
        return admin_misuse(c, "this is no size such as 500GiB:", c->words[1]);
    return set_quota(c, size, arena_printf(c->arena, "may hold %s", size_text(size, text)));
}

int admin_quota_clear(struct remote_call *c)
{
    return set_quota(c, 0, "has no quota");
}
