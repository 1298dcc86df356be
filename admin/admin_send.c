/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of `pail admin` and what comes back. Idea: whatever an interface speaks, the answer becomes JSON; whatever
 * it calls an error, one line names it and what to do about it. Threads: the first one.
 */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/transfer/xml.h"
#include "admin/url.h"
#include "base/check.h"
#include "http_client.h"

#define IAM_VERSION "2010-05-08"
#define DEPTH_MAX   16
#define REPLY_MAX   (256u << 20)

/* ---- errors ---- */

const char *admin_advice(const char *code)
{
    static const char *const rows[][2] = {
        {"AccessDenied", "these keys may not do that: use root's, or attach a policy that allows it"},
        {"InvalidAccessKeyId", "the server does not know this access key: give keys with AWS_ACCESS_KEY_ID and "
                               "AWS_SECRET_ACCESS_KEY, or PAIL_ROOT_USER and PAIL_ROOT_PASSWORD"},
        {"InvalidClientTokenId", "the server does not know this access key: give keys with AWS_ACCESS_KEY_ID and "
                                 "AWS_SECRET_ACCESS_KEY, or PAIL_ROOT_USER and PAIL_ROOT_PASSWORD"},
        {"SignatureDoesNotMatch", "the secret key is another one"},
        {"RequestTimeTooSkewed", "the clocks of this machine and of the server differ"},
        {"ExpiredToken", "temporary keys have ended: sign in again"},
        {"DeleteConflict", "take away first what it still has: keys, policies, members"},
        {"BucketNotEmpty", "delete its objects first, old versions too"},
        {"SlowDown", "the server is busy: try again in a moment"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i][0], code) == 0)
            return rows[i][1];
    return "";
}

static int say(const char *code, const char *message)
{
    const char *advice = admin_advice(code);
    fprintf(stderr, "pail: %s (%s)%s%s\n", message, code, *advice ? "; " : "", advice);
    return 1;
}

static bool say_json(struct bytes body)
{
    json_t *j = body.n ? json_loadb(body.p, body.n, 0, NULL) : NULL;
    const char *code = json_string_value(json_object_get(j, "code"));
    const char *message = json_string_value(json_object_get(j, "message"));
    if (!code) { /* as MinIO spells it */
        code = json_string_value(json_object_get(j, "Code"));
        message = json_string_value(json_object_get(j, "Message"));
    }
    if (code)
        say(code, message ? message : "it was refused");
    json_decref(j);
    return code != NULL;
}

/* S3's Error, or IAM's ErrorResponse with an Error in it. */
static bool say_xml(struct remote_call *c, struct bytes body)
{
    struct bytes all, root;
    if (doc_root(body, "ErrorResponse", &all) ? !doc_find(all, "Error", &root) : !doc_root(body, "Error", &root))
        return false;
    struct bytes code = doc_find_text(root, "Code", c->arena), message = doc_find_text(root, "Message", c->arena);
    say(bytes_cstr(c->arena, code), message.n ? bytes_cstr(c->arena, message) : "it was refused");
    return true;
}

static int refused(struct remote_call *c, const char *url, const struct http_client_reply *reply)
{
    if (!say_json(reply->body) && !say_xml(c, reply->body))
        fprintf(stderr, "pail: %s answered with status %d and without a reason: is it a Pail server?\n", url,
                reply->status);
    return 1;
}

/* ---- sending ---- */

static int send_as(struct remote_call *c, const char *service, struct http_client_request q, const char *path,
                   struct bytes *ret)
{
    struct http_client_reply reply;
    char error[256];
    q.url = arena_printf(c->arena, "%s%s", c->at.endpoint, path);
    q.reply_max = REPLY_MAX;
    q.ca_file = c->at.ca_file;
    q.access_key = c->at.access_key;
    q.secret_key = c->at.secret_key;
    q.session_token = c->at.token;
    q.region = c->at.region;
    q.service = service;
    if (!http_client_send(&q, c->arena, &reply, error)) {
        fprintf(stderr, "pail: %s; is the server running? --endpoint URL says where it is\n", error);
        return 1;
    }
    *ret = reply.body;
    return reply.status / 100 == 2 ? 0 : refused(c, q.url, &reply);
}

int admin_send(struct remote_call *c, const char *method, const char *path, const char *type, struct bytes body,
               struct bytes *ret)
{
    struct http_client_header header = {"Content-Type", type};
    struct http_client_request q = {.method = method, .body = body, .headers = &header, .n_headers = body.n ? 1 : 0};
    return send_as(c, "s3", q, path, ret);
}

int admin_send_request(struct remote_call *c, struct http_client_request q, const char *path, struct bytes *ret)
{
    return send_as(c, "s3", q, path, ret);
}

int admin_json(struct remote_call *c, const char *method, const char *path, struct bytes body, json_t **ret)
{
    struct bytes text;
    *ret = NULL;
    if (admin_send(c, method, path, "application/json", body, &text) != 0)
        return 1;
    if (!text.n) {
        *ret = json_object();
        return 0;
    }
    *ret = json_loadb(text.p, text.n, 0, NULL);
    return *ret ? 0 : admin_fail("the answer is no JSON: is it a Pail server?");
}

/* ---- IAM ---- */

static json_t *json_of(struct bytes inner, struct arena *a, unsigned depth)
{
    struct bytes rest = inner, name, content;
    json_t *list = NULL, *object = NULL;
    while (depth < DEPTH_MAX && doc_next(&rest, &name, &content)) {
        json_t *value = json_of(content, a, depth + 1);
        if (bytes_eq_str(name, "member")) {
            list = list ? list : json_array();
            json_array_append_new(list, value);
        } else {
            object = object ? object : json_object();
            json_object_set_new(object, bytes_cstr(a, name), value);
        }
    }
    if (list) {
        json_decref(object);
        return list;
    }
    if (object)
        return object;
    struct bytes text = doc_text(inner, a);
    json_t *j = json_stringn(text.p, text.n);
    return j ? j : json_string("");
}

json_t *admin_json_of_xml(struct bytes inner, struct arena *a)
{
    return json_of(inner, a, 0);
}

static struct bytes query_text(struct arena *a, const char *action, const char *const *parameters)
{
    struct bytes text = arena_bytesf(a, "Action=%s&Version=" IAM_VERSION, action);
    for (; *parameters; parameters += 2) {
        if (!parameters[1])
            continue;
        struct bytes value = url_encode(a, bytes_str(parameters[1]), false);
        text = arena_bytesf(a, "%.*s&%s=%.*s", (int)text.n, text.p, parameters[0], (int)value.n, value.p);
    }
    return text;
}

int admin_iam(struct remote_call *c, const char *action, const char *const *parameters, json_t **ret)
{
    struct bytes text, root, result;
    *ret = NULL;
    struct http_client_header type = {"Content-Type", "application/x-www-form-urlencoded"};
    struct http_client_request q = {
        .method = "POST", .body = query_text(c->arena, action, parameters), .headers = &type, .n_headers = 1};
    if (send_as(c, "iam", q, "/", &text) != 0)
        return 1;
    if (!doc_root(text, arena_printf(c->arena, "%sResponse", action), &root))
        return admin_fail("the answer is not one of IAM: is it a Pail server?");
    *ret = doc_find(root, arena_printf(c->arena, "%sResult", action), &result) ? admin_json_of_xml(result, c->arena)
                                                                               : json_object();
    return 0;
}

int admin_iam_list(struct remote_call *c, const char *action, const char *const *parameters, const char *member,
                   json_t **ret)
{
    const char *words[16] = {"Marker", NULL};
    size_t n = 2;
    for (; *parameters; parameters += 2) {
        CHECK(n + 2 < ARRAY_LEN(words));
        words[n++] = parameters[0];
        words[n++] = parameters[1];
    }
    *ret = json_array();
    for (unsigned page = 0; page < ADMIN_PAGES_MAX; page++) {
        json_t *j;
        if (admin_iam(c, action, words, &j) != 0) {
            json_decref(*ret);
            *ret = NULL;
            return 1;
        }
        const json_t *rows = json_object_get(j, member);
        for (size_t i = 0; i < json_array_size(rows); i++)
            json_array_append(*ret, json_array_get(rows, i));
        const char *more = json_string_value(json_object_get(j, "IsTruncated"));
        const char *marker = json_string_value(json_object_get(j, "Marker"));
        bool last = !more || strcmp(more, "true") != 0 || !marker || !*marker;
        words[1] = last ? NULL : bytes_cstr(c->arena, bytes_str(marker));
        json_decref(j);
        if (last)
            break;
    }
    return 0;
}
