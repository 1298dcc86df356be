/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What parser and renderer both ask of a table. Tables are short and constant, so they are simply searched.
 * Threads: any; nothing here has state.
 */
#include "server/xml/schema.h"

#include <string.h>

const struct xml_field *xml_field_find(const struct xml_field *fields, const char *name, size_t n)
{
    for (const struct xml_field *f = fields; f->kind != XML_KIND_END; f++) {
        if (f->kind == XML_KIND_ATTR || f->kind == XML_KIND_CONTENT)
            continue;
        const char *want = f->wrap ? f->wrap : f->name;
        size_t want_n = f->wrap ? f->wrap_n : f->name_n;
        if (want_n == n && memcmp(want, name, n) == 0)
            return f;
    }
    return NULL;
}

bool xml_fields_strict(const struct xml_field *fields)
{
    while (fields->kind != XML_KIND_END)
        fields++;
    return fields->strict;
}
