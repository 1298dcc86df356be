/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure parts of import and export: replies in XML, names, times, and what of a history is there already; and files
 * in folders of others.
 */
#include "admin/transfer/transfer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

static struct bytes text_in(struct arena *a, const char *doc, const char *name)
{
    struct bytes root;
    return doc_root(bytes_str(doc), "R", &root) ? doc_find_text(root, name, a) : bytes_str("no document");
}

Test(transfer, elements_and_their_text)
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

Test(transfer, documents_that_are_cut_or_deep)
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

Test(transfer, a_page_of_objects)
{
    static const char doc[] =
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<Contents><Key>a%2Fb+c%00%FF</Key><LastModified>2026-01-31T23:59:59.250Z</LastModified>"
        "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>18446744073709551615</Size></Contents>"
        "<Contents><Key>z</Key><Size>7</Size></Contents><NextContinuationToken>t+/=</NextContinuationToken>"
        "</ListBucketResult>";
    struct arena *a = arena_create(0);
    struct list_page page;
    cr_assert(list_page_parse(bytes_str(doc), false, a, &page));
    cr_assert_eq(page.n, 2);
    cr_expect(bytes_eq(page.rows[0].key, bytes_of("a/b c\0\xff", 7)), "any bytes");
    cr_expect(bytes_eq_str(page.rows[0].v.etag, "d41d8cd98f00b204e9800998ecf8427e") && page.rows[0].v.size == 0);
    cr_expect_eq(page.rows[0].v.mtime_ns, INT64_C(1769903999250000000));
    cr_expect(page.rows[1].v.size == 7 && page.truncated && bytes_eq_str(page.next_key, "t+/="));
    cr_expect_not(list_page_parse(bytes_str(doc), true, a, &page), "another document");
    arena_free(a);
}

Test(transfer, a_page_of_versions)
{
    static const char doc[] = "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
                              "<NextKeyMarker>k%20</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>"
                              "<DeleteMarker><Key>k+</Key><VersionId>v2</VersionId></DeleteMarker>"
                              "<Version><Key>k+</Key><VersionId>v1</VersionId><ETag>\"e\"</ETag><Size>1</Size></"
                              "Version></ListVersionsResult>";
    struct arena *a = arena_create(0);
    struct list_page page;
    cr_assert(list_page_parse(bytes_str(doc), true, a, &page) && page.n == 2);
    cr_expect(page.rows[0].v.marker && !page.rows[1].v.marker && bytes_eq_str(page.rows[1].v.id, "v1"));
    cr_expect(bytes_eq_str(page.next_key, "k ") && bytes_eq_str(page.next_version, "v1"));
    arena_free(a);
}

Test(transfer, names_that_files_can_have)
{
    static const char *const good[] = {"a", "a/b", "a/", "...", ".a/..b", "-", " ", "\xff", "a\nb"};
    static const char *const bad[] = {"",
                                      "/",
                                      "/a",
                                      "..",
                                      ".",
                                      "a/..",
                                      "a/../b",
                                      "a//b",
                                      "//",
                                      "a//",
                                      "./a",
                                      "a/.",
                                      ".pail-0123.part",
                                      "a/.pail-x.part/b"};
    char name[256 + 1];
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        cr_expect_null(folder_key_problem(bytes_str(good[i])), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_not_null(folder_key_problem(bytes_str(bad[i])), "%s", bad[i]);
    cr_expect_not_null(folder_key_problem(bytes_of("a\0b", 3)));
    memset(name, 'n', sizeof name);
    cr_expect_null(folder_key_problem(bytes_of(name, 255)));
    cr_expect_not_null(folder_key_problem(bytes_of(name, 256)));
}

static const char *source, *there;

static bool same_letter(void *arg, size_t i, size_t have)
{
    (void)arg;
    return source[i] == there[have];
}

Test(transfer, what_of_a_history_is_there)
{
    static const struct {
        const char *source, *there;
        size_t overlap;
        bool conflict;
    } rows[] = {
        {"abc", "", 0, false},    {"abc", "a", 1, false},  {"abc", "abc", 3, false}, {"aaa", "aa", 2, false},
        {"bcd", "abc", 2, false}, /* the source has lost its first */
        {"abc", "x", 0, true},    {"abc", "abx", 0, true}, {"abab", "ab", 2, false}, {"ab", "abab", 2, false},
        {"a", "ba", 1, false},    {"aab", "a", 1, false},  {"abc", "b", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool conflict = false;
        source = rows[i].source;
        there = rows[i].there;
        size_t got = job_overlap(strlen(source), strlen(there), same_letter, NULL, &conflict);
        cr_expect(got == rows[i].overlap && conflict == rows[i].conflict, "%s %s: %zu", source, there, got);
    }
}

Test(transfer, times_as_they_are_noted)
{
    struct arena *a = arena_create(0);
    cr_expect_eq(mtime_of_text("1700000000.5"), INT64_C(1700000000500000000));
    cr_expect_eq(mtime_of_text("1700000000"), INT64_C(1700000000000000000));
    cr_expect_eq(mtime_of_text("1.0000000019"), INT64_C(1000000001), "no more than nanoseconds");
    cr_expect_eq(mtime_of_text("0"), 0);
    static const char *const bad[] = {"", "x", "-1", "1.x", "1,5", "99999999999999999999", ".5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_eq(mtime_of_text(bad[i]), -1, "%s", bad[i]);
    cr_expect_str_eq(mtime_text(INT64_C(1700000000000000009), a), "1700000000.000000009");
    cr_expect_eq(list_time_ns(bytes_str("2026-01-31T23:59:59Z")), INT64_C(1769903999000000000));
    cr_expect_eq(list_time_ns(bytes_str("yesterday")), 0);
    arena_free(a);
}

Test(transfer, profiles)
{
    struct bytes file = BYTES_LIT("# c\naws_access_key_id = outside\n[default]\r\naws_access_key_id=one\r\n[ work ]\n"
                                  " AWS_Access_Key_Id =  two = 2 \nregion\n[empty]\n");
    cr_expect(bytes_eq_str(place_ini_value(file, "default", "aws_access_key_id"), "one"));
    cr_expect(bytes_eq_str(place_ini_value(file, "work", "aws_access_key_id"), "two = 2"));
    cr_expect_eq(place_ini_value(file, "work", "region").n, 0);
    cr_expect_eq(place_ini_value(file, "empty", "aws_access_key_id").n, 0);
    cr_expect_eq(place_ini_value(BYTES_NONE, "default", "x").n, 0);
}

Test(transfer, pauses_and_what_is_tried_again)
{
    for (unsigned n = 1; n < 40; n++) {
        unsigned ms = s3_pause_ms(n, NULL);
        cr_expect(ms >= 50 && ms <= 20000, "%u: %u", n, ms);
    }
    cr_expect(s3_pause_ms(1, NULL) <= 200 && s3_pause_ms(12, NULL) >= 10000);
    cr_expect_eq(s3_pause_ms(1, "7"), 7000);
    cr_expect(s3_pause_ms(1, "Fri, 01 Jan 2027 00:00:00 GMT") <= 200, "dates are left aside");
    cr_expect(s3_worth_retry(0, "") && s3_worth_retry(503, "SlowDown") && s3_worth_retry(500, "InternalError") &&
              s3_worth_retry(429, "") && s3_worth_retry(400, "RequestTimeout") && s3_worth_retry(400, "BadDigest"));
    cr_expect_not(s3_worth_retry(403, "AccessDenied") || s3_worth_retry(404, "NoSuchKey") ||
                  s3_worth_retry(412, "PreconditionFailed") || s3_worth_retry(501, "NotImplemented"));
}

Test(transfer, keys_in_urls)
{
    struct arena *a = arena_create(0);
    cr_expect(bytes_eq_str(s3_encode(a, bytes_of("a/b c\0\xff+~", 9), true), "a/b%20c%00%FF%2B~"));
    cr_expect(bytes_eq_str(s3_encode(a, bytes_str("a/b"), false), "a%2Fb"));
    cr_expect(bytes_eq_str(s3_decode(a, bytes_str("%zz%4")), "%zz%4"), "what is not encoded stays");
    arena_free(a);
}

/* The folder may be another user's: what is put under the name of a file that is being written stays as it is. */
Test(transfer, a_file_that_another_puts_in_the_way_is_not_written)
{
    char folder[] = "/tmp/pail-export-XXXXXX", error[256], found[8] = "";
    struct folder_file f;
    void *piece = NULL;
    cr_assert(mkdtemp(folder) != NULL && posix_memalign(&piece, 4096, 4096) == 0);
    memset(piece, 'x', 4096);
    int root = open(folder, O_RDONLY | O_DIRECTORY);
    cr_assert(root >= 0 && folder_file_begin(&f, root, BYTES_LIT("key"), 4096, error));
    int theirs = openat(root, "theirs", O_RDWR | O_CREAT, 0600);
    cr_assert(theirs >= 0);
    cr_assert(write(theirs, "theirs", 6) == 6);
    cr_assert(renameat(root, "theirs", root, f.temporary) == 0);
    folder_file_direct(&f);
    cr_expect_eq(f.direct_fd, -1);
    cr_expect(folder_file_write(&f, piece, 4096, 0, error));
    cr_expect_eq(pread(theirs, found, sizeof found - 1, 0), 6);
    cr_expect_str_eq(found, "theirs");
    folder_file_drop(&f);
    close(theirs);
    close(root);
    free(piece);
    rmdir(folder);
}
