/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: one table of commands. Each command reads its own arguments and answers the process's exit status:
 * 0 done, 1 it failed (one clear line on standard error), 2 it was called wrongly.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/commands.h"
#include "base/arena.h"
#include "base/check.h"
#include "serve.h"
#include "version.h"

static const struct command commands[] = {
    {"server", "DIR [settings]", "serve the S3 protocol over the data in DIR", serve_command, NULL},
    {"admin", "COMMAND", "a running server: status, users, keys, policies, buckets, trace, ...", admin_command,
     admin_words},
    {"account", "create|list|delete", "the accounts of a server, each with a root of its own", account_command, NULL},
    {"key", "create|list|rotate|...", "the keys that encrypt objects, and the master key", key_command, NULL},
    {"check", "DIR [--fast] [--repair]", "look at all data and the index, while the server runs or not", check_command,
     NULL},
    {"backup", "DIR DEST [--verify]", "copy all data, while the server runs; again: only what is new", backup_command,
     NULL},
    {"restore", "BACKUP DIR", "make a data folder from a backup", restore_command, NULL},
    {"import", "SRC DEST", "bring objects in: from any S3 endpoint or a folder", import_command, NULL},
    {"export", "SRC DEST", "take objects out: to a folder or any S3 endpoint", export_command, NULL},
    {"recover", "DIR", "make a lost or broken index anew from a snapshot and the blobs", recover_command, NULL},
    {"completion", "bash|zsh|fish", "completion of this program's commands and flags, for a shell", completion_command,
     NULL},
    {"man", "DIR", NULL, man_command, NULL},
};

const struct command *command_table(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(commands);
    return commands;
}

static void usage(FILE *to)
{
    fputs("Usage: pail COMMAND\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char left[64];
        if (!commands[i].help)
            continue;
        snprintf(left, sizeof left, "pail %s %s", commands[i].name, commands[i].arguments);
        fprintf(to, "  %-34s %s\n", left, commands[i].help);
    }
    fputs("  pail --version\n\n`pail COMMAND --help` tells more.\n", to);
}

/* Started with one of them closed, the process would open a data file under its number and write the log into it. */
static bool hold_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* takes the lowest number that is free */
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && close(fd) == 0;
}

int main(int argc, char **argv)
{
    if (!hold_standard_descriptors())
        return 1;
    /* What is put into a JSON value and finds no memory would be missing from what is saved or told: better an end. */
    json_set_alloc_funcs(xmalloc, free);
    const char *word = argc >= 2 ? argv[1] : "";
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        printf("pail %s\n", PAIL_VERSION);
        return 0;
    }
    if (!*word || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        usage(*word ? stdout : stderr);
        return *word ? 0 : 2;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "pail: unknown command \"%s\"; `pail --help` lists them\n", word);
    return 2;
}
