/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of MinIO's admin API share; common.h says it all.
 * Threads: workers.
 */
#include "server/admin_api/common.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/admin_api/trace.h"
#include "server/authorize.h"
#include "server/conn.h"
#include "server/http/date.h"
#include "server/iam/query.h"
#include "server/identity.h"
#include "server/json_text.h"
#include "server/respond.h"
#include "server/server.h"

static void wipe_key(void *p)
{
    OPENSSL_cleanse(p, sizeof(struct sealed_key));
}

struct admin_call *admin_begin(struct req *r)
{
    struct admin_call *c = arena_new(r->arena, struct admin_call);
    c->r = r;
    c->arena = r->arena;
    c->ids = r->server->identities;
    c->q = (struct query_call){.req = r,
                               .ids = c->ids,
                               .arena = r->arena,
                               .who = r->who.principal,
                               .account = BYTES_LIT(ROOT_ACCOUNT_ID),
                               .out = &r->resp.doc};
    iam_context_init(&c->q.context, r->arena);
    c->change = (struct change){.ids = c->ids, .arena = r->arena};
    arena_defer(r->arena, wipe_key, &c->key);
    return c;
}

/* ---- in ---- */

/* The secret key that the request was signed with; NULL-length after req_fail. */
static int find_secret(struct admin_call *c, struct auth_key *ret)
{
    struct req *r = c->r;
    const struct http_header *h = http_head_find(&r->head, BYTES_LIT("x-amz-security-token"), 0);
    struct bytes token = h ? h->value : BYTES_NONE;
    enum auth_lookup rc = identities_find_key(c->ids, c->arena, r->now_ms, r->who.access_key, token, ret);
    return rc == AUTH_KEY_FOUND ? 0 : req_fail(r, S3E_ACCESS_DENIED);
}

static int fail_sealed(struct req *r, enum sealed_rc rc)
{
    if (rc == SEALED_BUSY)
        return req_fail(r, S3E_SLOW_DOWN);
    return req_failf(r, S3E_ADMIN_BAD_BODY, "The body is not encrypted with the caller's secret key.");
}

int admin_open_body(struct admin_call *c, struct bytes *ret)
{
    struct auth_key key = {0};
    if (c->r->head.framing != HTTP_BODY_LENGTH)
        return req_fail(c->r, S3E_MISSING_CONTENT_LENGTH);
    if (find_secret(c, &key) < 0)
        return -1;
    enum sealed_rc rc = sealed_open(bytes_of(key.secret, key.secret_n), buf_bytes(&c->r->body), c->arena, &c->key, ret);
    OPENSSL_cleanse(&key, sizeof key);
    c->has_key = rc == SEALED_OK;
    return rc == SEALED_OK ? 0 : fail_sealed(c->r, rc);
}

static int parse_object(struct admin_call *c, struct bytes text, json_t **ret)
{
    json_t *j = json_read(text);
    if (!json_is_object(j)) {
        json_decref(j);
        return req_failf(c->r, S3E_ADMIN_BAD_BODY, "The body is no JSON object.");
    }
    *ret = json_in(c->arena, j);
    return 0;
}

int admin_open_json(struct admin_call *c, json_t **ret)
{
    struct bytes text = BYTES_NONE;
    return admin_open_body(c, &text) < 0 ? -1 : parse_object(c, text, ret);
}

int admin_plain_json(struct admin_call *c, json_t **ret)
{
    return parse_object(c, buf_bytes(&c->r->body), ret);
}

int admin_param(struct req *r, const char *name, struct bytes *ret)
{
    *ret = req_param(r, name);
    return ret->n ? 0 : req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The parameter %s is missing.", name);
}

size_t admin_params(struct req *r, const char *name, struct bytes **ret)
{
    struct bytes *list = arena_new_array(r->arena, struct bytes, r->query.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < r->query.n; i++)
        if (bytes_eq_str(r->query.params[i].name, name) && r->query.params[i].value.n)
            list[n++] = r->query.params[i].value;
    *ret = list;
    return n;
}

/* ---- out ---- */

int admin_reply_text(struct req *r, struct bytes text)
{
    buf_put_bytes(&r->resp.doc, text);
    if (r->resp.doc.failed)
        return req_fail(r, S3E_INTERNAL_ERROR);
    r->resp.content_type = "application/json";
    r->resp.body = buf_bytes(&r->resp.doc);
    r->resp.length = r->resp.doc.n;
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

static void free_text(void *p)
{
    OPENSSL_cleanse(p, strlen(p));
    free(p);
}

static struct bytes dump(struct arena *a, json_t *j)
{
    CHECK(j);
    char *text = json_dumps(json_in(a, j), JSON_COMPACT | JSON_ENCODE_ANY);
    CHECK(text);
    arena_defer(a, free_text, text);
    return bytes_str(text);
}

int admin_reply(struct req *r, json_t *j)
{
    return admin_reply_text(r, dump(r->arena, j));
}

int admin_reply_sealed_text(struct admin_call *c, struct bytes text)
{
    struct auth_key key = {0};
    if (!c->has_key) {
        if (find_secret(c, &key) < 0)
            return -1;
        enum sealed_rc rc = sealed_new_key(bytes_of(key.secret, key.secret_n), SEALED_ARGON2ID_AES, &c->key);
        OPENSSL_cleanse(&key, sizeof key);
        if (rc != SEALED_OK)
            return fail_sealed(c->r, rc);
        c->has_key = true;
    }
    sealed_seal(&c->key, text, &c->r->resp.doc);
    return admin_reply_text(c->r, BYTES_NONE);
}

int admin_reply_sealed(struct admin_call *c, json_t *j)
{
    return admin_reply_sealed_text(c, dump(c->arena, j));
}

int admin_reply_nothing(struct req *r, int status)
{
    r->resp.status = status;
    return 0;
}

int admin_reply_zip(struct req *r, const char *file_name)
{
    if (r->resp.doc.failed)
        return req_failf(r, S3E_ADMIN_BAD_ARCHIVE, "The archive would be larger than %u MiB.", REQ_DOC_MAX >> 20);
    r->resp.content_type = "application/zip";
    r->resp.body = buf_bytes(&r->resp.doc);
    r->resp.length = r->resp.doc.n;
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    resp_headerf(r, "Content-Disposition", "attachment; filename=\"%s\"", file_name);
    return 0;
}

int admin_stream(struct req *r, bool (*take)(void *arg, struct buf *out), void (*end)(void *arg), void *arg)
{
    r->resp.trace = trace_stream(take, end, arg);
    if (!r->resp.trace)
        return req_fail(r, S3E_SLOW_DOWN);
    r->resp.content_type = "application/json";
    return 0;
}

json_t *admin_time(int64_t ms)
{
    char text[DATE_ISO_SECONDS_LEN + 1];
    if (ms == 0)
        return json_string("0001-01-01T00:00:00Z");
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    return json_string(text);
}

void admin_time_text(int64_t ms, char out[40])
{
    char text[DATE_ISO_SECONDS_LEN + 1];
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    snprintf(out, 40, "%.*s.%03dZ", DATE_ISO_SECONDS_LEN - 1, text, (int)(ms % 1000));
}

const char *admin_peer(const struct req *r)
{
    return r->conn->peer_text;
}

struct bytes admin_host(const struct req *r)
{
    return r->head.host.n ? r->head.host : BYTES_LIT("localhost");
}

/* ---- failing ---- */

int admin_fail_query(struct admin_call *c)
{
    const struct query_call *q = &c->q;
    const char *text = q->message.n ? bytes_cstr(c->arena, q->message) : "Refused";
    if (q->status >= 500)
        return req_failf(c->r, S3E_SERVICE_UNAVAILABLE, "%s", text);
    if (q->code && strcmp(q->code, "NoSuchEntity") == 0)
        return req_failf(c->r, S3E_ADMIN_NO_SUCH_POLICY, "%s", text);
    return req_failf(c->r, S3E_ADMIN_INVALID_ARGUMENT, "%s", text);
}

int admin_apply(struct admin_call *c)
{
    int rc = change_apply(&c->change);
    return rc == STORE_OK ? 0 : req_fail_store(c->r, rc);
}

int admin_need_master_key(struct admin_call *c)
{
    return c->ids->crypt
               ? 0
               : req_failf(c->r, S3E_SERVICE_UNAVAILABLE, "There is no master key, so no access keys can be made.");
}

bool admin_forgive(struct req *r, struct bytes *ret_why)
{
    const char *why = r->err.message ? r->err.message : s3_error_message(r->err.code);
    int status = r->err.status ? r->err.status : s3_error_status(r->err.code);
    *ret_why = bytes_dup(r->arena, bytes_str(why));
    if (status >= 500)
        return false;
    r->err = (struct req_error){0};
    return true;
}

/* ---- who asks ---- */

static bool denied(struct admin_call *c, const char *action)
{
    struct iam_context context;
    struct iam_request q = {.action = bytes_str(action),
                            .resource = BYTES_LIT("arn:aws:s3:::*"),
                            .resource_account = c->q.account,
                            .context = &context};
    iam_context_init(&context, c->arena);
    facts_collect(c->r, &context);
    principal_fill(c->r->who.principal, &q);
    return iam_decide(&q).explicit_deny;
}

int admin_check(struct admin_call *c, const char *action, bool self)
{
    const struct principal *p = c->r->who.principal;
    bool whole = p->session == SESSION_NONE && p->session_policies.n == 0;
    if (self && whole && !denied(c, action))
        return 0;
    return authorize_also(c->r, action);
}

struct bytes admin_caller(const struct admin_call *c)
{
    const struct principal *p = c->r->who.principal;
    return p->caller.kind == IAM_CALLER_USER ? p->name : BYTES_NONE;
}

bool admin_is_root_name(const struct admin_call *c, struct bytes name)
{
    return bytes_eq_str(name, c->ids->config->root_user);
}

struct bytes admin_user_shown(const struct admin_call *c, struct bytes name)
{
    return name.n ? name : bytes_str(c->ids->config->root_user);
}

/* ---- entities ---- */

bool admin_name_good(struct bytes name, size_t max)
{
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!letter && (ch == '\0' || !strchr("+=,.@_-", ch)))
            return false;
    }
    return name.n > 0 && name.n <= max;
}

int admin_find(struct admin_call *c, enum entity kind, struct bytes name, enum s3_error missing, json_t **ret)
{
    int rc = admin_name_good(name, 128)
                 ? record_get(c->ids, c->arena, key_of_entity(c->arena, kind, c->q.account, name), ret)
                 : STORE_NO_SUCH_SETTING;
    if (rc == STORE_NO_SUCH_SETTING)
        return req_fail(c->r, missing);
    return rc == STORE_OK ? 0 : req_fail_store(c->r, rc);
}

static struct bytes own_key(struct admin_call *c, enum entity kind, const json_t *record)
{
    return key_of_entity(c->arena, kind, c->q.account, record_text(record, "name"));
}

int admin_new_entity(struct admin_call *c, enum entity kind, struct bytes name, json_t **ret)
{
    struct bytes id = new_unique_id(c->arena, entity_kind(kind)->prefix, IAM_UNIQUE_ID_LEN);
    if (api_count(&c->q, &c->change, kind, 1) < 0)
        return admin_fail_query(c);
    json_t *record = json_in(c->arena, json_object());
    json_object_set_new(record, "id", json_of_bytes(id));
    json_object_set_new(record, "name", json_of_bytes(name));
    json_object_set_new(record, "path", json_string("/"));
    json_object_set_new(record, "created", json_integer(clock_wall_ms()));
    if (kind != ENTITY_POLICY) {
        json_object_set_new(record, "gen", json_integer(1));
        change_put_text(&c->change, key_of_unique_id(c->arena, id), own_key(c, kind, record));
    }
    *ret = record;
    return 0;
}

void admin_put(struct admin_call *c, enum entity kind, const json_t *record)
{
    json_object_set_new((json_t *)record, "updated", json_integer(clock_wall_ms()));
    change_put(&c->change, own_key(c, kind, record), record);
}

void admin_delete_entity_keys(struct admin_call *c, enum entity kind, const json_t *record)
{
    const char *name;
    json_t *document = NULL;
    json_object_foreach((json_t *)json_object_get(record, "inline"), name, document)
        change_delete(&c->change, key_of_document(c->arena, json_bytes(document)));
    if (kind != ENTITY_POLICY)
        change_delete(&c->change, key_of_unique_id(c->arena, record_text(record, "id")));
    change_delete(&c->change, own_key(c, kind, record));
}

int admin_each(struct admin_call *c, enum entity kind, admin_each_f *f, void *arg)
{
    struct bytes prefix = key_of_entity(c->arena, kind, c->q.account, BYTES_LIT("")), after = BYTES_NONE;
    struct store_doc *docs;
    bool more = true;
    size_t n;
    while (more) {
        int rc = store_doc_list(c->ids->store, prefix, after, QUERY_PAGE_MAX, c->arena, &docs, &n, &more);
        if (rc != STORE_OK)
            return req_fail_store(c->r, rc);
        for (size_t i = 0; i < n; i++) {
            json_t *record = json_loadb(docs[i].value.p, docs[i].value.n, 0, NULL);
            if (!record)
                return req_fail(c->r, S3E_INTERNAL_ERROR);
            if (f(c, json_in(c->arena, record), arg) < 0)
                return -1;
        }
        if (n)
            after = docs[n - 1].key;
    }
    return 0;
}

int admin_members(struct admin_call *c, struct bytes group, size_t max, struct bytes **ret, size_t *ret_n)
{
    struct bytes prefix = key_of_member(c->arena, c->q.account, group, BYTES_LIT(""));
    struct store_doc *docs;
    bool more;
    int rc = store_doc_list(c->ids->store, prefix, BYTES_NONE, max, c->arena, &docs, ret_n, &more);
    if (rc != STORE_OK)
        return req_fail_store(c->r, rc);
    *ret = arena_new_array(c->arena, struct bytes, *ret_n + 1);
    for (size_t i = 0; i < *ret_n; i++) {
        json_t *name = json_in(c->arena, json_loadb(docs[i].value.p, docs[i].value.n, JSON_DECODE_ANY, NULL));
        (*ret)[i] = json_bytes(name);
    }
    return 0;
}
