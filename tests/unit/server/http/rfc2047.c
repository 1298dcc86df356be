/* SPDX-License-Identifier: Apache-2.0 */
/* Encoded words: read as other programs write them, refused or marked where they are broken, and the way back. */
#include "server/http/rfc2047.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

#define FFFD "\xef\xbf\xbd"

static struct arena *arena;

static void setup(void)
{
    arena = arena_create(0);
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(rfc2047, .init = setup, .fini = teardown);

static void decodes(const char *in, const char *want)
{
    struct bytes got = rfc2047_decode(arena, bytes_str(in));
    cr_assert(bytes_eq_str(got, want), "%s: '%.*s' instead of '%s'", in, (int)got.n, got.p, want);
}

static void encodes(const char *in, const char *want)
{
    struct bytes got = rfc2047_encode(arena, bytes_str(in));
    cr_assert(bytes_eq_str(got, want), "%s: '%.*s' instead of '%s'", in, (int)got.n, got.p, want);
}

Test(rfc2047, plain_text_is_left_alone)
{
    static const char *const plain[] = {"",
                                        "a",
                                        "a b  c",
                                        "max-age=60, public",
                                        "=",
                                        "=?",
                                        "?=",
                                        ("=?"
                                         "?="),
                                        "50%",
                                        "a\tb",
                                        "key=?value",
                                        "=?=?=?=?"};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        decodes(plain[i], plain[i]);
        encodes(plain[i], plain[i]);
    }
    struct bytes in = BYTES_LIT("the very same bytes");
    cr_assert_eq(rfc2047_decode(arena, in).p, in.p);
    cr_assert_eq(rfc2047_encode(arena, in).p, in.p);
    cr_assert_eq(rfc2047_decode(arena, BYTES_NONE).n, 0);
    cr_assert_eq(rfc2047_encode(arena, BYTES_NONE).n, 0);
}

Test(rfc2047, decodes_base64)
{
    decodes("=?UTF-8?B?w4RNw4Raw5XDkSBTMw==?=", "ÄMÄZÕÑ S3");
    decodes("=?utf-8?b?w4RNw4Raw5XDkSBTMw?=", "ÄMÄZÕÑ S3"); /* padding left out */
    decodes("=?UTF-8*de?B?w7w=?=", "ü");
    decodes("=?UTF-8*d\001?B?w7w=?=", "=?UTF-8*d\001?B?w7w=?=");
    decodes("=?UTF-8?B?"
            "?=",
            "");
    decodes("=?us-ascii?b?YWJj?=", "abc");
    decodes("=?ISO-8859-1?B?/A==?=", "ü");
    decodes("a =?UTF-8?B?w7w=?= b", "a ü b");
    decodes("a,=?UTF-8?B?w7w=?=,b", "a,ü,b");
}

Test(rfc2047, decodes_quoted)
{
    decodes("=?UTF-8?Q?gr=C3=BC=c3=9fe_an_alle?=", "grüße an alle");
    decodes("=?iso-8859-1?q?gr=FC=DFe?=", "grüße");
    decodes("=?utf-8?q?a=3Db=5Fc=3F?=", "a=b_c?");
    decodes("=?utf-8?q?_a_?=", " a ");
    decodes("=?utf-8?q?tab=09stop?=", "tab\tstop");
}

Test(rfc2047, blanks_between_two_words_go_away)
{
    decodes("=?UTF-8?Q?=C3=A9?= =?UTF-8?B?w6k=?=", "éé");
    decodes("=?UTF-8?Q?=C3=A9?= \t  =?UTF-8?Q?=C3=A9?=", "éé");
    decodes("=?UTF-8?Q?=C3=A9?==?UTF-8?Q?=C3=A9?=", "éé");
    decodes("=?UTF-8?Q?=C3=A9?= x =?UTF-8?Q?=C3=A9?=", "é x é");
    decodes(" =?UTF-8?Q?=C3=A9?= ", " é ");
    decodes("=?UTF-8?Q?=C3=A9?= =?KOI8-R?Q?=C1?=", "é =?KOI8-R?Q?=C1?=");
    decodes("=?KOI8-R?Q?=C1?= =?UTF-8?Q?=C3=A9?=", "=?KOI8-R?Q?=C1?= é");
    decodes("=?UTF-8?B?w7y+?= =?UTF-8?B?vA==?=", "ü" FFFD); /* nothing fits together */
    decodes("=?UTF-8?B?ww==?= =?UTF-8?B?vA==?=", "ü");      /* a character cut in two */
}

Test(rfc2047, broken_base64_comes_back_with_a_mark)
{
    decodes("=?UTF-8?B?w4TDp?=", "Ä" FFFD); /* a digit too many */
    decodes("=?UTF-8?B?YWJjZ?=", "abc" FFFD);
    decodes("=?UTF-8?B?YWJj!w4Q=?=", "abc" FFFD);
    decodes("=?UTF-8?B?YW=Jj?=", "a" FFFD);
    decodes("=?UTF-8?B?YWI====?=", "ab" FFFD);
    decodes("=?UTF-8?B?!?=", FFFD);
    decodes("=?UTF-8?B?_-_-?=", FFFD);        /* the other alphabet */
    decodes("=?UTF-8?B?/w==?= x", FFFD " x"); /* well-formed, but no UTF-8 */
    decodes("=?UTF-8?B?7aCA?=", FFFD);        /* a surrogate */
    decodes("=?us-ascii?B?YfxiYw==?=", "a" FFFD "bc");
}

Test(rfc2047, what_is_no_word_stays)
{
    static const char *const same[] = {
        "=?UTF-8?B?YWJj",          "=?UTF-8?B?YWJj?",      "=?UTF-8?B?YW Jj?=",        "=?UTF-8?X?YWJj?=",
        "=?UTF-8??YWJj?=",         "=??B?YWJj?=",          "=?UTF-16?B?YWJj?=",        "=?KOI8-R?Q?=C1?=",
        "=?UTF-8?Q?a=?=",          "=?UTF-8?Q?a=4?=",      "=?UTF-8?Q?a=4g?=",         "=?UTF-8?Q?a=C3=BCb",
        "=?UTF-8?BB?YWJj?=",       "=?UTF-8 ?B?YWJj?=",    "=?UTF-8?Q?\xc3\xbc?=",     "?UTF-8?B?YWJj?=",
        "=?UTF-8?Q?a=0D=0Ab:_c?=", "=?UTF-8?Q?a=00b?=",    "=?UTF-8?B?YQ0KeDogeQ==?=", "=?UTF-8?Q?=7F?=",
        "=?utf-8?q?=1b[2J?=",      "=?ISO-8859-1?q?=0a?=", "=?us-ascii?b?AAAA?=",
    };
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        decodes(same[i], same[i]);
    decodes("=?=?UTF-8?B?YWJj?=", "=?abc");
    decodes("=?UTF-8?B?=?UTF-8?B?YWJj?=", "=?UTF-8?B?abc");
    decodes("=?UTF-8?Q?=3D=3FUTF-8=3FQ=3Fa=3F=3D?=", "=?UTF-8?Q?a?="); /* once, not until nothing is left */
}

Test(rfc2047, bytes_beyond_ascii_are_utf8_or_latin1)
{
    decodes("ÄMÄZÕÑ S3", "ÄMÄZÕÑ S3");
    decodes("caf\xe9", "café");
    decodes("\x80\xff", "\xc2\x80ÿ");
    decodes("caf\xe9 =?UTF-8?Q?=C3=A9?=", "café é");
    decodes("caf\xc3\xa9 \xe9", "cafÃ© é"); /* all of it or nothing */
    encodes("caf\xe9", "=?UTF-8?Q?caf=C3=A9?=");
}

Test(rfc2047, encodes_in_the_shorter_looking_way)
{
    encodes("grüße an alle", "=?UTF-8?Q?gr=C3=BC=C3=9Fe_an_alle?=");
    encodes("é=_?", "=?UTF-8?Q?=C3=A9=3D=5F=3F?=");
    encodes("日本語", "=?UTF-8?B?5pel5pys6Kqe?=");
    encodes("üa", "=?UTF-8?B?w7xh?=");
    encodes("ü", "=?UTF-8?B?w7w=?=");
    encodes("a😀b", "=?UTF-8?B?YfCfmIBi?="); /* counts as two */
    encodes(FFFD "abc", "=?UTF-8?Q?=EF=BF=BDabc?=");
    /* The developer guide's example: S3 there took each byte of ÄMÄZÕÑ S3 for a character. */
    encodes("Ã\xc2\x84MÃ\xc2\x84ZÃ\xc2\x95Ã\xc2\x91 S3", "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=");
}

Test(rfc2047, what_a_header_cannot_carry_is_encoded)
{
    encodes("a\r\nx: y", "=?UTF-8?Q?a=0D=0Ax:_y?=");
    encodes(" a", "=?UTF-8?Q?_a?=");
    encodes("a\t", "=?UTF-8?Q?a=09?=");
    encodes(" ", "=?UTF-8?Q?_?=");
    encodes("\x7f", "=?UTF-8?Q?=7F?=");
    struct bytes got = rfc2047_encode(arena, BYTES_LIT("a\0b"));
    cr_assert(bytes_eq_str(got, "=?UTF-8?Q?a=00b?="));
}

static void words_are_short(struct bytes text)
{
    for (size_t at = 0; at < text.n;) {
        ptrdiff_t blank = bytes_find_char(text, ' ', at);
        size_t end = blank < 0 ? text.n : (size_t)blank;
        cr_assert_leq(end - at, RFC2047_WORD_MAX, "%.*s", (int)text.n, text.p);
        struct bytes word = bytes_cut(text, at, end - at), one = rfc2047_decode(arena, word);
        cr_assert(bytes_starts(word, BYTES_LIT("=?UTF-8?")) && utf8_valid(one) &&
                      bytes_find(one, BYTES_LIT(FFFD), 0) < 0,
                  "whole characters: %.*s", (int)word.n, word.p);
        at = end + 1;
    }
}

Test(rfc2047, long_values_become_several_words)
{
    static const char *const letters[] = {"a", "é", "語", "😀", " ", "="};
    char text[2100];
    srand(5);
    for (int round = 0; round < 3000; round++) {
        size_t n = 0, want = (size_t)rand() % 2048;
        unsigned ascii = (unsigned)rand() % 8;
        while (n < want) {
            const char *letter = letters[(unsigned)rand() % 8 < ascii ? 0 : rand() % (int)ARRAY_LEN(letters)];
            memcpy(text + n, letter, strlen(letter));
            n += strlen(letter);
        }
        struct bytes in = bytes_of(text, n), out = rfc2047_encode(arena, in);
        if (out.p != in.p)
            words_are_short(out);
        cr_assert(bytes_eq(rfc2047_decode(arena, out), in), "%.*s", (int)n, text);
        arena_reset(arena);
    }
}

Test(rfc2047, growth_is_bounded)
{
    static const char *const pieces[] = {"\xff",          "=?us-ascii?B?////?=",       "=?UTF-8?B?////?=",
                                         "=?UTF-8?B?!?=", "=?latin1?B?////////////?=", "=?UTF-8?Q?=FF_?=x"};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        char text[8192];
        size_t n = 0, len = strlen(pieces[i]);
        for (; n + len <= sizeof text; n += len)
            memcpy(text + n, pieces[i], len);
        struct bytes got = rfc2047_decode(arena, bytes_of(text, n));
        cr_assert(utf8_valid(got) && got.n <= RFC2047_GROWTH_MAX * n);
    }
}
