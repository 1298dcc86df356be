/* SPDX-License-Identifier: Apache-2.0 */
/* The master key's sources, and that there is never a new one over old data. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master_key.h"
#include "tests/unit/storage/store_world.h"

#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct place {
    struct world w;
    char folder[64], path[96];
};

static struct place place_open(void)
{
    struct place p = {.w = world_open(), .folder = "/tmp/pail-master-XXXXXX"};
    cr_assert_not_null(mkdtemp(p.folder));
    snprintf(p.path, sizeof p.path, "%s/pail.key", p.folder);
    return p;
}

static void place_close(struct place *p)
{
    unlink(p->path);
    cr_assert_eq(rmdir(p->folder), 0, "nothing else was left there");
    world_close(&p->w);
}

static void write_key(struct place *p, const char *text, mode_t mode)
{
    unlink(p->path);
    int fd = open(p->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
    close(fd);
}

static bool try_open(struct place *p, const char *file, const char *environment, struct master_key *k, char error[512])
{
    struct master_key_options o = {
        .store = p->w.store, .data_dir = p->folder, .file = file, .environment = environment};
    return master_key_open(&o, k, error);
}

/* Opened, but without a key, and that is what it says. */
static void check_problem(struct place *p, const char *file, const char *environment, const char *said)
{
    struct master_key k;
    char error[512];
    cr_assert(try_open(p, file, environment, &k, error), "%s", error);
    cr_assert(!k.crypt && strstr(k.problem, said), "%s", k.problem);
    master_key_close(&k);
}

Test(keyring_master, is_made_once_and_never_over_old_data)
{
    struct place p = place_open();
    struct master_key k;
    struct stat st;
    char error[512];
    cr_assert(try_open(&p, NULL, NULL, &k, error) && k.crypt && k.made && k.from == MASTER_KEY_FROM_FOLDER);
    cr_assert(stat(p.path, &st) == 0 && (st.st_mode & 0777) == 0600);
    master_key_close(&k);
    cr_assert(try_open(&p, NULL, NULL, &k, error) && k.crypt && !k.made);
    master_key_close(&k);
    cr_assert_eq(unlink(p.path), 0);
    check_problem(&p, NULL, NULL, "missing");
    cr_assert(access(p.path, F_OK) != 0 && errno == ENOENT);
    place_close(&p);
}

Test(keyring_master, each_fault_has_a_line_of_its_own)
{
    struct place p = place_open();
    struct master_key k;
    char error[512];
    write_key(&p, DIGITS "\n", 0600);
    cr_assert(try_open(&p, NULL, NULL, &k, error) && k.crypt && !k.made, "one that was there is taken");
    master_key_close(&k);
    write_key(&p, DIGITS, 0604);
    check_problem(&p, NULL, NULL, "(mode 0604); run: chmod 600");
    write_key(&p, DIGITS, 0620);
    check_problem(&p, NULL, NULL, "(mode 0620)");
    write_key(&p, DIGITS "0", 0600);
    check_problem(&p, NULL, NULL, "64 hex digits");
    write_key(&p, "f" DIGITS, 0600);
    check_problem(&p, NULL, NULL, "64 hex digits");
    write_key(&p, "f0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 0600);
    check_problem(&p, NULL, NULL, "another master key");
    unlink(p.path);
    cr_assert_eq(mkfifo(p.path, 0600), 0);
    check_problem(&p, NULL, NULL, "64 hex digits");
    write_key(&p, DIGITS, 0440);
    cr_assert(try_open(&p, NULL, NULL, &k, error) && k.crypt, "its group may read it");
    master_key_close(&k);
    place_close(&p);
}

Test(keyring_master, the_first_source_that_is_there_counts)
{
    struct place p = place_open();
    struct master_key k;
    char error[512];
    write_key(&p, DIGITS, 0600);
    cr_assert(try_open(&p, p.path, NULL, &k, error) && k.crypt && k.from == MASTER_KEY_FROM_SETTING);
    master_key_close(&k);
    cr_assert(try_open(&p, NULL, DIGITS, &k, error) && k.crypt && k.from == MASTER_KEY_FROM_ENVIRONMENT && k.left);
    master_key_close(&k);
    check_problem(&p, NULL, "junk", "64 hex digits");
    check_problem(&p, "/nowhere/key", DIGITS, "missing");
    cr_assert(setenv("CREDENTIALS_DIRECTORY", "/nowhere", 1) == 0 && try_open(&p, NULL, DIGITS, &k, error));
    cr_assert(k.from == MASTER_KEY_FROM_ENVIRONMENT, "systemd gave other credentials");
    master_key_close(&k);
    unsetenv("CREDENTIALS_DIRECTORY");
    place_close(&p);
}

Test(keyring_master, a_source_that_fails_at_first_stops_the_start)
{
    struct place p = place_open();
    struct master_key k;
    char error[512];
    cr_assert(!try_open(&p, "/nowhere/key", NULL, &k, error) && strstr(error, "openssl rand"), "%s", error);
    cr_assert(!try_open(&p, NULL, "junk", &k, error) && strstr(error, "64 hex digits"), "%s", error);
    struct master_key_options look = {.store = p.w.store, .data_dir = p.folder, .never_make = true};
    cr_assert(!master_key_open(&look, &k, error), "who only looks makes none");
    cr_assert_neq(access(p.path, F_OK), 0);
    place_close(&p);
}

Test(keyring_master, the_environment_forgets_it)
{
    char text[MASTER_KEY_TEXT];
    cr_assert_eq(setenv(MASTER_KEY_VARIABLE, DIGITS, 1), 0);
    const char *there = getenv(MASTER_KEY_VARIABLE);
    master_key_take_environment(text);
    cr_assert_str_eq(text, DIGITS);
    cr_assert_null(getenv(MASTER_KEY_VARIABLE));
    cr_assert_eq(there[0], 0, "and its memory is wiped");
    master_key_take_environment(text);
    cr_assert_str_empty(text);
}
