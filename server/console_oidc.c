/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity providers of the console, see console_oidc.h. Where people sign in, and where codes are exchanged, is found
 * out when somebody goes there, as a provider's keys are.
 *
 * Invariants: requests go nowhere but to what the discovery document of a provider that is offered names; no code, and
 * nothing that was got for one, is in a line of a log; at most OIDC_EXCHANGES workers wait for providers. Threads:
 * workers.
 */
#include "server/console_oidc.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "http_client.h"
#include "server/http/uri.h"
#include "server/iam/iam_api.h"
#include "server/iam/jwks.h"
#include "server/iam/records.h"
#include "server/json_reply.h"
#include "server/json_text.h"
#include "server/own_ops.h"
#include "server/req.h"
#include "server/server.h"

#define TAG_ROLE      "pail:console-role"
#define TAG_NAME      "pail:console-name"
#define TAG_CLIENT    "pail:console-client"
#define TAG_FLOW      "pail:console-flow"
#define FLOW_CODE     "code"
#define FLOW_ID_TOKEN "id_token"
#define LOCATION_MAX  8192 /* bytes of the redirect */
#define FORM_MAX      (4 * OIDC_BODY_MAX)

struct provider {
    struct bytes id; /* its URL as IAM has it, without a scheme: no two have the same */
    struct bytes name, url, client, role, flow;
};

/* False: the console does not offer it. */
static bool read_provider(struct arena *a, const struct store_doc *doc, struct provider *ret)
{
    json_t *record = json_loadb(doc->value.p, doc->value.n, 0, NULL);
    const struct iam_tag *tags;
    size_t n;
    *ret = (struct provider){.url = BYTES_NONE};
    if (!record)
        return false;
    (void)json_in(a, record);
    struct bytes url = record_text(record, "url");
    ret->url = bytes_join(a, BYTES_LIT("http://"), url); /* kept without; plain http is for this machine alone */
    if (!jwks_url_good(ret->url, true))
        ret->url = bytes_join(a, BYTES_LIT("https://"), url);
    ret->id = ret->name = url;
    ret->client = json_bytes(json_array_get(json_object_get(record, "clients"), 0));
    record_tags(a, record, &tags, &n);
    for (size_t i = 0; i < n; i++) {
        struct bytes *to = bytes_eq_str(tags[i].key, TAG_ROLE)     ? &ret->role
                           : bytes_eq_str(tags[i].key, TAG_NAME)   ? &ret->name
                           : bytes_eq_str(tags[i].key, TAG_CLIENT) ? &ret->client
                           : bytes_eq_str(tags[i].key, TAG_FLOW)   ? &ret->flow
                                                                   : NULL;
        if (to && tags[i].value.n)
            *to = tags[i].value;
    }
    return url.n && ret->client.n && ret->role.n;
}

static size_t list_providers(struct req *r, struct store_doc **ret)
{
    size_t n = 0;
    bool more;
    struct bytes key = key_of_entity(r->arena, ENTITY_PROVIDER, BYTES_LIT(ROOT_ACCOUNT_ID), BYTES_LIT(""));
    int rc = store_doc_list(r->server->store, key, BYTES_NONE, IAM_MAX_PROVIDERS, r->arena, ret, &n, &more);
    return rc == STORE_OK ? n : 0;
}

json_t *console_oidc_providers(struct req *r)
{
    json_t *providers = json_array();
    struct store_doc *docs;
    struct provider p;
    size_t n = list_providers(r, &docs);
    for (size_t i = 0; i < n; i++)
        if (read_provider(r->arena, &docs[i], &p))
            json_array_append_new(providers,
                                  json_pack("{s:o,s:o,s:o,s:o,s:o}", "id", json_bytes_text(p.id), "name",
                                            json_bytes_text(p.name), "url", json_bytes_text(p.url), "clientId",
                                            json_bytes_text(p.client), "roleArn", json_bytes_text(p.role)));
    return providers;
}

/* By its id: anybody who may set tags may give a name twice. Otherwise -1 after req_fail. */
static int find_provider(struct req *r, struct bytes id, struct provider *ret)
{
    struct store_doc *docs;
    size_t n = list_providers(r, &docs);
    for (size_t i = 0; i < n && r->console == CONSOLE_API; i++)
        if (read_provider(r->arena, &docs[i], ret) && bytes_eq(ret->id, id))
            return 0;
    req_failf(r, S3E_NO_SUCH_KEY, "There is no such identity provider to sign in with.");
    return -1;
}

static int find_places(struct req *r, const struct provider *p, struct jwks_sign_in *ret)
{
    if (jwks_sign_in(r->server->identities->jwks, r->arena, p->url, clock_mono_ms(), ret))
        return 0;
    req_failf(r, S3E_SERVICE_UNAVAILABLE, "The identity provider does not say where to sign in.");
    return -1;
}

/* ---- the way to a provider ---- */

static void put_param(struct buf *out, const char *name, struct bytes value)
{
    if (!value.n)
        return;
    buf_put_char(out, memchr(out->p, '?', out->n) ? '&' : '?');
    buf_printf(out, "%s=", name);
    uri_encode(out, value, URI_ENCODE_SLASH);
}

/* Whoever has no challenge to send could not exchange the code. */
static bool takes_code(struct req *r, const struct provider *p, const struct jwks_sign_in *at)
{
    if (!req_param(r, "code_challenge").n || !at->token.n || bytes_eq_str(p->flow, FLOW_ID_TOKEN))
        return false;
    return at->has_code || bytes_eq_str(p->flow, FLOW_CODE);
}

/* What the page asks for goes along, but for the client, which is ours, and the flow, which is the provider's. */
static void put_params(struct req *r, struct buf *to, const struct provider *p, const struct jwks_sign_in *at)
{
    static const char *const params[] = {"redirect_uri", "scope", "state", "nonce"};
    bool code = takes_code(r, p, at);
    put_param(to, "response_type", bytes_str(code ? "code" : "id_token"));
    /* A code in the fragment is in nobody's log; in the query it will do, as nobody else can exchange it. */
    if (!code || at->has_fragment)
        put_param(to, "response_mode", BYTES_LIT("fragment"));
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        put_param(to, params[i], req_param(r, params[i]));
    if (code) {
        put_param(to, "code_challenge", req_param(r, "code_challenge"));
        put_param(to, "code_challenge_method", BYTES_LIT("S256"));
    }
    put_param(to, "client_id", p->client);
}

int console_oidc_go(struct req *r)
{
    struct provider p;
    struct jwks_sign_in at;
    struct buf to;
    if (find_provider(r, own_segment(r), &p) < 0 || find_places(r, &p, &at) < 0)
        return -1;
    buf_init(&to, LOCATION_MAX);
    buf_put_bytes(&to, at.authorization);
    put_params(r, &to, &p, &at);
    int rc = to.failed ? req_fail(r, S3E_INVALID_URI) : 0;
    if (rc == 0) {
        r->resp.status = 303;
        resp_header(r, "Location", buf_bytes(&to));
    }
    buf_fini(&to);
    return rc;
}

/* ---- a code for a token ---- */

struct exchange {
    struct bytes provider, code, verifier, redirect; /* of the request */
};

static bool verifier_good(struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!(v.p[i] >= 'a' && v.p[i] <= 'z') && !(v.p[i] >= 'A' && v.p[i] <= 'Z') &&
            !(v.p[i] >= '0' && v.p[i] <= '9') && !strchr("-._~", v.p[i]))
            return false;
    return v.n >= OIDC_VERIFIER_MIN && v.n <= OIDC_VERIFIER_MAX;
}

static int read_exchange(struct req *r, struct exchange *ret)
{
    json_t *body = json_read(buf_bytes(&r->body)); /* a stranger's: its depth is looked at first */
    *ret = (struct exchange){.code = BYTES_NONE};
    if (body)
        (void)json_in(r->arena, body);
    if (!json_is_object(body))
        return req_failf(r, S3E_INVALID_REQUEST, "The body must be a JSON object.");
    *ret = (struct exchange){.provider = json_bytes(json_object_get(body, "provider")),
                             .code = json_bytes(json_object_get(body, "code")),
                             .verifier = json_bytes(json_object_get(body, "code_verifier")),
                             .redirect = json_bytes(json_object_get(body, "redirect_uri"))};
    if (!ret->code.n || ret->code.n > OIDC_CODE_MAX || !verifier_good(ret->verifier) || !ret->redirect.n ||
        ret->redirect.n > OIDC_REDIRECT_MAX)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "\"provider\", \"code\", \"code_verifier\" and \"redirect_uri\" are needed.");
    return 0;
}

static bool send_code(struct req *r, const struct exchange *x, const struct provider *p, const char *url,
                      struct http_client_reply *ret, char error[256])
{
    static const struct http_client_header headers[] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                                        {"Accept", "application/json"}};
    struct {
        const char *name;
        struct bytes value;
    } fields[] = {
        {"code", x->code}, {"code_verifier", x->verifier}, {"redirect_uri", x->redirect}, {"client_id", p->client}};
    struct buf form;
    buf_init(&form, FORM_MAX);
    buf_put_str(&form, "grant_type=authorization_code");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        buf_printf(&form, "&%s=", fields[i].name);
        uri_encode(&form, fields[i].value, URI_ENCODE_SLASH);
    }
    CHECK(!form.failed); /* FORM_MAX is more than all of them three times */
    bool good = http_client_send(&(struct http_client_request){.method = "POST",
                                                               .url = url,
                                                               .body = buf_bytes(&form),
                                                               .headers = headers,
                                                               .n_headers = ARRAY_LEN(headers),
                                                               .timeout_ms = OIDC_TOKEN_MS,
                                                               .reply_max = OIDC_REPLY_MAX},
                                 r->arena, ret, error);
    OPENSSL_cleanse(form.p, form.n);
    buf_fini(&form);
    return good;
}

/* False: SlowDown is the answer. */
static bool send_in_turn(struct req *r, const struct exchange *x, const struct provider *p, const char *url,
                         struct http_client_reply *ret, char error[256], bool *ret_good)
{
    static atomic_uint running;
    bool may = atomic_fetch_add(&running, 1) < OIDC_EXCHANGES;
    if (may)
        *ret_good = send_code(r, x, p, url, ret, error);
    atomic_fetch_sub(&running, 1);
    return may;
}

static bool token_good(struct bytes token)
{
    size_t dots = 0;
    for (size_t i = 0; i < token.n; i++) {
        dots += token.p[i] == '.';
        if (token.p[i] <= ' ' || token.p[i] >= 0x7f || token.p[i] == '"' || token.p[i] == '\\')
            return false;
    }
    return dots == 2 && token.n <= OIDC_TOKEN_MAX;
}

/*
 * What a provider says is shown to people, and an error's message is in the audit log: printable ASCII, as RFC 6749 has
 * it, so much of it, and nothing of somebody who repeats the code.
 */
static const char *words_of(struct arena *a, const json_t *reply, const char *name, const struct exchange *x)
{
    struct bytes said = json_bytes(json_object_get(reply, name));
    if (bytes_find(said, x->code, 0) >= 0 || bytes_find(said, x->verifier, 0) >= 0)
        return "";
    char *text = bytes_cstr(a, bytes_cut(said, 0, OIDC_SAID_MAX));
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c >= 0x7f)
            *c = '?';
    return text;
}

static int answer(struct req *r, const struct exchange *x, const struct provider *p,
                  const struct http_client_reply *reply)
{
    json_t *j = json_read(reply->body);
    if (j)
        (void)json_in(r->arena, j);
    struct bytes token = json_bytes(json_object_get(j, "id_token"));
    if (reply->status == 200 && token_good(token))
        return json_reply(r, json_pack("{s:o}", "id_token", json_bytes_text(token)));
    if (reply->status >= 400 && reply->status < 500 && json_is_string(json_object_get(j, "error"))) {
        const char *what = words_of(r->arena, j, "error", x), *why = words_of(r->arena, j, "error_description", x);
        return req_failf(r, S3E_ACCESS_DENIED, "The identity provider refused the sign-in: %s%s%s", what,
                         *what && *why ? ": " : "", why);
    }
    log_warn("console", "identity provider %.*s: it answers a code with status %d and no id token", (int)p->url.n,
             p->url.p, reply->status);
    return req_failf(r, S3E_SERVICE_UNAVAILABLE, "The identity provider gave no id token.");
}

int console_oidc_token(struct req *r)
{
    struct exchange x;
    struct provider p;
    struct jwks_sign_in at;
    struct http_client_reply reply;
    char error[256] = "";
    bool good = false;
    if (read_exchange(r, &x) < 0 || find_provider(r, x.provider, &p) < 0 || find_places(r, &p, &at) < 0)
        return -1;
    if (!at.token.n)
        return req_failf(r, S3E_SERVICE_UNAVAILABLE, "The identity provider does not say where codes are exchanged.");
    if (!send_in_turn(r, &x, &p, bytes_cstr(r->arena, at.token), &reply, error, &good))
        return req_failf(r, S3E_SLOW_DOWN, "Others are signing in just now. Try again in a moment.");
    if (good)
        return answer(r, &x, &p, &reply);
    log_warn("console", "identity provider %.*s: %s", (int)p.url.n, p.url.p, error);
    return req_failf(r, S3E_SERVICE_UNAVAILABLE, "The identity provider did not answer.");
}
