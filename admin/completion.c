/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail completion SHELL`: a script for bash, zsh or fish, made from what the commands say with --help. Idea: a tree of
 * nodes, one for each command that words can lead to ("", "admin", "admin users", ...); each has the words that may
 * follow and its flags. A script finds the node of the words typed so far and offers these, else names of files.
 * Threads: the first one.
 */
#include <stdio.h>
#include <string.h>

#include "admin/commands.h"
#include "admin/help_text.h"
#include "base/check.h"

#define NODES_MAX 256
#define ROWS_MAX  128 /* words or flags of a node */

struct row {
    struct bytes name, text; /* a line */
    bool value;              /* of a flag: it takes one */
};
struct node {
    const char *path;
    struct row words[ROWS_MAX], flags[ROWS_MAX];
    size_t n_words, n_flags;
};
struct tree {
    struct arena *arena;
    struct node *nodes[NODES_MAX];
    size_t n;
};

static const char help[] = "Usage: pail completion bash|zsh|fish\n"
                           "\n"
                           "Prints a script that completes the commands and flags of pail in this shell.\n"
                           "\n"
                           "Examples:\n"
                           "  pail completion bash > /etc/bash_completion.d/pail\n"
                           "  pail completion zsh > /usr/local/share/zsh/site-functions/_pail\n"
                           "  pail completion fish > /etc/fish/completions/pail.fish\n"
                           "  source <(pail completion bash)\n";

/* ---- the tree ---- */

static struct node *node_at(struct tree *t, const char *path)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->nodes[i]->path, path) == 0)
            return t->nodes[i];
    CHECK(t->n < NODES_MAX);
    struct node *n = arena_new(t->arena, struct node);
    n->path = path;
    return t->nodes[t->n++] = n;
}

static struct bytes first_line(struct bytes text)
{
    ptrdiff_t end = bytes_find_char(text, '\n', 0);
    return bytes_cut(text, 0, end < 0 ? text.n : (size_t)end);
}

static void add_row(struct row *rows, size_t *n, struct bytes name, struct bytes text, bool value)
{
    for (size_t i = 0; i < *n; i++)
        if (bytes_eq(rows[i].name, name))
            return;
    CHECK(*n < ROWS_MAX);
    rows[(*n)++] = (struct row){name, first_line(text), value};
}

static void add_word(struct tree *t, const char *path, struct bytes word, struct bytes text)
{
    struct node *n = node_at(t, path);
    add_row(n->words, &n->n_words, word, text, false);
}

static void add_flags(struct tree *t, const char *path, const struct help_doc *doc)
{
    struct node *n = node_at(t, path);
    struct help_flag flag;
    for (size_t i = 0; i < doc->n; i++)
        for (size_t at = 0; doc->items[i].kind == HELP_ENTRY && help_next_flag(doc->items[i].term, &at, &flag);)
            add_row(n->flags, &n->n_flags, flag.name, doc->items[i].text, flag.value);
    add_row(n->flags, &n->n_flags, BYTES_LIT("--help"), BYTES_LIT("tell more"), false);
}

/* What its list of commands says about "users create"; a group says nothing. */
static struct bytes text_of(const struct help_doc *doc, const char *words)
{
    for (size_t i = 0; i < doc->n; i++) {
        struct bytes term = doc->items[i].term;
        size_t n = strlen(words);
        if (doc->items[i].kind == HELP_ENTRY && bytes_starts(term, bytes_str(words)) &&
            (term.n == n || term.p[n] == ' '))
            return doc->items[i].text;
    }
    return BYTES_NONE;
}

/* A command with commands of its own: `pail admin users create`. */
static void add_own(struct tree *t, const struct command *c, const struct help_doc *doc, const char *words)
{
    struct help_doc own;
    const char *path = c->name;
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, " ");
        bool last = !w[n];
        add_word(t, path, bytes_dup(t->arena, bytes_of(w, n)), last ? text_of(doc, words) : BYTES_NONE);
        path = arena_printf(t->arena, "%s %.*s", path, (int)n, w);
        (void)node_at(t, path);
        w += n + (w[n] == ' ');
    }
    help_read(help_of(c, words, t->arena), t->arena, &own);
    add_flags(t, path, &own);
}

static void add_command(struct tree *t, const struct command *c)
{
    struct help_doc doc;
    struct bytes verb;
    const char *words;
    help_read(help_of(c, NULL, t->arena), t->arena, &doc);
    add_word(t, "", bytes_str(c->name), bytes_str(c->help));
    add_flags(t, c->name, &doc);
    for (size_t i = 0; !c->words && (verb = help_verb(&doc, c->name, i, t->arena)).n; i++) {
        add_word(t, c->name, verb, text_of(&doc, bytes_cstr(t->arena, verb)));
        add_flags(t, arena_printf(t->arena, "%s %.*s", c->name, (int)verb.n, verb.p), &doc);
    }
    for (size_t i = 0; c->words && (words = c->words(i)) != NULL; i++)
        add_own(t, c, &doc, bytes_cstr(t->arena, bytes_str(words)));
}

static void make_tree(struct tree *t)
{
    size_t n;
    const struct command *table = command_table(&n);
    struct node *top = node_at(t, "");
    for (size_t i = 0; i < n; i++)
        if (table[i].help)
            add_command(t, &table[i]);
    add_word(t, "", BYTES_LIT("help"), BYTES_LIT("the commands"));
    add_word(t, "", BYTES_LIT("version"), BYTES_LIT("the version of this program"));
    add_row(top->flags, &top->n_flags, BYTES_LIT("--help"), BYTES_LIT("the commands"), false);
    add_row(top->flags, &top->n_flags, BYTES_LIT("--version"), BYTES_LIT("the version of this program"), false);
}

/* ---- scripts ---- */

/* In single quotes, as a shell reads it; `colons`: zsh divides names from texts by them. */
static void put_quoted(struct bytes text, bool fish)
{
    putchar('\'');
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (fish && (c == '\'' || c == '\\'))
            printf("\\%c", c);
        else if (c == '\'')
            fputs("'\\''", stdout);
        else
            putchar(c);
    }
    putchar('\'');
}

/* 'admin' and ends it with `end`. */
static void put_paths(const struct tree *t, const char *between)
{
    const char *gap = "";
    for (size_t i = 0; i < t->n; i++)
        if (*t->nodes[i]->path) {
            printf("%s'%s'", gap, t->nodes[i]->path);
            gap = between;
        }
}

static void put_names(const struct row *rows, size_t n, bool values_only)
{
    const char *gap = "";
    putchar('\'');
    for (size_t i = 0; i < n; i++)
        if (!values_only || rows[i].value) {
            printf("%s%.*s", gap, (int)rows[i].name.n, rows[i].name.p);
            gap = " ";
        }
    putchar('\'');
}

static void print_bash(const struct tree *t)
{
    puts("# Completion of pail for bash, made by `pail completion bash`.\n"
         "_pail() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    local path='' words='' flags='' values='' i\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        case \"${path:+$path }${COMP_WORDS[i]}\" in");
    fputs("        ", stdout);
    put_paths(t, " | ");
    puts(") path=${path:+$path }${COMP_WORDS[i]} ;;\n"
         "        esac\n"
         "    done\n"
         "    case \"$path\" in");
    for (size_t i = 0; i < t->n; i++) {
        const struct node *n = t->nodes[i];
        printf("    '%s')\n        words=", n->path);
        put_names(n->words, n->n_words, false);
        fputs("\n        flags=", stdout);
        put_names(n->flags, n->n_flags, false);
        fputs("\n        values=", stdout);
        put_names(n->flags, n->n_flags, true);
        puts("\n        ;;");
    }
    puts("    esac\n"
         "    COMPREPLY=()\n"
         "    case \" $values \" in\n"
         "    *\" $prev \"*) return ;; # a value: names of files, as bash completes them\n"
         "    esac\n"
         "    case \"$cur\" in\n"
         "    -*) mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$cur\") ;;\n"
         "    *) [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
         "    esac\n"
         "}\n"
         "complete -o default -F _pail pail");
}

static void put_described(const char *list, const struct row *rows, size_t n, struct arena *a)
{
    printf("        %s=(", list);
    for (size_t i = 0; i < n; i++) {
        fputs("\n            ", stdout);
        put_quoted(arena_bytesf(a, "%.*s%s%.*s", (int)rows[i].name.n, rows[i].name.p, rows[i].text.n ? ":" : "",
                                (int)rows[i].text.n, rows[i].text.p),
                   false);
    }
    puts(")");
}

static void print_zsh(const struct tree *t)
{
    puts("#compdef pail\n"
         "# Completion of pail for zsh, made by `pail completion zsh`.\n"
         "_pail() {\n"
         "    local at='' values='' i\n"
         "    local -a commands flags\n"
         "    for ((i = 2; i < CURRENT; i++)); do\n"
         "        case \"${at:+$at }${words[i]}\" in");
    fputs("        (", stdout);
    put_paths(t, " | ");
    puts(") at=\"${at:+$at }${words[i]}\" ;;\n"
         "        esac\n"
         "    done\n"
         "    case \"$at\" in");
    for (size_t i = 0; i < t->n; i++) {
        const struct node *n = t->nodes[i];
        printf("    ('%s')\n", n->path);
        put_described("commands", n->words, n->n_words, t->arena);
        put_described("flags", n->flags, n->n_flags, t->arena);
        fputs("        values=", stdout);
        put_names(n->flags, n->n_flags, true);
        puts("\n        ;;");
    }
    puts("    esac\n"
         "    if [[ \" $values \" == *\" ${words[CURRENT - 1]} \"* ]]; then\n"
         "        _files\n"
         "    elif [[ \"${words[CURRENT]}\" == -* ]]; then\n"
         "        _describe -o flag flags\n"
         "    elif (( $#commands )); then\n"
         "        _describe command commands\n"
         "    else\n"
         "        _files\n"
         "    fi\n"
         "}\n"
         "if [[ \"${funcstack[1]}\" == _pail ]]; then\n"
         "    _pail \"$@\"\n"
         "else\n"
         "    compdef _pail pail\n"
         "fi");
}

static void print_fish_node(const struct node *n)
{
    for (size_t i = 0; i < n->n_words; i++) {
        printf("complete -c pail -n '__pail_at \"%s\"' -f -a '%.*s'", n->path, (int)n->words[i].name.n,
               n->words[i].name.p);
        if (n->words[i].text.n) {
            fputs(" -d ", stdout);
            put_quoted(n->words[i].text, true);
        }
        puts("");
    }
    for (size_t i = 0; i < n->n_flags; i++) {
        printf("complete -c pail -n '__pail_at \"%s\"' -l '%.*s'%s -d ", n->path, (int)n->flags[i].name.n - 2,
               n->flags[i].name.p + 2, n->flags[i].value ? " -r" : "");
        put_quoted(n->flags[i].text, true);
        puts("");
    }
}

static void print_fish(const struct tree *t)
{
    puts("# Completion of pail for fish, made by `pail completion fish`.\n"
         "function __pail_at\n"
         "    set -l path ''\n"
         "    set -l typed (commandline -opc)\n"
         "    for word in $typed[2..-1]\n"
         "        set -l next (string trim -- \"$path $word\")\n"
         "        switch $next");
    fputs("            case ", stdout);
    put_paths(t, " ");
    puts("\n"
         "                set path $next\n"
         "        end\n"
         "    end\n"
         "    test \"$path\" = \"$argv[1]\"\n"
         "end");
    for (size_t i = 0; i < t->n; i++)
        print_fish_node(t->nodes[i]);
}

int completion_command(int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*print)(const struct tree *);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    const char *word = argc > 0 ? argv[0] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return fputs(help, stdout) < 0;
    for (size_t i = 0; argc == 1 && i < ARRAY_LEN(shells); i++)
        if (strcmp(shells[i].shell, word) == 0) {
            struct tree t = {.arena = arena_create(0)};
            make_tree(&t);
            shells[i].print(&t);
            arena_free(t.arena);
            return fflush(stdout) != 0;
        }
    fprintf(stderr, "pail completion: bash, zsh or fish?; `pail completion --help` tells more\n");
    return 2;
}
