/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libxml2 is never shown.
 *
 * A single linear pass over the body, before the parser sees it, refuses what a request has no use for and parsers get
 * hurt by: anything but UTF-8 (also by declaration), NUL bytes, <!DOCTYPE and every other <! but comments and CDATA,
 * start tags that are very long or carry very many attributes (checking attributes for duplicates takes their number
 * squared), and more attributes, comments, CDATA sections and processing instructions than any client sends (libxml2
 * keeps every name it meets, in a table that stops growing, and allocates for each comment). It does not decide what is
 * well-formed; that stays libxml2's work, on what passes.
 *
 * Threads: any; no state.
 */
#include "server/xml/parse.h"

#include <string.h>

static const char *find(const char *p, const char *end, const char *what)
{
    return memmem(p, (size_t)(end - p), what, strlen(what));
}

static bool starts(const char *p, const char *end, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(end - p) >= n && memcmp(p, what, n) == 0;
}

/* What a document has had so far of things whose number is limited. */
struct counts {
    unsigned attrs, markup;
};

/* From behind the '<' of a tag to behind its '>', or NULL. A '>' inside quotes does not end it. */
static const char *pass_tag(const char *p, const char *end, struct counts *counts)
{
    const char *limit = end - p > XML_TAG_MAX ? p + XML_TAG_MAX : end;
    unsigned attrs = 0;
    while (p < limit) {
        char c = *p++;
        if (c == '>')
            return p;
        if (c != '"' && c != '\'')
            continue;
        if (++attrs > XML_ATTRS_MAX || ++counts->attrs > XML_ATTRS_DOC_MAX)
            return NULL;
        p = memchr(p, c, (size_t)(limit - p));
        if (!p)
            return NULL;
        p++;
    }
    return NULL;
}

/* From a '<' to behind the markup that it begins, or NULL. */
static const char *pass_markup(const char *p, const char *end, struct counts *counts)
{
    const char *close = NULL;
    size_t close_n = 0;
    if (starts(p, end, "<!--")) {
        close = find(p + 4, end, "-->");
        close_n = 3;
    } else if (starts(p, end, "<![CDATA[")) {
        close = find(p + 9, end, "]]>");
        close_n = 3;
    } else if (starts(p, end, "<?")) {
        close = find(p + 2, end, "?>");
        close_n = 2;
    } else if (!starts(p, end, "<!")) {
        return pass_tag(p + 1, end, counts);
    }
    return close && ++counts->markup <= XML_MARKUP_MAX ? close + close_n : NULL;
}

/* An encoding that the XML declaration names must be UTF-8. */
static bool declares_utf8(const char *p, const char *end)
{
    if (!starts(p, end, "<?xml"))
        return true;
    const char *close = find(p, end, "?>");
    if (!close || close - p > XML_TAG_MAX)
        return false;
    p = find(p, close, "encoding");
    if (!p)
        return true;
    p += strlen("encoding");
    while (p < close && *p != '"' && *p != '\'')
        p++;
    const char *value = p + 1;
    if (value >= close)
        return false;
    const char *quote = memchr(value, *p, (size_t)(close - value));
    if (!quote)
        return false;
    struct bytes name = bytes_of(value, (size_t)(quote - value));
    return bytes_eq_str_nocase(name, "utf-8") || bytes_eq_str_nocase(name, "utf8");
}

bool xml_guard(struct bytes body)
{
    if (body.n == 0)
        return false;
    const char *p = body.p, *end = body.p + body.n;
    if (memchr(p, 0, body.n) || !utf8_valid(body) || !declares_utf8(p, end))
        return false;
    struct counts counts = {0, 0};
    while ((p = memchr(p, '<', (size_t)(end - p)))) {
        p = pass_markup(p, end, &counts);
        if (!p)
            return false;
    }
    return true;
}
