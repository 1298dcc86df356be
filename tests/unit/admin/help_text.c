/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts taken apart, from which completion and manual pages are made. */
#include "admin/help_text.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"

static const char text[] = "Usage: pail key list|status [where]\n"
                           "       pail key move FILE --data DIR\n"
                           "\n"
                           "What it\n"
                           "does.\n"
                           "\n"
                           "  list       all keys\n"
                           "  --flag VALUE   one line,\n"
                           "                 and another\n"
                           "  Prose that is indented,\n"
                           "  two lines of it.\n"
                           "\n"
                           "Where, at last:\n"
                           "  --a-very-long-flag-without-a-gap NAME text\n"
                           "  --json     a switch\n"
                           "\n"
                           "Examples:\n"
                           "  pail key list  --json\n"
                           "  pail key status\n"
                           "\n"
                           "After them.\n";

static void expect(const struct help_item *i, enum help_kind kind, const char *term, const char *said)
{
    cr_expect_eq(i->kind, kind, "kind of %.*s", (int)i->text.n, i->text.p);
    cr_expect(bytes_eq_str(i->term, term), "term %.*s, not %s", (int)i->term.n, i->term.p, term);
    cr_expect(bytes_eq_str(i->text, said), "text %.*s, not %s", (int)i->text.n, i->text.p, said);
}

Test(help_text, items_of_all_kinds)
{
    static const struct help_item items[] = {
        {HELP_USAGE, BYTES_LIT(""), BYTES_LIT("pail key list|status [where]")},
        {HELP_USAGE, BYTES_LIT(""), BYTES_LIT("pail key move FILE --data DIR")},
        {HELP_PARAGRAPH, BYTES_LIT(""), BYTES_LIT("What it\ndoes.")},
        {HELP_ENTRY, BYTES_LIT("list"), BYTES_LIT("all keys")},
        {HELP_ENTRY, BYTES_LIT("--flag VALUE"), BYTES_LIT("one line,\nand another")},
        {HELP_PARAGRAPH, BYTES_LIT(""), BYTES_LIT("Prose that is indented,\ntwo lines of it.")},
        {HELP_HEADING, BYTES_LIT(""), BYTES_LIT("Where, at last")},
        {HELP_ENTRY, BYTES_LIT("--a-very-long-flag-without-a-gap NAME"), BYTES_LIT("text")},
        {HELP_ENTRY, BYTES_LIT("--json"), BYTES_LIT("a switch")},
        {HELP_HEADING, BYTES_LIT(""), BYTES_LIT("Examples")},
        {HELP_EXAMPLE, BYTES_LIT(""), BYTES_LIT("pail key list  --json")},
        {HELP_EXAMPLE, BYTES_LIT(""), BYTES_LIT("pail key status")},
        {HELP_PARAGRAPH, BYTES_LIT(""), BYTES_LIT("After them.")},
    };
    struct arena *a = arena_create(0);
    struct help_doc doc;
    help_read(bytes_str(text), a, &doc);
    cr_assert_eq(doc.n, ARRAY_LEN(items));
    for (size_t i = 0; i < doc.n; i++)
        expect(&doc.items[i], items[i].kind, bytes_cstr(a, items[i].term), bytes_cstr(a, items[i].text));
    arena_free(a);
}

Test(help_text, any_text_is_read)
{
    static const char *const texts[] = {
        "", "\n", " ", "  ", "   x", "Usage: ", ":", "x:", "  --", "  --x", "Examples:\n  "};
    struct arena *a = arena_create(0);
    struct help_doc doc;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        help_read(bytes_str(texts[i]), a, &doc);
        cr_expect_leq(doc.n, 2);
    }
    arena_free(a);
}

Test(help_text, flags_of_a_term)
{
    static const struct {
        const char *term, *name;
        bool value;
    } rows[] = {{"--json", "--json", false},
                {"--endpoint URL", "--endpoint", true},
                {"--tier CLASS=DIR, --other", "--tier", true},
                {"--tier, --other", "--tier", false},
                {"--a [--b]", "--a", false}};
    struct help_flag flag;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t at = 0;
        cr_assert(help_next_flag(bytes_str(rows[i].term), &at, &flag));
        cr_expect(bytes_eq_str(flag.name, rows[i].name));
        cr_expect_eq(flag.value, rows[i].value, "%s", rows[i].term);
    }
    size_t at = 0;
    struct bytes term = BYTES_LIT("--access-key KEY [--token T]   --vault-...");
    cr_expect(help_next_flag(term, &at, &flag) && bytes_eq_str(flag.name, "--access-key"));
    cr_expect(help_next_flag(term, &at, &flag) && bytes_eq_str(flag.name, "--token") && flag.value);
    cr_expect(!help_next_flag(term, &at, &flag));
}

Test(help_text, verbs_of_a_usage)
{
    static const char *const verbs[] = {"list", "status", "move", ""};
    struct arena *a = arena_create(0);
    struct help_doc doc;
    help_read(bytes_str(text), a, &doc);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        cr_expect(bytes_eq_str(help_verb(&doc, "key", i, a), verbs[i]), "verb %zu", i);
    cr_expect_eq(help_verb(&doc, "backup", 0, a).n, 0);
    arena_free(a);
}
