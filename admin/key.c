/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail key`: the keys that encrypt objects, and where the master key lies. With a running server it is a client of
 * /pail/v1/keys; with --data it opens the folder itself, and the same code as in the server answers (key_admin.h).
 * `move` touches files alone, so it works beside a running server: that has the key in memory.
 *
 * Exit status: 0 done, 1 refused or failed (one line on standard error says why), 2 called wrongly.
 * Threads: one; the store's own while a folder is open.
 */
#include "key_admin.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/commands.h"
#include "admin/target.h"
#include "base/check.h"
#include "master_key.h"
#include "vault.h"

enum verb { CREATE, LIST, ROTATE, DISABLE, ENABLE, DELETE, MOVE, STATUS };

static const char *const verbs[] = {"create", "list", "rotate", "disable", "enable", "delete", "move", "status", NULL};

struct call {
    struct target_args args; /* the name is a path for MOVE */
    bool json;
};

static const char help[] =
    "Usage: pail key list|status [where]\n"
    "       pail key create|rotate|disable|enable|delete NAME [where]\n"
    "       pail key move FILE --data DIR\n"
    "\n"
    "Each object has a key of its own. That is sealed by one of these keys: pail-s3 for SSE-S3 (AES256), aws-s3 for\n"
    "SSE-KMS without a key id, or the one that a client names (aws:kms). They in turn are sealed by the master key, or "
    "by\n"
    "Vault.\n"
    "\n"
    "  list       all keys; what a rotation has done so far\n"
    "  status     where the master key comes from, and whether all keys can be used\n"
    "  create     a new key\n"
    "  rotate     a new version, which seals from now on; what older ones sealed is sealed anew in the background, "
    "and\n"
    "             no data is written again\n"
    "  disable    it neither seals nor opens: its objects cannot be read until it is enabled\n"
    "  delete     for good; only a disabled key with which nothing is encrypted\n"
    "  move       writes the master key of DIR into FILE and takes it out of DIR; whoever copies DIR then has no key.\n"
    "             The server may run meanwhile; from its next start on it wants --master-key-file FILE\n"
    "\n"
    "  --json     the answer as JSON\n"
    "\n" TARGET_HELP "\n"
    "Examples:\n"
    "  pail key create invoices\n"
    "  aws s3 cp bill.pdf s3://bills/ --sse aws:kms --sse-kms-key-id invoices\n"
    "  pail key rotate invoices && pail key list\n"
    "  pail key move /etc/pail/pail.key --data /srv/pail\n";

/* ---- arguments ---- */

static int check(struct call *c)
{
    if (c->args.verb != LIST && c->args.verb != STATUS && !c->args.name)
        return target_misuse(&c->args, c->args.verb == MOVE ? "to which file?" : "which key? give its name", NULL);
    if (c->args.verb == MOVE && (!c->args.data || c->args.n_server_flags > 1 || c->json))
        return target_misuse(&c->args, "move takes FILE and --data DIR, and nothing else", NULL);
    return 0;
}

/* 0; 2; or -1 when help was asked for. */
static int read_arguments(struct call *c, int argc, char **argv)
{
    const struct target_flag flags[] = {{.name = "--json", .on = &c->json}, {.name = NULL}};
    int rc = target_args_read(&c->args, flags, argc, argv);
    return rc == 0 ? check(c) : rc;
}

/* ---- answers for people ---- */

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static bool is(const json_t *j, const char *name)
{
    return json_is_true(json_object_get(j, name));
}

static long long number(const json_t *j, const char *name)
{
    return json_integer_value(json_object_get(j, name));
}

static void print_key(const json_t *k, int width)
{
    const char *state = is(k, "disabled") ? "disabled" : is(k, "available") ? "enabled" : "unavailable";
    printf("%-*s  %7lld  %-11s  %-20s  %-20s  ", width, text_of(k, "name"), number(k, "current"), state,
           text_of(k, "created"), text_of(k, "rotated"));
    if (is(k, "resealing"))
        printf("%lld so far\n", number(k, "resealed"));
    else if (number(k, "current") > 1)
        printf("%lld, done\n", number(k, "resealed"));
    else
        puts("-");
}

static void print_keys(const json_t *keys)
{
    int width = 4;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        int n = (int)strlen(text_of(json_array_get(keys, i), "name"));
        width = n > width ? n : width;
    }
    printf("%-*s  %7s  %-11s  %-20s  %-20s  %s\n", width, "NAME", "VERSION", "STATE", "CREATED", "ROTATED",
           "SEALED ANEW");
    for (size_t i = 0; i < json_array_size(keys); i++)
        print_key(json_array_get(keys, i), width);
}

/* 1 when not everything is as it should be. */
static int print_status(const json_t *j)
{
    const json_t *m = json_object_get(j, "masterKey"), *keys = json_object_get(j, "keys");
    const char *service = text_of(j, "keyService");
    size_t closed = 0, moving = 0;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        closed += !is(json_array_get(keys, i), "available");
        moving += is(json_array_get(keys, i), "resealing");
    }
    if (is(m, "available") && *text_of(m, "problem"))
        printf("Master key:   %s: %s\n", text_of(m, "place"), text_of(m, "problem"));
    else if (is(m, "available"))
        printf("Master key:   %s%s\n", text_of(m, "place"),
               strcmp(text_of(m, "from"), "folder") == 0 ? ", in the data folder: whoever has that has the key too"
                                                         : "");
    else
        printf("Master key:   NOT available: %s\n", text_of(m, "problem"));
    printf("New versions: sealed by %s\n", *service ? service : "the master key");
    printf("Keys:         %zu, %zu of them not available, %zu still sealing anew\n", json_array_size(keys), closed,
           moving);
    return closed || !is(m, "available") ? 1 : 0;
}

static int print(const struct call *c, struct bytes text)
{
    if (c->json)
        return target_print_json(text);
    json_t *j = json_loadb(text.p, text.n, 0, NULL), *one = NULL;
    int rc = 0;
    if (!j) {
        rc = target_fail("the answer is no JSON: is it a Pail server?");
    } else if (c->args.verb == STATUS) {
        rc = print_status(j);
    } else if (c->args.verb == LIST) {
        print_keys(json_object_get(j, "keys"));
    } else if (c->args.verb == DELETE) {
        printf("Key %s is gone.\n", text_of(j, "name"));
    } else {
        one = json_pack("[O]", j);
        print_keys(one);
    }
    json_decref(one);
    json_decref(j);
    return fflush(stdout) == 0 ? rc : target_fail("the answer cannot be written");
}

/* ---- with a server ---- */

static int run_online(struct call *c)
{
    static const char *const methods[] = {"POST", "GET", "POST", "POST", "POST", "DELETE", "", "GET"};
    const char *path = KEYS_PATH;
    struct bytes wish = BYTES_NONE, answer;
    if (c->args.name && !target_name_is_plain(c->args.name))
        return target_fail(keyring_rc_name(KEYRING_INVALID_NAME));
    if (c->args.verb == CREATE)
        wish = arena_bytesf(c->args.arena, "{\"name\":\"%s\"}", c->args.name);
    else if (c->args.verb == DELETE)
        path = arena_printf(c->args.arena, KEYS_PATH "/%s", c->args.name);
    else if (c->args.name)
        path = arena_printf(c->args.arena, KEYS_PATH "/%s/%s", c->args.name, verbs[c->args.verb]);
    int rc = target_call(&c->args.server, c->args.arena, methods[c->args.verb], path, wish, &answer);
    return rc == 0 ? print(c, answer) : rc;
}

/* ---- without a server ---- */

static struct keys_answer ask(const struct call *c, const struct keys_admin *o)
{
    struct bytes name = bytes_str(c->args.name);
    switch ((enum verb)c->args.verb) {
    case CREATE:
        return keys_create(o, name, c->args.arena);
    case ROTATE:
        return keys_rotate(o, name, c->args.arena);
    case DISABLE:
    case ENABLE:
        return keys_set_disabled(o, name, c->args.verb == DISABLE, c->args.arena);
    case DELETE:
        return keys_delete(o, name, c->args.arena);
    case LIST:
    case STATUS:
    case MOVE:
        break;
    }
    return keys_list(o, c->args.arena);
}

/* Nobody else is there to seal anew after a rotation. */
static int run_in_keyring(struct call *c, const struct keys_admin *o)
{
    struct keys_answer answer = ask(c, o);
    if (answer.rc != KEYRING_OK)
        return target_fail(answer.text.p);
    if (c->args.verb != ROTATE)
        return print(c, answer.text);
    while (keyring_work(o->keyring))
        ;
    answer = keys_get(o, bytes_str(c->args.name), c->args.arena);
    return answer.rc == KEYRING_OK ? print(c, answer.text) : target_fail(answer.text.p);
}

static int run_in_store(struct call *c, const struct target_folder *f)
{
    struct master_key master;
    struct keyring *keys = NULL;
    char error[512], environment[MASTER_KEY_TEXT];
    master_key_take_environment(environment);
    struct master_key_options mo = {.store = f->store,
                                    .data_dir = f->dir.path,
                                    .file = f->config.master_key_file,
                                    .environment = environment,
                                    .never_make = true};
    bool good = master_key_open(&mo, &master, error);
    OPENSSL_cleanse(environment, sizeof environment);
    if (!good)
        return target_fail(error);
    struct vault *vault = vault_open(&f->config, error);
    int rc = !vault && *error ? target_fail(error) : 0;
    struct keyring_options ko = {
        .store = f->store, .master = master.crypt, .service = vault_service(vault), .no_background = true};
    int opened = rc == 0 ? keyring_open(&ko, &keys) : KEYRING_STORE;
    if (rc == 0 && opened != KEYRING_OK)
        rc = target_fail(keyring_rc_name(opened));
    struct keys_admin admin = {keys, &master, ko.service};
    if (rc == 0)
        rc = run_in_keyring(c, &admin);
    keyring_close(&keys);
    vault_close(&vault);
    master_key_close(&master);
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

/* ---- moving the master key ---- */

static int fail_file(const char *path, const char *why)
{
    fprintf(stderr, "pail: %s: %s\n", path, why);
    return 1;
}

static const char *load_problem(int rc)
{
    return rc == CRYPT_NO_FILE    ? "there is no master key in this folder"
           : rc == CRYPT_EXPOSED  ? "others than its owner may read or write it; run chmod 600 on it"
           : rc == CRYPT_BAD_FILE ? "this is no master key: 64 hex digits, and nothing else, are wanted"
                                  : strerror(errno);
}

/* The folder that a file lies in, or will lie in. */
static bool folder_of(struct arena *a, const char *path, char real[4096])
{
    const char *slash = strrchr(path, '/');
    const char *folder = !slash ? "." : slash == path ? "/" : bytes_cstr(a, bytes_of(path, (size_t)(slash - path)));
    return realpath(folder, real) != NULL;
}

static bool lies_within(const char *folder, const char *outer)
{
    size_t n = strlen(outer);
    return strncmp(folder, outer, n) == 0 && (folder[n] == '/' || folder[n] == '\0');
}

/* Durably gone: otherwise a power cut brings it back, and with it the mistake that whoever has the folder has no key.
 */
static bool take_away(const char *folder, const char *path)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && unlink(path) == 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* It is there before the old one goes. Tried again after it was cut off, it goes on where it was. */
static int copy_key(const struct crypt *key, const char *to)
{
    struct crypt *there = NULL;
    int rc = crypt_write(key, to), why = errno;
    if (rc != CRYPT_OK && why != EEXIST)
        return fail_file(to, strerror(why));
    bool same = crypt_load(to, &there) == CRYPT_OK && crypt_same(there, key);
    crypt_close(&there);
    if (same)
        return 0;
    return fail_file(to, rc == CRYPT_OK ? "what was written cannot be read again" : "there is a file of this name");
}

static int run_move(struct call *c)
{
    char folder[4096], other[4096];
    struct crypt *key = NULL;
    if (!realpath(c->args.data, folder))
        return fail_file(c->args.data, strerror(errno));
    if (!folder_of(c->args.arena, c->args.name, other))
        return fail_file(c->args.name, strerror(errno));
    if (lies_within(other, folder))
        return fail_file(c->args.name, "it lies in the data folder; the key is to be taken out of there");
    const char *from = arena_printf(c->args.arena, "%s/" MASTER_KEY_FILE, folder), *slash = strrchr(c->args.name, '/');
    const char *to =
        arena_printf(c->args.arena, "%s/%s", strcmp(other, "/") == 0 ? "" : other, slash ? slash + 1 : c->args.name);
    int loaded = crypt_load(from, &key);
    if (loaded != CRYPT_OK)
        return fail_file(from, load_problem(loaded));
    int rc = copy_key(key, to);
    crypt_close(&key);
    if (rc == 0 && !take_away(folder, from))
        rc = fail_file(from, strerror(errno));
    if (rc == 0)
        printf("The master key is now in %s, and no longer in %s.\n"
               "Start the server with --master-key-file %s (or PAIL_MASTER_KEY_FILE); one that runs goes on until "
               "then.\n"
               "Keep a copy in a safe place: without it, encrypted objects and secret keys are lost.\n",
               to, folder, to);
    return rc;
}

int key_command(int argc, char **argv)
{
    struct call c = {
        .args = {.command = "key", .verbs = verbs, .nameless = 1u << LIST | 1u << STATUS, .arena = arena_create(0)}};
    int rc = read_arguments(&c, argc, argv);
    if (rc < 0)
        rc = fputs(help, stdout) < 0;
    else if (rc == 0)
        rc = c.args.verb == MOVE ? run_move(&c) : c.args.data ? run_offline(&c) : run_online(&c);
    arena_free(c.args.arena);
    return rc;
}
