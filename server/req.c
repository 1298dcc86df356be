/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's life, as a table that can be read aloud: locate, route, authenticate, find the bucket, authorize, admit,
 * execute. The order of the checks is AWS's (malformed before routing before authentication before existence before
 * authorisation before syntax), because clients and tests rely on which error comes first.
 *
 * Invariants: nothing of the body is read before the request is admitted, and "100 Continue" is said only then. A
 * handler runs once. Whatever fails, exactly one reply goes out.
 * Threads: the loop's; run_document and the body functions for workers say so.
 */
#include "server/req.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "server/access_log.h"
#include "server/audit.h"
#include "server/addr_limit.h"
#include "server/admin_api/trace.h"
#include "server/authorize.h"
#include "server/conn.h"
#include "server/form.h"
#include "server/iam/identities.h"
#include "server/metrics.h"
#include "server/ops.h"
#include "server/pool.h"
#include "server/recent.h"
#include "server/respond.h"
#include "server/scrape_memory.h"
#include "server/server.h"
#include "server/xml/parse.h"
#include "server/xml/render.h"

#define HEADERS_MAX_BYTES   (64 * 1024) /* of a reply */
#define HEADERS_USUAL_BYTES 768
#define DOCUMENT_FREE_BYTES (64 * 1024) /* of a request, that count for nothing */
#define DOCUMENT_SHARES     8           /* once memory is short, an address may have this part of it */

/* ---- birth ---- */

static void make_ids(struct req *r)
{
    static const char digits[] = "0123456789ABCDEF";
    static _Thread_local uint64_t state;
    uint64_t random[6]; /* ids need to differ, not to be secret: a cheap generator (splitmix64), seeded once a thread */
    if (state == 0)
        state = rand_u64() | 1;
    for (size_t i = 0; i < ARRAY_LEN(random); i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        random[i] = z ^ z >> 31;
    }
    for (size_t i = 0; i < REQ_ID_TEXT; i++)
        r->id[i] = digits[random[0] >> (4 * i) & 15];
    base64_encode(random + 1, 40, r->host_id);
}

struct req *req_begin(struct conn *c)
{
    struct req *r = arena_new(c->arena, struct req);
    const struct config *cfg = c->loop->server->config;
    r->conn = c;
    r->server = c->loop->server;
    r->arena = c->arena;
    r->began_ns = clock_mono_ns();
    r->now_ms = clock_wall_ms();
    make_ids(r);
    struct http_limits limits = {.max_request_line = (uint32_t)cfg->max_uri_bytes + 32,
                                 .max_header_bytes = (uint32_t)cfg->max_header_bytes,
                                 .max_headers = (uint32_t)cfg->max_headers};
    http_head_init(&r->head, &limits, arena_alloc(r->arena, cfg->max_headers * sizeof(struct http_header)));
    buf_init(&r->resp.headers, HEADERS_MAX_BYTES);
    buf_reserve(&r->resp.headers, HEADERS_USUAL_BYTES); /* not in steps */
    buf_init(&r->resp.doc, REQ_DOC_MAX);
    buf_init(&r->body, 0);
    return r;
}

/* ---- memory of documents ---- */

static void discharge(struct req *r, size_t n)
{
    if (n == 0)
        return;
    atomic_fetch_sub(&r->server->document_bytes, n);
    addr_limit_release(r->server->addresses, &r->conn->peer, n);
    r->charged -= n;
}

/*
 * A client that sends or takes a large document slowly makes us hold it (for a bounded time, see conn.c): all together
 * may hold no more than a setting says. Once they hold half of that, the rest is for addresses that hold little, so
 * that no one can keep everybody else out. False: not this one. On the thread that has the request.
 */
static bool charge_documents(struct req *r)
{
    size_t held = r->body.cap + r->resp.doc.cap, max = (size_t)r->server->config->document_memory_mib << 20;
    if (held <= DOCUMENT_FREE_BYTES || held <= r->charged)
        return true;
    size_t more = held - r->charged, all = atomic_fetch_add(&r->server->document_bytes, more) + more;
    size_t mine = addr_limit_hold(r->server->addresses, &r->conn->peer, more);
    r->charged = held;
    if (all <= max / 2 || (all <= max && mine <= max / DOCUMENT_SHARES))
        return true;
    discharge(r, more);
    return false;
}

/* ---- the end ---- */

struct closing {
    struct pool_job job;
    struct store_write *write;
};

static void close_job(struct pool_job *j)
{
    struct closing *c = (struct closing *)((char *)j - offsetof(struct closing, job));
    store_write_close(&c->write);
    free(c);
}

/* Letting go of an abandoned upload's bytes can take the file system a second: a worker waits for that. */
static void close_write(struct req *r)
{
    if (!r->write || store_write_fits(r->write, 0) || !r->server->pool) { /* no pool: the server stops, on one thread */
        store_write_close(&r->write);
        return;
    }
    struct closing *c = xcalloc(1, sizeof *c);
    c->job.run = close_job;
    c->write = r->write;
    r->write = NULL;
    pool_submit(r->server->pool, &c->job, true);
}

void req_end(struct req *r)
{
    r->ended_ns = clock_mono_ns();
    access_log_request(r);
    if (r->console != CONSOLE_PAGE) { /* those are no requests to the store */
        metrics_end(r);
        audit_request(r->server->audit, r);
        trace_request(r);
        recent_request(r->server->recent, r);
    }
    console_ended(r);
    trace_end(&r->resp.trace);
    store_read_close(&r->resp.read);
    close_write(r);
    buf_fini(&r->resp.headers);
    scrape_memory_give(r);
    buf_fini(&r->resp.doc);
    buf_fini(&r->body);
    discharge(r, r->charged);
}

/* ---- errors ---- */

int req_fail(struct req *r, enum s3_error code)
{
    r->err = (struct req_error){.code = code};
    buf_reset(&r->resp.headers); /* they belonged to the reply that it was going to be */
    return -1;
}

int req_failf(struct req *r, enum s3_error code, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    req_fail(r, code);
    r->err.message = bytes_cstr(r->arena, bytes_str(text));
    return -1;
}

int req_extra(struct req *r, const char *name, struct bytes value)
{
    CHECK(r->err.n_extras < REQ_EXTRAS);
    r->err.extras[r->err.n_extras++] = (struct s3_error_extra){name, value};
    return -1;
}

int req_fail_argument(struct req *r, const char *name, struct bytes value, const char *message)
{
    req_fail(r, S3E_INVALID_ARGUMENT);
    r->err.message = message;
    req_extra(r, "ArgumentName", bytes_str(name));
    return req_extra(r, "ArgumentValue", value);
}

int req_fail_store(struct req *r, int rc)
{
    req_fail(r, s3_error_of_store(rc));
    if (rc == STORE_NO_SUCH_BUCKET || rc == STORE_BUCKET_NOT_EMPTY)
        req_extra(r, "BucketName", r->bucket_name);
    else if (rc == STORE_NO_SUCH_KEY)
        req_extra(r, "Key", r->key);
    else if (rc == STORE_NO_SUCH_UPLOAD)
        req_extra(r, "UploadId", req_param(r, "uploadId"));
    else if (rc == STORE_LOCKED)
        r->err.message = REQ_LOCKED;
    else if (rc == STORE_NO_LOCK)
        r->err.message = "Bucket is missing Object Lock Configuration";
    if (s3_error_status(r->err.code) >= 500)
        access_log_trouble("request", r, store_rc_name(rc));
    return -1;
}

static int fail_auth(struct req *r, const struct auth_error *e)
{
    enum s3_error code = s3_error_find(bytes_str(e->code));
    CHECK(code != S3E_OK); /* a unit test walks the verifier's codes */
    req_fail(r, code);
    r->err.message = e->message.n ? bytes_cstr(r->arena, e->message) : NULL;
    for (size_t i = 0; i < e->extra_count; i++)
        req_extra(r, e->extras[i].name, e->extras[i].value);
    return -1;
}

/* ---- what handlers ask ---- */

struct bytes req_param(const struct req *r, const char *name)
{
    const struct query_param *p = query_get(&r->query, name);
    if (!p)
        return BYTES_NONE;
    return p->value.p ? p->value : BYTES_LIT("");
}

bool req_has_param(const struct req *r, const char *name)
{
    return query_has(&r->query, name);
}

/* Headers that tell what is to be stored and how. */
static bool is_of_object(struct bytes name)
{
    return bytes_starts(name, BYTES_LIT("x-amz-")) || bytes_starts(name, BYTES_LIT("content-")) ||
           bytes_starts(name, BYTES_LIT("if-")) || bytes_eq_str(name, "cache-control") || bytes_eq_str(name, "expires");
}

struct bytes req_header(const struct req *r, const char *name)
{
    struct bytes n = bytes_str(name);
    if (r->form && is_of_object(n)) /* what a form's own headers say is not about the object */
        return form_header(r->form, n);
    const struct http_header *h = http_head_find(&r->head, n, 0);
    if (h)
        return h->value;
    if (r->hoisted && bytes_starts(n, BYTES_LIT("x-amz-")))
        for (size_t i = 0; i < r->query.n; i++) /* hoisted: the name keeps the case that the SDK gave it */
            if (bytes_eq_nocase(r->query.params[i].name, n))
                return r->query.params[i].value.p ? r->query.params[i].value : BYTES_LIT("");
    return BYTES_NONE;
}

int resp_rendered(struct req *r)
{
    if (r->resp.doc.failed)
        return req_fail(r, S3E_INTERNAL_ERROR);
    r->resp.content_type = "application/xml";
    r->resp.body = buf_bytes(&r->resp.doc);
    r->resp.length = r->resp.doc.n;
    return 0;
}

int resp_document(struct req *r, const struct xml_doc *doc, const void *object)
{
    xml_render(&r->resp.doc, doc, object);
    return resp_rendered(r);
}

int req_document(struct req *r, const struct xml_doc *doc, void *ret)
{
    struct xml_fault fault = {0};
    enum s3_error code = xml_parse(buf_bytes(&r->body), doc, r->arena, ret, &fault);
    if (code == S3E_OK)
        return 0;
    req_fail(r, code);
    r->err.message = fault.message;
    if (fault.argument) {
        req_extra(r, "ArgumentName", bytes_str(fault.argument));
        req_extra(r, "ArgumentValue", fault.value);
    }
    return -1;
}

/* ---- steps ---- */

/* Names below these are buckets; by the console's listener there are none. */
static size_t n_domains(const struct req *r)
{
    return r->conn->console ? 0 : r->server->n_domains;
}

enum step_result { STEP_NEXT, STEP_WAIT, STEP_FAIL };

static enum step_result fail_uri(struct req *r, enum uri_error why)
{
    if (why == URI_KEY_TOO_LONG) {
        req_fail(r, S3E_KEY_TOO_LONG);
        req_extra(r, "MaxSizeAllowed", arena_bytesf(r->arena, "%d", STORE_KEY_MAX));
        return STEP_FAIL;
    }
    req_fail(r, S3E_INVALID_URI);
    r->err.message = uri_error_text(why);
    req_extra(r, "URI", r->head.target);
    return STEP_FAIL;
}

static enum step_result step_locate(struct req *r)
{
    struct uri_parts parts;
    struct s3_target target;
    enum uri_error rc = uri_split(r->head.target, &parts);
    if (rc == URI_OK && r->conn->console)
        console_locate(r, &parts);
    if (rc == URI_OK)
        r->raw_path = parts.path;
    if (rc == URI_OK && r->console == CONSOLE_PAGE)
        return STEP_NEXT;
    if (rc == URI_OK)
        rc = uri_s3_target(r->arena, parts.path, r->head.host, r->server->domains, n_domains(r), &target);
    if (rc == URI_OK)
        rc = query_parse(r->arena, parts.query, &r->query);
    if (rc != URI_OK)
        return fail_uri(r, rc);
    r->on_bucket = target.bucket.n > 0;
    r->on_object = target.key.n > 0;
    r->bucket_name = target.bucket;
    r->key = target.key;
    return STEP_NEXT;
}

static enum step_result step_route(struct req *r)
{
    enum s3_error why;
    if (r->console == CONSOLE_PAGE)
        return STEP_NEXT;
    r->op = op_match(r, &why);
    if (r->op) {
        metrics_begin(r);
        if (console_admit(r) < 0)
            return STEP_FAIL;
        if (r->op->level == ON_OWN || (r->op->flags & OP_QUERY) || !atomic_load(&r->server->frozen))
            return STEP_NEXT;
        req_failf(r, S3E_SERVICE_UNAVAILABLE, "An administrator has frozen this server. Please try again later.");
        resp_header(r, "Retry-After", BYTES_LIT("5"));
        return STEP_FAIL;
    }
    req_fail(r, why);
    if (why == S3E_METHOD_NOT_ALLOWED) {
        req_extra(r, "Method", r->head.method_text);
        req_extra(r, "ResourceType", bytes_str(r->on_object ? "OBJECT" : r->on_bucket ? "BUCKET" : "SERVICE"));
    }
    return STEP_FAIL;
}

/* The parameters that every presigned query has: they stand for no header. */
static bool is_of_signature(struct bytes name)
{
    static const struct bytes names[] = {{"X-Amz-Algorithm", 15}, {"X-Amz-Credential", 16},
                                         {"X-Amz-Date", 10},      {"X-Amz-SignedHeaders", 19},
                                         {"X-Amz-Expires", 13},   {"X-Amz-Signature", 15}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name.n == names[i].n && bytes_eq(name, names[i]))
            return true;
    return false;
}

/*
 * SDKs hoist x-amz-* headers into presigned queries, where they may hold any byte. They must be what a header line can
 * carry: metadata goes out as header lines again.
 */
static bool hoisted_are_headers(struct req *r)
{
    for (size_t i = 0; i < r->query.n; i++) {
        struct bytes name = r->query.params[i].name, value = r->query.params[i].value;
        bool clean = true;
        if (!bytes_starts_str_nocase(name, "x-amz-") || is_of_signature(name))
            continue;
        r->hoisted = true;
        for (size_t k = 0; k < name.n; k++)
            clean &= name.p[k] > ' ' && name.p[k] < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", name.p[k]);
        for (size_t k = 0; k < value.n; k++)
            clean &= ((unsigned char)value.p[k] >= ' ' || value.p[k] == '\t') && value.p[k] != 0x7f;
        if (!clean) {
            req_fail_argument(r, "x-amz-*", name, "This parameter cannot be represented as a header.");
            return false;
        }
    }
    return true;
}

/* Nobody may dress up somebody else's public object: response-* is for those who sign. */
static bool anonymous_overrides(const struct req *r)
{
    if (r->auth.mechanism != AUTH_ANONYMOUS || r->op->level != ON_OBJECT)
        return false;
    for (size_t i = 0; i < r->query.n; i++)
        if (bytes_starts(r->query.params[i].name, BYTES_LIT("response-")))
            return true;
    return false;
}

/* The bucket that Host names, which a signature of version 2 has in front of the path. */
static struct bytes bucket_of_host(struct req *r)
{
    struct s3_target target;
    if (n_domains(r) == 0 ||
        uri_s3_target(r->arena, r->raw_path, r->head.host, r->server->domains, n_domains(r), &target) != URI_OK)
        return BYTES_NONE;
    return target.virtual_host ? target.bucket : BYTES_NONE;
}

/* IAM, STS and what is the server's own are signed for whatever region the client thinks them in, or for none. */
static struct auth_config verifier_settings(struct req *r)
{
    static const char *const services[] = {"s3", NULL}, *const of_queries[] = {"sts", "iam", NULL};
    const struct config *cfg = r->server->config;
    bool query = r->op->flags & OP_QUERY, anywhere = query || r->op->level == ON_OWN;
    return (struct auth_config){.required_region = *cfg->region && !anywhere ? cfg->region : NULL,
                                .services = query ? of_queries : services,
                                .lookup = identity_lookup,
                                .lookup_ctx = r};
}

/* The head of a form upload was anonymous; what it said about the body stays as it is. */
int req_authenticate_form(struct req *r, const struct auth_param *fields, size_t n)
{
    struct auth_config ac = verifier_settings(r);
    struct auth_result head = r->auth;
    enum auth_status status = auth_verify_form(&ac, fields, n, r->now_ms, r->arena, &r->auth);
    r->auth.payload = head.payload;
    memcpy(r->auth.payload_sha256, head.payload_sha256, sizeof r->auth.payload_sha256);
    if (status != AUTH_OK)
        return fail_auth(r, &r->auth.error);
    identity_from_auth(r, &r->who);
    return 0;
}

/* 0, -1, or 1: the signature covers a hash that only the body can tell. */
static int verify(struct req *r, const unsigned char *body_sha256)
{
    struct auth_config ac = verifier_settings(r);
    if (r->op->flags & OP_PUBLIC) {
        r->who.anonymous = true;
        return STEP_NEXT;
    }
    struct auth_header *headers = arena_alloc(r->arena, r->head.header_count * sizeof *headers);
    for (unsigned i = 0; i < r->head.header_count; i++)
        headers[i] = (struct auth_header){r->head.headers[i].name, r->head.headers[i].value};
    struct auth_param *params = arena_alloc(r->arena, r->query.n * sizeof *params);
    for (size_t i = 0; i < r->query.n; i++)
        params[i] = (struct auth_param){r->query.params[i].name, r->query.params[i].value};
    struct auth_request ar = {.method = r->head.method_text,
                              .raw_path = r->raw_path,
                              .params = params,
                              .param_count = r->query.n,
                              .headers = headers,
                              .header_count = r->head.header_count,
                              .host_bucket = bucket_of_host(r),
                              .now_ms = r->now_ms,
                              .body_sha256 = body_sha256};
    enum auth_status status = auth_verify(&ac, &ar, r->arena, &r->auth);
    if (status == AUTH_NEED_BODY)
        return 1;
    if (status != AUTH_OK)
        return fail_auth(r, &r->auth.error);
    identity_from_auth(r, &r->who);
    return 0;
}

int req_authenticate_body(struct req *r)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!r->unverified)
        return 0;
    CHECK(EVP_Digest(r->body.n ? r->body.p : "", r->body.n, digest, NULL, EVP_sha256(), NULL) == 1);
    r->unverified = false;
    return verify(r, digest) == 0 ? 0 : -1;
}

static enum step_result step_authenticate(struct req *r)
{
    if (r->op->flags & OP_PUBLIC) {
        r->who.anonymous = true;
        r->who.principal = principal_anonymous();
        return console_check_caller(r) < 0 ? STEP_FAIL : STEP_NEXT;
    }
    int rc = verify(r, NULL);
    if (rc < 0)
        return STEP_FAIL;
    if (rc > 0) { /* queries alone are signed so: their handler asks again */
        r->auth = (struct auth_result){.mechanism = r->auth.mechanism, .access_key = r->auth.access_key};
        r->who = (struct identity){.anonymous = true, .principal = principal_anonymous()};
        r->unverified = true;
        return STEP_NEXT;
    }
    if (console_check_caller(r) < 0)
        return STEP_FAIL;
    if (anonymous_overrides(r)) {
        req_failf(r, S3E_INVALID_REQUEST,
                  "Request specific response headers cannot be used for anonymous GET requests.");
        return STEP_FAIL;
    }
    bool presigned = r->auth.mechanism == AUTH_SIGV4_QUERY || r->auth.mechanism == AUTH_SIGV2_QUERY;
    return !presigned || hoisted_are_headers(r) ? STEP_NEXT : STEP_FAIL;
}

int req_check_owner(struct req *r, const char *header, struct bytes owner)
{
    struct bytes expected = req_header(r, header);
    if (!expected.p)
        return 0;
    uint64_t number;
    if (expected.n != 12 || !bytes_to_u64(expected, UINT64_MAX, &number))
        return req_failf(r, S3E_INVALID_BUCKET_OWNER_AWS_ACCOUNT_ID,
                         "The value of the expected bucket owner parameter must be an AWS Account ID... [%.*s]",
                         (int)(expected.n < 64 ? expected.n : 64), expected.p);
    return bytes_eq(expected, owner) ? 0 : req_fail(r, S3E_ACCESS_DENIED);
}

static enum step_result step_bucket(struct req *r)
{
    if (r->op->level == ON_SERVICE || r->op->level == ON_CONTROL || r->op->level == ON_OWN ||
        (r->op->flags & OP_NO_BUCKET))
        return STEP_NEXT;
    int rc = store_bucket_get(r->server->store, r->bucket_name, r->arena, &r->bucket);
    if (rc < 0) {
        req_fail_store(r, rc);
        return STEP_FAIL;
    }
    return STEP_NEXT;
}

static enum step_result step_authorize(struct req *r)
{
    if (r->op->flags & (OP_PUBLIC | OP_QUERY)) /* a query's handler decides about its action */
        return STEP_NEXT;
    if ((r->op->flags & OP_FORM) && !r->form) /* decided once its fields are known: req_authorize */
        return req_check_owner(r, "x-amz-expected-bucket-owner", r->bucket.owner) < 0 ? STEP_FAIL : STEP_NEXT;
    if (authorize_request(r) < 0)
        return STEP_FAIL;
    if (r->bucket.name.n && req_check_owner(r, "x-amz-expected-bucket-owner", r->bucket.owner) < 0)
        return STEP_FAIL;
    return STEP_NEXT;
}

int req_authorize(struct req *r)
{
    return step_authorize(r) == STEP_NEXT ? 0 : -1;
}

static int sink_document(struct req *r, const void *p, size_t n)
{
    buf_put(&r->body, p, n);
    if (r->body.failed)
        return req_fail(r, S3E_MAX_MESSAGE_LENGTH_EXCEEDED);
    if (charge_documents(r))
        return 0;
    buf_fini(&r->body);
    return req_fail(r, S3E_SLOW_DOWN);
}

static int sink_upload(struct req *r, const void *p, size_t n)
{
    int rc = store_write_append(r->write, p, n);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

/* aws-chunked framing makes a body somewhat longer than what it carries. */
static uint64_t wire_length_max(const struct s3_op *op)
{
    uint64_t max = op->body_max ? op->body_max : OP_IGNORED_BODY;
    return max + max / 8 + 4096;
}

/* A body that means nothing is read, so that the connection stays in step, but not without end. */
static int sink_nothing(struct req *r, const void *p, size_t n)
{
    (void)p;
    (void)n;
    return r->body_bytes > wire_length_max(r->op) ? req_fail(r, S3E_MAX_MESSAGE_LENGTH_EXCEEDED) : 0;
}

/* Is the body within what the operation takes? Uploads answer for themselves. */
static int check_length(struct req *r)
{
    const struct s3_op *op = r->op;
    if (op->kind == OP_UPLOAD) {
        if (r->head.framing == HTTP_BODY_NONE)
            return req_fail(r, S3E_MISSING_CONTENT_LENGTH);
        uint64_t length = payload_length(r->payload), beside = op->flags & OP_FORM ? FORM_OVERHEAD_MAX : 0;
        if (length != UINT64_MAX && length > STORE_PART_MAX + beside) {
            req_fail(r, S3E_ENTITY_TOO_LARGE);
            req_extra(r, "ProposedSize", arena_bytesf(r->arena, "%llu", (unsigned long long)length));
            return req_extra(r, "MaxSizeAllowed", arena_bytesf(r->arena, "%llu", (unsigned long long)STORE_PART_MAX));
        }
        return 0;
    }
    if (r->head.framing == HTTP_BODY_LENGTH && r->head.content_length > wire_length_max(op))
        return req_fail(r, S3E_MAX_MESSAGE_LENGTH_EXCEEDED);
    r->body.max = op->body_max;
    return 0;
}

static void run_document(struct req *r);

static enum step_result step_admit(struct req *r)
{
    payload_sink_f *sink = r->op->flags & OP_FORM     ? form_sink
                           : r->op->kind == OP_UPLOAD ? sink_upload
                           : r->op->body_max          ? sink_document
                                                      : sink_nothing;
    r->payload = payload_new(r, sink);
    if (!r->payload || check_length(r) < 0)
        return STEP_FAIL;
    if (r->op->kind == OP_UPLOAD && r->op->handle(r) < 0)
        return STEP_FAIL;
    /* Of an empty body, too, though RFC 9110 (10.1.1) lets a server leave it out: the aws CLI mixes up the next reply
     * on the connection after a final one in its place, and hangs for a minute. */
    if (r->head.expect_continue) {
        conn_continue(r->conn);
        r->continued = true;
    }
    if (!req_has_body(r))
        return STEP_NEXT;
    conn_begin_body(r->conn);
    return STEP_WAIT;
}

/* ---- execution ---- */

void req_respond_error(struct req *r)
{
    respond_error_document(r);
    conn_respond(r->conn);
}

static void respond(struct req *r, int rc)
{
    if (rc < 0)
        respond_error_document(r);
    else if (r->resp.status == 0)
        r->resp.status = 200;
    conn_respond(r->conn);
}

/* Back on the loop: a document is made, or a write is committed. */
static void completed(struct loop_msg *m)
{
    struct conn *c = conn_of_msg(m);
    c->busy = false;
    if (c->dead) {
        conn_run(c);
        return;
    }
    int rc = c->job_rc;
    if (rc >= 0 && c->req->op->kind == OP_UPLOAD)
        rc = c->req->op->finish(c->req);
    respond(c->req, rc);
    conn_run(c);
}

static void committed(void *arg, int rc)
{
    struct req *r = arg;
    r->conn->job_rc = rc;
    if (rc < 0)
        req_fail_write(r, rc);
    conn_post_done(r->conn, completed);
}

/* A digest of a document body that the client sent: Content-MD5 or x-amz-checksum-*. */
static int check_document_digest(struct req *r)
{
    struct bytes body = buf_bytes(&r->body);
    struct checksum_value want, have;
    bool any = payload_checksum(r->payload, &want);
    if (any) {
        checksum_of(want.alg, body.p ? body.p : "", body.n, &have);
        if (!checksum_equal(&want, &have))
            return req_failf(r, S3E_BAD_DIGEST, "The %s you specified did not match the calculated checksum.",
                             checksum_info(want.alg)->name);
    }
    unsigned char md5[16], computed[16];
    int has_md5 = req_content_md5(r, md5);
    if (has_md5 < 0)
        return -1;
    if (has_md5) {
        md5_of(body.p ? body.p : "", body.n, computed);
        if (memcmp(md5, computed, 16) != 0) /* a digest of the client's own bytes, no secret */
            return req_fail_md5(r, md5, computed);
    }
    if ((r->op->flags & OP_NEEDS_DIGEST) && !any && !has_md5)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    return 0;
}

/* On a worker: the handler, from start to end. */
static void run_document(struct req *r)
{
    int rc = check_document_digest(r) < 0 ? -1 : r->op->handle(r);
    CHECK(rc < 0 || !authorize_pending(r));
    if (rc == 0)
        buf_fini(&r->body); /* an error may quote it */
    if (rc == 0 && !charge_documents(r)) {
        buf_fini(&r->resp.doc);
        rc = req_fail(r, S3E_SLOW_DOWN);
    }
    r->conn->job_rc = rc;
    conn_post_done(r->conn, completed);
}

static void document_job(struct pool_job *j)
{
    run_document(conn_of_job(j)->req);
}

/* On a worker, or on the loop when the object fits inline. */
static void commit_upload(struct req *r)
{
    struct checksum_value sum;
    if (payload_checksum(r->payload, &sum)) /* a trailer is known only now */
        store_write_expect_checksum(r->write, &sum);
    store_write_commit(r->write, committed, r);
}

static void execute_document(struct req *r)
{
    r->conn->state = CONN_WAIT;
    if (r->op->kind == OP_LOOP)
        respond(r, r->op->handle(r));
    else
        conn_job(r->conn, document_job, false);
}

static enum step_result step_execute(struct req *r)
{
    if (r->op->kind != OP_UPLOAD) {
        if (payload_end(r->payload) < 0) /* a body that was promised and is not there */
            return STEP_FAIL;
        execute_document(r);
        return STEP_WAIT;
    }
    req_body_whole(r, BYTES_NONE); /* an upload of nothing */
    return STEP_WAIT;
}

static void whole_job(struct pool_job *j)
{
    struct conn *c = conn_of_job(j);
    c->job_rc = req_body_feed(c->req, bytes_of(c->small, c->small_n));
    if (c->job_rc == 0)
        req_body_end(c->req);
    else
        conn_post_done(c, completed);
}

/* The write of a form is opened inside of its body. */
static bool takes_on_loop(const struct req *r, size_t n)
{
    return r->form ? n <= STORE_INLINE_MAX : store_write_fits(r->write, n);
}

static int body_ends(struct req *r)
{
    return payload_end(r->payload) < 0 || (r->form && form_end(r) < 0) ? -1 : 0;
}

void req_body_whole(struct req *r, struct bytes body)
{
    struct conn *c = r->conn;
    c->body_done = true;
    c->state = CONN_WAIT;
    uint64_t length = payload_length(r->payload);
    size_t n = length < body.n ? (size_t)length : body.n; /* what is left when the framing is off */
    if (r->op->kind == OP_UPLOAD && !takes_on_loop(r, n)) {
        conn_job(c, whole_job, true);
        return;
    }
    if (payload_feed(r->payload, body) < 0 || body_ends(r) < 0) {
        req_respond_error(r);
        return;
    }
    r->body_bytes = body.n;
    if (r->op->kind == OP_UPLOAD) {
        c->busy = true;
        commit_upload(r);
    } else {
        execute_document(r);
    }
}

int req_body_feed(struct req *r, struct bytes piece)
{
    r->body_bytes += piece.n;
    return payload_feed(r->payload, piece);
}

void req_body_end(struct req *r)
{
    if (body_ends(r) < 0) {
        r->conn->job_rc = -1;
        conn_post_done(r->conn, completed);
        return;
    }
    if (r->op->kind == OP_UPLOAD)
        commit_upload(r);
    else
        run_document(r);
}

/* ---- what the connection reports ---- */

bool req_has_body(const struct req *r)
{
    return r->head_ok && (r->head.framing == HTTP_BODY_CHUNKED || r->head.content_length > 0);
}

static void run_steps(struct req *r)
{
    static const struct {
        const char *name;
        enum step_result (*run)(struct req *);
    } steps[] = {
        {"locate", step_locate},   {"route", step_route},         {"authenticate", step_authenticate},
        {"bucket", step_bucket},   {"authorize", step_authorize}, {"admit", step_admit},
        {"execute", step_execute},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        enum step_result rc = steps[i].run(r);
        if (rc == STEP_FAIL) {
            log_debug("step", "%s fails at %s", r->id, steps[i].name);
            req_respond_error(r);
        }
        if (rc != STEP_NEXT)
            return;
    }
}

static void refuse_head(struct req *r, enum http_parse why)
{
    int status = http_parse_status(why);
    enum s3_error code = status == 501   ? S3E_NOT_IMPLEMENTED
                         : status == 414 ? S3E_INVALID_URI
                         : status == 431 ? S3E_REQUEST_HEADER_SECTION_TOO_LARGE
                                         : S3E_BAD_REQUEST;
    req_fail(r, code);
    r->err.status = status;
    r->err.message = http_parse_text(why);
    r->conn->close_after = true;
    req_respond_error(r);
}

bool req_parse_head(struct req *r, struct bytes in)
{
    enum http_parse rc = http_head_parse(&r->head, in);
    if (rc == HTTP_PARSE_MORE)
        return false;
    if (rc != HTTP_PARSE_OK) {
        refuse_head(r, rc);
        return true;
    }
    r->head_ok = true;
    r->conn->in_at = r->head.head_len;
    r->conn->deadline_ms = 0;
    run_steps(r);
    return true;
}

void req_fail_framing(struct req *r)
{
    r->conn->close_after = true;
    req_failf(r, S3E_BAD_REQUEST, "The chunked body is malformed.");
    r->conn->state = CONN_WAIT;
    req_respond_error(r);
}

void req_timed_out(struct req *r)
{
    r->conn->close_after = true;
    req_fail(r, S3E_REQUEST_TIMEOUT);
    req_respond_error(r);
}

void req_overloaded(struct req *r)
{
    req_fail(r, S3E_SLOW_DOWN);
    req_respond_error(r);
}
