/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key service over Vault's transit engine; see include/vault.h.
 *
 * What crosses the wire is a key that seals one version of one of Pail's keys, never an object's. Replies are bounded,
 * redirects are not followed (a standby node forwards by itself), and secrets are wiped wherever they were.
 * Threads: any that may block; a struct vault is constant.
 */
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "config.h"
#include "http_client.h"

#define TIMEOUT_MS 5000 /* of a request: the server's start may wait for one */
#define REPLY_MAX  (64u * 1024)
#define TOKEN_MAX  4000 /* bytes */
#define SECRET_MAX 64

struct vault {
    struct key_service service;
    char encrypt[1200], decrypt[1200]; /* URLs */
    const char *token_file, *ca_file, *space;
};

/* ---- the token ---- */

/* Whoever may read it can do what Pail may do with Vault: as private as the master key. */
static bool read_token(const struct vault *v, char token[TOKEN_MAX + 2], char error[256])
{
    struct stat st;
    int fd = open(v->token_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, token, TOKEN_MAX + 1) : -1;
    int why = errno;
    if (fd >= 0)
        close(fd);
    while (n > 0 && (token[n - 1] == '\n' || token[n - 1] == '\r' || token[n - 1] == ' '))
        n--;
    if (n > 0 && n <= TOKEN_MAX) {
        token[n] = '\0';
        if (strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/=") == (size_t)n)
            return true;
    }
    snprintf(error, 256, "%.150s: %s", v->token_file,
             fd < 0 ? strerror(why) : "holds no token of Vault (one line of letters, digits and . _ - + / =)");
    return false;
}

/* ---- one exchange ---- */

static void refused(const struct http_client_reply *reply, char error[256])
{
    json_t *j = json_loadb(reply->body.n ? reply->body.p : "", reply->body.n, 0, NULL);
    const char *said = json_string_value(json_array_get(json_object_get(j, "errors"), 0));
    snprintf(error, 256, "vault answered with status %d%s%.180s", reply->status, said ? ": " : "", said ? said : "");
    for (char *p = error; *p; p++) /* it goes into one line of the log */
        *p = *p >= ' ' && *p < 0x7f ? *p : ' ';
    json_decref(j);
}

/* {NAME: value} to {"data": {WANTED: text}}. */
static bool ask(const struct vault *v, struct arena *a, const char *url, const char *name, struct bytes value,
                const char *wanted, struct bytes *ret, char error[256])
{
    char token[TOKEN_MAX + 2];
    struct http_client_reply reply = {0};
    struct http_client_header headers[4] = {{"X-Vault-Request", "true"}, {"Content-Type", "application/json"}};
    if (!read_token(v, token, error))
        return false;
    headers[2] = (struct http_client_header){"X-Vault-Token", token};
    headers[3] = (struct http_client_header){"X-Vault-Namespace", v->space};
    struct bytes body = arena_bytesf(a, "{\"%s\":\"%.*s\"}", name, (int)value.n,
                                     value.p); /* neither base64 nor vault:v1:... needs care */
    struct http_client_request q = {.method = "POST",
                                    .url = url,
                                    .body = body,
                                    .headers = headers,
                                    .n_headers = v->space ? 4 : 3,
                                    .timeout_ms = TIMEOUT_MS,
                                    .reply_max = REPLY_MAX,
                                    .ca_file = v->ca_file};
    bool good = http_client_send(&q, a, &reply, error);
    OPENSSL_cleanse(token, sizeof token);
    OPENSSL_cleanse((char *)body.p, body.n);
    if (good && reply.status != 200) {
        refused(&reply, error);
        return false;
    }
    json_t *j = good ? json_loadb(reply.body.n ? reply.body.p : "", reply.body.n, 0, NULL) : NULL;
    const json_t *text = json_object_get(json_object_get(j, "data"), wanted);
    if (good && !json_is_string(text))
        snprintf(error, 256, "vault's answer has no %s: is %.150s its transit engine?", wanted, url);
    good = good && json_is_string(text);
    if (good)
        *ret = bytes_dup(a, bytes_of(json_string_value(text), json_string_length(text)));
    if (text)
        OPENSSL_cleanse((char *)json_string_value(text), json_string_length(text));
    json_decref(j);
    if (reply.body.n)
        OPENSSL_cleanse((char *)reply.body.p, reply.body.n);
    return good;
}

/* ---- the service ---- */

static bool is_sealed_text(struct bytes t)
{
    bool good = bytes_starts(t, BYTES_LIT("vault:v"));
    for (size_t i = 0; i < t.n && good; i++)
        good = t.p[i] > ' ' && t.p[i] < 0x7f && t.p[i] != '"' && t.p[i] != '\\';
    return good;
}

static bool wrap(void *ctx, struct arena *a, struct bytes secret, struct bytes *ret, char error[256])
{
    const struct vault *v = ctx;
    char coded[SECRET_MAX * 2];
    CHECK(secret.n <= SECRET_MAX);
    base64_encode(secret.p, secret.n, coded);
    bool good = ask(v, a, v->encrypt, "plaintext", bytes_of(coded, base64_len(secret.n)), "ciphertext", ret, error);
    OPENSSL_cleanse(coded, sizeof coded);
    if (good && !is_sealed_text(*ret)) {
        snprintf(error, 256, "what vault answered is no sealed text of its transit engine");
        good = false;
    }
    return good;
}

static bool unwrap(void *ctx, struct arena *a, struct bytes sealed, struct bytes *ret, char error[256])
{
    const struct vault *v = ctx;
    struct bytes coded;
    if (!is_sealed_text(sealed)) {
        snprintf(error, 256, "the document of the key holds no sealed text of vault's");
        return false;
    }
    if (!ask(v, a, v->decrypt, "ciphertext", sealed, "plaintext", &coded, error))
        return false;
    unsigned char *secret = arena_alloc(a, SECRET_MAX);
    ptrdiff_t n = base64_decode(coded, secret, SECRET_MAX);
    OPENSSL_cleanse((char *)coded.p, coded.n);
    *ret = bytes_of(secret, n < 0 ? 0 : (size_t)n);
    if (n < 0)
        snprintf(error, 256, "what vault answered is no base64");
    return n >= 0;
}

/* ---- settings ---- */

static bool plain_path(const char *text)
{
    return *text && *text != '/' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") == strlen(text) &&
           !strstr(text, "..");
}

static const char *fault_of(const struct config *c)
{
    if (!*c->vault_address && !*c->vault_key && !*c->vault_token_file)
        return NULL;
    if (!*c->vault_address || !*c->vault_key || !*c->vault_token_file)
        return "--vault-address, --vault-key and --vault-token-file belong together";
    if (strncmp(c->vault_address, "https://", 8) != 0 && strncmp(c->vault_address, "http://", 7) != 0)
        return "--vault-address is a URL: https://HOST:8200";
    if (strlen(c->vault_address) > 512 || strpbrk(c->vault_address, " ?#\"\\"))
        return "--vault-address is no URL of a server";
    if (!plain_path(c->vault_key) || strchr(c->vault_key, '/') || strlen(c->vault_key) > 128)
        return "--vault-key is the name of a key of the transit engine";
    if (!plain_path(c->vault_mount) || strlen(c->vault_mount) > 256)
        return "--vault-mount is the path of a transit engine, such as transit";
    return NULL;
}

struct vault *vault_open(const struct config *c, char error[512])
{
    const char *fault = fault_of(c);
    snprintf(error, 512, "%s", fault ? fault : "");
    if (fault || !*c->vault_address)
        return NULL;
    struct vault *v = xcalloc(1, sizeof *v);
    int n = (int)strlen(c->vault_address);
    while (n > 0 && c->vault_address[n - 1] == '/')
        n--;
    snprintf(v->encrypt, sizeof v->encrypt, "%.*s/v1/%s/encrypt/%s", n, c->vault_address, c->vault_mount, c->vault_key);
    snprintf(v->decrypt, sizeof v->decrypt, "%.*s/v1/%s/decrypt/%s", n, c->vault_address, c->vault_mount, c->vault_key);
    v->token_file = c->vault_token_file;
    v->ca_file = *c->vault_ca_file ? c->vault_ca_file : NULL;
    v->space = *c->vault_namespace ? c->vault_namespace : NULL;
    v->service = (struct key_service){.name = "vault", .ctx = v, .wrap = wrap, .unwrap = unwrap};
    return v;
}

void vault_close(struct vault **pv)
{
    free(*pv);
    *pv = NULL;
}

const struct key_service *vault_service(const struct vault *v)
{
    return v ? &v->service : NULL;
}
