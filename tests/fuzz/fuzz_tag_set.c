/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x-amz-tagging. Properties: what is parsed is UTF-8 without NUL; a set that passes the check is what tags may be, and
 * encoded again it parses to itself.
 */
#include "base/arena.h"
#include "base/check.h"
#include "server/api/tag_set.h"
#include "server/http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(const struct store_header *tags, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CHECK(utf8_valid(tags[i].name) && utf8_valid(tags[i].value));
        CHECK(bytes_find_char(tags[i].name, '\0', 0) < 0 && bytes_find_char(tags[i].value, '\0', 0) < 0);
    }
}

static void check_again(struct arena *arena, const struct store_header *tags, size_t n)
{
    struct store_header *again = NULL;
    size_t again_n = 0;
    struct buf text;
    buf_init(&text, 1u << 20);
    for (size_t i = 0; i < n; i++) {
        CHECK(tags[i].name.n && tags[i].name.n <= 4 * TAG_KEY_MAX && tags[i].value.n <= 4 * TAG_VALUE_MAX);
        uri_encode(&text, tags[i].name, URI_ENCODE_SLASH);
        buf_put_char(&text, '=');
        uri_encode(&text, tags[i].value, URI_ENCODE_SLASH);
        buf_put_char(&text, '&');
    }
    CHECK(tag_set_parse(arena, buf_bytes(&text), &again, &again_n) == TAGS_OK && again_n == n);
    for (size_t i = 0; i < n; i++)
        CHECK(bytes_eq(again[i].name, tags[i].name) && bytes_eq(again[i].value, tags[i].value));
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(0);
    struct store_header *tags = NULL;
    size_t n = 0, at = SIZE_MAX;
    if (tag_set_parse(arena, bytes_of(data, size), &tags, &n) == TAGS_OK) {
        check_texts(tags, n);
        enum tag_fault fault = tag_set_check(tags, n, TAGS_BUCKET_MAX, &at);
        CHECK(fault == TAGS_OK || fault == TAGS_TOO_MANY || at < n);
        if (fault == TAGS_OK)
            check_again(arena, tags, n);
    }
    arena_free(arena);
    return 0;
}
