/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of tags. The text was checked to be UTF-8 before (by the XML parser, or here for headers), so characters
 * can be counted and looked up without another check. Threads: pure; any.
 */
#include "server/api/tag_set.h"

#include <string.h>

#include "base/check.h"
#include "server/http/uri.h"

#define PIECES_MAX 100 /* of a header: more than any set has, and few enough to compare each with each */

static const struct {
    uint32_t first, last;
} letters[] = {
#define TAG_CHARS(first, last) {first, last},
#include "server/api/tag_chars.def"
#undef TAG_CHARS
};

static bool is_tag_char(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr(" _.:/=+-@", (int)c));
    size_t low = 0, high = ARRAY_LEN(letters);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (c > letters[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < ARRAY_LEN(letters) && c >= letters[low].first;
}

/* The next character of valid UTF-8. */
static uint32_t next_char(struct bytes s, size_t *at)
{
    unsigned char lead = (unsigned char)s.p[(*at)++];
    unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t c = more ? lead & (0x3fu >> more) : lead;
    for (; more && *at < s.n; more--)
        c = c << 6 | ((unsigned char)s.p[(*at)++] & 0x3f);
    return c;
}

static bool chars_fit(struct bytes s, size_t max, bool *ret_long)
{
    size_t n = 0;
    for (size_t at = 0; at < s.n; n++)
        if (!is_tag_char(next_char(s, &at)))
            return false;
    *ret_long = n > max;
    return true;
}

static enum tag_fault check_tag(const struct store_header *tags, size_t i)
{
    const struct store_header *t = &tags[i];
    bool too_long;
    for (size_t k = 0; k < i; k++)
        if (bytes_eq(tags[k].name, t->name))
            return TAGS_REPEATED;
    if (bytes_starts_str_nocase(t->name, "aws:"))
        return TAGS_RESERVED;
    if (t->name.n == 0 || !chars_fit(t->name, TAG_KEY_MAX, &too_long))
        return TAGS_BAD_KEY;
    if (too_long)
        return TAGS_LONG_KEY;
    if (!chars_fit(t->value, TAG_VALUE_MAX, &too_long))
        return TAGS_BAD_VALUE;
    return too_long ? TAGS_LONG_VALUE : TAGS_OK;
}

enum tag_fault tag_set_check(const struct store_header *tags, size_t n, size_t max, size_t *ret_at)
{
    if (n > max)
        return TAGS_TOO_MANY;
    for (size_t i = 0; i < n; i++) {
        enum tag_fault fault = check_tag(tags, i);
        if (fault == TAGS_OK)
            continue;
        if (ret_at)
            *ret_at = i;
        return fault;
    }
    return TAGS_OK;
}

static bool decode(struct arena *arena, struct bytes piece, struct store_header *ret)
{
    ptrdiff_t eq = bytes_find_char(piece, '=', 0);
    struct bytes name = eq < 0 ? piece : bytes_cut(piece, 0, (size_t)eq);
    struct bytes value = eq < 0 ? BYTES_LIT("") : bytes_cut(piece, (size_t)eq + 1, piece.n);
    return uri_decode(arena, name, URI_PLUS_SPACE, &ret->name) == URI_OK &&
           uri_decode(arena, value, URI_PLUS_SPACE, &ret->value) == URI_OK && utf8_valid(ret->name) &&
           utf8_valid(ret->value);
}

enum tag_fault tag_set_parse(struct arena *arena, struct bytes header, struct store_header **ret, size_t *ret_n)
{
    struct store_header *tags = NULL;
    size_t n = 0;
    for (size_t at = 0; at < header.n;) {
        ptrdiff_t amp = bytes_find_char(header, '&', at);
        size_t end = amp < 0 ? header.n : (size_t)amp;
        struct bytes piece = bytes_cut(header, at, end - at);
        at = end + 1;
        if (piece.n == 0)
            continue;
        if (n == PIECES_MAX)
            return TAGS_TOO_MANY;
        if (!tags)
            tags = arena_new_array(arena, struct store_header, PIECES_MAX);
        if (!decode(arena, piece, &tags[n++]))
            return TAGS_BAD_HEADER;
    }
    *ret = tags;
    *ret_n = n;
    return TAGS_OK;
}
