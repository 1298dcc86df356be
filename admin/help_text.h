/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands say with --help, taken apart again: from it alone shell completion (completion.c) and manual pages
 * (man.c) are made, so a flag is described in one place. The texts are laid out alike:
 *
 *   Usage: pail NAME verb|verb ARGUMENT [--flag]     further forms below, indented
 *   text in paragraphs
 *   Heading:
 *     --flag VALUE     what it does, after two blanks or more; goes on in lines that are indented further
 *   Examples:
 *     pail NAME ...    a line each
 *
 * Threads: the first one; help_read is pure.
 */
#ifndef PAIL_ADMIN_HELP_TEXT_H
#define PAIL_ADMIN_HELP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

struct command;

enum help_kind { HELP_USAGE, HELP_PARAGRAPH, HELP_HEADING, HELP_ENTRY, HELP_EXAMPLE };

struct help_item {
    enum help_kind kind;
    struct bytes term; /* of an entry: "--flag VALUE" */
    struct bytes text; /* lines stay lines */
};
struct help_doc {
    struct help_item *items;
    size_t n;
};

void help_read(struct bytes text, struct arena *, struct help_doc *ret);

struct help_flag {
    struct bytes name; /* with its dashes */
    bool value;        /* it takes one */
};
/* The next flag of an entry's term; *at moves behind it. False: there are no more. */
bool help_next_flag(struct bytes term, size_t *at, struct help_flag *ret);
/* The i-th verb that the usage of `name` knows ("list" of "pail key list|status"); empty: there are no more. */
struct bytes help_verb(const struct help_doc *, const char *name, size_t i, struct arena *);

/* What `pail NAME words --help` prints; `words` NULL: none. Empty: it cannot be had. */
struct bytes help_of(const struct command *, const char *words, struct arena *);

#endif
