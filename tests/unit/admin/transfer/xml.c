/* SPDX-License-Identifier: Apache-2.0 */
/* XML of replies: what is found in it, and what is refused. */
#include "admin/transfer/xml.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"

static struct bytes text_in(struct arena *a, const char *doc, const char *name)
{
    struct bytes root;
    return doc_root(bytes_str(doc), "R", &root) ? doc_find_text(root, name, a) : bytes_str("no document");
}

Test(transfer_xml, elements_and_their_text)
{
    static const struct {
        const char *doc, *name, *text;
    } rows[] = {
        {"<R><A>x</A></R>", "A", "x"},
        {"<?xml version=\"1.0\"?>\n<!-- <R> -->\n<R xmlns=\"u\"><B/><A>x</A></R>", "A", "x"},
        {"<s:R xmlns:s='u'><s:A>1</s:A></s:R>", "A", "1"},
        {"<R><A>&lt;&#65;&#x20AC;&amp;&unknown;&</A></R>", "A", "<A\xe2\x82\xac&&unknown;&"},
        {"<R><B><A>inner</A></B><A>outer</A></R>", "A", "outer"},
        {"<R><A><A>deep</A></A></R>", "A", "<A>deep</A>"},
        {"<R><A></A></R>", "A", ""},
        {"<R><A/></R>", "A", ""},
        {"<R></R>", "A", ""},
        {"<R><A>x</R>", "A", "no document"},
        {"<R><A>x</B></R>", "A", ""},
        {"<R>", "A", "no document"},
        {"", "A", "no document"},
        {"<", "A", "no document"},
        {"<!DOCTYPE R [<!ENTITY a 'b'>]><R><A>&a;</A></R>", "A", "no document"},
        {"<R><![CDATA[<A>x</A>]]></R>", "A", "no document"},
    };
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes got = text_in(a, rows[i].doc, rows[i].name);
        cr_expect(bytes_eq_str(got, rows[i].text), "%s: %.*s", rows[i].doc, (int)got.n, got.p);
    }
    arena_free(a);
}

Test(transfer_xml, documents_that_are_cut_or_deep)
{
    static const char doc[] = "<R><A k=\"v\">x</A><!-- c --><B>&#65;</B></R>";
    struct arena *a = arena_create(0);
    char deep[4096] = "<R>";
    struct bytes root;
    for (size_t n = 0; n < sizeof doc - 1; n++) {
        char *cut = bytes_cstr(a, bytes_of(doc, n));
        cr_expect_not(doc_root(bytes_of(cut, n), "R", &root), "%s", cut);
    }
    for (int i = 0; i < 500; i++)
        memcpy(deep + 3 * (i + 1), "<a>", 4);
    cr_expect_not(doc_root(bytes_str(deep), "R", &root));
    arena_free(a);
}
