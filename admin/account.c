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

#include "admin/commands.h"
#include "admin/target.h"
#include "base/check.h"

#define SERVER_FLAGS 16 /* of `pail server` that a folder needs to be opened */
#define SECRET_LINE  (ACCOUNT_SECRET_MAX + 2)

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
    "\n" TARGET_HELP "\n"
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

/* ---- with a server ---- */

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

/* Names go into a path: what they may not have would change it, and the server has none of that name anyway. */
static bool is_plain(const char *name)
{
    return *name != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

static int run_online(struct call *c)
{
    static const char *const methods[] = {[CREATE] = "POST", [LIST] = "GET", [DELETE] = "DELETE"};
    struct target_server server = {c->endpoint, c->region, c->ca_file};
    struct bytes answer;
    if (c->verb == DELETE && !is_plain(c->name))
        return fail("no account has such a name");
    char *wish = c->verb == CREATE ? wish_text(c) : NULL;
    if (c->verb == CREATE && !wish)
        return fail("the arguments are no text in UTF-8");
    const char *path = c->verb == DELETE ? arena_printf(c->arena, ACCOUNTS_PATH "/%s", c->name) : ACCOUNTS_PATH;
    int rc = target_call(&server, c->arena, methods[c->verb], path, bytes_str(wish), &answer);
    if (rc == 0) {
        rc = target_print_json(answer);
        explicit_bzero((char *)answer.p, answer.n);
    }
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

static int run_in_store(struct call *c, const struct target_folder *f)
{
    char error[512];
    struct identities *ids = accounts_open(f->store, &f->config, f->dir.path, error);
    if (!ids)
        return fail(error);
    struct accounts_answer answer = ask(c, ids);
    int rc = answer.rc == ACCOUNTS_OK ? target_print_json(answer.text) : fail(answer.text.p);
    accounts_close(&ids);
    return rc;
}

static int run_offline(struct call *c)
{
    struct target_folder f;
    c->server_flags[0] = (char *)c->data;
    int rc = target_folder_open(&f, c->n_server_flags, c->server_flags);
    if (rc == 0)
        rc = run_in_store(c, &f);
    target_folder_close(&f);
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
