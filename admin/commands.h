/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of the program beside `pail server`; the table is in main.c. Each takes what comes after its name and
 * answers the process's exit status. Threads: called once, by main.
 */
#ifndef PAIL_ADMIN_COMMANDS_H
#define PAIL_ADMIN_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "maintenance.h"

/* A row of the table. Completion and manual pages are made from what the commands say with --help. */
struct command {
    const char *name;
    const char *arguments, *help;      /* help NULL: it is listed nowhere */
    int (*run)(int argc, char **argv); /* what comes after the command's name */
    const char *(*words)(size_t i);    /* its own commands, such as "users list"; NULL at the end */
};
const struct command *command_table(size_t *ret_n); /* admin/main.c */

int admin_command(int argc, char **argv);
const char *admin_words(size_t i); /* good until the next call */
int completion_command(int argc, char **argv);
int man_command(int argc, char **argv);
int account_command(int argc, char **argv);
int key_command(int argc, char **argv);
int check_command(int argc, char **argv);
int backup_command(int argc, char **argv);
int restore_command(int argc, char **argv);
int recover_command(int argc, char **argv);
int import_command(int argc, char **argv);
int export_command(int argc, char **argv);

/* ---- what they share: admin/folder_args.c ---- */

struct folder_args {
    const char *command;      /* for messages */
    const char *help;         /* the whole text of --help */
    const char *const *flags; /* switches that this command knows, NULL at the end */
    bool on[16];              /* in their order */
    const char *paths[2];     /* DIR, and a second one where the command takes two */
    int n_paths, wanted_paths;
    struct maintenance_tier tiers[MAINTENANCE_TIERS_MAX]; /* --tier CLASS=DIR */
    size_t n_tiers;
};
/* 0: go on; 1: help was printed; -1: called wrongly, which was said. */
int folder_args_read(struct folder_args *, int argc, char **argv);

/* A line on standard error that is written over, when that is a terminal. */
struct progress_bar {
    bool terminal, shown;
    const char *what;
    int64_t began_ms, drawn_ms;
};
void progress_bar_init(struct progress_bar *);
void progress_bar_tick(void *bar, const char *what, uint64_t done, uint64_t total, bool bytes);
void progress_bar_clear(struct progress_bar *); /* before anything else is printed */

/* 12.3 GiB */
const char *size_text(uint64_t bytes, char out[32]);
/* A key for people: what is not printable as \xNN; always ends, cut to what fits. */
const char *key_text(struct bytes key, char out[256]);

#endif
