/* SPDX-License-Identifier: Apache-2.0 */
/* Text escaping, times and the pieces of the renderer that no document of S3's core exercises. */
#include "server/xml/render.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "server/xml/parse.h"

static struct buf out;

static void setup(void)
{
    buf_init(&out, 1 << 20);
}

static void teardown(void)
{
    buf_fini(&out);
}

TestSuite(render, .init = setup, .fini = teardown);

static void text_is(struct bytes in, const char *want)
{
    buf_reset(&out);
    xml_text(&out, in);
    cr_assert(bytes_eq_str(buf_bytes(&out), want), "got %.*s want %s", (int)out.n, out.p, want);
}

Test(render, RSP_03_markup_in_text)
{
    text_is(BYTES_LIT("<script>alert(\"1\")&'</script>"), "&lt;script&gt;alert(&quot;1&quot;)&amp;'&lt;/script&gt;");
    text_is(BYTES_LIT("]]>"), "]]&gt;");
    text_is(BYTES_NONE, "");
}

Test(render, KEY_08_characters_that_xml_cannot_carry)
{
    text_is(BYTES_LIT("a\x01z"), "a&#x1;z");
    text_is(BYTES_LIT("\x1f"), "&#x1f;");
    text_is(BYTES_LIT("\0"), "&#x0;");
    text_is(BYTES_LIT("a\rb\nc\td\x7f"), "a&#13;b\nc\td\x7f");
    text_is(BYTES_LIT("\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd"), "&#xfffe;&#xffff;\xef\xbf\xbd");
}

Test(render, bytes_that_are_not_utf8)
{
    text_is(BYTES_LIT("a\xff"
                      "b\xc3"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
    text_is(BYTES_LIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
    text_is(BYTES_LIT("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");                 /* overlong */
    text_is(BYTES_LIT("\xf0\x9f\x98\x80 \xc3\xa9"), "\xf0\x9f\x98\x80 \xc3\xa9");
}

/* One byte at a time, for comparison with the fast code: ASCII only. */
static void slow_text(struct buf *b, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '&')
            buf_put_str(b, "&amp;");
        else if (c == '<')
            buf_put_str(b, "&lt;");
        else if (c == '>')
            buf_put_str(b, "&gt;");
        else if (c == '"')
            buf_put_str(b, "&quot;");
        else if (c == '\r')
            buf_put_str(b, "&#13;");
        else if (c < 0x20 && c != '\n' && c != '\t')
            buf_printf(b, "&#x%x;", c);
        else
            buf_put_char(b, (char)c);
    }
}

Test(render, fast_and_slow_text_agree)
{
    struct buf slow;
    char in[64];
    buf_init(&slow, 1 << 16);
    srand(7);
    for (int round = 0; round < 200000; round++) {
        size_t n = (size_t)rand() % sizeof in;
        for (size_t i = 0; i < n; i++)
            in[i] = (char)(rand() % 16 ? 'a' + rand() % 26 : rand() % 128);
        buf_reset(&slow);
        buf_reset(&out);
        slow_text(&slow, in, n);
        xml_text(&out, bytes_of(in, n));
        cr_assert(bytes_eq(buf_bytes(&slow), buf_bytes(&out)), "%.*s", (int)n, in);
    }
    buf_fini(&slow);
}

Test(render, times_agree_with_the_c_library)
{
    srand(3);
    for (int i = 0; i < 20000; i++) {
        time_t t = (time_t)(((int64_t)rand() << 20 ^ rand()) % 253402300800ll);
        char want[40], got[XML_TIME_TEXT];
        struct tm tm;
        int64_t back;
        gmtime_r(&t, &tm);
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        xml_format_time(t * 1000 + 999, got);
        cr_assert(bytes_eq_str(bytes_of(got, sizeof got), want), "%.24s %s", got, want);
        cr_assert(date_parse_lenient(bytes_of(got, sizeof got), &back));
        cr_assert_eq(back, t * 1000);
    }
}

Test(render, times_before_1970_and_beyond_four_digits)
{
    char got[XML_TIME_TEXT];
    xml_format_time(-1, got);
    cr_assert_eq(memcmp(got, "1969-12-31T23:59:59.000Z", sizeof got), 0);
    xml_format_time(INT64_MAX, got);
    cr_assert_eq(memcmp(got, "9999-12-31T23:59:59.000Z", sizeof got), 0);
    xml_format_time(INT64_MIN, got);
    cr_assert_eq(memcmp(got, "0000-01-01T00:00:00.000Z", sizeof got), 0);
    xml_format_time(951782400000, got);
    cr_assert_eq(memcmp(got, "2000-02-29T00:00:00.000Z", sizeof got), 0);
}

/* ---- what only later documents use: attributes, wrapped texts, signed numbers, strict tables ---- */

struct grantee {
    struct bytes type, id;
};
static const struct xml_field grantee_fields[] = {
    XML_ATTR("xsi", XML_NS_XSI, "type", struct grantee, type, .max = 32),
    XML_TEXT("ID", struct grantee, id, .optional = true),
    XML_END,
};
struct odd {
    struct grantee *grantee;
    struct bytes *events;
    size_t n_events;
    struct bytes *methods;
    size_t n_methods;
    struct xml_opt_i64 balance;
    struct xml_opt_bool on;
    struct xml_opt_time_like {
        int64_t v;
        bool has;
    } when;
};
static const struct xml_field odd_fields[] = {
    XML_CHILD("Grantee", struct odd, grantee, grantee_fields, .optional = true),
    XML_TEXTS_IN("Events", "Event", struct odd, events, n_events, .optional = true),
    XML_TEXTS("Method", struct odd, methods, n_methods, .max = 3),
    XML_OPT_I64("Balance", struct odd, balance, .min = -10, .max = 10, .error = S3E_INVALID_ARGUMENT),
    XML_OPT_BOOL("On", struct odd, on),
    XML_OPT_TIME("When", struct odd, when),
    XML_END_STRICT,
};
static const struct xml_doc odd_doc = XML_DOC_PLAIN("Odd", struct odd, odd_fields);

static void odd_is(const struct odd *odd, const char *want)
{
    struct arena *arena = arena_create(0);
    struct odd back;
    struct buf again;
    buf_init(&again, 1 << 16);
    buf_reset(&out);
    xml_render(&out, &odd_doc, odd);
    cr_assert(bytes_eq_str(buf_bytes(&out), want), "got %.*s\nwant %s", (int)out.n, out.p, want);
    cr_assert_eq(xml_parse(buf_bytes(&out), &odd_doc, arena, &back, NULL), S3E_OK);
    xml_render(&again, &odd_doc, &back);
    cr_assert(bytes_eq(buf_bytes(&again), buf_bytes(&out)), "%.*s", (int)again.n, again.p);
    buf_fini(&again);
    arena_free(arena);
}

Test(render, attributes_and_lists_of_texts)
{
    struct grantee grantee = {.type = BYTES_LIT("CanonicalUser"), .id = BYTES_LIT("x")};
    struct bytes texts[] = {BYTES_LIT("a"), BYTES_LIT("b&")};
    struct odd odd = {0};
    odd_is(&odd, XML_PROLOG "<Odd/>");
    odd = (struct odd){.grantee = &grantee,
                       .events = texts,
                       .n_events = 2,
                       .methods = texts,
                       .n_methods = 1,
                       .balance = {-7, true},
                       .on = {false, true},
                       .when = {0, true}};
    odd_is(&odd,
           XML_PROLOG "<Odd><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                      "xsi:type=\"CanonicalUser\"><ID>x</ID></Grantee><Events><Event>a</Event><Event>b&amp;</Event>"
                      "</Events><Method>a</Method><Balance>-7</Balance><On>false</On>"
                      "<When>1970-01-01T00:00:00.000Z</When></Odd>");
    grantee.id = BYTES_NONE;
    odd = (struct odd){.grantee = &grantee, .events = texts};
    odd_is(&odd, XML_PROLOG "<Odd><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                            "xsi:type=\"CanonicalUser\"/><Events/></Odd>");
}

static enum s3_error parse_odd(const char *body)
{
    struct arena *arena = arena_create(0);
    struct odd odd;
    enum s3_error rc = xml_parse(bytes_str(body), &odd_doc, arena, &odd, NULL);
    arena_free(arena);
    return rc;
}

Test(render, tables_that_refuse_what_they_do_not_know)
{
    cr_assert_eq(parse_odd("<Odd><On>true</On></Odd>"), S3E_OK);
    cr_assert_eq(parse_odd("<Odd><Onn>true</Onn></Odd>"), S3E_MALFORMED_XML);
    cr_assert_eq(parse_odd("<Odd><Events><Evnt>a</Evnt></Events></Odd>"), S3E_MALFORMED_XML);
    cr_assert_eq(parse_odd("<Odd><Events/><Events/></Odd>"), S3E_MALFORMED_XML);
    cr_assert_eq(parse_odd("<Odd><Grantee><ID>x</ID></Grantee></Odd>"), S3E_MALFORMED_XML); /* no xsi:type */
    cr_assert_eq(parse_odd("<Odd xmlns=\"" XML_NS_S3 "\"/>"), S3E_MALFORMED_XML);           /* has no namespace */
}

Test(render, limits_of_lists_and_signed_numbers)
{
    cr_assert_eq(parse_odd("<Odd><Method>a</Method><Method>a</Method><Method>a</Method></Odd>"), S3E_OK);
    cr_assert_eq(parse_odd("<Odd><Method>a</Method><Method>a</Method><Method>a</Method><Method>a</Method></Odd>"),
                 S3E_MALFORMED_XML);
    cr_assert_eq(parse_odd("<Odd><Balance>-10</Balance></Odd>"), S3E_OK);
    cr_assert_eq(parse_odd("<Odd><Balance> 10\n</Balance></Odd>"), S3E_OK);
    const char *bad[] = {"-11", "11", "--1", "+1", "", "-", "1e1", "0x1", "010", "9223372036854775808", "1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char body[100];
        snprintf(body, sizeof body, "<Odd><Balance>%s</Balance></Odd>", bad[i]);
        cr_assert_eq(parse_odd(body), S3E_INVALID_ARGUMENT, "%s", bad[i]);
    }
}

Test(render, by_hand)
{
    xml_open(&out, "A");
    xml_element(&out, "B", BYTES_LIT("<"));
    xml_element_u64(&out, "C", UINT64_MAX);
    xml_text_time(&out, 0);
    xml_close(&out, "A");
    cr_assert(bytes_eq_str(buf_bytes(&out), "<A><B>&lt;</B><C>18446744073709551615</C>1970-01-01T00:00:00.000Z</A>"));
}
