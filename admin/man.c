/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail man DIR`, for `make man`: writes pail.1 and a page for each command, pail-NAME.1, from what the commands say
 * with --help (help_text.h) and, for the server, from the table of settings behind that. Threads: the first one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/commands.h"
#include "admin/help_text.h"
#include "base/check.h"
#include "version.h"

#define PATH_MAX_TEXT 4096
#define STATUS_TITLE  "Exit status:"

/* ---- text as roff takes it ---- */

static void put_text(FILE *f, struct bytes text, bool begins)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool first = i == 0 ? begins : text.p[i - 1] == '\n';
        if (first && (c == '.' || c == '\''))
            fputs("\\&", f);
        if (c == '\\')
            fputs("\\e", f);
        else if (c == '-')
            fputs("\\-", f);
        else if (c == '\'')
            fputs("\\(aq", f);
        else if (c == '`')
            fputs("\\(ga", f);
        else if (c == '^')
            fputs("\\(ha", f);
        else if (c == '~')
            fputs("\\(ti", f);
        else
            fputc(c, f);
    }
}

static void put_macro(FILE *f, const char *macro, struct bytes text)
{
    fprintf(f, ".%s \"", macro);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '"')
            fputs("\\(dq", f);
        else
            put_text(f, bytes_cut(text, i, 1), false);
    fputs("\"\n", f);
}

/* Names of the environment in a text of the server's settings have a line of their own. */
static void put_lines(FILE *f, struct bytes text)
{
    while (text.n) {
        ptrdiff_t end = bytes_find_char(text, '\n', 0);
        struct bytes line = bytes_cut(text, 0, end < 0 ? text.n : (size_t)end);
        if (bytes_starts(line, BYTES_LIT("PAIL_")))
            fputs(".br\n", f);
        put_text(f, line, true);
        fputc('\n', f);
        text = bytes_cut(text, line.n + 1, text.n);
    }
}

static struct bytes upper(struct bytes text, struct arena *a)
{
    struct bytes copy = bytes_dup(a, text);
    for (size_t i = 0; i < copy.n; i++) {
        char *c = (char *)copy.p + i;
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    }
    return copy;
}

/* ---- pages ---- */

static FILE *begin_page(const char *dir, const char *name, const char *help, struct arena *a)
{
    char path[PATH_MAX_TEXT];
    snprintf(path, sizeof path, "%s/%s.1", dir, name);
    FILE *f = fopen(path, "we");
    if (!f) {
        fprintf(stderr, "pail: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    struct bytes title = upper(bytes_str(name), a);
    fprintf(f, ".\\\" Made by `make man` from what the program says with --help.\n");
    fputs(".TH ", f);
    put_text(f, title, false);
    fputs(" 1 \"\" \"Pail " PAIL_VERSION "\" \"Pail\"\n.SH NAME\n", f);
    put_text(f, bytes_str(name), true);
    fputs(" \\- ", f);
    put_text(f, bytes_str(help), false);
    fputc('\n', f);
    return f;
}

static bool end_page(FILE *f)
{
    bool good = !ferror(f);
    return fclose(f) == 0 && good;
}

static void put_examples(FILE *f, const struct help_doc *doc, size_t *i)
{
    fputs(".nf\n", f);
    for (; *i < doc->n && doc->items[*i].kind == HELP_EXAMPLE; ++*i) {
        put_text(f, doc->items[*i].text, true);
        fputc('\n', f);
    }
    fputs(".fi\n", f);
    --*i;
}

/* A paragraph that has its own title. */
static bool is_status(const struct help_item *item)
{
    return item->kind == HELP_PARAGRAPH && bytes_starts(item->text, BYTES_LIT(STATUS_TITLE));
}

static bool says_status(const struct help_doc *doc)
{
    for (size_t i = 0; i < doc->n; i++)
        if (is_status(&doc->items[i]))
            return true;
    return false;
}

/* What follows the usage. `heading`: SH of a page, SS of a command in one. */
static void put_items(FILE *f, const struct help_doc *doc, const char *heading, struct arena *a)
{
    bool shown = false; /* whether something stands below the last heading */
    for (size_t i = 0; i < doc->n; i++) {
        const struct help_item *item = &doc->items[i];
        switch (item->kind) {
        case HELP_USAGE:
            break;
        case HELP_HEADING:
            put_macro(f, heading, heading[1] == 'H' ? upper(item->text, a) : item->text);
            shown = false;
            continue;
        case HELP_PARAGRAPH:
            if (is_status(item))
                fputs(".SH EXIT STATUS\n", f);
            else if (shown)
                fputs(".PP\n", f);
            put_lines(f, is_status(item) ? bytes_trim(bytes_cut(item->text, sizeof STATUS_TITLE - 1, item->text.n))
                                         : item->text);
            break;
        case HELP_ENTRY:
            fputs(".TP\n", f);
            put_macro(f, "B", item->term);
            put_lines(f, item->text);
            break;
        case HELP_EXAMPLE:
            put_examples(f, doc, &i);
            break;
        }
        shown = item->kind != HELP_USAGE;
    }
}

static void put_usage(FILE *f, const struct help_doc *doc)
{
    fputs(".nf\n", f);
    for (size_t i = 0; i < doc->n; i++)
        if (doc->items[i].kind == HELP_USAGE) {
            put_text(f, doc->items[i].text, true);
            fputc('\n', f);
        }
    fputs(".fi\n", f);
}

/* Of a command's own command: usage, what it does and its flags. What all of them share stands on the page already. */
static void put_own(FILE *f, const struct command *c, const char *words, struct arena *a)
{
    struct help_doc doc;
    help_read(help_of(c, words, a), a, &doc);
    size_t n = 0;
    while (n < doc.n && doc.items[n].kind != HELP_HEADING)
        n++;
    put_macro(f, "SS", arena_bytesf(a, "pail %s %s", c->name, words));
    put_usage(f, &doc);
    fputs(".PP\n", f);
    doc.n = n;
    put_items(f, &doc, "SS", a);
}

static void put_also(FILE *f, const char *self)
{
    size_t n;
    const struct command *table = command_table(&n);
    const char *gap = "";
    fputs(".SH SEE ALSO\n", f);
    if (*self)
        fputs(".BR pail (1)", f);
    gap = *self ? ",\n" : "";
    for (size_t i = 0; i < n; i++)
        if (table[i].help && strcmp(table[i].name, self) != 0) {
            fprintf(f, "%s.BR pail\\-%s (1)", gap, table[i].name);
            gap = ",\n";
        }
    fputc('\n', f);
}

static bool command_page(const char *dir, const struct command *c, struct arena *a)
{
    struct help_doc doc;
    const char *words;
    help_read(help_of(c, NULL, a), a, &doc);
    FILE *f = doc.n ? begin_page(dir, arena_printf(a, "pail-%s", c->name), c->help, a) : NULL;
    if (!f)
        return false;
    fputs(".SH SYNOPSIS\n", f);
    put_usage(f, &doc);
    fputs(".SH DESCRIPTION\n", f);
    put_items(f, &doc, "SH", a);
    if (c->words)
        fputs(".SH EACH COMMAND\n", f);
    for (size_t i = 0; c->words && (words = c->words(i)) != NULL; i++)
        put_own(f, c, bytes_cstr(a, bytes_str(words)), a);
    if (!says_status(&doc))
        fputs(".SH EXIT STATUS\n0: done. 1: it failed or was refused, and one line on standard error says why. "
              "2: it was called wrongly.\n",
              f);
    put_also(f, c->name);
    return end_page(f);
}

static bool first_page(const char *dir, struct arena *a)
{
    size_t n;
    const struct command *table = command_table(&n);
    FILE *f = begin_page(dir, "pail", "an object store that speaks the S3 protocol, in one program", a);
    if (!f)
        return false;
    fputs(".SH SYNOPSIS\n.nf\npail COMMAND\npail COMMAND \\-\\-help\npail \\-\\-version\n.fi\n"
          ".SH DESCRIPTION\nThe server and all tools around it are one program; the first word says which.\n"
          ".SH COMMANDS\n",
          f);
    for (size_t i = 0; i < n; i++) {
        if (!table[i].help)
            continue;
        fputs(".TP\n", f);
        put_macro(f, "B", arena_bytesf(a, "pail %s %s", table[i].name, table[i].arguments));
        put_text(f, bytes_str(table[i].help), true);
        fprintf(f, "; see\n.BR pail\\-%s (1).\n", table[i].name);
    }
    put_also(f, "");
    return end_page(f);
}

int man_command(int argc, char **argv)
{
    size_t n;
    const struct command *table = command_table(&n);
    if (argc != 1 || argv[0][0] == '-') {
        fputs("Usage: pail man DIR\n\nWrites the manual pages into DIR.\n", argc == 1 ? stdout : stderr);
        return argc == 1 ? 0 : 2;
    }
    struct arena *a = arena_create(0);
    bool good = first_page(argv[0], a);
    for (size_t i = 0; i < n && good; i++)
        good = !table[i].help || command_page(argv[0], &table[i], a);
    arena_free(a);
    return good ? 0 : 1;
}
