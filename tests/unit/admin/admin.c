/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of `pail admin`: IAM's answers as JSON, cells of tables, sizes and durations. */
#include "admin/admin.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"

Test(admin, xml_becomes_json)
{
    static const char *const rows[][2] = {
        {"", "\"\""},
        {"text &amp; more", "\"text & more\""},
        {"<A>1</A><B/>", "{\"A\":\"1\",\"B\":\"\"}"},
        {"<L><member>a</member><member><N>b</N></member></L>", "{\"L\":[\"a\",{\"N\":\"b\"}]}"},
        {"<A>\xff</A>", "{\"A\":\"\"}"},
        {"<A><B>", "\"<A><B>\""},
    };
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *j = admin_json_of_xml(bytes_str(rows[i][0]), a);
        char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
        cr_expect_str_eq(text, rows[i][1]);
        free(text);
        json_decref(j);
    }
    arena_free(a);
}

Test(admin, cells)
{
    json_t *j = json_loads("{\"a\":{\"n\":2048,\"t\":\"x\\u001b\",\"l\":[\"p\",\"q\"],\"e\":[],\"z\":null,\"b\":true}}",
                           0, NULL);
    static const struct {
        const char *path, *text;
        enum admin_format format;
    } rows[] = {{"a.n", "2048", ADMIN_NUMBER}, {"a.n", "2.0 KiB", ADMIN_SIZE}, {"a.t", "x\\x1b", ADMIN_TEXT},
                {"a.l", "p, q", ADMIN_TEXT},   {"a.e", "-", ADMIN_TEXT},       {"a.z", "-", ADMIN_SIZE},
                {"a.b", "yes", ADMIN_YES},     {"a.x.y", "-", ADMIN_TEXT},     {"", "-", ADMIN_TEXT}};
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(admin_text_of(j, rows[i].path, rows[i].format, a), rows[i].text);
    json_decref(j);
    arena_free(a);
}

Test(admin, sizes)
{
    static const struct {
        const char *text;
        uint64_t size;
    } rows[] = {{"1", 1},        {"1k", 1024},     {"500GiB", UINT64_C(500) << 30},
                {"2M", 2 << 20}, {"3mb", 3 << 20}, {"8P", UINT64_C(8) << 50}};
    static const char *const bad[] = {"",    "x", "-1", "1 GiB", "1X", "1iB", "9999999999P", "99999999999999999999",
                                      "1.5G"};
    uint64_t size;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect(admin_read_size(rows[i].text, &size), "%s", rows[i].text);
        cr_expect_eq(size, rows[i].size, "%s", rows[i].text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect(!admin_read_size(bad[i], &size), "%s", bad[i]);
}

Test(admin, durations)
{
    struct arena *a = arena_create(0);
    cr_expect_str_eq(admin_duration(-1, a), "0 s");
    cr_expect_str_eq(admin_duration(59.9, a), "59 s");
    cr_expect_str_eq(admin_duration(60, a), "1 min");
    cr_expect_str_eq(admin_duration(3 * 3600 + 300, a), "3 h 5 min");
    cr_expect_str_eq(admin_duration(8 * 86400.0 + 7300, a), "8 d 2 h");
    arena_free(a);
}

Test(admin, advice)
{
    cr_expect(*admin_advice("AccessDenied"));
    cr_expect_str_eq(admin_advice("NoSuchEntity"), "");
}
