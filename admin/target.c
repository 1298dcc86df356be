/* SPDX-License-Identifier: Apache-2.0 */
/* Where a command works; see admin/target.h. Threads: the first one, and the store's own while a folder is open. */
#include "admin/target.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/folder_owner.h"
#include "backends.h"
#include "base/check.h"
#include "base/log.h"
#include "http_client.h"
#include "store.h"

#define FORMAT_FILE "pail.format" /* what a data folder is known by */
#define URL_MAX     8192

int target_fail(const char *text)
{
    fprintf(stderr, "pail: %s\n", text);
    return 1;
}

/* ---- arguments ---- */

int target_misuse(const struct target_args *a, const char *what, const char *word)
{
    const char *quote = word ? "\"" : "";
    fprintf(stderr, "pail %s: %s%s%s%s%s; `pail %s --help` tells more\n", a->command, what, word ? " " : "", quote,
            word ? word : "", quote, a->command);
    return 2;
}

static int misuse_verb(const struct target_args *a, const char *word)
{
    const char *list = a->verbs[0];
    for (size_t i = 1; a->verbs[i]; i++)
        list = arena_printf(a->arena, "%s%s%s", list, a->verbs[i + 1] ? ", " : " or ", a->verbs[i]);
    return target_misuse(a, arena_printf(a->arena, "%s%s", list, word ? " is wanted, not" : "?"), word);
}

static bool opens_folder(const char *flag)
{
    return strcmp(flag, "--tier") == 0 || strcmp(flag, "--master-key-file") == 0 || strncmp(flag, "--vault-", 8) == 0;
}

static int keep_for_folder(struct target_args *a, char *flag, char *value)
{
    if (a->n_server_flags + 2 > TARGET_SERVER_FLAGS)
        return target_misuse(a, "too often", flag);
    a->server_flags[a->n_server_flags++] = flag;
    a->server_flags[a->n_server_flags++] = value;
    return 0;
}

/* --flag VALUE or --flag=VALUE; *i moves over what was taken. 0, or 2. */
static int read_flag(struct target_args *a, const struct target_flag *own, int argc, char **argv, int *i)
{
    const struct target_flag common[] = {{.name = "--data", .value = &a->data},
                                         {.name = "--endpoint", .value = &a->server.endpoint},
                                         {.name = "--region", .value = &a->server.region},
                                         {.name = "--ca-file", .value = &a->server.ca_file},
                                         {.name = NULL}};
    char *word = argv[*i], *equals = strchr(word, '=');
    char *flag = bytes_cstr(a->arena, bytes_of(word, equals ? (size_t)(equals - word) : strlen(word)));
    while (own->name && strcmp(own->name, flag) != 0)
        own++;
    for (const struct target_flag *f = common; !own->name && f->name; f++)
        if (strcmp(f->name, flag) == 0)
            own = f;
    if (!own->name && !opens_folder(flag))
        return target_misuse(a, "unknown flag", flag);
    if (own->on) {
        *own->on = true;
        return equals ? target_misuse(a, "no value is taken by", flag) : 0;
    }
    if (!equals && *i + 1 == argc)
        return target_misuse(a, "no value for", flag);
    char *value = equals ? equals + 1 : argv[++*i];
    if (!*value)
        return target_misuse(a, "no value for", flag);
    if (!own->name)
        return keep_for_folder(a, flag, value);
    *own->value = value;
    return 0;
}

static int read_verb(struct target_args *a, const char *word)
{
    for (unsigned i = 0; a->verbs[i]; i++)
        if (strcmp(word, a->verbs[i]) == 0) {
            a->verb = i;
            return 0;
        }
    return misuse_verb(a, word);
}

static int check_args(const struct target_args *a)
{
    if (a->data && (a->server.endpoint || a->server.ca_file || a->server.region))
        return target_misuse(a, "--data is without a server: --endpoint, --region and --ca-file have no place there",
                             NULL);
    if (!a->data && a->n_server_flags > 1)
        return target_misuse(a, "--tier, --master-key-file and --vault-... go with --data", NULL);
    return 0;
}

int target_args_read(struct target_args *a, const struct target_flag *flags, int argc, char **argv)
{
    bool verb = false;
    a->n_server_flags = 1;
    for (int i = 0; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return -1;
        if (argv[i][0] == '-' && argv[i][1])
            rc = read_flag(a, flags, argc, argv, &i);
        else if (!verb)
            verb = (rc = read_verb(a, argv[i])) == 0;
        else if (!a->name && !(a->nameless >> a->verb & 1))
            a->name = argv[i];
        else
            rc = target_misuse(a, "one word too many:", argv[i]);
        if (rc != 0)
            return rc;
    }
    a->server_flags[0] = (char *)a->data;
    return verb ? check_args(a) : misuse_verb(a, NULL);
}

/* ---- with a server ---- */

bool target_name_is_plain(const char *name)
{
    return *name != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
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

int target_call(const struct target_server *s, struct arena *a, const char *method, const char *path, struct bytes json,
                struct bytes *ret)
{
    static const struct http_client_header type = {"Content-Type", "application/json"};
    const struct place_flags flags = {.endpoint = s->endpoint, .region = s->region, .ca_file = s->ca_file};
    struct http_client_reply reply;
    struct place at;
    char error[256];
    if (!place_read("s3://", &flags, true, a, &at, error))
        return target_fail(error);
    if (strlen(at.endpoint) + strlen(path) >= URL_MAX)
        return target_fail("the endpoint is too long");
    struct http_client_request q = {.method = method,
                                    .url = arena_printf(a, "%s%s", at.endpoint, path),
                                    .body = json,
                                    .headers = &type,
                                    .n_headers = json.n ? 1 : 0,
                                    .ca_file = at.ca_file,
                                    .access_key = at.access_key,
                                    .secret_key = at.secret_key,
                                    .session_token = at.token,
                                    .region = at.region};
    if (!http_client_send(&q, a, &reply, error))
        return target_fail(error);
    *ret = reply.body;
    return reply.status / 100 == 2 ? 0 : refused(q.url, &reply);
}

int target_print_json(struct bytes text)
{
    json_t *j = json_loadb(text.p, text.n, 0, NULL);
    char *pretty = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    int rc = pretty && puts(pretty) >= 0 && fflush(stdout) == 0 ? 0 : target_fail("the answer cannot be written");
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

int target_folder_open(struct target_folder *f, struct target_args *a)
{
    char error[512], format[4096];
    struct stat st;
    *f = (struct target_folder){.dir = {.lock_fd = -1}};
    if (config_load(&f->config, a->n_server_flags, a->server_flags, error) != 0) {
        target_fail(error);
        return 2;
    }
    snprintf(format, sizeof format, "%.4000s/" FORMAT_FILE, f->config.dir);
    if (stat(format, &st) != 0) {
        snprintf(error, sizeof error, "%.300s is no data folder; `pail server DIR` makes one", f->config.dir);
        return target_fail(error);
    }
    umask(0077);
    log_setup(LOG_TEXT, LOG_WARN);
    if (!folder_owner_borrow(f->config.dir, error))
        return target_fail(error);
    if (data_dir_open(f->config.dir, &f->dir, error))
        f->store = backends_open(&f->config, &f->dir, error);
    folder_owner_return(); /* the master key may be root's alone */
    return f->store ? 0 : fail_folder(error);
}

void target_folder_close(struct target_folder *f)
{
    store_close(&f->store);
    data_dir_close(&f->dir);
    config_fini(&f->config);
}
