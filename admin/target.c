/* SPDX-License-Identifier: Apache-2.0 */
/* Where a command works; see admin/target.h. Threads: the first one, and the store's own while a folder is open. */
#include "admin/target.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends.h"
#include "base/check.h"
#include "base/log.h"
#include "http_client.h"
#include "store.h"

#define DEFAULT_KEY "minioadmin"
#define FORMAT_FILE "pail.format" /* what a data folder is known by */
#define URL_MAX     8192

static int fail(const char *text)
{
    fprintf(stderr, "pail: %s\n", text);
    return 1;
}

/* ---- with a server ---- */

struct keys {
    const char *user, *password, *token;
};

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool find_keys(struct keys *ret, char error[256])
{
    static const char *const pairs[][3] = {{"PAIL_ROOT_USER", "PAIL_ROOT_PASSWORD", NULL},
                                           {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", NULL},
                                           {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const char *user = environment(pairs[i][0]), *password = environment(pairs[i][1]);
        if (!user != !password) {
            snprintf(error, 256, "%s is set and %s is not", pairs[i][user ? 0 : 1], pairs[i][user ? 1 : 0]);
            return false;
        }
        if (user) {
            *ret = (struct keys){user, password, pairs[i][2] ? environment(pairs[i][2]) : NULL};
            return true;
        }
    }
    *ret = (struct keys){DEFAULT_KEY, DEFAULT_KEY, NULL};
    return true;
}

static const char *first_of(const char *given, const char *const *names, const char *otherwise)
{
    for (; !given && *names; names++)
        given = environment(*names);
    return given ? given : otherwise;
}

/* What the server says is wrong, from its JSON. */
static int refused(const char *url, const struct http_client_reply *reply)
{
    json_t *j = json_loadb(reply->body.n ? reply->body.p : "", reply->body.n, 0, NULL);
    const char *code = json_string_value(json_object_get(j, "code"));
    const char *message = json_string_value(json_object_get(j, "message"));
    if (code && message)
        fprintf(stderr, "pail: %s (%s)\n", message, code);
    else
        fprintf(stderr, "pail: %s answered with status %d and without a reason: is it a Pail server?\n", url,
                reply->status);
    json_decref(j);
    return 1;
}

static char *url_of(const struct target_server *s, struct arena *a, const char *path)
{
    static const char *const endpoints[] = {"PAIL_ENDPOINT", "AWS_ENDPOINT_URL", NULL};
    const char *endpoint = first_of(s->endpoint, endpoints, TARGET_ENDPOINT);
    size_t n = strlen(endpoint);
    while (n && endpoint[n - 1] == '/')
        n--;
    return n + strlen(path) < URL_MAX ? arena_printf(a, "%.*s%s", (int)n, endpoint, path) : NULL;
}

int target_call(const struct target_server *s, struct arena *a, const char *method, const char *path, struct bytes json,
                struct bytes *ret)
{
    static const char *const regions[] = {"PAIL_REGION", "MINIO_SITE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    static const struct http_client_header type = {"Content-Type", "application/json"};
    struct http_client_reply reply;
    struct keys keys;
    char error[256];
    if (!find_keys(&keys, error))
        return fail(error);
    struct http_client_request q = {.method = method,
                                    .url = url_of(s, a, path),
                                    .body = json,
                                    .headers = &type,
                                    .n_headers = json.n ? 1 : 0,
                                    .ca_file = s->ca_file,
                                    .access_key = keys.user,
                                    .secret_key = keys.password,
                                    .session_token = keys.token,
                                    .region = first_of(s->region, regions, TARGET_REGION)};
    if (!q.url)
        return fail("the endpoint is too long");
    if (!http_client_send(&q, a, &reply, error))
        return fail(error);
    *ret = reply.body;
    return reply.status / 100 == 2 ? 0 : refused(q.url, &reply);
}

int target_print_json(struct bytes text)
{
    json_t *j = json_loadb(text.p, text.n, 0, NULL);
    char *pretty = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    int rc = pretty && puts(pretty) >= 0 && fflush(stdout) == 0 ? 0 : fail("the answer cannot be written");
    if (pretty)
        explicit_bzero(pretty, strlen(pretty));
    free(pretty);
    json_decref(j);
    return rc;
}

/* ---- without a server ---- */

static int fail_folder(const char *error)
{
    bool held = strstr(error, "is in use") != NULL;
    fprintf(stderr, "pail: %s%s\n", error,
            held ? "; while its server runs, leave --data away and give --endpoint URL" : "");
    return 1;
}

int target_folder_open(struct target_folder *f, int n_flags, char **flags)
{
    char error[512], format[4096];
    struct stat st;
    *f = (struct target_folder){.dir = {.lock_fd = -1}};
    if (config_load(&f->config, n_flags, flags, error) != 0) {
        fail(error);
        return 2;
    }
    snprintf(format, sizeof format, "%.4000s/" FORMAT_FILE, f->config.dir);
    if (stat(format, &st) != 0) {
        snprintf(error, sizeof error, "%.300s is no data folder; `pail server DIR` makes one", f->config.dir);
        return fail(error);
    }
    umask(0077);
    log_setup(LOG_TEXT, LOG_WARN);
    if (!data_dir_open(f->config.dir, &f->dir, error))
        return fail_folder(error);
    f->store = backends_open(&f->config, &f->dir, error);
    return f->store ? 0 : fail(error);
}

void target_folder_close(struct target_folder *f)
{
    store_close(&f->store);
    data_dir_close(&f->dir);
    config_fini(&f->config);
}
