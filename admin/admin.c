/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail admin`: its table of commands, and what is read from and written out of it: arguments and --help. Completion
 * and manual pages are made from the help (help_text.h), so a row here is all that a command needs beside its function.
 *
 * Exit status: 0 done, 1 refused or failed (one line on standard error says why), 2 called wrongly.
 * Threads: the first one.
 */
#include "admin/admin.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "admin/commands.h"
#include "admin/target.h"
#include "base/check.h"

#define LEFT_COLUMN 30

static const struct admin_command commands[] = {
    {"status", NULL, "", "how the server is doing: space, objects, requests, errors, workers", admin_status,
     .examples = {"pail admin status", "pail admin status --json"}},
    {"health", NULL, "", "whether the server is there and serves; for health checks, without keys", admin_health,
     .flags = {{"live", NULL, "only whether it answers, not whether it can read and write"},
               {"local", NULL, "the server of this machine or container: where PAIL_ADDRESS and PAIL_CERTS_DIR say"},
               {"timeout", "SECONDS", "how long it may take, 1 to 300; default 5"}},
     .examples = {"pail admin health", "pail admin health --live --timeout 2", "pail admin health --local"},
     .keyless = true},
    {"users", "list", "", "all users", admin_users_list, .examples = {"pail admin users list"}},
    {"users", "show", "USER", "a user with access keys, groups and policies", admin_users_show,
     .examples = {"pail admin users show alice"}},
    {"users", "create", "USER", "a new user, who may do nothing until a policy is attached", admin_users_create,
     .flags = {{"key", NULL, "also make an access key, and show its secret this once"},
               {"policy", "POLICY", "attach this policy"}},
     .examples = {"pail admin users create alice --key --policy readwrite"}},
    {"users", "delete", "USER", "for good; objects stay", admin_users_delete,
     .flags = {{"force", NULL, "also with access keys, policies and groups, which it leaves"}},
     .examples = {"pail admin users delete alice --force"}},
    {"keys", "list", "[USER]", "access keys of a user, or of all", admin_keys_list,
     .examples = {"pail admin keys list", "pail admin keys list alice"}},
    {"keys", "create", "USER", "a new access key; the secret is shown this once", admin_keys_create,
     .examples = {"pail admin keys create alice"}},
    {"keys", "disable", "KEY", "it is refused until it is enabled", admin_keys_disable,
     .examples = {"pail admin keys disable AKIAIOSFODNN7EXAMPLE"}},
    {"keys", "enable", "KEY", "it works again", admin_keys_enable,
     .examples = {"pail admin keys enable AKIAIOSFODNN7EXAMPLE"}},
    {"keys", "delete", "KEY", "for good", admin_keys_delete,
     .examples = {"pail admin keys delete AKIAIOSFODNN7EXAMPLE"}},
    {"policies", "list", "", "all policies, those that came with the server too", admin_policies_list,
     .examples = {"pail admin policies list"}},
    {"policies", "show", "POLICY", "the document of a policy, as JSON", admin_policies_show,
     .examples = {"pail admin policies show readonly"}},
    {"policies", "create", "POLICY FILE", "a new policy, or a new version of one; FILE - is standard input",
     admin_policies_create, .examples = {"pail admin policies create team-data policy.json"}},
    {"policies", "delete", "POLICY", "a policy that is attached to nobody", admin_policies_delete,
     .examples = {"pail admin policies delete team-data"}},
    {"policies", "attach", "POLICY", "to a user or a group", admin_policies_attach,
     .flags = {{"user", "USER", "to this user"}, {"group", "GROUP", "to this group"}},
     .examples = {"pail admin policies attach readonly --user bob",
                  "pail admin policies attach team-data --group team"}},
    {"policies", "detach", "POLICY", "from a user or a group", admin_policies_detach,
     .flags = {{"user", "USER", "from this user"}, {"group", "GROUP", "from this group"}},
     .examples = {"pail admin policies detach readonly --user bob"}},
    {"groups", "list", "", "all groups", admin_groups_list, .examples = {"pail admin groups list"}},
    {"groups", "show", "GROUP", "members and policies of a group", admin_groups_show,
     .examples = {"pail admin groups show team"}},
    {"groups", "create", "GROUP", "a new group", admin_groups_create, .examples = {"pail admin groups create team"}},
    {"groups", "delete", "GROUP", "a group without members and policies", admin_groups_delete,
     .examples = {"pail admin groups delete team"}},
    {"groups", "add", "GROUP USER", "a user joins a group", admin_groups_add,
     .examples = {"pail admin groups add team bob"}},
    {"groups", "remove", "GROUP USER", "a user leaves a group", admin_groups_remove,
     .examples = {"pail admin groups remove team bob"}},
    {"buckets", "list", "", "all buckets with what they hold", admin_buckets_list,
     .flags = {{"prefix", "TEXT", "only those whose names begin so"}},
     .examples = {"pail admin buckets list", "pail admin buckets list --prefix pho --json"}},
    {"buckets", "show", "BUCKET", "a bucket: settings, what it holds, its traffic", admin_buckets_show,
     .examples = {"pail admin buckets show photos"}},
    {"buckets", "create", "BUCKET", "a new bucket", admin_buckets_create,
     .flags = {{"versions", NULL, "keep old versions of objects"},
               {"object-lock", NULL, "objects can be locked against deletion; keeps versions too"}},
     .examples = {"pail admin buckets create photos --versions"}},
    {"buckets", "delete", "BUCKET", "an empty bucket", admin_buckets_delete,
     .examples = {"pail admin buckets delete old-photos"}},
    {"quota", "show", "BUCKET", "how much a bucket may hold", admin_quota_show,
     .examples = {"pail admin quota show photos"}},
    {"quota", "set", "BUCKET SIZE", "it may hold so much, such as 500GiB; more is refused", admin_quota_set,
     .examples = {"pail admin quota set photos 500GiB"}},
    {"quota", "clear", "BUCKET", "no bound but the disk", admin_quota_clear,
     .examples = {"pail admin quota clear photos"}},
    {"trace", NULL, "", "requests as they come, until it is ended", admin_trace_show,
     .flags = {{"errors", NULL, "only those that failed"},
               {"all", NULL, "also those of administrators and of health checks"},
               {"threshold", "TIME", "only those that took longer, such as 100ms"},
               {"count", "N", "end after so many"}},
     .examples = {"pail admin trace", "pail admin trace --errors --count 10", "pail admin trace --threshold 500ms"}},
    {"logs", NULL, "", "the last lines of the server's log, the oldest first", admin_logs_show,
     .flags = {{"limit", "N", "how many, 1 to 1000; default 100"},
               {"level", "LEVEL", "error, warn, info or debug: not what matters less"}},
     .examples = {"pail admin logs --level warn", "pail admin logs --limit 20"}},
};

static const struct {
    const char *name, *value, *help;
    size_t at; /* in struct place_flags */
    bool secret;
} where[] = {
    {"endpoint", "URL", "also PAIL_ENDPOINT, AWS_ENDPOINT_URL; default " PLACE_ENDPOINT,
     offsetof(struct place_flags, endpoint), false},
    {"region", "NAME", "also PAIL_REGION, AWS_REGION, AWS_DEFAULT_REGION; default " PLACE_REGION,
     offsetof(struct place_flags, region), false},
    {"ca-file", "FILE", "further certificates to trust, for https", offsetof(struct place_flags, ca_file), false},
    {"access-key", "KEY", "better in the environment: see below", offsetof(struct place_flags, access_key), true},
    {"secret-key", "SECRET", "the same", offsetof(struct place_flags, secret_key), true},
    {"session-token", "TOKEN", "of temporary keys", offsetof(struct place_flags, token), true},
    {"profile", "NAME", "keys of ~/.aws/credentials", offsetof(struct place_flags, profile), false},
};

static const char keys_help[] =
    "Keys that no flag gives are read from PAIL_ROOT_USER and PAIL_ROOT_PASSWORD, MINIO_ROOT_USER and\n"
    "MINIO_ROOT_PASSWORD, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; default minioadmin /\n"
    "minioadmin. They need not be root's: a user may do what policies allow.\n";

/* ---- messages ---- */

int admin_fail(const char *text)
{
    fprintf(stderr, "pail: %s\n", text);
    return 1;
}

static const char *name_of(const struct admin_command *c, char out[64])
{
    snprintf(out, 64, "pail admin%s%s%s%s", c ? " " : "", c ? c->group : "", c && c->verb ? " " : "",
             c && c->verb ? c->verb : "");
    return out;
}

int admin_misuse(const struct remote_call *c, const char *what, const char *word)
{
    char name[64];
    name_of(c->command, name);
    fprintf(stderr, "%s: %s%s%s%s; `%s --help` tells more\n", name, what, word ? " \"" : "", word ? word : "",
            word ? "\"" : "", name);
    return 2;
}

/* ---- help ---- */

static void help_flag(const char *name, const char *value, const char *help)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value ? " " : "", value ? value : "");
    printf("  %-*s %s\n", LEFT_COLUMN, left, help);
}

static void help_where(void)
{
    puts("How:");
    help_flag("json", NULL, "the answer as JSON, for programs");
    puts("\nWhere:");
    for (size_t i = 0; i < ARRAY_LEN(where); i++)
        help_flag(where[i].name, where[i].value, where[i].help);
    printf("\n%s\n", keys_help);
}

static bool is_of(const struct admin_command *c, const char *group, const char *verb)
{
    return !group || (strcmp(c->group, group) == 0 && (!verb || (c->verb && strcmp(c->verb, verb) == 0)));
}

static void help_examples(const char *group, const char *verb)
{
    puts("Examples:");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        for (size_t e = 0; e < ADMIN_EXAMPLES_MAX && is_of(&commands[i], group, verb); e++)
            if (commands[i].examples[e])
                printf("  %s\n", commands[i].examples[e]);
}

static void help_one(const struct admin_command *c)
{
    char name[64];
    name_of(c, name);
    printf("Usage: %s%s%s [flags]\n\n%c%s.\n\n", name, *c->arguments ? " " : "", c->arguments,
           c->help[0] >= 'a' && c->help[0] <= 'z' ? c->help[0] - 'a' + 'A' : c->help[0], c->help + 1);
    for (size_t i = 0; i < ADMIN_FLAGS_MAX && c->flags[i].name; i++)
        help_flag(c->flags[i].name, c->flags[i].value, c->flags[i].help);
    if (c->flags[0].name)
        puts("");
    help_where();
    help_examples(c->group, c->verb);
}

/* All commands, or those of a group. */
static void help_many(const char *group)
{
    printf("Usage: pail admin %s%s [flags]\n\n%s\n\nCommands:\n", group ? group : "COMMAND", group ? " COMMAND" : "",
           "Administers a running server, over the network.");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct admin_command *c = &commands[i];
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s%s", c->group, c->verb ? " " : "", c->verb ? c->verb : "",
                 *c->arguments ? " " : "", c->arguments);
        if (is_of(c, group, NULL))
            printf("  %-*s %s\n", LEFT_COLUMN, left, c->help);
    }
    printf("\n`pail admin COMMAND --help` tells more about one of them.\n\n");
    help_where();
    help_examples(group, NULL);
}

const char *admin_words(size_t i)
{
    static char words[64];
    if (i >= ARRAY_LEN(commands))
        return NULL;
    snprintf(words, sizeof words, "%s%s%s", commands[i].group, commands[i].verb ? " " : "",
             commands[i].verb ? commands[i].verb : "");
    return words;
}

/* ---- arguments ---- */

const char *admin_flag(const struct remote_call *c, const char *name)
{
    for (size_t i = 0; i < ADMIN_FLAGS_MAX && c->command->flags[i].name; i++)
        if (strcmp(c->command->flags[i].name, name) == 0)
            return c->values[i];
    return NULL;
}

/* Where the value of --name goes; NULL: nobody knows it. */
static const char **place_of(struct remote_call *c, const char *name, bool *ret_value, bool *ret_wipe)
{
    *ret_value = true;
    *ret_wipe = false;
    for (size_t i = 0; i < ARRAY_LEN(where); i++)
        if (strcmp(where[i].name, name) == 0) {
            *ret_wipe = where[i].secret;
            return (const char **)((char *)&c->flags + where[i].at);
        }
    for (size_t i = 0; i < ADMIN_FLAGS_MAX && c->command->flags[i].name; i++)
        if (strcmp(c->command->flags[i].name, name) == 0) {
            *ret_value = c->command->flags[i].value != NULL;
            return &c->values[i];
        }
    return NULL;
}

/* --flag, --flag VALUE or --flag=VALUE; *i moves over what was taken. Keys leave the process's arguments. 0, or 2. */
static int read_flag(struct remote_call *c, int argc, char **argv, int *i)
{
    char *word = argv[*i], *equals = strchr(word, '=');
    const char *name = bytes_cstr(c->arena, bytes_of(word, equals ? (size_t)(equals - word) : strlen(word)));
    bool with_value, wipe;
    const char **to = strncmp(name, "--", 2) == 0 ? place_of(c, name + 2, &with_value, &wipe) : NULL;
    if (strcmp(word, "--json") == 0) {
        c->json = true;
        return 0;
    }
    if (!to)
        return admin_misuse(c, "unknown flag", name);
    if (!with_value) {
        *to = "";
        return equals ? admin_misuse(c, "it takes no value:", name) : 0;
    }
    char *value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    if (!value || !*value)
        return admin_misuse(c, "no value for", name);
    *to = bytes_cstr(c->arena, bytes_str(value));
    if (wipe)
        explicit_bzero(value, strlen(value));
    return 0;
}

/* How many words are asked for, and how many of them may not be left out. */
static size_t count_words(const char *arguments, size_t *ret_needed)
{
    size_t n = 0;
    *ret_needed = 0;
    for (const char *p = arguments; *p; p += strspn(p, " ")) {
        *ret_needed += *p != '[';
        p += strcspn(p, " ");
        n++;
    }
    return n;
}

/* The words after the command's name. 0, 2, or -1 when help was asked for. */
static int read_arguments(struct remote_call *c, int argc, char **argv)
{
    size_t needed, most = count_words(c->command->arguments, &needed);
    for (int i = 0; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return -1;
        if (argv[i][0] == '-' && argv[i][1])
            rc = read_flag(c, argc, argv, &i);
        else if (c->n_words == most)
            rc = admin_misuse(c, "one word too many:", argv[i]);
        else if (!argv[i][0])
            rc = admin_misuse(c, "an empty word is no name", NULL);
        else
            c->words[c->n_words++] = argv[i];
        if (rc != 0)
            return rc;
    }
    return c->n_words >= needed ? 0 : admin_misuse(c, "what is missing:", c->command->arguments);
}

static int run(struct remote_call *c, int argc, char **argv)
{
    char error[256];
    int rc = read_arguments(c, argc, argv);
    if (rc < 0) {
        help_one(c->command);
        return 0;
    }
    if (rc > 0)
        return rc;
    if (c->command->keyless)
        c->flags.access_key = c->flags.secret_key = "";
    if (!place_read("s3://", &c->flags, true, c->arena, &c->at, error))
        return admin_misuse(c, error, NULL);
    return c->command->run(c);
}

static const struct admin_command *find(const char *group, const char *verb)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].group, group) == 0 &&
            (!commands[i].verb || (verb && strcmp(commands[i].verb, verb) == 0)))
            return &commands[i];
    return NULL;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].group, word) == 0)
            return true;
    return false;
}

static bool wants_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int admin_command(int argc, char **argv)
{
    struct remote_call c = {.arena = arena_create(0)};
    const char *group = argc > 0 ? argv[0] : "", *verb = argc > 1 ? argv[1] : NULL;
    int rc = 0;
    arena_keep_secret(c.arena);
    c.command = find(group, verb);
    if (wants_help(group))
        help_many(NULL);
    else if (c.command)
        rc = run(&c, argc - (c.command->verb ? 2 : 1), argv + (c.command->verb ? 2 : 1));
    else if (is_group(group) && verb && wants_help(verb))
        help_many(group);
    else if (is_group(group))
        rc = admin_misuse(&c, verb ? "that is no command of this group:" : "a command of this group is missing:",
                          verb ? verb : group);
    else
        rc = admin_misuse(&c, *group ? "unknown command" : "which command?", *group ? group : NULL);
    arena_free(c.arena);
    return rc != 0 || fflush(stdout) == 0 ? rc : admin_fail("the answer cannot be written");
}
