/* SPDX-License-Identifier: Apache-2.0 */
/* Request documents as clients send them, and as those send them who mean harm. */
#include "server/xml/parse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "server/xml/documents.h"

/* This thread's own: what else the machine does meanwhile does not count. */
static int64_t cpu_ms(void)
{
    struct timespec ts;
    cr_assert_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts), 0);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static struct arena *arena;
static struct xml_delete del;
static struct xml_complete complete;
static struct xml_create_bucket create;
static struct xml_fault fault;

static void setup(void)
{
    arena = arena_create(0);
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(parse, .init = setup, .fini = teardown);

static enum s3_error parse_delete(struct bytes body)
{
    return xml_parse(body, &xml_delete_doc, arena, &del, &fault);
}

static enum s3_error parse_str(const char *body)
{
    return parse_delete(bytes_str(body));
}

static enum s3_error parse_complete(const char *body)
{
    return xml_parse(bytes_str(body), &xml_complete_doc, arena, &complete, &fault);
}

static void key_is(const char *body, const char *want)
{
    enum s3_error rc = parse_str(body);
    cr_assert_eq(rc, S3E_OK, "%s: %s", body, s3_error_code(rc));
    cr_assert_eq(del.n_objects, 1);
    cr_assert(bytes_eq_str(del.objects[0].key, want), "got %.*s", (int)del.objects[0].key.n, del.objects[0].key.p);
}

Test(parse, delete_objects)
{
    cr_assert_eq(parse_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete" NS
                           ">\n  <Object><Key>a/b</Key></Object>\n"
                           "  <Object><VersionId>v</VersionId><Key> k </Key><ETag>\"e\"</ETag>"
                           "<LastModifiedTime>Wed, 15 Nov 2023 12:02:40 GMT</LastModifiedTime><Size>7</Size></Object>"
                           "<Quiet>True</Quiet></Delete>"),
                 S3E_OK);
    cr_assert_eq(del.n_objects, 2);
    cr_assert(del.quiet);
    cr_assert(bytes_eq_str(del.objects[0].key, "a/b"));
    cr_assert_null(del.objects[0].version_id.p);
    cr_assert_not(del.objects[0].size.has);
    cr_assert(bytes_eq_str(del.objects[1].key, " k "), "white space belongs to a key");
    cr_assert(bytes_eq_str(del.objects[1].version_id, "v"));
    cr_assert(bytes_eq_str(del.objects[1].etag, "e"));
    cr_assert_eq(del.objects[1].modified_ms.v, 1700049760000);
    cr_assert(del.objects[1].size.has && del.objects[1].size.v == 7);
}

Test(parse, complete_multipart_upload)
{
    cr_assert_eq(parse_complete("<CompleteMultipartUpload" NS
                                "><Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag>"
                                "<ChecksumSHA256>abc=</ChecksumSHA256></Part><Part><ETag>b</ETag><PartNumber>10000"
                                "</PartNumber></Part></CompleteMultipartUpload>"),
                 S3E_OK);
    cr_assert_eq(complete.n_parts, 2);
    cr_assert(bytes_eq_str(complete.parts[0].etag, "a") && bytes_eq_str(complete.parts[1].etag, "b"));
    cr_assert(bytes_eq_str(complete.parts[0].checksums[CHECKSUM_SHA256], "abc="));
    cr_assert_eq(complete.parts[1].number, 10000);
}

Test(parse, create_bucket)
{
    cr_assert_eq(
        xml_parse(BYTES_LIT("<CreateBucketConfiguration" NS "><LocationConstraint>\n eu-west-1 </LocationConstraint>"
                            "<Tags><Tag><Key>k</Key><Value></Value></Tag></Tags></CreateBucketConfiguration>"),
                  &xml_create_bucket_doc, arena, &create, &fault),
        S3E_OK);
    cr_assert(bytes_eq_str(create.location_constraint, "eu-west-1"));
    cr_assert_eq(create.n_tags, 1);
    cr_assert(create.tags[0].value.p && create.tags[0].value.n == 0);
    cr_assert_null(create.location);
}

Test(parse, prefixes_of_namespaces)
{
    key_is("<s:Delete "
           "xmlns:s=\"http://s3.amazonaws.com/doc/2006-03-01/\"><s:Object><s:Key>k</s:Key></s:Object></s:Delete>",
           "k");
}

/* ---- hostile ---- */

static const struct xml_doc *const request_docs[] = {&xml_delete_doc, &xml_complete_doc, &xml_create_bucket_doc};

static void refused(struct bytes body, enum s3_error want)
{
    for (size_t i = 0; i < ARRAY_LEN(request_docs); i++) {
        char *obj = arena_zalloc(arena, request_docs[i]->size);
        enum s3_error rc = xml_parse(body, request_docs[i], arena, obj, &fault);
        cr_assert_eq(rc, want, "%.*s: %s", (int)(body.n < 200 ? body.n : 200), body.p, s3_error_code(rc));
    }
}

Test(parse, XML_01_billion_laughs)
{
    static const char *const roots[] = {"Delete", "CompleteMultipartUpload", "CreateBucketConfiguration"};
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        buf_reset(&b);
        buf_printf(&b, "<?xml version=\"1.0\"?><!DOCTYPE %s [<!ENTITY l0 \"lol\">", roots[i]);
        for (int k = 1; k < 10; k++) {
            buf_printf(&b, "<!ENTITY l%d \"", k);
            for (int n = 0; n < 10; n++)
                buf_printf(&b, "&l%d;", k - 1);
            buf_put_str(&b, "\">");
        }
        buf_printf(&b, "]><%s><Object><Key>&l9;</Key></Object></%s>", roots[i], roots[i]);
        size_t before = arena_used(arena);
        int64_t start = cpu_ms();
        refused(buf_bytes(&b), S3E_MALFORMED_XML);
        cr_assert(cpu_ms() - start < 3 * 50);
        cr_assert(arena_used(arena) - before < 64 * 1024);
    }
    buf_fini(&b);
}

Test(parse, XML_02_external_entities)
{
    static const char *const bodies[] = {
        "<!DOCTYPE Delete [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Delete><Object><Key>&x;</Key></Object></Delete>",
        "<!DOCTYPE Delete [<!ENTITY x SYSTEM \"http://127.0.0.1/\">]><Delete><Object><Key>&x;</Key></Object></Delete>",
        "<!DOCTYPE Delete [<!ENTITY % x SYSTEM \"file:///etc/passwd\"> "
        "%x;]><Delete><Object><Key>k</Key></Object></Delete>",
        "<!DOCTYPE Delete SYSTEM \"http://127.0.0.1/x.dtd\"><Delete><Object><Key>k</Key></Object></Delete>",
        "<!DOCTYPE Delete PUBLIC \"-//x\" \"file:///etc/passwd\"><Delete><Object><Key>k</Key></Object></Delete>",
        "<!doctype Delete><Delete><Object><Key>k</Key></Object></Delete>",
        "<Delete><!DOCTYPE Delete []><Object><Key>k</Key></Object></Delete>",
        "<Delete><Object><Key>&x;</Key></Object></Delete>",
        "<Delete xmlns:xi=\"http://www.w3.org/2001/XInclude\"><Object><Key><xi:include href=\"file:///etc/passwd\" "
        "parse=\"text\"/></Key></Object></Delete>",
        "<Delete xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include "
        "href=\"file:///etc/passwd\"/><Object><Key>k</Key>"
        "</Object></Delete>",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        refused(bytes_str(bodies[i]), S3E_MALFORMED_XML);
}

Test(parse, XML_03_large_entity_many_times)
{
    struct buf b;
    buf_init(&b, 2 << 20);
    buf_put_str(&b, "<!DOCTYPE Delete [<!ENTITY a \"");
    for (int i = 0; i < 100 * 1024; i++)
        buf_put_char(&b, 'a');
    buf_put_str(&b, "\">]><Delete><Object><Key>");
    for (int i = 0; i < 1000; i++)
        buf_put_str(&b, "&a;");
    buf_put_str(&b, "</Key></Object></Delete>");
    refused(buf_bytes(&b), S3E_MALFORMED_XML);
    buf_fini(&b);
}

static void repeat(struct buf *b, const char *what, int n)
{
    while (n--)
        buf_put_str(b, what);
}

Test(parse, XML_04_deep_wide_long)
{
    struct buf b;
    int64_t start = cpu_ms();
    buf_init(&b, 20 << 20);
    buf_put_str(&b, "<Delete>");
    repeat(&b, "<a>", 100000);
    repeat(&b, "</a>", 100000);
    buf_put_str(&b, "</Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);

    buf_reset(&b);
    repeat(&b, "<Delete>", 100000);
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);

    buf_reset(&b);
    buf_put_str(&b, "<Delete");
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, " a%d=\"\"", i);
    buf_put_str(&b, "><Object><Key>k</Key></Object></Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);

    buf_reset(&b);
    buf_put_str(&b, "<Delete>");
    for (int i = 0; i < 200; i++) { /* many tags, each with as many attributes as pass */
        buf_put_str(&b, "<u");
        for (int k = 0; k < XML_ATTRS_MAX; k++)
            buf_printf(&b, " xmlns:n%d=\"u%d\"", k, k);
        buf_put_str(&b, "/>");
    }
    buf_put_str(&b, "<Object><Key>k</Key></Object></Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_OK);

    buf_reset(&b);
    buf_put_str(&b, "<Delete>");
    repeat(&b, "<a/>", XML_NODES_MAX + 1);
    buf_put_str(&b, "<Object><Key>k</Key></Object></Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);

    buf_reset(&b);
    buf_put_str(&b, "<Delete><Object><Key>");
    repeat(&b, "kkkkkkkkkk", 1 << 20);
    buf_put_str(&b, "</Key></Object></Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MAX_MESSAGE_LENGTH_EXCEEDED);

    buf_reset(&b);
    buf_put_str(&b, "<Delete><Object><Key>");
    repeat(&b, "kkkkkkkkkk", 100000);
    buf_put_str(&b, "</Key></Object></Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);
    cr_assert(cpu_ms() - start < 3000);
    buf_fini(&b);
}

#ifdef __SANITIZE_THREAD__ /* which makes allocations dozens of times slower, and finds nothing in one thread */
#define SLOW_BODY_BYTES (XML_COMPLETE_BODY_MAX / 8)
#define SLOW_BODY_MS    15000
#else
#define SLOW_BODY_BYTES XML_COMPLETE_BODY_MAX
#define SLOW_BODY_MS    1500 /* other sanitizers included */
#endif

static void fill_up(struct buf *b, const char *what, const char *format)
{
    buf_reset(b);
    buf_put_str(b, "<CompleteMultipartUpload>");
    for (unsigned i = 0; b->n + 100 < SLOW_BODY_BYTES; i++) {
        buf_put_str(b, what);
        if (format)
            buf_printf(b, "%x%s", i, format);
    }
}

/* What costs the parser most for each byte, up to the largest body: none may hold a worker for long. */
Test(parse, XML_04_slow_bodies)
{
    static const struct {
        const char *what, *after_number; /* NULL: no number */
    } bodies[] = {
        {"<a/>", NULL},
        {"<n", "/>"},
        {"<!---->", NULL},
        {"<?p", "?>"},
        {"<?p?>", NULL},
        {"<Part a", "=''/>"},
        {"]]>", NULL},
        {"\x01", NULL},
        {"&x;", NULL},
        {"&#0;", NULL},
        {"<![CDATA[]]>", NULL},
        {"<![CDATA[", NULL},
        {"<!--", NULL},
        {"<a b='", NULL},
        {"<", NULL},
        {"\xef\xbf\xbf", NULL},
        {"<Part><ETag>a</ETag><PartNumber>1</PartNumber></Part>", NULL},
    };
    struct buf b;
    buf_init(&b, 8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        fill_up(&b, bodies[i].what, bodies[i].after_number);
        int64_t start = cpu_ms();
        cr_assert_eq(xml_parse(buf_bytes(&b), &xml_complete_doc, arena, &complete, &fault), S3E_MALFORMED_XML);
        int64_t took = cpu_ms() - start;
        cr_assert(took < SLOW_BODY_MS, "%s: %lld ms", bodies[i].what, (long long)took);
        arena_reset(arena);
    }
    buf_fini(&b);
}

#define DOC_WITH_KEY(K) "<Delete><Object><Key>" K "</Key></Object></Delete>"

Test(parse, XML_05_encodings)
{
    key_is("\xef\xbb\xbf<?xml version=\"1.0\" encoding='utf-8'?>" DOC_WITH_KEY("\xc3\xa9"), "\xc3\xa9");
    key_is("<?xml version=\"1.0\"?>" DOC_WITH_KEY("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
    refused(BYTES_LIT("\xff\xfe<\0D\0"), S3E_MALFORMED_XML);
    refused(BYTES_LIT("\xfe\xff\0<\0D"), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<\0D\0e\0l\0e\0t\0e\0/\0>\0"), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<?xml version=\"1.0\" encoding=\"UTF-7\"?>" DOC_WITH_KEY("+ADw-")), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" DOC_WITH_KEY("\xe9")), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" DOC_WITH_KEY("e")), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<?xml version=\"1.0\" encoding=\"UTF-16\"?>" DOC_WITH_KEY("e")), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<?xml version=\"1.0\" encoding=\"?>" DOC_WITH_KEY("e")), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<?xml version=\"1.0\" encoding"), S3E_MALFORMED_XML);
    refused(BYTES_LIT(DOC_WITH_KEY("\xe9")), S3E_MALFORMED_XML);
    refused(BYTES_LIT(DOC_WITH_KEY("\xc0\xaf")), S3E_MALFORMED_XML);
    refused(BYTES_LIT(DOC_WITH_KEY("\xed\xa0\x80")), S3E_MALFORMED_XML);
    refused(BYTES_LIT(DOC_WITH_KEY("a\0b")), S3E_MALFORMED_XML);
    refused(BYTES_LIT("<Delete/>\0"), S3E_MALFORMED_XML);
    refused(BYTES_LIT(DOC_WITH_KEY("\xef\xbf\xbf")), S3E_MALFORMED_XML);
}

Test(parse, XML_06_one_meaning)
{
    static const char *const malformed[] = {
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet><Quiet>false</Quiet></Delete>",
        DOC_WITH_KEY("&#0;"),
        DOC_WITH_KEY("&#1;"),
        DOC_WITH_KEY("<b>k</b>"),
        "<Deletes><Object><Key>a</Key></Object></Deletes>",
        "<delete><Object><Key>a</Key></Object></delete>",
        "<Delete xmlns=\"urn:other\"><Object><Key>a</Key></Object></Delete>",
        "<x:Delete><Object><Key>a</Key></Object></x:Delete>",
        "<Delete>text<Object><Key>a</Key></Object></Delete>",
        "<Delete><Object>text<Key>a</Key></Object></Delete>",
        "<Delete><Object><![CDATA[ x ]]><Key>a</Key></Object></Delete>",
        DOC_WITH_KEY("a") "<Delete/>",
        DOC_WITH_KEY("a") "x",
        "<Delete><Object><Key>a</Key></Object>",
        "<Delete><Object><Key>a</Object></Key></Delete>",
        "<Delete a=\"1\" a=\"2\"><Object><Key>a</Key></Object></Delete>",
        "<Delete",
        "<",
        "Delete",
        " ",
        "<!-- x -->",
        "<?pi?>",
        "<Delete><Object><Key>a</Key></Object><Quiet>yes</Quiet></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet></Quiet></Delete>",
        "<Delete><Object><Key></Key></Object></Delete>",
        "<Delete><Object><VersionId>a</VersionId></Object></Delete>",
    };
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        enum s3_error rc = parse_str(malformed[i]);
        cr_assert_eq(rc, S3E_MALFORMED_XML, "%s: %s", malformed[i], s3_error_code(rc));
    }
    key_is(DOC_WITH_KEY("a<!-- x -->b"), "ab");
    key_is(DOC_WITH_KEY("a<?x y?>b"), "ab");
    key_is(DOC_WITH_KEY("a<![CDATA[<&>]]>b"), "a<&>b");
    key_is(DOC_WITH_KEY("<![CDATA[it's <a \"b]]>"), "it's <a \"b");
    key_is(DOC_WITH_KEY("&lt;&gt;&amp;&apos;&quot;&#13;&#x41;"), "<>&'\"\rA");
    key_is(DOC_WITH_KEY("a\r\nb"), "a\nb");
    key_is(DOC_WITH_KEY("\n"), "\n");
}

Test(parse, XML_06_unknown_elements_are_counted)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_put_str(&b, "<Delete><Object><Key>k</Key></Object><a>");
    repeat(&b, "<b/>", XML_UNKNOWN_MAX - 1);
    size_t end = b.n;
    buf_put_str(&b, "</a></Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_OK);
    b.n = end;
    buf_put_str(&b, "<b/></a></Delete>");
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);
    buf_fini(&b);
}

/* A character, a tag or an entity may lie across the pieces in which libxml2 gets the body. */
Test(parse, pieces_do_not_show)
{
    static const char tail[] =
        "\xf0\x9f\x98\x80&amp;<!-- c --><![CDATA[\xe2\x82\xac]]>\r\n&#x20ac;</Key></Object></Delete>";
    static const char want[] = "\xf0\x9f\x98\x80&\xe2\x82\xac\n\xe2\x82\xac";
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t pad = 16384 - 120; pad < 16384 + 10; pad++) {
        buf_reset(&b);
        buf_put_str(&b, "<Delete>");
        while (b.n < pad)
            buf_put_char(&b, ' ');
        buf_put_str(&b, "<Object><Key>");
        buf_put_str(&b, tail);
        cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_OK, "%zu", pad);
        cr_assert(bytes_eq_str(del.objects[0].key, want), "%zu", pad);
    }
    buf_fini(&b);
}

Test(parse, XML_06_unknown_elements_are_skipped_with_all_they_hold)
{
    key_is("<Delete><New a='>' b=\"'\"><Key>no</Key><a><b/></a> "
           "text</New><Object><Else>x</Else><Key>k</Key></Object></Delete>",
           "k");
}

Test(parse, XML_08_the_body_is_measured_first)
{
    size_t n = XML_COMPLETE_BODY_MAX + 1;
    char *large = malloc(n);
    memset(large, ' ', n);
    refused(bytes_of(large, n), S3E_MAX_MESSAGE_LENGTH_EXCEEDED);
    free(large);
}

Test(parse, XML_10_part_numbers)
{
    static const char *const bad[] = {"0",   "-1",  "10001",   "2147483648", "18446744073709551616",
                                      "1e3", "01",  "+1",      "",           "0x1",
                                      "1.0", "1 2", "\xd9\xa1"};
    char body[300];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(
            body, sizeof body,
            "<CompleteMultipartUpload><Part><ETag>a</ETag><PartNumber>%s</PartNumber></Part></CompleteMultipartUpload>",
            bad[i]);
        cr_assert_eq(parse_complete(body), S3E_INVALID_ARGUMENT, "%s", bad[i]);
        cr_assert_str_eq(fault.message, "Part number must be an integer between 1 and 10000, inclusive");
        cr_assert_str_eq(fault.argument, "partNumber");
        cr_assert(bytes_eq_str(fault.value, bad[i]));
    }
}

static void put_keys(struct buf *b, int n)
{
    buf_reset(b);
    buf_put_str(b, "<Delete>");
    repeat(b, "<Object><Key>k</Key></Object>", n);
    buf_put_str(b, "</Delete>");
}

Test(parse, XML_12_number_of_keys)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    put_keys(&b, 1000);
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_OK);
    cr_assert_eq(del.n_objects, 1000);
    put_keys(&b, 1001);
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);
    put_keys(&b, 0);
    cr_assert_eq(parse_delete(buf_bytes(&b)), S3E_MALFORMED_XML);
    cr_assert_eq(parse_str("<Delete/>"), S3E_MALFORMED_XML);
    cr_assert_eq(parse_str(""), S3E_MISSING_REQUEST_BODY);
    buf_fini(&b);
}

Test(parse, MPU_01_no_parts)
{
    cr_assert_eq(parse_complete("<CompleteMultipartUpload/>"), S3E_MALFORMED_XML);
    cr_assert_eq(parse_complete(""), S3E_INVALID_REQUEST);
    cr_assert_str_eq(fault.message, "You must specify at least one part");
}

Test(parse, ten_thousand_parts_fit)
{
    struct buf b;
    buf_init(&b, XML_COMPLETE_BODY_MAX);
    buf_put_str(&b, "<CompleteMultipartUpload>\n");
    for (int i = 1; i <= 10000; i++)
        buf_printf(&b,
                   "  <Part>\n    <ETag>&quot;%032x&quot;</ETag>\n    <ChecksumSHA512>%088d</ChecksumSHA512>\n"
                   "    <PartNumber>%d</PartNumber>\n  </Part>\n",
                   i, i, i);
    buf_put_str(&b, "</CompleteMultipartUpload>");
    cr_assert_not(b.failed);
    cr_assert_eq(xml_parse(buf_bytes(&b), &xml_complete_doc, arena, &complete, &fault), S3E_OK);
    cr_assert_eq(complete.n_parts, 10000);
    cr_assert_eq(complete.parts[9999].number, 10000);
    buf_fini(&b);
}

Test(parse, long_values_are_cut_in_the_answer)
{
    char body[1000] = "<CompleteMultipartUpload><Part><ETag>a</ETag><PartNumber>";
    for (int i = 0; i < 200; i++)
        memcpy(body + strlen(body), "\xe2\x82\xac", 4);
    memcpy(body + strlen(body), "</PartNumber></Part></CompleteMultipartUpload>", 47);
    cr_assert_eq(parse_complete(body), S3E_INVALID_ARGUMENT);
    cr_assert_eq(fault.value.n, 255);
    cr_assert(utf8_valid(fault.value));
}

Test(parse, every_prefix_and_every_flipped_byte_is_judged_quietly)
{
    static const char good[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Delete" NS "><!-- c --><Object><Key>a&amp;\xc3\xa9"
        "<![CDATA[x]]></Key><VersionId>v</VersionId></Object><Quiet>true</Quiet></Delete>";
    char body[sizeof good];
    for (size_t n = 0; n < sizeof good - 1; n++) {
        memcpy(body, good, n);
        cr_assert_neq(parse_delete(bytes_of(body, n)), S3E_OK);
        arena_reset(arena);
    }
    for (size_t i = 0; i < sizeof good - 1; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(body, good, sizeof good);
            body[i] ^= (char)(1 << bit);
            parse_delete(bytes_of(body, sizeof good - 1));
            arena_reset(arena);
        }
    }
}

/* ---- times: their spellings are date_parse_lenient's, see tests/unit/server/http/date.c ---- */

Test(parse, times)
{
    static const char *const same[] = {"2023-11-15T12:02:40Z", "2023-11-15T14:02:40+0200", " 2023-11-15T12:02:40\n",
                                       "Wed, 15 Nov 2023 12:02:40 GMT"};
    static const char *const bad[] = {"", "1700049760", "2023-02-29", "yesterday"};
    char body[200];
    for (size_t i = 0; i < ARRAY_LEN(same) + ARRAY_LEN(bad); i++) {
        bool good = i < ARRAY_LEN(same);
        snprintf(body, sizeof body,
                 "<Delete><Object><Key>k</Key><LastModifiedTime>%s</LastModifiedTime></Object></Delete>",
                 good ? same[i] : bad[i - ARRAY_LEN(same)]);
        cr_assert_eq(parse_str(body) == S3E_OK, good, "%s", body);
        cr_assert(!good || del.objects[0].modified_ms.v == 1700049760000, "%s", body);
    }
}
