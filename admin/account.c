/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail account`: makes, lists and deletes the accounts of a server. With a running server it is a client of
 * /pail/v1/accounts, signed by the first account's root; with --data it opens the folder itself, and the same code as
 * in the server answers (accounts.h). Either way the answer is JSON on standard output.
 *
 * Exit status: 0 done, 1 refused or failed (one line on standard error says why), 2 called wrongly.
 * Threads: one; the store's own while a folder is open.
 */
#include "accounts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/commands.h"
#include "backends.h"
#include "base/check.h"
#include "base/log.h"
#include "config.h"
#include "data_dir.h"
#include "http_client.h"
#include "store.h"

#define ENDPOINT     "http://127.0.0.1:9000"
#define REGION       "us-east-1"
#define DEFAULT_KEY  "minioadmin"
#define SERVER_FLAGS 16 /* of `pail server` that a folder needs to be opened */
#define SECRET_LINE  (ACCOUNT_SECRET_MAX + 2)
#define FORMAT_FILE  "pail.format" /* what a data folder is known by */

enum verb { CREATE, LIST, DELETE };

struct call {
    struct arena *arena;
    enum verb verb;
    const char *name; /* or id */
    const char *email, *access_key, *secret_key;
    const char *data, *endpoint, *region, *ca_file;
    char *server_flags[SERVER_FLAGS + 1]; /* the folder first */
    int n_server_flags;
    char secret_line[SECRET_LINE];
};

static const char help[] =
    "Usage: pail account create NAME [--email ADDRESS] [--access-key KEY --secret-key SECRET] [where]\n"
    "       pail account list [where]\n"
    "       pail account delete NAME|ID [where]\n"
    "\n"
    "Accounts share a server and nothing else: each has its own root, users, roles, policies and buckets, a 12-digit\n"
    "id and a canonical id. The answer is JSON on standard output. The secret key of a new account's root is shown\n"
    "once, by `create`. An account that still has buckets or users is not deleted; the first account never is.\n"
    "\n"
    "  --email ADDRESS        by which access lists may name the account\n"
    "  --access-key KEY       of the account's root; without, both keys are made\n"
    "  --secret-key SECRET    - reads it from standard input\n"
    "\n"
    "Where, with a running server (the usual way):\n"
    "  --endpoint URL         also PAIL_ENDPOINT, AWS_ENDPOINT_URL; default " ENDPOINT "\n"
    "  --region NAME          also PAIL_REGION, AWS_REGION, AWS_DEFAULT_REGION; default " REGION "\n"
    "  --ca-file FILE         further certificates to trust, for https\n"
    "  The keys of the first account's root are read from PAIL_ROOT_USER and PAIL_ROOT_PASSWORD, MINIO_ROOT_USER and\n"
    "  MINIO_ROOT_PASSWORD, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; default minioadmin / minioadmin.\n"
    "\n"
    "Where, without a server:\n"
    "  --data DIR             the data folder, which no server may hold\n"
    "  --tier CLASS=DIR, --master-key-file FILE   as for `pail server`\n"
    "\n"
    "Examples:\n"
    "  pail account create team-a --email team-a@example.com\n"
    "  pail account list --endpoint https://s3.example.com --ca-file ca.crt\n"
    "  pail account delete team-a\n"
    "  pail account create team-b --data /srv/pail\n";

static int fail(const char *text)
{
    fprintf(stderr, "pail: %s\n", text);
    return 1;
}

static int misuse(const char *what, const char *word)
{
    fprintf(stderr, "pail account: %s%s%s%s; `pail account --help` tells more\n", what, word ? " \"" : "",
            word ? word : "", word ? "\"" : "");
    return 2;
}

/* ---- arguments ---- */

static const char **place_of(struct call *c, const char *flag)
{
    const struct {
        const char *flag;
        const char **to;
    } flags[] = {{"--email", &c->email},    {"--access-key", &c->access_key}, {"--secret-key", &c->secret_key},
                 {"--data", &c->data},      {"--endpoint", &c->endpoint},     {"--region", &c->region},
                 {"--ca-file", &c->ca_file}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(flag, flags[i].flag) == 0)
            return flags[i].to;
    return NULL;
}

/* --flag VALUE or --flag=VALUE; *i moves over what was taken. 0, or 2. */
static int read_flag(struct call *c, int argc, char **argv, int *i)
{
    char *word = argv[*i], *equals = strchr(word, '=');
    char *flag = bytes_cstr(c->arena, bytes_of(word, equals ? (size_t)(equals - word) : strlen(word)));
    bool of_server = strcmp(flag, "--tier") == 0 || strcmp(flag, "--master-key-file") == 0;
    const char **to = place_of(c, flag);
    if (!to && !of_server)
        return misuse("unknown flag", flag);
    if (!equals && *i + 1 == argc)
        return misuse("no value for", flag);
    char *value = equals ? equals + 1 : argv[++*i];
    if (!*value)
        return misuse("no value for", flag);
    if (to) {
        *to = value;
        return 0;
    }
    if (c->n_server_flags + 2 > SERVER_FLAGS)
        return misuse("too often", flag);
    c->server_flags[c->n_server_flags++] = flag;
    c->server_flags[c->n_server_flags++] = value;
    return 0;
}

static int read_verb(struct call *c, const char *word)
{
    static const char *const verbs[] = {[CREATE] = "create", [LIST] = "list", [DELETE] = "delete"};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(word, verbs[i]) == 0) {
            c->verb = (enum verb)i;
            return 0;
        }
    return misuse("create, list and delete are known, not", word);
}

/* The first line of standard input. */
static int read_secret(struct call *c)
{
    if (!c->secret_key || c->secret_key[0] != '-' || c->secret_key[1])
        return 0;
    if (!fgets(c->secret_line, sizeof c->secret_line, stdin))
        return misuse("no secret key on standard input", NULL);
    size_t n = strcspn(c->secret_line, "\r\n");
    if (c->secret_line[n] == '\0' && n + 1 == sizeof c->secret_line)
        return misuse("the secret key on standard input is too long", NULL);
    c->secret_line[n] = '\0';
    c->secret_key = c->secret_line;
    return 0;
}

static int check(struct call *c)
{
    if (c->verb != LIST && !c->name)
        return misuse(c->verb == CREATE ? "which name shall it have?" : "which account? give its name or id", NULL);
    if (c->verb != CREATE && (c->email || c->access_key || c->secret_key))
        return misuse("--email, --access-key and --secret-key are for create", NULL);
    if (!c->access_key != !c->secret_key)
        return misuse("--access-key and --secret-key are given both or neither", NULL);
    if (c->data && (c->endpoint || c->ca_file || c->region))
        return misuse("--data is without a server: --endpoint, --region and --ca-file have no place there", NULL);
    if (!c->data && c->n_server_flags > 1)
        return misuse("--tier and --master-key-file go with --data", NULL);
    return read_secret(c);
}

/* 0; 2; or -1 when help was asked for. */
static int read_arguments(struct call *c, int argc, char **argv)
{
    bool verb = false;
    c->n_server_flags = 1;
    for (int i = 0; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return -1;
        if (argv[i][0] == '-' && argv[i][1])
            rc = read_flag(c, argc, argv, &i);
        else if (!verb)
            rc = read_verb(c, argv[i]);
        else if (!c->name && c->verb != LIST)
            c->name = argv[i];
        else
            rc = misuse("one word too many:", argv[i]);
        verb = verb || argv[i][0] != '-';
        if (rc != 0)
            return rc;
    }
    return verb ? check(c) : misuse("create, list or delete?", NULL);
}

/* ---- answers ---- */

/* For people to read and programs to parse. */
static int print_json(struct bytes text)
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

static void put(json_t *j, const char *name, const char *value)
{
    if (value)
        json_object_set_new(j, name, json_stringn_nocheck(value, strlen(value)));
}

/* What a new account shall be; freed with wipe_text. */
static char *wish_text(const struct call *c)
{
    json_t *j = json_object();
    put(j, "name", c->name);
    put(j, "email", c->email);
    put(j, "accessKey", c->access_key);
    put(j, "secretKey", c->secret_key);
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(j);
    return text;
}

static void wipe_text(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
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

static char *url_of(const struct call *c)
{
    static const char *const endpoints[] = {"PAIL_ENDPOINT", "AWS_ENDPOINT_URL", NULL};
    const char *endpoint = first_of(c->endpoint, endpoints, ENDPOINT);
    size_t n = strlen(endpoint);
    while (n && endpoint[n - 1] == '/')
        n--;
    struct buf url;
    buf_init(&url, 8192);
    buf_put(&url, endpoint, n);
    buf_put_str(&url, ACCOUNTS_PATH);
    if (c->verb == DELETE)
        buf_printf(&url, "/%s", c->name);
    char *text = url.failed ? NULL : bytes_cstr(c->arena, buf_bytes(&url));
    buf_fini(&url);
    return text;
}

static int exchange(struct call *c, struct http_client_request *q)
{
    struct http_client_reply reply;
    char error[256];
    if (!http_client_send(q, c->arena, &reply, error))
        return fail(error);
    int rc = reply.status / 100 == 2 ? print_json(reply.body) : refused(q->url, &reply);
    if (reply.body.n)
        explicit_bzero((char *)reply.body.p, reply.body.n);
    return rc;
}

/* Names go into a path: what they may not have would change it, and the server has none of that name anyway. */
static bool is_plain(const char *name)
{
    return *name != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

static int run_online(struct call *c)
{
    static const char *const methods[] = {[CREATE] = "POST", [LIST] = "GET", [DELETE] = "DELETE"};
    static const char *const regions[] = {"PAIL_REGION", "MINIO_SITE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    static const struct http_client_header json = {"Content-Type", "application/json"};
    struct keys keys;
    char error[256];
    if (!find_keys(&keys, error))
        return fail(error);
    if (c->verb == DELETE && !is_plain(c->name))
        return fail("no account has such a name");
    struct http_client_request q = {.method = methods[c->verb],
                                    .url = url_of(c),
                                    .ca_file = c->ca_file,
                                    .access_key = keys.user,
                                    .secret_key = keys.password,
                                    .session_token = keys.token,
                                    .region = first_of(c->region, regions, REGION)};
    if (!q.url)
        return fail("the endpoint is too long");
    if (c->verb != CREATE)
        return exchange(c, &q);
    char *wish = wish_text(c);
    if (!wish)
        return fail("the arguments are no text in UTF-8");
    q.body = bytes_str(wish);
    q.headers = &json;
    q.n_headers = 1;
    int rc = exchange(c, &q);
    wipe_text(wish);
    return rc;
}

/* ---- without a server ---- */

static struct accounts_answer ask(const struct call *c, struct identities *ids)
{
    struct account_wish wish = {bytes_str(c->name), bytes_str(c->email), bytes_str(c->access_key),
                                bytes_str(c->secret_key)};
    switch (c->verb) {
    case CREATE:
        return accounts_create(ids, &wish, c->arena);
    case DELETE:
        return accounts_delete(ids, bytes_str(c->name), c->arena);
    case LIST:
        break;
    }
    return accounts_list(ids, c->arena);
}

static int run_in_store(struct call *c, const struct config *cfg, const char *path, struct store *store)
{
    char error[512];
    struct identities *ids = accounts_open(store, cfg, path, error);
    if (!ids)
        return fail(error);
    struct accounts_answer answer = ask(c, ids);
    int rc = answer.rc == ACCOUNTS_OK ? print_json(answer.text) : fail(answer.text.p);
    accounts_close(&ids);
    return rc;
}

static int fail_folder(const char *error)
{
    bool held = strstr(error, "is in use") != NULL;
    fprintf(stderr, "pail: %s%s\n", error,
            held ? "; while its server runs, leave --data away and give --endpoint URL" : "");
    return 1;
}

static int run_in_folder(struct call *c, const struct config *cfg)
{
    struct data_dir dir = {.lock_fd = -1};
    char error[512];
    struct store *store = NULL;
    if (access(arena_printf(c->arena, "%s/" FORMAT_FILE, cfg->dir), F_OK) != 0) {
        snprintf(error, sizeof error, "%.300s is no data folder; `pail server DIR` makes one", cfg->dir);
        return fail(error);
    }
    umask(0077);
    log_setup(LOG_TEXT, LOG_WARN);
    int rc = data_dir_open(cfg->dir, &dir, error) ? 0 : fail_folder(error);
    if (rc == 0 && !(store = backends_open(cfg, &dir, error)))
        rc = fail(error);
    if (rc == 0)
        rc = run_in_store(c, cfg, dir.path, store);
    store_close(&store);
    data_dir_close(&dir);
    return rc;
}

static int run_offline(struct call *c)
{
    struct config cfg;
    char error[512];
    c->server_flags[0] = (char *)c->data;
    int rc = config_load(&cfg, c->n_server_flags, c->server_flags, error);
    rc = rc == 0 ? run_in_folder(c, &cfg) : (fail(error), 2);
    config_fini(&cfg);
    return rc;
}

int account_command(int argc, char **argv)
{
    struct call c = {.arena = arena_create(0)};
    int rc = read_arguments(&c, argc, argv);
    if (rc < 0) {
        rc = fputs(help, stdout) < 0;
    } else if (rc == 0) {
        rc = c.data ? run_offline(&c) : run_online(&c);
    }
    explicit_bzero(c.secret_line, sizeof c.secret_line);
    arena_free(c.arena);
    return rc;
}
