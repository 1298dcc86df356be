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

#define SECRET_LINE (ACCOUNT_SECRET_MAX + 2)

enum verb { CREATE, LIST, DELETE };

static const char *const verbs[] = {[CREATE] = "create", [LIST] = "list", [DELETE] = "delete", NULL};

struct call {
    struct target_args args; /* the name is an id as well */
    const char *email, *access_key, *secret_key;
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
    "Examples:\n"
    "  pail account create team-a --email team-a@example.com\n"
    "  pail account list --endpoint https://s3.example.com --ca-file ca.crt\n"
    "  pail account delete team-a\n"
    "  pail account create team-b --data /srv/pail\n";

/* ---- arguments ---- */

/* The first line of standard input. */
static int read_secret(struct call *c)
{
    if (!c->secret_key || c->secret_key[0] != '-' || c->secret_key[1])
        return 0;
    if (!fgets(c->secret_line, sizeof c->secret_line, stdin))
        return target_misuse(&c->args, "no secret key on standard input", NULL);
    size_t n = strcspn(c->secret_line, "\r\n");
    if (c->secret_line[n] == '\0' && n + 1 == sizeof c->secret_line)
        return target_misuse(&c->args, "the secret key on standard input is too long", NULL);
    c->secret_line[n] = '\0';
    c->secret_key = c->secret_line;
    return 0;
}

static int check(struct call *c)
{
    if (c->args.verb != LIST && !c->args.name)
        return target_misuse(
            &c->args, c->args.verb == CREATE ? "which name shall it have?" : "which account? give its name or id",
            NULL);
    if (c->args.verb != CREATE && (c->email || c->access_key || c->secret_key))
        return target_misuse(&c->args, "--email, --access-key and --secret-key are for create", NULL);
    if (!c->access_key != !c->secret_key)
        return target_misuse(&c->args, "--access-key and --secret-key are given both or neither", NULL);
    return read_secret(c);
}

/* 0; 2; or -1 when help was asked for. */
static int read_arguments(struct call *c, int argc, char **argv)
{
    const struct target_flag flags[] = {{.name = "--email", .value = &c->email},
                                        {.name = "--access-key", .value = &c->access_key},
                                        {.name = "--secret-key", .value = &c->secret_key},
                                        {.name = NULL}};
    int rc = target_args_read(&c->args, flags, argc, argv);
    return rc == 0 ? check(c) : rc;
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
    put(j, "name", c->args.name);
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

static int run_online(struct call *c)
{
    static const char *const methods[] = {[CREATE] = "POST", [LIST] = "GET", [DELETE] = "DELETE"};
    struct bytes answer;
    if (c->args.verb == DELETE && !target_name_is_plain(c->args.name))
        return target_fail("no account has such a name");
    char *wish = c->args.verb == CREATE ? wish_text(c) : NULL;
    if (c->args.verb == CREATE && !wish)
        return target_fail("the arguments are no text in UTF-8");
    const char *path =
        c->args.verb == DELETE ? arena_printf(c->args.arena, ACCOUNTS_PATH "/%s", c->args.name) : ACCOUNTS_PATH;
    int rc = target_call(&c->args.server, c->args.arena, methods[c->args.verb], path, bytes_str(wish), &answer);
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
    struct account_wish wish = {bytes_str(c->args.name), bytes_str(c->email), bytes_str(c->access_key),
                                bytes_str(c->secret_key)};
    switch ((enum verb)c->args.verb) {
    case CREATE:
        return accounts_create(ids, &wish, c->args.arena);
    case DELETE:
        return accounts_delete(ids, bytes_str(c->args.name), c->args.arena);
    case LIST:
        break;
    }
    return accounts_list(ids, c->args.arena);
}

static int run_in_store(struct call *c, const struct target_folder *f)
{
    char error[512];
    struct identities *ids = accounts_open(f->store, &f->config, f->dir.path, error);
    if (!ids)
        return target_fail(error);
    struct accounts_answer answer = ask(c, ids);
    int rc = answer.rc == ACCOUNTS_OK ? target_print_json(answer.text) : target_fail(answer.text.p);
    accounts_close(&ids);
    return rc;
}

static int run_offline(struct call *c)
{
    struct target_folder f;
    int rc = target_folder_open(&f, &c->args);
    if (rc == 0)
        rc = run_in_store(c, &f);
    target_folder_close(&f);
    return rc;
}

int account_command(int argc, char **argv)
{
    struct call c = {.args = {.command = "account", .verbs = verbs, .nameless = 1u << LIST, .arena = arena_create(0)}};
    int rc = read_arguments(&c, argc, argv);
    if (rc < 0) {
        rc = fputs(help, stdout) < 0;
    } else if (rc == 0) {
        rc = c.args.data ? run_offline(&c) : run_online(&c);
    }
    explicit_bzero(c.secret_line, sizeof c.secret_line);
    arena_free(c.args.arena);
    return rc;
}
