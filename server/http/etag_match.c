/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of entity tags. A comma inside quotes belongs to the tag; a quote that is never closed ends with the value.
 * Threads: pure; any.
 */
#include "server/http/etag_match.h"

#include <string.h>

static struct bytes without_weak(struct bytes tag)
{
    if (bytes_starts(tag, BYTES_LIT("W/")))
        return bytes_cut(tag, 2, tag.n);
    return tag;
}

struct bytes etag_unquote(struct bytes tag)
{
    tag = without_weak(bytes_trim(tag));
    if (tag.n && tag.p[0] == '"')
        tag = bytes_cut(tag, 1, tag.n);
    if (tag.n && tag.p[tag.n - 1] == '"')
        tag.n--;
    return tag;
}

/* The next element that is not empty, as it stands. */
static bool next_tag(struct bytes *rest, struct bytes *ret_tag)
{
    while (rest->n) {
        struct bytes start = *rest;
        bool quoted = false;
        size_t n = 0;
        for (; n < start.n && (quoted || start.p[n] != ','); n++)
            quoted ^= start.p[n] == '"';
        *rest = bytes_cut(start, n + 1, start.n);
        *ret_tag = bytes_trim(bytes_cut(start, 0, n));
        if (ret_tag->n)
            return true;
    }
    return false;
}

enum etag_list_form etag_list_form(struct bytes header)
{
    struct bytes tag;
    if (bytes_eq_str(bytes_trim(header), "*"))
        return ETAG_LIST_STAR;
    if (!next_tag(&header, &tag))
        return ETAG_LIST_EMPTY;
    return next_tag(&header, &tag) ? ETAG_LIST_MANY : ETAG_LIST_ONE;
}

bool etag_list_matches(struct bytes header, struct bytes etag)
{
    struct bytes tag;
    if (bytes_eq_str(bytes_trim(header), "*"))
        return true;
    while (next_tag(&header, &tag))
        if (bytes_eq(etag_unquote(tag), etag))
            return true;
    return false;
}
