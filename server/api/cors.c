/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bucket's CORS configuration, and the preflight requests of browsers. What rules mean: server/cors.h; every reply
 * gets its headers there, so preflight only decides between yes and no.
 * Threads: workers; preflight on the loop.
 */
#include <string.h>

#include "server/api/api.h"
#include "server/conn.h"
#include "server/cors.h"
#include "server/server.h"

#define NOT_ENABLED "CORSResponse: CORS is not enabled for this bucket."
#define NO_BUCKET   "CORSResponse: Bucket not found"

static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};

static bool is_method(struct bytes text)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (bytes_eq_str(text, methods[i]))
            return true;
    return false;
}

/* ---- the configuration ---- */

static int check_stars(struct req *r, const char *what, const struct bytes *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t star = bytes_find_char(list[i], '*', 0);
        if (star >= 0 && bytes_find_char(list[i], '*', (size_t)star + 1) >= 0)
            return req_failf(r, S3E_INVALID_REQUEST, "%s \"%.*s\" can not have more than one wildcard.", what,
                             (int)list[i].n, list[i].p);
    }
    return 0;
}

/* What goes out in a header line must fit into one. */
static int check_exposed(struct req *r, struct bytes name)
{
    if (bytes_find_char(name, '*', 0) >= 0)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "ExposeHeader \"%.*s\" contains wildcard. We currently do not support wildcard for "
                         "ExposeHeader.",
                         (int)name.n, name.p);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || strchr("()<>@,;:\\\"/[]?={}", name.p[i]))
            return req_failf(r, S3E_INVALID_REQUEST, "ExposeHeader \"%.*s\" is not the name of a header.", (int)name.n,
                             name.p);
    return 0;
}

static int check_rule(struct req *r, const struct xml_cors_rule *rule)
{
    for (size_t i = 0; i < rule->n_methods; i++)
        if (!is_method(rule->methods[i]))
            return req_failf(r, S3E_INVALID_REQUEST,
                             "Found unsupported HTTP method in CORS config. Unsupported method is %.*s",
                             (int)rule->methods[i].n, rule->methods[i].p);
    for (size_t i = 0; i < rule->n_expose; i++)
        if (check_exposed(r, rule->expose[i]) < 0)
            return -1;
    if (rule->max_age.has && rule->max_age.v < 0)
        return req_fail(r, S3E_MALFORMED_XML);
    return check_stars(r, "AllowedOrigin", rule->origins, rule->n_origins) < 0 ||
                   check_stars(r, "AllowedHeader", rule->headers, rule->n_headers) < 0
               ? -1
               : 0;
}

int cors_put(struct req *r)
{
    struct xml_cors doc;
    struct buf text;
    if (req_document(r, &xml_cors_doc, &doc) < 0)
        return -1;
    if (doc.n_rules > CORS_RULES_MAX)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The number of CORS rules should not exceed allowed limit of %d rules.", CORS_RULES_MAX);
    for (size_t i = 0; i < doc.n_rules; i++)
        if (check_rule(r, &doc.rules[i]) < 0)
            return -1;
    buf_init(&text, STORE_SETTING_MAX);
    xml_render(&text, &xml_cors_doc, &doc);
    int rc = text.failed ? STORE_OK
                         : store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_CORS, buf_bytes(&text));
    bool failed = text.failed;
    buf_fini(&text);
    if (failed)
        return req_fail(r, S3E_MAX_MESSAGE_LENGTH_EXCEEDED);
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

int cors_get(struct req *r)
{
    struct bytes value;
    int rc = store_setting_get(r->server->store, r->bucket_name, STORE_SETTING_CORS, r->arena, &value);
    if (rc == STORE_NO_SUCH_SETTING) {
        req_fail(r, S3E_NO_SUCH_CORS_CONFIGURATION);
        return req_extra(r, "BucketName", r->bucket_name);
    }
    if (rc < 0)
        return req_fail_store(r, rc);
    buf_put_bytes(&r->resp.doc, value);
    return resp_rendered(r);
}

int cors_delete(struct req *r)
{
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_CORS, BYTES_NONE);
    r->resp.status = 204;
    return rc < 0 ? req_fail_store(r, rc) : 0;
}

/* ---- preflight ---- */

static int forbidden(struct req *r, struct bytes method, const char *message, bool of_bucket)
{
    req_fail(r, S3E_ACCESS_FORBIDDEN);
    r->err.message = message;
    req_extra(r, "Method", method);
    return req_extra(r, "ResourceType", bytes_str(of_bucket || !r->on_object ? "BUCKET" : "OBJECT"));
}

int cors_preflight(struct req *r)
{
    struct cors_request q;
    struct bytes method = http_head_value(&r->head, HDR_ACCESS_CONTROL_REQUEST_METHOD);
    cors_request_of(r, &q);
    if (q.origin.n == 0 || http_head_repeated(&r->head, HDR_ORIGIN))
        return req_failf(r, S3E_BAD_REQUEST, "Insufficient information. Origin request header needed.");
    if (!is_method(method))
        return req_failf(r, S3E_BAD_REQUEST, "Invalid Access-Control-Request-Method: %.*s",
                         method.p ? (int)(method.n < AUTH_QUOTE_MAX ? method.n : AUTH_QUOTE_MAX) : 4,
                         method.p ? method.p : "null");
    int rc = store_bucket_get(r->server->store, r->bucket_name, r->arena, &r->bucket);
    if (rc == STORE_NO_SUCH_BUCKET)
        return forbidden(r, method, NO_BUCKET, true);
    if (rc < 0)
        return req_fail_store(r, rc);
    const struct xml_cors *cors = cors_of_bucket(&r->conn->loop->cors, r->server->store, &r->bucket);
    if (!cors)
        return forbidden(r, method, NOT_ENABLED, true);
    return cors_match(cors, &q) ? 0 : forbidden(r, method, NULL, false);
}
