/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of tags: every rule, and the header's form. */
#include "server/api/tag_set.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_create(0);
}

static void drop_arena(void)
{
    arena_free(arena);
}

TestSuite(tag_set, .init = make_arena, .fini = drop_arena);

static struct store_header tag(const char *name, const char *value)
{
    return (struct store_header){bytes_str(name), bytes_str(value)};
}

static void judge(const char *name, const char *value, enum tag_fault want)
{
    struct store_header one = tag(name, value);
    enum tag_fault got = tag_set_check(&one, 1, TAGS_OBJECT_MAX, NULL);
    cr_expect_eq(got, want, "'%s'='%s': %d, not %d", name, value, got, want);
}

static char *repeated(const char *piece, size_t n)
{
    size_t len = strlen(piece);
    char *out = arena_alloc(arena, len * n + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * len, piece, len);
    out[len * n] = '\0';
    return out;
}

Test(tag_set, characters)
{
    judge("Key 1", "v +-=._:/@", TAGS_OK);
    judge("k", "", TAGS_OK);
    judge("\xc3\xbcml\xc3\xa4ut", "\xe6\x97\xa5\xe6\x9c\xac", TAGS_OK); /* letters of other scripts */
    judge("\xd9\xa3", "\xc2\xbd", TAGS_OK);                             /* other digits and numbers */
    judge("\xf0\x90\x8c\xb0", "\xf0\xa0\x80\x80", TAGS_OK);             /* beyond the first plane */
    judge("a\xc2\xa0"
          "b",
          "\xe3\x80\x80", TAGS_OK); /* other spaces */
    judge("", "v", TAGS_BAD_KEY);
    static const char *const bad[] = {"a&b",
                                      "a,b",
                                      "a;b",
                                      "a#b",
                                      "a?b",
                                      "a*b",
                                      "a%b",
                                      "a<b>",
                                      "a\"b",
                                      "a\tb",
                                      "a\nb",
                                      "\x7f",
                                      "a|b",
                                      "\xe2\x82\xac",
                                      "(a)",
                                      "[a]",
                                      "a'b",
                                      "\xef\xbf\xbd",
                                      "\xf0\x9f\x98\x80",
                                      "\xc2\x85"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        judge(bad[i], "v", TAGS_BAD_KEY);
        judge("k", bad[i], TAGS_BAD_VALUE);
    }
    struct store_header nul = {bytes_of("a\0b", 3), BYTES_LIT("v")};
    cr_expect_eq(tag_set_check(&nul, 1, 1, NULL), TAGS_BAD_KEY);
}

Test(tag_set, XML_07_lengths_count_characters)
{
    judge(repeated("k", TAG_KEY_MAX), repeated("v", TAG_VALUE_MAX), TAGS_OK);
    judge(repeated("\xe6\x97\xa5", TAG_KEY_MAX), repeated("\xf0\xa0\x80\x80", TAG_VALUE_MAX), TAGS_OK);
    judge(repeated("k", TAG_KEY_MAX + 1), "v", TAGS_LONG_KEY);
    judge("k", repeated("v", TAG_VALUE_MAX + 1), TAGS_LONG_VALUE);
    judge(repeated("\xc3\xbc", TAG_KEY_MAX + 1), "v", TAGS_LONG_KEY);
}

Test(tag_set, reserved_names)
{
    judge("aws:x", "v", TAGS_RESERVED);
    judge("AWS:x", "v", TAGS_RESERVED);
    judge("aws", "aws:v", TAGS_OK);
    judge("xaws:", "v", TAGS_OK);
}

Test(tag_set, XML_07_number_and_repetition)
{
    struct store_header tags[TAGS_BUCKET_MAX + 1];
    size_t at = 99;
    for (size_t i = 0; i <= TAGS_BUCKET_MAX; i++)
        tags[i] = (struct store_header){arena_bytesf(arena, "k%zu", i), BYTES_LIT("same")};
    cr_assert_eq(tag_set_check(tags, 0, TAGS_OBJECT_MAX, &at), TAGS_OK);
    cr_assert_eq(tag_set_check(tags, TAGS_OBJECT_MAX, TAGS_OBJECT_MAX, &at), TAGS_OK);
    cr_assert_eq(tag_set_check(tags, TAGS_OBJECT_MAX + 1, TAGS_OBJECT_MAX, &at), TAGS_TOO_MANY);
    cr_assert_eq(tag_set_check(tags, TAGS_BUCKET_MAX, TAGS_BUCKET_MAX, &at), TAGS_OK);
    cr_assert_eq(tag_set_check(tags, TAGS_BUCKET_MAX + 1, TAGS_BUCKET_MAX, &at), TAGS_TOO_MANY);
    cr_assert_eq(at, 99);
    tags[7].name = BYTES_LIT("k3");
    cr_assert_eq(tag_set_check(tags, 10, TAGS_OBJECT_MAX, &at), TAGS_REPEATED);
    cr_assert_eq(at, 7);
    tags[7].name = BYTES_LIT("K3"); /* another name */
    cr_assert_eq(tag_set_check(tags, 10, TAGS_OBJECT_MAX, &at), TAGS_OK);
}

static void parse(const char *header, const char *want)
{
    struct store_header *tags = NULL;
    struct buf got;
    size_t n = 0;
    cr_assert_eq(tag_set_parse(arena, bytes_str(header), &tags, &n), TAGS_OK, "%s", header);
    buf_init(&got, 4096);
    for (size_t i = 0; i < n; i++)
        buf_printf(&got, "%.*s=%.*s;", (int)tags[i].name.n, tags[i].name.p, (int)tags[i].value.n, tags[i].value.p);
    cr_expect(bytes_eq_str(buf_bytes(&got), want), "%s: %.*s", header, (int)got.n, got.p);
    buf_fini(&got);
}

Test(tag_set, header)
{
    parse("", "");
    parse("&&", "");
    parse("a=b", "a=b;");
    parse("a=b&c=d", "a=b;c=d;");
    parse("a", "a=;");
    parse("a=", "a=;");
    parse("=b", "=b;");
    parse("a=b=c", "a=b=c;");
    parse("&a=b&", "a=b;");
    parse("a+b=c%20d%2B%3d%26", "a b=c d+=&;");
    parse("%C3%BC=%E6%97%A5", "\xc3\xbc=\xe6\x97\xa5;");
    parse("\xc3\xbc=v", "\xc3\xbc=v;");
    parse("a=1&a=2", "a=1;a=2;"); /* the set's business */
}

Test(tag_set, headers_that_are_none)
{
    static const char *const bad[] = {"a=%", "a=%4", "a=%zz", "%00=v", "a=%FF", "a=%C3", "%ED%A0%80=v", "\xff=v"};
    struct store_header *tags = NULL;
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_eq(tag_set_parse(arena, bytes_str(bad[i]), &tags, &n), TAGS_BAD_HEADER, "%s", bad[i]);
    cr_expect_eq(tag_set_parse(arena, bytes_str(repeated("a&", 30000)), &tags, &n), TAGS_TOO_MANY);
}
