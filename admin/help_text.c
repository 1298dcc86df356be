/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help texts taken apart; help_text.h tells how they look. A command is made to print its help into memory by giving it
 * another standard output for that long. Threads: the first one.
 */
#include "admin/help_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "admin/commands.h"
#include "base/check.h"

#define HELP_MAX   (256u << 10) /* bytes of a text */
#define WORDS_MAX  4            /* of a command's own command */
#define ENTRY_FROM 2            /* blanks before an entry */

/* ---- reading ---- */

struct reading {
    struct arena *arena;
    struct help_doc *doc;
    bool open;     /* the last item goes on in the next line */
    bool examples; /* the last heading was that of examples */
};

static struct bytes next_line(struct bytes *rest)
{
    ptrdiff_t end = bytes_find_char(*rest, '\n', 0);
    struct bytes line = bytes_cut(*rest, 0, end < 0 ? rest->n : (size_t)end);
    *rest = bytes_cut(*rest, line.n + 1, rest->n);
    return line;
}

static size_t blanks_of(struct bytes line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

static void add(struct reading *r, enum help_kind kind, struct bytes term, struct bytes text, bool open)
{
    r->doc->items[r->doc->n++] = (struct help_item){kind, term, text};
    r->open = open;
}

static void go_on(struct reading *r, struct bytes text)
{
    struct help_item *last = &r->doc->items[r->doc->n - 1];
    last->text = arena_bytesf(r->arena, "%.*s%s%.*s", (int)last->text.n, last->text.p, last->text.n ? "\n" : "",
                              (int)text.n, text.p);
}

/* Where the text begins behind "--flag VALUE"; 0: this is no entry. */
static size_t text_begins(struct bytes line)
{
    ptrdiff_t gap = bytes_find(line, BYTES_LIT("  "), 0);
    if (gap > 0)
        return (size_t)gap + blanks_of(bytes_cut(line, (size_t)gap, line.n));
    if (!bytes_starts(line, BYTES_LIT("--")))
        return 0;
    ptrdiff_t value = bytes_find_char(line, ' ', 0),
              after = value > 0 ? bytes_find_char(line, ' ', (size_t)value + 1) : -1;
    return after > 0 ? (size_t)after + 1 : 0;
}

static void read_indented(struct reading *r, struct bytes line, size_t blanks)
{
    struct help_item *last = r->doc->n ? &r->doc->items[r->doc->n - 1] : NULL;
    struct bytes text = bytes_cut(line, blanks, line.n);
    size_t begins = blanks == ENTRY_FROM ? text_begins(text) : 0;
    if (last && last->kind == HELP_USAGE && r->open)
        add(r, HELP_USAGE, BYTES_NONE, text, true);
    else if (r->examples)
        add(r, HELP_EXAMPLE, BYTES_NONE, text, false);
    else if (begins)
        add(r, HELP_ENTRY, bytes_trim(bytes_cut(text, 0, begins)), bytes_cut(text, begins, text.n), true);
    else if (r->open && last && (blanks > ENTRY_FROM || last->kind == HELP_PARAGRAPH))
        go_on(r, text);
    else
        add(r, HELP_PARAGRAPH, BYTES_NONE, text, true);
}

static void read_line(struct reading *r, struct bytes line, struct bytes rest)
{
    static const char usage[] = "Usage: ";
    size_t blanks = blanks_of(line);
    bool indented_next = blanks_of(rest) >= ENTRY_FROM;
    if (blanks == line.n) {
        r->open = false;
    } else if (blanks) {
        read_indented(r, line, blanks);
    } else if (bytes_starts(line, bytes_str(usage))) {
        add(r, HELP_USAGE, BYTES_NONE, bytes_cut(line, sizeof usage - 1, line.n), true);
    } else if (line.p[line.n - 1] == ':' && indented_next) {
        r->examples = bytes_eq_str(line, "Examples:");
        add(r, HELP_HEADING, BYTES_NONE, bytes_cut(line, 0, line.n - 1), false);
    } else if (r->open && r->doc->items[r->doc->n - 1].kind == HELP_PARAGRAPH) {
        go_on(r, line);
    } else {
        r->examples = false;
        add(r, HELP_PARAGRAPH, BYTES_NONE, line, true);
    }
}

void help_read(struct bytes text, struct arena *a, struct help_doc *ret)
{
    struct reading r = {.arena = a, .doc = ret};
    size_t lines = 1;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    *ret = (struct help_doc){arena_new_array(a, struct help_item, lines), 0};
    while (text.n) {
        struct bytes line = next_line(&text);
        read_line(&r, line, text);
    }
}

bool help_next_flag(struct bytes term, size_t *at, struct help_flag *ret)
{
    for (;;) {
        ptrdiff_t begin = bytes_find(term, BYTES_LIT("--"), *at);
        if (begin < 0)
            return false;
        size_t end = (size_t)begin + 2;
        while (end < term.n &&
               (islower((unsigned char)term.p[end]) || isdigit((unsigned char)term.p[end]) || term.p[end] == '-'))
            end++;
        *at = end;
        ret->name = bytes_cut(term, (size_t)begin, end - (size_t)begin);
        ret->value = end + 1 < term.n && term.p[end] == ' ' && term.p[end + 1] != '-' && term.p[end + 1] != '[';
        if (ret->name.n > 2 && term.p[end - 1] != '-') /* --vault-... stands for several */
            return true;
    }
}

static bool is_verbs(struct bytes word)
{
    for (size_t i = 0; i < word.n; i++)
        if (!islower((unsigned char)word.p[i]) && word.p[i] != '|')
            return false;
    return word.n > 0;
}

struct bytes help_verb(const struct help_doc *doc, const char *name, size_t i, struct arena *a)
{
    struct bytes head = arena_bytesf(a, "pail %s ", name);
    for (size_t k = 0; k < doc->n; k++) {
        struct bytes usage = doc->items[k].text;
        if (doc->items[k].kind != HELP_USAGE || !bytes_starts(usage, head))
            continue;
        ptrdiff_t end = bytes_find_char(usage, ' ', head.n);
        struct bytes words = bytes_cut(usage, head.n, (end < 0 ? usage.n : (size_t)end) - head.n);
        while (is_verbs(words)) {
            ptrdiff_t bar = bytes_find_char(words, '|', 0);
            struct bytes verb = bytes_cut(words, 0, bar < 0 ? words.n : (size_t)bar);
            if (i-- == 0)
                return verb;
            words = bytes_cut(words, verb.n + 1, words.n);
        }
    }
    return BYTES_NONE;
}

/* ---- asking for it ---- */

static struct bytes read_all(int fd, struct arena *a)
{
    char *text = arena_alloc(a, HELP_MAX);
    ssize_t n = pread(fd, text, HELP_MAX, 0);
    return bytes_of(text, n > 0 ? (size_t)n : 0);
}

struct bytes help_of(const struct command *c, const char *words, struct arena *a)
{
    char *argv[WORDS_MAX + 2] = {NULL}, *rest = bytes_cstr(a, bytes_str(words));
    struct bytes text = BYTES_NONE;
    int argc = 0;
    while (*rest && argc < WORDS_MAX) {
        argv[argc++] = rest;
        rest += strcspn(rest, " ");
        if (*rest)
            *rest++ = '\0';
    }
    argv[argc++] = (char[]){"--help"};
    fflush(stdout);
    int fd = memfd_create("help", MFD_CLOEXEC), before = dup(STDOUT_FILENO);
    if (fd >= 0 && before >= 0 && dup2(fd, STDOUT_FILENO) >= 0) {
        bool good = c->run(argc, argv) == 0;
        good = fflush(stdout) == 0 && good;
        dup2(before, STDOUT_FILENO);
        text = good ? read_all(fd, a) : BYTES_NONE;
    }
    if (fd >= 0)
        close(fd);
    if (before >= 0)
        close(before);
    return text;
}
